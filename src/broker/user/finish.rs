//! Writing down how a request ended: on disk first, then in the book, then for everybody to see.

use super::book::Grant;
use super::call::{Prepared, repeated};
use super::error::CallRefusal;
use super::event::Event;
use super::handle::Inner;
use super::pay::Sent;
use super::push;
use super::verdict::{Cut, OwnCount, Seen, Tolerance, Verdict};
use crate::crash_point::{self, Point};
use crate::domain::{
    Address, Fee, Neuron, RequestId, SealedReceipt, ServiceKind, ServiceName, Timestamp, Units,
    UserRequestState,
};
use crate::store::StoreError;
use crate::store::user::{Finish, Finished, NewUserRequest, Reservation, UserRequest};
use crate::wire::terms::MeterName;

/// Stands in the row of an unconfirmed request whose answer we did not see to its end.
const CUT: &str = "the answer was cut; the receipt is being asked for";
/// Stands in the row of an unconfirmed request whose answer the provider broke off.
const BROKEN: &str = "the provider broke off; the receipt is being asked for";
const WAITING: &str = "the receipt is being asked for";

/// One request and what we know of it, whether it is under way or was read from the store.
#[derive(Clone, Debug)]
pub(super) struct Case {
    pub service: ServiceName,
    pub created_at: Timestamp,
    pub own: OwnCount,
}

impl Case {
    pub fn live(inner: &Inner, call: &Prepared, sent: &Sent) -> Case {
        Case {
            service: call.service.name.clone(),
            created_at: sent.created_at,
            own: OwnCount {
                request: sent.request,
                account: inner.keys.account(call.service.provider),
                body_hash: call.body.sha256(),
                prices: call.service.prices,
                max_fee: sent.max_fee,
                bounded: inner.tolerance(call.conditions.meter),
                seen: None,
                cut_allowance: inner.cut_allowance(call.service.kind),
            },
        }
    }

    /// A request of an earlier moment, as the store has it, or as we saw it if the store could not take it. Which meter
    /// counted it is asked of what we know today.
    pub fn stored(inner: &Inner, row: &UserRequest) -> Case {
        if let Some(own) = inner.unwritten.lock().get(&row.id).cloned() {
            return Case { service: row.service.clone(), created_at: row.created_at, own };
        }
        let provider = row.account.provider;
        let kind = inner.catalogue.read().get(provider, &row.service).map(|service| service.kind);
        let meter = inner.terms.meter(provider, &row.service);
        let seen = row.response_hash.map(|response_hash| Seen {
            input: row.input,
            output: row.output,
            response_hash,
            cut: match row.error.as_deref() {
                Some(CUT) => Cut::ByUs,
                Some(BROKEN) => Cut::ByProvider,
                _ => Cut::No,
            },
            success: true,
        });
        Case {
            service: row.service.clone(),
            created_at: row.created_at,
            own: OwnCount {
                request: row.id,
                account: row.account,
                body_hash: row.body_hash,
                prices: row.prices,
                max_fee: row.max_fee,
                bounded: meter.and_then(|meter| inner.tolerance(meter)),
                seen,
                cut_allowance: inner.cut_allowance(kind.unwrap_or(ServiceKind::Chatbot)),
            },
        }
    }

    pub fn with(mut self, seen: Seen) -> Case {
        self.own.seen = Some(seen);
        self
    }

    pub fn provider(&self) -> Address {
        self.own.account.provider
    }

    /// What we saw, of a request whose end is not known.
    fn open_end(&self) -> Finish {
        let seen = self.own.seen;
        let note = match seen.map_or(Cut::ByUs, |seen| seen.cut) {
            Cut::No => WAITING,
            Cut::ByUs => CUT,
            Cut::ByProvider => BROKEN,
        };
        Finish {
            input: seen.map_or(Units(0), |seen| seen.input),
            output: seen.map_or(Units(0), |seen| seen.output),
            error: Some(note.to_owned()),
            ..self.end(UserRequestState::Unconfirmed)
        }
    }

