//! The services on offer, as requests meet them: where each really is, how it is metered, and which prices hold.
//!
//! A request names the version of the prices it was signed for. When prices change the former version stays good for
//! a grace time, so that requests already signed are served; those in flight keep their prices in any case. What is
//! in its grace when the broker starts is found in the history of the prices.

use std::collections::HashMap;
use std::sync::Arc;

use http::{HeaderName, HeaderValue};
use parking_lot::RwLock;
use url::Url;

use crate::domain::{Prices, ServiceKind, ServiceLimits, ServiceName, Timestamp};
use crate::store::provider::PriceVersion;
use crate::wire::terms::{MeterName, ServiceTerms};

/// Former versions kept at most; each is dropped when its grace ends.
const MOST_VERSIONS: usize = 16;

/// One service that can be called.
#[derive(Clone)]
pub(super) struct Offer {
    pub name: ServiceName,
    pub kind: ServiceKind,
    pub model: String,
    pub target: Url,
    pub meter: MeterName,
    /// Sent with every call, such as the upstream's API key. Secret.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    pub limits: ServiceLimits,
    pub current: Version,
    pub former: Vec<(Version, Timestamp)>,
}

/// Prices and the chain's name for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Version {
    pub number: u64,
    pub prices: Prices,
}

impl std::fmt::Debug for Offer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Offer")
            .field("name", &self.name)
            .field("current", &self.current)
            .finish_non_exhaustive()
    }
}

impl Offer {
    /// The prices of a version, if it is the present one or still in its grace time.
    pub(super) fn prices(&self, version: u64, now: Timestamp) -> Option<Prices> {
        if version == self.current.number {
            return Some(self.current.prices);
        }
        let former = self.former.iter().find(|(former, until)| former.number == version && now < *until);
        former.map(|(version, _)| version.prices)
    }

    /// Whether what is behind both is the same, called in the same way.
    pub(super) fn same_upstream(&self, other: &Offer) -> bool {
        (&self.target, &self.headers, self.kind) == (&other.target, &other.headers, other.kind)
    }

    pub(super) fn terms(&self, paused: bool) -> ServiceTerms {
        ServiceTerms {
            name: self.name.clone(),
            kind: self.kind,
            model: self.model.clone(),
            meter: self.meter,
            input_price: self.current.prices.input,
            output_price: self.current.prices.output,
            version: self.current.number,
            paused,
            max_in_flight: self.limits.max_in_flight,
            requests_per_minute: self.limits.requests_per_minute,
        }
    }
}

/// The versions that are in their grace time, by the history of a service (newest first) from `current` on.
///
/// A version is named by the moment since which the chain lists it, and so tells when the one before it ended. Nothing
/// that is older than the service itself counts: its name may have been another's. No clock of a chain makes a grace
/// longer than `grace` from now.
pub(super) fn in_grace(
    history: &[PriceVersion],
    current: u64,
    created_at: Timestamp,
    now: Timestamp,
    grace: u64,
) -> Vec<(Version, Timestamp)> {
    let known = history.iter().skip_while(|version| version.version != current);
    let mut former: Vec<_> = known
        .clone()
        .zip(known.skip(1))
        .take_while(|(_, old)| old.version >= created_at.as_seconds())
        .map(|(newer, old)| {
            let ended = Timestamp::from_seconds(newer.version).min(now);
            (Version { number: old.version, prices: old.prices }, ended.plus_seconds(grace))
        })
        .take_while(|(_, until)| now < *until)
        .take(MOST_VERSIONS)
        .collect();
    former.reverse();
    former
}

/// All services on offer. Readers get a snapshot of one; writers replace it.
#[derive(Debug, Default)]
pub(super) struct Offers(RwLock<HashMap<ServiceName, Arc<Offer>>>);

impl Offers {
    pub(super) fn get(&self, name: &ServiceName) -> Option<Arc<Offer>> {
        self.0.read().get(name).cloned()
    }

    /// All of them, by name.
    pub(super) fn all(&self) -> Vec<Arc<Offer>> {
        let mut all: Vec<_> = self.0.read().values().cloned().collect();
        all.sort_by(|a, b| a.name.cmp(&b.name));
        all
    }

