//! What of a request reaches the model, piece by piece, in the order of the body.
//!
//! The rule, in full (docs and other implementations may quote it):
//!
//! - Each text is a piece of its own: every string among the members named below, decoded.
//! - A top-level member counts unless it is a known setting ([`SETTINGS`]). `messages`, `input`, `prompt`, `system` and
//!   `instructions` are walked: strings are texts, numbers are ready token ids (one unit each), lists are walked,
//!   objects are messages or parts. Any other string is a text; any other list or object (tools, function schemas,
//!   response formats, members nobody knows) is one text, exactly as written in the body. Numbers, booleans and
//!   null are free.
//! - Of a message or part: role, name, content, reasoning, refusal, arguments and any other string are texts; lists
//!   and objects of calls and contents are walked; ids and types ([`LABELS`]) are free up to [`LABEL`] bytes each:
//!   templates show some of them to the model.
//! - Images, audio, video and files within a message: data given inline counts by its decoded size; a web address
//!   counts as [`Piece::Remote`].
//! - A member that occurs twice counts twice.

use std::borrow::Cow;

use crate::wire::json::{self, Kind};

/// Something that the model is given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    Text(Cow<'a, str>),
    /// A token that the caller has already encoded.
    TokenId,
    /// Inline media of this many bytes.
    Media(u64),
    /// Media that the model server fetches; nobody here knows its size.
    Remote,
}

/// Top-level members that steer the server and say nothing to the model.
const SETTINGS: &[&str] = &[
    "background",
    "dimensions",
    "encoding_format",
    "frequency_penalty",
    "include",
    "keep_alive",
    "logit_bias",
    "logprobs",
    "max_completion_tokens",
    "max_output_tokens",
    "max_tokens",
    "metadata",
    "modalities",
    "model",
    "n",
    "options",
    "parallel_tool_calls",
    "presence_penalty",
    "previous_response_id",
    "prompt_cache_key",
    "reasoning_effort",
    "safety_identifier",
    "seed",
    "service_tier",
    "stop",
    "store",
    "stream",
    "stream_options",
    "temperature",
    "tool_choice",
    "top_p",
    "truncation",
    "user",
    "verbosity",
];

/// Members of messages and parts that only label them.
const LABELS: &[&str] = &[
    "cache_control",
    "call_id",
    "detail",
    "file_id",
    "format",
    "id",
    "index",
    "media_type",
    "status",
    "tool_call_id",
    "tool_use_id",
    "type",
];

/// No id or type that servers give is longer; a longer one is a text.
const LABEL: usize = 80;

/// Deeper lists and messages count as the text they are written as.
const MAX_DEPTH: usize = 8;

/// Calls `sink` with every piece of a request body; false (and no piece) when the body is not a JSON object.
pub fn read_input<'a>(body: &'a str, sink: &mut dyn FnMut(Piece<'a>)) -> bool {
    let body = body.strip_prefix('\u{feff}').unwrap_or(body);
    // The whole body is checked before the first piece is given out, so what holds pieces is noted on the way. A body
    // of more members than are noted is walked again: it shall cost no memory but its own.
    let mut noted: [(Member, &str); NOTED] = [(Member::Plain, ""); NOTED];
    let mut count = 0;
    let checked = json::members(body, |name, value| {
        let Some(member) = Member::of(name, value) else { return };
        if let Some(place) = noted.get_mut(count) {
            *place = (member, value);
        }
        count += 1;
    });
    if checked.is_err() {
        return false;
    }
    if let Some(noted) = noted.get(..count) {
        noted.iter().for_each(|(member, value)| member.read(value, sink));
    } else {
        let _ = json::members(body, |name, value| {
            Member::of(name, value).into_iter().for_each(|member| member.read(value, sink));
        });
    }
    true
}

/// How many top-level members with pieces are noted in one walk; requests have a few.
const NOTED: usize = 16;

/// How a top-level member is read.
#[derive(Clone, Copy)]
enum Member {
    Walked,
    Media,
    Plain,
}

