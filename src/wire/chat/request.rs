//! What a request asks for, and the few members that a broker sets in it.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::Endpoint;
use crate::wire::json;
use crate::wire::json_edit::{EditError, set_members};

/// The members of a request that decide how it is answered and what it can cost.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ask {
    pub model: Option<String>,
    /// The answer is wanted as a stream. True if any occurrence of the member says so.
    pub stream: bool,
    /// The stream is wanted with a closing chunk of usage figures.
    pub include_usage: bool,
    /// How many choices are wanted; 1 when not stated.
    pub choices: u64,
    /// The largest answer allowed for one choice, in the model's own tokens; the largest figure when several
    /// members (`max_tokens`, `max_completion_tokens`, `max_output_tokens`, …) name one.
    pub max_output: Option<u64>,
}

/// Names under which a request limits its answer, at the top level.
const LIMITS: [&str; 5] =
    ["max_tokens", "max_completion_tokens", "max_output_tokens", "n_predict", "max_new_tokens"];

/// A member's name as the most tolerant server reads it: readers in Go take any case, by Unicode's simple folding.
fn folded(name: &str) -> Cow<'_, str> {
    if name.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase()) {
        return Cow::Borrowed(name);
    }
    let fold = |c: char| match c {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        c => c.to_ascii_lowercase(),
    };
    Cow::Owned(name.chars().map(fold).collect())
}

/// Reads a request body; `None` when it is not a JSON object.
pub fn read_ask(body: &[u8]) -> Option<Ask> {
    let text = std::str::from_utf8(body).ok()?;
    let mut ask = Ask { choices: 1, ..Ask::default() };
    let mut options = None;
    json::members(text.strip_prefix('\u{feff}').unwrap_or(text), |name, value| match &*folded(name) {
        "model" => ask.model = json::text(value).map(|model| model.into_owned()),
        "stream" => ask.stream |= json::is_true(value),
        "stream_options" => options = Some(value),
        "n" => ask.choices = ask.choices.max(json::unsigned(value).unwrap_or(1)),
        "options" => {
            // Ollama's place for the same limit.
            let _ = json::members(value, |name, value| {
                if folded(name) == "num_predict" {
                    ask.max_output = ask.max_output.max(json::unsigned(value));
                }
            });
        }
        name if LIMITS.contains(&name) => ask.max_output = ask.max_output.max(json::unsigned(value)),
        _ => {}
    })
    .ok()?;
    if let Some(options) = options {
        let _ = json::members(options, |name, value| {
            ask.include_usage |= name == "include_usage" && json::is_true(value);
        });
    }
    Some(ask)
}

/// Sets or lowers the body's limit on each choice to `per_choice` tokens; `None` when the body needs no change.
///
/// Every known limit member that is larger, null or unreadable is set, in whatever case it is written. When the body
/// has none that servers of this endpoint surely obey, the endpoint's usual one is added: another's (`n_predict` in a
/// chat) would be ignored, and the answer as long as the model likes. Endpoints whose answers are not text are left
/// alone.
pub fn limit_output(body: &[u8], endpoint: Endpoint, per_choice: u64) -> Result<Option<Vec<u8>>, EditError> {
    if !endpoint.writes_text() {
        return Ok(None);
    }
    let text = std::str::from_utf8(body).map_err(|_| EditError::NotUtf8)?;
    let limit = per_choice.to_string();
    let too_much = |value: &str| json::unsigned(value).is_none_or(|stated| stated > per_choice);
    // By the names as they are written.
    let mut set: BTreeMap<String, String> = BTreeMap::new();
    let mut stated = false;
    let mut nested = Ok(());
    json::members(text.strip_prefix('\u{feff}').unwrap_or(text), |name, value| {
        let known = folded(name);
        if endpoint == Endpoint::Ollama && known == "options" {
            stated |= name == known;
            match limit_options(value, &limit, too_much) {
                Ok(options) if options == value => {}
                Ok(options) => {
                    set.insert(name.to_owned(), options);
                }
                Err(error) => nested = Err(error),
            }
        } else if LIMITS.contains(&&*known) {
            stated |= endpoint.obeys(name);
            if too_much(value) {
                set.insert(name.to_owned(), limit.clone());
            }
        }
    })?;
    nested?;
    if !stated && endpoint == Endpoint::Ollama {
        set.insert("options".to_owned(), format!("{{\"num_predict\":{limit}}}"));
    } else if !stated {
        set.insert(endpoint.limit_member().to_owned(), limit);
    }
    if set.is_empty() {
        return Ok(None);
    }
    let edits: Vec<(&str, &str)> =
        set.iter().map(|(member, value)| (member.as_str(), value.as_str())).collect();
    set_members(body, &edits).map(Some)
}

/// Ollama's `options` with `num_predict` set or lowered.
fn limit_options(options: &str, limit: &str, too_much: impl Fn(&str) -> bool) -> Result<String, EditError> {
    if json::kind(options) != json::Kind::Object {
        return Ok(format!("{{\"num_predict\":{limit}}}"));
    }
    let mut set = BTreeMap::new();
    let mut stated = false;
    json::members(options, |name, value| {
        if folded(name) == "num_predict" {
            stated |= name == "num_predict";
            if too_much(value) {
                set.insert(name.to_owned(), limit);
            }
        }
    })?;
    if !stated {
        set.insert("num_predict".to_owned(), limit);
    }
    let edits: Vec<(&str, &str)> = set.iter().map(|(name, limit)| (name.as_str(), *limit)).collect();
    let options = set_members(options.as_bytes(), &edits)?;
    String::from_utf8(options).map_err(|_| EditError::NotUtf8)
}

