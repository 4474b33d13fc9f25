//! Several nodes of one chain: the next one steps in when the first is away, talks nonsense, belongs to another chain or stands
//! still; transactions reach all of them, and are mined once.

use std::sync::Arc;
use std::time::Duration;

use alloy::transports::BoxTransport;
use serde_json::json;
use zgserve_tui::chain::devnet::{Devnet, DevnetConfig};
use zgserve_tui::chain::{Call, Chain, ChainError, ChainSettings, Endpoint, Outcome, SendError, Sender};
use zgserve_tui::domain::{Address, Neuron, OperationId};
use zgserve_tui::tasks::Tasks;

use super::faults::{Fault, Faulty};
use super::net::{Book, key, quick};

/// Two lines to one chain.
struct Two {
    /// Lives as long as the lines to it.
    _devnet: Devnet,
    first: Faulty,
    second: Faulty,
}

impl Two {
    async fn new() -> Two {
        let devnet = Devnet::start(DevnetConfig::default()).await.unwrap();
        let line = || Faulty::new(BoxTransport::new(devnet.transport()));
        Two { first: line(), second: line(), _devnet: devnet }
    }

    async fn open(&self) -> Result<Chain, ChainError> {
        let node = |line: &Faulty| Endpoint::InProcess(BoxTransport::new(line.clone()));
        let both = Endpoint::Several(vec![node(&self.first), node(&self.second)]);
        let mut settings = ChainSettings::new(both, Address::ZERO);
        settings.timeout = Duration::from_millis(600);
        Chain::open_bare(settings).await
    }
}

fn always(fault: Fault) -> impl FnMut(&str, &serde_json::Value) -> Fault + Send + 'static {
    move |_, _| fault.clone()
}

/// What befalls transactions on their way; everything else goes through.
fn sends(fault: Fault) -> impl FnMut(&str, &serde_json::Value) -> Fault + Send + 'static {
    move |method, _| if method == "eth_sendRawTransaction" { fault.clone() } else { Fault::None }
}

#[tokio::test]
async fn the_next_node_answers_when_the_first_cannot() {
    let faults = [
        Fault::Unreachable,
        Fault::Hang,
        Fault::Status(503),
        Fault::Status(429),
        Fault::Garbage("<html>no</html>"),
    ];
    for fault in faults {
        let two = Two::new().await;
        let chain = two.open().await.unwrap();
        chain.head().await.unwrap();
        two.first.set(always(fault.clone()));
        assert_eq!(chain.head().await.unwrap().number, 0, "{fault:?}");
        // The node that answered stays in use; the dead one is not tried again with each question.
        let tried = two.first.count("eth_getBlockByNumber");
        chain.head().await.unwrap();
        assert_eq!(two.first.count("eth_getBlockByNumber"), tried, "{fault:?}");
        // And the other way round, when that one fails.
        two.first.heal();
        two.second.set(always(fault.clone()));
        assert_eq!(chain.head().await.unwrap().number, 0, "{fault:?}");
    }
}

#[tokio::test]
async fn a_chain_opens_while_its_first_node_is_away_and_says_both_when_all_are() {
    let two = Two::new().await;
    two.first.set(always(Fault::Unreachable));
    two.open().await.unwrap();
    two.second.set(always(Fault::Unreachable));
    let error = two.open().await.unwrap_err();
    assert!(error.is_transient() && error.to_string().contains(" or "), "{error}");
}

#[tokio::test]
async fn a_node_of_another_chain_is_never_used() {
    let two = Two::new().await;
    two.second
        .set(|method, _| if method == "eth_chainId" { Fault::Answer(json!("0x1")) } else { Fault::None });
    let chain = two.open().await.unwrap();
    two.first.set(always(Fault::Unreachable));
    chain.head().await.unwrap_err();
    assert_eq!(two.second.count("eth_getBlockByNumber"), 0);
    two.first.heal();
    chain.head().await.unwrap();
}

