//! A user as the provider's books have it.

use serde::{Deserialize, Serialize};

use crate::domain::{Address, Neuron, Timestamp};
use crate::wire::list::{checksummed, maybe_checksummed};

/// One user, and what can be had of the user's account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UserItem {
    #[serde(serialize_with = "checksummed")]
    pub user: Address,
    pub balance: Neuron,
    pub pending_refund: Neuron,
    pub owed: Neuron,
    pub reserved: Neuron,
    pub in_flight: usize,
    /// The best voucher that still counts; zero without one.
    pub voucher: Neuron,
    /// Owed and not paid on chain yet.
    pub unsettled: Neuron,
    /// What a settlement could bring now.
    pub claimable: Neuron,
    pub settled: Neuron,
    pub refund_unlock_at: Option<Timestamp>,
    /// When the engine will settle because of the refund, if nothing makes it do so earlier.
    #[serde(default)]
    pub settle_by: Option<Timestamp>,
    #[serde(serialize_with = "maybe_checksummed")]
    pub delegate: Option<Address>,
    pub debt_since: Option<Timestamp>,
    /// The worst that threatens the debt: none, unpaid (no voucher covers it), balance, refund, lost.
    #[serde(default)]
    pub risk: String,
    /// Whether a settlement with this user is under way.
    #[serde(default)]
    pub settling: bool,
    /// The block at which the chain's figures were read.
    pub block: u64,
}
