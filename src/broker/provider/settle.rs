//! Settling: what `due` decides is written down, sent, followed, and its result read from the chain.
//!
//! ```text
//! rows ─▶ store: operation and rows ─▶ Sender ─▶ mined ─▶ Settled events of that transaction: paid per user
//!                                                      └▶ accounts read again at the mined block
//! ```
//!
//! One settlement at a time. Doing one again is safe: the contract pays a row only above what it has paid before, so
//! a crash, a reorg or a lost answer all end in the same state.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::json;
use tokio::sync::{Notify, OwnedMutexGuard};

use super::core::{Core, ProviderBroker};
use super::due::{self, Books, Forecast, Reason, Tried};
use super::error::ProviderError;
use super::view::{Decision, Event, Verdict};
use super::vouchers::LeftOut;
use super::vouchers::claim::{self, ClaimRow};
use crate::broker::outbox;
use crate::chain::{BlockRef, Call, EventFilter, EventKind, Outcome, SendError, SettleRow, Ticket};
use crate::domain::{
    AccountId, Address, B256, Neuron, OperationId, OperationKind, OperationState, Timestamp,
};
use crate::store::provider::SettlementRow;
use crate::store::{NewOperation, PageOf};

/// Settlements of the last runs whose result is looked up again at the start.
const LOOK_BACK: u32 = 20;
/// Pauses between tries to read a result from the chain.
const RESULT_PAUSE: Duration = Duration::from_secs(5);

/// What a person asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SettleRequest {
    /// Only say what would be done.
    pub dry_run: bool,
    /// Answer once the transactions are broadcast, instead of when they are mined.
    pub no_wait: bool,
}

/// What a settlement did, or would do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettlementReport {
    pub at: Timestamp,
    pub dry_run: bool,
    pub reasons: Vec<Reason>,
    pub rows: Vec<ReportRow>,
    pub left_out: Vec<(Address, LeftOut)>,
    /// What the rows would bring, and the transactions cost, as seen before sending. Neuron.
    pub expected: Neuron,
    pub expected_cost: Neuron,
    /// What was paid, as far as is known.
    pub paid: Neuron,
    pub transactions: Vec<SettlementTx>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReportRow {
    pub user: Address,
    /// The all-time sum claimed.
    pub claim: Neuron,
    pub expected: Neuron,
    /// `None` until the chain has said.
    pub paid: Option<Neuron>,
}

/// One transaction of a settlement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettlementTx {
    pub operation: OperationId,
    pub state: OperationState,
    pub rows: usize,
    pub hash: Option<B256>,
    pub block: Option<u64>,
    pub gas_used: u64,
    /// Neuron.
    pub gas_cost: Neuron,
    pub error: Option<String>,
}

/// What the engine keeps in mind.
#[derive(Debug, Default)]
pub(super) struct Settling {
    /// Held while a settlement is under way, until its outcome is known.
    turn: Arc<tokio::sync::Mutex<()>>,
    pub running: Mutex<Option<OperationId>>,
    /// Something happened that may make it due.
    pub wake: Notify,
    pub forecast: Mutex<Option<Arc<Forecast>>>,
    tried: Mutex<HashMap<Address, Tried>>,
}

impl Settling {
    pub(super) fn take_turn(&self) -> Option<OwnedMutexGuard<()>> {
        Arc::clone(&self.turn).try_lock_owned().ok()
    }
}

impl ProviderBroker {
    /// Settles everything that can be claimed, now; or says what that would be.
    ///
    /// # Errors
    /// [`ProviderError::SettlementRunning`] while another one is under way.
    pub async fn settle(&self, request: SettleRequest) -> Result<SettlementReport, ProviderError> {
        Box::pin(self.core.settle_now(request)).await
    }

    /// What a settlement would do at this moment, whether the engine would begin one, and why.
    pub async fn forecast(&self) -> Result<(Forecast, Verdict), ProviderError> {
        let forecast = self.core.look(false).await?;
        let verdict = self.core.verdict(&forecast);
        Ok((forecast, verdict))
    }

    /// The decisions of the engine and of people, oldest first; a bounded number of them.
    pub fn decisions(&self) -> Vec<Decision> {
        self.core.publisher.decisions()
    }
}

impl Core {
    /// Looks at the books and at the price of gas.
    async fn look(&self, asked: bool) -> Result<Forecast, ProviderError> {
        let gas = self.chain.gas_price().await?;
        let now = self.book.chain_now(Timestamp::now());
        let pages = self.book.pages();
        let tried = self.settling.tried.lock().clone();
        let books = Books {
            pages: &pages,
            now,
            gas_price: gas.base.saturating_add(gas.priority),
            lock_time: self.chain.lock_time(),
            settings: &self.settings.settlement,
            tried: &tried,
        };
        let forecast = due::forecast(&books, asked);
        if !asked {
            *self.settling.forecast.lock() = Some(Arc::new(forecast.clone()));
        }
        Ok(forecast)
    }

