//! A price that rose is told before it is paid: once, by refusing the call; the same call again accepts it.
//!
//! What counts as known is the price of the last request to a service, or the one that was told since. A caller who
//! names the prices it has seen is held to those instead.

use std::collections::HashMap;

use parking_lot::Mutex;

use super::error::CallRefusal;
use super::handle::Inner;
use crate::domain::{Address, Prices, Service, ServiceName};
use crate::store::user::{UserRequestFilter, UserRequestSort};
use crate::store::{Direction, PageOf};

/// The prices known of each service that was called since the start.
#[derive(Debug, Default)]
pub(super) struct Consents(Mutex<HashMap<(Address, ServiceName), Prices>>);

impl Consents {
    /// The caller is being told these prices now.
    pub fn told(&self, service: &Service) {
        self.0.lock().insert((service.provider, service.name.clone()), service.prices);
    }
}

impl Inner {
    /// Refuses a price above the one last known, and takes it as known from then on.
    pub async fn consent(&self, service: &Service) -> Result<(), CallRefusal> {
        let key = (service.provider, service.name.clone());
        let known = self.consents.0.lock().get(&key).copied();
        let known = match known {
            Some(prices) => Some(prices),
            None => self.last_paid(service).await?,
        };
        let now = service.prices;
        self.consents.0.lock().insert(key, now);
        match known {
            Some(seen) if now.input > seen.input || now.output > seen.output => {
                Err(CallRefusal::PriceChanged { service: service.name.clone(), seen, now })
            }
            _ => Ok(()),
        }
    }

    async fn last_paid(&self, service: &Service) -> Result<Option<Prices>, CallRefusal> {
        let filter = UserRequestFilter {
            provider: Some(service.provider),
            service: Some(service.name.clone()),
            ..UserRequestFilter::default()
        };
        let newest = UserRequestSort::CreatedAt(Direction::Descending);
        let page = self.store.requests(filter, newest, PageOf::first(1)).await;
        let page = page.map_err(super::UserError::from)?;
        Ok(page.items.first().map(|request| request.prices))
    }
}
