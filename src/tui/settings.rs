//! How people want the screens: the settings' part `terminal`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::theme::{Shade, Theme};

/// Which colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Colours {
    /// What the terminal says that it has.
    #[default]
    Auto,
    Dark,
    Light,
    /// None at all, as with `NO_COLOR`.
    None,
}

/// Settings of the screens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Settings {
    pub theme: Colours,
    /// Whether the mouse works in the screens, or is left to the terminal's own selection.
    pub mouse: bool,
    /// Whether somebody who looks at another window is told of answers, unlocks and caps.
    pub notify: bool,
    /// Keys that shall be others than delivered, by the names of actions.
    pub keys: BTreeMap<String, Vec<String>>,
}

impl Default for Settings {
    fn default() -> Self {
        Settings { theme: Colours::Auto, mouse: true, notify: true, keys: BTreeMap::new() }
    }
}

impl Settings {
    /// The theme, where `asked` is what the terminal said; `NO_COLOR` has the last word.
    pub fn theme(&self, asked: Theme) -> Theme {
        match self.theme {
            Colours::Auto => asked,
            Colours::Dark => Theme::new(Shade::Dark, asked.has_colour()),
            Colours::Light => Theme::new(Shade::Light, asked.has_colour()),
            Colours::None => Theme::new(Shade::Dark, false),
        }
    }
}
