//! News of the user broker: names and data of its events.

use axum::extract::State;
use axum::response::Response;
use serde_json::{Value, json};

use super::Face;
use crate::broker::user::Event;
use crate::http::events::stream;

pub(super) async fn events(State(face): State<Face>) -> Response {
    stream(face.broker.events(), face.stop, shape)
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
