//! The step in which the amount is typed: the field, amounts to choose from, and what this one would do.
//!
//! It is tried out on the broker while one types, one trial at a time: the answer of an older amount only leads to the
//! next trial.

use crossterm::event::{KeyCode, KeyEvent};

use super::typed::{self, Typed, TypedError};
use super::{Ask, Kind, Trial};
use crate::broker::user::{Action, Preview, Replace};
use crate::domain::{Address, Neuron, Timestamp};
use crate::tui::kit::form::{self, Field, Form};
use crate::tui::texts;
use crate::tui::user::part::Cx;
use crate::tui::user::shared::Shared;

/// The one field.
const FIELD: &str = "amount";
/// After so many seconds prices and balances may have moved on; it is tried anew before the question.
const FRESH: u64 = 15;

/// An amount to choose by the arrows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    pub label: &'static str,
    /// None while it is being asked for.
    pub amount: Option<Neuron>,
}

#[derive(Debug)]
pub struct AmountStep {
    dialog: u64,
    kind: Kind,
    provider: Address,
    pub form: Form,
    pub choices: Vec<Choice>,
    /// What is being tried out.
    pub asked: Option<Neuron>,
    pub trial: Option<(Neuron, Trial, Timestamp)>,
    /// `enter` was pressed: the question opens as soon as the trial is there.
    going_on: bool,
    /// Why the last attempt failed.
    pub failed: Option<String>,
}

/// What a key led to.
#[derive(Debug)]
pub enum Next {
    Stay,
    Leave,
    Question(Trial),
}

impl AmountStep {
    pub fn new(
        dialog: u64,
        kind: Kind,
        provider: Address,
        missing: Option<Neuron>,
        cx: &mut Cx<'_, Ask>,
    ) -> AmountStep {
        let wanted = match kind {
            Kind::Refund => texts::money::EXACTLY_ASKED,
            _ => texts::money::EXACTLY_MISSING,
        };
        let mut choices: Vec<Choice> =
            missing.map(|amount| Choice { label: wanted, amount: Some(amount) }).into_iter().collect();
        if kind == Kind::Refund {
            let account = account(cx.shared, provider);
            let free = account.map_or(Neuron::ZERO, |account| account.free());
            choices.push(Choice { label: texts::money::HALF_OF_FREE, amount: Some(half(free)) });
            choices.push(Choice { label: texts::money::ALL_FREE, amount: Some(free) });
        } else {
            choices.push(Choice { label: texts::money::TENTH_OF_WALLET, amount: None });
            choices.push(Choice { label: texts::money::HALF_OF_WALLET, amount: None });
            choices.push(Choice { label: texts::money::ALL_THAT_CAN_BE_GIVEN, amount: None });
            cx.ask(Ask::Most { dialog, provider });
        }
        choices.dedup_by(|one, other| one.amount.is_some() && one.amount == other.amount);
        let filled = missing.map(typed::write).unwrap_or_default();
        let field = Field::new(FIELD, texts::labels::AMOUNT, form::Kind::Text, "").with(filled);
        let mut step = AmountStep {
            dialog,
            kind,
            provider,
            form: Form::new(kind.title(), vec![field]),
            choices,
            asked: None,
            trial: None,
            going_on: false,
            failed: None,
        };
        step.try_out(cx);
        step
    }

    pub fn kind(&self) -> Kind {
        self.kind
    }

    pub fn provider(&self) -> Address {
        self.provider
    }

    pub fn typed(&self) -> Result<Typed, TypedError> {
        typed::read(self.form.value(FIELD))
    }

    /// What the amount in the field would do, where that is known.
    pub fn preview(&self) -> Option<Result<&Preview, &str>> {
        let amount = self.typed().ok()?.amount;
        let (_, trial, _) = self.trial.as_ref().filter(|(tried, ..)| *tried == amount)?;
        Some(trial.found.as_ref().map(|preview| &**preview).map_err(String::as_str))
    }

    /// The choice that is in the field.
    pub fn chosen(&self) -> Option<usize> {
        let amount = self.typed().ok()?.amount;
        self.choices.iter().position(|choice| choice.amount == Some(amount))
    }

    pub fn key(&mut self, key: KeyEvent, cx: &mut Cx<'_, Ask>) -> Next {
        match key.code {
            KeyCode::Up => self.choose(false),
            KeyCode::Down => self.choose(true),
            _ => match self.form.key(key) {
                form::Did::Leave => return Next::Leave,
                form::Did::Submit => return self.go_on(cx),
                form::Did::Edited => self.edited(),
            },
        }
        self.try_out(cx);
        Next::Stay
    }

    pub fn paste(&mut self, text: &str, cx: &mut Cx<'_, Ask>) {
        // A line end in it confirms nothing; it is only the end of what was copied.
        self.form.paste(text.trim());
        self.edited();
        self.try_out(cx);
    }

    fn edited(&mut self) {
        self.going_on = false;
        self.failed = None;
        self.complain(None);
    }

    fn complain(&mut self, complaint: Option<String>) {
        if let Some(field) = self.form.fields.first_mut() {
            field.complaint = complaint;
        }
    }

