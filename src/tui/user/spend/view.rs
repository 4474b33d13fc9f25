//! The picture: sums, the chart with names beside it, caps and runway, the list of days.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::Spend;
use super::figures::{Figures, Group, Name, Step};
use crate::broker::user::{Cap, CapUse, Spent};
use crate::domain::{Neuron, Timestamp};
use crate::tui::keymap::Action;
use crate::tui::kit::amount::grouped;
use crate::tui::kit::chart::{self, Named};
use crate::tui::kit::gauge::Gauge;
use crate::tui::kit::look::{Look, MASK};
use crate::tui::kit::{draw, moment};
use crate::tui::texts;
use crate::tui::theme::Tone;
use crate::tui::user::requests::day_in_words;
use crate::tui::user::shared::{Link, Shared};

/// From this width on sums by name stand beside the chart, and from the second on both of them. A chart that stacks
/// nothing needs less.
const BESIDE: u16 = 100;
const BESIDE_PLAIN: u16 = 76;
const BOTH: u16 = 150;
/// Gauges of caps, at most.
const CAPS: u16 = 5;

#[derive(Clone, Copy, Debug)]
pub struct Areas {
    pub head: Rect,
    pub sums: Rect,
    pub chart: Rect,
    pub names: [Option<Rect>; 2],
    pub caps: Rect,
    pub table: Rect,
}

pub fn areas(part: &Spend, body: Rect, _shared: &Shared) -> Areas {
    let mut left = body;
    let mut take = |rows: u16| {
        let rows = rows.min(left.height);
        let place = Rect { height: rows, ..left };
        left = Rect { y: left.y + rows, height: left.height - rows, ..left };
        place
    };
    let (head, sums) = (take(1), take(2));
    let caps = part.figures.as_ref().map_or(1, |figures| cap_lines(figures).max(1));
    let caps = caps.min(CAPS).min(body.height / 6 + 1);
    let (chart, caps) = if part.zoomed {
        (take(0), take(0))
    } else {
        take(u16::from(body.height >= 18));
        let high = (body.height.saturating_sub(3 + caps) * 2 / 5).max(4);
        let chart = take(high);
        take(u16::from(body.height >= 18));
        let caps = take(caps);
        take(u16::from(body.height >= 18));
        (chart, caps)
    };
    let table = left;
    let (mut names, mut plot) = ([None, None], chart);
    let least = if part.group == Group::Nothing { BESIDE_PLAIN } else { BESIDE };
    let count = if body.width >= BOTH { 2 } else { u16::from(body.width >= least) };
    if count > 0 {
        let width = if count == 2 { body.width * 3 / 10 } else { body.width * 2 / 5 };
        plot.width = body.width.saturating_sub(count * (width + 3));
        for (slot, place) in (0..count).zip(&mut names) {
            *place = Some(Rect { x: plot.right() + 3 + slot * (width + 3), width, ..chart });
        }
    }
    Areas { head, sums, chart: plot, names, caps, table }
}

