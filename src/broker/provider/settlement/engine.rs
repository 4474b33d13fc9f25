//! The task that looks at the books, decides, and keeps deadlines.
//!
//! It looks every so often, at once when a refund is asked for or a settlement ends, and at the very moment at which a
//! rule said that it would ask. What it decides is recorded with the reason. While the chain cannot be read it tries again
//! soon, since a deadline may be running.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use super::super::core::{Core, ProviderBroker};
use super::super::error::ProviderError;
use super::super::vouchers::{ClaimRow, Page, claim};
use super::forecast::{self, Books, Forecast, Tried};
use super::record::{Decision, Verdict};
use super::rules::{Reason, Rules};
use crate::chain::Bid;
use crate::domain::{Address, Neuron, OperationKind, OperationState, Timestamp};
use crate::store::{Operation, OperationFilter, PageOf};

/// After a failure the books are looked at again this soon, or at the usual interval if that is shorter.
const RETRY: Duration = Duration::from_secs(10);
/// Accounts are read anew for one decision at most so often: a node must not keep the engine from deciding.
const LOOKS: usize = 3;
/// Operations of former runs from which it is learnt how long transactions take.
const LEARN_FROM: u32 = 100;

impl ProviderBroker {
    /// What a settlement would do at this moment, whether the engine would begin one, and why.
    pub async fn forecast(&self) -> Result<(Forecast, Verdict), ProviderError> {
        let forecast = self.core.look(false).await?;
        let verdict = forecast.verdict();
        Ok((forecast, verdict))
    }

    /// The newest decisions of the engine and of people, oldest first; a bounded number of them.
    pub fn decisions(&self) -> Vec<Decision> {
        self.core.settling.record.decisions()
    }
}

/// What is owed, with everything that a decision needs beside it.
struct Scene {
    pages: Vec<Page>,
    now: Timestamp,
    tried: HashMap<Address, Tried>,
    under_way: HashSet<Address>,
}

