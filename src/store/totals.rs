//! Running totals of requests by account, service and state, so that no listing adds up the whole history.
//!
//! Every write that adds a request or moves it on changes these rows in the same transaction; a test recomputes them.

use rusqlite::{Connection, OptionalExtension, ToSql, params};

use super::{
    StoreError,
    amount::{Count, add_fee},
    columns::bytes,
    page::{Filter, Totals},
};
use crate::domain::{AccountId, Fee, ServiceName};

/// Whose total it is.
#[derive(Debug, Clone, Copy)]
pub(in crate::store) struct Key<'a, S> {
    pub account: AccountId,
    pub service: &'a ServiceName,
    pub state: S,
}

/// Counts a request in, with what it costs.
pub(in crate::store) fn enter<S: ToSql>(
    connection: &Connection,
    key: Key<'_, S>,
    fee: Fee,
) -> Result<(), StoreError> {
    let fee = if fee == Fee::NONE { Fee::NONE } else { add_fee(fees(connection, &key)?, fee)? };
    // Without a fee the sums stay as they are, or begin at zero.
    let sql = if fee == Fee::NONE {
        "INSERT INTO request_totals (user, provider, service, state, count, input_fee, output_fee)
         VALUES (?1, ?2, ?3, ?4, 1, ?5, ?6) ON CONFLICT DO UPDATE SET count = count + 1"
    } else {
        "INSERT INTO request_totals (user, provider, service, state, count, input_fee, output_fee)
         VALUES (?1, ?2, ?3, ?4, 1, ?5, ?6)
         ON CONFLICT DO UPDATE SET count = count + 1, input_fee = ?5, output_fee = ?6"
    };
    let Key { account, service, state } = &key;
    connection.prepare_cached(sql)?.execute(params![
        bytes(&account.user),
        bytes(&account.provider),
        service,
        state,
        fee.input,
        fee.output
    ])?;
    Ok(())
}

/// Counts a request out that had cost nothing so far, because it moves on to another state.
pub(in crate::store) fn leave<S: ToSql>(connection: &Connection, key: Key<'_, S>) -> Result<(), StoreError> {
    let changed = connection
        .prepare_cached(
            "UPDATE request_totals SET count = count - 1
             WHERE user = ?1 AND provider = ?2 AND service = ?3 AND state = ?4",
        )?
        .execute(params![bytes(&key.account.user), bytes(&key.account.provider), key.service, key.state])?;
    if changed == 1 { Ok(()) } else { Err(StoreError::invalid("a request is missing from the totals")) }
}

/// Adds the rows of a filter up. Its conditions may name user, provider, service and state.
pub(in crate::store) fn sum(connection: &Connection, filter: &Filter) -> Result<Totals, StoreError> {
    let sql = format!("SELECT count, input_fee, output_fee FROM request_totals{}", filter.sql());
    add_up(connection, &sql, filter)
}

/// Adds requests up one by one, for filters that the totals do not know.
pub(in crate::store) fn scan(connection: &Connection, filter: &Filter) -> Result<Totals, StoreError> {
    let sql = format!("SELECT 1, input_fee, output_fee FROM requests{}", filter.sql());
    add_up(connection, &sql, filter)
}

fn add_up(connection: &Connection, sql: &str, filter: &Filter) -> Result<Totals, StoreError> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(rusqlite::params_from_iter(&filter.values))?;
    let mut totals = Totals::default();
    while let Some(row) = rows.next()? {
        totals.count = totals.count.saturating_add(row.get::<_, Count>(0)?.0);
        totals.fee = add_fee(totals.fee, Fee { input: row.get(1)?, output: row.get(2)? })?;
    }
    Ok(totals)
}

fn fees<S: ToSql>(connection: &Connection, key: &Key<'_, S>) -> Result<Fee, StoreError> {
    let found = connection
        .prepare_cached(
            "SELECT input_fee, output_fee FROM request_totals
             WHERE user = ?1 AND provider = ?2 AND service = ?3 AND state = ?4",
        )?
        .query_row(
            params![bytes(&key.account.user), bytes(&key.account.provider), key.service, key.state],
            |row| Ok(Fee { input: row.get(0)?, output: row.get(1)? }),
        )
        .optional()?;
    Ok(found.unwrap_or(Fee::NONE))
}
