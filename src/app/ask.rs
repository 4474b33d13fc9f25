//! Listings: asked of a broker's API, shown as a table, or with `--json` as the API gave them.

use anyhow::{Context, Result};
use reqwest::Method;
use serde_json::{Value, json};

use super::api::Api;
use super::{bundle, export};
use crate::cli::{
    Column, Exit, Exported, Failure, Global, Json, Listing, OperationFilters, Output, RequestCommand, Role,
    Served, ServiceCommand, word,
};
use crate::domain::amount::{counted, grouped};
use crate::domain::{Neuron, OperationId, OperationState};
use crate::wire::admin::ForecastItem;

const fn column(title: &'static str, key: &'static str) -> Column {
    Column::text(title, key)
}

const fn figures(title: &'static str, key: &'static str) -> Column {
    Column::figures(title, key)
}

const SERVICES: &[Column] = &[
    column("PROVIDER", "Provider"),
    column("NAME", "Name"),
    column("TYPE", "Type"),
    column("MODEL", "Model"),
    figures("INPUT PRICE", "InputPrice"),
    figures("OUTPUT PRICE", "OutputPrice"),
];
pub const ACCOUNTS: &[Column] = &[
    column("PROVIDER", "Provider"),
    figures("BALANCE", "Balance"),
    figures("SPENDABLE", "Available"),
    figures("OWED", "Owed"),
    figures("SETTLED", "Settled"),
    figures("PENDING REFUND", "PendingRefund"),
];
pub const REFUNDS: &[Column] = &[
    column("PROVIDER", "Provider"),
    figures("INDEX", "Index"),
    figures("AMOUNT", "Amount"),
    column("CREATED", "CreatedAt"),
    column("UNLOCKS", "UnlockAt"),
    column("STATUS", "Status"),
];
const REQUESTS: &[Column] = &[
    column("CREATED", "CreatedAt"),
    column("SERVICE", "ServiceName"),
    column("STATUS", "Status"),
    figures("IN", "InputUnits"),
    figures("OUT", "OutputUnits"),
    figures("FEE", "Fee"),
    column("REQUEST", "RequestID"),
];
/// Of a provider: the ids are in `--json`, whose rows have no width.
const SERVED: &[Column] = &[
    column("CREATED", "CreatedAt"),
    column("USER", "ShortUser"),
    column("SERVICE", "ServiceName"),
    column("STATUS", "Status"),
    figures("IN", "InputUnits"),
    figures("OUT", "OutputUnits"),
    figures("FEE", "Fee"),
];
const USERS: &[Column] = &[
    column("USER", "User"),
    figures("BALANCE", "Balance"),
    figures("UNSETTLED", "Unsettled"),
    column("RISK", "Risk"),
];
const SETTLEMENTS: &[Column] = &[
    column("CREATED", "CreatedAt"),
    column("STATE", "State"),
    figures("SETTLED", "Paid"),
    figures("GAS COST", "GasCost"),
    column("TRANSACTION", "TransactionHash"),
];

const OPERATIONS: &[Column] = &[
    column("CREATED", "CreatedAt"),
    column("OPERATION", "OperationID"),
    column("KIND", "Kind"),
    column("STATE", "State"),
    column("TRANSACTION", "TransactionHash"),
    column("WHY", "Reason"),
];

/// Asks for a list and shows it.
pub async fn list(
    api: &Api,
    path: &str,
    listing: &Listing,
    filters: &[(&str, Option<String>)],
    columns: &[Column],
) -> Result<Exit> {
    listed(api, path, listing, filters, columns).await.map(|_| Exit::Ok)
}

/// The same, and gives what was answered.
async fn listed(
    api: &Api,
    path: &str,
    listing: &Listing,
    filters: &[(&str, Option<String>)],
    columns: &[Column],
) -> Result<Value> {
    let mut query: Vec<(&str, String)> =
        filters.iter().filter_map(|(name, value)| Some((*name, value.clone()?))).collect();
    query.extend(listing.limit.map(|limit| ("limit", limit.to_string())));
    query.extend(listing.cursor.clone().map(|cursor| ("cursor", cursor)));
    let answer = api.get(path, &query).await?;
    if listing.json {
        Output.json(&answer);
        return Ok(answer);
    }
    let mut items = answer["Items"].as_array().cloned().unwrap_or_default();
    for item in &mut items {
        if let Some(user) = item["UserAddress"].as_str().map(short) {
            item["ShortUser"] = user.into();
        }
    }
    if !Output.table(&items, columns) {
        return Ok(answer);
    }
    let total = answer["Metadata"]["total"].as_u64().unwrap_or_default();
    let fee = answer["Fee"].as_str().and_then(|fee| fee.parse::<Neuron>().ok());
    let fee = fee.map(|fee| format!(", fees of {} in all", fee.in_full())).unwrap_or_default();
    Output.note(&format!(
        "{} of {}{fee}; amounts are neuron",
        grouped(items.len() as u128),
        grouped(total.into())
    ));
    if let Some(next) = answer["Metadata"]["Next"].as_str() {
        Output.note(&format!("more with --cursor {next}"));
    }
    Ok(answer)
}

