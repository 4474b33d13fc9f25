//! The broker on one page.

use axum::Json;
use axum::extract::State;

use super::Face;
use super::shapes::forecast_item;
use crate::broker::provider::UpstreamState;
use crate::http::Problem;
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
