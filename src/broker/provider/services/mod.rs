//! What the operator offers: taken, checked, written down, put on the chain, and from then on callable.
//!
//! ```text
//! put ─▶ store: pending ─▶ operation ─▶ Sender ─▶ mined ─▶ chain read: version ─▶ store: listed ─▶ offer
//! ```
//!
//! A price counts only once the chain lists it, since users sign for the chain's version; until then the former one
//! holds. If the transaction cannot be sent or is refused, the row is as it was before.
//!
//! | file | holds |
//! |---|---|
//! | `check` | what an operator describes, held against what can be served |
//! | `change` | the way of a change to the chain and back |
//! | `listing` | what the chain lists, and where that differs |

mod change;
mod check;
mod listing;

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;

pub(super) use self::change::Errand;
use self::check::{check, meter_of};
use self::listing::{Listing, differences};
use super::core::{Core, ProviderBroker};
use super::error::ProviderError;
use super::view::{Event, ServiceStatus, ServiceView};
use crate::domain::{OperationId, Prices, Service, ServiceKind, ServiceLimits, ServiceName, Timestamp};
use crate::keys::Secret;
use crate::store::provider::{OfferedService, ServiceStatus as StoredStatus, UpstreamHeaders};
use crate::wire::terms::MeterName;

/// A service as its operator describes it.
#[derive(Clone, Debug)]
pub struct ServiceInput {
    pub name: String,
    pub kind: ServiceKind,
    /// Where the service itself is: a root, or one full endpoint. Not published.
    pub url: String,
    pub model: String,
    pub prices: Prices,
    /// `None`: o200k for a chatbot, bytes for zgStorage.
    pub meter: Option<MeterName>,
    /// Headers to send along, such as an API key. `None` on a change: those that are there stay.
    pub upstream_headers: Option<Vec<(String, Secret<String>)>>,
    /// What all users together may ask of it. `None` on a change: the limits that are there stay.
    pub limits: Option<ServiceLimits>,
}

/// How long an order waits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wait {
    /// Until the transaction is broadcast; the operation can be followed by its id.
    Broadcast,
    /// Until it is in a block (or nobody knows for a long time).
    #[default]
    Receipt,
    /// The same, but not beyond this moment: from then on it is answered as one that was broadcast.
    Until(Instant),
}

impl Wait {
    /// What is told of an operation's end while somebody waits for it. `None`: nothing was.
    pub(super) async fn hear<T>(self, ended: oneshot::Receiver<T>) -> Option<T> {
        match self {
            Wait::Broadcast => None,
            Wait::Receipt => ended.await.ok(),
            Wait::Until(moment) => tokio::time::timeout_at(moment, ended).await.ok()?.ok(),
        }
    }
}

/// What became of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceChange {
    /// `None` when the chain did not have to learn anything.
    pub operation: Option<OperationId>,
    /// Whether the chain has it already.
    pub done: bool,
    /// The service as it is now; `None` once it is gone.
    pub service: Option<ServiceView>,
}

/// The rows of the store, and which of them are on their way to the chain.
#[derive(Debug, Default)]
pub(super) struct Services {
    rows: Mutex<BTreeMap<ServiceName, OfferedService>>,
    /// Names with an operation under way.
    busy: Mutex<HashSet<ServiceName>>,
    /// What the chain lists.
    pub listing: Listing,
    /// Told when store and chain may disagree.
    pub again: Notify,
}

/// Holds a name while an operation about it is under way.
#[derive(Debug)]
pub(super) struct Turn {
    core: Arc<Core>,
    name: ServiceName,
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.core.services.busy.lock().remove(&self.name);
    }
}

impl Services {
    pub(super) fn row(&self, name: &ServiceName) -> Option<OfferedService> {
        self.rows.lock().get(name).cloned()
    }

    pub(super) fn rows(&self) -> Vec<OfferedService> {
        self.rows.lock().values().cloned().collect()
    }

    pub(super) fn set(&self, row: OfferedService) {
        self.rows.lock().insert(row.name.clone(), row);
    }

    /// Sets a row unless it is another one than `before` by now.
    fn replace(&self, before: &OfferedService, row: OfferedService) -> bool {
        match self.rows.lock().get_mut(&row.name) {
            Some(present) if present == before => {
                *present = row;
                true
            }
            _ => false,
        }
    }

    pub(super) fn remove(&self, name: &ServiceName) {
        self.rows.lock().remove(name);
    }
}

impl Core {
    /// All services, by name.
    pub(super) fn service_views(&self) -> Vec<ServiceView> {
        self.services.rows().iter().map(|row| self.service_view(row)).collect()
    }

