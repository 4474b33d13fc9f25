//! Cut at any point, an answer costs what was handed over (I8), and many at once never pass a limit.

use super::super::gate::LEAVES;
use super::paid::register_metered;
use super::upstream::{End, Plan, block, chunk, whole};
use super::*;
use crate::domain::{ReceiptStatus, ServiceKind as Kind};
use crate::meter::{Limits, OutputMeter};
use crate::wire::sse;

const CHAT: &str = r#"{"messages":[{"role":"user","content":"hi"}],"stream":true,"max_tokens":100}"#;

/// What a user's own meter finds in these bytes.
fn recount(body: &[u8]) -> u64 {
    let mut meter =
        OutputMeter::new(Kind::Chatbot, Some("text/event-stream"), None, Limits::default()).unwrap();
    meter.push(body).unwrap();
    meter.finish().units.0
}

#[tokio::test]
async fn a_stream_that_breaks_off_anywhere_costs_what_was_delivered() {
    let world = World::new(Kind::Chatbot).await;
    let stream = [
        chunk("Hello"),
        chunk(" dear"),
        ": c\r\n\r\n".to_owned(),
        chunk(" you"),
        "data: [DONE]\n\n".to_owned(),
    ];
    let stream = stream.concat();
    let mut owed = 0;
    for at in 0..=stream.len() {
        world.upstream.plan(Plan { end: End::Broken, ..Plan::events(&[stream[..at].to_owned()]) });
        let answer = read(world.call(&world.ask(CHAT)).await.unwrap()).await;
        assert!(answer.broken, "cut at {at}");
        let (receipt, body) = answer.receipt();
        assert!(stream.as_bytes().starts_with(&body), "cut at {at}");
        let whole_events = body.is_empty() || body.ends_with(b"\n\n") || body.ends_with(b"\r\n\r\n");
        assert!(whole_events, "cut at {at}: {:?}", String::from_utf8_lossy(&body));
        assert_eq!(receipt.receipt.output.0, recount(&body), "cut at {at}");
        assert_eq!(receipt.receipt.status, ReceiptStatus::UpstreamFailed);
        assert_eq!(receipt.receipt.response_hash, hash(&body));
        owed += receipt.receipt.fee.total().get();
        assert_eq!(receipt.receipt.owed.get(), owed);
    }
    assert_eq!(world.idle().await.owed.get(), owed);
}

#[tokio::test]
async fn a_proper_end_without_an_empty_line_is_delivered_and_counted() {
    let world = World::new(Kind::Chatbot).await;
    let pieces = [chunk("Hello"), chunk(" you").trim_end().to_owned()];
    world.upstream.plan(Plan::events(&pieces));
    let answer = read(world.call(&world.ask(CHAT)).await.unwrap()).await;
    let (receipt, body) = answer.receipt();
    assert!(!answer.broken && body.starts_with(pieces.concat().as_bytes()));
    assert_eq!((receipt.receipt.output.0, receipt.receipt.status), (recount(&body), ReceiptStatus::Complete));
    assert_eq!(receipt.receipt.response_hash, hash(&body));
}

#[tokio::test]
async fn a_caller_who_leaves_pays_for_what_was_handed_over() {
    let world = World::new(Kind::Chatbot).await;
    let pieces: Vec<String> = (0..6).map(|_| chunk(" word")).collect();
    world.upstream.plan(Plan { end: End::Silent, ..Plan::events(&pieces) });
    let ask = world.ask(CHAT);
    let mut answer = world.call(&ask).await.unwrap();
    let mut seen = Vec::new();
    while seen.len() < pieces.concat().len() {
        seen.extend_from_slice(&answer.body.next().await.unwrap().unwrap());
    }
    drop(answer);
    let user = world.idle().await;
    let ReceiptState::Ready(receipt) = world.broker.receipt(ask.id).await.unwrap() else { panic!() };
    assert_eq!(
        (receipt.receipt.status, receipt.receipt.output.0),
        (ReceiptStatus::CutByCaller, recount(&seen))
    );
    assert_eq!(user.owed, receipt.receipt.fee.total());
}

