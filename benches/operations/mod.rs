//! Operations that are measured one by one: by time in `payment` and `metering`, by instructions in `instructions`.
//!
//! Each is made once and then run any number of times. All inputs are fixed, so that a run does the same work each time;
//! only the seeds of the standard library's hash maps differ.

#![allow(clippy::expect_used, reason = "a bench whose fixed inputs are wrong must not run")]

mod chat;
mod headers;
mod payment;
mod streams;

/// Something that can be run again and again.
pub type Run = Box<dyn FnMut()>;
/// Makes an operation; what this costs is not measured.
pub type Make = fn() -> Run;

/// Every operation by its name, `group/what it does`.
pub fn all() -> impl Iterator<Item = (&'static str, Make)> {
    [payment::ALL, headers::ALL, chat::ALL, streams::ALL].into_iter().flatten().copied()
}

#[allow(dead_code, reason = "each bench compiles this module for itself; `instructions` picks by name")]
pub fn of(group: &str) -> impl Iterator<Item = (&'static str, Make)> {
    all().filter(move |(name, _)| name.split('/').next() == Some(group))
}
