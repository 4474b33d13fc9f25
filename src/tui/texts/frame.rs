//! What the frame around the user's screens says: what happened, why something cannot be done now, the status line.

use std::fmt::Display;

// Why something cannot be done now

pub const NOT_HERE: &str = "not on this screen";

pub fn money_is_elsewhere(accounts: &str) -> String {
    format!("{NOT_HERE}; {accounts} Accounts moves money")
}

// What a key changed

pub fn amounts(unit: impl Display) -> String {
    format!("amounts: {unit}")
}

pub fn frozen(key: &str) -> String {
    format!("frozen: figures stay as they are; {key} goes on")
}

pub const GOING_ON: &str = "going on";

pub fn mouse(taken: bool, key: &str) -> String {
    match taken {
        true => format!("the mouse works here; {key} leaves it to the terminal"),
        false => format!("the mouse is the terminal's; {key} takes it back"),
    }
}

pub fn copied(what: impl Display, way: impl Display) -> String {
    format!("copied {what} {way}")
}

// Names of providers

pub fn alias_too_long(most: impl Display) -> String {
    format!("at most {most} letters")
}

pub const NAMED_AT_START: &str = "named at the start of these screens";
pub const ALIAS_HINT: &str = "A name of your own for this provider, marked with @; empty forgets it.";

pub fn name_provider(provider: impl Display) -> String {
    format!("Name {provider}")
}

pub fn alias_not_kept(reason: impl Display) -> String {
    format!("the name could not be kept: {reason}")
}

// Files

pub const NO_FILE_NAME: &str = "that is no name of a file";

pub fn no_new_file(folder: impl Display, error: impl Display) -> String {
    format!("a file cannot be made in {folder}: {error}")
}

pub fn file_exists(file: impl Display) -> String {
    format!("{file} exists already; choose another name")
}

// What happened, whichever screen is open

pub const BROKER_READY: &str = "the broker is ready";

pub fn is_on_the_chain(what: impl Display, whom: impl Display) -> String {
    format!("{what}{whom} is on the chain")
}

pub fn was_ended(what: impl Display, whom: impl Display, state: impl Display, why: impl Display) -> String {
    format!("{what}{whom} was {state}{why}")
}

pub fn outcome_unknown(what: impl Display, whom: impl Display) -> String {
    format!("{what}{whom}: the outcome is not known yet; it is followed up")
}

pub fn is_now(what: impl Display, whom: impl Display, state: impl Display) -> String {
    format!("{what}{whom} is {state}")
}

pub fn request_ended(
    service: impl Display,
    provider: impl Display,
    state: impl Display,
    why: impl Display,
) -> String {
    format!("a request to {service} @ {provider} is {state}{why}")
}

pub fn chain_lost(why: impl Display) -> String {
    format!("the chain cannot be read{why}; figures stay as they were")
}

pub const CHAIN_BACK: &str = "the chain can be read again";
pub const NO_PROVIDER_BROKER: &str =
    "there is no provider broker here; `zgserve-tui console --url …` shows one elsewhere";

// The words of the money, in the help

pub const MEANS_SPENDABLE: &str =
    "what new requests may use: the deposits without what is owed, reserved or asked back";
pub const MEANS_PROMISED: &str = "the highest voucher that was signed: so much the provider may take in all";
pub const MEANS_AT_RISK: &str = "promised beyond what is owed: what a dishonest provider could take too much";
pub const MEANS_SETTLED: &str = "what the provider took on the chain";
pub const MEANS_RESERVED: &str = "highest fees of requests under way, and of those whose end is not known";
pub const MEANS_LOCKED: &str =
    "deposit asked back; it is locked for a while so that the provider can settle first";
pub const MEANS_DISPUTED: &str = "asked for by the provider beyond our own count; not paid";
pub const MEANS_LEFT_OUT: &str = "digits were left out; details (enter) show every digit, and u does";

// The frame itself

pub fn window_too_small(
    width: impl Display,
    height: impl Display,
    least_width: impl Display,
    least_height: impl Display,
) -> String {
    format!("This window is {width}×{height}; the screens need {least_width}×{least_height}.")
}

pub const QUIT_NOW: &str = "Quit now?";

pub fn offline(seconds: impl Display) -> String {
    format!("✗ offline, again in {seconds} s")
}

pub const NOT_RUNNING: &str = "✗ not running";
pub const CHAIN_OFFLINE: &str = "✗ chain offline";
pub const NO_BLOCK_YET: &str = "no block yet";

pub fn spendable(amount: impl Display) -> String {
    format!("spendable {amount}")
}

pub fn today(spent: impl Display) -> String {
    format!("today {spent}")
}

pub fn pending(many: impl Display) -> String {
    format!("… {many} pending")
}

pub fn wallet(amount: impl Display) -> String {
    format!("wallet {amount}")
}

pub fn api(address: impl Display) -> String {
    format!("API {address}")
}

pub const MOUSE_OFF: &str = "mouse off";
