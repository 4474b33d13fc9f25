//! What can go wrong with the development chain, as its owner sees it. JSON-RPC callers see [`super::rpc`]'s errors.

use std::path::PathBuf;

use super::{pool::PoolError, state::HISTORY};

/// Why the chain could not be started or told to do something.
#[derive(Debug, thiserror::Error)]
pub enum DevnetError {
    #[error("cannot use the chain's file {}", .path.display())]
    File { path: PathBuf, source: std::io::Error },
    #[error("the chain's file {} is in use by another process", .path.display())]
    InUse { path: PathBuf },
    #[error("the chain's file {} is damaged at line {line}: {why}; move it away to start a new chain", .path.display())]
    Damaged { path: PathBuf, line: usize, why: String },
    #[error("the chain's file {} belongs to chain {found}, not to chain {wanted}", .path.display())]
    OtherChain { path: PathBuf, found: u64, wanted: u64 },
    #[error("the chain's file {} has format {found}; this program knows format {known}", .path.display())]
    OtherFormat { path: PathBuf, found: u32, known: u32 },
    /// After a failed write nobody knows what the disk holds, so nothing more is answered.
    #[error("the chain's file could not be written ({why}); restart the chain")]
    Stopped { why: String },
    #[error(
        "cannot go back {depth} blocks: at most {HISTORY}, and not below block 0 or where the chain was loaded"
    )]
    TooDeep { depth: u64 },
    #[error("at most {limit} blocks can be mined at once")]
    TooManyBlocks { limit: u64 },
    #[error("time {wanted} is before that of the newest block, {newest}")]
    Past { wanted: u64, newest: u64 },
    #[error(transparent)]
    Pool(#[from] PoolError),
    /// Accepted by the pool's checks, but the block that was to hold it could not.
    #[error("{0}")]
    Refused(String),
    #[error("starting the chain was interrupted")]
    Interrupted,
}
