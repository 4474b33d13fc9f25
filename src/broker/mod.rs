//! The two brokers: every rule about money lives here. Screens and routes are above, SQL and RPC below.
//!
//! Two things of the outside are here all the same. Each broker is a client over HTTP, in its `upstream`. And errors keep their
//! sentences: those of `user::error` name what to ask the API for, `user::screen` says the same to people at a screen.
//!
//! They share the floors below and never import each other: what they agree on is in `wire`, `meter` and `domain`.
//! `outbox` is how either of them sends to the chain, `retention` how either forgets old requests,
//! `export` how either writes its books out.

pub mod export;
pub mod outbox;
pub mod provider;
mod retention;
pub mod user;
