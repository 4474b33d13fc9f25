//! A guide, keys typed into it, and answers as its deeds would give them.

use std::path::PathBuf;
use std::sync::Arc;

use crossterm::event::KeyCode;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::super::deeds::{ChainSeen, NodeSeen, OwnKey};
use super::super::message::{Effect, Message};
use super::super::model::{Model, Opening, Setup};
use super::super::view;
use crate::domain::{Address, Timestamp};
use crate::keys::{Secret, Wallet};
pub use crate::tui::pictures::{control, moment, picture, press, resize};
use crate::tui::shell::{Program, ScreenOrder, Step};
use crate::tui::theme::{Shade, Theme};

pub fn setup(opening: Opening, keys: Vec<Address>) -> Setup {
    Setup {
        settings: Default::default(),
        version: "0.1.0",
        opening,
        rpc_url: "http://127.0.0.1:8545".to_owned(),
        contract: Address::repeat_byte(0x5f),
        keys,
        settings_file: PathBuf::from("/home/me/.config/zgserve/user.yaml"),
        keyring: false,
    }
}

pub fn shaded(opening: Opening, keys: Vec<Address>, shade: Shade) -> Model {
    let now: Timestamp = "2026-11-24T12:00:00Z".parse().unwrap();
    Model::new(setup(opening, keys), Theme::new(shade, true), now)
}

/// Where the session has a keyring.
pub fn with_keyring(opening: Opening) -> Model {
    let now: Timestamp = "2026-11-24T12:00:00Z".parse().unwrap();
    let setup = Setup { keyring: true, ..setup(opening, Vec::new()) };
    Model::new(setup, Theme::new(Shade::Dark, true), now)
}

pub fn first() -> Model {
    shaded(Opening::First, Vec::new(), Shade::Dark)
}

/// Letters; `\n` is enter, `\t` tab, `\u{1b}` escape. Gives all effects.
pub fn typed(model: &mut Model, text: &str) -> Vec<Effect> {
    let code = |letter| match letter {
        '\n' => KeyCode::Enter,
        '\t' => KeyCode::Tab,
        '\u{1b}' => KeyCode::Esc,
        letter => KeyCode::Char(letter),
    };
    text.chars().flat_map(|letter| press(model, code(letter)).effects).collect()
}

pub fn beat(model: &mut Model, seconds: u64) -> Step<Effect> {
    let now = model.look.now.plus_seconds(seconds);
    model.update(Message::Beat(now))
}

pub fn good_chain() -> ChainSeen {
    let node = NodeSeen { chain_id: 16_602, block: 4_183_022, milliseconds: 84 };
    ChainSeen { node: Ok(node), contract: Some(Ok(86_400)) }
}

/// Answers the look that is under way.
pub fn looked(model: &mut Model, seen: ChainSeen) -> Step<Effect> {
    let number = model.check.asked.unwrap();
    model.update(Message::Looked(number, seen))
}

/// The first of the well-known test keys.
pub fn own() -> OwnKey {
    let digits = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
    let wallet = Arc::new(Wallet::from_hex(&Secret::new(digits.to_owned())).unwrap());
    let file = "/home/me/.local/share/zgserve/keys/0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266.json";
    OwnKey { wallet, file: PathBuf::from(file), kept: None }
}

pub fn quits(step: &Step<Effect>) -> bool {
    step.screen.contains(&ScreenOrder::Quit)
}

pub fn painted(model: &Model) -> Buffer {
    let area = Rect::new(0, 0, model.size.0, model.size.1);
    let mut buffer = Buffer::empty(area);
    view::paint(model, &mut buffer, area);
    buffer
}
