//! The pictures of the guide: where somebody is, one question, what the keys do.

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use super::model::{Entry, Model, Opening, Place, Replace, WELCOME};
use super::strength::strength;
use crate::tui::kit::amount::grouped;
use crate::tui::kit::form::Form;
use crate::tui::kit::qr::Qr;
use crate::tui::kit::toast::sign;
use crate::tui::kit::{draw, moment};
use crate::tui::texts;
use crate::tui::theme::Tone;

/// The least it can be drawn in.
const LEAST: (u16, u16) = (60, 16);
/// Longer lines are tiring to read.
const WIDEST: u16 = 100;

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
        let text = texts::start::window_too_small(area.width, area.height, LEAST.0, LEAST.1);
        draw::wrapped(buffer, area, 0, &text, look.style(Tone::Plain));
        return None;
    }
    header(model, buffer, Rect { height: 1, ..area });
    let width = area.width.saturating_sub(4).min(WIDEST);
    let body = Rect::new(area.x + 2, area.y + 2, width, area.height.saturating_sub(4));
    let cursor = match model.place() {
        Place::Welcome => welcome(model, buffer, body),
        Place::Chain => chain(model, buffer, body),
        Place::Wallet => wallet(model, buffer, body),
        Place::Create => key(model, buffer, body, &model.create, texts::start::NEW_KEY),
        Place::Import => key(model, buffer, body, &model.import, texts::start::OWN_KEY),
        Place::ImportFile => {
            let text = texts::start::OTHER_FILE;
            key(model, buffer, body, &model.import_file, text)
        }
        Place::Unlock(address) => {
            key(model, buffer, body, &model.unlock, &texts::start::key_is_locked(address))
        }
        Place::Fund => fund(model, buffer, body),
    };
    if let Some(complaint) = &model.complaint {
        let place = Rect { y: body.bottom().saturating_sub(2), height: 2, ..body };
        draw::wrapped(buffer, place, 0, &format!("✗ {complaint}"), look.style(Tone::Bad));
    }
    let hints = Rect { y: area.bottom() - 1, height: 1, ..area };
    draw::put(buffer, hints, 1, 0, hint(model), look.style(Tone::Dim));
    if let Some(replace) = &model.replace {
        ask(model, replace, buffer, area);
        return None;
    }
    cursor
}

fn header(model: &Model, buffer: &mut Buffer, area: Rect) {
    let look = &model.look;
    let x = draw::put(buffer, area, 1, 0, "zgserve-tui ", look.style(Tone::Title));
    let x = draw::put(buffer, area, x, 0, model.setup.version, look.style(Tone::Dim)) + 3;
    let steps: &[&str] = match (model.setup.opening, model.only_look) {
        (Opening::First, true) => &["begin", "chain"],
        (Opening::First, false) => &["begin", "chain", "wallet", "money"],
        (Opening::Key, _) => &["wallet", "money"],
        (Opening::Unlock(_), _) => &["unlock"],
    };
    let here = match model.place() {
        Place::Welcome => "begin",
        Place::Chain => "chain",
        Place::Unlock(_) if matches!(model.setup.opening, Opening::Unlock(_)) => "unlock",
        Place::Wallet | Place::Create | Place::Import | Place::ImportFile | Place::Unlock(_) => "wallet",
        Place::Fund => "money",
    };
    let mut x = x;
    for (index, step) in steps.iter().enumerate() {
        if index > 0 {
            x = draw::put(buffer, area, x, 0, " › ", look.style(Tone::Dim));
        }
        let style = if *step == here { look.theme.focused() } else { look.style(Tone::Dim) };
        x = draw::put(buffer, area, x, 0, &format!(" {step} "), style);
    }
}

fn hint(model: &Model) -> &'static str {
    if model.working || model.saving {
        return texts::start::KEYS_WORKING;
    }
    match model.place() {
        Place::Welcome => texts::start::KEYS_CHOOSE_QUIT,
        Place::Wallet if model.path.len() == 1 => texts::start::KEYS_CHOOSE_QUIT,
        Place::Wallet => texts::start::KEYS_CHOOSE,
        Place::Fund => texts::start::KEYS_FUNDING,
        Place::Unlock(_) if model.path.len() == 1 => texts::start::KEYS_UNLOCK,
        _ => texts::start::KEYS_FORM,
    }
}

/// A row of a menu.
fn entry(model: &Model, buffer: &mut Buffer, area: Rect, y: u16, number: usize, chosen: bool, text: &str) {
    let look = &model.look;
    let row = Rect { y: area.y.saturating_add(y), height: 1, ..area };
    if y >= area.height {
        return;
    }
    if chosen {
        buffer.set_style(row, look.theme.selected());
    }
    let tone = if chosen { Tone::Accent } else { Tone::Plain };
    let mark = if chosen { "▸" } else { " " };
    draw::put(buffer, row, 0, 0, &format!("{mark} {number}  {text}"), look.style(tone));
}

