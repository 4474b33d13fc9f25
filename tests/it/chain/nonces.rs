//! The nonce incidents of other people's senders, each as a test.

use std::time::Duration;

use alloy::sol_types::SolCall;
use serde_json::json;
use zgserve_tui::chain::{Call, Outcome, SendError, Sender, SenderSettings, Ticket, TxSigner, TxState};
use zgserve_tui::domain::{Address, Neuron, OperationId};

use super::faults::Fault;
use super::net::{Book, Net, deposit, key, quick, until};
use super::on_both;

const PROVIDER: Address = Address::repeat_byte(0x77);

pub(super) mod raw {
    alloy::sol! {
        function addAccount(address provider, address delegate);
    }
}

on_both!(
    an_earlier_hash_may_be_the_one_that_is_mined,
    age_counts_from_being_next_in_line,
    a_gap_of_twenty_five_nonces_is_closed,
    counts_of_a_node_that_lags_make_no_duplicates,
    an_expired_nonce_is_no_failure_when_its_transaction_was_mined,
    an_answer_about_a_second_delivery_is_not_believed,
    a_nonce_used_by_somebody_else_is_replaced_once,
    a_retry_that_the_contract_refuses_ends_the_operation,
    an_order_whose_nonce_was_taken_needs_its_money_once,
    an_order_whose_nonce_was_taken_is_tried_again_by_time,
    two_senders_with_one_key_lose_and_double_nothing,
    twenty_at_once_get_twenty_nonces,
    what_the_pool_forgets_is_broadcast_again,
    a_stuck_transaction_is_replaced_until_it_is_mined,
    a_node_that_wants_higher_fees_gets_them,
);

fn mined(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Mined { .. })
}

async fn an_earlier_hash_may_be_the_one_that_is_mined(net: Net) {
    let (key, book) = (key(0), std::sync::Arc::new(Book::default()));
    let settings = SenderSettings { replace_after: Duration::from_millis(50), max_bumps: 2, ..quick() };
    let sender = net.sender_with(key.clone(), &book, settings);
    net.account(&sender, PROVIDER).await;
    net.automine(false).await;
    let op = OperationId::random();
    let mut ticket = sender.submit(op, deposit(PROVIDER, 5)).await.unwrap();
    until("it is replaced twice", async || book.of(op).len() == 3).await;
    let attempts = book.of(op);
    assert!(attempts.windows(2).all(|pair| pair[0].nonce == pair[1].nonce));
    assert!(attempts.windows(2).all(|pair| pair[1].max_fee * 8 >= pair[0].max_fee * 9));
    assert!(attempts.windows(2).all(|pair| pair[1].priority * 8 >= pair[0].priority * 9));
    net.has_newest(&book, op).await;
    let sent = TxState::Sent { hashes: attempts.iter().map(|a| a.hash).collect() };
    until("its ticket says so", async || ticket.state() == sent).await;
    // The miner had the first one all along.
    net.forget_pool().await;
    net.send_raw(&attempts[0].raw).await;
    net.mine(1).await;
    let Outcome::Mined { hash, .. } = ticket.wait().await else { panic!("it is mined") };
    assert_eq!(hash, attempts[0].hash);
    assert_eq!(net.balance(key.address(), PROVIDER).await, 1005);
}

async fn age_counts_from_being_next_in_line(net: Net) {
    let (key, book) = (key(0), std::sync::Arc::new(Book::default()));
    let settings = SenderSettings { replace_after: Duration::from_millis(300), max_bumps: 1, ..quick() };
    let sender = net.sender_with(key, &book, settings);
    net.account(&sender, PROVIDER).await;
    net.automine(false).await;
    let (first, second) = (OperationId::random(), OperationId::random());
    sender.submit(first, deposit(PROVIDER, 1)).await.unwrap();
    let mut last = sender.submit(second, deposit(PROVIDER, 2)).await.unwrap();
    until("the first is replaced", async || book.of(first).len() == 2).await;
    net.has_newest(&book, first).await;
    tokio::time::sleep(Duration::from_millis(400)).await;
    assert_eq!(book.of(second).len(), 1, "who waits behind another is not stuck");
    net.mine(1).await;
    assert!(mined(&last.wait().await));
    assert_eq!((book.of(first).len(), book.of(second).len()), (2, 1));
}

