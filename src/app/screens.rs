//! The user's screens: what is asked before they open, and the broker that starts behind them.
//!
//! Settings and the lock come first, since what they refuse is one sentence and not a screen. Then the guide asks what is
//! missing, if anything is. The screens open before the chain was reached and before a key file was opened: a task
//! does both, tells how far it has come, and tries again while the chain is away.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use parking_lot::Mutex;
use tokio::sync::watch;

use super::api::Api;
use super::chain::{self, chain_settings};
use super::database;
use super::demo;
use super::failure::failure_of;
use super::guide::Guide;
use super::passphrase;
use super::settings;
use super::signals::Signals;
use super::token;
use super::user::{RunningUser, UserStart, Who};
use super::wallet;
use crate::broker::user::Library;
use crate::chain::{Chain, Endpoint};
use crate::cli::{Exit, Failure, Global, RunArgs};
use crate::config::{Listen, PassphraseFrom, Paths, RoleConfig, UserConfig};
use crate::domain::{Address, Timestamp};
use crate::http::Bound;
use crate::keys::{KeyFiles, PassphraseKeyring, SystemKeyring};
use crate::store::{DataLock, Db, LockError, Role};
use crate::tasks::Tasks;
use crate::telemetry::ScreenLog;
use crate::tui::start::{Opening, Outcome, Setup};
use crate::tui::user::{Standing, Start};
use crate::tui::{self, Ended};

/// Seconds between two tries to reach the chain.
const AGAIN: u64 = 3;
/// How long what runs may go on once the screens are closed.
const GRACE: Duration = Duration::from_secs(10);

/// Whose key it will be.
enum Key {
    /// At hand: the guide opened it.
    Who(Who),
    /// Of the settings: read, and opened where it is a locked file with its passphrase in another one.
    Settings,
}

/// What the guide left to do.
enum Way {
    Leave(Ended),
    Demo,
    Screens(Box<UserConfig>, Key),
}

pub async fn run(args: &RunArgs, global: &Global, log: &ScreenLog) -> Result<Exit> {
    let config: UserConfig = settings::settings(global)?;
    if !(args.plain || config.shell.terminal.plain) {
        need_terminal(
            "`zgserve-tui --headless` serves the API, and `zgserve-tui --help` lists the commands",
        )?;
    }
    let paths = Paths::of(UserConfig::NAME, config.shell.data_dir.as_deref())?;
    if let Some(holder) = DataLock::holder(&paths.data)? {
        return Err(in_use(&LockError::held(&paths.data, &holder)));
    }
    let settings = config.shell.terminal.clone();
    // A taken port is told before anything is asked, too.
    let bound = match args.serve {
        true => Some(Bound::bind(config.shell.listen, "user broker").await?),
        false => None,
    };
    let (config, key) = match Box::pin(guide(args, global, config)).await? {
        Way::Leave(Ended::Quit) => return Ok(Exit::Ok),
        Way::Leave(Ended::Signal) => return Ok(Exit::Interrupted),
        Way::Demo => {
            drop(bound);
            return Box::pin(demo::unasked(settings, log)).await;
        }
        Way::Screens(config, key) => (*config, key),
    };
    Box::pin(screens(args, global, config, key, bound, log)).await
}

/// One sentence where there is no terminal, with what does the same without one.
pub(super) fn need_terminal(instead: &str) -> Result<()> {
    let Err(error) = tui::usable() else { return Ok(()) };
    let message =
        format!("{error}; --plain asks and answers in lines of text; without a terminal, {instead}");
    Err(Failure::new(Exit::BadInput, message).into())
}

/// The exit code of screens that were closed.
pub(super) fn exit_of(ended: Ended, orderly: bool) -> Result<Exit> {
    Ok(if orderly && ended == Ended::Quit { Exit::Ok } else { Exit::Interrupted })
}

/// Who holds the data directory, and what can be done about it.
fn in_use(error: &LockError) -> anyhow::Error {
    let instead = match error {
        LockError::Held { address: Some(address), .. } => {
            format!("use its API (`zgserve-tui chat --url http://{address}`)")
        }
        _ => "wait for its end".to_owned(),
    };
    let message = format!("{error}; quit it first, {instead}, or name another directory with --data-dir");
    Failure::new(Exit::InUse, message).into()
}

