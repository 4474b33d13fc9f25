//! The follower: everything once and in order, from a cursor, over reorgs, nodes that lag and nodes that give little.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::json;
use zgserve_tui::chain::{ChainEvent, Cursor, EventFilter, FollowSettings, Follower, Sender, TxSigner};
use zgserve_tui::domain::{Address, OperationId};

use super::faults::Fault;
use super::net::{Book, Net, deposit, key};
use super::on_both;

const PROVIDER: Address = Address::repeat_byte(0x77);

on_both!(
    everything_comes_once_and_a_cursor_goes_on,
    after_a_reorg_the_state_is_that_of_a_fresh_sync,
    a_reorg_below_the_cursor_begins_anew,
    a_node_that_lags_takes_nothing_back,
    ranges_shrink_until_the_node_can_answer,
    only_what_is_wanted_comes,
);

/// A consumer: its state is the events it holds, and its cursor.
#[derive(Default)]
struct Mirror {
    events: BTreeMap<(u64, u64), ChainEvent>,
    cursor: Option<Cursor>,
    undone: Vec<u64>,
}

impl Mirror {
    /// Follows up to the head, as a fresh process would: from the stored cursor.
    async fn catch_up(&mut self, net: &Net) {
        let stored: Option<Cursor> =
            self.cursor.as_ref().map(|cursor| serde_json::from_value(json!(cursor)).unwrap());
        let mut follower = Follower::new(net.chain.clone(), stored, FollowSettings::default());
        loop {
            let head = net.chain.head().await.unwrap();
            if self.cursor.as_ref().and_then(Cursor::tip).is_some_and(|tip| tip.hash == head.hash) {
                return;
            }
            let batch = follower.next().await.unwrap();
            if let Some(from) = batch.undone_from {
                self.undone.push(from);
                self.events.retain(|(block, _), _| *block < from);
            }
            for event in batch.events {
                assert!(event.block >= batch.from && event.block <= batch.to.number);
                assert!(self.events.insert((event.block, event.index), event).is_none(), "only once");
            }
            self.cursor = Some(batch.cursor);
        }
    }
}

async fn fund(sender: &Sender, value: u128) {
    sender.submit(OperationId::random(), deposit(PROVIDER, value)).await.unwrap().wait().await;
}

async fn everything_comes_once_and_a_cursor_goes_on(net: Net) {
    let sender = net.sender(key(0), &Arc::new(Book::default()));
    net.account(&sender, PROVIDER).await;
    let mut mirror = Mirror::default();
    for round in 1..=3u64 {
        fund(&sender, 1).await;
        net.mine(40).await;
        fund(&sender, 2).await;
        mirror.catch_up(&net).await;
        assert_eq!(mirror.events.len() as u64, 1 + 2 * round);
    }
    assert!(mirror.undone.is_empty());
    let whole = net.chain.events(0, net.chain.head().await.unwrap().number, EventFilter::default()).await;
    assert_eq!(mirror.events.into_values().collect::<Vec<_>>(), whole.unwrap());
}

async fn after_a_reorg_the_state_is_that_of_a_fresh_sync(net: Net) {
    let sender = net.sender(key(0), &Arc::new(Book::default()));
    net.account(&sender, PROVIDER).await;
    net.mine(8).await;
    let mut mirror = Mirror::default();
    mirror.catch_up(&net).await;
    // The sender must not bring back what the reorg takes, so that the states differ.
    net.tasks.stop(std::time::Duration::from_secs(2)).await;
    for depth in 1..=5u64 {
        let from = net.chain.head().await.unwrap().number;
        let tasks = zgserve_tui::tasks::Tasks::new();
        let book: Arc<dyn zgserve_tui::chain::Journal> = Arc::new(Book::default());
        let sender = Sender::start(net.chain.clone(), key(0), book, &tasks, super::net::quick());
        for value in 0..u128::from(depth) {
            fund(&sender, value + 1).await;
        }
        tasks.stop(std::time::Duration::from_secs(2)).await;
        mirror.catch_up(&net).await;
        net.reorg(depth).await;
        mirror.catch_up(&net).await;
        assert_eq!(mirror.undone.last(), Some(&(from + 1)), "depth {depth}: exactly what was undone");
        let mut fresh = Mirror::default();
        fresh.catch_up(&net).await;
        assert_eq!(mirror.events, fresh.events, "depth {depth}");
    }
    assert_eq!(mirror.undone.len(), 5);
}

