//! A list under a caption and a filter, with details: beside it where there is room, over it otherwise.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::tui::kit::draw;
use crate::tui::kit::look::Look;
use crate::tui::theme::Tone;

#[derive(Clone, Copy, Debug)]
pub struct Areas {
    pub caption: Rect,
    pub filter: Rect,
    pub table: Rect,
    pub detail: Option<Rect>,
}

/// How a screen divides its room. Cells.
#[derive(Clone, Copy, Debug)]
pub struct Division {
    /// From this width on details stand beside the list.
    pub from: u16,
    /// And are at least so wide.
    pub detail: u16,
}

impl Division {
    /// `zoomed` details stand over the list at any width.
    pub fn areas(self, body: Rect, open: bool, zoomed: bool) -> Areas {
        let (mut left, mut detail) = (body, None);
        if open && body.width >= self.from && !zoomed {
            let width = (body.width * 2 / 5).max(self.detail);
            left.width = body.width.saturating_sub(width + 3);
            detail = Some(Rect { x: left.right() + 3, width, ..body });
        } else if open {
            detail = Some(body);
        }
        let row = |y: u16| Rect {
            y: left.y + y.min(left.height),
            height: 1.min(left.height.saturating_sub(y)),
            ..left
        };
        let table = Rect { y: left.y + 2.min(left.height), height: left.height.saturating_sub(2), ..left };
        Areas { caption: row(0), filter: row(1), table, detail }
    }

    /// The line between list and details, bright where keys are those of the details.
    pub fn rule(self, buffer: &mut Buffer, detail: Rect, focused: bool, look: &Look) {
        let tone = if focused { Tone::Accent } else { Tone::Dim };
        for y in 0..detail.height {
            let rule = Rect { x: detail.x.saturating_sub(2), width: 1, ..detail };
            draw::put(buffer, rule, 0, y, "│", look.style(tone));
        }
    }
}
