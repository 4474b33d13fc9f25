//! Tests of reading answers: every shape of answer and stream that is known.

use super::*;

/// `field choice place text` of every text, `=` before whole ones; other parts in words.
fn parts(json: &str) -> (Reading, Vec<String>) {
    let mut found = Vec::new();
    let reading = read_answer(json, &mut |part| {
        found.push(match part {
            Part::Append(slot, text) => format!("{:?} {} {} {text}", slot.field, slot.choice, slot.place),
            Part::Whole(slot, text) => format!("={:?} {} {} {text}", slot.field, slot.choice, slot.place),
            Part::TokenIds { choice, count } => format!("ids {choice} {count}"),
            Part::Unread(text) => format!("unread {text}"),
            Part::Media(bytes) => format!("media {bytes}"),
            Part::Usage(usage) => format!("usage {:?} {:?}", usage.input, usage.output),
            Part::Finish(reason) => format!("finish {reason}"),
            Part::Done => "done".to_owned(),
            Part::Error { code, message } => format!("error {code:?} {message}"),
        });
    });
    (reading, found)
}

fn known(json: &str, expected: &[&str]) {
    let (reading, found) = parts(json);
    assert_eq!(reading, Reading::Known, "{json}");
    assert_eq!(found, expected, "{json}");
}

