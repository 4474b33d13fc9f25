//! A settlement on its way: intent and rows on disk, the transaction with the sender, followed to its end.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::sync::{MutexGuard, oneshot};

use super::super::core::{Core, ProviderBroker};
use super::super::error::ProviderError;
use super::super::services::Wait;
use super::super::view::Event;
use super::super::vouchers::LeftOut;
use super::super::vouchers::claim::{self, ClaimRow};
use super::UnderWay;
use super::forecast::{Forecast, Left};
use super::record::Verdict;
use super::report::{SettlementReport, SettlementTx};
use super::rules::Reason;
use crate::broker::outbox;
use crate::chain::{Bid, BlockRef, Call, Outcome, SendError, SettleRow, Ticket};
use crate::crash_point::{self, Point};
use crate::domain::{Address, B256, Neuron, OperationId, OperationKind, OperationState, Timestamp};
use crate::store::NewOperation;
use crate::store::provider::SettlementRow;

/// Gas that has been dear for a day is dear: a calm settlement then follows it, since its users wait in it.
const CALM_FOR: u64 = 86_400;
/// Pauses between tries to read a result from the chain.
const RESULT_PAUSE: Duration = Duration::from_secs(5);

/// What a person asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SettleRequest {
    /// Only say what would be done.
    pub dry_run: bool,
    /// For how long an answer waits for the blocks of its transactions.
    pub wait: Wait,
}

/// How a transaction of a settlement ended.
pub(super) struct Ended {
    outcome: Outcome,
    paid: HashMap<Address, Neuron>,
}

/// A transaction that is with the sender, and where its end is told.
struct Sent {
    operation: OperationId,
    hash: B256,
    /// Which of the forecast's rows it carries.
    rows: Range<usize>,
    ended: oneshot::Receiver<Ended>,
}

/// Frees the users of a settlement when the task that follows it ends, however it ends: nobody else would, and they
/// would be in no other one until the next start.
struct Following {
    core: Arc<Core>,
    operation: OperationId,
}

impl Drop for Following {
    fn drop(&mut self) {
        // While the program stops, whether it is over is for the next start to find out.
        if !self.core.tasks.stopping() && self.core.settling.ended(self.operation).is_some() {
            tracing::warn!(operation = %self.operation, "a settlement is not followed any more; its users are free");
            self.core.publisher.touch();
            self.core.settling.wake.notify_one();
        }
    }
}

impl ProviderBroker {
    /// Settles everything that can be claimed, now; or says what that would be.
    ///
    /// # Errors
    /// [`ProviderError::SettlementRunning`] when everybody who owes something is in a settlement already.
    pub async fn settle(&self, request: SettleRequest) -> Result<SettlementReport, ProviderError> {
        Box::pin(self.core.settle_now(request)).await
    }
}

impl Core {
    async fn settle_now(self: &Arc<Self>, request: SettleRequest) -> Result<SettlementReport, ProviderError> {
        if request.dry_run {
            let forecast = self.look_closely(true).await?;
            return Ok(SettlementReport::of(&forecast, Vec::new(), &HashMap::new(), true));
        }
        let (forecast, sent) = {
            let turn = self.settling.turn.lock().await;
            let forecast = self.look_closely(true).await?;
            if forecast.rows.is_empty() {
                // Somebody in it owes something: it was undone by a reorg, or more has come since.
                let owing = |left: &Left| matches!(left.why, LeftOut::UnderWay) && !left.unsettled.is_zero();
                let owing = forecast.left_out.iter().any(owing);
                for operation in self.settling.running() {
                    // One whose result is in the books is over for whoever reads them, if not yet for the task that follows it.
                    let state =
                        self.store.operations().get(operation).await?.map(|operation| operation.state);
                    let rows = self.store.settlement_rows(operation).await?;
                    let paid = rows.iter().all(|row| row.paid.is_some());
                    if owing || state != Some(OperationState::Mined) || !paid {
                        return Err(ProviderError::SettlementRunning { operation: Some(operation) });
                    }
                }
                self.decided(&forecast, Verdict::NothingToClaim).await;
                return Ok(SettlementReport::of(&forecast, Vec::new(), &HashMap::new(), false));
            }
            let sent = self.send_chosen(&forecast, true, &turn).await?;
            self.decided(&forecast, Verdict::Settle(forecast.reasons.clone())).await;
            (forecast, sent)
        };
        Ok(self.wait_for(forecast, sent, request.wait).await)
    }

