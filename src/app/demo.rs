//! Everything in one process: a chain, a contract, a provider broker with two services, a user broker; and the user's
//! screens over it, unless it is headless.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use alloy::primitives::hex;
use anyhow::{Context, Result};
use parking_lot::Mutex;
use reqwest::Url;
use tokio::sync::watch;

use super::devnet::{account, contract_on, wallet_of};
use super::failure::failure_of;
use super::provider::{ProviderStart, RunningProvider};
use super::signals::Signals;
use super::traffic::{self, Traffic};
use super::user::{RunningUser, UserStart, Who};
use super::{screens, settings};
use crate::broker::provider::{
    ProviderBroker, ProviderSettings, ServiceInput, SettlementSettings, Wait, parse_target,
};
use crate::broker::user::{Library, Settings};
use crate::chain::devnet::{Devnet, DevnetConfig};
use crate::chain::{Chain, SenderSettings};
use crate::cli::{DemoArgs, Exit, Failure, Global, Output};
use crate::client::Client;
use crate::config::{Listen, UserConfig};
use crate::domain::{Neuron, Prices, ServiceKind};
use crate::http::demo::{MODEL, Store, StoreLimits, chatbot};
use crate::http::{self, Bound, Guard, Limits, Server};
use crate::log_lines::LogLevel;
use crate::private_files;
use crate::store::{DataLock, Db, Role};
use crate::tasks::Tasks;
use crate::telemetry::ScreenLog;
use crate::tui;
use crate::tui::user::{Standing, Start};

/// Between two words of the chatbot.
const PACE: Duration = Duration::from_millis(30);
const GRACE: Duration = Duration::from_secs(2);
/// The usage procedure's prices.
const CHAT_PRICES: Prices = Prices { input: Neuron::new(100_000), output: Neuron::new(200_000) };
const STORAGE_PRICES: Prices = Prices { input: Neuron::new(100), output: Neuron::new(200) };

/// Where a demo keeps things: a directory that was named, or one that disappears.
#[derive(Debug)]
enum Place {
    Kept(PathBuf),
    Passing(tempfile::TempDir),
}

/// The part of a place that one broker has.
#[derive(Debug)]
struct Part {
    directory: PathBuf,
    db: Db,
    lock: Option<DataLock>,
}

impl Place {
    fn new(named: Option<&Path>) -> Result<Place> {
        Ok(match named {
            Some(path) => {
                private_files::create_directory(path)?;
                Place::Kept(path.to_owned())
            }
            None => Place::Passing(tempfile::Builder::new().prefix("zgserve-demo-").tempdir()?),
        })
    }

    fn path(&self) -> &Path {
        match self {
            Place::Kept(path) => path,
            Place::Passing(directory) => directory.path(),
        }
    }

    /// A kept part is a data directory as any other: commands find the broker that runs on it.
    fn part(&self, role: Role) -> Result<Part> {
        let directory = self.path().join(role.to_string());
        Ok(match self {
            Place::Kept(_) => {
                let lock = Some(DataLock::take(&directory)?);
                let db = Db::open(&directory.join(format!("{role}.db")), role)?;
                Part { directory, db, lock }
            }
            Place::Passing(_) => {
                private_files::create_directory(&directory)?;
                Part { directory, db: Db::temporary(role)?, lock: None }
            }
        })
    }
}

