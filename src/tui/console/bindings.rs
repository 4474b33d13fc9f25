//! The keys of the console beside those that every program here has.

use crate::tui::keymap::Place::{Everywhere, Services};
use crate::tui::keymap::{Action, Binding, SHARED, bind, letter, order};
use crate::tui::texts;

/// All tables of the console.
pub const TABLES: &[&[Binding]] = &[SCREENS, SHARED, SERVICES];

const SCREENS: &[Binding] = &[
    bind(Everywhere, "screen-1", &[letter('1')], Action::Screen('1'), texts::keys::CONSOLE_OVERVIEW),
    bind(Everywhere, "screen-2", &[letter('2')], Action::Screen('2'), texts::keys::CONSOLE_USERS),
    bind(Everywhere, "screen-3", &[letter('3')], Action::Screen('3'), texts::keys::CONSOLE_REQUESTS),
    bind(Everywhere, "screen-4", &[letter('4')], Action::Screen('4'), texts::keys::CONSOLE_SERVICES),
    bind(Everywhere, "screen-5", &[letter('5')], Action::Screen('5'), texts::keys::CONSOLE_SETTLEMENTS),
    bind(Everywhere, "screen-6", &[letter('6')], Action::Screen('6'), texts::keys::LOG),
    bind(Everywhere, "screen-0", &[letter('0')], Action::Screen('0'), texts::keys::CONSOLE_SETTINGS),
    order(Everywhere, "settle", &[letter('T')], Action::Settle, texts::keys::SETTLE),
];

const SERVICES: &[Binding] = &[
    order(Services, "register", &[letter('n')], Action::Register, texts::keys::REGISTER),
    order(Services, "change", &[letter('e')], Action::Change, texts::keys::CHANGE),
    order(Services, "pause", &[letter('p')], Action::Pause, texts::keys::PAUSE),
    order(Services, "delete", &[letter('D')], Action::Delete, texts::keys::TAKE_OFF),
    order(Services, "repair", &[letter('r')], Action::Repair, texts::keys::COMPARE_SERVICES),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::keymap::{Key, Keymap};
    use crossterm::event::KeyCode;

    #[test]
    fn no_key_means_two_things_in_one_place() {
        assert!(Keymap::new(TABLES, &Default::default()).is_ok());
    }

    #[test]
    fn money_and_destruction_are_capitals() {
        let dear = |b: &&Binding| matches!(b.action, Action::Settle | Action::Delete);
        for binding in TABLES.iter().copied().flatten().filter(dear) {
            assert!(matches!(binding.keys, [Key { code: KeyCode::Char('A'..='Z'), control: false, .. }]));
            assert!(binding.writes);
        }
    }
}
