//! Where the chain's sender meets a broker's store and key: every attempt on disk before its bytes leave, every outcome
//! after, every signature made by the wallet.
//!
//! The sender asks for both as traits, since edges do not know each other. Both brokers use this one adapter.

use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use crate::chain::{Attempt, Journal, JournalError, Outcome, SignerError, TxSigner};
use crate::domain::{Address, B256, Neuron, OperationId, OperationState, Signature, Timestamp};
use crate::keys::Wallet;
use crate::store::{AttemptRow, OperationEnd, Operations, StoreError};

/// What a sender writes down, and where.
pub fn journal(operations: Operations) -> Arc<dyn Journal> {
    Arc::new(StoreJournal(operations))
}

/// A wallet as a sender uses it.
pub fn signer(wallet: Arc<Wallet>) -> Arc<dyn TxSigner> {
    Arc::new(WalletSigner(wallet))
}

#[derive(Debug)]
struct WalletSigner(Arc<Wallet>);

impl TxSigner for WalletSigner {
    fn address(&self) -> Address {
        self.0.address()
    }

    fn sign(&self, hash: B256) -> Result<Signature, SignerError> {
        self.0.sign(hash).map_err(|error| SignerError(error.to_string()))
    }
}

#[derive(Debug)]
struct StoreJournal(Operations);

impl Journal for StoreJournal {
    fn record(&self, attempt: Attempt) -> BoxFuture<'_, Result<(), JournalError>> {
        async move { self.0.record(row(attempt)).await.map_err(|error| failed(&error)) }.boxed()
    }

    fn finished(&self, op: OperationId, outcome: Outcome) -> BoxFuture<'_, Result<(), JournalError>> {
        let end = end_of(&outcome, Timestamp::now());
        async move { self.0.finish(op, end).await.map_err(|error| failed(&error)) }.boxed()
    }
}

fn failed(error: &StoreError) -> JournalError {
    JournalError(error.to_string())
}

fn row(attempt: Attempt) -> AttemptRow {
    AttemptRow {
        op: attempt.op,
        from: attempt.from,
        nonce: attempt.nonce,
        hash: attempt.hash,
        raw: attempt.raw.to_vec(),
        max_fee: Neuron::new(attempt.max_fee),
        priority: Neuron::new(attempt.priority),
        at: attempt.at,
    }
}

/// An attempt as the sender takes it up after a restart.
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

/// An outcome as the books keep it.
pub(super) fn end_of(outcome: &Outcome, at: Timestamp) -> OperationEnd {
    let nothing = OperationEnd { state: OperationState::Unknown, ..refused(String::new(), at) };
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
        Outcome::Refused { reason } => refused(reason.clone(), at),
    }
}

/// The end of an operation that is certainly not on the chain.
pub(super) fn refused(reason: String, at: Timestamp) -> OperationEnd {
    OperationEnd {
        state: OperationState::Refused,
        hash: None,
        block: None,
        gas_used: 0,
        gas_price: Neuron::ZERO,
        contract: None,
        error: Some(reason).filter(|reason| !reason.is_empty()),
        at,
    }
}
