//! A crash between any two steps of a send, and the restart after it.

use std::sync::Arc;
use std::time::Duration;

use zgserve_tui::chain::{Outcome, SendError, TxSigner};
use zgserve_tui::domain::{Address, OperationId};
use zgserve_tui::tasks::Tasks;

use super::faults::Fault;
use super::net::{Book, Net, deposit, key, quick};
use super::on_both;

const PROVIDER: Address = Address::repeat_byte(0x77);

on_both!(
    recorded_but_not_broadcast,
    broadcast_but_not_known_as_mined,
    mined_while_we_were_away,
    replaced_and_the_first_was_mined_while_we_were_away,
    the_same_journal_twice,
    nothing_leaves_without_the_journal,
    an_outcome_waits_for_the_journal,
);

/// A sender whose process can end without a word.
async fn crashing(net: &Net, book: &Arc<Book>) -> (zgserve_tui::chain::Sender, Tasks) {
    let tasks = Tasks::new();
    let journal: Arc<dyn zgserve_tui::chain::Journal> = Arc::<Book>::clone(book);
    let sender = zgserve_tui::chain::Sender::start(net.chain.clone(), key(0), journal, &tasks, quick());
    (sender, tasks)
}

async fn restart(net: &Net, book: &Arc<Book>) -> Vec<Outcome> {
    let sender = net.sender(key(0), book);
    let mut outcomes = Vec::new();
    for mut ticket in sender.resume(book.unfinished()).await.unwrap() {
        outcomes.push(ticket.wait().await);
    }
    outcomes
}

async fn recorded_but_not_broadcast(net: Net) {
    let book = Arc::new(Book::default());
    let (sender, tasks) = crashing(&net, &book).await;
    net.account(&sender, PROVIDER).await;
    net.faults.next("eth_sendRawTransaction", 1000, Fault::Unreachable);
    sender.submit(OperationId::random(), deposit(PROVIDER, 5)).await.unwrap();
    tasks.stop(Duration::from_secs(2)).await;
    net.faults.heal();
    assert_eq!(net.balance(key(0).address(), PROVIDER).await, 1000);
    assert!(matches!(restart(&net, &book).await[..], [Outcome::Mined { .. }]));
    assert_eq!(net.balance(key(0).address(), PROVIDER).await, 1005);
}

async fn broadcast_but_not_known_as_mined(net: Net) {
    let book = Arc::new(Book::default());
    let (sender, tasks) = crashing(&net, &book).await;
    net.account(&sender, PROVIDER).await;
    net.automine(false).await;
    sender.submit(OperationId::random(), deposit(PROVIDER, 5)).await.unwrap();
    tasks.stop(Duration::from_secs(2)).await;
    let again = net.sender(key(0), &book);
    let mut tickets = again.resume(book.unfinished()).await.unwrap();
    net.mine(1).await;
    assert!(matches!(tickets[0].wait().await, Outcome::Mined { .. }));
    assert_eq!(net.balance(key(0).address(), PROVIDER).await, 1005);
    // The next operation comes after it, not over it.
    net.automine(true).await;
    let mut next = again.submit(OperationId::random(), deposit(PROVIDER, 1)).await.unwrap();
    assert_eq!(next.nonce, tickets[0].nonce + 1);
    assert!(matches!(next.wait().await, Outcome::Mined { .. }));
}

async fn mined_while_we_were_away(net: Net) {
    let book = Arc::new(Book::default());
    let (sender, tasks) = crashing(&net, &book).await;
    net.account(&sender, PROVIDER).await;
    net.automine(false).await;
    for value in [1, 2, 4] {
        sender.submit(OperationId::random(), deposit(PROVIDER, value)).await.unwrap();
    }
    tasks.stop(Duration::from_secs(2)).await;
    net.mine(2).await;
    let nonce = net.nonce(key(0).address()).await;
    let outcomes = restart(&net, &book).await;
    assert!(outcomes.len() == 3 && outcomes.iter().all(|o| matches!(o, Outcome::Mined { .. })));
    assert_eq!(net.balance(key(0).address(), PROVIDER).await, 1007);
    assert_eq!(net.nonce(key(0).address()).await, nonce, "nothing was sent again");
}

