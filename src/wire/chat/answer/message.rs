//! The inner shapes: choices, messages, calls, output items and content blocks.

use std::borrow::Cow;

use super::{Field, Part, Slot, Usage};
use crate::wire::chat::input::inline_bytes;
use crate::wire::json::{self, Kind};

pub(super) type Sink<'s, 'a> = &'s mut dyn FnMut(Part<'a>);

/// How the texts of a message are to be taken.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Append,
    Whole,
}

impl Mode {
    fn part(self, slot: Slot, text: Cow<'_, str>) -> Part<'_> {
        if self == Mode::Append { Part::Append(slot, text) } else { Part::Whole(slot, text) }
    }
}

/// What a choice's members of these names say in up to [`LABEL`] bytes is how it ended, or which one it is.
const LABELS: [&str; 7] =
    ["finish_reason", "id", "matched_stop", "native_finish_reason", "object", "role", "stop_reason"];
const LABEL: usize = 80;

/// Whether a value that nobody knows holds no text: a number, a word, nothing at all.
pub(super) fn says_nothing(value: &str) -> bool {
    match json::kind(value) {
        Kind::Number | Kind::Word => true,
        Kind::Text => json::text(value).is_none_or(|text| text.is_empty()),
        Kind::Object => is_empty_object(value),
        Kind::Array => {
            let mut empty = true;
            let _ = json::elements(value, |_, _| empty = false);
            empty
        }
    }
}

pub(super) fn is_empty_object(value: &str) -> bool {
    let mut empty = true;
    json::members(value, |_, _| empty = false).is_ok() && empty
}

/// How many tokens a list of numbers names; `None` for any other value.
pub(super) fn token_ids(value: &str) -> Option<u64> {
    let (mut count, mut others) = (0_u64, false);
    json::elements(value, |_, element| match json::kind(element) {
        Kind::Number => count = count.saturating_add(1),
        _ => others = true,
    })
    .ok()?;
    (!others).then_some(count)
}

/// A choice that has a place for its text is read; of another one the whole text counts, unless all that it says is how
/// it ended. What filters say of a choice comes without it, in a stream that they do not hold up.
pub(super) fn read_choice<'a>(choice: &'a str, place: u64, sink: Sink<'_, 'a>) {
    let (mut index, mut message, mut text, mut ids, mut more) = (place, None, None, None, false);
    let read = json::members(choice, |name, value| match (name, json::kind(value)) {
        ("index", _) => index = json::unsigned(value).unwrap_or(place),
        ("delta", Kind::Object) => message = Some((value, Mode::Append)),
        ("message", Kind::Object) => message = Some((value, Mode::Whole)),
        ("text", Kind::Text) => text = json::text(value),
        ("token_ids" | "output_ids", Kind::Array) => match token_ids(value) {
            Some(count) => ids = Some(count),
            None => more = true,
        },
        ("content_filter_results" | "content_filter_result" | "content_filter_offsets", _) => {}
        (name, Kind::Text) if LABELS.contains(&name) => {
            more |= value.len() > LABEL;
            let reason = json::text(value).filter(|_| name == "finish_reason");
            reason.into_iter().for_each(|reason| sink(Part::Finish(reason)));
        }
        _ => more |= !says_nothing(value),
    });
    let known = message.is_some() || text.is_some() || ids.is_some();
    if (read.is_err() && !says_nothing(choice)) || (more && !known) {
        return sink(Part::Unread(choice));
    }
    if let Some(text) = text {
        sink(Part::Append(Slot { field: Field::Content, choice: index, place: 0 }, text));
    }
    if let Some((message, mode)) = message {
        read_message(message, index, mode, sink);
    }
    if let Some(count) = ids.filter(|count| *count > 0) {
        sink(Part::TokenIds { choice: index, count });
    }
}

/// Whether an object has a place where a message says something.
pub(super) fn is_message(object: &str) -> bool {
    let mut known = is_empty_object(object);
    let _ = json::members(object, |name, _| {
        known |= matches!(
            name,
            "role" | "content" | "reasoning_content" | "reasoning" | "thinking" | "tool_calls" | "images"
        );
    });
    known
}

