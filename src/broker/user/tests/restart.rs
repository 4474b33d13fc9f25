//! Crashes, lost books, and a chain that is away.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use alloy::rpc::json_rpc::{ErrorPayload, RequestPacket, Response, ResponsePacket, ResponsePayload};
use alloy::transports::{BoxTransport, TransportError, TransportErrorKind, TransportFut};
use http::StatusCode;
use tower::Service;

use super::accounts::done;
use super::bed::{Bed, HELLO, LOCK, PRICES, name, read};
use super::scripted::{Says, Script, chat};
use crate::broker::user::{
    CutAllowance, PaidCall, RefundView, Replace, RequestFilter, RequestSort, Settings, UserError, receipts,
};
use crate::chain::devnet::DevnetTransport;
use crate::chain::{Chain, ChainSettings, Endpoint};
use crate::domain::{
    B256, Fee, Neuron, OperationId, OperationKind, OperationState, RequestId, Timestamp, Units,
    UserRequestState,
};
use crate::store::user::{Finish, NewUserRequest, RefundState};
use crate::store::{Db, Network, NewOperation, Observed, Role, UserStore};

/// The chain in this process behind a switch.
#[derive(Clone)]
struct Switched {
    inner: DevnetTransport,
    down: Arc<AtomicBool>,
    /// Logs of ranges of blocks are refused, as by a node that keeps none.
    pruned: bool,
}

impl Switched {
    fn of(bed: &Bed, down: &Arc<AtomicBool>, pruned: bool) -> ChainSettings {
        let switched = Switched { inner: bed.devnet.transport(), down: Arc::clone(down), pruned };
        ChainSettings::new(Endpoint::InProcess(BoxTransport::new(switched)), bed.chain.contract())
    }
}

impl Service<RequestPacket> for Switched {
    type Response = ResponsePacket;
    type Error = TransportError;
    type Future = TransportFut<'static>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, packet: RequestPacket) -> Self::Future {
        if self.down.load(Ordering::Relaxed) {
            return Box::pin(async { Err(TransportErrorKind::custom_str("switched off")) });
        }
        let RequestPacket::Single(request) = &packet else { return self.inner.call(packet) };
        if self.pruned
            && request.method() == "eth_getLogs"
            && request.params().unwrap().get().contains("fromBlock")
        {
            let error = ErrorPayload { code: -32_000, message: "history is pruned".into(), data: None };
            let payload = ResponsePayload::Failure(error);
            let refused = Response { id: request.id().clone(), payload };
            return Box::pin(async { Ok(ResponsePacket::Single(refused)) });
        }
        self.inner.call(packet)
    }
}

#[tokio::test]
async fn without_the_chain_the_last_view_is_shown_and_paid_calls_go_on() {
    let bed = Bed::new(Script::honest(chat("This is a test!"))).await;
    drop(bed.funded(Settings::default(), 1_000_000).await);
    let down = Arc::new(AtomicBool::new(false));
    let chain = Chain::open(Switched::of(&bed, &down, false)).await.unwrap();
    down.store(true, Ordering::Relaxed);
    let broker = bed.broker_of(Settings::default(), chain, true).await;
    assert!(broker.snapshot().stale.is_some());
    assert_eq!(broker.account(bed.provider()).unwrap().balance, Neuron::new(1_000_000));
    assert_eq!(broker.services(&Default::default()).services.len(), 2);
    let sync = broker.sync(bed.provider()).await;
    assert!(matches!(sync, Err(UserError::Chain(error)) if error.is_transient()));
    let deposit = broker.deposit(bed.provider(), Neuron::new(1), None).await;
    assert!(matches!(deposit, Err(UserError::Chain(_))));
    let (status, _, body) = read(broker.call(bed.chat(HELLO)).await.unwrap()).await;
    assert_eq!(status, StatusCode::OK);
    body.unwrap();

    down.store(false, Ordering::Relaxed);
    let mut news = broker.watch();
    let fresh = news.wait_for(|snapshot| snapshot.stale.is_none() && snapshot.head.is_some());
    tokio::time::timeout(Duration::from_secs(60), fresh).await.unwrap().unwrap();
    broker.sync(bed.provider()).await.unwrap();
}

