//! One broker with its listeners, in a runtime of its own, so that a test can end it as abruptly as a power cut does:
//! every task is dropped where it stands.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use alloy::primitives::hex;
use alloy::transports::BoxTransport;
use futures_util::future::join_all;
use tokio::runtime::Runtime;
use zgserve_tui::broker::outbox;
use zgserve_tui::broker::provider::{ProviderBroker, ProviderParts, ProviderSettings};
use zgserve_tui::broker::user::{Settings, UserBroker, UserParts};
use zgserve_tui::chain::devnet::DevAccount;
use zgserve_tui::chain::{Chain, ChainSettings, Endpoint, Sender, SenderSettings};
use zgserve_tui::domain::Address;
use zgserve_tui::http::{self, Bound, Guard, Limits, Server};
use zgserve_tui::keys::{DelegateKeys, Secret, Wallet};
use zgserve_tui::store::{Db, Network, ProviderStore, Role, UserStore};
use zgserve_tui::tasks::Tasks;

use super::disk::Disk;
use super::line::Line;

pub fn wallet(account: &DevAccount) -> Arc<Wallet> {
    Arc::new(Wallet::from_hex(&Secret::new(hex::encode(account.key.expose()))).unwrap())
}

pub fn fast() -> SenderSettings {
    SenderSettings {
        replace_after: Duration::from_secs(2),
        rebroadcast_after: Duration::from_millis(200),
        gap_after: Duration::from_millis(200),
        ..SenderSettings::default()
    }
}

/// A runtime that ends with whoever holds it, without waiting.
struct Engine(Option<Runtime>);

impl Engine {
    fn new(name: &str) -> Engine {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name(name)
            .enable_all()
            .build()
            .unwrap();
        Engine(Some(runtime))
    }

    /// Runs a piece of work there, and waits for it. What it spawns stays.
    async fn run<T: Send + 'static, F: Future<Output = T>>(
        &self,
        work: impl FnOnce() -> F + Send + 'static,
    ) -> T {
        let there = self.0.as_ref().unwrap().handle().clone();
        tokio::task::spawn_blocking(move || there.block_on(work())).await.unwrap()
    }

    /// Drops every task where it stands, and waits until they are gone.
    async fn crash(mut self) {
        let runtime = self.0.take().unwrap();
        tokio::task::spawn_blocking(move || runtime.shutdown_timeout(Duration::from_secs(5))).await.unwrap();
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// How both sides reach the same chain.
#[derive(Clone)]
pub struct Place {
    pub line: Line,
    /// Where the chain answers over HTTP; unset: in this process, over the line.
    pub node: Option<String>,
    pub contract: Address,
    pub chain_id: u64,
    pub timeout: Duration,
}

impl Place {
    pub async fn open(&self) -> Result<Chain, String> {
        let endpoint = match &self.node {
            Some(url) => Endpoint::parse(url).map_err(|error| error.to_string())?,
            None => Endpoint::InProcess(BoxTransport::new(self.line.clone())),
        };
        let mut settings = ChainSettings::new(endpoint, self.contract);
        settings.chain_id = Some(self.chain_id);
        settings.timeout = self.timeout;
        settings.poll = Some(Duration::from_millis(10));
        Chain::open(settings).await.map_err(|error| error.to_string())
    }

    fn network(&self) -> Network {
        Network { chain_id: self.chain_id, contract: self.contract }
    }
}

/// Binds to an address that a former run may have left a moment ago.
async fn bind(address: SocketAddr, purpose: &'static str) -> Bound {
    super::until("the address is free", async || Bound::bind(address, purpose).await.ok()).await
}

fn any_port() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

/// A broker at work.
pub struct Running<B, S> {
    engine: Engine,
    tasks: Tasks,
    servers: Vec<Server>,
    /// How long running answers may still take when it stops.
    grace: Duration,
    pub broker: B,
    pub store: S,
}

impl<B, S: Closes> Running<B, S> {
    /// Drops everything where it stands.
    pub async fn crash(self) {
        drop(self.servers);
        self.engine.crash().await;
    }

    /// Ends as the program does: listeners, tasks, database.
    pub async fn stop(self) {
        let Running { engine, tasks, servers, grace, store, .. } = self;
        engine
            .run(move || async move {
                join_all(servers.into_iter().map(|server| server.stop(grace))).await;
                let stopped = tasks.stop(Duration::from_secs(20)).await;
                assert!(stopped.aborted.is_empty(), "{stopped:?}");
                store.close().await;
            })
            .await;
        engine.crash().await;
    }
}

pub trait Closes: Send + 'static {
    fn close(self) -> impl Future<Output = ()> + Send;
}

impl Closes for ProviderStore {
    async fn close(self) {
        self.db().close().await.unwrap();
    }
}

impl Closes for UserStore {
    async fn close(self) {
        self.db().close().await.unwrap();
    }
}

