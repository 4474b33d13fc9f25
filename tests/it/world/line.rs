//! A broker's line to the chain, which a test can cut.

use std::sync::Arc;
use std::task::{Context, Poll};

use alloy::rpc::json_rpc::{RequestPacket, ResponsePacket};
use alloy::transports::{BoxTransport, TransportError, TransportErrorKind, TransportFut};
use parking_lot::Mutex;
use tower::Service;

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
    chain: BoxTransport,
    trouble: Arc<Mutex<Trouble>>,
}

impl Line {
    pub fn new(chain: BoxTransport) -> Line {
        Line { chain, trouble: Arc::new(Mutex::new(Trouble::None)) }
    }

    pub fn set(&self, trouble: Trouble) {
        *self.trouble.lock() = trouble;
    }

    pub fn heal(&self) {
        self.set(Trouble::None);
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
