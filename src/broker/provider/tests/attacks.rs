//! What a hostile user, service or network tries, and what comes of it.

use futures_util::stream;
use http::header;

use super::upstream::{Plan, chunk, whole};
use super::*;
use crate::store::Observed;

const CHAT: &str = r#"{"messages":[{"role":"user","content":"hi"}],"max_tokens":4}"#;

fn chat_with(rest: &str) -> String {
    format!("{{\"messages\":[{{\"role\":\"user\",\"content\":\"hi\"}}]{rest}")
}

/// Servers differ in what they take for JSON: Python's reader takes NaN, Go's stops behind the first value. What we
/// cannot read we cannot limit, and an answer that is one JSON text cannot be cut: it would be a long one for the fee
/// of a short one.
#[tokio::test]
async fn a_body_that_only_the_service_can_read_is_refused() {
    let world = World::new(ServiceKind::Chatbot).await;
    for rest in [",\"temperature\":NaN}", "} x", "}{\"max_tokens\":9}", ",}", ",\"x\":\"\\ud800\u{1}\"}"] {
        for path in ["/chat/completions", "/api/anything"] {
            let ask = Ask { path: path.to_owned(), ..world.ask(&chat_with(rest)) };
            let refusal = world.call(&ask).await.map(|_| ()).unwrap_err();
            assert!(matches!(refusal, ProxyRefusal::BadBody(_)), "{rest} {path}: {refusal}");
        }
    }
    assert!(world.upstream.seen().is_empty());
    assert_eq!(world.idle().await.owed, Neuron::ZERO);
}

/// Go's reader matches names in any case; the native protocol of Ollama has its limit in `options`.
#[tokio::test]
async fn limits_under_other_names_are_lowered_too() {
    let world = World::new(ServiceKind::Chatbot).await;
    for (path, rest) in [
        ("/chat/completions", ",\"max_tokens\":1,\"MAX_TOKENS\":100000}"),
        ("/chat/completions", ",\"max_tokens\":1,\"max_to\u{212a}en\u{17f}\":100000}"),
        ("/api/chat", ",\"options\":{\"num_predict\":-1},\"stream\":false}"),
        ("/api/chat", ",\"options\":{\"num_predict\":100000,\"Num_Predict\":100000}}"),
        ("/api/chat", ",\"options\":null}"),
        ("/api/generate", ",\"stream\":false}"),
    ] {
        let mut ask = Ask { path: path.to_owned(), ..world.ask(&chat_with(rest)) };
        ask.max_fee = Neuron::new(5_000);
        read(world.call(&ask).await.unwrap()).await;
        let seen = world.upstream.seen().pop().unwrap();
        let sent: serde_json::Value = serde_json::from_slice(&seen.body).unwrap();
        let text = sent.to_string();
        assert!(!text.contains("100000") && !text.contains("-1"), "{path} {text}");
        if path.starts_with("/api/") {
            assert!(sent["options"]["num_predict"].as_u64().unwrap() <= 25, "{path} {text}");
        }
    }
    world.idle().await;
}

/// Bodies are taken in before they can be counted; without a hold one user could have any number of them open. What
/// they take of the disk is bounded too: see `unfinished_uploads_fill_no_disk`.
#[tokio::test]
async fn uploads_count_as_requests_in_flight() {
    let mut settings = settings();
    settings.max_in_flight_per_user = 2;
    let world = World::with(ServiceKind::ZgStorage, settings).await;
    let upload = |max_fee: u128| {
        let ask = Ask { path: "/file".to_owned(), max_fee: Neuron::new(max_fee), ..world.ask("x") };
        let mut call = world.proxy_call(&world.user.wallet, world.wallet.address(), &ask);
        call.headers.remove(header::CONTENT_LENGTH);
        call.headers.insert(header::TRANSFER_ENCODING, "chunked".parse().unwrap());
        call.body = Box::pin(stream::pending());
        call
    };
    let soon = Duration::from_secs(60);
    // What is not covered is refused before a byte of its body is taken.
    let refusal = tokio::time::timeout(soon, world.broker.proxy(upload(2 * Neuron::A0GI.get()))).await;
    assert!(matches!(refusal, Ok(Err(ProxyRefusal::BalanceTooLow(_) | ProxyRefusal::VoucherNeeded(_)))));
    let running: Vec<_> = (0..2)
        .map(|_| {
            let (broker, call) = (world.broker.clone(), upload(1_000));
            tokio::spawn(async move { broker.proxy(call).await.map(|_| ()) })
        })
        .collect();
    world.until(|broker| broker.snapshot().totals.in_flight == 2).await;
    let refusal = tokio::time::timeout(soon, world.broker.proxy(upload(1_000))).await.unwrap();
    assert!(matches!(refusal, Err(ProxyRefusal::TooManyInFlight { most: 2 })));
    for upload in running {
        upload.abort();
    }
    assert_eq!(world.idle().await.reserved, Neuron::ZERO);
    assert_eq!(
        world
            .broker
            .requests(
                ProviderRequestFilter::default(),
                ProviderRequestSort::CreatedAt(Direction::Descending),
                PageOf::first(9)
            )
            .await
            .unwrap()
            .items,
        []
    );
}