/// The provider's side.
pub struct ProviderSide {
    pub place: Place,
    pub wallet: Arc<Wallet>,
    pub settings: ProviderSettings,
    /// What the chain lists; unset: the proxy listener itself.
    pub public: Option<String>,
    pub directory: PathBuf,
    pub disk: Disk,
    /// The owner's listener and the proxy's, once there were any.
    pub listeners: Option<(SocketAddr, SocketAddr)>,
    pub running: Option<Running<ProviderBroker, ProviderStore>>,
}

impl ProviderSide {
    pub async fn start(&mut self) -> Result<(), String> {
        assert!(self.running.is_none());
        let engine = Engine::new("provider");
        let (place, wallet, directory) =
            (self.place.clone(), Arc::clone(&self.wallet), self.directory.clone());
        let (mut settings, public, listeners) = (self.settings.clone(), self.public.clone(), self.listeners);
        let disk = self.disk.clone();
        let started = engine.run(move || async move {
            let tasks = Tasks::new();
            let (owner, proxy) = listeners.unwrap_or((any_port(), any_port()));
            let (owner, proxy) = (bind(owner, "provider API").await, bind(proxy, "proxy").await);
            let addresses = (owner.address(), proxy.address());
            settings.serving_url = public.unwrap_or_else(|| format!("http://{}", addresses.1));
            let chain = place.open().await?;
            let db = open(&directory, Role::Provider, &disk)?;
            let store = ProviderStore::new(db, place.network()).await.map_err(|error| error.to_string())?;
            let signer = outbox::signer(Arc::clone(&wallet));
            let sender =
                Sender::start(chain.clone(), signer, outbox::journal(store.operations()), &tasks, fast());
            let parts = ProviderParts {
                store: store.clone(),
                chain,
                sender,
                wallet,
                tasks: tasks.child(),
                spool: directory.clone(),
                settings,
            };
            let broker = ProviderBroker::start(parts).await.map_err(|error| error.to_string())?;
            let guard = Guard::new(addresses.0, &[], None);
            let router =
                http::provider::router(broker.clone(), guard, tasks.clone(), http::Explorer::default());
            let public = http::provider::proxy_router(broker.clone(), tasks.clone());
            let servers = vec![
                owner.serve(router, Limits::default(), tasks.child()),
                proxy.serve(public, Limits::default(), tasks.child()),
            ];
            Ok::<_, String>((addresses, tasks, servers, broker, store))
        });
        let (addresses, tasks, servers, broker, store) = started.await?;
        self.listeners = Some(addresses);
        let grace = Duration::from_secs(self.settings.drain);
        self.running = Some(Running { engine, tasks, servers, grace, broker, store });
        Ok(())
    }
}

/// The user's side.
pub struct UserSide {
    pub place: Place,
    pub wallet: Arc<Wallet>,
    /// The wallet stays locked: it starts with the delegate keys of its directory alone.
    pub delegates_only: bool,
    pub settings: Settings,
    pub directory: PathBuf,
    pub disk: Disk,
    pub listener: Option<SocketAddr>,
    pub running: Option<Running<UserBroker, UserStore>>,
}

impl UserSide {
    pub async fn start(&mut self) -> Result<(), String> {
        assert!(self.running.is_none());
        let engine = Engine::new("user");
        let (place, wallet, directory) =
            (self.place.clone(), Arc::clone(&self.wallet), self.directory.clone());
        let (settings, listener, disk) = (self.settings.clone(), self.listener, self.disk.clone());
        let user = wallet.address();
        let wallet = Some(wallet).filter(|_| !self.delegates_only);
        let started = engine.run(move || async move {
            let tasks = Tasks::new();
            let bound = bind(listener.unwrap_or(any_port()), "user API").await;
            let address = bound.address();
            let chain = place.open().await?;
            let db = open(&directory, Role::User, &disk)?;
            let store = UserStore::new(db, place.network()).await.map_err(|error| error.to_string())?;
            let sender = wallet.as_ref().map(|wallet| {
                let signer = outbox::signer(Arc::clone(wallet));
                Sender::start(chain.clone(), signer, outbox::journal(store.operations()), &tasks, fast())
            });
            let parts = UserParts {
                store: store.clone(),
                chain,
                sender,
                user,
                wallet,
                delegates: DelegateKeys::new(&directory),
                tasks: tasks.child(),
                spool: directory.clone(),
                local_chain: true,
                settings,
            };
            let broker = UserBroker::start(parts).await.map_err(|error| error.to_string())?;
            let guard = Guard::new(address, &[], None);
            let faces = tasks.child();
            let router = http::user::router(broker.clone(), guard, faces.token(), http::Explorer::default());
            let servers = vec![bound.serve(router, Limits::default(), faces)];
            Ok::<_, String>((address, tasks, servers, broker, store))
        });
        let (address, tasks, servers, broker, store) = started.await?;
        self.listener = Some(address);
        let grace = Duration::from_secs(2);
        self.running = Some(Running { engine, tasks, servers, grace, broker, store });
        Ok(())
    }
}

fn open(directory: &Path, role: Role, disk: &Disk) -> Result<Db, String> {
    std::fs::create_dir_all(directory).unwrap();
    Db::open_behind(&directory.join("broker.db"), role, disk.gate()).map_err(|error| error.to_string())
}
