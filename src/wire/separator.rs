//! Takes the brokers' own comment lines out of an event stream and leaves every other byte as it is.
//!
//! The provider broker adds comments such as `: zg-receipt …` between events; the application must not see them.
//! A comment is ours when its line starts with exactly `: zg-`. Of the stream only a line that begins like one is
//! ever held back, and only until it no longer does; all other bytes pass at once.

use std::ops::Range;

use bytes::{Bytes, BytesMut};

/// How every comment line of ours begins.
pub const OWN_PREFIX: &[u8] = b": zg-";
/// Asks the user broker for a voucher; what follows is the cumulative amount needed, in decimal.
pub const VOUCHER_NEEDED_COMMENT: &str = ": zg-voucher-needed ";

/// The longest comment of ours that is taken, in bytes.
const MAX_COMMENT: usize = 64 << 10;

/// A comment of ours, as it stood in the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnComment {
    /// `zg-receipt`, `zg-voucher-needed`, …
    pub name: String,
    /// What follows the name, without the space between.
    pub value: String,
}

/// What one chunk came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Separated {
    /// The bytes for the application; the very chunk, not copied, when nothing was taken out.
    pub pass: Bytes,
    pub own: Vec<OwnComment>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a broker comment in the event stream is longer than {MAX_COMMENT} bytes")]
pub struct CommentTooLong;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// At the first byte of a line.
    #[default]
    LineStart,
    /// Within a line of others.
    Line,
    /// A line of others ended in CR; an LF may follow.
    AfterCr,
    /// This many bytes of [`OWN_PREFIX`] were read and held back.
    Prefix(usize),
    /// Within a comment of ours.
    Own,
    /// A comment of ours ended in CR.
    OwnAfterCr,
    /// Past a comment of ours: the empty line that belongs to it may follow.
    OwnEmpty,
    /// That empty line ended in CR.
    OwnEmptyAfterCr,
}

/// The separator of one stream.
#[derive(Debug)]
pub struct Separator {
    state: State,
    /// The line before was empty, or there was none. Only then does the empty line after our comment belong to
    /// it; within an event it would be that event's end.
    between_events: bool,
    comment: Vec<u8>,
}

impl Default for Separator {
    fn default() -> Self {
        Separator { state: State::default(), between_events: true, comment: Vec::new() }
    }
}

impl Separator {
    /// Parts one chunk. After an error the stream is not to be trusted further.
    pub fn push(&mut self, chunk: &Bytes) -> Result<Separated, CommentTooLong> {
        let mut pass = Pass::default();
        let mut own = Vec::new();
        let mut at = 0;
        while let Some(&byte) = chunk.get(at) {
            match self.state {
                State::LineStart => match byte {
                    b':' => {
                        self.state = State::Prefix(1);
                        at += 1;
                    }
                    b'\r' | b'\n' => {
                        self.between_events = true;
                        self.state = if byte == b'\r' { State::AfterCr } else { State::LineStart };
                        pass.keep(at..at + 1);
                        at += 1;
                    }
                    _ => {
                        self.between_events = false;
                        self.state = State::Line;
                    }
                },
                State::Line => {
                    let rest = &chunk[at..];
                    let end = rest.iter().position(|byte| matches!(byte, b'\r' | b'\n'));
                    let next = at + end.map_or(rest.len(), |end| end + 1);
                    if let Some(end) = end {
                        self.state = if rest[end] == b'\r' { State::AfterCr } else { State::LineStart };
                    }
                    pass.keep(at..next);
                    at = next;
                }
                State::AfterCr => {
                    self.state = State::LineStart;
                    if byte == b'\n' {
                        pass.keep(at..at + 1);
                        at += 1;
                    }
                }
                State::Prefix(read) if OWN_PREFIX.get(read) == Some(&byte) => {
                    at += 1;
                    self.state =
                        if read + 1 == OWN_PREFIX.len() { State::Own } else { State::Prefix(read + 1) };
                }
                State::Prefix(read) => {
                    // Not ours after all: what was held back passes, from this chunk and from the ones before.
                    let here = read.min(at);
                    if here < read {
                        pass.lead = &OWN_PREFIX[..read - here];
                    }
                    pass.keep(at - here..at);
                    self.between_events = false;
                    self.state = State::Line;
                }
                State::Own => {
                    let rest = &chunk[at..];
                    let end = rest.iter().position(|byte| matches!(byte, b'\r' | b'\n'));
                    self.comment.extend_from_slice(&rest[..end.unwrap_or(rest.len())]);
                    if self.comment.len() > MAX_COMMENT {
                        return Err(CommentTooLong);
                    }
                    let Some(end) = end else { break };
                    own.push(self.take_comment());
                    self.state = if rest[end] == b'\r' { State::OwnAfterCr } else { self.past_comment() };
                    at += end + 1;
                }
                State::OwnAfterCr => {
                    self.state = self.past_comment();
                    at += usize::from(byte == b'\n');
                }
                State::OwnEmpty => match byte {
                    b'\n' => {
                        self.state = State::LineStart;
                        at += 1;
                    }
                    b'\r' => {
                        self.state = State::OwnEmptyAfterCr;
                        at += 1;
                    }
                    _ => self.state = State::LineStart,
                },
                State::OwnEmptyAfterCr => {
                    self.state = State::LineStart;
                    at += usize::from(byte == b'\n');
                }
            }
        }
        Ok(Separated { pass: pass.out_of(chunk), own })
    }

