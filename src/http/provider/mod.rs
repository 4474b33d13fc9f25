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
use tokio::time::Instant;

use super::guard::Guard;
use super::routes::RequestCounts;
use super::{Explorer, Problem};
use crate::broker::provider::{ProviderBroker, ProviderError, Wait};
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
    waits: Waits,
}

/// How long an order lets its caller wait.
#[derive(Clone, Copy, Debug)]
pub struct Waits {
    /// For a block, from the order on. After that the answer names the operation that was sent.
    pub block: Duration,
    /// For any answer. It is reached only where a chain takes that long before anything could be sent; what comes of the
    /// order is not known then.
    pub answer: Duration,
}

impl Default for Waits {
    fn default() -> Self {
        Waits { block: Duration::from_secs(80), answer: Duration::from_secs(90) }
    }
}

impl Face {
    /// The operation with the address at which people can look at its transaction.
    fn linked(&self, mut operation: OperationItem) -> OperationItem {
        operation.transaction_url = self.explorer.link(operation.transaction_hash);
        operation
    }

    /// Until when an order that begins now waits for its block.
    fn wait(&self) -> Wait {
        Wait::Until(Instant::now() + self.waits.block)
    }

    /// Carries an order out in a task of its own, so that a caller who hangs up does not leave it half done.
    /// `None`: it is still being carried out.
    async fn order<T: Send + 'static>(
        &self,
        order: impl Future<Output = Result<T, Problem>> + Send + 'static,
    ) -> Result<Option<T>, Problem> {
        let (reply, answer) = oneshot::channel();
        self.tasks.spawn("order of the owner", async move {
            // Whoever asked may be gone; the order is carried out all the same.
            let _ = reply.send(Box::pin(order).await);
        });
        match tokio::time::timeout(self.waits.answer, answer).await {
            Ok(Ok(done)) => done.map(Some),
            Ok(Err(_)) => Err(ProviderError::Stopping.into()),
            Err(_) => Ok(None),
        }
    }
}

/// The owner's API behind its guard, and the proxy beside it. Orders run as tasks of `tasks`.
pub fn router(broker: ProviderBroker, guard: Guard, tasks: Tasks, explorer: Explorer) -> Router {
    router_that_waits(broker, guard, tasks, explorer, Waits::default())
}

/// [`router`], whose orders let their callers wait as long as `waits` says.
pub fn router_that_waits(
    broker: ProviderBroker,
    guard: Guard,
    tasks: Tasks,
    explorer: Explorer,
    waits: Waits,
) -> Router {
    let counts = Arc::new(RequestCounts::default());
    let face = Face { broker, counts: Arc::clone(&counts), tasks, explorer, waits };
    table::table().router(face, Arc::new(guard), counts)
}

/// The metered proxy alone.
pub fn proxy_router(broker: ProviderBroker, tasks: Tasks) -> Router {
    let counts = Arc::new(RequestCounts::default());
    let (explorer, waits) = (Explorer::default(), Waits::default());
    let face = Face { broker, counts: Arc::clone(&counts), tasks, explorer, waits };
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
