//! Order, filter, marks and selection, and that what is kept never differs from what is worked out anew.

use std::cmp::Ordering;
use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::tui::kit::amount::Unit;
use crate::tui::kit::filter::{Field, FieldValue};
use crate::tui::theme::{Shade, Theme, Tone};

#[derive(Clone, Debug, PartialEq)]
struct Debt(u64, u128);

impl Row for Debt {
    type Key = u64;
    const FIELDS: &'static [Field] = &[Field::amount("owed")];
    const COLUMNS: &'static [Column] = &[
        Column { title: "Who", right: false, rank: 0, largest_first: false },
        Column { title: "Owed", right: true, rank: 1, largest_first: true },
    ];
    fn key(&self) -> u64 {
        self.0
    }
    fn cell(&self, column: usize, _look: &Look) -> Cell {
        match column {
            0 => Cell::Text(self.0.to_string(), Tone::Plain),
            _ => Cell::Amount(self.amount(1), Tone::Plain),
        }
    }
    fn compare(&self, other: &Self, column: usize) -> Ordering {
        if column == 0 { self.0.cmp(&other.0) } else { self.1.cmp(&other.1) }
    }
    fn words(&self) -> String {
        format!("user{}", self.0)
    }
    fn amount(&self, column: usize) -> Option<Neuron> {
        (column == 1).then(|| Neuron::new(self.1))
    }
    fn field(&self, name: &str) -> Option<FieldValue<'_>> {
        (name == "owed").then(|| FieldValue::Amount(Neuron::new(self.1)))
    }
}

#[test]
fn the_selection_sticks_to_its_row() {
    let mut table = Table::new(1);
    assert!(table.set(vec![Debt(1, 5), Debt(2, 9), Debt(3, 7)]));
    assert_eq!(table.selected().map(Row::key), Some(2), "who owes most comes first");
    table.step(1);
    assert_eq!(table.selected().map(Row::key), Some(3));
    assert!(table.set(vec![Debt(1, 50), Debt(2, 9), Debt(3, 1), Debt(4, 2)]));
    assert_eq!(table.selected().map(Row::key), Some(3));
    assert!(!table.set(vec![Debt(1, 50), Debt(2, 9), Debt(3, 1), Debt(4, 2)]));
    table.set_filter("!user3".to_owned());
    assert_eq!(table.shown(), 3);
    table.turn_sort();
    table.select(0);
    assert_eq!(table.selected().map(Row::key), Some(4));
    assert!(table.set(Vec::new()));
    table.step(-1);
    table.last();
    assert_eq!(table.selected(), None);
}

#[test]
fn scrolling_keeps_the_selection_in_sight() {
    let mut table = Table::new(0);
    table.set((0..100).map(|index| Debt(index, 0)).collect());
    table.set_height(11);
    table.step(50);
    assert_eq!((table.top, table.at), (41, 50));
    table.step(-1);
    assert_eq!(table.top, 41, "moving inside does not scroll");
    table.last();
    assert_eq!(table.top, 90);
    table.set_height(101);
    assert_eq!(table.top, 0, "a taller window is filled");
}

fn look() -> Look {
    let now = "2026-11-24T12:00:00Z".parse().unwrap();
    Look {
        theme: Theme::new(Shade::Dark, true),
        unit: Unit::Auto,
        million: false,
        clock: false,
        masked: false,
        now,
    }
}

fn shown<R: Row<Key = u64>>(table: &Table<R>) -> Vec<u64> {
    table.order.iter().map(|index| table.rows[*index].key()).collect()
}

fn later(now: Timestamp, milliseconds: i64) -> Timestamp {
    Timestamp::from_micros(now.as_micros() + milliseconds * 1000)
}

#[test]
fn fields_filter_and_complaints_hide_nothing() {
    let mut table = Table::new(1);
    table.set(vec![Debt(1, 5), Debt(2, 9), Debt(3, 7)]);
    table.set_filter("owed>5".to_owned());
    assert_eq!(shown(&table), [2, 3]);
    table.set_filter("owed>5 owned<3".to_owned());
    assert_eq!(shown(&table), [2, 3]);
    assert_eq!(table.complaint(), Some("there is no column owned; columns: owed"));
    table.set(vec![Debt(1, 6), Debt(2, 1)]);
    assert_eq!(shown(&table), [1], "new data are filtered too");
}

