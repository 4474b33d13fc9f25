//! Everything that is said before anything is confirmed: what, with whom, how much, what it costs, what there is before
//! and after, what becomes locked until when, what waits before it, and what can be undone.

use super::{Kind, Trial};
use crate::broker::user::{Action, Preview, PreviewWarning};
use crate::domain::{Address, Neuron, OperationKind, Timestamp};
use crate::tui::kit::amount::{a0gi, in_full};
use crate::tui::kit::dialog::{Fact, Money};
use crate::tui::kit::moment;
use crate::tui::texts;
use crate::tui::theme::Tone;
use crate::tui::user::shared::Shared;

/// From this sum on the amount is typed, whatever there is: 100 A0GI.
const LARGE: Neuron = Neuron::new(100 * Neuron::A0GI.get());

/// The question about trials that went well; `bad` is left out, and said so.
pub fn ask(kind: Kind, good: &[Trial], bad: &[Trial], opened: Timestamp, shared: &Shared) -> Money {
    let found: Vec<&Preview> = good.iter().filter_map(|trial| trial.found.as_deref().ok()).collect();
    let mut facts = match &found[..] {
        [preview] => one(kind, preview, shared),
        several => many(kind, several, shared),
    };
    for trial in bad {
        let Err(why) = &trial.found else { continue };
        let text = texts::money::left_out(shared.provider(trial.action.provider()), why);
        facts.push(Fact::Note(text, Tone::Warn));
    }
    let running = found.iter().all(|preview| runs_already(preview));
    let title = match found.len() {
        0 | 1 => kind.title().to_owned(),
        many => texts::money::many_accounts(kind.title(), many),
    };
    let money = Money::new(title, facts, yes(kind), opened).under_way(running);
    match large(kind, &found) {
        Some(sum) => money.large(sum),
        None => money,
    }
}

const fn yes(kind: Kind) -> &'static str {
    match kind {
        Kind::OpenAccount => texts::money::OPEN_IT,
        Kind::Deposit => texts::labels::DEPOSIT,
        Kind::Refund => texts::money::ASK_FOR_IT,
        Kind::TakeRefund => texts::money::TAKE_IT,
        Kind::CancelRefund => texts::money::GIVE_IT_UP,
        Kind::TakeOver => texts::money::TAKE_IT_OVER,
    }
}

fn total(found: &[&Preview], of: impl Fn(&Preview) -> Neuron) -> Neuron {
    found.iter().fold(Neuron::ZERO, |sum, preview| sum.saturating_add(of(preview)))
}

/// The sum to be typed: more than half of what the wallet or the account has, or beyond what is large in any case.
fn large(kind: Kind, found: &[&Preview]) -> Option<Neuron> {
    let sum = total(found, |preview| preview.amount);
    let from = match kind {
        Kind::OpenAccount | Kind::Deposit => total(found, |preview| preview.wallet.before),
        Kind::Refund => {
            total(found, |preview| preview.before.as_ref().map_or(Neuron::ZERO, |account| account.balance))
        }
        // Nothing leaves one's own hands.
        Kind::TakeRefund | Kind::CancelRefund | Kind::TakeOver => return None,
    };
    (sum >= LARGE || sum.get() > from.get() / 2).then_some(sum)
}

fn runs_already(preview: &Preview) -> bool {
    let (kind, amount) = match preview.action {
        Action::Open { .. } => (OperationKind::CreateAccount, None),
        Action::Deposit { amount, .. } => (OperationKind::Deposit, Some(amount)),
        Action::RequestRefund { .. } => (OperationKind::RequestRefund, None),
        Action::CancelRefund { .. } => (OperationKind::CancelRefund, None),
        Action::ProcessRefund { .. } => (OperationKind::ProcessRefund, None),
        Action::SetDelegate { .. } => (OperationKind::SetDelegate, None),
    };
    // Another deposit of another amount is another deposit.
    preview.under_way.iter().any(|operation| {
        operation.kind == kind
            && operation.provider == Some(preview.action.provider())
            && (amount.is_none() || operation.amount == amount)
    })
}

