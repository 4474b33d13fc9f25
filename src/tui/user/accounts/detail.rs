//! One account in full: every figure with what it means.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::row::{AccountRow, at_risk, day, doing};
use super::{Accounts, Books};
use crate::broker::user::{AccountView, CapUse, Reconciliation, ReconciliationVerdict, Runway};
use crate::domain::{Address, Neuron};
use crate::tui::kit::chart::{self, Day};
use crate::tui::kit::facts::{self, Fact, is};
use crate::tui::kit::look::{Look, MASK};
use crate::tui::kit::{draw, moment};
use crate::tui::texts;
use crate::tui::theme::Tone;
use crate::tui::user::shared::Shared;

/// Days of the chart.
const DAYS: u64 = 14;
/// Rows of the chart with its heading.
const CHART: u16 = 9;

impl Accounts {
    /// What there is to say of the selected account.
    pub fn facts(&self, shared: &Shared) -> Vec<Fact> {
        let Some(row) = self.table.selected() else { return Vec::new() };
        let AccountRow { account, alias, used, .. } = row;
        let look = &shared.look;
        let amount = |label, amount, says: &str| -> [Fact; 1] {
            [Fact::Is(label, format!("{}: {says}", look.in_full(amount)), Tone::Plain)]
        };
        let mut facts = vec![is(texts::labels::PROVIDER, look.address(account.provider))];
        if let Some(alias) = alias {
            facts.push(is(texts::labels::NAME, texts::accounts::given_by_you(alias)));
        }
        if !account.can_sign {
            // What is wrong comes first.
            facts.push(key(account, look));
        }
        facts.extend(amount(texts::labels::SPENDABLE, account.available, texts::accounts::MEANS_SPENDABLE));
        facts.extend(amount(texts::labels::BALANCE, account.balance, texts::accounts::MEANS_DEPOSIT));
        facts.extend(amount(texts::labels::OWED, account.owed, texts::shared::MEANS_OWED));
        facts.extend(amount(texts::labels::RESERVED, account.reserved, texts::accounts::MEANS_RESERVED));
        facts.extend(amount(texts::labels::PROMISED, account.promised, texts::accounts::MEANS_PROMISED));
        let risk = at_risk(account);
        let says = texts::accounts::at_risk(look.in_full(risk));
        facts.push(Fact::Is(
            texts::accounts::AT_RISK,
            says,
            if risk.is_zero() { Tone::Plain } else { Tone::Warn },
        ));
        facts.extend(amount(texts::labels::SETTLED, account.settled, texts::accounts::MEANS_SETTLED));
        facts.extend(amount(texts::labels::FREE, account.free(), texts::accounts::MEANS_FREE));
        match account.refund {
            Some(refund) if row.due(shared.now()) => {
                let text = texts::accounts::refund_due(look.in_full(refund.amount));
                facts.push(Fact::Is(texts::labels::REFUND, text, Tone::Good));
            }
            Some(refund) => {
                let left = moment::until(shared.now(), refund.unlock_at);
                let at = moment::in_full(refund.unlock_at);
                let text = texts::accounts::refund_locked(look.in_full(refund.amount), &at, &left);
                facts.push(Fact::Is(texts::labels::REFUND, text, Tone::Pending));
            }
            None => facts.push(Fact::Is(
                texts::labels::REFUND,
                texts::accounts::NONE_UNDER_WAY.to_owned(),
                Tone::Dim,
            )),
        }
        if account.can_sign {
            facts.push(key(account, look));
        }
        let own = shared.snapshot.operations.iter().filter(|one| one.provider == Some(account.provider));
        for operation in own {
            let amount =
                operation.amount.map(|amount| format!(" {}", look.in_full(amount))).unwrap_or_default();
            let (again, tone) = match operation.attempts {
                0 | 1 => (String::new(), Tone::Pending),
                times => (texts::accounts::stuck(times), Tone::Warn),
            };
            let state = operation.state.as_str();
            let since = look.time(operation.created_at);
            let text = format!("{}{amount}: {state}, {since}{again}", doing(operation.kind));
            facts.push(Fact::Is(texts::shared::UNDER_WAY, text, tone));
        }
        let last = match used {
            Some(used) => day(*used, shared.now()),
            None => texts::accounts::NOT_LATELY.to_owned(),
        };
        facts.push(is(texts::labels::USED, last));
        let days = self.spent_by_day(account.provider, shared);
        let spent: Vec<Option<u128>> = days
            .iter()
            .map(|day| day.amounts.as_ref().and_then(|amounts| amounts.first().copied()))
            .collect();
        let sum = spent.iter().flatten().fold(0, |sum, fee| u128::saturating_add(sum, *fee));
        let line = if look.masked { MASK.to_owned() } else { chart::sparkline(&spent, 14) };
        facts.push(is(
            texts::labels::SPENT,
            texts::accounts::spent_in_days(&line, look.amount(Neuron::new(sum)), DAYS),
        ));
        let runway = self.runway.as_ref().filter(|(provider, _)| *provider == account.provider);
        facts
            .push(is(texts::labels::LASTS, runway.map_or("…".to_owned(), |(_, runway)| lasts(runway, look))));
        let own = |one: &&CapUse| one.provider == Some(account.provider);
        if let Some(cap) = self.figures.caps.iter().find(own) {
            let (used, limit) = (look.amount(cap.used), look.amount(cap.limit));
            facts.push(is(texts::labels::CAP, texts::accounts::promised_of_cap(&used, &limit)));
        }
        facts.extend(self.books(account.provider, look));
        facts
    }

