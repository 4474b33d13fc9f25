//! Providers that lie, fail or forget.

use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;

use super::bed::{Bed, HELLO, PRICES, breaks, read, refused};
use super::scripted::{Lie, Says, Script, chat, events};
use crate::broker::user::{
    CallRefusal, RequestFilter, RequestSort, RequestView, Settings, UpstreamError, UrlError, UserBroker,
};
use crate::domain::{Neuron, ServiceKind, SignedVoucher, UserRequestState, Voucher};
use crate::keys::Wallet;
use crate::wire::auth::encode_voucher;
use crate::wire::fault::Fault;
use crate::wire::terms::Shortage;

async fn last(broker: &UserBroker) -> RequestView {
    let list = broker.requests(RequestFilter::default(), None, 1, RequestSort::Newest).await.unwrap();
    list.items.into_iter().next().unwrap()
}

#[tokio::test]
async fn a_lying_receipt_is_shown_and_only_our_own_count_is_paid() {
    let bed = Bed::new(Script::lying(Lie::None)).await;
    let broker = bed.funded(Settings::default(), 10_000_000).await;
    read(broker.call(bed.chat(HELLO)).await.unwrap()).await.2.unwrap();
    let honest = last(&broker).await.fee;
    let pieces = events("This is a test!");
    let mut calls = 1;
    for lie in [Lie::HigherFee, Lie::HigherUnits, Lie::WrongKey, Lie::WrongHash, Lie::OtherRequest] {
        bed.script.lie(lie);
        for says in [chat("This is a test!"), Says::Events(pieces.clone(), Duration::ZERO)] {
            bed.script.say(says);
            let (status, _, body) = read(broker.call(bed.chat(HELLO)).await.unwrap()).await;
            assert_eq!(status, StatusCode::OK);
            body.unwrap();
            let row = last(&broker).await;
            assert_eq!(row.state, UserRequestState::Disputed, "{lie:?}");
            assert_eq!(row.fee.input, honest.input, "{lie:?}");
            assert!(row.fee.output <= honest.output, "{lie:?}");
            assert!(row.note.is_some());
            calls += 1;
        }
    }
    let account = broker.account(bed.provider()).unwrap();
    let list = broker.requests(RequestFilter::default(), None, 50, RequestSort::Newest).await.unwrap();
    assert_eq!((list.total, list.fee.total()), (calls, account.owed));
    assert!(account.owed < bed.script.books.lock().owed);
    assert_eq!(account.reserved, Neuron::ZERO);
    assert_eq!(account.promised, account.owed);
}

