//! What a request asks for, and the few members that a broker sets in it.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::Endpoint;
use crate::wire::json;
use crate::wire::json_edit::{EditError, MOST_SETTINGS, set_members};

/// The members of a request that decide how it is answered and what it can cost.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ask {
    pub model: Option<String>,
    /// The answer is wanted as a stream. True if any occurrence of the member says so.
    pub stream: bool,
    /// The stream is wanted with a closing chunk of usage figures.
    pub include_usage: bool,
    /// How many answers are wanted: choices of each prompt, times prompts; 1 when neither is stated.
    pub choices: u64,
    /// How often an answer repeats its prompt before it goes on (`echo`): 0, or once for each choice.
    pub echoes: u64,
    /// A member that says how many are wanted in words that servers read differently (`"n":"64"`).
    pub unclear: Option<&'static str>,
    /// The largest answer allowed for one choice, in the model's own tokens; the largest figure when several
    /// members (`max_tokens`, `max_completion_tokens`, `max_output_tokens`, …) name one.
    pub max_output: Option<u64>,
    /// A member that limits the answer to no token at all. Some servers write nothing then, some as long as they like.
    pub none_wanted: Option<&'static str>,
}

impl Ask {
    /// One of the members that limit the answer.
    fn limited(&mut self, name: &'static str, value: &str) {
        let stated = json::unsigned(value);
        self.max_output = self.max_output.max(stated);
        if stated == Some(0) {
            self.none_wanted = Some(name);
        }
    }
}

/// The name of a limit as it is known.
fn limit_name(name: &str) -> Option<&'static str> {
    LIMITS.into_iter().find(|limit| *limit == name)
}

/// Names under which a request limits its answer, at the top level.
const LIMITS: [&str; 5] =
    ["max_tokens", "max_completion_tokens", "max_output_tokens", "n_predict", "max_new_tokens"];

/// Members that hold what is to be continued: one prompt, or a list of them that is answered one by one.
const PROMPTS: [&str; 4] = ["prompt", "inputs", "text", "input_ids"];

/// The objects in which servers' own `…/generate` has its settings (TGI's and SGLang's), and the limit in them.
const SETTINGS: [&str; 2] = ["parameters", "sampling_params"];
const SETTINGS_LIMIT: &str = "max_new_tokens";
/// About what those servers write where nothing says how much. They refuse what may pass their context together with the
/// prompt, so the whole room is not asked for in the place of nothing.
const USUAL: u64 = 128;
/// Ollama's.
const OPTIONS: &str = "options";
const OPTIONS_LIMIT: &str = "num_predict";

/// A member's name as the most tolerant server reads it: readers in Go take any case, by Unicode's simple folding.
pub(super) fn folded(name: &str) -> Cow<'_, str> {
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

/// How many answers of one prompt are wanted, as far as it was read.
#[derive(Default)]
struct Choices {
    most: u64,
    unclear: Option<&'static str>,
}

impl Choices {
    fn read(&mut self, value: &str) {
        match json::unsigned(value) {
            Some(stated) => self.most = self.most.max(stated),
            None if value == "null" => {}
            None => self.unclear = Some("n"),
        }
    }
}

/// How many prompts a member holds. A list of numbers is one, already in tokens; texts among them are parts of it.
fn prompts(value: &str) -> u64 {
    if json::kind(value) != json::Kind::Array {
        return 1;
    }
    let (mut others, mut texts, mut tokens) = (0_u64, 0_u64, false);
    let _ = json::elements(value, |_, element| match json::kind(element) {
        json::Kind::Number => tokens = true,
        json::Kind::Text => texts = texts.saturating_add(1),
        _ => others = others.saturating_add(1),
    });
    others.saturating_add(if tokens { 1 } else { texts })
}

/// Calls `visit` with each member of an object, or of each object of a list: a batch may have settings for each prompt.
fn settings<'a>(value: &'a str, mut visit: impl FnMut(&str, &'a str)) {
    if json::kind(value) == json::Kind::Array {
        let _ = json::elements(value, |_, element| {
            let _ = json::members(element, &mut visit);
        });
    } else {
        let _ = json::members(value, visit);
    }
}

