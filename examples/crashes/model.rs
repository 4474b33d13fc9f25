//! The service behind the provider broker: chats whole and as event streams, files, refusals. What comes back is said in
//! the request, so that a seed decides it.

use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::response::Response;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::AbortHandle;

const WORDS: [&str; 8] = ["one ", "two ", "three ", "Größe ", "five ", "sieben ", "eight ", "ten "];

pub async fn serve(port: u16) -> AbortHandle {
    let listener = TcpListener::bind(("127.0.0.1", port)).await.expect("the port of the service is free");
    let router = Router::new().fallback(answer);
    #[allow(clippy::disallowed_methods, reason = "the harness has no groups of tasks")]
    let task = tokio::spawn(async move { axum::serve(listener, router).await });
    task.abort_handle()
}

/// `words every`: how many words, and milliseconds before each.
fn wanted(body: &Value) -> (usize, u64) {
    let text = body["messages"][0]["content"].as_str().unwrap_or_default();
    let mut numbers = text.split(' ').filter_map(|word| word.parse().ok());
    (numbers.next().unwrap_or(5) as usize, numbers.next().unwrap_or(0))
}

async fn answer(request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, 64 << 20).await else { return plain(400, "text/plain", "no body") };
    let query = parts.uri.query().unwrap_or_default();
    if !parts.uri.path().ends_with("/chat/completions") {
        return match parts.method.as_str() {
            "GET" => file(query.parse().unwrap_or(1000)),
            _ => plain(201, "text/plain", "stored"),
        };
    }
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let text = body["messages"][0]["content"].as_str().unwrap_or_default();
    if text.starts_with("fail") {
        return plain(500, "application/json", r#"{"error": {"message": "not today"}}"#);
    }
    let (words, every) = wanted(&body);
    let said = |at: usize| WORDS[at % WORDS.len()];
    if body["stream"] != true {
        let content: String = (0..words).map(said).collect();
        let answer = json!({
            "id": "c", "object": "chat.completion", "created": 1, "model": "m",
            "choices": [{"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": "stop"}],
        });
        tokio::time::sleep(Duration::from_millis(every)).await;
        return plain(200, "application/json", answer.to_string());
    }
    let event = |delta: Value, end: Value| {
        let data = json!({
            "id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m",
            "choices": [{"index": 0, "delta": delta, "finish_reason": end}],
        });
        Bytes::from(format!("data: {data}\n\n"))
    };
    let mut events: Vec<Bytes> =
        (0..words).map(|at| event(json!({"content": said(at)}), Value::Null)).collect();
    events.push(event(json!({}), "stop".into()));
    events.push(Bytes::from_static(b"data: [DONE]\n\n"));
    paced("text/event-stream", events, every)
}

/// So many bytes, in pieces, without saying how many there will be.
fn file(bytes: usize) -> Response {
    let pieces = (0..bytes.div_ceil(8192)).map(|at| vec![b'x'; 8192.min(bytes - at * 8192)].into()).collect();
    paced("application/octet-stream", pieces, 1)
}

fn paced(kind: &str, pieces: Vec<Bytes>, every: u64) -> Response {
    let body = stream::iter(pieces).then(move |piece| async move {
        tokio::time::sleep(Duration::from_millis(every)).await;
        Ok::<_, std::io::Error>(piece)
    });
    Response::builder().header("content-type", kind).body(Body::from_stream(body)).expect("a response")
}

fn plain(status: u16, kind: &str, body: impl Into<Body>) -> Response {
    Response::builder().status(status).header("content-type", kind).body(body.into()).expect("a response")
}
