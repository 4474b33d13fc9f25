//! What can happen to the guide, and what it can ask for.

use std::path::PathBuf;

use super::deeds::{ChainSeen, Choice, KeyOrder, KeyTrouble, OwnKey, SaveTrouble};
use crate::domain::{Address, Neuron, Timestamp};
use crate::tui::input::Input;
use crate::tui::shell::Followed;

#[derive(Debug)]
pub enum Message {
    Input(Input, Timestamp),
    Followed(Followed),
    Beat(Timestamp),
    /// What the look of that number found.
    Looked(u64, ChainSeen),
    Key(Result<OwnKey, KeyTrouble>),
    Balance(Address, Result<Neuron, String>),
    Saved(Result<PathBuf, SaveTrouble>),
}

pub enum Effect {
    Look { number: u64, rpc_url: String, contract: String },
    Key { order: KeyOrder, keep: bool },
    Balance { rpc_url: String, address: Address },
    Save { choice: Choice, replace: bool },
}

impl std::fmt::Debug for Effect {
    /// Without the node's URL, whose path may be a secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Effect::Look { number, .. } => write!(f, "Look({number})"),
            Effect::Key { order, keep } => write!(f, "Key({order:?}, {keep})"),
            Effect::Balance { address, .. } => write!(f, "Balance({address})"),
            Effect::Save { choice, replace } => write!(f, "Save({choice:?}, {replace})"),
        }
    }
}
