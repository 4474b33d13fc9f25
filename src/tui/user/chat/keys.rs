//! What keys, clicks and pastes do in the chat.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::layout::{Position, Rect};

use super::ask::{Ask, Remedy};
use super::finder::Finder;
use super::over::{Over, inside};
use super::picker::Picker;
use super::{Chat, Focus, Opened, dialogs, view};
use crate::tui::keymap::Action;
use crate::tui::kit::dialog::Buttons;
use crate::tui::texts;
use crate::tui::theme::Tone;
use crate::tui::user::money::{Kind, Wish};
use crate::tui::user::part::{Cx, Intent, Order};
use crate::tui::user::screen::Screen;

pub fn act(chat: &mut Chat, action: Action, cx: &mut Cx<'_, Ask>) {
    match action {
        // `enter` pressed twice must not accept a price that rose in between, nor pay twice for one message.
        Action::Send if chat.tell_what_to_decide(cx) => {}
        Action::Send => chat.send(None, cx),
        Action::NewLine => {
            chat.prompt.new_line();
            chat.estimate(cx);
        }
        Action::GoOn => chat.go_on(cx),
        Action::Editor => {
            chat.editing_system = false;
            chat.edited_from = chat.prompt.text();
            cx.order(Order::Edit(chat.edited_from.clone()));
        }
        Action::History => {
            chat.over = Over::Finder(Box::new(Finder::prompts()));
            cx.ask(Ask::Prompts);
        }
        Action::Attach => chat.over = Over::attach(),
        Action::Switch => chat.pick(Some(false), cx),
        Action::Parameters => chat.over = Over::Parameters(Box::new(chat.parameters_form())),
        // What is written here is for the new one already.
        Action::NewChat if chat.opened == Opened::New => {
            // One that is being read does not take its place.
            (chat.opening, chat.reviving) = (None, false);
            chat.focus = Focus::Prompt;
        }
        Action::NewChat => chat.begin(cx),
        Action::Search => chat.over = Over::Finder(Box::new(Finder::conversations())),
        Action::Write => {
            chat.zoomed = false;
            chat.focus = Focus::Prompt;
        }
        Action::Delete if chat.focus == Focus::Prompt => key(chat, KeyEvent::from(KeyCode::Delete), cx),
        Action::Focus | Action::FocusBack => turn(chat, action == Action::FocusBack),
        Action::PageUp => scroll(chat, -1, cx),
        Action::PageDown => scroll(chat, 1, cx),
        Action::Zoom => chat.zoomed = !chat.zoomed,
        Action::Rename => {
            if let Some((id, title, _)) = named(chat, cx) {
                chat.over = Over::rename(id, &title);
            }
        }
        Action::Delete => {
            if let Some((id, title, cost)) = named(chat, cx) {
                if chat.lives.iter().any(|live| live.conversation() == Some(id) || live.is_asking_in(id)) {
                    return cx.toast(Tone::Plain, texts::chat::STOP_THAT_FIRST);
                }
                let buttons = Buttons::new(cx.shared.pressed);
                chat.over = Over::Delete { id, title, cost, buttons };
            }
        }
        Action::Export => {
            if let Some((id, title, _)) = named(chat, cx) {
                chat.over = Over::Export { id, title };
            }
        }
        Action::Filter => chat.over = Over::Finder(Box::new(Finder::conversations())),
        Action::Refresh => {
            cx.ask(Ask::CatchUp);
            chat.ask_fates(cx);
            chat.estimate(cx);
        }
        Action::Deposit | Action::OpenAccount => fund(chat, action, cx),
        _ if chat.focus == Focus::List => in_list(chat, action, cx),
        _ => in_transcript(chat, action, cx),
    }
}

/// The conversation that is meant: the selected one of the list, or the open one, with title and cost.
fn named(chat: &Chat, cx: &mut Cx<'_, Ask>) -> Option<(crate::domain::ConversationId, String, String)> {
    let one = match (chat.focus, chat.opened) {
        (Focus::List, _) => chat.list.selected(),
        (_, Opened::Kept(id)) => chat.list.find(id),
        _ => None,
    };
    if one.is_none() {
        cx.toast(Tone::Plain, texts::chat::BEGINS_WITH_A_MESSAGE);
    }
    one.map(|one| (one.id, one.title.clone(), cx.shared.look.amount(one.fee)))
}

