//! What faces see: plain data at one moment, and events in the past tense.

use std::cmp::Reverse;
use std::collections::HashSet;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{Notify, broadcast, watch};

use super::condition::UpstreamHealth;
use super::core::Core;
use super::settlement::{Decision, Forecast, Risk, Rules};
use super::vouchers::{Page, Totals};
use crate::chain::BlockRef;
use crate::domain::{
    Address, Fee, Neuron, OperationId, OperationState, Prices, ProviderRequestState, RequestId, Service,
    ServiceKind, ServiceLimits, ServiceName, Timestamp, Units,
};
use crate::wire::terms::MeterName;

/// Users in a snapshot, those who owe most first; the full list is paged.
pub const USERS_IN_SNAPSHOT: usize = 500;
/// Events that a slow listener may lag behind.
const EVENT_QUEUE: usize = 256;
/// Changes within this time come in one snapshot.
const COALESCE: Duration = Duration::from_millis(100);

/// The broker at one moment. A newer one has a higher `version`.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    pub version: u64,
    pub at: Option<Timestamp>,
    pub provider: Address,
    pub chain_id: u64,
    pub contract: Address,
    /// The newest block whose events were taken in.
    pub block: Option<BlockRef>,
    pub services: Vec<ServiceView>,
    /// At most [`USERS_IN_SNAPSHOT`].
    pub users: Vec<UserView>,
    pub totals: Totals,
    pub settlement: SettlementView,
    pub health: HealthView,
}

/// A page of the list of users.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserPage {
    pub users: Vec<UserView>,
    /// Users on this page and off it.
    pub total: usize,
    /// Where the next page begins, if others come behind this one.
    pub next: Option<UserPlace>,
}

/// A place in the list of users: behind this one, as long as it owed so much. What it owes later does not move the place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UserPlace {
    pub unsettled: Neuron,
    pub user: Address,
}

/// No such place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a place in the list of users is an amount of neuron, '-' and an address")]
pub struct UserPlaceError;

impl fmt::Display for UserPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.unsettled.get(), self.user)
    }
}

impl FromStr for UserPlace {
    type Err = UserPlaceError;
    fn from_str(text: &str) -> Result<Self, UserPlaceError> {
        let (unsettled, user) = text.split_once('-').ok_or(UserPlaceError)?;
        let unsettled = Neuron::new(unsettled.parse().map_err(|_| UserPlaceError)?);
        Ok(UserPlace { unsettled, user: user.parse().map_err(|_| UserPlaceError)? })
    }
}

/// A service as its operator sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceView {
    pub name: ServiceName,
    pub kind: ServiceKind,
    /// Where the service itself is.
    pub target: String,
    /// What the chain lists: this broker's public URL.
    pub public_url: String,
    pub model: String,
    pub prices: Prices,
    pub meter: MeterName,
    /// Names of the headers sent along; their values are secret.
    pub header_names: Vec<String>,
    pub status: ServiceStatus,
    /// Takes no new requests for now.
    pub paused: bool,
    pub limits: ServiceLimits,
    /// Requests being served.
    pub in_flight: usize,
    pub health: UpstreamHealth,
    /// What the chain lists of it, as of the last look.
    pub listed: Option<Service>,
    /// Keys in which the chain differs from what is wanted; empty too while the chain was not read yet.
    pub differs: Vec<&'static str>,
    /// The chain's version, once listed.
    pub version: Option<u64>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ServiceStatus {
    /// On its way to the chain.
    Pending,
    Listed,
    /// On its way off the chain.
    Removing,
}

impl ServiceStatus {
    pub const fn as_str(self) -> &'static str {
        match self {
            ServiceStatus::Pending => "pending",
            ServiceStatus::Listed => "listed",
            ServiceStatus::Removing => "removing",
        }
    }
}