#[tokio::test]
async fn with_many_accounts_a_start_does_not_wait_for_them() {
    let bed = Bed::new(Script::honest(chat("This is a test!"))).await;
    drop(bed.funded(Settings::default(), 1_000_000).await);
    bed.tasks.child();
    // Of providers whom the chain has forgotten, and an own balance that has changed meanwhile.
    let mut known = bed.store.account(bed.id()).await.unwrap().unwrap().chain.unwrap();
    let remembered = (0..300_u16).map(|number| {
        let [high, low] = number.to_be_bytes();
        let mut provider = [7; 20];
        (provider[0], provider[1]) = (high, low);
        let id = crate::domain::AccountId { provider: provider.into(), ..known.id };
        Observed { id, account: Some(crate::domain::ChainAccount { id, ..known }), block: 1_000_000 }
    });
    bed.store.observe(remembered.collect(), true).await.unwrap();
    known.balance = Neuron::new(900_000);
    bed.store
        .observe(vec![Observed { id: bed.id(), account: Some(known), block: 1_000_000 }], true)
        .await
        .unwrap();

    let broker = bed.broker(Settings::default()).await;
    let first = broker.overview();
    assert_eq!((first.totals.accounts, first.totals.balance), (301, Neuron::new(300 * 1_000_000 + 900_000)));
    assert!(first.stale.is_some() && first.head.is_none());
    read(broker.call(bed.chat(HELLO)).await.unwrap()).await.2.unwrap();
    let mut news = broker.watch();
    let fresh = news.wait_for(|snapshot| snapshot.stale.is_none() && snapshot.head.is_some());
    tokio::time::timeout(Duration::from_secs(60), fresh).await.unwrap().unwrap();
    let (now, own) = (broker.overview().totals, broker.account(bed.provider()).unwrap());
    assert_eq!((now.accounts, now.balance), (1, Neuron::new(1_000_000)));
    assert_eq!(broker.dearest_accounts(5), [own]);
}

#[tokio::test]
async fn a_node_without_old_logs_holds_up_no_account() {
    let bed = Bed::new(Script::honest(chat("This is a test!"))).await;
    let chain = Chain::open(Switched::of(&bed, &Arc::default(), true)).await.unwrap();
    let broker = bed.broker_of(Settings::default(), chain, true).await;
    let (provider, neuron) = (bed.provider(), Neuron::new);
    let opened = broker.create_account(provider, neuron(1_000), None).await.unwrap();
    done(&broker, opened).await;
    for cancelled in [true, false] {
        let asked = broker.request_refund(provider, neuron(300), Replace::No, None).await.unwrap();
        done(&broker, asked).await;
        if cancelled {
            let given_up = broker.cancel_refund(provider, None).await.unwrap();
            done(&broker, given_up).await;
        }
    }
    bed.devnet.advance_time(LOCK + 1).unwrap();
    bed.devnet.mine(1).unwrap();
    let mut news = broker.watch();
    let taken = news.wait_for(|_| {
        let account = broker.account(provider);
        account.is_ok_and(|account| account.balance == neuron(700))
    });
    tokio::time::timeout(Duration::from_secs(60), taken).await.unwrap().unwrap();
    let states = |refunds: Vec<RefundView>| refunds.iter().map(|refund| refund.state).collect::<Vec<_>>();
    assert_eq!(states(broker.refunds(Some(true)).await.unwrap()), [RefundState::Processed]);
    assert_eq!(states(broker.refunds(Some(false)).await.unwrap()), [RefundState::Cancelled]);
}

