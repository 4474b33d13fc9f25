//! Keys of the dialogs that stand over the chat, one function each.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::ask::{Ask, Change, Form};
use super::finder::Among;
use super::keys::copy_code;
use super::over::Over;
use super::{Chat, Focus, Opened};
use crate::tui::kit::dialog::Said;
use crate::tui::kit::form::Did;
use crate::tui::user::part::{Cx, Order};

pub fn key(chat: &mut Chat, key: KeyEvent, cx: &mut Cx<'_, Ask>) {
    match &chat.over {
        Over::Nothing => {}
        Over::Picker(_) => in_picker(chat, key, cx),
        Over::Parameters(_) => in_parameters(chat, key, cx),
        Over::Finder(_) => in_finder(chat, key, cx),
        Over::Rename { .. } => in_rename(chat, key, cx),
        Over::Attach(_) => in_attach(chat, key, cx),
        Over::Delete { .. } => in_delete(chat, key, cx),
        Over::Export { .. } => in_export(chat, key, cx),
        Over::Code { .. } => in_code(chat, key, cx),
    }
}

fn in_picker(chat: &mut Chat, key: KeyEvent, cx: &mut Cx<'_, Ask>) {
    let Over::Picker(picker) = &mut chat.over else { return };
    // It goes on until somebody chooses.
    if picker.table.filter_key(key) {
        return;
    }
    let (again, chosen) = (picker.again, picker.chosen());
    if let Some(service) = chosen {
        chat.over.close();
        if again {
            chat.again(Some(service), cx);
        } else {
            chat.use_service(service, cx);
        }
        chat.focus = Focus::Prompt;
    }
}

fn in_parameters(chat: &mut Chat, key: KeyEvent, cx: &mut Cx<'_, Ask>) {
    let Over::Parameters(all) = &mut chat.over else { return };
    if key.code == KeyCode::Char('o') && key.modifiers.contains(KeyModifiers::CONTROL) {
        chat.editing_system = true;
        return cx.order(Order::Edit(all.system()));
    }
    match all.form.key(key) {
        Did::Edited => {}
        Did::Leave => chat.over.close(),
        Did::Submit => {
            if let Some(filled) = all.filled() {
                chat.over.close();
                fill(chat, filled, cx);
            }
        }
    }
}

fn in_finder(chat: &mut Chat, key: KeyEvent, cx: &mut Cx<'_, Ask>) {
    let Over::Finder(finder) = &mut chat.over else { return };
    match key.code {
        KeyCode::Up => finder.step(-1),
        KeyCode::Down => finder.step(1),
        KeyCode::Enter => {
            let (prompt, hit) = (finder.prompt(), finder.hit());
            if let Some(hit) = hit {
                let (id, at) = (hit.conversation.id, hit.message);
                chat.opening = Some(id);
                cx.ask(Ask::Open { id, at });
            } else if let Some(prompt) = prompt {
                chat.keep_for_search();
                chat.prompt.set(&prompt);
                chat.focus = Focus::Prompt;
                chat.estimate(cx);
            } else {
                return;
            }
            chat.over.close();
        }
        _ => {
            finder.field.key(key);
            search(chat, cx);
        }
    }
}

fn in_rename(chat: &mut Chat, key: KeyEvent, cx: &mut Cx<'_, Ask>) {
    let Over::Rename { id, form } = &mut chat.over else { return };
    match form.key(key) {
        Did::Edited => {}
        Did::Leave => chat.over.close(),
        Did::Submit => {
            let (id, title) = (*id, form.value("title").to_owned());
            chat.over.close();
            cx.ask(Ask::Keep { id, change: Change::Title(title) });
            cx.ask(Ask::List);
        }
    }
}

fn in_attach(chat: &mut Chat, key: KeyEvent, cx: &mut Cx<'_, Ask>) {
    let Over::Attach(form) = &mut chat.over else { return };
    match form.key(key) {
        Did::Edited => {}
        Did::Leave => chat.over.close(),
        Did::Submit => {
            let path = form.value("path").to_owned();
            if !path.is_empty() {
                cx.ask(Ask::Attach(path));
            }
        }
    }
}

fn in_delete(chat: &mut Chat, key: KeyEvent, cx: &mut Cx<'_, Ask>) {
    let Over::Delete { id, buttons, .. } = &mut chat.over else { return };
    match buttons.key(key, cx.shared.pressed) {
        Said::Yes => {
            let id = *id;
            chat.over.close();
            cx.ask(Ask::Delete(id));
        }
        Said::No => chat.over.close(),
        Said::Nothing => {}
    }
}

fn in_export(chat: &mut Chat, key: KeyEvent, cx: &mut Cx<'_, Ask>) {
    let Over::Export { id, title } = &chat.over else { return };
    let form = match key.code {
        KeyCode::Char('m') => Form::Markdown,
        KeyCode::Char('j') => Form::Json,
        _ => return,
    };
    cx.ask(Ask::Export { id: *id, form, name: title.clone() });
    chat.over.close();
}

fn in_code(chat: &mut Chat, key: KeyEvent, cx: &mut Cx<'_, Ask>) {
    let Over::Code { entry, blocks, digits } = &mut chat.over else { return };
    let entry = *entry;
    match key.code {
        KeyCode::Char(digit @ '0'..='9') if digits.len() < 4 => {
            digits.push(digit);
            // Enter is for numbers of several digits only.
            let number: usize = digits.parse().unwrap_or(0);
            if number > 0 && number.saturating_mul(10) > *blocks {
                chat.over.close();
                copy_code(chat, entry, number, cx);
            }
        }
        KeyCode::Enter => {
            let number = digits.parse().unwrap_or(0);
            chat.over.close();
            copy_code(chat, entry, number, cx);
        }
        KeyCode::Backspace => {
            digits.pop();
        }
        _ => {}
    }
}

pub fn search(chat: &mut Chat, cx: &mut Cx<'_, Ask>) {
    let next = chat.number();
    let Over::Finder(finder) = &mut chat.over else { return };
    finder.first();
    let text = finder.words().to_owned();
    if let Among::Conversations { hits, total, number } = &mut finder.among {
        *number = next;
        if text.is_empty() {
            hits.clear();
            *total = 0;
        } else {
            cx.ask(Ask::Search { number: next, text });
        }
    }
}

fn fill(chat: &mut Chat, filled: super::parameters::Filled, cx: &mut Cx<'_, Ask>) {
    chat.caps = filled.caps;
    if let Opened::Kept(id) = chat.opened {
        if chat.head.system != filled.system {
            cx.ask(Ask::Keep { id, change: Change::System(filled.system.clone()) });
        }
        if chat.head.parameters != filled.parameters {
            cx.ask(Ask::Keep { id, change: Change::Parameters(filled.parameters.clone()) });
        }
    }
    chat.head.system = filled.system;
    chat.head.parameters = filled.parameters;
    chat.estimate(cx);
}
