//! The passes: layouts by lot, each started, measured with every test that its goals need, and stopped.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use rand::seq::SliceRandom;

use super::Words;
use super::goals;
use super::load::TOO_LATE;
use super::measure::{Measured, Test, Times, measure, modes};
use super::peers::{self, Peer};
use super::report::{self, Report};
use super::system::{Process, Side, System, Yard, free_addresses};
use super::watch;
use super::zgserve::{VARIANTS, Zgserve};

/// More steal than this and a measurement is repeated.
const STEAL: f64 = 3.0;
const REPEATS: usize = 2;
/// Other processes may take so much of the machine before a run.
const OTHERS: f64 = 5.0;

/// Everything that was seen in a run.
#[derive(Default)]
pub struct Seen {
    pub measured: Vec<Measured>,
    /// Start to first good answer in ms, by pass and layout.
    pub cold: Vec<(usize, String, f64)>,
    pub settings: BTreeMap<String, String>,
    pub versions: BTreeMap<String, String>,
    /// What could not run, and why.
    pub left_out: Vec<String>,
    pub broken: Vec<String>,
}

pub async fn run(mut words: Words) -> Result<bool> {
    if words.short {
        (words.passes, words.seconds, words.warm) = (1, 2.0, 0.5);
        words.idle_streams = words.idle_streams.min(100);
        if words.layouts.is_empty() {
            words.layouts = ["D", "N2", "Z", "Zp"].map(str::to_owned).to_vec();
        }
    }
    let (busy, who) = watch::others().await;
    if busy > OTHERS {
        println!("other processes take {busy:.0} % of this machine: {}", who.join(", "));
        ensure!(words.noisy || words.short, "a busy machine gives no figures; --noisy measures all the same");
    }
    let goals = goals::chosen(&words.goals)?;
    let tests = goals::tests(&goals, &words);
    let scratch = tempfile::Builder::new().prefix("race-").tempdir_in(own_directory()?)?;
    let directory = match &words.keep {
        Some(place) => {
            std::fs::create_dir_all(place)?;
            std::fs::canonicalize(place)?
        }
        // Beside the build, which is a disk; a system's place for scratch files may be memory.
        None => scratch.path().to_owned(),
    };
    let yard = Yard { directory, pinned: words.pinned };
    let mut program = match &words.program {
        Some(program) => program.clone(),
        None => own_directory()?.join("zgserve-tui"),
    };
    let names: BTreeSet<&str> = tests.keys().copied().collect();
    if VARIANTS.iter().any(|variant| names.contains(variant.name)) {
        program = std::fs::canonicalize(&program)
            .with_context(|| format!("there is no {program:?}; build it first, or name it with --program"))?;
    }
    let mut left_out = Vec::new();
    let mut variants = Vec::new();
    for variant in VARIANTS.iter().filter(|variant| names.contains(variant.name)) {
        if variant.can_run(&program).await {
            variants.push(variant);
        } else {
            left_out.push(format!(
                "{} is left out: {} was not built with --features measuring",
                variant.name,
                program.display()
            ));
        }
    }
    let wanted: Vec<&'static str> =
        names.iter().copied().filter(|name| VARIANTS.iter().all(|v| v.name != *name)).collect();
    let tools = std::path::absolute(own_directory()?.join("../race"))?;
    let (found, mut missing) = peers::find(&wanted, !words.no_install && !words.short, &tools).await;
    left_out.append(&mut missing);
    let mut seen = Seen { left_out, ..Seen::default() };
    for peer in &found {
        seen.versions.insert(peer.name.to_owned(), peer.version.clone());
    }
    for variant in &variants {
        seen.versions.insert(
            variant.name.to_owned(),
            format!("zgserve-tui {} ({})", env!("CARGO_PKG_VERSION"), program.display()),
        );
    }
    let report = Report::begin(&words, &seen);
    let (_mock, upstream) = upstream(&yard).await?;
    let direct = found.iter().find(|peer| peer.name == "D").context("the direct line is always there")?;
    let direct = direct.start(&yard, upstream.0, &modes()).await?;

    let times = Times { warm: words.warm, seconds: words.seconds };
    for pass in 1..=words.passes {
        let mut order: Vec<&str> =
            found.iter().map(|peer| peer.name).chain(variants.iter().map(|v| v.name)).collect();
        order.shuffle(&mut rand::rng());
        println!("pass {pass}: {}", order.join(" "));
        for name in order {
            // Idle streams are weighed in processes that have done nothing else: memory that was used before would hide them.
            let (idle, busy): (BTreeSet<Test>, BTreeSet<Test>) =
                tests[name].iter().copied().partition(|test| matches!(test, Test::Idle(_)));
            let mut done = Ok(());
            for tests in [busy, idle]
                .into_iter()
                .enumerate()
                .filter_map(|(at, set)| (at == 0 || !set.is_empty()).then_some(set))
            {
                let lap = Lap { yard: &yard, direct: &direct, upstream, times, pass, tests };
                done = match found.iter().find(|peer| peer.name == name) {
                    Some(peer) => lap.peer(peer, &mut seen).await,
                    None => lap.variant(name, &program, &mut seen).await,
                };
                if done.is_err() {
                    break;
                }
            }
            if let Err(error) = done {
                println!("  {name}: {error:#}");
                // A peer that does not work here is left out; the program has to work.
                let of = if variants.iter().any(|variant| variant.name == name) || matches!(name, "D" | "N2")
                {
                    &mut seen.broken
                } else {
                    &mut seen.left_out
                };
                of.push(format!("pass {pass}, {name}: {error:#}"));
            }
        }
    }
    let whole = seen.broken.is_empty();
    report.end(&goals, &seen)?;
    Ok(whole)
}

