//! How the settlement engine fares over weeks: thousands of users with random spending, refunds, gas prices, outages and
//! crashes on a simulated clock over the embedded chain, beside upstream's rule over the same history.
//!
//! ```sh
//! cargo run --release --example settlement -- --users 2000 --days 14 --seed 1
//! cargo run --release --example settlement -- --users 500 --days 14 --seeds 3      # the spread over seeds
//! cargo run --release --example settlement -- --users 500 --days 14 --sweep        # other settings beside the defaults
//! cargo run --release --example settlement -- --storm                              # gas is dearest when outages end
//! cargo run --release --example settlement -- --long-outages                       # beyond half a lock: loss may appear
//! ```
//!
//! | file | holds |
//! |---|---|
//! | `history` | users, requests, refunds, gas prices, outages, crashes: drawn from a seed, the same for every rule |
//! | `node` | the embedded chain with the real contract on it |
//! | `world` | users' and provider's accounts on it, the books, what is lost |
//! | `sender` | transactions under way, raised by the real functions |
//! | `ours` | the engine's real `forecast` and `bid`, at the engine's moments |
//! | `upstream` | upstream's rule of when, on the same rows |
//! | `report` | totals and the table |
//!
//! Real: the contract and its gas, users' transactions, vouchers (signed when a row is sent), settlement data, every rule of
//! ours. Modelled: the broker's tasks (a loop over moments), its database (what would be on disk survives a crash, the rest is
//! dropped), the node's gas estimate (the engine's own figure for so many rows), requests (an amount at a moment).
//!
//! A loss is what a refund takes out of an account although it was owed, promised and worth more than a settlement of its
//! own at the lowest price of gas that the provider could have seen in the last half of the lock time. What is worth less is
//! dust, shown beside it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::float_arithmetic,
    missing_debug_implementations,
    reason = "a measurement, not a part of the program; money is whole neuron, floats draw and show"
)]

mod history;
mod node;
mod ours;
mod report;
mod sender;
mod upstream;
mod world;

use std::rc::Rc;
use std::time::Instant;

use zgserve_tui::broker::provider::SettlementSettings;

use self::history::{BLOCK, History, Outages, Plan, START};
use self::ours::Ours;
use self::report::Totals;
use self::upstream::Upstream;
use self::world::World;

/// Who decides when to settle.
enum Rule {
    Ours(Box<Ours>),
    Upstream(Upstream),
}

impl Rule {
    fn next_look(&self) -> u64 {
        match self {
            Rule::Ours(rule) => rule.next_look,
            Rule::Upstream(rule) => rule.next_look,
        }
    }

    fn sweep(&mut self, world: &mut World, refund_asked: bool) {
        match self {
            Rule::Ours(rule) => rule.sweep(world, refund_asked),
            Rule::Upstream(rule) => rule.sweep(world),
        }
    }

    fn look(&mut self, world: &mut World, dies: bool) -> bool {
        match self {
            Rule::Ours(rule) => rule.look(world, dies),
            Rule::Upstream(rule) => rule.look(world, dies),
        }
    }

    fn crash(&mut self, world: &mut World, down: u64) {
        world.totals.crashes += 1;
        world.down_until = world.now + down;
        match self {
            Rule::Ours(rule) => rule.restart(world),
            Rule::Upstream(rule) => rule.restart(world),
        }
    }
}

/// Lives through a history under a rule. `follows`: the provider hears the chain's events.
async fn live(history: &Rc<History>, mut rule: Rule, follows: bool) -> Totals {
    let mut world = World::new(Rc::clone(history), follows).await;
    let (mut block, mut crashes, mut armed) = (START + BLOCK, history.crashes.iter().peekable(), None);
    loop {
        let crash = crashes.peek().map_or(u64::MAX, |crash| crash.at);
        let next = block.min(world.next_deed()).min(rule.next_look()).min(crash);
        if next > history.end {
            break;
        }
        world.now = world.now.max(next);
        if let Some(crash) = crashes.next_if(|crash| crash.at <= world.now) {
            match crash.while_sending {
                true => armed = Some(crash.down),
                false => rule.crash(&mut world, crash.down),
            }
        }
        world.deeds().await;
        if block <= world.now {
            block += BLOCK;
            world.block().await;
            let refund_asked = world.hear();
            rule.sweep(&mut world, refund_asked);
        }
        if rule.next_look() <= world.now
            && rule.look(&mut world, armed.is_some())
            && let Some(down) = armed.take()
        {
            rule.crash(&mut world, down);
        }
    }
    let sender = match &mut rule {
        Rule::Ours(rule) => &mut rule.sender,
        Rule::Upstream(rule) => &mut rule.sender,
    };
    sender.ended(&mut world);
    let gas_spent = sender.gas_spent;
    world.close(gas_spent).await;
    world.totals
}

