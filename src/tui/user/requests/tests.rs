//! What keys and answers do to the lists, and pictures of them.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

use crossterm::event::KeyCode;

use super::export::{self, Progress};
use super::pages::{PAGE, Page, Pages, Placed};
use super::rows::RequestRow;
use super::runner::Covered;
use super::*;
use crate::attacks::short_attacks;
use crate::broker::user::{
    Check, Event, ExportFormat, Finding, ReconciliationVerdict, RequestFilter, RequestView,
};
use crate::domain::{
    AccountId, B256, Fee, Neuron, OperationKind, OperationState, Prices, Receipt, ReceiptStatus, Signature,
    SignedReceipt, Timestamp, Units, UserRequestState,
};
use crate::tui::pictures::{control, harmless, letter, press, typed};
use crate::tui::shell::{Program, Step};
use crate::tui::theme::Shade;
use crate::tui::user::message::{Effect, Message};
use crate::tui::user::model::Model;
use crate::tui::user::part::{Intent, Order, Part};
use crate::tui::user::screen::Screen;
use crate::tui::user::tests::scene::{fresh, full, now, painted, provider, snap};

fn view(n: u64, state: UserRequestState, fee: u128) -> RequestView {
    let mut id = [0; 32];
    id[..8].copy_from_slice(&n.to_be_bytes());
    id[8..].fill(0xab);
    let over = state.has_ended();
    RequestView {
        request: RequestId::new(id),
        provider: provider(if n.is_multiple_of(3) { 2 } else { 1 }),
        service: if n.is_multiple_of(3) { "qwen" } else { "llama7b" }.parse().unwrap(),
        created_at: Timestamp::from_seconds(now().as_seconds() - n * 61),
        finished_at: over.then(|| Timestamp::from_seconds(now().as_seconds() - n * 61 + 5)),
        state,
        input: Units(if over && fee > 0 { 412 } else { 0 }),
        output: Units(if over && fee > 0 { 380 } else { 0 }),
        fee: Fee { input: Neuron::new(fee / 3), output: Neuron::new(fee - fee / 3) },
        max_fee: Neuron::new(820_000_000),
        disputed: Neuron::new(if state == UserRequestState::Disputed { 40_000_000 } else { 0 }),
        note: match state {
            UserRequestState::Failed => {
                Some("the provider answered with status 503: \u{1b}[2Jbusy".to_owned())
            }
            UserRequestState::Disputed => Some("the receipt asks for 780 units, we counted 380".to_owned()),
            _ => None,
        },
        accepted_at: None,
    }
}

fn views() -> Vec<RequestView> {
    use UserRequestState::{Disputed, Done, Failed, Unconfirmed};
    let states = [Done, Done, Disputed, Failed, Done, Unconfirmed, Done];
    (1..=30)
        .map(|n| {
            let state = states[usize::try_from(n).unwrap() % states.len()];
            let fee = if matches!(state, Done | Disputed) { 117_200_000 + u128::from(n) * 1_000 } else { 0 };
            view(n, state, fee)
        })
        .collect()
}

fn page(items: Vec<RequestView>, next: Option<&str>, total: u64) -> Page<RequestView> {
    Page {
        live: vec![RequestView {
            created_at: Timestamp::from_seconds(now().as_seconds() - 12),
            ..view(0, UserRequestState::Sent, 0)
        }],
        items,
        next: next.map(str::to_owned),
        total,
        fee: Neuron::new(2_812_800_000),
    }
}

fn answered(model: &mut Model, answer: Answer) -> Step<Effect> {
    model.update(Message::Requests(answer))
}

/// The screen with requests in it.
fn shown(shade: Shade) -> Model {
    let mut model = full(shade);
    fill(&mut model);
    model
}

fn fill(model: &mut Model) {
    letter(model, '5');
    let page = Ok(page(views(), None, 1_204));
    answered(model, Answer::Requests { generation: 1, page });
}

