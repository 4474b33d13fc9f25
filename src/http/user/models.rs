//! The OpenAI shape of the paid call: clients work by changing their base URL to `…:1034/v1`.

use axum::Json;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Face;
use super::done::idempotency_key;
use super::paid::caps;
use crate::broker::user::{Model, PaidCall};
use crate::http::Problem;
use crate::http::input::{body_stream, need_json};
use crate::http::pass::respond;
use crate::wire::json_edit::set_members;

pub(super) async fn list(State(face): State<Face>) -> Json<Value> {
    let models = face.broker.models().iter().map(shown).collect::<Vec<_>>();
    Json(json!({"object": "list", "data": models}))
}

/// One model, by any name that a call may give it.
pub(super) async fn show(State(face): State<Face>, Path(name): Path<String>) -> Result<Json<Value>, Problem> {
    let service = face.broker.resolve_model(&name)?;
    let mut models = face.broker.models().into_iter();
    let found =
        models.find(|model| model.service.provider == service.provider && model.service.name == service.name);
    found.map(|model| Json(shown(&model))).ok_or_else(|| {
        Problem::not_found(format!("{} is no chatbot; GET /v1/models lists them", service.name))
    })
}

fn shown(model: &Model) -> Value {
    json!({
        "id": model.id,
        "object": "model",
        "created": model.service.version,
        "owned_by": model.service.provider.to_string(),
    })
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
        model: Value,
    }
    let (parts, body) = request.into_parts();
    // A page can have a browser send text to anybody, JSON only to those who allow it.
    need_json(&parts.headers)?;
    let read = face.broker.take_in(&parts.headers, body_stream(body)).await?;
    let bad = |reason: &str| Problem::new(StatusCode::BAD_REQUEST, "bad_input", reason);
    let named: Named = serde_json::from_slice(&read).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        bad(&format!(
            "the body is not a request in OpenAI's shape: it must be a JSON object, and stops being one in line {line}, column {column}"
        ))
    })?;
    let model = match &named.model {
        Value::String(model) if !model.is_empty() => model,
        Value::String(_) | Value::Null => {
            return Err(Problem::field("model", "name a service; GET /v1/models lists them"));
        }
        _ => return Err(Problem::field("model", "it must be text")),
    };
    let service = face.broker.resolve_model(model)?;
    // The server behind knows its model by its own name, not by ours.
    let own_name = if service.model.is_empty() { service.name.as_str() } else { &service.model };
    let edited = set_members(&read, &[("model", &Value::from(own_name).to_string())])
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
        ..PaidCall::post(service.provider, service.name, &suffix, headers, read.replaced_by(edited))
    };
    let answer = Box::pin(face.broker.call(call)).await?;
    Ok(respond(answer, &parts.method, &parts.extensions))
}
