//! Storage: files put to a storage service and taken from it.

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
pub struct Storage {}

impl Part for Storage {
    type Ask = Ask;
    type Answer = Answer;

    fn places(&self) -> &'static [Place] {
        &[Place::Storage, Place::Lists]
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
