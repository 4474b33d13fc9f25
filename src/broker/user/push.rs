//! Acknowledging answers: a voucher is brought to the provider shortly after it was earned.
//!
//! Vouchers of answers that end within a twentieth of a second are brought as one: under load that is a signature for
//! hundreds of answers. The provider lends that much by its own terms. If a voucher is lost, it is brought again after a
//! while, and until then each request carries what is owed.

use std::collections::hash_map::Entry;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;

use super::UserError;
use super::handle::Inner;
use super::upstream::UpstreamError;
use crate::crash_point::{self, Point};
use crate::domain::{Address, Neuron};

/// How long to wait for more answers to end.
const COALESCE: Duration = Duration::from_millis(50);

/// Pauses in seconds before a voucher that did not arrive is brought again. After the last one the next request carries it.
/// Where more comes to be owed to this provider they begin anew: it has answered, so it is there. What happens at other
/// providers shortens none of them.
const AGAIN: [u64; 6] = [1, 4, 15, 60, 300, 1_800];

#[derive(Debug, thiserror::Error)]
enum PushError {
    #[error(transparent)]
    User(#[from] UserError),
    #[error(transparent)]
    Upstream(#[from] UpstreamError),
}

/// Sees to it that what is owed to a provider is promised to it. Returns at once.
pub(super) fn push(inner: &Arc<Inner>, provider: Address) {
    let more_is_owed = Arc::new(Notify::new());
    match inner.pushing.lock().entry(provider) {
        Entry::Occupied(at_it) => return at_it.get().notify_one(),
        Entry::Vacant(place) => {
            place.insert(Arc::clone(&more_is_owed));
        }
    }
    inner.book.lock().bringing(provider, true);
    let task = Arc::clone(inner);
    let stop = inner.tasks.token();
    inner.tasks.spawn("voucher", async move {
        let mut pauses = AGAIN.iter();
        loop {
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(COALESCE) => {}
            }
            match bring(&task, provider).await {
                Ok(brought) => {
                    pauses = AGAIN.iter();
                    task.book.lock().bringing(provider, true);
                    // What ended meanwhile found the provider taken, so look again before letting go.
                    let mut pushing = task.pushing.lock();
                    let more = matches!(brought, Brought::Yes)
                        && task.book.lock().position(provider).is_some_and(|p| p.unpaid());
                    if !more {
                        task.book.lock().bringing(provider, false);
                        pushing.remove(&provider);
                        return;
                    }
                }
                Err(error) => {
                    {
                        let mut book = task.book.lock();
                        book.not_carried(provider);
                        book.bringing(provider, false);
                    }
                    tracing::debug!(%provider, %error, "a voucher did not arrive; it is brought again");
                    let pause = pauses.next().filter(|_| !stop.is_cancelled());
                    let Some(pause) = pause.map(|seconds| Duration::from_secs(*seconds)) else {
                        task.pushing.lock().remove(&provider);
                        return;
                    };
                    tokio::select! {
                        () = stop.cancelled() => {}
                        () = more_is_owed.notified() => pauses = AGAIN.iter(),
                        () = tokio::time::sleep(pause) => {}
                    }
                }
            }
        }
    });
}

/// Whether a voucher went. Where none can go (no address, no key), trying again at once would go on for ever.
enum Brought {
    Yes,
    No,
}

/// Signs for what is owed and brings it.
async fn bring(inner: &Inner, provider: Address) -> Result<Brought, PushError> {
    let Some((owed, durable, epoch)) = due(inner, provider) else { return Ok(Brought::No) };
    let cumulative = if durable < owed {
        let raised =
            inner.store.authorize(inner.keys.account(provider), owed).await.map_err(UserError::from)?;
        inner.book.lock().made_durable(provider, raised);
        raised
    } else {
        durable
    };
    let url = inner.catalogue.read().of(provider).next().map(|service| service.url.clone());
    let Some(url) = url else { return Ok(Brought::No) };
    let base = inner.upstream.base(&url)?;
    let voucher = inner.keys.voucher(provider, epoch, cumulative).await.map_err(UserError::from)?;
    let Some(voucher) = voucher else {
        return Ok(Brought::No);
    };
    crash_point::pass(Point::PushAuthorized);
    inner.book.lock().carried(provider, cumulative);
    inner.upstream.push_voucher(&base, &voucher).await?;
    crash_point::pass(Point::PushAcknowledged);
    Ok(Brought::Yes)
}

/// What is owed, what may be signed already, and the epoch; `None` when nothing is to be brought.
fn due(inner: &Inner, provider: Address) -> Option<(Neuron, Neuron, u32)> {
    let book = inner.book.lock();
    let position = book.position(provider).filter(|position| position.unpaid())?;
    Some((position.owed(), position.durable(), position.chain()?.epoch))
}
