//! The provider's book in memory: per user what is owed, what requests in flight hold, the best voucher and the
//! account as the chain last told it. The one gate through which every charged request passes.
//!
//! A request is admitted iff
//!
//! ```text
//! (1) owed + reserved + maxFee ≤ best.cumulative + creditLimit
//! (2) owed + reserved + maxFee ≤ settled + balance − pendingRefund
//! ```
//!
//! One short lock holds all of it; nothing awaits under it. The durable books are in the store: what is here is
//! rebuilt from there and from the chain at every start, with `reserved` at zero.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use parking_lot::Mutex;

use crate::domain::{Address, ChainAccount, Neuron, PendingRefund, RequestId, SignedVoucher, Timestamp};

/// One user's page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    pub account: ChainAccount,
    /// The block at which `account` was read.
    pub block: u64,
    /// All fees ever, booked durably. Never below what the chain has settled.
    pub owed: Neuron,
    /// Held for requests in flight.
    pub reserved: Neuron,
    pub in_flight: usize,
    /// The best voucher of any epoch; [`Page::voucher`] tells whether it still counts.
    pub best: Option<SignedVoucher>,
    /// When the oldest debt that is not settled was booked.
    pub debt_since: Option<Timestamp>,
}

impl Page {
    /// Epoch and delegate as they count at `now`: a change that has come due counts without an event.
    pub fn epoch(&self, now: Timestamp) -> (u32, Option<Address>) {
        match self.account.rotation {
            Some(rotation) if now >= rotation.active_at => {
                (self.account.epoch.saturating_add(1), rotation.delegate)
            }
            _ => (self.account.epoch, self.account.delegate),
        }
    }

    /// Whether `signer` may sign vouchers and requests on this account at `now`.
    pub fn may_sign(&self, signer: Address, now: Timestamp) -> bool {
        signer == self.account.id.user || self.epoch(now).1 == Some(signer)
    }

    /// The best voucher that the contract would still take.
    pub fn voucher(&self, now: Timestamp) -> Option<SignedVoucher> {
        self.best.filter(|best| best.voucher.epoch == self.epoch(now).0)
    }

    /// How much the user has promised or already paid.
    pub fn promised(&self, now: Timestamp) -> Neuron {
        let voucher = self.voucher(now).map_or(Neuron::ZERO, |best| best.voucher.cumulative);
        voucher.max(self.account.settled)
    }

    /// Owed and not yet paid on chain.
    pub fn unsettled(&self) -> Neuron {
        self.owed.above(self.account.settled)
    }

    /// What a settlement may claim in all: never above what is owed nor above what was promised (I12).
    pub fn claim(&self, now: Timestamp) -> Neuron {
        self.voucher(now).map_or(Neuron::ZERO, |best| best.voucher.cumulative.min(self.owed))
    }
}

/// Why a request gets no place in the book.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::broker::provider) enum Denied {
    /// The user has no page; its account was never read.
    Unknown,
    /// The id is being served right now.
    Duplicate,
    TooMany {
        most: usize,
    },
    /// Rule (1): a voucher for at least `required` would help.
    Promise(Box<Short>),
    /// Rule (2): a deposit would help.
    Funds(Box<Short>),
}

/// The numbers of a shortage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::broker::provider) struct Short {
    pub page: Page,
    /// The cumulative amount that a voucher must promise for the request to pass rule (1).
    pub required: Neuron,
    /// The best voucher of the present epoch.
    pub voucher: Option<SignedVoucher>,
}

/// All pages, and which requests are being served.
#[derive(Debug)]
pub(in crate::broker::provider) struct Book {
    state: Mutex<State>,
    credit: Neuron,
    most_in_flight: usize,
}

#[derive(Debug, Default)]
struct State {
    pages: HashMap<Address, Page>,
    running: HashSet<RequestId>,
    /// Requests that ended without being booked or struck off; the row in the store is still `admitted`.
    abandoned: Vec<RequestId>,
    /// By how many seconds the chain's clock is ahead of ours.
    ahead: u64,
}

/// Sums over all pages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    pub users: usize,
    pub owed: Neuron,
    pub settled: Neuron,
    pub unsettled: Neuron,
    pub reserved: Neuron,
    pub in_flight: usize,
}

