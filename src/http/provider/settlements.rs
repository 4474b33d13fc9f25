//! Turning what is owed into money: do it now, and see what was done and what comes next.

use axum::Json;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode};
use serde_json::Map;

use super::Face;
use super::answers::OPERATION_STATES;
use super::once::{self, WAIT_FIELD, once};
use super::requests::page_of;
use super::shapes::forecast_item;
use crate::broker::provider::{
    Forecast, OperationFilter, SettleRequest, SettlementReport, SettlementTx, Wait,
};
use crate::domain::{OperationKind, OperationState, Timestamp};
use crate::http::Problem;
use crate::http::export;
use crate::http::field::{Field, Kind, optional};
use crate::http::input::Fields;
use crate::http::list::{CURSOR, LIMIT, PAGE, bad_cursor, limit};
use crate::wire::admin::{DecisionItem, ReportItem, SettlementItem, Settlements};
use crate::wire::list::List;

pub(super) const SETTLE: &[Field] =
    &[WAIT_FIELD, optional("dryRun", Kind::Truth, "true: only say what would be done, and answer 200.")];

pub(super) const LISTING: &[Field] =
    &[optional("status", OPERATION_STATES, "Only those in this state."), LIMIT, CURSOR];
pub(super) const EXPORT: &[Field] = &[export::FORMAT];

pub(super) async fn settle(
    State(face): State<Face>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let call = once::call("POST /v1/settle", query.as_deref(), &Map::new());
    let query = Fields::of_query(query.as_deref(), SETTLE)?;
    let dry_run = query.truth("dryRun")?.unwrap_or(false);
    let wait = if query.truth("wait")? == Some(false) { Wait::Broadcast } else { face.wait() };
    let request = SettleRequest { dry_run, wait };
    if dry_run {
        // Nothing is done that could be done twice; a key that is none is told all the same.
        once::key(&headers)?;
        return Ok(face.order(settle_now(face.clone(), request)).await?.unwrap_or_else(late));
    }
    once(&face, &headers, call, late, settle_now(face.clone(), request)).await
}

async fn settle_now(face: Face, request: SettleRequest) -> Result<Response, Problem> {
    answer(face.broker.settle(request).await?)
}

/// The answer to an order that is still being carried out; `GET /v1/settlement` shows how it ends.
fn late() -> Response {
    StatusCode::ACCEPTED.into_response()
}

/// Where nothing was done it is a 409. Where some transactions paid and others failed, the caller wants to know all of it,
/// so it is the report, in which each says how it ended.
fn answer(report: SettlementReport) -> Result<Response, Problem> {
    let failed = |tx: &SettlementTx| matches!(tx.state, OperationState::Reverted | OperationState::Refused);
    if let Some(first) = report.transactions.first()
        && report.transactions.iter().all(failed)
    {
        let reason = first.error.clone().unwrap_or_else(|| "the contract refused it".to_owned());
        let message = format!("the settlement was not done: {reason}");
        let problem = Problem::new(StatusCode::CONFLICT, "reverted", message);
        return Err(problem.with("operationID", first.operation.to_string()));
    }
    let status = if report.dry_run { StatusCode::OK } else { StatusCode::ACCEPTED };
    Ok((status, Json(ReportItem::from(report))).into_response())
}

pub(super) async fn list(State(face): State<Face>, RawQuery(query): RawQuery) -> Result<Response, Problem> {
    let query = Fields::of_query(query.as_deref(), LISTING)?;
    let state = query.parse("status")?;
    let page = face.broker.settlements_in(state, page_of(&query)?).await?;
    // While the chain cannot be read, the last look is better than none; history is there in any case.
    let forecast = match face.broker.forecast().await {
        Ok((forecast, _)) => forecast,
        Err(error) => match &face.broker.snapshot().settlement.forecast {
            Some(last) => Forecast::clone(last),
            None => return Err(error.into()),
        },
    };
    let settlements =
        OperationFilter { kind: Some(OperationKind::Settle), state, ..OperationFilter::default() };
    let total = face.broker.count_operations(settlements).await?;
    let next = page.next.map(|cursor| cursor.to_string());
    let items = page.items.into_iter().map(|settlement| {
        let item = SettlementItem::from(settlement);
        SettlementItem { operation: face.linked(item.operation), ..item }
    });
    let list = List::page(items.collect(), total, next);
    let decisions = face.broker.decisions().into_iter().map(DecisionItem::from).collect();
    let forecast = forecast_item(&forecast, &forecast.verdict());
    Ok(Json(Settlements { list, forecast, decisions }).into_response())
}

pub(super) async fn export(State(face): State<Face>, RawQuery(query): RawQuery) -> Result<Response, Problem> {
    let query = Fields::of_query(query.as_deref(), EXPORT)?;
    let (format, broker) = (export::format(&query)?, face.broker);
    let written = async move |writer| broker.export_settlements(format, writer).await;
    Ok(export::file("settlements", format, written))
}

/// Decisions of the engine and of people, newest first.
pub(super) async fn decisions(
    State(face): State<Face>,
    RawQuery(query): RawQuery,
) -> Result<List<DecisionItem>, Problem> {
    let query = Fields::of_query(query.as_deref(), PAGE)?;
    let limit = limit(&query)?;
    let before: Option<Timestamp> = query.parse("cursor").map_err(|_| bad_cursor())?;
    let past = face.broker.past_decisions(before, u32::try_from(limit).unwrap_or(u32::MAX)).await?;
    let next = past.next.map(|at| at.to_string());
    Ok(List::page(past.decisions.into_iter().map(DecisionItem::from).collect(), past.total, next))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Neuron, OperationId};

    fn status(states: &[OperationState], dry_run: bool) -> u16 {
        let tx = |state: &OperationState| SettlementTx {
            operation: OperationId::random(),
            state: *state,
            rows: 1,
            hash: None,
            block: None,
            gas_used: 1,
            gas_cost: Neuron::new(1),
            error: None,
        };
        let report = SettlementReport {
            at: Timestamp::from_seconds(9),
            dry_run,
            reasons: Vec::new(),
            rows: Vec::new(),
            left_out: Vec::new(),
            expected: Neuron::ZERO,
            expected_cost: Neuron::ZERO,
            paid: Neuron::ZERO,
            transactions: states.iter().map(tx).collect(),
        };
        answer(report).map_or_else(|problem| problem.status(), |response| response.status()).as_u16()
    }

    #[test]
    fn what_was_done_in_part_is_reported_and_what_was_not_is_refused() {
        use OperationState::{Mined, Refused, Reverted, Unknown};
        assert_eq!(status(&[], true), 200);
        assert_eq!(status(&[], false), 202);
        assert_eq!(status(&[Mined, Mined], false), 202);
        assert_eq!(status(&[Mined, Reverted], false), 202);
        assert_eq!(status(&[Reverted, Unknown], false), 202);
        assert_eq!(status(&[Reverted, Refused], false), 409);
        assert_eq!(status(&[Reverted], false), 409);
    }
}
