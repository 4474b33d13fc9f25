//! A service on a loopback port that answers as it is told, and remembers what it was asked.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use bytes::Bytes;
use futures_util::StreamExt;
use http::{HeaderMap, Method};
use http_body_util::BodyExt;
use parking_lot::Mutex;

/// What the service does.
#[derive(Clone)]
pub(super) struct Plan {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub pieces: Vec<Bytes>,
    pub end: End,
    /// Pause before the head.
    pub delay: Duration,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Proper,
    /// The connection is cut after the last piece.
    Broken,
    /// Nothing more comes, ever.
    Silent,
}

/// A request as it arrived.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub method: Method,
    pub uri: String,
    pub headers: HeaderMap,
    pub body: Bytes,
}

#[derive(Clone)]
pub(super) struct TestUpstream {
    address: std::net::SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    plan: Mutex<Plan>,
    seen: Mutex<Vec<Seen>>,
}

impl Plan {
    pub(super) fn json(body: &str) -> Plan {
        Plan {
            status: 200,
            headers: vec![
                ("content-type", "application/json".to_owned()),
                ("content-length", body.len().to_string()),
            ],
            pieces: vec![Bytes::copy_from_slice(body.as_bytes())],
            end: End::Proper,
            delay: Duration::ZERO,
        }
    }

    pub(super) fn events(pieces: &[String]) -> Plan {
        Plan {
            headers: vec![("content-type", "text/event-stream; charset=utf-8".to_owned())],
            pieces: pieces.iter().map(|piece| Bytes::copy_from_slice(piece.as_bytes())).collect(),
            ..Plan::json("")
        }
    }

    pub(super) fn bytes(pieces: &[&[u8]]) -> Plan {
        Plan {
            headers: vec![("content-type", "application/octet-stream".to_owned())],
            pieces: pieces.iter().map(|piece| Bytes::copy_from_slice(piece)).collect(),
            ..Plan::json("")
        }
    }
}

/// One chunk of a streamed chat.
pub(super) fn chunk(content: &str) -> String {
    let content = serde_json::to_string(content).unwrap();
    format!(
        "data: {{\"id\":\"c1\",\"object\":\"chat.completion.chunk\",\"created\":7,\"model\":\"m\",\
         \"choices\":[{{\"index\":0,\"delta\":{{\"content\":{content}}},\"finish_reason\":null}}]}}\n\n"
    )
}

/// One piece of a streamed answer of `messages`.
pub(super) fn block(text: &str) -> String {
    let text = serde_json::to_string(text).unwrap();
    format!(
        "event: content_block_delta\ndata: {{\"type\":\"content_block_delta\",\"index\":0,\
         \"delta\":{{\"type\":\"text_delta\",\"text\":{text}}}}}\n\n"
    )
}

/// A whole chat answer.
pub(super) fn whole(content: &str) -> String {
    let content = serde_json::to_string(content).unwrap();
    format!(
        "{{\"id\":\"c1\",\"choices\":[{{\"index\":0,\"message\":{{\"role\":\"assistant\",\"content\":{content}}},\
         \"finish_reason\":\"stop\"}}]}}"
    )
}

impl TestUpstream {
    pub(super) async fn start() -> TestUpstream {
        let shared =
            Arc::new(Shared { plan: Mutex::new(Plan::json(&whole("hello"))), seen: Mutex::default() });
        let router = Router::new().fallback(answer).with_state(Arc::clone(&shared));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        TestUpstream { address, shared }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    pub(super) fn plan(&self, plan: Plan) {
        *self.shared.plan.lock() = plan;
    }

    pub(super) fn seen(&self) -> Vec<Seen> {
        self.shared.seen.lock().clone()
    }
}

async fn answer(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    shared.seen.lock().push(Seen {
        method: parts.method,
        uri: parts.uri.to_string(),
        headers: parts.headers,
        body,
    });
    let plan = shared.plan.lock().clone();
    tokio::time::sleep(plan.delay).await;
    let pieces = futures_util::stream::iter(plan.pieces).then(|piece| async move {
        // Each piece on its own, as a model server flushes them.
        tokio::time::sleep(Duration::from_millis(1)).await;
        Ok::<_, std::io::Error>(piece)
    });
    let body = match plan.end {
        End::Proper => Body::from_stream(pieces),
        End::Broken => {
            Body::from_stream(pieces.chain(futures_util::stream::iter([Err(std::io::Error::other("cut"))])))
        }
        End::Silent => Body::from_stream(pieces.chain(futures_util::stream::pending())),
    };
    let mut response = Response::builder().status(plan.status);
    for (name, value) in plan.headers {
        response = response.header(name, value);
    }
    response.body(body).unwrap()
}
