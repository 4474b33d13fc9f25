//! Event streams (`text/event-stream`), cut into events without losing a byte.
//!
//! Bytes go in by [`Splitter::push`] as the network brings them; events come out by [`Splitter::next_event`],
//! each with the fields that the WHATWG event-stream grammar gives it and with exactly the bytes that made it up.
//! The bytes of all events together are the bytes of the stream, so whoever forwards events forwards the stream.
//!
//! Any split of the same bytes gives the same events. To keep that promise an event whose empty line ends in a
//! lone CR is complete only once the next byte (perhaps the LF of a CRLF) has been seen.

use std::collections::VecDeque;

/// How much of a stream may be held at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one line, its end not counted.
    pub line: usize,
    /// Bytes of one event, all its lines together.
    pub event: usize,
}

impl Default for Limits {
    /// 1 MiB each: a model server may send a whole answer as one event, and nobody sends more.
    fn default() -> Self {
        Limits { line: 1 << 20, event: 1 << 20 }
    }
}

/// The most room that is made ahead for an event.
const NEXT_BLOCK: usize = 4 << 10;

/// Why a stream is given up. Events before the fault were given out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SseError {
    #[error("a line of the event stream is longer than {limit} bytes")]
    LineTooLong { limit: usize },
    #[error("an event of the stream is longer than {limit} bytes")]
    EventTooLong { limit: usize },
}

/// One event, or one block of comments, or one stray empty line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Where its first byte stands in the stream.
    pub start: u64,
    /// Its bytes, line ends and the closing empty line included.
    pub raw: Vec<u8>,
    /// All `data` fields, joined by line feeds; `None` when there was none. Bytes that are not UTF-8 become `�`.
    pub data: Option<String>,
    /// The last `event` field.
    pub name: Option<String>,
    /// The last `id` field.
    pub id: Option<String>,
    /// False for what the stream's end cut off. Browsers drop such an event; here its bytes still count.
    pub terminated: bool,
}

/// The incremental splitter. Holds at most one unfinished event and the events not yet taken.
#[derive(Debug, Default)]
pub struct Splitter {
    limits: Limits,
    /// The block being read, from its first byte.
    block: Vec<u8>,
    start: u64,
    /// Where the line being read begins in `block`.
    line: usize,
    /// The last line ended in CR: an LF that follows belongs to it.
    after_cr: bool,
    /// The block's empty line has been read.
    closed: bool,
    data: Option<String>,
    name: Option<String>,
    id: Option<String>,
    ready: VecDeque<Event>,
    failed: Option<SseError>,
}

impl Splitter {
    pub fn new(limits: Limits) -> Self {
        Splitter { limits, ..Splitter::default() }
    }

    /// Takes the next bytes. Once the stream has failed, bytes are ignored.
    pub fn push(&mut self, mut chunk: &[u8]) {
        while self.failed.is_none()
            && let Some(first) = chunk.first()
        {
            if self.after_cr {
                if *first == b'\n' {
                    self.block.push(b'\n');
                    chunk = &chunk[1..];
                }
                self.next_line();
                continue;
            }
            let end = chunk.iter().position(|byte| matches!(byte, b'\r' | b'\n'));
            let content = &chunk[..end.unwrap_or(chunk.len())];
            if let Err(error) = self.check_room(content.len()) {
                self.failed = Some(error);
                return;
            }
            self.block.extend_from_slice(content);
            let Some(end) = end else { return };
            self.end_line();
            self.block.push(chunk[end]);
            if chunk[end] == b'\r' {
                self.after_cr = true;
            } else {
                self.next_line();
            }
            chunk = &chunk[end + 1..];
        }
    }

    /// The next complete event, if the bytes so far hold one; the error once all events before it were taken.
    pub fn next_event(&mut self) -> Result<Option<Event>, SseError> {
        match (self.ready.pop_front(), self.failed) {
            (Some(event), _) => Ok(Some(event)),
            (None, Some(error)) => Err(error),
            (None, None) => Ok(None),
        }
    }

    /// The stream has ended: what is left becomes a last event, for [`Splitter::next_event`] to give out.
    pub fn finish(&mut self) {
        if self.failed.is_some() {
            return;
        }
        if self.after_cr {
            self.next_line();
        }
        if !self.block.is_empty() {
            if self.block.len() > self.line {
                self.end_line();
            }
            self.emit(false);
        }
    }

