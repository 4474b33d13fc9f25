//! When to draw: once after a change, never more often than sixty times a second, and not at all without one.

use std::time::Duration;

use tokio::time::Instant;

const BETWEEN: Duration = Duration::from_micros(16_667);

#[derive(Debug, Default)]
pub struct Frames {
    wanted: bool,
    last: Option<Instant>,
    drawn: u64,
}

impl Frames {
    pub fn want(&mut self) {
        self.wanted = true;
    }

    /// When the next frame is due, if one is wanted.
    pub fn due(&self, now: Instant) -> Option<Instant> {
        self.wanted.then(|| self.last.map_or(now, |last| (last + BETWEEN).max(now)))
    }

    pub fn drew(&mut self, now: Instant) {
        self.wanted = false;
        self.last = Some(now);
        self.drawn += 1;
    }

    /// How many were drawn.
    pub fn drawn(&self) -> u64 {
        self.drawn
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_merged_and_idleness_draws_nothing() {
        let mut frames = Frames::default();
        let begin = Instant::now();
        assert_eq!(frames.due(begin), None);
        for millisecond in 0..1000 {
            frames.want();
            let now = begin + Duration::from_millis(millisecond);
            if frames.due(now) == Some(now) {
                frames.drew(now);
            }
        }
        assert!((55..=60).contains(&frames.drawn()), "{} frames in a second", frames.drawn());
        frames.drew(begin);
        assert_eq!(frames.due(begin + Duration::from_secs(9)), None);
    }
}
