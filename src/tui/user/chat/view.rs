//! How the chat looks.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use super::cost::{self, Pieces};
use super::over::Over;
use super::{Chat, Focus, Opened};
use crate::tui::keymap::{Action, Place};
use crate::tui::kit::draw;
use crate::tui::texts;
use crate::tui::theme::Tone;
use crate::tui::user::shared::Shared;

/// Wide enough for the list of conversations beside the transcript.
pub const PANE_FROM: u16 = 98;
const PANE: u16 = 30;
/// Where things are.
#[derive(Clone, Copy, Debug)]
pub struct Places {
    pub list: Option<Rect>,
    title: Rect,
    pub transcript: Rect,
    cost: Rect,
    pub prompt: Rect,
    totals: Rect,
}

pub fn places(chat: &Chat, area: Rect, shared: &Shared) -> Places {
    let pane = chat.has_pane().then(|| Rect { width: PANE.min(area.width), ..area });
    let main = match pane {
        Some(pane) => {
            Rect { x: area.x + pane.width + 2, width: area.width.saturating_sub(pane.width + 2), ..area }
        }
        None => area,
    };
    // Over a narrow screen the list is a dialog.
    let dialog = || {
        let place = draw::middle(area, area.width.min(70), area.height);
        Rect::new(place.x + 2, place.y + 1, place.width.saturating_sub(4), place.height.saturating_sub(2))
    };
    let list = pane.or_else(|| (chat.focus == Focus::List).then(dialog));
    let below = if chat.zoomed { 0 } else { 1 };
    let cost = if chat.zoomed { 0 } else { cost_rows(chat, main, shared).len() };
    let cost = u16::try_from(cost).unwrap_or(1);
    let room = main.height.saturating_sub(cost + 2 + below).max(4) / 2;
    let prompt =
        if chat.zoomed { 0 } else { chat.prompt.height(main.width.saturating_sub(2)).min(room).max(1) };
    let rule = if chat.zoomed { 0 } else { 1 };
    let lower = (cost + prompt + below + rule).min(main.height.saturating_sub(2));
    let transcript = Rect { y: main.y + 1, height: main.height.saturating_sub(1 + lower), ..main };
    let row = |y: u16, height: u16| Rect { y, height: height.min(main.bottom().saturating_sub(y)), ..main };
    let cost_row = row(transcript.bottom() + rule, cost);
    let prompt_row = row(cost_row.bottom(), prompt);
    Places {
        list,
        title: row(main.y, 1),
        transcript,
        cost: cost_row,
        prompt: Rect { x: prompt_row.x + 2, width: prompt_row.width.saturating_sub(2), ..prompt_row },
        totals: row(prompt_row.bottom(), below),
    }
}

/// What stands above the prompt in rows. Where there are too many, the reason is shortened and no figure: the last
/// rows say what to do about it.
fn cost_rows(chat: &Chat, main: Rect, shared: &Shared) -> Vec<Pieces> {
    let rows = cost::rows(chat, shared);
    // Title, a row of the transcript, rule, prompt and totals are the others.
    let most = usize::from(main.height.saturating_sub(5)).max(1);
    let (last, first) = match rows.split_last() {
        Some((last, first)) => (wrapped(std::slice::from_ref(last), main.width), wrapped(first, main.width)),
        None => return Vec::new(),
    };
    let (all, room) = (first.len(), most.saturating_sub(last.len()));
    let mut rows: Vec<Pieces> = first.into_iter().take(room).collect();
    if let Some((text, _)) = rows.last_mut().filter(|_| all > room).and_then(|row| row.last_mut()) {
        // A word goes for it as a whole: it may be a figure.
        let shorter = text.trim_end().rsplit_once(' ').map_or("", |(before, _)| before);
        *text = format!("{shorter} …");
    }
    rows.extend(last);
    rows
}

/// Pieces in rows of at most `room` cells, broken between words.
fn wrapped(rows: &[Pieces], room: u16) -> Vec<Pieces> {
    let mut all = Vec::new();
    for pieces in rows {
        let (mut row, mut used) = (Pieces::new(), 0u16);
        for (text, tone) in pieces {
            for word in text.split_inclusive(' ') {
                let wide = draw::width(word.trim_end());
                if used > 0 && used + wide > room {
                    if let Some((last, _)) = row.last_mut() {
                        last.truncate(last.trim_end().len());
                    }
                    all.push(std::mem::take(&mut row));
                    used = 0;
                }
                let word = if used == 0 { word.trim_start() } else { word };
                used = used.saturating_add(draw::width(word));
                match row.last_mut() {
                    Some((last, same)) if same == tone => last.push_str(word),
                    _ => row.push((word.to_owned(), *tone)),
                }
            }
        }
        all.push(row);
    }
    all
}

