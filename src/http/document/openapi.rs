//! The OpenAPI document of a route table.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::schema::{self, Place, object, of_field, of_shape};
use super::{Told, parameters_of_path, refusals};
use crate::http::details::Details;
use crate::http::field::{Content, Field, Kind, Shape};
use crate::http::routes::{Access, RouteDoc};

const ERROR: &str = "#/components/schemas/Error";

pub(super) fn openapi(told: &Told<'_>) -> Value {
    let mut paths: Map<String, Value> = Map::new();
    for route in told.routes {
        let item = paths.entry(route.path.replace("{*", "{")).or_insert_with(|| json!({}));
        let methods: &[&str] = match route.method {
            "ANY" => &["get", "post", "put", "patch", "delete", "head"],
            "GET" => &["get"],
            "PUT" => &["put"],
            "DELETE" => &["delete"],
            _ => &["post"],
        };
        for method in methods {
            item[*method] = operation(route, method);
        }
    }
    let mut schemas: Map<String, Value> =
        told.shapes().into_iter().map(|(name, shape)| (name.to_owned(), of_shape(shape))).collect();
    schemas.insert("Error".to_owned(), error(told));
    let tags: Vec<Value> =
        told.groups.iter().map(|(name, about)| json!({"name": name, "description": about})).collect();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": told.title,
            "version": env!("CARGO_PKG_VERSION"),
            "description": told.about,
            "license": {"name": env!("CARGO_PKG_LICENSE"), "identifier": env!("CARGO_PKG_LICENSE")},
        },
        "paths": paths,
        "servers": [
            {"url": "/", "description": "Where this document was read."},
            {"url": told.address, "description": "Where the broker listens unless told otherwise."},
        ],
        "tags": tags,
        "components": {
            "securitySchemes": {"token": {
                "type": "http",
                "scheme": "bearer",
                "description": "Only where the broker's settings have a token.",
            }},
            "headers": {
                "x-request-id": {
                    "description": "The answer's id; the broker's log knows it.",
                    "schema": {"type": "string", "pattern": "^[0-9a-f]{16}$"},
                },
                "Retry-After": {
                    "description": "Seconds after which trying again makes sense.",
                    "schema": {"type": "integer", "minimum": 1},
                },
            },
            "schemas": schemas,
        }
    })
}

fn error(told: &Told<'_>) -> Value {
    let by_code = |(code, shape): &Details| {
        json!({
            "if": {"properties": {"code": {"const": code}}, "required": ["code"]},
            "then": {"properties": {"details": reference(shape)}},
        })
    };
    json!({
        "type": "object",
        "required": ["error"],
        "properties": {"error": {
            "type": "object",
            "required": ["code", "message", "type", "param"],
            "properties": {
                "code": {"type": "string", "description": "A stable word for programs."},
                "message": {"type": "string", "description": "A sentence for people that says what to do next."},
                "details": {"type": "object", "description": "What a program needs: the field that was wrong, the sum that is missing. What is in it depends on the code."},
                "type": {"type": "string", "description": "The kind of error, as OpenAI's API names it."},
                "param": {"type": ["string", "null"], "description": "The field it is about, as OpenAI's API has it."},
            },
            "allOf": told.all_details().map(by_code).collect::<Vec<_>>(),
        }},
    })
}

fn reference(shape: &'static Shape) -> Value {
    schema::schema(Kind::Object(shape), Place::Answer)
}

fn operation(route: &RouteDoc, method: &str) -> Value {
    let parameter = |place: &str, field: &Field| json!({"name": field.name, "in": place, "description": field.about, "required": field.is_required(), "schema": of_field(field, Place::Line)});
    let mut parameters: Vec<Value> =
        parameters_of_path(route).map(|field| parameter("path", &field)).collect();
    parameters.extend(route.query.iter().map(|field| parameter("query", field)));
    parameters.extend(route.headers.iter().map(|field| parameter("header", field)));
    // One route for every method is one operation a method here, and each needs a name of its own.
    let id = if route.method == "ANY" { format!("{}_{method}", route.name) } else { route.name.to_owned() };
    let mut operation = json!({
        "operationId": id,
        "tags": [route.group],
        "summary": route.about,
        "parameters": parameters,
        "responses": responses(route),
        "security": if route.access == Access::Owner { json!([{}, {"token": []}]) } else { json!([]) },
    });
    if !route.body.is_empty() {
        operation["requestBody"] =
            json!({"required": true, "content": {"application/json": {"schema": body(route)}}});
    } else if route.passes_on && !matches!(method, "get" | "head" | "delete") {
        operation["requestBody"] = json!({
            "description": "As the service takes it.",
            "content": {"application/json": {"schema": {}}},
        });
    }
    operation
}