async fn a_gap_of_twenty_five_nonces_is_closed(net: Net) {
    let (key, book) = (key(0), std::sync::Arc::new(Book::default()));
    let sender = net.sender(key.clone(), &book);
    net.account(&sender, PROVIDER).await;
    let next = net.nonce(key.address()).await;
    let mut lied = false;
    net.faults.set(move |method, params| {
        if method == "eth_getTransactionCount" && params[1] == "pending" && !lied {
            lied = true;
            return Fault::Answer(json!(format!("{:#x}", next + 25)));
        }
        Fault::None
    });
    let mut ticket = sender.submit(OperationId::random(), deposit(PROVIDER, 5)).await.unwrap();
    assert_eq!(ticket.nonce, next + 25);
    assert!(mined(&ticket.wait().await));
    assert_eq!(net.nonce(key.address()).await, next + 26);
    assert_eq!(net.balance(key.address(), PROVIDER).await, 1005);
    assert_eq!(book.attempts.lock().iter().filter(|attempt| attempt.op.is_none()).count(), 25);
}

async fn counts_of_a_node_that_lags_make_no_duplicates(net: Net) {
    let (key, book) = (key(0), std::sync::Arc::new(Book::default()));
    let sender = net.sender(key.clone(), &book);
    net.account(&sender, PROVIDER).await;
    net.automine(false).await;
    net.faults.set(|method, params| {
        if method == "eth_getTransactionCount" && params[1] == "pending" {
            return Fault::Answer(json!("0x0"));
        }
        Fault::None
    });
    let mut tickets = Vec::new();
    for value in 1..=4 {
        tickets.push(sender.submit(OperationId::random(), deposit(PROVIDER, value)).await.unwrap());
    }
    assert!(tickets.windows(2).all(|pair| pair[1].nonce == pair[0].nonce + 1));
    net.mine(1).await;
    for ticket in &mut tickets {
        assert!(mined(&ticket.wait().await));
    }
    assert_eq!(net.balance(key.address(), PROVIDER).await, 1010);
}

async fn an_expired_nonce_is_no_failure_when_its_transaction_was_mined(net: Net) {
    let (key, book) = (key(0), std::sync::Arc::new(Book::default()));
    let sender = net.sender(key.clone(), &book);
    net.account(&sender, PROVIDER).await;
    // It arrives and is mined, but we hear nothing and then, at the next try, that the nonce is used.
    net.faults.next("eth_sendRawTransaction", 1, Fault::LoseAnswer);
    let op = OperationId::random();
    let mut ticket = sender.submit(op, deposit(PROVIDER, 5)).await.unwrap();
    assert!(mined(&ticket.wait().await));
    assert_eq!(book.of(op).len(), 1);
    assert_eq!(net.balance(key.address(), PROVIDER).await, 1005);
}

async fn an_answer_about_a_second_delivery_is_not_believed(net: Net) {
    let (key, book) = (key(0), std::sync::Arc::new(Book::default()));
    let sender = net.sender(key.clone(), &book);
    net.account(&sender, PROVIDER).await;
    for words in ["nonce too low", "already known"] {
        net.faults.next("eth_sendRawTransaction", 1, Fault::ButSay(-32000, words));
        let op = OperationId::random();
        assert!(mined(&sender.submit(op, deposit(PROVIDER, 5)).await.unwrap().wait().await), "{words}");
        assert_eq!(book.of(op).len(), 1, "{words}");
    }
    // The same, and the node that is asked for the receipt has not seen the block yet.
    let (mut said, mut blind) = (false, 20);
    net.faults.set(move |method, _| match method {
        "eth_sendRawTransaction" if !said => {
            said = true;
            Fault::ButSay(-32000, "nonce too low")
        }
        "eth_getTransactionReceipt" if blind > 0 => {
            blind -= 1;
            Fault::Answer(json!(null))
        }
        _ => Fault::None,
    });
    let op = OperationId::random();
    assert!(mined(&sender.submit(op, deposit(PROVIDER, 5)).await.unwrap().wait().await));
    assert_eq!(book.of(op).len(), 1);
    assert_eq!(net.balance(key.address(), PROVIDER).await, 1015);
}

async fn a_nonce_used_by_somebody_else_is_replaced_once(net: Net) {
    let (key, book) = (key(0), std::sync::Arc::new(Book::default()));
    let sender = net.sender(key.clone(), &book);
    net.account(&sender, PROVIDER).await;
    net.automine(false).await;
    let op = OperationId::random();
    let mut ticket = sender.submit(op, deposit(PROVIDER, 5)).await.unwrap();
    net.forget_pool().await;
    net.foreign(&key, ticket.nonce, Address::repeat_byte(9), 1, Vec::new()).await;
    net.mine(1).await;
    until("it has a second nonce", async || {
        // Proof needs a little depth.
        net.mine(1).await;
        book.of(op).last().is_some_and(|last| last.nonce == ticket.nonce + 1)
    })
    .await;
    net.has_newest(&book, op).await;
    net.mine(1).await;
    assert!(mined(&ticket.wait().await));
    assert_eq!(net.balance(key.address(), PROVIDER).await, 1005);
}

