//! What can be looked at.

use std::io;

use super::Desk;
use crate::broker::user::{RequestFilter, RequestSort};
use crate::domain::{Address, Service, Timestamp, UserRequestState};
use crate::tui::kit::amount::in_full;
use crate::tui::kit::moment;
use crate::tui::user::MoneyKind;

/// Lines that are read out at once.
const PAGE: usize = 10;

impl Desk {
    pub async fn home(&mut self) -> io::Result<()> {
        let (shared, now) = (&self.model.shared, self.model.shared.now());
        let snapshot = &shared.snapshot;
        let mut lines = vec![
            snapshot.stale.as_ref().map_or_else(
                || "The chain can be read.".to_owned(),
                |why| format!("The chain cannot be read: {why}. Figures are as they were."),
            ),
            format!("Spendable: {}.", in_full(shared.spendable())),
            format!("Wallet: {}.", snapshot.wallet.map_or("unknown".to_owned(), in_full)),
            match snapshot.caps.per_day {
                Some(cap) => {
                    format!("Spent today: {}, of a cap of {}.", in_full(snapshot.spent_today), in_full(cap))
                }
                None => format!("Spent today: {}.", in_full(snapshot.spent_today)),
            },
            format!("{} accounts, {} services.", snapshot.accounts.len(), shared.services.len()),
        ];
        for operation in &snapshot.operations {
            let whom = operation.provider.map(|provider| shared.provider(provider)).unwrap_or_default();
            let (kind, state) = (operation.kind.as_str().replace('_', " "), operation.state.as_str());
            lines.push(format!(
                "Under way: {kind} {whom}, {state}, {}.",
                moment::ago(now, operation.created_at)
            ));
        }
        lines.iter().try_for_each(|line| self.paper.say(line))
    }

    /// A service as one line.
    fn service_line(&self, service: &Service) -> String {
        let shared = &self.model.shared;
        let model =
            if service.model.is_empty() { String::new() } else { format!(", model {}", service.model) };
        let account = match shared.snapshot.accounts.iter().find(|one| one.provider == service.provider) {
            Some(account) => format!("account with {} to spend", in_full(account.available)),
            None => "no account yet".to_owned(),
        };
        format!(
            "{} at {}, {}{model}, prices a unit: {} neuron in, {} neuron out, {account}",
            service.name,
            shared.provider(service.provider),
            service.kind,
            service.prices.input,
            service.prices.output,
        )
    }

    /// Lets somebody choose a service by words and a number.
    pub async fn choose(&mut self, only_chat: bool) -> io::Result<Option<Service>> {
        let question = "Words that it shall have, or enter for all:";
        let Some(words) = self.paper.ask(question).await? else { return Ok(None) };
        let wanted: Vec<String> = words.split_whitespace().map(str::to_lowercase).collect();
        let all = self.model.shared.services.clone();
        let fits = |service: &&Service| {
            let text = format!("{} {} {} {}", service.name, service.model, service.kind, service.provider);
            let text = text.to_lowercase();
            (!only_chat || service.kind == crate::domain::ServiceKind::Chatbot)
                && wanted.iter().all(|word| text.contains(word))
        };
        let found: Vec<&Service> = all.iter().filter(fits).collect();
        if found.is_empty() {
            self.paper.say("No service has that.")?;
            return Ok(None);
        }
        for (page, part) in found.chunks(PAGE).enumerate() {
            for (index, service) in part.iter().enumerate() {
                let line = format!("{}. {}", page * PAGE + index + 1, self.service_line(service));
                self.paper.say(&line)?;
            }
            let shown = page * PAGE + part.len();
            let more = if shown < found.len() { ", m for more" } else { "" };
            let question = format!("{shown} of {} services. Number, or enter to go back{more}:", found.len());
            let Some(typed) = self.paper.ask(&question).await? else { return Ok(None) };
            if typed == "m" && shown < found.len() {
                continue;
            }
            let chosen = typed.parse::<usize>().ok().and_then(|number| found.get(number.checked_sub(1)?));
            return Ok(chosen.map(|service| (*service).clone()));
        }
        Ok(None)
    }

    pub async fn services(&mut self) -> io::Result<()> {
        let Some(service) = self.choose(false).await? else { return Ok(()) };
        for line in [
            format!("{}, version {}.", service.name, service.version),
            format!("Provider {}.", service.provider),
            format!("Address {}.", service.url),
        ] {
            self.paper.say(&line)?;
        }
        self.paper.say(&self.service_line(&service))
    }

    pub fn accounts(&mut self) -> io::Result<()> {
        let shared = &self.model.shared;
        let mut lines = Vec::new();
        for account in &shared.snapshot.accounts {
            lines.push(format!("Account with {}, {}.", shared.provider(account.provider), account.provider));
            for (word, amount) in [
                ("deposit", account.balance),
                ("spendable", account.available),
                ("owed", account.owed),
                ("held for requests", account.reserved),
                ("promised by vouchers", account.promised),
                ("asked back", account.pending_refund),
                ("settled on the chain", account.settled),
            ] {
                lines.push(format!("  {word}: {}.", in_full(amount)));
            }
        }
        if lines.is_empty() {
            lines.push("No account yet; 5 opens one.".to_owned());
        }
        lines.iter().try_for_each(|line| self.paper.say(line))
    }

