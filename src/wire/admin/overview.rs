//! The provider broker on one page.

use serde::{Deserialize, Serialize};

use super::request::OperationItem;
use super::settlement::{DecisionItem, ForecastItem};
use crate::domain::{Address, Neuron, Timestamp};
use crate::wire::list::checksummed;

/// What `GET /v1/overview` answers. Amounts are neuron, times seconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Overview {
    pub at: Timestamp,
    /// The broker's version.
    pub version: String,
    #[serde(serialize_with = "checksummed")]
    pub provider: Address,
    #[serde(rename = "ChainID")]
    pub chain_id: u64,
    #[serde(serialize_with = "checksummed")]
    pub contract: Address,
    /// How long a refund is locked.
    pub lock_time: u64,
    /// The newest block whose events were taken in.
    pub block: Option<u64>,
    pub block_at: Option<Timestamp>,
    /// What the provider's key owns outside the contract; gas is paid from it. Absent while the chain cannot be asked.
    pub wallet: Option<Neuron>,
    pub credit_limit: Neuron,
    /// Fees of all answers ever.
    pub earned: Neuron,
    /// Of that, paid on the chain.
    pub settled: Neuron,
    /// Of that, not paid on the chain yet.
    pub unsettled: Neuron,
    /// What a settlement of everybody could bring now, small debts included.
    pub claimable: Neuron,
    /// Highest fees of requests in flight.
    pub reserved: Neuron,
    pub in_flight: usize,
    pub users: usize,
    /// Users with something unsettled.
    pub debtors: usize,
    /// Of them, those whose debt a refund or a change of delegate endangers, or whose account does not hold it.
    #[serde(default)]
    pub in_danger: usize,
    pub services: usize,
    /// Of them, those whose server does not work.
    #[serde(default)]
    pub services_failing: usize,
    /// What the gas of all settlements has cost.
    pub gas_spent: Neuron,
    pub today: TodayItem,
    pub health: HealthItem,
    /// Whether the engine settles by itself.
    pub automatic: bool,
    /// Settlements under way.
    pub settling: Vec<OperationItem>,
    /// The engine's last look; absent until there was one.
    pub forecast: Option<ForecastItem>,
    pub last_decision: Option<DecisionItem>,
}

/// The UTC day so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct TodayItem {
    pub requests: u64,
    pub fee: Neuron,
}

/// What does not work at the moment. Absent: it works.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct HealthItem {
    pub chain: Option<String>,
    pub store: Option<String>,
    /// Vital tasks that died; only a restart brings them back.
    #[serde(default)]
    pub dead: Vec<String>,
    pub stopping: bool,
}
