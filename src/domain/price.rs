//! Prices, units and fees.

use serde::{Deserialize, Serialize};

use super::Neuron;

/// Tokens or bytes, as the service's kind says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Units(pub u64);

/// Neuron for one unit in, and for one unit out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Prices {
    pub input: Neuron,
    pub output: Neuron,
}

/// What one request costs: `price × units` each way, in neuron.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Fee {
    pub input: Neuron,
    pub output: Neuron,
}

impl Prices {
    /// The fee for these units, or `None` when it passes 2^128 − 1 (then nobody can owe it).
    pub fn fee(&self, input: Units, output: Units) -> Option<Fee> {
        let fee = Fee {
            input: self.input.checked_mul(input.0.into())?,
            output: self.output.checked_mul(output.0.into())?,
        };
        fee.input.checked_add(fee.output).map(|_| fee)
    }

    /// How many output units `budget` buys; `None` when output is free.
    pub fn output_units_for(&self, budget: Neuron) -> Option<Units> {
        let units = budget.get().checked_div(self.output.get())?;
        Some(Units(u64::try_from(units).unwrap_or(u64::MAX)))
    }
}

impl Fee {
    pub const NONE: Fee = Fee { input: Neuron::ZERO, output: Neuron::ZERO };

    /// Input and output fee together. [`Prices::fee`] made sure that the sum exists.
    pub fn total(&self) -> Neuron {
        self.input.saturating_add(self.output)
    }

    /// The same fee held to `max`: the input part is kept first, the output part gives way.
    pub fn capped(self, max: Neuron) -> Fee {
        let input = self.input.min(max);
        Fee { input, output: self.output.min(max.above(input)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_procedures_prices() {
        let prices = Prices { input: Neuron::new(100_000), output: Neuron::new(200_000) };
        let fee = prices.fee(Units(6), Units(10));
        assert_eq!(fee.map(|f| f.total()), Some(Neuron::new(2_600_000)));
        assert_eq!(prices.output_units_for(Neuron::new(999_999)), Some(Units(4)));
        assert_eq!(Prices::default().output_units_for(Neuron::new(1)), None);
    }

    #[test]
    fn overflow_is_no_fee() {
        let prices = Prices { input: Neuron::new(u128::MAX), output: Neuron::new(1) };
        assert_eq!(prices.fee(Units(2), Units(0)), None);
        assert_eq!(prices.fee(Units(1), Units(1)), None);
    }

    proptest! {
        #[test]
        fn a_capped_fee_never_passes_its_cap(i in any::<u64>(), o in any::<u64>(), max in any::<u128>()) {
            let fee = Fee { input: Neuron::new(i.into()), output: Neuron::new(o.into()) };
            let capped = fee.capped(Neuron::new(max));
            prop_assert!(capped.total().get() <= max);
            prop_assert_eq!(capped.total(), fee.total().min(Neuron::new(max)));
        }
    }
}
