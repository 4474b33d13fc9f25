//! Texts of strangers on the screen: whatever is drawn through the kit, no control, bidirectional or format character
//! reaches a cell, and nothing outside the given area changes (S13).

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use zgserve_tui::domain::Timestamp;
use zgserve_tui::domain::clean::{clean, clean_lines, clean_reason};
use zgserve_tui::tui::kit::amount::Unit;
use zgserve_tui::tui::kit::facts::{self, Fact};
use zgserve_tui::tui::kit::filter::Filter;
use zgserve_tui::tui::kit::look::{Look, shorten};
use zgserve_tui::tui::kit::toast::{self, Toast};
use zgserve_tui::tui::kit::{draw, privacy};
use zgserve_tui::tui::theme::{Shade, Theme, Tone};

use super::input::Input;
use super::text::{is_hostile, must_be_clean};

pub fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let (width, height) = (u16::from(input.byte() % 90), u16::from(input.byte() % 12));
    let (x, y, way, max) = (u16::from(input.byte()), u16::from(input.byte()), input.byte(), input.byte());
    let text = String::from_utf8_lossy(input.rest()).into_owned();
    cleaned(&text, usize::from(max));
    drawn(&text, (width, height), (x, y), way);
    privacy::hidden(&text);
    shorten(&text, 6, 4);
    typed(&text);
}

fn cleaned(text: &str, max: usize) {
    let once = clean(text, max);
    must_be_clean(&once);
    assert!(once.chars().count() <= max.max(1));
    assert_eq!(clean(&once, max.max(1)), once, "cleaning again changes something");
    // Marks are piled up only in longer texts.
    let few = text.is_ascii() || text.chars().count() <= 8;
    if !text.chars().any(is_hostile) && text.chars().count() <= max && few {
        assert_eq!(once, text, "an honest text is changed");
    }
    for line in clean_lines(text, max).split(['\n', '\t']) {
        must_be_clean(line);
    }
    must_be_clean(&clean_reason(text, max));
}

fn drawn(text: &str, (width, height): (u16, u16), (x, y): (u16, u16), way: u8) {
    let whole = Rect::new(0, 0, width + 4, height + 4);
    let area = Rect::new(2, 2, width, height);
    let mut buffer = Buffer::empty(whole);
    for cell in &mut buffer.content {
        cell.set_symbol("·");
    }
    let look = Look {
        theme: Theme::new(Shade::Dark, true),
        unit: Unit::Auto,
        million: false,
        clock: false,
        masked: way & 128 != 0,
        now: Timestamp::from_seconds(1_800_000_000),
    };
    let (style, tone) = (Style::new(), Tone::Warn);
    match way % 9 {
        0 => drop(draw::put(&mut buffer, area, x, y, text, style)),
        1 => drop(draw::put_right(&mut buffer, area, y, text, style)),
        2 => drop(draw::wrapped(&mut buffer, area, y, text, style)),
        3 => draw::heading(&mut buffer, area, y, text, &look),
        4 => drop(draw::boxed(&mut buffer, area, text, tone, &look)),
        5 => {
            let facts = [
                Fact::Head(text.to_owned()),
                facts::is("label", text),
                Fact::Note(text.to_owned(), tone),
                Fact::Gap,
                facts::is("another", text),
            ];
            facts::draw(&mut buffer, area, &facts, y, &look);
            facts::furthest(&facts, area);
        }
        6 => {
            let toast = |text: &str| Toast { at: look.now, tone, text: text.to_owned() };
            toast::draw(&mut buffer, area, &[toast(text), toast("ours")], &look);
        }
        7 => {
            let pieces = [(text, Tone::Plain), ("|", Tone::Dim), (text, Tone::Bad)];
            draw::line(&mut buffer, area, x, y, &pieces, &look);
        }
        _ => {
            for (at, row) in draw::wrap(text, width).iter().enumerate() {
                must_be_clean(row);
                let y = u16::try_from(at).unwrap_or(u16::MAX);
                draw::put(&mut buffer, area, 0, y, &draw::fit(row, width), style);
            }
        }
    }
    for cy in 0..whole.height {
        for cx in 0..whole.width {
            let symbol = buffer[(cx, cy)].symbol();
            must_be_clean(symbol);
            let inside =
                (area.left()..area.right()).contains(&cx) && (area.top()..area.bottom()).contains(&cy);
            assert!(inside || symbol == "·", "{symbol:?} at {cx},{cy} outside of {area:?}");
        }
    }
    let fitted = draw::fit(text, width);
    assert!(draw::width(&fitted) <= width);
    must_be_clean(&fitted);
}

/// What people type to filter with.
fn typed(text: &str) {
    let filter = Filter::parse(text);
    filter.complaint();
    filter.lets(text);
    filter.narrows(&Filter::parse(text.get(..text.len() / 2).unwrap_or_default()));
}
