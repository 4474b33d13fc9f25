//! Reorgs under transactions that were mined already.

use std::sync::Arc;

use alloy::sol_types::SolCall;
use zgserve_tui::chain::{Outcome, TxSigner, TxState};
use zgserve_tui::domain::{Address, OperationId};

use super::faults::Fault;
use super::net::{Book, Net, deposit, key, until};
use super::nonces::raw;
use super::on_both;

const PROVIDER: Address = Address::repeat_byte(0x77);

on_both!(
    an_undone_transaction_is_sent_again,
    several_undone_at_once_keep_their_order,
    what_was_mined_may_be_reverted_after_a_reorg,
);

async fn an_undone_transaction_is_sent_again(net: Net) {
    let (key, book) = (key(0), Arc::new(Book::default()));
    let sender = net.sender(key.clone(), &book);
    net.account(&sender, PROVIDER).await;
    net.mine(6).await;
    for depth in 1..=5u64 {
        let op = OperationId::random();
        let mut ticket = sender.submit(op, deposit(PROVIDER, 10)).await.unwrap();
        let Some(Outcome::Mined { block: first, .. }) = ticket.next().await else { panic!("it is mined") };
        if depth > 1 {
            net.mine(depth - 1).await;
        }
        let records = *book.records.lock();
        net.reorg(depth).await;
        let Some(Outcome::Mined { block: second, .. }) = ticket.next().await else {
            panic!("it is mined again")
        };
        assert_ne!(first.hash, second.hash, "depth {depth}");
        assert!(*book.records.lock() > records, "the journal knows that it is under way again");
        assert_eq!(book.of(op).len(), 1);
        assert_eq!(book.outcomes_of(op).len(), 2);
        assert_eq!(net.balance(key.address(), PROVIDER).await, 1000 + 10 * u128::from(depth));
    }
}

async fn several_undone_at_once_keep_their_order(net: Net) {
    let (key, book) = (key(0), Arc::new(Book::default()));
    let sender = net.sender(key.clone(), &book);
    net.account(&sender, PROVIDER).await;
    net.mine(3).await;
    let mut tickets = Vec::new();
    for value in [1, 2, 4] {
        let mut ticket = sender.submit(OperationId::random(), deposit(PROVIDER, value)).await.unwrap();
        assert!(matches!(ticket.next().await, Some(Outcome::Mined { .. })));
        tickets.push(ticket);
    }
    // Their sender may have brought them again before anybody looks; no block takes them until then.
    net.automine(false).await;
    net.reorg(3).await;
    assert_eq!(net.balance(key.address(), PROVIDER).await, 1000, "all three are undone");
    net.automine(true).await;
    until("all three are back", async || {
        net.mine(1).await;
        net.balance(key.address(), PROVIDER).await == 1007
    })
    .await;
    for ticket in &mut tickets {
        assert!(matches!(ticket.next().await, Some(Outcome::Mined { .. })));
        assert!(matches!(ticket.state(), TxState::Done(Outcome::Mined { .. })));
    }
}

/// Between two looks the block is undone and the same transaction is in another one, where it fails.
async fn what_was_mined_may_be_reverted_after_a_reorg(net: Net) {
    let (key, book) = (key(0), Arc::new(Book::default()));
    let sender = net.sender(key.clone(), &book);
    net.mine(3).await;
    let open = raw::addAccountCall { provider: PROVIDER, delegate: Address::ZERO };
    net.foreign(&key, 0, net.chain.contract(), 9, open.abi_encode()).await;
    net.mine(1).await;
    let op = OperationId::random();
    let mut ticket = sender.submit(op, deposit(PROVIDER, 10)).await.unwrap();
    assert!(matches!(ticket.next().await, Some(Outcome::Mined { .. })));
    net.faults.set(|_, _| Fault::Unreachable);
    net.reorg(5).await;
    net.forget_pool().await;
    // The account is not opened this time.
    net.foreign(&key, 0, Address::repeat_byte(9), 1, Vec::new()).await;
    net.mine(1).await;
    net.send_raw(&book.of(op)[0].raw).await;
    net.mine(5).await;
    net.faults.heal();
    let outcome = ticket.next().await;
    assert!(matches!(&outcome, Some(Outcome::Reverted { .. })), "{outcome:?}");
    assert_eq!(book.outcomes_of(op).len(), 2);
}
