//! What the provider's console says: orders and what became of them, the overview, its settings.

use std::fmt::Display;

use super::numbers::{counted, grouped, services, users};

// What became of an order

pub fn in_block(block: impl Display) -> String {
    format!(" in block {block}")
}

pub fn is_mined(what: impl Display, block: impl Display, hash: impl Display) -> String {
    format!("{what} is mined{block}, transaction {hash}")
}

pub fn is_sent(what: impl Display, hash: impl Display) -> String {
    format!("{what} is sent, transaction {hash}")
}

pub fn is_prepared(what: impl Display) -> String {
    format!("{what} is prepared")
}

pub fn was_reverted(what: impl Display, reason: impl Display) -> String {
    format!("{what} was reverted by the contract{reason}")
}

pub fn was_refused(what: impl Display, reason: impl Display) -> String {
    format!("{what} was refused{reason}")
}

pub fn outcome_unknown(what: impl Display, reason: impl Display) -> String {
    format!("{what} was sent and its outcome is not known yet{reason}")
}

pub const REGISTRATION: &str = "registration of a service";
pub const REMOVAL: &str = "removal of a service";
pub const ANSWERS_AGAIN: &str = "the broker answers again";

pub fn does_not_answer(reason: impl Display) -> String {
    format!("the broker does not answer: {reason}")
}

pub const NOTHING_CLAIMABLE: &str = "nothing was settled: nothing could be claimed any more";

pub fn settled(amount: impl Display, users: impl Display) -> String {
    format!("settled: {amount} from {users}")
}

pub const ORDER_TAKEN: &str = "the broker took the order; this screen shows how it ends";

pub const SETTLEMENT_SENT: &str = "the settlement is sent, not in a block yet; this screen shows how it ends";

pub fn not_settled(why: impl Display) -> String {
    format!("not settled: {why}")
}

pub fn sent_not_mined(words: impl Display) -> String {
    format!("{words}: sent, not in a block yet; the log tells when it is mined")
}

pub fn not_known(words: impl Display) -> String {
    format!("{words}: not known yet whether all is done; services and log show it")
}

pub fn could_not(words: impl Display, why: impl Display) -> String {
    format!("could not {words}: {why}")
}

pub fn order_register(name: impl Display) -> String {
    format!("register {name}")
}

pub const A_SERVICE: &str = "a service";

pub fn order_change(name: impl Display) -> String {
    format!("change {name}")
}

pub fn order_pause(name: impl Display) -> String {
    format!("pause {name}")
}

pub fn order_resume(name: impl Display) -> String {
    format!("resume {name}")
}

pub fn order_take_off(name: impl Display) -> String {
    format!("take {name} off the chain")
}

pub const ORDER_COMPARE: &str = "compare services with the chain";

pub fn is_registered(name: impl Display) -> String {
    format!("{name} is registered")
}

pub const THE_SERVICE: &str = "the service";

pub fn is_changed(name: impl Display) -> String {
    format!("{name} is changed")
}

pub fn is_paused(name: impl Display) -> String {
    format!("{name} is paused: it refuses new requests")
}

pub fn takes_requests_again(name: impl Display) -> String {
    format!("{name} takes requests again")
}

pub fn is_off_the_chain(name: impl Display) -> String {
    format!("{name} is off the chain")
}

pub const COMPARED: &str = "services were compared with the chain";

// What a key answers

pub const READ_ONLY_START: &str = "read-only: this console was started to look, not to change";
pub const ALL_DETAILS: &str = "all details";

pub fn of_rows(what: impl Display, many: usize) -> String {
    format!("{what}, of {}", counted(many, "row", "rows"))
}

pub const USERS_ADDRESS: &str = "the user's address";
pub const SERVICES_NAME: &str = "the service's name";

pub fn under_way_already(words: impl Display) -> String {
    format!("{words}: it is under way already")
}

// Questions about services

pub fn resume_title(name: impl Display) -> String {
    format!("Resume {name}")
}

pub const RESUME_TEXT: &str = "It takes requests again.";

pub fn pause_title(name: impl Display) -> String {
    format!("Pause {name}")
}

pub const PAUSE_TEXT: &str = "New requests are refused until it is resumed. Those in flight go on, and the chain lists it all the \
    same; this costs no gas.";

