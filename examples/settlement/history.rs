//! What happens in a run, whoever settles: users, their requests and refunds, the price of gas, outages and crashes. All
//! of it is drawn from one seed before the run begins, so that every rule lives through the same.

use alloy::primitives::B256;
use alloy::signers::local::PrivateKeySigner;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// Seconds between two blocks.
pub const BLOCK: u64 = 12;
/// The first second of a run: ahead of any wall clock, and a whole number of blocks.
pub const START: u64 = 2_000_000_004;
/// Neuron for one unit of gas that goes to the miner; what the embedded chain proposes.
pub const TIP: u128 = 1_000_000_000;
const GWEI: f64 = 1e9;
const A0GI: f64 = 1e18;
const DAY: u64 = 86_400;
/// Sessions a day and requests in a session, on average.
const SESSIONS: f64 = 1.3;
const REQUESTS: f64 = 16.0;

/// How long the provider's node may be out of reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outages {
    /// In any stretch of one lock time for less than half of it in all.
    Half,
    /// Longer than that now and then.
    Long,
}

#[derive(Clone, Copy, Debug)]
pub struct Plan {
    pub users: usize,
    pub days: u64,
    pub seed: u64,
    pub lock_time: u64,
    pub outages: Outages,
    /// Gas is dearest when a long outage ends, which is the worst moment for whoever has waited for that.
    pub storm: bool,
}

pub struct Person {
    pub wallet: PrivateKeySigner,
    /// Signs the vouchers.
    pub delegate: PrivateKeySigner,
    /// What is paid in at first, and again when it runs low.
    pub deposit: u128,
    /// Spending of an average day.
    pub daily: u128,
    /// Sends a voucher for an answer at once, and not only with the next request.
    pub prompt: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    Join,
    Spend {
        fee: u128,
    },
    /// Asks back so many hundredths of the balance. `take` seconds after it unlocks it is taken, unless it is
    /// called off so many seconds after it was asked for.
    Refund {
        percent: u128,
        take: u64,
        call_off: Option<u64>,
    },
}

#[derive(Clone, Copy, Debug)]
pub struct Event {
    pub at: u64,
    pub user: usize,
    pub what: What,
}

/// The broker's process dies.
#[derive(Clone, Copy, Debug)]
pub struct Crash {
    pub at: u64,
    /// Seconds until it runs again.
    pub down: u64,
    /// Not at `at`, but at the first settlement after it: when it is on disk and not yet with the node.
    pub while_sending: bool,
}

pub struct History {
    pub plan: Plan,
    pub end: u64,
    pub people: Vec<Person>,
    /// In order of time.
    pub events: Vec<Event>,
    /// Base fee of each block, in neuron.
    pub gas: Vec<u64>,
    /// From, to.
    pub outages: Vec<(u64, u64)>,
    pub crashes: Vec<Crash>,
}

impl History {
    pub fn new(plan: Plan) -> History {
        let end = START + plan.days * DAY;
        let mut dice = StdRng::seed_from_u64(plan.seed);
        let outages = outages(&mut dice, plan, end);
        let gas = gas(&mut dice, plan, end, &outages);
        let crashes = crashes(&mut dice, end);
        let mut events = Vec::new();
        let people = (0..plan.users)
            .map(|user| {
                let person = person(&mut dice, plan.seed, user);
                live(&mut dice, plan, end, &outages, user, &person, &mut events);
                person
            })
            .collect();
        events.retain(|event| event.at < end);
        // Stable, so that what one user does keeps its order.
        events.sort_by_key(|event| event.at);
        History { plan, end, people, events, gas, outages, crashes }
    }

    /// Base fee of the newest block at `at`.
    pub fn base_fee(&self, at: u64) -> u64 {
        let block = usize::try_from(at.saturating_sub(START) / BLOCK).unwrap();
        self.gas[block.min(self.gas.len() - 1)]
    }

