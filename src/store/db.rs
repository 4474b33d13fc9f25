//! The handle of a database: opens and migrates the file, queues changes, runs reads, closes.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use parking_lot::Mutex;
use rusqlite::{Connection, OpenFlags};
use tokio::sync::{Semaphore, mpsc, oneshot};

use super::{
    Role, StoreError, amount, audit,
    checkpoint::Checkpointer,
    error::JobPanicked,
    filing::Filing,
    migrate::{is_behind, migrate},
    writer::{self, Counters, Gate, Message, QUEUE, WriteStats},
};
use crate::private_files;

/// Connections that reads share. More than the cores of a small machine gains nothing.
const READERS: usize = 4;

/// How long SQLite waits for a lock that another program holds. Within one broker nothing ever waits for a lock.
pub(in crate::store) const BUSY: Duration = Duration::from_secs(5);

/// Prepared statements kept by each connection; more than the number of statements in `store`.
const STATEMENTS: usize = 256;

/// An open database. Clones are the same database; it closes with [`Db::close`] or when the last clone is dropped.
#[derive(Clone)]
pub struct Db {
    inner: Arc<Inner>,
}

struct Inner {
    path: PathBuf,
    role: Role,
    queue: mpsc::Sender<Message>,
    counters: Arc<Counters>,
    readers: Arc<Readers>,
}

/// Read connections that nobody uses at the moment.
struct Readers {
    idle: Mutex<Vec<Connection>>,
    turns: Arc<Semaphore>,
}

impl fmt::Debug for Db {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Db").field("role", &self.inner.role).field("path", &self.inner.path).finish()
    }
}

impl Db {
    /// Opens the database file of a role, creating it (mode 0600) or bringing its schema up to date. Blocks.
    ///
    /// # Errors
    /// [`StoreError::Newer`] and [`StoreError::Role`] for a file this program must not touch,
    /// [`StoreError::Corrupt`] for one that is no database.
    pub fn open(path: &Path, role: Role) -> Result<Self, StoreError> {
        Self::open_with(path, role, role.migrations(), None, None)
    }

    /// [`Db::open`] with a gate before each commit: for tests, which make the disk fail there.
    pub fn open_behind(path: &Path, role: Role, gate: Gate) -> Result<Self, StoreError> {
        Self::open_with(path, role, role.migrations(), None, Some(gate))
    }

    /// Whether opening the file will change its schema first, which takes a while where there is much in it. Blocks.
    pub fn is_behind(path: &Path, role: Role) -> Result<bool, StoreError> {
        if !path.try_exists().map_err(StoreError::other)? {
            return Ok(false);
        }
        is_behind(&connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?, role)
    }

    /// Checks the file and recomputes every sum from its rows; says what does not fit. Reads everything.
    pub async fn audit(&self) -> Result<Vec<String>, StoreError> {
        audit::audit(self).await
    }

    /// A database in a temporary directory that vanishes when it is closed: for tests and the demo.
    /// It is a real file, so that it behaves like one; it just does not sync the disk.
    pub fn temporary(role: Role) -> Result<Self, StoreError> {
        let dir = tempfile::Builder::new().prefix("zgserve-").tempdir().map_err(StoreError::other)?;
        let path = dir.path().join("broker.db");
        Self::open_with(&path, role, role.migrations(), Some(dir), None)
    }

    /// A database at a path that does not sync the disk, for tests that write much.
    #[cfg(test)]
    pub(in crate::store) fn open_unsynced(path: &Path, role: Role) -> Result<Self, StoreError> {
        let kept = tempfile::tempdir().map_err(StoreError::other)?;
        Self::open_with(path, role, role.migrations(), Some(kept), None)
    }

    pub(in crate::store) fn open_with(
        path: &Path,
        role: Role,
        migrations: &[&str],
        temporary: Option<tempfile::TempDir>,
        gate: Option<Gate>,
    ) -> Result<Self, StoreError> {
        // Created here and not by SQLite: it would be readable by everybody. The WAL gets the mode of the main file.
        private_files::open_or_create(path).map_err(StoreError::other)?;
        private_files::sync_directory(path).map_err(StoreError::other)?;
        let mut connection = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        let mode: String = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
        if mode != "wal" {
            return Err(StoreError::invalid(format!(
                "the file system of the database allows no WAL, only {mode}"
            )));
        }
        let synchronous = if temporary.is_some() { "OFF" } else { durability()? };
        connection.pragma_update(None, "synchronous", synchronous)?;
        connection.execute_batch("PRAGMA fullfsync = ON; PRAGMA checkpoint_fullfsync = ON")?;
        // What is deleted is overwritten: a conversation that somebody deletes is not to be read from the file.
        connection.execute_batch("PRAGMA secure_delete = ON")?;
        // `checkpoint` moves the log over; SQLite's own way is for what it leaves. After a burst the log file shrinks again. The cache
        // has room for the pages that a group of changes touches; what is read otherwise the system keeps.
        connection.execute_batch("PRAGMA journal_size_limit = 33554432; PRAGMA wal_autocheckpoint = 16384; PRAGMA cache_size = -2048")?;
        migrate(&mut connection, role, migrations)?;

        let log = Checkpointer::start(path, role, synchronous)?;
        let (queue, received) = mpsc::channel(QUEUE);
        let counters = Arc::new(Counters::default());
        let counted = Arc::clone(&counters);
        // Not a task: it must outlive the runtime's own shutdown to answer whoever still waits, and it blocks.
        std::thread::Builder::new()
            .name(format!("{role}-db-writer"))
            .spawn(move || {
                writer::run(connection, received, &counted, temporary, gate, log, Filing::new(role))
            })
            .map_err(StoreError::other)?;
        let readers = Readers {
            idle: Mutex::new(Vec::with_capacity(READERS)),
            turns: Arc::new(Semaphore::new(READERS)),
        };
        let inner = Inner { path: path.to_owned(), role, queue, counters, readers: Arc::new(readers) };
        Ok(Self { inner: Arc::new(inner) })
    }

