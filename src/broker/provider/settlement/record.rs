//! Decisions to settle or to wait, each with its reason: the newest in memory, more of them on disk, all of them in the log.
//!
//! The engine looks far more often than anything changes, so a run of like decisions is one: it has a beginning and an
//! end. On disk the end is brought up to date now and then; a crash loses some minutes of waiting, never a decision.

use std::collections::VecDeque;

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use super::super::core::{Core, ProviderBroker};
use super::super::error::ProviderError;
use super::super::view::Event;
use super::forecast::{Forecast, Left};
use super::rules::Reason;
use crate::crash_point::{self, Point};
use crate::domain::{Neuron, Timestamp};
use crate::store::provider::StoredDecision;

/// Decisions in memory.
const MOST: usize = 200;
/// Users that a decision names; the largest debts are the interesting ones.
const MOST_NAMED: usize = 50;
/// The end of a run of equal decisions goes to disk this often.
const WRITE_EVERY: u64 = 600;

/// One decision to settle or to wait, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// When it was first made.
    pub at: Timestamp,
    /// When it was made last without change.
    pub until: Timestamp,
    pub verdict: Verdict,
    pub rows: usize,
    pub brings: Neuron,
    pub costs: Neuron,
    pub gas_price: Neuron,
    /// Those with the largest debts of the users who are left out.
    pub left_out: Vec<Left>,
    pub left_out_in_all: usize,
}

/// What was decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Verdict {
    /// Settled, for these reasons.
    Settle(Vec<Reason>),
    /// Nothing can be claimed.
    NothingToClaim,
    /// It would cost more gas than it brings.
    CostsMoreThanItBrings,
    /// Claimable, but no rule asks for it yet; the next one to ask is this.
    Wait { next: Option<(Timestamp, Reason)> },
    /// All who owe something are in settlements that are under way.
    Busy,
    /// It could not be decided or done; the text says why.
    Failed(String),
}

impl Verdict {
    pub const fn code(&self) -> &'static str {
        match self {
            Verdict::Settle(_) => "settle",
            Verdict::NothingToClaim => "nothing_to_claim",
            Verdict::CostsMoreThanItBrings => "costs_more_than_it_brings",
            Verdict::Wait { .. } => "wait",
            Verdict::Busy => "busy",
            Verdict::Failed(_) => "failed",
        }
    }

    /// The same in a sentence.
    pub fn text(&self) -> String {
        match self {
            Verdict::Settle(reasons) => {
                let mut texts: Vec<&str> = reasons.iter().map(Reason::text).collect();
                texts.dedup();
                format!("settles: {}", texts.join("; "))
            }
            Verdict::NothingToClaim => "nothing can be claimed now".to_owned(),
            Verdict::CostsMoreThanItBrings => "the gas would cost more than it brings".to_owned(),
            // The moment itself is shown beside it, as people want to see moments.
            Verdict::Wait { next: Some((_, reason)) } => format!("waits until {}", reason.text_until()),
            Verdict::Wait { next: None } => "waits until it is worth its gas".to_owned(),
            Verdict::Busy => "a settlement is under way".to_owned(),
            Verdict::Failed(why) => format!("could not: {why}"),
        }
    }
}

impl Decision {
    pub(super) fn about(forecast: &Forecast, verdict: Verdict, now: Timestamp) -> Self {
        let mut left_out = forecast.left_out.clone();
        left_out.sort_by(|a, b| b.unsettled.cmp(&a.unsettled).then_with(|| a.user.cmp(&b.user)));
        left_out.truncate(MOST_NAMED);
        Decision {
            at: now,
            until: now,
            verdict,
            rows: forecast.rows.len(),
            brings: forecast.brings,
            costs: forecast.costs,
            gas_price: forecast.gas_price,
            left_out,
            left_out_in_all: forecast.left_out.len(),
        }
    }

    pub(super) fn failed(error: &ProviderError, now: Timestamp) -> Self {
        Decision {
            at: now,
            until: now,
            verdict: Verdict::Failed(error.to_string()),
            rows: 0,
            brings: Neuron::ZERO,
            costs: Neuron::ZERO,
            gas_price: Neuron::ZERO,
            left_out: Vec::new(),
            left_out_in_all: 0,
        }
    }

