//! What keys, lists and looks do to the screen, and pictures of it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

use std::time::Duration;

use crossterm::event::KeyCode;
use proptest::prelude::*;

use super::facts::{Habit, cost_of_thousand};
use super::runner::{Difference, Looked, Used, differences};
use super::*;
use crate::attacks::short_attacks;
use crate::broker::user::{Event, Measured, PriceChange, PriceEntry, Probe, ProbeLimits, ProbeOutcome};
use crate::domain::{B256, Prices, RequestId, ServiceKind, Timestamp, Units, UserRequestState};
use crate::tui::pictures::{harmless, letter, press, typed};
use crate::tui::shell::{Program, ScreenOrder, Step};
use crate::tui::theme::Shade;
use crate::tui::user::message::{Effect, Message};
use crate::tui::user::model::Model;
use crate::tui::user::part::{Intent, Order};
use crate::tui::user::screen::Screen;
use crate::tui::user::shared::Link;
use crate::tui::user::tests::scene::{fresh, full, now, painted, provider, service, snap};
use crate::wire::terms::MeterName;

fn answered(model: &mut Model, answer: Answer) -> Step<Effect> {
    model.update(Message::ServicesPart(answer))
}

/// Takes in what a comparison asks for, as the runner would.
fn taken(model: &mut Model) {
    let (version, new) = (model.services.version, Arc::clone(&model.services.list));
    let old: Vec<Service> = model.services.table.rows().iter().map(|row| (*row.service).clone()).collect();
    let mut old = old;
    old.sort_by(|a, b| a.provider.cmp(&b.provider).then(a.name.cmp(&b.name)));
    let changes = differences(&old, &new);
    answered(model, Answer::Changes { version, changes, done: true });
}

fn listed(shade: Shade) -> Model {
    let mut model = full(shade);
    letter(&mut model, '2');
    taken(&mut model);
    model
}

fn looked(latency: u64, outcome: ProbeOutcome) -> Looked {
    Looked {
        probe: Some(Ok(Probe { at: now(), latency: Duration::from_millis(latency), outcome })),
        measured: None,
        change: None,
    }
}

fn there(paused: bool) -> ProbeOutcome {
    ProbeOutcome::Reachable {
        paused,
        meter: MeterName::O200k,
        credit_limit: Neuron::new(1_000_000_000),
        limits: ProbeLimits { in_flight: Some(8), own_per_minute: Some(60), ..ProbeLimits::default() },
    }
}

fn found(model: &mut Model, of: u8, name: &str, looked: Looked) {
    answered(model, Answer::Looked(provider(of), name.parse().unwrap(), Box::new(looked)));
}

/// With answers of all services, one of each kind.
fn known(shade: Shade) -> Model {
    let mut model = listed(shade);
    let measured = Measured {
        requests: 41,
        done: 40,
        failed: 1,
        typical: Some(Duration::from_millis(1_900)),
        slow: Some(Duration::from_millis(4_200)),
        output: Units(15_580),
        time: Duration::from_millis(380_000),
        ..Measured::default()
    };
    let seen = Some(Prices { input: Neuron::new(90_000), output: Neuron::new(200_000) });
    let prices = Prices { input: Neuron::new(100_000), output: Neuron::new(200_000) };
    let change = Some(PriceChange { seen, now: prices });
    found(&mut model, 1, "llama7b", Looked { measured: Some(measured), change, ..looked(12, there(false)) });
    found(&mut model, 1, "storage", looked(9, there(true)));
    found(&mut model, 2, "qwen", looked(210, there(false)));
    let silent = ProbeOutcome::Unreachable("dear.example does not answer: connection refused".to_owned());
    found(&mut model, 3, "dear", looked(3, silent));
    let used = Used { answers: 41, input: Units(41 * 412), output: Units(41 * 380) };
    let services = [((provider(1), "llama7b".parse().unwrap()), used)].into();
    answered(&mut model, Answer::Usage(Usage { services }));
    model
}

fn asks(step: &Step<Effect>) -> Vec<&Ask> {
    let effects = step.effects.iter();
    effects.filter_map(|effect| if let Effect::Services(ask) = effect { Some(ask) } else { None }).collect()
}

