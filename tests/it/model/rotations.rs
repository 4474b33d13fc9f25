//! Changes of delegate: the old key's promises are good until the change, and nothing can be taken on promises that are
//! about to become void.

use zgserve_tui::chain::Call;
use zgserve_tui::domain::Timestamp;

use super::super::world::{LOCK, SAY_THIS, World, chat_fee, until};
use super::losses::{behind, cheater, sends};
use super::system_plan::{Cheat, Plan};
use super::system_town::{MARGIN, Town};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_of_delegate_counts_although_nobody_mines() {
    let plan = super::super::world::Plan { lock: 1, ..Default::default() };
    let world = World::with(plan).await;
    world.ask(SAY_THIS).await.is(200);
    let wallet = behind(&world);
    sends(&wallet, Call::SetDelegate { provider: world.provider_address(), delegate: None }).await;
    let change = world.chain.account(world.id(), None).await.unwrap().unwrap().rotation.unwrap();
    let height = world.devnet.height();
    until("the moment has come", async || (Timestamp::now() > change.active_at).then_some(())).await;
    for _ in 0..2 {
        world.ask(SAY_THIS).await.is(200);
    }
    assert_eq!(world.devnet.height(), height, "the newest block is older than the change");
    let books = world.check_books().await;
    assert_eq!(books.owed.get(), 3 * chat_fee("Say this is a test!", "This is a test!"));
}

/// A user without credit who promises everything, and whose promises become void in `before` seconds.
async fn on_the_brink(before: u64) -> Town {
    let mut town = Town::found(&Plan { credit: 0, cap: None, steps: vec![] }).await;
    // The first delegate counts at once; the second begins an epoch.
    town.cheat(Cheat::NewKey).await;
    town.cheat(Cheat::NewKey).await;
    town.rest().await;
    town.world.devnet.advance_time(LOCK - before).unwrap();
    town.rest().await;
    town
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_could_not_be_settled_before_a_change_of_delegate_is_not_served() {
    // Well within: a machine that is busy shows a block to the provider seconds later.
    let mut town = on_the_brink(MARGIN / 2).await;
    let (user, id) = (cheater(&town), town.cheater_id());
    town.cheat(Cheat::Boast).await;
    for _ in 0..3 {
        town.cheat(Cheat::Fair).await;
        town.cheat(Cheat::AtOnce(4)).await;
    }
    town.world.devnet.advance_time(MARGIN).unwrap();
    town.rest().await;
    let debt = town.debt(user);
    assert_eq!((debt.owed, debt.unsecured()), (0, 0), "{debt:?}");
    // From then on a promise of the new epoch is as good as any.
    let epoch = town.world.chain.account(id, None).await.unwrap().unwrap().epoch;
    assert_eq!(epoch, 1);
    town.cheat(Cheat::Fair).await;
    assert!(town.debt(user).owed > 0);
    town.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_served_before_that_is_settled_in_time() {
    let mut town = on_the_brink(MARGIN + 60).await;
    let user = cheater(&town);
    for _ in 0..3 {
        town.cheat(Cheat::Fair).await;
    }
    let owed = town.debt(user).owed;
    assert!(owed > 0);
    until("the engine settles", async || (town.debt(user).settled == owed).then_some(())).await;
    town.world.devnet.advance_time(MARGIN + 60).unwrap();
    town.check().await;
    assert_eq!(town.debt(user).unsecured(), 0);
}
