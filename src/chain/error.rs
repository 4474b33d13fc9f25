//! What can go wrong when the chain is asked, in the words of what the caller can do about it.

use std::time::Duration;

use alloy::primitives::Address;

use super::Revert;
use super::block::BlockRef;

/// Why the chain gave no usable answer. Endpoints are named without path, user or password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChainError {
    /// No connection, or the server in front of the node has a fault. Try again later, or another URL.
    #[error("the chain at {endpoint} cannot be reached: {reason}")]
    Unreachable { endpoint: String, reason: String },
    /// The node did not answer in time. Try again later.
    #[error("the chain at {endpoint} did not answer {method} within {} ms", after.as_millis())]
    Timeout { endpoint: String, method: &'static str, after: Duration },
    /// Too many requests. Ask less often, or use another URL.
    #[error("the chain at {endpoint} refuses to answer so many requests")]
    Busy { endpoint: String },
    /// The URL leads to another chain than the settings say.
    #[error(
        "the chain at {endpoint} has id {found}, but {expected} is expected; check the URL and the chain id"
    )]
    WrongChain { endpoint: String, expected: u64, found: u64 },
    #[error("there is no contract at {address} on this chain; check the contract address and the URL")]
    NoContract { address: Address },
    #[error("the contract at {address} is not a Serving contract: {reason}")]
    NotServing { address: Address, reason: String },
    /// It answers as one, but is not the contract that this program knows. Deposits there are in its author's hands.
    #[error(
        "the contract at {address} has other code than the Serving contract of this program, and could keep what is paid into \
         it; check the contract address, or set chain.trustOtherContractCode if you know who wrote it"
    )]
    OtherCode { address: Address },
    /// The contract refused the call.
    #[error(transparent)]
    Revert(Revert),
    /// The node answered with an error of its own.
    #[error("the chain refuses {method}: {message} (code {code})")]
    Refused { method: &'static str, code: i64, message: String },
    /// The answer is not what the method promises, or is larger than anything honest.
    #[error("the chain's answer to {method} makes no sense: {reason}")]
    BadAnswer { method: &'static str, reason: String },
    /// A reorg removed the block that was asked about, or the node has not seen it yet.
    #[error("the node does not know block {} ({})", .0.number, .0.hash)]
    UnknownBlock(BlockRef),
    /// The chain lists the service, but with a name, type or text that this program does not understand.
    #[error("the service is listed in a form that this program cannot use: {reason}")]
    UnreadableService { reason: String },
}

impl ChainError {
    /// Whether the same question may be answered later without anybody changing anything.
    pub fn is_transient(&self) -> bool {
        matches!(
            self,
            ChainError::Unreachable { .. }
                | ChainError::Timeout { .. }
                | ChainError::Busy { .. }
                | ChainError::UnknownBlock(_)
        )
    }

    /// A short word for metrics and logs.
    pub fn code(&self) -> &'static str {
        match self {
            ChainError::Unreachable { .. } => "chain_unreachable",
            ChainError::Timeout { .. } => "chain_timeout",
            ChainError::Busy { .. } => "chain_busy",
            ChainError::WrongChain { .. } => "wrong_chain",
            ChainError::NoContract { .. } => "no_contract",
            ChainError::NotServing { .. } => "not_serving",
            ChainError::OtherCode { .. } => "other_code",
            ChainError::Revert(_) => "reverted",
            ChainError::Refused { .. } => "chain_refused",
            ChainError::BadAnswer { .. } => "chain_bad_answer",
            ChainError::UnknownBlock(_) => "unknown_block",
            ChainError::UnreadableService { .. } => "unreadable_service",
        }
    }
}