/// `messages` states its figures at the beginning too, where nothing was written yet.
#[tokio::test]
async fn what_a_service_stated_at_the_beginning_is_not_the_price_of_a_cut_stream() {
    let world = World::new(Kind::Chatbot).await;
    register_metered(&world).await;
    let start =
        "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"m1\",\"usage\":\
                 {\"input_tokens\":0,\"output_tokens\":0}}}\n\n"
            .to_owned();
    let pieces: Vec<String> = [start].into_iter().chain((0..6).map(|_| block(" word"))).collect();
    let mut ask = world.ask(CHAT);
    (ask.service, ask.version) = ("metered".to_owned(), world.version("metered"));
    ask.path = "/messages".to_owned();
    world.upstream.plan(Plan { end: End::Silent, ..Plan::events(&pieces) });
    let mut answer = world.call(&ask).await.unwrap();
    let mut seen = Vec::new();
    while seen.len() < pieces.concat().len() {
        seen.extend_from_slice(&answer.body.next().await.unwrap().unwrap());
    }
    drop(answer);
    world.idle().await;
    let ReceiptState::Ready(receipt) = world.broker.receipt(ask.id).await.unwrap() else { panic!() };
    let receipt = receipt.receipt;
    assert!(receipt.output.0 > 0 && receipt.input.0 > 0);
    assert_eq!((receipt.status, receipt.output.0), (ReceiptStatus::CutByCaller, recount(&seen)));

    world.upstream.plan(Plan { end: End::Broken, ..Plan::events(&pieces) });
    ask.id = RequestId::random();
    let (receipt, body) = read(world.call(&ask).await.unwrap()).await.receipt();
    let receipt = receipt.receipt;
    assert!(receipt.output.0 > 0 && receipt.input.0 > 0);
    assert_eq!((receipt.status, receipt.output.0), (ReceiptStatus::UpstreamFailed, recount(&body)));
}

/// A server hangs up at the last byte of a stated length; it does not wait for us to say that this was all.
#[tokio::test]
async fn a_download_whose_last_byte_was_taken_is_complete() {
    const PIECE: usize = 256 << 10;
    let world = World::new(Kind::ZgStorage).await;
    let piece = vec![7u8; PIECE];
    // Longer than what is held whole, with a connection that stays open as for a next request.
    let mut plan = Plan::bytes(&[&piece[..]; 5]);
    plan.headers.push(("content-length", (5 * PIECE).to_string()));
    world.upstream.plan(Plan { end: End::Silent, ..plan });
    let mut ask = world.ask("");
    (ask.method, ask.path) = (Method::GET, "/file".to_owned());
    for (taken, status) in [(5 * PIECE, ReceiptStatus::Complete), (PIECE, ReceiptStatus::CutByCaller)] {
        let max_fee = Neuron::new(5 * PIECE as u128 * OUTPUT_PRICE);
        let ask = Ask { id: RequestId::random(), max_fee, ..ask.clone() };
        let mut answer = world.call(&ask).await.unwrap();
        let mut seen = 0;
        while seen < taken {
            seen += answer.body.next().await.unwrap().unwrap().len();
        }
        drop(answer);
        world.idle().await;
        let ReceiptState::Ready(receipt) = world.broker.receipt(ask.id).await.unwrap() else { panic!() };
        assert_eq!((receipt.receipt.status, receipt.receipt.output.0 >= seen as u64), (status, true));
    }
}

