//! The accounts without a terminal and without a broker.

use std::sync::Arc;

use crossterm::event::KeyCode;

use super::{Answer, Ask, Figures};
use crate::attacks::short_attacks;
use crate::broker::user::{
    AccountView, Cap, CapUse, DaySpend, Reconciliation, ReconciliationVerdict, Runway, Snapshot, Spent,
};
use crate::domain::{Address, Fee, Neuron, UserRequestState};
use crate::tui::pictures::{harmless, letter, press, typed};
use crate::tui::shell::{Program, Step};
use crate::tui::theme::Shade;
use crate::tui::user::message::{Effect, Message};
use crate::tui::user::model::Model;
use crate::tui::user::part::Part;
use crate::tui::user::tests::scene::{account, fresh, full, now, painted, provider, snap, snapshot};

fn figures() -> Figures {
    let today = now().day();
    let day = |ago: u64, fee: u128| DaySpend {
        day: today - ago,
        provider: provider(1),
        service: "llama7b".parse().unwrap(),
        spent: Spent {
            requests: 3,
            answered: 3,
            fee: Fee { input: Neuron::ZERO, output: Neuron::new(fee) },
            ..Spent::default()
        },
    };
    let days = vec![day(9, 300_000_000), day(4, 1_200_000_000), day(3, 700_000_000), day(0, 1_172_000_000)];
    let cap =
        |cap, used, limit| CapUse { cap, provider: None, used: Neuron::new(used), limit: Neuron::new(limit) };
    Figures {
        days: [(provider(1), days)].into(),
        from: today - 29,
        caps: vec![
            cap(Cap::Day, 1_172_000_000, 5_000_000_000_000),
            cap(Cap::Total, 4_300_000_000_000, 5_000_000_000_000),
        ],
        runway: runway(),
    }
}

fn runway() -> Runway {
    Runway {
        available: Neuron::new(170_000_000_000),
        per_day: Neuron::new(439_000_000),
        per_answer: Neuron::new(300_000_000),
        days: Some(387),
        answers: Some(566),
    }
}

/// The screen is open and has its figures.
fn shown(shade: Shade) -> Model {
    let mut model = full(shade);
    letter(&mut model, '4');
    model.update(Message::Accounts(Answer::Figures(Ok(Box::new(figures())))));
    model
}

fn with(accounts: Vec<AccountView>) -> Arc<Snapshot> {
    Arc::new(Snapshot { version: 8, accounts, ..Snapshot::clone(&snapshot()) })
}

fn asks(step: &Step<Effect>) -> usize {
    step.effects.iter().filter(|effect| matches!(effect, Effect::Accounts(_))).count()
}

#[test]
fn money_keys_open_dialogs_about_the_selected_account() {
    for key in ['D', 'O', 'W'] {
        let mut model = shown(Shade::Dark);
        letter(&mut model, key);
        assert!(model.money.typing(), "{key}");
    }
    let mut model = shown(Shade::Dark);
    letter(&mut model, 'K');
    assert!(!model.money.typing(), "there is a key here");
    model.shared.start.read_only = true;
    letter(&mut model, 'D');
    assert!(!model.money.typing());
    assert!(model.toasts.iter().any(|toast| toast.text.contains("read-only")));
}

#[test]
fn an_account_without_a_key_can_be_taken_over() {
    let mut model = shown(Shade::Dark);
    model.update(Message::Snapshot(with(vec![AccountView { can_sign: false, ..account(1, 5_000_000_000) }])));
    assert!(model.accounts.alarm(&model.shared));
    let step = letter(&mut model, 'K');
    assert!(model.money.typing());
    assert!(step.effects.iter().any(|effect| matches!(effect, Effect::Money(_))));
}

#[test]
fn marked_accounts_are_asked_about_together() {
    let mut model = shown(Shade::Dark);
    letter(&mut model, ' ');
    letter(&mut model, ' ');
    let step = letter(&mut model, 'W');
    let tried = step.effects.iter().any(|effect| {
        matches!(effect, Effect::Money(crate::tui::user::money::Ask::Try { actions, .. }) if actions.len() == 2)
    });
    assert!(tried, "{:?}", step.effects);
    press(&mut model, KeyCode::Esc);
    press(&mut model, KeyCode::Esc);
    assert_eq!(model.accounts.table.marks(), 0);
}

#[test]
fn escape_goes_one_step_back() {
    let mut model = shown(Shade::Dark);
    letter(&mut model, '/');
    typed(&mut model, "ghost");
    press(&mut model, KeyCode::Enter);
    assert_eq!(model.accounts.table.shown(), 1);
    press(&mut model, KeyCode::Enter);
    letter(&mut model, 'z');
    press(&mut model, KeyCode::Esc);
    assert!(model.accounts.pane.is_open() && !model.accounts.pane.is_zoomed());
    press(&mut model, KeyCode::Esc);
    assert!(!model.accounts.pane.is_open() && model.accounts.table.shown() == 1);
    press(&mut model, KeyCode::Esc);
    assert_eq!(model.accounts.table.shown(), 2);
    assert!(press(&mut model, KeyCode::Esc).screen.is_empty());
}

#[test]
fn figures_are_asked_for_once_however_many_requests_end() {
    let mut model = shown(Shade::Dark);
    assert_eq!(asks(&model.update(Message::Beat(now().plus_seconds(1)))), 0);
    for n in 0..100u8 {
        let event = crate::broker::user::Event::RequestEnded {
            request: crate::domain::RequestId::new([n; 32]),
            provider: provider(1),
            service: "llama7b".parse().unwrap(),
            state: UserRequestState::Done,
            fee: Neuron::new(1),
            note: None,
        };
        assert_eq!(asks(&model.update(Message::Event(event))), 0);
    }
    assert_eq!(asks(&model.update(Message::Beat(now().plus_seconds(6)))), 1);
    assert_eq!(asks(&model.update(Message::Beat(now().plus_seconds(7)))), 0);
}