fn entry(block: u64, prices: (u128, u128), url_changed: bool) -> PriceEntry {
    PriceEntry {
        block,
        transaction: B256::ZERO,
        time: Some(Timestamp::from_seconds(now().as_seconds() - (9_000 - block) * 12)),
        service: Some(service(provider(1), "llama7b", ServiceKind::Chatbot, prices)),
        prices_changed: true,
        url_changed,
        model_changed: false,
    }
}

fn with_history(model: &mut Model) {
    let entries = vec![entry(8_800, (100_000, 200_000), false), entry(4_100, (90_000, 200_000), true)];
    let history = PriceHistory { entries, from_block: 0, to_block: 9_000 };
    answered(model, Answer::History(provider(1), "llama7b".parse().unwrap(), Ok(history)));
}

#[test]
fn what_a_provider_wrote_about_a_service_steers_nothing() {
    for attack in short_attacks() {
        let evil = attack.text.as_str();
        let mut model = full(Shade::Dark);
        model.shared.aliases.insert(provider(5), evil.to_owned());
        let mut bad = service(provider(5), "evil", ServiceKind::Chatbot, (u128::MAX, u128::MAX));
        (bad.model, bad.url) = (evil.to_owned(), evil.to_owned());
        let good = service(provider(1), "llama7b", ServiceKind::Chatbot, (1, 2));
        model.update(Message::Services([bad.clone(), good].into()));
        taken(&mut model);
        if model.services.comparing {
            taken(&mut model);
        }
        letter(&mut model, '2');
        harmless(&painted(&model), attack.name);
        for outcome in [ProbeOutcome::Unreachable(evil.to_owned()), ProbeOutcome::Unreachable(String::new())]
        {
            found(&mut model, 5, "evil", looked(3, outcome));
        }
        let probe = Looked { probe: Some(Err(evil.to_owned())), measured: None, change: None };
        found(&mut model, 5, "evil", probe);
        answered(&mut model, Answer::History(provider(5), bad.name.clone(), Err(evil.to_owned())));
        for _ in 0..2 {
            press(&mut model, KeyCode::Enter);
            harmless(&painted(&model), attack.name);
            letter(&mut model, 'z');
            let mut old = entry(8_800, (1, 2), true);
            old.service = Some(bad.clone());
            let history = PriceHistory { entries: vec![old], from_block: 0, to_block: 9_000 };
            answered(&mut model, Answer::History(provider(5), bad.name.clone(), Ok(history)));
            harmless(&painted(&model), attack.name);
            press(&mut model, KeyCode::Esc);
            press(&mut model, KeyCode::Down);
        }
        // Side by side, filtered by it, and copied.
        for key in [' ', 'j', ' ', 'v'] {
            letter(&mut model, key);
            harmless(&painted(&model), attack.name);
        }
        press(&mut model, KeyCode::Esc);
        for order in letter(&mut model, 'Y').screen.into_iter().chain(letter(&mut model, 'y').screen) {
            if let ScreenOrder::Copy { text, what } = order {
                assert_eq!(
                    (crate::attacks::found(&text.replace("\t", " ")), crate::attacks::found(&what)),
                    (None, None),
                    "{}",
                    attack.name
                );
            }
        }
    }
}

proptest! {
    #[test]
    fn differences_lead_from_one_list_to_the_other(
        old in proptest::collection::btree_map((0u8..6, 0u8..6), 0u128..3, 0..20),
        new in proptest::collection::btree_map((0u8..6, 0u8..6), 0u128..3, 0..20),
    ) {
        let list = |of: &std::collections::BTreeMap<(u8, u8), u128>| -> Vec<Service> {
            of.iter()
                .map(|((one, name), price)| {
                    service(provider(*one), &format!("s{name}"), ServiceKind::Chatbot, (*price, 1))
                })
                .collect()
        };
        let (old, new) = (list(&old), list(&new));
        let mut there: HashMap<Key, Service> =
            old.iter().map(|one| (Key(Arc::new(one.clone())), one.clone())).collect();
        for difference in differences(&old, &new) {
            match difference {
                Difference::Put(one) => {
                    prop_assert_ne!(there.insert(Key(Arc::clone(&one)), (*one).clone()), Some((*one).clone()));
                }
                Difference::Gone(one) => prop_assert!(there.remove(&Key(one)).is_some()),
            }
        }
        let wanted: HashMap<Key, Service> =
            new.iter().map(|one| (Key(Arc::new(one.clone())), one.clone())).collect();
        prop_assert_eq!(there, wanted);
    }
}

