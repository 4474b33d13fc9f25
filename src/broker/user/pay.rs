//! Holding, signing, sending: the part of a call in which money is promised, and its second tries.
//!
//! A second try happens for three reasons, each at most once, always under a new request id and authorisation: the
//! provider says 402 because its books or ours have lost something (then we believe our own signature and receipts,
//! never its word), 409 because the price changed (then the chain is read), or 401 because the account's epoch or key
//! changed (then the account is read).

use std::sync::Arc;

use http::StatusCode;

use super::answer::{self, Reply};
use super::book::{Ask, Denied, DeniedReason, Grant};
use super::call::Prepared;
use super::caps::Caps;
use super::error::CallRefusal;
use super::event::Event;
use super::finish::Case;
use super::handle::Inner;
use super::heal::heal;
use super::leaving::Leaving;
use super::quote::Quote;
use super::receipts;
use super::upstream::{Outgoing, UpstreamError, read_small};
use super::verdict::{Cut, Seen};
use crate::body::Answer;
use crate::crash_point::{self, Point};
use crate::domain::{Address, Neuron, RequestAuth, RequestId, Timestamp};
use crate::wire::auth::{REQUEST_HEADER, VOUCHER_HEADER, encode_request_auth, encode_voucher};
use crate::wire::fault::{Fault, FaultBody};
use crate::wire::terms::Shortage;

/// A request under way: on disk, its highest fee held.
#[derive(Debug)]
pub(super) struct Sent {
    pub request: RequestId,
    pub created_at: Timestamp,
    pub max_fee: Neuron,
    pub voucher: Neuron,
    _live: Live,
}

/// Goes with a hold for as long as somebody sees to the request. If that ends without the hold being released, by a
/// panic for one, the hold is left to the receipt resolver instead of to nobody.
#[derive(Debug)]
struct Live {
    inner: Arc<Inner>,
    provider: Address,
    request: RequestId,
}

impl Drop for Live {
    fn drop(&mut self) {
        self.inner.book.lock().unconfirmed(self.provider, self.request, Neuron::MAX);
    }
}

/// Why a provider did not serve, where a second try may help.
enum Refused {
    Short(Shortage),
    Price,
    Key,
    /// Nothing that we can help with; the answer goes to the caller.
    Otherwise,
}

/// Which second tries were made already.
#[derive(Default)]
struct Tried {
    short: bool,
    price: bool,
    key: bool,
}

/// Runs one paid call to its end.
pub(super) async fn pay(inner: Arc<Inner>, mut call: Prepared, mut reply: Reply) {
    let mut tried = Tried::default();
    loop {
        match Box::pin(attempt(&inner, &call, &mut reply)).await {
            Ok(Attempted::Answered(sent, response)) => {
                Box::pin(answer::pump(&inner, &call, sent, response, reply)).await;
                return;
            }
            Ok(Attempted::Refused(refused, answer)) => {
                match Box::pin(again(&inner, &mut call, &mut tried, refused)).await {
                    Ok(true) => {}
                    Ok(false) => {
                        let _ = reply.send(Ok(answer));
                        return;
                    }
                    Err(refusal) => {
                        let _ = reply.send(Err(refusal));
                        return;
                    }
                }
            }
            Err(refusal) => {
                let _ = reply.send(Err(refusal));
                return;
            }
        }
    }
}

enum Attempted {
    Answered(Sent, reqwest::Response),
    /// Written down as failed already.
    Refused(Refused, Answer),
}

