//! Counting a text again that somebody kept. How it was encoded and what type it was sent as is in no bundle, so that is
//! told from the text; where it cannot be told, a count that does not fit shows nothing.

use crate::domain::amount::{counted as several, grouped};
use crate::domain::{Check, Finding, ServiceKind, Units};
use crate::meter::{Limits, MeterError, MeterName, OutputMeter};
use crate::wire::bundle::BundledRequest;
use crate::wire::encoding::{Decoder, codings};

/// What answers of chatbots are sent as.
pub(super) const TYPES: [&str; 4] =
    ["text/event-stream", "application/json", "application/x-ndjson", "text/plain"];

/// What an answer most likely is, encoded or not.
pub(super) fn told_from(answer: &[u8]) -> &'static str {
    let decoded =
        codings_of(ServiceKind::Chatbot, answer).into_iter().flatten().find_map(|c| decode(c, answer));
    let text = decoded.as_deref().unwrap_or(answer).trim_ascii_start();
    if ["data:", "event:", "id:", ":"].iter().any(|with| text.starts_with(with.as_bytes())) {
        return TYPES[0];
    }
    let mut lines = text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty());
    let whole = |line: &[u8]| serde_json::from_slice::<serde::de::IgnoredAny>(line).is_ok();
    match (lines.next(), lines.next()) {
        (Some(first), Some(second))
            if first.starts_with(b"{") && whole(first) && second.starts_with(b"{") =>
        {
            TYPES[2]
        }
        _ => TYPES[1],
    }
}

/// How a text may have been encoded, the likeliest first. One that can be read as it is was not.
pub(super) fn codings_of(kind: ServiceKind, text: &[u8]) -> Vec<Option<&'static str>> {
    let mut may = Vec::new();
    if is_unclear(kind, text) {
        let fits = |coding: &&str| decode(coding, text).is_some();
        may.extend(["gzip", "zstd", "deflate", "br"].into_iter().find(fits).map(Some));
    }
    may.push(None);
    may
}

/// Whether its encoding makes a difference and cannot be ruled out.
fn is_unclear(kind: ServiceKind, text: &[u8]) -> bool {
    kind == ServiceKind::Chatbot && std::str::from_utf8(text).is_err()
}

fn decode(coding: &str, text: &[u8]) -> Option<Vec<u8>> {
    // No more than the meter would take in.
    let limits = Limits::default();
    let mut decoding = limits.decoding;
    decoding.bytes = decoding.bytes.min(limits.json as u64);
    let mut decoder = Decoder::new(&codings(Some(coding)).ok()?, decoding);
    let mut decoded = Vec::new();
    decoder.push(text, &mut |block| decoded.extend_from_slice(block)).ok()?;
    decoder.is_whole().then_some(decoded)
}

/// The counts of an answer of this type, by each way in which it may have been encoded.
pub(super) fn as_type(
    kind: ServiceKind,
    content_type: &str,
    answer: &[u8],
) -> Vec<Result<Units, MeterError>> {
    let count = |coding: Option<&str>| {
        let mut meter = OutputMeter::new(kind, Some(content_type), coding, Limits::default())?;
        meter.push(answer)?;
        Ok(meter.finish().units)
    };
    codings_of(kind, answer).into_iter().map(count).collect()
}

/// Holds the stated figure against the counts of all readings of a text.
pub(super) fn judge(
    name: &'static str,
    request: &BundledRequest,
    kind: ServiceKind,
    (text, stated): (&[u8], u64),
    readings: impl IntoIterator<Item = Result<Units, MeterError>>,
) -> Check {
    let mut first = None;
    for reading in readings {
        let check = match reading {
            Ok(counted) => compared(name, request, kind, counted, stated),
            Err(error) => Check::new(name, Finding::Unknown, format!("it cannot be counted here: {error}")),
        };
        if check.finding == Finding::Passed {
            return check;
        }
        first.get_or_insert(check);
    }
    match first {
        Some(check) if check.finding == Finding::Failed && is_unclear(kind, text) => {
            let says = format!("{}; how it was encoded is not in the bundle", check.says);
            Check::new(name, Finding::Unknown, says)
        }
        Some(check) => check,
        None => Check::new(name, Finding::Unknown, "it cannot be counted here"),
    }
}

fn compared(
    name: &'static str,
    request: &BundledRequest,
    kind: ServiceKind,
    counted: Units,
    stated: u64,
) -> Check {
    let own = if kind == ServiceKind::Chatbot {
        format!("{} of the o200k vocabulary", several(counted.0, "token"))
    } else {
        several(counted.0, "byte")
    };
    match request.meter {
        // The model server's own figure, of which nobody else can say more than that it is not above the count.
        Some(MeterName::Usage) => Check::is(
            name,
            stated <= counted.0,
            format!(
                "the model server's own figure is {}; its text has {own}, not less",
                several(stated, "unit")
            ),
            format!("its figure of {} is more than the {own} of its text", several(stated, "unit")),
        ),
        _ => Check::is(
            name,
            stated == counted.0,
            format!("counted again, it has {own}"),
            format!("counted again, it has {own}, not {}", grouped(stated.into())),
        ),
    }
}
