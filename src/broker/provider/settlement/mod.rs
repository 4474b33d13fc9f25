//! Turning debts into money: when, whose, at what price; doing it; and what came of it.
//!
//! ```text
//! tick, refund asked for, deadline, person
//!      │
//!      ▼
//! engine: books + gas price ─▶ forecast (pure; rules) ─▶ decision, recorded
//!                                                          │ settle
//! send: rows and intent to the store ─▶ Sender, with a bid ◀┘   deadlines that appear later raise the bid
//!                                          │
//! result: Settled events of the block ─▶ paid per user ─▶ accounts read again, rows closed
//! ```
//!
//! Several settlements may be under way. A user is in one of them at most; in a second one only if the first is stuck and
//! what is owed beyond it is in danger. One at a time has the turn, from its look at the books until its transaction is
//! with the sender, so that no two claim the same debt. Doing a settlement again is safe: the contract pays a row only
//! above what it has paid before. A crash, a reorg and a lost answer all end in the same state.
//!
//! | file | holds |
//! |---|---|
//! | `rules` | what endangers a debt, and from when on (pure) |
//! | `forecast` | what a settlement would do, whether it is due, what it may cost (pure) |
//! | `engine` | the task that looks, decides and keeps deadlines |
//! | `send` | a settlement on its way |
//! | `report` | what is told of one |
//! | `result` | what it brought |
//! | `record` | decisions, in memory and on disk |
//! | `refusals` | how long to wait after nodes refused one |
//! | `inclusion`, `gas` | how long transactions take, and what is a cheap hour |

mod engine;
mod forecast;
mod gas;
mod inclusion;
mod record;
mod refusals;
mod report;
mod result;
mod rules;
mod send;

use std::collections::{HashMap, HashSet};

use parking_lot::Mutex;
use tokio::sync::Notify;

use self::record::Record;
use self::refusals::Refusals;
use crate::chain::Bid;
use crate::domain::{Address, Neuron, OperationId, Timestamp};

pub use self::forecast::{Books, Forecast, Left, Tried, bid, forecast};
pub use self::gas::GasHistory;
pub use self::inclusion::Inclusion;
pub use self::record::{Decision, DecisionCounts, PastDecisions, Verdict};
pub use self::report::{ReportRow, SettlementReport, SettlementTx};
pub use self::rules::{Danger, Reason, Risk, Rules};
pub use self::send::SettleRequest;

/// Settlements of one key that may be under way at once; the sender takes eight orders of any kind.
pub const MOST_UNDER_WAY: usize = 6;
/// Of them so many are kept for debts in danger and for people: what waits for cheaper gas, perhaps for hours, must not
/// stand in the way of a deadline.
const KEPT: usize = 2;

/// What the engine keeps in mind.
#[derive(Debug, Default)]
pub(super) struct Settling {
    /// Held from the look at the books until what is chosen is with the sender.
    pub(in crate::broker::provider) turn: tokio::sync::Mutex<()>,
    under_way: Mutex<HashMap<OperationId, UnderWay>>,
    /// Something happened that may make it due.
    pub(super) wake: Notify,
    pub(super) forecast: Mutex<Option<std::sync::Arc<Forecast>>>,
    tried: Mutex<HashMap<Address, Tried>>,
    refusals: Mutex<Refusals>,
    inclusion: Inclusion,
    gas: GasHistory,
    pub(super) record: Record,
}

/// A settlement whose outcome is not known.
#[derive(Clone, Debug)]
struct UnderWay {
    /// Its users, and what each row was expected to bring.
    rows: Vec<(Address, Neuron)>,
    asked: bool,
    /// What the sender was told last; nothing after a restart.
    bid: Option<Bid>,
    since: Timestamp,
}

impl UnderWay {
    /// How long it took to be mined since it was wanted soon: by a person, or since its deadline began to press. `None`: it
    /// never was. It may have waited for cheap gas for hours, and deadlines would leave room for that.
    fn took(&self, now: Timestamp) -> Option<u64> {
        let wanted = match self.bid.and_then(|bid| bid.hurry) {
            _ if self.asked => self.since,
            Some(hurry) => self.since.max(hurry.begin),
            None => return None,
        };
        (now >= wanted).then(|| now.seconds_since(wanted))
    }

