//! A proxied request on its way in: from the cheapest check to the dearest, then into a task that owns it.
//!
//! ```text
//! service, path ─ free? ─▶ free.rs
//!    │ charged
//! payment headers, times ─ account ─ price version ─ voucher and authorisation signatures
//!    ─ the user's minute ─ rules (1) and (2): a hold in the book ─ a place in the service ─ id unseen ─ body (spooled, hashed) ─ input units
//!    ─▶ serve.rs: row durable ∥ service asked, then the answer
//! ```

use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::Stream;
use http::{HeaderMap, Method, header};
use tokio::sync::oneshot;
use tracing::Instrument;
use url::Url;

use super::ProxyRefusal;
use super::core::{Core, ProviderBroker};
use super::edit::{Edit, Edited, PLAIN_ONLY};
use super::offer::Offer;
use super::serve::Job;
use super::upstream::{Payload, UpstreamCall};
use super::vouchers::Page;
use super::vouchers::book::{Denied, Reservation, Short};
use super::vouchers::check::Payment;
use crate::body::{Answer, Body, BodyError, BodyLimits, Opened, Room, Spool};
use crate::domain::clean::clean;
use crate::domain::{Neuron, Prices, ServiceKind, ServiceName, SignedVoucher, Timestamp, Units};
use crate::keys::SharedKey;
use crate::meter::{self, RequestBody};
use crate::store::provider::NewProviderRequest;
use crate::wire::auth::encode_voucher;
use crate::wire::chat::Endpoint;
use crate::wire::encoding::is_plain;
use crate::wire::headers;
use crate::wire::path::{Charge, Suffix, charge};
use crate::wire::terms::Shortage;

/// The body of a request as it arrives.
/// `Sync`, because parts of the call are borrowed while the broker waits.
pub type CallBody = Pin<Box<dyn Stream<Item = std::io::Result<Bytes>> + Send + Sync>>;

/// A request to a service, as a face received it.
pub struct ProxyCall {
    /// The path segment behind `/v1/proxy/`.
    pub service: String,
    /// What follows it, with the query, exactly as sent: this is what was signed.
    pub suffix_and_query: String,
    pub method: Method,
    pub headers: HeaderMap,
    pub body: CallBody,
    pub peer: SocketAddr,
}

impl std::fmt::Debug for ProxyCall {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ProxyCall")
            .field("service", &self.service)
            .field("method", &self.method)
            .field("peer", &self.peer)
            .finish_non_exhaustive()
    }
}

/// Bodies up to this size are counted on the spot; larger ones on a thread of their own.
const COUNT_AT_ONCE: usize = 64 << 10;

impl ProviderBroker {
    /// Bytes of bodies in memory at the moment; bodyMemory bounds them.
    pub fn bodies_in_memory(&self) -> u64 {
        self.core.spool.in_memory()
    }

    /// Bytes of bodies on disk at the moment; bodyDisk bounds them.
    pub fn bodies_on_disk(&self) -> u64 {
        self.core.spool.on_disk()
    }

    /// Serves a request: passes it to the service behind, and its answer back, metered and booked.
    ///
    /// Dropping the future, or the stream of the answer, tells that the caller left; what was handed over until then
    /// is charged.
    pub async fn proxy(&self, call: ProxyCall) -> Result<Answer, ProxyRefusal> {
        Box::pin(Arc::clone(&self.core).proxy(call)).await
    }
}

/// What the body of a verified request comes to.
pub(super) struct Counted {
    body: Body,
    /// The whole body of a chatbot request, with the memory to work on it; none otherwise.
    text: Option<Opened>,
    pub input: Units,
    pub input_fee: Neuron,
    /// How much output the highest fee pays for beyond the input; `None` when output is free.
    pub room: Option<Units>,
}

