//! A world of real processes: a chain over its file, a provider broker, user brokers; between them the relay, behind them the
//! service, both in here.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::AbortHandle;
use zgserve_tui::chain::{Chain, ChainSettings, Endpoint};
use zgserve_tui::crash_point::Process;
use zgserve_tui::domain::{AccountId, Address};
use zgserve_tui::store::Network;

use super::process::{Armed, Broker};
use super::tally::Tally;
use super::{model, tap};

/// Seconds that a refund is locked: real ones, since clocks are not turned here.
const LOCK: u64 = 3;
pub const DEPOSIT: u128 = 1_000_000_000_000_000_000;
/// What a user may usually owe beyond the best voucher: several answers.
pub const CREDIT: u128 = 200_000_000_000_000;
/// Neuron a token. An answer comes to a few times 10^13.
const PRICE: u128 = 1_000_000_000_000;
/// Neuron a byte.
const BYTE_PRICE: u128 = 100_000_000;

/// How a world is made.
#[derive(Clone)]
pub struct Plan {
    pub program: PathBuf,
    pub ports: u16,
    pub users: usize,
    /// The provider's credit limit.
    pub credit: u128,
}

pub struct User {
    pub url: String,
    pub address: Address,
}

/// Where everything is; what those who ask need, while processes come and go.
pub struct Place {
    pub http: reqwest::Client,
    pub chain_url: String,
    pub provider_url: String,
    pub proxy_port: u16,
    pub owner: Address,
    pub contract: Address,
    pub credit: u128,
    /// What each key owned before anything was done.
    pub wallets: HashMap<Address, u128>,
    pub users: Vec<User>,
    /// The next deposit's number; each one has an amount of its own.
    pub deposits: AtomicU64,
    pub seen: Arc<Mutex<tap::Seen>>,
}

impl Place {
    pub fn account(&self, user: usize) -> AccountId {
        AccountId { user: self.users[user].address, provider: self.owner }
    }

    pub async fn get(&self, url: &str) -> Option<Value> {
        let answer = self.http.get(url).timeout(Duration::from_secs(5)).send().await.ok()?;
        if answer.status().is_success() { answer.json().await.ok() } else { None }
    }

    pub async fn post(&self, url: &str, body: &Value) -> Option<u16> {
        let request = self.http.post(url).header("content-type", "application/json").body(body.to_string());
        let answer = request.timeout(Duration::from_secs(20)).send().await.ok()?;
        let status = answer.status().as_u16();
        let _ = answer.bytes().await;
        Some(status)
    }

    pub async fn rpc(&self, method: &str, params: Value) -> Option<Value> {
        rpc(&self.http, &self.chain_url, method, params).await
    }

    /// A way of our own to the chain.
    pub async fn chain(&self) -> Option<Chain> {
        let endpoint = Endpoint::parse(&self.chain_url).ok()?;
        Chain::open(ChainSettings::new(endpoint, self.contract)).await.ok()
    }

    /// The neuron that a gauge of a broker shows.
    pub async fn figure(&self, base: &str, name: &str) -> Option<u128> {
        let answer =
            self.http.get(format!("{base}/metrics")).timeout(Duration::from_secs(5)).send().await.ok()?;
        let text = answer.text().await.ok()?;
        let line =
            text.lines().find(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(' ')))?;
        line.rsplit(' ').next()?.parse().ok()
    }
}

pub struct World {
    pub place: Arc<Place>,
    pub tally: Arc<Tally>,
    pub chain: Broker,
    pub provider: Broker,
    pub users: Vec<Broker>,
    directory: TempDir,
    /// What was settled of each user when we last looked, for I2.
    pub settled: Mutex<Vec<u128>>,
    /// The newest block that anybody was told of: number and hash.
    pub told: Mutex<Option<(u64, String)>>,
    /// After one, answers that were booked and not handed over may be in dispute.
    pub kills_of_provider: AtomicU64,
    /// The service and the relay; they go with the world.
    servers: [AbortHandle; 2],
}

impl Drop for World {
    fn drop(&mut self) {
        self.servers.iter().for_each(AbortHandle::abort);
    }
}

/// A process of a world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    Chain,
    Provider,
    User(usize),
}

impl Who {
    /// Whom a point of this kind of process is tried on; users take turns.
    pub fn of(process: Process, turn: usize, users: usize) -> Option<Who> {
        match process {
            Process::Provider => Some(Who::Provider),
            Process::User => Some(Who::User(turn % users)),
            Process::Chain => Some(Who::Chain),
            Process::Tool => None,
        }
    }
}

