//! Sets top-level members of a JSON object and leaves every other byte of its text alone.
//!
//! Used where a broker must change a body that it passes on (`max_tokens`, `stream_options`). Numbers of any size,
//! the order of members, spacing and escapes stay as they were written. A member that occurs several times is set
//! at every place, so that the upstream reads our value whichever occurrence it believes.

use std::collections::HashMap;

use super::json;

/// Why a body cannot be edited.
#[derive(Debug, thiserror::Error)]
pub enum EditError {
    #[error("the body is not UTF-8 text")]
    NotUtf8,
    #[error("the body is {0}")]
    NotAnObject(#[from] json::NotJson),
    /// Setting each of them to the same object could make the body as large as it likes.
    #[error("the body names {0} more than once")]
    Repeated(&'static str),
    /// Each would become an object, and the body many times as large.
    #[error("the body has more than {MOST_SETTINGS} objects in {0}")]
    TooMany(&'static str),
}

/// Prompts of one body that may have settings of their own.
pub const MOST_SETTINGS: usize = 4_096;

/// Sets each `(name, JSON text)` of `edits`: in place where the object has the member, else at its end.
///
/// The JSON texts are written as given. Names must differ.
pub fn set_members(body: &[u8], edits: &[(&str, &str)]) -> Result<Vec<u8>, EditError> {
    let whole = std::str::from_utf8(body).map_err(|_| EditError::NotUtf8)?;
    let object = whole.strip_prefix('\u{feff}').unwrap_or(whole);
    // A stranger chooses how many members are set, so each is looked up and not searched for.
    let named: HashMap<&str, usize> = edits.iter().enumerate().map(|(at, (name, _))| (*name, at)).collect();
    let mut places = Vec::new();
    let mut found = vec![false; edits.len()];
    let mut empty = true;
    json::members(object, |name, value| {
        empty = false;
        if let Some(&at) = named.get(name) {
            found[at] = true;
            // Both slices are of the same text, so their distance is the value's place in it.
            let start = value.as_ptr() as usize - object.as_ptr() as usize;
            places.push((start..start + value.len(), edits[at].1));
        }
    })?;

    let mut edited = String::with_capacity(whole.len() + 64);
    edited.push_str(&whole[..whole.len() - object.len()]);
    let mut written = 0;
    for (place, value) in places {
        edited.push_str(&object[written..place.start]);
        edited.push_str(value);
        written = place.end;
    }
    // The reader has checked that the last thing in the text is the object's closing brace.
    let close = object.trim_end().len() - 1;
    edited.push_str(&object[written..close]);
    for ((name, value), _) in edits.iter().zip(found).filter(|(_, found)| !found) {
        if !empty {
            edited.push(',');
        }
        empty = false;
        edited.push_str(&serde_json::Value::from(*name).to_string());
        edited.push(':');
        edited.push_str(value);
    }
    edited.push_str(&object[close..]);
    Ok(edited.into_bytes())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;
    use proptest::prelude::*;

    fn edit(body: &str, edits: &[(&str, &str)]) -> String {
        String::from_utf8(set_members(body.as_bytes(), edits).unwrap()).unwrap()
    }

    #[test]
    fn only_the_named_members_change() {
        let max = [("max_tokens", "5")];
        for (body, edited) in [
            ("{}", r#"{"max_tokens":5}"#),
            (" { } ", r#" { "max_tokens":5} "#),
            (r#"{"max_tokens":null}"#, r#"{"max_tokens":5}"#),
            (r#"{"max_tokens" : 4096 , "n":1}"#, r#"{"max_tokens" : 5 , "n":1}"#),
            (r#"{"max\u005ftokens":9,"max_tokens":[9]}"#, r#"{"max\u005ftokens":5,"max_tokens":5}"#),
            (
                "{\n  \"seed\": 12345678901234567890123,\n  \"x\": 1.0e+2\n}\n",
                "{\n  \"seed\": 12345678901234567890123,\n  \"x\": 1.0e+2\n,\"max_tokens\":5}\n",
            ),
            (r#"{"a":{"max_tokens":1},"b":"}"}"#, r#"{"a":{"max_tokens":1},"b":"}","max_tokens":5}"#),
            ("\u{feff}{}", "\u{feff}{\"max_tokens\":5}"),
        ] {
            assert_eq!(edit(body, &max), edited);
        }
        assert_eq!(edit(r#"{"b":1}"#, &[("a", "1"), ("b", "2"), ("\"", "3")]), r#"{"b":2,"a":1,"\"":3}"#);
    }

    #[test]
    fn other_bodies_are_refused() {
        for bad in ["", "[]", "3", "{\"a\":1", "{}{}", "{\"a\":1,}", "{'a':1}"] {
            assert!(matches!(set_members(bad.as_bytes(), &[]), Err(EditError::NotAnObject(_))), "{bad}");
        }
        assert!(matches!(set_members(b"{\"a\":\"\xff\"}", &[]), Err(EditError::NotUtf8)));
    }

    proptest! {
        #[test]
        fn values_of_others_are_kept(values in proptest::collection::vec("[a-z\"\\\\ü\n]{0,6}", 0..6), set in 0usize..8) {
            let mut object = serde_json::Map::new();
            for (at, value) in values.iter().enumerate() {
                object.insert(format!("k{at}"), value.as_str().into());
            }
            let name = format!("k{set}");
            let body = serde_json::Value::from(object.clone()).to_string();
            let edited = edit(&body, &[(&name, "[7]")]);
            object.insert(name, serde_json::json!([7]));
            prop_assert_eq!(serde_json::from_str::<serde_json::Value>(&edited).unwrap(), serde_json::Value::from(object));
        }
    }
}
