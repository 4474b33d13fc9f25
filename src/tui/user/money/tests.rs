//! What the dialogs do, without a terminal and without a broker.

use crossterm::event::KeyCode;

use super::{Answer, Ask, Kind, Ordered, Trial, Wish};
use crate::attacks::short_attacks;
use crate::broker::user::{
    AccountView, Action, Event, GasPreview, Locked, OperationView, Preview, PreviewWarning, WalletPreview,
};
use crate::domain::{B256, Neuron, OperationId, OperationKind, OperationState, Timestamp};
use crate::tui::input::Input;
use crate::tui::pictures::{control, harmless, letter, press, typed};
use crate::tui::shell::{Program, Step};
use crate::tui::theme::Shade;
use crate::tui::user::message::{Effect, Message};
use crate::tui::user::model::Model;
use crate::tui::user::orders::follow;
use crate::tui::user::part::{Order, Part};
use crate::tui::user::screen::Screen;
use crate::tui::user::tests::scene::{full, now, provider, snap, snapshot};

const FEE: u128 = 52_500_000_000_000;

fn wallet() -> Neuron {
    snapshot().wallet.unwrap()
}

/// What the broker would say of an action.
pub fn preview(action: Action) -> Preview {
    let snapshot = snapshot();
    let own = snapshot.accounts.iter().find(|account| account.provider == action.provider());
    let empty = AccountView {
        provider: action.provider(),
        balance: Neuron::ZERO,
        pending_refund: Neuron::ZERO,
        owed: Neuron::ZERO,
        reserved: Neuron::ZERO,
        promised: Neuron::ZERO,
        available: Neuron::ZERO,
        settled: Neuron::ZERO,
        delegate: None,
        can_sign: true,
        refund: None,
    };
    let mut after = own.cloned().unwrap_or(empty);
    let gas = GasPreview {
        units: 52_500,
        limit: 63_000,
        price: Neuron::new(1_000_000_000),
        now: Neuron::new(FEE),
        offered: Neuron::new(2 * FEE),
        most: Neuron::new(4 * FEE),
    };
    let (mut amount, mut paid, mut locked) = (Neuron::ZERO, Neuron::ZERO, None);
    match action {
        Action::Open { amount: sum, .. } | Action::Deposit { amount: sum, .. } => {
            (amount, paid) = (sum, sum);
            after.balance = after.balance.saturating_add(sum);
            after.available = after.available.saturating_add(sum);
        }
        Action::RequestRefund { amount: sum, .. } => {
            amount = sum;
            after.pending_refund = sum;
            after.available = after.available.above(sum);
            locked = Some(Locked { amount: sum, until: now().plus_seconds(86_400), anew: true });
        }
        Action::CancelRefund { .. } | Action::ProcessRefund { .. } => amount = after.pending_refund,
        Action::SetDelegate { .. } => {}
    }
    Preview {
        action,
        chain_id: 16_600,
        contract: provider(0xc0),
        amount,
        gas,
        wallet: WalletPreview {
            before: wallet(),
            held: Neuron::ZERO,
            likely: wallet().above(paid.saturating_add(gas.now)),
            least: wallet().above(paid.saturating_add(gas.most)),
        },
        before: own.cloned(),
        after,
        locked,
        effective_at: None,
        waits_behind: 0,
        under_way: Vec::new(),
        warnings: Vec::new(),
    }
}

fn order(model: &mut Model, order: Order) -> Step<Effect> {
    let mut step = Step::default();
    follow(model, vec![order], &mut step);
    step
}

pub fn wish(model: &mut Model, kind: Kind, n: u8, amount: Option<u128>) -> Step<Effect> {
    let amount = amount.map(Neuron::new);
    order(model, Order::Money(Wish { kind, provider: provider(n), amount, then: None }))
}

/// Answers what a step asks to be tried, and what those answers ask.
pub fn try_out(model: &mut Model, step: Step<Effect>, found: impl Fn(Action) -> Result<Preview, String>) {
    let mut steps = vec![step];
    while let Some(step) = steps.pop() {
        for effect in step.effects {
            let answer = match effect {
                Effect::Money(Ask::Try { dialog, actions }) => {
                    let one = |action| Trial {
                        action,
                        found: found(action).map(Box::new),
                        key: format!("{action:?}"),
                    };
                    let trials = actions.into_iter().map(one).collect();
                    Answer::Tried { dialog, trials, at: now() }
                }
                Effect::Money(Ask::Most { dialog, .. }) => {
                    Answer::Most { dialog, most: Ok(wallet().above(Neuron::new(4 * FEE))) }
                }
                _ => continue,
            };
            steps.push(model.update(Message::Money(answer)));
        }
    }
}