/// Asks what is missing, if anything is.
async fn guide(args: &RunArgs, global: &Global, config: UserConfig) -> Result<Way> {
    let shell = &config.shell;
    let paths = Paths::of(UserConfig::NAME, shell.data_dir.as_deref())?;
    let files = KeyFiles::new(&paths.keys);
    let known: Vec<Address> = files.list()?.into_iter().map(|file| file.address).collect();
    let given = global.private_key_file.is_some() || !shell.private_keys.0.is_empty();
    let opening = if known.is_empty() && settings::are_untouched::<UserConfig>(global)? {
        Opening::First
    } else if args.read_only {
        let who = Who::Looker(looker(global, &config, &known).await?);
        return Ok(Way::Screens(Box::new(config), Key::Who(who)));
    } else if given {
        return Ok(Way::Screens(Box::new(config), Key::Settings));
    } else {
        let wanted = shell.wallet.or(known.first().copied().filter(|_| known.len() == 1));
        match wanted {
            Some(wanted) if !known.contains(&wanted) => {
                let message = format!("wallet: there is no key file for {wanted}");
                return Err(Failure::new(Exit::BadInput, message).into());
            }
            // Opened behind the screens, since nobody will have to be asked.
            Some(_) if global.passphrase_fd.is_none() && passphrase::file(shell).is_some() => {
                return Ok(Way::Screens(Box::new(config), Key::Settings));
            }
            Some(wanted) => match wallet::unasked(shell, global, &files, wanted, &SystemKeyring).await? {
                Some(wallet) => {
                    return Ok(Way::Screens(Box::new(config), Key::Who(Who::Owner(wallet))));
                }
                None => Opening::Unlock(wanted),
            },
            None => Opening::Key,
        }
    };
    if args.plain || shell.terminal.plain {
        return plainly(opening, config, global, &paths).await;
    }
    let settings_file = Paths::home_settings(UserConfig::NAME)?;
    let setup = Setup {
        version: env!("CARGO_PKG_VERSION"),
        opening,
        rpc_url: shell.chain.rpc_url.clone(),
        contract: shell.chain.contract,
        keys: known,
        settings_file: settings_file.clone(),
        settings: shell.terminal.clone(),
        // Kept there for nothing, if the settings look elsewhere.
        keyring: matches!(shell.passphrase_from, PassphraseFrom::Auto | PassphraseFrom::Keyring)
            && SystemKeyring.is_there().await,
    };
    let keyring = Arc::new(SystemKeyring);
    let deeds = Guide { keys: files, keyring, settings_file, data_dir: global.data_dir.clone() };
    let tasks = Tasks::new();
    let (ended, outcome) = Box::pin(tui::start::run(setup, Arc::new(deeds), &tasks)).await?;
    tasks.stop(GRACE).await;
    let (choice, key) = match outcome {
        Outcome::Leave => return Ok(Way::Leave(ended)),
        Outcome::Demo => return Ok(Way::Demo),
        Outcome::Begin { choice, key } => (choice, key),
    };
    // What was chosen is in the settings file by now.
    let mut config = if choice.is_some() { settings::settings(global)? } else { config };
    if let Some(choice) = choice {
        config.shell.chain.rpc_url = choice.rpc_url;
        config.shell.chain.contract = choice.contract;
    }
    let who = match key {
        Some(key) if args.read_only => Who::Looker(key.address()),
        Some(key) => Who::Owner(key.wallet),
        None => Who::Looker(Address::ZERO),
    };
    Ok(Way::Screens(Box::new(config), Key::Who(who)))
}

