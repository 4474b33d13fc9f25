//! Accounts, deposits and refunds against the embedded chain.

use std::time::Duration;

use super::bed::{Bed, HELLO, LOCK, read};
use super::scripted::{Script, chat};
use crate::broker::user::{CallRefusal, OperationView, Replace, Settings, UserBroker, UserError};
use crate::chain::devnet::ReorgTxs;
use crate::domain::{Address, Neuron, OperationState};
use crate::store::OperationFilter;
use crate::store::user::RefundState;

const WAIT: Duration = Duration::from_secs(60);

pub(super) async fn done(broker: &UserBroker, operation: OperationView) -> OperationView {
    let operation = broker.wait(operation.id, WAIT).await.unwrap();
    assert_eq!(operation.state, OperationState::Mined, "{operation:?}");
    operation
}

fn neuron(amount: u128) -> Neuron {
    Neuron::new(amount)
}

#[tokio::test]
async fn an_account_is_opened_once_with_a_delegate_and_charged() {
    let bed = Bed::new(Script::honest(chat("x"))).await;
    let broker = bed.broker(Settings::default()).await;
    let key = Some("open".to_owned());
    let first = broker.create_account(bed.provider(), neuron(1_000), key.clone()).await.unwrap();
    let again = broker.create_account(bed.provider(), neuron(1_000), key.clone()).await.unwrap();
    assert_eq!(first.id, again.id);
    let mined = done(&broker, first).await;
    assert!(mined.hash.is_some() && mined.block.is_some());
    let account = broker.account(bed.provider()).unwrap();
    assert_eq!((account.balance, account.available), (neuron(1_000), neuron(1_000)));
    assert!(account.can_sign && account.delegate.is_some_and(|delegate| delegate != broker.user()));

    let reused = broker.create_account(bed.provider(), neuron(1_001), key).await;
    assert!(matches!(reused, Err(UserError::KeyReused)));
    let twice = broker.create_account(bed.provider(), neuron(5), None).await;
    assert!(matches!(twice, Err(UserError::AccountExists(_))));
    let more = broker.deposit(bed.provider(), neuron(500), None).await.unwrap();
    done(&broker, more).await;
    assert_eq!(broker.account(bed.provider()).unwrap().balance, neuron(1_500));
    assert_eq!(broker.snapshot().accounts, broker.accounts());
    assert!(broker.snapshot().operations.is_empty());
}

