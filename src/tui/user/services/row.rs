//! A service as a row: what the chain lists, and what is known of it here.

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use crate::broker::user::{Measured, PriceChange, Probe, ProbeOutcome};
use crate::domain::{Neuron, Service, Timestamp};
use crate::tui::kit::amount::{Scale, Unit};
use crate::tui::kit::filter::{Field, FieldValue};
use crate::tui::kit::look::{Look, MASK};
use crate::tui::kit::table::{Cell, Column, Row, beginning};
use crate::tui::texts;
use crate::tui::theme::Tone;

pub const SERVICE: usize = 0;
const INPUT: usize = 1;
const OUTPUT: usize = 2;
const HERE: usize = 3;
const MODEL: usize = 4;
const PROVIDER: usize = 5;
const AVAILABLE: usize = 6;
const TYPE: usize = 7;
const ANSWERED: usize = 8;

/// Units of the prices that people compare with those of other offers.
pub const MILLION: u128 = 1_000_000;
/// Decimals of A0GI in a column of prices of a million.
const DECIMALS: usize = 9;

/// Names a service, whichever version of it is listed.
#[derive(Clone, Debug)]
pub struct Key(pub Arc<Service>);

impl PartialEq for Key {
    fn eq(&self, other: &Key) -> bool {
        self.0.provider == other.0.provider && self.0.name == other.0.name
    }
}

impl Eq for Key {}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.provider.hash(state);
        self.0.name.hash(state);
    }
}

/// What was found out about a service from here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// A look at it is under way.
    pub asking: bool,
    /// When it was asked last.
    pub asked_at: Option<Timestamp>,
    pub probe: Option<Result<Probe, String>>,
    pub measured: Option<Measured>,
    pub change: Option<PriceChange>,
}

/// A service with what is known of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    pub service: Arc<Service>,
    pub alias: Option<String>,
    /// What new requests may use with this provider; `None` without an account.
    pub available: Option<Neuron>,
    pub known: Known,
}

/// How a service answered the last look, in order of what people want.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Reach {
    There(u64),
    Paused,
    Disagrees,
    Silent,
    NotAsked,
}

impl Offer {
    pub fn new(service: Arc<Service>) -> Offer {
        Offer { service, alias: None, available: None, known: Known::default() }
    }

    fn reach(&self) -> Reach {
        match &self.known.probe {
            None => Reach::NotAsked,
            Some(Err(_)) => Reach::Silent,
            Some(Ok(probe)) => match &probe.outcome {
                ProbeOutcome::Reachable { paused: true, .. } => Reach::Paused,
                ProbeOutcome::Reachable { .. } => Reach::There(milliseconds(probe)),
                ProbeOutcome::Disagrees(_) => Reach::Disagrees,
                ProbeOutcome::Unreachable(_) => Reach::Silent,
            },
        }
    }

    /// `✓ 12 ms`, `✗ silent`, `…`.
    pub fn here(&self) -> (String, Tone) {
        let (text, tone) = match self.reach() {
            Reach::There(latency) => (texts::services::works(latency), Tone::Good),
            Reach::Paused => ("‖ paused".to_owned(), Tone::Warn),
            Reach::Disagrees => ("≠ differs".to_owned(), Tone::Warn),
            Reach::Silent => ("✗ silent".to_owned(), Tone::Bad),
            Reach::NotAsked => ("-".to_owned(), Tone::Dim),
        };
        if self.known.asking { ("…".to_owned(), Tone::Pending) } else { (text, tone) }
    }

    /// Milliseconds from the question to the answer, where there was a good one.
    pub fn latency(&self) -> Option<u64> {
        match self.reach() {
            Reach::There(latency) => Some(latency),
            _ => None,
        }
    }

    /// Whether a price is above the one that was paid last.
    pub fn rose(&self) -> bool {
        self.known.change.as_ref().is_some_and(PriceChange::rose)
    }

