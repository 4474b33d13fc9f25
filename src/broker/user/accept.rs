//! Accepting a receipt that differs from our own count, because a person says so.
//!
//! Without it, one disputed answer of a provider that lends nothing would block the account until the settings allow
//! more exposure. Consent is to one sum, named by whoever consents; it is what the receipt that we hold asks for
//! beyond our own count, within the request's highest fee. Deposit and caps bound it like a request of that sum. It
//! is on disk before it counts, and before a voucher for it is signed.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::UserError;
use super::book::Ask;
use super::caps::Cap;
use super::error::CallRefusal;
use super::event::Event;
use super::handle::{Inner, UserBroker};
use super::view::RequestView;
use super::{pay, push, receipts, requests};
use crate::domain::{Neuron, RequestId, Timestamp, UserRequestState};
use crate::store::user::{Accept, Accepted, UserRequest};

impl UserBroker {
    /// Pays `amount` beyond our own count for a disputed request, as the provider's receipt asks for it.
    ///
    /// # Errors
    /// Where nothing is disputed, another sum is, or the deposit or a cap leaves less.
    pub async fn accept(&self, id: RequestId, amount: Neuron) -> Result<RequestView, CallRefusal> {
        let (inner, (reply, accepted)) = (Arc::clone(&self.inner), oneshot::channel());
        // In a task of its own: a caller who leaves must not part the books in memory from those on disk.
        self.inner.tasks.spawn("accept a receipt", async move {
            let _ = reply.send(inner.accept(id, amount).await);
        });
        accepted.await.unwrap_or(Err(CallRefusal::Stopping))
    }
}

impl Inner {
    async fn accept(self: &Arc<Self>, id: RequestId, amount: Neuron) -> Result<RequestView, CallRefusal> {
        let mut row = self.stored(id).await?;
        if row.state == UserRequestState::Unconfirmed {
            // There is a receipt to be judged before there is one to be accepted.
            receipts::resolve(self, id, Timestamp::now()).await;
            row = self.stored(id).await?;
        }
        self.acceptable(&row, amount)?;
        // Its own end may be on disk and not in the book yet; what is added here must come after it.
        self.over_on_disk(&row);
        let (provider, hold) = (row.account.provider, RequestId::random());
        let day = row.created_at.day();
        let caps = self.caps();
        if let Some(cap) = caps.per_request.filter(|cap| row.fee.total().saturating_add(amount) > *cap) {
            let (needed, available) = (row.fee.total().saturating_add(amount), cap);
            return Err(CallRefusal::CapReached { cap: Cap::Request, limit: cap, needed, available });
        }
        {
            let mut book = self.book.lock();
            let (today, _) = book.today(Timestamp::now().day());
            // The day of a request is the one whose budget it counts for; that of an earlier day is asked of the store.
            let per_day = caps.per_day.filter(|_| day >= today);
            let ask = Ask {
                provider,
                request: hold,
                wanted: amount,
                least: amount,
                // It is owed as soon as it is on disk, so nothing is promised ahead.
                credit_limit: Neuron::MAX,
                caps: super::Caps { per_request: None, per_day, ..caps },
                max_exposure: None,
                day: today,
            };
            book.reserve(&ask).map_err(|denied| pay::refusal(provider, denied))?;
        }
        let accept = Accept { id, amount, day_cap: caps.per_day, at: Timestamp::now() };
        let written = self.store.accept(accept).await;
        if !matches!(written, Ok(Accepted::Done { .. })) {
            self.book.lock().not_written(provider, hold);
            self.room.notify_waiters();
        }
        match written? {
            Accepted::Done { request, authorized } => {
                {
                    let mut book = self.book.lock();
                    book.accept(provider, hold, amount, day);
                    book.made_durable(provider, authorized);
                }
                tracing::info!(request = %id, %provider, %amount, "a receipt was accepted");
                self.tell(&request);
                push::push(self, provider);
                Ok(requests::view(*request))
            }
            Accepted::DayCap { available } => {
                let limit = caps.per_day.unwrap_or(Neuron::ZERO);
                Err(CallRefusal::CapReached { cap: Cap::Day, limit, needed: amount, available })
            }
            Accepted::Differs(row) => {
                self.acceptable(&row, amount)?;
                Err(UserError::NotDisputed { request: id, state: row.state }.into())
            }
        }
    }

    async fn stored(&self, id: RequestId) -> Result<UserRequest, CallRefusal> {
        Ok(self.store.request(id).await?.ok_or(UserError::UnknownRequest(id))?)
    }

    /// Whether the row holds what is accepted: its provider's own statement about it, and that very sum.
    fn acceptable(&self, row: &UserRequest, amount: Neuron) -> Result<(), UserError> {
        let request = row.id;
        if row.accepted_at.is_some() {
            return Err(UserError::AcceptedBefore(request));
        }
        if !row.state.has_ended() {
            return Err(UserError::NoReceipt(request));
        }
        if row.state != UserRequestState::Disputed || row.disputed.is_zero() {
            return Err(UserError::NotDisputed { request, state: row.state });
        }
        let signed = row.receipt.ok_or(UserError::NoReceipt(request))?;
        let receipt = &signed.receipt;
        let its = receipt.request == request
            && receipt.account == row.account
            && receipt.body_hash == row.body_hash
            && signed.signer(self.keys.domain()) == Ok(row.account.provider);
        if !its {
            return Err(UserError::NotItsReceipt(request));
        }
        if amount != row.disputed {
            return Err(UserError::OtherAmount { request, amount, disputed: row.disputed });
        }
        Ok(())
    }

    fn tell(&self, row: &UserRequest) {
        self.room.notify_waiters();
        self.emit(Event::RequestEnded {
            request: row.id,
            provider: row.account.provider,
            service: row.service.clone(),
            state: row.state,
            fee: row.fee.total(),
            note: None,
        });
        self.publish();
    }
}
