//! Keys, clicks and the wheel: what they do, given what is open.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::layout::Position;

use super::confirm::{pause, remove, repair};
use super::message::{Effect, Order};
use super::model::{Link, Model, Over, Screen};
use super::service_form::ServiceForm;
use super::settle::{Next, Settle};
use super::{detail, hints, layout, update};
use crate::tui::help::Help;
use crate::tui::keymap::{Action, Binding, Place};
use crate::tui::kit::dialog::Said;
use crate::tui::kit::draw;
use crate::tui::kit::form::Did;
use crate::tui::kit::table::{Click, Row, Table};
use crate::tui::palette::Palette;
use crate::tui::shell::{ScreenOrder, Step};
use crate::tui::texts;
use crate::tui::theme::Tone;
use crate::wire::admin::SettlementItem;

/// The table of the open screen, whichever it is.
macro_rules! on_table {
    ($model:expr, $table:ident => $work:expr) => {
        match $model.screen {
            Screen::Users => {
                let $table = &mut $model.users;
                Some($work)
            }
            Screen::Requests => {
                let $table = &mut $model.requests;
                Some($work)
            }
            Screen::Services => {
                let $table = &mut $model.services;
                Some($work)
            }
            Screen::Settlements => {
                let $table = &mut $model.settlements;
                Some($work)
            }
            Screen::Log => {
                let $table = &mut $model.log;
                Some($work)
            }
            Screen::Overview | Screen::Settings => None,
        }
    };
}

pub fn key(model: &mut Model, key: KeyEvent, step: &mut Step<Effect>) {
    let stop = key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL);
    if stop {
        return act(model, Action::Stop, step);
    }
    match &mut model.over {
        Over::Nothing if model.typing => typed(model, key),
        Over::Nothing => {
            if let Some(binding) = model.keymap.find(key, hints::places(model.screen)) {
                if binding.writes && model.start.read_only {
                    model.toast(Tone::Warn, texts::console::READ_ONLY_START);
                } else {
                    act(model, binding.action, step);
                }
            }
        }
        Over::Help(help) => {
            if !help.key(key) {
                model.over = Over::Nothing;
            }
        }
        Over::Palette(palette) => match palette.key(key) {
            Ok(None) => {}
            Ok(Some(binding)) => {
                model.over = Over::Nothing;
                chosen(model, binding, step);
            }
            Err(()) => model.over = Over::Nothing,
        },
        Over::Settle(settle) => match settle.key(key, model.look.now, model.typed) {
            Next::Stay => {}
            Next::Close => put_settle_aside(model),
            Next::Do(effect) => step.effects.push(effect),
        },
        Over::Confirm(confirm) => match confirm.buttons.key(key, model.typed) {
            Said::Nothing => {}
            Said::No => model.over = Over::Nothing,
            Said::Yes => {
                if let Over::Confirm(confirm) = std::mem::replace(&mut model.over, Over::Nothing) {
                    send(model, confirm.order, step);
                }
            }
        },
        Over::Form(form) if form.sending.is_some() => {
            // It goes on; what was typed waits in case the broker says no.
            if key.code == KeyCode::Esc {
                put_aside(model);
            }
        }
        Over::Form(form) => match form.form.key(key) {
            Did::Edited => {}
            Did::Leave => put_aside(model),
            Did::Submit => {
                if let Some(order) = form.order() {
                    let number = send(model, order, step);
                    if let Over::Form(form) = &mut model.over {
                        form.sending = number;
                    }
                }
            }
        },
    }
}

/// An action that was found by its name may belong to another screen.
fn chosen(model: &mut Model, binding: &Binding, step: &mut Step<Effect>) {
    if binding.place == Place::Services && model.screen != Screen::Services {
        go(model, Screen::Services, step);
    }
    act(model, binding.action, step);
}

pub fn paste(model: &mut Model, text: &str) {
    match &mut model.over {
        Over::Form(form) if form.sending.is_none() => form.form.paste(text),
        Over::Palette(palette) => palette.paste(text),
        Over::Nothing if model.typing => {
            on_table!(model, table => table.filter_paste(text));
        }
        _ => {}
    }
}

