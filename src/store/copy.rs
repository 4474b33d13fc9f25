//! A copy of a database as it is at one moment, made while a broker changes it.
//!
//! SQLite's own online backup copies page by page, inside one read transaction: it waits for no writer, no writer waits
//! for it, and the copy has every change whose write had returned when it began. (`VACUUM INTO` would number rows anew that the
//! tables are read by.)

use std::path::Path;
use std::time::Duration;

use rusqlite::backup::Backup;
use rusqlite::{Connection, OpenFlags};

use super::{Network, Role, StoreError, audit, db::connect, migrate, network};
use crate::private_files;

/// Pages copied at a time.
const PAGES: i32 = 1024;

/// What a database file says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct About {
    pub role: Role,
    /// The number of its last migration.
    pub schema: u32,
    /// `None` before its broker's first start.
    pub network: Option<Network>,
}

/// Copies the database of a role into a new file, mode 0600, and looks whether the copy is whole: pages are copied as
/// they are, and a backup of a damaged database would be found out on the day on which it is needed. Blocks.
///
/// # Errors
/// [`StoreError::Role`] and [`StoreError::Newer`] for a file that is not this program's, [`StoreError::Corrupt`].
pub fn copy(from: &Path, role: Role, to: &Path) -> Result<About, StoreError> {
    let source = connect(from, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let snapshot = source.unchecked_transaction()?;
    // The first read of the transaction: from here on this connection sees no change any more.
    let about = about(&snapshot, role)?;
    private_files::create(to, &[]).map_err(StoreError::other)?;
    let mut copied = connect(to, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    // Nobody believes a copy that was not finished, so it needs no journal.
    copied.execute_batch("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF")?;
    Backup::new(&source, &mut copied)?.run_to_completion(PAGES, Duration::ZERO, None)?;
    whole(&copied)?;
    copied.close().map_err(|(_, error)| StoreError::from(error))?;
    Ok(about)
}

/// Looks at a database file that no broker runs on: whose it is, and whether it is whole. Changes nothing. Blocks.
///
/// # Errors
/// As [`copy`].
pub fn inspect(path: &Path, role: Role) -> Result<About, StoreError> {
    let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    let about = about(&connection, role)?;
    whole(&connection)?;
    // Closing the last connection takes the log's files away.
    connection.close().map_err(|(_, error)| StoreError::from(error))?;
    Ok(about)
}

/// Refuses a file in which SQLite finds something wrong.
fn whole(connection: &Connection) -> Result<(), StoreError> {
    match audit::check_file(connection)?.into_iter().next() {
        Some(wrong) => Err(StoreError::Corrupt(wrong)),
        None => Ok(()),
    }
}

fn about(connection: &Connection, role: Role) -> Result<About, StoreError> {
    let schema = migrate::known(connection, role)?;
    Ok(About { role, schema, network: if schema == 0 { None } else { network::get(connection)? } })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::domain::Address;
    use crate::store::{Db, UserStore};

    const NETWORK: Network = Network { chain_id: 7, contract: Address::repeat_byte(3) };

    /// Two rows that are always written together.
    async fn write_pair(db: &Db, number: i64) {
        db.write(move |connection| {
            for half in ["a", "b"] {
                connection.execute(
                    "INSERT INTO preferences (key, value) VALUES (?1, ?2)",
                    (format!("{half}{number}"), "x".repeat(500)),
                )?;
            }
            Ok(())
        })
        .await
        .unwrap();
    }

    fn count(path: &Path, half: &str) -> i64 {
        let copied = connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
        let sql = "SELECT count(*) FROM preferences WHERE key LIKE ?1 || '%'";
        copied.query_row(sql, [half], |row| row.get(0)).unwrap()
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_copy_made_while_it_is_written_to_is_of_one_moment() {
        let directory = tempfile::tempdir().unwrap();
        let from = directory.path().join("user.db");
        let db = Db::open(&from, Role::User).unwrap();
        UserStore::new(db.clone(), NETWORK).await.unwrap();
        for number in 0..2_000 {
            write_pair(&db, number).await;
        }
        let writing = async {
            for number in 2_000..4_000 {
                write_pair(&db, number).await;
            }
        };
        let copying = async {
            let mut sizes = Vec::new();
            for number in 0..8 {
                let (from, to) = (from.clone(), directory.path().join(format!("copy{number}")));
                let path = to.clone();
                let about =
                    tokio::task::spawn_blocking(move || copy(&from, Role::User, &path)).await.unwrap();
                let schema = Role::User.newest_schema();
                assert_eq!(about.unwrap(), About { role: Role::User, schema, network: Some(NETWORK) });
                let (a, b) = (count(&to, "a"), count(&to, "b"));
                assert!(a == b && a >= 2_000, "{a} and {b}");
                sizes.push(a);
                assert_eq!(fs::metadata(&to).unwrap().permissions().mode() & 0o777, 0o600);
            }
            sizes
        };
        let ((), sizes) = tokio::join!(writing, copying);
        assert!(sizes.is_sorted());
        let last = directory.path().join("last");
        copy(&from, Role::User, &last).unwrap();
        assert_eq!(count(&last, "a"), 4_000, "every write that had returned is in it");
        db.close().await.unwrap();
        assert_eq!(inspect(&last, Role::User).unwrap().network, Some(NETWORK));
        let names: Vec<_> =
            fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert!(!names.iter().any(|name| name.to_string_lossy().starts_with("last-")), "{names:?}");
        // It is a database like any other.
        let again = Db::open(&last, Role::User).unwrap();
        write_pair(&again, 9_999).await;
        assert_eq!(again.audit().await.unwrap(), Vec::<String>::new());
    }

    #[tokio::test]
    async fn no_copy_is_made_of_a_damaged_database() {
        let directory = tempfile::tempdir().unwrap();
        let from = directory.path().join("user.db");
        let db = Db::open(&from, Role::User).unwrap();
        for number in 0..500 {
            write_pair(&db, number).await;
        }
        db.close().await.unwrap();
        copy(&from, Role::User, &directory.path().join("good")).unwrap();
        // A page in the middle, as a disk loses it.
        let mut bytes = fs::read(&from).unwrap();
        let page = bytes.len() / 4096 / 2 * 4096;
        bytes[page..page + 4096].fill(0x5a);
        fs::write(&from, bytes).unwrap();
        let copied = copy(&from, Role::User, &directory.path().join("bad"));
        assert!(matches!(copied, Err(StoreError::Corrupt(_))), "{copied:?}");
    }

    #[test]
    fn what_is_no_database_of_the_role_or_is_damaged_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        drop(Db::open(&path("provider.db"), Role::Provider).unwrap());
        let other = copy(&path("provider.db"), Role::User, &path("x")).unwrap_err();
        assert!(matches!(other, StoreError::Role { found: Some(Role::Provider), .. }), "{other}");
        fs::write(path("text"), "not a database, but long enough to look like a file that might be one")
            .unwrap();
        assert!(matches!(inspect(&path("text"), Role::User), Err(StoreError::Corrupt(_))));
        let connection = Connection::open(path("newer")).unwrap();
        let id = i32::from_be_bytes(*b"0GSU");
        connection.pragma_update(None, "application_id", id).unwrap();
        connection.pragma_update(None, "user_version", 99).unwrap();
        drop(connection);
        assert!(matches!(inspect(&path("newer"), Role::User), Err(StoreError::Newer { found: 99, .. })));
    }
}
