//! A transport that does to answers what networks and strange nodes do.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use alloy::rpc::json_rpc::{ErrorPayload, RequestPacket, Response, ResponsePacket, ResponsePayload};
use alloy::transports::{BoxTransport, TransportError, TransportErrorKind, TransportFut};
use parking_lot::Mutex;
use serde_json::Value;
use serde_json::value::to_raw_value;
use tower::Service;

/// What happens to one request.
#[derive(Clone, Debug)]
pub enum Fault {
    /// It goes through.
    None,
    /// The connection breaks before it arrives.
    Unreachable,
    /// It never arrives and nothing comes back.
    Hang,
    /// It arrives, but the connection breaks before the answer comes.
    LoseAnswer,
    /// It arrives, and an error comes back all the same.
    ButSay(i64, &'static str),
    /// It does not arrive; this error comes back.
    Error(i64, &'static str),
    /// It does not arrive; this HTTP status comes back.
    Status(u16),
    /// It does not arrive; this comes back.
    Answer(Value),
    /// It does not arrive; this, which is not JSON, comes back.
    Garbage(&'static str),
    /// It goes through, but its answer is changed on the way.
    Twist(Twist),
}

/// A change of an answer.
#[derive(Clone)]
pub struct Twist(pub Arc<dyn Fn(Value) -> Value + Send + Sync>);

impl std::fmt::Debug for Twist {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Twist")
    }
}

impl Fault {
    pub fn twist(change: impl Fn(Value) -> Value + Send + Sync + 'static) -> Fault {
        Fault::Twist(Twist(Arc::new(change)))
    }
}

type Rule = Box<dyn FnMut(&str, &Value) -> Fault + Send>;

#[derive(Clone)]
pub struct Faulty {
    inner: Arc<Mutex<BoxTransport>>,
    rule: Arc<Mutex<Rule>>,
    counts: Arc<Mutex<BTreeMap<String, usize>>>,
    struck: Arc<AtomicUsize>,
}

impl Faulty {
    pub fn new(inner: BoxTransport) -> Faulty {
        Faulty {
            inner: Arc::new(Mutex::new(inner)),
            rule: Arc::new(Mutex::new(Box::new(|_, _| Fault::None))),
            counts: Arc::default(),
            struck: Arc::default(),
        }
    }

    /// From now on another node answers.
    pub fn lead_to(&self, node: BoxTransport) {
        *self.inner.lock() = node;
    }

    /// How many requests something happened to.
    pub fn struck(&self) -> usize {
        self.struck.load(Ordering::Relaxed)
    }

    /// From now on `rule` decides by method and parameters.
    pub fn set(&self, rule: impl FnMut(&str, &Value) -> Fault + Send + 'static) {
        *self.rule.lock() = Box::new(rule);
    }

    /// `fault` happens to the next `times` requests of a method.
    pub fn next(&self, method: &'static str, mut times: usize, fault: Fault) {
        self.set(move |asked, _| {
            if asked == method && times > 0 {
                times -= 1;
                return fault.clone();
            }
            Fault::None
        });
    }

    pub fn heal(&self) {
        self.set(|_, _| Fault::None);
    }

    /// How often a method was asked.
    pub fn count(&self, method: &str) -> usize {
        self.counts.lock().get(method).copied().unwrap_or(0)
    }
}

impl Service<RequestPacket> for Faulty {
    type Response = ResponsePacket;
    type Error = TransportError;
    type Future = TransportFut<'static>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, packet: RequestPacket) -> Self::Future {
        let RequestPacket::Single(request) = &packet else { panic!("the chain edge sends no batches") };
        let method = request.method().to_owned();
        let params = request.params().map_or(Value::Null, |raw| serde_json::from_str(raw.get()).unwrap());
        let id = request.id().clone();
        *self.counts.lock().entry(method.clone()).or_default() += 1;
        let fault = (*self.rule.lock())(&method, &params);
        if !matches!(fault, Fault::None) {
            self.struck.fetch_add(1, Ordering::Relaxed);
        }
        let mut inner = self.inner.lock().clone();
        let broken = || TransportErrorKind::custom_str("connection reset by peer");
        let error = move |code, message: &'static str| {
            let payload =
                ResponsePayload::Failure(ErrorPayload { code, message: message.into(), data: None });
            Ok(ResponsePacket::Single(Response { id, payload }))
        };
        Box::pin(async move {
            match fault {
                Fault::None => inner.call(packet).await,
                Fault::Unreachable => Err(broken()),
                Fault::Hang => std::future::pending().await,
                Fault::LoseAnswer => {
                    let _ = inner.call(packet).await;
                    Err(broken())
                }
                Fault::ButSay(code, message) => {
                    let _ = inner.call(packet).await;
                    error(code, message)
                }
                Fault::Error(code, message) => error(code, message),
                Fault::Status(status) => Err(TransportErrorKind::http_error(status, "busy".to_owned())),
                Fault::Answer(value) => {
                    let id = match &packet {
                        RequestPacket::Single(request) => request.id().clone(),
                        RequestPacket::Batch(_) => panic!("no batches"),
                    };
                    let payload = ResponsePayload::Success(to_raw_value(&value).unwrap());
                    Ok(ResponsePacket::Single(Response { id, payload }))
                }
                Fault::Twist(Twist(change)) => {
                    let mut answer = inner.call(packet).await?;
                    if let ResponsePacket::Single(Response {
                        payload: ResponsePayload::Success(raw), ..
                    }) = &mut answer
                    {
                        let value = serde_json::from_str(raw.get()).unwrap();
                        *raw = to_raw_value(&change(value)).unwrap();
                    }
                    Ok(answer)
                }
                Fault::Garbage(text) => {
                    let parsed = serde_json::from_str::<ResponsePacket>(text);
                    Err(TransportError::deser_err(parsed.unwrap_err(), text))
                }
            }
        })
    }
}
