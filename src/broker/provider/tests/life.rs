//! Crashes, restarts and stops.

use super::upstream::{End, Plan, chunk, whole};
use super::*;
use crate::broker::provider::vouchers::Page;
use crate::domain::{ChainAccount, Fee, ProviderRequestState, ReceiptStatus};
use crate::store::provider::NewProviderRequest;

const CHAT: &str = r#"{"messages":[{"role":"user","content":"hi"}],"stream":true,"max_tokens":100}"#;

#[tokio::test]
async fn rows_that_a_crash_left_are_lost_and_cost_nothing() {
    let mut world = World::new(ServiceKind::Chatbot).await;
    read(world.call(&world.ask(CHAT)).await.unwrap()).await;
    let before = world.idle().await;
    let id = RequestId::random();
    world
        .store
        .admit(NewProviderRequest {
            id,
            account: world.account(),
            service: "svc".parse().unwrap(),
            created_at: Timestamp::now(),
            max_fee: Neuron::new(77),
            price_version: 1,
            prices: Prices::default(),
            body_hash: B256::ZERO,
            voucher: None,
        })
        .await
        .unwrap();
    world.restart().await;
    let user = world.idle().await;
    assert_eq!((user.owed, user.reserved, user.voucher), (before.owed, Neuron::ZERO, before.voucher));
    assert!(user.debt_since.is_some());
    let request = world.broker.request(id).await.unwrap();
    assert_eq!((request.state, request.fee), (ProviderRequestState::Lost, Fee::NONE));
    assert_eq!(world.broker.receipt(id).await.unwrap(), ReceiptState::Lost);
    // The service is callable again, at the same version, without anything being sent.
    read(world.call(&world.ask(CHAT)).await.unwrap()).await;
    assert!(world.idle().await.owed > before.owed);
}

#[tokio::test]
async fn a_stop_cuts_what_is_under_way_and_books_it() {
    let mut world = World::new(ServiceKind::Chatbot).await;
    world.upstream.plan(Plan { end: End::Silent, ..Plan::events(&[chunk("Hello you")]) });
    world.restart().await;
    let ask = world.ask(CHAT);
    let mut answer = world.call(&ask).await.unwrap();
    let first = answer.body.next().await.unwrap().unwrap();
    let reading = tokio::spawn(read(answer));
    world.until(|broker| broker.snapshot().totals.in_flight == 1).await;
    let stopped = world.tasks.stop(Duration::from_secs(60)).await;
    assert!(stopped.aborted.is_empty(), "{stopped:?}");
    let mut answer = reading.await.unwrap();
    answer.body.splice(0..0, first);
    let (receipt, body) = answer.receipt();
    assert_eq!(body, chunk("Hello you").as_bytes());
    assert_eq!(receipt.receipt.status, ReceiptStatus::UpstreamFailed);
    assert!(receipt.receipt.fee.total() > Neuron::ZERO);
    assert_eq!(world.call(&world.ask(CHAT)).await.unwrap_err(), ProxyRefusal::Stopping);
    let row = world.store.request(ask.id).await.unwrap().unwrap();
    assert_eq!(row.state, ProviderRequestState::Charged);
}

#[tokio::test]
async fn without_its_books_nothing_is_served() {
    let world = World::new(ServiceKind::Chatbot).await;
    world.store.db().clone().close().await.unwrap();
    assert_eq!(world.call(&world.ask(CHAT)).await.unwrap_err(), ProxyRefusal::StorageFailed);
    assert!(world.broker.snapshot().health.store.is_some());
    assert_eq!(world.broker.snapshot().totals.reserved, Neuron::ZERO);
}

#[tokio::test]
async fn a_refund_stops_counting_when_it_is_asked_for() {
    let world = World::new(ServiceKind::Chatbot).await;
    let mut events = world.broker.events();
    let provider = world.wallet.address();
    let amount = Neuron::new(Neuron::A0GI.get() - 500);
    send(&world.user.sender, Call::RequestRefund { provider, amount }).await;
    world.until(|broker| broker.users()[0].pending_refund == amount).await;
    let mut told = false;
    while let Ok(event) = events.try_recv() {
        told |= matches!(event, Event::RefundRequested { .. });
    }
    assert!(told);
    let refusal = world.call(&world.ask(CHAT)).await.unwrap_err();
    assert!(matches!(refusal, ProxyRefusal::BalanceTooLow(short) if short.pending_refund == amount));
}

