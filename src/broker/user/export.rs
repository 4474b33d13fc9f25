//! Requests and operations written out with everything that is known of them.

use std::io::Write;

use alloy::primitives::hex;

use super::activity::OperationQuery;
use super::handle::UserBroker;
use super::requests::RequestFilter;
use crate::broker::export::{self, Cell, Column, ExportError, ExportFormat};
use crate::domain::{Receipt, SealedReceipt, Timestamp};
use crate::store::user::{UserRequest, UserRequestSort};
use crate::store::{Direction, Operation};

impl UserBroker {
    /// Writes all requests that a filter covers, oldest first; those made meanwhile are left out. Gives the number of
    /// rows and the writer, flushed.
    pub async fn export_requests<W: Write + Send + 'static>(
        &self,
        filter: RequestFilter,
        format: ExportFormat,
        writer: W,
    ) -> Result<(u64, W), ExportError> {
        let mut filter = filter.stored();
        let now = Timestamp::now();
        filter.to = Some(filter.to.map_or(now, |to| to.min(now)));
        let oldest = UserRequestSort::CreatedAt(Direction::Ascending);
        let page = |page| self.inner.store.requests(filter.clone(), oldest, page);
        export::write(format, writer, REQUEST_COLUMNS, page).await
    }

    /// Writes all operations that a filter covers, newest first, likewise.
    pub async fn export_operations<W: Write + Send + 'static>(
        &self,
        query: OperationQuery,
        format: ExportFormat,
        writer: W,
    ) -> Result<(u64, W), ExportError> {
        let (operations, filter) = (self.inner.store.operations(), query.stored());
        let page = |page| operations.list(filter.clone(), page);
        export::write(format, writer, OPERATION_COLUMNS, page).await
    }
}

const REQUEST_COLUMNS: &[Column<UserRequest>] = &[
    ("request", "RequestID", |request| Cell::text(request.id)),
    ("provider", "ProviderAddress", |request| Cell::text(request.account.provider)),
    ("service", "ServiceName", |request| Cell::text(&request.service)),
    ("state", "Status", |request| Cell::text(request.state)),
    ("created_at", "CreatedAt", |request| Cell::text(request.created_at)),
    ("finished_at", "FinishedAt", |request| Cell::maybe(request.finished_at)),
    ("input_units", "InputUnits", |request| Cell::Count(request.input.0)),
    ("output_units", "OutputUnits", |request| Cell::Count(request.output.0)),
    ("input_price", "InputPrice", |request| Cell::text(request.prices.input)),
    ("output_price", "OutputPrice", |request| Cell::text(request.prices.output)),
    ("price_version", "PriceVersion", |request| Cell::Count(request.price_version)),
    ("input_fee", "InputFee", |request| Cell::text(request.fee.input)),
    ("output_fee", "OutputFee", |request| Cell::text(request.fee.output)),
    ("fee", "Fee", |request| Cell::text(request.fee.total())),
    ("max_fee", "MaxFee", |request| Cell::text(request.max_fee)),
    ("disputed", "Disputed", |request| Cell::text(request.disputed)),
    ("body_hash", "BodyHash", |request| Cell::text(request.body_hash)),
    ("response_hash", "ResponseHash", |request| Cell::maybe(request.response_hash)),
    ("note", "Note", |request| Cell::maybe(request.error.as_ref())),
    ("receipt_status", "ReceiptStatus", |request| {
        Cell::maybe(receipt(request).map(|receipt| receipt.status.as_str()))
    }),
    ("receipt_input_units", "ReceiptInputUnits", |request| {
        receipt(request).map_or(Cell::Nothing, |receipt| Cell::Count(receipt.input.0))
    }),
    ("receipt_output_units", "ReceiptOutputUnits", |request| {
        receipt(request).map_or(Cell::Nothing, |receipt| Cell::Count(receipt.output.0))
    }),
    ("receipt_input_fee", "ReceiptInputFee", |request| {
        Cell::maybe(receipt(request).map(|receipt| receipt.fee.input))
    }),
    ("receipt_output_fee", "ReceiptOutputFee", |request| {
        Cell::maybe(receipt(request).map(|receipt| receipt.fee.output))
    }),
    ("receipt_owed", "ReceiptOwed", |request| Cell::maybe(receipt(request).map(|receipt| receipt.owed))),
    ("receipt_body_hash", "ReceiptBodyHash", |request| {
        Cell::maybe(receipt(request).map(|receipt| receipt.body_hash))
    }),
    ("receipt_response_hash", "ReceiptResponseHash", |request| {
        Cell::maybe(receipt(request).map(|receipt| receipt.response_hash))
    }),
    ("receipt_signature", "ReceiptSignature", |request| {
        Cell::maybe(
            request
                .receipt
                .as_ref()
                .and_then(SealedReceipt::signed)
                .map(|signed| hex::encode_prefixed(signed.signature.bytes())),
        )
    }),
    ("user", "UserAddress", |request| Cell::text(request.account.user)),
];

const OPERATION_COLUMNS: &[Column<Operation>] = &[
    ("operation", "OperationID", |operation| Cell::text(operation.id)),
    ("kind", "Kind", |operation| Cell::text(operation.kind)),
    ("state", "State", |operation| Cell::text(operation.state)),
    ("provider", "Provider", |operation| Cell::maybe(parameter(operation, "provider"))),
    ("amount", "Amount", |operation| Cell::maybe(parameter(operation, "amount"))),
    ("created_at", "CreatedAt", |operation| Cell::text(operation.created_at)),
    ("updated_at", "UpdatedAt", |operation| Cell::text(operation.updated_at)),
    ("transaction", "TransactionHash", |operation| Cell::maybe(operation.hash)),
    ("block", "Block", |operation| operation.block.map_or(Cell::Nothing, |(number, _)| Cell::Count(number))),
    ("block_hash", "BlockHash", |operation| Cell::maybe(operation.block.map(|(_, hash)| hash))),
    ("gas_used", "GasUsed", |operation| Cell::Count(operation.gas_used)),
    ("gas_price", "GasPrice", |operation| Cell::text(operation.gas_price)),
    ("gas_paid", "GasCost", |operation| {
        Cell::maybe(operation.gas_price.checked_mul(operation.gas_used.into()))
    }),
    ("note", "Reason", |operation| Cell::maybe(operation.error.as_ref())),
];

/// What the provider's receipt says, if one is there.
fn receipt(request: &UserRequest) -> Option<&Receipt> {
    request.receipt.as_ref().map(|sealed| &sealed.receipt)
}

fn parameter<'a>(operation: &'a Operation, name: &str) -> Option<&'a str> {
    operation.params.get(name)?.as_str()
}
