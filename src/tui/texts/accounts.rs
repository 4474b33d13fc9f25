//! What the screen of accounts says: the list, the details of one, the flow of the money.

use std::fmt::Display;

use super::numbers::{accounts, answers, counted, days, grouped, requests};

// The list

pub fn not_known_yet(why: impl Display) -> String {
    format!("Accounts are not known yet: {why}")
}

pub const NONE_YET: &str = "There are no accounts yet. An account is a deposit with one provider, from which answers are paid. \
    Press 2, choose a service, and O opens an account there.";

pub fn accounts_shown(shown: usize, all: usize) -> String {
    format!("{} of {}", grouped(shown as u128), accounts(all))
}

pub fn days_ago(many: u64) -> String {
    format!("{} ago", days(many))
}

pub const NO_KEY_HERE: &str = "no key here";
pub const REFUND_DUE: &str = "refund due";
pub const NEW_KEY: &str = "… new key";
pub const ASKING_BACK: &str = "… asking back";
pub const TAKING_BACK: &str = "… taking back";
pub const AT_RISK: &str = "At risk";

pub fn refund_until(wait: impl Display) -> String {
    format!("refund {wait}")
}

pub const NONE_TO_ACT_ON: &str = "there is no account yet; choose a service (2) and press O there";
pub const HAS_KEY_ALREADY: &str = "this program has a key for that account already";
pub const ALL_ACCOUNTS: &str = "all accounts";

pub fn read_again(what: impl Display) -> String {
    format!("{what}: read again from the chain")
}

pub fn not_read(why: impl Display) -> String {
    format!("it could not be read from the chain: {why}")
}

pub const TAKE_OVER: &str = "take over";
pub const CHECK_BOOKS: &str = "check books";

// Copying

pub fn addresses(many: usize) -> String {
    counted(many, "address", "addresses")
}

pub const ALL_ABOUT: &str = "all about the account";

// The details

pub fn given_by_you(alias: impl Display) -> String {
    format!("@{alias}, given by you")
}

pub const MEANS_SPENDABLE: &str = "what new requests may use";
pub const MEANS_DEPOSIT: &str = "the deposit left on the chain, a refund under way included";
pub const MEANS_RESERVED: &str = "highest fees of requests under way";
pub const MEANS_PROMISED: &str = "the highest voucher signed; so much may be taken in all";

pub fn at_risk(amount: impl Display) -> String {
    format!("{amount}: promised beyond what is owed")
}

pub const MEANS_SETTLED: &str = "what the provider has taken on the chain";
pub const MEANS_FREE: &str = "could be asked back now (W)";

pub fn refund_due(amount: impl Display) -> String {
    format!("{amount}: due; it can be taken (screen 6, P)")
}

pub fn refund_locked(amount: impl Display, at: impl Display, left: impl Display) -> String {
    format!("{amount}: locked until {at}, {left} left")
}

pub const NONE_UNDER_WAY: &str = "none is under way";

pub fn stuck(times: impl Display) -> String {
    format!("; stuck, sent {times} times at rising fees")
}

pub const NOT_LATELY: &str = "not in the last 30 days";

pub fn spent_in_days(line: impl Display, amount: impl Display, days: impl Display) -> String {
    format!("{line}  {amount} in {days} days")
}

pub fn promised_of_cap(used: impl Display, limit: impl Display) -> String {
    format!("{used} promised of {limit} allowed with one provider")
}

pub const CHECK_BY_KEY: &str = "v holds them against what was taken on the chain";
pub const CHECKING: &str = "… are held against the chain";

pub fn requests_with_fees(many: u64, fees: impl Display) -> String {
    format!("{} with fees of {fees}", requests(many))
}

pub fn owed(amount: impl Display) -> String {
    format!("owed {amount}")
}

pub fn settled(amount: impl Display) -> String {
    format!("taken on the chain {amount}")
}

pub fn promised(amount: impl Display) -> String {
    format!("promised {amount}")
}

pub fn stated(amount: impl Display) -> String {
    format!("stated by the provider's receipts {amount}")
}

pub const SPENT_BY_DAY: &str = "Spent by day";

pub fn delegate_signs(key: impl Display) -> String {
    format!("{key}: a delegate key; it signs here")
}

pub const WALLET_SIGNS: &str = "the wallet itself signs";

pub fn other_key_signs(who: impl Display) -> String {
    format!("only {who} may sign, and that key is not here: no request can be paid. K takes over")
}

pub fn lasts(left: u64, per_day: impl Display, enough_for: u64) -> String {
    let (left, enough_for) = (days(left), answers(enough_for));
    format!("about {left} at this week's pace of {per_day} a day, or {enough_for} like these")
}

// The flow of the money

pub const FLOW_OWED: &str = "owed for answers, not taken yet";
pub const FLOW_RESERVED: &str = "for requests under way";
pub const FLOW_LOCKED: &str = "asked back, on its way to the wallet";
pub const FLOW_SPENDABLE: &str = "for the next requests";

pub fn in_unit(unit: impl Display) -> String {
    format!("in {unit}")
}

pub const OF_IT_AT_RISK: &str = ", of it at risk ";

// Caps and how long it lasts

pub fn cap_a_request(amount: impl Display) -> String {
    format!("cap a request {amount}")
}

pub fn promised_of((used, cap): (impl Display, impl Display)) -> String {
    format!("promised {used} of {cap}")
}

pub const LASTS_YEARS: &str = "lasts for years";
pub const LASTS_A_DAY: &str = "lasts about a day";

pub fn lasts_days(many: u64) -> String {
    format!("lasts about {}", days(many))
}

pub const NO_CAPS: &str = "no caps are set";
