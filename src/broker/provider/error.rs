//! What can go wrong when an operator asks the broker for something, or when it starts.

use crate::chain::{ChainError, SendError};
use crate::domain::{Address, OperationId, RequestId, ServiceKind, ServiceName};
use crate::store::StoreError;

use super::settings::SettingsError;

/// Why an order of the operator was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum ProviderError {
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// A field of the input is not acceptable; its name is as the API spells it.
    #[error("{field}: {reason}")]
    BadInput { field: &'static str, reason: String },
    #[error("there is no service {0}")]
    UnknownService(ServiceName),
    #[error("{0} has no account with this provider")]
    UnknownUser(Address),
    #[error("no request {0} was admitted here")]
    UnknownRequest(RequestId),
    #[error("no operation {0} was begun here")]
    UnknownOperation(OperationId),
    /// Another change of it is on its way to the chain.
    #[error("a change of {0} is on its way to the chain; wait for it")]
    ServiceBusy(ServiceName),
    #[error("there is a service {0} already; PUT /v1/service/{0} changes it")]
    ServiceExists(ServiceName),
    /// Units of another kind would be charged under the same name.
    #[error("{name} is of type {kind}, and the type of a service stays; register it under another name")]
    OtherType { name: ServiceName, kind: ServiceKind },
    /// Everybody who owes something is in a settlement, or as many are under way as may be.
    #[error("a settlement is under way already")]
    SettlementRunning { operation: Option<OperationId> },
    /// The transaction was mined, but the contract refused it.
    #[error("the contract refused it: {reason}")]
    Reverted { operation: OperationId, reason: String },
    /// Nothing was broadcast.
    #[error(transparent)]
    NotSent(#[from] SendError),
    #[error(transparent)]
    Chain(#[from] ChainError),
    #[error("the books cannot be read or written")]
    Store(#[from] StoreError),
    #[error("the provider's key does not sign: {0}")]
    Key(String),
    #[error("the client for services cannot be made: {0}")]
    Client(String),
    #[error("the key of the sender is not the provider's key")]
    WrongSender,
    #[error("the broker is stopping")]
    Stopping,
}

impl ProviderError {
    pub(super) fn input(field: &'static str, reason: impl ToString) -> Self {
        ProviderError::BadInput { field, reason: reason.to_string() }
    }
}

impl ProviderError {
    /// Whether the books could not be written because there is no room on their disk.
    pub fn is_disk_full(&self) -> bool {
        matches!(self, ProviderError::Store(StoreError::Full))
    }
}
