//! What a transaction may cost as its deadline comes near, and what it does for those that stand in its way.

use std::sync::Arc;
use std::time::Duration;

use zgserve_tui::chain::{Bid, Call, Hurry, Outcome, SendError, SenderSettings, TxState};
use zgserve_tui::domain::{Address, Neuron, OperationId, Timestamp};

use super::faults::Fault;
use super::net::{Book, Net, deposit, key, quick, until};
use super::on_both;

const PROVIDER: Address = Address::repeat_byte(0x78);
const GWEI: u128 = 1_000_000_000;

on_both!(
    a_calm_bid_waits_for_cheaper_gas_and_a_late_one_offers_all,
    an_order_in_a_hurry_pushes_those_before_it,
    what_costs_more_than_its_bid_is_not_sent,
    a_late_order_pays_for_those_before_it_from_its_own_stake,
    a_late_order_does_not_spend_what_a_calm_one_before_it_may,
    an_offer_below_the_market_is_raised_to_it_even_after_many_raises,
    an_order_without_a_bid_takes_what_stands_before_it_along,
    an_order_with_a_bid_never_waits_and_one_in_a_hurry_gets_in,
    a_raise_stays_within_what_the_wallet_has,
    a_raise_that_no_node_takes_leaves_the_one_before_in_its_place,
    a_node_that_limits_what_gas_may_cost_says_what_to_do,
);

fn calm(neuron: u128) -> Bid {
    Bid { calm: Neuron::new(neuron), hurry: None }
}

/// A bid whose last moment is in `seconds`, and whose goal has passed already.
fn late(stake: u128, seconds: u64) -> Bid {
    let now = Timestamp::now().as_seconds();
    let at = Timestamp::from_seconds;
    let hurry =
        Hurry { stake: Neuron::new(stake), begin: at(now - 100), by: at(now - 50), last: at(now + seconds) };
    Bid { calm: Neuron::new(0), hurry: Some(hurry) }
}

fn patient() -> SenderSettings {
    SenderSettings { replace_after: Duration::from_millis(30), max_bumps: 100, ..quick() }
}

/// Gas limit times fee of an attempt, from what its bytes say.
fn most(attempt: &zgserve_tui::chain::Attempt) -> u128 {
    most_of(&attempt.raw)
}

fn most_of(raw: &alloy::primitives::Bytes) -> u128 {
    use alloy::consensus::{Transaction, TxEnvelope};
    use alloy::eips::eip2718::Decodable2718;
    let tx = TxEnvelope::decode_2718(&mut raw.as_ref()).unwrap();
    u128::from(tx.gas_limit()) * tx.max_fee_per_gas()
}

/// Geth with `--rpc.txfeecap`.
fn caps_gas(net: &Net, cap: u128) {
    net.faults.set(move |method, params| {
        if method == "eth_sendRawTransaction"
            && most_of(&serde_json::from_value(params[0].clone()).unwrap()) > cap
        {
            return Fault::Error(-32000, "tx fee (2.00 ether) exceeds the configured cap (1.00 ether)");
        }
        Fault::None
    });
}

async fn a_calm_bid_waits_for_cheaper_gas_and_a_late_one_offers_all(net: Net) {
    let book = Arc::new(Book::default());
    let sender = net.sender_with(key(0), &book, patient());
    net.account(&sender, PROVIDER).await;
    net.automine(false).await;
    let op = OperationId::random();
    let allowed = 400_000 * GWEI;
    let mut ticket = sender.submit_at(op, deposit(PROVIDER, 5), calm(allowed)).await.unwrap();
    // Each raise is by an eighth.
    until("the next raise would pass its bid", async || {
        let last = book.of(op).pop().expect("it was sent");
        most(&last) / last.max_fee * (last.max_fee + last.max_fee.div_ceil(8)) > allowed
    })
    .await;
    tokio::time::sleep(Duration::from_millis(150)).await;
    assert!(book.of(op).iter().all(|attempt| most(attempt) <= allowed), "never above its bid");
    sender.rebid(op, late(100 * allowed, 1_000)).await;
    until("it offers more", async || book.of(op).iter().any(|attempt| most(attempt) > allowed)).await;
    let last = book.of(op).into_iter().find(|attempt| most(attempt) > allowed).unwrap();
    let (offer, stake) = (most(&last), 100 * allowed);
    assert!(
        offer > stake / 3 && offer <= stake,
        "half of the stake is gone with the goal: {offer} of {stake}"
    );
    assert!(last.priority > last.max_fee / 2, "and what is above the base fee goes to whoever mines it");
    net.automine(true).await;
    net.mine(1).await;
    assert!(matches!(ticket.wait().await, Outcome::Mined { .. }));
    assert_eq!(net.balance(sender.address(), PROVIDER).await, 1005);
}

