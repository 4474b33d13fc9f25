//! Wiring: which parts each command needs, in which order they start and stop. The only place that sees everything.
//!
//! Start: settings → lock and store → keys → chain → broker (which finishes what the last run left) → faces. Stop, the
//! other way round: faces take nothing new, running answers end or are cut, every charge is written, the database
//! closes last. A second signal stops waiting.
//!
//! | file | holds |
//! |---|---|
//! | `settings`, `wallet`, `passphrase`, `chain` | what every role is made from |
//! | `user`, `provider` | one running role |
//! | `serve` | daemons: a role with its listeners until a signal |
//! | `screens`, `guide` | the user's screens, and what the guided start needs done |
//! | `demo`, `traffic`, `devnet`, `deploy` | the embedded chain and contracts |
//! | `api` | one way to a broker's API, whether it runs elsewhere or is started for one command |
//! | `refused` | a broker's no in the words of commands |
//! | `console` | the provider's screens |
//! | `export`, `bundle` | requests as files, and looking at what they show |
//! | `backup`, `restore` | a data directory as one file, and back |
//! | `ask`, `act`, `settle`, `offered`, `chat`, `keys`, `bindings`, `manual`, `health`, `doctor` | the one-shot commands |

mod act;
mod api;
mod ask;
mod backup;
mod bindings;
mod bundle;
mod chain;
mod chat;
mod console;
mod database;
mod demo;
mod deploy;
mod devnet;
mod doctor;
mod export;
mod failure;
mod guide;
mod health;
mod keys;
mod manual;
mod offered;
mod passphrase;
mod provider;
mod refused;
mod restore;
mod run;
mod screens;
mod serve;
mod settings;
mod settle;
mod signals;
mod token;
mod traffic;
mod user;
mod wallet;

#[cfg(test)]
mod secrets_tests;
#[cfg(test)]
mod tests;

pub use self::{failure::failure_of, run::run};
