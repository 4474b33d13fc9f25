//! Receipts that a person accepts although our own count differs.

use super::bed::{Bed, HELLO, read, refused};
use super::scripted::{Lie, Script, chat};
use crate::broker::user::{
    CallRefusal, Cap, Caps, RequestFilter, RequestSort, RequestView, Settings, UserBroker, UserError,
};
use crate::domain::{Neuron, RequestId, UserRequestState};
use crate::keys::Wallet;

/// A provider that lends nothing and tells a lie in its receipt.
fn prepaid(lie: Lie) -> Script {
    Script { credit_limit: Neuron::ZERO, lie, ..Script::honest(chat("This is a test!")) }
}

async fn row(broker: &UserBroker) -> RequestView {
    let list = broker.requests(RequestFilter::default(), None, 1, RequestSort::Newest).await.unwrap();
    list.items.into_iter().next().unwrap()
}

/// Pays for an answer whose receipt asks for more than our count.
async fn dispute(bed: &Bed, broker: &UserBroker) -> RequestView {
    bed.script.lie(Lie::HigherUnits);
    read(broker.call(bed.chat(HELLO)).await.unwrap()).await.2.unwrap();
    bed.script.lie(Lie::None);
    let row = row(broker).await;
    assert_eq!((row.state, row.disputed), (UserRequestState::Disputed, Neuron::new(1_400)));
    row
}

