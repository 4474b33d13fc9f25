//! Answers passed on while they come: read, metered, handed over, one piece at a time, and booked at the end.
//!
//! A piece is only read from the service once there is room to hand it over, so a slow caller slows the service
//! down instead of filling memory, and what is metered is what is handed over. An event stream is handed over in
//! whole events: wherever it is cut, the caller has read exactly what was counted, and what we append (the end at
//! the highest fee, the receipt) stands between events.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use http::HeaderValue;
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;

use super::core::Core;
use super::cut;
use super::event_stream::{End, EventStream, Taken};
use super::serve::{Delivered, Job, Reply};
use super::upstream::{UpstreamAnswer, UpstreamError};
use crate::body::{Answer, AnswerBody};
use crate::crash_point::{self, Point};
use crate::domain::{B256, ReceiptStatus, Units};
use crate::meter::Pushed;
use crate::wire::headers::{self, Framing};
use crate::wire::receipt::{RECEIPT_LATER_HEADER, receipt_comment};

/// Pieces that may wait between this task and the connection. Each of them is charged although the caller may leave
/// before it is sent, so there is one.
const WAITING: usize = 1;

type Pieces = mpsc::Sender<io::Result<Bytes>>;

/// What came next while an answer was passed on.
enum Next<'a> {
    Piece(Bytes, mpsc::Permit<'a, io::Result<Bytes>>),
    End,
    Broken(UpstreamError),
    CallerLeft,
    /// The broker stops; the answer is cut here.
    Stop,
}

/// Waits for room to hand a piece over, then for the piece.
async fn next<'a>(
    core: &Core,
    pieces: &'a Pieces,
    answer: &mut UpstreamAnswer,
    held: &mut std::vec::IntoIter<Bytes>,
) -> Next<'a> {
    let permit = tokio::select! {
        biased;
        () = core.cut.cancelled() => return Next::Stop,
        permit = pieces.reserve() => match permit {
            Ok(permit) => permit,
            Err(_) => return Next::CallerLeft,
        },
    };
    if let Some(piece) = held.next() {
        return Next::Piece(piece, permit);
    }
    let chunk = tokio::select! {
        biased;
        () = pieces.closed() => return Next::CallerLeft,
        () = core.cut.cancelled() => return Next::Stop,
        chunk = answer.chunk() => chunk,
    };
    match chunk {
        Ok(Some(piece)) => Next::Piece(piece, permit),
        Ok(None) => Next::End,
        Err(error) => Next::Broken(error),
    }
}

/// Error that cuts a connection, so that nobody takes what was delivered for the whole.
fn cut_off() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionAborted, "the answer was cut off")
}

impl Job {
    /// An event stream. Its receipt is its last comment.
    pub(super) async fn send_events(self: Box<Self>, mut answer: UpstreamAnswer, reply: Reply) {
        let core = Arc::clone(&self.core);
        let Ok(meter) = self.meter(&answer) else {
            return Box::pin(self.send_raw(answer, Vec::new(), reply)).await;
        };
        let (pieces, body) = mpsc::channel(WAITING);
        let headers = headers::to_caller(&answer.headers, Framing::Changed);
        let head = Answer { status: answer.status, headers, body: AnswerBody::Stream(body) };
        let _ = reply.send(Ok(head));
        let limit = self.room.unwrap_or(Units(u64::MAX));
        let mut stream = EventStream::new(meter, self.hides_usage, limit);
        let mut held = Vec::new().into_iter();
        let status = loop {
            match next(&core, &pieces, &mut answer, &mut held).await {
                Next::Piece(piece, permit) => match stream.take(&piece) {
                    Ok(Taken { piece, end: None }) => {
                        // Without room used the place is given back.
                        if !piece.is_empty() {
                            permit.send(Ok(piece));
                            crash_point::pass(Point::EventOut);
                        }
                    }
                    Ok(Taken { piece, end: Some(End::Uncountable(error)) }) => {
                        tracing::warn!(service = %self.offer.name, %error, "an event stream cannot be counted further");
                        permit.send(Ok(piece));
                        break ReceiptStatus::UpstreamFailed;
                    }
                    Ok(Taken { piece, end: Some(End::AtMaxFee) }) => {
                        let end = cut::at_max_fee(self.endpoint, stream.first(), self.ask.choices);
                        stream.add(&end);
                        permit.send(Ok([piece, end].concat().into()));
                        break ReceiptStatus::CutAtMaxFee;
                    }
                    Err(error) => {
                        tracing::warn!(service = %self.offer.name, %error, "an event stream is no event stream");
                        break ReceiptStatus::UpstreamFailed;
                    }
                },
                Next::End => {
                    let rest = stream.rest();
                    if !rest.is_empty() && pieces.send(Ok(rest)).await.is_err() {
                        break ReceiptStatus::CutByCaller;
                    }
                    break ReceiptStatus::Complete;
                }
                Next::Broken(error) => {
                    tracing::warn!(service = %self.offer.name, %error, "an event stream broke off");
                    break ReceiptStatus::UpstreamFailed;
                }
                Next::CallerLeft => break ReceiptStatus::CutByCaller,
                Next::Stop => break ReceiptStatus::UpstreamFailed,
            }
        };
        drop(answer);
        let (result, hash) = stream.finish();
        let delivered = Delivered::metered(status, &result, hash);
        match self.book(delivered).await {
            Some(receipt) => {
                let _ = pieces.send(Ok(receipt_comment(&receipt).into())).await;
                if status == ReceiptStatus::UpstreamFailed {
                    let _ = pieces.send(Err(cut_off())).await;
                }
            }
            None => {
                let _ = pieces.send(Err(cut_off())).await;
            }
        }
    }