    /// One of the accounts.
    pub async fn account(&mut self) -> io::Result<Option<Address>> {
        let shared = &self.model.shared;
        let accounts: Vec<Address> = shared.snapshot.accounts.iter().map(|one| one.provider).collect();
        let lines: Vec<String> = shared
            .snapshot
            .accounts
            .iter()
            .map(|one| format!("{}, {} to spend", shared.provider(one.provider), in_full(one.available)))
            .collect();
        if accounts.is_empty() {
            self.paper.say("No account yet; 5 opens one.")?;
            return Ok(None);
        }
        for (index, line) in lines.iter().enumerate() {
            self.paper.say(&format!("{}. {line}", index + 1))?;
        }
        let chosen = self.number("Which account? Number, or enter to go back:", accounts.len()).await?;
        Ok(chosen.and_then(|index| accounts.get(index).copied()))
    }

    /// A provider with an account, or one of a service.
    pub async fn provider(&mut self) -> io::Result<Option<Address>> {
        if !self.model.shared.snapshot.accounts.is_empty() {
            let question = "a for an account that you have, s for another provider by its service:";
            match self.paper.ask(question).await?.as_deref() {
                Some("a") => return self.account().await,
                Some("s") => {}
                _ => return Ok(None),
            }
        }
        Ok(self.choose(false).await?.map(|service| service.provider))
    }

    pub async fn refunds(&mut self) -> io::Result<()> {
        let shared = &self.model.shared;
        let now = shared.now();
        let pending: Vec<(Address, bool, String)> = shared
            .snapshot
            .accounts
            .iter()
            .filter_map(|account| {
                let refund = account.refund?;
                let due = refund.unlock_at <= now;
                let when = if due { "due now".to_owned() } else { moment::until(now, refund.unlock_at) };
                let line =
                    format!("{} from {}, {when}", in_full(refund.amount), shared.provider(account.provider));
                Some((account.provider, due, line))
            })
            .collect();
        if pending.is_empty() {
            return self.paper.say("No refund is pending; 6 asks for one.");
        }
        for (index, (_, _, line)) in pending.iter().enumerate() {
            self.paper.say(&format!("{}. {line}", index + 1))?;
        }
        let chosen = self.number("Which refund? Number, or enter to go back:", pending.len()).await?;
        let Some((provider, due, _)) = chosen.and_then(|index| pending.get(index)) else { return Ok(()) };
        let question = if *due { "t takes it, c cancels it:" } else { "c cancels it, enter goes back:" };
        match (self.paper.ask(question).await?.as_deref(), due) {
            (Some("t"), true) => self.move_money(MoneyKind::TakeRefund, *provider).await,
            (Some("c"), _) => self.move_money(MoneyKind::CancelRefund, *provider).await,
            _ => Ok(()),
        }
    }

    pub async fn requests(&mut self) -> io::Result<()> {
        let mut cursor: Option<String> = None;
        loop {
            let page = self
                .broker
                .requests(RequestFilter::default(), cursor.as_deref(), PAGE as u32, RequestSort::Newest)
                .await;
            let page = match page {
                Ok(page) => page,
                Err(error) => return self.paper.say(&error.for_screen()),
            };
            if cursor.is_none() {
                self.paper.say(&format!("{} requests, {} in all.", page.total, in_full(page.fee.total())))?;
            }
            let now = Timestamp::now();
            for request in &page.items {
                let shared = &self.model.shared;
                let fee = match request.state {
                    UserRequestState::Reserved | UserRequestState::Sent => "fee pending".to_owned(),
                    _ => in_full(request.fee.total()),
                };
                let note = request.note.as_ref().map(|note| format!(", {note}")).unwrap_or_default();
                let line = format!(
                    "{}, {}, {} units in, {} out, {fee}, {}{note}",
                    moment::ago(now, request.created_at),
                    shared.service_of(request.provider, &request.service),
                    request.input.0,
                    request.output.0,
                    request.state.as_str(),
                );
                self.paper.say(&line)?;
            }
            cursor = page.next;
            let more = cursor.is_some()
                && self.paper.ask("m for more, enter to go back:").await?.as_deref() == Some("m");
            if !more {
                return Ok(());
            }
        }
    }

    pub fn log(&mut self) -> io::Result<()> {
        let lines = self.model.shared.start.log.since(0);
        if lines.is_empty() {
            return self.paper.say("Nothing was logged yet.");
        }
        let newest = lines.iter().skip(lines.len().saturating_sub(2 * PAGE));
        for line in newest {
            self.paper.say(&format!("{} {} {}", moment::in_full(line.at), line.level.name(), line.text))?;
        }
        Ok(())
    }
}
