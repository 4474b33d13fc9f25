//! Passphrases and keys come from a file or from a person at a terminal; never from the command line, which every
//! user of the machine can read.

use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::keys::Secret;

#[derive(Debug, thiserror::Error)]
pub enum PassphraseError {
    #[error("cannot read the passphrase file {path}: {source}")]
    File { path: PathBuf, source: io::Error },
    #[error("the passphrase file {0} is empty")]
    Empty(PathBuf),
    #[error(
        "a passphrase is needed and there is no terminal to ask at; give --passphrase-file or ZGSERVE_PASSPHRASE_FILE"
    )]
    NoTerminal,
    #[error("the two passphrases differ")]
    Different,
    #[error("the passphrase is empty")]
    Nothing,
    #[error("the terminal could not be read: {0}")]
    Terminal(io::Error),
}

/// The first line of a file.
pub fn from_file(path: &Path) -> Result<Secret<String>, PassphraseError> {
    let failed = |source| PassphraseError::File { path: path.to_owned(), source };
    let text = Zeroizing::new(std::fs::read_to_string(path).map_err(failed)?);
    match text.lines().next().filter(|line| !line.is_empty()) {
        Some(line) => Ok(Secret::new(line.to_owned())),
        None => Err(PassphraseError::Empty(path.to_owned())),
    }
}

/// Asks once, without showing what is typed.
pub fn ask(prompt: &str) -> Result<Secret<String>, PassphraseError> {
    // The prompt goes to the terminal itself, so pipes on both ends do not matter; no terminal at all does.
    if !io::stdin().is_terminal() && std::fs::File::open("/dev/tty").is_err() {
        return Err(PassphraseError::NoTerminal);
    }
    let text = rpassword::prompt_password(format!("{prompt}: ")).map_err(PassphraseError::Terminal)?;
    if text.is_empty() { Err(PassphraseError::Nothing) } else { Ok(Secret::new(text)) }
}

/// Asks for a new passphrase, twice.
pub fn ask_new() -> Result<Secret<String>, PassphraseError> {
    let first = ask("New passphrase for the key file")?;
    let second = ask("The same passphrase again")?;
    if first.expose() == second.expose() { Ok(first) } else { Err(PassphraseError::Different) }
}

/// A secret line: typed unseen at a terminal, or piped in.
pub fn secret_line(prompt: &str) -> Result<Secret<String>, PassphraseError> {
    if io::stdin().is_terminal() {
        return ask(prompt);
    }
    let mut line = Zeroizing::new(String::new());
    io::stdin().read_line(&mut line).map_err(PassphraseError::Terminal)?;
    let text = line.trim();
    if text.is_empty() { Err(PassphraseError::Nothing) } else { Ok(Secret::new(text.to_owned())) }
}