#[tokio::test]
async fn what_a_crash_left_is_brought_to_its_end() {
    let bed = Bed::new(Script::honest(chat("This is a test!"))).await;
    let broker = bed.funded(Settings { authorization_lifetime: 1, ..Settings::default() }, 1_000_000).await;
    read(broker.call(bed.chat(HELLO)).await.unwrap()).await.2.unwrap();
    let owed = bed.books().await.owed;
    drop(broker);
    bed.tasks.child();
    let left = |state, key: &str| NewUserRequest {
        id: RequestId::random(),
        account: bed.id(),
        service: name("llama7b"),
        created_at: Timestamp::now(),
        state,
        max_fee: Neuron::new(700),
        price_version: 1,
        prices: PRICES,
        body_hash: B256::ZERO,
        idempotency_key: Some(key.to_owned()),
    };
    let (reserved, sent) = (left(UserRequestState::Reserved, "a"), left(UserRequestState::Sent, "b"));
    bed.store.reserve(reserved.clone(), Neuron::new(900_000)).await.unwrap();
    bed.store.reserve(sent.clone(), Neuron::ZERO).await.unwrap();
    let prepared = OperationId::random();
    let operation = NewOperation {
        id: prepared,
        kind: OperationKind::Deposit,
        params: serde_json::json!({"provider": bed.provider(), "amount": "5"}),
        idempotency_key: None,
        at: Timestamp::now(),
    };
    bed.store.operations().begin(operation).await.unwrap();

    let broker = bed.broker(Settings::default()).await;
    assert_eq!(broker.request(reserved.id).await.unwrap().state, UserRequestState::Failed);
    assert_eq!(broker.request(sent.id).await.unwrap().state, UserRequestState::Unconfirmed);
    let account = broker.account(bed.provider()).unwrap();
    assert_eq!((account.owed, account.reserved), (owed, Neuron::new(700)));
    assert_eq!(account.promised, Neuron::new(900_000), "what may have been signed stays promised");
    assert_eq!(broker.operation(prepared).await.unwrap().state, OperationState::Refused);
    assert_eq!(broker.snapshot().spent_today, owed);
}

/// Between the write of an end and its booking others may run, who must not take the account for one that owes less.
#[tokio::test]
async fn an_end_that_is_on_disk_is_booked_by_whoever_finds_it_and_once() {
    let bed = Bed::new(Script::honest(chat("This is a test!"))).await;
    let (request, created_at) = (RequestId::random(), Timestamp::now());
    let sent = NewUserRequest {
        id: request,
        account: bed.id(),
        service: name("llama7b"),
        created_at,
        state: UserRequestState::Sent,
        max_fee: Neuron::new(700),
        price_version: 1,
        prices: PRICES,
        body_hash: B256::ZERO,
        idempotency_key: None,
    };
    bed.store.reserve(sent, Neuron::new(700)).await.unwrap();
    let broker = bed.funded(Settings::default(), 1_000_000).await;
    let figures = || {
        let account = broker.account(bed.provider()).unwrap();
        (account.owed.get(), account.reserved.get(), broker.snapshot().spent_today.get())
    };
    assert_eq!(figures(), (0, 700, 0));
    let end = Finish {
        id: request,
        state: UserRequestState::Done,
        input: Units(1),
        output: Units(1),
        fee: Fee { input: Neuron::new(20), output: Neuron::new(70) },
        disputed: Neuron::ZERO,
        response_hash: None,
        receipt: None,
        error: None,
        authorize: None,
        at: Timestamp::now(),
    };
    bed.store.finish(end).await.unwrap();
    for _ in 0..2 {
        receipts::catch_up(&broker.inner, bed.provider()).await;
        broker.inner.publish();
        assert_eq!(figures(), (90, 0, 90));
    }
    // The one that wrote it comes to booking it last.
    broker.inner.book.lock().finish(bed.provider(), request, Neuron::new(90), created_at.day());
    broker.inner.publish();
    assert_eq!(figures(), (90, 0, 90));
    assert_eq!(bed.books().await.owed, Neuron::new(90));
}

#[tokio::test]
async fn a_stop_in_the_middle_of_an_answer_is_recovered_by_the_receipt() {
    let bed = Bed::new(Script::honest(Says::Endless)).await;
    let tasks = bed.tasks.child();
    let broker = bed.funded(Settings::default(), 1_000_000).await;
    let mut answer = broker.call(bed.chat(HELLO)).await.unwrap();
    futures_util::StreamExt::next(&mut answer.body).await.unwrap().unwrap();
    // As a kill would: every task of the broker is gone at once, and the connection with it.
    bed.tasks.stop(Duration::ZERO).await;
    drop((answer, broker, tasks));
    let rows = bed.store.unfinished_requests().await.unwrap();
    assert_eq!(rows.len(), 1);

    let bed = Bed { tasks: crate::tasks::Tasks::new(), ..bed };
    let broker = bed.broker(Settings::default()).await;
    bed.until("the receipt of the cut answer was found", |books| books.owed > Neuron::ZERO).await;
    let list = broker.requests(RequestFilter::default(), None, 1, RequestSort::Newest).await.unwrap();
    assert_eq!(list.items[0].state, UserRequestState::Done);
    assert_eq!(bed.books().await.owed, bed.script.books.lock().owed);
    bed.nothing_held(&broker).await;
}