async fn an_order_in_a_hurry_pushes_those_before_it(net: Net) {
    let book = Arc::new(Book::default());
    let sender = net.sender_with(key(0), &book, SenderSettings { max_bumps: 0, ..patient() });
    net.account(&sender, PROVIDER).await;
    net.automine(false).await;
    let (first, second) = (OperationId::random(), OperationId::random());
    sender.submit(first, deposit(PROVIDER, 1)).await.unwrap();
    tokio::time::sleep(Duration::from_millis(150)).await;
    assert_eq!(book.of(first).len(), 1, "by itself it is never raised");
    let mut last =
        sender.submit_at(second, deposit(PROVIDER, 2), late(100_000_000 * GWEI, 1_000)).await.unwrap();
    until("the first is raised for the second", async || book.of(first).len() > 1).await;
    let attempts = book.of(first);
    assert!(attempts[1].max_fee > 10 * attempts[0].max_fee, "{attempts:?}");
    net.automine(true).await;
    net.mine(1).await;
    assert!(matches!(last.wait().await, Outcome::Mined { .. }));
    assert_eq!(net.balance(sender.address(), PROVIDER).await, 1003);
}

async fn what_costs_more_than_its_bid_is_not_sent(net: Net) {
    let book = Arc::new(Book::default());
    let sender = net.sender_with(key(0), &book, patient());
    net.account(&sender, PROVIDER).await;
    let before = book.attempts.lock().len();
    let op = OperationId::random();
    let call: Call = deposit(PROVIDER, 5);
    let error = sender.submit_at(op, call.clone(), calm(GWEI)).await.unwrap_err();
    assert!(matches!(error, SendError::OverBid { .. }) && error.is_transient(), "{error}");
    assert_eq!(book.attempts.lock().len(), before, "nothing was signed");
    let mut ticket = sender.submit_at(op, call, calm(1_000_000 * GWEI)).await.unwrap();
    assert!(matches!(ticket.wait().await, Outcome::Mined { .. }), "a higher bid is a new try");
}

/// Waits until nothing is raised any more.
async fn come_to_rest(book: &Book, op: OperationId) {
    until("raises come to an end", async || {
        let count = book.of(op).len();
        tokio::time::sleep(Duration::from_millis(200)).await;
        count == book.of(op).len()
    })
    .await;
}

async fn a_late_order_pays_for_those_before_it_from_its_own_stake(net: Net) {
    let book = Arc::new(Book::default());
    let sender = net.sender_with(key(0), &book, SenderSettings { max_bumps: 0, ..patient() });
    net.account(&sender, PROVIDER).await;
    net.automine(false).await;
    let (first, second) = (OperationId::random(), OperationId::random());
    // Without a bid: what the settings allow is a thousand times what the other has at stake.
    sender.submit(first, deposit(PROVIDER, 1)).await.unwrap();
    let stake = 2_000_000 * GWEI;
    let mut last = sender.submit_at(second, deposit(PROVIDER, 2), late(stake, 1_000)).await.unwrap();
    until("the first is raised for the second", async || book.of(first).len() > 1).await;
    come_to_rest(&book, first).await;
    let offered = most(book.of(first).last().unwrap());
    assert!(offered <= stake, "{offered} for {stake}");
    net.automine(true).await;
    net.mine(1).await;
    assert!(matches!(last.wait().await, Outcome::Mined { .. }));
}