fn record(view: RequestView) -> RequestRecord {
    let signature = {
        let mut bytes = [0x11; 65];
        bytes[64] = 27;
        Signature::new(bytes).unwrap()
    };
    let receipt = Receipt {
        request: view.request,
        account: AccountId { user: provider(9), provider: view.provider },
        body_hash: B256::repeat_byte(0x21),
        response_hash: B256::repeat_byte(0x22),
        input: Units(412),
        output: Units(780),
        fee: view.fee,
        owed: Neuron::new(4_620_000_000),
        status: ReceiptStatus::Complete,
    };
    RequestRecord {
        prices: Prices { input: Neuron::new(100_000), output: Neuron::new(200_000) },
        price_version: 3,
        body_hash: B256::repeat_byte(0x21),
        response_hash: Some(B256::repeat_byte(0x22)),
        receipt: Some(SignedReceipt { receipt, signature }.into()),
        view,
    }
}

fn operation(n: u8, kind: OperationKind, state: OperationState) -> OperationView {
    let mined = state == OperationState::Mined;
    OperationView {
        id: OperationId::new([n; 16]),
        kind,
        provider: Some(provider(1)),
        amount: (kind != OperationKind::SetDelegate).then(|| Neuron::new(250_000_000_000)),
        state,
        created_at: Timestamp::from_seconds(now().as_seconds() - u64::from(n) * 3_600),
        hash: (state != OperationState::Refused).then(|| B256::repeat_byte(n)),
        block: mined.then_some(4_183_022),
        reason: (state == OperationState::Refused).then(|| "the contract says \u{202e}no".to_owned()),
        attempts: if mined { 0 } else { 3 },
        offer: (!mined).then(|| Neuron::new(2_000_000_000)),
        gas_paid: mined.then(|| Neuron::new(61_000_000_000_000)),
    }
}

fn operations(model: &mut Model) {
    letter(model, '5');
    letter(model, 'o');
    let items = vec![
        operation(1, OperationKind::Deposit, OperationState::Sent),
        operation(2, OperationKind::SetDelegate, OperationState::Mined),
        operation(3, OperationKind::CreateAccount, OperationState::Mined),
        operation(4, OperationKind::RequestRefund, OperationState::Refused),
    ];
    let page = Page { items, next: None, total: 4, fee: Neuron::ZERO, live: Vec::new() };
    answered(model, Answer::Operations { generation: 1, page: Ok(page) });
}

fn ask_of(step: &Step<Effect>) -> Vec<&Ask> {
    step.effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Requests(ask) => Some(ask),
            _ => None,
        })
        .collect()
}

#[test]
fn what_strangers_wrote_into_a_request_steers_nothing() {
    for attack in short_attacks() {
        let evil = attack.text.as_str();
        let mut model = full(Shade::Dark);
        model.shared.aliases.insert(provider(1), evil.to_owned());
        letter(&mut model, '5');
        let noted = |mut view: RequestView| {
            view.note = Some(evil.to_owned());
            view
        };
        let items: Vec<RequestView> = views().into_iter().take(6).map(noted).collect();
        let first = items[0].clone();
        answered(&mut model, Answer::Requests { generation: 1, page: Ok(page(items, None, 6)) });
        harmless(&painted(&model), attack.name);
        press(&mut model, KeyCode::Enter);
        answered(&mut model, Answer::Record(first.request, Ok(Box::new(record(first.clone())))));
        answered(&mut model, Answer::Verified(first.request, Err(evil.to_owned())));
        answered(&mut model, Answer::Reconciled(first.provider, Err(evil.to_owned())));
        harmless(&painted(&model), attack.name);
        letter(&mut model, 'z');
        harmless(&painted(&model), attack.name);
        answered(&mut model, Answer::Exported { path: evil.to_owned(), ended: Err(evil.to_owned()) });
        harmless(&painted(&model), attack.name);
        let mut model = full(Shade::Dark);
        letter(&mut model, '5');
        letter(&mut model, 'o');
        let mut own = operation(4, OperationKind::RequestRefund, OperationState::Refused);
        own.reason = Some(evil.to_owned());
        let page = Page { items: vec![own], next: None, total: 1, fee: Neuron::ZERO, live: Vec::new() };
        answered(&mut model, Answer::Operations { generation: 1, page: Ok(page) });
        press(&mut model, KeyCode::Enter);
        harmless(&painted(&model), attack.name);
        answered(&mut model, Answer::Operations { generation: 2, page: Err(evil.to_owned()) });
        harmless(&painted(&model), attack.name);
    }
}

