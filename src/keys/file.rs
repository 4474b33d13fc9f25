//! The directory of encrypted key files: one file an address, made, taken in, listed and given out.
//!
//! Every function blocks, the ones that lock or unlock a key for about a second.

use std::path::{Path, PathBuf};

use alloy::primitives::{Address, hex};

use super::{KeyError, Secret, Wallet, keystore};
use crate::private_files::{self, PrivateFileError};

/// A directory of key files (mode 0700).
#[derive(Debug, Clone)]
pub struct KeyFiles {
    directory: PathBuf,
}

/// One key file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyFile {
    pub address: Address,
    pub path: PathBuf,
}

impl KeyFiles {
    /// Nothing is touched until a key is made or read.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self { directory: directory.into() }
    }

    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Makes a new random key and locks it with the passphrase. Durable when this returns.
    pub fn create(&self, passphrase: &Secret<String>) -> Result<KeyFile, KeyError> {
        self.keep(&Wallet::random()?, passphrase)
    }

    /// Takes a key in from its hexadecimal digits.
    ///
    /// # Errors
    /// [`PrivateFileError::Exists`] inside [`KeyError::File`] when the directory has that key already.
    pub fn import_hex(&self, key: &Secret<String>, passphrase: &Secret<String>) -> Result<KeyFile, KeyError> {
        self.keep(&Wallet::from_hex(key)?, passphrase)
    }

    /// Takes a key in from another program's version 3 file, and locks it anew with `passphrase`.
    pub fn import_file(
        &self,
        file: &Path,
        file_passphrase: &Secret<String>,
        passphrase: &Secret<String>,
    ) -> Result<KeyFile, KeyError> {
        self.keep(&Wallet::from_keystore(file, file_passphrase)?, passphrase)
    }

    /// The key files, by address. Files of other kinds, and unfinished ones, are passed over.
    pub fn list(&self) -> Result<Vec<KeyFile>, KeyError> {
        let names = private_files::list(&self.directory)?;
        let mut files: Vec<KeyFile> = names
            .iter()
            .filter_map(|name| {
                let address =
                    hex::decode_to_array::<_, 20>(name.strip_suffix(".json")?.strip_prefix("0x")?).ok()?;
                Some(KeyFile { address: address.into(), path: self.directory.join(name) })
            })
            .collect();
        files.sort_by_key(|file| file.address);
        Ok(files)
    }

    /// Unlocks the key of an address.
    pub fn open(&self, address: Address, passphrase: &Secret<String>) -> Result<Wallet, KeyError> {
        private_files::ensure_directory(&self.directory)?;
        let path = self.found(address)?.ok_or(KeyError::Unknown(address))?;
        let wallet = Wallet::from_keystore(&path, passphrase)?;
        // The name is what people go by, and a file may hold no address of its own.
        if wallet.address() != address {
            return Err(KeyError::AddressMismatch { path, named: address, found: wallet.address() });
        }
        Ok(wallet)
    }

    /// The file of an address, however its name is spelled: other programs write addresses with capitals.
    fn found(&self, address: Address) -> Result<Option<PathBuf>, KeyError> {
        let own = self.path(address);
        if own.exists() {
            return Ok(Some(own));
        }
        Ok(self.list()?.into_iter().find(|file| file.address == address).map(|file| file.path))
    }

    /// The bare key of an address as hexadecimal digits, for another program. Whoever sees it owns the money.
    pub fn export(&self, address: Address, passphrase: &Secret<String>) -> Result<Secret<String>, KeyError> {
        Ok(self.open(address, passphrase)?.to_hex())
    }

    /// The address that a version 3 file anywhere says it holds, without its passphrase.
    pub fn address_of(file: &Path) -> Result<Option<Address>, KeyError> {
        keystore::address(file)
    }

    /// Locks a key with the passphrase and keeps it. Durable when this returns.
    pub fn keep(&self, wallet: &Wallet, passphrase: &Secret<String>) -> Result<KeyFile, KeyError> {
        private_files::ensure_directory(&self.directory)?;
        let address = wallet.address();
        let path = self.path(address);
        // Before the second of work; the write itself refuses again.
        if let Some(path) = self.found(address)? {
            return Err(PrivateFileError::Exists { path }.into());
        }
        let text = keystore::encrypt(wallet, passphrase)?;
        private_files::create(&path, text.as_bytes())?;
        Ok(KeyFile { address, path })
    }

    fn path(&self, address: Address) -> PathBuf {
        self.directory.join(format!("{address:#x}.json"))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by panicking")]

    use std::{fs, os::unix::fs::PermissionsExt};

    use super::*;

    fn secret(text: &str) -> Secret<String> {
        Secret::new(text.to_owned())
    }

    #[test]
    fn a_key_lives_from_import_to_export() {
        let dir = tempfile::tempdir().unwrap();
        let files = KeyFiles::new(dir.path().join("keys"));
        assert_eq!(files.list().unwrap(), []);
        let key = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
        let kept = files.import_hex(&secret(key), &secret("pass")).unwrap();
        assert!(kept.path.ends_with("keys/0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266.json"));
        assert_eq!(fs::metadata(&kept.path).unwrap().permissions().mode() & 0o777, 0o600);
        // What a crash in the middle of creating another one leaves, and what else may lie around.
        fs::write(files.directory().join(format!("{}abc", private_files::TEMPORARY)), "{").unwrap();
        fs::write(files.directory().join("notes.txt"), "x").unwrap();
        assert_eq!(files.list().unwrap(), std::slice::from_ref(&kept));
        assert_eq!(KeyFiles::address_of(&kept.path).unwrap(), Some(kept.address));

        let again = files.import_hex(&secret(key), &secret("other"));
        assert!(matches!(again, Err(KeyError::File(PrivateFileError::Exists { .. }))));
        assert!(matches!(files.open(kept.address, &secret("other")), Err(KeyError::WrongPassphrase)));
        assert_eq!(files.export(kept.address, &secret("pass")).unwrap().expose(), key);
        assert!(matches!(files.open(Address::ZERO, &secret("pass")), Err(KeyError::Unknown(_))));

        fs::set_permissions(&kept.path, fs::Permissions::from_mode(0o644)).unwrap();
        let loose = files.open(kept.address, &secret("pass")).unwrap_err();
        assert!(
            matches!(&loose, KeyError::File(PrivateFileError::Loose { .. }))
                && !format!("{loose:?}").contains(key)
        );
    }

    #[test]
    fn a_name_is_held_against_the_key_and_counts_however_it_is_spelled() {
        let dir = tempfile::tempdir().unwrap();
        let files = KeyFiles::new(dir.path().join("keys"));
        let made = files.create(&secret("pass")).unwrap();
        let capitals = files.directory().join(format!("{}.json", made.address));
        fs::rename(&made.path, &capitals).unwrap();
        assert_eq!(files.list().unwrap()[0].path, capitals);
        let wallet = files.open(made.address, &secret("pass")).unwrap();
        assert!(matches!(
            files.keep(&wallet, &secret("pass")),
            Err(KeyError::File(PrivateFileError::Exists { .. }))
        ));
        // Under the name of another address, with and without an address inside.
        let other = Address::repeat_byte(7);
        let (wrong, text) = (files.path(other), fs::read_to_string(&capitals).unwrap());
        fs::remove_file(&capitals).unwrap();
        let mut json: serde_json::Value = serde_json::from_str(&text).unwrap();
        json["address"].take();
        for text in [text, json.to_string()] {
            let _ = fs::remove_file(&wrong);
            private_files::create(&wrong, text.as_bytes()).unwrap();
            let told = files.export(other, &secret("pass")).unwrap_err();
            assert!(matches!(told, KeyError::AddressMismatch { named, .. } if named == other), "{told}");
        }
    }

    #[test]
    fn another_programs_file_is_taken_in_under_a_new_passphrase() {
        let dir = tempfile::tempdir().unwrap();
        let theirs = KeyFiles::new(dir.path().join("theirs"));
        let made = theirs.create(&secret("old")).unwrap();
        let ours = KeyFiles::new(dir.path().join("ours"));
        let taken = ours.import_file(&made.path, &secret("old"), &secret("new")).unwrap();
        assert_eq!(taken.address, made.address);
        assert!(ours.open(made.address, &secret("new")).is_ok());
    }
}
