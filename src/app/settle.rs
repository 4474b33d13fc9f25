//! `settle`: what a settlement would do, or do it.

use anyhow::{Context, Result};
use serde_json::Value;

use super::api::Api;
use super::ask::{column, with};
use crate::cli::{Column, Exit, Global, Output, Progress, SettleArgs};
use crate::domain::OperationState;
use crate::wire::admin::ReportItem;

const ROWS: &[Column] = &[column("USER", "User"), column("BRINGS", "Expected"), column("PAID", "Paid")];
const LEFT_OUT: &[Column] =
    &[column("LEFT OUT", "User"), column("UNSETTLED", "Unsettled"), column("WHY", "Reason")];

pub async fn settle(args: &SettleArgs, global: &Global) -> Result<Exit> {
    let api = Api::provider(global).await?;
    with(api, async |api: &Api| {
        let answer = {
            let _waiting =
                Progress::start(if args.dry_run { "looking" } else { "waiting for the settlement" });
            api.post("/v1/settle", &[("dryRun", args.dry_run.to_string())]).await?
        };
        if answer.is_null() {
            Output.note("still being settled; see `zgserve-tui provider settlements`");
            return Ok(Exit::Unknown);
        }
        let report: ReportItem =
            serde_json::from_value(answer.clone()).context("the broker's answer is no report")?;
        if args.json {
            Output.json(&answer);
        } else if args.dry_run {
            preview(&report, &answer);
        } else {
            done(&report, &answer);
        }
        Ok(exit(&report))
    })
    .await
}

fn preview(report: &ReportItem, answer: &Value) {
    rows(answer);
    if report.rows.is_empty() {
        return Output.note("there is nothing that could be claimed now");
    }
    Output.note(&format!(
        "would bring {} neuron from {} user(s) for about {} neuron of gas{}; nothing was sent",
        report.expected,
        report.rows.len(),
        report.expected_cost,
        if report.expected_cost >= report.expected { ", which is a loss" } else { "" },
    ));
}

fn done(report: &ReportItem, answer: &Value) {
    if report.transactions.is_empty() {
        rows(answer);
        return Output.note("there is nothing that could be claimed now");
    }
    Output.line(&report.paid.to_string());
    let gas = report
        .transactions
        .iter()
        .fold(crate::domain::Neuron::ZERO, |sum, tx| sum.saturating_add(tx.gas_cost));
    Output.note(&format!(
        "{} neuron were paid by {} user(s) in {} transaction(s), for {gas} neuron of gas",
        report.paid,
        report.rows.iter().filter(|row| row.paid.is_some_and(|paid| !paid.is_zero())).count(),
        report.transactions.len(),
    ));
    for transaction in &report.transactions {
        let hash = transaction.transaction_hash.map(|hash| hash.to_string()).unwrap_or_default();
        Output.note(&format!("{} {hash}", transaction.state));
    }
    if !report.left_out.is_empty() {
        Output.note(&format!("{} user(s) were left out; --dry-run says why", report.left_out.len()));
    }
}

fn rows(answer: &Value) {
    for (key, columns) in [("Rows", ROWS), ("LeftOut", LEFT_OUT)] {
        let items = answer[key].as_array().cloned().unwrap_or_default();
        if !items.is_empty() {
            Output.table(&items, columns);
        }
    }
}

fn exit(report: &ReportItem) -> Exit {
    let is = |state: OperationState| report.transactions.iter().any(|tx| tx.state == state.as_str());
    if is(OperationState::Reverted) || is(OperationState::Refused) {
        Exit::Refused
    } else if is(OperationState::Sent) || is(OperationState::Unknown) {
        Exit::Unknown
    } else {
        Exit::Ok
    }
}
