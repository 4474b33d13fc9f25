//! Accounts that requests name: from the book, or once from the chain.
//!
//! An account that only the last run has read is read before anything is lent on it: right after a start with many
//! accounts its turn may not have come yet.
//!
//! An address that nobody knows must not cost us a chain read each time it is tried (S19): answers of "no account" are
//! remembered for a while, reads are few at a time, and strangers share a budget per network address and in all.
//! An account that is known is read again at most once every few seconds, before something is refused that a newer
//! reading could allow. Anybody can name any user, so whoever has not signed as the one that they name draws on the budget
//! of their network for that too; and since the names of many users can be had, all such reads together have a budget and
//! places of their own, which leave those for new users alone.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::Semaphore;

use super::ProxyRefusal;
use super::core::Core;
use super::rate::Rate;
use super::vouchers::Page;
use crate::domain::{AccountId, Address, Timestamp, network};

/// For how long "no account" is believed. Short: somebody may just be opening one.
const ABSENT_FOR: Duration = Duration::from_secs(10);
/// How many such answers are remembered.
const MOST_ABSENT: usize = 10_000;
/// Chain reads for strangers: at once, and for each network address and in all per second.
const READS_AT_ONCE: usize = 8;
const READS_PER_PEER: u32 = 5;
const READS_IN_ALL: u32 = 50;
/// The same for second looks at accounts that are known.
const SECOND_LOOKS_AT_ONCE: usize = 4;
const SECOND_LOOKS_IN_ALL: u32 = 25;
/// Network addresses or users whose reads are counted.
const MOST_BUCKETS: usize = 10_000;
/// A known account is read again for a refused request at most so often.
const REREAD_EVERY: Duration = Duration::from_secs(2);

/// What limits the chain reads that requests cause.
#[derive(Debug)]
pub(super) struct Lookups {
    absent: Mutex<HashMap<Address, Instant>>,
    turns: Semaphore,
    by_peer: Rate<IpAddr>,
    in_all: Rate<()>,
    again: Rate<Address>,
    again_in_all: Rate<()>,
    turns_again: Semaphore,
}

impl Lookups {
    pub(super) fn new() -> Self {
        let second = Duration::from_secs(1);
        Lookups {
            absent: Mutex::default(),
            turns: Semaphore::new(READS_AT_ONCE),
            by_peer: Rate::new(READS_PER_PEER, second, READS_PER_PEER * 4, MOST_BUCKETS),
            in_all: Rate::new(READS_IN_ALL, second, READS_IN_ALL * 2, 1),
            again: Rate::new(1, REREAD_EVERY, 2, MOST_BUCKETS),
            again_in_all: Rate::new(SECOND_LOOKS_IN_ALL, second, SECOND_LOOKS_IN_ALL * 2, 1),
            turns_again: Semaphore::new(SECOND_LOOKS_AT_ONCE),
        }
    }

    /// The user has an account after all.
    pub(super) fn appeared(&self, user: Address) {
        self.absent.lock().remove(&user);
    }

    /// Takes what a second look at a user's account costs, if there is all of it.
    fn take_again(&self, user: Address, unproven: Option<IpAddr>, now: Instant) -> bool {
        // Where there would be no look anyway, nobody is charged for one; and a user whose account is not read again now
        // can have it read as soon as that is possible.
        if self.again.wait(&user, now).is_some() || self.again_in_all.wait(&(), now).is_some() {
            return false;
        }
        unproven.is_none_or(|peer| self.by_peer.take(&network(peer), now))
            && self.again.take(&user, now)
            && self.again_in_all.take(&(), now)
    }

    fn is_absent(&self, user: Address, now: Instant) -> bool {
        self.absent.lock().get(&user).is_some_and(|until| now < *until)
    }

    fn remember_absent(&self, user: Address, now: Instant) {
        let mut absent = self.absent.lock();
        if absent.len() >= MOST_ABSENT {
            absent.retain(|_, until| now < *until);
        }
        if absent.len() < MOST_ABSENT {
            absent.insert(user, now + ABSENT_FOR);
        }
    }
}

impl Core {
    /// The user's page: from the book, or from the chain if the user is new here.
    pub(super) async fn page_of(&self, user: Address, peer: IpAddr) -> Result<Page, ProxyRefusal> {
        let known = self.book.page(user);
        if let Some(page) = known.filter(Page::is_read) {
            return Ok(page);
        }
        let lookups = &self.lookups;
        let unknown = || ProxyRefusal::UnknownAccount(user);
        if lookups.is_absent(user, Instant::now()) {
            return Err(unknown());
        }
        if known.is_none() {
            if !lookups.by_peer.take(&network(peer), Instant::now())
                || !lookups.in_all.take(&(), Instant::now())
            {
                return Err(ProxyRefusal::TooOften);
            }
        } else if self.health.view().chain.is_some() && !lookups.in_all.take(&(), Instant::now()) {
            // Those whom the books know are read once each, but not while no read succeeds.
            return Err(ProxyRefusal::ChainUnavailable);
        }
        let _turn = lookups.turns.acquire().await.map_err(|_| ProxyRefusal::Stopping)?;
        // Somebody else may have asked for the same account meanwhile.
        if let Some(page) = self.book.page(user).filter(Page::is_read) {
            return Ok(page);
        }
        if lookups.is_absent(user, Instant::now()) {
            return Err(unknown());
        }
        match self.read_account(user).await {
            Ok(Some(page)) => Ok(page),
            Ok(None) => {
                lookups.remember_absent(user, Instant::now());
                Err(unknown())
            }
            Err(error) => Err(error),
        }
    }

    /// A newer reading of a known account, unless there was one just now. `unproven` is where the call came from, unless
    /// it was signed as this user's.
    pub(super) async fn page_again(&self, user: Address, unproven: Option<IpAddr>) -> Option<Page> {
        let lookups = &self.lookups;
        if !lookups.take_again(user, unproven, Instant::now()) {
            return None;
        }
        let _turn = lookups.turns_again.acquire().await.ok()?;
        self.read_account(user).await.ok().flatten()
    }

    /// Reads one account at the newest block that counts into book and store.
    async fn read_account(&self, user: Address) -> Result<Option<Page>, ProxyRefusal> {
        let id = AccountId { user, provider: self.me };
        let read = async {
            let head = self.chain.confirmed_head().await?;
            self.book.saw_block(head.time, Timestamp::now());
            Ok::<_, crate::chain::ChainError>((self.chain.account(id, Some(head)).await?, head))
        };
        match read.await {
            Ok((account, head)) => match self.observe(&[(id, account)], head, false).await {
                Ok(()) => Ok(self.book.page(user)),
                Err(_) => Err(ProxyRefusal::StorageFailed),
            },
            Err(error) => {
                tracing::warn!(%user, %error, "an account could not be read from the chain");
                self.health.chain_failed(&error);
                Err(ProxyRefusal::ChainUnavailable)
            }
        }
    }
}
