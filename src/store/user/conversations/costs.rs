//! What answers cost: copies of the books, never their source.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::MessageCost;
use crate::{
    domain::{Neuron, RequestId},
    store::{StoreError, amount::add},
};

/// Requests that are booked otherwise than their messages say, behind a `SELECT` of columns of `r`.
const DIFFERING: &str = "FROM messages m JOIN requests r ON r.id = m.request
    WHERE m.request IS NOT NULL AND r.state IN ('done', 'disputed')
        AND (m.fee <> r.fee OR m.disputed <> r.disputed
            OR m.input_units <> r.input_units OR m.output_units <> r.output_units)";

pub(in crate::store::user) fn set_cost(
    connection: &Connection,
    request: RequestId,
    cost: MessageCost,
) -> Result<bool, StoreError> {
    let mut statement =
        connection.prepare_cached("SELECT number, fee, inherited FROM messages WHERE request = ?1")?;
    let found = statement
        .query_map([request], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        .collect::<Result<Vec<(i64, Neuron, bool)>, _>>()?;
    for (number, before, inherited) in &found {
        connection
            .prepare_cached(
                "UPDATE messages SET input_units = ?2, output_units = ?3, fee = ?4, disputed = ?5 WHERE number = ?1",
            )?
            .execute(params![number, cost.input, cost.output, cost.fee, cost.disputed])?;
        if !inherited {
            let sum: Neuron = connection
                .prepare_cached("SELECT fee FROM conversations WHERE number = ?1 >> 20")?
                .query_row([number], |row| row.get(0))?;
            let rest = sum
                .checked_sub(*before)
                .ok_or_else(|| StoreError::invalid("a conversation's fee is below one of its messages'"))?;
            connection
                .prepare_cached("UPDATE conversations SET fee = ?2 WHERE number = ?1 >> 20")?
                .execute(params![number, add(rest, cost.fee)?])?;
        }
    }
    Ok(!found.is_empty())
}

/// The requests that are booked otherwise than their messages say. Reads every answer there is.
pub(super) fn differing(connection: &Connection) -> Result<Vec<RequestId>, StoreError> {
    let mut statement = connection.prepare_cached(&format!("SELECT DISTINCT r.id {DIFFERING}"))?;
    Ok(statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?)
}

/// Copies the costs of those requests that differ still; returns how many.
pub(super) fn take(connection: &Connection, requests: &[RequestId]) -> Result<usize, StoreError> {
    let sql = format!(
        "SELECT r.input_units, r.output_units, r.fee, r.disputed {DIFFERING} AND m.request = ?1 LIMIT 1"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let read = |row: &Row<'_>| {
        let (input, output) = (row.get(0)?, row.get(1)?);
        Ok(MessageCost { input, output, fee: row.get(2)?, disputed: row.get(3)? })
    };
    let mut taken = 0;
    for request in requests {
        if let Some(cost) = statement.query_row([request], read).optional()? {
            set_cost(connection, *request, cost)?;
            taken += 1;
        }
    }
    Ok(taken)
}
