//! The task that owns one charged request from its admission to its receipt.
//!
//! ```text
//! row durable ∥ service asked ─▶ head ─▶ whole: held, metered, booked, sent with the receipt in its head
//!                                     └▶ stream: passed on and metered piece by piece, booked at its end or cut
//! ```
//!
//! A small answer that is there within two milliseconds is booked in the same write as its row.
//! Nothing of the answer leaves before the row is durable (I9). Whatever happens afterwards (the caller leaves, the
//! service breaks off, the highest fee is reached, the broker stops) what was handed over is booked, once, durably,
//! and only then the hold is given back. If the task itself dies, the row is struck off as lost.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::StatusCode;
use sha2::{Digest, Sha256};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::ProxyRefusal;
use super::core::Core;
use super::free::refusal;
use super::gate::Pass;
use super::offer::Offer;
use super::upstream::{UpstreamAnswer, UpstreamCall, UpstreamError};
use super::view::{Event, RequestView};
use super::vouchers::book::Reservation;
use crate::body::{Answer, Held};
use crate::crash_point::{self, Point};
use crate::domain::{
    B256, Fee, Neuron, ProviderRequestState, ReceiptStatus, SealedReceipt, ServiceKind, Timestamp, Units,
};
use crate::keys::SharedKey;
use crate::meter::{self, MeterError, MeterResult, OutputMeter};
use crate::store::StoreError;
use crate::store::provider::{Admission, Completed, Completion, NewProviderRequest, ProviderRequest};
use crate::wire::answer_head::AnswerHead;
use crate::wire::chat::{Ask, Endpoint, Usage};

/// An answer of a stated length up to this is held whole whatever it is.
const SMALL: u64 = 1 << 20;
/// How long a row may wait for the end of a small answer, so that both are written at once. The service works meanwhile,
/// and nothing leaves before the row is on disk.
const ROW_WAITS: Duration = Duration::from_millis(2);
/// Pauses before a booking that failed is tried again.
const BOOKING_PAUSES: [Duration; 4] =
    [Duration::from_millis(100), Duration::from_millis(500), Duration::from_secs(2), Duration::from_secs(5)];

/// The next piece of an answer, its end, or why there is none.
pub(super) type Piece = Result<Option<Bytes>, UpstreamError>;

/// Where the caller hears of the answer.
pub(super) type Reply = oneshot::Sender<Result<Answer, ProxyRefusal>>;

/// One admitted request. Its methods take it boxed: each future that it passes through would else have room for it.
pub(super) struct Job {
    pub core: Arc<Core>,
    pub offer: Arc<Offer>,
    pub new: NewProviderRequest,
    pub input: Units,
    /// How many output units the highest fee pays for; `None` when output is free.
    pub room: Option<Units>,
    pub endpoint: Endpoint,
    pub ask: Ask,
    /// The closing usage chunk was asked for by us alone and is taken out again.
    pub hides_usage: bool,
    /// Seals the receipt of a request that was sealed with it; any other receipt is signed.
    pub shared: Option<Arc<SharedKey>>,
    pub hold: Reservation,
    /// The place in the service; given back with the hold.
    pub pass: Pass,
}

/// What was handed over, and how it ended.
#[derive(Clone, Debug)]
pub(super) struct Delivered {
    pub status: ReceiptStatus,
    pub output: Units,
    /// The service's own figures.
    pub usage: Option<Usage>,
    /// SHA-256 of the bytes handed over.
    pub hash: B256,
    /// False: nothing is charged, not even the input.
    pub charged: bool,
}

impl Delivered {
    /// Nothing was handed over and nothing is charged.
    pub(super) fn nothing(status: ReceiptStatus) -> Self {
        Delivered { status, output: Units(0), usage: None, hash: hash_of(&[]), charged: false }
    }

    pub(super) fn metered(status: ReceiptStatus, result: &MeterResult, hash: B256) -> Self {
        Delivered { status, output: result.units, usage: result.usage, hash, charged: true }
    }
}

pub(super) fn hash_of(bytes: &[u8]) -> B256 {
    B256::new(Sha256::digest(bytes).into())
}

/// How the wait for the head ended.
#[allow(clippy::large_enum_variant, reason = "one of them exists at a time, on a task's own stack")]
enum Head {
    Answer(UpstreamAnswer),
    Failed(UpstreamError),
    /// The caller left, the broker is stopping, or the request was not admitted.
    Nobody,
}

/// How an answer goes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    Whole,
    Events,
    Raw,
}

