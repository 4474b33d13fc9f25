//! The one question before money moves, with the same facts as the dialog of the screens.

use std::io;
use std::time::Duration;

use super::Desk;
use crate::broker::user::{Action, Replace};
use crate::domain::{Address, Neuron, OperationId, OperationState};
use crate::tui::kit::amount::in_full;
use crate::tui::kit::dialog::Fact;
use crate::tui::texts;
use crate::tui::user::{MoneyKind, MoneyTrial, money_act, money_question, money_sentence};

/// How long an operation is waited for; it goes on by itself after that.
const PATIENCE: Duration = Duration::from_secs(60);

impl Desk {
    /// Asks for the amount where there is one, shows what it would do, asks once, does it.
    pub async fn move_money(&mut self, kind: MoneyKind, provider: Address) -> io::Result<()> {
        if let Some(why) = self.model.shared.hindrance() {
            return self.paper.say(&why);
        }
        let Some(action) = self.action(kind, provider).await? else { return Ok(()) };
        let preview = match self.broker.preview(action).await {
            Ok(preview) => preview,
            Err(error) => return self.paper.say(&money_sentence(&error)),
        };
        let key = OperationId::random().to_string();
        let trial = MoneyTrial { action, found: Ok(Box::new(preview)), key: key.clone() };
        let question = money_question(kind, &[trial], &[], self.model.shared.now(), &self.model.shared);
        self.paper.say(&format!("{}:", question.title))?;
        for fact in &question.facts {
            if let Some(line) = line(fact) {
                self.paper.say(&line)?;
            }
        }
        if question.is_under_way() {
            return self.paper.say(texts::plain::UNDER_WAY);
        }
        let agreed = match question.wanted() {
            Some(amount) => {
                let typed = self.paper.ask_anew(texts::plain::LARGE_SUM).await?;
                // The amount stands above with its groups; it may be typed with them.
                let typed = typed.map(|typed| typed.replace(',', ""));
                typed.and_then(|typed| Neuron::parse_with_unit(&typed).ok()) == Some(amount)
            }
            None => {
                let ask = texts::plain::agree(question.yes);
                self.paper.ask_anew(&ask).await?.is_some_and(|typed| typed.eq_ignore_ascii_case("yes"))
            }
        };
        if !agreed {
            return self.paper.say(texts::plain::CANCELLED);
        }
        let sent = match money_act(&self.broker, action, key).await {
            Ok(operation) => operation,
            Err(error) => return self.paper.say(&money_sentence(&error)),
        };
        self.paper.say(texts::plain::SENT)?;
        let end = match self.broker.wait(sent.id, PATIENCE).await {
            Ok(operation) => operation,
            Err(error) => return self.paper.say(&money_sentence(&error)),
        };
        let why = end.reason.map(|reason| format!(": {reason}")).unwrap_or_default();
        let told = match end.state {
            OperationState::Mined => texts::plain::DONE.to_owned(),
            OperationState::Prepared | OperationState::Sent | OperationState::Unknown => {
                texts::plain::FOLLOWED_UP.to_owned()
            }
            OperationState::Reverted | OperationState::Refused => {
                texts::plain::ended(end.state.as_str(), &why)
            }
        };
        self.paper.say(&told)
    }

    async fn action(&mut self, kind: MoneyKind, provider: Address) -> io::Result<Option<Action>> {
        Ok(match kind {
            MoneyKind::TakeRefund => Some(Action::ProcessRefund { provider }),
            MoneyKind::CancelRefund => Some(Action::CancelRefund { provider }),
            MoneyKind::TakeOver => Some(Action::SetDelegate { provider }),
            MoneyKind::OpenAccount => self.amount().await?.map(|amount| Action::Open { provider, amount }),
            MoneyKind::Deposit => self.amount().await?.map(|amount| Action::Deposit { provider, amount }),
            MoneyKind::Refund => {
                let accounts = &self.model.shared.snapshot.accounts;
                let pending = accounts.iter().any(|one| one.provider == provider && one.refund.is_some());
                let replace = if pending { Replace::Yes } else { Replace::No };
                self.amount().await?.map(|amount| Action::RequestRefund { provider, amount, replace })
            }
        })
    }

    async fn amount(&mut self) -> io::Result<Option<Neuron>> {
        loop {
            let question = texts::plain::AMOUNT;
            let Some(typed) = self.paper.ask(question).await?.filter(|typed| !typed.is_empty()) else {
                return Ok(None);
            };
            match Neuron::parse_with_unit(&typed) {
                Ok(amount) => return Ok(Some(amount)),
                Err(error) => self.paper.say(&texts::plain::no_amount(error))?,
            }
        }
    }
}

/// A fact of the dialog as a line.
fn line(fact: &Fact) -> Option<String> {
    match fact {
        Fact::Amount(word, amount) => {
            Some(format!("{word}: {}", amount.map_or("unknown".to_owned(), in_full)))
        }
        Fact::Address(word, address, None) => Some(format!("{word}: {address}")),
        Fact::Address(word, address, Some(name)) => Some(format!("{word}: {address} ({name})")),
        Fact::Text("", text) | Fact::Note(text, _) => Some(text.clone()),
        Fact::Text(word, text) => Some(format!("{word}: {text}")),
        Fact::Gap => None,
    }
}