impl Core {
    async fn proxy(self: Arc<Self>, mut call: ProxyCall) -> Result<Answer, ProxyRefusal> {
        if self.tasks.stopping() {
            return Err(ProxyRefusal::Stopping);
        }
        let unknown = || ProxyRefusal::UnknownService(clean(&call.service, 64).into_owned());
        let name: ServiceName = call.service.parse().map_err(|_| unknown())?;
        let offer = self.offers.get(&name).ok_or_else(unknown)?;
        if self.gate.is_paused(&name) {
            return Err(ProxyRefusal::Paused(name));
        }
        let bad_path = |error: crate::wire::path::PathError| ProxyRefusal::BadPath(error.to_string());
        let suffix = Suffix::parse(&call.suffix_and_query).map_err(bad_path)?;
        let url = suffix.join(&offer.target).map_err(bad_path)?;
        if charge(offer.kind, &call.method, &suffix, has_body(&call.headers)) == Charge::Free {
            return self.serve_free(&offer, &call, url).await;
        }

        let (payment, prices, shared) = self.verify(&offer, &call, &suffix).await?;
        let max_fee = payment.request.max_fee;
        // Before the body: what is not covered is not worth taking in, and an upload counts as a request in flight, so
        // that nobody has more of them. What all of them may take is for the spool to say.
        let hold = self.reserve(&payment).await?;
        let pass = self.gate.enter(&offer, Instant::now())?;
        if self.seen.may_have(payment.request.request) {
            match self.store.request(payment.request.request).await {
                Ok(None) => {}
                Ok(Some(_)) => return Err(ProxyRefusal::Duplicate),
                Err(error) => {
                    self.health.store_failed(&error);
                    return Err(ProxyRefusal::StorageFailed);
                }
            }
        }
        let body = std::mem::replace(&mut call.body, Box::pin(futures_util::stream::empty()));
        let body = tokio::select! {
            biased;
            () = self.cut.cancelled() => return Err(ProxyRefusal::Stopping),
            body = self.take_body(offer.kind, &call.headers, body, prices, &payment) => body?,
        };
        if body.sha256() != payment.request.body_hash {
            return Err(ProxyRefusal::BodyMismatch);
        }
        // As the service will read them: a caller can have a header dropped on the way (`Connection: content-encoding`).
        let headers = headers::to_upstream(&call.headers, &offer.headers);
        let counted = self.count(&offer, &call, &headers, (&suffix, &url), body, (prices, max_fee)).await?;
        let Edited { body: edited, ask, asks_usage } =
            edit_apart(&counted, Edit::new(&offer, &headers, &url, &counted, max_fee)).await?;
        let payload = self.payload(&counted.body, edited).await?;
        let upstream = UpstreamCall { method: call.method.clone(), url, headers, body: payload };
        let (input, room) = (counted.input, counted.room);
        // What is read whole is let go before the service begins to think.
        drop(counted);
        let new = NewProviderRequest {
            id: payment.request.request,
            account: payment.voucher.voucher.account,
            service: offer.name.clone(),
            created_at: Timestamp::now(),
            max_fee,
            price_version: payment.request.price_version,
            prices,
            body_hash: payment.request.body_hash,
            // What its hold relies on may be a voucher that came with a request that was refused and has no row.
            voucher: self.book.page(payment.user()).and_then(|page| page.best).or(Some(payment.voucher)),
        };
        let endpoint = Endpoint::of(upstream.url.path());
        let (reply, answer) = oneshot::channel();
        let tasks = self.tasks.clone();
        // What is logged of it is logged of the caller's request.
        let span = tracing::info_span!("proxied request", service = %offer.name);
        let job = Box::new(Job {
            core: self,
            offer,
            new,
            input,
            room,
            endpoint,
            ask,
            hides_usage: asks_usage,
            shared,
            hold,
            pass,
        });
        tasks.spawn("proxied request", job.run(upstream, reply).instrument(span));
        // The task ends without a word only if it panicked.
        answer.await.unwrap_or(Err(ProxyRefusal::UpstreamBroken))
    }

    /// Checks everything about the payment that needs no body.
    async fn verify(
        &self,
        offer: &Offer,
        call: &ProxyCall,
        suffix: &Suffix,
    ) -> Result<(Payment, Prices, Option<Arc<SharedKey>>), ProxyRefusal> {
        let now = Timestamp::now();
        let payment = Payment::read(&call.headers, self.me)?;
        payment.check_time(now, &self.settings.authorisation)?;
        let page = self.page_of(payment.user(), call.peer.ip()).await?;
        let version = payment.request.price_version;
        let prices = offer.prices(version, now).ok_or_else(|| ProxyRefusal::PriceChanged {
            service: offer.name.clone(),
            version: offer.current.number,
            prices: offer.current.prices,
        })?;
        if page.in_flight >= self.settings.max_in_flight_per_user {
            return Err(ProxyRefusal::TooManyInFlight { most: self.settings.max_in_flight_per_user });
        }
        let authorisation =
            payment.authorisation(offer.name.as_str(), call.method.as_str(), &suffix.to_string());
        let signed = |page: &Page| {
            let now = self.book.chain_now(now);
            payment.check_seals(&authorisation, page, (&self.domain, Some(&self.seals)), now)
        };
        let shared = self.with_second_look(page, call.peer.ip(), signed).await?;
        self.gate.count(payment.user(), Instant::now())?;
        self.take_voucher(payment.voucher);
        Ok((payment, prices, shared))
    }