/// The two ends of an address, by which people tell users apart.
fn short(address: &str) -> String {
    match (address.get(..6), address.get(address.len().saturating_sub(4)..)) {
        (Some(head), Some(tail)) if address.len() > 12 => format!("{head}…{tail}"),
        _ => address.to_owned(),
    }
}

/// Asks for one object and shows it.
pub async fn show(api: &Api, path: &str, json: Json) -> Result<Exit> {
    let answer: Value = api.get(path, &[]).await?;
    if json.json {
        Output.json(&answer)
    } else {
        Output.fields(&answer)
    };
    Ok(Exit::Ok)
}

/// Does something with an API and closes it, whatever came of it.
pub async fn with(api: Api, work: impl AsyncFnOnce(&Api) -> Result<Exit>) -> Result<Exit> {
    let done = work(&api).await;
    api.close().await;
    done
}

pub async fn services(command: ServiceCommand, global: &Global) -> Result<Exit> {
    let api = Api::user(global).await?;
    with(api, async |api: &Api| match command {
        ServiceCommand::List { listing, provider, kind, name, model, sort } => {
            let filters = [
                ("provider", provider.map(|provider| provider.to_string())),
                ("type", kind.map(|kind| kind.to_string())),
                ("name", name.map(|name| name.to_string())),
                ("model", model),
                ("sort", word(sort)),
            ];
            list(api, "/v1/service", &listing, &filters, SERVICES).await
        }
        ServiceCommand::Show { provider, name, json } => {
            show(api, &format!("/v1/provider/{provider}/service/{name}"), json).await
        }
    })
    .await
}

pub async fn requests(command: RequestCommand, global: &Global) -> Result<Exit> {
    let api = Api::user(global).await?;
    with(api, async |api: &Api| match command {
        RequestCommand::List { listing, filters, sort } => {
            let asked: Vec<_> = filters.query().into_iter().chain([("sort", word(sort))]).collect();
            list(api, "/v1/request", &listing, &asked, REQUESTS).await
        }
        RequestCommand::Export { filters, file } => {
            export::run(api, "/v1/request/export", &filters.query(), file).await
        }
        RequestCommand::Bundle { ids, output } => bundle::make(api, &ids, output).await,
        RequestCommand::Show { id, json } => show(api, &format!("/v1/request/{id}"), json).await,
        RequestCommand::Accept { id, amount } => {
            let path = format!("/v1/request/{id}/accept");
            api.send_json(Method::POST, &path, Some(&json!({"amount": amount}))).await?;
            Output.note(&format!("receipt accepted; {} more are owed for request {id}", amount.in_full()));
            Ok(Exit::Ok)
        }
    })
    .await
}

/// One operation of a broker, or all of them.
pub async fn operation(
    id: Option<OperationId>,
    role: Role,
    filters: OperationFilters,
    listing: Listing,
    global: &Global,
) -> Result<Exit> {
    if role == Role::Provider && filters.provider.is_some() {
        let why = "--provider is about the operations of a user; those of a provider are all its own";
        return Err(Failure::new(Exit::BadInput, why).into());
    }
    let api = match role {
        Role::User => Api::user(global).await?,
        Role::Provider => Api::provider(global).await?,
    };
    with(api, async |api: &Api| match id {
        Some(id) => show(api, &format!("/v1/operation/{id}"), Json { json: listing.json }).await,
        None => list(api, "/v1/operation", &listing, &filters.query(), OPERATIONS).await,
    })
    .await
}

pub async fn users(listing: Listing, global: &Global) -> Result<Exit> {
    of_provider("/v1/user", listing, &[], USERS, global).await
}