    fn choose(&mut self, down: bool) {
        let known: Vec<Neuron> = self.choices.iter().filter_map(|choice| choice.amount).collect();
        let at = self.typed().ok().and_then(|typed| known.iter().position(|one| *one == typed.amount));
        let next = match (at, down) {
            (None, true) => 0,
            (None, false) => known.len().saturating_sub(1),
            (Some(at), true) => (at + 1) % known.len().max(1),
            (Some(at), false) => at.checked_sub(1).unwrap_or(known.len().saturating_sub(1)),
        };
        if let Some(amount) = known.get(next) {
            self.fill(*amount);
        }
    }

    fn fill(&mut self, amount: Neuron) {
        self.edited();
        if let Some(field) = self.form.fields.first_mut() {
            *field =
                Field::new(FIELD, texts::labels::AMOUNT, form::Kind::Text, "").with(typed::write(amount));
        }
    }

    /// What may be deposited at most is known.
    pub fn most(&mut self, most: Result<Neuron, String>) {
        let Ok(most) = most else {
            // What is in the way is said with the first amount that is typed.
            self.choices.retain(|choice| choice.amount.is_some());
            return;
        };
        let shares = [most.get() / 10, most.get() / 2, most.get()].map(Neuron::new);
        let unknown = self.choices.iter_mut().filter(|choice| choice.amount.is_none());
        unknown.zip(shares).for_each(|(choice, share)| choice.amount = Some(share));
        self.choices.retain(|choice| choice.amount.is_some_and(|amount| !amount.is_zero()));
    }

    /// Tries out what is in the field, unless that is known or another trial is under way.
    fn try_out(&mut self, cx: &mut Cx<'_, Ask>) {
        let Ok(Typed { amount, .. }) = self.typed() else { return };
        let known = self.trial.as_ref().is_some_and(|(tried, ..)| *tried == amount);
        if self.asked.is_some() || known || amount.is_zero() {
            return;
        }
        self.asked = Some(amount);
        let actions = vec![action(self.kind, self.provider, amount, cx.shared)];
        cx.ask(Ask::Try { dialog: self.dialog, actions });
    }

    fn go_on(&mut self, cx: &mut Cx<'_, Ask>) -> Next {
        self.failed = None;
        let amount = match self.typed() {
            Ok(Typed { amount, .. }) if amount.is_zero() => {
                self.complain(Some(texts::money::ZERO_MOVES_NOTHING.to_owned()));
                return Next::Stay;
            }
            Ok(typed) => typed.amount,
            Err(error) => {
                self.complain(Some(error.to_string()));
                return Next::Stay;
            }
        };
        let now = cx.shared.now();
        let fresh = self.trial.as_ref().filter(|(tried, trial, at)| {
            *tried == amount && trial.found.is_ok() && now.seconds_since(*at) < FRESH
        });
        if let Some((_, trial, _)) = fresh {
            return Next::Question(trial.clone());
        }
        if self.asked != Some(amount) {
            self.trial = None;
        }
        self.going_on = true;
        self.try_out(cx);
        Next::Stay
    }

    /// A trial came back. Gives it if the question may open with it.
    pub fn tried(&mut self, trial: Trial, at: Timestamp, cx: &mut Cx<'_, Ask>) -> Option<Trial> {
        let (Action::Open { amount, .. }
        | Action::Deposit { amount, .. }
        | Action::RequestRefund { amount, .. }) = trial.action
        else {
            return None;
        };
        if self.asked != Some(amount) {
            return None;
        }
        self.asked = None;
        self.trial = Some((amount, trial.clone(), at));
        if !self.typed().is_ok_and(|typed| typed.amount == amount) {
            self.try_out(cx);
            return None;
        }
        let open = std::mem::take(&mut self.going_on) && trial.found.is_ok();
        open.then_some(trial)
    }

    /// What was ordered failed: it can be tried again with what was typed, under another key.
    pub fn failed(&mut self, reason: &str) {
        self.trial = None;
        self.asked = None;
        self.going_on = false;
        self.failed = Some(reason.to_owned());
    }
}

/// The action of a dialog.
pub fn action(kind: Kind, provider: Address, amount: Neuron, shared: &Shared) -> Action {
    match kind {
        Kind::OpenAccount => Action::Open { provider, amount },
        Kind::Deposit => Action::Deposit { provider, amount },
        Kind::Refund => {
            let pending = account(shared, provider).is_some_and(|account| account.refund.is_some());
            // The dialog says so where one is pending; one that came up meanwhile is refused.
            let replace = if pending { Replace::Yes } else { Replace::No };
            Action::RequestRefund { provider, amount, replace }
        }
        Kind::TakeRefund => Action::ProcessRefund { provider },
        Kind::CancelRefund => Action::CancelRefund { provider },
        Kind::TakeOver => Action::SetDelegate { provider },
    }
}

pub fn account(shared: &Shared, provider: Address) -> Option<&crate::broker::user::AccountView> {
    shared.snapshot.accounts.iter().find(|account| account.provider == provider)
}

fn half(amount: Neuron) -> Neuron {
    Neuron::new(amount.get() / 2)
}
