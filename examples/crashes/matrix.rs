//! Every point, so many times: a process is told where to die, is brought there under load, and must start again as if
//! nothing had been.

use std::collections::{BTreeMap, VecDeque};
use std::os::unix::process::ExitStatusExt;
use std::sync::Arc;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use zgserve_tui::crash_point::{Point, Process};

use super::dead::{self, End};
use super::load::{self, Load};
use super::process::Armed;
use super::tally::Tally;
use super::world::{Plan, Who, World};
use super::{check, tools};

/// How long a process may take to come to its point.
const WAY: Duration = Duration::from_secs(120);
/// How long a process may take to end after SIGTERM: its own grace times together, and the slowness of the machine.
pub const GRACE: Duration = Duration::from_secs(60);

#[derive(Clone, Copy, Debug)]
struct Trial {
    process: Process,
    point: Point,
    times: u64,
    turn: usize,
    /// It did not come to its point once.
    again: bool,
}

/// How often a point is passed within a few seconds of load, so that a higher number would only cost time.
fn most(point: Point) -> u64 {
    match point {
        // Passed at a start.
        Point::LostClosed | Point::UnconfirmedWritten => 1,
        Point::ReplacementRecorded => 1,
        Point::FileWritten | Point::FileNamed | Point::DelegateMade => 4,
        Point::ServiceWritten | Point::ServiceSent | Point::ServiceListed => 3,
        Point::SettlementIntent
        | Point::SettlementSent
        | Point::SettlementAccounts
        | Point::SettlementResult
        | Point::RefundSeen
        | Point::RefundNoted
        | Point::DecisionWritten => 3,
        Point::AttemptRecorded | Point::AttemptBroadcast | Point::MinedSeen | Point::OutcomeRecorded => 5,
        Point::OperationPrepared | Point::OperationRead => 8,
        // Vouchers of answers that end together are brought as one, and a request carries them as well.
        Point::PushAuthorized | Point::PushAcknowledged | Point::VoucherKept => 5,
        _ => 20,
    }
}

/// Whether a point is passed by a process that finds work of its last run, rather than by one at work.
fn at_start(point: Point) -> bool {
    matches!(point, Point::LostClosed | Point::UnconfirmedWritten)
}

pub struct Matrix {
    pub times: u64,
    pub seed: u64,
    /// How long the end of a world waits for requests that never arrived.
    pub patience: Duration,
    /// Kills after which everything is settled, paid back, and begun anew.
    pub per_world: usize,
    pub only: Option<String>,
}

pub async fn run(plan: &Plan, matrix: &Matrix, tally: &Arc<Tally>) {
    let mut trials = Vec::new();
    let mut dice = StdRng::seed_from_u64(matrix.seed);
    for point in Point::ALL {
        if matrix.only.as_ref().is_some_and(|only| !point.name().starts_with(only.as_str())) {
            continue;
        }
        for process in point.processes() {
            for turn in 0..matrix.times {
                let times = 1 + turn % most(*point);
                trials.push(Trial {
                    process: *process,
                    point: *point,
                    times,
                    turn: turn as usize,
                    again: false,
                });
            }
        }
    }
    trials.shuffle(&mut dice);
    let (tools, trials): (Vec<_>, Vec<_>) =
        trials.into_iter().partition(|trial| trial.process == Process::Tool);
    println!("{} kills of brokers and the chain, {} of tools", trials.len(), tools.len());
    for trial in &tools {
        tools::trial(plan, trial.point, trial.times, tally).await;
    }
    let mut reached: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    for trial in &tools {
        let entry = reached.entry(format!("{} of a tool", trial.point.name())).or_default();
        *entry = (entry.0 + 1, entry.1 + 1);
    }
    let begun = std::time::Instant::now();
    let mut spent = [Duration::ZERO; 4];
    let (mut queue, mut kills, mut number) = (VecDeque::from(trials), 0, 0);
    while !queue.is_empty() {
        let mut world = World::start(plan, Arc::clone(tally)).await;
        let part: Vec<Trial> = queue.drain(..queue.len().min(matrix.per_world.max(1))).collect();
        for trial in &part {
            tally.scene(format!("seed {}, kill {kills}: {trial:?}", matrix.seed));
            let before = tally.broken();
            let hit = perform(&mut world, trial, &mut dice, &mut spent).await;
            kills += 1;
            let entry = reached.entry(format!("{} of {:?}", trial.point.name(), trial.process)).or_default();
            *entry = (entry.0 + u64::from(hit), entry.1 + 1);
            if entry.0 == 0 && !trial.again {
                // A slow machine may have missed it by chance.
                queue.push_back(Trial { again: true, ..*trial });
            }
            if tally.broken() > before {
                println!("  the world is kept at {:?}", world.keep());
                break;
            }
            if kills % 20 == 0 {
                println!("{kills} kills in {:?}, {} broken", begun.elapsed(), tally.broken());
            }
        }
        tally.scene(format!("seed {}, the end of world {number}", matrix.seed));
        check::close(&world, matrix.patience).await;
        world.end().await;
        number += 1;
    }
    println!("\n{:<44} {:>8} {:>8}", "point", "died at", "tried");
    for (name, (hit, tried)) in &reached {
        println!("{name:<44} {hit:>8} {tried:>8}");
    }
    let hit: u64 = reached.values().map(|(hit, _)| hit).sum();
    let [ending, dying, starting, resting] = spent;
    println!(
        "ending what ran {ending:.0?}, dying {dying:.0?}, starting again {starting:.0?}, resting and checking {resting:.0?}"
    );
    println!("{hit} processes died at their point, in {:?}", begun.elapsed());
    for (name, (hit, _)) in &reached {
        tally.check("every point was reached", *hit > 0, || name.clone());
    }
}

