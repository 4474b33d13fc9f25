//! Settlements: what the next one would bring and why the engine waits or settles; what past ones paid.

use std::cmp::Ordering;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::detail::{Fact, is};
use super::model::Model;
use crate::domain::{Neuron, OperationId, OperationState};
use crate::tui::kit::amount::grouped;
use crate::tui::kit::draw;
use crate::tui::kit::filter::{Field, FieldValue};
use crate::tui::kit::look::{Look, shorten};
use crate::tui::kit::moment;
use crate::tui::kit::table::{Cell, Column, Row};
use crate::tui::texts;
use crate::tui::theme::Tone;
use crate::wire::admin::{ForecastItem, ReasonItem, SettlementItem};

pub const TIME: usize = 0;
const STATE: usize = 1;
const ROWS: usize = 2;
const PAID: usize = 3;
const GAS: usize = 4;
const WHY: usize = 5;
const HASH: usize = 6;

impl Row for SettlementItem {
    type Key = OperationId;
    const FIELDS: &'static [Field] =
        &[Field::text("state"), Field::amount("paid"), Field::amount("gas"), Field::number("users")];
    const COLUMNS: &'static [Column] = &[
        Column { title: texts::labels::TIME, right: true, rank: 0, largest_first: true },
        Column { title: texts::labels::STATE, right: false, rank: 1, largest_first: false },
        Column { title: texts::labels::USERS, right: true, rank: 4, largest_first: true },
        Column { title: texts::labels::PAID, right: true, rank: 2, largest_first: true },
        Column { title: texts::labels::GAS, right: true, rank: 3, largest_first: true },
        Column { title: texts::labels::WHY, right: false, rank: 5, largest_first: false },
        Column { title: texts::labels::TRANSACTION, right: false, rank: 6, largest_first: false },
    ];

    fn key(&self) -> OperationId {
        self.operation.operation_id
    }

    fn field(&self, name: &str) -> Option<FieldValue<'_>> {
        Some(match name {
            "state" => FieldValue::Text(self.operation.state.as_str().into()),
            "paid" => FieldValue::Amount(self.paid),
            "gas" => FieldValue::Amount(self.gas_cost),
            "users" => FieldValue::Number(self.rows.len().try_into().unwrap_or(u128::MAX)),
            _ => return None,
        })
    }

    fn cell(&self, column: usize, look: &Look) -> Cell {
        let (tone, text) = match column {
            TIME => (Tone::Dim, look.time(self.operation.created_at)),
            STATE => state(&self.operation.state),
            ROWS => (Tone::Plain, grouped(u128::try_from(self.rows.len()).unwrap_or_default())),
            WHY => (Tone::Plain, self.reasons.iter().map(|one| reason(one)).collect::<Vec<_>>().join(", ")),
            HASH => {
                let hash = self.operation.transaction_hash;
                (Tone::Dim, hash.map_or("-".to_owned(), |hash| shorten(&hash.to_string(), 10, 4)))
            }
            GAS => return Cell::Amount(self.amount(GAS), Tone::Plain),
            _ => {
                let paid =
                    Some(self.paid).filter(|_| self.operation.state.parse() == Ok(OperationState::Mined));
                return Cell::Amount(paid, Tone::Good);
            }
        };
        Cell::Text(text, tone)
    }

    fn compare(&self, other: &Self, column: usize) -> Ordering {
        match column {
            STATE => self.operation.state.cmp(&other.operation.state),
            ROWS => self.rows.len().cmp(&other.rows.len()),
            PAID => self.paid.cmp(&other.paid),
            GAS => self.gas_cost.cmp(&other.gas_cost),
            WHY => self.reasons.cmp(&other.reasons),
            HASH => self.operation.transaction_hash.cmp(&other.operation.transaction_hash),
            _ => Ordering::Equal,
        }
        .then(self.operation.created_at.cmp(&other.operation.created_at))
    }

    fn words(&self) -> String {
        let hash = self.operation.transaction_hash.map(|hash| hash.to_string()).unwrap_or_default();
        let users: Vec<String> = self.rows.iter().map(|row| row.user.to_string()).collect();
        format!("{} {} {hash} {}", self.operation.state, self.reasons.join(" "), users.join(" "))
    }

    fn amount(&self, column: usize) -> Option<Neuron> {
        match column {
            PAID => Some(self.paid),
            GAS => Some(self.gas_cost),
            _ => None,
        }
    }
}

fn state(state: &str) -> (Tone, String) {
    let (tone, sign) = match state.parse() {
        Ok(OperationState::Mined) => (Tone::Good, "✓"),
        Ok(OperationState::Sent | OperationState::Prepared) => (Tone::Pending, "…"),
        Ok(OperationState::Reverted | OperationState::Refused) => (Tone::Bad, "✗"),
        Ok(OperationState::Unknown) => (Tone::Warn, "?"),
        // A newer broker may know more states.
        Err(_) => (Tone::Plain, "·"),
    };
    (tone, format!("{sign} {state}"))
}