fn typed(model: &mut Model, key: KeyEvent) {
    if key.code == KeyCode::Esc {
        model.typing = false;
        on_table!(model, table => table.set_filter(String::new()));
    } else {
        model.typing = on_table!(model, table => table.filter_key(key)).unwrap_or(false);
    }
}

fn act(model: &mut Model, action: Action, step: &mut Step<Effect>) {
    match action {
        Action::Screen(digit) => {
            if let Some(screen) = Screen::ALL.into_iter().find(|screen| screen.digit() == digit) {
                go(model, screen, step);
            }
        }
        Action::NextScreen => turn(model, 1, step),
        Action::LastScreen => turn(model, Screen::ALL.len() - 1, step),
        Action::Copy => copy(model, step),
        Action::CopyAll => {
            let text = detail::text(&detail::facts(model));
            put_on_clipboard(model, text, texts::console::ALL_DETAILS, step);
        }
        Action::Freeze => {
            model.frozen = !model.frozen;
            if !model.frozen {
                update::refresh(model, step);
            }
        }
        Action::Refresh => {
            let now = model.look.now;
            if let Link::Down { again, .. } = &mut model.link {
                *again = now;
            }
            update::refresh(model, step);
        }
        Action::Mouse => {
            model.mouse = !model.mouse;
            step.screen.push(ScreenOrder::Mouse(model.mouse));
            let key = model.keymap.first_key(action, &[]);
            let text = texts::frame::mouse(model.mouse, &key);
            model.toast(Tone::Plain, text);
        }
        Action::Settle => {
            // What runs is shown again; it cannot be started twice.
            if let Some(settle) = model.settling.take() {
                model.over = Over::Settle(settle);
            } else {
                model.over = Over::Settle(Settle::Asking);
                step.effects.push(Effect::Preview);
            }
        }
        Action::Help => model.over = Over::Help(Help::default()),
        Action::Palette => {
            model.over = Over::Palette(Palette::new(&model.keymap, model.start.read_only, |_| false))
        }
        Action::Suspend => step.screen.push(ScreenOrder::Suspend),
        Action::Back => {
            let back = back(model);
            if !back && model.inside {
                // Out to the screen before.
                step.screen.push(ScreenOrder::Quit);
            }
        }
        Action::Quit if covered(model) => drop(back(model)),
        Action::Quit => step.screen.push(ScreenOrder::Quit),
        Action::Stop => stop(model, step),
        Action::Unit | Action::Time | Action::Mask => look(model, action),
        Action::Register | Action::Change | Action::Pause | Action::Delete | Action::Repair => {
            ask(model, action);
        }
        _ => in_list(model, action),
    }
}

/// How figures shall look.
fn look(model: &mut Model, action: Action) {
    match action {
        Action::Unit => {
            model.look.unit = model.look.unit.next();
            let name = model.look.unit.name();
            model.toast(Tone::Plain, texts::frame::amounts(name));
        }
        Action::Time => model.look.clock = !model.look.clock,
        Action::Mask => model.look.masked = !model.look.masked,
        _ => {}
    }
}

/// Opens the form or the question about a service.
fn ask(model: &mut Model, action: Action) {
    let opened = model.typed;
    let over = match (action, model.services.selected()) {
        (Action::Register, _) => {
            let form = model.draft.take().unwrap_or_else(|| Box::new(ServiceForm::register()));
            Over::Form(form)
        }
        (Action::Repair, _) => Over::Confirm(Box::new(repair(opened))),
        (Action::Change, Some(service)) => Over::Form(Box::new(ServiceForm::change(service))),
        (Action::Pause, Some(service)) => Over::Confirm(Box::new(pause(service, opened))),
        (Action::Delete, Some(service)) => Over::Confirm(Box::new(remove(service, opened))),
        _ => return,
    };
    model.over = over;
}

