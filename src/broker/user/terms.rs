//! What providers publish of themselves, fetched, checked against the chain and kept for a while.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::upstream::{Upstream, UpstreamError};
use crate::domain::{Address, Neuron, PublicKey, Service, ServiceName};
use crate::wire::terms::{MeterName, Terms};

/// How long terms are believed without asking again. A change of prices is told at once by a 409.
const FRESH: Duration = Duration::from_secs(300);
/// More services than this in one provider's terms are a mistake.
const MOST_SERVICES: usize = 10_000;

/// Why a provider's terms cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TermsError {
    #[error(transparent)]
    Fetch(#[from] UpstreamError),
    #[error("the broker at the provider's URL speaks for {found}, not for {expected}")]
    OtherProvider { expected: Address, found: Address },
    #[error("the provider's broker works on another chain or contract")]
    OtherChain,
    #[error("the provider's broker does not serve {0}, though the chain lists it")]
    NotServed(ServiceName),
    #[error(
        "the provider's broker and the chain disagree about {service}: {what}; the provider has to repair this"
    )]
    Disagree { service: ServiceName, what: &'static str },
}

/// The part of a provider's terms that one request needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Conditions {
    pub credit_limit: Neuron,
    pub meter: MeterName,
    /// With it requests are sealed with a tag. Whether it is the provider's is seen when it is used.
    pub public_key: Option<PublicKey>,
}

#[derive(Debug)]
struct Kept {
    terms: Arc<Terms>,
    url: String,
    at: Instant,
}

/// Terms by provider.
#[derive(Debug)]
pub(super) struct TermsCache {
    chain_id: u64,
    contract: Address,
    kept: Mutex<HashMap<Address, Kept>>,
}

impl TermsCache {
    pub fn new(chain_id: u64, contract: Address) -> Self {
        TermsCache { chain_id, contract, kept: Mutex::default() }
    }

    /// The conditions of a service, from memory if they are fresh and fit the chain's view of it.
    pub async fn conditions(&self, upstream: &Upstream, service: &Service) -> Result<Conditions, TermsError> {
        let known = {
            let kept = self.kept.lock();
            let usable = |kept: &&Kept| kept.url == service.url && kept.at.elapsed() < FRESH;
            kept.get(&service.provider).filter(usable).map(|kept| Arc::clone(&kept.terms))
        };
        if let Some(Ok(conditions)) = known.map(|terms| fit(&terms, service)) {
            return Ok(conditions);
        }
        let terms = self.fetch(upstream, service).await?;
        fit(&terms, service)
    }

    /// The terms of the provider of a service, asked for now.
    pub async fn fetch(&self, upstream: &Upstream, service: &Service) -> Result<Arc<Terms>, TermsError> {
        let base = upstream.base(&service.url)?;
        let terms = upstream.terms(&base).await?;
        if terms.provider != service.provider {
            return Err(TermsError::OtherProvider { expected: service.provider, found: terms.provider });
        }
        if terms.chain_id != self.chain_id || terms.contract != self.contract {
            return Err(TermsError::OtherChain);
        }
        if terms.services.len() > MOST_SERVICES {
            return Err(UpstreamError::Garbage {
                host: super::upstream::host(&base),
                what: "the question for its terms",
            }
            .into());
        }
        let terms = Arc::new(terms);
        let kept = Kept { terms: Arc::clone(&terms), url: service.url.clone(), at: Instant::now() };
        self.kept.lock().insert(service.provider, kept);
        Ok(terms)
    }

    /// Forgets what a provider said, so that it is asked again.
    pub fn forget(&self, provider: Address) {
        self.kept.lock().remove(&provider);
    }

    /// What a provider lends, as last told, without asking.
    pub fn credit_limit(&self, provider: Address) -> Option<Neuron> {
        self.kept.lock().get(&provider).map(|kept| kept.terms.credit_limit)
    }

    /// How a service is metered, as last told, without asking.
    pub fn meter(&self, provider: Address, name: &ServiceName) -> Option<MeterName> {
        let kept = self.kept.lock();
        let services = &kept.get(&provider)?.terms.services;
        services.iter().find(|service| service.name == *name).map(|service| service.meter)
    }
}

/// Holds the terms of one service against what the chain says of it.
pub(super) fn fit(terms: &Terms, service: &Service) -> Result<Conditions, TermsError> {
    let name = &service.name;
    let Some(own) = terms.services.iter().find(|own| own.name == *name) else {
        return Err(TermsError::NotServed(name.clone()));
    };
    let disagree = |what| TermsError::Disagree { service: name.clone(), what };
    if own.kind != service.kind {
        return Err(disagree("the type"));
    }
    if own.version != service.version {
        return Err(disagree("the version of the prices"));
    }
    if own.input_price != service.prices.input || own.output_price != service.prices.output {
        return Err(disagree("the prices"));
    }
    let bytes = own.meter == MeterName::Bytes;
    if bytes != (service.kind == crate::domain::ServiceKind::ZgStorage) {
        return Err(disagree("the meter"));
    }
    Ok(Conditions { credit_limit: terms.credit_limit, meter: own.meter, public_key: terms.public_key })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;
    use crate::domain::{Prices, ServiceKind};
    use crate::wire::terms::ServiceTerms;

    #[test]
    fn terms_must_say_what_the_chain_says() {
        let service = Service {
            provider: Address::repeat_byte(1),
            name: "llama7b".parse().unwrap(),
            kind: ServiceKind::Chatbot,
            url: "http://provider.example".to_owned(),
            model: String::new(),
            prices: Prices { input: Neuron::new(1), output: Neuron::new(2) },
            version: 7,
        };
        let good = ServiceTerms {
            name: service.name.clone(),
            kind: ServiceKind::Chatbot,
            model: String::new(),
            meter: MeterName::O200k,
            input_price: Neuron::new(1),
            output_price: Neuron::new(2),
            version: 7,
            paused: false,
            max_in_flight: None,
            requests_per_minute: None,
        };
        let with = |own: Option<ServiceTerms>| {
            let terms = Terms {
                provider: service.provider,
                chain_id: 1,
                contract: Address::ZERO,
                credit_limit: Neuron::new(9),
                max_in_flight_per_user: None,
                requests_per_minute_per_user: None,
                public_key: None,
                services: own.into_iter().collect(),
            };
            fit(&terms, &service)
        };
        let conditions =
            Conditions { credit_limit: Neuron::new(9), meter: MeterName::O200k, public_key: None };
        assert_eq!(with(Some(good.clone())), Ok(conditions));
        assert!(matches!(with(None), Err(TermsError::NotServed(_))));
        let table = [
            (ServiceTerms { kind: ServiceKind::ZgStorage, ..good.clone() }, "the type"),
            (ServiceTerms { version: 6, ..good.clone() }, "the version of the prices"),
            (ServiceTerms { output_price: Neuron::new(3), ..good.clone() }, "the prices"),
            (ServiceTerms { meter: MeterName::Bytes, ..good.clone() }, "the meter"),
        ];
        for (own, expected) in table {
            assert!(
                matches!(with(Some(own)), Err(TermsError::Disagree { what, .. }) if what == expected),
                "{expected}"
            );
        }
    }
}
