//! What the screen of settings says.

use std::fmt::Display;

pub const ALL_SETTINGS: &str = "all settings";
pub const COPY_ADDRESS: &str = "copy address";

// The chain and the key

pub const CHAIN_IS_READ: &str = "✓ read up to the block below";

pub fn chain_not_read(why: impl Display) -> String {
    format!("✗ cannot be read at the moment: {why}")
}

pub fn tried_again(why: impl Display) -> String {
    format!("✗ {why}; it is tried again")
}

pub const CHAIN_ID: &str = "Chain id";

pub fn locked_for(time: impl Display) -> String {
    format!("are locked for {time}")
}

pub const MAY_SPEND: &str = "may spend, after asking";

// Caps

pub const WHERE_CAPS_ARE_SET: &str =
    "Set in the settings file (caps) or with C in Spend: the tighter one holds, here and through the API.";

// The API

pub const OPEN_AT: &str = "Open at";

pub fn open_at_url(url: impl Display) -> String {
    format!("{url}   (OpenAI clients: base URL {url}/v1)")
}

pub const API_CLOSED: &str = "nowhere; start with --serve to open it";

// These screens

pub const UNIT: &str = "Unit (u)";
pub const TIMES: &str = "Times (t)";
pub const TIMES_BY_CLOCK: &str = "by the clock, UTC";
pub const TIMES_AS_AGES: &str = "as ages; clock times are UTC";
pub const PRIVACY: &str = "Privacy (x)";
pub const PRIVACY_HIDDEN: &str = "amounts and addresses are hidden";
pub const MOUSE: &str = "Mouse (m)";
pub fn mouse(taken: bool, key: &str) -> String {
    if taken { format!("taken; {key} leaves it to the terminal") } else { "left to the terminal".to_owned() }
}
pub const GIVEN: &str = "Given at the start";
pub const NOTHING_GIVEN: &str =
    "Nothing: no file, variable or flag says anything, and all is at its default.";
pub const VALUE_HIDDEN: &str = "…";

pub fn given(key: impl Display, value: impl Display, source: impl Display) -> String {
    format!("{key}: {value}   from {source}")
}

pub const OWN_KEYS: &str = "Keys of your own";
pub const NO_KEY: &str = "no key";

pub fn delivered_as(keys: impl Display, delivered: impl Display) -> String {
    format!("{keys}, delivered as {delivered}")
}

pub const NAMES_GIVEN: &str = "Names that you gave";
