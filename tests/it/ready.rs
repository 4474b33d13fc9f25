//! Alive and ready are two questions: `/ready` says no, with every reason, while a broker cannot do its job, and `/health`
//! answers all the while.

use serde_json::Value;

use super::world::{Client, DEPOSIT, Got, NetFault, Plan, SAY_THIS, World, until};

fn reasons(got: &Got) -> Vec<String> {
    let reasons = &got.json()["error"]["details"]["reasons"];
    reasons.as_array().into_iter().flatten().map(|one| one["code"].as_str().unwrap().to_owned()).collect()
}

/// Waits until `/ready` names this reason and no other, or none.
async fn ready_but_for(client: &Client, reason: Option<&str>) -> Got {
    until(&format!("{reason:?}"), async || {
        let got = client.get("/ready").await;
        client.get("/health").await.is(200);
        let found = reasons(&got);
        match reason {
            None => (got.status == 200).then_some(got),
            Some(reason) => (got.status == 503 && found == [reason]).then_some(got),
        }
    })
    .await
}

/// Waits until `/ready` says that paid requests go on, though this does not work, or that all does.
async fn degraded_by(client: &Client, reason: Option<&str>) -> Value {
    until(&format!("degraded by {reason:?}"), async || {
        let got = client.get("/ready").await;
        let said = got.json();
        (got.status == 200 && said["Degraded"][0]["Code"].as_str() == reason).then_some(said)
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_broker_is_ready_once_it_can_pay() {
    let world = World::bare(Plan::default()).await;
    world.register_chatbot().await;
    let got = ready_but_for(&world.api(), Some("no_account")).await;
    assert_eq!(got.code(), "not_ready");
    assert!(got.message().contains("open one") && got.header("retry-after").is_some(), "{got:?}");
    world.open_account(DEPOSIT).await;
    let got = ready_but_for(&world.api(), None).await;
    assert_eq!(got.json()["Status"], "ready");
    world.ask(SAY_THIS).await.is(200);
    let path = format!("/v1/provider/{}/refund", world.provider_address());
    let free = world.api().get(&format!("/v1/provider/{}", world.provider_address())).await.json();
    let free = free["Available"].as_str().unwrap().to_owned();
    world.api().post(&path, format!(r#"{{"amount": "{free}"}}"#)).await.is(202);
    ready_but_for(&world.api(), Some("no_funds")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_is_named_by_both_and_a_chain_that_is_away_stops_neither() {
    let world = World::bare(Plan { nodes: true, ..Plan::default() }).await;
    world.register_chatbot().await;
    world.open_account(DEPOSIT).await;
    let sides: [(Client, _, _); 2] = [
        (world.api(), &world.user_side.disk, world.proxies.user_node.as_ref().unwrap()),
        (world.proxy(), &world.provider_side.disk, world.proxies.provider_node.as_ref().unwrap()),
    ];
    for (client, disk, node) in sides {
        ready_but_for(&client, None).await;
        disk.fill();
        ready_but_for(&client, Some("store")).await;
        disk.free();
        ready_but_for(&client, None).await;
        node.set(|_| NetFault::Status(503));
        let said = degraded_by(&client, Some("chain_unreachable")).await;
        // It says so because it is so.
        world.ask(SAY_THIS).await.is(200);
        let health = client.get("/health").await.is(200).json();
        assert_eq!(health["Status"], "degraded", "{health}");
        node.heal();
        degraded_by(&client, None).await;
        if client.base == world.proxy().base {
            assert!(!said.to_string().contains("http"), "strangers hear no address: {said}");
        }
    }
    world.ask(SAY_THIS).await.is(200);
    world.check_books().await;
}