/// What a layout does in a pass.
struct Lap<'a> {
    yard: &'a Yard,
    direct: &'a System,
    /// Where the upstream listens, and its process.
    upstream: (std::net::SocketAddr, u32),
    times: Times,
    pass: usize,
    tests: BTreeSet<Test>,
}

impl Lap<'_> {
    async fn peer(&self, peer: &Peer, seen: &mut Seen) -> Result<()> {
        let system = peer.start(self.yard, self.upstream.0, &modes()).await?;
        self.note(&system, seen);
        let roots = if peer.name == "D" { vec![self.upstream.1] } else { system.roots() };
        for test in &self.tests {
            let mut measured = self.measure(&system, &roots, *test).await?;
            for _ in 0..REPEATS {
                if measured.steal > STEAL {
                    measured = self.measure(&system, &roots, *test).await?;
                }
            }
            self.tell(measured, seen);
        }
        for process in system.processes {
            process.stop().await;
        }
        Ok(())
    }

    async fn variant(&self, name: &str, program: &Path, seen: &mut Seen) -> Result<()> {
        let variant = VARIANTS.iter().find(|variant| variant.name == name).context("a variant")?;
        let mut zgserve = Zgserve::start(self.yard, program, variant, self.upstream.0, &modes()).await?;
        self.note(&zgserve.system, seen);
        let roots = zgserve.system.roots();
        for test in &self.tests {
            let mut measured = self.checked(&mut zgserve, &roots, *test).await?;
            for _ in 0..REPEATS {
                if measured.steal > STEAL {
                    measured = self.checked(&mut zgserve, &roots, *test).await?;
                }
            }
            // A rate that is too high is a figure; everything else is a fault.
            let slow =
                measured.counted.first_failure.as_deref() == Some(TOO_LATE) && measured.books.is_none();
            if let (Some(why), false) = (&measured.invalid, slow) {
                seen.broken.push(format!("pass {}, {} {test:?}: {why}", self.pass, measured.layout));
            }
            self.tell(measured, seen);
        }
        zgserve.stop().await;
        Ok(())
    }

    /// A measurement, and the books held against it.
    async fn checked(&self, zgserve: &mut Zgserve, roots: &[u32], test: Test) -> Result<Measured> {
        let mut measured = self.measure(&zgserve.system, roots, test).await?;
        if let Err(error) = zgserve.ledger(measured.counted.answered).await {
            let why = format!("the books do not fit: {error:#}");
            measured.invalid = Some(match measured.invalid.take() {
                Some(also) => format!("{why}; {also}"),
                None => why.clone(),
            });
            measured.books = Some(why);
        }
        Ok(measured)
    }

    async fn measure(&self, system: &System, roots: &[u32], test: Test) -> Result<Measured> {
        let mut measured = measure(self.yard, system, roots, self.direct, test, self.times).await?;
        measured.pass = self.pass;
        Ok(measured)
    }

    fn note(&self, system: &System, seen: &mut Seen) {
        if let Some(cold) = system.cold_start {
            seen.cold.push((self.pass, system.name.to_owned(), cold));
        }
        seen.settings.insert(system.name.to_owned(), system.settings.clone());
    }

    fn tell(&self, measured: Measured, seen: &mut Seen) {
        println!("  {}", report::line(&measured));
        seen.measured.push(measured);
    }
}

/// Where this profile's programs are.
fn own_directory() -> Result<PathBuf> {
    let own = std::env::current_exe().context("this program has a path")?;
    Ok(own.ancestors().nth(2).context("it is in a target directory")?.to_owned())
}

/// Starts the upstream; gives where it listens and its process's number.
async fn upstream(yard: &Yard) -> Result<(Process, (std::net::SocketAddr, u32))> {
    let address = free_addresses(1)?[0];
    let mut command = yard.command(Side::Client, &std::env::current_exe()?);
    command.args(["mock", &address.to_string()]);
    let mut mock = yard.start("mock", &mut command)?;
    mock.listens(address, std::time::Duration::from_secs(10)).await?;
    let id = mock.child.id().context("the upstream runs")?;
    Ok((mock, (address, id)))
}

impl Seen {
    /// What counts: valid measurements of a test, by pass.
    pub fn of(&self, layout: &str, test: Test) -> BTreeMap<usize, &Measured> {
        let valid = self.measured.iter().filter(|one| one.invalid.is_none());
        valid.filter(|one| one.layout == layout && one.test == test).map(|one| (one.pass, one)).collect()
    }

    pub fn cold_of(&self, layout: &str) -> BTreeMap<usize, f64> {
        let these = self.cold.iter().filter(|(_, name, _)| name == layout);
        these.map(|(pass, _, milliseconds)| (*pass, *milliseconds)).collect()
    }
}