    /// Whether the provider's node answers.
    pub fn reachable(&self, at: u64) -> bool {
        let after = self.outages.partition_point(|(from, _)| *from <= at);
        after == 0 || self.outages[after - 1].1 <= at
    }

    /// The lowest price of a unit of gas in a stretch of time in which the node answered; none if it never did.
    pub fn cheapest(&self, from: u64, to: u64) -> Option<u128> {
        let blocks = (from.max(START) / BLOCK)..(to / BLOCK);
        let seen = blocks.map(|block| block * BLOCK).filter(|at| self.reachable(*at));
        seen.map(|at| u128::from(self.base_fee(at)) + TIP).min()
    }
}

/// Of a normal distribution, near enough.
fn bell(dice: &mut StdRng) -> f64 {
    (0..12).map(|_| dice.random::<f64>()).sum::<f64>() - 6.0
}

/// Of an exponential distribution with mean 1.
fn wait(dice: &mut StdRng) -> f64 {
    -(1.0 - dice.random::<f64>()).ln()
}

fn whole(value: f64) -> u128 {
    value.max(0.0) as u128
}

fn person(dice: &mut StdRng, seed: u64, user: usize) -> Person {
    let key = |kind: u8| {
        let text = format!("settlement simulation {seed} {user} {kind}");
        PrivateKeySigner::from_bytes(&B256::from(*alloy::primitives::keccak256(text))).unwrap()
    };
    // A third owe less in two weeks than their row costs; of the others a few spend most of it all.
    let daily = if dice.random_bool(0.35) {
        A0GI * 10f64.powf(dice.random_range(-6.0..-3.3))
    } else {
        (A0GI * 0.01 / (1.0 - dice.random::<f64>()).powf(1.0 / 1.3)).min(5.0 * A0GI)
    };
    Person {
        wallet: key(0),
        delegate: key(1),
        deposit: whole(daily * dice.random_range(3.0..20.0)),
        daily: whole(daily),
        prompt: dice.random_bool(0.8),
    }
}

/// Everything that one user does.
fn live(
    dice: &mut StdRng,
    plan: Plan,
    end: u64,
    outages: &[(u64, u64)],
    user: usize,
    person: &Person,
    events: &mut Vec<Event>,
) {
    let join = match dice.random_bool(0.7) {
        true => START + dice.random_range(60..7_200),
        false => START + dice.random_range(7_200..(end - START) * 2 / 3),
    };
    events.push(Event { at: join, user, what: What::Join });
    let refund = |dice: &mut StdRng, from: u64| {
        let until = end.saturating_sub(plan.lock_time / 2).max(from + 2);
        let mut at = dice.random_range(from + 1..until);
        // Some happen to ask when the provider has just stopped hearing of it.
        if dice.random_bool(0.25)
            && let Some(outage) = outages.iter().find(|(outage, to)| *outage > at && to - outage > 3_600)
        {
            at = outage.0 + dice.random_range(1..600);
        }
        at
    };
    let mut leaves = None;
    // Some leave for good, and among them some spend what they can just before and after asking.
    if dice.random_bool(0.25) {
        let at = refund(dice, join + 3_600);
        let take = if dice.random_bool(0.7) { 0 } else { dice.random_range(1..21_600) };
        events.push(Event { at, user, what: What::Refund { percent: 100, take, call_off: None } });
        if dice.random_bool(0.4) {
            for _ in 0..40 {
                let at = dice.random_range(at.saturating_sub(3_600).max(join + 60)..at + 36_000);
                events.push(Event { at, user, what: What::Spend { fee: person.daily / 10 } });
            }
        }
        leaves = Some(at);
    }
    // Others ask back a part, or think better of it.
    if dice.random_bool(0.2) {
        let at = refund(dice, join + 3_600);
        if leaves.is_none_or(|leaves| at + 2 * plan.lock_time < leaves) {
            let percent = dice.random_range(20..95);
            let call_off = dice.random_bool(0.4).then(|| dice.random_range(60..plan.lock_time - 60));
            let take = if dice.random_bool(0.5) { 0 } else { dice.random_range(1..21_600) };
            events.push(Event { at, user, what: What::Refund { percent, take, call_off } });
        }
    }
    let fee = person.daily as f64 / (SESSIONS * REQUESTS);
    let last = leaves.map_or(end, |at| at + plan.lock_time);
    let mut at = join + 120;
    loop {
        at += (wait(dice) * DAY as f64 / SESSIONS) as u64;
        if at >= last {
            return;
        }
        let mut moment = at;
        for _ in 0..dice.random_range(3..30) {
            moment += 1 + (wait(dice) * 40.0) as u64;
            let fee = whole(fee * wait(dice));
            if fee > 0 {
                events.push(Event { at: moment, user, what: What::Spend { fee } });
            }
        }
    }
}

