//! `Idempotency-Key`: a call with a key that was answered before gets that answer, and does nothing.
//!
//! The key is taken before anything is done and the answer kept after, by a task that goes on when the caller hangs
//! up: whoever repeats a call because the answer was lost on the way gets it then. A call that failed before anything
//! was sent gives its key back.

use axum::body::to_bytes;
use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::Face;
use crate::broker::provider::{ProviderError, Repeat};
use crate::domain::{B256, Timestamp};
use crate::http::Problem;
use crate::http::field::{Field, Kind, Refusal, optional};

/// The largest answer of an order: a settlement report of thousands of rows.
const LARGEST: usize = 16 << 20;
/// Names the operation behind an answer.
pub(super) const OPERATION: &str = "zg-operation-id";

/// The query of every route that acts on the chain.
pub(super) const WAIT: &[Field] = &[WAIT_FIELD];
pub(super) const WAIT_FIELD: Field = optional(
    "wait",
    Kind::Truth,
    "false: answer 202 with the operation as soon as it is broadcast. Default true.",
);
/// The head of a request that is done once only.
pub(super) const ONCE: &[Field] = &[optional(
    "Idempotency-Key",
    Kind::Key,
    "1 to 255 plain characters of your own: with it this is done once, however often it is sent.",
)];
/// What an answer of such a route names.
pub(super) const NAMES: &[Field] =
    &[optional(OPERATION, Kind::Id(32), "The operation; `GET /v1/operation/{id}` shows how it stands.")];
/// What any action on the chain may be refused with.
pub(super) const REFUSALS: &[Refusal] =
    &[(409, "refused"), (409, "reverted"), (503, "not_sent"), (503, "chain_unavailable")];
/// What a repeated action may be refused with.
pub(super) const REPEATS: &[Refusal] = &[(409, "unanswered"), (409, "idempotency_key_reused")];

/// An answer as it is kept.
#[derive(Deserialize, Serialize)]
struct Kept {
    status: u16,
    operation: Option<String>,
    body: String,
}

/// Names a call by all that makes it this call and no other.
pub(super) fn call(route: &str, query: Option<&str>, body: &Map<String, Value>) -> B256 {
    let mut hash = Sha256::new();
    for part in [route, query.unwrap_or_default(), &Value::from(body.clone()).to_string()] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    B256::new(hash.finalize().into())
}

/// Does what `act` does, unless `headers` carry a key under which it was done before. `late` is the answer where it is not
/// known in time what comes of it; that one is not kept.
pub(super) async fn once(
    face: &Face,
    headers: &HeaderMap,
    call: B256,
    late: fn() -> Response,
    act: impl Future<Output = Result<Response, Problem>> + Send + 'static,
) -> Result<Response, Problem> {
    let Some(key) = key(headers)? else { return Ok(face.order(act).await?.unwrap_or_else(late)) };
    let repeats = face.broker.repeats();
    match repeats.claim(key.clone(), call, Timestamp::now()).await.map_err(ProviderError::from)? {
        Repeat::First => {}
        Repeat::Answered(kept) => return answer(&kept),
        Repeat::Unanswered => {
            return Err(conflict(
                "unanswered",
                "the first call with this Idempotency-Key is not answered yet, or was cut off by a stop; \
                 GET /v1/operation shows what came of it",
            )
            .retry_after(2));
        }
        Repeat::OtherCall => {
            return Err(conflict(
                "idempotency_key_reused",
                "this Idempotency-Key was used for another call; take a new one",
            ));
        }
    }
    // The answer that is kept is the order's own, also where it comes too late for the caller.
    let answered = face.order(async move {
        let response = match Box::pin(act).await {
            Ok(response) => response,
            // It was sent, and paid for.
            Err(problem) if problem.code() == "reverted" => problem.into_response(),
            Err(problem) => {
                // A stop may have come in the middle: then nobody knows, and the key stays taken.
                if problem.code() != "stopping"
                    && let Err(error) = repeats.release(key).await
                {
                    tracing::warn!(%error, "an idempotency key could not be given back");
                }
                return Err(problem);
            }
        };
        let kept = keep(response).await?;
        if let Err(error) = repeats.answer(key, kept.clone()).await {
            tracing::warn!(%error, "an answer could not be kept for its idempotency key");
        }
        answer(&kept)
    });
    Ok(answered.await?.unwrap_or_else(late))
}

fn conflict(code: &str, message: &str) -> Problem {
    Problem::new(StatusCode::CONFLICT, code, message)
}

/// The caller's key, 1 to 255 plain characters.
pub(super) fn key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let mut keys = headers.get_all("idempotency-key").iter();
    let Some(key) = keys.next() else { return Ok(None) };
    let text = key.to_str().ok().filter(|text| (1..=255).contains(&text.len()) && keys.next().is_none());
    text.map(|text| Some(text.to_owned()))
        .ok_or_else(|| Problem::field("Idempotency-Key", "it must be 1 to 255 plain characters, once"))
}

async fn keep(response: Response) -> Result<Vec<u8>, Problem> {
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, LARGEST).await.map_err(|error| Problem::internal(&error))?;
    let operation = parts.headers.get(OPERATION).and_then(|id| id.to_str().ok()).map(str::to_owned);
    let body = String::from_utf8_lossy(&body).into_owned();
    let kept = Kept { status: parts.status.as_u16(), operation, body };
    serde_json::to_vec(&kept).map_err(|error| Problem::internal(&error))
}

fn answer(kept: &[u8]) -> Result<Response, Problem> {
    let kept: Kept = serde_json::from_slice(kept).map_err(|error| Problem::internal(&error))?;
    let status = StatusCode::from_u16(kept.status).map_err(|error| Problem::internal(&error))?;
    let mut response = if kept.body.is_empty() {
        status.into_response()
    } else {
        (status, [(CONTENT_TYPE, "application/json")], kept.body).into_response()
    };
    if let Some(id) = kept.operation.and_then(|id| HeaderValue::try_from(id).ok()) {
        response.headers_mut().insert(OPERATION, id);
    }
    Ok(response)
}
