//! A receipt that differs from our own count, accepted through the API and by the command.

use std::process::Stdio;

use serde_json::{Value, json};
use zgserve_tui::domain::amount::grouped;
use zgserve_tui::domain::{Fee, Neuron, SignedReceipt};
use zgserve_tui::wire::receipt::{RECEIPT_HEADER, decode_receipt, encode_receipt};

use super::world::{OUTPUT_PRICE, Plan, SAY_THIS, World, chat_fee};

const MORE: u128 = 10 * OUTPUT_PRICE;

/// A world whose provider has stated ten units of output more than there were, in its own hand.
async fn disputed() -> (World, Value) {
    let world = World::with(Plan { tap: true, ..Plan::default() }).await;
    let (key, domain) = (world.provider_side.wallet.clone(), world.chain.domain());
    world.tap.as_ref().unwrap().twist(move |_, mut got| {
        let Some(text) = got.header(RECEIPT_HEADER) else { return got };
        let mut receipt = decode_receipt(text).unwrap().receipt;
        receipt.output.0 += 10;
        receipt.fee = Fee { output: Neuron::new(u128::from(receipt.output.0) * OUTPUT_PRICE), ..receipt.fee };
        let signature = key.sign(receipt.signing_hash(&domain)).unwrap();
        let text = encode_receipt(&SignedReceipt { receipt, signature }.into());
        got.headers.insert(RECEIPT_HEADER, text.parse().unwrap());
        got
    });
    world.ask(SAY_THIS).await.is(200);
    let row = world.api().get("/v1/request?status=disputed").await.is(200).json()["Items"][0].clone();
    assert_eq!((&row["Disputed"], &row["AcceptedAt"]), (&json!(MORE.to_string()), &Value::Null));
    (world, row)
}

/// What is owed, and whether every sum is that of its rows.
async fn owed(world: &World) -> u128 {
    assert_eq!(world.user_store().audit().await.unwrap(), Vec::<String>::new());
    world.user_store().account(world.id()).await.unwrap().unwrap().owed.get()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_takes_the_very_sum_and_is_paid_once() {
    let (world, row) = disputed().await;
    let fee = chat_fee("Say this is a test!", "This is a test!");
    let path = format!("/v1/request/{}/accept", row["RequestID"].as_str().unwrap());
    world.api().post(&path, "{}").await.refused(400, "bad_input", "amount");
    world.api().post(&path, r#"{"amount": "-1"}"#).await.refused(400, "bad_input", "amount");
    world.api().post(&path, r#"{"amount": "1", "fee": "1"}"#).await.refused(400, "bad_input", "fee");
    for other in [0, 1, MORE - 1, MORE + 1] {
        let body = json!({ "amount": other.to_string() }).to_string();
        let got = world.api().post(&path, body).await.refused(409, "other_amount", "look at it again");
        assert_eq!(got.json()["error"]["details"]["disputed"], MORE.to_string());
    }
    let nothing = format!("/v1/request/0x{}/accept", "77".repeat(32));
    world.api().post(&nothing, r#"{"amount": "1"}"#).await.refused(404, "unknown_request", "7777");
    assert_eq!(owed(&world).await, fee);

    let body = json!({ "Amount": MORE }).to_string();
    let got = world.api().post(&path, body.clone()).await.is(200).json();
    assert_eq!((&got["Status"], &got["Disputed"]), (&json!("done"), &json!("0")));
    assert_eq!(got["Fee"], json!((fee + MORE).to_string()));
    assert!(got["AcceptedAt"].is_string(), "{got}");
    assert_eq!(owed(&world).await, fee + MORE);
    world.api().post(&path, body).await.refused(409, "accepted_before", "once");
    assert_eq!(owed(&world).await, fee + MORE);
    let list = world.api().get("/v1/request").await.is(200).json();
    assert_eq!(list["Fee"], json!((fee + MORE).to_string()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_command_accepts_too() {
    let (world, row) = disputed().await;
    let (id, url) = (row["RequestID"].as_str().unwrap().to_owned(), world.api().base);
    let accept = async |amount: u128| {
        let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_zgserve-tui"));
        command.args(["request", "accept", &id, &amount.to_string(), "--url", &url]);
        command.stdin(Stdio::null()).output().await.unwrap()
    };
    let refused = accept(MORE + 1).await;
    assert!(!refused.status.success());
    assert!(String::from_utf8_lossy(&refused.stderr).contains("look at it again"), "{refused:?}");
    let done = accept(MORE).await;
    assert!(done.status.success(), "{done:?}");
    assert!(String::from_utf8_lossy(&done.stderr).contains(&grouped(MORE)), "{done:?}");
    assert_eq!(owed(&world).await, chat_fee("Say this is a test!", "This is a test!") + MORE);
}
