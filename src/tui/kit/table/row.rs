//! What a row is: its columns, its cells, its order, and what filters find in it.

use std::cmp::Ordering;
use std::fmt::Debug;
use std::hash::Hash;
use std::sync::Arc;

use crate::domain::Neuron;
use crate::tui::kit::filter::{Field, FieldValue};
use crate::tui::kit::look::Look;
use crate::tui::theme::Tone;

/// A column as it is titled and sorted.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    pub title: &'static str,
    /// Against the right edge, as figures are.
    pub right: bool,
    /// Columns with the highest number go first when there is no room.
    pub rank: u8,
    /// Whether the largest comes first when it is sorted by this column.
    pub largest_first: bool,
}

/// A cell of a row.
#[derive(Clone, Debug)]
pub enum Cell {
    Text(String, Tone),
    /// Written in the column's unit; `None` is unknown.
    Amount(Option<Neuron>, Tone),
}

/// Something that is a row of a table.
pub trait Row {
    type Key: Clone + Eq + Hash + Debug;
    const COLUMNS: &'static [Column];
    /// What can be asked for by name in a filter: `price<100000`.
    const FIELDS: &'static [Field] = &[];
    /// Whether its amounts are prices of one unit: far below an A0GI, and compared in neuron.
    const PRICES: bool = false;

    fn key(&self) -> Self::Key;
    fn cell(&self, column: usize, look: &Look) -> Cell;
    fn compare(&self, other: &Self, column: usize) -> Ordering;
    /// What a filter looks through. Asked for once, when the row comes or changes.
    fn words(&self) -> String;
    /// The amount in a column, where it holds amounts.
    fn amount(&self, column: usize) -> Option<Neuron>;

    /// A number that never falls where `compare` grows; equal ones are compared in full. It spares a large table most of
    /// its comparisons. Amounts are their own number, texts have [`beginning`].
    fn order(&self, column: usize) -> u128 {
        self.amount(column).map_or(0, Neuron::get)
    }

    /// What one of [`Row::FIELDS`] holds; `None` is unknown, and no comparison holds for it.
    fn field(&self, _name: &str) -> Option<FieldValue<'_>> {
        None
    }

    /// Whether it is the very same row, known without looking into it.
    fn is(&self, _other: &Self) -> bool {
        false
    }
}

/// Shared rows: what did not change is seen without being compared.
impl<R: Row> Row for Arc<R> {
    type Key = R::Key;
    const COLUMNS: &'static [Column] = R::COLUMNS;
    const FIELDS: &'static [Field] = R::FIELDS;
    const PRICES: bool = R::PRICES;

    fn key(&self) -> R::Key {
        (**self).key()
    }

    fn cell(&self, column: usize, look: &Look) -> Cell {
        (**self).cell(column, look)
    }

    fn compare(&self, other: &Self, column: usize) -> Ordering {
        (**self).compare(other, column)
    }

    fn words(&self) -> String {
        (**self).words()
    }

    fn amount(&self, column: usize) -> Option<Neuron> {
        (**self).amount(column)
    }

    fn order(&self, column: usize) -> u128 {
        (**self).order(column)
    }

    fn field(&self, name: &str) -> Option<FieldValue<'_>> {
        (**self).field(name)
    }

    fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(self, other)
    }
}

/// The first bytes of a text or of an address as a number for [`Row::order`].
pub fn beginning(bytes: impl AsRef<[u8]>) -> u128 {
    let mut first = [0; 16];
    for (to, from) in first.iter_mut().zip(bytes.as_ref()) {
        *to = *from;
    }
    u128::from_be_bytes(first)
}
