//! The task's loop: taking orders, and following what was broadcast until it is too deep to be undone.
//!
//! A sweep reads the head and the count of mined nonces, then does what follows from them, in this order: reorgs,
//! receipts, gaps, repeated broadcasts and replacements, reports. Each step may fail with the node; the next sweep
//! begins again from what the chain says then.

use std::sync::Arc;
use std::time::Duration;

use alloy::primitives::B256;
use serde_json::json;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::slot::{Order, Place, Slot, reopen};
use super::verdict::{Verdict, verdict};
use super::{Command, SendError, SenderSettings, Ticket, Worker};
use crate::chain::block::{BlockRef, FullBlock, Receipt};
use crate::chain::journal::{Attempt, Journal, Outcome, TxSigner, TxState};
use crate::chain::rpc::At;
use crate::chain::{Call, Chain, ChainError, Revert};
use crate::domain::{Address, OperationId, Timestamp};

/// The longest pause between sweeps while the node cannot be reached.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// Finished transactions that are watched for reorgs at most.
const MOST_WATCHED: usize = 256;
/// Looks at a used nonce without a receipt of ours before it is asked who used it.
const MISSING_LOOKS: u32 = 3;
/// Looks in a row at a head below a block that we have seen, before that block counts as gone.
const PATIENCE: u32 = 30;
/// Nonces that one sweep fills.
const MOST_FILLED: usize = 8;

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
        let (mut low, mut high) = (head.number.saturating_sub(4096), head.number);
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
    pub(super) fn new(
        chain: Chain,
        signer: Arc<dyn TxSigner>,
        journal: Arc<dyn Journal>,
        settings: SenderSettings,
    ) -> Worker {
        Worker {
            chain,
            signer,
            journal,
            settings,
            slots: Vec::new(),
            head: None,
            gap_since: None,
            failures: 0,
            below: 0,
        }
    }

    pub(super) async fn run(mut self, mut queue: mpsc::Receiver<Command>, stop: CancellationToken) {
        let mut next_sweep = Instant::now();
        let mut closed = false;
        loop {
            let free = self.in_flight() < self.settings.max_in_flight.max(1);
            tokio::select! {
                () = stop.cancelled() => return,
                command = queue.recv(), if free && !closed => match command {
                    Some(command) => {
                        self.obey(command).await;
                        next_sweep = Instant::now();
                    }
                    None => closed = true,
                },
                () = tokio::time::sleep_until(next_sweep) => {
                    if closed && self.slots.iter().all(Slot::is_settled) {
                        return;
                    }
                    next_sweep = Instant::now() + self.sweep_and_pause().await;
                }
            }
        }
    }

    fn in_flight(&self) -> usize {
        self.slots.iter().filter(|slot| slot.is_open()).count()
    }

    async fn obey(&mut self, command: Command) {
        // Whoever asked may be gone; what was begun is followed all the same.
        match command {
            Command::Submit { op, call, deadline, reply } => {
                let _ = reply.send(self.submit(op, &call, deadline).await);
            }
            Command::Resume { attempts, reply } => {
                let _ = reply.send(Ok(self.resume(attempts)));
            }
        }
    }

    async fn submit(
        &mut self,
        op: OperationId,
        call: &Call,
        deadline: Option<Timestamp>,
    ) -> Result<Ticket, SendError> {
        if let Some(ticket) = self.slots.iter().find(|slot| slot.order.op == Some(op)).and_then(Slot::ticket)
        {
            return Ok(ticket);
        }
        let order = Order { op: Some(op), intent: call.intent(self.chain.contract()), deadline };
        let (state, _) = watch::channel(TxState::Sent { hashes: Vec::new() });
        let slot = self.place(&order, state).await?;
        let ticket = slot.ticket().ok_or(SendError::Stopped)?;
        self.insert(slot);
        Ok(ticket)
    }

    fn resume(&mut self, mut attempts: Vec<Attempt>) -> Vec<Ticket> {
        let me = self.signer.address();
        attempts.retain(|attempt| attempt.from == me);
        attempts.sort_by_key(|attempt| (attempt.nonce, attempt.at));
        let mut tickets = Vec::new();
        let mut ops: Vec<(Option<OperationId>, u64)> = Vec::new();
        for attempt in &attempts {
            // An operation moves to a later nonce only when the earlier one is proven to be somebody else's.
            match ops
                .iter_mut()
                .find(|(op, nonce)| *op == attempt.op && (op.is_some() || *nonce == attempt.nonce))
            {
                Some((_, nonce)) => *nonce = attempt.nonce,
                None => ops.push((attempt.op, attempt.nonce)),
            }
        }
        for (op, nonce) in ops {
            let known = self.slots.iter_mut().find(|slot| slot.order.op == op && slot.nonce == nonce);
            let own = attempts.iter().filter(|attempt| attempt.op == op && attempt.nonce == nonce);
            if let Some(slot) = known {
                for attempt in own {
                    if slot.attempts.iter().all(|known| known.hash != attempt.hash) {
                        slot.attempts.insert(0, attempt.clone());
                    }
                }
                tickets.extend(slot.ticket());
                continue;
            }
            let (mut good, mut made) = (Vec::new(), None);
            for attempt in own {
                match reopen(attempt, self.chain.id()) {
                    Some(read) => {
                        made = Some(read);
                        good.push(attempt.clone());
                    }
                    None => {
                        tracing::error!(hash = %attempt.hash, "a recorded transaction is not of this chain")
                    }
                }
            }
            let Some((intent, gas_limit)) = made else { continue };
            let (state, _) = watch::channel(TxState::Sent { hashes: Vec::new() });
            let mut slot = Slot::new(Order { op, intent, deadline: None }, gas_limit, good, state);
            slot.bumps = u32::try_from(slot.attempts.len() - 1).unwrap_or(u32::MAX);
            tickets.extend(slot.ticket());
            self.insert(slot);
        }
        tickets
    }

    fn insert(&mut self, slot: Slot) {
        let at = self.slots.partition_point(|other| other.nonce <= slot.nonce);
        self.slots.insert(at, slot);
    }

    /// One sweep, and how long to wait for the next.
    async fn sweep_and_pause(&mut self) -> Duration {
        let poll = self.chain.poll();
        if self.slots.is_empty() {
            return LONGEST_PAUSE;
        }
        if let Err(error) = self.sweep().await {
            self.failures = self.failures.saturating_add(1);
            tracing::debug!(%error, failures = self.failures, "a look at our transactions failed");
            self.tell_unknown().await;
            return (poll * 2u32.saturating_pow(self.failures.min(16))).min(LONGEST_PAUSE);
        }
        self.failures = 0;
        if self.slots.iter().all(Slot::is_settled) {
            // Only reorgs are waited for.
            (poll * 20).max(Duration::from_millis(100))
        } else {
            poll
        }
    }

    async fn sweep(&mut self) -> Result<(), ChainError> {
        let head = self.chain.head().await?;
        if self.head.is_none_or(|known| known.hash != head.hash) || self.below > 0 {
            self.notice_reorgs(head).await?;
        }
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

    /// Whether the blocks of our transactions are still on the chain.
    async fn notice_reorgs(&mut self, head: BlockRef) -> Result<(), ChainError> {
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
    async fn find_receipts(&mut self, head: BlockRef, count: u64) -> Result<(), ChainError> {
        let mut foreign = Vec::new();
        for at in 0..self.slots.len() {
            let slot = &self.slots[at];
            if !slot.is_open() || slot.nonce >= count {
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
                if slot.order.op.is_some() {
                    slot.state.send_replace(TxState::Included { hash: receipt.transaction_hash, block });
                }
                slot.place = Place::Included { block, receipt, reported: false };
                continue;
            }
            // Used, but not by a hash of ours that this node knows: it may lag, or somebody else has the key too.
            slot.missing = slot.missing.saturating_add(1);
            if slot.missing == 1 {
                slot.missing_since = head.number;
            }
            let deep = head.number >= slot.missing_since + self.chain.confirmations()
                || slot.missing % (10 * MISSING_LOOKS) == 0;
            if slot.missing < MISSING_LOOKS || !deep {
                continue;
            }
            let (nonce, hashes) = (slot.nonce, slot.hashes());
            let user = self.chain.user_of_nonce(self.signer.address(), nonce, head).await?;
            if user.is_some_and(|user| !hashes.contains(&user)) {
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
        let slot = &self.slots[at];
        tracing::warn!(op = ?slot.order.op, nonce = slot.nonce, "another process used this nonce");
        let Some(op) = slot.order.op else {
            self.slots.remove(at);
            return;
        };
        let (order, state) = (slot.order.clone(), slot.state.clone());
        match self.place(&order, state.clone()).await {
            Ok(placed) => {
                self.slots.remove(at);
                self.insert(placed);
            }
            // Try again at the next sweep; the slot stays until then.
            Err(error) if error.is_transient() => {
                tracing::debug!(%error, "the order cannot go out again yet")
            }
            Err(error) => {
                let outcome = Outcome::Refused { reason: error.to_string() };
                if self.journal.finished(op, outcome.clone()).await.is_ok() {
                    state.send_replace(TxState::Done(outcome));
                    self.slots.remove(at);
                }
            }
        }
    }

    /// Nonces below our open ones that nobody uses would block those for ever.
    async fn close_gaps(&mut self, count: u64) -> Result<(), ChainError> {
        let Some(top) = self.slots.iter().filter(|slot| slot.is_open()).map(|slot| slot.nonce).max() else {
            return Ok(());
        };
        let missing: Vec<u64> = (count..top)
            .filter(|nonce| self.slots.iter().all(|slot| slot.nonce != *nonce))
            .take(256)
            .collect();
        if missing.is_empty() {
            self.gap_since = None;
            return Ok(());
        }
        let since = *self.gap_since.get_or_insert_with(Instant::now);
        if since.elapsed() < self.settings.gap_after {
            return Ok(());
        }
        // What waits in the pool under these nonces is somebody's and will be mined.
        let pending = self.chain.transaction_count(self.signer.address(), At::Pending).await?;
        for nonce in missing.into_iter().filter(|nonce| *nonce >= pending).take(MOST_FILLED) {
            let order = Order::gap(self.signer.address());
            let price = self.chain.gas_price().await?;
            let cap = self.settings.max_fee_per_gas;
            let Some(fees) = crate::chain::fees::Fees::offer(price, cap) else { return Ok(()) };
            let Ok(attempt) = self.sign(&order, nonce, 21_000, fees) else { return Ok(()) };
            if self.journal.record(attempt.clone()).await.is_err() {
                return Ok(());
            }
            let said = verdict(&self.chain.broadcast(&attempt).await);
            tracing::warn!(nonce, ?said, "closing a gap between nonces with a transfer to ourselves");
            if matches!(said, Verdict::Accepted | Verdict::Uncertain) {
                let (state, _) = watch::channel(TxState::Sent { hashes: Vec::new() });
                let mut slot = Slot::new(order, 21_000, vec![attempt], state);
                slot.again_at = Instant::now() + self.settings.rebroadcast_after;
                self.insert(slot);
            }
        }
        Ok(())
    }

    /// Broadcasts again what nodes may have dropped, and raises the fee of what is stuck.
    async fn push(&mut self, count: u64) -> Result<(), ChainError> {
        let now = Instant::now();
        let mut last = None;
        for at in 0..self.slots.len() {
            let slot = &mut self.slots[at];
            // Of two orders with one nonce only the first is pushed.
            if !slot.is_open() || slot.nonce < count || last == Some(slot.nonce) {
                continue;
            }
            last = Some(slot.nonce);
            // Whoever waits behind another nonce is not stuck for its own fee.
            if slot.nonce == count && !slot.next_in_line {
                slot.next_in_line = true;
                slot.since = now;
            }
            if slot.reopened {
                if let Some(attempt) = slot.attempts.last().cloned().filter(|attempt| attempt.op.is_some())
                    && self.journal.record(attempt).await.is_err()
                {
                    continue;
                }
                self.slots[at].reopened = false;
            }
            let slot = &self.slots[at];
            let stuck = slot.next_in_line
                && slot.bumps < self.settings.max_bumps
                && slot.since.elapsed() >= slot.patience(&self.settings);
            if stuck && self.replace(at).await? {
                continue;
            }
            let slot = &mut self.slots[at];
            if slot.again_at <= now
                && let Some(attempt) = slot.attempts.last().cloned()
            {
                slot.again_at = now + self.settings.rebroadcast_after;
                let said = verdict(&self.chain.broadcast(&attempt).await);
                tracing::debug!(nonce = attempt.nonce, hash = %attempt.hash, ?said, "broadcast again");
            }
        }
        Ok(())
    }

    /// Sends the same order under the same nonce at a higher fee. Says whether it did.
    async fn replace(&mut self, at: usize) -> Result<bool, ChainError> {
        let price = self.chain.gas_price().await?;
        let slot = &mut self.slots[at];
        slot.since = Instant::now();
        let Some(fees) = slot.fees().raised(price, self.settings.max_fee_per_gas) else { return Ok(false) };
        let (order, nonce, gas_limit) = (slot.order.clone(), slot.nonce, slot.gas_limit);
        let Ok(attempt) = self.sign(&order, nonce, gas_limit, fees) else { return Ok(false) };
        if let Err(error) = self.journal.record(attempt.clone()).await {
            tracing::error!(%error, nonce, "a replacement is not sent");
            return Ok(false);
        }
        let slot = &mut self.slots[at];
        slot.bumps += 1;
        slot.again_at = Instant::now() + self.settings.rebroadcast_after;
        slot.add(attempt.clone());
        let said = verdict(&self.chain.broadcast(&attempt).await);
        tracing::info!(op = ?order.op, nonce, hash = %attempt.hash, max_fee = fees.max_fee, ?said, "replaced a stuck transaction");
        Ok(true)
    }

    /// Tells the journal and the tickets of everything that is deep enough.
    async fn report(&mut self, head: BlockRef) {
        for at in 0..self.slots.len() {
            let slot = &self.slots[at];
            let Place::Included { block, receipt, reported: false } = slot.place.clone() else { continue };
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
            let slot = &mut self.slots[at];
            slot.place = Place::Included { block, receipt, reported: true };
            slot.told_unknown = false;
            slot.state.send_replace(TxState::Done(outcome));
        }
    }

    async fn tell_unknown(&mut self) {
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

impl Slot {
    fn is_in(&self, wanted: BlockRef) -> bool {
        matches!(&self.place, Place::Included { block, .. } if *block == wanted)
    }

    /// A reorg has undone it: under way again, and broadcast again at once.
    fn reopen(&mut self) {
        self.reopened = self.is_settled();
        self.place = Place::Open;
        self.missing = 0;
        self.next_in_line = false;
        self.started = Instant::now();
        self.again_at = self.started;
        self.state.send_replace(TxState::Sent { hashes: self.hashes() });
    }

    /// How long it may be next in line before its fee is raised: shorter as its deadline comes near, so that the
    /// raises that are left fit into the time that is left.
    fn patience(&self, settings: &SenderSettings) -> Duration {
        let Some(deadline) = self.order.deadline else { return settings.replace_after };
        let left = Duration::from_secs(deadline.seconds_since(Timestamp::now()));
        let raises = settings.max_bumps.saturating_sub(self.bumps) + 1;
        (left / raises).clamp(Duration::from_secs(1).min(settings.replace_after), settings.replace_after)
    }
}
