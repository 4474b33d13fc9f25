//! Keys: which one does what, where. The help screen, the palette and the hints are drawn from this table.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// What can be asked for by a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    Screen(char),
    NextScreen,
    LastScreen,
    Up,
    Down,
    PageUp,
    PageDown,
    First,
    Last,
    Focus,
    Open,
    Back,
    Zoom,
    Mark,
    Filter,
    Sort,
    TurnSort,
    Copy,
    CopyAll,
    Unit,
    Time,
    Freeze,
    Mask,
    Mouse,
    Refresh,
    Settle,
    Register,
    Change,
    Pause,
    Delete,
    Repair,
    Help,
    Palette,
    Suspend,
    Quit,
    Stop,
}

/// Where a key works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Everywhere,
    Lists,
    Services,
}

impl Place {
    pub const fn name(self) -> &'static str {
        match self {
            Place::Everywhere => "Everywhere",
            Place::Lists => "Lists",
            Place::Services => "Services",
        }
    }
}

/// A key as it is pressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    pub code: KeyCode,
    pub control: bool,
}

/// One row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Binding {
    pub place: Place,
    pub keys: &'static [Key],
    pub action: Action,
    pub what: &'static str,
    /// It changes something, so that `--read-only` takes it away.
    pub writes: bool,
}

const fn letter(letter: char) -> Key {
    Key { code: KeyCode::Char(letter), control: false }
}

const fn control(letter: char) -> Key {
    Key { code: KeyCode::Char(letter), control: true }
}

const fn key(code: KeyCode) -> Key {
    Key { code, control: false }
}

const fn bind(place: Place, keys: &'static [Key], action: Action, what: &'static str) -> Binding {
    Binding { place, keys, action, what, writes: false }
}

const fn order(place: Place, keys: &'static [Key], action: Action, what: &'static str) -> Binding {
    Binding { place, keys, action, what, writes: true }
}

use Place::{Everywhere, Lists, Services};

/// All keys.
pub const BINDINGS: &[Binding] = &[
    bind(Everywhere, &[letter('1')], Action::Screen('1'), "Overview: is anything wrong?"),
    bind(Everywhere, &[letter('2')], Action::Screen('2'), "Users: who owes me?"),
    bind(Everywhere, &[letter('3')], Action::Screen('3'), "Requests: what is being served?"),
    bind(Everywhere, &[letter('4')], Action::Screen('4'), "Services: what do I offer?"),
    bind(Everywhere, &[letter('5')], Action::Screen('5'), "Settlements: what was paid, what comes next?"),
    bind(Everywhere, &[letter('6')], Action::Screen('6'), "Log: what has happened?"),
    bind(Everywhere, &[letter('0')], Action::Screen('0'), "Settings: what am I connected to?"),
    bind(Everywhere, &[key(KeyCode::Right), letter('l')], Action::NextScreen, "next screen"),
    bind(Everywhere, &[key(KeyCode::Left), letter('h')], Action::LastScreen, "screen before"),
    order(Everywhere, &[letter('T')], Action::Settle, "settle now: shows first what it would do"),
    bind(Everywhere, &[letter('u')], Action::Unit, "unit of amounts: auto, neuron, A0GI"),
    bind(Everywhere, &[letter('t')], Action::Time, "times as ages or by the clock (UTC)"),
    bind(Everywhere, &[letter('x')], Action::Mask, "hide amounts and addresses"),
    bind(Everywhere, &[letter('f')], Action::Freeze, "freeze what is shown, and go on"),
    bind(Everywhere, &[letter('R')], Action::Refresh, "ask the broker again now"),
    bind(Everywhere, &[letter('m')], Action::Mouse, "take the mouse, or leave it to the terminal"),
    bind(Everywhere, &[letter('?'), key(KeyCode::F(1))], Action::Help, "this help"),
    bind(Everywhere, &[letter(':'), control('p')], Action::Palette, "find an action by name"),
    bind(Everywhere, &[key(KeyCode::Esc)], Action::Back, "one step back"),
    bind(Everywhere, &[control('z')], Action::Suspend, "suspend; `fg` comes back"),
    bind(Everywhere, &[letter('q')], Action::Quit, "quit"),
    bind(Everywhere, &[control('c')], Action::Stop, "leave what is open, or quit"),
    bind(Lists, &[key(KeyCode::Down), letter('j')], Action::Down, "down"),
    bind(Lists, &[key(KeyCode::Up), letter('k')], Action::Up, "up"),
    bind(Lists, &[key(KeyCode::PageDown), control('d'), control('f')], Action::PageDown, "page down"),
    bind(Lists, &[key(KeyCode::PageUp), control('u'), control('b')], Action::PageUp, "page up"),
    bind(Lists, &[letter('g'), key(KeyCode::Home)], Action::First, "first"),
    bind(Lists, &[letter('G'), key(KeyCode::End)], Action::Last, "last"),
    bind(Lists, &[key(KeyCode::Enter)], Action::Open, "open or close the details"),
    bind(Lists, &[key(KeyCode::Tab), key(KeyCode::BackTab)], Action::Focus, "between list and details"),
    bind(Lists, &[letter('z')], Action::Zoom, "details over the whole screen, and back"),
    bind(
        Lists,
        &[letter(' ')],
        Action::Mark,
        "mark a row; y copies all marked ones, esc takes the marks away",
    ),
    bind(Lists, &[letter('/')], Action::Filter, "filter: words, !word, price<1000, type:chatbot (tab)"),
    bind(Lists, &[letter('s')], Action::Sort, "sort by the next column"),
    bind(Lists, &[letter('S')], Action::TurnSort, "turn the order around"),
    bind(Lists, &[letter('y')], Action::Copy, "copy address, id, name or hash"),
    bind(Lists, &[letter('Y')], Action::CopyAll, "copy all details"),
    order(Services, &[letter('n')], Action::Register, "register a service"),
    order(Services, &[letter('e')], Action::Change, "change a service: price, URL, model, limits"),
    order(Services, &[letter('p')], Action::Pause, "pause, or resume"),
    order(Services, &[letter('D')], Action::Delete, "take a service off the chain"),
    order(Services, &[letter('r')], Action::Repair, "compare with the chain and repair"),
];

