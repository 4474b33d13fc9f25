//! The row above the prompt: what sending would cost, what the answer under way costs, why a prompt did not go.

use super::ask::{Ask, Remedy};
use super::live::{Live, Phase};
use super::{Blocked, Chat};
use crate::broker::user::{Estimate, Limit, Outlook};
use crate::domain::Neuron;
use crate::tui::keymap::{Action, Place};
use crate::tui::kit::amount::grouped;
use crate::tui::theme::Tone;
use crate::tui::user::part::Cx;
use crate::tui::user::shared::Shared;

/// From here on a cap is spoken of, in percent.
const NEAR: u128 = 80;
const VERY_NEAR: u128 = 95;

/// Pieces of a row.
pub type Pieces = Vec<(String, Tone)>;

fn limit(by: Limit) -> String {
    match by {
        Limit::NoAccount => "there is no account with this provider yet".to_owned(),
        Limit::Balance => "the deposit".to_owned(),
        Limit::Exposure => "how far vouchers may run ahead (maxExposure)".to_owned(),
        Limit::Cap(cap, _) => cap.for_screen().to_owned(),
        Limit::NoKey => "no key here may sign for this account".to_owned(),
    }
}

/// What stands above the prompt.
pub fn rows(chat: &Chat, shared: &Shared) -> Vec<Pieces> {
    let go_on = shared.keymap.first_key(Action::GoOn, &[Place::Prompt]);
    if let Some(blocked) = &chat.blocked {
        return self::blocked(blocked, &go_on, shared);
    }
    if let Some(live) = chat.live() {
        return vec![meter(live, shared)];
    }
    let mut rows = Vec::new();
    if chat.rewriting.is_some() {
        let text = "editing: it is sent as a branch; what was there keeps its answers and cost · esc leaves";
        rows.push(vec![(text.to_owned(), Tone::Accent)]);
    }
    let pieces = match &chat.estimating.last {
        Some(Ok(estimate)) => self::estimate(estimate, &go_on, shared),
        Some(Err(reason)) => vec![(format!("✗ {reason}"), Tone::Warn)],
        None if chat.estimating.asked && !chat.prompt.is_empty() => {
            vec![("… working out what it costs".to_owned(), Tone::Pending)]
        }
        None => prices(chat, shared),
    };
    rows.push(pieces);
    rows
}

/// The service, its prices, and what there is to pay with.
fn prices(chat: &Chat, shared: &Shared) -> Pieces {
    let Some((provider, name)) = &chat.head.service else {
        let key = shared.keymap.first_key(Action::Switch, &[Place::Prompt]);
        return vec![(format!("nobody is asked yet · {key} chooses a service"), Tone::Warn)];
    };
    let Some(service) = shared.service(*provider, name) else {
        return vec![("this service is not listed (any more)".to_owned(), Tone::Warn)];
    };
    let account = shared.snapshot.accounts.iter().find(|account| account.provider == *provider);
    let available = match account {
        Some(account) => format!("{} available", shared.look.amount(account.available)),
        None => "no account yet".to_owned(),
    };
    let price = |amount: Neuron| grouped(amount.get());
    let text = format!(
        "{} in, {} out neuron a token · {available}",
        price(service.prices.input),
        price(service.prices.output)
    );
    vec![(text, Tone::Dim)]
}

/// `412 in = 41,200,000 neuron · at most 117,200,000 neuron · 125,000,000 neuron available`
fn estimate(estimate: &Estimate, go_on: &str, shared: &Shared) -> Pieces {
    let look = &shared.look;
    let add = |shortfall: Option<crate::broker::user::Shortfall>| {
        shortfall.map(|missing| {
            let how = if missing.opens { "opens an account with it" } else { "adds it" };
            format!(" · missing {}: {go_on} {how}", look.amount(missing.amount))
        })
    };
    let mut pieces = vec![(
        format!("{} in = {}", grouped(estimate.input.0.into()), look.amount(estimate.input_fee)),
        Tone::Plain,
    )];
    let available = match estimate.available {
        Some(available) => format!(" · {} available", look.amount(available)),
        None => " · no account yet".to_owned(),
    };
    match estimate.outlook {
        Outlook::Goes => {
            let assumed = if estimate.assumed { "" } else { " (your limit)" };
            let most = format!(" · at most {}{assumed}", look.amount(estimate.highest));
            pieces.push((most, Tone::Plain));
            pieces.push((available, Tone::Dim));
        }
        Outlook::Clamped { by, output } => {
            let most = format!(" · at most {}", look.amount(estimate.granted));
            let cut = format!(" · ! cut at {} out by {}", grouped(output.0.into()), limit(by));
            pieces.extend([(most, Tone::Plain), (cut, Tone::Warn)]);
            pieces.extend(add(estimate.missing_for_all).map(|text| (text, Tone::Accent)));
        }
        Outlook::Waits { by } => {
            pieces.push((format!(" · … waits for answers under way: {}", limit(by)), Tone::Pending));
        }
        Outlook::Refused { by, needed, available } => {
            let why = match by {
                Limit::NoAccount | Limit::NoKey => limit(by),
                by => {
                    format!("{} leaves {}, needs {}", limit(by), look.amount(available), look.amount(needed))
                }
            };
            pieces.push((format!(" · ✗ {why}"), Tone::Bad));
            pieces
                .extend(add(estimate.missing_for_all.or(estimate.missing)).map(|text| (text, Tone::Accent)));
        }
    }
    pieces
}

