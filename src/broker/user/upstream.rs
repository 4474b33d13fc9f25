//! The connection to provider brokers: one HTTP client that goes only where the [`Guard`] lets it.
//!
//! Redirects are not followed, proxies named in the environment are not used (a paid request goes to the address that
//! the chain names and was checked, to nowhere else), bodies are not decompressed, and every small answer that is read
//! whole has a limit.

use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use http::{HeaderMap, Method, StatusCode};
use url::Url;

use super::guard::{Guard, PrivateName, Resolver, UrlError};
use super::leaving::Leaving;
use super::settings::Settings;
use crate::body::Body;
use crate::domain::clean::{clean, clean_reason};
use crate::domain::{RequestId, SealedReceipt, ServiceName, SignedVoucher};
use crate::wire::auth::encode_voucher;
use crate::wire::receipt::{RECEIPT_HEADER, decode_receipt};
use crate::wire::terms::{Terms, VoucherAccepted, VoucherBody};

/// For how long a connection to a provider is kept while nobody uses it: less than the 30 s after which a provider
/// broker closes it, so that no request is written into a connection that is just being closed.
const IDLE_FOR: Duration = Duration::from_secs(20);

/// The largest terms, error or receipt that is read.
const SMALL: usize = 1 << 20;
/// How long a small exchange (terms, voucher, receipt) may take, if the first byte of an answer may take that long.
const SMALL_TIMEOUT: Duration = Duration::from_secs(15);

