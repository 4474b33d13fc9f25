//! Reading the chain: everything at one block, one account again, and what to do when the chain cannot be read.
//!
//! Nothing is ever computed from events; an event only says what to read again. An account that a listing does not
//! name is asked for by itself before it is believed to be gone, and its own figures in the book stay in any case.

use std::collections::BTreeSet;

use futures_util::future::try_join_all;

use super::UserError;
use super::catalogue::ServiceFilter;
use super::event::Event;
use super::handle::{Inner, UserBroker};
use super::positions::Position;
use super::view::AccountView;
use crate::chain::{BlockRef, EventFilter, EventKind, ServiceList};
use crate::crash_point::{self, Point};
use crate::domain::{
    AccountId, Address, ChainAccount, Neuron, OperationKind, PendingRefund, Service, ServiceName, Timestamp,
};
use crate::store::user::{Refund, RefundState};
use crate::store::{Observed, OperationFilter};

/// Requests write too, and wait for nothing longer than this takes.
const TAKEN_AT_ONCE: usize = 250;

impl Inner {
    /// Reads accounts, services and the wallet's own money at the newest block. `anew`: what was read before does not
    /// count against it, since a reorg may have taken it back or another run have read it.
    pub async fn read_everything(&self, anew: bool) -> Result<BlockRef, UserError> {
        // The address may lead to another chain since the last look.
        self.chain.check_id().await?;
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
        // Those of which the chain's log has to be asked go one by one: everybody else waits for a batch.
        let (slow, quick): (Vec<_>, Vec<_>) = accounts
            .into_iter()
            .map(|account| (account.id.provider, Some(account)))
            .partition(|(provider, account)| self.refund_over(*provider, account.as_ref()).is_some());
        for part in quick.chunks(TAKEN_AT_ONCE).chain(slow.chunks(1)) {
            self.take_accounts(part.to_vec(), head.number, anew).await?;
        }
        for provider in missing {
            let account = self.chain.account(self.keys.account(provider), Some(head)).await?;
            self.take_accounts(vec![(provider, account)], head.number, anew).await?;
        }
        self.take_services(services, head).await?;
        {
            let mut view = self.view.lock();
            if let Ok(wallet) = wallet {
                view.wallet = Some(Neuron::new(wallet));
            }
        }
        self.reached(head);
        self.publish();
        Ok(head)
    }

    /// Takes the list of services as read at a block.
    pub async fn take_services(&self, list: ServiceList, at: BlockRef) -> Result<(), UserError> {
        let changed = self.catalogue.write().replace(list.services, list.unreadable, at);
        if changed { self.services_changed().await } else { Ok(()) }
    }

    /// Keeps the list for times without the chain, and tells of it.
    pub async fn services_changed(&self) -> Result<(), UserError> {
        let services = self.catalogue.read().list(&ServiceFilter::default()).services;
        self.emit(Event::ServicesChanged { total: services.len() });
        Ok(self.store.put_services(services).await?)
    }

    /// Reads one account, at a block or at the newest.
    pub async fn read_account(
        &self,
        provider: Address,
        at: Option<BlockRef>,
    ) -> Result<Option<ChainAccount>, UserError> {
        // The newest state is at least as new as the head that was there before it was asked for.
        let block = match at {
            Some(block) => block,
            None => self.chain.head().await?,
        };
        let account = self.chain.account(self.keys.account(provider), at).await?;
        self.take_accounts(vec![(provider, account)], block.number, false).await?;
        Ok(account)
    }

    /// Reads one service, at a block or at the newest.
    pub async fn read_service(
        &self,
        provider: Address,
        name: &ServiceName,
        at: Option<BlockRef>,
    ) -> Result<Option<Service>, UserError> {
        let service = self.chain.service(provider, name, at).await?;
        self.catalogue.write().put(provider, name, service.clone());
        Ok(service)
    }

    /// Takes accounts as read at a block: into the store, then into the book. One batch at a time, and nothing older than what
    /// is known: an event, an operation and the backstop may all be reading them, and the slowest must not have the last word.
    async fn take_accounts(
        &self,
        read: Vec<(Address, Option<ChainAccount>)>,
        block: u64,
        anew: bool,
    ) -> Result<(), UserError> {
        let _turn = self.taking.lock().await;
        let (mut news, mut failed) = (Vec::new(), Ok(()));
        for (provider, account) in read {
            match self.news_of(provider, account, block).await {
                Ok(one) => news.extend(one),
                // What came before it is taken all the same.
                Err(error) => {
                    failed = Err(error);
                    break;
                }
            }
        }
        if news.is_empty() {
            return failed;
        }
        self.store.observe(news.clone(), anew).await?;
        crash_point::pass(Point::AccountObserved);
        {
            let mut book = self.book.lock();
            news.iter().for_each(|news| book.set_chain(news.id.provider, news.account, block));
        }
        self.room.notify_waiters();
        news.iter().for_each(|news| self.emit(Event::AccountChanged { provider: news.id.provider }));
        failed
    }

