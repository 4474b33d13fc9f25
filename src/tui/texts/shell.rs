//! What every program here says around its screens: copying, help, palette.

use std::fmt::Display;

// Copying

pub const INTO_TMUX: &str = "into tmux's buffer";
pub const BY_OSC: &str = "by OSC 52, if your terminal lets it";
pub const BY_OSC_LONG: &str = "by OSC 52, though it is longer than many terminals take";
pub const TMUX_REFUSED: &str = "tmux did not take it";

// An editor of their own

pub fn editor_ended(command: impl Display) -> String {
    format!("{command} was ended; the text is as it was")
}

pub fn no_editor(command: impl Display) -> String {
    format!("there is no editor {command}; name yours in VISUAL or EDITOR. The text is as it was")
}

pub fn editor_failed(command: impl Display, status: impl Display) -> String {
    format!("{command} ended with {status}; the text is as it was")
}

// Help and palette

pub const BUTTON_WITH_FOCUS: &str = "the button with the focus; Cancel has it first";
pub const SEND_A_FORM: &str = "send a form";
pub const NOTHING_CALLED_THAT: &str = "nothing here is called that";
pub const HELP_MORE: &str = "↓ more   / search   esc closes";
pub const HELP_READ_ONLY: &str = "esc closes   read-only: keys that change something are off";
pub const HELP_CLOSES: &str = "/ search   esc closes";
pub const NO_ACTION_CALLED_THAT: &str = "no action has that name";
pub const CHAT_WHILE_WRITING: &str = "Chat, while writing";
pub const WITHOUT_COLOUR: &str = "without colour (NO_COLOR)";
