//! An event stream of a thousand events, each in a chunk of its own, through every reader of it.

use std::hint::black_box;

use bytes::Bytes;
use zgserve_tui::broker::provider::EventStream;
use zgserve_tui::domain::{ServiceKind, Units};
use zgserve_tui::meter::{Limits, OutputMeter};
use zgserve_tui::wire::separator::Separator;
use zgserve_tui::wire::sse::{self, Splitter};

use super::{Make, Run, chat};

pub const ALL: &[(&str, Make)] = &[
    ("metering/stream of 1000 events: own comments out", separate),
    ("metering/stream of 1000 events: split", split),
    ("metering/stream of 1000 events: meter", meter),
    ("metering/stream of 1000 events: meter up to a limit", meter_until),
    ("metering/stream of 1000 events: all that a provider does", provider),
    ("metering/stream of 1000 events: all that a provider does, usage hidden", provider_hiding),
];

const EVENTS: usize = 1000;

/// A word an event, as model servers send them.
fn chunks() -> Vec<Bytes> {
    let text = chat::text(EVENTS * 8);
    let words = chat::words_of(&text).take(EVENTS - 3);
    let event = |delta: &str, end: &str| {
        Bytes::from(format!(
            "data: {{\"id\":\"chatcmpl-9\",\"object\":\"chat.completion.chunk\",\"created\":1795000000,\
             \"model\":\"meta-llama/Llama-3-8b\",\"choices\":[{{\"index\":0,\"delta\":{delta},\"finish_reason\":{end}}}]}}\n\n"
        ))
    };
    let first = event("{\"role\":\"assistant\",\"content\":\"\"}", "null");
    let last = [event("{}", "\"stop\""), Bytes::from_static(b"data: [DONE]\n\n")];
    let words = words.map(|word| event(&format!("{{\"content\":\"{word}\"}}"), "null"));
    let chunks: Vec<Bytes> = std::iter::once(first).chain(words).chain(last).collect();
    assert_eq!(chunks.len(), EVENTS);
    chunks
}

fn new_meter() -> OutputMeter {
    OutputMeter::new(ServiceKind::Chatbot, Some("text/event-stream"), None, Limits::default())
        .expect("a meter")
}

fn separate() -> Run {
    let chunks = chunks();
    Box::new(move || {
        let mut separator = Separator::default();
        for chunk in &chunks {
            let _ = black_box(separator.push(black_box(chunk)));
        }
    })
}

fn split() -> Run {
    let chunks = chunks();
    Box::new(move || {
        let mut splitter = Splitter::new(sse::Limits::default());
        for chunk in &chunks {
            splitter.push(black_box(chunk));
            while let Ok(Some(event)) = splitter.next_event() {
                black_box(event);
            }
        }
    })
}

fn meter() -> Run {
    let chunks = chunks();
    Box::new(move || {
        let mut meter = new_meter();
        for chunk in &chunks {
            assert!(meter.push(black_box(chunk)).is_ok());
        }
        black_box(meter.finish());
    })
}

fn meter_until() -> Run {
    let chunks = chunks();
    Box::new(move || {
        let mut meter = new_meter();
        for chunk in &chunks {
            assert!(meter.push_until(black_box(chunk), Units(1_000_000)).is_ok());
        }
        black_box(meter.finish());
    })
}

fn provider() -> Run {
    through_provider(false)
}

fn provider_hiding() -> Run {
    through_provider(true)
}

fn through_provider(hides_usage: bool) -> Run {
    let chunks = chunks();
    Box::new(move || {
        let mut stream = EventStream::new(new_meter(), hides_usage, Units(1_000_000));
        for chunk in &chunks {
            assert!(stream.take(black_box(chunk)).is_ok());
        }
        black_box(stream.finish());
    })
}
