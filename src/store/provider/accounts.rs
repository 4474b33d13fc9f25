//! Accounts as the provider sees them: what each user owes, has promised, and has on the chain.

use rusqlite::{Connection, OptionalExtension, Row, params, types::Value};

use super::ProviderStore;
use crate::{
    domain::{AccountId, ChainAccount, Neuron, SignedVoucher, Timestamp},
    store::{
        Direction, Observed, Page, PageOf, StoreError,
        accounts::{self, Account, account_columns},
        amount::Count,
        columns::bytes,
        page::{Filter, Order, cut},
    },
};

/// An account and the provider's book of it. Amounts in neuron, over all time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UserRow {
    pub id: AccountId,
    /// What the chain said last; `None` while it has no such account.
    pub chain: Option<ChainAccount>,
    /// The block it said so at.
    pub block: Option<u64>,
    /// The sum of all fees.
    pub owed: Neuron,
    /// The part of `owed` whose calls are not in these books: what the chain had settled before they began.
    pub carried: Neuron,
    /// The best voucher, by epoch and amount.
    pub voucher: Option<SignedVoucher>,
}

/// Which users are wanted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct UserFilter {
    /// Owing at least this much in all.
    pub owed_from: Option<Neuron>,
}

/// How users are sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum UserSort {
    Address(Direction),
    Owed(Direction),
}

impl ProviderStore {
    /// Takes over what the chain says of accounts. Older readings change nothing, unless `forced` after a reorg or at
    /// the start.
    pub async fn observe(&self, observed: Vec<Observed>, forced: bool) -> Result<(), StoreError> {
        self.db.write(move |connection| accounts::observe(connection, &observed, forced)).await
    }

    /// Rows that were read after this block count as read at none: any reading is newer.
    pub async fn forget_blocks_after(&self, block: u64) -> Result<(), StoreError> {
        self.db
            .write(move |connection| {
                connection.execute("UPDATE accounts SET block = 0 WHERE block > ?1", [Count(block)])?;
                Ok(())
            })
            .await
    }

    /// Keeps a voucher if it is better than the one kept, and returns the best. Acknowledge it to the user only after
    /// this has returned (invariant I10). The caller has checked the signature.
    pub async fn record_voucher(&self, voucher: SignedVoucher) -> Result<SignedVoucher, StoreError> {
        self.db.write(move |connection| accounts::keep_voucher(connection, &voucher)).await
    }

    pub async fn user(&self, id: AccountId) -> Result<Option<UserRow>, StoreError> {
        self.db.read(move |connection| get(connection, id)).await
    }

    /// Every account, for the start.
    pub async fn all_users(&self) -> Result<Vec<UserRow>, StoreError> {
        self.db.read(all).await
    }

    pub async fn users(
        &self,
        filter: UserFilter,
        sort: UserSort,
        page: PageOf,
    ) -> Result<Page<UserRow>, StoreError> {
        self.db
            .read(move |connection| {
                let (column, direction) = match sort {
                    UserSort::Address(direction) => ("user", direction),
                    UserSort::Owed(direction) => ("owed", direction),
                };
                // A broker has one provider address at a time; the pair is the id all the same.
                let order = Order { column, id: "CAST(user || provider AS BLOB)", direction };
                let mut conditions = Filter::default();
                conditions
                    .and_if("owed >= ?", filter.owed_from.map(|owed| owed.get().to_be_bytes().to_vec()));
                let sql = format!("{ROWS}{}", conditions.page(order, &page)?);
                let mut statement = connection.prepare_cached(&sql)?;
                let values = rusqlite::params_from_iter(&conditions.values);
                let items = statement.query_map(values, read)?.collect::<Result<Vec<_>, _>>()?;
                Ok(cut(items, &page, order, |last| {
                    let key: Value = match sort {
                        UserSort::Address(_) => last.id.user.to_vec().into(),
                        UserSort::Owed(_) => last.owed.get().to_be_bytes().to_vec().into(),
                    };
                    (key, [last.id.user.as_slice(), last.id.provider.as_slice()].concat())
                }))
            })
            .await
    }

    /// When the oldest fee that is not paid by `settled` was charged.
    pub async fn debt_since(&self, id: AccountId, settled: Neuron) -> Result<Option<Timestamp>, StoreError> {
        self.db.read(move |connection| debt_since(connection, id, settled)).await
    }

    /// The same for many accounts at once. Those without such a fee are left out.
    pub async fn debts_since(
        &self,
        debts: Vec<(AccountId, Neuron)>,
    ) -> Result<Vec<(AccountId, Neuron, Timestamp)>, StoreError> {
        self.db
            .read(move |connection| {
                let dated = debts.into_iter().map(|(id, settled)| {
                    Ok(debt_since(connection, id, settled)?.map(|since| (id, settled, since)))
                });
                dated.filter_map(Result::transpose).collect()
            })
            .await
    }
}

/// Rows that [`read`] takes.
const ROWS: &str = account_columns!("carried, voucher_signature, voucher_epoch, voucher_cumulative");

fn all(connection: &Connection) -> Result<Vec<UserRow>, StoreError> {
    let mut statement = connection.prepare_cached(&format!("{ROWS} ORDER BY user, provider"))?;
    Ok(statement.query_map([], read)?.collect::<Result<_, _>>()?)
}

fn get(connection: &Connection, id: AccountId) -> Result<Option<UserRow>, StoreError> {
    let mut statement = connection.prepare_cached(&format!("{ROWS} WHERE user = ?1 AND provider = ?2"))?;
    Ok(statement.query_row(params![bytes(&id.user), bytes(&id.provider)], read).optional()?)
}

/// The first charge that took the sum of fees above what is paid; of charges that are not filed yet only where no filed one is, so
/// that a long debt may look some seconds younger than it is.
fn debt_since(
    connection: &Connection,
    id: AccountId,
    settled: Neuron,
) -> Result<Option<Timestamp>, StoreError> {
    let since = connection
        .prepare_cached(
            "SELECT finished_at FROM requests
             WHERE user = ?1 AND provider = ?2 AND filed = 1 AND state = 'charged' AND owed_after > ?3
             ORDER BY owed_after LIMIT 1",
        )?
        .query_row(params![bytes(&id.user), bytes(&id.provider), settled], |row| row.get(0))
        .optional()?
        .flatten();
    if since.is_some() {
        return Ok(since);
    }
    let since = connection
        .prepare_cached(
            "SELECT finished_at FROM requests INDEXED BY requests_unfiled
             WHERE filed = 0 AND user = ?1 AND provider = ?2 AND state = 'charged' AND owed_after > ?3
             ORDER BY owed_after LIMIT 1",
        )?
        .query_row(params![bytes(&id.user), bytes(&id.provider), settled], |row| row.get(0))
        .optional()?;
    Ok(since.flatten())
}

/// A row of [`ROWS`].
fn read(row: &Row<'_>) -> rusqlite::Result<UserRow> {
    let Account { id, owed, chain, block } = Account::read(row)?;
    let carried = row.get(accounts::OWN)?;
    Ok(UserRow { id, chain, block, owed, carried, voucher: accounts::voucher(row, id, accounts::OWN + 1)? })
}
