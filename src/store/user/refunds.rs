//! Refunds: money asked back, locked for a while, then taken or given up.

use std::{fmt, str::FromStr};

use rusqlite::{
    ToSql, params,
    types::{FromSql, FromSqlError, FromSqlResult, ToSqlOutput, ValueRef},
};

use super::UserStore;
use crate::{
    domain::{AccountId, Neuron, Timestamp},
    store::{
        StoreError,
        columns::{account, bytes},
    },
};

/// Where a refund stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RefundState {
    Pending,
    /// Taken.
    Processed,
    /// Given up, or replaced by another.
    Cancelled,
}

/// A refund of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refund {
    pub account: AccountId,
    /// Its number within the account.
    pub index: u32,
    pub amount: Neuron,
    pub created_at: Timestamp,
    pub unlock_at: Timestamp,
    pub state: RefundState,
}

impl RefundState {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Processed => "processed",
            Self::Cancelled => "cancelled",
        }
    }
}

impl fmt::Display for RefundState {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl FromStr for RefundState {
    type Err = StoreError;

    fn from_str(text: &str) -> Result<Self, StoreError> {
        [Self::Pending, Self::Processed, Self::Cancelled]
            .into_iter()
            .find(|state| state.as_str() == text)
            .ok_or_else(|| StoreError::invalid(format!("{text:?} is not a state of a refund")))
    }
}

impl ToSql for RefundState {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::from(self.as_str()))
    }
}

impl FromSql for RefundState {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        value.as_str()?.parse().map_err(|error: StoreError| FromSqlError::Other(Box::new(error)))
    }
}

impl UserStore {
    /// Writes refunds as the chain has them now, over what was known of each.
    pub async fn put_refunds(&self, refunds: Vec<Refund>) -> Result<(), StoreError> {
        self.db
            .write(move |connection| {
                let mut put = connection.prepare_cached(
                    "INSERT INTO refunds (user, provider, \"index\", amount, created_at, unlock_at, state)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
                     ON CONFLICT DO UPDATE SET amount = ?4, created_at = ?5, unlock_at = ?6, state = ?7",
                )?;
                for refund in &refunds {
                    put.execute(params![
                        bytes(&refund.account.user),
                        bytes(&refund.account.provider),
                        refund.index,
                        refund.amount,
                        refund.created_at,
                        refund.unlock_at,
                        refund.state
                    ])?;
                }
                Ok(())
            })
            .await
    }

    /// Refunds, newest first; all, or those in one state.
    pub async fn refunds(&self, state: Option<RefundState>) -> Result<Vec<Refund>, StoreError> {
        self.db
            .read(move |connection| {
                let mut statement = connection.prepare_cached(
                    "SELECT * FROM refunds WHERE ?1 IS NULL OR state = ?1
                     ORDER BY created_at DESC, provider, \"index\" DESC",
                )?;
                let refunds = statement.query_map([state], |row| {
                    Ok(Refund {
                        account: account(row)?,
                        index: row.get("index")?,
                        amount: row.get("amount")?,
                        created_at: row.get("created_at")?,
                        unlock_at: row.get("unlock_at")?,
                        state: row.get("state")?,
                    })
                })?;
                Ok(refunds.collect::<Result<_, _>>()?)
            })
            .await
    }
}
