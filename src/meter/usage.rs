//! The `usage` meter: a model server's own figures, never beyond what both sides counted themselves.

use super::MeterName;
use crate::domain::Units;

/// The units to charge for one direction of a call, by the same rule on both sides.
///
/// By `o200k` and `bytes` our own count; by `usage` the stated figure where it is lower than our own count, and our own
/// count where it is not or none was stated. What a server has counted beyond the text that passed (another vocabulary,
/// its chat template, hidden reasoning) nobody else can check, and whoever states it is paid by it; so it is not paid.
/// A price says what a server is worth, a figure from it does not.
pub fn charged(meter: MeterName, own: Units, stated: Option<u64>) -> Units {
    match (meter, stated) {
        (MeterName::Usage, Some(stated)) => Units(stated).min(own),
        _ => own,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn stated_figures_lower_the_count_and_never_raise_it() {
        assert_eq!(charged(MeterName::O200k, Units(10), Some(99)), Units(10));
        assert_eq!(charged(MeterName::O200k, Units(10), Some(1)), Units(10));
        assert_eq!(charged(MeterName::Bytes, Units(10), Some(99)), Units(10));
        assert_eq!(charged(MeterName::Usage, Units(10), Some(12)), Units(10));
        assert_eq!(charged(MeterName::Usage, Units(10), Some(3)), Units(3));
        assert_eq!(charged(MeterName::Usage, Units(10), Some(u64::MAX)), Units(10));
        assert_eq!(charged(MeterName::Usage, Units(10), None), Units(10));
    }

    proptest! {
        #[test]
        fn no_statement_costs_more_than_our_own_count(
            own in any::<u64>(), stated in proptest::option::of(any::<u64>()), meter in 0..3usize,
        ) {
            let meter = [MeterName::O200k, MeterName::Usage, MeterName::Bytes][meter];
            prop_assert!(charged(meter, Units(own), stated) <= Units(own));
        }
    }
}
