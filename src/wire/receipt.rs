//! The receipt as it travels: a header on a plain answer, a closing comment on an event stream, or fetched later.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};

use super::auth::{DecodeError, Reader, decode_sealed, push_seal};
use crate::domain::{AccountId, B256, Fee, Receipt, ReceiptStatus, RequestId, SealedReceipt, Units};

/// Carries [`encode_receipt`] on an answer that was metered before its head was sent.
pub const RECEIPT_HEADER: &str = "zg-receipt";
/// `1` where the receipt of a streamed answer must be fetched from `/v1/proxy-receipt/{request}` afterwards.
pub const RECEIPT_LATER_HEADER: &str = "zg-receipt-later";
/// Starts the comment that ends an event stream.
pub const RECEIPT_COMMENT: &str = ": zg-receipt ";

/// Without its seal.
const BYTES: usize = 32 + 20 + 20 + 32 + 32 + 8 + 8 + 16 + 16 + 16 + 1;

/// The fields in the order of the typed data, integers big-endian, then the signature (65 bytes) or the tag (32); unpadded base64url.
pub fn encode_receipt(sealed: &SealedReceipt) -> String {
    let receipt = &sealed.receipt;
    let mut bytes = Vec::with_capacity(BYTES + 65);
    bytes.extend_from_slice(receipt.request.bytes());
    bytes.extend_from_slice(receipt.account.user.as_slice());
    bytes.extend_from_slice(receipt.account.provider.as_slice());
    bytes.extend_from_slice(receipt.body_hash.as_slice());
    bytes.extend_from_slice(receipt.response_hash.as_slice());
    bytes.extend_from_slice(&receipt.input.0.to_be_bytes());
    bytes.extend_from_slice(&receipt.output.0.to_be_bytes());
    bytes.extend_from_slice(&receipt.fee.input.get().to_be_bytes());
    bytes.extend_from_slice(&receipt.fee.output.get().to_be_bytes());
    bytes.extend_from_slice(&receipt.owed.get().to_be_bytes());
    bytes.push(receipt.status as u8);
    push_seal(&mut bytes, &sealed.seal);
    BASE64.encode(bytes)
}

pub fn decode_receipt(text: &str) -> Result<SealedReceipt, DecodeError> {
    let bytes = decode_sealed(text, BYTES)?;
    let mut reader = Reader(&bytes);
    let receipt = Receipt {
        request: RequestId::new(reader.take()?),
        account: AccountId { user: reader.address()?, provider: reader.address()? },
        body_hash: B256::from(reader.take::<32>()?),
        response_hash: B256::from(reader.take::<32>()?),
        input: Units(u64::from_be_bytes(reader.take()?)),
        output: Units(u64::from_be_bytes(reader.take()?)),
        fee: Fee { input: reader.amount()?, output: reader.amount()? },
        owed: reader.amount()?,
        status: ReceiptStatus::from_code(reader.take::<1>()?[0]).ok_or(DecodeError::Status)?,
    };
    Ok(SealedReceipt { receipt, seal: reader.seal()? })
}

/// The comment line and the empty line that close an event stream.
pub fn receipt_comment(sealed: &SealedReceipt) -> String {
    format!("{RECEIPT_COMMENT}{}\n\n", encode_receipt(sealed))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;
    use crate::domain::{Address, Neuron, Seal, Signature, SignedReceipt, Tag, VoucherDomain};
    use alloy::signers::{SignerSync, local::PrivateKeySigner};

    #[test]
    fn receipts_round_trip_and_name_their_signer() {
        let key = PrivateKeySigner::random();
        let domain = VoucherDomain::new(31_337, Address::repeat_byte(4));
        let receipt = Receipt {
            request: RequestId::random(),
            account: AccountId { user: Address::repeat_byte(1), provider: key.address() },
            body_hash: B256::repeat_byte(2),
            response_hash: B256::repeat_byte(3),
            input: Units(6),
            output: Units(u64::MAX),
            fee: Fee { input: Neuron::new(600_000), output: Neuron::MAX },
            owed: Neuron::MAX,
            status: ReceiptStatus::CutAtMaxFee,
        };
        let hash = receipt.signing_hash(&domain);
        let signature = Signature::new(key.sign_hash_sync(&hash).unwrap().as_bytes()).unwrap();
        let signed = SealedReceipt::from(SignedReceipt { receipt, signature });
        let text = encode_receipt(&signed);
        assert_eq!(decode_receipt(&text), Ok(signed));
        assert_eq!(decode_receipt(&text).unwrap().signer(&domain), Ok(key.address()));
        assert!(decode_receipt(&text[..text.len() - 1]).is_err());
        assert!(receipt_comment(&signed).ends_with("\n\n"));
        let tagged = SealedReceipt { receipt, seal: Seal::Tag(Tag::new([7; 32])) };
        assert_eq!(decode_receipt(&encode_receipt(&tagged)), Ok(tagged));
        assert!(tagged.signer(&domain).is_err());
    }
}
