//! Answers passed on while they come: read, metered, handed over, one piece at a time, and booked at the end.
//!
//! A piece is only read from the service once there is room to hand it over, so a slow caller slows the service
//! down instead of filling memory, and what is metered is what is handed over. An event stream is handed over in
//! whole events: wherever it is cut, the caller has read exactly what was counted, and what we append (the end at
//! the highest fee, the receipt) stands between events.

use std::io;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use http::HeaderValue;
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;

use super::core::Core;
use super::cut;
use super::serve::{Delivered, Job, Reply};
use super::upstream::{UpstreamAnswer, UpstreamError};
use crate::body::{Answer, AnswerBody};
use crate::domain::{B256, ReceiptStatus, Units};
use crate::meter::{MeterResult, OutputMeter, Pushed};
use crate::wire::chat::{Part, Usage, read_answer};
use crate::wire::headers::{self, Framing};
use crate::wire::receipt::{RECEIPT_LATER_HEADER, receipt_comment};
use crate::wire::separator::Separator;
use crate::wire::sse::{self, Splitter};

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
    pub(super) async fn send_events(self, mut answer: UpstreamAnswer, reply: Reply) {
        let core = Arc::clone(&self.core);
        let Ok(meter) = self.meter(&answer) else {
            return self.send_raw(answer, Vec::new(), reply).await;
        };
        let (pieces, body) = mpsc::channel(WAITING);
        let headers = headers::to_caller(&answer.headers, Framing::Changed);
        let head = Answer { status: answer.status, headers, body: AnswerBody::Stream(body) };
        let _ = reply.send(Ok(head));
        let mut stream = EventStream {
            meter,
            hash: Sha256::new(),
            own: Separator::default(),
            whole: WholeEvents::default(),
            hidden: self.hides_usage.then(HiddenUsage::default),
            first: BytesMut::new(),
            limit: self.room.unwrap_or(Units(u64::MAX)),
        };
        let mut held = Vec::new().into_iter();
        let status = loop {
            match next(&core, &pieces, &mut answer, &mut held).await {
                Next::Piece(piece, permit) => match stream.take(&piece) {
                    Ok(Taken { piece, cut: false }) => {
                        // Without room used the place is given back.
                        if !piece.is_empty() {
                            stream.hash.update(&piece);
                            permit.send(Ok(piece));
                        }
                    }
                    Ok(Taken { piece, cut: true }) => {
                        let end = cut::at_max_fee(self.endpoint, &stream.first, self.ask.choices);
                        let last: Bytes = [piece, end].concat().into();
                        stream.hash.update(&last);
                        permit.send(Ok(last));
                        break ReceiptStatus::CutAtMaxFee;
                    }
                    Err(error) => {
                        tracing::warn!(service = %self.offer.name, %error, "an event stream cannot be counted further");
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
        let usage = stream.hidden.as_ref().and_then(|hidden| hidden.usage);
        let (result, hash) = stream.finish();
        let usage = match (result.usage, usage) {
            (Some(seen), Some(hidden)) => Some(seen.max(hidden)),
            (seen, hidden) => seen.or(hidden),
        };
        let delivered = Delivered { usage, ..Delivered::metered(status, &result, hash) };
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
    pub(super) async fn send_raw(self, mut answer: UpstreamAnswer, first: Vec<Bytes>, reply: Reply) {
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
        let status = loop {
            match next(&core, &pieces, &mut answer, &mut held).await {
                Next::Piece(piece, permit) => match meter.push_until(&piece, limit) {
                    Ok(Pushed::All) => {
                        hash.update(&piece);
                        permit.send(Ok(piece));
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
                        break ReceiptStatus::UpstreamFailed;
                    }
                },
                Next::End => break ReceiptStatus::Complete,
                Next::Broken(error) => {
                    tracing::warn!(service = %self.offer.name, %error, "an answer broke off");
                    break ReceiptStatus::UpstreamFailed;
                }
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

/// An event stream on its way.
struct EventStream {
    meter: OutputMeter,
    /// Of all bytes handed over.
    hash: Sha256,
    /// Takes out what only brokers write: the user's broker would take it for ours.
    own: Separator,
    whole: WholeEvents,
    hidden: Option<HiddenUsage>,
    /// The beginning of what was handed over, where names for the last event are found.
    first: BytesMut,
    limit: Units,
}

/// What of a piece may be handed over.
struct Taken {
    piece: Bytes,
    /// The highest fee is reached with it.
    cut: bool,
}

/// How much of the beginning is remembered.
const FIRST: usize = 4 << 10;

impl EventStream {
    fn take(&mut self, piece: &Bytes) -> Result<Taken, Box<dyn std::error::Error + Send + Sync>> {
        let piece = self.own.push(piece)?.pass;
        let whole = self.whole.push(&piece)?;
        self.count(whole)
    }

    fn count(&mut self, whole: Bytes) -> Result<Taken, Box<dyn std::error::Error + Send + Sync>> {
        let whole = match &mut self.hidden {
            Some(hidden) => hidden.take_out(&whole)?,
            None => whole,
        };
        if whole.is_empty() {
            return Ok(Taken { piece: whole, cut: false });
        }
        let taken = match self.meter.push_until(&whole, self.limit)? {
            Pushed::All => Taken { piece: whole, cut: false },
            Pushed::Cut(at) => Taken { piece: whole.slice(..at.min(whole.len())), cut: true },
        };
        let room = FIRST.saturating_sub(self.first.len()).min(taken.piece.len());
        self.first.extend_from_slice(&taken.piece[..room]);
        Ok(taken)
    }

    /// The stream has ended properly: a last event without its empty line goes out with one.
    fn rest(&mut self) -> Bytes {
        let held = Bytes::from_static(self.own.finish());
        let last = self.whole.push(&held).unwrap_or_default();
        let rest = Bytes::from([last, self.whole.rest()].concat());
        // Nothing after it can be cut, so it may pass the limit; the fee does not.
        let rest = match self.count(rest) {
            Ok(taken) => taken.piece,
            Err(_) => return Bytes::new(),
        };
        self.hash.update(&rest);
        rest
    }

    fn finish(self) -> (MeterResult, B256) {
        (self.meter.finish(), B256::new(self.hash.finalize().into()))
    }
}

/// Holds back what is not a whole event yet.
#[derive(Debug, Default)]
struct WholeEvents {
    pending: BytesMut,
}

/// An event, or a line, longer than any honest one.
#[derive(Debug, thiserror::Error)]
#[error("an event is longer than {0} bytes")]
struct EventTooLong(usize);

impl WholeEvents {
    /// Takes a piece and gives out all that is whole by now.
    fn push(&mut self, piece: &Bytes) -> Result<Bytes, EventTooLong> {
        let most = sse::Limits::default().event;
        if self.pending.is_empty() {
            let end = last_boundary(piece, 0);
            self.pending.extend_from_slice(&piece[end..]);
            self.check(most)?;
            return Ok(piece.slice(..end));
        }
        let seen = self.pending.len();
        self.pending.extend_from_slice(piece);
        let end = last_boundary(&self.pending, seen);
        let whole = self.pending.split_to(end).freeze();
        self.check(most)?;
        Ok(whole)
    }

    fn check(&self, most: usize) -> Result<(), EventTooLong> {
        if self.pending.len() > most { Err(EventTooLong(most)) } else { Ok(()) }
    }

    /// What is left at the end of the stream, closed by an empty line.
    fn rest(&mut self) -> Bytes {
        let mut rest = self.pending.split();
        if !rest.is_empty() {
            // After a CR one LF would only be the second half of its line end.
            let close: &[u8] = if rest.ends_with(b"\n") { b"\n" } else { b"\n\n" };
            rest.extend_from_slice(close);
        }
        rest.freeze()
    }
}

/// Where the last whole event ends. `seen` bytes were looked at before and hold no such end.
fn last_boundary(bytes: &[u8], seen: usize) -> usize {
    // A line end may have begun up to three bytes earlier.
    let from = seen.saturating_sub(3);
    let mut at = bytes.len();
    while at > from {
        let upto = &bytes[..at];
        let ended = match upto.last() {
            Some(b'\n') => upto.ends_with(b"\n\n") || upto.ends_with(b"\n\r\n") || upto.ends_with(b"\r\r\n"),
            // A lone CR may be the first half of a CRLF that is still to come, unless something else follows.
            Some(b'\r') if at < bytes.len() && bytes.get(at) != Some(&b'\n') => {
                upto.ends_with(b"\r\r") || upto.ends_with(b"\n\r")
            }
            _ => false,
        };
        if ended {
            return at;
        }
        at -= 1;
    }
    0
}

/// Takes the usage chunk out of a stream that was made to have one.
#[derive(Debug, Default)]
struct HiddenUsage {
    splitter: Splitter,
    usage: Option<Usage>,
}

impl HiddenUsage {
    fn take_out(&mut self, whole: &[u8]) -> Result<Bytes, sse::SseError> {
        self.splitter.push(whole);
        let mut kept = BytesMut::with_capacity(whole.len());
        while let Some(event) = self.splitter.next_event()? {
            match event.data.as_deref().and_then(usage_alone) {
                Some(usage) => self.usage = Some(self.usage.unwrap_or_default().max(usage)),
                None => kept.extend_from_slice(&event.raw),
            }
        }
        Ok(kept.freeze())
    }
}

/// The figures of a chunk that holds nothing else.
fn usage_alone(data: &str) -> Option<Usage> {
    let mut usage = None;
    let mut other = false;
    read_answer(data, &mut |part| match part {
        Part::Usage(found) => usage = Some(found),
        _ => other = true,
    });
    usage.filter(|_| !other)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn whole_events_end_at_empty_lines() {
        for (bytes, end) in [
            ("", 0),
            ("data: a", 0),
            ("data: a\n", 0),
            ("data: a\n\n", 9),
            ("data: a\n\ndata: b", 9),
            ("data: a\r\n\r\n", 11),
            ("data: a\r\n\r", 0),
            ("data: a\r\rx", 9),
            ("data: a\r\r", 0),
            ("data: a\n\ndata: b\n\n", 18),
            ("\n\n\n", 3),
            (": c\n\n", 5),
        ] {
            assert_eq!(last_boundary(bytes.as_bytes(), 0), end, "{bytes:?}");
        }
    }

    #[test]
    fn a_last_event_without_its_empty_line_gets_one() {
        for (bytes, rest) in [
            ("data: a", "data: a\n\n"),
            ("data: a\n", "data: a\n\n"),
            ("data: a\r", "data: a\r\n\n"),
            ("data: a\r\n", "data: a\r\n\n"),
            ("data: a\n\n", ""),
        ] {
            let mut whole = WholeEvents::default();
            whole.push(&Bytes::copy_from_slice(bytes.as_bytes())).unwrap();
            assert_eq!(whole.rest(), rest, "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn no_byte_is_lost_however_it_is_split(
            parts in proptest::collection::vec("[ab:\\r\\n ]{0,6}", 0..30),
        ) {
            let mut whole = WholeEvents::default();
            let mut out = Vec::new();
            for part in &parts {
                out.extend_from_slice(&whole.push(&Bytes::copy_from_slice(part.as_bytes())).unwrap());
            }
            let closed = whole.rest();
            out.extend_from_slice(&closed);
            let all = parts.concat();
            prop_assert!(out.starts_with(all.as_bytes()));
            prop_assert!(out.len() - all.len() <= 2);
        }
    }

    #[test]
    fn only_a_chunk_of_nothing_but_usage_is_hidden() {
        let mut hidden = HiddenUsage::default();
        let stream = concat!(
            "data: {\"choices\":[{\"delta\":{\"content\":\"hi\"}}]}\n\n",
            "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":5}}\n\n",
            "data: [DONE]\n\n",
        );
        let kept = hidden.take_out(stream.as_bytes()).unwrap();
        assert_eq!(
            kept,
            concat!("data: {\"choices\":[{\"delta\":{\"content\":\"hi\"}}]}\n\n", "data: [DONE]\n\n")
        );
        assert_eq!(hidden.usage, Some(Usage { input: Some(3), output: Some(5) }));
    }
}
