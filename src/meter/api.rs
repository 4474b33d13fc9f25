//! The face of the meter, the same for every kind of service.

use http::Method;

use super::chatbot;
use super::storage;
use super::texts::AnswerError;
use crate::domain::{ServiceKind, Units};
use crate::wire::charge::{Charge, charge};
use crate::wire::chat::Usage;
use crate::wire::encoding::{self, EncodingError};
use crate::wire::path::Suffix;
use crate::wire::sse::{self, SseError};

/// Why bytes cannot be counted (further). What was counted until then stands.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MeterError {
    #[error(transparent)]
    Encoding(#[from] EncodingError),
    #[error(transparent)]
    Events(#[from] SseError),
    #[error("the text is longer than {limit} bytes, the most that is counted")]
    TooLong { limit: u64 },
    #[error("the answer has more than {limit} separate texts")]
    TooManyTexts { limit: usize },
    #[error("the request's JSON is written in UTF-16 or UTF-32; send UTF-8")]
    Charset,
    #[error("a chatbot request must be at hand whole to be counted")]
    BodyNeeded,
}

/// What one meter may hold and read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    pub decoding: encoding::Limits,
    pub events: sse::Limits,
    /// Bytes of text that are counted, in all.
    pub text: u64,
    /// Bytes of an answer that is one JSON text; it is held until its end.
    pub json: usize,
}

impl Default for Limits {
    /// 16 MiB of text, 64 MiB of JSON (generated images are inline).
    fn default() -> Self {
        Limits {
            decoding: encoding::Limits::default(),
            events: sse::Limits::default(),
            text: 16 << 20,
            json: 64 << 20,
        }
    }
}

/// A request as far as its units depend on it.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    pub method: &'a Method,
    pub suffix: &'a Suffix,
    /// The `Content-Encoding` header, values joined.
    pub content_encoding: Option<&'a str>,
    pub body: RequestBody<'a>,
}

/// The body as it is on the wire, or only its length where that is all that counts.
#[derive(Clone, Copy, Debug)]
pub enum RequestBody<'a> {
    Whole(&'a [u8]),
    Length(u64),
}

impl RequestBody<'_> {
    pub fn len(&self) -> u64 {
        match self {
            RequestBody::Whole(bytes) => bytes.len() as u64,
            RequestBody::Length(length) => *length,
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The input units of a call; 0 when the call is free. Linear in the body: a megabyte of text takes some 50 ms.
pub fn input_units(kind: ServiceKind, request: &Request<'_>, limits: &Limits) -> Result<Units, MeterError> {
    if charge(kind, request.method, request.suffix, !request.body.is_empty()) == Charge::Free {
        return Ok(Units(0));
    }
    match (kind, request.body) {
        (ServiceKind::ZgStorage, body) => Ok(Units(body.len())),
        (ServiceKind::Chatbot, RequestBody::Whole(body)) => {
            chatbot::input_units(body, request.content_encoding, limits)
        }
        (ServiceKind::Chatbot, RequestBody::Length(0)) => Ok(Units(0)),
        (ServiceKind::Chatbot, RequestBody::Length(_)) => Err(MeterError::BodyNeeded),
    }
}

/// The longest answer that a request allows, in units; `None` when it does not say.
///
/// For a chatbot `max_tokens` (or its siblings) times the number of choices and prompts, and what is echoed. The figure is in the model's own tokens;
/// the meter's differ by a little, which is why an answer is also cut by the meter.
pub fn max_output(kind: ServiceKind, suffix: &Suffix, body: &[u8]) -> Option<Units> {
    match kind {
        ServiceKind::Chatbot => chatbot::max_output(suffix, body),
        ServiceKind::ZgStorage => None,
    }
}

/// What an answer came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MeterResult {
    /// The exact output units of all bytes pushed: what is charged.
    pub units: Units,
    /// How many choices (or items) hold something; 0 for an answer of no known shape.
    pub answers: u64,
    /// The model server's own figures, if it gave any.
    pub usage: Option<Usage>,
    /// Why the answer ended, in the model server's words; cleaned.
    pub finish_reason: Option<String>,
    /// The answer says itself that it is whole (`[DONE]`, a finish reason, closed JSON, an ended encoding).
    pub complete: bool,
    /// An error that the model server put into its answer.
    pub error: Option<AnswerError>,
    /// Why what was read at the end could not be counted further: a whole answer of too many texts.
    pub fault: Option<MeterError>,
}

/// How far a chunk may be delivered; see [`OutputMeter::push_until`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pushed {
    /// All of it, and the answer may go on.
    All,
    /// Only its first bytes; the answer ends there. The meter takes no more.
    Cut(usize),
}

/// Meters one answer while it passes.
#[derive(Debug)]
pub struct OutputMeter(Kind);

#[derive(Debug)]
enum Kind {
    Chatbot(Box<chatbot::ChatOutput>),
    ZgStorage(storage::StorageOutput),
}

impl OutputMeter {
    /// For an answer with these headers (`Content-Type`, `Content-Encoding`). Fails on an encoding that cannot be read.
    pub fn new(
        kind: ServiceKind,
        content_type: Option<&str>,
        content_encoding: Option<&str>,
        limits: Limits,
    ) -> Result<OutputMeter, MeterError> {
        Ok(OutputMeter(match kind {
            ServiceKind::Chatbot => {
                Kind::Chatbot(Box::new(chatbot::ChatOutput::new(content_type, content_encoding, limits)?))
            }
            ServiceKind::ZgStorage => Kind::ZgStorage(storage::StorageOutput::default()),
        }))
    }

    /// Counts the next bytes of the body as it is on the wire. An error is final; what was counted stands.
    pub fn push(&mut self, chunk: &[u8]) -> Result<(), MeterError> {
        match &mut self.0 {
            Kind::Chatbot(output) => output.push(chunk),
            Kind::ZgStorage(output) => {
                output.push(chunk.len());
                Ok(())
            }
        }
    }

    /// Counts the next bytes and says where to cut so that not more than `limit` units are given away.
    ///
    /// An event stream is cut after the first event that passes the limit (reaching it is not passing it, so the
    /// closing events of an answer that ends just there still go out), a storage body at the exact byte, any other
    /// body after the chunk that passes it. A plain JSON answer is counted at its end only and never cut. What passes
    /// the limit is for the fee's cap to swallow: it is at most one event.
    pub fn push_until(&mut self, chunk: &[u8], limit: Units) -> Result<Pushed, MeterError> {
        match &mut self.0 {
            Kind::Chatbot(output) => output.push_until(chunk, limit),
            Kind::ZgStorage(output) => Ok(output.push_until(chunk.len(), limit)),
        }
    }

    /// The units so far: a running figure that never falls.
    ///
    /// Never below the exact count of what was pushed, and above it by at most the bytes of the last, unfinished
    /// words (see the relation in `tokens.rs`). A plain JSON answer shows 0 until its end.
    pub fn units(&self) -> Units {
        match &self.0 {
            Kind::Chatbot(output) => output.units(),
            Kind::ZgStorage(output) => output.units(),
        }
    }

    /// Bytes of the answer that are held until its end, decoded. Whoever bounds memory counts them.
    pub fn held(&self) -> usize {
        match &self.0 {
            Kind::Chatbot(output) => output.held(),
            Kind::ZgStorage(_) => 0,
        }
    }

    /// The answer has ended, or was cut here: counts what is left and gives the exact result.
    pub fn finish(self) -> MeterResult {
        match self.0 {
            Kind::Chatbot(output) => output.finish(),
            Kind::ZgStorage(output) => output.finish(),
        }
    }
}
