//! Keeps the store's services and the chain's in agreement, whatever a crash or somebody else's key did.
//!
//! What the store wants and the chain lacks or lists otherwise is put there (a changed `servingUrl` included). What the
//! chain lists and the store does not know is reported and left alone: it may be another broker's.

use std::sync::Arc;
use std::time::Duration;

use super::core::{Core, ProviderBroker};
use super::error::ProviderError;
use super::services::Errand;
use crate::chain::Ticket;
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
        for name in self.store.paused_services().await? {
            self.gate.set_paused(&name, true);
        }
        for row in self.store.services().await? {
            self.services.set(row.clone());
            self.offer(&row).await?;
        }
        let listed = self.chain.services_of(self.me, None).await?.services;
        self.services.listing.replace(&listed);
        for service in listed {
            self.adopt(&service).await?;
        }
        Ok(())
    }

    /// Reconciles at the start, and again whenever something hints at a difference.
    pub(super) async fn keep_reconciled(self: Arc<Self>, under_way: Vec<(Ticket, Option<ServiceName>)>) {
        // What the last run sent may still arrive; sending it again meanwhile would pay for it twice, whoever asks.
        let turns: Vec<_> = under_way.iter().filter_map(|(_, name)| self.try_turn(name.as_ref()?)).collect();
        for (mut ticket, _) in under_way {
            ticket.wait().await;
        }
        drop(turns);
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
        self.services.listing.replace(&listed.services);
        let mut sync = ServiceSync { unreadable: listed.unreadable, ..ServiceSync::default() };
        let mut listed = listed.services;
        for row in self.services.rows() {
            let name = row.name;
            let on_chain =
                listed.iter().position(|service| service.name == name).map(|at| listed.swap_remove(at));
            let Some(turn) = self.try_turn(&name) else {
                sync.pending.push((name, "an operation is under way".to_owned()));
                continue;
            };
            match self.repair(&name, on_chain).await {
                Ok(Repair::Unchanged) => sync.unchanged.push(name),
                Ok(Repair::Pushed) => sync.pushed.push(name),
                Ok(Repair::Removed) => sync.removed.push(name),
                Ok(Repair::Pending) => {
                    sync.pending.push((name, "the transaction is not in a block yet".to_owned()));
                }
                Err(error) => sync.pending.push((name, error.to_string())),
            }
            drop(turn);
        }
        // One that was registered while the list was on its way is no stranger.
        listed.retain(|service| self.services.row(&service.name).is_none());
        sync.unknown = listed;
        for service in &sync.unknown {
            tracing::warn!(service = %service.name, "the chain lists a service of this provider that is not known here");
        }
        self.publisher.touch();
        Ok(sync)
    }

    /// Makes the chain agree with one row. Its turn must be held.
    async fn repair(&self, name: &ServiceName, seen: Option<Service>) -> Result<Repair, ProviderError> {
        let fits = |core: &Core, listed: Option<&Service>| {
            let row = core.services.row(name)?;
            let fits = match (row.status, listed) {
                (ServiceStatus::Removing, listed) => listed.is_none(),
                (_, Some(listed)) => core.agrees(&row, listed),
                (_, None) => false,
            };
            Some((row, fits))
        };
        let mut on_chain = seen;
        // Another order may have changed row and chain since the list was read; only what still differs now that the
        // turn is held is paid for.
        if !fits(self, on_chain.as_ref()).is_some_and(|(_, fits)| fits) {
            on_chain = self.chain.service(self.me, name, None).await?;
        }
        let Some((row, fits)) = fits(self, on_chain.as_ref()) else { return Ok(Repair::Removed) };
        let errand = match (row.status, on_chain) {
            (ServiceStatus::Removing, None) => {
                self.forget(name).await?;
                return Ok(Repair::Removed);
            }
            (ServiceStatus::Removing, Some(_)) => Errand::Remove,
            (_, Some(listed)) if fits => {
                self.adopt(&listed).await?;
                return Ok(Repair::Unchanged);
            }
            _ => Errand::Put,
        };
        let mut ticket = self.send(&row, errand).await?;
        let outcome = ticket.wait().await;
        // However it went, the row stays as it is wanted.
        let done = self.arrived(&row, Some(row.clone()), errand, &outcome, ticket.op).await?;
        Ok(match (done, errand) {
            (false, _) => Repair::Pending,
            (true, Errand::Put) => Repair::Pushed,
            (true, Errand::Remove) => Repair::Removed,
        })
    }
}

/// What was done about one service.
enum Repair {
    Unchanged,
    Pushed,
    Removed,
    /// It is not known yet.
    Pending,
}
