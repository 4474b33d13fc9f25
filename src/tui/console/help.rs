//! Help, drawn from the key map, and the signs that screens use.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::tui::keymap::{BINDINGS, Place, names};
use crate::tui::kit::draw;
use crate::tui::kit::look::Look;
use crate::tui::theme::Tone;

const WORDS: &[(&str, &str)] = &[
    ("owed", "fees of all answers ever"),
    ("settled", "of that, paid on the chain"),
    ("unsettled", "of that, not paid on the chain yet"),
    ("voucher", "the user's signed promise: so much may have been taken in all"),
    ("claimable", "what a settlement could bring now: covered by voucher and balance"),
    ("reserved", "highest fees of requests in flight"),
    ("refund", "a user takes deposit back; until it unlocks it can still be settled"),
    ("~ <", "digits were left out; details (enter) show every digit, and u does"),
];

/// Title, keys or word, meaning.
fn lines() -> Vec<(Option<&'static str>, String, &'static str)> {
    let mut lines = Vec::new();
    for place in [Place::Everywhere, Place::Lists, Place::Services] {
        lines.push((Some(place.name()), String::new(), ""));
        for binding in BINDINGS.iter().filter(|binding| binding.place == place) {
            lines.push((None, names(binding.keys), binding.what));
        }
    }
    lines.push((Some("Dialogs"), String::new(), ""));
    lines.push((None, "y".to_owned(), "do it"));
    lines.push((None, "enter".to_owned(), "the button with the focus; Cancel has it first"));
    lines.push((None, "esc n".to_owned(), "cancel"));
    lines.push((None, "ctrl+s".to_owned(), "send a form"));
    lines.push((Some("Words"), String::new(), ""));
    lines.extend(WORDS.iter().map(|(word, meaning)| (None, (*word).to_owned(), *meaning)));
    lines
}

pub fn furthest(area: Rect) -> u16 {
    let room = area.height.saturating_sub(4);
    u16::try_from(lines().len()).unwrap_or(u16::MAX).saturating_sub(room)
}

pub fn draw(buffer: &mut Buffer, area: Rect, top: u16, read_only: bool, look: &Look) {
    let inside = draw::boxed(buffer, draw::middle(area, 78, area.height), "Help", Tone::Accent, look);
    let room = inside.height.saturating_sub(2);
    let lines = lines();
    for (y, (title, keys, what)) in (0..room).zip(lines.iter().skip(usize::from(top))) {
        match title {
            Some(title) => draw::heading(buffer, inside, y, title, look),
            None => {
                draw::put(buffer, inside, 1, y, keys, look.style(Tone::Accent));
                draw::put(buffer, inside, 18, y, what, look.style(Tone::Plain));
            }
        }
    }
    let last = inside.height.saturating_sub(1);
    let more = lines.len() > usize::from(top + room);
    let text = match (more, read_only) {
        (true, _) => "↓ more   esc closes",
        (false, true) => "esc closes   read-only: keys that change something are off",
        (false, false) => "esc closes",
    };
    draw::put(buffer, inside, 0, last, text, look.style(Tone::Dim));
}
