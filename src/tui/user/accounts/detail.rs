//! One account in full: every figure with what it means.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::row::{AccountRow, at_risk, day};
use super::{Accounts, Books};
use crate::broker::user::{CapUse, Reconciliation, ReconciliationVerdict, Runway};
use crate::domain::{Address, Neuron};
use crate::tui::kit::amount::grouped;
use crate::tui::kit::chart::{self, Day};
use crate::tui::kit::facts::{self, Fact, is};
use crate::tui::kit::look::{Look, MASK};
use crate::tui::kit::{draw, moment};
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
        let AccountRow { account, alias, used } = row;
        let look = &shared.look;
        let amount = |label, amount, says: &str| -> [Fact; 1] {
            [Fact::Is(label, format!("{}: {says}", look.in_full(amount)), Tone::Plain)]
        };
        let mut facts = vec![is("Provider", look.address(account.provider))];
        if let Some(alias) = alias {
            facts.push(is("Name", format!("@{alias}, given by you")));
        }
        facts.extend(amount("Spendable", account.available, "what new requests may use"));
        facts.extend(amount(
            "Balance",
            account.balance,
            "the deposit left on the chain, a refund under way included",
        ));
        facts.extend(amount("Owed", account.owed, "fees of all answers ever"));
        facts.extend(amount("Held", account.reserved, "highest fees of requests under way"));
        facts.extend(amount(
            "Promised",
            account.promised,
            "the highest voucher signed; so much may be taken in all",
        ));
        let risk = at_risk(account);
        let says = format!("{}: promised beyond what is owed", look.in_full(risk));
        facts.push(Fact::Is("At risk", says, if risk.is_zero() { Tone::Plain } else { Tone::Warn }));
        facts.extend(amount("Settled", account.settled, "what the provider has taken on the chain"));
        facts.extend(amount("Free", account.free(), "could be asked back now (W)"));
        match account.refund {
            Some(refund) if row.due(shared.now()) => {
                let text = format!("{}: due; it can be taken (screen 6, P)", look.in_full(refund.amount));
                facts.push(Fact::Is("Refund", text, Tone::Good));
            }
            Some(refund) => {
                let left = moment::until(shared.now(), refund.unlock_at);
                let at = moment::in_full(refund.unlock_at);
                let text = format!("{}: locked until {at}, {left} left", look.in_full(refund.amount));
                facts.push(Fact::Is("Refund", text, Tone::Pending));
            }
            None => facts.push(Fact::Is("Refund", "none is under way".to_owned(), Tone::Dim)),
        }
        facts.push(match (account.can_sign, account.delegate) {
            (true, Some(delegate)) => {
                is("Key", format!("{}: a delegate key; it signs here", look.address(delegate)))
            }
            (true, None) => is("Key", "the wallet itself signs"),
            (false, delegate) => {
                let who = delegate.map_or("nobody".to_owned(), |delegate| look.address(delegate));
                let text = format!(
                    "{who} may sign, and that key is not here: requests cannot be paid; K takes over"
                );
                Fact::Is("Key", text, Tone::Bad)
            }
        });
        let last = match used {
            Some(used) => day(*used, shared.now()),
            None => "not in the last 30 days".to_owned(),
        };
        facts.push(is("Used", last));
        let runway = self.runway.as_ref().filter(|(provider, _)| *provider == account.provider);
        facts.push(is("Lasts", runway.map_or("…".to_owned(), |(_, runway)| lasts(runway, look))));
        let own = |one: &&CapUse| one.provider == Some(account.provider);
        if let Some(cap) = self.figures.caps.iter().find(own) {
            let (used, limit) = (look.amount(cap.used), look.amount(cap.limit));
            facts.push(is("Cap", format!("{used} promised of {limit} allowed with one provider")));
        }
        facts.extend(self.books(account.provider, look));
        facts
    }

    fn books(&self, provider: Address, look: &Look) -> Vec<Fact> {
        let head = |text: String, tone| vec![Fact::Is("Books", text, tone)];
        match self.books.as_ref().filter(|(known, _)| *known == provider) {
            None => head("v holds them against what was taken on the chain".to_owned(), Tone::Dim),
            Some((_, Books::Asked)) => head("… are held against the chain".to_owned(), Tone::Pending),
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
                say(format!("{} requests with fees of {}", grouped((*requests).into()), look.in_full(*fees)));
                say(format!("owed {}", look.in_full(*owed)));
                say(format!("taken on the chain {}", look.in_full(*settled)));
                say(format!("promised {}", look.in_full(*promised)));
                if let Some(stated) = stated {
                    say(format!("stated by the provider's receipts {}", look.in_full(*stated)));
                }
                for (word, sum) in [("disputed", disputed), ("held", held)] {
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
        facts::draw(buffer, text, &facts, self.top, look);
        let Some(chart) = chart else { return };
        draw::heading(buffer, chart, 0, "Spent by day", look);
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
        (Some(days), Some(answers)) => format!(
            "about {} days at this week's pace of {} a day, or {} answers like these",
            grouped(days.into()),
            look.amount(runway.per_day),
            grouped(answers.into())
        ),
        _ => "not known: nothing was spent this week".to_owned(),
    }
}
