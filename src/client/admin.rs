//! The provider broker's own API, typed: what its console may ask and order.
//!
//! Lists are read whole, page by page, up to a limit that keeps a screen from asking for ever.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::{Call, Client, ClientError};
use crate::domain::{Neuron, OperationId, ServiceName};
use crate::keys::Secret;
use crate::wire::admin::{
    OperationItem, Overview, ReportItem, RequestItem, ServiceItem, Settlements, UserItem,
};
use crate::wire::list::List;

/// A look must not take longer than people wait.
const LOOK: Duration = Duration::from_secs(15);
/// An order is answered within 90 s on the broker's side, in a block or not.
const ORDER: Duration = Duration::from_secs(150);
const PAGE: &str = "1000";
const MOST_USERS: usize = 20_000;

/// How an order ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Done,
    /// Sent, and not in a block yet.
    Sent(Option<OperationId>),
    /// The broker is still at it, or not all of it is done; its lists show what comes of it.
    Unknown,
}

impl Outcome {
    fn of(status: StatusCode, answer: Option<&Value>) -> Outcome {
        let Some(answer) = answer.filter(|_| status == StatusCode::ACCEPTED) else { return Outcome::Done };
        let id = answer.get("OperationID").and_then(Value::as_str);
        match answer.get("State").and_then(Value::as_str) {
            None => Outcome::Done,
            Some("sent") => Outcome::Sent(id.and_then(|id| id.parse().ok())),
            Some(_) => Outcome::Unknown,
        }
    }
}

/// What is sent to register a service, or to change one; what is absent stays as it is.
#[derive(Clone, Debug, Default)]
pub struct ServiceDraft {
    pub name: Option<ServiceName>,
    pub kind: Option<String>,
    pub url: Option<String>,
    pub model: Option<String>,
    pub input_price: Option<Neuron>,
    pub output_price: Option<Neuron>,
    pub meter: Option<String>,
    pub headers: Option<Vec<(String, Secret<String>)>>,
    /// `Some(None)` takes a limit away.
    pub max_in_flight: Option<Option<u64>>,
    pub requests_per_minute: Option<Option<u64>>,
}

impl ServiceDraft {
    fn body(&self) -> Value {
        let mut body = Map::new();
        let mut put = |key: &str, value: Option<Value>| {
            if let Some(value) = value {
                body.insert(key.to_owned(), value);
            }
        };
        put("Name", self.name.as_ref().map(|name| json!(name.as_str())));
        put("Type", self.kind.as_ref().map(|kind| json!(kind)));
        put("URL", self.url.as_ref().map(|url| json!(url)));
        put("model", self.model.as_ref().map(|model| json!(model)));
        put("inputPrice", self.input_price.map(|price| json!(price)));
        put("outputPrice", self.output_price.map(|price| json!(price)));
        put("meter", self.meter.as_ref().map(|meter| json!(meter)));
        put("maxInFlight", self.max_in_flight.map(|limit| json!(limit)));
        put("requestsPerMinute", self.requests_per_minute.map(|limit| json!(limit)));
        put(
            "upstreamHeaders",
            self.headers.as_ref().map(|headers| {
                headers.iter().map(|(name, value)| (name.clone(), json!(value.expose()))).collect::<Value>()
            }),
        );
        Value::Object(body)
    }
}

/// The provider broker's own API.
#[derive(Clone, Debug)]
pub struct Admin {
    client: Client,
}

impl Admin {
    pub fn new(client: Client) -> Admin {
        Admin { client }
    }

    pub fn client(&self) -> &Client {
        &self.client
    }

    pub async fn overview(&self) -> Result<Overview, ClientError> {
        self.look("/v1/overview", &[]).await
    }

    pub async fn services(&self) -> Result<Vec<ServiceItem>, ClientError> {
        self.pages("/v1/service", &[], usize::MAX).await
    }

    pub async fn users(&self) -> Result<Vec<UserItem>, ClientError> {
        self.pages("/v1/user", &[], MOST_USERS).await
    }

    /// The newest requests, how many there are in all, and what they cost together.
    pub async fn requests(&self) -> Result<List<RequestItem>, ClientError> {
        self.look("/v1/request", &[("limit", PAGE.to_owned())]).await
    }

    pub async fn settlements(&self) -> Result<Settlements, ClientError> {
        self.look("/v1/settlement", &[("limit", "200".to_owned())]).await
    }

    /// The newest on-chain actions.
    pub async fn operations(&self) -> Result<Vec<OperationItem>, ClientError> {
        let list: List<OperationItem> = self.look("/v1/operation", &[("limit", "50".to_owned())]).await?;
        Ok(list.items)
    }

