//! Recomputes every sum that the books keep from the rows below it, and has SQLite check the file.
//!
//! The answer is a list of sentences, empty when all is well (invariants I7 and I17). For `doctor` and for tests that
//! kill brokers; it reads everything and looks each row up in each of its indexes, so it takes up to a minute for each
//! million calls.

use std::collections::BTreeMap;

use rusqlite::Connection;

use super::{Db, Role, StoreError, amount::add, columns::account, filing, totals::Sums, user, user::Days};
use crate::domain::{AccountId, Fee, Neuron};

/// What the rows of `requests` come to.
#[derive(Default)]
struct Recomputed {
    owed: BTreeMap<AccountId, Neuron>,
    disputed: BTreeMap<AccountId, Neuron>,
    filed: Sums,
    request_days: Days,
}

/// Checks file and books, and says what does not fit.
pub(in crate::store) async fn audit(db: &Db) -> Result<Vec<String>, StoreError> {
    let role = db.role();
    db.read(move |connection| {
        let mut wrong = check_file(connection)?;
        let rows = recompute(connection, role)?;
        compare_accounts(connection, role, &rows, &mut wrong)?;
        if role == Role::User {
            compare_pruned(connection, &mut wrong)?;
        }
        compare_totals(connection, &rows, &mut wrong)?;
        if role == Role::User {
            user::conversations::audit(connection, &mut wrong)?;
            rows.request_days.compare(connection, &mut wrong)?;
        }
        Ok(wrong)
    })
    .await
}

/// Has a connection look at its indexes of words anew. SQLite's own check of them trusts what the connection read of
/// them last, and calls an index damaged that another connection has changed since; a search does not.
fn search_once(connection: &Connection) -> Result<(), StoreError> {
    let sql = "SELECT name FROM sqlite_schema WHERE type = 'table' AND sql LIKE '%USING fts5%'";
    let mut statement = connection.prepare(sql)?;
    let names = statement.query_map([], |row| row.get::<_, String>(0))?.collect::<Result<Vec<_>, _>>()?;
    for name in names {
        connection.prepare(&format!("SELECT 1 FROM {name} WHERE {name} MATCH 'a' LIMIT 1"))?.exists([])?;
    }
    Ok(())
}

pub(in crate::store) fn check_file(connection: &Connection) -> Result<Vec<String>, StoreError> {
    search_once(connection)?;
    // The quick one does not hold indexes against their rows: a row that is missing from one is in no list that goes
    // by it.
    let mut statement = connection.prepare("PRAGMA integrity_check")?;
    let found = statement.query_map([], |row| row.get::<_, String>(0))?.collect::<Result<Vec<_>, _>>()?;
    let mut wrong: Vec<String> = found
        .into_iter()
        .filter(|line| line != "ok")
        .map(|line| format!("the file is damaged: {line}"))
        .collect();
    let mut statement = connection.prepare("PRAGMA foreign_key_check")?;
    if statement.exists([])? {
        wrong.push("a row refers to another that is missing".to_owned());
    }
    Ok(wrong)
}

fn recompute(connection: &Connection, role: Role) -> Result<Recomputed, StoreError> {
    let mut found = Recomputed::default();
    let mut statement = connection.prepare("SELECT * FROM requests")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let id = account(row)?;
        let fee = Fee { input: row.get("input_fee")?, output: row.get("output_fee")? };
        let total: Neuron = row.get("fee")?;
        if add(fee.input, fee.output)? != total {
            return Err(StoreError::invalid("a call's fee is not the sum of its parts"));
        }
        let owed = found.owed.entry(id).or_default();
        *owed = add(*owed, total)?;
        let filed: bool = row.get("filed")?;
        if filed {
            found.filed.count(filing::key(row, role)?, fee)?;
        }
        if role == Role::User {
            if filed {
                found.request_days.count(row)?;
            }
            let disputed = found.disputed.entry(id).or_default();
            *disputed = add(*disputed, row.get("disputed")?)?;
        }
    }
    Ok(found)
}

fn compare_accounts(
    connection: &Connection,
    role: Role,
    rows: &Recomputed,
    wrong: &mut Vec<String>,
) -> Result<(), StoreError> {
    let mut statement = connection.prepare("SELECT * FROM accounts")?;
    let mut accounts = statement.query([])?;
    let mut seen = 0;
    while let Some(row) = accounts.next()? {
        let id = account(row)?;
        let mut compare = |what: &str, kept: Neuron, more: Neuron, sums: &BTreeMap<AccountId, Neuron>| {
            let sum = sums.get(&id).copied().unwrap_or_default();
            if sum.checked_add(more) != Some(kept) {
                let and_more = if more.is_zero() {
                    String::new()
                } else {
                    format!(", and what is not from them to {more}")
                };
                wrong.push(format!(
                    "account {} with {}: {what} is {kept}, but its calls come to {sum}{and_more}",
                    id.user, id.provider
                ));
            }
        };
        // What is not from these calls: the books of before, and calls that were deleted.
        let elsewhere = add(row.get("carried")?, row.get("pruned")?)?;
        compare("owed", row.get("owed")?, elsewhere, &rows.owed);
        if role == Role::User {
            compare("disputed", row.get("disputed")?, Neuron::ZERO, &rows.disputed);
        }
        seen += usize::from(rows.owed.contains_key(&id));
    }
    if seen < rows.owed.len() {
        wrong.push("there are calls of accounts that are missing".to_owned());
    }
    Ok(())
}

/// What was noted of deleted calls in two places has to be the same: with each account, and by days.
fn compare_pruned(connection: &Connection, wrong: &mut Vec<String>) -> Result<(), StoreError> {
    let mut days = BTreeMap::<AccountId, Neuron>::new();
    let mut statement =
        connection.prepare("SELECT user, provider, input_fee, output_fee FROM pruned_days")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let sum = days.entry(account(row)?).or_default();
        *sum = add(*sum, add(row.get("input_fee")?, row.get("output_fee")?)?)?;
    }
    let mut statement = connection.prepare("SELECT user, provider, pruned FROM accounts")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (id, pruned): (_, Neuron) = (account(row)?, row.get("pruned")?);
        let sum = days.remove(&id).unwrap_or_default();
        if pruned != sum {
            wrong.push(format!(
                "account {} with {}: {pruned} is owed for deleted calls, but their days come to {sum}",
                id.user, id.provider
            ));
        }
    }
    if !days.is_empty() {
        wrong.push("there are deleted calls of accounts that are missing".to_owned());
    }
    Ok(())
}

fn compare_totals(
    connection: &Connection,
    rows: &Recomputed,
    wrong: &mut Vec<String>,
) -> Result<(), StoreError> {
    if !rows.filed.are_in(connection)? {
        wrong.push("the running totals of calls differ from the calls".to_owned());
    }
    Ok(())
}
