//! How long the rows of requests are kept: for ever, or as many days as the owner of the books set.
//!
//! Old rows go a few at a time, so that nobody who writes waits for it; see `store::pruning` for what stays of them.

use std::time::Duration;

use crate::domain::Timestamp;
use crate::store::{Db, StoreError};

/// Fewer days are refused: whoever wants to object to a receipt needs the row.
const FEWEST_DAYS: u64 = 30;
/// How often old rows are looked for.
const LOOK: Duration = Duration::from_secs(3_600);
/// How often it is asked for while no block is known.
const UNKNOWN: Duration = Duration::from_secs(10);
/// Between two transactions at least; where they take longer, as long as the last one took.
const PAUSE: Duration = Duration::from_millis(20);

/// Whether so many days can be set.
pub(super) fn check(days: Option<u64>) -> Result<(), String> {
    match days {
        Some(days) if days < FEWEST_DAYS => {
            Err(format!("requests are kept for {FEWEST_DAYS} days at least; empty keeps them for ever"))
        }
        _ => Ok(()),
    }
}

/// Deletes what is older than so many days, for ever. `chain` says the time of the newest block that is known.
pub(super) async fn run(db: Db, days: u64, chain: impl Fn() -> Option<Timestamp>) {
    loop {
        let Some(now) = earliest(Timestamp::now(), chain()) else {
            tokio::time::sleep(UNKNOWN).await;
            continue;
        };
        match look(&db, now, days).await {
            Ok(0) => {}
            Ok(requests) => tracing::info!(requests, days, "old requests were deleted"),
            Err(error) => {
                tracing::warn!(%error, "old requests could not be deleted; they are looked at again in an hour")
            }
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// The time by which rows are old. What is deleted is gone, and a clock may run ahead for a minute after a start: so the
/// chain has to agree that it is so late, and nothing goes before it has said anything.
fn earliest(clock: Timestamp, chain: Option<Timestamp>) -> Option<Timestamp> {
    chain.map(|chain| chain.min(clock))
}

async fn look(db: &Db, now: Timestamp, days: u64) -> Result<usize, StoreError> {
    let before = Timestamp::from_seconds(now.as_seconds().saturating_sub(days.saturating_mul(86_400)));
    let (mut requests, mut place) = (0, None);
    loop {
        let begun = tokio::time::Instant::now();
        let pruned = db.prune(before, place).await?;
        requests += pruned.requests;
        if pruned.next.is_none() {
            return Ok(requests);
        }
        place = pruned.next;
        tokio::time::sleep(PAUSE.max(begun.elapsed())).await;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;
    use crate::domain::{AccountId, Address, B256, Fee, Neuron, Prices, RequestId, Units, UserRequestState};
    use crate::store::user::{Finish, NewUserRequest};
    use crate::store::{Network, Role, UserStore};

    #[test]
    fn a_month_is_the_least() {
        assert!(check(Some(29)).unwrap_err().contains("30 days"));
        assert_eq!((check(Some(30)), check(None)), (Ok(()), Ok(())));
    }

    #[test]
    fn a_clock_that_runs_ahead_makes_nothing_old() {
        let (today, next_year) = (Timestamp::from_seconds(1_000), Timestamp::from_seconds(40_000_000));
        assert_eq!(earliest(next_year, Some(today)), Some(today));
        assert_eq!(earliest(today, Some(next_year)), Some(today));
        assert_eq!(earliest(next_year, None), None);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_older_goes_however_much_it_is() {
        let network = Network { chain_id: 1, contract: Address::ZERO };
        let store = UserStore::new(Db::temporary(Role::User).unwrap(), network).await.unwrap();
        let now = Timestamp::from_seconds(1_000 * 86_400);
        for number in 0..900_u64 {
            let mut id = [0; 32];
            id[..8].copy_from_slice(&number.to_be_bytes());
            let new = NewUserRequest {
                id: RequestId::new(id),
                account: AccountId { user: Address::ZERO, provider: Address::repeat_byte(1) },
                service: "svc".parse().unwrap(),
                created_at: Timestamp::from_seconds(number * 86_400),
                state: UserRequestState::Sent,
                max_fee: Neuron::new(9),
                price_version: 1,
                prices: Prices::default(),
                body_hash: B256::ZERO,
                idempotency_key: None,
            };
            let end = Finish {
                id: new.id,
                state: UserRequestState::Done,
                input: Units(1),
                output: Units(1),
                fee: Fee { input: Neuron::new(1), output: Neuron::new(2) },
                disputed: Neuron::ZERO,
                response_hash: None,
                receipt: None,
                error: None,
                authorize: None,
                at: now,
            };
            store.reserve(new, Neuron::ZERO).await.unwrap();
            store.finish(end).await.unwrap();
        }
        // The last few are not filed yet.
        let gone = look(store.db(), now, 400).await.unwrap();
        assert_eq!(gone, 600);
        assert_eq!(look(store.db(), now, 400).await.unwrap(), 0);
        assert_eq!(store.request_totals(Default::default()).await.unwrap().count, 300);
        assert_eq!(store.audit().await.unwrap(), Vec::<String>::new());
    }
}
