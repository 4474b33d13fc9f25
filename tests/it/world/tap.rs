//! A listener between the two brokers: it sees everything, remembers it, and can change answers.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderMap, Method};
use parking_lot::Mutex;

use super::{Client, Got, finish};

/// A request as it passed.
#[derive(Clone, Debug)]
pub struct Seen {
    pub method: Method,
    pub target: String,
    pub headers: HeaderMap,
    pub body: Bytes,
}

type Twist = Box<dyn FnMut(&Seen, Got) -> Got + Send>;

struct Inner {
    client: Mutex<Client>,
    twist: Mutex<Twist>,
    seen: Mutex<Vec<Seen>>,
}

#[derive(Clone)]
pub struct Tap {
    pub url: String,
    inner: Arc<Inner>,
}

impl Tap {
    pub async fn start() -> Tap {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let honest: Twist = Box::new(|_, got| got);
        let inner = Arc::new(Inner {
            client: Mutex::new(Client::new(String::new())),
            twist: Mutex::new(honest),
            seen: Mutex::default(),
        });
        let router = Router::new().fallback(pass).with_state(Arc::clone(&inner));
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Tap { url, inner }
    }

    pub fn lead_to(&self, base: String) {
        *self.inner.client.lock() = Client::new(base);
    }

    /// From now on answers pass through `twist`.
    pub fn twist(&self, twist: impl FnMut(&Seen, Got) -> Got + Send + 'static) {
        *self.inner.twist.lock() = Box::new(twist);
    }

    /// Paid requests that passed.
    pub fn paid(&self) -> Vec<Seen> {
        let seen = self.inner.seen.lock();
        seen.iter().filter(|seen| seen.headers.contains_key("zg-request")).cloned().collect()
    }
}

/// Sends a request again as it passed, to wherever `client` leads.
pub async fn replay(client: &Client, seen: &Seen) -> Got {
    let mut headers = seen.headers.clone();
    for name in ["host", "content-length", "transfer-encoding", "connection"] {
        headers.remove(name);
    }
    finish(client.request(seen.method.clone(), &seen.target).headers(headers).body(seen.body.clone())).await
}

async fn pass(State(inner): State<Arc<Inner>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, 1 << 30).await else { return Response::new(Body::empty()) };
    let target = parts.uri.path_and_query().map_or("", |target| target.as_str()).to_owned();
    let seen = Seen { method: parts.method, target, headers: parts.headers, body };
    inner.seen.lock().push(seen.clone());
    let client = inner.client.lock().clone();
    let got = replay(&client, &seen).await;
    let got = (*inner.twist.lock())(&seen, got);
    let mut response = Response::builder().status(got.status);
    for (name, value) in &got.headers {
        if !["content-length", "transfer-encoding", "connection"].contains(&name.as_str()) {
            response = response.header(name, value);
        }
    }
    response.body(Body::from(got.body)).unwrap()
}
