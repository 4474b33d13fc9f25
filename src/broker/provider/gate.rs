//! The gate of each service: whether it takes new requests, how many it serves at a time, how many a minute; and how
//! many a minute one user may ask for, and may leave before anything was answered.
//!
//! Who leaves before the head of an answer pays for the input only, while the service may have written all of the
//! output already. One who does so too often is kept out for a while: what a provider can lose that way has a bound.
//!
//! A request passes once its payment is verified and held. A [`Pass`] takes its place in the service until it is
//! dropped, however the request ends. One that was refused after all gives its share of the minute back, so that
//! nobody can use up what others may ask for without paying for it.

use std::collections::{BTreeSet, HashMap};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::ProxyRefusal;
use super::offer::Offer;
use super::rate::{Bucket, Pace, Rate};
use crate::domain::{Address, ServiceName};

/// Users whose requests are counted at the same time.
const MOST_USERS: usize = 100_000;
const MINUTE: Duration = Duration::from_secs(60);
/// How often a minute one user may leave before the head of an answer. People stop a few answers; programs whose patience
/// is too short for a service are told so.
pub(super) const LEAVES: u32 = 30;

#[derive(Debug)]
pub(super) struct Gate {
    /// By service; names come from the operator only.
    places: Mutex<HashMap<ServiceName, Place>>,
    paused: Mutex<BTreeSet<ServiceName>>,
    users: Option<(u32, Rate<Address>)>,
    leaves: Rate<Address>,
}

#[derive(Debug, Default)]
struct Place {
    in_flight: u32,
    /// Of the limit that it was made for.
    minute: Option<(NonZeroU32, Bucket)>,
}

/// A request's place in a service.
#[derive(Debug)]
pub(super) struct Pass {
    gate: Arc<Gate>,
    service: ServiceName,
    /// It was let in, so its share of the minute is used.
    used: bool,
}

impl Gate {
    /// `per_user`: requests a minute; 0 for any number.
    pub(super) fn new(per_user: u32) -> Arc<Self> {
        let users = (per_user > 0).then(|| (per_user, Rate::new(per_user, MINUTE, per_user, MOST_USERS)));
        let leaves = Rate::new(LEAVES, MINUTE, LEAVES, MOST_USERS);
        Arc::new(Gate { places: Mutex::default(), paused: Mutex::default(), users, leaves })
    }

    pub(super) fn set_paused(&self, service: &ServiceName, paused: bool) {
        let mut all = self.paused.lock();
        if paused {
            all.insert(service.clone());
        } else {
            all.remove(service);
        }
    }

    pub(super) fn is_paused(&self, service: &ServiceName) -> bool {
        self.paused.lock().contains(service)
    }

    pub(super) fn in_flight(&self, service: &ServiceName) -> usize {
        self.places.lock().get(service).map_or(0, |place| place.in_flight as usize)
    }

    /// The service is gone. Requests that it still serves end as they may.
    pub(super) fn forget(&self, service: &ServiceName) {
        self.set_paused(service, false);
        self.places.lock().retain(|name, place| name != service || place.in_flight > 0);
    }

    /// A user has left before the head of an answer.
    pub(super) fn left_early(&self, user: Address, now: Instant) {
        self.leaves.take(&user, now);
    }

    /// Counts a request of a user whose signatures were checked.
    pub(super) fn count(&self, user: Address, now: Instant) -> Result<(), ProxyRefusal> {
        if let Some(wait) = self.leaves.wait(&user, now) {
            return Err(ProxyRefusal::LeavesTooOften { most: LEAVES, wait });
        }
        match &self.users {
            None => Ok(()),
            Some((most, rate)) => {
                rate.take_or_wait(&user, now).map_err(|wait| ProxyRefusal::UserTooOften { most: *most, wait })
            }
        }
    }

    /// Takes a place in a service, if there is one.
    pub(super) fn enter(self: &Arc<Self>, offer: &Offer, now: Instant) -> Result<Pass, ProxyRefusal> {
        let mut places = self.places.lock();
        let place = places.entry(offer.name.clone()).or_default();
        if let Some(most) = offer.limits.max_in_flight
            && place.in_flight >= most.get()
        {
            return Err(ProxyRefusal::ServiceFull { service: offer.name.clone(), most: most.get() });
        }
        if let Some(most) = offer.limits.requests_per_minute {
            let pace = Pace::new(most.get(), MINUTE, most.get());
            let (limit, bucket) = place.minute.get_or_insert_with(|| (most, pace.full(now)));
            if *limit != most {
                (*limit, *bucket) = (most, pace.full(now));
            }
            let service = || offer.name.clone();
            bucket.take(pace, now).map_err(|wait| ProxyRefusal::ServiceTooOften {
                service: service(),
                most: most.get(),
                wait,
            })?;
        }
        place.in_flight += 1;
        Ok(Pass { gate: Arc::clone(self), service: offer.name.clone(), used: false })
    }
}

