//! Where a copied text goes: into tmux's own buffer where the screen is inside tmux, else to the terminal (OSC 52), which
//! works over SSH too.

use crate::tui::texts;
use std::io::{self, Write};
use std::process::Stdio;
use std::time::Duration;

use base64::Engine;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

/// Terminals ignore longer ones, each at its own length; this is the smallest known.
const LONGEST: usize = 74_994;
const PATIENCE: Duration = Duration::from_secs(2);

/// The way that a copied text took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    Tmux,
    Terminal,
    /// The terminal got it, though many ignore one so long.
    TerminalLong,
}

impl Way {
    /// As said after "copied …".
    pub const fn words(self) -> &'static str {
        match self {
            Way::Tmux => texts::shell::INTO_TMUX,
            Way::Terminal => texts::shell::BY_OSC,
            Way::TerminalLong => texts::shell::BY_OSC_LONG,
        }
    }
}

/// Copies a text. Gives the way it took.
pub async fn copy(text: &str) -> io::Result<Way> {
    if std::env::var_os("TMUX").is_some() && into_tmux(text).await.is_ok() {
        return Ok(Way::Tmux);
    }
    let sequence = to_terminal(text);
    let mut out = io::stdout();
    out.write_all(sequence.as_bytes())?;
    out.flush()?;
    Ok(if sequence.len() > LONGEST { Way::TerminalLong } else { Way::Terminal })
}

fn to_terminal(text: &str) -> String {
    format!("\u{1b}]52;c;{}\u{7}", base64::engine::general_purpose::STANDARD.encode(text))
}

/// `-w` hands it on to the terminal around tmux.
async fn into_tmux(text: &str) -> io::Result<()> {
    let mut tmux = Command::new("tmux")
        .args(["load-buffer", "-w", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    let done = async {
        if let Some(mut input) = tmux.stdin.take() {
            input.write_all(text.as_bytes()).await?;
        }
        tmux.wait().await
    };
    let status = tokio::time::timeout(PATIENCE, done).await.map_err(io::Error::other)??;
    if status.success() { Ok(()) } else { Err(io::Error::other(texts::shell::TMUX_REFUSED)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attacks::attacks;

    #[test]
    fn a_copied_text_cannot_end_its_sequence() {
        for attack in attacks() {
            let sequence = to_terminal(&attack.text);
            let inside = sequence.strip_prefix("\u{1b}]52;c;").and_then(|rest| rest.strip_suffix('\u{7}'));
            let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=');
            assert!(inside.is_some_and(|text| text.chars().all(plain)), "{}", attack.name);
        }
    }
}
