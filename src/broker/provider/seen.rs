//! Request ids that were served lately, so that a captured request is refused before it costs anything.
//!
//! The store knows every id and has the last word when a row is written. Asking it first for each request would cost more
//! than the rest of the admission; so ids go into a filter of fixed size (Bloom's), and the store is asked about those
//! only that the filter may have seen. An id stays in it for as long as its authorisation can be good: the filter has
//! two halves, and the older one is emptied once so much time has passed.
//!
//! However many requests come, the filter takes no more memory; it only errs more often, and then the store is asked.

use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::settings::AuthorisationSettings;
use crate::domain::RequestId;

/// Words of each half: half a mebibyte, which errs about once in 50 with half a million ids in it.
const WORDS: usize = 1 << 16;
/// Places of an id.
const PLACES: usize = 4;

/// What was seen lately.
#[derive(Debug)]
pub(super) struct Seen {
    lifetime: Duration,
    halves: Mutex<Halves>,
}

#[derive(Debug)]
struct Halves {
    newer: Box<[u64]>,
    older: Box<[u64]>,
    since: Instant,
}

impl Seen {
    pub(super) fn new(settings: &AuthorisationSettings) -> Self {
        let halves = Halves { newer: empty(), older: empty(), since: Instant::now() };
        Seen { lifetime: Duration::from_secs(lifetime(settings)), halves: Mutex::new(halves) }
    }

    /// From now on the id may have been seen.
    pub(super) fn mark(&self, id: RequestId, now: Instant) {
        let mut halves = self.halves.lock();
        if now.saturating_duration_since(halves.since) > self.lifetime {
            let newer = std::mem::replace(&mut halves.newer, empty());
            halves.older = newer;
            halves.since = now;
        }
        for place in places(id) {
            halves.newer[place / 64] |= 1 << (place % 64);
        }
    }

    /// Whether the id may have been seen. `false` is certain for one whose authorisation can still be good.
    pub(super) fn may_have(&self, id: RequestId) -> bool {
        let halves = self.halves.lock();
        let all = |half: &[u64]| places(id).iter().all(|place| half[place / 64] & (1 << (place % 64)) != 0);
        all(&halves.newer) || all(&halves.older)
    }
}

/// For how many seconds after its admission the authorisation of a request can be good, by clocks that differ.
pub(super) fn lifetime(settings: &AuthorisationSettings) -> u64 {
    settings.max_lifetime.saturating_add(settings.clock_skew.saturating_mul(2)).saturating_add(1)
}

fn empty() -> Box<[u64]> {
    vec![0; WORDS].into_boxed_slice()
}

/// The end of an id is random (its head may tell the time); somebody who chooses it otherwise gets the store asked, no more.
fn places(id: RequestId) -> [usize; PLACES] {
    let (_, words) = id.bytes().as_rchunks::<4>();
    std::array::from_fn(|at| u32::from_le_bytes(words[words.len() - 1 - at]) as usize % (WORDS * 64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Timestamp;

    const SETTINGS: AuthorisationSettings = AuthorisationSettings { max_lifetime: 100, clock_skew: 10 };

    #[test]
    fn an_id_is_known_for_as_long_as_it_can_be_used_and_forgotten_in_the_end() {
        let (seen, start) = (Seen::new(&SETTINGS), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        let (first, other) = (RequestId::new([1; 32]), RequestId::new([2; 32]));
        seen.mark(first, at(0));
        assert!(seen.may_have(first) && !seen.may_have(other));
        seen.mark(other, at(122));
        assert!(seen.may_have(first) && seen.may_have(other));
        seen.mark(RequestId::new([3; 32]), at(244));
        assert!(!seen.may_have(first) && seen.may_have(other));
    }

    #[test]
    fn it_errs_seldom() {
        let seen = Seen::new(&SETTINGS);
        let now = Instant::now();
        for _ in 0..50_000 {
            seen.mark(RequestId::made(Timestamp::now()), now);
        }
        let wrong = (0..10_000).filter(|_| seen.may_have(RequestId::made(Timestamp::now()))).count();
        assert!(wrong < 50, "{wrong} of 10,000");
    }
}
