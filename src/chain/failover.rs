//! Several nodes of one chain behind one line.
//!
//! Questions go to the node in use. When it cannot be reached, answers nonsense, or its newest block has stood still
//! for [`STANDS_STILL`] while another node's has not, the next node is used from then on. A node is used only after it has
//! named the same chain id as the first one that answered. Transactions go to every node: the same bytes may arrive any number of
//! times, and one node that drops them must not hold a settlement up.
//!
//! Nothing is remembered but which node is in use. What a node says is no more believed here than elsewhere: reads name
//! their block by its hash, so that a node on another branch says that it does not have it.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use alloy::primitives::U64;
use alloy::rpc::json_rpc::{ErrorPayload, Id, Request, RequestPacket, ResponsePacket, ResponsePayload};
use alloy::transports::http::reqwest;
use alloy::transports::{BoxTransport, TransportError, TransportErrorKind, TransportFut};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use parking_lot::Mutex;
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;
use tokio::time::Instant;
use tower::Service;

use super::rpc::{is_busy, is_known_transaction};

/// How long a node's newest block may stay the same before the others are asked for theirs.
const STANDS_STILL: Duration = Duration::from_secs(60);

/// How long the other nodes may still take for a transaction once one has it.
const STRAGGLERS: Duration = Duration::from_millis(500);

/// One node.
pub(super) struct Node {
    /// For people: scheme, host and port.
    pub(super) name: String,
    pub(super) transport: BoxTransport,
}

/// The nodes, and which of them is in use.
#[derive(Clone)]
pub(super) struct Failover(Arc<Inner>);

struct Inner {
    nodes: Vec<Node>,
    /// The longest wait for one node.
    patience: Duration,
    state: Mutex<State>,
}

struct State {
    current: usize,
    /// The chain id that the first node to answer named.
    chain_id: Option<u64>,
    /// Which nodes have named that chain id.
    same_chain: Vec<bool>,
    /// The newest block of the node in use, and since when it is that.
    head: Option<(u64, Instant)>,
}

impl Failover {
    /// `timeout` is what the asker waits in all; the nodes share it.
    pub(super) fn new(nodes: Vec<Node>, timeout: Duration) -> Failover {
        let parts = u32::try_from(nodes.len()).unwrap_or(u32::MAX).max(1);
        let state = State { current: 0, chain_id: None, same_chain: vec![false; nodes.len()], head: None };
        Failover(Arc::new(Inner { patience: timeout / parts, nodes, state: Mutex::new(state) }))
    }

    /// Asks the node in use, then each other one, until one answers.
    async fn ask(self, packet: RequestPacket) -> Result<ResponsePacket, TransportError> {
        let inner = &self.0;
        let (first, still) = {
            let state = inner.state.lock();
            (state.current, state.head.is_some_and(|(_, since)| since.elapsed() >= STANDS_STILL))
        };
        let latest = asks_for_the_head(&packet);
        let first = if latest && still { inner.farthest(first).await } else { first };
        let mut failure = None;
        for step in 0..inner.nodes.len() {
            let node = (first + step) % inner.nodes.len();
            match inner.ask_node(node, packet.clone()).await {
                Ok(answer) if refusal(&answer).is_some_and(is_busy) => {
                    tracing::debug!(node = inner.nodes[node].name, "a node of the chain is asked too much");
                    failure.get_or_insert(Ok(answer));
                }
                Ok(answer) => {
                    inner.answered(node, if latest { height(&answer) } else { None });
                    return Ok(answer);
                }
                Err(NoAnswer::NeverAsked(error) | NoAnswer::Unsure(error)) => {
                    tracing::debug!(node = inner.nodes[node].name, %error, "a node of the chain gave no answer");
                    failure.get_or_insert(Err(error));
                }
            }
        }
        failure.unwrap_or_else(|| Err(TransportErrorKind::custom_str("no node is named")))
    }

