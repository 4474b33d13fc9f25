//! Rows kept in step with the chain, accounts, names and looks.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Services;
use super::row::{Key, Known, Offer};
use super::runner::{Ask, Difference, Looked};
use crate::domain::{Address, Neuron, Service, ServiceName};
use crate::tui::kit::table::{Change, Row};
use crate::tui::user::part::Cx;
use crate::tui::user::shared::{Link, Shared};

/// Rows that are asked at once by themselves.
pub const AT_ONCE: usize = 10;
/// Seconds in which none is asked twice by itself.
const AGAIN: u64 = 60;

impl Services {
    /// Begins to take in the newest list, unless one is being taken in.
    pub(super) fn follow_list(&mut self, cx: &mut Cx<'_, Ask>) {
        if self.comparing {
            self.newer = true;
            return;
        }
        self.newer = false;
        let new = Arc::clone(&cx.shared.services);
        if Arc::ptr_eq(&new, &self.list) {
            self.listed = true;
            return;
        }
        self.comparing = true;
        self.version = cx.shared.services_version;
        let old = std::mem::replace(&mut self.list, Arc::clone(&new));
        cx.ask(Ask::Compare { version: self.version, old, new });
    }

    /// Takes in a slice of what differs.
    pub(super) fn take(&mut self, version: u64, changes: Vec<Difference>, done: bool, cx: &mut Cx<'_, Ask>) {
        if version != self.version {
            return;
        }
        let mut rows = Vec::with_capacity(changes.len());
        for change in changes {
            match change {
                Difference::Put(service) => {
                    let own = self.by_provider.entry(service.provider).or_default();
                    own.retain(|one| one.name != service.name);
                    own.push(Arc::clone(&service));
                    rows.push(Change::Put(self.offer(service)));
                }
                Difference::Gone(service) => {
                    if let Some(own) = self.by_provider.get_mut(&service.provider) {
                        own.retain(|one| one.name != service.name);
                    }
                    self.known.remove(&Key(Arc::clone(&service)));
                    rows.push(Change::Gone(Key(service)));
                }
            }
        }
        self.table.apply(rows);
        self.find_wanted();
        if done {
            (self.comparing, self.listed) = (false, true);
            if self.newer {
                self.follow_list(cx);
            }
        }
    }

    fn offer(&self, service: Arc<Service>) -> Offer {
        let mut offer = Offer::new(service);
        offer.available = self.funds.get(&offer.service.provider).copied();
        offer.alias = self.aliases.get(&offer.service.provider).cloned();
        if let Some(known) = self.known.get(&offer.key()) {
            offer.known = known.clone();
            // Prices that changed are compared anew.
            if let Some(change) = &mut offer.known.change {
                change.now = offer.service.prices;
            }
        }
        offer
    }

    /// Rows of providers whose account or name changed.
    pub(super) fn follow_providers(&mut self, shared: &Shared) -> bool {
        let accounts = &shared.snapshot.accounts;
        let funds: BTreeMap<Address, Neuron> =
            accounts.iter().map(|account| (account.provider, account.available)).collect();
        let mut changed: Vec<Address> = Vec::new();
        for provider in funds.keys().chain(self.funds.keys()) {
            if funds.get(provider) != self.funds.get(provider) {
                changed.push(*provider);
            }
        }
        for provider in shared.aliases.keys().chain(self.aliases.keys()) {
            if shared.aliases.get(provider) != self.aliases.get(provider) {
                changed.push(*provider);
            }
        }
        if changed.is_empty() {
            return false;
        }
        self.funds = funds;
        self.aliases.clone_from(&shared.aliases);
        changed.sort_unstable();
        changed.dedup();
        let services: Vec<_> =
            changed.iter().filter_map(|provider| self.by_provider.get(provider)).flatten().cloned().collect();
        let rows: Vec<_> = services.into_iter().map(|service| Change::Put(self.offer(service))).collect();
        self.table.apply(rows)
    }

    fn service(&self, provider: Address, name: &ServiceName) -> Option<Arc<Service>> {
        self.by_provider.get(&provider)?.iter().find(|one| one.name == *name).cloned()
    }

    /// Notes something about one service, and puts it on its row.
    fn note(&mut self, provider: Address, name: &ServiceName, work: impl FnOnce(&mut Known)) {
        let Some(service) = self.service(provider, name) else { return };
        work(self.known.entry(Key(Arc::clone(&service))).or_default());
        let row = self.offer(service);
        self.table.apply([Change::Put(row)]);
    }

    pub(super) fn looked(&mut self, provider: Address, name: &ServiceName, looked: Looked) {
        self.note(provider, name, |known| {
            if looked.probe.is_some() {
                known.asking = false;
                known.probe = looked.probe;
            }
            known.measured = looked.measured.or(known.measured.take());
            known.change = looked.change.or(known.change.take());
        });
    }

    /// Asks services whether they work. Those that are being asked are not asked again.
    pub(super) fn look_at(&mut self, services: Vec<(Address, ServiceName)>, cx: &mut Cx<'_, Ask>) {
        let now = cx.shared.now();
        let (mut asked, mut rows) = (Vec::new(), Vec::new());
        for (provider, name) in services {
            let Some(service) = self.service(provider, &name) else { continue };
            let known = self.known.entry(Key(Arc::clone(&service))).or_default();
            if !std::mem::replace(&mut known.asking, true) {
                known.asked_at = Some(now);
                rows.push(Change::Put(self.offer(service)));
                asked.push((provider, name));
            }
        }
        self.table.apply(rows);
        if !asked.is_empty() {
            cx.ask(Ask::Look(asked));
        }
    }

    /// Asks the rows in sight that were not asked lately, if that is due.
    pub(super) fn look_around(&mut self, cx: &mut Cx<'_, Ask>) {
        let ready = cx.shared.link == Link::Ready && !cx.shared.frozen;
        if !self.look_due || !ready || self.table.shown() == 0 {
            return;
        }
        self.look_due = false;
        let now = cx.shared.now();
        let lately = |at| now.seconds_since(at) < AGAIN;
        let due = self.table.visible().filter(|row| !row.known.asked_at.is_some_and(lately));
        let due: Vec<_> = due.take(AT_ONCE).map(named).collect();
        self.look_at(due, cx);
    }

    /// Reads the own books about one service.
    pub(super) fn measure(&mut self, provider: Address, service: &ServiceName, cx: &mut Cx<'_, Ask>) {
        if self.service(provider, service).is_some() {
            cx.ask(Ask::Measure(vec![(provider, service.clone())]));
        }
    }

    /// Selects what was asked for, once it is there.
    pub(super) fn find_wanted(&mut self) {
        let Some((provider, name)) = &self.wanted else { return };
        if let Some(service) = self.service(*provider, name) {
            let key = Key(service);
            // A filter may hide it; it is found once it does not.
            if self.table.choose(&key) {
                self.wanted = None;
            }
        }
    }
}

pub fn named(offer: &Offer) -> (Address, ServiceName) {
    (offer.service.provider, offer.service.name.clone())
}
