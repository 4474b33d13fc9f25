//! What a request brings to pay with, read and verified before anything costly happens for it.
//!
//! The two headers are decoded, the account is looked up, then times, epoch and signatures are checked. The body's
//! hash was signed, so the body itself is only read once all of this holds. An authorisation with a tag counts if the
//! signer of the voucher beside it made the tag.

use std::sync::Arc;

use http::{HeaderMap, HeaderName};

use super::book::Page;
use super::seals::{Seals, Signer};
use crate::broker::provider::ProxyRefusal;
use crate::broker::provider::settings::AuthorisationSettings;
use crate::domain::{
    Address, RequestAuth, Seal, SealedRequestAuth, Signature, SignedVoucher, Tag, Timestamp, VoucherDomain,
};
use crate::keys::SharedKey;
use crate::wire::auth::{
    DecodeError, REQUEST_HEADER, RequestHeader, VOUCHER_HEADER, decode_request_auth, decode_voucher,
};

/// The two payment headers of a request, decoded; nothing about them is verified yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::broker::provider) struct Payment {
    pub voucher: SignedVoucher,
    pub request: RequestHeader,
}

impl Payment {
    pub(in crate::broker::provider) fn read(
        headers: &HeaderMap,
        provider: Address,
    ) -> Result<Self, ProxyRefusal> {
        let voucher = header(headers, VOUCHER_HEADER, decode_voucher)?;
        let request = header(headers, REQUEST_HEADER, decode_request_auth)?;
        right_provider(&voucher, provider)?;
        Ok(Payment { voucher, request })
    }

    pub(in crate::broker::provider) fn user(&self) -> Address {
        self.voucher.voucher.account.user
    }

    /// Whether the authorisation is good now. Clocks may differ by the skew allowed.
    pub(in crate::broker::provider) fn check_time(
        &self,
        now: Timestamp,
        settings: &AuthorisationSettings,
    ) -> Result<(), ProxyRefusal> {
        if self.request.expiry.plus_seconds(settings.clock_skew) < now {
            return Err(ProxyRefusal::Expired);
        }
        let furthest = now.plus_seconds(settings.max_lifetime.saturating_add(settings.clock_skew));
        if self.request.expiry > furthest {
            return Err(ProxyRefusal::ExpiryTooFar { most: settings.max_lifetime });
        }
        Ok(())
    }

    /// The authorisation that must have been signed for this very request.
    pub(in crate::broker::provider) fn authorisation(
        &self,
        service: &str,
        method: &str,
        path: &str,
    ) -> SealedRequestAuth {
        self.request.for_request(self.voucher.voucher.account, service, method, path)
    }

    /// Whether both are by somebody who may sign on this account. Gives the key that the receipt is to be sealed with,
    /// for a request that was sealed with it; without `seals` there is none, and no tag counts.
    pub(in crate::broker::provider) fn check_seals(
        &self,
        sealed: &SealedRequestAuth,
        page: &Page,
        (domain, seals): (&VoucherDomain, Option<&Seals>),
        now: Timestamp,
    ) -> Result<Option<Arc<SharedKey>>, ProxyRefusal> {
        match &sealed.seal {
            Seal::Signature(signature) => {
                check_voucher(&self.voucher, page, domain, now)?;
                check_authorisation(&sealed.auth, signature, page, domain, now)?;
                Ok(None)
            }
            Seal::Tag(tag) => {
                let seals = seals.ok_or(ProxyRefusal::WrongSigner { what: "request authorisation" })?;
                let Signer { address, shared } = check_signer(&self.voucher, page, seals, now)?;
                check_tag(&sealed.auth, tag, &shared)?;
                seals.keep(&self.voucher, &Signer { address, shared: Arc::clone(&shared) });
                Ok(Some(shared))
            }
        }
    }
}

fn header<T>(
    headers: &HeaderMap,
    name: &'static str,
    decode: impl Fn(&str) -> Result<T, DecodeError>,
) -> Result<T, ProxyRefusal> {
    let bad = |reason| ProxyRefusal::BadHeader { header: name, reason };
    let mut values = headers.get_all(HeaderName::from_static(name)).iter();
    let value = values.next().ok_or(ProxyRefusal::PaymentMissing(name))?;
    // Of two, a program in between might believe the other one.
    if values.next().is_some() {
        return Err(bad(DecodeError::Base64));
    }
    decode(value.to_str().map_err(|_| bad(DecodeError::Base64))?).map_err(bad)
}

