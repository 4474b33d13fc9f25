//! Pauses, limits and what the chain lists, over HTTP and through both brokers.

use serde_json::json;
use tokio::sync::Semaphore;

use super::world::{INPUT_PRICE, OUTPUT_PRICE, Plan, Reply, SAY_THIS, World, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pause_is_told_to_the_application_and_holds_nothing() {
    let mut world = World::new().await;
    world.upstream.say(Reply::chat("Still here."));
    world.ask(SAY_THIS).await.is(200);
    for _ in 0..2 {
        world.owner().post_empty("/v1/service/llama7b/pause").await.is(204);
    }
    assert_eq!(world.owner().get("/v1/service/llama7b").await.is(200).json()["Paused"], true);
    world.ask(SAY_THIS).await.refused(503, "service_paused", "choose another service");
    world.api().get(&world.paid("llama7b", "/models")).await.refused(503, "service_paused", "paused");
    assert_eq!(world.account().await["Reserved"], "0");
    assert_eq!(world.check_books().await.charged(), 1);
    world.crash_provider().await;
    world.start_provider().await;
    let terms = world.proxy().get("/v1/terms").await.is(200).json();
    assert_eq!(terms["Services"][0]["Paused"], true);
    world.ask(SAY_THIS).await.refused(503, "service_paused", "");
    let listed = world.chain.service(world.provider_address(), &"llama7b".parse().unwrap(), None).await;
    assert!(listed.unwrap().is_some(), "the chain lists it all the same");
    world.owner().post_empty("/v1/service/llama7b/resume").await.is(204);
    world.ask(SAY_THIS).await.is(200);
    world.check_books().await;
    world.owner().post_empty("/v1/service/other/pause").await.refused(404, "unknown_service", "other");
    // Strangers have no such route.
    world.proxy().post_empty("/v1/service/llama7b/pause").await.refused(404, "no_such_route", "");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn limits_are_set_published_kept_and_taken_away() {
    let mut plan = Plan::default();
    plan.provider.requests_per_minute_per_user = 100;
    let world = World::with(plan).await;
    let put = async |body: serde_json::Value| {
        world.owner().request(http::Method::PUT, "/v1/service/llama7b").json(&body).send().await.unwrap()
    };
    assert_eq!(put(json!({"maxInFlight": 1, "requestsPerMinute": 3})).await.status(), 202);
    // What is not named stays.
    assert_eq!(put(json!({"model": "llama"})).await.status(), 202);
    let terms = world.proxy().get("/v1/terms").await.is(200).json();
    assert_eq!(terms["RequestsPerMinutePerUser"], 100);
    assert_eq!(terms["Services"][0]["MaxInFlight"], 1);
    assert_eq!(terms["Services"][0]["RequestsPerMinute"], 3);

    let began = std::time::Instant::now();
    let gate = std::sync::Arc::new(Semaphore::new(0));
    world.upstream.say(Reply::events(&["One ", "two."]).gated(&gate));
    let path = world.paid("llama7b", "/chat/completions");
    let request = world.api().request(http::Method::POST, &path).header("content-type", "application/json");
    let running = request.body(super::world::chat_stream("long")).send();
    let running = tokio::spawn(running);
    until("it is served", async || (world.upstream.count() == 1).then_some(())).await;
    let got = world.ask(SAY_THIS).await.refused(429, "service_busy_now", "all places are taken");
    assert_eq!(got.headers["retry-after"], "1");
    gate.add_permits(10);
    running.await.unwrap().unwrap().bytes().await.unwrap();
    world.check_books().await;

    world.upstream.say(Reply::chat("Yes."));
    let mut served = 1;
    let got = loop {
        let got = world.ask(SAY_THIS).await;
        if got.status != 200 {
            break got.refused(429, "service_busy_now", "3 requests a minute");
        }
        served += 1;
        // One more grows every twenty seconds.
        let grown = usize::try_from(began.elapsed().as_secs() / 20).unwrap();
        assert!(served <= 3 + grown, "{served} of 3 and {grown}");
    };
    assert!(served >= 3, "{served}");
    assert!(got.headers["retry-after"].to_str().unwrap().parse::<u64>().unwrap() <= 20);
    assert_eq!(world.account().await["Reserved"], "0", "a refusal gives the user's hold back");
    let books = world.check_books().await;
    assert_eq!((books.charged(), world.upstream.count()), (served, served));

    assert_eq!(put(json!({"maxInFlight": null, "requestsPerMinute": 0})).await.status(), 202);
    world.ask(SAY_THIS).await.is(200);
    let limits = world.owner().get("/v1/service/llama7b").await.is(200).json()["Limits"].clone();
    assert_eq!(limits, json!({"MaxInFlight": null, "RequestsPerMinute": null}));
    assert_eq!(put(json!({"maxInFlight": -1})).await.status(), 400);
    world.check_books().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_database_shows_what_the_chain_still_lists() {
    let mut world = World::new().await;
    let name: zgserve_tui::domain::ServiceName = "llama7b".parse().unwrap();
    world.provider_store().forget_service(name.clone()).await.unwrap();
    world.stop_provider().await;
    world.start_provider().await;
    let list = world.owner().get("/v1/service").await.is(200).json();
    assert_eq!(list["Metadata"]["total"], 0);
    assert_eq!(list["Unknown"][0]["Name"], "llama7b");
    assert_eq!(list["Unknown"][0]["InputPrice"], INPUT_PRICE.to_string());
    let wallet = world.wallet_of(world.provider_address()).await;
    let body = json!({
        "URL": world.upstream.url, "inputPrice": INPUT_PRICE.to_string(),
        "outputPrice": OUTPUT_PRICE.to_string(), "Type": "chatbot", "Name": "llama7b",
    });
    world.owner().post("/v1/service", body.to_string()).await.is(204);
    assert_eq!(world.wallet_of(world.provider_address()).await, wallet, "taking it over costs no gas");
    let list = world.owner().get("/v1/service").await.is(200).json();
    assert_eq!((&list["Unknown"], &list["Items"][0]["Differs"]), (&json!([]), &json!([])));
    assert_eq!(list["Items"][0]["Listed"]["Name"], "llama7b");
    world.upstream.say(Reply::chat("Found again."));
    world.ask(SAY_THIS).await.is(200);

    world.provider_store().forget_service(name.clone()).await.unwrap();
    world.stop_provider().await;
    world.start_provider().await;
    let path = "/v1/service/llama7b";
    assert_eq!(
        world.owner().request(http::Method::DELETE, path).send().await.unwrap().status(),
        202,
        "one that only the chain knows can be taken off"
    );
    assert!(world.chain.service(world.provider_address(), &name, None).await.unwrap().is_none());
    let again = world.owner().request(http::Method::DELETE, path).send().await.unwrap();
    assert_eq!(again.status(), 404);
}

/// Behind a web server all strangers have one address; that server's word tells them apart, if the operator says so.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn behind_a_web_server_each_stranger_has_bounds_of_its_own() {
    for behind_proxy in [false, true] {
        let mut plan = Plan::default();
        plan.provider.behind_proxy = behind_proxy;
        (plan.provider.free.per_second, plan.provider.free.burst) = (1, 3);
        let world = World::with(plan).await;
        let refused = async |stranger: &str, times: u32| {
            let mut refused = 0;
            for _ in 0..times {
                let request = world.proxy().request(http::Method::GET, "/v1/proxy/llama7b/models");
                let status = request.header("x-forwarded-for", stranger).send().await.unwrap().status();
                refused += u32::from(status == 429);
            }
            refused
        };
        // What a stranger claims itself stands before what the server adds.
        assert!(refused("203.0.113.9, 203.0.113.1", 20).await > 0, "the first uses up what it may");
        if behind_proxy {
            assert_eq!(refused("203.0.113.9", 3).await, 0);
        } else {
            // More than grow again while a slow machine asks.
            assert!(refused("203.0.113.9", 20).await > 0);
        }
    }
}