/// The guide is made of screens; without them a key is asked for by its passphrase, and the rest is said.
async fn plainly(opening: Opening, config: UserConfig, global: &Global, paths: &Paths) -> Result<Way> {
    if opening == Opening::First {
        let message = "nothing is set up yet: `zgserve-tui wallet new` makes a key, and `zgserve-tui config example` shows \
                       the settings that name a chain; or try `zgserve-tui demo --plain`";
        return Err(Failure::new(Exit::BadInput, message.to_owned()).into());
    }
    // Now, while nothing else runs: a question for a passphrase would hold up the stop.
    let mut signals = Signals::new()?;
    let wallet = tokio::select! {
        wallet = wallet::need::<UserConfig>(&config.shell, global, paths) => wallet?,
        () = signals.next() => return Ok(Way::Leave(Ended::Signal)),
    };
    Ok(Way::Screens(Box::new(config), Key::Who(Who::Owner(wallet))))
}

/// Opens the screens, or lines of text in their place.
pub(super) async fn open(
    plain: bool,
    standing: watch::Receiver<Standing>,
    library: Library,
    start: Start,
    tasks: &Tasks,
) -> Result<Ended, tui::TuiError> {
    match plain {
        true => Box::pin(tui::plain::run(standing, library, start, tui::plain::Paper::terminal())).await,
        false => Box::pin(tui::user::run(standing, library, start, tasks)).await,
    }
}

/// Whose accounts somebody looks at who signs nothing: no passphrase is needed for that.
async fn looker(global: &Global, config: &UserConfig, known: &[Address]) -> Result<Address> {
    let shell = &config.shell;
    if global.private_key_file.is_some() || !shell.private_keys.0.is_empty() {
        let paths = Paths::of(UserConfig::NAME, shell.data_dir.as_deref())?;
        return Ok(wallet::need::<UserConfig>(shell, global, &paths).await?.address());
    }
    Ok(shell.wallet.or(known.first().copied()).unwrap_or(Address::ZERO))
}

async fn screens(
    args: &RunArgs,
    global: &Global,
    config: UserConfig,
    key: Key,
    bound: Option<Bound>,
    log: &ScreenLog,
) -> Result<Exit> {
    let paths = Paths::of(UserConfig::NAME, config.shell.data_dir.as_deref())?;
    let serving = bound.as_ref().map(|bound| format!("http://{}", bound.address()));
    let (data, kept) = (paths.data.clone(), log.clone());
    let (lock, db) = tokio::task::spawn_blocking(move || -> Result<(DataLock, Db)> {
        let lock = DataLock::take(&data).map_err(|error| match error {
            LockError::Held { .. } => in_use(&error),
            error => error.into(),
        })?;
        kept.write_to(&data)?;
        let db = database::open(&data.join("user.db"), Role::User)?;
        Ok((lock, db))
    })
    .await??;
    let console = Api::provider_at_hand(global).unwrap_or_else(|error| {
        tracing::warn!(error = %failure_of(&error).message, "no provider broker is shown");
        None
    });
    let (read_only, plain) = (args.read_only, args.plain || config.shell.terminal.plain);
    let start = Start {
        version: env!("CARGO_PKG_VERSION"),
        read_only,
        demo: false,
        network: host_of(&config.shell.chain.rpc_url),
        serving,
        console,
        settings: config.shell.terminal.clone(),
        given: Some(settings::given::<UserConfig>(global)?),
        directory: std::env::current_dir().unwrap_or_else(|_| paths.data.clone()),
        log: log.lines.clone(),
    };
    let what = format!("asking the chain at {}", start.network);
    let (standing, watch) = watch::channel(Standing::Starting { what });
    let library = Library::open(db.clone());
    let listen = match bound {
        Some(bound) => Some((bound, token::listen(&config.shell)?)),
        None => None,
    };
    let behind =
        Behind { config, paths, key, global: global.clone(), lock, db: db.clone(), listen, standing };
    let tasks = Tasks::new();
    let slot: Arc<Mutex<Option<RunningUser>>> = Arc::default();
    let (place, token) = (Arc::clone(&slot), tasks.token());
    let starting = tasks.spawn("user broker", async move {
        // The lock stays with whatever comes of it, until the screens close.
        let running = Box::pin(behind.start(&token)).await;
        *place.lock() = running;
    });
    let ended = Box::pin(open(plain, watch, library, start, &tasks)).await;
    let mut signals = Signals::new()?;
    let stopping = async {
        tasks.token().cancel();
        let _ = starting.await;
        let running = slot.lock().take();
        match running {
            Some(running) => running.stop().await,
            None => {
                if let Err(error) = db.close().await {
                    tracing::error!(%error, "the database did not close well");
                }
            }
        }
        tasks.stop(GRACE).await;
    };
    let orderly = signals.unless_again(Box::pin(stopping)).await;
    exit_of(ended?, orderly)
}

