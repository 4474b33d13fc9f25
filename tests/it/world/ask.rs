//! Asking over HTTP as an application does, and waiting for conditions.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method};
use serde_json::Value;

/// How often, and how many times, it is looked for a condition: a minute in all, for a machine may stand still for seconds.
const LOOK: Duration = Duration::from_millis(5);
const LOOKS: usize = 12_000;

/// Waits until `look` finds something; `None` if it never does.
pub async fn settles<T>(mut look: impl AsyncFnMut() -> Option<T>) -> Option<T> {
    for _ in 0..LOOKS {
        if let Some(found) = look().await {
            return Some(found);
        }
        tokio::time::sleep(LOOK).await;
    }
    None
}

/// Waits until `look` finds something.
pub async fn until<T>(what: &str, look: impl AsyncFnMut() -> Option<T>) -> T {
    settles(look).await.unwrap_or_else(|| panic!("never: {what}"))
}

/// An answer, whole.
#[derive(Clone, Debug)]
pub struct Got {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
    /// Whether the body came to its proper end.
    pub whole: bool,
}

impl Got {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// `error.code` of the one error shape.
    pub fn code(&self) -> String {
        self.json()["error"]["code"].as_str().unwrap_or_else(|| panic!("no error code: {self:?}")).to_owned()
    }

    pub fn message(&self) -> String {
        self.json()["error"]["message"].as_str().unwrap_or_default().to_owned()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The answer itself, if its status is this one.
    #[track_caller]
    pub fn is(self, status: u16) -> Got {
        assert_eq!(self.status, status, "{}", self.text());
        self
    }

    /// An error of this status and code whose message has these words.
    #[track_caller]
    pub fn refused(self, status: u16, code: &str, words: &str) -> Got {
        let shown = self.text();
        assert_eq!((self.status, self.code().as_str()), (status, code), "{shown}");
        assert!(self.message().contains(words), "{shown} does not say: {words}");
        self
    }
}

/// A client and the address that it asks.
#[derive(Clone, Debug)]
pub struct Client {
    pub http: reqwest::Client,
    pub base: String,
}

impl Client {
    pub fn new(base: String) -> Client {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .tls_certs_only([])
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .unwrap();
        Client { http, base }
    }

    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.http.request(method, format!("{}{path}", self.base))
    }

    pub async fn get(&self, path: &str) -> Got {
        finish(self.request(Method::GET, path)).await
    }

    /// Posts text as JSON, exactly as given.
    pub async fn post(&self, path: &str, body: impl Into<reqwest::Body>) -> Got {
        finish(self.request(Method::POST, path).header("content-type", "application/json").body(body)).await
    }

    pub async fn put(&self, path: &str, body: &str) -> Got {
        finish(
            self.request(Method::PUT, path).header("content-type", "application/json").body(body.to_owned()),
        )
        .await
    }

    pub async fn post_empty(&self, path: &str) -> Got {
        finish(self.request(Method::POST, path)).await
    }
}

/// Sends, and reads the answer to its end or to where it broke.
pub async fn finish(request: reqwest::RequestBuilder) -> Got {
    read(request.send().await.unwrap()).await
}

/// Reads an answer to its end or to where it broke.
pub async fn read(mut answer: reqwest::Response) -> Got {
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    let (mut body, mut whole) = (Vec::new(), true);
    loop {
        match answer.chunk().await {
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => break,
            Err(_) => {
                whole = false;
                break;
            }
        }
    }
    Got { status, headers, body: body.into(), whole }
}
