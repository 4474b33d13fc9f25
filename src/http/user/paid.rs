//! The paid call: any request to a service, passed on byte for byte and paid for.

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::HeaderMap;

use super::Face;
use super::done::{KEY, idempotency_key};
use crate::broker::user::{Caps, HeldAs, PaidCall};
use crate::domain::Neuron;
use crate::http::Problem;
use crate::http::field::{AMOUNT, COUNT, Field, Kind, Refusal, optional, required};
use crate::http::input::{body_stream, path_address, path_value};
use crate::http::pass::{respond, suffix_after};

/// What the broker reads of a paid request's head; all but `zg-max-fee` goes on to the service.
pub(super) const HEADERS: &[Field] = &[
    optional("zg-max-fee", AMOUNT, "The most that it may cost, in neuron; beyond it nothing is sent."),
    KEY,
];
/// What it writes into the head of the answer.
pub(super) const ANSWER: &[Field] = &[
    required("zg-request-id", Kind::Id(64), "The request; `GET /v1/request/{id}` shows what it cost."),
    optional("zg-fee", AMOUNT, "What it cost, where the answer is no stream."),
    optional("zg-input-units", COUNT, "Units in."),
    optional("zg-output-units", COUNT, "Units out."),
];
/// What a paid call may be refused with before or instead of the service's answer.
pub(super) const REFUSALS: &[Refusal] = &[
    (400, "bad_path"),
    (400, "bad_body"),
    (400, "body_broken"),
    (400, "price_too_high"),
    (402, "insufficient_balance"),
    (403, "cap_reached"),
    (403, "exposure_reached"),
    (403, "no_key"),
    (404, "no_account"),
    (404, "unknown_service"),
    (409, "price_changed"),
    (409, "provider_disagrees"),
    (409, "repeated_request"),
    (409, "idempotency_key_reused"),
    (413, "body_too_large"),
    (502, "wrong_provider"),
    (502, "not_served"),
    (502, "terms_disagree"),
    (502, "provider_address_refused"),
    (502, "provider_unreachable"),
    (502, "provider_broke_off"),
    (502, "provider_timeout"),
    (502, "provider_failed"),
    (502, "provider_nonsense"),
];

/// `/v1/provider/{provider}/service/{service}` with whatever follows.
pub(super) async fn call(State(face): State<Face>, request: Request) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let target = parts.uri.path_and_query().map_or("", |target| target.as_str());
    // Six slashes before the suffix: /v1/provider/P/service/S and what follows.
    let (head, suffix) = suffix_after(target, 5);
    let mut segments = head.split('/').skip(3);
    let provider = path_address("provider", segments.next().unwrap_or_default())?;
    let service = path_value("service", segments.nth(1).unwrap_or_default())?;
    let method = parts.method;
    let call = PaidCall {
        provider,
        service,
        suffix: suffix.to_owned(),
        method: method.clone(),
        body: body_stream(body),
        idempotency_key: idempotency_key(&parts.headers)?,
        caps: caps(&parts.headers)?,
        headers: parts.headers,
        prices_seen: None,
        held: HeldAs::default(),
    };
    // Large: the whole life of a request is in it.
    let answer = Box::pin(face.broker.call(call)).await?;
    Ok(respond(answer, &method, &parts.extensions).into_response())
}

/// `zg-max-fee: <neuron>` caps one call from the outside.
pub(super) fn caps(headers: &HeaderMap) -> Result<Caps, Problem> {
    let Some(value) = headers.get("zg-max-fee") else { return Ok(Caps::default()) };
    let wrong = |reason: String| Problem::field("zg-max-fee", reason);
    let text = value.to_str().map_err(|_| wrong("it must be a whole number of neuron".to_owned()))?;
    let most: Neuron =
        text.parse().map_err(|error: crate::domain::amount::AmountError| wrong(error.to_string()))?;
    Ok(Caps { per_request: Some(most), ..Caps::default() })
}
