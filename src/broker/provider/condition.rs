//! How the server behind each service does: by a free look now and then, and by the requests that went there.
//!
//! A look asks for what costs nothing (the list of models, the head of the root), reads no body and waits a few
//! seconds at most. It tells the operator; nothing is refused because of it, since a look can be wrong and the next
//! request knows better. An answer of the service that is an
//! error may be the fault of the request; only one that never came counts.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::{StreamExt, stream};
use http::{HeaderMap, Method, StatusCode};
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::core::Core;
use super::offer::Offer;
use super::upstream::{Payload, UpstreamCall, UpstreamError};
use super::view::Event;
use crate::body::Body;
use crate::domain::clean::clean;
use crate::domain::{ServiceKind, ServiceName, Timestamp};
use crate::wire::path::Suffix;

/// A server that takes longer to tell what models it has does not work.
const PATIENCE: Duration = Duration::from_secs(5);
/// Looks at the same time.
const LOOKS_AT_ONCE: usize = 4;
/// The longest reason that is kept.
const LONGEST_REASON: usize = 200;

/// How a service does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum UpstreamState {
    /// Not looked at yet.
    #[default]
    Unknown,
    Ok,
    Failing,
}

impl UpstreamState {
    pub const fn as_str(self) -> &'static str {
        match self {
            UpstreamState::Unknown => "unknown",
            UpstreamState::Ok => "ok",
            UpstreamState::Failing => "failing",
        }
    }
}

/// How a service does, since when, and why.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UpstreamHealth {
    pub state: UpstreamState,
    pub since: Option<Timestamp>,
    /// The last look or request.
    pub checked_at: Option<Timestamp>,
    /// Until the last look was answered.
    pub latency: Option<Duration>,
    /// Why it is failing; holds no address and no secret.
    pub reason: Option<String>,
}

/// The condition of all services on offer.
#[derive(Debug, Default)]
pub(super) struct Conditions {
    all: Mutex<HashMap<ServiceName, UpstreamHealth>>,
    /// Told when one has become unknown.
    new: Notify,
}

impl Conditions {
    pub(super) fn of(&self, service: &ServiceName) -> UpstreamHealth {
        self.all.lock().get(service).cloned().unwrap_or_default()
    }

    /// What is behind a service is another one now; nothing is known of it.
    pub(super) fn reset(&self, service: &ServiceName) {
        self.forget(service);
        self.new.notify_one();
    }

    pub(super) fn forget(&self, service: &ServiceName) {
        self.all.lock().remove(service);
    }

    /// Notes what was seen. Gives the whole if the state has changed.
    fn saw(
        &self,
        service: &ServiceName,
        failing: Option<String>,
        latency: Option<Duration>,
        now: Timestamp,
    ) -> Option<UpstreamHealth> {
        let mut all = self.all.lock();
        let health = all.entry(service.clone()).or_default();
        let state = if failing.is_some() { UpstreamState::Failing } else { UpstreamState::Ok };
        let changed = health.state != state;
        *health = UpstreamHealth {
            state,
            since: if changed { Some(now) } else { health.since },
            checked_at: Some(now),
            latency: latency.or(health.latency.filter(|_| state == UpstreamState::Ok)),
            reason: failing,
        };
        changed.then(|| health.clone())
    }
}

impl Core {
    /// A request found the service working.
    pub(super) fn upstream_works(&self, offer: &Offer) {
        self.saw(offer, None, None);
    }

    /// A request did not find the service.
    pub(super) fn upstream_failed(&self, offer: &Offer, error: &UpstreamError) {
        if matches!(error, UpstreamError::Unreachable(_) | UpstreamError::Timeout(_)) {
            self.saw(offer, Some(error.to_string()), None);
        }
    }

    fn saw(&self, offer: &Offer, failing: Option<String>, latency: Option<Duration>) {
        // What was seen may be of an address that the operator has changed meanwhile.
        let present = self.offers.get(&offer.name).is_some_and(|present| present.same_upstream(offer));
        if !present {
            return;
        }
        let failing = failing.map(|reason| clean(&reason, LONGEST_REASON).into_owned());
        let Some(health) = self.conditions.saw(&offer.name, failing, latency, Timestamp::now()) else {
            return;
        };
        if let Some(reason) = &health.reason {
            tracing::warn!(service = %offer.name, %reason, "a service does not work");
        } else {
            tracing::info!(service = %offer.name, "a service works");
        }
        self.publisher.tell(Event::UpstreamChanged { name: offer.name.clone(), health: Box::new(health) });
    }

