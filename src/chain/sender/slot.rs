//! One nonce: the order it carries out, every transaction ever signed for it, and where it stands.

use alloy::consensus::{Transaction as _, TxEnvelope};
use alloy::eips::eip2718::Decodable2718;
use alloy::primitives::{B256, TxKind, U256};
use tokio::sync::watch;
use tokio::time::Instant;

use super::Ticket;
use super::verdict::Verdict;
use crate::chain::bid::Bid;
use crate::chain::block::{BlockRef, Receipt};
use crate::chain::call::Intent;
use crate::chain::fees::Fees;
use crate::chain::journal::{Attempt, Outcome, TxState};
use crate::domain::OperationId;

/// What is to be done, whatever nonce it gets.
#[derive(Clone, Debug)]
pub(super) struct Order {
    /// `None` for a transfer to ourselves that closes a gap.
    pub(super) op: Option<OperationId>,
    pub(super) intent: Intent,
    /// What it may cost; without one, whatever the settings allow.
    pub(super) bid: Option<Bid>,
}

impl Order {
    pub(super) fn gap(address: alloy::primitives::Address) -> Order {
        let intent = Intent { to: TxKind::Call(address), value: U256::ZERO, input: Default::default() };
        Order { op: None, intent, bid: None }
    }
}

#[derive(Debug)]
pub(super) struct Slot {
    pub(super) nonce: u64,
    pub(super) order: Order,
    pub(super) gas_limit: u64,
    /// Every transaction signed for this nonce, oldest first; never empty.
    pub(super) attempts: Vec<Attempt>,
    /// Those that every node refused. One of them may be mined all the same, but nobody waits to mine it.
    refused: Vec<B256>,
    /// The least fee that was refused, above that of the newest one that was not.
    too_high: Option<u128>,
    pub(super) place: Place,
    pub(super) state: watch::Sender<TxState>,
    pub(super) started: Instant,
    /// From when on its age counts: the last broadcast, or the moment it became next in line.
    pub(super) since: Instant,
    pub(super) next_in_line: bool,
    /// The next broadcast of the same bytes.
    pub(super) again_at: Instant,
    pub(super) bumps: u32,
    /// The order behind it at whose expense it was raised last.
    pub(super) pushed_for: Option<OperationId>,
    /// Looks at a used nonce that found none of our hashes.
    pub(super) missing: u32,
    pub(super) missing_since: u64,
    /// Somebody else's transaction that is proven to have this nonce.
    pub(super) taken_by: Option<B256>,
    /// The next try to have the order go out under another nonce then.
    pub(super) move_at: Instant,
    /// A reorg has undone it and the journal does not know yet.
    pub(super) reopened: bool,
    pub(super) told_unknown: bool,
}

#[derive(Clone, Debug)]
pub(super) enum Place {
    /// In no block.
    Open,
    Included {
        block: BlockRef,
        receipt: Receipt,
        /// The journal and the tickets know the outcome.
        reported: bool,
    },
}

impl Slot {
    pub(super) fn new(
        order: Order,
        gas_limit: u64,
        attempts: Vec<Attempt>,
        state: watch::Sender<TxState>,
    ) -> Slot {
        let now = Instant::now();
        let nonce = attempts.first().map_or(0, |attempt| attempt.nonce);
        let slot = Slot {
            nonce,
            order,
            gas_limit,
            attempts,
            refused: Vec::new(),
            too_high: None,
            place: Place::Open,
            state,
            started: now,
            since: now,
            next_in_line: false,
            again_at: now,
            bumps: 0,
            pushed_for: None,
            missing: 0,
            missing_since: 0,
            taken_by: None,
            move_at: now,
            reopened: false,
            told_unknown: false,
        };
        slot.state.send_replace(TxState::Sent { hashes: slot.hashes() });
        slot
    }

    /// Every hash that may be mined; that of the newest transaction comes last.
    pub(super) fn hashes(&self) -> Vec<B256> {
        let newest = self.newest().map(|newest| newest.hash);
        let others = self.attempts.iter().map(|attempt| attempt.hash).filter(|hash| Some(*hash) != newest);
        others.chain(newest).collect()
    }

    /// The newest transaction that a node may have; the newest of all if they refused every one.
    pub(super) fn newest(&self) -> Option<&Attempt> {
        let taken = self.attempts.iter().rev().find(|attempt| !self.refused.contains(&attempt.hash));
        taken.or(self.attempts.last())
    }

