//! The task's loop: it takes orders, takes up those of a former run, and sweeps.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::place::NotPlaced;
use super::slot::{Order, Slot, reopen};
use super::{Command, Rebid, SendError, SenderSettings, Ticket, Worker};
use crate::chain::journal::{Attempt, Journal, Outcome, TxSigner, TxState};
use crate::chain::{Bid, Call, Chain};
use crate::domain::OperationId;

/// The longest pause between sweeps while the node cannot be reached.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

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
            ahead: 0,
        }
    }

    pub(super) async fn run(
        mut self,
        mut queue: mpsc::Receiver<Command>,
        mut at_once: mpsc::Receiver<Command>,
        mut bids: mpsc::Receiver<Rebid>,
        stop: CancellationToken,
    ) {
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
                Some(command) = at_once.recv() => {
                    self.obey_at_once(command).await;
                    next_sweep = Instant::now();
                }
                // Taken even while no further order is: it may be what lets the others through.
                Some(Rebid { op, bid }) = bids.recv() => {
                    if let Some(slot) = self.slots.iter_mut().find(|slot| slot.order.op == Some(op)) {
                        slot.order.bid = Some(bid);
                        next_sweep = Instant::now();
                    }
                }
                () = tokio::time::sleep_until(next_sweep) => {
                    if closed && self.slots.iter().all(Slot::is_settled) {
                        return;
                    }
                    next_sweep = Instant::now() + self.sweep_and_pause().await;
                }
            }
        }
    }

    pub(super) fn in_flight(&self) -> usize {
        self.slots.iter().filter(|slot| slot.is_open()).count()
    }

    async fn obey(&mut self, command: Command) {
        // Whoever asked may be gone; what was begun is followed all the same.
        match command {
            Command::Submit { op, call, bid, reply } => {
                let _ = reply.send(self.submit(op, &call, bid).await);
            }
            Command::Resume { attempts, reply } => {
                let _ = reply.send(Ok(self.resume(attempts)));
            }
            Command::Look { reply } => {
                let _ = reply.send(self.line());
            }
        }
    }

    /// The same for an order that is not to wait.
    async fn obey_at_once(&mut self, command: Command) {
        let in_flight = self.in_flight();
        let most = self.settings.max_in_flight.max(1);
        match command {
            Command::Submit { op, bid, reply, .. }
                if in_flight >= most
                    && !(in_flight < most.saturating_mul(2)
                        && bid.is_some_and(|bid| bid.presses(self.now())))
                    && self.slots.iter().all(|slot| slot.order.op != Some(op)) =>
            {
                let _ = reply.send(Err(SendError::Full { in_flight }));
            }
            command => self.obey(command).await,
        }
    }

    async fn submit(&mut self, op: OperationId, call: &Call, bid: Option<Bid>) -> Result<Ticket, SendError> {
        if let Some(ticket) = self.slots.iter().find(|slot| slot.order.op == Some(op)).and_then(Slot::ticket)
        {
            return Ok(ticket);
        }
        let order = Order { op: Some(op), intent: call.intent(self.chain.contract()), bid };
        let (state, _) = watch::channel(TxState::Sent { hashes: Vec::new() });
        let slot = match self.place(&order, state).await {
            Ok(slot) => slot,
            Err(NotPlaced { error, recorded }) => {
                if recorded {
                    self.journal.finished(op, Outcome::Refused { reason: error.to_string() }).await?;
                }
                return Err(error);
            }
        };
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
            let mut slot = Slot::new(Order { op, intent, bid: None }, gas_limit, good, state);
            slot.bumps = u32::try_from(slot.attempts.len() - 1).unwrap_or(u32::MAX);
            tickets.extend(slot.ticket());
            self.insert(slot);
        }
        tickets
    }

    pub(super) fn insert(&mut self, slot: Slot) {
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
}
