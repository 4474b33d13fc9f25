//! Event streams: any split of the same bytes gives the same events, units and cuts (S14), our own comments stand only
//! between events, and both brokers count the same bytes alike (I8).

use bytes::Bytes;
use zgserve_tui::broker::provider::{End, EventStream};
use zgserve_tui::domain::{B256, ServiceKind, Units};
use zgserve_tui::meter::{Limits, MeterError, MeterResult, OutputMeter, Pushed};
use zgserve_tui::wire::separator::{OWN_PREFIX, OwnComment, Separator};
use zgserve_tui::wire::sse::{self, Event, Splitter, SseError};

use super::input::Input;
use super::splits::Split;

pub fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let (seed, flags, limit) = (input.u16(), input.byte(), u64::from(input.byte()));
    let stream = input.rest();
    let tight = sse::Limits { line: 48, event: 96 };
    let mut limits = Limits::default();
    if flags & 1 == 1 {
        limits.events = tight;
        limits.text = 64;
    }
    let first = Split::AtOnce;
    let whole = (events(stream, limits.events, first), separate(stream, first), meter(stream, limits, first));
    let cut = cut_at(stream, limits, limit, first);
    for split in Split::all(seed) {
        assert_eq!(whole.0, events(stream, limits.events, split), "{split:?}");
        assert_eq!(whole.1, separate(stream, split), "{split:?}");
        assert_eq!(whole.2, meter(stream, limits, split), "{split:?}");
        assert_eq!(cut, cut_at(stream, limits, limit, split), "{split:?}");
    }
    every_byte_is_in_an_event(stream, &whole.0);
    let (pass, _) = &whole.1;
    assert_eq!(separate(pass, first), (pass.clone(), Vec::new()), "what passed is not free of our comments");
    assert!(whole.2.0.units.0 <= 3 * stream.len() as u64 + 1);
    comments_leave_no_trace(&whole.0.0, seed);
    // The limits are the same on both sides.
    for hides_usage in [false, true] {
        let limit = Units(if flags & 2 == 2 { limit } else { u64::MAX });
        both_sides_agree(stream, limits, hides_usage, limit, seed);
    }
}

fn events(stream: &[u8], limits: sse::Limits, split: Split) -> (Vec<Event>, Option<SseError>) {
    let mut splitter = Splitter::new(limits);
    let mut events = Vec::new();
    let mut take = |splitter: &mut Splitter| loop {
        match splitter.next_event() {
            Ok(Some(event)) => events.push(event),
            Ok(None) => return None,
            Err(error) => return Some(error),
        }
    };
    for piece in split.pieces(stream) {
        splitter.push(piece);
        if let Some(error) = take(&mut splitter) {
            return (events, Some(error));
        }
    }
    splitter.finish();
    let error = take(&mut splitter);
    (events, error)
}

fn every_byte_is_in_an_event(stream: &[u8], (events, error): &(Vec<Event>, Option<SseError>)) {
    let mut next = 0;
    for event in events {
        assert_eq!(event.start, next);
        next += event.raw.len() as u64;
        assert!(!event.raw.is_empty());
    }
    let raw: Vec<u8> = events.iter().flat_map(|event| event.raw.iter().copied()).collect();
    assert!(stream.starts_with(&raw) && (error.is_some() || raw.len() == stream.len()));
    assert!(events.iter().rev().skip(1).all(|event| event.terminated), "only the last event may be cut off");
}

fn separate(stream: &[u8], split: Split) -> (Vec<u8>, Vec<OwnComment>) {
    let mut separator = Separator::default();
    let (mut pass, mut own) = (Vec::new(), Vec::new());
    for piece in split.pieces(stream) {
        let Ok(parted) = separator.push(&Bytes::copy_from_slice(piece)) else { return (pass, own) };
        pass.extend_from_slice(&parted.pass);
        own.extend(parted.own);
    }
    pass.extend_from_slice(separator.finish());
    (pass, own)
}

fn meter(stream: &[u8], limits: Limits, split: Split) -> (MeterResult, Option<MeterError>) {
    let mut meter = new_meter(limits);
    let (mut fault, mut shown) = (None, Units(0));
    for piece in split.pieces(stream) {
        match meter.push(piece) {
            Ok(()) => assert_eq!(fault, None, "an error is final"),
            Err(error) => fault = Some(error),
        }
        assert!(meter.units() >= shown, "the running figure fell");
        shown = meter.units();
    }
    (meter.finish(), fault)
}

fn new_meter(limits: Limits) -> OutputMeter {
    OutputMeter::new(ServiceKind::Chatbot, Some("text/event-stream"), None, limits).unwrap()
}

