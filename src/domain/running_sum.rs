//! A sum that follows its parts: one is taken out, another put in, and nothing is added up again.

use super::Neuron;

/// The exact sum of many amounts, however large: two words wide, so that what was put in can always be taken out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RunningSum {
    low: u128,
    high: u128,
}

impl RunningSum {
    pub fn add(&mut self, amount: Neuron) {
        let (low, carried) = self.low.overflowing_add(amount.get());
        (self.low, self.high) = (low, self.high.wrapping_add(carried.into()));
    }

    /// Takes out an amount that was put in. Another one would leave a sum that means nothing.
    pub fn take(&mut self, amount: Neuron) {
        let (low, borrowed) = self.low.overflowing_sub(amount.get());
        debug_assert!(self.high >= borrowed.into(), "more is taken out than was put in");
        (self.low, self.high) = (low, self.high.wrapping_sub(borrowed.into()));
    }

    /// The sum of the others.
    pub fn without(mut self, amount: Neuron) -> Neuron {
        self.take(amount);
        self.get()
    }

    /// The sum; the largest number there is where it is larger.
    pub fn get(self) -> Neuron {
        Neuron::new(if self.high == 0 { self.low } else { u128::MAX })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_does_not_fit_comes_back() {
        let most = Neuron::new(u128::MAX);
        let mut sum = RunningSum::default();
        sum.add(most);
        assert_eq!(sum.get(), most);
        sum.add(Neuron::new(7));
        sum.add(most);
        assert_eq!(sum.get(), most);
        sum.take(most);
        assert_eq!((sum.get(), sum.without(most)), (most, Neuron::new(7)));
        sum.take(most);
        assert_eq!(sum.get(), Neuron::new(7));
        sum.take(Neuron::new(7));
        assert_eq!(sum, RunningSum::default());
    }

    proptest! {
        #[test]
        fn it_is_the_sum_of_what_is_in_it(
            steps in prop::collection::vec((prop_oneof![any::<u128>(), 0..9u128], any::<bool>()), 0..60)
        ) {
            let (mut sum, mut inside) = (RunningSum::default(), Vec::new());
            for (amount, out) in steps {
                if out && let Some(amount) = inside.pop() {
                    sum.take(amount);
                } else {
                    inside.push(Neuron::new(amount));
                    sum.add(Neuron::new(amount));
                }
                let whole = inside.iter().copied().fold(Neuron::ZERO, Neuron::saturating_add);
                prop_assert_eq!(sum.get(), whole);
            }
        }
    }
}