/// Nothing is held, nothing of it was booked, and memory says what the disk says.
async fn books_are(bed: &Bed, broker: &UserBroker, owed: Neuron) {
    let account = broker.account(bed.provider()).unwrap();
    assert_eq!((account.owed, account.reserved), (owed, Neuron::ZERO));
    assert_eq!(bed.books().await.owed, owed);
    assert_eq!(bed.store.audit().await.unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn accepting_a_receipt_frees_an_account_to_which_nothing_is_lent() {
    let bed = Bed::new(prepaid(Lie::None)).await;
    let broker = bed.funded(Settings::default(), 10_000_000).await;
    let row = dispute(&bed, &broker).await;
    let refusal = refused(&broker, bed.chat(HELLO)).await;
    assert!(matches!(refusal, CallRefusal::ProviderShort { .. }), "{refusal}");

    // Only the very sum is consent.
    for other in [1, 1_399, 1_401, u128::MAX] {
        let refused = broker.accept(row.request, Neuron::new(other)).await.unwrap_err();
        let CallRefusal::User(UserError::OtherAmount { disputed, .. }) = refused else { panic!("{refused}") };
        assert_eq!(disputed, row.disputed);
    }
    books_are(&bed, &broker, row.fee.total()).await;

    let accepted = broker.accept(row.request, row.disputed).await.unwrap();
    assert_eq!((accepted.state, accepted.disputed), (UserRequestState::Done, Neuron::ZERO));
    assert!(accepted.accepted_at.is_some() && accepted.note.is_some());
    let owed = row.fee.total().saturating_add(row.disputed);
    assert_eq!((accepted.fee.total(), bed.script.books.lock().owed), (owed, owed));
    books_are(&bed, &broker, owed).await;
    assert_eq!(broker.snapshot().spent_today, owed);
    assert!(bed.script.promised(owed).await >= owed, "a voucher for it is brought");
    assert!(bed.books().await.authorized >= owed);
    assert!(bed.script.books.lock().unwritten.is_empty());

    read(broker.call(bed.chat(HELLO)).await.unwrap()).await.2.unwrap();
    // Once.
    let again = broker.accept(row.request, row.disputed).await.unwrap_err();
    assert!(matches!(again, CallRefusal::User(UserError::AcceptedBefore(_))), "{again}");
    let owed = bed.script.books.lock().owed;
    books_are(&bed, &broker, owed).await;
    // As the next run finds it.
    let broker = bed.broker(Settings::default()).await;
    books_are(&bed, &broker, owed).await;
    assert_eq!(broker.request(row.request).await.unwrap().accepted_at, accepted.accepted_at);
}

#[tokio::test]
async fn many_who_accept_at_once_pay_once() {
    let bed = Bed::new(prepaid(Lie::None)).await;
    let broker = bed.funded(Settings::default(), 10_000_000).await;
    let row = dispute(&bed, &broker).await;
    let all = futures_util::future::join_all((0..10).map(|_| broker.accept(row.request, row.disputed))).await;
    assert_eq!(all.iter().filter(|one| one.is_ok()).count(), 1);
    books_are(&bed, &broker, row.fee.total().saturating_add(row.disputed)).await;
}

#[tokio::test]
async fn a_caller_who_leaves_does_not_part_memory_from_disk() {
    let bed = Bed::new(prepaid(Lie::None)).await;
    let broker = bed.funded(Settings::default(), 10_000_000).await;
    let row = dispute(&bed, &broker).await;
    // Begun, and given up while the disk is at work.
    let mut accept = Box::pin(broker.accept(row.request, row.disputed));
    let begun = std::future::poll_fn(|context| {
        std::task::Poll::Ready(Future::poll(accept.as_mut(), context).is_pending())
    });
    assert!(begun.await);
    drop(accept);
    let owed = row.fee.total().saturating_add(row.disputed);
    bed.until("accepted all the same", |books| books.owed == owed).await;
    for _ in 0..12_000 {
        if broker.account(bed.provider()).unwrap().owed == owed {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    books_are(&bed, &broker, owed).await;
}

#[tokio::test]
async fn caps_and_deposit_bound_what_is_accepted() {
    let bed = Bed::new(prepaid(Lie::None)).await;
    let broker = bed.funded(Settings::default(), 10_000_000).await;
    let row = dispute(&bed, &broker).await;
    let after = row.fee.total().saturating_add(row.disputed);
    let short = Some(after.above(Neuron::new(1)));
    let none = Caps::default();
    for (cap, caps) in [
        (Cap::Request, Caps { per_request: short, ..none }),
        (Cap::Day, Caps { per_day: short, ..none }),
        (Cap::Provider, Caps { per_provider: short, ..none }),
        (Cap::Total, Caps { total: short, ..none }),
    ] {
        broker.set_own_caps(caps).await.unwrap();
        let refused = broker.accept(row.request, row.disputed).await.unwrap_err();
        let CallRefusal::CapReached { cap: found, limit, .. } = refused else { panic!("{refused}") };
        assert_eq!((found, Some(limit)), (cap, short));
        books_are(&bed, &broker, row.fee.total()).await;
    }
    broker.set_own_caps(none).await.unwrap();
    // All but a part of it is asked back, so it no longer backs anything.
    let free = broker.account(bed.provider()).unwrap().available.above(Neuron::new(1_399));
    let refund =
        broker.request_refund(bed.provider(), free, crate::broker::user::Replace::No, None).await.unwrap();
    broker.wait(refund.id, std::time::Duration::from_secs(60)).await.unwrap();
    broker.sync(bed.provider()).await.unwrap();
    let refused = broker.accept(row.request, row.disputed).await.unwrap_err();
    assert!(matches!(refused, CallRefusal::InsufficientBalance { .. }), "{refused}");
    books_are(&bed, &broker, row.fee.total()).await;
    broker.set_own_caps(Caps { per_request: Some(after), per_day: Some(after), ..none }).await.unwrap();
    let cancelled = broker.cancel_refund(bed.provider(), None).await.unwrap();
    broker.wait(cancelled.id, std::time::Duration::from_secs(60)).await.unwrap();
    broker.sync(bed.provider()).await.unwrap();
    broker.accept(row.request, row.disputed).await.unwrap();
    books_are(&bed, &broker, after).await;
}

#[tokio::test]
async fn only_the_providers_own_receipt_about_it_can_be_accepted() {
    let bed = Bed::new(prepaid(Lie::None)).await;
    let broker = bed.funded(Settings::default(), 10_000_000).await;
    let unknown = broker.accept(RequestId::random(), Neuron::new(5)).await.unwrap_err();
    assert!(matches!(unknown, CallRefusal::User(UserError::UnknownRequest(_))), "{unknown}");
    read(broker.call(bed.chat(HELLO)).await.unwrap()).await.2.unwrap();
    let honest = row(&broker).await;
    let refused = broker.accept(honest.request, Neuron::new(5)).await.unwrap_err();
    assert!(matches!(refused, CallRefusal::User(UserError::NotDisputed { .. })), "{refused}");

    // Asked for, a stranger's receipt, one about another account, and one about another body come.
    for forge in 0..3 {
        bed.script.lie(Lie::Never);
        let call = read(broker.call(bed.chat(HELLO)).await.unwrap());
        call.await.2.unwrap();
        let auth = *bed.script.books.lock().auths.last().unwrap();
        let mut signed = broker.receipt(honest.request).await.unwrap().signed().unwrap();
        let receipt = &mut signed.receipt;
        (receipt.request, receipt.body_hash) = (auth.request, auth.body_hash);
        receipt.fee.output = receipt.fee.output.saturating_add(Neuron::new(1_000));
        match forge {
            1 => receipt.account.user = bed.provider(),
            2 => receipt.body_hash = crate::domain::B256::ZERO,
            _ => {}
        }
        let stranger = Wallet::random().unwrap();
        let key = if forge == 0 { &stranger } else { &*bed.provider };
        signed.signature = key.sign(signed.receipt.signing_hash(&bed.chain.domain())).unwrap();
        let owed = {
            let mut books = bed.script.books.lock();
            books.receipts.insert(auth.request, signed);
            // It forgets what it is owed, so that the next call is served.
            std::mem::take(&mut books.owed)
        };
        assert!(!owed.is_zero());
        for _ in 0..6_000 {
            if broker.request(auth.request).await.unwrap().state == UserRequestState::Disputed {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        let row = broker.request(auth.request).await.unwrap();
        assert_eq!((row.state, row.disputed), (UserRequestState::Disputed, Neuron::new(1_000)), "{forge}");
        let before = broker.account(bed.provider()).unwrap().owed;
        let refused = broker.accept(row.request, row.disputed).await.unwrap_err();
        assert!(matches!(refused, CallRefusal::User(UserError::NotItsReceipt(_))), "{forge}: {refused}");
        books_are(&bed, &broker, before).await;
    }
}

#[tokio::test]
async fn an_unconfirmed_request_is_asked_about_before_anything_is_accepted() {
    let bed = Bed::new(prepaid(Lie::Never)).await;
    let broker = bed.funded(Settings::default(), 10_000_000).await;
    read(broker.call(bed.chat(HELLO)).await.unwrap()).await.2.unwrap();
    for _ in 0..6_000 {
        if row(&broker).await.state == UserRequestState::Unconfirmed {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    let open = row(&broker).await;
    let refused = broker.accept(open.request, Neuron::new(1)).await.unwrap_err();
    assert!(matches!(refused, CallRefusal::User(UserError::NoReceipt(_))), "{refused}");
    // It has one now, for 7 units more than came.
    let auth = *bed.script.books.lock().auths.last().unwrap();
    let signed = bed.script.sign(&auth, (open.input, crate::domain::Units(open.output.0 + 7)));
    bed.script.books.lock().receipts.insert(auth.request, signed);
    let accepted = broker.accept(open.request, Neuron::new(1_400)).await.unwrap();
    assert!(accepted.accepted_at.is_some());
    books_are(&bed, &broker, signed.receipt.fee.total()).await;
}
