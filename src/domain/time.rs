//! Moments, as seconds and nanoseconds since 1970 in UTC. Passed in; never read from a clock here.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A moment. Shown and sent as RFC 3339 in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(jiff::Timestamp);

impl Timestamp {
    /// The wall clock. Called by brokers and faces, which pass the moment down.
    pub fn now() -> Self {
        Timestamp(jiff::Timestamp::now())
    }

    /// Seconds since 1970, as blocks count; what lies outside the calendar is held to its ends.
    pub fn from_seconds(seconds: u64) -> Self {
        let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
        Timestamp(jiff::Timestamp::from_second(seconds).unwrap_or(jiff::Timestamp::MAX))
    }

    /// Microseconds since 1970, as databases keep them.
    pub fn from_micros(micros: i64) -> Self {
        Timestamp(jiff::Timestamp::from_microsecond(micros).unwrap_or(jiff::Timestamp::MAX))
    }

    pub fn as_micros(self) -> i64 {
        self.0.as_microsecond()
    }

    /// Whole seconds since 1970; moments before it count as 0.
    pub fn as_seconds(self) -> u64 {
        u64::try_from(self.0.as_second()).unwrap_or(0)
    }

    /// The second that it is in, as times are told that are no request's or operation's own.
    pub fn second(self) -> Self {
        Self::from_seconds(self.as_seconds())
    }

    /// Whole seconds from `earlier` to this moment, zero if it lies ahead.
    pub fn seconds_since(self, earlier: Timestamp) -> u64 {
        u64::try_from(self.0.as_second().saturating_sub(earlier.0.as_second())).unwrap_or(0)
    }

    pub fn plus_seconds(self, seconds: u64) -> Self {
        Self::from_seconds(self.as_seconds().saturating_add(seconds))
    }

    /// The UTC day, as days since 1970; the key of daily totals.
    pub fn day(self) -> u64 {
        self.as_seconds() / 86_400
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// Text that is no moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is not a time; write it like 2026-11-01T00:00:00Z")]
pub struct NotATime;

impl std::str::FromStr for Timestamp {
    type Err = NotATime;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Timestamp).map_err(|_| NotATime)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_time_is_told_with_an_example() {
        for text in ["yesterday", "", "2026-11-01", "2026-13-01T00:00:00Z", "1762300000"] {
            let told = text.parse::<Timestamp>().map_err(|error| error.to_string());
            assert_eq!(
                told,
                Err("it is not a time; write it like 2026-11-01T00:00:00Z".to_owned()),
                "{text}"
            );
        }
        assert!("2026-11-01T01:00:00+01:00".parse::<Timestamp>().is_ok());
    }

    #[test]
    fn shown_as_rfc_3339() {
        assert_eq!(Timestamp::from_seconds(1_724_337_532).to_string(), "2024-08-22T14:38:52Z");
        assert_eq!(
            Timestamp::from_seconds(u64::MAX).seconds_since(Timestamp::from_seconds(0)),
            253_402_207_200
        );
    }
}
