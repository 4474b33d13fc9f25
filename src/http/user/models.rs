//! The OpenAI shape of the paid call: clients work by changing their base URL to `…:1034/v1`.

use std::time::Duration;

use axum::Json;
use axum::extract::{Request, State};
use axum::response::Response;
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Face;
use super::done::idempotency_key;
use super::paid::caps;
use crate::broker::user::PaidCall;
use crate::http::Problem;
use crate::http::input::read_body;
use crate::http::pass::respond;
use crate::wire::json_edit::set_members;

/// A conversation larger than this is refused before its model is known.
const LARGEST: usize = 64 << 20;
const TIME: Duration = Duration::from_secs(120);

pub(super) async fn list(State(face): State<Face>) -> Json<Value> {
    let models = face.broker.models().into_iter().map(|model| {
        json!({
            "id": model.id,
            "object": "model",
            "created": model.service.version,
            "owned_by": model.service.provider.to_string(),
        })
    });
    Json(json!({"object": "list", "data": models.collect::<Vec<_>>()}))
}

pub(super) async fn chat(State(face): State<Face>, request: Request) -> Result<Response, Problem> {
    call(face, request, "/chat/completions").await
}

pub(super) async fn completions(State(face): State<Face>, request: Request) -> Result<Response, Problem> {
    call(face, request, "/completions").await
}

pub(super) async fn embeddings(State(face): State<Face>, request: Request) -> Result<Response, Problem> {
    call(face, request, "/embeddings").await
}

async fn call(face: Face, request: Request, endpoint: &str) -> Result<Response, Problem> {
    #[derive(Deserialize)]
    struct Named {
        #[serde(default)]
        model: String,
    }
    let (parts, body) = request.into_parts();
    let bytes = read_body(body, LARGEST, TIME).await?;
    let bad = |reason: &str| Problem::new(StatusCode::BAD_REQUEST, "bad_input", reason);
    let named: Named = serde_json::from_slice(&bytes)
        .map_err(|error| bad(&format!("the body is not a request in OpenAI's shape: {error}")))?;
    if named.model.is_empty() {
        return Err(Problem::field("model", "name a service; GET /v1/models lists them"));
    }
    let service = face.broker.resolve_model(&named.model)?;
    // The server behind knows its model by its own name, not by ours.
    let own_name = if service.model.is_empty() { service.name.as_str() } else { &service.model };
    let bytes = set_members(&bytes, &[("model", &Value::from(own_name).to_string())])
        .map_err(|error| bad(&error.to_string()))?;
    let mut headers = parts.headers;
    // It was counted before the model's name was changed.
    headers.remove(http::header::CONTENT_LENGTH);
    let suffix = match parts.uri.query() {
        Some(query) => format!("{endpoint}?{query}"),
        None => endpoint.to_owned(),
    };
    let call = PaidCall {
        idempotency_key: idempotency_key(&headers)?,
        caps: caps(&headers)?,
        ..PaidCall::post(service.provider, service.name, &suffix, headers, bytes.into())
    };
    let answer = Box::pin(face.broker.call(call)).await?;
    Ok(respond(answer))
}
