//! Choosing a service: every chatbot of the chain, those with an account first.

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::ask::Ask;
use crate::broker::user::library::ServiceOf;
use crate::domain::{Address, Neuron, Service, ServiceKind, ServiceName, Timestamp};
use crate::tui::kit::filter::{Field, FieldValue};
use crate::tui::kit::look::Look;
use crate::tui::kit::table::{Cell, Change, Column, Row, Table, beginning};
use crate::tui::texts;
use crate::tui::theme::Tone;
use crate::tui::user::part::Cx;

/// Services that are measured when the dialog opens: the ones that can be used at once.
const MEASURED: usize = 30;

const AVAILABLE: usize = 2;
const INPUT: usize = 3;
const OUTPUT: usize = 4;
const TYPICAL: usize = 5;

/// A service that one can talk to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    pub provider: Address,
    pub name: ServiceName,
    model: String,
    /// What the user calls the provider.
    called: String,
    input: Neuron,
    output: Neuron,
    /// What the account with the provider has for new requests.
    available: Option<Neuron>,
    /// From sending to booking, as it was with own requests.
    typical_ms: Option<u64>,
}

const fn right(title: &'static str, rank: u8) -> Column {
    Column { title, right: true, rank, largest_first: true }
}

impl Row for Choice {
    type Key = ServiceOf;
    const COLUMNS: &'static [Column] = &[
        Column { title: texts::labels::SERVICE, right: false, rank: 0, largest_first: false },
        Column { title: texts::labels::PROVIDER, right: false, rank: 1, largest_first: false },
        right(texts::labels::SPENDABLE, 2),
        Column { title: texts::labels::IN, right: true, rank: 4, largest_first: false },
        Column { title: texts::labels::OUT, right: true, rank: 3, largest_first: false },
        Column { title: texts::labels::TYPICAL, right: true, rank: 5, largest_first: false },
    ];
    const FIELDS: &'static [Field] = &[
        Field::text("service"),
        Field::text("model"),
        Field::text("provider"),
        Field::amount("in"),
        Field::amount("price"),
        Field::amount("spendable"),
        Field::wait("latency"),
    ];

    fn key(&self) -> ServiceOf {
        (self.provider, self.name.clone())
    }

    fn cell(&self, column: usize, _look: &Look) -> Cell {
        match column {
            0 => Cell::Text(self.name.to_string(), Tone::Plain),
            1 => Cell::Text(self.called.clone(), Tone::Dim),
            AVAILABLE => Cell::Amount(self.available, Tone::Plain),
            INPUT => Cell::Amount(Some(self.input), Tone::Plain),
            OUTPUT => Cell::Amount(Some(self.output), Tone::Plain),
            _ => match self.typical_ms {
                Some(wait) => Cell::Text(super::footer::seconds(wait), Tone::Plain),
                None => Cell::Text("-".to_owned(), Tone::Dim),
            },
        }
    }

    fn compare(&self, other: &Self, column: usize) -> Ordering {
        match column {
            0 => self.name.as_str().cmp(other.name.as_str()),
            1 => self.called.cmp(&other.called),
            TYPICAL => self.typical_ms.unwrap_or(u64::MAX).cmp(&other.typical_ms.unwrap_or(u64::MAX)),
            column => self.amount(column).cmp(&other.amount(column)),
        }
    }

    fn order(&self, column: usize) -> u128 {
        match column {
            0 => beginning(self.name.as_str()),
            1 => beginning(&self.called),
            TYPICAL => self.typical_ms.unwrap_or(u64::MAX).into(),
            // One above, so that none is less than zero.
            AVAILABLE => self.available.map_or(0, |amount| amount.get().saturating_add(1)),
            _ => self.amount(column).map_or(0, Neuron::get),
        }
    }

    fn words(&self) -> String {
        format!("{} {} {} {:#x}", self.name, self.model, self.called, self.provider)
    }

    fn amount(&self, column: usize) -> Option<Neuron> {
        match column {
            AVAILABLE => self.available,
            INPUT => Some(self.input),
            OUTPUT => Some(self.output),
            _ => None,
        }
    }

    fn field(&self, name: &str) -> Option<FieldValue<'_>> {
        Some(match name {
            "service" => FieldValue::Text(self.name.as_str().into()),
            "model" => FieldValue::Text(self.model.as_str().into()),
            "provider" => FieldValue::Text(format!("{:#x} {}", self.provider, self.called).into()),
            "in" => FieldValue::Amount(self.input),
            "price" => FieldValue::Amount(self.output),
            "spendable" => FieldValue::Amount(self.available?),
            "latency" => FieldValue::Wait(self.typical_ms?),
            _ => return None,
        })
    }
}