/// Why a provider gave no usable answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UpstreamError {
    #[error(transparent)]
    Url(#[from] UrlError),
    /// Nothing of the request left: no connection could be made.
    #[error("the provider at {host} cannot be reached: {reason}")]
    Unreachable { host: String, reason: String },
    /// The request may have reached the provider.
    #[error("the connection to the provider at {host} broke: {reason}")]
    Broken { host: String, reason: String },
    #[error("the provider at {host} did not answer in time")]
    Timeout { host: String },
    #[error("the provider at {host} answered {what} with status {status}")]
    Status { host: String, what: &'static str, status: u16 },
    #[error("the provider at {host} gave an answer to {what} that makes no sense")]
    Garbage { host: String, what: &'static str },
}

impl UpstreamError {
    /// Whether it is certain that the provider never saw the request.
    pub fn never_left(&self) -> bool {
        matches!(self, UpstreamError::Url(_) | UpstreamError::Unreachable { .. })
    }
}

/// A paid request, ready to go.
#[derive(Debug)]
pub(super) struct Outgoing {
    pub base: Url,
    pub service: ServiceName,
    /// Path and query below the service; empty or starting with `/` or `?`.
    pub suffix: String,
    pub method: Method,
    pub headers: HeaderMap,
    pub body: Body,
    /// Told when the last of the body goes out.
    pub leaving: Leaving,
}

/// What a provider knows of a receipt that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ReceiptAnswer {
    Here(Box<SealedReceipt>),
    /// The request is still being answered.
    NotYet,
    /// The provider has never seen the request.
    Unknown,
    /// The provider saw it but could not book it; it costs nothing.
    Lost,
}

#[derive(Clone, Debug)]
pub(super) struct Upstream {
    client: reqwest::Client,
    guard: Guard,
    first_byte: Duration,
    small: Duration,
}

impl Upstream {
    pub fn new(settings: &Settings, allow_private: bool) -> Result<Upstream, reqwest::Error> {
        let guard = Guard { allow_private };
        Upstream::with(settings, guard, Resolver::system(guard))
    }

    pub fn with(settings: &Settings, guard: Guard, resolver: Resolver) -> Result<Upstream, reqwest::Error> {
        // `main` has chosen the TLS provider already; this serves whoever uses the library without it.
        if rustls::crypto::CryptoProvider::get_default().is_none() {
            let _ = rustls::crypto::ring::default_provider().install_default();
        }
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .dns_resolver(Arc::new(resolver))
            .connect_timeout(settings.connect_timeout())
            .pool_idle_timeout(IDLE_FOR)
            .pool_max_idle_per_host(64)
            .tcp_nodelay(true)
            .user_agent(concat!("zgserve-tui/", env!("CARGO_PKG_VERSION")))
            .build()?;
        let first_byte = settings.first_byte_timeout();
        Ok(Upstream { client, guard, first_byte, small: first_byte.min(SMALL_TIMEOUT) })
    }

    /// Reads a service's URL and refuses one that must not be called.
    pub fn base(&self, url: &str) -> Result<Url, UpstreamError> {
        Ok(self.guard.base(url)?)
    }

    /// Sends a request and gives the answer as soon as its head is there.
    pub async fn send(&self, outgoing: Outgoing) -> Result<reqwest::Response, UpstreamError> {
        let host = host(&outgoing.base);
        let text = format!(
            "{}/v1/proxy/{}{}",
            outgoing.base.as_str().trim_end_matches('/'),
            outgoing.service,
            outgoing.suffix
        );
        let url = Url::parse(&text).map_err(|_| UrlError::Malformed)?;
        let mut request = self.client.request(outgoing.method, url).headers(outgoing.headers);
        request = match outgoing.body.bytes() {
            None => request
                .header(http::header::CONTENT_LENGTH, outgoing.body.len())
                .body(reqwest::Body::wrap_stream(outgoing.leaving.stream(&outgoing.body))),
            Some(bytes) => {
                outgoing.leaving.at_once();
                if bytes.is_empty() { request } else { request.body(bytes.clone()) }
            }
        };
        // A large body takes its time; the wait for the answer begins when it has left, which we do not see, so the
        // slowest line that we bear with is added: 64 KiB a second.
        let limit = self.first_byte + Duration::from_secs(outgoing.body.len() / (64 << 10));
        match tokio::time::timeout(limit, request.send()).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) => Err(failure(&host, error)),
            Err(_) => Err(UpstreamError::Timeout { host }),
        }
    }

    pub async fn terms(&self, base: &Url) -> Result<Terms, UpstreamError> {
        let what = "the question for its terms";
        let (status, _, body) = self.small(Method::GET, base, "/v1/terms", None).await?;
        if status != StatusCode::OK {
            return Err(UpstreamError::Status { host: host(base), what, status: status.as_u16() });
        }
        serde_json::from_slice(&body).map_err(|_| UpstreamError::Garbage { host: host(base), what })
    }

    pub async fn push_voucher(
        &self,
        base: &Url,
        voucher: &SignedVoucher,
    ) -> Result<VoucherAccepted, UpstreamError> {
        let what = "a voucher";
        let body = VoucherBody { voucher: encode_voucher(voucher) };
        let body = serde_json::to_vec(&body).unwrap_or_default();
        let (status, _, body) = self.small(Method::POST, base, "/v1/voucher", Some(body.into())).await?;
        if !status.is_success() {
            return Err(UpstreamError::Status { host: host(base), what, status: status.as_u16() });
        }
        serde_json::from_slice(&body).map_err(|_| UpstreamError::Garbage { host: host(base), what })
    }

    pub async fn receipt(&self, base: &Url, request: RequestId) -> Result<ReceiptAnswer, UpstreamError> {
        let what = "the question for a receipt";
        let path = format!("/v1/proxy-receipt/{request}");
        let (status, headers, body) = self.small(Method::GET, base, &path, None).await?;
        match status {
            StatusCode::OK => {}
            StatusCode::NOT_FOUND => return Ok(ReceiptAnswer::Unknown),
            StatusCode::GONE => return Ok(ReceiptAnswer::Lost),
            StatusCode::ACCEPTED | StatusCode::CONFLICT | StatusCode::TOO_EARLY | StatusCode::NO_CONTENT => {
                return Ok(ReceiptAnswer::NotYet);
            }
            status => {
                return Err(UpstreamError::Status { host: host(base), what, status: status.as_u16() });
            }
        }
        receipt_text(&headers, &body)
            .and_then(|text| decode_receipt(&text).ok())
            .map(|receipt| ReceiptAnswer::Here(Box::new(receipt)))
            .ok_or(UpstreamError::Garbage { host: host(base), what })
    }

    async fn small(
        &self,
        method: Method,
        base: &Url,
        path: &str,
        json: Option<Bytes>,
    ) -> Result<(StatusCode, HeaderMap, Bytes), UpstreamError> {
        let host = host(base);
        let url = Url::parse(&format!("{}{path}", base.as_str().trim_end_matches('/')))
            .map_err(|_| UrlError::Malformed)?;
        let mut request = self.client.request(method, url);
        if let Some(json) = json {
            request = request.header(http::header::CONTENT_TYPE, "application/json").body(json);
        }
        let exchange = async {
            let response = request.send().await.map_err(|error| failure(&host, error))?;
            let (status, headers) = (response.status(), response.headers().clone());
            let body = read_small(&host, response).await?;
            Ok((status, headers, body))
        };
        match tokio::time::timeout(self.small, exchange).await {
            Ok(result) => result,
            Err(_) => Err(UpstreamError::Timeout { host }),
        }
    }
}

