//! What servers write in shapes of their own: nothing in them is free, and what says nothing costs nothing.

use super::*;

/// What has a known name beside it, or inside of it, counts all the same.
#[test]
fn nothing_is_free_for_being_written_differently() {
    let ids = r#"{"choices":[{"index":0,"finish_reason":"stop","logprobs":null,"token_ids":[1,2,3,4]}],"request_id":"r"}"#;
    assert_eq!(output(JSON, ids), 4);
    // They repeat the text of their choice, wherever in a stream that comes.
    let event = |json: &str| format!("data: {json}\n\n");
    let first = event(r#"{"choices":[{"index":0,"delta":{"content":""},"token_ids":[1,2,3]}]}"#);
    let text = event(r#"{"choices":[{"index":0,"delta":{"content":"hello"},"token_ids":[4]}]}"#);
    let other = event(r#"{"choices":[{"index":1,"text":"","token_ids":[5,6]}]}"#);
    assert_eq!(output(EVENTS, &first), 3);
    for events in [[&first, &text, &other], [&text, &other, &first], [&other, &first, &text]] {
        assert_eq!(output(EVENTS, &events.map(String::as_str).concat()), 3, "hello, and two tokens");
    }
    assert_eq!(output(JSON, r#"{"text":"","output_ids":[1,2,3],"meta_info":{}}"#), 3);
    assert_eq!(output(JSON, r#"{"text":"hello","output_ids":[1,2,3],"meta_info":{}}"#), 1);

    for whole in [
        r#"{"generated":"hello world","usage":{}}"#,
        r#"{"output":{"text":"hello world"},"usage":{"output_tokens":1}}"#,
        r#"{"output":["hello ","world"],"error":null}"#,
        r#"{"output":[{"choices":[{"tokens":["hello"," world"]}],"usage":{"output":2}}]}"#,
        r#"{"completion":"hello world","stop_reason":"stop_sequence"}"#,
        r#"{"generated":"hello world","error":""}"#,
        r#"{"generated":"hello world","error":{}}"#,
        r#"{"response":{"generated":"hello world"}}"#,
        r#"{"message":{"generated":"hello world"}}"#,
        r#"{"type":"message","content":"hello world"}"#,
    ] {
        assert_eq!(output(JSON, whole), count(whole), "{whole}");
        assert_eq!(output(EVENTS, &event(whole)), count(whole), "{whole}");
    }
    for inner in [
        r#"{"tokens":["hello"," world"],"index":0}"#,
        r#"{"token":"hello"}"#,
        r#"{"message":"hello world"}"#,
        r#"{"text":["hello world"]}"#,
        r#"{"logprobs":{"content":[{"token":"hello"}]},"finish_reason":"stop"}"#,
        r#""hello world""#,
    ] {
        let whole = format!(r#"{{"choices":[{inner},{{"message":{{"content":"hello"}}}}]}}"#);
        assert_eq!(output(JSON, &whole), 1 + count(inner), "{whole}");
    }
    let long = "x".repeat(100);
    assert!(output(JSON, &format!(r#"{{"choices":[{{"finish_reason":"{long}"}}]}}"#)) > 10);
    assert!(output(JSON, r#"{"choices":[{"message":{"content":{"text":"hello"}}}]}"#) > 0);
    assert!(output(JSON, r#"{"choices":[{"message":{"content":["hello"]}}]}"#) > 0);
    let thought = r#"{"choices":[{"message":{"content":[{"type":"thinking","thinking":[{"type":"text","text":"hello"}]}]}}]}"#;
    assert!(output(JSON, thought) > 0);
}

/// Ends, figures and filters that real servers send beside the text.
#[test]
fn what_says_nothing_stays_free() {
    for free in [
        r#"{"choices":[{"index":0,"finish_reason":"stop"}]}"#,
        r#"{"choices":[{"index":0,"finish_reason":"stop","logprobs":null,"stop_reason":"</s>","matched_stop":2,"native_finish_reason":"stop"}]}"#,
        r#"{"choices":[{"index":0,"text":"","finish_reason":"length","logprobs":{"tokens":["a"]}}]}"#,
        r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":null}"#,
        r#"{"choices":[{"content_filter_offsets":{"check_offset":44,"start_offset":44,"end_offset":198},"content_filter_results":{"hate":{"filtered":false,"severity":"safe"}},"finish_reason":null,"index":0}]}"#,
        r#"{"choices":[],"prompt_filter_results":[{"prompt_index":0,"content_filter_results":{}}]}"#,
        r#"{"choices":[],"usage":{"prompt_tokens":5,"completion_tokens":7}}"#,
        r#"{"error":{"message":"overloaded","code":529}}"#,
        r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"},"request_id":"req_1"}"#,
        r#"{"type":"message_start","message":{"id":"m","type":"message","role":"assistant","content":[],"usage":{"input_tokens":1}}}"#,
        r#"{"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":15}}"#,
        r#"{"type":"content_block_stop","index":0}"#,
        r#"{"type":"message_stop"}"#,
        r#"{"type":"ping"}"#,
        r#"{"type":"response.created","response":{"id":"r","status":"in_progress","output":[],"usage":null}}"#,
        r#"{"type":"response.in_progress","response":{"id":"r","instructions":"be"}}"#,
        r#"{"type":"response.content_part.added","part":{"type":"output_text","text":""}}"#,
        r#"{"type":"response.completed","response":{"output":[],"usage":{"output_tokens":3}}}"#,
        r#"{"id":"r","object":"response","status":"queued","output":[],"usage":null,"error":null}"#,
        r#"{"model":"m","created_at":"t","message":{"role":"assistant","content":""},"done":true,"done_reason":"stop","eval_count":4}"#,
        r#"{"model":"m","created_at":"t","response":"","done":true,"done_reason":"load","context":[1,2]}"#,
        r#"{"content":"","stop":true,"tokens_predicted":4}"#,
        r#"{"type":"speech.audio.done","usage":{"input_tokens":14,"output_tokens":101}}"#,
        r#"{"object":"list","data":[{"object":"embedding","index":0,"embedding":"AAAA"}],"usage":{"prompt_tokens":3}}"#,
    ] {
        assert_eq!(output(JSON, free), 0, "{free}");
        assert_eq!(output(EVENTS, &format!("data: {free}\n\n")), 0, "{free}");
    }
}

#[test]
fn streams_of_media_and_transcripts_count_what_they_hold() {
    let events = |all: &[&str]| all.iter().map(|json| format!("data: {json}\n\n")).collect::<String>();
    let spoken = events(&[
        r#"{"type":"transcript.text.delta","delta":"hello"}"#,
        r#"{"type":"transcript.text.delta","delta":" world"}"#,
        r#"{"type":"transcript.text.done","text":"hello world","usage":{"output_tokens":9}}"#,
    ]);
    let result = meter(EVENTS, None, spoken.as_bytes(), 7);
    assert_eq!((result.units, result.complete), (Units(2), true));
    let alone =
        events(&[r#"{"type":"transcript.text.done","text":"hello world","usage":{"output_tokens":9}}"#]);
    assert_eq!(output(EVENTS, &alone), 2);
    let image = "A".repeat(4 * 1024);
    let drawn = format!(r#"{{"type":"image_generation.completed","b64_json":"{image}","usage":{{}}}}"#);
    assert_eq!(output(EVENTS, &events(&[&drawn])), 3);
    let said = format!(r#"{{"type":"speech.audio.delta","audio":"{image}"}}"#);
    assert_eq!(output(EVENTS, &events(&[&said])), 3);
}

#[test]
fn labels_are_free_as_long_as_they_are_labels() {
    let tool = |id: &str| {
        input(&format!(r#"{{"messages":[{{"role":"tool","tool_call_id":"{id}","content":"x"}}]}}"#))
    };
    assert_eq!(tool("call_Cuv9mW6LkZrLMyZz3jbRTqvN"), 2);
    assert!(tool(&"word ".repeat(2_000)) > 100);
    let odd = |label: &str| {
        input(&format!(
            r#"{{"messages":[{{"role":"user","content":[{{"type":"text","text":"x",{label}}},{{"type":"image_url","image_url":{{"url":"AAAA",{label}}}}}]}}]}}"#
        ))
    };
    let none = odd(r#""detail":"low""#);
    let long = "word ".repeat(50);
    assert_eq!(
        odd(
            "\"cache_control\": {\n                \"type\": \"ephemeral\",\n                \"ttl\": \"1h\"\n            }"
        ),
        none
    );
    assert_eq!(odd(r#""id":null"#), none);
    assert!(odd(&format!(r#""id":"{long}""#)) > none + 90);
    assert!(odd(&format!(r#""id":["{long}"]"#)) > none + 90);
    assert!(odd(&format!(r#""format":{{"x":"{long}"}}"#)) > none + 90);
}
