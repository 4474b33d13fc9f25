//! Chat.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use super::part::{Cx, Part};
use super::runner::{At, Reply};
use super::shared::Shared;
use crate::tui::keymap::Place;

#[derive(Debug)]
pub enum Ask {}

#[derive(Debug)]
pub enum Answer {}

#[derive(Debug, Default)]
pub struct Chat {}

impl Part for Chat {
    type Ask = Ask;
    type Answer = Answer;

    fn places(&self) -> &'static [Place] {
        &[Place::Chat]
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