    /// Looks at all services now and then, and at once at one that is new.
    pub(super) async fn look_at_upstreams(self: Arc<Self>) {
        let every = Duration::from_secs(self.settings.upstream.health_interval);
        if every.is_zero() {
            return;
        }
        let mut next = tokio::time::Instant::now();
        loop {
            let all = tokio::select! {
                () = tokio::time::sleep_until(next) => true,
                () = self.conditions.new.notified() => false,
            };
            let offers = self.offers.all().into_iter();
            let due =
                offers.filter(|offer| all || self.conditions.of(&offer.name).state == UpstreamState::Unknown);
            stream::iter(due.collect::<Vec<_>>())
                .for_each_concurrent(LOOKS_AT_ONCE, |offer| self.look_at(offer))
                .await;
            if all {
                next = tokio::time::Instant::now() + every;
            }
        }
    }

    async fn look_at(&self, offer: Arc<Offer>) {
        let Some(call) = question(&offer) else { return };
        let begun = Instant::now();
        match tokio::time::timeout(PATIENCE, self.upstream.send(call)).await {
            Err(_) => self.saw(&offer, Some(UpstreamError::Timeout(PATIENCE).to_string()), None),
            Ok(Err(error)) => self.saw(&offer, Some(error.to_string()), None),
            // The body is left alone: the connection closes with the answer.
            Ok(Ok(answer)) => {
                self.saw(&offer, complaint(offer.kind, answer.status), Some(begun.elapsed()));
            }
        }
    }
}

/// What a look asks.
fn question(offer: &Offer) -> Option<UpstreamCall> {
    let (method, url) = match offer.kind {
        ServiceKind::Chatbot => (Method::GET, Suffix::parse("/models").ok()?.join(&offer.target).ok()?),
        ServiceKind::ZgStorage => (Method::HEAD, offer.target.clone()),
    };
    let headers: HeaderMap = offer.headers.iter().cloned().collect();
    Some(UpstreamCall { method, url, headers, body: Payload::Whole(Body::from(bytes::Bytes::new())) })
}

/// What an answer's status says against a service. What it does not know or not want is no fault of it.
fn complaint(kind: ServiceKind, status: StatusCode) -> Option<String> {
    match (kind, status.as_u16()) {
        (ServiceKind::Chatbot, code @ (401 | 403)) => {
            Some(format!("the service refuses the key ({code}); set another one among its upstream headers"))
        }
        // It is there and has no such list.
        (_, 501) => None,
        (_, code @ 500..) => Some(format!("the service answers {code}")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::super::test_values::offer;
    use super::*;

    #[test]
    fn only_changes_are_told_and_since_is_their_time() {
        let (conditions, name) = (Conditions::default(), "svc".parse().unwrap());
        let at = Timestamp::from_seconds;
        let bad = || Some("gone".to_owned());
        let first = conditions.saw(&name, None, Some(Duration::from_millis(7)), at(1)).unwrap();
        assert_eq!((first.state, first.since), (UpstreamState::Ok, Some(at(1))));
        assert_eq!(conditions.saw(&name, None, None, at(2)), None);
        let still = conditions.of(&name);
        assert_eq!((still.since, still.checked_at), (Some(at(1)), Some(at(2))));
        assert_eq!(still.latency, Some(Duration::from_millis(7)), "a request says nothing of a look's time");
        let worse = conditions.saw(&name, bad(), None, at(3)).unwrap();
        assert_eq!((worse.since, worse.latency, worse.reason), (Some(at(3)), None, bad()));
        conditions.reset(&name);
        assert_eq!(conditions.of(&name), UpstreamHealth::default());
    }

    #[test]
    fn a_look_asks_for_what_is_free_with_the_operators_headers() {
        let call = question(&offer("svc")).unwrap();
        assert_eq!((call.method, call.url.as_str()), (Method::GET, "http://127.0.0.1:1/v1/models"));
        assert_eq!(call.headers["authorization"], "Bearer canary");
        let storage = Offer { kind: ServiceKind::ZgStorage, ..offer("svc") };
        let call = question(&storage).unwrap();
        assert_eq!((call.method, call.url.as_str()), (Method::HEAD, "http://127.0.0.1:1/v1"));
    }

    #[test]
    fn what_counts_against_a_service() {
        let of = |kind, code| complaint(kind, StatusCode::from_u16(code).unwrap());
        for code in [200, 302, 404, 405, 429] {
            assert_eq!(of(ServiceKind::Chatbot, code), None);
        }
        assert!(of(ServiceKind::Chatbot, 401).unwrap().contains("refuses the key"));
        assert!(of(ServiceKind::Chatbot, 503).unwrap().contains("503"));
        assert_eq!(of(ServiceKind::ZgStorage, 403), None);
        assert!(of(ServiceKind::ZgStorage, 500).is_some());
    }
}