async fn a_late_order_does_not_spend_what_a_calm_one_before_it_may(net: Net) {
    let book = Arc::new(Book::default());
    let sender = net.sender_with(key(0), &book, SenderSettings { max_bumps: 0, ..patient() });
    net.account(&sender, PROVIDER).await;
    net.automine(false).await;
    let (first, second) = (OperationId::random(), OperationId::random());
    sender.submit_at(first, deposit(PROVIDER, 1), calm(100_000_000 * GWEI)).await.unwrap();
    let stake = 2_000_000 * GWEI;
    let mut last = sender.submit_at(second, deposit(PROVIDER, 2), late(stake, 1_000)).await.unwrap();
    until("the first is raised for the second", async || book.of(first).len() > 1).await;
    // Step by step it may follow its own bid; but nobody is in a hurry to pay all of that.
    let second_offer = most(&book.of(first)[1]);
    assert!(second_offer <= stake, "{second_offer} for {stake}");
    net.automine(true).await;
    net.mine(1).await;
    assert!(matches!(last.wait().await, Outcome::Mined { .. }));
}

async fn an_offer_below_the_market_is_raised_to_it_even_after_many_raises(net: Net) {
    let book = Arc::new(Book::default());
    let sender = net.sender_with(key(0), &book, SenderSettings { max_bumps: 0, ..patient() });
    net.account(&sender, PROVIDER).await;
    net.automine(false).await;
    let op = OperationId::random();
    let mut ticket = sender.submit_at(op, deposit(PROVIDER, 5), calm(100_000_000 * GWEI)).await.unwrap();
    net.base_fee(50_000_000_000).await;
    until("it follows the market, which its bid allows", async || {
        book.of(op).last().is_some_and(|last| last.max_fee >= 50_000_000_000)
    })
    .await;
    net.automine(true).await;
    net.mine(1).await;
    assert!(matches!(ticket.wait().await, Outcome::Mined { .. }));
}

async fn an_order_without_a_bid_takes_what_stands_before_it_along(net: Net) {
    let book = Arc::new(Book::default());
    let sender = net.sender_with(key(0), &book, SenderSettings { max_bumps: 0, ..patient() });
    net.account(&sender, PROVIDER).await;
    net.automine(false).await;
    let (first, second) = (OperationId::random(), OperationId::random());
    sender.submit_at(first, deposit(PROVIDER, 1), calm(800_000 * GWEI)).await.unwrap();
    net.base_fee(50_000_000_000).await;
    come_to_rest(&book, first).await;
    assert!(
        book.of(first).iter().all(|attempt| attempt.max_fee < 50_000_000_000),
        "it waits for a cheaper hour"
    );
    // A person's order; it may not wait for ever because something that nobody is in a hurry for has an earlier nonce.
    let mut last = sender.submit(second, deposit(PROVIDER, 2)).await.unwrap();
    until("what stands before it is raised to the market", async || {
        book.of(first).last().is_some_and(|last| last.max_fee >= 50_000_000_000)
    })
    .await;
    net.automine(true).await;
    net.mine(2).await;
    assert!(matches!(last.wait().await, Outcome::Mined { .. }));
}

async fn an_order_with_a_bid_never_waits_and_one_in_a_hurry_gets_in(net: Net) {
    let book = Arc::new(Book::default());
    let sender = net.sender_with(key(0), &book, SenderSettings { max_in_flight: 2, ..patient() });
    net.account(&sender, PROVIDER).await;
    net.automine(false).await;
    for value in [1, 2] {
        sender.submit(OperationId::random(), deposit(PROVIDER, value)).await.unwrap();
    }
    // Waiting for a place would keep whoever keeps the deadlines from keeping them.
    let (op, call) = (OperationId::random(), deposit(PROVIDER, 4));
    let full = sender.submit_at(op, call.clone(), calm(100_000_000 * GWEI)).await.unwrap_err();
    assert!(matches!(full, SendError::Full { in_flight: 2 }) && full.is_transient(), "{full}");
    for _ in 0..2 {
        let (op, bid) = (OperationId::random(), late(100_000_000 * GWEI, 1_000));
        sender.submit_at(op, call.clone(), bid).await.unwrap();
        sender.submit_at(op, call.clone(), bid).await.expect("the same one again is the same ticket");
    }
    let full = sender.submit_at(op, call, late(100_000_000 * GWEI, 1_000)).await.unwrap_err();
    assert!(matches!(full, SendError::Full { in_flight: 4 }), "{full}");
    net.automine(true).await;
    net.mine(1).await;
    until("all are there", async || net.balance(sender.address(), PROVIDER).await == 1011).await;
}

