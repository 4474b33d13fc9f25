//! Delegate keys: one for each account on each contract, made on demand, able to spend that account's deposit only.
//!
//! They are not encrypted, so that serving after funding needs no passphrase; what a thief gets with one is the
//! deposit it was named for, until the delegate is changed. A file is on the disk before its key is returned: the
//! chain will name the address, and a lost key could sign nothing.

use std::{collections::HashMap, fmt, path::PathBuf, sync::Arc};

use alloy::primitives::{Address, hex};
use parking_lot::Mutex;
use zeroize::Zeroizing;

use super::{KeyError, Secret, Wallet};
use crate::{
    domain::AccountId,
    private_files::{self, PrivateFileError},
};

/// What a delegate key is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DelegateId {
    pub chain_id: u64,
    pub contract: Address,
    pub account: AccountId,
}

impl DelegateId {
    fn file_name(&self) -> String {
        let AccountId { user, provider } = self.account;
        format!("{}-{:#x}-{user:#x}-{provider:#x}.key", self.chain_id, self.contract)
    }

    fn from_file_name(name: &str) -> Option<Self> {
        let mut parts = name.strip_suffix(".key")?.split('-');
        let chain_id = parts.next()?.parse().ok()?;
        let mut address =
            || hex::decode_to_array::<_, 20>(parts.next()?.strip_prefix("0x")?).ok().map(Address::from);
        let (contract, user, provider) = (address()?, address()?, address()?);
        let id = Self { chain_id, contract, account: AccountId { user, provider } };
        // Only our own spelling, so that one key has one name.
        (id.file_name() == name).then_some(id)
    }
}

/// The delegate keys of a data directory. Clones share what was read.
#[derive(Clone)]
pub struct DelegateKeys {
    inner: Arc<Inner>,
}

struct Inner {
    directory: PathBuf,
    known: Mutex<HashMap<DelegateId, Arc<Wallet>>>,
}

impl fmt::Debug for DelegateKeys {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("DelegateKeys")
            .field("directory", &self.inner.directory)
            .finish_non_exhaustive()
    }
}

impl DelegateKeys {
    /// The keys in `delegates/` of a data directory. Nothing is touched until one is asked for.
    pub fn new(data_directory: impl Into<PathBuf>) -> Self {
        let directory = data_directory.into().join("delegates");
        Self { inner: Arc::new(Inner { directory, known: Mutex::default() }) }
    }

    /// The key for an account, made and durable if there was none.
    pub async fn get_or_create(&self, id: DelegateId) -> Result<Arc<Wallet>, KeyError> {
        if let Some(wallet) = self.inner.known.lock().get(&id) {
            return Ok(Arc::clone(wallet));
        }
        self.blocking(move |inner| inner.read_or_create(id)).await
    }

    /// The key for an account, if there is one.
    pub async fn get(&self, id: DelegateId) -> Result<Option<Arc<Wallet>>, KeyError> {
        if let Some(wallet) = self.inner.known.lock().get(&id) {
            return Ok(Some(Arc::clone(wallet)));
        }
        self.blocking(move |inner| inner.read(id)).await
    }

    /// What there are keys for.
    pub async fn list(&self) -> Result<Vec<DelegateId>, KeyError> {
        self.blocking(|inner| {
            let names = private_files::list(&inner.directory)?;
            let mut ids: Vec<_> = names.iter().filter_map(|name| DelegateId::from_file_name(name)).collect();
            ids.sort_unstable();
            Ok(ids)
        })
        .await
    }

    /// Those of the accounts that there is a key for, without reading all keys: the kind, mode and length of each file
    /// are looked at, and one that cannot be a whole key is read, which says what is wrong with it.
    pub async fn held(&self, ids: Vec<DelegateId>) -> Result<Vec<DelegateId>, KeyError> {
        if ids.is_empty() {
            return Ok(ids);
        }
        self.blocking(move |inner| {
            ids.into_iter()
                .filter_map(|id| inner.is_held(id).map(|held| held.then_some(id)).transpose())
                .collect()
        })
        .await
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner) -> Result<T, KeyError> + Send + 'static,
    ) -> Result<T, KeyError> {
        let inner = Arc::clone(&self.inner);
        tokio::task::spawn_blocking(move || work(&inner)).await.unwrap_or(Err(KeyError::Interrupted))
    }
}

/// Far more than 64 digits and a line feed.
const LONGEST: u64 = 256;

/// What a file of ours has: 64 digits and a line feed.
const WHOLE: u64 = 65;

impl Inner {
    fn read_or_create(&self, id: DelegateId) -> Result<Arc<Wallet>, KeyError> {
        private_files::ensure_directory(&self.directory)?;
        if let Some(wallet) = self.read(id)? {
            return Ok(wallet);
        }
        let wallet = Wallet::random()?;
        let mut text = Zeroizing::new(String::with_capacity(65));
        text.push_str(wallet.to_hex().expose());
        text.push('\n');
        match private_files::create(&self.directory.join(id.file_name()), text.as_bytes()) {
            Ok(()) => Ok(self.remember(id, wallet)),
            // Somebody else was faster; theirs is the key, ours was never shown to anybody.
            Err(PrivateFileError::Exists { path }) => {
                self.read(id)?.ok_or(PrivateFileError::Exists { path }.into())
            }
            Err(error) => Err(error.into()),
        }
    }

