//! What just happened, shown for a few seconds in the corner; everything shown here is in the log too.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::draw;
use super::look::Look;
use crate::domain::Timestamp;
use crate::tui::theme::Tone;

/// Seconds that a toast stays; bad news stays longer.
const STAYS: u64 = 5;
const BAD_STAYS: u64 = 12;
/// On screen at once.
const MOST: usize = 3;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Toast {
    pub at: Timestamp,
    pub tone: Tone,
    pub text: String,
}

impl Toast {
    pub fn is_over(&self, now: Timestamp) -> bool {
        now.seconds_since(self.at) >= if self.tone == Tone::Bad { BAD_STAYS } else { STAYS }
    }
}

/// The sign that goes with a tone, so that it is not carried by colour alone.
pub const fn sign(tone: Tone) -> &'static str {
    match tone {
        Tone::Good => "✓",
        Tone::Warn => "!",
        Tone::Bad => "✗",
        Tone::Pending => "…",
        _ => "·",
    }
}

/// Draws the newest ones above the lower edge of `area`.
pub fn draw(buffer: &mut Buffer, area: Rect, toasts: &[Toast], look: &Look) {
    let mut bottom = area.bottom();
    for toast in toasts.iter().rev().take(MOST) {
        let rows = draw::wrap(&look.said(&toast.text), area.width.saturating_sub(8).min(60));
        let wide = rows.iter().map(|row| draw::width(row)).max().unwrap_or(0) + 6;
        let high = u16::try_from(rows.len()).unwrap_or(1).min(4) + 2;
        if wide > area.width || bottom < area.top() + high {
            return;
        }
        bottom -= high;
        let place = Rect::new(area.right() - wide, bottom, wide, high);
        let inside = draw::boxed(buffer, place, "", toast.tone, look);
        draw::put(buffer, inside, 0, 0, sign(toast.tone), look.style(toast.tone));
        for (row, text) in (0..high - 2).zip(&rows) {
            draw::put(buffer, inside, 2, row, text, look.style(Tone::Plain));
        }
    }
}
