//! How the broker is: alive, and ready for work, for people and containers; figures for Prometheus.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use serde_json::{Value, json};

use super::Face;
use crate::domain::Timestamp;
use crate::http::metrics::{Figures, label};
use crate::http::ready;

/// Accounts with a figure of their own: each is a series that somebody stores.
const ACCOUNTS_SHOWN: usize = 100;

pub(super) async fn health(State(face): State<Face>) -> Json<Value> {
    let now = face.broker.overview();
    let status = if now.stale.is_some() { "degraded" } else { "ok" };
    Json(json!({
        "Status": status,
        "User": face.broker.user().to_string(),
        "ChainID": face.broker.chain().id(),
        "Contract": face.broker.chain().contract().to_string(),
        "Block": now.head.map(|head| head.number),
        "BlockTime": now.head.map(|head| head.time),
        "Chain": now.stale,
        "CanSend": now.can_send,
        "Version": env!("CARGO_PKG_VERSION"),
    }))
}

pub(super) async fn ready(State(face): State<Face>) -> Response {
    ready::answer(face.broker.readiness().await)
}

pub(super) async fn metrics(State(face): State<Face>) -> Figures {
    let (now, dearest) = (face.broker.overview(), face.broker.dearest_accounts(ACCOUNTS_SHOWN));
    let totals = now.totals;
    let mut figures = Figures::default();
    figures
        .answers(&face.counts)
        .gauge("services", "Services that the chain lists.", now.services)
        .gauge("accounts", "Accounts with providers.", totals.accounts)
        .gauge("accounts_empty", "Those of them that have nothing for new requests.", totals.empty)
        .gauge("balance_neuron", "Deposits on the chain, all accounts.", totals.balance)
        .gauge("available_neuron", "What new requests may use, all accounts.", totals.available)
        .gauge("owed_neuron", "Fees of all answers ever, all accounts.", totals.owed)
        .gauge("promised_neuron", "Highest vouchers signed, all accounts.", totals.promised)
        .gauge("settled_neuron", "Paid on the chain ever, all accounts.", totals.settled)
        .gauge("reserved_neuron", "Highest fees of requests in flight.", now.reserved)
        .gauge("spent_today_neuron", "Fees of this UTC day.", now.spent_today)
        .gauge("operations_pending", "On-chain actions that are not over.", now.operations.len())
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
        .gauge("chain_stale", "1 while the chain cannot be read.", u8::from(now.stale.is_some()));
    if let Some(wallet) = now.wallet {
        figures.gauge("wallet_neuron", "Money of the wallet outside the contract.", wallet);
    }
    if let Some(head) = now.head {
        let age = Timestamp::now().seconds_since(head.time);
        figures.gauge("block", "The block that was read last.", head.number).gauge(
            "block_age_seconds",
            "Age of that block.",
            age,
        );
    }
    let by_provider =
        dearest.iter().map(|account| (label("provider", &account.provider.to_string()), account.available));
    figures.family(
        "account_available_neuron",
        "What new requests may use, of the 100 accounts whose answers have cost most.",
        "gauge",
        by_provider,
    );
    figures
}
