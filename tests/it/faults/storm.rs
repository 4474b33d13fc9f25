//! Weather: every exchange on every line meets a fault with some chance, drawn from a seed. Nothing is retried by hand
//! but with the same keys. When it clears up, the books are those of a day without weather.

use std::time::Duration;

use futures_util::future::join_all;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::json;

use super::{NET_FAULTS, age_requests, is_page, serve_all, told};
use crate::world::{DEPOSIT, FaultProxy, NetFault, Plan, SAY_THIS, World, chat_stream, finish, until};

/// Another seed is another day: `ZGSERVE_TEST_SEED=7 cargo test --test it faults::storm`.
fn seed() -> u64 {
    std::env::var("ZGSERVE_TEST_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1)
}

/// One exchange in `one_in` meets a fault.
fn blow(proxy: &FaultProxy, seed: u64, one_in: u32) {
    let mut chance = StdRng::seed_from_u64(seed);
    proxy.set(move |_| {
        if chance.random_ratio(1, one_in) {
            NET_FAULTS[chance.random_range(0..NET_FAULTS.len())]
        } else {
            NetFault::None
        }
    });
}

async fn world() -> World {
    let mut plan =
        Plan { proxies: true, nodes: true, chain_timeout: Duration::from_secs(2), ..Plan::default() };
    plan.user.first_byte_timeout = 6;
    plan.user.idle_timeout = 6;
    plan.user.refresh_interval = 1;
    plan.provider.upstream.first_byte_timeout = 3;
    plan.provider.upstream.idle_timeout = 3;
    plan.provider.resync = 1;
    let world = World::bare(plan).await;
    world.register_chatbot().await;
    world.open_account(DEPOSIT).await;
    serve_all(&world.upstream);
    world
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_day_of_bad_weather_on_every_line() {
    let (world, seed) = (world().await, seed());
    let proxies = world.proxies.clone();
    let lines = [&proxies.to_provider, &proxies.to_upstream, &proxies.user_node, &proxies.provider_node];
    for (number, proxy) in lines.iter().enumerate() {
        blow(proxy.as_ref().unwrap(), seed.wrapping_mul(31).wrapping_add(number as u64), 6);
    }
    let path = world.paid("llama7b", "/chat/completions");
    let calls = (0..40).map(|number| {
        let body = if number % 2 == 0 { SAY_THIS.to_owned() } else { chat_stream("go on") };
        let api = world.api();
        let path = &path;
        async move {
            let got = api.post(path, body).await;
            if got.status >= 400 && !is_page(&got) {
                told("a call in bad weather", &got);
            }
        }
    });
    let url = format!("/v1/provider/{}/charge", world.provider_address());
    let deposit = async |number: u128| {
        let body = json!({"amount": (1 << number).to_string()}).to_string();
        let request = world.api().request(http::Method::POST, &format!("{url}?wait=false"));
        let request = request.header("content-type", "application/json");
        let got = finish(request.header("idempotency-key", format!("deposit {number}")).body(body)).await;
        if got.status >= 400 {
            told("a deposit in bad weather", &got);
        }
        got.status < 300
    };
    let deposits = async {
        for number in 0..8 {
            // Until the order is taken; whether it is done is for later.
            until("a deposit is taken", async || deposit(number).await.then_some(())).await;
        }
    };
    tokio::join!(join_all(calls), deposits);
    let mut struck = 0;
    for proxy in lines {
        let proxy = proxy.as_ref().unwrap();
        struck += proxy.struck();
        proxy.heal();
    }
    println!("faults in a day of bad weather (seed {seed}): {struck}");
    assert!(struck > 20, "{struck}");
    world.operations_end().await;
    let balance = async || world.chain.account(world.id(), None).await.unwrap().unwrap().balance.get();
    assert_eq!(balance().await, DEPOSIT + 255, "each deposit once");
    age_requests(&world, 1_000);
    world.check_books_with_losses().await;
    // The sun again.
    until("an answer comes whole", async || {
        let answer = world.ask(SAY_THIS).await;
        (answer.status == 200 && answer.whole).then_some(())
    })
    .await;
    until("it is settled", async || {
        (world.owner().post_empty("/v1/settle").await.status == 202).then_some(())
    })
    .await;
    let books = world.check_books_with_losses().await;
    assert!(!books.settled.is_zero());
}
