//! A broker's line to the chain, which a test can cut, and whose answers it can falsify.

use std::sync::Arc;
use std::task::{Context, Poll};

use alloy::rpc::json_rpc::{RequestPacket, ResponsePacket};
use alloy::transports::{BoxTransport, TransportError, TransportErrorKind, TransportFut};
use parking_lot::Mutex;
use serde_json::Value;
use tower::Service;

use crate::chain::{Fault, Faulty};

/// What is wrong with the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    None,
    /// Nothing arrives.
    Down,
    /// Questions of this method arrive, but their answers do not come back.
    LosesAnswersOf(&'static str),
    /// Questions of this method do not arrive.
    Refuses(&'static str),
}

#[derive(Clone)]
pub struct Line {
    chain: Faulty,
    trouble: Arc<Mutex<Trouble>>,
}

impl Line {
    pub fn new(chain: BoxTransport) -> Line {
        Line { chain: Faulty::new(chain), trouble: Arc::new(Mutex::new(Trouble::None)) }
    }

    /// From now on `rule` decides by method and parameters what happens to each question.
    pub fn rule(&self, rule: impl FnMut(&str, &Value) -> Fault + Send + 'static) {
        self.chain.set(rule);
    }

    /// `fault` happens to the next `times` questions of a method.
    pub fn next(&self, method: &'static str, times: usize, fault: Fault) {
        self.chain.next(method, times, fault);
    }

    /// From now on another node answers.
    pub fn lead_to(&self, node: BoxTransport) {
        self.chain.lead_to(node);
    }

    /// How often a method was asked.
    pub fn count(&self, method: &str) -> usize {
        self.chain.count(method)
    }

    /// How many questions were hit by a fault so far.
    pub fn struck(&self) -> usize {
        self.chain.struck()
    }

    pub fn set(&self, trouble: Trouble) {
        *self.trouble.lock() = trouble;
    }

    pub fn heal(&self) {
        self.set(Trouble::None);
        self.chain.heal();
    }
}

impl Service<RequestPacket> for Line {
    type Response = ResponsePacket;
    type Error = TransportError;
    type Future = TransportFut<'static>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, packet: RequestPacket) -> Self::Future {
        let is = |method: &str| match &packet {
            RequestPacket::Single(request) => request.method() == method,
            RequestPacket::Batch(requests) => requests.iter().any(|request| request.method() == method),
        };
        let (arrives, answers) = match *self.trouble.lock() {
            Trouble::None => (true, true),
            Trouble::Down => (false, false),
            Trouble::LosesAnswersOf(method) => (true, !is(method)),
            Trouble::Refuses(method) => (!is(method), true),
        };
        let mut chain = self.chain.clone();
        Box::pin(async move {
            let broken = || TransportErrorKind::custom_str("the line is cut");
            if !arrives {
                return Err(broken());
            }
            let answer = chain.call(packet).await;
            if answers { answer } else { Err(broken()) }
        })
    }
}
