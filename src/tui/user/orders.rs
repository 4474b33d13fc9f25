//! One part of the model at work, and what it orders of the frame.

use super::message::Effect;
use super::model::{Model, Over};
use super::money;
use super::part::{Order, Part};
use super::screen::Screen;
use super::update::go;
use crate::domain::clean::{clean, clean_lines};
use crate::tui::kit::draw;
use crate::tui::kit::form::{Field, Form, Kind};
use crate::tui::kit::toast::Toast;
use crate::tui::shell::{ScreenOrder, Step};
use crate::tui::texts;
use crate::tui::theme::Tone;

const TOASTS: usize = 4;
/// Nobody copies more.
const COPIED: usize = 4 << 20;
/// Orders lead to orders, so deep; more than a few would be a circle.
const ROUNDS: usize = 8;
/// A name that a user gives is not longer.
pub const ALIAS: usize = 40;

/// Lets one field of the model work, and takes its asks and orders.
macro_rules! run {
    ($model:expr, $step:expr, $field:ident, $effect:path, |$part:ident, $cx:ident| $work:expr) => {{
        let (mut asks, mut orders) = (Vec::new(), Vec::new());
        let result = {
            #[allow(unused_mut, unused_variables, reason = "some work only looks")]
            let mut $cx =
                $crate::tui::user::part::Cx { shared: &$model.shared, asks: &mut asks, orders: &mut orders };
            let $part = &mut $model.$field;
            $work
        };
        $step.effects.extend(asks.into_iter().map($effect));
        $crate::tui::user::orders::follow($model, orders, $step);
        result
    }};
}

/// The same for the part of a screen, whichever it is; the console is none.
macro_rules! on_screen {
    ($model:expr, $step:expr, $screen:expr, |$part:ident, $cx:ident| $work:expr) => {
        match $screen {
            Screen::Home => Some(run!($model, $step, home, Effect::Home, |$part, $cx| $work)),
            Screen::Services => Some(run!($model, $step, services, Effect::Services, |$part, $cx| $work)),
            Screen::Chat => Some(run!($model, $step, chat, Effect::Chat, |$part, $cx| $work)),
            Screen::Accounts => Some(run!($model, $step, accounts, Effect::Accounts, |$part, $cx| $work)),
            Screen::Requests => Some(run!($model, $step, requests, Effect::Requests, |$part, $cx| $work)),
            Screen::Refunds => Some(run!($model, $step, refunds, Effect::Refunds, |$part, $cx| $work)),
            Screen::Spend => Some(run!($model, $step, spend, Effect::Spend, |$part, $cx| $work)),
            Screen::Storage => Some(run!($model, $step, storage, Effect::Storage, |$part, $cx| $work)),
            Screen::Log => Some(run!($model, $step, log, Effect::Log, |$part, $cx| $work)),
            Screen::Settings => Some(run!($model, $step, settings, Effect::Settings, |$part, $cx| $work)),
            Screen::Provider => None,
        }
    };
}

/// Looks at the part of a screen.
macro_rules! part_of {
    ($model:expr, $screen:expr, |$part:ident| $work:expr) => {
        match $screen {
            Screen::Home => Some({
                let $part = &$model.home;
                $work
            }),
            Screen::Services => Some({
                let $part = &$model.services;
                $work
            }),
            Screen::Chat => Some({
                let $part = &$model.chat;
                $work
            }),
            Screen::Accounts => Some({
                let $part = &$model.accounts;
                $work
            }),
            Screen::Requests => Some({
                let $part = &$model.requests;
                $work
            }),
            Screen::Refunds => Some({
                let $part = &$model.refunds;
                $work
            }),
            Screen::Spend => Some({
                let $part = &$model.spend;
                $work
            }),
            Screen::Storage => Some({
                let $part = &$model.storage;
                $work
            }),
            Screen::Log => Some({
                let $part = &$model.log;
                $work
            }),
            Screen::Settings => Some({
                let $part = &$model.settings;
                $work
            }),
            Screen::Provider => None,
        }
    };
}

pub(super) use {on_screen, part_of, run};

/// Follows what a part ordered. Who is told of something may order the next thing; a circle of those ends here.
pub fn follow(model: &mut Model, orders: Vec<Order>, step: &mut Step<Effect>) {
    if model.following >= ROUNDS {
        return;
    }
    model.following += 1;
    for order in orders {
        obey(model, order, step);
    }
    model.following -= 1;
}

