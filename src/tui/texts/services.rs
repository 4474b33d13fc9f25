//! What the screen of services says: the list, what a service tells of itself, several side by side.

use std::fmt::Display;

use super::numbers::{counted, grouped, milliseconds, services, units};

// The list

pub fn services_shown(shown: usize, all: usize) -> String {
    format!("{} of {}", grouped(shown as u128), services(all))
}

pub const FILTER_HINT: &str = "  type:chatbot price<100000 latency<200ms !word";
pub const NOTHING_FITS: &str = "No service fits the filter; esc takes it away.";

pub fn chain_cannot_be_read(why: impl Display, wait: impl Display) -> String {
    format!("The chain cannot be read: {why}. Tried again in {wait}.")
}

pub const READING_SERVICES: &str = "… reading the list of services";
pub const NONE_LISTED: &str = "The chain lists no services yet. Providers register them; `zgserve-tui provider` makes one of this \
    machine, and R looks again.";

pub fn works(latency: u64) -> String {
    format!("✓ {}", milliseconds(latency))
}

pub fn answered_of_last(share: impl Display, many: u32) -> String {
    format!("{share} % of {}", grouped(many.into()))
}

pub const PRICES_A0GI_UNIT: &str = "prices in A0GI a unit";
pub const PRICES_NEURON_UNIT: &str = "prices in neuron a unit";
pub const PRICES_NEURON_MILLION: &str = "prices in neuron a million units";
pub const PRICES_A0GI_MILLION: &str = "prices in A0GI a million units";
pub const ASK_ALL: &str = "ask all";
pub const PER_MILLION: &str = "per million";
pub const OPEN_ACCOUNT: &str = "open account";
pub const ASK_IT: &str = "ask it";
pub const COPY_CURL: &str = "copy curl";
pub const ASK_THEM: &str = "ask them";

// What a key answers

pub const API_CLOSED: &str =
    "the API is not open: start with `zgserve-tui --serve`, and other programs can call services through it";
pub const NO_ACCOUNT: &str = "there is no account with this provider, so nothing to ask back";

pub fn first_are_asked(most: impl Display, many: impl Display) -> String {
    format!("the first {most} of the {many} marked services are asked")
}

pub const MARK_TWO: &str = "mark at least two services with space, then compare them";
pub const ALL_DETAILS: &str = "all details of the service";

pub fn base_url_and_model(model: impl Display) -> String {
    format!("the base URL (model {model})")
}

pub const BASE_URL: &str = "the base URL";
pub const CURL_LINE: &str = "the curl line";
pub const SAY_HELLO: &str = "Say hello.";

// Side by side

pub const WHOLE_ANSWER: &str = "Whole answer";

pub const COMPARED_WITHOUT_ACCOUNT: &str = "no account";

pub fn side_by_side(many: impl Display) -> String {
    format!("{many} services side by side")
}

pub fn best(prices: impl Display) -> String {
    format!("★ best · {prices}")
}

pub fn part_of_compared(from: impl Display, to: impl Display, all: impl Display) -> String {
    format!("{from} to {to} of {all}: tab shows the next ones")
}

pub fn answer_taken_as(tokens: impl Display) -> String {
    format!("An answer is taken to have {tokens}.")
}

// The details

pub fn kind_and_unit(kind: impl Display, unit: impl Display) -> String {
    format!("{kind}, paid by the {unit}")
}

pub const YOUR_NAME: &str = "Your name";

pub fn version(time: impl Display, version: impl Display) -> String {
    format!("{time}, version {version}")
}

pub const AS_ASKED: &str = "As asked from here";
pub const YOUR_ACCOUNT: &str = "Your account with the provider";
pub const NO_ACCOUNT_YET: &str = "None yet: O opens one with a first deposit.";
pub const YOUR_REQUESTS: &str = "Your requests";
pub const HISTORY: &str = "History on the chain";
pub const A_MILLION: &str = "  a million";
pub const MORE_THAN_THERE_IS: &str = "more than there is";

pub fn price_rose(was: impl Display) -> String {
    format!("▲ A price rose since you paid last (then {was}). The next call tells you once more.")
}

pub fn cheaper(was: impl Display) -> String {
    format!("▼ Cheaper than when you paid last (then {was}).")
}

pub const LAST_PAID: &str = "Last paid";
pub const THE_SAME: &str = "the same";
pub const NOT_ASKED: &str = "Not asked yet: p asks, free of charge.";
pub const SAYS_THE_SAME: &str = "✓ say what the chain says";
pub const TAKES_NO_REQUESTS: &str = "it takes no requests for now";

pub fn credit(amount: impl Display) -> String {
    format!("{amount} before a voucher is due")
}

pub const METER_O200K: &str = "o200k: tokens of a public vocabulary, counted on both sides";
pub const METER_USAGE: &str = "usage: the model server's figures, bounded by our own count";
pub const METER_BYTES: &str = "bytes, counted on both sides";
pub const AT_A_TIME: &str = "at a time";
pub const A_MINUTE: &str = "a minute";
pub const YOURS_AT_A_TIME: &str = "of yours at a time";
pub const YOURS_A_MINUTE: &str = "of yours a minute";
pub const NO_LIMITS: &str = "none told";

pub fn limits(all: impl Display) -> String {
    format!("requests: {all}")
}

pub const CANNOT_SIGN: &str = "✗ No key here may sign for it; Accounts (4) tell more.";
pub const NO_REQUESTS_YET: &str = "None that ended yet.";

pub fn about_cost(cost: impl Display, tokens: impl Display) -> String {
    format!("about {cost} ({tokens})")
}

pub fn answered(whole: u32, parts: u32, many: u32) -> String {
    format!("{whole}.{parts:02} % of the last {}", grouped(many.into()))
}

pub fn typical_and_slow(typical: u128, slow: u128) -> String {
    format!("{}, nine of ten within {}", milliseconds(typical), milliseconds(slow))
}

pub fn pace(many: u128) -> String {
    format!("{} a second", units(many))
}

pub const AS_YOURS_WERE: &str = "as yours were";

pub fn answer_length(
    input: impl Display,
    unit: impl Display,
    output: impl Display,
    why: impl Display,
) -> String {
    format!("{input} {unit}s in, {output} out, {why}")
}

pub const NOT_READ_YET: &str = "Not read yet.";

pub fn changes_before(more: usize) -> String {
    format!("and {} before", counted(more, "change", "changes"))
}

pub fn not_known_before(block: impl Display) -> String {
    format!("Nothing is known of blocks before {block}.")
}

pub const NO_EVENT: &str = "No event tells of it.";

pub fn removed(when: impl Display, block: impl Display) -> String {
    format!("{when} · #{block} · removed")
}

pub const URL_CHANGED: &str = "URL changed";
pub const MODEL_CHANGED: &str = "model changed";
