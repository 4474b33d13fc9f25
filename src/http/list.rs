//! Lists as both APIs answer them: `{"Metadata": {"total": n}, "Items": […]}`.

use std::str::FromStr;

use axum::Json;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::Problem;
use super::field::{COUNT, Field, Kind, Shape, optional, required};
use super::input::Fields;
use crate::wire::list::List;

/// What a list holds unless the caller says otherwise, and at most.
pub const DEFAULT_LIMIT: u64 = 100;
pub const MAX_LIMIT: u64 = 1000;

pub const LIMIT: Field = optional("limit", Kind::Count(1, MAX_LIMIT), "Items of a page. Default 100.");
pub const CURSOR: Field = optional("cursor", Kind::Cursor, "`Metadata.Next` of the page before.");
/// The query of a list that takes no filter.
pub const PAGE: &[Field] = &[LIMIT, CURSOR];

/// What every list says of itself.
pub const METADATA: &[Field] = &[required("Metadata", Kind::Object(&OF_LIST), "What is said of the list.")];
static OF_LIST: Shape = Shape {
    name: "Metadata",
    about: "What is said of a list.",
    fields: &[&[
        required("total", COUNT, "How many the filter matches, on this page and off it."),
        optional("Next", Kind::Cursor, "Send it as `cursor` for the next page; absent on the last."),
    ]],
};

/// Cuts a page out of a list that is already whole and sorted.
///
/// The cursor is the key of the last item shown, so that items that come or go in between shift nothing.
pub fn cut<T>(items: Vec<T>, key: impl Fn(&T) -> String, query: &Fields) -> Result<List<T>, Problem> {
    let limit = limit(query)?;
    let total = items.len() as u64;
    let start = match query.text("cursor")? {
        None => 0,
        Some(cursor) => {
            let at = items.iter().position(|item| key(item) == cursor);
            at.ok_or_else(bad_cursor)? + 1
        }
    };
    let mut rest = items.into_iter().skip(start);
    let page: Vec<T> = rest.by_ref().take(limit).collect();
    let next = rest.next().and_then(|_| page.last().map(&key));
    Ok(List::page(page, total, next))
}

/// The `cursor` of a list whose items are told apart by an address.
pub fn cursor<T: FromStr>(query: &Fields) -> Result<Option<T>, Problem> {
    query.text("cursor")?.map(|cursor| cursor.parse().map_err(|_| bad_cursor())).transpose()
}

/// Says no to a cursor, in the same words on every list.
pub fn bad_cursor() -> Problem {
    let message = "the list gave out no such cursor, or has no such item any more; start again without it";
    Problem::field("cursor", message)
}

/// `limit` of a query.
pub fn limit(query: &Fields) -> Result<usize, Problem> {
    let limit = query.number("limit", 1..=MAX_LIMIT)?.unwrap_or(DEFAULT_LIMIT);
    Ok(usize::try_from(limit).unwrap_or(usize::MAX))
}

impl<T: Serialize> IntoResponse for List<T> {
    fn into_response(self) -> Response {
        Json(self).into_response()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;

    fn page(query: &str) -> serde_json::Value {
        let query = Fields::of_query(Some(query), PAGE).unwrap();
        let list = cut(vec!["a", "b", "c"], |item| (*item).to_owned(), &query).unwrap();
        serde_json::to_value(list).unwrap()
    }

    #[test]
    fn pages_follow_each_other() {
        let whole = serde_json::json!({"Metadata": {"total": 3}, "Items": ["a", "b", "c"]});
        assert_eq!(page(""), whole);
        let first = serde_json::json!({"Metadata": {"total": 3, "Next": "b"}, "Items": ["a", "b"]});
        assert_eq!(page("limit=2"), first);
        let last = serde_json::json!({"Metadata": {"total": 3}, "Items": ["c"]});
        assert_eq!(page("limit=2&cursor=b"), last);
        let gone = Fields::of_query(Some("cursor=x"), PAGE).unwrap();
        assert!(cut(vec!["a"], |item| (*item).to_owned(), &gone).is_err());
    }
}