fn body(route: &RouteDoc) -> Value {
    let mut schema = object(route.body.iter(), Place::Body);
    if !route.passes_on {
        schema["additionalProperties"] = false.into();
    }
    if let Some(rule) = route.rule {
        schema["allOf"] = json!([rule()]);
    }
    schema
}

fn responses(route: &RouteDoc) -> Value {
    let id = json!({"$ref": "#/components/headers/x-request-id"});
    let mut responses = Map::new();
    for answer in route.answers {
        let mut headers = Map::from_iter([("x-request-id".to_owned(), id.clone())]);
        for field in route.answer_headers {
            let told = json!({"description": field.about, "schema": of_field(field, Place::Line)});
            headers.insert(field.name.to_owned(), told);
        }
        let mut response = json!({"description": answer.about, "headers": headers});
        if let Some(content) = content(answer.content) {
            response["content"] = content;
        }
        responses.insert(answer.status.to_string(), response);
    }
    let error = json!({"application/json": {"schema": {"$ref": ERROR}}});
    let mut by_status: BTreeMap<u16, Vec<&str>> = BTreeMap::new();
    for (status, code) in refusals(route) {
        let codes = by_status.entry(status).or_default();
        if !codes.contains(&code) {
            codes.push(code);
        }
    }
    for (status, codes) in by_status {
        let mut headers = json!({"x-request-id": id});
        if matches!(status, 409 | 429 | 503) {
            headers["Retry-After"] = json!({"$ref": "#/components/headers/Retry-After"});
        }
        let codes = codes.join(", ");
        let response = if route.passes_on {
            // The service may answer the same status in its own way, so no body is promised.
            let about = format!("An Error of the broker ({codes}), or the service's own answer.");
            json!({"description": about, "headers": headers})
        } else {
            json!({"description": codes, "headers": headers, "content": error})
        };
        responses.insert(status.to_string(), response);
    }
    if route.passes_on {
        let about = "The service's own answer, or any other Error of the broker.";
        responses
            .insert("default".to_owned(), json!({"description": about, "headers": {"x-request-id": id}}));
        return responses.into();
    }
    let other = json!({"description": "Any other error.", "headers": {"x-request-id": id}, "content": error});
    responses.insert("default".to_owned(), other);
    responses.into()
}

fn content(content: Content) -> Option<Value> {
    let json_of = |schema: Value| json!({"application/json": {"schema": schema}});
    match content {
        Content::Nothing | Content::Perhaps(_) | Content::Passed => None,
        Content::Json(shape) => Some(json_of(reference(shape))),
        Content::Object => Some(json_of(json!({"type": "object"}))),
        Content::Events(events) => {
            let names: Vec<&str> = events.iter().map(|(name, _)| *name).collect();
            let about = format!(
                "Server-sent events with JSON as their data: {}. `x-events` has the schema of each one's data.",
                names.join(", ")
            );
            let of_data: Map<String, Value> =
                events.iter().map(|(name, shape)| ((*name).to_owned(), reference(shape))).collect();
            Some(json!({"text/event-stream": {
                "schema": {"type": "string", "description": about},
                "x-events": of_data,
            }}))
        }
        Content::Text(types) => {
            let of_type = |media: &&str| match *media {
                "application/json" => ((*media).to_owned(), json!({"schema": {"type": "array"}})),
                _ => ((*media).to_owned(), json!({"schema": {"type": "string"}})),
            };
            Some(types.iter().map(of_type).collect::<Map<_, _>>().into())
        }
        Content::Streamed => Some(json!({
            "application/json": {"schema": {"type": "object"}},
            "text/event-stream": {"schema": {"type": "string"}},
        })),
    }
}
