//! The frame around the screens: tabs, body, status line, hints, and what is open over them.

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use super::layout::{self, LEAST};
use super::message::Source;
use super::model::{Link, Model, Over, Screen};
use super::{detail, hints, overview, settings, settlements};
use crate::tui::help::Word;
use crate::tui::kit::amount::grouped;
use crate::tui::kit::strip::{self, Tab};
use crate::tui::kit::table::{Row, Table};
use crate::tui::kit::{draw, moment, toast};
use crate::tui::texts;
use crate::tui::theme::Tone;

/// What the console's words mean, for its help.
pub const WORDS: &[Word] = &[
    ("owed", texts::shared::MEANS_OWED),
    ("settled", texts::console::MEANS_SETTLED),
    ("unsettled", texts::console::MEANS_UNSETTLED),
    ("voucher", texts::console::MEANS_VOUCHER),
    ("claimable", texts::console::MEANS_CLAIMABLE),
    ("brings", texts::console::MEANS_BRINGS),
    ("reserved", texts::console::MEANS_RESERVED),
    ("refund", texts::console::MEANS_REFUND),
    ("~ <", texts::frame::MEANS_LEFT_OUT),
];

pub fn draw(model: &Model, frame: &mut Frame<'_>) {
    let area = frame.area();
    if let Some(cursor) = paint(model, frame.buffer_mut(), area) {
        frame.set_cursor_position(cursor);
    }
}

/// Draws all of it. Gives where the cursor is, where something is typed.
pub fn paint(model: &Model, buffer: &mut Buffer, area: Rect) -> Option<Position> {
    let look = &model.look;
    if area.width < LEAST.0 || area.height < LEAST.1 {
        let text = texts::console::window_too_small(area.width, area.height, LEAST.0, LEAST.1);
        draw::wrapped(buffer, area, 0, &text, look.style(Tone::Plain));
        return None;
    }
    let areas = layout::areas((area.width, area.height));
    let (tone, word) = link(model);
    strip::tabs(buffer, areas.tabs, &tabs(model), (tone, &word), look);
    let mut cursor = None;
    match model.screen {
        Screen::Overview => overview::draw(model, buffer, areas.body),
        Screen::Settings => settings::draw(model, buffer, areas.body),
        Screen::Users => cursor = list(model, buffer, &model.users, Source::Users),
        Screen::Requests => cursor = list(model, buffer, &model.requests, Source::Requests),
        Screen::Services => cursor = list(model, buffer, &model.services, Source::Services),
        Screen::Settlements => cursor = list(model, buffer, &model.settlements, Source::Settlements),
        Screen::Log => cursor = list(model, buffer, &model.log, Source::Operations),
    }
    status(model, buffer, areas.status);
    strip::hints(buffer, areas.hints, &hints::of(model), hints::help(model).as_ref(), look);
    let place = Rect { x: 0, width: area.width, ..areas.body };
    match &model.over {
        Over::Nothing => {}
        Over::Help(help) => {
            cursor = help.draw(buffer, place, (&model.keymap, WORDS), model.start.read_only, look);
        }
        Over::Palette(palette) => cursor = palette.draw(buffer, place, look),
        Over::Settle(settle) => {
            settle.draw(buffer, place, look);
            cursor = None;
        }
        Over::Confirm(confirm) => {
            confirm.draw(buffer, place, look);
            cursor = None;
        }
        Over::Form(form) => {
            let sending = form.sending.is_some();
            let text = if sending { texts::console::SENT_WAITING.to_owned() } else { form.summary() };
            let tone = if sending { Tone::Pending } else { Tone::Dim };
            let wide = 78.min(place.width);
            let rows = draw::wrap(&text, wide.saturating_sub(4));
            let below = u16::try_from(rows.len()).unwrap_or(1);
            let wanted = form.form.height() + 4 + below;
            let place = draw::middle(place, wide, wanted.min(place.height));
            let inside = draw::boxed(buffer, place, &form.form.title, Tone::Accent, look);
            let fields = Rect { height: inside.height.saturating_sub(below), ..inside };
            cursor = form.form.draw(buffer, fields, look).filter(|_| form.sending.is_none());
            for (y, row) in (fields.height..inside.height).zip(&rows) {
                draw::put(buffer, inside, 0, y, row, look.style(tone));
            }
        }
    }
    // Dialogs tell their own news; over them toasts would only hide it.
    if matches!(model.over, Over::Nothing | Over::Help(_) | Over::Palette(_)) {
        toast::draw(buffer, place, &model.toasts, look);
    }
    cursor
}

