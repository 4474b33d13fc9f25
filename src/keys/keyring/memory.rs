//! A keyring in memory, for tests and for whoever wants none of the system's.

use std::collections::HashMap;

use alloy::primitives::Address;
use futures_util::future::{BoxFuture, ready};
use parking_lot::Mutex;

use super::{KeyringError, PassphraseKeyring};
use crate::keys::Secret;

/// Holds passphrases until it is dropped; or, made with an error, answers everything with that.
#[derive(Debug, Default)]
pub struct MemoryKeyring {
    held: Mutex<HashMap<Address, Secret<String>>>,
    trouble: Option<KeyringError>,
}

impl MemoryKeyring {
    /// One that never works.
    pub fn failing(trouble: KeyringError) -> MemoryKeyring {
        MemoryKeyring { trouble: Some(trouble), ..MemoryKeyring::default() }
    }

    fn or<T>(
        &self,
        answer: impl FnOnce(&mut HashMap<Address, Secret<String>>) -> T,
    ) -> Result<T, KeyringError> {
        match &self.trouble {
            Some(trouble) => Err(trouble.clone()),
            None => Ok(answer(&mut self.held.lock())),
        }
    }
}

impl PassphraseKeyring for MemoryKeyring {
    fn is_there(&self) -> BoxFuture<'_, bool> {
        Box::pin(ready(self.trouble.is_none()))
    }

    fn holds(&self, address: Address) -> BoxFuture<'_, Result<bool, KeyringError>> {
        Box::pin(ready(self.or(|held| held.contains_key(&address))))
    }

    fn find(&self, address: Address) -> BoxFuture<'_, Result<Option<Secret<String>>, KeyringError>> {
        Box::pin(ready(self.or(|held| held.get(&address).cloned())))
    }

    fn keep(&self, address: Address, passphrase: Secret<String>) -> BoxFuture<'_, Result<(), KeyringError>> {
        Box::pin(ready(self.or(|held| {
            held.insert(address, passphrase);
        })))
    }

    fn forget(&self, address: Address) -> BoxFuture<'_, Result<bool, KeyringError>> {
        Box::pin(ready(self.or(|held| held.remove(&address).is_some())))
    }
}
