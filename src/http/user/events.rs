//! News as server-sent events. Whoever reads too slowly is told how many were lost; the listings have every fact.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use serde_json::{Value, json};
use tokio::sync::broadcast::error::RecvError;

use super::Face;
use crate::broker::user::Event;

/// A comment this often keeps connections open through whatever stands between.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

pub(super) async fn events(State(face): State<Face>) -> Response {
    let state = (face.broker.events(), face.stop);
    let body = stream::unfold(state, |(mut events, stop)| async move {
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

fn shape(event: Event) -> (&'static str, Value) {
    match event {
        Event::RequestSent { request, provider, service, max_fee } => (
            "RequestSent",
            json!({"RequestID": request, "ProviderAddress": provider.to_string(), "ServiceName": service, "MaxFee": max_fee}),
        ),
        Event::RequestEnded { request, provider, service, state, fee, note } => (
            "RequestEnded",
            json!({
                "RequestID": request, "ProviderAddress": provider.to_string(), "ServiceName": service, "Status": state,
                "Fee": fee, "Note": note,
            }),
        ),
        Event::OperationChanged { id, kind, state, provider, reason } => (
            "OperationChanged",
            json!({
                "OperationID": id, "Kind": kind.as_str(), "State": state.as_str(),
                "Provider": provider.map(|provider| provider.to_string()), "Reason": reason,
            }),
        ),
        Event::AccountChanged { provider } => ("AccountChanged", json!({"Provider": provider.to_string()})),
        Event::ServicesChanged { total } => ("ServicesChanged", json!({"total": total})),
        Event::Head { number } => ("Head", json!({"Block": number})),
        Event::ChainReachable { reachable, reason } => {
            ("ChainReachable", json!({"Reachable": reachable, "Reason": reason}))
        }
    }
}