fn tabs(model: &Model) -> Vec<Tab> {
    let tab = |screen: Screen| Tab {
        key: screen.digit().to_string(),
        title: screen.title(),
        open: screen == model.screen,
        alarm: alarm(model, screen),
    };
    Screen::ALL.into_iter().map(tab).collect()
}

/// The screen whose tab was clicked.
pub fn tab_at(model: &Model, x: u16) -> Option<Screen> {
    let clicked = strip::tab_at(model.size.0, &tabs(model), &link(model).1, x)?;
    Screen::ALL.get(clicked).copied()
}

/// Whether somebody should look at a screen.
fn alarm(model: &Model, screen: Screen) -> bool {
    match screen {
        Screen::Users => model.alarms.0,
        Screen::Services => model.alarms.1,
        _ => false,
    }
}

fn link(model: &Model) -> (Tone, String) {
    let now = model.look.now;
    match &model.link {
        Link::Connecting => (Tone::Pending, "… connecting".to_owned()),
        Link::Down { since, again, .. } => {
            let wait = again.seconds_since(now);
            let since = if model.size.0 < 80 {
                String::new()
            } else {
                texts::console::since(moment::clock(now, *since))
            };
            (Tone::Bad, texts::console::silent(&since, wait))
        }
        Link::Up if model.frozen => (Tone::Warn, "‖ frozen".to_owned()),
        Link::Up if model.events == Some(true) => (Tone::Good, "● live".to_owned()),
        Link::Up => (Tone::Good, "● polling".to_owned()),
    }
}

fn status(model: &Model, buffer: &mut Buffer, area: Rect) {
    let look = &model.look;
    let mut parts: Vec<(String, Tone)> = Vec::new();
    if model.start.read_only {
        parts.push(("READ-ONLY".to_owned(), Tone::Warn));
    }
    if let Some((_, running)) = model.running.first() {
        parts.push((format!("… {running}"), Tone::Pending));
    }
    match &model.overview {
        Some(overview) => {
            parts.push((look.short(overview.provider), Tone::Plain));
            parts.push((texts::console::claimable(look.amount(overview.claimable)), Tone::Plain));
            let block = overview
                .block
                .map_or(texts::frame::NO_BLOCK_YET.to_owned(), |block| format!("#{}", grouped(block.into())));
            parts.push((texts::console::chain_at(overview.chain_id, &block), Tone::Dim));
            if let Some(wallet) = overview.wallet {
                parts.push((texts::console::gas(look.amount(wallet)), Tone::Dim));
            }
        }
        None => parts.push((model.start.url.clone(), Tone::Dim)),
    }
    if look.masked {
        parts.push(("private".to_owned(), Tone::Warn));
    }
    if !model.mouse {
        parts.push((texts::frame::MOUSE_OFF.to_owned(), Tone::Dim));
    }
    strip::status(buffer, area, &parts, look);
}

fn list<R: Row>(model: &Model, buffer: &mut Buffer, table: &Table<R>, source: Source) -> Option<Position> {
    let look = &model.look;
    let areas = layout::list(model);
    let facts = || detail::facts(model);
    let body = layout::areas(model.size).body;
    if let Some(area) = areas.detail.filter(|area| *area == body) {
        detail::draw(buffer, area, &facts(), model.pane.top(), look);
        return None;
    }
    if let Some(area) = areas.above {
        settlements::draw_forecast(model, buffer, area);
    }
    if let Some(area) = areas.below {
        settlements::draw_decisions(model, buffer, area);
    }
    let cursor = caption(model, buffer, areas.caption, table, source);
    if table.shown() == 0 {
        let room = Rect { y: areas.table.y + 1, height: areas.table.height.saturating_sub(1), ..areas.table };
        draw::wrapped(buffer, room, 0, &empty(model, source, table.rows().is_empty()), look.style(Tone::Dim));
    } else {
        table.draw(buffer, areas.table, look);
    }
    if let Some(area) = areas.detail {
        for y in 0..area.height {
            draw::put(
                buffer,
                Rect { x: area.x - 2, width: 1, ..area },
                0,
                y,
                "│",
                look.style(if model.pane.is_focused() { Tone::Accent } else { Tone::Dim }),
            );
        }
        detail::draw(buffer, area, &facts(), model.pane.top(), look);
    }
    cursor
}

