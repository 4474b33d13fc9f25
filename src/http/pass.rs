//! Passing requests and answers through: paths exactly as sent, bodies as streams.

use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use futures_util::StreamExt;
use http::HeaderValue;
use http::header::{CONTENT_SECURITY_POLICY, X_CONTENT_TYPE_OPTIONS};

use crate::body::{Answer, AnswerBody};

/// How long bytes that were handed over have to leave before an answer is broken off.
const TO_SEND_THE_REST: Duration = Duration::from_millis(50);

/// Splits a request target behind its first `segments` segments; what follows is given exactly as sent, query
/// included.
pub(super) fn suffix_after(target: &str, segments: usize) -> (&str, &str) {
    let mut seen = 0;
    let end = target.char_indices().find(|(_, c)| match c {
        '/' => {
            seen += 1;
            seen > segments
        }
        '?' => true,
        _ => false,
    });
    target.split_at(end.map_or(target.len(), |(at, _)| at))
}

/// A break comes a moment after what was sent before it: a server that learns of both at once closes the connection with the last bytes
/// still in its hands, and what was paid for would not arrive.
async fn told_last<T, E>(piece: Result<T, E>) -> Result<T, E> {
    if piece.is_err() {
        tokio::time::sleep(TO_SEND_THE_REST).await;
    }
    piece
}

/// An answer of a broker as a response.
pub(super) fn respond(answer: Answer) -> Response {
    let body = match answer.body {
        AnswerBody::Full(bytes) => Body::from(bytes),
        stream @ AnswerBody::Stream(_) => Body::from_stream(stream.then(told_last)),
    };
    let mut response = Response::new(body);
    *response.status_mut() = answer.status;
    *response.headers_mut() = answer.headers;
    // A stranger wrote this answer, but a browser that opens it sees our address: a script in it would have our
    // origin, and with it the whole API. In a sandbox it has an origin of its own, and cannot run.
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static("sandbox; default-src 'none'"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.remove("refresh");
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_service_answers_gets_no_hold_of_our_origin() {
        let mut headers = http::HeaderMap::new();
        headers.insert("content-type", HeaderValue::from_static("text/html"));
        headers.insert("content-security-policy", HeaderValue::from_static("default-src *"));
        headers.insert("refresh", HeaderValue::from_static("0;url=/"));
        let body = AnswerBody::Full("<script>fetch('/v1/provider')</script>".into());
        let response = respond(Answer { status: http::StatusCode::OK, headers, body });
        let policies: Vec<_> = response.headers().get_all(CONTENT_SECURITY_POLICY).iter().collect();
        assert_eq!(policies, ["sandbox; default-src 'none'"]);
        assert_eq!(response.headers()[X_CONTENT_TYPE_OPTIONS], "nosniff");
        assert!(response.headers().get("refresh").is_none());
        assert_eq!(response.headers()["content-type"], "text/html");
    }

    #[test]
    fn what_follows_is_exactly_as_sent() {
        let table = [
            ("/v1/proxy/llama7b", 3, "/v1/proxy/llama7b", ""),
            ("/v1/proxy/llama7b/", 3, "/v1/proxy/llama7b", "/"),
            ("/v1/proxy/llama7b?x=1", 3, "/v1/proxy/llama7b", "?x=1"),
            ("/v1/proxy/a//b/%2e%2E?q=/x", 3, "/v1/proxy/a", "//b/%2e%2E?q=/x"),
            (
                "/v1/provider/0x/service/s/chat/completions",
                5,
                "/v1/provider/0x/service/s",
                "/chat/completions",
            ),
        ];
        for (target, segments, head, suffix) in table {
            assert_eq!(suffix_after(target, segments), (head, suffix), "{target}");
        }
    }
}
