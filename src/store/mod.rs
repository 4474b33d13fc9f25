//! The database of a broker: what must survive a power cut.
//!
//! One SQLite file a role, in WAL mode with full durability. [`Db`] is the engine: every change is a job that the one
//! writer thread runs (`writer.rs`) together with the other jobs that are waiting, in one transaction, and answers
//! only once that transaction is on the disk; reads run on connections of their own and never wait for writes.
//! Outside this folder nobody sees SQL: the typed functions are [`UserStore`] (`user/`) and [`ProviderStore`]
//! (`provider/`), one file a table; what both roles have alike is in files of this folder. Columns hold the words of
//! `domain` (`amount.rs`, `columns.rs`). The whole data directory belongs to one running broker: `lock.rs`.

mod accounts;
mod amount;
mod audit;
mod checkpoint;
mod columns;
mod copy;
mod db;
mod error;
mod filing;
mod indexes;
mod lock;
mod migrate;
mod network;
mod operations;
mod page;
pub mod provider;
mod pruning;
mod repeats;
mod totals;
pub mod user;
mod write_probe;
mod writer;

#[cfg(test)]
mod audit_tests;
#[cfg(test)]
mod bulk;
#[cfg(test)]
mod earlier;
#[cfg(test)]
mod engine_tests;
#[cfg(test)]
mod index_tests;
#[cfg(test)]
mod shared_tests;

pub use self::{
    accounts::Observed,
    copy::{About, copy, inspect},
    db::Db,
    error::StoreError,
    lock::{DataLock, Holder, LockError},
    migrate::Role,
    network::Network,
    operations::{AttemptRow, Begun, NewOperation, Operation, OperationEnd, OperationFilter, Operations},
    page::{Cursor, Direction, LONGEST_PAGE, Page, PageOf, Totals},
    provider::ProviderStore,
    pruning::{Place, Pruned},
    repeats::{Repeat, Repeats},
    user::UserStore,
    write_probe::WriteProbe,
    writer::{Gate, WriteStats},
};