/// What a table of choices is made of. It is made beside the screen: there may be 100,000 of them.
#[derive(Clone, Debug)]
pub struct Choosing {
    services: Arc<[Service]>,
    /// What the accounts have for new requests.
    available: HashMap<Address, Neuron>,
    aliases: BTreeMap<Address, String>,
    look: Look,
    /// How those did that were measured.
    waits: HashMap<ServiceOf, u64>,
    filter: String,
    sorted: (usize, bool),
}

impl Choosing {
    /// The table, sorted and filtered.
    pub fn table(self) -> Table<Choice> {
        let mut table = Table::new(AVAILABLE);
        let chatbots = self.services.iter().filter(|service| service.kind == ServiceKind::Chatbot);
        let rows = chatbots.map(|service| Choice {
            provider: service.provider,
            name: service.name.clone(),
            model: service.model.clone(),
            called: match self.aliases.get(&service.provider) {
                Some(alias) => format!("@{alias}"),
                None => self.look.short(service.provider),
            },
            input: service.prices.input,
            output: service.prices.output,
            available: self.available.get(&service.provider).copied(),
            typical_ms: self.waits.get(&(service.provider, service.name.clone())).copied(),
        });
        table.set(rows.collect());
        table.restore_sorting(self.sorted.0, self.sorted.1);
        table.set_filter(self.filter);
        table
    }
}

#[derive(Debug)]
pub struct Picker {
    pub table: Table<Choice>,
    /// Ask the last prompt again with what is chosen, instead of switching.
    pub again: bool,
    /// The table that is being made; until it is there the one before is shown.
    number: u64,
    /// Whether there was one already.
    pub made: bool,
    waits: HashMap<ServiceOf, u64>,
}

impl Picker {
    pub fn new(again: bool) -> Picker {
        let waits = HashMap::new();
        Picker { table: Table::new(AVAILABLE), again, number: 0, made: false, waits }
    }

    /// Has the table made of what the chain lists now.
    pub fn fill(&mut self, number: u64, cx: &mut Cx<'_, Ask>) {
        self.number = number;
        let shared = cx.shared;
        let from = Choosing {
            services: Arc::clone(&shared.services),
            available: shared
                .snapshot
                .accounts
                .iter()
                .map(|account| (account.provider, account.available))
                .collect(),
            aliases: shared.aliases.clone(),
            look: shared.look,
            waits: self.waits.clone(),
            filter: self.table.filter.clone(),
            sorted: self.table.sorted(),
        };
        cx.ask(Ask::Choices { number, from: Box::new(from) });
    }

    /// Takes the table that was made; filter, order and selection stay as they are by now.
    pub fn filled(&mut self, number: u64, mut table: Table<Choice>, cx: &mut Cx<'_, Ask>) {
        if number != self.number {
            return;
        }
        let chosen = self.chosen().filter(|_| self.made);
        if table.filter != self.table.filter {
            table.set_filter(self.table.filter.clone());
        }
        let (column, largest_first) = self.table.sorted();
        if table.sorted() != (column, largest_first) {
            table.restore_sorting(column, largest_first);
        }
        if let Some(chosen) = chosen {
            table.choose(&chosen);
        }
        self.table = table;
        if !std::mem::replace(&mut self.made, true) {
            self.measure(cx);
        }
    }

    /// Asks how those did that can be used at once.
    fn measure(&self, cx: &mut Cx<'_, Ask>) {
        let usable = self.table.rows().iter().filter(|row| row.available.is_some());
        cx.ask(Ask::Measure(usable.take(MEASURED).map(Row::key).collect()));
    }

    pub fn measured(&mut self, waits: &[(ServiceOf, u64)]) {
        self.waits.extend(waits.iter().cloned());
        let rows = self.table.rows().iter().filter_map(|row| {
            let (_, wait) = waits.iter().find(|(of, _)| of.0 == row.provider && of.1 == row.name)?;
            Some(Change::Put(Choice { typical_ms: Some(*wait), ..row.clone() }))
        });
        let rows: Vec<_> = rows.collect();
        self.table.apply(rows);
    }

    pub fn chosen(&self) -> Option<ServiceOf> {
        self.table.selected().map(Row::key)
    }

    /// A click into the table.
    pub fn click(
        &mut self,
        x: u16,
        y: u16,
        area: ratatui::layout::Rect,
        look: &Look,
        now: Timestamp,
    ) -> bool {
        self.table.click(x, y, area, look, now) == crate::tui::kit::table::Click::Opened
    }
}