fn good(action: Action) -> Result<Preview, String> {
    Ok(preview(action))
}

fn ordered(step: &Step<Effect>) -> Vec<Ordered> {
    let of = |effect: &Effect| match effect {
        Effect::Money(Ask::Do(ordered)) => ordered.clone(),
        _ => Vec::new(),
    };
    step.effects.iter().flat_map(of).collect()
}

fn operation(state: OperationState) -> OperationView {
    OperationView {
        id: OperationId::new([7; 16]),
        kind: OperationKind::Deposit,
        provider: Some(provider(1)),
        amount: Some(Neuron::new(5)),
        state,
        created_at: now(),
        hash: Some(B256::repeat_byte(0xab)),
        block: (state == OperationState::Mined).then_some(4_183_022),
        reason: None,
        attempts: 1,
        offer: None,
        gas_paid: (state == OperationState::Mined).then_some(Neuron::new(FEE)),
    }
}

/// A deposit dialog with its question open.
fn asked(model: &mut Model, kind: Kind, n: u8, text: &str) {
    let step = wish(model, kind, n, None);
    try_out(model, step, good);
    for c in text.chars() {
        let step = letter(model, c);
        try_out(model, step, good);
    }
    if !text.is_empty() {
        let step = press(model, KeyCode::Enter);
        try_out(model, step, good);
    }
}

#[test]
fn enter_and_enter_changes_nothing() {
    for kind in [Kind::Deposit, Kind::OpenAccount, Kind::Refund, Kind::CancelRefund, Kind::TakeOver] {
        let mut model = full(Shade::Dark);
        let n = if kind == Kind::OpenAccount { 3 } else { 2 };
        let step = wish(&mut model, kind, n, Some(5));
        try_out(&mut model, step, good);
        assert!(model.money.typing(), "{kind:?}");
        for _ in 0..4 {
            let step = press(&mut model, KeyCode::Enter);
            assert!(ordered(&step).is_empty(), "{kind:?}");
            try_out(&mut model, step, good);
        }
        assert!(!model.money.typing(), "{kind:?}: the second one cancels");
    }
}

#[test]
fn y_orders_it_once() {
    let mut model = full(Shade::Dark);
    asked(&mut model, Kind::Deposit, 1, "0.5");
    let step = letter(&mut model, 'y');
    let all = ordered(&step);
    let half = Neuron::new(Neuron::A0GI.get() / 2);
    assert!(matches!(&all[..], [Ordered { action: Action::Deposit { amount, .. }, .. }] if *amount == half));
    for key in ['y', 'y', 'D'] {
        assert!(ordered(&letter(&mut model, key)).is_empty());
    }
    assert!(ordered(&press(&mut model, KeyCode::Enter)).is_empty());
}

#[test]
fn a_second_wish_opens_nothing_over_the_first() {
    let mut model = full(Shade::Dark);
    asked(&mut model, Kind::Deposit, 1, "0.5");
    let then = Some((Screen::Chat, 3));
    let second = Wish { kind: Kind::Deposit, provider: provider(2), amount: None, then };
    assert!(order(&mut model, Order::Money(second)).effects.is_empty());
    let all = ordered(&letter(&mut model, 'y'));
    assert!(matches!(&all[..], [one] if one.action.provider() == provider(1)));
}

