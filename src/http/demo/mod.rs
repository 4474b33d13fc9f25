//! The two small services that a demo sells: a chatbot and a byte store. Real, but small, and they say what they are.
//!
//! They know nothing of payment: a provider broker stands in front of them as in front of any other service.
//! `eliza` is the chatbot's rule program, `script` its rules, `chat` puts it behind the OpenAI chat API; `storage` keeps bytes in a
//! temporary directory that disappears with the process.

mod chat;
mod eliza;
mod script;
mod storage;

pub use self::{
    chat::{MODEL, chatbot},
    storage::{Store, StoreLimits},
};
