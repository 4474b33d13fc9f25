//! Services: what is on offer, whether the chain lists the same, and how the server behind it does.

use std::cmp::Ordering;

use super::detail::{Fact, is};
use crate::domain::{Neuron, ServiceKind, ServiceName};
use crate::tui::kit::amount::grouped;
use crate::tui::kit::filter::{Field, FieldValue};
use crate::tui::kit::look::Look;
use crate::tui::kit::table::{Cell, Column, Row};
use crate::tui::texts;
use crate::tui::theme::Tone;
use crate::wire::admin::{ListedItem, ServiceItem};

pub const NAME: usize = 0;
const STATE: usize = 1;
const SERVER: usize = 2;
const INPUT: usize = 3;
const OUTPUT: usize = 4;
const LIVE: usize = 5;
const CHAIN: usize = 6;
const TYPE: usize = 7;
const MODEL: usize = 8;

impl Row for ServiceItem {
    type Key = ServiceName;
    const FIELDS: &'static [Field] = &[
        Field::text("name"),
        Field::text("type"),
        Field::text("model"),
        Field::text("state"),
        Field::text("server"),
        Field::amount("input"),
        Field::amount("output"),
        Field::wait("latency"),
        Field::number("live"),
    ];
    const PRICES: bool = true;
    const COLUMNS: &'static [Column] = &[
        Column { title: texts::labels::NAME, right: false, rank: 0, largest_first: false },
        Column { title: texts::labels::STATE, right: false, rank: 1, largest_first: false },
        Column { title: texts::labels::SERVER, right: false, rank: 2, largest_first: false },
        Column { title: texts::labels::INPUT, right: true, rank: 4, largest_first: true },
        Column { title: texts::labels::OUTPUT, right: true, rank: 5, largest_first: true },
        Column { title: texts::labels::LIVE, right: true, rank: 6, largest_first: true },
        Column { title: texts::labels::CHAIN, right: false, rank: 3, largest_first: true },
        Column { title: texts::labels::TYPE, right: false, rank: 7, largest_first: false },
        Column { title: texts::labels::MODEL, right: false, rank: 8, largest_first: false },
    ];

    fn key(&self) -> ServiceName {
        self.name.clone()
    }

    fn field(&self, name: &str) -> Option<FieldValue<'_>> {
        Some(match name {
            "name" => FieldValue::Text(self.name.as_str().into()),
            "type" => FieldValue::Text(self.kind.as_str().into()),
            "model" => FieldValue::Text(self.model.as_str().into()),
            "state" => FieldValue::Text(state(self).1.into()),
            "server" => FieldValue::Text(self.health.state.as_str().into()),
            "input" => FieldValue::Amount(self.input_price),
            "output" => FieldValue::Amount(self.output_price),
            "latency" => FieldValue::Wait(self.health.latency?),
            "live" => FieldValue::Number(self.in_flight.try_into().unwrap_or(u128::MAX)),
            _ => return None,
        })
    }

    fn cell(&self, column: usize, _look: &Look) -> Cell {
        let (tone, text) = match column {
            NAME => (Tone::Plain, self.name.to_string()),
            STATE => state(self),
            SERVER => server(self),
            LIVE if self.in_flight == 0 => (Tone::Dim, "0".to_owned()),
            LIVE => (Tone::Pending, self.in_flight.to_string()),
            CHAIN => chain(self),
            TYPE => (Tone::Plain, self.kind.clone()),
            MODEL if self.model.is_empty() => (Tone::Dim, "-".to_owned()),
            MODEL => (Tone::Plain, self.model.clone()),
            _ => return Cell::Amount(self.amount(column), Tone::Plain),
        };
        Cell::Text(text, tone)
    }

    fn compare(&self, other: &Self, column: usize) -> Ordering {
        match column {
            STATE => state(self).1.cmp(&state(other).1),
            SERVER => self.health.state.cmp(&other.health.state),
            LIVE => self.in_flight.cmp(&other.in_flight),
            CHAIN => self.differs.len().cmp(&other.differs.len()),
            TYPE => self.kind.cmp(&other.kind),
            MODEL => self.model.cmp(&other.model),
            INPUT | OUTPUT => self.amount(column).cmp(&other.amount(column)),
            _ => Ordering::Equal,
        }
        .then_with(|| self.name.as_str().cmp(other.name.as_str()))
    }

    fn words(&self) -> String {
        format!("{} {} {} {} {}", self.name, self.kind, self.model, state(self).1, server(self).1)
    }

    fn amount(&self, column: usize) -> Option<Neuron> {
        match column {
            INPUT => Some(self.input_price),
            OUTPUT => Some(self.output_price),
            _ => None,
        }
    }
}

