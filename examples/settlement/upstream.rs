//! Upstream's rule of 2024 for when to settle, over the same contract, vouchers, users and outages.
//!
//! Every 600 s it looks for an account with unsettled fees whose balance without the pending refund is below them, or whose
//! balance was last read more than `lockTime` + 18,000 s ago. If there is one it reads all accounts and settles everybody
//! who owes anything. Every 86,400 s it settles everybody in any case. It reads an account when it settles, and when a
//! request would pass the balance it knows; it does not follow events, so it hears of a refund by reading only.
//!
//! Where upstream did worse than its rule, this does not: a batch is split at our 200 rows instead of failing above six
//! users, a bad row does not revert the others, exactly what was paid counts as paid, a transaction that is stuck is
//! repriced at the next look instead of being given up, no second one is sent meanwhile, its timers survive a crash, and a
//! start does not settle. What cannot go out in an outage goes out at the next look after it. The gas price is the
//! node's, as a legacy transaction offers it.

use zgserve_tui::broker::provider::{BookPage as Page, claim};
use zgserve_tui::chain::Fees;
use zgserve_tui::domain::{Neuron, Timestamp};

use crate::history::START;
use crate::sender::{Row, Sender};
use crate::world::World;

const CHECK: u64 = 600;
const BUFFER: u64 = 18_000;
const FORCE: u64 = 86_400;
/// What upstream's own contract was measured to use for a batch of at most six users, and for each of them.
const OWN_BATCH: usize = 237_000;
const OWN_ROW: usize = 113_000;

#[derive(Debug)]
pub struct Upstream {
    pub sender: Sender,
    pub next_look: u64,
    next_force: u64,
    /// When all balances were last read.
    checked: u64,
    /// Per page: the claim at the last settlement. After one nothing counts as unsettled, paid or not.
    closed: Vec<Neuron>,
}

impl Upstream {
    pub fn new() -> Upstream {
        Upstream {
            sender: Sender::default(),
            next_look: START + CHECK,
            next_force: START + FORCE,
            checked: START,
            closed: Vec::new(),
        }
    }

    pub fn sweep(&mut self, world: &mut World) {
        if !world.reachable() || self.sender.open.is_empty() {
            return;
        }
        if !self.sender.ended(world).is_empty() && self.sender.open.is_empty() {
            self.read_all(world);
        }
    }

    fn read_all(&mut self, world: &mut World) {
        world.read_all();
        self.checked = world.now;
    }

    pub fn look(&mut self, world: &mut World, dies: bool) -> bool {
        self.next_look = world.now + CHECK;
        if !world.reachable() {
            return false;
        }
        let price = Sender::price(world);
        let fee = price.base + price.priority;
        if !self.sender.open.is_empty() {
            self.sender.reprice(world, fee);
            return false;
        }
        let forced = world.now >= self.next_force;
        if !forced && !self.in_danger(world) {
            return false;
        }
        if forced {
            self.next_force += FORCE;
        }
        *world.totals.reasons.entry(if forced { "forced" } else { "check" }).or_default() += 1;
        self.read_all(world);
        let now = world.moment();
        let rows: Vec<Row> = world.book.iter().filter_map(|page| row(page, now)).collect();
        self.closed = world.book.iter().map(|page| page.claim(now)).collect();
        for rows in rows.chunks(claim::MOST_ROWS) {
            world.totals.own_contract_gas += OWN_BATCH * rows.len().div_ceil(6) + OWN_ROW * rows.len();
            self.sender.send(world, rows.to_vec(), Fees { max_fee: fee, priority: fee }, None, dies);
            if dies {
                return true;
            }
        }
        false
    }

    /// Whether one account makes it settle.
    fn in_danger(&self, world: &World) -> bool {
        let now = world.moment();
        let lock_time = world.chain.lock_time();
        let stale = world.now > self.checked + lock_time + BUFFER;
        world.book.iter().enumerate().any(|(at, page)| {
            let closed = self.closed.get(at).copied().unwrap_or_default();
            let unsettled = page.claim(now).above(page.account.settled.max(closed));
            let lock_balance = page.account.balance.above(page.account.pending_refund());
            !unsettled.is_zero() && (lock_balance < unsettled || stale)
        })
    }

    pub fn restart(&mut self, world: &World) {
        self.sender.crashed(world.moment());
        self.next_look = self.next_look.max(world.down_until);
    }
}

fn row(page: &Page, now: Timestamp) -> Option<Row> {
    let row = claim::row(page, now)?.ok()?;
    Some(Row { voucher: row.voucher.voucher, claim: row.claim, pays: row.pays })
}