    /// Gives a transaction to every node. The first that takes it decides, or one that has it already. Else it may be out
    /// there if a node that was reached gave no answer. Only what all that were reached refuse is refused.
    async fn tell(self, packet: RequestPacket) -> Result<ResponsePacket, TransportError> {
        let inner = &self.0;
        let mut asked: FuturesUnordered<_> =
            (0..inner.nodes.len()).map(|node| inner.ask_node(node, packet.clone())).collect();
        let (mut refusal, mut failure, mut unsure) = (None, None, None);
        while let Some(answer) = asked.next().await {
            match answer {
                Ok(taken) if taken.is_success() || is_known(&taken) => {
                    let rest = async { while asked.next().await.is_some() {} };
                    let _ = tokio::time::timeout(STRAGGLERS, rest).await;
                    return Ok(taken);
                }
                Ok(refused) => refusal = refusal.or(Some(refused)),
                Err(NoAnswer::NeverAsked(error)) => failure = failure.or(Some(error)),
                Err(NoAnswer::Unsure(error)) => unsure = unsure.or(Some(error)),
            }
        }
        match (unsure, refusal, failure) {
            (Some(error), _, _) | (None, None, Some(error)) => Err(error),
            (None, Some(refused), _) => Ok(refused),
            (None, None, None) => Err(TransportErrorKind::custom_str("no node is named")),
        }
    }
}

/// Why a node gave no answer, for those who have to know whether it may have acted all the same.
#[derive(Debug)]
enum NoAnswer {
    NeverAsked(TransportError),
    Unsure(TransportError),
}

impl NoAnswer {
    fn of(error: TransportError) -> NoAnswer {
        let never = match &error {
            TransportError::Transport(TransportErrorKind::HttpError(answer)) => {
                (400..500).contains(&answer.status)
            }
            TransportError::Transport(TransportErrorKind::Custom(cause)) => {
                cause.downcast_ref::<reqwest::Error>().is_some_and(reqwest::Error::is_connect)
            }
            _ => false,
        };
        if never { NoAnswer::NeverAsked(error) } else { NoAnswer::Unsure(error) }
    }
}

impl Inner {
    /// Asks one node, which must be of the right chain.
    async fn ask_node(&self, node: usize, packet: RequestPacket) -> Result<ResponsePacket, NoAnswer> {
        self.check_chain(node).await.map_err(NoAnswer::NeverAsked)?;
        self.call(node, packet).await.map_err(NoAnswer::of)
    }

    async fn call(&self, node: usize, packet: RequestPacket) -> Result<ResponsePacket, TransportError> {
        let call = self.nodes[node].transport.clone().call(packet);
        tokio::time::timeout(self.patience, call)
            .await
            .unwrap_or_else(|_| Err(TransportErrorKind::custom_str("it does not answer in time")))
    }

    /// Has a node name its chain, unless it did.
    async fn check_chain(&self, node: usize) -> Result<(), TransportError> {
        if self.state.lock().same_chain[node] {
            return Ok(());
        }
        let answer = self.call(node, question("eth_chainId", json!([]))?).await?;
        let Some(found) = result::<U64>(&answer) else {
            return Err(TransportErrorKind::custom_str("it names no chain"));
        };
        let mut state = self.state.lock();
        let expected = *state.chain_id.get_or_insert(found.to());
        if expected != found.to::<u64>() {
            drop(state);
            tracing::warn!(
                node = self.nodes[node].name,
                found = found.to::<u64>(),
                expected,
                "a node of another chain is not used"
            );
            return Err(TransportErrorKind::non_retryable_str("it is a node of another chain"));
        }
        state.same_chain[node] = true;
        Ok(())
    }

    /// The node with the newest block; the one in use unless another is ahead of it.
    async fn farthest(&self, current: usize) -> usize {
        // Looked now: not again with the very next question, whatever comes out.
        if let Some((_, since)) = &mut self.state.lock().head {
            *since = Instant::now();
        }
        let Ok(packet) = question("eth_blockNumber", json!([])) else { return current };
        let mut asked: FuturesUnordered<_> = (0..self.nodes.len())
            .map(|node| {
                let packet = packet.clone();
                async move { (node, self.ask_node(node, packet).await) }
            })
            .collect();
        let mut best = (0, current);
        while let Some((node, answer)) = asked.next().await {
            let Some(height) = answer.ok().and_then(|answer| result::<U64>(&answer)) else { continue };
            let height: u64 = height.to();
            if height > best.0 || (height == best.0 && node == current) {
                best = (height, node);
            }
        }
        best.1
    }

    /// Remembers which node answered, and how far its chain is.
    fn answered(&self, node: usize, height: Option<u64>) {
        let mut state = self.state.lock();
        if state.current != node {
            tracing::warn!(node = self.nodes[node].name, "another node of the chain is used from now on");
            (state.current, state.head) = (node, None);
        }
        if let Some(height) = height
            && state.head.is_none_or(|(known, _)| known != height)
        {
            state.head = Some((height, Instant::now()));
        }
    }
}

