//! For tests: as much of JSON Schema as the documents use, and types held against what is told of them.

#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use regex_automata::meta::Regex;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::schema::{Place, collect, example_of, schema};
use crate::domain::Timestamp;
use crate::domain::address::parse_address;
use crate::http::field::{Kind, Presence, Shape};

/// Whether `value` is as `schema` says, and has no key that it does not tell of. References are looked up in `document`.
pub(crate) fn fits(schema: &Value, value: &Value, document: &Value) -> Result<(), String> {
    let wrong = |what: &str| Err(format!("{value} is not {what} {schema}"));
    if let Some(name) = schema["$ref"].as_str() {
        return fits(document.pointer(&name[1..]).unwrap(), value, document);
    }
    if let Some(choices) = schema["anyOf"].as_array()
        && !choices.iter().any(|choice| fits(choice, value, document).is_ok())
    {
        return wrong("any of");
    }
    let kinds: Vec<&str> = match &schema["type"] {
        Value::String(kind) => vec![kind],
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
        _ => vec![],
    };
    let is = |kind: &&str| match *kind {
        "string" => value.is_string(),
        "integer" => {
            value.is_u64() || value.is_i64() || value.as_f64().is_some_and(|number| number.fract() == 0.0)
        }
        "boolean" => value.is_boolean(),
        "object" => value.is_object(),
        "array" => value.is_array(),
        "null" => value.is_null(),
        other => panic!("a type that is not read here: {other}"),
    };
    if !kinds.is_empty() && !kinds.iter().any(is) {
        return wrong("of the type");
    }
    if schema["enum"].as_array().is_some_and(|words| !words.contains(value)) {
        return wrong("a word of");
    }
    // Rules of the kind "if this member says so, then that member is so".
    for rule in schema["allOf"].as_array().into_iter().flatten().filter(|rule| rule.get("then").is_some()) {
        let wanted = rule["if"]["properties"].as_object().unwrap();
        if wanted.iter().all(|(key, told)| value.get(key).is_some_and(|is| *is == told["const"])) {
            for (key, told) in rule["then"]["properties"].as_object().unwrap() {
                value.get(key).map_or(Ok(()), |member| fits(told, member, document))?;
            }
        }
    }
    match value {
        Value::String(text) => {
            let length = text.chars().count() as u64;
            let pattern = schema["pattern"].as_str();
            let long = schema["minLength"].as_u64().is_none_or(|least| length >= least)
                && schema["maxLength"].as_u64().is_none_or(|most| length <= most);
            let format = match schema["format"].as_str() {
                Some("date-time") => text.parse::<Timestamp>().is_ok() && text.contains('T'),
                Some("address") => parse_address(text).is_ok(),
                _ => true,
            };
            // JSON's way of writing a character is not that of this crate.
            let matches =
                |pattern: &str| Regex::new(&pattern.replace("\\u00", "\\x")).unwrap().is_match(text);
            if !long || !format || pattern.is_some_and(|pattern| !matches(pattern)) {
                return wrong("text as in");
            }
        }
        Value::Number(number) => {
            let number = number.as_f64().unwrap();
            if schema["minimum"].as_f64().is_some_and(|least| number < least)
                || schema["maximum"].as_f64().is_some_and(|most| number > most)
            {
                return wrong("within");
            }
        }
        Value::Array(items) => {
            items.iter().try_for_each(|item| fits(&schema["items"], item, document))?;
        }
        Value::Object(members) => {
            let names = &schema["propertyNames"];
            for (key, member) in members {
                fits(names, &key.as_str().into(), document)?;
                match (&schema["properties"][key], &schema["additionalProperties"]) {
                    (Value::Null, Value::Object(_)) => {
                        fits(&schema["additionalProperties"], member, document)?
                    }
                    (Value::Null, _) if schema.get("properties").is_some() => {
                        return Err(format!("{key} is not told of in {schema}"));
                    }
                    (told, _) => fits(told, member, document)?,
                }
            }
            for key in schema["required"].as_array().into_iter().flatten() {
                if !members.contains_key(key.as_str().unwrap()) {
                    return Err(format!("{key} is missing in {value}"));
                }
            }
        }
        Value::Bool(_) | Value::Null => {}
    }
    Ok(())
}

/// Holds an event's data against what a table of events tells of it.
pub(crate) fn fits_shape(events: &[(&str, &'static Shape)], name: &str, data: &Value) {
    let (_, shape) = events.iter().find(|(known, _)| *known == name).unwrap();
    let mut shapes = Default::default();
    collect(shape, &mut shapes);
    let components: serde_json::Map<String, Value> =
        shapes.into_iter().map(|(name, shape)| (name.to_owned(), super::schema::of_shape(shape))).collect();
    let document = serde_json::json!({"components": {"schemas": components}});
    fits(&schema(Kind::Object(shape), Place::Answer), data, &document).unwrap();
}

/// Holds what is told of a type against the type: an example reads as one, and is written again as it was; so is one
/// with null or without the fields that may be so; one with null in any other field does not read as one.
pub(crate) fn holds<T: Serialize + Deserialize<'static>>(shape: &'static Shape) {
    let mut shapes = Default::default();
    collect(shape, &mut shapes);
    let all = example_of(shape);
    // Types of answers hold words that live as long as the program.
    let forever = |value: &Value| -> &'static str { Box::leak(value.to_string().into_boxed_str()) };
    let written = |value: &Value| {
        serde_json::from_str::<T>(forever(value)).map(|read| serde_json::to_value(read).unwrap())
    };
    assert_eq!(written(&all).unwrap(), all, "{}", shape.name);
    for field in shape.fields() {
        let mut without = all.clone();
        match field.presence {
            Presence::OrNull => {
                without[field.name] = Value::Null;
                assert_eq!(written(&without).unwrap(), without, "{} {}", shape.name, field.name);
            }
            Presence::OrAbsent => {
                without.as_object_mut().unwrap().shift_remove(field.name);
                assert_eq!(written(&without).unwrap(), without, "{} {}", shape.name, field.name);
            }
            Presence::Always | Presence::Untold => {
                without[field.name] = Value::Null;
                assert!(written(&without).is_err(), "{} {} can be null", shape.name, field.name);
            }
        }
    }
    let components: serde_json::Map<String, Value> =
        shapes.into_iter().map(|(name, shape)| (name.to_owned(), super::schema::of_shape(shape))).collect();
    let document = serde_json::json!({"components": {"schemas": components}});
    fits(&schema(Kind::Object(shape), Place::Answer), &all, &document).unwrap();
}
