//! The overview: is anything wrong, what was earned, what comes next.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::message::Source;
use super::model::{Link, Model};
use super::{services, settlements, users};
use crate::domain::Neuron;
use crate::tui::kit::amount::grouped;
use crate::tui::kit::draw;
use crate::tui::kit::{moment, toast};
use crate::tui::texts;
use crate::tui::theme::Tone;
use crate::wire::admin::Overview;

/// Two columns from this width on.
const WIDE: u16 = 100;

pub fn draw(model: &Model, buffer: &mut Buffer, area: Rect) {
    let attention = attention(model, if area.width >= WIDE { area.width / 2 - 1 } else { area.width });
    if area.width >= WIDE {
        let left = Rect { width: area.width / 2 - 1, ..area };
        let right = Rect { x: area.x + area.width / 2 + 1, width: area.width - area.width / 2 - 1, ..area };
        let y = money(model, buffer, left, true) + 1;
        let y = y + broker(model, buffer, below(left, y)) + 1;
        lately(model, buffer, below(left, y));
        let y = next(model, buffer, right) + 1;
        draw_attention(model, buffer, below(right, y), &attention);
        return;
    }
    // What is wrong comes before what is well, where there is no room for both.
    let urgent = attention.iter().any(|(tone, _)| matches!(tone, Tone::Bad | Tone::Warn));
    let gap = u16::from(area.height >= 20);
    let mut y = 0;
    if urgent {
        let rows = u16::try_from(attention.len()).unwrap_or(u16::MAX).min(3) + 1;
        draw_attention(model, buffer, Rect { height: rows.min(area.height), ..area }, &attention);
        y += rows + gap;
    }
    y += money(model, buffer, below(area, y), area.height >= 30) + gap;
    y += next(model, buffer, below(area, y)) + gap;
    if !urgent {
        draw_attention(model, buffer, below(area, y), &attention);
    } else {
        lately(model, buffer, below(area, y));
    }
}

fn below(area: Rect, y: u16) -> Rect {
    let y = y.min(area.height);
    Rect { y: area.y + y, height: area.height - y, ..area }
}

/// Rows of money. Gives how many.
fn money(model: &Model, buffer: &mut Buffer, area: Rect, all: bool) -> u16 {
    let look = &model.look;
    draw::heading(buffer, area, 0, texts::labels::MONEY, look);
    let Some(overview) = &model.overview else {
        return 1 + draw::wrapped(buffer, below(area, 1), 0, &missing(model), look.style(Tone::Dim));
    };
    let earned =
        [overview.earned, overview.settled, overview.unsettled, overview.claimable, overview.reserved];
    let peak = earned.into_iter().max().unwrap_or_default();
    let scale = look.unit.scale(peak);
    let write = |amount: Neuron| {
        if look.masked { "•••••".to_owned() } else { scale.write(amount).trim_end().to_owned() }
    };
    let wide = earned.iter().map(|amount| draw::width(&write(*amount))).max().unwrap_or(0);
    let figures = Rect { x: area.x + 12, width: wide.min(area.width.saturating_sub(12)), ..area };
    let note = 13 + wide;
    let mut y = 1;
    let mut row = |buffer: &mut Buffer, label: &str, amount: Neuron, tone: Tone, text: &str| {
        draw::put(buffer, area, 0, y, label, look.style(Tone::Dim));
        draw::put_right(buffer, figures, y, &write(amount), look.style(tone));
        draw::put(buffer, area, note, y, text, look.style(Tone::Dim));
        y += 1;
    };
    let unit = scale.name();
    row(buffer, texts::terms::EARNED, overview.earned, Tone::Title, &texts::console::in_all_answers(unit));
    row(buffer, texts::terms::SETTLED, overview.settled, Tone::Good, &texts::console::paid_on_chain(unit));
    let debtors = match overview.debtors {
        0 => texts::console::NOBODY_OWES.to_owned(),
        many => texts::console::owed_by(many),
    };
    row(buffer, texts::terms::UNSETTLED, overview.unsettled, Tone::Plain, &format!("{unit}  {debtors}"));
    row(
        buffer,
        texts::terms::CLAIMABLE,
        overview.claimable,
        Tone::Accent,
        &texts::console::t_settles_it(unit),
    );
    let live = texts::console::for_in_flight(unit, overview.in_flight);
    row(buffer, texts::terms::RESERVED, overview.reserved, Tone::Plain, &live);
    if all {
        let bar = Rect { x: area.x + 12, width: area.width.saturating_sub(12), ..area };
        let waiting = overview.unsettled.above(overview.claimable);
        let parts = [
            (overview.settled.get(), '█', Tone::Good),
            (overview.claimable.get().min(overview.unsettled.get()), '▒', Tone::Accent),
            (waiting.get(), '░', Tone::Warn),
        ];
        if !look.masked {
            draw::bar(buffer, bar, y, &parts, look);
            let key = [
                ("█", Tone::Good),
                (" settled  ", Tone::Dim),
                ("▒", Tone::Accent),
                (" claimable  ", Tone::Dim),
                ("░", Tone::Warn),
                (texts::console::NOT_CLAIMABLE_YET, Tone::Dim),
            ];
            draw::line(buffer, bar, 0, y + 1, &key, look);
            y += 2;
        }
    }
    draw::put(buffer, area, 0, y, texts::terms::TODAY, look.style(Tone::Dim));
    let today = texts::console::today_in(
        look.amount(overview.today.fee),
        texts::numbers::requests(overview.today.requests),
    );
    draw::put(buffer, area, 12, y, &today, look.style(Tone::Plain));
    draw::put(buffer, area, 0, y + 1, texts::terms::GAS, look.style(Tone::Dim));
    let wallet = overview.wallet.map_or(texts::console::WALLET_NOT_KNOWN.to_owned(), |wallet| {
        texts::console::wallet_left(look.amount(wallet))
    });
    let gas = texts::console::wallet_and_spent(&wallet, look.amount(overview.gas_spent));
    draw::put(buffer, area, 12, y + 1, &gas, look.style(Tone::Plain));
    y + 2
}