fn welcome(model: &Model, buffer: &mut Buffer, area: Rect) -> Option<Position> {
    let look = &model.look;
    draw::put(buffer, area, 0, 0, texts::start::HOW_TO_BEGIN, look.style(Tone::Title));
    let mut y = 2;
    for (index, (name, _)) in WELCOME.iter().enumerate() {
        entry(model, buffer, area, y, index + 1, index == model.welcome, name);
        y += 1;
    }
    if let Some((_, about)) = WELCOME.get(model.welcome) {
        draw::wrapped(buffer, area, y + 1, about, look.style(Tone::Plain));
    }
    let file = texts::start::settings_kept(model.setup.settings_file.display());
    draw::put(buffer, area, 0, area.height.saturating_sub(1), &file, look.style(Tone::Dim));
    None
}

fn chain(model: &Model, buffer: &mut Buffer, area: Rect) -> Option<Position> {
    let look = &model.look;
    let title =
        if model.only_look { texts::start::WHICH_CHAIN_TO_LOOK_AT } else { texts::start::WHICH_CHAIN };
    draw::put(buffer, area, 0, 0, title, look.style(Tone::Title));
    let form = Rect { y: area.y + 2, height: area.height.saturating_sub(6).min(7), ..area };
    let cursor = model.chain.draw(buffer, form, look);
    let y = form.bottom() + 1;
    let rest = Rect { y, height: area.bottom().saturating_sub(y).min(4), ..area };
    let seen = match (model.check.asked, model.seen()) {
        (Some(_), _) => {
            draw::put(buffer, rest, 0, 0, texts::start::ASKING, look.style(Tone::Pending));
            return cursor;
        }
        (None, None) => {
            draw::put(buffer, rest, 0, 0, texts::start::NOT_LOOKED_AT, look.style(Tone::Dim));
            return cursor;
        }
        (None, Some(seen)) => seen,
    };
    let node = seen.node.as_ref().map(|node| {
        let block = grouped(node.block.into());
        texts::start::chain_answers(node.chain_id, &block, node.milliseconds)
    });
    let contract = seen.contract.as_ref().map(|contract| {
        contract.as_ref().map(|lock_time| texts::start::contract_locks(moment::length(*lock_time)))
    });
    // In full here, since there is little room under a field.
    let mut y = 0;
    for found in [Some(node), contract].into_iter().flatten() {
        let (tone, text) = match &found {
            Ok(text) => (Tone::Good, text),
            Err(text) => (Tone::Bad, *text),
        };
        y += draw::wrapped(buffer, rest, y, &format!("{} {text}", sign(tone)), look.style(tone));
    }
    cursor
}

fn wallet(model: &Model, buffer: &mut Buffer, area: Rect) -> Option<Position> {
    let look = &model.look;
    let title = if model.setup.keys.is_empty() { texts::start::WHOSE_MONEY } else { texts::start::WHICH_KEY };
    draw::put(buffer, area, 0, 0, title, look.style(Tone::Title));
    let entries = model.entries();
    // The chosen one is always in sight.
    let room = usize::from(area.height.saturating_sub(6)).max(1);
    let first = (model.wallet + 1).saturating_sub(room);
    let mut y = 2;
    for (index, one) in entries.iter().enumerate().skip(first).take(room) {
        let text = match one {
            Entry::Use(address) if model.key.as_ref().is_some_and(|key| key.address() == *address) => {
                texts::start::unlocked(address)
            }
            Entry::Use(address) => address.to_string(),
            Entry::Create => texts::start::MAKE_A_KEY.to_owned(),
            Entry::Import => texts::start::BRING_A_KEY.to_owned(),
            Entry::ImportFile => texts::start::BRING_A_FILE.to_owned(),
            Entry::Later => texts::start::LATER.to_owned(),
        };
        entry(model, buffer, area, y, index + 1, index == model.wallet, &text);
        y += 1;
    }
    let about = match entries.get(model.wallet) {
        Some(Entry::Use(_)) => texts::start::FOUND_MEANS,
        Some(Entry::Create) => texts::start::MAKE_A_KEY_MEANS,
        Some(Entry::Import) => texts::start::BRING_A_KEY_MEANS,
        Some(Entry::ImportFile) => texts::start::BRING_A_FILE_MEANS,
        Some(Entry::Later) | None => texts::start::LATER_MEANS,
    };
    draw::wrapped(buffer, area, y + 1, about, look.style(Tone::Plain));
    None
}

