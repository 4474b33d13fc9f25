//! The program itself: the embedded chain, a provider broker and a user broker as separate processes over databases on disk.
//!
//! All that a paid request has is on: keys, signatures, vouchers, books written durably. What a variant is beyond that is a name,
//! variables of its environment and lines of the provider's settings ([`VARIANTS`]). After each measurement
//! [`Zgserve::ledger`] waits until nothing is under way and holds both brokers' books against what the client counted.
//!
//! `Zn` and `Zo` write their books with less care, which only a program built with the feature `measuring` can be told. `Zp` is
//! the plain proxy that the program is for an endpoint that costs nothing: the list of models, through both brokers, without
//! voucher, meter and books. Its answer is as long as the paid one; its request has no body.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use tokio::process::Command;

use super::load::Way;
use super::system::{Process, Route, Side, System, Yard, free_addresses};

/// A layout of the program.
pub struct Variant {
    pub name: &'static str,
    /// Whether what is measured is paid. Where it is not, the books must not grow.
    pub paid: bool,
    /// What its processes find in their environment.
    pub environment: &'static [(&'static str, &'static str)],
    /// Further lines of the provider's settings.
    pub provider: &'static str,
}

pub const VARIANTS: &[Variant] = &[
    Variant { name: "Z", paid: true, environment: &[], provider: "" },
    Variant { name: "Zn", paid: true, environment: &[(SYNCHRONOUS, "NORMAL")], provider: "" },
    Variant { name: "Zo", paid: true, environment: &[(SYNCHRONOUS, "OFF")], provider: "" },
    Variant { name: "Zp", paid: false, environment: &[], provider: FREE },
];

/// Known to programs with the feature `measuring`; a mistake to all others.
const SYNCHRONOUS: &str = "ZGSERVE_MEASURED_SYNCHRONOUS";
/// Strangers may otherwise ask for what is free five times a second.
const FREE: &str = "free: {perSecond: 1000000, burst: 1000000}\n";

impl Variant {
    /// Whether `program` can be told what this variant needs: one that does not know a variable refuses to work with it.
    /// Its path is an absolute one.
    pub async fn can_run(&self, program: &Path) -> bool {
        let mut command = Command::new(program);
        command.args(["config", "check"]).env_clear().envs(self.environment.iter().copied());
        // From a place without settings.
        command.env("HOME", "/").current_dir("/").stdin(Stdio::null());
        self.environment.is_empty() || command.output().await.is_ok_and(|done| done.status.success())
    }
}

const PATIENCE: Duration = Duration::from_secs(120);
const DEPOSIT: &str = "1000000000000000000";

/// What both brokers' books hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Books {
    requests: u64,
    done: u64,
    charged: u64,
    user_fees: u128,
    provider_fees: u128,
    user_owed: u128,
    provider_owed: u128,
    promised: u128,
    voucher: u128,
    /// Requests under way by either side's count, and what is held for them.
    open: u128,
}

pub struct Zgserve {
    pub system: System,
    chain: Process,
    http: reqwest::Client,
    user: String,
    provider: String,
    paid: bool,
    /// The books when everything that was measured before had been checked.
    checked: Books,
}

