//! A whole small world: an embedded chain with the contract, a provider broker and a user broker over SQLite files and
//! real listeners on loopback, and a canned service behind. Tests ask over HTTP and look into the books.

mod ask;
mod books;
mod disk;
mod forge;
mod line;
mod proxy;
mod side;
mod tap;
mod upstream;

use std::sync::Arc;
use std::time::Duration;

use alloy::transports::BoxTransport;
use futures_util::future::BoxFuture;
use serde_json::json;
use zgserve_tui::broker::outbox;
use zgserve_tui::broker::provider::{ProviderBroker, ProviderSettings};
use zgserve_tui::broker::user::{Settings, UserBroker};
use zgserve_tui::chain::devnet::{Devnet, DevnetConfig};
use zgserve_tui::chain::{
    Attempt, Call, Chain, ChainSettings, Endpoint, Journal, JournalError, Outcome, Sender,
};
use zgserve_tui::domain::{AccountId, Address, Neuron, OperationId};
use zgserve_tui::http::{Bound, Limits};
use zgserve_tui::meter::count;
use zgserve_tui::store::{ProviderStore, UserStore};
use zgserve_tui::tasks::Tasks;

pub use ask::{Client, Got, finish, read, settles, until};
pub use books::Books;
pub use disk::Disk;
pub use forge::Forged;
pub use line::{Line, Trouble};
pub use proxy::{FaultProxy, NetFault};
pub use side::{Place, ProviderSide, UserSide, fast, wallet};
pub use tap::{Tap, replay};
pub use upstream::{Arrived, Ends, Reply, Upstream, encode};

/// Prices of the usage procedure, in neuron a token.
pub const INPUT_PRICE: u128 = 100_000;
pub const OUTPUT_PRICE: u128 = 200_000;
/// Prices of the storage service, in neuron a byte.
pub const UPLOAD_PRICE: u128 = 3;
pub const DOWNLOAD_PRICE: u128 = 5;
/// Seconds that a refund is locked.
pub const LOCK: u64 = 600;
/// A deposit that no test uses up by accident.
pub const DEPOSIT: u128 = 1_000_000_000_000_000;

/// The body of the procedure's call.
pub const SAY_THIS: &str = r#"{
     "messages": [{"role": "user", "content": "Say this is a test!"}],
     "temperature": 0.7
}"#;

/// A chat request of one message.
pub fn chat(text: &str) -> String {
    json!({"messages": [{"role": "user", "content": text}]}).to_string()
}

pub fn chat_stream(text: &str) -> String {
    json!({"messages": [{"role": "user", "content": text}], "stream": true}).to_string()
}

/// What a chat costs by its transcript: role and text in, text out.
pub fn chat_fee(asked: &str, answered: &str) -> u128 {
    u128::from(count("user") + count(asked)) * INPUT_PRICE + u128::from(count(answered)) * OUTPUT_PRICE
}

/// What a world is made with.
pub struct Plan {
    pub provider: ProviderSettings,
    pub user: Settings,
    /// Put a listener between the brokers.
    pub tap: bool,
    /// Put fault proxies between the brokers, and between the provider and its service.
    pub proxies: bool,
    /// Let both brokers reach the chain over HTTP, each through a fault proxy of its own.
    pub nodes: bool,
    /// The longest wait for one answer of the chain.
    pub chain_timeout: Duration,
    /// The chain, if it is not to be the embedded one.
    pub chain: Option<BoxTransport>,
    /// Where the chain says that the provider is, if not at its own listener.
    pub public: Option<String>,
    /// Seconds that refunds and changes of delegate wait.
    pub lock: u64,
}

/// The real listeners in between, where a plan asks for them.
#[derive(Clone, Default)]
pub struct Proxies {
    pub to_provider: Option<FaultProxy>,
    pub to_upstream: Option<FaultProxy>,
    pub user_node: Option<FaultProxy>,
    pub provider_node: Option<FaultProxy>,
}

