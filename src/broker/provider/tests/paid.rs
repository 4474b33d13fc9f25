//! Requests in order: what goes up, what comes back, what it costs.

use http::header;

use super::upstream::{End, Plan, block, chunk, whole};
use super::*;
use crate::domain::ReceiptStatus;
use crate::meter::count;
use crate::wire::terms::MeterName;

const CHAT: &str = r#"{"messages":[{"role":"user","content":"Say this is a test!"}],"temperature":0.7}"#;

const HI: &str = r#"{"messages":[{"role":"user","content":"hi"}]}"#;

/// A chatbot called `metered` that is charged by its server's own figures.
pub(super) async fn register_metered(world: &World) {
    let service = ServiceInput {
        meter: Some(MeterName::Usage),
        ..world.input("metered", ServiceKind::Chatbot, INPUT_PRICE, OUTPUT_PRICE)
    };
    assert!(world.broker.put_service(service, Wait::Receipt).await.unwrap().done);
}

/// The input units of a chat, as the meter has them.
fn input(body: &str) -> u64 {
    let suffix = crate::wire::path::Suffix::parse("/chat/completions").unwrap();
    let request = crate::meter::Request {
        method: &Method::POST,
        suffix: &suffix,
        content_encoding: None,
        body: crate::meter::RequestBody::Whole(body.as_bytes()),
    };
    crate::meter::input_units(ServiceKind::Chatbot, &request, &crate::meter::Limits::default()).unwrap().0
}

fn fee(input: u64, output: u64) -> u128 {
    u128::from(input) * INPUT_PRICE + u128::from(output) * OUTPUT_PRICE
}

#[tokio::test]
async fn a_plain_answer_is_booked_and_receipted_in_its_head() {
    let world = World::new(ServiceKind::Chatbot).await;
    let text = "This is a test, and it is answered.";
    world.upstream.plan(Plan::json(&whole(text)));
    let mut ask = world.ask(CHAT);
    ask.path = "/chat/completions?x=1".to_owned();
    ask.headers.insert(header::AUTHORIZATION, "Bearer users-own".parse().unwrap());
    let answer = read(world.call(&ask).await.unwrap()).await;
    assert_eq!((answer.status, answer.body.as_slice()), (StatusCode::OK, whole(text).as_bytes()));
    let (receipt, body) = answer.receipt();
    assert_eq!(receipt.signer(&world.chain.domain()).unwrap(), world.wallet.address());
    let expected = fee(input(CHAT), count(text));
    assert_eq!(receipt.receipt.fee.total().get(), expected);
    assert_eq!(receipt.receipt.response_hash, hash(&body));
    assert_eq!(receipt.receipt.body_hash, hash(CHAT.as_bytes()));
    assert_eq!((receipt.receipt.request, receipt.receipt.status), (ask.id, ReceiptStatus::Complete));
    let user = world.idle().await;
    assert_eq!((user.owed.get(), receipt.receipt.owed), (expected, user.owed));

    let seen = world.upstream.seen().remove(0);
    assert_eq!((seen.method, seen.uri.as_str()), (Method::POST, "/v1/chat/completions?x=1"));
    assert_eq!(seen.headers[header::AUTHORIZATION], "Bearer upstream-key");
    assert!(seen.headers.keys().all(|name| !name.as_str().starts_with("zg-")));
    let sent: serde_json::Value = serde_json::from_slice(&seen.body).unwrap();
    let room = (1_000_000 - u64::try_from(fee(input(CHAT), 0)).unwrap()) / 200;
    assert_eq!(sent["max_tokens"].as_u64(), Some(room));
    assert!(String::from_utf8_lossy(&seen.body).contains("\"temperature\":0.7"));

    let again = world.broker.receipt(ask.id).await.unwrap();
    assert_eq!(again, ReceiptState::Ready(Box::new(receipt.signed().unwrap())), "the same one each time");
    assert_eq!(world.broker.receipt(RequestId::random()).await.unwrap(), ReceiptState::Unknown);
}

