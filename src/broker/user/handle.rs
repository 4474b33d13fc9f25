//! The handle that every face holds, what it shares, and what it is started from.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::{Mutex, RwLock};
use tokio::sync::{Notify, Semaphore, broadcast, watch};

use super::UserError;
use super::book::Book;
use super::caps::Caps;
use super::catalogue::Catalogue;
use super::consent::Consents;
use super::event::{EVENT_QUEUE, Event};
use super::keyring::Keyring;
use super::price_history::Histories;
use super::probe;
use super::refunds::BackOff;
use super::settings::Settings;
use super::snapshot::Snapshot;
use super::terms::TermsCache;
use super::turn::Counts;
use super::upstream::Upstream;
use super::verdict::OwnCount;
use super::view::{AccountPage, AccountView, OperationView};
use crate::body::Spool;
use crate::chain::{BlockRef, Chain, Sender};
use crate::domain::{Address, Neuron, OperationId, RequestId};
use crate::keys::{DelegateKeys, Wallet};
use crate::store::{UserStore, WriteProbe};
use crate::tasks::Tasks;

/// What a user broker is made of.
#[derive(Debug)]
pub struct UserParts {
    pub store: UserStore,
    pub chain: Chain,
    /// `None` for a broker that only reads and serves: without a wallet nothing is sent to the chain.
    pub sender: Option<Sender>,
    /// Whose accounts these are.
    pub user: Address,
    /// Signs vouchers for accounts without a delegate key here.
    pub wallet: Option<Arc<Wallet>>,
    pub delegates: DelegateKeys,
    pub tasks: Tasks,
    /// Where large request bodies wait. On the disk of the data directory, not in memory.
    pub spool: PathBuf,
    /// Whether the chain's node is in this process or on this machine; then providers may be, too.
    pub local_chain: bool,
    pub settings: Settings,
}

/// The user broker. Clones are the same broker.
#[derive(Clone, Debug)]
pub struct UserBroker {
    pub(super) inner: Arc<Inner>,
}

/// Shared by all clones and tasks. Each lock is held for a few instructions, never across an await.
#[derive(Debug)]
pub(super) struct Inner {
    pub store: UserStore,
    pub writes: WriteProbe,
    pub chain: Chain,
    pub sender: Option<Sender>,
    pub user: Address,
    pub keys: Keyring,
    pub tasks: Tasks,
    pub spool: Spool,
    pub settings: Settings,
    /// Set by the user beside those of the settings.
    pub own_caps: RwLock<Caps>,
    pub upstream: Upstream,
    pub terms: TermsCache,
    pub consents: Consents,
    pub counts: Counts,
    /// Leave to ask a provider whether it is there.
    pub probes: Semaphore,
    pub histories: Histories,
    pub book: Mutex<Book>,
    /// What we saw of requests whose end the disk did not take. None is begun while it takes nothing, so these are few.
    pub unwritten: Mutex<HashMap<RequestId, OwnCount>>,
    /// The turn of whoever takes an account as read from the chain into store and book.
    pub taking: tokio::sync::Mutex<()>,
    /// Told whenever a hold ends or a deposit grows, for requests that wait for room.
    pub room: Notify,
    pub catalogue: RwLock<Catalogue>,
    /// Providers that a voucher is being brought to; who brings it is told when more is owed.
    pub pushing: Mutex<HashMap<Address, Arc<Notify>>>,
    /// Operations whose outcome is awaited, with what is known of them.
    pub following: Mutex<BTreeMap<OperationId, OperationView>>,
    /// Told whenever an operation changes.
    pub operation_changed: Notify,
    pub refund_back_off: Mutex<BackOff>,
    pub view: Mutex<ChainView>,
    /// One snapshot is put together at a time.
    publishing: Mutex<()>,
    /// What is published is older than what is known.
    pub outdated: AtomicBool,
    pub news: Notify,
    pub version: AtomicU64,
    pub snapshots: watch::Sender<Arc<Snapshot>>,
    pub events: broadcast::Sender<Event>,
}

/// What the last reads of the chain said.
#[derive(Clone, Debug, Default)]
pub(super) struct ChainView {
    pub head: Option<BlockRef>,
    pub stale: Option<String>,
    pub wallet: Option<Neuron>,
}