#[test]
fn a_filter_goes_to_the_broker_one_question_at_a_time() {
    let mut model = shown(Shade::Dark);
    letter(&mut model, '/');
    let step = letter(&mut model, 's');
    assert!(matches!(ask_of(&step)[..], [Ask::Requests { .. }]));
    typed(&mut model, "tate:disputed provider:gho service:lla day:today dragons");
    let Model { requests: part, shared, .. } = &model;
    let read = filter::requests(part.typed(), shared);
    assert_eq!(read.complaint, None);
    let day = Timestamp::from_seconds(now().day() * 86_400);
    let expected = RequestFilter {
        provider: Some(provider(1)),
        service: Some("llama7b".parse().unwrap()),
        state: Some(UserRequestState::Disputed),
        from: Some(day),
        to: Some(day.plus_seconds(86_400)),
        search: Some("dragons".to_owned()),
    };
    assert_eq!(read.filter, expected);
    // The first letter's answer comes: only now the whole text is asked for.
    let page = page(Vec::new(), None, 0);
    let step = answered(&mut model, Answer::Requests { generation: 2, page: Ok(page) });
    let asked = ask_of(&step);
    assert!(matches!(&asked[..], [Ask::Requests { filter, .. }] if *filter == expected), "{asked:?}");
    press(&mut model, KeyCode::Esc);
    press(&mut model, KeyCode::Esc);
    assert_eq!(model.requests.typed(), "");
}

#[test]
fn what_cannot_be_read_is_told_and_hides_nothing() {
    let model = full(Shade::Dark);
    let told = |typed: &str| filter::requests(typed, &model.shared).complaint.unwrap_or_default();
    assert_eq!(told("state:d"), "state:d may be done or disputed; type more of it");
    assert!(told("state:x").starts_with("state is one of reserved, sent, done"));
    assert_eq!(told("provider:0x"), "3 providers begin with 0x; type more of it");
    assert!(told("provider:zz").starts_with("no provider here begins with zz"));
    assert!(told("day:2024-13-01").starts_with("2024-13-01 is no day"));
    assert!(told("month:2024").starts_with("2024 is no month"));
    assert!(told("colour:red").starts_with("there is no field colour"));
    assert_eq!(filter::requests("state:x", &model.shared).filter, RequestFilter::default());
    let read = filter::requests("month:2024-02 from:2024-02-10", &model.shared).filter;
    assert_eq!(read.from.unwrap().to_string(), "2024-02-10T00:00:00Z");
    assert_eq!(read.to.unwrap().to_string(), "2024-03-01T00:00:00Z");
    let query = filter::operations("kind:dep state:ref", &model.shared).filter;
    assert_eq!((query.kind, query.state), (Some(OperationKind::Deposit), Some(OperationState::Refused)));
    assert!(filter::operations("llama", &model.shared).complaint.is_some());
}

fn rows(from: u64) -> Page<RequestRow> {
    let items = (from..from + u64::from(PAGE)).map(|n| {
        let view = view(n + 1, UserRequestState::Done, 1_000_000 - u128::from(n));
        RequestRow::new(view, None)
    });
    let next = Some(format!("after {}", from + u64::from(PAGE)));
    Page { items: items.collect(), next, total: 1_000_000, fee: Neuron::new(1), live: Vec::new() }
}

#[test]
fn a_million_rows_are_read_through_a_window() {
    let mut pages = Pages::<RequestRow>::default();
    let wanted = pages.anew(true).unwrap();
    assert!(pages.anew(false).is_none(), "one question at a time");
    assert!(pages.take(wanted.generation, Ok(rows(0))));
    pages.wanted().map(|wanted| pages.take(wanted.generation, Ok(rows(0))));
    let mut most = 0;
    for _ in 0..2_000 {
        pages.table.step(10);
        if let Some(wanted) = pages.wanted() {
            let from = u64::try_from(wanted.page).unwrap() * u64::from(PAGE);
            let cursor = (from > 0).then(|| format!("after {from}"));
            assert_eq!(wanted.cursor, cursor);
            pages.take(wanted.generation, Ok(rows(from)));
        }
        most = most.max(pages.holds().1);
    }
    assert_eq!(pages.table.selected().unwrap().place(), 20_000);
    assert!(most <= 1_200, "{most} rows were held");
    for _ in 0..2_000 {
        pages.table.step(-10);
        if let Some(wanted) = pages.wanted() {
            let from = u64::try_from(wanted.page).unwrap() * u64::from(PAGE);
            pages.take(wanted.generation, Ok(rows(from)));
        }
    }
    assert_eq!(pages.table.selected().unwrap().place(), 0);
    assert_eq!(pages.holds().0, 0);
}

