//! The whole user broker against a real chain in this process, a real database and a scripted provider.

#![allow(clippy::disallowed_methods, reason = "a task of a test ends with the test's runtime")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by panicking")]

mod accept;
mod accounts;
mod activity;
pub(crate) mod bed;
mod book;
mod calls;
mod claims;
mod evidence;
mod greedy;
mod hostile;
mod keyring;
mod ledger;
mod limits;
mod network;
mod own_caps;
mod previews;
mod restart;
pub(crate) mod scripted;
mod turns;
mod uploads;
