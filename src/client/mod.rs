//! Calling a broker's HTTP API: one client for the commands and the screens.
//!
//! A [`Client`] knows where a broker is and who we are; it sends, holds answers to a size and a time, and turns every
//! no into a [`ClientError`] whose sentence may be shown. [`Admin`] is the provider broker's own API in types, and
//! [`events::follow`] tells when something changed there, so that listings are read again. Nothing is remembered here.
//!
//! | file | holds |
//! |---|---|
//! | `call` | one request and its answer |
//! | `error` | what can go wrong, in sentences |
//! | `admin` | the provider broker's routes |
//! | `events` | news from a broker, connected again whenever they break off |

mod admin;
mod call;
mod error;
pub mod events;

pub use self::{
    admin::{Admin, Outcome, ServiceDraft},
    call::{Call, Client},
    error::ClientError,
};
