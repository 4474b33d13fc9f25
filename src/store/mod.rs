//! The database of a broker: what must survive a power cut.
//!
//! One SQLite file a role, in WAL mode with full durability. [`Db`] is the engine: every change is a job that the one
//! writer thread runs (`writer.rs`) together with the other jobs that are waiting, in one transaction, and answers
//! only once that transaction is on the disk; reads run on connections of their own and never wait for writes.
//! Outside this folder nobody sees SQL. The typed functions live in `user/` and `provider/`, one file a table.
//! The whole data directory belongs to one running broker: `lock.rs`.

mod amount;
mod db;
mod error;
mod lock;
mod migrate;
mod writer;

#[cfg(test)]
mod engine_tests;

pub use self::{
    db::Db,
    error::StoreError,
    lock::{DataLock, LockError},
    migrate::Role,
    writer::WriteStats,
};
