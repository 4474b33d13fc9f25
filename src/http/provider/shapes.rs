//! Objects as the owner's API answers them: PascalCase keys, amounts as decimal text, times in RFC 3339.

use serde::Serialize;

use crate::broker::provider::{
    Decision, Forecast, Operation, RequestView, ServiceView, Settlement, SettlementReport, UserView, Verdict,
};
use crate::domain::{Address, B256, Neuron, OperationId, RequestId, ServiceName, Timestamp};
use crate::http::list::{checksummed, maybe_checksummed};

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ServiceItem {
    pub updated_at: Timestamp,
    pub created_at: Timestamp,
    pub name: ServiceName,
    #[serde(rename = "Type")]
    pub kind: &'static str,
    /// Where the service itself is.
    #[serde(rename = "URL")]
    pub url: String,
    /// What the chain lists.
    #[serde(rename = "PublicURL")]
    pub public_url: String,
    pub model: String,
    pub input_price: Neuron,
    pub output_price: Neuron,
    pub meter: &'static str,
    pub status: &'static str,
    pub version: Option<u64>,
    /// Names of the headers sent along; their values are secret.
    pub upstream_headers: Vec<String>,
}

impl From<ServiceView> for ServiceItem {
    fn from(service: ServiceView) -> Self {
        ServiceItem {
            updated_at: service.updated_at,
            created_at: service.created_at,
            name: service.name,
            kind: service.kind.as_str(),
            url: service.target,
            public_url: service.public_url,
            model: service.model,
            input_price: service.prices.input,
            output_price: service.prices.output,
            meter: service.meter.as_str(),
            status: service.status.as_str(),
            version: service.version,
            upstream_headers: service.header_names,
        }
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct UserItem {
    #[serde(serialize_with = "checksummed")]
    pub user: Address,
    pub balance: Neuron,
    pub pending_refund: Neuron,
    pub owed: Neuron,
    pub reserved: Neuron,
    pub in_flight: usize,
    pub voucher: Neuron,
    pub unsettled: Neuron,
    pub claimable: Neuron,
    pub settled: Neuron,
    pub refund_unlock_at: Option<Timestamp>,
    #[serde(serialize_with = "maybe_checksummed")]
    pub delegate: Option<Address>,
    pub debt_since: Option<Timestamp>,
    pub block: u64,
}

impl From<UserView> for UserItem {
    fn from(user: UserView) -> Self {
        UserItem {
            user: user.user,
            balance: user.balance,
            pending_refund: user.pending_refund,
            owed: user.owed,
            reserved: user.reserved,
            in_flight: user.in_flight,
            voucher: user.voucher,
            unsettled: user.unsettled,
            claimable: user.claimable,
            settled: user.settled,
            refund_unlock_at: user.refund_unlock_at,
            delegate: user.delegate,
            debt_since: user.debt_since,
            block: user.block,
        }
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct RequestItem {
    #[serde(rename = "RequestID")]
    pub request_id: RequestId,
    #[serde(serialize_with = "checksummed")]
    pub user_address: Address,
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
    pub input_price: Neuron,
    pub output_price: Neuron,
    pub price_version: u64,
}

impl From<RequestView> for RequestItem {
    fn from(request: RequestView) -> Self {
        RequestItem {
            request_id: request.id,
            user_address: request.user,
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
            input_price: request.prices.input,
            output_price: request.prices.output,
            price_version: request.price_version,
        }
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct OperationItem {
    #[serde(rename = "OperationID")]
    pub operation_id: OperationId,
    pub kind: &'static str,
    pub state: &'static str,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub transaction_hash: Option<B256>,
    pub block: Option<u64>,
    pub gas_used: u64,
    pub gas_price: Neuron,
    pub reason: Option<String>,
}

impl From<Operation> for OperationItem {
    fn from(operation: Operation) -> Self {
        OperationItem {
            operation_id: operation.id,
            kind: operation.kind.as_str(),
            state: operation.state.as_str(),
            created_at: operation.created_at,
            updated_at: operation.updated_at,
            transaction_hash: operation.hash,
            block: operation.block.map(|(number, _)| number),
            gas_used: operation.gas_used,
            gas_price: operation.gas_price,
            reason: operation.error,
        }
    }
}

/// A settlement that was made.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct SettlementItem {
    #[serde(flatten)]
    pub operation: OperationItem,
    pub gas_cost: Neuron,
    /// What it paid as far as is known.
    pub paid: Neuron,
    pub rows: Vec<RowItem>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct RowItem {
    #[serde(serialize_with = "checksummed")]
    pub user: Address,
    /// The all-time sum claimed.
    pub claim: Neuron,
    /// What the chain paid; absent until it has said.
    pub paid: Option<Neuron>,
}

impl From<Settlement> for SettlementItem {
    fn from(settlement: Settlement) -> Self {
        let operation = &settlement.operation;
        let gas_cost = operation.gas_price.checked_mul(operation.gas_used.into()).unwrap_or_default();
        let rows: Vec<RowItem> = settlement
            .rows
            .iter()
            .map(|row| RowItem { user: row.account.user, claim: row.claim, paid: row.paid })
            .collect();
        let paid = rows.iter().filter_map(|row| row.paid).fold(Neuron::ZERO, Neuron::saturating_add);
        SettlementItem { gas_cost, paid, rows, operation: settlement.operation.into() }
    }
}

/// What a settlement that was asked for did, or would do.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ReportItem {
    pub at: Timestamp,
    pub dry_run: bool,
    pub reasons: Vec<&'static str>,
    pub rows: Vec<RowItem>,
    pub left_out: Vec<LeftOutItem>,
    pub expected: Neuron,
    pub expected_cost: Neuron,
    pub paid: Neuron,
    pub transactions: Vec<TransactionItem>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct LeftOutItem {
    #[serde(serialize_with = "checksummed")]
    pub user: Address,
    pub reason: &'static str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct TransactionItem {
    #[serde(rename = "OperationID")]
    pub operation_id: OperationId,
    pub state: &'static str,
    pub rows: usize,
    pub transaction_hash: Option<B256>,
    pub block: Option<u64>,
    pub gas_used: u64,
    pub gas_cost: Neuron,
    pub reason: Option<String>,
}

impl From<SettlementReport> for ReportItem {
    fn from(report: SettlementReport) -> Self {
        let rows = report.rows.iter().map(|row| RowItem { user: row.user, claim: row.claim, paid: row.paid });
        let transactions = report.transactions.into_iter().map(|tx| TransactionItem {
            operation_id: tx.operation,
            state: tx.state.as_str(),
            rows: tx.rows,
            transaction_hash: tx.hash,
            block: tx.block,
            gas_used: tx.gas_used,
            gas_cost: tx.gas_cost,
            reason: tx.error,
        });
        ReportItem {
            at: report.at,
            dry_run: report.dry_run,
            reasons: report.reasons.iter().map(|reason| reason.code()).collect(),
            rows: rows.collect(),
            left_out: left_out(&report.left_out),
            expected: report.expected,
            expected_cost: report.expected_cost,
            paid: report.paid,
            transactions: transactions.collect(),
        }
    }
}

fn left_out(list: &[(Address, crate::broker::provider::LeftOut)]) -> Vec<LeftOutItem> {
    list.iter().map(|(user, why)| LeftOutItem { user: *user, reason: why.as_str() }).collect()
}

/// What a settlement would do at this moment, and whether the engine would begin one.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ForecastItem {
    pub at: Timestamp,
    pub verdict: &'static str,
    pub reasons: Vec<&'static str>,
    pub rows: Vec<RowItem>,
    pub left_out: Vec<LeftOutItem>,
    pub brings: Neuron,
    pub costs: Neuron,
    /// What it must bring to be worth its gas.
    pub worth_from: Neuron,
    pub next_deadline: Option<Timestamp>,
}

impl ForecastItem {
    pub(super) fn of(forecast: Forecast, verdict: &Verdict) -> Self {
        let rows = forecast.rows.iter().map(|row| RowItem { user: row.user(), claim: row.claim, paid: None });
        ForecastItem {
            at: forecast.at,
            verdict: verdict.code(),
            reasons: forecast.reasons.iter().map(|reason| reason.code()).collect(),
            rows: rows.collect(),
            left_out: left_out(&forecast.left_out),
            brings: forecast.brings,
            costs: forecast.costs,
            worth_from: forecast.worth_from,
            next_deadline: forecast.next_deadline,
        }
    }
}

/// One decision to settle or to wait.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct DecisionItem {
    pub at: Timestamp,
    /// When it was made last without change.
    pub until: Timestamp,
    pub verdict: &'static str,
    pub reasons: Vec<&'static str>,
    pub rows: usize,
    pub brings: Neuron,
    pub costs: Neuron,
    pub left_out: Vec<LeftOutItem>,
    pub note: Option<String>,
}

impl From<Decision> for DecisionItem {
    fn from(decision: Decision) -> Self {
        let (reasons, note) = match &decision.verdict {
            Verdict::Settle(reasons) => (reasons.iter().map(|reason| reason.code()).collect(), None),
            Verdict::Failed(why) => (Vec::new(), Some(why.clone())),
            Verdict::NothingToClaim
            | Verdict::CostsMoreThanItBrings
            | Verdict::Wait { .. }
            | Verdict::Busy => (Vec::new(), None),
        };
        DecisionItem {
            at: decision.at,
            until: decision.until,
            verdict: decision.verdict.code(),
            reasons,
            rows: decision.rows,
            brings: decision.brings,
            costs: decision.costs,
            left_out: left_out(&decision.left_out),
            note,
        }
    }
}
