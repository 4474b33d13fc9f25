//! The keys of the console beside those that every program here has.

use crate::tui::keymap::Place::{Everywhere, Services};
use crate::tui::keymap::{Action, Binding, SHARED, bind, letter, order};

/// All tables of the console.
pub const TABLES: &[&[Binding]] = &[SCREENS, SHARED, SERVICES];

const SCREENS: &[Binding] = &[
    bind(Everywhere, "screen-1", &[letter('1')], Action::Screen('1'), "Overview: is anything wrong?"),
    bind(Everywhere, "screen-2", &[letter('2')], Action::Screen('2'), "Users: who owes me?"),
    bind(Everywhere, "screen-3", &[letter('3')], Action::Screen('3'), "Requests: what is being served?"),
    bind(Everywhere, "screen-4", &[letter('4')], Action::Screen('4'), "Services: what do I offer?"),
    bind(
        Everywhere,
        "screen-5",
        &[letter('5')],
        Action::Screen('5'),
        "Settlements: what was paid, what comes next?",
    ),
    bind(Everywhere, "screen-6", &[letter('6')], Action::Screen('6'), "Log: what has happened?"),
    bind(Everywhere, "screen-0", &[letter('0')], Action::Screen('0'), "Settings: what am I connected to?"),
    order(Everywhere, "settle", &[letter('T')], Action::Settle, "settle now: shows first what it would do"),
];

const SERVICES: &[Binding] = &[
    order(Services, "register", &[letter('n')], Action::Register, "register a service"),
    order(Services, "change", &[letter('e')], Action::Change, "change a service: price, URL, model, limits"),
    order(Services, "pause", &[letter('p')], Action::Pause, "pause, or resume"),
    order(Services, "delete", &[letter('D')], Action::Delete, "take a service off the chain"),
    order(Services, "repair", &[letter('r')], Action::Repair, "compare with the chain and repair"),
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
