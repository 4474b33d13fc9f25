//! Questions before a service is taken off the chain, paused, or repaired.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::message::Order;
use crate::domain::Timestamp;
use crate::tui::kit::dialog::Buttons;
use crate::tui::kit::draw;
use crate::tui::kit::look::Look;
use crate::tui::texts;
use crate::tui::theme::Tone;
use crate::wire::admin::ServiceItem;

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

pub fn pause(service: &ServiceItem, opened: Timestamp) -> Confirm {
    let name = service.name.clone();
    let (title, yes, text) = if service.paused {
        (texts::console::resume_title(&name), texts::labels::RESUME, texts::console::RESUME_TEXT)
    } else {
        (texts::console::pause_title(&name), texts::labels::PAUSE, texts::console::PAUSE_TEXT)
    };
    Confirm {
        title,
        lines: vec![(text.to_owned(), Tone::Plain)],
        yes,
        order: Order::Pause { name, pause: !service.paused },
        buttons: Buttons::new(opened),
    }
}

pub fn remove(service: &ServiceItem, opened: Timestamp) -> Confirm {
    let name = service.name.clone();
    let mut lines = vec![
        (texts::console::take_off_text(&name), Tone::Plain),
        (String::new(), Tone::Plain),
        (texts::console::TAKE_OFF_STAYS_OWED.to_owned(), Tone::Plain),
    ];
    if service.in_flight > 0 {
        lines.insert(0, (texts::console::take_off_in_flight(service.in_flight), Tone::Warn));
    }
    let order = Order::Remove { name: name.clone() };
    Confirm {
        title: texts::console::take_off_title(&name),
        lines,
        yes: texts::console::TAKE_IT_OFF,
        order,
        buttons: Buttons::new(opened),
    }
}

pub fn repair(opened: Timestamp) -> Confirm {
    let text = texts::console::COMPARE_TEXT;
    Confirm {
        title: texts::console::COMPARE_TITLE.to_owned(),
        lines: vec![(text.to_owned(), Tone::Plain)],
        yes: texts::labels::REPAIR,
        order: Order::Repair,
        buttons: Buttons::new(opened),
    }
}