pub fn draw(chat: &Chat, buffer: &mut Buffer, area: Rect, shared: &Shared) -> Option<Position> {
    let look = &shared.look;
    let places = places(chat, area, shared);
    title(chat, buffer, places.title, shared);
    if chat.transcript.is_empty() {
        empty(chat, buffer, places.transcript, shared);
    } else {
        let focused = chat.focus == Focus::Transcript;
        chat.transcript.draw(buffer, places.transcript, focused, shared);
    }
    let mut cursor = None;
    if !chat.zoomed {
        let rule = Rect { y: places.transcript.bottom(), height: 1, ..places.title };
        let tone = if chat.focus == Focus::Prompt { Tone::Accent } else { Tone::Dim };
        draw::put(buffer, rule, 0, 0, &"─".repeat(usize::from(rule.width)), look.style(tone));
        if !chat.transcript.at_end() {
            let text = texts::chat::more_below(shared.keymap.first_key(Action::Last, &[]));
            draw::put_right(buffer, rule, 0, &text, look.style(Tone::Warn));
        }
        let main = Rect { height: area.height, ..places.title };
        for (y, pieces) in (0..places.cost.height).zip(cost_rows(chat, main, shared)) {
            let pieces: Vec<(&str, Tone)> =
                pieces.iter().map(|(text, tone)| (text.as_str(), *tone)).collect();
            draw::line(buffer, places.cost, 0, y, &pieces, look);
        }
        let focused = chat.focus == Focus::Prompt;
        let sign = Rect { x: places.prompt.x.saturating_sub(2), width: 2, ..places.prompt };
        draw::put(buffer, sign, 0, 0, "❯", look.style(if focused { Tone::Accent } else { Tone::Dim }));
        let place = if focused { Place::Prompt } else { Place::Chat };
        let text = if focused {
            let line = shared.keymap.first_key(Action::NewLine, &[place]);
            texts::chat::write_here(&line)
        } else {
            texts::chat::to_write(shared.keymap.first_key(Action::Write, &[place]))
        };
        cursor = chat.prompt.draw(buffer, places.prompt, &text, look).filter(|_| focused);
        fitting(buffer, places.totals, &cost::totals(chat, shared), shared);
    }
    if let Some(list) = places.list {
        if chat.has_pane() {
            for y in list.top()..list.bottom() {
                let cell = Rect::new(list.right(), y, 1, 1);
                draw::put(buffer, cell, 0, 0, "│", look.style(Tone::Dim));
            }
        } else {
            let place = draw::middle(area, area.width.min(70), area.height);
            draw::boxed(buffer, place, "", Tone::Accent, look);
        }
        chat.list.draw(buffer, list, chat.focus == Focus::List, chat.opened, shared);
    }
    if !matches!(chat.over, Over::Nothing) {
        return chat.over.draw(buffer, area, shared);
    }
    cursor
}

/// Whole pieces as far as there is room; half a figure is worse than none.
fn fitting(buffer: &mut Buffer, area: Rect, pieces: &Pieces, shared: &Shared) {
    let mut x = 0;
    for (text, tone) in pieces {
        if x + draw::width(text) > area.width {
            return;
        }
        x = draw::put(buffer, area, x, 0, text, shared.look.style(*tone));
    }
}

