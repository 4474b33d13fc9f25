//! On-chain actions: written down, sent, followed to their end, and read back from the chain.
//!
//! ```text
//! act ─▶ store: prepared ─▶ Sender (journal: sent, before each broadcast) ─▶ Ticket ─▶ task "operation"
//!                                                                                        │ outcome
//!                                   account read again at the mined block ◀──────────────┘
//! ```
//!
//! The same idempotency key gives the same operation. After a restart every operation that may have reached the
//! chain is followed by its hashes, and one that was written down but never sent is closed as refused.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::UserError;
use super::event::Event;
use super::handle::{Inner, UserBroker};
use super::view::OperationView;
use crate::broker::outbox::{end_of, refused};
use crate::chain::{Call, Outcome, Revert, SendError, Sender, Ticket};
use crate::crash_point::{self, Point};
use crate::domain::{Address, B256, Neuron, OperationId, OperationKind, OperationState, Timestamp};
use crate::store::{Begun, NewOperation, Operation, OperationEnd, OperationFilter, PageOf};

/// The pause before an end that could not be written down is tried again.
const WRITE_AGAIN: Duration = Duration::from_millis(500);

/// An action that a caller wants.
#[derive(Clone, Debug)]
pub(super) struct Act {
    pub kind: OperationKind,
    pub provider: Address,
    pub amount: Option<Neuron>,
    /// The caller's own key against doing it twice.
    pub key: Option<String>,
}

impl Act {
    fn params(&self) -> serde_json::Value {
        json!({ "provider": self.provider, "amount": self.amount })
    }

    fn is(&self, operation: &Operation) -> bool {
        operation.kind == self.kind && operation.params == self.params()
    }
}

/// Whoever waits for an action to be broadcast.
type Told = oneshot::Sender<Result<OperationView, UserError>>;

enum Begin {
    New(Box<OperationView>),
    /// The caller's key was used for the same before.
    Before(Box<OperationView>),
}

impl Inner {
    /// The operation that the caller's key stands for already.
    pub async fn known_operation(&self, act: &Act) -> Result<Option<OperationView>, UserError> {
        let Some(key) = &act.key else { return Ok(None) };
        match self.store.operations().by_key(key.clone()).await? {
            None => Ok(None),
            Some(known) if act.is(&known) => self.view_of(known).await.map(Some),
            Some(_) => Err(UserError::KeyReused),
        }
    }

    /// Writes an action down and sends it. Returns once it is broadcast.
    pub async fn act(self: &Arc<Self>, act: Act, call: Call) -> Result<OperationView, UserError> {
        let sender = self.sender()?.clone();
        let (reply, answer) = oneshot::channel();
        let inner = Arc::clone(self);
        // A task of its own from the first write on, so that a caller who leaves does not leave the operation half begun.
        self.tasks.spawn("operation", async move { inner.carry_out(act, call, sender, reply).await });
        answer.await.unwrap_or(Err(UserError::Send(SendError::Stopped)))
    }

    async fn carry_out(self: Arc<Self>, act: Act, call: Call, sender: Sender, reply: Told) {
        let mut view = match self.begin(&act).await {
            Ok(Begin::New(view)) => *view,
            Ok(Begin::Before(known)) => {
                let _ = reply.send(Ok(*known));
                return;
            }
            Err(error) => {
                let _ = reply.send(Err(error));
                return;
            }
        };
        self.changed(view.clone());
        let id = view.id;
        match sender.submit(id, call).await {
            Ok(ticket) => {
                view.state = OperationState::Sent;
                view.hash = Some(ticket.hash);
                self.count_attempts(&mut view).await;
                self.changed(view.clone());
                let _ = reply.send(Ok(view.clone()));
                self.follow_operation(view, ticket).await;
            }
            Err(error) => {
                let end = self.refuse(view, &error).await;
                let _ = reply.send(Err(self.explain(act.provider, act.amount, error)));
                self.write_end(id, end).await;
            }
        }
    }

