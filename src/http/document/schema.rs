//! JSON Schema of kinds, fields and shapes; and an example of each.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::http::field::{Field, Kind, Presence, Shape};

/// Where a value stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// In a path, a query or a head, where everything is text.
    Line,
    Body,
    Answer,
}

/// Characters that no line of text has.
const NO_CONTROLS: &str = "^[^\\u0000-\\u001f\\u007f-\\u009f]*$";

pub(super) fn schema(kind: Kind, place: Place) -> Value {
    match kind {
        Kind::Address => {
            json!({"type": "string", "format": "address", "pattern": "^0x[0-9a-fA-F]{40}$"})
        }
        Kind::Amount(..) if place == Place::Answer => json!({"type": "string", "pattern": "^[0-9]+$"}),
        Kind::Amount(least, digits) => {
            let first = if least == 0 { "[0-9]{1," } else { "[1-9][0-9]{0," };
            let more = if least == 0 { digits } else { digits - 1 };
            let text = json!({"type": "string", "pattern": format!("^0*{first}{more}}}$")});
            if place == Place::Line {
                return text;
            }
            let number = json!({"type": "integer", "minimum": least, "maximum": u64::MAX});
            json!({"anyOf": [text, number]})
        }
        Kind::Id(digits) => json!({"type": "string", "pattern": format!("^[0-9a-f]{{{digits}}}$")}),
        Kind::Hash => json!({"type": "string", "pattern": "^0x[0-9a-f]{64}$"}),
        Kind::Hex => json!({"type": "string", "pattern": "^0x([0-9a-f]{2})*$"}),
        Kind::Name => json!({"type": "string", "pattern": "^[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}$"}),
        Kind::Count(from, u64::MAX) => json!({"type": "integer", "minimum": from}),
        Kind::Count(from, to) => json!({"type": "integer", "minimum": from, "maximum": to}),
        Kind::Moment => json!({"type": "string", "format": "date-time"}),
        Kind::Words(words) => json!({"type": "string", "enum": words}),
        Kind::Truth => json!({"type": "boolean"}),
        Kind::Url => json!({"type": "string", "format": "uri", "pattern": "^https?://[^/]"}),
        Kind::Cursor => json!({"type": "string", "format": "cursor", "minLength": 1}),
        Kind::Line(most) => json!({"type": "string", "maxLength": most, "pattern": NO_CONTROLS}),
        Kind::Text(0) => json!({"type": "string"}),
        Kind::Text(least) => json!({"type": "string", "minLength": least}),
        Kind::Voucher => {
            json!({"type": "string", "format": "voucher", "pattern": "^[A-Za-z0-9_-]{166}[AEIMQUYcgkosw048]$"})
        }
        Kind::Key => {
            json!({"type": "string", "maxLength": 255, "pattern": "^[\\u0021-\\u007e]([\\u0020-\\u007e]*[\\u0021-\\u007e])?$"})
        }
        Kind::Headers => json!({
            "type": "object",
            "maxProperties": 32,
            "propertyNames": {"pattern": "^[A-Za-z0-9!#$%&'*+.^_`|~-]+$"},
            "additionalProperties": {"type": "string", "pattern": "^[\\t\\u0020-\\u007e]*$"},
        }),
        Kind::Object(shape) => json!({"$ref": format!("#/components/schemas/{}", shape.name)}),
        Kind::List(item) => json!({"type": "array", "items": schema(*item, place)}),
        Kind::Free => json!({"type": "object"}),
    }
}

/// The schema of a field with what it means.
pub(super) fn of_field(field: &Field, place: Place) -> Value {
    let schema = schema(field.kind, place);
    let null = match place {
        Place::Line => false,
        // As if it were not given.
        Place::Body => field.presence == Presence::OrAbsent,
        Place::Answer => field.presence == Presence::OrNull,
    };
    let mut schema = if null { or_null(schema) } else { schema };
    if place != Place::Line && !field.about.is_empty() {
        schema["description"] = field.about.into();
    }
    schema
}

fn or_null(mut schema: Value) -> Value {
    if let Some(Value::Array(choices)) = schema.get_mut("anyOf") {
        choices.push(json!({"type": "null"}));
        return schema;
    }
    if let Some(Value::Array(words)) = schema.get_mut("enum") {
        words.push(Value::Null);
    }
    match schema.get("type").cloned() {
        Some(kind) => {
            schema["type"] = json!([kind, "null"]);
            schema
        }
        None => json!({"anyOf": [schema, {"type": "null"}]}),
    }
}

/// An object of these fields.
pub(super) fn object<'a>(fields: impl Iterator<Item = &'a Field> + Clone, place: Place) -> Value {
    let told = fields.filter(|field| field.presence != Presence::Untold);
    let properties: Map<String, Value> =
        told.clone().map(|field| (field.name.to_owned(), of_field(field, place))).collect();
    let always = told.filter(|field| match place {
        Place::Answer => field.presence != Presence::OrAbsent,
        Place::Line | Place::Body => field.is_required(),
    });
    let required: Vec<&str> = always.map(|field| field.name).collect();
    let mut schema = json!({"type": "object", "properties": properties});
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    schema
}

/// A shape and all that it holds, by name. Two shapes of one name would hide each other.
pub(super) fn collect(shape: &'static Shape, found: &mut BTreeMap<&'static str, &'static Shape>) {
    if let Some(before) = found.insert(shape.name, shape) {
        debug_assert!(std::ptr::eq(before, shape), "two shapes are called {}", shape.name);
        return;
    }
    for field in shape.fields() {
        let mut kind = field.kind;
        while let Kind::List(item) = kind {
            kind = *item;
        }
        if let Kind::Object(inner) = kind {
            collect(inner, found);
        }
    }
}

/// A shape as a schema of its own.
pub(super) fn of_shape(shape: &'static Shape) -> Value {
    let fields: Vec<&Field> = shape.fields().collect();
    let mut schema = object(fields.iter().copied(), Place::Answer);
    schema["description"] = shape.about.into();
    schema
}

/// A value that could stand there.
pub(super) fn example(kind: Kind) -> Value {
    match kind {
        Kind::Address => json!("0x70997970C51812dc3A010C7d01b50e0d17dc79C8"),
        Kind::Amount(..) => json!("1000000"),
        Kind::Id(digits) => {
            json!("b5c9f181c976f0001df2fb414d3a3c22222e72bfbd6741a8d273f0e46dc65ae4"[..digits])
        }
        Kind::Hash => json!("0x8c7a5e78931662721b703e75dd53edd07225b222df0e68987d3f308de21b496c"),
        Kind::Hex => json!("0x02ba5734d8f7091719471e7f7ed6b9df170dc70cc661ca05e688601ad984f068b0"),
        Kind::Name => json!("eliza"),
        Kind::Count(from, _) => json!(from.max(1)),
        Kind::Moment => json!("2024-08-22T14:38:52Z"),
        Kind::Words(words) => json!(words.first()),
        Kind::Truth => json!(true),
        Kind::Url => json!("http://127.0.0.1:8000/v1"),
        Kind::Voucher | Kind::Cursor | Kind::Line(_) | Kind::Text(_) => json!("…"),
        Kind::Key => json!("7f3d"),
        Kind::Headers => json!({"X-Api-Key": "…"}),
        Kind::Object(shape) => example_of(shape),
        Kind::List(item) => json!([example(*item)]),
        Kind::Free => json!({}),
    }
}

/// An object with all its fields.
pub(super) fn example_of(shape: &Shape) -> Value {
    shape.fields().map(|field| (field.name.to_owned(), example(field.kind))).collect::<Map<_, _>>().into()
}
