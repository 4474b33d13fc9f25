//! Where the chain is asked: a JSON-RPC server over HTTP, several of them (see `failover`), or a chain in this process.
//!
//! The HTTP transport is ours rather than alloy's, because an answer is untrusted: it is read piece by piece and
//! dropped at [`MAX_ANSWER`], redirects are not followed, and errors never carry the URL's path or password, which
//! at many RPC providers is the API key.

use std::fmt;
use std::task::{Context, Poll};
use std::time::Duration;

use alloy::rpc::json_rpc::{RequestPacket, ResponsePacket};
use alloy::transports::http::reqwest;
use alloy::transports::{BoxTransport, TransportError, TransportErrorKind, TransportFut};
use tower::Service;
use url::{Host, Url};

use super::ChainError;
use super::failover::{Failover, Node};

/// The largest answer that is read, in bytes. A page of events or services is far below it.
pub const MAX_ANSWER: usize = 32 << 20;

/// The way to a chain.
#[derive(Clone)]
pub enum Endpoint {
    /// `http://` or `https://`; user and password in it are sent as basic authentication.
    Http(Url),
    /// A chain in this process (the embedded devnet), or anything else that speaks JSON-RPC.
    InProcess(BoxTransport),
    /// Several ways to the same chain, the preferred one first.
    Several(Vec<Endpoint>),
}

impl Endpoint {
    /// Reads a URL and refuses what is not HTTP.
    pub fn parse(url: &str) -> Result<Endpoint, ChainError> {
        let refuse = |reason: &str| ChainError::Unreachable {
            endpoint: "the given URL".to_owned(),
            reason: reason.to_owned(),
        };
        let url: Url = url.parse().map_err(|_| refuse("it is not a URL"))?;
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
            return Err(refuse("it must start with http:// or https:// and name a host"));
        }
        Ok(Endpoint::Http(url))
    }

    /// One node, or several of which the others step in when the first does not answer.
    pub fn parse_all(url: &str, further: &[String]) -> Result<Endpoint, ChainError> {
        let first = Endpoint::parse(url)?;
        if further.is_empty() {
            return Ok(first);
        }
        let mut all = vec![first];
        for url in further {
            all.push(Endpoint::parse(url)?);
        }
        Ok(Endpoint::Several(all))
    }

    /// The name for people: scheme, host and port. What else is in a URL may be a secret.
    pub fn name(&self) -> String {
        match self {
            Endpoint::Http(url) => {
                let port = url.port().map_or(String::new(), |port| format!(":{port}"));
                let rest = if url.path() == "/" && url.query().is_none() { "" } else { "/…" };
                format!("{}://{}{port}{rest}", url.scheme(), url.host_str().unwrap_or_default())
            }
            Endpoint::InProcess(_) => "the chain in this process".to_owned(),
            Endpoint::Several(all) => all.iter().map(Endpoint::name).collect::<Vec<_>>().join(" or "),
        }
    }

    /// How often it is worth looking for something new, if the settings do not say.
    pub fn default_poll(&self) -> Duration {
        match self {
            Endpoint::Http(_) => Duration::from_secs(1),
            Endpoint::InProcess(_) => Duration::from_millis(5),
            Endpoint::Several(all) => {
                all.iter().map(Endpoint::default_poll).max().unwrap_or(Duration::from_secs(1))
            }
        }
    }

    pub(super) fn is_local(&self) -> bool {
        match self {
            Endpoint::Http(_) => false,
            Endpoint::InProcess(_) => true,
            Endpoint::Several(all) => all.iter().all(Endpoint::is_local),
        }
    }

    /// The way to ask. `timeout` is what the asker waits for an answer; several nodes share it.
    pub(super) fn transport(&self, timeout: Duration) -> Result<BoxTransport, ChainError> {
        match self {
            Endpoint::Several(all) => {
                let mut nodes = Vec::new();
                for endpoint in all {
                    nodes.push(Node { name: endpoint.name(), transport: endpoint.transport(timeout)? });
                }
                Ok(BoxTransport::new(Failover::new(nodes, timeout)))
            }
            Endpoint::InProcess(transport) => Ok(transport.clone()),
            Endpoint::Http(url) => {
                let client = http_client(url).map_err(|error| ChainError::Unreachable {
                    endpoint: self.name(),
                    reason: error.without_url().to_string(),
                })?;
                Ok(BoxTransport::new(Http { client, url: url.clone() }))
            }
        }
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Endpoint({})", self.name())
    }
}

