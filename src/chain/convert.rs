//! Contract values into domain values: amounts and times widened, foreign texts cleaned, the unusable told apart.

use super::ChainError;
use super::contract::Serving;
use crate::domain::clean::clean;
use crate::domain::{
    AccountId, Address, ChainAccount, Neuron, PendingRefund, Prices, Rotation, Service, Timestamp,
};

/// Longest URL and model that are kept, in characters; the contract allows 512 and 128 bytes.
const URL: usize = 512;
const MODEL: usize = 128;

pub(super) fn account(view: &Serving::AccountView) -> ChainAccount {
    let pending: u128 = view.pendingRefund.to();
    let activates_at: u64 = view.activatesAt.to();
    ChainAccount {
        id: AccountId { user: view.user, provider: view.provider },
        balance: Neuron::new(view.balance.to()),
        settled: Neuron::new(view.settled.to()),
        epoch: view.epoch,
        delegate: somebody(view.delegate),
        rotation: (activates_at != 0).then(|| Rotation {
            delegate: somebody(view.nextDelegate),
            active_at: Timestamp::from_seconds(activates_at),
        }),
        refund: (pending != 0).then(|| PendingRefund {
            index: view.refundIndex,
            amount: Neuron::new(pending),
            created_at: Timestamp::from_seconds(view.refundCreatedAt.to()),
            unlock_at: Timestamp::from_seconds(view.unlockAt.to()),
        }),
    }
}

/// The contract's zero address is nobody.
pub(super) fn somebody(address: Address) -> Option<Address> {
    (!address.is_zero()).then_some(address)
}

/// A service as its provider wrote it, if this program can use it.
pub(super) fn service(raw: &Serving::Service) -> Result<Service, ChainError> {
    let unreadable = |reason: String| ChainError::UnreadableService { reason };
    Ok(Service {
        provider: raw.provider,
        name: raw
            .name
            .parse()
            .map_err(|error| unreadable(format!("name {:?}: {error}", clean(&raw.name, 64))))?,
        kind: raw
            .serviceType
            .parse()
            .map_err(|error| unreadable(format!("type {:?}: {error}", clean(&raw.serviceType, 32))))?,
        url: clean(&raw.url, URL).into_owned(),
        model: clean(&raw.model, MODEL).into_owned(),
        prices: Prices { input: Neuron::new(raw.inputPrice), output: Neuron::new(raw.outputPrice) },
        version: raw.updatedAt,
    })
}
