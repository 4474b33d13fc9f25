//! Shapes between processes: bytes in, values out. No I/O, no async, no clock.
//!
//! What the two brokers say to each other and to applications is defined here once, so that both read
//! and write the same bytes: `auth` (vouchers and request authorisations as headers), `receipt` (the receipt as it
//! travels), `terms` (what a provider publishes of itself), `fault` (the one error body), `list` (lists), `admin` (the
//! provider's own API, for its console), `bundle` (receipts for somebody who was not there).
//!
//! What passes between an application and a model server is read here too, and changed as little as possible:
//! `path` and `headers` (what of a request may travel where), `answer_head` (what an answer's head says of its body),
//! `charge` (which calls are free), `encoding`
//! (compressed bodies), `sse` and `separator` (event streams, and our own comments in them), `json`, `json_edit`
//! and `partial` (JSON over its own text), `chat` (the bodies of model APIs).

pub mod admin;
pub mod answer_head;
pub mod auth;
pub mod bundle;
pub mod charge;
pub mod chat;
pub mod encoding;
pub mod fault;
pub mod headers;
pub mod json;
pub mod json_edit;
pub mod list;
pub mod partial;
pub mod path;
pub mod receipt;
pub mod separator;
pub mod sse;
pub mod terms;
