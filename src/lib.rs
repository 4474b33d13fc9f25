//! `zgserve-tui`: use, sell and pay for AI and storage services on the 0G Serving network.
//!
//! Floors, from the ground up; imports point down only (ARCHITECTURE.md says which, a test holds it):
//! `domain` and `tasks`; the edges `wire`, `meter`, `body`, `keys`, `store`, `chain`; the rules
//! `broker::user` and `broker::provider`; the faces `http` and `tui`; `config`, `cli`, `app` on top.

#[cfg(test)]
#[path = "../tests/corpus/attacks.rs"]
pub(crate) mod attacks;

pub mod app;
pub mod archive;
pub mod body;
pub mod broker;
pub mod chain;
pub mod cli;
pub mod client;
pub mod config;
pub mod crash_point;
pub mod domain;
pub mod http;
pub mod keys;
pub mod log_lines;
pub mod memory;
pub mod meter;
pub mod private_files;
pub mod store;
pub mod tasks;
pub mod telemetry;
pub mod tui;
pub mod verify;
pub mod wire;
