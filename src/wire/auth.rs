//! Vouchers and request authorisations as HTTP headers: fixed-width binary in unpadded base64url. An authorisation ends
//! in a signature or, shorter, in a tag; its length tells which.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};

use crate::domain::voucher::SignatureError;
use crate::domain::{
    AccountId, Address, B256, Neuron, RequestAuth, RequestId, Seal, SealedRequestAuth, Signature,
    SignedVoucher, Tag, Timestamp, Voucher,
};

/// Carries [`encode_voucher`].
pub const VOUCHER_HEADER: &str = "zg-voucher";
/// Carries [`encode_request_auth`].
pub const REQUEST_HEADER: &str = "zg-request";

/// Bytes that are not the object they should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    #[error("it is not unpadded base64url")]
    Base64,
    #[error("it has {found} bytes instead of {expected}")]
    Length { expected: usize, found: usize },
    #[error("an amount is above 2^112 - 1")]
    Amount,
    #[error("the status is unknown")]
    Status,
    #[error("the expiry lies outside the calendar")]
    Expiry,
    #[error(transparent)]
    Signature(#[from] SignatureError),
}

const VOUCHER_BYTES: usize = 20 + 20 + 4 + 16 + 65;
/// Without its seal.
const REQUEST_BYTES: usize = 32 + 32 + 16 + 8 + 8;
const SIGNATURE_BYTES: usize = 65;
const TAG_BYTES: usize = 32;

/// `user 20 | provider 20 | epoch u32 | cumulative u128 | signature 65`, integers big-endian.
pub fn encode_voucher(signed: &SignedVoucher) -> String {
    let mut bytes = Vec::with_capacity(VOUCHER_BYTES);
    bytes.extend_from_slice(signed.voucher.account.user.as_slice());
    bytes.extend_from_slice(signed.voucher.account.provider.as_slice());
    bytes.extend_from_slice(&signed.voucher.epoch.to_be_bytes());
    bytes.extend_from_slice(&signed.voucher.cumulative.get().to_be_bytes());
    bytes.extend_from_slice(signed.signature.bytes());
    BASE64.encode(bytes)
}

pub fn decode_voucher(text: &str) -> Result<SignedVoucher, DecodeError> {
    let bytes = decode_exactly(text, VOUCHER_BYTES)?;
    let mut reader = Reader(&bytes);
    Ok(SignedVoucher {
        voucher: Voucher {
            account: AccountId { user: reader.address()?, provider: reader.address()? },
            epoch: u32::from_be_bytes(reader.take()?),
            cumulative: reader.amount()?,
        },
        signature: Signature::new(reader.take()?)?,
    })
}

/// The parts of an authorisation that a header carries; the rest of what was signed is the request itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestHeader {
    pub request: RequestId,
    pub body_hash: B256,
    pub max_fee: Neuron,
    pub price_version: u64,
    pub expiry: Timestamp,
    pub seal: Seal,
}

/// `request id 32 | body sha256 32 | max fee u128 | price version u64 | expiry u64 | signature 65 or tag 32`, big-endian.
pub fn encode_request_auth(sealed: &SealedRequestAuth) -> String {
    let auth = &sealed.auth;
    let mut bytes = Vec::with_capacity(REQUEST_BYTES + SIGNATURE_BYTES);
    bytes.extend_from_slice(auth.request.bytes());
    bytes.extend_from_slice(auth.body_hash.as_slice());
    bytes.extend_from_slice(&auth.max_fee.get().to_be_bytes());
    bytes.extend_from_slice(&auth.price_version.to_be_bytes());
    bytes.extend_from_slice(&auth.expiry.as_seconds().to_be_bytes());
    push_seal(&mut bytes, &sealed.seal);
    BASE64.encode(bytes)
}

pub fn decode_request_auth(text: &str) -> Result<RequestHeader, DecodeError> {
    let bytes = decode_sealed(text, REQUEST_BYTES)?;
    let mut reader = Reader(&bytes);
    Ok(RequestHeader {
        request: RequestId::new(reader.take()?),
        body_hash: B256::from(reader.take::<32>()?),
        max_fee: reader.amount()?,
        price_version: u64::from_be_bytes(reader.take()?),
        expiry: reader.moment()?,
        seal: reader.seal()?,
    })
}

impl RequestHeader {
    /// The authorisation that must have been signed for this header to fit this very request.
    pub fn for_request(
        &self,
        account: AccountId,
        service: &str,
        method: &str,
        path: &str,
    ) -> SealedRequestAuth {
        SealedRequestAuth {
            auth: RequestAuth {
                request: self.request,
                account,
                service: service.to_owned(),
                method: method.to_owned(),
                path: path.to_owned(),
                body_hash: self.body_hash,
                price_version: self.price_version,
                max_fee: self.max_fee,
                expiry: self.expiry,
            },
            seal: self.seal,
        }
    }
}

/// How many characters so many bytes are.
const fn characters(bytes: usize) -> usize {
    bytes.div_ceil(3) * 4 - (3 - bytes % 3) % 3
}

pub(super) fn push_seal(bytes: &mut Vec<u8>, seal: &Seal) {
    match seal {
        Seal::Signature(signature) => bytes.extend_from_slice(signature.bytes()),
        Seal::Tag(tag) => bytes.extend_from_slice(tag.bytes()),
    }
}

