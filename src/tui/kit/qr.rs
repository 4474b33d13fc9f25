//! A text as a QR code, two modules a cell, for the camera of a phone.
//!
//! Dark on light in every theme, since many cameras read nothing else, with a light margin around: four modules as
//! the standard has it, less where there is less room.

use qrcode::{Color, EcLevel, QrCode};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use thiserror::Error;

use super::draw;
use crate::tui::theme::Theme;

/// Modules around the code, the best first.
const MARGINS: [u16; 3] = [4, 2, 1];

#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum QrError {
    #[error("this is too long for a QR code; copy it instead")]
    TooLong,
    #[error(
        "the QR code needs {width} columns and {height} rows; enlarge the terminal, or copy the text instead"
    )]
    NoRoom { width: u16, height: u16 },
}

#[derive(Clone, Debug)]
pub struct Qr {
    /// Modules of a side.
    side: u16,
    /// Row by row; true is dark.
    modules: Vec<bool>,
}

impl Qr {
    pub fn new(text: &str) -> Result<Qr, QrError> {
        let code = QrCode::with_error_correction_level(text, EcLevel::L).map_err(|_| QrError::TooLong)?;
        let side = u16::try_from(code.width()).map_err(|_| QrError::TooLong)?;
        let modules = code.to_colors().into_iter().map(|colour| colour == Color::Dark).collect();
        Ok(Qr { side, modules })
    }

    /// Columns and rows that it needs at least.
    pub fn size(&self) -> (u16, u16) {
        self.size_with(1)
    }

    const fn size_with(&self, margin: u16) -> (u16, u16) {
        let modules = self.side + 2 * margin;
        (modules, modules.div_ceil(2))
    }

    /// Draws it into the upper left corner of `area`. Gives the columns and rows that it took.
    pub fn draw(&self, buffer: &mut Buffer, area: Rect, theme: Theme) -> Result<(u16, u16), QrError> {
        let fits = |margin: &u16| {
            let (width, height) = self.size_with(*margin);
            width <= area.width && height <= area.height
        };
        let Some(margin) = MARGINS.into_iter().find(fits) else {
            let (width, height) = self.size();
            return Err(QrError::NoRoom { width, height });
        };
        let (width, height) = self.size_with(margin);
        for y in 0..height {
            let row: String = (0..width)
                .map(|x| match (self.is_dark(x, 2 * y, margin), self.is_dark(x, 2 * y + 1, margin)) {
                    (true, true) => '█',
                    (true, false) => '▀',
                    (false, true) => '▄',
                    (false, false) => ' ',
                })
                .collect();
            draw::put(buffer, area, 0, y, &row, theme.paper());
        }
        Ok((width, height))
    }

    /// Whether the module at this place is dark, counted with the margin.
    fn is_dark(&self, x: u16, y: u16, margin: u16) -> bool {
        let (Some(x), Some(y)) = (x.checked_sub(margin), y.checked_sub(margin)) else { return false };
        let at = usize::from(y) * usize::from(self.side) + usize::from(x);
        x < self.side && y < self.side && self.modules.get(at).copied().unwrap_or(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::theme::Shade;
    use ratatui::style::Modifier;

    const ADDRESS: &str = "0x59c8a9d3b1e0f7c2d4e6a8b0c1d2e3f4a5b6b1d2";

    fn drawn(width: u16, height: u16, theme: Theme) -> (Buffer, Result<(u16, u16), QrError>) {
        let area = Rect::new(0, 0, width, height);
        let mut buffer = Buffer::empty(area);
        let result = Qr::new(ADDRESS).and_then(|code| code.draw(&mut buffer, area, theme));
        (buffer, result)
    }

    #[test]
    fn what_is_drawn_is_the_code_with_its_margin() {
        let expected = QrCode::with_error_correction_level(ADDRESS, EcLevel::L).unwrap();
        for (margin, width, height) in [(4, 80, 24), (2, 35, 20), (1, 31, 16)] {
            let (buffer, result) = drawn(width, height, Theme::new(Shade::Dark, true));
            let (wide, high) = result.unwrap();
            for y in 0..high * 2 {
                for x in 0..wide {
                    let symbol = buffer[(x, y / 2)].symbol();
                    let dark = symbol == "█" || symbol == if y % 2 == 0 { "▀" } else { "▄" };
                    let inside = |at: u16| (margin..wide - margin).contains(&at);
                    let want = inside(x)
                        && inside(y)
                        && expected[(usize::from(x - margin), usize::from(y - margin))] == Color::Dark;
                    assert_eq!(dark, want, "at {x}, {y} with a margin of {margin}");
                }
            }
        }
    }

    #[test]
    fn phones_see_dark_on_light_in_every_theme() {
        let light = Theme::new(Shade::Light, true);
        let dark = Theme::new(Shade::Dark, true);
        assert_eq!(drawn(80, 24, light).0, drawn(80, 24, dark).0);
        let bare = |shade| drawn(80, 24, Theme::new(shade, false)).0[(0, 0)].modifier;
        assert_eq!(bare(Shade::Dark), Modifier::REVERSED);
        assert_eq!(bare(Shade::Light), Modifier::empty());
    }

    #[test]
    fn without_room_it_says_how_much_it_needs() {
        let (buffer, result) = drawn(30, 24, Theme::new(Shade::Dark, true));
        assert_eq!(result, Err(QrError::NoRoom { width: 31, height: 16 }));
        assert_eq!(buffer, Buffer::empty(Rect::new(0, 0, 30, 24)), "nothing is half drawn");
        assert_eq!(Qr::new(&"x".repeat(5000)).map(|_| ()), Err(QrError::TooLong));
    }
}
