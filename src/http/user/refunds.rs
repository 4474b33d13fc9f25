//! Taking deposit back: ask, list, take, withdraw.

use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use http::{HeaderMap, StatusCode};

use super::Face;
use super::accounts::same_provider;
use super::done::{Wait, answer, idempotency_key};
use super::shapes::RefundItem;
use crate::broker::user::Replace;
use crate::http::Problem;
use crate::http::field::{Field, Kind, SUM, optional, required, untold};
use crate::http::input::{Fields, JsonBody, path_address};
use crate::http::list::{CURSOR, LIMIT, cut};
use crate::wire::list::List;

pub(super) const LISTING: &[Field] = &[
    optional("processed", Kind::Truth, "true: only those taken; false: only those not."),
    optional("provider", Kind::Address, "Only with this provider."),
    optional("sort", Kind::Words(&["newest", "oldest", "largest"]), "Default newest."),
    LIMIT,
    CURSOR,
];
pub(super) const REFUND: &[Field] = &[
    required("amount", SUM, "Neuron."),
    optional("replace", Kind::Truth, "true: change the amount of a refund that is pending already."),
    untold("provider", Kind::Address),
];

#[derive(Clone, Copy)]
enum Order {
    Newest,
    Oldest,
    Largest,
}

pub(super) async fn list(
    State(face): State<Face>,
    RawQuery(query): RawQuery,
) -> Result<List<RefundItem>, Problem> {
    let query = Fields::of_query(query.as_deref(), LISTING)?;
    let provider = query.address("provider")?;
    let refunds = face.broker.refunds(query.truth("processed")?).await?;
    let orders = [("newest", Order::Newest), ("oldest", Order::Oldest), ("largest", Order::Largest)];
    let order = query.word("sort", &orders)?.unwrap_or(Order::Newest);
    let wanted =
        refunds.into_iter().filter(|refund| provider.is_none_or(|provider| refund.provider == provider));
    let mut items: Vec<RefundItem> = wanted.map(RefundItem::from).collect();
    match order {
        // As the broker keeps them.
        Order::Newest => {}
        Order::Oldest => items.reverse(),
        Order::Largest => items.sort_by_key(|refund| std::cmp::Reverse(refund.amount)),
    }
    cut(items, |refund: &RefundItem| format!("{}-{}", refund.provider, refund.index), &query)
}

pub(super) async fn request(
    State(face): State<Face>,
    Path(provider): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: JsonBody,
) -> Result<Response, Problem> {
    let provider = path_address("provider", &provider)?;
    let wait = Wait::of(query.as_deref())?;
    // What answers carry and upstream's clients repeat has no effect.
    let input = Fields::of_body(body, REFUND, &["index", "createdAt", "unlockAt", "processed"])?;
    same_provider(&input, provider)?;
    let replace = if input.truth("replace")? == Some(true) { Replace::Yes } else { Replace::No };
    let amount = input.need_amount("amount")?;
    let key = idempotency_key(&headers)?;
    let operation = face.broker.request_refund(provider, amount, replace, key).await?;
    answer(&face, operation, wait, StatusCode::ACCEPTED).await
}

pub(super) async fn cancel(
    State(face): State<Face>,
    Path(provider): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let provider = path_address("provider", &provider)?;
    let wait = Wait::of(query.as_deref())?;
    let operation = face.broker.cancel_refund(provider, idempotency_key(&headers)?).await?;
    answer(&face, operation, wait, StatusCode::ACCEPTED).await
}

pub(super) async fn process(
    State(face): State<Face>,
    Path(provider): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let provider = path_address("provider", &provider)?;
    let wait = Wait::of(query.as_deref())?;
    let operation = face.broker.process_refund(provider, idempotency_key(&headers)?).await?;
    answer(&face, operation, wait, StatusCode::ACCEPTED).await
}