    fn end(&self, state: UserRequestState) -> Finish {
        Finish {
            id: self.own.request,
            state,
            input: Units(0),
            output: Units(0),
            fee: Fee::NONE,
            disputed: Neuron::ZERO,
            response_hash: self.own.seen.map(|seen| seen.response_hash),
            receipt: None,
            error: None,
            authorize: None,
            at: Timestamp::now(),
        }
    }
}

impl Inner {
    fn tolerance(&self, meter: MeterName) -> Option<Tolerance> {
        let percent = self.settings.usage_tolerance_percent;
        (meter == MeterName::Usage).then_some(Tolerance { percent })
    }

    fn cut_allowance(&self, kind: ServiceKind) -> Units {
        match kind {
            ServiceKind::Chatbot => Units(self.settings.cut_allowance.tokens),
            ServiceKind::ZgStorage => Units(self.settings.cut_allowance.bytes),
        }
    }

    /// Puts a request and the voucher that goes with it on disk: one write, before anything is signed.
    ///
    /// It is written as sent at once. If we crash before it leaves, the provider will not know it, which the resolver
    /// finds out; that costs a question, where a second write would cost every request a commit.
    pub async fn write_reservation(
        &self,
        call: &Prepared,
        request: RequestId,
        grant: Grant,
    ) -> Result<Timestamp, CallRefusal> {
        let created_at = {
            // The daily budget never runs backwards, and the row's day is what it is counted by.
            let (now, mut book) = (Timestamp::now(), self.book.lock());
            let (day, _) = book.today(now.day());
            now.max(Timestamp::from_seconds(day.saturating_mul(86_400)))
        };
        let new = NewUserRequest {
            id: request,
            account: self.keys.account(call.service.provider),
            service: call.service.name.clone(),
            created_at,
            state: UserRequestState::Sent,
            max_fee: grant.max_fee,
            price_version: call.service.version,
            prices: call.service.prices,
            body_hash: call.body.sha256(),
            idempotency_key: call.idempotency_key.clone(),
        };
        crash_point::pass(Point::BeforeReserving);
        match self.store.reserve(new, grant.voucher).await? {
            Reservation::Made { .. } => {
                crash_point::pass(Point::Reserved);
                Ok(created_at)
            }
            Reservation::Before(before) => {
                Err(repeated(&before, (call.service.provider, &call.service.name), &call.body))
            }
        }
    }

    /// The request cost nothing.
    pub async fn failed(&self, case: &Case, why: &str) {
        let finish = Finish { error: Some(why.to_owned()), ..case.end(UserRequestState::Failed) };
        let finished = match self.store.fail(finish).await {
            Ok(finished) => finished,
            Err(error) => {
                let nothing = Seen { success: false, ..Seen::nothing(Units(0), Cut::No) };
                return self.not_written(case.clone().with(nothing), &error);
            }
        };
        crash_point::pass(Point::FailureWritten);
        self.over(case, &finished);
        if !finished.applied {
            // It had ended before; whoever wrote that tells of it.
            self.unwritten.lock().remove(&case.own.request);
            return;
        }
        self.ended(case, UserRequestState::Failed, Fee::NONE, Some(why.to_owned()));
    }

    /// Puts what we saw of an answer on disk while its receipt is being asked for. Nobody is told yet: the end may come in
    /// a moment. A disk that does not take it is told of there.
    pub async fn keep_count(&self, case: &Case) {
        if let Err(error) = self.store.finish(case.open_end()).await {
            tracing::debug!(request = %case.own.request, %error, "the count of an answer was not written down yet");
        }
    }

    /// It is not known how the request ended: the hold stays, and what we saw is kept.
    pub async fn unconfirmed(&self, case: &Case) {
        let finished = match self.store.finish(case.open_end()).await {
            Ok(finished) => finished,
            Err(error) => return self.not_written(case.clone(), &error),
        };
        crash_point::pass(Point::UnconfirmedWritten);
        if finished.state.has_ended() {
            // Its receipt came meanwhile by another way.
            self.over(case, &finished);
            self.unwritten.lock().remove(&case.own.request);
            return;
        }
        self.book.lock().unconfirmed(case.provider(), case.own.request, case.own.most());
        self.ended(case, UserRequestState::Unconfirmed, Fee::NONE, Some(WAITING.to_owned()));
    }