/// A reason of the engine in few words.
pub fn reason(reason: &str) -> String {
    match reason {
        "asked" => texts::console_money::WHY_ASKED.to_owned(),
        "refund_deadline" => texts::console_money::WHY_REFUND.to_owned(),
        "delegate_change" => texts::console_money::WHY_DELEGATE.to_owned(),
        "balance_low" => texts::console_money::WHY_BALANCE.to_owned(),
        "risk_limit" => texts::console_money::WHY_RISK.to_owned(),
        "worth_its_gas" => texts::console_money::WHY_GAS.to_owned(),
        "oldest_debt" => texts::console_money::WHY_OLDEST.to_owned(),
        other => other.replace('_', " "),
    }
}

/// The engine's verdict: a sign, a word, and the broker's sentence where it gives one.
pub fn verdict(forecast: &ForecastItem) -> (Tone, String) {
    let (tone, words) = match forecast.verdict.as_str() {
        "settle" => (Tone::Good, texts::console_money::IT_SETTLES),
        "wait" => (Tone::Plain, texts::console_money::IT_WAITS),
        "nothing_to_claim" => (Tone::Dim, texts::console_money::NOTHING_TO_CLAIM),
        "costs_more_than_it_brings" => (Tone::Dim, texts::console_money::COSTS_MORE),
        "busy" => (Tone::Pending, texts::console_money::SETTLEMENT_UNDER_WAY),
        "failed" => (Tone::Bad, texts::console_money::LAST_FAILED),
        other => (Tone::Plain, other),
    };
    let text = if forecast.text.is_empty() { words.to_owned() } else { forecast.text.clone() };
    (tone, text)
}

/// A reason with its sentence.
pub fn because(reason_item: &ReasonItem, look: &Look) -> String {
    if look.masked || reason_item.text.is_empty() {
        return reason(&reason_item.reason);
    }
    reason_item.text.clone()
}

/// What comes next, in a few rows. Gives how many were drawn.
pub fn next(buffer: &mut Buffer, area: Rect, forecast: &ForecastItem, look: &Look) -> u16 {
    let (tone, text) = verdict(forecast);
    let text = if look.masked { forecast.verdict.replace('_', " ") } else { text };
    let mut y = draw::wrap(&text, area.width).into_iter().take(2).zip(0..).fold(0, |_, (row, y)| {
        draw::put(buffer, area, 0, y, &row, look.style(tone));
        y + 1
    });
    let label = |buffer: &mut Buffer, y: u16, label: &str, text: &str, tone: Tone| {
        draw::put(buffer, area, 0, y, label, look.style(Tone::Dim));
        draw::put(buffer, area, 10, y, text, look.style(tone));
    };
    if forecast.rows.is_empty() {
        let worth = texts::console_money::worth_from(look.amount(forecast.worth_from));
        draw::put(buffer, area, 0, y, &worth, look.style(Tone::Dim));
        y += 1;
    } else {
        y = brings(buffer, area, y, forecast, look);
    }
    if let Some(at) = forecast.next_deadline {
        let wait = match look.until(at).as_str() {
            "due" => texts::shared::DUE_NOW.to_owned(),
            wait if look.clock => texts::console_money::at_utc(moment::clock(look.now, at) + " in " + wait),
            wait => texts::console_money::due_in(wait),
        };
        let why =
            forecast.next_reason.as_ref().map(|why| format!(": {}", because(why, look))).unwrap_or_default();
        label(buffer, y, "deadline", &format!("{wait}{why}"), Tone::Warn);
        y += 1;
    }
    if !forecast.left_out.is_empty() {
        let text = format!(
            "{}: {}",
            texts::numbers::users(forecast.left_out_in_all.max(forecast.left_out.len())),
            left_out(forecast)
        );
        label(buffer, y, texts::console_money::COLUMN_LEFT_OUT, &text, Tone::Plain);
        y += 1;
    }
    y
}

/// Gives the row after it.
fn brings(buffer: &mut Buffer, area: Rect, y: u16, forecast: &ForecastItem, look: &Look) -> u16 {
    let users = texts::numbers::users(forecast.rows_in_all.max(forecast.rows.len()));
    let brings = texts::console_money::from_users(look.amount(forecast.brings), &users);
    let costs =
        texts::console_money::gas_and_worth(look.amount(forecast.costs), look.amount(forecast.worth_from));
    for (y, label, text) in [(y, "brings", brings), (y + 1, "costs", costs)] {
        draw::put(buffer, area, 0, y, label, look.style(Tone::Dim));
        draw::put(buffer, area, 10, y, &text, look.style(Tone::Plain));
    }
    y + 2
}

