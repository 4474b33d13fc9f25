//! Moving the log into the main file while changes go on.
//!
//! SQLite does that by itself inside a commit, and everybody whose change is in that commit or behind it waits: 10 to 20 ms
//! for 8 MiB, more on a slow disk. Here a thread with a connection of its own does it beside the writer, which only says
//! when it may be time. What was changed meanwhile is little; the writer moves that itself ([`Checkpointer::finish`]), so
//! that the log begins anew in the place that it has. It must not grow: each sync of a file that has grown waits for the
//! file system's own journal as well, several times as long.
//!
//! What counts is how much the log has grown, not how many changes there were: one may write a page, another thousands.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

use parking_lot::{Mutex, MutexGuard};
use rusqlite::{Connection, OpenFlags};

use super::{Role, StoreError, db::connect};

/// The log is moved after so many pages were written to it: 16 MiB, a quarter of what SQLite itself waits for. A paid
/// request writes two pages where many come at once, five or six where it comes alone.
const EVERY: u64 = 4096;

/// The thread, as the writer holds it. It ends with this.
pub(in crate::store) struct Checkpointer {
    due: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
    working: Arc<Mutex<()>>,
    /// Whether the thread has moved what was there, and nobody the rest.
    moved: Arc<AtomicBool>,
    /// Pages written since the thread was told last.
    written: u64,
    /// Pages in the log when it was looked at last.
    length: u64,
}

impl Checkpointer {
    /// Starts the thread for a database that is there and in its newest shape. It syncs the disk as the writer does.
    pub(in crate::store) fn start(path: &Path, role: Role, synchronous: &str) -> Result<Self, StoreError> {
        let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        connection.pragma_update(None, "synchronous", synchronous)?;
        connection.execute_batch("PRAGMA checkpoint_fullfsync = ON")?;
        let (due, told) = sync_channel(1);
        let (working, moved) = (Arc::new(Mutex::new(())), Arc::new(AtomicBool::new(false)));
        let (turn, done) = (Arc::clone(&working), Arc::clone(&moved));
        let thread = std::thread::Builder::new()
            .name(format!("{role}-db-log"))
            .spawn(move || run(connection, &told, &turn, &done))
            .map_err(StoreError::other)?;
        Ok(Checkpointer { due: Some(due), thread: Some(thread), working, moved, written: 0, length: 0 })
    }

    /// Something was written. For the writer, between two transactions.
    pub(in crate::store) fn changed(&mut self, connection: &Connection) {
        let length = match length(connection) {
            Ok(length) => length,
            // Then it is moved the more often.
            Err(error) => {
                tracing::debug!(%error, "the length of the database's log is not known");
                self.length.saturating_add(EVERY)
            }
        };
        self.grown(length);
        if self.written >= EVERY
            && let Some(due) = &self.due
            && !matches!(due.try_send(()), Err(TrySendError::Full(())))
        {
            self.written = 0;
        }
    }

    /// The log is shorter than it was when it has begun anew in the meantime.
    fn grown(&mut self, length: u64) {
        let more = length.checked_sub(self.length).unwrap_or(length);
        self.written = self.written.saturating_add(more);
        self.length = length;
    }

    /// Moves what came while the thread was at work. For the writer, between two transactions.
    pub(in crate::store) fn finish(&self, connection: &Connection) {
        if self.moved.swap(false, Ordering::AcqRel) {
            move_over(connection);
        }
    }

    /// Keeps the thread from working for as long as the guard lives; waits for what it is at.
    pub(in crate::store) fn hold(&self) -> MutexGuard<'_, ()> {
        self.working.lock()
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        self.due = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn run(connection: Connection, due: &Receiver<()>, working: &Mutex<()>, moved: &AtomicBool) {
    while due.recv().is_ok() {
        let _turn = working.lock();
        move_over(&connection);
        moved.store(true, Ordering::Release);
    }
}

/// How many pages are in the log, moved or not. Moves nothing.
fn length(connection: &Connection) -> Result<u64, StoreError> {
    let mut statement = connection.prepare_cached("PRAGMA wal_checkpoint(NOOP)")?;
    // Below 0 without a log.
    Ok(statement.query_row([], |row| row.get::<_, i64>(1))?.try_into().unwrap_or(0))
}

/// Waits for nobody: what readers are at stays for the next time.
fn move_over(connection: &Connection) {
    if let Err(error) = connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(())) {
        tracing::debug!(%error, "the log of the database was not moved; SQLite's own way will when it is large");
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::super::bulk;
    use super::*;
    use crate::domain::Timestamp;
    use crate::store::Db;

    #[tokio::test]
    async fn the_length_of_the_log_is_that_of_what_was_written_since_it_began_anew() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("user.db");
        let db = Db::open(&path, Role::User).unwrap();
        let other = connect(&path, OpenFlags::SQLITE_OPEN_READ_WRITE).unwrap();
        db.empty_log().await;
        let none = other.query_row("SELECT count(*) FROM requests", [], |row| row.get::<_, i64>(0));
        assert_eq!((none.unwrap(), length(&other).unwrap()), (0, 0));
        bulk::fill(&db, 500).await;
        let before = length(&other).unwrap();
        assert!(before > 50, "{before}");
        assert_eq!(length(&other).unwrap(), before, "looking moves nothing");
        move_over(&other);
        assert_eq!(length(&other).unwrap(), before, "what was moved stays until something is written");
        db.write(|connection| Ok(connection.pragma_update(None, "user_version", 8)?)).await.unwrap();
        assert!(length(&other).unwrap() < before);
    }

    /// A prune of 32 rows is one change of hundreds of pages.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn the_log_stays_short_whatever_one_change_writes() {
        for role in [Role::User, Role::Provider] {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join("broker.db");
            let db = Db::open_unsynced(&path, role).unwrap();
            bulk::fill(&db, 20_000).await;
            db.empty_log().await;
            let (mut place, mut gone, mut longest) = (None, 0, 0);
            loop {
                let begun = std::time::Instant::now();
                let pruned = db.prune(Timestamp::from_seconds(u64::from(u32::MAX)), place).await.unwrap();
                gone += pruned.requests;
                longest = longest.max(std::fs::metadata(path.with_extension("db-wal")).unwrap().len());
                place = pruned.next;
                if place.is_none() {
                    break;
                }
                // As retention does it: the thread has as much time as the writer.
                tokio::time::sleep(begun.elapsed()).await;
            }
            assert_eq!(gone, 20_000);
            assert!(longest < 40 << 20, "{role}: {longest}");
        }
    }
}
