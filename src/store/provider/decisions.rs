//! What the settlement engine decided, newest first. A bounded number of decisions is kept.

use rusqlite::params;

use super::ProviderStore;
use crate::{
    domain::Timestamp,
    store::{StoreError, amount::Count},
};

/// Decisions that are kept; older ones are deleted.
const MOST: u32 = 10_000;

/// A decision, in the broker's own words.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredDecision {
    /// When it was first made; what it is known by.
    pub at: Timestamp,
    /// When it was made last without change.
    pub until: Timestamp,
    pub body: serde_json::Value,
}

impl ProviderStore {
    /// Writes decisions down, over what is there under the same moment.
    pub async fn record_decisions(&self, decisions: Vec<StoredDecision>) -> Result<(), StoreError> {
        self.db
            .write(move |connection| {
                let mut insert = connection.prepare_cached(
                    "INSERT INTO decisions (at, until, body) VALUES (?1, ?2, ?3)
                     ON CONFLICT DO UPDATE SET until = ?2, body = ?3",
                )?;
                for decision in &decisions {
                    insert.execute(params![decision.at, decision.until, decision.body.to_string()])?;
                }
                connection
                    .prepare_cached(
                        "DELETE FROM decisions WHERE at <=
                            (SELECT at FROM decisions ORDER BY at DESC LIMIT 1 OFFSET ?1)",
                    )?
                    .execute([MOST])?;
                Ok(())
            })
            .await
    }

    /// How many are kept.
    pub async fn count_decisions(&self) -> Result<u64, StoreError> {
        self.db
            .read(|connection| {
                let sql = "SELECT count(*) FROM decisions";
                Ok(connection.query_row(sql, [], |row| row.get::<_, Count>(0))?.0)
            })
            .await
    }

    /// Decisions made before a moment, or the newest, newest first.
    pub async fn decisions(
        &self,
        before: Option<Timestamp>,
        limit: u32,
    ) -> Result<Vec<StoredDecision>, StoreError> {
        self.db
            .read(move |connection| {
                let mut statement = connection.prepare_cached(
                    "SELECT * FROM decisions WHERE ?1 IS NULL OR at < ?1 ORDER BY at DESC LIMIT ?2",
                )?;
                let rows = statement.query_map(params![before, limit], |row| {
                    let body: String = row.get("body")?;
                    let body = serde_json::from_str(&body).unwrap_or_default();
                    Ok(StoredDecision { at: row.get("at")?, until: row.get("until")?, body })
                })?;
                Ok(rows.collect::<Result<_, _>>()?)
            })
            .await
    }
}