async fn rpc(http: &reqwest::Client, url: &str, method: &str, params: Value) -> Option<Value> {
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).to_string();
    let request = http.post(url).header("content-type", "application/json").body(body);
    let answer: Value = request.timeout(Duration::from_secs(5)).send().await.ok()?.json().await.ok()?;
    answer.get("result").cloned()
}

/// A number as JSON-RPC writes it.
pub fn quantity(value: &Value) -> Option<u128> {
    u128::from_str_radix(value.as_str()?.strip_prefix("0x")?, 16).ok()
}

pub fn client() -> reqwest::Client {
    reqwest::Client::builder().tls_certs_only([]).no_proxy().build().expect("a client")
}

impl World {
    pub async fn start(plan: &Plan, tally: Arc<Tally>) -> World {
        let directory = tempfile::Builder::new().prefix("crashes-").tempdir().expect("a directory");
        let home = directory.path();
        let port = |offset: u16| plan.ports + offset;
        let url = |offset: u16| format!("http://127.0.0.1:{}", port(offset));
        let http = client();
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();

        let chain_words =
            format!("devnet --listen 127.0.0.1:{} --lock-time {LOCK} --data-dir chain", port(0));
        let head = r#"{"jsonrpc": "2.0", "id": 1, "method": "eth_blockNumber", "params": []}"#;
        let probe = (url(0), Some(head));
        let mut chain = Broker::new("chain".to_owned(), &plan.program, home, words(&chain_words), probe);
        chain.spawn(None);
        assert!(chain.up(&http).await, "the chain starts");
        let (contract, keys) = accounts(&chain.log()).await;

        let mut wallets = HashMap::new();
        for (address, _) in &keys {
            let owned = rpc(&http, &url(0), "eth_getBalance", json!([address.to_string(), "latest"])).await;
            wallets
                .insert(*address, owned.as_ref().and_then(quantity).expect("the chain says what a key owns"));
        }
        let model = model::serve(port(4)).await;
        let (seen, tap) = tap::serve(port(3), port(2)).await;
        let shared = format!(
            "chain:\n  rpcUrl: \"{}\"\n  contract: \"{contract}\"\n  pollInterval: 20\n  replaceAfter: 1\n",
            url(0)
        );
        let write = |name: &str, key: &str, more: String| {
            let text = format!("privateKeys: \"{key}\"\n{more}{shared}");
            std::fs::write(home.join(format!("{name}.yaml")), text).expect("settings are written");
            words(&format!("--config {name}.yaml --data-dir {name}"))
        };
        let more = format!(
            "servingUrl: \"{}\"\nlisten: \"127.0.0.1:{}\"\nproxyListen: \"127.0.0.1:{}\"\ncreditLimit: \"{}\"\n\
             drain: 1\nfree:\n  perSecond: 1000\n  burst: 1000\nupstream:\n  healthInterval: 0\n\
             settlement:\n  checkInterval: 1\n  riskLimit: \"{}\"\n",
            url(3),
            port(1),
            port(2),
            plan.credit,
            5 * plan.credit
        );
        let mut all = vec!["provider".to_owned()];
        all.extend(write("provider", &keys[1].1, more));
        let probe = (format!("{}/health", url(1)), None);
        let provider = Broker::new("provider".to_owned(), &plan.program, home, all, probe);

        let (mut users, mut brokers) = (Vec::new(), Vec::new());
        for number in 0..plan.users {
            let name = format!("user{number}");
            let offset = 10 + u16::try_from(number).expect("few users");
            let mut all = vec!["--headless".to_owned()];
            let more = format!(
                "listen: \"127.0.0.1:{}\"\nreservationWait: 2\nauthorisationLifetime: 15\ndefaultMaxOutput:\n  bytes: 500000\n",
                port(offset)
            );
            all.extend(write(&name, &keys[2 + number].1, more));
            let probe = (format!("{}/health", url(offset)), None);
            brokers.push(Broker::new(name, &plan.program, home, all, probe));
            users.push(User { url: url(offset), address: keys[2 + number].0 });
        }
        let place = Place {
            http,
            chain_url: url(0),
            provider_url: url(1),
            proxy_port: port(2),
            owner: keys[1].0,
            contract,
            credit: plan.credit,
            wallets,
            users,
            deposits: AtomicU64::new(0),
            seen,
        };
        let settled = Mutex::new(vec![0; plan.users]);
        let mut world = World {
            place: Arc::new(place),
            tally,
            chain,
            provider,
            users: brokers,
            directory,
            settled,
            told: Mutex::default(),
            kills_of_provider: AtomicU64::new(0),
            servers: [model, tap],
        };
        world.open().await;
        world
    }

