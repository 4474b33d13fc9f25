//! What the console says of services: the list, their details, the form.

use std::fmt::Display;

use super::numbers::milliseconds;

// The form

pub const URL_HINT: &str = "Where the service itself is: its root, or its one endpoint. Users never see it.";
pub const PRICE_HINT: &str =
    "Neuron for one token (chatbot) or byte (zgStorage), or an amount like 0.000001 A0GI.";
pub const MODEL_HINT: &str = "What users may call it by. May stay empty.";
pub const METER_HINT: &str =
    "o200k: counted by a public tokenizer. usage: the server's own figures. bytes: for storage.";
pub const HEADERS_HINT: &str =
    "Sent along, such as an API key: name: value; name: value. Kept secret; empty keeps them as they are.";
pub const LIMIT_HINT: &str = "For all users together. Empty: no limit.";
pub const NAME_HINT: &str = "1 to 64 letters, digits, '-', '_' or '.'. It cannot be changed later.";
pub const KIND_HINT: &str = "← → choose: chatbot is paid by the token, zgStorage by the byte.";
pub const INPUT_PRICE: &str = "Input price";
pub const OUTPUT_PRICE: &str = "Output price";
pub const MOST_IN_FLIGHT: &str = "Most in flight";
pub const MOST_A_MINUTE: &str = "Most a minute";
pub const REGISTER_TITLE: &str = "Register a service";

pub fn change_title(name: impl Display) -> String {
    format!("Change {name}")
}

pub const WRITE_A_NAME: &str = "write 1 to 64 letters, digits, '-', '_' or '.'";
pub const WHOLE_NUMBER: &str = "write a whole number above 0, or leave it empty";
pub const STORAGE_BY_BYTES: &str = "storage is metered in bytes, and nothing else is";
pub const NOTHING_CHANGED: &str = "nothing is changed yet";
pub const SAVE_REGISTERS: &str = "ctrl+s registers it: one transaction, paid from the provider's wallet.";
pub const SAVE_CHANGES: &str =
    "ctrl+s sends it. Prices, model and URL are a transaction; the new price counts once it is mined.";
pub const URL_BEGINS: &str = "it must begin with http:// or https://";
pub const URL_EMPTY: &str = "it is empty; write where the service is, as http://127.0.0.1:8000";
pub const URL_NO_ADDRESS: &str = "it is not an address; write it as http://127.0.0.1:8000";
pub const HEADERS_SHAPE: &str = "write name: value; name: value";
pub const HEADERS_NAME: &str = "write name: value; a name has letters, digits and '-' only";

// The list and the details

pub const ON_OFFER: &str = "✓ on offer";

pub fn after(latency: u64) -> String {
    format!(" {}", milliseconds(latency))
}

pub fn works(latency: impl Display) -> String {
    format!("✓ ok{latency}")
}

pub const NOT_LOOKED_AT: &str = "not looked at";
pub const NOT_YET: &str = "… not yet";

pub fn fields_differ(many: impl Display) -> String {
    format!("≠ {many} fields")
}

pub const FIELD_INPUT_PRICE: &str = "input price";
pub const FIELD_OUTPUT_PRICE: &str = "output price";
pub const IN_FLIGHT: &str = "In flight";
pub const SERVER_BEHIND: &str = "Server behind it";
pub const LOOKED_AT: &str = "Looked at";

pub fn secret_headers(names: impl Display) -> String {
    format!("{names} (values are secret)")
}

pub const HEADERS_SENT: &str = "Headers sent";
pub const LIMIT_IN_FLIGHT: &str = "in flight";
pub const LIMIT_A_MINUTE: &str = "requests a minute";
pub const ON_THE_CHAIN: &str = "On the chain";
pub const CHAIN_NOT_TOLD: &str = "This broker does not tell what the chain lists; it wants:";
pub const CHAIN_LISTS_NOTHING: &str = "The chain lists nothing of it. What the database wants:";
pub const PUBLIC_URL: &str = "Public URL";
pub const DATABASE_AND_CHAIN: &str = "Database and chain";

pub fn wanted(wanted: impl Display) -> String {
    format!("≠ wanted {wanted}")
}

pub fn listed(found: impl Display) -> String {
    format!("  listed {found}")
}

pub const CHAIN_AGREES: &str = "✓ The chain lists what the database wants.";
pub const R_REPAIRS: &str = "r compares with the chain and repairs.";