#[test]
fn a_newer_list_waits_for_the_one_that_is_taken_in() {
    let mut model = full(Shade::Dark);
    let first = model.services.version;
    let fewer: Arc<[Service]> = model.shared.services.iter().take(2).cloned().collect();
    let step = model.update(Message::Services(Arc::clone(&fewer)));
    assert!(asks(&step).is_empty(), "one comparison at a time");
    let all = differences(&[], &model.services.list);
    let step = answered(&mut model, Answer::Changes { version: first, changes: all, done: true });
    let [Ask::Compare { version, old, new }] = asks(&step)[..] else { panic!() };
    assert_eq!((old.len(), new.len()), (4, 2));
    let (version, changes) = (*version, differences(old, new));
    answered(&mut model, Answer::Changes { version, changes, done: true });
    assert_eq!(model.services.table.rows().len(), 2);
    answered(&mut model, Answer::Changes { version: first, changes: Vec::new(), done: true });
}

#[test]
fn only_rows_in_sight_are_asked_and_not_twice_in_a_minute() {
    let mut model = full(Shade::Dark);
    let many: Arc<[Service]> =
        (0..500).map(|n| service(provider(7), &format!("s{n:03}"), ServiceKind::Chatbot, (n, n))).collect();
    taken(&mut model);
    model.update(Message::Services(many));
    taken(&mut model);
    letter(&mut model, '2');
    let step = model.update(Message::Beat(now().plus_seconds(1)));
    let looks = |step: &Step<Effect>| -> usize {
        let one = |ask: &&Ask| if let Ask::Look(services) = ask { services.len() } else { 0 };
        asks(step).iter().map(one).sum()
    };
    assert_eq!(looks(&step), super::rows::AT_ONCE);
    for n in 0..10 {
        found(&mut model, 7, &format!("s{n:03}"), looked(5, there(false)));
    }
    letter(&mut model, '1');
    letter(&mut model, '2');
    let again = looks(&model.update(Message::Beat(now().plus_seconds(2))));
    let in_sight = model.services.table.visible().count();
    assert_eq!(again, in_sight - super::rows::AT_ONCE, "the others in sight, and nothing below them");
    letter(&mut model, 'g');
    assert_eq!(looks(&letter(&mut model, 'p')), 1, "a person may ask at any time");
    assert_eq!(looks(&letter(&mut model, 'p')), 0, "but not while the answer is awaited");
}

#[test]
fn from_here_people_talk_fund_and_copy() {
    let mut model = listed(Shade::Dark);
    let name = |model: &Model| model.services.selected().unwrap().service.name.to_string();
    assert_eq!(name(&model), "dear", "in order of names");
    letter(&mut model, 'O');
    assert!(crate::tui::user::part::Part::typing(&model.money), "the dialog is open");
    press(&mut model, KeyCode::Esc);
    letter(&mut model, 'j');
    let step = letter(&mut model, 'L');
    assert!(step.screen.is_empty());
    assert!(model.toasts.last().unwrap().text.contains("--serve"));
    model.shared.start.serving = Some("http://127.0.0.1:1034".to_owned());
    let step = letter(&mut model, 'L');
    let [ScreenOrder::Copy { text, .. }] = &step.screen[..] else { panic!() };
    let model_name = format!("\"model\":\"{}/llama7b\"", provider(1));
    assert!(text.contains("/v1/chat/completions") && text.contains(&model_name), "{text}");
    let step = letter(&mut model, 'y');
    assert!(matches!(&step.screen[..], [ScreenOrder::Copy { text, .. }] if *text == provider(1).to_string()));
    letter(&mut model, 'c');
    assert_eq!(model.screen, Screen::Chat);
    letter(&mut model, '2');
    if model.screen != Screen::Services {
        crate::tui::user::update::go(&mut model, Screen::Services, &mut Step::default());
    }
    letter(&mut model, 'G');
    assert_eq!(name(&model), "storage");
    letter(&mut model, 'c');
    assert_eq!(model.screen, Screen::Storage);
}

