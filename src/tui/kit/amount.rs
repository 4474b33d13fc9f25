//! Amounts on screen: integers only, cut and never rounded up, and marked `~` where digits were left out and
//! `<` where nothing would be left.
//!
//! The unit is chosen for a whole column, so that figures can be compared by their length. *Auto* shows neuron as long
//! as everything in the column is below 10^12, and A0GI with six decimals above; `neuron` and `A0GI` show every digit.

use crate::domain::Neuron;
pub use crate::tui::texts::numbers::grouped;

/// What `u` goes through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unit {
    #[default]
    Auto,
    Neuron,
    A0gi,
}

/// Above this a column of neuron says less than one of A0GI.
const LONG: Neuron = Neuron::new(1_000_000_000_000);
/// Decimals of A0GI in *auto*.
const DECIMALS: usize = 6;
/// All decimals of an A0GI.
const EXACT: usize = 18;

impl Unit {
    pub const fn next(self) -> Unit {
        match self {
            Unit::Auto => Unit::Neuron,
            Unit::Neuron => Unit::A0gi,
            Unit::A0gi => Unit::Auto,
        }
    }

    pub const fn name(self) -> &'static str {
        match self {
            Unit::Auto => "auto",
            Unit::Neuron => "neuron",
            Unit::A0gi => "A0GI",
        }
    }

    /// How a column is written whose largest amount is `peak`.
    pub fn scale(self, peak: Neuron) -> Scale {
        match self {
            Unit::Neuron => Scale::Neuron,
            Unit::A0gi => Scale::A0gi(EXACT),
            Unit::Auto if peak < LONG => Scale::Neuron,
            Unit::Auto => Scale::A0gi(DECIMALS),
        }
    }
}

/// How the amounts of one column are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    Neuron,
    /// With so many decimals.
    A0gi(usize),
}

impl Scale {
    pub const fn name(self) -> &'static str {
        match self {
            Scale::Neuron => "neuron",
            Scale::A0gi(_) => "A0GI",
        }
    }

    /// The amount without its unit.
    pub fn write(self, amount: Neuron) -> String {
        match self {
            Scale::Neuron => grouped(amount.get()),
            // The point of the others stays above its place.
            Scale::A0gi(decimals) if amount.is_zero() => format!("0{:decimals$} ", ""),
            Scale::A0gi(decimals) => {
                let whole = amount.get() / Neuron::A0GI.get();
                let rest = format!("{:018}", amount.get() % Neuron::A0GI.get());
                let (shown, cut) = rest.split_at(decimals.min(EXACT));
                let zero = |digits: &str| digits.bytes().all(|digit| digit == b'0');
                if whole == 0 && zero(shown) && !zero(cut) {
                    // Not nothing, though it looks like it.
                    return format!("<0.{:0>decimals$}", 1);
                }
                let mark = if zero(cut) { "" } else { "~" };
                format!("{mark}{}.{shown}", grouped(whole))
            }
        }
    }
}

/// One amount with its unit: `117,200,000 neuron`, `~0.421800 A0GI`.
pub fn with_unit(amount: Neuron, unit: Unit) -> String {
    match unit.scale(amount) {
        Scale::A0gi(EXACT) => format!("{} A0GI", a0gi(amount)),
        scale => format!("{} {}", scale.write(amount), scale.name()),
    }
}

/// Digits of the smallest of several amounts that are shown in *auto*, and decimals for them at most.
const TELLING: usize = 4;
const BESIDE: usize = 12;

/// Amounts that stand beside each other to be compared, in one unit, and its name: the one that reads well for the
/// largest, with as many decimals as say something of the smallest.
pub fn beside(amounts: &[Neuron], unit: Unit) -> (Vec<String>, &'static str) {
    let peak = amounts.iter().copied().max().unwrap_or_default();
    let scale = match unit.scale(peak) {
        Scale::A0gi(DECIMALS) => {
            let least = amounts.iter().filter(|amount| !amount.is_zero()).min().copied().unwrap_or_default();
            // An A0GI has one digit more than there are decimals.
            let first =
                (EXACT + 1).saturating_sub(least.get().checked_ilog10().map_or(0, |n| n as usize + 1));
            Scale::A0gi((first + TELLING - 1).clamp(DECIMALS, BESIDE))
        }
        scale => scale,
    };
    let write = |amount: &Neuron| match scale {
        Scale::Neuron => scale.write(*amount),
        Scale::A0gi(_) => match scale.write(*amount).trim_end() {
            text if text.contains('.') => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
            text => text.to_owned(),
        },
    };
    (amounts.iter().map(write).collect(), scale.name())
}