impl Job {
    pub(super) async fn run(mut self: Box<Self>, call: UpstreamCall, mut reply: Reply) {
        let core = Arc::clone(&self.core);
        let (refused, user) = (CancellationToken::new(), self.new.account.user);
        let head = async {
            tokio::select! {
                biased;
                () = refused.cancelled() => Head::Nobody,
                () = core.cut.cancelled() => Head::Nobody,
                () = reply.closed() => {
                    // The service has the input, and writes perhaps more than anybody will see. Counted before anything is
                    // written down, so that the next request of the same caller finds it.
                    core.gate.left_early(user, Instant::now());
                    Head::Nobody
                }
                head = core.upstream.send(call) => match head {
                    Ok(answer) => Head::Answer(answer),
                    Err(error) => Head::Failed(error),
                },
            }
        };
        let mut waiting = Box::pin(head);
        // A stream does not end in that time, and its first byte would have to wait for the row.
        let waits = if self.ask.stream { Duration::ZERO } else { ROW_WAITS };
        let until = tokio::time::Instant::now() + waits;
        let early = tokio::time::timeout_at(until, &mut waiting).await;
        let (admission, head) = match early {
            Ok(Head::Answer(answer)) if self.comes_at_once(&answer) => {
                drop(waiting);
                return Box::pin(self.serve_at_once(answer, until, reply)).await;
            }
            Ok(head) => {
                drop(waiting);
                (self.admit(&refused).await, head)
            }
            Err(_) => tokio::join!(self.admit(&refused), waiting),
        };
        if !self.admitted(admission, &mut reply) {
            return;
        }
        match head {
            Head::Answer(answer) => {
                if answer.status.is_success() {
                    core.upstream_works(&self.offer);
                }
                Box::pin(self.pass_on(answer, reply)).await;
            }
            Head::Failed(error) => {
                core.upstream_failed(&self.offer, &error);
                self.book(Delivered::nothing(ReceiptStatus::UpstreamFailed)).await;
                let _ = reply.send(Err(refusal(error)));
            }
            Head::Nobody => {
                if core.cut.is_cancelled() {
                    self.book(Delivered::nothing(ReceiptStatus::UpstreamFailed)).await;
                } else {
                    self.book(Delivered { charged: true, ..Delivered::nothing(ReceiptStatus::CutByCaller) })
                        .await;
                }
                let _ = reply.send(Err(ProxyRefusal::Stopping));
            }
        }
    }

    /// Writes the row. Whoever works for the request meanwhile hears by `refused` that there will be none.
    pub(super) async fn admit(&mut self, refused: &CancellationToken) -> Result<Admission, StoreError> {
        crash_point::pass(Point::RequestChecked);
        self.hold.row_written();
        let admission = self.core.store.admit(self.new.clone()).await;
        crash_point::pass(Point::RequestRow);
        if !matches!(admission, Ok(Admission::Admitted { .. })) {
            refused.cancel();
        }
        admission
    }

    /// Takes note of whether the row is on disk. Refuses the request and says `false` if it is not.
    pub(super) fn admitted(&mut self, admission: Result<Admission, StoreError>, reply: &mut Reply) -> bool {
        let core = &self.core;
        let refusal = match admission {
            Ok(Admission::Admitted { voucher }) => {
                core.health.store_works();
                core.seen.mark(self.new.id, Instant::now());
                self.pass.let_in();
                if let Some(best) = voucher {
                    core.take_voucher(best);
                }
                core.publisher.tell(Event::RequestAdmitted {
                    id: self.new.id,
                    user: self.new.account.user,
                    service: self.new.service.clone(),
                    max_fee: self.new.max_fee,
                });
                return true;
            }
            Ok(Admission::Duplicate(_)) => ProxyRefusal::Duplicate,
            Err(error) => {
                tracing::error!(%error, "a request could not be written down and is not served");
                core.health.store_failed(&error);
                ProxyRefusal::StorageFailed
            }
        };
        self.hold.row_refused();
        let (nobody, _) = oneshot::channel();
        let _ = std::mem::replace(reply, nobody).send(Err(refusal));
        false
    }

    async fn pass_on(self: Box<Self>, answer: UpstreamAnswer, reply: Reply) {
        match self.shape(&answer) {
            Shape::Whole => {
                let held = Held::new(&self.core.spool);
                Box::pin(self.send_whole(answer, held, None, reply)).await;
            }
            Shape::Events => Box::pin(self.send_events(answer, reply)).await,
            Shape::Raw => Box::pin(self.send_raw(answer, Vec::new(), reply)).await,
        }
    }

