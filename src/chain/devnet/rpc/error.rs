//! JSON-RPC errors: the code says who is at fault, the words are geth's where geth has them.

use alloy::{
    primitives::Bytes,
    sol_types::{Panic, Revert, SolError},
};
use serde_json::{Value, json};

use super::super::{error::DevnetError, pool::PoolError};

/// The text is not JSON.
pub(crate) const PARSE: i64 = -32700;
/// It is JSON, but no request.
pub(crate) const INVALID_REQUEST: i64 = -32600;
/// No such method.
pub(crate) const NO_METHOD: i64 = -32601;
/// The arguments do not fit the method.
pub(crate) const INVALID_PARAMS: i64 = -32602;
/// Ours to answer for.
pub(crate) const INTERNAL: i64 = -32603;
/// The chain says no.
pub(crate) const REFUSED: i64 = -32000;
/// The answer would be too large.
pub(crate) const LIMIT: i64 = -32005;
/// Execution reverted; `data` is what the contract returned.
pub(crate) const REVERTED: i64 = 3;

/// An error as it goes out.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct RpcError {
    pub code: i64,
    pub message: String,
    pub data: Option<Value>,
}

impl RpcError {
    pub fn new(code: i64, message: impl Into<String>) -> Self {
        RpcError { code, message: message.into(), data: None }
    }

    pub fn refused(message: impl Into<String>) -> Self {
        RpcError::new(REFUSED, message)
    }

    pub fn params(message: impl Into<String>) -> Self {
        RpcError::new(INVALID_PARAMS, message)
    }

    /// A revert with what the contract returned. Contracts' own errors are left to the caller to decode.
    pub fn reverted(output: &Bytes) -> Self {
        let message = if let Ok(revert) = Revert::abi_decode(output) {
            format!("execution reverted: {}", revert.reason())
        } else if let Ok(panic) = Panic::abi_decode(output) {
            format!("execution reverted: {panic}")
        } else {
            "execution reverted".to_owned()
        };
        RpcError { code: REVERTED, message, data: Some(json!(output)) }
    }

    pub fn into_value(self) -> Value {
        match self.data {
            Some(data) => json!({"code": self.code, "message": self.message, "data": data}),
            None => json!({"code": self.code, "message": self.message}),
        }
    }
}

impl From<DevnetError> for RpcError {
    fn from(error: DevnetError) -> Self {
        let code = match &error {
            DevnetError::Pool(PoolError::Undecodable(_))
            | DevnetError::TooDeep { .. }
            | DevnetError::TooManyBlocks { .. }
            | DevnetError::Past { .. } => INVALID_PARAMS,
            DevnetError::Pool(_) | DevnetError::Refused(_) => REFUSED,
            DevnetError::File { .. }
            | DevnetError::InUse { .. }
            | DevnetError::Damaged { .. }
            | DevnetError::OtherChain { .. }
            | DevnetError::OtherFormat { .. }
            | DevnetError::Stopped { .. }
            | DevnetError::Interrupted => INTERNAL,
        };
        RpcError::new(code, error.to_string())
    }
}