pub fn take_off_text(name: impl Display) -> String {
    format!(
        "{name} answers no more from that moment on, and one transaction takes it off the chain, paid from \
        the provider's wallet."
    )
}

pub const TAKE_OFF_STAYS_OWED: &str =
    "What users owe for it stays owed. This cannot be undone; it can be registered again.";

pub fn take_off_in_flight(many: impl Display) -> String {
    format!("! {many} of its requests are in flight")
}

pub fn take_off_title(name: impl Display) -> String {
    format!("Take {name} off the chain")
}

pub const TAKE_IT_OFF: &str = "Take it off";
pub const COMPARE_TEXT: &str = "All services are compared with the chain. What the chain lists otherwise than the database wants is \
    sent again: one transaction each, paid from the provider's wallet.";
pub const COMPARE_TITLE: &str = "Compare with the chain and repair";

// The keys

// The overview

pub fn in_all_answers(unit: impl Display) -> String {
    format!("{unit}  in all answers ever")
}

pub fn paid_on_chain(unit: impl Display) -> String {
    format!("{unit}  paid on the chain")
}

pub const NOBODY_OWES: &str = "nobody owes";

pub fn owed_by(many: usize) -> String {
    format!("owed by {}", users(many))
}

pub fn t_settles_it(unit: impl Display) -> String {
    format!("{unit}  T settles it now")
}

pub fn for_in_flight(unit: impl Display, many: usize) -> String {
    format!("{unit}  for {} in flight", grouped(many as u128))
}

pub const NOT_CLAIMABLE_YET: &str = " not claimable yet";

pub fn today_in(fees: impl Display, requests: impl Display) -> String {
    format!("{fees} in {requests}")
}

pub const WALLET_NOT_KNOWN: &str = "the wallet is not known";

pub fn wallet_left(amount: impl Display) -> String {
    format!("{amount} left")
}

pub fn wallet_and_spent(wallet: impl Display, spent: impl Display) -> String {
    format!("{wallet}, {spent} spent")
}

pub fn no_broker_answers(url: impl Display, reason: impl Display) -> String {
    format!("No broker answers at {url}: {reason}.")
}

pub const NO_OVERVIEW: &str = "This broker is of a version without an overview (GET /v1/overview answers 404). The other screens \
    work; update the broker to see money and health here.";
pub const ASKING: &str = "Asking the broker …";
pub const NEXT_SETTLEMENT_BY_HAND: &str = "Next settlement (only when asked: T)";
pub const NEXT_SETTLEMENT: &str = "Next settlement";
pub const NOT_KNOWN_YET_ALONE: &str = "Not known yet.";

pub fn block_of(block: impl Display, time: impl Display) -> String {
    format!("#{block} of {time}")
}

pub fn chain_and_block(chain: impl Display, block: impl Display) -> String {
    format!("{chain}, block {block}")
}

pub fn services_to_users(offered: usize, with_account: usize) -> String {
    format!("{} to {}", services(offered), users(with_account))
}

pub fn credit_for_each(amount: impl Display) -> String {
    format!("{amount} for each user")
}

pub fn refunds_locked_for(time: impl Display) -> String {
    format!("refunds are locked for {time}")
}

pub fn and_more(more: usize) -> String {
    format!("· and {} more", grouped(more as u128))
}

pub const SETTLES_NOW: &str = ", settles now";

pub fn settles_in(wait: impl Display) -> String {
    format!(", settles in {wait}")
}

pub const OWES_NOTHING: &str = "owes nothing";

pub fn owes(amount: impl Display) -> String {
    format!("owes {amount}")
}

pub fn server_fails(name: impl Display, why: impl Display) -> String {
    format!("✗ the server behind {name} fails{why}")
}

pub fn chain_lists_another(name: impl Display, fields: impl Display) -> String {
    format!("≠ {name}: the chain lists another {fields}")
}

pub const NOTHING_BUT_HEALTH: &str =
    "nothing among users and services; of its health this broker tells nothing";

pub fn chain_not_reached(trouble: impl Display) -> String {
    format!("✗ the chain cannot be reached: {trouble}")
}

pub fn disk_takes_no_writes(trouble: impl Display) -> String {
    format!("✗ the disk does not take writes: {trouble}")
}

pub fn task_died(task: impl Display) -> String {
    format!("✗ the {task} has died: restart the broker")
}

