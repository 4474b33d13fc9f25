//! Opening an account, adding to it, naming another delegate.

use super::UserError;
use super::handle::{Inner, UserBroker};
use super::operations::Act;
use super::view::OperationView;
use crate::chain::{Call, Sender};
use crate::domain::{Address, ChainAccount, Neuron, OperationKind};

impl UserBroker {
    /// Opens an account with a provider that offers at least one service, with a first deposit.
    ///
    /// The delegate key for it is on disk before the chain hears of it. Returns once the transaction is broadcast; the
    /// same `key` gives the same operation. See [`UserBroker::wait`].
    pub async fn create_account(
        &self,
        provider: Address,
        balance: Neuron,
        key: Option<String>,
    ) -> Result<OperationView, UserError> {
        let inner = &self.inner;
        let act = Act { kind: OperationKind::CreateAccount, provider, amount: Some(balance), key };
        if let Some(known) = inner.known_operation(&act).await? {
            return Ok(known);
        }
        inner.check_sending()?;
        inner.check_open(provider, balance).await?;
        let delegate = inner.keys.new_delegate(provider).await?;
        inner.act(act, Call::AddAccount { provider, delegate: Some(delegate), value: balance }).await
    }

    /// Adds to an account.
    pub async fn deposit(
        &self,
        provider: Address,
        amount: Neuron,
        key: Option<String>,
    ) -> Result<OperationView, UserError> {
        let inner = &self.inner;
        let act = Act { kind: OperationKind::Deposit, provider, amount: Some(amount), key };
        if let Some(known) = inner.known_operation(&act).await? {
            return Ok(known);
        }
        inner.check_sending()?;
        inner.check_deposit(provider, amount).await?;
        inner.act(act, Call::Deposit { provider, value: amount }).await
    }

    /// Names the delegate key of this data directory on an account whose delegate's key is lost or elsewhere.
    ///
    /// If there is another delegate now, the change takes effect after the contract's lock time.
    pub async fn take_over(
        &self,
        provider: Address,
        key: Option<String>,
    ) -> Result<OperationView, UserError> {
        let inner = &self.inner;
        let act = Act { kind: OperationKind::SetDelegate, provider, amount: None, key };
        if let Some(known) = inner.known_operation(&act).await? {
            return Ok(known);
        }
        inner.check_sending()?;
        inner.check_take_over(provider).await?;
        let delegate = inner.keys.new_delegate(provider).await?;
        inner.act(act, Call::SetDelegate { provider, delegate: Some(delegate) }).await
    }
}

impl Inner {
    pub fn check_sending(&self) -> Result<(), UserError> {
        self.sender().map(|_| ())
    }

    /// What sends transactions. Without a wallet there is none, whether delegate keys pay for requests or nothing does.
    pub fn sender(&self) -> Result<&Sender, UserError> {
        match &self.sender {
            Some(sender) => Ok(sender),
            None if self.keys.signs() => Err(UserError::DelegatesOnly),
            None => Err(UserError::ReadOnly),
        }
    }

    /// Whether an account can be opened.
    pub async fn check_open(&self, provider: Address, balance: Neuron) -> Result<(), UserError> {
        if provider == self.user {
            return Err(UserError::OwnAddress(provider));
        }
        check_amount(balance, Neuron::ZERO)?;
        if self.read_account(provider, None).await?.is_some() {
            return Err(UserError::AccountExists(provider));
        }
        if !self.offers_something(provider).await? {
            return Err(UserError::UnknownProvider(provider));
        }
        self.check_wallet(balance).await
    }

    /// Whether an account can be added to; gives it as it is.
    pub async fn check_deposit(&self, provider: Address, amount: Neuron) -> Result<ChainAccount, UserError> {
        let account = self.read_account(provider, None).await?.ok_or(UserError::NoAccount(provider))?;
        check_amount(amount, account.balance.saturating_add(account.settled))?;
        self.check_wallet(amount).await?;
        Ok(account)
    }

    /// Whether another delegate can be named; gives the account as it is.
    pub async fn check_take_over(&self, provider: Address) -> Result<ChainAccount, UserError> {
        self.read_account(provider, None).await?.ok_or(UserError::NoAccount(provider))
    }

    /// Whether the wallet has the amount at all; the sender adds gas to it and says the same of both together.
    async fn check_wallet(&self, needed: Neuron) -> Result<(), UserError> {
        let available = Neuron::new(self.chain.native_balance(self.user).await?);
        if available < needed { Err(UserError::InsufficientFunds { needed, available }) } else { Ok(()) }
    }

    /// Whether the chain lists a service of this provider; asked again if we know of none.
    async fn offers_something(&self, provider: Address) -> Result<bool, UserError> {
        if self.catalogue.read().of(provider).next().is_some() {
            return Ok(true);
        }
        let list = self.chain.services_of(provider, None).await?;
        Ok(!list.services.is_empty() || list.unreadable > 0)
    }
}

/// Nothing is not an amount, and balance and settled sum must fit the contract together.
fn check_amount(amount: Neuron, held: Neuron) -> Result<(), UserError> {
    if amount.is_zero() {
        return Err(UserError::ZeroAmount);
    }
    if held.saturating_add(amount) > Neuron::MAX {
        return Err(UserError::TooLarge { amount });
    }
    Ok(())
}
