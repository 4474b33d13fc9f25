//! What a provider sells: a service with a name, a kind, an address and two prices.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;

use alloy::primitives::Address;
use serde::{Deserialize, Serialize};

use super::{Prices, Timestamp};

/// A service's name within its provider: 1 to 64 letters, digits, `-`, `_` or `.`, not starting with a dot.
///
/// It becomes a path segment of both brokers, so nothing that a URL could misread is allowed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct ServiceName(String);

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a service name is 1 to 64 letters, digits, '-', '_' or '.', and does not start with '.'")]
pub struct ServiceNameError;

impl ServiceName {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ServiceName {
    type Err = ServiceNameError;
    fn from_str(text: &str) -> Result<Self, ServiceNameError> {
        let legal = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
        if text.is_empty() || text.len() > 64 || text.starts_with('.') || !text.bytes().all(legal) {
            return Err(ServiceNameError);
        }
        Ok(ServiceName(text.to_owned()))
    }
}

impl fmt::Display for ServiceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<ServiceName> for String {
    fn from(name: ServiceName) -> String {
        name.0
    }
}

impl TryFrom<String> for ServiceName {
    type Error = ServiceNameError;
    fn try_from(text: String) -> Result<Self, ServiceNameError> {
        text.parse()
    }
}

/// What a service does, which decides how its units are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ServiceKind {
    /// Language model; units are tokens.
    #[serde(rename = "chatbot")]
    Chatbot,
    /// 0G Storage; units are bytes of request and response body.
    #[serde(rename = "zgStorage")]
    ZgStorage,
}

impl ServiceKind {
    pub const ALL: [ServiceKind; 2] = [ServiceKind::Chatbot, ServiceKind::ZgStorage];
    /// Their names, for tables and forms that list them.
    pub const NAMES: [&'static str; Self::ALL.len()] = {
        let mut names = [""; Self::ALL.len()];
        let mut at = 0;
        while at < names.len() {
            names[at] = Self::ALL[at].as_str();
            at += 1;
        }
        names
    };

    /// The name on the chain and in both APIs.
    pub const fn as_str(self) -> &'static str {
        match self {
            ServiceKind::Chatbot => "chatbot",
            ServiceKind::ZgStorage => "zgStorage",
        }
    }

    /// What one unit is called.
    pub const fn unit(self) -> &'static str {
        match self {
            ServiceKind::Chatbot => "token",
            ServiceKind::ZgStorage => "byte",
        }
    }
}

/// A service type that this program cannot meter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the known service types are chatbot and zgStorage")]
pub struct UnknownServiceKind;

impl FromStr for ServiceKind {
    type Err = UnknownServiceKind;
    fn from_str(text: &str) -> Result<Self, UnknownServiceKind> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or(UnknownServiceKind)
    }
}

impl fmt::Display for ServiceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What may be asked of a service, by all users together. Absent: not limited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ServiceLimits {
    pub max_in_flight: Option<NonZeroU32>,
    pub requests_per_minute: Option<NonZeroU32>,
}

/// A service as the chain lists it. Its texts were cleaned when they were read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    pub provider: Address,
    pub name: ServiceName,
    pub kind: ServiceKind,
    /// The provider broker's public base URL, as the provider wrote it; unchecked.
    pub url: String,
    /// Empty when the provider named none.
    pub model: String,
    pub prices: Prices,
    /// The contract's `updatedAt`: seconds since 1970, strictly rising, so it names a version of the prices.
    pub version: u64,
}

impl Service {
    pub fn updated_at(&self) -> Timestamp {
        Timestamp::from_seconds(self.version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_safe_path_segments() {
        for good in ["llama7b", "a", "Llama-3.1_8B"] {
            assert!(good.parse::<ServiceName>().is_ok(), "{good}");
        }
        for bad in ["", ".", "..", ".env", "a/b", "a b", "a%2f", "ü", "a\n", &"a".repeat(65)] {
            assert!(bad.parse::<ServiceName>().is_err(), "{bad:?}");
        }
    }
}
