//! Refunds without a terminal and without a broker.

use std::sync::Arc;

use crossterm::event::KeyCode;

use super::{Answer, Ask};
use crate::broker::user::{AccountView, RefundState, RefundView, Snapshot};
use crate::domain::{Address, Neuron, PendingRefund, Timestamp};
use crate::tui::input::Input;
use crate::tui::pictures::{letter, press, typed};
use crate::tui::shell::{Program, ScreenOrder};
use crate::tui::theme::Shade;
use crate::tui::user::message::{Effect, Message};
use crate::tui::user::model::Model;
use crate::tui::user::money;
use crate::tui::user::part::Part;
use crate::tui::user::tests::scene::{account, fresh, full, now, painted, provider, snap, snapshot};

fn locked(n: u8, amount: u128, seconds: u64) -> AccountView {
    let created = Timestamp::from_seconds(now().as_seconds() - 86_400 + seconds);
    let refund = PendingRefund {
        index: u32::from(n),
        amount: Neuron::new(amount),
        created_at: created,
        unlock_at: now().plus_seconds(seconds),
    };
    AccountView { refund: Some(refund), pending_refund: refund.amount, ..account(n, amount * 3) }
}

fn with(accounts: Vec<AccountView>) -> Message {
    Message::Snapshot(Arc::new(Snapshot { version: 8, accounts, ..Snapshot::clone(&snapshot()) }))
}

fn over() -> Vec<RefundView> {
    let one = |n: u8, index, amount, ago: u64, state| RefundView {
        provider: provider(n),
        index,
        amount: Neuron::new(amount),
        created_at: Timestamp::from_seconds(now().as_seconds() - ago),
        unlock_at: Timestamp::from_seconds(now().as_seconds() - ago + 86_400),
        state,
    };
    vec![
        one(1, 3, 20_000_000_000, 400_000, RefundState::Processed),
        one(2, 1, 5_000_000_000, 200_000, RefundState::Cancelled),
        one(2, 2, 7_000_000, 90_000, RefundState::Processed),
        one(2, 3, 7_000_000, 900, RefundState::Pending),
    ]
}

/// Three locks, the first of them due, and some that are over.
fn shown(shade: Shade) -> Model {
    let mut model = full(shade);
    model.update(with(vec![
        locked(1, 30_000_000_000, 72),
        locked(2, 5_000_000, 0),
        locked(3, 900_000_000, 50_000),
    ]));
    letter(&mut model, '6');
    model.update(Message::Refunds(Answer::History(Ok((over(), true)))));
    model.toasts.clear();
    model
}

fn tried(effects: &[Effect]) -> usize {
    let count = |effect: &Effect| match effect {
        Effect::Money(money::Ask::Try { actions, .. }) => actions.len(),
        _ => 0,
    };
    effects.iter().map(count).sum()
}

#[test]
fn the_next_to_open_comes_first_and_seconds_are_drawn_only_while_something_counts() {
    let mut model = shown(Shade::Dark);
    let order: Vec<Address> = model.refunds.locks.iter().map(|lock| lock.provider).collect();
    assert_eq!(order, [provider(2), provider(1), provider(3)]);
    assert!(model.update(Message::Beat(now().plus_seconds(1))).changed);
    model.update(with(vec![locked(2, 5_000_000, 0)]));
    model.toasts.clear();
    model.update(Message::Beat(now().plus_seconds(2)));
    assert!(!model.update(Message::Beat(now().plus_seconds(3))).changed, "what is due counts no more");
}

#[test]
fn a_lock_that_opens_is_told_once() {
    let mut model = full(Shade::Dark);
    model.update(Message::Input(Input::Focus(false), now()));
    model.update(with(vec![locked(1, 30_000_000_000, 3), locked(2, 5_000_000, 0)]));
    let notices = |model: &mut Model, seconds| {
        let step = model.update(Message::Beat(now().plus_seconds(seconds)));
        step.screen.iter().filter(|order| matches!(order, ScreenOrder::Notify(_))).count()
    };
    assert_eq!(notices(&mut model, 1), 0, "what was open before is no news");
    assert_eq!(notices(&mut model, 2), 0);
    assert_eq!(notices(&mut model, 3), 1);
    assert!(
        model.toasts.iter().any(|toast| toast.text.contains("@ghost") && toast.text.contains("unlocked"))
    );
    assert_eq!(notices(&mut model, 4), 0);
}

