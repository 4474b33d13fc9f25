//! Keeps the store's services and the chain's in agreement, whatever a crash or somebody else's key did.
//!
//! What the store wants and the chain lacks or lists otherwise is put there (a changed `servingUrl` included). What the
//! chain lists and the store does not know is reported and left alone: it may be another broker's.

use std::sync::Arc;
use std::time::Duration;

use super::core::{Core, ProviderBroker};
use super::error::ProviderError;
use super::services::Errand;
use crate::chain::{Outcome, Ticket};
use crate::domain::{Service, ServiceName};
use crate::store::provider::ServiceStatus;

/// A disagreement that could not be repaired is looked at again after this time.
const RETRY: Duration = Duration::from_secs(60);

/// What a comparison of store and chain found and did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServiceSync {
    /// Both agree.
    pub unchanged: Vec<ServiceName>,
    /// Were put on the chain.
    pub pushed: Vec<ServiceName>,
    /// Were taken off the chain.
    pub removed: Vec<ServiceName>,
    /// Have an operation under way, or could not be brought to the chain; with the reason.
    pub pending: Vec<(ServiceName, String)>,
    /// Listed under this provider's address, but not known here. Left alone.
    pub unknown: Vec<Service>,
    /// Listed in a form that this program cannot read.
    pub unreadable: usize,
}

impl ProviderBroker {
    /// Compares all services with the chain and repairs what differs.
    pub async fn sync_services(&self) -> Result<ServiceSync, ProviderError> {
        self.core.reconcile().await
    }
}

impl Core {
    /// At the start: what the store knows becomes callable as the chain lists it. Sends nothing.
    pub(super) async fn load_services(&self) -> Result<(), ProviderError> {
        for row in self.store.services().await? {
            self.services.set(row.clone());
            self.offer(&row).await?;
        }
        if self.services.rows().is_empty() {
            return Ok(());
        }
        for listed in self.chain.services_of(self.me, None).await?.services {
            self.adopt(&listed).await?;
        }
        Ok(())
    }

    /// Reconciles at the start, and again whenever something hints at a difference.
    pub(super) async fn keep_reconciled(self: Arc<Self>, under_way: Vec<Ticket>) {
        // What the last run sent may still arrive; sending it again meanwhile would pay for it twice.
        for mut ticket in under_way {
            ticket.wait().await;
        }
        self.services.again.notify_one();
        loop {
            self.services.again.notified().await;
            match self.reconcile().await {
                Ok(sync) if sync.pending.is_empty() => {}
                Ok(_) => self.try_again_later(),
                Err(error) => {
                    tracing::warn!(%error, "services and chain could not be compared");
                    self.try_again_later();
                }
            }
        }
    }

    fn try_again_later(self: &Arc<Self>) {
        let core = Arc::clone(self);
        self.tasks.spawn_until_stopped("service reconciliation retry", async move {
            tokio::time::sleep(RETRY).await;
            core.services.again.notify_one();
        });
    }

    async fn reconcile(self: &Arc<Self>) -> Result<ServiceSync, ProviderError> {
        let listed = self.chain.services_of(self.me, None).await?;
        let mut sync = ServiceSync { unreadable: listed.unreadable, ..ServiceSync::default() };
        let mut listed = listed.services;
        for row in self.services.rows() {
            let name = row.name.clone();
            let on_chain =
                listed.iter().position(|service| service.name == name).map(|at| listed.swap_remove(at));
            let Some(turn) = self.try_turn(&name) else {
                sync.pending.push((name, "an operation is under way".to_owned()));
                continue;
            };
            let errand = match (row.status, &on_chain) {
                (ServiceStatus::Removing, None) => {
                    self.forget(&name).await?;
                    sync.removed.push(name);
                    continue;
                }
                (ServiceStatus::Removing, Some(_)) => Errand::Remove,
                (_, Some(service)) if self.agrees(&row, service) => {
                    self.adopt(service).await?;
                    sync.unchanged.push(name);
                    continue;
                }
                _ => Errand::Put,
            };
            let done = match self.send(&row, errand).await {
                Ok(mut ticket) => {
                    let outcome = ticket.wait().await;
                    self.settle_errand(&row, errand, &outcome, ticket.op).await
                }
                Err(error) => Err(error),
            };
            drop(turn);
            match (done, errand) {
                (Ok(true), Errand::Put) => sync.pushed.push(name),
                (Ok(true), Errand::Remove) => sync.removed.push(name),
                (Ok(false), _) => {
                    sync.pending.push((name, "the transaction is not in a block yet".to_owned()))
                }
                (Err(error), _) => sync.pending.push((name, error.to_string())),
            }
        }
        sync.unknown = listed;
        for service in &sync.unknown {
            tracing::warn!(service = %service.name, "the chain lists a service of this provider that is not known here");
        }
        self.publisher.touch();
        Ok(sync)
    }

    /// The outcome of a repair. The row stays as it is wanted, however it went.
    async fn settle_errand(
        &self,
        row: &crate::store::provider::OfferedService,
        errand: Errand,
        outcome: &Outcome,
        operation: crate::domain::OperationId,
    ) -> Result<bool, ProviderError> {
        self.arrived(row, Some(row.clone()), errand, outcome, operation).await
    }
}
