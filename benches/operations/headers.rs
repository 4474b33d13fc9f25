//! Which headers travel, both ways.

use std::hint::black_box;

use http::{HeaderMap, HeaderName, HeaderValue, header};
use zgserve_tui::wire::headers::{Framing, to_caller, to_provider, to_upstream};

use super::{Make, Run};

pub const ALL: &[(&str, Make)] = &[
    ("metering/headers: application to provider", from_application),
    ("metering/headers: provider to model server", from_broker),
    ("metering/headers: answer to caller", from_server),
];

fn map(headers: &[(&'static str, &'static str)]) -> HeaderMap {
    let pair = |(name, value): &(&'static str, &'static str)| {
        (HeaderName::from_static(name), HeaderValue::from_static(value))
    };
    headers.iter().map(pair).collect()
}

/// What the official client sends.
fn asked() -> HeaderMap {
    map(&[
        ("host", "127.0.0.1:1034"),
        ("accept-encoding", "gzip, deflate, br"),
        ("connection", "keep-alive"),
        ("accept", "application/json"),
        ("content-type", "application/json"),
        ("user-agent", "OpenAI/Python 3.54.0"),
        ("x-stainless-lang", "python"),
        ("x-stainless-package-version", "3.54.0"),
        ("x-stainless-os", "Linux"),
        ("x-stainless-arch", "x64"),
        ("x-stainless-runtime", "CPython"),
        ("x-stainless-runtime-version", "3.12.1"),
        ("authorization", "Bearer none"),
        ("x-stainless-async", "false"),
        ("x-stainless-retry-count", "0"),
        ("content-length", "1024"),
    ])
}

fn from_application() -> Run {
    let headers = asked();
    Box::new(move || {
        black_box(to_provider(black_box(&headers)));
    })
}

fn from_broker() -> Run {
    let mut headers = to_provider(&asked());
    headers.extend(map(&[("zg-voucher", "A"), ("zg-request", "A"), ("host", "provider.example")]));
    let operator = [(header::AUTHORIZATION, HeaderValue::from_static("Bearer upstream"))];
    Box::new(move || {
        black_box(to_upstream(black_box(&headers), &operator));
    })
}

fn from_server() -> Run {
    let headers = map(&[
        ("date", "Sun, 29 Nov 2026 21:18:32 GMT"),
        ("server", "uvicorn"),
        ("content-length", "1024"),
        ("content-type", "application/json"),
        ("x-request-id", "6f1c"),
    ]);
    Box::new(move || {
        black_box(to_caller(black_box(&headers), Framing::Unchanged));
    })
}
