//! The dialogs drawn. The question draws itself.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use super::amount::{AmountStep, account};
use super::dialog::{Dialog, Stage};
use super::errand::{Errand, Progress};
use super::question::warned;
use super::{Kind, typed};
use crate::broker::user::{OperationView, Preview};
use crate::domain::{Neuron, OperationState};
use crate::tui::kit::amount::{grouped, in_full};
use crate::tui::kit::dialog::{Buttons, Fact};
use crate::tui::kit::look::Look;
use crate::tui::kit::{draw, moment};
use crate::tui::texts;
use crate::tui::theme::Tone;
use crate::tui::user::shared::Shared;

const WIDTH: u16 = 78;
const LABEL: u16 = 13;
/// A block usually takes a few seconds; after so many it is said that it takes long.
const LONG: u64 = 60;

type Line = Vec<(String, Tone)>;

pub fn draw(
    dialog: &Dialog,
    errands: &[Errand],
    buffer: &mut Buffer,
    area: Rect,
    shared: &Shared,
) -> Option<Position> {
    match (&dialog.stage, &dialog.amount) {
        (Stage::Amount, Some(step)) => amount(dialog, step, buffer, area, shared),
        (Stage::Question { money, .. }, _) => money.draw(buffer, area, &shared.look),
        (Stage::Refused(why), _) => {
            lines(dialog.kind, vec![vec![(format!("✗ {why}"), Tone::Bad)]], buffer, area, &shared.look);
            None
        }
        (Stage::UnderWay, _) => {
            let own: Vec<&Errand> = errands.iter().filter(|one| one.dialog == dialog.number).collect();
            lines(dialog.kind, progress(&own, shared), buffer, area, &shared.look);
            None
        }
        (Stage::Trying | Stage::Amount, _) => {
            let text = texts::money::CHAIN_IS_ASKED;
            lines(dialog.kind, vec![vec![(text.to_owned(), Tone::Pending)]], buffer, area, &shared.look);
            None
        }
    }
}

/// A box with lines that wrap, and a way out.
fn lines(kind: Kind, rows: Vec<Line>, buffer: &mut Buffer, area: Rect, look: &Look) {
    let width = area.width.min(WIDTH);
    let mut wrapped: Vec<(String, Tone)> = Vec::new();
    for row in rows {
        let tone = row.first().map_or(Tone::Plain, |(_, tone)| *tone);
        let text: String = row.into_iter().map(|(text, _)| text).collect();
        let mut parts = draw::wrap(&text, width.saturating_sub(4));
        if parts.is_empty() {
            parts.push(String::new());
        }
        wrapped.extend(parts.into_iter().map(|part| (part, tone)));
    }
    let height = u16::try_from(wrapped.len()).unwrap_or(u16::MAX).saturating_add(4);
    let inside = draw::boxed(buffer, draw::middle(area, width, height), kind.title(), Tone::Accent, look);
    let last = inside.height.saturating_sub(1);
    // What is newest stands last.
    let skip = wrapped.len().saturating_sub(usize::from(last.saturating_sub(1)));
    for (y, (text, tone)) in (0..last).zip(wrapped.iter().skip(skip)) {
        draw::put(buffer, inside, 0, y, text, look.style(*tone));
    }
    Buttons::draw_close(buffer, inside, last, look);
}

/// How far everything is that a dialog ordered.
fn progress(own: &[&Errand], shared: &Shared) -> Vec<Line> {
    let (one, look) = (own.len() == 1, &shared.look);
    let mut rows = Vec::new();
    let say = |text: String, tone: Tone| vec![(text, tone)];
    for errand in own {
        let whom = shared.provider(errand.action.provider());
        let waited = moment::length(shared.now().seconds_since(errand.ordered_at));
        if !one {
            let (sign, tone, word) = match &errand.progress {
                Progress::Sending => ("…", Tone::Pending, texts::money::WAITS_TO_BE_SENT.to_owned()),
                Progress::Failed(why) => ("✗", Tone::Bad, why.clone()),
                Progress::Known(view) => state_of(view),
            };
            rows.push(say(format!("{sign} {whom}: {word}"), tone));
            continue;
        }
        match &errand.progress {
            Progress::Sending => rows.push(say(texts::money::is_sent(&waited), Tone::Pending)),
            Progress::Failed(why) => {
                rows.push(say(format!("✗ {why}"), Tone::Bad));
                rows.push(say(texts::money::NOTHING_MOVED.to_owned(), Tone::Plain));
            }
            Progress::Known(view) => {
                let amount = view.amount.map(|amount| format!("{} ", look.in_full(amount)));
                rows.push(say(
                    texts::money::amount_with_whom(amount.unwrap_or_default(), &whom),
                    Tone::Title,
                ));
                stages(view, &waited, errand, shared, &mut rows);
            }
        }
    }
    rows
}