    pub fn role(&self) -> Role {
        self.inner.role
    }

    pub fn path(&self) -> &Path {
        &self.inner.path
    }

    /// What the writer thread did so far.
    pub fn stats(&self) -> WriteStats {
        self.inner.counters.read()
    }

    /// Runs a change and returns once it is durable. All or nothing: an error, or a panic, undoes it alone.
    ///
    /// Waits for room when the queue is full. A caller that goes away after queueing does not stop the change.
    pub(in crate::store) async fn write<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let (job, result) = writer::job(work);
        self.inner.queue.send(Message::Write(job)).await.map_err(|_| StoreError::Closed)?;
        result.await.unwrap_or(Err(StoreError::Closed))
    }

    /// Moves the log into the main file and cuts it. Best effort: a read that is under way keeps it until later.
    pub(in crate::store) async fn empty_log(&self) {
        let (waiter, emptied) = oneshot::channel();
        // A database that closes empties it by itself.
        if self.inner.queue.send(Message::EmptyLog(waiter)).await.is_ok() {
            let _ = emptied.await;
        }
    }

    /// Keeps the writer busy until what this gives is dropped, for tests of what has to wait for it.
    #[cfg(test)]
    pub async fn hold_writer(&self) -> std::sync::mpsc::SyncSender<()> {
        let (hold, held) = std::sync::mpsc::sync_channel::<()>(1);
        let (begun, ready) = oneshot::channel();
        let (job, _) = writer::job(move |_| {
            let _ = begun.send(());
            let _ = held.recv();
            Ok(())
        });
        let _ = self.inner.queue.send(Message::Write(job)).await;
        let _ = ready.await;
        hold
    }

    /// Runs a read on a connection of its own; it sees every change whose write has returned.
    pub(in crate::store) async fn read<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let turn =
            Arc::clone(&self.inner.readers.turns).acquire_owned().await.map_err(|_| StoreError::Closed)?;
        let readers = Arc::clone(&self.inner.readers);
        let path = self.inner.path.clone();
        let read = tokio::task::spawn_blocking(move || {
            let idle = readers.idle.lock().pop();
            let connection = match idle {
                Some(connection) => connection,
                None => connect(&path, OpenFlags::SQLITE_OPEN_READ_ONLY)?,
            };
            let result = in_snapshot(&connection, work);
            readers.idle.lock().push(connection);
            drop(turn);
            result
        });
        match read.await {
            Ok(result) => result,
            // The connection went with the panic; the next read opens another.
            Err(error) if error.is_panic() => {
                let panic = error.into_panic();
                Err(StoreError::other(JobPanicked(crate::tasks::panic_text(panic.as_ref()).to_owned())))
            }
            Err(_) => Err(StoreError::Closed),
        }
    }

    /// Finishes the changes that wait, moves the log into the main file and closes it. Later calls on any clone
    /// answer [`StoreError::Closed`].
    pub async fn close(&self) -> Result<(), StoreError> {
        let readers = &self.inner.readers;
        // Readers first: one in the middle of a query would keep the log from being emptied.
        let all = u32::try_from(READERS).unwrap_or(u32::MAX);
        let turns = readers.turns.acquire_many(all).await.map_err(|_| StoreError::Closed)?;
        readers.turns.close();
        readers.idle.lock().clear();
        drop(turns);
        let (waiter, closed) = oneshot::channel();
        self.inner.queue.send(Message::Close(waiter)).await.map_err(|_| StoreError::Closed)?;
        closed.await.unwrap_or(Err(StoreError::Closed))
    }
}

/// How hard a database that stays goes to the disk: each commit is there before anybody hears of it.
#[cfg(not(feature = "measuring"))]
const fn durability() -> Result<&'static str, StoreError> {
    Ok("FULL")
}

/// The same, or what ZGSERVE_MEASURED_SYNCHRONOUS says: `examples/race` measures what durability costs.
#[cfg(feature = "measuring")]
fn durability() -> Result<&'static str, StoreError> {
    let wanted = std::env::var("ZGSERVE_MEASURED_SYNCHRONOUS").unwrap_or_else(|_| "FULL".to_owned());
    ["FULL", "NORMAL", "OFF"].into_iter().find(|known| *known == wanted).ok_or_else(|| {
        StoreError::invalid(format!("ZGSERVE_MEASURED_SYNCHRONOUS is FULL, NORMAL or OFF, not {wanted}"))
    })
}

/// Runs a read in one transaction, so that all its queries see the same state.
fn in_snapshot<T>(
    connection: &Connection,
    work: impl FnOnce(&Connection) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let transaction = connection.unchecked_transaction()?;
    let result = work(&transaction);
    transaction.finish()?;
    result
}

pub(in crate::store) fn connect(path: &Path, access: OpenFlags) -> Result<Connection, StoreError> {
    // A connection is only ever used by one thread at a time; no URI, so that no path is read as parameters.
    let connection = Connection::open_with_flags(path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(BUSY)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    amount::teach(&connection)?;
    connection
        .execute_batch("PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF; PRAGMA temp_store = MEMORY")?;
    Ok(connection)
}
