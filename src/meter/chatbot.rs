//! chatbot: a unit is a token of the public o200k vocabulary.
//!
//! Each text of a request or an answer (`wire::chat` says what these are) is tokenized by itself, and the counts are
//! added. Media count one unit for each started KiB of their decoded bytes: an ordinary picture comes to a few
//! hundred units, a second of speech to about ten, close to what model servers themselves count. Each medium of a
//! request counts for itself; those of an answer together.
//!
//! A request whose body is not a JSON object counts whole: as text if it is UTF-8, else as one medium.

use std::borrow::Cow;

use super::api::{Limits, MeterError, MeterResult, Pushed};
use super::body::{Body, read_event};
use super::texts::Texts;
use super::tokens::count;
use crate::domain::Units;
use crate::wire::chat::{Endpoint, Piece, read_ask, read_input};
use crate::wire::encoding::{Decoder, codings};
use crate::wire::path::Suffix;

/// Bytes of a picture, sound or file that make one unit.
pub const MEDIA_BYTES_PER_UNIT: u64 = 1024;
/// Units of a picture or file that a request names by its web address: as many as for 1 MiB inline.
pub const REMOTE_MEDIA_UNITS: u64 = 1024;

pub(super) fn media_units(bytes: u64) -> u64 {
    bytes.div_ceil(MEDIA_BYTES_PER_UNIT)
}

pub(super) fn input_units(
    body: &[u8],
    content_encoding: Option<&str>,
    limits: &Limits,
) -> Result<Units, MeterError> {
    let codings = codings(content_encoding)?;
    if codings.is_empty() {
        return plain_input_units(body, limits);
    }
    let mut decoded = Vec::new();
    let mut decoding = limits.decoding;
    decoding.bytes = decoding.bytes.min(limits.json as u64);
    Decoder::new(&codings, decoding).push(body, &mut |block| decoded.extend_from_slice(block))?;
    plain_input_units(&decoded, limits)
}

fn plain_input_units(body: &[u8], limits: &Limits) -> Result<Units, MeterError> {
    let json = starts_like_json(body)?;
    let text = if json { String::from_utf8_lossy(body) } else { Cow::Borrowed("") };
    let too_long = MeterError::TooLong { limit: limits.text };
    let (mut units, mut room) = (0_u64, Some(limits.text));
    let read = json
        && read_input(&text, &mut |piece| {
            let more = match piece {
                Piece::Text(text) => {
                    room = room.and_then(|room| room.checked_sub(text.len() as u64));
                    if room.is_some() { count(&text) } else { 0 }
                }
                Piece::TokenId => 1,
                Piece::Media(bytes) => media_units(bytes).max(1),
                Piece::Remote => REMOTE_MEDIA_UNITS,
            };
            units = units.saturating_add(more);
        });
    if room.is_none() {
        return Err(too_long);
    }
    if read {
        return Ok(Units(units));
    }
    match std::str::from_utf8(body) {
        Ok(text) if text.len() as u64 > limits.text => Err(too_long),
        Ok(text) => Ok(Units(count(text))),
        Err(_) => Ok(Units(media_units(body.len() as u64))),
    }
}

/// Whether a body begins like a JSON object. Some servers also read JSON in UTF-16 and UTF-32; here that would pass
/// as one cheap medium, so it is refused.
fn starts_like_json(body: &[u8]) -> Result<bool, MeterError> {
    let utf8 = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    if utf8.trim_ascii_start().starts_with(b"{") {
        // `{` and a zero byte: UTF-16, lowest byte first.
        return if utf8.get(..2) == Some(b"{\0") { Err(MeterError::Charset) } else { Ok(true) };
    }
    let wide = body.iter().position(|byte| !matches!(byte, 0 | 0xfe | 0xff | b' ' | b'\t' | b'\r' | b'\n'));
    let marked = body.iter().take(4).any(|byte| matches!(byte, 0 | 0xfe | 0xff));
    if marked && wide.is_some_and(|at| body[at] == b'{') { Err(MeterError::Charset) } else { Ok(false) }
}