impl Default for Plan {
    fn default() -> Plan {
        let mut provider = ProviderSettings::default();
        // Tests settle when they mean to, and ask more often than people.
        provider.settlement.automatic = false;
        provider.free.per_second = 1_000;
        provider.free.burst = 1_000;
        // They count what the service is asked.
        provider.upstream.health_interval = 0;
        Plan {
            provider,
            user: Settings::default(),
            tap: false,
            proxies: false,
            nodes: false,
            chain_timeout: Duration::from_secs(10),
            chain: None,
            public: None,
            lock: LOCK,
        }
    }
}

/// A journal that remembers nothing, for keys that only act within one test.
pub struct Forgetful;

impl Journal for Forgetful {
    fn record(&self, _: Attempt) -> BoxFuture<'_, Result<(), JournalError>> {
        Box::pin(async { Ok(()) })
    }
    fn finished(&self, _: OperationId, _: Outcome) -> BoxFuture<'_, Result<(), JournalError>> {
        Box::pin(async { Ok(()) })
    }
}

pub struct World {
    pub devnet: Devnet,
    /// A way of our own to the chain, past all faults.
    pub chain: Chain,
    /// Sends transactions of a third key, outside both brokers.
    pub outsider: Sender,
    pub upstream: Upstream,
    pub tap: Option<Tap>,
    pub proxies: Proxies,
    pub provider_side: ProviderSide,
    pub user_side: UserSide,
    pub tasks: Tasks,
    _directory: tempfile::TempDir,
}

impl World {
    /// Both brokers running; nothing registered, no account.
    pub async fn bare(plan: Plan) -> World {
        let devnet = Devnet::start(DevnetConfig::default()).await.unwrap();
        let tasks = Tasks::new();
        let transport = || plan.chain.clone().unwrap_or_else(|| BoxTransport::new(devnet.transport()));
        let settings = ChainSettings::new(Endpoint::InProcess(transport()), Address::ZERO);
        let bare = Chain::open_bare(settings).await.unwrap();
        let third = outbox::signer(wallet(&devnet.accounts()[9]));
        let deployer = Sender::start(bare.clone(), third.clone(), Arc::new(Forgetful), &tasks, fast());
        let deploy = Call::Deploy { lock_time: plan.lock };
        let mut ticket = deployer.submit(OperationId::random(), deploy).await.unwrap();
        let Outcome::Mined { contract: Some(contract), .. } = ticket.wait().await else {
            panic!("the contract is deployed")
        };
        drop(deployer);
        let chain = bare.at_contract(contract).await.unwrap();
        let outsider = Sender::start(chain.clone(), third, Arc::new(Forgetful), &tasks, fast());

        let directory = tempfile::tempdir().unwrap();
        let place = |node: Option<&FaultProxy>| Place {
            line: Line::new(transport()),
            node: node.map(|node| node.url.clone()),
            contract,
            chain_id: chain.id(),
            timeout: plan.chain_timeout,
        };
        let upstream = Upstream::start().await;
        let mut proxies = Proxies::default();
        if plan.proxies {
            let (to_provider, to_upstream) = (FaultProxy::start().await, FaultProxy::start().await);
            to_upstream.lead_to(upstream.url.trim_start_matches("http://").parse().unwrap());
            (proxies.to_provider, proxies.to_upstream) = (Some(to_provider), Some(to_upstream));
        }
        if plan.nodes {
            let node = node(&devnet, &tasks).await;
            for proxy in [&mut proxies.user_node, &mut proxies.provider_node] {
                proxy.insert(FaultProxy::start().await).lead_to(node);
            }
        }
        let tap = if plan.tap { Some(Tap::start().await) } else { None };
        let mut provider_side = ProviderSide {
            place: place(proxies.provider_node.as_ref()),
            wallet: wallet(&devnet.accounts()[1]),
            settings: plan.provider,
            public: plan.public.or_else(|| match (&tap, &proxies.to_provider) {
                (Some(tap), _) => Some(tap.url.clone()),
                (None, proxy) => proxy.as_ref().map(|proxy| proxy.url.clone()),
            }),
            disk: Disk::default(),
            directory: directory.path().join("provider"),
            listeners: None,
            running: None,
        };
        provider_side.start().await.unwrap();
        if let Some(tap) = &tap {
            tap.lead_to(format!("http://{}", provider_side.listeners.unwrap().1));
        }
        if let Some(proxy) = &proxies.to_provider {
            proxy.lead_to(provider_side.listeners.unwrap().1);
        }
        let mut user_side = UserSide {
            place: place(proxies.user_node.as_ref()),
            wallet: wallet(&devnet.accounts()[0]),
            delegates_only: false,
            settings: plan.user,
            disk: Disk::default(),
            directory: directory.path().join("user"),
            listener: None,
            running: None,
        };
        user_side.start().await.unwrap();
        World {
            devnet,
            chain,
            outsider,
            upstream,
            tap,
            proxies,
            provider_side,
            user_side,
            tasks,
            _directory: directory,
        }
    }

