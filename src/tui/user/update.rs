//! The one place that changes the model: a message comes in, effects go out. Nothing here waits or reads a clock.

use super::keys;
use super::message::{Effect, Message};
use super::model::{Model, Over};
use super::orders::{note, on_screen, part_of, run, toast};
use super::part::{News, Part};
use super::screen::Screen;
use super::shared::{Link, Standing};
use super::view::{WORDS, areas};
use crate::broker::user::{Event, Snapshot};
use crate::domain::{OperationState, Timestamp, UserRequestState};
use crate::tui::console;
use crate::tui::input::Input;
use crate::tui::kit::look::Look;
use crate::tui::shell::{Followed, Program, ScreenOrder, Step};
use crate::tui::texts;
use crate::tui::theme::Tone;

/// Seconds between two looks at whether there is something new to remember.
const REMEMBER: u64 = 10;

pub fn update(model: &mut Model, message: Message) -> Step<Effect> {
    let mut step = Step::default();
    let out = &mut step;
    match message {
        Message::Input(input, at) => {
            out.changed = true;
            model.shared.pressed = at;
            match input {
                Input::Size { width, height } => {
                    model.shared.size = (width, height);
                    to_console(model, console::Message::Input(input, at), out);
                }
                Input::Focus(focused) => {
                    model.shared.focused = focused;
                    out.changed = false;
                }
                _ if model.screen == Screen::Provider && matches!(model.over, Over::Nothing) => {
                    keys::in_console(model, input, out);
                }
                Input::Key(key) => keys::key(model, key, out),
                Input::Paste(text) => keys::paste(model, &text, out),
                Input::Click { x, y } => keys::click(model, x, y, out),
                Input::Wheel(rows) => keys::wheel(model, rows, out),
            }
        }
        Message::Beat(now) => beat(model, now, out),
        Message::Followed(Followed::Copied { what, way }) => {
            out.changed = true;
            toast(model, Tone::Good, &texts::frame::copied(&what, way.words()));
        }
        Message::Followed(Followed::Edited(text)) => {
            out.changed = true;
            // Only the chat has texts that are edited; meanwhile another screen may have been opened.
            run!(model, out, chat, Effect::Chat, |part, cx| part.edited(text, &mut cx));
        }
        Message::Standing(standing, chain) => {
            out.changed = true;
            model.shared.chain = chain.or(model.shared.chain);
            stand(model, standing, out);
        }
        Message::Snapshot(snapshot) => {
            let head = |one: &Snapshot| one.head.map(|head| head.number);
            let last = model.newest.as_ref().unwrap_or(&model.shared.snapshot);
            if head(&snapshot) != head(last) {
                model.shared.block_at = Some(model.shared.now());
            }
            model.newest = Some(snapshot);
            if !model.shared.frozen {
                take_newest(model, out);
            }
        }
        Message::Services(services) => {
            out.changed = true;
            model.shared.services = services;
            model.shared.services_version += 1;
            tell(model, &News::Services, out);
        }
        Message::Event(event) => {
            out.changed |= happened(model, &event);
            tell(model, &News::Event(event), out);
        }
        Message::Kept { aliases, screens } => {
            out.changed = true;
            model.shared.aliases = aliases.into_iter().collect();
            recall(model, &screens, out);
        }
        Message::Named(Err(reason)) => {
            out.changed = true;
            toast(model, Tone::Bad, &texts::frame::alias_not_kept(&reason));
        }
        Message::Named(Ok(())) => {}
        Message::Console(message) => to_console(model, message, out),
        Message::Home(answer) => {
            run!(model, out, home, Effect::Home, |part, cx| part.answer(answer, &mut cx));
            out.changed |= model.screen == Screen::Home;
        }
        Message::ServicesPart(answer) => {
            run!(model, out, services, Effect::Services, |part, cx| part.answer(answer, &mut cx));
            out.changed |= model.screen == Screen::Services;
        }
        Message::Chat(answer) => {
            run!(model, out, chat, Effect::Chat, |part, cx| part.answer(answer, &mut cx));
            out.changed |= model.screen == Screen::Chat;
        }
        Message::Accounts(answer) => {
            run!(model, out, accounts, Effect::Accounts, |part, cx| part.answer(answer, &mut cx));
            out.changed |= model.screen == Screen::Accounts;
        }
        Message::Requests(answer) => {
            run!(model, out, requests, Effect::Requests, |part, cx| part.answer(answer, &mut cx));
            out.changed |= model.screen == Screen::Requests;
        }
        Message::Refunds(answer) => {
            run!(model, out, refunds, Effect::Refunds, |part, cx| part.answer(answer, &mut cx));
            out.changed |= model.screen == Screen::Refunds;
        }
        Message::Spend(answer) => {
            run!(model, out, spend, Effect::Spend, |part, cx| part.answer(answer, &mut cx));
            out.changed |= model.screen == Screen::Spend;
        }
        Message::Storage(answer) => {
            run!(model, out, storage, Effect::Storage, |part, cx| part.answer(answer, &mut cx));
            out.changed |= model.screen == Screen::Storage;
        }
        Message::Log(answer) => {
            run!(model, out, log, Effect::Log, |part, cx| part.answer(answer, &mut cx));
            out.changed |= model.screen == Screen::Log;
        }
        Message::Settings(answer) => {
            run!(model, out, settings, Effect::Settings, |part, cx| part.answer(answer, &mut cx));
            out.changed |= model.screen == Screen::Settings;
        }
        Message::Money(answer) => {
            run!(model, out, money, Effect::Money, |desk, cx| desk.answer(answer, &mut cx));
            out.changed = true;
        }
    }
    settle(model);
    step
}

