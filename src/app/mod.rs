//! Wiring: which parts each command needs, in which order they start and stop. The only place that sees everything.
//!
//! Start: settings → lock and store → keys → chain → broker (which finishes what the last run left) → faces. Stop, the
//! other way round: faces take nothing new, running answers end or are cut, every charge is written, the database
//! closes last. A second signal stops waiting.
//!
//! | file | holds |
//! |---|---|
//! | `settings`, `wallet`, `chain` | what every role is made from |
//! | `user`, `provider` | one running role |
//! | `serve` | daemons: a role with its listeners until a signal |
//! | `screens`, `guide` | the user's screens, and what the guided start needs done |
//! | `demo`, `traffic`, `devnet`, `deploy` | the embedded chain and contracts |
//! | `api` | one way to a broker's API, whether it runs elsewhere or is started for one command |
//! | `console` | the provider's screens |
//! | `ask`, `act`, `settle`, `offered`, `chat`, `keys`, `bindings`, `doctor` | the one-shot commands |

mod act;
mod api;
mod ask;
mod bindings;
mod chain;
mod chat;
mod console;
mod demo;
mod deploy;
mod devnet;
mod doctor;
mod failure;
mod guide;
mod keys;
mod offered;
mod provider;
mod run;
mod screens;
mod serve;
mod settings;
mod settle;
mod signals;
mod traffic;
mod user;
mod wallet;

#[cfg(test)]
mod tests;

pub use self::{failure::failure_of, run::run};
