//! Commands for the services that a provider offers: register, change, pause, list, compare with the chain.

use anyhow::{Context, Result};
use reqwest::Method;
use serde_json::{Map, Value, json};

use super::act::{order, still_at_it};
use super::api::Api;
use super::ask::with;
use crate::cli::{
    self, Behind, Column, Exit, Failure, Global, Json, Line, Listing, Output, OwnServiceCommand,
};
use crate::domain::Timestamp;
use crate::domain::amount::grouped;
use crate::keys::Secret;

const SERVICES: &[Column] = &[
    Column::text("NAME", "Name"),
    Column::text("TYPE", "Type"),
    Column::text("STATUS", "Status"),
    Column::text("HEALTH", "Health"),
    Column::figures("RUNNING", "Running"),
    Column::figures("A MINUTE", "PerMinute"),
    Column::figures("IN PRICE", "InputPrice"),
    Column::figures("OUT PRICE", "OutputPrice"),
];
const SYNCED: &[Column] =
    &[Column::text("NAME", "Name"), Column::text("RESULT", "Result"), Column::text("REASON", "Reason")];

pub async fn run(command: OwnServiceCommand, global: &Global) -> Result<Exit> {
    let api = Api::provider(global).await?;
    with(api, async |api: &Api| match command {
        OwnServiceCommand::Add(service) => {
            let mut body = given([
                ("name", Some(service.name.to_string())),
                ("type", Some(service.kind.to_string())),
                ("URL", Some(service.target)),
                ("model", service.model),
                ("inputPrice", Some(service.input_price.to_string())),
                ("outputPrice", Some(service.output_price.to_string())),
                ("meter", service.meter),
            ]);
            // A slip of the name must not change what is on offer.
            body.insert("replace".to_owned(), false.into());
            add_behind(&mut body, &service.behind)?;
            let done = format!("{} is on the chain", service.name);
            order(api, Method::POST, "/v1/service", Some(body.into()), &done).await
        }
        OwnServiceCommand::Update(change) => {
            let mut body = given([
                ("URL", change.target),
                ("model", change.model),
                ("inputPrice", change.input_price.map(|price| price.to_string())),
                ("outputPrice", change.output_price.map(|price| price.to_string())),
                ("meter", change.meter),
            ]);
            if change.no_headers {
                body.insert("upstreamHeaders".to_owned(), json!({}));
            }
            add_behind(&mut body, &change.behind)?;
            if body.is_empty() {
                return Err(Failure::new(Exit::BadInput, "nothing to change is given; see --help").into());
            }
            let path = format!("/v1/service/{}", change.name);
            order(api, Method::PUT, &path, Some(body.into()), &format!("{} is changed", change.name)).await
        }
        OwnServiceCommand::Remove { name } => {
            let path = format!("/v1/service/{name}");
            order(api, Method::DELETE, &path, None, &format!("{name} is off the chain")).await
        }
        OwnServiceCommand::Pause { name } => {
            let path = format!("/v1/service/{name}/pause");
            let done = format!(
                "{name} takes no new requests; {} ends the pause",
                api.advice(&format!("provider service resume {name}"))
            );
            order(api, Method::POST, &path, None, &done).await
        }
        OwnServiceCommand::Resume { name } => {
            let path = format!("/v1/service/{name}/resume");
            order(api, Method::POST, &path, None, &format!("{name} takes requests")).await
        }
        OwnServiceCommand::List(listing) => list(api, &listing).await,
        OwnServiceCommand::Show { name, json } => {
            let service = api.get(&format!("/v1/service/{name}"), &[]).await?;
            if json.json {
                Output.json(&service)
            } else {
                Output.fields(&service)
            };
            Ok(Exit::Ok)
        }
        OwnServiceCommand::Sync(json) => sync(api, json).await,
    })
    .await
}

/// An object of the fields that have a value.
fn given<const N: usize>(fields: [(&str, Option<String>); N]) -> Map<String, Value> {
    fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), Value::String(value?)))).collect()
}