/// The binding of a key in a place, or everywhere.
pub fn binding(event: KeyEvent, places: &[Place]) -> Option<&'static Binding> {
    let pressed = Key { code: event.code, control: event.modifiers.contains(KeyModifiers::CONTROL) };
    BINDINGS.iter().find(|binding| places.contains(&binding.place) && binding.keys.contains(&pressed))
}

/// Keys as people read them: `ctrl+p`, `↑`.
pub fn name(key: Key) -> String {
    let code = match key.code {
        KeyCode::Char(' ') => "space".to_owned(),
        KeyCode::Char(letter) => letter.to_string(),
        KeyCode::F(number) => format!("F{number}"),
        KeyCode::Up => "↑".to_owned(),
        KeyCode::Down => "↓".to_owned(),
        KeyCode::Left => "←".to_owned(),
        KeyCode::Right => "→".to_owned(),
        KeyCode::PageUp => "PgUp".to_owned(),
        KeyCode::PageDown => "PgDn".to_owned(),
        KeyCode::Home => "Home".to_owned(),
        KeyCode::End => "End".to_owned(),
        KeyCode::Enter => "enter".to_owned(),
        KeyCode::Tab => "tab".to_owned(),
        KeyCode::BackTab => "shift+tab".to_owned(),
        KeyCode::Esc => "esc".to_owned(),
        _ => "?".to_owned(),
    };
    if key.control { format!("ctrl+{code}") } else { code }
}

pub fn names(keys: &[Key]) -> String {
    keys.iter().map(|key| name(*key)).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_means_two_things_in_one_place() {
        for (index, one) in BINDINGS.iter().enumerate() {
            for other in &BINDINGS[index + 1..] {
                // What works everywhere works in every place.
                let meet = one.place == other.place
                    || one.place == Everywhere
                    || other.place == Everywhere
                    || (one.place, other.place) == (Lists, Services);
                let shared = one.keys.iter().find(|key| other.keys.contains(key));
                assert!(!meet || shared.is_none(), "{shared:?}: {} and {}", one.what, other.what);
            }
        }
    }

    #[test]
    fn money_and_destruction_are_capitals() {
        for binding in BINDINGS.iter().filter(|b| matches!(b.action, Action::Settle | Action::Delete)) {
            assert!(matches!(binding.keys, [Key { code: KeyCode::Char('A'..='Z'), control: false }]));
            assert!(binding.writes);
        }
    }
}
