//! The chain: what the Serving contract says, and what our keys do there. The only home of alloy's RPC client.
//!
//! ```text
//! Endpoint ── rpc ── Chain ──┬── read, event      accounts, services, events; each at a named block
//!  (HTTP or in process)      ├── Follower         batches of events, with what a reorg undid
//!                            └── Sender           one per key: nonces, fees, replacement, outcomes
//!                                  │  ▲
//!                            Journal  TxSigner    the caller's store and key, as traits
//! ```
//!
//! Answers of a node are untrusted: bounded in size, checked for shape and for being about what was asked, and every
//! text in them cleaned. A [`Chain`] remembers nothing that can change; truth is what is read again.
//! `devnet` is a whole chain in this process; it is plugged in as an [`Endpoint`] and never imported from here.

mod bid;
mod block;
mod call;
mod contract;
mod convert;
pub mod devnet;
mod endpoint;
mod error;
mod event;
mod failover;
mod fees;
mod follow;
mod history;
mod journal;
mod kind;
pub mod line;
mod open;
mod pages;
mod read;
mod revert;
mod rpc;
mod sender;

pub use bid::{Bid, Hurry};
pub use block::BlockRef;
pub use call::{Call, Intent, SETTLE_ROW, SettleRow};
pub use endpoint::{Endpoint, MAX_ANSWER};
pub use error::ChainError;
pub use event::{ChainEvent, EventFilter, EventKind};
pub use fees::{Fees, GasPrice};
pub use follow::{Cursor, FollowBatch, FollowSettings, Follower};
pub use history::ServiceEvents;
pub use journal::{Attempt, Journal, JournalError, Outcome, SignerError, TxSigner, TxState};
pub use kind::ChainKind;
pub use open::{Chain, ChainSettings};
pub use read::ServiceList;
pub use revert::Revert;
#[cfg(test)]
pub(crate) use sender::tests as scripted;
pub use sender::{SendError, SendQuote, Sender, SenderSettings, Ticket};