#[test]
fn whoever_reads_below_is_not_pulled_to_the_top() {
    let mut pages = Pages::<RequestRow>::default();
    let wanted = pages.anew(true).unwrap();
    pages.take(wanted.generation, Ok(rows(0)));
    pages.table.select(190);
    let wanted = pages.wanted().unwrap();
    pages.take(wanted.generation, Ok(rows(200)));
    pages.table.select(300);
    let key = pages.table.selected().unwrap().view.request;
    let wanted = pages.anew(false).unwrap();
    let newer = Page { total: 1_000_001, ..rows(0) };
    pages.take(wanted.generation, Ok(newer));
    assert_eq!((pages.total, pages.table.selected().unwrap().view.request), (1_000_001, key));
    assert!(!pages.take(wanted.generation, Ok(rows(0))), "an answer that nobody waits for");
}

#[test]
fn what_runs_stands_first_and_once() {
    let mut model = shown(Shade::Dark);
    let first = model.requests.requests.table.selected().unwrap().clone();
    assert_eq!((first.place(), first.view.state), (0, UserRequestState::Sent));
    assert!(model.requests.requests.runs());
    // It ended: the list is read again with the next beat, while it is in sight.
    let ended = Event::RequestEnded {
        request: first.view.request,
        provider: provider(1),
        service: "llama7b".parse().unwrap(),
        state: UserRequestState::Done,
        fee: Neuron::new(5),
        note: None,
    };
    model.update(Message::Event(ended.clone()));
    let step = model.update(Message::Beat(now().plus_seconds(1)));
    assert!(matches!(ask_of(&step)[..], [Ask::Requests { .. }]));
    letter(&mut model, '9');
    model.update(Message::Beat(now().plus_seconds(2)));
    model.update(Message::Event(ended));
    let step = model.update(Message::Beat(now().plus_seconds(3)));
    assert!(ask_of(&step).is_empty(), "nobody looks");
}

#[test]
fn details_follow_the_selection_and_evidence_is_looked_at_on_demand() {
    let mut model = shown(Shade::Dark);
    press(&mut model, KeyCode::Down);
    let step = press(&mut model, KeyCode::Enter);
    let id = model.requests.requests.table.selected().unwrap().view.request;
    assert!(matches!(ask_of(&step)[..], [Ask::Record(of)] if *of == id));
    let step = letter(&mut model, 'v');
    assert!(ask_of(&step).iter().any(|ask| matches!(ask, Ask::Verify(of) if *of == id)));
    let step = letter(&mut model, 'r');
    assert!(ask_of(&step).iter().any(|ask| matches!(ask, Ask::Reconcile(_))));
    let step = letter(&mut model, 'y');
    assert!(format!("{:?}", step.screen).contains(&id.to_string()));
    press(&mut model, KeyCode::Esc);
    assert!(!model.requests.pane.is_open());
}

#[test]
fn another_screen_names_a_request_or_a_filter() {
    use crate::tui::user::orders::follow;
    let mut model = full(Shade::Dark);
    let mut step = Step::default();
    let id = RequestId::new([7; 32]);
    follow(&mut model, vec![Order::Tell(Screen::Requests, Intent::Request(id))], &mut step);
    assert!(ask_of(&step).iter().any(|ask| matches!(ask, Ask::Record(of) if *of == id)));
    assert_eq!(model.screen, Screen::Requests);
    let day = Intent::Requests("day:2024-08-22".to_owned());
    follow(&mut model, vec![Order::Tell(Screen::Requests, day)], &mut step);
    assert_eq!((model.requests.typed(), model.requests.pane.is_open()), ("day:2024-08-22", false));
}

