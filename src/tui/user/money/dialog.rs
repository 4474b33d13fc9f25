//! Which step of a dialog is open, and what keys do in it.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::layout::Rect;

use super::amount::{AmountStep, Next, account, action};
use super::errand::Errand;
use super::question;
use super::{Ask, Kind, Trial};
use crate::domain::{Address, Neuron, Timestamp};
use crate::tui::kit::dialog::{Money, Said};
use crate::tui::texts;
use crate::tui::user::part::Cx;
use crate::tui::user::screen::Screen;
use crate::tui::user::shared::Shared;

/// More at once is not asked about in one question.
const MOST_ACCOUNTS: usize = 200;

#[derive(Debug)]
pub struct Dialog {
    pub number: u64,
    pub kind: Kind,
    pub providers: Vec<Address>,
    /// Who waits for the money.
    pub then: Option<(Screen, u64)>,
    /// The step with the amount, where there is one; kept while the question is open.
    pub amount: Option<AmountStep>,
    pub stage: Stage,
}

#[derive(Debug)]
pub enum Stage {
    Amount,
    /// It is being found out what it would do.
    Trying,
    /// With what it asks about.
    Question {
        money: Box<Money>,
        trials: Vec<Trial>,
    },
    UnderWay,
    /// It cannot be done.
    Refused(String),
}

/// What a key led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Did {
    Stayed,
    Left,
    Confirmed,
}

impl Dialog {
    /// Opens it, or says why there is nothing to open.
    pub fn open(
        number: u64,
        kind: Kind,
        providers: Vec<Address>,
        amount: Option<Neuron>,
        cx: &mut Cx<'_, Ask>,
    ) -> Result<Dialog, String> {
        let kind = match (kind, &providers[..]) {
            // Whoever wants money there means the one or the other.
            (Kind::Deposit | Kind::OpenAccount, [provider]) => match account(cx.shared, *provider) {
                Some(_) => Kind::Deposit,
                None => Kind::OpenAccount,
            },
            (kind, _) => kind,
        };
        let providers = able(kind, providers, cx.shared)?;
        let mut dialog = Dialog { number, kind, providers, then: None, amount: None, stage: Stage::Trying };
        match (kind, &dialog.providers[..]) {
            (Kind::OpenAccount | Kind::Deposit | Kind::Refund, [provider]) => {
                dialog.amount = Some(AmountStep::new(number, kind, *provider, amount, cx));
                dialog.stage = Stage::Amount;
            }
            (_, providers) => {
                let of = |provider: &Address| {
                    let free = account(cx.shared, *provider).map_or(Neuron::ZERO, |account| account.free());
                    action(kind, *provider, free, cx.shared)
                };
                let actions = providers.iter().map(of).collect();
                cx.ask(Ask::Try { dialog: number, actions });
            }
        }
        Ok(dialog)
    }

