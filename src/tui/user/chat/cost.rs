//! The row above the prompt: what sending would cost, what the answer under way costs, why a prompt did not go.

use super::ask::{Ask, Remedy};
use super::live::{Live, Phase};
use super::{Blocked, Chat};
use crate::broker::user::{AccountView, Cap, Estimate, Limit, Outlook};
use crate::domain::Neuron;
use crate::tui::keymap::{Action, Place};
use crate::tui::kit::amount::grouped;
use crate::tui::texts;
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
        Limit::NoAccount => texts::chat_cost::NO_ACCOUNT.to_owned(),
        Limit::Balance => texts::chat_cost::DEPOSIT.to_owned(),
        Limit::Exposure => texts::chat_cost::MAX_EXPOSURE.to_owned(),
        Limit::Cap(cap, _) => cap.for_screen().to_owned(),
        Limit::NoKey => texts::chat_cost::CANNOT_SIGN.to_owned(),
    }
}

/// What stands above the prompt.
pub fn rows(chat: &Chat, shared: &Shared) -> Vec<Pieces> {
    let go_on = chat.go_on_keys(shared);
    if let Some(blocked) = &chat.blocked {
        return self::blocked(blocked, &go_on, shared);
    }
    if let Some(live) = chat.live() {
        return vec![meter(live, shared)];
    }
    let mut rows = Vec::new();
    if chat.rewriting.is_some() {
        let text = texts::chat_cost::EDITING;
        rows.push(vec![(text.to_owned(), Tone::Accent)]);
    }
    let pieces = match &chat.estimating.last {
        Some(Ok(estimate)) => {
            let mut pieces = self::estimate(estimate, &go_on, shared);
            if let (Outlook::Goes, Some(near)) = (estimate.outlook, of_one(chat, shared, estimate)) {
                pieces.push((format!(" · ! {}", near.words(shared)), near.tone()));
            }
            pieces
        }
        Some(Err(reason)) => vec![(format!("✗ {reason}"), Tone::Warn)],
        None if chat.estimating.asked && !chat.prompt.is_empty() => {
            vec![(texts::chat_cost::WORKING_OUT.to_owned(), Tone::Pending)]
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
        return vec![(texts::chat_cost::nobody_asked(&key), Tone::Warn)];
    };
    let Some(service) = shared.service(*provider, name) else {
        return vec![(texts::chat_cost::NOT_LISTED.to_owned(), Tone::Warn)];
    };
    let account = shared.snapshot.accounts.iter().find(|account| account.provider == *provider);
    let available = match account {
        Some(account) => texts::shared::spendable(shared.look.amount(account.available)),
        None => texts::shared::NO_ACCOUNT_YET.to_owned(),
    };
    let price = |amount: Neuron| grouped(amount.get());
    let text = texts::chat_cost::prices_and_account(
        price(service.prices.input),
        price(service.prices.output),
        &available,
    );
    vec![(text, Tone::Dim)]
}

/// `412 in = 41,200,000 neuron · at most 117,200,000 neuron · 125,000,000 neuron spendable`
fn estimate(estimate: &Estimate, go_on: &str, shared: &Shared) -> Pieces {
    let look = &shared.look;
    let add = |shortfall: Option<crate::broker::user::Shortfall>| {
        shortfall.map(|missing| {
            let how = if missing.opens { texts::chat_cost::OPENS_ACCOUNT } else { texts::chat_cost::ADDS_IT };
            texts::chat_cost::missing(look.amount(missing.amount), go_on, how)
        })
    };
    let mut pieces = vec![(
        texts::chat_cost::input_costs(grouped(estimate.input.0.into()), look.amount(estimate.input_fee)),
        Tone::Plain,
    )];
    let available = match estimate.available {
        Some(available) => texts::chat_cost::and_spendable(look.amount(available)),
        None => texts::chat_cost::AND_NO_ACCOUNT_YET.to_owned(),
    };
    match estimate.outlook {
        Outlook::Goes => {
            let assumed = if estimate.assumed { "" } else { texts::chat_cost::YOUR_LIMIT };
            let most = texts::chat_cost::and_at_most_assumed(look.amount(estimate.highest), assumed);
            pieces.push((most, Tone::Plain));
            pieces.push((available, Tone::Dim));
        }
        Outlook::Clamped { by, output } => {
            let most = texts::chat_cost::and_at_most(look.amount(estimate.granted));
            let cut = texts::chat_cost::max_tokens_lowered(
                grouped(output.0.into()),
                grouped(estimate.output_limit.0.into()),
                limit(by),
            );
            pieces.extend([(most, Tone::Plain), (cut, Tone::Warn)]);
            pieces.extend(add(estimate.missing_for_all).map(|text| (text, Tone::Accent)));
        }
        Outlook::Waits { by } => {
            pieces.push((texts::chat_cost::waits_for_answers(limit(by)), Tone::Pending));
        }
        Outlook::Refused { by, needed, available } => {
            let why = match by {
                Limit::NoAccount | Limit::NoKey => limit(by),
                by => {
                    texts::chat_cost::leaves_and_needs(limit(by), look.amount(available), look.amount(needed))
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
        Phase::Asking => vec![
            ("… asking".to_owned(), Tone::Pending),
            (texts::chat_cost::AND_ESC_STOPS.to_owned(), Tone::Dim),
        ],
        Phase::Coming(begun) => {
            let account =
                shared.snapshot.accounts.iter().find(|one| one.provider == live.sending.turn.provider);
            let fee =
                live.fee.max(begun.prices.input.checked_mul(begun.input.0.into()).unwrap_or(Neuron::ZERO));
            // Available is without all that is held: what this answer will not use comes back.
            let left = account.map(|one| {
                let free = one.available.saturating_add(begun.max_fee.above(fee));
                texts::chat_cost::left(look.amount(free.min(one.balance)))
            });
            let sign = if live.is_stopped() { "■ stopping" } else { "▶" };
            vec![
                (
                    texts::chat_cost::tokens_so_far(
                        sign,
                        grouped(begun.input.0.into()),
                        grouped(live.output.0.into()),
                    ),
                    Tone::Pending,
                ),
                (format!(" · {}", look.amount(fee)), Tone::Title),
                (texts::chat_cost::of_at_most(look.amount(begun.max_fee)), Tone::Dim),
                (left.unwrap_or_default(), Tone::Dim),
                (texts::chat_cost::AND_ESC_STOPS.to_owned(), Tone::Dim),
            ]
        }
        Phase::Booking(_) => vec![
            (texts::chat_cost::booking(look.amount(live.fee)), Tone::Pending),
            (texts::chat_cost::RECEIPT_IS_CHECKED.to_owned(), Tone::Dim),
        ],
    }
}

fn blocked(blocked: &Blocked, go_on: &str, shared: &Shared) -> Vec<Pieces> {
    let look = &shared.look;
    let todo = match &blocked.remedy {
        Remedy::Fund(missing) => {
            let how = if missing.opens {
                texts::chat_cost::OPENS_WITH_EXACTLY
            } else {
                texts::chat_cost::ADDS_EXACTLY
            };
            texts::chat_cost::adds_and_sends(go_on, how, look.in_full(missing.amount))
        }
        Remedy::Accept { seen, now } => {
            let price = |prices: &crate::domain::Prices| {
                texts::shared::in_and_out(grouped(prices.input.get()), grouped(prices.output.get()))
            };
            texts::chat_cost::price_changed(price(seen), price(now), go_on)
        }
        Remedy::Unknown => texts::chat_cost::may_have_cost(go_on),
        Remedy::Again => texts::chat_cost::sends_again(go_on),
        Remedy::Owed(request) => {
            let request = request.filter(|_| !look.masked);
            let request = request.map(|id| texts::chat_cost::of_request(look.request(id)));
            texts::chat_cost::part_may_be_owed(request.unwrap_or_default(), go_on)
        }
    };
    let why = match &blocked.remedy {
        Remedy::Accept { .. } => texts::chat_cost::PRICE_ROSE.to_owned(),
        Remedy::Owed(_) => texts::chat_cost::answer_not_kept(&blocked.why),
        Remedy::Unknown => format!("! {}", blocked.why),
        _ => texts::chat_cost::not_sent(&blocked.why),
    };
    vec![vec![(why, Tone::Bad)], vec![(todo, Tone::Accent)]]
}

/// `this conversation 1,234 neuron · chats today … · all today … of …`; caps that come near stand first.
pub fn totals(chat: &Chat, shared: &Shared) -> Pieces {
    let look = &shared.look;
    let uses = uses(chat, shared);
    let mut pieces: Pieces = uses.iter().filter(|one| one.step() > 0).map(Use::piece).collect();
    pieces.push((texts::chat_cost::this_conversation(look.amount(chat.head.fee)), Tone::Dim));
    if let Some((_, spent)) = chat.spent {
        pieces.push((texts::chat_cost::chats_today(look.amount(spent)), Tone::Dim));
    }
    match uses.iter().find(|one| one.cap == Cap::Day) {
        Some(day) if day.step() == 0 => pieces.push((day.words(shared), Tone::Dim)),
        Some(_) => {}
        None => {
            pieces.push((texts::chat_cost::all_today(look.amount(shared.snapshot.spent_today)), Tone::Dim));
        }
    }
    for (text, _) in pieces.iter_mut().skip(1) {
        text.insert_str(0, " · ");
    }
    pieces
}

/// A cap, and how much of it is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Use {
    cap: Cap,
    limit: Neuron,
    used: Neuron,
}

impl Use {
    fn percent(&self) -> u128 {
        self.used.get().saturating_mul(100).checked_div(self.limit.get()).unwrap_or(100)
    }

    /// The last mark that it has passed.
    fn step(&self) -> u128 {
        match self.percent() {
            VERY_NEAR.. => VERY_NEAR,
            NEAR.. => NEAR,
            _ => 0,
        }
    }

    fn tone(&self) -> Tone {
        if self.step() == VERY_NEAR { Tone::Bad } else { Tone::Warn }
    }

    fn whose(&self) -> &'static str {
        match self.cap {
            Cap::Request => texts::chat_cost::CAP_OF_ANSWER,
            Cap::Day => texts::chat_cost::CAP_OF_DAY,
            Cap::Provider => texts::chat_cost::CAP_OF_PROVIDER,
            Cap::Total => texts::chat_cost::CAP_OF_ALL,
        }
    }

    fn words(&self, shared: &Shared) -> String {
        texts::chat_cost::percent_of_cap(self.percent(), self.whose(), shared.look.amount(self.limit))
    }

    /// In few words, so that several have room beside each other; the amount was told when it came near.
    fn piece(&self) -> (String, Tone) {
        let sign = if self.step() == VERY_NEAR { "✗" } else { "!" };
        (texts::chat_cost::nearly_used(sign, self.percent(), self.whose()), self.tone())
    }
}

/// What is used of the caps that hold for the next prompt, requests under way counted at their highest fee, as the
/// gate counts them. That of one answer is in the estimate.
fn uses(chat: &Chat, shared: &Shared) -> Vec<Use> {
    let snapshot = &shared.snapshot;
    let caps = snapshot.caps.tightest(chat.caps);
    let spent = |account: &AccountView| account.promised.max(account.owed.saturating_add(account.reserved));
    let sum = snapshot.accounts.iter().fold(Neuron::ZERO, |sum, one| sum.saturating_add(spent(one)));
    let provider = chat.head.service.as_ref().map(|(provider, _)| *provider);
    let own = snapshot.accounts.iter().find(|account| Some(account.provider) == provider);
    let of = |cap, limit: Option<Neuron>, used| limit.map(|limit| Use { cap, limit, used });
    let day = snapshot.spent_today.saturating_add(snapshot.reserved);
    let mut uses: Vec<Use> = of(Cap::Day, caps.per_day, day).into_iter().collect();
    uses.extend(own.and_then(|own| of(Cap::Provider, caps.per_provider, spent(own))));
    uses.extend(of(Cap::Total, caps.total, sum));
    uses
}

/// How near the longest answer comes to the cap on one request.
fn of_one(chat: &Chat, shared: &Shared, estimate: &Estimate) -> Option<Use> {
    let limit = shared.snapshot.caps.tightest(chat.caps).per_request?;
    Some(Use { cap: Cap::Request, limit, used: estimate.highest }).filter(|one| one.step() > 0)
}

impl Chat {
    /// Tells once when a cap comes near.
    pub(super) fn warn_of_caps(&mut self, cx: &mut Cx<'_, Ask>) {
        let uses = uses(self, cx.shared);
        for one in &uses {
            let before = self.warned.iter().find(|(cap, limit, _)| (*cap, *limit) == (one.cap, one.limit));
            if one.step() > before.map_or(0, |(_, _, step)| *step) {
                let cap = cx.shared.look.amount(one.limit);
                let name = one.cap.for_screen();
                cx.toast(one.tone(), texts::chat_cost::cap_is_used(one.percent(), name, &cap));
            }
        }
        self.warned = uses.iter().map(|one| (one.cap, one.limit, one.step())).collect();
    }
}
