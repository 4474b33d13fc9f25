//! Our rule: the settlement engine's own `forecast` and `bid` over the simulated books, at the moments at which the
//! engine looks: every `checkInterval`, when a refund is asked for, when a settlement has ended, and when a rule has said
//! that it will ask. While the node is out of reach it tries again every ten seconds and can do nothing.
//!
//! A crash takes the engine's memory: what was tried, the bids, how long transactions take. Settlements under way come back
//! from their rows and transactions on disk, and get a bid at the first look.

use std::collections::{HashMap, HashSet};

use zgserve_tui::broker::provider::{
    Books, ClaimRow, GasHistory, Inclusion, MOST_UNDER_WAY, Rules, SettlementSettings, Tried, bid, claim,
    forecast,
};
use zgserve_tui::chain::Bid;
use zgserve_tui::domain::{Address, Neuron};

use crate::sender::{Ended, Row, Sender};
use crate::world::World;

/// Seconds after which a look that failed is repeated.
const RETRY: u64 = 10;

#[derive(Debug)]
pub struct Ours {
    settings: SettlementSettings,
    pub sender: Sender,
    pub next_look: u64,
    tried: HashMap<Address, Tried>,
    inclusion: Inclusion,
    gas: GasHistory,
    /// How long transactions took, as their operations on disk tell.
    took: Vec<u64>,
}

impl Ours {
    pub fn new(settings: SettlementSettings) -> Ours {
        Ours {
            settings,
            sender: Sender::default(),
            next_look: 0,
            tried: HashMap::new(),
            inclusion: Inclusion::default(),
            gas: GasHistory::default(),
            took: Vec::new(),
        }
    }

    /// A block has passed.
    pub fn sweep(&mut self, world: &mut World, refund_asked: bool) {
        if refund_asked {
            self.next_look = world.now;
        }
        if !world.reachable() || self.sender.open.is_empty() {
            return;
        }
        for ended in self.sender.ended(world) {
            self.end(world, ended);
            self.next_look = world.now;
        }
        self.sender.push(world);
    }

    fn end(&mut self, world: &mut World, Ended { sending, paid }: Ended) {
        let (now, took) = (world.moment(), world.now - sending.began);
        self.inclusion.add(took);
        self.took.push(took);
        for row in &sending.rows {
            let user = row.user();
            world.read(world.user(user));
            let page = world.page(user);
            if paid.iter().any(|(paid, _)| *paid == user) {
                self.tried.remove(&user);
            } else {
                let (epoch, cumulative, claim) = (row.voucher.epoch, row.voucher.cumulative, row.claim);
                let balance = page.account.balance;
                self.tried.insert(user, Tried { epoch, cumulative, claim, balance, at: now });
            }
        }
    }

    /// One look at the books, and what follows from it. `dies`: the process ends when a settlement is on disk and not
    /// yet with the node. Returns whether it did.
    pub fn look(&mut self, world: &mut World, dies: bool) -> bool {
        self.next_look = world.now + RETRY.min(self.settings.check_interval);
        if !world.reachable() {
            return false;
        }
        let price = Sender::price(world);
        self.gas.add(world.moment(), price.base + price.priority);
        let under_way: HashSet<Address> =
            self.sender.open.iter().flat_map(|one| one.rows.iter().map(Row::user)).collect();
        let books = Books {
            pages: &world.book,
            rules: Rules {
                now: world.moment(),
                lock_time: world.chain.lock_time(),
                inclusion: self.inclusion.p99(),
                settings: &self.settings,
            },
            gas_price: price.base + price.priority,
            cheap_gas: self.gas.cheap(),
            tried: &self.tried,
            under_way: &under_way,
        };
        let forecast = forecast(&books, false);
        // What is under way follows deadlines that have appeared since.
        for one in &mut self.sender.open {
            let fresh = bid(&books, &pays(&one.rows), false);
            let calm = one.bid.map_or(fresh.calm, |told| told.calm);
            one.bid = Some(Bid { calm, hurry: fresh.hurry });
        }
        let mut to_send = Vec::new();
        if !forecast.reasons.is_empty() {
            let free = MOST_UNDER_WAY.saturating_sub(self.sender.open.len());
            for rows in forecast.rows.chunks(claim::MOST_ROWS).take(free) {
                let rows: Vec<Row> = rows.iter().map(row).collect();
                let bid = bid(&books, &pays(&rows), false);
                to_send.push((rows, bid));
            }
        }
        let failed = !forecast.reasons.is_empty() && to_send.is_empty();
        if !failed {
            let next = forecast.next.map_or(u64::MAX, |(at, _)| at.as_seconds().max(world.now + 1));
            self.next_look = next.min(world.now + self.settings.check_interval);
        }
        for (sent, (rows, bid)) in to_send.into_iter().enumerate() {
            let Some(fees) = self.sender.offer(world, rows.len(), bid) else {
                // Gas costs more than this may; tried again soon.
                if sent == 0 {
                    self.next_look = world.now + RETRY.min(self.settings.check_interval);
                }
                break;
            };
            if sent == 0 {
                let mut codes: Vec<_> = forecast.reasons.iter().map(|reason| reason.code()).collect();
                codes.dedup();
                for code in codes {
                    *world.totals.reasons.entry(code).or_default() += 1;
                }
            }
            self.sender.send(world, rows, fees, Some(bid), dies);
            if dies {
                return true;
            }
        }
        false
    }

    /// The process has died and begins anew.
    pub fn restart(&mut self, world: &World) {
        self.sender.crashed(world.moment());
        self.inclusion = Inclusion::default();
        self.gas = GasHistory::default();
        self.inclusion = Inclusion::default();
        for took in self.took.iter().rev().take(100).rev() {
            self.inclusion.add(*took);
        }
        self.next_look = world.down_until;
    }
}

fn pays(rows: &[Row]) -> Vec<(Address, Neuron)> {
    rows.iter().map(|row| (row.user(), row.pays)).collect()
}

fn row(row: &ClaimRow) -> Row {
    Row { voucher: row.voucher.voucher, claim: row.claim, pays: row.pays }
}
