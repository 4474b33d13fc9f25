//! Amounts of money: whole neuron, checked arithmetic, decimal text outside.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A whole number of neuron, the network's smallest unit. 1 A0GI = 10^18 neuron.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Neuron(u128);

/// Why a text is not an amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AmountError {
    #[error("it is empty; write a whole number of neuron")]
    Empty,
    #[error("it is negative; amounts are 0 or more")]
    Negative,
    #[error("it has a fraction; amounts are whole neuron (1 A0GI = 10^18 neuron)")]
    Fraction,
    #[error("it is not a number; write a whole number of neuron in decimal digits")]
    NotANumber,
    #[error("it is above 2^112 - 1, the most that an account can hold")]
    TooLarge,
}

impl Neuron {
    pub const ZERO: Neuron = Neuron(0);
    /// The largest amount that the contract stores: 2^112 − 1.
    pub const MAX: Neuron = Neuron((1 << 112) - 1);
    /// One A0GI.
    pub const A0GI: Neuron = Neuron(1_000_000_000_000_000_000);

    pub const fn new(neuron: u128) -> Self {
        Neuron(neuron)
    }

    pub const fn get(self) -> u128 {
        self.0
    }

    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    pub const fn checked_add(self, other: Neuron) -> Option<Neuron> {
        match self.0.checked_add(other.0) {
            Some(sum) => Some(Neuron(sum)),
            None => None,
        }
    }

    pub const fn checked_sub(self, other: Neuron) -> Option<Neuron> {
        match self.0.checked_sub(other.0) {
            Some(rest) => Some(Neuron(rest)),
            None => None,
        }
    }

    pub const fn checked_mul(self, times: u128) -> Option<Neuron> {
        match self.0.checked_mul(times) {
            Some(product) => Some(Neuron(product)),
            None => None,
        }
    }

    /// What is left above `other`, or zero.
    pub const fn above(self, other: Neuron) -> Neuron {
        Neuron(self.0.saturating_sub(other.0))
    }

    /// Addition for limits and displays, where "more than can exist" is answer enough.
    pub const fn saturating_add(self, other: Neuron) -> Neuron {
        Neuron(self.0.saturating_add(other.0))
    }

    /// The amount in A0GI, exact, without trailing zeros: `0.0000000001172`.
    pub fn to_a0gi(self) -> String {
        let whole = self.0 / Self::A0GI.0;
        let rest = self.0 % Self::A0GI.0;
        if rest == 0 {
            return whole.to_string();
        }
        let digits = format!("{rest:018}");
        format!("{whole}.{}", digits.trim_end_matches('0'))
    }

    /// Its digits in groups of three: `117,200,000`.
    pub fn grouped(self) -> String {
        grouped(self.0)
    }

    /// For sentences: the digits in groups with their unit.
    pub fn in_neuron(self) -> String {
        format!("{} neuron", self.grouped())
    }

    /// Every digit in both units, where somebody decides by it: `117,200,000 neuron = 0.0000000001172 A0GI`.
    pub fn in_full(self) -> String {
        if self.is_zero() {
            return "0 neuron".to_owned();
        }
        format!("{} = {} A0GI", self.in_neuron(), self.to_grouped_a0gi())
    }

    /// For sentences: all decimals in A0GI, the digits before the point in groups.
    pub fn to_grouped_a0gi(self) -> String {
        let text = self.to_a0gi();
        let decimals = text.find('.').map_or("", |point| &text[point..]);
        format!("{}{decimals}", grouped(self.0 / Self::A0GI.0))
    }

    /// Reads an amount of neuron, or of A0GI where the text ends in `A0GI` (`0.5 A0GI`).
    ///
    /// For people's input on the command line and in dialogs; the HTTP APIs take plain neuron.
    pub fn parse_with_unit(text: &str) -> Result<Neuron, AmountError> {
        let text = text.trim();
        let lower = text.to_ascii_lowercase();
        if let Some(number) = lower.strip_suffix("a0gi") {
            return Self::parse_a0gi(number.trim());
        }
        lower.strip_suffix("neuron").unwrap_or(&lower).trim().parse()
    }

    fn parse_a0gi(text: &str) -> Result<Neuron, AmountError> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        if fraction.len() > 18 {
            return Err(AmountError::Fraction);
        }
        if whole.is_empty() && fraction.is_empty() {
            return Err(AmountError::Empty);
        }
        if !fraction.bytes().all(|b| b.is_ascii_digit()) {
            return Err(AmountError::NotANumber);
        }
        format!("{}{fraction:0<18}", if whole.is_empty() { "0" } else { whole }).parse()
    }
}

impl FromStr for Neuron {
    type Err = AmountError;

    /// Whole decimal digits only, at most [`Neuron::MAX`].
    fn from_str(text: &str) -> Result<Self, AmountError> {
        if text.is_empty() {
            return Err(AmountError::Empty);
        }
        if let Some(rest) = text.strip_prefix('-') {
            let number = !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_digit() || b == b'.');
            return Err(if number { AmountError::Negative } else { AmountError::NotANumber });
        }
        if !text.bytes().all(|b| b.is_ascii_digit()) {
            let fraction = text.split_once('.').is_some_and(|(a, b)| {
                a.bytes().chain(b.bytes()).all(|c| c.is_ascii_digit()) && !(a.is_empty() && b.is_empty())
            });
            return Err(if fraction { AmountError::Fraction } else { AmountError::NotANumber });
        }
        match text.parse::<u128>() {
            Ok(value) if value <= Self::MAX.0 => Ok(Neuron(value)),
            _ => Err(AmountError::TooLarge),
        }
    }
}

