//! The chain's clock: the wall clock, moved forward on request, never running backwards.

use crate::domain::Timestamp;

/// Says what time the next block carries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Clock {
    /// Seconds the chain is ahead of the wall clock (behind, if negative).
    offset: i64,
    /// The next block carries exactly this time, and the clock goes on from there.
    exact: Option<u64>,
}

impl Clock {
    pub fn with_offset(offset: i64) -> Self {
        Clock { offset, exact: None }
    }

    pub fn offset(&self) -> i64 {
        self.offset
    }

    /// Moves the clock `seconds` ahead and returns how far it is off the wall clock in all.
    pub fn advance(&mut self, seconds: u64) -> i64 {
        let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
        self.offset = self.offset.saturating_add(seconds);
        // An exact time asked for earlier moves along: the caller wants the next block later still.
        self.exact = self.exact.map(|exact| exact.saturating_add_signed(seconds));
        self.offset
    }

    /// The next block carries `time` (seconds since 1970).
    pub fn set_next(&mut self, time: u64) {
        self.exact = Some(time);
    }

    /// The time of a block mined now on a parent of `parent`. Several blocks may share a second: pushing each one a
    /// second ahead would let a busy chain run away from the wall clock that vouchers and prices expire by.
    pub fn next(&self, parent: u64) -> u64 {
        let running = Timestamp::now().as_seconds().saturating_add_signed(self.offset);
        self.exact.unwrap_or(running).max(parent)
    }

    /// A block of time `time` was mined.
    pub fn mined(&mut self, time: u64) {
        if self.exact.take().is_some() {
            self.offset = time_difference(time, Timestamp::now().as_seconds());
        }
    }
}

fn time_difference(later: u64, earlier: u64) -> i64 {
    if later >= earlier {
        i64::try_from(later - earlier).unwrap_or(i64::MAX)
    } else {
        i64::try_from(earlier - later).map(|behind| -behind).unwrap_or(i64::MIN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_moves_ahead_and_never_back() {
        let mut clock = Clock::default();
        let now = clock.next(0);
        assert_eq!(clock.next(now + 100), now + 100, "a parent ahead of the clock holds it");
        assert_eq!(clock.advance(3600), 3600);
        assert!(clock.next(0) >= now + 3600);
        clock.set_next(now + 10_000);
        assert_eq!(clock.next(0), now + 10_000);
        let set = Timestamp::now();
        clock.mined(now + 10_000);
        let running = clock.next(0);
        let gone = Timestamp::now().seconds_since(set);
        assert!(
            (now + 10_000..=now + 10_000 + gone).contains(&running),
            "the clock runs on from the exact time"
        );
    }
}
