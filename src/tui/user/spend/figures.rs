//! What was spent, added up for the screen: sums of spans, steps of time with what is stacked in them, and by name.
//!
//! Pure, and worked out away from the screen: years of many services are many rows.

use std::collections::BTreeMap;

use crate::broker::user::{CapUse, DaySpend, Runway, Spent, month_of, spent_by};
use crate::domain::{Address, ServiceName};
use crate::tui::texts;

/// Series of the chart; what is beyond is the last one's.
pub const SERIES: usize = 5;

/// How far back it goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Range {
    Week,
    #[default]
    Month,
    Quarter,
    Year,
    Ever,
}

impl Range {
    pub const ALL: [Range; 5] = [Range::Week, Range::Month, Range::Quarter, Range::Year, Range::Ever];

    pub const fn name(self) -> &'static str {
        match self {
            Range::Week => "7 days",
            Range::Month => "30 days",
            Range::Quarter => "90 days",
            Range::Year => texts::spend::A_YEAR,
            Range::Ever => "ever",
        }
    }

    const fn days(self) -> Option<u64> {
        match self {
            Range::Week => Some(7),
            Range::Month => Some(30),
            Range::Quarter => Some(90),
            Range::Year => Some(365),
            Range::Ever => None,
        }
    }

    /// A step of the chart and of the list.
    pub const fn step(self) -> Step {
        match self {
            Range::Week | Range::Month | Range::Quarter => Step::Day,
            Range::Year => Step::Week,
            Range::Ever => Step::Month,
        }
    }

    #[must_use]
    pub fn longer(self) -> Range {
        let at = Range::ALL.iter().position(|one| *one == self).unwrap_or(0);
        Range::ALL.get(at + 1).copied().unwrap_or(self)
    }

    #[must_use]
    pub fn shorter(self) -> Range {
        let at = Range::ALL.iter().position(|one| *one == self).unwrap_or(0);
        at.checked_sub(1).and_then(|at| Range::ALL.get(at).copied()).unwrap_or(self)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    Day,
    /// From Monday on.
    Week,
    Month,
}

impl Step {
    /// The first day of the step that a day is in. Days count from 1970, a Thursday.
    fn first(self, day: u64) -> u64 {
        match self {
            Step::Day => day,
            Step::Week => day.saturating_sub((day + 3) % 7),
            Step::Month => {
                let month = month_of(day);
                let before = (0..31).take_while(|back| {
                    day.checked_sub(*back).is_some_and(|earlier| month_of(earlier) == month)
                });
                day.saturating_sub(before.last().unwrap_or(0))
            }
        }
    }
}

/// What is stacked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Group {
    #[default]
    Provider,
    Service,
    Nothing,
}

impl Group {
    #[must_use]
    pub const fn next(self) -> Group {
        match self {
            Group::Provider => Group::Service,
            Group::Service => Group::Nothing,
            Group::Nothing => Group::Provider,
        }
    }

    pub const fn name(self) -> &'static str {
        match self {
            Group::Provider => texts::spend::BY_PROVIDER,
            Group::Service => texts::spend::BY_SERVICE,
            Group::Nothing => texts::spend::ALL_TOGETHER,
        }
    }
}

/// Whose money it was.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Name {
    Provider(Address),
    Service(Address, String),
    All,
    Others,
}

/// A step of time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// Its first and last day; the last one may be still to come.
    pub from: u64,
    pub to: u64,
    pub spent: Spent,
    /// Fees of each series, in neuron.
    pub stacked: Vec<u128>,
}

/// Everything that the screen shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Figures {
    pub range: Range,
    pub group: Group,
    pub today: Spent,
    pub week: Spent,
    pub thirty: Spent,
    /// Since the first of this month.
    pub month: Spent,
    pub ever: Spent,
    /// What the range covers.
    pub covered: Spent,
    /// The oldest first.
    pub stretches: Vec<Stretch>,
    pub series: Vec<Name>,
    /// Of the range, the dearest first.
    pub providers: Vec<(Name, Spent)>,
    pub services: Vec<(Name, Spent)>,
    pub caps: Vec<CapUse>,
    pub runway: Runway,
}

/// Adds up all days that there are.
pub fn figures(
    all: &[DaySpend],
    today: u64,
    (range, group): (Range, Group),
    (caps, runway): (Vec<CapUse>, Runway),
) -> Figures {
    let since = |from: u64| Spent::sum(all.iter().filter(|day| day.day >= from));
    let back = |days: u64| today.saturating_sub(days - 1);
    let step = range.step();
    let oldest = all.iter().map(|day| day.day).min().unwrap_or(today).min(today);
    let from = step.first(range.days().map_or(oldest, back));
    let within = || all.iter().filter(|day| day.day >= from);
    let name = |day: &DaySpend| match group {
        Group::Provider => Name::Provider(day.provider),
        Group::Service => service(day),
        Group::Nothing => Name::All,
    };
    let series = largest(spent_by(within(), name));
    let mut stretches: Vec<Stretch> = Vec::new();
    for day in from..=today.max(from) {
        match stretches.last_mut() {
            Some(last) if step.first(day) == last.from => last.to = day,
            _ => stretches.push(Stretch {
                from: day,
                to: day,
                spent: Spent::default(),
                stacked: vec![0; series.len()],
            }),
        }
    }
    for day in within() {
        let begin = step.first(day.day);
        // A clock that was set back leaves days that are still to come; they are today's.
        let at =
            stretches.binary_search_by_key(&begin, |stretch| stretch.from).unwrap_or(stretches.len() - 1);
        let Some(stretch) = stretches.get_mut(at) else { continue };
        stretch.spent = stretch.spent.plus(day.spent);
        let own = name(day);
        let at = series.iter().position(|one| *one == own).unwrap_or(series.len().saturating_sub(1));
        if let Some(part) = stretch.stacked.get_mut(at) {
            *part = part.saturating_add(day.spent.fee.total().get());
        }
    }
    Figures {
        range,
        group,
        today: since(today),
        week: since(back(7)),
        thirty: since(back(30)),
        month: since(Step::Month.first(today)),
        ever: since(0),
        covered: Spent::sum(within()),
        stretches,
        series,
        providers: dearest(spent_by(within(), |day| Name::Provider(day.provider))),
        services: dearest(spent_by(within(), service)),
        caps,
        runway,
    }
}

