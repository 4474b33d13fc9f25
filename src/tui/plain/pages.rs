//! What can be looked at.

use std::io;

use super::Desk;
use crate::broker::user::{RequestFilter, RequestSort};
use crate::domain::{Address, Service, Timestamp, UserRequestState};
use crate::tui::kit::amount::in_full;
use crate::tui::kit::moment;
use crate::tui::texts;
use crate::tui::user::MoneyKind;

/// Lines that are read out at once.
const PAGE: usize = 10;

impl Desk {
    pub async fn home(&mut self) -> io::Result<()> {
        let (shared, now) = (&self.model.shared, self.model.shared.now());
        let snapshot = &shared.snapshot;
        let mut lines = vec![
            snapshot
                .stale
                .as_ref()
                .map_or_else(|| texts::plain::CHAIN_READ.to_owned(), texts::plain::chain_not_read),
            texts::plain::spendable(in_full(shared.spendable())),
            texts::plain::wallet(snapshot.wallet.map_or("unknown".to_owned(), in_full)),
            match snapshot.caps.per_day {
                Some(cap) => texts::plain::spent_of_cap(in_full(snapshot.spent_today), in_full(cap)),
                None => texts::plain::spent(in_full(snapshot.spent_today)),
            },
            texts::plain::accounts_and_services(snapshot.accounts.len(), shared.services.len()),
        ];
        for operation in &snapshot.operations {
            let whom = operation.provider.map(|provider| shared.provider(provider)).unwrap_or_default();
            let (kind, state) = (operation.kind.as_str().replace('_', " "), operation.state.as_str());
            lines.push(texts::plain::under_way(&kind, &whom, state, moment::ago(now, operation.created_at)));
        }
        lines.iter().try_for_each(|line| self.paper.say(line))
    }

    /// A service as one line.
    fn service_line(&self, service: &Service) -> String {
        let shared = &self.model.shared;
        let model =
            if service.model.is_empty() { String::new() } else { texts::plain::model(&service.model) };
        let account = match shared.snapshot.accounts.iter().find(|one| one.provider == service.provider) {
            Some(account) => texts::plain::account_with(in_full(account.available)),
            None => texts::shared::NO_ACCOUNT_YET.to_owned(),
        };
        texts::plain::service(
            &service.name,
            shared.provider(service.provider),
            service.kind,
            &model,
            service.prices.input.get(),
            service.prices.output.get(),
            &account,
        )
    }

    /// Lets somebody choose a service by words and a number.
    pub async fn choose(&mut self, only_chat: bool) -> io::Result<Option<Service>> {
        let question = texts::plain::WORDS_OF_A_SERVICE;
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
            self.paper.say(texts::plain::NO_SERVICE)?;
            return Ok(None);
        }
        for (page, part) in found.chunks(PAGE).enumerate() {
            for (index, service) in part.iter().enumerate() {
                let line = format!("{}. {}", page * PAGE + index + 1, self.service_line(service));
                self.paper.say(&line)?;
            }
            let shown = page * PAGE + part.len();
            let more = if shown < found.len() { texts::plain::M_FOR_MORE } else { "" };
            let question = texts::plain::choose_service(shown, found.len(), more);
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
            texts::plain::name_and_version(&service.name, service.version),
            texts::plain::provider(service.provider),
            texts::plain::address(&service.url),
        ] {
            self.paper.say(&line)?;
        }
        self.paper.say(&self.service_line(&service))
    }

    pub fn accounts(&mut self) -> io::Result<()> {
        let shared = &self.model.shared;
        let mut lines = Vec::new();
        for account in &shared.snapshot.accounts {
            lines.push(texts::plain::account(shared.provider(account.provider), account.provider));
            for (word, amount) in [
                ("deposit", account.balance),
                ("spendable", account.available),
                ("owed", account.owed),
                (texts::plain::RESERVED, account.reserved),
                (texts::plain::PROMISED, account.promised),
                (texts::plain::ASKED_BACK, account.pending_refund),
                (texts::plain::SETTLED, account.settled),
            ] {
                lines.push(format!("  {word}: {}.", in_full(amount)));
            }
        }
        if lines.is_empty() {
            lines.push(texts::plain::NO_ACCOUNT_5_OPENS.to_owned());
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
            .map(|one| texts::plain::to_spend(shared.provider(one.provider), in_full(one.available)))
            .collect();
        if accounts.is_empty() {
            self.paper.say(texts::plain::NO_ACCOUNT_5_OPENS)?;
            return Ok(None);
        }
        for (index, line) in lines.iter().enumerate() {
            self.paper.say(&format!("{}. {line}", index + 1))?;
        }
        let chosen = self.number(texts::plain::WHICH_ACCOUNT, accounts.len()).await?;
        Ok(chosen.and_then(|index| accounts.get(index).copied()))
    }

    /// A provider with an account, or one of a service.
    pub async fn provider(&mut self) -> io::Result<Option<Address>> {
        if !self.model.shared.snapshot.accounts.is_empty() {
            let question = texts::plain::ACCOUNT_OR_SERVICE;
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
                let when = if due {
                    texts::shared::DUE_NOW.to_owned()
                } else {
                    moment::until(now, refund.unlock_at)
                };
                let line =
                    texts::plain::refund(in_full(refund.amount), shared.provider(account.provider), &when);
                Some((account.provider, due, line))
            })
            .collect();
        if pending.is_empty() {
            return self.paper.say(texts::plain::NO_REFUND);
        }
        for (index, (_, _, line)) in pending.iter().enumerate() {
            self.paper.say(&format!("{}. {line}", index + 1))?;
        }
        let chosen = self.number(texts::plain::WHICH_REFUND, pending.len()).await?;
        let Some((provider, due, _)) = chosen.and_then(|index| pending.get(index)) else { return Ok(()) };
        let question = if *due { texts::plain::TAKE_OR_CANCEL } else { texts::plain::ONLY_CANCEL };
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
                self.paper.say(&texts::plain::requests_in_all(page.total, in_full(page.fee.total())))?;
            }
            let now = Timestamp::now();
            for request in &page.items {
                let shared = &self.model.shared;
                let fee = match request.state {
                    UserRequestState::Reserved | UserRequestState::Sent => {
                        texts::plain::FEE_PENDING.to_owned()
                    }
                    _ => in_full(request.fee.total()),
                };
                let note = request.note.as_ref().map(|note| format!(", {note}")).unwrap_or_default();
                let line = texts::plain::request(
                    moment::ago(now, request.created_at),
                    shared.service_of(request.provider, &request.service),
                    request.input.0,
                    request.output.0,
                    &fee,
                    request.state.as_str(),
                    &note,
                );
                self.paper.say(&line)?;
            }
            cursor = page.next;
            let more =
                cursor.is_some() && self.paper.ask(texts::plain::MORE_OR_BACK).await?.as_deref() == Some("m");
            if !more {
                return Ok(());
            }
        }
    }

    pub fn log(&mut self) -> io::Result<()> {
        let lines = self.model.shared.start.log.since(0);
        if lines.is_empty() {
            return self.paper.say(texts::plain::NOTHING_LOGGED);
        }
        let newest = lines.iter().skip(lines.len().saturating_sub(2 * PAGE));
        for line in newest {
            self.paper.say(&format!("{} {} {}", moment::in_full(line.at), line.level.name(), line.text))?;
        }
        Ok(())
    }
}
