//! The frame around the screens: tabs, body, status line, hints, and what is open over them.

pub use crate::tui::kit::strip::{LEAST, areas};

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use super::model::{Model, Over};
use super::orders::{part_of, typing};
use super::part::Part;
use super::screen::Screen;
use super::shared::{Link, Shared};
use crate::tui::console;
use crate::tui::help::Word;
use crate::tui::keymap::Action;
use crate::tui::kit::amount::grouped;
use crate::tui::kit::strip::{self, Tab};
use crate::tui::kit::{draw, toast};
use crate::tui::texts;
use crate::tui::theme::Tone;

/// What the screens' words mean, for help.
pub const WORDS: &[Word] = &[
    ("spendable", texts::frame::MEANS_SPENDABLE),
    ("owed", texts::shared::MEANS_OWED),
    ("promised", texts::frame::MEANS_PROMISED),
    (texts::shared::AT_RISK, texts::frame::MEANS_AT_RISK),
    ("settled", texts::frame::MEANS_SETTLED),
    ("reserved", texts::frame::MEANS_RESERVED),
    ("refund", texts::frame::MEANS_LOCKED),
    ("disputed", texts::frame::MEANS_DISPUTED),
    ("~ <", texts::frame::MEANS_LEFT_OUT),
];

pub fn draw(model: &Model, frame: &mut Frame<'_>) {
    let area = frame.area();
    if let Some(cursor) = paint(model, frame.buffer_mut(), area) {
        frame.set_cursor_position(cursor);
    }
}

/// Draws all of it. Gives where the cursor is, where something is typed.
pub fn paint(model: &Model, buffer: &mut Buffer, area: Rect) -> Option<Position> {
    let shared = &model.shared;
    let look = &shared.look;
    if area.width < LEAST.0 || area.height < LEAST.1 {
        let text = texts::frame::window_too_small(area.width, area.height, LEAST.0, LEAST.1);
        draw::wrapped(buffer, area, 0, &text, look.style(Tone::Plain));
        return None;
    }
    let areas = areas((area.width, area.height));
    let mut cursor = if let (Screen::Provider, Some(console)) = (model.screen, &model.console) {
        console::paint(console, buffer, area)
    } else {
        let (tone, word) = word_of_link(shared);
        strip::tabs(buffer, areas.tabs, &tabs(model), (tone, &word), look);
        strip::status(buffer, areas.status, &status(shared), look);
        strip::hints(buffer, areas.hints, &hints(model), help_hint(model).as_ref(), look);
        part_of!(model, model.screen, |part| part.draw(buffer, areas.body, shared)).flatten()
    };
    let place = Rect { x: 0, width: area.width, ..areas.body };
    if model.money.typing() {
        cursor = model.money.draw(buffer, place, shared);
    }
    match &model.over {
        Over::Nothing => {}
        Over::Help(help) => {
            cursor = help.draw(buffer, place, (&shared.keymap, WORDS), shared.start.read_only, look);
        }
        Over::Palette(palette) => cursor = palette.draw(buffer, place, look),
        Over::Alias { form, .. } => {
            let height = (form.height() + 2).min(place.height);
            let inside =
                draw::boxed(buffer, draw::middle(place, 66, height), &form.title, Tone::Accent, look);
            cursor = form.draw(buffer, inside, look);
        }
        Over::Quit { stops, buttons } => {
            let height = u16::try_from(stops.len()).unwrap_or(8).min(8) + 6;
            let inside = draw::boxed(
                buffer,
                draw::middle(place, 66, height),
                texts::frame::QUIT_NOW,
                Tone::Warn,
                look,
            );
            for (y, text) in (0..inside.height.saturating_sub(3)).zip(stops) {
                draw::put(buffer, inside, 0, y, &format!("· {text}"), look.style(Tone::Plain));
            }
            buttons.draw(buffer, inside, inside.height.saturating_sub(1), texts::labels::QUIT, look);
            cursor = None;
        }
    }
    // Dialogs tell their own news; over them toasts would only hide it.
    let free =
        matches!(model.over, Over::Nothing | Over::Help(_) | Over::Palette(_)) && !model.money.typing();
    if free {
        let news = part_of!(model, model.screen, |part| part.beside_news(areas.body, shared));
        let height = news.map_or(place.height, |news| news.height);
        toast::draw(buffer, Rect { height, ..place }, &model.toasts, look);
    }
    cursor
}

pub fn tabs(model: &Model) -> Vec<Tab> {
    let tab = |screen: Screen| Tab {
        key: if screen == Screen::Storage { "alt+s".to_owned() } else { screen.digit().to_string() },
        title: screen.title(),
        open: screen == model.screen,
        alarm: part_of!(model, screen, |part| part.alarm(&model.shared)).unwrap_or(false),
    };
    model.screens().map(tab).collect()
}

