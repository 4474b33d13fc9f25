//! Tests of the meters as both brokers use them: every cut and split of an answer, bodies of all kinds, both sides agreeing.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]
mod shapes;

use std::io::Write;

use bytes::Bytes;
use http::Method;
use proptest::prelude::*;

use super::*;
use crate::domain::{ServiceKind, Units};
use crate::wire::chat::Usage;
use crate::wire::path::Suffix;
use crate::wire::separator::Separator;
use crate::wire::sse::Splitter;

const EVENTS: Option<&str> = Some("text/event-stream; charset=utf-8");
const JSON: Option<&str> = Some("application/json");

fn input(body: &str) -> u64 {
    encoded_input(body.as_bytes(), None).unwrap().0
}

fn encoded_input(body: &[u8], encoding: Option<&str>) -> Result<Units, MeterError> {
    let suffix = Suffix::parse("/chat/completions").unwrap();
    let request = Request {
        method: &Method::POST,
        suffix: &suffix,
        content_encoding: encoding,
        body: RequestBody::Whole(body),
    };
    input_units(ServiceKind::Chatbot, &request, &Limits::default())
}

fn meter(content_type: Option<&str>, encoding: Option<&str>, body: &[u8], size: usize) -> MeterResult {
    let mut meter =
        OutputMeter::new(ServiceKind::Chatbot, content_type, encoding, Limits::default()).unwrap();
    let mut shown = Units(0);
    for chunk in body.chunks(size) {
        meter.push(chunk).unwrap();
        assert!(meter.units() >= shown, "the running figure fell");
        shown = meter.units();
    }
    let result = meter.finish();
    assert!(content_type == JSON || shown.0 + 600 >= result.units.0);
    result
}

fn output(content_type: Option<&str>, body: &str) -> u64 {
    meter(content_type, None, body.as_bytes(), usize::MAX).units.0
}

/// Content of each choice, in pieces, as a server streams them.
fn stream(pieces: &[(u64, &str)]) -> String {
    let mut events = String::new();
    for (choice, text) in pieces {
        let chunk = serde_json::json!({"choices": [{"index": choice, "delta": {"content": text}}]});
        events += &format!("data: {chunk}\n\n");
    }
    events + "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n"
}