async fn ours(history: &Rc<History>, settings: SettlementSettings) -> Totals {
    live(history, Rule::Ours(Box::new(Ours::new(settings))), true).await
}

async fn upstream(history: &Rc<History>, told: bool) -> Totals {
    live(history, Rule::Upstream(Upstream::new()), told).await
}

/// What an operator sets who would rather be paid daily than pay little gas: about one percent of what comes in.
fn daily() -> SettlementSettings {
    SettlementSettings {
        gas_share_basis_points: 100,
        old_gas_share_basis_points: 1_000,
        max_age: 86_400,
        balance_share_percent: 80,
        ..SettlementSettings::default()
    }
}

struct Arguments {
    plan: Plan,
    seeds: u64,
    sweep: bool,
}

fn arguments() -> Arguments {
    let plan =
        Plan { users: 500, days: 14, seed: 1, lock_time: 86_400, outages: Outages::Half, storm: false };
    let mut found = Arguments { plan, seeds: 1, sweep: false };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut number = || -> u64 {
            let text = words.next().unwrap_or_default();
            text.parse().unwrap_or_else(|_| panic!("{word} wants a whole number, not {text:?}"))
        };
        match word.as_str() {
            "--users" => found.plan.users = number().clamp(1, 20_000) as usize,
            "--days" => found.plan.days = number().clamp(3, 60),
            "--seed" => found.plan.seed = number(),
            "--seeds" => found.seeds = number().clamp(1, 20),
            "--long-outages" => found.plan.outages = Outages::Long,
            "--storm" => found.plan.storm = true,
            "--sweep" => found.sweep = true,
            _ => panic!("unknown argument {word}; see the head of examples/settlement/main.rs"),
        }
    }
    found
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let Arguments { plan, seeds, sweep } = arguments();
    let mut runs = Vec::new();
    for seed in plan.seed..plan.seed + seeds {
        let plan = Plan { seed, ..plan };
        let began = Instant::now();
        let history = Rc::new(History::new(plan));
        describe(&history);
        if sweep {
            sweep_settings(&history).await;
            continue;
        }
        let own = ours(&history, SettlementSettings::default()).await;
        let daily = ours(&history, daily()).await;
        let theirs = upstream(&history, false).await;
        let told = upstream(&history, true).await;
        report::print(
            plan.days,
            &[
                ("ours", &own),
                ("ours, paid daily", &daily),
                ("upstream's rule", &theirs),
                ("… told of refunds", &told),
            ],
        );
        println!("gas per settled neuron, as a multiple of:              ours      paid daily");
        let multiple = |name: &str, share: f64| {
            println!("  {name:<48} {:>8.2} {:>15.2}", share / own.gas_share(), share / daily.gas_share());
        };
        multiple("upstream's rule", theirs.gas_share());
        multiple("upstream's rule, told of refunds at once", told.gas_share());
        multiple("upstream's rule on its own contract's gas", theirs.own_contract_share());
        println!("took {:.0} s\n", began.elapsed().as_secs_f64());
        runs.push([own, daily, theirs, told]);
    }
    if runs.len() > 1 {
        report::spread(&runs);
    }
}

fn describe(history: &History) {
    let Plan { users, days, seed, lock_time, outages, .. } = history.plan;
    let out: u64 = history.outages.iter().map(|(from, to)| to - from).sum();
    let longest = history.outages.iter().map(|(from, to)| to - from).max().unwrap_or(0);
    let mut gas = history.gas.clone();
    gas.sort_unstable();
    let at = |hundredth: usize| gas[(gas.len() - 1) * hundredth / 100] as f64 / 1e9;
    println!(
        "{users} users, {days} days, seed {seed}, lock {lock_time} s, outages {outages:?}: {} in all {:.1} h, longest {:.1} h; \
         base fee {:.1} / {:.1} / {:.1} gwei (10th, 50th, 99th hundredth); {} crashes",
        history.outages.len(),
        out as f64 / 3_600.0,
        longest as f64 / 3_600.0,
        at(10),
        at(50),
        at(99),
        history.crashes.len()
    );
}

