//! Goals G1 to G11: what each needs measured, and its ratios within a pass, held against bar and moonshot.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, bail};
use serde::Serialize;

use super::Words;
use super::measure::{CONNECTIONS, Measured, Test};
use super::race::Seen;

/// A goal by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Goal {
    G1,
    G2,
    G3,
    G4,
    G5,
    G6,
    G7,
    G8,
    G9,
    G10,
    G11,
}

impl Goal {
    pub const ALL: [Goal; 11] = {
        use Goal::{G1, G2, G3, G4, G5, G6, G7, G8, G9, G10, G11};
        [G1, G2, G3, G4, G5, G6, G7, G8, G9, G10, G11]
    };
}

/// The rate at which G3 and G4 are judged.
const RATE: u64 = 500;
/// One that slower peers reach.
const SLOW_RATE: u64 = 100;
/// Medians may miss a bar by this share without being called a miss: two shared cores are not exact.
const ALLOWANCE: f64 = 0.15;

/// Goals by their names; all of them if there are none.
pub fn chosen(names: &[String]) -> Result<Vec<Goal>> {
    if names.is_empty() {
        return Ok(Goal::ALL.to_vec());
    }
    let mut goals = Vec::new();
    for name in names {
        match Goal::ALL.into_iter().find(|goal| format!("{goal:?}").eq_ignore_ascii_case(name)) {
            Some(goal) => goals.push(goal),
            None => bail!("there is no goal {name} here; they are g1 to g11"),
        }
    }
    Ok(goals)
}

/// The tests of each layout that these goals need.
pub fn tests(goals: &[Goal], words: &Words) -> BTreeMap<&'static str, BTreeSet<Test>> {
    let rates: BTreeSet<u64> = words.rates.iter().copied().chain([RATE]).collect();
    let mut all: BTreeMap<&'static str, BTreeSet<Test>> = BTreeMap::from([("D", BTreeSet::new())]);
    let mut need = |layouts: &[&'static str], tests: &[Test]| {
        for layout in layouts {
            all.entry(*layout).or_default().extend(tests);
        }
    };
    for goal in goals {
        match goal {
            Goal::G1 => need(&["D", "N2", "H2", "Z"], &[Test::Saturation]),
            Goal::G2 => need(&["D", "L1", "K1", "Z"], &[Test::Saturation]),
            Goal::G3 | Goal::G4 => {
                let rates: Vec<Test> = rates.iter().copied().map(Test::Rate).collect();
                need(&["D", "N2", "H2", "Z"], &rates);
                // Slower peers are shown at the rates that they may reach.
                need(&["L1", "K1"], &[Test::Rate(SLOW_RATE), Test::Rate(RATE)]);
                if words.layouts.is_empty() || words.layouts.iter().any(|name| name == "L1" || name == "K1") {
                    need(&["D", "Z"], &[Test::Rate(SLOW_RATE)]);
                }
            }
            Goal::G5 => need(&["D", "N2", "H2", "Z"], &[Test::Streams]),
            Goal::G6 => need(&["L1", "Z"], &[Test::Saturation]),
            Goal::G7 => need(&["N2", "H2", "Z"], &[Test::Idle(words.idle_streams)]),
            Goal::G8 => need(&["L1", "K1", "Z"], &[]),
            Goal::G9 => need(&["Z", "Zn", "Zo"], &[Test::Saturation]),
            Goal::G10 => {
                need(&["Z"], &[Test::Saturation]);
                need(&["Zp"], &[Test::Models]);
                // What the plain proxy is worth, for those who ask for this goal by name.
                if !words.goals.is_empty() {
                    need(&["N2"], &[Test::Models]);
                }
            }
            Goal::G11 => need(&["D", "Z"], &[Test::Slow(1), Test::Slow(CONNECTIONS)]),
        }
    }
    all.retain(|layout, _| {
        *layout == "D" || words.layouts.is_empty() || words.layouts.iter().any(|name| name == layout)
    });
    all
}