    /// What there is to take of an account as read at a block, once all that follows from it is noted; `None` if it is known.
    async fn news_of(
        &self,
        provider: Address,
        account: Option<ChainAccount>,
        block: u64,
    ) -> Result<Option<Observed>, UserError> {
        if self.book.lock().knows_newer(provider, block) {
            return Ok(None);
        }
        let id = self.keys.account(provider);
        // On a quiet chain the newest block can be older than a change of delegate that has come due. Providers go by
        // the clock as well.
        let account = account.map(|account| account.at(self.chain_now()));
        if let Some(account) = &account {
            self.keys.refresh(account).await?;
        }
        let (before, authorized) = {
            let book = self.book.lock();
            let position = book.position(provider);
            (position.and_then(|position| position.chain().copied()), position.map(Position::authorized))
        };
        if before == account {
            self.book.lock().set_chain(provider, account, block);
            return Ok(None);
        }
        self.note_refund(account.as_ref(), id, block).await?;
        // Before anything of it is written down, since that makes the account one that we know.
        let settled = account.map_or(Neuron::ZERO, |account| account.settled);
        if settled > authorized.unwrap_or(Neuron::ZERO) {
            self.begin_at(id, settled).await?;
        }
        Ok(Some(Observed { id, account, block }))
    }

    /// More was settled than our books remember having promised. If they know nothing of the account they were lost, and
    /// begin at what was paid; what was settled of a known promise says nothing of the kind, since providers may take it
    /// before it is due.
    ///
    /// Books that do know the account contradict the node. To take its word would be to sign a voucher for whatever
    /// sum it names, so nothing is taken over: if the books are an old copy, a voucher of our own that the provider
    /// shows with its next refusal mends them (see `heal`).
    async fn begin_at(&self, id: AccountId, settled: Neuron) -> Result<(), UserError> {
        let opened_here = OperationFilter {
            kind: Some(OperationKind::CreateAccount),
            provider: Some(id.provider),
            ..OperationFilter::default()
        };
        let known =
            self.store.account(id).await?.is_some() || self.store.operations().count(opened_here).await? > 0;
        if known {
            tracing::warn!(
                provider = %id.provider, %settled,
                "the node says that more was settled than was ever promised; it is not believed"
            );
            return Ok(());
        }
        let adopted = self.store.adopt(id, settled, settled).await?;
        self.book.lock().adopt(id.provider, adopted.authorized, adopted.owed_more);
        Ok(())
    }

    /// The refund that we know as pending, if the chain knows it no more.
    fn refund_over(&self, provider: Address, account: Option<&ChainAccount>) -> Option<PendingRefund> {
        let book = self.book.lock();
        let before = book.position(provider)?.chain()?.refund?;
        let now = account.and_then(|account| account.refund);
        now.is_none_or(|now| now.index != before.index).then_some(before)
    }

    /// Whether more has left the account than was settled, at a time when the refund could be taken. A deposit of the same
    /// moment can hide it.
    fn was_paid_back(&self, over: &PendingRefund, provider: Address, account: Option<&ChainAccount>) -> bool {
        let now = self.chain_now();
        let book = self.book.lock();
        let Some(before) = book.position(provider).and_then(Position::chain) else { return false };
        let (settled, balance) =
            account.map_or((before.settled, Neuron::ZERO), |now| (now.settled, now.balance));
        let left = before.balance.above(balance);
        over.unlock_at <= now && left > settled.above(before.settled)
    }

    /// Keeps the history of refunds: the pending one as it is, and how one ended that is pending no more.
    async fn note_refund(
        &self,
        account: Option<&ChainAccount>,
        id: AccountId,
        block: u64,
    ) -> Result<(), UserError> {
        let row = |refund: PendingRefund, amount, state| Refund {
            account: id,
            index: refund.index,
            amount,
            created_at: refund.created_at,
            unlock_at: refund.unlock_at,
            state,
        };
        let now = account.and_then(|account| account.refund);
        let mut refunds: Vec<Refund> =
            now.map(|refund| row(refund, refund.amount, RefundState::Pending)).into_iter().collect();
        if let Some(over) = self.refund_over(id.provider, account) {
            let known = self.store.account(id).await?.and_then(|account| account.block).unwrap_or(0);
            let filter = EventFilter { user: Some(id.user), provider: Some(id.provider) };
            let end = match self.chain.events(known.min(block), block, filter).await {
                Ok(events) => events.into_iter().find_map(|event| match event.kind {
                    EventKind::RefundProcessed { index, amount, .. } if index == over.index => {
                        Some((amount, RefundState::Processed))
                    }
                    EventKind::RefundCanceled { index, amount, .. } if index == over.index => {
                        Some((amount, RefundState::Cancelled))
                    }
                    _ => None,
                }),
                Err(error) if error.is_transient() => return Err(error.into()),
                // Many nodes keep no old logs. The account itself was read, and no history may hold that up.
                Err(error) => {
                    tracing::warn!(provider = %id.provider, %error, "how a refund ended is told by the balance");
                    self.was_paid_back(&over, id.provider, account)
                        .then_some((over.amount, RefundState::Processed))
                }
            };
            // A reorg can have undone the request itself: then it never was.
            let (amount, state) = end.unwrap_or((over.amount, RefundState::Cancelled));
            refunds.push(row(over, amount, state));
        }
        if !refunds.is_empty() {
            self.store.put_refunds(refunds).await?;
            crash_point::pass(Point::RefundNoted);
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
            self.emit(Event::ChainBack);
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
            self.emit(Event::ChainLost { reason });
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
        self.inner.read_everything(false).await?;
        Ok(self.accounts())
    }
}

/// Reads several accounts at one block; used after events.
pub(super) async fn read_accounts(
    inner: &Inner,
    providers: BTreeSet<Address>,
    at: BlockRef,
) -> Result<(), UserError> {
    let reads = providers.into_iter().map(|provider| inner.read_account(provider, Some(at)));
    try_join_all(reads).await.map(drop)
}
