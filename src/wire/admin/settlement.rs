//! Settlements: what was paid, what the next one would bring, and why the engine settles or waits.

use serde::{Deserialize, Serialize};

use super::request::OperationItem;

use crate::domain::{Address, B256, Neuron, OperationId, OperationState, Timestamp};
use crate::wire::list::{List, checksummed, maybe_checksummed};

/// Past settlements, the next one, and the engine's decisions.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Settlements {
    #[serde(flatten)]
    pub list: List<SettlementItem>,
    pub forecast: ForecastItem,
    /// Oldest first.
    pub decisions: Vec<DecisionItem>,
}

/// A settlement that was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SettlementItem {
    #[serde(flatten)]
    pub operation: OperationItem,
    pub gas_cost: Neuron,
    /// What it paid as far as is known.
    pub paid: Neuron,
    /// Why it was made: the words of [`ReasonItem::reason`].
    #[serde(default)]
    pub reasons: Vec<String>,
    pub rows: Vec<RowItem>,
}

/// One user's line of a settlement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct RowItem {
    #[serde(serialize_with = "checksummed")]
    pub user: Address,
    /// The all-time sum claimed.
    pub claim: Neuron,
    /// What it would bring as seen before sending; absent on past settlements.
    #[serde(default)]
    pub expected: Option<Neuron>,
    /// What the chain paid; absent until it has said.
    pub paid: Option<Neuron>,
}

/// Why a settlement is due.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ReasonItem {
    /// asked, refund_deadline, delegate_change, balance_low, risk_limit, worth_its_gas or oldest_debt.
    pub reason: String,
    /// The user it is about, where it is about one.
    #[serde(default, serialize_with = "maybe_checksummed")]
    pub user: Option<Address>,
    /// The moment that makes it so: an unlock, a change of delegate, the beginning of the oldest debt.
    #[serde(default)]
    pub at: Option<Timestamp>,
    /// The same in a sentence.
    pub text: String,
}

/// A user in debt who is not in a settlement, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct LeftOutItem {
    #[serde(serialize_with = "checksummed")]
    pub user: Address,
    pub reason: String,
    /// The same in a sentence.
    #[serde(default)]
    pub text: String,
    #[serde(default)]
    pub unsettled: Neuron,
}

/// What a settlement that was asked for did, or would do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ReportItem {
    pub at: Timestamp,
    pub dry_run: bool,
    pub reasons: Vec<String>,
    pub rows: Vec<RowItem>,
    pub left_out: Vec<LeftOutItem>,
    pub expected: Neuron,
    pub expected_cost: Neuron,
    pub paid: Neuron,
    pub transactions: Vec<TransactionItem>,
}

impl ReportItem {
    /// Whether it is not known yet how one of its transactions ends.
    pub fn is_open(&self) -> bool {
        let open = [OperationState::Sent.as_str(), OperationState::Unknown.as_str()];
        self.transactions.iter().any(|transaction| open.contains(&transaction.state.as_str()))
    }
}

/// One transaction of a settlement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct TransactionItem {
    #[serde(rename = "OperationID")]
    pub operation_id: OperationId,
    pub state: String,
    pub rows: usize,
    pub transaction_hash: Option<B256>,
    pub block: Option<u64>,
    pub gas_used: u64,
    pub gas_cost: Neuron,
    pub reason: Option<String>,
}

/// What a settlement would do at this moment, and whether the engine would begin one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ForecastItem {
    pub at: Timestamp,
    /// settle, wait, nothing_to_claim, costs_more_than_it_brings, busy or failed.
    pub verdict: String,
    /// The verdict in a sentence.
    #[serde(default)]
    pub text: String,
    pub reasons: Vec<String>,
    /// The reasons with what they are about.
    #[serde(default)]
    pub why: Vec<ReasonItem>,
    /// The first of them; `RowsInAll` says how many there are.
    pub rows: Vec<RowItem>,
    #[serde(default)]
    pub rows_in_all: usize,
    /// Some of them; `LeftOutInAll` says how many there are.
    pub left_out: Vec<LeftOutItem>,
    #[serde(default)]
    pub left_out_in_all: usize,
    pub brings: Neuron,
    pub costs: Neuron,
    /// What it must bring to be worth its gas.
    pub worth_from: Neuron,
    pub next_deadline: Option<Timestamp>,
    /// What will ask for it then.
    #[serde(default)]
    pub next_reason: Option<ReasonItem>,
    /// Neuron for one unit of gas now.
    #[serde(default)]
    pub gas_price: Neuron,
}

/// One decision to settle or to wait.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DecisionItem {
    pub at: Timestamp,
    /// When it was made last without change.
    pub until: Timestamp,
    pub verdict: String,
    /// The verdict in a sentence.
    #[serde(default)]
    pub text: String,
    pub reasons: Vec<String>,
    #[serde(default)]
    pub why: Vec<ReasonItem>,
    pub rows: usize,
    pub brings: Neuron,
    pub costs: Neuron,
    /// Neuron for one unit of gas then.
    #[serde(default)]
    pub gas_price: Neuron,
    /// Those with the largest debts; at most 50.
    pub left_out: Vec<LeftOutItem>,
    #[serde(default)]
    pub left_out_in_all: usize,
    /// When it waits: the moment at which a rule will ask for a settlement, as things stood.
    #[serde(default)]
    pub next_deadline: Option<Timestamp>,
    pub note: Option<String>,
}