#[test]
fn chat_answers_and_chunks() {
    known(
        r#"{"id":"x","choices":[{"index":0,"message":{"role":"assistant","content":"Hi","reasoning_content":"r","refusal":null},"finish_reason":"stop"},{"index":1,"message":{"content":"Ho"}}],"usage":{"prompt_tokens":5,"completion_tokens":2}}"#,
        &["usage Some(5) Some(2)", "finish stop", "=Content 0 0 Hi", "=Reasoning 0 0 r", "=Content 1 0 Ho"],
    );
    known(
        r#"{"choices":[{"index":2,"delta":{"role":"assistant","content":"a","reasoning":"b","refusal":"c"}}]}"#,
        &["Content 2 0 a", "Refusal 2 0 c", "Reasoning 2 0 b"],
    );
    known(
        r#"{"choices":[{"delta":{"tool_calls":[{"index":1,"id":"q","type":"function","function":{"name":"f","arguments":"{\"a"}}],"function_call":{"name":"g","arguments":"1"}}}]}"#,
        &["ToolName 0 1 f", "ToolArguments 0 1 {\"a", "FunctionName 0 0 g", "FunctionArguments 0 0 1"],
    );
    known(r#"{"choices":[],"usage":{"prompt_tokens":5,"completion_tokens":7}}"#, &["usage Some(5) Some(7)"]);
    known(r#"{"choices":[]}"#, &[]);
    known(r#"{"choices":[null,3,{"delta":null}]}"#, &[]);
    known(
        r#"{"choices":[{"text":"a","index":0},{"text":"b","index":1}]}"#,
        &["Content 0 0 a", "Content 1 0 b"],
    );
    known(
        r#"{"choices":[{"message":{"content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]}}]}"#,
        &["=Content 0 0 a", "=Content 0 1 b"],
    );
    known(
        r#"{"choices":[{"message":{"audio":{"data":"AAAA","transcript":"t"},"images":[{"image_url":{"url":"data:x;base64,AAAA"}}]}}]}"#,
        &["media 3", "=Transcript 0 0 t", "media 3"],
    );
    known(
        r#"{"choices":[{"index":0,"finish_reason":"stop","token_ids":[7,8]},{"tokens":["a"]},{"index":2}]}"#,
        &["finish stop", "ids 0 2", r#"unread {"tokens":["a"]}"#],
    );
    // The same reasoning under two names counts once.
    known(r#"{"choices":[{"delta":{"reasoning":"r","reasoning_content":"r"}}]}"#, &["Reasoning 0 0 r"]);
}

#[test]
fn errors_of_every_shape() {
    known(r#"{"error":{"message":"m","code":500}}"#, &[r#"error Some("500") m"#]);
    known(r#"{"error":{"message":"m","code":"bad","type":"t"}}"#, &[r#"error Some("bad") m"#]);
    known(r#"{"error":"plain"}"#, &["error None plain"]);
    known(r#"{"error":{"odd":1}}"#, &[r#"error None {"odd":1}"#]);
    known(r#"{"choices":[],"error":null}"#, &[]);
}

#[test]
fn responses_whole_and_streamed() {
    known(
        r#"{"object":"response","status":"completed","output":[{"type":"reasoning","summary":[{"type":"summary_text","text":"s"}],"content":[{"type":"reasoning_text","text":"r"}]},{"type":"message","content":[{"type":"output_text","text":"a"},{"type":"refusal","refusal":"b"}]},{"type":"function_call","name":"f","arguments":"{}"}],"usage":{"input_tokens":1,"output_tokens":2}}"#,
        &[
            "usage Some(1) Some(2)",
            "=ReasoningSummary 0 0 s",
            "=Reasoning 0 0 r",
            "=Content 1 0 a",
            "=Refusal 1 1 b",
            "=ToolName 2 0 f",
            "=ToolArguments 2 0 {}",
            "done",
        ],
    );
    known(
        r#"{"type":"response.output_text.delta","output_index":1,"content_index":0,"delta":"a"}"#,
        &["Content 1 0 a"],
    );
    known(r#"{"type":"response.output_text.done","output_index":1,"content_index":0,"text":"whole"}"#, &[]);
    known(
        r#"{"type":"response.function_call_arguments.delta","output_index":2,"delta":"{"}"#,
        &["ToolArguments 2 0 {"],
    );
    known(
        r#"{"type":"response.output_item.done","output_index":2,"item":{"type":"function_call","name":"f","arguments":"{}"}}"#,
        &["=ToolName 2 0 f", "=ToolArguments 2 0 {}"],
    );
    known(
        r#"{"type":"response.completed","response":{"status":"completed","error":null,"output":[{"type":"message","content":[{"text":"a"}]}],"usage":{"input_tokens":1,"output_tokens":9}}}"#,
        &["=Content 0 0 a", "usage Some(1) Some(9)", "finish completed", "done"],
    );
    known(r#"{"type":"response.created","response":{"output":[]}}"#, &[]);
    known(r#"{"type":"response.output_audio.delta","delta":"AAAA"}"#, &["media 3"]);
    known(r#"{"type":"response.new_thing.delta","delta":"x"}"#, &["Other 0 0 x"]);
}

#[test]
fn other_servers() {
    known(
        r#"{"model":"m","message":{"role":"assistant","content":"a","thinking":"b"},"done":false}"#,
        &["Content 0 0 a", "Reasoning 0 0 b"],
    );
    known(
        r#"{"message":{"content":"","tool_calls":[{"function":{"name":"f","arguments":{"x": 1}}}]},"done":true,"done_reason":"stop","prompt_eval_count":3,"eval_count":4}"#,
        &[
            "usage Some(3) Some(4)",
            "finish stop",
            "Content 0 0 ",
            "ToolName 0 0 f",
            "ToolArguments 0 0 {\"x\": 1}",
            "done",
        ],
    );
    known(r#"{"response":"a","done":false}"#, &["Content 0 0 a"]);
    known(r#"{"content":"a","stop":false}"#, &["Content 0 0 a"]);
    known(r#"{"text":"what was said"}"#, &["Content 0 0 what was said"]);
    known(
        r#"{"type":"message","role":"assistant","content":[{"type":"text","text":"a"},{"type":"tool_use","id":"1","name":"f","input":{"x":1}}],"stop_reason":"end_turn","usage":{"input_tokens":1,"output_tokens":2}}"#,
        &[
            "usage Some(1) Some(2)",
            "finish end_turn",
            "Content 0 0 a",
            "ToolName 0 1 f",
            "ToolArguments 0 1 {\"x\":1}",
        ],
    );
    known(
        r#"{"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"a"}}"#,
        &["Content 0 1 a"],
    );
    known(
        r#"{"type":"content_block_start","index":1,"content_block":{"type":"tool_use","name":"f","input":{}}}"#,
        &["ToolName 0 1 f"],
    );
    known(
        r#"{"type":"message_start","message":{"content":[],"usage":{"input_tokens":1}}}"#,
        &["usage Some(1) None"],
    );
    known(r#"{"type":"ping"}"#, &[]);
    known(
        r#"{"object":"list","data":[{"embedding":[0.1,0.2]}],"usage":{"prompt_tokens":3}}"#,
        &["usage Some(3) None"],
    );
    known(r#"{"data":[{"b64_json":"AAAAAAAA","revised_prompt":"p"}]}"#, &["media 6", "Other 0 0 p"]);
}

#[test]
fn unknown_shapes_are_said_to_be_unknown() {
    for json in [
        r#"{"generated":"x"}"#,
        "{}",
        "[]",
        r#"[{"generated_text":"x"}]"#,
        r#"{"choices":"x"}"#,
        r#"{"message":"x"}"#,
        r#"{"message":{"x":"y"}}"#,
        r#"{"output":["a"]}"#,
        r#"{"output":{"text":"a"}}"#,
        r#"{"response":{"text":"a"}}"#,
        r#"{"output_ids":[1,2]}"#,
        r#"{"type":"message","content":"x"}"#,
    ] {
        assert_eq!(parts(json), (Reading::Unknown, vec![]), "{json}");
    }
    // What says nothing of the text makes none known.
    for (json, part) in [
        (r#"{"generated":"x","usage":{"output_tokens":3}}"#, "usage None Some(3)"),
        (r#"{"completion":"x","stop_reason":"stop"}"#, "finish stop"),
        (r#"{"generated":"x","error":false}"#, "error None false"),
    ] {
        assert_eq!(parts(json), (Reading::Unknown, vec![part.to_owned()]), "{json}");
    }
    for json in ["", "hello", "{\"choices\":[", "{}{}", "\"text\"", "3"] {
        assert_eq!(parts(json), (Reading::NotJson, vec![]), "{json}");
    }
}
