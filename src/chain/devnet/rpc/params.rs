//! Reads the arguments of a call. They are positional; what is missing at the end counts as absent.

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::error::RpcError;

/// The arguments of one call.
#[derive(Clone, Debug, Default)]
pub(crate) struct Params(Vec<Value>);

impl Params {
    /// From the `params` of a request: a list, or nothing.
    pub fn read(value: Option<Value>) -> Result<Self, RpcError> {
        match value {
            None | Some(Value::Null) => Ok(Params::default()),
            Some(Value::Array(values)) => Ok(Params(values)),
            Some(_) => Err(RpcError::params("params must be a list")),
        }
    }

    /// The argument at `index`, if it is there and not null.
    pub fn optional<T: DeserializeOwned>(&self, index: usize, name: &str) -> Result<Option<T>, RpcError> {
        match self.0.get(index) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => {
                T::deserialize(value).map(Some).map_err(|error| RpcError::params(format!("{name}: {error}")))
            }
        }
    }

    pub fn required<T: DeserializeOwned>(&self, index: usize, name: &str) -> Result<T, RpcError> {
        self.optional(index, name)?
            .ok_or_else(|| RpcError::params(format!("missing argument {index}: {name}")))
    }

    /// A whole number, as JSON number, hex ("0x10") or decimal text: tools disagree on which.
    pub fn optional_number(&self, index: usize, name: &str) -> Result<Option<u64>, RpcError> {
        self.optional::<Value>(index, name)?.map(|value| number(&value, name)).transpose()
    }

    pub fn required_number(&self, index: usize, name: &str) -> Result<u64, RpcError> {
        let value = self.optional_number(index, name)?;
        value.ok_or_else(|| RpcError::params(format!("missing argument {index}: {name}")))
    }

    /// Refuses an argument we would otherwise silently ignore.
    pub fn refuse(&self, index: usize, what: &str) -> Result<(), RpcError> {
        match self.0.get(index) {
            None | Some(Value::Null) => Ok(()),
            Some(Value::Object(fields)) if fields.is_empty() => Ok(()),
            Some(_) => Err(RpcError::params(format!("{what} are not supported"))),
        }
    }
}

pub(super) fn number(value: &Value, name: &str) -> Result<u64, RpcError> {
    let parsed = match value {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => match text.strip_prefix("0x") {
            Some(hex) => u64::from_str_radix(hex, 16).ok(),
            None => text.parse().ok(),
        },
        _ => None,
    };
    parsed.ok_or_else(|| RpcError::params(format!("{name}: expected a whole number, got {value}")))
}
