//! A price that rose is told before it is paid: once, by refusing the call; the same call again accepts it.
//!
//! What counts as known is the price of the last request to a service, or the one that was told since. A caller who
//! names the prices it has seen is held to those instead.

use std::collections::HashMap;

use parking_lot::Mutex;

use super::UserError;
use super::call::check_prices;
use super::error::CallRefusal;
use super::handle::{Inner, UserBroker};
use crate::domain::{Address, Prices, Service, ServiceName};
use crate::store::user::{UserRequestFilter, UserRequestSort};
use crate::store::{Direction, PageOf};

/// The prices known of each service that was called since the start.
#[derive(Debug, Default)]
pub(super) struct Consents(Mutex<HashMap<(Address, ServiceName), Prices>>);

impl Inner {
    /// Refuses prices above those that a call under way goes by, and takes them as known then: whoever is refused has
    /// been told them. What the call may go on with has been told to nobody by that.
    pub fn hold_to(&self, service: &Service, seen: Prices) -> Result<(), CallRefusal> {
        check_prices(service, Some(seen)).inspect_err(|_| {
            self.consents.0.lock().insert((service.provider, service.name.clone()), service.prices);
        })
    }

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
            Some(seen) if rose(seen, now) => {
                Err(CallRefusal::PriceChanged { service: service.name.clone(), seen, now })
            }
            _ => Ok(()),
        }
    }

    async fn last_paid(&self, service: &Service) -> Result<Option<Prices>, UserError> {
        let filter = UserRequestFilter {
            provider: Some(service.provider),
            service: Some(service.name.clone()),
            ..UserRequestFilter::default()
        };
        let newest = UserRequestSort::CreatedAt(Direction::Descending);
        let page = self.store.requests(filter, newest, PageOf::first(1)).await?;
        Ok(page.items.first().map(|request| request.prices))
    }
}

/// The prices of a service now against those that were accepted last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PriceChange {
    /// Of the last request, or told since. `None` when it was never used.
    pub seen: Option<Prices>,
    pub now: Prices,
}

impl PriceChange {
    /// Whether the next call would be refused once, because a price rose.
    pub fn rose(&self) -> bool {
        self.seen.is_some_and(|seen| rose(seen, self.now))
    }

    pub fn differs(&self) -> bool {
        self.seen.is_some_and(|seen| seen != self.now)
    }
}

fn rose(seen: Prices, now: Prices) -> bool {
    now.input > seen.input || now.output > seen.output
}

impl UserBroker {
    /// Whether a service's prices differ from those that were accepted last. Asking accepts nothing.
    pub async fn price_change(
        &self,
        provider: Address,
        name: &ServiceName,
    ) -> Result<PriceChange, UserError> {
        let service = self.service(provider, name).await?;
        let told = self.inner.consents.0.lock().get(&(provider, name.clone())).copied();
        let seen = match told {
            Some(prices) => Some(prices),
            None => self.inner.last_paid(&service).await?,
        };
        Ok(PriceChange { seen, now: service.prices })
    }
}