impl Inner {
    pub fn new(parts: UserParts, upstream: Upstream) -> Inner {
        let UserParts { store, chain, sender, user, wallet, delegates, tasks, spool, settings, .. } = parts;
        let place = (chain.id(), chain.contract());
        Inner {
            keys: Keyring::new(user, place, wallet, delegates),
            terms: TermsCache::new(chain.id(), chain.contract()),
            consents: Consents::default(),
            counts: Counts::default(),
            probes: Semaphore::new(probe::AT_ONCE),
            histories: Histories::default(),
            writes: WriteProbe::new(store.db().clone()),
            store,
            chain,
            sender,
            user,
            tasks,
            spool: Spool::new(spool, settings.body_memory).with_disk(settings.body_disk, settings.body_disk),
            settings,
            own_caps: RwLock::default(),
            upstream,
            book: Mutex::default(),
            unwritten: Mutex::default(),
            taking: tokio::sync::Mutex::default(),
            room: Notify::new(),
            catalogue: RwLock::default(),
            pushing: Mutex::default(),
            following: Mutex::default(),
            operation_changed: Notify::new(),
            refund_back_off: Mutex::default(),
            view: Mutex::default(),
            publishing: Mutex::default(),
            outdated: AtomicBool::new(true),
            news: Notify::new(),
            version: AtomicU64::new(0),
            snapshots: watch::Sender::new(Arc::default()),
            events: broadcast::Sender::new(EVENT_QUEUE),
        }
    }

    pub fn emit(&self, event: Event) {
        // Without listeners there is nobody to tell.
        let _ = self.events.send(event);
    }

    /// All accounts, in order of their providers.
    pub fn accounts(&self) -> Vec<AccountView> {
        let book = self.book.lock();
        book.positions()
            .filter_map(|(provider, position)| {
                AccountView::of(*provider, position, self.keys.can_sign(*provider))
            })
            .collect()
    }

    /// A page of them: at most so many, from the start or behind a provider.
    pub fn accounts_after(&self, after: Option<Address>, most: usize) -> AccountPage {
        let book = self.book.lock();
        let mut rest = book.positions_after(after).filter_map(|(provider, position)| {
            AccountView::of(*provider, position, self.keys.can_sign(*provider))
        });
        let accounts = rest.by_ref().take(most).collect();
        let more = rest.next().is_some();
        AccountPage { accounts, total: book.totals().accounts, more }
    }

    pub fn account(&self, provider: Address) -> Option<AccountView> {
        let book = self.book.lock();
        AccountView::of(provider, book.position(provider)?, self.keys.can_sign(provider))
    }

    /// Says that there is something new to publish.
    pub fn publish(&self) {
        self.outdated.store(true, Ordering::Release);
        self.news.notify_one();
    }

    /// Publishes what is known now, unless nobody would see it: then it waits for who asks.
    pub fn publish_if_watched(&self) {
        if self.snapshots.receiver_count() > 0 {
            self.publish_now();
        }
    }

    /// Publishes what is known now, if there is anything new.
    pub fn publish_now(&self) {
        // Who finds that somebody is at it waits: what is there before that may be of long ago.
        let _turn = self.publishing.lock();
        if !self.outdated.swap(false, Ordering::AcqRel) {
            return;
        }
        let (accounts, services_version) = (self.accounts(), self.catalogue.read().version());
        let now = self.overview();
        self.snapshots.send_modify(|snapshot| {
            *snapshot = Arc::new(Snapshot {
                version: self.version.fetch_add(1, Ordering::Relaxed) + 1,
                user: self.user,
                chain_id: self.chain.id(),
                contract: self.chain.contract(),
                lock_time: self.chain.lock_time(),
                accounts,
                services: now.services,
                services_version,
                head: now.head,
                stale: now.stale,
                wallet: now.wallet,
                caps: now.caps,
                spent_today: now.spent_today,
                reserved: now.reserved,
                operations: now.operations,
                can_send: now.can_send,
            });
        });
    }
}

impl UserBroker {
    /// Whose broker this is.
    pub fn user(&self) -> Address {
        self.inner.user
    }

    pub fn settings(&self) -> &Settings {
        &self.inner.settings
    }

    pub fn chain(&self) -> &Chain {
        &self.inner.chain
    }

    /// The latest state.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.inner.publish_now();
        Arc::clone(&self.inner.snapshots.borrow())
    }

    /// Tells of every newer state; intermediate ones may be skipped.
    pub fn watch(&self) -> watch::Receiver<Arc<Snapshot>> {
        let watch = self.inner.snapshots.subscribe();
        self.inner.publish_now();
        watch
    }

    /// News from now on. See [`Event`].
    pub fn events(&self) -> broadcast::Receiver<Event> {
        self.inner.events.subscribe()
    }

    pub fn accounts(&self) -> Vec<AccountView> {
        self.inner.accounts()
    }

    /// A page of that list: at most so many, from the start or behind a provider.
    pub fn accounts_after(&self, after: Option<Address>, most: usize) -> AccountPage {
        self.inner.accounts_after(after, most)
    }

    pub fn account(&self, provider: Address) -> Result<AccountView, UserError> {
        self.inner.account(provider).ok_or(UserError::NoAccount(provider))
    }
}
