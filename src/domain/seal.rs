//! What shows who wrote a request authorisation or a receipt: a signature, which convinces anybody, or a tag, which
//! convinces the other side only and costs a fiftieth.
//!
//! A tag is made with a key that the user's signing key and the provider's key have in common (Diffie and Hellman's
//! exchange, without a message: an address is the hash of a public key, so each side knows the other's key for the right
//! one the moment it sees it). What has to convince a stranger, above all a voucher, is always signed.

use std::fmt;

use alloy::primitives::{Address, B256, keccak256};
use secp256k1::{Message, SECP256K1, ecdsa};

use super::voucher::SignatureError;
use super::{Receipt, RequestAuth, Signature, SignedReceipt, SignedRequestAuth, VoucherDomain};

/// A point of the curve: what an address is the hash of.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PublicKey(secp256k1::PublicKey);

impl PublicKey {
    /// The key in its short form (SEC 1: sign and x coordinate), the only one that is taken.
    pub fn from_bytes(bytes: &[u8; 33]) -> Option<Self> {
        secp256k1::PublicKey::from_slice(bytes).ok().map(PublicKey)
    }

    pub fn bytes(&self) -> [u8; 33] {
        self.0.serialize()
    }

    /// The address that belongs to it: the last 20 bytes of the hash of both coordinates.
    pub fn address(&self) -> Address {
        Address::from_slice(&keccak256(&self.0.serialize_uncompressed()[1..])[12..])
    }

    pub(crate) fn point(&self) -> &secp256k1::PublicKey {
        &self.0
    }
}

impl From<secp256k1::PublicKey> for PublicKey {
    fn from(point: secp256k1::PublicKey) -> Self {
        PublicKey(point)
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.address())
    }
}

impl Signature {
    /// The key that signed `hash`.
    pub fn public_key(&self, hash: B256) -> Result<PublicKey, SignatureError> {
        let bytes = self.bytes();
        let recovery =
            ecdsa::RecoveryId::try_from(i32::from(bytes[64]) - 27).map_err(|_| SignatureError::Shape)?;
        let signature = ecdsa::RecoverableSignature::from_compact(&bytes[..64], recovery)
            .map_err(|_| SignatureError::NoSigner)?;
        let message = Message::from_digest(hash.0);
        SECP256K1.recover_ecdsa(&message, &signature).map(PublicKey).map_err(|_| SignatureError::NoSigner)
    }
}

/// 32 bytes that only who has the shared key can make for a text.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Tag([u8; 32]);

impl Tag {
    pub const fn new(bytes: [u8; 32]) -> Self {
        Tag(bytes)
    }

    pub const fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tag({})", alloy::primitives::hex::encode(&self.0[..4]))
    }
}

/// What goes with an authorisation or a receipt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seal {
    Signature(Signature),
    Tag(Tag),
}

/// Leave to serve one request, sealed by whoever may give it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedRequestAuth {
    pub auth: RequestAuth,
    pub seal: Seal,
}

impl SealedRequestAuth {
    /// The address whose key signed it.
    ///
    /// # Errors
    /// [`SignatureError::NoSigner`] also for one that bears a tag.
    pub fn signer(&self, domain: &VoucherDomain) -> Result<Address, SignatureError> {
        match self.seal {
            Seal::Signature(signature) => signature.signer(self.auth.signing_hash(domain)),
            Seal::Tag(_) => Err(SignatureError::NoSigner),
        }
    }
}

impl From<SignedRequestAuth> for SealedRequestAuth {
    fn from(SignedRequestAuth { auth, signature }: SignedRequestAuth) -> Self {
        SealedRequestAuth { auth, seal: Seal::Signature(signature) }
    }
}

/// A receipt as it goes with an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SealedReceipt {
    pub receipt: Receipt,
    pub seal: Seal,
}

impl SealedReceipt {
    /// The receipt with its signature, where it has one.
    pub fn signed(&self) -> Option<SignedReceipt> {
        match self.seal {
            Seal::Signature(signature) => Some(SignedReceipt { receipt: self.receipt, signature }),
            Seal::Tag(_) => None,
        }
    }

    /// The address whose key signed it.
    ///
    /// # Errors
    /// [`SignatureError::NoSigner`] also for one that bears a tag.
    pub fn signer(&self, domain: &VoucherDomain) -> Result<Address, SignatureError> {
        self.signed().ok_or(SignatureError::NoSigner)?.signer(domain)
    }
}

impl From<SignedReceipt> for SealedReceipt {
    fn from(SignedReceipt { receipt, signature }: SignedReceipt) -> Self {
        SealedReceipt { receipt, seal: Seal::Signature(signature) }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;
    use alloy::signers::{SignerSync, local::PrivateKeySigner};

    #[test]
    fn a_signature_names_the_key_and_the_key_its_address() {
        for number in 0..32_u8 {
            let key = PrivateKeySigner::random();
            let hash = keccak256([number]);
            let signature = Signature::new(key.sign_hash_sync(&hash).unwrap().as_bytes()).unwrap();
            let public = signature.public_key(hash).unwrap();
            assert_eq!(public.address(), key.address());
            assert_eq!(PublicKey::from_bytes(&public.bytes()), Some(public));
            assert_ne!(
                signature.public_key(keccak256([number, 0])).map(|other| other.address()),
                Ok(key.address())
            );
        }
        assert_eq!(PublicKey::from_bytes(&[0; 33]), None);
        assert_eq!(PublicKey::from_bytes(&[4; 33]), None);
    }
}