/// All decimals of an amount in A0GI, the digits before the point in groups.
pub fn a0gi(amount: Neuron) -> String {
    amount.to_grouped_a0gi()
}

/// Every digit in both units, for details and confirmations.
pub fn in_full(amount: Neuron) -> String {
    amount.in_full()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_column_has_one_unit() {
        let scale = Unit::Auto.scale(Neuron::new(999_999_999_999));
        assert_eq!(scale.write(Neuron::new(117_200_000)), "117,200,000");
        let scale = Unit::Auto.scale(Neuron::A0GI);
        assert_eq!(scale.write(Neuron::A0GI), "1.000000");
        assert_eq!(scale.write(Neuron::new(1)), "<0.000001");
        assert_eq!(scale.write(Neuron::ZERO), "0       ");
    }

    #[test]
    fn what_is_compared_has_one_unit() {
        let written = |amounts: &[u128], unit| {
            let amounts: Vec<_> = amounts.iter().map(|amount| Neuron::new(*amount)).collect();
            let (texts, unit) = beside(&amounts, unit);
            format!("{} {unit}", texts.join(" of "))
        };
        let (auto, much) = (Unit::Auto, 5 * Neuron::A0GI.get());
        assert_eq!(written(&[1_172_000_000, 5_000_000_000], auto), "1,172,000,000 of 5,000,000,000 neuron");
        assert_eq!(written(&[1_172_000_000, 5_000_000_000_000], auto), "0.000000001172 of 0.000005 A0GI");
        assert_eq!(written(&[0, much], auto), "0 of 5 A0GI");
        assert_eq!(written(&[1, much], auto), "<0.000000000001 of 5 A0GI");
        assert_eq!(written(&[154_880_500_000, much], auto), "~0.0000001548 of 5 A0GI");
        assert_eq!(written(&[1_234_567_000_000_000_000, 2 * much], auto), "1.234567 of 10 A0GI");
        assert_eq!(written(&[1, much], Unit::Neuron), "1 of 5,000,000,000,000,000,000 neuron");
        assert_eq!(written(&[1, much], Unit::A0gi), "0.000000000000000001 of 5 A0GI");
        assert_eq!(written(&[], auto), " neuron");
    }

    #[test]
    fn details_have_every_digit() {
        assert_eq!(in_full(Neuron::new(117_200_000)), "117,200,000 neuron = 0.0000000001172 A0GI");
        assert_eq!(with_unit(Neuron::new(117_200_000), Unit::A0gi), "0.0000000001172 A0GI");
        let much = Neuron::new(1_234_567 * Neuron::A0GI.get() + 500_000_000_000_000_000);
        assert_eq!(with_unit(much, Unit::A0gi), "1,234,567.5 A0GI");
        assert_eq!(in_full(much), "1,234,567,500,000,000,000,000,000 neuron = 1,234,567.5 A0GI");
        assert_eq!(a0gi(Neuron::new(10_000 * Neuron::A0GI.get())), "10,000");
        assert_eq!(with_unit(Neuron::new(117_200_000), Unit::Auto), "117,200,000 neuron");
    }

    proptest! {
        #[test]
        fn what_is_not_marked_is_exact(value in 0u128..=Neuron::MAX.get(), peak in 0u128..=Neuron::MAX.get()) {
            let amount = Neuron::new(value);
            for unit in [Unit::Auto, Unit::Neuron, Unit::A0gi] {
                let scale = unit.scale(Neuron::new(peak));
                let text = scale.write(amount).replace([',', ' '], "");
                let back = |text: &str| Neuron::parse_with_unit(&format!("{text} {}", scale.name()));
                if let Some(above) = text.strip_prefix('<') {
                    prop_assert!(back(above).is_ok_and(|shown| amount < shown && !amount.is_zero()));
                    continue;
                }
                match text.strip_prefix('~') {
                    None => prop_assert_eq!(back(&text), Ok(amount)),
                    Some(cut) => prop_assert!(back(cut).is_ok_and(|shown| shown < amount)),
                }
            }
        }
    }
}
