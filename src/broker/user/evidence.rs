//! Signatures of receipts that came with a tag.
//!
//! A tag under the shared key tells us who wrote a receipt; it would tell nobody else. So the provider is asked for the
//! signed form, which it makes from its own books: when somebody looks at the receipt, and by and by when nothing else
//! is going on. What it then signs has to be what it said before, word for word.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt, stream};

use super::UserError;
use super::handle::Inner;
use super::receipts::ask;
use super::upstream::ReceiptAnswer;
use crate::domain::{RequestId, SealedReceipt};
use crate::store::user::{Place, UserRequest};

/// How often the books are looked at for receipts without a signature.
const TICK: Duration = Duration::from_secs(2);
/// How many calls are looked at in one go, and how many are asked about at the same time: work that nobody waits for.
const AT_A_TIME: u32 = 64;
const AT_ONCE: usize = 4;
/// A start looks so many calls back; older ones are signed when somebody looks at them.
const BACK: i64 = 10_000;
/// A provider that cannot be asked is left alone for so many looks.
const PAUSE: u32 = 30;

/// The receipt of a request, signed if it can be had signed. Looking changes nothing: who keeps signatures is [`run`].
pub(super) async fn of(inner: &Inner, row: &UserRequest) -> Result<Option<SealedReceipt>, UserError> {
    let Some(kept) = row.receipt else { return Ok(None) };
    if kept.signed().is_some() {
        return Ok(Some(kept));
    }
    match ask(inner, row.account.provider, &row.service, row.id).await {
        Ok(ReceiptAnswer::Here(answer)) if confirms(inner, &kept, &answer) => Ok(Some(*answer)),
        Ok(ReceiptAnswer::Here(_)) => {
            tracing::warn!(request = %row.id, provider = %row.account.provider, "the provider signs something else than it said before");
            Ok(Some(kept))
        }
        Ok(ReceiptAnswer::NotYet | ReceiptAnswer::Unknown | ReceiptAnswer::Lost) | Err(_) => Ok(Some(kept)),
    }
}

/// Whether a signed receipt is the one that we have, by the hand of its provider.
fn confirms(inner: &Inner, kept: &SealedReceipt, answer: &SealedReceipt) -> bool {
    answer.receipt == kept.receipt && answer.signer(inner.keys.domain()) == Ok(kept.receipt.account.provider)
}

/// Asks for missing signatures whenever nothing is being answered, for ever. What could not be had is not asked for again
/// before the next start, unless somebody looks at it.
pub(super) async fn run(inner: Arc<Inner>) {
    let (mut pause, mut place) = (0_u32, None);
    loop {
        tokio::time::sleep(TICK).await;
        if pause > 0 {
            pause -= 1;
            continue;
        }
        if !inner.book.lock().held().is_zero() {
            continue;
        }
        match look(&inner, place).await {
            Ok((tried, signed, next)) => {
                place = next;
                if tried > 0 && signed == 0 {
                    pause = PAUSE;
                }
            }
            Err(error) => tracing::debug!(%error, "receipts without a signature could not be listed"),
        }
    }
}

/// Looks at the next calls. Gives how many receipts had no signature, how many have one now, and where to go on: from the
/// beginning, if the call at the place has been deleted.
async fn look(inner: &Inner, place: Option<Place>) -> Result<(usize, usize, Option<Place>), UserError> {
    let place = match place {
        Some(place) => place,
        None => inner.store.place_before(BACK).await?,
    };
    let Some((waiting, next)) = inner.store.unsigned(place, AT_A_TIME).await? else {
        return Ok((0, 0, None));
    };
    let tried = waiting.len();
    let signed = stream::iter(waiting)
        .map(|request| sign(inner, request))
        .buffer_unordered(AT_ONCE)
        .filter(|signed| std::future::ready(*signed))
        .count()
        .await;
    Ok((tried, signed, Some(next)))
}

async fn sign(inner: &Inner, request: RequestId) -> bool {
    let Ok(Some(row)) = inner.store.request(request).await else { return false };
    match of(inner, &row).await {
        Ok(Some(receipt)) if receipt.signed().is_some() => inner.store.keep_signed(receipt).await.is_ok(),
        _ => false,
    }
}
