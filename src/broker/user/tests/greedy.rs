//! Providers that serve, but want more than their due, or want the user's account to stand still.

use std::time::Duration;

use sha2::{Digest, Sha256};

use super::bed::{Bed, HELLO, PRICES, breaks, name, read, refused};
use super::scripted::{Lie, Says, Script, chat, events};
use crate::broker::user::{CallRefusal, RequestFilter, RequestSort, RequestView, Settings, UserBroker};
use crate::chain::{Call, Outcome, SettleRow};
use crate::domain::{
    B256, Fee, Neuron, OperationId, Receipt, ReceiptStatus, SignedReceipt, Units, UserRequestState,
};
use crate::wire::auth::RequestHeader;

fn prepaid(says: Says, lie: Lie) -> Script {
    Script { credit_limit: Neuron::ZERO, lie, ..Script::honest(says) }
}

/// The newest request once it is in this state.
async fn last_in(broker: &UserBroker, state: UserRequestState) -> RequestView {
    let mut last = None;
    for _ in 0..6_000 {
        let list = broker.requests(RequestFilter::default(), None, 1, RequestSort::Newest).await.unwrap();
        last = list.items.into_iter().next();
        if last.as_ref().is_some_and(|row| row.state == state) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(last.as_ref().map(|row| row.state), Some(state), "{last:?}");
    last.unwrap()
}

/// A receipt, properly signed, whatever it says.
fn receipt(bed: &Bed, auth: &RequestHeader, units: (u64, u64), fee: Fee, hash: B256) -> SignedReceipt {
    let receipt = Receipt {
        request: auth.request,
        account: bed.id(),
        body_hash: auth.body_hash,
        response_hash: hash,
        input: Units(units.0),
        output: Units(units.1),
        fee,
        owed: fee.total().min(Neuron::MAX),
        status: ReceiptStatus::Complete,
    };
    SignedReceipt {
        receipt,
        signature: bed.provider.sign(receipt.signing_hash(&bed.chain.domain())).unwrap(),
    }
}

/// Waits for the provider to have taken a request, and gives its authorisation.
async fn taken(bed: &Bed) -> RequestHeader {
    for _ in 0..6_000 {
        if let Some(auth) = bed.script.books.lock().auths.last() {
            return *auth;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("no request came")
}

#[tokio::test]
async fn an_answer_that_never_came_is_not_paid_by_a_receipt_that_says_so() {
    let bed = Bed::new(Script::honest(Says::Silence)).await;
    let broker = bed.funded(Settings { first_byte_timeout: 5, ..Settings::default() }, 10_000_000).await;
    refused(&broker, bed.chat(HELLO)).await;
    let auth = taken(&bed).await;
    // Six of input are about right; forty of output were never sent.
    let fee = PRICES.fee(Units(6), Units(40)).unwrap();
    let forged = receipt(&bed, &auth, (6, 40), fee, B256::repeat_byte(1));
    bed.script.books.lock().receipts.insert(auth.request, forged);
    let row = last_in(&broker, UserRequestState::Disputed).await;
    assert!(row.fee.output.is_zero() && row.fee.total() < Neuron::new(2_000), "{row:?}");
}

#[tokio::test]
async fn a_provider_that_breaks_off_is_not_given_what_we_allow_for_hanging_up() {
    let first = events("one two three").remove(0);
    let bed = Bed::new(Script::honest(Says::Breaks(first.clone()))).await;
    let broker = bed.funded(Settings::default(), 10_000_000).await;
    let call = read(broker.call(bed.chat(HELLO)).await.unwrap());
    let forge = async {
        let auth = taken(&bed).await;
        let fee = PRICES.fee(Units(6), Units(40)).unwrap();
        let forged = receipt(&bed, &auth, (6, 40), fee, B256::new(Sha256::digest(&first).into()));
        bed.script.books.lock().receipts.insert(auth.request, forged);
    };
    let ((_, _, body), ()) = tokio::join!(call, forge);
    assert!(body.is_err());
    let row = last_in(&broker, UserRequestState::Disputed).await;
    assert!(row.output < Units(5), "of forty, one word came: {row:?}");
    assert_eq!(row.fee, PRICES.fee(row.input, row.output).unwrap());
}

#[tokio::test]
async fn settling_a_whole_voucher_early_makes_nothing_owed() {
    let slow = Script { delay: Duration::from_millis(400), ..prepaid(chat("This is a test!"), Lie::None) };
    let bed = Bed::new(slow).await;
    let broker = bed.funded(Settings::default(), 10_000_000).await;
    let mut due = Neuron::ZERO;
    for _ in 0..3 {
        let had = bed.script.books.lock().auths.len();
        let call = async { read(broker.call(bed.chat(HELLO)).await.unwrap()).await.2.map(drop) };
        let grab = async {
            while bed.script.books.lock().auths.len() == had {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            let voucher = bed.script.books.lock().best.unwrap();
            let rows = vec![SettleRow { voucher, claim: voucher.voucher.cumulative }];
            let settle = Call::Settle { rows };
            let mut ticket = bed.provider_sender.submit(OperationId::random(), settle).await.unwrap();
            assert!(matches!(ticket.wait().await, Outcome::Mined { .. }));
            broker.sync(bed.provider()).await.unwrap();
        };
        let (called, ()) = tokio::join!(call, grab);
        called.unwrap();
        due = due.saturating_add(last_in(&broker, UserRequestState::Done).await.fee.total());
        let account = broker.account(bed.provider()).unwrap();
        assert_eq!(account.owed, due, "only what was counted is owed");
    }
    // One highest fee ahead of what is owed, however often it was taken early.
    let account = broker.account(bed.provider()).unwrap();
    let highest = last_in(&broker, UserRequestState::Done).await.max_fee;
    assert!(account.settled <= due.saturating_add(highest), "{account:?}");
    assert!(account.promised <= due.saturating_add(highest), "{account:?}");
}

#[tokio::test]
async fn holding_receipts_back_earns_no_vouchers() {
    let bed = Bed::new(prepaid(chat("This is a test!"), Lie::Never)).await;
    let broker = bed.funded(Settings::default(), 10_000_000).await;
    read(broker.call(bed.chat(HELLO)).await.unwrap()).await.2.unwrap();
    let first = last_in(&broker, UserRequestState::Unconfirmed).await;
    let account = broker.account(bed.provider()).unwrap();
    let once = account.promised;
    // What we counted is all that it can come to, so no more is held.
    assert_eq!(account.reserved, PRICES.fee(first.input, first.output).unwrap().total());
    for _ in 0..2 {
        // Forgets what it is owed, so that nothing but our own voucher decides.
        bed.script.books.lock().owed = Neuron::ZERO;
        read(broker.call(bed.chat(HELLO)).await.unwrap()).await.2.unwrap();
        last_in(&broker, UserRequestState::Unconfirmed).await;
    }
    assert_eq!(broker.account(bed.provider()).unwrap().promised, once);
    // Asking for it with a 402 brings no more.
    bed.script.books.lock().owed = account.reserved;
    let refusal = refused(&broker, bed.chat(HELLO)).await;
    assert!(matches!(refusal, CallRefusal::ProviderShort { .. }), "{refusal}");
    assert_eq!(broker.account(bed.provider()).unwrap().promised, once);
}

#[tokio::test]
async fn receipts_with_absurd_figures_end_their_requests_all_the_same() {
    let bed = Bed::new(Script::lying(Lie::Never)).await;
    let broker = bed.funded(Settings::default(), 10_000_000).await;
    let most = Neuron::MAX;
    let beyond = Fee { input: most, output: most };
    for (fee, units) in [(Fee::NONE, u64::MAX), (beyond, u64::MAX), (beyond, 1)] {
        bed.script.books.lock().auths.clear();
        let call = read(broker.call(bed.chat(HELLO)).await.unwrap());
        let auth = taken(&bed).await;
        let absurd = receipt(&bed, &auth, (units, units), fee, B256::ZERO);
        bed.script.books.lock().receipts.insert(auth.request, absurd);
        call.await.2.unwrap();
        let state = if fee == Fee::NONE { UserRequestState::Done } else { UserRequestState::Disputed };
        last_in(&broker, state).await;
        bed.nothing_held(&broker).await;
    }
    assert_eq!(bed.store.audit().await.unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn a_refusal_without_end_does_not_keep_the_caller() {
    let bed = Bed::new(Script::honest(Says::EndlessRefusal)).await;
    let broker = bed.funded(Settings { idle_timeout: 1, ..Settings::default() }, 10_000_000).await;
    let call = tokio::time::timeout(Duration::from_secs(60), broker.call(bed.chat(HELLO)));
    assert!(call.await.expect("it ends").is_err());
    assert_eq!(broker.account(bed.provider()).unwrap().reserved, Neuron::ZERO);
}

#[tokio::test]
async fn comments_without_end_end() {
    let comment = bytes::Bytes::from(format!(": zg-nothing {}\n\n", "x".repeat(2_000)));
    let bed = Bed::new(Script::honest(Says::Events(vec![comment; 500], Duration::ZERO))).await;
    let broker = bed.funded(Settings { max_chat_answer: 100_000, ..Settings::default() }, 10_000_000).await;
    assert!(breaks(&broker, bed.chat(HELLO)).await);
}

#[tokio::test]
async fn a_provider_that_leaves_the_chain_is_not_looked_for_without_pause() {
    let slow = Script { delay: Duration::from_millis(500), ..Script::honest(chat("This is a test!")) };
    let bed = Bed::new(slow).await;
    let broker = bed.funded(Settings::default(), 10_000_000).await;
    let call = async { read(broker.call(bed.chat(HELLO)).await.unwrap()).await };
    let leave = async {
        taken(&bed).await;
        for service in ["llama7b", "files"] {
            let remove = Call::RemoveService { name: name(service) };
            let mut ticket = bed.provider_sender.submit(OperationId::random(), remove).await.unwrap();
            ticket.wait().await;
        }
        broker.sync_all().await.unwrap();
    };
    let ((.., body), ()) = tokio::join!(call, leave);
    body.unwrap();
    for _ in 0..6_000 {
        if broker.inner.pushing.lock().is_empty() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the push goes round and round");
}
