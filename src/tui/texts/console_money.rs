//! What the console says of requests, users, settling and settlements.

use std::fmt::Display;

use super::numbers::{grouped, units};

// Requests

pub fn live_for(seconds: impl Display) -> String {
    format!("… live {seconds} s")
}

pub fn units_cost(many: u64, price: impl Display, fee: impl Display) -> String {
    format!("{} × {price} = {fee}", units(many))
}

pub const RESERVED_WAS: &str = "Reserved was";
pub const PRICE_VERSION: &str = "Price version";
pub const LOST: &str = "The broker stopped before this answer was metered; it costs nothing.";
pub const FAILED: &str = "The server behind the service gave no answer; it costs nothing.";

// Users

pub fn refund_until(wait: impl Display) -> String {
    format!("▲ refund {wait}")
}

pub const NO_VOUCHER: &str = "! no voucher";
pub const BALANCE_LOW: &str = "! balance low";
pub const RISK_NONE: &str = "nothing threatens what this user owes";
pub const RISK_NOT_COVERED: &str = "part of the debt is not covered by a voucher yet; it cannot be claimed";
pub const RISK_BALANCE_LOW: &str = "the balance hardly covers what is owed";
pub const RISK_REFUND: &str = "a refund would take what is owed; it is settled before the unlock";
pub const RISK_TOO_LITTLE: &str = "the account does not hold what is owed any more";
pub const BEST_VOUCHER: &str = "Best voucher";

pub fn reserved_for(amount: impl Display, many: usize) -> String {
    format!("{amount} for {} in flight", grouped(many as u128))
}

pub const IN_DEBT_SINCE: &str = "In debt since";

pub fn account_at_block(block: impl Display) -> String {
    format!("Account on the chain, at block {block}")
}

pub const PENDING_REFUND: &str = "Pending refund";
pub const SETTLES_BY: &str = "Settles by";

pub fn moment_and_wait(moment: impl Display, wait: impl Display) -> String {
    format!("{moment}  (in {wait})")
}

// Settling now

pub const SETTLE_TITLE: &str = "Settle now";
pub const ASKING_WHAT: &str = "Asking the broker what a settlement would do …";
pub const DOES_NOT_SAY: &str = "The broker does not say what it would do:";

pub fn settling(amount: impl Display, users: impl Display) -> String {
    format!("… settling {amount} from {users}")
}

pub const SENT_WAITS: &str = "The transaction is sent and waits for its block.";
pub const CLOSING_STOPS_NOTHING: &str = "Closing this does not stop it; the log tells its end.";
pub const CAME_IN_SO_FAR: &str = "Came in so far";
pub const ORDER_TAKEN: &str = "The broker took the order and does it.";
pub const SCREEN_SHOWS_END: &str = "The settlements screen (5) shows how it ends.";

pub fn not_settled(failed: impl Display) -> String {
    format!("✗ not settled: {failed}")
}

pub const Y_TRIES_AGAIN: &str = "y tries again; what was done already is not done twice.";
pub const Y_SHOWS_ANEW: &str = "y shows what it would do now; the next y does it.";
pub const SHOWN_ANEW: &str = "! That had grown old; this is what it would do now.";
pub const NOTHING_TO_SETTLE: &str = "There is nothing to settle.";
pub const GAS_ABOUT: &str = "Gas, about";
pub const GAS_ABOVE: &str = "! the gas costs more than it brings";
pub const BRINGS_NEURON: &str = "brings, neuron";
pub const ONE_TRANSACTION: &str = "One transaction of this provider. It cannot be undone.";
pub const LEFT_OUT: &str = "Left out";
pub const UNSETTLED_NEURON: &str = "unsettled, neuron";
pub const NOTHING_SETTLED: &str = "Nothing was settled: there was nothing to claim any more.";

// Settlements and what decides of them

pub const WHY_ASKED: &str = "asked for";
pub const WHY_REFUND: &str = "a refund unlocks";
pub const WHY_DELEGATE: &str = "a delegate changes";
pub const WHY_BALANCE: &str = "a balance is low";
pub const WHY_RISK: &str = "one debt is large";
pub const WHY_GAS: &str = "worth its gas";
pub const WHY_OLDEST: &str = "the oldest debt";
pub const IT_SETTLES: &str = "it settles now";
pub const IT_WAITS: &str = "it waits";
pub const NOTHING_TO_CLAIM: &str = "there is nothing to claim";
pub const COSTS_MORE: &str = "it would cost more gas than it brings";
pub const SETTLEMENT_UNDER_WAY: &str = "a settlement is under way";
pub const LAST_FAILED: &str = "the last one failed";

pub fn worth_from(amount: impl Display) -> String {
    format!("worth its gas from {amount}")
}

pub fn at_utc(time: impl Display) -> String {
    format!("{time} UTC")
}

pub fn due_in(wait: impl Display) -> String {
    format!("in {wait}")
}

pub const COLUMN_LEFT_OUT: &str = "left out";

pub fn from_users(amount: impl Display, users: impl Display) -> String {
    format!("{amount} from {users}")
}

pub fn gas_and_worth(gas: impl Display, worth_from: impl Display) -> String {
    format!("{gas} gas, worth it from {worth_from}")
}

pub const BROKER_HAS_NOT_SAID: &str = "The broker has not said yet.";
pub const DECISIONS: &str = "Decisions of the engine";
pub const NO_DECISIONS: &str = "None yet.";

pub fn gas_at(gas: impl Display, price: impl Display) -> String {
    format!("{gas} gas at {price} neuron")
}

pub fn rows(users: impl Display) -> String {
    format!("Rows: {users}")
}

pub const NOTHING_LEFT_OUT: &str = "nothing: the chain left it out";
pub const CLAIM_IN_ALL: &str = "  claim in all";
