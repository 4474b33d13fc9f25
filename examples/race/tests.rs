//! That the race counts right: times in buckets, ratios within a pass, verdicts.

use std::collections::BTreeSet;

use clap::Parser;

use super::Words;
use super::goals::{self, Goal, Row};
use super::histogram::{Histogram, Summary};
use super::load::Counted;
use super::measure::{Measured, Test};
use super::race::Seen;
use super::watch::Usage;

fn summary(nanoseconds: impl IntoIterator<Item = u64>) -> Summary {
    let mut histogram = Histogram::default();
    nanoseconds.into_iter().for_each(|time| histogram.add(time));
    histogram.summary()
}

#[test]
fn a_bucket_ends_at_most_one_in_128_above_what_it_holds() {
    let mut time = 1_u64;
    while time < 1 << 50 {
        for near in [time - 1, time, time + time / 3] {
            // A second, far larger time, so that the largest one does not stand in for the bucket's end.
            let upper = summary([near, 1 << 62]).buckets[0].0 * 1000.0;
            let exact = near as f64;
            // Floats hold 53 bits.
            let slack = exact * 1e-12;
            assert!(
                upper >= exact - slack && upper <= exact * (1.0 + 1.0 / 128.0) + slack,
                "{near}: {upper}"
            );
            assert!(near >= 256 || upper.round() == exact, "{near} is exact: {upper}");
        }
        time = time * 5 / 4 + 1;
    }
}

#[test]
fn quantiles_are_those_of_the_times() {
    // In an order that is none.
    let told = summary((0..1000_u64).map(|number| (number * 379 % 1000 + 1) * 1000));
    assert_eq!((told.count, told.max, told.mean), (1000, 1000.0, 500.5));
    for (found, exact) in [(told.p50, 500.0), (told.p90, 900.0), (told.p99, 990.0), (told.p999, 999.0)] {
        assert!(found >= exact && found <= exact * 1.008, "{found} for {exact}");
    }
    assert_eq!(told.buckets.iter().map(|(_, count)| count).sum::<u64>(), 1000);
    let one_late = summary(std::iter::repeat_n(200, 999).chain([1_000_000]));
    assert_eq!((one_late.p999, one_late.max), (0.2, 1000.0));
    let nothing = summary([]);
    assert_eq!((nothing.count, nothing.p99, nothing.max, nothing.mean), (0, 0.0, 0.0, 0.0));
}

/// A measurement with these requests a second, whose every time is `p50`.
fn measured(pass: usize, layout: &str, test: Test, per_second: f64, p50: f64) -> Measured {
    let latency = Summary { p50, p99: p50, ..Summary::default() };
    Measured {
        layout: layout.to_owned(),
        test,
        pass,
        counted: Counted { per_second, latency, ..Counted::default() },
        usage: Usage::default(),
        steal: 0.0,
        memory_per_stream: None,
        books: None,
        invalid: None,
    }
}

fn rows(goal: u8, measured: Vec<Measured>) -> Vec<Row> {
    goals::rows(&[Goal::ALL[usize::from(goal) - 1]], &Seen { measured, ..Seen::default() })
}

fn rates(z: &[f64], n2: &[f64]) -> Vec<Measured> {
    let of = |layout, rates: &[f64]| {
        let numbered = rates.iter().enumerate();
        numbered.map(|(pass, rate)| measured(pass, layout, Test::Saturation, *rate, 1.0)).collect::<Vec<_>>()
    };
    [of("Z", z), of("N2", n2)].concat()
}

#[test]
fn ratios_are_made_within_a_pass_and_their_median_is_told() {
    let row = &rows(1, rates(&[50.0, 90.0, 40.0], &[100.0, 300.0, 100.0]))[0];
    assert_eq!((row.passes.as_slice(), row.median), ([0.5, 0.3, 0.4].as_slice(), 0.4));
    assert_eq!((row.least, row.most, row.verdict), (0.3, 0.5, "met"));
    let even = &rows(1, rates(&[50.0, 100.0], &[100.0, 100.0]))[0];
    assert_eq!((even.median, even.verdict), (0.75, "moonshot"));
}

