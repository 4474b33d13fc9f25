//! A node to test against, with keys, a journal in memory, and a hand on its mining.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::time::Duration;

use alloy::consensus::{SignableTransaction, TxEip1559, TxEnvelope};
use alloy::eips::eip2718::Encodable2718;
use alloy::primitives::{B256, Bytes, TxKind, U64, U256};
use alloy::rpc::client::RpcClient;
use alloy::signers::SignerSync;
use alloy::signers::local::PrivateKeySigner;
use alloy::transports::BoxTransport;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use serde_json::{Value, json};
use zgserve_tui::chain::devnet::{Devnet, DevnetConfig};
use zgserve_tui::chain::{
    Attempt, Call, Chain, ChainSettings, Endpoint, Journal, JournalError, Outcome, Sender, SenderSettings,
    SignerError, TxSigner,
};
use zgserve_tui::domain::{Address, Neuron, OperationId, Signature};
use zgserve_tui::tasks::Tasks;

use super::faults::Faulty;

pub const LOCK_TIME: u64 = 3600;

/// A running node with a contract on it.
pub struct Net {
    pub chain: Chain,
    pub faults: Faulty,
    pub tasks: Tasks,
    client: RpcClient,
    devnet: Option<Devnet>,
    /// Where it listens, if it does.
    pub url: Option<String>,
    _anvil: Option<Anvil>,
}

/// An anvil process, ended with the test.
pub struct Anvil(Child);

impl Drop for Anvil {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts an anvil, if `ZGSERVE_TEST_ANVIL` names the binary, and gives the way to it and where it listens.
pub fn anvil(options: &[&str]) -> Option<(Anvil, BoxTransport, String)> {
    let binary = std::env::var_os("ZGSERVE_TEST_ANVIL")?;
    let mut child = std::process::Command::new(binary)
        .args(["--port", "0", "--order", "fifo"])
        .args(options)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("anvil starts");
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let child = Anvil(child);
    let address = loop {
        let line = lines.next().expect("anvil says where it listens").unwrap();
        if let Some(address) = line.strip_prefix("Listening on ") {
            break address.to_owned();
        }
    };
    // Anvil must not block on a pipe that nobody reads.
    std::thread::spawn(move || lines.for_each(drop));
    let client = alloy::transports::http::reqwest::Client::builder().tls_certs_only([]);
    let _ = rustls::crypto::ring::default_provider().install_default();
    let http = alloy::transports::http::Http::with_client(
        client.build().unwrap(),
        format!("http://{address}").parse().unwrap(),
    );
    Some((child, BoxTransport::new(http), format!("http://{address}")))
}

impl Net {
    pub async fn devnet() -> Net {
        Net::devnet_of(DevnetConfig::default().chain_id).await
    }

    /// The embedded chain under another id.
    pub async fn devnet_of(chain_id: u64) -> Net {
        let devnet = Devnet::start(DevnetConfig { chain_id, ..DevnetConfig::default() }).await.unwrap();
        let net = Self::over(BoxTransport::new(devnet.transport()), None).await;
        Net { devnet: Some(devnet), ..net }
    }

    pub async fn anvil() -> Option<Net> {
        let (child, http, url) = anvil(&[])?;
        let mut net = Self::over(http, Some(child)).await;
        net.url = Some(url);
        Some(net)
    }

    async fn over(transport: BoxTransport, anvil: Option<Anvil>) -> Net {
        let client = RpcClient::new(transport.clone(), true);
        let faults = Faulty::new(transport);
        let mut settings =
            ChainSettings::new(Endpoint::InProcess(BoxTransport::new(faults.clone())), Address::ZERO);
        // A machine may stand still for a while; the tests of silence open a chain of their own.
        settings.timeout = Duration::from_secs(30);
        let bare = Chain::open_bare(settings).await.unwrap();
        let tasks = Tasks::new();
        let sender = Sender::start(bare.clone(), key(9), Arc::new(Book::default()), &tasks, quick());
        let mut ticket =
            sender.submit(OperationId::random(), Call::Deploy { lock_time: LOCK_TIME }).await.unwrap();
        let Outcome::Mined { contract: Some(contract), .. } = ticket.wait().await else {
            panic!("the contract is deployed")
        };
        let chain = bare.at_contract(contract).await.unwrap();
        Net { chain, faults, tasks, client, devnet: None, url: None, _anvil: anvil }
    }

