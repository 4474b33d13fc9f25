//! Amounts as people and programs write them: what is read is what was written, and nothing else is read.

use zgserve_tui::domain::{Fee, Neuron, Prices, Units};
use zgserve_tui::tui::kit::amount::{Unit, grouped, in_full, with_unit};

use super::input::Input;

pub fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let (a, b) = (input.u128(), input.u128());
    let (units, more, max) = (input.u64(), input.u64(), input.u128());
    arithmetic(a, b);
    fees(a, b, (units, more), max);
    written(a.min(Neuron::MAX.get()));
    text(&String::from_utf8_lossy(input.rest()));
}

fn arithmetic(a: u128, b: u128) {
    let (x, y) = (Neuron::new(a), Neuron::new(b));
    assert_eq!(x.checked_add(y).map(Neuron::get), a.checked_add(b));
    assert_eq!(x.checked_sub(y).map(Neuron::get), a.checked_sub(b));
    assert_eq!(x.checked_mul(b).map(Neuron::get), a.checked_mul(b));
    assert_eq!(x.above(y).get(), a.saturating_sub(b));
}

/// A fee is exact or none; a cap holds.
fn fees(a: u128, b: u128, (input, output): (u64, u64), max: u128) {
    let prices = Prices { input: Neuron::new(a), output: Neuron::new(b) };
    let exact = a.checked_mul(input.into()).zip(b.checked_mul(output.into()));
    let exact = exact.filter(|(input, output)| input.checked_add(*output).is_some());
    let fee = prices.fee(Units(input), Units(output));
    assert_eq!(fee.map(|fee| (fee.input.get(), fee.output.get())), exact);
    let capped =
        fee.unwrap_or(Fee { input: Neuron::new(a), output: Neuron::new(b) }).capped(Neuron::new(max));
    assert!(capped.input.get().checked_add(capped.output.get()).is_some_and(|total| total <= max));
    if let Some(fee) = fee {
        assert_eq!(capped.total().get(), fee.total().get().min(max));
    }
    match prices.output_units_for(Neuron::new(max)) {
        None => assert_eq!(b, 0),
        Some(Units(u64::MAX)) => {}
        Some(units) => {
            assert!(b.checked_mul(units.0.into()).is_some_and(|price| price <= max));
            assert!(b.checked_mul(u128::from(units.0) + 1).is_none_or(|price| price > max));
        }
    }
}

/// What we write we read.
fn written(value: u128) {
    let amount = Neuron::new(value);
    assert_eq!(amount.to_string().parse(), Ok(amount));
    assert_eq!(Neuron::parse_with_unit(&amount.to_string()), Ok(amount));
    assert_eq!(Neuron::parse_with_unit(&format!("{} A0GI", amount.to_a0gi())), Ok(amount));
    let json = serde_json::to_string(&amount).unwrap();
    assert_eq!(json, format!("\"{value}\""), "amounts leave as text");
    assert_eq!(serde_json::from_str::<Neuron>(&json).unwrap(), amount);
    assert_eq!(grouped(value).replace(',', ""), value.to_string());
    in_full(amount);
    for unit in [Unit::Auto, Unit::Neuron, Unit::A0gi] {
        with_unit(amount, unit);
    }
}

fn text(text: &str) {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse::<Neuron>() {
        Ok(amount) => {
            assert!(digits && amount <= Neuron::MAX, "{text:?}");
            assert_eq!(stripped(text), amount.to_string());
        }
        Err(_) if digits => assert!(stripped(text).len() > 33, "{text:?}"),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
    if let Ok(amount) = Neuron::parse_with_unit(text) {
        assert!(amount <= Neuron::MAX);
        let lower = text.trim().to_ascii_lowercase();
        match lower.strip_suffix("a0gi") {
            // The very decimal number that was written, without zeros that say nothing.
            Some(number) => {
                let (whole, fraction) = number.trim().split_once('.').unwrap_or((number.trim(), ""));
                let (whole, fraction) = (stripped(whole), fraction.trim_end_matches('0'));
                let point = if fraction.is_empty() { "" } else { "." };
                assert_eq!(amount.to_a0gi(), format!("{whole}{point}{fraction}"), "{text:?}");
            }
            None => {
                let number = lower.strip_suffix("neuron").unwrap_or(&lower).trim();
                assert_eq!(amount.to_string(), stripped(number), "{text:?}");
            }
        }
    }
    // As a number of JSON: exact, or refused.
    if let Ok(amount) = serde_json::from_str::<Neuron>(text) {
        let number = text.trim_matches([' ', '\t', '\r', '\n']);
        if let Ok(quoted) = serde_json::from_str::<String>(number) {
            assert_eq!(quoted.parse(), Ok(amount));
        } else {
            assert_eq!(amount.to_string(), number.strip_prefix('-').unwrap_or(number));
        }
    }
}

/// Without leading zeros.
fn stripped(digits: &str) -> String {
    let rest = digits.trim_start_matches('0');
    if rest.is_empty() { "0".to_owned() } else { rest.to_owned() }
}
