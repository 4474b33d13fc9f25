//! The token of a broker's API: from the settings, or from a file that only its owner can read. A broker makes the file
//! when there is none, so that nobody has to think of a secret; tools on the same machine read it.

use std::env::VarError;
use std::path::Path;

use alloy::primitives::hex;
use anyhow::Result;
use zeroize::Zeroizing;

use crate::cli::{Exit, Failure};
use crate::config::{ConfigError, Listen, Shell, Source};
use crate::keys::Secret;
use crate::private_files::{self, PrivateFileError};

/// Where a command that is given an address takes its token from.
const VARIABLE: &str = "ZGSERVE_TOKEN";
/// No file of a token is larger.
const LARGEST: u64 = 4096;
/// A shorter one is no secret.
const SHORTEST: usize = 16;

/// Where a broker listens and what it asks of its callers.
pub fn listen(shell: &Shell) -> Result<Listen> {
    let mut listen = shell.listen();
    if let Some(file) = &shell.token_file {
        listen.token = Some(match of_file(file) {
            Err(error) if is_missing(&error) => make(file)?,
            found => found?,
        });
    }
    Ok(listen)
}

/// What a tool sends to the broker of these settings.
pub fn of_settings(shell: &Shell) -> Result<Option<Secret<String>>> {
    match &shell.token_file {
        None => Ok(shell.token.clone()),
        Some(file) => of_file(file).map(Some),
    }
}

/// What a tool sends to an address that it was given.
pub fn of_environment() -> Result<Option<Secret<String>>, ConfigError> {
    match std::env::var(VARIABLE) {
        Ok(token) => Ok(Some(token).filter(|token| !token.is_empty()).map(Secret::new)),
        Err(VarError::NotPresent) => Ok(None),
        Err(VarError::NotUnicode(_)) => Err(ConfigError::NotText(Source::Variable(VARIABLE.to_owned()))),
    }
}

/// The first line of a file that only its owner can read.
pub fn of_file(file: &Path) -> Result<Secret<String>> {
    let bytes = private_files::read(file, LARGEST)?;
    let text = std::str::from_utf8(&bytes).unwrap_or_default();
    let token = text.lines().next().unwrap_or_default().trim();
    if token.len() < SHORTEST {
        let message = format!("{} holds no token of {SHORTEST} characters or more", file.display());
        return Err(Failure::new(Exit::BadInput, message).into());
    }
    Ok(Secret::new(token.to_owned()))
}

fn make(file: &Path) -> Result<Secret<String>> {
    if let Some(place) = file.parent().filter(|place| !place.as_os_str().is_empty()) {
        private_files::create_directory(place)?;
    }
    let token = Zeroizing::new(hex::encode(rand::random::<[u8; 32]>()));
    match private_files::create(file, format!("{}\n", *token).as_bytes()) {
        Ok(()) => Ok(Secret::new(token.to_string())),
        // Another broker was quicker, with the same file.
        Err(PrivateFileError::Exists { .. }) => of_file(file),
        Err(error) => Err(error.into()),
    }
}

fn is_missing(error: &anyhow::Error) -> bool {
    matches!(
        error.downcast_ref::<PrivateFileError>(),
        Some(PrivateFileError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::config::{Sources, UserConfig, load};

    fn shell(file: &Path) -> Shell {
        let variables = vec![("ZGSERVE_TOKEN_FILE".to_owned(), file.display().to_string())];
        load::<UserConfig>(&Sources { variables, ..Sources::default() }).unwrap().0.shell
    }

    #[test]
    fn a_broker_makes_the_file_and_tools_read_it() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("not/there/yet/token");
        let shell = shell(&file);
        assert!(of_settings(&shell).is_err(), "a tool makes none: no broker would know it");
        let made = listen(&shell).unwrap().token.unwrap();
        assert_eq!(made.expose().len(), 64);
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        let made_for_it = std::fs::metadata(file.parent().unwrap()).unwrap().permissions().mode();
        assert_eq!(made_for_it & 0o777, 0o700);
        assert_eq!(of_settings(&shell).unwrap().unwrap().expose(), made.expose());
        assert_eq!(listen(&shell).unwrap().token.unwrap().expose(), made.expose(), "the next start keeps it");
        // Others could have read it.
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).unwrap();
        let error = listen(&shell).unwrap_err().to_string();
        assert!(error.contains("chmod 0600"), "{error}");
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
        std::fs::write(&file, "short\n").unwrap();
        assert!(listen(&shell).is_err(), "it is not replaced: somebody put it there");
    }
}