/// An upload that never ends costs nothing, so what such uploads may take has a bound, and it comes back with their end.
#[tokio::test]
async fn unfinished_uploads_fill_no_disk() {
    const MIB: u64 = 1 << 20;
    let mut settings = settings();
    (settings.body_memory, settings.body_disk) = (64 << 10, 2 * MIB);
    settings.body_limits = BodyLimits { chatbot: MIB, zg_storage: MIB };
    let world = World::with(ServiceKind::ZgStorage, settings).await;
    let other = world.other_user(2, Neuron::A0GI).await;
    // The last piece never comes, until it is told that it never will.
    let upload = |user: &User| {
        let max_fee = Neuron::new(INPUT_PRICE * 2 * u128::from(MIB));
        let ask = Ask { path: "/file".to_owned(), max_fee, ..world.ask("x") };
        let mut call = world.proxy_call(&user.wallet, world.wallet.address(), &ask);
        call.headers.remove(header::CONTENT_LENGTH);
        call.headers.insert(header::TRANSFER_ENCODING, "chunked".parse().unwrap());
        let (ends, ended) = tokio::sync::oneshot::channel::<()>();
        let pieces = stream::iter((0..4).map(|_| Ok(Bytes::from_static(&[0; 1 << 18]))));
        call.body = Box::pin(pieces.chain(stream::once(async move {
            let _ = ended.await;
            Err(std::io::Error::other("broken off"))
        })));
        let broker = world.broker.clone();
        (ends, tokio::spawn(async move { broker.proxy(call).await.map(|_| ()).unwrap_err() }))
    };
    let (first_ends, first) = upload(&world.user);
    world.until(|broker| broker.bodies_on_disk() == MIB).await;
    // The same user has had the half that one user may have.
    let (_second_ends, second) = upload(&world.user);
    assert!(matches!(second.await.unwrap(), ProxyRefusal::MemoryFull));
    let (_others_ends, others) = upload(&other);
    world.until(|broker| broker.bodies_on_disk() == 2 * MIB).await;
    drop(first_ends);
    assert!(matches!(first.await.unwrap(), ProxyRefusal::BodyBroken));
    world.until(|broker| broker.bodies_on_disk() == MIB).await;
    let (_again_ends, again) = upload(&world.user);
    world.until(|broker| broker.bodies_on_disk() == 2 * MIB).await;
    for upload in [others, again] {
        upload.abort();
    }
    world.until(|broker| broker.bodies_on_disk() == 0).await;
    assert_eq!(world.idle().await.reserved, Neuron::ZERO);
}

/// A stored byte has its price, so the highest fee says how many are worth taking in.
#[tokio::test]
async fn a_body_beyond_its_highest_fee_is_not_taken_in() {
    let world = World::new(ServiceKind::ZgStorage).await;
    let ask = Ask { path: "/file".to_owned(), max_fee: Neuron::new(INPUT_PRICE * 100), ..world.ask("x") };
    let mut call = world.proxy_call(&world.user.wallet, world.wallet.address(), &ask);
    call.headers.remove(header::CONTENT_LENGTH);
    call.headers.insert(header::TRANSFER_ENCODING, "chunked".parse().unwrap());
    let taken = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counter = Arc::clone(&taken);
    call.body = Box::pin(stream::iter((0..64).map(move |_| {
        counter.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        Ok(Bytes::from_static(&[0; 1 << 16]))
    })));
    let refusal = world.broker.proxy(call).await.map(|_| ()).unwrap_err();
    assert!(matches!(refusal, ProxyRefusal::MaxFeeTooLow { .. }), "{refusal}");
    assert_eq!(taken.load(std::sync::atomic::Ordering::Relaxed), 1);
}

/// A node that once told of no account must not make a restart forget what its user owes and has signed.
#[tokio::test]
async fn a_node_that_forgot_an_account_does_not_make_us_forget_its_debt() {
    let mut world = World::new(ServiceKind::Chatbot).await;
    read(world.call(&world.ask(CHAT)).await.unwrap()).await;
    let before = world.idle().await;
    let gone = Observed { id: world.account(), account: None, block: 1 };
    world.store.observe(vec![gone], true).await.unwrap();
    world.restart().await;
    let after = world.idle().await;
    assert_eq!((after.owed, after.voucher), (before.owed, before.voucher));
    assert!(after.debt_since.is_some());
    assert_eq!(world.broker.settle(SettleRequest::default()).await.unwrap().paid, before.owed);
}

