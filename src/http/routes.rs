//! Route tables: one list a broker, from which its router, its OpenAPI document and its API page are made.
//!
//! A route that is not described does not exist, and a description without a route cannot be written.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::Router;
use axum::extract::{Request, State};
use axum::handler::Handler;
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::Response;
use axum::routing::{MethodFilter, MethodRouter, delete, get, on, post, put};
use http::header::X_CONTENT_TYPE_OPTIONS;
use http::{HeaderMap, HeaderValue, Method, Uri};
use serde_json::Value;
use tracing::Instrument;
use tracing::field::{Empty, display};

use super::details::Details;
use super::document::{self, Documents, Told, openapi_route, page_route};
use super::error::{PAGE_LISTS, no_method, no_route};
use super::field::{Answer, Field, Refusal};
use super::guard::{self, Guard};
use super::input::without_body;
use crate::broker::user::REQUEST_ID_HEADER;
use crate::domain::RequestId;
use crate::wire::auth::{REQUEST_HEADER, decode_request_auth};

/// Who may call a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// The owner: host, origin and token are checked.
    Owner,
    /// The owner's tools, without the token: health and documents.
    Open,
    /// Anyone; what the request carries is signed.
    Public,
}

/// The method of routes that take every one.
const ANY: &str = "ANY";

/// What can be told of a route.
#[derive(Clone, Copy, Debug)]
pub struct RouteDoc {
    /// `ANY` takes every method.
    pub method: &'static str,
    pub path: &'static str,
    pub access: Access,
    /// What programs made from the document call it, and its anchor on the page.
    pub name: &'static str,
    pub group: &'static str,
    pub about: &'static str,
    pub query: &'static [Field],
    /// What it reads of the request's head.
    pub headers: &'static [Field],
    pub body: &'static [Field],
    /// What a body must keep beyond its fields, as JSON Schema.
    pub rule: Option<fn() -> Value>,
    /// Status codes of success with what they carry.
    pub answers: &'static [Answer],
    /// What stands in the head of such an answer.
    pub answer_headers: &'static [Field],
    /// What it says no with, beyond what every route does.
    pub refusals: &'static [&'static [Refusal]],
    /// Requests go on to a service as they are, body and all, which may cost money.
    pub passes_on: bool,
    /// A body to show.
    pub example: &'static str,
}

/// A path, a method, its description and what answers.
#[derive(Debug)]
pub(super) struct Route<S> {
    doc: RouteDoc,
    handler: MethodRouter<S>,
}

impl<S: Clone + Send + Sync + 'static> Route<S> {
    fn new(method: &'static str, path: &'static str, handler: MethodRouter<S>) -> Self {
        let doc = RouteDoc {
            method,
            path,
            access: Access::Owner,
            name: "",
            group: super::document::GROUP,
            about: "",
            query: &[],
            headers: &[],
            body: &[],
            rule: None,
            answers: &[],
            answer_headers: &[],
            refusals: &[],
            passes_on: false,
            example: "",
        };
        Route { doc, handler }
    }

    pub(super) fn get<T: 'static>(path: &'static str, handler: impl Handler<T, S>) -> Self {
        Self::new("GET", path, get(handler))
    }

    pub(super) fn post<T: 'static>(path: &'static str, handler: impl Handler<T, S>) -> Self {
        Self::new("POST", path, post(handler))
    }

    pub(super) fn put<T: 'static>(path: &'static str, handler: impl Handler<T, S>) -> Self {
        Self::new("PUT", path, put(handler))
    }

    pub(super) fn delete<T: 'static>(path: &'static str, handler: impl Handler<T, S>) -> Self {
        Self::new("DELETE", path, delete(handler))
    }

    /// Every method that a service may know. TRACE would show what it is sent, CONNECT asks for a tunnel; others nobody named.
    pub(super) fn any<T: 'static>(path: &'static str, handler: impl Handler<T, S>) -> Self {
        let named = MethodFilter::GET
            .or(MethodFilter::POST)
            .or(MethodFilter::PUT)
            .or(MethodFilter::PATCH)
            .or(MethodFilter::DELETE)
            .or(MethodFilter::HEAD)
            .or(MethodFilter::OPTIONS);
        Self::new(ANY, path, on(named, handler)).passes_on()
    }

    /// For routes of one method that pass it on to a service; those that take any method do.
    pub(super) fn passes_on(mut self) -> Self {
        self.doc.passes_on = true;
        self
    }

    pub(super) fn named(mut self, name: &'static str) -> Self {
        self.doc.name = name;
        self
    }

    pub(super) fn about(mut self, about: &'static str) -> Self {
        self.doc.about = about;
        self
    }

    pub(super) fn open_to(mut self, access: Access) -> Self {
        self.doc.access = access;
        self
    }

    pub(super) fn query(mut self, query: &'static [Field]) -> Self {
        self.doc.query = query;
        self
    }

    pub(super) fn headers(mut self, headers: &'static [Field]) -> Self {
        self.doc.headers = headers;
        self
    }

    pub(super) fn body(mut self, body: &'static [Field]) -> Self {
        self.doc.body = body;
        self
    }

    pub(super) fn rule(mut self, rule: fn() -> Value) -> Self {
        self.doc.rule = Some(rule);
        self
    }

    pub(super) fn example(mut self, body: &'static str) -> Self {
        self.doc.example = body;
        self
    }

    pub(super) fn answers(mut self, answers: &'static [Answer]) -> Self {
        self.doc.answers = answers;
        self
    }

    pub(super) fn answer_headers(mut self, headers: &'static [Field]) -> Self {
        self.doc.answer_headers = headers;
        self
    }

    pub(super) fn refuses(mut self, refusals: &'static [&'static [Refusal]]) -> Self {
        self.doc.refusals = refusals;
        self
    }
}