fn one(kind: Kind, preview: &Preview, shared: &Shared) -> Vec<Fact> {
    let provider = preview.action.provider();
    let mut facts = vec![Fact::Address(texts::labels::WITH, provider, alias(provider, shared))];
    if kind != Kind::TakeOver {
        facts.push(Fact::Amount(texts::labels::AMOUNT, Some(preview.amount)));
    }
    facts.push(Fact::Text(texts::labels::FEE, fee(preview.gas.now, preview.gas.most)));
    facts.push(Fact::Amount(texts::labels::WALLET, Some(preview.wallet.before)));
    facts.push(Fact::Amount(texts::terms::AFTER, Some(preview.wallet.likely)));
    if preview.wallet.least != preview.wallet.likely {
        facts.push(Fact::Text("", texts::money::at_least(a0gi(preview.wallet.least))));
    }
    let (before, after) = (preview.before.as_ref(), &preview.after);
    if matches!(kind, Kind::OpenAccount | Kind::Deposit | Kind::TakeRefund) {
        facts.push(Fact::Amount(
            texts::labels::ACCOUNT,
            Some(before.map_or(Neuron::ZERO, |account| account.balance)),
        ));
        facts.push(Fact::Amount(texts::terms::AFTER, Some(after.balance)));
    }
    if kind != Kind::TakeOver && kind != Kind::TakeRefund {
        let now = before.map_or(Neuron::ZERO, |account| account.available);
        facts.push(Fact::Amount(texts::labels::SPENDABLE, Some(now)));
        facts.push(Fact::Amount(texts::terms::AFTER, Some(after.available)));
    }
    if let Some(locked) = preview.locked {
        facts.push(Fact::Text(texts::labels::LOCKED, until(locked.until, shared)));
    }
    if let Some(at) = preview.effective_at {
        facts.push(Fact::Text(texts::money::IN_FORCE, texts::money::not_before(moment::in_full(at))));
    } else if kind == Kind::TakeOver {
        facts.push(Fact::Text(texts::money::IN_FORCE, texts::money::ONCE_ON_THE_CHAIN.to_owned()));
    }
    if let (Kind::Refund, Some(refund)) = (kind, before.and_then(|account| account.refund)) {
        let text = texts::money::changes_pending(in_full(refund.amount));
        facts.push(Fact::Note(text, Tone::Warn));
    }
    facts.extend(waiting(preview.waits_behind));
    facts.extend(preview.warnings.iter().filter_map(|warning| warned(warning, shared)));
    facts.push(Fact::Note(undone(kind, &[preview], shared), Tone::Plain));
    facts.push(Fact::Text(texts::labels::CONTRACT, preview.contract.to_string()));
    facts.push(Fact::Text(texts::labels::CHAIN, format!("{} ({})", preview.chain_id, shared.start.network)));
    facts
}

fn many(kind: Kind, found: &[&Preview], shared: &Shared) -> Vec<Fact> {
    let gas = |of: fn(&Preview) -> Neuron| total(found, of);
    let mut facts = vec![
        Fact::Amount(texts::shared::IN_ALL, Some(total(found, |preview| preview.amount))),
        Fact::Text(texts::labels::FEE, fee(gas(|preview| preview.gas.now), gas(|preview| preview.gas.most))),
        Fact::Text("", texts::money::transactions_in_order(found.len())),
    ];
    if let Some(first) = found.first() {
        let before = first.wallet.before;
        let back = match kind {
            Kind::TakeRefund => total(found, |preview| preview.amount),
            _ => Neuron::ZERO,
        };
        let after = |gas: Neuron| before.saturating_add(back).above(gas);
        facts.push(Fact::Amount(texts::labels::WALLET, Some(before)));
        facts.push(Fact::Amount(texts::terms::AFTER, Some(after(gas(|preview| preview.gas.now)))));
        facts.push(Fact::Text("", texts::money::at_least(a0gi(after(gas(|preview| preview.gas.most))))));
        facts.extend(waiting(first.waits_behind));
    }
    if let Some(last) = found.iter().filter_map(|preview| preview.locked).map(|locked| locked.until).max() {
        facts.push(Fact::Text(texts::labels::LOCKED, until(last, shared)));
    }
    facts.push(Fact::Note(undone(kind, found, shared), Tone::Plain));
    for preview in found {
        let provider = preview.action.provider();
        facts.push(Fact::Gap);
        facts.push(Fact::Address(texts::labels::WITH, provider, alias(provider, shared)));
        facts.push(Fact::Amount(texts::labels::AMOUNT, Some(preview.amount)));
        facts.push(Fact::Amount(texts::labels::SPENDABLE, Some(preview.after.available)));
        facts.extend(preview.warnings.iter().filter_map(|warning| warned(warning, shared)));
    }
    facts
}