/// Why there is no overview.
fn missing(model: &Model) -> String {
    let slot = model.peek(Source::Overview);
    match (&model.link, &slot.trouble) {
        (Link::Down { reason, .. }, _) => texts::console::no_broker_answers(&model.start.url, reason),
        _ if slot.absent => texts::console::NO_OVERVIEW.to_owned(),
        (_, Some(trouble)) => trouble.clone(),
        _ => texts::console::ASKING.to_owned(),
    }
}

/// The next settlement. Gives how many rows.
fn next(model: &Model, buffer: &mut Buffer, area: Rect) -> u16 {
    let look = &model.look;
    let automatic = match &model.overview {
        Some(overview) if !overview.automatic => texts::console::NEXT_SETTLEMENT_BY_HAND,
        _ => texts::console::NEXT_SETTLEMENT,
    };
    draw::heading(buffer, area, 0, automatic, look);
    let inside = below(area, 1);
    match &model.forecast {
        Some(forecast) => 1 + settlements::next(buffer, inside, forecast, look),
        None => {
            draw::put(buffer, inside, 0, 0, texts::console::NOT_KNOWN_YET_ALONE, look.style(Tone::Dim));
            2
        }
    }
}

/// The newest lines of the log.
fn lately(model: &Model, buffer: &mut Buffer, area: Rect) {
    let look = &model.look;
    if area.height < 3 || model.log.rows().is_empty() {
        return;
    }
    draw::heading(buffer, area, 0, texts::labels::LATELY, look);
    let mut lines: Vec<_> = model.log.rows().iter().collect();
    lines.sort_by_key(|line| (line.at, line.number));
    for (y, line) in (1..area.height).zip(lines.iter().rev()) {
        draw::put(buffer, area, 0, y, &look.time(line.at), look.style(Tone::Dim));
        let text = format!("{} {}", toast::sign(line.tone), line.text);
        draw::put(buffer, area, 12, y, &text, look.style(line.tone));
    }
}

/// Who and where. Gives how many rows.
fn broker(model: &Model, buffer: &mut Buffer, area: Rect) -> u16 {
    let look = &model.look;
    let Some(overview) = &model.overview else { return 0 };
    draw::heading(buffer, area, 0, texts::labels::BROKER, look);
    let block = match (overview.block, overview.block_at) {
        (Some(block), Some(at)) => {
            texts::console::block_of(grouped(block.into()), moment::clock(look.now, at))
        }
        (Some(block), None) => format!("#{}", grouped(block.into())),
        _ => texts::shared::NONE_YET.to_owned(),
    };
    let lines = [
        ("provider", look.address(overview.provider)),
        ("contract", look.address(overview.contract)),
        ("chain", texts::console::chain_and_block(overview.chain_id, &block)),
        ("offers", texts::console::services_to_users(overview.services, overview.users)),
        ("credit", texts::console::credit_for_each(look.amount(overview.credit_limit))),
        ("lock", texts::console::refunds_locked_for(moment::length(overview.lock_time))),
    ];
    for (y, (label, text)) in (1..area.height).zip(&lines) {
        draw::put(buffer, area, 0, y, label, look.style(Tone::Dim));
        draw::put(buffer, area, 12, y, text, look.style(Tone::Plain));
    }
    u16::try_from(lines.len()).unwrap_or(u16::MAX) + 1
}