/// All routes of one listener.
#[derive(Debug)]
pub(super) struct Table<S> {
    pub(super) title: &'static str,
    pub(super) about: &'static str,
    /// Where it listens unless told otherwise.
    pub(super) address: &'static str,
    /// Groups with what they are about; each holds the routes that were put [`in_group`].
    pub(super) groups: &'static [(&'static str, &'static str)],
    /// What the details of its errors hold, beside [`details::SHARED`](super::details::SHARED).
    pub(super) details: &'static [Details],
    pub(super) routes: Vec<Route<S>>,
}

/// Routes under one heading.
pub(super) fn in_group<S>(group: &'static str, mut routes: Vec<Route<S>>) -> Vec<Route<S>> {
    for route in &mut routes {
        route.doc.group = group;
    }
    routes
}

impl<S: Clone + Send + Sync + 'static> Table<S> {
    pub(super) fn docs(&self) -> Vec<RouteDoc> {
        self.routes.iter().map(|route| route.doc).collect()
    }

    /// The OpenAPI document of this table.
    pub(super) fn openapi(mut self) -> Value {
        self.add_documents();
        document::openapi(&self.told(&self.docs()))
    }

    /// The documents describe themselves too.
    fn add_documents(&mut self) {
        self.routes.push(openapi_route());
        self.routes.push(page_route());
    }

    fn told<'a>(&self, routes: &'a [RouteDoc]) -> Told<'a> {
        Told {
            title: self.title,
            about: self.about,
            address: self.address,
            groups: self.groups,
            details: self.details,
            routes,
        }
    }

    /// The router with every check in front, and the documents at `/` and `/openapi.json`.
    pub(super) fn router(mut self, state: S, guard: Arc<Guard>, counts: Arc<RequestCounts>) -> Router {
        self.add_documents();
        let documents = Arc::new(Documents::of(&self.told(&self.docs())));
        let (mut owner, mut paid) = (Router::new(), Router::new());
        let (mut open, mut public) = (Router::new(), Router::new());
        for mut route in self.routes {
            let acts = route.doc.method != "GET" && !route.doc.passes_on;
            if route.doc.access == Access::Owner && acts && route.doc.body.is_empty() {
                route.handler = route.handler.layer(from_fn(without_body));
            }
            let router = match route.doc.access {
                Access::Owner if route.doc.passes_on => &mut paid,
                Access::Owner => &mut owner,
                Access::Open => &mut open,
                Access::Public => &mut public,
            };
            *router = std::mem::take(router).route(route.doc.path, route.handler);
        }
        let owner = owner.layer(from_fn_with_state(Arc::clone(&guard), guard::protect));
        let paid = paid.layer(from_fn_with_state(Arc::clone(&guard), guard::protect_spending));
        let open = open
            .layer(axum::Extension(documents))
            .layer(from_fn_with_state(guard, guard::protect_without_token));
        owner
            .merge(paid)
            .merge(open)
            .merge(public.layer(from_fn(guard::no_preflight)))
            .fallback(async |method: Method, uri: Uri| no_route(&method, &uri, PAGE_LISTS))
            .method_not_allowed_fallback(async |method: Method, uri: Uri| {
                no_method(&method, &uri, PAGE_LISTS)
            })
            .with_state(state)
            .layer(from_fn_with_state(counts, trace))
    }
}