/// Otherwise a user who is never quite even would make every debt an old one, and the engine settle at each look.
#[tokio::test]
async fn a_debt_is_as_old_as_its_oldest_unpaid_fee() {
    let mut lending = settings();
    lending.credit_limit = Neuron::A0GI;
    let world = World::with(ServiceKind::Chatbot, lending).await;
    let nothing = Ask { cumulative: Neuron::ZERO, ..world.ask(CHAT) };
    read(world.call(&nothing).await.unwrap()).await;
    let first = world.idle().await;
    tokio::time::sleep(Duration::from_millis(20)).await;
    let second = Ask { cumulative: first.owed, ..world.ask(CHAT) };
    read(world.call(&second).await.unwrap()).await;
    world.idle().await;
    assert_eq!(world.broker.settle(SettleRequest::default()).await.unwrap().paid, first.owed);
    let left = world.idle().await;
    let finished = world.broker.request(second.id).await.unwrap().finished_at;
    assert!(!left.unsettled.is_zero());
    assert_eq!(left.debt_since, finished);
}

/// Only comments of ours begin like ours.
#[tokio::test]
async fn a_service_cannot_speak_for_the_broker() {
    let world = World::new(ServiceKind::Chatbot).await;
    let forged = ": zg-receipt AAAA\n\n".to_owned();
    let split = [": zg-vou", "cher-needed 5\n\n"].map(str::to_owned);
    let done = "data: [DONE]\n\n".to_owned();
    let [one, two] = split;
    world.upstream.plan(Plan::events(&[chunk("Hello"), forged.clone(), one, two, done.clone(), forged]));
    let answer = read(world.call(&world.ask(&chat_with(",\"stream\":true}"))).await.unwrap()).await;
    let (receipt, body) = answer.receipt();
    assert_eq!(String::from_utf8(body.clone()).unwrap(), [chunk("Hello"), done].concat());
    assert_eq!(receipt.receipt.response_hash, hash(&body));
}

/// Where a service is, is not published; a redirect of its own must not tell.
#[tokio::test]
async fn a_redirect_does_not_tell_where_the_service_is() {
    let world = World::new(ServiceKind::Chatbot).await;
    let mut plan = Plan::json("{}");
    plan.status = 307;
    let inner = world.upstream.url();
    for (location, kept) in [
        (format!("{inner}/chat/completions/"), None),
        (inner.replace("http:", "HTTP:"), None),
        (inner.trim_start_matches("http:").to_owned(), None),
        ("/elsewhere".to_owned(), Some("/elsewhere")),
        ("https://files.example/x".to_owned(), Some("https://files.example/x")),
    ] {
        plan.headers.truncate(2);
        plan.headers.push(("location", location.clone()));
        plan.headers.push(("content-location", location));
        world.upstream.plan(plan.clone());
        let answer = read(world.call(&world.ask(CHAT)).await.unwrap()).await;
        assert_eq!(answer.status, StatusCode::TEMPORARY_REDIRECT);
        for name in [header::LOCATION, header::CONTENT_LOCATION] {
            assert_eq!(answer.headers.get(name).map(|value| value.to_str().unwrap()), kept);
        }
    }
    assert_eq!(world.idle().await.owed, Neuron::ZERO);
}

/// After a 101 the connection speaks something that nobody here meters.
#[tokio::test]
async fn a_service_that_switches_protocols_is_broken() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let world = World::new(ServiceKind::Chatbot).await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/v1", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let _ = stream.read(&mut [0; 4096]).await.unwrap();
        let head = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nfree bytes";
        stream.write_all(head).await.unwrap();
        std::future::pending::<()>().await;
    });
    let input = ServiceInput { url, ..world.input("svc", ServiceKind::Chatbot, INPUT_PRICE, OUTPUT_PRICE) };
    world.broker.put_service(input, Wait::Receipt).await.unwrap();
    let refusal = world.call(&world.ask(CHAT)).await.map(|_| ()).unwrap_err();
    assert!(matches!(refusal, ProxyRefusal::UpstreamBroken | ProxyRefusal::UpstreamUnreachable), "{refusal}");
    assert_eq!(world.idle().await.owed, Neuron::ZERO);
}

/// Such headers make some servers serve another path or method than the one that was signed and classed.
#[tokio::test]
async fn headers_that_name_another_path_or_method_stop_here() {
    let world = World::new(ServiceKind::Chatbot).await;
    world.upstream.plan(Plan::json(&whole("ok")));
    let mut ask = world.ask(CHAT);
    let names =
        ["x-http-method-override", "x-http-method", "x-method-override", "x-original-url", "x-rewrite-url"];
    for name in names {
        ask.headers.insert(name, "/v1/other".parse().unwrap());
    }
    // Nor may a caller have a header dropped that its body was counted by.
    ask.headers.insert(header::CONNECTION, "content-type".parse().unwrap());
    read(world.call(&ask).await.unwrap()).await;
    let seen = world.upstream.seen().pop().unwrap();
    assert!(names.iter().all(|name| !seen.headers.contains_key(*name)), "{:?}", seen.headers);
    world.idle().await;
}
