//! News for whoever listens: facts in the past tense, each also to be seen in a snapshot or listing.
//!
//! The channel is bounded; a slow listener loses the oldest events and is told so. Losing one loses no fact.

use crate::domain::{
    Address, Neuron, OperationId, OperationKind, OperationState, RequestId, ServiceName, UserRequestState,
};

/// How many events wait for a listener before the oldest are dropped.
pub const EVENT_QUEUE: usize = 256;

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
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
        state: UserRequestState,
        fee: Neuron,
        /// Why it failed or what is disputed.
        note: Option<String>,
    },
    OperationChanged {
        id: OperationId,
        kind: OperationKind,
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
    /// The chain cannot be read at the moment.
    ChainLost {
        reason: String,
    },
    /// The chain can be read again.
    ChainBack,
}
