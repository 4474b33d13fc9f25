//! The OpenAPI document and the readable API page of a route table.

use std::fmt::Write;
use std::sync::Arc;

use axum::Extension;
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use serde_json::{Map, Value, json};

use super::routes::{Access, Field, Route, RouteDoc};

/// Both documents, made once at start.
#[derive(Debug)]
pub(super) struct Documents {
    openapi: String,
    page: String,
}

impl Documents {
    pub(super) fn of(title: &str, about: &str, routes: &[RouteDoc]) -> Documents {
        Documents {
            openapi: format!("{:#}", openapi(title, about, routes)),
            page: page(title, about, routes),
        }
    }
}

pub(super) fn openapi_route<S: Clone + Send + Sync + 'static>() -> Route<S> {
    async fn handler(Extension(documents): Extension<Arc<Documents>>) -> Response {
        ([(CONTENT_TYPE, "application/json")], documents.openapi.clone()).into_response()
    }
    Route::get("/openapi.json", handler)
        .open_to(Access::Open)
        .about("This API as an OpenAPI 3.1 document.")
        .answers(&[(200, "OpenAPI document")])
}

pub(super) fn page_route<S: Clone + Send + Sync + 'static>() -> Route<S> {
    async fn handler(Extension(documents): Extension<Arc<Documents>>) -> Response {
        let headers = [
            (CONTENT_TYPE, "text/html; charset=utf-8"),
            (
                CONTENT_SECURITY_POLICY,
                "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
            ),
        ];
        (headers, documents.page.clone()).into_response()
    }
    Route::get("/", handler)
        .open_to(Access::Open)
        .about("This API as a page to read.")
        .answers(&[(200, "HTML page")])
}

/// The OpenAPI document of a table.
pub(super) fn openapi(title: &str, about: &str, routes: &[RouteDoc]) -> Value {
    let mut paths: Map<String, Value> = Map::new();
    for route in routes {
        let path = route.path.replace("{*", "{");
        let methods: &[&str] = match route.method {
            "ANY" => &["get", "post", "put", "patch", "delete"],
            "GET" => &["get"],
            "PUT" => &["put"],
            "DELETE" => &["delete"],
            _ => &["post"],
        };
        let item = paths.entry(path).or_insert_with(|| json!({}));
        for method in methods {
            item[*method] = operation(route);
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {"title": title, "version": env!("CARGO_PKG_VERSION"), "description": about},
        "paths": paths,
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": {"Error": {
                "type": "object",
                "required": ["error"],
                "properties": {"error": {
                    "type": "object",
                    "required": ["code", "message"],
                    "properties": {
                        "code": {"type": "string"},
                        "message": {"type": "string"},
                        "details": {"type": "object"}
                    }
                }}
            }}
        }
    })
}

fn operation(route: &RouteDoc) -> Value {
    let parameter = |place: &str, name: &str, about: &str, required: bool| json!({"name": name, "in": place, "description": about, "required": required, "schema": {"type": "string"}});
    let mut parameters: Vec<Value> =
        path_names(route.path).map(|name| parameter("path", name, "", true)).collect();
    parameters
        .extend(route.query.iter().map(|field| parameter("query", field.name, field.about, field.required)));
    let mut responses = Map::new();
    for (status, about) in route.answers {
        responses.insert(status.to_string(), json!({"description": about}));
    }
    let error = json!({"schema": {"$ref": "#/components/schemas/Error"}});
    responses.insert(
        "default".to_owned(),
        json!({"description": "An error", "content": {"application/json": error}}),
    );
    let mut operation = json!({"summary": route.about, "parameters": parameters, "responses": responses});
    if !route.body.is_empty() {
        operation["requestBody"] =
            json!({"content": {"application/json": {"schema": body_schema(route.body)}}});
    }
    if route.access == Access::Owner {
        operation["security"] = json!([{}, {"token": []}]);
    }
    operation
}

