//! The services behind the broker, as an HTTP client sees them. The only place of this broker that speaks HTTP.
//!
//! Redirects are not followed, proxies of the environment are not used, cookies are not kept, nothing is decoded:
//! the operator has named an address, and what that address says is passed on as it is. Every wait has an end.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode, header};
use reqwest::redirect;
use url::Url;

use super::settings::UpstreamSettings;
use crate::body::Body;
use crate::domain::clean::clean_reason;
use crate::wire::headers::{Framing, to_caller};

/// Connections to one service that are kept open while nobody uses them.
const IDLE_CONNECTIONS: usize = 64;
/// For how long. Many model servers close an idle connection after 5 s; a request that is written at that very moment
/// is lost, and nobody may send it a second time.
const IDLE_FOR: Duration = Duration::from_secs(4);

/// The client for all services. Clones share their connections.
#[derive(Clone, Debug)]
pub(super) struct Upstream {
    client: reqwest::Client,
    first_byte: Duration,
    idle: Duration,
}

/// A service that does not do its part.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum UpstreamError {
    #[error("the service cannot be reached: {0}")]
    Unreachable(String),
    #[error("the service was silent for {} seconds", .0.as_secs())]
    Timeout(Duration),
    #[error("the service's answer broke off: {0}")]
    Broken(String),
}

/// One call, ready to be sent.
#[derive(Debug)]
pub(super) struct UpstreamCall {
    pub method: Method,
    pub url: Url,
    pub headers: HeaderMap,
    pub body: Payload,
}

/// What is sent: the caller's body as it came, or an edited one.
#[derive(Debug)]
pub(super) enum Payload {
    Whole(Body),
    Edited(Bytes),
}

impl Payload {
    fn len(&self) -> u64 {
        match self {
            Payload::Whole(body) => body.len(),
            Payload::Edited(bytes) => bytes.len() as u64,
        }
    }
}

/// The head of an answer, and its body as it comes.
#[derive(Debug)]
pub(super) struct UpstreamAnswer {
    pub status: StatusCode,
    /// Those that go on to the caller.
    pub headers: HeaderMap,
    response: reqwest::Response,
    idle: Duration,
}

impl Upstream {
    pub(super) fn new(settings: &UpstreamSettings) -> Result<Self, UpstreamError> {
        // Whoever was first in the process has chosen the library; it is the same one everywhere.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder()
            .redirect(redirect::Policy::none())
            .no_proxy()
            .connect_timeout(Duration::from_secs(settings.connect_timeout))
            .pool_idle_timeout(IDLE_FOR)
            .pool_max_idle_per_host(IDLE_CONNECTIONS)
            .build()
            .map_err(|error| UpstreamError::Unreachable(reason(&error)))?;
        let seconds = Duration::from_secs;
        Ok(Upstream {
            client,
            first_byte: seconds(settings.first_byte_timeout),
            idle: seconds(settings.idle_timeout),
        })
    }

    /// Sends a call and waits for the head of the answer. Dropping the future closes the connection.
    pub(super) async fn send(&self, call: UpstreamCall) -> Result<UpstreamAnswer, UpstreamError> {
        let url = call.url.clone();
        let length = call.body.len();
        let mut request = self.client.request(call.method, call.url).headers(call.headers);
        request = match call.body {
            Payload::Edited(bytes) => request.body(bytes),
            Payload::Whole(body) if body.is_empty() => request,
            Payload::Whole(body) => match body.bytes() {
                Some(bytes) => request.body(bytes.clone()),
                // A stream has no length of its own, and many servers take no body without one.
                None => request
                    .header(header::CONTENT_LENGTH, body.len())
                    .body(reqwest::Body::wrap_stream(body.stream())),
            },
        };
        let host = url.host_str().unwrap_or_default().to_ascii_lowercase();
        let limit = patience(self.first_byte, length);
        match tokio::time::timeout(limit, request.send()).await {
            Err(_) => Err(UpstreamError::Timeout(limit)),
            Ok(Err(error)) => Err(UpstreamError::Unreachable(reason(&error))),
            // 101: the connection would now speak something that nobody here meters.
            Ok(Ok(response)) if response.status().is_informational() => {
                Err(UpstreamError::Broken(format!("it answered {}", response.status().as_u16())))
            }
            Ok(Ok(mut response)) => {
                // Taken out of it, since they keep the buffer that they were read into.
                let headers = std::mem::take(response.headers_mut());
                Ok(UpstreamAnswer {
                    status: response.status(),
                    // What stops here (named by `Connection` for one) must not decide how the answer is passed on: the user's
                    // broker will not see it.
                    headers: to_caller(&without_address(&headers, &host), Framing::Unchanged),
                    response,
                    idle: self.idle,
                })
            }
        }
    }
}

impl UpstreamAnswer {
    /// The next piece of the body; `None` at its proper end.
    pub(super) async fn chunk(&mut self) -> Result<Option<Bytes>, UpstreamError> {
        match tokio::time::timeout(self.idle, self.response.chunk()).await {
            Err(_) => Err(UpstreamError::Timeout(self.idle)),
            Ok(Err(error)) => Err(UpstreamError::Broken(reason(&error))),
            Ok(Ok(chunk)) => Ok(chunk),
        }
    }

    /// The length of the body, where the answer names it.
    pub(super) fn length(&self) -> Option<u64> {
        self.headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.trim().parse().ok()
    }
}

/// How long the head of an answer may take. The wait begins when the body has left, which we do not see, so the slowest
/// service that we bear with is added: one that takes 64 KiB a second.
fn patience(first_byte: Duration, body: u64) -> Duration {
    first_byte.saturating_add(Duration::from_secs(body / (64 << 10)))
}

/// The answer's headers but for links that would tell strangers where the service is.
fn without_address(headers: &HeaderMap, host: &str) -> HeaderMap {
    let mut kept = HeaderMap::with_capacity(headers.len());
    for (name, value) in headers {
        let links = matches!(name.as_str(), "location" | "content-location" | "link" | "refresh");
        if !(links && String::from_utf8_lossy(value.as_bytes()).to_ascii_lowercase().contains(host)) {
            kept.append(name, value.clone());
        }
    }
    kept
}

/// The innermost cause; the outer texts repeat the URL, which may hold what strangers sent.
fn reason(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    if std::ptr::addr_eq(cause, error) {
        return "the request failed".to_owned();
    }
    clean_reason(&cause.to_string(), 200)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_body_has_the_time_to_leave() {
        let first_byte = Duration::from_secs(300);
        assert_eq!(patience(first_byte, 0), first_byte);
        assert_eq!(patience(first_byte, 4 << 30), Duration::from_secs(300 + (64 << 10)));
        assert!(patience(Duration::MAX, u64::MAX) == Duration::MAX);
    }
}