    /// A chatbot `llama7b` registered and an account with [`DEPOSIT`] opened.
    pub async fn new() -> World {
        Self::with(Plan::default()).await
    }

    pub async fn with(plan: Plan) -> World {
        let world = Self::bare(plan).await;
        world.register_chatbot().await;
        world.open_account(DEPOSIT).await;
        world
    }

    pub async fn register_chatbot(&self) {
        let body = json!({
            "URL": self.service_url(), "inputPrice": INPUT_PRICE as u64, "outputPrice": OUTPUT_PRICE as u64,
            "Type": "chatbot", "Name": "llama7b",
        });
        self.owner().post("/v1/service", body.to_string()).await.is(204);
        self.user_sees("llama7b").await;
    }

    /// Where the provider broker finds its service.
    fn service_url(&self) -> &str {
        self.proxies.to_upstream.as_ref().map_or(&self.upstream.url, |proxy| &proxy.url)
    }

    pub async fn register_storage(&self) {
        let body = json!({
            "URL": self.service_url(), "inputPrice": UPLOAD_PRICE as u64, "outputPrice": DOWNLOAD_PRICE as u64,
            "Type": "zgStorage", "Name": "files",
        });
        self.owner().post("/v1/service", body.to_string()).await.is(204);
        self.user_sees("files").await;
    }

    /// Waits until the user broker lists a service.
    pub async fn user_sees(&self, service: &str) {
        let api = self.api();
        until("the user broker sees the service", async || {
            let listed = api.get("/v1/service").await.is(200).json();
            listed["Items"].as_array()?.iter().any(|item| item["Name"] == service).then_some(())
        })
        .await;
    }

    pub async fn open_account(&self, balance: u128) {
        let body = json!({"provider": self.provider_address().to_string(), "balance": balance.to_string()});
        self.api().post("/v1/provider", body.to_string()).await.is(204);
        let user = self.user_address();
        until("the provider broker sees the account", async || self.provider().user(user)).await;
    }

    pub fn provider(&self) -> &ProviderBroker {
        &self.provider_side.running.as_ref().expect("the provider broker runs").broker
    }

    pub fn provider_store(&self) -> &ProviderStore {
        &self.provider_side.running.as_ref().expect("the provider broker runs").store
    }

    pub fn user(&self) -> &UserBroker {
        &self.user_side.running.as_ref().expect("the user broker runs").broker
    }

    pub fn user_store(&self) -> &UserStore {
        &self.user_side.running.as_ref().expect("the user broker runs").store
    }

    pub fn provider_address(&self) -> Address {
        self.provider_side.wallet.address()
    }

    pub fn user_address(&self) -> Address {
        self.user_side.wallet.address()
    }

    pub fn id(&self) -> AccountId {
        AccountId { user: self.user_address(), provider: self.provider_address() }
    }