async fn a_retry_that_the_contract_refuses_ends_the_operation(net: Net) {
    let (key, book) = (key(0), std::sync::Arc::new(Book::default()));
    let sender = net.sender(key.clone(), &book);
    net.automine(false).await;
    let op = OperationId::random();
    let call = Call::AddAccount { provider: PROVIDER, delegate: None, value: Neuron::new(7) };
    let mut ticket = sender.submit(op, call).await.unwrap();
    // Another process with the key opens the same account first, with a transaction of its own.
    net.forget_pool().await;
    let call = raw::addAccountCall { provider: PROVIDER, delegate: Address::ZERO };
    net.foreign(&key, ticket.nonce, net.chain.contract(), 9, call.abi_encode()).await;
    net.mine(3).await;
    let outcome = ticket.wait().await;
    assert!(matches!(&outcome, Outcome::Refused { reason } if reason.contains("exists")), "{outcome:?}");
    assert_eq!(book.outcomes_of(op), [outcome]);
    assert_eq!(net.balance(key.address(), PROVIDER).await, 9);
    assert_eq!(net.nonce(key.address()).await, ticket.nonce + 1);
}

/// An order under way and a transaction of another process with the nonce of it, which the next block takes.
async fn with_its_nonce_taken(net: &Net, sender: &Sender, op: OperationId, value: u128) -> Ticket {
    net.account(sender, PROVIDER).await;
    net.automine(false).await;
    let ticket = sender.submit(op, deposit(PROVIDER, value)).await.unwrap();
    // Its sender may not bring it back before the other one is there.
    net.faults.next("eth_sendRawTransaction", usize::MAX, Fault::Unreachable);
    net.forget_pool().await;
    net.foreign(&key(0), ticket.nonce, Address::repeat_byte(9), 1, Vec::new()).await;
    net.faults.heal();
    ticket
}

async fn an_order_whose_nonce_was_taken_needs_its_money_once(net: Net) {
    let (key, book) = (key(0), std::sync::Arc::new(Book::default()));
    let sender = net.sender(key.clone(), &book);
    let balance = net.chain.native_balance(key.address()).await.unwrap();
    let op = OperationId::random();
    let mut ticket = with_its_nonce_taken(&net, &sender, op, balance / 10 * 6).await;
    until("something becomes of it", async || {
        net.mine(1).await;
        book.of(op).len() > 1 || !book.outcomes_of(op).is_empty()
    })
    .await;
    // The blocks that are the proof may have taken the second one already.
    assert!(book.outcomes_of(op).iter().all(mined), "{:?}", book.outcomes_of(op));
    net.has_newest(&book, op).await;
    net.mine(1).await;
    assert!(mined(&ticket.wait().await));
    assert_eq!(net.balance(key.address(), PROVIDER).await, 1000 + balance / 10 * 6);
}

async fn an_order_whose_nonce_was_taken_is_tried_again_by_time(net: Net) {
    let (key, book) = (key(0), std::sync::Arc::new(Book::default()));
    let settings = SenderSettings { rebroadcast_after: Duration::from_millis(50), ..quick() };
    let sender = net.sender_with(key.clone(), &book, settings);
    let op = OperationId::random();
    let mut ticket = with_its_nonce_taken(&net, &sender, op, 5).await;
    // Before there is a proof, so that no try succeeds.
    *book.broken.lock() = true;
    net.mine(4).await;
    let before = net.faults.count("eth_estimateGas");
    until("it is tried again and again", async || net.faults.count("eth_estimateGas") >= before + 16).await;
    *book.broken.lock() = false;
    until("it has a second nonce", async || book.of(op).len() == 2).await;
    net.has_newest(&book, op).await;
    net.mine(1).await;
    assert!(mined(&ticket.wait().await));
    assert_eq!(net.balance(key.address(), PROVIDER).await, 1005);
}

async fn two_senders_with_one_key_lose_and_double_nothing(net: Net) {
    let key = key(0);
    let books = [std::sync::Arc::new(Book::default()), std::sync::Arc::new(Book::default())];
    let one = net.sender(key.clone(), &books[0]);
    let two = net.sender(key.clone(), &books[1]);
    net.account(&one, PROVIDER).await;
    let mut running = Vec::new();
    for n in 0..12u32 {
        let sender = if n % 2 == 0 { one.clone() } else { two.clone() };
        running.push(tokio::spawn(async move {
            let mut ticket = sender.submit(OperationId::random(), deposit(PROVIDER, 1 << n)).await?;
            Ok::<_, SendError>(ticket.wait().await)
        }));
    }
    let mut expected = 1000;
    for (n, task) in running.into_iter().enumerate() {
        match task.await.unwrap() {
            Ok(outcome) => {
                assert!(mined(&outcome), "{outcome:?}");
                expected += 1 << n;
            }
            // Losing the race six times in a row is an honest answer too.
            Err(SendError::Refused { .. }) => {}
            Err(error) => panic!("{error}"),
        }
        net.mine(1).await;
    }
    assert_eq!(net.balance(key.address(), PROVIDER).await, expected);
}

