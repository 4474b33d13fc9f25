//! The paid call: any request to a service, passed on byte for byte and paid for.

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::HeaderMap;

use super::Face;
use super::done::idempotency_key;
use crate::broker::user::{Caps, PaidCall};
use crate::domain::Neuron;
use crate::http::Problem;
use crate::http::input::{body_stream, path_address, path_value};
use crate::http::pass::{respond, suffix_after};

/// `/v1/provider/{provider}/service/{service}` with whatever follows.
pub(super) async fn call(State(face): State<Face>, request: Request) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let target = parts.uri.path_and_query().map_or("", |target| target.as_str());
    // Six slashes before the suffix: /v1/provider/P/service/S and what follows.
    let (head, suffix) = suffix_after(target, 5);
    let mut segments = head.split('/').skip(3);
    let provider = path_address("provider", segments.next().unwrap_or_default())?;
    let service = path_value("service", segments.nth(1).unwrap_or_default())?;
    let call = PaidCall {
        provider,
        service,
        suffix: suffix.to_owned(),
        method: parts.method,
        body: body_stream(body),
        idempotency_key: idempotency_key(&parts.headers)?,
        caps: caps(&parts.headers)?,
        headers: parts.headers,
        prices_seen: None,
    };
    // Large: the whole life of a request is in it.
    let answer = Box::pin(face.broker.call(call)).await?;
    Ok(respond(answer).into_response())
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