#[test]
fn rows_follow_accounts_names_and_requests() {
    let mut model = listed(Shade::Dark);
    let row = |model: &Model, of: u8, name: &str| {
        let is = |row: &&Offer| row.service.provider == provider(of) && row.service.name.as_str() == name;
        model.services.table.rows().iter().find(is).unwrap().clone()
    };
    assert_eq!(row(&model, 1, "llama7b").available, Some(Neuron::new(125_000_000_000)));
    assert_eq!(row(&model, 1, "llama7b").alias.as_deref(), Some("ghost"));
    assert_eq!(row(&model, 3, "dear").available, None);
    let mut snapshot = (*model.shared.snapshot).clone();
    snapshot.accounts.remove(0);
    model.update(Message::Snapshot(Arc::new(snapshot)));
    assert_eq!(row(&model, 1, "llama7b").available, None);
    model.shared.aliases.clear();
    model.update(Message::Beat(now().plus_seconds(1)));
    assert_eq!(row(&model, 1, "storage").alias, None);
    let step = model.update(Message::Event(Event::RequestEnded {
        request: RequestId::new([1; 32]),
        provider: provider(1),
        service: "llama7b".parse().unwrap(),
        state: UserRequestState::Done,
        fee: Neuron::new(1),
        note: None,
    }));
    assert!(asks(&step).iter().any(|ask| matches!(ask, Ask::Measure(of) if of.len() == 1)));
}

#[test]
fn filters_know_what_was_found_out() {
    let mut model = known(Shade::Dark);
    let mut shown = |text: &str| {
        model.services.table.set_filter(text.to_owned());
        assert_eq!(model.services.table.complaint(), None, "{text}");
        model.services.table.shown()
    };
    assert_eq!(shown("type:chatbot"), 3);
    assert_eq!(shown("type:chatbot price<300000"), 1);
    assert_eq!(shown("latency<200ms"), 1, "paused and silent ones have none");
    assert_eq!(shown("state:silent"), 1);
    assert_eq!(shown("!qwen"), 3);
    assert_eq!(shown("provider:@ghost"), 2);
    assert_eq!(shown("success>=97"), 1);
}

#[test]
fn what_was_chosen_survives_a_restart() {
    use crate::tui::user::part::Part;
    let mut model = listed(Shade::Dark);
    letter(&mut model, 's');
    letter(&mut model, 'S');
    letter(&mut model, 'j');
    let (provider, name) = super::rows::named(model.services.selected().unwrap());
    let kept = model.services.remember();
    let mut again = full(Shade::Dark);
    again.services.recall(&kept);
    taken(&mut again);
    assert_eq!(super::rows::named(again.services.selected().unwrap()), (provider, name));
    assert_eq!(again.services.table.sorting(), (1, true));
    again.services.recall(&serde_json::json!({"sort": 900, "filter": 7, "provider": "x"}));
}

#[test]
fn a_thousand_answers_cost_what_they_cost() {
    let habit = Habit { input: Units(412), output: Units(380), answers: 3 };
    let prices = Prices { input: Neuron::new(100_000), output: Neuron::new(200_000) };
    assert_eq!(cost_of_thousand(&prices, habit), Some(Neuron::new(117_200_000_000)));
    let most = Prices { input: Neuron::MAX, output: Neuron::MAX };
    assert_eq!(cost_of_thousand(&most, habit), None);
}

#[test]
fn escape_goes_back_one_step() {
    let mut model = known(Shade::Dark);
    for key in [' ', ' ', 'v'] {
        letter(&mut model, key);
    }
    assert!(model.services.compare.is_some());
    press(&mut model, KeyCode::Esc);
    assert!(model.services.compare.is_none());
    assert_eq!(model.services.table.marks(), 2);
    press(&mut model, KeyCode::Enter);
    press(&mut model, KeyCode::Esc);
    assert!(!model.services.pane.is_open());
    press(&mut model, KeyCode::Esc);
    assert_eq!(model.services.table.marks(), 0);
}