/// Whoever ordered it may hang up while it is being written down; it is carried out all the same.
#[tokio::test]
async fn a_caller_who_leaves_at_once_leaves_nothing_half_begun() {
    use futures_util::FutureExt;
    let bed = Bed::new(Script::honest(chat("x"))).await;
    let broker = bed.funded(Settings::default(), 1_000).await;
    for _ in 0..5 {
        let before = broker.account(bed.provider()).unwrap().balance;
        let order = broker.deposit(bed.provider(), neuron(500), Some(format!("more than {before}")));
        let operations = bed.store.operations();
        let known = operations.count(OperationFilter::default()).await.unwrap();
        let mut order = Box::pin(order);
        // The moment in which it is on disk.
        while operations.count(OperationFilter::default()).await.unwrap() == known
            && (&mut order).now_or_never().is_none()
        {
            tokio::task::yield_now().await;
        }
        drop(order);
        for _ in 0..6_000 {
            if broker.account(bed.provider()).unwrap().balance > before {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert_eq!(broker.account(bed.provider()).unwrap().balance, before.saturating_add(neuron(500)));
    }
}

/// Found by the crash matrix: an operation that was read back late showed the account as it had been before the next one,
/// until the next full read.
#[tokio::test]
async fn an_account_read_late_does_not_take_the_place_of_a_newer_reading() {
    let bed = Bed::new(Script::honest(chat("x"))).await;
    let broker = bed.funded(Settings::default(), 1_000).await;
    let before = bed.chain.head().await.unwrap();
    let more = broker.deposit(bed.provider(), neuron(500), None).await.unwrap();
    done(&broker, more).await;
    let inner = &broker.inner;
    let late = inner.read_account(bed.provider(), Some(before)).await.unwrap().unwrap();
    assert_eq!(late.balance, neuron(1_000), "the chain says how it was");
    assert_eq!(broker.account(bed.provider()).unwrap().balance, neuron(1_500));
    assert_eq!(bed.books().await.chain.unwrap().balance, neuron(1_500));
    // After a reorg the numbers of blocks say nothing any more.
    inner.book.lock().forget_blocks();
    inner.read_account(bed.provider(), Some(before)).await.unwrap();
    assert_eq!(broker.account(bed.provider()).unwrap().balance, neuron(1_000));
    inner.read_account(bed.provider(), None).await.unwrap();
    assert_eq!(broker.account(bed.provider()).unwrap().balance, neuron(1_500));
}

#[tokio::test]
async fn bad_requests_for_accounts_are_refused_before_anything_is_sent() {
    let bed = Bed::new(Script::honest(chat("x"))).await;
    let broker = bed.broker(Settings::default()).await;
    let height = bed.devnet.height();
    let nobody = Address::repeat_byte(9);
    let open = |provider, amount: u128| broker.create_account(provider, neuron(amount), None);
    assert!(matches!(open(nobody, 1).await, Err(UserError::UnknownProvider(_))));
    assert!(matches!(open(broker.user(), 1).await, Err(UserError::OwnAddress(_))));
    assert!(matches!(open(bed.provider(), 0).await, Err(UserError::ZeroAmount)));
    let too_large = broker.create_account(bed.provider(), Neuron::MAX.saturating_add(neuron(1)), None).await;
    assert!(matches!(too_large, Err(UserError::TooLarge { .. })));
    let Err(UserError::InsufficientFunds { needed, available }) = open(bed.provider(), 1 << 111).await else {
        panic!("the wallet is not that rich")
    };
    assert!(needed > available);
    // All that there is leaves nothing for gas.
    let all = bed.chain.native_balance(broker.user()).await.unwrap();
    let Err(UserError::InsufficientFunds { needed, available }) = open(bed.provider(), all).await else {
        panic!("gas is not free")
    };
    assert!(needed > available);
    assert!(matches!(broker.deposit(bed.provider(), neuron(1), None).await, Err(UserError::NoAccount(_))));
    assert!(matches!(broker.cancel_refund(bed.provider(), None).await, Err(UserError::NoAccount(_))));
    assert!(matches!(broker.account(nobody), Err(UserError::NoAccount(_))));
    assert_eq!(bed.devnet.height(), height);
    assert!(broker.operations(10).await.unwrap().iter().all(|one| one.state == OperationState::Refused));

    let reader = bed.broker_of(Settings::default(), bed.chain.clone(), false).await;
    assert!(matches!(reader.create_account(bed.provider(), neuron(1), None).await, Err(UserError::ReadOnly)));
    assert_eq!(reader.services(&Default::default()).services.len(), 2);
}

#[tokio::test]
async fn a_refund_is_locked_replaced_cancelled_and_taken_when_due() {
    let bed = Bed::new(Script::honest(chat("This is a test!"))).await;
    let broker = bed.funded(Settings::default(), 100_000).await;
    let provider = bed.provider();
    let (_, _, body) = read(broker.call(bed.chat(HELLO)).await.unwrap()).await;
    body.unwrap();
    let owed = broker.account(provider).unwrap().owed;
    assert!(owed > Neuron::ZERO);

    let Err(UserError::NotFree { free, .. }) =
        broker.request_refund(provider, neuron(100_000), Replace::No, None).await
    else {
        panic!("what is owed is not free")
    };
    assert_eq!(free, neuron(100_000).above(owed));
    let asked = broker.request_refund(provider, neuron(10_000), Replace::No, None).await.unwrap();
    done(&broker, asked).await;
    let account = broker.account(provider).unwrap();
    assert_eq!(account.pending_refund, neuron(10_000));
    assert_eq!(account.available, neuron(90_000).above(owed));
    let twice = broker.request_refund(provider, neuron(1), Replace::No, None).await;
    assert!(matches!(twice, Err(UserError::RefundPending { .. })));
    let early = broker.process_refund(provider, None).await;
    assert!(matches!(early, Err(UserError::RefundLocked { .. })));
    let replaced = broker.request_refund(provider, neuron(20_000), Replace::Yes, None).await.unwrap();
    done(&broker, replaced).await;
    let cancelled = broker.cancel_refund(provider, None).await.unwrap();
    done(&broker, cancelled).await;
    assert!(matches!(broker.cancel_refund(provider, None).await, Err(UserError::NoRefund(_))));

    let asked = broker.request_refund(provider, neuron(30_000), Replace::No, None).await.unwrap();
    done(&broker, asked).await;
    assert_eq!(broker.refunds(Some(false)).await.unwrap().len(), 2);
    bed.devnet.advance_time(LOCK + 1).unwrap();
    bed.devnet.mine(1).unwrap();
    // The processor takes it without being asked.
    for _ in 0..3_000 {
        if broker.account(provider).unwrap().balance == neuron(70_000) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(broker.account(provider).unwrap().balance, neuron(70_000));
    let taken = broker.refunds(Some(true)).await.unwrap();
    assert_eq!((taken.len(), taken[0].amount, taken[0].index), (1, neuron(30_000), 2));
    let given_up = broker.refunds(Some(false)).await.unwrap();
    assert_eq!((given_up.len(), given_up[0].state), (1, RefundState::Cancelled));
}

#[tokio::test]
async fn what_others_do_on_the_chain_shows_up_and_a_reorg_takes_it_back() {
    let bed = Bed::new(Script::honest(chat("x"))).await;
    let here = bed.funded(Settings::default(), 1_000).await;
    let mut news = here.watch();
    let there = bed.broker_of(Settings::default(), bed.chain.clone(), true).await;
    let more = there.deposit(bed.provider(), neuron(50), None).await.unwrap();
    done(&there, more).await;
    let is = |snapshot: &crate::broker::user::Snapshot, balance: u128| {
        snapshot.accounts.first().is_some_and(|account| account.balance == neuron(balance))
    };
    tokio::time::timeout(WAIT, news.wait_for(|snapshot| is(snapshot, 1_050))).await.unwrap().unwrap();
    // Whoever sent what is undone sends it again; here no block takes it.
    bed.devnet.set_automine(false);
    bed.devnet.reorg(1, ReorgTxs::Drop).unwrap();
    bed.devnet.mine(2).unwrap();
    tokio::time::timeout(WAIT, news.wait_for(|snapshot| is(snapshot, 1_000))).await.unwrap().unwrap();
}

#[tokio::test]
async fn without_an_account_a_call_says_how_to_get_one() {
    let bed = Bed::new(Script::honest(chat("x"))).await;
    let broker = bed.broker(Settings::default()).await;
    let refusal = super::bed::refused(&broker, bed.chat(HELLO)).await;
    assert!(matches!(refusal, CallRefusal::NoAccount { .. }), "{refusal}");
    assert!(refusal.to_string().contains("POST /v1/provider"));
}