/// Reads a request body; `None` when it is not a JSON object.
pub fn read_ask(body: &[u8]) -> Option<Ask> {
    let text = std::str::from_utf8(body).ok()?;
    let mut ask = Ask::default();
    let mut options = None;
    let (mut choices, mut several, mut echo) = (Choices::default(), 1, false);
    json::members(text.strip_prefix('\u{feff}').unwrap_or(text), |name, value| match &*folded(name) {
        "model" => ask.model = json::text(value).map(|model| model.into_owned()),
        "stream" => ask.stream |= json::is_true(value),
        "stream_options" => options = Some(value),
        // llama.cpp has it as `n_cmpl` too.
        "n" | "n_cmpl" => choices.read(value),
        "echo" => echo |= json::is_true(value),
        OPTIONS => {
            let _ = json::members(value, |name, value| {
                if folded(name) == OPTIONS_LIMIT {
                    ask.limited(OPTIONS_LIMIT, value);
                }
            });
        }
        name if SETTINGS.contains(&name) => settings(value, |name, value| match &*folded(name) {
            "n" => choices.read(value),
            name => limit_name(name).into_iter().for_each(|name| ask.limited(name, value)),
        }),
        name if PROMPTS.contains(&name) => several = several.max(prompts(value)),
        name => limit_name(name).into_iter().for_each(|name| ask.limited(name, value)),
    })
    .ok()?;
    ask.choices = choices.most.max(1).saturating_mul(several);
    ask.unclear = choices.unclear;
    ask.echoes = if echo { choices.most.max(1) } else { 0 };
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
/// chat) would be ignored, and the answer as long as the model likes. Where a server's own endpoint has its settings in
/// an object, the limit is set in there too. Endpoints whose answers are not text are left alone.
pub fn limit_output(body: &[u8], endpoint: Endpoint, per_choice: u64) -> Result<Option<Vec<u8>>, EditError> {
    if !endpoint.writes_text() {
        return Ok(None);
    }
    let text = std::str::from_utf8(body).map_err(|_| EditError::NotUtf8)?;
    let unstated = if endpoint == Endpoint::Ollama { per_choice } else { per_choice.min(USUAL) };
    let limit = Limit { limit: per_choice.to_string(), unstated: unstated.to_string(), most: per_choice };
    // By the names as they are written.
    let mut set: BTreeMap<String, String> = BTreeMap::new();
    let mut stated = false;
    // The objects in which this endpoint's servers have settings: which of them was there, and which is to be.
    let (mut inner, mut wanted) = (Vec::new(), None);
    let mut nested = Ok(());
    json::members(text.strip_prefix('\u{feff}').unwrap_or(text), |name, value| {
        let known = folded(name);
        if let Some(holder) = holder(endpoint, &known) {
            if inner.contains(&holder.0) {
                nested = Err(EditError::Repeated(holder.0));
                return;
            }
            inner.push(holder.0);
            // In another case most servers do not see it.
            stated |= name == known && endpoint == Endpoint::Ollama;
            match limit.inside(value, holder.1) {
                Ok(edited) if edited == value => {}
                Ok(edited) => {
                    set.insert(name.to_owned(), edited);
                }
                Err(error) => nested = Err(error),
            }
        } else if LIMITS.contains(&&*known) {
            stated |= endpoint.obeys(name);
            if limit.is_passed(value) {
                set.insert(name.to_owned(), limit.limit.clone());
            }
        } else if endpoint == Endpoint::Generate {
            // By what they call the prompt it is known whose servers they are.
            match &*known {
                "inputs" => wanted = Some(SETTINGS[0]),
                "text" | "input_ids" => wanted = Some(SETTINGS[1]),
                _ => {}
            }
        }
    })?;
    nested?;
    if let Some(wanted) = wanted.filter(|wanted| !inner.contains(wanted)) {
        set.insert(wanted.to_owned(), limit.alone(SETTINGS_LIMIT));
    }
    if !stated && endpoint == Endpoint::Ollama {
        set.insert(OPTIONS.to_owned(), limit.alone(OPTIONS_LIMIT));
    } else if !stated {
        set.insert(endpoint.limit_member().to_owned(), limit.limit);
    }
    if set.is_empty() {
        return Ok(None);
    }
    let edits: Vec<(&str, &str)> =
        set.iter().map(|(member, value)| (member.as_str(), value.as_str())).collect();
    set_members(body, &edits).map(Some)
}

/// The object that a member is for the servers of an endpoint, and the limit in it.
fn holder(endpoint: Endpoint, name: &str) -> Option<(&'static str, &'static str)> {
    match endpoint {
        Endpoint::Ollama => (name == OPTIONS).then_some((OPTIONS, OPTIONS_LIMIT)),
        Endpoint::Generate => {
            SETTINGS.into_iter().find(|holder| *holder == name).map(|holder| (holder, SETTINGS_LIMIT))
        }
        _ => None,
    }
}

/// The most that one choice may come to.
struct Limit {
    most: u64,
    /// As JSON.
    limit: String,
    /// What settings get that name no limit, as JSON.
    unstated: String,
}

impl Limit {
    fn is_passed(&self, value: &str) -> bool {
        json::unsigned(value).is_none_or(|stated| stated > self.most)
    }

    /// An object with nothing but the limit.
    fn alone(&self, name: &str) -> String {
        format!("{{\"{name}\":{}}}", self.unstated)
    }

    /// An object of settings with `name`, and every other name of a limit, set or lowered; of a list, each object.
    fn inside(&self, value: &str, name: &'static str) -> Result<String, EditError> {
        match json::kind(value) {
            json::Kind::Object => self.inside_object(value, name),
            json::Kind::Array if name == SETTINGS_LIMIT => {
                let mut each = Vec::new();
                let mut count = 0_usize;
                json::elements(value, |_, element| {
                    count += 1;
                    if count > MOST_SETTINGS {
                        return;
                    }
                    let object = json::kind(element) == json::Kind::Object;
                    each.push(if object { self.inside_object(element, name) } else { Ok(self.alone(name)) });
                })?;
                if count > MOST_SETTINGS {
                    return Err(EditError::TooMany("sampling_params"));
                }
                let each: Vec<String> = each.into_iter().collect::<Result<_, _>>()?;
                Ok(format!("[{}]", each.join(",")))
            }
            _ => Ok(self.alone(name)),
        }
    }

    fn inside_object(&self, object: &str, wanted: &'static str) -> Result<String, EditError> {
        let mut set = BTreeMap::new();
        let mut stated = false;
        json::members(object, |name, value| {
            let known = folded(name);
            if known == wanted || (wanted == SETTINGS_LIMIT && LIMITS.contains(&&*known)) {
                stated |= name == wanted;
                if self.is_passed(value) {
                    set.insert(name.to_owned(), self.limit.as_str());
                }
            }
        })?;
        if !stated {
            set.insert(wanted.to_owned(), self.unstated.as_str());
        }
        if set.is_empty() {
            return Ok(object.to_owned());
        }
        let edits: Vec<(&str, &str)> = set.iter().map(|(name, limit)| (name.as_str(), *limit)).collect();
        let edited = set_members(object.as_bytes(), &edits)?;
        String::from_utf8(edited).map_err(|_| EditError::NotUtf8)
    }
}

/// Makes a streaming request ask for usage figures at its end; `None` when it does so already or does not stream.
///
/// For services metered by `usage`. Other members of `stream_options` stay.
pub fn ask_for_usage(body: &[u8]) -> Result<Option<Vec<u8>>, EditError> {
    let text = std::str::from_utf8(body).map_err(|_| EditError::NotUtf8)?;
    let (mut stream, mut options, mut repeated) = (false, None, false);
    json::members(text.strip_prefix('\u{feff}').unwrap_or(text), |name, value| match name {
        "stream" => stream |= json::is_true(value),
        "stream_options" => {
            repeated |= options.is_some();
            options = Some(value);
        }
        _ => {}
    })?;
    if !stream || read_ask(body).is_some_and(|ask| ask.include_usage) {
        return Ok(None);
    }
    if repeated {
        return Err(EditError::Repeated("stream_options"));
    }
    let options = options.filter(|options| json::kind(options) == json::Kind::Object);
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
            ..Ask::default()
        };
        assert_eq!(ask, Some(expected));
        let ask =
            read_ask(br#"{"model":1,"stream":"yes","n":null,"max_tokens":-1,"max_tokens":null}"#).unwrap();
        assert_eq!(ask, Ask { choices: 1, ..Ask::default() });
        // The larger of repeated members counts: some servers take the first, some the last.
        assert_eq!(read_ask(br#"{"n":5,"n":2,"max_tokens":9,"max_tokens":3}"#).unwrap().choices, 5);
        assert_eq!(read_ask(br#"{"options":{"num_predict":7}}"#).unwrap().max_output, Some(7));
        for (body, name) in [
            (r#"{"max_tokens":0,"max_completion_tokens":9}"#, Some("max_tokens")),
            (r#"{"Options":{"Num_Predict":0.0}}"#, Some("num_predict")),
            (r#"{"sampling_params":[{"max_new_tokens":0}]}"#, Some("max_new_tokens")),
            (r#"{"max_tokens":1,"options":{"num_predict":-1}}"#, None),
        ] {
            assert_eq!(read_ask(body.as_bytes()).unwrap().none_wanted, name, "{body}");
        }
        assert_eq!(read_ask(br#"{"prompt":["a","b"],"n":3,"echo":true}"#).unwrap().echoes, 3);
        assert_eq!(read_ask(br#"{"prompt":"a","n":3,"echo":false}"#).unwrap().echoes, 0);
        // In TGI's and SGLang's own places.
        assert_eq!(
            read_ask(br#"{"inputs":"x","parameters":{"max_new_tokens":7}}"#).unwrap().max_output,
            Some(7)
        );
        let batch =
            read_ask(br#"{"text":["a","b"],"sampling_params":[{"n":2},{"max_new_tokens":5}]}"#).unwrap();
        assert_eq!((batch.choices, batch.max_output), (4, Some(5)));
        assert_eq!(read_ask(b"[]"), None);
        assert_eq!(read_ask(b"\xff"), None);
    }

    #[test]
    fn each_prompt_of_a_list_is_answered() {
        for (prompt, choices) in [
            (r#""x""#, 1),
            (r#"["x"]"#, 1),
            (r#"["x","y","z"]"#, 3),
            ("[1,2,3,4]", 1),
            ("[[1,2],[3]]", 2),
            ("[]", 1),
            (r#"{"prompt_string":"x"}"#, 1),
        ] {
            for (n, times) in [("", 1), (r#","n":5"#, 5)] {
                let ask = read_ask(format!(r#"{{"prompt":{prompt}{n}}}"#).as_bytes()).unwrap();
                assert_eq!(ask.choices, choices * times, "{prompt}{n}");
            }
        }
        let ask = read_ask(br#"{"Prompt":["x","y"],"N":18446744073709551615}"#).unwrap();
        assert_eq!(ask.choices, u64::MAX);
    }

    #[test]
    fn a_number_that_servers_read_differently_is_told() {
        for n in [r#""64""#, "1.5", "-1", "true", "[64]", "1e300", "{}"] {
            let ask = read_ask(format!(r#"{{"n":{n}}}"#).as_bytes()).unwrap();
            assert_eq!((ask.choices, ask.unclear), (1, Some("n")), "{n}");
        }
        for n in ["64", "64.0", "null"] {
            assert_eq!(read_ask(format!(r#"{{"n":{n}}}"#).as_bytes()).unwrap().unclear, None, "{n}");
        }
        let inner = read_ask(br#"{"sampling_params":{"n":"64"}}"#).unwrap();
        assert_eq!(inner.unclear, Some("n"));
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
        let twice = br#"{"options":{},"Options":{}}"#;
        assert!(matches!(limit_output(twice, ollama, 1), Err(EditError::Repeated("options"))));
        assert_eq!(limit("{}", Endpoint::Embeddings), None);
        assert!(limit_output(b"not json", chat, 1).is_err());
    }

    #[test]
    fn limits_are_set_where_servers_have_their_own_settings() {
        let generate = Endpoint::Generate;
        for (body, limited) in [
            (
                r#"{"inputs":"x","parameters":{"max_new_tokens":9999,"seed":1},"max_tokens":5}"#,
                r#"{"inputs":"x","parameters":{"max_new_tokens":100,"seed":1},"max_tokens":5}"#,
            ),
            (
                r#"{"inputs":"x","max_tokens":5}"#,
                r#"{"inputs":"x","max_tokens":5,"parameters":{"max_new_tokens":100}}"#,
            ),
            (
                r#"{"text":"x","sampling_params":{"max_tokens":900}}"#,
                r#"{"text":"x","sampling_params":{"max_tokens":100,"max_new_tokens":100},"max_tokens":100}"#,
            ),
            (
                r#"{"text":["x","y"],"sampling_params":[{"max_new_tokens":7},null],"max_tokens":1}"#,
                r#"{"text":["x","y"],"sampling_params":[{"max_new_tokens":7},{"max_new_tokens":100}],"max_tokens":1}"#,
            ),
            (r#"{"prompt":"x"}"#, r#"{"prompt":"x","max_tokens":100}"#),
        ] {
            assert_eq!(limit(body, generate).as_deref(), Some(limited));
        }
        let fits = r#"{"inputs":"x","parameters":{"max_new_tokens":100},"max_tokens":100}"#;
        assert_eq!(limit(fits, generate), None);
        let twice = br#"{"parameters":{},"parameters":{}}"#;
        assert!(matches!(limit_output(twice, generate, 1), Err(EditError::Repeated("parameters"))));
    }

    /// A member may be written in a million ways, all of which are set. With each sought among all others this takes
    /// minutes.
    #[test]
    fn limits_in_very_many_cases_are_set_in_one_walk() {
        let letters = "max_completion_tokens".char_indices().filter(|(_, c)| *c != '_').map(|(at, _)| at);
        let letters: Vec<usize> = letters.collect();
        let mut body = String::from("{");
        for number in 0..200_000_u32 {
            let mut name = "max_completion_tokens".to_owned().into_bytes();
            for (_, at) in letters.iter().enumerate().filter(|(bit, _)| number >> bit & 1 == 1) {
                name[*at].make_ascii_uppercase();
            }
            body += &format!("\"{}\":9999,", String::from_utf8(name).unwrap());
        }
        body += "\"n\":1}";
        let limited = limit(&body, Endpoint::ChatCompletions).unwrap();
        assert_eq!(limited.matches(":100,").count(), 200_000);
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
        let twice = br#"{"stream":true,"stream_options":{},"stream_options":{}}"#;
        assert!(matches!(ask_for_usage(twice), Err(EditError::Repeated("stream_options"))));
    }
}
