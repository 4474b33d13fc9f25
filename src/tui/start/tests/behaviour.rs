//! What keys and answers lead to.

use std::path::PathBuf;

use crossterm::event::KeyCode;

use super::super::deeds::{ChainSeen, Choice, KeyOrder, KeyTrouble, OwnKey, SaveTrouble};
use super::super::message::{Effect, Message};
use super::super::model::{Model, Opening, Outcome, Place};
use super::scene::{
    beat, control, first, good_chain, looked, moment, own, painted, picture, press, quits, shaded, typed,
    with_keyring,
};
use crate::domain::{Address, Neuron};
use crate::tui::input::Input;
use crate::tui::shell::{Program, ScreenOrder};
use crate::tui::theme::Shade;

fn file() -> PathBuf {
    PathBuf::from("/home/me/.config/zgserve/user.yaml")
}

/// A first run that stands at the choice of a wallet.
fn at_wallet() -> Model {
    let mut model = first();
    typed(&mut model, "2");
    looked(&mut model, good_chain());
    control(&mut model, 's');
    assert_eq!(model.place(), Place::Wallet);
    model
}

fn written(effects: &[Effect]) -> (Choice, bool) {
    match effects {
        [Effect::Save { choice, replace }] => (choice.clone(), *replace),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_demo_is_one_key_away() {
    let mut model = first();
    let step = press(&mut model, KeyCode::Enter);
    assert!(quits(&step) && matches!(model.outcome, Some(Outcome::Demo)));
}

#[test]
fn looking_around_needs_a_good_chain_and_no_key() {
    let mut model = first();
    let asked = typed(&mut model, "3");
    assert!(matches!(asked.as_slice(), [Effect::Look { number: 1, .. }]));
    // Submitted before the answer: it goes on when the answer is good.
    assert!(control(&mut model, 's').effects.is_empty());
    let step = looked(&mut model, good_chain());
    let (choice, replace) = written(&step.effects);
    assert_eq!((choice.chain_id, choice.wallet, replace), (16_602, None, false));
    let step = model.update(Message::Saved(Ok(file())));
    assert!(quits(&step));
    assert!(matches!(&model.outcome, Some(Outcome::Begin { choice: Some(_), key: None })));
}

#[test]
fn complaints_stand_under_their_fields_and_do_not_move_who_types() {
    let mut model = first();
    typed(&mut model, "2");
    typed(&mut model, "\t");
    let seen = ChainSeen { node: Err("it cannot be reached".to_owned()), contract: None };
    looked(&mut model, seen.clone());
    assert_eq!(model.chain.focus, 1);
    assert_eq!(model.chain.fields[0].complaint.as_deref(), Some("it cannot be reached"));
    // Who wants to go on is brought to it.
    assert!(matches!(control(&mut model, 's').effects.as_slice(), [Effect::Look { .. }]));
    looked(&mut model, seen);
    assert_eq!((model.chain.focus, model.place()), (0, Place::Chain));
    let wrong = ChainSeen { contract: Some(Err("there is no contract".to_owned())), ..good_chain() };
    control(&mut model, 's');
    looked(&mut model, wrong);
    assert_eq!(model.chain.focus, 1);
    assert!(model.choice().is_none());
}

#[test]
fn what_is_typed_is_looked_at_after_a_pause_and_old_answers_do_not_count() {
    let mut model = first();
    typed(&mut model, "2");
    let old = model.check.asked.unwrap();
    typed(&mut model, "9");
    model.update(Message::Looked(old, good_chain()));
    assert!(model.choice().is_none(), "it was about another URL");
    assert!(beat(&mut model, 1).effects.is_empty(), "somebody is typing");
    let effects = beat(&mut model, 1).effects;
    assert!(
        matches!(effects.as_slice(), [Effect::Look { rpc_url, .. }] if rpc_url == "http://127.0.0.1:85459")
    );
    assert!(beat(&mut model, 1).effects.is_empty(), "one look at a time");
    looked(&mut model, good_chain());
    assert!(beat(&mut model, 1).effects.is_empty(), "and one is enough");
}

#[test]
fn a_new_key_is_made_settings_are_written_and_money_is_awaited() {
    let mut model = at_wallet();
    typed(&mut model, "\n");
    let effects = typed(&mut model, "correct horse\tcorrect horse\n");
    let [Effect::Key { order: KeyOrder::Create { passphrase }, keep: false }] = effects.as_slice() else {
        panic!("{effects:?}")
    };
    assert_eq!(passphrase.expose(), "correct horse");
    assert!(typed(&mut model, "\n\n").is_empty(), "one key only");
    let step = model.update(Message::Key(Ok(own())));
    assert!(!format!("{model:?}").contains("correct"));
    assert!(model.create.fields.iter().all(|field| field.value.is_empty()), "wiped");
    let (choice, _) = written(&step.effects);
    assert_eq!(choice.wallet, Some(own().address()));
    let step = model.update(Message::Saved(Ok(file())));
    assert!(
        matches!(step.effects.as_slice(), [Effect::Balance { address, .. }] if *address == own().address())
    );
    assert_eq!(model.place(), Place::Fund);
    model.update(Message::Balance(own().address(), Ok(Neuron::new(0))));
    assert!(beat(&mut model, 1).effects.is_empty());
    assert_eq!(beat(&mut model, 2).effects.len(), 1);
    model.update(Message::Balance(own().address(), Ok(Neuron::new(1_500))));
    assert!(model.funds.arrived);
    let step = press(&mut model, KeyCode::Char('y'));
    let address = own().address().to_string();
    assert!(matches!(&step.screen[..], [ScreenOrder::Copy { text, .. }] if *text == address));
    assert!(quits(&press(&mut model, KeyCode::Enter)));
    assert!(matches!(&model.outcome, Some(Outcome::Begin { choice: Some(_), key: Some(_) })));
}

#[test]
fn going_back_loses_nothing_that_was_typed() {
    let mut model = at_wallet();
    typed(&mut model, "\nhalf a pass");
    typed(&mut model, "\u{1b}\u{1b}");
    assert_eq!(model.place(), Place::Chain);
    typed(&mut model, "\u{1b}");
    assert_eq!(model.place(), Place::Welcome);
    assert!(typed(&mut model, "2").is_empty(), "the chain is known still");
    control(&mut model, 's');
    typed(&mut model, "\n");
    assert_eq!(model.create.value("passphrase"), "half a pass");
    assert!(!format!("{model:?}").contains("half a pass"));
    assert!(!picture(&painted(&model)).contains("half a pass"));
}

#[test]
fn passphrases_that_differ_or_are_missing_make_no_key() {
    let mut model = at_wallet();
    typed(&mut model, "\n");
    assert!(typed(&mut model, "one\ttwo\n").is_empty());
    assert_eq!(model.create.fields[1].complaint.as_deref(), Some("the two differ"));
    let mut model = at_wallet();
    typed(&mut model, "\n");
    assert!(control(&mut model, 's').effects.is_empty());
    assert!(model.create.fields[0].complaint.is_some());
}

#[test]
fn a_pasted_key_loses_its_line_feed_and_shows_nothing() {
    let mut model = at_wallet();
    typed(&mut model, "2");
    assert_eq!(model.place(), Place::Import);
    model.update(Message::Input(Input::Paste("0xabcdef\r\n".to_owned()), moment()));
    assert!(!picture(&painted(&model)).contains("abcdef"));
    let effects = typed(&mut model, "\tp\tp\n");
    let [Effect::Key { order: KeyOrder::Import { key, .. }, .. }] = effects.as_slice() else {
        panic!("{effects:?}")
    };
    assert_eq!(key.expose(), "0xabcdef");
    assert!(!format!("{effects:?}").contains("abcdef"));
    let text = "a private key is 64 hexadecimal digits".to_owned();
    model.update(Message::Key(Err(KeyTrouble { field: Some("key"), text })));
    assert_eq!((model.import.focus, model.working), (0, false));
}

#[test]
fn settings_that_exist_are_replaced_only_if_somebody_says_so() {
    let mut model = at_wallet();
    let (_, replace) = written(&typed(&mut model, "4"));
    assert!(!replace);
    model.update(Message::Saved(Err(SaveTrouble::Exists(file()))));
    // Enter is Cancel.
    assert!(typed(&mut model, "\n").is_empty());
    assert!(model.replace.is_none() && model.complaint.is_some());
    typed(&mut model, "4");
    model.update(Message::Saved(Err(SaveTrouble::Exists(file()))));
    let (_, replace) = written(&typed(&mut model, "y"));
    assert!(replace);
}

#[test]
fn a_wrong_passphrase_is_told_and_asked_for_again() {
    let address = own().address();
    let mut model = shaded(Opening::Unlock(address), vec![address], Shade::Dark);
    let effects = typed(&mut model, "wrong\n");
    assert!(matches!(effects.as_slice(), [Effect::Key { order: KeyOrder::Unlock { .. }, .. }]));
    let text = "it does not fit; try again".to_owned();
    model.update(Message::Key(Err(KeyTrouble { field: Some("passphrase"), text })));
    assert!(model.unlock.fields[0].value.is_empty() && model.unlock.fields[0].complaint.is_some());
    typed(&mut model, "right\n");
    let step = model.update(Message::Key(Ok(own())));
    assert!(quits(&step));
    assert!(matches!(&model.outcome, Some(Outcome::Begin { choice: None, key: Some(_) })));
}

#[test]
fn a_locked_key_keeps_nobody_from_looking_around() {
    let address = own().address();
    let mut model = shaded(Opening::Unlock(address), vec![address], Shade::Dark);
    assert!(quits(&control(&mut model, 'l')));
    assert!(matches!(&model.outcome, Some(Outcome::Begin { choice: None, key: None })));
}

#[test]
fn a_key_is_chosen_where_there_are_several() {
    let keys = vec![own().address(), Address::repeat_byte(9)];
    let mut model = shaded(Opening::Key, keys, Shade::Dark);
    typed(&mut model, "2");
    assert_eq!(model.place(), Place::Unlock(Address::repeat_byte(9)));
    typed(&mut model, "\u{1b}1");
    assert_eq!(model.place(), Place::Unlock(own().address()));
}

#[test]
fn ctrl_c_leaves_from_everywhere_with_nothing_decided() {
    for keys in ["", "2", "3"] {
        let mut model = first();
        typed(&mut model, keys);
        assert!(quits(&control(&mut model, 'c')));
        assert!(matches!(model.outcome, Some(Outcome::Leave)));
    }
    let mut model = at_wallet();
    typed(&mut model, "\np\tp\n");
    assert!(model.working && quits(&control(&mut model, 'c')));
}

#[test]
fn a_keyring_is_offered_where_there_is_one_and_only_then() {
    let keep = |model: &Model| model.create.fields.iter().any(|field| field.key == "keep");
    assert!(!keep(&at_wallet()), "no keyring, no question");
    let address = own().address();
    let asked = |answer: &str| {
        let mut model = with_keyring(Opening::Unlock(address));
        assert!(keep(&model));
        let effects = typed(&mut model, &format!("pass phrase\t{answer}\n"));
        assert!(!format!("{model:?} {effects:?}").contains("pass phrase"));
        match effects.as_slice() {
            [Effect::Key { keep, order }] => (*keep, order.passphrase().expose().clone()),
            other => panic!("{other:?}"),
        }
    };
    // Not unless somebody says so.
    assert_eq!(asked(""), (false, "pass phrase".to_owned()));
    assert_eq!(asked(" "), (true, "pass phrase".to_owned()));
    assert_eq!(asked("  "), (false, "pass phrase".to_owned()));
}

#[test]
fn what_the_keyring_said_stands_beside_the_money() {
    for (kept, words) in [
        (Ok(()), "✓ The keyring keeps"),
        (Err("the keyring is locked".to_owned()), "! the keyring is locked; the passphrase is"),
    ] {
        let mut model = with_keyring(Opening::Key);
        typed(&mut model, "\npass phrase\tpass phrase\t \n");
        model.update(Message::Key(Ok(OwnKey { kept: Some(kept), ..own() })));
        assert_eq!(model.place(), Place::Fund);
        let shown = picture(&painted(&model)).split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(shown.contains(words), "{shown}");
    }
}
