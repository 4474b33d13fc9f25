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
use axum::routing::{MethodRouter, any, delete, get, post, put};
use http::HeaderValue;
use tracing::Instrument;

use super::document::{openapi_route, page_route};
use super::error::{no_method, no_route};
use super::guard::{self, Guard};

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

/// A field of a body or query.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    pub name: &'static str,
    pub about: &'static str,
    pub required: bool,
}

/// What can be told of a route.
#[derive(Clone, Copy, Debug)]
pub struct RouteDoc {
    /// `ANY` takes every method.
    pub method: &'static str,
    pub path: &'static str,
    pub access: Access,
    pub about: &'static str,
    pub query: &'static [Field],
    pub body: &'static [Field],
    /// Status codes of success with what they carry.
    pub answers: &'static [(u16, &'static str)],
}

pub(super) const fn required(name: &'static str, about: &'static str) -> Field {
    Field { name, about, required: true }
}

pub(super) const fn optional(name: &'static str, about: &'static str) -> Field {
    Field { name, about, required: false }
}

/// A path, a method, its description and what answers.
#[derive(Debug)]
pub(super) struct Route<S> {
    doc: RouteDoc,
    handler: MethodRouter<S>,
}

impl<S: Clone + Send + Sync + 'static> Route<S> {
    fn new(method: &'static str, path: &'static str, handler: MethodRouter<S>) -> Self {
        let doc =
            RouteDoc { method, path, access: Access::Owner, about: "", query: &[], body: &[], answers: &[] };
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

    pub(super) fn any<T: 'static>(path: &'static str, handler: impl Handler<T, S>) -> Self {
        Self::new("ANY", path, any(handler))
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

    pub(super) fn body(mut self, body: &'static [Field]) -> Self {
        self.doc.body = body;
        self
    }

    pub(super) fn answers(mut self, answers: &'static [(u16, &'static str)]) -> Self {
        self.doc.answers = answers;
        self
    }
}

/// All routes of one listener.
#[derive(Debug)]
pub(super) struct Table<S> {
    pub(super) title: &'static str,
    pub(super) about: &'static str,
    pub(super) routes: Vec<Route<S>>,
}

impl<S: Clone + Send + Sync + 'static> Table<S> {
    pub(super) fn docs(&self) -> Vec<RouteDoc> {
        self.routes.iter().map(|route| route.doc).collect()
    }

    /// The OpenAPI document of this table.
    pub(super) fn openapi(mut self) -> serde_json::Value {
        self.routes.push(openapi_route());
        self.routes.push(page_route());
        super::document::openapi(self.title, self.about, &self.docs())
    }

    /// The router with every check in front, and the documents at `/` and `/openapi.json`.
    pub(super) fn router(mut self, state: S, guard: Arc<Guard>, counts: Arc<RequestCounts>) -> Router {
        // The documents describe themselves too, so they join the table first.
        self.routes.push(openapi_route());
        self.routes.push(page_route());
        let documents = Arc::new(super::document::Documents::of(self.title, self.about, &self.docs()));
        let mut routers = [Router::new(), Router::new(), Router::new()];
        for route in self.routes {
            let router = &mut routers[route.doc.access as usize];
            *router = std::mem::take(router).route(route.doc.path, route.handler);
        }
        let [owner, open, public] = routers;
        let owner = owner.layer(from_fn_with_state(Arc::clone(&guard), guard::protect));
        let open = open
            .layer(axum::Extension(documents))
            .layer(from_fn_with_state(guard, guard::protect_without_token));
        owner
            .merge(open)
            .merge(public.layer(from_fn(guard::no_preflight)))
            .fallback(no_route)
            .method_not_allowed_fallback(no_method)
            .with_state(state)
            .layer(from_fn_with_state(counts, trace))
    }
}

impl<S: Clone + Send + Sync + 'static> Table<S> {
    /// The router of a public listener: no documents, no guard; only routes that anyone may call.
    pub(super) fn public_router(self, state: S, counts: Arc<RequestCounts>) -> Router {
        let public = self.routes.into_iter().filter(|route| route.doc.access == Access::Public);
        public
            .fold(Router::new(), |router, route| router.route(route.doc.path, route.handler))
            .layer(from_fn(guard::no_preflight))
            .fallback(no_route)
            .method_not_allowed_fallback(no_method)
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

/// Gives every answer an id that the log knows too. Paths are logged, queries and bodies never.
async fn trace(State(counts): State<Arc<RequestCounts>>, request: Request, next: Next) -> Response {
    let id = format!("{:016x}", rand::random::<u64>());
    let path: String = request.uri().path().chars().take(200).collect();
    let span = tracing::debug_span!("request", %id, method = %request.method(), path = ?path);
    let mut response = next.run(request).instrument(span.clone()).await;
    let _inside = span.enter();
    tracing::debug!(status = response.status().as_u16(), "answered");
    counts.count(response.status());
    if let Ok(id) = HeaderValue::try_from(id) {
        response.headers_mut().insert("x-request-id", id);
    }
    response
}
