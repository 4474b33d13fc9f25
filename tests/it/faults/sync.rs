//! Reading the chain again: what was read of one account says nothing about others, an answer that is short of somebody
//! takes nothing away, a start does nothing that was not asked for, and paid calls cost the node no questions.

use serde_json::{Value, json};
use zgserve_tui::chain::Call;
use zgserve_tui::domain::{Neuron, Prices, ServiceKind};

use crate::chain::Fault;
use crate::world::{LOCK, Plan, Reply, SAY_THIS, World, chat_fee, until};

const FEE: fn() -> u128 = || chat_fee("Say this is a test!", "This is a test!");

/// F-30: upstream's sync of one account deleted the refunds of all others, which then were never paid out.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reading_one_account_again_keeps_the_refunds_of_the_others() {
    let world = World::new().await;
    // A second provider: the third key lists a service of its own.
    let put = Call::PutService {
        name: "other".parse().unwrap(),
        kind: ServiceKind::Chatbot,
        url: world.upstream.url.clone(),
        model: String::new(),
        prices: Prices { input: Neuron::new(1), output: Neuron::new(1) },
    };
    world.outside(put).await;
    world.user_sees("other").await;
    let (first, second) = (world.provider_address(), world.outsider.address());
    let body = json!({"provider": second.to_string(), "balance": "5000"});
    world.api().post("/v1/provider", body.to_string()).await.is(204);
    for (provider, amount) in [(first, "111"), (second, "222")] {
        let body = json!({"amount": amount}).to_string();
        let got = world.api().post(&format!("/v1/provider/{provider}/refund"), body).await;
        assert!(got.status < 300, "{got:?}");
    }
    let pending = async || {
        let listed = world.api().get("/v1/refund?processed=false").await.is(200).json();
        let mut amounts: Vec<String> = listed["Items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| item["Amount"].as_str().unwrap().to_owned())
            .collect();
        amounts.sort();
        amounts
    };
    assert_eq!(pending().await, ["111", "222"]);
    for provider in [first, second] {
        let got = world.api().post_empty(&format!("/v1/provider/{provider}/sync")).await;
        assert!(got.status < 300, "{got:?}");
        let got = world.api().post(&format!("/v1/provider/{provider}/charge"), r#"{"amount": "7"}"#).await;
        assert_eq!(got.status, 202, "{got:?}");
        assert_eq!(pending().await, ["111", "222"]);
    }
    // And both are taken when they are due.
    world.devnet.advance_time(LOCK + 1).unwrap();
    until("both refunds are taken", async || pending().await.is_empty().then_some(())).await;
    for (provider, left) in [(first, crate::world::DEPOSIT + 7 - 111), (second, 5_000 + 7 - 222)] {
        let id = zgserve_tui::domain::AccountId { user: world.user_address(), provider };
        assert_eq!(world.chain.account(id, None).await.unwrap().unwrap().balance.get(), left);
    }
}

/// An empty page of accounts or services, whatever page it is.
fn emptied(answer: Value) -> Value {
    let Some(text) = answer.as_str() else { return answer };
    // `(page, total)`: where the page begins, the total, and the page's length, which is 0 now.
    if text.len() > 2 + 3 * 64 && text.starts_with(&format!("0x{:0>64}", "40")) {
        return Value::String(format!("0x{:0>64}{:0>64}{:0>64}", "40", "0", "0"));
    }
    answer
}

/// F-40: upstream's sync deleted accounts, debts and the whole history when a node gave an empty list.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_empty_list_from_a_node_makes_nobody_forget_anything() {
    let mut world = World::new().await;
    for _ in 0..3 {
        world.ask(SAY_THIS).await.is(200);
    }
    world.voucher_arrives().await;
    let before = world.check_books().await.without_seals();
    let lines = [world.user_side.place.line.clone(), world.provider_side.place.line.clone()];
    for line in &lines {
        line.rule(|method, _| if method == "eth_call" { Fault::twist(emptied) } else { Fault::None });
    }
    world.api().post_empty("/v1/sync").await;
    world.owner().post_empty("/v1/sync-account").await;
    assert!(lines.iter().all(|line| line.struck() > 0));
    // A start that hears the same.
    world.stop_user().await;
    world.stop_provider().await;
    world.start_provider().await;
    world.start_user().await;
    for line in &lines {
        line.heal();
    }
    world.api().post_empty("/v1/sync").await;
    world.owner().post_empty("/v1/sync-account").await;
    let after = world.check_books().await.without_seals();
    assert_eq!(after.user_requests, before.user_requests);
    assert_eq!(after.provider_requests, before.provider_requests);
    assert_eq!(
        (after.owed, after.authorized, after.balance),
        (before.owed, before.authorized, before.balance)
    );
    let view = world.provider().user(world.user_address()).unwrap();
    assert_eq!((view.unsettled, view.voucher), (before.owed, before.owed));
    world.ask(SAY_THIS).await.is(200);
    world.voucher_arrives().await;
    world.owner().post_empty("/v1/settle").await.is(202);
    let books = world.check_books().await;
    assert_eq!(books.settled, books.owed);
}

/// F-39: upstream settled at each restart and, with an empty database, took every service off the chain.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_sends_nothing_and_an_empty_database_takes_nothing_off_the_chain() {
    let mut plan = Plan::default();
    plan.provider.settlement.automatic = true;
    plan.provider.settlement.check_interval = 1;
    let mut world = World::with(plan).await;
    world.ask(SAY_THIS).await.is(200);
    world.voucher_arrives().await;
    let sent = async |world: &World| {
        let address = world.provider_address();
        let client = alloy::rpc::client::RpcClient::new(
            alloy::transports::BoxTransport::new(world.devnet.transport()),
            true,
        );
        client.request::<_, Value>("eth_getTransactionCount", json!([address, "latest"])).await.unwrap()
    };
    let before = sent(&world).await;
    for _ in 0..3 {
        world.stop_provider().await;
        world.start_provider().await;
        until("the engine has looked", async || {
            let seen = world.owner().get("/v1/settlement").await.is(200).json();
            seen["Forecast"].is_object().then_some(())
        })
        .await;
    }
    assert_eq!(sent(&world).await, before, "a restart sends nothing");
    // The database is gone.
    world.stop_provider().await;
    std::fs::remove_dir_all(&world.provider_side.directory).unwrap();
    world.start_provider().await;
    world.owner().post_empty("/v1/sync-service").await.is(202);
    assert_eq!(sent(&world).await, before, "nor do books that are empty");
    let listed = world.chain.services_of(world.provider_address(), None).await.unwrap();
    assert_eq!(listed.services.len(), 1, "the service is still listed");
}

/// F-41: upstream read the contract for each request and all of it for each list.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn paid_calls_and_lists_ask_the_node_nothing() {
    let world = World::new().await;
    world.upstream.say(Reply::chat("This is a test!"));
    world.ask(SAY_THIS).await.is(200);
    world.voucher_arrives().await;
    let lines = [world.user_side.place.line.clone(), world.provider_side.place.line.clone()];
    let asked = || lines.each_ref().map(|line| line.count("eth_call") + line.count("eth_getLogs"));
    let before = asked();
    for _ in 0..20 {
        world.ask(SAY_THIS).await.is(200);
    }
    for path in ["/v1/provider", "/v1/service", "/v1/request", "/v1/refund"] {
        world.api().get(path).await.is(200);
    }
    for path in ["/v1/user", "/v1/service", "/v1/request"] {
        world.owner().get(path).await.is(200);
    }
    assert_eq!(asked(), before);
    let books = world.check_books().await;
    assert_eq!(books.owed.get(), 21 * FEE());
}
