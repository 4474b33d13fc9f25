//! Rows taken in, sorted and filtered. What is worked out of a row is kept until the row changes.

use std::collections::HashSet;

use super::{Row, Table};
use crate::domain::Neuron;
use crate::tui::kit::filter::{self, Filter, Verdict, Words};

/// What was worked out of one row.
#[derive(Debug, Default)]
pub(super) struct Kept {
    words: Words,
    verdict: Verdict,
    /// Its place by the column that is sorted by, as far as a number tells; turned over where the largest comes first.
    rank: u128,
}

/// One difference to the rows that are there.
#[derive(Clone, Debug)]
pub enum Change<R: Row> {
    /// A row that is new, or that takes the place of the one with its key.
    Put(R),
    /// There is no row with this key any more.
    Gone(R::Key),
}

/// Where a row went that is not there any more, or not as it was.
const GONE: usize = usize::MAX;

impl<R: Row> Table<R> {
    /// Takes new rows; gives whether anything differs.
    pub fn set(&mut self, rows: Vec<R>) -> bool
    where
        R: PartialEq,
    {
        let same = |old: &R, new: &R| old.is(new) || old == new;
        if rows.len() == self.rows.len() && self.rows.iter().zip(&rows).all(|(old, new)| same(old, new)) {
            return false;
        }
        let old = std::mem::replace(&mut self.rows, rows);
        let mut kept = std::mem::take(&mut self.kept);
        let mut places = self.places.take();
        let mut moved = vec![GONE; old.len()];
        let mut fresh = Vec::new();
        // Lists move in one piece: a row stands as far from its old place as the one before it.
        let mut ahead = 0isize;
        for (index, row) in self.rows.iter().enumerate() {
            let there =
                |at: &usize| moved.get(*at) == Some(&GONE) && old.get(*at).is_some_and(|old| same(old, row));
            let guess = index.saturating_add_signed(ahead);
            let found = Some(guess).filter(there).or_else(|| {
                let places = places
                    .get_or_insert_with(|| old.iter().enumerate().map(|(at, row)| (row.key(), at)).collect());
                let at = *places.get(&row.key())?;
                // A row that changed tells the way as well.
                ahead = isize::try_from(at).unwrap_or(0) - isize::try_from(index).unwrap_or(0);
                Some(at).filter(there)
            });
            match found.and_then(|at| Some((at, kept.get_mut(at)?))) {
                Some((at, one)) => {
                    self.kept.push(std::mem::take(one));
                    if let Some(to) = moved.get_mut(at) {
                        *to = index;
                    }
                }
                None => {
                    self.kept.push(Kept::default());
                    fresh.push(index);
                }
            }
        }
        self.took(&moved, &fresh);
        true
    }

    /// Takes differences, in their order; gives whether anything differs. New rows stand behind the others.
    pub fn apply(&mut self, changes: impl IntoIterator<Item = Change<R>>) -> bool
    where
        R: PartialEq,
    {
        let rows = &self.rows;
        let mut places = self
            .places
            .take()
            .unwrap_or_else(|| rows.iter().enumerate().map(|(at, row)| (row.key(), at)).collect());
        let mut moved: Vec<usize> = (0..self.rows.len()).collect();
        let mut fresh = HashSet::new();
        let mut gone = HashSet::new();
        for change in changes {
            match change {
                Change::Put(row) => match places.get(&row.key()) {
                    Some(at) => {
                        if let Some(old) = self.rows.get_mut(*at)
                            && !old.is(&row)
                            && *old != row
                        {
                            *old = row;
                            fresh.insert(*at);
                        }
                    }
                    None => {
                        places.insert(row.key(), self.rows.len());
                        fresh.insert(self.rows.len());
                        self.rows.push(row);
                        self.kept.push(Kept::default());
                    }
                },
                Change::Gone(key) => gone.extend(places.remove(&key)),
            }
        }
        if fresh.is_empty() && gone.is_empty() {
            self.places = Some(places);
            return false;
        }
        fresh.iter().for_each(|at| moved.get_mut(*at).into_iter().for_each(|to| *to = GONE));
        let mut fresh: Vec<usize> = fresh.into_iter().filter(|at| !gone.contains(at)).collect();
        fresh.sort_unstable();
        if gone.is_empty() {
            self.places = Some(places);
        } else {
            // Whatever stood behind moves up.
            let mut to = 0;
            let place: Vec<usize> = (0..self.rows.len())
                .map(|at| {
                    let here = to;
                    let stays = !gone.contains(&at);
                    to += usize::from(stays);
                    if stays { here } else { GONE }
                })
                .collect();
            let find = |at: usize| place.get(at).copied().unwrap_or(GONE);
            moved.iter_mut().for_each(|to| *to = if *to == GONE { GONE } else { find(*to) });
            fresh.iter_mut().for_each(|at| *at = find(*at));
            let mut at = 0..;
            self.rows.retain(|_| at.next().is_some_and(|at| find(at) != GONE));
            let mut at = 0..;
            self.kept.retain(|_| at.next().is_some_and(|at| find(at) != GONE));
        }
        self.took(&moved, &fresh);
        true
    }