async fn replaced_and_the_first_was_mined_while_we_were_away(net: Net) {
    let book = Arc::new(Book::default());
    let tasks = Tasks::new();
    let settings = zgserve_tui::chain::SenderSettings {
        replace_after: Duration::from_millis(50),
        max_bumps: 1,
        ..quick()
    };
    let journal: Arc<dyn zgserve_tui::chain::Journal> = Arc::<Book>::clone(&book);
    let sender = zgserve_tui::chain::Sender::start(net.chain.clone(), key(0), journal, &tasks, settings);
    net.account(&sender, PROVIDER).await;
    net.automine(false).await;
    let op = OperationId::random();
    sender.submit(op, deposit(PROVIDER, 5)).await.unwrap();
    super::net::until("it is replaced", async || book.of(op).len() == 2).await;
    tasks.stop(Duration::from_secs(2)).await;
    net.forget_pool().await;
    net.send_raw(&book.of(op)[0].raw).await;
    net.mine(1).await;
    let outcomes = restart(&net, &book).await;
    assert!(matches!(outcomes[..], [Outcome::Mined { hash, .. }] if hash == book.of(op)[0].hash));
    assert_eq!(net.balance(key(0).address(), PROVIDER).await, 1005);
}

async fn the_same_journal_twice(net: Net) {
    let book = Arc::new(Book::default());
    let (sender, tasks) = crashing(&net, &book).await;
    net.account(&sender, PROVIDER).await;
    net.automine(false).await;
    sender.submit(OperationId::random(), deposit(PROVIDER, 5)).await.unwrap();
    tasks.stop(Duration::from_secs(2)).await;
    net.forget_pool().await;
    let again = net.sender(key(0), &book);
    let mut first = again.resume(book.unfinished()).await.unwrap();
    let mut second = again.resume(book.unfinished()).await.unwrap();
    assert_eq!((first.len(), second.len()), (1, 1));
    assert_eq!(first[0].hash, second[0].hash);
    // A second process reads the same file, too.
    let other = net.sender(key(0), &book);
    let mut third = other.resume(book.unfinished()).await.unwrap();
    super::net::until("it is in the pool and mined", async || {
        net.mine(1).await;
        net.balance(key(0).address(), PROVIDER).await == 1005
    })
    .await;
    for ticket in [&mut first[0], &mut second[0], &mut third[0]] {
        assert!(matches!(ticket.wait().await, Outcome::Mined { .. }));
    }
    net.mine(3).await;
    assert_eq!(net.balance(key(0).address(), PROVIDER).await, 1005);
    // Given once more after the end it is found mined at once.
    let all = book.attempts.lock().clone();
    let last = net.sender(key(0), &book);
    for mut ticket in last.resume(all).await.unwrap() {
        assert!(matches!(ticket.wait().await, Outcome::Mined { .. }));
    }
}

async fn nothing_leaves_without_the_journal(net: Net) {
    let book = Arc::new(Book::default());
    let sender = net.sender(key(0), &book);
    net.account(&sender, PROVIDER).await;
    let (nonce, sent) = (net.nonce(key(0).address()).await, net.faults.count("eth_sendRawTransaction"));
    *book.broken.lock() = true;
    let error = sender.submit(OperationId::random(), deposit(PROVIDER, 5)).await.unwrap_err();
    assert!(matches!(error, SendError::Journal(_)), "{error}");
    assert_eq!(net.faults.count("eth_sendRawTransaction"), sent);
    *book.broken.lock() = false;
    let mut ticket = sender.submit(OperationId::random(), deposit(PROVIDER, 5)).await.unwrap();
    assert_eq!(ticket.nonce, nonce, "the nonce was not used up");
    assert!(matches!(ticket.wait().await, Outcome::Mined { .. }));
}

async fn an_outcome_waits_for_the_journal(net: Net) {
    let book = Arc::new(Book::default());
    let sender = net.sender(key(0), &book);
    net.account(&sender, PROVIDER).await;
    net.automine(false).await;
    let op = OperationId::random();
    let mut ticket = sender.submit(op, deposit(PROVIDER, 5)).await.unwrap();
    *book.broken.lock() = true;
    net.mine(1).await;
    let early = tokio::time::timeout(Duration::from_millis(150), ticket.wait()).await;
    assert!(early.is_err(), "nobody is told what is not written down");
    *book.broken.lock() = false;
    let outcome = ticket.wait().await;
    assert_eq!(book.outcomes_of(op), [outcome]);
}