    /// Offers a service, or replaces it. What was its present version stays good until `grace_until`. Gives whether
    /// another server is behind it now, or the first.
    pub(super) fn put(&self, mut offer: Offer, now: Timestamp, grace_until: Timestamp) -> bool {
        let mut offers = self.0.write();
        let other = offers.get(&offer.name).is_none_or(|old| !old.same_upstream(&offer));
        if let Some(old) = offers.get(&offer.name) {
            let mut former: Vec<_> = old
                .former
                .iter()
                .filter(|(version, until)| now < *until && version.number != offer.current.number)
                .copied()
                .collect();
            if old.current.number != offer.current.number {
                former.push((old.current, grace_until));
            }
            let over = former.len().saturating_sub(MOST_VERSIONS);
            former.drain(..over);
            offer.former = former;
        }
        // Without a present one, what came with it from the history holds.
        offers.insert(offer.name.clone(), Arc::new(offer));
        other
    }

    pub(super) fn remove(&self, name: &ServiceName) {
        self.0.write().remove(name);
    }
}

/// The meter that a service of this kind gets if its operator names none, or why the named one does not fit.
pub(super) fn meter_for(kind: ServiceKind, asked: Option<MeterName>) -> Result<MeterName, &'static str> {
    match (kind, asked) {
        (ServiceKind::Chatbot, None) => Ok(MeterName::O200k),
        (ServiceKind::ZgStorage, None) => Ok(MeterName::Bytes),
        (ServiceKind::Chatbot, Some(meter @ (MeterName::O200k | MeterName::Usage))) => Ok(meter),
        (ServiceKind::ZgStorage, Some(MeterName::Bytes)) => Ok(MeterName::Bytes),
        (ServiceKind::Chatbot, Some(_)) => Err("a chatbot is metered by o200k or usage"),
        (ServiceKind::ZgStorage, Some(_)) => Err("zgStorage is metered by bytes"),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;
    use crate::domain::Neuron;

    fn offer(number: u64, price: u128) -> Offer {
        let prices = Prices { input: Neuron::new(price), output: Neuron::new(price) };
        Offer {
            name: "llama7b".parse().unwrap(),
            kind: ServiceKind::Chatbot,
            model: String::new(),
            target: "http://127.0.0.1:1".parse().unwrap(),
            meter: MeterName::O200k,
            headers: vec![(
                HeaderName::from_static("authorization"),
                HeaderValue::from_static("Bearer canary"),
            )],
            limits: ServiceLimits::default(),
            current: Version { number, prices },
            former: Vec::new(),
        }
    }

    #[test]
    fn a_former_price_stays_good_for_its_grace() {
        let at = Timestamp::from_seconds;
        let offers = Offers::default();
        offers.put(offer(10, 1), at(0), at(60));
        offers.put(offer(20, 2), at(100), at(160));
        offers.put(offer(20, 2), at(110), at(170)); // the same again, say with another target
        let found = offers.get(&"llama7b".parse().unwrap()).unwrap();
        let price = |version, now| found.prices(version, at(now)).map(|prices| prices.input.get());
        assert_eq!(
            (price(20, 0), price(10, 159), price(10, 160), price(30, 0)),
            (Some(2), Some(1), None, None)
        );
        assert!(!format!("{found:?}").contains("canary"));
    }

    #[test]
    fn what_is_in_its_grace_is_found_in_the_history() {
        let at = Timestamp::from_seconds;
        let version = |number: u64| {
            let price = Neuron::new(number.into());
            PriceVersion { version: number, prices: Prices { input: price, output: price } }
        };
        let history = [version(150), version(140), version(130), version(90), version(10)];
        let found = |created, now| {
            let former = in_grace(&history, 140, at(created), at(now), 60);
            former.iter().map(|(version, until)| (version.number, until.as_seconds())).collect::<Vec<_>>()
        };
        assert_eq!(found(0, 140), [(10, 150), (90, 190), (130, 200)]);
        assert_eq!(found(0, 190), [(130, 200)]);
        assert_eq!(found(0, 200), []);
        assert_eq!(found(91, 141), [(130, 200)], "what was before the service was another's");
        assert_eq!(found(0, 100), [(10, 150), (90, 160), (130, 160)], "a chain that is ahead");
        assert_eq!(in_grace(&history, 7, at(0), at(140), 60), []);
    }

    #[test]
    fn meters_fit_their_kind() {
        assert_eq!(meter_for(ServiceKind::Chatbot, None), Ok(MeterName::O200k));
        assert_eq!(meter_for(ServiceKind::Chatbot, Some(MeterName::Usage)), Ok(MeterName::Usage));
        assert!(meter_for(ServiceKind::Chatbot, Some(MeterName::Bytes)).is_err());
        assert!(meter_for(ServiceKind::ZgStorage, Some(MeterName::O200k)).is_err());
    }
}
