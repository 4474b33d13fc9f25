//! What a route table tells of itself: an OpenAPI document for programs, a page for people.
//!
//! | file | holds |
//! |---|---|
//! | `schema` | JSON Schema of fields and shapes, an example of each |
//! | `openapi` | the OpenAPI document |
//! | `page` | the page, with `page.css` in it: no script, nothing loaded |

mod openapi;
mod page;
mod schema;
#[cfg(test)]
mod valid;

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Extension;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use serde_json::Value;

use self::schema::collect;
#[cfg(test)]
pub(crate) use self::valid::{fits, fits_shape, holds};
use super::details::{Details, SHARED};
use super::field::{Content, Field, Kind, Refusal, Shape, answer, required};
use super::routes::{Access, Route, RouteDoc};

/// All that is told of one listener.
#[derive(Clone, Copy, Debug)]
pub(super) struct Told<'a> {
    pub(super) title: &'a str,
    pub(super) about: &'a str,
    /// Where it listens unless told otherwise.
    pub(super) address: &'a str,
    /// Groups of routes with what they are about, in the order in which they are read.
    pub(super) groups: &'a [(&'static str, &'static str)],
    /// What the details of its own errors hold.
    pub(super) details: &'a [Details],
    pub(super) routes: &'a [RouteDoc],
}

impl Told<'_> {
    /// What the details of all its errors hold, by their codes.
    fn all_details(&self) -> impl Iterator<Item = &Details> {
        SHARED.iter().chain(self.details)
    }

    /// Every object that answers, events and errors hold, by name.
    fn shapes(&self) -> BTreeMap<&'static str, &'static Shape> {
        let mut shapes = BTreeMap::new();
        for answer in self.routes.iter().flat_map(|route| route.answers) {
            match answer.content {
                Content::Json(shape) | Content::Perhaps(shape) => collect(shape, &mut shapes),
                Content::Events(events) => {
                    events.iter().for_each(|(_, shape)| collect(shape, &mut shapes));
                }
                Content::Nothing
                | Content::Object
                | Content::Text(_)
                | Content::Streamed
                | Content::Passed => {}
            }
        }
        self.all_details().for_each(|(_, shape)| collect(shape, &mut shapes));
        shapes
    }
}

/// Both documents, made once at start.
#[derive(Debug)]
pub(super) struct Documents {
    openapi: Bytes,
    page: Bytes,
}

impl Documents {
    pub(super) fn of(told: &Told<'_>) -> Documents {
        Documents { openapi: openapi(told).to_string().into(), page: page::page(told).into() }
    }
}

/// The OpenAPI document of a table.
pub(super) fn openapi(told: &Told<'_>) -> Value {
    openapi::openapi(told)
}

/// The group of the documents' own routes.
pub(super) const GROUP: &str = "Documents";

pub(super) fn openapi_route<S: Clone + Send + Sync + 'static>() -> Route<S> {
    async fn handler(Extension(documents): Extension<Arc<Documents>>) -> Response {
        ([(CONTENT_TYPE, "application/json")], documents.openapi.clone()).into_response()
    }
    Route::get("/openapi.json", handler)
        .named("getOpenApi")
        .open_to(Access::Open)
        .about("This API as an OpenAPI 3.1 document.")
        .answers(const { &[answer(200, Content::Object, "The document.")] })
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
        .named("getPage")
        .open_to(Access::Open)
        .about("This API as a page to read.")
        .answers(const { &[answer(200, Content::Text(&["text/html"]), "The page.")] })
}

/// The names in braces of a path, with what they stand for.
fn parameters_of_path(route: &RouteDoc) -> impl Iterator<Item = Field> {
    let names = route.path.split('{').skip(1).filter_map(|rest| rest.split('}').next());
    names.map(|name| match name {
        "provider" => required("provider", Kind::Address, "The provider's address."),
        "user" => required("user", Kind::Address, "The user's address."),
        "service" => required("service", Kind::Name, "The service's name."),
        "*model" => required(
            "model",
            Kind::Text(1),
            "provider/service, or a service's name or model where only one has it.",
        ),
        "*suffix" => required(
            "suffix",
            Kind::Text(1),
            "The rest of the path, as the service knows it, slashes included: chat/completions.",
        ),
        _ if route.path.contains("/operation/") => required("id", Kind::Id(32), "The operation's id."),
        _ => required("id", Kind::Id(64), "The request's id."),
    })
}

