//! One user's page: what is owed, held and promised, and the account as the chain last told it.

use std::cmp::Reverse;

use crate::domain::{Address, ChainAccount, Neuron, SignedVoucher, Timestamp};

/// One user's page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    pub account: ChainAccount,
    /// The block at which `account` was read; 0 while it is what the last run remembers.
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
    /// Whether this run has read the account: nothing is lent on what the last one remembers.
    pub fn is_read(&self) -> bool {
        self.block > 0
    }

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
    pub(super) fn take(&mut self, account: ChainAccount, block: u64) -> Adopted {
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

    /// What can take this debt away on a date, whether or not its time has come: the first of it.
    pub fn threat(&self, now: Timestamp) -> Option<Threat> {
        if self.unsettled().is_zero() {
            return None;
        }
        // What stays in the account after the refund may be enough for the debt.
        let leaves = self.account.balance.above(self.account.pending_refund());
        let refund = self.account.refund.filter(|_| self.unsettled() > leaves);
        let refund = refund.map(|refund| Threat::Refund(refund.unlock_at));
        let rotation = self.account.rotation.filter(|rotation| rotation.active_at > now);
        let rotation = rotation.map(|rotation| Threat::Rotation(rotation.active_at));
        refund.into_iter().chain(rotation).min_by_key(|threat| threat.at())
    }

    /// Whether the account does not hold what is owed, or the contract would not take the voucher.
    pub fn is_lost(&self, now: Timestamp) -> bool {
        let void = self.best.is_some() && self.voucher(now).is_none();
        !self.unsettled().is_zero() && (void || self.unsettled() > self.account.balance)
    }

    /// What a settlement could bring now.
    pub fn claimable(&self, now: Timestamp) -> Neuron {
        self.claim(now).above(self.account.settled).min(self.account.balance)
    }

    /// What a settlement may claim in all: never above what is owed nor above what was promised (I12).
    pub fn claim(&self, now: Timestamp) -> Neuron {
        self.voucher(now).map_or(Neuron::ZERO, |best| best.voucher.cumulative.min(self.owed))
    }
}

/// Something with a date that endangers a debt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Threat {
    /// A refund that leaves less than is owed can be taken out then.
    Refund(Timestamp),
    /// The voucher is void from then on.
    Rotation(Timestamp),
}

impl Threat {
    pub const fn at(self) -> Timestamp {
        match self {
            Threat::Refund(at) | Threat::Rotation(at) => at,
        }
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