/// A user as the provider's books have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserView {
    pub user: Address,
    pub balance: Neuron,
    pub pending_refund: Neuron,
    pub refund_unlock_at: Option<Timestamp>,
    pub owed: Neuron,
    pub reserved: Neuron,
    pub in_flight: usize,
    /// The best voucher that still counts; zero without one.
    pub voucher: Neuron,
    /// Owed and not paid on chain yet.
    pub unsettled: Neuron,
    /// What a settlement could bring now.
    pub claimable: Neuron,
    pub settled: Neuron,
    pub delegate: Option<Address>,
    pub debt_since: Option<Timestamp>,
    /// When the engine settles because of a refund or a change of delegate, if nothing makes it do so earlier.
    pub settle_by: Option<Timestamp>,
    pub risk: Risk,
    /// Whether a settlement with this user is under way.
    pub settling: bool,
    /// The block at which the chain's figures were read.
    pub block: u64,
}

impl UserView {
    pub(super) fn of(page: &Page, rules: &Rules<'_>, under_way: &HashSet<Address>) -> Self {
        let now = rules.now;
        let settled = page.account.settled;
        UserView {
            user: page.account.id.user,
            balance: page.account.balance,
            pending_refund: page.account.pending_refund(),
            refund_unlock_at: page.account.refund.map(|refund| refund.unlock_at),
            owed: page.owed,
            reserved: page.reserved,
            in_flight: page.in_flight,
            voucher: page.voucher(now).map_or(Neuron::ZERO, |best| best.voucher.cumulative),
            unsettled: page.unsettled(),
            claimable: page.claimable(now),
            settled,
            delegate: page.epoch(now).1,
            debt_since: page.debt_since,
            settle_by: rules.danger(page).map(|danger| danger.begin),
            risk: rules.risk(page),
            settling: under_way.contains(&page.account.id.user),
            block: page.block,
        }
    }
}

/// A proxied request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestView {
    pub id: RequestId,
    pub user: Address,
    pub service: ServiceName,
    pub created_at: Timestamp,
    pub finished_at: Option<Timestamp>,
    pub state: ProviderRequestState,
    pub input: Units,
    pub output: Units,
    pub fee: Fee,
    pub max_fee: Neuron,
    pub prices: Prices,
    pub price_version: u64,
}

/// How it stands with settling.
#[derive(Clone, Debug, Default)]
pub struct SettlementView {
    /// The operations under way.
    pub running: Vec<OperationId>,
    /// The last look at the books.
    pub forecast: Option<Arc<Forecast>>,
    /// A run of equal decisions counts as one.
    pub last_decision: Option<Decision>,
}

/// What does not work at the moment. Empty: all is well.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HealthView {
    /// Since when, and why, the chain cannot be read.
    pub chain: Option<String>,
    /// Why the books cannot be written. Nothing is served meanwhile.
    pub store: Option<String>,
    /// Vital tasks that died; only a restart brings them back.
    pub dead: Vec<String>,
    pub stopping: bool,
}

/// Something that happened.
#[derive(Clone, Debug)]
pub enum Event {
    RequestAdmitted {
        id: RequestId,
        user: Address,
        service: ServiceName,
        max_fee: Neuron,
    },
    RequestBooked(Box<RequestView>),
    VoucherTaken {
        user: Address,
        cumulative: Neuron,
    },
    AccountChanged {
        user: Address,
    },
    RefundRequested {
        user: Address,
        amount: Neuron,
        unlock_at: Timestamp,
    },
    ServiceChanged {
        name: ServiceName,
    },
    /// The server behind a service began or ceased to work.
    UpstreamChanged {
        name: ServiceName,
        health: Box<UpstreamHealth>,
    },
    SettlementSent {
        operation: OperationId,
        rows: usize,
    },
    /// A settlement has an outcome; `paid` and `gas` are neuron.
    SettlementEnded {
        operation: OperationId,
        state: OperationState,
        paid: Neuron,
        gas: Neuron,
    },
    Decided(Box<Decision>),
    /// The chain or the books stopped or began to work.
    HealthChanged(HealthView),
}

/// What works and what does not.
#[derive(Debug, Default)]
pub(super) struct Health {
    state: Mutex<HealthView>,
}

impl Health {
    pub(super) fn view(&self) -> HealthView {
        self.state.lock().clone()
    }

