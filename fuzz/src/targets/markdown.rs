//! Answers in Markdown as they grow: nothing panics, no line is wider than asked, no character steers, and the final
//! layout is the same however the text came and whenever it was drawn in between.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use zgserve_tui::tui::kit::markdown::{Line, Markdown};
use zgserve_tui::tui::theme::{Shade, Theme};

use super::input::Input;
use super::splits::Split;
use super::text::must_be_clean;

const THEME: Theme = Theme::new(Shade::Dark, true);

pub fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let (seed, width, way) = (input.u16(), u16::from(input.byte() % 100), input.byte());
    let text = String::from_utf8_lossy(input.rest());
    let whole = {
        let mut markdown = Markdown::default();
        markdown.set(&text);
        finished(markdown, width)
    };
    shown(&whole.0, width);
    for split in [Split::Seeded(seed), Split::Seeded(seed ^ 1), Split::Single]
        .into_iter()
        .take(2 + usize::from(way & 1))
    {
        let mut markdown = Markdown::default();
        let mut grown = String::new();
        for (at, piece) in split.texts(&text).into_iter().enumerate() {
            if way & 2 == 2 {
                grown.push_str(piece);
                markdown.set(&grown);
            } else {
                markdown.push(piece);
            }
            // Drawn now and then, as a screen does; the screen may have been made wider or narrower.
            if (usize::from(seed) >> (at % 16)) & 1 == 1 {
                let now = if way & 4 == 4 { width.saturating_add(at as u16 % 5) } else { width };
                markdown.lines(now, THEME);
            }
        }
        let grown = finished(markdown, width);
        assert_eq!(whole, grown, "{split:?}");
    }
    // Laid out again for another width and back.
    let mut markdown = Markdown::default();
    markdown.push(&text);
    markdown.lines(width.saturating_add(7), THEME);
    assert_eq!(whole, finished(markdown, width), "another width in between");
}

type Final = (Vec<Line>, Vec<(String, String)>, String);

fn finished(mut markdown: Markdown, width: u16) -> Final {
    markdown.finish();
    let lines = markdown.lines(width, THEME).to_vec();
    let codes =
        markdown.code_blocks().iter().map(|code| (code.language.clone(), code.text.clone())).collect();
    (lines, codes, markdown.source().to_owned())
}

fn shown(lines: &[Line], width: u16) {
    let area = Rect::new(1, 1, width, u16::try_from(lines.len().min(400)).unwrap_or(0));
    let mut buffer = Buffer::empty(Rect::new(0, 0, width + 2, area.height + 2));
    for cell in &mut buffer.content {
        cell.set_symbol("·");
    }
    for (at, line) in lines.iter().enumerate() {
        // Below two columns a wide character has no room at all.
        assert!(width < 2 || line.width() <= usize::from(width), "{:?} is wider than {width}", line.text());
        must_be_clean(&line.text());
        if let Ok(y) = u16::try_from(at)
            && y < area.height
        {
            line.draw(&mut buffer, area, 0, y);
        }
    }
    for y in 0..buffer.area.height {
        for x in [0, buffer.area.width - 1] {
            assert_eq!(buffer[(x, y)].symbol(), "·", "drawn outside");
        }
    }
}
