//! The one thread that changes the database, and its group commit.
//!
//! A job waits in a bounded queue. The thread takes all that wait, up to [`GROUP`], opens one transaction, runs each
//! job inside a savepoint of its own, and commits: one sync of the disk for the whole group. A job that fails or
//! panics is undone alone. Nobody hears a result before the commit; if the commit fails, or SQLite gives the
//! transaction up in the middle (disk full, I/O error), every job of the group gets that failure, those included that
//! had already refused: what they refused upon may have been a row that never came to be.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::{StoreError, checkpoint::Checkpointer, db::BUSY, error::JobPanicked, filing::Filing};
use crate::crash_point::{self, Point};
use crate::tasks::panic_text;

/// How many jobs share one transaction at most.
pub(in crate::store) const GROUP: usize = 256;

/// How many jobs may wait; a caller beyond that waits for room.
pub(in crate::store) const QUEUE: usize = 1024;

/// Asked on the writer thread before each commit; its error fails the whole group, as a full disk does.
pub type Gate = Box<dyn FnMut() -> Result<(), StoreError> + Send>;

/// What the writer thread is told.
pub(in crate::store) enum Message {
    Write(Box<dyn Job>),
    /// Move the log into the main file and cut it, so that nothing that was deleted is left in it.
    EmptyLog(oneshot::Sender<()>),
    /// Finish what waits, then close the file.
    Close(oneshot::Sender<Result<(), StoreError>>),
}

/// A change to the database and somebody who waits for its result.
pub(in crate::store) trait Job: Send {
    /// Runs the change and keeps the result. Returns whether the changes are to be kept.
    fn run(&mut self, connection: &Connection) -> bool;

    /// The job's own error, if it ended with one.
    fn error(&self) -> Option<&StoreError>;

    /// Tells the waiter its result, or the failure of the whole group.
    fn answer(self: Box<Self>, group: Result<(), StoreError>);
}

/// A closure as a [`Job`].
struct Waiting<T, F> {
    work: Option<F>,
    outcome: Option<Result<T, StoreError>>,
    waiter: oneshot::Sender<Result<T, StoreError>>,
}

impl<T, F> Job for Waiting<T, F>
where
    T: Send,
    F: FnOnce(&Connection) -> Result<T, StoreError> + Send,
{
    fn run(&mut self, connection: &Connection) -> bool {
        let Some(work) = self.work.take() else { return false };
        // The closure and what it captured are gone after a panic, and the savepoint is undone: nothing half-changed
        // can be seen afterwards.
        let outcome = catch_unwind(AssertUnwindSafe(|| work(connection))).unwrap_or_else(|panic| {
            Err(StoreError::other(JobPanicked(panic_text(panic.as_ref()).to_owned())))
        });
        let keep = outcome.is_ok();
        self.outcome = Some(outcome);
        keep
    }

    fn error(&self) -> Option<&StoreError> {
        self.outcome.as_ref().and_then(|outcome| outcome.as_ref().err())
    }

    fn answer(self: Box<Self>, group: Result<(), StoreError>) {
        let result = match (group, self.outcome) {
            (Err(error), _) => Err(error),
            (Ok(()), Some(outcome)) => outcome,
            // Not run: only when the transaction was given up before its turn, which is an error of the group.
            (Ok(()), None) => Err(StoreError::Closed),
        };
        // A waiter that has gone away does not undo the change.
        let _ = self.waiter.send(result);
    }
}

/// Packs a closure and returns where its result will arrive.
pub(in crate::store) fn job<T, F>(work: F) -> (Box<dyn Job>, oneshot::Receiver<Result<T, StoreError>>)
where
    T: Send + 'static,
    F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
{
    let (waiter, result) = oneshot::channel();
    (Box::new(Waiting { work: Some(work), outcome: None, waiter }), result)
}

/// Counters of the writer thread, for metrics.
#[derive(Debug, Default)]
pub(in crate::store) struct Counters {
    groups: AtomicU64,
    jobs: AtomicU64,
    largest: AtomicU64,
    failed: AtomicU64,
}

/// What the writer thread did since the database was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WriteStats {
    /// Transactions, each one sync of the disk.
    pub groups: u64,
    /// Changes carried by them.
    pub jobs: u64,
    /// The most changes that shared a transaction.
    pub largest: u64,
    /// Transactions that failed as a whole.
    pub failed: u64,
}

impl Counters {
    pub(in crate::store) fn read(&self) -> WriteStats {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        WriteStats {
            groups: get(&self.groups),
            jobs: get(&self.jobs),
            largest: get(&self.largest),
            failed: get(&self.failed),
        }
    }

    fn count(&self, jobs: usize, failed: bool) {
        let jobs = jobs as u64;
        self.groups.fetch_add(1, Ordering::Relaxed);
        self.jobs.fetch_add(jobs, Ordering::Relaxed);
        self.largest.fetch_max(jobs, Ordering::Relaxed);
        self.failed.fetch_add(u64::from(failed), Ordering::Relaxed);
    }
}

