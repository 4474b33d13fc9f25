//! A service on offer.

use std::num::NonZeroU32;

use crate::broker::provider::{ServiceView, UpstreamHealth};
use crate::domain::{Service, ServiceLimits, Timestamp};
use crate::wire::admin::{HealthOfService, LimitsItem, ListedItem, ServiceItem};

impl From<ServiceView> for ServiceItem {
    fn from(service: ServiceView) -> Self {
        ServiceItem {
            updated_at: service.updated_at.second(),
            created_at: service.created_at.second(),
            name: service.name,
            kind: service.kind.as_str().to_owned(),
            url: service.target,
            public_url: service.public_url,
            model: service.model,
            input_price: service.prices.input,
            output_price: service.prices.output,
            meter: service.meter.as_str().to_owned(),
            status: service.status.as_str().to_owned(),
            paused: service.paused,
            version: service.version,
            upstream_headers: service.header_names,
            listed: service.listed.map(ListedItem::from),
            differs: service.differs.into_iter().map(str::to_owned).collect(),
            health: service.health.into(),
            limits: service.limits.into(),
            in_flight: service.in_flight,
        }
    }
}

impl From<Service> for ListedItem {
    fn from(service: Service) -> Self {
        ListedItem {
            name: service.name,
            kind: service.kind.as_str().to_owned(),
            url: service.url,
            model: service.model,
            input_price: service.prices.input,
            output_price: service.prices.output,
            version: service.version,
        }
    }
}

impl From<UpstreamHealth> for HealthOfService {
    fn from(health: UpstreamHealth) -> Self {
        HealthOfService {
            state: health.state.as_str().to_owned(),
            since: health.since.map(Timestamp::second),
            checked_at: health.checked_at.map(Timestamp::second),
            latency: health.latency.map(|latency| u64::try_from(latency.as_millis()).unwrap_or(u64::MAX)),
            reason: health.reason,
        }
    }
}

impl From<ServiceLimits> for LimitsItem {
    fn from(limits: ServiceLimits) -> Self {
        let number = |limit: Option<NonZeroU32>| limit.map(|limit| u64::from(limit.get()));
        LimitsItem {
            max_in_flight: number(limits.max_in_flight),
            requests_per_minute: number(limits.requests_per_minute),
        }
    }
}