    /// Tries a check of signatures, and once more with a newer reading of the account if it fails: a delegate may be new.
    pub(super) async fn with_second_look<T>(
        &self,
        page: Page,
        peer: IpAddr,
        check: impl Fn(&Page) -> Result<T, ProxyRefusal>,
    ) -> Result<T, ProxyRefusal> {
        match check(&page) {
            Ok(value) => Ok(value),
            Err(refusal) => match self.page_again(page.account.id.user, Some(peer)).await {
                Some(page) => check(&page),
                None => Err(refusal),
            },
        }
    }

    /// A verified voucher counts from now on. It becomes durable with the row of every request that is admitted after it,
    /// so nothing is lent on one that only memory knows.
    pub(super) fn take_voucher(&self, voucher: SignedVoucher) {
        if self.book.voucher(voucher) {
            let voucher = voucher.voucher;
            self.publisher.tell(super::view::Event::VoucherTaken {
                user: voucher.account.user,
                cumulative: voucher.cumulative,
            });
        }
    }

    /// Counts the input and what the highest fee leaves for output.
    async fn count(
        &self,
        offer: &Offer,
        call: &ProxyCall,
        headers: &HeaderMap,
        (suffix, url): (&Suffix, &Url),
        body: Body,
        (prices, max_fee): (Prices, Neuron),
    ) -> Result<Counted, ProxyRefusal> {
        let bad = |error: meter::MeterError| ProxyRefusal::BadBody(error.to_string());
        let encoding = headers::joined(headers, &header::CONTENT_ENCODING);
        let encoded = !is_plain(encoding.as_deref());
        let limited = offer.kind == ServiceKind::Chatbot && Endpoint::of(url.path()).writes_text();
        if encoded && limited && !prices.output.is_zero() && !body.is_empty() {
            // Told before anything is decoded: see `edit`.
            return Err(ProxyRefusal::BadBody(PLAIN_ONLY.to_owned()));
        }
        let (kind, method) = (offer.kind, call.method.clone());
        let text = match kind {
            ServiceKind::ZgStorage => None,
            ServiceKind::Chatbot => Some(body.open(body.len()).await.map_err(refused)?),
        };
        let length = body.len();
        // What is encoded can be far larger than it looks, and is decoded whole.
        let mut swollen = Room::new(&self.spool);
        let limits = meter::Limits::default();
        let most = length
            .saturating_mul(limits.decoding.ratio)
            .max(limits.decoding.ratio_from)
            .min(limits.json as u64);
        if encoded && text.is_some() && !swollen.grow(usize::try_from(most).unwrap_or(usize::MAX)) {
            return Err(ProxyRefusal::MemoryFull);
        }
        let units = {
            let (suffix, text) = (suffix.clone(), text.clone());
            move || {
                let _counted = swollen;
                let body = match &text {
                    None => RequestBody::Length(length),
                    Some(text) => RequestBody::Whole(text),
                };
                let request = meter::Request {
                    method: &method,
                    suffix: &suffix,
                    content_encoding: encoding.as_deref(),
                    body,
                };
                meter::input_units(kind, &request, &meter::Limits::default())
            }
        };
        let small = text.as_ref().is_none_or(|text| text.len() <= COUNT_AT_ONCE);
        let input = if small && !encoded {
            units()
        } else {
            tokio::task::spawn_blocking(units)
                .await
                .map_err(|_| ProxyRefusal::BadBody("it cannot be counted".to_owned()))?
        };
        let input = input.map_err(bad)?;
        let input_fee = prices.fee(input, Units(0)).map_or(Neuron::new(u128::MAX), |fee| fee.total());
        if input_fee > max_fee {
            return Err(ProxyRefusal::MaxFeeTooLow { max_fee, input_fee });
        }
        let room = prices.output_units_for(max_fee.above(input_fee));
        Ok(Counted { body, text, input, input_fee, room })
    }

    async fn take_body(
        &self,
        kind: ServiceKind,
        headers: &HeaderMap,
        body: CallBody,
        prices: Prices,
        payment: &Payment,
    ) -> Result<Body, ProxyRefusal> {
        let max_fee = payment.request.max_fee;
        let most = self.settings.body_limits.of(kind);
        // Where bytes are units the highest fee says how many are worth taking in.
        let paid = match kind {
            ServiceKind::ZgStorage => max_fee.get().checked_div(prices.input.get()),
            ServiceKind::Chatbot => None,
        };
        let paid = paid.and_then(|bytes| u64::try_from(bytes).ok()).filter(|bytes| *bytes < most);
        let limits = BodyLimits::up_to(paid.unwrap_or(most));
        let refuse = |error: BodyError| match error {
            BodyError::TooLarge { limit } if paid.is_some() => {
                let least = prices.fee(Units(limit.saturating_add(1)), Units(0));
                let input_fee = least.map_or(Neuron::MAX, |fee| fee.total());
                ProxyRefusal::MaxFeeTooLow { max_fee, input_fee }
            }
            other => refused(other),
        };
        if let Some(length) = announced(headers) {
            limits.check_announced(length).map_err(refuse)?;
        }
        // Nobody fills the disk alone with uploads that never end.
        Body::collect(body, limits, &self.spool.of(payment.user())).await.map_err(refuse)
    }