#[test]
fn a_pasted_text_confirms_nothing() {
    let mut model = full(Shade::Dark);
    let step = wish(&mut model, Kind::Deposit, 1, None);
    try_out(&mut model, step, good);
    let step = model.update(Message::Input(Input::Paste("0.5 A0GI\ny\n".to_owned()), now()));
    assert!(ordered(&step).is_empty());
    try_out(&mut model, step, good);
    assert!(model.money.typing(), "it only fills the field");
    control(&mut model, 'u');
    let step = model.update(Message::Input(Input::Paste("0.5 A0GI\n".to_owned()), now()));
    try_out(&mut model, step, good);
    let step = press(&mut model, KeyCode::Enter);
    try_out(&mut model, step, good);
    // Without brackets a paste is keys in one burst.
    let at = crate::tui::pictures::moment();
    for (n, c) in "y\ry".chars().enumerate() {
        let code = if c == '\r' { KeyCode::Enter } else { KeyCode::Char(c) };
        let moment = Timestamp::from_micros(at.as_micros() + 1000 * i64::try_from(n).unwrap());
        let step = model.update(Message::Input(Input::Key(code.into()), moment));
        if n > 0 {
            assert!(ordered(&step).is_empty(), "{n}");
        }
    }
    assert!(ordered(&model.update(Message::Input(Input::Paste("y".to_owned()), now()))).is_empty());
}

#[test]
fn a_large_sum_is_typed() {
    let mut model = full(Shade::Dark);
    asked(&mut model, Kind::Deposit, 1, "6 A0GI");
    assert!(ordered(&letter(&mut model, 'y')).is_empty());
    typed(&mut model, "6 A0GI");
    assert_eq!(ordered(&letter(&mut model, 'y')).len(), 1);
}

#[test]
fn what_was_typed_survives_a_failure() {
    let mut model = full(Shade::Dark);
    asked(&mut model, Kind::Deposit, 1, "0.25 a0gi");
    let all = ordered(&letter(&mut model, 'y'));
    let first = all[0].clone();
    let failed = Answer::Began { errand: first.errand, operation: Err("the node is away".to_owned()) };
    model.update(Message::Money(failed));
    assert!(model.money.typing(), "back to the amount");
    let step = press(&mut model, KeyCode::Enter);
    assert!(
        step.effects.iter().any(|effect| matches!(effect, Effect::Money(Ask::Try { .. }))),
        "looked at anew"
    );
    try_out(&mut model, step, good);
    let again = ordered(&letter(&mut model, 'y'));
    assert!(matches!(&again[..], [one] if one.action == first.action && one.errand != first.errand));
}

#[test]
fn escape_steps_back_to_the_amount_and_then_out() {
    let mut model = full(Shade::Dark);
    asked(&mut model, Kind::Deposit, 1, "0.25");
    press(&mut model, KeyCode::Esc);
    assert!(model.money.typing());
    press(&mut model, KeyCode::Esc);
    assert!(!model.money.typing());
    asked(&mut model, Kind::Deposit, 1, "0.25");
    control(&mut model, 'c');
    assert!(!model.money.typing(), "ctrl+c leaves from anywhere");
}

#[test]
fn wishes_that_make_no_sense_say_why() {
    let table = [
        (Kind::TakeRefund, 2, "still locked"),
        (Kind::TakeRefund, 1, "no refund is pending"),
        (Kind::CancelRefund, 1, "no refund is pending"),
        (Kind::Refund, 3, "no account"),
        (Kind::TakeOver, 3, "no account"),
    ];
    for (kind, n, why) in table {
        let mut model = full(Shade::Dark);
        let step = wish(&mut model, kind, n, None);
        assert!(step.effects.is_empty() && !model.money.typing());
        assert!(model.toasts.iter().any(|toast| toast.text.contains(why)), "{kind:?} {why}");
    }
    let mut model = full(Shade::Dark);
    model.shared.start.read_only = true;
    assert!(wish(&mut model, Kind::Deposit, 1, None).effects.is_empty());
    assert!(model.toasts.iter().any(|toast| toast.text.contains("read-only")));
}

#[test]
fn depositing_with_a_stranger_opens_an_account() {
    let mut model = full(Shade::Dark);
    asked(&mut model, Kind::Deposit, 3, "0.1");
    let all = ordered(&letter(&mut model, 'y'));
    assert!(matches!(&all[..], [Ordered { action: Action::Open { .. }, .. }]));
    let mut model = full(Shade::Dark);
    asked(&mut model, Kind::OpenAccount, 1, "0.1");
    let all = ordered(&letter(&mut model, 'y'));
    assert!(matches!(&all[..], [Ordered { action: Action::Deposit { .. }, .. }]));
}

