//! A system under test as the rest sees it: where it listens, how it is asked, which processes it is.
//!
//! Also how processes are started here: each in the run's directory, its output in a log there, ended with its owner.

use std::fs::File;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use tokio::process::{Child, Command};

use super::load::{Order, Way};
use super::watch::family;

/// How requests find the mode of the upstream that they want.
#[derive(Clone, Debug)]
pub enum Route {
    /// The path goes through as it is.
    Plain,
    /// One service a mode, of this provider.
    Zgserve { provider: String },
    /// One model a mode.
    LiteLlm,
    /// The upstream in a header.
    Portkey { upstream: SocketAddr },
}

#[derive(Debug)]
pub struct System {
    pub name: &'static str,
    pub address: SocketAddr,
    pub route: Route,
    /// Its processes; those that they begin are found by `watch`.
    pub processes: Vec<Process>,
    /// Start of its processes to its first good answer, in ms, where that was measured.
    pub cold_start: Option<f64>,
    /// Text of its settings, for the report's hashes.
    pub settings: String,
}

impl System {
    pub fn roots(&self) -> Vec<u32> {
        self.processes.iter().filter_map(|process| process.child.id()).collect()
    }

    /// A request for `mode` of the upstream.
    pub fn order(&self, mode: &str, way: Way, warm: f64, seconds: f64) -> Order {
        let stream = matches!(way, Way::Streams { .. } | Way::Idle { .. });
        let path = match &self.route {
            Route::Plain => format!("/{mode}/v1/chat/completions"),
            Route::Zgserve { provider } => format!("/v1/provider/{provider}/service/{mode}/chat/completions"),
            Route::LiteLlm | Route::Portkey { .. } => "/v1/chat/completions".to_owned(),
        };
        let headers = match &self.route {
            Route::Portkey { upstream } => vec![
                ("x-portkey-provider".to_owned(), "openai".to_owned()),
                ("x-portkey-custom-host".to_owned(), format!("http://{upstream}/{mode}/v1")),
                ("authorization".to_owned(), "Bearer none".to_owned()),
            ],
            _ => Vec::new(),
        };
        let model = if matches!(self.route, Route::LiteLlm) { mode } else { "race" };
        let body = json!({
            "model": model, "stream": stream, "max_tokens": 512, "temperature": 0.7,
            "messages": [
                {"role": "system", "content": "You answer in as many words as it takes, and no more."},
                {"role": "user", "content": "How long does a request take from here to there and back again?"},
            ],
        });
        Order { address: self.address, path, headers, body: body.to_string(), way, warm, seconds }
    }

    /// A request for the models behind `mode`, which costs nothing and has no body. There is one on plain routes and
    /// through zgserve.
    pub fn models(&self, mode: &str, way: Way, warm: f64, seconds: f64) -> Order {
        let order = self.order(mode, way, warm, seconds);
        let path = order.path.replace("/chat/completions", "/models");
        Order { path, body: String::new(), ..order }
    }
}

/// Where a run keeps its files, and how it starts processes.
#[derive(Debug)]
pub struct Yard {
    pub directory: PathBuf,
    /// Clients on one core, systems on another.
    pub pinned: bool,
}

/// Whose side a process is on.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Client,
    System,
}

impl Yard {
    /// A command that runs on its side's core.
    pub fn command(&self, side: Side, program: &Path) -> Command {
        if !self.pinned {
            return Command::new(program);
        }
        let mut command = Command::new("taskset");
        command.args(["-c", if side == Side::Client { "0" } else { "1" }]).arg(program);
        command
    }

    /// Starts `command` with its output in a log of its own.
    pub fn start(&self, name: &str, command: &mut Command) -> Result<Process> {
        let log = self.directory.join(format!("{name}.log"));
        let out = File::options().create(true).append(true).open(&log).context("a log")?;
        let also = out.try_clone()?;
        let child = command
            .current_dir(&self.directory)
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(also)
            .spawn()
            .with_context(|| format!("{name} cannot be started"))?;
        Ok(Process { name: name.to_owned(), child, log })
    }
}

#[derive(Debug)]
pub struct Process {
    pub name: String,
    pub child: Child,
    pub log: PathBuf,
}

impl Process {
    /// The error that it is, if it has ended.
    pub fn alive(&mut self) -> Result<()> {
        if let Some(status) = self.child.try_wait()? {
            let text = std::fs::read_to_string(&self.log).unwrap_or_default();
            let from = text.char_indices().rev().nth(1500).map_or(0, |(at, _)| at);
            bail!("{} ended: {status}\n{}", self.name, &text[from..]);
        }
        Ok(())
    }

    /// Waits until somebody listens at `address`.
    pub async fn listens(&mut self, address: SocketAddr, patience: Duration) -> Result<()> {
        let begun = Instant::now();
        while tokio::net::TcpStream::connect(address).await.is_err() {
            self.alive()?;
            if begun.elapsed() > patience {
                bail!("{} does not listen at {address} after {patience:?}; see {:?}", self.name, self.log);
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(())
    }

    fn ask_to_end(&self) {
        let id = self.child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        if let Some(id) = id {
            let _ = kill_process(id, Signal::TERM);
        }
    }

    /// Kills it and what it began, which would outlive it.
    fn kill_all(&mut self) {
        for member in self.child.id().map(|id| family(&[id])).unwrap_or_default() {
            if let Some(member) = i32::try_from(member).ok().and_then(Pid::from_raw) {
                let _ = kill_process(member, Signal::KILL);
            }
        }
    }

    /// Asks it to end and waits for that; kills it if it takes longer than ten seconds.
    pub async fn stop(mut self) {
        self.ask_to_end();
        if tokio::time::timeout(Duration::from_secs(10), self.child.wait()).await.is_err() {
            self.kill_all();
            let _ = self.child.wait().await;
        }
    }
}

/// Also where a run ends early: those that have workers must be asked, since workers outlive a master that is killed.
impl Drop for Process {
    fn drop(&mut self) {
        self.ask_to_end();
        for _ in 0..300 {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        self.kill_all();
    }
}

/// The first port that is looked at. Below those that the system gives to outgoing connections.
const FIRST_PORT: u16 = 24_000;

/// So many addresses on loopback at which nobody listens.
pub fn free_addresses(count: usize) -> Result<Vec<SocketAddr>> {
    let mut found = Vec::new();
    for port in FIRST_PORT..32_000 {
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        if TcpListener::bind(address).is_ok() {
            found.push(address);
            if found.len() == count {
                return Ok(found);
            }
        }
    }
    bail!("no {count} free ports")
}