impl Core {
    /// The rules as they stand at `now`.
    pub(in super::super) fn rules(&self, now: Timestamp) -> Rules<'_> {
        Rules {
            now,
            lock_time: self.chain.lock_time(),
            inclusion: self.settling.inclusion.p99(),
            settings: &self.settings.settlement,
        }
    }

    fn scene(&self) -> Scene {
        let now = self.book.chain_now(Timestamp::now());
        let rules = self.rules(now);
        let expected = self.settling.expected();
        let (mut pages, mut under_way) = (self.book.debtors(), HashSet::new());
        // Who is in a settlement is in no second one, unless what is owed beyond it would be lost with the waiting: the
        // first may be stuck. Then the account counts as it will be after the first.
        for page in &mut pages {
            let user = page.account.id.user;
            let Some(brings) = expected.get(&user) else { continue };
            let mut after = *page;
            after.account.settled = page.account.settled.saturating_add(*brings);
            after.account.balance = page.account.balance.above(*brings);
            let presses = rules.danger(&after).is_some_and(|danger| now >= danger.begin);
            if presses && matches!(claim::row(&after, now), Some(Ok(_))) {
                *page = after;
            } else {
                under_way.insert(user);
            }
        }
        Scene { pages, now, tried: self.settling.tried.lock().clone(), under_way }
    }

    fn books<'a>(&'a self, scene: &'a Scene, gas_price: u128) -> Books<'a> {
        Books {
            pages: &scene.pages,
            rules: self.rules(scene.now),
            gas_price,
            cheap_gas: self.settling.gas.cheap(),
            tried: &scene.tried,
            under_way: &scene.under_way,
        }
    }

    /// What a transaction for these users may cost, and by when it should be mined.
    pub(super) fn bid(&self, rows: &[(Address, Neuron)], gas_price: u128, asked: bool) -> Bid {
        let scene = Scene {
            pages: rows.iter().filter_map(|(user, _)| self.book.page(*user)).collect(),
            now: self.book.chain_now(Timestamp::now()),
            tried: HashMap::new(),
            under_way: HashSet::new(),
        };
        forecast::bid(&self.books(&scene, gas_price), rows, asked)
    }

    /// Looks at the books and at the price of gas.
    pub(in crate::broker::provider) async fn look(&self, asked: bool) -> Result<Forecast, ProviderError> {
        let (gas, head) = tokio::try_join!(self.chain.gas_price(), self.chain.head())?;
        // Deadlines are by the chain's clock, whoever else may have failed to look at it.
        self.book.saw_block(head.time, Timestamp::now());
        let scene = self.scene();
        let price = gas.base.saturating_add(gas.priority);
        self.settling.gas.add(scene.now, price);
        let books = self.books(&scene, price);
        let forecast = forecast::forecast(&books, asked);
        if !asked {
            *self.settling.forecast.lock() = Some(Arc::new(forecast.clone()));
        }
        Ok(forecast)
    }

    /// Reads the accounts of the rows again, so that nothing stale is claimed, and looks once more; and again where that
    /// brings in rows which nobody has read in this run.
    pub(super) async fn look_closely(&self, asked: bool) -> Result<Forecast, ProviderError> {
        let mut forecast = self.look(asked).await?;
        let mut users: Vec<Address> = forecast.rows.iter().map(ClaimRow::user).collect();
        for _ in 0..LOOKS {
            if users.is_empty() {
                break;
            }
            let head = self.chain.confirmed_head().await?;
            self.read_accounts(users, head, false).await?;
            forecast = self.look(asked).await?;
            let unread = |user: &Address| self.book.page(*user).is_some_and(|page| !page.is_read());
            users = forecast.rows.iter().map(ClaimRow::user).filter(unread).collect();
        }
        Ok(forecast)
    }

    /// Records a decision about a forecast.
    pub(super) async fn decided(&self, forecast: &Forecast, verdict: Verdict) {
        let decision = Decision::about(forecast, verdict, Timestamp::now());
        self.record_decision(decision).await;
    }

    /// The engine: looks at the books now and then, and whenever it is woken.
    pub(in super::super) async fn settle_when_due(self: Arc<Self>) {
        let token = self.tasks.token();
        self.learn().await;
        // Figures for people; no deadline waits for them.
        self.tasks
            .spawn_until_stopped("results of old settlements", Arc::clone(&self).finish_old_settlements());
        let mut pause = Duration::ZERO;
        loop {
            tokio::select! {
                biased;
                () = token.cancelled() => return,
                () = self.settling.wake.notified() => {}
                () = tokio::time::sleep(pause) => {}
            }
            // Between two awaits of this a stop may come; what is on its way is in the journal.
            let Some(next) = token.run_until_cancelled(self.settle_if_due()).await else { return };
            pause = next;
        }
    }

    /// One look, and how long to wait until the next.
    async fn settle_if_due(self: &Arc<Self>) -> Duration {
        let usual = usual_pause(self.settings.settlement.check_interval, self.chain.lock_time());
        match self.look_and_act().await {
            Ok(forecast) => {
                let now = self.book.chain_now(Timestamp::now());
                let again = self.refused_until(&forecast).map(|(at, _)| at);
                let next =
                    forecast.next.map(|(at, _)| at).into_iter().chain(again.filter(|at| *at > now)).min();
                let next = next.map(|at| Duration::from_secs(at.seconds_since(now).max(1)));
                next.map_or(usual, |next| next.min(usual))
            }
            Err(error) => {
                tracing::warn!(%error, "the settlement engine could not do its work");
                let now = Timestamp::now();
                self.record_decision(Decision::failed(&error, now)).await;
                usual.min(RETRY)
            }
        }
    }

    async fn look_and_act(self: &Arc<Self>) -> Result<Forecast, ProviderError> {
        let forecast = self.look(false).await?;
        self.hurry(forecast.gas_price.get()).await;
        if forecast.reasons.is_empty() || !self.settings.settlement.automatic {
            let verdict = match forecast.verdict() {
                // A person may still do it.
                Verdict::Settle(_) => Verdict::Wait { next: None },
                verdict => verdict,
            };
            self.decided(&forecast, verdict).await;
            return Ok(forecast);
        }
        if let Some((_, why)) = self.refused_until(&forecast).filter(|(at, _)| forecast.at < *at) {
            self.decided(&forecast, Verdict::Failed(why)).await;
            return Ok(forecast);
        }
        let turn = self.settling.turn.lock().await;
        let forecast = self.look_closely(false).await?;
        let verdict = forecast.verdict();
        let verdict = match verdict {
            // What could not be sent is a failure, and told as one.
            Verdict::Settle(_) => match Box::pin(self.send_all(&forecast, &turn)).await {
                Ok(()) => verdict,
                Err(ProviderError::SettlementRunning { .. }) => Verdict::Busy,
                Err(error) => return Err(error),
            },
            verdict => verdict,
        };
        self.decided(&forecast, verdict).await;
        Ok(forecast)
    }

    /// Until when nothing of a forecast is sent, because nodes refused the last try, and the reason that they gave.
    fn refused_until(&self, forecast: &Forecast) -> Option<(Timestamp, String)> {
        let rules = self.rules(forecast.at);
        let urgent = forecast.in_danger();
        let pages = urgent.iter().filter_map(|user| self.book.page(*user));
        let dangers = pages.filter_map(|page| rules.danger(&page));
        let deadline =
            dangers.map(|danger| if forecast.at < danger.by { danger.by } else { danger.last }).min();
        let refusals = self.settling.refusals.lock();
        refusals.pause(forecast.at, deadline).map(|(at, why)| (at, why.to_owned()))
    }

    /// How long transactions took in former runs.
    async fn learn(&self) {
        let filter = OperationFilter { state: Some(OperationState::Mined), ..OperationFilter::default() };
        match self.store.operations().list(filter, PageOf::first(LEARN_FROM)).await {
            Ok(page) => {
                for took in page.items.iter().rev().filter_map(took) {
                    self.settling.inclusion.add(took);
                }
            }
            Err(error) => self.health.store_failed(&error),
        }
    }
}

