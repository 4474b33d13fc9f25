//! Money on the chain over a node that answers wrongly: deposits, refunds, settlements. Whoever is told that it did not
//! work may repeat the order with the same key for ever, and it is done exactly once.

use std::time::Duration;

use serde_json::{Value, json};

use super::told;
use crate::chain::Fault;
use crate::world::{Got, Plan, SAY_THIS, World, chat_fee, finish, until};

/// What a node can say to any question.
fn answers() -> Vec<Fault> {
    vec![
        Fault::Unreachable,
        Fault::LoseAnswer,
        Fault::Status(429),
        Fault::Status(502),
        Fault::Error(-32000, "execution aborted (timeout = 5s)"),
        Fault::Error(-32000, "the answer depends on the phase of the moon"),
        Fault::Error(-32005, "daily request count exceeded, request rate limited"),
        Fault::Error(-32601, "the method does not exist/is not available"),
        Fault::Answer(Value::Null),
        Fault::Answer(json!("0x")),
        Fault::Answer(json!({})),
        Fault::Answer(json!("0xffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff")),
        Fault::Garbage("<html><h1>502 Bad Gateway</h1></html>"),
        Fault::Garbage("{\"jsonrpc\": \"2.0\", \"id\":"),
    ]
}

/// What it can say to a transaction that it has taken all the same.
fn denials() -> Vec<Fault> {
    let mut all = answers();
    all.extend([
        Fault::ButSay(-32000, "already known"),
        Fault::ButSay(-32000, "nonce too low: next nonce 7, tx nonce 6"),
        Fault::ButSay(-32000, "replacement transaction underpriced"),
        Fault::ButSay(-32000, "insufficient funds for gas * price + value"),
        Fault::ButSay(-32603, "context deadline exceeded"),
        Fault::ButSay(-32000, "the answer depends on the phase of the moon"),
        Fault::ButSay(-32000, "transaction underpriced"),
    ]);
    all
}

async fn world() -> World {
    World::with(Plan { chain_timeout: Duration::from_millis(250), ..Plan::default() }).await
}

/// An order of the user broker with a key of its own.
async fn order(world: &World, path: &str, body: &str, key: &str) -> Got {
    let url = format!("/v1/provider/{}{path}", world.provider_address());
    let request = world.api().request(http::Method::POST, &url);
    let request = request.header("content-type", "application/json").header("idempotency-key", key);
    finish(request.body(body.to_owned())).await
}

/// Gives an order under a fault, sees that a failure is told, and repeats it until it is done.
async fn done_once(world: &World, what: &str, path: &str, body: &str, key: &str) {
    let first = order(world, path, body, key).await;
    if first.status >= 400 {
        told(what, &first);
        assert!(matches!(first.status, 409 | 503 | 402), "{what}: {first:?}");
    }
    world.user_side.place.line.heal();
    until(what, async || {
        let got = order(world, path, body, key).await;
        assert!(got.status < 300 || matches!(got.status, 409 | 503), "{what}: {got:?}");
        // An order that is still under way is described in the body.
        (got.status < 300 && got.body.is_empty()).then_some(())
    })
    .await;
}

async fn balance(world: &World) -> u128 {
    world.chain.account(world.id(), None).await.unwrap().unwrap().balance.get()
}

