//! How far the chain's events have been taken in: the last blocks seen, by number and hash.

use rusqlite::params;

use super::{
    Db, StoreError,
    amount::Count,
    columns::{bytes, hash},
};
use crate::domain::B256;

/// The event follower's place. The same in both roles.
#[derive(Debug, Clone)]
pub struct Progress {
    db: Db,
}

/// A block that was taken in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlockMark {
    pub number: u64,
    pub hash: B256,
}

impl Progress {
    pub(in crate::store) fn new(db: Db) -> Self {
        Self { db }
    }

    /// Remembers the last blocks in the place of what was remembered before. Save it after what the blocks brought:
    /// reading a block twice is harmless, skipping one is not.
    pub async fn save(&self, blocks: Vec<BlockMark>) -> Result<(), StoreError> {
        self.db
            .write(move |connection| {
                connection.prepare_cached("DELETE FROM cursor")?.execute([])?;
                let mut insert =
                    connection.prepare_cached("INSERT INTO cursor (number, hash) VALUES (?1, ?2)")?;
                for block in &blocks {
                    insert.execute(params![Count(block.number), bytes(&block.hash)])?;
                }
                Ok(())
            })
            .await
    }

    /// The blocks last remembered, lowest first; none at the beginning.
    pub async fn load(&self) -> Result<Vec<BlockMark>, StoreError> {
        self.db
            .read(|connection| {
                let mut statement =
                    connection.prepare_cached("SELECT number, hash FROM cursor ORDER BY number")?;
                let marks = statement.query_map([], |row| {
                    Ok(BlockMark { number: row.get::<_, Count>("number")?.0, hash: hash(row, "hash")? })
                })?;
                Ok(marks.collect::<Result<_, _>>()?)
            })
            .await
    }
}