/// A node may refuse what another took; it is mined once, and nobody hears of the refusal.
#[tokio::test]
async fn a_transaction_reaches_every_node_and_is_mined_once() {
    let refusals = [
        Fault::Unreachable,
        Fault::Hang,
        Fault::Error(-32000, "already known"),
        Fault::Error(-32000, "txpool is full"),
        Fault::LoseAnswer,
    ];
    for fault in refusals {
        let two = Two::new().await;
        let chain = two.open().await.unwrap();
        let tasks = Tasks::new();
        let sender = Sender::start(chain.clone(), key(9), Arc::new(Book::default()), &tasks, quick());
        two.first.set(sends(fault.clone()));
        let to = Address::repeat_byte(0x77);
        let call = Call::Transfer { to, value: Neuron::new(5) };
        let mut ticket = sender.submit(OperationId::random(), call).await.unwrap();
        let outcome = ticket.wait().await;
        assert!(matches!(outcome, Outcome::Mined { .. }), "{fault:?}: {outcome:?}");
        assert!(
            two.first.count("eth_sendRawTransaction") >= 1 && two.second.count("eth_sendRawTransaction") >= 1
        );
        assert_eq!(chain.native_balance(to).await.unwrap(), 5, "{fault:?}");
        drop(sender);
        tasks.stop(Duration::from_secs(5)).await;
    }
}

/// What one node took must not be told of as refused by another, whose word comes sooner: whoever ordered it would
/// order it again.
#[tokio::test]
async fn a_transaction_that_one_node_may_have_is_not_refused_by_another() {
    for (first, second) in [
        (Fault::LoseAnswer, Fault::Error(-32601, "method not available")),
        (Fault::LoseAnswer, Fault::Error(-32000, "insufficient funds for gas * price + value")),
        (Fault::LoseAnswer, Fault::Error(-32000, "transaction underpriced")),
        (Fault::ButSay(-32000, "already known"), Fault::Error(-32000, "transaction underpriced")),
    ] {
        let two = Two::new().await;
        let chain = two.open().await.unwrap();
        let tasks = Tasks::new();
        let sender = Sender::start(chain.clone(), key(9), Arc::new(Book::default()), &tasks, quick());
        two.first.set(sends(first));
        two.second.set(sends(second.clone()));
        let to = Address::repeat_byte(0x77);
        let call = Call::Transfer { to, value: Neuron::new(5) };
        let mut ticket = sender.submit(OperationId::random(), call).await.expect("it may be out there");
        assert!(matches!(ticket.wait().await, Outcome::Mined { .. }));
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert_eq!(
            chain.native_balance(to).await.unwrap(),
            5,
            "once, and no second time under another nonce"
        );
        drop(sender);
        tasks.stop(Duration::from_secs(5)).await;
    }
}

/// A refusal by all nodes that were reached stands, however many could not be.
#[tokio::test]
async fn what_every_reached_node_refuses_is_refused() {
    let two = Two::new().await;
    let chain = two.open().await.unwrap();
    let tasks = Tasks::new();
    let sender = Sender::start(chain.clone(), key(9), Arc::new(Book::default()), &tasks, quick());
    two.first.set(sends(Fault::Status(429)));
    two.second.set(sends(Fault::Error(-32000, "sender is banned")));
    let call = Call::Transfer { to: Address::repeat_byte(0x77), value: Neuron::new(5) };
    let refused = sender.submit(OperationId::random(), call).await;
    assert!(matches!(refused, Err(SendError::Refused { .. })), "{:?}", refused.map(|_| ()));
    drop(sender);
    tasks.stop(Duration::from_secs(5)).await;
}

/// A node that is asked too much says so in an answer, not by silence.
#[tokio::test]
async fn a_node_that_asks_for_a_pause_in_json_is_left_for_another() {
    let two = Two::new().await;
    let chain = two.open().await.unwrap();
    chain.head().await.unwrap();
    two.first.set(always(Fault::Error(-32005, "daily request count exceeded, request rate limited")));
    assert_eq!(chain.head().await.unwrap().number, 0);
    let asked = two.first.count("eth_getBlockByNumber");
    chain.head().await.unwrap();
    assert_eq!(two.first.count("eth_getBlockByNumber"), asked, "the other one stays in use");
}
