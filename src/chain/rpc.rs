//! One question to the node and its answer: time-outs, retries, and the sorting of failures.
//!
//! Questions that change nothing ([`Rpc::ask`]) are repeated a few times when the failure may pass: lost connections,
//! time-outs, 429 and 5xx, "header not found". What may change something ([`Rpc::once`]) is sent exactly once; the
//! sender, which has every transaction on disk, decides what to do then.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use alloy::primitives::{Address, Bytes};
use alloy::rpc::client::RpcClient;
use alloy::rpc::json_rpc::{ErrorPayload, RpcError, RpcRecv};
use alloy::transports::{TransportError, TransportErrorKind};
use serde_json::{Value, json};

use super::block::BlockRef;
use super::{ChainError, Endpoint, Revert};
use crate::domain::clean::{clean, clean_reason};

/// How often a question is asked before its failure counts.
const TRIES: u32 = 4;
/// The wait before the second try; doubled for each further one.
const FIRST_WAIT: Duration = Duration::from_millis(150);
/// The longest wait that a server may ask for.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// The state that a read is made against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum At {
    Latest,
    /// With the transactions that wait in the node's pool.
    Pending,
    Number(u64),
    Block(BlockRef),
}

impl From<Option<BlockRef>> for At {
    fn from(block: Option<BlockRef>) -> At {
        block.map_or(At::Latest, At::Block)
    }
}

#[derive(Clone, Debug)]
pub(super) struct Rpc(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    client: RpcClient,
    name: String,
    timeout: Duration,
    /// Cleared when the node turns out not to take blocks by hash (EIP-1898).
    by_hash: AtomicBool,
}

impl Rpc {
    pub(super) fn new(endpoint: &Endpoint, timeout: Duration) -> Result<Rpc, ChainError> {
        let client = RpcClient::new(endpoint.transport(timeout)?, endpoint.is_local());
        let name = endpoint.name();
        Ok(Rpc(Arc::new(Inner { client, name, timeout, by_hash: AtomicBool::new(true) })))
    }

    pub(super) fn name(&self) -> &str {
        &self.0.name
    }

    /// Asks something that changes nothing, and asks again when the failure may pass.
    pub(super) async fn ask<R: RpcRecv>(&self, method: &'static str, params: Value) -> Result<R, ChainError> {
        let mut wait = FIRST_WAIT;
        let mut tries = 1;
        loop {
            let (error, hint) = match self.try_once(method, params.clone()).await {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            let passing = error.is_transient()
                || matches!(&error, ChainError::Refused { code, message, .. } if is_unknown_block(*code, message));
            if !passing || tries == TRIES {
                return Err(error);
            }
            tracing::debug!(method, tries, %error, "asking the chain again");
            // Spread the next try, so that many clients of one node do not come back together.
            let jitter = wait * rand::random_range(0..=50) / 100;
            tokio::time::sleep(hint.unwrap_or(wait).min(LONGEST_WAIT) + jitter).await;
            wait *= 2;
            tries += 1;
        }
    }

    /// Asks exactly once.
    pub(super) async fn once<R: RpcRecv>(
        &self,
        method: &'static str,
        params: Value,
    ) -> Result<R, ChainError> {
        self.try_once(method, params).await.map_err(|(error, _)| error)
    }

    async fn try_once<R: RpcRecv>(
        &self,
        method: &'static str,
        params: Value,
    ) -> Result<R, (ChainError, Option<Duration>)> {
        let call = self.0.client.request::<Value, R>(method, params);
        match tokio::time::timeout(self.0.timeout, call).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => {
                let hint = match &error {
                    RpcError::Transport(kind) => kind.retry_after(),
                    _ => None,
                };
                Err((self.sort(method, error), hint))
            }
            Err(_) => {
                let (endpoint, after) = (self.0.name.clone(), self.0.timeout);
                Err((ChainError::Timeout { endpoint, method, after }, None))
            }
        }
    }

    fn sort(&self, method: &'static str, error: TransportError) -> ChainError {
        let endpoint = self.0.name.clone();
        match error {
            RpcError::ErrorResp(payload) => sort_refusal(endpoint, method, &payload),
            RpcError::Transport(kind) => match kind.as_http_error().map(|error| error.status) {
                Some(429) => ChainError::Busy { endpoint },
                Some(status) => ChainError::Unreachable { endpoint, reason: format!("HTTP status {status}") },
                None if matches!(kind, TransportErrorKind::NonRetryable(_)) => {
                    ChainError::BadAnswer { method, reason: clean(&kind.to_string(), 200).into_owned() }
                }
                None => ChainError::Unreachable { endpoint, reason: clean_reason(&innermost(&kind), 200) },
            },
            RpcError::NullResp => ChainError::BadAnswer { method, reason: "it is empty".to_owned() },
            RpcError::DeserError { err, text } => {
                // Where and why the reading stopped says something to us, in the log, and nothing to people.
                tracing::debug!(method, %err, "an answer of the chain cannot be read");
                let start = text.trim_start();
                let reason = if start.starts_with('<') {
                    "it is a web page; the URL may lead to a website, not to a node".to_owned()
                } else {
                    format!("it is not what the method promises and starts with {:?}", clean(start, 40))
                };
                ChainError::BadAnswer { method, reason }
            }
            other => ChainError::BadAnswer { method, reason: clean(&other.to_string(), 200).into_owned() },
        }
    }

