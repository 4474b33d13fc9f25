//! Payments that are not in order, sent to the provider by hand; and a provider, or somebody between, that lies.

use serde_json::json;
use zgserve_tui::chain::Call;
use zgserve_tui::domain::{
    AccountId, Address, Fee, Neuron, SignedReceipt, Timestamp, UserRequestState, VoucherDomain,
};
use zgserve_tui::wire::auth::encode_voucher;
use zgserve_tui::wire::receipt::{RECEIPT_HEADER, decode_receipt, encode_receipt};

use super::world::{
    DEPOSIT, Forged, Got, OUTPUT_PRICE, Plan, Reply, SAY_THIS, Trouble, World, chat_fee, replay, until,
    wallet,
};

/// Sends it, and sees that it is refused so and leaves no trace.
async fn refused(world: &World, forged: &Forged, status: u16, code: &str, words: &str) -> Got {
    let before = world.provider().user(world.user_address()).unwrap();
    let rows = world.provider_requests().await.len();
    let arrived = world.upstream.count();
    let got = world.send(forged).await.refused(status, code, words);
    let after = world.provider().user(world.user_address()).unwrap();
    assert_eq!((before.owed, before.reserved, before.voucher), (after.owed, after.reserved, after.voucher));
    assert_eq!(world.provider_requests().await.len(), rows, "no row");
    assert_eq!(world.upstream.count(), arrived, "the service heard nothing");
    assert_eq!(world.provider_store().audit().await.unwrap(), Vec::<String>::new());
    got
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn vouchers_and_authorisations_for_something_else() {
    let world = World::new().await;
    let right = world.forge("hello").await;
    let elsewhere = [
        VoucherDomain::new(1, world.chain.contract()),
        VoucherDomain::new(31337, Address::repeat_byte(0x55)),
    ];
    for domain in elsewhere {
        let forged = Forged { voucher_domain: domain.clone(), ..right.clone() };
        refused(&world, &forged, 401, "wrong_signer", "voucher").await;
        let body = json!({"voucher": encode_voucher(&forged.voucher(&world.user_side.wallet))}).to_string();
        world.proxy().post("/v1/voucher", body).await.refused(401, "wrong_signer", "voucher");
        let forged = Forged { request_domain: domain, voucher_domain: world.chain.domain(), ..right.clone() };
        // The voucher itself is good, so only it may count.
        world.send(&forged).await.refused(401, "wrong_signer", "authorisation");
    }
    let other = AccountId { user: world.user_address(), provider: Address::repeat_byte(0x66) };
    let forged = Forged { account: other, ..right.clone() };
    refused(&world, &forged, 400, "wrong_provider", "not for this one").await;
    let stranger = wallet(&world.devnet.accounts()[5]);
    let account = AccountId { user: stranger.address(), provider: world.provider_address() };
    let forged = Forged { account, ..right.clone() };
    world.send_signed(&forged, &stranger).await.refused(403, "unknown_account", "open one first");
    // Signed by somebody else in the user's name.
    world.send_signed(&right, &stranger).await.refused(401, "wrong_signer", "voucher");
    refused(
        &world,
        &Forged { epoch: right.epoch + 1, ..right.clone() },
        401,
        "wrong_epoch",
        "sign a new one",
    )
    .await;
    // What is sent is not what was signed.
    let changed = Forged { body: b"{\"messages\":[]}".to_vec(), cumulative: 0, ..right.clone() };
    refused(&world, &changed, 400, "body_mismatch", "not the one that was signed").await;
    let changed = Forged { suffix: "/completions".to_owned(), cumulative: 0, ..right.clone() };
    refused(&world, &changed, 401, "wrong_signer", "authorisation").await;
    let changed = Forged { suffix: "/chat/completions?n=2".to_owned(), cumulative: 0, ..right.clone() };
    refused(&world, &changed, 401, "wrong_signer", "authorisation").await;
    assert_eq!(world.check_books_of_provider().await, 0);
}

impl World {
    /// What the provider is owed, where the user broker knows nothing of what was signed by hand.
    async fn check_books_of_provider(&self) -> u128 {
        until("nothing is in flight", async || {
            let user = self.provider().user(self.user_address())?;
            (user.in_flight == 0 && user.reserved.is_zero()).then_some(())
        })
        .await;
        assert_eq!(self.provider_store().audit().await.unwrap(), Vec::<String>::new());
        let fees = self.provider_requests().await.iter().map(|row| row.fee.total().get()).sum();
        assert_eq!(self.provider().user(self.user_address()).unwrap().owed.get(), fees);
        fees
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn times_and_sums_that_do_not_do() {
    let mut plan = Plan::default();
    plan.provider.credit_limit = Neuron::ZERO;
    let world = World::with(plan).await;
    let right = world.forge("hello").await;
    let now = Timestamp::now();
    let old = Forged { expiry: Timestamp::from_seconds(now.as_seconds() - 61), ..right.clone() };
    refused(&world, &old, 401, "authorisation_expired", "sign the request again").await;
    let long = Forged { expiry: now.plus_seconds(700), ..right.clone() };
    refused(&world, &long, 401, "authorisation_too_long", "600").await;

    let got = refused(
        &world,
        &Forged { price_version: 1, cumulative: 0, ..right.clone() },
        409,
        "price_changed",
        "version",
    )
    .await;
    assert_eq!(got.json()["error"]["details"]["outputPrice"], OUTPUT_PRICE.to_string());

    // One neuron short of what is asked, which is lent nothing.
    let short = Forged { cumulative: right.max_fee - 1, ..right.clone() };
    let got = world.send(&short).await.refused(402, "voucher_needed", &right.max_fee.to_string());
    let details = got.json()["error"]["details"].clone();
    assert_eq!(details["required"], right.max_fee.to_string());
    assert_eq!(details["balance"], DEPOSIT.to_string());
    let beyond = Forged { max_fee: DEPOSIT + 1, cumulative: DEPOSIT + 1, ..right.clone() };
    world.send(&beyond).await.refused(402, "insufficient_balance", "deposit more");
    let little = Forged { max_fee: 1, ..right.clone() };
    world.send(&little).await.refused(400, "max_fee_too_low", "input alone costs");
    assert_eq!(world.check_books_of_provider().await, 0);
    assert_eq!(world.upstream.count(), 0);
    // After all that, the right one is served.
    world.send(&right).await.is(200);
    assert_eq!(world.check_books_of_provider().await, chat_fee("hello", "This is a test!"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_captured_request_is_worthless() {
    let mut world = World::with(Plan { tap: true, ..Plan::default() }).await;
    world.ask(SAY_THIS).await.is(200);
    world.voucher_arrives().await;
    let books = world.check_books().await.without_seals();
    let paid = world.tap.as_ref().unwrap().paid();
    assert_eq!(paid.len(), 1);
    let again = async |world: &World| {
        replay(&world.proxy(), &paid[0]).await.refused(409, "duplicate_request", "id of its own");
        assert_eq!(world.check_books().await.without_seals(), books);
        assert_eq!(world.upstream.count(), 1);
    };
    again(&world).await;
    // With another body, another path, and after a restart.
    let mut other = paid[0].clone();
    other.body = super::world::chat("something else").into();
    replay(&world.proxy(), &other).await.refused(409, "duplicate_request", "id of its own");
    let mut other = paid[0].clone();
    other.target = other.target.replace("/chat/completions", "/completions");
    replay(&world.proxy(), &other).await.refused(401, "wrong_signer", "authorisation");
    world.crash_provider().await;
    world.start_provider().await;
    again(&world).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_id_twice_at_once_is_served_once() {
    let world = World::new().await;
    world.upstream.say(Reply::chat("Once.").after(std::time::Duration::from_millis(30)));
    let forged = world.forge("hello").await;
    let sent = futures_util::future::join_all((0..8).map(|_| world.send(&forged))).await;
    let served = sent.iter().filter(|got| got.status == 200).count();
    assert_eq!(served, 1, "{sent:?}");
    for got in sent.into_iter().filter(|got| got.status != 200) {
        got.refused(409, "duplicate_request", "");
    }
    assert_eq!(world.check_books_of_provider().await, chat_fee("hello", "Once."));
    assert_eq!(world.upstream.count(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_provider_that_asks_for_more_is_not_paid_more() {
    let world = World::with(Plan { tap: true, ..Plan::default() }).await;
    let (key, domain) = (world.provider_side.wallet.clone(), world.chain.domain());
    world.tap.as_ref().unwrap().twist(move |_, mut got| {
        let Some(text) = got.header(RECEIPT_HEADER) else { return got };
        let mut receipt = decode_receipt(text).unwrap().receipt;
        // Ten more units of output than there were, signed as the provider signs.
        receipt.output.0 += 10;
        receipt.fee = Fee { output: Neuron::new(u128::from(receipt.output.0) * OUTPUT_PRICE), ..receipt.fee };
        let signature = key.sign(receipt.signing_hash(&domain)).unwrap();
        let text = encode_receipt(&SignedReceipt { receipt, signature }.into());
        got.headers.insert(RECEIPT_HEADER, text.parse().unwrap());
        got
    });
    world.ask(SAY_THIS).await.is(200);
    let fee = chat_fee("Say this is a test!", "This is a test!");
    let books = world.check_books().await;
    assert_eq!(books.owed.get(), fee);
    let row = &books.user_requests[0];
    assert_eq!(row.state, UserRequestState::Disputed);
    assert_eq!(row.disputed.get(), 10 * OUTPUT_PRICE);
    assert!(books.authorized.get() <= fee, "{books:?}");
    let shown = world.api().get("/v1/request?status=disputed").await.is(200).json();
    assert_eq!(shown["Items"][0]["Fee"], fee.to_string());
    assert_eq!(shown["Items"][0]["Disputed"], (10 * OUTPUT_PRICE).to_string());
    assert!(shown["Items"][0]["Note"].as_str().unwrap().contains("output"), "{shown}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_402_that_claims_more_than_was_used_is_not_believed() {
    let world = World::with(Plan { tap: true, ..Plan::default() }).await;
    world.ask(SAY_THIS).await.is(200);
    let before = world.check_books().await;
    let arrived = world.upstream.count();
    world.tap.as_ref().unwrap().twist(move |seen, mut got| {
        if seen.headers.contains_key("zg-request") {
            let details = json!({
                "bestVoucher": null, "owed": "900000000000", "reserved": "0", "required": "900000000000",
                "creditLimit": "0", "balance": DEPOSIT.to_string(), "settled": "0", "pendingRefund": "0",
            });
            let fault = json!({"error": {"code": "voucher_needed", "message": "pay", "details": details}});
            got = Got { status: 402, body: fault.to_string().into(), ..got };
            got.headers.remove(RECEIPT_HEADER);
        }
        got
    });
    let got = world.ask(SAY_THIS).await.refused(409, "provider_disagrees", "not paid");
    assert_eq!(got.json()["error"]["details"]["required"], "900000000000");
    let row = world.user_store().account(world.id()).await.unwrap().unwrap();
    assert!(row.authorized <= before.authorized.max(before.owed), "nothing more was signed: {row:?}");
    assert_eq!(row.owed, before.owed);
    assert!(world.upstream.count() > arrived);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_price_that_rose_between_listing_and_request() {
    let mut plan = Plan::default();
    plan.provider.price_grace = 0;
    let world = World::with(plan).await;
    world.ask(SAY_THIS).await.is(200);
    let before = world.check_books().await;
    // The user broker does not hear of it.
    world.user_side.place.line.set(Trouble::Refuses("eth_getLogs"));
    world.owner().put("/v1/service/llama7b", r#"{"outputPrice": 300000}"#).await.is(202);
    let got = world.ask(SAY_THIS).await.refused(409, "price_changed", "accepts them");
    let details = got.json()["error"]["details"].clone();
    assert_eq!(details["outputPrice"], "300000");
    assert_eq!(details["seenOutputPrice"], OUTPUT_PRICE.to_string());
    let after = world.check_books().await;
    assert_eq!((after.owed, after.charged()), (before.owed, 1), "nothing was charged");
    world.user_side.place.line.heal();
    // Having been shown, it is paid.
    until("the new price is listed", async || {
        let listed = world.api().get("/v1/service").await.json();
        (listed["Items"][0]["OutputPrice"] == "300000").then_some(())
    })
    .await;
    world.ask(SAY_THIS).await.is(200);
    let books = world.check_books().await;
    let output = books.provider_requests[1].output.0;
    assert_eq!(books.provider_requests[1].fee.output.get(), 300_000 * u128::from(output));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_chain_or_an_address_without_contract_stops_the_start() {
    let mut world = World::new().await;
    world.stop_user().await;
    world.stop_provider().await;
    let right = world.user_side.place.clone();
    let mut tried = async |chain_id: u64, contract: Address| {
        for place in [&mut world.user_side.place, &mut world.provider_side.place] {
            place.chain_id = chain_id;
            place.contract = contract;
        }
        let user = world.user_side.start().await.unwrap_err();
        let provider = world.provider_side.start().await.unwrap_err();
        assert_eq!(user, provider);
        user
    };
    let wrong = tried(16600, right.contract).await;
    assert!(wrong.contains("16600") && wrong.contains("31337"), "{wrong}");
    let nothing = Address::repeat_byte(0x42);
    let wrong = tried(31337, nothing).await;
    assert!(wrong.contains(&nothing.to_string()) && wrong.contains("contract"), "{wrong}");
    world.user_side.place.contract = right.contract;
    world.provider_side.place.contract = right.contract;
    world.start_provider().await;
    world.start_user().await;
    world.ask(SAY_THIS).await.is(200);
    world.check_books().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chain_that_is_away() {
    let mut world = World::new().await;
    world.ask(SAY_THIS).await.is(200);
    // In the middle: what is paid by vouchers goes on, what needs the chain says so.
    world.user_side.place.line.set(Trouble::Down);
    world.provider_side.place.line.set(Trouble::Down);
    world.ask(SAY_THIS).await.is(200);
    let charge = format!("/v1/provider/{}/charge", world.provider_address());
    let got = world.api().post(&charge, r#"{"balance": "5"}"#).await;
    let code = got.code();
    assert!(got.status == 503 && ["chain_unavailable", "not_sent"].contains(&code.as_str()), "{got:?}");
    assert!(got.headers.contains_key("retry-after"));
    until("health tells", async || {
        let user = world.api().get("/health").await.json();
        let provider = world.owner().get("/health").await.json();
        (user["Status"] == "degraded" && provider["Status"] == "degraded").then_some(())
    })
    .await;
    let settle = world.owner().post_empty("/v1/settle").await;
    assert_eq!(settle.status, 503, "{settle:?}");
    world.user_side.place.line.heal();
    world.provider_side.place.line.heal();
    until("health tells again", async || {
        let user = world.api().get("/health").await.json();
        let provider = world.owner().get("/health").await.json();
        (user["Status"] == "ok" && provider["Status"] == "ok").then_some(())
    })
    .await;
    world.api().post(&charge, r#"{"balance": "5"}"#).await.is(202);
    let books = world.check_books().await;
    assert_eq!(books.balance.get(), DEPOSIT + 5, "charged once, although asked twice");

    // At the start.
    world.stop_user().await;
    world.user_side.place.line.set(Trouble::Down);
    let why = world.user_side.start().await.unwrap_err();
    assert!(why.contains("the chain in this process"), "{why}");
    world.user_side.place.line.heal();
    world.start_user().await;
    world.ask(SAY_THIS).await.is(200);
    world.check_books().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_others_do_on_chain_does_not_disturb() {
    let world = World::new().await;
    // A third key opens an account with the provider, and lists a service whose URL leads nowhere.
    let provider = world.provider_address();
    let call = Call::AddAccount { provider, delegate: None, value: Neuron::new(77) };
    world.outside(call).await;
    let call = Call::PutService {
        name: "mine".parse().unwrap(),
        kind: zgserve_tui::domain::ServiceKind::Chatbot,
        url: "http://127.0.0.1:1".to_owned(),
        model: String::new(),
        prices: zgserve_tui::domain::Prices { input: Neuron::new(1), output: Neuron::new(1) },
    };
    world.outside(call).await;
    world.user_sees("mine").await;
    let other = world.outsider.address();
    let body = json!({"provider": other.to_string(), "balance": "100000"}).to_string();
    world.api().post("/v1/provider", body).await.is(204);
    let call = format!("/v1/provider/{other}/service/mine/chat/completions");
    world.api().post(&call, SAY_THIS).await.refused(502, "provider_unreachable", "127.0.0.1");
    world.ask(SAY_THIS).await.is(200);
    let users = world.owner().get("/v1/user").await.is(200).json();
    assert_eq!(users["Metadata"]["total"], 2);
    assert_eq!(world.user().account(other).unwrap().owed, Neuron::ZERO);
    assert_eq!(world.check_books_of_provider().await, chat_fee("Say this is a test!", "This is a test!"));
}
