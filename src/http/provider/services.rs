//! The services that this provider offers: list, show, register, change, take off, compare with the chain.

use std::num::NonZeroU32;

use axum::Json;
use axum::extract::{Path, RawQuery, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::{Value, json};

use super::Face;
use super::once::{self, OPERATION, WAIT, once};
use crate::broker::provider::{NameTaken, ProviderError, ServiceChange, ServiceInput, ServiceView, Wait};
use crate::domain::{Prices, ServiceKind, ServiceLimits, ServiceName};
use crate::http::Problem;
use crate::http::field::{Field, Kind, PRICE, optional, required, untold};
use crate::http::input::{Fields, JsonBody, path_value};
use crate::http::list::{PAGE, cut};
use crate::wire::admin::{ListedItem, ServiceItem, Services};
use crate::wire::terms::MeterName;

const NUMBER: Kind = Kind::Count(0, u32::MAX as u64);
/// The longest model name that the contract stores.
const MODEL: Kind = Kind::Line(128);
pub(super) const SERVICE: &[Field] = &[
    required("Name", Kind::Name, "Unique for this provider."),
    required("Type", Kind::Words(&ServiceKind::NAMES), "Decides how units are counted."),
    required(
        "URL",
        Kind::Url,
        "Where the service itself is: its root, or its one endpoint. Never published.",
    ),
    required("inputPrice", PRICE, "Neuron a unit in: a token, or a byte."),
    required("outputPrice", PRICE, "Neuron a unit out."),
    optional("model", MODEL, "Published, and what OpenAI clients may call it by."),
    optional("meter", METER, "o200k (default) or usage for chatbots, bytes for zgStorage."),
    optional("upstreamHeaders", Kind::Headers, "Headers to send along, such as an API key. Kept secret."),
    optional(
        "maxInFlight",
        NUMBER,
        "Requests of all users that it serves at the same time. 0 or absent: any number.",
    ),
    optional(
        "requestsPerMinute",
        NUMBER,
        "Requests of all users that it takes in a minute. 0 or absent: any number.",
    ),
    optional(
        "replace",
        Kind::Truth,
        "false: refuse a name that is taken. Otherwise the service of that name is described anew: what is not given is \
         as for a new one, but its headers and limits stay.",
    ),
];
const METER: Kind = Kind::Words(&["o200k", "usage", "bytes"]);
pub(super) const CHANGE: &[Field] = &[
    optional("URL", Kind::Url, "Where the service itself is."),
    optional("model", MODEL, "What it calls its model; \"\" takes it away."),
    optional("inputPrice", PRICE, "Neuron a unit in."),
    optional("outputPrice", PRICE, "Neuron a unit out."),
    optional("meter", METER, "o200k or usage for chatbots, bytes for zgStorage."),
    optional("upstreamHeaders", Kind::Headers, "Replaces all that were sent along; {} sends none."),
    optional("maxInFlight", NUMBER, "null or 0: any number."),
    optional("requestsPerMinute", NUMBER, "null or 0: any number."),
    untold("Name", Kind::Name),
    untold("Type", Kind::Words(&ServiceKind::NAMES)),
];

/// Which meter goes with which type, as JSON Schema.
pub(super) fn meter_of_type() -> Value {
    json!({
        "if": {"properties": {"Type": {"const": "zgStorage"}}},
        "then": {"properties": {"meter": {"enum": ["bytes", null]}}},
        "else": {"properties": {"meter": {"enum": ["o200k", "usage", null]}}},
    })
}

/// What answers carry and clients repeat.
const WITHOUT_EFFECT: &[&str] = &[
    "updatedAt",
    "createdAt",
    "provider",
    "publicURL",
    "status",
    "version",
    "paused",
    "listed",
    "differs",
    "health",
    "limits",
    "inFlight",
];

pub(super) async fn list(
    State(face): State<Face>,
    RawQuery(query): RawQuery,
) -> Result<Json<Services>, Problem> {
    let query = Fields::of_query(query.as_deref(), PAGE)?;
    let items = face.broker.services().into_iter().map(ServiceItem::from).collect();
    let list = cut(items, |service: &ServiceItem| service.name.to_string(), &query)?;
    let unknown = face.broker.unknown_services().into_iter().map(ListedItem::from).collect();
    Ok(Json(Services { list, unknown }))
}

pub(super) async fn show(
    State(face): State<Face>,
    Path(name): Path<String>,
) -> Result<Json<ServiceItem>, Problem> {
    let name = path_value("service", &name)?;
    Ok(Json(known(&face, &name)?.into()))
}

fn known(face: &Face, name: &ServiceName) -> Result<ServiceView, Problem> {
    Ok(face.broker.service(name).ok_or_else(|| ProviderError::UnknownService(name.clone()))?)
}

pub(super) async fn register(
    State(face): State<Face>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
    body: JsonBody,
) -> Result<Response, Problem> {
    let wait = wait(&face, query.as_deref())?;
    let call = once::call("POST /v1/service", query.as_deref(), &body.0);
    let input = Fields::of_body(body, SERVICE, WITHOUT_EFFECT)?;
    let service = ServiceInput {
        name: input.need_text("Name")?.to_owned(),
        kind: input.need_parse("Type")?,
        url: input.need_text("URL")?.to_owned(),
        model: input.text("model")?.unwrap_or_default().to_owned(),
        prices: Prices { input: input.need_amount("inputPrice")?, output: input.need_amount("outputPrice")? },
        meter: meter(&input)?,
        upstream_headers: upstream_headers(&input, &[])?.map(secret),
        limits: limits(&input, None)?,
    };
    let taken = if input.truth("replace")? == Some(false) { NameTaken::Refused } else { NameTaken::Replaced };
    let broker = face.broker.clone();
    let act = async move {
        let change = broker.register_service(service, taken, wait).await?;
        Ok(answer(&change, StatusCode::NO_CONTENT))
    };
    once(&face, &headers, call, late, act).await
}

/// Changes a service. What is not given stays as it is.
pub(super) async fn update(
    State(face): State<Face>,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
    body: JsonBody,
) -> Result<Response, Problem> {
    let wait = wait(&face, query.as_deref())?;
    let name: ServiceName = path_value("service", &name)?;
    let input = Fields::of_body(body, CHANGE, WITHOUT_EFFECT)?;
    if input.text("Name")?.is_some_and(|other| other != name.as_str()) {
        return Err(Problem::field("Name", "a service cannot be renamed; register another one"));
    }
    let before = known(&face, &name)?;
    let service = ServiceInput {
        name: name.to_string(),
        kind: input.parse("Type")?.unwrap_or(before.kind),
        url: input.text("URL")?.unwrap_or(&before.target).to_owned(),
        model: input.text("model")?.unwrap_or(&before.model).to_owned(),
        prices: Prices {
            input: input.amount("inputPrice")?.unwrap_or(before.prices.input),
            output: input.amount("outputPrice")?.unwrap_or(before.prices.output),
        },
        meter: meter(&input)?.or(Some(before.meter)),
        upstream_headers: upstream_headers(&input, &before.header_names)?.map(secret),
        limits: limits(&input, Some(before.limits))?,
    };
    let broker = face.broker.clone();
    let change = face.order(async move { Ok(broker.update_service(service, wait).await?) }).await?;
    Ok(change.map_or_else(late, |change| answer(&change, StatusCode::ACCEPTED)))
}

pub(super) async fn remove(
    State(face): State<Face>,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let wait = wait(&face, query.as_deref())?;
    let name: ServiceName = path_value("service", &name)?;
    let broker = face.broker.clone();
    let change = face.order(async move { Ok(broker.delete_service(&name, wait).await?) }).await?;
    Ok(change.map_or_else(late, |change| answer(&change, StatusCode::ACCEPTED)))
}

/// Has a service take no new requests. Nothing of it goes to the chain.
pub(super) async fn pause(State(face): State<Face>, Path(name): Path<String>) -> Result<StatusCode, Problem> {
    face.broker.pause_service(&path_value("service", &name)?, true).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn resume(
    State(face): State<Face>,
    Path(name): Path<String>,
) -> Result<StatusCode, Problem> {
    face.broker.pause_service(&path_value("service", &name)?, false).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Compares all services with the chain and repairs what differs.
pub(super) async fn sync(State(face): State<Face>) -> Result<Response, Problem> {
    let (broker, wait) = (face.broker.clone(), face.wait());
    let Some(sync) = face.order(async move { Ok(broker.sync_services(wait).await?) }).await? else {
        return Ok(StatusCode::ACCEPTED.into_response());
    };
    let pending = sync.pending.into_iter().map(|(name, reason)| json!({"Name": name, "Reason": reason}));
    let unknown = sync.unknown.into_iter().map(|service| service.name);
    let report = json!({
        "Unchanged": sync.unchanged,
        "Pushed": sync.pushed,
        "Removed": sync.removed,
        "Pending": pending.collect::<Vec<_>>(),
        "Unknown": unknown.collect::<Vec<_>>(),
        "Unreadable": sync.unreadable,
    });
    Ok((StatusCode::ACCEPTED, Json(report)).into_response())
}

fn wait(face: &Face, query: Option<&str>) -> Result<Wait, Problem> {
    let query = Fields::of_query(query, WAIT)?;
    Ok(if query.truth("wait")? == Some(false) { Wait::Broadcast } else { face.wait() })
}

fn meter(input: &Fields) -> Result<Option<MeterName>, Problem> {
    let names = [MeterName::O200k, MeterName::Usage, MeterName::Bytes].map(|meter| (meter.as_str(), meter));
    input.word("meter", &names)
}

/// The limits that a body names, over those that there are; null and 0 take one away. `None`: it names none.
fn limits(input: &Fields, before: Option<ServiceLimits>) -> Result<Option<ServiceLimits>, Problem> {
    let before = before.unwrap_or_default();
    let mut named = false;
    let mut limit = |name: &str, before: Option<NonZeroU32>| {
        if input.is_null(name) {
            named = true;
            return Ok(None);
        }
        let Some(number) = input.number(name, 0..=u64::from(u32::MAX))? else { return Ok(before) };
        named = true;
        Ok::<_, Problem>(u32::try_from(number).ok().and_then(NonZeroU32::new))
    };
    let limits = ServiceLimits {
        max_in_flight: limit("maxInFlight", before.max_in_flight)?,
        requests_per_minute: limit("requestsPerMinute", before.requests_per_minute)?,
    };
    Ok(named.then_some(limits))
}

/// Headers to send along to the service: an object of names and values.
///
/// A list of names, as answers show them, changes nothing, so it has to be the names that `kept` has.
fn upstream_headers(input: &Fields, kept: &[String]) -> Result<Option<Vec<(String, String)>>, Problem> {
    match input.get("upstreamHeaders") {
        None => Ok(None),
        Some(Value::Array(names)) => {
            if names.len() == kept.len()
                && names
                    .iter()
                    .all(|name| name.as_str().is_some_and(|name| kept.iter().any(|kept| kept == name)))
            {
                return Ok(None);
            }
            let message = "a list of names changes nothing and must be the one that is there; to set headers, give an object of names and values";
            Err(Problem::field("upstreamHeaders", message))
        }
        Some(Value::Object(headers)) => headers
            .iter()
            .map(|(name, value)| match value {
                Value::String(value) => Ok((name.clone(), value.clone())),
                _ => Err(Problem::field("upstreamHeaders", "every value must be text")),
            })
            .collect::<Result<_, _>>()
            .map(Some),
        Some(_) => Err(Problem::field("upstreamHeaders", "it must be an object of names and values")),
    }
}

/// Values as secrets, whatever the broker keeps them in.
fn secret<S: From<String>>(headers: Vec<(String, String)>) -> Vec<(String, S)> {
    headers.into_iter().map(|(name, value)| (name, value.into())).collect()
}

/// `done` once the chain has it; else 202 with the operation to follow.
fn answer(change: &ServiceChange, done: StatusCode) -> Response {
    let mut response = if change.done {
        done.into_response()
    } else {
        let id = change.operation.map(|id| id.to_string());
        (StatusCode::ACCEPTED, Json(json!({"OperationID": id, "State": "sent"}))).into_response()
    };
    if let Some(id) = change.operation.and_then(|id| HeaderValue::try_from(id.to_string()).ok()) {
        response.headers_mut().insert(OPERATION, id);
    }
    response
}

/// The answer to an order that is still being carried out. An empty one would be taken for one that is done.
fn late() -> Response {
    (StatusCode::ACCEPTED, Json(json!({"OperationID": null, "State": "unknown"}))).into_response()
}
