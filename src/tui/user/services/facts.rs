//! One service in full.

use super::Services;
use super::row::{MILLION, Offer, name};
use crate::broker::user::{AccountView, Measured, PriceEntry, ProbeLimits, ProbeOutcome};
use crate::domain::{Neuron, Prices, Service, Units};
use crate::tui::kit::amount::grouped;
use crate::tui::kit::facts::{Fact, is};
use crate::tui::kit::look::Look;
use crate::tui::texts;
use crate::tui::theme::Tone;
use crate::tui::user::shared::Shared;

/// What the history says until it has come.
pub const READING: &str = "…";
/// Changes of a service that are shown.
const CHANGES: usize = 12;

pub fn facts(part: &Services, offer: &Offer, shared: &Shared) -> Vec<Fact> {
    let (look, service) = (&shared.look, &offer.service);
    let mut facts = vec![Fact::Head(name(offer, look))];
    facts.push(is(texts::labels::TYPE, texts::services::kind_and_unit(service.kind, service.kind.unit())));
    facts.push(is(texts::labels::MODEL, if service.model.is_empty() { "-" } else { service.model.as_str() }));
    facts.push(is(texts::labels::PROVIDER, look.address(service.provider)));
    if let Some(alias) = &offer.alias {
        facts.push(is(texts::services::YOUR_NAME, format!("@{alias}")));
    }
    facts.push(is("URL", service.url.clone()));
    facts.push(is(
        texts::labels::LISTED,
        texts::services::version(look.time_in_full(service.updated_at()), service.version),
    ));
    facts.push(Fact::Gap);
    facts.push(Fact::Head(texts::labels::PRICES.to_owned()));
    prices(&mut facts, offer, look);
    facts.push(Fact::Gap);
    facts.push(Fact::Head(texts::services::AS_ASKED.to_owned()));
    asked(&mut facts, offer, look);
    facts.push(Fact::Gap);
    facts.push(Fact::Head(texts::services::YOUR_ACCOUNT.to_owned()));
    match shared.snapshot.accounts.iter().find(|account| account.provider == service.provider) {
        Some(account) => owned(&mut facts, account, look),
        None => facts.push(Fact::Note(texts::services::NO_ACCOUNT_YET.to_owned(), Tone::Plain)),
    }
    facts.push(Fact::Gap);
    facts.push(Fact::Head(texts::services::YOUR_REQUESTS.to_owned()));
    measured(&mut facts, part, offer, look);
    facts.push(Fact::Gap);
    facts.push(Fact::Head(texts::services::HISTORY.to_owned()));
    history(&mut facts, part, service, look);
    facts
}

fn prices(facts: &mut Vec<Fact>, offer: &Offer, look: &Look) {
    let service = &offer.service;
    let unit = service.kind.unit();
    for (label, million, price) in [
        (texts::labels::INPUT, texts::services::A_MILLION, service.prices.input),
        (texts::labels::OUTPUT, texts::services::A_MILLION, service.prices.output),
    ] {
        facts.push(is(label, format!("{} a {unit}", look.in_full(price))));
        facts.push(match price.checked_mul(MILLION) {
            Some(price) => is(million, look.in_full(price)),
            None => is(million, texts::services::MORE_THAN_THERE_IS),
        });
    }
    let Some(change) = offer.known.change else { return };
    let Some(seen) = change.seen else { return };
    let was = texts::shared::in_and_out(look.amount(seen.input), look.amount(seen.output));
    if change.rose() {
        let text = texts::services::price_rose(&was);
        facts.push(Fact::Note(text, Tone::Warn));
    } else if change.differs() {
        facts.push(Fact::Note(texts::services::cheaper(&was), Tone::Good));
    } else {
        facts.push(is(texts::services::LAST_PAID, texts::services::THE_SAME));
    }
}