    pub fn sender(&self, key: Arc<Key>, book: &Arc<Book>) -> Sender {
        self.sender_with(key, book, quick())
    }

    pub fn sender_with(&self, key: Arc<Key>, book: &Arc<Book>, settings: SenderSettings) -> Sender {
        let journal: Arc<dyn Journal> = Arc::<Book>::clone(book);
        Sender::start(self.chain.clone(), key, journal, &self.tasks, settings)
    }

    /// Asks the node itself, past all faults.
    pub async fn rpc(&self, method: &'static str, params: Value) -> Value {
        self.client.request(method, params).await.unwrap_or_else(|error| panic!("{method}: {error}"))
    }

    pub async fn mine(&self, blocks: u64) {
        self.rpc("anvil_mine", json!([format!("{blocks:#x}")])).await;
    }

    pub async fn automine(&self, on: bool) {
        self.rpc("evm_setAutomine", json!([on])).await;
    }

    /// Other blocks of the same number, without the transactions of the old ones.
    pub async fn reorg(&self, depth: u64) {
        self.rpc("anvil_reorg", json!([depth, []])).await;
    }

    /// What a unit of gas costs in the next block at least; mined into one, so that nodes tell of it.
    pub async fn base_fee(&self, neuron: u64) {
        match &self.devnet {
            Some(devnet) => devnet.set_base_fee(neuron),
            None => {
                self.rpc("anvil_setNextBlockBaseFeePerGas", json!([format!("{neuron:#x}")])).await;
            }
        }
        self.mine(1).await;
    }

    pub async fn forget_pool(&self) {
        self.rpc("anvil_dropAllTransactions", json!([])).await;
    }

    pub async fn nonce(&self, address: Address) -> u64 {
        let count = self.rpc("eth_getTransactionCount", json!([address, "latest"])).await;
        serde_json::from_value::<U64>(count).unwrap().to()
    }

    pub async fn send_raw(&self, raw: &Bytes) {
        self.rpc("eth_sendRawTransaction", json!([raw])).await;
    }

    /// Waits until the node has the newest attempt for `op`. An attempt is in the journal before it is sent, so who has
    /// seen it there may mine too early.
    pub async fn has_newest(&self, book: &Book, op: OperationId) {
        until("the node has the newest attempt", async || {
            let newest = book.of(op).last().expect("there is an attempt").hash;
            !self.rpc("eth_getTransactionByHash", json!([newest])).await.is_null()
        })
        .await;
    }

    /// A transaction that no sender of ours knows about.
    pub async fn foreign(&self, key: &Key, nonce: u64, to: Address, value: u64, input: Vec<u8>) -> B256 {
        let tx = TxEip1559 {
            chain_id: self.chain.id(),
            nonce,
            gas_limit: 900_000,
            max_fee_per_gas: 90_000_000_000,
            max_priority_fee_per_gas: 2_000_000_000,
            to: TxKind::Call(to),
            value: U256::from(value),
            input: input.into(),
            ..TxEip1559::default()
        };
        let signature = key.0.sign_hash_sync(&tx.signature_hash()).unwrap();
        let tx = TxEnvelope::from(tx.into_signed(signature));
        self.send_raw(&tx.encoded_2718().into()).await;
        *tx.tx_hash()
    }

    /// An account of `user` with `provider` that holds 1000.
    pub async fn account(&self, user: &Sender, provider: Address) {
        let call = Call::AddAccount { provider, delegate: None, value: Neuron::new(1000) };
        let outcome = user.submit(OperationId::random(), call).await.unwrap().wait().await;
        assert!(matches!(outcome, Outcome::Mined { .. }), "{outcome:?}");
    }

