//! Lists as both APIs answer them: `{"Metadata": {"total": n}, "Items": […]}`.

use axum::Json;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::Problem;
use super::input::Fields;
use crate::wire::list::List;

/// What a list holds unless the caller says otherwise, and at most.
pub const DEFAULT_LIMIT: u64 = 100;
pub const MAX_LIMIT: u64 = 1000;

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
            at.ok_or_else(|| Problem::field("cursor", "the list has no such item any more; start again"))? + 1
        }
    };
    let mut rest = items.into_iter().skip(start);
    let page: Vec<T> = rest.by_ref().take(limit).collect();
    let next = rest.next().and_then(|_| page.last().map(&key));
    Ok(List::page(page, total, next))
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

    const KNOWN: &[&str] = &["limit", "cursor"];

    fn page(query: &str) -> serde_json::Value {
        let query = Fields::of_query(Some(query), KNOWN).unwrap();
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
        let gone = Fields::of_query(Some("cursor=x"), KNOWN).unwrap();
        assert!(cut(vec!["a"], |item| (*item).to_owned(), &gone).is_err());
    }
}
