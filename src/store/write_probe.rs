//! Whether the database takes changes at the moment, found out by making one.
//!
//! The change writes the number of the schema over itself: it goes the way of every change, through the queue, the log and
//! the sync of the disk, and leaves nothing. What was found is good for a moment, so that whoever asks often does not
//! wear the disk.

use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use super::{Db, StoreError};

/// For how long an answer is good.
const FRESH: Duration = Duration::from_secs(2);
/// A database that takes longer for one small change does not work.
const PATIENCE: Duration = Duration::from_secs(3);

/// Asks a database whether it takes changes.
#[derive(Debug)]
pub struct WriteProbe {
    db: Db,
    last: Mutex<Option<(Instant, Result<(), String>)>>,
}

impl WriteProbe {
    pub fn new(db: Db) -> WriteProbe {
        WriteProbe { db, last: Mutex::default() }
    }

    /// Makes a change, unless one was made a moment ago. The error says what is wrong.
    pub async fn ask(&self) -> Result<(), String> {
        let mut last = self.last.lock().await;
        if let Some((at, found)) = &*last
            && at.elapsed() < FRESH
        {
            return found.clone();
        }
        let found = match timeout(PATIENCE, self.write()).await {
            Ok(written) => written.map_err(|error| error.to_string()),
            Err(_) => Err("the database takes no changes; the disk may hang".to_owned()),
        };
        *last = Some((Instant::now(), found.clone()));
        found
    }

    async fn write(&self) -> Result<(), StoreError> {
        self.db
            .write(|connection| {
                let schema: u32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
                Ok(connection.pragma_update(None, "user_version", schema)?)
            })
            .await
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

    use super::*;
    use crate::store::Role;

    #[tokio::test]
    async fn a_database_that_takes_no_changes_is_found_out_and_asked_once_in_a_moment() {
        let directory = tempfile::tempdir().unwrap();
        let (full, commits) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let (is_full, counted) = (Arc::clone(&full), Arc::clone(&commits));
        let gate = Box::new(move || {
            counted.fetch_add(1, Ordering::Relaxed);
            if is_full.load(Ordering::Relaxed) { Err(StoreError::Full) } else { Ok(()) }
        });
        let db = Db::open_behind(&directory.path().join("user.db"), Role::User, gate).unwrap();
        // Again, if the machine stood still for longer than an answer is good.
        loop {
            let (probe, before, began) =
                (WriteProbe::new(db.clone()), commits.load(Ordering::Relaxed), Instant::now());
            let found = [probe.ask().await, probe.ask().await];
            if began.elapsed() < FRESH {
                assert_eq!(found, [Ok(()), Ok(())]);
                assert_eq!(commits.load(Ordering::Relaxed), before + 1);
                break;
            }
        }
        full.store(true, Ordering::Relaxed);
        let fresh = WriteProbe::new(db.clone());
        assert!(fresh.ask().await.unwrap_err().contains("full"));
        db.close().await.unwrap();
        assert!(WriteProbe::new(db).ask().await.unwrap_err().contains("closed"));
        assert!(
            !Db::is_behind(&directory.path().join("user.db"), Role::User).unwrap(),
            "nothing has changed"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_database_that_hangs_is_not_waited_for() {
        let db = Db::temporary(Role::User).unwrap();
        let held = db.hold_writer().await;
        let asked = WriteProbe::new(db).ask().await;
        assert!(asked.unwrap_err().contains("hang"));
        drop(held);
    }
}
