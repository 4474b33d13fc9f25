//! The engine's promises: durable before anybody hears of it, all or nothing for each job, one fate for a group.

#![allow(clippy::type_complexity, reason = "a list of jobs of every kind")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by panicking")]

use std::{fs, os::unix::fs::MetadataExt, path::Path, sync::Arc, time::Instant};

use rusqlite::Connection;

use super::{
    Db, Role, StoreError,
    writer::{self, Counters, Job},
};

const SCHEMA: &str = "CREATE TABLE t (id INTEGER PRIMARY KEY, body BLOB NOT NULL UNIQUE) STRICT;";

fn open(path: &Path) -> Db {
    Db::open_with(path, Role::User, &[SCHEMA], None, None).unwrap()
}

fn insert(connection: &Connection, id: i64) -> Result<i64, StoreError> {
    insert_body(connection, id, id.to_be_bytes().to_vec())
}

fn insert_body(connection: &Connection, id: i64, body: Vec<u8>) -> Result<i64, StoreError> {
    connection.prepare_cached("INSERT INTO t (id, body) VALUES (?1, ?2)")?.execute((id, body))?;
    Ok(id)
}

async fn ids(db: &Db) -> Vec<i64> {
    db.read(|connection| {
        let mut statement = connection.prepare_cached("SELECT id FROM t ORDER BY id")?;
        let ids = statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
        Ok(ids)
    })
    .await
    .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_writers_at_once_are_all_durable() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("broker.db");
    let db = open(&path);
    let started = Instant::now();
    let writes = (0..1000).map(|id| {
        let db = db.clone();
        async move { db.write(move |connection| insert(connection, id)).await }
    });
    let written = futures_util::future::try_join_all(writes).await.unwrap();
    let elapsed = started.elapsed();
    assert_eq!(written, (0..1000).collect::<Vec<_>>());
    let stats = db.stats();
    assert_eq!((stats.jobs, stats.failed), (1000, 0));
    assert!(stats.groups < 500, "{stats:?} {elapsed:?}");

    // What the disk would hold had the process been killed now: the files as they are, without the shared memory.
    let killed = dir.path().join("killed");
    fs::create_dir(&killed).unwrap();
    for name in ["broker.db", "broker.db-wal"] {
        fs::copy(dir.path().join(name), killed.join(name)).unwrap();
    }
    assert_eq!(ids(&open(&killed.join("broker.db"))).await, written);

    db.close().await.unwrap();
    assert!(!dir.path().join("broker.db-wal").exists());
    assert_eq!(ids(&open(&path)).await, written);
}

#[tokio::test]
async fn what_stays_is_synced_with_every_commit() {
    let dir = tempfile::tempdir().unwrap();
    // SQLite's numbers for FULL and OFF. It is the writer's connection that counts.
    for (db, wanted) in [(open(&dir.path().join("broker.db")), 2), (Db::temporary(Role::User).unwrap(), 0)] {
        let found = db
            .write(|connection| {
                Ok(connection.pragma_query_value(None, "synchronous", |row| row.get::<_, i64>(0))?)
            })
            .await;
        assert_eq!(found.unwrap(), wanted);
    }
}

#[tokio::test]
async fn jobs_run_in_the_order_they_were_queued() {
    let db =
        Db::open_with(&tempfile::tempdir().unwrap().path().join("x.db"), Role::User, &[SCHEMA], None, None)
            .unwrap();
    let order = Arc::new(parking_lot::Mutex::new(Vec::new()));
    let writes = (0..100).map(|id| {
        let (db, order) = (db.clone(), Arc::clone(&order));
        async move {
            db.write(move |connection| {
                order.lock().push(id);
                insert(connection, id)
            })
            .await
        }
    });
    // Few enough to be polled in one turn, and so queued in this order.
    futures_util::future::try_join_all(writes).await.unwrap();
    assert_eq!(*order.lock(), (0..100).collect::<Vec<_>>());
}

/// Runs jobs as one group on a connection, as the writer thread does.
fn group(
    connection: &Connection,
    jobs: Vec<Box<dyn FnOnce(&Connection) -> Result<i64, StoreError> + Send>>,
) -> Vec<Result<i64, StoreError>> {
    let (group, waiting): (Vec<Box<dyn Job>>, Vec<_>) = jobs.into_iter().map(writer::job).unzip();
    writer::commit(connection, group, &Counters::default(), None);
    waiting.into_iter().map(|mut result| result.try_recv().unwrap()).collect()
}

fn memory() -> Connection {
    let connection = Connection::open_in_memory().unwrap();
    connection.execute_batch(SCHEMA).unwrap();
    connection
}

fn count(connection: &Connection) -> i64 {
    connection.query_row("SELECT COUNT(*) FROM t", [], |row| row.get(0)).unwrap()
}

#[test]
fn a_job_that_fails_or_panics_is_undone_alone() {
    let connection = memory();
    let results = group(
        &connection,
        vec![
            Box::new(|connection| insert(connection, 1)),
            Box::new(|connection| {
                insert(connection, 2)?;
                Err(StoreError::invalid("on purpose"))
            }),
            Box::new(|connection| {
                insert(connection, 3)?;
                panic!("on purpose")
            }),
            Box::new(|connection| insert(connection, 1)),
            Box::new(|connection| insert(connection, 5)),
        ],
    );
    assert!(matches!(results[0], Ok(1)));
    assert!(matches!(results[1], Err(StoreError::Invalid(_))));
    assert!(
        matches!(&results[2], Err(StoreError::Other(source)) if source.to_string().contains("on purpose"))
    );
    assert!(matches!(results[3], Err(StoreError::Conflict(_))));
    assert!(matches!(results[4], Ok(5)));
    assert_eq!(count(&connection), 2);
}

