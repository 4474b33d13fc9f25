//! What users who leave, or whose broker dies, can take without paying (G17): the most that was ever owed beyond the best
//! voucher, as a share of the credit limit.

use std::sync::Arc;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use zgserve_tui::domain::Neuron;

use super::check;
use super::dead::{self, End};
use super::load::{self, Deed};
use super::tally::Tally;
use super::world::{Plan, Who, World};

const LEAVING: &[Deed] =
    &[Deed::LeaveStream, Deed::LeaveStream, Deed::LeaveChat, Deed::LeaveDownload, Deed::Stream];

pub async fn run(plan: &Plan, count: u64, seed: u64, tally: &Arc<Tally>) {
    let mut dice = StdRng::seed_from_u64(seed);
    let mut world = World::start(plan, Arc::clone(tally)).await;
    let place = Arc::clone(&world.place);
    let (mut done, mut kills, mut worst, credit) = (0, 0, 0, place.credit);
    while done < count {
        tally.scene(format!("seed {seed}, disconnect {done}"));
        let several: Vec<(Deed, u64)> =
            (0..4).map(|_| (LEAVING[dice.random_range(0..LEAVING.len())], dice.random())).collect();
        let leaving = several.into_iter().map(|(deed, seed)| {
            let place = Arc::clone(&place);
            async move { load::perform(&place, deed, &mut StdRng::seed_from_u64(seed)).await }
        });
        let all = futures_util::future::join_all(leaving);
        done += 4;
        if dice.random_bool(0.1) {
            let who = Who::User(dice.random_range(0..world.users.len()));
            let moment = Duration::from_millis(dice.random_range(5..80));
            let _ = tokio::time::timeout(moment, all).await;
            world.broker(who).kill().await;
            kills += 1;
            worst = worst.max(unpaid(&world).await);
            dead::look(&world, who, End::Killed).await;
            worst = worst.max(unpaid(&world).await);
            let up = world.start_one(who, None).await;
            tally.check("I23 a broker starts after a kill without help", up, || format!("{who:?}"));
        } else {
            all.await;
        }
        worst = worst.max(unpaid(&world).await);
        if done % 100 == 0 {
            println!("{done} disconnects and {kills} kills: at most {worst} of {credit} neuron unpaid");
        }
    }
    check::all(&world).await;
    tally.check("G17 unpaid value ≤ credit limit", worst <= credit, || format!("{worst}"));
    let thousandths = worst * 1000 / credit;
    println!(
        "G17: {done} disconnects, {kills} kills of a user broker: unpaid ÷ credit limit = {}.{:03}",
        thousandths / 1000,
        thousandths % 1000
    );
    check::close(&world, super::PATIENCE).await;
    world.end().await;
}

/// The most that any user owes beyond the best voucher, now.
async fn unpaid(world: &World) -> u128 {
    let mut most = 0;
    for user in &world.place.users {
        let url = format!("{}/v1/user/{}", world.place.provider_url, user.address);
        let Some(row) = world.place.get(&url).await else { continue };
        let amount =
            |name: &str| row[name].as_str().and_then(|text| text.parse::<Neuron>().ok()).unwrap_or_default();
        most = most.max(amount("Owed").above(amount("Voucher")).get());
    }
    most
}
