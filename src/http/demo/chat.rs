//! The rule program behind the OpenAI chat API: `/chat/completions`, plain and streamed, and `/models`.
//!
//! Tokens are words here: `max_tokens` cuts after so many words, and `usage` counts words. (A provider broker
//! meters with its own public tokenizer and does not rely on these figures.)

use std::convert::Infallible;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::DefaultBodyLimit;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use futures_util::{StreamExt, stream};
use http::StatusCode;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use serde::Deserialize;
use serde_json::{Value, json};

use super::eliza;
use crate::domain::Timestamp;

/// The name under which the chatbot answers, whatever `model` is asked for.
pub const MODEL: &str = "eliza";

/// Conversations beyond this are refused; a rule program has no use for them.
const BODY_LIMIT: usize = 4 * 1024 * 1024;

/// The chatbot as an HTTP service.
///
/// `pace` is the pause between the words of a stream: a real model takes its time too.
pub fn chatbot(pace: Duration) -> Router {
    let complete = move |body: Bytes| async move { complete(&body, pace) };
    Router::new()
        .route("/chat/completions", post(complete))
        .route("/v1/chat/completions", post(complete))
        .route("/models", get(models))
        .route("/v1/models", get(models))
        .fallback(|| async { error(StatusCode::NOT_FOUND, "eliza answers /chat/completions and /models") })
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
}

#[derive(Debug, Deserialize)]
struct ChatBody {
    messages: Vec<Message>,
    #[serde(default)]
    stream: bool,
    stream_options: Option<StreamOptions>,
    max_tokens: Option<u64>,
    max_completion_tokens: Option<u64>,
}

#[derive(Debug, Deserialize)]
struct StreamOptions {
    #[serde(default)]
    include_usage: bool,
}

#[derive(Debug, Deserialize)]
struct Message {
    role: String,
    #[serde(default)]
    content: Value,
}

impl Message {
    /// The text of a message; of one in parts, its text parts.
    fn text(&self) -> String {
        match &self.content {
            Value::String(text) => text.clone(),
            Value::Array(parts) => {
                parts.iter().filter_map(|part| part["text"].as_str()).collect::<Vec<_>>().join(" ")
            }
            _ => String::new(),
        }
    }
}

/// An answer with its place among all answers.
struct Said {
    id: String,
    created: u64,
    /// Words with the blank that follows each.
    words: Vec<String>,
    finish: &'static str,
    usage: Value,
}

fn complete(body: &[u8], pace: Duration) -> Response {
    let body: ChatBody = match serde_json::from_slice(body) {
        Ok(body) => body,
        Err(problem) => {
            return error(StatusCode::BAD_REQUEST, &format!("the body is no chat request: {problem}"));
        }
    };
    if body.messages.is_empty() {
        return error(StatusCode::BAD_REQUEST, "messages: it is empty; there is nothing to answer");
    }
    let said = answer(&body);
    if body.stream {
        let usage = body.stream_options.is_some_and(|options| options.include_usage);
        return streamed(said, usage, pace);
    }
    let content = said.words.concat();
    let message = json!({"role": "assistant", "content": content});
    Json(json!({
        "id": said.id,
        "object": "chat.completion",
        "created": said.created,
        "model": MODEL,
        "system_fingerprint": fingerprint(),
        "choices": [{"index": 0, "message": message, "logprobs": null, "finish_reason": said.finish}],
        "usage": said.usage,
    }))
    .into_response()
}

fn answer(body: &ChatBody) -> Said {
    let texts: Vec<String> =
        body.messages.iter().filter(|message| message.role == "user").map(Message::text).collect();
    let whole = eliza::answer(texts.iter().map(String::as_str));
    let mut words: Vec<String> = whole.split_inclusive(' ').map(str::to_owned).collect();
    let most = body.max_completion_tokens.or(body.max_tokens).unwrap_or(u64::MAX);
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let finish = if words.len() > most { "length" } else { "stop" };
    words.truncate(most);
    let asked: usize = body.messages.iter().map(|message| message.text().split_whitespace().count()).sum();
    Said {
        id: format!("chatcmpl-{:016x}", rand::random::<u64>()),
        created: Timestamp::now().as_seconds(),
        finish,
        usage: json!({
            "prompt_tokens": asked,
            "completion_tokens": words.len(),
            "total_tokens": asked + words.len(),
        }),
        words,
    }
}

fn fingerprint() -> String {
    concat!("eliza-rules-", env!("CARGO_PKG_VERSION")).to_owned()
}

