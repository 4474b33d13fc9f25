//! The keys that matter where one is, for the last line. Dialogs have keys of their own; all others stand as they are bound.

use super::layout;
use super::model::{Model, Over, Screen};
use crate::tui::keymap::{Action, Place};
use crate::tui::kit::filter::filter_hints;
use crate::tui::texts;

type Hints = Vec<(String, String)>;

/// The first key of an action on the open screen.
fn key(model: &Model, action: Action) -> String {
    model.keymap.first_key(action, places(model.screen))
}

/// Where keys are looked up, the closest place first.
pub fn places(screen: Screen) -> &'static [Place] {
    match screen {
        Screen::Services => &[Place::Services, Place::Lists, Place::Everywhere],
        // Their texts scroll as lists do.
        _ => &[Place::Lists, Place::Everywhere],
    }
}

/// How help is opened; nothing where it cannot be.
pub fn help(model: &Model) -> Option<(String, String)> {
    let free = model.is_open() && !model.typing;
    free.then(|| (key(model, Action::Help), texts::hints::HELP.to_owned()))
}

pub fn of(model: &Model) -> Hints {
    let fixed: Vec<(&str, &str)> = match &model.over {
        Over::Help(_) => vec![("↑↓", texts::hints::SCROLL), ("esc", texts::hints::CLOSE)],
        Over::Palette(_) => {
            vec![("enter", texts::shared::DO_IT), ("↑↓", texts::hints::CHOOSE), ("esc", texts::hints::CLOSE)]
        }
        Over::Form(_) => vec![
            ("ctrl+s", texts::hints::SEND),
            ("tab", texts::shared::NEXT_FIELD),
            ("←→", texts::hints::CHOOSE),
            ("esc", texts::hints::LEAVE),
        ],
        Over::Settle(settle) if !settle.asks() => {
            vec![("↑↓", texts::hints::SCROLL), ("esc", texts::hints::CLOSE)]
        }
        Over::Settle(_) | Over::Confirm(_) => vec![
            ("tab", texts::console::BETWEEN_BUTTONS),
            ("↑↓", texts::hints::SCROLL),
            ("esc", texts::hints::CANCEL),
        ],
        Over::Nothing if model.typing => {
            let mut hints = filter_hints(true);
            hints.push(("!word", texts::console::LEAVE_OUT));
            hints
        }
        Over::Nothing => return bound(model),
    };
    fixed.into_iter().map(|(key, what)| (key.to_owned(), what.to_owned())).collect()
}

/// Where nothing stands over the screen.
fn bound(model: &Model) -> Hints {
    let (screen, write) = (model.screen, !model.start.read_only);
    let mut hints: Vec<(Action, &str)> = Vec::new();
    if layout::list(model).detail == Some(layout::areas(model.size).body) {
        hints.extend([
            (Action::Back, texts::hints::BACK),
            (Action::Down, texts::hints::SCROLL),
            (Action::Copy, texts::hints::COPY),
            (Action::CopyAll, texts::shared::COPY_ALL),
            (Action::Unit, texts::hints::UNIT),
        ]);
    } else {
        if model.inside {
            hints.push((Action::Quit, texts::console::YOUR_SCREENS));
        }
        if screen == Screen::Services && write {
            hints.extend([
                (Action::Register, texts::hints::NEW),
                (Action::Change, texts::hints::CHANGE),
                (Action::Pause, texts::hints::PAUSE),
                (Action::Delete, texts::hints::DELETE),
                (Action::Repair, texts::hints::REPAIR),
            ]);
        }
        if screen.is_list() {
            hints.extend([(Action::Open, texts::hints::DETAILS), (Action::Filter, texts::hints::FILTER)]);
        }
        if write && screen != Screen::Services {
            hints.push((Action::Settle, texts::console::SETTLE_NOW));
        }
        if screen.is_list() {
            hints.extend([(Action::Sort, texts::hints::SORT), (Action::Copy, texts::hints::COPY)]);
        }
        if !model.inside {
            hints.push((Action::Quit, texts::hints::QUIT));
        }
        hints.extend([
            (Action::Unit, texts::hints::UNIT),
            (Action::Time, texts::hints::TIMES),
            (Action::Freeze, texts::hints::FREEZE),
            (Action::Palette, texts::hints::ACTIONS),
        ]);
    }
    hints.into_iter().map(|(action, what)| (key(model, action), what.to_owned())).collect()
}
