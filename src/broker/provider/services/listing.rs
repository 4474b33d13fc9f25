//! What the chain lists under this provider's address, as of the broker's last look, and where that differs from what
//! the database wants.

use std::collections::BTreeMap;

use parking_lot::Mutex;

use crate::domain::{Service, ServiceName};
use crate::store::provider::OfferedService;

/// The chain's list. `None` until it was read once.
#[derive(Debug, Default)]
pub(in crate::broker::provider) struct Listing(Mutex<Option<BTreeMap<ServiceName, Service>>>);

impl Listing {
    /// The whole list was read.
    pub(in crate::broker::provider) fn replace(&self, services: &[Service]) {
        let by_name = services.iter().map(|service| (service.name.clone(), service.clone()));
        *self.0.lock() = Some(by_name.collect());
    }

    /// One service was read. What an older event tells of it does not count.
    pub(in crate::broker::provider) fn set(&self, service: &Service) {
        if let Some(all) = self.0.lock().as_mut()
            && all.get(&service.name).is_none_or(|known| known.version <= service.version)
        {
            all.insert(service.name.clone(), service.clone());
        }
    }

    /// The chain lists it no more.
    pub(in crate::broker::provider) fn remove(&self, name: &str) {
        if let Some(all) = self.0.lock().as_mut() {
            all.retain(|listed, _| listed.as_str() != name);
        }
    }

    pub(in crate::broker::provider) fn is_read(&self) -> bool {
        self.0.lock().is_some()
    }

    /// What is listed of one service. The outer `None`: the list was not read yet.
    pub(super) fn of(&self, name: &ServiceName) -> Option<Option<Service>> {
        self.0.lock().as_ref().map(|all| all.get(name).cloned())
    }

    pub(super) fn all(&self) -> Vec<Service> {
        self.0.lock().as_ref().map(|all| all.values().cloned().collect()).unwrap_or_default()
    }
}

/// The keys in which a row and what the chain lists of it differ, as answers spell them.
pub(in crate::broker::provider) fn differences(
    row: &OfferedService,
    listed: Option<&Service>,
    public_url: &str,
) -> Vec<&'static str> {
    let Some(listed) = listed else { return vec!["Listed"] };
    let pairs = [
        ("Type", row.kind == listed.kind),
        ("URL", listed.url == public_url),
        ("Model", row.model == listed.model),
        ("InputPrice", row.prices.input == listed.prices.input),
        ("OutputPrice", row.prices.output == listed.prices.output),
    ];
    pairs.into_iter().filter(|(_, same)| !same).map(|(key, _)| key).collect()
}