    /// When a rule will ask for a settlement, as things stood.
    pub fn next(&self) -> Option<Timestamp> {
        match &self.verdict {
            Verdict::Wait { next } => next.map(|(at, _)| at),
            _ => None,
        }
    }

    /// Whether this only goes on with `before`. Two settlements are never the same one; waiting is, for whatever is
    /// waited: a user who asks for a refund and takes it back again and again would else push all history out.
    fn repeats(&self, before: &Decision) -> bool {
        match (&self.verdict, &before.verdict) {
            (Verdict::Settle(_), _) => false,
            (Verdict::Wait { .. }, Verdict::Wait { .. }) => true,
            (Verdict::Failed(now), Verdict::Failed(before)) => is_alike(now, before),
            (now, before) => now == before,
        }
    }
}

/// Whether two failures differ in figures at most, as in the price of gas.
fn is_alike(one: &str, other: &str) -> bool {
    let words = |text: &str| text.split(|sign: char| sign.is_ascii_digit()).collect::<String>();
    words(one) == words(other)
}

/// A page of decisions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PastDecisions {
    pub decisions: Vec<Decision>,
    /// Where the next page begins, if there may be one.
    pub next: Option<Timestamp>,
    /// How many are kept in all.
    pub total: u64,
}

/// How often each verdict and each reason came up since the start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DecisionCounts {
    pub verdicts: std::collections::BTreeMap<&'static str, u64>,
    pub reasons: std::collections::BTreeMap<&'static str, u64>,
}

/// The newest decisions.
#[derive(Debug, Default)]
pub(in super::super) struct Record {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    decisions: VecDeque<Decision>,
    /// The end of the newest one as it is on disk.
    written: Option<Timestamp>,
    counts: DecisionCounts,
}

/// What of a decision has to go to disk.
enum ToWrite {
    /// It goes on; `news`: with other words.
    Nothing { news: bool },
    /// The end of the newest run.
    End(Decision),
    /// A new one, after the end of the run before it.
    New { ended: Option<Decision> },
}

impl Record {
    pub(super) fn decisions(&self) -> Vec<Decision> {
        self.state.lock().decisions.iter().cloned().collect()
    }

    pub(in super::super) fn last(&self) -> Option<Decision> {
        self.state.lock().decisions.back().cloned()
    }

    pub(in super::super) fn counts(&self) -> DecisionCounts {
        self.state.lock().counts.clone()
    }

    /// What a former run decided.
    fn restore(&self, decisions: Vec<Decision>) {
        let mut state = self.state.lock();
        state.written = decisions.last().map(|last| last.until);
        state.decisions = decisions.into();
    }

    fn add(&self, decision: &Decision) -> ToWrite {
        let mut state = self.state.lock();
        *state.counts.verdicts.entry(decision.verdict.code()).or_default() += 1;
        if let Verdict::Settle(reasons) = &decision.verdict {
            for reason in reasons {
                *state.counts.reasons.entry(reason.code()).or_default() += 1;
            }
        }
        let written = state.written;
        if let Some(last) = state.decisions.back_mut()
            && decision.repeats(last)
        {
            let news = last.verdict != decision.verdict;
            *last = Decision { at: last.at, ..decision.clone() };
            let late = written.is_none_or(|at| decision.until.seconds_since(at) >= WRITE_EVERY);
            let end = if late { ToWrite::End(last.clone()) } else { ToWrite::Nothing { news } };
            if late {
                state.written = Some(decision.until);
            }
            return end;
        }
        let ended = state.decisions.back().filter(|last| Some(last.until) != written).cloned();
        if state.decisions.len() >= MOST {
            state.decisions.pop_front();
        }
        state.decisions.push_back(decision.clone());
        state.written = Some(decision.until);
        ToWrite::New { ended }
    }
}