fn alias(provider: Address, shared: &Shared) -> Option<String> {
    shared.aliases.get(&provider).map(texts::shared::own_name)
}

fn fee(now: Neuron, most: Neuron) -> String {
    if now == most { in_full(now) } else { texts::money::now_at_most(in_full(now), in_full(most)) }
}

fn until(then: Timestamp, shared: &Shared) -> String {
    texts::money::until_and_wait(moment::in_full(then), moment::length(then.seconds_since(shared.now())))
}

fn waiting(behind: usize) -> Option<Fact> {
    let text = match behind {
        0 => return None,
        1 => texts::money::WAITS_BEHIND_ONE.to_owned(),
        many => texts::money::waits_behind_many(many),
    };
    Some(Fact::Note(text, Tone::Pending))
}

/// A warning in a sentence; what the dialog says anyway is not said twice.
pub fn warned(warning: &PreviewWarning, shared: &Shared) -> Option<Fact> {
    let text = match warning {
        PreviewWarning::LargeShare { percent } => texts::money::percent_of_wallet(percent),
        PreviewWarning::LittleGasLeft { left, needed } => {
            texts::money::wallet_too_small_for_fees(in_full(*needed), in_full(*left))
        }
        PreviewWarning::GasAboveAmount { gas } => texts::money::fee_as_much_as_amount(in_full(*gas)),
        PreviewWarning::BelowOneAnswer { service, answer, available } => {
            texts::money::pays_no_answer(in_full(*available), service, in_full(*answer))
        }
        PreviewWarning::WaitsAnew { unlock_at } => {
            texts::money::begins_wait_anew(moment::until(shared.now(), *unlock_at))
        }
        PreviewWarning::NothingLeft => texts::money::NOTHING_LEFT_MEANWHILE.to_owned(),
        PreviewWarning::RefundShrank { asked } => texts::money::settled_meanwhile(in_full(*asked)),
        PreviewWarning::UnderWay => texts::money::UNDER_WAY_ALREADY.to_owned(),
    };
    Some(Fact::Note(format!("! {text}"), Tone::Warn))
}

/// What can be undone.
fn undone(kind: Kind, found: &[&Preview], shared: &Shared) -> String {
    let lock = moment::length(shared.snapshot.lock_time.max(shared.chain.map_or(0, |chain| chain.lock_time)));
    match kind {
        Kind::OpenAccount | Kind::Deposit => texts::money::undone_by_refund(&lock),
        Kind::Refund => texts::money::CAN_BE_CANCELLED.to_owned(),
        Kind::TakeRefund => texts::money::CAN_BE_DEPOSITED_AGAIN.to_owned(),
        Kind::CancelRefund => texts::money::wait_is_lost(&lock),
        Kind::TakeOver if found.iter().any(|preview| preview.effective_at.is_some()) => {
            texts::money::OTHER_KEY_MAY_NOT.to_owned()
        }
        Kind::TakeOver => texts::money::UNDONE_BY_OTHER_KEY.to_owned(),
    }
}