#[test]
fn an_export_covers_the_filter_and_can_be_stopped() {
    let mut model = shown(Shade::Dark);
    letter(&mut model, '/');
    typed(&mut model, "state:disputed");
    press(&mut model, KeyCode::Enter);
    letter(&mut model, 'X');
    press(&mut model, KeyCode::Right);
    assert!(model.requests.export.as_ref().unwrap().value("file").ends_with(".json"));
    press(&mut model, KeyCode::Enter);
    let step = press(&mut model, KeyCode::Enter);
    let [Ask::Export(export)] = ask_of(&step)[..] else { panic!("{:?}", step.effects) };
    assert_eq!(export.format, ExportFormat::Json);
    assert!(
        matches!(&export.covered, Covered::Requests(filter) if filter.state == Some(UserRequestState::Disputed))
    );
    assert!(model.requests.running_export());
    control(&mut model, 'c');
    let done = Answer::Exported { path: "/tmp/x".to_owned(), ended: Err("it was stopped".to_owned()) };
    answered(&mut model, done);
    assert!(!model.requests.running_export());
    assert!(model.toasts.last().unwrap().text.contains("nothing was written"));
}

impl Requests {
    fn running_export(&self) -> bool {
        use crate::tui::user::part::Part;
        self.running().is_some()
    }
}

#[test]
fn keeping_an_ending_keeps_the_name() {
    let mut form = export::form("requests", now());
    assert_eq!(form.value("file"), "requests-20240822-143852.csv");
    form.fields[1] = form.fields[1].clone().with("mine.txt");
    form.fields[0] = form.fields[0].clone().with("JSON");
    export::keep_ending(&mut form);
    assert_eq!(form.value("file"), "mine.txt");
    assert_eq!(Progress::default().bytes(), 0);
}

#[test]
fn filters_and_order_survive_a_restart() {
    use crate::tui::user::part::Part;
    let mut model = shown(Shade::Dark);
    letter(&mut model, 's');
    letter(&mut model, '/');
    typed(&mut model, "state:done");
    let kept = model.requests.remember();
    let mut other = Requests::default();
    other.recall(&kept);
    assert_eq!((other.typed(), other.sort), ("state:done", RequestSort::Dearest));
    other.recall(&serde_json::json!({"list": 7, "sort": "\u{1b}", "filter": ["x"]}));
    assert_eq!(other.typed(), "");
}

fn opened(model: &mut Model, at: usize) {
    for _ in 0..at {
        press(model, KeyCode::Down);
    }
    press(model, KeyCode::Enter);
    let view = (*model.requests.requests.table.selected().unwrap().view).clone();
    answered(model, Answer::Record(view.request, Ok(Box::new(record(view)))));
}

#[test]
fn a_request_leads_to_its_service() {
    let mut model = full(Shade::Dark);
    fill(&mut model);
    opened(&mut model, 1);
    let view = (*model.requests.requests.table.selected().unwrap().view).clone();
    letter(&mut model, 'p');
    assert_eq!(model.shared.open, Screen::Services);
    let services = model.shared.services.iter();
    let there = services.filter(|one| one.provider == view.provider && one.name == view.service).count();
    assert_eq!(there, 1, "the picture has the service");
    letter(&mut model, 'y');
}

/// The question about the disputed request of a list, and what a yes to it orders.
fn accepting(model: &mut Model) -> Option<(RequestId, Neuron)> {
    // Where not all of it is in sight, a yes shows the rest first.
    for _ in 0..4 {
        let step = letter(model, 'y');
        for ask in ask_of(&step) {
            if let Ask::Accept { request, amount } = ask {
                return Some((*request, *amount));
            }
        }
    }
    None
}

