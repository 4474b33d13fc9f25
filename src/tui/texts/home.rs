//! What the home screen says: what needs somebody, the money, the first steps.

use std::fmt::Display;

use super::numbers::{answers, times};

// What needs somebody

pub fn starting_failed(why: impl Display, wait: impl Display) -> String {
    format!("✗ {why}; tried again in {wait} s. Conversations and names are here all the same.")
}

pub const FIGURES_AS_THEY_WERE: &str = "as they were";

pub fn figures_of_block(block: impl Display) -> String {
    format!("as of block #{block}")
}

pub fn chain_cannot_be_read(why: impl Display, figures: impl Display) -> String {
    format!("✗ the chain cannot be read: {why}. Figures are {figures}; requests that are paid already go on.")
}

pub fn no_new_block(age: impl Display) -> String {
    format!("! no new block for {age}")
}

pub const READ_ONLY: &str = "! read-only: nothing can be paid for or sent from here";
pub const NO_WALLET: &str = "! there is no wallet here: services can be looked at, not used";
pub const EMPTY_WALLET: &str =
    "! the wallet is empty: it needs money of this chain for deposits and gas (0 shows the address)";

pub fn cannot_sign(whom: impl Display) -> String {
    format!("! no key here may sign for the account with {whom}; 4 shows how to take it over")
}

pub fn refund_due(amount: impl Display, whom: impl Display) -> String {
    format!("✓ a refund of {amount} from {whom} is due; 6 takes it")
}

pub fn refund_soon(amount: impl Display, whom: impl Display, wait: impl Display) -> String {
    format!("· a refund of {amount} from {whom} unlocks in {wait}")
}

pub fn cap_nearly_used(percent: impl Display, cap: impl Display, of: impl Display) -> String {
    format!("! {percent} % of {cap}{of} is used")
}

pub fn replaced(many: u32) -> String {
    format!(", replaced {}", times(many))
}

pub fn operation_for(
    kind: impl Display,
    whom: impl Display,
    state: impl Display,
    age: impl Display,
    again: impl Display,
) -> String {
    format!("… {kind}{whom}: {state} for {age}{again}")
}

// Money

pub fn spent_of_cap((spent, cap): (impl Display, impl Display), percent: impl Display) -> String {
    format!("{spent} of {cap}, {percent} %")
}

pub fn spent_without_cap(spent: impl Display) -> String {
    format!("{spent}; no cap a day is set")
}

pub fn reserved_for_requests(amount: impl Display) -> String {
    format!("{amount} for requests under way")
}

pub fn lasts_days_and_answers(days: impl Display, many: u64) -> String {
    format!("{days} at this week's pace, or about {} like yours", answers(many))
}

pub fn lasts_days(days: impl Display) -> String {
    format!("{days} at this week's pace")
}

pub fn lasts_answers(many: u64) -> String {
    format!("about {} like yours", answers(many))
}

pub fn cap_used(cap: impl Display, of: impl Display, (used, limit): (impl Display, impl Display)) -> String {
    format!("{cap}{of}: {used} of {limit}")
}

pub fn outside_the_accounts(wallet: impl Display) -> String {
    format!("{wallet} outside the accounts")
}

// First steps

pub const FIRST_STEPS: &str = "First steps";
pub const STEP_CHOOSE: &str =
    "1. Press 2 and choose a service: what it does, what a token costs, whether it works";
pub const STEP_OPEN: &str =
    "2. O there opens an account with its provider: a deposit that answers are paid from";
pub const STEP_CHAT: &str = "3. c there starts a chat; each answer shows what it cost";
pub const STEP_REFUND: &str = "4. W in Accounts (4) asks the rest back whenever you like";

// The last answers

pub const LAST_ANSWERS: &str = "Last answers";
pub const COST_NOTHING: &str = "cost nothing";

// Copying

pub const LAST_REQUEST: &str = "last request";
