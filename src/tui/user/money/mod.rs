//! The dialogs of everything that moves money.
//!
//! ```text
//! Wish ─▶ amount (typed, tried out as one types) ─▶ question ─ y ─▶ errand: sent, mined or not ─▶ Intent::Funded
//!                └── without an amount: tried out ───┘
//! ```
//!
//! One dialog is open at a time. What it ordered is an errand of its own: it goes on when the dialog closes, and whoever
//! waits for it is told at its end, from events, snapshots or a look at the operation, whichever comes first. Each
//! question carries a key of its own, so that confirming it does the thing once.
//!
//! | file | holds |
//! |---|---|
//! | `typed` | amounts as people type them |
//! | `amount` | the step in which the amount is typed: field, choices, what it would do |
//! | `dialog` | which step is open, and what keys do in it |
//! | `question` | everything that is said before anything is confirmed |
//! | `errand` | what was ordered and how far it is |
//! | `view` | the dialogs drawn |
//! | `runner` | asks performed on the broker |

mod amount;
mod dialog;
mod errand;
mod question;
mod runner;
mod typed;
mod view;

#[cfg(test)]
mod tests;

pub use self::question::ask;
pub use self::runner::{act, perform, sentence};

use crossterm::event::KeyEvent;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use self::dialog::{Dialog, Stage};
use self::errand::Errand;
use super::part::{Cx, Intent, News, Order, Part};
use super::screen::Screen;
use super::shared::Shared;
use crate::broker::user::{Action, Event, OperationView, Preview};
use crate::domain::{Address, Neuron, OperationId, Timestamp};
use crate::tui::keymap::Place;
use crate::tui::texts;
use crate::tui::theme::Tone;

/// Something that moves money.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    OpenAccount,
    Deposit,
    Refund,
    TakeRefund,
    CancelRefund,
    /// Names the key of this data directory as the account's delegate, so that it can be used from here.
    TakeOver,
}

impl Kind {
    /// As the title of its dialog.
    const fn title(self) -> &'static str {
        match self {
            Kind::OpenAccount => texts::money::OPEN_ACCOUNT,
            Kind::Deposit => texts::labels::DEPOSIT,
            Kind::Refund => texts::money::ASK_FOR_REFUND,
            Kind::TakeRefund => texts::money::TAKE_REFUND,
            Kind::CancelRefund => texts::money::CANCEL_REFUND,
            Kind::TakeOver => texts::money::TAKE_OVER,
        }
    }
}

/// What somebody wants done; the dialog shows what it means and asks once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    pub kind: Kind,
    pub provider: Address,
    /// Filled in already where it is known.
    pub amount: Option<Neuron>,
    /// Who is told by [`super::part::Intent::Funded`] once it is on the chain, or will not be.
    pub then: Option<(Screen, u64)>,
}

#[derive(Debug)]
pub enum Ask {
    /// How much of the wallet can be deposited.
    Most { dialog: u64, provider: Address },
    /// What actions would do.
    Try { dialog: u64, actions: Vec<Action> },
    /// Do them, each once, one after the other.
    Do(Vec<Ordered>),
    /// How far an operation is.
    Look(OperationId),
}

/// An action that was confirmed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ordered {
    errand: u64,
    action: Action,
    /// Against doing it twice.
    key: String,
}

#[derive(Debug)]
pub enum Answer {
    Most { dialog: u64, most: Result<Neuron, String> },
    Tried { dialog: u64, trials: Vec<Trial>, at: Timestamp },
    Began { errand: u64, operation: Result<OperationView, String> },
    Looked(Result<OperationView, OperationId>),
}

/// What an action would do, or why it would be refused.
#[derive(Clone, Debug)]
pub struct Trial {
    pub action: Action,
    pub found: Result<Box<Preview>, String>,
    /// The key under which this very action is done, if it is.
    pub key: String,
}

/// The dialog that is open, and what was sent and is waited for.
#[derive(Debug, Default)]
pub struct Desk {
    /// The highest number that a dialog or an errand has.
    last: u64,
    dialog: Option<Dialog>,
    errands: Vec<Errand>,
}

