//! What the screen of the log says.

use std::fmt::Display;

pub const WHAT_HAPPENED: &str = "What happened";
pub const THE_LINE: &str = "the line";

pub const FILTER_HINT: &str = "level:warn  from:process  !word";
pub const FOLLOWING: &str = "following the newest";
pub const LARGE_G_FOLLOWS: &str = "G follows the newest";
pub const SMALL_G_FOLLOWS: &str = "g follows the newest";
pub const NOTHING_YET: &str = "Nothing has happened yet.";
pub const NOTHING_FITS: &str = "No line has that; esc shows all of them.";

pub fn level_from_at(level: impl Display, origin: impl Display, time: impl Display) -> String {
    format!("{level} from the {origin}, {time}")
}

pub const WHOLE_LINE: &str = "whole line";
pub const COPY_LISTED: &str = "copy all that is listed";