pub(super) fn max_output(suffix: &Suffix, body: &[u8]) -> Option<Units> {
    match Endpoint::of(suffix.path()) {
        Endpoint::Embeddings => Some(Units(0)),
        endpoint if endpoint.writes_text() => {
            let ask = read_ask(body)?;
            let written = ask.max_output?.saturating_mul(ask.choices);
            // What is repeated is part of the answer.
            let prompt =
                if ask.echoes == 0 { 0 } else { plain_input_units(body, &Limits::default()).ok()?.0 };
            Some(Units(written.saturating_add(prompt.saturating_mul(ask.echoes))))
        }
        _ => None,
    }
}

/// Meters one answer of a chatbot.
#[derive(Debug)]
pub(super) struct ChatOutput {
    decoder: Decoder,
    encoded: bool,
    body: Body,
    texts: Texts,
    limits: Limits,
    /// Bytes pushed so far.
    pushed: u64,
    /// The running figure as shown: it never falls.
    shown: u64,
    failed: Option<MeterError>,
    /// Nothing after this point was delivered.
    cut: bool,
}

impl ChatOutput {
    pub(super) fn new(
        content_type: Option<&str>,
        content_encoding: Option<&str>,
        limits: Limits,
    ) -> Result<ChatOutput, MeterError> {
        let codings = codings(content_encoding)?;
        Ok(ChatOutput {
            decoder: Decoder::new(&codings, limits.decoding),
            encoded: !codings.is_empty(),
            body: Body::of(content_type, &limits),
            texts: Texts::new(limits.text),
            limits,
            pushed: 0,
            shown: 0,
            failed: None,
            cut: false,
        })
    }

    pub(super) fn push(&mut self, chunk: &[u8]) -> Result<(), MeterError> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        if self.cut {
            return Ok(());
        }
        self.pushed += chunk.len() as u64;
        let ChatOutput { decoder, body, texts, limits, .. } = self;
        let mut read = Ok(());
        let decoded = decoder.push(chunk, &mut |block| {
            if read.is_ok() {
                read = body.push(block, limits, texts);
            }
        });
        self.note(read.and(decoded.map_err(MeterError::from)))
    }

    pub(super) fn push_until(&mut self, chunk: &[u8], limit: Units) -> Result<Pushed, MeterError> {
        if self.cut {
            return Ok(Pushed::Cut(0));
        }
        if self.encoded || !matches!(self.body, Body::Events(_)) {
            self.push(chunk)?;
            self.cut = self.texts.passes(limit.0);
            return Ok(if self.cut { Pushed::Cut(chunk.len()) } else { Pushed::All });
        }
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        let before = self.pushed;
        self.pushed += chunk.len() as u64;
        let pushed = self.push_events(chunk, before, limit);
        let result = pushed.as_ref().map(|_| ()).map_err(MeterError::clone);
        self.note(result)?;
        pushed
    }

    /// Counts event by event and stops behind the one that passes the limit.
    fn push_events(&mut self, chunk: &[u8], before: u64, limit: Units) -> Result<Pushed, MeterError> {
        let Body::Events(splitter) = &mut self.body else { return Ok(Pushed::All) };
        splitter.push(chunk);
        while let Some(event) = splitter.next_event()? {
            read_event(event.data.as_deref(), event.terminated, &mut self.texts)?;
            if self.texts.passes(limit.0) {
                self.cut = true;
                let end = event.start + event.raw.len() as u64;
                return Ok(Pushed::Cut(usize::try_from(end.saturating_sub(before)).unwrap_or(chunk.len())));
            }
        }
        Ok(Pushed::All)
    }

    pub(super) fn units(&self) -> Units {
        Units(self.shown)
    }

    pub(super) fn held(&self) -> usize {
        self.body.held()
    }

    pub(super) fn finish(mut self) -> MeterResult {
        let mut fault = None;
        let whole = if self.cut || self.failed.is_some() {
            false
        } else {
            match self.body.finish(&mut self.texts) {
                Ok(ended) => ended && self.decoder.is_whole(),
                Err(error) => {
                    fault = Some(error);
                    false
                }
            }
        };
        MeterResult {
            units: Units(self.texts.exact()),
            answers: self.texts.answers(),
            usage: self.texts.usage,
            finish_reason: self.texts.finish_reason,
            complete: whole,
            error: self.texts.error,
            fault,
        }
    }

    fn note(&mut self, result: Result<(), MeterError>) -> Result<(), MeterError> {
        self.shown = self.shown.max(self.texts.estimate());
        if let Err(error) = &result {
            self.failed = Some(error.clone());
        }
        result
    }
}
