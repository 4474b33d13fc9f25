//! What the parts say that all screens are made of: amounts, times, buttons, filters.

use std::fmt::Display;

use super::numbers::grouped;

// Amounts and times

pub const JUST_NOW: &str = "just now";

pub fn ago(time: impl Display) -> String {
    format!("{time} ago")
}

pub fn hours_and_minutes(hours: u64, minutes: u64) -> String {
    format!("{hours}h {minutes:02}m")
}

pub fn days_and_hours(days: u64, hours: u64) -> String {
    format!("{days}d {hours:02}h")
}

pub fn minutes(many: impl Display) -> String {
    format!("{many} min")
}

pub const LESS_THAN_A_DAY: &str = "less than a day";

pub const MORE_THAN_TEN_YEARS: &str = "more than 10 years";

pub fn more(many: usize) -> String {
    format!("… {} more", grouped(many as u128))
}

// Buttons and questions

pub const CLOSE: &str = "[ Close  esc ]";

pub fn cancel(mark: impl Display) -> String {
    format!("{mark}[ Cancel  esc ]")
}

pub const AMOUNT_HINT: &str = "as 1.5 A0GI or in neuron";
pub const NOT_THE_AMOUNT: &str = "not the amount above";
pub const Y_SHOWS_MORE: &str = " ▼ y shows more ";

pub fn type_the_amount(sign: impl Display) -> String {
    format!("{sign}type the amount: ")
}

pub const UNDER_WAY: &str = "… under way already; it is not started twice   [ Close  esc ]";

// Filters and marks

pub fn no_column(name: impl Display, columns: impl Display) -> String {
    format!("there is no column {name}; columns: {columns}")
}

pub fn is_a_text(name: impl Display) -> String {
    format!("{name} is a text; write {name}:word")
}

pub fn no_whole_number(wanted: impl Display, name: impl Display, sign: impl Display) -> String {
    format!("{wanted} is not a whole number; write {name}{sign}100")
}

pub fn no_amount(wanted: impl Display, name: impl Display, sign: impl Display) -> String {
    format!("{wanted} is not an amount; write {name}{sign}100000 or {name}{sign}0.1A0GI")
}

pub fn no_time(wanted: impl Display, name: impl Display, sign: impl Display) -> String {
    format!("{wanted} is not a time; write {name}{sign}200ms or {name}{sign}1.5s")
}

pub fn marked(many: usize) -> String {
    format!("{} marked", grouped(many as u128))
}

pub fn marked_and_hidden(many: usize, hidden: usize) -> String {
    format!("{}, {} of them hidden", marked(many), grouped(hidden as u128))
}
