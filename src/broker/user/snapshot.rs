//! What the broker knows at one moment, as plain data for screens.

use super::caps::Caps;
use super::view::{AccountView, OperationView};
use crate::chain::BlockRef;
use crate::domain::{Address, Neuron};

/// The state at one version. A newer snapshot has a higher version.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    pub version: u64,
    pub user: Address,
    pub chain_id: u64,
    pub contract: Address,
    /// Seconds that refunds and changes of delegate wait.
    pub lock_time: u64,
    pub accounts: Vec<AccountView>,
    /// How many services the chain lists.
    pub services: usize,
    /// The version of their list; see [`UserBroker::services_if_newer`](super::UserBroker::services_if_newer).
    pub services_version: u64,
    /// The block that accounts and services were read at; `None` before the first read.
    pub head: Option<BlockRef>,
    /// Why the chain cannot be read at the moment. What is shown is then as of `head`.
    pub stale: Option<String>,
    /// Money of the wallet outside the contract, in neuron, when it could be read.
    pub wallet: Option<Neuron>,
    pub caps: Caps,
    /// Fees of the current UTC day.
    pub spent_today: Neuron,
    /// Highest fees of requests in flight.
    pub reserved: Neuron,
    /// On-chain actions that are not over.
    pub operations: Vec<OperationView>,
    pub can_send: bool,
}
