//! What is shown is what the books come to: recomputed from rows and chain after every step (I17).

use std::sync::atomic::Ordering;

use super::bed::{Bed, HELLO, read, refused};
use super::scripted::{Lie, Says, Script, chat, events};
use crate::broker::user::{Caps, PaidCall, Replace, RequestFilter, RequestSort, Settings, UserBroker};
use crate::domain::{Fee, Neuron, UserRequestState, amount};

async fn shown_is_the_ledger(bed: &Bed, broker: &UserBroker, step: &str) {
    for _ in 0..12_000 {
        if broker.snapshot().reserved.is_zero() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    broker.sync(bed.provider()).await.unwrap();
    let list = broker.requests(RequestFilter::default(), None, 1_000, RequestSort::Oldest).await.unwrap();
    let of = |what: fn(&crate::broker::user::RequestView) -> Neuron| {
        amount::sum(list.items.iter().map(what).collect::<Vec<_>>()).unwrap()
    };
    let fees = of(|row| row.fee.total());
    let open = list.items.iter().filter(|row| !row.state.has_ended());
    let held_at_most = open.fold(Neuron::ZERO, |sum, row| sum.saturating_add(row.max_fee));
    let chain = bed.chain.account(bed.id(), None).await.unwrap().unwrap();
    let snapshot = broker.snapshot();
    let shown = broker.account(bed.provider()).unwrap();
    assert_eq!(snapshot.accounts, std::slice::from_ref(&shown), "{step}");
    assert_eq!((shown.balance, shown.settled), (chain.balance, chain.settled), "{step}");
    assert_eq!(shown.pending_refund, chain.pending_refund(), "{step}");
    assert_eq!((shown.owed, list.fee.total()), (fees, fees), "{step}");
    assert_eq!((shown.reserved, shown.reserved <= held_at_most), (snapshot.reserved, true), "{step}");
    assert_eq!(shown.available, chain.available(fees, shown.reserved), "{step}");
    assert_eq!(snapshot.spent_today, fees, "{step}: all of it was made today");
    let books = bed.books().await;
    assert_eq!((shown.promised, books.owed), (books.authorized, fees), "{step}");
    assert_eq!(books.disputed, of(|row| row.disputed), "{step}");
    assert_eq!(bed.store.audit().await.unwrap(), Vec::<String>::new(), "{step}");
}

#[tokio::test]
async fn what_is_shown_is_what_rows_and_chain_come_to_after_every_step() {
    let bed = Bed::new(Script::honest(chat("This is a test!"))).await;
    let broker = bed.funded(Settings::default(), 10_000_000).await;
    shown_is_the_ledger(&bed, &broker, "opened").await;
    read(broker.call(bed.chat(HELLO)).await.unwrap()).await.2.unwrap();
    shown_is_the_ledger(&bed, &broker, "a whole answer").await;
    bed.script.say(Says::Events(events("word by word"), std::time::Duration::ZERO));
    read(broker.call(bed.chat(HELLO)).await.unwrap()).await.2.unwrap();
    shown_is_the_ledger(&bed, &broker, "a stream").await;
    bed.script.say(Says::Status(503, "away"));
    read(broker.call(bed.chat(HELLO)).await.unwrap()).await.2.unwrap();
    shown_is_the_ledger(&bed, &broker, "a failure").await;
    bed.script.say(chat("This is a test!"));
    bed.script.lie(Lie::HigherUnits);
    read(broker.call(bed.chat(HELLO)).await.unwrap()).await.2.unwrap();
    shown_is_the_ledger(&bed, &broker, "a dispute").await;
    let filter = RequestFilter { state: Some(UserRequestState::Disputed), ..RequestFilter::default() };
    let list = broker.requests(filter, None, 1, RequestSort::Newest).await.unwrap();
    assert_ne!(list.fee, Fee::NONE);
    broker.accept(list.items[0].request, list.items[0].disputed).await.unwrap();
    shown_is_the_ledger(&bed, &broker, "an accepted receipt").await;
    let amount = Neuron::new(4_000_000);
    let refund = broker.request_refund(bed.provider(), amount, Replace::No, None).await.unwrap();
    broker.wait(refund.id, std::time::Duration::from_secs(60)).await.unwrap();
    shown_is_the_ledger(&bed, &broker, "a refund asked for").await;
    let mut outside = bed.chat(HELLO);
    outside.suffix = "/../x".to_owned();
    refused(&broker, outside).await;
    shown_is_the_ledger(&bed, &broker, "a refusal").await;
    let broker = bed.broker(Settings::default()).await;
    shown_is_the_ledger(&bed, &broker, "the next start").await;
}

/// A voucher that could not be written down is not promised by the next one either.
#[tokio::test]
async fn a_voucher_that_never_reached_the_disk_is_forgotten() {
    let bed = Bed::new(Script::honest(chat("This is a test!"))).await;
    bed.script.script.lock().credit_limit = Neuron::ZERO;
    let broker = bed.funded(Settings::default(), 10_000_000).await;
    let capped = || PaidCall {
        caps: Caps { per_request: Some(Neuron::new(1_700)), ..Caps::default() },
        ..bed.chat(HELLO)
    };
    bed.full.store(true, Ordering::Relaxed);
    for _ in 0..3 {
        refused(&broker, bed.chat(HELLO)).await;
    }
    bed.full.store(false, Ordering::Relaxed);
    shown_is_the_ledger(&bed, &broker, "a full disk").await;
    assert_eq!(bed.books().await.authorized, Neuron::ZERO);
    read(broker.call(capped()).await.unwrap()).await.2.unwrap();
    shown_is_the_ledger(&bed, &broker, "a small call after it").await;
    let before = bed.books().await;
    assert!(before.authorized <= Neuron::new(1_700), "{before:?}");
    // Neither does a call whose key was used meanwhile leave a promise behind.
    let same = || PaidCall { idempotency_key: Some("once".to_owned()), ..capped() };
    let (one, two) = tokio::join!(broker.call(same()), broker.call(same()));
    for answer in [one, two].into_iter().flatten() {
        read(answer).await.2.unwrap();
    }
    shown_is_the_ledger(&bed, &broker, "the same call twice at once").await;
    let after = bed.books().await;
    assert!(after.authorized <= before.owed.saturating_add(Neuron::new(1_700)), "{after:?}");
}
