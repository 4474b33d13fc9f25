//! The broker on one page, and news of what changes.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use serde_json::{Value, json};

use super::Face;
use super::shapes::forecast_item;
use crate::broker::provider::{Event, UpstreamState};
use crate::http::Problem;
use crate::http::events::stream;
use crate::wire::admin::{DecisionItem, HealthItem, OperationItem, Overview, TodayItem};

pub(super) async fn show(State(face): State<Face>) -> Result<Json<Overview>, Problem> {
    let (snapshot, figures) = (face.broker.snapshot(), face.broker.overview().await?);
    let settings = face.broker.settings();
    let totals = &snapshot.totals;
    let forecast = snapshot.settlement.forecast.as_ref();
    Ok(Json(Overview {
        at: crate::domain::Timestamp::now().second(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        provider: snapshot.provider,
        chain_id: snapshot.chain_id,
        contract: snapshot.contract,
        lock_time: face.broker.lock_time(),
        block: snapshot.block.map(|block| block.number),
        block_at: snapshot.block.map(|block| block.time),
        wallet: figures.wallet,
        credit_limit: settings.credit_limit,
        earned: totals.owed,
        settled: totals.settled,
        unsettled: totals.unsettled,
        claimable: figures.claimable,
        reserved: totals.reserved,
        in_flight: totals.in_flight,
        users: totals.users,
        debtors: figures.debtors,
        in_danger: figures.in_danger,
        services: snapshot.services.len(),
        services_failing: snapshot
            .services
            .iter()
            .filter(|service| service.health.state == UpstreamState::Failing)
            .count(),
        gas_spent: figures.gas_spent,
        today: TodayItem { requests: figures.today.requests, fee: figures.today.fee },
        health: HealthItem {
            chain: snapshot.health.chain.clone(),
            store: snapshot.health.store.clone(),
            dead: snapshot.health.dead.clone(),
            stopping: snapshot.health.stopping,
        },
        automatic: settings.settlement.automatic,
        settling: figures.settling.into_iter().map(|one| face.linked(OperationItem::from(one))).collect(),
        forecast: forecast.map(|forecast| forecast_item(forecast, &forecast.verdict())),
        last_decision: snapshot.settlement.last_decision.clone().map(DecisionItem::from),
    }))
}

pub(super) async fn events(State(face): State<Face>) -> Response {
    stream(face.broker.events(), face.tasks.token(), shape)
}

/// An event's name and what it is about. What is true now is read from the listings.
fn shape(event: Event) -> (&'static str, Value) {
    match event {
        Event::RequestAdmitted { id, user, service, max_fee } => (
            "RequestAdmitted",
            json!({"RequestID": id, "User": user.to_string(), "ServiceName": service, "MaxFee": max_fee}),
        ),
        Event::RequestBooked(request) => (
            "RequestBooked",
            json!({
                "RequestID": request.id, "User": request.user.to_string(), "ServiceName": request.service,
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
