//! Accounts as the user sees them: the chain's view beside what was promised, owed and disputed.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::UserStore;
use crate::{
    domain::{AccountId, ChainAccount, Neuron},
    store::{
        Observed, StoreError,
        accounts::{self, Account, account_columns},
        columns::bytes,
    },
};

/// An account and the user's book of it. Amounts in neuron, over all time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UserAccount {
    pub id: AccountId,
    /// What the chain said last; `None` while it has no such account.
    pub chain: Option<ChainAccount>,
    /// The block it said so at.
    pub block: Option<u64>,
    /// The highest cumulative amount that may have been signed.
    pub authorized: Neuron,
    /// Fees that our own count agrees with.
    pub owed: Neuron,
    /// What the provider asked for beyond that; not paid.
    pub disputed: Neuron,
}

impl UserStore {
    pub async fn accounts(&self) -> Result<Vec<UserAccount>, StoreError> {
        self.db
            .read(|connection| {
                let mut statement = connection.prepare_cached(&format!("{ROWS} ORDER BY user, provider"))?;
                Ok(statement.query_map([], read)?.collect::<Result<_, _>>()?)
            })
            .await
    }

    pub async fn account(&self, id: AccountId) -> Result<Option<UserAccount>, StoreError> {
        self.db.read(move |connection| get(connection, id)).await
    }

    /// Takes over what the chain says of accounts. Older readings change nothing, unless `forced` after a reorg or at
    /// the start.
    pub async fn observe(&self, observed: Vec<Observed>, forced: bool) -> Result<(), StoreError> {
        self.db.write(move |connection| accounts::observe(connection, &observed, forced)).await
    }

    /// Raises what may be signed for an account to at least `cumulative`, and returns what it is now. Sign only after
    /// this has returned, and nothing above what it returned (invariant I15). It never falls.
    pub async fn authorize(&self, id: AccountId, cumulative: Neuron) -> Result<Neuron, StoreError> {
        self.db.write(move |connection| authorize(connection, id, cumulative)).await
    }
}

pub(super) fn get(connection: &Connection, id: AccountId) -> Result<Option<UserAccount>, StoreError> {
    let mut statement = connection.prepare_cached(&format!("{ROWS} WHERE user = ?1 AND provider = ?2"))?;
    Ok(statement.query_row(params![bytes(&id.user), bytes(&id.provider)], read).optional()?)
}

/// The maximum is taken by the database, in the one statement that writes.
pub(super) fn authorize(
    connection: &Connection,
    id: AccountId,
    cumulative: Neuron,
) -> Result<Neuron, StoreError> {
    let raised = connection
        .prepare_cached(
            "INSERT INTO accounts (user, provider, authorized) VALUES (?1, ?2, ?3)
             ON CONFLICT DO UPDATE SET authorized = MAX(authorized, ?3) RETURNING authorized",
        )?
        .query_row(params![bytes(&id.user), bytes(&id.provider), cumulative], |row| row.get(0))?;
    Ok(raised)
}

/// The sums of an account.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sums {
    pub owed: Neuron,
    pub disputed: Neuron,
    pub authorized: Neuron,
}

/// Adds to what is owed and disputed and raises what may be signed, in one statement. `None` without such an account.
pub(super) fn grow(connection: &Connection, id: AccountId, by: Sums) -> Result<Option<Sums>, StoreError> {
    Ok(connection
        .prepare_cached(
            "UPDATE accounts SET owed = plus(owed, ?3), disputed = plus(disputed, ?4),
                authorized = MAX(authorized, ?5)
             WHERE user = ?1 AND provider = ?2 RETURNING owed, disputed, authorized",
        )?
        .query_row(
            params![bytes(&id.user), bytes(&id.provider), by.owed, by.disputed, by.authorized],
            |row| Ok(Sums { owed: row.get(0)?, disputed: row.get(1)?, authorized: row.get(2)? }),
        )
        .optional()?)
}

/// Rows that [`read`] takes.
const ROWS: &str = account_columns!("authorized, disputed");

fn read(row: &Row<'_>) -> rusqlite::Result<UserAccount> {
    let Account { id, owed, chain, block } = Account::read(row)?;
    let (authorized, disputed) = (row.get(accounts::OWN)?, row.get(accounts::OWN + 1)?);
    Ok(UserAccount { id, chain, block, authorized, owed, disputed })
}
