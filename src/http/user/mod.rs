//! The user broker's API, by default on 127.0.0.1:1034.
//!
//! `table` lists every route; the files beside it answer them, named by what they are about. `shapes` is how objects
//! look in JSON, `answers` what is told of them. `paid` is the call that everything else is for: it passes a request to a provider's service and pays.

mod accounts;
mod answers;
mod details;
mod done;
mod error;
mod events;
mod models;
mod paid;
mod refunds;
mod requests;
mod services;
mod shapes;
mod status;
mod table;

use std::sync::Arc;

use axum::Router;
use tokio_util::sync::CancellationToken;

use super::Explorer;
use super::guard::Guard;
use super::routes::RequestCounts;
use crate::broker::user::UserBroker;

/// What every handler of this API has.
#[derive(Clone, Debug)]
struct Face {
    broker: UserBroker,
    counts: Arc<RequestCounts>,
    /// Cancelled when the listener stops; streams without an end of their own end then.
    stop: CancellationToken,
    /// Where people can look at transactions.
    explorer: Explorer,
}

/// The whole API behind its guard. `stop` ends what would never end by itself.
pub fn router(broker: UserBroker, guard: Guard, stop: CancellationToken, explorer: Explorer) -> Router {
    let counts = Arc::new(RequestCounts::default());
    let face = Face { broker, counts: Arc::clone(&counts), stop, explorer };
    table::table().router(face, Arc::new(guard), counts)
}

/// The OpenAPI document, without a broker.
pub fn openapi() -> serde_json::Value {
    table::table().openapi()
}

/// Every route, without a broker.
pub fn routes() -> Vec<super::RouteDoc> {
    table::table().docs()
}
