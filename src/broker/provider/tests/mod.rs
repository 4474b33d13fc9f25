//! The broker as a whole: a real chain in this process, a real store, and a service on a loopback port.

#![allow(clippy::disallowed_methods, reason = "a task of a test ends with the test's runtime")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by panicking")]

mod above;
mod attacks;
mod crashes;
mod cuts;
mod floods;
mod keys;
mod life;
mod limits;
mod paid;
mod pressure;
mod refusals;
mod service_list;
mod settling;
mod upstream;

use std::sync::Arc;
use std::time::Duration;

use alloy::rpc::json_rpc::{ErrorPayload, RequestPacket, Response, ResponsePacket, ResponsePayload};
use alloy::transports::{BoxTransport, TransportError, TransportFut};
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use http::{HeaderMap, Method, StatusCode};
use sha2::{Digest, Sha256};

use self::upstream::TestUpstream;
use super::*;
use crate::body::Answer;
use crate::broker::outbox::{journal, signer};
use crate::chain::devnet::{Devnet, DevnetConfig};
use crate::chain::{
    Attempt, Call, Chain, ChainSettings, Endpoint, Journal, JournalError, Outcome, Sender, SenderSettings,
};
use crate::domain::{
    AccountId, Address, B256, Neuron, OperationId, Prices, RequestAuth, RequestId, SealedReceipt,
    ServiceKind, Signature, SignedRequestAuth, SignedVoucher, Timestamp, Voucher,
};
use crate::keys::{Secret, Wallet};
use crate::store::{Db, Network, ProviderStore, Role};
use crate::tasks::Tasks;
use crate::wire::auth::{
    REQUEST_HEADER, VOUCHER_HEADER, decode_voucher, encode_request_auth, encode_voucher,
};
use crate::wire::receipt::{RECEIPT_COMMENT, RECEIPT_HEADER, decode_receipt};

pub(super) const LOCK_TIME: u64 = 3_600;
pub(super) const INPUT_PRICE: u128 = 100;
pub(super) const OUTPUT_PRICE: u128 = 200;

/// A user with an account, who signs with the wallet itself.
pub(super) struct User {
    pub wallet: Arc<Wallet>,
    pub sender: Sender,
}

impl User {
    pub(super) fn address(&self) -> Address {
        self.wallet.address()
    }
}

pub(super) struct World {
    pub devnet: Devnet,
    pub chain: Chain,
    pub store: ProviderStore,
    pub wallet: Arc<Wallet>,
    pub sender: Sender,
    pub tasks: Tasks,
    pub broker: ProviderBroker,
    upstream: TestUpstream,
    pub spool: tempfile::TempDir,
    pub settings: ProviderSettings,
    pub user: User,
    pub line: Counted,
}

/// The way to the chain, with a count of the calls of its contract.
#[derive(Clone)]
pub(super) struct Counted {
    chain: BoxTransport,
    reads: Arc<std::sync::atomic::AtomicUsize>,
    /// So many transactions are still refused.
    refuses: Arc<std::sync::atomic::AtomicUsize>,
}

impl Counted {
    fn new(chain: BoxTransport) -> Counted {
        Counted { chain, reads: Arc::default(), refuses: Arc::default() }
    }

    /// The next `times` transactions are taken for wrong, and do not arrive.
    pub(super) fn refuse(&self, times: usize) {
        self.refuses.store(times, std::sync::atomic::Ordering::Relaxed);
    }

    pub(super) fn reads(&self) -> usize {
        self.reads.load(std::sync::atomic::Ordering::Relaxed)
    }
}

impl tower::Service<RequestPacket> for Counted {
    type Response = ResponsePacket;
    type Error = TransportError;
    type Future = TransportFut<'static>;

    fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), TransportError>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, packet: RequestPacket) -> Self::Future {
        if packet.as_single().is_some_and(|request| request.method() == "eth_call") {
            self.reads.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        }
        let left = |left: usize| left.checked_sub(1);
        let order = std::sync::atomic::Ordering::Relaxed;
        if let Some(request) = packet.as_single()
            && request.method() == "eth_sendRawTransaction"
            && self.refuses.fetch_update(order, order, left).is_ok()
        {
            let wrong = ErrorPayload { code: -32000, message: "intrinsic gas too low".into(), data: None };
            let (id, payload) = (request.id().clone(), ResponsePayload::Failure(wrong));
            return Box::pin(async { Ok(ResponsePacket::Single(Response { id, payload })) });
        }
        self.chain.call(packet)
    }
}

/// A journal for keys whose operations no test asks about.
struct NoJournal;