/// Whether users can buy it.
pub fn state(service: &ServiceItem) -> (Tone, String) {
    match (service.status.as_str(), service.paused) {
        ("removing", _) => (Tone::Pending, "… removing".to_owned()),
        ("pending", _) => (Tone::Pending, "… registering".to_owned()),
        (_, true) => (Tone::Warn, "‖ paused".to_owned()),
        ("listed", _) => (Tone::Good, texts::console_services::ON_OFFER.to_owned()),
        (other, _) => (Tone::Plain, other.to_owned()),
    }
}

/// How the server behind it does.
pub fn server(service: &ServiceItem) -> (Tone, String) {
    match service.health.state.as_str() {
        "ok" => {
            let latency = service.health.latency.map(texts::console_services::after).unwrap_or_default();
            (Tone::Good, texts::console_services::works(&latency))
        }
        "failing" => (Tone::Bad, "✗ failing".to_owned()),
        _ => (Tone::Dim, texts::console_services::NOT_LOOKED_AT.to_owned()),
    }
}

/// Whether the chain lists what is wanted.
fn chain(service: &ServiceItem) -> (Tone, String) {
    match (service.differs.len(), &service.listed, service.status.as_str()) {
        (0, None, "pending") => (Tone::Pending, texts::console_services::NOT_YET.to_owned()),
        (0, None, _) => (Tone::Dim, "-".to_owned()),
        (0, ..) => (Tone::Dim, "agrees".to_owned()),
        (1, ..) => (Tone::Warn, format!("≠ {}", field_words(&service.differs[0]))),
        (many, ..) => (Tone::Warn, texts::console_services::fields_differ(many)),
    }
}

/// A key of the API as people call it.
pub fn field_words(key: &str) -> String {
    match key {
        "InputPrice" => texts::console_services::FIELD_INPUT_PRICE.to_owned(),
        "OutputPrice" => texts::console_services::FIELD_OUTPUT_PRICE.to_owned(),
        "Model" => "model".to_owned(),
        "Type" => "type".to_owned(),
        other => other.to_owned(),
    }
}

/// What goes before a price: `100,000 neuron a token`.
fn price(service: &ServiceItem, price: Neuron, look: &Look) -> String {
    let unit = service.kind.parse().unwrap_or(ServiceKind::Chatbot).unit();
    format!("{} a {unit}", look.amount(price))
}

pub fn facts(service: &ServiceItem, look: &Look) -> Vec<Fact> {
    let (state_tone, state_word) = state(service);
    let (server_tone, server_word) = server(service);
    let mut facts = vec![
        Fact::Head(service.name.to_string()),
        Fact::Is(texts::labels::STATE, state_word, state_tone),
        is(texts::labels::TYPE, service.kind.clone()),
        is(texts::console_services::IN_FLIGHT, service.in_flight.to_string()),
        is(texts::labels::LIMITS, limits(service)),
        is(texts::labels::REGISTERED, look.time_in_full(service.created_at)),
        is(texts::labels::CHANGED, look.time_in_full(service.updated_at)),
        Fact::Gap,
        Fact::Head(texts::console_services::SERVER_BEHIND.to_owned()),
        is("URL", service.url.clone()),
        Fact::Is(texts::labels::HEALTH, server_word, server_tone),
    ];
    if let Some(reason) = &service.health.reason {
        facts.push(Fact::Is(texts::labels::WHY, reason.clone(), server_tone));
    }
    if let Some(since) = service.health.since {
        facts.push(is(texts::labels::SINCE, look.time_in_full(since)));
    }
    if let Some(at) = service.health.checked_at {
        facts.push(is(texts::console_services::LOOKED_AT, look.time_in_full(at)));
    }
    let headers = match service.upstream_headers.as_slice() {
        [] => "none".to_owned(),
        names => texts::console_services::secret_headers(names.join(", ")),
    };
    facts.extend([
        is(texts::console_services::HEADERS_SENT, headers),
        is(texts::labels::METER, service.meter.clone()),
        Fact::Gap,
    ]);
    facts.extend(beside(service, look));
    facts
}

