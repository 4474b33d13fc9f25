//! The terminal application: what people see and press.
//!
//! ```text
//! terminal event, news of the broker, beat of the clock
//!        → message → update(model, message) → effects → runner → client → message …
//!                          │
//!                          └→ changed? → draw(model), at most 60 times a second
//! ```
//!
//! `update` is a plain function: it never waits, and it alone changes a model. Drawing reads a model and changes nothing.
//! The runner performs effects in tasks of its own and answers with messages; queues between them have bounds. An idle
//! screen draws nothing; once a second a beat asks whether a countdown, an age or a look at the broker is due.
//!
//! | part | holds |
//! |---|---|
//! | `terminal` | enters and leaves the screen, whatever ends the program |
//! | `shell` | the loop: events in, frames out |
//! | `frame` | when to draw |
//! | `clipboard`, `editor` | what copying and editing need of the world outside |
//! | `input` | what terminals send, as messages |
//! | `keymap` | key and place to action, as delivered or as the settings say |
//! | `help`, `palette` | every key and every action, drawn from the keymap |
//! | `theme` | what colours mean |
//! | `texts` | what the screens say |
//! | `kit` | tables, dialogs, forms, amounts, times |
//! | `console` | the provider's console |
//! | `start` | the guided start, and unlocking a key |
//! | `user` | the user's screens |
//! | `plain` | the same as lines of text |

pub mod clipboard;
pub mod console;
mod editor;
mod frame;
mod help;
pub mod input;
pub mod keymap;
pub mod kit;
mod palette;
#[cfg(test)]
mod pictures;
pub mod plain;
mod settings;
mod shell;
pub mod start;
mod terminal;
mod texts;
pub mod theme;
pub mod user;

pub use self::settings::{Colours, Settings};
pub use self::shell::{Ended, ScreenOrder, Step, TuiError};
pub use self::terminal::{present, usable};
