//! `settle`: what a settlement would do, or do it.

use anyhow::{Context, Result};
use serde_json::Value;

use super::api::Api;
use super::ask::with;
use crate::cli::{Column, Exit, Global, Output, Progress, SettleArgs};
use crate::domain::amount::counted;
use crate::domain::{Neuron, OperationState};
use crate::wire::admin::ReportItem;

const ROWS: &[Column] = &[
    Column::text("USER", "User"),
    Column::figures("CLAIMABLE", "Expected"),
    Column::figures("SETTLED", "Paid"),
];
const LEFT_OUT: &[Column] = &[
    Column::text("LEFT OUT", "User"),
    Column::figures("UNSETTLED", "Unsettled"),
    Column::text("WHY", "Text"),
];

pub async fn settle(args: &SettleArgs, global: &Global) -> Result<Exit> {
    let api = Api::provider(global).await?;
    with(api, async |api: &Api| {
        let answer = {
            let _waiting =
                Progress::start(if args.dry_run { "looking" } else { "waiting for the settlement" });
            api.post("/v1/settle", &[("dryRun", args.dry_run.to_string())]).await?
        };
        if answer.is_null() {
            Output.note(&format!("still being settled; see {}", api.advice("provider settlements")));
            return Ok(Exit::Unknown);
        }
        let report: ReportItem =
            serde_json::from_value(answer.clone()).context("the broker's answer is no report")?;
        if args.json {
            Output.json(&answer);
        } else if args.dry_run {
            preview(&report, &answer);
        } else {
            done(api, &report, &answer);
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
    let loss = if report.expected_cost >= report.expected { ", which is a loss" } else { "" };
    Output.note(&format!(
        "would settle {} of {} for about {} of gas{loss}; nothing was sent",
        report.expected.in_full(),
        counted(report.rows.len(), "user"),
        report.expected_cost.in_full(),
    ));
}

fn done(api: &Api, report: &ReportItem, answer: &Value) {
    if report.transactions.is_empty() {
        rows(answer);
        return Output.note("there is nothing that could be claimed now");
    }
    // For scripts; people read it in the sentence.
    if !Output.is_terminal() {
        Output.line(&report.paid.to_string());
    }
    let gas = report.transactions.iter().fold(Neuron::ZERO, |sum, sent| sum.saturating_add(sent.gas_cost));
    let payers = report.rows.iter().filter(|row| row.paid.is_some_and(|paid| !paid.is_zero())).count();
    Output.note(&format!(
        "settled {} of {} in {}, for {} of gas",
        report.paid.in_full(),
        counted(payers, "user"),
        counted(report.transactions.len(), "transaction"),
        gas.in_full(),
    ));
    for transaction in &report.transactions {
        let hash = transaction.transaction_hash.map(|hash| hash.to_string()).unwrap_or_default();
        Output.note(&format!("{} {hash}", transaction.state));
    }
    if report.is_open() {
        let there = api.advice("provider settlements");
        Output.note(&format!("not all of it is in a block yet; see {there} before you repeat it"));
    }
    match report.left_out.len() {
        0 => {}
        1 => Output.note("1 user was left out; --dry-run says why"),
        many => Output.note(&format!("{} were left out; --dry-run says why", counted(many, "user"))),
    }
}

fn rows(answer: &Value) {
    for (key, columns) in [("Rows", ROWS), ("LeftOut", LEFT_OUT)] {
        let mut items = answer[key].as_array().cloned().unwrap_or_default();
        for item in &mut items {
            // A broker of an older version tells the code alone.
            if let (true, Some(code)) = (item["Text"].is_null(), item["Reason"].as_str()) {
                item["Text"] = code.replace('_', " ").into();
            }
        }
        if !items.is_empty() {
            Output.table(&items, columns);
        }
    }
}

fn exit(report: &ReportItem) -> Exit {
    let is = |state: OperationState| report.transactions.iter().any(|tx| tx.state == state.as_str());
    if is(OperationState::Reverted) || is(OperationState::Refused) {
        Exit::Refused
    } else if report.is_open() {
        Exit::Unknown
    } else {
        Exit::Ok
    }
}
