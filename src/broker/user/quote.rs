//! What a request may come to cost at most, before anything of it is sent.

use crate::domain::{Neuron, Prices, Units};

/// The span of what a request can cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quote {
    pub input: Units,
    /// The most output that the request asks for, or that is assumed.
    pub output_limit: Units,
    /// Fee at the output limit.
    pub highest: Neuron,
    /// Fee of the input and one unit of output; with less it is not worth sending.
    pub least: Neuron,
}

/// The cost is beyond any amount of money that exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("at these prices the request could cost more than any account can hold")]
pub struct QuoteOverflow;

impl Quote {
    pub fn new(prices: Prices, input: Units, output_limit: Units) -> Result<Quote, QuoteOverflow> {
        let total = |output| {
            let fee = prices.fee(input, output).ok_or(QuoteOverflow)?.total();
            if fee <= Neuron::MAX { Ok(fee) } else { Err(QuoteOverflow) }
        };
        let least = total(Units(output_limit.0.min(1)))?;
        // A limit that nobody could pay for is clamped to what is there anyway; only the least must be payable.
        let highest = total(output_limit).unwrap_or(Neuron::MAX);
        Ok(Quote { input, output_limit, highest, least })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;

    #[test]
    fn a_quote_spans_from_one_unit_of_output_to_the_limit() {
        let prices = Prices { input: Neuron::new(100_000), output: Neuron::new(200_000) };
        let quote = Quote::new(prices, Units(6), Units(4_096)).unwrap();
        assert_eq!(quote.least, Neuron::new(800_000));
        assert_eq!(quote.highest, Neuron::new(819_800_000));
        assert_eq!(Quote::new(prices, Units(6), Units(0)).unwrap().least, Neuron::new(600_000));
    }

    #[test]
    fn impossible_prices_are_refused_or_clamped() {
        let greedy = Prices { input: Neuron::ZERO, output: Neuron::new(u128::MAX / 2) };
        assert_eq!(Quote::new(greedy, Units(1), Units(9)), Err(QuoteOverflow));
        let dear = Prices { input: Neuron::ZERO, output: Neuron::MAX };
        assert_eq!(Quote::new(dear, Units(1), Units(9)).unwrap().highest, Neuron::MAX);
    }
}
