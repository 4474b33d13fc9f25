//! What a provider claims (S16): figures that are none, other people's receipts, other prices, another count. What is
//! signed is what we counted, at the price of a block that we read.

use std::sync::atomic::Ordering;
use std::time::Duration;

use http::StatusCode;
use serde_json::{Value, json};

use super::bed::{Bed, HELLO, PRICES, read, refused};
use super::scripted::{Lie, Says, Script, chat, events};
use crate::broker::user::{
    CallRefusal, Caps, PaidCall, RequestFilter, RequestSort, RequestView, Settings, UserBroker, receipts,
};
use crate::domain::{Neuron, Prices, ServiceKind, UserRequestState};
use crate::wire::fault::Fault;
use crate::wire::terms::MeterName;

/// JSON texts where an amount should be.
const NO_FIGURES: [&str; 22] = [
    "-1",
    "\"-1\"",
    "-0.0",
    "NaN",
    "\"NaN\"",
    "Infinity",
    "\"Infinity\"",
    "1e400",
    "\"1e3\"",
    "1.5",
    "\"1.5\"",
    "\"340282366920938463463374607431768211456\"",
    "\"99999999999999999999999999999999999999999999999999\"",
    "99999999999999999999999999999999999999999999999999",
    "\"0x10\"",
    "\"\"",
    "\" 1\"",
    "\"１２\"",
    "\"1\\u0000\"",
    "[]",
    "{}",
    "true",
];

async fn newest(broker: &UserBroker, count: u32) -> Vec<RequestView> {
    let list = broker.requests(RequestFilter::default(), None, count, RequestSort::Newest).await;
    list.unwrap().items
}

/// The terms of an honest provider, as text.
async fn honest_terms(bed: &Bed) -> String {
    reqwest::Client::new()
        .get(format!("{}/v1/terms", bed.script.url))
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap()
}

#[tokio::test]
async fn terms_with_figures_that_are_none_are_refused() {
    let bed = Bed::new(Script::honest(chat("x"))).await;
    let broker = bed.funded(Settings::default(), 10_000_000).await;
    let terms: Value = serde_json::from_str(&honest_terms(&bed).await).unwrap();
    for figure in NO_FIGURES.into_iter().chain(["null"]) {
        for place in
            ["/CreditLimit", "/Services/0/InputPrice", "/Services/0/OutputPrice", "/Services/1/InputPrice"]
        {
            let mut raw = terms.clone();
            *raw.pointer_mut(place).unwrap() = json!("the figure");
            let raw = raw.to_string().replace("\"the figure\"", figure);
            bed.script.books.lock().raw_terms = Some(raw);
            let refusal = refused(&broker, bed.chat(HELLO)).await;
            assert!(matches!(refusal, CallRefusal::Terms(_)), "{place} {figure}: {refusal}");
        }
    }
    assert!(bed.script.books.lock().headers.is_empty(), "nothing was sent");
    let account = broker.account(bed.provider()).unwrap();
    assert_eq!((account.reserved, account.promised), (Neuron::ZERO, Neuron::ZERO));
    bed.script.books.lock().raw_terms = None;
    assert_eq!(read(broker.call(bed.chat(HELLO)).await.unwrap()).await.0, StatusCode::OK);
}

#[tokio::test]
async fn a_402_with_figures_that_are_none_or_endless_raises_nothing() {
    let bed = Bed::new(Script::honest(chat("This is a test!"))).await;
    let broker = bed.funded(Settings::default(), 10_000_000).await;
    read(broker.call(bed.chat(HELLO)).await.unwrap()).await.2.unwrap();
    let before =
        bed.until("it was paid", |books| books.authorized == books.owed && !books.owed.is_zero()).await;
    let honest = |name: &str, figure: &str| {
        let mut details = json!({
            "bestVoucher": null, "owed": "0", "reserved": "0", "required": "0", "creditLimit": "0", "balance": "0",
            "settled": "0", "pendingRefund": "0",
        });
        details[name] = json!("the figure");
        let body = json!({"error": {"code": "voucher_needed", "message": "pay", "details": details}});
        body.to_string().replace("\"the figure\"", figure)
    };
    // The largest there is, too: all that it says is needed.
    let most = format!("\"{}\"", u128::MAX);
    for figure in NO_FIGURES.into_iter().chain([most.as_str(), "\"10000000\""]) {
        for name in ["owed", "reserved", "required", "creditLimit", "balance"] {
            bed.script.books.lock().raw_refusal = Some((402, honest(name, figure)));
            match broker.call(bed.chat(HELLO)).await {
                // Passed on as it came, or told as what it is.
                Ok(answer) => assert_eq!(answer.status, StatusCode::PAYMENT_REQUIRED),
                Err(CallRefusal::ProviderShort { signed, .. }) => assert!(signed <= Neuron::new(20_000)),
                Err(other) => panic!("{name} {figure}: {other}"),
            }
            let after = bed.books().await;
            assert_eq!(after.owed, before.owed, "{name} {figure}");
            // No more than the highest fee of the one request that was asked about.
            assert!(
                after.authorized <= before.owed.saturating_add(Neuron::new(20_000)),
                "{name} {figure}: {after:?}"
            );
        }
    }
    assert_eq!(broker.account(bed.provider()).unwrap().reserved, Neuron::ZERO);
}