fn limits(service: &ServiceItem) -> String {
    let one = |limit: Option<u64>, what: &str| limit.map(|limit| format!("{} {what}", grouped(limit.into())));
    let limits = [
        one(service.limits.max_in_flight, texts::console_services::LIMIT_IN_FLIGHT),
        one(service.limits.requests_per_minute, texts::console_services::LIMIT_A_MINUTE),
    ];
    let limits: Vec<String> = limits.into_iter().flatten().collect();
    if limits.is_empty() { "none".to_owned() } else { limits.join(", ") }
}

/// The database beside the chain; what differs is marked.
fn beside(service: &ServiceItem, look: &Look) -> Vec<Fact> {
    let Some(listed) = &service.listed else {
        return vec![
            Fact::Head(texts::console_services::ON_THE_CHAIN.to_owned()),
            if service.status == "listed" {
                Fact::Note(texts::console_services::CHAIN_NOT_TOLD.to_owned(), Tone::Dim)
            } else {
                Fact::Note(texts::console_services::CHAIN_LISTS_NOTHING.to_owned(), Tone::Warn)
            },
            is(texts::console_services::INPUT_PRICE, price(service, service.input_price, look)),
            is(texts::console_services::OUTPUT_PRICE, price(service, service.output_price, look)),
            is(texts::labels::MODEL, or_dash(&service.model)),
            is(texts::console_services::PUBLIC_URL, service.public_url.clone()),
        ];
    };
    let ListedItem { kind, url, model, input_price, output_price, version, .. } = listed;
    let pairs: [(&'static str, &str, String, String); 5] = [
        (
            texts::console_services::INPUT_PRICE,
            "InputPrice",
            price(service, service.input_price, look),
            price(service, *input_price, look),
        ),
        (
            texts::console_services::OUTPUT_PRICE,
            "OutputPrice",
            price(service, service.output_price, look),
            price(service, *output_price, look),
        ),
        ("Type", texts::labels::TYPE, service.kind.clone(), kind.clone()),
        ("Model", texts::labels::MODEL, or_dash(&service.model), or_dash(model)),
        (texts::console_services::PUBLIC_URL, "URL", service.public_url.clone(), url.clone()),
    ];
    let mut facts = vec![Fact::Head(texts::console_services::DATABASE_AND_CHAIN.to_owned())];
    for (label, key, wanted, found) in pairs {
        let differs = service.differs.iter().any(|other| other == key);
        if differs || wanted != found {
            facts.push(Fact::Is(label, texts::console_services::wanted(&wanted), Tone::Warn));
            facts.push(Fact::Is("", texts::console_services::listed(&found), Tone::Warn));
        } else {
            facts.push(is(label, found));
        }
    }
    facts.push(is(texts::labels::VERSION, version.to_string()));
    if service.differs.is_empty() {
        facts.push(Fact::Note(texts::console_services::CHAIN_AGREES.to_owned(), Tone::Good));
    } else {
        facts.push(Fact::Note(texts::console_services::R_REPAIRS.to_owned(), Tone::Dim));
    }
    facts
}

fn or_dash(text: &str) -> String {
    if text.is_empty() { "-".to_owned() } else { text.to_owned() }
}