    /// Writes an action down, unless the caller's key stands for one already.
    async fn begin(&self, act: &Act) -> Result<Begin, UserError> {
        let (id, at) = (OperationId::random(), Timestamp::now());
        let new =
            NewOperation { id, kind: act.kind, params: act.params(), idempotency_key: act.key.clone(), at };
        match self.store.operations().begin(new).await? {
            Begun::New => crash_point::pass(Point::OperationPrepared),
            Begun::Before(known) if act.is(&known) => {
                return Ok(Begin::Before(Box::new(self.view_of(*known).await?)));
            }
            Begun::Before(_) => return Err(UserError::KeyReused),
        }
        Ok(Begin::New(Box::new(OperationView {
            id,
            kind: act.kind,
            provider: Some(act.provider),
            amount: act.amount,
            state: OperationState::Prepared,
            created_at: at,
            hash: None,
            block: None,
            reason: None,
            attempts: 0,
            offer: None,
            gas_paid: None,
        })))
    }

    /// Waits for outcomes of an operation and reads back what they did.
    pub async fn follow_operation(&self, mut view: OperationView, mut ticket: Ticket) {
        let stop = self.tasks.token();
        let mut replacements = ticket.clone();
        loop {
            let outcome = tokio::select! {
                outcome = ticket.next() => outcome,
                () = replacements.replaced() => {
                    self.count_attempts(&mut view).await;
                    self.changed(view.clone());
                    continue;
                }
                () = stop.cancelled() => None,
            };
            let Some(outcome) = outcome else { break };
            let end = end_of(&outcome, Timestamp::now());
            view.state = end.state;
            view.hash = end.hash.or(view.hash);
            view.block = end.block.map(|(number, _)| number);
            view.reason = end.error;
            view.gas_paid = gas_paid(end.gas_used, end.gas_price);
            let at = match &outcome {
                Outcome::Mined { block, .. } | Outcome::Reverted { block, .. } => Some(*block),
                Outcome::Unknown { .. } | Outcome::Refused { .. } => None,
            };
            if let (Some(provider), Some(block)) = (view.provider, at) {
                self.read_back(provider, block).await;
                crash_point::pass(Point::OperationRead);
            }
            if outcome.is_final() {
                break;
            }
            self.changed(view.clone());
        }
        self.changed(view);
    }

    /// Reads an account at the block that changed it, or later if the node does not keep that state.
    async fn read_back(&self, provider: Address, block: crate::chain::BlockRef) {
        let read = match self.read_account(provider, Some(block)).await {
            Err(UserError::Chain(_)) => self.read_account(provider, None).await,
            other => other,
        };
        match read {
            Ok(_) => {
                if let Ok(wallet) = self.chain.native_balance(self.user).await {
                    self.view.lock().wallet = Some(Neuron::new(wallet));
                }
            }
            Err(error) => {
                tracing::warn!(%provider, %error, "an account could not be read back; the next round repairs it");
            }
        }
    }

    /// Closes an operation that was not sent. Gives the end that could not be written down.
    async fn refuse(&self, mut view: OperationView, error: &SendError) -> Option<OperationEnd> {
        view.state = OperationState::Refused;
        view.reason = Some(error.to_string());
        if matches!(error, SendError::Stopped) {
            // It may have gone out just before; the next start finds out from the journal.
            self.following.lock().remove(&view.id);
            return None;
        }
        let end = refused(error.to_string(), Timestamp::now());
        let written = self.store.operations().finish(view.id, end.clone()).await;
        if let Err(error) = &written {
            tracing::warn!(operation = %view.id, %error, "a refusal could not be written down; trying again");
        }
        self.changed(view);
        written.err().map(|_| end)
    }

    /// Goes on trying to write an end down: until it is, the operation looks as if it were still to come, and whoever
    /// repeats the order with the same key waits for it.
    async fn write_end(&self, id: OperationId, end: Option<OperationEnd>) {
        let Some(end) = end else { return };
        let stop = self.tasks.token();
        loop {
            tokio::select! {
                // Closed by the next start.
                () = stop.cancelled() => return,
                () = tokio::time::sleep(WRITE_AGAIN) => {}
            }
            if self.store.operations().finish(id, end.clone()).await.is_ok() {
                self.operation_changed.notify_waiters();
                return;
            }
        }
    }

    /// Tells of an operation's new state; one that is over is no longer listed as under way.
    pub fn changed(&self, view: OperationView) {
        {
            let mut following = self.following.lock();
            if view.state.is_settled() || self.tasks.stopping() {
                following.remove(&view.id);
            } else {
                following.insert(view.id, view.clone());
            }
        }
        self.emit(Event::OperationChanged {
            id: view.id,
            kind: view.kind,
            state: view.state,
            provider: view.provider,
            reason: view.reason,
        });
        self.publish();
        self.operation_changed.notify_waiters();
    }

