//! How the broker is: alive, and ready for work, for people and containers; figures for Prometheus.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use serde_json::{Value, json};

use super::Face;
use crate::broker::provider::{ServiceView, Snapshot, UpstreamState};
use crate::domain::Timestamp;
use crate::http::Problem;
use crate::http::metrics::{Figures, label};
use crate::http::ready;

/// Says no more than a stranger may know.
pub(super) async fn health(State(face): State<Face>) -> Json<Value> {
    let snapshot = face.broker.snapshot();
    let well = snapshot.health.chain.is_none()
        && snapshot.health.store.is_none()
        && snapshot.health.dead.is_empty()
        && !snapshot.health.stopping;
    Json(json!({
        "Status": if well { "ok" } else { "degraded" },
        "Provider": snapshot.provider.to_string(),
        "ChainID": snapshot.chain_id,
        "Contract": snapshot.contract.to_string(),
        "Block": snapshot.block.map(|block| block.number),
        "Chain": snapshot.health.chain.is_none(),
        "Store": snapshot.health.store.is_none(),
        "Tasks": snapshot.health.dead.is_empty(),
        "Version": env!("CARGO_PKG_VERSION"),
    }))
}

pub(super) async fn ready(State(face): State<Face>) -> Response {
    ready::answer(face.broker.readiness().await)
}

pub(super) async fn metrics(State(face): State<Face>) -> Result<Figures, Problem> {
    let (snapshot, overview) = (face.broker.snapshot(), face.broker.overview().await?);
    let totals = &snapshot.totals;
    let mut figures = Figures::default();
    figures
        .answers(&face.counts)
        .gauge("services", "Services on offer.", snapshot.services.len())
        .family(
            "service_up",
            "1 while the server behind a service works, 0 while it does not.",
            "gauge",
            snapshot.services.iter().filter_map(|service| {
                let up = match service.health.state {
                    UpstreamState::Ok => 1,
                    UpstreamState::Failing => 0,
                    // What nobody has looked at is neither.
                    UpstreamState::Unknown => return None,
                };
                Some((label("service", service.name.as_str()), up))
            }),
        )
        .family(
            "service_paused",
            "1 while a service takes no new requests.",
            "gauge",
            of_services(&snapshot, |service| u64::from(service.paused)),
        )
        .family(
            "service_in_flight",
            "Requests being served by service.",
            "gauge",
            of_services(&snapshot, |service| service.in_flight as u64),
        )
        .gauge("users", "Users with an account.", totals.users)
        .gauge("in_flight", "Requests being served.", totals.in_flight)
        .gauge("owed_neuron", "Fees of all answers ever.", totals.owed)
        .gauge("unsettled_neuron", "Owed and not paid on the chain yet.", totals.unsettled)
        .gauge("settled_neuron", "Paid on the chain ever.", totals.settled)
        .gauge("reserved_neuron", "Highest fees of requests in flight.", totals.reserved)
        .gauge("chain_failed", "1 while the chain cannot be read.", u8::from(snapshot.health.chain.is_some()))
        .gauge(
            "store_failed",
            "1 while the books cannot be written.",
            u8::from(snapshot.health.store.is_some()),
        )
        .gauge("dead_tasks", "Vital tasks that died; only a restart brings them back.", snapshot.health.dead.len())
        .gauge(
            "bodies_in_memory_bytes",
            "Request and answer bodies in memory; bodyMemory bounds them.",
            face.broker.bodies_in_memory(),
        )
        .gauge(
            "bodies_on_disk_bytes",
            "Request bodies on disk; bodyDisk bounds them.",
            face.broker.bodies_on_disk(),
        )
        .gauge("settling", "Settlements under way.", snapshot.settlement.running.len())
        .gauge("debtors", "Users with something unsettled.", overview.debtors)
        .gauge(
            "debtors_in_danger",
            "Of them, those whose debt a refund or a change of delegate endangers, or whose account does not hold it.",
            overview.in_danger,
        )
        .gauge("claimable_neuron", "What a settlement of everybody could bring now.", overview.claimable)
        .gauge("settlement_gas_neuron", "What the gas of all settlements has cost.", overview.gas_spent)
        .family(
            "settlement_decisions_total",
            "Looks of the settlement engine by what was decided.",
            "counter",
            overview.decisions.verdicts.iter().map(|(verdict, count)| (label("verdict", verdict), *count)),
        )
        .family(
            "settlement_reasons_total",
            "Settlements that were begun, by the rules that asked for them.",
            "counter",
            overview.decisions.reasons.iter().map(|(reason, count)| (label("reason", reason), *count)),
        );
    if let Some(wallet) = overview.wallet {
        figures.gauge("wallet_neuron", "What the provider's key owns; gas is paid from it.", wallet);
    }
    if let Some(forecast) = &snapshot.settlement.forecast {
        figures
            .gauge(
                "settlement_brings_neuron",
                "What a settlement would have brought at the last look.",
                forecast.brings,
            )
            .gauge("settlement_costs_neuron", "What its gas would have cost.", forecast.costs);
    }
    if let Some(block) = snapshot.block {
        figures.gauge("block", "The block that was taken in last.", block.number).gauge(
            "block_age_seconds",
            "Age of that block.",
            Timestamp::now().seconds_since(block.time),
        );
    }
    Ok(figures)
}

/// One figure of each service.
fn of_services(
    snapshot: &Snapshot,
    figure: impl Fn(&ServiceView) -> u64,
) -> impl Iterator<Item = (String, u64)> {
    snapshot.services.iter().map(move |service| (label("service", service.name.as_str()), figure(service)))
}
