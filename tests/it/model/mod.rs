//! The model test: random histories of users, providers and chain, held after every step against a few integers.
//!
//! | level | what is real | what it is held against |
//! |---|---|---|
//! | `contract` | the contract's bytecode in the embedded chain | `contract_rules`: every account, event, transfer and refusal |
//! | `contract_cases` | the same | single moves that have cost others money |
//! | `system` | both brokers, HTTP, SQLite, chain; a second user and a provider that cheat | `system_rules`: I1 to I16 and the bounds of what each side can lose |
//! | `losses`, `rotations` | the same | one test for each thing that somebody could lose; changes of delegate |
//!
//! A history is a list of steps drawn by proptest. A failing one is shrunk, printed, and its seed kept in `regressions/`,
//! from where it is run first from then on. A run prints its own seed; the same seed draws the same histories.
//!
//! ```text
//! cargo test --test it model::                                          # what CI does
//! ZGSERVE_MODEL_CASES=2000 cargo test --test it model:: -- --nocapture  # an hour or so
//! ZGSERVE_MODEL_SEED=7 cargo test --test it model::contract             # one seed again
//! ```

mod contract;
mod contract_cases;
mod contract_chain;
mod contract_plan;
mod contract_rules;
mod losses;
mod rotations;
mod system;
mod system_cheat;
mod system_line;
mod system_plan;
mod system_rules;
mod system_town;
mod system_user;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Instant;

use proptest::strategy::Strategy;
use proptest::test_runner::{Config, FileFailurePersistence, RngSeed, TestError, TestRunner};

/// Where the seeds of failing histories are kept.
macro_rules! kept {
    ($name:literal) => {
        concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/model/regressions/", $name, ".txt")
    };
}
use kept;

/// Reads a number from the environment.
fn number(name: &str) -> Option<u64> {
    std::env::var(name)
        .ok()
        .map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is no number: {text}")))
}

/// How often each thing came about in a history.
type Seen = BTreeMap<&'static str, usize>;

/// Runs histories until one fails or all are through. `play` says how many steps it took and what came about; it fails by
/// panicking. A run in which one of `expected` never came about has tried nothing, and fails too.
fn histories<S: Strategy>(
    (name, kept): (&str, &'static str),
    cases: u32,
    drawn: S,
    expected: &[&str],
    play: impl Fn(S::Value) -> (usize, Seen),
) where
    S::Value: std::fmt::Debug,
{
    let cases = number("ZGSERVE_MODEL_CASES").map_or(cases, |cases| cases.try_into().unwrap());
    let seed = number("ZGSERVE_MODEL_SEED").unwrap_or_else(rand::random);
    println!("{name}: {cases} histories; ZGSERVE_MODEL_SEED={seed} draws them again");
    let config = Config {
        cases,
        rng_seed: RngSeed::Fixed(seed),
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(kept))),
        max_shrink_time: 60_000,
        ..Config::default()
    };
    let began = Instant::now();
    let total = RefCell::new((0, Seen::new()));
    let outcome = TestRunner::new(config).run(&drawn, |history| {
        let (steps, seen) = play(history);
        let mut total = total.borrow_mut();
        total.0 += steps;
        for (what, times) in seen {
            *total.1.entry(what).or_default() += times;
        }
        Ok(())
    });
    let ((steps, seen), millis) = (total.into_inner(), began.elapsed().as_millis().max(1));
    println!("{name}: {steps} steps in {millis} ms, {} a minute; {seen:?}", steps as u128 * 60_000 / millis);
    match outcome {
        Ok(()) => {
            for what in expected {
                assert!(seen.contains_key(what), "seed {seed}: never {what}: {seen:?}");
            }
        }
        Err(TestError::Fail(why, history)) => panic!("seed {seed}: {why}\nshortest history: {history:#?}"),
        Err(TestError::Abort(why)) => panic!("seed {seed}: {why}"),
    }
}
