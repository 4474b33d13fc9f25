//! The task that owns one charged request from its admission to its receipt.
//!
//! ```text
//! row durable ∥ service asked ─▶ head ─▶ whole: held, metered, booked, sent with the receipt in its head
//!                                     └▶ stream: passed on and metered piece by piece, booked at its end or cut
//! ```
//!
//! Nothing of the answer leaves before the row is durable (I9). Whatever happens afterwards (the caller leaves, the
//! service breaks off, the highest fee is reached, the broker stops) what was handed over is booked, once, durably,
//! and only then the hold is given back. If the task itself dies, the row is struck off as lost.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, StatusCode};
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
use crate::body::{Answer, AnswerBody};
use crate::domain::{
    B256, Fee, Neuron, ProviderRequestState, ReceiptStatus, ServiceKind, SignedReceipt, Timestamp, Units,
};
use crate::meter::{self, MeterError, MeterResult, OutputMeter};
use crate::store::StoreError;
use crate::store::provider::{Admission, Completion, NewProviderRequest, ProviderRequest};
use crate::wire::chat::{Ask, Endpoint, Usage};
use crate::wire::headers::{self, Framing};
use crate::wire::receipt::{RECEIPT_HEADER, encode_receipt};

/// The largest answer that is held whole, so that its receipt can stand in its head.
pub(super) const LARGEST_WHOLE: usize = 16 << 20;
/// An answer of a stated length up to this is held whole whatever it is.
const SMALL: u64 = 1 << 20;
/// Answers up to this size are counted on the spot; larger ones on a thread of their own.
const COUNT_AT_ONCE: usize = 64 << 10;
/// Pauses before a booking that failed is tried again.
const BOOKING_PAUSES: [Duration; 4] =
    [Duration::from_millis(100), Duration::from_millis(500), Duration::from_secs(2), Duration::from_secs(5)];

/// Where the caller hears of the answer.
pub(super) type Reply = oneshot::Sender<Result<Answer, ProxyRefusal>>;

