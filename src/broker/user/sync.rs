//! Reading the chain: everything at one block, one account again, and what to do when the chain cannot be read.
//!
//! Nothing is ever computed from events; an event only says what to read again. An account that a listing does not
//! name is asked for by itself before it is believed to be gone, and its own figures in the book stay in any case.

use std::collections::BTreeSet;

use futures_util::future::try_join_all;

use super::event::Event;
use super::handle::{Inner, UserBroker};
use super::view::AccountView;
use super::UserError;
use crate::chain::{BlockRef, ChainError};
use crate::domain::{Address, ChainAccount, Neuron, Service, ServiceName, Timestamp};

impl Inner {
    /// Reads accounts, services and the wallet's own money at the newest block.
    pub async fn read_everything(&self) -> Result<BlockRef, UserError> {
        let head = self.chain.head().await?;
        let (accounts, services, wallet) = tokio::join!(
            self.chain.accounts_of_user(self.user, Some(head)),
            self.chain.services(Some(head)),
            self.chain.native_balance(self.user),
        );
        let (accounts, services) = (accounts?, services?);
        let named: BTreeSet<Address> = accounts.iter().map(|account| account.id.provider).collect();
        let missing: Vec<Address> = {
            let book = self.book.lock();
            let known = book.positions().filter(|(_, position)| position.chain().is_some());
            known.map(|(provider, _)| *provider).filter(|provider| !named.contains(provider)).collect()
        };
        for account in accounts {
            self.take_account(account.id.provider, Some(account)).await?;
        }
        for provider in missing {
            self.read_account(provider, Some(head)).await?;
        }
        let changed = {
            let mut catalogue = self.catalogue.write();
            catalogue.replace(services.services, services.unreadable, head)
        };
        {
            let mut view = self.view.lock();
            if let Ok(wallet) = wallet {
                view.wallet = Some(Neuron::new(wallet));
            }
        }
        self.reached(head);
        if changed {
            self.emit(Event::ServicesChanged { total: self.catalogue.read().len() });
        }
        self.publish();
        Ok(head)
    }

    /// Reads one account, at a block or at the newest.
    pub async fn read_account(
        &self,
        provider: Address,
        at: Option<BlockRef>,
    ) -> Result<Option<ChainAccount>, UserError> {
        let account = self.chain.account(self.keys.account(provider), at).await?;
        self.take_account(provider, account).await?;
        Ok(account)
    }

    /// Reads one service at the newest block and says what it was before.
    pub async fn read_service(
        &self,
        provider: Address,
        name: &ServiceName,
    ) -> Result<Option<Service>, UserError> {
        let service = self.chain.service(provider, name, None).await?;
        self.catalogue.write().put(provider, name, service.clone());
        Ok(service)
    }

    async fn take_account(&self, provider: Address, account: Option<ChainAccount>) -> Result<(), UserError> {
        if let Some(account) = &account {
            self.keys.refresh(account).await?;
        }
        let changed = {
            let mut book = self.book.lock();
            let changed = book.position(provider).and_then(|position| position.chain()) != account.as_ref();
            book.set_chain(provider, account);
            changed
        };
        if changed {
            self.room.notify_waiters();
            self.emit(Event::AccountChanged { provider });
        }
        Ok(())
    }

    /// The chain answered.
    pub fn reached(&self, head: BlockRef) {
        let (moved, back) = {
            let mut view = self.view.lock();
            let moved = view.head.is_none_or(|known| known.hash != head.hash);
            view.head = Some(head);
            (moved, view.stale.take().is_some())
        };
        if back {
            self.emit(Event::ChainReachable { reachable: true, reason: None });
        }
        if moved {
            self.emit(Event::Head { number: head.number });
        }
    }

    /// The chain did not answer; what is shown is stale from now on.
    pub fn unreachable(&self, error: &UserError) {
        let reason = error.to_string();
        let news = self.view.lock().stale.replace(reason.clone()).is_none();
        if news {
            tracing::warn!(%reason, "the chain cannot be read; what is shown is as of the last block read");
            self.emit(Event::ChainReachable { reachable: false, reason: Some(reason) });
            self.publish();
        }
    }

    /// The time that the contract would see now: the chain's where it is ahead of ours.
    pub fn chain_now(&self) -> Timestamp {
        let now = Timestamp::now();
        self.view.lock().head.map_or(now, |head| head.time.max(now))
    }
}

impl UserBroker {
    /// Reads one account from the chain now.
    pub async fn sync(&self, provider: Address) -> Result<AccountView, UserError> {
        let head = self.inner.chain.head().await?;
        self.inner.read_account(provider, Some(head)).await?;
        self.inner.publish();
        self.account(provider)
    }

    /// Reads all accounts and services from the chain now.
    pub async fn sync_all(&self) -> Result<Vec<AccountView>, UserError> {
        self.inner.read_everything().await?;
        Ok(self.accounts())
    }
}

/// Reads several accounts at one block; used after events.
pub(super) async fn read_accounts(
    inner: &Inner,
    providers: BTreeSet<Address>,
    at: BlockRef,
) -> Result<(), ChainError> {
    let reads = providers.into_iter().map(|provider| async move {
        match inner.read_account(provider, Some(at)).await {
            Ok(_) => Ok(()),
            Err(UserError::Chain(error)) => Err(error),
            Err(error) => {
                tracing::warn!(%provider, %error, "an account could not be taken over");
                Ok(())
            }
        }
    });
    try_join_all(reads).await.map(drop)
}