/// What concerns the list and the details beside it.
fn in_list(model: &mut Model, action: Action) {
    match action {
        Action::Up => scroll(model, Scroll::By(-1)),
        Action::Down => scroll(model, Scroll::By(1)),
        Action::PageUp => scroll(model, Scroll::Pages(-1)),
        Action::PageDown => scroll(model, Scroll::Pages(1)),
        Action::First => scroll(model, Scroll::First),
        Action::Last => scroll(model, Scroll::Last),
        Action::Open if model.screen.is_list() => {
            let there = !detail::facts(model).is_empty();
            model.pane.toggle(there);
        }
        Action::Zoom => {
            let there = model.screen.is_list() && !detail::facts(model).is_empty();
            model.pane.zoom(there);
            model.pane.to_start();
        }
        Action::Mark if !covered(model) => {
            on_table!(model, table => table.mark());
        }
        Action::Focus | Action::FocusBack => model.pane.focus(!model.pane.is_focused()),
        Action::Filter => model.typing = model.screen.is_list() && !covered(model),
        Action::Sort => {
            on_table!(model, table => table.next_sort());
        }
        Action::TurnSort => {
            on_table!(model, table => table.turn_sort());
        }
        // Keys of the user's screens are not in the console's tables.
        _ => {}
    }
}

/// ctrl+c: leaves what is open, or quits.
fn stop(model: &mut Model, step: &mut Step<Effect>) {
    match &model.over {
        Over::Nothing if !model.typing => step.screen.push(ScreenOrder::Quit),
        Over::Form(_) => put_aside(model),
        Over::Settle(_) => put_settle_aside(model),
        _ => {
            model.over = Over::Nothing;
            model.typing = false;
        }
    }
}

/// Whether details cover the list.
fn covered(model: &Model) -> bool {
    layout::list(model).detail == Some(layout::areas(model.size).body)
}

/// One step back. `false` if there is nothing to step back from.
fn back(model: &mut Model) -> bool {
    if model.pane.is_focused() {
        model.pane.focus(false);
    } else if model.pane.is_open() {
        model.pane.close();
    } else if on_table!(model, table => table.unmark()) == Some(true) {
    } else if on_table!(model, table => !table.filter.is_empty()) == Some(true) {
        on_table!(model, table => table.set_filter(String::new()));
    } else {
        return std::mem::take(&mut model.frozen);
    }
    true
}

/// Closes the dialog of a settlement, and keeps it while the settlement runs.
fn put_settle_aside(model: &mut Model) {
    if let Over::Settle(settle) = std::mem::replace(&mut model.over, Over::Nothing) {
        model.settling = Some(settle).filter(Settle::is_counting);
    }
}

/// A form that is left keeps what was typed, where it begins something new.
fn put_aside(model: &mut Model) {
    if let Over::Form(form) = std::mem::replace(&mut model.over, Over::Nothing)
        && form.is_registration()
    {
        model.draft = Some(form);
    }
}

fn go(model: &mut Model, screen: Screen, step: &mut Step<Effect>) {
    if model.screen != screen {
        model.screen = screen;
        model.pane.close();
        model.typing = false;
    }
    update::fetch(model, step);
}

fn turn(model: &mut Model, by: usize, step: &mut Step<Effect>) {
    let at = Screen::ALL.iter().position(|screen| *screen == model.screen).unwrap_or(0);
    go(model, Screen::ALL[(at + by) % Screen::ALL.len()], step);
}

enum Scroll {
    By(isize),
    Pages(isize),
    First,
    Last,
}

fn scroll(model: &mut Model, scroll: Scroll) {
    if model.pane.is_focused() || covered(model) || model.screen == Screen::Settings {
        let page = i16::try_from(layout::areas(model.size).body.height).unwrap_or(i16::MAX);
        let rows = match scroll {
            Scroll::By(rows) => i16::try_from(rows).unwrap_or(i16::MAX),
            Scroll::Pages(pages) => page.saturating_mul(i16::try_from(pages).unwrap_or(1)),
            Scroll::First => i16::MIN,
            Scroll::Last => i16::MAX,
        };
        model.pane.scroll(rows.into());
        return;
    }
    on_table!(model, table => match scroll {
        Scroll::By(rows) => table.step(rows),
        Scroll::Pages(pages) => {
            let rows = table.page().saturating_mul(pages);
            table.step(rows);
        }
        Scroll::First => table.select(0),
        Scroll::Last => table.last(),
    });
    model.pane.to_start();
}

