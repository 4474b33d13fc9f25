//! Bodies of chat requests: units are bounded, the limit on the answer is set wherever a server may read it, and every
//! other byte stays as it was written.

use http::Method;
use zgserve_tui::domain::ServiceKind;
use zgserve_tui::meter::{self, REMOTE_MEDIA_UNITS, RequestBody, input_units, max_output};
use zgserve_tui::wire::chat::{Endpoint, ask_for_usage, limit_output, read_ask};
use zgserve_tui::wire::json;
use zgserve_tui::wire::json_edit::EditError;
use zgserve_tui::wire::path::Suffix;

use super::input::Input;

const PATHS: [&str; 8] = [
    "/chat/completions",
    "/v1/completions",
    "/api/chat",
    "/v1/responses",
    "/v1/messages",
    "/embeddings",
    "/images/generations",
    "/odd",
];

/// Members that limit an answer, in any case.
const LIMITS: [&str; 6] =
    ["max_tokens", "max_completion_tokens", "max_output_tokens", "n_predict", "max_new_tokens", "options"];

pub fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let suffix = Suffix::parse(PATHS[input.below(PATHS.len())]).unwrap();
    let (per_choice, wide) = (u64::from(input.u32()).max(1), input.bit());
    let body = input.rest();
    units(&suffix, body);
    if wide {
        // The same text as UTF-16 must not pass for less.
        let text = String::from_utf8_lossy(body);
        let wide: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        units(&suffix, &wide);
    }
    let endpoint = Endpoint::of(suffix.path());
    limit(endpoint, body, per_choice);
    usage(body);
}

fn units(suffix: &Suffix, body: &[u8]) {
    let request = meter::Request {
        method: &Method::POST,
        suffix,
        content_encoding: None,
        body: RequestBody::Whole(body),
    };
    let limits = meter::Limits::default();
    let Ok(units) = input_units(ServiceKind::Chatbot, &request, &limits) else { return };
    assert_eq!(input_units(ServiceKind::Chatbot, &request, &limits), Ok(units));
    // No byte makes more than one token, what is not UTF-8 becomes three bytes, and each web address is dear.
    let addresses = body.windows(4).filter(|window| window.eq_ignore_ascii_case(b"http")).count() as u64;
    let most = 3 * body.len() as u64 + 1 + addresses * REMOTE_MEDIA_UNITS;
    // An escape can spell an address too.
    assert!(units.0 <= most || body.contains(&b'\\'), "{} units of {} bytes", units.0, body.len());
    let _ = max_output(ServiceKind::Chatbot, suffix, body);
    free_text_is_counted(suffix, body, units.0);
}

/// A text added to a message costs what it costs alone, wherever the body hides its other texts.
fn free_text_is_counted(suffix: &Suffix, body: &[u8], before: u64) {
    let Ok(text) = std::str::from_utf8(body) else { return };
    let Some(inner) = text.trim().strip_prefix('{').and_then(|text| text.strip_suffix('}')) else { return };
    if json::members(text, |_, _| {}).is_err() {
        return;
    }
    let comma = if inner.trim().is_empty() { "" } else { "," };
    let longer = format!("{{{inner}{comma}\"prompt\":\"hello world\"}}");
    let request = meter::Request {
        method: &Method::POST,
        suffix,
        content_encoding: None,
        body: RequestBody::Whole(longer.as_bytes()),
    };
    let after = input_units(ServiceKind::Chatbot, &request, &meter::Limits::default());
    assert_eq!(after.map(|units| units.0), Ok(before + 2), "{longer}");
}

fn limit(endpoint: Endpoint, body: &[u8], per_choice: u64) {
    let edited = limit_output(body, endpoint, per_choice);
    if matches!(edited, Err(EditError::Repeated(_))) {
        // Which of two a server believes nobody knows, and what is refused costs nothing.
        return;
    }
    let Ok(edited) = edited else {
        // Half a character in a name that is written twice is read where it does not count and refused where it would be
        // edited: a request that is refused costs nothing.
        let half = body.to_ascii_lowercase().windows(3).any(|window| window == b"\\ud");
        assert!(half || read_ask(body).is_none(), "a body that is read can be edited");
        return;
    };
    let ask = read_ask(body);
    let Some(edited) = edited else { return };
    assert!(json::members(text(&edited), |_, _| {}).is_ok(), "an edited body is an object");
    let after = read_ask(&edited).unwrap();
    // `options` means something to Ollama's own protocol only, and each such object to its servers; elsewhere they are left
    // as they are.
    if !has_settings_of_others(endpoint, &edited) {
        assert!(
            after.max_output.is_some_and(|most| most <= per_choice),
            "{:?}",
            String::from_utf8_lossy(&edited)
        );
    }
    assert_eq!(limit_output(&edited, endpoint, per_choice).unwrap(), None, "a second time changes nothing");
    let before = ask.unwrap();
    assert_eq!((&before.model, before.stream, before.choices), (&after.model, after.stream, after.choices));
    only_limits_differ(endpoint, body, &edited);
}

fn has_settings_of_others(endpoint: Endpoint, body: &[u8]) -> bool {
    let mut found = false;
    let _ = json::members(text(body), |name, _| {
        found |= match folded(name).as_str() {
            "options" => endpoint != Endpoint::Ollama,
            "parameters" | "sampling_params" => endpoint != Endpoint::Generate,
            _ => false,
        };
    });
    found
}

/// A name as the most obliging server reads it: Kelvin's sign and the long s fold to letters too.
fn folded(name: &str) -> String {
    name.replace('\u{212a}', "k").replace('\u{17f}', "s").to_ascii_lowercase()
}

fn text(body: &[u8]) -> &str {
    let text = std::str::from_utf8(body).unwrap();
    text.strip_prefix('\u{feff}').unwrap_or(text)
}

/// Outside the values of limits the two bodies are the same bytes, but for one member that was added at the end.
fn only_limits_differ(endpoint: Endpoint, before: &[u8], after: &[u8]) {
    let (before, after) = (outside_limits(endpoint, before), outside_limits(endpoint, after));
    let close = before.trim_end_matches(WHITE).len().saturating_sub(1);
    let added = after.strip_prefix(&before[..close]).and_then(|rest| rest.strip_suffix(&before[close..]));
    let added = added.unwrap_or_else(|| panic!("{before:?} became {after:?}"));
    let fits = added.trim_start_matches(',');
    assert!(
        added.is_empty() || LIMITS.iter().any(|name| *fits == format!("\"{name}\":_")),
        "{added:?} was added to {before:?}"
    );
}

const WHITE: [char; 4] = [' ', '\t', '\r', '\n'];

/// The body with the values of its limits left out.
fn outside_limits(endpoint: Endpoint, body: &[u8]) -> String {
    let text = text(body);
    let (mut kept, mut from) = (String::new(), 0);
    json::members(text, |name, value| {
        let name = folded(name);
        if LIMITS.contains(&name.as_str()) && (name != "options" || endpoint == Endpoint::Ollama) {
            let start = value.as_ptr() as usize - text.as_ptr() as usize;
            kept.push_str(&text[from..start]);
            kept.push('_');
            from = start + value.len();
        }
    })
    .unwrap();
    kept + &text[from..]
}

fn usage(body: &[u8]) {
    let Ok(Some(edited)) = ask_for_usage(body) else { return };
    let ask = read_ask(&edited).unwrap();
    assert!(ask.include_usage && ask.stream, "{:?}", String::from_utf8_lossy(&edited));
    assert_eq!(ask_for_usage(&edited).unwrap(), None);
}
