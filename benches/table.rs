//! What a key, new data and a frame cost among 100, 10,000 and 100,000 services.
//!
//! `cargo bench --bench table`; a key is to stay under 16 ms at 100,000 rows.

use std::cmp::Ordering;
use std::hint::black_box;
use std::sync::Arc;

use criterion::{BatchSize, BenchmarkId, Criterion, criterion_group, criterion_main};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use zgserve_tui::domain::{Address, Neuron};
use zgserve_tui::tui::kit::amount::Unit;
use zgserve_tui::tui::kit::filter::{Field, FieldValue};
use zgserve_tui::tui::kit::look::Look;
use zgserve_tui::tui::kit::table::{Cell, Change, Column, Row, Table, beginning};
use zgserve_tui::tui::theme::{Shade, Theme, Tone};

const SIZES: [u64; 3] = [100, 10_000, 100_000];

#[derive(Clone, Debug, PartialEq)]
struct Service {
    number: u64,
    provider: Address,
    name: String,
    model: String,
    price: Neuron,
    latency: u64,
}

impl Service {
    fn new(number: u64, round: u64) -> Service {
        let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut provider = [0; 20];
        provider[..8].copy_from_slice(&mixed.to_be_bytes());
        provider[12..].copy_from_slice(&mixed.rotate_left(17).to_be_bytes());
        let makers = ["meta-llama", "mistralai", "deepseek-ai", "qwen"];
        Service {
            number,
            provider: Address::from(provider),
            name: format!(
                "{}{}b",
                ["llama", "mixtral", "deepseek", "qwen"][(mixed % 4) as usize],
                mixed % 90
            ),
            model: format!("{}/Model-{}-chat-hf", makers[(mixed % 4) as usize], mixed % 1000),
            price: Neuron::new(u128::from((mixed >> 20) % 1_000_000 + round)),
            latency: (mixed >> 9) % 3000,
        }
    }
}

impl Row for Service {
    type Key = u64;
    const FIELDS: &'static [Field] = &[Field::text("model"), Field::amount("price"), Field::wait("latency")];
    const COLUMNS: &'static [Column] = &[
        Column { title: "Name", right: false, rank: 0, largest_first: false },
        Column { title: "Provider", right: false, rank: 1, largest_first: false },
        Column { title: "Price", right: true, rank: 2, largest_first: false },
        Column { title: "Model", right: false, rank: 3, largest_first: false },
    ];

    fn key(&self) -> u64 {
        self.number
    }

    fn cell(&self, column: usize, look: &Look) -> Cell {
        match column {
            0 => Cell::Text(self.name.clone(), Tone::Plain),
            1 => Cell::Text(look.short(self.provider), Tone::Plain),
            2 => Cell::Amount(Some(self.price), Tone::Plain),
            _ => Cell::Text(self.model.clone(), Tone::Dim),
        }
    }

    fn compare(&self, other: &Self, column: usize) -> Ordering {
        match column {
            1 => self.provider.cmp(&other.provider),
            2 => self.price.cmp(&other.price),
            3 => self.model.cmp(&other.model),
            _ => self.name.cmp(&other.name),
        }
        .then(self.number.cmp(&other.number))
    }

    fn order(&self, column: usize) -> u128 {
        match column {
            1 => beginning(self.provider),
            2 => self.price.get(),
            3 => beginning(&self.model),
            _ => beginning(&self.name),
        }
    }

    fn words(&self) -> String {
        format!("{} {} {:#x}", self.name, self.model, self.provider)
    }

    fn amount(&self, column: usize) -> Option<Neuron> {
        (column == 2).then_some(self.price)
    }

    fn field(&self, name: &str) -> Option<FieldValue<'_>> {
        Some(match name {
            "model" => FieldValue::Text(self.model.as_str().into()),
            "price" => FieldValue::Amount(self.price),
            "latency" => FieldValue::Wait(self.latency),
            _ => return None,
        })
    }
}

fn services(count: u64, round: u64) -> Vec<Arc<Service>> {
    (0..count).map(|number| Arc::new(Service::new(number, round))).collect()
}

