//! [`Devnet`]: the handle that everybody else holds.
//!
//! Every operation takes the one lock, works on the [`Node`] and, if the chain has a file, waits for the disk before
//! it lets go. In memory that is about a millisecond and done in place; with a file the asynchronous ways in go
//! through a blocking thread, so that a slow disk never holds up the runtime.

use std::{fmt, sync::Arc, time::Duration};

use alloy::{primitives::B256, rpc::client::RpcClient};
use parking_lot::Mutex;
use serde_json::Value;

use super::{
    error::DevnetError,
    genesis::{DevAccount, DevnetConfig, accounts},
    node::{Node, ReorgTxs},
    rpc::envelope,
    transport::DevnetTransport,
};

/// How often a provider over this chain asks for new blocks: asking costs microseconds.
const POLL: Duration = Duration::from_millis(5);

struct Inner {
    node: Mutex<Node>,
    chain_id: u64,
    accounts: usize,
    /// Whether operations wait for a disk.
    on_disk: bool,
}

/// An Ethereum chain inside this process. Clones are the same chain; it lives as long as one of them.
#[derive(Clone)]
pub struct Devnet {
    inner: Arc<Inner>,
}

impl fmt::Debug for Devnet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not the whole chain, and without the lock.
        f.debug_struct("Devnet").field("chain_id", &self.inner.chain_id).finish_non_exhaustive()
    }
}

impl Devnet {
    /// Starts a new chain, or continues the one in `config.state_file`.
    ///
    /// # Errors
    /// The file cannot be used, is locked by another process, damaged, or of another chain.
    pub async fn start(config: DevnetConfig) -> Result<Devnet, DevnetError> {
        let begin = move || {
            let node = Node::start(&config)?;
            let inner = Inner {
                node: Mutex::new(node),
                chain_id: config.chain_id,
                accounts: config.accounts,
                on_disk: config.state_file.is_some(),
            };
            Ok(Devnet { inner: Arc::new(inner) })
        };
        tokio::task::spawn_blocking(begin).await.map_err(|_| DevnetError::Interrupted)?
    }

    pub fn chain_id(&self) -> u64 {
        self.inner.chain_id
    }

    /// The accounts that were funded at the start, with their well-known keys.
    pub fn accounts(&self) -> &'static [DevAccount] {
        accounts(self.inner.accounts)
    }

    /// A transport for alloy's clients and providers.
    pub fn transport(&self) -> DevnetTransport {
        DevnetTransport(self.clone())
    }

    /// A client over [`Devnet::transport`] that polls fast enough for a chain that mines at once.
    pub fn client(&self) -> RpcClient {
        RpcClient::new(self.transport(), true).with_poll_interval(POLL)
    }

    /// Answers a JSON-RPC request or batch; none if it held only notifications. Waits for the lock and, if the chain has a
    /// file, for the disk: from asynchronous code use [`Devnet::serve`].
    pub fn rpc(&self, request: Value) -> Option<Value> {
        envelope::answer(&mut self.inner.node.lock(), request)
    }

    /// Answers the body of a JSON-RPC request, without holding up the runtime.
    ///
    /// # Errors
    /// [`DevnetError::Interrupted`] if the process is shutting down.
    pub async fn serve(&self, body: &[u8]) -> Result<Option<Value>, DevnetError> {
        match serde_json::from_slice(body) {
            Ok(request) => self.run(move |node| envelope::answer(node, request)).await,
            Err(error) => Ok(Some(envelope::unreadable(&error.to_string()))),
        }
    }

    /// Works on the node: in place if that only takes memory, on a blocking thread if it may wait for a disk. The thread
    /// is waited for right here, so it is no task of its own.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Node) -> T + Send + 'static,
    ) -> Result<T, DevnetError> {
        if !self.inner.on_disk {
            return Ok(work(&mut self.inner.node.lock()));
        }
        let inner = Arc::clone(&self.inner);
        let done = tokio::task::spawn_blocking(move || work(&mut inner.node.lock()));
        done.await.map_err(|_| DevnetError::Interrupted)
    }

    /// Number of the newest block.
    pub fn height(&self) -> u64 {
        self.inner.node.lock().blocks().height()
    }

    /// Moves the chain's clock ahead and mines an empty block, so that reads at the head see the new time too.
    pub fn advance_time(&self, seconds: u64) -> Result<(), DevnetError> {
        let mut node = self.inner.node.lock();
        node.clock.advance(seconds);
        node.mine_empty()
    }

    /// Mines `count` blocks (at most 1000); each takes what is ready in the pool.
    pub fn mine(&self, count: u64) -> Result<(), DevnetError> {
        self.inner.node.lock().mine(count, 0)
    }

    /// Whether a transaction is mined as soon as it arrives. Turning it on does not mine what already waits; the next
    /// transaction or [`Devnet::mine`] does.
    pub fn set_automine(&self, on: bool) {
        self.inner.node.lock().automine = on;
    }

    /// Forgets every transaction that waits.
    pub fn drop_pending(&self) {
        self.inner.node.lock().pool.clear();
    }

    /// Forgets one waiting transaction. False if it was not waiting.
    pub fn drop_transaction(&self, hash: B256) -> bool {
        self.inner.node.lock().pool.remove(hash)
    }

    /// Hashes of the transactions that wait.
    pub fn pending(&self) -> Vec<B256> {
        self.inner.node.lock().pool.all()
    }

    /// Neuron per gas that transactions must offer from the next block on.
    pub fn set_base_fee(&self, neuron_per_gas: u64) {
        self.inner.node.lock().base_fee = neuron_per_gas;
    }

    /// Replaces the newest `depth` blocks (at most 64) by as many with other hashes.
    pub fn reorg(&self, depth: u64, txs: ReorgTxs) -> Result<(), DevnetError> {
        self.inner.node.lock().reorg(depth, txs)
    }
}