/// A cap of one call bounds what is promised for it after a 402, too: an empty database of an honest provider asks as
/// a greedy one does.
#[tokio::test]
async fn a_402_brings_no_more_than_the_cap_of_the_call() {
    let bed = Bed::new(Script::honest(chat("This is a test!"))).await;
    bed.script.script.lock().credit_limit = Neuron::ZERO;
    let broker = bed.funded(Settings::default(), 10_000_000).await;
    read(broker.call(bed.chat(HELLO)).await.unwrap()).await.2.unwrap();
    let before =
        bed.until("it was paid", |books| books.authorized >= books.owed && !books.owed.is_zero()).await;
    let already = before.authorized.max(before.owed);
    for (cap, day) in [(Some(1_700), None), (None, Some(before.owed.get() + 1_900))] {
        let details = json!({
            "bestVoucher": null, "owed": before.owed, "reserved": "0", "required": "0", "creditLimit": "0",
            "balance": "10000000", "settled": "0", "pendingRefund": "0",
        });
        let body = json!({"error": {"code": "voucher_needed", "message": "pay", "details": details}});
        bed.script.books.lock().raw_refusal = Some((402, body.to_string()));
        let caps =
            Caps { per_request: cap.map(Neuron::new), per_day: day.map(Neuron::new), ..Caps::default() };
        let refusal = refused(&broker, PaidCall { caps, ..bed.chat(HELLO) }).await;
        assert!(matches!(refusal, CallRefusal::ProviderShort { .. }), "{refusal}");
        let highest = Neuron::new(cap.unwrap_or(1_900));
        let after = bed.books().await;
        assert_eq!(after.owed, before.owed);
        assert!(after.authorized <= already.max(before.owed.saturating_add(highest)), "{cap:?}: {after:?}");
    }
}

/// What we saw counts although the disk could not take it: the receipt that is asked for later gets no more.
#[tokio::test]
async fn our_own_count_outlives_a_disk_that_was_full_at_the_end() {
    let slow = Script { delay: Duration::from_millis(300), ..Script::honest(chat("This is a test!")) };
    let bed = Bed::new(slow).await;
    let broker = bed.funded(Settings::default(), 10_000_000).await;
    bed.script.lie(Lie::HigherUnits);
    let call = async { read(broker.call(bed.chat(HELLO)).await.unwrap()).await.2.map(drop) };
    let fill = async {
        while bed.script.books.lock().auths.is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        bed.full.store(true, Ordering::Relaxed);
    };
    let (answered, ()) = tokio::join!(call, fill);
    answered.unwrap();
    let row = newest(&broker, 1).await.remove(0);
    assert_eq!((row.state, row.fee.total()), (UserRequestState::Sent, Neuron::ZERO));
    bed.full.store(false, Ordering::Relaxed);
    receipts::catch_up(&broker.inner, bed.provider()).await;
    let row = newest(&broker, 1).await.remove(0);
    let own = PRICES.fee(row.input, row.output).unwrap();
    assert_eq!((row.state, row.fee), (UserRequestState::Disputed, own), "{row:?}");
    assert!(!row.disputed.is_zero());
    let account = broker.account(bed.provider()).unwrap();
    assert_eq!((account.owed, account.reserved), (own.total(), Neuron::ZERO));
    assert!(broker.inner.unwritten.lock().is_empty());
}

/// What an answer swells to before it can be counted is bounded over all calls, however small it came.
#[tokio::test]
async fn an_answer_that_finds_no_memory_is_broken_off_and_gives_back_what_it_had() {
    let bed = Bed::new(Script::honest(chat("This is a test!"))).await;
    let broker = bed.funded(Settings { body_memory: 512 << 10, ..Settings::default() }, 10_000_000).await;
    let text = format!("{{\"choices\": [{{\"message\": {{\"content\": \"{}\"}}}}]}}", " a".repeat(1 << 20));
    // Without a receipt in its head it is passed on as it comes.
    bed.script.lie(Lie::Later);
    bed.script.say(Says::Whole("application/json", text.clone().into()));
    // Told with a status where nothing of it has been passed on, else by breaking the connection.
    if let Ok(answer) = broker.call(bed.chat(HELLO)).await {
        assert!(read(answer).await.2.is_err(), "it is not whole");
    }
    bed.nothing_held(&broker).await;
    assert_eq!(broker.inner.spool.in_memory(), 0);
    // One that has the room gets through.
    bed.script.lie(Lie::None);
    bed.script.say(chat("This is a test!"));
    read(broker.call(bed.chat(HELLO)).await.unwrap()).await.2.unwrap();
}

