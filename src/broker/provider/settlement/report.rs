//! What is told of a settlement: the rows, its transactions and what came of them.

use std::collections::HashMap;

use super::forecast::{Forecast, Left};
use super::rules::Reason;
use crate::broker::outbox;
use crate::chain::Outcome;
use crate::domain::{Address, B256, Neuron, OperationId, OperationState, Timestamp};

/// What a settlement did, or would do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettlementReport {
    pub at: Timestamp,
    pub dry_run: bool,
    pub reasons: Vec<Reason>,
    pub rows: Vec<ReportRow>,
    pub left_out: Vec<Left>,
    /// What the rows would bring, and the transactions cost, as seen before sending. Neuron.
    pub expected: Neuron,
    pub expected_cost: Neuron,
    /// What was paid, as far as is known.
    pub paid: Neuron,
    pub transactions: Vec<SettlementTx>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReportRow {
    pub user: Address,
    /// The all-time sum claimed.
    pub claim: Neuron,
    pub expected: Neuron,
    /// `None` until the chain has said.
    pub paid: Option<Neuron>,
}

/// One transaction of a settlement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettlementTx {
    pub operation: OperationId,
    pub state: OperationState,
    pub rows: usize,
    pub hash: Option<B256>,
    pub block: Option<u64>,
    pub gas_used: u64,
    /// Neuron.
    pub gas_cost: Neuron,
    pub error: Option<String>,
}

impl SettlementTx {
    /// One that is with the sender.
    pub(super) fn sent(operation: OperationId, hash: B256, rows: usize) -> SettlementTx {
        SettlementTx {
            operation,
            state: OperationState::Sent,
            rows,
            hash: Some(hash),
            block: None,
            gas_used: 0,
            gas_cost: Neuron::ZERO,
            error: None,
        }
    }

    /// The same, now that its end is known.
    pub(super) fn ended(self, outcome: &Outcome) -> SettlementTx {
        let end = outbox::end_of(outcome, Timestamp::now());
        SettlementTx {
            state: end.state,
            hash: end.hash.or(self.hash),
            block: end.block.map(|(number, _)| number),
            gas_used: end.gas_used,
            gas_cost: Neuron::new(outcome.gas_cost()),
            error: end.error,
            ..self
        }
    }
}

impl SettlementReport {
    pub(super) fn of(
        forecast: &Forecast,
        transactions: Vec<SettlementTx>,
        paid: &HashMap<Address, Neuron>,
        dry_run: bool,
    ) -> SettlementReport {
        let rows = forecast.rows.iter().map(|row| ReportRow {
            user: row.user(),
            claim: row.claim,
            expected: row.pays,
            paid: paid.get(&row.user()).copied(),
        });
        SettlementReport {
            at: forecast.at,
            dry_run,
            reasons: forecast.reasons.clone(),
            rows: rows.collect(),
            left_out: forecast.left_out.clone(),
            expected: forecast.brings,
            expected_cost: forecast.costs,
            paid: paid.values().fold(Neuron::ZERO, |sum, amount| sum.saturating_add(*amount)),
            transactions,
        }
    }
}
