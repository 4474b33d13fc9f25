//! What the screen of spending says: the figures of days, how long the money lasts, caps.

use std::fmt::Display;

use super::numbers::{answers, requests};

// The figures

pub const NOTHING_YET: &str =
    "Nothing was spent yet. Choose a service with 2 and talk to it; what each day costs is shown here.";
pub const THIS_MONTH: &str = "this month";
pub const ANSWERS_EVER: &str = "answers ever";
pub const A_YEAR: &str = "a year";
pub const BY_PROVIDER: &str = "by provider";
pub const BY_SERVICE: &str = "by service";
pub const ALL_TOGETHER: &str = "all together";

pub fn week(first: impl Display) -> String {
    format!("{first} week")
}

pub const UNITS_IN: &str = "Units in";
pub const UNITS_OUT: &str = "Units out";
pub const BY_WHAT: &str = "by what";
pub const ITS_REQUESTS: &str = "its requests";
pub const LIST_ONLY: &str = "list only";

pub fn day_to_copy(day: impl Display, many: u64, fee: impl Display) -> String {
    format!("{day}\t{}\t{fee}", requests(many))
}

pub const THE_DAY: &str = "the day";
pub const WHAT_WAS_SPENT: &str = "what was spent";
pub const EXPORTED_ELSEWHERE: &str = "requests are exported on their own screen: enter, then X";

// How long the money lasts

pub fn lasts(amount: impl Display, days: impl Display, many: u64, per_day: impl Display) -> String {
    format!("{amount} lasts {days}, about {}, at {per_day} a day", answers(many))
}

pub fn pace_not_known(amount: impl Display) -> String {
    format!("{amount} to spend; at what pace is not known yet")
}

pub fn lasts_days(days: impl Display) -> String {
    format!("the money lasts {days}")
}

pub const LASTS_UNKNOWN: &str = "how long the money lasts is not known yet";

// Caps

pub fn no_caps(key: &str) -> String {
    format!(
        "No caps are set. {key} sets them here; the settings file (caps) sets those that nobody here can pass."
    )
}

pub fn no_caps_short(key: &str) -> String {
    format!("No caps are set; {key} sets them.")
}

pub const PER_REQUEST: &str = "per request";
pub const PER_DAY: &str = "per day";
pub const IN_ALL: &str = "in all";

pub fn anew_in(wait: impl Display) -> String {
    format!("  anew in {wait}")
}

pub fn more_used_less(more: impl Display) -> String {
    format!("… {more} more, used less")
}

// Caps of your own

pub const CAPS_TITLE: &str = "Caps of your own";
pub const CAPS_HINT: &str =
    "Of each, the tighter one of these and of the settings file holds. ctrl+s sets them.";
pub const CAP_REQUEST_HINT: &str =
    "The most that one answer may cost, as 0.01 A0GI or 10000000 neuron; empty for no cap.";
pub const CAP_DAY_HINT: &str = "Fees of one day (UTC) with all providers together; empty for no cap.";
pub const CAP_PROVIDER_HINT: &str = "Ever promised to one provider; empty for no cap.";
pub const CAP_IN_ALL_HINT: &str = "Ever promised to all providers together; empty for no cap.";
pub const CAPS_HOLD: &str = "the caps hold from now on";
pub const SET_THEM: &str = "set them";