    /// Works out what `fresh` rows bring; the others went from where they were to `moved`.
    fn took(&mut self, moved: &[usize], fresh: &[usize]) {
        self.version += 1;
        let (sort, largest_first) = (self.sort, self.largest_first);
        for index in fresh {
            if let (Some(row), Some(kept)) = (self.rows.get(*index), self.kept.get_mut(*index)) {
                kept.words = Words::new(row.words());
                kept.verdict = self.terms.verdict(&kept.words, |name| row.field(name));
                kept.rank = rank(row, sort, largest_first);
            }
        }
        self.peaks.fill(Neuron::ZERO);
        for row in &self.rows {
            for (column, peak) in self.peaks.iter_mut().enumerate() {
                *peak = row.amount(column).unwrap_or(Neuron::ZERO).max(*peak);
            }
        }
        let to = |at: &usize| moved.get(*at).copied().filter(|to| *to != GONE);
        let sorted = self.sorted.iter().filter_map(to).chain(fresh.iter().copied()).collect();
        self.chosen_row = self.chosen_row.as_ref().and_then(to);
        if let (None, Some(key)) = (self.chosen_row, &self.chosen) {
            let is_it = |at: &&usize| self.rows.get(**at).is_some_and(|row| row.key() == *key);
            self.chosen_row = fresh.iter().find(is_it).copied();
        }
        if !self.marks.is_empty() && moved.contains(&GONE) {
            // What is not there any more is not acted upon.
            let here: HashSet<R::Key> =
                self.rows.iter().map(Row::key).filter(|key| self.marks.contains(key)).collect();
            self.marks = here;
        }
        self.sort_these(sorted);
    }

    /// Sorts all rows, after another column or direction was chosen.
    pub(super) fn sort_anew(&mut self) {
        let (sort, largest_first) = (self.sort, self.largest_first);
        for (row, kept) in self.rows.iter().zip(&mut self.kept) {
            kept.rank = rank(row, sort, largest_first);
        }
        // From the order in which they came, so that rows of one rank keep it.
        self.sort_these((0..self.rows.len()).collect());
    }

    /// The other way round, which is nearly done by reading it backwards.
    pub(super) fn turn_around(&mut self) {
        self.kept.iter_mut().for_each(|kept| kept.rank = !kept.rank);
        let backwards = self.sorted.iter().rev().copied().collect();
        self.sort_these(backwards);
    }

    /// Sorts indices, most of which may be in order already, which the sort makes use of.
    fn sort_these(&mut self, indices: Vec<usize>) {
        let (rows, kept) = (&self.rows, &self.kept);
        let (sort, largest_first) = (self.sort, self.largest_first);
        let mut ranked: Vec<(u128, usize)> =
            indices.into_iter().filter_map(|index| kept.get(index).map(|kept| (kept.rank, index))).collect();
        // Numbers first, without a look at the rows; then those of one number among themselves.
        ranked.sort_by_key(|(rank, _)| *rank);
        for alike in ranked.chunk_by_mut(|(rank, _), (other, _)| rank == other) {
            if alike.len() > 1 {
                alike.sort_by(|(_, a), (_, b)| {
                    let order = match (rows.get(*a), rows.get(*b)) {
                        (Some(one), Some(two)) if largest_first => two.compare(one, sort),
                        (Some(one), Some(two)) => one.compare(two, sort),
                        _ => std::cmp::Ordering::Equal,
                    };
                    order.then(a.cmp(b))
                });
            }
        }
        self.sorted.clear();
        self.sorted.extend(ranked.into_iter().map(|(_, index)| index));
        self.pick();
    }

    pub fn set_filter(&mut self, text: String) {
        let terms = Filter::with_fields(&text, R::FIELDS);
        self.filter = text;
        if terms != self.terms {
            // What the last filter hid stays hidden where this one only says more.
            let narrows = terms.narrows(&self.terms);
            for (row, kept) in self.rows.iter().zip(&mut self.kept) {
                if !narrows || kept.verdict != Verdict::Out {
                    kept.verdict = terms.verdict(&kept.words, |name| row.field(name));
                }
            }
        }
        self.terms = terms;
        self.pick();
    }

    /// Completes the name of a field that the filter's last word begins; gives whether it did.
    pub fn complete(&mut self) -> bool {
        let Some(text) = filter::completed(&self.filter, R::FIELDS) else { return false };
        self.set_filter(text);
        true
    }

    /// Picks what the filter lets through, and finds the selection again.
    fn pick(&mut self) {
        let verdict = |index: &usize| self.kept.get(*index).map_or(Verdict::Out, |kept| kept.verdict);
        self.order.clear();
        self.order.extend(self.sorted.iter().filter(|index| verdict(index) != Verdict::Out));
        // Whoever chose an order gets it; otherwise what has the words as they stand goes first.
        if !self.sort_is_chosen && self.terms.has_words() {
            self.order.sort_by_key(|index| verdict(index) == Verdict::Nearly);
        }
        self.hidden = 0;
        if !self.marks.is_empty() {
            let hidden = self.rows.iter().zip(&self.kept).filter(|(_, kept)| kept.verdict == Verdict::Out);
            self.hidden = hidden.filter(|(row, _)| self.marks.contains(&row.key())).count();
        }
        // A row that was never chosen does not stick: the first one is selected until somebody moves.
        let kept = self.chosen_row.and_then(|row| self.order.iter().position(|index| *index == row));
        self.at = kept.unwrap_or(self.at.min(self.order.len().saturating_sub(1)));
        if self.chosen.is_none() {
            self.at = 0;
        }
        self.scroll();
    }
}

fn rank<R: Row>(row: &R, column: usize, largest_first: bool) -> u128 {
    let order = row.order(column);
    if largest_first { !order } else { order }
}
