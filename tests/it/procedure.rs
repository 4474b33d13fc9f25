//! The usage procedure, steps 3 to 7, with its exact bodies, over HTTP; and a refund from asking to money back.

use serde_json::{Value, json};
use zgserve_tui::meter::count;

use super::world::{Arrived, INPUT_PRICE, LOCK, OUTPUT_PRICE, Plan, Reply, SAY_THIS, World, chat_fee, until};

const ANSWER: &str = "This is a test! It costs what its tokens cost.";

fn answers(arrived: &Arrived) -> Reply {
    let body: Value = serde_json::from_slice(&arrived.body).unwrap();
    if body["stream"] == true {
        let words: Vec<&str> = ANSWER.split_inclusive(' ').collect();
        return Reply::events(&words);
    }
    Reply::chat(ANSWER)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_procedure_works_as_written() {
    let world = World::bare(Plan::default()).await;
    world.upstream.decide(answers);
    let provider = world.provider_address().to_string();

    // 3. Provider registers the service.
    let service = r#"{
        "URL": "<endpoint>",
        "inputPrice": 100000,
        "outputPrice": 200000,
        "Type": "chatbot",
        "Name": "llama7b"
    }"#;
    world.owner().post("/v1/service", service.replace("<endpoint>", &world.upstream.url)).await.is(204);

    // 4. User checks available services.
    world.user_sees("llama7b").await;
    let listed = world.api().get("/v1/service").await.is(200).json();
    assert_eq!(listed["Metadata"], json!({"total": 1}));
    let item = &listed["Items"][0];
    let keys: Vec<&str> = item.as_object().unwrap().keys().map(String::as_str).collect();
    for key in ["UpdatedAt", "Provider", "Name", "Type", "URL", "InputPrice", "OutputPrice"] {
        assert!(keys.contains(&key), "{key} in {keys:?}");
    }
    assert_eq!(item["Provider"], provider.as_str());
    assert_eq!(item["Name"], "llama7b");
    assert_eq!(item["Type"], "chatbot");
    assert_eq!(item["InputPrice"], "100000");
    assert_eq!(item["OutputPrice"], "200000");
    assert_eq!(item["URL"], world.proxy().base.as_str(), "the public address, not the one behind");
    assert!(item["UpdatedAt"].as_str().unwrap().contains('T'));

    // 5. User creates an account for the desired service.
    let account = format!(r#"{{"provider": "{provider}", "balance": "10000000"}}"#);
    world.api().post("/v1/provider", account).await.is(204);
    let account = world.account().await;
    assert_eq!(account["Balance"], "10000000");
    assert_eq!(account["Owed"], "0");
    assert_eq!(account["Settled"], "0");

    // 6. User utilizes the provider's service: plain and streamed.
    let plain = world.ask(SAY_THIS).await.is(200);
    assert_eq!(plain.json()["choices"][0]["message"]["content"], ANSWER);
    assert_eq!(plain.header("zg-receipt"), None, "our own headers stay between the brokers");
    let streamed = json!({
        "messages": [{"role": "user", "content": "Say this is a test!"}], "temperature": 0.7, "stream": true,
    });
    let streamed = world.ask(streamed.to_string()).await.is(200);
    let (mut text, mut done) = (String::new(), false);
    for line in streamed.text().lines().filter(|line| !line.is_empty()) {
        let data = line.strip_prefix("data: ").unwrap_or_else(|| panic!("not of the service: {line}"));
        match serde_json::from_str::<Value>(data) {
            Ok(event) => text += event["choices"][0]["delta"]["content"].as_str().unwrap_or_default(),
            Err(_) => done = data == "[DONE]",
        }
    }
    assert_eq!((text.as_str(), done), (ANSWER, true));

    // Fees, from transcript and prices.
    let one = chat_fee("Say this is a test!", ANSWER);
    let books = world.check_books().await;
    assert_eq!((books.charged(), books.done()), (2, 2));
    assert_eq!(books.owed.get(), 2 * one);
    let requests = world.api().get("/v1/request").await.is(200).json();
    assert_eq!(requests["Metadata"]["total"], 2);
    assert_eq!(requests["Fee"], (2 * one).to_string());
    for item in requests["Items"].as_array().unwrap() {
        assert_eq!(item["ProviderAddress"], provider.as_str());
        assert_eq!(item["ServiceName"], "llama7b");
        assert_eq!(item["Status"], "done");
        let input = u128::from(count("user") + count("Say this is a test!")) * INPUT_PRICE;
        assert_eq!(item["InputFee"], input.to_string());
        assert_eq!(item["OutputFee"], (u128::from(count(ANSWER)) * OUTPUT_PRICE).to_string());
        assert_eq!(item["Fee"], one.to_string());
        let id = item["RequestID"].as_str().unwrap();
        let receipt = world.api().get(&format!("/v1/receipt/{id}")).await.is(200).json();
        assert_eq!(receipt["Fee"], one.to_string());
    }

    // 7. Provider settles the fee.
    settle_exactly(&world, 2 * one).await;
    let again = world.owner().post_empty("/v1/settle").await;
    assert!((200..300).contains(&again.status), "{}", again.text());
    let books = world.check_books().await;
    assert_eq!((books.settled.get(), books.balance.get()), (2 * one, 10_000_000 - 2 * one));
}

/// Settles, and holds wallet and account against what was owed.
async fn settle_exactly(world: &World, fees: u128) {
    until("the voucher has arrived", async || {
        let user = world.provider().user(world.user_address())?;
        (user.claimable.get() == fees).then_some(())
    })
    .await;
    let wallet = world.wallet_of(world.provider_address()).await;
    let before = world.check_books().await;
    let report = world.owner().post_empty("/v1/settle").await.is(202).json();
    assert_eq!(report["Paid"], fees.to_string(), "{report}");
    let gas: u128 = report["Transactions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tx| tx["GasCost"].as_str().unwrap().parse::<u128>().unwrap())
        .sum();
    assert!(gas > 0);
    assert_eq!(world.wallet_of(world.provider_address()).await, wallet + fees - gas);
    let after = world.check_books().await;
    assert_eq!(after.balance.get(), before.balance.get() - fees, "the account fell by exactly the fees");
    assert_eq!(after.settled.get(), before.settled.get() + fees);
    until("the user broker sees the settlement", async || {
        (world.account().await["Settled"] == after.settled.to_string()).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refund_is_asked_for_waits_and_comes_back() {
    let world = World::bare(Plan::default()).await;
    world.register_chatbot().await;
    world.open_account(100_000_000).await;
    world.upstream.say(Reply::chat(ANSWER));
    world.ask(SAY_THIS).await.is(200);
    let fee = chat_fee("Say this is a test!", ANSWER);
    let provider = world.provider_address();

    let path = format!("/v1/provider/{provider}/refund");
    let free = 100_000_000 - fee;
    world.check_books().await;
    world.api().post(&path, json!({"amount": (free + 1).to_string()}).to_string()).await.refused(
        409,
        "not_free",
        &free.to_string(),
    );
    world.api().post(&path, r#"{"amount": "50000000"}"#).await.is(202);
    let pending = world.api().get("/v1/refund?processed=false").await.is(200).json();
    assert_eq!(pending["Metadata"]["total"], 1);
    let refund = &pending["Items"][0];
    assert_eq!((&refund["Amount"], &refund["Processed"]), (&json!("50000000"), &json!(false)));
    world.api().post(&path, r#"{"amount": "1"}"#).await.refused(409, "refund_pending", "pending");
    let process = format!("/v1/provider/{provider}/refund/process");
    world.api().post_empty(&process).await.refused(409, "refund_locked", "locked until");
    let account = world.account().await;
    assert_eq!(account["PendingRefund"], "50000000");

    // Meanwhile the provider still settles, also out of what is asked back.
    settle_exactly(&world, fee).await;

    let wallet = world.wallet_of(world.user_address()).await;
    world.devnet.advance_time(LOCK + 1).unwrap();
    // The broker takes it by itself.
    until("the refund is taken", async || {
        let list = world.api().get("/v1/refund?processed=true").await.is(200).json();
        (list["Metadata"]["total"] == 1).then_some(())
    })
    .await;
    world.operations_end().await;
    let operations = world.user().operations(10).await.unwrap();
    let taken = operations.iter().find(|operation| operation.kind.as_str().contains("process")).unwrap();
    let receipt = world.devnet.rpc(json!({
        "jsonrpc": "2.0", "id": 1, "method": "eth_getTransactionReceipt", "params": [taken.hash.unwrap()],
    }));
    let receipt = &receipt.unwrap()["result"];
    let number = |key: &str| u128::from_str_radix(&receipt[key].as_str().unwrap()[2..], 16).unwrap();
    let gas = number("gasUsed") * number("effectiveGasPrice");
    assert_eq!(world.wallet_of(world.user_address()).await, wallet + 50_000_000 - gas, "the money is back");
    let books = world.check_books().await;
    assert_eq!(books.balance.get(), 100_000_000 - fee - 50_000_000);
    let account = world.account().await;
    assert_eq!(
        (&account["PendingRefund"], &account["Balance"]),
        (&json!("0"), &json!((50_000_000 - fee).to_string()))
    );
    world.ask(SAY_THIS).await.is(200);
    world.check_books().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refund_can_be_withdrawn() {
    let world = World::new().await;
    let provider = world.provider_address();
    world.api().post(&format!("/v1/provider/{provider}/refund"), r#"{"amount": 5}"#).await.is(202);
    world.api().post_empty(&format!("/v1/provider/{provider}/refund/cancel")).await.is(202);
    assert_eq!(world.account().await["PendingRefund"], "0");
    world.api().post_empty(&format!("/v1/provider/{provider}/refund/cancel")).await.refused(
        404,
        "no_refund",
        "no refund is pending",
    );
    world.check_books().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_port_serves_the_proxy_and_a_service_may_be_one_endpoint() {
    let world = World::bare(Plan::default()).await;
    // Registered with its endpoint: called without suffix.
    let body = json!({
        "url": format!("{}/v1/chat/completions", world.upstream.url), "InputPrice": "100000",
        "OUTPUTPRICE": 200_000, "type": "chatbot", "name": "one",
    });
    world.owner().post("/v1/service", body.to_string()).await.is(204);
    world.user_sees("one").await;
    world.open_account(1_000_000_000).await;
    world.upstream.say(Reply::chat(ANSWER));
    let got = world.api().post(&world.paid("one", ""), SAY_THIS).await.is(200);
    assert_eq!(got.json()["choices"][0]["message"]["content"], ANSWER);
    assert_eq!(world.upstream.arrived()[0].target, "/v1/chat/completions");
    let books = world.check_books().await;
    assert_eq!(books.owed.get(), chat_fee("Say this is a test!", ANSWER));

    // The owner's port answers the proxy's routes too; the proxy's port answers none of the owner's.
    let terms = world.owner().get("/v1/terms").await.is(200).json();
    assert_eq!(terms, world.proxy().get("/v1/terms").await.is(200).json());
    for path in ["/v1/service", "/v1/user", "/v1/request", "/v1/settlement", "/metrics"] {
        world.proxy().get(path).await.refused(404, "no_such_route", path);
    }
    world.proxy().post_empty("/v1/settle").await.refused(404, "no_such_route", "/v1/settle");
}