/// So many bytes and a seal. Anything else is told as missing a signature, which every reader takes.
pub(super) fn decode_sealed(text: &str, before: usize) -> Result<Vec<u8>, DecodeError> {
    let tagged = text.len() == characters(before + TAG_BYTES);
    decode_exactly(text, before + if tagged { TAG_BYTES } else { SIGNATURE_BYTES })
}

pub(super) fn decode_exactly(text: &str, expected: usize) -> Result<Vec<u8>, DecodeError> {
    // Refuse by length first: a header of megabytes is not worth decoding.
    if text.len() != characters(expected) {
        return Err(DecodeError::Length { expected, found: text.len() / 4 * 3 });
    }
    BASE64.decode(text).map_err(|_| DecodeError::Base64)
}

/// Reads fixed-width fields off the front of a buffer.
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl Reader<'_> {
    pub(super) fn take<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let short = DecodeError::Length { expected: N, found: self.0.len() };
        let (head, rest) = self.0.split_first_chunk::<N>().ok_or(short)?;
        self.0 = rest;
        Ok(*head)
    }

    pub(super) fn address(&mut self) -> Result<Address, DecodeError> {
        self.take::<20>().map(Address::from)
    }

    /// Moments are held to the calendar, so a later one would read as another than was written: two headers for one
    /// authorisation.
    fn moment(&mut self) -> Result<Timestamp, DecodeError> {
        let seconds = u64::from_be_bytes(self.take()?);
        let moment = Timestamp::from_seconds(seconds);
        if moment.as_seconds() == seconds { Ok(moment) } else { Err(DecodeError::Expiry) }
    }

    /// What is left: a tag or a signature, by its length.
    pub(super) fn seal(&mut self) -> Result<Seal, DecodeError> {
        if self.0.len() == TAG_BYTES {
            return self.take().map(Tag::new).map(Seal::Tag);
        }
        Ok(Seal::Signature(Signature::new(self.take()?)?))
    }

    pub(super) fn amount(&mut self) -> Result<Neuron, DecodeError> {
        let amount = Neuron::new(u128::from_be_bytes(self.take()?));
        if amount > Neuron::MAX { Err(DecodeError::Amount) } else { Ok(amount) }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;
    use alloy::signers::{SignerSync, local::PrivateKeySigner};

    fn signature() -> Signature {
        let key = PrivateKeySigner::random();
        Signature::new(key.sign_hash_sync(&B256::repeat_byte(1)).unwrap().as_bytes()).unwrap()
    }

    fn account() -> AccountId {
        AccountId { user: Address::repeat_byte(1), provider: Address::repeat_byte(2) }
    }

    #[test]
    fn headers_round_trip() {
        let voucher = SignedVoucher {
            voucher: Voucher { account: account(), epoch: 7, cumulative: Neuron::MAX },
            signature: signature(),
        };
        assert_eq!(decode_voucher(&encode_voucher(&voucher)), Ok(voucher));

        for seal in [Seal::Signature(signature()), Seal::Tag(Tag::new([9; 32]))] {
            let header = RequestHeader {
                request: RequestId::random(),
                body_hash: B256::repeat_byte(3),
                max_fee: Neuron::new(99),
                price_version: 1_700_000_000,
                expiry: Timestamp::from_seconds(1_800_000_000),
                seal,
            };
            let sealed = header.for_request(account(), "llama7b", "POST", "/chat/completions?x=1");
            assert_eq!(decode_request_auth(&encode_request_auth(&sealed)), Ok(header));
        }
    }

    #[test]
    fn other_bytes_are_refused() {
        let voucher = SignedVoucher {
            voucher: Voucher { account: account(), epoch: 0, cumulative: Neuron::new(1) },
            signature: signature(),
        };
        let text = encode_voucher(&voucher);
        assert!(matches!(decode_voucher(&text[1..]), Err(DecodeError::Length { .. })));
        assert!(matches!(decode_voucher(&format!("{text}A")), Err(DecodeError::Length { .. })));
        assert_eq!(decode_voucher(&"!".repeat(text.len())), Err(DecodeError::Base64));
        assert!(decode_voucher("").is_err());
        let mut bytes = BASE64.decode(&text).unwrap();
        bytes[44] = 0xff; // the top byte of the amount
        assert_eq!(decode_voucher(&BASE64.encode(bytes)), Err(DecodeError::Amount));

        let header = RequestHeader {
            request: RequestId::random(),
            body_hash: B256::repeat_byte(3),
            max_fee: Neuron::new(99),
            price_version: 1,
            expiry: Timestamp::from_seconds(u64::MAX),
            seal: Seal::Signature(signature()),
        };
        let latest = encode_request_auth(&header.for_request(account(), "llama7b", "POST", ""));
        assert!(decode_request_auth(&latest).is_ok());
        let mut bytes = BASE64.decode(&latest).unwrap();
        bytes[88..96].fill(0xff); // the expiry: would read as the same moment
        assert_eq!(decode_request_auth(&BASE64.encode(bytes)), Err(DecodeError::Expiry));
    }
}
