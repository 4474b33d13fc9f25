//! Everything about some requests in one file, for somebody who was not there: what was asked and paid, what was signed, and
//! under which contract. Texts are not in it; nobody keeps them. `verify` holds it against itself.

use serde::{Deserialize, Serialize};

use super::list::{checksummed, maybe_checksummed};
use super::terms::MeterName;
use crate::domain::{
    Address, B256, Neuron, RequestId, ServiceKind, ServiceName, Timestamp, UserRequestState,
};

/// The layout that this program writes and reads.
pub const VERSION: u32 = 1;
/// What every bundle says that it is.
pub const KIND: &str = "receipt bundle";

/// Requests of one user under one contract.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Bundle {
    pub kind: String,
    pub version: u32,
    #[serde(rename = "ChainID")]
    pub chain_id: u64,
    #[serde(serialize_with = "checksummed")]
    pub contract: Address,
    #[serde(serialize_with = "checksummed")]
    pub user: Address,
    pub requests: Vec<BundledRequest>,
}

/// One request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct BundledRequest {
    #[serde(rename = "RequestID")]
    pub request_id: RequestId,
    #[serde(serialize_with = "checksummed")]
    pub provider: Address,
    pub service_name: ServiceName,
    /// As the chain lists the service now; absent when it lists it no more.
    #[serde(rename = "Type")]
    pub kind: Option<ServiceKind>,
    pub model: Option<String>,
    /// By the provider's terms as last told.
    pub meter: Option<MeterName>,
    pub created_at: Timestamp,
    pub finished_at: Option<Timestamp>,
    #[serde(with = "state")]
    pub status: UserRequestState,
    pub price_version: u64,
    pub input_price: Neuron,
    pub output_price: Neuron,
    pub max_fee: Neuron,
    /// By the user's own count.
    pub input_units: u64,
    pub output_units: u64,
    pub input_fee: Neuron,
    pub output_fee: Neuron,
    /// What the provider asked for beyond that; not paid.
    pub disputed: Neuron,
    pub body_hash: B256,
    /// Absent where the answer was not seen to its end.
    pub response_hash: Option<B256>,
    pub note: Option<String>,
    pub accepted_at: Option<Timestamp>,
    /// See [`super::receipt::encode_receipt`]. Absent where there is none.
    pub receipt: Option<String>,
    /// A voucher for what is owed in all; see [`super::auth::encode_voucher`]. Absent without a key.
    pub voucher: Option<String>,
    /// The key that the user named on the chain to sign vouchers of this account.
    #[serde(serialize_with = "maybe_checksummed")]
    pub delegate: Option<Address>,
}

mod state {
    use serde::{Deserialize, Deserializer, Serializer, de};

    use crate::domain::UserRequestState;

    pub(super) fn serialize<S: Serializer>(state: &UserRequestState, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(state.as_str())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<UserRequestState, D::Error> {
        String::deserialize(from)?.parse().map_err(de::Error::custom)
    }
}
