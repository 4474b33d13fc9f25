//! What is said to those who read lines of text instead of screens.

use std::fmt::Display;

use super::numbers::{accounts, grouped, requests, services, units};

// The way round

pub const PLACES: &str = "1 home, 2 services, 3 talk, 4 accounts, 5 open an account or deposit, 6 ask for a refund, 7 refunds, 8 \
    requests, 9 log, 0 quit";

pub fn welcome(network: impl Display, user: impl Display) -> String {
    format!("0G Serving in lines of text. {network}, your address {user}.")
}

pub const TYPE_A_NUMBER: &str = "Type one of the numbers, then enter.";

pub fn starting(what: impl Display) -> String {
    format!("Starting: {what}.")
}

pub fn waiting(why: impl Display) -> String {
    format!("Waiting for the chain: {why}.")
}

pub fn does_not_start(why: impl Display) -> String {
    format!("It does not start: {why}")
}

pub fn number_to(most: impl Display) -> String {
    format!("Type a number from 1 to {most}, or nothing to go back.")
}

// Money

pub const UNDER_WAY: &str = "The same is under way already; wait for its end.";
pub const LARGE_SUM: &str = "It is a large sum: type the amount to agree, enter to cancel:";

pub fn agree(yes: impl Display) -> String {
    format!("{yes}? Type yes to agree, enter to cancel:")
}

pub const CANCELLED: &str = "Cancelled; nothing was sent.";
pub const SENT: &str = "Sent; waiting for the chain.";
pub const DONE: &str = "Done: it is on the chain.";
pub const FOLLOWED_UP: &str = "It is not on the chain yet; it is followed up, and home shows it.";

pub fn ended(state: impl Display, why: impl Display) -> String {
    format!("It was {state}{why}.")
}

pub const AMOUNT: &str = "Amount in neuron, or like 0.5 A0GI; enter to go back:";

pub fn no_amount(error: impl Display) -> String {
    format!("That is no amount: {error}.")
}

// The pages

pub const CHAIN_READ: &str = "The chain can be read.";

pub fn chain_not_read(why: impl Display) -> String {
    format!("The chain cannot be read: {why}. Figures are as they were.")
}

pub fn spendable(amount: impl Display) -> String {
    format!("Spendable: {amount}.")
}

pub fn wallet(amount: impl Display) -> String {
    format!("Wallet: {amount}.")
}

pub fn spent_of_cap(spent: impl Display, cap: impl Display) -> String {
    format!("Spent today: {spent}, of a cap of {cap}.")
}

pub fn spent(spent: impl Display) -> String {
    format!("Spent today: {spent}.")
}

pub fn accounts_and_services(open: usize, listed: usize) -> String {
    format!("{}, {}.", accounts(open), services(listed))
}

pub fn under_way(kind: impl Display, whom: impl Display, state: impl Display, age: impl Display) -> String {
    format!("Under way: {kind} {whom}, {state}, {age}.")
}

pub fn model(model: impl Display) -> String {
    format!(", model {model}")
}

pub fn account_with(amount: impl Display) -> String {
    format!("account with {amount} to spend")
}

pub fn service(
    name: impl Display,
    provider: impl Display,
    kind: impl Display,
    model: impl Display,
    input: u128,
    output: u128,
    account: impl Display,
) -> String {
    let (input, output) = (grouped(input), grouped(output));
    format!(
        "{name} at {provider}, {kind}{model}, prices a unit: {input} neuron in, {output} neuron out, \
        {account}"
    )
}

pub const WORDS_OF_A_SERVICE: &str = "Words that it shall have, or enter for all:";
pub const NO_SERVICE: &str = "No service has that.";
pub const M_FOR_MORE: &str = ", m for more";

pub fn choose_service(shown: usize, all: usize, more: impl Display) -> String {
    format!("{} of {}. Number, or enter to go back{more}:", grouped(shown as u128), services(all))
}

pub fn name_and_version(name: impl Display, version: impl Display) -> String {
    format!("{name}, version {version}.")
}

pub fn provider(provider: impl Display) -> String {
    format!("Provider {provider}.")
}

pub fn address(address: impl Display) -> String {
    format!("Address {address}.")
}

pub fn account(name: impl Display, address: impl Display) -> String {
    format!("Account with {name}, {address}.")
}

pub const RESERVED: &str = "reserved for requests";
pub const PROMISED: &str = "promised by vouchers";
pub const ASKED_BACK: &str = "asked back";
pub const SETTLED: &str = "settled on the chain";
pub const NO_ACCOUNT_5_OPENS: &str = "No account yet; 5 opens one.";

pub fn to_spend(provider: impl Display, amount: impl Display) -> String {
    format!("{provider}, {amount} to spend")
}

pub const WHICH_ACCOUNT: &str = "Which account? Number, or enter to go back:";
pub const ACCOUNT_OR_SERVICE: &str = "a for an account that you have, s for another provider by its service:";

pub fn refund(amount: impl Display, provider: impl Display, when: impl Display) -> String {
    format!("{amount} from {provider}, {when}")
}

pub const NO_REFUND: &str = "No refund is pending; 6 asks for one.";
pub const WHICH_REFUND: &str = "Which refund? Number, or enter to go back:";
pub const TAKE_OR_CANCEL: &str = "t takes it, c cancels it:";
pub const ONLY_CANCEL: &str = "c cancels it, enter goes back:";

pub fn requests_in_all(many: u64, fees: impl Display) -> String {
    format!("{}, {fees} in all.", requests(many))
}

pub const FEE_PENDING: &str = "fee pending";

pub fn request(
    age: impl Display,
    service: impl Display,
    input: u64,
    output: u64,
    fee: impl Display,
    state: impl Display,
    note: impl Display,
) -> String {
    let (input, output) = (units(input), grouped(output.into()));
    format!("{age}, {service}, {input} in, {output} out, {fee}, {state}{note}")
}

pub const MORE_OR_BACK: &str = "m for more, enter to go back:";
pub const NOTHING_LOGGED: &str = "Nothing was logged yet.";
pub const TYPED_TOO_EARLY: &str = "What was typed before the question could be read is no answer to it.";
pub const TOO_LONG: &str = "That text is too long; nothing of it was taken.";

// Talking

pub const TALK: &str = "Type what you want to say. An empty line ends it; ctrl+c stops an answer.";

pub fn talk_cannot_be_kept(error: impl Display) -> String {
    format!("the conversation cannot be kept: {error}")
}

pub const STOPPED_BEFORE: &str = "stopped before the answer began";

pub fn costs_at_most(amount: impl Display) -> String {
    format!("It costs {amount} at most.")
}

pub const CUT: &str = "Cut: it reached its token limit, or the most that it may cost.";

pub fn broke_off(why: impl Display) -> String {
    format!("It broke off: {why}.")
}

pub fn talk_not_kept(error: impl Display) -> String {
    format!("The conversation could not be kept: {error}")
}

pub const RECEIPT_VERIFIED: &str = "receipt verified";
pub const RECEIPT_DISPUTED: &str = "receipt disputed";
pub const NO_RECEIPT: &str = "no receipt yet";

pub fn units_and_fee(input: u64, output: u64, fee: impl Display, proof: impl Display) -> String {
    format!("{} in, {} out: {fee}, {proof}.", units(input), grouped(output.into()))
}
