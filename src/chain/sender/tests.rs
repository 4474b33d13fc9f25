//! What tickets tell, of states that a test makes up.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

use alloy::primitives::B256;
use tokio::sync::watch;

use super::Ticket;
use crate::chain::BlockRef;
use crate::chain::journal::{Outcome, TxState};
use crate::domain::{OperationId, Timestamp};

impl Ticket {
    /// A ticket whose states come from a test instead of a sender.
    pub(crate) fn scripted(op: OperationId) -> (watch::Sender<TxState>, Ticket) {
        let (state, seen) = watch::channel(TxState::Sent { hashes: Vec::new() });
        (state, Ticket { op, nonce: 0, hash: B256::ZERO, state: seen, told: None })
    }
}

/// A transaction that was mined in this block.
pub(crate) fn mined_in(block: BlockRef) -> TxState {
    TxState::Done(Outcome::Mined {
        hash: B256::repeat_byte(1),
        block,
        gas_used: 21_000,
        effective_gas_price: 1,
        contract: None,
    })
}

#[tokio::test(start_paused = true)]
async fn an_outcome_that_comes_back_is_told_again() {
    let block = BlockRef { number: 7, hash: B256::repeat_byte(7), time: Timestamp::from_seconds(7) };
    let sent = || TxState::Sent { hashes: Vec::new() };
    let soon = std::time::Duration::from_secs(1);
    let (state, mut ticket) = Ticket::scripted(OperationId::new([1; 16]));
    state.send_replace(mined_in(block));
    assert!(ticket.next().await.is_some());
    assert!(tokio::time::timeout(soon, ticket.next()).await.is_err(), "it is told once while it holds");
    // The node falls behind the block and comes back to the same one.
    state.send_replace(sent());
    assert!(ticket.overtaken().await);
    state.send_replace(mined_in(block));
    assert!(tokio::time::timeout(soon, ticket.next()).await.is_ok(), "after it was said not to hold");
    // The same for whoever waits for the next outcome all the while.
    state.send_replace(sent());
    assert!(tokio::time::timeout(soon, ticket.next()).await.is_err());
    state.send_replace(mined_in(block));
    assert!(tokio::time::timeout(soon, ticket.next()).await.is_ok(), "after it was seen not to hold");
}