    fn verdict(&self, forecast: &Forecast) -> Verdict {
        if self.settling.running.lock().is_some() {
            Verdict::Busy
        } else if !forecast.reasons.is_empty() {
            Verdict::Settle(forecast.reasons.clone())
        } else if forecast.rows.is_empty()
            && forecast.left_out.iter().all(|(_, why)| *why != LeftOut::NotWorthItsGas)
        {
            Verdict::NothingToClaim
        } else if forecast.brings <= forecast.costs {
            Verdict::CostsMoreThanItBrings
        } else {
            Verdict::Wait { next_deadline: forecast.next_deadline }
        }
    }

    fn decided(&self, forecast: &Forecast, verdict: Verdict) {
        let now = Timestamp::now();
        self.publisher.decided(Decision {
            at: now,
            until: now,
            verdict,
            rows: forecast.rows.len(),
            brings: forecast.brings,
            costs: forecast.costs,
            left_out: forecast.left_out.clone(),
        });
    }

    /// Reads the accounts of the rows again, so that nothing stale is claimed, and looks once more.
    async fn look_closely(&self, asked: bool) -> Result<Forecast, ProviderError> {
        let first = self.look(asked).await?;
        if first.rows.is_empty() {
            return Ok(first);
        }
        let head = self.chain.head().await?;
        self.book.saw_block(head.time, Timestamp::now());
        self.read_accounts(first.rows.iter().map(ClaimRow::user).collect(), head, false).await?;
        self.look(asked).await
    }

    async fn settle_now(self: &Arc<Self>, request: SettleRequest) -> Result<SettlementReport, ProviderError> {
        if request.dry_run {
            let forecast = self.look_closely(true).await?;
            return Ok(report(&forecast, Vec::new(), &HashMap::new(), true));
        }
        let busy = || ProviderError::SettlementRunning { operation: *self.settling.running.lock() };
        let turn = self.settling.take_turn().ok_or_else(busy)?;
        let forecast = self.look_closely(true).await?;
        if forecast.rows.is_empty() {
            self.decided(&forecast, Verdict::NothingToClaim);
            return Ok(report(&forecast, Vec::new(), &HashMap::new(), false));
        }
        self.decided(&forecast, Verdict::Settle(forecast.reasons.clone()));
        self.perform(forecast, turn, !request.no_wait).await
    }

    /// The engine: looks at the books now and then, and whenever it is woken.
    pub(super) async fn settle_when_due(self: Arc<Self>) {
        let token = self.tasks.token();
        let interval = Duration::from_secs(self.settings.settlement.check_interval);
        self.finish_old_settlements().await;
        loop {
            tokio::select! {
                biased;
                () = token.cancelled() => return,
                () = self.settling.wake.notified() => {}
                () = tokio::time::sleep(interval) => {}
            }
            // Between two awaits of this a stop may come; what is on its way is in the journal.
            if token.run_until_cancelled(self.settle_if_due()).await.is_none() {
                return;
            }
        }
    }

    async fn settle_if_due(self: &Arc<Self>) {
        let failed = |error: ProviderError| {
            tracing::warn!(%error, "the settlement engine could not do its work");
            let now = Timestamp::now();
            self.publisher.decided(Decision {
                at: now,
                until: now,
                verdict: Verdict::Failed(error.to_string()),
                rows: 0,
                brings: Neuron::ZERO,
                costs: Neuron::ZERO,
                left_out: Vec::new(),
            });
        };
        let forecast = match self.look(false).await {
            Ok(forecast) => forecast,
            Err(error) => return failed(error),
        };
        if forecast.reasons.is_empty() || !self.settings.settlement.automatic {
            let verdict = match self.verdict(&forecast) {
                Verdict::Settle(_) => Verdict::Wait { next_deadline: None },
                verdict => verdict,
            };
            return self.decided(&forecast, verdict);
        }
        let Some(turn) = self.settling.take_turn() else { return self.decided(&forecast, Verdict::Busy) };
        let forecast = match self.look_closely(false).await {
            Ok(forecast) => forecast,
            Err(error) => return failed(error),
        };
        let verdict = self.verdict(&forecast);
        let due = matches!(verdict, Verdict::Settle(_));
        self.decided(&forecast, verdict);
        if due && let Err(error) = Box::pin(self.perform(forecast, turn, true)).await {
            failed(error);
        }
    }

