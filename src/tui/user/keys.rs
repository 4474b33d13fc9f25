//! Keys, clicks, pastes and the wheel: whom they reach.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::layout::Position;

use super::message::Effect;
use super::model::{Model, Over};
use super::orders::{ALIAS, on_screen, part_of, run, toast, typing};
use super::part::{Part, is_money};
use super::screen::Screen;
use super::update::{go, take_newest, to_console};
use super::view::{areas, tabs, word_of_link};
use crate::domain::clean::clean;
use crate::tui::console;
use crate::tui::help::Help;
use crate::tui::input::Input;
use crate::tui::keymap::{Action, Binding, Key, Place};
use crate::tui::kit::dialog::{Buttons, Said};
use crate::tui::kit::form::Did;
use crate::tui::kit::strip;
use crate::tui::palette::Palette;
use crate::tui::shell::{ScreenOrder, Step};
use crate::tui::texts;
use crate::tui::theme::Tone;

pub fn key(model: &mut Model, key: KeyEvent, step: &mut Step<Effect>) {
    let stop = key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL);
    match &mut model.over {
        Over::Nothing => {}
        Over::Quit { .. } if stop => return step.screen.push(ScreenOrder::Quit),
        _ if stop => return model.over = Over::Nothing,
        Over::Help(help) => {
            if !help.key(key) {
                model.over = Over::Nothing;
            }
            return;
        }
        Over::Palette(palette) => {
            match palette.key(key) {
                Ok(None) => {}
                Ok(Some(binding)) => {
                    model.over = Over::Nothing;
                    chosen(model, binding, step);
                }
                Err(()) => model.over = Over::Nothing,
            }
            return;
        }
        Over::Alias { .. } => return alias(model, key, step),
        Over::Quit { buttons, .. } => {
            match buttons.key(key, model.shared.pressed) {
                Said::Yes => step.screen.push(ScreenOrder::Quit),
                Said::No => model.over = Over::Nothing,
                Said::Nothing => {}
            }
            return;
        }
    }
    if model.money.typing() {
        return run!(model, step, money, Effect::Money, |desk, cx| desk.key(key, &mut cx));
    }
    let typing = typing(model);
    let places = part_of!(model, model.screen, |part| part.places()).unwrap_or(&[]);
    let lookup = !typing || !Key::from(key).prints();
    let bound = lookup.then(|| bound(model, key, places)).flatten();
    match bound {
        Some(binding) if binding.writes && model.shared.start.read_only => {
            toast(model, Tone::Warn, texts::shared::READ_ONLY);
        }
        // A list's keys move the list also while its filter is typed; arrows inside a text are the text's own.
        Some(binding) if !typing || works_while_typing(binding) => act(model, binding.action, step),
        _ if typing => {
            on_screen!(model, step, model.screen, |part, cx| part.key(key, &mut cx));
        }
        _ => {}
    }
}

fn bound(model: &Model, key: KeyEvent, places: &[Place]) -> Option<&'static Binding> {
    let keymap = &model.shared.keymap;
    keymap.find(key, places).or_else(|| keymap.find(key, &[Place::Everywhere]))
}

/// What a key that prints nothing may do where text is written: the prompt's own keys, and what works everywhere but
/// does not move.
fn works_while_typing(binding: &Binding) -> bool {
    binding.place == Place::Prompt
        || (binding.place == Place::Everywhere
            && !matches!(binding.action, Action::NextScreen | Action::LastScreen))
        || binding.place == Place::Chat
}

/// An action that was found by its name may belong to another screen.
fn chosen(model: &mut Model, binding: &Binding, step: &mut Step<Effect>) {
    let home = match binding.place {
        Place::Services => Some(Screen::Services),
        Place::Chat | Place::Prompt => Some(Screen::Chat),
        Place::Accounts => Some(Screen::Accounts),
        Place::Refunds => Some(Screen::Refunds),
        Place::Requests => Some(Screen::Requests),
        Place::Spend => Some(Screen::Spend),
        Place::Storage => Some(Screen::Storage),
        Place::Everywhere | Place::Lists => None,
    };
    if let Some(screen) = home.filter(|screen| *screen != model.screen) {
        go(model, screen, step);
    }
    act(model, binding.action, step);
}

