//! The surroundings of a user broker under test: chain, contract, keys, store, and one scripted provider.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use alloy::primitives::hex;
use alloy::transports::BoxTransport;
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use http::{HeaderMap, StatusCode};

use super::scripted::{Script, Scripted};
use crate::body::{Answer, AnswerBody};
use crate::broker::outbox::{journal, signer};
use crate::broker::user::{CallRefusal, PaidCall, Settings, UpstreamError, UserBroker, UserError, UserParts};
use crate::chain::devnet::{DevAccount, Devnet, DevnetConfig};
use crate::chain::{
    Attempt, Call, Chain, ChainSettings, Endpoint, Journal, JournalError, Outcome, Sender, SenderSettings,
};
use crate::domain::{
    AccountId, Address, Neuron, OperationId, OperationState, Prices, ServiceKind, ServiceName, Timestamp,
};
use crate::keys::{DelegateKeys, Secret, Wallet};
use crate::store::user::UserAccount;
use crate::store::{Db, Network, Role, StoreError, UserStore};
use crate::tasks::Tasks;

pub const PRICES: Prices = Prices { input: Neuron::new(100), output: Neuron::new(200) };
/// Seconds that refunds are locked.
pub const LOCK: u64 = 60;

struct Nothing;

impl Journal for Nothing {
    fn record(&self, _: Attempt) -> BoxFuture<'_, Result<(), JournalError>> {
        Box::pin(async { Ok(()) })
    }
    fn finished(&self, _: OperationId, _: Outcome) -> BoxFuture<'_, Result<(), JournalError>> {
        Box::pin(async { Ok(()) })
    }
}

pub fn wallet(account: &DevAccount) -> Arc<Wallet> {
    let text = Secret::new(hex::encode(account.key.expose()));
    Arc::new(Wallet::from_hex(&text).unwrap())
}

pub fn name(text: &str) -> ServiceName {
    text.parse().unwrap()
}

/// Waits for the next day if less than two minutes of this one are left: what is spent in a test is of one day.
async fn a_day_with_time_left() {
    let left = 86_400 - Timestamp::now().as_seconds() % 86_400;
    if left < 120 {
        tokio::time::sleep(Duration::from_secs(left + 1)).await;
    }
}

pub struct Bed {
    pub devnet: Devnet,
    pub chain: Chain,
    pub user: Arc<Wallet>,
    pub provider: Arc<Wallet>,
    pub provider_sender: Sender,
    pub script: Arc<Scripted>,
    pub dir: tempfile::TempDir,
    pub store: UserStore,
    pub tasks: Tasks,
    /// While it is set the disk takes nothing.
    pub full: Arc<AtomicBool>,
}

impl Bed {
    /// A contract, a provider that runs `script` and lists it as `llama7b` and, of bytes, `files`.
    pub async fn new(script: Script) -> Bed {
        a_day_with_time_left().await;
        let devnet = Devnet::start(DevnetConfig::default()).await.unwrap();
        let tasks = Tasks::new();
        let endpoint = Endpoint::InProcess(BoxTransport::new(devnet.transport()));
        let bare = Chain::open_bare(ChainSettings::new(endpoint, Address::ZERO)).await.unwrap();
        let (user, provider) = (wallet(&devnet.accounts()[0]), wallet(&devnet.accounts()[1]));
        let signer = signer(Arc::clone(&provider));
        let nothing: Arc<dyn Journal> = Arc::new(Nothing);
        let deployer = Sender::start(bare.clone(), signer.clone(), Arc::clone(&nothing), &tasks, fast());
        let mut ticket =
            deployer.submit(OperationId::random(), Call::Deploy { lock_time: LOCK }).await.unwrap();
        let Outcome::Mined { contract: Some(contract), .. } = ticket.wait().await else {
            panic!("not deployed")
        };
        let chain = bare.at_contract(contract).await.unwrap();
        drop(deployer);
        let provider_sender = Sender::start(chain.clone(), signer, nothing, &tasks, fast());

        let dir = tempfile::tempdir().unwrap();
        let full = Arc::new(AtomicBool::new(false));
        let gate = Arc::clone(&full);
        let gate = move || if gate.load(Ordering::Relaxed) { Err(StoreError::Full) } else { Ok(()) };
        let db = Db::open_behind(&dir.path().join("user.db"), Role::User, Box::new(gate)).unwrap();
        let network = Network { chain_id: chain.id(), contract };
        let store = UserStore::new(db, network).await.unwrap();
        let script =
            Scripted::start(script, chain.clone(), Arc::clone(&provider), user.address(), store.clone())
                .await;
        let bed = Bed { devnet, chain, user, provider, provider_sender, script, dir, store, tasks, full };
        bed.list("llama7b", ServiceKind::Chatbot, PRICES).await;
        bed.list("files", ServiceKind::ZgStorage, PRICES).await;
        bed
    }

    /// Puts a service of the provider on the chain.
    pub async fn list(&self, service: &str, kind: ServiceKind, prices: Prices) {
        self.put(service, kind, prices, &self.script.url).await;
    }