/// Deposits of different sums, one under each fault, so that a sum says which were made.
async fn deposits(method: &'static str, faults: Vec<Fault>) {
    let world = world().await;
    let line = world.user_side.place.line.clone();
    let count = faults.len();
    for (number, fault) in faults.into_iter().enumerate() {
        let before = balance(&world).await;
        let what = format!("a deposit while {method} meets {fault:?}");
        line.next(method, 1, fault);
        let body = json!({"amount": (1_000 + number).to_string()}).to_string();
        done_once(&world, &what, "/charge", &body, &format!("{method} {number}")).await;
        assert_eq!(balance(&world).await, before + 1_000 + number as u128, "{what}");
    }
    println!("faults of {method} under a deposit: {} of {count} struck", line.struck());
    world.check_books().await;
    let account = world.account().await;
    assert_eq!(account["Balance"].as_str().unwrap(), balance(&world).await.to_string());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deposits_while_the_node_answers_wrongly_to_transactions() {
    deposits("eth_sendRawTransaction", denials()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deposits_while_the_node_answers_wrongly_about_receipts() {
    deposits("eth_getTransactionReceipt", answers()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deposits_while_the_node_answers_wrongly_about_blocks() {
    deposits("eth_getBlockByNumber", answers()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deposits_while_the_node_answers_wrongly_about_the_contract() {
    deposits("eth_call", answers()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deposits_while_the_node_answers_wrongly_about_nonces() {
    deposits("eth_getTransactionCount", answers()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deposits_while_the_node_answers_wrongly_about_gas() {
    deposits("eth_estimateGas", answers()).await;
}

/// A refund that is asked for and cancelled under every fault: the state on the chain is what was ordered last.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refunds_while_the_node_answers_wrongly() {
    let world = world().await;
    let line = world.user_side.place.line.clone();
    let pending = async || world.chain.account(world.id(), None).await.unwrap().unwrap().refund;
    for (number, fault) in denials().into_iter().enumerate() {
        let what = format!("a refund under {fault:?}");
        line.next("eth_sendRawTransaction", 1, fault.clone());
        let body = json!({"amount": (500 + number).to_string()}).to_string();
        done_once(&world, &what, "/refund", &body, &format!("ask {number}")).await;
        assert_eq!(pending().await.unwrap().amount.get(), 500 + number as u128, "{what}");
        line.next("eth_sendRawTransaction", 1, fault);
        done_once(&world, &what, "/refund/cancel", "{}", &format!("cancel {number}")).await;
        assert!(pending().await.is_none(), "{what}");
    }
    println!("faults under refunds: {}", line.struck());
    world.check_books().await;
}

/// Each debt is settled once, whatever the provider's node says to the settlement.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settlements_while_the_node_answers_wrongly() {
    let world = world().await;
    let line = world.provider_side.place.line.clone();
    let fee = chat_fee("Say this is a test!", "This is a test!");
    for (number, fault) in denials().into_iter().enumerate() {
        let what = format!("a settlement under {fault:?}");
        world.ask(SAY_THIS).await.is(200);
        world.voucher_arrives().await;
        line.next("eth_sendRawTransaction", 1, fault);
        let first = world.owner().post_empty("/v1/settle").await;
        if first.status >= 400 {
            told(&what, &first);
        }
        line.heal();
        let owed = fee * (number as u128 + 1);
        until(&what, async || {
            let settled = world.chain.account(world.id(), None).await.unwrap().unwrap().settled.get();
            assert!(settled <= owed, "{what}: {settled} of {owed}");
            if settled < owed {
                world.owner().post_empty("/v1/settle").await;
            }
            (settled == owed).then_some(())
        })
        .await;
    }
    println!("faults under settlements: {}", line.struck());
    let books = world.check_books().await;
    assert_eq!((books.settled, books.owed), (books.owed, books.settled));
}

/// A transaction whose receipt does not come is under way and said to be, and is not sent a second time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn receipts_that_never_come_leave_an_order_under_way() {
    let world = world().await;
    let line = world.user_side.place.line.clone();
    line.rule(|method, _| match method {
        "eth_getTransactionReceipt" => Fault::Answer(Value::Null),
        _ => Fault::None,
    });
    let before = balance(&world).await;
    let got = order(&world, "/charge?wait=false", r#"{"amount": "77"}"#, "once").await.is(202);
    let id = got.json()["OperationID"].as_str().unwrap().to_owned();
    until("it is on the chain", async || (balance(&world).await == before + 77).then_some(())).await;
    let state = async || {
        world.api().get(&format!("/v1/operation/{id}")).await.is(200).json()["State"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!(state().await, "sent");
    let again = order(&world, "/charge?wait=false", r#"{"amount": "77"}"#, "once").await.is(202);
    assert_eq!(again.json()["OperationID"], id.as_str());
    line.heal();
    until("its receipt has come", async || (state().await == "mined").then_some(())).await;
    assert_eq!(balance(&world).await, before + 77);
    world.check_books().await;
}