    /// Starts the brokers, registers the services, opens the accounts.
    async fn open(&mut self) {
        let place = Arc::clone(&self.place);
        self.provider.spawn(None);
        assert!(self.provider.up(&place.http).await, "the provider starts");
        let service = |name: &str, kind: &str, price: u128| {
            json!({
                "name": name, "type": kind, "URL": format!("http://127.0.0.1:{}", place.proxy_port + 2),
                "inputPrice": price.to_string(), "outputPrice": price.to_string(),
            })
        };
        let register = format!("{}/v1/service", place.provider_url);
        assert_eq!(place.post(&register, &service("chat", "chatbot", PRICE)).await, Some(204));
        assert_eq!(place.post(&register, &service("files", "zgStorage", BYTE_PRICE)).await, Some(204));
        for user in &mut self.users {
            user.spawn(None);
        }
        for (number, user) in self.users.iter_mut().enumerate() {
            assert!(user.up(&place.http).await, "a user starts");
            let open = format!("{}/v1/provider", place.users[number].url);
            let body = json!({"provider": place.owner.to_string(), "balance": DEPOSIT.to_string()});
            assert_eq!(place.post(&open, &body).await, Some(204), "an account is opened");
        }
        for number in 0..self.users.len() {
            self.serves(number).await.expect("a new user is served");
        }
    }

    /// A chat comes through both brokers (F-02: nothing that happened may shut an account out for good).
    pub async fn serves(&self, user: usize) -> Result<(), String> {
        let place = &self.place;
        let url =
            format!("{}/v1/provider/{}/service/chat/chat/completions", place.users[user].url, place.owner);
        let body = json!({"messages": [{"role": "user", "content": "3"}], "max_tokens": 20});
        let mut said = String::new();
        for _ in 0..40 {
            let request =
                place.http.post(&url).header("content-type", "application/json").body(body.to_string());
            match request.timeout(Duration::from_secs(20)).send().await {
                Ok(answer) if answer.status() == 200 => match answer.bytes().await {
                    Ok(_) => return Ok(()),
                    Err(error) => said = error.to_string(),
                },
                Ok(answer) => {
                    said = format!("{} {}", answer.status(), answer.text().await.unwrap_or_default())
                }
                Err(error) => said = error.to_string(),
            }
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
        Err(said)
    }

    pub fn broker(&mut self, who: Who) -> &mut Broker {
        match who {
            Who::Chain => &mut self.chain,
            Who::Provider => &mut self.provider,
            Who::User(number) => &mut self.users[number],
        }
    }

    pub fn file(&self, who: Who) -> PathBuf {
        let home = self.directory.path();
        match who {
            Who::Chain => home.join("chain/devnet.chain"),
            Who::Provider => home.join("provider/provider.db"),
            Who::User(number) => home.join(format!("user{number}/user.db")),
        }
    }

    /// Starts a process; `false` if it came to its end at once, as one may that is armed.
    pub async fn start_one(&mut self, who: Who, armed: Armed) -> bool {
        let http = self.place.http.clone();
        let broker = self.broker(who);
        broker.spawn(armed);
        broker.up(&http).await
    }

    pub async fn network(&self) -> Network {
        Network { chain_id: 31337, contract: self.place.contract }
    }

    /// Notes a kill.
    pub fn killed(&self, who: Who) {
        if who == Who::Provider {
            self.kills_of_provider.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Ends every process.
    pub async fn end(mut self) {
        for broker in self.users.iter_mut().chain([&mut self.provider, &mut self.chain]) {
            broker.kill().await;
        }
    }

    /// Keeps the directory for somebody who wants to look.
    pub fn keep(&mut self) -> PathBuf {
        self.directory.disable_cleanup(true);
        self.directory.path().to_owned()
    }

    pub fn logs(&self) -> Vec<PathBuf> {
        let brokers = self.users.iter().chain([&self.chain, &self.provider]);
        brokers.map(Broker::log).collect()
    }
}

/// What the chain says at its start: its contract, and its accounts with their keys.
async fn accounts(log: &Path) -> (Address, Vec<(Address, String)>) {
    for _ in 0..500 {
        let text = std::fs::read_to_string(log).unwrap_or_default();
        let contract =
            text.lines().find_map(|line| line.split("Serving contract ").nth(1)?.trim().parse().ok());
        let keys: Vec<(Address, String)> = text
            .lines()
            .filter_map(|line| {
                let (address, key) = line.trim().split_once("  ")?;
                Some((address.parse().ok()?, key.to_owned()))
            })
            .collect();
        if let (Some(contract), true) = (contract, keys.len() > 8) {
            return (contract, keys);
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the chain does not say what it has: {log:?}")
}
