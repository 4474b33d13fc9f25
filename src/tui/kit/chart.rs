//! Amounts as bars: by day, by name, and in a single row. Integers only, so that money is never rounded on the way.
//!
//! Nothing is cut: an axis, a legend or a label that has no room is left out. A day that is not known is `-`, a day
//! of which it is known that nothing happened is `0`, and whatever is not nothing has at least a cell. Series differ by
//! their sign, and by colour where there is one.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::draw;
use super::look::Look;
use crate::tui::texts;
use crate::tui::theme::Tone;

/// How series are told apart.
const SERIES: [(char, Tone); 5] =
    [('█', Tone::Accent), ('▒', Tone::Warn), ('▓', Tone::Good), ('░', Tone::Pending), ('▚', Tone::Plain)];
/// Eighths of a cell, upwards and to the right.
const UP: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
const RIGHT: [char; 8] = ['▏', '▎', '▍', '▌', '▋', '▊', '▉', '█'];
/// A wider bar says nothing more. Cells.
const WIDEST: u16 = 6;

/// One day, or any other step of time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Day {
    /// Below the bar, where there is room: `08-22`.
    pub label: String,
    /// An amount for each series; none if the day is not known.
    pub amounts: Option<Vec<u128>>,
}

impl Day {
    fn total(&self) -> Option<u128> {
        self.amounts
            .as_ref()
            .map(|amounts| amounts.iter().fold(0, |sum, part| u128::saturating_add(sum, *part)))
    }
}

/// Draws a bar for each day, the newest (last) at the right edge; days that have no room are left out from the oldest
/// on. `series` names what is stacked, at most five (what is beyond counts to the fifth); `write` writes the axis.
/// Gives how many days are shown.
pub fn days(
    buffer: &mut Buffer,
    area: Rect,
    days: &[Day],
    series: &[&str],
    write: impl Fn(u128) -> String,
    look: &Look,
) -> usize {
    if area.width == 0 || area.height == 0 || days.is_empty() {
        return 0;
    }
    let peak = days.iter().filter_map(Day::total).max().unwrap_or(0);
    let mut plot = area;
    if series.len() > 1 && area.height >= 5 && legend(buffer, area, series, look) {
        plot = Rect { y: plot.y + 1, height: plot.height - 1, ..plot };
    }
    let labelled = plot.height >= 3;
    if labelled {
        plot.height -= 1;
    }
    // The axis goes where it would take a day or a third of the width.
    let (top, bottom) = (write(peak), write(0));
    let axis = draw::width(&top).max(draw::width(&bottom)).saturating_add(2);
    let enough = |width: u16| usize::from(width) >= days.len();
    let axis_fits = axis <= area.width / 3 && (enough(area.width - axis) || !enough(area.width));
    if plot.height >= 2 && axis_fits && peak > 0 {
        let room = Rect { width: axis - 1, ..plot };
        let left = Rect { width: axis - 2, ..plot };
        draw::put_right(buffer, left, 0, top.trim(), look.style(Tone::Dim));
        draw::put_right(buffer, left, plot.height - 1, bottom.trim(), look.style(Tone::Dim));
        for y in 0..plot.height {
            let sign = if y == 0 || y == plot.height - 1 { "┤" } else { "│" };
            draw::put(buffer, room, axis - 2, y, sign, look.style(Tone::Dim));
        }
        plot = Rect { x: plot.x + axis - 1, width: plot.width - axis + 1, ..plot };
    }
    let shown = days.len().min(usize::from(plot.width));
    let slot = plot.width / u16::try_from(shown).unwrap_or(u16::MAX).max(1);
    let (bar, slot) = match slot {
        0 | 1 => (1, 1),
        slot => ((slot - 1).min(WIDEST), slot.min(WIDEST + 1)),
    };
    let mut right = plot.width;
    let mut free = plot.width;
    for day in days.iter().rev().take(shown) {
        let x = right.saturating_sub(bar);
        column(buffer, Rect { x: plot.x + x, width: bar, ..plot }, day, peak, look);
        // Labels from the newest on, where they fit whole and do not touch the one before.
        let wide = draw::width(&day.label);
        let begin = (x + bar).saturating_sub(wide);
        if labelled && wide > 0 && x + bar >= wide && begin + wide <= free {
            let row = Rect { height: 1, y: plot.y + plot.height, ..plot };
            draw::put(buffer, row, begin, 0, &day.label, look.style(Tone::Dim));
            free = begin.saturating_sub(1);
        }
        right = right.saturating_sub(slot);
    }
    shown
}