/// The demo at work.
#[derive(Debug)]
pub(super) struct Demo {
    pub(super) devnet: Devnet,
    chain: Chain,
    user: RunningUser,
    traffic: Option<Traffic>,
    pub(super) provider: RunningProvider,
    servers: Vec<Server>,
    tasks: Tasks,
    pub(super) addresses: Addresses,
    /// Last, so that it disappears last.
    _place: Place,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Addresses {
    pub user: SocketAddr,
    pub provider: SocketAddr,
    pub chain: SocketAddr,
}

pub async fn run(args: &DemoArgs, global: &Global, log: &ScreenLog) -> Result<Exit> {
    if let Some(upstream) = &args.upstream {
        parse_target(upstream)
            .map_err(|error| Failure::new(Exit::BadInput, format!("--upstream {upstream}: {error}")))?;
    }
    if !args.headless {
        let config: UserConfig = settings::settings(global)?;
        let settings = config.shell.terminal;
        return Box::pin(on_screen(args, global.data_dir.as_deref(), settings, log)).await;
    }
    let mut signals = Signals::new()?;
    let starting = Box::pin(start(args, global.data_dir.as_deref()));
    let demo = tokio::select! {
        demo = starting => demo?,
        () = signals.next() => return Ok(Exit::Interrupted),
    };
    let left = if matches!(demo._place, Place::Passing(_)) { " and leaves nothing behind" } else { "" };
    Output.line(&format!("{}\n\nCtrl-C stops everything{left}.", told(&demo, args)));
    signals.next().await;
    Output.note("stopping; once more to stop at once");
    let orderly = signals.unless_again(Box::pin(stop(demo))).await;
    Ok(if orderly { Exit::Ok } else { Exit::Interrupted })
}

/// The demo that the guided start offers: as `demo` without a word, on other ports where those are taken.
pub(super) async fn unasked(settings: tui::Settings, log: &ScreenLog) -> Result<Exit> {
    let free = async |port: u16| match Bound::bind(local(port), "demo").await {
        Ok(_) => port,
        Err(_) => 0,
    };
    let args = DemoArgs {
        headless: false,
        plain: false,
        upstream: None,
        user_port: free(1034).await,
        provider_port: free(3080).await,
        chain_port: free(8545).await,
        traffic: false,
        lock_time: 120,
    };
    Box::pin(on_screen(&args, None, settings, log)).await
}

/// The user's screens over the demo. They open at once; the demo starts behind them.
async fn on_screen(
    args: &DemoArgs,
    data_dir: Option<&Path>,
    settings: tui::Settings,
    log: &ScreenLog,
) -> Result<Exit> {
    let plain = args.plain || settings.plain;
    if !plain {
        screens::need_terminal("`zgserve-tui demo --headless` serves its APIs")?;
    }
    let prepared = Prepared::new(args, data_dir).await?;
    log.write_to(prepared.place.path())?;
    let Addresses { user, provider, .. } = prepared.addresses;
    let library = Library::open(prepared.user.db.clone());
    let console = Client::new(Url::parse(&format!("http://{provider}"))?, None)?;
    let start = Start {
        version: env!("CARGO_PKG_VERSION"),
        read_only: false,
        demo: true,
        network: "demo".to_owned(),
        serving: Some(format!("http://{user}")),
        console: Some(console),
        settings,
        given: None,
        directory: std::env::current_dir()?,
        log: log.lines.clone(),
    };
    let what = "starting a chain, a provider and its services".to_owned();
    let (standing, watch) = watch::channel(Standing::Starting { what });
    let tasks = Tasks::new();
    let slot: Arc<Mutex<Option<Demo>>> = Arc::default();
    let (kept, log, words) = (Arc::clone(&slot), log.clone(), args.clone());
    let starting = tasks.spawn("demo", async move {
        match Box::pin(prepared.start(&words)).await {
            Ok(demo) => {
                let text = told(&demo, &words);
                for line in text.lines().filter(|line| !line.is_empty()) {
                    log.push(LogLevel::Info, line);
                }
                let broker = demo.user.broker.clone();
                *kept.lock() = Some(demo);
                standing.send_replace(Standing::Ready(broker));
            }
            Err(error) => {
                standing.send_replace(Standing::Failed { why: failure_of(&error).message });
            }
        }
    });
    let ended = Box::pin(screens::open(plain, watch, library, start, &tasks)).await;
    let mut signals = Signals::new()?;
    let stopping = async {
        // What is half started is started to its end first, so that all of it can be stopped.
        let _ = starting.await;
        let demo = slot.lock().take();
        if let Some(demo) = demo {
            Box::pin(stop(demo)).await;
        }
        tasks.stop(GRACE).await;
    };
    let orderly = signals.unless_again(Box::pin(stopping)).await;
    screens::exit_of(ended?, orderly)
}

fn local(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

/// A demo whose ports and directories are taken, and nothing else: that much is quick, and can be refused.
struct Prepared {
    ports: [Bound; 5],
    addresses: Addresses,
    place: Place,
    provider: Part,
    user: Part,
    state_file: Option<PathBuf>,
}

impl Prepared {
    async fn new(args: &DemoArgs, data_dir: Option<&Path>) -> Result<Prepared> {
        // All ports first: a taken one is told before anything is done.
        let user = Bound::bind(local(args.user_port), "user broker, --user-port").await?;
        let provider = Bound::bind(local(args.provider_port), "provider broker, --provider-port").await?;
        let chain = Bound::bind(local(args.chain_port), "chain JSON-RPC, --chain-port").await?;
        let chat = Bound::bind(local(0), "demo chatbot").await?;
        let storage = Bound::bind(local(0), "demo storage").await?;
        let addresses =
            Addresses { user: user.address(), provider: provider.address(), chain: chain.address() };
        let place = Place::new(data_dir)?;
        Ok(Prepared {
            ports: [user, provider, chain, chat, storage],
            addresses,
            provider: place.part(Role::Provider)?,
            user: place.part(Role::User)?,
            place,
            state_file: data_dir.map(|directory| directory.join("devnet.chain")),
        })
    }
}

pub(super) async fn start(args: &DemoArgs, data_dir: Option<&Path>) -> Result<Demo> {
    let prepared = Prepared::new(args, data_dir).await?;
    Box::pin(prepared.start(args)).await
}

impl Prepared {
    async fn start(self, args: &DemoArgs) -> Result<Demo> {
        let Prepared { ports, addresses, place, provider, user, state_file } = self;
        let [user_port, provider_port, chain_port, chat_port, storage_port] = ports;
        let devnet = Devnet::start(DevnetConfig { state_file, ..DevnetConfig::default() }).await?;
        let chain = contract_on(&devnet, args.lock_time).await?;

        let tasks = Tasks::new();
        let limits = Limits::default();
        let upstream = args.upstream.clone().unwrap_or_else(|| format!("http://{}", chat_port.address()));
        let storage_url = format!("http://{}", storage_port.address());
        // A page that was pointed at them could turn the chain's clock, or use the services without paying.
        let guard = |bound: &Bound| Guard::new(bound.address(), &[], None);
        let rpc = http::local(http::devnet::router(devnet.clone()), guard(&chain_port).for_wallets());
        let chat = http::local(chatbot(PACE), guard(&chat_port));
        let storage = http::local(Store::open(StoreLimits::default())?.service(), guard(&storage_port));
        let servers = vec![
            chain_port.serve(rpc, limits, tasks.child()),
            chat_port.serve(chat, limits, tasks.child()),
            storage_port.serve(storage, limits, tasks.child()),
        ];

        let Part { directory, db, lock } = provider;
        let mut provider = RunningProvider::start(ProviderStart {
            directory,
            db,
            lock,
            chain: chain.clone(),
            wallet: wallet_of(&account(&devnet, 1)?)?,
            sender: SenderSettings::default(),
            settings: ProviderSettings {
                serving_url: format!("http://{}", addresses.provider),
                // Short, as the lock time is: who tries it out wants to see it act.
                settlement: SettlementSettings { check_interval: 5, ..SettlementSettings::default() },
                ..ProviderSettings::default()
            },
            explorer: None,
        })
        .await?;
        provider.listen(provider_port, &open(addresses.provider))?;
        register(&provider.broker, &upstream, &storage_url, args).await?;

        let Part { directory, db, lock } = user;
        let mut user = RunningUser::start(UserStart {
            directory,
            db,
            lock,
            chain: chain.clone(),
            local_chain: true,
            who: Who::Owner(wallet_of(&account(&devnet, 2)?)?),
            sender: SenderSettings::default(),
            settings: Settings::default(),
            explorer: None,
        })
        .await?;
        user.listen(user_port, &open(addresses.user))?;
        let traffic = match args.traffic {
            true => Some(Traffic::start(&devnet, &chain, provider.broker.address(), place.path()).await?),
            false => None,
        };
        Ok(Demo { devnet, chain, user, traffic, provider, servers, tasks, addresses, _place: place })
    }
}

/// Open on loopback, as the procedure's plain curl lines want it.
fn open(address: SocketAddr) -> Listen {
    Listen { address, token: None, allow_hosts: Vec::new(), without_token: false, private: false }
}

/// Puts the two services on the chain, or at their present addresses if they are there.
async fn register(broker: &ProviderBroker, chat: &str, storage: &str, args: &DemoArgs) -> Result<()> {
    let foreign = args.upstream.is_some();
    let model = if foreign { String::new() } else { MODEL.to_owned() };
    let service = |name: &str, kind, url: &str, model: String, prices| ServiceInput {
        name: name.to_owned(),
        kind,
        url: url.to_owned(),
        model,
        prices,
        meter: None,
        upstream_headers: None,
        limits: None,
    };
    let chatbot_name = if foreign { "chat" } else { MODEL };
    let services = [
        service(chatbot_name, ServiceKind::Chatbot, chat, model, CHAT_PRICES),
        service("storage", ServiceKind::ZgStorage, storage, String::new(), STORAGE_PRICES),
    ];
    // For the users who act by themselves: at the procedure's prices no debt is ever worth its gas.
    let dear = args
        .traffic
        .then(|| service(traffic::SERVICE, ServiceKind::Chatbot, chat, String::new(), traffic::PRICES));
    for input in services.into_iter().chain(dear) {
        let name = input.name.clone();
        let change =
            broker.put_service(input, Wait::Receipt).await.with_context(|| format!("service {name}"))?;
        if !change.done {
            return Err(
                Failure::new(Exit::Unknown, format!("the service {name} did not reach the chain")).into()
            );
        }
    }
    Ok(())
}

pub(super) async fn stop(demo: Demo) {
    if let Some(traffic) = demo.traffic {
        traffic.stop().await;
    }
    demo.user.stop().await;
    demo.provider.stop().await;
    for server in demo.servers {
        server.stop(GRACE).await;
    }
    demo.tasks.stop(GRACE).await;
}

/// What there is, and where.
/// What somebody wants to know of a demo: where everything is, whose keys there are, and what can be tried.
pub(super) fn told(demo: &Demo, args: &DemoArgs) -> String {
    [places(demo, args), test_keys(demo), tries(demo, args)].join("\n")
}

fn places(demo: &Demo, args: &DemoArgs) -> String {
    let Addresses { user, provider, chain } = demo.addresses;
    let service = if args.upstream.is_some() { "chat" } else { MODEL };
    format!(
        "user broker      http://{user}   (API page at /; OpenAI clients: base URL http://{user}/v1)\n\
         provider broker  http://{provider}   (API page at /)\n\
         chain            http://{chain}   id {}, refunds locked for {} s\n\
         contract         {}\n\
         provider         {}   offers {service} and storage\n\
         user             {}\n",
        demo.chain.id(),
        demo.chain.lock_time(),
        demo.chain.contract(),
        demo.provider.broker.address(),
        demo.user.broker.user(),
    )
}

fn test_keys(demo: &Demo) -> String {
    let mut text = "Test keys, funded on this chain only and known to everybody:\n".to_owned();
    for (index, account) in demo.devnet.accounts().iter().enumerate().take(4) {
        let whose = ["deployer", "provider", "user", "spare"].get(index).unwrap_or(&"spare");
        text.push_str(&format!(
            "  {:<9} {}  {}\n",
            whose,
            account.address,
            hex::encode_prefixed(account.key.expose())
        ));
    }
    text
}

/// What can be tried.
fn tries(demo: &Demo, args: &DemoArgs) -> String {
    let Addresses { user, provider, .. } = demo.addresses;
    let service = if args.upstream.is_some() { "chat" } else { MODEL };
    let address = demo.provider.broker.address();
    format!(
        "Try, in another terminal:\n\n\
         curl -X POST http://{user}/v1/provider -H \"Content-Type: application/json\" \\\n\
         \x20 -d '{{\"provider\": \"{address}\", \"balance\": \"10000000\"}}'\n\
         curl http://{user}/v1/provider/{address}/service/{service}/chat/completions \\\n\
         \x20 -H \"Content-Type: application/json\" \\\n\
         \x20 -d '{{\"messages\": [{{\"role\": \"user\", \"content\": \"Say this is a test!\"}}]}}'\n\
         curl http://{user}/v1/request\n\
         curl -X POST http://{provider}/v1/settle\n\
         curl -X POST http://{user}/v1/provider/{address}/refund -H \"Content-Type: application/json\" \\\n\
         \x20 -d '{{\"amount\": \"1000000\"}}'\n\
         zgserve-tui chat --url http://{user}\n\
         zgserve-tui console --url http://{provider}",
    )
}