impl ProviderBroker {
    /// All decisions that are kept, made before a moment if one is given, newest first.
    pub async fn past_decisions(
        &self,
        before: Option<Timestamp>,
        limit: u32,
    ) -> Result<PastDecisions, ProviderError> {
        let stored = self.core.store.decisions(before, limit).await?;
        let total = self.core.store.count_decisions().await?;
        // By what is stored, not by what can be read of it.
        let whole = u32::try_from(stored.len()).is_ok_and(|found| found >= limit);
        let next = stored.last().filter(|_| whole).map(|last| last.at);
        Ok(PastDecisions { decisions: stored.into_iter().filter_map(read).collect(), next, total })
    }
}

impl Core {
    /// Takes over the decisions of former runs.
    pub(in super::super) async fn load_decisions(&self) -> Result<(), ProviderError> {
        let stored = self.store.decisions(None, MOST as u32).await?;
        let mut decisions: Vec<Decision> = stored.into_iter().filter_map(read).collect();
        decisions.reverse();
        self.settling.record.restore(decisions);
        Ok(())
    }

    /// Records a decision. The same one again only moves the end of the former.
    pub(super) async fn record_decision(&self, decision: Decision) {
        let to_write = self.settling.record.add(&decision);
        let rows = match to_write {
            ToWrite::Nothing { news } => {
                if news {
                    self.publisher.tell(Event::Decided(Box::new(decision)));
                }
                return;
            }
            ToWrite::End(end) => vec![stored(&end)],
            ToWrite::New { ended } => {
                tracing::info!(
                    verdict = decision.verdict.code(),
                    rows = decision.rows,
                    brings = %decision.brings,
                    costs = %decision.costs,
                    left_out = decision.left_out_in_all,
                    next = decision.next().map(|at| at.to_string()),
                    "{}",
                    decision.verdict.text()
                );
                self.publisher.tell(Event::Decided(Box::new(decision.clone())));
                ended.iter().map(stored).chain([stored(&decision)]).collect()
            }
        };
        // A decision that cannot be written down is still taken: waiting for the disk could cost the deadline.
        if let Err(error) = self.store.record_decisions(rows).await {
            self.health.store_failed(&error);
        }
        crash_point::pass(Point::DecisionWritten);
    }
}

/// A body of another version is history that cannot be shown, not a fault.
fn read(stored: StoredDecision) -> Option<Decision> {
    serde_json::from_value(stored.body).ok()
}

fn stored(decision: &Decision) -> StoredDecision {
    StoredDecision {
        at: decision.at,
        until: decision.until,
        // Plain values: this cannot fail.
        body: serde_json::to_value(decision).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decision(verdict: Verdict, at: u64) -> Decision {
        let error = ProviderError::Stopping;
        Decision { verdict, ..Decision::failed(&error, Timestamp::from_seconds(at)) }
    }

    #[test]
    fn a_run_of_equal_decisions_is_one_and_goes_to_disk_now_and_then() {
        let record = Record::default();
        assert!(matches!(record.add(&decision(Verdict::Busy, 0)), ToWrite::New { ended: None }));
        assert!(matches!(record.add(&decision(Verdict::Busy, 599)), ToWrite::Nothing { news: false }));
        assert!(matches!(record.add(&decision(Verdict::Busy, 600)), ToWrite::End(_)));
        assert!(matches!(record.add(&decision(Verdict::Busy, 700)), ToWrite::Nothing { news: false }));
        let new = record.add(&decision(Verdict::NothingToClaim, 701));
        let ToWrite::New { ended: Some(ended) } = new else { unreachable!("a new decision") };
        assert_eq!((ended.at.as_seconds(), ended.until.as_seconds()), (0, 700));
        let settle = Verdict::Settle(vec![Reason::Worth]);
        assert!(matches!(record.add(&decision(settle.clone(), 702)), ToWrite::New { .. }));
        assert!(matches!(record.add(&decision(settle, 703)), ToWrite::New { .. }), "never the same one");
        assert_eq!(record.decisions().len(), 4);
        assert_eq!((record.counts().verdicts["settle"], record.counts().reasons["worth_its_gas"]), (2, 2));
    }
}