fn fund(chat: &mut Chat, action: Action, cx: &mut Cx<'_, Ask>) {
    // Who asks for a deposit has not said yes to a price, nor to paying again.
    if chat.blocked.as_ref().is_some_and(|blocked| matches!(blocked.remedy, Remedy::Fund(_))) {
        return chat.go_on(cx);
    }
    let Some((provider, _)) = chat.head.service.clone() else {
        let key = cx.shared.keymap.first_key(Action::Switch, &[]);
        return cx.toast(Tone::Plain, texts::chat::choose_whom_by(key));
    };
    let kind = if action == Action::Deposit { Kind::Deposit } else { Kind::OpenAccount };
    let token = chat.number();
    cx.order(Order::Money(Wish { kind, provider, amount: None, then: Some((Screen::Chat, token)) }));
}

fn turn(chat: &mut Chat, back: bool) {
    let all = [Focus::Prompt, Focus::Transcript, Focus::List];
    let at = all.iter().position(|one| *one == chat.focus).unwrap_or(0);
    let next = if back { at + all.len() - 1 } else { at + 1 } % all.len();
    chat.focus = all.get(next).copied().unwrap_or_default();
    if chat.focus == Focus::Prompt {
        chat.zoomed = false;
    }
}

fn scroll(chat: &mut Chat, by: isize, cx: &mut Cx<'_, Ask>) {
    if chat.focus == Focus::List {
        chat.list.step(by * chat.list.page());
    } else {
        chat.transcript.scroll(by * chat.transcript.page(), cx.shared);
    }
}

fn in_list(chat: &mut Chat, action: Action, cx: &mut Cx<'_, Ask>) {
    match action {
        Action::Down => chat.list.step(1),
        Action::Up => chat.list.step(-1),
        Action::First => chat.list.step(isize::MIN),
        Action::Last => chat.list.last(),
        Action::Open => {
            if let Some(id) = chat.list.selected().map(|one| one.id) {
                chat.focus = Focus::Prompt;
                open(chat, id, cx);
            }
        }
        Action::Copy => {
            if let Some(one) = chat.list.selected() {
                cx.copy(one.title.clone(), texts::chat::THE_TITLE);
            }
        }
        _ => in_transcript(chat, action, cx),
    }
}

fn open(chat: &mut Chat, id: crate::domain::ConversationId, cx: &mut Cx<'_, Ask>) {
    if chat.opened != Opened::Kept(id) {
        chat.opening = Some(id);
        cx.ask(Ask::Open { id, at: None });
    }
}

