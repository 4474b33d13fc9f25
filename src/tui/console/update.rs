//! The one place that changes a model: a message comes in, effects go out. Nothing here waits or reads a clock.

use super::message::{Effect, Message, Source};
use super::model::{Link, Model, Over, Screen};
use super::{arrivals, keys, layout};
use crate::client::events::News;
use crate::domain::Timestamp;
use crate::tui::input::Input;
use crate::tui::shell::{Followed, Step};
use crate::tui::texts;
use crate::tui::theme::Tone;

/// What is in sight is read again this often, in seconds: with events, and without.
const WITH_EVENTS: u64 = 5;
const WITHOUT: u64 = 1;
/// What tabs warn of is read this often on every screen, so that a warning is no older than that.
const WATCHED: u64 = 15;

pub fn update(model: &mut Model, message: Message) -> Step<Effect> {
    let mut step = Step::default();
    match message {
        Message::Beat(now) => beat(model, now, &mut step),
        Message::Input(input, at) => {
            step.changed = true;
            model.typed = at;
            match input {
                Input::Size { width, height } => model.size = (width, height),
                Input::Key(key) => keys::key(model, key, &mut step),
                Input::Paste(text) => keys::paste(model, &text),
                Input::Click { x, y } => keys::click(model, x, y, &mut step),
                Input::Wheel(rows) => keys::wheel(model, rows),
                Input::Focus(_) => step.changed = false,
            }
        }
        Message::Followed(Followed::Copied { what, way }) => {
            step.changed = true;
            model.toast(Tone::Good, texts::frame::copied(&what, way.words()));
        }
        // The console hands nothing to an editor.
        Message::Followed(Followed::Edited(_)) => {}
        Message::News(news) => {
            step.changed = arrivals::news(model, news == News::Absent, &news);
            fetch(model, &mut step);
        }
        Message::Got(source, result) => {
            step.changed = arrivals::got(model, source, result);
            fetch(model, &mut step);
        }
        Message::Previewed(result, key, at) => {
            step.changed = true;
            if let Over::Settle(settle) = &mut model.over {
                settle.previewed(result, key, at);
            }
        }
        Message::Settled(result) => {
            step.changed = true;
            arrivals::settled(model, result);
            refresh(model, &mut step);
        }
        Message::Ordered(number, order, result) => {
            step.changed = true;
            arrivals::ordered(model, number, &order, result);
            refresh(model, &mut step);
        }
    }
    layout::settle_heights(model);
    step
}

/// Marks everything as old and reads what is in sight.
pub fn refresh(model: &mut Model, step: &mut Step<Effect>) {
    for slot in &mut model.slots {
        slot.old = true;
        slot.asked = None;
    }
    fetch(model, step);
}

fn beat(model: &mut Model, now: Timestamp, step: &mut Step<Effect>) {
    // Two beats in one second draw nothing new, and a clock that was set back is followed.
    let minute = now.as_seconds() / 60 != model.look.now.as_seconds() / 60;
    let counting = model.is_counting();
    model.look.now = now;
    let toasts = model.toasts.len();
    model.toasts.retain(|toast| !toast.is_over(now));
    let ages = model.screen != Screen::Settings && !model.look.clock;
    step.changed = counting || toasts != model.toasts.len() || (minute && ages);
    fetch(model, step);
}

/// Asks for what is in sight and due.
pub fn fetch(model: &mut Model, step: &mut Step<Effect>) {
    let now = model.look.now;
    if model.frozen {
        return;
    }
    if let Link::Down { again, .. } = &model.link {
        // One look is enough to find out whether it is back.
        if now >= *again && !model.peek(Source::Overview).busy {
            ask(model, Source::Overview, step);
        }
        return;
    }
    let every = if model.events == Some(true) { WITH_EVENTS } else { WITHOUT };
    // Without an overview the forecast of the settlements stands in its place.
    let instead = model.screen == Screen::Overview && model.peek(Source::Overview).absent;
    let also = instead.then_some(&Source::Settlements);
    for source in model.screen.sources().iter().chain(also) {
        let slot = model.peek(*source);
        let due = match slot.asked {
            None => true,
            Some(asked) if slot.old => now.as_seconds() != asked.as_seconds(),
            // What this broker does not have, or refused, is asked for rarely.
            Some(asked) if slot.absent || slot.trouble.is_some() => now.seconds_since(asked) >= WITH_EVENTS,
            Some(asked) => now.seconds_since(asked) >= every || now < asked,
        };
        if due && !slot.busy {
            ask(model, *source, step);
        }
    }
    for source in [Source::Users, Source::Services] {
        let slot = model.peek(source);
        if !slot.busy && slot.asked.is_none_or(|asked| now.seconds_since(asked) >= WATCHED) {
            ask(model, source, step);
        }
    }
}

fn ask(model: &mut Model, source: Source, step: &mut Step<Effect>) {
    let now = model.look.now;
    let slot = model.slot(source);
    slot.busy = true;
    slot.old = false;
    slot.asked = Some(now);
    step.effects.push(Effect::Fetch(source));
}