/// What every route of its kind may refuse, and what this one does beside it.
fn refusals(route: &RouteDoc) -> impl Iterator<Item = Refusal> {
    let reads = route.path.contains('{') || !route.query.is_empty() || !route.body.is_empty();
    let acts = route.method != "GET";
    let rules = [
        (reads || !route.headers.is_empty(), (400, "bad_input")),
        (route.access == Access::Owner, (401, "token_required")),
        (route.access != Access::Public, (403, "host_not_allowed")),
        (route.access != Access::Public, (403, "origin_not_allowed")),
        (route.access == Access::Owner && acts, (403, "page_unknown")),
        (!route.body.is_empty(), (413, "body_too_large")),
    ];
    let everywhere = rules.into_iter().filter(|(holds, _)| *holds).map(|(_, refusal)| refusal);
    everywhere.chain(route.refusals.iter().copied().flatten().copied())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;
    use crate::http::field::AMOUNT;
    use crate::http::field::edges::Edges;

    const ROUTES: &[RouteDoc] = &[RouteDoc {
        method: "ANY",
        path: "/v1/thing/{service}/{*suffix}",
        access: Access::Owner,
        name: "thing",
        group: "Things",
        about: "Does <it> with `care`.",
        query: &[],
        headers: &[],
        body: const { &[required("amount", AMOUNT, "neuron")] },
        rule: None,
        answers: const { &[answer(204, Content::Nothing, "done")] },
        answer_headers: &[],
        refusals: &[&[(409, "not_now")]],
        passes_on: false,
        example: "",
    }];
    const TOLD: Told<'static> = Told {
        title: "API",
        about: "",
        address: "http://127.0.0.1:1",
        groups: &[("Things", "All of them.")],
        details: &[],
        routes: ROUTES,
    };

    #[test]
    fn both_documents_tell_of_every_route() {
        let document = openapi(&TOLD);
        let operation = &document["paths"]["/v1/thing/{service}/{suffix}"]["put"];
        assert_eq!(operation["parameters"][1]["name"], "suffix");
        assert_eq!(operation["operationId"], "thing_put");
        let body = &operation["requestBody"];
        assert_eq!(body["required"], true);
        assert_eq!(body["content"]["application/json"]["schema"]["required"][0], "amount");
        assert!(operation["responses"].get("204").is_some());
        assert!(operation["responses"]["409"]["description"].as_str().unwrap().contains("not_now"));
        let page = page::page(&TOLD);
        assert!(page.contains("ANY</b> /v1/thing/{service}/{suffix}"), "{page}");
        assert!(page.contains("Does &lt;it&gt; with <code>care</code>."), "{page}");
    }

    /// What a schema allows, the routes take: `edges` is fed to them too.
    #[test]
    fn schemas_end_where_values_do() {
        use schema::Place;
        let kinds = [
            Kind::Address,
            AMOUNT,
            crate::http::field::SUM,
            crate::http::field::PRICE,
            Kind::Id(64),
            Kind::Name,
            Kind::Count(1, 1000),
            Kind::Moment,
            Kind::Words(&["one", "two"]),
            Kind::Truth,
            Kind::Url,
            Kind::Cursor,
            Kind::Line(128),
            Kind::Headers,
        ];
        for kind in kinds {
            let schema = schema::schema(kind, Place::Body);
            let (taken, refused) = Edges::of(kind);
            for value in taken {
                fits(&schema, &value, &Value::Null).unwrap_or_else(|why| panic!("{kind:?} {value}: {why}"));
            }
            for value in refused {
                assert!(fits(&schema, &value, &Value::Null).is_err(), "{kind:?} allows {value}");
            }
        }
    }

    /// No route tells of a code that no error has; every operation has a name of its own; every route is in a group.
    #[test]
    fn tables_tell_of_what_there_is() {
        let said = [
            include_str!("../error.rs"),
            include_str!("../guard.rs"),
            include_str!("../input.rs"),
            include_str!("../ready.rs"),
            include_str!("../user/error.rs"),
            include_str!("../user/done.rs"),
            include_str!("../provider/error.rs"),
            include_str!("../provider/once.rs"),
            include_str!("../provider/proxy.rs"),
            include_str!("../../broker/provider/refusal.rs"),
        ];
        // The tables that are among these files do not count.
        let said: String = said.iter().map(|text| text.replace(|c: char| c.is_whitespace(), "")).collect();
        for document in [crate::http::user::openapi(), crate::http::provider::openapi()] {
            let mut names = std::collections::BTreeSet::new();
            let groups: Vec<_> =
                document["tags"].as_array().unwrap().iter().map(|tag| &tag["name"]).collect();
            for operation in document["paths"].as_object().unwrap().values() {
                for operation in operation.as_object().unwrap().values() {
                    assert!(
                        names.insert(operation["operationId"].as_str().unwrap().to_owned()),
                        "{operation}"
                    );
                    assert!(groups.contains(&&operation["tags"][0]), "{operation}");
                }
            }
        }
        for route in crate::http::user::routes().iter().chain(&crate::http::provider::routes()) {
            for (status, code) in refusals(route) {
                let made = [",", "=>", "("].map(|before| format!("{before}\"{code}\""));
                let table = format!("({status},\"{code}\")");
                let count = |text: &str| said.matches(text).count();
                assert!(
                    made.iter().map(|made| count(made)).sum::<usize>() > count(&table),
                    "{} {}: nothing says {code}",
                    route.method,
                    route.path
                );
            }
        }
    }
}
