//! Sums of requests by account, service, state and day, so that no listing adds up the whole history.
//!
//! They hold what is filed (`filing.rs`); whoever reads them adds the few rows that are not. The audit recomputes them.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, Row, ToSql, params};

use super::{
    StoreError,
    amount::{Count, add_fee, sub_fee},
    columns::{account, bytes},
    page::{Filter, Totals},
};
use crate::domain::{AccountId, Fee, ServiceName};

/// Microseconds of a day.
const DAY: i64 = 86_400_000_000;

/// A request as the sums know it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::store) struct Key {
    pub account: AccountId,
    pub service: ServiceName,
    /// The state's word.
    pub state: &'static str,
    /// The UTC day on which it was made, in days since 1970.
    pub day: u64,
}

/// What is to be added to the sums.
#[derive(Debug, Default)]
pub(in crate::store) struct Sums {
    accounts: BTreeMap<(AccountId, ServiceName, &'static str), Totals>,
    services: BTreeMap<(ServiceName, &'static str), Totals>,
    days: BTreeMap<(u64, ServiceName, &'static str), Totals>,
}

impl Sums {
    /// Counts a request in, with what it costs.
    pub fn count(&mut self, key: Key, fee: Fee) -> Result<(), StoreError> {
        let Key { account, service, state, day } = key;
        grow(self.accounts.entry((account, service.clone(), state)).or_default(), fee)?;
        grow(self.days.entry((day, service.clone(), state)).or_default(), fee)?;
        grow(self.services.entry((service, state)).or_default(), fee)
    }

    /// Adds everything that was counted to the tables.
    pub fn write(&self, connection: &Connection) -> Result<(), StoreError> {
        let mut accounts = connection.prepare_cached(
            "INSERT INTO request_totals (user, provider, service, state, count, input_fee, output_fee)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
             ON CONFLICT DO UPDATE SET count = count + ?5, input_fee = plus(input_fee, ?6), output_fee = plus(output_fee, ?7)",
        )?;
        for ((account, service, state), Totals { count, fee }) in &self.accounts {
            let (user, provider) = (bytes(&account.user), bytes(&account.provider));
            accounts.execute(params![
                user,
                provider,
                service,
                state,
                Count(*count),
                fee.input,
                fee.output
            ])?;
        }
        let mut services = connection.prepare_cached(
            "INSERT INTO service_totals (service, state, count, input_fee, output_fee) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT DO UPDATE SET count = count + ?3, input_fee = plus(input_fee, ?4), output_fee = plus(output_fee, ?5)",
        )?;
        for ((service, state), Totals { count, fee }) in &self.services {
            services.execute(params![service, state, Count(*count), fee.input, fee.output])?;
        }
        let mut days = connection.prepare_cached(
            "INSERT INTO service_days (day, service, state, count, input_fee, output_fee) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT DO UPDATE SET count = count + ?4, input_fee = plus(input_fee, ?5), output_fee = plus(output_fee, ?6)",
        )?;
        for ((day, service, state), Totals { count, fee }) in &self.days {
            days.execute(params![Count(*day), service, state, Count(*count), fee.input, fee.output])?;
        }
        Ok(())
    }

    /// Takes everything that was counted out of the tables again: filed requests that move on, or are deleted.
    pub fn take_out(&self, connection: &Connection) -> Result<(), StoreError> {
        for ((account, service, state), sum) in &self.accounts {
            let (user, provider) = (bytes(&account.user), bytes(&account.provider));
            let place = "user = ?1 AND provider = ?2 AND service = ?3 AND state = ?4";
            take_from(connection, ("request_totals", place), &[&user, &provider, service, state], *sum)?;
        }
        for ((service, state), sum) in &self.services {
            take_from(
                connection,
                ("service_totals", "service = ?1 AND state = ?2"),
                &[service, state],
                *sum,
            )?;
        }
        for ((day, service, state), sum) in &self.days {
            let place = "day = ?1 AND service = ?2 AND state = ?3";
            take_from(connection, ("service_days", place), &[&Count(*day), service, state], *sum)?;
        }
        Ok(())
    }
}

fn take_from(
    connection: &Connection,
    (table, place): (&str, &str),
    key: &[&dyn ToSql],
    part: Totals,
) -> Result<(), StoreError> {
    let missing = || StoreError::invalid("a request is missing from the totals");
    let sum = connection
        .prepare_cached(&format!("SELECT input_fee, output_fee FROM {table} WHERE {place}"))?
        .query_row(key, |row| Ok(Fee { input: row.get(0)?, output: row.get(1)? }))
        .optional()?
        .ok_or_else(missing)?;
    let (rest, count) = (sub_fee(sum, part.fee)?, Count(part.count));
    let first = key.len() + 1;
    let mut values = key.to_vec();
    values.extend([&count as &dyn ToSql, &rest.input, &rest.output]);
    connection
        .prepare_cached(&format!(
            "UPDATE {table} SET count = count - ?{first}, input_fee = ?{}, output_fee = ?{} WHERE {place}",
            first + 1,
            first + 2
        ))?
        .execute(values.as_slice())?;
    Ok(())
}

impl Sums {
    /// Whether the tables hold exactly this.
    pub fn are_in(&self, connection: &Connection) -> Result<bool, StoreError> {
        let totals = |row: &Row<'_>| -> rusqlite::Result<Totals> {
            let fee = Fee { input: row.get("input_fee")?, output: row.get("output_fee")? };
            Ok(Totals { count: row.get::<_, Count>("count")?.0, fee })
        };
        let kind = |row: &Row<'_>| -> rusqlite::Result<(ServiceName, String)> {
            Ok((row.get("service")?, row.get("state")?))
        };
        let accounts = kept(connection, "request_totals", |row| {
            let (service, state) = kind(row)?;
            Ok(((account(row)?, service, state), totals(row)?))
        })?;
        let services = kept(connection, "service_totals", |row| Ok((kind(row)?, totals(row)?)))?;
        let days = kept(connection, "service_days", |row| {
            let (service, state) = kind(row)?;
            Ok(((row.get::<_, Count>("day")?.0, service, state), totals(row)?))
        })?;
        let owned = |(service, state): (&ServiceName, &&str)| (service.clone(), (*state).to_owned());
        let of_accounts = self.accounts.iter().map(|((id, service, state), sum)| {
            let (service, state) = owned((service, state));
            ((*id, service, state), *sum)
        });
        let of_services = self.services.iter().map(|((service, state), sum)| (owned((service, state)), *sum));
        let of_days = self.days.iter().map(|((day, service, state), sum)| {
            let (service, state) = owned((service, state));
            ((*day, service, state), *sum)
        });
        Ok(accounts == of_accounts.collect()
            && services == of_services.collect()
            && days == of_days.collect())
    }
}

/// A table of sums; a sum of nothing is none.
fn kept<K: Ord>(
    connection: &Connection,
    table: &str,
    read: impl FnMut(&Row<'_>) -> rusqlite::Result<(K, Totals)>,
) -> Result<BTreeMap<K, Totals>, StoreError> {
    let mut statement = connection.prepare(&format!("SELECT * FROM {table} WHERE count > 0"))?;
    Ok(statement.query_map([], read)?.collect::<Result<_, _>>()?)
}

fn grow(totals: &mut Totals, fee: Fee) -> Result<(), StoreError> {
    *totals = Totals { count: totals.count.saturating_add(1), fee: add_fee(totals.fee, fee)? };
    Ok(())
}

/// What is asked of lists and sums: conditions on account columns, service and state, and limits of time in microseconds.
#[derive(Debug)]
pub(in crate::store) struct Asked {
    pub account: Filter,
    /// The index of requests by those columns and by time.
    pub account_index: &'static str,
    pub service: Option<ServiceName>,
    /// The state's word.
    pub state: Option<&'static str>,
    pub from: Option<i64>,
    pub to: Option<i64>,
}

impl Asked {
    /// Whether there are limits of time.
    pub fn is_timed(&self) -> bool {
        self.from.is_some() || self.to.is_some()
    }

    /// The conditions on service and state.
    fn kind(&self) -> Filter {
        let mut kind = Filter::default();
        kind.and_if("service = ?", self.service.as_ref().map(|service| service.as_str().to_owned()));
        kind.and_if("state = ?", self.state.map(str::to_owned));
        kind
    }

    /// The same as conditions on rows.
    pub fn conditions(&self) -> Filter {
        let mut all = Filter::default();
        all.and_all(&self.account);
        all.and_all(&self.kind());
        all.and_if("created_at >= ?", self.from);
        all.and_if("created_at < ?", self.to);
        all
    }

    /// How many requests there are and what they cost, exactly.
    pub fn sum(&self, connection: &Connection) -> Result<Totals, StoreError> {
        let mut totals = Totals::default();
        let (all, timed) = (self.conditions(), self.is_timed());
        add_up(connection, unfiled(&all), &all, &mut totals)?;
        if !self.account.is_empty() && timed {
            // SQLite would take any other index of two conditions that was made later.
            add_up(connection, filed(&all, Some(self.account_index)), &all, &mut totals)?;
        } else if !self.account.is_empty() {
            let mut kept = Filter::default();
            kept.and_all(&self.account);
            kept.and_all(&self.kind());
            add_up(
                connection,
                format!("SELECT count, input_fee, output_fee FROM request_totals{}", kept.sql()),
                &kept,
                &mut totals,
            )?;
        } else if timed {
            self.days(connection, &mut totals)?;
        } else {
            let kind = self.kind();
            let sql = format!("SELECT count, input_fee, output_fee FROM service_totals{}", kind.sql());
            add_up(connection, sql, &kind, &mut totals)?;
        }
        Ok(totals)
    }

    /// Whole days from their sums, the parts of days at both ends row by row. A moment before 1970 counts for its first day.
    fn days(&self, connection: &Connection, totals: &mut Totals) -> Result<(), StoreError> {
        let (from, to) = (self.from.unwrap_or(i64::MIN), self.to.unwrap_or(i64::MAX));
        // The first and last day whose every moment lies within.
        let first = if from <= 0 { if from == i64::MIN { 0 } else { 1 } } else { (from - 1) / DAY + 1 };
        let behind = if to <= 0 { 0 } else { to / DAY };
        let parts = if first >= behind {
            vec![(from, to)]
        } else {
            let mut whole = Filter::default();
            whole.and("day >= ?", first);
            whole.and("day < ?", if self.to.is_none() { i64::MAX } else { behind });
            whole.and_all(&self.kind());
            let sql = format!("SELECT count, input_fee, output_fee FROM service_days{}", whole.sql());
            add_up(connection, sql, &whole, totals)?;
            let mut parts = Vec::new();
            if self.from.is_some() {
                parts.push((from, first * DAY));
            }
            if self.to.is_some() {
                parts.push((behind * DAY, to));
            }
            parts
        };
        for (from, to) in parts {
            let mut part = Filter::default();
            part.and_all(&self.kind());
            part.and("created_at >= ?", from);
            part.and("created_at < ?", to);
            add_up(connection, filed(&part, None), &part, totals)?;
        }
        Ok(())
    }
}

/// Filed requests one by one, by an index.
pub(in crate::store) fn filed(filter: &Filter, index: Option<&'static str>) -> String {
    let by = index.map(|index| format!(" INDEXED BY {index}")).unwrap_or_default();
    format!("SELECT 1, input_fee, output_fee FROM requests{by}{}filed = 1", begun(filter))
}

/// The few others.
fn unfiled(filter: &Filter) -> String {
    let begun = begun(filter);
    format!("SELECT 1, input_fee, output_fee FROM requests INDEXED BY requests_unfiled{begun}filed = 0")
}

/// A clause that one more condition is added to.
fn begun(filter: &Filter) -> String {
    if filter.is_empty() { " WHERE ".to_owned() } else { format!("{} AND ", filter.sql()) }
}

/// Adds requests up one by one, for filters that the sums do not know.
pub(in crate::store) fn scan(connection: &Connection, filter: &Filter) -> Result<Totals, StoreError> {
    let mut totals = Totals::default();
    add_up(
        connection,
        format!("SELECT 1, input_fee, output_fee FROM requests{}", filter.sql()),
        filter,
        &mut totals,
    )?;
    Ok(totals)
}

fn add_up(
    connection: &Connection,
    sql: String,
    filter: &Filter,
    totals: &mut Totals,
) -> Result<(), StoreError> {
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query(rusqlite::params_from_iter(&filter.values))?;
    while let Some(row) = rows.next()? {
        totals.count = totals.count.saturating_add(row.get::<_, Count>(0)?.0);
        totals.fee = add_fee(totals.fee, Fee { input: row.get(1)?, output: row.get(2)? })?;
    }
    Ok(())
}
