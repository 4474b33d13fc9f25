//! For tests: keys pressed at a program, and pictures of it.

use std::cell::Cell;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::buffer::Buffer;

use super::input::Input;
use super::shell::{Program, Step};
use super::theme::Shade;
use crate::attacks::found;
use crate::domain::Timestamp;

/// Each screen and dialog is drawn in these sizes.
pub const SIZES: [(u16, u16); 3] = [(80, 24), (120, 40), (60, 16)];

/// When the next key is pressed: people take a second for each.
pub fn moment() -> Timestamp {
    thread_local!(static PRESSED: Cell<u64> = const { Cell::new(0) });
    PRESSED.set(PRESSED.get() + 1);
    // 2024-08-22 14:38:52 UTC.
    Timestamp::from_seconds(1_724_337_532).plus_seconds(PRESSED.get())
}

pub fn press<P: Program>(program: &mut P, code: KeyCode) -> Step<P::Effect> {
    program.update(P::input(Input::Key(KeyEvent::from(code)), moment()))
}

pub fn letter<P: Program>(program: &mut P, letter: char) -> Step<P::Effect> {
    press(program, KeyCode::Char(letter))
}

pub fn control<P: Program>(program: &mut P, letter: char) -> Step<P::Effect> {
    let key = KeyEvent::new(KeyCode::Char(letter), KeyModifiers::CONTROL);
    program.update(P::input(Input::Key(key), moment()))
}

pub fn typed<P: Program>(program: &mut P, text: &str) {
    for c in text.chars() {
        letter(program, c);
    }
}

pub fn resize<P: Program>(program: &mut P, width: u16, height: u16) {
    program.update(P::input(Input::Size { width, height }, moment()));
}

/// Compares what `paint` draws with the pictures of `name` in `folder` (from here), in every size: the text once, since light differs in
/// nothing but colours, the styles of both shades.
///
/// `INSTA_UPDATE=always cargo test --lib tui` draws them anew; look at the difference before it is committed.
pub fn snap(folder: &str, name: &str, paint: impl Fn(Shade, (u16, u16)) -> Buffer) {
    for (width, height) in SIZES {
        let dark = paint(Shade::Dark, (width, height));
        let text = picture(&dark);
        let light = paint(Shade::Light, (width, height));
        assert_eq!(picture(&light).replace("light", "dark"), text.replace("light", "dark"), "{name}");
        let shown = format!("{text}--- styles, dark\n{}", styles(&dark));
        let mut settings = insta::Settings::clone_current();
        settings.set_snapshot_path(folder);
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        settings.bind(|| {
            insta::assert_snapshot!(format!("{name}_{width}x{height}"), shown);
            if (width, height) == (80, 24) {
                insta::assert_snapshot!(format!("{name}_light"), styles(&light));
            }
        });
    }
}

/// Whatever strangers wrote, a picture holds nothing that a terminal would obey and nothing that leaves its cell.
pub fn harmless(buffer: &Buffer, what: &str) {
    for cell in buffer.content() {
        let symbol = cell.symbol();
        let line = symbol.contains('\n').then(|| "a line feed".to_owned());
        assert_eq!(found(symbol).or(line), None, "{what}:\n{}", picture(buffer));
    }
}

/// The picture as text.
pub fn picture(buffer: &Buffer) -> String {
    let mut text = String::new();
    for y in 0..buffer.area.height {
        let mut row = String::new();
        let mut skip = 0;
        for x in 0..buffer.area.width {
            let symbol = buffer[(x, y)].symbol();
            if skip > 0 {
                skip -= 1;
                continue;
            }
            skip = crate::tui::kit::draw::width(symbol).saturating_sub(1);
            row.push_str(symbol);
        }
        text.push_str(row.trim_end());
        text.push('\n');
    }
    text
}

/// Runs of one style that is not the plain one: row, columns, style.
pub fn styles(buffer: &Buffer) -> String {
    use std::fmt::Write;
    let mut text = String::new();
    for y in 0..buffer.area.height {
        let mut x = 0;
        while x < buffer.area.width {
            let style = |x: u16| {
                let cell = &buffer[(x, y)];
                (cell.fg, cell.bg, cell.modifier)
            };
            let (from, first) = (x, style(x));
            while x < buffer.area.width && style(x) == first {
                x += 1;
            }
            let plain = ratatui::buffer::Cell::default();
            if first != (plain.fg, plain.bg, plain.modifier) {
                let (fg, bg, modifier) = first;
                writeln!(text, "{y}:{from}-{} fg {fg} bg {bg} {modifier:?}", x - 1).unwrap();
            }
        }
    }
    text
}
