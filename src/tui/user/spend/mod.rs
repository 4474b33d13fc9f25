//! Spend: how much, by day, provider and service?

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use crate::tui::keymap::Place;
use crate::tui::user::part::{Cx, Part};
use crate::tui::user::runner::{At, Reply};
use crate::tui::user::shared::Shared;

#[derive(Debug)]
pub enum Ask {}

#[derive(Debug)]
pub enum Answer {}

#[derive(Debug, Default)]
pub struct Spend {}

impl Part for Spend {
    type Ask = Ask;
    type Answer = Answer;

    fn places(&self) -> &'static [Place] {
        &[Place::Spend, Place::Lists]
    }

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
