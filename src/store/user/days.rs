//! Sums of calls by UTC day, provider and service, so that a chart of a year does not read every call.
//!
//! The table holds what is filed (`store/filing.rs`); reading adds the few calls that are not. The audit recomputes it.

use std::collections::{BTreeMap, btree_map::Entry};

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{UserRequest, UserStore};
use crate::{
    domain::{AccountId, Address, Fee, Neuron, ServiceName, Timestamp, Units, UserRequestState},
    store::{
        StoreError,
        amount::{Count, add, add_fee, sub, sub_fee},
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
                    "SELECT * FROM request_days WHERE day BETWEEN ?2 AND ?3 AND user = ?1
                     ORDER BY day, provider, service",
                )?;
                let rows = statement.query_map(params![bytes(&user), held(from), held(to)], read)?;
                let filed = rows.collect::<Result<Vec<_>, _>>()?;
                let mut others = Days::default();
                let mut statement = connection.prepare_cached(
                    "SELECT * FROM requests INDEXED BY requests_unfiled WHERE filed = 0 AND user = ?1",
                )?;
                let mut rows = statement.query([bytes(&user)])?;
                while let Some(row) = rows.next()? {
                    if (from..=to).contains(&row.get::<_, Timestamp>("created_at")?.day()) {
                        others.count(row)?;
                    }
                }
                if others.0.is_empty() {
                    return Ok(filed);
                }
                let mut days = Days(filed.into_iter().map(|day| (day.key(), day)).collect());
                for day in others.0.into_values() {
                    days.add(day)?;
                }
                Ok(days.0.into_values().collect())
            })
            .await
    }
}

/// What the calls of a day (days since 1970, as [`Timestamp::day`] gives it) cost with each provider.
pub(super) fn spent_on(connection: &Connection, day: u64) -> Result<BTreeMap<Address, Neuron>, StoreError> {
    let mut sums = BTreeMap::<Address, Neuron>::new();
    let mut spend = |row: &Row<'_>| -> Result<(), StoreError> {
        let provider = Address::from(row.get::<_, [u8; 20]>("provider")?);
        let fee = add(row.get("input_fee")?, row.get("output_fee")?)?;
        if !fee.is_zero() {
            let sum = sums.entry(provider).or_default();
            *sum = add(*sum, fee)?;
        }
        Ok(())
    };
    let mut statement = connection
        .prepare_cached("SELECT provider, input_fee, output_fee FROM request_days WHERE day = ?1")?;
    let mut rows = statement.query([Count(day)])?;
    while let Some(row) = rows.next()? {
        spend(row)?;
    }
    let mut statement = connection.prepare_cached(
        "SELECT provider, created_at, input_fee, output_fee FROM requests INDEXED BY requests_unfiled WHERE filed = 0",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        if row.get::<_, Timestamp>("created_at")?.day() == day {
            spend(row)?;
        }
    }
    Ok(sums)
}

/// A filed call that had ended as disputed costs `fee` now, and nothing of it is disputed any more.
pub(super) fn accepted(connection: &Connection, request: &UserRequest, fee: Fee) -> Result<(), StoreError> {
    let key = params![
        Count(request.created_at.day()),
        bytes(&request.account.user),
        bytes(&request.account.provider),
        request.service,
    ];
    let found = connection
        .prepare_cached(
            "SELECT * FROM request_days WHERE day = ?1 AND user = ?2 AND provider = ?3 AND service = ?4",
        )?
        .query_row(key, read)
        .optional()?;
    let day = found.ok_or_else(|| StoreError::invalid("a call is missing from its day's sums"))?;
    let sum = add_fee(sub_fee(day.fee, request.fee)?, fee)?;
    connection
        .prepare_cached(
            "UPDATE request_days SET input_fee = ?5, output_fee = ?6, disputed = ?7
             WHERE day = ?1 AND user = ?2 AND provider = ?3 AND service = ?4",
        )?
        .execute(params![
            Count(request.created_at.day()),
            bytes(&request.account.user),
            bytes(&request.account.provider),
            request.service,
            sum.input,
            sum.output,
            sub(day.disputed, request.disputed)?
        ])?;
    Ok(())
}

/// A user's day with a provider and service.
type Place = (u64, Address, Address, ServiceName);

impl RequestDay {
    fn key(&self) -> Place {
        (self.day, self.account.user, self.account.provider, self.service.clone())
    }