async fn sweep_settings(history: &Rc<History>) {
    let theirs = upstream(history, false).await;
    let told = upstream(history, true).await;
    let percent = |totals: &Totals| 100.0 * totals.gas_share();
    println!("upstream's rule: gas {:.4} %; told of refunds {:.4} %", percent(&theirs), percent(&told));
    println!(
        "| gasShareBasisPoints | oldGasShareBasisPoints | maxAge, days | gas share | upstream ÷ | told ÷ | lost | dust lost | \
         a day | still owed |"
    );
    println!("|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|");
    let settings = [
        (100, 1_000, 1),
        (10, 100, 1),
        (10, 100, 3),
        (2, 50, 7),
        (2, 20, 7),
        (2, 10, 7),
        (0, 20, 7),
        (2, 20, 10),
        (2, 20, 14),
    ];
    for (gas_share_basis_points, old_gas_share_basis_points, days) in settings {
        let max_age = days * 86_400;
        let settings = SettlementSettings {
            gas_share_basis_points,
            old_gas_share_basis_points,
            max_age,
            ..SettlementSettings::default()
        };
        let own = ours(history, settings).await;
        println!(
            "| {gas_share_basis_points} | {old_gas_share_basis_points} | {days} | {:.4} % | {:.2} | {:.2} | {:.6} | {:.6} | {:.1} | {:.3} |",
            percent(&own),
            theirs.gas_share() / own.gas_share(),
            told.gas_share() / own.gas_share(),
            own.lost as f64 / 1e18,
            own.lost_dust as f64 / 1e18,
            own.settlements as f64 / history.plan.days as f64,
            own.still_owed as f64 / 1e18,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(seed: u64, storm: bool) -> Plan {
        Plan { users: 40, days: 14, seed, lock_time: 86_400, outages: Outages::Half, storm }
    }

    #[tokio::test]
    async fn nothing_is_lost_while_outages_stay_below_half_a_lock() {
        for (seed, storm) in [(1, false), (2, true), (3, true)] {
            let history = Rc::new(History::new(plan(seed, storm)));
            let own = ours(&history, SettlementSettings::default()).await;
            let daily = ours(&history, daily()).await;
            for own in [&own, &daily] {
                assert_eq!(own.lost, 0, "seed {seed}: {own:?}");
                assert!(own.taken > 0 && own.crashes > 0 && own.settled > 0 && own.reverted == 0, "{own:?}");
            }
            let theirs = upstream(&history, false).await;
            // On one and the same contract.
            let ratio = theirs.gas_share() / own.gas_share();
            assert!(ratio >= 5.0, "seed {seed}: {ratio}");
        }
    }

    #[tokio::test]
    async fn the_histories_are_hard_enough_to_lose_something_and_losses_are_seen() {
        let mut lost = 0;
        for seed in 1..=3 {
            let history = Rc::new(History::new(Plan { users: 60, days: 6, ..plan(seed, seed > 1) }));
            lost += upstream(&history, false).await.lost;
        }
        assert!(lost > 0);
    }

    #[tokio::test]
    async fn a_seed_tells_everything() {
        let run = || async {
            let history = Rc::new(History::new(Plan { users: 20, days: 3, ..plan(4, false) }));
            format!("{:?}", ours(&history, SettlementSettings::default()).await)
        };
        assert_eq!(run().await, run().await);
    }

    #[test]
    fn outages_stay_below_half_of_any_lock_time() {
        let history = History::new(Plan { users: 1, days: 60, ..plan(7, false) });
        assert!(history.outages.len() > 20);
        for (_, end) in &history.outages {
            let since = end - 86_400;
            let within = history.outages.iter().filter(|(_, to)| to <= end);
            let sum: u64 = within.map(|(from, to)| to.saturating_sub(since.max(*from))).sum();
            assert!(sum < 43_200, "{sum}");
        }
    }
}