async fn twenty_at_once_get_twenty_nonces(net: Net) {
    let (key, book) = (key(0), std::sync::Arc::new(Book::default()));
    let sender = net.sender(key.clone(), &book);
    net.account(&sender, PROVIDER).await;
    let before = net.nonce(key.address()).await;
    let began = std::time::Instant::now();
    let running: Vec<_> = (0..20)
        .map(|n| {
            let sender = sender.clone();
            tokio::spawn(async move {
                let mut ticket =
                    sender.submit(OperationId::random(), deposit(PROVIDER, 1 << n)).await.unwrap();
                (ticket.nonce, ticket.wait().await)
            })
        })
        .collect();
    let mut nonces = Vec::new();
    for task in running {
        let (nonce, outcome) = task.await.unwrap();
        assert!(mined(&outcome));
        nonces.push(nonce);
    }
    println!("20 deposits at once: {:?}", began.elapsed());
    nonces.sort_unstable();
    assert_eq!(nonces, (before..before + 20).collect::<Vec<_>>());
    assert_eq!(net.balance(key.address(), PROVIDER).await, 1000 + (1 << 20) - 1);
}

async fn what_the_pool_forgets_is_broadcast_again(net: Net) {
    let (key, book) = (key(0), std::sync::Arc::new(Book::default()));
    let settings = SenderSettings { rebroadcast_after: Duration::from_millis(100), ..quick() };
    let sender = net.sender_with(key.clone(), &book, settings);
    net.account(&sender, PROVIDER).await;
    net.automine(false).await;
    let op = OperationId::random();
    let mut ticket = sender.submit(op, deposit(PROVIDER, 5)).await.unwrap();
    net.forget_pool().await;
    until("it is mined after all", async || {
        net.mine(1).await;
        net.balance(key.address(), PROVIDER).await == 1005
    })
    .await;
    assert!(mined(&ticket.wait().await));
    assert_eq!(book.of(op).len(), 1, "the same bytes again, not another transaction");
}

async fn a_stuck_transaction_is_replaced_until_it_is_mined(net: Net) {
    let (key, book) = (key(0), std::sync::Arc::new(Book::default()));
    let settings = SenderSettings {
        replace_after: Duration::from_millis(40),
        unknown_after: Duration::from_millis(200),
        ..quick()
    };
    let sender = net.sender_with(key.clone(), &book, settings);
    net.account(&sender, PROVIDER).await;
    net.automine(false).await;
    let op = OperationId::random();
    let mut ticket = sender.submit(op, deposit(PROVIDER, 5)).await.unwrap();
    // Nothing is mined for long: the outcome is called unknown, and followed on.
    assert!(matches!(ticket.wait().await, Outcome::Unknown { .. }));
    let bumps = quick().max_bumps as usize;
    until("it is replaced as often as allowed", async || book.of(op).len() == bumps + 1).await;
    net.has_newest(&book, op).await;
    net.mine(1).await;
    let Some(Outcome::Mined { hash, .. }) = ticket.next().await else { panic!("it is mined") };
    assert_eq!(hash, book.of(op).last().unwrap().hash, "the best paid one was in the pool");
    assert_eq!(book.outcomes_of(op).len(), 2);
    assert_eq!(net.balance(key.address(), PROVIDER).await, 1005);
}

async fn a_node_that_wants_higher_fees_gets_them(net: Net) {
    let (key, book) = (key(0), std::sync::Arc::new(Book::default()));
    let sender = net.sender(key.clone(), &book);
    net.account(&sender, PROVIDER).await;
    // What a node refuses is offered once more before the word is believed.
    net.faults.next("eth_sendRawTransaction", 4, Fault::Error(-32000, "transaction underpriced"));
    let op = OperationId::random();
    assert!(mined(&sender.submit(op, deposit(PROVIDER, 5)).await.unwrap().wait().await));
    let attempts = book.of(op);
    assert_eq!(attempts.len(), 3);
    assert!(attempts.iter().all(|attempt| attempt.nonce == attempts[0].nonce));
    // A refusal that is final ends the operation in the journal too.
    net.faults.next("eth_sendRawTransaction", 2, Fault::Error(-32000, "intrinsic gas too low"));
    let op = OperationId::random();
    let error = sender.submit(op, deposit(PROVIDER, 5)).await.unwrap_err();
    assert!(matches!(error, SendError::Refused { .. }), "{error}");
    assert!(matches!(book.outcomes_of(op)[..], [Outcome::Refused { .. }]));
    assert!(mined(&sender.submit(OperationId::random(), deposit(PROVIDER, 5)).await.unwrap().wait().await));
}