    /// What must be written before a new event, so that it does not run into an unfinished one.
    ///
    /// Empty when the stream stands between two events.
    pub fn closing(&self) -> &'static [u8] {
        if self.block.is_empty() || self.closed {
            b""
        } else if self.after_cr || self.block.len() > self.line {
            // After a lone CR the first LF only completes that line's end.
            b"\n\n"
        } else {
            b"\n"
        }
    }

    /// Whether `more` bytes fit on the line and in the event. The limit that is met first is the one named, so
    /// that the answer does not depend on how the bytes were split.
    fn check_room(&self, more: usize) -> Result<(), SseError> {
        let line = self.limits.line.saturating_sub(self.block.len() - self.line);
        let event = self.limits.event.saturating_sub(self.block.len());
        if more <= line.min(event) {
            Ok(())
        } else if line <= event {
            Err(SseError::LineTooLong { limit: self.limits.line })
        } else {
            Err(SseError::EventTooLong { limit: self.limits.event })
        }
    }

    /// The content of a line is complete: reads its field.
    fn end_line(&mut self) {
        let mut line = &self.block[self.line..];
        if self.start == 0 && self.line == 0 {
            line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
        }
        if line.is_empty() {
            self.closed = true;
            return;
        }
        let colon = line.iter().position(|byte| *byte == b':');
        let (field, value) = match colon {
            Some(at) => (&line[..at], &line[at + 1..]),
            None => (line, &b""[..]),
        };
        let value = String::from_utf8_lossy(value.strip_prefix(b" ").unwrap_or(value));
        match field {
            b"data" => match &mut self.data {
                Some(data) => {
                    data.push('\n');
                    data.push_str(&value);
                }
                None => self.data = Some(value.into_owned()),
            },
            b"event" => self.name = Some(value.into_owned()),
            // An id with a NUL is ignored, as the grammar asks.
            b"id" if !value.contains('\0') => self.id = Some(value.into_owned()),
            _ => {}
        }
    }

    /// The end of a line is complete: the next byte starts another line, or another event.
    fn next_line(&mut self) {
        self.after_cr = false;
        self.line = self.block.len();
        if self.closed {
            self.emit(true);
        }
    }

    fn emit(&mut self, terminated: bool) {
        // The next event is most often as long as this one; room for it at once spares growing to it.
        let next = Vec::with_capacity(self.block.len().min(NEXT_BLOCK));
        let raw = std::mem::replace(&mut self.block, next);
        let start = self.start;
        self.start += raw.len() as u64;
        self.line = 0;
        self.closed = false;
        self.ready.push_back(Event {
            start,
            raw,
            data: self.data.take(),
            name: self.name.take(),
            id: self.id.take(),
            terminated,
        });
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]
    use super::*;
    use proptest::prelude::*;

    fn split_with(
        limits: Limits,
        bytes: &[u8],
        chunk: impl Fn(usize) -> usize,
    ) -> (Vec<Event>, Option<SseError>) {
        let mut splitter = Splitter::new(limits);
        let mut events = Vec::new();
        let mut rest = bytes;
        let mut turn = 0;
        while !rest.is_empty() {
            let (head, tail) = rest.split_at(chunk(turn).clamp(1, rest.len()));
            splitter.push(head);
            rest = tail;
            turn += 1;
        }
        splitter.finish();
        loop {
            match splitter.next_event() {
                Ok(Some(event)) => events.push(event),
                Ok(None) => return (events, None),
                Err(error) => return (events, Some(error)),
            }
        }
    }

    fn split(bytes: &[u8]) -> Vec<Event> {
        split_with(Limits::default(), bytes, |_| usize::MAX).0
    }

    fn data(bytes: &[u8]) -> Vec<Option<String>> {
        split(bytes).into_iter().map(|event| event.data).collect()
    }

    fn texts(all: &[&str]) -> Vec<Option<String>> {
        all.iter().map(|text| Some((*text).to_owned())).collect()
    }

    #[test]
    fn every_line_end_and_spacing_is_understood() {
        for bytes in [
            &b"data: a\n\ndata: b\n\n"[..],
            b"data: a\r\n\r\ndata: b\r\n\r\n",
            b"data: a\r\rdata: b\r\r",
            b"data:a\n\ndata:b\n\n",
            b"\xef\xbb\xbfdata: a\r\n\ndata: b\n\r\n",
            b"data: a\n\ndata: b",
            b"data: a\n\ndata: b\n",
        ] {
            assert_eq!(data(bytes), texts(&["a", "b"]), "{:?}", String::from_utf8_lossy(bytes));
        }
    }

    #[test]
    fn fields_follow_the_grammar() {
        let events =
            split(b": hi\nevent: delta\nid: 7\nretry: 9\nunknown: x\ndata\ndata:  b\ndata:c\n\n: ping\n\n\n");
        assert_eq!(events.len(), 3);
        assert_eq!(events[0].data.as_deref(), Some("\n b\nc"));
        assert_eq!(events[0].name.as_deref(), Some("delta"));
        assert_eq!(events[0].id.as_deref(), Some("7"));
        assert!(events[0].terminated);
        assert_eq!((events[1].data.as_ref(), &events[1].raw[..]), (None, &b": ping\n\n"[..]));
        assert_eq!((events[2].data.as_ref(), &events[2].raw[..]), (None, &b"\n"[..]));
        assert_eq!(split(b"id: a\0b\ndata: x\n\n")[0].id, None);
        assert_eq!(data(b"data: \xff\0\n\n"), texts(&["\u{fffd}\0"]));
    }

    #[test]
    fn an_unfinished_last_event_keeps_its_bytes() {
        let events = split(b"data: a\n\ndata: {\"x\":");
        assert_eq!(events[1].raw, b"data: {\"x\":");
        assert_eq!(events[1].start, 9);
        assert!(!events[1].terminated);
    }

    #[test]
    fn endless_lines_and_events_are_refused() {
        let limits = Limits { line: 16, event: 40 };
        let (events, error) = split_with(limits, b"data: ok\n\ndata: 0123456789012", |_| 1);
        assert_eq!(events.len(), 1);
        assert_eq!(error, Some(SseError::LineTooLong { limit: 16 }));
        let (_, error) = split_with(limits, &b"data: 0\n".repeat(9), |_| 1);
        assert_eq!(error, Some(SseError::EventTooLong { limit: 40 }));
        let mut splitter = Splitter::default();
        for _ in 0..100 {
            splitter.push(&[b'x'; 65_536]);
        }
        assert!(splitter.next_event().is_err());
        assert!(splitter.block.capacity() < 4 << 20);
    }

    #[test]
    fn closing_reaches_an_event_boundary() {
        for (bytes, closing) in [
            ("", ""),
            ("data: a\n\n", ""),
            ("data: a\r\r", ""),
            ("data: a\n", "\n"),
            ("data: a\r\n", "\n"),
            ("data: a\r", "\n\n"),
            ("data: a", "\n\n"),
            ("data: a\n\nda", "\n\n"),
        ] {
            let mut splitter = Splitter::default();
            splitter.push(bytes.as_bytes());
            assert_eq!(splitter.closing(), closing.as_bytes(), "{bytes:?}");
            let whole = [bytes, closing, ": c\n\n"].concat();
            assert_eq!(split(whole.as_bytes()).last().unwrap().raw, b": c\n\n", "{bytes:?}");
        }
    }

    fn stream() -> impl Strategy<Value = Vec<u8>> {
        const PIECES: [&[u8]; 13] = [
            b"data: x",
            b"data:",
            b": c",
            b"event: e",
            b"id",
            b"\xef\xbb\xbf",
            b"\r",
            b"\n",
            b"\r\n",
            b"\n\n",
            b"\r\n\r\n",
            b"\xe5\xa4",
            b"\0",
        ];
        proptest::collection::vec(proptest::sample::select(&PIECES[..]), 0..40)
            .prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn any_split_gives_the_same_events(
            bytes in stream(), sizes in proptest::collection::vec(1usize..9, 1..20), limit in 4usize..60,
        ) {
            for limits in [Limits::default(), Limits { line: limit, event: limit + limit / 2 }] {
                let whole = split_with(limits, &bytes, |_| usize::MAX);
                prop_assert_eq!(&whole, &split_with(limits, &bytes, |turn| sizes[turn % sizes.len()]));
                prop_assert_eq!(&whole, &split_with(limits, &bytes, |_| 1));
                if whole.1.is_none() {
                    let mut next = 0;
                    for event in &whole.0 {
                        prop_assert_eq!(event.start, next);
                        next += event.raw.len() as u64;
                    }
                    let raw: Vec<u8> = whole.0.into_iter().flat_map(|event| event.raw).collect();
                    prop_assert_eq!(&raw, &bytes);
                }
            }
        }
    }
}
