//! Everything that is said before anything is confirmed: what, with whom, how much, what it costs, what there is before
//! and after, what becomes locked until when, what waits before it, and what can be undone.

use super::{Kind, Trial};
use crate::broker::user::{Action, Preview, PreviewWarning};
use crate::domain::{Address, Neuron, OperationKind, Timestamp};
use crate::tui::kit::amount::in_full;
use crate::tui::kit::dialog::{Fact, Money};
use crate::tui::kit::moment;
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
        let text = format!("left out: {} ({why})", shared.provider(trial.action.provider()));
        facts.push(Fact::Note(text, Tone::Warn));
    }
    let running = found.iter().all(|preview| runs_already(preview));
    let title = match found.len() {
        0 | 1 => kind.title().to_owned(),
        many => format!("{}: {many} accounts", kind.title()),
    };
    let money = Money::new(title, facts, yes(kind), opened).under_way(running);
    match large(kind, &found) {
        Some(sum) => money.large(sum),
        None => money,
    }
}

const fn yes(kind: Kind) -> &'static str {
    match kind {
        Kind::OpenAccount => "Open it",
        Kind::Deposit => "Deposit",
        Kind::Refund => "Ask for it",
        Kind::TakeRefund => "Take it",
        Kind::CancelRefund => "Give the refund up",
        Kind::TakeOver => "Take it over",
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
    let mut facts = vec![Fact::Address("With", provider, alias(provider, shared))];
    if kind != Kind::TakeOver {
        facts.push(Fact::Amount("Amount", Some(preview.amount)));
    }
    facts.push(Fact::Text("Fee", fee(preview.gas.now, preview.gas.most)));
    facts.push(Fact::Amount("Wallet", Some(preview.wallet.before)));
    facts.push(Fact::Amount("after", Some(preview.wallet.likely)));
    if preview.wallet.least != preview.wallet.likely {
        facts.push(Fact::Text("", format!("at least {} A0GI", preview.wallet.least.to_a0gi())));
    }
    let (before, after) = (preview.before.as_ref(), &preview.after);
    if matches!(kind, Kind::OpenAccount | Kind::Deposit | Kind::TakeRefund) {
        facts.push(Fact::Amount("Account", Some(before.map_or(Neuron::ZERO, |account| account.balance))));
        facts.push(Fact::Amount("after", Some(after.balance)));
    }
    if kind != Kind::TakeOver && kind != Kind::TakeRefund {
        let now = before.map_or(Neuron::ZERO, |account| account.available);
        facts.push(Fact::Amount("Spendable", Some(now)));
        facts.push(Fact::Amount("after", Some(after.available)));
    }
    if let Some(locked) = preview.locked {
        facts.push(Fact::Text("Locked", until(locked.until, shared)));
    }
    if let Some(at) = preview.effective_at {
        facts.push(Fact::Text("In force", format!("not before {}", moment::in_full(at))));
    } else if kind == Kind::TakeOver {
        facts.push(Fact::Text("In force", "as soon as it is on the chain".to_owned()));
    }
    if let (Kind::Refund, Some(refund)) = (kind, before.and_then(|account| account.refund)) {
        let text = format!(
            "a refund of {} is pending already; this changes it to the amount above",
            in_full(refund.amount)
        );
        facts.push(Fact::Note(text, Tone::Warn));
    }
    facts.extend(waiting(preview.waits_behind));
    facts.extend(preview.warnings.iter().filter_map(|warning| warned(warning, shared)));
    facts.push(Fact::Note(undone(kind, &[preview], shared), Tone::Plain));
    facts.push(Fact::Text("Contract", preview.contract.to_string()));
    facts.push(Fact::Text("Chain", format!("{} ({})", preview.chain_id, shared.start.network)));
    facts
}

