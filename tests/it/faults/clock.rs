//! Clocks that are wrong or jump. A clock that is set back by some days is the same as books whose dates lie ahead, so
//! the dates are moved while a broker is down; the chain's clock is moved as it is. The whole program under jumping
//! clocks: `tests/by_hand/clock.py`.

use serde_json::json;
use zgserve_tui::domain::{Neuron, Timestamp};

use super::{told, user_books};
use crate::world::{Forged, LOCK, Plan, Reply, SAY_THIS, World, chat_fee, until};

const FEE: fn() -> u128 = || chat_fee("Say this is a test!", "This is a test!");
const YEAR: u64 = 365 * 86_400;

/// Restarts the user broker with its clock moved back by so many days; forward if they are negative.
async fn clock_back(world: &mut World, days: i64) {
    world.stop_user().await;
    let books = user_books(world);
    for text in [
        "UPDATE requests SET created_at = created_at + ?1 * 86400000000, finished_at = finished_at + ?1 * 86400000000",
        // In two steps, so that no day meets its neighbour on the way.
        "UPDATE service_days SET day = -day - ?1",
        "UPDATE service_days SET day = -day WHERE ?1 = ?1",
        "UPDATE request_days SET day = -day - ?1",
        "UPDATE request_days SET day = -day WHERE ?1 = ?1",
    ] {
        books.execute(text, [days]).unwrap();
    }
    drop(books);
    world.start_user().await;
}

/// Waits for the next day if less than two minutes of this one are left: what is spent in a test is of one day.
async fn a_day_with_time_left() {
    let left = 86_400 - Timestamp::now().as_seconds() % 86_400;
    if left < 120 {
        tokio::time::sleep(std::time::Duration::from_secs(left + 1)).await;
    }
}

/// Spends until the day's budget refuses; gives what was spent.
async fn spend(world: &World) -> u128 {
    let before = world.check_books().await.owed;
    for _ in 0..50 {
        let got = world.ask(SAY_THIS).await;
        if got.status != 200 {
            told("a budget that is used up", &got);
            got.refused(403, "cap_reached", "day");
            return world.check_books().await.owed.get() - before.get();
        }
    }
    panic!("no budget ends this")
}

/// I16 across clocks and restarts: no sequence of jumps opens the budget of a day twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_budget_of_a_day_is_spent_once_however_the_clock_jumps() {
    a_day_with_time_left().await;
    let mut plan = Plan::default();
    let cap = 4 * FEE();
    plan.user.caps.per_day = Some(Neuron::new(cap));
    let mut world = World::with(plan).await;
    let first = spend(&world).await;
    assert!(first > 0 && first <= cap, "{first} of {cap}");
    // Set back by an hour's worth of days, by years, or not at all: it is spent.
    for days in [0, 1, 400, 40 * 365] {
        clock_back(&mut world, days).await;
        assert_eq!(spend(&world).await, 0, "{days} days back");
    }
    // A new day, after all that; and back again.
    clock_back(&mut world, -(1 + 400 + 40 * 365) - 1).await;
    let second = spend(&world).await;
    assert!(second > 0 && second <= cap, "{second} of {cap}");
    clock_back(&mut world, 1).await;
    assert_eq!(spend(&world).await, 0);
    let books = user_books(&world);
    let mut days = std::collections::BTreeMap::<i64, u128>::new();
    let mut query = books.prepare("SELECT created_at / 86400000000, fee FROM requests").unwrap();
    let rows = query.query_map([], |row| Ok((row.get(0)?, row.get::<_, [u8; 16]>(1)?))).unwrap();
    for row in rows {
        let (day, fee) = row.unwrap();
        *days.entry(day).or_default() += u128::from_be_bytes(fee);
    }
    assert!(days.values().filter(|fee| **fee > 0).count() >= 2);
    for fee in days.into_values() {
        assert!(fee <= cap, "{fee} of {cap} in one day");
    }
}

/// A user whose clock is off by hours or years is told so; within the skew that settings allow it does not matter.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn authorisations_of_another_time_are_refused_with_a_word_about_the_clock() {
    let world = World::new().await;
    let now = Timestamp::now().as_seconds();
    for (expiry, code) in [
        (now - 3_600, "authorisation_expired"),
        (now - 10 * YEAR, "authorisation_expired"),
        (0, "authorisation_expired"),
        (now + 3_600, "authorisation_too_long"),
        (now + 10 * YEAR, "authorisation_too_long"),
        (u64::from(u32::MAX), "authorisation_too_long"),
    ] {
        let right = world.forge("what time is it").await;
        let got = world.send(&Forged { expiry: Timestamp::from_seconds(expiry), ..right }).await;
        told(code, &got);
        assert_eq!((got.status, got.code().as_str()), (401, code), "{expiry}");
    }
    let right = world.forge("what time is it").await;
    world.send(&right).await.is(200);
    assert_eq!(world.upstream.count(), 1);
}

/// A chain whose clock runs years ahead: refunds are due when the chain says so, debts are settled first, calls go on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chain_that_is_years_ahead_loses_nothing() {
    let mut plan = Plan::default();
    plan.provider.settlement.automatic = true;
    plan.provider.settlement.check_interval = 1;
    plan.user.auto_process_refunds = false;
    let world = World::with(plan).await;
    world.upstream.say(Reply::chat("This is a test!"));
    for years in [1, 3, 5] {
        world.devnet.advance_time(YEAR * years).unwrap();
        world.ask(SAY_THIS).await.is(200);
        let url = format!("/v1/provider/{}/refund", world.provider_address());
        let body = json!({"amount": "1000"}).to_string();
        let got = world.api().post(&url, body).await;
        assert!(got.status < 300, "{got:?}");
        let account = world.account().await;
        let unlock: Timestamp = account["Refunds"][0]["UnlockAt"].as_str().unwrap().parse().unwrap();
        let head = world.chain.head().await.unwrap().time;
        assert!(unlock.seconds_since(head) <= LOCK && unlock > Timestamp::now(), "{unlock} at {head}");
        let early = world.api().post_empty(&format!("{url}/process")).await;
        told("a refund that is locked", &early);
        world.devnet.advance_time(LOCK + 1).unwrap();
        until("it can be taken", async || {
            let got = world.api().post_empty(&format!("{url}/process")).await;
            (got.status < 300).then_some(())
        })
        .await;
    }
    let books = world.check_books().await;
    assert_eq!(books.owed.get(), 3 * FEE());
}
