//! Requests that were served, and on-chain operations.

use axum::Json;
use axum::extract::{Path, RawQuery, State};
use axum::response::Response;

use super::Face;
use crate::broker::provider::{
    Direction, OperationFilter, PageCursor, PageOf, ProviderRequestFilter, ProviderRequestSort,
};
use crate::http::Problem;
use crate::http::export;
use crate::http::field::{Field, Kind, optional};
use crate::http::input::{Fields, path_value};
use crate::http::list::{CURSOR, LIMIT, bad_cursor, limit};
use crate::wire::admin::{OperationItem, RequestItem};
use crate::wire::list::List;

// What listings and exports filter by.
const USER: Field = optional("user", Kind::Address, "Only of this user.");
const SERVICE: Field = optional("service", Kind::Name, "Only of this service.");
const STATUS: Field = optional("status", super::answers::STATES, "Only in this state.");
const FROM: Field = optional("from", Kind::Moment, "Made at this time or later.");
const TO: Field = optional("to", Kind::Moment, "Made before this time.");
pub(super) const EXPORT: &[Field] = &[export::FORMAT, USER, SERVICE, STATUS, FROM, TO];
pub(super) const LISTING: &[Field] = &[
    USER,
    SERVICE,
    STATUS,
    FROM,
    TO,
    optional("sort", Kind::Words(&["newest", "oldest", "dearest", "cheapest"]), "Default newest."),
    LIMIT,
    CURSOR,
];
pub(super) const OPERATIONS: &[Field] = &[
    optional("kind", super::answers::OPERATION_KINDS, "Only of this kind."),
    optional("state", super::answers::OPERATION_STATES, "Only in this state."),
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
        ("newest", ProviderRequestSort::CreatedAt(Direction::Descending)),
        ("oldest", ProviderRequestSort::CreatedAt(Direction::Ascending)),
        ("dearest", ProviderRequestSort::Fee(Direction::Descending)),
        ("cheapest", ProviderRequestSort::Fee(Direction::Ascending)),
    ];
    let order = query.word("sort", &orders)?.unwrap_or(ProviderRequestSort::CreatedAt(Direction::Descending));
    let page = page_of(&query)?;
    let totals = face.broker.request_totals(filter.clone()).await?;
    let page = face.broker.requests(filter, order, page).await?;
    let items = page.items.into_iter().map(RequestItem::from).collect();
    let next = page.next.map(|cursor| cursor.to_string());
    Ok(List::page(items, totals.count, next).with_fee(totals.fee.total()))
}

pub(super) async fn export(State(face): State<Face>, RawQuery(query): RawQuery) -> Result<Response, Problem> {
    let query = Fields::of_query(query.as_deref(), EXPORT)?;
    let (format, filter, broker) = (export::format(&query)?, filter(&query)?, face.broker);
    let written = async move |writer| broker.export_requests(filter, format, writer).await;
    Ok(export::file("requests", format, written))
}

fn filter(query: &Fields) -> Result<ProviderRequestFilter, Problem> {
    Ok(ProviderRequestFilter {
        user: query.address("user")?,
        service: query.parse("service")?,
        state: query.parse("status")?,
        from: query.parse("from")?,
        to: query.parse("to")?,
    })
}

pub(super) fn page_of(query: &Fields) -> Result<PageOf, Problem> {
    let after: Option<PageCursor> = query.parse("cursor").map_err(|_| bad_cursor())?;
    Ok(PageOf { after, limit: u32::try_from(limit(query)?).unwrap_or(u32::MAX) })
}

pub(super) async fn show(
    State(face): State<Face>,
    Path(id): Path<String>,
) -> Result<Json<RequestItem>, Problem> {
    Ok(Json(face.broker.request(path_value("id", &id)?).await?.into()))
}

pub(super) async fn operation(
    State(face): State<Face>,
    Path(id): Path<String>,
) -> Result<Json<OperationItem>, Problem> {
    Ok(Json(face.linked(face.broker.operation(path_value("id", &id)?).await?.into())))
}

pub(super) async fn operations(
    State(face): State<Face>,
    RawQuery(query): RawQuery,
) -> Result<List<OperationItem>, Problem> {
    let query = Fields::of_query(query.as_deref(), OPERATIONS)?;
    let filter = OperationFilter {
        kind: query.parse("kind")?,
        state: query.parse("state")?,
        ..OperationFilter::default()
    };
    let page = face.broker.operations(filter.clone(), page_of(&query)?).await?;
    let total = face.broker.count_operations(filter).await?;
    let next = page.next.map(|cursor| cursor.to_string());
    Ok(List::page(
        page.items.into_iter().map(|one| face.linked(OperationItem::from(one))).collect(),
        total,
        next,
    ))
}
