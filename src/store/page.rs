//! Lists in pages: filters, orders and cursors, without a word of SQL from outside.
//!
//! A page ends with a cursor that names its last row (the value it is sorted by, and its id). The next page starts
//! behind that row, so rows that come and go in the meantime neither repeat nor hide others.

use std::{fmt, str::FromStr};

use alloy::primitives::hex;
use rusqlite::types::Value;

use super::StoreError;
use crate::domain::Fee;

/// The most rows of one page.
pub const LONGEST_PAGE: u32 = 1000;

/// Which way a list runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Direction {
    Ascending,
    #[default]
    Descending,
}

impl Direction {
    const fn word(self) -> &'static str {
        match self {
            Self::Ascending => "ASC",
            Self::Descending => "DESC",
        }
    }
}

/// Which part of a list is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageOf {
    /// Where the page before ended; the first page without.
    pub after: Option<Cursor>,
    /// Rows at most; held to 1 and [`LONGEST_PAGE`].
    pub limit: u32,
}

impl PageOf {
    pub const fn first(limit: u32) -> Self {
        Self { after: None, limit }
    }
}

/// A part of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    pub items: Vec<T>,
    /// Where the next page starts; `None` at the end of the list.
    pub next: Option<Cursor>,
}

/// How much a filter covers in all, whatever the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    pub count: u64,
    pub fee: Fee,
}

/// A place in a sorted list. Its text is opaque to whoever hands it back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    /// The column's initial and the direction, so that a cursor of one order is refused by another.
    order: [u8; 2],
    key: Key,
    id: Vec<u8>,
}

/// A value that a list is sorted by.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Key {
    Number(i64),
    Bytes(Vec<u8>),
}

/// Ids and sort values have 16 to 40 bytes.
const LONGEST_PART: usize = 64;

impl fmt::Display for Cursor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [column, direction] = self.order.map(char::from);
        write!(formatter, "{column}{direction}-")?;
        match &self.key {
            Key::Number(number) => write!(formatter, "n{number}")?,
            Key::Bytes(bytes) => write!(formatter, "b{}", hex::encode(bytes))?,
        }
        write!(formatter, "-{}", hex::encode(&self.id))
    }
}

impl FromStr for Cursor {
    type Err = StoreError;

    fn from_str(text: &str) -> Result<Self, StoreError> {
        parse(text).ok_or(StoreError::Cursor)
    }
}

fn parse(text: &str) -> Option<Cursor> {
    let (order, rest) = text.split_once('-')?;
    // The number may be negative, the id has no dash: split from the end.
    let (key, id) = rest.rsplit_once('-')?;
    let bytes = |text: &str| hex::decode(text).ok().filter(|bytes| bytes.len() <= LONGEST_PART);
    let key = match key.split_at_checked(1)? {
        ("n", number) => Key::Number(number.parse().ok()?),
        ("b", digits) => Key::Bytes(bytes(digits)?),
        _ => return None,
    };
    Some(Cursor { order: order.as_bytes().try_into().ok()?, key, id: bytes(id)? })
}

/// What a list is sorted by: a column, made definite by the id.
#[derive(Debug, Clone, Copy)]
pub(in crate::store) struct Order {
    /// A column name of ours.
    pub column: &'static str,
    pub id: &'static str,
    pub direction: Direction,
}

impl Order {
    fn tag(&self) -> [u8; 2] {
        let direction = match self.direction {
            Direction::Ascending => b'a',
            Direction::Descending => b'd',
        };
        [self.column.bytes().next().unwrap_or(b'?'), direction]
    }
}

/// Conditions of a query, each a text of ours with values bound to it.
#[derive(Debug, Default)]
pub(in crate::store) struct Filter {
    sql: String,
    pub values: Vec<Value>,
}

impl Filter {
    /// Adds a condition with one `?`.
    pub fn and(&mut self, condition: &'static str, value: impl Into<Value>) {
        self.and_values(condition, [value.into()]);
    }