pub(in crate::broker::provider) fn right_provider(
    voucher: &SignedVoucher,
    provider: Address,
) -> Result<(), ProxyRefusal> {
    let named = voucher.voucher.account.provider;
    if named == provider { Ok(()) } else { Err(ProxyRefusal::WrongProvider(named)) }
}

/// Verifies a voucher against an account. The very voucher that is the best already was verified before, so its
/// signature is not recovered again.
pub(in crate::broker::provider) fn check_voucher(
    voucher: &SignedVoucher,
    page: &Page,
    domain: &VoucherDomain,
    now: Timestamp,
) -> Result<(), ProxyRefusal> {
    check_epoch(voucher, page, now)?;
    if page.best.as_ref() == Some(voucher) {
        return Ok(());
    }
    match voucher.signer(domain) {
        Ok(signer) if page.may_sign(signer, now) => Ok(()),
        _ => Err(ProxyRefusal::WrongSigner { what: "voucher" }),
    }
}

fn check_epoch(voucher: &SignedVoucher, page: &Page, now: Timestamp) -> Result<(), ProxyRefusal> {
    let (found, current) = (voucher.voucher.epoch, page.epoch(now).0);
    if found == current { Ok(()) } else { Err(ProxyRefusal::WrongEpoch { found, current }) }
}

/// Verifies a voucher and gives its signer.
fn check_signer(
    voucher: &SignedVoucher,
    page: &Page,
    seals: &Seals,
    now: Timestamp,
) -> Result<Signer, ProxyRefusal> {
    check_epoch(voucher, page, now)?;
    match seals.signer(voucher) {
        Ok(signer) if page.may_sign(signer.address, now) => Ok(signer),
        _ => Err(ProxyRefusal::WrongSigner { what: "voucher" }),
    }
}

/// Verifies the signature of a request authorisation against an account.
fn check_authorisation(
    auth: &RequestAuth,
    signature: &Signature,
    page: &Page,
    domain: &VoucherDomain,
    now: Timestamp,
) -> Result<(), ProxyRefusal> {
    match signature.signer(auth.signing_hash(domain)) {
        Ok(signer) if page.may_sign(signer, now) => Ok(()),
        _ => Err(ProxyRefusal::WrongSigner { what: "request authorisation" }),
    }
}

fn check_tag(auth: &RequestAuth, tag: &Tag, shared: &SharedKey) -> Result<(), ProxyRefusal> {
    let holds = shared.sealed_request(auth, tag);
    if holds { Ok(()) } else { Err(ProxyRefusal::WrongSigner { what: "request authorisation" }) }
}

/// What a request is about, from the provider's side.
#[derive(Clone, Copy, Debug)]
pub struct Offered<'a> {
    pub provider: Address,
    pub domain: &'a VoucherDomain,
    pub service: &'a str,
    pub method: &'a str,
    /// The suffix in its canonical form.
    pub path: &'a str,
    /// The provider's shared keys; without them tags are refused.
    pub seals: Option<&'a Seals>,
}