impl<S: Clone + Send + Sync + 'static> Table<S> {
    /// The router of a public listener: no documents, no guard; only routes that anyone may call.
    pub(super) fn public_router(self, state: S, counts: Arc<RequestCounts>) -> Router {
        let public: Vec<Route<S>> =
            self.routes.into_iter().filter(|route| route.doc.access == Access::Public).collect();
        let mut paths: Vec<&str> = public.iter().map(|route| route.doc.path).collect();
        paths.dedup();
        let lists: Arc<str> = format!("there are {}", paths.join(", ")).into();
        let for_methods = Arc::clone(&lists);
        public
            .into_iter()
            .fold(Router::new(), |router, route| router.route(route.doc.path, route.handler))
            .layer(from_fn(guard::no_preflight))
            .fallback(move |method: Method, uri: Uri| async move { no_route(&method, &uri, &lists) })
            .method_not_allowed_fallback(move |method: Method, uri: Uri| async move {
                no_method(&method, &uri, &for_methods)
            })
            .with_state(state)
            .layer(from_fn_with_state(counts, trace))
    }
}

/// Answers given, by class of status code.
#[derive(Debug, Default)]
pub struct RequestCounts([AtomicU64; 6]);

impl RequestCounts {
    fn count(&self, status: http::StatusCode) {
        let class = usize::from(status.as_u16() / 100).min(5);
        if let Some(counter) = self.0.get(class) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// `("2xx", how many)`, for the classes that answers have.
    pub(super) fn classes(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let names = ["0xx", "1xx", "2xx", "3xx", "4xx", "5xx"];
        names.into_iter().zip(&self.0).skip(2).map(|(name, count)| (name, count.load(Ordering::Relaxed)))
    }
}

/// The paid request that an authorisation is for.
fn asked_for(headers: &HeaderMap) -> Option<RequestId> {
    let text = headers.get(REQUEST_HEADER)?.to_str().ok()?;
    decode_request_auth(text).ok().map(|header| header.request)
}

/// The paid request that an answer is about.
fn answered_for(headers: &HeaderMap) -> Option<RequestId> {
    headers.get(REQUEST_ID_HEADER)?.to_str().ok()?.parse().ok()
}

/// Gives every answer an id that the log knows too, and names the paid request that it is about, by the id that both
/// brokers know it by: one search finds it in the logs of both. Paths are logged, queries and bodies never.
async fn trace(State(counts): State<Arc<RequestCounts>>, request: Request, next: Next) -> Response {
    let id = format!("{:016x}", rand::random::<u64>());
    let path: String = request.uri().path().chars().take(200).collect();
    let method = request.method().clone();
    let span = tracing::info_span!("request", %id, %method, path, request = Empty);
    // A stranger may name any id here; whether it is paid for is seen later.
    let mut paid = asked_for(request.headers());
    if let Some(paid) = paid {
        span.record("request", display(paid));
    }
    let mut response = next.run(request).instrument(span.clone()).await;
    if paid.is_none() {
        paid = answered_for(response.headers());
        if let Some(paid) = paid {
            span.record("request", display(paid));
        }
    }
    let status = response.status();
    let request = paid.map(display);
    if status.is_server_error() && path != super::ready::PATH {
        // Whoever asked was told why; whoever runs the broker should not have to ask.
        tracing::warn!(%id, %method, path, request, status = status.as_u16(), "a request failed");
    } else {
        tracing::debug!(%id, %method, path, request, status = status.as_u16(), "answered");
    }
    counts.count(response.status());
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::try_from(id) {
        headers.insert("x-request-id", id);
    }
    // Nothing of ours is an image, a script or a style for a page of another origin.
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert("cross-origin-resource-policy", HeaderValue::from_static("same-origin"));
    response
}
