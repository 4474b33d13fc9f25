//! How people want the screens: the settings' part `terminal`.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};

use super::keymap::{Binding, Key, Keymap, KeymapError};
use super::theme::{Shade, Theme};
use super::{console, user};

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
    /// Lines of text and typed answers instead of screens.
    pub plain: bool,
    /// Keys that shall be others than delivered, by the names of actions.
    #[serde(deserialize_with = "keys")]
    pub keys: BTreeMap<String, Vec<String>>,
}

impl Default for Settings {
    fn default() -> Self {
        Settings { theme: Colours::Auto, mouse: true, notify: true, plain: false, keys: BTreeMap::new() }
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

    /// The tables of one program with the keys of these settings. Names of other programs' actions are left aside:
    /// one map of keys serves all.
    ///
    /// # Errors
    /// A key that there is not, or that would mean two things in one place.
    pub fn keymap(&self, tables: &[&'static [Binding]]) -> Result<Keymap, KeymapError> {
        let known = |name: &str| tables.iter().copied().flatten().any(|binding| binding.name == name);
        let own = self.keys.iter().filter(|(name, _)| known(name));
        Keymap::new(tables, &own.map(|(name, keys)| (name.clone(), keys.clone())).collect())
    }

    /// Whether the keys fit every program here: the user's screens and the provider's console.
    ///
    /// # Errors
    /// An action or key that does not exist, or a key that would mean two things in one place.
    pub fn check(&self) -> Result<(), KeymapError> {
        let tables = [user::TABLES, console::TABLES];
        let all = || tables.iter().copied().flatten().copied().flatten();
        if let Some(name) = self.keys.keys().find(|name| !all().any(|one| one.name == name.as_str())) {
            return Err(KeymapError::no_action(name, all()));
        }
        tables.iter().try_for_each(|tables| self.keymap(tables).map(|_| ()))
    }
}

/// Keys as people write them: one, several in a list, several in one text.
fn keys<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, Vec<String>>, D::Error> {
    let written = BTreeMap::<String, Option<Keys>>::deserialize(deserializer)?;
    let texts = |keys: Option<Keys>| match keys {
        None => Vec::new(),
        Some(Keys::Several(several)) => several.into_iter().map(One::text).collect(),
        Some(Keys::One(one)) => apart(one.text()),
    };
    Ok(written.into_iter().map(|(name, keys)| (name, texts(keys))).collect())
}

/// `U, ctrl+u` as two keys; `,` is one.
fn apart(text: String) -> Vec<String> {
    if text.parse::<Key>().is_ok() {
        return vec![text];
    }
    let parts = text.split([',', ' ']).filter(|part| !part.is_empty());
    parts.map(str::to_owned).collect()
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "it must be a key like D, ctrl+u or F2, or a list of keys")]
enum Keys {
    One(One),
    Several(Vec<One>),
}

/// A digit that is written without quotes is a number, and a key all the same.
#[derive(Deserialize)]
#[serde(untagged, expecting = "it must be a key like D, ctrl+u or F2, or a list of keys")]
enum One {
    Text(String),
    Digit(u8),
}

impl One {
    fn text(self) -> String {
        match self {
            One::Text(text) => text,
            One::Digit(digit) => digit.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;
    use serde_json::json;

    fn read(keys: serde_json::Value) -> Settings {
        serde_json::from_value(json!({ "keys": keys })).unwrap()
    }

    #[test]
    fn keys_are_written_as_people_like() {
        let settings = read(json!({"unit": "U", "mouse": [], "help": ["H", "ctrl+h"], "filter": "F2, F3",
            "times": ",", "screen-1": [1, "F4"], "zoom": null}));
        let keys = |name: &str| settings.keys.get(name).unwrap().join("|");
        assert_eq!(keys("unit"), "U");
        assert_eq!(keys("help"), "H|ctrl+h");
        assert_eq!(keys("filter"), "F2|F3");
        assert_eq!(keys("times"), ",");
        assert_eq!(keys("screen-1"), "1|F4");
        assert_eq!((keys("mouse"), keys("zoom")), (String::new(), String::new()));
        assert_eq!(settings.check(), Ok(()));
    }

    #[test]
    fn one_map_serves_both_programs() {
        // `settle` is the console's, `deposit` the user's.
        let settings = read(json!({"settle": "ctrl+s", "deposit": "ctrl+s", "unit": "U"}));
        assert_eq!(settings.check(), Ok(()));
        assert!(settings.keymap(user::TABLES).is_ok() && settings.keymap(console::TABLES).is_ok());
        let told = |keys| read(keys).check().unwrap_err().to_string();
        assert_eq!(
            told(json!({"depsoit": "U"})),
            "keys.depsoit: there is no such action; did you mean deposit?"
        );
        assert_eq!(
            told(json!({"settle": "u"})),
            "keys.settle: u already means unit there; give one of the two another key"
        );
    }
}