    fn is_held(&self, id: DelegateId) -> Result<bool, KeyError> {
        match private_files::length(&self.directory.join(id.file_name())) {
            Ok(WHOLE) => Ok(true),
            Ok(_) => Ok(self.read(id)?.is_some()),
            Err(PrivateFileError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
                Ok(false)
            }
            Err(error) => Err(error.into()),
        }
    }

    fn read(&self, id: DelegateId) -> Result<Option<Arc<Wallet>>, KeyError> {
        let path = self.directory.join(id.file_name());
        let content = match private_files::read(&path, LONGEST) {
            Ok(content) => content,
            Err(PrivateFileError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
                return Ok(None);
            }
            Err(error) => return Err(error.into()),
        };
        let text = std::str::from_utf8(&content).map_err(|_| KeyError::NotHex);
        let wallet = text
            .and_then(|text| Wallet::from_hex(&Secret::new(text.to_owned())))
            .map_err(|fault| KeyError::Delegate { path, fault: Box::new(fault) })?;
        Ok(Some(self.remember(id, wallet)))
    }

    fn remember(&self, id: DelegateId, wallet: Wallet) -> Arc<Wallet> {
        Arc::clone(self.known.lock().entry(id).or_insert_with(|| Arc::new(wallet)))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by panicking")]

    use std::{fs, os::unix::fs::PermissionsExt};

    use super::*;

    fn id(number: u8) -> DelegateId {
        let account = AccountId { user: Address::repeat_byte(1), provider: Address::repeat_byte(number) };
        DelegateId { chain_id: 31337, contract: Address::repeat_byte(9), account }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn an_account_keeps_its_key_across_restarts_and_races() {
        let dir = tempfile::tempdir().unwrap();
        let keys = DelegateKeys::new(dir.path());
        assert_eq!(keys.list().await.unwrap(), []);
        assert!(keys.get(id(2)).await.unwrap().is_none());
        let asked = (0..16).map(|number| {
            // Handles of their own, so that only the files keep them together.
            let keys = if number % 2 == 0 { keys.clone() } else { DelegateKeys::new(dir.path()) };
            async move { keys.get_or_create(id(2)).await.unwrap().address() }
        });
        let addresses = futures_util::future::join_all(asked).await;
        assert!(addresses.iter().all(|address| *address == addresses[0]));
        let other = keys.get_or_create(id(3)).await.unwrap();
        assert_ne!(other.address(), addresses[0]);

        let restarted = DelegateKeys::new(dir.path());
        assert_eq!(restarted.get(id(2)).await.unwrap().unwrap().address(), addresses[0]);
        let listed = restarted.list().await.unwrap();
        assert_eq!(listed, [id(2), id(3)]);
    }

    #[tokio::test]
    async fn files_are_private_and_what_a_crash_left_is_ignored() {
        let dir = tempfile::tempdir().unwrap();
        let keys = DelegateKeys::new(dir.path());
        let made = keys.get_or_create(id(2)).await.unwrap();
        let directory = dir.path().join("delegates");
        let path = directory.join(id(2).file_name());
        assert_eq!(fs::metadata(&directory).unwrap().permissions().mode() & 0o777, 0o700);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let digits = fs::read_to_string(&path).unwrap();
        assert_eq!(digits.trim(), made.to_hex().expose());
        assert!(!format!("{keys:?} {made:?}").contains(digits.trim()));

        fs::write(directory.join(format!("{}q", private_files::TEMPORARY)), &digits[..20]).unwrap();
        fs::write(directory.join("README"), "hello").unwrap();
        assert_eq!(keys.list().await.unwrap(), [id(2)]);

        fs::set_permissions(&path, fs::Permissions::from_mode(0o604)).unwrap();
        let restarted = DelegateKeys::new(dir.path());
        assert!(matches!(
            restarted.held(vec![id(2)]).await,
            Err(KeyError::File(PrivateFileError::Loose { mode: 0o604, .. }))
        ));
        assert!(matches!(
            restarted.get_or_create(id(2)).await,
            Err(KeyError::File(PrivateFileError::Loose { mode: 0o604, .. }))
        ));
        // A damaged file is an error and never silently another key.
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        for content in [&digits.as_bytes()[..20], b"\xff\xfe", b""] {
            fs::write(&path, content).unwrap();
            assert!(matches!(restarted.held(vec![id(2)]).await, Err(KeyError::Delegate { .. })));
            let told = restarted.get_or_create(id(2)).await.unwrap_err();
            assert!(matches!(told, KeyError::Delegate { .. }), "{told:?}");
            assert!(told.to_string().contains(path.to_str().unwrap()), "{told}");
        }
    }

    #[tokio::test]
    async fn a_look_at_many_keys_reads_none_of_them() {
        let dir = tempfile::tempdir().unwrap();
        let keys = DelegateKeys::new(dir.path());
        assert_eq!(keys.held(vec![id(2)]).await.unwrap(), [], "there is no directory yet");
        keys.get_or_create(id(2)).await.unwrap();
        keys.get_or_create(id(3)).await.unwrap();
        let restarted = DelegateKeys::new(dir.path());
        assert_eq!(restarted.held(vec![id(3), id(4), id(2)]).await.unwrap(), [id(3), id(2)]);
        assert!(restarted.inner.known.lock().is_empty());
        // One with the line feed left out, as an editor leaves it, is a key all the same.
        let path = dir.path().join("delegates").join(id(2).file_name());
        let digits = fs::read_to_string(&path).unwrap();
        fs::write(&path, digits.trim()).unwrap();
        assert_eq!(restarted.held(vec![id(2)]).await.unwrap(), [id(2)]);
    }
}
