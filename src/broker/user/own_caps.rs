//! Caps that the user sets while the broker runs. They hold beside those of the settings: of each the tighter one, so
//! that nobody at the screens can pass what the settings allow. They are on disk before they hold.

use super::UserError;
use super::caps::Caps;
use super::handle::{Inner, UserBroker};
use crate::store::StoreError;
use crate::store::user::LibraryStore;

/// Under which they are kept.
const KEY: &str = "caps";
const UNREADABLE: &str =
    "the caps that were set on the screens cannot be read; nothing is spent without them";

impl Inner {
    /// The caps that hold now.
    pub fn caps(&self) -> Caps {
        self.settings.caps.tightest(*self.own_caps.read())
    }

    /// Reads the caps of the last run.
    ///
    /// # Errors
    /// What is kept cannot be read: a broker that forgot its caps must not spend.
    pub async fn restore_own_caps(&self) -> Result<(), UserError> {
        let kept = LibraryStore::new(self.store.db().clone()).preference(KEY.to_owned()).await?;
        if let Some(text) = kept {
            let caps = serde_json::from_str(&text).map_err(|_| StoreError::Invalid(UNREADABLE.to_owned()))?;
            *self.own_caps.write() = caps;
        }
        Ok(())
    }
}

impl UserBroker {
    /// The caps that the user set beside those of the settings.
    pub fn own_caps(&self) -> Caps {
        *self.inner.own_caps.read()
    }

    /// Sets them anew: on disk first, then for every request that is made from now on. Requests under way keep what
    /// they were granted.
    pub async fn set_own_caps(&self, caps: Caps) -> Result<(), UserError> {
        let text = serde_json::to_string(&caps).map_err(|error| StoreError::Invalid(error.to_string()))?;
        LibraryStore::new(self.inner.store.db().clone()).set_preference(KEY.to_owned(), Some(text)).await?;
        *self.inner.own_caps.write() = caps;
        self.inner.publish();
        Ok(())
    }
}