fn act(model: &mut Model, action: Action, step: &mut Step<Effect>) {
    let shared = &mut model.shared;
    match action {
        Action::Screen(digit) => {
            if let Some(screen) = Screen::by_digit(digit) {
                go(model, screen, step);
            }
        }
        Action::NextScreen => turn(model, 1, step),
        Action::LastScreen => turn(model, -1, step),
        Action::Unit => {
            shared.look.unit = shared.look.unit.next();
            let text = texts::frame::amounts(shared.look.unit.name());
            toast(model, Tone::Plain, &text);
        }
        Action::Time => shared.look.clock = !shared.look.clock,
        Action::Mask => shared.look.masked = !shared.look.masked,
        Action::Freeze => {
            shared.frozen = !shared.frozen;
            let frozen = shared.frozen;
            if !frozen {
                take_newest(model, step);
            }
            let key = model.shared.keymap.first_key(action, &[]);
            let text = if frozen { texts::frame::frozen(&key) } else { texts::frame::GOING_ON.to_owned() };
            toast(model, Tone::Plain, &text);
        }
        Action::Mouse => {
            shared.mouse = !shared.mouse;
            step.screen.push(ScreenOrder::Mouse(shared.mouse));
            let text = texts::frame::mouse(shared.mouse, &shared.keymap.first_key(action, &[]));
            toast(model, Tone::Plain, &text);
        }
        Action::Help => model.over = Over::Help(Help::default()),
        Action::Palette => {
            let palette = Palette::new(&model.shared.keymap, model.shared.start.read_only, |binding| {
                binding.place == Place::Lists && !takes(model, binding.action)
            });
            model.over = Over::Palette(palette);
        }
        Action::Suspend => step.screen.push(ScreenOrder::Suspend),
        Action::Back => {
            let back = on_screen!(model, step, model.screen, |part, cx| part.back(&mut cx));
            if back != Some(true) {
                // They are in the log.
                model.toasts.clear();
            }
        }
        Action::Quit => {
            // From inside something `q` is one step back, as `esc` is.
            let back = on_screen!(model, step, model.screen, |part, cx| part.retreat(&mut cx));
            if back != Some(true) {
                quit(model, step);
            }
        }
        Action::Stop => {
            let stopped = on_screen!(model, step, model.screen, |part, cx| part.stop(&mut cx));
            if stopped != Some(true) {
                quit(model, step);
            }
        }
        action if !takes(model, action) => {
            let text = match action {
                action if is_money(action) => {
                    let accounts = Action::Screen(Screen::Accounts.digit());
                    texts::frame::money_is_elsewhere(&model.shared.keymap.first_key(accounts, &[]))
                }
                _ => texts::frame::NOT_HERE.to_owned(),
            };
            toast(model, Tone::Plain, &text);
        }
        action => {
            on_screen!(model, step, model.screen, |part, cx| part.act(action, &mut cx));
        }
    }
}

/// Whether the open screen has something for an action.
fn takes(model: &Model, action: Action) -> bool {
    part_of!(model, model.screen, |part| part.takes(action, &model.shared)).unwrap_or(false)
}

/// Quits, or asks first where that would stop something.
fn quit(model: &mut Model, step: &mut Step<Effect>) {
    let running =
        Screen::ALL.into_iter().filter_map(|screen| part_of!(model, screen, |part| part.running()).flatten());
    let mut stops: Vec<String> = running.collect();
    stops.extend(model.money.running());
    if stops.is_empty() {
        step.screen.push(ScreenOrder::Quit);
    } else {
        model.over = Over::Quit { stops, buttons: Buttons::new(model.shared.pressed) };
    }
}

