//! The sender: everything that one key does on the chain goes through one task that owns the key's nonces.
//!
//! ```text
//! submit ─▶ simulate, price, sign ─▶ Journal::record ─▶ broadcast ─▶ Ticket
//!                                                          │
//!  every poll: receipts of any hash ◀── slots, one a nonce ┤  stuck: same nonce, higher fees, recorded first
//!              reorg? → under way again                    │  gap between nonces: a transfer to ourselves
//!              deep enough → Journal::finished             ┘  nonce used by somebody else: a new nonce
//! ```
//!
//! `worker` is the task's loop, `quote` finds what a transaction needs,
//! `place` turns an order into a broadcast transaction, `sweep` follows what was broadcast
//! (`inclusion`: receipts and reorgs; `push`: gaps, repetition, replacement), `slot` is one nonce, `verdict` reads what
//! nodes say to a transaction. What holds throughout: a hash is on disk before its bytes leave; a
//! nonce belongs to one operation until another transaction of that nonce is proven to be in the chain; an operation
//! gets a second nonce only after that proof.

mod inclusion;
mod place;
mod push;
mod quote;
mod slot;
mod sweep;
#[cfg(test)]
pub(crate) mod tests;
mod verdict;
mod worker;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use alloy::primitives::{Address, B256};
use tokio::sync::{mpsc, oneshot, watch};

pub use quote::SendQuote;

use super::journal::{Attempt, Journal, JournalError, Outcome, SignerError, TxSigner, TxState};
use super::open::Chain;
use super::{Bid, Call, ChainError, Revert};
use crate::domain::OperationId;
use crate::domain::amount::grouped;
use crate::tasks::Tasks;

/// Submissions that may wait for their turn before further callers wait themselves.
const WAITING: usize = 64;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SenderSettings {
    /// Transactions of one key that may be under way at once. Nodes keep 16 of an account; 8 is half of it.
    pub max_in_flight: usize,
    /// The most that one unit of gas may cost, in neuron.
    pub max_fee_per_gas: u128,
    /// A transaction that is next in line and not mined after this time is replaced at a higher fee.
    pub replace_after: Duration,
    /// How often that is done at most.
    pub max_bumps: u32,
    /// A transaction that is not mined is broadcast again this often, should nodes have dropped it.
    pub rebroadcast_after: Duration,
    /// A missing nonce that blocks later ones is filled after this time.
    pub gap_after: Duration,
    /// After this time without being mined the outcome is called unknown (and followed on).
    pub unknown_after: Duration,
    /// For so many blocks after a transaction is done it is watched for a reorg that undoes it.
    pub watch_depth: u64,
}

impl Default for SenderSettings {
    fn default() -> Self {
        SenderSettings {
            max_in_flight: 8,
            max_fee_per_gas: 1_000_000_000_000,
            replace_after: Duration::from_secs(45),
            max_bumps: 12,
            rebroadcast_after: Duration::from_secs(15),
            gap_after: Duration::from_secs(10),
            unknown_after: Duration::from_secs(600),
            watch_depth: 64,
        }
    }
}

/// Why an operation was not sent. Unless the variant says otherwise nothing was broadcast and nothing spent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The contract would refuse it.
    #[error(transparent)]
    Reverted(Revert),
    #[error(
        "{address} has {} neuron free but needs {} for the amount and its gas; send some to it first",
        grouped(*.available), grouped(*.needed)
    )]
    InsufficientGas { needed: u128, available: u128, address: Address },
    #[error(
        "one unit of gas costs {} neuron now, above the limit of {}; raise the limit or wait",
        grouped(*.current), grouped(*.cap)
    )]
    FeeTooHigh { current: u128, cap: u128 },
    /// Gas costs more than this order may spend on it by now. It may later: gas gets cheaper, and a bid with a deadline rises.
    #[error(
        "one unit of gas costs {} neuron now, and this may pay {}; it is tried again",
        grouped(*.current), grouped(*.most)
    )]
    OverBid { current: u128, most: u128 },
    /// So many transactions are under way that another one would only wait behind them.
    #[error("{in_flight} transactions are under way already; it is tried again when one is in a block")]
    Full { in_flight: usize },
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error(transparent)]
    Signer(#[from] SignerError),
    /// The chain did not answer what must be known before sending.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// The node took the transaction for wrong and did not accept it.
    #[error("the node does not accept the transaction: {message}")]
    Refused { message: String },
    /// A limit of the node's operator, not of the chain: no other transaction of this cost would pass either.
    #[error(
        "the node passes no transaction on whose gas may cost so much ({message}); start it with a higher limit (geth: \
         --rpc.txfeecap, 0 for none), or use another node"
    )]
    NodeCap { message: String },
    /// The sender has been stopped. The operation may have been recorded and sent: the journal says.
    #[error("the program is stopping; whether the transaction went out is known after the next start")]
    Stopped,
}