impl Book {
    pub(in crate::broker::provider) fn new(credit: Neuron, most_in_flight: usize) -> Arc<Self> {
        Arc::new(Book { state: Mutex::default(), credit, most_in_flight })
    }

    pub(in crate::broker::provider) fn credit(&self) -> Neuron {
        self.credit
    }

    pub(in crate::broker::provider) fn page(&self, user: Address) -> Option<Page> {
        self.state.lock().pages.get(&user).copied()
    }

    pub(in crate::broker::provider) fn pages(&self) -> Vec<Page> {
        self.state.lock().pages.values().copied().collect()
    }

    /// How many users have a page.
    pub(in crate::broker::provider) fn len(&self) -> usize {
        self.state.lock().pages.len()
    }

    pub(in crate::broker::provider) fn users(&self) -> Vec<Address> {
        self.state.lock().pages.keys().copied().collect()
    }

    /// The chain's present moment as well as we know it: never behind our own clock.
    pub(in crate::broker::provider) fn chain_now(&self, now: Timestamp) -> Timestamp {
        let ahead = self.state.lock().ahead;
        if ahead == 0 { now } else { now.plus_seconds(ahead) }
    }

    /// A block of time `time` was seen at `now`.
    pub(in crate::broker::provider) fn saw_block(&self, time: Timestamp, now: Timestamp) {
        self.state.lock().ahead = time.seconds_since(now);
    }

    /// Opens a page at the start, from the durable books.
    pub(in crate::broker::provider) fn restore(&self, page: Page) {
        self.state
            .lock()
            .pages
            .insert(page.account.id.user, Page { reserved: Neuron::ZERO, in_flight: 0, ..page });
    }

    /// Takes over an account as read from the chain at `block`. A reading older than what is known is ignored,
    /// unless `forced` because a reorg undid what was known. Returns the page's `owed`, which rises to what the
    /// chain has settled: that much was surely owed, even if our own books were lost.
    pub(in crate::broker::provider) fn refresh(
        &self,
        account: ChainAccount,
        block: u64,
        forced: bool,
    ) -> Page {
        let mut state = self.state.lock();
        let page = state.pages.entry(account.id.user).or_insert(Page {
            account,
            block,
            owed: account.settled,
            reserved: Neuron::ZERO,
            in_flight: 0,
            best: None,
            debt_since: None,
        });
        if forced || block >= page.block {
            page.account = account;
            page.block = block;
        }
        page.owed = page.owed.max(page.account.settled);
        if page.unsettled().is_zero() {
            page.debt_since = None;
        }
        *page
    }

    /// The debt of a page is this old, if it still has one.
    pub(in crate::broker::provider) fn debt_since(&self, user: Address, since: Timestamp) {
        if let Some(page) = self.state.lock().pages.get_mut(&user)
            && !page.unsettled().is_zero()
        {
            page.debt_since = Some(since);
        }
    }

    /// The chain has no such account (any more: a reorg has undone it). What is owed stays in the book.
    pub(in crate::broker::provider) fn vanished(&self, user: Address) {
        if let Some(page) = self.state.lock().pages.get_mut(&user) {
            page.account.balance = Neuron::ZERO;
            page.account.refund = None;
        }
    }

    /// From this moment on the refund no longer backs requests, whatever the node says about the block.
    pub(in crate::broker::provider) fn refund_requested(
        &self,
        user: Address,
        refund: PendingRefund,
        block: u64,
    ) {
        if let Some(page) = self.state.lock().pages.get_mut(&user)
            && block >= page.block
        {
            page.account.refund = Some(refund);
        }
    }

    /// A voucher whose signature was checked. The larger of the newer epoch wins. Returns whether it is news.
    pub(in crate::broker::provider) fn voucher(&self, signed: SignedVoucher) -> bool {
        let mut state = self.state.lock();
        let Some(page) = state.pages.get_mut(&signed.voucher.account.user) else { return false };
        let rank = |signed: &SignedVoucher| (signed.voucher.epoch, signed.voucher.cumulative);
        let news = page.best.as_ref().is_none_or(|best| rank(&signed) > rank(best));
        if news {
            page.best = Some(signed);
        }
        news
    }