impl Service<RequestPacket> for Failover {
    type Response = ResponsePacket;
    type Error = TransportError;
    type Future = TransportFut<'static>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, packet: RequestPacket) -> Self::Future {
        let sends = packet.method_names().any(|method| method == "eth_sendRawTransaction");
        let this = self.clone();
        if sends { Box::pin(this.tell(packet)) } else { Box::pin(this.ask(packet)) }
    }
}

fn refusal(answer: &ResponsePacket) -> Option<&ErrorPayload> {
    match answer.first_payload()? {
        ResponsePayload::Failure(refused) => Some(refused),
        ResponsePayload::Success(_) => None,
    }
}

/// Whether a node says of a transaction that it has it already.
fn is_known(answer: &ResponsePacket) -> bool {
    refusal(answer).is_some_and(|refused| is_known_transaction(&refused.message))
}

fn question(method: &'static str, params: serde_json::Value) -> Result<RequestPacket, TransportError> {
    let request = Request::new(method, Id::Number(0), params).serialize();
    Ok(RequestPacket::Single(request.map_err(TransportError::ser_err)?))
}

fn result<T: for<'a> Deserialize<'a>>(answer: &ResponsePacket) -> Option<T> {
    let payload: &RawValue = answer.first_payload()?.as_success()?;
    serde_json::from_str(payload.get()).ok()
}

fn asks_for_the_head(packet: &RequestPacket) -> bool {
    let RequestPacket::Single(request) = packet else { return false };
    request.method() == "eth_getBlockByNumber"
        && request.params().is_some_and(|params| params.get().contains("\"latest\""))
}

/// The height of a block that a node gave.
fn height(answer: &ResponsePacket) -> Option<u64> {
    #[derive(Deserialize)]
    struct Height {
        number: U64,
    }
    result::<Height>(answer).map(|block| block.number.to())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

    use std::sync::atomic::{AtomicU64, Ordering};

    use alloy::rpc::json_rpc::Response;
    use serde_json::value::to_raw_value;

    use super::*;

    /// A node whose newest block is at a height that the test sets.
    #[derive(Clone, Default)]
    struct Stub {
        height: Arc<AtomicU64>,
        heads: Arc<AtomicU64>,
    }

    impl Stub {
        fn node(&self, name: &str) -> Node {
            Node { name: name.to_owned(), transport: BoxTransport::new(self.clone()) }
        }
    }

    impl Service<RequestPacket> for Stub {
        type Response = ResponsePacket;
        type Error = TransportError;
        type Future = TransportFut<'static>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, packet: RequestPacket) -> Self::Future {
            let RequestPacket::Single(request) = &packet else { panic!("one question at a time") };
            let height = format!("{:#x}", self.height.load(Ordering::SeqCst));
            let answer = match request.method() {
                "eth_chainId" => json!("0x7"),
                "eth_blockNumber" => json!(height),
                "eth_getBlockByNumber" => {
                    self.heads.fetch_add(1, Ordering::SeqCst);
                    json!({ "number": height })
                }
                other => panic!("{other}"),
            };
            let payload = ResponsePayload::Success(to_raw_value(&answer).unwrap());
            let answer = ResponsePacket::Single(Response { id: request.id().clone(), payload });
            Box::pin(async move { Ok(answer) })
        }
    }

    async fn head(nodes: &Failover) -> u64 {
        let asked = question("eth_getBlockByNumber", json!(["latest", false])).unwrap();
        height(&nodes.clone().call(asked).await.unwrap()).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_node_that_stands_still_is_left_for_one_that_does_not() {
        let (first, second) = (Stub::default(), Stub::default());
        let nodes = Failover::new(vec![first.node("first"), second.node("second")], Duration::from_secs(10));
        first.height.store(10, Ordering::SeqCst);
        second.height.store(9, Ordering::SeqCst);
        assert_eq!(head(&nodes).await, 10);
        // A chain that is quiet everywhere changes nothing.
        tokio::time::advance(STANDS_STILL).await;
        second.height.store(10, Ordering::SeqCst);
        assert_eq!((head(&nodes).await, second.heads.load(Ordering::SeqCst)), (10, 0));
        // The other one goes on, but it is not looked at before the first has stood still for long.
        second.height.store(15, Ordering::SeqCst);
        tokio::time::advance(STANDS_STILL / 2).await;
        assert_eq!(head(&nodes).await, 10);
        tokio::time::advance(STANDS_STILL / 2).await;
        assert_eq!(head(&nodes).await, 15);
        assert_eq!(head(&nodes).await, 15, "and it stays in use");
    }
}