/// Host and port; what else is in a node's URL may be a secret.
fn host_of(rpc_url: &str) -> String {
    let name = Endpoint::parse(rpc_url).map_or("no chain".to_owned(), |endpoint| endpoint.name());
    let host = name.split_once("://").map_or(name.as_str(), |(_, host)| host);
    host.trim_end_matches("/…").to_owned()
}

/// The broker that starts behind the screens.
struct Behind {
    config: UserConfig,
    paths: Paths,
    key: Key,
    global: Global,
    lock: DataLock,
    db: Db,
    listen: Option<(Bound, Listen)>,
    standing: watch::Sender<Standing>,
}

impl Behind {
    /// Starts it, however long the chain is away. Nothing comes of it if the screens close before, or if it cannot be.
    async fn start(self, token: &tokio_util::sync::CancellationToken) -> Option<RunningUser> {
        let standing = self.standing.clone();
        let chain = match token.run_until_cancelled(self.chain()).await? {
            Ok(chain) => chain,
            Err(error) => return failed(&standing, token, &error, self.lock).await,
        };
        let Behind { config, paths, key, global, lock, db, listen, standing } = self;
        let who = match key {
            Key::Who(who) => Ok(who),
            Key::Settings => wallet::need::<UserConfig>(&config.shell, &global, &paths).await.map(Who::Owner),
        };
        let who = match who {
            Ok(who) => who,
            Err(error) => return failed(&standing, token, &error, lock).await,
        };
        standing.send_replace(Standing::Starting { what: "reading accounts and services".to_owned() });
        let start = UserStart {
            directory: paths.data.clone(),
            db,
            local_chain: chain::is_local(&config.shell.chain, &chain),
            chain,
            who,
            sender: chain::sender_settings(&config.shell.chain),
            settings: config.broker.clone(),
            explorer: config.shell.chain.explorer_url.clone(),
            lock: Some(lock),
        };
        // From here on it is started to its end, so that it can be stopped in order.
        let mut running = match Box::pin(RunningUser::start(start)).await {
            Ok(running) => running,
            Err(error) => {
                standing.send_replace(Standing::Failed { why: failure_of(&error).message });
                return None;
            }
        };
        if let Some((bound, listen)) = listen
            && let Err(error) = running.listen(bound, &listen)
        {
            tracing::error!(error = %failure_of(&error).message, "the API is not open");
        }
        standing.send_replace(Standing::Ready(running.broker.clone()));
        Some(running)
    }

    /// The chain of the settings, once it answers.
    async fn chain(&self) -> Result<Chain> {
        let settings = chain_settings(&self.config.shell.chain)?;
        loop {
            match Chain::open(settings.clone()).await {
                Ok(chain) => return Ok(chain),
                Err(error) if error.is_transient() => {
                    tracing::warn!(%error, "waiting for the chain");
                    let again = Timestamp::now().plus_seconds(AGAIN);
                    self.standing.send_replace(Standing::Waiting { why: error.to_string(), again });
                    tokio::time::sleep(Duration::from_secs(AGAIN)).await;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// Says why there is no broker, and keeps the data directory until the screens close.
async fn failed(
    standing: &watch::Sender<Standing>,
    token: &tokio_util::sync::CancellationToken,
    error: &anyhow::Error,
    lock: DataLock,
) -> Option<RunningUser> {
    let why = failure_of(error).message;
    tracing::error!(%why, "the broker does not start");
    standing.send_replace(Standing::Failed { why });
    token.cancelled().await;
    drop(lock);
    None
}