fn full(count: u64) -> Table<Arc<Service>> {
    let mut table = Table::new(2);
    table.set(services(count, 0));
    table.set_height(48);
    table
}

fn rows(bench: &mut Criterion) {
    let look = Look {
        theme: Theme::new(Shade::Dark, true),
        unit: Unit::Auto,
        million: false,
        clock: false,
        masked: false,
        now: zgserve_tui::domain::Timestamp::from_seconds(1_795_000_000),
    };
    let area = Rect::new(0, 0, 200, 48);
    let mut group = bench.benchmark_group("table");
    group.sample_size(20);
    for count in SIZES {
        let id = |what: &str| BenchmarkId::new(what, count);
        let mut table = full(count);
        let mut buffer = Buffer::empty(area);
        group.bench_function(id("frame"), |b| b.iter(|| table.draw(black_box(&mut buffer), area, &look)));
        group.bench_function(id("scroll"), |b| {
            b.iter(|| {
                table.step(if table.selected().is_some_and(|row| row.number % 2 == 0) { 7 } else { -5 })
            });
        });
        group.bench_function(id("first_set"), |b| {
            let rows = services(count, 0);
            b.iter_batched(
                || (Table::new(2), rows.clone()),
                |(mut table, rows)| {
                    table.set(rows);
                    table
                },
                BatchSize::LargeInput,
            );
        });
        group.bench_function(id("set_same"), |b| {
            let rows = services(count, 0);
            b.iter_batched(|| rows.clone(), |rows| table.set(rows), BatchSize::LargeInput);
        });
        // One in a hundred rows has another price, and a new one stands before all others.
        group.bench_function(id("set_some"), |b| {
            let base = services(count, 0);
            let mut round = 0;
            b.iter_batched(
                || {
                    round += 1;
                    let mut rows = base.clone();
                    rows.iter_mut()
                        .step_by(100)
                        .for_each(|row| *row = Arc::new(Service::new(row.number, round)));
                    if round % 2 == 0 {
                        rows.insert(0, Arc::new(Service::new(count + round, round)));
                    }
                    rows
                },
                |rows| table.set(rows),
                BatchSize::LargeInput,
            );
        });
        let mut round = 1000;
        group.bench_function(id("apply_one"), |b| {
            b.iter(|| {
                round += 1;
                table.apply([Change::Put(Arc::new(Service::new(7, round)))])
            });
        });
        let mut table = full(count);
        for (what, column) in [("sort_price", 2), ("sort_name", 0), ("sort_provider", 1)] {
            group.bench_function(id(what), |b| {
                b.iter_custom(|times| {
                    let mut spent = std::time::Duration::ZERO;
                    for _ in 0..times {
                        table.sort_by(3);
                        let began = std::time::Instant::now();
                        table.sort_by(column);
                        spent += began.elapsed();
                    }
                    spent
                });
            });
        }
        group.bench_function(id("turn"), |b| b.iter(|| table.turn_sort()));
        // The worst cases: a letter that all have, and letters that all have but not together.
        for (what, before, text) in [
            ("letter_1", "", "c"),
            ("letter_2", "c", "ch"),
            ("letter_3", "ch", "cha"),
            ("letter_4", "cha", "chat"),
            ("letter_near", "", "cht"),
            ("letter_hex", "", "0x3"),
            ("letter_field", "", "price<50000"),
            ("letter_text", "", "model:llama"),
            ("letter_back", "llama", ""),
        ] {
            let mut table = full(count);
            group.bench_function(id(what), |b| {
                b.iter_custom(|times| {
                    let mut spent = std::time::Duration::ZERO;
                    for _ in 0..times {
                        table.set_filter(String::new());
                        table.set_filter(before.to_owned());
                        let began = std::time::Instant::now();
                        table.set_filter(black_box(text.to_owned()));
                        spent += began.elapsed();
                    }
                    spent
                });
            });
        }
    }
    group.finish();
}

criterion_group!(benches, rows);
criterion_main!(benches);
