//! What a money action would do, before anybody does it: simulated against the node, with all figures before and after.
//!
//! The same checks refuse a preview as refuse the action, with the same numbers, and the gas is the sender's own quote.
//! Nothing is written down, signed or sent. Figures are of the moment: others may act in between, so what is promised
//! is only that the gas never comes to more than `most`.

use super::UserError;
use super::handle::{Inner, UserBroker};
use super::preview_warning::{self, PreviewWarning};
use super::refunds::Replace;
use super::view::{AccountView, OperationView};
use crate::chain::{Call, GasPrice, SendQuote};
use crate::domain::{Address, ChainAccount, Neuron, PendingRefund, Timestamp};

/// Units of gas that asking for a refund is sent with at most, and as many again to take it.
const REFUND_GAS: u128 = 80_000;

/// Something that can be done with money, as [`UserBroker`]'s methods of the same names do it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    Open { provider: Address, amount: Neuron },
    Deposit { provider: Address, amount: Neuron },
    RequestRefund { provider: Address, amount: Neuron, replace: Replace },
    CancelRefund { provider: Address },
    ProcessRefund { provider: Address },
    SetDelegate { provider: Address },
}

impl Action {
    pub fn provider(&self) -> Address {
        match *self {
            Action::Open { provider, .. }
            | Action::Deposit { provider, .. }
            | Action::RequestRefund { provider, .. }
            | Action::CancelRefund { provider }
            | Action::ProcessRefund { provider }
            | Action::SetDelegate { provider } => provider,
        }
    }
}

/// What an action would do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preview {
    pub action: Action,
    pub chain_id: u64,
    pub contract: Address,
    /// What is deposited, asked back, given up or taken; nothing for a change of delegate.
    pub amount: Neuron,
    pub gas: GasPreview,
    pub wallet: WalletPreview,
    /// The account now; `None` when it is to be opened.
    pub before: Option<AccountView>,
    /// The account once this is mined. A new refund's index, and a new delegate, are not known before.
    pub after: AccountView,
    pub locked: Option<Locked>,
    /// When it takes effect, if not as soon as it is mined; about, since the block's time counts.
    pub effective_at: Option<Timestamp>,
    /// Transactions of this wallet that are mined before this one.
    pub waits_behind: usize,
    /// On-chain actions of this broker under way. Figures of their accounts are those before them.
    pub under_way: Vec<OperationView>,
    pub warnings: Vec<PreviewWarning>,
}

/// What the gas of an action costs, in neuron.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GasPreview {
    /// Units that it would use now.
    pub units: u64,
    /// Units that it is sent with; it cannot use more.
    pub limit: u64,
    /// One unit in the next block.
    pub price: Neuron,
    /// What it costs in the next block.
    pub now: Neuron,
    /// The most that it costs at the first offer; so much must be in the wallet beside the amount.
    pub offered: Neuron,
    /// The most that it can come to, if the offer has to be raised as far as the settings allow.
    pub most: Neuron,
}

/// The wallet's own money, in neuron.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WalletPreview {
    pub before: Neuron,
    /// The part of it that transactions under way can still take.
    pub held: Neuron,
    /// Afterwards, at what gas costs now. What is under way is not taken off.
    pub likely: Neuron,
    /// Afterwards, at the most that the gas can come to.
    pub least: Neuron,
}

/// Money that comes out of reach for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Locked {
    pub amount: Neuron,
    /// About; the time of the block that it is mined in counts.
    pub until: Timestamp,
    /// Whether the wait begins with this action, and not with an earlier one.
    pub anew: bool,
}

/// How much can be deposited at most, in neuron.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Depositable {
    pub most: Neuron,
    /// What the deposit's own gas takes at most at the first offer.
    pub gas: Neuron,
    /// What stays in the wallet beside.
    pub kept: Neuron,
}