    /// What it may cost in calm. What was allowed once stays allowed; it waits for a cheaper hour, but not for ever: after
    /// `patience` seconds dear gas is no passing thing, and it may cost what a new one might (`fresh`).
    fn calm(&self, fresh: Neuron, patience: u64, now: Timestamp) -> Neuron {
        match self.bid {
            None => fresh,
            Some(told) if now.seconds_since(self.since) < patience => told.calm,
            Some(told) => told.calm.max(fresh),
        }
    }
}

impl Settling {
    /// Operations whose outcome is not known.
    pub(super) fn running(&self) -> Vec<OperationId> {
        let mut running: Vec<_> =
            self.under_way.lock().iter().map(|(id, settlement)| (settlement.since, *id)).collect();
        running.sort_unstable();
        running.into_iter().map(|(_, id)| id).collect()
    }

    /// Users who are in one of them.
    pub(super) fn users_under_way(&self) -> HashSet<Address> {
        self.expected().into_keys().collect()
    }

    /// The same with what they are expected to pay.
    fn expected(&self) -> HashMap<Address, Neuron> {
        let mut expected: HashMap<Address, Neuron> = HashMap::new();
        for (user, pays) in self.under_way.lock().values().flat_map(|settlement| &settlement.rows) {
            let sum = expected.entry(*user).or_default();
            *sum = sum.saturating_add(*pays);
        }
        expected
    }

    /// Whether another one may begin; `presses`: somebody in it is in danger, or a person wants it.
    fn has_room(&self, presses: bool) -> bool {
        self.under_way.lock().len() + if presses { 0 } else { KEPT } < MOST_UNDER_WAY
    }

    fn begun(&self, id: OperationId, settlement: UnderWay) {
        self.under_way.lock().insert(id, settlement);
    }

    fn ended(&self, id: OperationId) -> Option<UnderWay> {
        self.under_way.lock().remove(&id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_calm_leaves_room_for_what_is_in_danger() {
        let settling = Settling::default();
        let mut begun = 0;
        let mut fill = |presses| {
            while settling.has_room(presses) {
                let one =
                    UnderWay { rows: Vec::new(), asked: false, bid: None, since: Timestamp::from_seconds(0) };
                settling.begun(OperationId::random(), one);
                begun += 1;
            }
            begun
        };
        assert_eq!((fill(false), fill(true), fill(false)), (4, 6, 6));
    }

    #[test]
    fn only_what_was_wanted_soon_says_how_long_transactions_take() {
        let n = Neuron::new;
        let at = Timestamp::from_seconds;
        let calm = Some(Bid { calm: n(10), hurry: None });
        let one = UnderWay { rows: Vec::new(), asked: false, bid: calm, since: at(1_000) };
        assert_eq!(one.took(at(1_500)), None);
        assert_eq!(UnderWay { bid: None, ..one.clone() }.took(at(1_500)), None, "after a restart");
        assert_eq!(UnderWay { asked: true, ..one.clone() }.took(at(1_500)), Some(500));
        let hurry = crate::chain::Hurry { stake: n(1), begin: at(1_400), by: at(1_600), last: at(1_700) };
        let pressed = UnderWay { bid: Some(Bid { calm: n(10), hurry: Some(hurry) }), ..one };
        assert_eq!([pressed.took(at(1_300)), pressed.took(at(1_500))], [None, Some(100)]);
        let later = UnderWay { since: at(1_450), ..pressed };
        assert_eq!(later.took(at(1_500)), Some(50));
    }

    #[test]
    fn calm_waits_for_a_cheaper_hour_and_not_for_ever() {
        let n = Neuron::new;
        let at = Timestamp::from_seconds;
        let told = Some(Bid { calm: n(10), hurry: None });
        let one = UnderWay { rows: Vec::new(), asked: false, bid: told, since: at(1_000) };
        let calm = |fresh, now| one.calm(n(fresh), 500, at(now)).get();
        assert_eq!([calm(30, 1_499), calm(30, 1_500), calm(5, 1_500)], [10, 30, 10]);
        assert_eq!(
            UnderWay { bid: None, ..one.clone() }.calm(n(30), 500, at(1_000)).get(),
            30,
            "after a restart"
        );
    }
}