#[test]
fn when_the_disk_fills_up_everybody_fails_and_nothing_stays() {
    let connection = memory();
    let pages: i64 = connection.pragma_query_value(None, "page_count", |row| row.get(0)).unwrap();
    connection.pragma_update_and_check(None, "max_page_count", pages + 4, |_| Ok(())).unwrap();
    let results = group(
        &connection,
        vec![
            Box::new(|connection| insert(connection, 1)),
            Box::new(|connection| insert_body(connection, 2, vec![7; 100_000])),
            Box::new(|connection| insert(connection, 3)),
        ],
    );
    // SQLite may undo the one statement or give the whole transaction up; either way nobody is told what is not so.
    let kept = count(&connection);
    let told = results.iter().filter(|result| result.is_ok()).count();
    assert!(matches!(results[1], Err(StoreError::Full)));
    assert_eq!(kept, told as i64);
    assert!(connection.is_autocommit());

    connection.pragma_update_and_check(None, "max_page_count", 1_000_000, |_| Ok(())).unwrap();
    assert!(group(&connection, vec![Box::new(|connection| insert(connection, 9))])[0].is_ok());
}

#[test]
fn a_commit_that_fails_fails_every_waiter() {
    let connection = memory();
    // A deferred rule is only looked at when the transaction commits: the last possible moment to fail.
    connection
        .execute_batch(
            "PRAGMA foreign_keys = ON;
             CREATE TABLE child (t INTEGER REFERENCES t (id) DEFERRABLE INITIALLY DEFERRED) STRICT;",
        )
        .unwrap();
    let results = group(
        &connection,
        vec![
            Box::new(|connection| insert(connection, 1)),
            Box::new(|connection| {
                connection.execute("INSERT INTO child VALUES (404)", [])?;
                Ok(2)
            }),
            // Refused because of a row that never came to be: must not be told so either.
            Box::new(|connection| insert(connection, 1).map_err(|_| StoreError::invalid("already there"))),
        ],
    );
    assert!(results.iter().all(|result| matches!(result, Err(StoreError::Conflict(_)))), "{results:?}");
    assert_eq!(count(&connection), 0);
    assert!(group(&connection, vec![Box::new(|connection| insert(connection, 1))])[0].is_ok());
}

#[test]
fn a_job_that_ends_the_transaction_fails_the_group() {
    let connection = memory();
    let results = group(
        &connection,
        vec![
            Box::new(|connection| insert(connection, 1)),
            Box::new(|connection| {
                connection.execute_batch("ROLLBACK")?;
                Ok(2)
            }),
            Box::new(|connection| insert(connection, 3)),
        ],
    );
    assert!(results.iter().all(Result::is_err));
    assert_eq!(count(&connection), 0);
}

#[tokio::test]
async fn after_closing_everything_says_closed() {
    let dir = tempfile::tempdir().unwrap();
    let db = open(&dir.path().join("x.db"));
    let clone = db.clone();
    // Queued before the close, polled after it was sent: still written.
    let (written, closed) = tokio::join!(clone.write(|connection| insert(connection, 1)), db.close());
    written.unwrap();
    closed.unwrap();
    assert!(matches!(clone.write(|connection| insert(connection, 2)).await, Err(StoreError::Closed)));
    assert!(matches!(clone.read(|connection| Ok(count(connection))).await, Err(StoreError::Closed)));
    assert!(matches!(clone.close().await, Err(StoreError::Closed)));
    assert_eq!(ids(&open(&dir.path().join("x.db"))).await, [1]);
}

#[tokio::test]
async fn a_reader_that_panics_or_writes_harms_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let db = open(&dir.path().join("x.db"));
    for _ in 0..10 {
        let result = db.read(|_| -> Result<(), StoreError> { panic!("on purpose") }).await;
        assert!(matches!(result, Err(StoreError::Other(_))));
        assert!(db.read(|connection| insert(connection, 1)).await.is_err());
    }
    assert_eq!(ids(&db).await, Vec::<i64>::new());
}

#[tokio::test]
async fn the_file_is_private_and_damage_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.db");
    let db = open(&path);
    db.write(|connection| insert(connection, 1)).await.unwrap();
    for name in ["x.db", "x.db-wal"] {
        assert_eq!(fs::metadata(dir.path().join(name)).unwrap().mode() & 0o777, 0o600, "{name}");
    }
    let not = dir.path().join("not.db");
    fs::write(&not, "this is a letter and by no means a database, however long it may become".repeat(100))
        .unwrap();
    assert!(matches!(Db::open(&not, Role::User), Err(StoreError::Corrupt(_))));
}

#[tokio::test]
async fn a_temporary_database_leaves_nothing_behind() {
    let db = Db::temporary(Role::Provider).unwrap();
    let directory = db.path().parent().unwrap().to_owned();
    assert!(directory.exists());
    db.close().await.unwrap();
    assert!(!directory.exists());
}
