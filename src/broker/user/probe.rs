//! Is a service there, and how has it served us? Questions that cost nothing.

use std::time::{Duration, Instant};

use super::UserError;
use super::handle::UserBroker;
use super::terms::{TermsError, fit};
use super::upstream::UpstreamError;
use crate::domain::{Address, Neuron, ServiceName, Timestamp, Units, UserRequestState};
use crate::store::user::{UserRequest, UserRequestFilter, UserRequestSort};
use crate::store::{Direction, PageOf};
use crate::wire::terms::MeterName;

/// How long a provider may take to state its terms before it counts as not reachable.
const PATIENCE: Duration = Duration::from_secs(5);
/// Providers that are asked at the same time; others wait for their turn.
pub(super) const AT_ONCE: usize = 4;
/// How many past requests [`Measured`] looks at.
const LOOKED_AT: u32 = 100;

/// What one look at a service found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    pub at: Timestamp,
    /// From the question to the answer or to giving up; waiting for its turn is no part of it.
    pub latency: Duration,
    pub outcome: ProbeOutcome,
}

/// How much may be asked of a service; absent: not limited, or not told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProbeLimits {
    /// Requests of all users at the same time, and in a minute.
    pub in_flight: Option<u64>,
    pub per_minute: Option<u64>,
    /// The same of one user with all of the provider's services.
    pub own_in_flight: Option<u64>,
    pub own_per_minute: Option<u64>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProbeOutcome {
    /// The provider answers, and its terms say what the chain says.
    Reachable {
        /// It takes no requests of this service for now.
        paused: bool,
        meter: MeterName,
        /// What it lends.
        credit_limit: Neuron,
        limits: ProbeLimits,
    },
    /// No usable answer, and why: one sentence.
    Unreachable(String),
    /// Somebody answers, but not as the chain says, and how: one sentence.
    Disagrees(String),
}

/// How a service has served us: its last requests, 100 at most.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Measured {
    /// How many of them are over. The others are under way.
    pub requests: u32,
    /// Answered, receipts and all.
    pub done: u32,
    /// Answered, but the receipt does not fit.
    pub disputed: u32,
    /// Not answered; cost nothing.
    pub failed: u32,
    /// Their receipts are still being asked for.
    pub unconfirmed: u32,
    /// From sending to booking, for those that were answered: the middle one, and one that nine of ten stay within.
    pub typical: Option<Duration>,
    pub slow: Option<Duration>,
    /// Output of those that were answered and how long they took, together: one divided by the other is the pace.
    pub output: Units,
    pub time: Duration,
}

impl Measured {
    /// Answered ones among those that are over, in hundredths of a per cent; `None` before the first.
    pub fn success_basis_points(&self) -> Option<u32> {
        self.done.saturating_add(self.disputed).saturating_mul(10_000).checked_div(self.requests)
    }
}

impl UserBroker {
    /// Asks the provider of a service for its terms, now. Free, and bounded: 5 seconds, a few providers at a time.
    pub async fn probe(&self, provider: Address, service: &ServiceName) -> Result<Probe, UserError> {
        let inner = &self.inner;
        let service = inner.service(provider, service).await?;
        // The semaphore is never closed.
        let _turn = inner.probes.acquire().await.ok();
        let begun = Instant::now();
        let answer = tokio::time::timeout(PATIENCE, inner.terms.fetch(&inner.upstream, &service)).await;
        let latency = begun.elapsed();
        let terms = match answer {
            Ok(terms) => terms,
            Err(_) => Err(UpstreamError::Timeout { host: provider.to_string() }.into()),
        };
        let outcome = match terms.and_then(|terms| Ok((fit(&terms, &service)?, terms))) {
            Ok((conditions, terms)) => {
                let own = terms.services.iter().find(|own| own.name == service.name);
                ProbeOutcome::Reachable {
                    paused: own.is_some_and(|own| own.paused),
                    meter: conditions.meter,
                    credit_limit: conditions.credit_limit,
                    limits: ProbeLimits {
                        in_flight: own.and_then(|own| own.max_in_flight).map(|limit| limit.get().into()),
                        per_minute: own
                            .and_then(|own| own.requests_per_minute)
                            .map(|limit| limit.get().into()),
                        own_in_flight: terms.max_in_flight_per_user,
                        own_per_minute: terms.requests_per_minute_per_user,
                    },
                }
            }
            Err(TermsError::Fetch(error)) => ProbeOutcome::Unreachable(error.to_string()),
            Err(error) => ProbeOutcome::Disagrees(error.to_string()),
        };
        Ok(Probe { at: Timestamp::now(), latency, outcome })
    }

    /// How a service has served us, by our own books.
    pub async fn measured(&self, provider: Address, service: &ServiceName) -> Result<Measured, UserError> {
        let filter = UserRequestFilter {
            provider: Some(provider),
            service: Some(service.clone()),
            ..UserRequestFilter::default()
        };
        let newest = UserRequestSort::CreatedAt(Direction::Descending);
        let page = self.inner.store.requests(filter, newest, PageOf::first(LOOKED_AT)).await?;
        Ok(measure(&page.items))
    }
}

fn measure(requests: &[UserRequest]) -> Measured {
    let mut measured = Measured::default();
    let mut times: Vec<Duration> = Vec::new();
    for request in requests {
        let counter = match request.state {
            UserRequestState::Done => &mut measured.done,
            UserRequestState::Disputed => &mut measured.disputed,
            UserRequestState::Failed => &mut measured.failed,
            UserRequestState::Unconfirmed => &mut measured.unconfirmed,
            UserRequestState::Reserved | UserRequestState::Sent => continue,
        };
        *counter = counter.saturating_add(1);
        measured.requests = measured.requests.saturating_add(1);
        let answered = matches!(request.state, UserRequestState::Done | UserRequestState::Disputed);
        if let Some(finished) = request.finished_at.filter(|_| answered) {
            let took = finished.as_micros().saturating_sub(request.created_at.as_micros());
            let took = Duration::from_micros(u64::try_from(took).unwrap_or(0));
            times.push(took);
            measured.time = measured.time.saturating_add(took);
            measured.output = Units(measured.output.0.saturating_add(request.output.0));
        }
    }
    times.sort_unstable();
    let of_ten =
        |share: usize| times.get((times.len() * share / 10).min(times.len().saturating_sub(1))).copied();
    (measured.typical, measured.slow) = (of_ten(5), of_ten(9));
    measured
}