/// The body of the writer thread: runs until told to close, or until every handle is gone.
/// A temporary directory given to it is removed once the file in it is closed.
pub(in crate::store) fn run(
    connection: Connection,
    mut queue: mpsc::Receiver<Message>,
    counters: &Arc<Counters>,
    temporary: Option<tempfile::TempDir>,
    mut gate: Option<Gate>,
    mut log: Checkpointer,
    mut filing: Filing,
) {
    let mut closing = Vec::new();
    while let Some(first) = queue.blocking_recv() {
        // Under load others are about to queue theirs: let them, and one sync serves more. Without load this is nothing.
        std::thread::yield_now();
        let (mut group, mut emptied) = (Vec::new(), Vec::new());
        let mut next = Some(first);
        while let Some(message) = next {
            match message {
                Message::Write(job) => group.push(job),
                Message::EmptyLog(waiter) => emptied.push(waiter),
                Message::Close(waiter) => {
                    // From here on nobody can queue anything; what waits already is still written.
                    queue.close();
                    closing.push(waiter);
                }
            }
            next = if group.len() < GROUP { queue.try_recv().ok() } else { None };
        }
        if !group.is_empty() {
            let jobs = group.len();
            commit(&connection, group, counters, gate.as_mut());
            log.changed(&connection);
            log.finish(&connection);
            if filing.changed(jobs) {
                file(&connection, &filing, gate.as_mut());
            }
        }
        if !emptied.is_empty() {
            let held = log.hold();
            empty_log(&connection);
            drop(held);
            for waiter in emptied {
                let _ = waiter.send(());
            }
        }
    }
    drop(log);
    let result = close(connection);
    if let Err(error) = &result {
        tracing::warn!(%error, "the database did not close cleanly; it will recover when opened");
    }
    drop(temporary);
    for waiter in closing {
        let _ = waiter.send(result.clone());
    }
}

/// Runs and commits a group, then tells every waiter.
pub(in crate::store) fn commit(
    connection: &Connection,
    mut group: Vec<Box<dyn Job>>,
    counters: &Counters,
    gate: Option<&mut Gate>,
) {
    let result = transact(connection, &mut group, gate);
    if result.is_err()
        && !connection.is_autocommit()
        && let Err(error) = connection.execute_batch("ROLLBACK")
    {
        tracing::error!(%error, "could not roll a failed transaction back");
    }
    counters.count(group.len(), result.is_err());
    if let Err(error) = &result {
        tracing::error!(%error, jobs = group.len(), "a group of database changes failed and was undone");
    }
    for job in group {
        job.answer(result.clone());
    }
}

fn transact(
    connection: &Connection,
    group: &mut [Box<dyn Job>],
    gate: Option<&mut Gate>,
) -> Result<(), StoreError> {
    step(connection, "BEGIN IMMEDIATE")?;
    // What fails alone needs no savepoint: all of the transaction is its.
    let alone = group.len() == 1;
    for job in group {
        if !alone {
            step(connection, "SAVEPOINT job")?;
        }
        let keep = job.run(connection);
        // SQLite undoes the whole transaction by itself on some failures; what ran before is gone then, and what
        // runs after would commit alone.
        if connection.is_autocommit() {
            return Err(job.error().cloned().unwrap_or(StoreError::Invalid(
                "a database job ended the transaction it was part of".to_owned(),
            )));
        }
        if alone && !keep {
            return step(connection, "ROLLBACK");
        }
        if !keep {
            step(connection, "ROLLBACK TO job")?;
        }
        if !alone {
            step(connection, "RELEASE job")?;
        }
    }
    crash_point::pass(Point::StoreInGroup);
    if let Some(gate) = gate {
        gate()?;
    }
    step(connection, "COMMIT")?;
    crash_point::pass(Point::StoreCommitted);
    Ok(())
}

/// Files rows in a transaction of their own, after everybody has heard. Nobody waits for it: if it fails, the rows stay unfiled.
fn file(connection: &Connection, filing: &Filing, gate: Option<&mut Gate>) {
    if let Ok(false) = filing.is_waited_for(connection) {
        return;
    }
    let filed = step(connection, "BEGIN IMMEDIATE")
        .and_then(|()| filing.file(connection))
        .inspect(|()| crash_point::pass(Point::StoreFiling))
        .and_then(|()| gate.map_or(Ok(()), |gate| gate()))
        .and_then(|()| step(connection, "COMMIT"))
        .inspect(|()| crash_point::pass(Point::StoreFiled));
    if let Err(error) = filed {
        tracing::warn!(%error, "the lists of the database are brought up to date later");
        if !connection.is_autocommit()
            && let Err(error) = connection.execute_batch("ROLLBACK")
        {
            tracing::error!(%error, "could not roll a failed transaction back");
        }
    }
}

fn step(connection: &Connection, sql: &str) -> Result<(), StoreError> {
    connection.prepare_cached(sql)?.execute([])?;
    Ok(())
}

/// Nobody waits for a reader in the middle of a query: what it keeps in the log is overwritten when the log begins anew.
fn empty_log(connection: &Connection) {
    let emptied = connection
        .busy_timeout(Duration::ZERO)
        .and_then(|()| connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())));
    let emptied = connection.busy_timeout(BUSY).and(emptied);
    if let Err(error) = emptied {
        tracing::warn!(%error, "the log of the database is not emptied");
    }
}

fn close(connection: Connection) -> Result<(), StoreError> {
    // Everything into the main file, so that it can be copied alone while the broker is down.
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    connection.flush_prepared_statement_cache();
    connection.close().map_err(|(_, error)| error.into())
}
