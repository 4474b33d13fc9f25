//! A text in the person's own editor.

use crate::tui::texts;
use std::io::{self, Read, Write};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::{Child, Command};

/// A text that somebody writes by hand is not longer.
const LONGEST: u64 = 16 << 20;
/// How long an editor that is asked to end may take to give the terminal back.
const GRACE: Duration = Duration::from_secs(2);

/// Opens the editor that `VISUAL` or `EDITOR` names, `vi` without, on a private file that holds `text`; gives what the
/// file holds afterwards. The terminal must be given back before. When `stop` ends first, the editor is asked to end too.
///
/// # Errors
/// The file or the editor cannot be opened, the editor failed or was ended, or what it left is no text.
pub async fn edit(text: &str, stop: impl Future<Output = ()>) -> io::Result<String> {
    // Only its owner may read it, and it is gone afterwards.
    let mut file = tempfile::Builder::new().prefix("zgserve-").suffix(".md").tempfile()?;
    file.write_all(text.as_bytes())?;
    file.flush()?;
    let named = ["VISUAL", "EDITOR"].into_iter().find_map(|name| std::env::var(name).ok());
    let command = named.filter(|command| !command.trim().is_empty()).unwrap_or_else(|| "vi".to_owned());
    // An editor may be named with arguments: `code --wait`.
    let mut editor = Command::new("sh")
        .arg("-c")
        .arg(format!("{command} \"$1\""))
        .arg("sh")
        .arg(file.path())
        .stdin(Stdio::inherit())
        .kill_on_drop(true)
        .spawn()?;
    let status = tokio::select! {
        status = editor.wait() => status?,
        () = stop => {
            end(&mut editor).await;
            return Err(io::Error::other(texts::shell::editor_ended(&command)));
        }
    };
    // What the shell says of a command that there is not.
    if status.code() == Some(127) {
        let text = texts::shell::no_editor(&command);
        return Err(io::Error::other(text));
    }
    if !status.success() {
        return Err(io::Error::other(texts::shell::editor_failed(&command, status)));
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

/// Asks an editor to end, so that it leaves the terminal as it found it.
async fn end(editor: &mut Child) {
    let process = editor.id().and_then(|id| rustix::process::Pid::from_raw(id.try_into().ok()?));
    if let Some(process) = process {
        let _ = rustix::process::kill_process(process, rustix::process::Signal::TERM);
        let _ = tokio::time::timeout(GRACE, editor.wait()).await;
    }
}