    /// Sends the rows, in as many transactions as they need. An error only if none of them went out.
    pub(in crate::broker::provider) async fn send_all(
        self: &Arc<Self>,
        forecast: &Forecast,
        turn: &MutexGuard<'_, ()>,
    ) -> Result<(), ProviderError> {
        self.send_chosen(forecast, false, turn).await.map(drop)
    }

    /// The turn is only shown: that it is held is what makes the choice of rows still true.
    async fn send_chosen(
        self: &Arc<Self>,
        forecast: &Forecast,
        asked: bool,
        _turn: &MutexGuard<'_, ()>,
    ) -> Result<Vec<Sent>, ProviderError> {
        let (mut sent, mut refused) = (Vec::new(), None);
        let urgent = forecast.in_danger();
        let mut first = 0;
        for rows in forecast.rows.chunks(claim::MOST_ROWS) {
            let places = first..first + rows.len();
            first = places.end;
            let presses = asked || rows.iter().any(|row| urgent.contains(&row.user()));
            if !self.settling.has_room(presses) {
                break;
            }
            match self.send_rows(rows, forecast, asked).await {
                Ok(ticket) => {
                    let (reply, ended) = oneshot::channel();
                    let (operation, hash) = (ticket.op, ticket.hash);
                    let follow = Arc::clone(self).follow_settlement(ticket, Some(reply));
                    self.tasks.spawn_until_stopped("settlement", follow);
                    sent.push(Sent { operation, hash, rows: places, ended });
                }
                // It may be about these rows alone, so the others are tried all the same.
                Err(ProviderError::NotSent(error))
                    if error.is_refusal() || matches!(error, SendError::Reverted(_)) =>
                {
                    tracing::warn!(%error, rows = rows.len(), "a part of the settlement is refused");
                    // A refusal is counted, whatever the contract said to other rows.
                    if refused
                        .as_ref()
                        .is_none_or(|first: &SendError| error.is_refusal() && !first.is_refusal())
                    {
                        refused = Some(error);
                    }
                }
                Err(error) if sent.is_empty() => return Err(error),
                Err(error) => {
                    tracing::warn!(%error, "a part of the settlement was not sent; the rest stays claimable");
                    break;
                }
            }
        }
        match &refused {
            Some(error) if error.is_refusal() => {
                self.settling
                    .refusals
                    .lock()
                    .add(forecast.at, ProviderError::NotSent(error.clone()).to_string());
            }
            Some(_) => {}
            None if sent.is_empty() => {}
            None => self.settling.refusals.lock().clear(),
        }
        if let Some(error) = refused.filter(|_| sent.is_empty()) {
            return Err(error.into());
        }
        if sent.is_empty() {
            let operation = self.settling.running().first().copied();
            return Err(ProviderError::SettlementRunning { operation });
        }
        Ok(sent)
    }

