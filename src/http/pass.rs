//! Passing requests and answers through: paths exactly as sent, bodies as streams.

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use futures_util::StreamExt;
use http::header::{CONTENT_LENGTH, CONTENT_SECURITY_POLICY, X_CONTENT_TYPE_OPTIONS};
use http::{Extensions, HeaderMap, HeaderValue, Method, StatusCode};

use super::outflow::Outflow;
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

/// A break comes after what was sent before it: a server that learns of both at once closes the connection with the last
/// bytes still in its hands, and what was paid for would not arrive.
async fn told_last<T, E>(piece: Result<T, E>, outflow: Option<Outflow>) -> Result<T, E> {
    if let (Err(_), Some(outflow)) = (&piece, outflow) {
        outflow.emptied().await;
    }
    piece
}

/// An answer of a broker as a response to a request of this method, with these extensions.
pub(super) fn respond(answer: Answer, method: &Method, request: &Extensions) -> Response {
    // None where the request came without a connection, from inside the process.
    let outflow = request.get::<Outflow>().cloned();
    let Answer { status, mut headers, body } = answer;
    let body = match body {
        AnswerBody::Full(bytes) => Body::from(with_its_length(bytes, status, method, &mut headers)),
        // The server holds a stream to the length that its head names: no byte more leaves, and with fewer the connection
        // ends.
        stream @ AnswerBody::Stream(_) => {
            Body::from_stream(stream.then(move |piece| {
                // Only a break has to wait.
                let outflow = outflow.as_ref().filter(|_| piece.is_err()).cloned();
                told_last(piece, outflow)
            }))
        }
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    // A stranger wrote this answer, but a browser that opens it sees our address: a script in it would have our
    // origin, and with it the whole API. In a sandbox it has an origin of its own, and cannot run.
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static("sandbox; default-src 'none'"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.remove("refresh");
    response
}

/// The bytes of a whole answer, with their length in its head whatever stood there: the server writes a length that it
/// finds, and all bytes whatever the length, so that one which is too small would have the rest read as the next answer.
fn with_its_length(bytes: Bytes, status: StatusCode, method: &Method, headers: &mut HeaderMap) -> Bytes {
    let without_body = *method == Method::HEAD
        || status.is_informational()
        || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    if !without_body {
        headers.insert(CONTENT_LENGTH, bytes.len().into());
        return bytes;
    }
    // There a length tells of a body that is not sent. One that came all the same goes nowhere, and neither does its length.
    if !bytes.is_empty() {
        headers.remove(CONTENT_LENGTH);
    }
    Bytes::new()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use std::io;

    use axum::Router;
    use axum::extract::Request;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;
    use tokio::sync::mpsc;

    use super::*;
    use crate::http::{Bound, Limits};
    use crate::tasks::Tasks;

    fn with_length(length: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(CONTENT_LENGTH, HeaderValue::from_static(length))])
    }

    #[test]
    fn a_whole_answer_has_the_length_of_its_bytes() {
        let table = [
            (Method::POST, 200, "hello", "2", Some("5"), "hello"),
            (Method::POST, 200, "hello", "500", Some("5"), "hello"),
            (Method::GET, 404, "", "2", Some("0"), ""),
            // What is not sent may have a length.
            (Method::HEAD, 200, "", "99", Some("99"), ""),
            (Method::GET, 304, "", "99", Some("99"), ""),
            (Method::HEAD, 200, "hello", "2", None, ""),
            (Method::GET, 304, "hello", "2", None, ""),
            (Method::GET, 204, "hello", "2", None, ""),
        ];
        for (method, status, bytes, stated, length, body) in table {
            let (status, mut headers) = (StatusCode::from_u16(status).unwrap(), with_length(stated));
            headers.append(CONTENT_LENGTH, HeaderValue::from_static(stated));
            let left = with_its_length(bytes.into(), status, &method, &mut headers);
            assert_eq!(
                headers.get(CONTENT_LENGTH).map(|value| value.to_str().unwrap()),
                length,
                "{method} {status}"
            );
            assert_eq!(left, body, "{method} {status}");
        }
    }

    /// What a connection brings that asks for `/long` and then for `/next`. The answer to the first is a stream of these
    /// pieces below a length of 2.
    async fn streamed(pieces: &'static [&'static str]) -> String {
        let answer = move |request: Request| async move {
            if request.uri().path() == "/next" {
                let body = AnswerBody::Full("next".into());
                return respond(
                    Answer { status: StatusCode::OK, headers: HeaderMap::new(), body },
                    request.method(),
                    request.extensions(),
                );
            }
            let (sender, receiver) = mpsc::channel::<io::Result<Bytes>>(8);
            for piece in pieces {
                sender.try_send(Ok((*piece).into())).unwrap();
            }
            let answer = Answer {
                status: StatusCode::OK,
                headers: with_length("2"),
                body: AnswerBody::Stream(receiver),
            };
            respond(answer, request.method(), request.extensions())
        };
        let tasks = Tasks::new();
        let bound = Bound::bind("127.0.0.1:0".parse().unwrap(), "test").await.unwrap();
        let server = bound.serve(Router::new().fallback(answer), Limits::default(), tasks.child());
        let mut stream = TcpStream::connect(server.address()).await.unwrap();
        let next = "GET /next HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
        stream.write_all(format!("GET /long HTTP/1.1\r\nhost: x\r\n\r\n{next}").as_bytes()).await.unwrap();
        let mut got = Vec::new();
        let _ = stream.read_to_end(&mut got).await;
        String::from_utf8(got).unwrap()
    }

    #[tokio::test]
    async fn a_stream_is_held_to_the_length_in_its_head() {
        for long in [&["hello"][..], &["h", "ello", "HTTP/1.1 200 OK\r\n\r\n"]] {
            let got = streamed(long).await;
            let (first, next) = got.split_once("\r\n\r\nheHTTP/1.1 200 OK\r\n").unwrap();
            assert!(first.contains("content-length: 2"), "{got}");
            assert!(next.contains("content-length: 4") && next.ends_with("\r\n\r\nnext"), "{got}");
        }
        // One byte is missing: the connection ends, and nothing takes its place.
        let got = streamed(&["h"]).await;
        assert!(got.matches("HTTP/1.1").count() <= 1 && !got.contains("next"), "{got}");
    }

    #[test]
    fn what_a_service_answers_gets_no_hold_of_our_origin() {
        let mut headers = HeaderMap::new();
        headers.insert("content-type", HeaderValue::from_static("text/html"));
        headers.insert("content-security-policy", HeaderValue::from_static("default-src *"));
        headers.insert("refresh", HeaderValue::from_static("0;url=/"));
        let body = AnswerBody::Full("<script>fetch('/v1/provider')</script>".into());
        let answer = Answer { status: StatusCode::OK, headers, body };
        let response = respond(answer, &Method::POST, &Extensions::new());
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
