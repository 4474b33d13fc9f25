//! Acknowledging answers: a voucher is brought to the provider shortly after it was earned.
//!
//! Vouchers of answers that end within a few milliseconds are brought as one, and none is brought when a request that
//! follows carries it. If it is lost, the next request carries it; nothing depends on it arriving.

use std::sync::Arc;
use std::time::Duration;

use super::UserError;
use super::handle::Inner;
use super::upstream::UpstreamError;
use crate::domain::{Address, Neuron};

/// How long to wait for more answers to end.
const COALESCE: Duration = Duration::from_millis(5);

#[derive(Debug, thiserror::Error)]
enum PushError {
    #[error(transparent)]
    User(#[from] UserError),
    #[error(transparent)]
    Upstream(#[from] UpstreamError),
}

/// Sees to it that what is owed to a provider is promised to it. Returns at once.
pub(super) fn push(inner: &Arc<Inner>, provider: Address) {
    if !inner.pushing.lock().insert(provider) {
        return;
    }
    let task = Arc::clone(inner);
    inner.tasks.spawn("voucher", async move {
        loop {
            tokio::time::sleep(COALESCE).await;
            let outcome = bring(&task, provider).await;
            if let Err(error) = &outcome {
                task.book.lock().not_carried(provider);
                tracing::debug!(%provider, %error, "a voucher did not arrive; the next request carries it");
            }
            // What ended meanwhile found the provider taken, so look again before letting go.
            let mut pushing = task.pushing.lock();
            let more = matches!(outcome, Ok(Brought::Yes))
                && task.book.lock().position(provider).is_some_and(|p| p.unpaid());
            if !more {
                pushing.remove(&provider);
                return;
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
    let Some(voucher) = inner.keys.voucher(provider, epoch, cumulative).map_err(UserError::from)? else {
        return Ok(Brought::No);
    };
    inner.book.lock().carried(provider, cumulative);
    inner.upstream.push_voucher(&base, &voucher).await?;
    Ok(Brought::Yes)
}

/// What is owed, what may be signed already, and the epoch; `None` when nothing is to be brought.
fn due(inner: &Inner, provider: Address) -> Option<(Neuron, Neuron, u32)> {
    let book = inner.book.lock();
    let position = book.position(provider).filter(|position| position.unpaid())?;
    Some((position.owed(), position.durable(), position.chain()?.epoch))
}