    /// `eth_call` with everything that a contract's view function may need.
    pub(super) async fn call(&self, to: Address, data: Bytes, at: At) -> Result<Bytes, ChainError> {
        self.ask_at("eth_call", |block| json!([{ "to": to, "input": data }, block]), at).await
    }

    /// Asks about the state of one block: by hash where the node can, else by number.
    pub(super) async fn ask_at<R: RpcRecv>(
        &self,
        method: &'static str,
        params: impl Fn(Value) -> Value,
        at: At,
    ) -> Result<R, ChainError> {
        let number = |number: u64| Value::String(format!("{number:#x}"));
        let block = match at {
            At::Latest => return self.ask(method, params(json!("latest"))).await,
            At::Pending => return self.ask(method, params(json!("pending"))).await,
            At::Number(height) => return self.ask(method, params(number(height))).await,
            At::Block(block) => block,
        };
        let unknown = |error: ChainError| match error {
            ChainError::Refused { code, message, .. } if is_unknown_block(code, &message) => {
                ChainError::UnknownBlock(block)
            }
            error => error,
        };
        if self.0.by_hash.load(Ordering::Relaxed) {
            let by_hash = json!({ "blockHash": block.hash, "requireCanonical": true });
            match self.ask(method, params(by_hash)).await {
                Err(ChainError::Refused { code: code @ -32602..=-32600, message, .. })
                    if !is_unknown_block(code, &message) =>
                {
                    tracing::debug!(%message, "this node does not take blocks by hash; using numbers");
                    self.0.by_hash.store(false, Ordering::Relaxed);
                }
                answer => return answer.map_err(unknown),
            }
        }
        self.ask(method, params(number(block.number))).await.map_err(unknown)
    }
}

/// What nodes say when they do not have the block: a code of EIP-1898, or words.
pub(super) fn is_unknown_block(code: i64, message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    let words = [
        "header not found",
        "unknown block",
        "block not found",
        "blocknotfound",
        "not canonical",
        "not currently canonical",
        "could not find block",
        "hash not found",
        "block hash not",
    ];
    code == -32001 || words.iter().any(|text| message.contains(text))
}

/// What nodes say to a transaction that they have already.
pub(super) fn is_known_transaction(message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    let words = [
        "already known",
        "alreadyknown",
        "known transaction",
        "already imported",
        "already exists",
        "already in mempool",
    ];
    words.iter().any(|text| message.contains(text))
}

/// Whether a node is asked for too much just now, so that waiting or another node helps.
pub(super) fn is_busy(payload: &ErrorPayload) -> bool {
    let message = payload.message.to_ascii_lowercase();
    // "More than 10000 results" comes with the code of a rate limit; waiting does not help against it.
    let too_much = ["result", "range", "size"].iter().any(|word| message.contains(word));
    payload.is_retry_err() && !too_much && !is_unknown_block(payload.code, &message)
}

fn sort_refusal(endpoint: String, method: &'static str, payload: &ErrorPayload) -> ChainError {
    let data = payload.data.as_ref().and_then(|data| serde_json::from_str::<Value>(data.get()).ok());
    let bytes = data.as_ref().and_then(revert_bytes);
    let message = clean(&payload.message, 300).into_owned();
    let lower = message.to_ascii_lowercase();
    if payload.code == 3 || lower.contains("revert") {
        return ChainError::Revert(Revert::decode(bytes.as_ref().map_or(&[][..], |bytes| bytes), &message));
    }
    if is_busy(payload) {
        return ChainError::Busy { endpoint };
    }
    ChainError::Refused { method, code: payload.code, message }
}

/// Nodes nest the bytes of a revert in different ways.
fn revert_bytes(value: &Value) -> Option<Bytes> {
    match value {
        Value::String(text) => text.strip_prefix("Reverted ").unwrap_or(text).parse().ok(),
        Value::Object(fields) => fields.values().find_map(revert_bytes),
        _ => None,
    }
}

/// The last cause of an error says what happened; those above only say that something did.
fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}
