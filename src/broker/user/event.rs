//! News for whoever listens: facts in the past tense, each also to be seen in a snapshot or listing.
//!
//! The channel is bounded; a slow listener loses the oldest events and is told so. Losing one loses no fact.

use serde::Serialize;

use crate::domain::{Address, Neuron, OperationId, OperationKind, OperationState, RequestId, ServiceName};

/// How many events wait for a listener before the oldest are dropped.
pub const EVENT_QUEUE: usize = 256;

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Event {
    /// A request is on its way.
    RequestSent {
        request: RequestId,
        provider: Address,
        service: ServiceName,
        max_fee: Neuron,
    },
    /// A request is over; `state` is `done`, `disputed`, `failed` or `unconfirmed`.
    RequestEnded {
        request: RequestId,
        provider: Address,
        service: ServiceName,
        state: &'static str,
        fee: Neuron,
        /// Why it failed or what is disputed.
        note: Option<String>,
    },
    OperationChanged {
        id: OperationId,
        #[serde(serialize_with = "kind_text")]
        kind: OperationKind,
        #[serde(serialize_with = "state_text")]
        state: OperationState,
        provider: Option<Address>,
        reason: Option<String>,
    },
    /// Figures of an account changed on the chain.
    AccountChanged {
        provider: Address,
    },
    ServicesChanged {
        total: usize,
    },
    /// The chain moved on.
    Head {
        number: u64,
    },
    /// The chain cannot be read at the moment, or can again.
    ChainReachable {
        reachable: bool,
        reason: Option<String>,
    },
}

fn kind_text<S: serde::Serializer>(kind: &OperationKind, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(kind.as_str())
}

fn state_text<S: serde::Serializer>(state: &OperationState, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(state.as_str())
}
