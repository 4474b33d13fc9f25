//! The dialogs of everything that moves money.

use crossterm::event::KeyEvent;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use super::part::{Cx, Part};
use super::runner::{At, Reply};
use super::screen::Screen;
use super::shared::Shared;
use crate::domain::{Address, Neuron};
use crate::tui::keymap::Place;

/// Something that moves money.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    OpenAccount,
    Deposit,
    Refund,
    TakeRefund,
    CancelRefund,
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
pub enum Ask {}

#[derive(Debug)]
pub enum Answer {}

/// The dialog that is open, and what was sent and is waited for.
#[derive(Debug, Default)]
pub struct Desk {}

impl Desk {
    /// Opens the dialog.
    pub fn wish(&mut self, _wish: Wish, _cx: &mut Cx<'_, Ask>) {}
}

impl Part for Desk {
    type Ask = Ask;
    type Answer = Answer;

    fn places(&self) -> &'static [Place] {
        &[]
    }

    fn key(&mut self, _key: KeyEvent, _cx: &mut Cx<'_, Ask>) {}

    fn answer(&mut self, answer: Answer, _cx: &mut Cx<'_, Ask>) {
        match answer {}
    }

    fn draw(&self, _buffer: &mut Buffer, _area: Rect, _shared: &Shared) -> Option<Position> {
        None
    }
}

/// Does what was asked for, in tasks of its own.
pub fn perform(ask: Ask, _at: &At, _reply: Reply<Answer>) {
    match ask {}
}