/// Tells every part; only what is in sight is drawn again for it.
fn tell(model: &mut Model, news: &News, step: &mut Step<Effect>) {
    for screen in Screen::ALL {
        let changed = on_screen!(model, step, screen, |part, cx| part.news(news, &mut cx)).unwrap_or(false);
        step.changed |= changed && screen == model.screen;
    }
    step.changed |= run!(model, step, money, Effect::Money, |desk, cx| desk.news(news, &mut cx));
}

fn stand(model: &mut Model, standing: Standing, step: &mut Step<Effect>) {
    let was_ready = model.shared.link == Link::Ready;
    model.shared.link = match standing {
        Standing::Starting { what } => Link::Starting { what },
        Standing::Ready(_) => Link::Ready,
        Standing::Waiting { why, again } => Link::Waiting { why, again },
        Standing::Failed { why } => {
            note(model, Tone::Bad, &why);
            Link::Failed { why }
        }
    };
    if model.shared.link == Link::Ready && !was_ready {
        note(model, Tone::Good, texts::frame::BROKER_READY);
        tell(model, &News::Ready, step);
        on_screen!(model, step, model.screen, |part, cx| part.open(&mut cx));
    }
}

/// Shows what the broker said last.
pub fn take_newest(model: &mut Model, step: &mut Step<Effect>) {
    let Some(snapshot) = model.newest.take() else { return };
    // What the status line shows of it may have changed in any case.
    step.changed = true;
    model.shared.snapshot = snapshot;
    tell(model, &News::Snapshot, step);
}

/// What is told whichever screen is open. Gives whether it is in sight there.
fn happened(model: &mut Model, event: &Event) -> bool {
    let shared = &model.shared;
    // Written whole, as it is kept; who looks at it sees what may be seen.
    let name = |provider| shared.provider_unmasked(provider);
    let told = match event {
        Event::OperationChanged { kind, state, provider, reason, .. } => {
            let whom = provider.map(|provider| texts::shared::with_whom(name(provider))).unwrap_or_default();
            let why = reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
            let what = kind.as_str().replace('_', " ");
            match state {
                OperationState::Mined => {
                    Some((Tone::Good, texts::frame::is_on_the_chain(&what, &whom), true))
                }
                OperationState::Reverted | OperationState::Refused => {
                    Some((Tone::Bad, texts::frame::was_ended(&what, &whom, state.as_str(), &why), true))
                }
                OperationState::Unknown => {
                    Some((Tone::Warn, texts::frame::outcome_unknown(&what, &whom), true))
                }
                OperationState::Prepared | OperationState::Sent => {
                    Some((Tone::Pending, texts::frame::is_now(&what, &whom, state.as_str()), false))
                }
            }
        }
        Event::RequestEnded {
            service,
            provider,
            state: state @ (UserRequestState::Disputed | UserRequestState::Failed),
            note,
            ..
        } => {
            let why = note.as_ref().map(|note| format!(": {note}")).unwrap_or_default();
            let tone = if *state == UserRequestState::Disputed { Tone::Warn } else { Tone::Bad };
            Some((
                tone,
                texts::frame::request_ended(service, name(*provider).trim_start_matches('@'), state, &why),
                false,
            ))
        }
        Event::ChainLost { reason } => {
            Some((Tone::Bad, texts::frame::chain_lost(format!(": {reason}")), true))
        }
        Event::ChainBack => Some((Tone::Good, texts::frame::CHAIN_BACK.to_owned(), true)),
        _ => None,
    };
    let in_sight = matches!(told, Some((_, _, true))) || (told.is_some() && model.screen == Screen::Log);
    match told {
        Some((tone, text, true)) => toast(model, tone, &text),
        Some((tone, text, false)) => note(model, tone, &text),
        None => {}
    }
    in_sight
}

fn beat(model: &mut Model, now: Timestamp, step: &mut Step<Effect>) {
    let before = model.shared.look.now;
    let minute = now.as_seconds() / 60 != before.as_seconds() / 60;
    model.shared.look.now = now;
    let toasts = model.toasts.len();
    model.toasts.retain(|toast| !toast.is_over(now));
    let waiting = matches!(model.shared.link, Link::Waiting { .. });
    let counting = part_of!(model, model.screen, |part| part.counting(&model.shared)).unwrap_or(false);
    step.changed =
        toasts != model.toasts.len() || waiting || counting || (minute && !model.shared.look.clock);
    let alarm = model.home.alarm(&model.shared);
    tell(model, &News::Beat, step);
    // Its tab is in sight on every screen.
    step.changed |= alarm != model.home.alarm(&model.shared);
    to_console(model, console::Message::Beat(now), step);
    if now.as_seconds() / REMEMBER != before.as_seconds() / REMEMBER {
        remember(model, step);
    }
}