/// Role first, a chunk a word, the finish, the usage if asked for, and the end mark.
fn streamed(said: Said, include_usage: bool, pace: Duration) -> Response {
    let chunk = |choices: Value| {
        let mut chunk = json!({
            "id": said.id,
            "object": "chat.completion.chunk",
            "created": said.created,
            "model": MODEL,
            "system_fingerprint": fingerprint(),
            "choices": choices,
        });
        if include_usage {
            chunk["usage"] = Value::Null;
        }
        chunk
    };
    let delta = |delta: Value, finish: Option<&str>| {
        chunk(json!([{"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish}]))
    };
    let mut chunks = vec![delta(json!({"role": "assistant", "content": ""}), None)];
    chunks.extend(said.words.iter().map(|word| delta(json!({"content": word}), None)));
    chunks.push(delta(json!({}), Some(said.finish)));
    if include_usage {
        let mut last = chunk(json!([]));
        last["usage"] = said.usage.clone();
        chunks.push(last);
    }
    let mut events: Vec<String> = chunks.into_iter().map(|chunk| format!("data: {chunk}\n\n")).collect();
    events.push("data: [DONE]\n\n".to_owned());
    let body = stream::iter(events.into_iter().enumerate()).then(move |(index, event)| async move {
        if index > 1 {
            tokio::time::sleep(pace).await;
        }
        Ok::<_, Infallible>(Bytes::from(event))
    });
    ([(CONTENT_TYPE, "text/event-stream"), (CACHE_CONTROL, "no-cache")], Body::from_stream(body))
        .into_response()
}

async fn models() -> Json<Value> {
    Json(json!({
        "object": "list",
        "data": [{"id": MODEL, "object": "model", "created": 0, "owned_by": "zgserve-tui demo"}],
    }))
}

/// An error in OpenAI's shape.
fn error(status: StatusCode, message: &str) -> Response {
    let kind = "invalid_request_error";
    (status, Json(json!({"error": {"message": message, "type": kind, "param": null, "code": null}})))
        .into_response()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;
    use axum::extract::Request;
    use http_body_util::BodyExt;
    use tower::Service;

    async fn ask(body: Value) -> (StatusCode, String) {
        let request = Request::post("/chat/completions").body(Body::from(body.to_string())).unwrap();
        let response = chatbot(Duration::ZERO).call(request).await.unwrap();
        let status = response.status();
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(bytes.to_vec()).unwrap())
    }

    fn say(text: &str) -> Value {
        json!({"messages": [{"role": "user", "content": text}], "temperature": 0.7})
    }

    #[tokio::test]
    async fn a_plain_answer() {
        let (status, body) = ask(say("Say this is a test!")).await;
        let answer: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(status, StatusCode::OK);
        assert_eq!(answer["choices"][0]["message"]["content"], "This is a test!");
        assert_eq!(answer["choices"][0]["finish_reason"], "stop");
        assert_eq!(answer["model"], "eliza");
        assert_eq!(answer["usage"], json!({"prompt_tokens": 5, "completion_tokens": 4, "total_tokens": 9}));
    }

    #[tokio::test]
    async fn a_stream_is_the_same_answer_in_pieces() {
        let mut body = say("Say this is a test!");
        body["stream"] = json!(true);
        body["stream_options"] = json!({"include_usage": true});
        let (_, text) = ask(body).await;
        let events: Vec<&str> = text.split("\n\n").filter(|event| !event.is_empty()).collect();
        assert_eq!(*events.last().unwrap(), "data: [DONE]");
        let chunks: Vec<Value> = events[..events.len() - 1]
            .iter()
            .map(|event| serde_json::from_str(event.strip_prefix("data: ").unwrap()).unwrap())
            .collect();
        assert_eq!(chunks[0]["choices"][0]["delta"]["role"], "assistant");
        let content: String =
            chunks.iter().filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str()).collect();
        assert_eq!(content, "This is a test!");
        assert_eq!(chunks[chunks.len() - 2]["choices"][0]["finish_reason"], "stop");
        assert_eq!(chunks[chunks.len() - 1]["usage"]["completion_tokens"], 4);
    }

    #[tokio::test]
    async fn max_tokens_cuts_after_so_many_words() {
        let mut body = say("Say this is a test!");
        body["max_tokens"] = json!(2);
        let answer: Value = serde_json::from_str(&ask(body).await.1).unwrap();
        assert_eq!(answer["choices"][0]["message"]["content"], "This is ");
        assert_eq!(answer["choices"][0]["finish_reason"], "length");
    }

    #[tokio::test]
    async fn parts_are_read_and_bad_bodies_are_refused() {
        let parts =
            json!([{"type": "text", "text": "Say hello"}, {"type": "image_url", "image_url": {"url": "x"}}]);
        let (_, body) = ask(json!({"messages": [{"role": "user", "content": parts}]})).await;
        assert!(body.contains("Hello!"));
        for bad in [json!({}), json!({"messages": []}), json!({"messages": "x"}), json!([])] {
            assert_eq!(ask(bad).await.0, StatusCode::BAD_REQUEST);
        }
    }
}