    /// Adds the sums of the same place.
    fn add(&mut self, more: &Self) -> Result<(), StoreError> {
        self.requests += more.requests;
        self.answered += more.answered;
        self.failed += more.failed;
        self.input = sum(self.input, more.input);
        self.output = sum(self.output, more.output);
        self.fee = add_fee(self.fee, more.fee)?;
        self.disputed = add(self.disputed, more.disputed)?;
        Ok(())
    }

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
                self.input = sum(self.input, input);
                self.output = sum(self.output, output);
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
fn sum(sum: Units, more: Units) -> Units {
    Units(sum.0.saturating_add(more.0).min(i64::MAX.unsigned_abs()))
}

fn read(row: &Row<'_>) -> rusqlite::Result<RequestDay> {
    let (answered, failed) = (row.get::<_, Count>("answered")?.0, row.get::<_, Count>("failed")?.0);
    Ok(RequestDay {
        day: row.get::<_, Count>("day")?.0,
        account: account(row)?,
        service: row.get("service")?,
        requests: answered.saturating_add(failed),
        answered,
        failed,
        input: row.get("input_units")?,
        output: row.get("output_units")?,
        fee: Fee { input: row.get("input_fee")?, output: row.get("output_fee")? },
        disputed: row.get("disputed")?,
    })
}

/// Days as the calls themselves give them: to be filed, to be shown beside the filed ones, or for the audit.
#[derive(Debug, Default)]
pub(in crate::store) struct Days(BTreeMap<Place, RequestDay>);

impl Days {
    /// Counts a row of `requests` in.
    pub(in crate::store) fn count(&mut self, row: &Row<'_>) -> Result<(), StoreError> {
        let (id, service): (_, ServiceName) = (account(row)?, row.get("service")?);
        let day = row.get::<_, Timestamp>("created_at")?.day();
        let key = (day, id.user, id.provider, service.clone());
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

    fn add(&mut self, day: RequestDay) -> Result<(), StoreError> {
        match self.0.entry(day.key()) {
            Entry::Occupied(mut kept) => kept.get_mut().add(&day)?,
            Entry::Vacant(place) => {
                place.insert(day);
            }
        }
        Ok(())
    }

    /// Adds everything that was counted to the days.
    pub(in crate::store) fn write(&self, connection: &Connection) -> Result<(), StoreError> {
        self.write_to(connection, "request_days")
    }

    /// Notes that what was counted is in the days, but no longer among the calls.
    pub(in crate::store) fn prune(&self, connection: &Connection) -> Result<(), StoreError> {
        self.write_to(connection, "pruned_days")
    }

    fn write_to(&self, connection: &Connection, table: &str) -> Result<(), StoreError> {
        let mut statement = connection.prepare_cached(&format!(
            // Units are no money: their sum is held to what a column can keep.
            "INSERT INTO {table} (day, user, provider, service, answered, failed, input_units, output_units,
                input_fee, output_fee, disputed)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
             ON CONFLICT DO UPDATE SET answered = answered + ?5, failed = failed + ?6,
                input_units = iif(input_units > 9223372036854775807 - ?7, 9223372036854775807, input_units + ?7),
                output_units = iif(output_units > 9223372036854775807 - ?8, 9223372036854775807, output_units + ?8),
                input_fee = plus(input_fee, ?9), output_fee = plus(output_fee, ?10), disputed = plus(disputed, ?11)",
        ))?;
        for day in self.0.values() {
            statement.execute(params![
                Count(day.day),
                bytes(&day.account.user),
                bytes(&day.account.provider),
                day.service,
                Count(day.answered),
                Count(day.failed),
                day.input,
                day.output,
                day.fee.input,
                day.fee.output,
                day.disputed
            ])?;
        }
        Ok(())
    }

    /// Says what does not fit.
    pub(in crate::store) fn compare(
        mut self,
        connection: &Connection,
        wrong: &mut Vec<String>,
    ) -> Result<(), StoreError> {
        let all = |table: &str| -> Result<BTreeMap<Place, RequestDay>, StoreError> {
            let mut statement = connection.prepare(&format!("SELECT * FROM {table}"))?;
            let days = statement.query_map([], read)?.map(|day| day.map(|day| (day.key(), day)));
            Ok(days.collect::<Result<_, _>>()?)
        };
        for day in all("pruned_days")?.into_values() {
            self.add(day)?;
        }
        if all("request_days")? != self.0 {
            wrong.push("the sums of a day, provider and service differ from the calls".to_owned());
        }
        Ok(())
    }
}