/// Times one part after the other.
struct Watch(std::time::Instant);

impl Watch {
    fn lap(&mut self) -> Duration {
        let now = std::time::Instant::now();
        now - std::mem::replace(&mut self.0, now)
    }
}

async fn perform(world: &mut World, trial: &Trial, dice: &mut StdRng, spent: &mut [Duration; 4]) -> bool {
    let mut watch = Watch(std::time::Instant::now());
    let Some(who) = Who::of(trial.process, trial.turn, world.users.len()) else { return false };
    let place = Arc::clone(&world.place);
    let load = Load::start(&place, dice.random(), 4, 12, load::focus(trial.point));
    if at_start(trial.point) {
        // Something must be under way for the next start to find.
        tokio::time::sleep(Duration::from_millis(dice.random_range(60..160))).await;
    }
    if !at_start(trial.point) && dice.random_bool(0.5) {
        terminate(world, who).await;
    } else {
        world.broker(who).kill().await;
        dead::look(world, who, End::Killed).await;
    }
    world.killed(who);
    spent[0] += watch.lap();
    let hit = die(world, who, Some((trial.point, trial.times))).await;
    spent[1] += watch.lap();
    dead::look(world, who, End::Killed).await;
    if dice.random_bool(0.15) {
        // And once more while it recovers.
        let own: Vec<Point> =
            Point::ALL.iter().copied().filter(|point| point.processes().contains(&trial.process)).collect();
        let point = own[dice.random_range(0..own.len())];
        world.start_one(who, Some((point, 1))).await;
        tokio::time::sleep(Duration::from_millis(dice.random_range(0..200))).await;
        world.broker(who).kill().await;
        world.killed(who);
        dead::look(world, who, End::Killed).await;
    }
    let up = world.start_one(who, None).await;
    world.tally.check("I23 a broker starts after a kill without help", up, || format!("{who:?}"));
    load.stop(Duration::from_secs(3)).await;
    load::mine_again(&place).await;
    spent[2] += watch.lap();
    check::all(world).await;
    for user in 0..place.users.len() {
        let served = world.serves(user).await;
        world.tally.check("F-02 every user is served after a kill", served.is_ok(), || {
            format!("user {user}: {served:?}")
        });
    }
    spent[3] += watch.lap();
    hit
}

/// SIGTERM under load: the process ends by itself, in time, and leaves nothing unbooked (I24).
pub async fn terminate(world: &mut World, who: Who) {
    let status = world.broker(who).terminate(GRACE).await;
    let well = status.is_some_and(|status| status.success());
    world
        .tally
        .check("I24 SIGTERM ends a process within its grace time", well, || format!("{who:?}: {status:?}"));
    dead::look(world, who, End::Told).await;
}

/// Starts a process that is to die, and waits until it has. `false`: it did not come to its point, and was killed.
async fn die(world: &mut World, who: Who, armed: Armed) -> bool {
    let point = armed.map_or("", |(point, _)| point.name());
    world.start_one(who, armed).await;
    let until = tokio::time::Instant::now() + WAY;
    while world.broker(who).runs() {
        if world.broker(who).ended().is_some() {
            break;
        }
        if tokio::time::Instant::now() > until {
            println!("{who:?} did not come to {point}");
            world.broker(who).kill().await;
            return false;
        }
        tokio::time::sleep(Duration::from_millis(4)).await;
    }
    let status = world.broker(who).last();
    let well = status.is_some_and(|status| status.signal() == Some(6));
    world.tally.check("a process ends at its point and for no other reason", well, || {
        format!("{who:?} at {point}: {status:?}")
    });
    well
}
