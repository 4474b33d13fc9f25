//! Text on a buffer. Everything that is drawn passes here and is cleaned on the way.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::symbols::border;
use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

use super::look::Look;
use crate::domain::clean::clean;
use crate::tui::theme::Tone;

/// Longer texts are cut before anything is measured.
const MOST: usize = 4000;

/// How many cells a text takes.
pub fn width(text: &str) -> u16 {
    u16::try_from(text.width()).unwrap_or(u16::MAX)
}

/// A text as wide as there is room, with `…` where it was cut.
pub fn fit(text: &str, room: u16) -> String {
    let text = clean(text, MOST);
    if width(&text) <= room {
        return text.into_owned();
    }
    let mut kept = String::new();
    let mut used = 0;
    for piece in text.graphemes(true) {
        let wide = width(piece);
        if used + wide + 1 > room {
            break;
        }
        used += wide;
        kept.push_str(piece);
    }
    if room > 0 {
        kept.push('…');
    }
    kept
}

/// Writes a text into a row of `area`, `x` and `y` counted from its corner. Gives where the text ends.
pub fn put(buffer: &mut Buffer, area: Rect, x: u16, y: u16, text: &str, style: Style) -> u16 {
    if y >= area.height || x >= area.width || area.intersection(*buffer.area()) != area {
        return x;
    }
    let text = fit(text, area.width - x);
    buffer.set_stringn(area.x + x, area.y + y, &text, usize::from(area.width - x), style);
    x + width(&text)
}

/// The same against the right edge. Gives where the text begins.
pub fn put_right(buffer: &mut Buffer, area: Rect, y: u16, text: &str, style: Style) -> u16 {
    let text = fit(text, area.width);
    let x = area.width - width(&text).min(area.width);
    put(buffer, area, x, y, &text, style);
    x
}

/// A row of pieces, each in its tone. Gives where they end.
pub fn line(buffer: &mut Buffer, area: Rect, x: u16, y: u16, pieces: &[(&str, Tone)], look: &Look) -> u16 {
    pieces.iter().fold(x, |x, (text, tone)| put(buffer, area, x, y, text, look.style(*tone)))
}

/// Words in as many rows as they need and there are. Gives how many were taken.
pub fn wrapped(buffer: &mut Buffer, area: Rect, y: u16, text: &str, style: Style) -> u16 {
    let rows = wrap(text, area.width);
    for (row, text) in rows.iter().enumerate() {
        put(buffer, area, 0, y.saturating_add(u16::try_from(row).unwrap_or(u16::MAX)), text, style);
    }
    u16::try_from(rows.len()).unwrap_or(u16::MAX)
}

/// Words in rows of at most `room` cells; words that are wider are cut into pieces.
pub fn wrap(text: &str, room: u16) -> Vec<String> {
    let text = clean(text, MOST);
    let mut rows = Vec::new();
    let mut row = String::new();
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        if !row.is_empty() && width(&row) + 1 + width(word) > room {
            rows.push(std::mem::take(&mut row));
        }
        if !row.is_empty() {
            row.push(' ');
        }
        if width(&row) + width(word) <= room {
            row.push_str(word);
            continue;
        }
        for piece in word.graphemes(true) {
            if width(&row) + width(piece) > room && !row.is_empty() {
                rows.push(std::mem::take(&mut row));
            }
            row.push_str(piece);
        }
    }
    if !row.is_empty() {
        rows.push(row);
    }
    rows
}

/// A heading with a rule to the right edge.
pub fn heading(buffer: &mut Buffer, area: Rect, y: u16, title: &str, look: &Look) {
    let x = put(buffer, area, 0, y, title, look.style(Tone::Title)) + 1;
    let rule = "─".repeat(usize::from(area.width.saturating_sub(x)));
    put(buffer, area, x, y, &rule, look.style(Tone::Dim));
}

/// Wipes an area and draws a box around it. Gives the room inside.
pub fn boxed(buffer: &mut Buffer, area: Rect, title: &str, tone: Tone, look: &Look) -> Rect {
    let area = area.intersection(*buffer.area());
    if area.width < 4 || area.height < 3 {
        return Rect::new(area.x, area.y, 0, 0);
    }
    for y in area.top()..area.bottom() {
        for x in area.left()..area.right() {
            buffer[(x, y)].reset();
        }
    }
    let (style, set) = (look.style(tone), border::ROUNDED);
    let (last_x, last_y) = (area.width - 1, area.height - 1);
    let rule = set.horizontal_top.repeat(usize::from(area.width - 2));
    put(buffer, area, 0, 0, &format!("{}{rule}{}", set.top_left, set.top_right), style);
    put(buffer, area, 0, last_y, &format!("{}{rule}{}", set.bottom_left, set.bottom_right), style);
    for y in 1..last_y {
        put(buffer, area, 0, y, set.vertical_left, style);
        put(buffer, area, last_x, y, set.vertical_right, style);
    }
    if !title.is_empty() {
        let room = Rect { width: area.width - 2, ..area };
        put(buffer, room, 2, 0, &format!(" {title} "), look.style(Tone::Title));
    }
    Rect::new(area.x + 2, area.y + 1, area.width - 4, area.height - 2)
}

/// The middle of an area.
pub fn middle(area: Rect, width: u16, height: u16) -> Rect {
    let (width, height) = (width.min(area.width), height.min(area.height));
    Rect::new(area.x + (area.width - width) / 2, area.y + (area.height - height) / 2, width, height)
}

/// Parts of a whole as a bar: integers only, every part that is not zero has at least one cell if there is room.
pub fn bar(buffer: &mut Buffer, area: Rect, y: u16, parts: &[(u128, char, Tone)], look: &Look) {
    let room = u128::from(area.width);
    let total = parts.iter().fold(0u128, |sum, (part, ..)| sum.saturating_add(*part));
    let mut x = 0u16;
    for (index, (part, sign, tone)) in parts.iter().enumerate() {
        if *part == 0 || total == 0 {
            continue;
        }
        // Divided first where the product would not fit; a bar has at most a few hundred cells.
        let cells =
            part.checked_mul(room).map_or_else(|| part / (total / room).max(1), |cells| cells / total);
        let last = parts.iter().skip(index + 1).all(|(rest, ..)| *rest == 0);
        let left = area.width.saturating_sub(x);
        let cells = if last { left } else { u16::try_from(cells).unwrap_or(left).max(1).min(left) };
        let text: String = std::iter::repeat_n(*sign, usize::from(cells)).collect();
        x = put(buffer, area, x, y, &text, look.style(*tone));
    }
    if total == 0 {
        put(buffer, area, 0, y, &"·".repeat(usize::from(area.width)), look.style(Tone::Dim));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_by_cells() {
        assert_eq!(fit("大模型", 5), "大模…");
        assert_eq!(fit("abc", 3), "abc");
        assert_eq!(fit("abc", 0), "");
        assert_eq!(fit("a\u{1b}[2Jb", 20), "a\u{fffd}[2Jb");
    }

    #[test]
    fn words_wrap_and_long_ones_break() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("abcdefgh", 3), ["abc", "def", "gh"]);
        assert!(wrap("", 5).is_empty());
        assert_eq!(wrap("大大", 1), ["大", "大"]);
    }

    #[test]
    fn nothing_is_drawn_outside() {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 4, 2));
        put(&mut buffer, Rect::new(2, 1, 10, 4), 0, 0, "abcdef", Style::new());
        put(&mut buffer, Rect::new(0, 0, 4, 2), 3, 7, "abcdef", Style::new());
        assert_eq!(buffer, Buffer::empty(Rect::new(0, 0, 4, 2)));
    }
}