impl Desk {
    /// Opens the dialog.
    pub fn wish(&mut self, wish: Wish, cx: &mut Cx<'_, Ask>) {
        let Wish { kind, provider, amount, then } = wish;
        self.open(kind, vec![provider], amount, then, cx);
    }

    /// Opens the dialog about several accounts at once: refunds of all that is free, or taking what is due.
    pub fn wish_many(&mut self, kind: Kind, providers: Vec<Address>, cx: &mut Cx<'_, Ask>) {
        if !providers.is_empty() {
            self.open(kind, providers, None, None, cx);
        }
    }

    fn open(
        &mut self,
        kind: Kind,
        providers: Vec<Address>,
        amount: Option<Neuron>,
        then: Option<(Screen, u64)>,
        cx: &mut Cx<'_, Ask>,
    ) {
        if self.dialog.is_some() {
            return inform(then, Some(texts::money::ANOTHER_DIALOG.to_owned()), cx);
        }
        let number = self.next();
        match Dialog::open(number, kind, providers, amount, cx) {
            Ok(mut dialog) => {
                dialog.then = then;
                self.dialog = Some(dialog);
            }
            Err(reason) => {
                cx.toast(Tone::Warn, reason.clone());
                inform(then, Some(reason), cx);
            }
        }
    }

    fn next(&mut self) -> u64 {
        self.last = self.last.saturating_add(1);
        self.last
    }

    /// Closes what is open; what was ordered goes on.
    fn leave(&mut self, cx: &mut Cx<'_, Ask>) {
        if let Some(dialog) = self.dialog.take() {
            inform(dialog.then, Some(texts::money::LEFT.to_owned()), cx);
        }
        self.errands.retain(|errand| !errand.is_over());
    }

    /// Orders what was confirmed.
    fn order(&mut self, cx: &mut Cx<'_, Ask>) {
        let Some(dialog) = &mut self.dialog else { return };
        let (number, trials) = (dialog.number, dialog.confirmed());
        let then = dialog.then.take();
        let mut ordered = Vec::with_capacity(trials.len());
        for (index, trial) in trials.into_iter().enumerate() {
            self.last = self.last.saturating_add(1);
            let (errand, then) = (self.last, then.filter(|_| index == 0));
            self.errands.push(Errand::new(errand, number, &trial, then, cx.shared.now()));
            ordered.push(Ordered { errand, action: trial.action, key: trial.key });
        }
        cx.ask(Ask::Do(ordered));
    }

    /// An operation is so far; says so to whoever waits for it.
    fn know(&mut self, view: &OperationView, cx: &mut Cx<'_, Ask>) {
        for errand in self.errands.iter_mut().filter(|errand| errand.is(view.id)) {
            errand.know(view.clone());
        }
        self.ends(cx);
    }

    /// Tells of what has ended, and forgets it unless a dialog shows it.
    fn ends(&mut self, cx: &mut Cx<'_, Ask>) {
        for errand in &mut self.errands {
            let Some(refused) = errand.end() else { continue };
            let shown = self.dialog.as_mut().filter(|dialog| dialog.number == errand.dialog);
            // It can be tried again with what was typed; whoever waits goes on waiting.
            if let (Some(reason), Some(dialog)) = (&refused, shown)
                && dialog.failed(reason)
            {
                dialog.then = errand.then.take();
                continue;
            }
            inform(errand.then.take(), refused, cx);
        }
        let Some(dialog) = &self.dialog else {
            return self.errands.retain(|errand| !errand.is_over());
        };
        let number = dialog.number;
        let waited_for = matches!(dialog.stage, Stage::UnderWay);
        let mut own = self.errands.iter().filter(|errand| errand.dialog == number).peekable();
        // Whoever asked for it goes on by itself; a dialog would only stand in the way.
        if waited_for && own.peek().is_some() && own.all(|errand| errand.is_done() && errand.was_waited_for) {
            self.dialog = None;
        }
        let open = self.dialog.as_ref().filter(|dialog| matches!(dialog.stage, Stage::UnderWay));
        let open = open.map(|dialog| dialog.number);
        self.errands.retain(|errand| !errand.is_over() || Some(errand.dialog) == open);
    }

