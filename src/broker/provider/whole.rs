//! A whole answer: held to its end, counted, booked, and sent with its receipt in its head; or not sent at all.
//!
//! A whole answer cannot be cut, so what passes the highest fee is not handed over. A service that was given the limit
//! may pass it a little, since models count by vocabularies of their own: see [`most_for`].

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};

use super::ProxyRefusal;
use super::free::refusal;
use super::serve::{Delivered, Job, Piece, Reply, hash_of};
use super::upstream::UpstreamAnswer;
use crate::body::{Answer, AnswerBody, Held};
use crate::domain::{ReceiptStatus, SealedReceipt, ServiceKind, Units};
use crate::meter::{self, MeterError, MeterResult};
use crate::wire::headers::{self, Framing};
use crate::wire::receipt::{RECEIPT_HEADER, encode_receipt};

/// The largest answer that is held whole, so that its receipt can stand in its head.
const LARGEST_WHOLE: usize = 16 << 20;
/// Answers up to this size are counted on the spot; larger ones on a thread of their own.
pub(super) const COUNT_AT_ONCE: usize = 64 << 10;
/// Units by which each answer may pass its limit however small that is: names of tools, a last word in many tokens.
const SLACK: u64 = 16;

/// Why a whole answer is not handed over.
#[derive(Debug, thiserror::Error)]
pub(super) enum Withheld {
    #[error("it cannot be counted: {0}")]
    Uncountable(MeterError),
    #[error("it is too large to be counted: {0}")]
    TooLarge(MeterError),
    #[error("the count of it failed")]
    CountFailed,
    #[error("it comes to {} units, and the highest fee pays for {} at most", .units.0, .most.0)]
    AboveMaxFee { units: Units, most: Units },
}

impl Withheld {
    /// `encoded`: the service packed its answer although it was asked not to, and what that swells to is its own doing.
    fn uncounted(error: MeterError, encoded: bool) -> Withheld {
        match error {
            MeterError::TooLong { .. } | MeterError::TooManyTexts { .. } if !encoded => {
                Withheld::TooLarge(error)
            }
            _ => Withheld::Uncountable(error),
        }
    }

    fn status(&self) -> ReceiptStatus {
        match self {
            Withheld::Uncountable(_) | Withheld::TooLarge(_) | Withheld::CountFailed => {
                ReceiptStatus::UpstreamFailed
            }
            Withheld::AboveMaxFee { .. } => ReceiptStatus::CutAtMaxFee,
        }
    }

    fn refusal(&self) -> ProxyRefusal {
        match self {
            Withheld::Uncountable(_) | Withheld::CountFailed => ProxyRefusal::UpstreamBroken,
            Withheld::TooLarge(_) => ProxyRefusal::AnswerTooLarge,
            Withheld::AboveMaxFee { .. } => ProxyRefusal::AnswerAboveMaxFee,
        }
    }

    /// The service did its work, and it was the request that asked for so much.
    fn is_by_request(&self) -> bool {
        matches!(self, Withheld::TooLarge(_) | Withheld::AboveMaxFee { .. })
    }
}

/// The largest output of so many answers, as they were found, that is handed over where the highest fee pays for `room`.
///
/// A service that was told its limit counts by another vocabulary than we do: a text of so many of its tokens is seldom
/// twice as many of ours.
fn most_for(room: Units, answers: u64) -> Units {
    Units(room.0.saturating_mul(2).saturating_add(SLACK.saturating_mul(answers.max(1))))
}

impl Job {
    /// Holds the answer until its end, books it, and sends it with its receipt in the head.
    /// `held` was read of it already, and `next` is what came behind that.
    pub(super) async fn send_whole(
        self: Box<Self>,
        mut answer: UpstreamAnswer,
        mut held: Held,
        mut next: Option<Piece>,
        mut reply: Reply,
    ) {
        let core = Arc::clone(&self.core);
        loop {
            let chunk = tokio::select! {
                biased;
                () = reply.closed() => return self.abandon(&answer, ReceiptStatus::CutByCaller).await,
                () = core.cut.cancelled() => {
                    self.book(Delivered::nothing(ReceiptStatus::UpstreamFailed)).await;
                    let _ = reply.send(Err(ProxyRefusal::Stopping));
                    return;
                }
                chunk = async {
                    match next.take() {
                        Some(piece) => piece,
                        None => answer.chunk().await,
                    }
                } => chunk,
            };
            match chunk {
                Ok(None) => break,
                Ok(Some(chunk)) => {
                    let storage = self.offer.kind == ServiceKind::ZgStorage;
                    let room = self.room.map_or(u64::MAX, |room| room.0);
                    let length = held.len() + chunk.len();
                    let beyond = storage && answer.status.is_success() && length as u64 > room;
                    let full = length <= LARGEST_WHOLE && !beyond && !held.push(&chunk);
                    if full || length > LARGEST_WHOLE || beyond {
                        if storage || !answer.status.is_success() {
                            return Box::pin(self.send_raw(answer, vec![held.freeze(), chunk], reply)).await;
                        }
                        if full {
                            tracing::warn!(service = %self.offer.name, "no memory to hold an answer; see bodyMemory");
                            return self.fail(reply, ProxyRefusal::MemoryFull).await;
                        }
                        let limit = LARGEST_WHOLE as u64;
                        return self
                            .withhold(reply, &Withheld::TooLarge(MeterError::TooLong { limit }))
                            .await;
                    }
                }
                Err(error) => {
                    let refusal = refusal(error);
                    return self.fail(reply, refusal).await;
                }
            }
        }
        let body = held.freeze();
        let delivered = match self.delivered(&answer, &body).await {
            Ok(delivered) => delivered,
            Err(withheld) => return self.withhold(reply, &withheld).await,
        };
        if reply.is_closed() {
            return self.abandon(&answer, ReceiptStatus::CutByCaller).await;
        }
        let receipt = self.book(delivered).await;
        answer_whole(answer, body, receipt, reply);
    }