#[test]
fn details_ask_how_long_the_money_lasts_and_hold_the_books_against_the_chain() {
    let mut model = shown(Shade::Dark);
    let step = press(&mut model, KeyCode::Enter);
    assert!(matches!(&step.effects[..], [Effect::Accounts(Ask::Runway(one))] if *one == provider(1)));
    let step = letter(&mut model, 'v');
    assert!(matches!(&step.effects[..], [Effect::Accounts(Ask::Reconcile(one))] if *one == provider(1)));
    model.update(Message::Accounts(Answer::Runway(provider(1), Ok(runway()))));
    let text = crate::tui::kit::facts::text(&model.accounts.facts(&model.shared));
    assert!(text.contains("387 days"), "{text}");
}

#[test]
fn details_begin_anew_for_another_account_while_a_filter_is_typed() {
    let mut model = shown(Shade::Dark);
    press(&mut model, KeyCode::Enter);
    letter(&mut model, '/');
    let before = model.accounts.selected();
    model.accounts.pane.scroll(3);
    assert!(model.accounts.typing && model.accounts.pane.top() > 0);
    press(&mut model, KeyCode::Down);
    assert!(model.accounts.typing && model.accounts.selected() != before);
    assert_eq!(model.accounts.pane.top(), 0);
}

#[test]
fn what_was_open_is_found_again() {
    let mut model = shown(Shade::Dark);
    press(&mut model, KeyCode::Down);
    press(&mut model, KeyCode::Enter);
    letter(&mut model, 's');
    let kept = model.accounts.remember();
    let mut again = full(Shade::Dark);
    again.accounts.recall(&kept);
    assert_eq!(again.accounts.remember(), kept);
    // Before any account is known, too.
    let mut early = fresh(Shade::Dark);
    early.accounts.recall(&kept);
    early.update(Message::Snapshot(snapshot()));
    assert_eq!(early.accounts.remember(), kept);
    early.accounts.recall(&serde_json::json!({ "sort": -1, "filter": 7, "selected": "x" }));
}

#[test]
fn ten_thousand_accounts_are_a_list_like_any_other() {
    let mut model = shown(Shade::Dark);
    let many = |n: u16| {
        let mut address = [7u8; 20];
        address[..2].copy_from_slice(&n.to_be_bytes());
        AccountView { provider: Address::from(address), ..account(1, 10_000_000_000 + u128::from(n)) }
    };
    model.update(Message::Snapshot(with((0..10_000).map(many).collect())));
    assert_eq!(model.accounts.table.rows().len(), 10_000);
    letter(&mut model, 'G');
    for _ in 0..50 {
        letter(&mut model, ' ');
        press(&mut model, KeyCode::Up);
        press(&mut model, KeyCode::Up);
    }
    crate::tui::user::tests::scene::painted(&model);
    letter(&mut model, 'W');
    assert!(model.money.typing());
}

#[test]
fn names_of_strangers_steer_nothing() {
    for attack in short_attacks() {
        let mut model = shown(Shade::Dark);
        model.shared.aliases.insert(provider(2), attack.text.clone());
        model.update(Message::Snapshot(with(snapshot().accounts.iter().rev().cloned().collect())));
        model.update(Message::Accounts(Answer::Reconciled(provider(1), Err(attack.text.clone()))));
        model.update(Message::Accounts(Answer::Runway(provider(1), Err(attack.text.clone()))));
        harmless(&painted(&model), attack.name);
        press(&mut model, KeyCode::Enter);
        harmless(&painted(&model), attack.name);
        letter(&mut model, 'z');
        harmless(&painted(&model), attack.name);
    }
}

#[test]
fn pictures() {
    snap("accounts_list", shown, |_| {});
    snap("accounts_none", full, |model| {
        model.update(Message::Snapshot(with(Vec::new())));
        letter(model, '4');
    });
    snap("accounts_unknown", fresh, |model| {
        letter(model, '4');
    });
    snap("accounts_filter", shown, |model| {
        letter(model, ' ');
        letter(model, '/');
        typed(model, "refund");
    });
    snap("accounts_detail", shown, |model| {
        press(model, KeyCode::Enter);
        model.update(Message::Accounts(Answer::Runway(provider(1), Ok(runway()))));
    });
    snap("accounts_zoom", shown, |model| {
        letter(model, 'z');
        letter(model, 'v');
        let found = Reconciliation {
            provider: provider(1),
            requests: 12,
            fees: Neuron::new(4_620_000_000),
            owed: Neuron::new(4_620_000_000),
            disputed: Neuron::new(1_000),
            held: Neuron::ZERO,
            stated: Some(Neuron::new(4_620_001_000)),
            promised: Neuron::new(5_000_000_000),
            settled: Neuron::new(1_000_000_000),
            verdict: ReconciliationVerdict::Even,
        };
        model.update(Message::Accounts(Answer::Reconciled(provider(1), Ok(Box::new(found)))));
        letter(model, 'G');
    });
    snap("accounts_no_key", shown, |model| {
        model.update(Message::Snapshot(with(vec![AccountView {
            can_sign: false,
            ..account(3, 5_000_000_000)
        }])));
        press(model, KeyCode::Enter);
    });
    snap("accounts_masked", shown, |model| {
        letter(model, 'x');
    });
}
