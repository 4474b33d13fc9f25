//! Passphrases and keys come from a file, a descriptor or a person at a terminal; never from the command line, which
//! every user of the machine can read.

use std::fmt;
use std::fs::File;
use std::io::{self, IsTerminal, Read};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::unseen;
use crate::keys::Secret;
use crate::private_files;

/// Bytes of a first line, at most.
const LONGEST: usize = 4096;

#[derive(Debug, thiserror::Error)]
pub enum PassphraseError {
    #[error("the file {path} of {what} cannot be read: {source}")]
    File { what: Line, path: PathBuf, source: io::Error },
    #[error("the file {path} of {what} has nothing in its first line")]
    Empty { what: Line, path: PathBuf },
    #[error(
        "descriptor {number} cannot be read ({source}); open it for the program, as in `--passphrase-fd 3 3<file`"
    )]
    Descriptor { number: u32, source: io::Error },
    #[error("descriptor {0} gives an empty line")]
    EmptyDescriptor(u32),
    #[error(
        "a passphrase is needed and there is no terminal to ask at; give --passphrase-file, ZGSERVE_PASSPHRASE_FILE or \
         --passphrase-fd, or keep it in the keyring with `zgserve-tui wallet keyring add`"
    )]
    NoTerminal,
    #[error("the two passphrases differ")]
    Different,
    #[error("nothing was done: the line is empty")]
    Nothing,
    #[error("the line is longer than any passphrase or key")]
    TooLong,
    #[error("the line is not text (UTF-8)")]
    NotText,
    #[error("nothing was done: the question was called off")]
    Interrupted,
    #[error("the terminal could not be read: {0}")]
    Terminal(io::Error),
}

/// What a secret line is, for the sentence that there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line {
    Passphrase,
    PrivateKey,
    ApiKey,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Line::Passphrase => "the passphrase",
            Line::PrivateKey => "the private key",
            Line::ApiKey => "the API key",
        })
    }
}

/// The first line of a file. Says so if others can read it, too.
pub fn from_file(what: Line, path: &Path) -> Result<Secret<String>, PassphraseError> {
    let failed = |source| PassphraseError::File { what, path: path.to_owned(), source };
    let mut file = File::open(path).map_err(failed)?;
    if let Some(mode) = private_files::others_may_read(path, &file).map_err(failed)? {
        tracing::warn!("others can read {} (mode {mode:04o}); `chmod 600` it", path.display());
    }
    first_line(&mut file)
        .map_err(failed)?
        .ok_or_else(|| PassphraseError::Empty { what, path: path.to_owned() })
}

/// The first line that an open descriptor of this process gives: `--passphrase-fd 3 3<file`, or a pipe.
pub fn from_descriptor(number: u32) -> Result<Secret<String>, PassphraseError> {
    let failed = |source| PassphraseError::Descriptor { number, source };
    let mut file = File::open(format!("/dev/fd/{number}")).map_err(failed)?;
    first_line(&mut file).map_err(failed)?.ok_or(PassphraseError::EmptyDescriptor(number))
}

/// `None` for a line with nothing in it. A pipe that stays open is not waited for beyond its first line.
fn first_line(source: &mut impl Read) -> io::Result<Option<Secret<String>>> {
    // Room for everything at once: a growing text would leave unwiped copies behind.
    let mut line = Zeroizing::new(Vec::with_capacity(LONGEST));
    let mut byte = Zeroizing::new([0]);
    while source.read(&mut byte[..])? == 1 && byte[0] != b'\n' {
        if line.len() == LONGEST {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "its first line is too long"));
        }
        line.push(byte[0]);
    }
    if line.last() == Some(&b'\r') {
        line.pop();
    }
    let not_text = |_| io::Error::new(io::ErrorKind::InvalidData, "its first line is not text (UTF-8)");
    std::str::from_utf8(&line).map_err(not_text)?;
    let text = String::from_utf8(std::mem::take(&mut *line)).unwrap_or_default();
    Ok(Some(Secret::new(text)).filter(|text| !text.expose().is_empty()))
}

/// Asks once, without showing what is typed.
pub async fn ask(prompt: &str) -> Result<Secret<String>, PassphraseError> {
    unseen::ask(prompt.to_owned()).await
}

/// Asks for a new passphrase, twice.
pub async fn ask_new() -> Result<Secret<String>, PassphraseError> {
    let first = ask("New passphrase for the key file").await?;
    let second = ask("The same passphrase again").await?;
    if first.expose() == second.expose() { Ok(first) } else { Err(PassphraseError::Different) }
}

/// A secret line: typed unseen at a terminal, or piped in.
pub async fn secret_line(prompt: &str) -> Result<Secret<String>, PassphraseError> {
    if io::stdin().is_terminal() {
        return ask(prompt).await;
    }
    first_line(&mut io::stdin()).map_err(PassphraseError::Terminal)?.ok_or(PassphraseError::Nothing)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use std::io::Write;
    use std::os::fd::AsRawFd;

    use super::*;

    #[test]
    fn the_first_line_counts_and_a_pipe_may_stay_open() {
        let (reader, mut writer) = io::pipe().unwrap();
        writer.write_all(b"correct horse\r\nmore").unwrap();
        let number = u32::try_from(reader.as_raw_fd()).unwrap();
        assert_eq!(from_descriptor(number).unwrap().expose(), "correct horse");
        drop((reader, writer));
        assert!(matches!(
            from_descriptor(4_000_000),
            Err(PassphraseError::Descriptor { number: 4_000_000, .. })
        ));
        for (text, found) in [("", None), ("\nx", None), ("x", Some("x")), (" y \n", Some(" y "))] {
            let line = first_line(&mut text.as_bytes()).unwrap();
            assert_eq!(line.as_ref().map(|line| line.expose().as_str()), found);
        }
        assert!(first_line(&mut &[0xff, b'\n'][..]).is_err());
        assert!(first_line(&mut io::repeat(b'x')).is_err());
    }

    #[test]
    fn no_error_repeats_what_was_read() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), b"canary\xff\n").unwrap();
        let error = from_file(Line::Passphrase, file.path()).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("canary"), "{error}");
    }

    #[test]
    fn what_is_missing_is_called_by_its_name() {
        let told = |what, path: &Path| from_file(what, path).unwrap_err().to_string();
        let file = tempfile::NamedTempFile::new().unwrap();
        for (what, name) in [
            (Line::Passphrase, "of the passphrase"),
            (Line::PrivateKey, "of the private key"),
            (Line::ApiKey, "of the API key"),
        ] {
            let nowhere = told(what, Path::new("/nonexistent"));
            assert!(nowhere.contains(&format!("/nonexistent {name} cannot be read")), "{nowhere}");
            assert!(told(what, file.path()).contains(&format!("{name} has nothing in its first line")));
        }
    }
}
