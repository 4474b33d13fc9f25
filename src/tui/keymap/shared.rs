//! The bindings that every program here has.

use crossterm::event::KeyCode;

use super::Place::{Everywhere, Lists};
use super::{Action, Binding, bind, control, key, letter};

pub const SHARED: &[Binding] = &[
    bind(Everywhere, "next-screen", &[key(KeyCode::Right), letter('l')], Action::NextScreen, "next screen"),
    bind(Everywhere, "last-screen", &[key(KeyCode::Left), letter('h')], Action::LastScreen, "screen before"),
    bind(Everywhere, "unit", &[letter('u')], Action::Unit, "unit of amounts: auto, neuron, A0GI"),
    bind(Everywhere, "times", &[letter('t')], Action::Time, "times as ages or by the clock (UTC)"),
    bind(Everywhere, "privacy", &[letter('x')], Action::Mask, "hide amounts and addresses"),
    bind(Everywhere, "freeze", &[letter('f')], Action::Freeze, "freeze what is shown, and go on"),
    bind(Everywhere, "refresh", &[letter('R')], Action::Refresh, "ask the broker again now"),
    bind(Everywhere, "mouse", &[letter('m')], Action::Mouse, "take the mouse, or leave it to the terminal"),
    bind(Everywhere, "help", &[letter('?'), key(KeyCode::F(1))], Action::Help, "this help"),
    bind(Everywhere, "palette", &[letter(':'), control('p')], Action::Palette, "find an action by name"),
    bind(Everywhere, "back", &[key(KeyCode::Esc)], Action::Back, "one step back"),
    bind(Everywhere, "suspend", &[control('z')], Action::Suspend, "suspend; `fg` comes back"),
    bind(Everywhere, "quit", &[letter('q')], Action::Quit, "quit"),
    bind(Everywhere, "stop", &[control('c')], Action::Stop, "stop what runs, leave what is open, then quit"),
    bind(Lists, "down", &[key(KeyCode::Down), letter('j')], Action::Down, "down"),
    bind(Lists, "up", &[key(KeyCode::Up), letter('k')], Action::Up, "up"),
    bind(
        Lists,
        "page-down",
        &[key(KeyCode::PageDown), control('d'), control('f')],
        Action::PageDown,
        "page down",
    ),
    bind(Lists, "page-up", &[key(KeyCode::PageUp), control('u'), control('b')], Action::PageUp, "page up"),
    bind(Lists, "first", &[letter('g'), key(KeyCode::Home)], Action::First, "first"),
    bind(Lists, "last", &[letter('G'), key(KeyCode::End)], Action::Last, "last"),
    bind(Lists, "open", &[key(KeyCode::Enter)], Action::Open, "open or close the details"),
    bind(Lists, "focus", &[key(KeyCode::Tab)], Action::Focus, "between list and details"),
    bind(Lists, "focus-back", &[key(KeyCode::BackTab)], Action::FocusBack, "the same backwards"),
    bind(
        Lists,
        "filter",
        &[letter('/')],
        Action::Filter,
        "filter: words, !word, price<1000, type:chatbot (tab)",
    ),
    bind(Lists, "sort", &[letter('s')], Action::Sort, "sort by the next column"),
    bind(Lists, "turn-sort", &[letter('S')], Action::TurnSort, "turn the order around"),
    bind(
        Lists,
        "mark",
        &[letter(' ')],
        Action::Mark,
        "mark a row; y copies all marked ones, esc takes the marks away",
    ),
    bind(Lists, "zoom", &[letter('z')], Action::Zoom, "details over the whole screen, and back"),
    bind(Lists, "copy", &[letter('y')], Action::Copy, "copy address, id, name or hash"),
    bind(Lists, "copy-all", &[letter('Y')], Action::CopyAll, "copy all details"),
];