/// A figure of each pass, and what it is held against.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    pub goal: u8,
    pub what: String,
    pub passes: Vec<f64>,
    pub median: f64,
    pub least: f64,
    pub most: f64,
    pub bar: Option<f64>,
    pub moonshot: Option<f64>,
    pub at_least: bool,
    /// One of: moonshot, met, near, missed; nothing without a bar.
    pub verdict: &'static str,
}

/// What a figure shall be.
#[derive(Clone, Copy)]
enum Bar {
    AtLeast(f64, f64),
    AtMost(f64, f64),
    Shown,
}

fn row(goal: u8, what: impl Into<String>, bar: Bar, passes: impl IntoIterator<Item = f64>) -> Option<Row> {
    let passes: Vec<f64> = passes.into_iter().filter(|value| value.is_finite()).collect();
    let mut sorted = passes.clone();
    sorted.sort_by(f64::total_cmp);
    let (least, most) = (*sorted.first()?, *sorted.last()?);
    let middle = sorted.len() / 2;
    let median =
        if sorted.len() % 2 == 1 { sorted[middle] } else { (sorted[middle - 1] + sorted[middle]) / 2.0 };
    let (at_least, bars) = match bar {
        Bar::AtLeast(bar, moonshot) => (true, Some((bar, moonshot))),
        Bar::AtMost(bar, moonshot) => (false, Some((bar, moonshot))),
        Bar::Shown => (false, None),
    };
    let reaches = |bar: f64, slack: f64| {
        if at_least { median >= bar * (1.0 - slack) } else { median <= bar * (1.0 + slack) }
    };
    let verdict = match bars {
        None => "",
        Some((_, moonshot)) if reaches(moonshot, 0.0) => "moonshot",
        Some((bar, _)) if reaches(bar, 0.0) => "met",
        Some((bar, _)) if reaches(bar, ALLOWANCE) => "near",
        Some(_) => "missed",
    };
    let (bar, moonshot) = bars.unzip();
    Some(Row { goal, what: what.into(), passes, median, least, most, bar, moonshot, at_least, verdict })
}

/// Values of passes in which both were measured.
fn both<A, B>(a: &BTreeMap<usize, A>, b: &BTreeMap<usize, B>, of: impl Fn(&A, &B) -> f64) -> Vec<f64> {
    a.iter().filter_map(|(pass, a)| Some(of(a, b.get(pass)?))).collect()
}

/// What `of` says of each pass of a layout, above the direct line of that pass.
fn added(seen: &Seen, layout: &str, test: Test, of: impl Fn(&Measured) -> f64) -> BTreeMap<usize, f64> {
    let direct = seen.of("D", test);
    let these = seen.of(layout, test);
    these.iter().filter_map(|(pass, one)| Some((*pass, of(one) - of(direct.get(pass)?)))).collect()
}

/// One layout's added time beside another's. What the other adds may be nothing but noise; then there is no ratio, and
/// the absolute rows say what there is to say.
fn added_ratio(a: &BTreeMap<usize, f64>, b: &BTreeMap<usize, f64>) -> Vec<f64> {
    both(a, b, |a, b| if *b > 0.0 { a / b } else { f64::NAN })
}

/// Every ratio that can be made of what was seen.
pub fn rows(goals: &[Goal], seen: &Seen) -> Vec<Row> {
    goals.iter().flat_map(|goal| of_goal(*goal, seen)).flatten().collect()
}