    /// The user broker's API.
    pub fn api(&self) -> Client {
        Client::new(format!("http://{}", self.user_side.listener.unwrap()))
    }

    /// The provider broker's API.
    pub fn owner(&self) -> Client {
        Client::new(format!("http://{}", self.provider_side.listeners.unwrap().0))
    }

    /// The provider's public listener.
    pub fn proxy(&self) -> Client {
        Client::new(format!("http://{}", self.provider_side.listeners.unwrap().1))
    }

    /// Where a service is called at the user broker, with a suffix.
    pub fn paid(&self, service: &str, suffix: &str) -> String {
        format!("/v1/provider/{}/service/{service}{suffix}", self.provider_address())
    }

    /// A chat through both brokers.
    pub async fn ask(&self, body: impl Into<reqwest::Body>) -> Got {
        self.api().post(&self.paid("llama7b", "/chat/completions"), body).await
    }

    pub async fn account(&self) -> serde_json::Value {
        self.api().get(&format!("/v1/provider/{}", self.provider_address())).await.is(200).json()
    }

    pub async fn wallet_of(&self, address: Address) -> u128 {
        self.chain.native_balance(address).await.unwrap()
    }

    pub async fn crash_user(&mut self) {
        self.user_side.running.take().unwrap().crash().await;
        closed(&self.user_side.directory).await;
    }

    pub async fn crash_provider(&mut self) {
        self.provider_side.running.take().unwrap().crash().await;
        closed(&self.provider_side.directory).await;
    }

    /// Ends the provider broker as a power cut does: its files are as they were at this moment, whatever its tasks
    /// still manage to write while they are dropped. Only for moments in which nothing is being written.
    pub async fn cut_provider_off(&mut self) {
        let files = ["broker.db", "broker.db-wal"].map(|name| self.provider_side.directory.join(name));
        let kept = files.clone().map(|file| std::fs::read(file).unwrap());
        self.crash_provider().await;
        for (file, bytes) in files.iter().zip(kept) {
            std::fs::write(file, bytes).unwrap();
        }
    }

    pub async fn stop_user(&mut self) {
        self.user_side.running.take().unwrap().stop().await;
    }

    pub async fn stop_provider(&mut self) {
        self.provider_side.running.take().unwrap().stop().await;
    }

    pub async fn start_user(&mut self) {
        self.user_side.start().await.unwrap();
    }

    pub async fn start_provider(&mut self) {
        self.provider_side.start().await.unwrap();
    }

    /// Sends a call of the third key and gives what it used of gas.
    pub async fn outside(&self, call: Call) -> u64 {
        let mut ticket = self.outsider.submit(OperationId::random(), call).await.unwrap();
        match ticket.wait().await {
            Outcome::Mined { gas_used, .. } => gas_used,
            other => panic!("{other:?}"),
        }
    }
}

/// Serves the embedded chain over HTTP, as `zgserve-tui devnet` does.
async fn node(devnet: &Devnet, tasks: &Tasks) -> std::net::SocketAddr {
    let bound = Bound::bind("127.0.0.1:0".parse().unwrap(), "devnet").await.unwrap();
    let address = bound.address();
    let router = zgserve_tui::http::devnet::router(devnet.clone());
    // It runs until the test's tasks end.
    std::mem::forget(bound.serve(router, Limits::default(), tasks.child()));
    address
}

/// Waits until the last connection to a database is gone. A dead process holds none; here a thread may still be writing
/// what was queued, which must not come after the next start.
async fn closed(directory: &std::path::Path) {
    until("the database is closed", async || {
        let mut open = std::fs::read_dir("/proc/self/fd").unwrap().filter_map(|entry| {
            // A handle may be gone between the listing and the look.
            std::fs::read_link(entry.ok()?.path()).ok()
        });
        (!open.any(|path| path.starts_with(directory) && path.file_name().is_some_and(|name| name != "lock")))
            .then_some(())
    })
    .await;
}

pub fn neuron(amount: u128) -> Neuron {
    Neuron::new(amount)
}
