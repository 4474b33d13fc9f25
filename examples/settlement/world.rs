//! The chain and everybody on it: the real contract on the embedded chain, users who deposit, spend, ask back and take,
//! and the provider's books. The clock is simulated: blocks are twelve seconds apart, and one in which nothing happens
//! is not mined at all.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::rc::Rc;

use alloy::primitives::U256;
use alloy::signers::SignerSync;
use alloy::signers::local::PrivateKeySigner;
use serde_json::json;
use zgserve_tui::broker::provider::BookPage as Page;
use zgserve_tui::broker::provider::claim;
use zgserve_tui::chain::devnet::Devnet;
use zgserve_tui::chain::{Call, Chain, EventFilter, EventKind, Fees, SettleRow};
use zgserve_tui::domain::{
    Address, B256, ChainAccount, Neuron, PendingRefund, Signature, SignedVoucher, Timestamp, Voucher,
};

use crate::history::{Event, History, START, What};
use crate::node::{self, Node, ask, sign, unsigned};
use crate::report::Totals;

/// What a request may fall short of the voucher, as in the provider's default settings.
const CREDIT: u128 = 1_000_000_000_000_000;
/// A user's transactions are mined at once, and before the provider's: the worst case.
const USER_FEES: Fees = Fees { max_fee: 2_000_000_000_000, priority: 5_000_000_000 };
const USER_GAS: u64 = 300_000;
/// What the provider owns at the start.
pub const PROVIDER_FUNDS: u128 = 1_000_000_000_000_000_000_000;

/// A user as it really is; what the provider knows of it is its page.
#[derive(Debug, Default)]
struct User {
    /// The account on the chain.
    account: Option<ChainAccount>,
    nonce: u64,
    /// A deposit is on its way.
    paying_in: bool,
    leaving: bool,
    /// Its page in the book.
    page: Option<usize>,
    /// All fees so far, each with what was owed after it, until it is settled.
    debts: VecDeque<(Neuron, Timestamp)>,
    /// What the latest wish for a refund meant to do.
    take: u64,
    call_off: Option<u64>,
}

/// What a user does on the chain when the time comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Later {
    Take,
    CallOff,
}

/// A transaction of the provider in a block.
#[derive(Clone, Copy, Debug)]
pub struct Mined {
    pub gas_used: u64,
    pub price: u128,
}

/// How many neuron a user was paid for, by transaction.
type Paid = HashMap<B256, Vec<(Address, Neuron)>>;

pub struct World {
    pub history: Rc<History>,
    pub now: u64,
    devnet: Devnet,
    pub chain: Chain,
    pub provider: PrivateKeySigner,
    /// The provider's books: one page a user, as the broker keeps them.
    pub book: Vec<Page>,
    users: Vec<User>,
    index: HashMap<Address, usize>,
    agenda: BinaryHeap<Reverse<(u64, usize, Later)>>,
    next_event: usize,
    /// Users whose accounts have changed since the provider last heard of the chain.
    unseen: Vec<usize>,
    refund_unseen: bool,
    /// Whether the provider follows the chain, or reads accounts only when its rule says so.
    follows: bool,
    /// Until when its process is down.
    pub down_until: u64,
    user_txs: usize,
    /// The lowest fee that would get one of the provider's waiting transactions mined.
    pub waiting: Option<u128>,
    pub paid: Paid,
    pub totals: Totals,
}

impl World {
    pub async fn new(history: Rc<History>, follows: bool) -> World {
        let Node { devnet, chain, provider } = node::start(history.plan.lock_time, PROVIDER_FUNDS).await;
        for person in &history.people {
            let funds = U256::from(10u128.pow(24));
            ask(&devnet, "anvil_setBalance", json!([person.wallet.address(), funds]));
        }
        let index =
            history.people.iter().enumerate().map(|(at, person)| (person.wallet.address(), at)).collect();
        let users = history.people.iter().map(|_| User::default()).collect();
        World {
            now: START,
            devnet,
            chain,
            provider,
            book: Vec::new(),
            users,
            index,
            agenda: BinaryHeap::new(),
            next_event: 0,
            unseen: Vec::new(),
            refund_unseen: false,
            follows,
            down_until: 0,
            user_txs: 0,
            waiting: None,
            paid: HashMap::new(),
            totals: Totals::default(),
            history,
        }
    }

    pub fn moment(&self) -> Timestamp {
        Timestamp::from_seconds(self.now)
    }

    /// Whether the provider's process runs.
    pub fn is_up(&self) -> bool {
        self.now >= self.down_until
    }

