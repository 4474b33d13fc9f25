//! What users sign: vouchers and request authorisations, as EIP-712 typed data.
//!
//! A [`Voucher`] is the only object the chain ever sees. Vouchers form a maximum: any number may be under way,
//! arrive in any order, twice or never; the largest covers the rest. A [`RequestAuth`] binds one request to its
//! content, price version, highest fee and expiry, so that a captured request is worthless.

use std::fmt;
use std::sync::LazyLock;

use alloy::primitives::{Address, B256, U256, keccak256};
use alloy::sol_types::{Eip712Domain, SolStruct, eip712_domain};

use super::{AccountId, Neuron, RequestId, Timestamp};

mod typed {
    use alloy::sol;
    sol! {
        struct Voucher { address user; address provider; uint32 epoch; uint128 cumulative; }
        struct RequestAuth {
            bytes32 requestId; address user; address provider; string service; string method; string path;
            bytes32 bodyHash; uint64 priceVersion; uint128 maxFee; uint64 expiry;
        }
    }
}

/// The EIP-712 domain of one deployed contract: a signature for one chain or contract is void on every other.
///
/// Holds the hash of the domain, which begins every message that is signed, and not the domain: it is the same for a
/// broker's whole life, and a paid request hashes six messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VoucherDomain(B256);

impl VoucherDomain {
    pub fn new(chain_id: u64, contract: Address) -> Self {
        VoucherDomain(domain(chain_id, contract).separator())
    }

    /// The hash of its fields (EIP-712, `hashStruct(eip712Domain)`).
    pub const fn separator(&self) -> B256 {
        self.0
    }

    /// What `eip712_signing_hash` would give, from the hash of the message's type.
    pub(super) fn hash(&self, type_hash: B256, message: &impl SolStruct) -> B256 {
        let mut data = type_hash.to_vec();
        data.extend(message.eip712_encode_data());
        let mut bytes = [0; 66];
        (bytes[0], bytes[1]) = (0x19, 0x01);
        bytes[2..34].copy_from_slice(&self.0[..]);
        bytes[34..].copy_from_slice(&keccak256(data)[..]);
        keccak256(bytes)
    }
}

fn domain(chain_id: u64, contract: Address) -> Eip712Domain {
    eip712_domain! {
        name: "0G Serving",
        version: "1",
        chain_id: chain_id,
        verifying_contract: contract,
    }
}

/// The hash of a message's type, the same for every message.
pub(super) fn type_hash<T: SolStruct>() -> B256 {
    keccak256(T::eip712_encode_type().as_bytes())
}

static VOUCHER_TYPE: LazyLock<B256> = LazyLock::new(type_hash::<typed::Voucher>);
static REQUEST_TYPE: LazyLock<B256> = LazyLock::new(type_hash::<typed::RequestAuth>);

/// An ECDSA signature as 65 bytes `r | s | v`, with low `s` and `v` 27 or 28: one signature, one encoding.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Signature([u8; 65]);

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    #[error("the signature is not 65 bytes of r, s and v")]
    Shape,
    #[error("the signature is the malleable twin of another (high s)")]
    HighS,
    #[error("the signature belongs to no key")]
    NoSigner,
}

impl Signature {
    /// Takes only the one canonical encoding of a signature.
    pub fn new(bytes: [u8; 65]) -> Result<Self, SignatureError> {
        if !matches!(bytes[64], 27 | 28) {
            return Err(SignatureError::Shape);
        }
        let signature = Signature(bytes);
        if signature.parts().normalize_s().is_some() {
            return Err(SignatureError::HighS);
        }
        Ok(signature)
    }

    pub fn from_slice(bytes: &[u8]) -> Result<Self, SignatureError> {
        Self::new(bytes.try_into().map_err(|_| SignatureError::Shape)?)
    }

    pub const fn bytes(&self) -> &[u8; 65] {
        &self.0
    }

    fn parts(&self) -> alloy::primitives::Signature {
        let word = |from: usize| U256::from_be_slice(&self.0[from..from + 32]);
        alloy::primitives::Signature::new(word(0), word(32), self.0[64] == 28)
    }

    /// The address whose key signed `hash`.
    pub fn signer(&self, hash: B256) -> Result<Address, SignatureError> {
        self.parts().recover_address_from_prehash(&hash).map_err(|_| SignatureError::NoSigner)
    }

    /// `r` and the compact second word `yParity << 255 | s` (EIP-2098), as settlement rows carry them.
    pub fn compact(&self) -> ([u8; 32], [u8; 32]) {
        let mut r = [0; 32];
        let mut s = [0; 32];
        r.copy_from_slice(&self.0[..32]);
        s.copy_from_slice(&self.0[32..64]);
        if self.0[64] == 28 {
            s[0] |= 0x80;
        }
        (r, s)
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signature({})", alloy::primitives::hex::encode(&self.0[..4]))
    }
}

/// "`provider` may have taken `cumulative` neuron in all, in this `epoch` of the account."
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Voucher {
    pub account: AccountId,
    pub epoch: u32,
    pub cumulative: Neuron,
}

impl Voucher {
    pub fn signing_hash(&self, domain: &VoucherDomain) -> B256 {
        domain.hash(*VOUCHER_TYPE, &self.typed())
    }