impl Journal for NoJournal {
    fn record(&self, _: Attempt) -> BoxFuture<'_, Result<(), JournalError>> {
        Box::pin(async { Ok(()) })
    }

    fn finished(&self, _: OperationId, _: Outcome) -> BoxFuture<'_, Result<(), JournalError>> {
        Box::pin(async { Ok(()) })
    }
}

fn wallet_of(devnet: &Devnet, index: usize) -> Arc<Wallet> {
    let key = devnet.accounts()[index].key.expose();
    Arc::new(Wallet::from_hex(&Secret::new(format!("{key:x}"))).unwrap())
}

pub(super) fn settings() -> ProviderSettings {
    let mut settings =
        ProviderSettings { credit_limit: Neuron::new(0), drain: 1, ..ProviderSettings::default() };
    settings.settlement.automatic = false;
    // Longer than any machine stands still; the tests of patience use `hasty`.
    settings.upstream.first_byte_timeout = 60;
    settings.upstream.idle_timeout = 60;
    // Tests count what the service is asked.
    settings.upstream.health_interval = 0;
    settings.free = FreeSettings { per_second: 1, burst: 3 };
    settings
}

/// A broker whose patience with a service ends within a test.
pub(super) fn hasty() -> ProviderSettings {
    let mut settings = settings();
    settings.upstream.first_byte_timeout = 5;
    settings.upstream.idle_timeout = 1;
    settings
}

/// A sender that does not wait for what a test has taken away.
fn fast() -> SenderSettings {
    SenderSettings {
        rebroadcast_after: Duration::from_millis(200),
        gap_after: Duration::from_millis(200),
        unknown_after: Duration::from_secs(1),
        ..SenderSettings::default()
    }
}

impl World {
    pub(super) async fn new(kind: ServiceKind) -> World {
        World::with(kind, settings()).await
    }

    /// A chain with the contract, a user with an account of 1 A0GI, and one registered service called `svc`.
    pub(super) async fn with(kind: ServiceKind, settings: ProviderSettings) -> World {
        let devnet = Devnet::start(DevnetConfig::default()).await.unwrap();
        let tasks = Tasks::new();
        let line = Counted::new(BoxTransport::new(devnet.transport()));
        let endpoint = Endpoint::InProcess(BoxTransport::new(line.clone()));
        let bare = Chain::open_bare(ChainSettings::new(endpoint, Address::ZERO)).await.unwrap();
        let sender = |chain: &Chain, wallet: &Arc<Wallet>| {
            Sender::start(chain.clone(), signer(Arc::clone(wallet)), Arc::new(NoJournal), &tasks, fast())
        };
        let deployer = sender(&bare, &wallet_of(&devnet, 9));
        let outcome = send(&deployer, Call::Deploy { lock_time: LOCK_TIME }).await;
        let Outcome::Mined { contract: Some(contract), .. } = outcome else { panic!("{outcome:?}") };
        let chain = bare.at_contract(contract).await.unwrap();

        let (wallet, user) = (wallet_of(&devnet, 0), wallet_of(&devnet, 1));
        let user = User { sender: sender(&chain, &user), wallet: user };
        open_account(&user, wallet.address(), Neuron::A0GI).await;

        let db = Db::temporary(Role::Provider).unwrap();
        let store = ProviderStore::new(db, Network { chain_id: chain.id(), contract: chain.contract() })
            .await
            .unwrap();
        let spool = tempfile::tempdir().unwrap();
        let upstream = TestUpstream::start().await;
        let (broker, sender) =
            start(&store, &chain, &wallet, &tasks, spool.path().to_owned(), &settings, None).await;
        let world = World {
            devnet,
            chain,
            store,
            wallet,
            sender,
            tasks,
            broker,
            upstream,
            spool,
            settings,
            user,
            line,
        };
        world.register("svc", kind, INPUT_PRICE, OUTPUT_PRICE).await;
        world
    }

    pub(super) fn input(&self, name: &str, kind: ServiceKind, input: u128, output: u128) -> ServiceInput {
        ServiceInput {
            name: name.to_owned(),
            kind,
            url: self.upstream.url(),
            model: "test-model".to_owned(),
            prices: Prices { input: Neuron::new(input), output: Neuron::new(output) },
            meter: None,
            limits: None,
            upstream_headers: Some(vec![(
                "authorization".to_owned(),
                Secret::new("Bearer upstream-key".to_owned()),
            )]),
        }
    }

    pub(super) async fn register(&self, name: &str, kind: ServiceKind, input: u128, output: u128) {
        let change =
            self.broker.put_service(self.input(name, kind, input, output), Wait::Receipt).await.unwrap();
        assert!(change.done, "{change:?}");
    }

    pub(super) fn version(&self, name: &str) -> u64 {
        self.broker.service(&name.parse().unwrap()).unwrap().version.unwrap()
    }