fn obey(model: &mut Model, order: Order, step: &mut Step<Effect>) {
    step.changed = true;
    match order {
        Order::Toast(tone, text) => toast(model, tone, &text),
        Order::Note(tone, text) => note(model, tone, &text),
        Order::Notify(tone, text) => {
            toast(model, tone, &text);
            if !model.shared.focused && model.shared.start.settings.notify {
                step.screen.push(ScreenOrder::Notify(text));
            }
        }
        Order::Copy { text, what } => {
            let text = clean_lines(&text, COPIED);
            let what = clean(&what, 100).into_owned();
            let shown = if text.contains('\n') || model.shared.look.masked {
                what
            } else {
                format!("{what}: {}", draw::fit(&text, 46))
            };
            step.screen.push(ScreenOrder::Copy { text, what: shown });
        }
        Order::Edit(text) => step.screen.push(ScreenOrder::Edit(text)),
        Order::Tell(screen, intent) => {
            on_screen!(model, step, screen, |part, cx| part.intent(intent.clone(), &mut cx));
            go(model, screen, step);
        }
        Order::Inform(screen, intent) => {
            on_screen!(model, step, screen, |part, cx| part.intent(intent.clone(), &mut cx));
        }
        Order::Money(wish) => wished(model, wish, step),
        Order::MoneyOfMany(kind, providers) => match model.shared.hindrance() {
            Some(reason) => toast(model, Tone::Warn, &reason),
            None => {
                run!(model, step, money, Effect::Money, |desk, cx| desk.wish_many(kind, providers, &mut cx));
            }
        },
        Order::Million => model.shared.look.million = !model.shared.look.million,
        Order::Alias(provider) => {
            let known = model.shared.aliases.get(&provider).cloned().unwrap_or_default();
            let hint = texts::frame::ALIAS_HINT;
            let field = Field::new("alias", texts::labels::NAME, Kind::Text, hint).with(known);
            let title = texts::frame::name_provider(model.shared.look.short(provider));
            model.over = Over::Alias { provider, form: Box::new(Form::new(title, vec![field])) };
        }
    }
}

/// Opens a dialog that moves money, unless nothing can be moved.
fn wished(model: &mut Model, wish: money::Wish, step: &mut Step<Effect>) {
    match model.shared.hindrance() {
        Some(reason) => {
            toast(model, Tone::Warn, &reason);
            if let Some((screen, token)) = wish.then {
                let intent = super::part::Intent::Funded { token, refused: Some(reason) };
                on_screen!(model, step, screen, |part, cx| part.intent(intent.clone(), &mut cx));
            }
        }
        None => run!(model, step, money, Effect::Money, |desk, cx| desk.wish(wish, &mut cx)),
    }
}

/// Says something in the corner and in the log.
pub fn toast(model: &mut Model, tone: Tone, text: &str) {
    let text = clean(text, 500).into_owned();
    let at = model.shared.now();
    // The same news again only stays longer.
    model.toasts.retain(|toast| toast.text != text);
    model.toasts.push(Toast { at, tone, text: text.clone() });
    if model.toasts.len() > TOASTS {
        model.toasts.remove(0);
    }
    note(model, tone, &text);
}

/// Says something in the log.
pub fn note(model: &mut Model, tone: Tone, text: &str) {
    model.log.note(model.shared.now(), tone, clean(text, 2000).into_owned());
}

/// Whether keys are text on the open screen.
pub fn typing(model: &Model) -> bool {
    part_of!(model, model.screen, |part| part.typing()).unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::theme::Shade;
    use crate::tui::user::part::Intent;
    use crate::tui::user::tests::scene::full;

    #[test]
    fn orders_that_lead_to_orders_end() {
        let mut model = full(Shade::Dark);
        let tell = || Order::Tell(Screen::Requests, Intent::Requests(String::new()));
        for (depth, opens) in [(ROUNDS, false), (ROUNDS - 1, true)] {
            let mut step = Step::default();
            model.screen = Screen::Home;
            model.following = depth;
            follow(&mut model, vec![tell()], &mut step);
            assert_eq!((model.screen == Screen::Requests, step.changed), (opens, opens));
            assert_eq!(model.following, depth, "the next orders have as much room");
        }
    }
}