#[test]
fn pictures() {
    snap("services_list", known, |_| {});
    snap("services_million", known, |model| {
        letter(model, 'M');
        model.toasts.clear();
    });
    snap("services_filter", known, |model| {
        letter(model, '/');
        typed(model, "type:chatbot pricee<1");
    });
    snap("services_detail", known, |model| {
        letter(model, 'j');
        press(model, KeyCode::Enter);
        with_history(model);
    });
    snap("services_zoom", known, |model| {
        letter(model, 'j');
        letter(model, 'z');
        with_history(model);
    });
    snap("services_compare", known, |model| {
        for key in [' ', ' ', ' ', 'v'] {
            letter(model, key);
        }
    });
    snap("services_masked", known, |model| {
        letter(model, 'x');
        model.toasts.clear();
    });
    snap("services_hostile", full, |model| {
        let mut evil = service(provider(5), "evil", ServiceKind::Chatbot, (u128::MAX, u128::MAX));
        evil.model = "\u{1b}]52;c;eA==\u{7}\u{202e}gpj.\u{200b}大模型".to_owned();
        evil.url = "http://\u{9b}2J.example".to_owned();
        model.update(Message::Services([evil].into()));
        taken(model);
        if model.services.comparing {
            taken(model);
        }
        letter(model, '2');
    });
    snap("services_none", fresh, |model| {
        letter(model, '2');
        model.update(Message::Services(Arc::from([])));
        model.shared.link = Link::Ready;
        (model.services.listed, model.services.comparing) = (true, false);
    });
    snap("services_waiting", fresh, |model| {
        letter(model, '2');
        let why = "127.0.0.1:8545 does not answer".to_owned();
        model.shared.link = Link::Waiting { why, again: now().plus_seconds(9) };
    });
}

/// Every fourth keeps files; five to a provider.
fn many(count: u64) -> Arc<[Service]> {
    let one = |n: u64| {
        let mut provider = [0; 20];
        provider[..8].copy_from_slice(&(n / 5).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
        let kind = if n.is_multiple_of(4) { ServiceKind::ZgStorage } else { ServiceKind::Chatbot };
        let price = u128::from(n.wrapping_mul(7_919) % 1_000_000);
        service(Address::from(provider), &format!("llama{n}"), kind, (price, price * 2))
    };
    (0..count).map(one).collect()
}

/// `cargo test --release --lib -- --nocapture a_hundred_thousand` tells what each step took.
#[test]
fn a_hundred_thousand_services_are_a_list_like_any_other() {
    let mut model = full(Shade::Dark);
    letter(&mut model, '2');
    let all = many(100_000);
    model.update(Message::Services(Arc::clone(&all)));
    let version = model.services.version;
    let changes: Vec<_> = all.iter().map(|one| Difference::Put(Arc::new(one.clone()))).collect();
    let mut told = Vec::new();
    let mut step = |model: &mut Model, what: &'static str, work: &mut dyn FnMut(&mut Model)| {
        let began = std::time::Instant::now();
        work(model);
        let changed = began.elapsed();
        let began = std::time::Instant::now();
        painted(model);
        told.push((what, changed, began.elapsed()));
    };
    for slice in changes.chunks(2_000) {
        let done = false;
        let changes: Vec<_> = slice.to_vec();
        step(&mut model, "a slice of 2,000", &mut |model| {
            answered(model, Answer::Changes { version, changes: changes.clone(), done });
        });
    }
    answered(&mut model, Answer::Changes { version, changes: Vec::new(), done: true });
    for key in ['j', 'G', 'g', 's', 's', 'S', '/', 'l', 'l', 'a', 'm', 'a', '9', '9'] {
        step(&mut model, "a key", &mut |model| drop(letter(model, key)));
    }
    press(&mut model, KeyCode::Enter);
    let shown = model.services.table.shown();
    assert!(shown > 0 && shown < 100_000);
    for screen in ['1', '4', '5', '6', '7', '9', '0', '2'] {
        step(&mut model, "a screen", &mut |model| drop(letter(model, screen)));
    }
    step(&mut model, "a beat", &mut |model| drop(model.update(Message::Beat(now().plus_seconds(1)))));
    let mut snapshot = (*model.shared.snapshot).clone();
    snapshot.spent_today = Neuron::new(1);
    let snapshot = Arc::new(snapshot);
    step(&mut model, "a snapshot", &mut |model| {
        drop(model.update(Message::Snapshot(Arc::clone(&snapshot))));
    });
    let files = Intent::Files { provider: all[0].provider, service: all[0].name.clone() };
    step(&mut model, "storage", &mut |model| {
        let mut step = Step::default();
        let order = Order::Tell(Screen::Storage, files.clone());
        crate::tui::user::orders::follow(model, vec![order], &mut step);
    });
    step(&mut model, "a key there", &mut |model| drop(press(model, KeyCode::Tab)));
    for what in ["a slice of 2,000", "a key", "a screen", "a beat", "a snapshot", "storage", "a key there"] {
        let of = told.iter().filter(|one| one.0 == what);
        let (most, frame) = (of.clone().map(|one| one.1).max().unwrap(), of.map(|one| one.2).max().unwrap());
        println!("{what}: at most {most:?}, its frame {frame:?}");
    }
}