pub fn draw(part: &Spend, buffer: &mut Buffer, body: Rect, shared: &Shared) {
    let look = &shared.look;
    let areas = areas(part, body, shared);
    let x = draw::put(buffer, areas.head, 0, 0, part.range.name(), look.style(Tone::Title));
    let x = draw::put(buffer, areas.head, x + 2, 0, part.group.name(), look.style(Tone::Dim));
    let Some(figures) = &part.figures else {
        let room = Rect { y: body.y + 2, height: body.height.saturating_sub(2), ..body };
        let (text, tone) = match (&part.trouble, &shared.link) {
            (Some(reason), _) => {
                let key = shared.keymap.first_key(Action::Refresh, &[]);
                (texts::shared::asks_again(reason, key), Tone::Bad)
            }
            (None, Link::Waiting { why, .. } | Link::Failed { why }) => {
                (texts::shared::cannot_be_read(why), Tone::Dim)
            }
            _ => (texts::shared::BEING_READ.to_owned(), Tone::Pending),
        };
        draw::wrapped(buffer, room, 0, &text, look.style(tone));
        return;
    };
    let rest = Rect { x: areas.head.x + x, width: areas.head.width.saturating_sub(x), ..areas.head };
    let text = format!("  {}", lasts(figures, look));
    // Whole or not at all.
    if draw::width(&text) <= rest.width {
        draw::put_right(buffer, rest, 0, &text, look.style(Tone::Plain));
    } else {
        let text = format!("  {}", lasts_in_short(figures));
        if draw::width(&text) <= rest.width {
            draw::put_right(buffer, rest, 0, &text, look.style(Tone::Plain));
        }
    }
    sums(buffer, areas.sums, figures, look);
    if figures.ever.requests == 0 {
        let room = Rect { y: areas.sums.bottom() + 1, height: 2, ..body };
        let text = texts::spend::NOTHING_YET;
        draw::wrapped(buffer, room.intersection(body), 0, text, look.style(Tone::Dim));
        caps(buffer, areas.caps, figures, shared);
        return;
    }
    chart_of(buffer, areas.chart, figures, shared);
    let shown = match (areas.names, figures.group) {
        ([Some(_), Some(_)], _) => [Some(&figures.providers), Some(&figures.services)],
        (_, Group::Provider | Group::Nothing) => [Some(&figures.services), None],
        (_, Group::Service) => [Some(&figures.providers), None],
    };
    for (place, names) in areas.names.into_iter().zip(shown) {
        if let (Some(place), Some(names)) = (place, names) {
            by_name(buffer, place, names, shared);
        }
    }
    caps(buffer, areas.caps, figures, shared);
    part.table.draw(buffer, areas.table, look);
}

/// `today 1,172  7 days 4,620 …`, each below its word; what has no room is left out whole.
fn sums(buffer: &mut Buffer, area: Rect, figures: &Figures, look: &Look) {
    let all = [
        ("today", figures.today),
        ("7 days", figures.week),
        ("30 days", figures.thirty),
        (texts::spend::THIS_MONTH, figures.month),
        ("ever", figures.ever),
        (texts::spend::ANSWERS_EVER, figures.ever),
        ("disputed", figures.ever),
    ];
    let scale = look.unit.scale(figures.ever.fee.total());
    let write = |amount: Neuron| {
        if look.masked { MASK.to_owned() } else { format!("{} {}", scale.write(amount).trim(), scale.name()) }
    };
    let mut x = 0;
    for (word, spent) in all {
        let text = match word {
            texts::spend::ANSWERS_EVER => grouped(spent.answered.into()),
            "disputed" => write(spent.disputed),
            _ => write(spent.fee.total()),
        };
        let wide = draw::width(&text).max(draw::width(word));
        if x + wide > area.width {
            continue;
        }
        draw::put(buffer, area, x, 0, word, look.style(Tone::Dim));
        draw::put(buffer, area, x, 1, &text, look.style(Tone::Plain));
        x += wide + 3;
    }
}

fn name_in_words(name: &Name, shared: &Shared) -> String {
    match name {
        Name::Provider(provider) => shared.provider(*provider),
        Name::Service(provider, service) => {
            format!("{service} @ {}", shared.provider(*provider).trim_start_matches('@'))
        }
        Name::All => "all".to_owned(),
        Name::Others => "others".to_owned(),
    }
}

fn label(from: u64, step: Step) -> String {
    let day = day_in_words(from);
    let part = match step {
        Step::Day | Step::Week => day.get(5..),
        Step::Month => day.get(..7),
    };
    part.unwrap_or(&day).to_owned()
}

