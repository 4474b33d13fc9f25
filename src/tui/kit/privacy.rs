//! Amounts and addresses inside sentences, hidden where the privacy mask is on.
//!
//! Figures that a screen writes itself are hidden as they are written ([`super::look::Look`]). Sentences that were made
//! before the mask was on, and lines that the process logged, hold figures too: what looks like one is replaced.

use super::look::MASK;

/// Digits after `0x` that make an address, a hash or a key of it. Short ones, as in `0x59c8…b1d2`, count too.
const HEX: usize = 4;
/// So many digits without a unit are taken for an amount: no port, block or size in use has as many.
const DIGITS: usize = 10;
const UNITS: [&str; 2] = ["neuron", "A0GI"];

/// The text without its amounts and addresses.
pub fn hidden(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let begins = shown.chars().next_back().is_none_or(|before| !before.is_alphanumeric());
        let figure = if begins { address(rest).or_else(|| amount(rest)) } else { None };
        let (bytes, hide) = figure.map_or((first.len_utf8(), false), |bytes| (bytes, true));
        let (piece, after) = rest.split_at_checked(bytes).unwrap_or((rest, ""));
        shown.push_str(if hide { MASK } else { piece });
        rest = after;
    }
    shown
}

/// The bytes of the address that the text begins with.
fn address(text: &str) -> Option<usize> {
    let digits = text.strip_prefix("0x")?;
    let known = |letter: &char| letter.is_ascii_hexdigit() || *letter == '…';
    let (letters, bytes) = digits
        .chars()
        .take_while(known)
        .fold((0, 0), |(n, bytes), letter| (n + 1, bytes + letter.len_utf8()));
    (letters >= HEX).then_some(2 + bytes)
}

/// The bytes of the amount that the text begins with, its unit and the marks before it included.
fn amount(text: &str) -> Option<usize> {
    let figure = text.trim_start_matches(['~', '<']);
    let marks = text.len() - figure.len();
    let long = figure.find(|letter: char| !letter.is_ascii_digit() && !matches!(letter, ',' | '.'));
    let figure = figure.get(..long.unwrap_or(figure.len()))?;
    if !figure.starts_with(|letter: char| letter.is_ascii_digit()) {
        return None;
    }
    let bytes = marks + figure.trim_end_matches([',', '.']).len();
    let after = text.get(bytes..)?;
    let unit =
        UNITS.iter().find(|unit| after.strip_prefix(' ').is_some_and(|after| after.starts_with(**unit)));
    let digits = figure.chars().filter(char::is_ascii_digit).count();
    match unit {
        Some(unit) => Some(bytes + 1 + unit.len()),
        None => (digits >= DIGITS && !figure.contains('.')).then_some(bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn sentences_keep_their_words_and_lose_their_figures() {
        let cases = [
            ("deposit with 0x7099…79C8 is on the chain", "deposit with ••••• is on the chain"),
            (
                "provider=0x70997970C51812dc3A010C7d01b50e0d17dc79C8 owed=9000015400 block=4183022",
                "provider=••••• owed=••••• block=4183022",
            ),
            ("it cost 3,000,015,400 neuron.", "it cost •••••."),
            ("~0.421800 A0GI, at most <0.000001 A0GI", "•••••, at most •••••"),
            ("12 neuron; 3 of 4 lines, port 31700", "•••••; 3 of 4 lines, port 31700"),
            ("127.0.0.1:8545 answered in 12 ms", "127.0.0.1:8545 answered in 12 ms"),
            ("requests-20261124-201639.csv", "requests-20261124-201639.csv"),
            ("llama7b @ ghost, 1.5 s", "llama7b @ ghost, 1.5 s"),
            ("", ""),
        ];
        for (text, shown) in cases {
            assert_eq!(hidden(text), shown);
        }
    }

    proptest! {
        #[test]
        fn no_amount_is_left(value in 0u128..=u128::MAX / 2, before in "[a-z =:]{0,9}", after in "[ ,.;a-z]{0,9}") {
            let figure = super::super::amount::with_unit(crate::domain::Neuron::new(value), Default::default());
            let text = format!("{before} {figure}{after}");
            prop_assert!(!hidden(&text).contains(&figure), "{}", hidden(&text));
        }

        #[test]
        fn any_text_is_taken(text in ".*") {
            let twice = hidden(&hidden(&text));
            prop_assert_eq!(twice, hidden(&text));
        }
    }
}
