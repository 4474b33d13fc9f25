//! What the screen of refunds says.

use std::fmt::Display;

// What is under way

pub const BEING_TAKEN: &str = "being taken";
pub const BEING_CANCELLED: &str = "being cancelled";
pub const BEING_CHANGED: &str = "being changed";
pub const TAKEN_BY_ITSELF: &str = "it is taken by itself";
pub const P_TAKES_IT: &str = "P on screen 6 takes it";

pub fn unlocked(amount: impl Display, whom: impl Display, next: impl Display) -> String {
    format!("the refund of {amount} with {whom} is unlocked; {next}")
}

pub fn not_known_yet(why: impl Display) -> String {
    format!("Refunds are not known yet: {why}")
}

pub const NONE: &str = "Nothing is on its way back. W on an account (4) asks for a deposit back.";

pub fn more_below(below: impl Display) -> String {
    format!("▼ {below} more below")
}

pub fn next_in(wait: impl Display) -> String {
    format!("   next in {wait}")
}

pub const DUE_ARE_TAKEN: &str = "due ones are taken by themselves";
pub const DUE_WAIT: &str = "due ones wait for P";
pub const TAKE_DUE: &str = "take what is due";

// What a key answers

pub const NONE_TO_ASK_FOR: &str = "no refund is under way; W on an account (4) asks for one";
pub const NONE_UNDER_WAY: &str = "no refund is under way";

pub fn nothing_due(left: impl Display) -> String {
    format!("nothing is due yet; the next one is unlocked in {left}")
}

pub const ALL_ABOUT: &str = "all about the refund";

// The details

pub const ASKED_FOR: &str = "Asked for";

pub fn settled_a_part(amount: impl Display) -> String {
    format!("{amount}: the provider has settled a part meanwhile")
}

pub const LEFT_OF_IT: &str = "Left of it";
pub const DUE: &str = "due; it can be taken (P)";

pub fn locked(left: impl Display) -> String {
    format!("locked, {left} left; C cancels it")
}

pub const WHY_THE_WAIT: &str = "The wait lets the provider settle first what is owed; it begins with asking, and anew if more is asked \
    for.";

// Those that are over

pub const CANCELLED_OR_REPLACED: &str = "· cancelled or replaced";

pub fn over(all: impl Display) -> String {
    format!("Over: {all}")
}

pub fn over_shown(shown: impl Display, all: impl Display) -> String {
    format!("Over: {shown} of {all}")
}