pub(super) fn read_message<'a>(message: &'a str, choice: u64, mode: Mode, sink: Sink<'_, 'a>) {
    let slot = |field, place| Slot { field, choice, place };
    // Servers in transition send the same reasoning under two names; one of them counts.
    let mut reasoning = [None, None, None];
    let _ = json::members(message, |name, value| match name {
        "content" => match json::text(value) {
            Some(text) => sink(mode.part(slot(Field::Content, 0), text)),
            None if json::kind(value) == Kind::Array => {
                let _ = json::elements(value, |place, part| {
                    read_part(part, slot(Field::Content, place as u64), mode, sink);
                });
            }
            None if says_nothing(value) => {}
            None => sink(Part::Unread(value)),
        },
        "reasoning_content" => reasoning[0] = json::text(value),
        "reasoning" => reasoning[1] = json::text(value),
        "thinking" => reasoning[2] = json::text(value),
        "refusal" => {
            json::text(value).into_iter().for_each(|text| sink(mode.part(slot(Field::Refusal, 0), text)));
        }
        "tool_calls" if json::kind(value) == Kind::Array => {
            let _ = json::elements(value, |place, call| read_call(call, choice, place as u64, mode, sink));
        }
        "function_call" => {
            read_function(
                value,
                [slot(Field::FunctionName, 0), slot(Field::FunctionArguments, 0)],
                mode,
                sink,
            );
        }
        "audio" => {
            let _ = json::members(value, |name, value| match (name, json::text(value)) {
                ("data", Some(data)) => sink(Part::Media(inline_bytes(&data))),
                ("transcript", Some(text)) => sink(mode.part(slot(Field::Transcript, 0), text)),
                _ => {}
            });
        }
        "images" => {
            let _ = json::elements(value, |_, image| read_image(image, sink));
        }
        _ => {}
    });
    let reasoning = reasoning.into_iter().flatten().find(|text| !text.is_empty());
    if let Some(text) = reasoning {
        sink(mode.part(slot(Field::Reasoning, 0), text));
    }
}

/// A part of a message's content. Mistral's thoughts are a list of parts themselves.
fn read_part<'a>(part: &'a str, slot: Slot, mode: Mode, sink: Sink<'_, 'a>) {
    if let Some(text) = json::text(part) {
        return sink(mode.part(slot, text));
    }
    let _ = json::members(part, |name, value| match (name, json::text(value)) {
        ("text" | "thinking" | "refusal", Some(text)) => sink(mode.part(slot, text)),
        ("thinking", None) if !says_nothing(value) => sink(Part::Unread(value)),
        _ => {}
    });
}

/// `{"image_url": {"url": "data:…"}}`, as some servers return generated images.
fn read_image<'a>(image: &'a str, sink: Sink<'_, 'a>) {
    let _ = json::members(image, |name, value| {
        if name != "image_url" {
            return;
        }
        let _ = json::members(value, |name, value| {
            if let ("url", Some(url)) = (name, json::text(value)) {
                sink(Part::Media(inline_bytes(&url)));
            }
        });
    });
}

fn read_call<'a>(call: &'a str, choice: u64, place: u64, mode: Mode, sink: Sink<'_, 'a>) {
    let mut index = place;
    let mut functions = [None, None];
    let _ = json::members(call, |name, value| match name {
        "index" => index = json::unsigned(value).unwrap_or(place),
        "function" => functions[0] = Some(value),
        "custom" => functions[1] = Some(value),
        _ => {}
    });
    for function in functions.into_iter().flatten() {
        let slots = [Field::ToolName, Field::ToolArguments].map(|field| Slot { field, choice, place: index });
        read_function(function, slots, mode, sink);
    }
}

/// Name and arguments of a call; arguments may be a text or (Ollama) an object, which counts as written.
fn read_function<'a>(function: &'a str, slots: [Slot; 2], mode: Mode, sink: Sink<'_, 'a>) {
    let _ = json::members(function, |name, value| match name {
        "name" => json::text(value).into_iter().for_each(|text| sink(mode.part(slots[0], text))),
        "arguments" | "input" => {
            text_or_raw(value).into_iter().for_each(|text| sink(mode.part(slots[1], text)));
        }
        _ => {}
    });
}