    /// What the service is sent: the body as it came, or an edited one. A large one does not stay in memory for as long
    /// as the service thinks.
    async fn payload(&self, body: &Body, edited: Option<Vec<u8>>) -> Result<Payload, ProxyRefusal> {
        match edited {
            None => Ok(Payload::Whole(body.clone())),
            Some(edited) if edited.len() <= Spool::SLIGHT => Ok(Payload::Edited(edited.into())),
            Some(edited) => {
                let whole =
                    futures_util::stream::once(async { Ok::<_, std::io::Error>(Bytes::from(edited)) });
                let body = Body::collect(whole, BodyLimits::up_to(u64::MAX), &self.spool).await;
                body.map(Payload::Whole).map_err(refused)
            }
        }
    }

    /// Holds the highest fee, after one more look at the chain if it seems not to be covered.
    async fn reserve(&self, payment: &Payment) -> Result<Reservation, ProxyRefusal> {
        let (user, id, max_fee) = (payment.user(), payment.request.request, payment.request.max_fee);
        let reserve = || {
            let now = Timestamp::now();
            self.book.reserve(user, id, max_fee, now, || self.rules(now).margin())
        };
        let denied = match reserve() {
            Ok(hold) => return Ok(hold),
            Err(denied) => denied,
        };
        let denied = match denied {
            Denied::Funds(_) | Denied::Promise(_) if self.page_again(user, None).await.is_some() => {
                match reserve() {
                    Ok(hold) => return Ok(hold),
                    Err(denied) => denied,
                }
            }
            denied => denied,
        };
        Err(match denied {
            Denied::Unknown => ProxyRefusal::UnknownAccount(user),
            Denied::Duplicate => ProxyRefusal::Duplicate,
            Denied::TooMany { most } => ProxyRefusal::TooManyInFlight { most },
            Denied::Promise(short) => ProxyRefusal::VoucherNeeded(Box::new(self.shortage(&short))),
            Denied::Funds(short) => ProxyRefusal::BalanceTooLow(Box::new(self.shortage(&short))),
            Denied::VoidSoon { seconds } => {
                ProxyRefusal::DelegateChanges { wait: Duration::from_secs(seconds) }
            }
        })
    }

    fn shortage(&self, short: &Short) -> Shortage {
        Shortage {
            best_voucher: short.voucher.as_ref().map(encode_voucher),
            owed: short.page.owed,
            reserved: short.page.reserved,
            required: short.required,
            credit_limit: self.book.credit(),
            balance: short.page.account.balance,
            settled: short.page.account.settled,
            pending_refund: short.page.account.pending_refund(),
        }
    }
}

/// Edits on the spot what is small, and on a thread of its own what is not.
async fn edit_apart(counted: &Counted, edit: Edit) -> Result<Edited, ProxyRefusal> {
    let text = counted.text.clone();
    if text.as_ref().is_none_or(|text| text.len() <= COUNT_AT_ONCE) {
        return edit.apply(text.as_deref());
    }
    let edited = tokio::task::spawn_blocking(move || edit.apply(text.as_deref())).await;
    edited.map_err(|_| ProxyRefusal::BadBody("it cannot be edited".to_owned()))?
}

fn refused(error: BodyError) -> ProxyRefusal {
    match error {
        BodyError::TooLarge { limit } => ProxyRefusal::BodyTooLarge { limit },
        BodyError::Receive(_) => ProxyRefusal::BodyBroken,
        BodyError::Busy => ProxyRefusal::MemoryFull,
        BodyError::Disk(error) => {
            tracing::error!(%error, "a request body could not be kept on disk");
            ProxyRefusal::StorageFailed
        }
    }
}

fn announced(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.trim().parse().ok()
}

fn has_body(headers: &HeaderMap) -> bool {
    headers.contains_key(header::TRANSFER_ENCODING)
        || headers.get(header::CONTENT_LENGTH).is_some_and(|length| length != "0")
}
