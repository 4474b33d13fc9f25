//! A change on its way: written down, put on the chain, read back, and callable from then on.
//!
//! Each step is durable before the next begins, so that the next start finds out how far the last run came: a row that
//! the chain does not list as it says is put there again, an attempt on record is followed up before that.

use std::sync::Arc;

use serde_json::json;
use tokio::sync::oneshot;

use super::check::{header_values, meter_of};
use super::{ServiceChange, Turn, Wait};
use crate::broker::outbox;
use crate::broker::provider::core::Core;
use crate::broker::provider::error::ProviderError;
use crate::broker::provider::offer::{Offer, Version, in_grace};
use crate::broker::provider::target::parse_target;
use crate::broker::provider::view::Event;
use crate::chain::{Call, Outcome, SendError, Ticket};
use crate::crash_point::{self, Point};
use crate::domain::{OperationId, OperationKind, Service, ServiceName, Timestamp};
use crate::store::provider::{OfferedService, ServiceStatus as StoredStatus};
use crate::store::{NewOperation, OperationEnd};

impl Core {
    pub(in crate::broker::provider) fn turn(
        self: &Arc<Self>,
        name: &ServiceName,
    ) -> Result<Turn, ProviderError> {
        if self.services.busy.lock().insert(name.clone()) {
            Ok(Turn { core: Arc::clone(self), name: name.clone() })
        } else {
            Err(ProviderError::ServiceBusy(name.clone()))
        }
    }

    /// [`Core::turn`], for whoever comes again later anyway.
    pub(in crate::broker::provider) fn try_turn(self: &Arc<Self>, name: &ServiceName) -> Option<Turn> {
        self.turn(name).ok()
    }

    /// Whether the chain lists a service just as the row wants it.
    pub(in crate::broker::provider) fn agrees(&self, row: &OfferedService, listed: &Service) -> bool {
        row.kind == listed.kind
            && row.model == listed.model
            && row.prices == listed.prices
            && listed.url == self.settings.serving_url
    }