/// A provider that withholds the receipt of a cut answer until the broker starts anew gets no more for it than was counted.
#[tokio::test]
async fn a_stop_while_the_receipt_is_withheld_keeps_our_own_count() {
    stop_while_the_receipt_is_withheld(Duration::from_secs(10), false).await;
}

/// The same where nothing could be written at the end, as by a kill.
#[tokio::test]
async fn a_kill_while_the_receipt_is_withheld_keeps_our_own_count() {
    stop_while_the_receipt_is_withheld(Duration::ZERO, true).await;
}

async fn stop_while_the_receipt_is_withheld(grace: Duration, once_written: bool) {
    let bed = Bed::new(Script::honest(Says::Endless)).await;
    let tasks = bed.tasks.child();
    let broker = bed.funded(Settings::default(), 1_000_000).await;
    bed.script.books.lock().silent_receipts = true;
    let mut answer = broker.call(bed.chat(HELLO)).await.unwrap();
    futures_util::StreamExt::next(&mut answer.body).await.unwrap().unwrap();
    drop(answer);
    // Its end is in the provider's books once the connection is gone.
    let auth = bed.script.books.lock().auths[0];
    for _ in 0..6_000 {
        let row = bed.store.request(auth.request).await.unwrap().unwrap();
        let written = !once_written || row.state == UserRequestState::Unconfirmed;
        if written && bed.script.books.lock().receipts.contains_key(&auth.request) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(bed.script.books.lock().receipts_asked <= 1, "it is written while the first question waits");
    bed.tasks.stop(grace).await;
    drop((broker, tasks));
    let row = bed.store.request(auth.request).await.unwrap().unwrap();
    assert_eq!(row.state, UserRequestState::Unconfirmed);
    assert!(row.response_hash.is_some() && row.output > Units(0), "{row:?}");
    let own = PRICES.fee(row.input, row.output).unwrap().total();

    // Now it claims all that the request could have cost.
    let rest = auth.max_fee.above(PRICES.fee(row.input, Units(0)).unwrap().total());
    let all = Units(u64::try_from(rest.get() / PRICES.output.get()).unwrap());
    let claim = bed.script.sign(&auth, (row.input, all));
    assert!(claim.receipt.fee.total() > own);
    {
        let mut books = bed.script.books.lock();
        books.silent_receipts = false;
        books.receipts.insert(auth.request, claim);
    }
    let bed = Bed { tasks: crate::tasks::Tasks::new(), ..bed };
    let settings = Settings { cut_allowance: CutAllowance { tokens: 0, bytes: 0 }, ..Settings::default() };
    let broker = bed.broker(settings).await;
    let books = bed.until("the claim was judged", |books| books.owed > Neuron::ZERO).await;
    assert_eq!(books.owed, own);
    assert_eq!(broker.request(auth.request).await.unwrap().state, UserRequestState::Disputed);
    bed.nothing_held(&broker).await;
}

#[tokio::test]
async fn a_lost_database_is_healed_by_our_own_voucher() {
    let bed =
        Bed::new(Script { credit_limit: Neuron::ZERO, ..Script::honest(chat("This is a test!")) }).await;
    let broker = bed.funded(Settings::default(), 1_000_000).await;
    for _ in 0..5 {
        read(broker.call(bed.chat(HELLO)).await.unwrap()).await.2.unwrap();
    }
    let before = bed.books().await;
    drop(broker);
    let network = Network { chain_id: bed.chain.id(), contract: bed.chain.contract() };
    let store = UserStore::new(Db::temporary(Role::User).unwrap(), network).await.unwrap();
    let bed = Bed { store, ..bed };
    let broker = bed.broker(Settings::default()).await;
    assert_eq!(broker.account(bed.provider()).unwrap().owed, Neuron::ZERO);
    // The key is given back by the first try, which the provider refuses, and kept by the second.
    let keyed = PaidCall { idempotency_key: Some("k".to_owned()), ..bed.chat(HELLO) };
    let (status, _, body) = read(broker.call(keyed).await.unwrap()).await;
    assert_eq!(status, StatusCode::OK);
    body.unwrap();
    let after = bed.books().await;
    assert!(after.authorized >= before.authorized && after.owed >= before.owed);
    assert_eq!(after.owed, bed.script.books.lock().owed);
    // What was owed before has no calls in these books, and is no fault of theirs.
    assert_eq!(bed.store.audit().await.unwrap(), Vec::<String>::new());
}
