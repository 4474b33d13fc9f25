//! The key that a user's signing key and a provider's key have in common, and the tags that are made with it.
//!
//! ```text
//! own secret key + the other's public key ─(ECDH)─▶ secret ─(HMAC over domain, user, provider)─▶ SharedKey
//!                                                  SharedKey ─(HMAC over kind, signing hash)─▶ Tag
//! ```
//!
//! Both sides find the same key by themselves, after every start, so there is nothing to agree upon, to store or to lose.
//! Domain, account and kind are part of what is hashed: a tag is void on another chain, contract or account, and that of
//! an authorisation is none of a receipt.

use std::{fmt, hint::black_box};

use alloy::primitives::B256;
use hmac::{Hmac, Mac};
use secp256k1::ecdh::SharedSecret;
use sha2::Sha256;
use zeroize::Zeroizing;

use super::Wallet;
use crate::domain::{
    AccountId, PublicKey, Receipt, RequestAuth, Seal, SealedReceipt, SealedRequestAuth, Tag, VoucherDomain,
};

const PURPOSE: &[u8] = b"0G Serving: shared key of one account, version 1";

/// What a tag stands for.
#[derive(Clone, Copy)]
#[repr(u8)]
enum Kind {
    Request = 1,
    Receipt = 2,
}

/// The shared key of one account, as long as its user signs with the same key.
pub struct SharedKey {
    domain: VoucherDomain,
    /// Keyed once; each tag begins with a copy.
    mac: Hmac<Sha256>,
}

impl Drop for SharedKey {
    fn drop(&mut self) {
        // The library does not wipe what it keyed; see `Wallet`.
        self.mac = keyed(&[0; 32]);
        black_box(&mut self.mac);
    }
}

impl fmt::Debug for SharedKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SharedKey(***)")
    }
}

impl Wallet {
    /// The key that this one and `other` have in common for an account. Either side's call gives the same.
    pub fn shared_with(&self, other: &PublicKey, account: AccountId, domain: &VoucherDomain) -> SharedKey {
        let secret = Zeroizing::new(SharedSecret::new(other.point(), self.secret_key()).secret_bytes());
        let mut derived = keyed(&secret);
        derived.update(PURPOSE);
        derived.update(domain.separator().as_slice());
        derived.update(account.user.as_slice());
        derived.update(account.provider.as_slice());
        let key = Zeroizing::new(<[u8; 32]>::from(derived.finalize().into_bytes()));
        SharedKey { domain: domain.clone(), mac: keyed(&key) }
    }
}

/// HMAC pads a short key with zeros to a block by itself; a whole block needs no case for a key that is no key.
fn keyed(key: &[u8; 32]) -> Hmac<Sha256> {
    let mut block = Zeroizing::new([0; 64]);
    block[..32].copy_from_slice(key);
    Hmac::new((&*block).into())
}

impl SharedKey {
    pub fn seal_request(&self, auth: RequestAuth) -> SealedRequestAuth {
        let seal = Seal::Tag(self.tag(Kind::Request, auth.signing_hash(&self.domain)));
        SealedRequestAuth { auth, seal }
    }

    pub fn seal_receipt(&self, receipt: Receipt) -> SealedReceipt {
        let seal = Seal::Tag(self.tag(Kind::Receipt, receipt.signing_hash(&self.domain)));
        SealedReceipt { receipt, seal }
    }

    /// Whether the other side, or this one, has sealed the authorisation with this key.
    pub fn sealed_request(&self, auth: &RequestAuth, tag: &Tag) -> bool {
        self.holds(Kind::Request, auth.signing_hash(&self.domain), tag)
    }

    pub fn sealed_receipt(&self, receipt: &Receipt, tag: &Tag) -> bool {
        self.holds(Kind::Receipt, receipt.signing_hash(&self.domain), tag)
    }

    fn begun(&self, kind: Kind, hash: B256) -> Hmac<Sha256> {
        let mut mac = self.mac.clone();
        mac.update(&[kind as u8]);
        mac.update(hash.as_slice());
        mac
    }

