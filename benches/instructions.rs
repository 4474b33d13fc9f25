//! Instructions of each operation, counted by valgrind: the same figure on a busy machine as on an idle one.
//!
//! `cargo bench --profile quick --bench instructions [WORDS…] [-- --write]` runs this program under callgrind with each operation
//! done [`TIMES`] times and again twice as often; the difference is without start, vocabulary and input. The result is
//! compared with `instructions.json` beside this file, which holds the figures of one toolchain and profile; `--write`
//! writes it anew. Differences are told and fail nothing: other compilers give other figures. Needs valgrind, which has
//! no SHA instructions, so hashing counts for more than it costs.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program that prints a table")]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, ExitCode};

use serde::{Deserialize, Serialize};

mod operations;

/// How often an operation is done in the shorter of both runs.
const TIMES: u64 = 50;
/// What is told as a change, in thousandths. Hash maps with random seeds make up to a few of them.
const TOLD: u64 = 30;

/// The committed figures.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Figures {
    /// What `rustc --version` says.
    toolchain: String,
    /// Instructions for one run of each operation.
    instructions: BTreeMap<String, u64>,
}

fn main() -> ExitCode {
    // Cargo adds `--bench`.
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let done = match &words[..] {
        [run, name, times] if run == "--run" => run_under_valgrind(name, times),
        _ => compare(&words),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("{reason}");
            ExitCode::FAILURE
        }
    }
}

/// What valgrind counts.
fn run_under_valgrind(name: &str, times: &str) -> Result<(), String> {
    let times: u64 = times.parse().map_err(|_| format!("{times:?} is not a number"))?;
    let mut found = operations::all().filter(|(other, _)| *other == name);
    let (_, make) = found.next().ok_or_else(|| format!("there is no operation {name:?}"))?;
    let mut run = make();
    (0..times).for_each(|_| run());
    Ok(())
}

fn compare(words: &[String]) -> Result<(), String> {
    let write = words.iter().any(|word| word == "--write");
    let wanted =
        |name: &str| words.iter().filter(|word| !word.starts_with("--")).all(|word| name.contains(&**word));
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/instructions.json");
    let mut figures: Figures = match std::fs::read(&file) {
        Ok(json) => serde_json::from_slice(&json).map_err(|error| format!("{}: {error}", file.display()))?,
        Err(_) => Figures::default(),
    };
    let toolchain = toolchain();
    if figures.toolchain != toolchain && !figures.toolchain.is_empty() {
        println!("the figures to compare with are of {}, this is {toolchain}", figures.toolchain);
    }
    let mut told = 0;
    for (name, _) in operations::all().filter(|(name, _)| wanted(name)) {
        let once = count(name, TIMES)?;
        let per_run = count(name, 2 * TIMES)?.saturating_sub(once) / TIMES;
        let before = figures.instructions.insert(name.to_owned(), per_run);
        let change = before.map(|before| Change { before, now: per_run });
        told += usize::from(change.as_ref().is_some_and(Change::is_told));
        let change = change.map_or_else(|| "new".to_owned(), |change| change.to_string());
        println!("{per_run:>12}  {change:>22}  {name}");
    }
    if told > 0 {
        println!("{told} differ by more than {TOLD} thousandths, marked with *");
    }
    if write {
        figures.toolchain = toolchain;
        let names: Vec<&str> = operations::all().map(|(name, _)| name).collect();
        figures.instructions.retain(|name, _| names.contains(&&**name));
        let json = serde_json::to_string_pretty(&figures).map_err(|error| error.to_string())?;
        std::fs::write(&file, json + "\n").map_err(|error| format!("{}: {error}", file.display()))?;
    }
    Ok(())
}

/// An operation's figure beside the committed one.
struct Change {
    before: u64,
    now: u64,
}

impl Change {
    fn thousandths(&self) -> u64 {
        self.before.abs_diff(self.now).saturating_mul(1000) / self.before.max(1)
    }

    fn is_told(&self) -> bool {
        self.thousandths() > TOLD
    }
}

impl std::fmt::Display for Change {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let sign = if self.now < self.before { '-' } else { '+' };
        let (whole, part) = (self.thousandths() / 10, self.thousandths() % 10);
        let mark = if self.is_told() { "*" } else { " " };
        write!(f, "{} {sign}{whole}.{part} %{mark}", self.before)
    }
}

/// All instructions of a process that does an operation so many times.
fn count(name: &str, times: u64) -> Result<u64, String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let run = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(program)
        .args(["--run", name, &times.to_string()])
        .output()
        .map_err(|error| format!("valgrind does not run ({error}); install it with your package manager"))?;
    let said = String::from_utf8_lossy(&run.stderr);
    if !run.status.success() {
        return Err(format!("{name}: {said}"));
    }
    let collected = said.lines().find_map(|line| line.split_once("Collected :"));
    let figure = collected.and_then(|(_, figure)| figure.trim().parse().ok());
    figure.ok_or_else(|| format!("valgrind told no count: {said}"))
}

fn toolchain() -> String {
    let rustc = Command::new("rustc").arg("--version").output();
    rustc.map_or_else(
        |_| "an unknown compiler".to_owned(),
        |rustc| String::from_utf8_lossy(&rustc.stdout).trim().to_owned(),
    )
}