    fn books(&self, provider: Address, look: &Look) -> Vec<Fact> {
        let head = |text: String, tone| vec![Fact::Is(texts::labels::BOOKS, text, tone)];
        match self.books.as_ref().filter(|(known, _)| *known == provider) {
            None => head(texts::accounts::CHECK_BY_KEY.to_owned(), Tone::Dim),
            Some((_, Books::Asked)) => head(texts::accounts::CHECKING.to_owned(), Tone::Pending),
            Some((_, Books::Failed(why))) => head(format!("✗ {why}"), Tone::Bad),
            Some((_, Books::Known(found))) => {
                let Reconciliation {
                    requests,
                    fees,
                    owed,
                    disputed,
                    held,
                    stated,
                    promised,
                    settled,
                    verdict,
                    ..
                } = &**found;
                let (sign, tone) = match verdict {
                    ReconciliationVerdict::Even => ("✓", Tone::Good),
                    ReconciliationVerdict::Ahead => ("!", Tone::Warn),
                    ReconciliationVerdict::BeyondPromised | ReconciliationVerdict::OwnBooks => {
                        ("✗", Tone::Bad)
                    }
                };
                let mut facts = head(format!("{sign} {}", verdict.says()), tone);
                let mut say = |text: String| facts.push(Fact::Is("", text, Tone::Dim));
                say(texts::accounts::requests_with_fees(*requests, look.in_full(*fees)));
                say(texts::accounts::owed(look.in_full(*owed)));
                say(texts::accounts::settled(look.in_full(*settled)));
                say(texts::accounts::promised(look.in_full(*promised)));
                if let Some(stated) = stated {
                    say(texts::accounts::stated(look.in_full(*stated)));
                }
                for (word, sum) in [("disputed", disputed), ("reserved", held)] {
                    if !sum.is_zero() {
                        say(format!("{word} {}", look.in_full(*sum)));
                    }
                }
                facts
            }
        }
    }

    pub fn draw_detail(&self, buffer: &mut Buffer, area: Rect, shared: &Shared) {
        let look = &shared.look;
        let facts = self.facts(shared);
        let (text, chart) = split(&facts, area);
        facts::draw(buffer, text, &facts, self.pane.top(), look);
        let Some(chart) = chart else { return };
        draw::heading(buffer, chart, 0, texts::accounts::SPENT_BY_DAY, look);
        let plot = Rect { y: chart.y + 1, height: chart.height.saturating_sub(1), ..chart };
        if look.masked {
            draw::put(buffer, plot, 0, 0, MASK, look.style(Tone::Dim));
            return;
        }
        let Some(row) = self.table.selected() else { return };
        let days = self.spent_by_day(row.account.provider, shared);
        let peak = days.iter().filter_map(|day| day.amounts.as_ref()).flatten().copied().max().unwrap_or(0);
        let scale = look.unit.scale(Neuron::new(peak));
        let write = |amount| scale.write(Neuron::new(amount));
        chart::days(buffer, plot, &days, &["fees"], write, look);
    }

    fn spent_by_day(&self, provider: Address, shared: &Shared) -> Vec<Day> {
        let today = shared.now().day();
        let spent = self.figures.days.get(&provider).map_or(&[][..], Vec::as_slice);
        let known = self.figures.from > 0;
        (today.saturating_sub(DAYS - 1)..=today)
            .map(|day| {
                let of_day = spent.iter().filter(|one| one.day == day);
                let fee = of_day.fold(Neuron::ZERO, |sum, one| sum.saturating_add(one.spent.fee.total()));
                let start = crate::domain::Timestamp::from_seconds(day.saturating_mul(86_400));
                let label = moment::in_full(start).get(5..10).unwrap_or_default().to_owned();
                Day { label, amounts: known.then(|| vec![fee.get()]) }
            })
            .collect()
    }
}

/// Who may sign for the account.
fn key(account: &AccountView, look: &Look) -> Fact {
    match (account.can_sign, account.delegate) {
        (true, Some(delegate)) => {
            is(texts::labels::KEY, texts::accounts::delegate_signs(look.address(delegate)))
        }
        (true, None) => is(texts::labels::KEY, texts::accounts::WALLET_SIGNS),
        (false, delegate) => {
            let who = delegate.map_or("nobody".to_owned(), |delegate| look.address(delegate));
            let text = texts::accounts::other_key_signs(&who);
            Fact::Is(texts::labels::KEY, text, Tone::Bad)
        }
    }
}

/// The chart stands under the facts where all of them are in sight.
fn split(facts: &[Fact], area: Rect) -> (Rect, Option<Rect>) {
    let text = Rect { height: area.height.saturating_sub(CHART + 1), ..area };
    if area.height <= CHART || facts::furthest(facts, text) > 0 {
        return (area, None);
    }
    let chart = Rect { y: area.bottom().saturating_sub(CHART), height: CHART, ..area };
    (text, Some(chart))
}

pub fn furthest(facts: &[Fact], area: Rect) -> u16 {
    facts::furthest(facts, split(facts, area).0)
}

/// How long money lasts, in words.
pub fn lasts(runway: &Runway, look: &Look) -> String {
    match (runway.days, runway.answers) {
        (Some(days), Some(answers)) => texts::accounts::lasts(days, look.amount(runway.per_day), answers),
        _ => texts::shared::LASTS_UNKNOWN.to_owned(),
    }
}
