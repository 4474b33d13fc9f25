//! What a provider publishes of itself at `GET /v1/terms`, and answers to a voucher or to a shortage.

use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

use crate::domain::{Address, Neuron, PublicKey, ServiceKind, ServiceName};

/// The provider's terms: how much it lends, and how each service is metered and priced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Terms {
    #[serde(serialize_with = "checksummed")]
    pub provider: Address,
    /// Earlier brokers wrote `ChainId`.
    #[serde(rename = "ChainID", alias = "ChainId")]
    pub chain_id: u64,
    #[serde(serialize_with = "checksummed")]
    pub contract: Address,
    /// What a user may owe beyond the best voucher.
    pub credit_limit: Neuron,
    /// Requests of one user that may run at the same time; absent from brokers that do not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_in_flight_per_user: Option<u64>,
    /// Requests that one user may make in a minute; absent: any number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests_per_minute_per_user: Option<u64>,
    /// The key of the provider's address, 33 bytes as `0x…`: with it a user may seal requests with a tag, and gets
    /// receipts with one. Absent from brokers that take signatures only.
    #[serde(default, with = "public_key", skip_serializing_if = "Option::is_none")]
    pub public_key: Option<PublicKey>,
    pub services: Vec<ServiceTerms>,
}

/// `0x` and 66 digits. What is none is left out: signatures will do.
mod public_key {
    use alloy::primitives::hex;
    use serde::{Deserialize, Deserializer, Serializer};

    use crate::domain::PublicKey;

    pub(super) fn serialize<S: Serializer>(
        key: &Option<PublicKey>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&key.map(|key| hex::encode_prefixed(key.bytes())).unwrap_or_default())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<PublicKey>, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?;
        let bytes = text.and_then(|text| hex::decode_to_array::<_, 33>(text).ok());
        Ok(bytes.and_then(|bytes| PublicKey::from_bytes(&bytes)))
    }
}

/// With the checksum in its case, as people see addresses everywhere else.
fn checksummed<S: serde::Serializer>(address: &Address, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(address)
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ServiceTerms {
    pub name: ServiceName,
    #[serde(rename = "Type")]
    pub kind: ServiceKind,
    #[serde(default)]
    pub model: String,
    pub meter: MeterName,
    pub input_price: Neuron,
    pub output_price: Neuron,
    /// The price version that a request must name.
    pub version: u64,
    /// It takes no requests for now.
    #[serde(default)]
    pub paused: bool,
    /// Requests of all users that it serves at the same time; absent: any number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_in_flight: Option<NonZeroU32>,
    /// Requests of all users that it takes in a minute; absent: any number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests_per_minute: Option<NonZeroU32>,
}

/// How units are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MeterName {
    /// Tokens of the public o200k vocabulary, counted from the transcript by both sides.
    O200k,
    /// The model server's own figures, which the user bounds by an own count.
    Usage,
    /// Bytes of request and response body.
    Bytes,
}

impl MeterName {
    pub const fn as_str(self) -> &'static str {
        match self {
            MeterName::O200k => "o200k",
            MeterName::Usage => "usage",
            MeterName::Bytes => "bytes",
        }
    }
}

/// Body of `POST /v1/voucher`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct VoucherBody {
    /// See [`super::auth::encode_voucher`].
    pub voucher: String,
}

/// Answer to `POST /v1/voucher`: the best voucher known now, and what is owed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct VoucherAccepted {
    pub cumulative: Neuron,
    pub owed: Neuron,
}

/// The details of a provider's 402: everything that a user needs to heal lost state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Shortage {
    /// The user's own best voucher as the provider holds it, encoded; believed only if the user's key signed it.
    pub best_voucher: Option<String>,
    pub owed: Neuron,
    pub reserved: Neuron,
    /// The cumulative amount that a voucher must promise for this request to pass.
    pub required: Neuron,
    pub credit_limit: Neuron,
    pub balance: Neuron,
    pub settled: Neuron,
    pub pending_refund: Neuron,
}
