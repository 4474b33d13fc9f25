//! The HTTP faces: what the brokers answer to applications, to people with `curl`, and to each other.
//!
//! A face holds a broker's handle and turns requests into its operations and its answers into JSON; it knows no rule
//! about money. A request passes `serve` (connections and their limits), `guard` (who may ask at all), a handler of
//! `user/` or `provider/`, and leaves as an answer or as a [`Problem`], the one error shape. `input` reads bodies and
//! queries strictly, `routes` holds the tables from which routers, OpenAPI documents and API pages are made.
//! `demo/` are the two built-in services that a demo sells; `devnet` is the embedded chain's JSON-RPC.

pub mod demo;
pub mod devnet;
mod document;
mod error;
mod events;
mod explorer;
mod guard;
mod input;
mod list;
mod metrics;
mod pass;
pub mod provider;
mod routes;
mod serve;
pub mod user;

pub use self::{
    error::Problem,
    explorer::Explorer,
    guard::{Guard, OpenListener},
    routes::{Access, RouteDoc},
    serve::{BindError, Bound, Limits, Peer, Server},
};
