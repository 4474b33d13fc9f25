//! Times and waits as text.
//!
//! Ages are told in minutes, hours and days, so that they change once a minute; only waits that somebody counts
//! (an unlock, a retry) are told to the second.

use crate::domain::Timestamp;
use crate::tui::texts;

/// How long ago: `now`, `3m`, `2h 05m`, `4d 03h`.
pub fn ago(now: Timestamp, then: Timestamp) -> String {
    span(now.seconds_since(then))
}

fn span(seconds: u64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match (days, hours, minutes) {
        (0, 0, 0) => "now".to_owned(),
        (0, 0, minutes) => format!("{minutes}m"),
        (0, hours, _) => texts::kit::hours_and_minutes(hours, minutes % 60),
        (days, ..) => texts::kit::days_and_hours(days, hours % 24),
    }
}

/// How long until: `01:12`, `2:05:09`, `3d 04h`; `due` once it has come.
pub fn until(now: Timestamp, then: Timestamp) -> String {
    let seconds = then.seconds_since(now);
    match seconds {
        0 => "due".to_owned(),
        1..=3599 => format!("{:02}:{:02}", seconds / 60, seconds % 60),
        3600..=86_399 => format!("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60),
        _ => texts::kit::days_and_hours(seconds / 86_400, seconds / 3600 % 24),
    }
}

/// Seconds as people say them: `2 min`, `24 h`.
pub fn length(seconds: u64) -> String {
    match seconds {
        0..=119 => format!("{seconds} s"),
        120..=7199 => texts::kit::minutes(seconds / 60),
        7200..=172_799 => format!("{} h", seconds / 3600),
        _ => texts::numbers::days(seconds / 86_400),
    }
}

/// The clock in UTC: with the day where it is another one.
pub fn clock(now: Timestamp, then: Timestamp) -> String {
    // RFC 3339: 2024-08-22T14:38:52Z, perhaps with a fraction.
    let text = then.to_string();
    let (day, time) = text.split_once('T').unwrap_or((&text, ""));
    let time = time.get(..8).unwrap_or(time);
    if now.day() == then.day() { time.to_owned() } else { format!("{} {time}", day.get(5..).unwrap_or(day)) }
}

/// Day and time in UTC, for details.
pub fn in_full(then: Timestamp) -> String {
    let text = then.to_string();
    match text.split_once('T') {
        Some((day, time)) => format!("{day} {} UTC", time.get(..8).unwrap_or(time)),
        None => text,
    }
}

/// How long something lasts, in words: `1 day`, `412 days`. Beyond ten years nobody counts them.
pub fn days(days: u64) -> String {
    match days {
        0 => texts::kit::LESS_THAN_A_DAY.to_owned(),
        1..=3_650 => texts::numbers::days(days),
        _ => texts::kit::MORE_THAN_TEN_YEARS.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_count_seconds_and_ages_do_not() {
        let now = Timestamp::from_seconds(1_724_337_532);
        let at = |seconds| now.plus_seconds(seconds);
        assert_eq!(until(now, at(72)), "01:12");
        assert_eq!(until(now, at(7509)), "2:05:09");
        assert_eq!(until(now, at(3 * 86_400 + 4 * 3600 + 5)), "3d 04h");
        assert_eq!(until(at(1), now), "due");
        assert_eq!(ago(at(59), now), "now");
        assert_eq!(ago(at(7500), now), "2h 05m");
        assert_eq!(clock(now, now), "14:38:52");
        assert_eq!(clock(at(86_400), now), "08-22 14:38:52");
        assert_eq!(in_full(now), "2024-08-22 14:38:52 UTC");
    }
}
