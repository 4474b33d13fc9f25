//! What an audit has to find.

#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use rusqlite::Connection;

use super::*;
use crate::domain::Timestamp;

const ROLES: [Role; 2] = [Role::User, Role::Provider];

async fn audited(db: &Db) -> Vec<String> {
    db.audit().await.unwrap()
}

async fn change(db: &Db, sql: &'static str) {
    db.write(move |connection| Ok(connection.execute_batch(sql)?)).await.unwrap();
}

#[tokio::test]
async fn a_row_that_is_missing_from_an_index_is_found() {
    for role in ROLES {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("broker.db");
        let db = Db::open_unsynced(&path, role).unwrap();
        bulk::fill(&db, 300).await;
        assert_eq!(audited(&db).await, Vec::<String>::new());
        db.close().await.unwrap();

        // A row changes while nobody knows of the index, which is there again afterwards as it was.
        let (name, writable) = ("requests_by_time", "PRAGMA writable_schema = ON");
        let connection = Connection::open(&path).unwrap();
        let sql = "SELECT rootpage, sql FROM sqlite_schema WHERE name = ?1";
        let (root, index): (i64, String) =
            connection.query_row(sql, [name], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        connection.execute_batch(writable).unwrap();
        connection.execute("DELETE FROM sqlite_schema WHERE name = ?1", [name]).unwrap();
        drop(connection);
        let connection = Connection::open(&path).unwrap();
        connection.execute("UPDATE requests SET created_at = created_at + 1 WHERE rowid = 100", []).unwrap();
        connection.execute_batch(writable).unwrap();
        connection
            .execute(
                "INSERT INTO sqlite_schema VALUES ('index', ?1, 'requests', ?2, ?3)",
                (name, root, index),
            )
            .unwrap();
        drop(connection);

        let db = Db::open(&path, role).unwrap();
        let wrong = audited(&db).await;
        assert!(wrong.iter().any(|line| line.contains(name)), "{wrong:?}");
        db.close().await.unwrap();
        assert!(matches!(inspect(&path, role), Err(StoreError::Corrupt(_))));
        let copied = copy(&path, role, &directory.path().join("copy"));
        assert!(matches!(copied, Err(StoreError::Corrupt(_))), "{copied:?}");
    }
}

#[tokio::test]
async fn less_owed_than_deleted_calls_came_to_is_found() {
    for role in ROLES {
        let db = Db::temporary(role).unwrap();
        bulk::fill(&db, 300).await;
        let mut place = None;
        loop {
            let pruned = db.prune(Timestamp::from_seconds(u64::from(u32::MAX)), place).await.unwrap();
            place = pruned.next;
            if place.is_none() {
                break;
            }
        }
        assert_eq!(audited(&db).await, Vec::<String>::new());
        change(&db, "UPDATE accounts SET owed = zeroblob(16) WHERE owed = (SELECT max(owed) FROM accounts)")
            .await;
        let wrong = audited(&db).await;
        assert!(wrong.len() == 1 && wrong[0].contains("owed is 0"), "{wrong:?}");
        if role == Role::User {
            // With the other figure lowered as well, the sums of days know better.
            change(&db, "UPDATE accounts SET pruned = zeroblob(16) WHERE owed = zeroblob(16)").await;
            let wrong = audited(&db).await;
            assert!(wrong.len() == 1 && wrong[0].contains("0 is owed for deleted calls"), "{wrong:?}");
        }
    }
}