    /// Moves a chatbot of the provider to another URL, whatever that looks like.
    pub async fn list_at(&self, service: &str, url: &str) {
        self.put(service, ServiceKind::Chatbot, PRICES, url).await;
    }

    async fn put(&self, service: &str, kind: ServiceKind, prices: Prices, url: &str) {
        let (url, model) = (url.to_owned(), "test/model".to_owned());
        let call = Call::PutService { name: name(service), kind, url, model, prices };
        let mut ticket = self.provider_sender.submit(OperationId::random(), call).await.unwrap();
        assert!(matches!(ticket.wait().await, Outcome::Mined { .. }));
    }

    /// A broker on this bed's store, with a wallet.
    pub async fn broker(&self, settings: Settings) -> UserBroker {
        self.broker_of(settings, self.chain.clone(), true).await
    }

    pub async fn broker_of(&self, settings: Settings, chain: Chain, with_wallet: bool) -> UserBroker {
        self.start_on(settings, chain, with_wallet).await.unwrap()
    }

    /// The same, where it may refuse to start.
    pub async fn start(&self, settings: Settings) -> Result<UserBroker, UserError> {
        self.start_on(settings, self.chain.clone(), true).await
    }

    async fn start_on(
        &self,
        settings: Settings,
        chain: Chain,
        with_wallet: bool,
    ) -> Result<UserBroker, UserError> {
        let tasks = self.tasks.child();
        let (journal, signer) = (journal(self.store.operations()), signer(Arc::clone(&self.user)));
        let sender = with_wallet.then(|| Sender::start(chain.clone(), signer, journal, &tasks, fast()));
        let parts = UserParts {
            store: self.store.clone(),
            chain,
            sender,
            user: self.user.address(),
            wallet: with_wallet.then(|| Arc::clone(&self.user)),
            delegates: DelegateKeys::new(self.dir.path()),
            tasks,
            spool: PathBuf::from(self.dir.path()),
            local_chain: true,
            settings,
        };
        UserBroker::start(parts).await
    }

    /// A broker with an account of `balance` neuron with the provider.
    pub async fn funded(&self, settings: Settings, balance: u128) -> UserBroker {
        let broker = self.broker(settings).await;
        let opened = broker.create_account(self.provider(), Neuron::new(balance), None).await.unwrap();
        let opened = broker.wait(opened.id, Duration::from_secs(60)).await.unwrap();
        assert_eq!(opened.state, OperationState::Mined, "{opened:?}");
        broker
    }

    pub fn provider(&self) -> Address {
        self.provider.address()
    }

    pub fn id(&self) -> AccountId {
        AccountId { user: self.user.address(), provider: self.provider() }
    }

    pub async fn books(&self) -> UserAccount {
        self.store.account(self.id()).await.unwrap().unwrap()
    }

    pub fn chat(&self, body: &str) -> PaidCall {
        let mut headers = HeaderMap::new();
        headers.insert("content-type", "application/json".parse().unwrap());
        let body = Bytes::copy_from_slice(body.as_bytes());
        PaidCall::post(self.provider(), name("llama7b"), "/chat/completions", headers, body)
    }

    /// Waits until nothing is held any more. What is seen of an end on disk is in memory a moment later.
    pub async fn nothing_held(&self, broker: &UserBroker) {
        for _ in 0..6_000 {
            if broker.account(self.provider()).unwrap().reserved.is_zero() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("held for ever: {:?}", broker.account(self.provider()))
    }

    /// Waits until the broker's books satisfy a condition.
    pub async fn until(&self, what: &str, condition: impl Fn(&UserAccount) -> bool) -> UserAccount {
        for _ in 0..6_000 {
            let books = self.books().await;
            if condition(&books) {
                return books;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("never: {what}; {:?}", self.books().await)
    }
}

pub fn fast() -> SenderSettings {
    SenderSettings { replace_after: Duration::from_secs(2), ..SenderSettings::default() }
}

pub const HELLO: &str = r#"{"messages":[{"role":"user","content":"Say this is a test!"}],"max_tokens":50}"#;

/// The body to its end, or to where it broke.
pub async fn read(answer: Answer) -> (StatusCode, HeaderMap, Result<Vec<u8>, String>) {
    let Answer { status, headers, mut body } = answer;
    let mut bytes = Vec::new();
    while let Some(chunk) = body.next().await {
        match chunk {
            Ok(chunk) => bytes.extend_from_slice(&chunk),
            Err(error) => return (status, headers, Err(error.to_string())),
        }
    }
    (status, headers, Ok(bytes))
}

pub async fn refused(broker: &UserBroker, call: PaidCall) -> CallRefusal {
    match broker.call(call).await {
        Err(refusal) => refusal,
        Ok(answer) => panic!("answered with {}", answer.status),
    }
}

/// Whether an answer breaks off: before its head where that is seen in time, else behind it.
pub async fn breaks(broker: &UserBroker, call: PaidCall) -> bool {
    match broker.call(call).await {
        Err(refusal) => matches!(refusal, CallRefusal::Upstream(UpstreamError::Broken { .. })),
        Ok(answer) => read(answer).await.2.is_err(),
    }
}

pub fn is_stream(answer: &Answer) -> bool {
    matches!(answer.body, AnswerBody::Stream(_))
}