impl UserBroker {
    /// What an action would do now, or the reason why it would be refused.
    ///
    /// # Errors
    /// Those of the action itself; [`UserError::ReadOnly`] or [`UserError::DelegatesOnly`] without a wallet.
    pub async fn preview(&self, action: Action) -> Result<Preview, UserError> {
        let inner = &self.inner;
        let sender = inner.sender()?;
        let chain = inner.check(action).await?;
        let call = inner.call_of(action);
        let (amount, paid, returned) = amounts(action, chain.as_ref());
        let quote = sender.quote(&call).await;
        let quote = quote.map_err(|error| inner.explain(action.provider(), Some(amount), error))?;

        let now = inner.chain_now();
        let lock_time = inner.chain.lock_time();
        let id = inner.keys.account(action.provider());
        let then = after(action, chain, id, now, lock_time);
        let (before, after) = inner.views(action.provider(), then);
        let gas = GasPreview::of(&quote);
        let balance = Neuron::new(quote.balance);
        let left = |gas| balance.saturating_add(returned).above(paid.saturating_add(gas));
        let wallet = WalletPreview {
            before: balance,
            held: balance.above(Neuron::new(quote.available)),
            likely: left(gas.now),
            least: left(gas.most),
        };
        let rotates = chain.is_some_and(|account| account.delegate.is_some());
        let mut preview = Preview {
            action,
            chain_id: inner.chain.id(),
            contract: inner.chain.contract(),
            amount,
            gas,
            wallet,
            before,
            locked: locked(action, chain.as_ref(), after.refund, now),
            after,
            effective_at: (matches!(action, Action::SetDelegate { .. }) && rotates)
                .then(|| now.plus_seconds(lock_time)),
            waits_behind: quote.in_flight,
            under_way: inner.following.lock().values().cloned().collect(),
            warnings: Vec::new(),
        };
        let later = match action {
            Action::Open { .. } | Action::Deposit { .. } => refund_gas(quote.price),
            Action::RequestRefund { .. } => Neuron::new(refund_gas(quote.price).get() / 2),
            _ => Neuron::ZERO,
        };
        preview.warnings =
            preview_warning::warnings(&preview, chain.as_ref(), later, inner.ordinary_answer(action));
        Ok(preview)
    }

    /// The most that can be deposited with a provider (opening the account if there is none), so that `keep` stays
    /// in the wallet; unset, what the gas of a refund later costs at the price of now.
    pub async fn most_depositable(
        &self,
        provider: Address,
        keep: Option<Neuron>,
    ) -> Result<Depositable, UserError> {
        let inner = &self.inner;
        let sender = inner.sender()?;
        let account = inner.read_account(provider, None).await?;
        // What a transaction carries changes nothing about its gas.
        let value = Neuron::new(1);
        let action = match account {
            Some(_) => Action::Deposit { provider, amount: value },
            None => Action::Open { provider, amount: value },
        };
        inner.check(action).await?;
        let quote = sender.quote(&inner.call_of(action)).await;
        let quote = quote.map_err(|error| inner.explain(provider, Some(value), error))?;
        let held = account.map_or(Neuron::ZERO, |account| account.balance.saturating_add(account.settled));
        let gas = Neuron::new(quote.offered());
        let kept = keep.unwrap_or_else(|| refund_gas(quote.price));
        let most = Neuron::new(quote.available).above(gas.saturating_add(kept)).min(Neuron::MAX.above(held));
        Ok(Depositable { most, gas, kept })
    }
}

/// What asking for a refund and taking it costs at most at an offer made now.
fn refund_gas(price: GasPrice) -> Neuron {
    Neuron::new(price.max_fee.saturating_mul(2 * REFUND_GAS))
}

impl GasPreview {
    fn of(quote: &SendQuote) -> GasPreview {
        GasPreview {
            units: quote.gas,
            limit: quote.gas_limit,
            price: Neuron::new(quote.price.likely_cost(1)),
            now: Neuron::new(quote.likely()),
            offered: Neuron::new(quote.offered()),
            most: Neuron::new(quote.most()),
        }
    }
}

