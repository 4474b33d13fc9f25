//! Which of our transactions are in which block: receipts, reorgs, and nonces that somebody else has used.

use alloy::primitives::B256;
use serde_json::json;
use tokio::time::Instant;

use super::Worker;
use super::place::NotPlaced;
use super::slot::Place;
use crate::chain::block::{BlockRef, FullBlock, Receipt};
use crate::chain::journal::{Outcome, TxState};
use crate::chain::rpc::At;
use crate::chain::{Chain, ChainError};
use crate::crash_point::{self, Point};
use crate::domain::Address;

/// Looks at a used nonce without a receipt of ours before it is asked who used it; a power of two.
const MISSING_LOOKS: u32 = 4;
/// After so many looks it is asked even though no block has come since.
const LONG_MISSING: u32 = 32;
/// Looks in a row at a head below a block that we have seen, before that block counts as gone.
const PATIENCE: u32 = 30;

impl Chain {
    /// The receipt of a transaction, if it is in a block that the node knows.
    pub(super) async fn receipt(&self, hash: B256) -> Result<Option<Receipt>, ChainError> {
        let receipt: Option<Receipt> = self.rpc().ask("eth_getTransactionReceipt", json!([hash])).await?;
        if receipt.as_ref().is_some_and(|receipt| receipt.transaction_hash != hash) {
            let reason = "it is about another transaction".to_owned();
            return Err(ChainError::BadAnswer { method: "eth_getTransactionReceipt", reason });
        }
        Ok(receipt)
    }

    /// The transaction that used a nonce, found by its block. `None` if the node has no history that far back.
    async fn user_of_nonce(
        &self,
        from: Address,
        nonce: u64,
        head: BlockRef,
    ) -> Result<Option<B256>, ChainError> {
        // In `low` the nonce is unused (or history ends), in `high` it is used.
        let (mut low, mut high) = (0, head.number);
        if self.transaction_count(from, At::Number(high)).await? <= nonce {
            return Ok(None);
        }
        while low + 1 < high {
            let middle = low + (high - low) / 2;
            match self.transaction_count(from, At::Number(middle)).await {
                Ok(count) if count > nonce => high = middle,
                // Without the state of that block: look among the newer ones.
                Ok(_) | Err(ChainError::Refused { .. }) => low = middle,
                Err(error) => return Err(error),
            }
        }
        let number = format!("{high:#x}");
        let block: Option<FullBlock> = self.rpc().ask("eth_getBlockByNumber", json!([number, true])).await?;
        let found = block.and_then(|block| {
            block.transactions.into_iter().find(|tx| tx.from == from && tx.nonce.to::<u64>() == nonce)
        });
        Ok(found.map(|tx| tx.hash))
    }
}

impl Worker {
    /// Whether the blocks of our transactions are still on the chain.
    pub(super) async fn notice_reorgs(&mut self, head: BlockRef) -> Result<(), ChainError> {
        let mut blocks: Vec<BlockRef> = self
            .slots
            .iter()
            .filter_map(|slot| match &slot.place {
                Place::Included { block, .. } => Some(*block),
                Place::Open => None,
            })
            .collect();
        blocks.dedup();
        let mut below = false;
        for block in blocks {
            let there = match block.number {
                number if number == head.number => Some(head),
                number if number > head.number => None,
                number => self.chain.block(number).await?,
            };
            let gone = match there {
                Some(there) => there.hash != block.hash,
                None => {
                    // A node that is behind looks like a chain that was cut; only patience tells them apart.
                    below = true;
                    self.below > PATIENCE
                }
            };
            if gone {
                for slot in self.slots.iter_mut().filter(|slot| slot.is_in(block)) {
                    tracing::warn!(op = ?slot.order.op, nonce = slot.nonce, block = block.number, "a reorg undid a transaction");
                    slot.reopen();
                }
            }
        }
        self.below = if below { self.below.saturating_add(1) } else { 0 };
        Ok(())
    }