    pub fn key(&mut self, key: KeyEvent, cx: &mut Cx<'_, Ask>) -> Did {
        let stop = key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL);
        if stop {
            return Did::Left;
        }
        match &mut self.stage {
            Stage::Amount => {
                let next = self.amount.as_mut().map_or(Next::Leave, |step| step.key(key, cx));
                match next {
                    Next::Stay => Did::Stayed,
                    Next::Leave => Did::Left,
                    Next::Question(trial) => {
                        self.ask(vec![trial], cx.shared.pressed, cx.shared);
                        Did::Stayed
                    }
                }
            }
            Stage::Question { money, .. } => {
                let back = key.code == KeyCode::Esc && self.amount.is_some();
                match money.key(key, cx.shared.pressed) {
                    Said::Yes => Did::Confirmed,
                    // One step back, to what was typed.
                    Said::No if back => {
                        self.stage = Stage::Amount;
                        Did::Stayed
                    }
                    Said::No => Did::Left,
                    Said::Nothing => Did::Stayed,
                }
            }
            Stage::Trying | Stage::UnderWay | Stage::Refused(_) => match key.code {
                KeyCode::Esc | KeyCode::Enter | KeyCode::Char('q' | 'n') => Did::Left,
                _ => Did::Stayed,
            },
        }
    }

    /// A pasted text fills the field of the amount; it answers no question.
    pub fn paste(&mut self, text: &str, cx: &mut Cx<'_, Ask>) {
        if let (Stage::Amount, Some(step)) = (&self.stage, &mut self.amount) {
            step.paste(text, cx);
        }
    }

    pub fn most(&mut self, most: Result<Neuron, String>, _cx: &mut Cx<'_, Ask>) {
        if let Some(step) = &mut self.amount {
            step.most(most);
        }
    }

    pub fn tried(&mut self, mut trials: Vec<Trial>, at: Timestamp, cx: &mut Cx<'_, Ask>) {
        match (&self.stage, &mut self.amount) {
            (_, Some(step)) => {
                let Some(trial) = trials.pop() else { return };
                let open = step.tried(trial, at, cx);
                if let (Stage::Amount, Some(trial)) = (&self.stage, open) {
                    self.ask(vec![trial], at, cx.shared);
                }
            }
            (Stage::Trying, None) => self.ask(trials, at, cx.shared),
            _ => {}
        }
    }

    /// Opens the question about what can be done of it.
    fn ask(&mut self, trials: Vec<Trial>, at: Timestamp, shared: &Shared) {
        let (good, bad): (Vec<Trial>, Vec<Trial>) = trials.into_iter().partition(|trial| trial.found.is_ok());
        if good.is_empty() {
            let reason = bad.into_iter().find_map(|trial| trial.found.err());
            self.stage = Stage::Refused(reason.unwrap_or_else(|| texts::money::NOTHING_TO_DO.to_owned()));
            return;
        }
        // A question that appears with an answer opens when it came, one that appears with a key when that was pressed.
        // Neither is before the last beat: an answer may have waited while an editor or a shell had the terminal.
        let opened = at.max(shared.pressed).max(shared.now());
        let money = question::ask(self.kind, &good, &bad, opened, shared);
        self.stage = Stage::Question { money: Box::new(money), trials: good };
    }

    /// Told the room that it is drawn in.
    pub fn settle(&mut self, area: Rect) {
        if let Stage::Question { money, .. } = &mut self.stage {
            money.settle(area);
        }
    }

    /// What was confirmed; from now on it is under way.
    pub fn confirmed(&mut self) -> Vec<Trial> {
        match std::mem::replace(&mut self.stage, Stage::UnderWay) {
            Stage::Question { trials, .. } => trials,
            _ => Vec::new(),
        }
    }

    /// What it ordered failed. Gives whether it can be tried again with what was typed.
    pub fn failed(&mut self, reason: &str) -> bool {
        match (&self.stage, &mut self.amount) {
            (Stage::UnderWay, Some(step)) => {
                step.failed(reason);
                self.stage = Stage::Amount;
                true
            }
            _ => false,
        }
    }

    pub fn hints(&self, errands: &[Errand]) -> Vec<(&'static str, &'static str)> {
        match &self.stage {
            Stage::Amount => {
                vec![
                    ("↑↓", texts::hints::CHOOSE),
                    ("enter", texts::money::GO_ON_TO_QUESTION),
                    ("esc", texts::hints::LEAVE),
                ]
            }
            Stage::Question { .. } if self.amount.is_some() => {
                vec![
                    ("y", texts::shared::DO_IT),
                    ("esc", texts::money::BACK_TO_AMOUNT),
                    ("↑↓", texts::hints::SCROLL),
                ]
            }
            Stage::Question { .. } => {
                vec![("y", texts::shared::DO_IT), ("esc", texts::hints::LEAVE), ("↑↓", texts::hints::SCROLL)]
            }
            Stage::UnderWay => {
                let over = errands.iter().filter(|one| one.dialog == self.number).all(Errand::is_over);
                vec![("esc", if over { "close" } else { texts::money::CLOSE_IT_GOES_ON })]
            }
            Stage::Trying | Stage::Refused(_) => vec![("esc", texts::hints::CLOSE)],
        }
    }
}

/// The accounts with which it can be done at all; the broker has the last word.
fn able(kind: Kind, providers: Vec<Address>, shared: &Shared) -> Result<Vec<Address>, String> {
    let one = matches!(&providers[..], [_]);
    match kind {
        Kind::OpenAccount | Kind::Deposit if one => return Ok(providers),
        Kind::OpenAccount | Kind::Deposit => {
            return Err(texts::money::CHOOSE_ONE_ACCOUNT.to_owned());
        }
        _ => {}
    }
    let now = shared.now();
    let may = |provider: &Address| {
        let account = account(shared, *provider).ok_or(texts::money::NO_ACCOUNT)?;
        match (kind, account.refund) {
            (Kind::Refund, _) if account.free().is_zero() => Err(texts::money::NOTHING_FREE),
            (Kind::TakeRefund | Kind::CancelRefund, None) => Err(texts::money::NO_REFUND),
            (Kind::TakeRefund, Some(refund)) if refund.unlock_at > now => Err(texts::money::STILL_LOCKED),
            _ => Ok(()),
        }
    };
    let (mut able, mut reason) = (Vec::new(), None);
    for provider in providers {
        match may(&provider) {
            Ok(()) => able.push(provider),
            Err(why) => reason = Some(why),
        }
    }
    match (able.len(), reason) {
        (0, Some(why)) if one => Err(why.to_owned()),
        (0, _) => Err(texts::money::NOTHING_OF_THAT_KIND.to_owned()),
        (many, _) if many > MOST_ACCOUNTS => Err(texts::money::too_many_accounts(many, MOST_ACCOUNTS)),
        _ => Ok(able),
    }
}