fn title(chat: &Chat, buffer: &mut Buffer, area: Rect, shared: &Shared) {
    let look = &shared.look;
    let service = match &chat.head.service {
        Some((provider, name)) => shared.service_of(*provider, name),
        None => texts::chat::NOBODY_CHOSEN.to_owned(),
    };
    let start = draw::put_right(buffer, area, 0, &service, look.style(Tone::Accent));
    let room = Rect { width: start.saturating_sub(2), ..area };
    let title = match (chat.opened, chat.head.title.as_str()) {
        (Opened::New, _) => texts::chat::NEW_CONVERSATION,
        (_, "") if chat.transcript.is_empty() && chat.opening.is_none() => texts::chat::NOT_SENT_YET,
        (_, "") => "…",
        (_, title) => title,
    };
    let mut x = draw::put(buffer, room, 0, 0, title, look.style(Tone::Title));
    let own = &chat.head.parameters;
    let mut notes = Vec::new();
    if chat.head.branch {
        notes.push("branch".to_owned());
    }
    if chat.head.system.is_some() {
        notes.push(texts::shared::SYSTEM_PROMPT.to_owned());
    }
    notes.extend(own.max_tokens.map(texts::chat::has_most_tokens));
    notes.extend(own.temperature.as_ref().map(texts::chat::has_temperature));
    notes.extend(chat.caps.per_request.map(|cap| texts::chat::has_cap(look.amount(cap))));
    for note in notes {
        let text = format!(" · {note}");
        if x + draw::width(&text) > room.width {
            return;
        }
        x = draw::put(buffer, room, x, 0, &text, look.style(Tone::Dim));
    }
}

fn empty(chat: &Chat, buffer: &mut Buffer, area: Rect, shared: &Shared) {
    let look = &shared.look;
    if chat.opening.is_some() {
        draw::put(buffer, area, 0, 0, texts::chat::READING_CONVERSATION, look.style(Tone::Pending));
        return;
    }
    let key = |action| shared.keymap.first_key(action, &[Place::Prompt, Place::Chat]);
    let mut rows = vec![(String::new(), Tone::Plain)];
    match &chat.head.service {
        Some((provider, name)) => {
            let who = shared.service_of(*provider, name);
            rows.push((texts::chat::ask_somebody(&who), Tone::Plain));
        }
        None => rows.push((texts::chat::whom_to_ask(key(Action::Switch)), Tone::Plain)),
    }
    rows.push((String::new(), Tone::Plain));
    for (action, what) in [
        (Action::Write, texts::hints::WRITE),
        (Action::Switch, texts::chat::CHOOSE_SERVICE),
        (Action::Parameters, texts::chat::SET_PARAMETERS),
        (Action::Attach, texts::keys::ATTACH),
        (Action::Editor, texts::keys::EDITOR),
        (Action::Search, texts::keys::SEARCH_CONVERSATIONS),
    ] {
        rows.push((format!("{:>8}  {what}", key(action)), Tone::Dim));
    }
    for (y, (text, tone)) in (0..area.height).zip(rows) {
        draw::put(buffer, area, 0, y, &text, look.style(tone));
    }
}

pub fn hints(chat: &Chat, _shared: &Shared) -> Vec<(Action, &'static str)> {
    match chat.focus {
        Focus::Prompt => {
            let mut hints = vec![(Action::Send, texts::hints::SEND)];
            if chat.live().is_some() {
                hints = vec![(Action::Back, texts::hints::STOP)];
            } else if chat.blocked.is_some() {
                hints.insert(0, (Action::GoOn, texts::chat::GO_ON));
            }
            hints.extend([
                (Action::Switch, texts::hints::SERVICE),
                (Action::Attach, texts::hints::FILE),
                (Action::Parameters, texts::hints::PARAMETERS),
                (Action::History, texts::hints::HISTORY),
                (Action::Focus, texts::hints::ANSWERS),
            ]);
            hints
        }
        Focus::Transcript => vec![
            (Action::Write, texts::hints::WRITE),
            (Action::Copy, texts::hints::COPY),
            (Action::CopyCode, texts::hints::CODE),
            (Action::Edit, texts::hints::EDIT),
            (Action::Again, texts::hints::AGAIN),
            (Action::Elsewhere, texts::hints::ELSEWHERE),
            (Action::Fork, texts::hints::FORK),
            (Action::Fold, texts::hints::REASONING),
            (Action::NewChat, texts::hints::NEW),
            (Action::Focus, texts::hints::CONVERSATIONS),
        ],
        Focus::List => vec![
            (Action::Open, texts::hints::OPEN),
            (Action::NewChat, texts::hints::NEW),
            (Action::Rename, texts::hints::RENAME),
            (Action::Delete, texts::hints::DELETE),
            (Action::Export, texts::hints::EXPORT),
            (Action::Search, texts::hints::SEARCH),
            (Action::Focus, texts::hints::WRITE),
        ],
    }
}
