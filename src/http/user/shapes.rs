//! Objects as this API answers them: PascalCase keys, amounts as decimal text, times in RFC 3339.

use serde::Serialize;

use crate::broker::user::{AccountView, OperationView, RefundView, RequestView};
use crate::domain::{
    Address, B256, Neuron, OperationId, RequestId, SealedReceipt, Service, ServiceName, Timestamp,
};
use crate::http::Explorer;
use crate::wire::list::{checksummed, maybe_checksummed};

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(serde::Deserialize))]
#[serde(rename_all = "PascalCase")]
pub(super) struct ServiceItem {
    pub updated_at: Timestamp,
    #[serde(serialize_with = "checksummed")]
    pub provider: Address,
    pub name: ServiceName,
    #[serde(rename = "Type")]
    pub kind: &'static str,
    #[serde(rename = "URL")]
    pub url: String,
    pub model: String,
    pub input_price: Neuron,
    pub output_price: Neuron,
}

impl From<Service> for ServiceItem {
    fn from(service: Service) -> Self {
        ServiceItem {
            updated_at: service.updated_at(),
            provider: service.provider,
            name: service.name,
            kind: service.kind.as_str(),
            url: service.url,
            model: service.model,
            input_price: service.prices.input,
            output_price: service.prices.output,
        }
    }
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(serde::Deserialize), serde(bound(deserialize = "'de: 'static")))]
#[serde(rename_all = "PascalCase")]
pub(super) struct AccountItem {
    #[serde(serialize_with = "checksummed")]
    pub provider: Address,
    /// The deposit on the chain; includes a pending refund.
    pub balance: Neuron,
    pub pending_refund: Neuron,
    pub owed: Neuron,
    pub reserved: Neuron,
    pub promised: Neuron,
    pub available: Neuron,
    pub settled: Neuron,
    #[serde(serialize_with = "maybe_checksummed")]
    pub delegate: Option<Address>,
    /// Whether this broker holds a key that may sign for the account.
    pub can_sign: bool,
    pub refunds: Vec<RefundItem>,
}

impl From<AccountView> for AccountItem {
    fn from(account: AccountView) -> Self {
        let refunds = account.refund.map(|refund| RefundItem {
            provider: account.provider,
            index: refund.index,
            amount: refund.amount,
            created_at: refund.created_at,
            unlock_at: refund.unlock_at,
            processed: false,
            status: "pending",
        });
        AccountItem {
            provider: account.provider,
            balance: account.balance,
            pending_refund: account.pending_refund,
            owed: account.owed,
            reserved: account.reserved,
            promised: account.promised,
            available: account.available,
            settled: account.settled,
            delegate: account.delegate,
            can_sign: account.can_sign,
            refunds: refunds.into_iter().collect(),
        }
    }
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(serde::Deserialize))]
#[serde(rename_all = "PascalCase")]
pub(super) struct RefundItem {
    #[serde(serialize_with = "checksummed")]
    pub provider: Address,
    pub index: u32,
    pub amount: Neuron,
    pub created_at: Timestamp,
    pub unlock_at: Timestamp,
    pub processed: bool,
    pub status: &'static str,
}

impl From<RefundView> for RefundItem {
    fn from(refund: RefundView) -> Self {
        let status = refund.state.as_str();
        RefundItem {
            provider: refund.provider,
            index: refund.index,
            amount: refund.amount,
            created_at: refund.created_at,
            unlock_at: refund.unlock_at,
            processed: status == "processed",
            status,
        }
    }
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(serde::Deserialize))]
#[serde(rename_all = "PascalCase")]
pub(super) struct RequestItem {
    #[serde(rename = "RequestID")]
    pub request_id: RequestId,
    #[serde(serialize_with = "checksummed")]
    pub provider_address: Address,
    pub service_name: ServiceName,
    pub created_at: Timestamp,
    pub finished_at: Option<Timestamp>,
    pub status: &'static str,
    pub input_units: u64,
    pub output_units: u64,
    pub input_fee: Neuron,
    pub output_fee: Neuron,
    pub fee: Neuron,
    pub max_fee: Neuron,
    /// What the provider asked for beyond the fee; not paid.
    pub disputed: Neuron,
    pub note: Option<String>,
    /// When a person accepted the provider's receipt although our own count differs.
    pub accepted_at: Option<Timestamp>,
}

