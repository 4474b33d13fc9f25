//! The HTTP faces: what the brokers answer to applications, to people with `curl`, and to each other.
//!
//! A face holds a broker's handle and turns requests into its operations and its answers into JSON; it knows no rule
//! about money. A request passes `serve` (connections and their limits; `outflow` says whether what was sent has left), `guard` (who may ask at all; `asker` says who it is behind a web server), a handler of
//! `user/` or `provider/`, and leaves as an answer or as a [`Problem`], the one error shape. `input` reads bodies and
//! queries strictly, `field` says what may stand in them, `details` what the details of errors hold, `export`
//! sends books as files, `routes` holds the tables from which routers, OpenAPI documents and API pages (`document/`) are made.
//! `demo/` are the two built-in services that a demo sells; `devnet` is the embedded chain's JSON-RPC.

mod asker;
pub mod demo;
mod details;
pub mod devnet;
mod document;
mod error;
mod events;
mod explorer;
mod export;
mod field;
mod guard;
mod input;
mod limits;
mod list;
mod metrics;
mod outflow;
mod pass;
mod patient;
pub mod provider;
mod ready;
mod routes;
mod serve;
pub mod user;

#[cfg(test)]
pub(crate) use self::{
    document::fits,
    field::{Field, Kind, Presence, edges::Edges},
};
pub use self::{
    error::Problem,
    explorer::Explorer,
    guard::{Guard, OpenListener, local},
    limits::Limits,
    routes::{Access, RouteDoc},
    serve::{BindError, Bound, Peer, Server},
};