/// One admitted request.
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
    fn nothing(status: ReceiptStatus) -> Self {
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
enum Shape {
    Whole,
    Events,
    Raw,
}

impl Job {
    pub(super) async fn run(mut self, call: UpstreamCall, mut reply: Reply) {
        let core = Arc::clone(&self.core);
        let refused = CancellationToken::new();
        self.hold.row_written();
        let admission = async {
            let admission = core.store.admit(self.new.clone()).await;
            if !matches!(admission, Ok(Admission::Admitted { .. })) {
                refused.cancel();
            }
            admission
        };
        let head = async {
            tokio::select! {
                biased;
                () = refused.cancelled() => Head::Nobody,
                () = core.cut.cancelled() => Head::Nobody,
                () = reply.closed() => Head::Nobody,
                head = core.upstream.send(call) => match head {
                    Ok(answer) => Head::Answer(answer),
                    Err(error) => Head::Failed(error),
                },
            }
        };
        let (admission, head) = tokio::join!(admission, head);
        match admission {
            Ok(Admission::Admitted { voucher }) => {
                core.health.store_works();
                self.pass.let_in();
                if let Some(best) = voucher {
                    core.take_voucher(best);
                }
            }
            Ok(Admission::Duplicate(_)) => {
                self.hold.row_refused();
                let _ = reply.send(Err(ProxyRefusal::Duplicate));
                return;
            }
            Err(error) => {
                tracing::error!(%error, "a request could not be written down and is not served");
                core.health.store_failed(&error);
                self.hold.row_refused();
                let _ = reply.send(Err(ProxyRefusal::StorageFailed));
                return;
            }
        }
        core.publisher.tell(Event::RequestAdmitted {
            id: self.new.id,
            user: self.new.account.user,
            service: self.new.service.clone(),
            max_fee: self.new.max_fee,
        });
        match head {
            Head::Answer(answer) => {
                if answer.status.is_success() {
                    core.upstream_works(&self.offer);
                }
                self.pass_on(answer, reply).await;
            }
            Head::Failed(error) => {
                core.upstream_failed(&self.offer, &error);
                self.book(Delivered::nothing(ReceiptStatus::UpstreamFailed)).await;
                let _ = reply.send(Err(refusal(error)));
            }
            Head::Nobody => {
                let stopping = core.cut.is_cancelled();
                let status =
                    if stopping { ReceiptStatus::UpstreamFailed } else { ReceiptStatus::CutByCaller };
                self.book(Delivered::nothing(status)).await;
                let _ = reply.send(Err(ProxyRefusal::Stopping));
            }
        }
    }

    async fn pass_on(self, answer: UpstreamAnswer, reply: Reply) {
        match self.shape(&answer) {
            Shape::Whole => self.send_whole(answer, reply).await,
            Shape::Events => self.send_events(answer, reply).await,
            Shape::Raw => self.send_raw(answer, Vec::new(), reply).await,
        }
    }

    fn shape(&self, answer: &UpstreamAnswer) -> Shape {
        let content_type = answer.content_type();
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
            ServiceKind::Chatbot if content_type == "text/event-stream" => {
                // An encoded stream cannot be cut between events; it is counted all the same.
                if self.encoding(answer).is_none() { Shape::Events } else { Shape::Raw }
            }
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

    fn encoding(&self, answer: &UpstreamAnswer) -> Option<String> {
        headers::joined(&answer.headers, &http::header::CONTENT_ENCODING)
            .filter(|coding| !coding.trim().is_empty() && !coding.trim().eq_ignore_ascii_case("identity"))
    }

    /// The meter for this answer.
    pub(super) fn meter(&self, answer: &UpstreamAnswer) -> Result<OutputMeter, MeterError> {
        let content_type = headers::joined(&answer.headers, &http::header::CONTENT_TYPE);
        let encoding = self.encoding(answer);
        OutputMeter::new(
            self.offer.kind,
            content_type.as_deref(),
            encoding.as_deref(),
            meter::Limits::default(),
        )
    }

    /// Holds the answer until its end, books it, and sends it with its receipt in the head.
    async fn send_whole(self, mut answer: UpstreamAnswer, mut reply: Reply) {
        let core = Arc::clone(&self.core);
        let mut held = BytesMut::new();
        loop {
            let chunk = tokio::select! {
                biased;
                () = reply.closed() => return self.abandon(&answer, ReceiptStatus::CutByCaller).await,
                () = core.cut.cancelled() => {
                    self.book(Delivered::nothing(ReceiptStatus::UpstreamFailed)).await;
                    let _ = reply.send(Err(ProxyRefusal::Stopping));
                    return;
                }
                chunk = answer.chunk() => chunk,
            };
            match chunk {
                Ok(None) => break,
                Ok(Some(chunk)) => {
                    held.extend_from_slice(&chunk);
                    let room = self.room.map_or(u64::MAX, |room| room.0);
                    let bytes_are_units =
                        self.offer.kind == ServiceKind::ZgStorage && answer.status.is_success();
                    if held.len() > LARGEST_WHOLE || (bytes_are_units && held.len() as u64 > room) {
                        if self.offer.kind == ServiceKind::ZgStorage || !answer.status.is_success() {
                            return self.send_raw(answer, vec![held.freeze()], reply).await;
                        }
                        tracing::warn!(service = %self.offer.name, "an answer is too large to be counted");
                        return self.fail(reply, ProxyRefusal::UpstreamBroken).await;
                    }
                }
                Err(error) => {
                    let refusal = refusal(error);
                    return self.fail(reply, refusal).await;
                }
            }
        }
        let body = held.freeze();
        let delivered = if answer.status.is_success() {
            match self.count(&answer, body.clone()).await {
                Ok(result) => Delivered::metered(ReceiptStatus::Complete, &result, hash_of(&body)),
                Err(error) => {
                    tracing::warn!(service = %self.offer.name, %error, "an answer cannot be counted");
                    return self.fail(reply, ProxyRefusal::UpstreamBroken).await;
                }
            }
        } else {
            Delivered { hash: hash_of(&body), ..Delivered::nothing(ReceiptStatus::UpstreamFailed) }
        };
        if reply.is_closed() {
            return self.abandon(&answer, ReceiptStatus::CutByCaller).await;
        }
        let mut headers = headers::to_caller(&answer.headers, Framing::Unchanged);
        match self.book(delivered).await {
            Some(receipt) => add_receipt(&mut headers, &receipt),
            None => {
                let _ = reply.send(Err(ProxyRefusal::StorageFailed));
                return;
            }
        }
        let _ = reply.send(Ok(Answer { status: answer.status, headers, body: AnswerBody::Full(body) }));
    }

    /// The service did not deliver: nothing is charged.
    async fn fail(self, reply: Reply, refusal: ProxyRefusal) {
        self.book(Delivered::nothing(ReceiptStatus::UpstreamFailed)).await;
        let _ = reply.send(Err(refusal));
    }

    /// The caller left before anything was handed over. The service has worked on the input, so that is charged if
    /// it answered at all.
    async fn abandon(self, answer: &UpstreamAnswer, status: ReceiptStatus) {
        let charged = answer.status.is_success();
        self.book(Delivered { charged, ..Delivered::nothing(status) }).await;
    }

    async fn count(&self, answer: &UpstreamAnswer, body: Bytes) -> Result<MeterResult, MeterError> {
        let mut meter = self.meter(answer)?;
        let count = move || meter.push(&body).map(|()| meter.finish());
        if self.offer.kind == ServiceKind::ZgStorage || self.length_is_small(answer) {
            return count();
        }
        match tokio::task::spawn_blocking(count).await {
            Ok(result) => result,
            Err(_) => Err(MeterError::TooLong { limit: LARGEST_WHOLE as u64 }),
        }
    }

    fn length_is_small(&self, answer: &UpstreamAnswer) -> bool {
        answer.length().is_some_and(|length| length <= COUNT_AT_ONCE as u64)
    }

    /// Books what was handed over: durably, once. Gives back the hold and returns the receipt.
    ///
    /// `None` when the books could not be written; then the row is struck off later and nothing is owed.
    pub(super) async fn book(self, delivered: Delivered) -> Option<SignedReceipt> {
        let completion = self.completion(&delivered);
        let core = Arc::clone(&self.core);
        let mut pauses = BOOKING_PAUSES.iter();
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
        self.hold.booked(completed.owed, completion.at);
        core.health.store_works();
        let receipt = completed.request.receipt();
        core.tally.booked(completed.request.fee, completion.at);
        core.publisher.tell(Event::RequestBooked(Box::new(view(&completed.request))));
        match core.sign_receipt(receipt?) {
            Ok(receipt) => Some(receipt),
            Err(error) => {
                tracing::error!(%error, "a receipt could not be signed");
                None
            }
        }
    }

    fn completion(&self, delivered: &Delivered) -> Completion {
        let stated = delivered.usage.unwrap_or_default();
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

fn add_receipt(headers: &mut HeaderMap, receipt: &SignedReceipt) {
    if let Ok(value) = HeaderValue::try_from(encode_receipt(receipt)) {
        headers.insert(RECEIPT_HEADER, value);
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