fn in_transcript(chat: &mut Chat, action: Action, cx: &mut Cx<'_, Ask>) {
    let current = chat.transcript.current();
    match action {
        Action::Down => chat.transcript.step(1),
        Action::Up => chat.transcript.step(-1),
        Action::First if !chat.transcript.is_empty() => chat.transcript.select(Some(0)),
        Action::Last => chat.transcript.show_end(),
        Action::Open | Action::Again if chat.tell_what_to_decide(cx) => {}
        Action::Open if chat.blocked.is_some() => chat.go_on(cx),
        Action::Open => {
            let request = current
                .filter(|at| chat.transcript.selected == Some(*at))
                .and_then(|at| chat.transcript.entries.get(at)?.message.request);
            match request {
                Some(request) => cx.order(Order::Tell(Screen::Requests, Intent::Request(request))),
                None => chat.focus = Focus::Prompt,
            }
        }
        // While an answer comes that is the reason, and it is told.
        Action::Edit if !chat.rewrite(cx) && chat.live().is_none() => {
            cx.toast(Tone::Plain, texts::chat::NOTHING_TO_EDIT);
        }
        Action::Again => chat.again(None, cx),
        Action::Elsewhere => chat.pick(Some(true), cx),
        Action::Fork => {
            let through =
                current.and_then(|at| chat.transcript.entries.get(at)).map(|entry| entry.message.id);
            match (chat.opened, chat.live()) {
                (_, Some(_)) => cx.toast(Tone::Plain, texts::chat::STILL_COMING),
                (Opened::Kept(id), None) => cx.ask(Ask::Fork { id, through }),
                _ => cx.toast(Tone::Plain, texts::chat::BEGINS_WITH_A_MESSAGE),
            }
        }
        Action::Fold => {
            if let Some(entry) = current.and_then(|at| chat.transcript.entries.get_mut(at)) {
                entry.unfolded = !entry.unfolded;
            }
        }
        Action::Copy => {
            if let Some(entry) = current.and_then(|at| chat.transcript.entries.get(at)) {
                let what = if entry.is_prompt() { texts::chat::THE_PROMPT } else { texts::chat::THE_ANSWER };
                cx.copy(entry.message.text.clone(), what);
            }
        }
        Action::CopyAll => {
            let mut text = String::new();
            for entry in &chat.transcript.entries {
                let (who, ..) = super::footer::head(entry, cx.shared);
                text.push_str(&format!("{who}:\n{}\n\n", entry.message.text.trim_end()));
            }
            if !text.is_empty() {
                cx.copy(text, texts::chat::THE_CONVERSATION);
            }
        }
        Action::CopyCode => {
            let Some(at) = current else { return };
            let blocks = chat.transcript.entries.get_mut(at).map_or(0, |entry| entry.code_blocks().len());
            match blocks {
                0 => cx.toast(Tone::Plain, texts::chat::NO_CODE),
                1 => copy_code(chat, at, 1, cx),
                blocks => chat.over = Over::Code { entry: at, blocks, digits: String::new() },
            }
        }
        _ => {}
    }
}

pub(super) fn copy_code(chat: &mut Chat, entry: usize, number: usize, cx: &mut Cx<'_, Ask>) {
    let Some(entry) = chat.transcript.entries.get_mut(entry) else { return };
    let code = number.checked_sub(1).and_then(|at| entry.code_blocks().get(at));
    match code {
        Some(code) => cx.copy(code.text.clone(), texts::chat::code_block(number)),
        None => cx.toast(Tone::Plain, texts::chat::no_code_block(number)),
    }
}

impl Chat {
    /// Opens the list of services: to switch, or to ask again elsewhere.
    pub(super) fn pick(&mut self, again: Option<bool>, cx: &mut Cx<'_, Ask>) {
        let again = again.unwrap_or(false);
        if again && !matches!(self.opened, Opened::Kept(_)) {
            return cx.toast(Tone::Plain, texts::chat::NOTHING_TO_ASK_AGAIN);
        }
        self.over = Over::Picker(Box::new(Picker::new(again)));
        self.refill(cx);
    }

    /// Has the list of services made anew, if it is open.
    pub(super) fn refill(&mut self, cx: &mut Cx<'_, Ask>) {
        let number = self.number();
        if let Over::Picker(picker) = &mut self.over {
            picker.fill(number, cx);
        }
    }
}

/// A key while something is typed.
pub fn key(chat: &mut Chat, key: KeyEvent, cx: &mut Cx<'_, Ask>) {
    if !matches!(chat.over, Over::Nothing) {
        return dialogs::key(chat, key, cx);
    }
    if key.code == KeyCode::Up && key.modifiers.is_empty() && chat.prompt.is_empty() {
        // The last prompt again, as the beginning of a branch.
        chat.transcript.selected = None;
        chat.rewrite(cx);
        return;
    }
    if key.code == KeyCode::Char('u') && key.modifiers == KeyModifiers::CONTROL {
        chat.keep_for_search();
    }
    chat.prompt.key(key);
    chat.estimate(cx);
}

