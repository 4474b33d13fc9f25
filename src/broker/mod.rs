//! The two brokers: every rule about money lives here, and nothing about screens, HTTP, SQL or RPC.
//!
//! They share the floors below and never import each other: what they agree on is in `wire`, `meter` and `domain`.
//! `outbox` is how either of them sends to the chain, `retention` how either forgets old requests,
//! `export` how either writes its books out.

pub mod export;
pub mod outbox;
pub mod provider;
mod retention;
pub mod user;