fn service(day: &DaySpend) -> Name {
    let name: &ServiceName = &day.service;
    Name::Service(day.provider, name.as_str().to_owned())
}

fn dearest(sums: BTreeMap<Name, Spent>) -> Vec<(Name, Spent)> {
    let mut sums: Vec<(Name, Spent)> = sums.into_iter().collect();
    sums.sort_by_key(|(_, spent)| std::cmp::Reverse(spent.fee.total()));
    sums
}

/// The names of the largest sums; the last one stands for all others where there are more than fit.
fn largest(sums: BTreeMap<Name, Spent>) -> Vec<Name> {
    let mut names: Vec<Name> = dearest(sums).into_iter().map(|(name, _)| name).collect();
    if names.len() > SERIES {
        names.truncate(SERIES - 1);
        names.push(Name::Others);
    }
    if names.is_empty() {
        names.push(Name::All);
    }
    names
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;
    use crate::domain::{Fee, Neuron};
    use crate::tui::user::requests::day_in_words;
    use proptest::prelude::*;

    fn day(day: u64, provider: u8, fee: u128) -> DaySpend {
        DaySpend {
            day,
            provider: Address::repeat_byte(provider),
            service: "llama7b".parse().unwrap(),
            spent: Spent {
                requests: 1,
                answered: 1,
                fee: Fee { input: Neuron::ZERO, output: Neuron::new(fee) },
                ..Spent::default()
            },
        }
    }

    /// 2024-08-22, a Thursday.
    const TODAY: u64 = 19_957;

    fn of(all: &[DaySpend], range: Range, group: Group) -> Figures {
        figures(all, TODAY, (range, group), (Vec::new(), Runway::default()))
    }

    #[test]
    fn steps_begin_where_calendars_have_them() {
        let words = |step: Step, day: u64| day_in_words(step.first(day));
        assert_eq!(words(Step::Week, TODAY), "2024-08-19");
        assert_eq!(words(Step::Week, TODAY - 3), "2024-08-19");
        assert_eq!(words(Step::Week, TODAY - 4), "2024-08-12");
        assert_eq!(words(Step::Month, TODAY), "2024-08-01");
        assert_eq!(words(Step::Month, TODAY - 21), "2024-08-01");
        assert_eq!(words(Step::Month, TODAY - 22), "2024-07-01");
        assert_eq!(Step::Month.first(3), 0);
    }

    #[test]
    fn spans_and_names_are_told_apart() {
        let all = [day(TODAY, 1, 5), day(TODAY - 6, 2, 7), day(TODAY - 29, 1, 11), day(TODAY - 400, 3, 13)];
        let figures = of(&all, Range::Month, Group::Provider);
        let fee = |spent: Spent| spent.fee.total().get();
        assert_eq!((fee(figures.today), fee(figures.week), fee(figures.thirty)), (5, 12, 23));
        assert_eq!((fee(figures.month), fee(figures.ever), fee(figures.covered)), (12, 36, 23));
        assert_eq!(figures.stretches.len(), 30);
        assert_eq!(figures.series.len(), 2);
        assert_eq!(figures.stretches.last().unwrap().stacked, [5, 0]);
        let months = of(&all, Range::Ever, Group::Nothing);
        assert_eq!(day_in_words(months.stretches[0].from), "2023-07-01");
        assert_eq!(months.stretches.len(), 14);
        assert_eq!(of(&[], Range::Ever, Group::Service).stretches.len(), 1);
    }

    proptest! {
        #[test]
        fn no_neuron_is_lost_between_pictures(
            days in prop::collection::vec((0u64..800, 0u8..9, 0u128..1 << 100), 0..60),
            range in 0usize..5,
            group in 0usize..3,
        ) {
            let all: Vec<DaySpend> =
                days.iter().map(|(back, provider, fee)| day(TODAY - back, *provider, *fee)).collect();
            let group = [Group::Provider, Group::Service, Group::Nothing][group];
            let figures = of(&all, Range::ALL[range], group);
            let covered = figures.covered.fee.total().get();
            let stacked: u128 = figures.stretches.iter().flat_map(|one| &one.stacked).sum();
            let listed: u128 = figures.stretches.iter().map(|one| one.spent.fee.total().get()).sum();
            let named = |names: &[(Name, Spent)]| names.iter().map(|(_, one)| one.fee.total().get()).sum::<u128>();
            prop_assert_eq!(stacked, covered);
            prop_assert_eq!(listed, covered);
            prop_assert_eq!(named(&figures.providers), covered);
            prop_assert_eq!(named(&figures.services), covered);
            prop_assert!(figures.series.len() <= SERIES);
        }
    }
}
