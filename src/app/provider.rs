//! One running provider broker: its directory, store, key, chain and tasks; and its listeners.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;

use super::chain::{self, Patience};
use super::database;
use super::user::spool;
use super::wallet;
use crate::broker::outbox;
use crate::broker::provider::{ProviderBroker, ProviderParts, ProviderSettings};
use crate::chain::{Chain, Sender, SenderSettings};
use crate::cli::Global;
use crate::config::{Listen, Paths, ProviderConfig, RoleConfig};
use crate::http::{Bound, Explorer, Guard, Limits, Server};
use crate::keys::Wallet;
use crate::store::{DataLock, Db, Network, ProviderStore, Role};
use crate::tasks::Tasks;

/// How long a receipt may take over an open connection once its answer was cut.
const LAST_WORD: Duration = Duration::from_secs(2);

/// How long bookkeeping may take after the last answer was cut.
const BROKER_GRACE: Duration = Duration::from_secs(10);

/// What a provider broker is started from.
#[derive(Debug)]
pub struct ProviderStart {
    pub directory: PathBuf,
    pub db: Db,
    pub chain: Chain,
    pub wallet: Arc<Wallet>,
    pub sender: SenderSettings,
    pub settings: ProviderSettings,
    /// A page about the chain, for links to transactions.
    pub explorer: Option<String>,
    /// Of the directory, where others could run on it too.
    pub lock: Option<DataLock>,
}

/// A provider broker at work.
#[derive(Debug)]
pub struct RunningProvider {
    pub broker: ProviderBroker,
    tasks: Tasks,
    db: Db,
    servers: Vec<Server>,
    drain: Duration,
    explorer: Explorer,
    /// Last, so that it is let go last.
    lock: Option<DataLock>,
}

impl RunningProvider {
    /// Starts from settings, on the data directory that they name.
    pub async fn from_settings(
        config: &ProviderConfig,
        global: &Global,
        patience: Patience,
    ) -> Result<RunningProvider> {
        let paths = Paths::of(ProviderConfig::NAME, config.shell.data_dir.as_deref())?;
        let lock = DataLock::take(&paths.data)?;
        let wallet = wallet::need::<ProviderConfig>(config.shell(), global, &paths).await?;
        let db = database::open(&paths.data.join("provider.db"), Role::Provider)?;
        let start = ProviderStart {
            directory: paths.data,
            db,
            chain: chain::open(&config.shell.chain, patience).await?,
            wallet,
            sender: chain::sender_settings(&config.shell.chain),
            settings: config.broker.clone(),
            explorer: config.shell.chain.explorer_url.clone(),
            lock: Some(lock),
        };
        RunningProvider::start(start).await
    }

    pub async fn start(start: ProviderStart) -> Result<RunningProvider> {
        let ProviderStart { directory, db, chain, wallet, sender, settings, explorer, lock } = start;
        let network = Network { chain_id: chain.id(), contract: chain.contract() };
        let store = ProviderStore::new(db.clone(), network).await?;
        let tasks = Tasks::new();
        let signer = outbox::signer(Arc::clone(&wallet));
        let sender =
            Sender::start(chain.clone(), signer, outbox::journal(store.operations()), &tasks, sender);
        let drain = Duration::from_secs(settings.drain);
        let parts = ProviderParts {
            store,
            chain,
            sender,
            wallet,
            tasks: tasks.clone(),
            spool: spool(&directory)?,
            settings,
        };
        let broker = Box::pin(ProviderBroker::start(parts)).await?;
        Ok(RunningProvider {
            broker,
            tasks,
            db,
            servers: Vec::new(),
            drain,
            explorer: Explorer::at(explorer.as_deref()),
            lock,
        })
    }

    /// Opens the owner's API, with the proxy beside it.
    pub fn listen(&mut self, bound: Bound, listen: &Listen) -> Result<()> {
        let token = listen.token.as_ref().map(|token| token.expose().as_str());
        let guard = Guard::new(bound.address(), &listen.allow_hosts, token);
        let router = crate::http::provider::router(
            self.broker.clone(),
            guard,
            self.tasks.clone(),
            self.explorer.clone(),
        );
        if let Some(lock) = &mut self.lock {
            lock.listening_on(bound.address(), listen.private)?;
        }
        self.servers.push(bound.serve(router, Limits::default(), self.tasks.child()));
        Ok(())
    }

    /// Opens the public listener: the proxy and nothing else.
    pub fn listen_for_strangers(&mut self, bound: Bound) {
        let router = crate::http::provider::proxy_router(self.broker.clone(), self.tasks.clone());
        self.servers.push(bound.serve(router, Limits::default(), self.tasks.child()));
    }

    /// Stops in order: answers under way get the drain time, everything delivered is booked.
    pub async fn stop(self) {
        // Together: what the broker cuts at the end of its drain time still sends its receipt over an open connection.
        let last_word = self.drain + LAST_WORD;
        let servers = self.servers.into_iter().map(|server| server.stop(last_word));
        let (_, stopped) =
            tokio::join!(futures_util::future::join_all(servers), self.tasks.stop(self.drain + BROKER_GRACE));
        if !stopped.aborted.is_empty() {
            tracing::warn!(tasks = ?stopped.aborted, "these tasks did not end in time");
        }
        if let Err(error) = self.db.close().await {
            tracing::error!(%error, "the database did not close well");
        }
        drop(self.lock);
    }
}
