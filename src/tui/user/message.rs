//! What can happen to the user's screens, and what they can ask for.

use std::sync::Arc;

use super::shared::{ChainFacts, Standing};
use super::{accounts, chat, home, log, money, refunds, requests, services, settings, spend, storage};
use crate::broker::user::{Event, Snapshot};
use crate::domain::{Address, Service, Timestamp};
use crate::tui::console;
use crate::tui::input::Input;
use crate::tui::shell::Followed;

#[derive(Debug)]
pub enum Message {
    Input(Input, Timestamp),
    Beat(Timestamp),
    Followed(Followed),
    Standing(Standing, Option<ChainFacts>),
    Snapshot(Arc<Snapshot>),
    Event(Event),
    Services(Arc<[Service]>),
    /// Names that the user gave, and what the screens remembered.
    Kept {
        aliases: Vec<(Address, String)>,
        screens: serde_json::Value,
    },
    /// A name was kept, or why not.
    Named(Result<(), String>),
    Console(console::Message),
    Home(home::Answer),
    ServicesPart(services::Answer),
    Chat(chat::Answer),
    Accounts(accounts::Answer),
    Requests(requests::Answer),
    Refunds(refunds::Answer),
    Spend(spend::Answer),
    Storage(storage::Answer),
    Log(log::Answer),
    Settings(settings::Answer),
    Money(money::Answer),
}

#[derive(Debug)]
pub enum Effect {
    /// Keep a name, or forget it.
    Name {
        provider: Address,
        alias: Option<String>,
    },
    /// Keep what the screens want to find again.
    Remember(serde_json::Value),
    Console(console::Effect),
    Home(home::Ask),
    Services(services::Ask),
    Chat(chat::Ask),
    Accounts(accounts::Ask),
    Requests(requests::Ask),
    Refunds(refunds::Ask),
    Spend(spend::Ask),
    Storage(storage::Ask),
    Log(log::Ask),
    Settings(settings::Ask),
    Money(money::Ask),
}
