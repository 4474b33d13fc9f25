//! The `usage` meter: a model server's own figures, held within a bound that both sides can compute.

use super::MeterName;
use crate::domain::Units;

/// The most that a stated figure may be, for a text of which we counted `own` tokens: twice as many and 64.
///
/// Vocabularies differ by less than two for ordinary text, and a chat template adds a few dozen tokens. What a server
/// generates but does not show (hidden reasoning) is beyond what a user can check, and is not paid.
pub fn usage_bound(own: Units) -> Units {
    Units(own.0.saturating_mul(2).saturating_add(64))
}

/// The units to charge for one direction of a call, by the same rule on both sides.
///
/// By `o200k` and `bytes` our own count; by `usage` the stated figure up to its bound, or our own count when none was
/// stated.
pub fn charged(meter: MeterName, own: Units, stated: Option<u64>) -> Units {
    match (meter, stated) {
        (MeterName::Usage, Some(stated)) => Units(stated).min(usage_bound(own)),
        _ => own,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stated_figures_are_bounded() {
        assert_eq!(charged(MeterName::O200k, Units(10), Some(99)), Units(10));
        assert_eq!(charged(MeterName::Bytes, Units(10), Some(99)), Units(10));
        assert_eq!(charged(MeterName::Usage, Units(10), Some(12)), Units(12));
        assert_eq!(charged(MeterName::Usage, Units(10), Some(3)), Units(3));
        assert_eq!(charged(MeterName::Usage, Units(10), Some(u64::MAX)), Units(84));
        assert_eq!(charged(MeterName::Usage, Units(10), None), Units(10));
        assert_eq!(usage_bound(Units(u64::MAX)), Units(u64::MAX));
    }
}
