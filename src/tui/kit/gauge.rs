//! How far something is: `label ████░░░░ 42%`. Integers only; full and empty cells differ without colour.
//!
//! Where there is little room the bar goes first, then the label is cut; what stands on the right is always whole.
//! Labels of the same width give bars that stand below each other.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::look::Look;
use super::{draw, moment};
use crate::domain::Timestamp;
use crate::tui::theme::Tone;

const FULL: &str = "█";
const EMPTY: &str = "░";
/// A shorter bar says nothing. Cells.
const LEAST: u16 = 4;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gauge<'a> {
    label: &'a str,
    right: String,
    done: u64,
    whole: u64,
    tone: Tone,
}

impl<'a> Gauge<'a> {
    /// What is done of a whole, in any unit, with its percentage.
    pub fn progress(label: &'a str, done: u64, whole: u64, tone: Tone) -> Gauge<'a> {
        let right = percent(done, whole).map_or_else(|| "-".to_owned(), |percent| format!("{percent}%"));
        Gauge { label, right, done, whole, tone }
    }

    /// A wait that began at `from` and is over at `until`, with what is left of it: `01:12`, `due`.
    pub fn wait(label: &'a str, from: Timestamp, until: Timestamp, now: Timestamp) -> Gauge<'a> {
        let (whole, left) = (until.seconds_since(from), until.seconds_since(now));
        let (done, whole) = match left {
            0 => (1, 1),
            // A clock that went back must not make a wait look longer than it is.
            left => (whole.saturating_sub(left), whole.max(left)),
        };
        let tone = if left == 0 { Tone::Good } else { Tone::Pending };
        Gauge { label, right: moment::until(now, until), done, whole, tone }
    }

    /// Draws it into a row of `area`.
    pub fn draw(&self, buffer: &mut Buffer, area: Rect, y: u16, look: &Look) {
        let start = draw::put_right(buffer, area, y, &self.right, look.style(self.tone));
        let area = Rect { width: start.saturating_sub(1).min(area.width), ..area };
        let end = draw::put(buffer, area, 0, y, self.label, look.style(Tone::Plain));
        let x = if end == 0 { 0 } else { end + 1 };
        let room = area.width.saturating_sub(x);
        if room < LEAST {
            return;
        }
        let full = full_cells(self.done, self.whole, room);
        let x = draw::put(buffer, area, x, y, &FULL.repeat(usize::from(full)), look.style(self.tone));
        let rest = usize::from(room.saturating_sub(full));
        draw::put(buffer, area, x, y, &EMPTY.repeat(rest), look.style(Tone::Dim));
    }
}

/// Whole percent, 100 only when everything is done. None of nothing.
pub fn percent(done: u64, whole: u64) -> Option<u64> {
    let percent = (u128::from(done.min(whole)) * 100).checked_div(u128::from(whole))?;
    u64::try_from(percent).ok()
}

/// Full cells of a bar: all of them only at the end.
fn full_cells(done: u64, whole: u64, room: u16) -> u16 {
    let cells = (u128::from(done.min(whole)) * u128::from(room)).checked_div(u128::from(whole));
    cells.and_then(|cells| u16::try_from(cells).ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::super::amount::Unit;
    use super::*;
    use crate::tui::theme::{Shade, Theme};
    use proptest::prelude::*;

    fn shown(gauge: &Gauge<'_>, width: u16) -> String {
        let area = Rect::new(0, 0, width, 1);
        let mut buffer = Buffer::empty(area);
        let look = Look {
            theme: Theme::new(Shade::Dark, false),
            unit: Unit::Auto,
            million: false,
            clock: false,
            masked: false,
            now: Timestamp::from_seconds(0),
        };
        gauge.draw(&mut buffer, area, 0, &look);
        buffer.content().iter().map(|cell| cell.symbol()).collect()
    }

    #[test]
    fn the_bar_goes_first_and_the_figure_never() {
        let gauge = Gauge::progress("model.bin", 42, 100, Tone::Accent);
        assert_eq!(shown(&gauge, 24), "model.bin ████░░░░░░ 42%");
        assert_eq!(shown(&gauge, 16), "model.bin    42%");
        assert_eq!(shown(&gauge, 9), "model 42%".replace("model", "mode…"));
        assert_eq!(shown(&gauge, 3), "42%");
        assert_eq!(shown(&Gauge::progress("", 1, 2, Tone::Accent), 8), "██░░ 50%");
        assert_eq!(shown(&Gauge::progress("", 0, 0, Tone::Accent), 8), "░░░░░░ -");
        assert_eq!(shown(&gauge, 0), "");
    }

    #[test]
    fn waits_fill_up_to_the_moment_at_which_they_are_over() {
        let at = Timestamp::from_seconds;
        let wait = |now| shown(&Gauge::wait("ghost", at(1000), at(1100), at(now)), 20);
        assert_eq!(wait(1000), "ghost ░░░░░░░░ 01:40");
        assert_eq!(wait(1050), "ghost ████░░░░ 00:50");
        assert_eq!(wait(1099), "ghost ███████░ 00:01");
        assert_eq!(wait(1100), "ghost ██████████ due");
        assert_eq!(wait(900), "ghost ░░░░░░░░ 03:20", "a clock that went back");
        assert_eq!(shown(&Gauge::wait("x", at(5), at(5), at(1)), 20), "x ░░░░░░░░░░░░ 00:04");
    }

    proptest! {
        #[test]
        fn full_is_done_and_nothing_else_is(done: u64, whole in 1u64.., width in 0u16..300) {
            prop_assert_eq!(percent(done, whole) == Some(100), done >= whole);
            prop_assert!(full_cells(done, whole, width) <= width);
            prop_assert!(width == 0 || (full_cells(done, whole, width) == width) == (done >= whole));
            shown(&Gauge::progress("label", done, whole, Tone::Plain), width);
        }
    }
}