impl Member {
    /// `None` for one without pieces.
    fn of(name: &str, value: &str) -> Option<Member> {
        match name {
            "messages" | "input" | "prompt" | "system" | "instructions" => Some(Member::Walked),
            "image" | "images" | "mask" => Some(Member::Media),
            _ if matches!(json::kind(value), Kind::Number | Kind::Word) => None,
            _ if SETTINGS.contains(&name) => None,
            _ => Some(Member::Plain),
        }
    }

    fn read<'a>(self, value: &'a str, sink: &mut dyn FnMut(Piece<'a>)) {
        match self {
            Member::Walked => walk(value, MAX_DEPTH, sink),
            Member::Media => media(value, MAX_DEPTH, sink),
            Member::Plain => plain(value, sink),
        }
    }
}

/// Strings, token ids, lists and messages.
fn walk<'a>(value: &'a str, depth: usize, sink: &mut dyn FnMut(Piece<'a>)) {
    match json::kind(value) {
        Kind::Number => sink(Piece::TokenId),
        Kind::Array if depth > 0 => {
            let _ = json::elements(value, |_, element| walk(element, depth - 1, sink));
        }
        Kind::Object if depth > 0 => {
            let _ = json::members(value, |name, value| match name {
                "content" | "output" | "summary" | "parts" | "tool_calls" | "function_call" | "function" => {
                    walk(value, depth - 1, sink);
                }
                "image_url" | "input_image" | "input_audio" | "video_url" | "audio_url" | "file_url"
                | "file_data" | "file" | "source" | "images" | "audio" => media(value, depth - 1, sink),
                _ if LABELS.contains(&name) => label(value, sink),
                _ => plain(value, sink),
            });
        }
        _ => plain(value, sink),
    }
}

/// A string is its text; a list or object is the text it is written as.
fn plain<'a>(value: &'a str, sink: &mut dyn FnMut(Piece<'a>)) {
    match json::kind(value) {
        Kind::Text => sink(Piece::Text(json::text(value).unwrap_or_default())),
        Kind::Array | Kind::Object => sink(Piece::Text(Cow::Borrowed(value))),
        Kind::Number | Kind::Word => {}
    }
}

/// Nothing, unless it is longer than any label.
fn label<'a>(value: &'a str, sink: &mut dyn FnMut(Piece<'a>)) {
    let length = match json::kind(value) {
        Kind::Text => json::text(value).unwrap_or_default().len(),
        // However a body is indented.
        _ => value.bytes().filter(|byte| !byte.is_ascii_whitespace()).count(),
    };
    if length > LABEL {
        plain(value, sink);
    }
}

fn media<'a>(value: &'a str, depth: usize, sink: &mut dyn FnMut(Piece<'a>)) {
    match json::kind(value) {
        Kind::Text => {
            let text = json::text(value).unwrap_or_default();
            let remote = ["http://", "https://"].iter().any(|scheme| {
                text.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme))
            });
            sink(if remote { Piece::Remote } else { Piece::Media(inline_bytes(&text)) });
        }
        Kind::Array if depth > 0 => {
            let _ = json::elements(value, |_, element| media(element, depth - 1, sink));
        }
        Kind::Object if depth > 0 => {
            let mut document = false;
            let _ = json::members(value, |name, value| {
                let kind = json::text(value).filter(|_| matches!(name, "type" | "media_type"));
                document |= kind.is_some_and(|kind| kind == "text" || kind.starts_with("text/"));
            });
            let _ = json::members(value, |name, value| match name {
                "data" if document => plain(value, sink),
                "url" | "data" | "file_data" | "file_url" | "image_url" | "b64_json" => {
                    media(value, depth - 1, sink)
                }
                _ if LABELS.contains(&name) => label(value, sink),
                _ => plain(value, sink),
            });
        }
        _ => plain(value, sink),
    }
}

