//! Passing requests and answers through: paths exactly as sent, bodies as streams.

use axum::body::Body;
use axum::response::Response;

use crate::body::{Answer, AnswerBody};

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

/// An answer of a broker as a response.
pub(super) fn respond(answer: Answer) -> Response {
    let body = match answer.body {
        AnswerBody::Full(bytes) => Body::from(bytes),
        stream @ AnswerBody::Stream(_) => Body::from_stream(stream),
    };
    let mut response = Response::new(body);
    *response.status_mut() = answer.status;
    *response.headers_mut() = answer.headers;
    response
}

#[cfg(test)]
mod tests {
    use super::*;

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
