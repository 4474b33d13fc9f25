//! The provider's transactions under way: what `chain::sender` does, without its task and its clock. When to raise and by
//! how much is decided by the real functions (`chain::line`, `chain::Fees`).
//!
//! A [`Sending`] is what the journal and the settlement rows on disk hold, so it survives a crash; `bid` and the fields
//! below it are memory, and do not.

use std::time::Duration;

use zgserve_tui::broker::provider::claim;
use zgserve_tui::chain::{Bid, Call, Fees, GasPrice, SenderSettings, line};
use zgserve_tui::domain::{Address, B256, Neuron, Timestamp, Voucher};

use crate::history::TIP;
use crate::node::sign;
use crate::world::{Mined, World};

/// One row on disk.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    pub voucher: Voucher,
    pub claim: Neuron,
    pub pays: Neuron,
}

impl Row {
    pub fn user(&self) -> Address {
        self.voucher.account.user
    }
}

/// One signed transaction.
#[derive(Clone, Debug)]
struct Attempt {
    raw: String,
    hash: B256,
    fees: Fees,
}

/// A settlement under way: one nonce.
#[derive(Debug)]
pub struct Sending {
    pub rows: Vec<Row>,
    nonce: u64,
    gas_limit: u64,
    attempts: Vec<Attempt>,
    /// Accepted by the node.
    with_node: bool,
    pub bid: Option<Bid>,
    pub began: u64,
    since: u64,
    next_in_line: bool,
    bumps: u32,
}

/// A settlement that has ended, and what each row brought.
#[derive(Debug)]
pub struct Ended {
    pub sending: Sending,
    pub paid: Vec<(Address, Neuron)>,
}

#[derive(Debug, Default)]
pub struct Sender {
    settings: SenderSettings,
    next_nonce: u64,
    /// In the order of their nonces.
    pub open: Vec<Sending>,
    pub gas_spent: u128,
}

impl Sender {
    /// The price of gas as the node says it.
    pub fn price(world: &World) -> GasPrice {
        GasPrice::new(world.history.base_fee(world.now).into(), TIP)
    }

    /// What a settlement may offer at first under this bid; nothing if gas costs more than that.
    pub fn offer(&self, world: &World, rows: usize, bid: Bid) -> Option<Fees> {
        let cap = line::cap(Some(bid), gas_limit(rows), self.settings.max_fee_per_gas, world.moment());
        Fees::offer(Self::price(world), cap)
    }

    /// Writes a settlement down and sends it. `dies`: the process ends between the two.
    pub fn send(&mut self, world: &mut World, rows: Vec<Row>, fees: Fees, bid: Option<Bid>, dies: bool) {
        let mut sending = Sending {
            nonce: self.next_nonce,
            gas_limit: gas_limit(rows.len()),
            rows,
            attempts: Vec::new(),
            with_node: false,
            bid,
            began: world.now,
            since: world.now,
            next_in_line: false,
            bumps: 0,
        };
        self.next_nonce += 1;
        world.totals.settlements += 1;
        world.totals.rows += sending.rows.len();
        sending.sign(world, fees);
        if !dies {
            sending.broadcast(world);
        }
        self.open.push(sending);
        self.tell(world);
    }

    /// What is in a block by now.
    pub fn ended(&mut self, world: &mut World) -> Vec<Ended> {
        let mut ended = Vec::new();
        for sending in std::mem::take(&mut self.open) {
            let mined: Option<(B256, Mined)> =
                sending.attempts.iter().find_map(|one| Some((one.hash, world.receipt(one.hash)?)));
            let Some((hash, mined)) = mined else {
                self.open.push(sending);
                continue;
            };
            let cost = u128::from(mined.gas_used) * mined.price;
            self.gas_spent += cost;
            world.totals.gas_spent += cost;
            world.totals.gas_used += mined.gas_used;
            let paid = world.paid.remove(&hash).unwrap_or_default();
            world.totals.unpaid_rows += sending.rows.len() - paid.len();
            ended.push(Ended { sending, paid });
        }
        self.tell(world);
        ended
    }

