//! The one place that changes the guide: a message comes in, effects go out. Nothing here waits or reads a clock.

use std::path::PathBuf;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use zeroize::Zeroizing;

use super::deeds::{ChainSeen, KeyTrouble, OwnKey, SaveTrouble};
use super::message::{Effect, Message};
use super::model::{Entry, Funds, Model, Opening, Outcome, Place, Replace, WELCOME};
use crate::domain::{Address, Neuron, Timestamp};
use crate::tui::input::Input;
use crate::tui::kit::dialog::{Buttons, Said};
use crate::tui::kit::form::Did;
use crate::tui::shell::{Followed, ScreenOrder, Step};
use crate::tui::texts;

/// Seconds between two looks at a balance.
const LOOK: u64 = 3;

pub fn update(model: &mut Model, message: Message) -> Step<Effect> {
    let mut step = Step { changed: true, ..Step::default() };
    match message {
        Message::Beat(now) => beat(model, now, &mut step),
        Message::Input(Input::Size { width, height }, _) => model.size = (width, height),
        Message::Input(Input::Key(key), at) => pressed(model, key, at, &mut step),
        Message::Input(Input::Paste(text), _) => paste(model, &Zeroizing::new(text)),
        Message::Input(Input::Click { .. } | Input::Wheel(_) | Input::Focus(_), _) => step.changed = false,
        Message::Followed(Followed::Copied { way, .. }) => model.funds.copied = Some(way),
        // The guide hands nothing to an editor.
        Message::Followed(Followed::Edited(_)) => step.changed = false,
        Message::Looked(number, seen) => looked(model, number, seen, &mut step),
        Message::Key(result) => key_is_there(model, result, &mut step),
        Message::Balance(address, result) => balance(model, address, result),
        Message::Saved(result) => saved(model, result, &mut step),
    }
    step
}

fn beat(model: &mut Model, now: Timestamp, step: &mut Step<Effect>) {
    model.look.now = now;
    step.changed = false;
    match model.place() {
        // Once somebody pauses, what stands there is looked at.
        Place::Chain => {
            let quiet = !std::mem::take(&mut model.check.typing);
            if quiet && model.check.asked.is_none() && model.seen().is_none() && !model.typed().0.is_empty() {
                look(model, step);
                step.changed = true;
            }
        }
        Place::Fund => ask_balance(model, step),
        _ => {}
    }
}

fn pressed(model: &mut Model, key: KeyEvent, at: Timestamp, step: &mut Step<Effect>) {
    model.pressed = at;
    let control = key.modifiers.contains(KeyModifiers::CONTROL);
    match key.code {
        KeyCode::Char('c') if control => return finish(model, Outcome::Leave, step),
        KeyCode::Char('z') if control => return step.screen.push(ScreenOrder::Suspend),
        _ => {}
    }
    if let Some(replace) = &mut model.replace {
        match replace.buttons.key(key, at) {
            Said::Yes => {
                model.replace = None;
                save(model, true, step);
            }
            Said::No => {
                model.replace = None;
                model.complaint = Some(texts::start::SETTINGS_LEFT.to_owned());
            }
            Said::Nothing => {}
        }
        return;
    }
    // What is under way ends first; only leaving is possible meanwhile.
    if model.working || model.saving {
        return;
    }
    model.complaint = None;
    match model.place() {
        Place::Welcome => {
            if let Some(chosen) = menu(&mut model.welcome, WELCOME.len(), key) {
                welcome(model, chosen, step);
            } else if key.code == KeyCode::Char('q') {
                finish(model, Outcome::Leave, step);
            }
        }
        Place::Wallet => {
            let entries = model.entries();
            if let Some(entry) =
                menu(&mut model.wallet, entries.len(), key).and_then(|chosen| entries.get(chosen))
            {
                wallet(model, *entry, step);
            } else if key.code == KeyCode::Char('q') && model.path.len() == 1 {
                finish(model, Outcome::Leave, step);
            } else if key.code == KeyCode::Esc {
                back(model);
            }
        }
        Place::Fund => match key.code {
            KeyCode::Enter => {
                let (choice, key) =
                    (model.saved.as_ref().map(|(choice, _)| choice.clone()), model.key.clone());
                finish(model, Outcome::Begin { choice, key }, step);
            }
            KeyCode::Char('y' | 'c') => {
                if let Some(key) = &model.key {
                    let (text, what) = (key.address().to_string(), texts::start::THE_ADDRESS.to_owned());
                    step.screen.push(ScreenOrder::Copy { text, what });
                }
            }
            KeyCode::Esc => back(model),
            _ => {}
        },
        Place::Unlock(_) if control && key.code == KeyCode::Char('l') => look_around(model, step),
        Place::Chain | Place::Create | Place::Import | Place::ImportFile | Place::Unlock(_) => {
            let before = model.typed();
            let did = model.form().map(|form| form.key(key));
            typed(model, &before);
            match did {
                Some(Did::Leave) => back(model),
                Some(Did::Submit) => submit(model, step),
                Some(Did::Edited) | None => {}
            }
        }
    }
}