/// All checks of a payment that need no body, over an account that is known: what the proxy does, which looks the
/// account up in between. Gives what was signed.
pub fn verify_payment(
    headers: &HeaderMap,
    offered: &Offered<'_>,
    page: &Page,
    settings: &AuthorisationSettings,
    now: Timestamp,
) -> Result<(SignedVoucher, SealedRequestAuth), ProxyRefusal> {
    let payment = Payment::read(headers, offered.provider)?;
    payment.check_time(now, settings)?;
    if payment.user() != page.account.id.user {
        return Err(ProxyRefusal::UnknownAccount(payment.user()));
    }
    let authorisation = payment.authorisation(offered.service, offered.method, offered.path);
    payment.check_seals(&authorisation, page, (offered.domain, offered.seals), now)?;
    Ok((payment.voucher, authorisation))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::super::super::test_values::{PROVIDER, page};
    use super::*;
    use crate::domain::{AccountId, B256, Neuron, RequestId, Rotation, Voucher};
    use crate::wire::auth::{encode_request_auth, encode_voucher};
    use alloy::signers::{SignerSync, local::PrivateKeySigner};

    fn domain() -> VoucherDomain {
        VoucherDomain::new(7, Address::repeat_byte(9))
    }

    fn sign(key: &PrivateKeySigner, hash: B256) -> Signature {
        Signature::new(key.sign_hash_sync(&hash).unwrap().as_bytes()).unwrap()
    }

    fn voucher(key: &PrivateKeySigner, user: Address, epoch: u32) -> SignedVoucher {
        let account = AccountId { user, provider: PROVIDER };
        let voucher = Voucher { account, epoch, cumulative: Neuron::new(5) };
        SignedVoucher { voucher, signature: sign(key, voucher.signing_hash(&domain())) }
    }

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_seconds(seconds)
    }

    #[test]
    fn user_and_delegate_may_sign_and_nobody_else() {
        let (user, delegate, next) =
            (PrivateKeySigner::random(), PrivateKeySigner::random(), PrivateKeySigner::random());
        let mut page = page(1, 100, 0);
        page.account.id.user = user.address();
        page.account.delegate = Some(delegate.address());
        let check = |key: &PrivateKeySigner, epoch, page: &Page, now| {
            check_voucher(&voucher(key, user.address(), epoch), page, &domain(), at(now)).is_ok()
        };
        assert!(check(&user, 0, &page, 0) && check(&delegate, 0, &page, 0));
        assert!(!check(&next, 0, &page, 0) && !check(&user, 1, &page, 0));
        page.account.rotation = Some(Rotation { delegate: Some(next.address()), active_at: at(50) });
        assert!(check(&delegate, 0, &page, 49) && !check(&next, 1, &page, 49));
        assert!(!check(&delegate, 0, &page, 50) && !check(&delegate, 1, &page, 50));
        assert!(check(&next, 1, &page, 50) && check(&user, 1, &page, 50));
    }

    #[test]
    fn an_authorisation_is_good_for_one_request_only() {
        let user = PrivateKeySigner::random();
        let mut page = page(1, 100, 0);
        page.account.id.user = user.address();
        let auth = RequestAuth {
            request: RequestId::random(),
            account: page.account.id,
            service: "llama7b".to_owned(),
            method: "POST".to_owned(),
            path: "/chat/completions?x=1".to_owned(),
            body_hash: B256::repeat_byte(3),
            price_version: 4,
            max_fee: Neuron::new(99),
            expiry: at(1_000),
        };
        let seal = Seal::Signature(sign(&user, auth.signing_hash(&domain())));
        let signed = SealedRequestAuth { seal, auth };
        let mut headers = HeaderMap::new();
        headers.insert(REQUEST_HEADER, encode_request_auth(&signed).parse().unwrap());
        assert_eq!(Payment::read(&headers, PROVIDER), Err(ProxyRefusal::PaymentMissing(VOUCHER_HEADER)));
        let paid = voucher(&user, user.address(), 0);
        headers.insert(VOUCHER_HEADER, encode_voucher(&paid).parse().unwrap());
        assert!(matches!(
            Payment::read(&headers, Address::repeat_byte(1)),
            Err(ProxyRefusal::WrongProvider(other)) if other == PROVIDER
        ));
        let payment = Payment::read(&headers, PROVIDER).unwrap();
        let check = |service, method, path| {
            let sealed = payment.authorisation(service, method, path);
            payment.check_seals(&sealed, &page, (&domain(), None), at(0)).is_ok()
        };
        assert!(check("llama7b", "POST", "/chat/completions?x=1"));
        assert!(!check("llama70b", "POST", "/chat/completions?x=1"));
        assert!(!check("llama7b", "GET", "/chat/completions?x=1"));
        assert!(!check("llama7b", "POST", "/chat/completions?x=2"));

        let settings = AuthorisationSettings { max_lifetime: 600, clock_skew: 10 };
        assert_eq!(payment.check_time(at(1_010), &settings), Ok(()));
        assert_eq!(payment.check_time(at(1_011), &settings), Err(ProxyRefusal::Expired));
        assert_eq!(payment.check_time(at(390), &settings), Ok(()));
        assert_eq!(payment.check_time(at(389), &settings), Err(ProxyRefusal::ExpiryTooFar { most: 600 }));

        headers.append(VOUCHER_HEADER, encode_voucher(&paid).parse().unwrap());
        assert!(matches!(Payment::read(&headers, PROVIDER), Err(ProxyRefusal::BadHeader { .. })));
        headers.insert(VOUCHER_HEADER, "zz".parse().unwrap());
        assert!(matches!(Payment::read(&headers, PROVIDER), Err(ProxyRefusal::BadHeader { .. })));
    }
}
