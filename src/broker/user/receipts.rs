//! Asking for receipts: right after an answer that brought none, and again and again for what is unconfirmed.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt, stream};

use super::finish::Case;
use super::handle::Inner;
use super::upstream::{ReceiptAnswer, UpstreamError};
use crate::domain::{Address, RequestId, ServiceName, Timestamp, UserRequestState};

/// Waits before each question right after the answer; the provider books while we ask.
const AT_ONCE: [u64; 5] = [0, 30, 150, 600, 2_000];
/// A receipt that is not there after so long may be long in coming.
const SOON: Duration = Duration::from_millis(250);
/// For how long a question is still waited for when the broker stops: far less than the grace that the stop gives.
const AT_A_STOP: Duration = Duration::from_secs(1);
/// Waits between later questions: the first, and the longest.
const FIRST_WAIT: u64 = 2;
const LONGEST_WAIT: u64 = 600;
/// The longest of the first dozen, in whose time an authorisation runs out and much is decided.
const EARLY_WAIT: u64 = 60;
const EARLY: u32 = 12;
/// How long after an authorisation's expiry a provider may still be at it, by a clock that is off.
const CLOCKS: u64 = 120;
/// Why a request failed that the provider could not book.
const LOST: &str = "the provider lost the request and charges nothing";
/// How many receipts one refused request asks for.
const AT_A_TIME: usize = 32;
const TICK: Duration = Duration::from_millis(500);

/// Asks a few times and books the end; leaves the request unconfirmed if there is no receipt yet.
///
/// Our own count bounds what any receipt may claim, so a provider that lets us wait must not outlast it: the count is on
/// disk before the wait is long, and a stop of the broker leaves the request with it.
pub(super) async fn fetch_or_leave(inner: &Arc<Inner>, case: Case) {
    let mut asking = Box::pin(ask_at_once(inner, &case));
    let found = match tokio::time::timeout(SOON, &mut asking).await {
        Ok(found) => found,
        Err(_) => {
            inner.keep_count(&case).await;
            tokio::select! {
                found = &mut asking => found,
                () = stopped(inner) => None,
            }
        }
    };
    match found {
        Some(ReceiptAnswer::Here(receipt)) => drop(inner.book_end(&case, Some(*receipt)).await),
        Some(ReceiptAnswer::Lost) => inner.failed(&case, LOST).await,
        Some(ReceiptAnswer::NotYet | ReceiptAnswer::Unknown) | None => inner.unconfirmed(&case).await,
    }
}

/// What a provider says for good about a request that has just ended, if it says so in a few seconds.
async fn ask_at_once(inner: &Inner, case: &Case) -> Option<ReceiptAnswer> {
    for wait in AT_ONCE {
        tokio::time::sleep(Duration::from_millis(wait)).await;
        match ask(inner, case.provider(), &case.service, case.own.request).await {
            Ok(ReceiptAnswer::Here(receipt)) if receipt.receipt.request == case.own.request => {
                return Some(ReceiptAnswer::Here(receipt));
            }
            Ok(ReceiptAnswer::Lost) => return Some(ReceiptAnswer::Lost),
            // The provider is gone or knows nothing; asking at once again will not help.
            Err(UpstreamError::Unreachable { .. } | UpstreamError::Url(_)) => return None,
            Ok(_) | Err(_) => {}
        }
        if inner.tasks.stopping() {
            return None;
        }
    }
    None
}

/// Once the broker has been told to stop, and a last question has had its time.
async fn stopped(inner: &Inner) {
    inner.tasks.token().cancelled().await;
    tokio::time::sleep(AT_A_STOP).await;
}

pub(super) async fn ask(
    inner: &Inner,
    provider: Address,
    service: &ServiceName,
    request: RequestId,
) -> Result<ReceiptAnswer, UpstreamError> {
    let url = {
        let catalogue = inner.catalogue.read();
        let service = catalogue.get(provider, service).or_else(|| catalogue.of(provider).next());
        service.map(|service| service.url.clone())
    };
    let Some(url) = url else {
        let reason = "the chain lists no address of it".to_owned();
        return Err(UpstreamError::Unreachable { host: provider.to_string(), reason });
    };
    let base = inner.upstream.base(&url)?;
    inner.upstream.receipt(&base, request).await
}

/// Follows unconfirmed requests to their end, for ever.
pub(super) async fn run(inner: Arc<Inner>) {
    let mut tries: HashMap<RequestId, (u32, Timestamp)> = HashMap::new();
    loop {
        tokio::time::sleep(TICK).await;
        let waiting: HashSet<RequestId> = inner.book.lock().waiting().into_iter().collect();
        tries.retain(|request, _| waiting.contains(request));
        let now = Timestamp::now();
        let due = waiting.into_iter().filter(|request| tries.get(request).is_none_or(|(_, at)| now >= *at));
        let due: Vec<RequestId> = due.collect();
        // Several at a time, so that a provider that does not answer holds up no other's receipts for long.
        let asking =
            stream::iter(&due).for_each_concurrent(AT_A_TIME, |request| resolve(&inner, *request, now));
        asking.await;
        for request in due {
            let times = tries.get(&request).map_or(0, |(times, _)| *times);
            let longest = if times < EARLY { EARLY_WAIT } else { LONGEST_WAIT };
            let wait = FIRST_WAIT.saturating_mul(1 << times.min(16)).min(longest);
            tries.insert(request, (times.saturating_add(1), Timestamp::now().plus_seconds(wait)));
        }
    }
}

/// Asks a provider at once for receipts that are still missing, because it says that it is owed more than we know.
pub(super) async fn catch_up(inner: &Arc<Inner>, provider: Address) {
    let waiting = inner.book.lock().waiting_of(provider);
    let now = Timestamp::now();
    let asked = waiting.into_iter().take(AT_A_TIME).map(|request| resolve(inner, request, now));
    futures_util::future::join_all(asked).await;
}

/// Asks once more, and decides when asking is over.
pub(super) async fn resolve(inner: &Arc<Inner>, request: RequestId, now: Timestamp) {
    let row = match inner.store.request(request).await {
        // Sent: its end could not be written down at the time.
        Ok(Some(row)) if matches!(row.state, UserRequestState::Unconfirmed | UserRequestState::Sent) => row,
        // Somebody else has written its end down.
        Ok(row) => {
            if let Some(row) = row {
                inner.over_on_disk(&row);
            }
            return;
        }
        Err(error) => {
            tracing::warn!(%request, %error, "an unconfirmed request could not be read");
            return;
        }
    };
    let case = Case::stored(inner, &row);
    let age = now.seconds_since(row.created_at);
    match ask(inner, case.provider(), &case.service, request).await {
        Ok(ReceiptAnswer::Here(receipt)) if receipt.receipt.request == request => {
            inner.book_end(&case, Some(*receipt)).await;
        }
        Ok(ReceiptAnswer::Lost) => inner.failed(&case, LOST).await,
        Ok(ReceiptAnswer::Unknown) if age > inner.settings.authorization_lifetime + CLOCKS => {
            // Its authorisation is over, so it can no longer be served either.
            if case.own.brought_something() {
                inner.book_end(&case, None).await;
            } else {
                inner.failed(&case, "it did not reach the provider").await;
            }
        }
        _ if age > inner.settings.receipt_patience => {
            inner.book_end(&case, None).await;
        }
        Ok(_) => {}
        Err(error) => tracing::debug!(%request, %error, "no receipt yet"),
    }
}