    pub(super) fn chain_failed(&self, error: &crate::chain::ChainError) {
        self.state.lock().chain = Some(error.to_string());
    }

    pub(super) fn chain_works(&self) {
        self.state.lock().chain = None;
    }

    pub(super) fn store_failed(&self, error: &crate::store::StoreError) {
        self.state.lock().store = Some(error.to_string());
    }

    pub(super) fn store_works(&self) {
        let mut state = self.state.lock();
        if state.store.is_some() {
            state.store = None;
        }
    }
}

/// Tells faces what is new.
#[derive(Debug)]
pub(super) struct Publisher {
    snapshots: watch::Sender<Arc<Snapshot>>,
    events: broadcast::Sender<Event>,
    changed: Notify,
}

impl Publisher {
    pub(super) fn new() -> Self {
        Publisher {
            snapshots: watch::Sender::new(Arc::default()),
            events: broadcast::Sender::new(EVENT_QUEUE),
            changed: Notify::new(),
        }
    }

    pub(super) fn subscribe(&self) -> watch::Receiver<Arc<Snapshot>> {
        self.snapshots.subscribe()
    }

    pub(super) fn events(&self) -> broadcast::Receiver<Event> {
        self.events.subscribe()
    }

    /// Something changed; a snapshot follows soon. Without listeners an event is nobody's.
    pub(super) fn tell(&self, event: Event) {
        let _ = self.events.send(event);
        self.changed.notify_one();
    }

    pub(super) fn touch(&self) {
        self.changed.notify_one();
    }
}

impl Core {
    /// All users, those who owe most first.
    pub(super) fn users(&self) -> Vec<UserView> {
        self.looked_at(self.book.first(usize::MAX))
    }

    /// A page of the list of users: at most so many, from the start or behind one of them. `None`: there is no such one.
    pub(super) fn users_after(&self, after: Option<UserPlace>, most: usize) -> UserPage {
        let total = self.book.len();
        let (pages, more) = match after {
            Some(after) => self.book.behind((Reverse(after.unsettled), after.user), most),
            None => (self.book.first(most), total > most),
        };
        let last = pages.last().filter(|_| more);
        let next = last.map(|page| UserPlace { unsettled: page.unsettled(), user: page.account.id.user });
        UserPage { users: self.looked_at(pages), total, next }
    }

    fn looked_at(&self, pages: Vec<Page>) -> Vec<UserView> {
        let rules = self.rules(self.book.chain_now(Timestamp::now()));
        let under_way = self.settling.users_under_way();
        pages.iter().map(|page| UserView::of(page, &rules, &under_way)).collect()
    }

    /// The present state, put together anew.
    pub(super) fn snapshot(&self, version: u64) -> Snapshot {
        let now = Timestamp::now();
        let users = self.looked_at(self.book.first(USERS_IN_SNAPSHOT));
        let mut health = self.health.view();
        health.stopping = self.tasks.stopping();
        health.dead = self.tasks.broken();
        Snapshot {
            version,
            at: Some(now),
            provider: self.me,
            chain_id: self.chain.id(),
            contract: self.chain.contract(),
            block: *self.block.lock(),
            services: self.service_views(),
            users,
            totals: self.book.totals(self.book.chain_now(now)),
            settlement: SettlementView {
                running: self.settling.running(),
                forecast: self.settling.forecast.lock().clone(),
                last_decision: self.settling.record.last(),
            },
            health,
        }
    }

    /// Publishes snapshots for as long as there is something new.
    pub(super) async fn publish(self: Arc<Self>) {
        let mut version = 1;
        loop {
            self.publisher.changed.notified().await;
            tokio::time::sleep(COALESCE).await;
            version += 1;
            self.publisher.snapshots.send_replace(Arc::new(self.snapshot(version)));
        }
    }

    /// The first snapshot, so that nobody ever sees an empty one.
    pub(super) fn publish_first(&self) {
        self.publisher.snapshots.send_replace(Arc::new(self.snapshot(1)));
    }
}