fn http_client(url: &Url) -> Result<reqwest::Client, reqwest::Error> {
    // `main` has chosen the provider already; this serves whoever uses the library without it.
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        let _ = rustls::crypto::ring::default_provider().install_default();
    }
    let mut builder = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        // Below what `failover` waits for one of two or three nodes: one that was never reached has no transaction of ours.
        .connect_timeout(Duration::from_secs(3))
        .pool_idle_timeout(Duration::from_secs(60))
        .tcp_nodelay(true);
    if url.scheme() == "http" {
        // A machine without root certificates can still talk to a node next door.
        builder = builder.tls_certs_only([]);
    }
    if on_this_machine(url) {
        // A proxy that the environment names may be what leads to nodes elsewhere; it has no part in a node next to us,
        // whose URL may hold a password.
        builder = builder.no_proxy();
    }
    builder.build()
}

fn on_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

#[derive(Clone)]
struct Http {
    client: reqwest::Client,
    url: Url,
}

impl Http {
    async fn post(self, packet: RequestPacket) -> Result<ResponsePacket, TransportError> {
        let failed = |error: reqwest::Error| TransportErrorKind::custom(error.without_url());
        let mut answer = self.client.post(self.url).json(&packet).send().await.map_err(failed)?;
        let status = answer.status();
        let wait = answer.headers().get("retry-after").and_then(|value| value.to_str().ok()?.parse().ok());
        let mut body = Vec::new();
        while let Some(piece) = answer.chunk().await.map_err(failed)? {
            if body.len() + piece.len() > MAX_ANSWER {
                return Err(TransportErrorKind::non_retryable_str("the answer is larger than 32 MiB"));
            }
            body.extend_from_slice(&piece);
        }
        // Some nodes send JSON-RPC errors with an HTTP error status; the JSON says more.
        let parsed = serde_json::from_slice::<ResponsePacket>(&body);
        if !status.is_success() && !parsed.as_ref().is_ok_and(ResponsePacket::is_error) {
            let text = String::from_utf8_lossy(&body[..body.len().min(256)]).into_owned();
            let wait = wait.map(Duration::from_secs);
            return Err(TransportErrorKind::http_error_with_retry_after(status.as_u16(), text, wait));
        }
        parsed.map_err(|error| {
            TransportError::deser_err(error, String::from_utf8_lossy(&body[..body.len().min(256)]))
        })
    }
}

impl Service<RequestPacket> for Http {
    type Response = ResponsePacket;
    type Error = TransportError;
    type Future = TransportFut<'static>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, packet: RequestPacket) -> Self::Future {
        Box::pin(self.clone().post(packet))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;

    /// Run again by `broker::user::tests::network` in a process whose environment names a proxy.
    #[tokio::test]
    async fn a_node_on_this_machine_is_asked_directly() {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://me:secret@{}/", listener.local_addr().unwrap());
        let answering = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let _ = stream.read(&mut [0; 4096]).await.unwrap();
            let body = r#"{"jsonrpc":"2.0","id":0,"result":"0x7a69"}"#;
            let head =
                format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
            stream.write_all([head.as_str(), body].concat().as_bytes()).await.unwrap();
        };
        let settings = crate::chain::ChainSettings::new(Endpoint::parse(&url).unwrap(), Default::default());
        let opening = crate::chain::Chain::open_bare(settings);
        let (opened, ()) = tokio::join!(opening, answering);
        assert_eq!(opened.unwrap().id(), 31_337);
    }

    #[test]
    fn names_keep_no_secrets() {
        for (url, name) in [
            ("https://rpc.example/v3/0123456789abcdef", "https://rpc.example/…"),
            ("https://me:secret@rpc.example:8443/", "https://rpc.example:8443"),
            ("http://127.0.0.1:8545", "http://127.0.0.1:8545"),
            ("https://rpc.example/?key=1", "https://rpc.example/…"),
        ] {
            let endpoint = Endpoint::parse(url).unwrap();
            assert_eq!(endpoint.name(), name);
            assert!(!format!("{endpoint:?}").contains("secret"));
        }
        for bad in ["ws://x", "rpc.example", "file:///etc/passwd", ""] {
            assert!(Endpoint::parse(bad).is_err(), "{bad}");
        }
    }
}
