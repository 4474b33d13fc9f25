//! State of screens that outlives a restart, and the names that the user gave to providers.

use std::collections::BTreeMap;

use serde::{Serialize, de::DeserializeOwned};

use super::LibraryError;
use crate::crash_point::{self, Point};
use crate::domain::{Address, clean::clean};
use crate::store::user::LibraryStore;

/// Bytes of a key, and of a value in JSON.
const LONGEST_KEY: usize = 100;
const LONGEST_VALUE: usize = 64 << 10;

/// Characters of a name for a provider.
const LONGEST_ALIAS: usize = 40;

/// Small values by key, and aliases. Clones are the same.
#[derive(Clone, Debug)]
pub struct Preferences {
    store: LibraryStore,
}

impl Preferences {
    pub(super) fn new(store: LibraryStore) -> Self {
        Self { store }
    }

    /// The value under a key. `None` when there is none, or when what is there cannot be read as a `T`: damaged, or
    /// of another version.
    ///
    /// # Errors
    /// [`LibraryError::Store`] when the database cannot be read.
    pub async fn get<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, LibraryError> {
        let text = self.store.preference(key.to_owned()).await?;
        Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
    }

    /// Keeps a value under a key, at most 64 KiB of JSON.
    pub async fn set<T: Serialize + ?Sized>(&self, key: &str, value: &T) -> Result<(), LibraryError> {
        let text = serde_json::to_string(value)?;
        if key.len() > LONGEST_KEY {
            return Err(LibraryError::TooLong { what: "the name of the preference", limit: LONGEST_KEY });
        }
        if text.len() > LONGEST_VALUE {
            return Err(LibraryError::TooLong { what: "the preference", limit: LONGEST_VALUE });
        }
        self.store.set_preference(key.to_owned(), Some(text)).await?;
        crash_point::pass(Point::PreferenceWritten);
        Ok(())
    }

    /// Forgets what is kept under a key.
    pub async fn forget(&self, key: &str) -> Result<(), LibraryError> {
        Ok(self.store.set_preference(key.to_owned(), None).await?)
    }

    /// The name that the user gave to a provider.
    pub async fn alias(&self, provider: Address) -> Result<Option<String>, LibraryError> {
        Ok(self.store.alias(provider).await?)
    }

    /// All names that the user gave.
    pub async fn aliases(&self) -> Result<BTreeMap<Address, String>, LibraryError> {
        Ok(self.store.aliases().await?)
    }

    /// Names a provider, or takes its name away. The name is cleaned; no two providers have the same, in whatever
    /// case it is written.
    pub async fn set_alias(&self, provider: Address, alias: Option<&str>) -> Result<(), LibraryError> {
        let alias = match alias {
            Some(alias) => {
                let alias = clean(alias.trim(), usize::MAX);
                if alias.is_empty() || alias.chars().count() > LONGEST_ALIAS {
                    return Err(LibraryError::BadAlias(LONGEST_ALIAS));
                }
                Some(alias.into_owned())
            }
            None => None,
        };
        match self.store.set_alias(provider, alias).await? {
            None => Ok(()),
            Some(other) => Err(LibraryError::AliasTaken(other)),
        }
    }
}
