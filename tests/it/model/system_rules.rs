//! The off-chain half of the payment protocol, as a few integers an account.
//!
//! A request is promised before it is served and paid by what was delivered. **User**: before a request leaves, its highest
//! fee is *held*; what may be signed with it is what was spent, and what live requests hold beyond the provider's *credit*.
//! After the answer the user pays its own count. A request whose end nobody knows goes on holding, and earns no promise.
//! **Provider**: admits a request only if what is owed, what requests in flight hold and this one's highest fee
//!
//! ```text
//! (1) are promised or within the credit     owed + held + highest ≤ max(voucher, settled) + credit
//! (2) are there at all                      owed + held + highest ≤ settled + balance − refund asked for
//! ```
//!
//! Shortly before a change of delegate voids the voucher, only what is settled counts as promised. From this follow the
//! bounds: the provider loses its credit limit at most, the user what was signed beyond what was spent.

use std::collections::BTreeMap;

use zgserve_tui::domain::RequestId;

/// What one request must come to by what was asked and what arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    pub least: u128,
    pub most: u128,
}

impl Due {
    pub const NOTHING: Due = Due { least: 0, most: 0 };

    pub fn exactly(fee: u128) -> Due {
        Due { least: fee, most: fee }
    }

    pub fn between(least: u128, most: u128) -> Due {
        Due { least, most }
    }
}

/// The honest user's page with the provider.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// Fees of all answers, by what arrived.
    pub spent: u128,
    /// Requests whose end is not known, and what each may come to.
    pub open: BTreeMap<RequestId, Due>,
    /// Requests that are over, and what was paid for each.
    pub over: BTreeMap<RequestId, u128>,
    /// The highest voucher that may exist.
    pub may_sign: u128,
    /// Whether the provider may rightly or wrongly believe that it is owed more than was spent: its answers were lost, or
    /// it lies. Then, and while receipts are missing, vouchers may run ahead by all that live requests hold, since no
    /// credit can be counted on.
    pub at_odds: bool,
}

impl Page {
    /// Requests go out together that hold so much in all.
    pub fn promise(&mut self, held: u128, credit: u128) {
        let lent = if self.at_odds || !self.open.is_empty() { 0 } else { credit };
        self.may_sign = self.may_sign.max(self.spent + held.saturating_sub(lent));
    }

    /// A request came to its end.
    pub fn pay(&mut self, request: RequestId, fee: u128) {
        let due =
            self.open.remove(&request).unwrap_or_else(|| panic!("{request} ended twice, or was never sent"));
        assert!(due.least <= fee && fee <= due.most, "I8: {request} cost {fee}, not {due:?}");
        self.over.insert(request, fee);
        self.spent += fee;
        self.may_sign = self.may_sign.max(self.spent);
    }
}

/// What the provider knows of a user when it decides.
#[derive(Clone, Copy, Debug)]
pub struct Debt {
    pub owed: u128,
    pub held: u128,
    /// The best voucher that still counts.
    pub voucher: u128,
    pub settled: u128,
    pub balance: u128,
    /// What of the balance is asked back.
    pub asked_back: u128,
    /// A change of delegate is so near that nothing new could be settled before it.
    pub void_soon: bool,
}

/// What the provider does with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    Served,
    /// Pay first, or deposit.
    Pay,
    /// Come again once the new delegate counts.
    Later,
}

impl Debt {
    /// What would be lost if the user never came back.
    pub fn unsecured(&self) -> u128 {
        self.owed.saturating_sub(self.voucher.max(self.settled))
    }

    /// What becomes of a request that brings a voucher.
    pub fn admits(&self, voucher: u128, highest: u128, credit: u128) -> Admission {
        let after = self.owed + self.held + highest;
        let promised = self.voucher.max(voucher).max(self.settled);
        if after > promised + credit || after > self.settled + self.balance - self.asked_back {
            Admission::Pay
        } else if self.void_soon && after > self.settled + credit {
            Admission::Later
        } else {
            Admission::Served
        }
    }
}
