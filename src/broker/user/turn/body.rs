//! The request of a turn: its JSON, and what of it the meter counts.
//!
//! The meter counts each text of a request by itself, so a turn's units are the sum of its messages' roles and texts.
//! Texts that were counted before are remembered by their hash: while somebody types, only the last message is new.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use serde_json::Value;

use super::Turn;
use crate::broker::user::error::CallRefusal;
use crate::broker::user::handle::Inner;
use crate::domain::{Service, Units};
use crate::meter::{Limits, MeterError, count};

/// Texts shorter than this are counted as fast as they are looked up.
const SHORT: usize = 256;
/// Counts that are remembered; a conversation of so many messages is long.
const REMEMBERED: usize = 4_096;
/// More new text than this is counted on a blocking thread; below it takes less than a few milliseconds.
const LARGE: usize = 64 << 10;

/// Units of texts that were counted before, by length and hash.
#[derive(Debug, Default)]
pub(in crate::broker::user) struct Counts {
    hash: RandomState,
    known: Mutex<HashMap<(usize, u64), u64>>,
}

impl Counts {
    fn look(&self, text: &str) -> Option<u64> {
        let key = (text.len(), self.hash.hash_one(text));
        self.known.lock().get(&key).copied()
    }

    fn units(&self, text: &str) -> u64 {
        if text.len() < SHORT {
            return count(text);
        }
        if let Some(known) = self.look(text) {
            return known;
        }
        let units = count(text);
        let mut known = self.known.lock();
        if known.len() >= REMEMBERED {
            known.clear();
        }
        known.insert((text.len(), self.hash.hash_one(text)), units);
        units
    }
}

/// The input units of a turn, the same that [`crate::meter::input_units`] finds in its request.
pub(in crate::broker::user) async fn units(inner: &Arc<Inner>, turn: &Turn) -> Result<Units, CallRefusal> {
    let limit = Limits::default().text;
    let length = |text: &str| text.len() as u64;
    let all: u64 =
        turn.messages.iter().map(|message| length(message.role.as_str()) + length(&message.text)).sum();
    if all > limit {
        return Err(CallRefusal::BadBody(MeterError::TooLong { limit }.to_string()));
    }
    let texts = turn.messages.iter().map(|message| &message.text);
    let new: usize = texts
        .filter(|text| text.len() >= SHORT && inner.counts.look(text).is_none())
        .map(|text| text.len())
        .sum();
    let work = |inner: &Inner, turn: &Turn| {
        let counts = &inner.counts;
        let of = turn
            .messages
            .iter()
            .map(|message| counts.units(message.role.as_str()).saturating_add(counts.units(&message.text)));
        Units(of.fold(0, u64::saturating_add))
    };
    if new <= LARGE {
        return Ok(work(inner, turn));
    }
    let (inner, turn) = (Arc::clone(inner), turn.clone());
    let counting = tokio::task::spawn_blocking(move || work(&inner, &turn));
    counting.await.map_err(|_| CallRefusal::Stopping)
}

