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
    ("request", |request| Cell::text(request.id)),
    ("user", |request| Cell::text(request.account.user)),
    ("service", |request| Cell::text(&request.service)),
    ("state", |request| Cell::text(request.state)),
    ("created_at", |request| Cell::text(request.created_at)),
    ("finished_at", |request| Cell::maybe(request.finished_at)),
    ("input_units", |request| Cell::Count(request.input.0)),
    ("output_units", |request| Cell::Count(request.output.0)),
    ("input_price", |request| Cell::text(request.prices.input)),
    ("output_price", |request| Cell::text(request.prices.output)),
    ("price_version", |request| Cell::Count(request.price_version)),
    ("input_fee", |request| Cell::text(request.fee.input)),
    ("output_fee", |request| Cell::text(request.fee.output)),
    ("fee", |request| Cell::text(request.fee.total())),
    ("max_fee", |request| Cell::text(request.max_fee)),
    ("owed_after", |request| Cell::maybe(request.owed_after)),
    ("body_hash", |request| Cell::text(request.body_hash)),
    ("response_hash", |request| Cell::maybe(request.response_hash)),
    ("receipt_status", |request| Cell::maybe(request.status.map(|status| status.as_str()))),
    ("provider", |request| Cell::text(request.account.provider)),
];

const SETTLEMENT_COLUMNS: &[Column<Settlement>] = &[
    ("settlement", |settlement| Cell::text(settlement.operation.id)),
    ("state", |settlement| Cell::text(settlement.operation.state)),
    ("created_at", |settlement| Cell::text(settlement.operation.created_at)),
    ("updated_at", |settlement| Cell::text(settlement.operation.updated_at)),
    ("transaction", |settlement| Cell::maybe(settlement.operation.hash)),
    ("block", |settlement| {
        settlement.operation.block.map_or(Cell::Nothing, |(number, _)| Cell::Count(number))
    }),
    ("block_hash", |settlement| Cell::maybe(settlement.operation.block.map(|(_, hash)| hash))),
    ("users", |settlement| u64::try_from(settlement.rows.len()).map_or(Cell::Nothing, Cell::Count)),
    ("paid", |settlement| Cell::maybe(brought(settlement))),
    ("gas_used", |settlement| Cell::Count(settlement.operation.gas_used)),
    ("gas_price", |settlement| Cell::text(settlement.operation.gas_price)),
    ("gas_paid", |settlement| {
        Cell::maybe(settlement.operation.gas_price.checked_mul(settlement.operation.gas_used.into()))
    }),
    ("note", |settlement| Cell::maybe(settlement.operation.error.as_ref())),
];

/// What it paid, once the chain has said so of any of its users.
fn brought(settlement: &Settlement) -> Option<Neuron> {
    settlement.rows.iter().any(|row| row.paid.is_some()).then(|| settlement.paid())
}