    /// `98 % of 41`.
    pub fn answered(&self) -> Option<String> {
        let measured = self.known.measured.as_ref()?;
        let share = measured.success_basis_points()? / 100;
        Some(texts::services::answered_of_last(share, measured.requests))
    }

    pub fn success(&self) -> Option<u32> {
        self.known.measured.as_ref().and_then(Measured::success_basis_points)
    }

    pub fn provider(&self, look: &Look) -> String {
        match &self.alias {
            Some(alias) => format!("@{alias}"),
            None => look.short(self.service.provider),
        }
    }

    /// What one of so many units costs, as the columns write it.
    fn price(&self, price: Neuron, look: &Look) -> Cell {
        let rises = if self.rose() { "▲ " } else { "" };
        let tone = if self.rose() {
            Tone::Warn
        } else if price.is_zero() {
            Tone::Dim
        } else {
            Tone::Plain
        };
        Cell::Text(format!("{rises}{}", price_text(price, look)), tone)
    }
}

fn milliseconds(probe: &Probe) -> u64 {
    u64::try_from(probe.latency.as_millis()).unwrap_or(u64::MAX)
}

/// A price as columns write it: of one unit in neuron or, with every digit, in A0GI; of a million in A0GI.
pub fn price_text(price: Neuron, look: &Look) -> String {
    if look.masked {
        return MASK.to_owned();
    }
    let scale = match (look.million, look.unit) {
        (false, Unit::A0gi) => return price.to_a0gi(),
        (_, Unit::Neuron) | (false, Unit::Auto) => Scale::Neuron,
        (true, Unit::Auto) => Scale::A0gi(DECIMALS),
        (true, Unit::A0gi) => Scale::A0gi(18),
    };
    let times = if look.million { MILLION } else { 1 };
    price.checked_mul(times).map_or_else(|| "-".to_owned(), |price| scale.write(price).trim_end().to_owned())
}

/// What the columns of prices are in: `neuron a unit`, `A0GI a million units`.
pub fn prices_in_words(look: &Look) -> &'static str {
    match (look.million, look.unit) {
        (false, Unit::A0gi) => texts::services::PRICES_A0GI_UNIT,
        (false, _) => texts::services::PRICES_NEURON_UNIT,
        (true, Unit::Neuron) => texts::services::PRICES_NEURON_MILLION,
        (true, _) => texts::services::PRICES_A0GI_MILLION,
    }
}

