//! Taking deposit back: asked for, waited for, taken; and the task that takes what is due.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::UserError;
use super::handle::{Inner, UserBroker};
use super::operations::Act;
use super::view::OperationView;
use crate::chain::Call;
use crate::domain::{Address, ChainAccount, Neuron, OperationKind, OperationState, PendingRefund, Timestamp};

/// How often it is looked for refunds that have come due.
const TICK: Duration = Duration::from_secs(2);
/// The first wait after a refund could not be taken; doubled each time, up to an hour.
const FIRST_BACK_OFF: u64 = 10;
const LONGEST_BACK_OFF: u64 = 3_600;

/// Which accounts' refunds are not to be tried again before when.
#[derive(Debug, Default)]
pub(super) struct BackOff {
    tried: HashMap<Address, (u32, Timestamp)>,
}

impl BackOff {
    fn may_try(&self, provider: Address, now: Timestamp) -> bool {
        self.tried.get(&provider).is_none_or(|(_, not_before)| now >= *not_before)
    }

    fn failed(&mut self, provider: Address, now: Timestamp) {
        let failures = self.tried.get(&provider).map_or(0, |(failures, _)| *failures);
        let wait = FIRST_BACK_OFF.saturating_mul(1 << failures.min(16)).min(LONGEST_BACK_OFF);
        self.tried.insert(provider, (failures.saturating_add(1), now.plus_seconds(wait)));
    }

    fn succeeded(&mut self, provider: Address) {
        self.tried.remove(&provider);
    }
}

impl UserBroker {
    /// Asks for part of a deposit back. It can be taken after the contract's lock time.
    ///
    /// With a refund pending, `replace` changes its amount (which begins the wait anew if it grows); without, that is
    /// an error. What is owed or held must stay covered.
    pub async fn request_refund(
        &self,
        provider: Address,
        amount: Neuron,
        replace: Replace,
        key: Option<String>,
    ) -> Result<OperationView, UserError> {
        let inner = &self.inner;
        let act = Act { kind: OperationKind::RequestRefund, provider, amount: Some(amount), key };
        if let Some(known) = inner.known_operation(&act).await? {
            return Ok(known);
        }
        inner.check_sending()?;
        inner.check_request_refund(provider, amount, replace).await?;
        inner.act(act, Call::RequestRefund { provider, amount }).await
    }

    /// Withdraws a pending refund, so that the deposit can be used again.
    pub async fn cancel_refund(
        &self,
        provider: Address,
        key: Option<String>,
    ) -> Result<OperationView, UserError> {
        let inner = &self.inner;
        let act = Act { kind: OperationKind::CancelRefund, provider, amount: None, key };
        if let Some(known) = inner.known_operation(&act).await? {
            return Ok(known);
        }
        inner.check_sending()?;
        inner.check_cancel_refund(provider).await?;
        inner.act(act, Call::CancelRefund { provider }).await
    }

    /// Takes a refund that is due.
    pub async fn process_refund(
        &self,
        provider: Address,
        key: Option<String>,
    ) -> Result<OperationView, UserError> {
        let inner = &self.inner;
        let act = Act { kind: OperationKind::ProcessRefund, provider, amount: None, key };
        if let Some(known) = inner.known_operation(&act).await? {
            return Ok(known);
        }
        inner.check_sending()?;
        inner.check_process_refund(provider).await?;
        inner.act(act, Call::ProcessRefund { provider }).await
    }
}

/// What to do about a refund that is pending already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replace {
    Yes,
    No,
}

impl Inner {
    /// Whether so much can be asked back; gives the account as it is.
    pub async fn check_request_refund(
        &self,
        provider: Address,
        amount: Neuron,
        replace: Replace,
    ) -> Result<ChainAccount, UserError> {
        if amount.is_zero() {
            return Err(UserError::ZeroAmount);
        }
        let chain = self.read_account(provider, None).await?.ok_or(UserError::NoAccount(provider))?;
        let account = self.account(provider).ok_or(UserError::NoAccount(provider))?;
        if let (Some(refund), Replace::No) = (chain.refund, replace) {
            return Err(UserError::RefundPending { amount: refund.amount, unlock_at: refund.unlock_at });
        }
        let free = account.free();
        if amount > free {
            return Err(UserError::NotFree { asked: amount, free });
        }
        Ok(chain)
    }

    /// Whether a refund is pending; gives the account as it is.
    pub async fn check_cancel_refund(&self, provider: Address) -> Result<ChainAccount, UserError> {
        let chain = self.read_account(provider, None).await?.ok_or(UserError::NoAccount(provider))?;
        if chain.refund.is_some() { Ok(chain) } else { Err(UserError::NoRefund(provider)) }
    }

    /// Whether a refund is due; gives the account as it is.
    pub async fn check_process_refund(&self, provider: Address) -> Result<ChainAccount, UserError> {
        let chain = self.read_account(provider, None).await?.ok_or(UserError::NoAccount(provider))?;
        let refund = chain.refund.ok_or(UserError::NoRefund(provider))?;
        if refund.unlock_at > self.chain_now() {
            return Err(UserError::RefundLocked { unlock_at: refund.unlock_at });
        }
        Ok(chain)
    }

    fn due_refunds(&self) -> Vec<Address> {
        let now = self.chain_now();
        let due = |refund: PendingRefund| refund.unlock_at <= now;
        let accounts = self.accounts().into_iter().filter(|account| account.refund.is_some_and(due));
        accounts.map(|account| account.provider).collect()
    }
}

/// Takes refunds as they come due, for ever.
pub(super) async fn run(inner: Arc<Inner>) {
    let broker = UserBroker { inner };
    loop {
        tokio::time::sleep(TICK).await;
        for provider in broker.inner.due_refunds() {
            take_due(&broker, provider).await;
        }
    }
}

async fn take_due(broker: &UserBroker, provider: Address) {
    let inner = &broker.inner;
    let under_way = inner.following.lock().values().any(|operation| {
        operation.kind == OperationKind::ProcessRefund && operation.provider == Some(provider)
    });
    if under_way || !inner.refund_back_off.lock().may_try(provider, Timestamp::now()) {
        return;
    }
    let sent = match broker.process_refund(provider, None).await {
        Ok(operation) => operation,
        Err(error) => {
            tracing::info!(%provider, %error, "a refund that is due could not be taken yet");
            inner.refund_back_off.lock().failed(provider, Timestamp::now());
            return;
        }
    };
    let taken = broker.wait(sent.id, Duration::from_secs(60)).await;
    let failed = taken.is_err() || taken.is_ok_and(|operation| operation.state != OperationState::Mined);
    let mut back_off = inner.refund_back_off.lock();
    if failed {
        back_off.failed(provider, Timestamp::now());
    } else {
        back_off.succeeded(provider);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refund_that_fails_is_tried_less_and_less_often_and_holds_up_no_other() {
        let (bad, good) = (Address::repeat_byte(1), Address::repeat_byte(2));
        let mut back_off = BackOff::default();
        let mut now = Timestamp::from_seconds(1_000_000);
        let mut waits = Vec::new();
        for _ in 0..12 {
            assert!(back_off.may_try(bad, now) && back_off.may_try(good, now));
            back_off.failed(bad, now);
            let start = now;
            while !back_off.may_try(bad, now) {
                now = now.plus_seconds(1);
            }
            waits.push(now.seconds_since(start));
        }
        assert_eq!(waits[..4], [10, 20, 40, 80]);
        assert_eq!(waits[11], 3_600);
        back_off.succeeded(bad);
        back_off.failed(bad, now);
        assert!(back_off.may_try(bad, now.plus_seconds(10)));
    }
}