#[tokio::test]
async fn a_stream_passes_unchanged_and_ends_with_its_receipt() {
    let world = World::new(ServiceKind::Chatbot).await;
    let pieces =
        [chunk("Hello"), ": ping\n\n".to_owned(), chunk(" there, friend"), "data: [DONE]\n\n".to_owned()];
    world.upstream.plan(Plan::events(&pieces));
    let ask = world.ask(r#"{"messages":[{"role":"user","content":"hi"}],"stream":true,"max_tokens":9}"#);
    let answer = read(world.call(&ask).await.unwrap()).await;
    assert!(!answer.broken);
    let (receipt, body) = answer.receipt();
    assert_eq!(body, pieces.concat().as_bytes());
    assert_eq!(receipt.receipt.response_hash, hash(&body));
    assert_eq!(receipt.receipt.fee.total().get(), fee(input(HI), count("Hello there, friend")));
    assert_eq!(receipt.receipt.status, ReceiptStatus::Complete);
    let seen = world.upstream.seen().remove(0);
    assert_eq!(seen.headers[header::ACCEPT_ENCODING], "identity");
    let sent: serde_json::Value = serde_json::from_slice(&seen.body).unwrap();
    assert_eq!((sent["max_tokens"].as_u64(), sent.get("stream_options")), (Some(9), None));
    world.idle().await;
}

#[tokio::test]
async fn at_the_highest_fee_a_stream_ends_as_if_its_length_were_reached() {
    let world = World::new(ServiceKind::Chatbot).await;
    let pieces: Vec<String> = (0..50).map(|_| chunk(" word")).collect();
    world.upstream.plan(Plan { end: End::Silent, ..Plan::events(&pieces) });
    let mut ask = world.ask(r#"{"messages":[{"role":"user","content":"hi"}],"stream":true}"#);
    ask.max_fee = Neuron::new(fee(input(HI), 7));
    let answer = read(world.call(&ask).await.unwrap()).await;
    assert!(!answer.broken);
    let (receipt, body) = answer.receipt();
    let text = String::from_utf8(body.clone()).unwrap();
    assert!(text.contains("\"finish_reason\":\"length\"") && text.ends_with("data: [DONE]\n\n"), "{text}");
    assert!(text.matches(" word").count() <= 8);
    assert_eq!(receipt.receipt.status, ReceiptStatus::CutAtMaxFee);
    assert_eq!(receipt.receipt.fee.total(), ask.max_fee);
    assert_eq!(receipt.receipt.response_hash, hash(&body));
    assert_eq!(world.idle().await.owed, ask.max_fee);
}

#[tokio::test]
async fn usage_is_asked_for_and_taken_out_again() {
    let world = World::new(ServiceKind::Chatbot).await;
    register_metered(&world).await;
    let usage =
        "data: {\"id\":\"c1\",\"choices\":[],\"usage\":{\"prompt_tokens\":4,\"completion_tokens\":6}}\n\n";
    // Of the input fewer than we count, of the output more: what was not seen is not charged.
    let counted = (input(HI).min(4), 3);
    let pieces = [chunk("one two three"), usage.to_owned(), "data: [DONE]\n\n".to_owned()];
    world.upstream.plan(Plan::events(&pieces));
    let mut ask = world.ask(r#"{"messages":[{"role":"user","content":"hi"}],"stream":true}"#);
    (ask.service, ask.version) = ("metered".to_owned(), world.version("metered"));
    let (receipt, body) = read(world.call(&ask).await.unwrap()).await.receipt();
    assert_eq!(body, [pieces[0].as_str(), &pieces[2]].concat().as_bytes());
    assert_eq!((receipt.receipt.input.0, receipt.receipt.output.0), counted);
    let sent: serde_json::Value = serde_json::from_slice(&world.upstream.seen()[0].body).unwrap();
    assert_eq!(sent["stream_options"]["include_usage"], true);

    ask.body = Bytes::from_static(
        br#"{"messages":[{"role":"user","content":"hi"}],"stream":true,"stream_options":{"include_usage":true}}"#,
    );
    ask.id = RequestId::random();
    let (receipt, body) = read(world.call(&ask).await.unwrap()).await.receipt();
    assert_eq!(body, pieces.concat().as_bytes());
    assert_eq!((receipt.receipt.input.0, receipt.receipt.output.0), counted);
}

/// Other protocols state their figures unasked, in events that say more than these.
#[tokio::test]
async fn of_other_protocols_no_usage_is_asked_for_and_no_event_taken_out() {
    let world = World::new(ServiceKind::Chatbot).await;
    register_metered(&world).await;
    let pieces = [
        "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"m1\",\"usage\":\
         {\"input_tokens\":4,\"output_tokens\":0}}}\n\n"
            .to_owned(),
        block("one two three"),
        "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\
         \"usage\":{\"output_tokens\":2}}\n\n"
            .to_owned(),
        "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n".to_owned(),
    ];
    world.upstream.plan(Plan::events(&pieces));
    let mut ask = world.ask(r#"{"messages":[{"role":"user","content":"hi"}],"stream":true,"max_tokens":9}"#);
    (ask.service, ask.version) = ("metered".to_owned(), world.version("metered"));
    for path in ["/messages", "/responses"] {
        (ask.id, ask.path) = (RequestId::random(), path.to_owned());
        let (receipt, body) = read(world.call(&ask).await.unwrap()).await.receipt();
        assert_eq!(String::from_utf8(body).unwrap(), pieces.concat(), "{path}");
        assert_eq!((receipt.receipt.output.0, receipt.receipt.status), (2, ReceiptStatus::Complete));
        let sent: serde_json::Value =
            serde_json::from_slice(&world.upstream.seen().last().unwrap().body).unwrap();
        assert_eq!(sent.get("stream_options"), None, "{path}");
    }
}

#[tokio::test]
async fn the_services_own_refusal_passes_and_costs_nothing() {
    let world = World::new(ServiceKind::Chatbot).await;
    let body = r#"{"error":{"message":"no such model"}}"#;
    let mut plan = Plan::json(body);
    plan.status = 404;
    plan.headers.push(("x-upstream", "yes".to_owned()));
    world.upstream.plan(plan);
    let answer = read(world.call(&world.ask(CHAT)).await.unwrap()).await;
    assert_eq!((answer.status, answer.body.as_slice()), (StatusCode::NOT_FOUND, body.as_bytes()));
    assert_eq!(answer.headers["x-upstream"], "yes");
    let (receipt, _) = answer.receipt();
    assert_eq!(
        (receipt.receipt.fee.total(), receipt.receipt.status),
        (Neuron::ZERO, ReceiptStatus::UpstreamFailed)
    );
    assert_eq!(world.idle().await.owed, Neuron::ZERO);
}

#[tokio::test]
async fn an_answer_that_cannot_be_counted_costs_nothing() {
    let world = World::new(ServiceKind::Chatbot).await;
    let mut plan = Plan::json("garbage");
    plan.headers.push(("content-encoding", "martian".to_owned()));
    world.upstream.plan(plan);
    assert_eq!(world.call(&world.ask(CHAT)).await.unwrap_err(), ProxyRefusal::UpstreamBroken);
    let mut plan = Plan::json("not gzip at all");
    plan.headers.push(("content-encoding", "gzip".to_owned()));
    world.upstream.plan(plan);
    assert_eq!(world.call(&world.ask(CHAT)).await.unwrap_err(), ProxyRefusal::UpstreamBroken);
    assert_eq!(world.idle().await.owed, Neuron::ZERO);
    // What is no JSON although it says so is still text that was delivered.
    world.upstream.plan(Plan::json("<html>oops</html>"));
    let (receipt, _) = read(world.call(&world.ask(CHAT)).await.unwrap()).await.receipt();
    assert_eq!(receipt.receipt.output.0, count("<html>oops</html>"));
}

#[tokio::test]
async fn storage_is_charged_by_the_byte_both_ways() {
    let world = World::new(ServiceKind::ZgStorage).await;
    world.upstream.plan(Plan::bytes(&[b"abc", b"defgh"]));
    let mut ask = world.ask("0123456789");
    ask.path = "/files/a".to_owned();
    let answer = read(world.call(&ask).await.unwrap()).await;
    assert_eq!(answer.body, b"abcdefgh");
    assert_eq!(answer.headers["zg-receipt-later"], "1");
    let ReceiptState::Ready(receipt) = world.broker.receipt(ask.id).await.unwrap() else { panic!() };
    assert_eq!((receipt.receipt.input.0, receipt.receipt.output.0), (10, 8));
    assert_eq!(receipt.receipt.response_hash, hash(b"abcdefgh"));
    assert_eq!(world.idle().await.owed.get(), fee(10, 8));

    // What passes the highest fee is cut at the byte, and the connection with it.
    world.upstream.plan(Plan::bytes(&[b"abc", b"defgh"]));
    (ask.id, ask.max_fee) = (RequestId::random(), Neuron::new(fee(10, 5) + 199));
    let answer = read(world.call(&ask).await.unwrap()).await;
    assert_eq!((answer.body.as_slice(), answer.broken), (b"abcde".as_slice(), true));
    let ReceiptState::Ready(receipt) = world.broker.receipt(ask.id).await.unwrap() else { panic!() };
    assert_eq!((receipt.receipt.output.0, receipt.receipt.status), (5, ReceiptStatus::CutAtMaxFee));
    assert_eq!(world.idle().await.owed.get(), fee(20, 13));
}

#[tokio::test]
async fn a_small_storage_answer_has_its_receipt_in_its_head() {
    let world = World::new(ServiceKind::ZgStorage).await;
    let mut plan = Plan::bytes(&[b"abc"]);
    plan.headers.push(("content-length", "3".to_owned()));
    world.upstream.plan(plan);
    let mut ask = world.ask("");
    (ask.method, ask.path) = (Method::GET, "/files/a".to_owned());
    let answer = read(world.call(&ask).await.unwrap()).await;
    let (receipt, body) = answer.receipt();
    assert_eq!((body.as_slice(), receipt.receipt.fee.total().get()), (b"abc".as_slice(), fee(0, 3)));
}

#[tokio::test]
async fn free_pages_need_no_account_and_nothing_else_is_free() {
    let world = World::new(ServiceKind::Chatbot).await;
    world.upstream.plan(Plan::json(r#"{"data":[]}"#));
    let mut ask = world.ask("");
    (ask.method, ask.path) = (Method::GET, "/models".to_owned());
    let answer = world.broker.proxy(world.plain_call(&ask, HeaderMap::new())).await.unwrap();
    assert_eq!(read(answer).await.body, br#"{"data":[]}"#);
    for (method, path, body) in [
        (Method::POST, "/chat/completions", CHAT),
        (Method::POST, "/chat/completions?x=1", CHAT),
        (Method::POST, "", CHAT),
        (Method::POST, "/", CHAT),
        (Method::POST, "/models", CHAT),
        (Method::GET, "/models", CHAT),
        (Method::GET, "/chat/completions", ""),
        (Method::POST, "/unknown", CHAT),
        (Method::GET, "/models/../chat/completions", ""),
        (Method::POST, "//chat/completions", CHAT),
    ] {
        (ask.method, ask.path, ask.body) = (method, path.to_owned(), Bytes::from_static(body.as_bytes()));
        let refusal = world.broker.proxy(world.plain_call(&ask, HeaderMap::new())).await.unwrap_err();
        assert!(
            matches!(refusal, ProxyRefusal::PaymentMissing(_) | ProxyRefusal::BadPath(_)),
            "{path}: {refusal}"
        );
    }
    (ask.method, ask.path, ask.body) = (Method::GET, "/v1/models".to_owned(), Bytes::new());
    let mut refused = 0;
    // More than grow again while a slow machine asks.
    for _ in 0..20 {
        refused += usize::from(world.broker.proxy(world.plain_call(&ask, HeaderMap::new())).await.is_err());
    }
    assert!(refused >= 2, "free pages are few");
    assert_eq!(world.idle().await.owed, Neuron::ZERO);
}

#[tokio::test]
async fn a_pushed_voucher_is_kept_and_the_best_one_told() {
    let world = World::new(ServiceKind::Chatbot).await;
    let encode = |cumulative| {
        encode_voucher(&world.voucher(&world.user.wallet, world.wallet.address(), 0, Neuron::new(cumulative)))
    };
    let peer = "127.0.0.1".parse().unwrap();
    for (pushed, best) in [(10, 10), (5, 10), (70, 70)] {
        let accepted = world.broker.voucher(&encode(pushed), peer).await.unwrap();
        assert_eq!((accepted.cumulative.get(), accepted.owed), (best, Neuron::ZERO));
    }
    let stored = world.store.user(world.account()).await.unwrap().unwrap().voucher.unwrap();
    assert_eq!(stored.voucher.cumulative, Neuron::new(70));
    let terms = world.broker.terms();
    assert_eq!((terms.provider, terms.services.len()), (world.wallet.address(), 1));
}
