//! alloy over the chain in the same process: a transport without a socket.

use std::{
    borrow::Cow,
    task::{Context, Poll},
};

use alloy::{
    rpc::json_rpc::{
        ErrorPayload, RequestPacket, Response, ResponsePacket, ResponsePayload, SerializedRequest,
    },
    transports::{TransportError, TransportErrorKind, TransportFut},
};
use serde_json::{Value, value::to_raw_value};
use tower::Service;

use super::{
    handle::Devnet,
    node::Node,
    rpc::{
        error::{INTERNAL, RpcError},
        methods,
    },
};

/// What `alloy`'s clients and providers are built on. Cheap to clone; all clones are the same chain.
#[derive(Clone, Debug)]
pub struct DevnetTransport(pub(super) Devnet);

impl Service<RequestPacket> for DevnetTransport {
    type Response = ResponsePacket;
    type Error = TransportError;
    type Future = TransportFut<'static>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, packet: RequestPacket) -> Self::Future {
        let devnet = self.0.clone();
        Box::pin(async move {
            let answer = devnet.run(move |node| match packet {
                RequestPacket::Single(request) => ResponsePacket::Single(respond(node, &request)),
                RequestPacket::Batch(batch) => {
                    ResponsePacket::Batch(batch.iter().map(|request| respond(node, request)).collect())
                }
            });
            answer.await.map_err(TransportErrorKind::custom)
        })
    }
}

fn respond(node: &mut Node, request: &SerializedRequest) -> Response {
    let params: Option<Value> = request.params().and_then(|params| serde_json::from_str(params.get()).ok());
    let outcome = methods::call(node, request.method(), params)
        .and_then(|result| to_raw_value(&result).map_err(|error| RpcError::new(INTERNAL, error.to_string())));
    let payload = match outcome {
        Ok(result) => ResponsePayload::Success(result),
        Err(error) => ResponsePayload::Failure(ErrorPayload {
            code: error.code,
            message: Cow::Owned(error.message),
            data: error.data.and_then(|data| to_raw_value(&data).ok()),
        }),
    };
    Response { id: request.id().clone(), payload }
}