fn state_of(view: &OperationView) -> (&'static str, Tone, String) {
    match view.state {
        OperationState::Prepared => ("…", Tone::Pending, texts::money::WRITTEN_DOWN_BEING_SENT.to_owned()),
        OperationState::Sent => ("…", Tone::Pending, texts::money::SENT.to_owned()),
        OperationState::Unknown => ("!", Tone::Warn, texts::money::FOLLOWED_UP.to_owned()),
        OperationState::Mined => {
            let block = view.block.map_or(texts::money::A_BLOCK.to_owned(), |block| {
                texts::shared::block(grouped(block.into()))
            });
            ("✓", Tone::Good, texts::money::on_the_chain(&block))
        }
        OperationState::Reverted | OperationState::Refused => {
            let why = view.reason.as_deref().unwrap_or(texts::money::WITHOUT_REASON);
            ("✗", Tone::Bad, format!("{}: {why}", view.state.as_str()))
        }
    }
}

/// The stages of one operation below each other.
fn stages(view: &OperationView, waited: &str, errand: &Errand, shared: &Shared, rows: &mut Vec<Line>) {
    let look = &shared.look;
    let mut say = |text: String, tone: Tone| rows.push(vec![(text, tone)]);
    say(texts::money::WRITTEN_DOWN.to_owned(), Tone::Good);
    if let Some(hash) = view.hash {
        say(texts::money::sent_as(hash), Tone::Good);
    }
    let (sign, tone, word) = state_of(view);
    match view.state {
        OperationState::Mined => {
            say(format!("{sign} {word}"), tone);
            if let Some(gas) = view.gas_paid {
                say(texts::money::network_fee_was(look.in_full(gas)), Tone::Plain);
            }
        }
        OperationState::Reverted | OperationState::Refused => {
            say(format!("{sign} {word}"), tone);
            say(texts::money::AMOUNT_NOT_MOVED.to_owned(), Tone::Plain);
        }
        _ => {
            say(format!("{sign} {word}, {waited}"), tone);
            if view.attempts > 1 {
                let times = view.attempts;
                say(texts::money::stuck(times), Tone::Warn);
            } else if shared.now().seconds_since(errand.ordered_at) > LONG {
                let text = texts::money::TAKES_LONG;
                say(text.to_owned(), Tone::Warn);
            }
            say(texts::money::GOES_ON_CLOSED.to_owned(), Tone::Dim);
        }
    }
}

/// A row: label, text, tone.
type Labelled = (String, String, Tone);

/// The step with the amount.
fn amount(
    dialog: &Dialog,
    step: &AmountStep,
    buffer: &mut Buffer,
    area: Rect,
    shared: &Shared,
) -> Option<Position> {
    let look = &shared.look;
    let provider = dialog.providers.first().copied().unwrap_or_default();
    let wide = area.width.min(WIDTH);
    let room = wide.saturating_sub(4 + LABEL).max(1);
    let read = laid(vec![read(step)], room);
    let below = laid(below(step, look, shared), room);
    let count = |rows: &[Labelled]| u16::try_from(rows.len()).unwrap_or(u16::MAX);
    let fixed = count(&read).saturating_add(count(&below)).saturating_add(6);
    // Where there is little room, only the choice that was made is shown.
    let all = u16::try_from(step.choices.len()).unwrap_or(u16::MAX);
    let few = fixed.saturating_add(all) > area.height;
    let high = fixed.saturating_add(if few { 1 } else { all });
    let inside = draw::boxed(buffer, draw::middle(area, wide, high), dialog.kind.title(), Tone::Accent, look);
    draw::put(buffer, inside, 0, 0, texts::labels::WITH, look.style(Tone::Dim));
    let x = draw::put(buffer, inside, LABEL, 0, &look.address(provider), look.style(Tone::Title));
    if let Some(alias) = shared.aliases.get(&provider) {
        draw::put(buffer, inside, x + 1, 0, &format!("@{alias}"), look.style(Tone::Plain));
    }
    let cursor = field(step, buffer, Rect { y: inside.y + 1, height: 2.min(inside.height), ..inside }, look);
    let mut y = rows(buffer, inside, 2, &read, look);
    for (index, choice) in step.choices.iter().enumerate() {
        let on = step.chosen() == Some(index);
        if few && !on && !(step.chosen().is_none() && index == 0) {
            continue;
        }
        if index == 0 || few {
            draw::put(buffer, inside, 0, y, "↑↓ choose", look.style(Tone::Dim));
        }
        let tone = if on { Tone::Title } else { Tone::Plain };
        let mark = if on { "▸" } else { " " };
        let x =
            draw::put(buffer, inside, LABEL - 1, y, &format!("{mark}{}", choice.label), look.style(tone)) + 1;
        let text = choice.amount.map_or("…".to_owned(), |amount| look.amount(amount));
        let place = Rect { x: inside.x + x, width: inside.width.saturating_sub(x), ..inside };
        draw::put_right(buffer, place, y, &text, look.style(tone));
        y += 1;
    }
    let last = inside.height.saturating_sub(1);
    let body = Rect { height: last, ..inside };
    rows(buffer, body, y, &below, look);
    let text = texts::money::ENTER_ASKS_FIRST;
    draw::put(buffer, inside, 0, last, text, look.style(Tone::Dim));
    cursor
}

