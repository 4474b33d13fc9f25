//! What the screen of requests says: requests and operations, their details, receipts, exports and filters.

use std::fmt::Display;

use super::numbers::{bytes, times, units};

// The lists

pub fn fees(amount: impl Display) -> String {
    format!("fees {amount}")
}

pub fn sorted(sort: impl Display, place: impl Display, all: impl Display) -> String {
    format!("{sort} first, {place} of {all}")
}

pub fn writing(what: impl Display, many: u64) -> String {
    format!("… writing {what}: {}", bytes(many))
}

pub const REQUEST_FILTERS: &str = "  state: provider: service: day: month: from: to:";
pub const OPERATION_FILTERS: &str = "  kind: state: provider:";

pub const NOTHING_FITS: &str = "Nothing fits the filter; esc clears it.";

pub const NO_REQUESTS_YET: &str = "Nothing was paid for yet. Choose a service with 2 and talk to it; each answer is listed here with its \
    cost.";
pub const NO_OPERATIONS_YET: &str = "Nothing was done on the chain yet. Opening an account with a first deposit is the first thing: 2, then \
    O.";
pub const GAS_PAID: &str = "Gas paid";
pub const COPY_LINK: &str = "copy link";
pub const ACCEPT_IT: &str = "accept it";
pub const NEXT_THEN_WRITE: &str = "next, then write";

// What a key answers

pub const O_SHOWS_REQUESTS: &str = "receipts are of requests; o shows them";
pub const OPERATIONS_BY_TIME: &str = "operations stand by time, the newest first";
pub const SELECT_A_ROW: &str = "select a row of the provider whose books are meant";
pub const THE_DETAILS: &str = "the details";
pub const EXPLORERS_LINK: &str = "the explorer's link";
pub const NO_EXPLORER: &str = "there is no explorer's link for this";

// Accepting a receipt

pub fn receipt_accepted(fee: impl Display) -> String {
    format!("receipt accepted: the request costs {fee} now")
}

pub fn nothing_paid(why: impl Display) -> String {
    format!("nothing was paid: {why}")
}

pub const ACCEPTED_BEFORE: &str = "that receipt was accepted before";
pub const ASKS_NO_MORE: &str = "that receipt asks for no more than was paid";
pub const NO_RECEIPT_YET: &str = "no receipt came yet; it is being asked for";
pub const NOTHING_DISPUTED: &str = "nothing of that request is disputed";

pub const PAID_SO_FAR: &str = "Paid so far";

pub fn counts_differ(
    input: impl Display,
    output: impl Display,
    our_input: impl Display,
    our_output: impl Display,
) -> String {
    format!("{input} in, {output} out; we count {our_input} and {our_output}")
}

pub const IT_COUNTS: &str = "It counts";
pub const ACCOUNT_HAS_LESS: &str = "! the account has less than that; D deposits more";
pub const PAYS_ON_THEIR_WORD: &str =
    "You pay on the provider's word, not by our own count. It cannot be undone.";
pub const ACCEPT_TITLE: &str = "Accept a receipt";
pub const ACCEPT_BUTTON: &str = "Accept it";

// Exports

pub const EXPORT_UNDER_WAY: &str = "an export is under way; ctrl+c stops it";
pub const NEW_FILE: &str = "A new file; relative to the directory of exports. Only you can read it.";

pub fn export(what: impl Display) -> String {
    format!("Export {what}")
}

pub const FORMATS: &str = "← → CSV for spreadsheets, JSON for programs.";
pub const STOPPED: &str = "it was stopped";

pub fn written(rows: impl Display, what: impl Display, path: impl Display) -> String {
    format!("{rows} {what} written to {path}")
}

pub fn written_bytes(text: impl Display, many: u64) -> String {
    format!("{text} ({}, only you can read it)", bytes(many))
}

pub fn nothing_written(reason: impl Display) -> String {
    format!("nothing was written: {reason}")
}

pub fn leaving_stops_export(what: impl Display) -> String {
    format!("an export of {what}")
}

// Filters

pub const KIND_IS_OF_OPERATIONS: &str = "kind: is of operations; o shows them";

pub fn no_request_field(field: impl Display) -> String {
    format!("there is no field {field}; fields: state, provider, service, day, month, from, to")
}

