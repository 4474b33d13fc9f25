//! Deposits and caps under concurrency, waiting for room, and time-outs.

use std::time::Duration;

use http::StatusCode;

use super::bed::{Bed, HELLO, read, refused};
use super::scripted::{Script, chat};
use crate::broker::user::{CallRefusal, Cap, Caps, PaidCall, Settings};
use crate::domain::Neuron;

fn slow(credit: u128) -> Script {
    let credit_limit = Neuron::new(credit);
    Script { credit_limit, delay: Duration::from_millis(30), ..Script::honest(chat("This is a test!")) }
}

#[tokio::test]
async fn sixty_four_calls_at_once_never_pass_a_cap() {
    let bed = Bed::new(slow(0)).await;
    let cap = Neuron::new(60_000);
    let caps = Caps { total: Some(cap), ..Caps::default() };
    let broker = bed.funded(Settings { caps, ..Settings::default() }, 100_000_000).await;
    let calls = (0..64).map(|_| async {
        match broker.call(bed.chat(HELLO)).await {
            Ok(answer) => Ok(read(answer).await.0),
            Err(refusal) => Err(refusal),
        }
    });
    let results = futures_util::future::join_all(calls).await;
    let served = results.iter().filter(|result| matches!(result, Ok(StatusCode::OK))).count();
    assert!(served > 0);
    for refusal in results.iter().filter_map(|result| result.as_ref().err()) {
        assert!(matches!(refusal, CallRefusal::CapReached { cap: Cap::Total, .. }), "{refusal}");
    }
    let books = bed.books().await;
    assert!(books.authorized <= cap && books.owed <= cap, "{books:?}");
    assert!(bed.script.books.lock().best.unwrap().voucher.cumulative <= cap);

    // A restart opens no new budget.
    drop(broker);
    let broker = bed.broker(Settings { caps, ..Settings::default() }).await;
    while let Ok(answer) = broker.call(bed.chat(HELLO)).await {
        read(answer).await.2.unwrap();
    }
    assert!(bed.books().await.authorized <= cap);
}

#[tokio::test]
async fn a_request_waits_for_room_that_others_hold() {
    let bed = Bed::new(slow(0)).await;
    // Room for the highest fee of one request and a half.
    let broker = bed.funded(Settings::default(), 15_000).await;
    let calls = (0..3).map(|_| async { read(broker.call(bed.chat(HELLO)).await.unwrap()).await.0 });
    let statuses = futures_util::future::join_all(calls).await;
    assert_eq!(statuses, [StatusCode::OK; 3]);
    assert_eq!(broker.account(bed.provider()).unwrap().reserved, Neuron::ZERO);
}

#[tokio::test]
async fn too_small_a_deposit_is_told_at_once_with_what_is_missing() {
    let bed = Bed::new(slow(0)).await;
    // Whoever waited for others to make room would wait for a day.
    let broker = bed.funded(Settings { reservation_wait: 86_400, ..Settings::default() }, 500).await;
    let refusal = refused(&broker, bed.chat(HELLO));
    let refusal = tokio::time::timeout(Duration::from_secs(60), refusal).await.unwrap();
    let CallRefusal::InsufficientBalance { needed, available, missing, .. } = refusal else {
        panic!("{refusal}")
    };
    assert_eq!((available, missing), (Neuron::new(500), needed.above(available)));
    assert!(bed.script.books.lock().headers.is_empty(), "nothing was sent");
    // Exactly that much more is enough.
    let more = broker.deposit(bed.provider(), missing, None).await.unwrap();
    broker.wait(more.id, Duration::from_secs(60)).await.unwrap();
    assert_eq!(broker.call(bed.chat(HELLO)).await.unwrap().status, StatusCode::OK);
}

#[tokio::test]
async fn caps_of_a_call_and_of_the_day_are_named() {
    let bed = Bed::new(slow(0)).await;
    let caps = Caps { per_day: Some(Neuron::new(3_000)), ..Caps::default() };
    let broker = bed.funded(Settings { caps, ..Settings::default() }, 1_000_000).await;
    let own = Caps { per_request: Some(Neuron::new(100)), ..Caps::default() };
    let refusal = refused(&broker, PaidCall { caps: own, ..bed.chat(HELLO) }).await;
    assert!(matches!(refusal, CallRefusal::CapReached { cap: Cap::Request, .. }), "{refusal}");
    let refusal = loop {
        match broker.call(bed.chat(HELLO)).await {
            Ok(answer) => read(answer).await.2.map(drop).unwrap(),
            Err(refusal) => break refusal,
        }
    };
    assert!(matches!(refusal, CallRefusal::CapReached { cap: Cap::Day, .. }), "{refusal}");
    assert!(broker.snapshot().spent_today <= Neuron::new(3_000));
}

#[tokio::test]
async fn bodies_beyond_the_limit_and_paths_outside_are_refused() {
    let bed = Bed::new(slow(0)).await;
    let settings = Settings { max_chat_body: 100, ..Settings::default() };
    let broker = bed.funded(settings, 1_000_000).await;
    let long = format!(r#"{{"prompt":"{}"}}"#, "a".repeat(200));
    assert!(matches!(refused(&broker, bed.chat(&long)).await, CallRefusal::Body(_)));
    for suffix in ["/../admin", "//x", "/%2e%2e/x", "http://elsewhere"] {
        let call = PaidCall { suffix: suffix.to_owned(), ..bed.chat("{}") };
        assert!(matches!(refused(&broker, call).await, CallRefusal::Path(_)), "{suffix}");
    }
    assert!(bed.script.books.lock().headers.is_empty());
}
