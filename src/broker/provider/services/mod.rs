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

mod change;
mod check;

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Notify;

pub(super) use self::change::Errand;
use self::check::{check, meter_of};
use super::core::{Core, ProviderBroker};
use super::error::ProviderError;
use super::view::{ServiceStatus, ServiceView};
use crate::domain::{OperationId, Prices, ServiceKind, ServiceName, Timestamp};
use crate::keys::Secret;
use crate::store::provider::{OfferedService, ServiceStatus as StoredStatus};
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
}

/// How long an order waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// Until the transaction is broadcast; the operation can be followed by its id.
    Broadcast,
    /// Until it is in a block (or nobody knows for a long time).
    Receipt,
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
    pub(super) fn views(&self) -> Vec<ServiceView> {
        self.rows.lock().values().map(view).collect()
    }

    pub(super) fn row(&self, name: &ServiceName) -> Option<OfferedService> {
        self.rows.lock().get(name).cloned()
    }

    pub(super) fn rows(&self) -> Vec<OfferedService> {
        self.rows.lock().values().cloned().collect()
    }

    pub(super) fn set(&self, row: OfferedService) {
        self.rows.lock().insert(row.name.clone(), row);
    }

    pub(super) fn remove(&self, name: &ServiceName) {
        self.rows.lock().remove(name);
    }
}

fn view(row: &OfferedService) -> ServiceView {
    ServiceView {
        name: row.name.clone(),
        kind: row.kind,
        target: row.target.clone(),
        public_url: String::new(),
        model: row.model.clone(),
        prices: row.prices,
        meter: meter_of(row),
        header_names: row.headers.0.iter().map(|(name, _)| name.clone()).collect(),
        status: match row.status {
            StoredStatus::Pending => ServiceStatus::Pending,
            StoredStatus::Listed => ServiceStatus::Listed,
            StoredStatus::Removing => ServiceStatus::Removing,
        },
        version: row.version,
        created_at: row.created_at,
        updated_at: row.updated_at,
    }
}

impl ProviderBroker {
    /// All services, by name.
    pub fn services(&self) -> Vec<ServiceView> {
        let public = &self.core.settings.serving_url;
        let views = self.core.services.views().into_iter();
        views.map(|view| ServiceView { public_url: public.clone(), ..view }).collect()
    }

    pub fn service(&self, name: &ServiceName) -> Option<ServiceView> {
        self.services().into_iter().find(|view| view.name == *name)
    }

    /// Registers a service, or replaces the one of that name (as the procedure's POST does).
    pub async fn put_service(&self, input: ServiceInput, wait: Wait) -> Result<ServiceChange, ProviderError> {
        let name: ServiceName = input.name.parse().map_err(|error| ProviderError::input("name", error))?;
        let turn = self.core.turn(&name)?;
        let before = self.core.services.row(&name);
        let row = check(&input, name, before.as_ref(), Timestamp::now())?;
        self.core.change(turn, row, before, wait).await.map(|change| self.complete(change))
    }

    /// Changes a service that exists.
    pub async fn update_service(
        &self,
        input: ServiceInput,
        wait: Wait,
    ) -> Result<ServiceChange, ProviderError> {
        let name: ServiceName = input.name.parse().map_err(|error| ProviderError::input("name", error))?;
        match self.core.services.row(&name) {
            Some(_) => self.put_service(input, wait).await,
            None => Err(ProviderError::UnknownService(name)),
        }
    }

    /// Takes a service off the chain and forgets it. It answers no more from this moment on.
    pub async fn delete_service(
        &self,
        name: &ServiceName,
        wait: Wait,
    ) -> Result<ServiceChange, ProviderError> {
        let turn = self.core.turn(name)?;
        let row = self.core.services.row(name).ok_or_else(|| ProviderError::UnknownService(name.clone()))?;
        self.core.take_off(turn, row, wait).await.map(|change| self.complete(change))
    }

    fn complete(&self, change: ServiceChange) -> ServiceChange {
        let public_url = self.core.settings.serving_url.clone();
        ServiceChange { service: change.service.map(|view| ServiceView { public_url, ..view }), ..change }
    }
}
