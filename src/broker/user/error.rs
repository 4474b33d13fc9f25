//! What can go wrong in the user broker, by what the caller can do about it. Faces match these totally.

use super::caps::Cap;
use super::catalogue::ModelError;
use super::quote::QuoteOverflow;
use super::terms::TermsError;
use super::upstream::UpstreamError;
use crate::body::BodyError;
use crate::chain::{ChainError, SendError};
use crate::domain::{
    Address, Neuron, OperationId, Prices, RequestId, ServiceName, Timestamp, UserRequestState,
};
use crate::keys::KeyError;
use crate::store::StoreError;
use crate::wire::path::PathError;
use crate::wire::terms::Shortage;

/// Why an operation on accounts, refunds or listings was refused or failed.
#[derive(Debug, thiserror::Error)]
pub enum UserError {
    #[error("this broker runs without a wallet and can only read; configure privateKeys or a wallet file")]
    ReadOnly,
    /// It was started without the wallet, and pays with the delegate keys that it holds.
    #[error(
        "this broker holds delegate keys only: it may pay for requests, but cannot move money on the chain; give the order to \
         a broker that was started with the wallet"
    )]
    DelegatesOnly,
    #[error("provider {0} offers no service on this chain; GET /v1/service lists those that do")]
    UnknownProvider(Address),
    #[error("there is no account with provider {0}; create one with POST /v1/provider")]
    NoAccount(Address),
    #[error("an account with provider {0} exists already; add to it with POST /v1/provider/{0}/charge")]
    AccountExists(Address),
    #[error("{0} is the address of this wallet; an account is with somebody else")]
    OwnAddress(Address),
    #[error("the amount is 0; name at least 1 neuron")]
    ZeroAmount,
    #[error("with {} more the account would pass 2^112 - 1 neuron, the most that it can hold", .amount.in_neuron())]
    TooLarge { amount: Neuron },
    #[error("the wallet has {available} neuron, but {needed} are needed, gas included")]
    InsufficientFunds { needed: Neuron, available: Neuron },
    #[error("{asked} neuron cannot be taken back: of the deposit, {free} are free of what is owed or held")]
    NotFree { asked: Neuron, free: Neuron },
    #[error(
        "a refund of {amount} neuron is pending already until {unlock_at}; ask with replace to change it, which begins the wait anew if it grows"
    )]
    RefundPending { amount: Neuron, unlock_at: Timestamp },
    #[error("no refund is pending with provider {0}")]
    NoRefund(Address),
    #[error("the refund is locked until {unlock_at}")]
    RefundLocked { unlock_at: Timestamp },
    #[error("provider {provider} has no service named {service}; GET /v1/service lists what there is")]
    UnknownService { provider: Address, service: ServiceName },
    #[error("there is no request {0}")]
    UnknownRequest(RequestId),
    #[error("there is no receipt for request {0} (yet)")]
    NoReceipt(RequestId),
    #[error("request {request} is {state}: nothing of its cost is disputed, so there is nothing to accept")]
    NotDisputed { request: RequestId, state: UserRequestState },
    #[error("the receipt of request {0} was accepted before; it is paid once")]
    AcceptedBefore(RequestId),
    #[error(
        "the receipt of request {request} asks for {disputed} neuron beyond our own count, not for {amount}; look at it again before you accept it"
    )]
    OtherAmount { request: RequestId, amount: Neuron, disputed: Neuron },
    #[error(
        "the receipt that came for request {0} is not its provider's statement about it, and cannot be accepted"
    )]
    NotItsReceipt(RequestId),
    #[error("there is no operation {0}")]
    UnknownOperation(OperationId),
    #[error("the idempotency key was used before for something else")]
    KeyReused,
    #[error("the cursor is not one that this listing gave out")]
    BadCursor,
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The contract would refuse it, or the transaction could not be sent.
    #[error(transparent)]
    Send(#[from] SendError),
    #[error(transparent)]
    Chain(#[from] ChainError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The HTTP client could not be made.
    #[error("the HTTP client cannot be set up")]
    Client(#[source] reqwest::Error),
}

/// Why a paid call was not made, or brought no answer.
#[derive(Debug, thiserror::Error)]
pub enum CallRefusal {
    #[error(transparent)]
    User(#[from] UserError),
    #[error("the path of the call is not allowed: {0}")]
    Path(#[from] PathError),
    #[error(transparent)]
    Body(#[from] BodyError),
    /// The body is not what the endpoint takes, so its units cannot be counted.
    #[error("the request body cannot be read: {0}")]
    BadBody(String),
    #[error("the provider's prices cannot be paid: {0}")]
    Quote(#[from] QuoteOverflow),
    /// No account. One opened with `needed` would be enough.
    #[error("there is no account with provider {provider}; create one with POST /v1/provider")]
    NoAccount { provider: Address, needed: Neuron },
    /// Deposit too small. `missing` more would be enough.
    #[error(
        "the account with provider {provider} has {available} neuron spendable, but this request needs at least {needed}; add {missing} with POST /v1/provider/{provider}/charge"
    )]
    InsufficientBalance { provider: Address, needed: Neuron, available: Neuron, missing: Neuron },
    #[error("the cap {cap} of {limit} neuron leaves {available}, but this request needs at least {needed}")]
    CapReached { cap: Cap, limit: Neuron, needed: Neuron, available: Neuron },
    /// The vouchers would run further ahead of what is owed than maxExposure allows.
    #[error(
        "the request needs {needed} neuron, but maxExposure and the provider's credit leave {available}; raise maxExposure or wait for requests in flight"
    )]
    ExposureReached { needed: Neuron, available: Neuron },
    /// Neither the wallet nor a delegate key for the account is here.
    #[error(
        "no key here may sign for the account with provider {0}; start with the wallet to name a new delegate"
    )]
    NoKey(Address),
    #[error(
        "the prices of {service} rose from {} in and {} out to {} in and {} out, in neuron a unit; the same call again \
         accepts them", seen.input, seen.output, now.input, now.output
    )]
    PriceChanged { service: ServiceName, seen: Prices, now: Prices },
    #[error(transparent)]
    Terms(#[from] TermsError),
    /// The provider wants more than our own books say, and we do not sign it.
    #[error(
        "provider {provider} asks for a voucher of {required} neuron, but by our own count only {signed} are covered; the difference is not paid. GET /v1/request?status=disputed shows what it is about; choose another provider, or set maxExposure so high that you pay the difference"
    )]
    ProviderShort { provider: Address, required: Neuron, signed: Neuron, details: Box<Shortage> },
    #[error(transparent)]
    Upstream(#[from] UpstreamError),
    /// The provider or the service answered with an error. It costs nothing.
    #[error("the provider answered with status {status}: {message}")]
    Answered { request: Option<RequestId>, status: u16, message: String },
    #[error("request {request} with this idempotency key exists already and is {state}")]
    Repeated { request: RequestId, state: UserRequestState },
    #[error("the broker is stopping")]
    Stopping,
}

impl From<StoreError> for CallRefusal {
    fn from(error: StoreError) -> Self {
        CallRefusal::User(error.into())
    }
}

impl From<KeyError> for CallRefusal {
    fn from(error: KeyError) -> Self {
        CallRefusal::User(error.into())
    }
}

impl UserError {
    /// Whether the books could not be written because there is no room on their disk.
    pub fn is_disk_full(&self) -> bool {
        matches!(self, UserError::Store(StoreError::Full))
    }
}
