//! Home: what it tells, and when it asks.

use std::sync::Arc;

use super::{Answer, Ask, Figures};
use crate::broker::user::{Cap, CapUse, RequestView, Runway, Snapshot};
use crate::domain::{Fee, Neuron, RequestId, UserRequestState};
use crate::tui::pictures::letter;
use crate::tui::shell::Program;
use crate::tui::theme::Shade;
use crate::tui::user::message::{Effect, Message};
use crate::tui::user::model::Model;
use crate::tui::user::part::Part;
use crate::tui::user::shared::Link;
use crate::tui::user::tests::scene::{fresh, full, now, provider, snap, snapshot};

fn figures() -> Figures {
    let request = |n: u8, state| RequestView {
        request: RequestId::new([n; 32]),
        provider: provider(1),
        service: "llama7b".parse().unwrap(),
        created_at: now(),
        finished_at: Some(now()),
        state,
        input: crate::domain::Units(412),
        output: crate::domain::Units(380),
        fee: Fee { input: Neuron::new(41_200_000), output: Neuron::new(76_000_000) },
        max_fee: Neuron::new(860_400_000),
        disputed: Neuron::ZERO,
        note: None,
        accepted_at: None,
    };
    Figures {
        runway: Runway {
            available: Neuron::new(170_000_000_000),
            per_day: Neuron::new(15_000_000_000),
            per_answer: Neuron::new(117_200_000),
            days: Some(11),
            answers: Some(1_450),
        },
        caps: vec![CapUse {
            cap: Cap::Day,
            provider: None,
            limit: Neuron::new(5_000_000_000_000),
            used: Neuron::new(4_800_000_000_000),
        }],
        last: vec![
            request(1, UserRequestState::Sent),
            request(2, UserRequestState::Done),
            request(3, UserRequestState::Disputed),
            request(4, UserRequestState::Failed),
        ],
    }
}

fn known(model: &mut Model) {
    letter(model, '1');
    model.update(Message::Home(Answer::Figures(Ok(Box::new(figures())))));
}

#[test]
fn figures_are_asked_for_once_until_something_ends() {
    let mut model = full(Shade::Dark);
    let asks =
        |effects: Vec<Effect>| effects.iter().filter(|one| matches!(one, Effect::Home(Ask::Figures))).count();
    assert_eq!(asks(letter(&mut model, '1').effects), 1);
    assert_eq!(asks(letter(&mut model, 'j').effects), 0, "one is under way");
    known(&mut model);
    let ended = crate::broker::user::Event::RequestEnded {
        request: RequestId::new([1; 32]),
        provider: provider(1),
        service: "llama7b".parse().unwrap(),
        state: UserRequestState::Done,
        fee: Neuron::new(1),
        note: None,
    };
    model.update(Message::Event(ended));
    let later = model.update(Message::Beat(now().plus_seconds(600)));
    assert_eq!(asks(later.effects), 1);
}

#[test]
fn a_tab_warns_of_what_is_urgent_only() {
    let mut model = full(Shade::Dark);
    let alarm =
        |model: &Model| super::view::troubles(&model.home, &model.shared).iter().any(|one| one.urgent);
    assert!(!alarm(&model));
    known(&mut model);
    assert!(alarm(&model), "96 % of a cap");
}

#[test]
fn a_refund_that_became_due_is_told_on_every_screen() {
    let mut model = full(Shade::Dark);
    letter(&mut model, '0');
    assert!(!model.home.alarm(&model.shared));
    model.update(Message::Beat(now().plus_seconds(71)));
    assert!(!model.home.alarm(&model.shared));
    let step = model.update(Message::Beat(now().plus_seconds(72)));
    assert!(model.home.alarm(&model.shared) && step.changed);
}

#[test]
fn pictures() {
    snap("home_fresh", fresh, |model| {
        letter(model, '1');
    });
    snap("home", full, known);
    snap("home_first", full, |model| {
        let empty = Snapshot { accounts: Vec::new(), operations: Vec::new(), ..Snapshot::clone(&snapshot()) };
        model.update(Message::Snapshot(Arc::new(empty)));
        letter(model, '1');
    });
    snap("home_offline", full, |model| {
        letter(model, '1');
        model.shared.link = Link::Waiting {
            why: "the node at 127.0.0.1:8545 cannot be reached: connection refused".to_owned(),
            again: now().plus_seconds(2),
        };
    });
    snap("home_stale", full, |model| {
        let stale = Snapshot { stale: Some("no answer in 10 s".to_owned()), ..Snapshot::clone(&snapshot()) };
        model.update(Message::Snapshot(Arc::new(stale)));
        known(model);
    });
}
