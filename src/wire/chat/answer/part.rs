//! What an answer can hold.

use std::borrow::Cow;

/// What kind of text a slot holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Field {
    Content,
    Reasoning,
    ReasoningSummary,
    Refusal,
    ToolName,
    ToolArguments,
    FunctionName,
    FunctionArguments,
    Code,
    Transcript,
    /// Deltas of kinds that only a newer protocol knows.
    Other,
}

/// One text of an answer: its kind, its choice (or output item), and its place within that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot {
    pub field: Field,
    pub choice: u64,
    pub place: u64,
}

/// The model server's own figures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    pub input: Option<u64>,
    pub output: Option<u64>,
}

impl Usage {
    /// The larger figure of each: servers repeat running totals, so they are never added.
    #[must_use]
    pub fn max(self, other: Usage) -> Usage {
        Usage { input: self.input.max(other.input), output: self.output.max(other.output) }
    }
}

/// Something an answer holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part<'a> {
    /// More of the slot's text.
    Append(Slot, Cow<'a, str>),
    /// The slot's whole text; repeats what was appended before, if anything was.
    Whole(Slot, Cow<'a, str>),
    /// Tokens of a choice that the server left undecoded. They repeat the choice's text, where it has any.
    TokenIds {
        choice: u64,
        count: u64,
    },
    /// Something of no known shape inside of a known one, as written: its whole text counts.
    Unread(&'a str),
    /// Inline media of this many bytes.
    Media(u64),
    Usage(Usage),
    /// Why a choice ended.
    Finish(Cow<'a, str>),
    /// The answer is whole.
    Done,
    Error {
        /// Text or number, as the server wrote it.
        code: Option<Cow<'a, str>>,
        message: Cow<'a, str>,
    },
}

/// How a JSON text was understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// All parts were given out.
    Known,
    /// JSON of no known shape; no text was given out, but perhaps usage, an error or an end.
    Unknown,
    NotJson,
}