impl Inner {
    /// The action's own checks; gives the account as it is now.
    async fn check(&self, action: Action) -> Result<Option<ChainAccount>, UserError> {
        match action {
            Action::Open { provider, amount } => self.check_open(provider, amount).await.map(|()| None),
            Action::Deposit { provider, amount } => self.check_deposit(provider, amount).await.map(Some),
            Action::RequestRefund { provider, amount, replace } => {
                self.check_request_refund(provider, amount, replace).await.map(Some)
            }
            Action::CancelRefund { provider } => self.check_cancel_refund(provider).await.map(Some),
            Action::ProcessRefund { provider } => self.check_process_refund(provider).await.map(Some),
            Action::SetDelegate { provider } => self.check_take_over(provider).await.map(Some),
        }
    }

    /// The action's transaction. A delegate that would be made for it is stood for by an address that costs as much gas
    /// as any can.
    fn call_of(&self, action: Action) -> Call {
        let delegate = Some(Address::repeat_byte(0xff));
        match action {
            Action::Open { provider, amount } => Call::AddAccount { provider, delegate, value: amount },
            Action::Deposit { provider, amount } => Call::Deposit { provider, value: amount },
            Action::RequestRefund { provider, amount, .. } => Call::RequestRefund { provider, amount },
            Action::CancelRefund { provider } => Call::CancelRefund { provider },
            Action::ProcessRefund { provider } => Call::ProcessRefund { provider },
            Action::SetDelegate { provider } => Call::SetDelegate { provider, delegate },
        }
    }

    /// The account as faces see it, now and once it is `then` on the chain.
    fn views(&self, provider: Address, then: ChainAccount) -> (Option<AccountView>, AccountView) {
        let book = self.book.lock();
        let position = book.position(provider).cloned().unwrap_or_default();
        let can_sign = self.keys.can_sign(provider);
        let before = AccountView::of(provider, &position, can_sign);
        let opened = before.is_none();
        (before, AccountView::with(provider, &position, &then, can_sign || opened))
    }
}

/// The amount of an action; what of it leaves the wallet; what comes back to it.
fn amounts(action: Action, account: Option<&ChainAccount>) -> (Neuron, Neuron, Neuron) {
    let pending = account.map_or(Neuron::ZERO, ChainAccount::pending_refund);
    match action {
        Action::Open { amount, .. } | Action::Deposit { amount, .. } => (amount, amount, Neuron::ZERO),
        Action::RequestRefund { amount, .. } => (amount, Neuron::ZERO, Neuron::ZERO),
        Action::CancelRefund { .. } => (pending, Neuron::ZERO, Neuron::ZERO),
        Action::ProcessRefund { .. } => (pending, Neuron::ZERO, pending),
        Action::SetDelegate { .. } => (Neuron::ZERO, Neuron::ZERO, Neuron::ZERO),
    }
}

/// The account once the action is mined at `now`, by the rules of the contract.
fn after(
    action: Action,
    account: Option<ChainAccount>,
    id: crate::domain::AccountId,
    now: Timestamp,
    lock_time: u64,
) -> ChainAccount {
    let nothing = ChainAccount {
        id,
        balance: Neuron::ZERO,
        settled: Neuron::ZERO,
        epoch: 0,
        delegate: None,
        rotation: None,
        refund: None,
    };
    let account = account.unwrap_or(nothing);
    match action {
        Action::Open { amount, .. } | Action::Deposit { amount, .. } => {
            ChainAccount { balance: account.balance.saturating_add(amount), ..account }
        }
        Action::RequestRefund { amount, .. } => {
            // A lowered refund keeps its clock, a new or raised one begins it anew.
            let clock = account.refund.filter(|refund| amount <= refund.amount);
            let refund = PendingRefund {
                index: account.refund.map_or(0, |refund| refund.index),
                amount,
                created_at: clock.map_or(now, |refund| refund.created_at),
                unlock_at: clock.map_or(now.plus_seconds(lock_time), |refund| refund.unlock_at),
            };
            ChainAccount { refund: Some(refund), ..account }
        }
        Action::CancelRefund { .. } => ChainAccount { refund: None, ..account },
        Action::ProcessRefund { .. } => {
            let balance = account.balance.above(account.pending_refund());
            ChainAccount { balance, refund: None, ..account }
        }
        Action::SetDelegate { .. } => account,
    }
}

