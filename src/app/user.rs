//! One running user broker: its directory, store, keys, chain and tasks; and its listener, if it has one.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;

use super::chain::{self, Patience};
use super::database;
use super::wallet;
use crate::broker::outbox;
use crate::broker::user::{Settings, UserBroker, UserParts};
use crate::chain::{Chain, Sender, SenderSettings};
use crate::cli::Global;
use crate::config::{Listen, Paths, RoleConfig, UserConfig};
use crate::domain::Address;
use crate::http::{Bound, Explorer, Guard, Limits, Server};
use crate::keys::{DelegateKeys, Wallet};
use crate::private_files;
use crate::store::{DataLock, Db, Network, Role, UserStore};
use crate::tasks::Tasks;

/// How long running answers may still go on at a stop, and how long bookkeeping after them may take.
const FACE_GRACE: Duration = Duration::from_secs(5);
const BROKER_GRACE: Duration = Duration::from_secs(10);
/// A folder that never exists: where somebody who only looks finds no delegate keys.
const NO_KEYS: &str = "no-keys";

/// For whom a user broker is started.
#[derive(Clone, Debug)]
pub enum Who {
    Owner(Arc<Wallet>),
    /// Somebody whose wallet stays locked: the delegate keys of the directory spend the deposits that they were named
    /// for, and nothing is sent to the chain.
    Delegates(Address),
    /// Somebody who only looks: nothing is signed, not even with the delegate keys that are there.
    Looker(Address),
}

/// What a user broker is started from.
#[derive(Debug)]
pub struct UserStart {
    pub directory: PathBuf,
    pub db: Db,
    pub chain: Chain,
    pub local_chain: bool,
    pub who: Who,
    pub sender: SenderSettings,
    pub settings: Settings,
    /// A page about the chain, for links to transactions.
    pub explorer: Option<String>,
    /// Of the directory, where others could run on it too.
    pub lock: Option<DataLock>,
}

/// A user broker at work.
#[derive(Debug)]
pub struct RunningUser {
    pub broker: UserBroker,
    tasks: Tasks,
    db: Db,
    server: Option<Server>,
    explorer: Explorer,
    /// Last, so that it is let go last.
    lock: Option<DataLock>,
}

impl RunningUser {
    /// Starts from settings, on the data directory that they name: with the wallet, or with delegate keys alone.
    pub async fn from_settings(
        config: &UserConfig,
        global: &Global,
        patience: Patience,
        delegates_only: bool,
    ) -> Result<RunningUser> {
        let paths = Paths::of(UserConfig::NAME, config.shell.data_dir.as_deref())?;
        let lock = DataLock::take(&paths.data)?;
        let who = match delegates_only {
            true => Who::Delegates(wallet::delegating(config.shell(), &paths).await?),
            false => Who::Owner(wallet::need::<UserConfig>(config.shell(), global, &paths).await?),
        };
        let db = database::open(&paths.data.join("user.db"), Role::User)?;
        let chain = chain::open(&config.shell.chain, patience).await?;
        let start = UserStart {
            directory: paths.data,
            db,
            local_chain: chain::is_local(&config.shell.chain, &chain),
            chain,
            who,
            sender: chain::sender_settings(&config.shell.chain),
            settings: config.broker.clone(),
            explorer: config.shell.chain.explorer_url.clone(),
            lock: Some(lock),
        };
        RunningUser::start(start).await
    }

    pub async fn start(start: UserStart) -> Result<RunningUser> {
        let UserStart { directory, db, chain, local_chain, who, sender, settings, explorer, lock } = start;
        let network = Network { chain_id: chain.id(), contract: chain.contract() };
        let store = UserStore::new(db.clone(), network).await?;
        let tasks = Tasks::new();
        let (user, wallet, delegates) = match who {
            Who::Owner(wallet) => (wallet.address(), Some(wallet), directory.clone()),
            Who::Delegates(user) => (user, None, directory.clone()),
            Who::Looker(user) => (user, None, directory.join(NO_KEYS)),
        };
        let sender = wallet.as_ref().map(|wallet| {
            let signer = outbox::signer(Arc::clone(wallet));
            Sender::start(chain.clone(), signer, outbox::journal(store.operations()), &tasks, sender)
        });
        let parts = UserParts {
            store,
            chain,
            sender,
            user,
            wallet,
            delegates: DelegateKeys::new(delegates),
            tasks: tasks.clone(),
            spool: spool(&directory)?,
            local_chain,
            settings,
        };
        let broker = Box::pin(UserBroker::start(parts)).await?;
        Ok(RunningUser { broker, tasks, db, server: None, explorer: Explorer::at(explorer.as_deref()), lock })
    }

    /// Opens the API on an address that was taken before.
    pub fn listen(&mut self, bound: Bound, listen: &Listen) -> Result<()> {
        let token = listen.token.as_ref().map(|token| token.expose().as_str());
        let guard = Guard::new(bound.address(), &listen.allow_hosts, token);
        let faces = self.tasks.child();
        let router =
            crate::http::user::router(self.broker.clone(), guard, faces.token(), self.explorer.clone());
        if let Some(lock) = &mut self.lock {
            lock.listening_on(bound.address(), listen.private)?;
        }
        self.server = Some(bound.serve(router, Limits::default(), faces));
        Ok(())
    }

    /// Stops in order; nothing that was promised is lost.
    pub async fn stop(self) {
        if let Some(server) = self.server {
            server.stop(FACE_GRACE).await;
        }
        let stopped = self.tasks.stop(BROKER_GRACE).await;
        if !stopped.aborted.is_empty() {
            tracing::warn!(tasks = ?stopped.aborted, "these tasks did not end in time");
        }
        if let Err(error) = self.db.close().await {
            tracing::error!(%error, "the database did not close well");
        }
        drop(self.lock);
    }
}

/// Where large request bodies wait.
pub fn spool(directory: &Path) -> Result<PathBuf> {
    let spool = directory.join("spool");
    private_files::create_directory(&spool)?;
    Ok(spool)
}
