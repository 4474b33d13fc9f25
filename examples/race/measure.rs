//! One measurement of one system: the client as a process of its own, the system watched, the machine's steal noted.

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{ChildStdout, Command};

use super::load::{Counted, Order, Way};
use super::system::{Side, System, Yard};
use super::watch::{self, Machine, Usage};

/// What a system is asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Test {
    /// 32 connections, as fast as it goes.
    Saturation,
    /// The same with what costs nothing: the list of models, of the same size, asked for without a body.
    Models,
    /// So many requests a second.
    Rate(u64),
    /// 50 event streams, 40 chunks a second each.
    Streams,
    /// So many streams that say nothing.
    Idle(usize),
    /// So many requests in flight, a model that takes 20 ms.
    Slow(usize),
}

pub const CONNECTIONS: usize = 32;
const STREAMS: usize = 50;
const CHUNKS: u64 = 40;
const PAUSE_MS: u64 = 25;

impl Test {
    /// The mode of the upstream, which is also the name of a service and of a model.
    pub fn mode(self) -> String {
        match self {
            Test::Saturation | Test::Models | Test::Rate(_) => "json-0".to_owned(),
            Test::Slow(_) => "json-20".to_owned(),
            Test::Streams => format!("sse-{CHUNKS}x{PAUSE_MS}"),
            Test::Idle(_) => "idle".to_owned(),
        }
    }

    fn way(self) -> Way {
        match self {
            Test::Saturation | Test::Models => Way::Saturate { connections: CONNECTIONS },
            Test::Rate(per_second) => Way::Rate { connections: CONNECTIONS, per_second },
            Test::Streams => Way::Streams { streams: STREAMS, chunks: CHUNKS },
            Test::Idle(streams) => Way::Idle { streams },
            Test::Slow(connections) => Way::Saturate { connections },
        }
    }
}

/// Every mode that a service has to be there for.
pub fn modes() -> Vec<String> {
    [Test::Saturation, Test::Slow(1), Test::Streams, Test::Idle(1)].map(Test::mode).to_vec()
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Measured {
    pub layout: String,
    pub test: Test,
    pub pass: usize,
    pub counted: Counted,
    pub usage: Usage,
    /// What another machine took of the processors meanwhile, in percent.
    pub steal: f64,
    /// KiB a stream, for idle streams.
    pub memory_per_stream: Option<f64>,
    /// Why the books do not fit what was counted, if they do not.
    pub books: Option<String>,
    /// Why it does not count: failures, books that do not fit.
    pub invalid: Option<String>,
}

/// How long each measurement takes, in seconds.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Times {
    pub warm: f64,
    pub seconds: f64,
}

/// Measures once.
pub async fn measure(
    yard: &Yard,
    system: &System,
    roots: &[u32],
    upstream: &System,
    test: Test,
    times: Times,
) -> Result<Measured> {
    let ask = if test == Test::Models { System::models } else { System::order };
    let order = ask(system, &test.mode(), test.way(), times.warm, times.seconds);
    let machine = Machine::now();
    let mut memory_per_stream = None;
    let (counted, usage) = match test {
        Test::Idle(streams) => {
            let before = watch::pss(roots);
            let (done, usage) = watch::during(roots, idle(yard, &order, upstream, roots)).await;
            let (counted, after) = done?;
            memory_per_stream = Some((after as f64 - before as f64) / streams as f64);
            (counted, usage)
        }
        _ => {
            let (counted, usage) = watch::during(roots, load(yard, &order)).await;
            (counted?, usage)
        }
    };
    let invalid = (counted.failed > 0).then(|| {
        format!("{} failed: {}", counted.failed, counted.first_failure.as_deref().unwrap_or_default())
    });
    Ok(Measured {
        layout: system.name.to_owned(),
        test,
        pass: 0,
        counted,
        usage,
        steal: machine.steal_since(),
        memory_per_stream,
        books: None,
        invalid,
    })
}

fn client(yard: &Yard, order: &Order) -> Result<Command> {
    let own = std::env::current_exe().context("this program has a path")?;
    let mut command = yard.command(Side::Client, &own);
    command.arg("load").arg(serde_json::to_string(order)?).kill_on_drop(true);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    Ok(command)
}

async fn load(yard: &Yard, order: &Order) -> Result<Counted> {
    let output =
        client(yard, order)?.stdin(Stdio::null()).output().await.context("the client cannot be started")?;
    ensure!(output.status.success(), "the client ended: {}", output.status);
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(serde_json::from_str(text.lines().last().context("the client says nothing")?)?)
}

/// Opens idle streams, looks at the system's memory, lets them end. The second value is KiB while they were open.
async fn idle(yard: &Yard, order: &Order, upstream: &System, roots: &[u32]) -> Result<(Counted, u64)> {
    let mut child = client(yard, order)?.spawn().context("the client cannot be started")?;
    let mut lines = BufReader::new(child.stdout.take().context("an output")?).lines();
    let mut input = child.stdin.take().context("an input")?;
    let opened = next(&mut lines).await?;
    if !opened.starts_with("open ") {
        bail!("the client says {opened}");
    }
    // What the openings needed for a moment is given back meanwhile.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let memory = watch::pss(roots);
    let http = reqwest::Client::builder().tls_certs_only([]).no_proxy().build()?;
    http.get(format!("http://{}/release", upstream.address)).send().await?.error_for_status()?;
    input.write_all(b"end\n").await?;
    let counted = serde_json::from_str(&next(&mut lines).await?)?;
    child.wait().await?;
    Ok((counted, memory))
}

async fn next(lines: &mut Lines<BufReader<ChildStdout>>) -> Result<String> {
    lines.next_line().await?.context("the client ended early")
}