    /// Stops the broker as a crash does not: with a grace time. Then starts another one on the same store.
    pub(super) async fn restart(&mut self) {
        self.restart_inner(None).await;
    }

    /// The same with another journal than the store's.
    pub(super) async fn restart_with(&mut self, journal: Arc<dyn Journal>) {
        self.restart_inner(Some(journal)).await;
    }

    async fn restart_inner(&mut self, journal: Option<Arc<dyn Journal>>) {
        self.tasks.stop(Duration::from_secs(5)).await;
        self.tasks = Tasks::new();
        let (broker, sender) = start(
            &self.store,
            &self.chain,
            &self.wallet,
            &self.tasks,
            self.spool.path().to_owned(),
            &self.settings,
            journal,
        )
        .await;
        (self.broker, self.sender) = (broker, sender);
        let wallet = Arc::clone(&self.user.wallet);
        self.user.sender =
            Sender::start(self.chain.clone(), signer(wallet), Arc::new(NoJournal), &self.tasks, fast());
    }

    pub(super) fn account(&self) -> AccountId {
        AccountId { user: self.user.address(), provider: self.wallet.address() }
    }

    /// Another user with an account, by the index of its test key (2 to 8).
    pub(super) async fn other_user(&self, index: usize, balance: Neuron) -> User {
        let wallet = wallet_of(&self.devnet, index);
        let sender = Sender::start(
            self.chain.clone(),
            signer(Arc::clone(&wallet)),
            Arc::new(NoJournal),
            &self.tasks,
            fast(),
        );
        let user = User { wallet, sender };
        open_account(&user, self.wallet.address(), balance).await;
        user
    }

    /// A chat with another service, or at another price.
    pub(super) fn ask_of(&self, service: &str, version: u64) -> Ask {
        let body = r#"{"messages":[{"role":"user","content":"hi"}]}"#;
        Ask { service: service.to_owned(), version, ..self.ask_at(version, body) }
    }

    /// A request that is in order, to be changed by tests.
    pub(super) fn ask(&self, body: &str) -> Ask {
        self.ask_at(self.version("svc"), body)
    }

    fn ask_at(&self, version: u64, body: &str) -> Ask {
        Ask {
            service: "svc".to_owned(),
            path: "/chat/completions".to_owned(),
            method: Method::POST,
            body: Bytes::copy_from_slice(body.as_bytes()),
            id: RequestId::random(),
            max_fee: Neuron::new(1_000_000),
            cumulative: Neuron::new(1_000_000_000),
            epoch: 0,
            version,
            expiry: Timestamp::now().plus_seconds(300),
            signed_path: None,
            signed_body: None,
            headers: HeaderMap::new(),
        }
    }

    pub(super) async fn call(&self, ask: &Ask) -> Result<Answer, ProxyRefusal> {
        self.call_as(&self.user.wallet, ask).await
    }

    pub(super) async fn call_as(&self, wallet: &Wallet, ask: &Ask) -> Result<Answer, ProxyRefusal> {
        self.broker.proxy(self.proxy_call(wallet, self.wallet.address(), ask)).await
    }

    pub(super) fn voucher(
        &self,
        wallet: &Wallet,
        provider: Address,
        epoch: u32,
        cumulative: Neuron,
    ) -> SignedVoucher {
        let account = AccountId { user: wallet.address(), provider };
        let voucher = Voucher { account, epoch, cumulative };
        SignedVoucher { voucher, signature: sign(wallet, voucher.signing_hash(&self.chain.domain())) }
    }

    pub(super) fn proxy_call(&self, wallet: &Wallet, provider: Address, ask: &Ask) -> ProxyCall {
        let voucher = self.voucher(wallet, provider, ask.epoch, ask.cumulative);
        let auth = RequestAuth {
            request: ask.id,
            account: voucher.voucher.account,
            service: ask.service.clone(),
            method: ask.method.to_string(),
            path: ask.signed_path.clone().unwrap_or_else(|| ask.path.clone()),
            body_hash: hash(ask.signed_body.as_ref().unwrap_or(&ask.body)),
            price_version: ask.version,
            max_fee: ask.max_fee,
            expiry: ask.expiry,
        };
        let signature = sign(wallet, auth.signing_hash(&self.chain.domain()));
        let mut headers = ask.headers.clone();
        headers.insert(VOUCHER_HEADER, encode_voucher(&voucher).parse().unwrap());
        headers.insert(
            REQUEST_HEADER,
            encode_request_auth(&SignedRequestAuth { auth, signature }.into()).parse().unwrap(),
        );
        self.plain_call(ask, headers)
    }

