//! What was asked for and what it cost: requests, receipts, on-chain operations.

use axum::Json;
use axum::extract::{Path, RawQuery, State};

use super::Face;
use super::shapes::{OperationItem, ReceiptItem, RequestItem};
use crate::broker::user::{RequestFilter, RequestSort};
use crate::http::Problem;
use crate::http::input::{Fields, path_value};
use crate::http::list::limit;
use crate::wire::list::List;

pub(super) async fn list(
    State(face): State<Face>,
    RawQuery(query): RawQuery,
) -> Result<List<RequestItem>, Problem> {
    let known = &["provider", "service", "status", "from", "to", "sort", "limit", "cursor"];
    let query = Fields::of_query(query.as_deref(), known)?;
    let filter = RequestFilter {
        provider: query.address("provider")?,
        service: query.parse("service")?,
        state: query.parse("status")?,
        from: query.parse("from")?,
        to: query.parse("to")?,
        search: None,
    };
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

pub(super) async fn show(
    State(face): State<Face>,
    Path(id): Path<String>,
) -> Result<Json<RequestItem>, Problem> {
    Ok(Json(face.broker.request(path_value("id", &id)?).await?.into()))
}

pub(super) async fn receipt(
    State(face): State<Face>,
    Path(id): Path<String>,
) -> Result<Json<ReceiptItem>, Problem> {
    Ok(Json(face.broker.receipt(path_value("id", &id)?).await?.into()))
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
    let query = Fields::of_query(query.as_deref(), &["limit"])?;
    let limit = u32::try_from(limit(&query)?).unwrap_or(u32::MAX);
    let operations = face.broker.operations(limit).await?;
    let total = operations.len() as u64;
    Ok(List::page(
        operations.into_iter().map(|one| OperationItem::of(one, &face.explorer)).collect(),
        total,
        None,
    ))
}