fn chart_of(buffer: &mut Buffer, area: Rect, figures: &Figures, shared: &Shared) {
    let look = &shared.look;
    let step = figures.range.step();
    let day = |stretch: &super::figures::Stretch| chart::Day {
        label: label(stretch.from, step),
        amounts: Some(stretch.stacked.clone()),
    };
    let days: Vec<chart::Day> = figures.stretches.iter().map(day).collect();
    let series: Vec<String> = figures.series.iter().map(|name| name_in_words(name, shared)).collect();
    let series: Vec<&str> = series.iter().map(String::as_str).collect();
    let peak = figures.stretches.iter().map(|one| one.spent.fee.total()).max().unwrap_or(Neuron::ZERO);
    let write = |amount: u128| writes(Neuron::new(amount), peak, look);
    chart::days(buffer, area, &days, &series, write, look);
}

fn by_name(buffer: &mut Buffer, area: Rect, names: &[(Name, Spent)], shared: &Shared) {
    let look = &shared.look;
    let peak = names.iter().map(|(_, spent)| spent.fee.total()).max().unwrap_or(Neuron::ZERO);
    let rows: Vec<Named> = names
        .iter()
        .map(|(name, spent)| Named {
            label: name_in_words(name, shared),
            amount: Some(spent.fee.total().get()),
        })
        .collect();
    chart::names(buffer, area, &rows, |amount| writes(Neuron::new(amount), peak, look), look);
}

fn writes(amount: Neuron, peak: Neuron, look: &Look) -> String {
    if look.masked { MASK.to_owned() } else { look.unit.scale(peak).write(amount) }
}

/// How long the money lasts, in words.
fn lasts(figures: &Figures, look: &Look) -> String {
    let runway = &figures.runway;
    match (runway.days, runway.answers) {
        (Some(days), Some(answers)) => texts::spend::lasts(
            look.amount(runway.available),
            moment::days(days),
            answers,
            look.amount(runway.per_day),
        ),
        _ => texts::spend::pace_not_known(look.amount(runway.available)),
    }
}

fn lasts_in_short(figures: &Figures) -> String {
    match figures.runway.days {
        Some(days) => texts::spend::lasts_days(moment::days(days)),
        None => texts::spend::LASTS_UNKNOWN.to_owned(),
    }
}

fn cap_lines(figures: &Figures) -> u16 {
    u16::try_from(figures.caps.len()).unwrap_or(u16::MAX)
}

/// Whether a time is told to the second.
pub fn counts(figures: &Figures) -> bool {
    figures.caps.iter().any(|cap| cap.cap == Cap::Day)
}

