//! The picture: the service, the transfers, and what is asked over them.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use super::question::{self, Question};
use super::transfer::{Outcome, Stage, Transfer, Way};
use super::{Storage, storages};
use crate::domain::Neuron;
use crate::tui::keymap::Action;
use crate::tui::kit::draw;
use crate::tui::kit::gauge::Gauge;
use crate::tui::kit::look::Look;
use crate::tui::texts;
use crate::tui::theme::Tone;
use crate::tui::user::shared::Shared;

/// Rows of a transfer.
pub const ROWS: u16 = 3;

#[derive(Clone, Copy, Debug)]
pub struct Areas {
    pub head: Rect,
    pub list: Rect,
}

pub fn areas(body: Rect) -> Areas {
    let head = Rect { height: 3.min(body.height), ..body };
    let list = Rect { y: head.bottom(), height: body.height - head.height, ..body };
    Areas { head, list }
}

pub fn draw(part: &Storage, buffer: &mut Buffer, body: Rect, shared: &Shared) -> Option<Position> {
    let look = &shared.look;
    let areas = areas(body);
    head(part, buffer, areas.head, shared);
    if part.transfers.is_empty() {
        let text = match part.service(shared) {
            Some(_) => texts::storage::no_file_yet(
                &shared.keymap.first_key(Action::Upload, &[]),
                &shared.keymap.first_key(Action::Download, &[]),
            ),
            None => texts::storage::NO_SERVICE_ON_CHAIN.to_owned(),
        };
        draw::wrapped(buffer, areas.list, 0, &text, look.style(Tone::Dim));
    }
    for (row, one) in (0u16..).zip(part.transfers.iter().skip(part.top)) {
        let y = row.saturating_mul(ROWS);
        if y + 2 > areas.list.height {
            break;
        }
        let high = ROWS.min(areas.list.height - y);
        let place = Rect { y: areas.list.y + y, height: high, ..areas.list };
        transfer(buffer, place, one, part.top + usize::from(row) == part.at, shared);
    }
    let place = Rect { x: 0, width: buffer.area.width, ..body };
    match &part.question {
        None => None,
        Some(Question::Sure(sure)) => sure.money.draw(buffer, place, look),
        Some(Question::File { way, form, names, looking }) => {
            let extra = if *way == Way::Up { 5 } else { 1 };
            let high = (form.height() + 2 + extra).min(place.height);
            let inside = draw::boxed(buffer, draw::middle(place, 76, high), &form.title, Tone::Accent, look);
            let room = Rect { height: form.height().min(inside.height), ..inside };
            let cursor = form.draw(buffer, room, look);
            let below = Rect { y: room.bottom(), height: inside.height - room.height, ..inside };
            if *looking {
                draw::put(buffer, below, 0, 0, "… looking", look.style(Tone::Pending));
            } else if *way == Way::Up {
                for (y, name) in (0..below.height).zip(names) {
                    let last = y + 1 == below.height && names.len() > usize::from(below.height);
                    let text = if last { texts::storage::names(names.len()) } else { name.clone() };
                    draw::put(buffer, below, 1, y, &text, look.style(Tone::Dim));
                }
            } else if let Some(Ok(order)) =
                part.service(shared).map(|service| question::read(*way, form, service, 0))
            {
                let text = texts::shared::at_most(look.amount(order.at_most()));
                draw::put(buffer, below, 1, 0, &text, look.style(Tone::Plain));
            }
            cursor
        }
    }
}

fn head(part: &Storage, buffer: &mut Buffer, area: Rect, shared: &Shared) {
    let look = &shared.look;
    let Some(service) = part.service(shared) else {
        draw::put(buffer, area, 0, 0, texts::labels::FILES, look.style(Tone::Title));
        return;
    };
    let name = shared.service_of(service.provider, &service.name);
    let x = draw::put(buffer, area, 0, 0, &name, look.style(Tone::Title));
    let others = storages(shared).count().saturating_sub(1);
    if others > 0 {
        draw::put(buffer, area, x + 2, 0, &texts::storage::other_services(others), look.style(Tone::Dim));
    }
    let account = shared.snapshot.accounts.iter().find(|account| account.provider == service.provider);
    let available = account.map_or(texts::shared::NO_ACCOUNT_YET.to_owned(), |account| {
        texts::shared::spendable(look.amount(account.available))
    });
    // A megabyte says more than a byte.
    let million =
        |price: Neuron| price.checked_mul(1_000_000).map_or("-".to_owned(), |price| look.amount(price));
    let prices = texts::storage::prices(million(service.prices.input), million(service.prices.output));
    let wide = draw::width(&prices) + draw::width(&available) + 2;
    draw::put(buffer, area, 0, 1, &prices, look.style(Tone::Plain));
    if wide <= area.width {
        draw::put_right(
            buffer,
            Rect { y: area.y + 1, height: 1, ..area },
            0,
            &available,
            look.style(Tone::Dim),
        );
    }
}