impl fmt::Display for Neuron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// `1234567` as `1,234,567`.
pub fn grouped(number: u128) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// How many there are of something, in a sentence: `1 request`, `2,000 requests`.
///
/// `one` is a word whose plural is made with an s.
pub fn counted(count: impl TryInto<u128>, one: &str) -> String {
    match count.try_into().unwrap_or(u128::MAX) {
        1 => format!("1 {one}"),
        many => format!("{} {one}s", grouped(many)),
    }
}

/// `None` when the sum passes 2^128 − 1.
pub fn sum(amounts: impl IntoIterator<Item = Neuron>) -> Option<Neuron> {
    amounts.into_iter().try_fold(Neuron::ZERO, Neuron::checked_add)
}

impl Serialize for Neuron {
    /// Decimal text, so that no reader rounds it to a float.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Neuron {
    /// Decimal text or a whole number (numbers beyond 64 bits must be text).
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Neuron;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a whole number of neuron, as a number or as text")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Neuron, E> {
                text.parse().map_err(E::custom)
            }
            fn visit_u64<E: de::Error>(self, value: u64) -> Result<Neuron, E> {
                Ok(Neuron(value.into()))
            }
            fn visit_u128<E: de::Error>(self, value: u128) -> Result<Neuron, E> {
                if value <= Neuron::MAX.0 { Ok(Neuron(value)) } else { Err(E::custom(AmountError::TooLarge)) }
            }
            fn visit_i64<E: de::Error>(self, value: i64) -> Result<Neuron, E> {
                u64::try_from(value).map(|v| Neuron(v.into())).map_err(|_| E::custom(AmountError::Negative))
            }
            fn visit_f64<E: de::Error>(self, value: f64) -> Result<Neuron, E> {
                // serde_json gives integers beyond 64 bits as floats too; either way it is not exact.
                Err(E::custom(if value < 0.0 {
                    AmountError::Negative
                } else if value < 1.8e19 {
                    AmountError::Fraction
                } else {
                    return Err(E::custom("a number above 2^64 must be written as text, in quotes"));
                }))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn sentences_have_grouped_digits_and_plurals() {
        assert_eq!(Neuron::new(117_200_000).in_full(), "117,200,000 neuron = 0.0000000001172 A0GI");
        assert_eq!(
            (Neuron::ZERO.in_full(), Neuron::new(999).in_neuron()),
            ("0 neuron".into(), "999 neuron".into())
        );
        let table = [(0, "0 requests"), (1, "1 request"), (2, "2 requests"), (2000, "2,000 requests")];
        for (count, text) in table {
            assert_eq!(counted(count, "request"), text);
        }
        assert_eq!(counted(3_usize, "user"), counted(3_u64, "user"));
    }

    #[test]
    fn refuses_what_is_not_a_whole_amount() {
        let table = [
            ("", AmountError::Empty),
            ("-1", AmountError::Negative),
            ("-0.5", AmountError::Negative),
            ("1.5", AmountError::Fraction),
            ("1e3", AmountError::NotANumber),
            ("+1", AmountError::NotANumber),
            (" 1", AmountError::NotANumber),
            ("0x10", AmountError::NotANumber),
            ("ten", AmountError::NotANumber),
            ("-", AmountError::NotANumber),
            (".", AmountError::NotANumber),
            ("5192296858534827628530496329220096", AmountError::TooLarge), // 2^112
            ("999999999999999999999999999999999999999999999", AmountError::TooLarge),
        ];
        for (text, error) in table {
            assert_eq!(text.parse::<Neuron>(), Err(error), "{text:?}");
        }
        assert_eq!("5192296858534827628530496329220095".parse(), Ok(Neuron::MAX));
    }

    #[test]
    fn json_takes_text_and_integers_and_gives_text() {
        let read = |json: &str| serde_json::from_str::<Neuron>(json);
        assert_eq!(read("\"10000000\"").unwrap(), Neuron::new(10_000_000));
        assert_eq!(read("10000000").unwrap(), Neuron::new(10_000_000));
        assert_eq!(read("18446744073709551615").unwrap(), Neuron::new(u64::MAX.into()));
        for bad in ["-1", "1.5", "1e3", "true", "null", "18446744073709551616", "\"1.0\"", "[]"] {
            assert!(read(bad).is_err(), "{bad}");
        }
        assert_eq!(serde_json::to_string(&Neuron::MAX).unwrap(), "\"5192296858534827628530496329220095\"");
    }

    #[test]
    fn units_are_exact() {
        assert_eq!(Neuron::new(117_200_000).to_a0gi(), "0.0000000001172");
        assert_eq!(Neuron::new(0).to_a0gi(), "0");
        assert_eq!(Neuron::parse_with_unit("0.5 A0GI").unwrap(), Neuron::new(500_000_000_000_000_000));
        assert_eq!(Neuron::parse_with_unit("12 neuron").unwrap(), Neuron::new(12));
        assert_eq!(Neuron::parse_with_unit("0.0000000000000000001 A0GI"), Err(AmountError::Fraction));
    }

    proptest! {
        #[test]
        fn text_round_trips(value in 0u128..=Neuron::MAX.0) {
            let amount = Neuron::new(value);
            prop_assert_eq!(amount.to_string().parse(), Ok(amount));
            prop_assert_eq!(Neuron::parse_with_unit(&format!("{} a0gi", amount.to_a0gi())), Ok(amount));
        }
    }
}
