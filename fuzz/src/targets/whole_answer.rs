//! Answers that are no event streams: any split gives the same units, a server's own figures are bounded, and no fee
//! passes its cap (I8, S16).

use zgserve_tui::domain::{Neuron, Prices, ServiceKind, Units};
use zgserve_tui::meter::{Limits, MeterError, MeterName, MeterResult, OutputMeter, Pushed, charged};
use zgserve_tui::wire::chat::{Part, read_answer};
use zgserve_tui::wire::{json, partial};

use super::input::Input;
use super::splits::Split;
use super::text::must_be_clean;

const TYPES: [&str; 7] = [
    "application/json",
    "",
    "application/x-ndjson",
    "text/plain; charset=utf-8",
    "application/json-seq",
    "audio/mpeg",
    "application/problem+json",
];

pub fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let content_type = TYPES[input.below(TYPES.len())];
    let kind = if input.bit() { ServiceKind::ZgStorage } else { ServiceKind::Chatbot };
    let (seed, tight) = (input.u16(), input.byte());
    let (prices, max) = ((input.u128(), input.u128()), input.u128());
    let body = input.rest();
    let mut limits = Limits::default();
    if tight & 1 == 1 {
        // So low that small inputs reach them.
        limits.text = 64;
        limits.json = 256;
        limits.events.line = 128;
    }
    let whole = meter(kind, content_type, limits, body, Split::AtOnce);
    for split in Split::all(seed) {
        assert_eq!(whole, meter(kind, content_type, limits, body, split), "{split:?} of {content_type:?}");
    }
    let (result, _) = whole;
    bounded(&result, kind, body);
    cost(&result, prices, Neuron::new(max));
    if kind == ServiceKind::ZgStorage {
        assert_eq!(result.units, Units(body.len() as u64));
        storage_cut(body, u64::from(tight), seed);
    }
    if let Ok(text) = std::str::from_utf8(body) {
        cut_off(text, usize::from(seed));
    }
}

fn meter(
    kind: ServiceKind,
    content_type: &str,
    limits: Limits,
    body: &[u8],
    split: Split,
) -> (MeterResult, Option<MeterError>) {
    let mut meter = OutputMeter::new(kind, Some(content_type), None, limits).unwrap();
    let (mut fault, mut shown) = (None, Units(0));
    for piece in split.pieces(body) {
        match meter.push(piece) {
            Ok(()) => assert_eq!(fault, None, "an error is final"),
            Err(error) => fault = Some(error),
        }
        assert!(meter.units() >= shown, "the running figure fell");
        shown = meter.units();
    }
    (meter.finish(), fault)
}

fn bounded(result: &MeterResult, kind: ServiceKind, body: &[u8]) {
    if kind == ServiceKind::Chatbot {
        // No byte makes more than one token, and what is not UTF-8 becomes three bytes.
        assert!(
            result.units.0 <= 3 * body.len() as u64 + 1,
            "{} units of {} bytes",
            result.units.0,
            body.len()
        );
    }
    result.finish_reason.iter().for_each(|reason| must_be_clean(reason));
    if let Some(error) = &result.error {
        must_be_clean(&error.message);
        error.code.iter().for_each(|code| must_be_clean(code));
    }
    for stated in result.usage.iter().flat_map(|usage| [usage.input, usage.output]) {
        let taken = charged(MeterName::Usage, result.units, stated);
        assert!(taken <= result.units, "a stated figure passes our own count");
        assert!(stated.is_none_or(|stated| taken.0 <= stated));
        assert_eq!(charged(MeterName::O200k, result.units, stated), result.units);
    }
}

/// The fee that a provider books: exact, or held to what was allowed.
fn cost(result: &MeterResult, (input, output): (u128, u128), max: Neuron) {
    let prices = Prices { input: Neuron::new(input), output: Neuron::new(output) };
    let stated = result.usage.unwrap_or_default();
    let units = [stated.input, stated.output].map(|stated| charged(MeterName::Usage, result.units, stated));
    if let Some(fee) = prices.fee(units[0], units[1]) {
        assert!(fee.capped(max).total() <= max);
        assert_eq!(
            fee.input.get().checked_add(fee.output.get()),
            Some(fee.total().get()),
            "the total of a fee is the sum of its parts"
        );
    }
}

fn storage_cut(body: &[u8], limit: u64, seed: u16) {
    for split in Split::all(seed) {
        let mut meter = OutputMeter::new(ServiceKind::ZgStorage, None, None, Limits::default()).unwrap();
        let mut delivered = 0;
        for piece in split.pieces(body) {
            match meter.push_until(piece, Units(limit)).unwrap() {
                Pushed::All => delivered += piece.len() as u64,
                Pushed::Cut(at) => {
                    delivered += at as u64;
                    break;
                }
            }
        }
        assert_eq!(delivered, limit.min(body.len() as u64));
        assert_eq!(meter.finish().units, Units(delivered));
    }
}

/// JSON that broke off anywhere is closed to valid JSON that begins the same, or left.
fn cut_off(text: &str, at: usize) {
    let end = (0..=at % (text.len() + 1)).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    let cut = &text[..end];
    if let Some(closed) = partial::close(cut) {
        assert!(serde_json::from_str::<serde::de::IgnoredAny>(&closed).is_ok(), "{cut:?} became {closed:?}");
        let same = cut.bytes().zip(closed.bytes()).take_while(|(a, b)| a == b).count();
        let added = &closed[same..];
        assert!(added.bytes().all(|byte| matches!(byte, b'"' | b'}' | b']')), "{cut:?} became {closed:?}");
        let mut all = 0_usize;
        read_answer(&closed, &mut |part| {
            if let Part::Append(_, text) | Part::Whole(_, text) = part {
                all += text.len();
            }
        });
        assert!(all <= 8 * closed.len(), "more text was found than there is");
    }
    if let Some(number) = json::unsigned(cut) {
        assert!(
            number.to_string() == cut || cut.contains(['.', 'e', 'E', '+', '-']) || cut.starts_with('0'),
            "{cut:?}"
        );
    }
}