    /// Whether the provider runs and its node answers.
    pub fn reachable(&self) -> bool {
        self.is_up() && self.history.reachable(self.now)
    }

    /// When a user does something next.
    pub fn next_deed(&self) -> u64 {
        let event = self.history.events.get(self.next_event).map_or(u64::MAX, |event| event.at);
        self.agenda.peek().map_or(event, |Reverse((at, _, _))| event.min(*at))
    }

    /// Lets users do what they do by now.
    pub async fn deeds(&mut self) {
        let history = Rc::clone(&self.history);
        while let Some(event) = history.events.get(self.next_event).filter(|event| event.at <= self.now) {
            self.next_event += 1;
            self.deed(*event).await;
        }
        while let Some(Reverse((at, user, later))) = self.agenda.peek().copied()
            && at <= self.now
        {
            self.agenda.pop();
            let provider = self.provider.address();
            let pending = self.users[user].account.is_some_and(|account| account.refund.is_some());
            if pending {
                self.act(
                    user,
                    match later {
                        Later::Take => Call::ProcessRefund { provider },
                        Later::CallOff => Call::CancelRefund { provider },
                    },
                );
            }
        }
    }

    async fn deed(&mut self, event: Event) {
        let Event { user, what, .. } = event;
        let provider = self.provider.address();
        match what {
            What::Join => {
                let person = &self.history.people[user];
                let delegate = Some(person.delegate.address());
                let value = Neuron::new(person.deposit);
                self.act(user, Call::AddAccount { provider, delegate, value });
            }
            What::Spend { fee } => self.spend(user, Neuron::new(fee)).await,
            What::Refund { percent, take, call_off } => {
                let Some(account) = self.users[user].account else { return };
                let amount = Neuron::new(account.balance.get() * percent / 100);
                if amount.is_zero() || account.refund.is_some() {
                    return;
                }
                let one = &mut self.users[user];
                (one.take, one.call_off, one.leaving) = (take, call_off, percent == 100);
                self.act(user, Call::RequestRefund { provider, amount });
            }
        }
    }

    /// A request: admitted or not, answered, booked, promised. The real book has the same two rules.
    async fn spend(&mut self, user: usize, fee: Neuron) {
        if !self.is_up() {
            self.totals.refused += 1;
            return;
        }
        let (now, Some(at)) = (self.moment(), self.users[user].page) else {
            self.totals.refused += 1;
            return;
        };
        let after = self.book[at].owed.saturating_add(fee);
        // Upstream reads the account once more before it refuses, and so would ours.
        if after > self.book[at].account.coverage() && self.history.reachable(self.now) {
            self.read(user);
        }
        let person = &self.history.people[user];
        let page = &mut self.book[at];
        if after > page.account.coverage() {
            self.totals.refused += 1;
            return self.pay_in(user);
        }
        // The request's own voucher pays the answer before it, and what the credit limit does not cover of this one.
        let mut promise = page.owed.max(after.above(Neuron::new(CREDIT)));
        page.owed = after;
        if person.prompt {
            promise = promise.max(after);
        }
        let account = page.account.id;
        let promise = page.best.map_or(promise, |best| best.voucher.cumulative.max(promise));
        // Signed only when a settlement carries it; the rules look at amounts alone.
        page.best = Some(SignedVoucher {
            voucher: Voucher { account, epoch: 0, cumulative: promise },
            signature: unsigned(),
        });
        self.users[user].debts.push_back((after, now));
        page.debt_since = page.debt_since.or(Some(now));
        self.totals.requests += 1;
        self.totals.earned += fee.get();
        self.pay_in(user);
    }

    /// Pays in again when less than a day is left.
    fn pay_in(&mut self, user: usize) {
        let (person, one) = (&self.history.people[user], &self.users[user]);
        let (Some(account), Some(at)) = (one.account, one.page) else { return };
        let left = account.available(self.book[at].owed, Neuron::ZERO);
        if left.get() >= person.daily || one.paying_in || one.leaving || account.refund.is_some() {
            return;
        }
        let value = Neuron::new(person.deposit);
        self.users[user].paying_in = true;
        self.act(user, Call::Deposit { provider: self.provider.address(), value });
    }

    /// A user's transaction, for the next block.
    fn act(&mut self, user: usize, call: Call) {
        let wallet = &self.history.people[user].wallet;
        let intent = call.intent(self.chain.contract());
        let nonce = self.users[user].nonce;
        let (raw, _) = sign(wallet, self.chain.id(), nonce, USER_GAS, USER_FEES, intent);
        ask(&self.devnet, "eth_sendRawTransaction", json!([raw]));
        self.users[user].nonce += 1;
        self.user_txs += 1;
    }