/// The caps, those that are used most first.
fn caps(buffer: &mut Buffer, area: Rect, figures: &Figures, shared: &Shared) {
    let look = &shared.look;
    if figures.caps.is_empty() {
        let key = shared.keymap.first_key(Action::Caps, &[]);
        let text = texts::spend::no_caps(&key);
        let text = if draw::width(&text) <= area.width { text } else { texts::spend::no_caps_short(&key) };
        draw::put(buffer, area, 0, 0, &text, look.style(Tone::Dim));
        return;
    }
    let mut caps: Vec<&CapUse> = figures.caps.iter().collect();
    caps.sort_by_key(|cap| std::cmp::Reverse(permille(cap)));
    let label = |cap: &CapUse| {
        let name = match (cap.cap, cap.provider) {
            (Cap::Request, _) => texts::spend::PER_REQUEST.to_owned(),
            (Cap::Day, _) => texts::spend::PER_DAY.to_owned(),
            (Cap::Provider, provider) => {
                provider.map_or_else(String::new, |provider| shared.provider(provider))
            }
            (Cap::Total, _) => texts::spend::IN_ALL.to_owned(),
        };
        let of = match cap.cap {
            Cap::Request => texts::shared::at_most(look.amount(cap.limit)),
            _ => {
                let (used, limit) = look.part_of(cap.used, cap.limit);
                texts::shared::part_of(used, limit)
            }
        };
        (name, of)
    };
    let labels: Vec<(String, String)> = caps.iter().map(|cap| label(cap)).collect();
    let (first, second) = labels.iter().fold((0, 0), |(first, second), (name, of)| {
        (draw::width(name).max(first), draw::width(of).max(second))
    });
    // Names are cut before figures are.
    let first = first.min(area.width.saturating_sub(second + 12)).max(8);
    // Where not all have room, the last row says how many are missing.
    let high = usize::from(area.height);
    let shown = if caps.len() > high { high.saturating_sub(1) } else { caps.len() };
    for (y, (cap, (name, of))) in (0..area.height).zip(caps.iter().zip(&labels).take(shown)) {
        let row = Rect { y: area.y + y, height: 1, ..area };
        draw::put(buffer, Rect { width: first.min(row.width), ..row }, 0, 0, name, look.style(Tone::Plain));
        let rest = Rect { x: row.x + first + 2, width: row.width.saturating_sub(first + 2), ..row };
        if cap.cap == Cap::Request {
            draw::put(buffer, rest, 0, 0, of, look.style(Tone::Plain));
            continue;
        }
        let padded = format!("{of}{:gap$}", "", gap = usize::from(second.saturating_sub(draw::width(of))));
        let anew = if cap.cap == Cap::Day { texts::spend::anew_in(anew(look.now)) } else { String::new() };
        let fits = second + 12 + draw::width(&anew) <= rest.width;
        let anew = if fits { anew.as_str() } else { "" };
        let start = draw::put_right(buffer, rest, 0, anew, look.style(Tone::Dim));
        let (used, limit) = scaled(cap);
        let tone = match permille(cap) {
            950.. => Tone::Bad,
            800..=949 => Tone::Warn,
            _ => Tone::Good,
        };
        let gauge = Gauge::progress(&padded, used, limit, tone);
        gauge.draw(buffer, Rect { width: start, ..rest }, 0, look);
    }
    if shown < figures.caps.len() && area.height > 0 {
        let row = Rect { y: area.bottom() - 1, height: 1, ..area };
        let more = figures.caps.len() - shown;
        let text = texts::spend::more_used_less(more);
        draw::put(buffer, row, 0, 0, &text, look.style(Tone::Dim));
    }
}

/// When the day's cap begins anew: at midnight, UTC.
fn anew(now: Timestamp) -> String {
    moment::until(now, Timestamp::from_seconds((now.day() + 1).saturating_mul(86_400)))
}

/// Both sides of a cap as a gauge takes them.
fn scaled(cap: &CapUse) -> (u64, u64) {
    let (used, limit) = (cap.used.get().min(cap.limit.get()), cap.limit.get());
    let shift = (128 - limit.leading_zeros()).saturating_sub(64);
    (u64::try_from(used >> shift).unwrap_or(u64::MAX), u64::try_from(limit >> shift).unwrap_or(u64::MAX))
}

fn permille(cap: &CapUse) -> u64 {
    let (used, limit) = scaled(cap);
    // A cap of nothing is used up.
    u64::try_from((u128::from(used) * 1_000).checked_div(u128::from(limit)).unwrap_or(1_000)).unwrap_or(1_000)
}

/// All of it as text, for the clipboard.
pub fn as_text(figures: &Figures, shared: &Shared) -> String {
    let look = &shared.look;
    let mut lines = vec![format!("{}: {}", figures.range.name(), look.in_full(figures.covered.fee.total()))];
    for (name, spent) in &figures.services {
        lines.push(format!("{}: {}", name_in_words(name, shared), look.in_full(spent.fee.total())));
    }
    for stretch in figures.stretches.iter().filter(|stretch| stretch.spent.requests > 0) {
        lines.push(texts::spend::day_to_copy(
            day_in_words(stretch.from),
            stretch.spent.requests,
            look.in_full(stretch.spent.fee.total()),
        ));
    }
    lines.push(lasts(figures, look));
    lines.join("\n")
}
