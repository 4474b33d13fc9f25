//! What was sold and what came in, written out for bookkeeping.

use std::io::Write;

use super::ProviderBroker;
use crate::broker::export::{self, Cell, ExportError, ExportFormat};
use crate::domain::{Neuron, Timestamp};
use crate::store::Direction;
use crate::store::provider::{ProviderRequest, ProviderRequestFilter, ProviderRequestSort, Settlement};

impl ProviderBroker {
    /// Writes all requests that a filter covers, oldest first; those made meanwhile are left out. Gives the number of
    /// rows and the writer, flushed.
    pub async fn export_requests<W: Write + Send + 'static>(
        &self,
        mut filter: ProviderRequestFilter,
        format: ExportFormat,
        writer: W,
    ) -> Result<(u64, W), ExportError> {
        let now = Timestamp::now();
        filter.to = Some(filter.to.map_or(now, |to| to.min(now)));
        let oldest = ProviderRequestSort::CreatedAt(Direction::Ascending);
        let page = |page| self.core.store.requests(filter.clone(), oldest, page);
        export::write(format, writer, &REQUEST_COLUMNS, request_cells, page).await
    }

    /// Writes all settlements, newest first, likewise.
    pub async fn export_settlements<W: Write + Send + 'static>(
        &self,
        format: ExportFormat,
        writer: W,
    ) -> Result<(u64, W), ExportError> {
        let page = |page| self.core.store.settlements(None, page);
        export::write(format, writer, &SETTLEMENT_COLUMNS, settlement_cells, page).await
    }
}

const REQUEST_COLUMNS: [&str; 20] = [
    "request",
    "user",
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
    "owed_after",
    "body_hash",
    "response_hash",
    "receipt_status",
    "provider",
];

fn request_cells(request: ProviderRequest) -> Vec<Cell> {
    let cells: [Cell; REQUEST_COLUMNS.len()] = [
        Cell::text(request.id),
        Cell::text(request.account.user),
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
        Cell::maybe(request.owed_after),
        Cell::text(request.body_hash),
        Cell::maybe(request.response_hash),
        Cell::maybe(request.status.map(|status| status.as_str())),
        Cell::text(request.account.provider),
    ];
    cells.into()
}

const SETTLEMENT_COLUMNS: [&str; 13] = [
    "settlement",
    "state",
    "created_at",
    "updated_at",
    "transaction",
    "block",
    "block_hash",
    "users",
    "paid",
    "gas_used",
    "gas_price",
    "gas_paid",
    "note",
];

fn settlement_cells(settlement: Settlement) -> Vec<Cell> {
    let known = settlement.rows.iter().any(|row| row.paid.is_some());
    let paid = known.then(|| settlement.paid());
    let Settlement { operation, rows } = settlement;
    let gas_paid: Option<Neuron> = operation.gas_price.checked_mul(operation.gas_used.into());
    let cells: [Cell; SETTLEMENT_COLUMNS.len()] = [
        Cell::text(operation.id),
        Cell::text(operation.state),
        Cell::text(operation.created_at),
        Cell::text(operation.updated_at),
        Cell::maybe(operation.hash),
        operation.block.map_or(Cell::Nothing, |(number, _)| Cell::Count(number)),
        Cell::maybe(operation.block.map(|(_, hash)| hash)),
        u64::try_from(rows.len()).map_or(Cell::Nothing, Cell::Count),
        Cell::maybe(paid),
        Cell::Count(operation.gas_used),
        Cell::text(operation.gas_price),
        Cell::maybe(gas_paid),
        Cell::maybe(operation.error.as_ref()),
    ];
    cells.into()
}