impl Zgserve {
    /// Starts everything, opens an account, then starts both brokers anew for the time that this takes.
    pub async fn start(
        yard: &Yard,
        program: &Path,
        variant: &Variant,
        upstream: SocketAddr,
        modes: &[String],
    ) -> Result<Zgserve> {
        let number = std::fs::read_dir(&yard.directory)?.count();
        let home = format!("{}-{number}", variant.name);
        std::fs::create_dir(yard.directory.join(&home))?;
        let addresses = free_addresses(3)?;
        let [chain_at, provider_at, user_at] = addresses[..] else { bail!("three addresses") };
        let (provider, user) = (format!("http://{provider_at}"), format!("http://{user_at}"));
        let http = reqwest::Client::builder().tls_certs_only([]).no_proxy().build()?;
        let begin = |name: &str, words: &str| {
            let mut command = yard.command(Side::System, program);
            command.args(words.split(' ')).env_clear().env("HOME", yard.directory.join(&home));
            command.env("PATH", "/usr/bin:/bin").env("ZGSERVE_LOG", "warn").env("NO_COLOR", "1");
            command.envs(variant.environment.iter().copied());
            yard.start(&format!("{home}-{name}"), &mut command)
        };
        let mut chain =
            begin("chain", &format!("devnet --listen {chain_at} --lock-time 86400 --data-dir {home}/chain"))?;
        chain.listens(chain_at, PATIENCE).await?;
        let (contract, keys) = accounts(&mut chain).await?;
        let shared = format!("chain:\n  rpcUrl: \"http://{chain_at}\"\n  contract: \"{contract}\"\n");
        let provider_settings = format!(
            "privateKeys: \"{}\"\nservingUrl: \"{provider}\"\nlisten: \"{provider_at}\"\nmaxInFlightPerUser: 4096\n{}{shared}",
            keys[1], variant.provider
        );
        let user_settings = format!("privateKeys: \"{}\"\nlisten: \"{user_at}\"\n{shared}", keys[2]);
        for (role, text) in [("provider", &provider_settings), ("user", &user_settings)] {
            std::fs::write(yard.directory.join(format!("{home}/{role}.yaml")), text)?;
        }
        let words = |role: &str, command: &str| {
            format!("{command} --config {home}/{role}.yaml --data-dir {home}/{role}")
        };
        let (provider_words, user_words) = (words("provider", "provider"), words("user", "--headless"));

        let mut processes = vec![begin("provider", &provider_words)?];
        healthy(&http, &provider, &mut processes[0]).await?;
        for mode in modes {
            let service = json!({
                "Name": mode, "Type": "chatbot", "URL": format!("http://{upstream}/{mode}/v1"),
                "inputPrice": "100000", "outputPrice": "200000",
            });
            post(&http, &format!("{provider}/v1/service"), &service).await?;
        }
        let address = get(&http, &format!("{provider}/v1/terms")).await?["Provider"]
            .as_str()
            .context("the provider says who it is")?
            .to_owned();
        processes.push(begin("user", &user_words)?);
        healthy(&http, &user, &mut processes[1]).await?;
        post(&http, &format!("{user}/v1/provider"), &json!({"provider": address, "balance": DEPOSIT}))
            .await?;

        let mut zgserve = Zgserve {
            system: System {
                name: variant.name,
                address: user_at,
                route: Route::Zgserve { provider: address },
                processes,
                cold_start: None,
                // Without keys and ports, which differ from start to start.
                settings: format!(
                    "maxInFlightPerUser: 4096\n{}{:?}; everything else as delivered",
                    variant.provider, variant.environment
                ),
            },
            chain,
            http,
            user,
            provider,
            paid: variant.paid,
            checked: Books::default(),
        };
        zgserve.first_answer(modes.first().context("a mode")?).await?;
        for process in std::mem::take(&mut zgserve.system.processes) {
            process.stop().await;
        }
        let begun = Instant::now();
        zgserve.system.processes = vec![begin("provider", &provider_words)?, begin("user", &user_words)?];
        zgserve.first_answer(modes.first().context("a mode")?).await?;
        zgserve.system.cold_start = Some(begun.elapsed().as_secs_f64() * 1000.0);
        zgserve.checked = zgserve.at_rest().await?;
        Ok(zgserve)
    }