#[test]
fn trials_follow_what_is_typed_one_at_a_time() {
    let mut model = full(Shade::Dark);
    let step = wish(&mut model, Kind::Deposit, 1, None);
    try_out(&mut model, step, good);
    let first = letter(&mut model, '5');
    assert_eq!(first.effects.len(), 1);
    assert!(letter(&mut model, '0').effects.is_empty(), "one under way");
    assert!(press(&mut model, KeyCode::Enter).effects.is_empty());
    // The answer about 5 asks about 50, whose answer opens the question.
    try_out(&mut model, first, good);
    let all = ordered(&letter(&mut model, 'y'));
    let fifty = Neuron::new(50);
    assert!(matches!(&all[..], [Ordered { action: Action::Deposit { amount, .. }, .. }] if *amount == fifty));
}

#[test]
fn what_runs_already_is_not_ordered_again() {
    let mut model = full(Shade::Dark);
    let step = wish(&mut model, Kind::Deposit, 1, Some(10_000_000));
    let running = |action| {
        Ok(Preview {
            under_way: snapshot().operations.clone(),
            warnings: vec![PreviewWarning::UnderWay],
            ..preview(action)
        })
    };
    try_out(&mut model, step, running);
    let step = press(&mut model, KeyCode::Enter);
    try_out(&mut model, step, running);
    for _ in 0..3 {
        assert!(ordered(&letter(&mut model, 'y')).is_empty());
    }
}

#[test]
fn whoever_waits_is_told_by_event_by_snapshot_or_by_a_look() {
    let then = Some((Screen::Chat, 17));
    let ask = Wish { kind: Kind::Deposit, provider: provider(1), amount: Some(Neuron::new(5)), then };
    let begun = |model: &mut Model| {
        let step = order(model, Order::Money(ask.clone()));
        try_out(model, step, good);
        let step = press(model, KeyCode::Enter);
        try_out(model, step, good);
        let errand = ordered(&letter(model, 'y'))[0].errand;
        model.update(Message::Money(Answer::Began { errand, operation: Ok(operation(OperationState::Sent)) }))
    };
    let looks = |step: &Step<Effect>| {
        step.effects.iter().filter(|effect| matches!(effect, Effect::Money(Ask::Look(_)))).count()
    };
    // No snapshot lists it: it is looked up at once, and with each beat.
    let mut model = full(Shade::Dark);
    assert_eq!(looks(&begun(&mut model)), 1);
    assert_eq!(looks(&model.update(Message::Beat(now().plus_seconds(1)))), 1);
    let event = Event::OperationChanged {
        id: operation(OperationState::Sent).id,
        kind: OperationKind::Deposit,
        state: OperationState::Mined,
        provider: Some(provider(1)),
        reason: None,
    };
    assert_eq!(looks(&model.update(Message::Event(event))), 1);
    assert!(model.money.typing());
    model.update(Message::Money(Answer::Looked(Ok(operation(OperationState::Mined)))));
    assert!(!model.money.typing(), "whoever asked goes on");
    assert!(model.money.errands.is_empty());
    // It ends while the dialog is closed.
    let mut model = full(Shade::Dark);
    begun(&mut model);
    press(&mut model, KeyCode::Esc);
    assert_eq!(model.money.errands.len(), 1);
    model.update(Message::Money(Answer::Looked(Ok(operation(OperationState::Mined)))));
    assert!(model.money.errands.is_empty());
}

#[test]
fn several_accounts_are_asked_about_in_one_question() {
    let mut model = full(Shade::Dark);
    let all = vec![provider(1), provider(2), provider(3)];
    let step = order(&mut model, Order::MoneyOfMany(Kind::Refund, all));
    try_out(&mut model, step, good);
    assert!(ordered(&letter(&mut model, 'y')).is_empty(), "all that is free is a large sum");
    let sum: u128 = snapshot().accounts.iter().map(|account| account.free().get()).sum();
    typed(&mut model, &sum.to_string());
    let all = ordered(&letter(&mut model, 'y'));
    assert_eq!(all.len(), 2, "with the third there is no account");
    for (n, one) in all.iter().enumerate() {
        let mut own = operation(OperationState::Mined);
        own.id = OperationId::new([u8::try_from(n).unwrap(); 16]);
        model.update(Message::Money(Answer::Began { errand: one.errand, operation: Ok(own) }));
    }
    assert!(model.money.typing(), "the outcome stays until it is read");
    press(&mut model, KeyCode::Esc);
    assert!(model.money.errands.is_empty());
}