    pub async fn balance(&self, user: Address, provider: Address) -> u128 {
        let id = zgserve_tui::domain::AccountId { user, provider };
        self.chain.account(id, None).await.unwrap().map_or(0, |account| account.balance.get())
    }
}

pub fn deposit(provider: Address, value: u128) -> Call {
    Call::Deposit { provider, value: Neuron::new(value) }
}

/// Settings for tests: nothing waits for long.
pub fn quick() -> SenderSettings {
    SenderSettings {
        replace_after: Duration::from_secs(30),
        rebroadcast_after: Duration::from_secs(30),
        gap_after: Duration::from_millis(100),
        unknown_after: Duration::from_secs(60),
        ..SenderSettings::default()
    }
}

/// Repeats `check` until it holds.
pub async fn until(what: &str, check: impl AsyncFn() -> bool) {
    for _ in 0..12_000 {
        if check().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("never came true: {what}");
}

/// A well-known key.
pub struct Key(pub PrivateKeySigner);

/// The n-th account that devnet and anvil fund.
pub fn key(n: usize) -> Arc<Key> {
    let keys = [
        "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80",
        "59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d",
        "5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a",
    ];
    let last = "2a871d0798f97d79848a013d4936a73bf4cc922c825d33c1cf7073dff6d409c6";
    Arc::new(Key(keys.get(n).unwrap_or(&last).parse().unwrap()))
}

impl Key {
    pub fn sign_hash(&self, hash: B256) -> Signature {
        Signature::new(self.0.sign_hash_sync(&hash).unwrap().as_bytes()).unwrap()
    }
}

impl TxSigner for Key {
    fn address(&self) -> Address {
        self.0.address()
    }

    fn sign(&self, hash: B256) -> Result<Signature, SignerError> {
        Ok(self.sign_hash(hash))
    }
}

/// A journal in memory, which can be made to fail.
#[derive(Default)]
pub struct Book {
    pub attempts: Mutex<Vec<Attempt>>,
    pub outcomes: Mutex<Vec<(OperationId, Outcome)>>,
    pub broken: Mutex<bool>,
    /// How often `record` was called, repetitions included.
    pub records: Mutex<usize>,
    /// Operations that have ended, and whether they were mined; as in the store, one leads to the other only by `record`.
    ended: Mutex<BTreeMap<OperationId, bool>>,
}

impl Book {
    pub fn of(&self, op: OperationId) -> Vec<Attempt> {
        self.attempts.lock().iter().filter(|attempt| attempt.op == Some(op)).cloned().collect()
    }

    pub fn outcomes_of(&self, op: OperationId) -> Vec<Outcome> {
        self.outcomes.lock().iter().filter(|(of, _)| *of == op).map(|(_, outcome)| outcome.clone()).collect()
    }

    /// What a restart must take up.
    pub fn unfinished(&self) -> Vec<Attempt> {
        let attempts = self.attempts.lock().clone();
        let done = |op: OperationId| self.outcomes_of(op).last().is_some_and(Outcome::is_final);
        attempts.into_iter().filter(|attempt| attempt.op.is_none_or(|op| !done(op))).collect()
    }
}

impl Journal for Book {
    fn record(&self, attempt: Attempt) -> BoxFuture<'_, Result<(), JournalError>> {
        if *self.broken.lock() {
            return std::future::ready(Err(JournalError("the disk is full".to_owned()))).boxed();
        }
        *self.records.lock() += 1;
        attempt.op.and_then(|op| self.ended.lock().remove(&op));
        let mut attempts = self.attempts.lock();
        if attempts.iter().all(|known| known.hash != attempt.hash) {
            attempts.push(attempt);
        }
        std::future::ready(Ok(())).boxed()
    }

    fn finished(&self, op: OperationId, outcome: Outcome) -> BoxFuture<'_, Result<(), JournalError>> {
        if *self.broken.lock() {
            return std::future::ready(Err(JournalError("the disk is full".to_owned()))).boxed();
        }
        if outcome.is_final() {
            let mined = matches!(outcome, Outcome::Mined { .. });
            if *self.ended.lock().entry(op).or_insert(mined) != mined {
                let wrong = "what has ended does not end otherwise".to_owned();
                return std::future::ready(Err(JournalError(wrong))).boxed();
            }
        }
        self.outcomes.lock().push((op, outcome));
        std::future::ready(Ok(())).boxed()
    }
}