/// Reads an answer that should be small; what is beyond the limit is an error, not a truncation.
pub(super) async fn read_small(host: &str, response: reqwest::Response) -> Result<Bytes, UpstreamError> {
    let mut body = BytesMut::new();
    let mut stream = response.bytes_stream();
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(|error| failure(host, error))?;
        if body.len() + chunk.len() > SMALL {
            return Err(UpstreamError::Garbage { host: host.to_owned(), what: "a small question" });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

/// A receipt is given as header, as bare text or as `{"receipt": "…"}`.
fn receipt_text(headers: &HeaderMap, body: &[u8]) -> Option<String> {
    if let Some(text) = headers.get(RECEIPT_HEADER).and_then(|value| value.to_str().ok()) {
        return Some(text.to_owned());
    }
    let text = std::str::from_utf8(body).ok()?.trim();
    if !text.starts_with('{') {
        return Some(text.to_owned());
    }
    let object: serde_json::Map<String, serde_json::Value> = serde_json::from_str(text).ok()?;
    let (_, value) = object.iter().find(|(key, _)| key.eq_ignore_ascii_case("receipt"))?;
    value.as_str().map(str::to_owned)
}

/// Scheme, host and port of a provider, for people.
pub(super) fn host(base: &Url) -> String {
    let port = base.port().map_or(String::new(), |port| format!(":{port}"));
    clean(&format!("{}{port}", base.host_str().unwrap_or_default()), 200).into_owned()
}

/// What broke, without the words of the HTTP library where they say nothing to people.
fn in_words(reason: &str) -> String {
    let lower = reason.to_ascii_lowercase();
    if ["eof", "incomplete", "before message completed", "chunk"].iter().any(|word| lower.contains(word)) {
        return "it ended in the middle of an answer".to_owned();
    }
    clean_reason(reason, 200)
}

/// Sorts the client's errors by whether the request can have left.
pub(super) fn failure(host: &str, error: reqwest::Error) -> UpstreamError {
    let host = host.to_owned();
    let error = error.without_url();
    let mut reason = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        if let Some(PrivateName(address)) = inner.downcast_ref::<PrivateName>() {
            return UpstreamError::Url(UrlError::Private(*address));
        }
        reason = inner.to_string();
        source = inner.source();
    }
    let reason = in_words(&reason);
    if error.is_connect() || error.is_builder() {
        UpstreamError::Unreachable { host, reason }
    } else if error.is_timeout() {
        UpstreamError::Timeout { host }
    } else {
        UpstreamError::Broken { host, reason }
    }
}
