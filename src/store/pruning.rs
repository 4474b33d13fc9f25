//! Pruning: requests that are older than their owner wants to keep are deleted. What the books need of them stays.
//!
//! Only what is filed and can change nothing any more goes: a user's calls that are done or failed (a disputed one can still be
//! accepted), a provider's calls that are paid on the chain or cost nothing. Owed sums stay as they are, and how much of them
//! comes from deleted calls is kept beside them (`accounts.pruned`); so is what the sums of days hold (`pruned_days`), and the
//! audit still holds everything else against the rows. The totals of lists follow the lists. The file does not shrink: its
//! pages are used again.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{
    Db, Role, StoreError,
    amount::add,
    columns::{account, bytes},
    filing::key,
    totals::Sums,
    user::Days,
};
use crate::domain::{AccountId, Fee, Neuron, ProviderRequestState, RequestId, Timestamp, UserRequestState};

/// Rows that are looked at in one transaction. Each that goes is overwritten in the table and in all its indexes, and
/// the books' own writes wait behind it.
const AT_ONCE: usize = 32;

/// Where a look goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Microseconds since 1970.
    at: i64,
    id: RequestId,
}

/// What a look did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pruned {
    /// Requests deleted.
    pub requests: usize,
    /// Where to go on; `None` when everything old was looked at.
    pub next: Option<Place>,
}

impl Db {
    /// Looks at the next requests that were made before a moment, oldest first, and deletes those that can go.
    pub async fn prune(&self, before: Timestamp, from: Option<Place>) -> Result<Pruned, StoreError> {
        let role = self.role();
        self.write(move |connection| prune(connection, role, before, from)).await
    }
}

fn prune(
    connection: &Connection,
    role: Role,
    before: Timestamp,
    from: Option<Place>,
) -> Result<Pruned, StoreError> {
    let from = from.unwrap_or(Place { at: i64::MIN, id: RequestId::new([0; 32]) });
    let mut statement = connection.prepare_cached(
        "SELECT rowid AS number, * FROM requests
         WHERE filed = 1 AND (created_at, id) > (?1, ?2) AND created_at < ?3 ORDER BY created_at, id LIMIT ?4",
    )?;
    let (mut numbers, mut sums, mut days) = (Vec::new(), Sums::default(), Days::default());
    let (mut fees, mut paid) = (BTreeMap::<AccountId, Neuron>::new(), BTreeMap::new());
    let (mut looked, mut next) = (0, from);
    let mut rows = statement.query(params![from.at, from.id, before, AT_ONCE as i64])?;
    while let Some(row) = rows.next()? {
        looked += 1;
        next = Place { at: row.get("created_at")?, id: row.get("id")? };
        if !can_go(connection, role, row, &mut paid)? {
            continue;
        }
        numbers.push(row.get::<_, i64>("number")?);
        sums.count(key(row, role)?, Fee { input: row.get("input_fee")?, output: row.get("output_fee")? })?;
        if role == Role::User {
            days.count(row)?;
        }
        let sum = fees.entry(account(row)?).or_default();
        *sum = add(*sum, row.get("fee")?)?;
    }
    drop(rows);
    drop(statement);
    let mut delete = connection.prepare_cached("DELETE FROM requests WHERE rowid = ?1")?;
    for number in &numbers {
        delete.execute([number])?;
    }
    sums.take_out(connection)?;
    if role == Role::User {
        days.prune(connection)?;
    }
    let mut grow = connection
        .prepare_cached("UPDATE accounts SET pruned = plus(pruned, ?3) WHERE user = ?1 AND provider = ?2")?;
    for (account, fee) in fees {
        grow.execute(params![bytes(&account.user), bytes(&account.provider), fee])?;
    }
    Ok(Pruned { requests: numbers.len(), next: (looked == AT_ONCE).then_some(next) })
}

/// Whether nothing can become of a filed row any more.
fn can_go(
    connection: &Connection,
    role: Role,
    row: &Row<'_>,
    paid: &mut BTreeMap<AccountId, Neuron>,
) -> Result<bool, StoreError> {
    if role == Role::User {
        let state = row.get::<_, UserRequestState>("state")?;
        return Ok(matches!(state, UserRequestState::Done | UserRequestState::Failed));
    }
    if row.get::<_, ProviderRequestState>("state")? != ProviderRequestState::Charged {
        return Ok(true);
    }
    let id = account(row)?;
    let settled = match paid.get(&id) {
        Some(settled) => *settled,
        None => {
            let settled = settled(connection, id)?;
            paid.insert(id, settled);
            settled
        }
    };
    Ok(row.get::<_, Option<Neuron>>("owed_after")?.is_some_and(|owed| owed <= settled))
}

/// What the chain has paid on an account, as it was read last.
fn settled(connection: &Connection, id: AccountId) -> Result<Neuron, StoreError> {
    let found = connection
        .prepare_cached("SELECT settled FROM accounts WHERE user = ?1 AND provider = ?2")?
        .query_row(params![bytes(&id.user), bytes(&id.provider)], |row| row.get::<_, Option<Neuron>>(0))
        .optional()?;
    Ok(found.flatten().unwrap_or_default())
}
