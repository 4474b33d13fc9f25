//! Keeps the store's services and the chain's in agreement, whatever a crash or somebody else's key did.
//!
//! What the store wants and the chain lacks or lists otherwise is put there (a changed `servingUrl` included). What the
//! chain lists and the store does not know is reported and left alone: it may be another broker's.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::core::{Core, ProviderBroker};
use super::error::ProviderError;
use super::services::{Errand, Turn, Wait};
use crate::chain::{Outcome, Ticket};
use crate::domain::{OperationId, Service, ServiceName};
use crate::store::provider::{OfferedService, ServiceStatus};

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
    /// Compares all services with the chain and repairs what differs. What is not in a block when the wait is over stays
    /// pending, and is followed all the same.
    pub async fn sync_services(&self, wait: Wait) -> Result<ServiceSync, ProviderError> {
        self.core.reconcile(wait).await
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
    pub(super) async fn keep_reconciled(self: Arc<Self>, under_way: Vec<(Ticket, Option<Turn>)>) {
        // What the last run sent may still arrive; sending it again meanwhile would pay for it twice.
        for (mut ticket, turn) in under_way {
            match ticket.wait().await {
                Outcome::Unknown { .. } => self.keep_turn(ticket, turn),
                _ => drop(turn),
            }
        }
        self.services.again.notify_one();
        // One timer at most, however often something hints at a difference that cannot be repaired.
        let mut retry: Option<Instant> = None;
        loop {
            tokio::select! {
                () = self.services.again.notified() => {}
                () = until(retry) => {}
            }
            let repaired = match self.reconcile(Wait::Receipt).await {
                Ok(sync) => sync.pending.is_empty(),
                Err(error) => {
                    tracing::warn!(%error, "services and chain could not be compared");
                    false
                }
            };
            retry = (!repaired).then(|| Instant::now() + RETRY);
        }
    }

    async fn reconcile(self: &Arc<Self>, wait: Wait) -> Result<ServiceSync, ProviderError> {
        let listed = self.chain.services_of(self.me, None).await?;
        self.services.listing.replace(&listed.services);
        let mut sync = ServiceSync { unreadable: listed.unreadable, ..ServiceSync::default() };
        let mut listed = listed.services;
        for row in self.services.rows() {
            let name = row.name;
            let on_chain =
                listed.iter().position(|service| service.name == name).map(|at| listed.swap_remove(at));
            // What agrees needs no turn, so that a look does not stand in the way of an order.
            if let (Some((row, true)), Some(listed)) = (self.fits(&name, on_chain.as_ref()), &on_chain)
                && row.status != ServiceStatus::Removing
            {
                self.adopt(listed).await?;
                sync.unchanged.push(name);
                continue;
            }
            let Some(turn) = self.try_turn(&name) else {
                sync.pending.push((name, "an operation is under way".to_owned()));
                continue;
            };
            match self.repair(&name, on_chain, turn, wait).await {
                Ok(Repair::Unchanged) => sync.unchanged.push(name),
                Ok(Repair::Pushed) => sync.pushed.push(name),
                Ok(Repair::Removed) => sync.removed.push(name),
                Ok(Repair::Pending(operation)) => {
                    sync.pending
                        .push((name, format!("operation {operation} is sent and not in a block yet")));
                }
                Err(error) => sync.pending.push((name, error.to_string())),
            }
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

    /// A row as it is now, and whether this is all that it wants of the chain.
    fn fits(&self, name: &ServiceName, listed: Option<&Service>) -> Option<(OfferedService, bool)> {
        let row = self.services.row(name)?;
        let fits = match (row.status, listed) {
            (ServiceStatus::Removing, listed) => listed.is_none(),
            (_, Some(listed)) => self.agrees(&row, listed),
            (_, None) => false,
        };
        Some((row, fits))
    }

    /// Keeps everybody from sending anything about a service until it is known what became of what was sent.
    fn keep_turn(self: &Arc<Self>, mut ticket: Ticket, turn: Option<Turn>) {
        let core = Arc::clone(self);
        self.tasks.spawn_until_stopped("change of a service with an unknown outcome", async move {
            while let Some(Outcome::Unknown { .. }) = ticket.next().await {}
            drop(turn);
            core.services.again.notify_one();
        });
    }

    /// Makes the chain agree with one row.
    async fn repair(
        self: &Arc<Self>,
        name: &ServiceName,
        seen: Option<Service>,
        turn: Turn,
        wait: Wait,
    ) -> Result<Repair, ProviderError> {
        let mut on_chain = seen;
        // Another order may have changed row and chain since the list was read; only what still differs now that the
        // turn is held is paid for.
        if !self.fits(name, on_chain.as_ref()).is_some_and(|(_, fits)| fits) {
            on_chain = self.chain.service(self.me, name, None).await?;
        }
        let Some((row, fits)) = self.fits(name, on_chain.as_ref()) else { return Ok(Repair::Removed) };
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
        let operation = ticket.op;
        let outcome = match wait {
            Wait::Broadcast => None,
            Wait::Receipt => Some(ticket.wait().await),
            Wait::Until(moment) => tokio::time::timeout_at(moment, ticket.wait()).await.ok(),
        };
        let Some(outcome) = outcome.filter(|outcome| !matches!(outcome, Outcome::Unknown { .. })) else {
            self.keep_turn(ticket, Some(turn));
            return Ok(Repair::Pending(operation));
        };
        // However it went, the row stays as it is wanted.
        let done = self.arrived(&row, Some(row.clone()), errand, &outcome, operation).await?;
        Ok(match (done, errand) {
            (false, _) => Repair::Pending(operation),
            (true, Errand::Put) => Repair::Pushed,
            (true, Errand::Remove) => Repair::Removed,
        })
    }
}

async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

/// What was done about one service.
enum Repair {
    Unchanged,
    Pushed,
    Removed,
    /// It is not known yet.
    Pending(OperationId),
}
