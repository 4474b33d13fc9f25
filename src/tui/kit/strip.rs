//! The rows around a screen: tabs above, status and hints below.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::draw;
use super::look::Look;
use crate::tui::theme::Tone;

/// Smaller than this, screens say so.
pub const LEAST: (u16, u16) = (60, 16);

/// The rows around a screen, and what is left for it.
#[derive(Clone, Copy, Debug)]
pub struct Areas {
    pub tabs: Rect,
    pub body: Rect,
    pub status: Rect,
    pub hints: Rect,
}

pub fn areas((width, height): (u16, u16)) -> Areas {
    let row = |y: u16| Rect::new(0, y, width, 1);
    let body = Rect::new(1, 2, width.saturating_sub(2), height.saturating_sub(4));
    Areas { tabs: row(0), body, status: row(height.saturating_sub(2)), hints: row(height.saturating_sub(1)) }
}

/// A screen on the row of tabs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tab {
    pub key: String,
    pub title: &'static str,
    pub open: bool,
    /// Somebody should look at it.
    pub alarm: bool,
}

/// Draws the tabs with a word about the connection at the right edge.
pub fn tabs(buffer: &mut Buffer, area: Rect, tabs: &[Tab], (tone, word): (Tone, &str), look: &Look) {
    let start = draw::put_right(buffer, area, 0, &format!("{word} "), look.style(tone));
    let room = Rect { width: start, ..area };
    let mut x = 1;
    for (tab, title) in tabs.iter().zip(titles(tabs, start)) {
        let style = match (tab.open, tab.alarm) {
            (true, _) => look.theme.focused(),
            (false, true) => look.style(Tone::Bad),
            (false, false) => look.style(Tone::Dim),
        };
        x = draw::put(buffer, room, x, 0, &title, style);
    }
}

/// The tab that was clicked.
pub fn tab_at(width: u16, tabs: &[Tab], word: &str, x: u16) -> Option<usize> {
    let start = width.saturating_sub(draw::width(word) + 1);
    let mut end = 1;
    titles(tabs, start).iter().position(|title| {
        end += draw::width(title);
        x < end
    })
}

/// The open tab in full, the others as far as there is room, from the left.
fn titles(tabs: &[Tab], room: u16) -> Vec<String> {
    let title = |tab: &Tab, full: bool| {
        let name = if full || tab.open { format!(" {}", tab.title) } else { String::new() };
        format!(" {}{name}{} ", tab.key, if tab.alarm { "!" } else { "" })
    };
    let mut titles: Vec<String> = tabs.iter().map(|tab| title(tab, true)).collect();
    for (index, tab) in tabs.iter().enumerate().rev() {
        let wide: u16 = titles.iter().map(|title| draw::width(title)).fold(0, u16::saturating_add);
        if wide < room {
            break;
        }
        titles[index] = title(tab, false);
    }
    titles
}

/// Facts in a row, parted by rules. One that does not fit whole is left out; half a figure is worse than none.
pub fn status(buffer: &mut Buffer, area: Rect, parts: &[(String, Tone)], look: &Look) {
    let mut x = 1;
    let mut first = true;
    for (text, tone) in parts {
        let rule = if first { 0 } else { 3 };
        if x + draw::width(text) + rule > area.width {
            continue;
        }
        if !first {
            x = draw::put(buffer, area, x, 0, " │ ", look.style(Tone::Dim));
        }
        first = false;
        x = draw::put(buffer, area, x, 0, text, look.style(*tone));
    }
}

/// The keys that matter here, as far as each has room, the first ones first. `help` stands at the right edge whatever
/// else has room: it leads to all the others.
pub fn hints(
    buffer: &mut Buffer,
    area: Rect,
    keys: &[(String, String)],
    help: Option<&(String, String)>,
    look: &Look,
) {
    let mut end = area.width;
    if let Some((key, what)) = help.filter(|(key, _)| !key.is_empty()) {
        end = area.width.saturating_sub(draw::width(key) + draw::width(what) + 2);
        let x = draw::put(buffer, area, end, 0, key, look.style(Tone::Accent));
        draw::put(buffer, area, x + 1, 0, what, look.style(Tone::Dim));
    }
    let mut x = 1;
    for (key, what) in keys.iter().filter(|(key, _)| !key.is_empty()) {
        if x + draw::width(key) + draw::width(what) + 3 > end {
            continue;
        }
        x = draw::put(buffer, area, x, 0, key, look.style(Tone::Accent));
        x = draw::put(buffer, area, x + 1, 0, what, look.style(Tone::Dim)) + 2;
    }
}
