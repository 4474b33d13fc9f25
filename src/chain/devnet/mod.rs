//! The embedded development chain: an Ethereum chain in this process, for `demo`, `devnet` and tests.
//!
//! ```text
//!  alloy provider ─▶ transport ─┐
//!  http::devnet ──▶ handle ─────┼─▶ rpc ─▶ node ─┬─▶ pool      waiting transactions
//!  demo, tests ───▶ (control) ──┘                ├─▶ draft ─▶ execute   revm on a view of the state
//!                                                └─▶ journal ─▶ state, blocks   appended, then applied
//! ```
//!
//! | file | what it owns |
//! |---|---|
//! | `handle` | [`Devnet`], the lock, in place or on a blocking thread |
//! | `node` | everything under the lock and the operations that change it |
//! | `genesis` | settings, the ten well-known accounts, block 0 |
//! | `state` | accounts, code, storage, 64 blocks of history |
//! | `execute` | the EVM and the fork it runs |
//! | `draft` | a block built but not stored |
//! | `blocks`, `stored` | the chain of blocks; how one is written down |
//! | `pool` | acceptance, replacement, order |
//! | `clock` | wall clock plus travel |
//! | `ledger` | blocks and state, and the changes that can happen to them |
//! | `journal` | the file: append, sync, open after a crash |
//! | `rpc` | JSON-RPC methods |
//! | `transport` | alloy without a socket |
//!
//! Every block is kept, in memory and in the file (about 3 kB with one transaction); states are kept 64 blocks back.
//!
//! Differences from a real chain, all on purpose: the base fee stays as set; several blocks may carry the same second;
//! state roots name the state but are no Merkle roots; nothing signs or proves blocks. Hashes, transaction and receipt
//! roots, blooms, gas and receipts are as Ethereum computes them.

mod blocks;
mod clock;
mod draft;
mod error;
mod execute;
mod genesis;
mod handle;
mod journal;
mod ledger;
mod node;
mod pool;
mod rpc;
mod state;
mod stored;
mod transport;

pub use error::DevnetError;
pub use genesis::{DevAccount, DevKey, DevnetConfig, MAX_ACCOUNTS};
pub use handle::Devnet;
pub use node::ReorgTxs;
pub use pool::PoolError;
pub use transport::DevnetTransport;

#[cfg(test)]
mod tests;
