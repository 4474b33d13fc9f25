//! The console without a terminal: messages in, pictures and effects out.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by panicking")]

mod behaviour;
mod hostile;
mod pace;
mod scene;
mod server;
mod snapshots;
