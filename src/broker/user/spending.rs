//! What was spent: by day, service and provider, what is used of the caps, and how long the money lasts at this pace.
//!
//! Days are UTC days since 1970, as [`Timestamp::day`] gives them; a request counts for the day it was made. All sums
//! are read from rows that are kept with the requests, so a year costs the same however many requests it had.

use std::collections::BTreeMap;

use super::UserError;
use super::caps::Cap;
use super::handle::UserBroker;
use crate::domain::{Address, Fee, Neuron, ServiceName, Timestamp, Units};
use crate::store::user::RequestDay;

/// The pace is that of so many days, today included.
const PACE_DAYS: u64 = 7;

/// What one service of one provider cost on one day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DaySpend {
    pub day: u64,
    pub provider: Address,
    pub service: ServiceName,
    pub spent: Spent,
}

/// Sums of requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    /// All that were made, whatever became of them.
    pub requests: u64,
    /// Answered, paid in full or with a dispute; units, fee and what is disputed are theirs.
    pub answered: u64,
    pub failed: u64,
    pub input: Units,
    pub output: Units,
    pub fee: Fee,
    /// Asked for by providers beyond the fees, and not paid; in neuron.
    pub disputed: Neuron,
}

impl Spent {
    /// Both sums together. A sum beyond what can exist is held to it.
    pub fn plus(self, other: Spent) -> Spent {
        let units = |a: Units, b: Units| Units(a.0.saturating_add(b.0));
        Spent {
            requests: self.requests.saturating_add(other.requests),
            answered: self.answered.saturating_add(other.answered),
            failed: self.failed.saturating_add(other.failed),
            input: units(self.input, other.input),
            output: units(self.output, other.output),
            fee: Fee {
                input: self.fee.input.saturating_add(other.fee.input),
                output: self.fee.output.saturating_add(other.fee.output),
            },
            disputed: self.disputed.saturating_add(other.disputed),
        }
    }

    /// The sum of several.
    pub fn sum<'a>(days: impl IntoIterator<Item = &'a DaySpend>) -> Spent {
        days.into_iter().fold(Spent::default(), |sum, day| sum.plus(day.spent))
    }
}

/// Adds spending up by whatever `key` says: day, provider, service, model, month.
pub fn spent_by<'a, K: Ord>(
    days: impl IntoIterator<Item = &'a DaySpend>,
    key: impl Fn(&DaySpend) -> K,
) -> BTreeMap<K, Spent> {
    let mut sums: BTreeMap<K, Spent> = BTreeMap::new();
    for day in days {
        let sum = sums.entry(key(day)).or_default();
        *sum = sum.plus(day.spent);
    }
    sums
}

/// The year and month of a UTC day, as (2026, 11).
pub fn month_of(day: u64) -> (i64, u8) {
    // Howard Hinnant's civil_from_days, for days since 1970.
    let days = i64::try_from(day).unwrap_or(i64::MAX / 2).min(i64::MAX / 2) + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, u8::try_from(month).unwrap_or(1))
}

/// A cap and what is used of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CapUse {
    pub cap: Cap,
    /// Of the cap per provider there is one for each account.
    pub provider: Option<Address>,
    pub limit: Neuron,
    /// Spent or promised, in neuron. Requests in flight count at their highest fee. Of the cap per request nothing.
    pub used: Neuron,
}

impl CapUse {
    pub fn left(&self) -> Neuron {
        self.limit.above(self.used)
    }
}

/// How long money lasts at the pace of the last week, and how many answers like the last ones it pays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Runway {
    /// What there is to spend, in neuron.
    pub available: Neuron,
    /// Fees of a day, in the mean of the days since the first request of the week; in neuron, rounded up.
    pub per_day: Neuron,
    /// The fee of an answer in the mean of the week, in neuron, rounded up.
    pub per_answer: Neuron,
    /// Whole days; `None` when nothing was spent, so that it is not known.
    pub days: Option<u64>,
    /// About so many answers; `None` likewise.
    pub answers: Option<u64>,
}

impl Runway {
    fn new(available: Neuron, week: &[DaySpend], today: u64) -> Runway {
        let sum = Spent::sum(week);
        let fee = sum.fee.total();
        let since = week.iter().map(|day| day.day).min().unwrap_or(today);
        let days = today.saturating_sub(since).saturating_add(1);
        Runway {
            available,
            per_day: mean(fee, days),
            per_answer: mean(fee, sum.answered),
            days: times(available, days, fee),
            answers: times(available, sum.answered, fee),
        }
    }
}

fn mean(sum: Neuron, count: u64) -> Neuron {
    if count == 0 { Neuron::ZERO } else { Neuron::new(sum.get().div_ceil(count.into())) }
}

/// `available × count / spent`, rounded down; `None` when nothing was spent.
fn times(available: Neuron, count: u64, spent: Neuron) -> Option<u64> {
    let (available, count, spent) = (available.get(), u128::from(count), spent.get());
    if spent == 0 {
        return None;
    }
    let times = match available.checked_mul(count) {
        Some(product) => product / spent,
        // Both parts apart, each without overflow; the rest's part is left out where it does not fit either.
        None => (available / spent)
            .saturating_mul(count)
            .saturating_add((available % spent).checked_mul(count).map_or(0, |product| product / spent)),
    };
    Some(u64::try_from(times).unwrap_or(u64::MAX))
}

