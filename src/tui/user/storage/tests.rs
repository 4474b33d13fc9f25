//! What keys and answers do, and pictures.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

use std::sync::Arc;

use crossterm::event::KeyCode;

use super::Storage;
use super::question::{Question, missing};
use super::runner::{Answer, Ask, Ended, Trouble};
use super::transfer::{ANSWER, Order, Outcome, Progress, Stage, Way, file_name, id_in};
use crate::attacks::short_attacks;
use crate::broker::user::{AccountView, Event, Shortfall, Snapshot};
use crate::domain::{Neuron, Prices, RequestId, UserRequestState};
use crate::tui::pictures::{control, harmless, letter, moment, press, typed};
use crate::tui::shell::{Program, Step};
use crate::tui::theme::Shade;
use crate::tui::user::message::{Effect, Message};
use crate::tui::user::model::Model;
use crate::tui::user::money::{Kind, Wish};
use crate::tui::user::part::{Intent, Order as Wanted, Part};
use crate::tui::user::screen::Screen;
use crate::tui::user::tests::scene::{fresh, full, now, painted, provider, snap};

fn open(model: &mut Model) -> Step<Effect> {
    let mut step = Step::default();
    let files = Intent::Files { provider: provider(1), service: "storage".parse().unwrap() };
    crate::tui::user::orders::follow(model, vec![Wanted::Tell(Screen::Storage, files)], &mut step);
    step
}

fn answered(model: &mut Model, answer: Answer) -> Step<Effect> {
    model.update(Message::Storage(answer))
}

fn asks(step: &Step<Effect>) -> Vec<&Ask> {
    step.effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Storage(ask) => Some(ask),
            _ => None,
        })
        .collect()
}

const SIZE: u64 = 12_345_678;

/// The question about the cost of an upload.
fn asked(model: &mut Model) {
    open(model);
    letter(model, 'n');
    typed(model, "photo.png");
    press(model, KeyCode::Enter);
    answered(model, Answer::Size { typed: "photo.png".to_owned(), size: Ok(SIZE) });
}

/// Confirms; gives what is on its way.
fn confirmed(model: &mut Model) -> (u64, Arc<Progress>) {
    // In a small window the first one shows what is below.
    for _ in 0..3 {
        if let [Ask::Move { number, progress, .. }] = &asks(&letter(model, 'y'))[..] {
            return (*number, Arc::clone(progress));
        }
    }
    panic!("nothing moves");
}

fn done(number: u64, result: &str) -> Answer {
    let ended = Ended {
        result: Ok((result.to_owned(), SIZE)),
        request: Some(RequestId::new([7; 32])),
        fee: Some(Neuron::new(1_234_567_800)),
    };
    Answer::Moved { number, ended }
}

#[test]
fn the_cost_of_what_was_stopped_is_known_in_the_end() {
    let mut model = full(Shade::Dark);
    asked(&mut model);
    let (number, _) = confirmed(&mut model);
    let request = RequestId::new([7; 32]);
    let ended = Ended { result: Err(Trouble::Stopped), request: Some(request), fee: None };
    answered(&mut model, Answer::Moved { number, ended });
    assert_eq!(model.storage.transfers[0].fee, None);
    let told = |state: UserRequestState, fee: u128| {
        Message::Event(Event::RequestEnded {
            request,
            provider: provider(1),
            service: "storage".parse().unwrap(),
            state,
            fee: Neuron::new(fee),
            note: None,
        })
    };
    model.update(told(UserRequestState::Unconfirmed, 0));
    assert_eq!(model.storage.transfers[0].fee, None, "that is not the end of it");
    assert!(model.update(told(UserRequestState::Done, 42)).changed);
    assert_eq!(model.storage.transfers[0].fee, Some(Neuron::new(42)));
}

fn uploads(model: &mut Model) {
    asked(model);
    let (first, _) = confirmed(model);
    answered(model, done(first, &format!("0x{}", "ab".repeat(32))));
    asked(model);
    let (second, _) = confirmed(model);
    let reason = "the service answered 507, which costs nothing: \u{1b}[2Jthe store is full".to_owned();
    let ended = Ended { result: Err(Trouble::Other(reason)), request: None, fee: Some(Neuron::ZERO) };
    answered(model, Answer::Moved { number: second, ended });
    asked(model);
    let (_, progress) = confirmed(model);
    progress.enter(Stage::Reading, Some(SIZE));
    progress.add(4_000_000);
    model.toasts.clear();
}

