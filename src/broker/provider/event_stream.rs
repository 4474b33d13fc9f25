//! An event stream on its way from the service to the caller: freed of what only brokers write, cut into whole events,
//! metered, hashed. Bytes in, bytes out; `stream` does the waiting.

use bytes::{Bytes, BytesMut};
use sha2::{Digest, Sha256};

use crate::domain::{B256, Units};
use crate::meter::{MeterError, MeterResult, OutputMeter, Pushed};
use crate::wire::chat::{Part, Reading, Usage, read_answer};
use crate::wire::json;
use crate::wire::separator::{CommentTooLong, Separator};
use crate::wire::sse::{self, Splitter, SseError};

/// What the provider does to an event stream.
#[derive(Debug)]
pub struct EventStream {
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

/// What of a piece is to be handed over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// Whole events, perhaps none.
    pub piece: Bytes,
    /// The answer ends with it.
    pub end: Option<End>,
}

/// Why we end an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// The highest fee is reached.
    AtMaxFee,
    /// It cannot be counted further. The piece is handed over all the same: it was counted as far as it goes, and the
    /// caller's meter stops at the same place.
    Uncountable(MeterError),
}

/// Why a stream is given up. Nothing of the piece was counted, and nothing is handed over.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StreamFault {
    #[error(transparent)]
    Comment(#[from] CommentTooLong),
    #[error(transparent)]
    Event(#[from] EventTooLong),
    #[error(transparent)]
    Events(#[from] SseError),
}

/// How much of the beginning is remembered.
const FIRST: usize = 4 << 10;

impl EventStream {
    /// `hides_usage`: the closing chunk of usage figures was not asked for by the caller; `limit`: the units that the
    /// highest fee pays for.
    pub fn new(meter: OutputMeter, hides_usage: bool, limit: Units) -> EventStream {
        EventStream {
            meter,
            hash: Sha256::new(),
            own: Separator::default(),
            whole: WholeEvents::default(),
            hidden: hides_usage.then(HiddenUsage::default),
            first: BytesMut::new(),
            limit,
        }
    }

    /// Takes the next bytes of the service and gives out what is whole by now.
    pub fn take(&mut self, piece: &Bytes) -> Result<Taken, StreamFault> {
        let piece = self.own.push(piece)?.pass;
        let whole = self.whole.push(&piece)?;
        let taken = self.count(whole)?;
        self.hash.update(&taken.piece);
        Ok(taken)
    }

    /// The beginning of what was handed over.
    pub fn first(&self) -> &[u8] {
        &self.first
    }

    /// What the broker itself writes for the service; it is part of the answer, and nobody pays for it.
    pub fn add(&mut self, end: &[u8]) {
        self.hash.update(end);
    }

    fn count(&mut self, whole: Bytes) -> Result<Taken, StreamFault> {
        let whole = match &mut self.hidden {
            Some(hidden) => hidden.take_out(&whole)?,
            None => whole,
        };
        if whole.is_empty() {
            return Ok(Taken { piece: whole, end: None });
        }
        let taken = match self.meter.push_until(&whole, self.limit) {
            Ok(Pushed::All) => Taken { piece: whole, end: None },
            Ok(Pushed::Cut(at)) => {
                Taken { piece: whole.slice(..at.min(whole.len())), end: Some(End::AtMaxFee) }
            }
            Err(error) => Taken { piece: whole, end: Some(End::Uncountable(error)) },
        };
        let room = FIRST.saturating_sub(self.first.len()).min(taken.piece.len());
        self.first.extend_from_slice(&taken.piece[..room]);
        Ok(taken)
    }

    /// The stream has ended properly: a last event without its empty line goes out with one.
    pub fn rest(&mut self) -> Bytes {
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

    /// The count of what was handed over, with the figures that were hidden, and its hash.
    pub fn finish(self) -> (MeterResult, B256) {
        let hidden = self.hidden.and_then(|hidden| hidden.usage);
        let mut result = self.meter.finish();
        result.usage = match (result.usage, hidden) {
            (Some(seen), Some(hidden)) => Some(seen.max(hidden)),
            (seen, hidden) => seen.or(hidden),
        };
        (result, B256::new(self.hash.finalize().into()))
    }
}

/// Holds back what is not a whole event yet.
#[derive(Debug, Default)]
struct WholeEvents {
    pending: BytesMut,
}

/// An event, or a line, longer than any honest one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an event is longer than {0} bytes")]
pub struct EventTooLong(usize);

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

/// Where the last whole event ends; an event or the stream begins with the first byte. `seen` bytes were looked at
/// before and hold no such end.
fn last_boundary(bytes: &[u8], seen: usize) -> usize {
    // A line end may have begun up to three bytes earlier.
    let from = seen.saturating_sub(3);
    let mut at = bytes.len();
    while at > from {
        let upto = &bytes[..at];
        let ended = match upto.last() {
            Some(b'\n') => {
                let stray = matches!(upto, b"\n" | b"\r\n");
                stray || upto.ends_with(b"\n\n") || upto.ends_with(b"\n\r\n") || upto.ends_with(b"\r\r\n")
            }
            // A lone CR may be the first half of a CRLF that is still to come, unless something else follows.
            Some(b'\r') if at < bytes.len() && bytes.get(at) != Some(&b'\n') => {
                upto == b"\r" || upto.ends_with(b"\r\r") || upto.ends_with(b"\n\r")
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

/// The figures of a closing chunk, as we asked for it: it has `choices`, and none in them. Whatever else states figures
/// says something of its own too, and is not ours to take out.
fn usage_alone(data: &str) -> Option<Usage> {
    let (mut no_choices, mut other) = (false, false);
    json::members(data, |name, value| {
        if name == "choices" {
            let empty = json::elements(value, |_, _| other = true).is_ok();
            no_choices |= empty;
            other |= !empty;
        }
    })
    .ok()?;
    if !no_choices || other {
        return None;
    }
    let mut usage = None;
    let reading = read_answer(data, &mut |part| match part {
        Part::Usage(found) => usage = Some(found),
        _ => other = true,
    });
    usage.filter(|_| reading == Reading::Known && !other)
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
            ("\n", 1),
            ("\r\n", 2),
            ("\r", 0),
            ("\rx", 1),
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

    fn passed(parts: &[impl AsRef<[u8]>]) -> Vec<u8> {
        let mut whole = WholeEvents::default();
        let mut out = Vec::new();
        for part in parts {
            out.extend_from_slice(&whole.push(&Bytes::copy_from_slice(part.as_ref())).unwrap());
        }
        out.extend_from_slice(&whole.rest());
        out
    }

    proptest! {
        #[test]
        fn no_byte_is_lost_however_it_is_split(
            parts in proptest::collection::vec("[ab:\\r\\n ]{0,6}", 0..30),
        ) {
            let all = parts.concat();
            let out = passed(&parts);
            prop_assert_eq!(&out, &passed(&[&all]));
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

    #[test]
    fn what_states_figures_beside_something_else_is_handed_over() {
        for data in [
            r#"{"type":"message_start","message":{"id":"m1","usage":{"input_tokens":3,"output_tokens":0}}}"#,
            r#"{"type":"message_delta","delta":{"stop_reason":null},"usage":{"output_tokens":5}}"#,
            r#"{"type":"speech.audio.done","usage":{"input_tokens":3,"output_tokens":5,"total_tokens":8}}"#,
            r#"{"usage":{"prompt_tokens":3,"completion_tokens":5}}"#,
            r#"{"choices":null,"usage":{"prompt_tokens":3,"completion_tokens":5}}"#,
            r#"{"choices":[{"index":0,"delta":{}}],"usage":{"prompt_tokens":3,"completion_tokens":5}}"#,
            r#"{"choices":[],"error":{"message":"no"},"usage":{"prompt_tokens":3,"completion_tokens":5}}"#,
        ] {
            let (mut hidden, event) = (HiddenUsage::default(), format!("data: {data}\n\n"));
            assert_eq!(hidden.take_out(event.as_bytes()).unwrap(), event);
            assert_eq!(hidden.usage, None, "{data}");
        }
    }
}
