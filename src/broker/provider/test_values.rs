//! Values that several tests of this folder need.

use http::{HeaderName, HeaderValue};

use super::offer::{Offer, Version};
use super::vouchers::Page;
use crate::domain::{
    AccountId, Address, ChainAccount, Neuron, Prices, ServiceKind, ServiceLimits, Signature, SignedVoucher,
    Voucher,
};
use crate::wire::terms::MeterName;

pub(super) const PROVIDER: Address = Address::repeat_byte(0xee);

/// A user's page with this balance and settled sum, and nothing owed beyond.
pub(super) fn page(user: u8, balance: u128, settled: u128) -> Page {
    Page {
        account: ChainAccount {
            id: AccountId { user: Address::repeat_byte(user), provider: PROVIDER },
            balance: Neuron::new(balance),
            settled: Neuron::new(settled),
            epoch: 0,
            delegate: None,
            rotation: None,
            refund: None,
        },
        block: 1,
        owed: Neuron::new(settled),
        carried: Neuron::new(settled),
        reserved: Neuron::ZERO,
        in_flight: 0,
        best: None,
        debt_since: None,
        doubt: None,
    }
}

/// A voucher with a signature of the right shape that nobody made.
pub(super) fn voucher(user: u8, epoch: u32, cumulative: u128) -> SignedVoucher {
    let mut bytes = [1; 65];
    bytes[64] = 27;
    let signature = Signature::new(bytes).unwrap_or_else(|error| unreachable!("{error}"));
    SignedVoucher {
        voucher: Voucher {
            account: AccountId { user: Address::repeat_byte(user), provider: PROVIDER },
            epoch,
            cumulative: Neuron::new(cumulative),
        },
        signature,
    }
}

/// A chatbot on offer, with a secret header.
pub(super) fn offer(name: &str) -> Offer {
    #[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    let (name, target) = (name.parse().unwrap(), "http://127.0.0.1:1/v1".parse().unwrap());
    Offer {
        name,
        kind: ServiceKind::Chatbot,
        model: String::new(),
        target,
        meter: MeterName::O200k,
        headers: vec![(HeaderName::from_static("authorization"), HeaderValue::from_static("Bearer canary"))],
        limits: ServiceLimits::default(),
        current: Version { number: 10, prices: Prices::default() },
        former: Vec::new(),
    }
}