    pub async fn view_of(&self, operation: Operation) -> Result<OperationView, UserError> {
        if let Some(view) = self.following.lock().get(&operation.id) {
            return Ok(view.clone());
        }
        let mut view = plain_view(operation);
        if view.hash.is_none() {
            self.count_attempts(&mut view).await;
        }
        Ok(view)
    }

    /// How often an operation was sent and what it offers, and its newest hash while none is mined.
    pub async fn count_attempts(&self, view: &mut OperationView) {
        match self.store.operations().attempts(view.id).await {
            Ok(attempts) => {
                view.attempts = u32::try_from(attempts.len()).unwrap_or(u32::MAX);
                view.offer = attempts.last().map(|attempt| attempt.max_fee);
                if view.block.is_none() {
                    view.hash = attempts.last().map(|attempt| attempt.hash).or(view.hash);
                }
            }
            Err(error) => tracing::warn!(operation = %view.id, %error, "its attempts cannot be read"),
        }
    }

    /// The sender's words in those of whoever asked.
    pub fn explain(&self, provider: Address, amount: Option<Neuron>, error: SendError) -> UserError {
        match error {
            SendError::InsufficientGas { needed, available, .. } => UserError::InsufficientFunds {
                needed: Neuron::new(needed),
                available: Neuron::new(available),
            },
            SendError::Reverted(Revert::AccountExists { .. }) => UserError::AccountExists(provider),
            SendError::Reverted(Revert::AccountNotFound { .. }) => UserError::NoAccount(provider),
            SendError::Reverted(Revert::RefundNotFound { .. }) => UserError::NoRefund(provider),
            SendError::Reverted(Revert::RefundLocked { unlock_at, .. }) => {
                UserError::RefundLocked { unlock_at }
            }
            SendError::Reverted(Revert::AmountTooLarge) => {
                UserError::TooLarge { amount: amount.unwrap_or_default() }
            }
            SendError::Chain(error) => UserError::Chain(error),
            error => UserError::Send(error),
        }
    }
}

/// An operation as the store has it; its hash only once it is mined.
pub(super) fn plain_view(operation: Operation) -> OperationView {
    let text = |name: &str| operation.params.get(name).and_then(|value| value.as_str());
    OperationView {
        id: operation.id,
        kind: operation.kind,
        provider: text("provider").and_then(|text| text.parse().ok()),
        amount: text("amount").and_then(|text| text.parse().ok()),
        state: operation.state,
        created_at: operation.created_at,
        hash: operation.hash,
        block: operation.block.map(|(number, _): (u64, B256)| number),
        reason: operation.error,
        attempts: 0,
        offer: None,
        gas_paid: gas_paid(operation.gas_used, operation.gas_price),
    }
}

/// What gas cost; `None` when none was used.
fn gas_paid(used: u64, price: Neuron) -> Option<Neuron> {
    price.checked_mul(used.into()).filter(|_| used > 0)
}

impl UserBroker {
    pub async fn operation(&self, id: OperationId) -> Result<OperationView, UserError> {
        let found = self.inner.store.operations().get(id).await?.ok_or(UserError::UnknownOperation(id))?;
        let mut view = self.inner.view_of(found).await?;
        self.inner.count_attempts(&mut view).await;
        Ok(view)
    }

    /// The latest operations, newest first, at most `limit`.
    pub async fn operations(&self, limit: u32) -> Result<Vec<OperationView>, UserError> {
        let page =
            self.inner.store.operations().list(OperationFilter::default(), PageOf::first(limit)).await?;
        let mut views = Vec::with_capacity(page.items.len());
        for operation in page.items {
            views.push(self.inner.view_of(operation).await?);
        }
        Ok(views)
    }

    /// Waits until an operation is over and its result has been read from the chain, or until the time is up; says
    /// where it stands then.
    pub async fn wait(&self, id: OperationId, timeout: Duration) -> Result<OperationView, UserError> {
        let until = Instant::now() + timeout;
        loop {
            // Listening begins before the look, so that no change in between is missed.
            let changed = self.inner.operation_changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            let under_way = self.inner.following.lock().contains_key(&id);
            let view = self.operation(id).await?;
            if !under_way && (view.state.is_settled() || self.inner.tasks.stopping()) {
                return Ok(view);
            }
            if tokio::time::timeout_at(until, changed).await.is_err() {
                return self.operation(id).await;
            }
        }
    }
}
