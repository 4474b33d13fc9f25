//! What the guided start says, and the question for a passphrase.

use std::fmt::Display;

use super::numbers::milliseconds;

// The fields

pub const URL_HINT: &str = "Of a node of the chain, as https://rpc.example or http://127.0.0.1:8545.";
pub const CONTRACT_HINT: &str = "The Serving contract on that chain: 0x and 40 hexadecimal digits.";
pub const KEY_HINT: &str =
    "64 hexadecimal digits, with or without 0x. Typed or pasted unseen, kept locked on this machine.";
pub const KEY_FILE_HINT: &str = "A version 3 key file, as geth and most wallets write them.";
pub const KEY_FILE_PASSPHRASE_HINT: &str = "The one that opens that file.";
pub const PASSPHRASE_HINT: &str =
    "Locks the key file here. Nobody can open it without, and nobody can send it to you again.";
pub const AGAIN_HINT: &str = "The same once more.";
pub const KEYRING_HINT: &str = "yes: the keyring that your login opens keeps the passphrase, never the key, and the next start asks \
    for nothing.";
pub const UNLOCK_HINT: &str = "Opening it takes about a second of work, on purpose.";
pub const URL: &str = "RPC URL";
pub const PRIVATE_KEY: &str = "Private key";
pub const KEY_FILE: &str = "Key file";
pub const KEY_FILE_PASSPHRASE: &str = "Its passphrase";
pub const KEY_EMPTY: &str = "it is empty; paste the private key";
pub const KEY_FILE_EMPTY: &str = "it is empty; write where the file is";
pub const THE_TWO_DIFFER: &str = "the two differ";
pub const STRENGTH_ADVICE: &str =
    "Four or five words that nobody else would put together are strong and can be remembered.";
pub const STRENGTH_WEAK: &str = "weak: a program guesses it";
pub const STRENGTH_FAIR: &str = "fair: another word makes it strong";
pub const STRENGTH_STRONG: &str = "strong, if it is used nowhere else";

// How to begin

pub const HOW_TO_BEGIN: &str = "How do you want to begin?";
pub const DEMO_MEANS: &str = "Everything in this program: a chain, a provider with two services and a wallet with test money. \
    Nothing is kept, nothing costs anything.";
pub const USE_A_CHAIN: &str = "Use a chain";
pub const USE_A_CHAIN_MEANS: &str =
    "Connect to a node of a 0G chain and set up a wallet: find services, fund them, use them.";
pub const LOOK_AROUND: &str = "Look around";
pub const LOOK_AROUND_MEANS: &str =
    "Services and prices of a chain, without a key. Nothing can be signed or spent.";

pub fn settings_kept(file: impl Display) -> String {
    format!("Settings are kept in {file}")
}

pub fn window_too_small(
    width: impl Display,
    height: impl Display,
    least_width: impl Display,
    least_height: impl Display,
) -> String {
    format!("This window is {width}×{height}; the guided start needs {least_width}×{least_height}.")
}

// The chain

pub const WHICH_CHAIN_TO_LOOK_AT: &str = "Which chain do you want to look at?";
pub const WHICH_CHAIN: &str = "Which chain?";
pub const ASKING: &str = "… asking the chain";
pub const NOT_LOOKED_AT: &str = "· not looked at yet";

pub fn chain_answers(chain: impl Display, block: impl Display, after: u64) -> String {
    format!("chain {chain}, block {block}, answers in {}", milliseconds(after))
}

pub fn contract_locks(time: impl Display) -> String {
    format!("a Serving contract; refunds are locked for {time}")
}

pub const CHAIN_AGAIN: &str = "the chain has to be looked at again; go back to it";

// The key

pub const WHOSE_MONEY: &str = "Whose money pays?";
pub const WHICH_KEY: &str = "Which key pays?";
pub const NEW_KEY: &str = "A new key, made here and locked with a passphrase.";
pub const OWN_KEY: &str = "A key you have, locked with a passphrase of this program's own.";
pub const OTHER_FILE: &str = "Another program's key file: opened with its passphrase, locked anew here.";

pub fn key_is_locked(address: impl Display) -> String {
    format!("The key of {address} is locked.")
}

pub fn unlocked(address: impl Display) -> String {
    format!("{address}  unlocked")
}

pub const MAKE_A_KEY: &str = "Make a new key";
pub const BRING_A_KEY: &str = "Bring a private key";
pub const BRING_A_FILE: &str = "Bring a key file";
pub const LATER: &str = "Later: look around first";
pub const FOUND_MEANS: &str = "From the key directory of this machine; its passphrase is asked for next.";
pub const MAKE_A_KEY_MEANS: &str =
    "A key of your own, made on this machine and locked with a passphrase. You fund it next.";
pub const BRING_A_KEY_MEANS: &str =
    "Digits that another wallet shows. Use one that holds no more than you mean to spend here.";
pub const BRING_A_FILE_MEANS: &str = "A locked file of geth or another wallet.";
pub const LATER_MEANS: &str = "Services and prices without a key. Nothing can be signed or spent.";
pub const WORKING: &str =
    "… working on the key: about a second, so that nobody guesses its passphrase quickly";

// The money

pub const SEND_MONEY: &str = "Send money of this chain to your address:";
pub const THE_ADDRESS: &str = "the address";

pub fn copied(way: impl Display) -> String {
    format!("✓ copied {way}")
}

pub fn asked_again(trouble: impl Display) -> String {
    format!("! {trouble}; asked again")
}

pub const ASKING_BALANCE: &str = "… asking what it holds";
pub const NOTHING_ARRIVED: &str = "… nothing yet; this line changes when it arrives";

pub fn arrived(amount: impl Display) -> String {
    format!("✓ arrived: {amount}")
}

pub fn holds(amount: impl Display) -> String {
    format!("✓ it holds {amount}")
}

pub fn key_is_in(file: impl Display) -> String {
    format!("The key is in {file}. Keep a copy of it, and the passphrase elsewhere.")
}

pub const KEYRING_KEEPS: &str = "✓ The keyring keeps the passphrase: the next start asks for nothing.";

pub fn keyring_failed(why: impl Display) -> String {
    format!("! {why}; the passphrase is asked for at the next start.")
}

pub const FUND_LATER: &str = "It can be funded later too: enter goes on.";

// The settings file

pub const SETTINGS_LEFT: &str = "the settings file was left as it is";
pub const SETTINGS_EXIST: &str = "Settings exist";

pub fn replace_settings(file: impl Display) -> String {
    format!("{file} exists. Replace it with what was chosen here?")
}

pub const REPLACE_IT: &str = "Replace it";

// The keys below

pub const KEYS_WORKING: &str = "ctrl+c leave";
pub const KEYS_CHOOSE_QUIT: &str = "↑↓ choose · enter go on · q leave";
pub const KEYS_CHOOSE: &str = "↑↓ choose · enter go on · esc back · ctrl+c leave";
pub const KEYS_FUNDING: &str = "y copy the address · enter go on · esc back · ctrl+c leave";
pub const KEYS_UNLOCK: &str = "enter unlock · ctrl+l look around without it · ctrl+c leave";
pub const KEYS_FORM: &str = "tab next · enter go on · esc back · ctrl+c leave";
