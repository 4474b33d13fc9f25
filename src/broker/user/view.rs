//! Plain data handed out to faces. Everything about money is computed here, in one function per object.

use super::positions::Position;
use crate::domain::{
    Address, B256, ChainAccount, Fee, Neuron, OperationId, OperationKind, OperationState, PendingRefund,
    Prices, RequestId, SealedReceipt, ServiceName, Timestamp, Units, UserRequestState,
};
use crate::store::user::RefundState;

/// An account, chain figures and our own together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountView {
    pub provider: Address,
    /// The deposit left on the chain; includes a pending refund.
    pub balance: Neuron,
    pub pending_refund: Neuron,
    /// Fees of all answers ever.
    pub owed: Neuron,
    /// Highest fees of requests in flight and of those whose end is not known.
    pub reserved: Neuron,
    /// The highest voucher that was ever signed.
    pub promised: Neuron,
    /// What new requests may use.
    pub available: Neuron,
    /// Paid to the provider on the chain, ever.
    pub settled: Neuron,
    pub delegate: Option<Address>,
    /// Whether this broker holds a key that may sign for the account.
    pub can_sign: bool,
    pub refund: Option<PendingRefund>,
}

/// Sums over all accounts that the chain knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    pub accounts: usize,
    /// Those of them that have nothing for new requests.
    pub empty: usize,
    /// Deposits left on the chain; pending refunds are in it.
    pub balance: Neuron,
    /// What new requests may use.
    pub available: Neuron,
    /// Fees of all answers ever.
    pub owed: Neuron,
    /// The highest vouchers that were ever signed.
    pub promised: Neuron,
    /// Paid on the chain, ever.
    pub settled: Neuron,
}

/// A page of the list of accounts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountPage {
    pub accounts: Vec<AccountView>,
    /// Accounts on this page and off it.
    pub total: usize,
    /// Others come behind it.
    pub more: bool,
}

impl AccountView {
    /// `None` while the chain knows no such account.
    pub(super) fn of(provider: Address, position: &Position, can_sign: bool) -> Option<AccountView> {
        Some(Self::with(provider, position, position.chain()?, can_sign))
    }

    /// Our own figures with those of an account as the chain has it, or as it would have it.
    pub(super) fn with(
        provider: Address,
        position: &Position,
        chain: &ChainAccount,
        can_sign: bool,
    ) -> AccountView {
        AccountView {
            provider,
            balance: chain.balance,
            pending_refund: chain.pending_refund(),
            owed: position.owed(),
            reserved: position.held(),
            promised: position.authorized(),
            available: chain.available(position.owed(), position.held()),
            settled: chain.settled,
            delegate: chain.delegate,
            can_sign,
            refund: chain.refund,
        }
    }

    /// What could be asked back so that everything owed and held stays covered.
    pub fn free(&self) -> Neuron {
        self.balance.above(self.owed.saturating_add(self.reserved).above(self.settled))
    }
}

/// A refund, pending or over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefundView {
    pub provider: Address,
    pub index: u32,
    pub amount: Neuron,
    pub created_at: Timestamp,
    pub unlock_at: Timestamp,
    pub state: RefundState,
}

/// A request as listings show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestView {
    pub request: RequestId,
    pub provider: Address,
    pub service: ServiceName,
    pub created_at: Timestamp,
    pub finished_at: Option<Timestamp>,
    pub state: UserRequestState,
    pub input: Units,
    pub output: Units,
    /// What is owed for it by our own count.
    pub fee: Fee,
    pub max_fee: Neuron,
    /// What the provider asked for beyond that; not paid.
    pub disputed: Neuron,
    /// Why it failed or is disputed, or was until its receipt was accepted.
    pub note: Option<String>,
    /// When a person accepted the provider's receipt although our own count differs.
    pub accepted_at: Option<Timestamp>,
}

/// A request with everything that is known of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestRecord {
    pub view: RequestView,
    /// What a unit cost when it was made.
    pub prices: Prices,
    pub price_version: u64,
    /// SHA-256 of what was sent.
    pub body_hash: B256,
    /// SHA-256 of what came, by our own count.
    pub response_hash: Option<B256>,
    pub receipt: Option<SealedReceipt>,
}

/// An on-chain action, from intent to outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperationView {
    pub id: OperationId,
    pub kind: OperationKind,
    pub provider: Option<Address>,
    pub amount: Option<Neuron>,
    pub state: OperationState,
    pub created_at: Timestamp,
    /// Latest transaction hash, once broadcast.
    pub hash: Option<B256>,
    /// Block of the outcome.
    pub block: Option<u64>,
    /// Why it was refused or reverted.
    pub reason: Option<String>,
    /// Transactions signed for it; each after the first replaced the one before at a higher fee. Counted for
    /// operations that are not over, and when one is asked for by its id.
    pub attempts: u32,
    /// The most that the newest of them offers for a unit of gas, in neuron.
    pub offer: Option<Neuron>,
    /// What its gas cost, once it is in a block; in neuron.
    pub gas_paid: Option<Neuron>,
}
