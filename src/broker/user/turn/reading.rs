//! From the bytes of an answer to the words of its first choice, whether it streams or comes whole.

use super::thinking::{Thinking, Voice};
use crate::domain::clean::clean;
use crate::wire::chat::{Field, Part, Reading as Shape, Slot, read_answer};
use crate::wire::encoding::{self, Decoder, codings};
use crate::wire::sse::{self, Splitter};

/// The most text of an answer that is handed out, and the most of a whole answer that is held: as much as is counted.
const MOST: usize = 16 << 20;

/// Why an answer ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FinishReason {
    /// The model had said what it had to say.
    Stop,
    /// It reached its token limit, or the most that it may cost.
    Length,
    /// The service withheld the rest.
    Filtered,
    /// Another reason, in the server's words; cleaned.
    Other(String),
    /// It ended as a whole answer does, without a reason.
    Unstated,
}

impl FinishReason {
    fn of(word: &str) -> FinishReason {
        match word {
            "stop" | "end_turn" | "eos" | "stop_sequence" => FinishReason::Stop,
            "length" | "max_tokens" => FinishReason::Length,
            "content_filter" => FinishReason::Filtered,
            other => FinishReason::Other(clean(other, 32).into_owned()),
        }
    }
}

/// A piece of what was said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Said {
    pub voice: Voice,
    pub text: String,
}

/// How the answer is written.
#[derive(Debug)]
enum Body {
    Events(Splitter),
    /// Held until its end.
    Whole(Vec<u8>),
}

impl Default for Body {
    fn default() -> Self {
        Body::Whole(Vec::new())
    }
}

/// Reads one answer.
#[derive(Debug, Default)]
pub(super) struct Reader {
    /// Absent in a reader that has nothing more to read.
    decoder: Option<Decoder>,
    body: Body,
    words: Words,
}

/// What was read of it.
#[derive(Debug, Default)]
struct Words {
    thinking: Thinking,
    said: Vec<Said>,
    taken: usize,
    /// Fields of which something came: a stream may repeat a finished text whole.
    fields: Vec<Field>,
    reason: Option<FinishReason>,
    done: bool,
    error: Option<String>,
}

impl Reader {
    /// For an answer with these headers. The reason why not, if its encoding is not known.
    pub fn new(content_type: Option<&str>, content_encoding: Option<&str>) -> Result<Reader, String> {
        let codings = codings(content_encoding).map_err(|error| error.to_string())?;
        let kind = content_type.unwrap_or_default().split(';').next().unwrap_or_default().trim();
        let body = if kind.eq_ignore_ascii_case("text/event-stream") {
            Body::Events(Splitter::new(sse::Limits::default()))
        } else {
            Body::Whole(Vec::new())
        };
        let decoder = Decoder::new(&codings, encoding::Limits::default());
        Ok(Reader { decoder: Some(decoder), body, words: Words::default() })
    }

    /// Reads the next bytes.
    pub fn push(&mut self, chunk: &[u8]) -> Result<(), String> {
        let Reader { decoder, body, words } = self;
        let Some(decoder) = decoder else { return Ok(()) };
        let mut fault = Ok(());
        let decoded = decoder.push(chunk, &mut |block| {
            if fault.is_err() {
                return;
            }
            match body {
                Body::Events(splitter) => {
                    splitter.push(block);
                    fault = words.events(splitter);
                }
                Body::Whole(held) if held.len() + block.len() > MOST => {
                    fault = Err("the answer is larger than allowed".to_owned());
                }
                Body::Whole(held) => held.extend_from_slice(block),
            }
        });
        fault?;
        decoded.map_err(|error| error.to_string())?;
        self.words.check()
    }

    /// Whether an answer is held whose reading takes a while.
    pub fn is_large(&self) -> bool {
        matches!(&self.body, Body::Whole(held) if held.len() > 64 << 10)
    }

    /// Reads what is left at the end.
    pub fn finish(&mut self) -> Result<FinishReason, String> {
        let words = &mut self.words;
        let whole = match &mut self.body {
            Body::Events(splitter) => {
                splitter.finish();
                words.events(splitter)?;
                words.done
            }
            Body::Whole(held) => {
                let held = std::mem::take(held);
                let text = String::from_utf8_lossy(&held);
                if words.read(&text) != Shape::Known && !text.trim().is_empty() {
                    // No answer of a chat that we know, but it is paid for, so it is shown.
                    words.say(Field::Content, &text);
                }
                true
            }
        };
        let Words { thinking, said, .. } = words;
        thinking.finish(&mut |voice, text| add(said, voice, text));
        words.check()?;
        match words.reason.take() {
            Some(reason) => Ok(reason),
            None if whole => Ok(FinishReason::Unstated),
            None => Err("the answer ended early".to_owned()),
        }
    }

    /// What was said since the last time.
    pub fn said(&mut self) -> Vec<Said> {
        std::mem::take(&mut self.words.said)
    }
}

impl Words {
    fn events(&mut self, splitter: &mut Splitter) -> Result<(), String> {
        while let Some(event) = splitter.next_event().map_err(|error| error.to_string())? {
            let data = event.data.unwrap_or_default();
            match data.trim() {
                "" => {}
                "[DONE]" => self.done = true,
                data => {
                    self.read(data);
                }
            }
        }
        Ok(())
    }

