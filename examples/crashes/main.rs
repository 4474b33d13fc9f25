//! Kills the real program again and again, at every durable step and at random, and checks after each restart that nobody
//! has lost anything: the crash matrix, random kills under load, a long run, users who disconnect.
//!
//! ```sh
//! cargo run --example crashes --features crash-points -- short                       # every point once, 30 random kills
//! cargo run --example crashes --features crash-points -- matrix --times 20           # every point 20 times
//! cargo run --example crashes --features crash-points -- matrix --only provider.booked --times 5
//! cargo run --example crashes --features crash-points -- random --kills 1000
//! cargo run --example crashes --features crash-points -- soak --minutes 60 --rate 200
//! cargo run --example crashes --features crash-points -- disconnects --count 1000
//! ```
//!
//! `--seed N` repeats the schedule of a run (it is printed first), `--ports N` moves the listeners (21000 to 21020
//! otherwise), `--users N` says how many user brokers there are, `--binary FILE` takes a program that was built before
//! instead of building it, `--per-world N` after how many kills everything is settled, paid back and begun anew, `--patience
//! N` how many seconds are then waited for requests that never arrived to be given up. The exit code is 1 if anything did not hold; the files of that world are kept.
//!
//! | file | holds |
//! |---|---|
//! | `process`, `world` | real processes: chain, provider broker, user brokers; the way to each |
//! | `tap`, `model` | the relay between the brokers that remembers vouchers and answers; the service behind |
//! | `load`, `elsewhere` | what users and the owner do meanwhile, drawn from a seed; providers that only list themselves |
//! | `dead` | the files as a kill left them, before anything starts on them again |
//! | `rest`, `check` | waiting for rest, reading all books at one block, the invariants I1 to I24 over them |
//! | `matrix`, `tools`, `random`, `disconnects` | the modes |
//! | `tally` | what was checked how often, and what did not hold |
//!
//! A seed repeats what is done and when it is asked for; which of two processes is faster is not in its hands.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    missing_debug_implementations,
    reason = "a test program, not a part of what people run"
)]

mod check;
mod dead;
mod disconnects;
mod elsewhere;
mod load;
mod matrix;
mod model;
mod process;
mod random;
mod rest;
mod tally;
mod tap;
mod tools;
mod world;

use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::time::Duration;

use self::matrix::Matrix;
use self::random::Random;
use self::tally::Tally;
use self::world::{CREDIT, Plan};

const DEFAULT_PORTS: u16 = 21_000;
/// Until the authorisation of a request that never arrived is over, by any clock: 15 s, 120 s for clocks, and the pauses
/// of whoever asks.
const PATIENCE: Duration = Duration::from_secs(300);

/// The words of the command line: a mode, and values by name.
struct Words(Vec<String>);

impl Words {
    fn text(&self, name: &str) -> Option<String> {
        let at = self.0.iter().position(|word| word == name)?;
        self.0.get(at + 1).cloned()
    }

    fn number(&self, name: &str, usual: u64) -> u64 {
        self.text(name).map_or(usual, |text| text.parse().unwrap_or_else(|_| panic!("{name} takes a number")))
    }
}

/// Builds the program as this one was built, and says where it is.
fn program() -> PathBuf {
    let mut build = Command::new(std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned()));
    build.args(["build", "--features", "crash-points", "--bin", "zgserve-tui"]);
    build.current_dir(env!("CARGO_MANIFEST_DIR"));
    if !cfg!(debug_assertions) {
        build.arg("--release");
    }
    assert!(build.status().is_ok_and(|status| status.success()), "the program is built");
    let own = std::env::current_exe().expect("this program has a path");
    own.parent()
        .and_then(|examples| examples.parent())
        .expect("it is in a target directory")
        .join("zgserve-tui")
}

#[tokio::main]
async fn main() -> ExitCode {
    let words = Words(std::env::args().skip(1).collect());
    let mode = words.0.first().cloned().unwrap_or_else(|| "short".to_owned());
    if mode == "library" {
        tools::write_library(words.0[1].as_ref()).await;
        return ExitCode::SUCCESS;
    }
    let _ = rustls::crypto::ring::default_provider().install_default();
    let seed = words.number("--seed", u64::from(std::process::id()));
    println!("{mode} --seed {seed}");
    let plan = Plan {
        program: words.text("--binary").map_or_else(program, PathBuf::from),
        ports: u16::try_from(words.number("--ports", DEFAULT_PORTS.into())).expect("a port"),
        credit: if mode == "disconnects" { CREDIT / 5 } else { CREDIT },
        users: usize::try_from(words.number("--users", 2)).expect("a number of users"),
    };
    let tally = Arc::new(Tally::default());
    let usual = if mode == "short" { 0 } else { PATIENCE.as_secs() };
    let patience = Duration::from_secs(words.number("--patience", usual));
    let matrix = Matrix {
        times: words.number("--times", if mode == "short" { 1 } else { 20 }),
        seed,
        patience,
        per_world: usize::try_from(words.number("--per-world", 300)).expect("a number of kills"),
        only: words.text("--only"),
    };
    let usual = Random {
        kills: words.number("--kills", if mode == "short" { 30 } else { 1000 }),
        longest: words.text("--minutes").map(|_| Duration::from_secs(60 * words.number("--minutes", 60))),
        seed,
        per_check: 10,
        patience,
        per_world: words.number("--per-world", 400),
        workers: 6,
        pause: 25,
        between: 400,
    };
    let work = async {
        match mode.as_str() {
            "short" => {
                matrix::run(&plan, &matrix, &tally).await;
                random::run(&plan, &usual, &tally).await;
            }
            "matrix" => matrix::run(&plan, &matrix, &tally).await,
            "random" => random::run(&plan, &usual, &tally).await,
            "soak" => {
                let rate = words.number("--rate", 200).max(1);
                let workers = 64;
                let longest = Some(Duration::from_secs(60 * words.number("--minutes", 60)));
                let soak = Random {
                    kills: u64::MAX,
                    longest,
                    workers,
                    // A worker's pauses are half of this on average.
                    pause: 2 * 1000 * workers as u64 / rate,
                    between: 8_000,
                    per_world: u64::MAX,
                    ..usual
                };
                random::run(&plan, &soak, &tally).await;
            }
            "disconnects" => disconnects::run(&plan, words.number("--count", 1000), seed, &tally).await,
            other => {
                println!("there is no mode {other}; see the head of examples/crashes/main.rs");
                std::process::exit(2);
            }
        }
    };
    tokio::select! {
        () = work => {}
        // What was found until then is shown.
        _ = tokio::signal::ctrl_c() => println!("stopped"),
    }
    tally.print();
    println!("\n{} broken", tally.broken());
    if tally.broken() == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