    /// What a whole answer comes to.
    pub(super) async fn delivered(
        &self,
        answer: &UpstreamAnswer,
        body: &Bytes,
    ) -> Result<Delivered, Withheld> {
        if !answer.status.is_success() {
            return Ok(Delivered {
                hash: hash_of(body),
                ..Delivered::nothing(ReceiptStatus::UpstreamFailed)
            });
        }
        let result = self.count(answer, body.clone()).await?;
        let stated = result.usage.unwrap_or_default();
        let units = meter::charged(self.offer.meter, result.units, stated.output);
        // What the meter cannot read is counted whole, names and figures too: an honest answer may come to any sum.
        let held_to = self.room.filter(|_| self.endpoint.is_read());
        match held_to.map(|room| most_for(room, result.answers.min(self.ask.choices))) {
            Some(most) if units > most => Err(Withheld::AboveMaxFee { units, most }),
            _ => Ok(Delivered::metered(ReceiptStatus::Complete, &result, hash_of(body))),
        }
    }

    /// Nothing of the answer is handed over, and nothing is charged: the caller's broker sees a refusal, which costs
    /// nothing there either. Whoever has the service work for such answers again and again is kept out for a while, as who
    /// leaves before they come.
    pub(super) async fn withhold(self: Box<Self>, reply: Reply, withheld: &Withheld) {
        tracing::warn!(service = %self.offer.name, %withheld, "an answer is not handed over");
        if withheld.is_by_request() {
            self.core.gate.left_early(self.new.account.user, Instant::now());
        }
        self.book(Delivered::nothing(withheld.status())).await;
        let _ = reply.send(Err(withheld.refusal()));
    }

    /// The service did not deliver: nothing is charged.
    pub(super) async fn fail(self: Box<Self>, reply: Reply, refusal: ProxyRefusal) {
        self.book(Delivered::nothing(ReceiptStatus::UpstreamFailed)).await;
        let _ = reply.send(Err(refusal));
    }

    /// The caller left before anything was handed over. The service has worked on the input, so that is charged
    /// unless it had failed.
    async fn abandon(self: Box<Self>, answer: &UpstreamAnswer, status: ReceiptStatus) {
        self.core.gate.left_early(self.new.account.user, Instant::now());
        let charged = answer.status.is_success();
        self.book(Delivered { charged, ..Delivered::nothing(status) }).await;
    }

    async fn count(&self, answer: &UpstreamAnswer, body: Bytes) -> Result<MeterResult, Withheld> {
        let encoded = self.head(answer).encoding.is_some();
        let uncounted = |error| Withheld::uncounted(error, encoded);
        let mut meter = self.meter(answer).map_err(uncounted)?;
        // What is encoded can be far larger than it looks.
        let small = body.len() <= COUNT_AT_ONCE && !encoded;
        let count = move || {
            meter.push(&body)?;
            let mut result = meter.finish();
            // What was not counted is not handed over.
            result.fault.take().map_or(Ok(result), Err)
        };
        if self.offer.kind == ServiceKind::ZgStorage || small {
            return count().map_err(uncounted);
        }
        match tokio::task::spawn_blocking(count).await {
            Ok(result) => result.map_err(uncounted),
            Err(_) => Err(Withheld::CountFailed),
        }
    }
}

/// Hands a whole answer over, if its receipt could be written down.
pub(super) fn answer_whole(
    answer: UpstreamAnswer,
    body: Bytes,
    receipt: Option<SealedReceipt>,
    reply: Reply,
) {
    let Some(receipt) = receipt else {
        let _ = reply.send(Err(ProxyRefusal::StorageFailed));
        return;
    };
    let mut headers = headers::to_caller(&answer.headers, Framing::Unchanged);
    add_receipt(&mut headers, &receipt);
    let _ = reply.send(Ok(Answer { status: answer.status, headers, body: AnswerBody::Full(body) }));
}

fn add_receipt(headers: &mut HeaderMap, receipt: &SealedReceipt) {
    if let Ok(value) = HeaderValue::try_from(encode_receipt(receipt)) {
        headers.insert(RECEIPT_HEADER, value);
    }
}