fn add_behind(body: &mut Map<String, Value>, behind: &Behind) -> Result<()> {
    for (name, limit) in
        [("maxInFlight", behind.max_in_flight), ("requestsPerMinute", behind.requests_per_minute)]
    {
        // The API takes 0 as "any number".
        if let Some(limit) = limit {
            body.insert(name.to_owned(), limit.into());
        }
    }
    if behind.header_file.is_none() && behind.api_key_file.is_none() {
        return Ok(());
    }
    let mut headers = Map::new();
    if let Some(file) = &behind.header_file {
        let text = std::fs::read_to_string(file).map(Secret::new);
        let text = text.with_context(|| format!("{} cannot be read", file.display()))?;
        for (number, line) in (1..).zip(text.expose().lines()).filter(|(_, line)| !line.trim().is_empty()) {
            // The line is not repeated: it may be a key.
            let wrong = || {
                let place = file.display();
                Failure::new(Exit::BadInput, format!("{place}, line {number}: write it as Name: value"))
            };
            let (name, value) = line.split_once(':').ok_or_else(wrong)?;
            headers.insert(name.trim().to_owned(), value.trim().into());
        }
    }
    if let Some(file) = &behind.api_key_file {
        let key = cli::from_file(Line::ApiKey, file)?;
        headers.insert("Authorization".to_owned(), format!("Bearer {}", key.expose().trim()).into());
    }
    body.insert("upstreamHeaders".to_owned(), headers.into());
    Ok(())
}