fn column(buffer: &mut Buffer, place: Rect, day: &Day, peak: u128, look: &Look) {
    let base = place.height.saturating_sub(1);
    let mut fill = |y: u16, sign: char, tone: Tone| {
        let text: String = std::iter::repeat_n(sign, usize::from(place.width)).collect();
        draw::put(buffer, place, 0, y, &text, look.style(tone));
    };
    let parts = match (&day.amounts, day.total()) {
        (Some(parts), Some(total)) if total > 0 => parts,
        (known, _) => {
            let sign = if known.is_some() { "0" } else { "-" };
            draw::put(buffer, place, place.width / 2, base, sign, look.style(Tone::Dim));
            return;
        }
    };
    let total = day.total().unwrap_or(0);
    let (sign, tone) = SERIES[0];
    if parts.len() == 1 {
        // A single series can be told to an eighth of a cell.
        let eighths = scaled(total, peak, u32::from(place.height) * 8).max(1);
        for y in 0..place.height {
            let left = eighths.saturating_sub(u32::from(base - y) * 8);
            match usize::try_from(left.min(8)) {
                Ok(0) | Err(_) => {}
                Ok(8) => fill(y, sign, tone),
                Ok(part) => fill(y, UP.get(part - 1).copied().unwrap_or(sign), tone),
            }
        }
        return;
    }
    let cells = scaled(total, peak, u32::from(place.height)).max(1);
    let cells = u16::try_from(cells).unwrap_or(place.height).min(place.height);
    let mut y = place.height;
    for (share, (sign, tone)) in shares(parts, cells).into_iter().zip(SERIES) {
        for _ in 0..share {
            y = y.saturating_sub(1);
            fill(y, sign, tone);
        }
    }
}

/// What belongs to which sign. Gives false, and draws nothing, if there is no room for all.
fn legend(buffer: &mut Buffer, area: Rect, series: &[&str], look: &Look) -> bool {
    let named = || series.iter().zip(SERIES);
    let wide = named().fold(0u16, |sum, (name, _)| sum.saturating_add(draw::width(name).saturating_add(4)));
    if wide > area.width.saturating_add(2) {
        return false;
    }
    named().fold(0, |x, (name, (sign, tone))| {
        let x = draw::put(buffer, area, x, 0, &sign.to_string(), look.style(tone));
        draw::put(buffer, area, x + 1, 0, name, look.style(Tone::Plain)) + 2
    });
    true
}

/// `cells` divided among up to five parts: each that is not zero has one as long as there are enough, the rest goes by
/// size. The cells of all parts together are `cells`, unless all parts are zero.
fn shares(parts: &[u128], cells: u16) -> [u16; SERIES.len()] {
    let mut sums = [0u128; SERIES.len()];
    for (index, part) in parts.iter().enumerate() {
        if let Some(sum) = sums.get_mut(index.min(SERIES.len() - 1)) {
            *sum = sum.saturating_add(*part);
        }
    }
    let total = sums.iter().fold(0u128, |sum, part| sum.saturating_add(*part));
    let mut shares = [0u16; SERIES.len()];
    // The largest first, so that what cannot be shown is the smallest.
    let mut order: Vec<usize> =
        (0..sums.len()).filter(|at| sums.get(*at).is_some_and(|sum| *sum > 0)).collect();
    order.sort_by_key(|at| std::cmp::Reverse(sums.get(*at).copied()));
    let mut left = cells;
    for (place, at) in order.iter().enumerate() {
        let sum = sums.get(*at).copied().unwrap_or(0);
        let later = u16::try_from(order.len() - place - 1).unwrap_or(0);
        let fair = u16::try_from(scaled(sum, total, u32::from(cells))).unwrap_or(0).max(1);
        let share = fair.min(left.saturating_sub(later).max(1)).min(left);
        if let Some(slot) = shares.get_mut(*at) {
            *slot = share;
        }
        left -= share;
    }
    if let Some(slot) = order.first().and_then(|at| shares.get_mut(*at)) {
        *slot += left;
    }
    shares
}

/// `value` of `peak` in `cells`, rounded down.
fn scaled(value: u128, peak: u128, cells: u32) -> u32 {
    let cells_wide = u128::from(cells);
    let scaled = match value.checked_mul(cells_wide) {
        Some(product) => product.checked_div(peak).unwrap_or(0),
        // Divided first where the product would not fit.
        None => value / (peak / cells_wide.max(1)).max(1),
    };
    u32::try_from(scaled).unwrap_or(cells).min(cells)
}

