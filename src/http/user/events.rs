//! News of the user broker: names and data of its events.

use axum::extract::State;
use axum::response::Response;
use serde_json::{Value, json};

use super::Face;
use super::answers::{OPERATION_STATES, STATES};
use crate::broker::user::Event;
use crate::http::events::{events, stream};
use crate::http::field::{AMOUNT, COUNT, Field, Kind, TEXT, nullable, required};

const REQUEST: Field = required("RequestID", Kind::Id(64), "The request.");
const OF_PROVIDER: Field = required("ProviderAddress", Kind::Address, "With whom.");
const SERVICE: Field = required("ServiceName", Kind::Name, "Of which service.");

events! {
    REQUEST_SENT, "RequestSent", "A paid request is on its way.": [
        REQUEST, OF_PROVIDER, SERVICE, required("MaxFee", AMOUNT, "The most that it may cost."),
    ];
    REQUEST_ENDED, "RequestEnded", "A paid request is over.": [
        REQUEST, OF_PROVIDER, SERVICE,
        required("Status", STATES, "How it ended."),
        required("Fee", AMOUNT, "What it cost."),
        nullable("Note", TEXT, "Why it failed, or what is disputed."),
    ];
    OPERATION_CHANGED, "OperationChanged", "An on-chain action went on.": [
        required("OperationID", Kind::Id(32), "The operation."),
        required("Kind", TEXT, "What it does."),
        required("State", OPERATION_STATES, "How it stands."),
        nullable("Provider", Kind::Address, "With whom."),
        nullable("Reason", TEXT, "Why it was not done."),
    ];
    ACCOUNT_CHANGED, "AccountChanged", "Figures of an account changed on the chain.": [
        required("Provider", Kind::Address, "With whom."),
    ];
    SERVICES_CHANGED, "ServicesChanged", "The chain lists other services.": [
        required("Total", COUNT, "How many there are."),
    ];
    HEAD, "Head", "The chain moved on.": [required("Block", COUNT, "The newest block.")];
    CHAIN_REACHABLE, "ChainReachable", "The chain cannot be read at the moment, or can again.": [
        required("Reachable", Kind::Truth, "Whether it can."),
        nullable("Reason", TEXT, "Why not."),
    ];
}

pub(super) async fn follow(State(face): State<Face>) -> Response {
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
                "RequestID": request, "ProviderAddress": provider.to_string(), "ServiceName": service, "Status": state.as_str(),
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
        Event::ServicesChanged { total } => ("ServicesChanged", json!({"Total": total})),
        Event::Head { number } => ("Head", json!({"Block": number})),
        Event::ChainLost { reason } => ("ChainReachable", json!({"Reachable": false, "Reason": reason})),
        Event::ChainBack => ("ChainReachable", json!({"Reachable": true, "Reason": null})),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        Address, Neuron, OperationId, OperationKind, OperationState, RequestId, ServiceName, UserRequestState,
    };
    use crate::http::document::fits_shape;

    #[test]
    fn events_are_as_the_document_says() {
        let (provider, request) = (Address::repeat_byte(1), RequestId::random());
        let service: ServiceName = "llama7b".parse().unwrap_or_else(|_| unreachable!());
        let ended = |state, note| Event::RequestEnded {
            request,
            provider,
            service: service.clone(),
            state,
            fee: Neuron::new(5),
            note,
        };
        let operation = |provider, reason| Event::OperationChanged {
            id: OperationId::random(),
            kind: OperationKind::Deposit,
            state: OperationState::Sent,
            provider,
            reason,
        };
        let all = [
            Event::RequestSent { request, provider, service: service.clone(), max_fee: Neuron::new(5) },
            ended(UserRequestState::Done, None),
            ended(UserRequestState::Disputed, Some("why".to_owned())),
            operation(None, None),
            operation(Some(provider), Some("why".to_owned())),
            Event::AccountChanged { provider },
            Event::ServicesChanged { total: 2 },
            Event::Head { number: 7 },
            Event::ChainBack,
            Event::ChainLost { reason: "why".to_owned() },
        ];
        for event in all {
            let (name, data) = shape(event);
            fits_shape(EVENTS, name, &data);
        }
    }

    #[test]
    fn both_news_of_the_chain_have_one_name() {
        let told = [Event::ChainBack, Event::ChainLost { reason: "why".to_owned() }].map(|event| {
            let (name, data) = shape(event);
            format!("{name} {data}")
        });
        assert_eq!(
            told,
            [
                r#"ChainReachable {"Reachable":true,"Reason":null}"#,
                r#"ChainReachable {"Reachable":false,"Reason":"why"}"#,
            ]
        );
    }
}