fn many(kind: Kind, found: &[&Preview], shared: &Shared) -> Vec<Fact> {
    let gas = |of: fn(&Preview) -> Neuron| total(found, of);
    let mut facts = vec![
        Fact::Amount("In all", Some(total(found, |preview| preview.amount))),
        Fact::Text("Fee", fee(gas(|preview| preview.gas.now), gas(|preview| preview.gas.most))),
        Fact::Text("", format!("for {} transactions, one after the other", found.len())),
    ];
    if let Some(first) = found.first() {
        let before = first.wallet.before;
        let back = match kind {
            Kind::TakeRefund => total(found, |preview| preview.amount),
            _ => Neuron::ZERO,
        };
        let after = |gas: Neuron| before.saturating_add(back).above(gas);
        facts.push(Fact::Amount("Wallet", Some(before)));
        facts.push(Fact::Amount("after", Some(after(gas(|preview| preview.gas.now)))));
        facts.push(Fact::Text(
            "",
            format!("at least {} A0GI", after(gas(|preview| preview.gas.most)).to_a0gi()),
        ));
        facts.extend(waiting(first.waits_behind));
    }
    if let Some(last) = found.iter().filter_map(|preview| preview.locked).map(|locked| locked.until).max() {
        facts.push(Fact::Text("Locked", until(last, shared)));
    }
    facts.push(Fact::Note(undone(kind, found, shared), Tone::Plain));
    for preview in found {
        let provider = preview.action.provider();
        facts.push(Fact::Gap);
        facts.push(Fact::Address("With", provider, alias(provider, shared)));
        facts.push(Fact::Amount("Amount", Some(preview.amount)));
        facts.push(Fact::Amount("Spendable", Some(preview.after.available)));
        facts.extend(preview.warnings.iter().filter_map(|warning| warned(warning, shared)));
    }
    facts
}

fn alias(provider: Address, shared: &Shared) -> Option<String> {
    shared.aliases.get(&provider).map(|alias| format!("@{alias}, your own name for it"))
}

fn fee(now: Neuron, most: Neuron) -> String {
    if now == most { in_full(now) } else { format!("{}, at most {}", in_full(now), in_full(most)) }
}

fn until(then: Timestamp, shared: &Shared) -> String {
    format!("until {}, {}", moment::in_full(then), moment::length(then.seconds_since(shared.now())))
}

fn waiting(behind: usize) -> Option<Fact> {
    let text = match behind {
        0 => return None,
        1 => "it waits behind one transaction of this wallet that is not mined yet".to_owned(),
        many => format!("it waits behind {many} transactions of this wallet that are not mined yet"),
    };
    Some(Fact::Note(text, Tone::Pending))
}

/// A warning in a sentence; what the dialog says anyway is not said twice.
pub fn warned(warning: &PreviewWarning, shared: &Shared) -> Option<Fact> {
    let text = match warning {
        PreviewWarning::LargeShare { percent } => format!("these are {percent} % of the wallet's money"),
        PreviewWarning::LittleGasLeft { left, needed } => format!(
            "taking it back costs about {} in fees, but the wallet will have {}",
            in_full(*needed),
            in_full(*left)
        ),
        PreviewWarning::GasAboveAmount { gas } => {
            format!("the network fee, {}, is as much as the amount or more", in_full(*gas))
        }
        PreviewWarning::BelowOneAnswer { service, answer, available } => format!(
            "{} will not pay one answer of ordinary length of {service}, about {}",
            in_full(*available),
            in_full(*answer)
        ),
        PreviewWarning::WaitsAnew { unlock_at } => format!(
            "asking for more begins the wait anew; the pending refund would be free in {}",
            moment::until(shared.now(), *unlock_at)
        ),
        PreviewWarning::NothingLeft => "nothing of the account is left for requests meanwhile".to_owned(),
        PreviewWarning::RefundShrank { asked } => {
            format!("{} were asked for; the provider has settled part of that meanwhile", in_full(*asked))
        }
        PreviewWarning::UnderWay => {
            "something about this account is under way already; the figures are those before it".to_owned()
        }
    };
    Some(Fact::Note(format!("! {text}"), Tone::Warn))
}

/// What can be undone.
fn undone(kind: Kind, found: &[&Preview], shared: &Shared) -> String {
    let lock = moment::length(shared.snapshot.lock_time.max(shared.chain.map_or(0, |chain| chain.lock_time)));
    match kind {
        Kind::OpenAccount | Kind::Deposit => {
            format!("It cannot be undone: a refund (W) gives it back, {lock} after it is asked for.")
        }
        Kind::Refund => "It can be cancelled (C) until it is taken; meanwhile it cannot be spent.".to_owned(),
        Kind::TakeRefund => "It cannot be undone; what is in the wallet can be deposited again.".to_owned(),
        Kind::CancelRefund => {
            format!("The wait so far is lost: asked for again, the refund is locked for {lock} anew.")
        }
        Kind::TakeOver if found.iter().any(|preview| preview.effective_at.is_some()) => {
            "It cannot be undone: the key that may sign now, perhaps on another machine, may not any more then."
                .to_owned()
        }
        Kind::TakeOver => "It can only be undone by naming another key.".to_owned(),
    }
}