/// The decoded size of a data URL or of bare base64: three bytes for each four characters.
pub(super) fn inline_bytes(text: &str) -> u64 {
    let data = match text.split_once(',') {
        Some((head, data)) if head.starts_with("data:") => data,
        _ => text,
    };
    let characters = data.trim_end_matches('=').len() as u64;
    characters / 4 * 3 + (characters % 4 * 3) / 4
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(body: &str) -> Option<Vec<Piece<'_>>> {
        let mut found = Vec::new();
        read_input(body, &mut |piece| found.push(piece)).then_some(found)
    }

    fn texts(body: &str, expected: &[&str]) {
        let expected = expected.iter().map(|text| Piece::Text(Cow::Borrowed(*text))).collect();
        assert_eq!(pieces(body), Some(expected), "{body}");
    }

    #[test]
    fn every_text_of_a_chat_is_found() {
        texts(
            r#"{"model":"m","messages":[{"role":"user","name":"Al","content":"Hi \u00fc"}],"temperature":0.7}"#,
            &["user", "Al", "Hi ü"],
        );
        texts(
            r#"{"messages":[{"role":"user","content":[{"type":"text","text":"a"},{"type":"input_text","text":"b"}]}]}"#,
            &["user", "a", "b"],
        );
        texts(
            r#"{"messages":[{"role":"assistant","content":null,"reasoning_content":"why","tool_calls":[{"id":"1","type":"function","function":{"name":"f","arguments":"{\"x\":1}"}}]},{"role":"tool","tool_call_id":"1","content":"42"}]}"#,
            &["assistant", "why", "f", "{\"x\":1}", "tool", "42"],
        );
        texts(
            r#"{"tools":[{"type":"function", "x":1}],"response_format":{"type":"json_object"}}"#,
            &[r#"[{"type":"function", "x":1}]"#, r#"{"type":"json_object"}"#],
        );
        texts(
            r#"{"input":[{"type":"function_call_output","call_id":"1","output":"ok"}],"instructions":"be"}"#,
            &["ok", "be"],
        );
        texts(
            r#"{"system":[{"type":"text","text":"s"}],"messages":[{"role":"user","content":[{"type":"tool_use","id":"1","name":"f","input":{"x": 1}}]}]}"#,
            &["s", "user", "f", r#"{"x": 1}"#],
        );
    }

    #[test]
    fn nothing_is_hidden_in_unknown_members() {
        texts(
            r#"{"Messages":[{"content":"x"}],"guided_json":{"a":1},"suffix":"s","best_of":3}"#,
            &[r#"[{"content":"x"}]"#, r#"{"a":1}"#, "s"],
        );
        texts(r#"{"prompt":"a","prompt":"b"}"#, &["a", "b"]);
        texts(
            r#"{"messages":[{"role":"r","content":"a","content":"b","x":["y"]}]}"#,
            &["r", "a", "b", r#"["y"]"#],
        );
        texts(r#"{"prompt":[[[[[[[[[["deep"]]]]]]]]]]}"#, &[r#"[["deep"]]"#]);
    }

    #[test]
    fn prompts_may_be_ready_tokens() {
        assert_eq!(pieces(r#"{"prompt":[1,2,3]}"#).map(|all| all.len()), Some(3));
        assert_eq!(pieces(r#"{"input":[[1,2],[3]]}"#), Some(vec![Piece::TokenId; 3]));
        texts(r#"{"prompt":["a","b"]}"#, &["a", "b"]);
    }

    #[test]
    fn media_count_by_size_or_as_remote() {
        let body = r#"{"messages":[{"content":[
            {"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA","detail":"low"}},
            {"type":"input_image","image_url":"HTTPS://x/y.png"},
            {"type":"input_audio","input_audio":{"data":"AAAAAA==","format":"wav"}},
            {"type":"image","source":{"type":"base64","media_type":"image/png","data":"AAA="}},
            {"type":"document","source":{"type":"text","media_type":"text/plain","data":"words"}}],
            "images":["AAAAAAAA"]}]}"#;
        let words = Piece::Text("words".into());
        let expected =
            vec![Piece::Media(3), Piece::Remote, Piece::Media(4), Piece::Media(2), words, Piece::Media(6)];
        assert_eq!(pieces(body), Some(expected));
    }

    #[test]
    fn other_bodies_are_not_read() {
        for body in ["", "[]", "hello", "{\"messages\":[", "{}{}"] {
            assert_eq!(pieces(body), None, "{body}");
        }
        assert_eq!(pieces("\u{feff}{\"prompt\":\"x\"}").map(|all| all.len()), Some(1));
    }
}
