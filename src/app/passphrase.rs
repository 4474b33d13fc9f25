//! Where the passphrase of a key file comes from: a descriptor, a file, the keyring of the session, or a person.

use std::path::Path;

use anyhow::Result;

use crate::cli::{self, Exit, Failure, Global, Line};
use crate::config::{PassphraseFrom, Shell};
use crate::domain::Address;
use crate::keys::{KeyringError, PassphraseKeyring, Secret};

/// Who gave a passphrase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A file or a descriptor.
    Given,
    Keyring,
    Asked,
}

/// A passphrase, and who gave it.
#[derive(Debug)]
pub struct Passphrase {
    pub text: Secret<String>,
    pub origin: Origin,
}

/// The passphrase of an address's key file, if it is to be had without a person at the terminal.
pub async fn unasked(
    shell: &Shell,
    global: &Global,
    address: Address,
    keyring: &dyn PassphraseKeyring,
) -> Result<Option<Passphrase>> {
    if let Some(text) = given(shell, global).await? {
        return Ok(Some(Passphrase { text, origin: Origin::Given }));
    }
    if !matches!(shell.passphrase_from, PassphraseFrom::Auto | PassphraseFrom::Keyring) {
        return Ok(None);
    }
    let only = shell.passphrase_from == PassphraseFrom::Keyring;
    match keyring.find(address).await {
        Ok(Some(text)) => Ok(Some(Passphrase { text, origin: Origin::Keyring })),
        Ok(None) if only => {
            let message = format!(
                "the keyring has no passphrase for {address}; `zgserve-tui wallet keyring add {address}` puts it there"
            );
            Err(Failure::new(Exit::BadInput, message).into())
        }
        Err(error) if only => Err(error.into()),
        Ok(None) | Err(KeyringError::Absent) => Ok(None),
        Err(error) => {
            tracing::warn!(%error, "the keyring is left out");
            Ok(None)
        }
    }
}

/// From a person at the terminal.
pub async fn asked(address: Address) -> Result<Passphrase> {
    let text = cli::ask(&format!("Passphrase for {address}")).await?;
    Ok(Passphrase { text, origin: Origin::Asked })
}

/// The file that it is read from, if the settings have one read.
pub fn file(shell: &Shell) -> Option<&Path> {
    let read = matches!(shell.passphrase_from, PassphraseFrom::Auto | PassphraseFrom::File);
    shell.passphrase_file.as_deref().filter(|_| read)
}

/// The passphrase that a descriptor or a file gives, if one is named.
pub async fn given(shell: &Shell, global: &Global) -> Result<Option<Secret<String>>> {
    let file = file(shell).map(Path::to_owned);
    let read: Box<dyn FnOnce() -> _ + Send> = match (global.passphrase_fd, file) {
        (Some(number), _) => Box::new(move || cli::from_descriptor(number)),
        (None, Some(file)) => Box::new(move || cli::from_file(Line::Passphrase, &file)),
        (None, None) => return Ok(None),
    };
    // A pipe may be slow to be written to.
    Ok(Some(tokio::task::spawn_blocking(read).await??))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;
    use crate::app::failure_of;
    use crate::config::{Sources, UserConfig, load};
    use crate::keys::MemoryKeyring;

    const ADDRESS: Address = Address::repeat_byte(7);

    fn shell(settings: &[(&str, &str)]) -> Shell {
        let variables = settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let sources = Sources { variables: variables.collect(), ..Sources::default() };
        load::<UserConfig>(&sources).unwrap().0.shell
    }

    async fn found(
        settings: &[(&str, &str)],
        keyring: &MemoryKeyring,
    ) -> Result<Option<(String, Origin)>, String> {
        let found = unasked(&shell(settings), &Global::default(), ADDRESS, keyring).await;
        found
            .map(|found| found.map(|found| (found.text.expose().clone(), found.origin)))
            .map_err(|error| failure_of(&error).message)
    }

    #[tokio::test]
    async fn each_setting_looks_where_it_says_and_nowhere_else() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "of the file\n").unwrap();
        let path = ("ZGSERVE_PASSPHRASE_FILE", file.path().to_str().unwrap());
        let from = |value| ("ZGSERVE_PASSPHRASE_FROM", value);
        let full = MemoryKeyring::default();
        full.keep(ADDRESS, Secret::new("of the keyring".to_owned())).await.unwrap();
        let of_file = Ok(Some(("of the file".to_owned(), Origin::Given)));
        let of_keyring = Ok(Some(("of the keyring".to_owned(), Origin::Keyring)));

        assert_eq!(found(&[path], &full).await, of_file);
        assert_eq!(found(&[], &full).await, of_keyring);
        assert_eq!(found(&[path, from("file")], &full).await, of_file);
        assert_eq!(found(&[path, from("keyring")], &full).await, of_keyring);
        assert_eq!(found(&[path, from("prompt")], &full).await, Ok(None));
        assert_eq!(found(&[], &MemoryKeyring::default()).await, Ok(None));
    }

    #[tokio::test]
    async fn a_keyring_that_fails_holds_nobody_up_unless_it_is_the_only_way() {
        for trouble in [KeyringError::Absent, KeyringError::Locked, KeyringError::Slow] {
            let failing = MemoryKeyring::failing(trouble.clone());
            assert_eq!(found(&[], &failing).await, Ok(None));
            let told = found(&[("ZGSERVE_PASSPHRASE_FROM", "keyring")], &failing).await.unwrap_err();
            assert_eq!(told, trouble.to_string());
        }
        let told = found(&[("ZGSERVE_PASSPHRASE_FROM", "keyring")], &MemoryKeyring::default()).await;
        assert!(told.unwrap_err().contains("`zgserve-tui wallet keyring add"));
        // The sentence of a machine without one names the other ways.
        let absent = KeyringError::Absent.to_string();
        assert!(absent.contains("passphraseFile") && absent.contains("--passphrase-fd"));
    }
}