/// What the screens want to find again after a restart.
pub fn memory(model: &Model) -> serde_json::Value {
    let mut screens = serde_json::Map::new();
    for screen in Screen::ALL {
        if let Some(kept) = part_of!(model, screen, |part| part.remember()).filter(|kept| !kept.is_null()) {
            screens.insert(screen.title().to_lowercase(), kept);
        }
    }
    let open = match model.screen {
        Screen::Provider | Screen::Storage => model.before,
        screen => screen,
    };
    serde_json::json!({
        "screen": open.title(),
        "unit": model.shared.look.unit.name(),
        "clock": model.shared.look.clock,
        "million": model.shared.look.million,
        "masked": model.shared.look.masked,
        "screens": screens,
    })
}

fn remember(model: &mut Model, step: &mut Step<Effect>) {
    let memory = memory(model);
    if model.recalled && memory != model.kept {
        model.kept = memory.clone();
        step.effects.push(Effect::Remember(memory));
    }
}

fn recall(model: &mut Model, kept: &serde_json::Value, step: &mut Step<Effect>) {
    use crate::tui::kit::amount::Unit;
    model.recalled = true;
    let look = &mut model.shared.look;
    let unit = kept["unit"].as_str().unwrap_or_default();
    if let Some(unit) = [Unit::Auto, Unit::Neuron, Unit::A0gi].into_iter().find(|one| one.name() == unit) {
        look.unit = unit;
    }
    look.million = kept["million"].as_bool().unwrap_or(look.million);
    look.clock = kept["clock"].as_bool().unwrap_or(look.clock);
    look.masked = kept["masked"].as_bool().unwrap_or(look.masked);
    for screen in Screen::ALL {
        let own = &kept["screens"][screen.title().to_lowercase()];
        if !own.is_null() {
            on_screen!(model, step, screen, |part, cx| part.recall(own));
        }
    }
    let open = kept["screen"].as_str().unwrap_or_default();
    if let Some(screen) = Screen::ALL.into_iter().find(|screen| screen.title() == open) {
        go(model, screen, step);
    }
    model.kept = memory(model);
}

/// Opens a screen.
pub fn go(model: &mut Model, screen: Screen, step: &mut Step<Effect>) {
    if screen == Screen::Provider && model.console.is_none() {
        let text = texts::frame::NO_PROVIDER_BROKER;
        return toast(model, Tone::Plain, text);
    }
    step.changed = true;
    if model.screen != screen {
        model.before = model.screen;
        model.screen = screen;
    }
    if let (Screen::Provider, Some(console)) = (screen, &mut model.console) {
        // What is hidden here stays hidden there.
        let now = console.look.now;
        console.look = Look { now, ..model.shared.look };
        console.mouse = model.shared.mouse;
    }
    on_screen!(model, step, screen, |part, cx| part.open(&mut cx));
}

/// Hands a message to the provider's console. Its wish to quit leads back to the screen before.
pub fn to_console(model: &mut Model, message: console::Message, step: &mut Step<Effect>) {
    let Some(console) = &mut model.console else { return };
    let done = console.update(message);
    if model.screen == Screen::Provider {
        model.shared.look = Look { now: model.shared.look.now, ..console.look };
        model.shared.mouse = console.mouse;
    }
    step.changed |= done.changed && model.screen == Screen::Provider;
    step.effects.extend(done.effects.into_iter().map(Effect::Console));
    for order in done.screen {
        match order {
            ScreenOrder::Quit => go(model, model.before, step),
            order => step.screen.push(order),
        }
    }
}

/// Tells what is in sight how much room it has.
fn settle(model: &mut Model) {
    model.shared.open = model.screen;
    let body = areas(model.shared.size).body;
    let (screen, shared) = (model.screen, &model.shared);
    match screen {
        Screen::Home => model.home.settle(body, shared),
        Screen::Services => model.services.settle(body, shared),
        Screen::Chat => model.chat.settle(body, shared),
        Screen::Accounts => model.accounts.settle(body, shared),
        Screen::Requests => model.requests.settle(body, shared),
        Screen::Refunds => model.refunds.settle(body, shared),
        Screen::Spend => model.spend.settle(body, shared),
        Screen::Storage => model.storage.settle(body, shared),
        Screen::Log => model.log.settle(body, shared),
        Screen::Settings => model.settings.settle(body, shared),
        Screen::Provider => {}
    }
    model.money.settle(body, shared);
    if let Over::Help(help) = &mut model.over {
        help.settle(body, &model.shared.keymap, WORDS);
    }
}
