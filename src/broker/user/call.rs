//! The paid call, from a face's request to the first byte of its answer.
//!
//! ```text
//! call ─▶ service, path, body (spooled, hashed) ─▶ quote ─▶ task "paid call"
//!                                                             reserve (book, then disk) ─▶ sign ─▶ send
//!             Answer ◀── head ◀──────────────────────────────── provider
//!             bytes  ◀── pump (answer.rs) ── receipt ─▶ verdict ─▶ books (finish.rs) ─▶ voucher (push.rs)
//! ```
//!
//! The task owns the request from the moment money is held, so that a caller who leaves at any time changes nothing
//! about what is written down.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream::{self, BoxStream};
use http::{HeaderMap, Method};
use parking_lot::Mutex;
use tokio::sync::oneshot;
use tracing::Instrument;

use super::caps::Caps;
use super::counting::count;
use super::error::CallRefusal;
use super::handle::{Inner, UserBroker};
use super::leaving::Leaving;
use super::pay::pay;
use super::quote::Quote;
use super::terms::{Conditions, TermsError};
use super::upstream::Outgoing;
use super::{UserError, answer};
use crate::body::{Answer, Body, BodyLimits, Opened};
use crate::domain::{Address, Prices, RequestId, Service, ServiceKind, ServiceName};
use crate::store::user::UserRequest;
use crate::wire::headers;
use crate::wire::path::{Charge, Suffix, charge};

/// Any error of whoever delivers a request body.
pub type BodySourceError = Box<dyn std::error::Error + Send + Sync>;

/// The body of a call as it arrives.
pub type CallBody = BoxStream<'static, Result<Bytes, BodySourceError>>;

/// A call of a service, as an application made it.
pub struct PaidCall {
    pub provider: Address,
    pub service: ServiceName,
    /// Everything after the service's name, query included; empty for none.
    pub suffix: String,
    pub method: Method,
    /// As received; what may leave this machine is chosen here.
    pub headers: HeaderMap,
    pub body: CallBody,
    /// A second call with the same key is refused, so that it never pays twice.
    pub idempotency_key: Option<String>,
    /// Caps for this call, beside those of the settings.
    pub caps: Caps,
    /// The prices that the caller has seen; higher ones refuse the call. Without, today's are taken.
    pub prices_seen: Option<Prices>,
    /// Who keeps a clone of it knows which request this call became, also where no answer ever comes.
    pub held: HeldAs,
}

/// The id under which the highest fee of a call is held; of several tries the newest one. None: nothing was held.
/// Clones are the same one.
#[derive(Clone, Debug, Default)]
pub struct HeldAs(Arc<Mutex<Option<RequestId>>>);

impl HeldAs {
    pub fn request(&self) -> Option<RequestId> {
        *self.0.lock()
    }

    pub(super) fn set(&self, request: Option<RequestId>) {
        *self.0.lock() = request;
    }
}

impl PaidCall {
    /// A POST of bytes at hand.
    pub fn post(
        provider: Address,
        service: ServiceName,
        suffix: &str,
        headers: HeaderMap,
        body: Bytes,
    ) -> Self {
        PaidCall {
            provider,
            service,
            suffix: suffix.to_owned(),
            method: Method::POST,
            headers,
            body: Box::pin(stream::once(async move { Ok(body) })),
            idempotency_key: None,
            caps: Caps::default(),
            prices_seen: None,
            held: HeldAs::default(),
        }
    }
}

impl std::fmt::Debug for PaidCall {
    /// Without headers and body: prompts and keys are not logged.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let PaidCall { provider, service, method, .. } = self;
        write!(f, "PaidCall({method} {provider}/{service})")
    }
}

/// A call whose cost is known, before anything of it is paid.
#[derive(Debug)]
pub(super) struct Prepared {
    pub service: Service,
    pub suffix: Suffix,
    pub method: Method,
    pub headers: HeaderMap,
    pub body: Body,
    pub conditions: Conditions,
    pub quote: Quote,
    pub caps: Caps,
    pub idempotency_key: Option<String>,
    pub held: HeldAs,
}

impl UserBroker {
    /// Takes in the body of a call whose service is named in it, so that it can be read before the call is made.
    pub async fn take_in(&self, headers: &HeaderMap, body: CallBody) -> Result<Opened, CallRefusal> {
        let limits = BodyLimits::up_to(self.inner.settings.max_chat_body);
        if let Some(announced) = announced_length(headers) {
            limits.check_announced(announced)?;
        }
        let body = Body::collect(body, limits, &self.inner.spool).await?;
        Ok(body.open(limits.total).await?)
    }

    /// Bytes of bodies in memory at the moment; bodyMemory bounds them.
    pub fn bodies_in_memory(&self) -> u64 {
        self.inner.spool.in_memory()
    }

    /// Bytes of bodies on disk at the moment; bodyDisk bounds them.
    pub fn bodies_on_disk(&self) -> u64 {
        self.inner.spool.on_disk()
    }