/// The newest values in a row of `room` cells: `▁▃-0█`.
pub fn sparkline(values: &[Option<u128>], room: u16) -> String {
    let values = values.get(values.len().saturating_sub(usize::from(room))..).unwrap_or_default();
    let peak = values.iter().flatten().copied().max().unwrap_or(0);
    let sign = |value: &Option<u128>| match value {
        None => '-',
        Some(0) => '0',
        Some(value) => {
            let eighths = scaled(*value, peak, 8).max(1);
            usize::try_from(eighths).ok().and_then(|eighths| UP.get(eighths - 1).copied()).unwrap_or('█')
        }
    };
    values.iter().map(sign).collect()
}

/// A name with its amount; none if it is not known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    pub label: String,
    pub amount: Option<u128>,
}

/// Draws `label ████▌ amount` rows, in the order given. Amounts are always whole; the bars go where they have no room,
/// and labels are cut last. What has no row is counted in the last one. Gives how many are shown.
pub fn names(
    buffer: &mut Buffer,
    area: Rect,
    rows: &[Named],
    write: impl Fn(u128) -> String,
    look: &Look,
) -> usize {
    let high = usize::from(area.height);
    let shown = if rows.len() > high { high.saturating_sub(1) } else { rows.len() };
    let amounts: Vec<String> =
        rows.iter().take(shown).map(|row| row.amount.map_or_else(|| "-".to_owned(), &write)).collect();
    let widest = |widths: &mut dyn Iterator<Item = u16>| widths.max().unwrap_or(0);
    let right = widest(&mut amounts.iter().map(|text| draw::width(text)));
    let left = widest(&mut rows.iter().take(shown).map(|row| draw::width(&row.label)));
    let labels = area.width.saturating_sub(right + 1);
    // Labels have up to half of what the amounts leave, if that leaves a bar; all of it if not.
    let mut label = left.min(labels / 2);
    let mut bar = labels.saturating_sub(label + 1);
    if bar < 4 {
        (label, bar) = (left.min(labels), 0);
    }
    let peak = rows.iter().filter_map(|row| row.amount).max().unwrap_or(0);
    for ((y, row), amount) in (0u16..).zip(rows.iter().take(shown)).zip(&amounts) {
        let room = Rect { width: label, ..area };
        draw::put(buffer, room, 0, y, &row.label, look.style(Tone::Plain));
        let value = row.amount.unwrap_or(0);
        if bar > 0 && value > 0 {
            let eighths = scaled(value, peak, u32::from(bar) * 8).max(1);
            let (full, part) =
                (usize::try_from(eighths / 8).unwrap_or(0), usize::try_from(eighths % 8).unwrap_or(0));
            let mut text = "█".repeat(full);
            text.extend(part.checked_sub(1).and_then(|part| RIGHT.get(part)));
            draw::put(buffer, area, label + 1, y, &text, look.style(Tone::Accent));
        }
        let tone = if value == 0 { Tone::Dim } else { Tone::Plain };
        draw::put_right(buffer, area, y, amount, look.style(tone));
    }
    if shown < rows.len() && high > 0 {
        let y = area.height - 1;
        draw::put(buffer, area, 0, y, &texts::kit::more(rows.len() - shown), look.style(Tone::Dim));
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::super::amount::{Unit, grouped};
    use super::*;
    use crate::domain::Timestamp;
    use crate::tui::theme::{Shade, Theme};
    use proptest::prelude::*;

    fn look() -> Look {
        Look {
            theme: Theme::new(Shade::Dark, false),
            unit: Unit::Auto,
            million: false,
            clock: false,
            masked: false,
            now: Timestamp::from_seconds(0),
        }
    }

    fn shown(width: u16, height: u16, draw: impl FnOnce(&mut Buffer, Rect)) -> String {
        // A frame of dots shows what is drawn outside.
        let whole = Rect::new(0, 0, width + 2, height + 2);
        let mut buffer = Buffer::empty(whole);
        draw(&mut buffer, Rect::new(1, 1, width, height));
        let row = |y: u16| (0..width + 2).map(|x| buffer[(x, y)].symbol()).collect::<String>();
        assert!(row(0).trim().is_empty() && row(height + 1).trim().is_empty());
        let inside = |row: String| {
            assert!(row.starts_with(' ') && row.ends_with(' '), "drawn outside: {row:?}");
            row.trim_end().get(1..).unwrap_or_default().to_owned()
        };
        (1..=height).map(row).map(inside).collect::<Vec<_>>().join("\n")
    }

    fn snapshot(name: &str, shown: String) {
        let mut settings = insta::Settings::clone_current();
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        settings.bind(|| insta::assert_snapshot!(name, shown));
    }

    fn week() -> Vec<Day> {
        let amounts = [
            Some(vec![1200, 300, 0]),
            None,
            Some(vec![0, 0, 0]),
            Some(vec![1, 0, 0]),
            Some(vec![900, 800, 700]),
            Some(vec![0, 0, 2400]),
            Some(vec![500, 1, 1]),
        ];
        let day = |(index, amounts)| Day { label: format!("11-{:02}", 18 + index), amounts };
        amounts.into_iter().enumerate().map(day).collect()
    }

    #[test]
    fn days_are_stacked_and_nothing_is_cut() {
        let mut all = String::new();
        for (width, height) in [(60, 10), (34, 8), (20, 6), (9, 4), (7, 3), (3, 2), (1, 3), (1, 1)] {
            let mut count = 0;
            let text = shown(width, height, |buffer, area| {
                let names = ["llama7b", "ghost", "other"];
                count = days(buffer, area, &week(), &names, grouped, &look());
            });
            all.push_str(&format!("{width}x{height}: {count} days\n{text}\n\n"));
        }
        snapshot("days", all);
    }

    #[test]
    fn a_single_series_is_told_to_an_eighth() {
        let day = |amount| Day { label: String::new(), amounts: Some(vec![amount]) };
        let text = shown(7, 2, |buffer, area| {
            days(buffer, area, &[day(16), day(9), day(8), day(1)], &["spent"], |_| "x".repeat(9), &look());
        });
        assert_eq!(text, "   █▁\n   ███▁");
    }

    #[test]
    fn names_keep_their_amounts() {
        let row = |label: &str, amount| Named { label: label.to_owned(), amount };
        let rows = [
            row("llama7b @ ghost-provider", Some(1_234_567)),
            row("大模型", Some(617_283)),
            row("tiny", Some(1)),
            row("free", Some(0)),
            row("unknown", None),
        ];
        let mut all = String::new();
        for (width, height) in [(60, 5), (40, 4), (20, 5), (9, 5), (3, 2), (1, 1)] {
            let text = shown(width, height, |buffer, area| {
                names(buffer, area, &rows, grouped, &look());
            });
            all.push_str(&format!("{width}x{height}\n{text}\n\n"));
        }
        snapshot("names", all);
    }

    #[test]
    fn sparklines_tell_unknown_from_zero() {
        assert_eq!(sparkline(&[Some(8), None, Some(0), Some(1), Some(4)], 9), "█-0▁▄");
        assert_eq!(sparkline(&[Some(8), Some(1), Some(u128::MAX)], 2), "▁█");
        assert_eq!(sparkline(&[Some(0), None], 2), "0-");
        assert_eq!(sparkline(&[Some(1)], 0), "");
    }

    proptest! {
        #[test]
        fn shares_are_the_whole(parts in prop::collection::vec(0u128.., 1..8), cells in 0u16..60) {
            let shares = shares(&parts, cells);
            let any = parts.iter().any(|part| *part > 0);
            prop_assert_eq!(shares.iter().sum::<u16>(), if any { cells } else { 0 });
            let some = parts.iter().take(4).filter(|part| **part > 0).count();
            if usize::from(cells) > some {
                for (part, share) in parts.iter().zip(shares) {
                    prop_assert!(*part == 0 || share > 0);
                }
            }
        }

        #[test]
        fn any_size_is_drawn(
            parts in prop::collection::vec(prop::option::of(prop::collection::vec(0u128.., 0..7)), 0..40),
            width in 0u16..70,
            height in 0u16..9,
        ) {
            let parts: Vec<Day> =
                parts.into_iter().map(|amounts| Day { label: "大 08-22".to_owned(), amounts }).collect();
            shown(width, height, |buffer, area| {
                days(buffer, area, &parts, &["a", "大", "c"], |amount| amount.to_string(), &look());
            });
            let rows: Vec<Named> =
                parts.iter().map(|day| Named { label: "大 name".to_owned(), amount: day.total() }).collect();
            shown(width, height, |buffer, area| {
                names(buffer, area, &rows, |amount| amount.to_string(), &look());
            });
        }
    }
}
