//! The endpoints that cost nothing (lists of models, health): passed on without payment, seldom and small.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use url::Url;

use super::ProxyRefusal;
use super::core::Core;
use super::offer::Offer;
use super::proxy::ProxyCall;
use super::rate::Rate;
use super::settings::FreeSettings;
use super::upstream::{Payload, UpstreamCall, UpstreamError};
use crate::body::{Answer, AnswerBody, Body, Held};
use crate::domain::network;
use crate::wire::headers::{self, Framing};

/// The largest free answer. A list of models is far smaller.
const LARGEST: usize = 4 << 20;
/// Network addresses whose calls are counted.
const MOST_PEERS: usize = 10_000;

/// Who may ask for free how often.
#[derive(Debug)]
pub(super) struct FreeGate(Rate<IpAddr>);

impl FreeGate {
    pub(super) fn new(settings: &FreeSettings) -> Self {
        FreeGate(Rate::new(settings.per_second, Duration::from_secs(1), settings.burst, MOST_PEERS))
    }
}

impl Core {
    /// Passes a free call on. Its body, if it has one against all signs, is not.
    pub(super) async fn serve_free(
        &self,
        offer: &Offer,
        call: &ProxyCall,
        url: Url,
    ) -> Result<Answer, ProxyRefusal> {
        if !self.free.0.take(&network(call.peer.ip()), Instant::now()) {
            return Err(ProxyRefusal::TooOften);
        }
        let headers = headers::to_upstream(&call.headers, &offer.headers);
        let body = Payload::Whole(Body::from(Bytes::new()));
        let upstream = UpstreamCall { method: call.method.clone(), url, headers, body };
        let sent = self.upstream.send(upstream).await;
        let mut answer = sent.inspect_err(|error| self.upstream_failed(offer, error)).map_err(refusal)?;
        let mut held = Held::new(&self.spool);
        while let Some(chunk) = answer.chunk().await.map_err(refusal)? {
            if held.len() + chunk.len() > LARGEST {
                return Err(ProxyRefusal::UpstreamBroken);
            }
            if !held.push(&chunk) {
                return Err(ProxyRefusal::MemoryFull);
            }
        }
        Ok(Answer {
            status: answer.status,
            headers: headers::to_caller(&answer.headers, Framing::Unchanged),
            body: AnswerBody::Full(held.freeze()),
        })
    }
}

/// What the caller hears of a service that does not do its part. The cause is for the operator's log.
pub(super) fn refusal(error: UpstreamError) -> ProxyRefusal {
    tracing::warn!(%error, "a service failed");
    match error {
        UpstreamError::Unreachable(_) => ProxyRefusal::UpstreamUnreachable,
        UpstreamError::Timeout(after) => ProxyRefusal::UpstreamTimeout(after),
        UpstreamError::Broken(_) => ProxyRefusal::UpstreamBroken,
    }
}