    /// Adds a condition with one `?`, if there is a value for it.
    pub fn and_if(&mut self, condition: &'static str, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.and(condition, value);
        }
    }

    /// Adds a condition with as many `?` as there are values.
    pub fn and_values(&mut self, condition: &str, values: impl IntoIterator<Item = Value>) {
        self.sql.push_str(if self.sql.is_empty() { " WHERE " } else { " AND " });
        self.sql.push_str(condition);
        self.values.extend(values);
    }

    /// Adds the conditions of another.
    pub fn and_all(&mut self, other: &Self) {
        if let Some(conditions) = other.sql.strip_prefix(" WHERE ") {
            self.and_values(conditions, other.values.iter().cloned());
        }
    }

    pub fn is_empty(&self) -> bool {
        self.sql.is_empty()
    }

    /// The `WHERE` clause, empty without conditions.
    pub fn sql(&self) -> &str {
        &self.sql
    }

    /// The query for a page of requests, and its values: the filed ones by an index, the one that is named if one is,
    /// the few others looked at one by one, in one order.
    pub fn requests(
        mut self,
        order: Order,
        page: &PageOf,
        index: Option<&'static str>,
    ) -> Result<(String, Vec<Value>), StoreError> {
        let Order { column, id, direction } = order;
        let by = index.map(|index| format!(" INDEXED BY {index}")).unwrap_or_default();
        let word = direction.word();
        self.and_values("filed = 1", []);
        let filed = self.page(order, page)?;
        let unfiled = filed.replacen("filed = 1", "filed = 0", 1);
        let sql = format!(
            "SELECT * FROM (SELECT * FROM requests{by}{filed}) UNION ALL
             SELECT * FROM (SELECT * FROM requests INDEXED BY requests_unfiled{unfiled})
             ORDER BY {column} {word}, {id} {word} LIMIT {}",
            limit(page) + 1
        );
        let mut values = self.values.clone();
        values.append(&mut self.values);
        Ok((sql, values))
    }

    /// Narrows to what follows the page before, and returns the rest of the query. One row more than the page is
    /// asked for, to know whether there is a next one.
    pub fn page(&mut self, order: Order, page: &PageOf) -> Result<String, StoreError> {
        let Order { column, id, direction } = order;
        let (beyond, word) = match direction {
            Direction::Ascending => (">", direction.word()),
            Direction::Descending => ("<", direction.word()),
        };
        if let Some(after) = &page.after {
            if after.order != order.tag() {
                return Err(StoreError::Cursor);
            }
            let key = match &after.key {
                Key::Number(number) => Value::Integer(*number),
                Key::Bytes(bytes) => Value::Blob(bytes.clone()),
            };
            self.and_values(
                &format!("({column}, {id}) {beyond} (?, ?)"),
                [key, Value::Blob(after.id.clone())],
            );
        }
        let limit = limit(page) + 1;
        Ok(format!("{} ORDER BY {column} {word}, {id} {word} LIMIT {limit}", self.sql))
    }
}

/// How many rows a page has at most.
pub(in crate::store) fn limit(page: &PageOf) -> u32 {
    page.limit.clamp(1, LONGEST_PAGE)
}

/// Cuts the extra row off and makes the cursor from the last that stays.
pub(in crate::store) fn cut<T>(
    mut items: Vec<T>,
    page: &PageOf,
    order: Order,
    place: impl FnOnce(&T) -> (Value, Vec<u8>),
) -> Page<T> {
    let limit = limit(page) as usize;
    if items.len() <= limit {
        return Page { items, next: None };
    }
    items.truncate(limit);
    let next = items.last().and_then(|last| {
        let (key, id) = place(last);
        let key = match key {
            Value::Integer(number) => Key::Number(number),
            Value::Blob(bytes) => Key::Bytes(bytes),
            _ => return None,
        };
        Some(Cursor { order: order.tag(), key, id })
    });
    Page { items, next }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by panicking")]

    use super::*;

    #[test]
    fn a_cursor_survives_its_text_and_nonsense_does_not() {
        for key in [Key::Number(-5), Key::Number(i64::MAX), Key::Bytes(vec![0, 255]), Key::Bytes(vec![])] {
            let cursor = Cursor { order: *b"cd", key, id: vec![7; 32] };
            assert_eq!(cursor.to_string().parse::<Cursor>().unwrap(), cursor);
        }
        let long = format!("cd-b{}-00", "00".repeat(65));
        for text in ["", "-", "--", "cd-n1", "cd-n1-zz", "cdx-n1-00", "cd-x1-00", "cd-é-00", "cd--00", &long]
        {
            assert!(matches!(text.parse::<Cursor>(), Err(StoreError::Cursor)), "{text}");
        }
    }

    #[test]
    fn a_cursor_of_another_order_is_refused() {
        let order = Order { column: "created_at", id: "id", direction: Direction::Descending };
        let page = PageOf { after: Some("ca-n1-00".parse().unwrap()), limit: 5 };
        assert!(matches!(Filter::default().page(order, &page), Err(StoreError::Cursor)));
        let mut filter = Filter::default();
        filter.and("user = ?", vec![1u8]);
        let page = PageOf { after: Some("cd-n1-00".parse().unwrap()), limit: 5000 };
        let sql = filter.page(order, &page).unwrap();
        assert_eq!(
            sql,
            " WHERE user = ? AND (created_at, id) < (?, ?) ORDER BY created_at DESC, id DESC LIMIT 1001"
        );
        assert_eq!(filter.values.len(), 3);
    }
}
