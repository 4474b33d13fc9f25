//! The service behind the provider broker: answers what a test tells it to, and remembers what arrived.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::{HeaderMap, Method};
use parking_lot::Mutex;
use serde_json::json;
use tokio::sync::Semaphore;

/// How an answer ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ends {
    Whole,
    /// The connection breaks after the last piece.
    Breaks,
    /// Nothing comes after the last piece, ever.
    Hangs,
}

/// What comes back.
#[derive(Clone, Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub pieces: Vec<Bytes>,
    /// Before the head of the answer.
    pub delay: Duration,
    /// Before each piece.
    pub every: Duration,
    pub ends: Ends,
    /// Each piece waits for a permit, if there is a gate.
    pub gate: Option<Arc<Semaphore>>,
}

impl Reply {
    pub fn whole(status: u16, kind: &str, body: impl Into<Bytes>) -> Reply {
        Reply {
            status,
            headers: vec![("content-type", kind.to_owned())],
            pieces: vec![body.into()],
            delay: Duration::ZERO,
            every: Duration::ZERO,
            ends: Ends::Whole,
            gate: None,
        }
    }

    /// A plain chat answer.
    pub fn chat(text: &str) -> Reply {
        let body = json!({
            "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "test",
            "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
        });
        Reply::whole(200, "application/json", body.to_string())
    }

    /// A chat answer as an event stream: one event a piece of text.
    pub fn events(texts: &[&str]) -> Reply {
        let event = |delta: serde_json::Value, finish: serde_json::Value| {
            let data = json!({
                "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "test",
                "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
            });
            Bytes::from(format!("data: {data}\n\n"))
        };
        let mut pieces: Vec<Bytes> =
            texts.iter().map(|text| event(json!({"content": text}), serde_json::Value::Null)).collect();
        pieces.push(event(json!({}), "stop".into()));
        pieces.push(Bytes::from_static(b"data: [DONE]\n\n"));
        Reply { pieces, ..Reply::whole(200, "text/event-stream", "") }
    }

    pub fn after(mut self, delay: Duration) -> Reply {
        self.delay = delay;
        self
    }

    pub fn every(mut self, every: Duration) -> Reply {
        self.every = every;
        self
    }

    pub fn ends(mut self, ends: Ends) -> Reply {
        self.ends = ends;
        self
    }

    pub fn gated(mut self, gate: &Arc<Semaphore>) -> Reply {
        self.gate = Some(Arc::clone(gate));
        self
    }

    /// Only the first pieces.
    pub fn first(mut self, pieces: usize) -> Reply {
        self.pieces.truncate(pieces);
        self
    }

    /// The same text, encoded, in pieces of `size` bytes.
    pub fn encoded(mut self, coding: &'static str, size: usize) -> Reply {
        let plain: Vec<u8> = self.pieces.concat();
        let bytes = encode(coding, &plain);
        self.pieces = bytes.chunks(size).map(Bytes::copy_from_slice).collect();
        self.headers.push(("content-encoding", coding.to_owned()));
        self
    }
}

pub fn encode(coding: &str, plain: &[u8]) -> Vec<u8> {
    match coding {
        "gzip" => {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
            encoder.write_all(plain).unwrap();
            encoder.finish().unwrap()
        }
        "deflate" => {
            let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
            encoder.write_all(plain).unwrap();
            encoder.finish().unwrap()
        }
        "br" => {
            let mut encoder = brotli::CompressorWriter::new(Vec::new(), 4096, 5, 20);
            encoder.write_all(plain).unwrap();
            encoder.into_inner()
        }
        "zstd" => zstd::encode_all(plain, 3).unwrap(),
        other => panic!("unknown coding {other}"),
    }
}

/// A request as it arrived.
#[derive(Clone, Debug)]
pub struct Arrived {
    pub method: Method,
    /// Path and query.
    pub target: String,
    pub headers: HeaderMap,
    pub body: Bytes,
}

type Rule = Box<dyn FnMut(&Arrived) -> Reply + Send>;

struct Inner {
    rule: Mutex<Rule>,
    arrived: Mutex<Vec<Arrived>>,
}

/// The service.
#[derive(Clone)]
pub struct Upstream {
    /// Without a slash at its end.
    pub url: String,
    inner: Arc<Inner>,
}

impl Upstream {
    pub async fn start() -> Upstream {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let rule: Rule = Box::new(|_| Reply::chat("This is a test!"));
        let inner = Arc::new(Inner { rule: Mutex::new(rule), arrived: Mutex::default() });
        let router = Router::new().fallback(answer).with_state(Arc::clone(&inner));
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Upstream { url, inner }
    }

    /// From now on every request is answered so.
    pub fn say(&self, reply: Reply) {
        self.decide(move |_| reply.clone());
    }

    /// From now on `rule` answers.
    pub fn decide(&self, rule: impl FnMut(&Arrived) -> Reply + Send + 'static) {
        *self.inner.rule.lock() = Box::new(rule);
    }

    /// From now on it stores what is PUT or POSTed, and gives it back.
    pub fn store(&self) {
        let mut files: BTreeMap<String, Bytes> = BTreeMap::new();
        self.decide(move |arrived| match arrived.method {
            Method::PUT | Method::POST => {
                files.insert(arrived.target.clone(), arrived.body.clone());
                Reply::whole(201, "text/plain", "stored")
            }
            _ => match files.get(&arrived.target) {
                Some(bytes) => Reply::whole(200, "application/octet-stream", bytes.clone()),
                None => Reply::whole(404, "text/plain", "nothing here"),
            },
        });
    }

    pub fn arrived(&self) -> Vec<Arrived> {
        self.inner.arrived.lock().clone()
    }

    pub fn count(&self) -> usize {
        self.inner.arrived.lock().len()
    }
}

async fn answer(State(inner): State<Arc<Inner>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, 1 << 30).await else { return Response::new(Body::empty()) };
    let target = parts.uri.path_and_query().map_or("", |target| target.as_str()).to_owned();
    let arrived = Arrived { method: parts.method, target, headers: parts.headers, body };
    inner.arrived.lock().push(arrived.clone());
    let reply = (*inner.rule.lock())(&arrived);
    tokio::time::sleep(reply.delay).await;
    let plain =
        reply.pieces.len() == 1 && reply.ends == Ends::Whole && reply.every.is_zero() && reply.gate.is_none();
    let body = if plain { Body::from(reply.pieces[0].clone()) } else { pieces(&reply) };
    let mut response = Response::builder().status(reply.status);
    for (name, value) in reply.headers {
        response = response.header(name, value);
    }
    response.body(body).unwrap()
}

fn pieces(reply: &Reply) -> Body {
    let (every, gate, ends) = (reply.every, reply.gate.clone(), reply.ends);
    let paced = stream::iter(reply.pieces.clone()).then(move |piece| {
        let gate = gate.clone();
        async move {
            if let Some(gate) = gate {
                gate.acquire().await.unwrap().forget();
            }
            if !every.is_zero() {
                tokio::time::sleep(every).await;
            }
            Ok::<_, std::io::Error>(piece)
        }
    });
    let end = stream::once(async move {
        match ends {
            Ends::Whole => None,
            Ends::Breaks => Some(Err(std::io::Error::other("it breaks here"))),
            Ends::Hangs => std::future::pending().await,
        }
    });
    Body::from_stream(paced.chain(end.filter_map(std::future::ready)))
}