fn asked(facts: &mut Vec<Fact>, offer: &Offer, look: &Look) {
    let (text, tone) = offer.here();
    let Some(probe) = &offer.known.probe else {
        let text = if offer.known.asking { "… asking" } else { texts::services::NOT_ASKED };
        return facts.push(Fact::Note(text.to_owned(), Tone::Plain));
    };
    facts.push(Fact::Is(texts::labels::STATE, text, tone));
    let probe = match probe {
        Ok(probe) => probe,
        Err(reason) => return facts.push(Fact::Is(texts::labels::WHY, reason.clone(), Tone::Bad)),
    };
    facts.push(is(texts::labels::ASKED, look.time_in_full(probe.at)));
    match &probe.outcome {
        ProbeOutcome::Reachable { paused, meter, credit_limit, limits } => {
            facts.push(Fact::Is(texts::labels::TERMS, texts::services::SAYS_THE_SAME.to_owned(), Tone::Good));
            if *paused {
                facts.push(Fact::Is(
                    texts::labels::PAUSED,
                    texts::services::TAKES_NO_REQUESTS.to_owned(),
                    Tone::Warn,
                ));
            }
            facts.push(is(texts::labels::METER, meter_in_words(meter.as_str())));
            facts.push(is(texts::labels::LENDS, texts::services::credit(look.amount(*credit_limit))));
            facts.push(is(texts::labels::LIMITS, limits_in_words(limits)));
        }
        ProbeOutcome::Disagrees(what) => {
            facts.push(Fact::Is(texts::labels::TERMS, format!("≠ {what}"), Tone::Warn));
        }
        ProbeOutcome::Unreachable(why) => facts.push(Fact::Is(texts::labels::WHY, why.clone(), Tone::Bad)),
    }
}

fn meter_in_words(meter: &str) -> String {
    match meter {
        "o200k" => texts::services::METER_O200K.to_owned(),
        "usage" => texts::services::METER_USAGE.to_owned(),
        "bytes" => texts::services::METER_BYTES.to_owned(),
        other => other.to_owned(),
    }
}

fn limits_in_words(limits: &ProbeLimits) -> String {
    let one = |limit: Option<u64>, what: &str| limit.map(|limit| format!("{} {what}", grouped(limit.into())));
    let all = [
        one(limits.in_flight, texts::services::AT_A_TIME),
        one(limits.per_minute, texts::services::A_MINUTE),
        one(limits.own_in_flight, texts::services::YOURS_AT_A_TIME),
        one(limits.own_per_minute, texts::services::YOURS_A_MINUTE),
    ];
    let all: Vec<String> = all.into_iter().flatten().collect();
    if all.is_empty() {
        texts::services::NO_LIMITS.to_owned()
    } else {
        texts::services::limits(all.join(", "))
    }
}

fn owned(facts: &mut Vec<Fact>, account: &AccountView, look: &Look) {
    facts.push(is(texts::labels::SPENDABLE, look.in_full(account.available)));
    facts.push(is(texts::labels::DEPOSIT, look.in_full(account.balance)));
    facts.push(is(texts::labels::OWED, look.in_full(account.owed)));
    facts.push(is(texts::labels::PROMISED, look.in_full(account.promised)));
    if let Some(refund) = &account.refund {
        let when = look.until(refund.unlock_at);
        facts.push(Fact::Is(
            texts::labels::REFUND,
            format!("{}, {when}", look.in_full(refund.amount)),
            Tone::Pending,
        ));
    }
    if !account.can_sign {
        let text = texts::services::CANNOT_SIGN.to_owned();
        facts.push(Fact::Note(text, Tone::Bad));
    }
}

fn measured(facts: &mut Vec<Fact>, part: &Services, offer: &Offer, look: &Look) {
    match offer.known.measured.as_ref().filter(|measured| measured.requests > 0) {
        None => facts.push(Fact::Note(texts::services::NO_REQUESTS_YET.to_owned(), Tone::Dim)),
        Some(measured) => own_requests(facts, measured),
    }
    let habit = part.habit(offer);
    let cost = cost_of_thousand(&offer.service.prices, habit);
    let cost = cost.map_or_else(|| texts::services::MORE_THAN_THERE_IS.to_owned(), |cost| look.amount(cost));
    facts.push(is(
        "1,000 answers",
        texts::services::about_cost(&cost, habit.in_words(offer.service.kind.unit())),
    ));
}