#[tokio::test]
async fn without_a_receipt_the_hold_stays_and_then_our_own_count_is_owed() {
    let bed = Bed::new(Script::lying(Lie::Never)).await;
    let settings = Settings { receipt_patience: 10, ..Settings::default() };
    let broker = bed.funded(settings, 10_000_000).await;
    read(broker.call(bed.chat(HELLO)).await.unwrap()).await.2.unwrap();
    for _ in 0..6_000 {
        if last(&broker).await.state == UserRequestState::Unconfirmed {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(last(&broker).await.state, UserRequestState::Unconfirmed);
    assert!(broker.account(bed.provider()).unwrap().reserved > Neuron::ZERO);
    bed.until("own count booked", |books| books.owed > Neuron::ZERO).await;
    let row = last(&broker).await;
    assert_eq!((row.state, row.fee), (UserRequestState::Done, PRICES.fee(row.input, row.output).unwrap()));
    bed.nothing_held(&broker).await;
}

#[tokio::test]
async fn a_garbled_receipt_is_asked_for_again() {
    let bed = Bed::new(Script::lying(Lie::Garbage)).await;
    let broker = bed.funded(Settings::default(), 10_000_000).await;
    read(broker.call(bed.chat(HELLO)).await.unwrap()).await.2.unwrap();
    bed.until("booked by the receipt that was fetched", |books| books.owed > Neuron::ZERO).await;
    assert_eq!(last(&broker).await.state, UserRequestState::Done);
}

#[tokio::test]
async fn a_broken_answer_reaches_the_caller_as_broken() {
    let first = events("half an answer").remove(0);
    let bed = Bed::new(Script::honest(Says::Breaks(first))).await;
    let broker = bed.funded(Settings::default(), 10_000_000).await;
    assert!(breaks(&broker, bed.chat(HELLO)).await);
    assert!(bed.books().await.owed.is_zero());
}

#[tokio::test]
async fn redirects_silence_and_endless_lines_are_not_followed() {
    let elsewhere = "http://169.254.169.254/".to_owned();
    let bed = Bed::new(Script::honest(Says::Redirect(elsewhere))).await;
    let settings = Settings { first_byte_timeout: 5, max_chat_answer: 200_000, ..Settings::default() };
    let broker = bed.funded(settings, 10_000_000).await;
    let answer = broker.call(bed.chat(HELLO)).await.unwrap();
    assert_eq!(answer.status, StatusCode::TEMPORARY_REDIRECT);
    assert_eq!(last(&broker).await.state, UserRequestState::Failed);

    bed.script.say(Says::Silence);
    let refusal = refused(&broker, bed.chat(HELLO)).await;
    assert!(matches!(refusal, CallRefusal::Upstream(UpstreamError::Timeout { .. })), "{refusal}");
    assert_eq!(last(&broker).await.state, UserRequestState::Unconfirmed);

    for piece in ["data: ".to_owned() + &"x".repeat(300_000), ": zg-".to_owned() + &"y".repeat(100_000)] {
        bed.script.say(Says::Events(vec![Bytes::from(piece)], Duration::ZERO));
        assert!(breaks(&broker, bed.chat(HELLO)).await);
    }
    let account = broker.account(bed.provider()).unwrap();
    assert!(account.promised <= account.owed.saturating_add(account.balance));
}

/// What we refuse to take in was delivered all the same: the end of it that we did not read is no dispute.
#[tokio::test]
async fn an_answer_beyond_our_own_limit_is_cut_by_us() {
    let pieces = events("one two three four five six seven eight");
    let taken: usize = pieces.iter().take(6).map(Bytes::len).sum();
    let bed = Bed::new(Script::honest(Says::Events(pieces, Duration::from_millis(20)))).await;
    let settings = Settings { max_chat_answer: taken as u64 + 10, ..Settings::default() };
    let broker = bed.funded(settings, 10_000_000).await;
    assert!(breaks(&broker, bed.chat(HELLO)).await);
    bed.nothing_held(&broker).await;
    let row = last(&broker).await;
    assert_eq!((row.state, row.note), (UserRequestState::Done, None));
    let told = bed.script.books.lock().owed;
    assert_eq!((broker.account(bed.provider()).unwrap().owed, row.fee.total()), (told, told));
}

#[tokio::test]
async fn private_addresses_are_refused_unless_allowed() {
    let bed = Bed::new(Script::honest(chat("x"))).await;
    let settings = Settings { allow_private_providers: Some(false), ..Settings::default() };
    let broker = bed.funded(settings, 10_000_000).await;
    let refusal = refused(&broker, bed.chat(HELLO)).await;
    let CallRefusal::Terms(error) = refusal else { panic!("{refusal}") };
    let upstream = UpstreamError::Url(UrlError::Private([127, 0, 0, 1].into()));
    assert_eq!(error, crate::broker::user::TermsError::Fetch(upstream));
    assert!(bed.script.books.lock().headers.is_empty());
}

#[tokio::test]
async fn terms_that_contradict_the_chain_are_refused() {
    let bed = Bed::new(Script::honest(chat("x"))).await;
    let broker = bed.funded(Settings::default(), 10_000_000).await;
    bed.script.books.lock().terms_version = Some(7);
    let refusal = refused(&broker, bed.chat(HELLO)).await;
    assert!(matches!(refusal, CallRefusal::Terms(_)), "{refusal}");
}

#[tokio::test]
async fn a_provider_that_claims_a_huge_debt_gets_no_voucher_for_it() {
    let bed = Bed::new(Script { credit_limit: Neuron::ZERO, ..Script::honest(chat("x")) }).await;
    let settings = Settings { max_exposure: Some(Neuron::new(20_000)), ..Settings::default() };
    let broker = bed.funded(settings, 10_000_000).await;
    bed.script.books.lock().owed = Neuron::new(5_000_000);
    let refusal = refused(&broker, bed.chat(HELLO)).await;
    let CallRefusal::ProviderShort { required, signed, .. } = refusal else { panic!("{refusal}") };
    assert!(required >= Neuron::new(5_000_000) && signed < Neuron::new(20_000), "{required} {signed}");
    assert!(bed.books().await.authorized < Neuron::new(20_000));
    let account = broker.account(bed.provider()).unwrap();
    assert_eq!((account.owed, account.reserved), (Neuron::ZERO, Neuron::ZERO));
    // A small difference is within the exposure that the user has allowed.
    bed.script.books.lock().owed = Neuron::new(1_000);
    let (status, ..) = read(broker.call(bed.chat(HELLO)).await.unwrap()).await;
    assert_eq!(status, StatusCode::OK);
}

#[tokio::test]
async fn a_change_of_prices_between_listing_and_call_is_seen() {
    let bed = Bed::new(Script::honest(chat("x"))).await;
    let broker = bed.funded(Settings::default(), 10_000_000).await;
    let cheaper = crate::domain::Prices { input: Neuron::new(100), output: Neuron::new(1) };
    bed.list("llama7b", ServiceKind::Chatbot, cheaper).await;
    // The scripted provider still charges the old price; that is not paid.
    read(broker.call(bed.chat(HELLO)).await.unwrap()).await.2.unwrap();
    let row = last(&broker).await;
    assert_eq!(row.fee, cheaper.fee(row.input, row.output).unwrap());
    assert_eq!(row.state, UserRequestState::Disputed);
}

#[tokio::test]
async fn a_voucher_that_we_did_not_sign_teaches_us_nothing() {
    let bed = Bed::new(Script::honest(chat("x"))).await;
    let broker = bed.funded(Settings::default(), 10_000_000).await;
    let stranger = Wallet::random().unwrap();
    let voucher = Voucher { account: bed.id(), epoch: 0, cumulative: Neuron::new(9_000_000) };
    let signature = stranger.sign(voucher.signing_hash(&bed.chain.domain())).unwrap();
    let shortage = Shortage {
        best_voucher: Some(encode_voucher(&SignedVoucher { voucher, signature })),
        owed: Neuron::new(9_000_000),
        reserved: Neuron::ZERO,
        required: Neuron::new(9_500_000),
        credit_limit: Neuron::ZERO,
        balance: Neuron::new(10_000_000),
        settled: Neuron::ZERO,
        pending_refund: Neuron::ZERO,
    };
    bed.script.script.lock().credit_limit = Neuron::ZERO;
    bed.script.books.lock().refuse_next =
        Some((402, Fault::new("voucher_needed", "pay").with_all(&shortage)));
    let refusal = refused(&broker, bed.chat(HELLO)).await;
    assert!(matches!(refusal, CallRefusal::ProviderShort { .. }), "{refusal}");
    let books = bed.books().await;
    assert!(books.authorized < Neuron::new(20_000) && books.owed.is_zero(), "{books:?}");
}

#[tokio::test]
async fn a_caller_who_leaves_before_the_answer_stops_the_provider() {
    // Longer than is waited for the end below: by itself it does not come.
    let bed = Bed::new(Script { delay: Duration::from_secs(600), ..Script::honest(chat("x")) }).await;
    let broker = bed.funded(Settings::default(), 10_000_000).await;
    let arrived = async {
        while bed.script.books.lock().now == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::select! {
        answer = broker.call(bed.chat(HELLO)) => panic!("{answer:?}"),
        () = arrived => {}
    }
    for _ in 0..6_000 {
        if bed.script.books.lock().now == 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let books = bed.script.books.lock();
    assert_eq!((books.at_once, books.now), (1, 0));
}
