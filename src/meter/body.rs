//! From the decoded bytes of a chatbot's answer to the texts in it, by the answer's content type.

use super::api::{Limits, MeterError};
use super::texts::Texts;
use crate::wire::chat::{Field, Reading, Slot};
use crate::wire::partial;
use crate::wire::sse::Splitter;

/// How an answer is written.
#[derive(Debug)]
pub(super) enum Body {
    /// `text/event-stream`
    Events(Splitter),
    /// One JSON text a line, as Ollama streams. Holds the line being read.
    Lines(Vec<u8>),
    /// One JSON text, or of no stated type. Held whole.
    Json(Vec<u8>),
    /// Other text. Holds a character being read.
    Text(Vec<u8>),
    /// Sound, pictures and other bytes.
    Media,
}

impl Body {
    pub(super) fn of(content_type: Option<&str>, limits: &Limits) -> Body {
        let essence = content_type.unwrap_or_default().split(';').next().unwrap_or_default();
        let essence = essence.trim().to_ascii_lowercase();
        match essence.as_str() {
            "text/event-stream" => Body::Events(Splitter::new(limits.events)),
            "application/x-ndjson"
            | "application/ndjson"
            | "application/jsonl"
            | "application/x-jsonlines"
            | "application/json-lines"
            | "application/stream+json"
            | "application/json-seq" => Body::Lines(Vec::new()),
            "" | "application/json" | "text/json" => Body::Json(Vec::new()),
            json if json.ends_with("+json") => Body::Json(Vec::new()),
            "application/xml" | "application/javascript" | "application/yaml" | "application/x-yaml" => {
                Body::Text(Vec::new())
            }
            text if text.starts_with("text/") || text.ends_with("+xml") => Body::Text(Vec::new()),
            _ => Body::Media,
        }
    }

    /// Whether the units of such an answer are known while it streams.
    pub(super) fn is_stream(&self) -> bool {
        matches!(self, Body::Events(_) | Body::Lines(_))
    }

    /// Bytes that wait for the end.
    pub(super) fn held(&self) -> usize {
        if let Body::Json(held) = self { held.capacity() } else { 0 }
    }

    pub(super) fn push(
        &mut self,
        block: &[u8],
        limits: &Limits,
        texts: &mut Texts,
    ) -> Result<(), MeterError> {
        match self {
            Body::Events(splitter) => {
                splitter.push(block);
                while let Some(event) = splitter.next_event()? {
                    read_event(event.data.as_deref(), event.terminated, texts)?;
                }
            }
            Body::Lines(line) => push_lines(line, block, limits, texts)?,
            Body::Json(held) => {
                if held.len() + block.len() > limits.json {
                    return Err(MeterError::TooLong { limit: limits.json as u64 });
                }
                held.extend_from_slice(block);
            }
            Body::Text(held) => push_text(held, block, texts)?,
            Body::Media => texts.add_media(block.len() as u64),
        }
        Ok(())
    }

    /// Counts what is left at the end. True when the body is whole by its own grammar.
    pub(super) fn finish(&mut self, texts: &mut Texts) -> Result<bool, MeterError> {
        match self {
            Body::Events(splitter) => {
                splitter.finish();
                while let Some(event) = splitter.next_event()? {
                    read_event(event.data.as_deref(), event.terminated, texts)?;
                }
            }
            Body::Lines(line) => {
                read_event(Some(&String::from_utf8_lossy(line)), false, texts)?;
            }
            Body::Json(held) => return read_json(held, texts),
            Body::Text(held) if !held.is_empty() => texts.append_plain(PLAIN, "\u{fffd}")?,
            Body::Text(_) | Body::Media => {}
        }
        Ok(!self.is_stream() || texts.done || texts.finish_reason.is_some())
    }
}

/// Where a body that is only text goes.
const PLAIN: Slot = Slot { field: Field::Content, choice: 0, place: 0 };

/// One event's data, or one line. An event that the stream's end cut off counts as far as it arrived.
pub(super) fn read_event(data: Option<&str>, terminated: bool, texts: &mut Texts) -> Result<(), MeterError> {
    let data = data.unwrap_or_default().trim();
    if data.is_empty() {
        return Ok(());
    }
    if data == "[DONE]" {
        texts.done = true;
        return Ok(());
    }
    let cut_json = !terminated && data.starts_with(['{', '[']);
    match texts.read(data)? {
        Reading::Known => Ok(()),
        Reading::NotJson if cut_json => {
            partial::close(data).map_or(Ok(()), |closed| texts.read(&closed).map(|_| ()))
        }
        Reading::Unknown | Reading::NotJson => texts.add_whole(data),
    }
}

fn push_lines(
    line: &mut Vec<u8>,
    block: &[u8],
    limits: &Limits,
    texts: &mut Texts,
) -> Result<(), MeterError> {
    for piece in block.split_inclusive(|byte| *byte == b'\n') {
        line.extend_from_slice(piece);
        if line.len() > limits.events.line {
            return Err(MeterError::TooLong { limit: limits.events.line as u64 });
        }
        if piece.ends_with(b"\n") {
            let text = String::from_utf8_lossy(line);
            // RFC 7464 puts a record separator before each text.
            read_event(Some(text.trim_start_matches('\u{1e}')), true, texts)?;
            line.clear();
        }
    }
    Ok(())
}

fn push_text(held: &mut Vec<u8>, block: &[u8], texts: &mut Texts) -> Result<(), MeterError> {
    held.extend_from_slice(block);
    let bytes = std::mem::take(held);
    let mut rest = bytes.as_slice();
    loop {
        match std::str::from_utf8(rest) {
            Ok(text) => return texts.append_plain(PLAIN, text),
            Err(fault) => {
                let (text, after) = rest.split_at(fault.valid_up_to());
                texts.append_plain(PLAIN, &String::from_utf8_lossy(text))?;
                let Some(bad) = fault.error_len() else {
                    // A character that the next block completes.
                    held.extend_from_slice(after);
                    return Ok(());
                };
                texts.append_plain(PLAIN, "\u{fffd}")?;
                rest = &after[bad..];
            }
        }
    }
}

/// A whole answer. True when it is closed JSON, or nothing at all.
fn read_json(held: &[u8], texts: &mut Texts) -> Result<bool, MeterError> {
    let Ok(text) = std::str::from_utf8(held) else {
        let lossy = String::from_utf8_lossy(held);
        let read = lossy.trim_start().starts_with('{') && texts.read(lossy.trim())? == Reading::Known;
        if !read {
            texts.add_media(held.len() as u64);
        }
        return Ok(read);
    };
    let text = text.strip_prefix('\u{feff}').unwrap_or(text).trim();
    if text.is_empty() {
        return Ok(true);
    }
    match texts.read(text)? {
        Reading::Known => Ok(true),
        Reading::Unknown => texts.add_whole(text).map(|()| true),
        Reading::NotJson => {
            let closed = partial::close(text);
            let read = closed.map_or(Ok(Reading::NotJson), |closed| texts.read(&closed))?;
            if read != Reading::Known {
                texts.add_whole(text)?;
            }
            Ok(false)
        }
    }
}