    /// What a settlement would do now.
    pub async fn preview(&self) -> Result<ReportItem, ClientError> {
        let query = [("dryRun", "true".to_owned())];
        let call = Call { query: &query, within: LOOK, ..Call::new(Method::POST, "/v1/settle") };
        self.client.read(call).await
    }

    /// Settles. The report is absent where the broker only took the order.
    pub async fn settle(&self, key: &str) -> Result<Option<ReportItem>, ClientError> {
        let call = Call { key: Some(key), within: ORDER, ..Call::new(Method::POST, "/v1/settle") };
        Ok(self.client.read_maybe(call).await?.1)
    }

    pub async fn register(&self, service: &ServiceDraft, key: &str) -> Result<Outcome, ClientError> {
        let mut body = service.body();
        // A name that is taken by mistake must not replace what runs under it.
        body["replace"] = false.into();
        let call = Call::new(Method::POST, "/v1/service");
        let call = Call { body: Some(&body), key: Some(key), within: ORDER, ..call };
        match self.client.read_maybe::<Value>(call).await? {
            // What is done is a 204 here; older brokers say no more of what they are still at.
            (StatusCode::ACCEPTED, None) => Ok(Outcome::Unknown),
            (status, answer) => Ok(Outcome::of(status, answer.as_ref())),
        }
    }

    pub async fn change(&self, name: &ServiceName, change: &ServiceDraft) -> Result<Outcome, ClientError> {
        let (path, body) = (format!("/v1/service/{name}"), change.body());
        self.order(Call { body: Some(&body), ..Call::new(Method::PUT, &path) }).await
    }

    /// New requests are refused until it is resumed; the chain lists it all the same.
    pub async fn pause(&self, name: &ServiceName, pause: bool) -> Result<Outcome, ClientError> {
        let path = format!("/v1/service/{name}/{}", if pause { "pause" } else { "resume" });
        self.order(Call::new(Method::POST, &path)).await
    }

    pub async fn remove(&self, name: &ServiceName) -> Result<Outcome, ClientError> {
        self.order(Call::new(Method::DELETE, &format!("/v1/service/{name}"))).await
    }

    /// Compares all services with the chain and repairs what differs.
    pub async fn sync_services(&self) -> Result<Outcome, ClientError> {
        let call = Call { within: ORDER, ..Call::new(Method::POST, "/v1/sync-service") };
        let Some(report) = self.client.read_maybe::<Value>(call).await?.1 else {
            return Ok(Outcome::Unknown);
        };
        let pending = report.get("Pending").and_then(Value::as_array);
        Ok(if pending.is_none_or(Vec::is_empty) { Outcome::Done } else { Outcome::Unknown })
    }

    /// Reads all accounts from the chain.
    pub async fn sync_accounts(&self) -> Result<Outcome, ClientError> {
        self.order(Call::new(Method::POST, "/v1/sync-account")).await
    }

    async fn order(&self, call: Call<'_>) -> Result<Outcome, ClientError> {
        let (status, answer) = self.client.read_maybe::<Value>(Call { within: ORDER, ..call }).await?;
        Ok(Outcome::of(status, answer.as_ref()))
    }

    async fn look<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, String)],
    ) -> Result<T, ClientError> {
        self.client.read(Call { query, within: LOOK, ..Call::new(Method::GET, path) }).await
    }

    async fn pages<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, String)],
        most: usize,
    ) -> Result<Vec<T>, ClientError> {
        let mut items = Vec::new();
        let mut cursor: Option<String> = None;
        loop {
            let mut query = query.to_vec();
            query.push(("limit", PAGE.to_owned()));
            query.extend(cursor.take().map(|cursor| ("cursor", cursor)));
            let page: List<T> = self.look(path, &query).await?;
            let empty = page.items.is_empty();
            items.extend(page.items);
            // An empty page that names a next one would be asked for ever.
            match page.metadata.next {
                Some(next) if !empty && items.len() < most => cursor = Some(next),
                _ => return Ok(items),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_done_is_told_as_done() {
        let id = "2a3bc45ff5d29237cb0f138115647b9f";
        let of =
            |status, answer: Value| Outcome::of(status, Some(&answer).filter(|answer| !answer.is_null()));
        assert_eq!(of(StatusCode::NO_CONTENT, Value::Null), Outcome::Done);
        assert_eq!(of(StatusCode::ACCEPTED, Value::Null), Outcome::Done);
        let sent = of(StatusCode::ACCEPTED, json!({"OperationID": id, "State": "sent"}));
        assert_eq!(sent, Outcome::Sent(id.parse().ok()));
        let unknown = json!({"OperationID": null, "State": "unknown"});
        assert_eq!(of(StatusCode::ACCEPTED, unknown), Outcome::Unknown);
    }
}
