//! What the contract says happened: one [`ChainEvent`] for every log line, checked and in domain words.

use alloy::primitives::{B256, U64};
use alloy::sol_types::{SolEvent, SolEventInterface};
use serde_json::{Value, json};

use super::block::RawLog;
use super::contract::Serving::{self, ServingEvents};
use super::{ChainError, convert};
use crate::domain::clean::clean;
use crate::domain::{AccountId, Address, Neuron, Service, Timestamp};

/// One event of the contract and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainEvent {
    pub block: u64,
    pub block_hash: B256,
    pub tx: B256,
    /// Position among all events of the block; with the block's hash it names the event.
    pub index: u64,
    pub kind: EventKind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventKind {
    AccountAdded {
        account: AccountId,
        delegate: Option<Address>,
        balance: Neuron,
    },
    Deposited {
        account: AccountId,
        amount: Neuron,
        balance: Neuron,
    },
    DelegateChanged {
        account: AccountId,
        delegate: Option<Address>,
        epoch: u32,
        active_at: Timestamp,
    },
    RefundRequested {
        account: AccountId,
        index: u32,
        amount: Neuron,
        unlock_at: Timestamp,
    },
    RefundCanceled {
        account: AccountId,
        index: u32,
        amount: Neuron,
    },
    RefundProcessed {
        account: AccountId,
        index: u32,
        amount: Neuron,
        balance: Neuron,
    },
    Settled {
        account: AccountId,
        paid: Neuron,
        settled: Neuron,
    },
    ServiceUpdated(Service),
    /// A service was put that this program cannot use; the text says why.
    UnreadableService {
        provider: Address,
        reason: String,
    },
    /// The name is cleaned, not checked.
    ServiceRemoved {
        provider: Address,
        name: String,
    },
}

impl EventKind {
    /// The account that the event is about; services have none.
    pub fn account(&self) -> Option<AccountId> {
        match self {
            EventKind::AccountAdded { account, .. }
            | EventKind::Deposited { account, .. }
            | EventKind::DelegateChanged { account, .. }
            | EventKind::RefundRequested { account, .. }
            | EventKind::RefundCanceled { account, .. }
            | EventKind::RefundProcessed { account, .. }
            | EventKind::Settled { account, .. } => Some(*account),
            _ => None,
        }
    }
}

/// Which events are wanted. Account events must match both fields that are set; service events match the provider,
/// if one is set, and come for every provider otherwise. The default wants everything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EventFilter {
    pub user: Option<Address>,
    pub provider: Option<Address>,
}

impl EventFilter {
    /// The topic lists of the log queries that together give the wanted events.
    pub(super) fn topics(&self) -> Vec<Value> {
        let accounts = [
            Serving::AccountAdded::SIGNATURE_HASH,
            Serving::Deposited::SIGNATURE_HASH,
            Serving::DelegateChanged::SIGNATURE_HASH,
            Serving::RefundRequested::SIGNATURE_HASH,
            Serving::RefundCanceled::SIGNATURE_HASH,
            Serving::RefundProcessed::SIGNATURE_HASH,
            Serving::Settled::SIGNATURE_HASH,
        ];
        let word = |address: Option<Address>| address.map(|address| address.into_word());
        if self.user.is_none() && self.provider.is_none() {
            return vec![json!([])];
        }
        // Topics without a value at the end must be left out, not null, for some nodes.
        let accounts = match (word(self.user), word(self.provider)) {
            (Some(user), None) => json!([accounts, user]),
            (user, provider) => json!([accounts, user, provider]),
        };
        vec![accounts, self.service_topics()]
    }

    /// The topics of the wanted events about services alone.
    pub(super) fn service_topics(&self) -> Value {
        let services = [Serving::ServiceUpdated::SIGNATURE_HASH, Serving::ServiceRemoved::SIGNATURE_HASH];
        match self.provider.map(|provider| provider.into_word()) {
            Some(provider) => json!([services, provider]),
            None => json!([services]),
        }
    }
}

/// Reads one log line. `Ok(None)` for events that this version of the program does not know.
pub(super) fn read(log: &RawLog, contract: Address) -> Result<Option<ChainEvent>, ChainError> {
    let bad = |reason: &str| ChainError::BadAnswer { method: "eth_getLogs", reason: reason.to_owned() };
    if log.address != contract {
        return Err(bad("it has events of another contract"));
    }
    let (Some(block), Some(block_hash), Some(tx), Some(index)) =
        (log.block_number, log.block_hash, log.transaction_hash, log.log_index)
    else {
        return Err(bad("it has events of no block"));
    };
    if log.removed {
        return Err(bad("it has events that a reorg removed"));
    }
    let Ok(event) = ServingEvents::decode_raw_log(&log.topics, &log.data) else {
        let known = log.topics.first().is_some_and(|topic| ServingEvents::SELECTORS.contains(&topic.0));
        return if known { Err(bad("an event does not have its own shape")) } else { Ok(None) };
    };
    let number = |number: U64| number.to::<u64>();
    Ok(Some(ChainEvent { block: number(block), block_hash, tx, index: number(index), kind: kind(event) }))
}

fn kind(event: ServingEvents) -> EventKind {
    use ServingEvents as E;
    let id = |user, provider| AccountId { user, provider };
    match event {
        E::AccountAdded(e) => EventKind::AccountAdded {
            account: id(e.user, e.provider),
            delegate: convert::somebody(e.delegate),
            balance: Neuron::new(e.balance.to()),
        },
        E::Deposited(e) => EventKind::Deposited {
            account: id(e.user, e.provider),
            amount: Neuron::new(e.amount.to()),
            balance: Neuron::new(e.balance.to()),
        },
        E::DelegateChanged(e) => EventKind::DelegateChanged {
            account: id(e.user, e.provider),
            delegate: convert::somebody(e.delegate),
            epoch: e.epoch,
            active_at: Timestamp::from_seconds(e.activatesAt.to()),
        },
        E::RefundRequested(e) => EventKind::RefundRequested {
            account: id(e.user, e.provider),
            index: e.index,
            amount: Neuron::new(e.amount.to()),
            unlock_at: Timestamp::from_seconds(e.unlockAt.to()),
        },
        E::RefundCanceled(e) => EventKind::RefundCanceled {
            account: id(e.user, e.provider),
            index: e.index,
            amount: Neuron::new(e.amount.to()),
        },
        E::RefundProcessed(e) => EventKind::RefundProcessed {
            account: id(e.user, e.provider),
            index: e.index,
            amount: Neuron::new(e.amount.to()),
            balance: Neuron::new(e.balance.to()),
        },
        E::Settled(e) => EventKind::Settled {
            account: id(e.user, e.provider),
            paid: Neuron::new(e.paid.to()),
            settled: Neuron::new(e.settled.to()),
        },
        E::ServiceUpdated(e) => {
            let provider = e.provider;
            let raw = Serving::Service {
                provider,
                name: e.name,
                serviceType: e.serviceType,
                url: e.url,
                model: e.model,
                inputPrice: e.inputPrice,
                outputPrice: e.outputPrice,
                updatedAt: e.updatedAt,
            };
            match convert::service(&raw) {
                Ok(service) => EventKind::ServiceUpdated(service),
                Err(error) => EventKind::UnreadableService { provider, reason: error.to_string() },
            }
        }
        E::ServiceRemoved(e) => {
            EventKind::ServiceRemoved { provider: e.provider, name: clean(&e.name, 64).into_owned() }
        }
    }
}