    fn service_view(&self, row: &OfferedService) -> ServiceView {
        let public_url = &self.settings.serving_url;
        let listed = self.services.listing.of(&row.name);
        let differs = match &listed {
            Some(listed) => differences(row, listed.as_ref(), public_url),
            None => Vec::new(),
        };
        ServiceView {
            name: row.name.clone(),
            kind: row.kind,
            target: row.target.clone(),
            public_url: public_url.clone(),
            model: row.model.clone(),
            prices: row.prices,
            meter: meter_of(row),
            header_names: row.headers.0.iter().map(|(name, _)| name.clone()).collect(),
            status: match row.status {
                StoredStatus::Pending => ServiceStatus::Pending,
                StoredStatus::Listed => ServiceStatus::Listed,
                StoredStatus::Removing => ServiceStatus::Removing,
            },
            paused: self.gate.is_paused(&row.name),
            limits: row.limits,
            in_flight: self.gate.in_flight(&row.name),
            health: self.conditions.of(&row.name),
            listed: listed.flatten(),
            differs,
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

/// What becomes of a service whose name is registered once more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameTaken {
    Replaced,
    Refused,
}

impl ProviderBroker {
    /// All services, by name.
    pub fn services(&self) -> Vec<ServiceView> {
        self.core.service_views()
    }

    /// What the chain lists under this provider's address and the database does not know, as of the last look.
    pub fn unknown_services(&self) -> Vec<Service> {
        let mut listed = self.core.services.listing.all();
        listed.retain(|service| self.core.services.row(&service.name).is_none());
        listed
    }

    pub fn service(&self, name: &ServiceName) -> Option<ServiceView> {
        self.core.services.row(name).map(|row| self.core.service_view(&row))
    }

    /// Registers a service, or replaces the one of that name.
    pub async fn put_service(&self, input: ServiceInput, wait: Wait) -> Result<ServiceChange, ProviderError> {
        self.register_service(input, NameTaken::Replaced, wait).await
    }

    /// Registers a service; `taken` says what becomes of one that has the name already. One that only the chain knows is
    /// taken over either way.
    pub async fn register_service(
        &self,
        input: ServiceInput,
        taken: NameTaken,
        wait: Wait,
    ) -> Result<ServiceChange, ProviderError> {
        let name: ServiceName = input.name.parse().map_err(|error| ProviderError::input("Name", error))?;
        let turn = self.core.turn(&name)?;
        let before = self.core.services.row(&name);
        if before.is_some() && taken == NameTaken::Refused {
            return Err(ProviderError::ServiceExists(name));
        }
        let row = check(&input, name, before.as_ref(), Timestamp::now())?;
        self.core.change(turn, row, before, wait).await
    }

    /// Changes a service that exists.
    pub async fn update_service(
        &self,
        input: ServiceInput,
        wait: Wait,
    ) -> Result<ServiceChange, ProviderError> {
        let name: ServiceName = input.name.parse().map_err(|error| ProviderError::input("Name", error))?;
        match self.core.services.row(&name) {
            Some(_) => self.put_service(input, wait).await,
            None => Err(ProviderError::UnknownService(name)),
        }
    }

    /// Takes a service off the chain and forgets it. It answers no more from this moment on. Works too for one that
    /// only the chain knows.
    pub async fn delete_service(
        &self,
        name: &ServiceName,
        wait: Wait,
    ) -> Result<ServiceChange, ProviderError> {
        let turn = self.core.turn(name)?;
        match self.core.services.row(name) {
            Some(row) => self.core.take_off(turn, row.clone(), Some(row), wait).await,
            None => {
                let listed = self.core.chain.service(self.core.me, name, None).await?;
                let listed = listed.ok_or_else(|| ProviderError::UnknownService(name.clone()))?;
                self.core.take_off(turn, stranger(&listed, Timestamp::now()), None, wait).await
            }
        }
    }

    /// Has a service take no new requests (`true`), or take them again. Those that it serves go on; the chain lists it
    /// all the same. Survives a restart.
    pub async fn pause_service(
        &self,
        name: &ServiceName,
        paused: bool,
    ) -> Result<ServiceView, ProviderError> {
        let core = &self.core;
        let row = core.services.row(name).ok_or_else(|| ProviderError::UnknownService(name.clone()))?;
        core.store.pause_service(name.clone(), paused).await?;
        core.gate.set_paused(name, paused);
        if core.services.row(name).is_none() {
            // It was taken off meanwhile; whatever gets its name next is not paused.
            core.gate.forget(name);
        }
        core.publisher.tell(Event::ServiceChanged { name: name.clone() });
        Ok(core.service_view(&row))
    }
}

/// A service that only the chain knows, as it is written down to be taken off.
fn stranger(listed: &Service, now: Timestamp) -> OfferedService {
    OfferedService {
        name: listed.name.clone(),
        kind: listed.kind,
        target: String::new(),
        model: listed.model.clone(),
        meter: String::new(),
        prices: listed.prices,
        headers: UpstreamHeaders::default(),
        limits: ServiceLimits::default(),
        status: StoredStatus::Removing,
        version: Some(listed.version),
        created_at: now,
        updated_at: now,
    }
}
