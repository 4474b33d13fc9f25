//! One request and its answer.
//!
//! The token travels to the broker that was named and nowhere else: proxies of the environment are not asked and
//! redirects are not followed.

use std::time::Duration;

use bytes::BytesMut;
use reqwest::redirect::Policy;
use reqwest::{Method, Response, StatusCode, Url};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::ClientError;
use crate::domain::clean::{clean, clean_reason};
use crate::keys::Secret;

const CONNECT: Duration = Duration::from_secs(5);
/// On-chain actions answer within 90 s; a chat may think for minutes before it speaks.
const ANSWER: Duration = Duration::from_secs(600);
/// A page of a thousand users is a few hundred kilobytes.
const LARGEST: usize = 32 << 20;

/// A broker's API.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    base: Url,
    token: Option<Secret<String>>,
}

/// What is asked.
#[derive(Clone, Debug)]
pub struct Call<'a> {
    pub method: Method,
    pub path: &'a str,
    pub query: &'a [(&'a str, String)],
    pub body: Option<&'a Value>,
    /// Repeating it with the same key does nothing twice.
    pub key: Option<&'a str>,
    /// How long the whole answer may take.
    pub within: Duration,
}

impl<'a> Call<'a> {
    pub fn new(method: Method, path: &'a str) -> Call<'a> {
        Call { method, path, query: &[], body: None, key: None, within: ANSWER }
    }
}

impl Client {
    /// A client of the broker at `base`; what stands before its routes there is kept.
    pub fn new(base: Url, token: Option<Secret<String>>) -> Result<Client, ClientError> {
        if !matches!(base.scheme(), "http" | "https") {
            return Err(ClientError::Scheme(clean(base.scheme(), 40).into_owned()));
        }
        // Tests and examples may come here before `main` has named the one that TLS uses.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(Policy::none())
            .connect_timeout(CONNECT)
            .build()
            .map_err(|error| unreachable(&base, error))?;
        Ok(Client { http, base, token })
    }

    /// The same broker, spoken to with another token.
    #[must_use]
    pub fn with_token(self, token: Secret<String>) -> Client {
        Client { token: Some(token), ..self }
    }

    pub fn has_token(&self) -> bool {
        self.token.is_some()
    }

    /// Where it calls, without a name and password that may stand in it.
    pub fn base(&self) -> String {
        let mut base = self.base.clone();
        let _ = base.set_username("");
        let _ = base.set_password(None);
        base.as_str().trim_end_matches('/').to_owned()
    }

    /// Sends and gives the whole response; every no is an error.
    pub async fn send(&self, call: Call<'_>) -> Result<Response, ClientError> {
        let mut url = self.base.clone();
        let prefix = self.base.path().trim_end_matches('/');
        url.set_path(&format!("{prefix}{}", call.path));
        if !call.query.is_empty() {
            url.query_pairs_mut().extend_pairs(call.query);
        }
        let mut request = self.http.request(call.method, url).timeout(call.within);
        if let Some(token) = &self.token {
            request = request.bearer_auth(token.expose());
        }
        if let Some(key) = call.key {
            request = request.header("idempotency-key", key);
        }
        if let Some(body) = call.body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        let response = request.send().await.map_err(|error| unreachable(&self.base, error))?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let body = read(response, 1 << 20).await.unwrap_or_default();
        Err(ClientError::refusal(status, &body))
    }

    /// Sends and reads an object.
    pub async fn read<T: DeserializeOwned>(&self, call: Call<'_>) -> Result<T, ClientError> {
        let bytes = read(self.send(call).await?, LARGEST).await?;
        parse(&bytes)
    }

    /// Sends and reads the status with an object, where the answer has one.
    pub async fn read_maybe<T: DeserializeOwned>(
        &self,
        call: Call<'_>,
    ) -> Result<(StatusCode, Option<T>), ClientError> {
        let response = self.send(call).await?;
        let status = response.status();
        let bytes = read(response, LARGEST).await?;
        if bytes.is_empty() { Ok((status, None)) } else { Ok((status, Some(parse(&bytes)?))) }
    }
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ClientError> {
    serde_json::from_slice(bytes).map_err(|error| {
        // The parser's words may quote what a stranger sent.
        ClientError::NotUnderstood(clean(&error.to_string(), 200).into_owned())
    })
}

/// The body, as long as it is not longer than `most`.
async fn read(mut response: Response, most: usize) -> Result<BytesMut, ClientError> {
    let mut body = BytesMut::new();
    loop {
        match response.chunk().await {
            Ok(None) => return Ok(body),
            Ok(Some(chunk)) if body.len() + chunk.len() > most => return Err(ClientError::TooLong(most)),
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Err(error) => return Err(ClientError::BrokenOff(reason(error))),
        }
    }
}

fn unreachable(base: &Url, error: reqwest::Error) -> ClientError {
    let mut base = base.clone();
    let _ = base.set_username("");
    let _ = base.set_password(None);
    ClientError::Unreachable { base: base.to_string(), reason: reason(error) }
}

/// The innermost cause, which is the one that says something.
fn reason(error: reqwest::Error) -> String {
    if error.is_timeout() {
        return "it took too long".to_owned();
    }
    let error = error.without_url();
    let mut cause: &dyn std::error::Error = &error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    clean_reason(&cause.to_string(), 200)
}
