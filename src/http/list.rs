//! Lists as both APIs answer them: `{"Metadata": {"total": n}, "Items": […]}`.

use axum::Json;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::Problem;
use super::input::Fields;
use crate::domain::{Address, Neuron};

/// What a list holds unless the caller says otherwise, and at most.
pub const DEFAULT_LIMIT: u64 = 100;
pub const MAX_LIMIT: u64 = 1000;

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct List<T> {
    metadata: Metadata,
    items: Vec<T>,
    /// The sum of all fees that the filter matches, on lists of requests.
    #[serde(skip_serializing_if = "Option::is_none")]
    fee: Option<Neuron>,
}

#[derive(Debug, Serialize)]
struct Metadata {
    /// How many the filter matches, on this page and off it.
    total: u64,
    /// Send it as `cursor` for the next page; absent on the last.
    #[serde(rename = "Next", skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

impl<T: Serialize> List<T> {
    /// A page of something longer.
    pub fn page(items: Vec<T>, total: u64, next: Option<String>) -> List<T> {
        List { metadata: Metadata { total, next }, items, fee: None }
    }

    #[must_use]
    pub fn with_fee(mut self, fee: Neuron) -> List<T> {
        self.fee = Some(fee);
        self
    }

    /// Cuts a page out of a list that is already whole and sorted.
    ///
    /// The cursor is the key of the last item shown, so that items that come or go in between shift nothing.
    pub fn cut(items: Vec<T>, key: impl Fn(&T) -> String, query: &Fields) -> Result<List<T>, Problem> {
        let limit = limit(query)?;
        let total = items.len() as u64;
        let start = match query.text("cursor")? {
            None => 0,
            Some(cursor) => {
                let at = items.iter().position(|item| key(item) == cursor);
                at.ok_or_else(|| Problem::field("cursor", "the list has no such item any more; start again"))?
                    + 1
            }
        };
        let mut rest = items.into_iter().skip(start);
        let page: Vec<T> = rest.by_ref().take(limit).collect();
        let next = rest.next().and_then(|_| page.last().map(&key));
        Ok(List::page(page, total, next))
    }
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

/// Addresses with their checksum in upper and lower case.
pub fn checksummed<S: serde::Serializer>(address: &Address, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(address)
}

pub fn maybe_checksummed<S: serde::Serializer>(
    address: &Option<Address>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    address.map(|address| address.to_string()).serialize(serializer)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;

    const KNOWN: &[&str] = &["limit", "cursor"];

    fn page(query: &str) -> serde_json::Value {
        let query = Fields::of_query(Some(query), KNOWN).unwrap();
        let list = List::cut(vec!["a", "b", "c"], |item| (*item).to_owned(), &query).unwrap();
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
        assert!(List::cut(vec!["a"], |item| (*item).to_owned(), &gone).is_err());
    }
}