    /// The block of this moment, if there is anything in it. Returns whether there is.
    pub async fn block(&mut self) -> bool {
        let base = self.history.base_fee(self.now);
        if self.user_txs == 0 && self.waiting.is_none_or(|most| most < u128::from(base)) {
            return false;
        }
        self.devnet.set_base_fee(base);
        ask(&self.devnet, "evm_setNextBlockTimestamp", json!([self.now]));
        self.devnet.mine(1).unwrap();
        if self.devnet.pending().is_empty() {
            self.waiting = None;
        }
        let filter = EventFilter { user: None, provider: Some(self.provider.address()) };
        let height = self.devnet.height();
        let events = self.chain.events(height, height, filter).await.unwrap();
        let of_users = events.iter().filter(|event| !matches!(event.kind, EventKind::Settled { .. }));
        self.totals.reverted += self.user_txs - of_users.count();
        self.user_txs = 0;
        for event in events {
            let Some(account) = event.kind.account() else { continue };
            let user = self.index[&account.user];
            self.happened(user, event.tx, event.kind);
            if self.unseen.last() != Some(&user) {
                self.unseen.push(user);
            }
        }
        true
    }

    /// Takes an event over into the users' own view of the chain, and counts.
    fn happened(&mut self, user: usize, tx: B256, kind: EventKind) {
        let now = self.moment();
        let one = &mut self.users[user];
        match kind {
            EventKind::AccountAdded { account: id, delegate, balance } => {
                let settled = Neuron::ZERO;
                let (epoch, rotation, refund) = (0, None, None);
                one.account = Some(ChainAccount { id, balance, settled, epoch, delegate, rotation, refund });
            }
            EventKind::Deposited { balance, .. } => {
                one.paying_in = false;
                one.account.as_mut().unwrap().balance = balance;
            }
            EventKind::RefundRequested { index, amount, unlock_at, .. } => {
                self.totals.refunds += 1;
                self.refund_unseen = true;
                one.account.as_mut().unwrap().refund =
                    Some(PendingRefund { index, amount, created_at: now, unlock_at });
                let (at, later) = match one.call_off {
                    Some(after) => (self.now + after, Later::CallOff),
                    // In the very block in which it unlocks.
                    None => (unlock_at.as_seconds() - 1 + one.take, Later::Take),
                };
                self.agenda.push(Reverse((at, user, later)));
            }
            EventKind::RefundCanceled { .. } => one.account.as_mut().unwrap().refund = None,
            EventKind::RefundProcessed { balance, .. } => {
                let account = one.account.as_mut().unwrap();
                let (before, refund) = (account.balance, account.refund.take());
                account.balance = balance;
                let settled = account.settled;
                self.lost(user, settled, before, balance, refund.unwrap().unlock_at.as_seconds());
            }
            EventKind::Settled { paid, settled, account } => {
                let known = one.account.as_mut().unwrap();
                assert_eq!(
                    settled,
                    known.settled.saturating_add(paid),
                    "I2: settled only grows by what is paid"
                );
                let page = &self.book[one.page.unwrap()];
                assert!(settled <= page.claim(now), "nothing is paid twice, nor more than owed and promised");
                (known.settled, known.balance) = (settled, known.balance.above(paid));
                self.totals.settled += paid.get();
                self.paid.entry(tx).or_default().push((account.user, paid));
            }
            _ => {}
        }
    }

    /// A refund was taken: what of the debt can no longer be paid?
    fn lost(&mut self, user: usize, settled: Neuron, before: Neuron, balance: Neuron, unlock: u64) {
        let Some(page) = self.users[user].page.map(|at| self.book[at]) else { return };
        let due = page.claim(self.moment()).above(settled);
        let lost = due.min(before).above(due.min(balance));
        self.totals.taken += 1;
        if lost.is_zero() {
            return;
        }
        // Worth a transaction of its own at the lowest price that the provider could have seen in the half of the lock
        // time in which it was to act?
        let lock = self.history.plan.lock_time;
        let cheapest = self.history.cheapest(unlock - lock / 2, unlock);
        if cheapest.is_none_or(|price| lost > claim::cost(1, price)) {
            self.totals.lost += lost.get();
            self.totals.losses += 1;
        } else {
            self.totals.lost_dust += lost.get();
            self.totals.dusty += 1;
        }
    }

