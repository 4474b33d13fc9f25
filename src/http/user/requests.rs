//! What was asked for and what it cost: requests, receipts, on-chain operations.

use axum::Json;
use axum::extract::{Path, RawQuery, State};
use axum::response::Response;

use super::Face;
use super::shapes::{OperationItem, ReceiptItem, RequestItem};
use crate::broker::user::{OperationQuery, RequestFilter, RequestSort};
use crate::http::Problem;
use crate::http::export;
use crate::http::field::{Field, Kind, SUM, optional, required};
use crate::http::input::{Fields, JsonBody, path_value};
use crate::http::list::{CURSOR, LIMIT, limit};
use crate::wire::bundle::Bundle;
use crate::wire::list::List;

// What listings and exports filter by.
const PROVIDER: Field = optional("provider", Kind::Address, "Only of this provider.");
const SERVICE: Field = optional("service", Kind::Name, "Only of services of this name.");
const STATUS: Field = optional("status", super::answers::STATES, "Only in this state.");
const FROM: Field = optional("from", Kind::Moment, "Made at this time or later.");
const TO: Field = optional("to", Kind::Moment, "Made before this time.");
pub(super) const LISTING: &[Field] = &[
    PROVIDER,
    SERVICE,
    STATUS,
    FROM,
    TO,
    optional("sort", Kind::Words(&["newest", "oldest", "dearest", "cheapest"]), "Default newest."),
    LIMIT,
    CURSOR,
];
pub(super) const EXPORT: &[Field] = &[export::FORMAT, PROVIDER, SERVICE, STATUS, FROM, TO];
pub(super) const ACCEPTANCE: &[Field] =
    &[required("amount", SUM, "The request's `Disputed`, in neuron; another sum is refused.")];
pub(super) const OPERATIONS: &[Field] = &[
    optional("kind", super::answers::OPERATION_KINDS, "Only of this kind."),
    optional("state", super::answers::OPERATION_STATES, "Only in this state."),
    optional("provider", Kind::Address, "Only on the account with this provider."),
    LIMIT,
    CURSOR,
];

pub(super) async fn list(
    State(face): State<Face>,
    RawQuery(query): RawQuery,
) -> Result<List<RequestItem>, Problem> {
    let query = Fields::of_query(query.as_deref(), LISTING)?;
    let filter = filter(&query)?;
    let orders = [
        ("newest", RequestSort::Newest),
        ("oldest", RequestSort::Oldest),
        ("dearest", RequestSort::Dearest),
        ("cheapest", RequestSort::Cheapest),
    ];
    let order = query.word("sort", &orders)?.unwrap_or_default();
    let limit = u32::try_from(limit(&query)?).unwrap_or(u32::MAX);
    let page = face.broker.requests(filter, query.text("cursor")?, limit, order).await?;
    let items = page.items.into_iter().map(RequestItem::from).collect();
    Ok(List::page(items, page.total, page.next).with_fee(page.fee.total()))
}

pub(super) async fn export(State(face): State<Face>, RawQuery(query): RawQuery) -> Result<Response, Problem> {
    let query = Fields::of_query(query.as_deref(), EXPORT)?;
    let (format, filter, broker) = (export::format(&query)?, filter(&query)?, face.broker);
    let written = async move |writer| broker.export_requests(filter, format, writer).await;
    Ok(export::file("requests", format, written))
}

/// What listings and exports filter by.
fn filter(query: &Fields) -> Result<RequestFilter, Problem> {
    Ok(RequestFilter {
        provider: query.address("provider")?,
        service: query.parse("service")?,
        state: query.parse("status")?,
        from: query.parse("from")?,
        to: query.parse("to")?,
        search: None,
    })
}

pub(super) async fn show(
    State(face): State<Face>,
    Path(id): Path<String>,
) -> Result<Json<RequestItem>, Problem> {
    Ok(Json(face.broker.request(path_value("id", &id)?).await?.into()))
}

pub(super) async fn accept(
    State(face): State<Face>,
    Path(id): Path<String>,
    body: JsonBody,
) -> Result<Json<RequestItem>, Problem> {
    let id = path_value("id", &id)?;
    let amount = Fields::of_body(body, ACCEPTANCE, &[])?.need_amount("amount")?;
    Ok(Json(face.broker.accept(id, amount).await?.into()))
}

pub(super) async fn receipt(
    State(face): State<Face>,
    Path(id): Path<String>,
) -> Result<Json<ReceiptItem>, Problem> {
    Ok(Json(face.broker.receipt(path_value("id", &id)?).await?.into()))
}

pub(super) async fn bundle(
    State(face): State<Face>,
    Path(id): Path<String>,
) -> Result<Json<Bundle>, Problem> {
    Ok(Json(face.broker.bundle(path_value("id", &id)?).await?))
}

pub(super) async fn operation(
    State(face): State<Face>,
    Path(id): Path<String>,
) -> Result<Json<OperationItem>, Problem> {
    let operation = face.broker.operation(path_value("id", &id)?).await?;
    Ok(Json(OperationItem::of(operation, &face.explorer)))
}

pub(super) async fn operations(
    State(face): State<Face>,
    RawQuery(query): RawQuery,
) -> Result<List<OperationItem>, Problem> {
    let query = Fields::of_query(query.as_deref(), OPERATIONS)?;
    let limit = u32::try_from(limit(&query)?).unwrap_or(u32::MAX);
    let wanted = OperationQuery {
        kind: query.parse("kind")?,
        state: query.parse("state")?,
        provider: query.address("provider")?,
    };
    let page = face.broker.operation_page(wanted, query.text("cursor")?, limit).await?;
    let items = page.items.into_iter().map(|one| OperationItem::of(one, &face.explorer)).collect();
    Ok(List::page(items, page.total, page.next))
}