impl From<RequestView> for RequestItem {
    fn from(request: RequestView) -> Self {
        RequestItem {
            request_id: request.request,
            provider_address: request.provider,
            service_name: request.service,
            created_at: request.created_at,
            finished_at: request.finished_at,
            status: request.state.as_str(),
            input_units: request.input.0,
            output_units: request.output.0,
            input_fee: request.fee.input,
            output_fee: request.fee.output,
            fee: request.fee.total(),
            max_fee: request.max_fee,
            disputed: request.disputed,
            note: request.note,
            accepted_at: request.accepted_at,
        }
    }
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(serde::Deserialize))]
#[serde(rename_all = "PascalCase")]
pub(super) struct OperationItem {
    #[serde(rename = "OperationID")]
    pub operation_id: OperationId,
    pub kind: &'static str,
    #[serde(serialize_with = "maybe_checksummed")]
    pub provider: Option<Address>,
    pub amount: Option<Neuron>,
    pub state: &'static str,
    pub created_at: Timestamp,
    pub transaction_hash: Option<B256>,
    /// Where people can look at the transaction, if the settings name an explorer.
    #[serde(rename = "TransactionURL", skip_serializing_if = "Option::is_none")]
    pub transaction_url: Option<String>,
    pub block: Option<u64>,
    pub reason: Option<String>,
}

impl OperationItem {
    pub(super) fn of(operation: OperationView, explorer: &Explorer) -> Self {
        OperationItem {
            operation_id: operation.id,
            kind: operation.kind.as_str(),
            provider: operation.provider,
            amount: operation.amount,
            state: operation.state.as_str(),
            created_at: operation.created_at,
            transaction_url: explorer.link(operation.hash),
            transaction_hash: operation.hash,
            block: operation.block,
            reason: operation.reason,
        }
    }
}

/// A receipt with everything that is needed to check it elsewhere.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(serde::Deserialize))]
#[serde(rename_all = "PascalCase")]
pub(super) struct ReceiptItem {
    #[serde(rename = "RequestID")]
    pub request_id: RequestId,
    #[serde(serialize_with = "checksummed")]
    pub user: Address,
    #[serde(serialize_with = "checksummed")]
    pub provider: Address,
    pub body_hash: B256,
    pub response_hash: B256,
    pub input_units: u64,
    pub output_units: u64,
    pub input_fee: Neuron,
    pub output_fee: Neuron,
    pub fee: Neuron,
    pub owed: Neuron,
    pub status: &'static str,
    /// Absent where the provider has only sealed it with the shared key so far and cannot be asked to sign it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signature: Option<String>,
    /// The receipt as it travels between brokers.
    pub encoded: String,
}

impl From<SealedReceipt> for ReceiptItem {
    fn from(sealed: SealedReceipt) -> Self {
        let receipt = sealed.receipt;
        ReceiptItem {
            request_id: receipt.request,
            user: receipt.account.user,
            provider: receipt.account.provider,
            body_hash: receipt.body_hash,
            response_hash: receipt.response_hash,
            input_units: receipt.input.0,
            output_units: receipt.output.0,
            input_fee: receipt.fee.input,
            output_fee: receipt.fee.output,
            fee: receipt.fee.total(),
            owed: receipt.owed,
            status: receipt.status.as_str(),
            signature: sealed
                .signed()
                .map(|signed| alloy::primitives::hex::encode_prefixed(signed.signature.bytes())),
            encoded: crate::wire::receipt::encode_receipt(&sealed),
        }
    }
}
