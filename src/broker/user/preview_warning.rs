//! What somebody should know before doing a money action that nothing forbids. Pure.

use super::handle::Inner;
use super::preview::{Action, Preview};
use crate::domain::{ChainAccount, Neuron, ServiceKind, ServiceName, Timestamp, Units};

/// From this share of the wallet's money on it is said, in per cent.
const LARGE_SHARE: u128 = 50;

/// Units in and out of an answer that is neither short nor long.
const ORDINARY_CHAT: (Units, Units) = (Units(1_000), Units(1_000));
const ORDINARY_FILE: (Units, Units) = (Units(1 << 20), Units(1 << 20));

/// Something that nothing forbids and that may be a mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PreviewWarning {
    /// So many per cent of the wallet's money go.
    LargeShare { percent: u8 },
    /// Taking the money back costs `needed` in gas at today's price, but the wallet will have `left`.
    LittleGasLeft { left: Neuron, needed: Neuron },
    /// The gas costs as much as the amount, or more.
    GasAboveAmount { gas: Neuron },
    /// What will be available does not pay an answer of ordinary length of the provider's cheapest service.
    BelowOneAnswer { service: ServiceName, answer: Neuron, available: Neuron },
    /// A refund is pending; asking for more of it begins its wait anew.
    WaitsAnew { unlock_at: Timestamp },
    /// Nothing of the account will be available for requests.
    NothingLeft,
    /// `asked` was asked back, but settlements have taken part of it.
    RefundShrank { asked: Neuron },
    /// Something about this account is under way already; the figures are those before it.
    UnderWay,
}

/// An answer of ordinary length: whose, and what it costs.
pub(super) type OrdinaryAnswer = Option<(ServiceName, Neuron)>;

impl Inner {
    /// What an answer of ordinary length costs at the provider's cheapest service.
    pub fn ordinary_answer(&self, action: Action) -> OrdinaryAnswer {
        let catalogue = self.catalogue.read();
        let fees = catalogue.of(action.provider()).filter_map(|service| {
            let (input, output) = match service.kind {
                ServiceKind::Chatbot => ORDINARY_CHAT,
                ServiceKind::ZgStorage => ORDINARY_FILE,
            };
            Some((service.name.clone(), service.prices.fee(input, output)?.total()))
        });
        fees.min_by_key(|(_, fee)| *fee)
    }
}

/// The warnings of a preview. `later` is the gas of what must follow to have the money back.
pub(super) fn warnings(
    preview: &Preview,
    account: Option<&ChainAccount>,
    later: Neuron,
    answer: OrdinaryAnswer,
) -> Vec<PreviewWarning> {
    let mut warnings = Vec::new();
    let Preview { action, amount, gas, wallet, after, .. } = preview;
    let pays = matches!(action, Action::Open { .. } | Action::Deposit { .. });
    if pays {
        let percent = percent(*amount, wallet.before);
        if percent >= LARGE_SHARE {
            warnings.push(PreviewWarning::LargeShare { percent: u8::try_from(percent).unwrap_or(u8::MAX) });
        }
    }
    let left = wallet.likely.above(wallet.held);
    if left < later {
        warnings.push(PreviewWarning::LittleGasLeft { left, needed: later });
    }
    if !amount.is_zero() && gas.now >= *amount && !matches!(action, Action::CancelRefund { .. }) {
        warnings.push(PreviewWarning::GasAboveAmount { gas: gas.now });
    }
    match answer {
        Some((service, answer)) if pays && after.available < answer => {
            warnings.push(PreviewWarning::BelowOneAnswer { service, answer, available: after.available });
        }
        _ => {}
    }
    match (action, account.and_then(|account| account.refund)) {
        (Action::RequestRefund { amount, .. }, Some(refund)) if *amount > refund.amount => {
            warnings.push(PreviewWarning::WaitsAnew { unlock_at: refund.unlock_at });
        }
        (Action::ProcessRefund { .. }, Some(refund)) if refund.amount > *amount => {
            warnings.push(PreviewWarning::RefundShrank { asked: refund.amount });
        }
        _ => {}
    }
    if matches!(action, Action::RequestRefund { .. }) && after.available.is_zero() {
        warnings.push(PreviewWarning::NothingLeft);
    }
    if preview.under_way.iter().any(|operation| operation.provider == Some(action.provider())) {
        warnings.push(PreviewWarning::UnderWay);
    }
    warnings
}

/// Whole per cent of a sum, rounded down; of nothing it is all.
fn percent(part: Neuron, whole: Neuron) -> u128 {
    match part.get().checked_mul(100) {
        Some(hundredfold) => hundredfold.checked_div(whole.get()).unwrap_or(100),
        // Dividing first loses less than a hundredth of a per cent of sums this large.
        None => part.get().checked_div((whole.get() / 100).max(1)).unwrap_or(100),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_share_is_told_in_whole_per_cent() {
        let n = Neuron::new;
        assert_eq!(percent(n(1), n(3)), 33);
        assert_eq!(percent(n(0), n(0)), 100);
        assert_eq!(percent(n(7), n(7)), 100);
        assert_eq!(percent(Neuron::MAX, Neuron::MAX), 100);
    }

    proptest! {
        #[test]
        fn a_part_is_never_more_than_all(part in any::<u128>(), whole in any::<u128>()) {
            let (part, whole) = (part.min(whole), part.max(whole));
            let share = percent(Neuron::new(part), Neuron::new(whole));
            prop_assert!(share <= 100, "{share}");
        }
    }
}