fn left_out(forecast: &ForecastItem) -> String {
    let mut reasons: Vec<String> = forecast.left_out.iter().map(|one| why_left_out(&one.reason)).collect();
    reasons.sort();
    reasons.dedup();
    reasons.join(", ")
}

pub fn why_left_out(reason: &str) -> String {
    reason.replace('_', " ")
}

/// Forecast, above the table.
pub fn draw_forecast(model: &Model, buffer: &mut Buffer, area: Rect) {
    let look = &model.look;
    draw::heading(buffer, area, 0, texts::console::NEXT_SETTLEMENT, look);
    let inside = Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area };
    match &model.forecast {
        Some(forecast) => {
            next(buffer, inside, forecast, look);
        }
        None => {
            draw::put(buffer, inside, 0, 0, texts::console_money::BROKER_HAS_NOT_SAID, look.style(Tone::Dim));
        }
    }
}

/// What the engine decided, newest first, under the table.
pub fn draw_decisions(model: &Model, buffer: &mut Buffer, area: Rect) {
    let look = &model.look;
    draw::heading(buffer, area, 0, texts::console_money::DECISIONS, look);
    if model.decisions.is_empty() {
        draw::put(buffer, area, 0, 1, texts::console_money::NO_DECISIONS, look.style(Tone::Dim));
    }
    for (y, decision) in (1..area.height).zip(model.decisions.iter().rev()) {
        let x = draw::put(
            buffer,
            area,
            0,
            y,
            &format!("{:>9}", look.time(decision.until)),
            look.style(Tone::Dim),
        );
        let (tone, word) = match decision.verdict.as_str() {
            "settle" => (Tone::Good, "✓ settle"),
            "failed" => (Tone::Bad, "✗ failed"),
            "wait" => (Tone::Plain, "· wait"),
            other => (Tone::Dim, other),
        };
        let x = draw::put(buffer, area, x + 2, y, &word.replace('_', " "), look.style(tone));
        let mut why: Vec<String> = decision.why.iter().map(|one| because(one, look)).collect();
        if why.is_empty() && !look.masked {
            why = vec![decision.text.clone()];
        }
        if decision.rows > 0 {
            why.push(texts::console_money::from_users(
                look.amount(decision.brings),
                texts::numbers::users(decision.rows),
            ));
        }
        draw::put(buffer, area, x + 2, y, &why.join("; "), look.style(Tone::Dim));
    }
}

pub fn facts(one: &SettlementItem, look: &Look) -> Vec<Fact> {
    let operation = &one.operation;
    let (tone, word) = state(&operation.state);
    let failed = matches!(operation.state.parse(), Ok(OperationState::Reverted | OperationState::Refused));
    let mut facts = vec![
        Fact::Head(texts::labels::SETTLEMENT.to_owned()),
        Fact::Is(texts::labels::STATE, word, tone),
        is(texts::labels::PAID, if failed { "nothing".to_owned() } else { look.in_full(one.paid) }),
        is(texts::labels::GAS, look.in_full(one.gas_cost)),
        is(
            "",
            texts::console_money::gas_at(
                grouped(operation.gas_used.into()),
                grouped(operation.gas_price.get()),
            ),
        ),
        is(texts::labels::WHY, one.reasons.iter().map(|one| reason(one)).collect::<Vec<_>>().join(", ")),
        is(texts::labels::BEGUN, look.time_in_full(operation.created_at)),
        is(texts::labels::BLOCK, operation.block.map_or("-".to_owned(), |block| grouped(block.into()))),
        is(
            texts::labels::TRANSACTION,
            operation.transaction_hash.map_or("-".to_owned(), |hash| hash.to_string()),
        ),
    ];
    if let Some(url) = &operation.transaction_url {
        facts.push(Fact::Is(texts::labels::EXPLORER, url.clone(), Tone::Accent));
    }
    if let Some(reason) = &operation.reason {
        facts.push(Fact::Is(texts::labels::REASON, reason.clone(), Tone::Bad));
    }
    facts.push(is(texts::labels::OPERATION, operation.operation_id.to_string()));
    facts.extend([Fact::Gap, Fact::Head(texts::console_money::rows(texts::numbers::users(one.rows.len())))]);
    for row in &one.rows {
        facts.push(Fact::Note(look.address(row.user), Tone::Plain));
        let (paid, tone) = match row.paid {
            Some(paid) if paid.is_zero() => (texts::console_money::NOTHING_LEFT_OUT.to_owned(), Tone::Warn),
            Some(paid) => (look.in_full(paid), Tone::Plain),
            None if failed => ("nothing".to_owned(), Tone::Dim),
            None => (texts::shared::NOT_KNOWN_YET.to_owned(), Tone::Pending),
        };
        facts.push(Fact::Is("  paid", paid, tone));
        facts.push(is(texts::console_money::CLAIM_IN_ALL, look.in_full(row.claim)));
    }
    facts
}
