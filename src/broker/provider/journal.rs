//! The chain sender's journal and signer, made of this broker's store and key.
//!
//! The sender asks for both as traits, since edges do not know each other; here they meet.

use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use crate::chain::{Attempt, Journal, JournalError, Outcome, SignerError, TxSigner};
use crate::domain::{Address, B256, Neuron, OperationId, OperationState, Signature, Timestamp};
use crate::keys::Wallet;
use crate::store::{AttemptRow, OperationEnd, Operations, ProviderStore, StoreError};

/// What a sender for this broker's key writes down, and where.
pub fn journal(store: &ProviderStore) -> Arc<dyn Journal> {
    Arc::new(StoreJournal(store.operations()))
}

/// The key as a sender uses it.
pub fn signer(wallet: Arc<Wallet>) -> Arc<dyn TxSigner> {
    Arc::new(WalletSigner(wallet))
}

#[derive(Debug)]
struct StoreJournal(Operations);

impl Journal for StoreJournal {
    fn record(&self, attempt: Attempt) -> BoxFuture<'_, Result<(), JournalError>> {
        let row = AttemptRow {
            op: attempt.op,
            from: attempt.from,
            nonce: attempt.nonce,
            hash: attempt.hash,
            raw: attempt.raw.to_vec(),
            max_fee: Neuron::new(attempt.max_fee),
            priority: Neuron::new(attempt.priority),
            at: attempt.at,
        };
        async move { self.0.record(row).await.map_err(journal_error) }.boxed()
    }

    fn finished(&self, op: OperationId, outcome: Outcome) -> BoxFuture<'_, Result<(), JournalError>> {
        let end = end(&outcome, Timestamp::now());
        async move { self.0.finish(op, end).await.map_err(journal_error) }.boxed()
    }
}

#[allow(clippy::needless_pass_by_value, reason = "used as a function of map_err")]
fn journal_error(error: StoreError) -> JournalError {
    JournalError(error.to_string())
}

/// An outcome as the books keep it.
pub(super) fn end(outcome: &Outcome, at: Timestamp) -> OperationEnd {
    let nothing = OperationEnd {
        state: OperationState::Unknown,
        hash: None,
        block: None,
        gas_used: 0,
        gas_price: Neuron::ZERO,
        contract: None,
        error: None,
        at,
    };
    match outcome {
        Outcome::Mined { hash, block, gas_used, effective_gas_price, contract } => OperationEnd {
            state: OperationState::Mined,
            hash: Some(*hash),
            block: Some((block.number, block.hash)),
            gas_used: *gas_used,
            gas_price: Neuron::new(*effective_gas_price),
            contract: *contract,
            ..nothing
        },
        Outcome::Reverted { hash, block, reason, gas_used, effective_gas_price } => OperationEnd {
            state: OperationState::Reverted,
            hash: Some(*hash),
            block: Some((block.number, block.hash)),
            gas_used: *gas_used,
            gas_price: Neuron::new(*effective_gas_price),
            error: Some(reason.to_string()),
            ..nothing
        },
        Outcome::Unknown { hashes } => OperationEnd { hash: hashes.last().copied(), ..nothing },
        Outcome::Refused { reason } => {
            OperationEnd { state: OperationState::Refused, error: Some(reason.clone()), ..nothing }
        }
    }
}

/// A row of the journal as the sender takes it up again.
pub(super) fn attempt(row: AttemptRow) -> Attempt {
    Attempt {
        op: row.op,
        from: row.from,
        nonce: row.nonce,
        hash: row.hash,
        raw: row.raw.into(),
        max_fee: row.max_fee.get(),
        priority: row.priority.get(),
        at: row.at,
    }
}

#[derive(Debug)]
struct WalletSigner(Arc<Wallet>);

impl TxSigner for WalletSigner {
    fn address(&self) -> Address {
        self.0.address()
    }

    fn sign(&self, hash: B256) -> Result<Signature, SignerError> {
        sign(&self.0, hash)
    }
}

/// Signs a digest with the provider's key.
pub(super) fn sign(wallet: &Wallet, hash: B256) -> Result<Signature, SignerError> {
    wallet.sign(hash).map_err(|error| SignerError(error.to_string()))
}
