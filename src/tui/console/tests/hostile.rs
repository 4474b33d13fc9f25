//! Whatever a broker sends, the terminal gets nothing but our own output.

use crossterm::event::KeyCode;
use serde_json::{Value, json};

use super::super::message::{Message, Payload, Source};
use super::scene::{
    beat, fresh, full, letter, moment, operations, overview, painted, press, requests, resize, services,
    settlements, users,
};
use crate::attacks::short_attacks;
use crate::client::ClientError;
use crate::tui::pictures::harmless;
use crate::tui::shell::Program;
use crate::tui::theme::Shade;

/// Puts a text wherever a string may be whatever a broker likes.
fn poison(value: &mut Value, text: &str) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                let free = [
                    "Text",
                    "Reason",
                    "Model",
                    "URL",
                    "PublicURL",
                    "Status",
                    "State",
                    "Kind",
                    "Verdict",
                    "Risk",
                    "Type",
                    "Meter",
                    "Version",
                    "TransactionURL",
                    "Note",
                    "Chain",
                    "Store",
                ];
                if free.contains(&key.as_str()) && (value.is_string() || value.is_null()) {
                    *value = json!(text);
                } else if matches!(key.as_str(), "Reasons" | "Differs" | "UpstreamHeaders") {
                    *value = json!([text, text]);
                } else {
                    poison(value, text);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| poison(item, text)),
        _ => {}
    }
}

#[test]
fn nothing_that_strangers_wrote_steers_the_terminal() {
    for attack in short_attacks() {
        let long = attack.text.repeat(40);
        for text in [attack.text.as_str(), long.as_str()] {
            let dirty = |mut value: Value| {
                poison(&mut value, text);
                value
            };
            let mut model = full(Shade::Dark);
            let of = |value: Value| serde_json::to_string(&value).unwrap();
            let payloads = [
                (Source::Overview, serde_json::from_str(&of(dirty(overview()))).map(Payload::Overview)),
                (Source::Users, serde_json::from_str(&of(dirty(users()))).map(Payload::Users)),
                (Source::Requests, serde_json::from_str(&of(dirty(requests()))).map(Payload::Requests)),
                (Source::Services, serde_json::from_str(&of(dirty(services()))).map(Payload::Services)),
                (
                    Source::Settlements,
                    serde_json::from_str(&of(dirty(settlements()))).map(Payload::Settlements),
                ),
                (Source::Operations, serde_json::from_str(&of(dirty(operations()))).map(Payload::Operations)),
            ];
            for (source, payload) in payloads {
                // A service's version is a number; such an answer is not understood and changes nothing.
                if let Ok(payload) = payload {
                    model.update(Message::Got(source, Ok(payload)));
                }
            }
            let error = json!({"error": {"code": text, "message": text}}).to_string();
            let error = ClientError::refusal(reqwest::StatusCode::CONFLICT, error.as_bytes());
            model.update(Message::Got(Source::Users, Err(error.clone())));
            for (width, height) in [(60, 16), (120, 40), (200, 50)] {
                resize(&mut model, width, height);
                for screen in ['1', '2', '3', '4', '5', '6', '0'] {
                    letter(&mut model, screen);
                    check(&model);
                    press(&mut model, KeyCode::Enter);
                    check(&model);
                    press(&mut model, KeyCode::Esc);
                }
                letter(&mut model, '4');
                letter(&mut model, 'e');
                check(&model);
                press(&mut model, KeyCode::Esc);
                letter(&mut model, 'T');
                model.update(Message::Previewed(Err(error.clone()), String::new(), moment()));
                check(&model);
                press(&mut model, KeyCode::Esc);
                beat(&mut model, 1);
            }
        }
    }
}

fn check(model: &super::super::model::Model) {
    harmless(&painted(model), "the console");
}

#[test]
fn what_is_copied_is_clean_too() {
    let mut model = fresh(Shade::Dark);
    let mut list = services();
    list[0]["URL"] = json!("http://x/\u{1b}]52;c;aGk=\u{7}");
    model
        .update(Message::Got(Source::Services, Ok(Payload::Services(serde_json::from_value(list).unwrap()))));
    letter(&mut model, '4');
    let screen = letter(&mut model, 'Y').screen;
    let [crate::tui::shell::ScreenOrder::Copy { text, .. }] = &screen[..] else { panic!("it is copied") };
    assert!(!text.contains('\u{1b}') && text.contains("http://x/"));
}