    /// Which of our open transactions are in a block by now, under whichever of their hashes.
    pub(super) async fn find_receipts(&mut self, head: BlockRef, count: u64) -> Result<(), ChainError> {
        let mut foreign = Vec::new();
        for at in 0..self.slots.len() {
            let slot = &self.slots[at];
            if !slot.is_open() || slot.nonce >= count || slot.reopened {
                continue;
            }
            let mut found = None;
            for hash in slot.hashes().into_iter().rev() {
                let Some(receipt) = self.chain.receipt(hash).await? else { continue };
                let block = match receipt.block_number() {
                    number if number == head.number => Some(head),
                    number => self.chain.block(number).await?,
                };
                if let Some(block) = block.filter(|block| block.hash == receipt.block_hash) {
                    found = Some((block, receipt));
                    break;
                }
            }
            let slot = &mut self.slots[at];
            if let Some((block, receipt)) = found {
                slot.missing = 0;
                slot.taken_by = None;
                crash_point::pass(Point::MinedSeen);
                if slot.order.op.is_some() {
                    slot.state.send_replace(TxState::Included { hash: receipt.transaction_hash, block });
                }
                slot.place = Place::Included { block, receipt, reported: false };
                continue;
            }
            if let Some(user) = slot.taken_by {
                if Instant::now() < slot.move_at {
                    continue;
                }
                // The proof holds while that one is in a block; a reorg may have given the nonce back to us.
                if self.chain.receipt(user).await?.is_some() {
                    foreign.push(at);
                    continue;
                }
                let slot = &mut self.slots[at];
                (slot.taken_by, slot.missing) = (None, 0);
            }
            let slot = &mut self.slots[at];
            // Used, but not by a hash of ours that this node knows: it may lag, or somebody else has the key too.
            slot.missing = slot.missing.saturating_add(1);
            if slot.missing == 1 {
                slot.missing_since = head.number;
            }
            let deep = head.number >= slot.missing_since + self.chain.confirmations()
                || slot.missing >= LONG_MISSING;
            // The proof costs a few dozen questions, so it is sought ever more rarely.
            if slot.missing < MISSING_LOOKS || !slot.missing.is_power_of_two() || !deep {
                continue;
            }
            let (nonce, hashes) = (slot.nonce, slot.hashes());
            let user = self.chain.user_of_nonce(self.signer.address(), nonce, head).await?;
            if let Some(user) = user.filter(|user| !hashes.contains(user)) {
                self.slots[at].taken_by = Some(user);
                foreign.push(at);
            }
        }
        for at in foreign.into_iter().rev() {
            self.move_on(at).await;
        }
        Ok(())
    }

    /// Another transaction is proven to have this slot's nonce, so none of ours can be mined: the order goes out again
    /// under a new nonce, if the contract still takes it.
    async fn move_on(&mut self, at: usize) {
        // Out of the line meanwhile: what it holds of the address's money is what the order needs under its new nonce.
        let mut slot = self.slots.remove(at);
        tracing::warn!(op = ?slot.order.op, nonce = slot.nonce, "another process used this nonce");
        let Some(op) = slot.order.op else { return };
        match self.place(&slot.order, slot.state.clone()).await {
            Ok(placed) => return self.insert(placed),
            // Nothing is known against it, so it is tried again soon; the slot stays until then.
            Err(NotPlaced { error, .. }) if error.is_transient() => {
                tracing::debug!(%error, "the order cannot go out again yet")
            }
            Err(NotPlaced { error, .. }) => {
                let outcome = Outcome::Refused { reason: error.to_string() };
                if self.journal.finished(op, outcome.clone()).await.is_ok() {
                    slot.state.send_replace(TxState::Done(outcome));
                    return;
                }
            }
        }
        slot.move_at = Instant::now() + self.settings.rebroadcast_after;
        self.insert(slot);
    }
}
