//! Requests and operations written out with everything that is known of them.

use std::io::Write;

use alloy::primitives::hex;

use super::activity::OperationQuery;
use super::handle::UserBroker;
use super::requests::RequestFilter;
use crate::broker::export::{self, Cell, ExportError, ExportFormat};
use crate::domain::{SealedReceipt, Timestamp};
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
        export::write(format, writer, &REQUEST_COLUMNS, request_cells, page).await
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
        export::write(format, writer, &OPERATION_COLUMNS, operation_cells, page).await
    }
}

const REQUEST_COLUMNS: [&str; 29] = [
    "request",
    "provider",
    "service",
    "state",
    "created_at",
    "finished_at",
    "input_units",
    "output_units",
    "input_price",
    "output_price",
    "price_version",
    "input_fee",
    "output_fee",
    "fee",
    "max_fee",
    "disputed",
    "body_hash",
    "response_hash",
    "note",
    "receipt_status",
    "receipt_input_units",
    "receipt_output_units",
    "receipt_input_fee",
    "receipt_output_fee",
    "receipt_owed",
    "receipt_body_hash",
    "receipt_response_hash",
    "receipt_signature",
    "user",
];

fn request_cells(request: UserRequest) -> Vec<Cell> {
    let sealed = request.receipt.as_ref();
    let receipt = sealed.map(|sealed| &sealed.receipt);
    let cells: [Cell; REQUEST_COLUMNS.len()] = [
        Cell::text(request.id),
        Cell::text(request.account.provider),
        Cell::text(&request.service),
        Cell::text(request.state),
        Cell::text(request.created_at),
        Cell::maybe(request.finished_at),
        Cell::Count(request.input.0),
        Cell::Count(request.output.0),
        Cell::text(request.prices.input),
        Cell::text(request.prices.output),
        Cell::Count(request.price_version),
        Cell::text(request.fee.input),
        Cell::text(request.fee.output),
        Cell::text(request.fee.total()),
        Cell::text(request.max_fee),
        Cell::text(request.disputed),
        Cell::text(request.body_hash),
        Cell::maybe(request.response_hash),
        Cell::maybe(request.error.as_ref()),
        Cell::maybe(receipt.map(|receipt| receipt.status.as_str())),
        receipt.map_or(Cell::Nothing, |receipt| Cell::Count(receipt.input.0)),
        receipt.map_or(Cell::Nothing, |receipt| Cell::Count(receipt.output.0)),
        Cell::maybe(receipt.map(|receipt| receipt.fee.input)),
        Cell::maybe(receipt.map(|receipt| receipt.fee.output)),
        Cell::maybe(receipt.map(|receipt| receipt.owed)),
        Cell::maybe(receipt.map(|receipt| receipt.body_hash)),
        Cell::maybe(receipt.map(|receipt| receipt.response_hash)),
        Cell::maybe(
            sealed
                .and_then(SealedReceipt::signed)
                .map(|signed| hex::encode_prefixed(signed.signature.bytes())),
        ),
        Cell::text(request.account.user),
    ];
    cells.into()
}

const OPERATION_COLUMNS: [&str; 14] = [
    "operation",
    "kind",
    "state",
    "provider",
    "amount",
    "created_at",
    "updated_at",
    "transaction",
    "block",
    "block_hash",
    "gas_used",
    "gas_price",
    "gas_paid",
    "note",
];

fn operation_cells(operation: Operation) -> Vec<Cell> {
    let text = |name: &str| operation.params.get(name).and_then(|value| value.as_str());
    let paid = operation.gas_price.checked_mul(operation.gas_used.into());
    let cells: [Cell; OPERATION_COLUMNS.len()] = [
        Cell::text(operation.id),
        Cell::text(operation.kind),
        Cell::text(operation.state),
        Cell::maybe(text("provider")),
        Cell::maybe(text("amount")),
        Cell::text(operation.created_at),
        Cell::text(operation.updated_at),
        Cell::maybe(operation.hash),
        operation.block.map_or(Cell::Nothing, |(number, _)| Cell::Count(number)),
        Cell::maybe(operation.block.map(|(_, hash)| hash)),
        Cell::Count(operation.gas_used),
        Cell::text(operation.gas_price),
        Cell::maybe(paid),
        Cell::maybe(operation.error.as_ref()),
    ];
    cells.into()
}
