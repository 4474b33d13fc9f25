//! What keys do to the range, and pictures.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

use std::sync::Arc;

use crossterm::event::KeyCode;

use super::figures::{Group, Range, figures};
use super::runner::{Answer, Ask};
use crate::broker::user::{Cap, CapUse, DaySpend, Event, Runway, Spent};
use crate::domain::{Fee, Neuron, RequestId, Units, UserRequestState};
use crate::tui::pictures::{letter, press};
use crate::tui::shell::{Program, Step};
use crate::tui::theme::Shade;
use crate::tui::user::message::{Effect, Message};
use crate::tui::user::model::Model;
use crate::tui::user::screen::Screen;
use crate::tui::user::tests::scene::{fresh, full, now, provider, snap};

fn days() -> Vec<DaySpend> {
    let today = now().day();
    let mut days = Vec::new();
    for back in (0..60u64).filter(|back| back % 7 != 5) {
        for (n, service) in [(1, "llama7b"), (2, "qwen"), (3, "dear"), (4, "大模型")] {
            if back % u64::from(n) != 0 {
                continue;
            }
            let fee = 117_200_000 * (u128::from(back % 5) + 1) / u128::from(n);
            days.push(DaySpend {
                day: today - back,
                provider: provider(n),
                service: service.parse().unwrap_or_else(|_| "other".parse().unwrap()),
                spent: Spent {
                    requests: 12 + back,
                    answered: 11 + back,
                    failed: 1,
                    input: Units(41_200 * back),
                    output: Units(38_000),
                    fee: Fee { input: Neuron::ZERO, output: Neuron::new(fee) },
                    disputed: Neuron::new(if back == 2 { 40_000_000 } else { 0 }),
                },
            });
        }
    }
    days
}

fn caps() -> Vec<CapUse> {
    let cap = |cap, n: Option<u8>, limit, used| CapUse {
        cap,
        provider: n.map(provider),
        limit: Neuron::new(limit),
        used: Neuron::new(used),
    };
    vec![
        cap(Cap::Request, None, 820_000_000, 0),
        cap(Cap::Day, None, 5_000_000_000, 4_190_000_000),
        cap(Cap::Provider, Some(1), 1_000_000_000_000_000_000_000_000, 999_000_000_000_000_000_000_000),
        cap(Cap::Provider, Some(2), 9_000_000_000, 2_000_000_000),
        cap(Cap::Total, None, 2_000_000_000_000_000_000, 0),
    ]
}

fn runway() -> Runway {
    let n = Neuron::new;
    Runway {
        available: n(170_000_000_000),
        per_day: n(351_600_000),
        per_answer: n(9_800_000),
        days: Some(483),
        answers: Some(17_346),
    }
}

fn answer(model: &mut Model, days: &[DaySpend], caps: Vec<CapUse>, runway: Runway) -> Step<Effect> {
    let choice = (model.spend.range, model.spend.group);
    let figures = figures(days, now().day(), choice, (caps, runway));
    model.update(Message::Spend(Answer::Figures(Ok(Arc::new(figures)))))
}

fn shown(model: &mut Model) {
    letter(model, '7');
    answer(model, &days(), caps(), runway());
}

fn asks(step: &Step<Effect>) -> Vec<(Range, Group)> {
    step.effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Spend(Ask::Read { range, group }) => Some((*range, *group)),
            _ => None,
        })
        .collect()
}

#[test]
fn ranges_and_groups_are_read_one_at_a_time() {
    let mut model = full(Shade::Dark);
    let step = letter(&mut model, '7');
    assert_eq!(asks(&step), [(Range::Month, Group::Provider)]);
    assert!(asks(&letter(&mut model, ']')).is_empty(), "one read at a time");
    letter(&mut model, 'b');
    model.spend.range = Range::Month;
    model.spend.group = Group::Provider;
    let figures = figures(&days(), now().day(), (Range::Month, Group::Provider), (caps(), runway()));
    model.spend.range = Range::Quarter;
    let step = model.update(Message::Spend(Answer::Figures(Ok(Arc::new(figures)))));
    assert_eq!(asks(&step), [(Range::Quarter, Group::Provider)], "what was chosen meanwhile");
    for _ in 0..9 {
        letter(&mut model, ']');
    }
    assert_eq!(model.spend.range, Range::Ever);
    for _ in 0..9 {
        letter(&mut model, '[');
    }
    assert_eq!(model.spend.range, Range::Week);
}

#[test]
fn a_day_leads_to_its_requests() {
    let mut model = full(Shade::Dark);
    shown(&mut model);
    press(&mut model, KeyCode::Down);
    let step = press(&mut model, KeyCode::Enter);
    assert_eq!(model.screen, Screen::Requests);
    assert!(format!("{:?}", step.effects).contains("2024-08-21T00:00:00Z"), "{:?}", step.effects);
}

#[test]
fn new_answers_are_counted_while_somebody_looks_and_not_too_often() {
    let mut model = full(Shade::Dark);
    shown(&mut model);
    let ended = Event::RequestEnded {
        request: RequestId::new([1; 32]),
        provider: provider(1),
        service: "llama7b".parse().unwrap(),
        state: UserRequestState::Done,
        fee: Neuron::new(5),
        note: None,
    };
    model.update(Message::Event(ended));
    let mut read = Vec::new();
    for second in 1..=6 {
        read.extend(asks(&model.update(Message::Beat(now().plus_seconds(second)))));
    }
    assert_eq!(read.len(), 1);
}

#[test]
fn pictures() {
    snap("spend_unknown", fresh, |model| {
        letter(model, '7');
    });
    snap("spend_nothing", full, |model| {
        letter(model, '7');
        answer(model, &[], Vec::new(), Runway::default());
    });
    snap("spend_month", full, shown);
    snap("spend_services_year", full, |model| {
        letter(model, '7');
        answer(model, &days(), caps(), runway());
        model.spend.range = Range::Year;
        model.spend.group = Group::Service;
        answer(model, &days(), caps(), runway());
    });
    snap("spend_zoomed_masked", full, |model| {
        shown(model);
        letter(model, 'z');
        letter(model, 'x');
    });
}

#[test]
fn caps_are_typed_checked_and_set() {
    use crate::broker::user::Caps;
    use crate::domain::Neuron;
    use crate::tui::pictures::{control, letter, typed};
    use crate::tui::user::message::Effect;
    let mut model = full(Shade::Dark);
    letter(&mut model, '7');
    let asked = letter(&mut model, 'C').effects;
    assert!(asked.iter().any(|one| matches!(one, Effect::Spend(Ask::OwnCaps))));
    let known = Caps { per_day: Some(Neuron::new(5)), ..Caps::default() };
    model.update(Message::Spend(Answer::OwnCaps(Ok(known))));
    typed(&mut model, "1e3");
    assert!(control(&mut model, 's').effects.is_empty(), "it is no amount; what was typed stays");
    control(&mut model, 'u');
    typed(&mut model, "0.01 A0GI");
    let effects = control(&mut model, 's').effects;
    let [Effect::Spend(Ask::SetCaps(caps))] = &effects[..] else { panic!("{effects:?}") };
    let request = Neuron::parse_with_unit("0.01 A0GI").unwrap();
    assert_eq!(*caps, Caps { per_request: Some(request), ..known });
    snap("spend_caps", full, |model| {
        letter(model, '7');
        model.update(Message::Spend(Answer::OwnCaps(Ok(known))));
    });
}