#[test]
fn what_has_the_word_goes_first_until_somebody_sorts() {
    #[derive(Clone, Debug, PartialEq)]
    struct Name(u64, &'static str);
    impl Row for Name {
        type Key = u64;
        const COLUMNS: &'static [Column] =
            &[Column { title: "Name", right: false, rank: 0, largest_first: false }];
        fn key(&self) -> u64 {
            self.0
        }
        fn cell(&self, _column: usize, _look: &Look) -> Cell {
            Cell::Text(self.1.to_owned(), Tone::Plain)
        }
        fn compare(&self, other: &Self, _column: usize) -> Ordering {
            self.1.cmp(other.1)
        }
        fn words(&self) -> String {
            self.1.to_owned()
        }
        fn amount(&self, _column: usize) -> Option<Neuron> {
            None
        }
        fn order(&self, _column: usize) -> u128 {
            beginning(self.1)
        }
    }
    let mut table = Table::new(0);
    table.set(vec![Name(1, "zlama"), Name(2, "llama"), Name(3, "l1lama"), Name(4, "other")]);
    table.set_filter("llama".to_owned());
    assert_eq!(shown(&table), [2, 3]);
    table.set(vec![Name(1, "a l-l-a-m-a"), Name(2, "llama"), Name(3, "b llama")]);
    assert_eq!(shown(&table), [3, 2, 1], "as it stands before letter by letter");
    table.turn_sort();
    table.turn_sort();
    assert_eq!(shown(&table), [1, 3, 2], "whoever sorts gets that order");
}

#[test]
fn marks_stick_to_their_rows() {
    let mut table = Table::new(1);
    table.set((1..=5).map(|n| Debt(n, n.into())).collect());
    table.mark();
    table.step(1);
    table.mark();
    let keys = |table: &Table<Debt>| table.marked().map(Row::key).collect::<Vec<_>>();
    assert_eq!(keys(&table), [5, 3]);
    table.set((1..=5).map(|n| Debt(n, (10 - n).into())).collect());
    assert_eq!(keys(&table), [3, 5], "in their new order");
    table.set_filter("user5".to_owned());
    assert_eq!(table.marked_in_words().as_deref(), Some("2 marked, 1 of them hidden"));
    table.set_filter(String::new());
    table.apply([Change::Gone(3)]);
    assert_eq!(keys(&table), [5], "what is gone is not acted upon");
    assert_eq!(table.marked_in_words().as_deref(), Some("1 marked"));
    table.select(0);
    assert!(table.unmark() && !table.unmark());
    assert_eq!(table.marked_in_words(), None);
}

#[test]
fn clicks_sort_select_and_open() {
    let mut table = Table::new(1);
    table.set((0..30).map(|n| Debt(n, n.into())).collect());
    let (area, look) = (Rect::new(2, 3, 40, 11), look());
    table.set_height(area.height);
    let now = look.now;
    assert_eq!(table.click(5, 6, area, &look, now), Click::Selected);
    assert_eq!(table.selected().map(Row::key), Some(27));
    assert_eq!(table.click(5, 6, area, &look, later(now, 400)), Click::Opened);
    assert_eq!(table.click(5, 6, area, &look, later(now, 800)), Click::Selected, "a third one opens nothing");
    assert_eq!(table.click(5, 6, area, &look, later(now, 2000)), Click::Selected, "too late");
    assert_eq!(table.click(5, 7, area, &look, later(now, 2100)), Click::Selected, "another row");
    assert_eq!(table.click(4, 3, area, &look, now), Click::Sorted);
    assert_eq!(table.sorted_by(), "Who ▲");
    assert_eq!(table.click(4, 3, area, &look, now), Click::Sorted);
    assert_eq!(table.sorted_by(), "Who ▼");
    for (x, y) in [(39, 3), (1, 5), (2, 14), (60, 5), (5, 2)] {
        assert_eq!(table.click(x, y, area, &look, now), Click::Beside, "{x} {y}");
    }
    table.set_filter("user7".to_owned());
    assert_eq!(table.click(5, 9, area, &look, now), Click::Beside, "below the last row");
}

#[test]
fn a_mark_is_a_sign() {
    let mut table = Table::new(1);
    table.set((0..3).map(|n| Debt(n, n.into())).collect());
    table.set_height(4);
    table.mark();
    let area = Rect::new(0, 0, 20, 4);
    let mut buffer = ratatui::buffer::Buffer::empty(area);
    table.draw(&mut buffer, area, &look());
    let signs: Vec<_> = (1..4).map(|y| buffer[(0, y)].symbol().to_owned()).collect();
    assert_eq!(signs, ["◆", "▌", " "]);
}

#[derive(Clone, Debug)]
enum Deed {
    Set(Vec<(u64, u128)>),
    Apply(Vec<(u64, Option<u128>)>),
    Filter(String),
    Sort(usize),
    Turn,
    Step(isize),
    Mark,
}

fn deed() -> impl Strategy<Value = Deed> {
    let row = (0u64..30, 0u128..6);
    prop_oneof![
        proptest::collection::vec(row, 0..25).prop_map(Deed::Set),
        proptest::collection::vec((0u64..30, proptest::option::of(0u128..6)), 0..6).prop_map(Deed::Apply),
        "(user|us|usr|1|2|!1|owed[<>]|[0-5]| ){0,4}".prop_map(Deed::Filter),
        (0usize..2).prop_map(Deed::Sort),
        Just(Deed::Turn),
        (-3isize..4).prop_map(Deed::Step),
        Just(Deed::Mark),
    ]
}

proptest! {
    /// Whatever was kept and moved about, the table shows what a new one would.
    #[test]
    fn what_is_kept_is_what_would_be_worked_out(deeds in proptest::collection::vec(deed(), 1..40), shared: bool) {
        let mut table: Table<Arc<Debt>> = Table::new(1);
        let mut rows: Vec<Arc<Debt>> = Vec::new();
        table.sort_is_chosen = shared;
        for deed in deeds {
            let chosen = table.chosen;
            match deed {
                Deed::Set(new) => {
                    let mut seen = HashSet::new();
                    // Half of the time the same rows, as they are shared.
                    rows = new.into_iter().filter(|(key, _)| seen.insert(*key)).map(|(key, owed)| {
                        let old = rows.iter().find(|row| shared && **row == Arc::new(Debt(key, owed)));
                        old.cloned().unwrap_or_else(|| Arc::new(Debt(key, owed)))
                    }).collect();
                    table.set(rows.clone());
                }
                Deed::Apply(changes) => {
                    for (key, owed) in &changes {
                        let at = rows.iter().position(|row| row.0 == *key);
                        match (at, owed) {
                            (Some(at), Some(owed)) => rows[at] = Arc::new(Debt(*key, *owed)),
                            (Some(at), None) => drop(rows.remove(at)),
                            (None, Some(owed)) => rows.push(Arc::new(Debt(*key, *owed))),
                            (None, None) => {}
                        }
                    }
                    table.apply(changes.into_iter().map(|(key, owed)| match owed {
                        Some(owed) => Change::Put(Arc::new(Debt(key, owed))),
                        None => Change::Gone(key),
                    }));
                }
                Deed::Filter(text) => table.set_filter(text),
                Deed::Sort(column) => table.sort_by(column),
                Deed::Turn => table.turn_sort(),
                Deed::Step(by) => table.step(by),
                Deed::Mark => table.mark(),
            }
            prop_assert_eq!(table.rows(), &rows);
            let mut anew: Table<Arc<Debt>> = Table::new(table.sort);
            anew.largest_first = table.largest_first;
            anew.sort_is_chosen = table.sort_is_chosen;
            anew.set_filter(table.filter.clone());
            anew.set(rows.clone());
            prop_assert_eq!(shown(&table), shown(&anew));
            prop_assert_eq!(&table.peaks, &anew.peaks);
            prop_assert_eq!(table.marked().count(), table.marks());
            if let (Some(key), true) = (table.chosen, chosen == table.chosen)
                && shown(&table).contains(&key)
            {
                prop_assert_eq!(table.selected().map(Row::key), Some(key), "the selection sticks");
            }
        }
    }
}