    /// Sends the rows, in as many transactions as they need, one after the other.
    async fn perform(
        self: &Arc<Self>,
        forecast: Forecast,
        turn: OwnedMutexGuard<()>,
        wait: bool,
    ) -> Result<SettlementReport, ProviderError> {
        let deadline = forecast
            .reasons
            .iter()
            .filter_map(|reason| match reason {
                Reason::Refund { at, .. } | Reason::Rotation { at, .. } => Some(*at),
                _ => None,
            })
            .min();
        let mut tickets = Vec::new();
        let mut failed = None;
        for rows in forecast.rows.chunks(claim::MOST_ROWS) {
            match self.send_rows(rows, &forecast.reasons, deadline).await {
                Ok(ticket) => tickets.push((ticket, rows.len())),
                Err(error) => {
                    failed = Some(error);
                    break;
                }
            }
        }
        match failed {
            Some(error) if tickets.is_empty() => return Err(error),
            Some(error) => {
                tracing::warn!(%error, "a part of the settlement was not sent; the rest stays claimable")
            }
            None => {}
        }
        // The turn ends with the last of them.
        let turn = Arc::new(turn);
        let mut waiting = Vec::new();
        for (ticket, rows) in tickets {
            let (operation, hash) = (ticket.op, ticket.hash);
            let (reply, ended) = tokio::sync::oneshot::channel();
            let (core, turn) = (Arc::clone(self), Arc::clone(&turn));
            self.tasks.spawn_until_stopped("settlement", async move {
                core.follow_settlement(ticket, move |result| {
                    drop(turn);
                    let _ = reply.send(result);
                })
                .await;
            });
            waiting.push((operation, hash, rows, ended));
        }
        drop(turn);
        let mut transactions = Vec::new();
        let mut paid = HashMap::new();
        for (operation, hash, rows, ended) in waiting {
            let sent = SettlementTx {
                operation,
                state: OperationState::Sent,
                rows,
                hash: Some(hash),
                block: None,
                gas_used: 0,
                gas_cost: Neuron::ZERO,
                error: None,
            };
            let ended = if wait { ended.await.ok() } else { None };
            transactions.push(match ended {
                Some(Ended { outcome, paid: rows_paid }) => {
                    paid.extend(rows_paid);
                    transaction(sent, &outcome)
                }
                None => sent,
            });
        }
        let report = report(&forecast, transactions, &paid, false);
        self.publisher.tell(Event::SettlementFinished(Box::new(report.clone())));
        Ok(report)
    }

    async fn send_rows(
        &self,
        rows: &[ClaimRow],
        reasons: &[Reason],
        deadline: Option<Timestamp>,
    ) -> Result<Ticket, ProviderError> {
        let id = OperationId::random();
        let reasons: Vec<&str> = reasons.iter().map(Reason::code).collect();
        let operation = NewOperation {
            id,
            kind: OperationKind::Settle,
            params: json!({"rows": rows.len(), "reasons": reasons}),
            idempotency_key: None,
            at: Timestamp::now(),
        };
        let stored = rows
            .iter()
            .map(|row| SettlementRow {
                account: row.voucher.voucher.account,
                epoch: row.voucher.voucher.epoch,
                cumulative: row.voucher.voucher.cumulative,
                claim: row.claim,
                paid: None,
            })
            .collect();
        self.store.begin_settlement(operation, stored).await?;
        let call = Call::Settle {
            rows: rows.iter().map(|row| SettleRow { voucher: row.voucher, claim: row.claim }).collect(),
        };
        match self.sender.submit_by(id, call, deadline).await {
            Ok(ticket) => {
                *self.settling.running.lock() = Some(id);
                self.publisher.tell(Event::SettlementSent { operation: id, rows: rows.len() });
                Ok(ticket)
            }
            // It may be on record and on its way; the next start looks.
            Err(error @ SendError::Stopped) => Err(error.into()),
            Err(error) => {
                let end = outbox::end_of(&Outcome::Refused { reason: error.to_string() }, Timestamp::now());
                self.store.operations().finish(id, end).await?;
                Err(error.into())
            }
        }
    }

    /// Follows a settlement that the last run sent, and holds the turn until its outcome is known.
    pub(super) async fn finish_settlement(
        self: Arc<Self>,
        ticket: Ticket,
        turn: Option<Arc<OwnedMutexGuard<()>>>,
    ) {
        self.follow_settlement(ticket, move |_| drop(turn)).await;
    }

    /// Takes over each outcome of a settlement, the first final one with `ended`.
    async fn follow_settlement(&self, mut ticket: Ticket, ended: impl FnOnce(Ended)) {
        let mut ended = Some(ended);
        while let Some(outcome) = ticket.next().await {
            if !outcome.is_final() {
                tracing::warn!(operation = %ticket.op, "it is not known whether the settlement is in a block; it is followed");
                self.publisher.touch();
                continue;
            }
            let paid = match &outcome {
                Outcome::Mined { hash, block, .. } => loop {
                    match self.take_result(ticket.op, *hash, *block).await {
                        Ok(paid) => break paid,
                        Err(error) => {
                            tracing::warn!(%error, operation = %ticket.op, "a settlement's result could not be read yet");
                            tokio::time::sleep(RESULT_PAUSE).await;
                        }
                    }
                },
                _ => HashMap::new(),
            };
            {
                let mut running = self.settling.running.lock();
                if *running == Some(ticket.op) {
                    *running = None;
                }
            }
            if let Some(ended) = ended.take() {
                ended(Ended { outcome, paid });
            }
            self.publisher.touch();
        }
    }

