//! A service as its operator sees it: what is wanted, what the chain lists, how the server behind it does.

use serde::{Deserialize, Serialize};

use crate::domain::{Neuron, ServiceName, Timestamp};
use crate::wire::list::List;

/// The services on offer, and what the chain lists beside them.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Services {
    #[serde(flatten)]
    pub list: List<ServiceItem>,
    /// Listed under this provider's address, but not known to its database: another broker's, or one of a database
    /// that was lost.
    #[serde(default)]
    pub unknown: Vec<ListedItem>,
}

/// A service on offer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ServiceItem {
    pub updated_at: Timestamp,
    pub created_at: Timestamp,
    pub name: ServiceName,
    #[serde(rename = "Type")]
    pub kind: String,
    /// Where the service itself is.
    #[serde(rename = "URL")]
    pub url: String,
    /// What the chain lists, or will.
    #[serde(rename = "PublicURL")]
    pub public_url: String,
    pub model: String,
    pub input_price: Neuron,
    pub output_price: Neuron,
    pub meter: String,
    /// pending, listed or removing.
    pub status: String,
    /// Whether new requests are refused for now; the chain lists it all the same.
    #[serde(default)]
    pub paused: bool,
    pub version: Option<u64>,
    /// Names of the headers sent along; their values are secret.
    pub upstream_headers: Vec<String>,
    /// What the chain lists of it; absent if it lists nothing.
    #[serde(default)]
    pub listed: Option<ListedItem>,
    /// Keys in which the database and the chain differ, such as InputPrice. Empty: they agree.
    #[serde(default)]
    pub differs: Vec<String>,
    #[serde(default)]
    pub health: HealthOfService,
    #[serde(default)]
    pub limits: LimitsItem,
    /// Requests being served.
    #[serde(default)]
    pub in_flight: usize,
}

/// A service as the chain lists it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListedItem {
    pub name: ServiceName,
    #[serde(rename = "Type")]
    pub kind: String,
    #[serde(rename = "URL")]
    pub url: String,
    pub model: String,
    pub input_price: Neuron,
    pub output_price: Neuron,
    pub version: u64,
}

/// How the server behind a service does, by free looks at it and by the requests that went there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct HealthOfService {
    /// unknown, ok or failing.
    pub state: String,
    /// Since when it is in this state.
    pub since: Option<Timestamp>,
    /// The last look or request.
    pub checked_at: Option<Timestamp>,
    /// Milliseconds until the last look was answered.
    pub latency: Option<u64>,
    /// Why it counts as failing.
    pub reason: Option<String>,
}

/// What may be asked of a service, by all users together. Absent: not limited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct LimitsItem {
    pub max_in_flight: Option<u64>,
    pub requests_per_minute: Option<u64>,
}