#[tokio::test]
async fn a_deposit_is_seen_before_a_request_is_refused() {
    let world = World::new(ServiceKind::Chatbot).await;
    let provider = world.wallet.address();
    let mut ask = world.ask(CHAT);
    ask.max_fee = Neuron::new(Neuron::A0GI.get() + 1);
    ask.cumulative = Neuron::new(2 * Neuron::A0GI.get());
    assert!(matches!(world.call(&ask).await.unwrap_err(), ProxyRefusal::BalanceTooLow(_)));
    send(&world.user.sender, Call::Deposit { provider, value: Neuron::A0GI }).await;
    ask.id = RequestId::random();
    read(world.call(&ask).await.unwrap()).await;
}

#[tokio::test]
async fn a_reorg_takes_a_deposit_back() {
    let world = World::new(ServiceKind::Chatbot).await;
    let provider = world.wallet.address();
    world.devnet.mine(1).unwrap();
    send(&world.user.sender, Call::Deposit { provider, value: Neuron::A0GI }).await;
    let doubled = Neuron::new(2 * Neuron::A0GI.get());
    world.until(|broker| broker.users()[0].balance == doubled).await;
    world.devnet.reorg(1, crate::chain::devnet::ReorgTxs::Drop).unwrap();
    world.devnet.mine(2).unwrap();
    // The user's own sender may put it in again; either way the book follows the chain.
    for _ in 0..6_000 {
        let on_chain = world.chain.account(world.account(), None).await.unwrap().unwrap().balance;
        if world.broker.users()[0].balance == on_chain {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the book did not follow the chain");
}

#[tokio::test]
async fn no_byte_of_an_answer_leaves_before_its_request_is_durable() {
    let world = World::new(ServiceKind::Chatbot).await;
    let stream = [chunk("Hello"), "data: [DONE]\n\n".to_owned()];
    for (number, plan) in [Plan::json(&whole("Hello")), Plan::events(&stream)].into_iter().enumerate() {
        world.upstream.plan(plan);
        let held = world.store.db().hold_writer().await;
        let ask = world.ask(CHAT);
        let mut call = Box::pin(world.call(&ask));
        let answered = async {
            while world.upstream.seen().len() <= number {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            // Long enough for an answer that waits for nothing.
            tokio::time::sleep(Duration::from_millis(150)).await;
        };
        tokio::select! {
            answer = &mut call => panic!("before its row: {answer:?}"),
            () = answered => {}
        }
        assert!(world.store.request(ask.id).await.unwrap().is_none());
        drop(held);
        let answer = call.await.unwrap();
        assert!(world.store.request(ask.id).await.unwrap().is_some(), "I9");
        read(answer).await;
    }
    world.idle().await;
}

/// What is lent upon is on disk before it is lent upon: a voucher whose own request is refused has no row of its own.
#[tokio::test]
async fn a_voucher_of_a_refused_request_outlives_the_broker_that_lent_upon_it() {
    let mut world = World::new(ServiceKind::Chatbot).await;
    let good = world.ask(CHAT);
    let body = Some(Bytes::from_static(b"{}"));
    let bent = Ask { id: RequestId::random(), signed_body: body, ..good.clone() };
    assert_eq!(world.call(&bent).await.unwrap_err(), ProxyRefusal::BodyMismatch);
    let promised = world.broker.user(world.user.address()).unwrap().voucher;
    assert_eq!(promised, good.cumulative);
    // Nothing is lent here, so only that voucher lets it in.
    world.upstream.plan(Plan::json(&whole("Hello there")));
    let bare = Ask { id: RequestId::random(), cumulative: Neuron::ZERO, ..good };
    read(world.call(&bare).await.unwrap()).await;
    let before = world.idle().await;
    assert!(!before.owed.is_zero());
    world.restart().await;
    let after = world.idle().await;
    assert_eq!((after.owed, after.voucher), (before.owed, promised));
}

/// An outage or a stop may last longer than a node keeps the state of its blocks.
#[tokio::test]
async fn accounts_of_a_block_that_the_node_has_forgotten_are_read_at_a_newer_one() {
    let world = World::new(ServiceKind::Chatbot).await;
    let then = world.chain.head().await.unwrap();
    world.devnet.mine(200).unwrap();
    let forgotten = world.chain.account(world.account(), Some(then)).await;
    assert!(matches!(forgotten, Err(crate::chain::ChainError::Refused { .. })), "{forgotten:?}");
    world.broker.core.read_accounts(vec![world.user.address()], then, false).await.unwrap();
    assert!(world.broker.core.book.page(world.user.address()).unwrap().block > then.number);
}

/// Right after a start with many accounts most of them are as the last run has read them.
#[tokio::test]
async fn nothing_is_lent_on_what_only_the_last_run_has_read() {
    let world = World::new(ServiceKind::Chatbot).await;
    let (core, user) = (Arc::clone(&world.broker.core), world.user.address());
    let before = core.book.page(user).unwrap();
    let remembered = |user, balance| {
        let id = AccountId { user, ..before.account.id };
        let account = ChainAccount { id, balance, ..before.account };
        core.book.restore(Page { account, block: 0, ..before });
    };
    for balance in [Neuron::ZERO, Neuron::MAX] {
        remembered(user, balance);
        read(world.call(&world.ask(CHAT)).await.unwrap()).await;
        let page = core.book.page(user).unwrap();
        assert!(page.is_read() && page.account.balance == before.account.balance);
    }
    // The chain does not know this one any more. It is asked once.
    let gone = Address::repeat_byte(9);
    remembered(gone, Neuron::MAX);
    let page = core.page_of(gone, std::net::Ipv4Addr::LOCALHOST.into()).await.unwrap();
    assert!(page.is_read() && page.account.balance.is_zero());
}

#[tokio::test]
async fn with_many_accounts_a_broker_serves_before_it_has_read_them() {
    let world = World::new(ServiceKind::Chatbot).await;
    let (core, user) = (Arc::clone(&world.broker.core), world.user.address());
    read(world.call(&world.ask(CHAT)).await.unwrap()).await;
    world.idle().await;
    let before = core.book.page(user).unwrap();
    // As a start finds them: of a chain that was longer, and has none of the others.
    for number in 0..300_u16 {
        let [high, low] = number.to_be_bytes();
        let mut stranger = [7; 20];
        (stranger[0], stranger[1]) = (high, low);
        let id = AccountId { user: Address::from(stranger), ..before.account.id };
        let account = ChainAccount { id, ..before.account };
        let blank = Page { owed: Neuron::ZERO, best: None, debt_since: None, ..before };
        core.book.restore(Page { account, block: 0, ..blank });
    }
    let account = ChainAccount { balance: Neuron::new(1), ..before.account };
    core.book.restore(Page { account, block: 0, debt_since: None, ..before });
    let observed = crate::store::Observed { id: account.id, account: Some(account), block: 1_000_000 };
    core.store.observe(vec![observed], true).await.unwrap();
    *core.block.lock() = None;

    let (head, behind) = core.look_first().await.unwrap();
    assert!(behind && *core.block.lock() == Some(head));
    assert!(!core.book.page(user).unwrap().is_read());
    read(world.call(&world.ask(CHAT)).await.unwrap()).await;
    assert!(core.book.page(user).unwrap().is_read());
    Arc::clone(&core).catch_up().await;
    world.idle().await;
    let pages = core.book.first(usize::MAX);
    assert_eq!((pages.len(), pages.iter().filter(|page| page.is_read()).count()), (301, 301));
    let (own, others): (Vec<Page>, Vec<Page>) =
        pages.iter().copied().partition(|page| page.account.id.user == user);
    assert!(others.iter().all(|page| page.account.balance.is_zero()));
    assert_eq!(own[0].account, before.account);
    // The disk knows microseconds.
    assert_eq!(own[0].debt_since.unwrap().as_seconds(), before.debt_since.unwrap().as_seconds());
    let row = core.store.user(before.account.id).await.unwrap().unwrap();
    assert_eq!((row.chain, row.block), (Some(before.account), Some(head.number)));
}
