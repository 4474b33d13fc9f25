//! zgStorage: a unit is a byte of a request's or an answer's body, as it is on the wire, encoded or not.

use super::api::{MeterResult, Pushed};
use crate::domain::Units;

#[derive(Debug, Default)]
pub(super) struct StorageOutput {
    bytes: u64,
}

impl StorageOutput {
    pub(super) fn push(&mut self, bytes: usize) {
        self.bytes = self.bytes.saturating_add(bytes as u64);
    }

    pub(super) fn push_until(&mut self, bytes: usize, limit: Units) -> Pushed {
        let room = usize::try_from(limit.0.saturating_sub(self.bytes)).unwrap_or(usize::MAX);
        self.push(bytes.min(room));
        if bytes > room { Pushed::Cut(room) } else { Pushed::All }
    }

    pub(super) fn units(&self) -> Units {
        Units(self.bytes)
    }

    /// Whether the body is whole only its transport can tell; to the meter it always is.
    pub(super) fn finish(self) -> MeterResult {
        MeterResult { units: self.units(), complete: true, ..MeterResult::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_counted_and_cut_exactly() {
        let mut output = StorageOutput::default();
        assert_eq!(output.push_until(6, Units(10)), Pushed::All);
        assert_eq!(output.push_until(4, Units(10)), Pushed::All);
        assert_eq!(output.push_until(1, Units(10)), Pushed::Cut(0));
        assert_eq!(output.finish().units, Units(10));
        let mut output = StorageOutput::default();
        assert_eq!(output.push_until(16, Units(10)), Pushed::Cut(10));
        assert_eq!(output.units(), Units(10));
    }
}
