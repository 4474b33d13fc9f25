//! Pictures of every step, at three sizes, dark with its styles and light.

use crossterm::event::KeyCode;

use super::super::deeds::{ChainSeen, KeyTrouble, SaveTrouble};
use super::super::message::Message;
use super::super::model::{Model, Opening};
use super::scene::{beat, control, good_chain, looked, own, painted, picture, press, resize, shaded, typed};
use crate::domain::{Address, Neuron};
use crate::tui::shell::Program;
use crate::tui::theme::Shade;

/// Draws what `prepare` brings about, in every size and shade.
fn snap(name: &str, opening: Opening, keys: &[Address], prepare: impl Fn(&mut Model)) {
    crate::tui::pictures::snap("start/tests/snapshots", name, |shade, (width, height)| {
        let mut model = shaded(opening, keys.to_vec(), shade);
        resize(&mut model, width, height);
        prepare(&mut model);
        painted(&model)
    });
}

fn chain(model: &mut Model) {
    typed(model, "2");
    looked(model, good_chain());
}

fn wallet(model: &mut Model) {
    chain(model);
    control(model, 's');
}

fn funding(model: &mut Model) {
    wallet(model);
    typed(model, "1correct horse\tcorrect horse\n");
    model.update(Message::Key(Ok(own())));
    model.update(Message::Saved(Ok("/home/me/.config/zgserve/user.yaml".into())));
}

#[test]
fn every_step_of_a_first_run() {
    let snap = |name, prepare: fn(&mut Model)| snap(name, Opening::First, &[], prepare);
    snap("welcome", |_| {});
    snap("welcome_look", |model| {
        press(model, KeyCode::Up);
    });
    snap("chain_asking", |model| {
        typed(model, "2");
    });
    snap("chain_good", chain);
    snap("chain_absent", |model| {
        typed(model, "2");
        let text = "the chain at http://127.0.0.1:8545 cannot be reached: connection refused".to_owned();
        looked(model, ChainSeen { node: Err(text), contract: None });
    });
    snap("chain_contract", |model| {
        typed(model, "2\t");
        let text =
            "there is no contract at 0x5F5f…5f5f on this chain; check the contract address and the URL";
        looked(model, ChainSeen { contract: Some(Err(text.to_owned())), ..good_chain() });
    });
    snap("wallet", wallet);
    snap("create", |model| {
        wallet(model);
        typed(model, "1correct horse");
    });
    snap("create_differs", |model| {
        wallet(model);
        typed(model, "1correct horse\tcorrect hors\n");
    });
    snap("create_working", |model| {
        wallet(model);
        typed(model, "1correct horse\tcorrect horse\n");
    });
    snap("import", |model| {
        wallet(model);
        typed(model, "2abc");
    });
    snap("import_refused", |model| {
        wallet(model);
        typed(model, "2abc\tp\tp\n");
        let text =
            "a private key is 64 hexadecimal digits, with or without 0x in front; this text has 3 characters";
        model.update(Message::Key(Err(KeyTrouble { field: Some("key"), text: text.to_owned() })));
    });
    snap("import_file", |model| {
        wallet(model);
        typed(model, "3/home/me/key.json\told");
    });
    snap("settings_exist", |model| {
        wallet(model);
        typed(model, "4");
        let path = "/home/me/.config/zgserve/user.yaml".into();
        model.update(Message::Saved(Err(SaveTrouble::Exists(path))));
    });
    snap("settings_failed", |model| {
        wallet(model);
        typed(model, "4");
        let text = "could not create /home/me/.config/zgserve: Read-only file system".to_owned();
        model.update(Message::Saved(Err(SaveTrouble::Failed(text))));
    });
    snap("money_asking", funding);
    snap("money_awaited", |model| {
        funding(model);
        model.update(Message::Balance(own().address(), Ok(Neuron::new(0))));
        typed(model, "y");
    });
    snap("money_arrived", |model| {
        funding(model);
        model.update(Message::Balance(own().address(), Ok(Neuron::new(0))));
        beat(model, 3);
        model.update(Message::Balance(own().address(), Ok(Neuron::new(1_500_000_000_000_000_000))));
    });
    snap("money_absent", |model| {
        funding(model);
        let text = "the chain at http://127.0.0.1:8545 cannot be reached: connection refused".to_owned();
        model.update(Message::Balance(own().address(), Err(text)));
    });
}

#[test]
fn what_later_runs_ask() {
    let address = own().address();
    snap("unlock", Opening::Unlock(address), &[address], |_| {});
    snap("unlock_wrong", Opening::Unlock(address), &[address], |model| {
        typed(model, "wrong\n");
        let text = "it does not fit; try again".to_owned();
        model.update(Message::Key(Err(KeyTrouble { field: Some("passphrase"), text })));
    });
    snap("keys", Opening::Key, &[address, Address::repeat_byte(9)], |_| {});
    snap("no_key", Opening::Key, &[], |_| {});
    let many: Vec<Address> = (1..=30).map(Address::repeat_byte).collect();
    snap("many_keys", Opening::Key, &many, |model| {
        press(model, KeyCode::End);
    });
}

#[test]
fn a_window_that_is_too_small_says_so() {
    let mut model = shaded(Opening::First, Vec::new(), Shade::Dark);
    resize(&mut model, 40, 10);
    assert!(picture(&painted(&model)).contains("60×16"));
}