    fn typed(&self) -> typed::Voucher {
        typed::Voucher {
            user: self.account.user,
            provider: self.account.provider,
            epoch: self.epoch,
            cumulative: self.cumulative.get(),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignedVoucher {
    pub voucher: Voucher,
    pub signature: Signature,
}

impl SignedVoucher {
    pub fn signer(&self, domain: &VoucherDomain) -> Result<Address, SignatureError> {
        self.signature.signer(self.voucher.signing_hash(domain))
    }
}

/// Leave to serve one request, and no other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestAuth {
    pub request: RequestId,
    pub account: AccountId,
    pub service: String,
    pub method: String,
    /// The service's suffix with its query, exactly as sent.
    pub path: String,
    /// SHA-256 of the body.
    pub body_hash: B256,
    /// The service's version that the user has seen the prices of.
    pub price_version: u64,
    pub max_fee: Neuron,
    pub expiry: Timestamp,
}

impl RequestAuth {
    pub fn signing_hash(&self, domain: &VoucherDomain) -> B256 {
        domain.hash(*REQUEST_TYPE, &self.typed())
    }

    fn typed(&self) -> typed::RequestAuth {
        typed::RequestAuth {
            requestId: B256::from(*self.request.bytes()),
            user: self.account.user,
            provider: self.account.provider,
            service: self.service.clone(),
            method: self.method.clone(),
            path: self.path.clone(),
            bodyHash: self.body_hash,
            priceVersion: self.price_version,
            maxFee: self.max_fee.get(),
            expiry: self.expiry.as_seconds(),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedRequestAuth {
    pub auth: RequestAuth,
    pub signature: Signature,
}

impl SignedRequestAuth {
    pub fn signer(&self, domain: &VoucherDomain) -> Result<Address, SignatureError> {
        self.signature.signer(self.auth.signing_hash(domain))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;
    use alloy::signers::{SignerSync, local::PrivateKeySigner};

    fn sign(key: &PrivateKeySigner, hash: B256) -> Signature {
        Signature::new(key.sign_hash_sync(&hash).unwrap().as_bytes()).unwrap()
    }

    #[test]
    fn a_voucher_counts_in_its_own_domain_only() {
        let key = PrivateKeySigner::random();
        let voucher = Voucher {
            account: AccountId { user: key.address(), provider: Address::repeat_byte(7) },
            epoch: 3,
            cumulative: Neuron::new(1 << 100),
        };
        let here = VoucherDomain::new(1, Address::repeat_byte(9));
        let signed = SignedVoucher { voucher, signature: sign(&key, voucher.signing_hash(&here)) };
        assert_eq!(signed.signer(&here), Ok(key.address()));
        for elsewhere in
            [VoucherDomain::new(2, Address::repeat_byte(9)), VoucherDomain::new(1, Address::repeat_byte(8))]
        {
            assert_ne!(signed.signer(&elsewhere), Ok(key.address()));
        }
        for changed in [
            Voucher { epoch: 4, ..voucher },
            Voucher { cumulative: Neuron::new((1 << 100) + 1), ..voucher },
            Voucher {
                account: AccountId { provider: Address::repeat_byte(6), ..voucher.account },
                ..voucher
            },
        ] {
            assert_ne!(SignedVoucher { voucher: changed, ..signed }.signer(&here), Ok(key.address()));
        }
    }

    /// What is hashed once and kept gives what the standard's own way gives.
    #[test]
    fn hashes_are_those_of_the_standard() {
        let contract = Address::repeat_byte(9);
        let account = AccountId { user: Address::repeat_byte(1), provider: Address::repeat_byte(7) };
        let voucher = Voucher { account, epoch: 3, cumulative: Neuron::new(1 << 100) };
        let auth = RequestAuth {
            request: RequestId::new([2; 32]),
            account,
            service: "llama7b".to_owned(),
            method: "POST".to_owned(),
            path: "/chat/completions?x=1".to_owned(),
            body_hash: B256::repeat_byte(3),
            price_version: 4,
            max_fee: Neuron::new(99),
            expiry: Timestamp::from_seconds(1_000),
        };
        for chain in [1, 31_337] {
            let (ours, plain) = (VoucherDomain::new(chain, contract), domain(chain, contract));
            assert_eq!(voucher.signing_hash(&ours), voucher.typed().eip712_signing_hash(&plain));
            assert_eq!(auth.signing_hash(&ours), auth.typed().eip712_signing_hash(&plain));
        }
    }

    #[test]
    fn the_malleable_twin_is_refused() {
        let key = PrivateKeySigner::random();
        let good = *sign(&key, B256::repeat_byte(5)).bytes();
        let order = "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141";
        let order = U256::from_str_radix(order, 16).unwrap();
        let mut twin = good;
        let s = order - U256::from_be_slice(&good[32..64]);
        twin[32..64].copy_from_slice(&s.to_be_bytes::<32>());
        twin[64] = if good[64] == 27 { 28 } else { 27 };
        assert_eq!(Signature::new(twin), Err(SignatureError::HighS));
        let mut odd = good;
        odd[64] = 1;
        assert_eq!(Signature::new(odd), Err(SignatureError::Shape));
    }
}