fn body_schema(fields: &[Field]) -> Value {
    let mut properties = Map::new();
    for field in fields {
        properties.insert(field.name.to_owned(), json!({"description": field.about}));
    }
    let required: Vec<&str> = fields.iter().filter(|field| field.required).map(|field| field.name).collect();
    json!({"type": "object", "properties": properties, "required": required})
}

/// The names in braces of a path.
fn path_names(path: &str) -> impl Iterator<Item = &str> {
    path.split('{').skip(1).filter_map(|rest| rest.split('}').next()).map(|name| name.trim_start_matches('*'))
}

fn page(title: &str, about: &str, routes: &[RouteDoc]) -> String {
    let mut html = format!(
        "<!doctype html><html lang=en><meta charset=utf-8><title>{title}</title><style>\
         body{{font:16px/1.5 system-ui,sans-serif;max-width:56rem;margin:2rem auto;padding:0 1rem}}\
         h2{{font:600 1rem ui-monospace,monospace;margin:2rem 0 .25rem;padding-top:1rem;border-top:1px solid #8886}}\
         code,td:first-child{{font-family:ui-monospace,monospace}}td{{padding:.1rem 1rem .1rem 0;vertical-align:top}}\
         p{{margin:.25rem 0}}small{{opacity:.7}}</style><h1>{title}</h1><p>{about}</p>\
         <p><small>Amounts are whole neuron as decimal text (1 A0GI = 10<sup>18</sup> neuron); requests also take \
         integers. Keys of requests match in any case. Errors are <code>{{\"error\": {{\"code\", \"message\", \
         \"details\"}}}}</code>. The same as <a href=\"/openapi.json\">OpenAPI</a>.</small></p>",
        title = escape(title),
        about = escape(about),
    );
    for route in routes {
        // Writing into a String cannot fail.
        let _ = write!(
            html,
            "<h2>{} {}</h2><p>{}</p>",
            route.method,
            escape(&route.path.replace("{*", "{")),
            escape(route.about)
        );
        table(&mut html, "Body", route.body);
        table(&mut html, "Query", route.query);
        if !route.answers.is_empty() {
            html.push_str("<table>");
            for (status, about) in route.answers {
                let _ = write!(html, "<tr><td>{status}<td>{}", escape(about));
            }
            html.push_str("</table>");
        }
        if route.access == Access::Public {
            html.push_str("<p><small>Open to everyone; what it takes is signed.</small></p>");
        }
    }
    html
}

fn table(html: &mut String, title: &str, fields: &[Field]) {
    if fields.is_empty() {
        return;
    }
    let _ = write!(html, "<p><small>{title}</small></p><table>");
    for field in fields {
        let mark = if field.required { "" } else { " <small>(optional)</small>" };
        let _ = write!(html, "<tr><td>{}<td>{}{mark}", escape(field.name), escape(field.about));
    }
    html.push_str("</table>");
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;
    use crate::http::routes::required;

    const ROUTES: &[RouteDoc] = &[RouteDoc {
        method: "ANY",
        path: "/v1/thing/{name}/{*rest}",
        access: Access::Owner,
        about: "Does <it>.",
        query: &[],
        body: &[required("amount", "neuron")],
        answers: &[(204, "done")],
    }];

    #[test]
    fn both_documents_tell_of_every_route() {
        let document = openapi("API", "", ROUTES);
        let operation = &document["paths"]["/v1/thing/{name}/{rest}"]["put"];
        assert_eq!(operation["parameters"][1]["name"], "rest");
        assert_eq!(
            operation["requestBody"]["content"]["application/json"]["schema"]["required"][0],
            "amount"
        );
        assert!(operation["responses"].get("204").is_some());
        let page = page("API", "", ROUTES);
        assert!(page.contains("ANY /v1/thing/{name}/{rest}") && page.contains("Does &lt;it&gt;."));
    }
}