/// Makes a streaming request ask for usage figures at its end; `None` when it does so already or does not stream.
///
/// For services metered by `usage`. Other members of `stream_options` stay.
pub fn ask_for_usage(body: &[u8]) -> Result<Option<Vec<u8>>, EditError> {
    let text = std::str::from_utf8(body).map_err(|_| EditError::NotUtf8)?;
    let (mut stream, mut options) = (false, None);
    json::members(text.strip_prefix('\u{feff}').unwrap_or(text), |name, value| match name {
        "stream" => stream |= json::is_true(value),
        "stream_options" if json::kind(value) == json::Kind::Object => options = Some(value),
        _ => {}
    })?;
    if !stream || read_ask(body).is_some_and(|ask| ask.include_usage) {
        return Ok(None);
    }
    let options = set_members(options.unwrap_or("{}").as_bytes(), &[("include_usage", "true")])?;
    let options = String::from_utf8(options).map_err(|_| EditError::NotUtf8)?;
    set_members(body, &[("stream_options", &options)]).map(Some)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;

    #[test]
    fn requests_are_read_tolerantly() {
        let ask = read_ask(br#"{"model":"m","stream":true,"n":3,"max_tokens":10,"max_completion_tokens":12.0,"stream_options":{"include_usage":true}}"#);
        let expected = Ask {
            model: Some("m".into()),
            stream: true,
            include_usage: true,
            choices: 3,
            max_output: Some(12),
        };
        assert_eq!(ask, Some(expected));
        let ask =
            read_ask(br#"{"model":1,"stream":"yes","n":null,"max_tokens":-1,"max_tokens":null}"#).unwrap();
        assert_eq!(ask, Ask { choices: 1, ..Ask::default() });
        // The larger of repeated members counts: some servers take the first, some the last.
        assert_eq!(read_ask(br#"{"n":5,"n":2,"max_tokens":9,"max_tokens":3}"#).unwrap().choices, 5);
        assert_eq!(read_ask(br#"{"options":{"num_predict":7}}"#).unwrap().max_output, Some(7));
        assert_eq!(read_ask(b"[]"), None);
        assert_eq!(read_ask(b"\xff"), None);
    }

    fn limit(body: &str, endpoint: Endpoint) -> Option<String> {
        limit_output(body.as_bytes(), endpoint, 100).unwrap().map(|body| String::from_utf8(body).unwrap())
    }

    #[test]
    fn limits_are_set_or_lowered_never_raised() {
        let chat = Endpoint::ChatCompletions;
        assert_eq!(limit("{}", chat).unwrap(), r#"{"max_tokens":100}"#);
        assert_eq!(limit("{}", Endpoint::Responses).unwrap(), r#"{"max_output_tokens":100}"#);
        assert_eq!(limit(r#"{"max_tokens":100}"#, chat), None);
        assert_eq!(limit(r#"{"max_tokens":null}"#, chat).unwrap(), r#"{"max_tokens":100}"#);
        assert_eq!(limit(r#"{"max_tokens":-1}"#, chat).unwrap(), r#"{"max_tokens":100}"#);
        assert_eq!(
            limit(r#"{"max_tokens":5,"max_completion_tokens":999}"#, chat).unwrap(),
            r#"{"max_tokens":5,"max_completion_tokens":100}"#
        );
        assert_eq!(
            limit(r#"{"max_tokens":5,"max_tokens":999}"#, chat).unwrap(),
            r#"{"max_tokens":100,"max_tokens":100}"#
        );
        assert_eq!(limit(r#"{"n_predict":5}"#, chat).unwrap(), r#"{"n_predict":5,"max_tokens":100}"#);
        assert_eq!(
            limit(r#"{"max_completion_tokens":5,"Max_Tokens":999}"#, chat).unwrap(),
            r#"{"max_completion_tokens":5,"Max_Tokens":100}"#
        );
        let ollama = Endpoint::Ollama;
        assert_eq!(
            limit(r#"{"max_tokens":5}"#, ollama).unwrap(),
            r#"{"max_tokens":5,"options":{"num_predict":100}}"#
        );
        assert_eq!(
            limit(r#"{"options":{"seed":1,"num_predict":-1},"x":1}"#, ollama).unwrap(),
            r#"{"options":{"seed":1,"num_predict":100},"x":1}"#
        );
        assert_eq!(limit(r#"{"options":{"num_predict":7}}"#, ollama), None, "nothing to change");
        assert_eq!(limit("{}", Endpoint::Embeddings), None);
        assert!(limit_output(b"not json", chat, 1).is_err());
    }

    #[test]
    fn usage_is_asked_for_once() {
        let ask =
            |body: &str| ask_for_usage(body.as_bytes()).unwrap().map(|body| String::from_utf8(body).unwrap());
        assert_eq!(
            ask(r#"{"stream":true}"#).unwrap(),
            r#"{"stream":true,"stream_options":{"include_usage":true}}"#
        );
        assert_eq!(
            ask(r#"{"stream_options":{"x":1},"stream":true}"#).unwrap(),
            r#"{"stream_options":{"x":1,"include_usage":true},"stream":true}"#
        );
        assert_eq!(ask(r#"{"stream":true,"stream_options":{"include_usage":true}}"#), None);
        assert_eq!(ask(r#"{"stream":false}"#), None);
    }
}
