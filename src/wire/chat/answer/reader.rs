//! The outer shapes: chat and text completions, `responses`, `messages`, Ollama, llama.cpp, images, embeddings.

use std::borrow::Cow;

use super::message::{
    Mode, Sink, is_empty_object, is_message, is_output, read_block, read_choice, read_error, read_item,
    read_message, read_output, token_ids, usage,
};
use super::{Field, Part, Reading, Slot, Usage};
use crate::wire::chat::input::inline_bytes;
use crate::wire::json::{self, Kind};

/// The members of a chunk or answer that carry anything, found in one walk.
#[derive(Default)]
struct Top<'a> {
    kind: Cow<'a, str>,
    choices: Option<&'a str>,
    message: Option<&'a str>,
    response: Option<&'a str>,
    output: Option<&'a str>,
    content: Option<&'a str>,
    delta: Option<&'a str>,
    item: Option<&'a str>,
    block: Option<&'a str>,
    text: Option<&'a str>,
    data: Option<&'a str>,
    ids: Option<&'a str>,
    image: Option<&'a str>,
    audio: Option<&'a str>,
    usage: Option<&'a str>,
    error: Option<&'a str>,
    stop_reason: Option<&'a str>,
    status: Option<&'a str>,
    done: bool,
    index: u64,
    output_index: u64,
    place: u64,
    counts: Usage,
}

/// Calls `sink` with all that a JSON text (a whole answer, or the data of one event) holds.
pub fn read_answer<'a>(text: &'a str, sink: Sink<'_, 'a>) -> Reading {
    let mut top = Top::default();
    let walked = json::members(text, |name, value| match name {
        "type" => top.kind = json::text(value).unwrap_or_default(),
        "choices" => top.choices = Some(value),
        "message" => top.message = Some(value),
        "response" => top.response = Some(value),
        "output" => top.output = Some(value),
        "content" => top.content = Some(value),
        "delta" => top.delta = Some(value),
        "item" => top.item = Some(value),
        "content_block" => top.block = Some(value),
        "text" => top.text = Some(value),
        "data" => top.data = Some(value),
        // SGLang's and llama.cpp's own endpoints.
        "token_ids" | "output_ids" | "tokens" => top.ids = Some(value),
        "b64_json" => top.image = Some(value),
        "audio" => top.audio = Some(value),
        "usage" => top.usage = Some(value),
        "error" => top.error = Some(value),
        "stop_reason" | "done_reason" => top.stop_reason = Some(value),
        "status" => top.status = Some(value),
        "done" | "stop" => top.done |= json::is_true(value),
        "index" => top.index = json::unsigned(value).unwrap_or(0),
        "output_index" => top.output_index = json::unsigned(value).unwrap_or(0),
        "content_index" | "summary_index" => top.place = json::unsigned(value).unwrap_or(0),
        "prompt_eval_count" | "tokens_evaluated" => top.counts.input = json::unsigned(value),
        "eval_count" | "tokens_predicted" => top.counts.output = json::unsigned(value),
        _ => {}
    });
    match walked {
        Err(_) if json::elements(text, |_, _| {}).is_ok() => Reading::Unknown,
        Err(_) => Reading::NotJson,
        Ok(()) if top.read(sink) => Reading::Known,
        Ok(()) => Reading::Unknown,
    }
}

impl<'a> Top<'a> {
    /// Gives out all parts; false when nothing of a known shape was there.
    fn read(&self, sink: Sink<'_, 'a>) -> bool {
        let mut known = false;
        if let Some(usage) = self.usage.and_then(usage) {
            sink(Part::Usage(usage));
        }
        if self.counts != Usage::default() {
            sink(Part::Usage(self.counts));
        }
        if let Some(error) = self.error.filter(|error| *error != "null") {
            sink(read_error(error));
            // Servers that know of none write so in many ways.
            known = !matches!(error, "false" | "0" | "\"\"" | "[]") && !is_empty_object(error);
        }
        if let Some(choices) = self.choices.filter(|choices| json::kind(choices) == Kind::Array) {
            let _ = json::elements(choices, |place, choice| read_choice(choice, place as u64, sink));
            known = true;
        }
        if let Some(reason) = self.stop_reason.and_then(json::text) {
            sink(Part::Finish(reason));
        }
        known |= self.read_ollama(sink);
        known |= self.read_responses(sink);
        known |= self.read_messages(sink);
        known |= self.read_media(sink);
        known |= self.read_data(sink);
        if let Some(count) = self.ids.and_then(token_ids).filter(|count| known && *count > 0) {
            sink(Part::TokenIds { choice: 0, count });
        }
        if self.done {
            sink(Part::Done);
        }
        known
    }

    /// Ollama (`message`, `response`), llama.cpp's own endpoint (`content`), transcriptions (`text`).
    fn read_ollama(&self, sink: Sink<'_, 'a>) -> bool {
        let slot = Slot { field: Field::Content, choice: 0, place: 0 };
        let plain = [self.response, self.content, self.text].into_iter().flatten();
        let mut known = false;
        for text in plain.filter_map(json::text).filter(|_| self.kind.is_empty()) {
            sink(Part::Append(slot, text));
            known = true;
        }
        if let Some(message) = self.message.filter(|message| is_message(message)) {
            read_message(message, 0, Mode::Append, sink);
            known = true;
        }
        known
    }

