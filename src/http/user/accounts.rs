//! Accounts with providers: list, show, open, add to, read again.

use std::cmp::Reverse;

use axum::Json;
use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use http::{HeaderMap, StatusCode};

use super::Face;
use super::done::{Wait, answer, idempotency_key};
use super::shapes::AccountItem;
use crate::broker::user::AccountView;
use crate::domain::{Address, Neuron};
use crate::http::Problem;
use crate::http::field::{Field, Kind, SUM, optional, required, untold};
use crate::http::input::{Fields, JsonBody, path_address};
use crate::http::list::{CURSOR, LIMIT, cursor, cut, limit};
use crate::wire::list::List;

pub(super) const LISTING: &[Field] = &[
    optional(
        "sort",
        Kind::Words(&["provider", "balance", "available", "owed"]),
        "Default provider; by an amount, the highest first.",
    ),
    LIMIT,
    CURSOR,
];
pub(super) const OPENING: &[Field] = &[
    required("provider", Kind::Address, "The provider's address."),
    required("balance", SUM, "The deposit in neuron."),
];
pub(super) const CHARGE: &[Field] = &[
    required("balance", SUM, "What is added, in neuron; `amount` means the same."),
    untold("amount", SUM),
    untold("provider", Kind::Address),
];

/// What accounts are sorted by.
type Figure = fn(&AccountView) -> Neuron;

pub(super) async fn list(
    State(face): State<Face>,
    RawQuery(query): RawQuery,
) -> Result<List<AccountItem>, Problem> {
    let query = Fields::of_query(query.as_deref(), LISTING)?;
    let orders: [(&str, Option<Figure>); 4] = [
        // As the broker keeps them.
        ("provider", None),
        ("balance", Some(|account| account.balance)),
        ("available", Some(|account| account.available)),
        ("owed", Some(|account| account.owed)),
    ];
    if let Some(figure) = query.word("sort", &orders)?.flatten() {
        let mut accounts = face.broker.accounts();
        accounts.sort_by_key(|account| Reverse(figure(account)));
        let items = accounts.into_iter().map(AccountItem::from).collect();
        return cut(items, |account: &AccountItem| account.provider.to_string(), &query);
    }
    let page = face.broker.accounts_after(cursor(&query)?, limit(&query)?);
    let next = page.accounts.last().filter(|_| page.more).map(|account| account.provider.to_string());
    let items = page.accounts.into_iter().map(AccountItem::from).collect();
    Ok(List::page(items, page.total as u64, next))
}

pub(super) async fn show(
    State(face): State<Face>,
    Path(provider): Path<String>,
) -> Result<Json<AccountItem>, Problem> {
    let provider = path_address("provider", &provider)?;
    Ok(Json(face.broker.account(provider)?.into()))
}

pub(super) async fn create(
    State(face): State<Face>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: JsonBody,
) -> Result<Response, Problem> {
    let wait = Wait::of(query.as_deref())?;
    let input = Fields::of_body(body, OPENING, &[])?;
    let (provider, balance) = (input.need_address("provider")?, input.need_amount("balance")?);
    let begun = face.broker.create_account(provider, balance, idempotency_key(&headers)?).await;
    let operation = begun.map_err(|error| Problem::from(error).renamed("amount", "balance"))?;
    answer(&face, operation, wait, StatusCode::NO_CONTENT).await
}

pub(super) async fn charge(
    State(face): State<Face>,
    Path(provider): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: JsonBody,
) -> Result<Response, Problem> {
    let provider = path_address("provider", &provider)?;
    let wait = Wait::of(query.as_deref())?;
    let input = Fields::of_body(body, CHARGE, &[])?;
    same_provider(&input, provider)?;
    let amount = balance_or_amount(&input)?;
    let name = if input.get("amount").is_some() { "amount" } else { "balance" };
    let begun = face.broker.deposit(provider, amount, idempotency_key(&headers)?).await;
    let operation = begun.map_err(|error| Problem::from(error).renamed("amount", name))?;
    answer(&face, operation, wait, StatusCode::ACCEPTED).await
}

/// The amount is called `balance` upstream, and `amount` by everybody who guesses.
fn balance_or_amount(input: &Fields) -> Result<Neuron, Problem> {
    match (input.amount("balance")?, input.amount("amount")?) {
        (Some(amount), None) | (None, Some(amount)) => Ok(amount),
        (None, None) => Err(Problem::field("balance", "it is missing")),
        (Some(_), Some(_)) => Err(Problem::field("amount", "give balance or amount, not both")),
    }
}

/// A provider in the body must be the one of the path.
pub(super) fn same_provider(input: &Fields, provider: Address) -> Result<(), Problem> {
    match input.address("provider")? {
        Some(other) if other != provider => {
            Err(Problem::field("provider", "it is not the provider of the path"))
        }
        _ => Ok(()),
    }
}

pub(super) async fn sync(
    State(face): State<Face>,
    Path(provider): Path<String>,
) -> Result<StatusCode, Problem> {
    face.broker.sync(path_address("provider", &provider)?).await?;
    Ok(StatusCode::ACCEPTED)
}

pub(super) async fn sync_all(State(face): State<Face>) -> Result<StatusCode, Problem> {
    face.broker.sync_all().await?;
    Ok(StatusCode::ACCEPTED)
}

/// Names this broker's key on an account whose delegate key is lost or elsewhere.
pub(super) async fn take_over(
    State(face): State<Face>,
    Path(provider): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let provider = path_address("provider", &provider)?;
    let wait = Wait::of(query.as_deref())?;
    let operation = face.broker.take_over(provider, idempotency_key(&headers)?).await?;
    answer(&face, operation, wait, StatusCode::ACCEPTED).await
}