    pub(super) fn shape(&self, answer: &UpstreamAnswer) -> Shape {
        let head = self.head(answer);
        let content_type = head.essence();
        let json = content_type == "application/json" || content_type.ends_with("+json");
        let small = answer.length().is_some_and(|length| length <= SMALL);
        let bodiless = self.is_bodiless(answer.status);
        match self.offer.kind {
            _ if bodiless => Shape::Whole,
            ServiceKind::Chatbot if !answer.status.is_success() => {
                if small || json {
                    Shape::Whole
                } else {
                    Shape::Raw
                }
            }
            ServiceKind::Chatbot if head.events => Shape::Events,
            // An encoded stream cannot be cut between events; it is counted all the same.
            ServiceKind::Chatbot if content_type == "text/event-stream" => Shape::Raw,
            ServiceKind::Chatbot if json || small || content_type.is_empty() => Shape::Whole,
            ServiceKind::ZgStorage if small || json => {
                // What passes the highest fee is cut at the byte, which only a stream can be.
                let fits = answer.length().is_none_or(|length| self.room.is_none_or(|room| length <= room.0));
                if fits { Shape::Whole } else { Shape::Raw }
            }
            _ => Shape::Raw,
        }
    }

    fn is_bodiless(&self, status: StatusCode) -> bool {
        matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
    }

    /// What the head that goes out says of the body.
    pub(super) fn head(&self, answer: &UpstreamAnswer) -> AnswerHead {
        AnswerHead::read(self.offer.kind, &answer.headers)
    }

    /// The meter for this answer.
    pub(super) fn meter(&self, answer: &UpstreamAnswer) -> Result<OutputMeter, MeterError> {
        let head = self.head(answer);
        OutputMeter::new(
            self.offer.kind,
            head.content_type.as_deref(),
            head.encoding.as_deref(),
            meter::Limits::default(),
        )
    }

    /// Books what was handed over: durably, once. Gives back the hold and returns the receipt.
    ///
    /// `None` when the books could not be written; then the row is struck off later and nothing is owed.
    pub(super) async fn book(self: Box<Self>, delivered: Delivered) -> Option<SealedReceipt> {
        let completion = self.completion(&delivered);
        let core = Arc::clone(&self.core);
        let mut pauses = BOOKING_PAUSES.iter();
        crash_point::pass(Point::BeforeBooking);
        let completed = loop {
            match core.store.complete(completion).await {
                Ok(completed) => break completed,
                Err(error) => {
                    core.health.store_failed(&error);
                    tracing::error!(request = %self.new.id, %error, "an answer could not be booked");
                    if matches!(error, StoreError::Invalid(_) | StoreError::Closed) {
                        return None;
                    }
                    tokio::time::sleep(*pauses.next()?).await;
                }
            }
        };
        crash_point::pass(Point::Booked);
        self.booked(completed, completion.at)
    }

    /// The books are on disk: the hold ends, the receipt is sealed.
    pub(super) fn booked(self: Box<Self>, completed: Completed, at: Timestamp) -> Option<SealedReceipt> {
        let core = Arc::clone(&self.core);
        self.hold.booked(completed.owed, at);
        core.health.store_works();
        let receipt = completed.request.receipt();
        core.tally.booked(completed.request.fee, at);
        core.publisher.tell(Event::RequestBooked(Box::new(view(&completed.request))));
        let receipt = receipt?;
        if let Some(shared) = &self.shared {
            return Some(shared.seal_receipt(receipt));
        }
        match core.sign_receipt(receipt) {
            Ok(receipt) => Some(receipt.into()),
            Err(error) => {
                tracing::error!(%error, "a receipt could not be signed");
                None
            }
        }
    }

    pub(super) fn completion(&self, delivered: &Delivered) -> Completion {
        // Some streams state figures at their beginning, before anything is written, and these at their end only: what
        // a cut stream stated is no sum of it.
        let stated = match delivered.status {
            ReceiptStatus::Complete => delivered.usage.unwrap_or_default(),
            _ => Usage::default(),
        };
        let meter = self.offer.meter;
        let (state, input, output, fee) = if delivered.charged {
            let input = meter::charged(meter, self.input, stated.input);
            let output = meter::charged(meter, delivered.output, stated.output);
            // A fee beyond what can be counted is one beyond the highest.
            let beyond = Fee { input: Neuron::new(u128::MAX), output: Neuron::ZERO };
            let fee = self.new.prices.fee(input, output).unwrap_or(beyond).capped(self.new.max_fee);
            (ProviderRequestState::Charged, input, output, fee)
        } else {
            (ProviderRequestState::Failed, self.input, Units(0), Fee::NONE)
        };
        Completion {
            id: self.new.id,
            state,
            input,
            output,
            fee,
            status: delivered.status,
            response_hash: delivered.hash,
            at: Timestamp::now(),
        }
    }
}

/// A row as faces see it.
pub(super) fn view(request: &ProviderRequest) -> RequestView {
    RequestView {
        id: request.id,
        user: request.account.user,
        service: request.service.clone(),
        created_at: request.created_at,
        finished_at: request.finished_at,
        state: request.state,
        input: request.input,
        output: request.output,
        fee: request.fee,
        max_fee: request.max_fee,
        prices: request.prices,
        price_version: request.price_version,
    }
}