    fn read(&mut self, json: &str) -> Shape {
        read_answer(json, &mut |part| match part {
            Part::Append(Slot { field, choice: 0, .. }, text) => self.say(field, &text),
            Part::Whole(Slot { field, choice: 0, .. }, text) if !self.fields.contains(&field) => {
                self.say(field, &text);
            }
            Part::Finish(reason) => self.reason = Some(FinishReason::of(&reason)),
            Part::Done => self.done = true,
            Part::Error { message, .. } => {
                self.error = Some(format!("the service says: {}", clean(&message, 500)));
            }
            // Of no shape that we know, but it is paid for, so it is shown.
            Part::Unread(text) => self.say(Field::Content, text),
            Part::Append(..) | Part::Whole(..) | Part::TokenIds { .. } | Part::Media(_) | Part::Usage(_) => {}
        })
    }

    fn say(&mut self, field: Field, text: &str) {
        if text.is_empty() {
            return;
        }
        self.taken = self.taken.saturating_add(text.len());
        let said = &mut self.said;
        match field {
            Field::Content => self.thinking.push(text, &mut |voice, text| add(said, voice, text)),
            Field::Refusal | Field::Transcript => add(said, Voice::Content, text),
            Field::Reasoning | Field::ReasoningSummary => add(said, Voice::Reasoning, text),
            // Nobody offered the model any tools.
            _ => return,
        }
        if !self.fields.contains(&field) {
            self.fields.push(field);
        }
    }

    fn check(&mut self) -> Result<(), String> {
        if let Some(error) = self.error.take() {
            return Err(error);
        }
        if self.taken > MOST { Err("the answer is larger than allowed".to_owned()) } else { Ok(()) }
    }
}

/// Adds to the last piece if the same voice spoke.
fn add(said: &mut Vec<Said>, voice: Voice, text: &str) {
    match said.last_mut() {
        Some(last) if last.voice == voice => last.text.push_str(text),
        _ => said.push(Said { voice, text: text.to_owned() }),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;

    fn read(kind: &str, body: &str, split: usize) -> (String, String, Result<FinishReason, String>) {
        let mut reader = Reader::new(Some(kind), None).unwrap();
        let mut pushed = Ok(());
        for chunk in body.as_bytes().chunks(split) {
            pushed = pushed.and_then(|()| reader.push(chunk));
        }
        let end = pushed.and_then(|()| reader.finish());
        let (mut reasoning, mut content) = (String::new(), String::new());
        for Said { voice, text } in reader.said() {
            if voice == Voice::Content { &mut content } else { &mut reasoning }.push_str(&text);
        }
        (reasoning, content, end)
    }

    #[test]
    fn streams_and_whole_answers_say_the_same() {
        let stream = "event-stream comment\n: ping\n\ndata: {\"choices\":[{\"delta\":{\"role\":\"assistant\",\"reasoning_content\":\"hm\"}}]}\n\n\
             data: {\"choices\":[{\"index\":1,\"delta\":{\"content\":\"other\"}},{\"index\":0,\"delta\":{\"content\":\"Yé\"}}]}\r\n\r\n\
             data: {\"choices\":[{\"delta\":{\"content\":\"s\"},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";
        let whole =
            r#"{"choices":[{"message":{"reasoning_content":"hm","content":"Yés"},"finish_reason":"stop"}]}"#;
        let expected = ("hm".to_owned(), "Yés".to_owned(), Ok(FinishReason::Stop));
        for split in [1, 2, 7, 10_000] {
            assert_eq!(read("text/event-stream; charset=utf-8", stream, split), expected);
            assert_eq!(read("application/json", whole, split), expected);
        }
        let marked =
            r#"{"choices":[{"message":{"content":"<think>hm</think>\nYés"},"finish_reason":"stop"}]}"#;
        assert_eq!(read("application/json", marked, 3), expected);
    }

    #[test]
    fn ends_are_told_apart() {
        let event = |json: &str| format!("data: {json}\n\n");
        let words = event(r#"{"choices":[{"delta":{"content":"x"}}]}"#);
        let end = |more: &str| read("text/event-stream", &format!("{words}{more}"), 64).2;
        assert_eq!(end("data: [DONE]\n\n"), Ok(FinishReason::Unstated));
        assert_eq!(end(""), Err("the answer ended early".to_owned()));
        assert_eq!(
            end(&event(r#"{"choices":[{"delta":{},"finish_reason":"length"}]}"#)),
            Ok(FinishReason::Length)
        );
        assert_eq!(
            end(&event(r#"{"error":{"message":"out of\u001b[2J memory"}}"#)),
            Err("the service says: out of\u{fffd}[2J memory".to_owned())
        );
        let odd = event(r#"{"choices":[{"delta":{},"finish_reason":"\u001btired"}]}"#);
        assert_eq!(end(&odd), Ok(FinishReason::Other("\u{fffd}tired".to_owned())));
        assert_eq!(
            read("text/plain", "no JSON", 2),
            (String::new(), "no JSON".to_owned(), Ok(FinishReason::Unstated))
        );
    }

    #[test]
    fn endless_answers_are_given_up() {
        let mut reader = Reader::new(Some("application/json"), None).unwrap();
        let block = vec![b' '; 1 << 20];
        assert!((0..17).any(|_| reader.push(&block).is_err()));
        assert!(Reader::new(None, Some("rot13")).is_err());
    }
}