#[test]
fn what_strangers_say_steers_nothing() {
    for attack in short_attacks() {
        let bad = attack.text.as_str();
        let clean = |model: &Model| harmless(&crate::tui::user::tests::scene::painted(model), attack.name);
        let mut model = full(Shade::Dark);
        model.shared.aliases.insert(provider(1), bad.to_owned());
        model.shared.start.network = bad.to_owned();
        let step = wish(&mut model, Kind::Deposit, 1, Some(5));
        try_out(&mut model, step, |_| Err(bad.to_owned()));
        clean(&model);
        press(&mut model, KeyCode::Esc);
        asked(&mut model, Kind::Deposit, 1, "5");
        clean(&model);
        let errand = read_and_ordered(&mut model);
        let view = OperationView { reason: Some(bad.to_owned()), ..operation(OperationState::Unknown) };
        model.update(Message::Money(Answer::Began { errand, operation: Ok(view) }));
        clean(&model);
        model.update(Message::Money(Answer::Looked(Ok(OperationView {
            reason: Some(bad.to_owned()),
            ..operation(OperationState::Reverted)
        }))));
        clean(&model);
    }
}

/// Confirms; where there is little room the question is read to its end first. Gives the errand's number.
fn read_and_ordered(model: &mut Model) -> u64 {
    let pages = std::iter::repeat_with(|| ordered(&letter(model, 'y')));
    pages.take(5).find_map(|orders| orders.first().map(|order| order.errand)).unwrap()
}

#[test]
fn pictures() {
    snap("money_amount_empty", full, |model| {
        let step = wish(model, Kind::Deposit, 1, None);
        try_out(model, step, good);
    });
    snap("money_amount_missing", full, |model| {
        let step = wish(model, Kind::Deposit, 1, Some(12_345_678));
        try_out(model, step, good);
    });
    snap("money_amount_wrong", full, |model| {
        let step = wish(model, Kind::Deposit, 1, None);
        try_out(model, step, good);
        typed(model, "0,5");
        press(model, KeyCode::Enter);
    });
    snap("money_amount_refused", full, |model| {
        let step = wish(model, Kind::Deposit, 1, Some(20_000_000_000_000_000_000));
        try_out(model, step, |_| {
            Err("10,001,339,567,900,000,000 neuron = 10.0013395679 A0GI are missing: with the fee more is needed than the wallet has".to_owned())
        });
    });
    snap("money_question_deposit", full, |model| asked(model, Kind::Deposit, 1, "0.5 A0GI"));
    snap("money_question_open_large", full, |model| {
        asked(model, Kind::OpenAccount, 3, "6 A0GI");
        letter(model, 'y');
    });
    snap("money_question_refund", full, |model| asked(model, Kind::Refund, 2, "20_000_000_000"));
    snap("money_question_cancel", full, |model| asked(model, Kind::CancelRefund, 2, ""));
    snap("money_question_many", full, |model| {
        let all = vec![provider(1), provider(2)];
        let step = order(model, Order::MoneyOfMany(Kind::Refund, all));
        try_out(model, step, good);
    });
    snap("money_under_way", full, |model| {
        asked(model, Kind::Deposit, 1, "0.5 A0GI");
        let errand = read_and_ordered(model);
        let stuck = OperationView { attempts: 3, ..operation(OperationState::Sent) };
        model.update(Message::Money(Answer::Began { errand, operation: Ok(stuck) }));
    });
    snap("money_done", full, |model| {
        asked(model, Kind::Deposit, 1, "0.5 A0GI");
        let errand = read_and_ordered(model);
        let done = Answer::Began { errand, operation: Ok(operation(OperationState::Mined)) };
        model.update(Message::Money(done));
    });
    snap("money_failed", full, |model| {
        asked(model, Kind::Deposit, 1, "0.5 A0GI");
        let errand = read_and_ordered(model);
        let why = "the node did not answer in time".to_owned();
        model.update(Message::Money(Answer::Began { errand, operation: Err(why) }));
    });
}