#[tokio::test]
async fn a_caller_who_leaves_before_the_head_stops_the_service_and_pays_for_the_input() {
    let world = World::new(Kind::Chatbot).await;
    world.upstream.plan(Plan { delay: Duration::from_secs(60), ..Plan::json("{}") });
    let ask = world.ask(CHAT);
    let arrived = async {
        while world.upstream.seen().is_empty() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::select! {
        answer = world.call(&ask) => panic!("{:?}", answer.map(|answer| answer.status)),
        () = arrived => {}
    }
    let owed = world.idle().await.owed;
    let ReceiptState::Ready(receipt) = world.broker.receipt(ask.id).await.unwrap() else { panic!() };
    let receipt = receipt.receipt;
    assert_eq!((receipt.status, receipt.output.0), (ReceiptStatus::CutByCaller, 0));
    assert_eq!((receipt.response_hash, receipt.fee.output), (hash(b""), Neuron::ZERO));
    assert_eq!((receipt.fee.input, receipt.fee.total()), (owed, owed));
    assert_eq!(owed.get(), INPUT_PRICE * u128::from(receipt.input.0));
}

/// The service may have written an answer that nobody pays for: what a provider can lose that way has a bound.
#[tokio::test]
async fn callers_who_leave_before_the_head_over_and_over_are_kept_out() {
    let world = World::new(Kind::Chatbot).await;
    let other = world.other_user(2, Neuron::A0GI).await;
    world.upstream.plan(Plan { delay: Duration::from_secs(60), ..Plan::json("{}") });
    let (mut worked, mut kept_out) = (0, 0);
    let began = std::time::Instant::now();
    while kept_out < 5 {
        let ask = world.ask(CHAT);
        let before = world.upstream.seen().len();
        let mut call = std::pin::pin!(world.call(&ask));
        let refused = async {
            // Leaves the moment the service has the request.
            while world.upstream.seen().len() == before {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::select! {
            answer = &mut call => match answer.map(|_| ()) {
                Err(ProxyRefusal::LeavesTooOften { most: LEAVES, .. }) => kept_out += 1,
                other => panic!("{other:?}"),
            },
            () = refused => worked += 1,
        }
    }
    // One more for each that grew meanwhile.
    let grown = u32::try_from(began.elapsed().as_secs()).unwrap() * LEAVES / 60 + 1;
    assert!((LEAVES..=LEAVES + grown).contains(&worked), "{worked} of {LEAVES} and {grown}");
    assert_eq!(world.upstream.seen().len() as u32, worked);
    // The last ones are booked behind their callers' backs.
    let looks = async || {
        let owed = world.idle().await.owed;
        (owed, world.broker.request_totals(ProviderRequestFilter::default()).await.unwrap())
    };
    let (mut owed, mut rows) = looks().await;
    for _ in 0..12_000 {
        if owed == rows.fee.total() && rows.count == u64::from(worked) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
        (owed, rows) = looks().await;
    }
    assert_eq!((owed, rows.count), (rows.fee.total(), u64::from(worked)));
    assert!(!rows.fee.total().is_zero(), "each has paid for its input");
    // Who stays is served, and so is everybody else.
    world.upstream.plan(Plan::json(&whole("yes")));
    read(world.call_as(&other.wallet, &world.ask(CHAT)).await.unwrap()).await;
}

#[tokio::test]
async fn endless_lines_are_not_held() {
    let world = World::new(Kind::Chatbot).await;
    let line = "x".repeat(256 << 10);
    let pieces: Vec<String> = (0..8).map(|_| line.clone()).collect();
    assert!(line.len() * pieces.len() > sse::Limits::default().event);
    world.upstream.plan(Plan { end: End::Silent, ..Plan::events(&pieces) });
    let answer = read(world.call(&world.ask(CHAT)).await.unwrap()).await;
    let (receipt, body) = answer.receipt();
    assert!(answer.broken && body.is_empty());
    assert_eq!(receipt.receipt.status, ReceiptStatus::UpstreamFailed);
}

#[tokio::test]
async fn many_at_once_stay_within_the_balance_and_leave_no_hold() {
    let world = World::new(Kind::Chatbot).await;
    world.upstream.plan(Plan { delay: Duration::from_millis(100), ..Plan::json(&whole("yes indeed")) });
    let mut ask = world.ask(CHAT);
    // Ten of these fit.
    ask.max_fee = Neuron::new(Neuron::A0GI.get() / 10);
    ask.cumulative = Neuron::A0GI;
    let calls = (0..64).map(|_| {
        let ask = Ask { id: RequestId::random(), ..ask.clone() };
        let world = &world;
        async move { world.call(&ask).await }
    });
    let answers = futures_util::future::join_all(calls).await;
    let served = answers.iter().filter(|answer| answer.is_ok()).count();
    assert!(answers.iter().all(|answer| match answer {
        Ok(_) => true,
        Err(error) => matches!(error, ProxyRefusal::BalanceTooLow(_) | ProxyRefusal::VoucherNeeded(_)),
    }));
    assert!((1..=10).contains(&served), "{served}");
    assert_eq!(world.upstream.seen().len(), served);
    let user = world.idle().await;
    assert_eq!(user.reserved, Neuron::ZERO);
}

#[tokio::test]
async fn sixty_four_at_once_are_each_booked_once() {
    let world = World::new(Kind::Chatbot).await;
    world.upstream.plan(Plan::events(&[chunk("one two"), "data: [DONE]\n\n".to_owned()]));
    let asks: Vec<Ask> = (0..64).map(|_| world.ask(CHAT)).collect();
    let receipts = futures_util::future::join_all(
        asks.iter().map(|ask| async { read(world.call(ask).await.unwrap()).await.receipt().0.receipt }),
    )
    .await;
    let total: u128 = receipts.iter().map(|receipt| receipt.fee.total().get()).sum();
    let highest = receipts.iter().map(|receipt| receipt.owed.get()).max().unwrap();
    assert_eq!((world.idle().await.owed.get(), highest), (total, total));
}