impl Pass {
    /// The request is being served.
    pub(super) fn let_in(&mut self) {
        self.used = true;
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        let mut places = self.gate.places.lock();
        let Some(place) = places.get_mut(&self.service) else { return };
        place.in_flight = place.in_flight.saturating_sub(1);
        if !self.used
            && let Some((most, bucket)) = &mut place.minute
        {
            bucket.give_back(most.get());
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::super::test_values::offer;
    use super::*;
    use crate::domain::ServiceLimits;

    fn limited(in_flight: u32, minute: u32) -> Offer {
        Offer {
            limits: ServiceLimits {
                max_in_flight: NonZeroU32::new(in_flight),
                requests_per_minute: NonZeroU32::new(minute),
            },
            ..offer("svc")
        }
    }

    #[test]
    fn many_at_once_never_pass_the_limit_and_all_places_come_back() {
        let gate = Gate::new(0);
        let offer = limited(7, 0);
        let now = Instant::now();
        let passes: Vec<_> = std::thread::scope(|scope| {
            let running: Vec<_> = (0..64).map(|_| scope.spawn(|| gate.enter(&offer, now))).collect();
            running.into_iter().filter_map(|thread| thread.join().unwrap().ok()).collect()
        });
        assert_eq!((passes.len(), gate.in_flight(&offer.name)), (7, 7));
        let full = gate.enter(&offer, now).unwrap_err();
        assert_eq!(full, ProxyRefusal::ServiceFull { service: offer.name.clone(), most: 7 });
        assert_eq!(gate.in_flight(&"other".parse().unwrap()), 0);
        drop(passes);
        assert_eq!(gate.in_flight(&offer.name), 0);
    }

    #[test]
    fn a_refused_request_uses_nothing_of_the_minute() {
        let gate = Gate::new(0);
        let offer = limited(0, 2);
        let now = Instant::now();
        for _ in 0..10 {
            drop(gate.enter(&offer, now).unwrap());
        }
        for _ in 0..2 {
            gate.enter(&offer, now).unwrap().let_in();
        }
        let ProxyRefusal::ServiceTooOften { most: 2, wait, .. } = gate.enter(&offer, now).unwrap_err() else {
            unreachable!("two a minute are two a minute")
        };
        assert_eq!(wait, Duration::from_secs(30));
        assert!(gate.enter(&offer, now + wait).is_ok());
        // Another limit begins with a minute of its own.
        assert!(gate.enter(&limited(0, 3), now).is_ok());
    }

    #[test]
    fn who_leaves_too_often_is_kept_out_until_a_minute_has_passed() {
        let gate = Gate::new(0);
        let (one, other, now) = (Address::repeat_byte(1), Address::repeat_byte(2), Instant::now());
        for _ in 0..LEAVES {
            assert_eq!(gate.count(one, now), Ok(()));
            gate.left_early(one, now);
        }
        let wait = MINUTE / LEAVES;
        assert_eq!(gate.count(one, now), Err(ProxyRefusal::LeavesTooOften { most: LEAVES, wait }));
        assert_eq!(gate.count(other, now), Ok(()), "nobody else has to do with it");
        assert_eq!(gate.count(one, now + wait), Ok(()));
        gate.left_early(one, now + wait);
        assert!(gate.count(one, now + wait).is_err(), "one more for each that has grown");
        for _ in 0..99 {
            assert_eq!(gate.count(one, now + MINUTE + wait), Ok(()), "who stays uses nothing up");
        }
    }

    #[test]
    fn each_user_has_a_minute_of_its_own() {
        let gate = Gate::new(3);
        let (one, other, now) = (Address::repeat_byte(1), Address::repeat_byte(2), Instant::now());
        assert_eq!((0..5).filter(|_| gate.count(one, now).is_ok()).count(), 3);
        assert_eq!(
            gate.count(one, now),
            Err(ProxyRefusal::UserTooOften { most: 3, wait: Duration::from_secs(20) })
        );
        assert!(gate.count(other, now).is_ok());
        assert!(Gate::new(0).count(one, now).is_ok());
    }
}
