//! After a 402: finding out which side has lost something, and repairing it without believing anybody's word.
//!
//! Receipts that we still wait for are asked for first (by `pay`): they may be all that is missing. A voucher that
//! bears our own signature proves what we promised, so a book of ours that knows less takes it over.
//! A provider that says more is owed than we count is followed as far as the exposure goes that the settings allow,
//! and no further; what it says it needs is computed again from its parts.

use super::book::Raise;
use super::call::Prepared;
use super::error::CallRefusal;
use super::handle::Inner;
use crate::domain::{Neuron, RequestId};
use crate::wire::auth::decode_voucher;
use crate::wire::terms::Shortage;

/// Repairs what can be repaired. True when a second try may pass.
pub(super) async fn heal(
    inner: &Inner,
    call: &mut Prepared,
    shortage: &Shortage,
) -> Result<bool, CallRefusal> {
    let provider = call.service.provider;
    let Some(account) = inner.book.lock().position(provider).and_then(|position| position.chain().copied())
    else {
        return Ok(false);
    };
    let id = inner.keys.account(provider);
    let known = shortage.best_voucher.as_deref().and_then(|text| decode_voucher(text).ok());
    if let Some(best) = known.filter(|best| inner.keys.is_own(best, &account)) {
        let promised = best.voucher.cumulative;
        let authorized =
            inner.book.lock().position(provider).map_or(Neuron::ZERO, |position| position.authorized());
        if promised > authorized {
            // We signed this once and forgot it. What it promises can be claimed in any case.
            let owed = shortage.owed.min(promised);
            let adopted = inner.store.adopt(id, promised, owed).await?;
            inner.book.lock().adopt(provider, adopted.authorized, adopted.owed_more);
            tracing::info!(%provider, %promised, %owed, "took over a forgotten voucher of our own");
        }
    }

    // The deposit as the provider sees it may leave less than we asked for, but enough to be worth asking again.
    let taken = shortage.owed.saturating_add(shortage.reserved);
    let room = account.coverage().above(taken);
    if room < call.quote.least {
        return Ok(false);
    }
    call.quote.highest = call.quote.highest.min(room);

    let ask = inner.ask(call, RequestId::random());
    let raised = inner.book.lock().raise(&ask, taken);
    let cumulative = match raised {
        Raise::To(cumulative) => cumulative,
        Raise::Beyond(_) => return Ok(false),
        // What stands in the way is told by the second try, which may also wait for it.
        Raise::Denied => return Ok(true),
    };
    let authorized = inner.store.authorize(id, cumulative).await;
    let mut book = inner.book.lock();
    match authorized {
        Ok(authorized) => book.raised(provider, ask.request, authorized),
        Err(_) => book.not_written(provider, ask.request),
    }
    drop(book);
    Ok(authorized.map(|_| true)?)
}