    /// Asks about operations that no snapshot lists any more, so that none is waited for in vain.
    fn look_after(&mut self, cx: &mut Cx<'_, Ask>) {
        let listed = &cx.shared.snapshot.operations;
        let mut looks = Vec::new();
        for errand in &mut self.errands {
            let Some(id) = errand.waits_for() else { continue };
            match listed.iter().find(|operation| operation.id == id) {
                Some(view) => errand.know(view.clone()),
                None => looks.push(id),
            }
        }
        looks.into_iter().for_each(|id| cx.ask(Ask::Look(id)));
    }
}

/// Tells whoever waits for money that it is there, or why it will not come.
fn inform(then: Option<(Screen, u64)>, refused: Option<String>, cx: &mut Cx<'_, Ask>) {
    if let Some((screen, token)) = then {
        cx.order(Order::Inform(screen, Intent::Funded { token, refused }));
    }
}

impl Part for Desk {
    type Ask = Ask;
    type Answer = Answer;

    fn places(&self) -> &'static [Place] {
        &[]
    }

    fn typing(&self) -> bool {
        self.dialog.is_some()
    }

    fn key(&mut self, key: KeyEvent, cx: &mut Cx<'_, Ask>) {
        let Some(dialog) = &mut self.dialog else { return };
        match dialog.key(key, cx) {
            dialog::Did::Stayed => {}
            dialog::Did::Left => self.leave(cx),
            dialog::Did::Confirmed => self.order(cx),
        }
    }

    fn paste(&mut self, text: &str, cx: &mut Cx<'_, Ask>) {
        if let Some(dialog) = &mut self.dialog {
            dialog.paste(text, cx);
        }
    }

    fn news(&mut self, news: &News, cx: &mut Cx<'_, Ask>) -> bool {
        match news {
            News::Event(Event::OperationChanged { id, .. }) => {
                let mine = self.errands.iter().any(|errand| errand.is(*id));
                if mine {
                    cx.ask(Ask::Look(*id));
                }
            }
            News::Snapshot | News::Beat => self.look_after(cx),
            News::Ready | News::Services | News::Event(_) => {}
        }
        self.dialog.is_some()
    }

    fn answer(&mut self, answer: Answer, cx: &mut Cx<'_, Ask>) {
        match answer {
            Answer::Most { dialog, most } => {
                if let Some(open) = self.dialog.as_mut().filter(|open| open.number == dialog) {
                    open.most(most, cx);
                }
            }
            Answer::Tried { dialog, trials, at } => {
                if let Some(open) = self.dialog.as_mut().filter(|open| open.number == dialog) {
                    open.tried(trials, at, cx);
                }
            }
            Answer::Began { errand, operation } => {
                if let Some(own) = self.errands.iter_mut().find(|own| own.number == errand) {
                    own.began(operation);
                }
                self.ends(cx);
                self.look_after(cx);
            }
            Answer::Looked(Ok(view)) => self.know(&view, cx),
            // It is asked for again with the next beat.
            Answer::Looked(Err(_)) => {}
        }
    }

    fn settle(&mut self, area: Rect, shared: &Shared) {
        if let Some(dialog) = &mut self.dialog {
            // Dialogs have the whole width.
            dialog.settle(Rect { x: 0, width: shared.size.0, ..area });
        }
    }

    fn own_hints(&self) -> Option<Vec<(&'static str, &'static str)>> {
        self.dialog.as_ref().map(|dialog| dialog.hints(&self.errands))
    }

    fn running(&self) -> Option<String> {
        let sending = self.errands.iter().filter(|errand| errand.is_sending()).count();
        match sending {
            0 => None,
            1 => Some(texts::money::LEAVING_ONE.to_owned()),
            many => Some(texts::money::leaving_many(many)),
        }
    }

    fn draw(&self, buffer: &mut Buffer, area: Rect, shared: &Shared) -> Option<Position> {
        let dialog = self.dialog.as_ref()?;
        view::draw(dialog, &self.errands, buffer, area, shared)
    }
}
