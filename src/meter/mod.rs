//! How many units a call used: one count, made by both brokers from the same bytes.
//!
//! Before a call [`input_units`] counts the request and [`max_output`] says how long an answer it allows. While the
//! answer passes, an [`OutputMeter`] is fed its bytes as they are on the wire and holds nothing back; its
//! [`OutputMeter::finish`] gives the exact count of what was delivered. Any split of the same bytes gives the same
//! units, so the provider's receipt and the user's own count agree to the unit, and anyone can recount from the
//! transcript.
//!
//! `chatbot` and `storage` are the kinds of service, one file each; `api` is their common face. Below `chatbot`:
//! `body` turns an answer's bytes into JSON texts, `texts` adds up what these hold, `tokens` counts a text by the
//! tokens of `vocabulary`. `usage`
//! bounds a model server's own figures.

mod api;
mod body;
mod chatbot;
mod storage;
#[cfg(test)]
mod tests;
mod texts;
mod tokens;
mod usage;
mod vocabulary;

pub use api::{
    Limits, MeterError, MeterResult, OutputMeter, Pushed, Request, RequestBody, input_units, max_output,
};
pub use chatbot::{MEDIA_BYTES_PER_UNIT, REMOTE_MEDIA_UNITS};
pub use texts::{AnswerError, MAX_TEXTS};
pub use tokens::{TokenCounter, count};
pub use usage::charged;

pub use crate::wire::terms::MeterName;
