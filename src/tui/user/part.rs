//! What a screen is: a part of the model with its own keys, asks and answers, which orders what lies outside itself.

use crossterm::event::KeyEvent;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use serde_json::Value;

use super::money::{self, Wish};
use super::screen::Screen;
use super::shared::Shared;
use crate::broker::user::Event;
use crate::domain::{Address, RequestId, ServiceName};
use crate::tui::keymap::{Action, Place};
use crate::tui::texts;
use crate::tui::theme::Tone;

/// What became known.
#[derive(Clone, Debug)]
pub enum News {
    /// The broker became ready; what it says can be asked for from now on.
    Ready,
    /// There is a newer snapshot in [`Shared`].
    Snapshot,
    /// The services in [`Shared`] changed.
    Services,
    /// Something happened.
    Event(Event),
    /// A second passed.
    Beat,
}

/// What one screen wants of another. The other one is opened with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Intent {
    /// Talk to a service.
    Talk {
        provider: Address,
        service: ServiceName,
    },
    /// Put files to a storage service, and take them.
    Files {
        provider: Address,
        service: ServiceName,
    },
    /// What is known of a service.
    Service {
        provider: Address,
        service: ServiceName,
    },
    Request(RequestId),
    /// The requests that a filter lets through, as it is typed there.
    Requests(String),
    /// Money that the screen had asked for has arrived (or not: then why).
    Funded {
        token: u64,
        refused: Option<String>,
    },
}

/// What a part cannot do by itself.
#[derive(Clone, Debug)]
pub enum Order {
    /// Say it in the corner and in the log.
    Toast(Tone, String),
    /// Say it in the log only.
    Note(Tone, String),
    /// Tell it even to somebody who looks at another window; in this one it is a toast.
    Notify(Tone, String),
    Copy {
        text: String,
        what: String,
    },
    /// The text comes back through [`Part::edited`].
    Edit(String),
    Tell(Screen, Intent),
    /// The same, and the screen is left where it is.
    Inform(Screen, Intent),
    /// Opens the dialog of something that moves money.
    Money(Wish),
    /// The same about several accounts at once: refunds of all that is free, or taking what is due.
    MoneyOfMany(money::Kind, Vec<Address>),
    /// Prices of a million units, or of one again, on every screen.
    Million,
    /// Opens the dialog for the name of a provider.
    Alias(Address),
}

/// What a part has at hand while it changes itself.
#[derive(Debug)]
pub struct Cx<'a, A> {
    pub shared: &'a Shared,
    pub asks: &'a mut Vec<A>,
    pub orders: &'a mut Vec<Order>,
}

impl<A> Cx<'_, A> {
    /// Asks the broker, or the library.
    pub fn ask(&mut self, ask: A) {
        self.asks.push(ask);
    }

    pub fn order(&mut self, order: Order) {
        self.orders.push(order);
    }

    pub fn toast(&mut self, tone: Tone, text: impl Into<String>) {
        self.orders.push(Order::Toast(tone, text.into()));
    }

    /// Opens the dialog that a key asks for, about the account with a provider.
    pub fn money(&mut self, action: Action, provider: Address) {
        let there = self.shared.snapshot.accounts.iter().any(|account| account.provider == provider);
        let kind = match (action, there) {
            (Action::Refund, true) => money::Kind::Refund,
            (Action::Refund, false) => return self.toast(Tone::Plain, texts::services::NO_ACCOUNT),
            (_, true) => money::Kind::Deposit,
            (_, false) => money::Kind::OpenAccount,
        };
        self.order(Order::Money(Wish { kind, provider, amount: None, then: None }));
    }

    pub fn copy(&mut self, text: impl Into<String>, what: impl Into<String>) {
        self.orders.push(Order::Copy { text: text.into(), what: what.into() });
    }
}

/// What moves the money of an account.
pub const fn is_money(action: Action) -> bool {
    matches!(action, Action::OpenAccount | Action::Deposit | Action::Refund)
}

/// What only lists have, of which rows are chosen.
pub const fn is_of_lists(action: Action) -> bool {
    matches!(action, Action::Filter | Action::Sort | Action::TurnSort | Action::Mark | Action::Alias)
}