/// Rows as wide as there is room, each label beside the first of its own.
fn laid(rows: Vec<Labelled>, room: u16) -> Vec<Labelled> {
    let wrap = |(mut label, text, tone): Labelled| {
        let parts = draw::wrap(&text, room);
        parts.into_iter().map(move |part| (std::mem::take(&mut label), part, tone)).collect::<Vec<_>>()
    };
    rows.into_iter().flat_map(wrap).collect()
}

fn rows(buffer: &mut Buffer, area: Rect, mut y: u16, rows: &[Labelled], look: &Look) -> u16 {
    for (label, text, tone) in rows {
        draw::put(buffer, area, 0, y, label, look.style(Tone::Dim));
        draw::put(buffer, area, LABEL, y, text, look.style(*tone));
        y += 1;
    }
    y
}

/// The field.
fn field(step: &AmountStep, buffer: &mut Buffer, area: Rect, look: &Look) -> Option<Position> {
    let mut shown = step.form.clone();
    if let Some(field) = shown.fields.first_mut() {
        field.complaint = None;
        // Its text begins where those of the other rows do.
        field.label = "Amount     ";
    }
    shown.draw(buffer, area, look)
}

/// What is wrong with it, or what it was read as.
fn read(step: &AmountStep) -> Labelled {
    let complaint = step.form.fields.first().and_then(|field| field.complaint.clone());
    let wrong = |text: &str| (String::new(), format!("✗ {text}"), Tone::Bad);
    if let Some(why) = &step.failed {
        return wrong(&texts::money::as_far_as_known(why));
    }
    match (complaint, step.typed(), step.preview()) {
        (Some(complaint), ..) => wrong(&complaint),
        (None, Err(typed::TypedError::Empty), _) => {
            (String::new(), texts::money::AMOUNT_HINT.to_owned(), Tone::Dim)
        }
        (None, Err(error), _) => wrong(&error.to_string()),
        (None, Ok(_), Some(Err(why))) => wrong(why),
        (None, Ok(typed), _) if typed.bare => {
            (String::new(), texts::money::no_unit_typed(in_full(typed.amount)), Tone::Warn)
        }
        (None, Ok(typed), _) => (String::new(), format!("= {}", in_full(typed.amount)), Tone::Dim),
    }
}

/// What the amount would do: label, text, tone.
fn below(step: &AmountStep, look: &Look, shared: &Shared) -> Vec<Labelled> {
    let mut rows = Vec::new();
    let mut say = |label: &str, text: String, tone: Tone| rows.push((label.to_owned(), text, tone));
    match step.preview() {
        Some(Ok(preview)) => {
            let Preview { gas, wallet, after, before, .. } = preview;
            say(
                texts::labels::FEE,
                texts::money::now_at_most(look.amount(gas.now), look.amount(gas.most)),
                Tone::Plain,
            );
            say(texts::labels::WALLET, change(wallet.before, wallet.likely, look), Tone::Plain);
            let balance = before.as_ref().map_or(Neuron::ZERO, |account| account.balance);
            let available = before.as_ref().map_or(Neuron::ZERO, |account| account.available);
            if balance != after.balance {
                say(texts::labels::ACCOUNT, change(balance, after.balance, look), Tone::Plain);
            }
            say(texts::labels::SPENDABLE, change(available, after.available, look), Tone::Plain);
            if let Some(locked) = preview.locked {
                let until = moment::in_full(locked.until);
                let wait = moment::length(locked.until.seconds_since(shared.now()));
                say(texts::labels::LOCKED, texts::money::until_and_wait(&until, &wait), Tone::Plain);
            }
            for warning in &preview.warnings {
                if let Some(Fact::Note(text, tone)) = warned(warning, shared) {
                    say("", text, tone);
                }
            }
        }
        None if step.asked.is_some() => say("", texts::money::WHAT_IT_WOULD_DO.to_owned(), Tone::Pending),
        Some(Err(_)) | None => {
            let provider = step.provider();
            match (step.kind(), account(shared, provider)) {
                (Kind::Refund, Some(account)) => {
                    say(texts::labels::FREE, look.amount(account.free()), Tone::Plain);
                    let owed = account.owed.saturating_add(account.reserved).above(account.settled);
                    say(texts::money::OWED_RESERVED, look.amount(owed), Tone::Plain);
                }
                (_, account) => {
                    let wallet = shared.snapshot.wallet.map_or("-".to_owned(), |wallet| look.amount(wallet));
                    say(texts::labels::WALLET, wallet, Tone::Plain);
                    if let Some(account) = account {
                        say(texts::labels::SPENDABLE, look.amount(account.available), Tone::Plain);
                    }
                }
            }
        }
    }
    rows
}

fn change(before: Neuron, after: Neuron, look: &Look) -> String {
    format!("{} → {}", look.amount(before), look.amount(after))
}
