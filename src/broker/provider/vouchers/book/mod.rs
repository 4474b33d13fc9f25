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
//! Shortly before a change of delegate voids the voucher, only what is settled counts as promised in (1): a debt that is
//! made then could not be settled in time.
//!
//! One short lock holds all of it; nothing awaits under it. The durable books are in the store: what is here is
//! rebuilt from there and from the chain at every start, with `reserved` at zero.

mod page;
mod pages;

use std::collections::HashSet;
use std::sync::Arc;

use parking_lot::Mutex;

use self::page::Rank;
use self::pages::Pages;
use crate::domain::{Address, ChainAccount, Neuron, PendingRefund, RequestId, SignedVoucher, Timestamp};

pub(in crate::broker::provider) use self::page::Adopted;
pub use self::page::{Page, Threat};
pub use self::pages::Totals;

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
    /// Rule (1), with a voucher that covers the request and is void in so many seconds.
    VoidSoon {
        seconds: u64,
    },
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
    pages: Pages,
    running: HashSet<RequestId>,
    /// Requests that ended without being booked or struck off; the row in the store is still `admitted`.
    abandoned: Vec<RequestId>,
    /// By how many seconds the chain's clock is ahead of ours.
    ahead: u64,
}

impl Book {
    pub(in crate::broker::provider) fn new(credit: Neuron, most_in_flight: usize) -> Arc<Self> {
        Arc::new(Book { state: Mutex::default(), credit, most_in_flight })
    }

    pub(in crate::broker::provider) fn credit(&self) -> Neuron {
        self.credit
    }

    pub(in crate::broker::provider) fn page(&self, user: Address) -> Option<Page> {
        self.state.lock().pages.get(user).copied()
    }

    /// The pages of all who owe something, those who owe most first.
    pub(in crate::broker::provider) fn debtors(&self) -> Vec<Page> {
        let state = self.state.lock();
        state.pages.in_order(None).take_while(|page| !page.unsettled().is_zero()).copied().collect()
    }

    /// So many pages, those who owe most first.
    pub(in crate::broker::provider) fn first(&self, most: usize) -> Vec<Page> {
        self.state.lock().pages.in_order(None).take(most).copied().collect()
    }

    /// So many pages behind a place in that order, whoever stands there now, and whether others come behind them.
    pub(in crate::broker::provider) fn behind(&self, place: Rank, most: usize) -> (Vec<Page>, bool) {
        let state = self.state.lock();
        let mut rest = state.pages.in_order(Some(place));
        let pages = rest.by_ref().take(most).copied().collect();
        (pages, rest.next().is_some())
    }

    /// How many users have a page.
    pub(in crate::broker::provider) fn len(&self) -> usize {
        self.state.lock().pages.len()
    }