fn turn(model: &mut Model, by: isize, step: &mut Step<Effect>) {
    let screens: Vec<Screen> = model.screens().filter(|screen| *screen != Screen::Provider).collect();
    let at = screens.iter().position(|screen| *screen == model.screen).unwrap_or(0);
    let next = (at + screens.len()).checked_add_signed(by).map_or(0, |next| next % screens.len().max(1));
    if let Some(screen) = screens.get(next) {
        go(model, *screen, step);
        on_screen!(model, step, *screen, |part, cx| part.passed());
    }
}

fn alias(model: &mut Model, key: KeyEvent, step: &mut Step<Effect>) {
    let Over::Alias { provider, form } = &mut model.over else { return };
    match form.key(key) {
        Did::Edited => {}
        Did::Leave => model.over = Over::Nothing,
        Did::Submit => {
            let provider = *provider;
            let name = clean(form.value("alias").trim_start_matches('@'), ALIAS).trim().to_owned();
            if name.chars().count() > ALIAS {
                return form.complain(Some("alias"), texts::frame::alias_too_long(ALIAS));
            }
            let alias = (!name.is_empty()).then_some(name);
            match &alias {
                Some(alias) => drop(model.shared.aliases.insert(provider, alias.clone())),
                None => drop(model.shared.aliases.remove(&provider)),
            }
            step.effects.push(Effect::Name { provider, alias });
            model.over = Over::Nothing;
        }
    }
}

/// Keys and clicks while the provider's console is open. It has tabs of its own with their digits; those that are held
/// with alt are ours, except over its dialogs.
pub fn in_console(model: &mut Model, input: Input, step: &mut Step<Effect>) {
    let open = model.console.as_ref().is_some_and(|console| console.is_open());
    if let (Input::Key(key), true) = (&input, open)
        && let Some(Action::Screen(digit)) = bound(model, *key, &[]).map(|binding| binding.action)
        && !Key::from(*key).prints()
    {
        return act(model, Action::Screen(digit), step);
    }
    to_console(model, console::Message::Input(input, model.shared.pressed), step);
}

pub fn paste(model: &mut Model, text: &str, step: &mut Step<Effect>) {
    match &mut model.over {
        Over::Palette(palette) => palette.paste(text),
        Over::Alias { form, .. } => form.paste(text),
        Over::Help(_) | Over::Quit { .. } => {}
        Over::Nothing if model.money.typing() => {
            run!(model, step, money, Effect::Money, |desk, cx| desk.paste(text, &mut cx));
        }
        Over::Nothing => {
            on_screen!(model, step, model.screen, |part, cx| part.paste(text, &mut cx));
        }
    }
}

pub fn wheel(model: &mut Model, rows: i16, step: &mut Step<Effect>) {
    match &mut model.over {
        Over::Help(help) => help.scroll(rows),
        Over::Nothing if !model.money.typing() => {
            on_screen!(model, step, model.screen, |part, cx| part.wheel(rows, &mut cx));
        }
        _ => {}
    }
}

pub fn click(model: &mut Model, x: u16, y: u16, step: &mut Step<Effect>) {
    if !matches!(model.over, Over::Nothing) || model.money.typing() {
        return;
    }
    let here = Position::new(x, y);
    let areas = areas(model.shared.size);
    if areas.tabs.contains(here) {
        let screens: Vec<Screen> = model.screens().collect();
        let clicked = strip::tab_at(model.shared.size.0, &tabs(model), &word_of_link(&model.shared).1, x);
        if let Some(screen) = clicked.and_then(|index| screens.get(index)) {
            go(model, *screen, step);
        }
    } else if areas.body.contains(here) {
        on_screen!(model, step, model.screen, |part, cx| part.click(here, areas.body, &mut cx));
    }
}