impl UserBroker {
    /// What was spent on the days `from..=to`, in order of day, provider and service. Days without requests are
    /// left out.
    pub async fn spending(&self, from: u64, to: u64) -> Result<Vec<DaySpend>, UserError> {
        let days = self.inner.store.request_days(self.inner.user, from, to).await?;
        Ok(days.into_iter().map(day_spend).collect())
    }

    /// The caps that are set and what is used of each today.
    pub fn cap_uses(&self) -> Vec<CapUse> {
        let caps = self.inner.caps();
        let mut book = self.inner.book.lock();
        let (_, today) = book.today(Timestamp::now().day());
        let (held, all) = (book.held(), book.committed());
        let each = caps.per_provider.is_some();
        let positions = each.then(|| book.positions()).into_iter().flatten();
        let promised: Vec<(Address, Neuron)> =
            positions.map(|(provider, position)| (*provider, position.committed())).collect();
        drop(book);
        let of = |cap, provider, limit: Option<Neuron>, used| {
            limit.map(|limit| CapUse { cap, provider, limit, used })
        };
        let mut uses: Vec<CapUse> =
            of(Cap::Request, None, caps.per_request, Neuron::ZERO).into_iter().collect();
        uses.extend(of(Cap::Day, None, caps.per_day, today.saturating_add(held)));
        uses.extend(
            promised
                .iter()
                .filter_map(|(provider, used)| of(Cap::Provider, Some(*provider), caps.per_provider, *used)),
        );
        uses.extend(of(Cap::Total, None, caps.total, all));
        uses
    }

    /// How long the money with a provider lasts, or with all together, at the pace of the last 7 days.
    pub async fn runway(&self, provider: Option<Address>) -> Result<Runway, UserError> {
        let today = Timestamp::now().day();
        let mut week = self.spending(today.saturating_sub(PACE_DAYS - 1), today).await?;
        week.retain(|day| provider.is_none_or(|provider| day.provider == provider));
        let accounts = self.inner.accounts();
        let wanted =
            accounts.iter().filter(|account| provider.is_none_or(|provider| account.provider == provider));
        let available = wanted.fold(Neuron::ZERO, |sum, account| sum.saturating_add(account.available));
        Ok(Runway::new(available, &week, today))
    }
}

fn day_spend(row: RequestDay) -> DaySpend {
    DaySpend {
        day: row.day,
        provider: row.account.provider,
        service: row.service,
        spent: Spent {
            requests: row.requests,
            answered: row.answered,
            failed: row.failed,
            input: row.input,
            output: row.output,
            fee: row.fee,
            disputed: row.disputed,
        },
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;
    use proptest::prelude::*;

    fn day(day: u64, provider: u8, answered: u64, fee: u128) -> DaySpend {
        DaySpend {
            day,
            provider: Address::repeat_byte(provider),
            service: "llama7b".parse().unwrap(),
            spent: Spent {
                requests: answered + 1,
                answered,
                failed: 1,
                fee: Fee { input: Neuron::ZERO, output: Neuron::new(fee) },
                ..Spent::default()
            },
        }
    }

    #[test]
    fn money_lasts_as_long_as_the_pace_of_the_week_says() {
        let n = Neuron::new;
        // First used three days ago: 300 in 4 days, 30 answers.
        let week = [day(17, 1, 10, 100), day(20, 1, 20, 200)];
        let runway = Runway::new(n(1_000), &week, 20);
        assert_eq!((runway.per_day, runway.per_answer), (n(75), n(10)));
        assert_eq!((runway.days, runway.answers), (Some(13), Some(100)));
        let unknown = Runway::new(n(1_000), &[day(20, 1, 5, 0)], 20);
        assert_eq!((unknown.days, unknown.answers), (None, None));
        assert_eq!(Runway::new(n(5), &[], 20).days, None);
        assert_eq!(Runway::new(Neuron::ZERO, &week, 20).answers, Some(0));
    }

    #[test]
    fn sums_go_by_whatever_is_asked() {
        let days = [day(17, 1, 1, 5), day(17, 2, 1, 7), day(18, 1, 1, 9)];
        let by_day = spent_by(&days, |day| day.day);
        assert_eq!(by_day[&17].fee.total(), Neuron::new(12));
        let by_provider = spent_by(&days, |day| day.provider);
        assert_eq!(by_provider[&Address::repeat_byte(1)].requests, 4);
        assert_eq!(Spent::sum(&days).fee.total(), Neuron::new(21));
    }

    proptest! {
        #[test]
        fn a_month_is_the_calendars(seconds in 0u64..250_000_000_000) {
            let moment = Timestamp::from_seconds(seconds);
            let text = moment.to_string();
            let (year, month) = month_of(moment.day());
            prop_assert_eq!(format!("{year:04}-{month:02}"), &text[..7]);
        }

        #[test]
        fn what_lasts_was_never_more_than_there_is(
            available in any::<u128>(), count in any::<u64>(), spent in 1u128..,
        ) {
            let times = times(Neuron::new(available), count, Neuron::new(spent)).unwrap();
            if let Some(product) = available.checked_mul(count.into()) {
                prop_assert_eq!(u128::from(times), (product / spent).min(u64::MAX.into()));
            }
        }
    }
}