    pub(in crate::broker::provider) fn users(&self) -> Vec<Address> {
        self.state.lock().pages.users().collect()
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

    /// Opens the pages of all users at the start, from the durable books.
    pub(in crate::broker::provider) fn begin(&self, pages: Vec<Page>) {
        self.state.lock().pages.open_all(pages);
    }

    /// Puts a page in place of the user's old one.
    pub(in crate::broker::provider) fn restore(&self, page: Page) {
        self.state.lock().pages.put(Page { reserved: Neuron::ZERO, in_flight: 0, ..page });
    }

    /// Takes over an account as read from the chain at `block`. A reading older than what is known is ignored,
    /// unless `forced` because a reorg undid what was known. `owed` rises to what the chain has settled where our own
    /// books were lost; a sum that contradicts them has to stand first (see [`Doubt`]).
    pub(in crate::broker::provider) fn refresh(
        &self,
        account: ChainAccount,
        block: u64,
        forced: bool,
    ) -> (Page, Adopted) {
        let (user, mut state) = (account.id.user, self.state.lock());
        let blank = || Page {
            account,
            block,
            owed: Neuron::ZERO,
            carried: Neuron::ZERO,
            reserved: Neuron::ZERO,
            in_flight: 0,
            best: None,
            debt_since: None,
            doubt: None,
        };
        state.pages.open(user, blank);
        let refreshed = state.pages.change(user, |page| {
            let mut adopted = Adopted::Nothing;
            if forced || block >= page.block {
                adopted = page.take(account, block);
            }
            if page.unsettled().is_zero() {
                page.debt_since = None;
            }
            (*page, adopted)
        });
        // It was opened just now, under the same lock.
        refreshed.unwrap_or_else(|| (blank(), Adopted::Nothing))
    }

    /// What a reading changed about what is owed could not be written down: the next reading has to begin again.
    pub(in crate::broker::provider) fn not_adopted(&self, user: Address, before: Option<Page>) {
        self.state.lock().pages.change(user, |page| {
            let (owed, carried) = before.map(|page| (page.owed, page.carried)).unwrap_or_default();
            (page.owed, page.carried) = (owed, carried);
            page.account.settled = page.account.settled.min(owed);
        });
    }

    /// The debt of a page is this old, if it still has one and no more than `settled` of it was paid.
    pub(in crate::broker::provider) fn debt_since(&self, user: Address, settled: Neuron, since: Timestamp) {
        self.state.lock().pages.change(user, |page| {
            if !page.unsettled().is_zero() && page.account.settled == settled {
                page.debt_since = Some(since);
            }
        });
    }

    /// The chain has no such account at this block (any more: a reorg has undone it). What is owed stays in the book.
    /// Ignored where something newer is known, as in [`Book::refresh`].
    pub(in crate::broker::provider) fn vanished(&self, user: Address, block: u64, forced: bool) {
        self.state.lock().pages.change(user, |page| {
            if forced || block >= page.block {
                page.account.balance = Neuron::ZERO;
                page.account.refund = None;
                page.block = block;
            }
        });
    }

    /// From this moment on the refund no longer backs requests, whatever the node says about the block.
    pub(in crate::broker::provider) fn refund_requested(
        &self,
        user: Address,
        refund: PendingRefund,
        block: u64,
    ) {
        self.state.lock().pages.change(user, |page| {
            if block >= page.block {
                page.account.refund = Some(refund);
            }
        });
    }

    /// A voucher whose signature was checked. The larger of the newer epoch wins. Returns whether it is news.
    pub(in crate::broker::provider) fn voucher(&self, signed: SignedVoucher) -> bool {
        let (user, mut state) = (signed.voucher.account.user, self.state.lock());
        let rank = |signed: &SignedVoucher| (signed.voucher.epoch, signed.voucher.cumulative);
        let Some(page) = state.pages.get(user) else { return false };
        let news = page.best.as_ref().is_none_or(|best| rank(&signed) > rank(best));
        if news {
            state.pages.change(user, |page| page.best = Some(signed));
        }
        news
    }

    /// Holds `max_fee` for a request, if the two rules allow it. `margin`: the seconds that a settlement needs, asked for
    /// while a change of delegate waits.
    pub(in crate::broker::provider) fn reserve(
        self: &Arc<Self>,
        user: Address,
        request: RequestId,
        max_fee: Neuron,
        now: Timestamp,
        margin: impl FnOnce() -> u64,
    ) -> Result<Reservation, Denied> {
        let mut state = self.state.lock();
        let state = &mut *state;
        let now = if state.ahead == 0 { now } else { now.plus_seconds(state.ahead) };
        let page = state.pages.get(user).ok_or(Denied::Unknown)?;
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
        // A user who changes its delegate could else take all that it has just before its promises become void.
        if let Some(rotation) = page.account.rotation
            && now < rotation.active_at
            && after > page.account.settled.saturating_add(self.credit)
        {
            let seconds = rotation.active_at.seconds_since(now);
            if seconds <= margin() {
                return Err(Denied::VoidSoon { seconds: seconds.max(1) });
            }
        }
        state.pages.change(user, |page| {
            page.reserved = page.reserved.saturating_add(max_fee);
            page.in_flight += 1;
        });
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

    pub(in crate::broker::provider) fn totals(&self, now: Timestamp) -> Totals {
        self.state.lock().pages.totals(now)
    }

    #[cfg(test)]
    fn holds_together(&self) -> bool {
        self.state.lock().pages.hold_together()
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
        state.pages.change(self.user, |page| {
            page.reserved = page.reserved.above(self.max_fee);
            page.in_flight = page.in_flight.saturating_sub(1);
            if let End::Booked { owed, at } = self.end {
                page.owed = page.owed.max(owed);
                if !page.unsettled().is_zero() && page.debt_since.is_none() {
                    page.debt_since = Some(at);
                }
            }
        });
        if matches!(self.end, End::Row) {
            state.abandoned.push(self.request);
        }
    }
}

#[cfg(test)]
mod tests;