/// A stake may be worth more than the wallet holds. What there is is offered; an offer beyond it would be refused by every
/// node, and would stand in the way of all others.
async fn a_raise_stays_within_what_the_wallet_has(net: Net) {
    let book = Arc::new(Book::default());
    let sender = net.sender_with(key(0), &book, patient());
    net.account(&sender, PROVIDER).await;
    net.automine(false).await;
    let balance = net.chain.native_balance(sender.address()).await.unwrap();
    // For gas is left what a few raises take, and far less than the stake.
    let left = 2_000_000 * GWEI;
    let op = OperationId::random();
    let rich = late(1_000_000_000 * GWEI, 1_000);
    let mut ticket = sender.submit_at(op, deposit(PROVIDER, balance - left), rich).await.unwrap();
    until("nearly all there is is offered", async || {
        book.of(op).iter().any(|attempt| most(attempt) > left / 2)
    })
    .await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let attempts = book.of(op);
    assert!(attempts.iter().all(|attempt| most(attempt) <= left), "{attempts:?}");
    net.automine(true).await;
    net.mine(1).await;
    assert!(matches!(ticket.wait().await, Outcome::Mined { .. }));
}

async fn a_raise_that_no_node_takes_leaves_the_one_before_in_its_place(net: Net) {
    let book = Arc::new(Book::default());
    let settings = SenderSettings { rebroadcast_after: Duration::from_millis(100), ..patient() };
    let sender = net.sender_with(key(0), &book, settings);
    net.account(&sender, PROVIDER).await;
    net.automine(false).await;
    let op = OperationId::random();
    // All that is at stake is offered at once, and is far above what the node passes on.
    let first = most(&book.attempts.lock()[0]);
    caps_gas(&net, 20 * first);
    let mut ticket =
        sender.submit_at(op, deposit(PROVIDER, 5), late(100_000_000 * GWEI, 1_000)).await.unwrap();
    until("a smaller raise is tried", async || {
        book.of(op).iter().skip(1).any(|attempt| most(attempt) <= 20 * first)
    })
    .await;
    assert!(most(&book.of(op)[1]) > 20 * first, "all of it was tried before");
    let hashes = match ticket.state() {
        TxState::Sent { hashes } => hashes,
        other => panic!("{other:?}"),
    };
    let newest = book.of(op).into_iter().find(|attempt| Some(&attempt.hash) == hashes.last()).unwrap();
    assert!(most(&newest) <= 20 * first, "the newest one is one that the node has");
    // What the pool forgets comes again, and it is not the one that nobody takes.
    net.forget_pool().await;
    until("it is mined", async || {
        net.mine(1).await;
        net.balance(sender.address(), PROVIDER).await == 1005
    })
    .await;
    assert!(matches!(ticket.wait().await, Outcome::Mined { .. }));
}

async fn a_node_that_limits_what_gas_may_cost_says_what_to_do(net: Net) {
    let book = Arc::new(Book::default());
    let sender = net.sender_with(key(0), &book, patient());
    net.account(&sender, PROVIDER).await;
    caps_gas(&net, 1);
    let error = sender.submit(OperationId::random(), deposit(PROVIDER, 5)).await.unwrap_err();
    assert!(error.to_string().contains("--rpc.txfeecap"), "{error}");
}