    async fn send_rows(
        &self,
        rows: &[ClaimRow],
        forecast: &Forecast,
        asked: bool,
    ) -> Result<Ticket, ProviderError> {
        let id = OperationId::random();
        let reasons = reasons_of(rows, &forecast.reasons);
        let now = Timestamp::now();
        let operation = NewOperation {
            id,
            kind: OperationKind::Settle,
            params: json!({"rows": rows.len(), "reasons": reasons}),
            idempotency_key: None,
            at: now,
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
        crash_point::pass(Point::SettlementIntent);
        let users: Vec<(Address, Neuron)> = rows.iter().map(|row| (row.user(), row.pays)).collect();
        let bid = self.bid(&users, forecast.gas_price.get(), asked);
        let call = Call::Settle {
            rows: rows.iter().map(|row| SettleRow { voucher: row.voucher, claim: row.claim }).collect(),
        };
        self.settling.begun(id, UnderWay { rows: users, asked, bid: Some(bid), since: now });
        match self.sender.submit_at(id, call, bid).await {
            Ok(ticket) => {
                crash_point::pass(Point::SettlementSent);
                self.publisher.tell(Event::SettlementSent { operation: id, rows: rows.len() });
                Ok(ticket)
            }
            // It may be on record and on its way; the next start looks.
            Err(error @ SendError::Stopped) => Err(error.into()),
            Err(error) => {
                self.settling.ended(id);
                if self.store.take_back_settlement(id).await? {
                    return Err(error.into());
                }
                let end = outbox::end_of(&Outcome::Refused { reason: error.to_string() }, Timestamp::now());
                self.store.refuse_settlement(id, end).await?;
                Err(error.into())
            }
        }
    }

    /// Raises what a settlement under way may cost when one of its users has come into danger since.
    pub(super) async fn hurry(&self, gas_price: u128) {
        let under_way: Vec<(OperationId, UnderWay)> =
            self.settling.under_way.lock().iter().map(|(id, one)| (*id, one.clone())).collect();
        for (id, settlement) in under_way {
            let fresh = self.bid(&settlement.rows, gas_price, settlement.asked);
            let calm = settlement.calm(fresh.calm, CALM_FOR, Timestamp::now());
            let bid = Bid { calm, hurry: fresh.hurry };
            if settlement.bid == Some(bid) {
                continue;
            }
            if let Some(settlement) = self.settling.under_way.lock().get_mut(&id) {
                settlement.bid = Some(bid);
            }
            self.sender.rebid(id, bid).await;
        }
    }

    /// Takes a settlement that the last run sent back into account, and follows it.
    pub(in super::super) async fn take_up(self: &Arc<Self>, ticket: Ticket) -> Result<(), ProviderError> {
        let rows = self.store.settlement_rows(ticket.op).await?;
        let rows = rows.iter().map(|row| {
            let settled = self.book.page(row.account.user).map_or(Neuron::ZERO, |page| page.account.settled);
            (row.account.user, row.claim.above(settled))
        });
        let settlement = UnderWay { rows: rows.collect(), asked: false, bid: None, since: Timestamp::now() };
        self.settling.begun(ticket.op, settlement);
        let follow = Arc::clone(self).follow_settlement(ticket, None);
        self.tasks.spawn_until_stopped("settlement of the last run", follow);
        Ok(())
    }

    /// Takes over each outcome of a settlement: a final one ends it, and a reorg puts it under way again.
    async fn follow_settlement(self: Arc<Self>, mut ticket: Ticket, reply: Option<oneshot::Sender<Ended>>) {
        let (mut reply, operation) = (reply, ticket.op);
        let _following = Following { core: Arc::clone(&self), operation };
        let mut settlement: Option<UnderWay> = None;
        while let Some(outcome) = ticket.next().await {
            if !outcome.is_final() {
                tracing::warn!(%operation, "it is not known whether the settlement is in a block; it is followed");
                self.publisher.touch();
                continue;
            }
            let mined = match outcome {
                Outcome::Mined { hash, block, .. } => Some((hash, block)),
                _ => None,
            };
            if let Some((_, block)) = mined
                && !self.insist_on_accounts(&mut ticket, block).await
            {
                continue;
            }
            let paid = match mined {
                Some((hash, block)) => self.take_result(operation, hash, block).await,
                None => Ok(HashMap::new()),
            };
            // Its users may be in another one from here on, even if the node never says what this one paid them.
            if let Some(ended) = self.settling.ended(operation) {
                // What a reorg undid took longer for another reason.
                let took = ended.took(Timestamp::now()).filter(|_| mined.is_some() && settlement.is_none());
                if let Some(took) = took {
                    self.settling.inclusion.add(took);
                }
                settlement = Some(ended);
            }
            if let Err(error) = self.count_gas().await {
                tracing::warn!(%error, "the gas of settlements could not be counted");
            }
            self.publisher.touch();
            self.settling.wake.notify_one();
            let paid = match (paid, mined) {
                (Ok(paid), _) => Some(paid),
                (Err(_), Some((hash, block))) => self.insist_on_result(&mut ticket, hash, block).await,
                (Err(_), None) => None,
            };
            if let Some(paid) = paid {
                if let Some(settlement) = &settlement {
                    self.tell_end(operation, settlement.rows.len(), &outcome, &paid);
                }
                if let Some(reply) = reply.take() {
                    // Whoever ordered it may have gone.
                    let _ = reply.send(Ended { outcome, paid });
                }
            }
            let again = ticket.overtaken().await && !ticket.is_final();
            if let Some(settlement) = settlement.clone().filter(|_| again) {
                tracing::warn!(%operation, "a reorg has undone a settlement; it is under way again");
                self.settling.begun(operation, settlement);
                self.publisher.touch();
            }
        }
    }

    /// Reads the accounts of a mined settlement, however often the chain must be asked. `false`: it was undone meanwhile.
    async fn insist_on_accounts(&self, ticket: &mut Ticket, block: BlockRef) -> bool {
        loop {
            match self.take_accounts(ticket.op, block).await {
                Ok(()) => return true,
                Err(error) if holds_after_pause(ticket, &error).await => {}
                Err(_) => return false,
            }
        }
    }

    /// The same for what it paid.
    async fn insist_on_result(
        &self,
        ticket: &mut Ticket,
        hash: B256,
        block: BlockRef,
    ) -> Option<HashMap<Address, Neuron>> {
        loop {
            match self.take_result(ticket.op, hash, block).await {
                Ok(paid) => return Some(paid),
                Err(error) if holds_after_pause(ticket, &error).await => {}
                Err(_) => return None,
            }
        }
    }

    fn tell_end(
        &self,
        operation: OperationId,
        rows: usize,
        outcome: &Outcome,
        paid: &HashMap<Address, Neuron>,
    ) {
        let sum = paid.values().fold(Neuron::ZERO, |sum, amount| sum.saturating_add(*amount));
        let gas = Neuron::new(outcome.gas_cost());
        let state = outbox::end_of(outcome, Timestamp::now()).state;
        tracing::info!(%operation, rows, paid = %sum, %gas, state = state.as_str(), "a settlement has ended");
        self.publisher.tell(Event::SettlementEnded { operation, state, paid: sum, gas });
    }

    /// Puts the report together, waiting for the outcomes as long as that is wanted.
    async fn wait_for(&self, forecast: Forecast, sent: Vec<Sent>, wait: Wait) -> SettlementReport {
        let mut transactions = Vec::new();
        let mut paid = HashMap::new();
        let mut carried = Vec::new();
        for Sent { operation, hash, rows, ended } in sent {
            let sent = SettlementTx::sent(operation, hash, rows.len());
            carried.push(rows);
            transactions.push(match wait.hear(ended).await {
                Some(Ended { outcome, paid: rows_paid }) => {
                    paid.extend(rows_paid);
                    sent.ended(&outcome)
                }
                None => sent,
            });
        }
        let mut forecast = forecast;
        for (place, row) in std::mem::take(&mut forecast.rows).into_iter().enumerate() {
            if carried.iter().any(|places| places.contains(&place)) {
                forecast.rows.push(row);
            } else {
                let unsettled = row.claim.above(row.settled);
                forecast.left_out.push(Left { user: row.user(), why: LeftOut::NextRound, unsettled });
            }
        }
        SettlementReport::of(&forecast, transactions, &paid, false)
    }
}

/// Waits before an outcome is read again. `false`: it does not hold any more.
async fn holds_after_pause(ticket: &mut Ticket, error: &ProviderError) -> bool {
    tracing::warn!(%error, operation = %ticket.op, "a settlement's result could not be read yet");
    tokio::select! {
        true = ticket.overtaken() => false,
        () = tokio::time::sleep(RESULT_PAUSE) => true,
    }
}

/// The reasons that are about these rows, or about all.
fn reasons_of(rows: &[ClaimRow], reasons: &[Reason]) -> Vec<&'static str> {
    let about = |reason: &&Reason| reason.user().is_none_or(|user| rows.iter().any(|row| row.user() == user));
    let mut codes: Vec<_> = reasons.iter().filter(about).map(Reason::code).collect();
    codes.dedup();
    codes
}