/// The broker and the chain in a word, at the right of the tabs.
pub fn word_of_link(shared: &Shared) -> (Tone, String) {
    match &shared.link {
        Link::Starting { what } => (Tone::Pending, format!("… {what}")),
        Link::Waiting { again, .. } => (Tone::Bad, texts::frame::offline(again.seconds_since(shared.now()))),
        Link::Failed { .. } => (Tone::Bad, texts::frame::NOT_RUNNING.to_owned()),
        Link::Ready if shared.frozen => (Tone::Warn, "‖ frozen".to_owned()),
        Link::Ready if shared.snapshot.stale.is_some() => (Tone::Bad, texts::frame::CHAIN_OFFLINE.to_owned()),
        Link::Ready => (Tone::Good, "● live".to_owned()),
    }
}

/// `READ-ONLY │ private │ spendable … │ today … of … │ … 1 pending │ 0x59c8…b1d2 │ demo #183 │ wallet …`: what somebody has
/// to know first, since what does not fit is left out.
fn status(shared: &Shared) -> Vec<(String, Tone)> {
    let look = &shared.look;
    let snapshot = &shared.snapshot;
    let mut parts = Vec::new();
    if shared.start.read_only {
        parts.push(("READ-ONLY".to_owned(), Tone::Warn));
    }
    if look.masked {
        parts.push(("private".to_owned(), Tone::Warn));
    }
    if shared.link == Link::Ready {
        parts.push((texts::frame::spendable(look.amount(shared.spendable())), Tone::Plain));
        let today = match snapshot.caps.per_day {
            Some(cap) => texts::shared::today_of_cap(look.part_of(snapshot.spent_today, cap)),
            None => texts::frame::today(look.amount(snapshot.spent_today)),
        };
        parts.push((today, Tone::Plain));
        if !snapshot.operations.is_empty() {
            parts.push((texts::frame::pending(snapshot.operations.len()), Tone::Pending));
        }
        parts.push((look.short(snapshot.user), Tone::Plain));
        let block = snapshot.head.map_or(texts::frame::NO_BLOCK_YET.to_owned(), |head| {
            format!("#{}", grouped(head.number.into()))
        });
        parts.push((format!("{} {block}", shared.start.network), Tone::Dim));
        if let Some(wallet) = snapshot.wallet {
            parts.push((texts::frame::wallet(look.amount(wallet)), Tone::Dim));
        }
    } else {
        parts.push((shared.start.network.clone(), Tone::Dim));
    }
    if let Some(serving) = &shared.start.serving {
        parts.push((texts::frame::api(serving), Tone::Dim));
    }
    if !shared.mouse {
        parts.push((texts::frame::MOUSE_OFF.to_owned(), Tone::Dim));
    }
    parts
}

fn hints(model: &Model) -> Vec<(String, String)> {
    let words = |pairs: &[(&str, &str)]| {
        pairs.iter().map(|(key, what)| ((*key).to_owned(), (*what).to_owned())).collect::<Vec<_>>()
    };
    match &model.over {
        Over::Nothing => {}
        Over::Help(_) => {
            return words(&[
                ("↑↓", texts::hints::SCROLL),
                ("/", texts::hints::SEARCH),
                ("esc", texts::hints::CLOSE),
            ]);
        }
        Over::Palette(_) => {
            return words(&[
                ("enter", texts::shared::DO_IT),
                ("↑↓", texts::hints::CHOOSE),
                ("esc", texts::hints::CLOSE),
            ]);
        }
        Over::Alias { .. } => return words(&[("enter", texts::hints::KEEP), ("esc", texts::hints::LEAVE)]),
        Over::Quit { .. } => return words(&[("y", texts::hints::QUIT), ("esc", texts::hints::STAY)]),
    }
    if model.money.typing() {
        return words(&model.money.own_hints().unwrap_or_default());
    }
    if let Some(own) = part_of!(model, model.screen, |part| part.own_hints()).flatten() {
        return words(&own);
    }
    let keymap = &model.shared.keymap;
    let own = part_of!(model, model.screen, |part| part.hints(&model.shared)).unwrap_or_default();
    let places = part_of!(model, model.screen, |part| part.places()).unwrap_or_default();
    let general = [(Action::Palette, texts::hints::ACTIONS), (Action::Quit, texts::hints::QUIT)];
    let general = general.into_iter().map(|(action, what)| (general_key(model, action), what.to_owned()));
    let own = own.into_iter().map(|(action, what)| (keymap.first_key(action, places), what.to_owned()));
    own.chain(general).collect()
}

/// The key of something that works on every screen. Where text is written `?` is a letter.
fn general_key(model: &Model, action: Action) -> String {
    let keymap = &model.shared.keymap;
    if typing(model) {
        return keymap.key_beside_text(action);
    }
    let places = part_of!(model, model.screen, |part| part.places()).unwrap_or_default();
    keymap.first_key(action, places)
}

/// How help is opened; nothing where it cannot be.
fn help_hint(model: &Model) -> Option<(String, String)> {
    let free = matches!(model.over, Over::Nothing) && !model.money.typing();
    free.then(|| (general_key(model, Action::Help), texts::hints::HELP.to_owned()))
}