#[test]
fn what_a_service_says_of_a_file_steers_nothing() {
    for attack in short_attacks() {
        let evil = attack.text.as_str();
        let mut model = full(Shade::Dark);
        model.shared.aliases.insert(provider(1), evil.to_owned());
        open(&mut model);
        letter(&mut model, 'n');
        typed(&mut model, "photo.png");
        let names = vec![evil.to_owned(), "photo.png".to_owned()];
        answered(&mut model, Answer::Names { typed: "photo.png".to_owned(), names });
        harmless(&painted(&model), attack.name);
        answered(&mut model, Answer::Size { typed: "photo.png".to_owned(), size: Err(evil.to_owned()) });
        harmless(&painted(&model), attack.name);
        let mut model = full(Shade::Dark);
        asked(&mut model);
        let (first, _) = confirmed(&mut model);
        answered(&mut model, done(first, evil));
        harmless(&painted(&model), attack.name);
        asked(&mut model);
        let (second, _) = confirmed(&mut model);
        let ended = Ended { result: Err(Trouble::Other(evil.to_owned())), request: None, fee: None };
        answered(&mut model, Answer::Moved { number: second, ended });
        harmless(&painted(&model), attack.name);
        press(&mut model, KeyCode::Enter);
        harmless(&painted(&model), attack.name);
        // The name under which it would be kept here leads nowhere, and the id is none that a terminal would obey.
        let name = file_name(evil);
        assert!(name.ends_with(".bin") && name.len() <= 20, "{name}");
        assert!(
            name.chars().all(|c| c.is_ascii_alphanumeric() || c == '.') && !name.starts_with('.'),
            "{name}"
        );
        for answer in [evil.to_owned(), serde_json::json!({ "root": evil }).to_string()] {
            let id = id_in(answer.as_bytes()).unwrap_or_default();
            assert!(id.chars().all(|c| c.is_ascii_graphic()) && id.len() <= 200, "{id}");
        }
    }
}

#[test]
fn nothing_moves_before_its_cost_was_agreed_to() {
    let mut model = full(Shade::Dark);
    open(&mut model);
    letter(&mut model, 'n');
    typed(&mut model, "photo.png");
    let step = press(&mut model, KeyCode::Enter);
    assert!(matches!(&asks(&step)[..], [Ask::Size(file)] if file == "photo.png"));
    answered(&mut model, Answer::Size { typed: "other".to_owned(), size: Ok(5) });
    assert!(matches!(model.storage.question, Some(Question::File { .. })), "an answer about another file");
    answered(&mut model, Answer::Size { typed: "photo.png".to_owned(), size: Ok(SIZE) });
    let Some(Question::Sure(sure)) = &model.storage.question else { panic!() };
    assert_eq!(sure.order.input_fee(), Neuron::new(u128::from(SIZE) * 100));
    assert_eq!(sure.order.at_most(), Neuron::new(u128::from(SIZE) * 100 + u128::from(ANSWER) * 200));
    assert!(asks(&press(&mut model, KeyCode::Enter)).is_empty(), "Cancel has the focus");
    assert!(model.storage.question.is_none() && model.storage.transfers.is_empty());
    asked(&mut model);
    confirmed(&mut model);
    assert!(model.storage.running().is_some());
}

#[test]
fn what_is_below_is_shown_before_it_is_agreed_to() {
    let mut model = full(Shade::Dark);
    crate::tui::pictures::resize(&mut model, 60, 16);
    asked(&mut model);
    let shown = |model: &Model| crate::tui::pictures::picture(&painted(model));
    assert!(!shown(&model).contains("0.000000123752325"), "{}", shown(&model));
    assert!(asks(&letter(&mut model, 'y')).is_empty(), "there is more below");
    assert!(shown(&model).contains("0.000000123752325"), "{}", shown(&model));
    assert!(matches!(&asks(&letter(&mut model, 'y'))[..], [Ask::Move { .. }]));
}

/// With so much available at the provider of the storage.
fn with(model: &mut Model, available: u128) {
    let accounts = model
        .shared
        .snapshot
        .accounts
        .iter()
        .map(|account| AccountView { available: Neuron::new(available), ..account.clone() });
    let accounts = accounts.collect();
    model.shared.snapshot = Arc::new(Snapshot { accounts, ..(*model.shared.snapshot).clone() });
}

