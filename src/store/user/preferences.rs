//! Small values that the screens keep, and the names that the user gave to providers.

use std::collections::BTreeMap;

use rusqlite::{OptionalExtension, params};

use super::conversations::LibraryStore;
use crate::{
    domain::Address,
    store::{StoreError, columns::bytes},
};

impl LibraryStore {
    /// The JSON text kept under a key.
    pub async fn preference(&self, key: String) -> Result<Option<String>, StoreError> {
        self.db
            .read(move |connection| {
                Ok(connection
                    .prepare_cached("SELECT value FROM preferences WHERE key = ?1")?
                    .query_row([key], |row| row.get(0))
                    .optional()?)
            })
            .await
    }

    /// Keeps a JSON text under a key, or forgets what is kept there.
    pub async fn set_preference(&self, key: String, value: Option<String>) -> Result<(), StoreError> {
        self.db
            .write(move |connection| {
                match value {
                    Some(value) => connection
                        .prepare_cached("INSERT OR REPLACE INTO preferences (key, value) VALUES (?1, ?2)")?
                        .execute([key, value])?,
                    None => {
                        connection.prepare_cached("DELETE FROM preferences WHERE key = ?1")?.execute([key])?
                    }
                };
                Ok(())
            })
            .await
    }

    /// The names that the user gave.
    pub async fn aliases(&self) -> Result<BTreeMap<Address, String>, StoreError> {
        self.db
            .read(|connection| {
                let mut statement = connection.prepare_cached("SELECT provider, alias FROM aliases")?;
                let aliases = statement
                    .query_map([], |row| Ok((Address::from(row.get::<_, [u8; 20]>(0)?), row.get(1)?)))?;
                Ok(aliases.collect::<Result<_, _>>()?)
            })
            .await
    }

    /// The name that the user gave to one provider.
    pub async fn alias(&self, provider: Address) -> Result<Option<String>, StoreError> {
        self.db
            .read(move |connection| {
                Ok(connection
                    .prepare_cached("SELECT alias FROM aliases WHERE provider = ?1")?
                    .query_row([bytes(&provider)], |row| row.get(0))
                    .optional()?)
            })
            .await
    }

    /// Gives a provider a name, or takes it away. Returns the other provider that has the name already, in whatever
    /// case it is written; then nothing is changed.
    pub async fn set_alias(
        &self,
        provider: Address,
        alias: Option<String>,
    ) -> Result<Option<Address>, StoreError> {
        self.db
            .write(move |connection| {
                let Some(alias) = alias else {
                    connection
                        .prepare_cached("DELETE FROM aliases WHERE provider = ?1")?
                        .execute([bytes(&provider)])?;
                    return Ok(None);
                };
                let folded = alias.to_lowercase();
                let taken: Option<[u8; 20]> = connection
                    .prepare_cached("SELECT provider FROM aliases WHERE folded = ?1 AND provider <> ?2")?
                    .query_row(params![folded, bytes(&provider)], |row| row.get(0))
                    .optional()?;
                if let Some(other) = taken {
                    return Ok(Some(Address::from(other)));
                }
                connection
                    .prepare_cached(
                        "INSERT OR REPLACE INTO aliases (provider, alias, folded) VALUES (?1, ?2, ?3)",
                    )?
                    .execute(params![bytes(&provider), alias, folded])?;
                Ok(None)
            })
            .await
    }
}