    fn tag(&self, kind: Kind, hash: B256) -> Tag {
        Tag::new(self.begun(kind, hash).finalize().into_bytes().into())
    }

    /// In constant time.
    fn holds(&self, kind: Kind, hash: B256, tag: &Tag) -> bool {
        self.begun(kind, hash).verify_slice(tag.bytes()).is_ok()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;
    use crate::domain::{Address, Fee, Neuron, ReceiptStatus, RequestId, Timestamp, Units};

    fn domain(contract: u8) -> VoucherDomain {
        VoucherDomain::new(31_337, Address::repeat_byte(contract))
    }

    fn receipt(account: AccountId) -> Receipt {
        Receipt {
            request: RequestId::new([7; 32]),
            account,
            body_hash: B256::repeat_byte(2),
            response_hash: B256::repeat_byte(3),
            input: Units(6),
            output: Units(10),
            fee: Fee { input: Neuron::new(6), output: Neuron::new(20) },
            owed: Neuron::new(26),
            status: ReceiptStatus::Complete,
        }
    }

    fn auth(account: AccountId) -> RequestAuth {
        RequestAuth {
            request: RequestId::new([7; 32]),
            account,
            service: "llama7b".to_owned(),
            method: "POST".to_owned(),
            path: "/chat/completions".to_owned(),
            body_hash: B256::repeat_byte(3),
            price_version: 4,
            max_fee: Neuron::new(99),
            expiry: Timestamp::from_seconds(9),
        }
    }

    fn tag_of(seal: Seal) -> Tag {
        match seal {
            Seal::Tag(tag) => tag,
            Seal::Signature(_) => unreachable!("sealed with a shared key"),
        }
    }

    #[test]
    fn both_sides_find_the_same_key_and_nobody_else_does() {
        let (user, provider, stranger) =
            (Wallet::random().unwrap(), Wallet::random().unwrap(), Wallet::random().unwrap());
        let account = AccountId { user: user.address(), provider: provider.address() };
        let here = user.shared_with(&provider.public_key(), account, &domain(4));
        let there = provider.shared_with(&user.public_key(), account, &domain(4));
        let (request, receipt) = (auth(account), receipt(account));
        let sent = tag_of(here.seal_request(request.clone()).seal);
        let answered = tag_of(there.seal_receipt(receipt).seal);
        assert!(there.sealed_request(&request, &sent) && here.sealed_receipt(&receipt, &answered));

        let elsewhere = AccountId { user: stranger.address(), ..account };
        let wrong = [
            provider.shared_with(&stranger.public_key(), account, &domain(4)),
            stranger.shared_with(&user.public_key(), account, &domain(4)),
            provider.shared_with(&user.public_key(), account, &domain(5)),
            provider.shared_with(&user.public_key(), elsewhere, &domain(4)),
        ];
        for key in wrong {
            assert!(!key.sealed_request(&request, &sent) && !key.sealed_receipt(&receipt, &answered));
        }
    }

    #[test]
    fn a_tag_is_good_for_one_text_of_one_kind() {
        let (user, provider) = (Wallet::random().unwrap(), Wallet::random().unwrap());
        let account = AccountId { user: user.address(), provider: provider.address() };
        let key = user.shared_with(&provider.public_key(), account, &domain(4));
        let (request, receipt) = (auth(account), receipt(account));
        let (sent, answered) =
            (tag_of(key.seal_request(request.clone()).seal), tag_of(key.seal_receipt(receipt).seal));
        assert!(!key.sealed_request(&RequestAuth { max_fee: Neuron::new(100), ..request.clone() }, &sent));
        assert!(!key.sealed_request(&RequestAuth { path: String::new(), ..request.clone() }, &sent));
        assert!(!key.sealed_receipt(&Receipt { owed: Neuron::new(27), ..receipt }, &answered));
        assert_ne!(key.tag(Kind::Request, B256::ZERO), key.tag(Kind::Receipt, B256::ZERO));
        let mut bent = *sent.bytes();
        bent[31] ^= 1;
        assert!(!key.sealed_request(&request, &Tag::new(bent)));
        assert!(!format!("{key:?}").contains(char::is_numeric));
    }
}