fn paste(model: &mut Model, text: &str) {
    if model.working || model.saving || model.replace.is_some() {
        return;
    }
    let before = model.typed();
    // The line feed that a copied key or passphrase brings is no part of it.
    let text = text.trim_end_matches(['\r', '\n']);
    if let Some(form) = model.form() {
        form.paste(text);
    }
    typed(model, &before);
}

/// Old findings say nothing about what is typed now.
fn typed(model: &mut Model, before: &(String, String)) {
    if model.typed() != *before {
        model.check.typing = true;
        model.check.go_on = false;
        model.check.asked = None;
        for field in &mut model.chain.fields {
            field.complaint = None;
        }
    }
}

/// Moves in a menu of so many entries. Gives the one that was chosen.
fn menu(at: &mut usize, count: usize, key: KeyEvent) -> Option<usize> {
    match key.code {
        KeyCode::Up | KeyCode::BackTab | KeyCode::Char('k') => *at = (*at + count - 1) % count,
        KeyCode::Down | KeyCode::Tab | KeyCode::Char('j') => *at = (*at + 1) % count,
        KeyCode::Home | KeyCode::Char('g') => *at = 0,
        KeyCode::End | KeyCode::Char('G') => *at = count - 1,
        KeyCode::Enter | KeyCode::Right | KeyCode::Char('l') => return Some(*at),
        KeyCode::Char(digit @ '1'..='9') => {
            let wanted = usize::try_from(u32::from(digit) - u32::from('1')).unwrap_or(count);
            if wanted < count {
                *at = wanted;
                return Some(wanted);
            }
        }
        _ => {}
    }
    None
}

fn welcome(model: &mut Model, chosen: usize, step: &mut Step<Effect>) {
    if chosen == 0 {
        return finish(model, Outcome::Demo, step);
    }
    model.only_look = chosen == 2;
    model.path.push(Place::Chain);
    if model.check.asked.is_none() && model.seen().is_none() {
        look(model, step);
    }
}

fn wallet(model: &mut Model, entry: Entry, step: &mut Step<Effect>) {
    match entry {
        Entry::Use(address) if model.key.as_ref().is_some_and(|key| key.address() == address) => {
            to_money(model, step);
        }
        Entry::Use(address) => model.path.push(Place::Unlock(address)),
        Entry::Create => model.path.push(Place::Create),
        Entry::Import => model.path.push(Place::Import),
        Entry::ImportFile => model.path.push(Place::ImportFile),
        Entry::Later => look_around(model, step),
    }
}

/// Goes on without a key.
fn look_around(model: &mut Model, step: &mut Step<Effect>) {
    model.key = None;
    if model.setup.opening == Opening::First {
        save(model, false, step);
    } else {
        finish(model, Outcome::Begin { choice: None, key: None }, step);
    }
}

/// One step back; what was typed stays.
fn back(model: &mut Model) {
    if model.path.len() > 1 {
        model.path.pop();
        model.check.go_on = false;
    }
}

fn submit(model: &mut Model, step: &mut Step<Effect>) {
    if model.place() != Place::Chain {
        if let Some(order) = model.order() {
            let keep = model.keeps();
            model.working = true;
            step.effects.push(Effect::Key { order, keep });
        }
        return;
    }
    if model.choice().is_some() {
        return past_chain(model, step);
    }
    model.check.go_on = true;
    if model.check.asked.is_none() {
        look(model, step);
    }
}

/// Looks at the chain that is typed.
fn look(model: &mut Model, step: &mut Step<Effect>) {
    let (rpc_url, contract) = model.typed();
    model.check.numbers += 1;
    let number = model.check.numbers;
    model.check.asked = Some(number);
    step.effects.push(Effect::Look { number, rpc_url, contract });
}

fn looked(model: &mut Model, number: u64, seen: ChainSeen, step: &mut Step<Effect>) {
    // About something that is not typed there any more.
    if model.check.asked != Some(number) {
        step.changed = false;
        return;
    }
    model.check.asked = None;
    let wrong = [
        ("rpcUrl", seen.node.as_ref().err().cloned()),
        ("contract", seen.contract.as_ref().and_then(|contract| contract.as_ref().err().cloned())),
    ];
    model.check.seen = Some((model.typed(), seen));
    let go_on = std::mem::take(&mut model.check.go_on);
    for (key, text) in wrong.into_iter().rev() {
        let Some(index) = model.chain.fields.iter().position(|field| field.key == key) else { continue };
        if let Some(field) = model.chain.fields.get_mut(index) {
            field.complaint = text;
            // Nobody is taken away from where they type unless they asked to go on.
            if go_on && field.complaint.is_some() {
                model.chain.focus = index;
            }
        }
    }
    if go_on && model.place() == Place::Chain && model.choice().is_some() {
        past_chain(model, step);
    }
}