async fn attempt(inner: &Arc<Inner>, call: &Prepared, reply: &mut Reply) -> Result<Attempted, CallRefusal> {
    let (sent, epoch) = reserve(inner, call, reply).await?;
    let outgoing = match sign(inner, call, &sent, epoch).await {
        Ok(outgoing) => outgoing,
        Err(refusal) => {
            inner.failed(&Case::live(inner, call, &sent), "it could not be signed").await;
            return Err(refusal);
        }
    };
    let provider = call.service.provider;
    crash_point::pass(Point::Signed);
    inner.book.lock().carried(provider, sent.voucher);
    inner.emit(Event::RequestSent {
        request: sent.request,
        provider,
        service: call.service.name.clone(),
        max_fee: sent.max_fee,
    });
    inner.publish();
    let leaving = outgoing.leaving.clone();
    let response = tokio::select! {
        response = inner.upstream.send(outgoing) => response,
        () = reply.closed() => {
            if leaving.stop() {
                inner.book.lock().not_carried(provider);
                inner.failed(&Case::live(inner, call, &sent), "it was stopped before all of it had left").await;
            } else {
                answer::left_early(inner, call, &sent).await;
            }
            return Err(CallRefusal::Stopping);
        }
    };
    let response = match response {
        Ok(response) => response,
        Err(error) => {
            inner.book.lock().not_carried(provider);
            if error.never_left() || leaving.stop() {
                inner.failed(&Case::live(inner, call, &sent), &error.to_string()).await;
            } else {
                // No byte of an answer came, which bounds what a receipt for it can ask.
                let seen = Seen::nothing(call.quote.input, Cut::ByProvider);
                inner.unconfirmed(&Case::live(inner, call, &sent).with(seen)).await;
            }
            return Err(error.into());
        }
    };
    crash_point::pass(Point::HeadReceived);
    let status = response.status();
    if !matches!(status, StatusCode::PAYMENT_REQUIRED | StatusCode::CONFLICT | StatusCode::UNAUTHORIZED) {
        return Ok(Attempted::Answered(sent, response));
    }
    // A refusal of the provider's broker, or an answer of the service itself that looks like one.
    inner.failed(&Case::live(inner, call, &sent), &format!("the provider answered {status}")).await;
    let head = response.headers().clone();
    let reading = tokio::time::timeout(inner.settings.idle_timeout(), read_small("the provider", response));
    let body = tokio::select! {
        body = reading => body.unwrap_or(Err(UpstreamError::Timeout { host: provider.to_string() }))?,
        () = reply.closed() => return Err(CallRefusal::Stopping),
    };
    let refused = serde_json::from_slice::<FaultBody>(&body)
        .map_or(Refused::Otherwise, |body| reason(status, &body.error));
    Ok(Attempted::Refused(refused, answer::whole(status, &head, sent.request, body)))
}

fn reason(status: StatusCode, fault: &Fault) -> Refused {
    let details = || serde_json::from_value(serde_json::Value::Object(fault.details.clone())).ok();
    match (status, fault.code.as_str()) {
        (StatusCode::PAYMENT_REQUIRED, _) => details().map_or(Refused::Otherwise, Refused::Short),
        (StatusCode::CONFLICT, "price_changed") => Refused::Price,
        (StatusCode::UNAUTHORIZED, "wrong_signer" | "wrong_epoch") => Refused::Key,
        _ => Refused::Otherwise,
    }
}

/// Repairs what a second try needs. False when there is nothing to repair: then the provider's answer stands.
async fn again(
    inner: &Arc<Inner>,
    call: &mut Prepared,
    tried: &mut Tried,
    refused: Refused,
) -> Result<bool, CallRefusal> {
    let provider = call.service.provider;
    match refused {
        Refused::Short(shortage) => {
            if std::mem::replace(&mut tried.short, true) {
                return Err(short(inner, call, shortage));
            }
            inner.read_account(provider, None).await.ok();
            receipts::catch_up(inner, provider).await;
            if !heal(inner, call, &shortage).await? {
                return Err(short(inner, call, shortage));
            }
            Ok(true)
        }
        Refused::Price if !std::mem::replace(&mut tried.price, true) => {
            inner.terms.forget(provider);
            let name = call.service.name.clone();
            let Some(newer) = inner.read_service(provider, &name, None).await? else { return Ok(false) };
            inner.hold_to(&newer, call.service.prices)?;
            call.conditions = inner.terms.conditions(&inner.upstream, &newer).await?;
            call.quote = Quote::new(newer.prices, call.quote.input, call.quote.output_limit)?;
            call.service = newer;
            Ok(true)
        }
        Refused::Key if !std::mem::replace(&mut tried.key, true) => {
            inner.read_account(provider, None).await?;
            Ok(true)
        }
        _ => Ok(false),
    }
}

/// The refusal that names what the provider misses and what we are ready to sign.
fn short(inner: &Inner, call: &Prepared, shortage: Shortage) -> CallRefusal {
    let provider = call.service.provider;
    let signed = {
        let book = inner.book.lock();
        book.position(provider).map_or(Neuron::ZERO, |position| position.authorized())
    };
    CallRefusal::ProviderShort { provider, required: shortage.required, signed, details: Box::new(shortage) }
}