#[test]
fn what_does_not_count_makes_no_ratio() {
    let mut all = rates(&[50.0, 90.0, 40.0], &[100.0, 100.0]);
    all[1].invalid = Some("the books do not fit".to_owned());
    // The second pass is invalid, the third has no N2.
    assert_eq!(rows(1, all)[0].passes, [0.5]);
    assert!(rows(1, rates(&[50.0], &[])).is_empty());
    assert!(rows(1, rates(&[50.0], &[0.0])).is_empty(), "infinity is no figure");
}

#[test]
fn verdicts_allow_for_noise_at_the_bar_only() {
    let verdict = |ratio: f64| rows(1, rates(&[ratio * 100.0], &[100.0]))[0].verdict;
    assert_eq!([0.6, 0.59, 0.35, 0.3, 0.29].map(verdict), ["moonshot", "met", "met", "near", "missed"]);
    // Where less is better.
    let added = |z: f64| {
        let at = |layout, p50| measured(1, layout, Test::Rate(500), 500.0, p50);
        let rows = rows(3, vec![at("D", 100.0), at("N2", 200.0), at("Z", 100.0 + z)]);
        let row = rows.iter().find(|row| row.what == "added p50 at 500/s, Z ÷ N2").unwrap();
        (row.median, row.verdict)
    };
    assert_eq!(
        [150.0, 250.0, 280.0, 300.0].map(added),
        [(1.5, "moonshot"), (2.5, "met"), (2.8, "near"), (3.0, "missed")]
    );
}

#[test]
fn a_peer_that_adds_nothing_makes_no_ratio_of_added_times() {
    let at = |layout, p50| measured(1, layout, Test::Rate(500), 500.0, p50);
    let rows = rows(3, vec![at("D", 100.0), at("N2", 90.0), at("Z", 200.0)]);
    assert!(rows.iter().all(|row| !row.what.contains('÷')));
    assert!(rows.iter().any(|row| row.what == "added p50 at 500/s, Z, µs" && row.median == 100.0));
}

#[test]
fn durability_and_payment_are_held_against_the_program_itself() {
    let at = |layout, test, rate| measured(1, layout, test, rate, 1.0);
    let all = || {
        vec![
            at("Z", Test::Saturation, 80.0),
            at("Zn", Test::Saturation, 100.0),
            at("Zo", Test::Saturation, 160.0),
            at("Zp", Test::Models, 200.0),
            at("N2", Test::Models, 400.0),
        ]
    };
    let medians = |goal| rows(goal, all()).iter().map(|row| row.median).collect::<Vec<_>>();
    assert_eq!((medians(9), medians(10)), (vec![0.8, 0.5], vec![0.4, 0.5]));
}

#[test]
fn layouts_are_measured_for_the_goals_that_need_them() {
    let plan = |text: &str| {
        let words = Words::parse_from(["race"].into_iter().chain(text.split_whitespace()));
        goals::tests(&goals::chosen(&words.goals).unwrap(), &words)
    };
    let names = |text| plan(text).into_keys().collect::<Vec<_>>();
    assert_eq!(names("--goals g9"), ["D", "Z", "Zn", "Zo"]);
    assert_eq!(names("--goals g10"), ["D", "N2", "Z", "Zp"]);
    assert_eq!(names("--goals g2,g8 --layouts Z,L1"), ["D", "L1", "Z"]);
    assert_eq!(names(""), ["D", "H2", "K1", "L1", "N2", "Z", "Zn", "Zo", "Zp"]);
    assert_eq!(plan("--goals g10")["N2"], BTreeSet::from([Test::Models]));
    assert!(!plan("")["N2"].contains(&Test::Models));
    assert!(goals::chosen(&["g12".to_owned()]).is_err());
}