pub fn wheel(model: &mut Model, rows: i16) {
    match &mut model.over {
        Over::Help(help) => help.scroll(rows),
        Over::Settle(settle) => settle.wheel(rows),
        Over::Nothing => scroll(model, Scroll::By(rows.into())),
        Over::Palette(_) | Over::Form(_) | Over::Confirm(_) => {}
    }
}

pub fn click(model: &mut Model, x: u16, y: u16, step: &mut Step<Effect>) {
    if !matches!(model.over, Over::Nothing) {
        return;
    }
    let here = Position::new(x, y);
    if layout::areas(model.size).tabs.contains(here) {
        if let Some(screen) = super::view::tab_at(model, x) {
            go(model, screen, step);
        }
        return;
    }
    let areas = layout::list(model);
    if areas.detail.is_some_and(|area| area.contains(here)) {
        model.pane.focus(true);
    } else if areas.table.contains(here) {
        model.pane.focus(false);
        model.pane.to_start();
        let (look, now) = (model.look, model.typed);
        let click = on_table!(model, table => table.click(x, y, areas.table, &look, now));
        if click == Some(Click::Opened) && !model.pane.is_open() {
            act(model, Action::Open, step);
        }
    }
}

/// What a row is known by elsewhere; of all marked rows, one a line, where there are any.
fn copy(model: &mut Model, step: &mut Step<Effect>) {
    fn known<R: Row>(
        table: &Table<R>,
        what: &'static str,
        by: impl Fn(&R) -> String,
    ) -> Option<(String, String)> {
        match table.marks() {
            0 => table.selected().map(|row| (by(row), what.to_owned())),
            many => Some((
                table.marked().map(by).collect::<Vec<_>>().join("\n"),
                texts::console::of_rows(what, many),
            )),
        }
    }
    let found = match model.screen {
        Screen::Users => known(&model.users, texts::console::USERS_ADDRESS, |user| user.user.to_string()),
        Screen::Requests => {
            known(&model.requests, texts::shared::REQUESTS_ID, |one| one.request_id.to_string())
        }
        Screen::Services => known(&model.services, texts::console::SERVICES_NAME, |one| one.name.to_string()),
        Screen::Settlements => {
            let hashed = |one: &SettlementItem| one.operation.transaction_hash.is_some();
            let all = model.settlements.marks() > 0 || model.settlements.selected().is_some_and(hashed);
            let what = if all { texts::shared::TRANSACTIONS_HASH } else { texts::shared::OPERATIONS_ID };
            known(&model.settlements, what, |one| match one.operation.transaction_hash {
                Some(hash) => hash.to_string(),
                None => one.operation.operation_id.to_string(),
            })
        }
        Screen::Log => known(&model.log, texts::log::THE_LINE, |line| line.text.clone()),
        Screen::Overview | Screen::Settings => model
            .overview
            .as_ref()
            .map(|overview| (overview.provider.to_string(), texts::shared::PROVIDERS_ADDRESS.to_owned())),
    };
    if let Some((text, what)) = found {
        put_on_clipboard(model, text, &what, step);
    }
}

fn put_on_clipboard(model: &mut Model, text: String, what: &str, step: &mut Step<Effect>) {
    if text.is_empty() {
        return;
    }
    let text = crate::domain::clean::clean_lines(&text, 100_000);
    let shown = if text.contains('\n') || model.look.masked {
        String::new()
    } else {
        format!(": {}", draw::fit(&text, 46))
    };
    step.screen.push(ScreenOrder::Copy { text, what: format!("{what}{shown}") });
}

/// Gives the number of the order; none if it was not sent, because one of the kind is under way.
fn send(model: &mut Model, order: Order, step: &mut Step<Effect>) -> Option<u64> {
    let words = order.words();
    if model.running.iter().any(|(_, running)| *running == words) {
        model.toast(Tone::Warn, texts::console::under_way_already(&words));
        return None;
    }
    model.orders += 1;
    model.running.push((model.orders, words));
    step.effects.push(Effect::Do(model.orders, order));
    Some(model.orders)
}