impl SendError {
    /// Whether the same submission may succeed later without anybody changing anything.
    pub fn is_transient(&self) -> bool {
        match self {
            SendError::Chain(error) => error.is_transient(),
            SendError::FeeTooHigh { .. }
            | SendError::OverBid { .. }
            | SendError::Full { .. }
            | SendError::Journal(_)
            | SendError::Stopped => true,
            _ => false,
        }
    }

    /// Whether it was signed, and every node that was reached refused it for good.
    pub fn is_refusal(&self) -> bool {
        matches!(self, SendError::Refused { .. } | SendError::NodeCap { .. })
    }
}

enum Command {
    Submit {
        op: OperationId,
        call: Box<Call>,
        bid: Option<Bid>,
        reply: oneshot::Sender<Result<Ticket, SendError>>,
    },
    Resume {
        attempts: Vec<Attempt>,
        reply: oneshot::Sender<Result<Vec<Ticket>, SendError>>,
    },
    /// What is under way; changes nothing.
    Look {
        reply: oneshot::Sender<quote::Line>,
    },
}

/// A new bid for an order under way.
struct Rebid {
    op: OperationId,
    bid: Bid,
}

/// A handle to the task that owns one key's nonces. There must be one sender for a key in a process; other processes
/// that use the key are put up with.
#[derive(Clone)]
pub struct Sender {
    address: Address,
    chain: Chain,
    settings: SenderSettings,
    commands: mpsc::Sender<Command>,
    /// Orders that are not to wait: each is begun or refused at once.
    now: mpsc::Sender<Command>,
    bids: mpsc::Sender<Rebid>,
}

impl Sender {
    /// Starts the task. It ends with `tasks`, or when every handle is gone and nothing is under way.
    pub fn start(
        chain: Chain,
        signer: Arc<dyn TxSigner>,
        journal: Arc<dyn Journal>,
        tasks: &Tasks,
        settings: SenderSettings,
    ) -> Sender {
        let (commands, queue) = mpsc::channel(WAITING);
        let (now, at_once) = mpsc::channel(WAITING);
        let (bids, new_bids) = mpsc::channel(WAITING);
        let address = signer.address();
        let worker = Worker::new(chain.clone(), signer, journal, settings);
        let token = tasks.token();
        tasks.spawn_vital("chain sender", worker.run(queue, at_once, new_bids, token));
        Sender { address, chain, settings, commands, now, bids }
    }

    /// The key's address.
    pub fn address(&self) -> Address {
        self.address
    }

    /// Sends an operation. Returns once it is broadcast (or may have been: the ticket follows it in either case),
    /// or with the reason why it was not. The same operation id a second time gives the same ticket.
    ///
    /// Waits while [`SenderSettings::max_in_flight`] others are under way. Dropping the future does not stop what the
    /// task has begun; the journal knows.
    pub async fn submit(&self, op: OperationId, call: Call) -> Result<Ticket, SendError> {
        self.order(&self.commands, op, call, None).await
    }

    /// [`Sender::submit`] with a bid: what it may cost, and by when it should be mined. Orders with earlier nonces are
    /// pushed at its expense when they are in its way.
    ///
    /// It does not wait for others: with [`SenderSettings::max_in_flight`] under way it is refused as
    /// [`SendError::Full`], so that whoever keeps deadlines can go on doing so; twice as many may be if it is in a hurry.
    pub async fn submit_at(&self, op: OperationId, call: Call, bid: Bid) -> Result<Ticket, SendError> {
        self.order(&self.now, op, call, Some(bid)).await
    }

    async fn order(
        &self,
        queue: &mpsc::Sender<Command>,
        op: OperationId,
        call: Call,
        bid: Option<Bid>,
    ) -> Result<Ticket, SendError> {
        let (reply, answer) = oneshot::channel();
        let command = Command::Submit { op, call: Box::new(call), bid, reply };
        queue.send(command).await.map_err(|_| SendError::Stopped)?;
        answer.await.map_err(|_| SendError::Stopped)?
    }

