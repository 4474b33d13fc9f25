//! Moving the log into the main file while changes go on.
//!
//! SQLite does that by itself inside a commit, and everybody whose change is in that commit or behind it waits: 10 to 20 ms
//! for 8 MiB, more on a slow disk. Here a thread with a connection of its own does it beside the writer, which only says
//! when it may be time. What was changed meanwhile is little; the writer moves that itself ([`Checkpointer::finish`]), so
//! that the log begins anew in the place that it has. It must not grow: each sync of a file that has grown waits for the
//! file system's own journal as well, several times as long.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

use parking_lot::{Mutex, MutexGuard};
use rusqlite::{Connection, OpenFlags};

use super::{Role, StoreError, db::connect};

/// The log is looked at after so many changes; a change writes 10 pages or so.
const EVERY: usize = 2000;

/// The thread, as the writer holds it. It ends with this.
pub(in crate::store) struct Checkpointer {
    due: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
    working: Arc<Mutex<()>>,
    /// Whether the thread has moved what was there, and nobody the rest.
    moved: Arc<AtomicBool>,
    changes: usize,
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
        Ok(Checkpointer { due: Some(due), thread: Some(thread), working, moved, changes: 0 })
    }

    /// So many more changes are in the log.
    pub(in crate::store) fn changed(&mut self, jobs: usize) {
        self.changes += jobs;
        if self.changes >= EVERY
            && let Some(due) = &self.due
            && !matches!(due.try_send(()), Err(TrySendError::Full(())))
        {
            self.changes = 0;
        }
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

/// Waits for nobody: what readers are at stays for the next time.
fn move_over(connection: &Connection) {
    if let Err(error) = connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(())) {
        tracing::debug!(%error, "the log of the database was not moved; SQLite's own way will when it is large");
    }
}