#[test]
fn short_of_money_asks_for_exactly_that_and_goes_on() {
    let mut model = full(Shade::Dark);
    with(&mut model, 1_000);
    asked(&mut model);
    let Some(Question::Sure(sure)) = &model.storage.question else { panic!() };
    let order = sure.order.clone();
    let lacks = missing(&order, &model.shared).unwrap();
    assert_eq!(lacks.amount, order.at_most().above(Neuron::new(1_000)));
    assert!(asks(&letter(&mut model, 'y')).is_empty());
    let token = *model.storage.waiting.keys().next().unwrap();
    let mut step = Step::default();
    let funded = |token| vec![Wanted::Tell(Screen::Storage, Intent::Funded { token, refused: None })];
    crate::tui::user::orders::follow(&mut model, funded(token + 1), &mut step);
    assert!(model.storage.transfers.is_empty(), "another wish's money");
    crate::tui::user::orders::follow(&mut model, funded(token), &mut step);
    assert!(matches!(&asks(&step)[..], [Ask::Move { order: moved, .. }] if *moved == order));
    assert_eq!(model.storage.transfers.len(), 1);
}

/// What a screen ordered, by itself.
fn alone(
    part: &mut Storage,
    model: &Model,
    work: impl FnOnce(&mut Storage, &mut crate::tui::user::part::Cx<'_, Ask>),
) -> Vec<Wanted> {
    let (mut asks, mut orders) = (Vec::new(), Vec::new());
    let mut cx = crate::tui::user::part::Cx { shared: &model.shared, asks: &mut asks, orders: &mut orders };
    work(part, &mut cx);
    orders
}

#[test]
fn what_the_broker_finds_missing_is_wished_for() {
    let mut model = full(Shade::Dark);
    asked(&mut model);
    let (number, _) = confirmed(&mut model);
    let mut part = std::mem::take(&mut model.storage);
    let shortfall = Shortfall { provider: provider(1), amount: Neuron::new(70), opens: false };
    let orders = alone(&mut part, &model, |part, cx| {
        let ended = Ended { result: Err(Trouble::Short(shortfall)), request: None, fee: None };
        part.answer(Answer::Moved { number, ended }, cx);
    });
    let rest = u128::from(ANSWER) * 200;
    assert!(
        matches!(&orders[..], [Wanted::Money(Wish { kind: Kind::Deposit, amount: Some(amount), then: Some((Screen::Storage, _)), .. })]
            if *amount == Neuron::new(70 + rest)),
        "{orders:?}"
    );
}

#[test]
fn two_that_are_short_do_not_take_each_others_place() {
    let mut model = full(Shade::Dark);
    asked(&mut model);
    let (first, _) = confirmed(&mut model);
    asked(&mut model);
    let (second, _) = confirmed(&mut model);
    let short = |number| {
        let shortfall = Shortfall { provider: provider(1), amount: Neuron::new(70), opens: false };
        let ended = Ended { result: Err(Trouble::Short(shortfall)), request: None, fee: None };
        Answer::Moved { number, ended }
    };
    answered(&mut model, short(first));
    let token = *model.storage.waiting.keys().next().unwrap();
    answered(&mut model, short(second));
    assert_eq!(model.storage.waiting.keys().copied().collect::<Vec<_>>(), [token], "one dialog at a time");
    let mut step = Step::default();
    let funded = vec![Wanted::Tell(Screen::Storage, Intent::Funded { token, refused: None })];
    crate::tui::user::orders::follow(&mut model, funded, &mut step);
    assert!(matches!(&asks(&step)[..], [Ask::Move { .. }]), "the first one's money came");
}

#[test]
fn a_transfer_is_stopped_before_the_program_is() {
    let mut model = full(Shade::Dark);
    asked(&mut model);
    let (number, progress) = confirmed(&mut model);
    assert!(control(&mut model, 'c').screen.is_empty());
    assert!(progress.stop.is_cancelled());
    let ended = Ended { result: Err(Trouble::Stopped), request: None, fee: Some(Neuron::new(9)) };
    answered(&mut model, Answer::Moved { number, ended });
    assert_eq!(model.storage.transfers[0].outcome, Outcome::Stopped);
    assert!(model.storage.running().is_none());
}

#[test]
fn downloads_name_their_file_themselves() {
    let mut model = full(Shade::Dark);
    uploads(&mut model);
    press(&mut model, KeyCode::Down);
    press(&mut model, KeyCode::Down);
    letter(&mut model, 'd');
    let Some(Question::File { form, .. }) = &model.storage.question else { panic!() };
    assert_eq!(form.value("id"), format!("0x{}", "ab".repeat(32)));
    assert_eq!(form.value("file"), "abababababababab.bin");
    for (id, name) in [
        ("../../etc/passwd", "passwd.bin"),
        ("0x", "download.bin"),
        ("file?root=0xAB\u{1b}c", "ABc.bin"),
        ("..", "download.bin"),
    ] {
        assert!(!file_name(id).contains(['/', '\u{1b}']) && !file_name(id).starts_with('.'), "{id}");
        assert_eq!(file_name(id), name);
    }
    press(&mut model, KeyCode::Enter);
    press(&mut model, KeyCode::Enter);
    let step = press(&mut model, KeyCode::Enter);
    assert!(matches!(&asks(&step)[..], [Ask::Place(file)] if file == "abababababababab.bin"));
    let free = Err("it exists already; choose another name".to_owned());
    answered(&mut model, Answer::Place { typed: "abababababababab.bin".to_owned(), free });
    let Some(Question::File { form, .. }) = &model.storage.question else { panic!() };
    assert!(form.fields[1].complaint.is_some());
}

#[test]
fn ids_are_found_in_what_services_answer() {
    let found = |text: &str| id_in(text.as_bytes());
    assert_eq!(found(r#"{"root":"0xab"}"#).as_deref(), Some("0xab"));
    assert_eq!(found(r#"{"code":0,"data":{"rootHash":"0xcd","txHash":"0xff"}}"#).as_deref(), Some("0xcd"));
    assert_eq!(found(r#"{"code":0,"data":"0xef"}"#).as_deref(), Some("0xef"));
    assert_eq!(found(" 0x12\n").as_deref(), Some("0x12"));
    for nothing in ["", "{}", "[1]", "two words", "{\"root\":\"\u{1b}[2J\"}", "{\"root\":7}"] {
        assert_eq!(found(nothing), None, "{nothing:?}");
    }
    assert_eq!(id_in(&[0xff]), None);
}

#[test]
fn a_path_is_taken_as_the_service_has_it() {
    let order = |id: &str| Order {
        way: Way::Down,
        provider: provider(1),
        service: "storage".parse().unwrap(),
        prices: Prices { input: Neuron::ZERO, output: Neuron::MAX },
        file: "x".to_owned(),
        id: id.to_owned(),
        bytes: u64::MAX,
    };
    assert_eq!(order("0xab").suffix(), "/0xab");
    assert_eq!(order("/file?root=0xab").suffix(), "/file?root=0xab");
    assert!(order("0xab").at_most() >= Neuron::MAX, "a price beyond all money is no small one");
}

#[test]
fn uploads_are_found_again_after_a_restart() {
    let mut model = full(Shade::Dark);
    uploads(&mut model);
    let kept = model.storage.remember();
    let mut other = Storage::default();
    other.recall(&kept);
    assert_eq!(other.transfers.len(), 1, "only what is stored has an id");
    assert_eq!(other.transfers[0].id(), model.storage.transfers[2].id());
    assert_eq!(other.transfers[0].fee, Some(Neuron::new(1_234_567_800)));
    other.recall(&serde_json::json!({"service": 5, "uploads": [{"id": 1}, 7, {"bytes": "x"}]}));
    assert_eq!(other.transfers.len(), 1);
}

#[test]
fn pictures() {
    snap("storage_no_service", fresh, |model| {
        open(model);
    });
    snap("storage_nothing", full, |model| {
        open(model);
    });
    snap("storage_upload", full, |model| {
        open(model);
        letter(model, 'n');
        typed(model, "ph");
        let names = ["photo.png", "photos/", "phone\u{202e}gnp.exe"].map(str::to_owned).to_vec();
        answered(model, Answer::Names { typed: "ph".to_owned(), names });
    });
    snap("storage_sure", full, asked);
    snap("storage_short", full, |model| {
        with(model, 1_000);
        asked(model);
    });
    snap("storage_list", full, |model| {
        uploads(model);
        let _ = moment();
        model.update(Message::Beat(now().plus_seconds(2)));
    });
    snap("storage_download", full, |model| {
        open(model);
        letter(model, 'd');
        typed(model, "0xabcdef");
    });
}
