//! The texts of one answer, each counted on its own, and what else an answer says of itself.

use std::collections::{BTreeMap, BTreeSet};

use super::api::MeterError;
use super::chatbot::media_units;
use super::tokens::{TokenCounter, count};
use crate::domain::clean::clean;
use crate::wire::chat::{Part, Reading, Slot, Usage, read_answer};

/// Separate texts of one answer: choices, tool calls, items. A hundred is much.
pub const MAX_TEXTS: usize = 4096;

/// An error that a model server put into its answer. Cleaned, for it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnswerError {
    /// A word or a number, as the server wrote it.
    pub code: Option<String>,
    pub message: String,
}

#[derive(Debug)]
pub(super) struct Texts {
    counters: BTreeMap<Slot, TokenCounter>,
    /// Choices that have text.
    spoken: BTreeSet<u64>,
    /// Undecoded tokens of choices that have none, and their sum.
    ids: BTreeMap<u64, u64>,
    undecoded: u64,
    /// Sum of the counters' estimates.
    estimate: u64,
    /// Tokens of texts that are whole by themselves (answers of unknown shape).
    whole: u64,
    media_bytes: u64,
    /// Text that may still be counted.
    room: u64,
    limit: u64,
    pub(super) usage: Option<Usage>,
    pub(super) finish_reason: Option<String>,
    pub(super) error: Option<AnswerError>,
    pub(super) done: bool,
}

impl Texts {
    pub(super) fn new(limit: u64) -> Texts {
        Texts {
            counters: BTreeMap::new(),
            spoken: BTreeSet::new(),
            ids: BTreeMap::new(),
            undecoded: 0,
            estimate: 0,
            whole: 0,
            media_bytes: 0,
            room: limit,
            limit,
            usage: None,
            finish_reason: None,
            error: None,
            done: false,
        }
    }

    /// Counts what a JSON text of the answer holds, if its shape is known.
    pub(super) fn read(&mut self, json: &str) -> Result<Reading, MeterError> {
        let mut fault = Ok(());
        let reading = read_answer(json, &mut |part| {
            if fault.is_ok() {
                fault = self.take(part);
            }
        });
        fault.map(|()| reading)
    }

    /// Counts a text of unknown shape whole.
    pub(super) fn add_whole(&mut self, text: &str) -> Result<(), MeterError> {
        self.spend(text)?;
        self.whole = self.whole.saturating_add(count(text));
        Ok(())
    }

    pub(super) fn append(&mut self, slot: Slot, text: &str) -> Result<(), MeterError> {
        if text.is_empty() {
            return Ok(());
        }
        self.spend(text)?;
        if self.counters.len() >= MAX_TEXTS && !self.counters.contains_key(&slot) {
            return Err(MeterError::TooManyTexts { limit: MAX_TEXTS });
        }
        if self.spoken.insert(slot.choice) {
            // What was taken for all that there is was its text, not yet decoded.
            let repeated = self.ids.remove(&slot.choice).unwrap_or_default();
            self.undecoded = self.undecoded.saturating_sub(repeated);
        }
        let counter = self.counters.entry(slot).or_default();
        let before = counter.estimate();
        counter.push(text);
        self.estimate = self.estimate - before + counter.estimate();
        Ok(())
    }

    /// [`Texts::append`] for a text whose pieces nobody chose: what still fits is counted, wherever it was split.
    pub(super) fn append_plain(&mut self, slot: Slot, text: &str) -> Result<(), MeterError> {
        let room = usize::try_from(self.room).unwrap_or(usize::MAX);
        let (fits, beyond) = text.split_at(text.floor_char_boundary(room));
        self.append(slot, fits)?;
        self.append(slot, beyond)
    }

    fn add_token_ids(&mut self, choice: u64, count: u64) -> Result<(), MeterError> {
        if self.spoken.contains(&choice) {
            return Ok(());
        }
        if self.ids.len() >= MAX_TEXTS && !self.ids.contains_key(&choice) {
            return Err(MeterError::TooManyTexts { limit: MAX_TEXTS });
        }
        let ids = self.ids.entry(choice).or_default();
        *ids = ids.saturating_add(count);
        self.undecoded = self.undecoded.saturating_add(count);
        Ok(())
    }

    /// How many choices (or items) of the answer hold something.
    pub(super) fn answers(&self) -> u64 {
        (self.spoken.len() as u64).saturating_add(self.ids.len() as u64)
    }

    pub(super) fn add_media(&mut self, bytes: u64) {
        self.media_bytes = self.media_bytes.saturating_add(bytes);
    }

    /// The running count; see `tokens.rs`.
    pub(super) fn estimate(&self) -> u64 {
        self.estimate.saturating_add(self.flat())
    }

    /// Whether more than `limit` units were taken, as exactly as is cheap.
    pub(super) fn passes(&mut self, limit: u64) -> bool {
        if self.estimate() <= limit {
            return false;
        }
        self.counters.values_mut().for_each(TokenCounter::refresh);
        self.estimate = self.counters.values().map(TokenCounter::estimate).sum();
        self.estimate() > limit
    }

    pub(super) fn exact(&self) -> u64 {
        self.counters.values().map(TokenCounter::exact).sum::<u64>().saturating_add(self.flat())
    }

    fn flat(&self) -> u64 {
        self.whole.saturating_add(self.undecoded).saturating_add(media_units(self.media_bytes))
    }

    fn take(&mut self, part: Part<'_>) -> Result<(), MeterError> {
        match part {
            Part::Append(slot, text) => self.append(slot, &text)?,
            Part::Whole(slot, text) if !self.counters.contains_key(&slot) => self.append(slot, &text)?,
            Part::Whole(..) => {}
            Part::TokenIds { choice, count } => self.add_token_ids(choice, count)?,
            Part::Unread(text) => self.add_whole(text)?,
            Part::Media(bytes) => self.add_media(bytes),
            Part::Usage(usage) => self.usage = Some(self.usage.unwrap_or_default().max(usage)),
            Part::Finish(reason) => self.finish_reason = Some(clean(&reason, 32).into_owned()),
            Part::Done => self.done = true,
            Part::Error { code, message } => {
                let code = code.map(|code| clean(&code, 64).into_owned());
                self.error = Some(AnswerError { code, message: clean(&message, 500).into_owned() });
            }
        }
        Ok(())
    }

    fn spend(&mut self, text: &str) -> Result<(), MeterError> {
        let left = self.room.checked_sub(text.len() as u64);
        self.room = left.ok_or(MeterError::TooLong { limit: self.limit })?;
        Ok(())
    }
}