/// A screen.
///
/// Keys reach it in one of two ways: as the [`Action`] that the keymap gives them in its [`places`](Part::places), or,
/// while [`typing`](Part::typing), as they are; then only keys that print nothing are looked up in the keymap first.
pub trait Part {
    /// What it asks the runner for.
    type Ask;
    /// What it is answered.
    type Answer;

    /// Where its keys are looked up, the closest first; `Everywhere` comes after them by itself.
    fn places(&self) -> &'static [Place];

    /// Whether keys are text at the moment: a filter, a form, a prompt, a dialog of its own.
    fn typing(&self) -> bool {
        false
    }

    /// A bound key, or the action's name from the palette.
    fn act(&mut self, _action: Action, _cx: &mut Cx<'_, Self::Ask>) {}

    /// Whether it has something for an action that many screens have.
    fn takes(&self, _action: Action, _shared: &Shared) -> bool {
        true
    }

    /// A key while typing, where the keymap did not take it.
    fn key(&mut self, _key: KeyEvent, _cx: &mut Cx<'_, Self::Ask>) {}

    /// `esc`: one step back. `false` if there is nothing to step back from.
    fn back(&mut self, _cx: &mut Cx<'_, Self::Ask>) -> bool {
        false
    }

    /// `q`: the same, but nothing is stopped by it that costs money; quitting asks about that.
    fn retreat(&mut self, cx: &mut Cx<'_, Self::Ask>) -> bool {
        self.back(cx)
    }

    /// `ctrl+c`: stops what runs, or leaves what is open. `false` if there is nothing of either.
    fn stop(&mut self, cx: &mut Cx<'_, Self::Ask>) -> bool {
        self.back(cx)
    }

    fn paste(&mut self, _text: &str, _cx: &mut Cx<'_, Self::Ask>) {}

    /// A click into `area`, which is the body of the screen.
    fn click(&mut self, _at: Position, _area: Rect, _cx: &mut Cx<'_, Self::Ask>) {}

    fn wheel(&mut self, _rows: i16, _cx: &mut Cx<'_, Self::Ask>) {}

    /// It came into sight.
    fn open(&mut self, _cx: &mut Cx<'_, Self::Ask>) {}

    /// It came into sight on the way from screen to screen: the next arrow goes on.
    fn passed(&mut self) {}

    /// Gives whether what is drawn of it changed.
    fn news(&mut self, _news: &News, _cx: &mut Cx<'_, Self::Ask>) -> bool {
        false
    }

    fn answer(&mut self, answer: Self::Answer, cx: &mut Cx<'_, Self::Ask>);

    /// Another screen wants something of it.
    fn intent(&mut self, _intent: Intent, _cx: &mut Cx<'_, Self::Ask>) {}

    /// What became of a text that was given to the editor.
    fn edited(&mut self, _text: Result<String, String>, _cx: &mut Cx<'_, Self::Ask>) {}

    /// Told after each change with the room that it will be drawn in: heights of tables, ends of scrolling.
    fn settle(&mut self, _area: Rect, _shared: &Shared) {}

    /// Whether something in sight is counted in seconds, so that it is drawn again each second.
    fn counting(&self, _shared: &Shared) -> bool {
        false
    }

    /// Draws it. Gives where the cursor is, where something is typed.
    fn draw(&self, buffer: &mut Buffer, area: Rect, shared: &Shared) -> Option<Position>;

    /// Where news may stand over it: not over what is written, or what it costs.
    fn beside_news(&self, area: Rect, _shared: &Shared) -> Rect {
        area
    }

    /// The keys that matter here, the most useful first.
    fn hints(&self, _shared: &Shared) -> Vec<(Action, &'static str)> {
        Vec::new()
    }

    /// The same where keys have no action: inside its own dialogs.
    fn own_hints(&self) -> Option<Vec<(&'static str, &'static str)>> {
        None
    }

    /// Whether its tab says that somebody should look.
    fn alarm(&self, _shared: &Shared) -> bool {
        false
    }

    /// What quitting would stop: quitting then asks.
    fn running(&self) -> Option<String> {
        None
    }

    /// What it wants to find again after a restart.
    fn remember(&self) -> Value {
        Value::Null
    }

    fn recall(&mut self, _kept: &Value) {}
}
