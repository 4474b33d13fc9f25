//! Requests that were served, and on-chain operations.

use serde::{Deserialize, Serialize};

use crate::domain::{Address, B256, Neuron, OperationId, RequestId, ServiceName, Timestamp};
use crate::wire::list::checksummed;

/// A proxied request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct RequestItem {
    #[serde(rename = "RequestID")]
    pub request_id: RequestId,
    #[serde(serialize_with = "checksummed")]
    pub user_address: Address,
    pub service_name: ServiceName,
    pub created_at: Timestamp,
    pub finished_at: Option<Timestamp>,
    /// admitted, charged, failed or lost.
    pub status: String,
    pub input_units: u64,
    pub output_units: u64,
    pub input_fee: Neuron,
    pub output_fee: Neuron,
    pub fee: Neuron,
    pub max_fee: Neuron,
    pub input_price: Neuron,
    pub output_price: Neuron,
    pub price_version: u64,
}

/// An on-chain action.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct OperationItem {
    #[serde(rename = "OperationID")]
    pub operation_id: OperationId,
    pub kind: String,
    pub state: String,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub transaction_hash: Option<B256>,
    /// Where people can look at the transaction, if the settings name an explorer.
    #[serde(rename = "TransactionURL", default, skip_serializing_if = "Option::is_none")]
    pub transaction_url: Option<String>,
    pub block: Option<u64>,
    pub gas_used: u64,
    pub gas_price: Neuron,
    pub reason: Option<String>,
}
