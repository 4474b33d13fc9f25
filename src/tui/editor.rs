//! A text in the person's own editor.

use std::io::{self, Read, Write};
use std::process::Stdio;

use tokio::process::Command;

/// A text that somebody writes by hand is not longer.
const LONGEST: u64 = 16 << 20;

/// Opens the editor that `VISUAL` or `EDITOR` names, `vi` without, on a private file that holds `text`; gives what the
/// file holds afterwards. The terminal must be given back before.
///
/// # Errors
/// The file or the editor cannot be opened, the editor failed, or what it left is no text.
pub async fn edit(text: &str) -> io::Result<String> {
    // Only its owner may read it, and it is gone afterwards.
    let mut file = tempfile::Builder::new().prefix("zgserve-").suffix(".md").tempfile()?;
    file.write_all(text.as_bytes())?;
    file.flush()?;
    let named = ["VISUAL", "EDITOR"].into_iter().find_map(|name| std::env::var(name).ok());
    let command = named.filter(|command| !command.trim().is_empty()).unwrap_or_else(|| "vi".to_owned());
    // An editor may be named with arguments: `code --wait`.
    let status = Command::new("sh")
        .arg("-c")
        .arg(format!("{command} \"$1\""))
        .arg("sh")
        .arg(file.path())
        .stdin(Stdio::inherit())
        .status()
        .await?;
    // What the shell says of a command that there is not.
    if status.code() == Some(127) {
        let text =
            format!("there is no editor {command}; name yours in VISUAL or EDITOR. The text is as it was");
        return Err(io::Error::other(text));
    }
    if !status.success() {
        return Err(io::Error::other(format!("{command} ended with {status}; the text is as it was")));
    }
    let mut edited = String::new();
    // Editors replace the file as often as they write into it.
    std::fs::File::open(file.path())?.take(LONGEST).read_to_string(&mut edited)?;
    // Editors end a file with a line break that nobody typed.
    if edited.ends_with('\n') && !text.ends_with('\n') {
        edited.pop();
    }
    Ok(edited)
}