    /// The stream has ended: what was held back and is not ours. A comment of ours that was cut off is dropped.
    pub fn finish(&mut self) -> &'static [u8] {
        match std::mem::take(&mut self.state) {
            State::Prefix(read) => &OWN_PREFIX[..read],
            _ => b"",
        }
    }

    fn past_comment(&self) -> State {
        if self.between_events { State::OwnEmpty } else { State::LineStart }
    }

    fn take_comment(&mut self) -> OwnComment {
        let text = String::from_utf8_lossy(&self.comment);
        let (name, value) = text.split_once(' ').unwrap_or((&text, ""));
        let comment = OwnComment { name: format!("zg-{name}"), value: value.trim().to_owned() };
        self.comment.clear();
        comment
    }
}

/// Which bytes of a chunk pass.
#[derive(Default)]
struct Pass {
    /// Held back from earlier chunks; comes before everything else.
    lead: &'static [u8],
    /// The last of the ranges, most often the only one.
    last: Option<Range<usize>>,
    /// Those before it.
    earlier: Vec<Range<usize>>,
}

impl Pass {
    fn keep(&mut self, range: Range<usize>) {
        match &mut self.last {
            Some(last) if last.end == range.start => last.end = range.end,
            last => self.earlier.extend(last.replace(range)),
        }
    }

