//! Calls that carry an idempotency key: the second one gets the first one's answer and does nothing.

use rusqlite::{Connection, OptionalExtension, params};

use super::{Db, StoreError, columns::bytes};
use crate::domain::{B256, Timestamp};

/// The keys of a database. The same in both roles.
#[derive(Debug, Clone)]
pub struct Repeats {
    db: Db,
}

/// What is known of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Repeat {
    /// Never seen; it is taken now.
    First,
    /// The same call is being answered, or was cut off by a crash before it was.
    Unanswered,
    /// The same call was answered with this.
    Answered(Vec<u8>),
    /// The key was used for another call.
    OtherCall,
}

impl Repeats {
    pub(in crate::store) fn new(db: Db) -> Self {
        Self { db }
    }

    /// Takes a key for a call (named by the hash of its route and body), or says what it was used for. One write.
    pub async fn claim(&self, key: String, call: B256, now: Timestamp) -> Result<Repeat, StoreError> {
        self.db.write(move |connection| claim(connection, &key, call, now)).await
    }

    /// Keeps the answer to a call. The first answer stays.
    pub async fn answer(&self, key: String, answer: Vec<u8>) -> Result<(), StoreError> {
        self.db
            .write(move |connection| {
                connection
                    .prepare_cached("UPDATE idempotency SET answer = ?2 WHERE key = ?1 AND answer IS NULL")?
                    .execute(params![key, answer])?;
                Ok(())
            })
            .await
    }

    /// Gives a key back whose call failed before it did anything, so that the caller can try again.
    pub async fn release(&self, key: String) -> Result<(), StoreError> {
        self.db
            .write(move |connection| {
                connection
                    .prepare_cached("DELETE FROM idempotency WHERE key = ?1 AND answer IS NULL")?
                    .execute([key])?;
                Ok(())
            })
            .await
    }

    /// Forgets keys taken before a moment and returns how many.
    pub async fn forget_before(&self, moment: Timestamp) -> Result<usize, StoreError> {
        self.db
            .write(move |connection| {
                Ok(connection
                    .prepare_cached("DELETE FROM idempotency WHERE created_at < ?1")?
                    .execute([moment])?)
            })
            .await
    }
}

fn claim(connection: &Connection, key: &str, call: B256, now: Timestamp) -> Result<Repeat, StoreError> {
    let before = connection
        .prepare_cached("SELECT call, answer FROM idempotency WHERE key = ?1")?
        .query_row([key], |row| Ok((row.get::<_, [u8; 32]>(0)?, row.get::<_, Option<Vec<u8>>>(1)?)))
        .optional()?;
    Ok(match before {
        Some((other, _)) if other != call => Repeat::OtherCall,
        Some((_, Some(answer))) => Repeat::Answered(answer),
        Some((_, None)) => Repeat::Unanswered,
        None => {
            connection
                .prepare_cached("INSERT INTO idempotency (key, call, created_at) VALUES (?1, ?2, ?3)")?
                .execute(params![key, bytes(&call), now])?;
            Repeat::First
        }
    })
}