    /// The `responses` API: whole (`output`) and streamed (`response.….delta`).
    fn read_responses(&self, sink: Sink<'_, 'a>) -> bool {
        let mut known = self.kind.starts_with("response.");
        if let Some(output) = self.output.filter(|output| is_output(output)) {
            read_output(output, sink);
            if self.status.and_then(json::text).is_some_and(|status| status == "completed") {
                sink(Part::Done);
            }
            known = true;
        }
        if let Some(response) = self.response.filter(|response| json::kind(response) == Kind::Object) {
            let _ = json::members(response, |name, value| match name {
                "output" if json::kind(value) == Kind::Array => {
                    read_output(value, sink);
                    known = true;
                }
                "usage" => usage(value).into_iter().for_each(|usage| sink(Part::Usage(usage))),
                "error" if value != "null" => sink(read_error(value)),
                _ => {}
            });
        }
        if matches!(&*self.kind, "response.completed" | "response.incomplete" | "response.failed") {
            let reason = self.kind.trim_start_matches("response.").to_owned();
            sink(Part::Finish(Cow::Owned(reason)));
            sink(Part::Done);
        }
        if let Some(item) = self.item.filter(|_| known) {
            read_item(item, self.output_index, sink);
        }
        let delta = self.delta.and_then(json::text);
        if let Some(what) = self.kind.strip_prefix("response.").and_then(|kind| kind.strip_suffix(".delta"))
            && let Some(delta) = delta
        {
            let (field, place) = match what {
                "output_text" => (Field::Content, self.place),
                "refusal" => (Field::Refusal, self.place),
                "function_call_arguments" | "custom_tool_call_input" | "mcp_call_arguments" => {
                    (Field::ToolArguments, 0)
                }
                "reasoning_text" | "reasoning" => (Field::Reasoning, self.place),
                "reasoning_summary_text" | "reasoning_summary" => (Field::ReasoningSummary, self.place),
                "code_interpreter_call_code" | "code_interpreter_call.code" => (Field::Code, 0),
                "audio" | "output_audio" => {
                    sink(Part::Media(inline_bytes(&delta)));
                    return true;
                }
                _ if what.ends_with("transcript") => (Field::Transcript, self.place),
                _ => (Field::Other, self.place),
            };
            sink(Part::Append(Slot { field, choice: self.output_index, place }, delta));
        }
        known
    }

    /// Anthropic's `messages` API, whole and streamed.
    fn read_messages(&self, sink: Sink<'_, 'a>) -> bool {
        match &*self.kind {
            "message" => {
                let content = self.content.filter(|content| json::kind(content) == Kind::Array);
                if let Some(content) = content {
                    let _ = json::elements(content, |place, block| read_block(block, place as u64, sink));
                }
                content.is_some()
            }
            "content_block_start" => {
                self.block.into_iter().for_each(|block| read_block(block, self.index, sink));
                true
            }
            "content_block_delta" => {
                self.delta.into_iter().for_each(|delta| read_block(delta, self.index, sink));
                true
            }
            "message_delta" => {
                let _ = json::members(self.delta.unwrap_or("{}"), |name, value| {
                    if let ("stop_reason", Some(reason)) = (name, json::text(value)) {
                        sink(Part::Finish(reason));
                    }
                });
                true
            }
            "message_stop" => {
                sink(Part::Done);
                true
            }
            "message_start" => {
                let _ = json::members(self.message.unwrap_or("{}"), |name, value| {
                    if name == "usage" {
                        usage(value).into_iter().for_each(|usage| sink(Part::Usage(usage)));
                    }
                });
                true
            }
            "content_block_stop" | "ping" => true,
            _ => false,
        }
    }

    /// The streams of OpenAI's endpoints for speech, transcripts and images.
    fn read_media(&self, sink: Sink<'_, 'a>) -> bool {
        let slot = Slot { field: Field::Content, choice: 0, place: 0 };
        let text = |value: Option<&'a str>| value.and_then(json::text);
        let part = match &*self.kind {
            "speech.audio.delta" => text(self.audio).map(|sound| Part::Media(inline_bytes(&sound))),
            "transcript.text.delta" => text(self.delta).map(|delta| Part::Append(slot, delta)),
            "transcript.text.done" => text(self.text).map(|text| Part::Whole(slot, text)),
            kind if kind.starts_with("image_generation.") || kind.starts_with("image_edit.") => {
                text(self.image).map(|image| Part::Media(inline_bytes(&image)))
            }
            _ => None,
        };
        let known = part.is_some() || self.kind == "speech.audio.done";
        part.into_iter().for_each(&mut *sink);
        if known && (self.kind.ends_with(".done") || self.kind.ends_with(".completed")) {
            sink(Part::Done);
        }
        known
    }

    /// Embeddings (free) and generated images, in `data`.
    fn read_data(&self, sink: Sink<'_, 'a>) -> bool {
        let mut known = false;
        let Some(data) = self.data.filter(|data| json::kind(data) == Kind::Array) else { return false };
        let _ = json::elements(data, |place, element| {
            let _ = json::members(element, |name, value| match (name, json::text(value)) {
                ("embedding", _) => known = true,
                ("b64_json", Some(image)) => {
                    sink(Part::Media(inline_bytes(&image)));
                    known = true;
                }
                ("revised_prompt", Some(text)) => {
                    let slot = Slot { field: Field::Other, choice: place as u64, place: 0 };
                    sink(Part::Append(slot, text));
                }
                _ => {}
            });
        });
        known
    }
}
