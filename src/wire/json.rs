//! Reading of foreign JSON one level at a time, over its own text.
//!
//! Nothing is built: an object is walked member by member, each value a slice of the text as it was written. So a
//! body of 16 MiB costs no memory but its own, a member that occurs twice is seen twice, and what is not looked at
//! keeps its every digit. All readers are tolerant: a value of an unexpected type reads as "not there".

use std::borrow::Cow;
use std::fmt;

use serde::de::{self, Deserializer as _, MapAccess, SeqAccess};
use serde_json::value::RawValue;

/// The text is not (whole) JSON of the wanted kind.
#[derive(Debug, thiserror::Error)]
#[error("not a JSON {wanted}: {source}")]
pub struct NotJson {
    wanted: &'static str,
    source: serde_json::Error,
}

/// What a JSON text is, told from its first character.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Object,
    Array,
    Text,
    Number,
    /// `null`, `true`, `false`.
    Word,
}

pub fn kind(json: &str) -> Kind {
    match json.trim_start().as_bytes().first() {
        Some(b'{') => Kind::Object,
        Some(b'[') => Kind::Array,
        Some(b'"') => Kind::Text,
        Some(b'-' | b'0'..=b'9') => Kind::Number,
        _ => Kind::Word,
    }
}

/// Calls `visit` with each member of an object, in order, repeated ones included: decoded name, raw value.
pub fn members<'a>(object: &'a str, visit: impl FnMut(&str, &'a str)) -> Result<(), NotJson> {
    let fault = |source| NotJson { wanted: "object", source };
    let mut reader = serde_json::Deserializer::from_str(object);
    reader.deserialize_map(Members(visit)).map_err(fault)?;
    reader.end().map_err(fault)
}

/// Calls `visit` with the place and the raw text of each element of an array.
pub fn elements<'a>(array: &'a str, visit: impl FnMut(usize, &'a str)) -> Result<(), NotJson> {
    let fault = |source| NotJson { wanted: "array", source };
    let mut reader = serde_json::Deserializer::from_str(array);
    reader.deserialize_seq(Elements(visit)).map_err(fault)?;
    reader.end().map_err(fault)
}

/// A string's decoded text; `None` for anything else.
///
/// A string that cannot be decoded (a lone surrogate) reads as it is written, without its quotes.
pub fn text(json: &str) -> Option<Cow<'_, str>> {
    let inner = json.strip_prefix('"')?.strip_suffix('"')?;
    if !inner.contains('\\') {
        return Some(Cow::Borrowed(inner));
    }
    Some(serde_json::from_str::<String>(json).map_or(Cow::Borrowed(inner), Cow::Owned))
}

/// A whole number of 0 or more, also when written `12.0` or `1e3`; `None` for anything else.
pub fn unsigned(json: &str) -> Option<u64> {
    if let Ok(number) = json.parse() {
        return Some(number);
    }
    let exact = 0.0..=9_007_199_254_740_992.0; // beyond 2^53 a float is not a count any more
    let number = (kind(json) == Kind::Number).then(|| json.parse::<f64>().ok())??;
    (exact.contains(&number) && number.trunc() == number).then_some(number as u64)
}

pub fn is_true(json: &str) -> bool {
    json == "true"
}

struct Members<F>(F);

impl<'de, F: FnMut(&str, &'de str)> de::Visitor<'de> for Members<F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        while let Some(Name(name)) = map.next_key()? {
            (self.0)(&name, map.next_value::<&'de RawValue>()?.get());
        }
        Ok(())
    }
}

struct Elements<F>(F);

impl<'de, F: FnMut(usize, &'de str)> de::Visitor<'de> for Elements<F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut seq: A) -> Result<(), A::Error> {
        let mut place = 0;
        while let Some(element) = seq.next_element::<&'de RawValue>()? {
            (self.0)(place, element.get());
            place += 1;
        }
        Ok(())
    }
}

/// A member's name, borrowed where it has no escapes.
struct Name<'a>(Cow<'a, str>);

impl<'de> de::Deserialize<'de> for Name<'de> {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Name<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }

            fn visit_borrowed_str<E: de::Error>(self, name: &'de str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Borrowed(name)))
            }

            fn visit_str<E: de::Error>(self, name: &str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Owned(name.to_owned())))
            }
        }
        deserializer.deserialize_str(Visitor)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;

    fn all(object: &str) -> Option<Vec<(String, &str)>> {
        let mut found = Vec::new();
        members(object, |name, value| found.push((name.to_owned(), value))).ok().map(|()| found)
    }

    #[test]
    fn members_keep_their_text_and_their_repetitions() {
        let found = all(r#" {"a": 12345678901234567890123, "\u0061" :{"x" : [ 1 ]}, "b":"\n"} "#).unwrap();
        let expected = [("a", "12345678901234567890123"), ("a", r#"{"x" : [ 1 ]}"#), ("b", r#""\n""#)];
        assert_eq!(found, expected.map(|(name, value)| (name.to_owned(), value)));
        assert_eq!(all("{}"), Some(vec![]));
        for bad in ["", "[]", "{", "{}x", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{\"\\ud800\":1}", "null"] {
            assert_eq!(all(bad), None, "{bad}");
        }
    }

    #[test]
    fn deep_nesting_does_not_reach_the_stack() {
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(1 << 20), "]".repeat(1 << 20));
        assert_eq!(all(&deep).unwrap().len(), 1);
    }

    #[test]
    fn values_are_read_tolerantly() {
        assert_eq!(text(r#""a\u00e4\n""#).unwrap(), "aä\n");
        assert_eq!(text(r#""a\ud800""#).unwrap(), r"a\ud800");
        assert_eq!(text("12"), None);
        for (json, number) in [("0", Some(0)), ("18446744073709551615", Some(u64::MAX)), ("12.0", Some(12))] {
            assert_eq!(unsigned(json), number);
        }
        for json in ["-1", "1.5", "1e300", "\"3\"", "null", "true", "[1]", "NaN", "inf"] {
            assert_eq!(unsigned(json), None, "{json}");
        }
    }
}