    /// The same without payment.
    pub(super) fn plain_call(&self, ask: &Ask, mut headers: HeaderMap) -> ProxyCall {
        if !ask.body.is_empty() {
            headers.insert(http::header::CONTENT_LENGTH, ask.body.len().into());
            headers.entry(http::header::CONTENT_TYPE).or_insert("application/json".parse().unwrap());
        }
        let body = ask.body.clone();
        ProxyCall {
            service: ask.service.clone(),
            suffix_and_query: ask.path.clone(),
            method: ask.method.clone(),
            headers,
            body: Box::pin(futures_util::stream::iter([Ok(body)])),
            peer: "127.0.0.1:9".parse().unwrap(),
        }
    }

    /// Waits until no request is in flight, and checks the books: what is owed is the sum of the fees.
    pub(super) async fn idle(&self) -> UserView {
        for _ in 0..12_000 {
            let totals = self.broker.snapshot().totals;
            if totals.in_flight == 0 {
                assert_eq!(totals.reserved, Neuron::ZERO, "I11");
                let sum = self.broker.request_totals(ProviderRequestFilter::default()).await.unwrap();
                assert_eq!(totals.owed, sum.fee.total(), "I7");
                return self.broker.user(self.user.address()).unwrap();
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("a request never ended");
    }

    /// Waits until something holds.
    pub(super) async fn until(&self, mut holds: impl FnMut(&ProviderBroker) -> bool) {
        for _ in 0..12_000 {
            if holds(&self.broker) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("it never came to be");
    }
}

/// One request and all that a test may want wrong with it.
#[derive(Clone)]
pub(super) struct Ask {
    pub service: String,
    pub path: String,
    pub method: Method,
    pub body: Bytes,
    pub id: RequestId,
    pub max_fee: Neuron,
    pub cumulative: Neuron,
    pub epoch: u32,
    pub version: u64,
    pub expiry: Timestamp,
    pub signed_path: Option<String>,
    pub signed_body: Option<Bytes>,
    pub headers: HeaderMap,
}

async fn start(
    store: &ProviderStore,
    chain: &Chain,
    wallet: &Arc<Wallet>,
    tasks: &Tasks,
    spool: std::path::PathBuf,
    settings: &ProviderSettings,
    own_journal: Option<Arc<dyn Journal>>,
) -> (ProviderBroker, Sender) {
    let sender = Sender::start(
        chain.clone(),
        signer(Arc::clone(wallet)),
        own_journal.unwrap_or_else(|| journal(store.operations())),
        tasks,
        fast(),
    );
    let parts = ProviderParts {
        store: store.clone(),
        chain: chain.clone(),
        sender: sender.clone(),
        wallet: Arc::clone(wallet),
        tasks: tasks.clone(),
        spool,
        settings: settings.clone(),
    };
    (ProviderBroker::start(parts).await.unwrap(), sender)
}

pub(super) async fn send(sender: &Sender, call: Call) -> Outcome {
    sender.submit(OperationId::random(), call).await.unwrap().wait().await
}

async fn open_account(user: &User, provider: Address, value: Neuron) {
    let outcome = send(&user.sender, Call::AddAccount { provider, delegate: None, value }).await;
    assert!(matches!(outcome, Outcome::Mined { .. }), "{outcome:?}");
}

pub(super) fn sign(wallet: &Wallet, hash: B256) -> Signature {
    wallet.sign(hash).unwrap()
}

pub(super) fn hash(bytes: &[u8]) -> B256 {
    B256::new(Sha256::digest(bytes).into())
}

/// An answer read to its end, or to the error that cut it.
pub(super) struct Read {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
    pub broken: bool,
}

pub(super) async fn read(answer: Answer) -> Read {
    let Answer { status, headers, body: mut stream } = answer;
    let mut body = Vec::new();
    let mut broken = false;
    while let Some(piece) = stream.next().await {
        match piece {
            Ok(piece) => body.extend_from_slice(&piece),
            Err(_) => broken = true,
        }
    }
    Read { status, headers, body, broken }
}

impl Read {
    /// The receipt, from the head or from the stream's last comment, and the body without it.
    pub(super) fn receipt(&self) -> (SealedReceipt, Vec<u8>) {
        if let Some(header) = self.headers.get(RECEIPT_HEADER) {
            return (decode_receipt(header.to_str().unwrap()).unwrap(), self.body.clone());
        }
        let text = String::from_utf8(self.body.clone()).unwrap();
        let at = text.rfind(RECEIPT_COMMENT).expect("a receipt");
        let encoded = text[at + RECEIPT_COMMENT.len()..].trim_end_matches('\n');
        (decode_receipt(encoded).unwrap(), self.body[..at].to_vec())
    }
}
