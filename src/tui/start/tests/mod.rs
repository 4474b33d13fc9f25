//! The guide without a terminal: what keys lead to, and what is drawn.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests fail by panicking")]

mod behaviour;
mod scene;
mod snapshots;
