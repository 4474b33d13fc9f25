//! Requests and whole answers of a chat: counting, reading, limiting.

use std::hint::black_box;

use http::Method;
use zgserve_tui::domain::ServiceKind;
use zgserve_tui::meter::{
    Limits, OutputMeter, Request, RequestBody, TokenCounter, count, input_units, max_output,
};
use zgserve_tui::wire::chat::{Endpoint, ask_for_usage, limit_output, read_ask, read_input};
use zgserve_tui::wire::path::Suffix;

use super::{Make, Run};

pub const ALL: &[(&str, Make)] = &[
    ("metering/request: input units, 1 KiB", || input(1 << 10)),
    ("metering/request: input units, 64 KiB", || input(64 << 10)),
    ("metering/request: pieces, 1 KiB", || pieces(1 << 10)),
    ("metering/request: pieces, 64 KiB", || pieces(64 << 10)),
    ("metering/request: longest answer, 1 KiB", longest),
    ("metering/request: what it asks for, 1 KiB", asks),
    ("metering/request: set its limit, 1 KiB", || limit(1 << 10)),
    ("metering/request: set its limit, 64 KiB", || limit(64 << 10)),
    ("metering/request: ask for usage, 1 KiB", usage),
    ("metering/answer: JSON, 1 KiB", || answer(1 << 10)),
    ("metering/answer: JSON, 64 KiB", || answer(64 << 10)),
    ("metering/tokens: a text of 1 KiB", || tokens(1 << 10)),
    ("metering/tokens: a text of 1 KiB, word by word", || words(1 << 10)),
];

/// A paragraph as people write them to models, code and numbers included.
const TEXT: &str = "A voucher promises everything that is owed so far, so that one settlement pays for many requests. \
Please explain in three short steps why it's safe to sign it before the answer has come, what the provider could lose \
in the worst case (say, 1,250,000 neuron), and show `let owed = fee.checked_add(before)?;` in context. Bitte auf \
Deutsch, für Leute, die 大模型 noch nie benutzt haben. ";

/// English, mostly, of this many bytes or a few less.
pub fn text(bytes: usize) -> String {
    let mut text = TEXT.repeat(bytes / TEXT.len() + 1);
    text.truncate(text.floor_char_boundary(bytes));
    text
}

/// Words with the space before them, as models write them.
pub fn words_of(text: &str) -> impl Iterator<Item = &str> {
    let starts = text.match_indices(' ').map(|(at, _)| at);
    let ends = starts.clone().skip(1).chain([text.len()]);
    starts.zip(ends).map(|(start, end)| &text[start..end])
}

/// A chat of three messages whose body has this many bytes or a few less.
pub fn request(bytes: usize, stream: bool) -> Vec<u8> {
    let end = if stream { r#","stream":true}"# } else { "}" };
    let begin = r#"{"model":"meta-llama/Llama-3-8b","messages":[{"role":"system","content":"You are a careful assistant.\nAnswer in plain words."},{"role":"user","content":"Hello!"},{"role":"user","content":""#;
    let middle = r#""}],"temperature":0.7,"max_tokens":512"#;
    let room = bytes.saturating_sub(begin.len() + middle.len() + end.len());
    format!("{begin}{}{middle}{end}", text(room)).into_bytes()
}

fn suffix() -> Suffix {
    Suffix::parse("/chat/completions").expect("a suffix")
}

fn input(bytes: usize) -> Run {
    let (body, suffix, limits) = (request(bytes, false), suffix(), Limits::default());
    Box::new(move || {
        let request = Request {
            method: &Method::POST,
            suffix: &suffix,
            content_encoding: None,
            body: RequestBody::Whole(black_box(&body)),
        };
        let _ = black_box(input_units(ServiceKind::Chatbot, &request, &limits));
    })
}

fn pieces(bytes: usize) -> Run {
    let body = String::from_utf8(request(bytes, false)).expect("text");
    Box::new(move || {
        let mut count = 0;
        assert!(read_input(black_box(&body), &mut |_| count += 1));
        black_box(count);
    })
}

fn longest() -> Run {
    let (body, suffix) = (request(1 << 10, false), suffix());
    Box::new(move || {
        black_box(max_output(ServiceKind::Chatbot, &suffix, black_box(&body)));
    })
}

fn asks() -> Run {
    let body = request(1 << 10, false);
    Box::new(move || {
        black_box(read_ask(black_box(&body)));
    })
}

fn limit(bytes: usize) -> Run {
    let body = request(bytes, false);
    Box::new(move || {
        let edited = limit_output(black_box(&body), Endpoint::ChatCompletions, 400);
        assert!(matches!(edited, Ok(Some(_))));
    })
}

fn usage() -> Run {
    let body = request(1 << 10, true);
    Box::new(move || {
        let edited = ask_for_usage(black_box(&body));
        assert!(matches!(edited, Ok(Some(_))));
    })
}

fn answer(bytes: usize) -> Run {
    let begin = r#"{"id":"chatcmpl-9","object":"chat.completion","created":1795000000,"model":"meta-llama/Llama-3-8b","choices":[{"index":0,"message":{"role":"assistant","content":""#;
    let end = r#""},"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":212,"completion_tokens":180,"total_tokens":392}}"#;
    let body = format!("{begin}{}{end}", text(bytes - begin.len() - end.len())).into_bytes();
    Box::new(move || {
        let meter = OutputMeter::new(ServiceKind::Chatbot, Some("application/json"), None, Limits::default());
        let mut meter = meter.expect("a meter");
        assert!(meter.push(black_box(&body)).is_ok());
        black_box(meter.finish());
    })
}

fn tokens(bytes: usize) -> Run {
    let text = text(bytes);
    Box::new(move || {
        black_box(count(black_box(&text)));
    })
}

fn words(bytes: usize) -> Run {
    let text = text(bytes);
    Box::new(move || {
        let mut counter = TokenCounter::default();
        words_of(&text).for_each(|word| counter.push(black_box(word)));
        black_box(counter.exact());
    })
}
