//! How the broker is: alive, and ready for work, for people and containers; figures for Prometheus.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use serde_json::{Value, json};

use super::Face;
use crate::domain::{Neuron, Timestamp};
use crate::http::metrics::{Figures, label};
use crate::http::ready;

pub(super) async fn health(State(face): State<Face>) -> Json<Value> {
    let snapshot = face.broker.snapshot();
    let status = if snapshot.stale.is_some() { "degraded" } else { "ok" };
    Json(json!({
        "Status": status,
        "User": face.broker.user().to_string(),
        "ChainID": face.broker.chain().id(),
        "Contract": face.broker.chain().contract().to_string(),
        "Block": snapshot.head.map(|head| head.number),
        "BlockTime": snapshot.head.map(|head| head.time),
        "Chain": snapshot.stale,
        "CanSend": snapshot.can_send,
        "Version": env!("CARGO_PKG_VERSION"),
    }))
}

pub(super) async fn ready(State(face): State<Face>) -> Response {
    ready::answer(face.broker.readiness().await)
}

pub(super) async fn metrics(State(face): State<Face>) -> Figures {
    let snapshot = face.broker.snapshot();
    let sum = |part: fn(&crate::broker::user::AccountView) -> Neuron| {
        snapshot.accounts.iter().map(part).fold(Neuron::ZERO, Neuron::saturating_add)
    };
    let mut figures = Figures::default();
    figures
        .answers(&face.counts)
        .gauge("services", "Services that the chain lists.", snapshot.services)
        .gauge("accounts", "Accounts with providers.", snapshot.accounts.len())
        .gauge("balance_neuron", "Deposits on the chain, all accounts.", sum(|account| account.balance))
        .gauge(
            "available_neuron",
            "What new requests may use, all accounts.",
            sum(|account| account.available),
        )
        .gauge("owed_neuron", "Fees of all answers ever, all accounts.", sum(|account| account.owed))
        .gauge("promised_neuron", "Highest vouchers signed, all accounts.", sum(|account| account.promised))
        .gauge("settled_neuron", "Paid on the chain ever, all accounts.", sum(|account| account.settled))
        .gauge("reserved_neuron", "Highest fees of requests in flight.", snapshot.reserved)
        .gauge("spent_today_neuron", "Fees of this UTC day.", snapshot.spent_today)
        .gauge("operations_pending", "On-chain actions that are not over.", snapshot.operations.len())
        .gauge(
            "bodies_in_memory_bytes",
            "Request and answer bodies in memory; bodyMemory bounds them.",
            face.broker.bodies_in_memory(),
        )
        .gauge("chain_stale", "1 while the chain cannot be read.", u8::from(snapshot.stale.is_some()));
    if let Some(wallet) = snapshot.wallet {
        figures.gauge("wallet_neuron", "Money of the wallet outside the contract.", wallet);
    }
    if let Some(head) = snapshot.head {
        let age = Timestamp::now().seconds_since(head.time);
        figures.gauge("block", "The block that was read last.", head.number).gauge(
            "block_age_seconds",
            "Age of that block.",
            age,
        );
    }
    let providers = snapshot.accounts.iter();
    let by_provider =
        providers.map(|account| (label("provider", &account.provider.to_string()), account.available));
    figures.family("account_available_neuron", "What new requests may use.", "gauge", by_provider);
    figures
}