/// How many bytes go out before the answer is ended, and what they cost.
fn cut_at(
    stream: &[u8],
    limits: Limits,
    limit: u64,
    split: Split,
) -> (usize, Option<MeterError>, Option<Units>) {
    let mut meter = new_meter(limits);
    let mut delivered = 0;
    for piece in split.pieces(stream) {
        match meter.push_until(piece, Units(limit)) {
            Ok(Pushed::All) => delivered += piece.len(),
            Ok(Pushed::Cut(at)) => {
                // An event that ends in a lone CR is known to be whole one byte later only.
                delivered = (delivered + piece.len()).min(delivered + at);
                let units = meter.finish().units;
                assert_eq!(
                    meter_of(&stream[..delivered], limits),
                    units,
                    "what was delivered is what is counted"
                );
                return (delivered, None, Some(units));
            }
            // How much was delivered before a fault depends on the pieces.
            Err(error) => return (0, Some(error), None),
        }
    }
    (delivered, None, Some(meter.finish().units))
}

fn meter_of(stream: &[u8], limits: Limits) -> Units {
    meter(stream, limits, Split::AtOnce).0.units
}

/// A broker's comment between two events is taken out again, and nothing else is.
fn comments_leave_no_trace(events: &[Event], seed: u16) {
    let clean: Vec<u8> = events.iter().flat_map(|event| event.raw.iter().copied()).collect();
    let lines = clean.split(|byte| matches!(byte, b'\r' | b'\n'));
    if lines
        .clone()
        .any(|line| OWN_PREFIX.starts_with(line) && !line.is_empty() || line.starts_with(OWN_PREFIX))
    {
        return;
    }
    let mut marked = Vec::new();
    let mut comments = 0;
    for (at, event) in events.iter().enumerate() {
        let before_lf = event.raw.first() == Some(&b'\n') && marked.ends_with(b"\r");
        // A byte order mark on a line of its own is an empty line to the splitter and not to the separator, so that a comment
        // right behind it leaves its own empty line in the stream. No broker writes one there.
        let first = events[0].raw.strip_prefix(b"\xef\xbb\xbf");
        let behind_mark = at == 1 && matches!(first, Some(b"\r" | b"\n" | b"\r\n"));
        if (usize::from(seed) >> (at % 16)) & 1 == 1 && !before_lf && !behind_mark {
            marked.extend_from_slice(b": zg-receipt QUJD\n\n");
            comments += 1;
        }
        marked.extend_from_slice(&event.raw);
    }
    for split in Split::all(seed) {
        let (pass, own) = separate(&marked, split);
        assert_eq!(String::from_utf8_lossy(&pass), String::from_utf8_lossy(&clean));
        assert_eq!(own.len(), comments);
    }
}

struct Sold {
    delivered: Vec<u8>,
    result: MeterResult,
    hash: B256,
    /// It was given up.
    failed: bool,
}

/// What the provider hands over and books.
fn sell(stream: &[u8], limits: Limits, hides_usage: bool, limit: Units, split: Split) -> Sold {
    let mut sold = EventStream::new(new_meter(limits), hides_usage, limit);
    let (mut delivered, mut failed, mut ended) = (Vec::new(), false, true);
    for piece in split.pieces(stream) {
        let Ok(taken) = sold.take(&Bytes::copy_from_slice(piece)) else {
            failed = true;
            break;
        };
        delivered.extend_from_slice(&taken.piece);
        if let Some(end) = taken.end {
            failed = end != End::AtMaxFee;
            ended = false;
            break;
        }
    }
    if ended && !failed {
        delivered.extend_from_slice(&sold.rest());
    }
    let (result, hash) = sold.finish();
    Sold { delivered, result, hash, failed }
}

fn both_sides_agree(stream: &[u8], limits: Limits, hides_usage: bool, limit: Units, seed: u16) {
    let whole = sell(stream, limits, hides_usage, limit, Split::AtOnce);
    for split in Split::all(seed) {
        let sold = sell(stream, limits, hides_usage, limit, split);
        assert_eq!(whole.failed, sold.failed, "{split:?}");
        if !whole.failed {
            assert_eq!(String::from_utf8_lossy(&whole.delivered), String::from_utf8_lossy(&sold.delivered));
            assert_eq!(whole.hash, sold.hash);
        }
        assert_eq!(whole.result.units, sold.result.units, "{split:?}");
        // On the user's machine: the same comments are taken out, the same meter counts, in other pieces.
        let (seen, own) = separate(&sold.delivered, Split::Seeded(seed.wrapping_add(7)));
        assert_eq!(own, Vec::new(), "a stranger's comment passes for one of the provider's");
        assert_eq!(seen, sold.delivered);
        let (counted, _) = meter(&seen, limits, Split::Seeded(seed.wrapping_add(9)));
        assert_eq!(counted.units, sold.result.units, "the provider books what the user does not count");
        let (events, error) = events(&seen, sse::Limits::default(), Split::AtOnce);
        assert_eq!(error, None);
        assert!(events.iter().all(|event| event.terminated), "the caller was handed half an event");
    }
}
