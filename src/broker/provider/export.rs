//! What was sold and what came in, written out for bookkeeping.

use std::io::Write;

use super::ProviderBroker;
use crate::broker::export::{self, Cell, Column, ExportError, ExportFormat};
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
        export::write(format, writer, REQUEST_COLUMNS, page).await
    }

    /// Writes all settlements, newest first, likewise.
    pub async fn export_settlements<W: Write + Send + 'static>(
        &self,
        format: ExportFormat,
        writer: W,
    ) -> Result<(u64, W), ExportError> {
        let page = |page| self.core.store.settlements(None, page);
        export::write(format, writer, SETTLEMENT_COLUMNS, page).await
    }
}

const REQUEST_COLUMNS: &[Column<ProviderRequest>] = &[
    ("request", "RequestID", |request| Cell::text(request.id)),
    ("user", "UserAddress", |request| Cell::text(request.account.user)),
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
    ("owed_after", "OwedAfter", |request| Cell::maybe(request.owed_after)),
    ("body_hash", "BodyHash", |request| Cell::text(request.body_hash)),
    ("response_hash", "ResponseHash", |request| Cell::maybe(request.response_hash)),
    ("receipt_status", "ReceiptStatus", |request| Cell::maybe(request.status.map(|status| status.as_str()))),
    ("provider", "ProviderAddress", |request| Cell::text(request.account.provider)),
];

const SETTLEMENT_COLUMNS: &[Column<Settlement>] = &[
    ("settlement", "OperationID", |settlement| Cell::text(settlement.operation.id)),
    ("state", "State", |settlement| Cell::text(settlement.operation.state)),
    ("created_at", "CreatedAt", |settlement| Cell::text(settlement.operation.created_at)),
    ("updated_at", "UpdatedAt", |settlement| Cell::text(settlement.operation.updated_at)),
    ("transaction", "TransactionHash", |settlement| Cell::maybe(settlement.operation.hash)),
    ("block", "Block", |settlement| {
        settlement.operation.block.map_or(Cell::Nothing, |(number, _)| Cell::Count(number))
    }),
    ("block_hash", "BlockHash", |settlement| Cell::maybe(settlement.operation.block.map(|(_, hash)| hash))),
    ("users", "Users", |settlement| u64::try_from(settlement.rows.len()).map_or(Cell::Nothing, Cell::Count)),
    ("paid", "Paid", |settlement| Cell::maybe(brought(settlement))),
    ("gas_used", "GasUsed", |settlement| Cell::Count(settlement.operation.gas_used)),
    ("gas_price", "GasPrice", |settlement| Cell::text(settlement.operation.gas_price)),
    ("gas_paid", "GasCost", |settlement| {
        Cell::maybe(settlement.operation.gas_price.checked_mul(settlement.operation.gas_used.into()))
    }),
    ("note", "Reason", |settlement| Cell::maybe(settlement.operation.error.as_ref())),
];

/// What it paid, once the chain has said so of any of its users.
fn brought(settlement: &Settlement) -> Option<Neuron> {
    settlement.rows.iter().any(|row| row.paid.is_some()).then(|| settlement.paid())
}
