//! Integration tests over the real parts: embedded chain, both brokers, HTTP, SQLite on disk; and the house rules.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "tests fail by panicking and say what they skip"
)]

mod accept;
mod api;
#[path = "../corpus/attacks.rs"]
mod attacks;
mod bombs;
mod canary;
mod chain;
mod command_line;
mod concurrency;
mod crash_points;
mod cuts;
mod database;
mod deadlines;
mod encodings;
mod exact;
mod faults;
mod first_run;
mod forged;
mod fuzz_seeds;
mod keys;
mod layers;
mod leaving;
mod limits;
mod listener;
mod logs;
mod model;
mod money;
mod moving;
mod papers;
mod procedure;
mod ready;
mod refuse;
mod restart;
mod settling;
mod storage;
mod story;
mod strangers;
mod terminal;
mod texts;
mod traces;
mod trust;
mod turns;
mod upstream;
mod world;