fn draw_attention(model: &Model, buffer: &mut Buffer, area: Rect, found: &[(Tone, String)]) {
    let look = &model.look;
    if area.height == 0 {
        return;
    }
    draw::heading(buffer, area, 0, texts::shared::NEEDS_YOU, look);
    let room = usize::from(area.height - 1);
    for (y, (tone, text)) in (1..area.height).zip(found) {
        let more = found.len() > room && usize::from(y) == room;
        let text = if more { texts::console::and_more(found.len() - room + 1) } else { text.clone() };
        draw::put(buffer, area, 0, y, &text, look.style(if more { Tone::Dim } else { *tone }));
    }
}

/// What somebody should look at, worst first; shorter where there is less room.
pub fn attention(model: &Model, room: u16) -> Vec<(Tone, String)> {
    let look = &model.look;
    let mut found = Vec::new();
    if let Some(overview) = &model.overview {
        health(overview, &mut found);
    }
    for user in model.users.rows().iter().filter(|user| !users::is_well(user)) {
        let (tone, word) = users::risk(user, look.now);
        if matches!(tone, Tone::Bad | Tone::Warn) {
            let by = user.settle_by.filter(|_| room >= 70).map(|at| match look.until(at).as_str() {
                "due" => texts::console::SETTLES_NOW.to_owned(),
                wait => texts::console::settles_in(wait),
            });
            let owes = if user.unsettled.is_zero() {
                texts::console::OWES_NOTHING.to_owned()
            } else {
                texts::console::owes(look.amount(user.unsettled))
            };
            found.push((tone, format!("{word}  {} {owes}{}", look.short(user.user), by.unwrap_or_default())));
        }
    }
    for service in model.services.rows() {
        let name = &service.name;
        if service.health.state == "failing" {
            let why = service.health.reason.as_deref().map(|why| format!(": {why}")).unwrap_or_default();
            found.push((Tone::Bad, texts::console::server_fails(name, &why)));
        }
        if !service.differs.is_empty() {
            let fields: Vec<String> = service.differs.iter().map(|key| services::field_words(key)).collect();
            let text = texts::console::chain_lists_another(name, fields.join(", "));
            found.push((Tone::Warn, text));
        }
        if service.paused {
            found.push((Tone::Warn, format!("{}: {name}", services::state(service).1)));
        }
    }
    found.sort_by_key(|(tone, _)| if *tone == Tone::Bad { 0 } else { 1 });
    if found.is_empty() {
        found.push(if model.overview.is_some() {
            (Tone::Good, texts::shared::ALL_IS_WELL.to_owned())
        } else if model.peek(Source::Users).got.is_some() {
            (Tone::Dim, texts::console::NOTHING_BUT_HEALTH.to_owned())
        } else {
            (Tone::Dim, texts::shared::NOT_KNOWN_YET.to_owned())
        });
    }
    found
}

fn health(overview: &Overview, found: &mut Vec<(Tone, String)>) {
    if let Some(trouble) = &overview.health.chain {
        found.push((Tone::Bad, texts::console::chain_not_reached(trouble)));
    }
    if let Some(trouble) = &overview.health.store {
        found.push((Tone::Bad, texts::console::disk_takes_no_writes(trouble)));
    }
    for task in &overview.health.dead {
        let task = crate::domain::clean::clean(task, 60);
        found.push((Tone::Bad, texts::console::task_died(&task)));
    }
    if overview.health.stopping {
        found.push((Tone::Warn, texts::console::BROKER_STOPPING.to_owned()));
    }
    let costs = overview.forecast.as_ref().map(|forecast| forecast.costs).unwrap_or_default();
    match overview.wallet {
        Some(wallet) if wallet.is_zero() => {
            found.push((Tone::Bad, texts::console::EMPTY_WALLET.to_owned()));
        }
        Some(wallet) if costs.checked_mul(10).is_none_or(|ten| wallet < ten) => {
            found.push((Tone::Warn, texts::console::LITTLE_GAS.to_owned()));
        }
        _ => {}
    }
}