    fn out_of(self, chunk: &Bytes) -> Bytes {
        if let (b"", Some(range), []) = (self.lead, &self.last, &self.earlier[..]) {
            return chunk.slice(range.clone());
        }
        let mut bytes = BytesMut::from(self.lead);
        for range in self.earlier.into_iter().chain(self.last) {
            bytes.extend_from_slice(&chunk[range]);
        }
        bytes.freeze()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;
    use proptest::prelude::*;

    fn separate(bytes: &[u8], sizes: &[usize]) -> (Vec<u8>, Vec<OwnComment>) {
        let mut separator = Separator::default();
        let (mut pass, mut own) = (Vec::new(), Vec::new());
        let mut rest = bytes;
        let mut turn = 0;
        while !rest.is_empty() {
            let (head, tail) = rest.split_at(sizes[turn % sizes.len()].clamp(1, rest.len()));
            let parted = separator.push(&Bytes::copy_from_slice(head)).unwrap();
            pass.extend_from_slice(&parted.pass);
            own.extend(parted.own);
            rest = tail;
            turn += 1;
        }
        pass.extend_from_slice(separator.finish());
        (pass, own)
    }

    fn receipt(value: &str) -> OwnComment {
        OwnComment { name: "zg-receipt".into(), value: value.into() }
    }

    #[test]
    fn own_comments_leave_and_the_rest_stays() {
        for (bytes, pass, own) in [
            ("data: a\n\n: zg-receipt AB\n\n", "data: a\n\n", vec![receipt("AB")]),
            (
                "data: a\r\n\r\n: zg-receipt AB\r\n\r\ndata: b\r\n\r\n",
                "data: a\r\n\r\ndata: b\r\n\r\n",
                vec![receipt("AB")],
            ),
            ("data: a\r\r: zg-receipt AB\r\r", "data: a\r\r", vec![receipt("AB")]),
            (": zg-receipt AB\n\n\n", "\n", vec![receipt("AB")]),
            (
                ": zg-receipt A\n: zg-receipt B\n\ndata: x\n\n",
                "data: x\n\n",
                vec![receipt("A"), receipt("B")],
            ),
            // Within an event only the line leaves: the empty line is the event's own end.
            ("data: a\n: zg-receipt AB\n\n", "data: a\n\n", vec![receipt("AB")]),
            (": ping\n\n:zg-receipt\n\n: zgx\n\n", ": ping\n\n:zg-receipt\n\n: zgx\n\n", vec![]),
            ("data: : zg-receipt AB\n\n", "data: : zg-receipt AB\n\n", vec![]),
            ("data: a\n\n: zg", "data: a\n\n: zg", vec![]),
            ("data: a\n\n: zg-receipt A", "data: a\n\n", vec![]),
        ] {
            for size in 1..=bytes.len() {
                let parted = separate(bytes.as_bytes(), &[size]);
                assert_eq!(String::from_utf8_lossy(&parted.0), pass, "{bytes:?} by {size}");
                assert_eq!(parted.1, own, "{bytes:?} by {size}");
            }
        }
    }

    #[test]
    fn other_bytes_are_neither_copied_nor_delayed() {
        let mut separator = Separator::default();
        let chunk = Bytes::from_static(b"data: a\n\nda");
        let parted = separator.push(&chunk).unwrap();
        assert_eq!(parted.pass.as_ptr(), chunk.as_ptr());
        assert_eq!(parted.pass, chunk);
        assert_eq!(separator.push(&Bytes::from_static(b"ta: b\n")).unwrap().pass, "ta: b\n");
        assert_eq!(separator.push(&Bytes::from_static(b":")).unwrap().pass, "");
        assert_eq!(separator.push(&Bytes::from_static(b"p")).unwrap().pass, ":p");
    }

    #[test]
    fn an_endless_comment_is_refused() {
        let mut separator = Separator::default();
        let chunk = Bytes::from(vec![b'x'; MAX_COMMENT]);
        separator.push(&Bytes::from_static(b": zg-")).unwrap();
        separator.push(&chunk).unwrap();
        assert_eq!(separator.push(&chunk), Err(CommentTooLong));
    }

    proptest! {
        #[test]
        fn any_split_gives_the_same(
            pieces in proptest::collection::vec(prop_oneof![
                Just("data: x"), Just(": zg-"), Just(": zg-receipt Q"), Just(":"), Just(" zg"), Just("\r"),
                Just("\n"), Just("\r\n"), Just("\n\n"), Just("-"),
            ], 0..30),
            sizes in proptest::collection::vec(1usize..9, 1..10),
        ) {
            let bytes = pieces.concat();
            let whole = separate(bytes.as_bytes(), &[usize::MAX]);
            prop_assert_eq!(&whole, &separate(bytes.as_bytes(), &sizes));
            prop_assert_eq!(&whole, &separate(bytes.as_bytes(), &[1]));
            if whole.1.is_empty() && !bytes.contains(": zg-") {
                prop_assert_eq!(whole.0, bytes.into_bytes());
            }
        }
    }
}
