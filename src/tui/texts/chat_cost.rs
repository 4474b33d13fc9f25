//! What the chat says of money: before a message is sent, while its answer comes, and below it.

use std::fmt::Display;

// Why the next message has to wait

pub const NO_ACCOUNT: &str = "there is no account with this provider yet";
pub const DEPOSIT: &str = "the deposit";
pub const MAX_EXPOSURE: &str = "how far vouchers may run ahead (maxExposure)";
pub const CANNOT_SIGN: &str = "no key here may sign for this account";

// Before sending: what it may cost

pub const EDITING: &str =
    "editing: it is sent as a branch; what was there keeps its answers and cost · esc leaves";
pub const WORKING_OUT: &str = "… working out what it costs";

pub fn nobody_asked(key: impl Display) -> String {
    format!("nobody is asked yet · {key} chooses a service")
}

pub const NOT_LISTED: &str = "this service is not listed (any more)";

pub fn prices_and_account(input: impl Display, output: impl Display, account: impl Display) -> String {
    format!("{input} in, {output} out neuron a token · {account}")
}

pub const OPENS_ACCOUNT: &str = "opens an account with it";
pub const ADDS_IT: &str = "adds it";

pub fn missing(amount: impl Display, key: impl Display, how: impl Display) -> String {
    format!(" · missing {amount}: {key} {how}")
}

pub fn input_costs(tokens: impl Display, amount: impl Display) -> String {
    format!("{tokens} in = {amount}")
}

pub fn and_spendable(amount: impl Display) -> String {
    format!(" · {amount} spendable")
}

pub const AND_NO_ACCOUNT_YET: &str = " · no account yet";
pub const YOUR_LIMIT: &str = " (your limit)";

pub fn and_at_most_assumed(amount: impl Display, assumed: impl Display) -> String {
    format!(" · at most {amount}{assumed}")
}

pub fn and_at_most(amount: impl Display) -> String {
    format!(" · at most {amount}")
}

pub fn max_tokens_lowered(granted: impl Display, asked: impl Display, limit: impl Display) -> String {
    format!(" · ! max_tokens {granted} instead of {asked}: {limit}")
}

pub fn waits_for_answers(limit: impl Display) -> String {
    format!(" · … waits for answers under way: {limit}")
}

pub fn leaves_and_needs(limit: impl Display, left: impl Display, needed: impl Display) -> String {
    format!("{limit} leaves {left}, needs {needed}")
}

// While an answer comes

pub const AND_ESC_STOPS: &str = " · esc stops";

pub fn left(amount: impl Display) -> String {
    format!(" · {amount} left")
}

pub fn tokens_so_far(sign: impl Display, input: impl Display, output: impl Display) -> String {
    format!("{sign} {input} in, {output} out")
}

pub fn of_at_most(amount: impl Display) -> String {
    format!(" of at most {amount}")
}

pub fn booking(amount: impl Display) -> String {
    format!("… booking: {amount} by our own count")
}

pub const RECEIPT_IS_CHECKED: &str = ", the receipt is checked";

// What was not sent, and how it goes on

pub const OPENS_WITH_EXACTLY: &str = "opens an account with exactly";
pub const ADDS_EXACTLY: &str = "adds exactly";

pub fn adds_and_sends(key: impl Display, how: impl Display, amount: impl Display) -> String {
    format!("{key} {how} {amount} and sends the message")
}

pub fn price_changed(before: impl Display, now: impl Display, key: impl Display) -> String {
    format!("neuron a token: {before} before, {now} now · {key} accepts and sends")
}

pub fn may_have_cost(key: impl Display) -> String {
    format!("5 Requests shows whether it cost anything · {key} sends it and pays again")
}

pub fn sends_again(key: impl Display) -> String {
    format!("{key} sends it again · esc leaves it in the prompt")
}

pub fn of_request(name: impl Display) -> String {
    format!(" (request {name})")
}

pub fn part_may_be_owed(request: impl Display, key: impl Display) -> String {
    format!("a part of it may be owed: 5 Requests shows it{request} · {key} sends and pays again")
}

pub const PRICE_ROSE: &str = "✗ not sent: the price rose since you paid last";

pub fn answer_not_kept(why: impl Display) -> String {
    format!("✗ the answer could not be kept and was stopped: {why}")
}

pub fn not_sent(why: impl Display) -> String {
    format!("✗ not sent: {why}")
}

// Sums and caps

pub fn this_conversation(amount: impl Display) -> String {
    format!("this conversation {amount}")
}

pub fn chats_today(amount: impl Display) -> String {
    format!("chats today {amount}")
}

pub fn all_today(amount: impl Display) -> String {
    format!("all today {amount}")
}

pub const CAP_OF_ANSWER: &str = "an answer's";
pub const CAP_OF_DAY: &str = "the day's";
pub const CAP_OF_PROVIDER: &str = "this provider's";
pub const CAP_OF_ALL: &str = "the whole";

pub fn percent_of_cap(percent: impl Display, whose: impl Display, cap: impl Display) -> String {
    format!("{percent} % of {whose} {cap}")
}

pub fn nearly_used(sign: impl Display, percent: impl Display, whose: impl Display) -> String {
    format!("{sign} {percent} % of {whose} cap")
}

pub fn cap_is_used(percent: impl Display, name: impl Display, cap: impl Display) -> String {
    format!("{percent} % of {name} ({cap}) is used")
}

// Below an answer

pub const AND_JUST_NOW: &str = " · just now";
pub const FROM_THE_BRANCH_BEFORE: &str = " · from the branch before";
pub const THE_MODEL: &str = "the model";

pub fn not_kept_on_disk(why: impl Display) -> String {
    format!("✗ not kept on disk: {why}. It is here until you leave; 5 Requests shows what is owed for it")
}

pub const STOPPED_BY_YOU: &str = "■ stopped by you; what had come is paid for";
pub const CUT: &str = "■ cut: it reached its token limit, or the most that it may cost";

pub fn broke_off(reason: impl Display) -> String {
    format!("✗ broke off: {reason}")
}

pub const UNFINISHED: &str = "■ unfinished: the program ended while it was answered; this is what had come";
pub const COUNTS_ELSEWHERE: &str = "its cost counts in the conversation that it was written in";
pub const NO_REQUEST: &str = "not paid for: no request is known";
pub const NOT_KNOWN_YET: &str = "what it cost is not known yet";

pub fn tokens(input: impl Display, output: impl Display) -> String {
    format!("{input} in {output} out")
}

pub const FREE: &str = "free of charge";

pub fn request(id: impl Display) -> String {
    format!("request {id}")
}

pub fn receipt_disputed(id: impl Display) -> String {
    format!("receipt {id} ✗ disputed")
}

pub fn receipt_verified(id: impl Display) -> String {
    format!("receipt {id} ✓ verified")
}

pub fn own_count(id: impl Display) -> String {
    format!("{id}: by our own count, no receipt")
}

pub fn unconfirmed(id: impl Display) -> String {
    format!("{id}: unconfirmed, receipt asked for")
}

pub fn failed(id: impl Display) -> String {
    format!("{id}: failed, nothing charged")
}

pub fn not_booked(id: impl Display) -> String {
    format!("{id}: not booked yet")
}

pub fn disputed(amount: impl Display, note: impl Display) -> String {
    format!("! {amount} more was asked for and is not paid{note}")
}

pub fn to_first(seconds: impl Display) -> String {
    format!("{seconds} to first")
}

pub fn tokens_a_second(rate: impl Display) -> String {
    format!("{rate} tok/s")
}
