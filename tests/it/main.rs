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

mod api;
mod chain;
mod concurrency;
mod cuts;
mod deadlines;
mod encodings;
mod first_run;
mod forged;
mod layers;
mod leaving;
mod limits;
mod money;
mod procedure;
mod refuse;
mod restart;
mod settling;
mod storage;
mod story;
mod terminal;
mod turns;
mod upstream;
mod world;
