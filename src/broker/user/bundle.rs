//! Everything about a request in a form that others can check; see [`crate::wire::bundle`].

use super::handle::UserBroker;
use super::{UserError, evidence};
use crate::domain::RequestId;
use crate::wire::auth::encode_voucher;
use crate::wire::bundle::{Bundle, BundledRequest, KIND, VERSION};
use crate::wire::receipt::encode_receipt;

impl UserBroker {
    /// A bundle of one request. The provider is asked for a signature that is missing; nothing is kept.
    ///
    /// The voucher in it promises what our own count says is owed, never what was promised ahead: whoever gets the bundle
    /// may claim it.
    pub async fn bundle(&self, id: RequestId) -> Result<Bundle, UserError> {
        let inner = &self.inner;
        let row = inner.store.request(id).await?.ok_or(UserError::UnknownRequest(id))?;
        let provider = row.account.provider;
        let receipt = evidence::of(inner, &row).await?;
        let service = inner.catalogue.read().get(provider, &row.service).cloned();
        let meter = match (&service, inner.terms.meter(provider, &row.service)) {
            (Some(service), None) => {
                inner.terms.conditions(&inner.upstream, service).await.ok().map(|conditions| conditions.meter)
            }
            (_, known) => known,
        };
        let (chain, promise) = {
            let book = inner.book.lock();
            let position = book.position(provider);
            let promise = position.map(|position| position.owed().min(position.durable()));
            (position.and_then(|position| position.chain().copied()), promise)
        };
        let voucher = match (chain, promise) {
            (Some(chain), Some(promise)) if !promise.is_zero() => {
                inner.keys.voucher(provider, chain.epoch, promise).await?
            }
            _ => None,
        };
        let request = BundledRequest {
            request_id: row.id,
            provider,
            service_name: row.service,
            kind: service.as_ref().map(|service| service.kind),
            model: service.map(|service| service.model),
            meter,
            created_at: row.created_at,
            finished_at: row.finished_at,
            status: row.state,
            price_version: row.price_version,
            input_price: row.prices.input,
            output_price: row.prices.output,
            max_fee: row.max_fee,
            input_units: row.input.0,
            output_units: row.output.0,
            input_fee: row.fee.input,
            output_fee: row.fee.output,
            disputed: row.disputed,
            body_hash: row.body_hash,
            response_hash: row.response_hash,
            note: row.error,
            accepted_at: row.accepted_at,
            receipt: receipt.as_ref().map(encode_receipt),
            voucher: voucher.as_ref().map(encode_voucher),
            delegate: chain.and_then(|chain| chain.delegate),
        };
        Ok(Bundle {
            kind: KIND.to_owned(),
            version: VERSION,
            chain_id: inner.chain.id(),
            contract: inner.chain.contract(),
            user: inner.user,
            requests: vec![request],
        })
    }
}