fn caption<R: Row>(
    model: &Model,
    buffer: &mut Buffer,
    area: Rect,
    table: &Table<R>,
    source: Source,
) -> Option<Position> {
    let look = &model.look;
    let (all, shown) = (table.rows().len(), table.shown());
    let mut text = count(model, source, all);
    if shown != all {
        text = texts::shared::part_of(shown, &text);
    }
    let mut pieces = vec![(text, Tone::Title)];
    if all > 1 {
        pieces.push((texts::console::sorted_by(table.sorted_by()), Tone::Dim));
    }
    if let Some(marked) = table.marked_in_words() {
        pieces.push((format!("◆ {marked}"), Tone::Accent));
    }
    if let Some(complaint) = table.complaint() {
        pieces.push((format!("! {complaint}"), Tone::Warn));
    }
    let slot = model.peek(source);
    if let Some(trouble) = slot.trouble.as_ref().filter(|_| model.screen != Screen::Log) {
        let since =
            slot.got.map(|at| texts::console::shown_at(moment::clock(look.now, at))).unwrap_or_default();
        pieces.push((format!("✗ {trouble}{since}"), Tone::Bad));
    } else if let (Link::Down { .. }, Some(at)) = (&model.link, slot.got) {
        pieces.push((texts::console::as_of(moment::clock(look.now, at)), Tone::Bad));
    }
    let mut x = 0;
    for (text, tone) in &pieces {
        x = draw::put(buffer, area, x, 0, text, look.style(*tone)) + 2;
    }
    // Which unit the columns have that do not name theirs.
    if table.in_neuron(look) && x + 16 < area.width && !model.typing {
        draw::put_right(buffer, area, 0, texts::console::AMOUNTS_IN_NEURON, look.style(Tone::Dim));
    }
    if !model.typing && table.filter.is_empty() {
        return None;
    }
    x = draw::put(buffer, area, x, 0, "/", look.style(Tone::Accent));
    x = draw::put(buffer, area, x, 0, &table.filter, look.style(Tone::Plain));
    model.typing.then(|| Position::new((area.x + x).min(area.right().saturating_sub(1)), area.y))
}

fn count(model: &Model, source: Source, all: usize) -> String {
    match source {
        Source::Users => texts::numbers::users(all),
        Source::Services => texts::numbers::services(all),
        Source::Settlements => texts::numbers::settlements(all),
        Source::Requests => {
            let live = model.requests_live;
            let total = model.requests_total;
            let newest =
                if total > u64::try_from(all).unwrap_or(u64::MAX) { texts::console::NEWEST_OF } else { "" };
            let all = texts::numbers::requests(total);
            let fee = model
                .requests_fee
                .map(|fee| texts::console::and_fees(model.look.amount(fee)))
                .unwrap_or_default();
            texts::console::requests_live(newest, &all, live, &fee)
        }
        Source::Overview | Source::Operations => texts::numbers::lines(all),
    }
}

/// What stands where rows would be.
fn empty(model: &Model, source: Source, nothing: bool) -> String {
    if !nothing {
        return texts::console::NOTHING_FITS.to_owned();
    }
    let slot = model.peek(source);
    match (&model.link, &slot.trouble, slot.got) {
        (Link::Down { reason, .. }, _, None) => {
            return texts::console::no_broker_answers(&model.start.url, reason);
        }
        (_, Some(trouble), _) => return trouble.clone(),
        (_, None, None) if source != Source::Operations => return texts::console::ASKING.to_owned(),
        _ => {}
    }
    match source {
        Source::Users => texts::console::NO_USERS,
        Source::Requests => texts::console::NO_REQUESTS,
        Source::Services if model.start.read_only => texts::console::NO_SERVICES_READ_ONLY,
        Source::Services => texts::console::NO_SERVICES,
        Source::Settlements => texts::console::NO_SETTLEMENTS,
        Source::Overview | Source::Operations => texts::log::NOTHING_YET,
    }
    .to_owned()
}