fn of_goal(goal: Goal, seen: &Seen) -> Vec<Option<Row>> {
    let beside = |(a, of_a): (&str, Test), (b, of_b): (&str, Test)| {
        both(&seen.of(a, of_a), &seen.of(b, of_b), |a, b| a.counted.per_second / b.counted.per_second)
    };
    let quicker = |a, b| beside((a, Test::Saturation), (b, Test::Saturation));
    match goal {
        Goal::G1 => vec![
            row(1, "requests/s, Z ÷ N2", Bar::AtLeast(0.35, 0.6), quicker("Z", "N2")),
            row(1, "requests/s, Z ÷ H2", Bar::Shown, quicker("Z", "H2")),
            row(1, "requests/s, Z ÷ D", Bar::Shown, quicker("Z", "D")),
            row(1, "requests/s, N2 ÷ D", Bar::Shown, quicker("N2", "D")),
        ],
        Goal::G2 => vec![
            row(2, "requests/s, Z ÷ L1", Bar::AtLeast(10.0, 20.0), quicker("Z", "L1")),
            row(2, "requests/s, Z ÷ K1", Bar::AtLeast(3.0, 5.0), quicker("Z", "K1")),
        ],
        Goal::G3 => fixed_rates(
            seen,
            3,
            "p50",
            |one| one.counted.latency.p50,
            Bar::AtMost(2.5, 1.5),
            Bar::AtMost(500.0, 500.0),
        ),
        Goal::G4 => {
            let p99 = |one: &Measured| one.counted.latency.p99;
            let mut rows =
                fixed_rates(seen, 4, "p99", p99, Bar::AtMost(3.0, 2.0), Bar::AtMost(2000.0, 2000.0));
            for at in [RATE, SLOW_RATE] {
                let of = |layout| added(seen, layout, Test::Rate(at), p99);
                let bar = if at == RATE { Bar::AtMost(0.1, 0.1) } else { Bar::Shown };
                rows.push(row(
                    4,
                    format!("added p99 at {at}/s, Z ÷ L1"),
                    bar,
                    added_ratio(&of("Z"), &of("L1")),
                ));
                rows.push(row(
                    4,
                    format!("added p99 at {at}/s, Z ÷ K1"),
                    Bar::Shown,
                    added_ratio(&of("Z"), &of("K1")),
                ));
            }
            rows
        }
        Goal::G5 => streams(seen),
        Goal::G6 => {
            let rss = |layout: &str| seen.of(layout, Test::Saturation);
            let mib = |kib: u64| kib as f64 / 1024.0;
            let share =
                |of: fn(&Measured) -> u64| both(&rss("Z"), &rss("L1"), |a, b| of(a) as f64 / of(b) as f64);
            vec![
                row(
                    6,
                    "resident memory, Z ÷ L1",
                    Bar::AtMost(0.1, 1.0 / 30.0),
                    share(|one| one.usage.rss_peak),
                ),
                row(6, "proportional memory (PSS), Z ÷ L1", Bar::Shown, share(|one| one.usage.pss)),
                row(
                    6,
                    "resident memory of both brokers, MiB",
                    Bar::AtMost(60.0, 60.0),
                    rss("Z").values().map(|one| mib(one.usage.rss_peak)),
                ),
            ]
        }
        Goal::G7 => {
            let idle = |layout: &str| -> BTreeMap<usize, f64> {
                let these = seen.measured.iter().filter(|one| one.invalid.is_none() && one.layout == layout);
                these.filter_map(|one| Some((one.pass, one.memory_per_stream?))).collect()
            };
            let (z, n2) = (idle("Z"), idle("N2"));
            vec![
                row(7, "memory of an idle stream, Z ÷ N2", Bar::AtMost(2.0, 1.2), added_ratio(&z, &n2)),
                row(7, "memory of an idle stream, Z, KiB", Bar::Shown, z.into_values()),
                row(7, "memory of an idle stream, N2, KiB", Bar::Shown, n2.into_values()),
            ]
        }
        Goal::G8 => {
            let cold = |layout: &str| seen.cold_of(layout);
            let ratio = |of: &str| both(&cold("Z"), &cold(of), |a, b| a / b);
            vec![
                row(8, "start to first paid answer, Z ÷ L1", Bar::AtMost(0.05, 0.01), ratio("L1")),
                row(8, "start to first paid answer, Z ÷ K1", Bar::Shown, ratio("K1")),
                row(8, "start to first paid answer, Z, ms", Bar::Shown, cold("Z").into_values()),
                row(8, "start to first answer, L1, ms", Bar::Shown, cold("L1").into_values()),
                row(8, "start to first answer, K1, ms", Bar::Shown, cold("K1").into_values()),
            ]
        }
        Goal::G9 => vec![
            row(9, "requests/s, FULL ÷ NORMAL (Z ÷ Zn)", Bar::AtLeast(0.8, 0.95), quicker("Z", "Zn")),
            row(9, "requests/s, FULL ÷ OFF (Z ÷ Zo)", Bar::AtLeast(0.8, 0.95), quicker("Z", "Zo")),
        ],
        Goal::G10 => {
            let (paid, plain) = (("Z", Test::Saturation), ("Zp", Test::Models));
            vec![
                row(10, "requests/s, Z ÷ Zp (GET, no body)", Bar::AtLeast(0.45, 0.8), beside(paid, plain)),
                row(10, "requests/s, both GET, Zp ÷ N2", Bar::Shown, beside(plain, ("N2", Test::Models))),
            ]
        }
        Goal::G11 => {
            let slow = |layout: &str, many| seen.of(layout, Test::Slow(many));
            let times = |layout: &str| {
                both(&slow(layout, CONNECTIONS), &slow(layout, 1), |a, b| {
                    a.counted.per_second / b.counted.per_second
                })
            };
            vec![
                row(11, "requests/s, 32 in flight ÷ 1, Z", Bar::AtLeast(20.0, 30.0), times("Z")),
                row(11, "requests/s, 32 in flight ÷ 1, D", Bar::Shown, times("D")),
            ]
        }
    }
}