fn transfer(buffer: &mut Buffer, area: Rect, one: &Transfer, selected: bool, shared: &Shared) {
    let look = &shared.look;
    if selected {
        buffer.set_style(Rect { height: 1, ..area }, look.theme.selected());
        draw::put(buffer, area, 0, 0, "▌", look.style(Tone::Accent));
    }
    let (tone, sign) = match one.outcome {
        Outcome::Moving => (Tone::Pending, "…"),
        Outcome::Done(_) => (Tone::Good, "✓"),
        Outcome::Stopped => (Tone::Warn, "‖"),
        Outcome::Failed(_) => (Tone::Bad, "✗"),
    };
    let arrow = if one.order.way == Way::Up { "↑ up" } else { "↓ down" };
    let cost = cost(one, look);
    let start = draw::put_right(buffer, Rect { height: 1, ..area }, 0, &cost, look.style(Tone::Plain));
    let left = Rect { width: start.saturating_sub(1).min(area.width), ..area };
    let x = draw::put(buffer, left, 1, 0, &format!("{sign} {arrow} "), look.style(tone));
    draw::put(buffer, left, x, 0, &one.order.file, look.style(Tone::Plain));
    let row = Rect { x: area.x + 3, y: area.y + 1, width: area.width.saturating_sub(3), height: 1 };
    match &one.outcome {
        Outcome::Moving => moving(buffer, row, one, look),
        Outcome::Done(result) => {
            let size = question::size(one.bytes);
            let text = match one.order.way {
                Way::Up => format!("{result}  {size}  {}", look.time(one.began)),
                Way::Down => texts::storage::stored(result, &size, &one.order.id),
            };
            draw::put(buffer, row, 0, 0, &text, look.style(Tone::Dim));
        }
        Outcome::Stopped => {
            let text = texts::storage::stopped_after(question::size(one.bytes));
            draw::put(buffer, row, 0, 0, &text, look.style(Tone::Dim));
        }
        Outcome::Failed(reason) => {
            draw::put(buffer, row, 0, 0, reason, look.style(Tone::Bad));
        }
    }
}

fn cost(one: &Transfer, look: &Look) -> String {
    match (&one.outcome, one.fee) {
        (Outcome::Moving, _) => {
            texts::storage::so_far_of(look.amount(one.so_far()), look.amount(one.order.at_most()))
        }
        (_, Some(fee)) => look.amount(fee),
        (_, None) => texts::shared::FIGURE_NOT_KNOWN_YET.to_owned(),
    }
}

fn moving(buffer: &mut Buffer, row: Rect, one: &Transfer, look: &Look) {
    let (bytes, whole) = (one.progress.bytes(), one.progress.whole());
    let seconds = look.now.seconds_since(one.began);
    // A second passes before a rate says anything.
    let rate = bytes
        .checked_div(seconds)
        .map_or(String::new(), |rate| texts::storage::a_second(question::size(rate)));
    match (one.progress.stage(), whole) {
        (Stage::Reading, Some(whole)) => {
            let label = texts::storage::reading(question::size(bytes), question::size(whole));
            Gauge::progress(&label, bytes, whole, Tone::Pending).draw(buffer, row, 0, look);
        }
        (Stage::Receiving, Some(whole)) => {
            let label = texts::storage::done_of(question::size(bytes), question::size(whole), &rate);
            Gauge::progress(&label, bytes, whole, Tone::Accent).draw(buffer, row, 0, look);
        }
        (Stage::Receiving, None) => {
            draw::put(
                buffer,
                row,
                0,
                0,
                &format!("{}{rate}", question::size(bytes)),
                look.style(Tone::Pending),
            );
        }
        (Stage::Sending, _) if one.order.way == Way::Up => {
            let text = texts::storage::on_the_way(question::size(one.order.bytes), seconds);
            draw::put(buffer, row, 0, 0, &text, look.style(Tone::Pending));
        }
        (Stage::Reading | Stage::Sending, _) => {
            let text = texts::storage::waiting(seconds);
            draw::put(buffer, row, 0, 0, &text, look.style(Tone::Pending));
        }
    }
}

/// A transfer as text, for the clipboard.
pub fn as_text(one: &Transfer, shared: &Shared) -> String {
    let mut lines = vec![
        texts::storage::copied_file(&one.order.file),
        texts::storage::copied_service(shared.service_of(one.order.provider, &one.order.service)),
        texts::storage::copied_bytes(one.bytes),
    ];
    lines.extend(one.id().map(texts::storage::copied_id));
    lines.extend(one.request.map(texts::storage::copied_request));
    lines.extend(one.fee.map(|fee| texts::storage::copied_fee(shared.look.in_full(fee))));
    lines.join("\n")
}