    /// Calls a service and pays for it. The answer's body may still be under way when this returns.
    ///
    /// Free endpoints of a service are forwarded without payment. Answers carry `zg-request-id`, whole ones also
    /// `zg-fee`, `zg-input-units` and `zg-output-units`.
    pub async fn call(&self, call: PaidCall) -> Result<Answer, CallRefusal> {
        let inner = &self.inner;
        if inner.tasks.stopping() {
            return Err(CallRefusal::Stopping);
        }
        let suffix = Suffix::parse(&call.suffix)?;
        let service = inner.service(call.provider, &call.service).await?;
        check_prices(&service, call.prices_seen)?;
        let total = match service.kind {
            ServiceKind::Chatbot => inner.settings.max_chat_body,
            ServiceKind::ZgStorage => inner.settings.max_storage_body,
        };
        let limits = BodyLimits::up_to(total);
        if let Some(announced) = announced_length(&call.headers) {
            limits.check_announced(announced)?;
        }
        let body = Body::collect(call.body, limits, &inner.spool).await?;
        let headers = headers::to_provider(&call.headers);
        if charge(service.kind, &call.method, &suffix, !body.is_empty()) == Charge::Free {
            let base = inner.upstream.base(&service.url)?;
            let name = service.name.clone();
            let suffix = suffix.to_string();
            let (method, leaving) = (call.method, Leaving::default());
            let outgoing = Outgoing { base, service: name, suffix, method, headers, body, leaving };
            return answer::forward_free(inner, outgoing).await;
        }
        let of = (call.provider, &call.service);
        inner.refuse_repeated(call.idempotency_key.as_ref(), of, &body).await?;
        if inner.account(call.provider).is_none() {
            // It may be younger than our last look.
            inner.read_account(call.provider, None).await?;
        }
        let (service, conditions) = inner.conditions(service, call.prices_seen).await?;
        if call.prices_seen.is_none() {
            inner.consent(&service).await?;
        }
        let (input, limit) =
            count(service.kind, (&call.method, &suffix), &headers, &body, &inner.settings).await?;
        let prepared = Prepared {
            quote: Quote::new(service.prices, input, limit)?,
            service,
            suffix,
            method: call.method,
            headers,
            body,
            conditions,
            caps: inner.caps().tightest(call.caps),
            idempotency_key: call.idempotency_key,
            held: call.held,
        };
        let (reply, answer) = oneshot::channel();
        // What is logged of it is logged of the caller's request.
        let span = tracing::info_span!("paid call", service = %prepared.service.name);
        let task = pay(Arc::clone(inner), prepared, reply).instrument(span);
        inner.tasks.spawn("paid call", task);
        answer.await.unwrap_or(Err(CallRefusal::Stopping))
    }
}

impl Inner {
    /// Refuses a call whose key was used before, so that it neither waits nor holds anything. A call that is made at
    /// the same moment is found when it is written down.
    async fn refuse_repeated(
        &self,
        key: Option<&String>,
        of: (Address, &ServiceName),
        body: &Body,
    ) -> Result<(), CallRefusal> {
        let Some(key) = key else { return Ok(()) };
        match self.store.request_by_key(key.clone()).await? {
            None => Ok(()),
            Some(before) => Err(repeated(&before, of, body)),
        }
    }

    /// A service as the last read of the chain had it; asked for if we know none of that name.
    pub async fn service(&self, provider: Address, name: &ServiceName) -> Result<Service, UserError> {
        let known = self.catalogue.read().get(provider, name).cloned();
        if let Some(service) = known {
            return Ok(service);
        }
        let unknown = || UserError::UnknownService { provider, service: name.clone() };
        self.read_service(provider, name, None).await?.ok_or_else(unknown)
    }

    /// The provider's conditions. Where they do not fit our view of the chain, the chain is read again first.
    async fn conditions(
        &self,
        service: Service,
        seen: Option<Prices>,
    ) -> Result<(Service, Conditions), CallRefusal> {
        match self.terms.conditions(&self.upstream, &service).await {
            Ok(conditions) => Ok((service, conditions)),
            Err(TermsError::Disagree { .. } | TermsError::NotServed(_) | TermsError::Fetch(_)) => {
                let (provider, name) = (service.provider, service.name.clone());
                let unknown = || UserError::UnknownService { provider, service: name.clone() };
                let newer = self.read_service(provider, &name, None).await?.ok_or_else(unknown)?;
                self.hold_to(&newer, seen.unwrap_or(service.prices))?;
                let conditions = self.terms.conditions(&self.upstream, &newer).await?;
                Ok((newer, conditions))
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// Refuses prices above those that were seen.
pub(super) fn check_prices(service: &Service, seen: Option<Prices>) -> Result<(), CallRefusal> {
    let now = service.prices;
    match seen {
        Some(seen) if now.input > seen.input || now.output > seen.output => {
            Err(CallRefusal::PriceChanged { service: service.name.clone(), seen, now })
        }
        _ => Ok(()),
    }
}

/// What is said to a key that was used before: for the same call, or for another.
pub(super) fn repeated(
    before: &UserRequest,
    (provider, service): (Address, &ServiceName),
    body: &Body,
) -> CallRefusal {
    let same = before.body_hash == body.sha256()
        && before.account.provider == provider
        && before.service == *service;
    if same {
        CallRefusal::Repeated { request: before.id, state: before.state }
    } else {
        UserError::KeyReused.into()
    }
}

fn announced_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(http::header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}
