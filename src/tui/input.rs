//! What a terminal sends, without what nobody needs: key releases, mouse moves.

use crossterm::event::{Event, KeyEvent, KeyEventKind, MouseButton, MouseEvent, MouseEventKind};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    Key(KeyEvent),
    /// Text that was pasted, in one piece.
    Paste(String),
    Click {
        x: u16,
        y: u16,
    },
    /// Rows down, or up where it is negative.
    Wheel(i16),
    Size {
        width: u16,
        height: u16,
    },
    /// The window came to the front, or somebody looks at another one.
    Focus(bool),
}

/// Rows of one notch of a wheel.
const NOTCH: i16 = 3;

/// An event as input, where it is some.
pub fn input(event: Event) -> Option<Input> {
    match event {
        Event::Key(key) if key.kind != KeyEventKind::Release => Some(Input::Key(key)),
        Event::Paste(text) => Some(Input::Paste(text)),
        Event::FocusGained => Some(Input::Focus(true)),
        Event::FocusLost => Some(Input::Focus(false)),
        Event::Resize(width, height) => Some(Input::Size { width, height }),
        Event::Mouse(MouseEvent { kind, column, row, .. }) => match kind {
            MouseEventKind::Down(MouseButton::Left) => Some(Input::Click { x: column, y: row }),
            MouseEventKind::ScrollDown => Some(Input::Wheel(NOTCH)),
            MouseEventKind::ScrollUp => Some(Input::Wheel(-NOTCH)),
            _ => None,
        },
        _ => None,
    }
}