pub async fn settlements(listing: Listing, status: Option<OperationState>, global: &Global) -> Result<Exit> {
    let filters = [("status", status.map(|status| status.to_string()))];
    let api = Api::provider(global).await?;
    with(api, async |api: &Api| {
        let answer = listed(api, "/v1/settlement", &listing, &filters, SETTLEMENTS).await?;
        if !listing.json {
            let forecast = serde_json::from_value(answer["Forecast"].clone());
            Output.note(&next_settlement(&forecast.context("the broker's answer has no forecast")?));
        }
        Ok(Exit::Ok)
    })
    .await
}

/// The next settlement in a sentence: whether it comes, what it would bring and cost, and by when something asks for it.
fn next_settlement(forecast: &ForecastItem) -> String {
    // A broker of an older version tells the code alone.
    let text = if forecast.text.is_empty() { &forecast.verdict } else { &forecast.text };
    let mut said = format!("the next one: {text}");
    if forecast.rows_in_all > 0 {
        said.push_str(&format!(
            "; now it would bring {} of {} for about {} of gas",
            forecast.brings.in_full(),
            counted(forecast.rows_in_all, "user"),
            forecast.costs.in_full()
        ));
    }
    if let Some(deadline) = forecast.next_deadline {
        said.push_str(&format!("; the next deadline is {deadline}"));
        if let Some(reason) = forecast.next_reason.as_ref().filter(|reason| !reason.text.is_empty()) {
            said.push_str(&format!(": {}", reason.text));
        }
    }
    said
}

pub async fn served(served: Served, global: &Global) -> Result<Exit> {
    let Served { listing, which, sort } = served;
    let asked: Vec<_> = which.query().into_iter().chain([("sort", word(sort))]).collect();
    of_provider("/v1/request", listing, &asked, SERVED, global).await
}

/// What a provider sold, or what came in, as a file.
pub async fn exported(exported: Exported, global: &Global) -> Result<Exit> {
    let path = if exported.settlements { "/v1/settlement/export" } else { "/v1/request/export" };
    let api = Api::provider(global).await?;
    with(api, async |api: &Api| export::run(api, path, &exported.which.query(), exported.file).await).await
}

async fn of_provider(
    path: &str,
    listing: Listing,
    filters: &[(&'static str, Option<String>)],
    columns: &[Column],
    global: &Global,
) -> Result<Exit> {
    let api = Api::provider(global).await?;
    with(api, async |api: &Api| list(api, path, &listing, filters, columns).await).await
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use std::collections::BTreeSet;

    use super::*;
    use crate::cli::AMOUNTS;

    /// Names of all properties of an amount's shape.
    fn amounts(schema: &Value, found: &mut BTreeSet<String>) {
        for (name, inside) in schema["properties"].as_object().into_iter().flatten() {
            if inside.to_string().contains(r#""pattern":"^[0-9]+$""#) {
                found.insert(name.clone());
            }
        }
        match schema {
            Value::Object(members) => members.values().for_each(|inside| amounts(inside, found)),
            Value::Array(items) => items.iter().for_each(|inside| amounts(inside, found)),
            _ => {}
        }
    }

    #[test]
    fn the_next_settlement_is_a_sentence() {
        let forecast = json!({
            "At": "2026-11-23T01:20:11Z", "Verdict": "wait", "Text": "waits until it is worth its gas",
            "Reasons": [], "Rows": [], "RowsInAll": 2, "LeftOut": [], "Brings": "2000", "Costs": "44",
            "WorthFrom": "5000", "NextDeadline": "2026-11-24T01:20:11Z",
            "NextReason": {"Reason": "age", "Text": "a debt is old"},
        });
        let told = |forecast: Value| next_settlement(&serde_json::from_value(forecast).unwrap());
        let all = told(forecast.clone());
        for words in [
            "the next one: waits until it is worth its gas; now it would bring 2,000 neuron",
            "of 2 users for about 44 neuron",
            "of gas; the next deadline is 2026-11-24T01:20:11Z: a debt is old",
        ] {
            assert!(all.contains(words), "{words}: {all}");
        }
        let mut none = forecast;
        (none["RowsInAll"], none["NextDeadline"], none["Text"]) =
            (json!(0), Value::Null, json!("nothing can be claimed now"));
        assert_eq!(told(none), "the next one: nothing can be claimed now");
    }

    #[test]
    fn amounts_are_known_by_the_names_that_the_documents_give_them() {
        let mut found = BTreeSet::new();
        for document in [crate::http::user::openapi(), crate::http::provider::openapi()] {
            amounts(&document["components"]["schemas"], &mut found);
        }
        let shown: Vec<&String> = found.iter().filter(|name| name.starts_with(char::is_uppercase)).collect();
        assert_eq!(shown, AMOUNTS.iter().collect::<Vec<_>>());
    }
}
