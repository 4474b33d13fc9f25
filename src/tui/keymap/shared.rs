//! The bindings that every program here has.

use crate::tui::texts;
use crossterm::event::KeyCode;

use super::Place::{Everywhere, Lists};
use super::{Action, Binding, bind, control, key, letter};

pub const SHARED: &[Binding] = &[
    bind(
        Everywhere,
        "next-screen",
        &[key(KeyCode::Right), letter('l')],
        Action::NextScreen,
        texts::keys::NEXT_SCREEN,
    ),
    bind(
        Everywhere,
        "last-screen",
        &[key(KeyCode::Left), letter('h')],
        Action::LastScreen,
        texts::keys::SCREEN_BEFORE,
    ),
    bind(Everywhere, "unit", &[letter('u')], Action::Unit, texts::keys::UNIT),
    bind(Everywhere, "times", &[letter('t')], Action::Time, texts::keys::TIMES),
    bind(Everywhere, "privacy", &[letter('x')], Action::Mask, texts::keys::PRIVACY),
    bind(Everywhere, "freeze", &[letter('f')], Action::Freeze, texts::keys::FREEZE),
    bind(Everywhere, "refresh", &[letter('R')], Action::Refresh, texts::keys::REFRESH),
    bind(Everywhere, "mouse", &[letter('m')], Action::Mouse, texts::keys::MOUSE),
    bind(Everywhere, "help", &[letter('?'), key(KeyCode::F(1))], Action::Help, texts::keys::HELP),
    bind(Everywhere, "palette", &[letter(':'), control('p')], Action::Palette, texts::keys::PALETTE),
    bind(Everywhere, "back", &[key(KeyCode::Esc)], Action::Back, texts::keys::BACK),
    bind(Everywhere, "suspend", &[control('z')], Action::Suspend, texts::keys::SUSPEND),
    bind(Everywhere, "quit", &[letter('q')], Action::Quit, texts::hints::QUIT),
    bind(Everywhere, "stop", &[control('c')], Action::Stop, texts::keys::STOP),
    bind(Lists, "down", &[key(KeyCode::Down), letter('j')], Action::Down, texts::hints::DOWN),
    bind(Lists, "up", &[key(KeyCode::Up), letter('k')], Action::Up, texts::hints::UP),
    bind(
        Lists,
        "page-down",
        &[key(KeyCode::PageDown), control('d'), control('f')],
        Action::PageDown,
        texts::keys::PAGE_DOWN,
    ),
    bind(
        Lists,
        "page-up",
        &[key(KeyCode::PageUp), control('u'), control('b')],
        Action::PageUp,
        texts::keys::PAGE_UP,
    ),
    bind(Lists, "first", &[letter('g'), key(KeyCode::Home)], Action::First, texts::hints::FIRST),
    bind(Lists, "last", &[letter('G'), key(KeyCode::End)], Action::Last, texts::hints::LAST),
    bind(Lists, "open", &[key(KeyCode::Enter)], Action::Open, texts::keys::OPEN_DETAILS),
    bind(Lists, "focus", &[key(KeyCode::Tab)], Action::Focus, texts::keys::FOCUS),
    bind(Lists, "focus-back", &[key(KeyCode::BackTab)], Action::FocusBack, texts::keys::FOCUS_BACK),
    bind(Lists, "filter", &[letter('/')], Action::Filter, texts::keys::FILTER),
    bind(Lists, "sort", &[letter('s')], Action::Sort, texts::keys::SORT),
    bind(Lists, "turn-sort", &[letter('S')], Action::TurnSort, texts::keys::TURN_SORT),
    bind(Lists, "mark", &[letter(' ')], Action::Mark, texts::keys::MARK),
    bind(Lists, "zoom", &[letter('z')], Action::Zoom, texts::keys::ZOOM),
    bind(Lists, "copy", &[letter('y')], Action::Copy, texts::keys::COPY),
    bind(Lists, "copy-all", &[letter('Y')], Action::CopyAll, texts::keys::COPY_ALL),
];
