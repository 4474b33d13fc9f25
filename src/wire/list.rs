//! Lists as both APIs answer them, and addresses as people see them.

use serde::{Deserialize, Serialize};

use crate::domain::{Address, Neuron};

/// A list: `{"Metadata": {"total": n}, "Items": […]}`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct List<T> {
    pub metadata: Metadata,
    pub items: Vec<T>,
    /// The sum of all fees that the filter matches, on lists of requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fee: Option<Neuron>,
}

/// What is said of a list.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Metadata {
    /// How many the filter matches, on this page and off it.
    pub total: u64,
    /// Send it as `cursor` for the next page; absent on the last.
    #[serde(rename = "Next", default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

impl<T> List<T> {
    /// A page of something longer.
    pub fn page(items: Vec<T>, total: u64, next: Option<String>) -> List<T> {
        List { metadata: Metadata { total, next }, items, fee: None }
    }

    #[must_use]
    pub fn with_fee(mut self, fee: Neuron) -> List<T> {
        self.fee = Some(fee);
        self
    }
}

/// Writes an address with its checksum in upper and lower case.
pub fn checksummed<S: serde::Serializer>(address: &Address, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(address)
}

/// [`checksummed`], for an address that may be absent.
pub fn maybe_checksummed<S: serde::Serializer>(
    address: &Option<Address>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    address.map(|address| address.to_string()).serialize(serializer)
}