async fn list(api: &Api, listing: &Listing) -> Result<Exit> {
    let mut query = Vec::new();
    query.extend(listing.limit.map(|limit| ("limit", limit.to_string())));
    query.extend(listing.cursor.clone().map(|cursor| ("cursor", cursor)));
    let answer = api.get("/v1/service", &query).await?;
    if listing.json {
        Output.json(&answer);
        return Ok(Exit::Ok);
    }
    let items = answer["Items"].as_array().map(Vec::as_slice).unwrap_or_default();
    if !Output.table(&items.iter().map(row).collect::<Vec<_>>(), SERVICES) {
        return Ok(Exit::Ok);
    }
    let total = answer["Metadata"]["total"].as_u64().unwrap_or_default();
    Output.note(&format!(
        "{} of {}; prices are neuron a unit",
        grouped(items.len() as u128),
        grouped(total.into())
    ));
    let sync = api.advice("provider service sync");
    for remark in items.iter().flat_map(|service| remarks(service, &sync)) {
        Output.note(&remark);
    }
    for unknown in answer["Unknown"].as_array().map(Vec::as_slice).unwrap_or_default() {
        let name = text(&unknown["Name"]);
        Output.note(&format!(
            "{name}: the chain lists it, but it is not known here; {} takes it off, {} takes it over",
            api.advice(&format!("provider service remove {name}")),
            api.advice(&format!("provider service add {name} …"))
        ));
    }
    if let Some(next) = answer["Metadata"]["Next"].as_str() {
        Output.note(&format!("more with --cursor {next}"));
    }
    Ok(Exit::Ok)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// A service as one line of a table.
fn row(service: &Value) -> Value {
    let running = service["InFlight"].as_u64().unwrap_or_default();
    let running = match service["Limits"]["MaxInFlight"].as_u64() {
        Some(most) => format!("{running} of {most}"),
        None => running.to_string(),
    };
    let paused = service["Paused"].as_bool() == Some(true);
    let status = match text(&service["Status"]) {
        "listed" if paused => "paused".to_owned(),
        status if paused => format!("{status}, paused"),
        status => status.to_owned(),
    };
    json!({
        "Name": service["Name"],
        "Type": service["Type"],
        "Status": status,
        "Health": service["Health"]["State"],
        "Running": running,
        "PerMinute": service["Limits"]["RequestsPerMinute"],
        "InputPrice": service["InputPrice"],
        "OutputPrice": service["OutputPrice"],
    })
}

/// What there is to see to about a service. `sync` is the command that mends what differs.
fn remarks(service: &Value, sync: &str) -> Vec<String> {
    let name = text(&service["Name"]);
    let mut remarks = Vec::new();
    if let Some(reason) = service["Health"]["Reason"].as_str() {
        let since = text(&service["Health"]["Since"]);
        let since =
            since.parse::<Timestamp>().map_or_else(|_| since.to_owned(), |at| at.second().to_string());
        remarks.push(format!("{name}: failing since {since}: {reason}"));
    }
    let differs: Vec<&str> = service["Differs"].as_array().into_iter().flatten().map(text).collect();
    if differs.contains(&"Listed") {
        remarks.push(format!("{name}: the chain does not list it; {sync} puts it there"));
    } else if !differs.is_empty() {
        let keys = differs.join(", ");
        remarks.push(format!("{name}: the chain lists another {keys}; {sync} mends it"));
    }
    remarks
}

async fn sync(api: &Api, json: Json) -> Result<Exit> {
    let (_, report) = {
        let _waiting = cli::Progress::start("comparing with the chain");
        api.send_json(Method::POST, "/v1/sync-service", None).await?
    };
    if report.is_null() {
        Output.note(&still_at_it(api, "operation"));
        return Ok(Exit::Unknown);
    }
    let pending = report["Pending"].as_array().is_some_and(|pending| !pending.is_empty());
    let exit = if pending { Exit::Unknown } else { Exit::Ok };
    if json.json {
        Output.json(&report);
        return Ok(exit);
    }
    let words = [
        ("Unchanged", "agrees"),
        ("Pushed", "put on the chain"),
        ("Removed", "taken off the chain"),
        ("Pending", "pending"),
        ("Unknown", "unknown here"),
    ];
    let mut rows = Vec::new();
    for (key, result) in words {
        for item in report[key].as_array().into_iter().flatten() {
            let name = if item.is_object() { &item["Name"] } else { item };
            rows.push(json!({"Name": name, "Result": result, "Reason": item["Reason"]}));
        }
    }
    Output.table(&rows, SYNCED);
    Ok(exit)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;

    fn service() -> Value {
        json!({
            "Name": "llama7b", "Type": "chatbot", "Status": "listed", "Paused": true, "InFlight": 2,
            "InputPrice": "100000", "OutputPrice": "200000", "Differs": ["InputPrice", "Model"],
            "UpstreamHeaders": ["authorization"],
            "Health": {"State": "failing", "Since": "2026-11-23T01:20:11.6168Z", "Reason": "the service answers 503"},
            "Limits": {"MaxInFlight": 4, "RequestsPerMinute": null},
        })
    }

    #[test]
    fn a_service_is_one_line_and_what_there_is_to_see_to() {
        let row = row(&service());
        assert_eq!((text(&row["Status"]), text(&row["Running"])), ("paused", "2 of 4"));
        let said = remarks(&service(), "`x`");
        assert_eq!(said[0], "llama7b: failing since 2026-11-23T01:20:11Z: the service answers 503");
        assert!(said[1].contains("another InputPrice, Model"), "{said:?}");
    }

    #[test]
    fn secrets_come_from_files_and_are_not_repeated() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            Some(path)
        };
        let mut body = Map::new();
        let behind = Behind {
            api_key_file: file("key", "sk-canary\n"),
            header_file: file("headers", "X-Org: a:b\n\n X-More :c\n"),
            max_in_flight: Some(0),
            requests_per_minute: Some(9),
        };
        add_behind(&mut body, &behind).unwrap();
        let expected = json!({"X-Org": "a:b", "X-More": "c", "Authorization": "Bearer sk-canary"});
        assert_eq!(body["upstreamHeaders"], expected);
        assert_eq!((&body["maxInFlight"], &body["requestsPerMinute"]), (&json!(0), &json!(9)));
        let wrong = Behind { header_file: file("wrong", "X: y\nsk-canary"), ..Behind::default() };
        let error = add_behind(&mut Map::new(), &wrong).unwrap_err().to_string();
        assert!(error.contains("line 2") && !error.contains("canary"), "{error}");
    }
}
