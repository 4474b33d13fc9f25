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
                include_str!("user/0004_forget.sql"),
                include_str!("user/0005_accepted_and_asked.sql"),
                include_str!("user/0006_carried.sql"),
                include_str!("user/0007_filed.sql"),
                include_str!("user/0008_growing.sql"),
            ],
            Self::Provider => &[
                include_str!("provider/0001_start.sql"),
                include_str!("provider/0002_services.sql"),
                include_str!("provider/0003_decisions.sql"),
                include_str!("provider/0004_filed.sql"),
            ],
        }
    }
}

impl Role {
    /// The number of the newest migration that this program knows.
    pub fn newest_schema(self) -> u32 {
        u32::try_from(self.migrations().len()).unwrap_or(u32::MAX)
    }

    /// user or provider.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.to_string() == name)
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

/// Whether a database is of this role and has migrations before it. A new one has not: it is made as it should be.
pub(in crate::store) fn is_behind(connection: &Connection, role: Role) -> Result<bool, StoreError> {
    let known = u32::try_from(role.migrations().len()).unwrap_or(u32::MAX);
    let id: i32 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let found: u32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    Ok(id == role.application_id() && found < known)
}

/// The number of the last migration of a database of this role.
///
/// # Errors
/// [`StoreError::Role`] for another's; [`StoreError::Newer`].
pub(in crate::store) fn known(connection: &Connection, role: Role) -> Result<u32, StoreError> {
    let id: i32 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let found: u32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if id != role.application_id() {
        let found = Role::ALL.into_iter().find(|other| other.application_id() == id);
        return Err(StoreError::Role { wanted: role, found });
    }
    match role.newest_schema() {
        known if found > known => Err(StoreError::Newer { found, known }),
        _ => Ok(found),
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

    /// An edited migration would leave two kinds of databases that call themselves the same. Whoever adds one adds its
    /// line here; a line that is there does not change any more.
    #[test]
    fn no_migration_is_edited_afterwards() {
        use sha2::{Digest, Sha256};
        let known = [
            (Role::User, "807c9d17d83782274d8e12d753557d07cac52a4a33d2eb68d95376678c085f08"), // 0001_start.sql
            (Role::User, "a94fddf29e1064be00fc870b74d5394653070b0d65aca3ed2fa6338039ec4957"), // 0002_conversations.sql
            (Role::User, "ff7c0e18add45050d559544af3a75fc5aabfc1189e6170792254aab88d0eea06"), // 0003_days.sql
            (Role::User, "f5c5ab7b859026549708ad10b84d858ebc907508060dc2b268221f134f4dfaaf"), // 0004_forget.sql
            (Role::User, "a8e8ab0f1694130d1b474e0170cf2ec27649aaab98423ada41cbe5764fa08a6c"), // 0005_accepted_and_asked.sql
            (Role::User, "7168e52047a381ce7e25ab649c20784d6a9f90c43fb59dbaddf8d197f647880d"), // 0006_carried.sql
            (Role::User, "2fb30fac1c9aff66f894678ff91dfecd85605387f477b80351f6869c38f23392"), // 0007_filed.sql
            (Role::User, "9a6e89171ad8acf8548c7342682ff92554f52d37e6177ca4c355cbea88959c40"), // 0008_growing.sql
            (Role::Provider, "1952d700e34eb1252e7ef8faa60877d5610de0ded0a5b736a8cb19a133a41653"), // 0001_start.sql
            (Role::Provider, "f608b530d6e2dcb3039866445e24f758e68165e1b73e7d684abb96785d24dbe4"), // 0002_services.sql
            (Role::Provider, "7365c429ba00c73b94785af323b7a33b820016794d1956270da26c6d4cffc440"), // 0003_decisions.sql
            (Role::Provider, "63a9afa56da63d7f4050dfdb3f49223b0bfd27c39c3f0bf5a7d9f82c5f0b702e"), // 0004_filed.sql
        ];
        let all = Role::ALL.into_iter().flat_map(|role| role.migrations().iter().map(move |sql| (role, sql)));
        let found: Vec<_> =
            all.map(|(role, sql)| (role, alloy::primitives::hex::encode(Sha256::digest(sql)))).collect();
        let found: Vec<_> = found.iter().map(|(role, hash)| (*role, hash.as_str())).collect();
        assert_eq!(found, known);
    }

    #[test]
    fn an_older_database_is_known_before_it_is_changed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("user.db");
        let behind = || crate::store::Db::is_behind(&path, Role::User).unwrap();
        assert!(!behind() && !path.exists(), "a look makes no file");
        let mut connection = Connection::open(&path).unwrap();
        crate::store::amount::teach(&connection).unwrap();
        assert!(!behind(), "a new one is made as it should be");
        let all = Role::User.migrations();
        migrate(&mut connection, Role::User, &all[..all.len() - 1]).unwrap();
        drop(connection);
        assert!(behind());
        drop(crate::store::Db::open(&path, Role::User).unwrap());
        assert!(!behind());
        assert!(
            !crate::store::Db::is_behind(&path, Role::Provider).unwrap(),
            "another role's is not ours to change"
        );
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
            crate::store::amount::teach(&connection).unwrap();
            migrate(&mut connection, role, role.migrations()).unwrap();
        }
    }
}