/// The added time at every rate that was measured. Bars are of `RATE`.
fn fixed_rates(
    seen: &Seen,
    goal: u8,
    name: &str,
    of: fn(&Measured) -> f64,
    ratio: Bar,
    absolute: Bar,
) -> Vec<Option<Row>> {
    let rates: BTreeSet<u64> = seen
        .measured
        .iter()
        .filter_map(|one| match one.test {
            Test::Rate(rate) => Some(rate),
            _ => None,
        })
        .collect();
    let mut rows = Vec::new();
    for at in rates {
        let added = |layout: &str| added(seen, layout, Test::Rate(at), of);
        let (ratio, absolute) = if at == RATE { (ratio, absolute) } else { (Bar::Shown, Bar::Shown) };
        rows.push(row(
            goal,
            format!("added {name} at {at}/s, Z ÷ N2"),
            ratio,
            added_ratio(&added("Z"), &added("N2")),
        ));
        rows.push(row(goal, format!("added {name} at {at}/s, Z, µs"), absolute, added("Z").into_values()));
        for layout in ["N2", "H2", "L1", "K1"] {
            let what = format!("added {name} at {at}/s, {layout}, µs");
            rows.push(row(goal, what, Bar::Shown, added(layout).into_values()));
        }
    }
    rows
}

fn streams(seen: &Seen) -> Vec<Option<Row>> {
    let first = |one: &Measured| one.counted.latency.p50;
    let chunk = |one: &Measured| one.counted.chunk_delay.as_ref().map_or(f64::NAN, |delay| delay.p99);
    let first_of = |layout: &str| added(seen, layout, Test::Streams, first);
    let chunk_of = |layout: &str| added(seen, layout, Test::Streams, chunk);
    let mut rows = vec![
        row(
            5,
            "added time to first token (p50), Z ÷ N2",
            Bar::AtMost(2.0, 1.5),
            added_ratio(&first_of("Z"), &first_of("N2")),
        ),
        row(
            5,
            "added delay of a chunk (p99), Z ÷ N2",
            Bar::AtMost(2.0, 1.2),
            added_ratio(&chunk_of("Z"), &chunk_of("N2")),
        ),
    ];
    for layout in ["Z", "N2", "H2"] {
        rows.push(row(
            5,
            format!("added time to first token (p50), {layout}, µs"),
            Bar::Shown,
            first_of(layout).into_values(),
        ));
        rows.push(row(
            5,
            format!("added delay of a chunk (p99), {layout}, µs"),
            Bar::Shown,
            chunk_of(layout).into_values(),
        ));
    }
    rows
}
