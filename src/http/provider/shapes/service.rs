//! A service on offer.

use crate::broker::provider::ServiceView;
use crate::wire::admin::ServiceItem;

impl From<ServiceView> for ServiceItem {
    fn from(service: ServiceView) -> Self {
        ServiceItem {
            updated_at: service.updated_at,
            created_at: service.created_at,
            name: service.name,
            kind: service.kind.as_str().to_owned(),
            url: service.target,
            public_url: service.public_url,
            model: service.model,
            input_price: service.prices.input,
            output_price: service.prices.output,
            meter: service.meter.as_str().to_owned(),
            status: service.status.as_str().to_owned(),
            paused: false,
            version: service.version,
            upstream_headers: service.header_names,
            listed: None,
            differs: Vec::new(),
            health: Default::default(),
            limits: Default::default(),
            in_flight: 0,
        }
    }
}