pub fn no_operation_field(field: impl Display) -> String {
    format!("operations have no field {field}; fields: kind, state, provider")
}

pub fn not_found_by(value: impl Display) -> String {
    format!("operations are found by kind:, state: and provider:, not by {value}")
}

pub fn may_be_either(
    what: impl Display,
    text: impl Display,
    one: impl Display,
    other: impl Display,
) -> String {
    format!("{what}:{text} may be {one} or {other}; type more of it")
}

pub fn is_one_of(what: impl Display, names: impl Display) -> String {
    format!("{what} is one of {names}")
}

pub fn no_provider_begins(text: impl Display) -> String {
    format!("no provider here begins with {text}; a whole address finds those of the past")
}

pub fn providers_begin(many: impl Display, text: impl Display) -> String {
    format!("{many} providers begin with {text}; type more of it")
}

pub fn no_service_name(text: impl Display) -> String {
    format!("{text} is no name of a service")
}

pub fn services_begin(many: impl Display, text: impl Display) -> String {
    format!("{many} services begin with {text}; type more of it")
}

pub fn no_day(value: impl Display, name: impl Display) -> String {
    format!("{value} is no day; write {name}:2024-08-22 or {name}:today")
}

pub fn no_month(value: impl Display) -> String {
    format!("{value} is no month; write month:2024-08")
}

pub const WRITE_A_MONTH: &str = "write month:2024-08";

// The details of a request

pub fn ended_after(ended: impl Display, seconds: impl Display) -> String {
    format!("{ended}, after {seconds} s")
}

pub const OWED_IN_ALL: &str = "Owed in all";
pub const VOUCHER_COVERS: &str = "✓ the highest voucher that was signed covers it with everything else owed";
pub const NO_VOUCHER_COVERS: &str = "! no voucher covers all that is owed yet; the next one will";
pub const NO_ACCOUNT_NOW: &str = "- there is no account with this provider now";
pub const BODY_SENT: &str = "Body sent";

pub fn price_version(version: impl Display) -> String {
    format!("version {version}")
}

pub fn units_cost(many: u64, fee: impl Display) -> String {
    format!("{} = {fee}", units(many))
}

pub fn unit_prices(input: impl Display, output: impl Display) -> String {
    format!("{input} a unit in, {output} out")
}

pub const COST_NOTHING: &str = "0, it cost nothing";

pub fn was_reserved(amount: impl Display) -> String {
    format!("{amount} was reserved, and is free again")
}

pub fn on_their_word(time: impl Display) -> String {
    format!("{time}, on the provider's word")
}

pub fn disputed(amount: impl Display) -> String {
    format!("{amount}, asked for beyond our own count; not paid unless you accept it (P)")
}

pub const IT_SAYS: &str = "It says";

pub const IT_ASKS: &str = "It asks";
pub const ITS_BODY: &str = "Its body";
pub const ITS_ANSWER: &str = "Its answer";
pub const SEALED_BY_TAG: &str =
    "by a key that only the provider and you share; it is signed when you check it";
pub const RECEIPT_COMES: &str = "… it comes with the answer";
pub const RECEIPT_ASKED_FOR: &str = "? none yet; the provider is asked for it again and again";
pub const NO_RECEIPT_FAILED: &str = "- none: it failed and cost nothing";
pub const NO_RECEIPT_OWED: &str = "! the provider gave none; what our own count found is owed";
pub const VERIFIED_AGAIN: &str = "Verified again";
pub const ALL_HOLDS: &str = "✓ all of it holds";
pub const NOT_ALL_HOLDS: &str = "✗ not all of it holds";
pub const NOT_ALL_SAID: &str = "? not all of it can be said";

// The books against the chain

pub const BOOKS_AGAINST_CHAIN: &str = "Books against the chain";
pub const THEIR_FEES: &str = "Their fees";

pub fn on_the_chain(amount: impl Display) -> String {
    format!("{amount} on the chain")
}

pub const IT_STATES: &str = "It states";

// The details of an operation

pub fn gas_price_at_most(price: impl Display) -> String {
    format!("{price} neuron a unit of gas at most")
}

pub fn replaced(many: u32) -> String {
    format!("{}, each at a higher price of gas; only one can be mined", times(many))
}