#[tokio::test]
async fn what_a_provider_says_to_a_voucher_changes_nothing() {
    let bed = Bed::new(Script::honest(chat("This is a test!"))).await;
    let broker = bed.funded(Settings::default(), 10_000_000).await;
    for figure in NO_FIGURES.into_iter().chain(["\"9000000\"", "\"0\""]) {
        let raw = format!("{{\"Cumulative\": {figure}, \"Owed\": {figure}}}");
        bed.script.books.lock().raw_accepted = Some(raw);
        read(broker.call(bed.chat(HELLO)).await.unwrap()).await.2.unwrap();
        let rows = newest(&broker, 50).await;
        let due = rows.iter().map(|row| row.fee.total().get()).sum();
        let account = broker.account(bed.provider()).unwrap();
        assert_eq!(account.owed, Neuron::new(due), "{figure}");
        assert!(account.promised <= account.owed, "{figure}: {account:?}");
    }
}

#[tokio::test]
async fn a_receipt_counts_for_its_own_request_once() {
    let bed = Bed::new(Script::honest(chat("This is a test!"))).await;
    let broker = bed.funded(Settings::default(), 10_000_000).await;
    read(broker.call(bed.chat(HELLO)).await.unwrap()).await.2.unwrap();
    let first = newest(&broker, 1).await.remove(0);
    let old = *bed.script.books.lock().receipts.values().next().unwrap();
    // The next answer says nothing; asked, the provider shows what was paid already, under the new name.
    bed.script.say(chat("x"));
    bed.script.lie(Lie::Never);
    let call = read(broker.call(bed.chat(HELLO)).await.unwrap());
    let forge = async {
        loop {
            let new = bed
                .script
                .books
                .lock()
                .auths
                .last()
                .map(|auth| auth.request)
                .filter(|id| *id != first.request);
            if let Some(new) = new {
                bed.script.books.lock().receipts.insert(new, old);
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let ((.., body), ()) = tokio::join!(call, forge);
    body.unwrap();
    let waits = async || newest(&broker, 1).await.remove(0);
    for _ in 0..6_000 {
        if waits().await.state == UserRequestState::Unconfirmed {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let replayed = waits().await;
    assert_eq!((replayed.state, replayed.fee.total()), (UserRequestState::Unconfirmed, Neuron::ZERO));
    let account = broker.account(bed.provider()).unwrap();
    // Our own count is held for the receipt that may still come, and nothing is owed for the one that was paid.
    let counted = PRICES.fee(replayed.input, replayed.output).unwrap().total();
    assert!(!counted.is_zero() && counted < first.fee.total());
    assert_eq!((account.owed, account.reserved), (first.fee.total(), counted));
    assert!(account.promised <= first.fee.total());
    let before = newest(&broker, 2).await.remove(1);
    assert_eq!((before.fee, before.state), (first.fee, UserRequestState::Done), "the first is as it was");
    assert_eq!(bed.store.audit().await.unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn a_price_that_rises_in_mid_flight_needs_consent_and_is_not_paid_before() {
    let slow = Script { delay: Duration::from_millis(400), ..Script::honest(chat("This is a test!")) };
    let bed = Bed::new(slow).await;
    let broker = bed.funded(Settings::default(), 100_000_000).await;
    let dearer = Prices { input: Neuron::new(300), output: Neuron::new(900) };
    let call = async { read(broker.call(bed.chat(HELLO)).await.unwrap()).await.2.map(drop) };
    let raise = async {
        while bed.script.books.lock().auths.is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        // First what it charges: the change on the chain may take longer than the answer.
        bed.script.script.lock().prices = dearer;
        bed.list("llama7b", ServiceKind::Chatbot, dearer).await;
        broker.sync_all().await.unwrap();
    };
    let (called, ()) = tokio::join!(call, raise);
    called.unwrap();
    let row = newest(&broker, 1).await.remove(0);
    assert_eq!(row.state, UserRequestState::Disputed, "it charged what nobody had agreed to");
    assert_eq!(row.fee, PRICES.fee(row.input, row.output).unwrap());
    // The next one is told the new price first, and nothing of it is sent.
    let sent = bed.script.books.lock().headers.len();
    let refusal = refused(&broker, bed.chat(HELLO)).await;
    assert!(
        matches!(refusal, CallRefusal::PriceChanged { seen: PRICES, now, .. } if now == dearer),
        "{refusal}"
    );
    assert_eq!(bed.script.books.lock().headers.len(), sent);
    read(broker.call(bed.chat(HELLO)).await.unwrap()).await.2.unwrap();
    let row = newest(&broker, 1).await.remove(0);
    assert_eq!((row.state, row.fee), (UserRequestState::Done, dearer.fee(row.input, row.output).unwrap()));
}

/// Terms that cannot be had make us look at the chain again. What that finds has been told to nobody.
#[tokio::test]
async fn a_price_that_rose_is_told_whatever_the_terms_said_before() {
    let bed = Bed::new(Script::honest(chat("This is a test!"))).await;
    let broker = bed.funded(Settings::default(), 100_000_000).await;
    read(broker.call(bed.chat(HELLO)).await.unwrap()).await.2.unwrap();
    let dearer = Prices { input: Neuron::new(300), output: Neuron::new(900) };
    bed.list("llama7b", ServiceKind::Chatbot, dearer).await;
    bed.script.script.lock().prices = dearer;
    broker.sync_all().await.unwrap();
    bed.script.books.lock().raw_terms = Some("no terms".to_owned());
    let refusal = refused(&broker, bed.chat(HELLO)).await;
    assert!(matches!(refusal, CallRefusal::Terms(_)), "{refusal}");
    bed.script.books.lock().raw_terms = None;
    // Neither does one that has seen the prices speak for those who have not.
    let seen = PaidCall { prices_seen: Some(dearer), ..bed.chat(HELLO) };
    bed.script.books.lock().refuse_next = Some((409, Fault::new("price_changed", "look again")));
    read(broker.call(seen).await.unwrap()).await.2.unwrap();
    let sent = bed.script.books.lock().headers.len();
    let refusal = refused(&broker, bed.chat(HELLO)).await;
    assert!(
        matches!(refusal, CallRefusal::PriceChanged { seen: PRICES, now, .. } if now == dearer),
        "{refusal}"
    );
    assert_eq!(bed.script.books.lock().headers.len(), sent);
}

/// A provider may say that its server counts. That costs nobody more than the text that came.
#[tokio::test]
async fn a_servers_own_figures_never_cost_more_than_we_counted() {
    let bed = Bed::new(Script::honest(chat("This is a test!"))).await;
    let broker = bed.funded(Settings::default(), 10_000_000).await;
    read(broker.call(bed.chat(HELLO)).await.unwrap()).await.2.unwrap();
    let own = newest(&broker, 1).await.remove(0);
    // From one moment to the next, and without a new price: terms are not on the chain.
    bed.script.script.lock().meter = MeterName::Usage;
    broker.inner.terms.forget(bed.provider());
    bed.script.lie(Lie::HigherUnits);
    for says in [chat("This is a test!"), Says::Events(events("This is a test!"), Duration::ZERO)] {
        bed.script.say(says);
        read(broker.call(bed.chat(HELLO)).await.unwrap()).await.2.unwrap();
        let row = newest(&broker, 1).await.remove(0);
        assert_eq!((row.state, row.fee), (UserRequestState::Disputed, own.fee));
        assert!(!row.disputed.is_zero() && row.note.is_some(), "{row:?}");
    }
    // An honest one is paid as it says.
    bed.script.lie(Lie::None);
    read(broker.call(bed.chat(HELLO)).await.unwrap()).await.2.unwrap();
    assert_eq!(newest(&broker, 1).await[0].state, UserRequestState::Done);
    assert_eq!(broker.account(bed.provider()).unwrap().owed.get(), 4 * own.fee.total().get());
}

/// What happens at other providers says nothing about the one that a voucher could not be brought to.
#[tokio::test]
async fn the_tries_to_bring_a_voucher_are_not_used_up_by_what_happens_elsewhere() {
    let bed = Bed::new(Script::honest(chat("This is a test!"))).await;
    let broker = bed.funded(Settings::default(), 1_000_000).await;
    bed.script.books.lock().refuse_pushes = true;
    read(broker.call(bed.chat(HELLO)).await.unwrap()).await.2.unwrap();
    let owed = bed.books().await.owed;
    assert!(owed > Neuron::ZERO);
    for _ in 0..300 {
        broker.inner.room.notify_waiters();
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(bed.script.books.lock().pushes > 0);
    bed.script.books.lock().refuse_pushes = false;
    assert_eq!(bed.script.promised(owed).await, owed);
}
