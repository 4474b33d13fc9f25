//! Paid calls with an honest provider.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};

use super::bed::{Bed, HELLO, PRICES, is_stream, name, read, refused};
use super::scripted::{Lie, Says, Script, chat, events};
use crate::broker::user::{
    CallRefusal, Caps, Event, FEE_HEADER, INPUT_UNITS_HEADER, OUTPUT_UNITS_HEADER, PaidCall,
    REQUEST_ID_HEADER, RequestFilter, RequestSort, Settings,
};
use crate::domain::{Neuron, Prices, RequestId, ServiceKind, Units, UserRequestState};
use crate::wire::fault::Fault;

fn number(headers: &HeaderMap, name: &http::HeaderName) -> u128 {
    headers[name].to_str().unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_whole_answer_is_paid_and_says_what_it_cost() {
    let bed = Bed::new(Script::honest(chat("This is a test!"))).await;
    let broker = bed.funded(Settings::default(), 10_000_000).await;
    let mut news = broker.events();
    let mut call = bed.chat(HELLO);
    call.headers.insert("authorization", "Bearer secret".parse().unwrap());
    call.headers.insert("cookie", "a=b".parse().unwrap());
    call.headers.insert("origin", "http://localhost".parse().unwrap());
    call.headers.insert("x-app", "kept".parse().unwrap());
    let (status, headers, body) = read(broker.call(call).await.unwrap()).await;
    assert_eq!(status, StatusCode::OK);
    assert!(String::from_utf8(body.unwrap()).unwrap().contains("This is a test!"));
    assert_eq!(headers["x-upstream"], "kept");
    assert!(headers.get("zg-receipt").is_none());

    let (input, output) = (number(&headers, &INPUT_UNITS_HEADER), number(&headers, &OUTPUT_UNITS_HEADER));
    let fee = number(&headers, &FEE_HEADER);
    assert!(input > 0 && output > 0);
    assert_eq!(fee, 100 * input + 200 * output);
    let request: RequestId = headers[&REQUEST_ID_HEADER].to_str().unwrap().parse().unwrap();
    let list = broker.requests(RequestFilter::default(), None, 10, RequestSort::Newest).await.unwrap();
    assert_eq!((list.total, list.fee.total()), (1, Neuron::new(fee)));
    assert_eq!(list.items[0].request, request);
    assert_eq!((list.items[0].state, list.items[0].output), (UserRequestState::Done, Units(output as u64)));
    assert_eq!(broker.receipt(request).await.unwrap().receipt.fee.total(), Neuron::new(fee));

    let account = broker.account(bed.provider()).unwrap();
    assert_eq!((account.owed, account.reserved), (Neuron::new(fee), Neuron::ZERO));
    assert_eq!(account.available, Neuron::new(10_000_000 - fee));
    assert_eq!(broker.snapshot().spent_today, Neuron::new(fee));
    // The voucher for it is brought without another request.
    assert_eq!(bed.script.promised(Neuron::new(fee)).await, Neuron::new(fee));
    let books = bed.script.books.lock();
    assert!(books.unwritten.is_empty());
    let sent = &books.headers[0];
    assert_eq!(sent["x-app"], "kept");
    for private in ["authorization", "cookie", "origin"] {
        assert!(sent.get(private).is_none(), "{private}");
    }
    let mut ended = false;
    while let Ok(event) = news.try_recv() {
        ended |= matches!(event, Event::RequestEnded { state: UserRequestState::Done, .. });
    }
    assert!(ended);
}

#[tokio::test]
async fn a_stream_passes_unchanged_and_its_cost_is_known_at_its_end() {
    let pieces = events("one two three four five");
    let whole: Vec<u8> = pieces.concat();
    let bed = Bed::new(Script::honest(Says::Events(pieces, Duration::from_millis(3)))).await;
    let broker = bed.funded(Settings::default(), 10_000_000).await;
    let answer = broker.call(bed.chat(HELLO)).await.unwrap();
    assert!(is_stream(&answer));
    let (_, headers, body) = read(answer).await;
    assert_eq!(body.unwrap(), whole);
    let request = headers[&REQUEST_ID_HEADER].to_str().unwrap().parse().unwrap();
    let row = broker.request(request).await.unwrap();
    assert_eq!(row.state, UserRequestState::Done);
    assert_eq!(row.fee, PRICES.fee(row.input, row.output).unwrap());
    assert_eq!(broker.account(bed.provider()).unwrap().owed, row.fee.total());
}

#[tokio::test]
async fn storage_is_paid_by_the_byte_with_any_method_and_a_later_receipt() {
    let says = Says::Whole("application/octet-stream", Bytes::from(vec![7; 100_000]));
    let bed = Bed::new(Script { lie: Lie::Later, ..Script::honest(says) }).await;
    let broker = bed.funded(Settings::default(), 1_000_000_000).await;
    let mut call = PaidCall::post(
        bed.provider(),
        name("files"),
        "/file/a?x=1&y=%20",
        HeaderMap::new(),
        Bytes::from(vec![1; 2_000_000]),
    );
    call.method = Method::PUT;
    let (status, headers, body) = read(broker.call(call).await.unwrap()).await;
    assert_eq!((status, body.unwrap().len()), (StatusCode::OK, 100_000));
    let fee = 100 * 2_000_000 + 200 * 100_000;
    let books = bed.until("the receipt is fetched", |books| books.owed == Neuron::new(fee)).await;
    assert_eq!(books.authorized, Neuron::new(fee));
    assert!(headers.get(&REQUEST_ID_HEADER).is_some());
    assert_eq!(bed.script.books.lock().paths[0], "files/file/a?x=1&y=%20");
}

#[tokio::test]
async fn free_endpoints_and_errors_of_the_service_cost_nothing() {
    let bed = Bed::new(Script::honest(Says::Status(503, "overloaded"))).await;
    let broker = bed.funded(Settings::default(), 10_000_000).await;
    let mut models = bed.chat("");
    models.method = Method::GET;
    models.suffix = "/models".to_owned();
    let (status, _, body) = read(broker.call(models).await.unwrap()).await;
    assert_eq!((status, body.unwrap().as_slice()), (StatusCode::OK, &b"free"[..]));

    let (status, headers, body) = read(broker.call(bed.chat(HELLO)).await.unwrap()).await;
    assert_eq!((status, body.unwrap().as_slice()), (StatusCode::SERVICE_UNAVAILABLE, &b"overloaded"[..]));
    let request = headers[&REQUEST_ID_HEADER].to_str().unwrap().parse().unwrap();
    assert_eq!(broker.request(request).await.unwrap().state, UserRequestState::Failed);
    let account = broker.account(bed.provider()).unwrap();
    assert_eq!((account.owed, account.reserved), (Neuron::ZERO, Neuron::ZERO));
}

#[tokio::test]
async fn a_caller_who_leaves_pays_for_what_was_delivered() {
    let bed = Bed::new(Script::honest(Says::Endless)).await;
    let broker = bed.funded(Settings::default(), 1_000_000_000).await;
    let mut answer = broker.call(bed.chat(HELLO)).await.unwrap();
    for _ in 0..5 {
        futures_util::StreamExt::next(&mut answer.body).await.unwrap().unwrap();
    }
    drop(answer);
    let books = bed.until("the cut answer is booked", |books| books.owed > Neuron::ZERO).await;
    let list = broker.requests(RequestFilter::default(), None, 1, RequestSort::Newest).await.unwrap();
    assert_eq!(list.items[0].state, UserRequestState::Done, "{:?}", list.items[0].note);
    assert_eq!(books.owed, bed.script.books.lock().owed);
    bed.nothing_held(&broker).await;
}

#[tokio::test]
async fn the_same_key_never_pays_twice() {
    let bed = Bed::new(Script::honest(chat("once"))).await;
    let broker = bed.funded(Settings::default(), 10_000_000).await;
    let keyed = |body: &str| PaidCall { idempotency_key: Some("k".to_owned()), ..bed.chat(body) };
    // One that cost nothing gives the key back.
    bed.script.say(Says::Status(500, "no"));
    assert_eq!(broker.call(keyed(HELLO)).await.unwrap().status, StatusCode::INTERNAL_SERVER_ERROR);
    bed.script.say(chat("once"));
    assert_eq!(broker.call(keyed(HELLO)).await.unwrap().status, StatusCode::OK);
    let owed = bed.books().await.owed;
    let again = refused(&broker, keyed(HELLO)).await;
    assert!(matches!(again, CallRefusal::Repeated { state: UserRequestState::Done, .. }), "{again}");
    // Also where the call could not be paid any more: it says what became of it, not what it lacks.
    let poor =
        PaidCall { caps: Caps { per_request: Some(Neuron::new(1)), ..Caps::default() }, ..keyed(HELLO) };
    assert!(matches!(refused(&broker, poor).await, CallRefusal::Repeated { .. }));
    let other = refused(&broker, keyed("{}")).await;
    assert!(matches!(other, CallRefusal::User(crate::broker::user::UserError::KeyReused)), "{other}");
    assert_eq!(bed.books().await.owed, owed);
    assert_eq!(broker.account(bed.provider()).unwrap().reserved, Neuron::ZERO);
}

#[tokio::test]
async fn a_price_that_fell_is_taken_and_one_that_rose_is_told() {
    let bed = Bed::new(Script::honest(chat("x"))).await;
    let broker = bed.funded(Settings::default(), 100_000_000).await;
    // Told although nothing changed: one second try, then it passes.
    bed.script.books.lock().refuse_next = Some((409, Fault::new("price_changed", "look again")));
    assert_eq!(broker.call(bed.chat(HELLO)).await.unwrap().status, StatusCode::OK);

    let seen = PaidCall { prices_seen: Some(PRICES), ..bed.chat(HELLO) };
    let dearer = Prices { input: Neuron::new(100), output: Neuron::new(201) };
    bed.list("llama7b", ServiceKind::Chatbot, dearer).await;
    let refusal = refused(&broker, seen).await;
    assert!(
        matches!(refusal, CallRefusal::PriceChanged { now, .. } if now == dearer),
        "the follower or the terms tell it: {refusal}"
    );
    assert_eq!(broker.account(bed.provider()).unwrap().reserved, Neuron::ZERO);
}

#[tokio::test]
async fn many_calls_at_once_cost_what_their_receipts_say() {
    let bed =
        Bed::new(Script { delay: Duration::from_millis(5), ..Script::honest(chat("This is a test!")) }).await;
    let broker = bed.funded(Settings::default(), 100_000_000).await;
    let calls = (0..64).map(|_| async { read(broker.call(bed.chat(HELLO)).await.unwrap()).await.0 });
    let statuses = futures_util::future::join_all(calls).await;
    assert!(statuses.iter().all(|status| *status == StatusCode::OK));
    let account = broker.account(bed.provider()).unwrap();
    let owed = bed.script.books.lock().owed;
    assert_eq!((account.owed, account.reserved), (owed, Neuron::ZERO));
    assert_eq!(bed.script.promised(owed).await, owed);
    let books = bed.script.books.lock();
    assert!(books.at_once > 8, "they ran one after another");
    assert!(books.pushes < 64, "vouchers are brought together");
    assert!(books.unwritten.is_empty());
}