    /// Reads from the chain what a mined settlement paid each user, and how the accounts stand since.
    async fn take_result(
        &self,
        operation: OperationId,
        hash: B256,
        block: BlockRef,
    ) -> Result<HashMap<Address, Neuron>, ProviderError> {
        let filter = EventFilter { user: None, provider: Some(self.me) };
        let events = self.chain.events(block.number, block.number, filter).await?;
        let mut paid: HashMap<Address, Neuron> = HashMap::new();
        for event in events.iter().filter(|event| event.tx == hash) {
            if let EventKind::Settled { account, paid: amount, .. } = event.kind {
                let sum = paid.entry(account.user).or_default();
                *sum = sum.saturating_add(amount);
            }
        }
        let rows = self.store.settlement_rows(operation).await?;
        let per_row: Vec<(AccountId, Neuron)> = rows
            .iter()
            .map(|row| (row.account, paid.get(&row.account.user).copied().unwrap_or_default()))
            .collect();
        self.read_accounts(rows.iter().map(|row| row.account.user).collect(), block, false).await?;
        self.remember_unpaid(&rows, &paid);
        self.store.settled(operation, per_row.clone()).await?;
        Ok(per_row.into_iter().map(|(account, amount)| (account.user, amount)).collect())
    }

    /// A row that brought nothing is not tried again at once.
    fn remember_unpaid(&self, rows: &[SettlementRow], paid: &HashMap<Address, Neuron>) {
        let at = self.book.chain_now(Timestamp::now());
        let mut tried = self.settling.tried.lock();
        for row in rows {
            let user = row.account.user;
            let balance = self.book.page(user).map_or(Neuron::ZERO, |page| page.account.balance);
            if paid.contains_key(&user) {
                tried.remove(&user);
            } else {
                let (epoch, cumulative) = (row.epoch, row.cumulative);
                tried.insert(user, Tried { epoch, cumulative, claim: row.claim, balance, at });
            }
        }
        // Users who have nothing unsettled need no memory.
        tried.retain(|user, _| self.book.page(*user).is_some_and(|page| !page.unsettled().is_zero()));
    }

    /// Settlements that were mined, but whose result a former run had no time to write down.
    async fn finish_old_settlements(&self) {
        let Ok(page) = self.store.settlements(Some(OperationState::Mined), PageOf::first(LOOK_BACK)).await
        else {
            return;
        };
        for settlement in page.items {
            if settlement.rows.iter().all(|row| row.paid.is_some()) {
                continue;
            }
            let (Some(hash), Some((number, block))) = (settlement.operation.hash, settlement.operation.block)
            else {
                continue;
            };
            let block = BlockRef { number, hash: block, time: settlement.operation.updated_at };
            if let Err(error) = self.take_result(settlement.operation.id, hash, block).await {
                tracing::warn!(%error, operation = %settlement.operation.id, "an old settlement's result could not be read");
            }
        }
    }
}

/// How a transaction of a settlement ended.
struct Ended {
    outcome: Outcome,
    paid: HashMap<Address, Neuron>,
}

fn transaction(sent: SettlementTx, outcome: &Outcome) -> SettlementTx {
    let end = outbox::end_of(outcome, Timestamp::now());
    SettlementTx {
        state: end.state,
        hash: end.hash.or(sent.hash),
        block: end.block.map(|(number, _)| number),
        gas_used: end.gas_used,
        gas_cost: Neuron::new(outcome.gas_cost()),
        error: end.error,
        ..sent
    }
}

fn report(
    forecast: &Forecast,
    transactions: Vec<SettlementTx>,
    paid: &HashMap<Address, Neuron>,
    dry_run: bool,
) -> SettlementReport {
    let rows = forecast.rows.iter().map(|row| ReportRow {
        user: row.user(),
        claim: row.claim,
        expected: row.pays,
        paid: paid.get(&row.user()).copied(),
    });
    SettlementReport {
        at: forecast.at,
        dry_run,
        reasons: forecast.reasons.clone(),
        rows: rows.collect(),
        left_out: forecast.left_out.clone(),
        expected: forecast.brings,
        expected_cost: forecast.costs,
        paid: paid.values().fold(Neuron::ZERO, |sum, amount| sum.saturating_add(*amount)),
        transactions,
    }
}
