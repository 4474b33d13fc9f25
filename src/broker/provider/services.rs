//! What the operator offers: taken, checked, written down, put on the chain, and from then on callable.
//!
//! ```text
//! put ─▶ store: pending ─▶ operation ─▶ Sender ─▶ mined ─▶ chain read: version ─▶ store: listed ─▶ offer
//! ```
//!
//! A price counts only once the chain lists it, since users sign for the chain's version; until then the former one
//! holds. If the transaction cannot be sent or is refused, the row is as it was before.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use http::{HeaderName, HeaderValue};
use parking_lot::Mutex;
use serde_json::json;
use tokio::sync::{Notify, oneshot};

use super::core::{Core, ProviderBroker};
use super::error::ProviderError;
use super::offer::{Offer, Version, meter_for};
use super::target::parse_target;
use super::view::{Event, ServiceStatus, ServiceView};
use crate::broker::outbox;
use crate::chain::{Call, Outcome, SendError, Ticket};
use crate::domain::{
    Neuron, OperationId, OperationKind, Prices, Service, ServiceKind, ServiceName, Timestamp,
};
use crate::keys::Secret;
use crate::store::provider::{OfferedService, ServiceStatus as StoredStatus, UpstreamHeaders};
use crate::store::{NewOperation, OperationEnd};
use crate::wire::terms::MeterName;

/// The longest model name that the contract stores.
const LONGEST_MODEL: usize = 128;
/// Upstream headers of one service at most.
const MOST_HEADERS: usize = 32;
/// The highest price of a unit: 2^112 − 1 over a million units still fits any sum.
const HIGHEST_PRICE: Neuron = Neuron::new(1 << 92);

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

