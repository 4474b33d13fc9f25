//! What a request brings to pay with, read and verified before anything costly happens for it.
//!
//! The two headers are decoded, the account is looked up, then times, epoch and signatures are checked. The body's
//! hash was signed, so the body itself is only read once all of this holds.

use http::{HeaderMap, HeaderName};

use super::book::Page;
use crate::broker::provider::ProxyRefusal;
use crate::broker::provider::settings::AuthorisationSettings;
use crate::domain::{Address, SignedRequestAuth, SignedVoucher, Timestamp, VoucherDomain};
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
    ) -> SignedRequestAuth {
        self.request.for_request(self.voucher.voucher.account, service, method, path)
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
    let current = page.epoch(now).0;
    if voucher.voucher.epoch != current {
        return Err(ProxyRefusal::WrongEpoch { found: voucher.voucher.epoch, current });
    }
    if page.best.as_ref() == Some(voucher) {
        return Ok(());
    }
    match voucher.signer(domain) {
        Ok(signer) if page.may_sign(signer, now) => Ok(()),
        _ => Err(ProxyRefusal::WrongSigner { what: "voucher" }),
    }
}

/// Verifies a request authorisation against an account.
pub(in crate::broker::provider) fn check_authorisation(
    signed: &SignedRequestAuth,
    page: &Page,
    domain: &VoucherDomain,
    now: Timestamp,
) -> Result<(), ProxyRefusal> {
    match signed.signer(domain) {
        Ok(signer) if page.may_sign(signer, now) => Ok(()),
        _ => Err(ProxyRefusal::WrongSigner { what: "request authorisation" }),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::super::super::test_values::{PROVIDER, page};
    use super::*;
    use crate::domain::{AccountId, B256, Neuron, RequestAuth, RequestId, Rotation, Signature, Voucher};
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
        let signed = SignedRequestAuth { signature: sign(&user, auth.signing_hash(&domain())), auth };
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
            check_authorisation(&payment.authorisation(service, method, path), &page, &domain(), at(0))
                .is_ok()
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
