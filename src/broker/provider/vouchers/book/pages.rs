//! All pages, with their order and the sums over them.
//!
//! A page changes through one door, [`Pages::change`], which takes its figures out of the sums before and puts them in
//! after. So lists, totals and whoever watches them cost the same with ten users and with ten thousand. What depends on
//! the clock, which is a change of delegate that comes due, is looked at when it is asked for.

use std::collections::{BTreeSet, HashMap};
use std::ops::Bound;

use super::page::{Page, Rank};
use crate::domain::{Address, Neuron, RunningSum, Timestamp};

/// Sums over all pages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    pub users: usize,
    pub owed: Neuron,
    pub settled: Neuron,
    pub unsettled: Neuron,
    pub reserved: Neuron,
    pub in_flight: usize,
    /// What a settlement of everybody could bring.
    pub claimable: Neuron,
    /// Users with something unsettled, and those of them whose debt is in danger or lost.
    pub debtors: usize,
    pub in_danger: usize,
}

#[derive(Debug, Default)]
pub(super) struct Pages {
    all: HashMap<Address, Page>,
    /// Those who owe most first.
    ranks: BTreeSet<Rank>,
    sums: Sums,
    /// Users with a change of delegate under way: what their debts are worth changes with the clock.
    rotating: BTreeSet<Address>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Sums {
    owed: RunningSum,
    settled: RunningSum,
    unsettled: RunningSum,
    reserved: RunningSum,
    in_flight: usize,
    debtors: usize,
    // Of pages that the clock does not change.
    claimable: RunningSum,
    in_danger: usize,
}

/// A page goes into the sums or out of them.
#[derive(Clone, Copy)]
enum Step {
    In,
    Out,
}

impl Step {
    fn sum(self, sum: &mut RunningSum, amount: Neuron) {
        match self {
            Step::In => sum.add(amount),
            Step::Out => sum.take(amount),
        }
    }

    fn count(self, sum: &mut usize, number: usize) {
        *sum = match self {
            Step::In => sum.saturating_add(number),
            Step::Out => sum.saturating_sub(number),
        };
    }
}

impl Sums {
    fn apply(&mut self, page: &Page, step: Step) {
        step.sum(&mut self.owed, page.owed);
        step.sum(&mut self.settled, page.account.settled);
        step.sum(&mut self.unsettled, page.unsettled());
        step.sum(&mut self.reserved, page.reserved);
        step.count(&mut self.in_flight, page.in_flight);
        step.count(&mut self.debtors, usize::from(!page.unsettled().is_zero()));
        if page.account.rotation.is_none() {
            // Any moment would do.
            let (claimable, in_danger) = standing(page, Timestamp::from_seconds(0));
            step.sum(&mut self.claimable, claimable);
            step.count(&mut self.in_danger, in_danger);
        }
    }
}

/// What a page could bring, and 1 if its debt is in danger.
fn standing(page: &Page, now: Timestamp) -> (Neuron, usize) {
    (page.claimable(now), usize::from(page.is_lost(now) || page.threat(now).is_some()))
}

impl Pages {
    pub fn get(&self, user: Address) -> Option<&Page> {
        self.all.get(&user)
    }

    pub fn len(&self) -> usize {
        self.all.len()
    }

    pub fn users(&self) -> impl Iterator<Item = Address> {
        self.all.keys().copied()
    }

    /// Those who owe most first, from the start or behind one of them.
    pub fn in_order(&self, after: Option<Rank>) -> impl Iterator<Item = &Page> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        self.ranks.range((from, Bound::Unbounded)).filter_map(|(_, user)| self.all.get(user))
    }

    /// Puts a page in place of the user's old one.
    pub fn put(&mut self, page: Page) {
        let user = page.account.id.user;
        self.open(user, || page);
        self.change(user, |old| *old = page);
    }

    /// Opens a page for a user who has none.
    pub fn open(&mut self, user: Address, page: impl FnOnce() -> Page) {
        self.all.entry(user).or_insert_with(|| {
            let page = page();
            self.sums.apply(&page, Step::In);
            self.ranks.insert(page.rank());
            if page.account.rotation.is_some() {
                self.rotating.insert(user);
            }
            page
        });
    }

    /// Opens the pages of many users who have none.
    pub fn open_all(&mut self, pages: Vec<Page>) {
        self.all.reserve(pages.len());
        for page in pages {
            self.open(page.account.id.user, || page);
        }
    }

    /// Changes a user's page, if there is one.
    pub fn change<T>(&mut self, user: Address, change: impl FnOnce(&mut Page) -> T) -> Option<T> {
        let page = self.all.get_mut(&user)?;
        let rank = page.rank();
        self.sums.apply(page, Step::Out);
        let changed = change(page);
        self.sums.apply(page, Step::In);
        if page.rank() != rank {
            self.ranks.remove(&rank);
            self.ranks.insert(page.rank());
        }
        if page.account.rotation.is_some() {
            self.rotating.insert(user);
        } else if !self.rotating.is_empty() {
            self.rotating.remove(&user);
        }
        Some(changed)
    }

    pub fn totals(&self, now: Timestamp) -> Totals {
        let Sums { owed, settled, unsettled, reserved, in_flight, debtors, mut claimable, mut in_danger } =
            self.sums;
        for page in self.rotating.iter().filter_map(|user| self.all.get(user)) {
            let (brings, threatened) = standing(page, now);
            claimable.add(brings);
            in_danger += threatened;
        }
        Totals {
            users: self.all.len(),
            owed: owed.get(),
            settled: settled.get(),
            unsettled: unsettled.get(),
            reserved: reserved.get(),
            in_flight,
            claimable: claimable.get(),
            debtors,
            in_danger,
        }
    }

    /// All of it added up again: what the sums have to be.
    #[cfg(test)]
    pub fn hold_together(&self) -> bool {
        let mut sums = Sums::default();
        self.all.values().for_each(|page| sums.apply(page, Step::In));
        let rotating = self.all.iter().filter(|(_, page)| page.account.rotation.is_some());
        self.sums == sums
            && self.ranks == self.all.values().map(Page::rank).collect()
            && self.rotating == rotating.map(|(user, _)| *user).collect()
    }
}