#[test]
fn a_disputed_receipt_is_accepted_by_one_question_for_the_sum_in_it() {
    let mut model = shown(Shade::Dark);
    opened(&mut model, 2);
    let row = model.requests.requests.table.selected().unwrap().view.clone();
    assert_eq!(row.state, UserRequestState::Disputed);
    letter(&mut model, 'P');
    assert!(model.requests.accept.is_some() && Part::typing(&model.requests), "keys are the question's");
    press(&mut model, KeyCode::Esc);
    assert!(model.requests.accept.is_none(), "left");
    letter(&mut model, 'P');
    press(&mut model, KeyCode::Enter);
    assert!(model.requests.accept.is_none(), "enter is no yes unless one went there");
    letter(&mut model, 'P');
    assert_eq!(accepting(&mut model), Some((row.request, row.disputed)));
    assert_eq!(accepting(&mut model), None, "once");

    let fee = Fee { output: row.fee.output.saturating_add(row.disputed), ..row.fee };
    let view = RequestView {
        state: UserRequestState::Done,
        fee,
        disputed: Neuron::ZERO,
        accepted_at: Some(now()),
        ..(*row).clone()
    };
    let step = answered(&mut model, Answer::Accepted(row.request, Ok(Box::new(view.clone()))));
    assert!(model.requests.accept.is_none());
    assert!(ask_of(&step).iter().any(|ask| matches!(ask, Ask::Record(id) if *id == row.request)));
    let text = facts::request(&view, None, &model.shared);
    let says = crate::tui::kit::facts::text(&text);
    assert!(says.contains("✓ accepted") && says.contains("on the provider's word"), "{says}");
    answered(&mut model, Answer::Record(row.request, Ok(Box::new(record(view)))));
    letter(&mut model, 'P');
    assert!(model.requests.accept.is_none(), "there is nothing to accept any more");
}

#[test]
fn what_is_not_disputed_opens_no_question_and_a_refusal_is_told() {
    for at in [1, 3] {
        let mut model = shown(Shade::Dark);
        opened(&mut model, at);
        letter(&mut model, 'P');
        assert!(model.requests.accept.is_none(), "{at}");
    }
    let mut model = shown(Shade::Dark);
    opened(&mut model, 2);
    letter(&mut model, 'P');
    let (id, _) = accepting(&mut model).unwrap();
    answered(&mut model, Answer::Accepted(id, Err("the cap on one day is reached".to_owned())));
    assert!(model.requests.accept.is_none());
    assert!(model.toasts.iter().any(|toast| toast.text.contains("nothing was paid")), "{:?}", model.toasts);
}

#[test]
fn pictures() {
    snap("requests_unknown", fresh, |model| {
        letter(model, '5');
    });
    snap("requests_none", full, |model| {
        letter(model, '5');
        let none = Page { total: 0, fee: Neuron::ZERO, live: Vec::new(), ..page(Vec::new(), None, 0) };
        answered(model, Answer::Requests { generation: 1, page: Ok(none) });
    });
    snap("requests_list", full, fill);
    snap("requests_filter", full, |model| {
        fill(model);
        letter(model, '/');
        typed(model, "state:d 大模型");
    });
    snap("requests_detail", full, |model| {
        fill(model);
        opened(model, 2);
    });
    snap("requests_accept", full, |model| {
        fill(model);
        opened(model, 2);
        letter(model, 'P');
    });
    snap("requests_failed", full, |model| {
        fill(model);
        opened(model, 3);
    });
    snap("requests_verified", full, |model| {
        fill(model);
        opened(model, 1);
        letter(model, 'v');
        letter(model, 'r');
        let id = model.requests.requests.table.selected().unwrap().view.request;
        let check = |name, finding, says: &str| Check { name, finding, says: says.to_owned() };
        let checks = vec![
            check("signature", Finding::Passed, "the provider signed the receipt"),
            check("body", Finding::Failed, "it is about another body than what was sent"),
            check("owed in all", Finding::Unknown, "the books have no account for it"),
        ];
        answered(model, Answer::Verified(id, Ok(Verification { request: id, checks })));
        let whom = model.requests.provider().unwrap();
        let n = Neuron::new;
        let found = Reconciliation {
            provider: whom,
            requests: 1_204,
            fees: n(4_620_000_000),
            owed: n(4_620_000_000),
            disputed: n(40_000_000),
            held: n(0),
            stated: Some(n(4_660_000_000)),
            promised: n(5_000_000_000),
            settled: n(1_000_000_000),
            verdict: ReconciliationVerdict::Even,
        };
        answered(model, Answer::Reconciled(whom, Ok(Box::new(found))));
    });
    snap("requests_export", full, |model| {
        fill(model);
        letter(model, 'X');
    });
    snap("requests_operations", full, operations);
    snap("requests_operation", full, |model| {
        operations(model);
        press(model, KeyCode::Enter);
        let view = operation(1, OperationKind::Deposit, OperationState::Sent);
        answered(model, Answer::Operation(view.id, Ok(Box::new(view))));
    });
}