    /// Changes the bid of an order under way, as when a deadline appears for it. An order that is not (or no longer)
    /// known is none to hurry.
    pub async fn rebid(&self, op: OperationId, bid: Bid) {
        // A sender that has stopped hurries nothing.
        let _ = self.bids.send(Rebid { op, bid }).await;
    }

    /// Takes up what a former run left: every attempt whose operation has no final outcome yet (and, to have reorgs
    /// noticed over a restart, those finished lately). To be called before the first submission. Attempts of other keys
    /// or chains are ignored; giving the same attempts twice changes nothing.
    pub async fn resume(&self, attempts: Vec<Attempt>) -> Result<Vec<Ticket>, SendError> {
        let (reply, answer) = oneshot::channel();
        let command = Command::Resume { attempts, reply };
        self.commands.send(command).await.map_err(|_| SendError::Stopped)?;
        answer.await.map_err(|_| SendError::Stopped)?
    }
}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("address", &self.address).finish_non_exhaustive()
    }
}

/// An operation under way.
#[derive(Clone, Debug)]
pub struct Ticket {
    pub op: OperationId,
    /// The nonce and hash at the time of submission; replacements have other hashes, see [`Ticket::state`].
    pub nonce: u64,
    pub hash: B256,
    state: watch::Receiver<TxState>,
    told: Option<Outcome>,
}

impl Ticket {
    /// Where it stands now.
    pub fn state(&self) -> TxState {
        self.state.borrow().clone()
    }

    /// Whether its outcome is known, as far as anything on a chain is.
    pub fn is_final(&self) -> bool {
        matches!(&*self.state.borrow(), TxState::Done(outcome) if outcome.is_final())
    }

    /// Waits for the outcome. Called again it waits for the next one: what follows `Unknown`, or a reorg. An outcome that
    /// was seen not to hold is told again when it comes back: a node that fell behind comes back to the very same block.
    /// `None` when the sender has stopped, or no longer watches the operation.
    pub async fn next(&mut self) -> Option<Outcome> {
        loop {
            match &*self.state.borrow_and_update() {
                TxState::Done(outcome) if self.told.as_ref() != Some(outcome) => {
                    self.told = Some(outcome.clone());
                    return self.told.clone();
                }
                TxState::Done(_) => {}
                TxState::Sent { .. } | TxState::Included { .. } => self.told = None,
            }
            self.state.changed().await.ok()?;
        }
    }

    /// Waits until there is another transaction for it than the newest known, at a higher fee. For ever when nobody
    /// watches any longer.
    pub async fn replaced(&mut self) {
        loop {
            let newest = match &*self.state.borrow_and_update() {
                TxState::Sent { hashes } => hashes.last().copied(),
                _ => None,
            };
            if let Some(newest) = newest.filter(|newest| *newest != self.hash) {
                self.hash = newest;
                return;
            }
            if self.state.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    /// Waits until the outcome that [`Ticket::next`] told last does not hold any more: a reorg has undone it, or another
    /// one came after it. `false` when nobody watches any longer.
    pub async fn overtaken(&mut self) -> bool {
        loop {
            let holds = match (&*self.state.borrow_and_update(), &self.told) {
                (TxState::Done(now), Some(told)) => now == told,
                _ => false,
            };
            if !holds {
                // Whoever acts on this has to hear of the same outcome once more, should it come back.
                self.told = None;
                return true;
            }
            if self.state.changed().await.is_err() {
                return false;
            }
        }
    }

    /// Waits for the first outcome. `Unknown` also when the sender stops before there is one.
    pub async fn wait(&mut self) -> Outcome {
        match self.next().await {
            Some(outcome) => outcome,
            None => match self.state() {
                TxState::Done(outcome) => outcome,
                TxState::Sent { hashes } => Outcome::Unknown { hashes },
                TxState::Included { hash, .. } => Outcome::Unknown { hashes: vec![hash] },
            },
        }
    }
}

/// The task's state. Its parts are in the submodules.
struct Worker {
    chain: Chain,
    signer: Arc<dyn TxSigner>,
    journal: Arc<dyn Journal>,
    settings: SenderSettings,
    /// By nonce. Two slots share a nonce only after a restart in the middle of a refusal.
    slots: Vec<slot::Slot>,
    /// The head at the last complete sweep.
    head: Option<super::BlockRef>,
    /// Since when lower nonces are missing.
    gap_since: Option<tokio::time::Instant>,
    /// Failed sweeps in a row.
    failures: u32,
    /// Looks in a row at a head below a block that we have seen.
    below: u32,
    /// By how many seconds the chain's clock is ahead of ours.
    ahead: u64,
}
