//! News as server-sent events. Whoever reads too slowly is told how many were lost; the listings have every fact.

use std::convert::Infallible;
use std::time::Duration;

use super::field::{COUNT, Shape, required};
use axum::body::{Body, Bytes};
use axum::response::{IntoResponse, Response};
use futures_util::stream::unfold;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use serde_json::Value;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;

/// A comment this often keeps connections open through whatever stands between.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Shapes of events, and the table of them by name. Whoever reads too slowly gets one more, which both streams have.
macro_rules! events {
    ($($shape:ident, $event:literal, $about:literal: [$($field:expr),+ $(,)?];)+) => {
        $(static $shape: $crate::http::field::Shape = $crate::http::field::Shape {
            name: concat!($event, "Event"),
            about: $about,
            fields: &[&[$($field),+]],
        };)+
        /// The events of this stream, with what their data hold.
        pub(super) const EVENTS: &[(&str, &$crate::http::field::Shape)] =
            &[$(($event, &$shape),)+ ("Lost", &$crate::http::events::LOST)];
    };
}
pub(super) use events;

pub(super) static LOST: Shape = Shape {
    name: "LostEvent",
    about: "Events were dropped because they were read too slowly; the lists have every fact.",
    fields: &[&[required("Lost", COUNT, "How many.")]],
};

/// A stream of events until the caller leaves or `stop` is cancelled. `shape` gives an event's name and its data.
pub(super) fn stream<E: Clone + Send + 'static>(
    events: Receiver<E>,
    stop: CancellationToken,
    shape: fn(E) -> (&'static str, Value),
) -> Response {
    let body = unfold((events, stop), move |(mut events, stop)| async move {
        let text = tokio::select! {
            () = stop.cancelled() => return None,
            event = tokio::time::timeout(KEEP_ALIVE, events.recv()) => match event {
                Ok(Ok(event)) => {
                    let (kind, data) = shape(event);
                    format!("event: {kind}\ndata: {data}\n\n")
                }
                Ok(Err(RecvError::Lagged(lost))) => format!("event: Lost\ndata: {{\"Lost\":{lost}}}\n\n"),
                Ok(Err(RecvError::Closed)) => return None,
                Err(_) => ": still here\n\n".to_owned(),
            },
        };
        Some((Ok::<_, Infallible>(Bytes::from(text)), (events, stop)))
    });
    ([(CONTENT_TYPE, "text/event-stream"), (CACHE_CONTROL, "no-cache")], Body::from_stream(body))
        .into_response()
}
