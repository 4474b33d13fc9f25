//! Settlements: made, reported, forecast, decided.

use crate::broker::provider::{Decision, Forecast, Left, Reason, Settlement, SettlementReport, Verdict};
use crate::domain::{Neuron, Timestamp};
use crate::wire::admin::{
    DecisionItem, ForecastItem, LeftOutItem, ReasonItem, ReportItem, RowItem, SettlementItem, TransactionItem,
};

impl From<Settlement> for SettlementItem {
    fn from(settlement: Settlement) -> Self {
        let operation = &settlement.operation;
        let gas_cost = operation.gas_price.checked_mul(operation.gas_used.into()).unwrap_or_default();
        let rows: Vec<RowItem> = settlement
            .rows
            .iter()
            .map(|row| RowItem { user: row.account.user, claim: row.claim, expected: None, paid: row.paid })
            .collect();
        let paid = rows.iter().filter_map(|row| row.paid).fold(Neuron::ZERO, Neuron::saturating_add);
        let reasons = operation.params["reasons"].as_array().into_iter().flatten();
        let reasons = reasons.filter_map(|reason| Some(reason.as_str()?.to_owned())).collect();
        SettlementItem { gas_cost, paid, reasons, rows, operation: settlement.operation.into() }
    }
}

impl From<SettlementReport> for ReportItem {
    fn from(report: SettlementReport) -> Self {
        let rows = report.rows.iter().map(|row| RowItem {
            user: row.user,
            claim: row.claim,
            expected: Some(row.expected),
            paid: row.paid,
        });
        let transactions = report.transactions.into_iter().map(|tx| TransactionItem {
            operation_id: tx.operation,
            state: tx.state.as_str().to_owned(),
            rows: tx.rows,
            transaction_hash: tx.hash,
            block: tx.block,
            gas_used: tx.gas_used,
            gas_cost: tx.gas_cost,
            reason: tx.error,
        });
        ReportItem {
            at: report.at.second(),
            dry_run: report.dry_run,
            reasons: codes(&report.reasons),
            rows: rows.collect(),
            left_out: left_out(&report.left_out),
            expected: report.expected,
            expected_cost: report.expected_cost,
            paid: report.paid,
            transactions: transactions.collect(),
        }
    }
}

fn left_out(list: &[Left]) -> Vec<LeftOutItem> {
    let item = |left: &Left| LeftOutItem {
        user: left.user,
        reason: left.why.as_str().to_owned(),
        text: left.why.text().to_owned(),
        unsettled: left.unsettled,
    };
    list.iter().map(item).collect()
}

fn codes(reasons: &[Reason]) -> Vec<String> {
    reasons.iter().map(|reason| reason.code().to_owned()).collect()
}

fn reason_item(reason: &Reason) -> ReasonItem {
    ReasonItem {
        reason: reason.code().to_owned(),
        user: reason.user(),
        at: reason.at().map(Timestamp::second),
        text: reason.text().to_owned(),
    }
}

/// Users that a forecast names, of those who are in and of those who are not. It is asked for again and again; `dryRun`
/// has everybody.
const MOST_SHOWN: usize = 200;

/// The next settlement, and whether the engine would begin it.
pub(in super::super) fn forecast_item(forecast: &Forecast, verdict: &Verdict) -> ForecastItem {
    let rows = forecast.rows.iter().take(MOST_SHOWN).map(|row| RowItem {
        user: row.user(),
        claim: row.claim,
        expected: Some(row.pays),
        paid: None,
    });
    ForecastItem {
        at: forecast.at.second(),
        verdict: verdict.code().to_owned(),
        text: verdict.text(),
        reasons: codes(&forecast.reasons),
        why: forecast.reasons.iter().map(reason_item).collect(),
        rows: rows.collect(),
        rows_in_all: forecast.rows.len(),
        left_out: left_out(&forecast.left_out[..forecast.left_out.len().min(MOST_SHOWN)]),
        left_out_in_all: forecast.left_out.len(),
        brings: forecast.brings,
        costs: forecast.costs,
        worth_from: forecast.worth_from,
        next_deadline: forecast.next.map(|(at, _)| at.second()),
        next_reason: forecast.next.map(|(_, reason)| reason_item(&reason)),
        gas_price: forecast.gas_price,
    }
}

impl From<Decision> for DecisionItem {
    fn from(decision: Decision) -> Self {
        let (why, note) = match &decision.verdict {
            Verdict::Settle(reasons) => (reasons.clone(), None),
            Verdict::Failed(why) => (Vec::new(), Some(why.clone())),
            Verdict::NothingToClaim
            | Verdict::CostsMoreThanItBrings
            | Verdict::Wait { .. }
            | Verdict::Busy => (Vec::new(), None),
        };
        DecisionItem {
            at: decision.at.second(),
            until: decision.until.second(),
            verdict: decision.verdict.code().to_owned(),
            text: decision.verdict.text(),
            reasons: codes(&why),
            why: why.iter().map(reason_item).collect(),
            rows: decision.rows,
            brings: decision.brings,
            costs: decision.costs,
            gas_price: decision.gas_price,
            left_out: left_out(&decision.left_out),
            left_out_in_all: decision.left_out_in_all,
            next_deadline: decision.next().map(Timestamp::second),
            note,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::provider::LeftOut;
    use crate::domain::Address;

    #[test]
    fn a_forecast_of_thousands_names_some_and_counts_all() {
        let left = |number: u8| Left {
            user: Address::repeat_byte(number),
            why: LeftOut::NotYet,
            unsettled: Neuron::new(number.into()),
        };
        let forecast = Forecast {
            at: Timestamp::from_seconds(1),
            rows: Vec::new(),
            left_out: (0..=255).cycle().take(5_000).map(left).collect(),
            brings: Neuron::ZERO,
            costs: Neuron::ZERO,
            gas_price: Neuron::ZERO,
            reasons: Vec::new(),
            next: None,
            worth_from: Neuron::ZERO,
        };
        let item = forecast_item(&forecast, &forecast.verdict());
        assert_eq!((item.left_out.len(), item.left_out_in_all, item.rows_in_all), (MOST_SHOWN, 5_000, 0));
    }
}