    /// The disk did not take the end of a request: the hold stays, on disk and in the book, and the resolver tries again.
    /// What we saw is kept in memory, so that no receipt is believed beyond it meanwhile.
    fn not_written(&self, case: Case, error: &StoreError) {
        tracing::error!(request = %case.own.request, %error, "the end of a request could not be written down");
        let (provider, request, most) = (case.provider(), case.own.request, case.own.most());
        // First, for the resolver may begin the moment the hold says that the end is not known.
        self.unwritten.lock().insert(request, case.own);
        self.book.lock().unconfirmed(provider, request, most);
        self.room.notify_waiters();
        self.publish();
    }

    /// Judges the receipt, or its absence, and books the fee. Gives fee and units; `None` if it could not be written.
    pub async fn book_end(
        self: &std::sync::Arc<Self>,
        case: &Case,
        receipt: Option<SealedReceipt>,
    ) -> Option<(Fee, Units, Units)> {
        let verdict = match &receipt {
            Some(sealed) => case.own.judge(&sealed.receipt, self.keys.is_sealed_by_provider(sealed)),
            None => case.own.without_receipt(),
        };
        let Verdict { paid, input, output, differences } = verdict;
        // Above the highest fee it is no claim but nonsense; the sum of such would pass what the books can hold.
        let asked = receipt.map_or(Neuron::ZERO, |receipt| receipt.receipt.fee.total().min(case.own.max_fee));
        let note = differences.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
        let note = (!note.is_empty()).then_some(note);
        let state = match (&receipt, differences.is_empty()) {
            (None, _) | (Some(_), true) => UserRequestState::Done,
            (Some(_), false) => UserRequestState::Disputed,
        };
        let state =
            if receipt.is_none() && case.own.seen.is_none() { UserRequestState::Failed } else { state };
        if state == UserRequestState::Disputed {
            let (request, provider) = (case.own.request, case.provider());
            tracing::warn!(%request, %provider, note = note.as_deref(), "a receipt does not fit our own count");
        }
        let owed = self.book.lock().owed_after(case.provider(), paid.total());
        let finish = Finish {
            input,
            output,
            fee: paid,
            disputed: if state == UserRequestState::Disputed {
                asked.above(paid.total())
            } else {
                Neuron::ZERO
            },
            receipt,
            error: note.clone(),
            authorize: Some(owed),
            ..case.end(state)
        };
        crash_point::pass(Point::BeforeEnd);
        let finished = match self.store.finish(finish).await {
            Ok(finished) => finished,
            Err(error) => {
                self.not_written(case.clone(), &error);
                return None;
            }
        };
        crash_point::pass(Point::EndWritten);
        self.over(case, &finished);
        if !finished.applied {
            // It had ended before; whoever wrote that tells of it.
            self.unwritten.lock().remove(&case.own.request);
            return None;
        }
        self.ended(case, state, paid, note);
        push::push(self, case.provider());
        Some((paid, input, output))
    }

    /// Books what the store says of a request that has ended. Somebody else may have written that end and not come to booking it:
    /// the first one does.
    fn over(&self, case: &Case, finished: &Finished) {
        let mut book = self.book.lock();
        book.finish(case.provider(), case.own.request, finished.fee, case.created_at.day());
        book.made_durable(case.provider(), finished.authorized);
    }

    /// The same by the row itself.
    pub fn over_on_disk(&self, row: &UserRequest) {
        let (provider, fee, day) = (row.account.provider, row.fee.total(), row.created_at.day());
        if row.state.has_ended() {
            self.book.lock().finish(provider, row.id, fee, day);
        }
    }

    fn ended(&self, case: &Case, state: UserRequestState, fee: Fee, note: Option<String>) {
        self.unwritten.lock().remove(&case.own.request);
        self.room.notify_waiters();
        self.emit(Event::RequestEnded {
            request: case.own.request,
            provider: case.provider(),
            service: case.service.clone(),
            state,
            fee: fee.total(),
            note,
        });
        self.publish();
    }
}