    /// The provider hears what has happened on the chain since. Returns whether a refund was asked for.
    pub fn hear(&mut self) -> bool {
        if !self.reachable() {
            return false;
        }
        for user in std::mem::take(&mut self.unseen) {
            // New accounts are opened by either rule when the first request comes.
            if self.follows || self.users[user].page.is_none() {
                self.read(user);
            }
        }
        std::mem::take(&mut self.refund_unseen)
    }

    /// The provider reads an account.
    pub fn read(&mut self, user: usize) {
        let one = &mut self.users[user];
        let Some(account) = one.account else { return };
        let block = self.devnet.height();
        let at = *one.page.get_or_insert_with(|| {
            self.book.push(Page {
                account,
                block,
                owed: Neuron::ZERO,
                carried: Neuron::ZERO,
                reserved: Neuron::ZERO,
                in_flight: 0,
                best: None,
                debt_since: None,
                doubt: None,
            });
            self.book.len() - 1
        });
        let page = &mut self.book[at];
        (page.account, page.block) = (account, block);
        while one.debts.front().is_some_and(|(owed, _)| *owed <= account.settled) {
            one.debts.pop_front();
        }
        page.debt_since = one.debts.front().map(|(_, at)| *at);
    }

    /// Reads every account.
    pub fn read_all(&mut self) {
        for user in 0..self.users.len() {
            self.read(user);
        }
    }

    pub fn user(&self, address: Address) -> usize {
        self.index[&address]
    }

    pub fn page(&self, address: Address) -> &Page {
        &self.book[self.users[self.index[&address]].page.unwrap()]
    }

    /// The row as it goes to the contract, really signed now.
    pub fn row(&self, voucher: Voucher, claim: Neuron) -> SettleRow {
        let user = self.index[&voucher.account.user];
        let page = self.page(voucher.account.user);
        assert!(claim <= page.owed && claim <= page.best.unwrap().voucher.cumulative, "I12");
        let hash = voucher.signing_hash(&self.chain.domain());
        let signature = self.history.people[user].delegate.sign_hash_sync(&hash).unwrap();
        let signature = Signature::new(signature.as_bytes()).unwrap();
        SettleRow { voucher: SignedVoucher { voucher, signature }, claim }
    }

    /// Gives a signed transaction of the provider to the node.
    pub fn broadcast(&self, raw: &str) -> Result<(), String> {
        assert!(self.reachable(), "nothing goes out while the node is out of reach");
        let request = json!({"jsonrpc": "2.0", "id": 1, "method": "eth_sendRawTransaction", "params": [raw]});
        let answer = self.devnet.rpc(request).unwrap();
        match answer.get("error") {
            Some(error) => Err(error["message"].as_str().unwrap().to_owned()),
            None => Ok(()),
        }
    }

    /// The receipt of a transaction of the provider.
    pub fn receipt(&self, hash: B256) -> Option<Mined> {
        let receipt = ask(&self.devnet, "eth_getTransactionReceipt", json!([hash]));
        if receipt.is_null() {
            return None;
        }
        let number = |name: &str| {
            let value: U256 = serde_json::from_value(receipt[name].clone()).unwrap();
            u128::try_from(value).unwrap()
        };
        assert_eq!(number("status"), 1, "a settlement never reverts");
        Some(Mined { gas_used: number("gasUsed") as u64, price: number("effectiveGasPrice") })
    }

    /// The books at the end, held against the contract itself.
    pub async fn close(&mut self, gas_spent: u128) {
        let provider = self.provider.address();
        let accounts = self.chain.accounts_of_provider(provider, None).await.unwrap();
        let mut sum = 0;
        for account in accounts {
            let known = self.users[self.index[&account.id.user]].account.unwrap();
            assert_eq!((account.balance, account.settled), (known.balance, known.settled));
            assert_eq!(account.refund, known.refund);
            sum += account.balance.get();
        }
        let contract = self.chain.native_balance(self.chain.contract()).await.unwrap();
        assert_eq!(contract, sum, "I1: the contract holds the sum of all balances");
        let funds = self.chain.native_balance(provider).await.unwrap();
        assert_eq!(
            funds,
            PROVIDER_FUNDS + self.totals.settled - gas_spent,
            "the provider has what it was paid"
        );
        let now = self.moment();
        for page in &self.book {
            let account = self.users[self.index[&page.account.id.user]].account.unwrap();
            let due = page.claim(now).above(account.settled).min(account.balance);
            self.totals.still_owed += due.get();
            self.totals.unpromised += page.owed.above(page.claim(now)).get();
        }
        self.totals.blocks = self.devnet.height();
    }
}
