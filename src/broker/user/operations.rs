//! On-chain actions: written down, sent, followed to their end, and read back from the chain.
//!
//! ```text
//! act ─▶ store: prepared ─▶ Sender (journal: sent, before each broadcast) ─▶ Ticket ─▶ task "operation"
//!                                                                                        │ outcome
//!                                   account read again at the mined block ◀──────────────┘
//! ```
//!
//! The same idempotency key gives the same operation. After a restart every operation that may have reached the
//! chain is followed by its hashes, and one that was written down but never sent is closed as refused.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::time::Instant;

use super::UserError;
use super::event::Event;
use super::handle::{Inner, UserBroker};
use super::view::OperationView;
use crate::chain::{Attempt, Call, Journal, JournalError, Outcome, SendError, Ticket};
use crate::domain::{Address, Neuron, OperationId, OperationKind, OperationState, Timestamp};
use crate::store::{self, UserStore};
