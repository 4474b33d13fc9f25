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

use std::cmp::Reverse;
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
    /// All fees ever, booked durably. Never below what the chain is believed to have settled.
    pub owed: Neuron,
    /// What the chain had settled before these books began; a part of `owed`.
    pub carried: Neuron,
    /// Held for requests in flight.
    pub reserved: Neuron,
    pub in_flight: usize,
    /// The best voucher of any epoch; [`Page::voucher`] tells whether it still counts.
    pub best: Option<SignedVoucher>,
    /// When the oldest debt that is not settled was booked.
    pub debt_since: Option<Timestamp>,
    /// The node says that more was settled than these books can have claimed.
    pub doubt: Option<Doubt>,
}

/// A user's place in a list: those who owe most first, among equals by address.
pub(in crate::broker::provider) type Rank = (Reverse<Neuron>, Address);

/// A settled sum that contradicts the books. Only this provider can settle, and it claims no more than is owed: so the
/// node lies or is confused, or the books are an old copy. Which of the two shows when it stands and the user's own
/// signature vouches for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Doubt {
    /// The least that was read since.
    settled: Neuron,
    /// The block at which it was first read.
    since: u64,
}

/// A doubted sum must stand for so many blocks before it is believed: deeper than reorgs go.
const DOUBTED_FOR: u64 = 12;

impl Page {
    /// Epoch and delegate as they count at `now`: a change that has come due counts without an event.
    pub fn epoch(&self, now: Timestamp) -> (u32, Option<Address>) {
        let account = self.account.at(now);
        (account.epoch, account.delegate)
    }

    /// Whether `signer` may sign vouchers and requests on this account at `now`.
    pub fn may_sign(&self, signer: Address, now: Timestamp) -> bool {
        signer == self.account.id.user || self.epoch(now).1 == Some(signer)
    }

    /// The best voucher that the contract would still take.
    pub fn voucher(&self, now: Timestamp) -> Option<SignedVoucher> {
        self.best.filter(|best| best.voucher.epoch == self.epoch(now).0)
    }

    /// How much the user has promised or already paid. A payment counts as far as a signature vouches for it: a node
    /// that talks of more would else lend the user our services.
    pub fn promised(&self, now: Timestamp) -> Neuron {
        let voucher = self.voucher(now).map_or(Neuron::ZERO, |best| best.voucher.cumulative);
        voucher.max(self.account.settled.min(self.vouched().max(self.carried)))
    }

    /// The most that the user ever signed, as far as these books know.
    fn vouched(&self) -> Neuron {
        self.best.map_or(Neuron::ZERO, |best| best.voucher.cumulative)
    }

    /// Whether no fee was booked here yet.
    fn is_blank(&self) -> bool {
        self.owed == self.carried
    }

    /// Takes over an account as read at a block.
    fn take(&mut self, account: ChainAccount, block: u64) -> Adopted {
        (self.account, self.block) = (account, block);
        let settled = account.settled;
        if self.is_blank() {
            // Books that are new or were lost begin at what was paid; a word that is taken back is forgotten.
            self.doubt = None;
            if self.carried == settled {
                return Adopted::Nothing;
            }
            (self.owed, self.carried) = (settled, settled);
            return Adopted::Beginning;
        }
        if settled <= self.owed {
            self.doubt = None;
            return Adopted::Nothing;
        }
        let before = self.doubt.unwrap_or(Doubt { settled, since: block });
        let doubt = Doubt { settled: before.settled.min(settled), ..before };
        let news = self.doubt.replace(doubt).is_none();
        let proven = doubt.settled.min(self.vouched());
        let adopted = if block.saturating_sub(doubt.since) >= DOUBTED_FOR && proven > self.owed {
            self.owed = proven;
            Adopted::Raised
        } else if news {
            Adopted::Doubted
        } else {
            Adopted::Nothing
        };
        // Until then all that is owed counts as paid, and is owed again once the node takes it back.
        self.account.settled = settled.min(self.owed);
        adopted
    }

    pub(in crate::broker::provider) fn rank(&self) -> Rank {
        (Reverse(self.unsettled()), self.account.id.user)
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

/// What a reading of the chain has changed about what is owed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::broker::provider) enum Adopted {
    Nothing,
    /// Blank books begin at what was paid.
    Beginning,
    /// Books that were an old copy have been raised to what was paid.
    Raised,
    /// What was read is not believed yet.
    Doubted,
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

    /// All users in the order of lists, those who owe most first. The few words of each, and not its page.
    pub(in crate::broker::provider) fn ranks(&self) -> Vec<Rank> {
        self.state.lock().pages.values().map(Page::rank).collect()
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
    /// unless `forced` because a reorg undid what was known. `owed` rises to what the chain has settled where our own
    /// books were lost; a sum that contradicts them has to stand first (see [`Doubt`]).
    pub(in crate::broker::provider) fn refresh(
        &self,
        account: ChainAccount,
        block: u64,
        forced: bool,
    ) -> (Page, Adopted) {
        let mut state = self.state.lock();
        let page = state.pages.entry(account.id.user).or_insert(Page {
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
        let mut adopted = Adopted::Nothing;
        if forced || block >= page.block {
            adopted = page.take(account, block);
        }
        if page.unsettled().is_zero() {
            page.debt_since = None;
        }
        (*page, adopted)
    }

    /// What a reading changed about what is owed could not be written down: the next reading has to begin again.
    pub(in crate::broker::provider) fn not_adopted(&self, user: Address, before: Option<Page>) {
        if let Some(page) = self.state.lock().pages.get_mut(&user) {
            let (owed, carried) = before.map(|page| (page.owed, page.carried)).unwrap_or_default();
            (page.owed, page.carried) = (owed, carried);
            page.account.settled = page.account.settled.min(owed);
        }
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
mod tests;
