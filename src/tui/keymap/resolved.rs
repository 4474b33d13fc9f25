//! Tables and settings brought together.

use std::collections::BTreeMap;

use super::key::{Key, NoKey, named};
use super::{Action, Binding, Place};
use crossterm::event::KeyEvent;

/// A binding with the keys that it has now.
#[derive(Clone, Debug)]
pub struct Bound {
    pub binding: &'static Binding,
    pub keys: Vec<Key>,
}

/// Why settings are no key map.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("keys.{name}: {fault}")]
pub struct KeymapError {
    /// The action whose keys are to blame, as the settings call it.
    pub name: String,
    pub fault: KeymapFault,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeymapFault {
    #[error("there is no such action{}", near.as_ref().map(|near| format!("; did you mean {near}?")).unwrap_or_default())]
    NoAction { near: Option<String> },
    #[error(transparent)]
    NoKey(#[from] NoKey),
    #[error("{key} already means {other} there; give one of the two another key")]
    Conflict { other: String, key: String },
}

impl KeymapError {
    fn of(name: &str, fault: KeymapFault) -> KeymapError {
        KeymapError { name: name.to_owned(), fault }
    }

    /// There is no action of that name among those.
    pub fn no_action<'a>(name: &str, all: impl Iterator<Item = &'a Binding>) -> KeymapError {
        let near =
            all.map(|one| one.name).max_by(|a, b| strsim::jaro(a, name).total_cmp(&strsim::jaro(b, name)));
        KeymapError::of(name, KeymapFault::NoAction { near: near.map(str::to_owned) })
    }
}

/// Which key does what.
#[derive(Clone, Debug)]
pub struct Keymap {
    bound: Vec<Bound>,
}

impl Keymap {
    /// Brings tables together with `settings`: names of actions with the keys that they shall have instead of their
    /// own; no key at all takes the action's keys away.
    ///
    /// # Errors
    /// An action or key that does not exist, or a key that would mean two things in one place: named with both.
    pub fn new(
        tables: &[&'static [Binding]],
        settings: &BTreeMap<String, Vec<String>>,
    ) -> Result<Keymap, KeymapError> {
        let bindings = || tables.iter().copied().flatten();
        let mut bound = Vec::new();
        for binding in bindings() {
            let keys = match settings.get(binding.name) {
                None => binding.keys.to_vec(),
                Some(texts) => {
                    let key = |text: &String| {
                        text.parse().map_err(|wrong: NoKey| KeymapError::of(binding.name, wrong.into()))
                    };
                    texts.iter().map(key).collect::<Result<_, _>>()?
                }
            };
            bound.push(Bound { binding, keys });
        }
        if let Some(name) = settings.keys().find(|name| !bindings().any(|one| one.name == name.as_str())) {
            return Err(KeymapError::no_action(name, bindings()));
        }
        for (index, one) in bound.iter().enumerate() {
            for other in &bound[..index] {
                let shared = one.keys.iter().find(|key| other.keys.contains(key));
                if let Some(key) = shared.filter(|_| one.binding.place.meets(other.binding.place)) {
                    // The one that was changed is to blame.
                    let changed = settings.contains_key(one.binding.name);
                    let (blamed, kept) = if changed { (one, other) } else { (other, one) };
                    let (other, key) = (kept.binding.name.to_owned(), key.to_string());
                    return Err(KeymapError::of(blamed.binding.name, KeymapFault::Conflict { other, key }));
                }
            }
        }
        Ok(Keymap { bound })
    }

    /// The tables as they are. They are in order, which a test holds.
    pub fn delivered(tables: &[&'static [Binding]]) -> Keymap {
        let bound = tables.iter().copied().flatten();
        Keymap { bound: bound.map(|binding| Bound { binding, keys: binding.keys.to_vec() }).collect() }
    }

    /// What a key means in the first of these places that knows it.
    pub fn find(&self, event: KeyEvent, places: &[Place]) -> Option<&'static Binding> {
        let pressed = Key::from(event);
        places.iter().find_map(|place| {
            let here = |bound: &&Bound| bound.binding.place == *place && bound.keys.contains(&pressed);
            self.bound.iter().find(here).map(|bound| bound.binding)
        })
    }

    /// All of it, in the order of the tables.
    pub fn all(&self) -> &[Bound] {
        &self.bound
    }

    /// The keys of an action as people read them; empty if it has none.
    pub fn keys(&self, action: Action) -> String {
        self.of(action).map(|bound| named(&bound.keys)).unwrap_or_default()
    }

    /// The first key of an action, for hints; in the first of these places that has one, else anywhere.
    pub fn first_key(&self, action: Action, places: &[Place]) -> String {
        let here = places.iter().find_map(|place| {
            let bound = |bound: &&Bound| bound.binding.action == action && bound.binding.place == *place;
            self.bound.iter().find(bound)
        });
        let bound = here.or_else(|| self.of(action));
        bound.and_then(|bound| bound.keys.first()).map(Key::to_string).unwrap_or_default()
    }

    /// The first key of an action that works while text is written; empty if there is none.
    pub fn key_beside_text(&self, action: Action) -> String {
        let keys = self.of(action).map(|bound| bound.keys.as_slice()).unwrap_or_default();
        keys.iter().find(|key| !key.prints()).map(Key::to_string).unwrap_or_default()
    }

    fn of(&self, action: Action) -> Option<&Bound> {
        self.bound.iter().find(|bound| bound.binding.action == action)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::super::{SHARED, letter};
    use super::*;

    fn with(pairs: &[(&str, &[&str])]) -> Result<Keymap, KeymapError> {
        let settings = pairs
            .iter()
            .map(|(name, keys)| ((*name).to_owned(), keys.iter().map(|key| (*key).to_owned()).collect()));
        Keymap::new(&[SHARED], &settings.collect())
    }

    #[test]
    fn the_delivered_tables_have_no_conflict() {
        assert!(with(&[]).is_ok());
    }

    #[test]
    fn settings_change_keys_and_take_them_away() {
        let keymap = with(&[("unit", &["U", "ctrl+u"]), ("page-up", &["pageup"]), ("mouse", &[])]).unwrap();
        assert_eq!(keymap.keys(Action::Unit), "U ctrl+u");
        assert_eq!(keymap.keys(Action::Mouse), "");
        let event = KeyEvent::from(letter('U').code);
        assert_eq!(keymap.find(event, &[Place::Lists, Place::Everywhere]).unwrap().action, Action::Unit);
    }

    #[test]
    fn conflicts_are_told_with_both_names() {
        let told = |pairs: &[(&str, &[&str])]| with(pairs).unwrap_err().to_string();
        assert_eq!(
            told(&[("unit", &["q"])]),
            "keys.unit: q already means quit there; give one of the two another key"
        );
        assert_eq!(
            told(&[("quit", &["u"])]),
            "keys.quit: u already means unit there; give one of the two another key"
        );
        assert_eq!(told(&[("unti", &["q"])]), "keys.unti: there is no such action; did you mean unit?");
        assert!(told(&[("unit", &["ctrl+nothing"])]).starts_with("keys.unit: \"ctrl+nothing\" names no key"));
    }
}