/// One step back. `stops`: whether that may stop an answer, which is paid for as far as it came.
pub fn back(chat: &mut Chat, stops: bool, cx: &mut Cx<'_, Ask>) -> bool {
    if !matches!(chat.over, Over::Nothing) {
        chat.over.close();
    } else if chat.focus == Focus::List && !chat.has_pane() {
        // It covers the conversation: whoever leaves it means no more than that.
        chat.focus = Focus::Transcript;
    } else if chat.zoomed && !stops {
        chat.zoomed = false;
    } else if chat.live().is_some_and(|live| live.is_coming() && !live.is_stopped()) && !stops {
        return false;
    } else if chat.stop_answer() || chat.blocked.take().is_some() {
        // That was the step.
    } else if chat.rewriting.is_some() {
        chat.keep_for_search();
        chat.rewriting = None;
        chat.prompt.set(&chat.draft.clone());
        chat.estimate(cx);
    } else if chat.zoomed {
        chat.zoomed = false;
    } else if chat.focus != Focus::Transcript {
        chat.focus = Focus::Transcript;
    } else if chat.transcript.selected.is_some() || !chat.transcript.at_end() {
        chat.transcript.show_end();
    } else {
        return false;
    }
    true
}

pub fn paste(chat: &mut Chat, text: &str, cx: &mut Cx<'_, Ask>) {
    match &mut chat.over {
        Over::Nothing => {
            chat.zoomed = false;
            chat.focus = Focus::Prompt;
            if !chat.prompt.insert(text) {
                cx.toast(Tone::Warn, texts::chat::FILE_TOO_LONG_FOR_A_PROMPT);
            }
            chat.estimate(cx);
        }
        Over::Parameters(all) if text.trim().contains('\n') => all.set_system(text),
        Over::Parameters(all) => all.form.paste(text),
        Over::Finder(finder) => {
            finder.field.paste(text);
            dialogs::search(chat, cx);
        }
        Over::Rename { form, .. } | Over::Attach(form) => form.paste(text.trim()),
        Over::Picker(picker) => picker.table.filter_paste(text),
        Over::Delete { .. } | Over::Export { .. } | Over::Code { .. } => {}
    }
}

pub fn edited(chat: &mut Chat, text: Result<String, String>, cx: &mut Cx<'_, Ask>) {
    match (text, &mut chat.over) {
        (Ok(text), Over::Parameters(all)) if chat.editing_system => all.set_system(&text),
        (Ok(text), _) => {
            if chat.prompt.text() != chat.edited_from {
                // What came back meanwhile because it was refused, or what another conversation had.
                chat.keep_for_search();
            }
            chat.prompt.set(&text);
            chat.estimate(cx);
        }
        (Err(reason), _) => cx.toast(Tone::Warn, reason),
    }
    chat.editing_system = false;
    chat.edited_from.clear();
}

pub fn click(chat: &mut Chat, at: Position, area: Rect, cx: &mut Cx<'_, Ask>) {
    if !matches!(chat.over, Over::Nothing) {
        let room = inside(chat.over.place(area));
        if let Over::Picker(picker) = &mut chat.over
            && room.contains(at)
        {
            let (look, now) = (&cx.shared.look, cx.shared.now());
            let table = Rect { height: room.height.saturating_sub(1), ..room };
            if picker.click(at.x - room.x, at.y - room.y, table, look, now) {
                key(chat, KeyEvent::from(KeyCode::Enter), cx);
            }
        }
        return;
    }
    let places = view::places(chat, area, cx.shared);
    if let Some(list) = places.list.filter(|list| list.contains(at)) {
        chat.focus = Focus::List;
        if let Some(id) = chat.list.click(at.y - list.y) {
            open(chat, id, cx);
        }
    } else if places.prompt.contains(at) {
        chat.focus = Focus::Prompt;
        chat.prompt.click(at.x - places.prompt.x, at.y - places.prompt.y);
    } else if places.transcript.contains(at) {
        chat.focus = Focus::Transcript;
        chat.transcript.selected = chat.transcript.at(at.y - places.transcript.y);
    }
}

pub fn wheel(chat: &mut Chat, rows: i16, cx: &mut Cx<'_, Ask>) {
    let rows = isize::from(rows);
    match &mut chat.over {
        Over::Nothing if chat.focus == Focus::List => chat.list.step(rows.signum()),
        Over::Nothing => chat.transcript.scroll(rows, cx.shared),
        Over::Picker(picker) => picker.table.step(rows),
        Over::Finder(finder) => finder.step(rows.signum()),
        _ => {}
    }
}