impl Row for Offer {
    type Key = Key;
    const FIELDS: &'static [Field] = &[
        Field::text("type"),
        Field::text("model"),
        Field::text("provider"),
        Field::text("name"),
        Field::text("state"),
        Field::amount("price"),
        Field::amount("input"),
        Field::amount("output"),
        Field::wait("latency"),
        Field::amount("spendable"),
        Field::number("success"),
    ];
    const COLUMNS: &'static [Column] = &[
        Column { title: texts::labels::SERVICE, right: false, rank: 0, largest_first: false },
        Column { title: texts::labels::INPUT, right: true, rank: 1, largest_first: false },
        Column { title: texts::labels::OUTPUT, right: true, rank: 2, largest_first: false },
        Column { title: texts::labels::HERE, right: false, rank: 3, largest_first: false },
        Column { title: texts::labels::MODEL, right: false, rank: 5, largest_first: false },
        Column { title: texts::labels::PROVIDER, right: false, rank: 4, largest_first: false },
        Column { title: texts::labels::SPENDABLE, right: true, rank: 6, largest_first: true },
        Column { title: texts::labels::TYPE, right: false, rank: 7, largest_first: false },
        Column { title: texts::labels::ANSWERED, right: true, rank: 8, largest_first: true },
    ];

    fn key(&self) -> Key {
        Key(Arc::clone(&self.service))
    }

    fn cell(&self, column: usize, look: &Look) -> Cell {
        let service = &self.service;
        match column {
            SERVICE => Cell::Text(service.name.to_string(), Tone::Plain),
            INPUT => self.price(service.prices.input, look),
            OUTPUT => self.price(service.prices.output, look),
            HERE => {
                let (text, tone) = self.here();
                Cell::Text(text, tone)
            }
            MODEL if service.model.is_empty() => Cell::Text("-".to_owned(), Tone::Dim),
            MODEL => Cell::Text(service.model.clone(), Tone::Plain),
            PROVIDER => Cell::Text(self.provider(look), Tone::Plain),
            TYPE => Cell::Text(service.kind.as_str().to_owned(), Tone::Dim),
            ANSWERED => match self.answered() {
                Some(text) => Cell::Text(text, Tone::Plain),
                None => Cell::Text("-".to_owned(), Tone::Dim),
            },
            _ => Cell::Amount(self.available, Tone::Plain),
        }
    }

    fn compare(&self, other: &Self, column: usize) -> Ordering {
        let (one, two) = (&self.service, &other.service);
        match column {
            INPUT => one.prices.input.cmp(&two.prices.input),
            OUTPUT => one.prices.output.cmp(&two.prices.output),
            HERE => self.reach().cmp(&other.reach()),
            MODEL => one.model.cmp(&two.model),
            AVAILABLE => self.available.cmp(&other.available),
            TYPE => one.kind.cmp(&two.kind),
            ANSWERED => self.success().cmp(&other.success()),
            PROVIDER => self.alias.is_none().cmp(&other.alias.is_none()).then(self.alias.cmp(&other.alias)),
            _ => Ordering::Equal,
        }
        .then_with(|| one.name.as_str().cmp(two.name.as_str()))
        .then_with(|| one.provider.cmp(&two.provider))
    }

    fn order(&self, column: usize) -> u128 {
        let service = &self.service;
        match column {
            SERVICE => beginning(service.name.as_str()),
            INPUT => service.prices.input.get(),
            OUTPUT => service.prices.output.get(),
            MODEL => beginning(&service.model),
            AVAILABLE => self.available.map_or(0, |amount| amount.get().saturating_add(1)),
            // Few different values: they are compared.
            _ => 0,
        }
    }

    fn words(&self) -> String {
        let service = &self.service;
        let alias = self.alias.as_deref().unwrap_or_default();
        format!("{} {} {} {alias} {:#x}", service.name, service.kind, service.model, service.provider)
    }

    fn amount(&self, column: usize) -> Option<Neuron> {
        // Prices are written in a unit of their own.
        if column == AVAILABLE { self.available } else { None }
    }

    fn field(&self, name: &str) -> Option<FieldValue<'_>> {
        let service = &self.service;
        Some(match name {
            "type" => FieldValue::Text(service.kind.as_str().into()),
            "model" => FieldValue::Text(service.model.as_str().into()),
            "name" => FieldValue::Text(service.name.as_str().into()),
            "provider" => FieldValue::Text(match &self.alias {
                Some(alias) => format!("{:#x} @{alias}", service.provider).into(),
                None => format!("{:#x}", service.provider).into(),
            }),
            "state" => FieldValue::Text(
                match self.reach() {
                    Reach::There(_) => "reachable",
                    Reach::Paused => "paused",
                    Reach::Disagrees => "differs",
                    Reach::Silent => "silent",
                    Reach::NotAsked => "unknown",
                }
                .into(),
            ),
            "price" => FieldValue::Amount(service.prices.input.max(service.prices.output)),
            "input" => FieldValue::Amount(service.prices.input),
            "output" => FieldValue::Amount(service.prices.output),
            "latency" => FieldValue::Wait(self.latency()?),
            "spendable" => FieldValue::Amount(self.available?),
            "success" => FieldValue::Number((self.success()? / 100).into()),
            _ => return None,
        })
    }

    fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.service, &other.service)
            && self.available == other.available
            && self.alias == other.alias
            && self.known == other.known
    }
}

/// `llama7b @ ghost`, for captions.
pub fn name(offer: &Offer, look: &Look) -> String {
    format!("{} @ {}", offer.service.name, offer.provider(look).trim_start_matches('@'))
}