    /// Asks until a request is answered and paid.
    async fn first_answer(&mut self, mode: &str) -> Result<()> {
        let order = self.system.order(mode, Way::Saturate { connections: 1 }, 0.0, 0.0);
        let url = format!("http://{}{}", order.address, order.path);
        let begun = Instant::now();
        loop {
            let request =
                self.http.post(&url).header("content-type", "application/json").body(order.body.clone());
            let said = match request.timeout(Duration::from_secs(30)).send().await {
                Ok(answer) => {
                    let (status, body) = (answer.status(), answer.text().await);
                    match body {
                        Ok(_) if status == 200 => return Ok(()),
                        Ok(text) => format!("{status} {text}"),
                        Err(error) => error.to_string(),
                    }
                }
                Err(error) => error.to_string(),
            };
            for process in &mut self.system.processes {
                process.alive()?;
            }
            ensure!(begun.elapsed() < PATIENCE, "no paid answer after {PATIENCE:?}: {said}");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// Checks that the books hold exactly what the client counted since the last time, or nothing more if it was free.
    ///
    /// # Errors
    /// The sentence says what does not fit; the measurement is then none.
    pub async fn ledger(&mut self, answered: u64) -> Result<()> {
        let answered = if self.paid { answered } else { 0 };
        let now = self.at_rest().await?;
        let before = std::mem::replace(&mut self.checked, now.clone());
        let more = |now: u64, then: u64| now - then;
        ensure!(
            more(now.requests, before.requests) == answered
                && more(now.done, before.done) == answered
                && more(now.charged, before.charged) == answered,
            "the client counted {answered} that are paid, the user's books hold {} more ({} done), the provider's {} more",
            more(now.requests, before.requests),
            more(now.done, before.done),
            more(now.charged, before.charged)
        );
        ensure!(answered == 0 || now.user_fees > before.user_fees, "nothing was paid");
        Ok(())
    }

    /// The books once nothing is under way and the last voucher has arrived.
    async fn at_rest(&self) -> Result<Books> {
        let begun = Instant::now();
        loop {
            let books = self.books().await?;
            let rests = books.open == 0 && books.voucher >= books.provider_owed;
            if rests {
                ensure!(books.user_fees == books.provider_fees, "fees differ: {books:?}");
                ensure!(
                    books.user_owed == books.user_fees && books.provider_owed == books.provider_fees,
                    "what is owed is not what the requests cost: {books:?}"
                );
                ensure!(
                    books.voucher <= books.promised && books.user_owed <= books.promised,
                    "the voucher passes what was promised: {books:?}"
                );
                return Ok(books);
            }
            ensure!(begun.elapsed() < PATIENCE, "the brokers do not come to rest: {books:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn books(&self) -> Result<Books> {
        let (user, provider, http) = (&self.user, &self.provider, &self.http);
        let total = |list: &Value| list["Metadata"]["total"].as_u64().context("a total");
        let amount = |of: &Value, name: &str| -> Result<u128> {
            Ok(of[name].as_str().with_context(|| format!("no {name}"))?.parse()?)
        };
        let mut open = 0;
        for (base, name) in [
            (provider, "zgserve_in_flight"),
            (provider, "zgserve_reserved_neuron"),
            (user, "zgserve_reserved_neuron"),
        ] {
            let text = http.get(format!("{base}/metrics")).send().await?.text().await?;
            let figure = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
            open += figure.with_context(|| format!("no {name}"))?.trim().parse::<u128>()?;
        }
        let Route::Zgserve { provider: address } = &self.system.route else { bail!("another route") };
        let requests = get(http, &format!("{user}/v1/request?limit=1")).await?;
        let done = get(http, &format!("{user}/v1/request?limit=1&status=done")).await?;
        let served = get(http, &format!("{provider}/v1/request?limit=1")).await?;
        let charged = get(http, &format!("{provider}/v1/request?limit=1&status=charged")).await?;
        let account = get(http, &format!("{user}/v1/provider/{address}")).await?;
        let debtor = get(http, &format!("{provider}/v1/user")).await?["Items"][0].clone();
        Ok(Books {
            requests: total(&requests)?.max(total(&served)?),
            done: total(&done)?,
            charged: total(&charged)?,
            user_fees: amount(&requests, "Fee")?,
            provider_fees: amount(&served, "Fee")?,
            user_owed: amount(&account, "Owed")?,
            provider_owed: amount(&debtor, "Owed")?,
            promised: amount(&account, "Promised")?,
            voucher: amount(&debtor, "Voucher")?,
            open,
        })
    }

    pub async fn stop(self) {
        for process in self.system.processes {
            process.stop().await;
        }
        self.chain.stop().await;
    }
}

async fn healthy(http: &reqwest::Client, base: &str, process: &mut Process) -> Result<()> {
    let begun = Instant::now();
    while get(http, &format!("{base}/health")).await.is_err() {
        process.alive()?;
        ensure!(begun.elapsed() < PATIENCE, "{} does not answer; see {:?}", process.name, process.log);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Ok(())
}

async fn get(http: &reqwest::Client, url: &str) -> Result<Value> {
    let answer = http.get(url).timeout(Duration::from_secs(60)).send().await?;
    ensure!(answer.status().is_success(), "{url} answers {}", answer.status());
    Ok(serde_json::from_str(&answer.text().await?)?)
}

async fn post(http: &reqwest::Client, url: &str, body: &Value) -> Result<()> {
    let request = http.post(url).header("content-type", "application/json").body(body.to_string());
    let answer = request.timeout(Duration::from_secs(60)).send().await?;
    let status = answer.status();
    ensure!(status.is_success(), "{url} answers {status}: {}", answer.text().await.unwrap_or_default());
    Ok(())
}

/// What the chain says at its start: its contract, and its accounts' keys.
async fn accounts(chain: &mut Process) -> Result<(String, Vec<String>)> {
    let begun = Instant::now();
    loop {
        let text = std::fs::read_to_string(&chain.log).unwrap_or_default();
        let contract =
            text.lines().find_map(|line| Some(line.split("Serving contract ").nth(1)?.trim().to_owned()));
        let keys: Vec<String> = text
            .lines()
            .filter_map(|line| Some(line.trim().split_once("  ")?.1.to_owned()))
            .filter(|key| key.starts_with("0x"))
            .collect();
        if let (Some(contract), true) = (contract, keys.len() > 8) {
            return Ok((contract, keys));
        }
        chain.alive()?;
        ensure!(begun.elapsed() < PATIENCE, "the chain does not say what it has: {:?}", chain.log);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
