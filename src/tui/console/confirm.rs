//! Questions before a service is taken off the chain, paused, or repaired.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::message::Order;
use crate::tui::kit::dialog::Buttons;
use crate::tui::kit::draw;
use crate::tui::kit::look::Look;
use crate::tui::theme::Tone;

#[derive(Debug)]
pub struct Confirm {
    pub title: String,
    pub lines: Vec<(String, Tone)>,
    pub yes: &'static str,
    pub order: Order,
    pub buttons: Buttons,
}

impl Confirm {
    pub fn draw(&self, buffer: &mut Buffer, area: Rect, look: &Look) {
        let width = area.width.min(64);
        let rows: Vec<(String, Tone)> = self
            .lines
            .iter()
            .flat_map(|(text, tone)| {
                let mut rows = draw::wrap(text, width.saturating_sub(4));
                if rows.is_empty() {
                    rows.push(String::new());
                }
                rows.into_iter().map(|row| (row, *tone))
            })
            .collect();
        let height = u16::try_from(rows.len()).unwrap_or(u16::MAX).saturating_add(4);
        let tone = if matches!(self.order, Order::Remove { .. }) { Tone::Bad } else { Tone::Accent };
        let inside = draw::boxed(buffer, draw::middle(area, width, height), &self.title, tone, look);
        let last = inside.height.saturating_sub(1);
        for (y, (text, tone)) in (0..last).zip(&rows) {
            draw::put(buffer, inside, 0, y, text, look.style(*tone));
        }
        self.buttons.draw(buffer, inside, last, self.yes, look);
    }
}
