//! Amounts as people type them: `0.01`, `0.01 A0GI`, `10000000 neuron`, `1_000`. Integers only, every digit counts.
//!
//! Without a unit a decimal point means A0GI and a whole number means neuron; which it was is said beside the field, in
//! both units, before anything is asked. What could mean two things is refused with the reason.

use crate::domain::Neuron;
use crate::domain::amount::AmountError;

/// What was typed, understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Typed {
    pub amount: Neuron,
    /// No unit was typed, so that it should be said which one was taken.
    pub bare: bool,
}

/// Why it is no amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TypedError {
    #[error("type an amount, as 0.01 A0GI or 10000000 neuron")]
    Empty,
    #[error("no signs: an amount is 0 or more, as 0.01 A0GI")]
    Sign,
    #[error("no exponents: write all digits, as 0.01 A0GI")]
    Exponent,
    #[error("at most 18 decimals: the last of them is one neuron")]
    Decimals,
    #[error("a neuron has no parts; decimals are for A0GI")]
    Parts,
    #[error("commas part thousands; decimals have a point, as 0.01")]
    Comma,
    #[error("that unit is not known; amounts are in A0GI or neuron")]
    Unit,
    #[error("that is no amount; type it as 0.01 A0GI or 10000000 neuron")]
    NotANumber,
    #[error("that is more than an account can hold")]
    TooLarge,
}

/// Reads an amount.
pub fn read(text: &str) -> Result<Typed, TypedError> {
    let text = text.trim().to_ascii_lowercase();
    if text.is_empty() {
        return Err(TypedError::Empty);
    }
    if text.starts_with(['-', '+', '\u{2212}']) {
        return Err(TypedError::Sign);
    }
    let end = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    // The name of the unit begins with a letter, so that digits never belong to it.
    let (number, unit) = text.split_at_checked(end).unwrap_or((&text, ""));
    let number = number.trim_end();
    if number.is_empty() {
        return Err(TypedError::NotANumber);
    }
    let follows_digit = unit
        .strip_prefix('e')
        .is_some_and(|rest| rest.trim_start_matches(['+', '-']).starts_with(|c: char| c.is_ascii_digit()));
    if follows_digit {
        return Err(TypedError::Exponent);
    }
    let digits = without_marks(number)?;
    let point = digits.contains('.');
    let whole = |unit| match unit {
        "neuron" if point => Err(TypedError::Parts),
        "neuron" => Ok(digits.parse::<Neuron>()),
        _ => Ok(Neuron::parse_with_unit(&format!("{digits} A0GI"))),
    };
    let amount = match (unit, point) {
        ("", true) | ("a0gi", _) => whole("a0gi")?,
        ("", false) | ("neuron" | "neurons", _) => whole("neuron")?,
        _ => return Err(TypedError::Unit),
    };
    let amount = amount.map_err(|error| match error {
        AmountError::Fraction => TypedError::Decimals,
        AmountError::TooLarge => TypedError::TooLarge,
        AmountError::Negative => TypedError::Sign,
        AmountError::Empty | AmountError::NotANumber => TypedError::NotANumber,
    })?;
    Ok(Typed { amount, bare: unit.is_empty() })
}

/// The digits and the point, without `_` and without commas between thousands.
fn without_marks(number: &str) -> Result<String, TypedError> {
    let (whole, decimals) = match number.split_once('.') {
        Some((whole, decimals)) => (whole, Some(decimals)),
        None => (number, None),
    };
    if whole.contains(',') {
        let mut groups = whole.split(',');
        let first = groups.next().unwrap_or_default();
        let thousands = (1..=3).contains(&first.len()) && !first.starts_with('0');
        if !thousands || groups.any(|group| group.len() != 3) {
            return Err(TypedError::Comma);
        }
    }
    let plain = |text: &str| -> Result<String, TypedError> {
        let parted = text.starts_with('_') || text.ends_with('_') || text.contains("__");
        let digits: String = text.chars().filter(|c| !matches!(c, '_' | ',')).collect();
        if parted || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(TypedError::NotANumber);
        }
        Ok(digits)
    };
    let head = plain(whole)?;
    match decimals {
        None => Ok(head),
        Some(decimals) if decimals.contains(',') => Err(TypedError::Comma),
        Some(decimals) => Ok(format!("{head}.{}", plain(decimals)?)),
    }
}

/// An amount as it is filled in: the shorter of both units, every digit.
pub fn write(amount: Neuron) -> String {
    let a0gi = amount.to_a0gi();
    if a0gi.len() <= 12 { format!("{a0gi} A0GI") } else { format!("{} neuron", amount.get()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn people_write_amounts_in_many_ways() {
        let a0gi = |hundredths: u128| Neuron::new(hundredths * 10_000_000_000_000_000);
        let table = [
            ("0.01", a0gi(1), true),
            ("0.01 A0GI", a0gi(1), false),
            (" 0.01a0gi ", a0gi(1), false),
            (".5", a0gi(50), true),
            ("5 a0gi", a0gi(500), false),
            ("1,000.50 A0GI", a0gi(100_050), false),
            ("10000000 neuron", Neuron::new(10_000_000), false),
            ("10,000,000 neuron", Neuron::new(10_000_000), false),
            ("1_000", Neuron::new(1_000), true),
            ("0.000000000000000001", Neuron::new(1), true),
            ("0", Neuron::ZERO, true),
        ];
        for (text, amount, bare) in table {
            assert_eq!(read(text), Ok(Typed { amount, bare }), "{text:?}");
        }
    }

    #[test]
    fn what_could_mean_two_things_is_refused_with_the_reason() {
        use TypedError::{Comma, Decimals, Empty, Exponent, NotANumber, Parts, Sign, TooLarge, Unit};
        let table = [
            ("", Empty),
            ("  ", Empty),
            ("-1", Sign),
            ("+1", Sign),
            ("1e3", Exponent),
            ("1E+3 neuron", Exponent),
            ("0.0000000000000000001", Decimals),
            ("1.5 neuron", Parts),
            ("0,01", Comma),
            ("0,010", Comma),
            ("1,00", Comma),
            ("1.000,5", Comma),
            ("12 eth", Unit),
            ("0x10", Unit),
            ("ten", NotANumber),
            (".", NotANumber),
            ("1__0", NotANumber),
            ("_1", NotANumber),
            ("1 2", NotANumber),
            ("1.2.3", NotANumber),
            ("٣", NotANumber),
            ("99999999999999999999999999999999999 neuron", TooLarge),
            ("99999999999999999 A0GI", TooLarge),
        ];
        for (text, error) in table {
            assert_eq!(read(text), Err(error), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_filled_in_is_read_back(value in 0u128..=Neuron::MAX.get()) {
            let amount = Neuron::new(value);
            prop_assert_eq!(read(&write(amount)), Ok(Typed { amount, bare: false }));
            let grouped = format!("{} neuron", crate::tui::kit::amount::grouped(value));
            prop_assert_eq!(read(&grouped).map(|typed| typed.amount), Ok(amount));
            prop_assert_eq!(read(&format!("{} A0GI", amount.to_a0gi())).map(|typed| typed.amount), Ok(amount));
        }

        #[test]
        fn nothing_that_is_typed_breaks_it(text in "\\PC{0,40}") {
            let _ = read(&text);
        }
    }
}