/// Holds the request's highest fee, waiting for room if that helps, and puts it on disk before it returns.
async fn reserve(inner: &Arc<Inner>, call: &Prepared, reply: &mut Reply) -> Result<(Sent, u32), CallRefusal> {
    let request = RequestId::made(Timestamp::now());
    let provider = call.service.provider;
    let until = tokio::time::Instant::now() + inner.settings.reservation_wait();
    let (grant, epoch) = loop {
        // Listening begins before the look, so that no change in between is missed.
        let room = inner.room.notified();
        tokio::pin!(room);
        room.as_mut().enable();
        let denied = {
            let mut book = inner.book.lock();
            match book.reserve(&inner.ask(call, request)) {
                Ok(grant) => {
                    let epoch = book.position(provider).and_then(|position| position.chain());
                    break (grant, epoch.map_or(0, |account| account.epoch));
                }
                Err(denied) => denied,
            }
        };
        if !denied.later {
            return Err(refusal(provider, denied));
        }
        tokio::select! {
            () = room => {}
            () = reply.closed() => return Err(CallRefusal::Stopping),
            () = tokio::time::sleep_until(until) => return Err(refusal(provider, denied)),
        }
    };
    let Grant { max_fee, voucher } = grant;
    let live = Live { inner: Arc::clone(inner), provider, request };
    call.held.set(Some(request));
    match inner.write_reservation(call, request, grant).await {
        Ok(created_at) => {
            inner.book.lock().written(provider, request, voucher);
            Ok((Sent { request, created_at, max_fee, voucher, _live: live }, epoch))
        }
        Err(refusal) => {
            call.held.set(None);
            inner.book.lock().not_written(provider, request);
            inner.room.notify_waiters();
            Err(refusal)
        }
    }
}

pub(super) fn refusal(provider: Address, denied: Denied) -> CallRefusal {
    let Denied { needed, available, missing, .. } = denied;
    match denied.reason {
        DeniedReason::NoAccount => CallRefusal::NoAccount { provider, needed },
        DeniedReason::Balance => CallRefusal::InsufficientBalance { provider, needed, available, missing },
        DeniedReason::Exposure => CallRefusal::ExposureReached { needed, available },
        DeniedReason::Cap(cap, limit) => CallRefusal::CapReached { cap, limit, needed, available },
    }
}

/// Signs authorisation and voucher. Both figures are on disk.
async fn sign(inner: &Inner, call: &Prepared, sent: &Sent, epoch: u32) -> Result<Outgoing, CallRefusal> {
    let provider = call.service.provider;
    let no_key = || CallRefusal::NoKey(provider);
    let auth = RequestAuth {
        request: sent.request,
        account: inner.keys.account(provider),
        service: call.service.name.to_string(),
        method: call.method.to_string(),
        path: call.suffix.to_string(),
        body_hash: call.body.sha256(),
        price_version: call.service.version,
        max_fee: sent.max_fee,
        expiry: Timestamp::now().plus_seconds(inner.settings.authorization_lifetime),
    };
    let auth = inner.keys.authorize(auth, call.conditions.public_key).await?.ok_or_else(no_key)?;
    let voucher = inner.keys.voucher(provider, epoch, sent.voucher).await?.ok_or_else(no_key)?;
    let mut headers = call.headers.clone();
    let value = |text: String| http::HeaderValue::try_from(text).ok();
    if let (Some(auth), Some(voucher)) = (value(encode_request_auth(&auth)), value(encode_voucher(&voucher)))
    {
        headers.insert(REQUEST_HEADER, auth);
        headers.insert(VOUCHER_HEADER, voucher);
    }
    Ok(Outgoing {
        base: inner.upstream.base(&call.service.url)?,
        service: call.service.name.clone(),
        suffix: call.suffix.to_string(),
        method: call.method.clone(),
        headers,
        body: call.body.clone(),
        leaving: Leaving::default(),
    })
}

/// What a request wants of the book.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wish {
    pub provider: Address,
    pub quote: Quote,
    /// What the provider lends.
    pub credit_limit: Neuron,
    pub caps: Caps,
}

impl Inner {
    /// What a call asks of the book.
    pub fn ask(&self, call: &Prepared, request: RequestId) -> Ask {
        let Prepared { service, quote, conditions, caps, .. } = call;
        let provider = service.provider;
        self.ask_for(
            &Wish { provider, quote: *quote, credit_limit: conditions.credit_limit, caps: *caps },
            request,
        )
    }

    pub fn ask_for(&self, wish: &Wish, request: RequestId) -> Ask {
        Ask {
            provider: wish.provider,
            request,
            wanted: wish.quote.highest,
            least: wish.quote.least,
            credit_limit: wish.credit_limit,
            caps: wish.caps,
            max_exposure: self.settings.max_exposure,
            day: Timestamp::now().day(),
        }
    }
}
