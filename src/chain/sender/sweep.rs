//! One sweep over everything that was broadcast, and what is told of it.
//!
//! A sweep reads the head and the count of mined nonces, then does what follows from them, in this order: reorgs,
//! receipts, gaps, repeated broadcasts and replacements, reports. Each step may fail with the node; the next sweep
//! begins again from what the chain says then.

use super::Worker;
use super::slot::{Place, Slot};
use crate::chain::block::BlockRef;
use crate::chain::journal::{Outcome, TxState};
use crate::chain::rpc::At;
use crate::chain::{ChainError, Revert};
use crate::crash_point::{self, Point};
use crate::domain::Timestamp;

/// Finished transactions that are watched for reorgs at most.
const MOST_WATCHED: usize = 256;

impl Worker {
    pub(super) async fn sweep(&mut self) -> Result<(), ChainError> {
        let head = self.chain.head().await?;
        self.ahead = head.time.seconds_since(Timestamp::now());
        if self.head.is_none_or(|known| known.hash != head.hash) || self.below > 0 {
            self.notice_reorgs(head).await?;
        }
        self.record_undone().await;
        if self.in_flight() > 0 {
            let count = self.chain.transaction_count(self.signer.address(), At::Latest).await?;
            self.find_receipts(head, count).await?;
            self.close_gaps(count).await?;
            self.push(count).await?;
            self.tell_unknown().await;
        }
        self.report(head).await;
        self.forget(head);
        self.head = Some(head);
        Ok(())
    }

    /// Has the journal take back the ends that a reorg undid, before anything else is told of them: what was mined may be
    /// reverted in its new block, or be in the same one again, and in the books one end does not follow another.
    async fn record_undone(&mut self) {
        for at in 0..self.slots.len() {
            if !self.slots[at].reopened {
                continue;
            }
            if let Some(attempt) = self.slots[at].newest().cloned().filter(|attempt| attempt.op.is_some())
                && let Err(error) = self.journal.record(attempt).await
            {
                tracing::error!(%error, "a reorg could not be written down; trying again");
                continue;
            }
            self.slots[at].reopened = false;
        }
    }

    /// Tells the journal and the tickets of everything that is deep enough.
    async fn report(&mut self, head: BlockRef) {
        for at in 0..self.slots.len() {
            let slot = &self.slots[at];
            let Place::Included { block, receipt, reported: false } = slot.place.clone() else { continue };
            if slot.reopened {
                continue;
            }
            if (head.number + 1).saturating_sub(block.number) < self.chain.confirmations() {
                continue;
            }
            let outcome = if receipt.succeeded() {
                Outcome::Mined {
                    hash: receipt.transaction_hash,
                    block,
                    gas_used: receipt.gas_used(),
                    effective_gas_price: receipt.gas_price(),
                    contract: receipt.contract_address,
                }
            } else {
                let parent = At::Number(block.number.saturating_sub(1));
                let replayed = self.chain.replay(self.signer.address(), &slot.order.intent, parent).await;
                let reason = match replayed {
                    Err(ChainError::Revert(revert)) => revert,
                    _ if receipt.gas_used() >= slot.gas_limit => {
                        Revert::Other("it ran out of gas".to_owned())
                    }
                    _ => Revert::Other("it failed in its block, and the node does not say why".to_owned()),
                };
                Outcome::Reverted {
                    hash: receipt.transaction_hash,
                    block,
                    reason,
                    gas_used: receipt.gas_used(),
                    effective_gas_price: receipt.gas_price(),
                }
            };
            if let Some(op) = slot.order.op
                && let Err(error) = self.journal.finished(op, outcome.clone()).await
            {
                tracing::error!(%error, %op, "an outcome could not be written down; trying again");
                continue;
            }
            crash_point::pass(Point::OutcomeRecorded);
            let slot = &mut self.slots[at];
            slot.place = Place::Included { block, receipt, reported: true };
            slot.told_unknown = false;
            slot.state.send_replace(TxState::Done(outcome));
        }
    }

    pub(super) async fn tell_unknown(&mut self) {
        for at in 0..self.slots.len() {
            let slot = &self.slots[at];
            let late =
                slot.is_open() && !slot.told_unknown && slot.started.elapsed() >= self.settings.unknown_after;
            let Some(op) = slot.order.op.filter(|_| late) else { continue };
            let outcome = Outcome::Unknown { hashes: slot.hashes() };
            if self.journal.finished(op, outcome.clone()).await.is_ok() {
                self.slots[at].told_unknown = true;
                self.slots[at].state.send_replace(TxState::Done(outcome));
            }
        }
    }

    /// Lets go of what is too deep for a reorg.
    fn forget(&mut self, head: BlockRef) {
        let deep = |slot: &Slot| match &slot.place {
            Place::Included { block, reported: true, .. } => {
                head.number.saturating_sub(block.number) >= self.settings.watch_depth
            }
            _ => false,
        };
        self.slots.retain(|slot| !deep(slot));
        let mut over =
            self.slots.iter().filter(|slot| slot.is_settled()).count().saturating_sub(MOST_WATCHED);
        self.slots.retain(|slot| {
            let keep = over == 0 || !slot.is_settled();
            over -= usize::from(!keep);
            keep
        });
    }
}
