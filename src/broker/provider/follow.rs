//! Keeps the book at what the chain says: by its events, and by reading everything again now and then.
//!
//! Events only tell whose account to read again; balances are never added up. One event acts by itself: a refund that
//! was asked for stops counting as balance at once. After a reorg every account is read again.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt, stream};

use super::core::Core;
use super::error::ProviderError;
use super::view::Event;
use crate::chain::{
    BlockRef, ChainError, Cursor, EventFilter, EventKind, FollowBatch, FollowSettings, Follower,
};
use crate::crash_point::{self, Point};
use crate::domain::{AccountId, Address, PendingRefund, Timestamp};

/// Pause after an answer that was an error, growing up to the second.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// Accounts read one by one at the same time; more of them are read as one listing.
const READS_AT_ONCE: usize = 8;
const SINGLE_READS: usize = 50;
/// Roughly; see `chain::read`.
const ACCOUNTS_IN_A_PAGE: usize = 250;
/// Requests write too, and wait for nothing longer than this takes.
const WRITTEN_AT_ONCE: usize = 500;

impl Core {
    /// Takes in events for as long as the broker runs.
    pub(super) async fn follow(self: Arc<Self>, cursor: Cursor) {
        let filter = EventFilter { user: None, provider: Some(self.me) };
        let from_block = cursor.tip().map_or(0, |tip| tip.number);
        let settings = FollowSettings { filter, from_block, ..FollowSettings::default() };
        let mut follower = Follower::new(self.chain.clone(), Some(cursor), settings);
        let mut pause = FIRST_PAUSE;
        loop {
            let batch = match follower.next().await {
                Ok(batch) => batch,
                Err(error) => {
                    self.chain_failed(&error);
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                    // The follower only speaks at the next block, which on a quiet chain may be long in coming.
                    if self.chain.check_id().await.is_ok() && self.chain.head().await.is_ok() {
                        self.chain_works();
                    }
                    continue;
                }
            };
            // What the events say must arrive in the book, however often the chain has to be asked for it.
            while let Err(error) = self.take_in(&batch).await {
                tracing::warn!(%error, block = batch.to.number, "the chain's news could not be taken in");
                if let ProviderError::Chain(error) = &error {
                    self.chain_failed(error);
                }
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
            pause = FIRST_PAUSE;
            self.chain_works();
            *self.block.lock() = Some(batch.to);
            self.publisher.touch();
        }
    }

    fn chain_failed(&self, error: &ChainError) {
        let before = self.health.view();
        self.health.chain_failed(error);
        if before.chain.is_none() {
            tracing::warn!(%error, "the chain cannot be followed at the moment");
            self.publisher.tell(Event::HealthChanged(self.health.view()));
        }
    }

    fn chain_works(&self) {
        let before = self.health.view();
        self.health.chain_works();
        if before.chain.is_some() {
            self.publisher.tell(Event::HealthChanged(self.health.view()));
        }
    }

    async fn take_in(&self, batch: &FollowBatch) -> Result<(), ProviderError> {
        let now = Timestamp::now();
        self.book.saw_block(batch.head.time, now);
        let mut users = BTreeSet::new();
        let mut rotates = false;
        for event in &batch.events {
            rotates |= matches!(event.kind, EventKind::DelegateChanged { .. });
            if let EventKind::RefundRequested { account, index, amount, unlock_at } = &event.kind {
                let refund = PendingRefund {
                    index: *index,
                    amount: *amount,
                    created_at: batch.to.time,
                    unlock_at: *unlock_at,
                };
                self.book.refund_requested(account.user, refund, event.block);
                crash_point::pass(Point::RefundSeen);
                let event =
                    Event::RefundRequested { user: account.user, amount: *amount, unlock_at: *unlock_at };
                self.publisher.tell(event);
                self.settling.wake.notify_one();
            }
            match (&event.kind, event.kind.account()) {
                (_, Some(account)) => {
                    users.insert(account.user);
                }
                (EventKind::ServiceUpdated(service), _) => self.adopt(service).await?,
                (EventKind::ServiceRemoved { name, .. }, _) => {
                    self.services.listing.remove(name);
                    self.services.again.notify_one();
                }
                _ => {}
            }
        }
        if batch.undone_from.is_some() {
            tracing::warn!(
                from = batch.undone_from,
                "the chain was reorganised; all accounts are read again"
            );
            self.read_all_accounts(true).await?;
            self.settling.wake.notify_one();
            self.services.again.notify_one();
            return Ok(());
        }
        self.read_accounts(users.into_iter().collect(), batch.to, false).await?;
        if rotates {
            self.settling.wake.notify_one();
        }
        Ok(())
    }

    /// Reads these accounts at a block. If the node cannot read at that block any more, at the newest that counts.
    pub(super) async fn read_accounts(
        &self,
        users: Vec<Address>,
        at: BlockRef,
        forced: bool,
    ) -> Result<(), ProviderError> {
        if users.is_empty() {
            return Ok(());
        }
        // A listing costs a question for every few hundred accounts, however few of them are wanted.
        if users.len() > SINGLE_READS.max(self.book.len() / ACCOUNTS_IN_A_PAGE) {
            self.read_all_accounts(forced).await?;
            return Ok(());
        }
        let (read, at) = match self.read_each(&users, at).await {
            // Nodes have their own words for state that they no longer keep.
            Err(ChainError::UnknownBlock(_) | ChainError::Refused { .. }) => {
                let head = self.chain.confirmed_head().await?;
                (self.read_each(&users, head).await?, head)
            }
            read => (read?, at),
        };
        self.observe(&read, at, forced).await?;
        for user in users {
            self.publisher.tell(Event::AccountChanged { user });
        }
        Ok(())
    }

    async fn read_each(
        &self,
        users: &[Address],
        at: BlockRef,
    ) -> Result<Vec<(AccountId, Option<crate::domain::ChainAccount>)>, ChainError> {
        stream::iter(users.to_vec())
            .map(|user| async move {
                let id = AccountId { user, provider: self.me };
                Ok((id, self.chain.account(id, Some(at)).await?))
            })
            .buffered(READS_AT_ONCE)
            .try_collect()
            .await
    }

    /// Reads every account at the newest block that counts. What the book has and the chain has not is left in place, without a balance:
    /// an answer that is short of somebody must not make us forget what is owed.
    pub(super) async fn read_all_accounts(&self, forced: bool) -> Result<BlockRef, ProviderError> {
        let head = self.reach().await?;
        let accounts = self.chain.accounts_of_provider(self.me, Some(head)).await?;
        let mut missing: BTreeSet<Address> = self.book.users().into_iter().collect();
        let mut read = Vec::with_capacity(accounts.len());
        for account in accounts {
            missing.remove(&account.id.user);
            read.push((account.id, Some(account)));
        }
        read.extend(missing.into_iter().map(|user| (AccountId { user, provider: self.me }, None)));
        for part in read.chunks(WRITTEN_AT_ONCE) {
            self.observe(part, head, forced).await?;
        }
        if forced {
            *self.block.lock() = Some(head);
        }
        Ok(head)
    }

    /// Looks at the chain: the newest block that counts.
    async fn reach(&self) -> Result<BlockRef, ProviderError> {
        // The address may lead to another chain since the last look.
        self.chain.check_id().await?;
        let head = self.chain.confirmed_head().await?;
        self.book.saw_block(head.time, Timestamp::now());
        let mut block = self.block.lock();
        // The follower may have taken in a newer one.
        if block.is_none_or(|known| known.number < head.number) {
            *block = Some(head);
        }
        Ok(head)
    }

    /// The first look of a run. Few accounts are read at once. Many are read while requests are served already (true):
    /// a request waits for its own account, and nobody for all the others (see `accounts`).
    pub(super) async fn look_first(&self) -> Result<(BlockRef, bool), ProviderError> {
        if self.book.len() > ACCOUNTS_IN_A_PAGE {
            let head = self.reach().await?;
            // What the last run has read of a chain that is no more, or without waiting for confirmations.
            self.store.forget_blocks_after(head.number).await?;
            return Ok((head, true));
        }
        self.date_debts().await?;
        Ok((self.read_all_accounts(true).await?, false))
    }

    /// Reads what the first look left out, however often the chain has to be asked for it.
    pub(super) async fn catch_up(self: Arc<Self>) {
        let mut pause = FIRST_PAUSE;
        while let Err(error) = self.try_catch_up().await {
            tracing::warn!(%error, "the accounts could not be read yet");
            if let ProviderError::Chain(error) = &error {
                self.chain_failed(error);
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        self.chain_works();
        // A refund may have been asked for while nobody looked.
        self.settling.wake.notify_one();
    }

    async fn try_catch_up(&self) -> Result<(), ProviderError> {
        self.date_debts().await?;
        self.read_all_accounts(false).await.map(drop)
    }

    /// The backstop: everything again, in case an event was missed.
    pub(super) async fn resync(self: Arc<Self>) {
        if self.settings.resync == 0 {
            return;
        }
        loop {
            tokio::time::sleep(Duration::from_secs(self.settings.resync)).await;
            if let Err(error) = self.read_all_accounts(false).await {
                tracing::warn!(%error, "the accounts could not be read again");
            }
        }
    }
}