#[test]
fn requests_count_all_their_texts() {
    // The procedure's own example: "user" and "Say this is a test!".
    assert_eq!(
        input(r#"{"messages":[{"role":"user","content":"Say this is a test!"}],"temperature":0.7}"#),
        7
    );
    let chinese = "我今天去了商店买了三个苹果".repeat(10);
    assert!(input(&format!(r#"{{"messages":[{{"role":"user","content":"{chinese}"}}]}}"#)) > 60);
    assert_eq!(input(r#"{"prompt":[1,2,3]}"#), 3);
    assert_eq!(input(r#"{"input":["hello world","hello"]}"#), 3);
    assert_eq!(
        input(r#"{"messages":[{"content":[{"type":"image_url","image_url":{"url":"https://x/y"}}]}]}"#),
        1024
    );
    let image = "A".repeat(4096 * 4 / 3 + 4);
    assert_eq!(
        input(&format!(r#"{{"messages":[{{"content":[{{"input_audio":{{"data":"{image}"}}}}]}}]}}"#)),
        5
    );
    assert_eq!(input(""), 0);
    assert_eq!(input("hello world"), 2);
    assert!(input(r#"{"tools":[{"type":"function","function":{"name":"f"}}]}"#) > 8);
    assert!(input(r#"{"anything":"else"}"#) > 0);
}

#[test]
fn requests_in_odd_bytes_are_counted_or_refused() {
    let body = r#"{"prompt":"hello world"}"#;
    let wide: Vec<u8> = body.encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(encoded_input(&wide, None), Err(MeterError::Charset));
    let marked: Vec<u8> =
        [0xfeff].into_iter().chain(body.encode_utf16()).flat_map(u16::to_be_bytes).collect();
    assert_eq!(encoded_input(&marked, None), Err(MeterError::Charset));
    assert_eq!(
        encoded_input(b"{\"prompt\":\"hello\xff world\"}", None).unwrap().0,
        count("hello\u{fffd} world")
    );
    assert_eq!(encoded_input(&[0xff; 2049], None).unwrap(), Units(3));
    assert_eq!(encoded_input(b"--x\r\n\xff\xfe{", None).unwrap(), Units(1));
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(body.as_bytes()).unwrap();
    assert_eq!(encoded_input(&packed.finish().unwrap(), Some("gzip")), Ok(Units(2)));
    assert!(matches!(encoded_input(b"x", Some("compress")), Err(MeterError::Encoding(_))));
    let long = format!(r#"{{"prompt":"{}"}}"#, "word ".repeat(4 << 20));
    assert_eq!(encoded_input(long.as_bytes(), None), Err(MeterError::TooLong { limit: 16 << 20 }));
}

#[test]
fn free_calls_and_storage_calls() {
    let request = |kind, method: &Method, path: &str, body| {
        let suffix = Suffix::parse(path).unwrap();
        input_units(
            kind,
            &Request { method, suffix: &suffix, content_encoding: None, body },
            &Limits::default(),
        )
    };
    let models = request(ServiceKind::Chatbot, &Method::GET, "/models", RequestBody::Whole(b""));
    assert_eq!(models, Ok(Units(0)));
    let unknown = request(ServiceKind::Chatbot, &Method::POST, "/x", RequestBody::Length(5));
    assert_eq!(unknown, Err(MeterError::BodyNeeded));
    let upload = request(ServiceKind::ZgStorage, &Method::PUT, "/file", RequestBody::Length(1 << 40));
    assert_eq!(upload, Ok(Units(1 << 40)));
}

#[test]
fn the_longest_answer_is_limit_times_choices() {
    let max = |path: &str, body: &str| {
        max_output(ServiceKind::Chatbot, &Suffix::parse(path).unwrap(), body.as_bytes())
    };
    assert_eq!(max("/chat/completions", r#"{"max_tokens":10,"n":3}"#), Some(Units(30)));
    assert_eq!(max("", r#"{"max_completion_tokens":10}"#), Some(Units(10)));
    // Each prompt of a list is answered, and what is echoed comes with the answer.
    assert_eq!(max("/completions", r#"{"prompt":["x","y"],"max_tokens":10,"n":3}"#), Some(Units(60)));
    let echo = r#"{"prompt":["x","y"],"max_tokens":10,"n":3,"echo":true}"#;
    assert_eq!(max("/completions", echo), Some(Units(66)));
    assert_eq!(max("/chat/completions", r#"{"max_tokens":null}"#), None);
    assert_eq!(
        max("/chat/completions", &format!(r#"{{"max_tokens":{},"n":9}}"#, u64::MAX)),
        Some(Units(u64::MAX))
    );
    assert_eq!(max("/embeddings", r#"{"input":"x"}"#), Some(Units(0)));
    assert_eq!(max_output(ServiceKind::ZgStorage, &Suffix::default(), b""), None);
}

#[test]
fn a_stream_counts_like_the_whole_answer() {
    let streamed = stream(&[(0, "Hel"), (1, "My na"), (0, "lo wor"), (1, "me is"), (0, "ld")]);
    let whole = r#"{"choices":[{"index":0,"message":{"content":"Hello world"},"finish_reason":"stop"},{"index":1,"message":{"content":"My name is"}}]}"#;
    let result = meter(EVENTS, None, streamed.as_bytes(), 7);
    assert_eq!(result.units, Units(count("Hello world") + count("My name is")));
    assert_eq!(output(JSON, whole), result.units.0);
    assert!(result.complete);
    assert_eq!(result.finish_reason.as_deref(), Some("stop"));
}

/// What upstream's brokers of 2024 broke on or gave away (F-52, F-53).
#[test]
fn upstreams_weak_points_are_counted_right() {
    let hello = r#"data: {"choices":[{"index":0,"delta":{"content":"hello"}}]}"#;
    for (body, units) in [
        (format!("{hello}\n\ndata: [DONE]\n\n"), 1),
        (format!(": ping\n\n{hello}\n\n: ping\n\n"), 1),
        (format!("event: message\nid: 1\n{hello}\n\n"), 1),
        (hello.replace("data: ", "data:") + "\n\n", 1),
        (hello.to_owned(), 1),
        (format!("{hello}\n"), 1),
        (hello.replace('\n', "\r\n") + "\r\n\r\n", 1),
        (format!("{hello}\n\ndata: {{\"choices\":[],\"usage\":{{\"completion_tokens\":9}}}}\n\n"), 1),
        (hello.replace("}]}", "},\"finish_reason\":\"stop\"}]}").replace("}},", "},") + "\n\n", 1),
        (hello.replace("\"index\":0", "\"index\":1") + "\n\n", 1),
        (hello.replace("content", "reasoning_content") + "\n\n", 1),
        ("data: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":{\"name\":\"get\",\"arguments\":\"hello\"}}]}}]}\n\n".to_owned(), 2),
        ("data: {\"error\":{\"message\":\"overloaded\",\"code\":529}}\n\n".to_owned(), 0),
        ("data: hello world\n\n".to_owned(), 2),
        ("data: {\"choices\":[{\"delta\":{\"content\":\"hello wor".to_owned(), 2),
    ] {
        for size in [1, 5, usize::MAX] {
            assert_eq!(meter(EVENTS, None, body.as_bytes(), size).units, Units(units), "{body}");
        }
    }
    let error =
        meter(EVENTS, None, b"data: {\"error\":{\"message\":\"over\\u001bloaded\",\"code\":529}}\n\n", 9)
            .error;
    assert_eq!(error, Some(AnswerError { code: Some("529".into()), message: "over\u{fffd}loaded".into() }));
}

#[test]
fn usage_is_the_largest_seen_never_a_sum() {
    let body = "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":2}}\n\n\
                data: {\"choices\":[],\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":4}}\n\n\
                data: {\"choices\":[],\"usage\":null}\n\ndata: {\"choices\":[],\"usage\":{\"completion_tokens\":3}}\n\n";
    let result = meter(EVENTS, None, body.as_bytes(), 3);
    assert_eq!(result.usage, Some(Usage { input: Some(5), output: Some(4) }));
    assert_eq!(result.units, Units(0));
}

#[test]
fn responses_repeat_texts_and_count_once() {
    let body = "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"output_index\":0,\"content_index\":0,\"delta\":\"hello \"}\n\n\
        data: {\"type\":\"response.output_text.delta\",\"output_index\":0,\"content_index\":0,\"delta\":\"world\"}\n\n\
        data: {\"type\":\"response.output_text.done\",\"output_index\":0,\"content_index\":0,\"text\":\"hello world\"}\n\n\
        data: {\"type\":\"response.output_item.done\",\"output_index\":0,\"item\":{\"type\":\"message\",\"content\":[{\"type\":\"output_text\",\"text\":\"hello world\"}]}}\n\n\
        data: {\"type\":\"response.completed\",\"response\":{\"output\":[{\"type\":\"message\",\"content\":[{\"type\":\"output_text\",\"text\":\"hello world\"}]},{\"type\":\"function_call\",\"name\":\"get\",\"arguments\":\"\"}],\"usage\":{\"output_tokens\":3}}}\n\n";
    let result = meter(EVENTS, None, body.as_bytes(), 11);
    assert_eq!(result.units, Units(3));
    assert!(result.complete);
}

#[test]
fn other_bodies_have_their_rule() {
    assert_eq!(output(JSON, r#"{"object":"list","data":[{"embedding":[0.25,1]}]}"#), 0);
    assert_eq!(output(JSON, r#"{"odd":"hello"}"#), count(r#"{"odd":"hello"}"#));
    assert_eq!(output(Some("text/plain"), "hello world"), 2);
    assert_eq!(output(None, "hello world"), 2);
    assert_eq!(output(Some("audio/mpeg"), &"x".repeat(2049)), 3);
    assert_eq!(
        output(
            Some("application/x-ndjson"),
            "{\"message\":{\"content\":\"hel\"}}\n{\"message\":{\"content\":\"lo\"},\"done\":true}\n"
        ),
        1
    );
    assert_eq!(output(Some("application/x-ndjson"), "{\"response\":\"hel\"}\n{\"response\":\"lo"), 1);
    assert_eq!(output(JSON, ""), 0);
    let cut = meter(JSON, None, br#"{"choices":[{"message":{"content":"hello wor"#, 3);
    assert_eq!((cut.units, cut.complete), (Units(count("hello wor")), false));
    let odd = meter(Some("text/plain"), None, "大\u{fffd}".as_bytes(), 1).units;
    assert_eq!(meter(Some("text/plain"), None, b"\xe5\xa4\xa7\xe5", 1).units, odd);
    assert_eq!(meter(Some("text/plain"), None, b"\xe5\xa4\xa7\xff", 2).units, odd);
}

#[test]
fn a_stream_is_cut_behind_the_event_that_passes_the_limit() {
    let body = stream(&[(0, "one"), (0, " two"), (0, " three"), (0, " four"), (0, " five")]);
    for size in [1, 10, 64, usize::MAX] {
        let mut provider = OutputMeter::new(ServiceKind::Chatbot, EVENTS, None, Limits::default()).unwrap();
        let mut delivered = Vec::new();
        for chunk in body.as_bytes().chunks(size) {
            match provider.push_until(chunk, Units(3)).unwrap() {
                Pushed::All => delivered.extend_from_slice(chunk),
                Pushed::Cut(at) => {
                    delivered.extend_from_slice(&chunk[..at]);
                    break;
                }
            }
        }
        assert!(delivered.ends_with(b"\n\n"));
        assert_eq!(provider.push_until(b"data: more\n\n", Units(99)), Ok(Pushed::Cut(0)));
        assert_eq!(provider.finish().units, Units(4));
        // The user's meter reads the delivered bytes, and the chunk with which the provider closes them.
        let closing = b"data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"length\"}]}\n\ndata: [DONE]\n\n";
        delivered.extend_from_slice(closing);
        assert_eq!(meter(EVENTS, None, &delivered, 13).units, Units(4), "by {size}");
    }
    // An answer that ends at the very limit is not cut.
    let mut provider = OutputMeter::new(ServiceKind::Chatbot, EVENTS, None, Limits::default()).unwrap();
    assert_eq!(provider.push_until(body.as_bytes(), Units(5)), Ok(Pushed::All));
    assert!(provider.finish().complete);
}

/// The whole way of an answer: metered and receipted by the provider, parted and metered again by the user.
#[test]
fn both_sides_agree_on_what_was_delivered() {
    let events = stream(&[(0, "Say "), (1, "this"), (0, "is a"), (0, " test!")]);
    for end in [0, 10, events.len() / 2, events.len() - 3, events.len()] {
        let upstream = &events.as_bytes()[..end];
        let mut provider = OutputMeter::new(ServiceKind::Chatbot, EVENTS, None, Limits::default()).unwrap();
        let mut splitter = Splitter::default();
        provider.push(upstream).unwrap();
        splitter.push(upstream);
        let closing = splitter.closing();
        provider.push(closing).unwrap();
        let delivered = [upstream, closing].concat();
        let sent = [&delivered[..], b": zg-receipt QUJD\n\n"].concat();

        for size in [1, 7, usize::MAX] {
            let mut separator = Separator::default();
            let mut user = OutputMeter::new(ServiceKind::Chatbot, EVENTS, None, Limits::default()).unwrap();
            let (mut passed, mut receipts) = (Vec::new(), Vec::new());
            for chunk in sent.chunks(size) {
                let parted = separator.push(&Bytes::copy_from_slice(chunk)).unwrap();
                user.push(&parted.pass).unwrap();
                passed.extend_from_slice(&parted.pass);
                receipts.extend(parted.own);
            }
            passed.extend_from_slice(separator.finish());
            assert_eq!(passed, delivered);
            assert_eq!(receipts.len(), 1);
            assert_eq!((&*receipts[0].name, &*receipts[0].value), ("zg-receipt", "QUJD"));
            let result = user.finish();
            assert_eq!(result.units, meter(EVENTS, None, &delivered, 5).units);
            assert_eq!(result.complete, end == events.len() || end == events.len() - 3);
        }
        assert_eq!(provider.finish().units, meter(EVENTS, None, &delivered, 3).units);
    }
}

#[test]
fn faults_keep_what_was_counted() {
    let limits = Limits { text: 20, ..Limits::default() };
    let mut meter = OutputMeter::new(ServiceKind::Chatbot, EVENTS, None, limits).unwrap();
    let body = stream(&[(0, "hello world"), (0, &"x".repeat(30))]);
    assert_eq!(meter.push(body.as_bytes()), Err(MeterError::TooLong { limit: 20 }));
    assert_eq!(meter.push(b"data: x\n\n"), Err(MeterError::TooLong { limit: 20 }));
    let result = meter.finish();
    assert_eq!((result.units, result.complete), (Units(2), false));

    // A plain text counts up to the very character, however it comes.
    for size in [1, 3, usize::MAX] {
        let mut meter = OutputMeter::new(ServiceKind::Chatbot, Some("text/plain"), None, limits).unwrap();
        let fault =
            "one two 大大大大 three".as_bytes().chunks(size).find_map(|chunk| meter.push(chunk).err());
        assert_eq!(fault, Some(MeterError::TooLong { limit: 20 }));
        assert_eq!(meter.finish().units, Units(count("one two 大大大大")), "by {size}");
    }

    let mut meter = OutputMeter::new(ServiceKind::Chatbot, EVENTS, None, Limits::default()).unwrap();
    assert!(matches!(meter.push(&vec![b'x'; 2 << 20]), Err(MeterError::Events(_))));
    let many: String = (0..5000).map(|choice| stream(&[(choice, "a")])).collect();
    let mut meter = OutputMeter::new(ServiceKind::Chatbot, EVENTS, None, Limits::default()).unwrap();
    assert_eq!(meter.push(many.as_bytes()), Err(MeterError::TooManyTexts { limit: 4096 }));
    let whole = serde_json::json!({"choices": vec![serde_json::json!({"text": "a"}); 5000]}).to_string();
    let mut meter = OutputMeter::new(ServiceKind::Chatbot, JSON, None, Limits::default()).unwrap();
    assert_eq!(meter.push(whole.as_bytes()), Ok(()));
    assert_eq!(meter.finish().fault, Some(MeterError::TooManyTexts { limit: 4096 }), "it is read at its end");
    assert!(OutputMeter::new(ServiceKind::Chatbot, EVENTS, Some("lzma"), Limits::default()).is_err());
}

fn pack(encoding: &str, body: &[u8]) -> Vec<u8> {
    match encoding {
        "gzip" => {
            let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            writer.write_all(body).unwrap();
            writer.finish().unwrap()
        }
        "br" => {
            let mut packed = Vec::new();
            brotli::CompressorWriter::new(&mut packed, 4096, 3, 20).write_all(body).unwrap();
            packed
        }
        _ => zstd::encode_all(body, 1).unwrap(),
    }
}

proptest! {
    #[test]
    fn any_split_and_any_encoding_gives_the_same_units(
        pieces in proptest::collection::vec((0u64..3, "[ -~äé大学。\n]{0,9}"), 0..12),
        size in 1usize..30, end in 0usize..2000,
    ) {
        let pieces: Vec<(u64, &str)> = pieces.iter().map(|(choice, text)| (*choice, text.as_str())).collect();
        let body = stream(&pieces);
        let whole = meter(EVENTS, None, body.as_bytes(), usize::MAX);
        let expected: u64 = (0..3)
            .map(|choice| count(&pieces.iter().filter(|(of, _)| *of == choice).map(|(_, text)| *text).collect::<String>()))
            .sum();
        prop_assert_eq!(whole.units, Units(expected));
        prop_assert_eq!(&whole, &meter(EVENTS, None, body.as_bytes(), size));
        for encoding in ["gzip", "br", "zstd"] {
            prop_assert_eq!(&whole, &meter(EVENTS, Some(encoding), &pack(encoding, body.as_bytes()), size));
        }
        // Cut anywhere, both sides still count the same bytes alike.
        let cut = &body.as_bytes()[..end.min(body.len())];
        prop_assert_eq!(meter(EVENTS, None, cut, size), meter(EVENTS, None, cut, usize::MAX));
        let packed = pack("gzip", body.as_bytes());
        let cut = &packed[..end.min(packed.len())];
        prop_assert_eq!(meter(EVENTS, Some("gzip"), cut, size), meter(EVENTS, Some("gzip"), cut, usize::MAX));
    }

    #[test]
    fn plain_bodies_are_split_proof(text in "[ -~äé大学。\n\"\\\\]{0,60}", size in 1usize..20, end in 0usize..200) {
        let body = serde_json::json!({"choices": [{"message": {"content": text}, "finish_reason": "stop"}]}).to_string();
        prop_assert_eq!(output(JSON, &body), count(&text));
        let cut = &body.as_bytes()[..end.min(body.len())];
        for content_type in [JSON, Some("text/plain"), Some("image/png"), Some("application/x-ndjson"), None] {
            prop_assert_eq!(
                meter(content_type, None, body.as_bytes(), size).units, meter(content_type, None, body.as_bytes(), usize::MAX).units
            );
            prop_assert_eq!(meter(content_type, None, cut, size).units, meter(content_type, None, cut, usize::MAX).units);
        }
    }

    #[test]
    fn no_answer_panics(body in proptest::collection::vec(any::<u8>(), 0..200), size in 1usize..50) {
        for content_type in [JSON, EVENTS, Some("application/jsonl"), Some("text/plain")] {
            meter(content_type, None, &body, size);
        }
    }

    #[test]
    fn no_json_panics(text in "[\\[\\]{}\",:a-c0-9\\\\ ]{0,60}") {
        input(&text);
        output(JSON, &text);
    }
}
