//! Users and what they owe.

use axum::Json;
use axum::extract::{Path, RawQuery, State};
use http::StatusCode;

use super::Face;
use crate::broker::provider::ProviderError;
use crate::http::Problem;
use crate::http::input::{Fields, path_address};
use crate::http::list::{PAGE, cursor, limit};
use crate::wire::admin::UserItem;
use crate::wire::list::List;

pub(super) async fn list(
    State(face): State<Face>,
    RawQuery(query): RawQuery,
) -> Result<List<UserItem>, Problem> {
    let query = Fields::of_query(query.as_deref(), PAGE)?;
    let page = face.broker.users_after(cursor(&query)?, limit(&query)?);
    let next = page.next.map(|place| place.to_string());
    let items = page.users.into_iter().map(UserItem::from).collect();
    Ok(List::page(items, page.total as u64, next))
}

pub(super) async fn show(
    State(face): State<Face>,
    Path(user): Path<String>,
) -> Result<Json<UserItem>, Problem> {
    let user = path_address("user", &user)?;
    Ok(Json(face.broker.user(user).ok_or(ProviderError::UnknownUser(user))?.into()))
}

pub(super) async fn sync(State(face): State<Face>, Path(user): Path<String>) -> Result<StatusCode, Problem> {
    face.broker.sync_account(path_address("user", &user)?).await?;
    Ok(StatusCode::ACCEPTED)
}

pub(super) async fn sync_all(State(face): State<Face>) -> Result<StatusCode, Problem> {
    face.broker.sync_accounts().await?;
    Ok(StatusCode::ACCEPTED)
}