    /// Writes a wanted service down and brings it to the chain.
    pub(in crate::broker::provider) async fn change(
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
            return Ok(ServiceChange { operation: None, done: true, service: Some(self.service_view(&row)) });
        }
        self.store.put_service(row.clone()).await?;
        crash_point::pass(Point::ServiceWritten);
        self.services.set(row.clone());
        if let Some(listed) = self.listed_as_wanted(&row).await {
            // Somebody put it there before, such as the broker whose database was lost: taking it over costs no gas.
            self.adopt(&listed).await?;
            let service = self.services.row(&row.name).map(|row| self.service_view(&row));
            return Ok(ServiceChange { operation: None, done: true, service });
        }
        match self.send(&row, Errand::Put).await {
            Ok(ticket) => {
                crash_point::pass(Point::ServiceSent);
                self.watch(turn, ticket, row, before, Errand::Put, wait).await
            }
            Err(error) => {
                self.undo(&row, before).await;
                Err(error)
            }
        }
    }

    /// What the chain lists of a row, if that is all that the row wants of it.
    async fn listed_as_wanted(&self, row: &OfferedService) -> Option<Service> {
        let known = self.services.listing.of(&row.name)??;
        if !self.agrees(row, &known) {
            return None;
        }
        // What is known may be out of date; then the change is sent, which is never wrong.
        let listed = self.chain.service(self.me, &row.name, None).await.ok()??;
        self.agrees(row, &listed).then_some(listed)
    }

    /// Takes a row's service off the chain. `before` is what stays if that cannot be done.
    pub(in crate::broker::provider) async fn take_off(
        self: &Arc<Self>,
        turn: Turn,
        row: OfferedService,
        before: Option<OfferedService>,
        wait: Wait,
    ) -> Result<ServiceChange, ProviderError> {
        let row = OfferedService { status: StoredStatus::Removing, updated_at: Timestamp::now(), ..row };
        self.store.put_service(row.clone()).await?;
        self.services.set(row.clone());
        self.offers.remove(&row.name);
        match self.send_removal(&row).await {
            Ok(Some(ticket)) => self.watch(turn, ticket, row, before, Errand::Remove, wait).await,
            Ok(None) => {
                self.forget(&row.name).await?;
                Ok(ServiceChange { operation: None, done: true, service: None })
            }
            Err(error) => {
                self.undo(&row, before).await;
                Err(error)
            }
        }
    }

    /// `None`: the chain does not list it.
    async fn send_removal(&self, row: &OfferedService) -> Result<Option<Ticket>, ProviderError> {
        if row.version.is_none() && self.chain.service(self.me, &row.name, None).await?.is_none() {
            return Ok(None);
        }
        self.send(row, Errand::Remove).await.map(Some)
    }

    /// Begins the operation that makes the chain agree with a row.
    pub(in crate::broker::provider) async fn send(
        &self,
        row: &OfferedService,
        errand: Errand,
    ) -> Result<Ticket, ProviderError> {
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
            let mut outcome = ticket.wait().await;
            let mut reply = Some(reply);
            while matches!(outcome, Outcome::Unknown { .. }) {
                // Whoever ordered it hears so. The turn is kept: it may still arrive, and a second one would be paid too.
                if let Some(reply) = reply.take() {
                    let _ = reply.send(Ok(false));
                }
                // Without a next word the sender has stopped; the next start looks.
                let Some(next) = ticket.next().await else { return };
                outcome = next;
            }
            let ended = core.arrived(&row, before, errand, &outcome, operation).await;
            drop(turn);
            let unheard = match reply {
                Some(reply) => reply.send(ended).err(),
                None => Some(ended),
            };
            if let Some(Err(error)) = unheard {
                tracing::warn!(service = %row.name, %error, "a service did not reach the chain");
            }
        });
        let pending = |core: &Core| ServiceChange {
            operation: Some(operation),
            done: false,
            service: core.services.row(&name).map(|row| core.service_view(&row)),
        };
        match wait.hear(ended).await {
            Some(Ok(done)) => Ok(ServiceChange { done, ..pending(self) }),
            Some(Err(error)) => Err(error),
            None => Ok(pending(self)),
        }
    }

    /// Takes over what became of an operation. False: it is not known yet.
    pub(in crate::broker::provider) async fn arrived(
        &self,
        row: &OfferedService,
        before: Option<OfferedService>,
        errand: Errand,
        outcome: &Outcome,
        operation: OperationId,
    ) -> Result<bool, ProviderError> {
        let refused = match outcome {
            Outcome::Unknown { .. } => return Ok(false),
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

    pub(in crate::broker::provider) async fn forget(&self, name: &ServiceName) -> Result<(), ProviderError> {
        self.store.forget_service(name.clone()).await?;
        self.services.remove(name);
        self.offers.remove(name);
        self.services.listing.remove(name.as_str());
        self.gate.forget(name);
        self.conditions.forget(name);
        self.publisher.tell(Event::ServiceChanged { name: name.clone() });
        Ok(())
    }

    /// The chain lists a service of ours: if it is as we want it, it counts from now on.
    pub(in crate::broker::provider) async fn adopt(&self, listed: &Service) -> Result<(), ProviderError> {
        self.services.listing.set(listed);
        let Some(mut row) = self.services.row(&listed.name) else { return Ok(()) };
        if !self.agrees(&row, listed) {
            // A change on its way, or somebody else with our key; the reconciliation will tell.
            self.services.again.notify_one();
            return Ok(());
        }
        let before = row.clone();
        if row.version != Some(listed.version) || row.status == StoredStatus::Pending {
            self.store.listed(row.name.clone(), listed.version, listed.prices).await?;
            crash_point::pass(Point::ServiceListed);
            row.version = Some(listed.version);
            if row.status == StoredStatus::Pending {
                row.status = StoredStatus::Listed;
            }
        }
        // Callable first: whoever reads that it is listed may call it.
        self.offer(&row).await?;
        if !self.services.replace(&before, row)
            && let Some(newer) = self.services.row(&listed.name)
        {
            // An order changed it meanwhile; its wishes stay, and what is offered follows them.
            self.offer(&newer).await?;
        }
        self.publisher.tell(Event::ServiceChanged { name: listed.name.clone() });
        Ok(())
    }

    /// Makes a row callable at the prices of the version that the chain lists.
    pub(in crate::broker::provider) async fn offer(&self, row: &OfferedService) -> Result<(), ProviderError> {
        let Some(number) = row.version.filter(|_| row.status != StoredStatus::Removing) else {
            self.offers.remove(&row.name);
            return Ok(());
        };
        let history = self.store.price_history(row.name.clone()).await?;
        let Some(listed) = history.iter().find(|listed| listed.version == number) else { return Ok(()) };
        let target = parse_target(&row.target).map_err(|error| ProviderError::input("URL", error))?;
        let (now, grace) = (Timestamp::now(), self.settings.price_grace);
        let offer = Offer {
            name: row.name.clone(),
            kind: row.kind,
            model: row.model.clone(),
            target,
            meter: meter_of(row),
            headers: header_values(&row.headers)?,
            limits: row.limits,
            current: Version { number, prices: listed.prices },
            former: in_grace(&history, number, row.created_at, now, grace),
        };
        if self.offers.put(offer, now, now.plus_seconds(grace)) {
            self.conditions.reset(&row.name);
        }
        Ok(())
    }
}

/// What the chain is to learn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::broker::provider) enum Errand {
    Put,
    Remove,
}
