//! All that is particular to payment by cumulative vouchers; the rest of the broker sees amounts and decisions.
//!
//! `book` holds what users owe, hold and have promised, and admits; `check` reads and verifies what a request brings
//! to pay with; `seals` knows who seals with a tag; `claim` turns promises into rows of a settlement.

pub(super) mod book;
pub(super) mod check;
pub mod claim;
mod seals;

pub use book::{Page, Threat, Totals};
pub use check::{Offered, verify_payment};
pub use claim::{ClaimRow, LeftOut};
pub use seals::Seals;
