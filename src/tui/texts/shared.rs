//! What more than one screen says.

use std::fmt::Display;

// Why something cannot be done now

pub const READ_ONLY: &str = "read-only: these screens were started to look, not to spend";
pub const NO_WALLET: &str = "there is no wallet here; start with a key to spend";
pub const STARTING: &str = "the broker is still starting; a moment";
pub const BROKER_NOT_READY: &str = "the broker is not ready; a moment";

// What is not there, or not yet

pub const NOT_KNOWN_YET: &str = "not known yet";
pub const FIGURE_NOT_KNOWN_YET: &str = "… not known yet";
pub const NONE_YET: &str = "none yet";
pub const NO_ACCOUNT_YET: &str = "no account yet";
pub const BEING_READ: &str = "… being read";
pub const READING_LIST: &str = "… reading the list";
pub const LASTS_UNKNOWN: &str = "not known: nothing was spent this week";

pub fn asks_again(trouble: impl Display, key: impl Display) -> String {
    format!("✗ {trouble}; {key} asks again")
}

pub fn cannot_be_read(why: impl Display) -> String {
    format!("Nothing can be read at the moment: {why}")
}

// What needs somebody

pub const NEEDS_YOU: &str = "Needs you";
pub const ALL_IS_WELL: &str = "✓ nothing: all is well";

// Money

pub const UNDER_WAY: &str = "Under way";
pub const AT_MOST: &str = "At most";
pub const AT_RISK: &str = "at risk";
pub const DUE_NOW: &str = "due now";
pub const MEANS_OWED: &str = "fees of all answers ever";
pub const CAP_REQUEST: &str = "A request";
pub const CAP_DAY: &str = "A day";
pub const CAP_PROVIDER: &str = "A provider";
pub const IN_ALL: &str = "In all";

pub fn at_most(amount: impl Display) -> String {
    format!("at most {amount}")
}

pub fn spendable(amount: impl Display) -> String {
    format!("{amount} spendable")
}

pub fn part_of(part: impl Display, whole: impl Display) -> String {
    format!("{part} of {whole}")
}

pub fn today_of_cap((spent, cap): (impl Display, impl Display)) -> String {
    format!("today {spent} of {cap}")
}

/// Prices or units of both ways.
pub fn in_and_out(input: impl Display, output: impl Display) -> String {
    format!("{input} in, {output} out")
}

// Whom and when

pub fn with_whom(whom: impl Display) -> String {
    format!(" with {whom}")
}

pub fn own_name(alias: impl Display) -> String {
    format!("@{alias}, your own name for it")
}

pub fn block(number: impl Display) -> String {
    format!("block {number}")
}

// What is copied

pub const COPY_ID: &str = "copy id";
pub const COPY_ALL: &str = "copy all";
pub const YOUR_ADDRESS: &str = "your address";
pub const PROVIDERS_ADDRESS: &str = "the provider's address";
pub const REQUESTS_ID: &str = "the request's id";
pub const TRANSACTIONS_HASH: &str = "the transaction's hash";
pub const OPERATIONS_ID: &str = "the operation's id";

// Forms and questions

pub const DO_IT: &str = "do it";
pub const KEEP_IT: &str = "keep it";
pub const NEXT_FIELD: &str = "next field";
pub const NAME_A_FILE: &str = "name a file";
pub const NO_FILE: &str = "that is no file";
pub const IT_IS_EMPTY: &str = "it is empty";
pub const SYSTEM_PROMPT: &str = "system prompt";
