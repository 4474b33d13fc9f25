//! The fuzzing of zgserve-tui: bodies of the targets and what keeps them within bounds.
//!
//! `targets` are ordinary functions over bytes. Here libFuzzer calls them (`fuzz_targets/*.rs`, three lines each); in the
//! program's own tests `tests/it/fuzz_seeds.rs` calls the same functions with everything under `seeds/`. `memory` ends
//! the process when an input makes it take an absurd amount.

pub mod memory;
pub mod targets;
