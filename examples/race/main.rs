//! Races zgserve against peers on this machine, side by side in one run: goals G1 to G11 of the design, as ratios.
//!
//! ```sh
//! cargo build --release && cargo run --release --example race                  # five passes, everything
//! cargo run --release --example race -- --goals g1,g3,g4 --passes 3 --seconds 10 --out race.json
//! cargo run --release --example race -- --pinned                               # client and upstream on core 0, systems on core 1
//! cargo run --example race -- --short --program target/debug/zgserve-tui       # that it works, in a minute; no figures
//! cargo build --release --features measuring && cargo run --release --example race --features measuring -- --goals g9
//! ```
//!
//! A pass takes the layouts in an order drawn by lot. Each is started anew, measured, and stopped; all of them stand between the same
//! client and the same upstream. What a layout adds is its time minus the direct one of the same pass; ratios are made within a
//! pass, and the median of the passes is told with the smallest and the largest. A measurement counts only if no request failed
//! and, for zgserve, if both brokers' books hold exactly the requests that the client counted. One from which another
//! machine took more than 3 % of the processor is repeated, twice at most.
//!
//! | layout | what stands between client and upstream |
//! |---|---|
//! | D | nothing |
//! | N2, H2 | nginx, haproxy, each twice |
//! | Z | both brokers, everything on: signatures, vouchers, books synced with every commit |
//! | Zn, Zo | the same with `synchronous` at NORMAL and OFF; only in a program built with the feature `measuring` |
//! | Zp | both brokers as a plain proxy: the list of models, which is free. A `GET` without a body, unlike all others; the answer is as long |
//! | L1, K1 | LiteLLM with two workers, Portkey's gateway |
//!
//! | file | holds |
//! |---|---|
//! | `wire` | HTTP/1.1 for client and upstream |
//! | `mock`, `load` | the upstream and the client, each this very program in a process of its own |
//! | `histogram` | times good to 1 % |
//! | `system` | a system under test; how processes are started |
//! | `zgserve`, `peers` | the program with its ledger; nginx, haproxy, LiteLLM, Portkey |
//! | `watch`, `measure` | memory and processor of a system; one measurement |
//! | `race` | passes, layouts in turn |
//! | `goals`, `report` | ratios against their bars; the table and the file |
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::float_arithmetic,
    missing_debug_implementations,
    reason = "a measurement, not a part of what people run"
)]

mod goals;
mod histogram;
mod load;
mod measure;
mod mock;
mod peers;
mod race;
mod report;
mod system;
#[cfg(test)]
mod tests;
mod watch;
mod wire;
mod zgserve;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::{Parser, Subcommand};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::signal::unix::{SignalKind, signal};

#[derive(Debug, Parser)]
#[command(about = "Races zgserve against peers: goals G1 to G11 as ratios within one run")]
pub struct Words {
    #[command(subcommand)]
    part: Option<Part>,
    /// One pass of two seconds a measurement, with what is installed; fails only if something cannot run or books do not fit
    #[arg(long)]
    pub short: bool,
    /// Goals to measure, as in g1,g3 (all)
    #[arg(long, value_delimiter = ',')]
    pub goals: Vec<String>,
    /// Layouts to measure, as in D,N2,Z (those that the goals need)
    #[arg(long, value_delimiter = ',')]
    pub layouts: Vec<String>,
    #[arg(long, default_value_t = 5)]
    pub passes: usize,
    /// Seconds of a measurement
    #[arg(long, default_value_t = 20.0)]
    pub seconds: f64,
    /// Seconds before each measurement that do not count
    #[arg(long, default_value_t = 5.0)]
    pub warm: f64,
    /// Rates for G3 and G4, requests a second; 500 is always among them
    #[arg(long, value_delimiter = ',', default_value = "500")]
    pub rates: Vec<u64>,
    /// Idle streams for G7
    #[arg(long, default_value_t = 2000)]
    pub idle_streams: usize,
    /// Where the report goes as JSON
    #[arg(long)]
    pub out: Option<PathBuf>,
    /// The program that is raced (the one that was built as this one was)
    #[arg(long)]
    pub program: Option<PathBuf>,
    /// Measure although other processes are busy
    #[arg(long)]
    pub noisy: bool,
    /// Client and upstream on core 0, systems on core 1
    #[arg(long)]
    pub pinned: bool,
    /// Leave out peers that are not installed instead of installing them
    #[arg(long)]
    pub no_install: bool,
    /// Keep the logs of all processes in this directory
    #[arg(long)]
    pub keep: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Part {
    /// The upstream; the race starts it itself
    #[command(hide = true)]
    Mock { address: SocketAddr },
    /// The client; the race starts it itself
    #[command(hide = true)]
    Load { order: String },
}

fn main() -> ExitCode {
    let words = Words::parse();
    let limit = getrlimit(Resource::Nofile);
    // Inherited by every process here; 2,000 streams need it.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
    match run(words) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            println!("race: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// `false`: something could not run, or books did not fit.
fn run(mut words: Words) -> Result<bool> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("a runtime")?;
    let local = tokio::task::LocalSet::new();
    local.block_on(&runtime, async {
        match words.part.take() {
            Some(Part::Mock { address }) => mock::serve(address).await.map(|()| true).context("the upstream"),
            Some(Part::Load { order }) => {
                let counted = load::run(serde_json::from_str(&order)?).await;
                println!("{}", serde_json::to_string(&counted)?);
                Ok(true)
            }
            None => {
                let _ = rustls::crypto::ring::default_provider().install_default();
                let mut end = signal(SignalKind::terminate()).context("signals")?;
                tokio::select! {
                    done = race::run(words) => done,
                    _ = tokio::signal::ctrl_c() => bail!("stopped"),
                    _ = end.recv() => bail!("stopped"),
                }
            }
        }
    })
}
