//! Brings a database file to the schema this program knows, or refuses it.
//!
//! Migrations are numbered SQL files, one series a role, each run once in its own transaction; the number of the last
//! one is SQLite's `user_version`. A file is never edited after a release: a change is a new file at the end.
//! The `application_id` says whose database it is, so that a broker never opens the other role's.

use std::fmt;

use rusqlite::{Connection, TransactionBehavior};

use super::StoreError;

/// Whose database it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    User,
    Provider,
}

impl Role {
    const ALL: [Self; 2] = [Self::User, Self::Provider];

    /// The four letters at byte 68 of the database file, as SQLite's `application_id`.
    const fn application_id(self) -> i32 {
        match self {
            Self::User => i32::from_be_bytes(*b"0GSU"),
            Self::Provider => i32::from_be_bytes(*b"0GSP"),
        }
    }

    /// The role's migrations in order; the first has number 1.
    pub(in crate::store) const fn migrations(self) -> &'static [&'static str] {
        match self {
            Self::User => &[
                include_str!("user/0001_start.sql"),
                include_str!("user/0002_conversations.sql"),
                include_str!("user/0003_days.sql"),
            ],
            Self::Provider => &[
                include_str!("provider/0001_start.sql"),
                include_str!("provider/0002_services.sql"),
                include_str!("provider/0003_decisions.sql"),
            ],
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::User => "user",
            Self::Provider => "provider",
        })
    }
}

/// Checks whose database it is and runs the migrations it has not seen.
pub(in crate::store) fn migrate(
    connection: &mut Connection,
    role: Role,
    migrations: &[&str],
) -> Result<(), StoreError> {
    let known = u32::try_from(migrations.len()).unwrap_or(u32::MAX);
    let id: i32 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let found: u32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if id != role.application_id() {
        let empty: bool =
            connection.query_row("SELECT NOT EXISTS (SELECT 1 FROM sqlite_schema)", [], |row| row.get(0))?;
        if id != 0 || found != 0 || !empty {
            let found = Role::ALL.into_iter().find(|other| other.application_id() == id);
            return Err(StoreError::Role { wanted: role, found });
        }
    }
    if found > known {
        return Err(StoreError::Newer { found, known });
    }
    for (number, sql) in (1u32..).zip(migrations).skip(found as usize) {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute_batch(sql)?;
        transaction.pragma_update(None, "application_id", role.application_id())?;
        transaction.pragma_update(None, "user_version", number)?;
        transaction.commit()?;
        tracing::debug!(%role, number, "database migrated");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by panicking")]

    use super::*;

    const FIRST: &str = "CREATE TABLE a (x INTEGER) STRICT; INSERT INTO a VALUES (1);";
    const SECOND: &str = "ALTER TABLE a ADD COLUMN y INTEGER NOT NULL DEFAULT 2;";

    #[test]
    fn each_migration_runs_once_and_data_stays() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection, Role::User, &[FIRST]).unwrap();
        connection.execute("INSERT INTO a VALUES (5)", []).unwrap();
        migrate(&mut connection, Role::User, &[FIRST, SECOND]).unwrap();
        migrate(&mut connection, Role::User, &[FIRST, SECOND]).unwrap();
        let sum: i64 = connection.query_row("SELECT SUM(x * 10 + y) FROM a", [], |row| row.get(0)).unwrap();
        assert_eq!(sum, 12 + 52);
    }

    #[test]
    fn a_newer_database_is_refused_untouched() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection, Role::User, &[FIRST, SECOND]).unwrap();
        let error = migrate(&mut connection, Role::User, &[FIRST]).unwrap_err();
        assert!(matches!(error, StoreError::Newer { found: 2, known: 1 }));
        assert!(error.to_string().contains("newer version"));
    }

    #[test]
    fn a_database_of_another_role_or_program_is_refused() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection, Role::Provider, &[FIRST]).unwrap();
        let error = migrate(&mut connection, Role::User, &[FIRST]).unwrap_err();
        assert!(matches!(error, StoreError::Role { wanted: Role::User, found: Some(Role::Provider) }));
        assert_eq!(error.to_string(), "this is the database of a provider broker, not of a user broker");

        let mut foreign = Connection::open_in_memory().unwrap();
        foreign.execute_batch("CREATE TABLE bookmarks (url TEXT)").unwrap();
        let error = migrate(&mut foreign, Role::User, &[FIRST]).unwrap_err();
        assert!(matches!(error, StoreError::Role { wanted: Role::User, found: None }));
    }

    #[test]
    fn a_migration_that_fails_leaves_the_database_as_it_was() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection, Role::User, &[FIRST]).unwrap();
        let broken = "CREATE TABLE b (x INTEGER); INSERT INTO missing VALUES (1);";
        assert!(migrate(&mut connection, Role::User, &[FIRST, broken]).is_err());
        let tables: i64 =
            connection.query_row("SELECT COUNT(*) FROM sqlite_schema", [], |row| row.get(0)).unwrap();
        assert_eq!(tables, 1);
        migrate(&mut connection, Role::User, &[FIRST, SECOND]).unwrap();
    }

    #[test]
    fn the_shipped_schemas_apply_to_an_empty_file() {
        for role in Role::ALL {
            let mut connection = Connection::open_in_memory().unwrap();
            migrate(&mut connection, role, role.migrations()).unwrap();
        }
    }
}