fn past_chain(model: &mut Model, step: &mut Step<Effect>) {
    if model.only_look {
        model.key = None;
        save(model, false, step);
    } else {
        model.path.push(Place::Wallet);
    }
}

fn key_is_there(model: &mut Model, result: Result<OwnKey, KeyTrouble>, step: &mut Step<Effect>) {
    model.working = false;
    match result {
        Err(trouble) => {
            let unlocking = matches!(model.place(), Place::Unlock(_));
            if unlocking {
                model.wipe();
            }
            if let Some(form) = model.form() {
                form.complain(trouble.field, trouble.text);
            }
        }
        Ok(key) => {
            model.wipe();
            let address = key.address();
            if !model.setup.keys.contains(&address) {
                model.setup.keys.push(address);
            }
            let unlocking = matches!(model.place(), Place::Unlock(_));
            model.key = Some(key);
            // It has served its purpose; going back leads to the choice of a wallet.
            if model.path.len() > 1 {
                model.path.pop();
            }
            model.wallet = model.setup.keys.iter().position(|known| *known == address).unwrap_or(0);
            if unlocking && model.setup.opening != Opening::First {
                let key = model.key.clone();
                finish(model, Outcome::Begin { choice: None, key }, step);
            } else {
                to_money(model, step);
            }
        }
    }
}

/// Writes the settings down, where that is wanted, and shows where money goes.
fn to_money(model: &mut Model, step: &mut Step<Effect>) {
    if model.setup.opening == Opening::First {
        save(model, false, step);
    } else {
        fund(model, step);
    }
}

fn fund(model: &mut Model, step: &mut Step<Effect>) {
    model.funds = Funds::default();
    model.path.push(Place::Fund);
    ask_balance(model, step);
}

fn save(model: &mut Model, replace: bool, step: &mut Step<Effect>) {
    let Some(choice) = model.choice() else {
        model.complaint = Some(texts::start::CHAIN_AGAIN.to_owned());
        return;
    };
    let ours = match &model.saved {
        Some((saved, path)) if *saved == choice => return written(model, path.clone(), step),
        Some(_) => true,
        None => false,
    };
    model.saving = true;
    step.effects.push(Effect::Save { choice, replace: replace || ours });
}

fn saved(model: &mut Model, result: Result<PathBuf, SaveTrouble>, step: &mut Step<Effect>) {
    model.saving = false;
    match result {
        Ok(path) => written(model, path, step),
        Err(SaveTrouble::Exists(path)) => {
            model.replace = Some(Replace { path, buttons: Buttons::new(model.pressed) });
        }
        Err(SaveTrouble::Failed(text)) => model.complaint = Some(text),
    }
}

fn written(model: &mut Model, path: PathBuf, step: &mut Step<Effect>) {
    let Some(choice) = model.choice() else { return };
    model.saved = Some((choice.clone(), path));
    if model.key.is_some() && !model.only_look {
        fund(model, step);
    } else {
        finish(model, Outcome::Begin { choice: Some(choice), key: None }, step);
    }
}

fn ask_balance(model: &mut Model, step: &mut Step<Effect>) {
    let Some(key) = &model.key else { return };
    let now = model.look.now;
    let due = model.funds.asked.is_none_or(|asked| now.seconds_since(asked) >= LOOK || now < asked);
    if due && !model.funds.busy {
        let effect = Effect::Balance { rpc_url: model.rpc_url(), address: key.address() };
        model.funds.asked = Some(now);
        model.funds.busy = true;
        step.effects.push(effect);
    }
}

fn balance(model: &mut Model, address: Address, result: Result<Neuron, String>) {
    model.funds.busy = false;
    if model.key.as_ref().is_none_or(|key| key.address() != address) {
        return;
    }
    match result {
        Ok(balance) => {
            model.funds.arrived |= model.funds.balance.is_some_and(|before| balance > before);
            model.funds.balance = Some(balance);
            model.funds.trouble = None;
        }
        Err(text) => model.funds.trouble = Some(text),
    }
}

fn finish(model: &mut Model, outcome: Outcome, step: &mut Step<Effect>) {
    model.outcome = Some(outcome);
    step.screen.push(ScreenOrder::Quit);
}