/// 1 to 20 gwei, wandering within hours, with a daily tide; now and then twenty times as much for an hour.
fn gas(dice: &mut StdRng, plan: Plan, end: u64, outages: &[(u64, u64)]) -> Vec<u64> {
    let blocks = (end - START) / BLOCK + 1;
    let hour = 3_600 / BLOCK;
    let mut spikes: Vec<u64> = Vec::new();
    let mut at = 0.0;
    loop {
        at += wait(dice) * 36.0 * hour as f64;
        if at as u64 >= blocks {
            break;
        }
        spikes.push(at as u64);
    }
    for (from, to) in outages {
        if plan.storm && to - from > 3_600 {
            spikes.push((to - START) / BLOCK);
        }
    }
    let mut level: f64 = 0.0;
    (0..blocks)
        .map(|block| {
            let pull = 1.0 / (6.0 * hour as f64);
            level += -level * pull + 0.7 * (2.0 * pull).sqrt() * bell(dice);
            let tide = 0.3 * (std::f64::consts::TAU * block as f64 / (24.0 * hour as f64)).sin();
            let price = (5.0 * (level + tide).exp()).clamp(1.0, 20.0);
            let spike = spikes.iter().any(|spike| (*spike..spike + hour).contains(&block));
            (price * if spike { 20.0 } else { 1.0 } * GWEI) as u64
        })
        .collect()
}

fn outages(dice: &mut StdRng, plan: Plan, end: u64) -> Vec<(u64, u64)> {
    let mut outages: Vec<(u64, u64)> = Vec::new();
    let half = plan.lock_time / 2;
    let mut at = START + plan.lock_time / 8;
    loop {
        at += 60 + (wait(dice) * 20_000.0) as u64;
        if at >= end {
            return outages;
        }
        let length = match dice.random_range(0..10) {
            0..6 => dice.random_range(60..1_200),
            6..8 => dice.random_range(1_200..half),
            _ if plan.outages == Outages::Half => half,
            _ => dice.random_range(half..plan.lock_time * 5 / 4),
        };
        let length = match plan.outages {
            Outages::Long => length,
            // In the lock time that ends with this one there must be less than half a lock of outages.
            Outages::Half => (0..length / 60)
                .map(|minutes| length - minutes * 60)
                .find(|length| {
                    let since = at + length - plan.lock_time;
                    let before = outages.iter().map(|(from, to)| to.saturating_sub(since.max(*from)));
                    before.sum::<u64>() + length < half
                })
                .unwrap_or(0),
        };
        if length > 0 {
            outages.push((at, at + length));
            at += length;
        }
    }
}

fn crashes(dice: &mut StdRng, end: u64) -> Vec<Crash> {
    let mut crashes = Vec::new();
    let mut at = START;
    loop {
        at += 600 + (wait(dice) * 60_000.0) as u64;
        if at >= end {
            return crashes;
        }
        let (down, while_sending) = (dice.random_range(5..900), dice.random_bool(0.4));
        crashes.push(Crash { at, down, while_sending });
    }
}