#[test]
fn what_is_due_is_taken_in_one_question() {
    let mut model = shown(Shade::Dark);
    assert_eq!(tried(&letter(&mut model, 'P').effects), 1);
    assert!(model.money.typing());
    press(&mut model, KeyCode::Esc);
    model.update(Message::Beat(now().plus_seconds(80)));
    assert_eq!(tried(&letter(&mut model, 'P').effects), 2);
    let mut model = full(Shade::Dark);
    letter(&mut model, '6');
    letter(&mut model, 'P');
    assert!(!model.money.typing());
    assert!(model.toasts.iter().any(|toast| toast.text.contains("nothing is due yet")));
}

#[test]
fn the_selected_one_is_cancelled() {
    let mut model = shown(Shade::Dark);
    press(&mut model, KeyCode::Down);
    let step = letter(&mut model, 'C');
    let of = |effect: &Effect| match effect {
        Effect::Money(money::Ask::Try { actions, .. }) => actions.first().map(|action| action.provider()),
        _ => None,
    };
    assert_eq!(step.effects.iter().find_map(of), Some(provider(1)));
}

#[test]
fn the_history_is_asked_for_when_one_ends_and_shows_only_what_is_over() {
    let mut model = shown(Shade::Dark);
    assert_eq!(model.refunds.history.rows().len(), 3);
    let asks = |effects: &[Effect]| {
        effects.iter().filter(|effect| matches!(effect, Effect::Refunds(Ask::History))).count()
    };
    let step = model.update(with(vec![locked(1, 30_000_000_000, 72)]));
    assert_eq!(asks(&step.effects), 1);
    assert_eq!(asks(&model.update(Message::Beat(now().plus_seconds(1))).effects), 0, "one at a time");
}

#[test]
fn escape_goes_one_step_back() {
    let mut model = shown(Shade::Dark);
    letter(&mut model, '/');
    typed(&mut model, "taken");
    press(&mut model, KeyCode::Enter);
    assert_eq!(model.refunds.history.shown(), 2);
    press(&mut model, KeyCode::Enter);
    assert!(model.refunds.open);
    for _ in 0..3 {
        press(&mut model, KeyCode::Esc);
    }
    assert!(!model.refunds.open && !model.refunds.focused && model.refunds.history.filter.is_empty());
}

#[test]
fn thousands_of_locks_scroll() {
    let mut model = shown(Shade::Dark);
    let many = |n: u16| {
        let mut address = [7u8; 20];
        address[..2].copy_from_slice(&n.to_be_bytes());
        AccountView { provider: Address::from(address), ..locked(1, 1_000_000, u64::from(n) + 60) }
    };
    model.update(with((0..10_000).map(many).collect()));
    letter(&mut model, 'G');
    assert_eq!(model.refunds.at(), 9_999);
    press(&mut model, KeyCode::PageUp);
    letter(&mut model, 'g');
    assert_eq!((model.refunds.at(), model.refunds.top), (0, 0));
    painted(&model);
}

#[test]
fn what_was_chosen_is_found_again() {
    let mut model = shown(Shade::Dark);
    press(&mut model, KeyCode::Down);
    letter(&mut model, 's');
    let kept = model.refunds.remember();
    let mut again = fresh(Shade::Dark);
    again.refunds.recall(&kept);
    assert_eq!(again.refunds.remember(), kept);
    again.refunds.recall(&serde_json::json!([1]));
}

#[test]
fn pictures() {
    snap("refunds_list", shown, |_| {});
    snap("refunds_history", shown, |model| {
        press(model, KeyCode::Tab);
        press(model, KeyCode::Down);
    });
    snap("refunds_filter", shown, |model| {
        letter(model, '/');
        typed(model, "taken");
    });
    snap("refunds_detail", shown, |model| {
        press(model, KeyCode::Down);
        press(model, KeyCode::Enter);
    });
    snap("refunds_none", full, |model| {
        model.update(with(Vec::new()));
        letter(model, '6');
    });
    snap("refunds_unknown", fresh, |model| {
        letter(model, '6');
    });
    snap("refunds_by_hand", full, |model| {
        model.update(with(vec![locked(1, 30_000_000_000, 0), locked(2, 5_000_000, 90_000)]));
        letter(model, '6');
        model.update(Message::Refunds(Answer::History(Ok((Vec::new(), false)))));
    });
    snap("refunds_many", shown, |model| {
        let all = (1..40).map(|n| locked(n, 1_000_000 * u128::from(n), 1000 * u64::from(n))).collect();
        model.update(with(all));
        for _ in 0..3 {
            press(model, KeyCode::Down);
        }
    });
}