/// What an action locks, and until when.
fn locked(
    action: Action,
    before: Option<&ChainAccount>,
    refund: Option<PendingRefund>,
    now: Timestamp,
) -> Option<Locked> {
    let Action::RequestRefund { amount, .. } = action else { return None };
    let refund = refund?;
    let anew = before.and_then(|account| account.refund).is_none_or(|pending| amount > pending.amount);
    (refund.unlock_at > now).then_some(Locked { amount, until: refund.unlock_at, anew })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::AccountId;
    use proptest::prelude::*;

    fn id() -> AccountId {
        AccountId { user: Address::repeat_byte(1), provider: Address::repeat_byte(2) }
    }

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_seconds(seconds)
    }

    fn account(balance: u128, settled: u128, refund: Option<u128>) -> ChainAccount {
        ChainAccount {
            id: id(),
            balance: Neuron::new(balance),
            settled: Neuron::new(settled),
            epoch: 3,
            delegate: None,
            rotation: None,
            refund: refund.map(|amount| PendingRefund {
                index: 4,
                amount: Neuron::new(amount),
                created_at: at(100),
                unlock_at: at(160),
            }),
        }
    }

    proptest! {
        /// What leaves the wallet arrives in the account and the other way round; no other figure moves.
        #[test]
        fn no_neuron_appears_or_vanishes(
            balance in 0u128..1 << 100, settled in 0u128..1 << 100, amount in 1u128..1 << 100,
            refund in proptest::option::of(1u128..1 << 100), which in 0usize..6, replaces in any::<bool>(),
        ) {
            let provider = id().provider;
            let amount = Neuron::new(amount);
            let replace = if replaces { Replace::Yes } else { Replace::No };
            let action = [
                Action::Open { provider, amount },
                Action::Deposit { provider, amount },
                Action::RequestRefund { provider, amount, replace },
                Action::CancelRefund { provider },
                Action::ProcessRefund { provider },
                Action::SetDelegate { provider },
            ][which];
            let before = (which != 0).then(|| account(balance, settled, refund));
            let (moved, paid, returned) = amounts(action, before.as_ref());
            let then = after(action, before, id(), at(1_000), 60);
            let had = before.map_or(Neuron::ZERO, |account| account.balance);
            prop_assert_eq!(then.balance.saturating_add(returned), had.saturating_add(paid));
            prop_assert!(paid.is_zero() || returned.is_zero());
            prop_assert!(paid.is_zero() || paid == moved);
            prop_assert_eq!(then.settled, before.map_or(Neuron::ZERO, |account| account.settled));
            match action {
                Action::RequestRefund { amount, .. } => {
                    let pending = then.refund.unwrap_or_else(|| unreachable!());
                    prop_assert_eq!(pending.amount, amount);
                    let keeps = refund.is_some_and(|before| amount.get() <= before);
                    prop_assert_eq!(pending.unlock_at, if keeps { at(160) } else { at(1_060) });
                    let locked = locked(action, before.as_ref(), then.refund, at(1_000));
                    prop_assert_eq!(locked.map(|locked| locked.anew), (!keeps).then_some(true));
                }
                Action::CancelRefund { .. } | Action::ProcessRefund { .. } => {
                    prop_assert_eq!(then.refund, None);
                }
                _ => prop_assert_eq!(then.refund, before.and_then(|account| account.refund)),
            }
        }
    }
}