    /// Holds `max_fee` for a request, if the two rules allow it.
    pub(in crate::broker::provider) fn reserve(
        self: &Arc<Self>,
        user: Address,
        request: RequestId,
        max_fee: Neuron,
        now: Timestamp,
    ) -> Result<Reservation, Denied> {
        let mut state = self.state.lock();
        let state = &mut *state;
        let now = if state.ahead == 0 { now } else { now.plus_seconds(state.ahead) };
        let page = state.pages.get_mut(&user).ok_or(Denied::Unknown)?;
        if state.running.contains(&request) {
            return Err(Denied::Duplicate);
        }
        if page.in_flight >= self.most_in_flight {
            return Err(Denied::TooMany { most: self.most_in_flight });
        }
        let after = page.owed.checked_add(page.reserved).and_then(|sum| sum.checked_add(max_fee));
        let short = |page: &Page| {
            Box::new(Short {
                page: *page,
                required: after.map_or(Neuron::MAX, |after| after.above(self.credit)),
                voucher: page.voucher(now),
            })
        };
        let Some(after) = after else { return Err(Denied::Funds(short(page))) };
        if after > page.account.coverage() {
            return Err(Denied::Funds(short(page)));
        }
        if after > page.promised(now).saturating_add(self.credit) {
            return Err(Denied::Promise(short(page)));
        }
        page.reserved = page.reserved.saturating_add(max_fee);
        page.in_flight += 1;
        state.running.insert(request);
        Ok(Reservation { book: Arc::clone(self), request, user, max_fee, end: End::Nothing })
    }

    /// Requests whose task died: their rows wait to be struck off.
    pub(in crate::broker::provider) fn take_abandoned(&self) -> Vec<RequestId> {
        std::mem::take(&mut self.state.lock().abandoned)
    }

    /// They could not be struck off; the next round tries again.
    pub(in crate::broker::provider) fn put_back_abandoned(&self, requests: Vec<RequestId>) {
        self.state.lock().abandoned.extend(requests);
    }

    pub(in crate::broker::provider) fn running(&self) -> usize {
        self.state.lock().running.len()
    }

    pub(in crate::broker::provider) fn is_running(&self, id: RequestId) -> bool {
        self.state.lock().running.contains(&id)
    }

    pub(in crate::broker::provider) fn totals(&self) -> Totals {
        let state = self.state.lock();
        let mut totals = Totals { users: state.pages.len(), ..Totals::default() };
        for page in state.pages.values() {
            totals.owed = totals.owed.saturating_add(page.owed);
            totals.settled = totals.settled.saturating_add(page.account.settled);
            totals.unsettled = totals.unsettled.saturating_add(page.unsettled());
            totals.reserved = totals.reserved.saturating_add(page.reserved);
            totals.in_flight += page.in_flight;
        }
        totals
    }
}

/// The hold of one request in flight; gives it back when dropped, however the request ends.
#[derive(Debug)]
pub(in crate::broker::provider) struct Reservation {
    book: Arc<Book>,
    request: RequestId,
    user: Address,
    max_fee: Neuron,
    end: End,
}

#[derive(Debug)]
enum End {
    /// No row was written.
    Nothing,
    /// The row is in the store, or may be.
    Row,
    /// The row is closed; so much is owed in all since.
    Booked { owed: Neuron, at: Timestamp },
}

impl Reservation {
    #[cfg(test)]
    pub(in crate::broker::provider) fn max_fee(&self) -> Neuron {
        self.max_fee
    }

    /// From now on a row may exist that somebody has to close.
    pub(in crate::broker::provider) fn row_written(&mut self) {
        self.end = End::Row;
    }

    /// The row never came to be.
    pub(in crate::broker::provider) fn row_refused(&mut self) {
        self.end = End::Nothing;
    }

