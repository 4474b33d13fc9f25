//! Filing: what a request's row is put off until some time after its end.
//!
//! While a request is under way its row stands in two indexes only, the one of its id and the small one of what is not filed. The
//! writer files many ended rows at once (`writer.rs`, after every so many changes): in one transaction they enter the indexes
//! by which lists are read (all of them partial, `WHERE filed = 1`) and the sums of `totals.rs` and `user/days.rs`. Everything that
//! reads lists or sums adds the rows that are not filed yet; there are few. What is owed is no part of this: it changes with
//! the row itself. A kill in the middle of filing changes nothing that can be seen.

use rusqlite::{Connection, params};

use super::{
    Role, StoreError,
    columns::account,
    totals::{Key, Sums},
    user::Days,
};
use crate::domain::{Fee, ProviderRequestState, ServiceName, Timestamp, UserRequestState};

/// Rows are filed after so many changes; in unit tests and where processes are killed after every third, so that they meet rows of
/// both kinds.
const EVERY: usize = if cfg!(any(test, feature = "crash-points")) { 3 } else { 128 };

/// How many rows are filed in one transaction at most; a request has two changes or three.
const AT_ONCE: u32 = 256;

/// When it is time to file.
#[derive(Debug)]
pub(in crate::store) struct Filing {
    role: Role,
    changes: usize,
}

impl Filing {
    pub fn new(role: Role) -> Self {
        // What the last run left is filed with the first change.
        Self { role, changes: EVERY }
    }

    /// So many more changes were made. Whether it is time now.
    pub fn changed(&mut self, jobs: usize) -> bool {
        self.changes = self.changes.saturating_add(jobs);
        let due = self.changes >= EVERY;
        if due {
            self.changes = 0;
        }
        due
    }

    /// Whether there is anything to file.
    pub fn is_waited_for(&self, connection: &Connection) -> Result<bool, StoreError> {
        let sql = format!(
            "SELECT 1 FROM requests INDEXED BY requests_unfiled WHERE filed = 0 AND state NOT IN ({})",
            open(self.role)
        );
        Ok(connection.prepare_cached(&sql)?.exists([])?)
    }

    /// Files the oldest rows that have ended. Runs inside a transaction.
    pub fn file(&self, connection: &Connection) -> Result<(), StoreError> {
        file(connection, self.role)
    }
}

/// States of rows that have not ended, as SQL lists them.
fn open(role: Role) -> &'static str {
    match role {
        Role::User => "'reserved', 'sent', 'unconfirmed'",
        Role::Provider => "'admitted'",
    }
}

fn file(connection: &Connection, role: Role) -> Result<(), StoreError> {
    let open = open(role);
    let mut statement = connection.prepare_cached(&format!(
        "SELECT rowid AS number, * FROM requests INDEXED BY requests_unfiled
         WHERE filed = 0 AND state NOT IN ({open}) ORDER BY rowid LIMIT {AT_ONCE}"
    ))?;
    let (mut numbers, mut sums, mut days) = (Vec::new(), Sums::default(), Days::default());
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        numbers.push(row.get::<_, i64>("number")?);
        let fee = Fee { input: row.get("input_fee")?, output: row.get("output_fee")? };
        sums.count(key(row, role)?, fee)?;
        if role == Role::User {
            days.count(row)?;
        }
    }
    drop(rows);
    drop(statement);
    let mut filed = connection.prepare_cached("UPDATE requests SET filed = 1 WHERE rowid = ?1")?;
    for number in numbers {
        filed.execute(params![number])?;
    }
    sums.write(connection)?;
    if role == Role::User {
        days.write(connection)?;
    }
    Ok(())
}

/// A row of `requests` as the sums know it.
pub(in crate::store) fn key(row: &rusqlite::Row<'_>, role: Role) -> rusqlite::Result<Key> {
    let state = match role {
        Role::User => row.get::<_, UserRequestState>("state")?.as_str(),
        Role::Provider => row.get::<_, ProviderRequestState>("state")?.as_str(),
    };
    Ok(Key {
        account: account(row)?,
        service: row.get::<_, ServiceName>("service")?,
        state,
        day: row.get::<_, Timestamp>("created_at")?.day(),
    })
}