    /// What one unit of gas may cost the order at `at`: its own bid, or that of a later one in a hurry, shared over all that
    /// must be mined before it.
    fn ceiling(&self, at: usize, now: Timestamp) -> u128 {
        let most = self.settings.max_fee_per_gas;
        let mut gas = 0;
        let of_line = self.open[at..].iter().filter_map(|one| {
            gas += one.gas_limit;
            (gas == one.gas_limit || one.bid.is_some_and(|bid| bid.presses(now)))
                .then(|| line::cap(one.bid, gas, most, now))
        });
        of_line.max().unwrap_or(0)
    }

    /// Broadcasts again what no node has, and raises what is stuck, as `chain::sender::push` does.
    pub fn push(&mut self, world: &mut World) {
        let now = world.moment();
        for at in 0..self.open.len() {
            if !self.open[at].with_node {
                self.open[at].broadcast(world);
            }
            if at == 0 && !self.open[0].next_in_line {
                (self.open[0].next_in_line, self.open[0].since) = (true, world.now);
            }
            let pressing = line::pressing(self.open[at..].iter().filter_map(|one| one.bid), now);
            let patience = line::patience(pressing, self.settings.replace_after, now);
            let one = &self.open[at];
            let waited = Duration::from_secs(world.now - one.since) >= patience;
            let may = pressing.is_some() || one.bumps < self.settings.max_bumps;
            if !one.next_in_line || !waited || !may {
                continue;
            }
            let ceiling = self.ceiling(at, now);
            let late = pressing.is_some_and(|hurry| now >= hurry.by);
            let (price, one) = (Self::price(world), &mut self.open[at]);
            one.since = world.now;
            let fees = one.fees();
            let fees = if late { fees.all_of(price, ceiling) } else { fees.raised(price, ceiling) };
            if let Some(fees) = fees {
                one.bumps += 1;
                one.sign(world, fees);
                one.broadcast(world);
                world.totals.replaced += 1;
            }
        }
        self.tell(world);
    }

    /// Sends everything again at this price of a unit of gas, where that is a raise that nodes take.
    pub fn reprice(&mut self, world: &mut World, fee: u128) {
        for one in &mut self.open {
            let old = one.fees().max_fee;
            if !one.with_node {
                one.broadcast(world);
            } else if fee > old {
                let fee = fee.max(old + old / 8 + 1);
                one.sign(world, Fees { max_fee: fee, priority: fee });
                one.broadcast(world);
                world.totals.replaced += 1;
            }
        }
        self.tell(world);
    }

    /// The process has died: what was in memory only is gone.
    pub fn crashed(&mut self, now: Timestamp) {
        for one in &mut self.open {
            (one.bid, one.since, one.next_in_line, one.bumps) = (None, now.as_seconds(), false, 0);
            one.with_node = false;
        }
    }

    /// Which fee would get something mined.
    fn tell(&self, world: &mut World) {
        let first = self.open.first().filter(|one| one.sent());
        world.waiting = first.map(|one| one.fees().max_fee);
    }
}

impl Sending {
    fn sign(&mut self, world: &World, fees: Fees) {
        let rows = self.rows.iter().map(|row| world.row(row.voucher, row.claim)).collect();
        let intent = Call::Settle { rows }.intent(world.chain.contract());
        let (raw, hash) = sign(&world.provider, world.chain.id(), self.nonce, self.gas_limit, fees, intent);
        self.attempts.push(Attempt { raw, hash, fees });
        self.with_node = false;
    }

    fn broadcast(&mut self, world: &World) {
        let Some(last) = self.attempts.last() else { return };
        match world.broadcast(&last.raw) {
            Ok(()) => {}
            Err(said) if said.contains("already known") || said.contains("nonce too low") => {}
            Err(said) => panic!("the node refuses a settlement: {said}"),
        }
        self.with_node = true;
    }

    /// Some node has, or had, one of its transactions.
    fn sent(&self) -> bool {
        !self.attempts.is_empty()
    }

    fn fees(&self) -> Fees {
        self.attempts.last().map_or(Fees { max_fee: 0, priority: 0 }, |last| last.fees)
    }
}

/// A fifth more than the rows need, as the real sender adds to the node's estimate.
fn gas_limit(rows: usize) -> u64 {
    claim::gas(rows) * 6 / 5
}