    /// The row is closed: what is owed now stands, and the hold is given back, in one step.
    ///
    /// `owed` is the sum that the store has after this very booking. Bookings of one user may be told here in
    /// another order than they were made; the sums only grow, so the largest is the present one.
    pub(in crate::broker::provider) fn booked(mut self, owed: Neuron, at: Timestamp) {
        self.end = End::Booked { owed, at };
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        let mut state = self.book.state.lock();
        state.running.remove(&self.request);
        if let Some(page) = state.pages.get_mut(&self.user) {
            page.reserved = page.reserved.above(self.max_fee);
            page.in_flight = page.in_flight.saturating_sub(1);
            if let End::Booked { owed, at } = self.end {
                page.owed = page.owed.max(owed);
                if !page.unsettled().is_zero() && page.debt_since.is_none() {
                    page.debt_since = Some(at);
                }
            }
        }
        if matches!(self.end, End::Row) {
            state.abandoned.push(self.request);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::super::super::test_values::{page, voucher};
    use super::*;
    use crate::domain::Rotation;
    use proptest::prelude::*;

    const USER: Address = Address::repeat_byte(1);

    fn now() -> Timestamp {
        Timestamp::from_seconds(1_000)
    }

    fn book(credit: u128, page: Page) -> Arc<Book> {
        let book = Book::new(Neuron::new(credit), 64);
        book.restore(page);
        book
    }

    fn reserve(book: &Arc<Book>, fee: u128) -> Result<Reservation, Denied> {
        book.reserve(USER, RequestId::random(), Neuron::new(fee), now())
    }

    /// Rows: balance, settled, pending refund, owed, voucher, credit, maxFee → admitted, short of promise, of funds.
    #[test]
    fn the_admission_table() {
        #[allow(clippy::type_complexity, reason = "a table, read once, just below")]
        let table: &[(u128, u128, u128, u128, Option<u128>, u128, u128, &str)] = &[
            (100, 0, 0, 0, None, 10, 10, "yes"),
            (100, 0, 0, 0, None, 10, 11, "promise"),
            (100, 0, 0, 0, Some(50), 10, 60, "yes"),
            (100, 0, 0, 0, Some(50), 10, 61, "promise"),
            (100, 0, 0, 0, Some(500), 10, 100, "yes"),
            (100, 0, 0, 0, Some(500), 10, 101, "funds"),
            (100, 0, 30, 0, Some(500), 0, 70, "yes"),
            (100, 0, 30, 0, Some(500), 0, 71, "funds"),
            (20, 80, 0, 90, Some(500), 0, 10, "yes"),
            (20, 80, 0, 90, Some(500), 0, 11, "funds"),
            (100, 80, 0, 80, None, 5, 5, "yes"), // what was paid counts as promised
            (100, 80, 0, 80, Some(40), 5, 6, "promise"),
            (0, 0, 0, 0, Some(500), 500, 0, "yes"),
            (0, 0, 0, 0, Some(500), 500, 1, "funds"),
            (100, 0, 0, 0, Some(500), 10, u128::MAX, "funds"),
        ];
        for row in table {
            let &(balance, settled, refund, owed, promised, credit, fee, expected) = row;
            let mut page = page(1, balance, settled);
            page.owed = Neuron::new(owed);
            page.best = promised.map(|sum| voucher(1, 0, sum));
            if refund > 0 {
                page.account.refund = Some(PendingRefund {
                    index: 1,
                    amount: Neuron::new(refund),
                    created_at: now(),
                    unlock_at: now(),
                });
            }
            let book = book(credit, page);
            let found = match reserve(&book, fee) {
                Ok(_) => "yes",
                Err(Denied::Promise(_)) => "promise",
                Err(Denied::Funds(_)) => "funds",
                Err(_) => "other",
            };
            assert_eq!(found, expected, "{row:?}");
            assert_eq!(book.totals().reserved, Neuron::ZERO, "{row:?}");
        }
    }

    #[test]
    fn the_shortage_names_what_would_help() {
        let mut page = page(1, 1_000, 0);
        page.owed = Neuron::new(40);
        page.best = Some(voucher(1, 0, 30));
        let book = book(10, page);
        let Err(Denied::Promise(short)) = reserve(&book, 5) else { unreachable!("it must be short") };
        assert_eq!(short.required, Neuron::new(35));
        book.voucher(voucher(1, 0, 35));
        assert!(reserve(&book, 5).is_ok());
    }

    #[test]
    fn holds_add_up_and_come_back() {
        let mut page = page(1, 100, 0);
        page.best = Some(voucher(1, 0, 1_000));
        let book = book(0, page);
        let first = reserve(&book, 60).unwrap();
        assert!(matches!(reserve(&book, 41), Err(Denied::Funds(_))));
        let second = reserve(&book, 40).unwrap();
        first.booked(Neuron::new(10), now());
        let totals = book.totals();
        assert_eq!((totals.owed, totals.reserved, totals.in_flight), (Neuron::new(10), Neuron::new(40), 1));
        drop(second);
        assert!(reserve(&book, 90).is_ok());
        assert!(matches!(reserve(&book, 91), Err(Denied::Funds(_))));
        assert_eq!(book.running(), 0);
    }

    #[test]
    fn one_id_is_served_once_at_a_time_and_a_dead_task_leaves_its_row_to_be_struck_off() {
        let book = book(100, page(1, 100, 0));
        let id = RequestId::random();
        let mut held = book.reserve(USER, id, Neuron::new(1), now()).unwrap();
        assert_eq!(book.reserve(USER, id, Neuron::new(1), now()).unwrap_err(), Denied::Duplicate);
        held.row_written();
        drop(held);
        assert_eq!(book.take_abandoned(), [id]);
        assert!(book.take_abandoned().is_empty());
    }

    #[test]
    fn vouchers_are_a_maximum_and_a_new_epoch_starts_over() {
        let book = book(0, page(1, 1_000, 0));
        for (sum, news) in [(10, true), (5, false), (10, false), (30, true), (20, false)] {
            assert_eq!(book.voucher(voucher(1, 0, sum)), news);
        }
        let mut account = book.page(USER).unwrap().account;
        account.rotation = Some(Rotation { delegate: None, active_at: Timestamp::from_seconds(999) });
        book.refresh(account, 2, false);
        let page = book.page(USER).unwrap();
        assert_eq!(page.voucher(now()), None);
        assert!(book.voucher(voucher(1, 1, 7)));
        assert_eq!(book.page(USER).unwrap().promised(now()), Neuron::new(7));
    }

    #[test]
    fn old_readings_do_not_undo_newer_ones_and_settled_money_was_owed() {
        let book = book(0, page(1, 100, 0));
        let read = |balance, settled| page(1, balance, settled).account;
        assert_eq!(book.refresh(read(60, 40), 7, false).owed, Neuron::new(40));
        assert_eq!(book.refresh(read(100, 0), 6, false).account.balance, Neuron::new(60));
        assert_eq!(book.refresh(read(100, 0), 6, true).account.balance, Neuron::new(100));
        assert_eq!(book.page(USER).unwrap().owed, Neuron::new(40));
    }

    #[test]
    fn many_at_once_never_pass_the_limit() {
        let mut page = page(1, 1_000, 0);
        page.best = Some(voucher(1, 0, 1_000));
        let book = book(0, page);
        let held: Vec<_> = std::thread::scope(|scope| {
            let running: Vec<_> = (0..64).map(|_| scope.spawn(|| reserve(&book, 30))).collect();
            running.into_iter().filter_map(|thread| thread.join().unwrap().ok()).collect()
        });
        assert_eq!(held.len(), 33);
        assert_eq!(book.totals().reserved, Neuron::new(990));
        drop(held);
        assert_eq!(book.totals(), Totals { users: 1, ..Totals::default() });
    }

    proptest! {
        /// However requests come and go, what is owed and held stays within both rules.
        #[test]
        fn both_rules_hold_after_every_step(
            balance in 0u128..500, promised in 0u128..500, credit in 0u128..100,
            steps in proptest::collection::vec((0u128..80, 0usize..4, 0u128..80), 1..60),
        ) {
            let mut first = page(1, balance, 0);
            first.best = Some(voucher(1, 0, promised));
            let book = book(credit, first);
            let mut held = Vec::new();
            for (fee, what, paid) in steps {
                if what < 2 {
                    held.extend(reserve(&book, fee));
                } else if let Some(one) = held.pop() {
                    let owed = book.page(USER).unwrap().owed;
                    let fee = one.max_fee().min(Neuron::new(paid));
                    if what == 2 { one.booked(owed.saturating_add(fee), now()) } else { drop(one) }
                }
                let page = book.page(USER).unwrap();
                let claimed = page.owed.get() + page.reserved.get();
                prop_assert!(claimed <= balance && claimed <= promised + credit);
                prop_assert_eq!(page.in_flight, held.len());
            }
            drop(held);
            prop_assert_eq!(book.page(USER).unwrap().reserved, Neuron::ZERO);
        }
    }
}
