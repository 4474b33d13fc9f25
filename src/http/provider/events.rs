//! News of the provider broker: names and data of its events.

use axum::extract::State;
use axum::response::Response;
use serde_json::{Value, json};

use super::Face;
use super::answers::{OPERATION_STATES, STATES};
use crate::broker::provider::Event;
use crate::http::events::{events, stream};
use crate::http::field::{AMOUNT, COUNT, Field, Kind, TEXT, nullable, required};

const REQUEST: Field = required("RequestID", Kind::Id(64), "The request.");
const USER: Field = required("User", Kind::Address, "Whose.");
const OF_USER: Field = required("UserAddress", Kind::Address, "Whose; as in the request.");
const OPERATION: Field = required("OperationID", Kind::Id(32), "The operation.");
const ROWS: Field = required("Rows", COUNT, "Users in it.");

events! {
    REQUEST_ADMITTED, "RequestAdmitted", "A request is being served.": [
        REQUEST, OF_USER,
        required("ServiceName", Kind::Name, "Of which service."),
        required("MaxFee", AMOUNT, "The most that it may cost."),
    ];
    REQUEST_BOOKED, "RequestBooked", "A request is over and in the books.": [
        REQUEST, OF_USER,
        required("ServiceName", Kind::Name, "Of which service."),
        required("Status", STATES, "How it ended."),
        required("Fee", AMOUNT, "What it cost."),
    ];
    VOUCHER_TAKEN, "VoucherTaken", "A better voucher came.": [
        USER, required("Cumulative", AMOUNT, "What it promises in all."),
    ];
    ACCOUNT_CHANGED, "AccountChanged", "Figures of an account changed on the chain.": [USER];
    REFUND_REQUESTED, "RefundRequested", "A user takes deposit back.": [
        USER,
        required("Amount", AMOUNT, "How much."),
        required("UnlockAt", Kind::Moment, "When it can be taken."),
    ];
    SERVICE_CHANGED, "ServiceChanged", "A service came, went or changed.": [
        required("Name", Kind::Name, "Which one."),
    ];
    UPSTREAM_CHANGED, "UpstreamChanged", "The server behind a service began or ceased to work.": [
        required("Name", Kind::Name, "Of which service."),
        required("State", Kind::Words(&["unknown", "ok", "failing"]), "How it does."),
    ];
    SETTLEMENT_SENT, "SettlementSent", "A transaction of a settlement is on its way.": [OPERATION, ROWS];
    SETTLEMENT_ENDED, "SettlementEnded", "A transaction of a settlement has an outcome.": [
        OPERATION,
        required("State", OPERATION_STATES, "Which."),
        required("Paid", AMOUNT, "What it paid."),
        required("GasCost", AMOUNT, "What its gas cost."),
    ];
    DECIDED, "Decided", "The engine or a person decided to settle or to wait.": [
        required("Verdict", TEXT, "What was decided."),
        required("Text", TEXT, "The same in a sentence."),
        ROWS,
    ];
    HEALTH_CHANGED, "HealthChanged", "The chain or the books stopped or began to work.": [
        nullable("Chain", TEXT, "Why the chain cannot be read."),
        nullable("Store", TEXT, "Why the books cannot be written."),
        required("Stopping", Kind::Truth, "Whether the broker is stopping."),
    ];
}

pub(super) async fn follow(State(face): State<Face>) -> Response {
    stream(face.broker.events(), face.tasks.token(), shape)
}

/// An event's name and what it is about. What is true now is read from the listings.
fn shape(event: Event) -> (&'static str, Value) {
    match event {
        Event::RequestAdmitted { id, user, service, max_fee } => (
            "RequestAdmitted",
            json!({"RequestID": id, "UserAddress": user.to_string(), "ServiceName": service, "MaxFee": max_fee}),
        ),
        Event::RequestBooked(request) => (
            "RequestBooked",
            json!({
                "RequestID": request.id, "UserAddress": request.user.to_string(), "ServiceName": request.service,
                "Status": request.state.as_str(), "Fee": request.fee.total(),
            }),
        ),
        Event::VoucherTaken { user, cumulative } => {
            ("VoucherTaken", json!({"User": user.to_string(), "Cumulative": cumulative}))
        }
        Event::AccountChanged { user } => ("AccountChanged", json!({"User": user.to_string()})),
        Event::RefundRequested { user, amount, unlock_at } => {
            ("RefundRequested", json!({"User": user.to_string(), "Amount": amount, "UnlockAt": unlock_at}))
        }
        Event::ServiceChanged { name } => ("ServiceChanged", json!({"Name": name})),
        Event::SettlementSent { operation, rows } => {
            ("SettlementSent", json!({"OperationID": operation, "Rows": rows}))
        }
        Event::SettlementEnded { operation, state, paid, gas } => (
            "SettlementEnded",
            json!({"OperationID": operation, "State": state.as_str(), "Paid": paid, "GasCost": gas}),
        ),
        Event::Decided(decision) => (
            "Decided",
            json!({"Verdict": decision.verdict.code(), "Text": decision.verdict.text(), "Rows": decision.rows}),
        ),
        Event::HealthChanged(health) => (
            "HealthChanged",
            json!({"Chain": health.chain, "Store": health.store, "Stopping": health.stopping}),
        ),
        Event::UpstreamChanged { name, health } => {
            ("UpstreamChanged", json!({"Name": name, "State": health.state.as_str()}))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::provider::{HealthView, UpstreamHealth};
    use crate::domain::{Address, Neuron, OperationId, OperationState, RequestId, ServiceName, Timestamp};
    use crate::http::document::fits_shape;

    #[test]
    fn events_are_as_the_document_says() {
        let (user, n) = (Address::repeat_byte(1), Neuron::new(5));
        let name: ServiceName = "llama7b".parse().unwrap_or_else(|_| unreachable!());
        let operation = OperationId::random();
        let broken = HealthView { chain: Some("why".to_owned()), ..HealthView::default() };
        let all = [
            Event::RequestAdmitted { id: RequestId::random(), user, service: name.clone(), max_fee: n },
            Event::VoucherTaken { user, cumulative: n },
            Event::AccountChanged { user },
            Event::RefundRequested { user, amount: n, unlock_at: Timestamp::from_seconds(9) },
            Event::ServiceChanged { name: name.clone() },
            Event::UpstreamChanged { name, health: Box::new(UpstreamHealth::default()) },
            Event::SettlementSent { operation, rows: 2 },
            Event::SettlementEnded { operation, state: OperationState::Mined, paid: n, gas: n },
            Event::HealthChanged(HealthView::default()),
            Event::HealthChanged(broken),
        ];
        for event in all {
            let (name, data) = shape(event);
            fits_shape(EVENTS, name, &data);
        }
    }
}
