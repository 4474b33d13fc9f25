//! Kills at random moments under load, of one process or of several at once; and the long run with a rate of requests.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::dead::{self, End};
use super::load::{self, Load};
use super::tally::Tally;
use super::world::{Plan, Who, World};
use super::{check, matrix};

pub struct Random {
    pub kills: u64,
    /// The run ends after so long even if fewer were killed.
    pub longest: Option<Duration>,
    pub seed: u64,
    /// Kills between two looks at all books.
    pub per_check: u64,
    /// Kills after which everything is settled, paid back, and begun anew.
    /// How long the end of a world waits for requests that never arrived.
    pub patience: Duration,
    pub per_world: u64,
    pub workers: usize,
    /// Milliseconds between two deeds of a worker, at most.
    pub pause: u64,
    /// Milliseconds between two kills, at most.
    pub between: u64,
}

pub async fn run(plan: &Plan, random: &Random, tally: &Arc<Tally>) {
    let mut dice = StdRng::seed_from_u64(random.seed);
    let begun = Instant::now();
    let (mut kills, mut told, mut deeds) = (0, 0, 0);
    let over = |kills: u64| {
        kills >= random.kills || random.longest.is_some_and(|longest| begun.elapsed() >= longest)
    };
    while !over(kills) {
        let mut world = World::start(plan, Arc::clone(tally)).await;
        let place = Arc::clone(&world.place);
        let before = tally.broken();
        let mut left = random.per_world;
        while left > 0 && !over(kills) && tally.broken() == before {
            let load = Load::start(&place, dice.random(), random.workers, random.pause, load::USUAL);
            for _ in 0..random.per_check.min(left) {
                tokio::time::sleep(Duration::from_millis(dice.random_range(10..=random.between))).await;
                let who = draw(&world, &mut dice);
                tally.scene(format!("seed {}, kill {kills}: {who:?}", random.seed));
                for who in &who {
                    if dice.random_bool(0.2) {
                        matrix::terminate(&mut world, *who).await;
                        told += 1;
                    } else {
                        world.broker(*who).kill().await;
                        world.killed(*who);
                        dead::look(&world, *who, End::Killed).await;
                    }
                    kills += 1;
                    left = left.saturating_sub(1);
                }
                for who in who.iter().rev() {
                    let up = world.start_one(*who, None).await;
                    tally.check("I23 a broker starts after a kill without help", up, || format!("{who:?}"));
                }
                if over(kills) {
                    break;
                }
            }
            deeds += load.stop(Duration::from_secs(5)).await;
            load::mine_again(&place).await;
            check::all(&world).await;
            println!(
                "{kills} kills ({told} by SIGTERM), {deeds} deeds in {:?}, {} broken",
                begun.elapsed(),
                tally.broken()
            );
        }
        if tally.broken() > before {
            println!("  the world is kept at {:?}", world.keep());
        }
        tally.scene(format!("seed {}, the end of a world after kill {kills}", random.seed));
        check::close(&world, random.patience).await;
        world.end().await;
    }
    println!("{kills} kills ({told} by SIGTERM), {deeds} deeds in {:?}", begun.elapsed());
}

/// Who is killed: mostly one broker, now and then several, rarely the chain. The chain comes first in the list, and is
/// started last but waited for by the others.
fn draw(world: &World, dice: &mut StdRng) -> Vec<Who> {
    let user = Who::User(dice.random_range(0..world.users.len()));
    match dice.random_range(0..20) {
        0..9 => vec![user],
        9..17 => vec![Who::Provider],
        17..19 => vec![user, Who::Provider],
        _ => vec![Who::Chain],
    }
}
