//! Requests and operations written out with everything that is known of them, page by page.
//!
//! Reading is the store's and never more than a page is held; writing happens off the runtime's threads. Files of
//! exports hold what somebody bought: the caller opens them for their owner only.

use std::io::{self, Write};

use alloy::primitives::hex;

use super::UserError;
use super::activity::OperationQuery;
use super::handle::UserBroker;
use super::requests::RequestFilter;
use super::table_text::{Cell, Cells, ExportFormat, TableText};
use crate::domain::{SealedReceipt, Timestamp};
use crate::store::user::{UserRequest, UserRequestSort};
use crate::store::{Direction, LONGEST_PAGE, Operation, PageOf};

/// Why an export ended early. What was written before stays in the writer's file.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    #[error(transparent)]
    User(#[from] UserError),
    #[error("the export cannot be written: {0}; choose another place or make room")]
    Write(#[from] io::Error),
}

impl UserBroker {
    /// Writes all requests that a filter covers, oldest first; those made meanwhile are left out. Gives the number of
    /// rows and the writer, flushed.
    pub async fn export_requests<W: Write + Send + 'static>(
        &self,
        filter: RequestFilter,
        format: ExportFormat,
        writer: W,
    ) -> Result<(u64, W), ExportError> {
        let store = &self.inner.store;
        let mut filter = filter.stored();
        let now = Timestamp::now();
        filter.to = Some(filter.to.map_or(now, |to| to.min(now)));
        let mut table = off(move || TableText::begin(format, writer, &REQUEST_COLUMNS)).await?;
        let oldest = UserRequestSort::CreatedAt(Direction::Ascending);
        let mut after = None;
        loop {
            let page = PageOf { after, limit: LONGEST_PAGE };
            let page = store.requests(filter.clone(), oldest, page).await.map_err(UserError::from)?;
            table = write_rows(table, page.items, request_cells).await?;
            after = page.next;
            if after.is_none() {
                return Ok(off(move || table.end()).await?);
            }
        }
    }

    /// Writes all operations that a filter covers, newest first, likewise.
    pub async fn export_operations<W: Write + Send + 'static>(
        &self,
        query: OperationQuery,
        format: ExportFormat,
        writer: W,
    ) -> Result<(u64, W), ExportError> {
        let operations = self.inner.store.operations();
        let filter = query.stored();
        let mut table = off(move || TableText::begin(format, writer, &OPERATION_COLUMNS)).await?;
        let mut after = None;
        loop {
            let page = PageOf { after, limit: LONGEST_PAGE };
            let page = operations.list(filter.clone(), page).await.map_err(UserError::from)?;
            table = write_rows(table, page.items, operation_cells).await?;
            after = page.next;
            if after.is_none() {
                return Ok(off(move || table.end()).await?);
            }
        }
    }
}

/// Writes a page away from the runtime's threads.
async fn write_rows<W: Write + Send + 'static, T: Send + 'static>(
    mut table: TableText<W>,
    rows: Vec<T>,
    cells: fn(T) -> Cells,
) -> io::Result<TableText<W>> {
    off(move || {
        for row in rows {
            table.row(cells(row))?;
        }
        Ok(table)
    })
    .await
}

async fn off<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(io::Error::other(error)))
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

fn request_cells(request: UserRequest) -> Cells {
    let sealed = request.receipt.as_ref();
    let receipt = sealed.map(|sealed| &sealed.receipt);
    let values = [
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
    REQUEST_COLUMNS.into_iter().zip(values).collect()
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

fn operation_cells(operation: Operation) -> Cells {
    let text = |name: &str| operation.params.get(name).and_then(|value| value.as_str());
    let paid = operation.gas_price.checked_mul(operation.gas_used.into());
    let values = [
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
    OPERATION_COLUMNS.into_iter().zip(values).collect()
}
