//! How an on-chain action is answered: by default once it is in a block, with `?wait=false` once it is broadcast.

use std::time::Duration;

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode};

use super::Face;
use super::shapes::OperationItem;
use crate::broker::user::OperationView;
use crate::domain::OperationState;
use crate::http::Problem;
use crate::http::field::{Field, Kind, Refusal, optional, required};
use crate::http::input::Fields;

/// The query of every route that acts on the chain.
pub(super) const WAIT: &[Field] = &[WAIT_FIELD];
const WAIT_FIELD: Field = optional(
    "wait",
    Kind::Truth,
    "false: answer 202 with the operation as soon as it is broadcast. Default true.",
);
/// The head of a request that is done once only.
pub(super) const KEY: Field = optional(
    "Idempotency-Key",
    Kind::Key,
    "1 to 255 plain characters of your own: with it this is done once, however often it is sent.",
);
pub(super) const ONCE: &[Field] = &[KEY];
/// What an answer of such a route names.
pub(super) const OPERATION: &[Field] = &[required(
    "zg-operation-id",
    Kind::Id(32),
    "The operation; `GET /v1/operation/{id}` shows how it stands.",
)];
/// What any action on the chain may be refused with.
pub(super) const REFUSALS: &[Refusal] = &[
    (402, "insufficient_funds"),
    (403, "read_only"),
    (403, "delegates_only"),
    (409, "refused"),
    (409, "reverted"),
    (409, "idempotency_key_reused"),
    (503, "not_sent"),
    (503, "chain_unavailable"),
];

/// How long a call waits for a block before it answers 202 with the operation's id instead.
const LONGEST_WAIT: Duration = Duration::from_secs(90);

/// Whether the caller waits for the block. Read before anything is sent: a query that is refused afterwards would
/// look like an action that was not done, and be repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wait {
    ForBlock,
    No,
}

impl Wait {
    pub(super) fn of(query: Option<&str>) -> Result<Wait, Problem> {
        let query = Fields::of_query(query, WAIT)?;
        Ok(if query.truth("wait")? == Some(false) { Wait::No } else { Wait::ForBlock })
    }
}

/// Answers an operation: `done` with an empty body once it is mined.
pub(super) async fn answer(
    face: &Face,
    operation: OperationView,
    wait: Wait,
    done: StatusCode,
) -> Result<Response, Problem> {
    if wait == Wait::No {
        return Ok(accepted(face, operation));
    }
    let id = operation.id;
    let ended = tokio::select! {
        ended = face.broker.wait(id, LONGEST_WAIT) => ended?,
        () = face.stop.cancelled() => face.broker.operation(id).await?,
    };
    match ended.state {
        OperationState::Mined => {
            let mut response = done.into_response();
            name(&mut response, &ended);
            Ok(response)
        }
        OperationState::Reverted | OperationState::Refused => {
            let reason = ended.reason.clone().unwrap_or_else(|| "the contract refused it".to_owned());
            let code = if ended.state == OperationState::Reverted { "reverted" } else { "refused" };
            Err(Problem::new(StatusCode::CONFLICT, code, format!("it was not done: {reason}"))
                .with("operationID", id.to_string()))
        }
        OperationState::Prepared | OperationState::Sent | OperationState::Unknown => {
            Ok(accepted(face, ended))
        }
    }
}

fn accepted(face: &Face, operation: OperationView) -> Response {
    let mut response =
        (StatusCode::ACCEPTED, Json(OperationItem::of(operation.clone(), &face.explorer))).into_response();
    name(&mut response, &operation);
    response
}

/// Whatever the body, the operation can be looked up afterwards.
fn name(response: &mut Response, operation: &OperationView) {
    if let Ok(id) = HeaderValue::try_from(operation.id.to_string()) {
        response.headers_mut().insert("zg-operation-id", id);
    }
}

/// The caller's key against doing it twice.
pub(super) fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(key) = headers.get("idempotency-key") else { return Ok(None) };
    let text = key.to_str().ok().filter(|text| (1..=255).contains(&text.len()));
    let text =
        text.ok_or_else(|| Problem::field("Idempotency-Key", "it must be 1 to 255 plain characters"))?;
    Ok(Some(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_action_on_the_chain_names_what_it_is_refused_with() {
        let mut actions = 0;
        for route in crate::http::user::routes() {
            let codes: Vec<_> = route.refusals.iter().copied().flatten().collect();
            for (at, code) in codes.iter().enumerate() {
                assert!(!codes[..at].contains(code), "{} {} names {code:?} twice", route.method, route.path);
            }
            if route.query.iter().any(|field| field.name == "wait") {
                for code in [(402, "insufficient_funds"), (403, "delegates_only"), (403, "read_only")] {
                    assert!(codes.contains(&&code), "{} {}: {code:?}", route.method, route.path);
                }
                actions += 1;
            }
        }
        assert_eq!(actions, 6);
    }

    #[test]
    fn what_wait_means_is_known_before_anything_is_sent() {
        for (query, wait) in [
            (None, Wait::ForBlock),
            (Some("wait=true"), Wait::ForBlock),
            (Some("WAIT=1"), Wait::ForBlock),
            (Some("wait=false"), Wait::No),
        ] {
            assert_eq!(Wait::of(query).ok(), Some(wait), "{query:?}");
        }
        for query in ["wait=maybe", "wait=", "wait=1&wait=0", "wiat=false"] {
            assert!(Wait::of(Some(query)).is_err(), "{query}");
        }
    }
}
