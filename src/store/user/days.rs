//! Sums of calls by UTC day, provider and service, so that a chart of a year does not read every call.
//!
//! Every write that adds a call or ends one changes its day's row in the same transaction; the audit recomputes them.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{Finish, NewUserRequest, UserRequest, UserStore};
use crate::{
    domain::{AccountId, Address, Fee, Neuron, ServiceName, Timestamp, Units, UserRequestState},
    store::{
        StoreError,
        amount::{Count, add, add_fee},
        columns::{account, bytes},
    },
};

/// The calls of one account to one service on one UTC day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestDay {
    /// Days since 1970, as [`Timestamp::day`] gives it. A call counts for the day it was made.
    pub day: u64,
    pub account: AccountId,
    pub service: ServiceName,
    /// All that were made, whatever became of them.
    pub requests: u64,
    /// Done or disputed; units, fee and what is disputed are theirs.
    pub answered: u64,
    pub failed: u64,
    pub input: Units,
    pub output: Units,
    pub fee: Fee,
    /// Asked for by the provider beyond the fee, and not paid.
    pub disputed: Neuron,
}

impl UserStore {
    /// The days `from..=to` of a user, in order of day, provider and service.
    pub async fn request_days(
        &self,
        user: Address,
        from: u64,
        to: u64,
    ) -> Result<Vec<RequestDay>, StoreError> {
        let held = |day: u64| Count(day.min(i64::MAX.unsigned_abs()));
        self.db
            .read(move |connection| {
                let mut statement = connection.prepare_cached(
                    "SELECT * FROM request_days WHERE user = ?1 AND day BETWEEN ?2 AND ?3
                     ORDER BY day, provider, service",
                )?;
                let rows = statement.query_map(params![bytes(&user), held(from), held(to)], read)?;
                Ok(rows.collect::<Result<_, _>>()?)
            })
            .await
    }
}

/// A call is begun.
pub(super) fn begun(connection: &Connection, new: &NewUserRequest) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "INSERT INTO request_days (user, day, provider, service, requests, answered, failed, input_units,
                output_units, input_fee, output_fee, disputed)
             VALUES (?1, ?2, ?3, ?4, 1, 0, 0, 0, 0, ?5, ?5, ?5) ON CONFLICT DO UPDATE SET requests = requests + 1",
        )?
        .execute(params![
            bytes(&new.account.user),
            Count(new.created_at.day()),
            bytes(&new.account.provider),
            new.service,
            Neuron::ZERO
        ])?;
    Ok(())
}

/// A call has ended for the first time. One that waits for its receipt has not.
pub(super) fn ended(
    connection: &Connection,
    request: &UserRequest,
    finish: &Finish,
) -> Result<(), StoreError> {
    if !finish.state.is_final() {
        return Ok(());
    }
    let key = params![
        bytes(&request.account.user),
        Count(request.created_at.day()),
        bytes(&request.account.provider),
        request.service,
    ];
    let found = connection
        .prepare_cached(
            "SELECT * FROM request_days WHERE user = ?1 AND day = ?2 AND provider = ?3 AND service = ?4",
        )?
        .query_row(key, read)
        .optional()?;
    let mut day = found.ok_or_else(|| StoreError::invalid("a call is missing from its day's sums"))?;
    day.end(finish.state, (finish.input, finish.output), finish.fee, finish.disputed)?;
    connection
        .prepare_cached(
            "UPDATE request_days SET answered = ?5, failed = ?6, input_units = ?7, output_units = ?8,
                input_fee = ?9, output_fee = ?10, disputed = ?11
             WHERE user = ?1 AND day = ?2 AND provider = ?3 AND service = ?4",
        )?
        .execute(params![
            bytes(&request.account.user),
            Count(request.created_at.day()),
            bytes(&request.account.provider),
            request.service,
            Count(day.answered),
            Count(day.failed),
            day.input,
            day.output,
            day.fee.input,
            day.fee.output,
            day.disputed
        ])?;
    Ok(())
}

impl RequestDay {
    /// Counts one end in.
    fn end(
        &mut self,
        state: UserRequestState,
        (input, output): (Units, Units),
        fee: Fee,
        disputed: Neuron,
    ) -> Result<(), StoreError> {
        match state {
            UserRequestState::Done | UserRequestState::Disputed => {
                self.answered += 1;
                self.input = more(self.input, input);
                self.output = more(self.output, output);
                self.fee = add_fee(self.fee, fee)?;
                self.disputed = add(self.disputed, disputed)?;
            }
            UserRequestState::Failed => self.failed += 1,
            _ => {}
        }
        Ok(())
    }
}

/// Units are no money: their sum is held to what a column can keep, rather than an answer being refused for it.
fn more(sum: Units, more: Units) -> Units {
    Units(sum.0.saturating_add(more.0).min(i64::MAX.unsigned_abs()))
}

fn read(row: &Row<'_>) -> rusqlite::Result<RequestDay> {
    Ok(RequestDay {
        day: row.get::<_, Count>("day")?.0,
        account: account(row)?,
        service: row.get("service")?,
        requests: row.get::<_, Count>("requests")?.0,
        answered: row.get::<_, Count>("answered")?.0,
        failed: row.get::<_, Count>("failed")?.0,
        input: row.get("input_units")?,
        output: row.get("output_units")?,
        fee: Fee { input: row.get("input_fee")?, output: row.get("output_fee")? },
        disputed: row.get("disputed")?,
    })
}

/// The days as the calls themselves give them, for the audit.
#[derive(Debug, Default)]
pub(in crate::store) struct Recount(BTreeMap<(Address, u64, Address, ServiceName), RequestDay>);

impl Recount {
    /// Counts a row of `requests` in.
    pub(in crate::store) fn count(&mut self, row: &Row<'_>) -> Result<(), StoreError> {
        let (id, service): (_, ServiceName) = (account(row)?, row.get("service")?);
        let day = row.get::<_, Timestamp>("created_at")?.day();
        let key = (id.user, day, id.provider, service.clone());
        let sums = self.0.entry(key).or_insert_with(|| RequestDay {
            day,
            account: id,
            service,
            requests: 0,
            answered: 0,
            failed: 0,
            input: Units(0),
            output: Units(0),
            fee: Fee::NONE,
            disputed: Neuron::ZERO,
        });
        sums.requests += 1;
        let fee = Fee { input: row.get("input_fee")?, output: row.get("output_fee")? };
        let units = (row.get("input_units")?, row.get("output_units")?);
        sums.end(row.get("state")?, units, fee, row.get("disputed")?)
    }

    /// Says what does not fit.
    pub(in crate::store) fn compare(
        self,
        connection: &Connection,
        wrong: &mut Vec<String>,
    ) -> Result<(), StoreError> {
        let mut statement =
            connection.prepare("SELECT * FROM request_days ORDER BY user, day, provider, service")?;
        let kept = statement.query_map([], read)?.collect::<Result<Vec<_>, _>>()?;
        let mut counted: Vec<RequestDay> = self.0.into_values().collect();
        // SQLite orders texts by their bytes, as Rust does; sorted again only to be sure of both.
        let order = |day: &RequestDay| {
            (day.account.user, day.day, day.account.provider, day.service.as_str().to_owned())
        };
        counted.sort_by_key(order);
        if kept != counted {
            wrong.push("the sums of a day, provider and service differ from the calls".to_owned());
        }
        Ok(())
    }
}