/// A block, or a delta to one, of the `messages` API.
pub(super) fn read_block<'a>(block: &'a str, place: u64, sink: Sink<'_, 'a>) {
    let slot = |field| Slot { field, choice: 0, place };
    let mut parts = Vec::new();
    let _ = json::members(block, |name, value| match (name, json::text(value)) {
        ("text", Some(text)) => parts.push((Field::Content, text)),
        ("thinking", Some(text)) => parts.push((Field::Reasoning, text)),
        ("partial_json", Some(text)) => parts.push((Field::ToolArguments, text)),
        ("name", Some(text)) => parts.push((Field::ToolName, text)),
        // A stream opens each call with an empty input and then sends it in pieces.
        ("input", None) if json::kind(value) == Kind::Object && value != "{}" => {
            parts.push((Field::ToolArguments, Cow::Borrowed(value)));
        }
        _ => {}
    });
    parts.into_iter().for_each(|(field, text)| sink(Part::Append(slot(field), text)));
}

/// Whether a list is one of the `responses` API's items, each of which has a type.
pub(super) fn is_output(output: &str) -> bool {
    let (mut empty, mut typed) = (true, false);
    let read = json::elements(output, |_, item| {
        empty = false;
        typed |= has_type(item);
    });
    read.is_ok() && (empty || typed)
}

fn has_type(item: &str) -> bool {
    let mut typed = false;
    let _ = json::members(item, |name, value| typed |= name == "type" && json::kind(value) == Kind::Text);
    typed
}

/// The `output` items of the `responses` API, always whole.
pub(super) fn read_output<'a>(output: &'a str, sink: Sink<'_, 'a>) {
    let _ = json::elements(output, |place, item| {
        if has_type(item) {
            read_item(item, place as u64, sink);
        } else if !says_nothing(item) {
            sink(Part::Unread(item));
        }
    });
}

pub(super) fn read_item<'a>(item: &'a str, choice: u64, sink: Sink<'_, 'a>) {
    let mut whole = |field, place, text: Option<Cow<'a, str>>| {
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            sink(Part::Whole(Slot { field, choice, place }, text));
        }
    };
    let mut kind = Cow::Borrowed("");
    let _ = json::members(item, |name, value| {
        if name == "type" {
            kind = json::text(value).unwrap_or_default();
        }
    });
    let _ = json::members(item, |name, value| match name {
        "content" | "summary" if json::kind(value) == Kind::Array => {
            let text = if name == "summary" {
                Field::ReasoningSummary
            } else if kind == "reasoning" {
                Field::Reasoning
            } else {
                Field::Content
            };
            let _ = json::elements(value, |place, part| {
                let _ = json::members(part, |name, value| match name {
                    "text" => whole(text, place as u64, json::text(value)),
                    "refusal" => whole(Field::Refusal, place as u64, json::text(value)),
                    "transcript" => whole(Field::Transcript, place as u64, json::text(value)),
                    _ => {}
                });
            });
        }
        "name" => whole(Field::ToolName, 0, json::text(value)),
        "arguments" | "input" => whole(Field::ToolArguments, 0, text_or_raw(value)),
        "code" => whole(Field::Code, 0, json::text(value)),
        _ => {}
    });
}

fn text_or_raw(value: &str) -> Option<Cow<'_, str>> {
    let object = matches!(json::kind(value), Kind::Object | Kind::Array);
    json::text(value).or_else(|| object.then_some(Cow::Borrowed(value)))
}

pub(super) fn usage(value: &str) -> Option<Usage> {
    let mut usage = Usage::default();
    json::members(value, |name, value| match name {
        "prompt_tokens" | "input_tokens" => usage.input = usage.input.max(json::unsigned(value)),
        "completion_tokens" | "output_tokens" => usage.output = usage.output.max(json::unsigned(value)),
        _ => {}
    })
    .ok()?;
    Some(usage)
}

pub(super) fn read_error(error: &str) -> Part<'_> {
    let (mut code, mut message) = (None, None);
    let _ = json::members(error, |name, value| match name {
        "code" if value != "null" => code = Some(json::text(value).unwrap_or(Cow::Borrowed(value))),
        "message" => message = json::text(value),
        _ => {}
    });
    let message = message.or_else(|| json::text(error)).unwrap_or(Cow::Borrowed(error));
    Part::Error { code, message }
}