/// The request in the shape of the OpenAI API. Roles, texts and model are quoted, numbers stand as typed.
pub(super) fn write(turn: &Turn, service: &Service) -> Bytes {
    let own_name = if service.model.is_empty() { service.name.as_str() } else { &service.model };
    let model = turn.model.as_deref().unwrap_or(own_name);
    let quoted = |text: &str| Value::from(text).to_string();
    let mut body = format!("{{\"model\":{},\"messages\":[", quoted(model));
    for (place, message) in turn.messages.iter().enumerate() {
        if place > 0 {
            body.push(',');
        }
        body.push_str("{\"role\":");
        body.push_str(&quoted(message.role.as_str()));
        body.push_str(",\"content\":");
        body.push_str(&quoted(&message.text));
        body.push('}');
    }
    body.push_str("],\"stream\":true");
    let parameters = &turn.parameters;
    let numbers = [
        ("max_tokens", parameters.max_tokens.map(|most| most.to_string())),
        ("temperature", parameters.temperature.as_ref().map(ToString::to_string)),
        ("top_p", parameters.top_p.as_ref().map(ToString::to_string)),
        ("seed", parameters.seed.map(|seed| seed.to_string())),
        ("stop", (!parameters.stop.is_empty()).then(|| Value::from(parameters.stop.clone()).to_string())),
    ];
    for (member, value) in numbers {
        if let Some(value) = value {
            body.push_str(&format!(",\"{member}\":{value}"));
        }
    }
    body.push('}');
    body.into()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;
    use crate::broker::user::turn::{Message, Parameters, Role};
    use crate::domain::{Address, Prices, ServiceKind};
    use crate::meter::{Request, RequestBody, input_units, max_output};
    use crate::wire::path::Suffix;
    use proptest::prelude::*;

    fn service(model: &str) -> Service {
        Service {
            provider: Address::repeat_byte(1),
            name: "llama7b".parse().unwrap(),
            kind: ServiceKind::Chatbot,
            url: "http://provider.example".to_owned(),
            model: model.to_owned(),
            prices: Prices::default(),
            version: 1,
        }
    }

    fn turn(messages: Vec<Message>) -> Turn {
        Turn::new(Address::repeat_byte(1), "llama7b".parse().unwrap(), messages)
    }

    #[test]
    fn numbers_stand_in_the_request_as_they_were_typed() {
        let mut turn = turn(vec![Message::new(Role::User, "a \"b\"\n\u{1b}")]);
        turn.parameters = Parameters {
            max_tokens: Some(7),
            temperature: Some("0.70".parse().unwrap()),
            top_p: Some("1".parse().unwrap()),
            seed: Some(-3),
            stop: vec!["\"".to_owned()],
        };
        assert_eq!(
            std::str::from_utf8(&write(&turn, &service("meta/llama"))).unwrap(),
            r#"{"model":"meta/llama","messages":[{"role":"user","content":"a \"b\"\n\u001b"}],"stream":true,"max_tokens":7,"temperature":0.70,"top_p":1,"seed":-3,"stop":["\""]}"#
        );
        turn.parameters = Parameters::default();
        assert!(
            std::str::from_utf8(&write(&turn, &service(""))).unwrap().starts_with("{\"model\":\"llama7b\",")
        );
        turn.model = Some("x".to_owned());
        assert!(std::str::from_utf8(&write(&turn, &service(""))).unwrap().starts_with("{\"model\":\"x\","));
    }

    proptest! {
        #[test]
        fn the_sum_of_the_texts_is_what_the_meter_finds(
            texts in proptest::collection::vec(("\\PC{0,40}|[ -~\n\t\"\\\\]{0,600}", 0usize..3), 0..6),
            most in proptest::option::of(0u64..10_000),
        ) {
            let roles = [Role::System, Role::User, Role::Assistant];
            let messages = texts.into_iter().map(|(text, role)| Message::new(roles[role], text)).collect();
            let mut turn = turn(messages);
            turn.parameters.max_tokens = most;
            let counts = Counts::default();
            let sum = || turn.messages.iter()
                .map(|message| counts.units(message.role.as_str()) + counts.units(&message.text))
                .sum::<u64>();
            let body = write(&turn, &service("m"));
            let suffix = Suffix::parse("/chat/completions").unwrap();
            let request = Request {
                method: &http::Method::POST,
                suffix: &suffix,
                content_encoding: None,
                body: RequestBody::Whole(&body),
            };
            let found = input_units(ServiceKind::Chatbot, &request, &Limits::default()).unwrap();
            prop_assert_eq!(Units(sum()), found);
            // And again from memory.
            prop_assert_eq!(Units(sum()), found);
            prop_assert_eq!(max_output(ServiceKind::Chatbot, &suffix, &body), most.map(Units));
        }
    }
}