    /// Takes in what the nodes said to one of its transactions. What they refused does not take the place of what they
    /// have: it would be broadcast again and again while that is forgotten, and be what the next raise is counted from.
    pub(super) fn heard(&mut self, attempt: &Attempt, said: &Verdict) {
        match said {
            Verdict::Accepted => self.refused.retain(|hash| *hash != attempt.hash),
            Verdict::Refused(_) | Verdict::NoFunds | Verdict::AboveNodeCap(_) => {
                if !self.refused.contains(&attempt.hash) {
                    self.refused.push(attempt.hash);
                }
                if attempt.max_fee > self.fees().max_fee {
                    self.too_high = Some(self.too_high.unwrap_or(u128::MAX).min(attempt.max_fee));
                }
            }
            _ => {}
        }
    }

    /// The most that the next raise may offer: half way to what was refused.
    pub(super) fn step(&self) -> u128 {
        let now = self.fees().max_fee;
        self.too_high.map_or(u128::MAX, |high| now.saturating_add(high.saturating_sub(now) / 2))
    }

    /// No smaller step is left. Limits and money change, so the next raise begins again from the top.
    pub(super) fn forget_too_high(&mut self) {
        self.too_high = None;
    }

    pub(super) fn is_open(&self) -> bool {
        matches!(self.place, Place::Open)
    }

    /// Whether nothing is left to be done unless a reorg comes.
    pub(super) fn is_settled(&self) -> bool {
        matches!(self.place, Place::Included { reported: true, .. })
    }

    pub(super) fn fees(&self) -> Fees {
        self.newest().map_or(Fees { max_fee: 0, priority: 0 }, |newest| Fees {
            max_fee: newest.max_fee,
            priority: newest.priority,
        })
    }

    pub(super) fn is_in(&self, wanted: BlockRef) -> bool {
        matches!(&self.place, Place::Included { block, .. } if *block == wanted)
    }

    /// A reorg has undone it: under way again, and broadcast again at once.
    pub(super) fn reopen(&mut self) {
        self.reopened = self.is_settled();
        self.place = Place::Open;
        self.missing = 0;
        self.taken_by = None;
        self.next_in_line = false;
        self.started = Instant::now();
        self.again_at = self.started;
        self.state.send_replace(TxState::Sent { hashes: self.hashes() });
    }

    /// The most that the newest attempt can take from the address, in neuron.
    pub(super) fn cost(&self) -> u128 {
        self.fees().max_fee.saturating_mul(self.gas_limit.into()).saturating_add(self.value())
    }

    /// What it takes along, in neuron.
    pub(super) fn value(&self) -> u128 {
        u128::try_from(self.order.intent.value).unwrap_or(u128::MAX)
    }

    /// What its transaction has cost, in neuron; nothing while it is in no block.
    pub(super) fn paid(&self) -> u128 {
        match &self.place {
            Place::Included { receipt, .. } => receipt.gas_price().saturating_mul(receipt.gas_used().into()),
            Place::Open => 0,
        }
    }

    pub(super) fn ticket(&self) -> Option<Ticket> {
        let newest = self.newest()?;
        Some(Ticket {
            op: self.order.op?,
            nonce: self.nonce,
            hash: newest.hash,
            state: self.state.subscribe(),
            told: None,
        })
    }

    /// Another transaction for this nonce is on disk, and the nodes have said this to it.
    pub(super) fn add(&mut self, attempt: Attempt, said: &Verdict) {
        // The same offer once more is the same transaction.
        if self.attempts.iter().all(|known| known.hash != attempt.hash) {
            self.attempts.push(attempt.clone());
        }
        self.heard(&attempt, said);
        self.tell_sent();
    }

    pub(super) fn tell_sent(&self) {
        let unknown = matches!(&*self.state.borrow(), TxState::Done(Outcome::Unknown { .. }));
        if !unknown {
            self.state.send_replace(TxState::Sent { hashes: self.hashes() });
        }
    }
}

/// What a stored attempt says when its bytes are read again; `None` if they are not what they should be.
pub(super) fn reopen(attempt: &Attempt, chain_id: u64) -> Option<(Intent, u64)> {
    let tx = TxEnvelope::decode_2718(&mut attempt.raw.as_ref()).ok()?;
    let fits =
        tx.chain_id() == Some(chain_id) && tx.nonce() == attempt.nonce && *tx.tx_hash() == attempt.hash;
    let intent = Intent { to: tx.kind(), value: tx.value(), input: tx.input().clone() };
    fits.then(|| (intent, tx.gas_limit()))
}