pub const BROKER_STOPPING: &str = "! the broker is stopping";
pub const EMPTY_WALLET: &str = "✗ the wallet is empty: nothing can be settled";
pub const LITTLE_GAS: &str = "! the wallet has gas for less than ten settlements";

// The frame

pub fn window_too_small(
    width: impl Display,
    height: impl Display,
    least_width: impl Display,
    least_height: impl Display,
) -> String {
    format!("This window is {width}×{height}; the console needs {least_width}×{least_height}.")
}

pub const SENT_WAITING: &str = "… sent; waiting for the broker";

pub fn since(time: impl Display) -> String {
    format!(" since {time}")
}

pub fn silent(since: impl Display, wait: impl Display) -> String {
    format!("✗ silent{since}, again in {wait} s")
}

pub fn claimable(amount: impl Display) -> String {
    format!("claimable {amount}")
}

pub fn chain_at(chain: impl Display, block: impl Display) -> String {
    format!("chain {chain} {block}")
}

pub fn gas(amount: impl Display) -> String {
    format!("gas {amount}")
}

pub const BETWEEN_BUTTONS: &str = "between buttons";
pub const LEAVE_OUT: &str = "leave out";
pub const SETTLE_NOW: &str = "settle now";
pub const YOUR_SCREENS: &str = "your screens";

pub fn sorted_by(column: impl Display) -> String {
    format!("by {column}")
}

pub fn shown_at(time: impl Display) -> String {
    format!(" (shown: {time})")
}

pub fn as_of(time: impl Display) -> String {
    format!("as of {time} UTC")
}

pub const AMOUNTS_IN_NEURON: &str = "amounts in neuron";
pub const NEWEST_OF: &str = "newest of ";

pub fn and_fees(amount: impl Display) -> String {
    format!(", fees {amount}")
}

pub fn requests_live(
    newest: impl Display,
    all: impl Display,
    live: impl Display,
    fee: impl Display,
) -> String {
    format!("{newest}{all}, {live} live{fee}")
}

pub const NOTHING_FITS: &str = "No row has that; esc shows all again.";
pub const NO_USERS: &str =
    "Nobody has an account with this provider yet. Users appear here once they have deposited.";
pub const NO_REQUESTS: &str = "No request yet. Requests appear here the moment they are admitted.";
pub const NO_SERVICES_READ_ONLY: &str = "Nothing is on offer yet.";
pub const NO_SERVICES: &str = "Nothing is on offer yet. n registers the first service.";
pub const NO_SETTLEMENTS: &str = "Nothing was settled yet. T shows what a settlement would do now.";

// The words of the money, in the help

pub const MEANS_SETTLED: &str = "of that, paid on the chain";
pub const MEANS_UNSETTLED: &str = "of that, not paid on the chain yet";
pub const MEANS_VOUCHER: &str = "the user's signed promise: so much may have been taken in all";
pub const MEANS_CLAIMABLE: &str = "what a settlement could bring now: covered by voucher and balance";
pub const MEANS_BRINGS: &str = "what a settlement pays: the claimable sums of the users in it";
pub const MEANS_RESERVED: &str = "highest fees of requests in flight";
pub const MEANS_REFUND: &str = "a user takes deposit back; until it unlocks it can still be settled";

// The settings

pub const IT_ANSWERS: &str = "✓ it answers";

pub fn silent_since(time: impl Display, reason: impl Display) -> String {
    format!("✗ silent since {time} UTC: {reason}")
}

pub const TELLS_CHANGES: &str = "the broker tells changes (GET /v1/events)";
pub const TELLS_NONE: &str = "it tells none; what is in sight is asked for every second";
pub const FOUND_BY: &str = "Found by";
pub const THIS_CONSOLE: &str = "This console";
pub const BROKERS_VERSION: &str = "Broker's version";
pub const LOCK_OF_REFUNDS: &str = "Lock of refunds";
pub const CREDIT_LIMIT: &str = "Credit limit";
pub const SETTLES_BY_ITSELF: &str = "by itself, and when asked";
pub const SETTLES_WHEN_ASKED: &str = "only when asked";
pub const THIS_SCREEN: &str = "This screen";
pub const READ_ONLY: &str = "read-only: nothing can be changed from here";
pub const MAY_CHANGE: &str = "may change things";
pub const TOKEN_READABLE: &str =
    "! sent readable for everybody on the way; use https, or an SSH tunnel to a local port";