/// The meter while an answer comes.
fn meter(live: &Live, shared: &Shared) -> Pieces {
    let look = &shared.look;
    match &live.phase {
        Phase::Asking if live.is_stopped() => vec![("… stopping".to_owned(), Tone::Pending)],
        Phase::Asking => vec![("… asking".to_owned(), Tone::Pending), (" · esc stops".to_owned(), Tone::Dim)],
        Phase::Coming(begun) => {
            let account =
                shared.snapshot.accounts.iter().find(|one| one.provider == live.sending.turn.provider);
            let fee =
                live.fee.max(begun.prices.input.checked_mul(begun.input.0.into()).unwrap_or(Neuron::ZERO));
            // Available is without all that is held: what this answer will not use comes back.
            let left = account.map(|one| {
                let free = one.available.saturating_add(begun.max_fee.above(fee));
                format!(" · {} left", look.amount(free.min(one.balance)))
            });
            let sign = if live.is_stopped() { "■ stopping" } else { "▶" };
            vec![
                (
                    format!(
                        "{sign} {} in, {} out",
                        grouped(begun.input.0.into()),
                        grouped(live.output.0.into())
                    ),
                    Tone::Pending,
                ),
                (format!(" · {}", look.amount(fee)), Tone::Title),
                (format!(" of at most {}", look.amount(begun.max_fee)), Tone::Dim),
                (left.unwrap_or_default(), Tone::Dim),
                (" · esc stops".to_owned(), Tone::Dim),
            ]
        }
        Phase::Booking(_) => vec![
            (format!("… booking: {} by our own count", look.amount(live.fee)), Tone::Pending),
            (", the receipt is checked".to_owned(), Tone::Dim),
        ],
    }
}

fn blocked(blocked: &Blocked, go_on: &str, shared: &Shared) -> Vec<Pieces> {
    let look = &shared.look;
    let todo = match &blocked.remedy {
        Remedy::Fund(missing) => {
            let how = if missing.opens { "opens an account with exactly" } else { "adds exactly" };
            format!("{go_on} {how} {} and sends the message", look.in_full(missing.amount))
        }
        Remedy::Accept { seen, now } => {
            let price = |prices: &crate::domain::Prices| {
                format!("{} in, {} out", grouped(prices.input.get()), grouped(prices.output.get()))
            };
            format!("neuron a token: {} before, {} now · {go_on} accepts and sends", price(seen), price(now))
        }
        Remedy::Again => format!("{go_on} sends it again · esc leaves it in the prompt"),
    };
    let why = match &blocked.remedy {
        Remedy::Accept { .. } => "✗ not sent: the price rose since you paid last".to_owned(),
        _ => format!("✗ not sent: {}", blocked.why),
    };
    vec![vec![(why, Tone::Bad)], vec![(todo, Tone::Accent)]]
}

/// `this conversation 1,234 neuron · chats today … · all today … of …`
pub fn totals(chat: &Chat, shared: &Shared) -> Pieces {
    let look = &shared.look;
    let mut pieces = vec![(format!("this conversation {}", look.amount(chat.head.fee)), Tone::Dim)];
    if let Some((_, spent)) = chat.spent {
        pieces.push((format!(" · chats today {}", look.amount(spent)), Tone::Dim));
    }
    match used(shared) {
        Some((percent, cap)) => {
            let (sign, tone) = match percent {
                VERY_NEAR.. => ("✗ ", Tone::Bad),
                NEAR.. => ("! ", Tone::Warn),
                _ => ("", Tone::Dim),
            };
            pieces.push((format!(" · {sign}{percent} % of the day's {}", look.amount(cap)), tone));
        }
        None => {
            pieces.push((format!(" · all today {}", look.amount(shared.snapshot.spent_today)), Tone::Dim));
        }
    }
    pieces
}

/// How much of the cap of a day is used, in percent, and the cap.
fn used(shared: &Shared) -> Option<(u128, Neuron)> {
    let cap = shared.snapshot.caps.per_day?;
    let spent = shared.snapshot.spent_today.get();
    Some((spent.saturating_mul(100).checked_div(cap.get()).unwrap_or(100), cap))
}

impl Chat {
    /// Tells once when a cap comes near.
    pub(super) fn warn_of_caps(&mut self, cx: &mut Cx<'_, Ask>) {
        let Some((percent, cap)) = used(cx.shared) else { return };
        let step = match percent {
            VERY_NEAR.. => VERY_NEAR,
            NEAR.. => NEAR,
            _ => 0,
        };
        if step > self.warned {
            let tone = if step == VERY_NEAR { Tone::Bad } else { Tone::Warn };
            let cap = cx.shared.look.amount(cap);
            cx.toast(tone, format!("{percent} % of the cap on one day ({cap}) is used"));
        }
        self.warned = step;
    }
}
