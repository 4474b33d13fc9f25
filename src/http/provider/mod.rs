//! The provider broker's faces: the owner's API (by default on 127.0.0.1:3080) and the metered proxy for strangers.
//!
//! [`router`] has both, so that the single port of the usage procedure works; [`proxy_router`] has the proxy and
//! nothing else, for the public listener. `table` lists the routes; the files beside it answer them.

mod answers;
mod details;
mod error;
mod events;
mod once;
mod overview;
mod proxy;
mod requests;
mod services;
mod settlements;
mod shapes;
mod status;
mod table;
mod users;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::sync::oneshot;

use super::guard::Guard;
use super::routes::RequestCounts;
use super::{Explorer, Problem};
use crate::broker::provider::{ProviderBroker, ProviderError};
use crate::tasks::Tasks;
use crate::wire::admin::OperationItem;

/// What every handler has.
#[derive(Clone, Debug)]
struct Face {
    broker: ProviderBroker,
    counts: Arc<RequestCounts>,
    tasks: Tasks,
    /// Where people can look at transactions, if the settings say.
    explorer: Explorer,
}

/// How long an order waits for a block before it answers 202 instead.
const LONGEST_WAIT: Duration = Duration::from_secs(90);

impl Face {
    /// The operation with the address at which people can look at its transaction.
    fn linked(&self, mut operation: OperationItem) -> OperationItem {
        operation.transaction_url = self.explorer.link(operation.transaction_hash);
        operation
    }

    /// Carries an order out in a task of its own, so that a caller who hangs up does not leave it half done.
    /// `None`: it is still being carried out.
    async fn order<T: Send + 'static>(
        &self,
        order: impl Future<Output = Result<T, ProviderError>> + Send + 'static,
    ) -> Result<Option<T>, Problem> {
        let (reply, answer) = oneshot::channel();
        self.tasks.spawn("order of the owner", async move {
            // Whoever asked may be gone; the order is carried out all the same.
            let _ = reply.send(Box::pin(order).await);
        });
        match tokio::time::timeout(LONGEST_WAIT, answer).await {
            Ok(Ok(done)) => Ok(Some(done?)),
            Ok(Err(_)) => Err(ProviderError::Stopping.into()),
            Err(_) => Ok(None),
        }
    }
}

/// The owner's API behind its guard, and the proxy beside it. Orders run as tasks of `tasks`.
pub fn router(broker: ProviderBroker, guard: Guard, tasks: Tasks, explorer: Explorer) -> Router {
    let counts = Arc::new(RequestCounts::default());
    let face = Face { broker, counts: Arc::clone(&counts), tasks, explorer };
    table::table().router(face, Arc::new(guard), counts)
}

/// The metered proxy alone.
pub fn proxy_router(broker: ProviderBroker, tasks: Tasks) -> Router {
    let counts = Arc::new(RequestCounts::default());
    let face = Face { broker, counts: Arc::clone(&counts), tasks, explorer: Explorer::default() };
    table::proxy_table().public_router(face, counts)
}

/// The OpenAPI document, without a broker.
pub fn openapi() -> serde_json::Value {
    table::table().openapi()
}

/// Every route, without a broker.
pub fn routes() -> Vec<super::RouteDoc> {
    table::table().docs()
}
