//! Marked services side by side, the best of each row marked by a star.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::Services;
use super::facts::cost_of_thousand;
use super::row::{Offer, price_text, prices_in_words};
use crate::broker::user::ProbeOutcome;
use crate::domain::Neuron;
use crate::tui::kit::amount::Scale;
use crate::tui::kit::draw;
use crate::tui::kit::look::Look;
use crate::tui::texts;
use crate::tui::theme::Tone;
use crate::tui::user::shared::Shared;

/// Cells of the labels, and of a service at least.
const LABEL: u16 = 19;
const LEAST: u16 = 19;

/// One thing of all of them: a text each, and how good it is where more of one is better than less.
struct Line {
    label: String,
    cells: Vec<(String, Option<u128>)>,
}

/// How many services have room beside each other.
pub fn fit(width: u16) -> usize {
    usize::from((width.saturating_sub(LABEL) / LEAST).max(1))
}

/// Less is better.
fn low(value: u128) -> Option<u128> {
    Some(u128::MAX - value)
}

/// A row of amounts. They are there to be compared, so they have one unit; neuron go without saying.
fn amounts(label: &str, cells: Vec<Result<(Neuron, Option<u128>), &str>>, look: &Look) -> Line {
    let known: Vec<Neuron> = cells.iter().filter_map(|cell| cell.ok().map(|(amount, _)| amount)).collect();
    let (texts, unit) = look.beside(&known);
    let mut texts = texts.into_iter();
    let cells = cells.into_iter().map(|cell| match cell {
        Ok((_, value)) => (texts.next().unwrap_or_default(), value),
        Err(word) => (word.to_owned(), None),
    });
    let label = if unit == Scale::Neuron.name() { label.to_owned() } else { format!("{label} {unit}") };
    Line { label, cells: cells.collect() }
}

fn lines(part: &Services, offers: &[&Offer], look: &Look) -> Vec<Line> {
    let line = |label: &str, cell: &dyn Fn(&Offer) -> (String, Option<u128>)| Line {
        label: label.to_owned(),
        cells: offers.iter().map(|offer| cell(offer)).collect(),
    };
    let plain = |text: String| (if text.is_empty() { "-".to_owned() } else { text }, None);
    vec![
        line(texts::labels::PROVIDER, &|offer| plain(offer.provider(look))),
        line(texts::labels::TYPE, &|offer| plain(offer.service.kind.to_string())),
        line(texts::labels::MODEL, &|offer| plain(offer.service.model.clone())),
        line(texts::labels::INPUT, &|offer| {
            let price = offer.service.prices.input;
            (price_text(price, look), low(price.get()))
        }),
        line(texts::labels::OUTPUT, &|offer| {
            let price = offer.service.prices.output;
            (price_text(price, look), low(price.get()))
        }),
        amounts("1,000 answers", offers.iter().map(|offer| cost(part, offer)).collect(), look),
        line(texts::labels::HERE, &|offer| {
            (offer.here().0, offer.latency().and_then(|wait| low(wait.into())))
        }),
        line(texts::labels::ANSWERED, &|offer| match offer.answered() {
            Some(text) => (text, offer.success().map(u128::from)),
            None => ("-".to_owned(), None),
        }),
        line(texts::services::WHOLE_ANSWER, &|offer| {
            let typical = offer.known.measured.as_ref().and_then(|measured| measured.typical);
            match typical {
                Some(wait) => (texts::numbers::milliseconds(wait.as_millis()), low(wait.as_millis())),
                None => ("-".to_owned(), None),
            }
        }),
        amounts(texts::labels::LENDS, offers.iter().map(|offer| lends(offer)).collect(), look),
        amounts(texts::labels::SPENDABLE, offers.iter().map(|offer| spendable(offer)).collect(), look),
    ]
}

fn cost(part: &Services, offer: &Offer) -> Result<(Neuron, Option<u128>), &'static str> {
    let cost = cost_of_thousand(&offer.service.prices, part.habit(offer)).ok_or("-")?;
    Ok((cost, low(cost.get())))
}

fn lends(offer: &Offer) -> Result<(Neuron, Option<u128>), &'static str> {
    let probe = offer.known.probe.as_ref().and_then(|probe| probe.as_ref().ok()).ok_or("-")?;
    match &probe.outcome {
        ProbeOutcome::Reachable { credit_limit, .. } => Ok((*credit_limit, Some(credit_limit.get()))),
        _ => Err("-"),
    }
}

fn spendable(offer: &Offer) -> Result<(Neuron, Option<u128>), &'static str> {
    Ok((offer.available.ok_or(texts::services::COMPARED_WITHOUT_ACCOUNT)?, None))
}

/// Which cells are the best of their row; none where all are the same or only one is known.
fn best(cells: &[(String, Option<u128>)]) -> Vec<bool> {
    let known = || cells.iter().filter_map(|(_, value)| *value);
    let top = known().max().filter(|top| known().count() > 1 && known().any(|value| value != *top));
    cells.iter().map(|(_, value)| top.is_some() && *value == top).collect()
}

pub fn draw(part: &Services, from: usize, buffer: &mut Buffer, area: Rect, shared: &Shared) {
    let look = &shared.look;
    let all: Vec<&Offer> = part.table.marked().collect();
    let room = fit(area.width).min(all.len().max(1));
    let from = from.min(all.len().saturating_sub(room));
    // Stars compare all that are marked, also those that have no room.
    let lines = lines(part, &all, look);
    let title = texts::services::side_by_side(all.len());
    let x = draw::put(buffer, area, 0, 0, &title, look.style(Tone::Title));
    let note = texts::services::best(prices_in_words(look));
    draw::put(buffer, area, x + 2, 0, &note, look.style(Tone::Dim));
    let narrow = u16::try_from(room).unwrap_or(1).max(1);
    let wide = (area.width.saturating_sub(LABEL) / narrow).min(36);
    let place = |column: usize, y: u16| {
        let x = LABEL + wide.saturating_mul(u16::try_from(column).unwrap_or(u16::MAX));
        Rect { x: area.x + x, y: area.y + y, width: wide.saturating_sub(2), height: 1 }
    };
    for (column, offer) in all.iter().skip(from).take(room).enumerate() {
        draw::put(buffer, place(column, 2), 0, 0, offer.service.name.as_str(), look.style(Tone::Title));
    }
    let mut y = 3;
    for line in &lines {
        if y >= area.height {
            break;
        }
        draw::put(buffer, area, 0, y, &line.label, look.style(Tone::Dim));
        let stars = best(&line.cells);
        for (column, (cell, star)) in line.cells.iter().zip(&stars).skip(from).take(room).enumerate() {
            let (sign, tone) = if *star { ("★ ", Tone::Good) } else { ("  ", Tone::Plain) };
            draw::put(buffer, place(column, y), 0, 0, &format!("{sign}{}", cell.0), look.style(tone));
        }
        y += 1;
    }
    if room < all.len() && y + 1 < area.height {
        let text = texts::services::part_of_compared(from + 1, from + room, all.len());
        draw::put(buffer, area, 0, y + 1, &text, look.style(Tone::Dim));
    }
    let habit = all.first().map(|offer| (part.habit(offer), offer.service.kind.unit()));
    if let Some((habit, unit)) = habit.filter(|_| y + 2 < area.height) {
        let text = texts::services::answer_taken_as(habit.in_words(unit));
        draw::put(buffer, area, 0, y + 2, &text, look.style(Tone::Dim));
    }
}