/// How long an operation of a former run took, if it was wanted soon. Of settlements only those that a person asked for
/// were: how long the others waited for cheap gas before that is not known any more.
fn took(operation: &Operation) -> Option<u64> {
    let asked = operation.params["reasons"]
        .as_array()
        .is_some_and(|reasons| reasons.iter().any(|reason| reason == Reason::Asked.code()));
    (operation.kind != OperationKind::Settle || asked)
        .then(|| operation.updated_at.seconds_since(operation.created_at))
}

/// Between two looks when nothing calls for one. However seldom the operator wants it, a deadline that no event told of
/// is seen in time.
fn usual_pause(check_interval: u64, lock_time: u64) -> Duration {
    Duration::from_secs(check_interval.min(lock_time / 16).max(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::OperationId;

    #[test]
    fn settlements_of_former_runs_that_waited_for_cheap_gas_say_nothing() {
        let of = |kind, reasons: &[&str]| {
            let operation = Operation {
                id: OperationId::new([1; 16]),
                kind,
                params: serde_json::json!({ "reasons": reasons }),
                idempotency_key: None,
                state: OperationState::Mined,
                created_at: Timestamp::from_seconds(100),
                updated_at: Timestamp::from_seconds(18_100),
                hash: None,
                block: None,
                gas_used: 0,
                gas_price: Neuron::ZERO,
                contract: None,
                error: None,
            };
            took(&operation)
        };
        assert_eq!(of(OperationKind::Settle, &["worth_its_gas", "oldest_debt"]), None);
        assert_eq!(of(OperationKind::Settle, &["asked"]), Some(18_000));
        assert_eq!(of(OperationKind::PutService, &[]), Some(18_000));
    }

    #[test]
    fn it_looks_several_times_within_a_lock_time() {
        let pause = |interval, lock| usual_pause(interval, lock).as_secs();
        assert_eq!(
            [pause(30, 86_400), pause(1 << 40, 86_400), pause(30, 160), pause(30, 0)],
            [30, 5_400, 10, 1]
        );
    }
}