fn own_requests(facts: &mut Vec<Fact>, measured: &Measured) {
    let share = measured.success_basis_points().unwrap_or(0);
    let tone = if share < 9_000 { Tone::Warn } else { Tone::Plain };
    let text = texts::services::answered(share / 100, share % 100, measured.requests);
    facts.push(Fact::Is(texts::labels::ANSWERED, text, tone));
    if measured.disputed > 0 {
        facts.push(Fact::Is(texts::labels::DISPUTED, grouped(measured.disputed.into()), Tone::Warn));
    }
    if let (Some(typical), Some(slow)) = (measured.typical, measured.slow) {
        let text = texts::services::typical_and_slow(typical.as_millis(), slow.as_millis());
        facts.push(is(texts::services::WHOLE_ANSWER, text));
    }
    let pace = u128::from(measured.output.0).saturating_mul(1000).checked_div(measured.time.as_millis());
    if let Some(pace) = pace.filter(|pace| *pace > 0) {
        facts.push(is(texts::labels::PACE, texts::services::pace(pace)));
    }
}

/// What an answer is like: units of one, in the mean, or an assumption.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Habit {
    pub input: Units,
    pub output: Units,
    /// How many answers say so; none: it is assumed.
    pub answers: u64,
}

impl Habit {
    pub fn in_words(self, unit: &str) -> String {
        let (input, output) = (grouped(self.input.0.into()), grouped(self.output.0.into()));
        let why = if self.answers == 0 { "assumed" } else { texts::services::AS_YOURS_WERE };
        texts::services::answer_length(&input, unit, &output, why)
    }
}

/// What is assumed of an answer before there was one.
const ASSUMED: u64 = 500;

impl Services {
    /// What answers of this kind of service were like here.
    pub(super) fn habit(&self, offer: &Offer) -> Habit {
        let kind = offer.service.kind;
        let alike = self.usage.services.iter().filter(|((provider, name), _)| {
            let own = self.by_provider.get(provider);
            own.is_some_and(|own| own.iter().any(|one| one.name == *name && one.kind == kind))
        });
        let (mut answers, mut input, mut output) = (0u64, 0u64, 0u64);
        for (_, used) in alike {
            answers = answers.saturating_add(used.answers);
            input = input.saturating_add(used.input.0);
            output = output.saturating_add(used.output.0);
        }
        match (input.checked_div(answers), output.checked_div(answers)) {
            (Some(input), Some(output)) => Habit { input: Units(input), output: Units(output), answers },
            _ => Habit { input: Units(ASSUMED), output: Units(ASSUMED), answers: 0 },
        }
    }
}

/// The fee of a thousand answers; `None` beyond what can exist.
pub fn cost_of_thousand(prices: &Prices, habit: Habit) -> Option<Neuron> {
    prices.fee(habit.input, habit.output)?.total().checked_mul(1000)
}

fn history(facts: &mut Vec<Fact>, part: &Services, service: &Service, look: &Look) {
    let own = part
        .history
        .as_ref()
        .filter(|(provider, name, _)| *provider == service.provider && *name == service.name);
    let history = match own {
        None => return facts.push(Fact::Note(texts::services::NOT_READ_YET.to_owned(), Tone::Dim)),
        Some((.., Err(reason))) => {
            let tone = if reason == READING { Tone::Pending } else { Tone::Bad };
            return facts.push(Fact::Note(reason.clone(), tone));
        }
        Some((.., Ok(history))) => history,
    };
    for entry in history.entries.iter().take(CHANGES) {
        facts.push(Fact::Note(entry_in_words(entry, look), Tone::Plain));
    }
    let more = history.entries.len().saturating_sub(CHANGES);
    if more > 0 {
        facts.push(Fact::Note(texts::services::changes_before(more), Tone::Dim));
    }
    if !history.is_complete() {
        let text = texts::services::not_known_before(grouped(history.from_block.into()));
        facts.push(Fact::Note(text, Tone::Dim));
    } else if history.entries.is_empty() {
        facts.push(Fact::Note(texts::services::NO_EVENT.to_owned(), Tone::Dim));
    }
}

fn entry_in_words(entry: &PriceEntry, look: &Look) -> String {
    let when = entry.time.map_or_else(|| "-".to_owned(), |time| look.time(time));
    let block = grouped(entry.block.into());
    let Some(service) = &entry.service else { return texts::services::removed(&when, &block) };
    let (input, output) = (look.amount(service.prices.input), look.amount(service.prices.output));
    let mut what = texts::shared::in_and_out(&input, &output);
    for (changed, text) in [
        (entry.url_changed, texts::services::URL_CHANGED),
        (entry.model_changed, texts::services::MODEL_CHANGED),
    ] {
        if changed {
            what.push_str(", ");
            what.push_str(text);
        }
    }
    format!("{when} · #{block} · {what}")
}