async fn a_reorg_below_the_cursor_begins_anew(net: Net) {
    let sender = net.sender(key(0), &Arc::new(Book::default()));
    net.account(&sender, PROVIDER).await;
    net.mine(2).await;
    for _ in 0..6 {
        fund(&sender, 1).await;
    }
    net.tasks.stop(std::time::Duration::from_secs(2)).await;
    let settings = FollowSettings { keep: 3, ..FollowSettings::default() };
    let mut follower = Follower::new(net.chain.clone(), None, settings);
    let mut batch = follower.next().await.unwrap();
    while batch.to.hash != net.chain.head().await.unwrap().hash {
        batch = follower.next().await.unwrap();
    }
    assert_eq!(batch.cursor.blocks().len(), 3);
    net.reorg(6).await;
    let mut batch = follower.next().await.unwrap();
    assert_eq!((batch.undone_from, batch.from), (Some(0), 0));
    let mut events = batch.events;
    while batch.to.hash != net.chain.head().await.unwrap().hash {
        batch = follower.next().await.unwrap();
        assert_eq!(batch.undone_from, None);
        events.extend(batch.events);
    }
    assert_eq!(events.len(), 1, "the deposits are gone, the account is from before");
}

async fn a_node_that_lags_takes_nothing_back(net: Net) {
    let sender = net.sender(key(0), &Arc::new(Book::default()));
    net.account(&sender, PROVIDER).await;
    fund(&sender, 1).await;
    net.tasks.stop(std::time::Duration::from_secs(2)).await;
    let mut mirror = Mirror::default();
    mirror.catch_up(&net).await;
    // Every other question goes to a node that is two blocks behind.
    let old = net
        .rpc(
            "eth_getBlockByNumber",
            json!([format!("{:#x}", net.chain.head().await.unwrap().number - 2), false]),
        )
        .await;
    net.mine(2).await;
    let mut odd = false;
    net.faults.set(move |method, params| {
        if method == "eth_getBlockByNumber" && params[0] == "latest" {
            odd = !odd;
            if odd {
                return Fault::Answer(old.clone());
            }
        }
        Fault::None
    });
    let mut follower = Follower::new(net.chain.clone(), mirror.cursor.clone(), FollowSettings::default());
    let batch = follower.next().await.unwrap();
    assert_eq!(batch.undone_from, None);
    assert_eq!(batch.events, []);
}

async fn ranges_shrink_until_the_node_can_answer(net: Net) {
    let sender = net.sender(key(0), &Arc::new(Book::default()));
    net.account(&sender, PROVIDER).await;
    for _ in 0..4 {
        fund(&sender, 1).await;
        net.mine(60).await;
    }
    let number = |value: &serde_json::Value| {
        u64::from_str_radix(value.as_str().unwrap().trim_start_matches("0x"), 16).unwrap()
    };
    net.faults.set(move |method, params| {
        let range = &params[0];
        if method == "eth_getLogs"
            && range.get("fromBlock").is_some()
            && number(&range["toBlock"]) - number(&range["fromBlock"]) >= 10
        {
            return Fault::Error(-32005, "query returned more than 10000 results");
        }
        Fault::None
    });
    let mut mirror = Mirror::default();
    mirror.catch_up(&net).await;
    assert_eq!(mirror.events.len(), 5);
    // A limit is found once, not at every second question.
    let refused = net.faults.struck();
    assert!(refused <= 12, "{refused} of {} questions", net.faults.count("eth_getLogs"));
    let head = net.chain.head().await.unwrap().number;
    assert_eq!(net.chain.events(0, head, EventFilter::default()).await.unwrap().len(), 5);
    let more = net.faults.struck() - refused;
    assert!(more <= 12, "{more} questions");
    let (from, asked) = (net.faults.struck(), net.faults.count("eth_getLogs"));
    net.chain.service_events(PROVIDER, (0, head), 100, 1_000).await.unwrap();
    let more = net.faults.struck() - from;
    assert!(more <= 12, "{more} of {} questions", net.faults.count("eth_getLogs") - asked);
}

async fn only_what_is_wanted_comes(net: Net) {
    let one = net.sender(key(0), &Arc::new(Book::default()));
    let two = net.sender(key(1), &Arc::new(Book::default()));
    net.account(&one, PROVIDER).await;
    net.account(&two, PROVIDER).await;
    net.account(&one, Address::repeat_byte(0x66)).await;
    let head = net.chain.head().await.unwrap().number;
    let count = |user: Option<Address>, provider: Option<Address>| {
        let chain = net.chain.clone();
        async move { chain.events(0, head, EventFilter { user, provider }).await.unwrap().len() }
    };
    assert_eq!(count(None, None).await, 3);
    assert_eq!(count(Some(key(0).address()), None).await, 2);
    assert_eq!(count(None, Some(PROVIDER)).await, 2);
    assert_eq!(count(Some(key(1).address()), Some(PROVIDER)).await, 1);
    assert_eq!(count(Some(Address::repeat_byte(1)), None).await, 0);
}