fn key(model: &Model, buffer: &mut Buffer, area: Rect, form: &Form, title: &str) -> Option<Position> {
    let look = &model.look;
    let y = draw::wrapped(buffer, area, 0, title, look.style(Tone::Title)) + 1;
    let fields =
        Rect { y: area.y + y, height: area.height.saturating_sub(y + 3).min(form.height() + 2), ..area };
    let cursor = form.draw(buffer, fields, look);
    let rest = Rect { y: fields.bottom(), height: 2, ..area };
    if model.working {
        let text = texts::start::WORKING;
        draw::wrapped(buffer, rest, 0, text, look.style(Tone::Pending));
        return None;
    }
    // In full here, since there is little room under a field.
    let label = form.fields.iter().map(|field| draw::width(field.label)).max().unwrap_or(0) + 4;
    let long = |text: &&String| draw::width(text) > area.width.saturating_sub(label);
    if let Some(text) = form.fields.iter().filter_map(|field| field.complaint.as_ref()).find(long) {
        draw::wrapped(buffer, rest, 0, &format!("✗ {text}"), look.style(Tone::Bad));
    } else if form.fields.iter().any(|field| field.key == "again") {
        let typed = form.fields.iter().find(|field| field.key == "passphrase");
        let (tone, text) = strength(typed.map_or("", |field| field.value.as_str()));
        draw::wrapped(buffer, rest, 0, text, look.style(tone));
    }
    cursor
}

/// Cells of the text beside a QR code: an address fits.
const TEXT: u16 = 44;

fn fund(model: &Model, buffer: &mut Buffer, area: Rect) -> Option<Position> {
    let look = &model.look;
    let Some(own) = &model.key else { return None };
    draw::put(buffer, area, 0, 0, texts::start::SEND_MONEY, look.style(Tone::Title));
    draw::put(buffer, area, 2, 2, &own.address().to_string(), look.style(Tone::Accent));
    // Beside the text there must be room for both.
    let mut area = area;
    if let Ok(code) = Qr::new(&own.address().to_string())
        && area.width >= 76
    {
        let right = Rect { x: area.x + TEXT + 1, width: area.width - TEXT - 1, ..area };
        if code.draw(buffer, right, look.theme).is_ok() {
            area.width = TEXT;
        }
    }
    if let Some(way) = model.funds.copied {
        draw::put(buffer, area, 2, 3, &texts::start::copied(way.words()), look.style(Tone::Good));
    }
    let (tone, text) = match (&model.funds.trouble, model.funds.balance) {
        (Some(trouble), _) => (Tone::Warn, texts::start::asked_again(trouble)),
        (None, None) => (Tone::Pending, texts::start::ASKING_BALANCE.to_owned()),
        (None, Some(balance)) if balance.is_zero() => {
            (Tone::Pending, texts::start::NOTHING_ARRIVED.to_owned())
        }
        (None, Some(balance)) if model.funds.arrived => {
            (Tone::Good, texts::start::arrived(look.in_full(balance)))
        }
        (None, Some(balance)) => (Tone::Good, texts::start::holds(look.in_full(balance))),
    };
    let y = 5 + draw::wrapped(buffer, Rect { width: area.width, ..area }, 5, &text, look.style(tone));
    let file = texts::start::key_is_in(own.file.display());
    let y = y + 1 + draw::wrapped(buffer, area, y + 1, &file, look.style(Tone::Dim));
    let y = y + match &own.kept {
        None => 0,
        Some(Ok(())) => {
            let text = texts::start::KEYRING_KEEPS;
            draw::wrapped(buffer, area, y, text, look.style(Tone::Good))
        }
        Some(Err(why)) => {
            let text = texts::start::keyring_failed(why);
            draw::wrapped(buffer, area, y, &text, look.style(Tone::Warn))
        }
    };
    let text = texts::start::FUND_LATER;
    draw::wrapped(buffer, area, y, text, look.style(Tone::Dim));
    None
}

fn ask(model: &Model, replace: &Replace, buffer: &mut Buffer, area: Rect) {
    let look = &model.look;
    let place = draw::middle(area, 70, 8);
    let inside = draw::boxed(buffer, place, texts::start::SETTINGS_EXIST, Tone::Warn, look);
    let text = texts::start::replace_settings(replace.path.display());
    draw::wrapped(buffer, Rect { height: 3, ..inside }, 0, &text, look.style(Tone::Plain));
    replace.buttons.draw(buffer, inside, inside.height.saturating_sub(1), texts::start::REPLACE_IT, look);
}