    /// Any other answer. Its receipt is fetched afterwards. `first`: what was read of it already.
    pub(super) async fn send_raw(
        self: Box<Self>,
        mut answer: UpstreamAnswer,
        first: Vec<Bytes>,
        reply: Reply,
    ) {
        let core = Arc::clone(&self.core);
        let charged = answer.status.is_success();
        let mut meter = match self.meter(&answer) {
            Ok(meter) => meter,
            Err(error) => {
                tracing::warn!(service = %self.offer.name, %error, "an answer cannot be counted");
                self.book(Delivered {
                    status: ReceiptStatus::UpstreamFailed,
                    output: Units(0),
                    usage: None,
                    hash: super::serve::hash_of(&[]),
                    charged: false,
                })
                .await;
                let _ = reply.send(Err(super::ProxyRefusal::UpstreamBroken));
                return;
            }
        };
        let (pieces, body) = mpsc::channel(WAITING);
        let mut headers = headers::to_caller(&answer.headers, Framing::Unchanged);
        headers.insert(RECEIPT_LATER_HEADER, HeaderValue::from_static("1"));
        let head = Answer { status: answer.status, headers, body: AnswerBody::Stream(body) };
        let _ = reply.send(Ok(head));
        let limit = self.room.filter(|_| charged).unwrap_or(Units(u64::MAX));
        let mut hash = Sha256::new();
        let mut held = first.into_iter();
        let (length, mut handed) = (answer.length(), 0u64);
        let status = loop {
            match next(&core, &pieces, &mut answer, &mut held).await {
                Next::Piece(piece, permit) => match meter.push_until(&piece, limit) {
                    Ok(Pushed::All) => {
                        hash.update(&piece);
                        handed = handed.saturating_add(piece.len() as u64);
                        permit.send(Ok(piece));
                        crash_point::pass(Point::BytesOut);
                    }
                    Ok(Pushed::Cut(at)) => {
                        let last = piece.slice(..at.min(piece.len()));
                        hash.update(&last);
                        if !last.is_empty() {
                            permit.send(Ok(last));
                        }
                        break ReceiptStatus::CutAtMaxFee;
                    }
                    Err(error) => {
                        tracing::warn!(service = %self.offer.name, %error, "an answer cannot be counted further");
                        // The meter has counted of it what came before the fault, so it is handed over: what is charged
                        // is what was delivered, and the user's meter stops at the same byte.
                        hash.update(&piece);
                        permit.send(Ok(piece));
                        break ReceiptStatus::UpstreamFailed;
                    }
                },
                Next::End => break ReceiptStatus::Complete,
                Next::Broken(error) => {
                    tracing::warn!(service = %self.offer.name, %error, "an answer broke off");
                    break ReceiptStatus::UpstreamFailed;
                }
                // Whoever has all bytes of a stated length hangs up without waiting to hear that this was all.
                Next::CallerLeft if length == Some(handed) => break ReceiptStatus::Complete,
                Next::CallerLeft => break ReceiptStatus::CutByCaller,
                Next::Stop => break ReceiptStatus::UpstreamFailed,
            }
        };
        drop(answer);
        let hash = B256::new(hash.finalize().into());
        // A service's own refusal is complete in its way, but costs nothing.
        let status = if charged { status } else { ReceiptStatus::UpstreamFailed };
        let whole = status == ReceiptStatus::Complete || !charged;
        let delivered = Delivered { charged, ..Delivered::metered(status, &meter.finish(), hash) };
        self.book(delivered).await;
        if !whole {
            let _ = pieces.send(Err(cut_off())).await;
        }
    }
}