fn meter_of(row: &OfferedService) -> MeterName {
    let named = [MeterName::O200k, MeterName::Usage, MeterName::Bytes].into_iter();
    let named = named.into_iter().find(|meter| meter.as_str() == row.meter);
    // A row of a meter that this kind does not have falls back to the kind's own.
    meter_for(row.kind, named).or_else(|_| meter_for(row.kind, None)).unwrap_or(MeterName::Bytes)
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

/// The row that an input asks for, if it can be served.
fn check(
    input: &ServiceInput,
    name: ServiceName,
    before: Option<&OfferedService>,
    now: Timestamp,
) -> Result<OfferedService, ProviderError> {
    let target = parse_target(input.url.trim()).map_err(|error| ProviderError::input("url", error))?;
    if input.model.len() > LONGEST_MODEL {
        return Err(ProviderError::input("model", format!("it is longer than {LONGEST_MODEL} bytes")));
    }
    if input.model.chars().any(char::is_control) {
        return Err(ProviderError::input("model", "it has control characters"));
    }
    for (field, price) in [("inputPrice", input.prices.input), ("outputPrice", input.prices.output)] {
        if price > HIGHEST_PRICE {
            return Err(ProviderError::input(
                field,
                format!("it is above {HIGHEST_PRICE} neuron for one unit"),
            ));
        }
    }
    let meter = meter_for(input.kind, input.meter).map_err(|reason| ProviderError::input("meter", reason))?;
    let headers = match &input.upstream_headers {
        Some(headers) => {
            let headers =
                headers.iter().map(|(name, value)| (name.clone(), value.expose().clone())).collect();
            UpstreamHeaders(headers)
        }
        None => before.map(|row| row.headers.clone()).unwrap_or_default(),
    };
    header_values(&headers)?;
    Ok(OfferedService {
        name,
        kind: input.kind,
        target: target.to_string(),
        model: input.model.clone(),
        meter: meter.as_str().to_owned(),
        prices: input.prices,
        headers,
        status: StoredStatus::Pending,
        version: before.and_then(|row| row.version),
        created_at: before.map_or(now, |row| row.created_at),
        updated_at: now,
    })
}

fn header_values(headers: &UpstreamHeaders) -> Result<Vec<(HeaderName, HeaderValue)>, ProviderError> {
    // The value is never repeated: it may be a key.
    let bad = |reason: &str| ProviderError::input("upstreamHeaders", reason);
    if headers.0.len() > MOST_HEADERS {
        return Err(bad("there are too many"));
    }
    let read = |(name, value): &(String, String)| {
        let name: HeaderName = name.parse().map_err(|_| bad("a name is not a header name"))?;
        if matches!(
            name.as_str(),
            "host" | "content-length" | "transfer-encoding" | "connection" | "accept-encoding"
        ) {
            return Err(bad("host, connection, lengths and encodings are set by the broker"));
        }
        let mut value = HeaderValue::from_str(value)
            .map_err(|_| bad("a value has characters that no header can carry"))?;
        value.set_sensitive(true);
        Ok((name, value))
    };
    headers.0.iter().map(read).collect()
}

impl Core {
    fn turn(self: &Arc<Self>, name: &ServiceName) -> Result<Turn, ProviderError> {
        if self.services.busy.lock().insert(name.clone()) {
            Ok(Turn { core: Arc::clone(self), name: name.clone() })
        } else {
            Err(ProviderError::ServiceBusy(name.clone()))
        }
    }

    /// [`Core::turn`], for whoever comes again later anyway.
    pub(super) fn try_turn(self: &Arc<Self>, name: &ServiceName) -> Option<Turn> {
        self.turn(name).ok()
    }

    /// Whether the chain lists a service just as the row wants it.
    pub(super) fn agrees(&self, row: &OfferedService, listed: &Service) -> bool {
        row.kind == listed.kind
            && row.model == listed.model
            && row.prices == listed.prices
            && listed.url == self.settings.serving_url
    }

    /// Writes a wanted service down and brings it to the chain.
    async fn change(
        self: &Arc<Self>,
        turn: Turn,
        mut row: OfferedService,
        before: Option<OfferedService>,
        wait: Wait,
    ) -> Result<ServiceChange, ProviderError> {
        let same_terms = before.as_ref().is_some_and(|old| {
            old.status == StoredStatus::Listed
                && (old.kind, &old.model, old.prices, &old.meter)
                    == (row.kind, &row.model, row.prices, &row.meter)
        });
        if same_terms {
            // Only what is behind the broker changes; nothing of it is on the chain.
            row.status = StoredStatus::Listed;
            self.store.put_service(row.clone()).await?;
            self.services.set(row.clone());
            self.offer(&row).await?;
            self.publisher.tell(Event::ServiceChanged { name: row.name.clone() });
            return Ok(ServiceChange { operation: None, done: true, service: Some(view(&row)) });
        }
        self.store.put_service(row.clone()).await?;
        self.services.set(row.clone());
        match self.send(&row, Errand::Put).await {
            Ok(ticket) => self.watch(turn, ticket, row, before, Errand::Put, wait).await,
            Err(error) => {
                self.undo(&row, before).await;
                Err(error)
            }
        }
    }

    async fn take_off(
        self: &Arc<Self>,
        turn: Turn,
        before: OfferedService,
        wait: Wait,
    ) -> Result<ServiceChange, ProviderError> {
        let row =
            OfferedService { status: StoredStatus::Removing, updated_at: Timestamp::now(), ..before.clone() };
        self.store.put_service(row.clone()).await?;
        self.services.set(row.clone());
        self.offers.remove(&row.name);
        if row.version.is_none() && self.chain.service(self.me, &row.name, None).await?.is_none() {
            self.forget(&row.name).await?;
            return Ok(ServiceChange { operation: None, done: true, service: None });
        }
        match self.send(&row, Errand::Remove).await {
            Ok(ticket) => self.watch(turn, ticket, row, Some(before), Errand::Remove, wait).await,
            Err(error) => {
                self.undo(&row, Some(before)).await;
                Err(error)
            }
        }
    }

    /// Begins the operation that makes the chain agree with a row.
    pub(super) async fn send(&self, row: &OfferedService, errand: Errand) -> Result<Ticket, ProviderError> {
        let id = OperationId::random();
        let (kind, call) = match errand {
            Errand::Put => (
                OperationKind::PutService,
                Call::PutService {
                    name: row.name.clone(),
                    kind: row.kind,
                    url: self.settings.serving_url.clone(),
                    model: row.model.clone(),
                    prices: row.prices,
                },
            ),
            Errand::Remove => (OperationKind::RemoveService, Call::RemoveService { name: row.name.clone() }),
        };
        let params = json!({
            "name": row.name, "type": row.kind, "url": self.settings.serving_url, "model": row.model,
            "inputPrice": row.prices.input, "outputPrice": row.prices.output,
        });
        let operations = self.store.operations();
        let new = NewOperation { id, kind, params, idempotency_key: None, at: Timestamp::now() };
        operations.begin(new).await?;
        match self.sender.submit(id, call).await {
            Ok(ticket) => Ok(ticket),
            // It may be on record and on its way; the next start looks.
            Err(error @ SendError::Stopped) => Err(error.into()),
            Err(error) => {
                let refused = Outcome::Refused { reason: error.to_string() };
                let end: OperationEnd = outbox::end_of(&refused, Timestamp::now());
                operations.finish(id, end).await?;
                Err(error.into())
            }
        }
    }

    /// Follows the operation to its end in a task of its own, and waits for it as long as the caller wants to.
    async fn watch(
        self: &Arc<Self>,
        turn: Turn,
        mut ticket: Ticket,
        row: OfferedService,
        before: Option<OfferedService>,
        errand: Errand,
        wait: Wait,
    ) -> Result<ServiceChange, ProviderError> {
        let operation = ticket.op;
        let name = row.name.clone();
        let (reply, ended) = oneshot::channel();
        let core = Arc::clone(self);
        self.tasks.spawn_until_stopped("service on its way to the chain", async move {
            let outcome = ticket.wait().await;
            let ended = core.arrived(&row, before, errand, &outcome, operation).await;
            drop(turn);
            if let Err(Err(error)) = reply.send(ended) {
                tracing::warn!(service = %row.name, %error, "a service did not reach the chain");
            }
        });
        let pending = |core: &Core| ServiceChange {
            operation: Some(operation),
            done: false,
            service: core.services.row(&name).as_ref().map(view),
        };
        if wait == Wait::Broadcast {
            return Ok(pending(self));
        }
        match ended.await {
            Ok(Ok(done)) => Ok(ServiceChange { done, ..pending(self) }),
            Ok(Err(error)) => Err(error),
            Err(_) => Ok(pending(self)),
        }
    }

    /// Takes over what became of an operation. False: it is not known yet.
    pub(super) async fn arrived(
        &self,
        row: &OfferedService,
        before: Option<OfferedService>,
        errand: Errand,
        outcome: &Outcome,
        operation: OperationId,
    ) -> Result<bool, ProviderError> {
        let refused = match outcome {
            Outcome::Unknown { .. } => {
                self.services.again.notify_one();
                return Ok(false);
            }
            Outcome::Mined { block, .. } => {
                match (errand, self.chain.service(self.me, &row.name, Some(*block)).await?) {
                    (Errand::Put, Some(listed)) => {
                        self.adopt(&listed).await?;
                        return Ok(true);
                    }
                    (Errand::Remove, None) => {
                        self.forget(&row.name).await?;
                        return Ok(true);
                    }
                    _ => {
                        self.services.again.notify_one();
                        return Ok(false);
                    }
                }
            }
            Outcome::Reverted { reason, .. } => reason.to_string(),
            Outcome::Refused { reason } => reason.clone(),
        };
        self.undo(row, before).await;
        Err(ProviderError::Reverted { operation, reason: refused })
    }

    /// Puts a row back to what it was before a change that did not happen, unless it was changed again meanwhile.
    async fn undo(&self, row: &OfferedService, before: Option<OfferedService>) {
        if self.services.row(&row.name).as_ref() != Some(row) {
            return;
        }
        let undone = match before {
            Some(before) => {
                self.services.set(before.clone());
                match self.store.put_service(before.clone()).await {
                    Ok(()) => self.offer(&before).await,
                    Err(error) => Err(error.into()),
                }
            }
            None => self.forget(&row.name).await,
        };
        if let Err(error) = undone {
            tracing::error!(service = %row.name, %error, "a change that failed could not be taken back");
            self.services.again.notify_one();
        }
    }

    pub(super) async fn forget(&self, name: &ServiceName) -> Result<(), ProviderError> {
        self.store.forget_service(name.clone()).await?;
        self.services.remove(name);
        self.offers.remove(name);
        self.publisher.tell(Event::ServiceChanged { name: name.clone() });
        Ok(())
    }

    /// The chain lists a service of ours: if it is as we want it, it counts from now on.
    pub(super) async fn adopt(&self, listed: &Service) -> Result<(), ProviderError> {
        let Some(mut row) = self.services.row(&listed.name) else { return Ok(()) };
        if !self.agrees(&row, listed) {
            // A change on its way, or somebody else with our key; the reconciliation will tell.
            self.services.again.notify_one();
            return Ok(());
        }
        if row.version != Some(listed.version) || row.status == StoredStatus::Pending {
            self.store.listed(row.name.clone(), listed.version, listed.prices).await?;
            row.version = Some(listed.version);
            if row.status == StoredStatus::Pending {
                row.status = StoredStatus::Listed;
            }
            self.services.set(row.clone());
        }
        self.offer(&row).await?;
        self.publisher.tell(Event::ServiceChanged { name: row.name });
        Ok(())
    }

    /// Makes a row callable at the prices of the version that the chain lists.
    pub(super) async fn offer(&self, row: &OfferedService) -> Result<(), ProviderError> {
        let Some(number) = row.version.filter(|_| row.status != StoredStatus::Removing) else {
            self.offers.remove(&row.name);
            return Ok(());
        };
        let history = self.store.price_history(row.name.clone()).await?;
        let Some(listed) = history.iter().find(|listed| listed.version == number) else { return Ok(()) };
        let target = parse_target(&row.target).map_err(|error| ProviderError::input("url", error))?;
        let now = Timestamp::now();
        let offer = Offer {
            name: row.name.clone(),
            kind: row.kind,
            model: row.model.clone(),
            target,
            meter: meter_of(row),
            headers: header_values(&row.headers)?,
            current: Version { number, prices: listed.prices },
            former: Vec::new(),
        };
        self.offers.put(offer, now, now.plus_seconds(self.settings.price_grace));
        Ok(())
    }
}

/// What the chain is to learn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Errand {
    Put,
    Remove,
}
