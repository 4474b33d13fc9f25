//! A provider's receipt as bytes: the evidence of what one call cost, kept as it was signed.

use rusqlite::ToSql;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSqlOutput, ValueRef};

use crate::domain::{
    AccountId, Address, B256, Fee, Neuron, Receipt, ReceiptStatus, RequestId, Signature, SignedReceipt, Units,
};

/// The first byte of the layout below.
const LAYOUT: u8 = 1;

/// Layout byte, the receipt's fields in the order of its typed data, signature.
const LENGTH: usize = 1 + 32 + 20 + 20 + 32 + 32 + 8 + 8 + 16 + 16 + 16 + 1 + 65;

/// A receipt on its way to or from a column.
pub(super) struct Kept(pub SignedReceipt);

impl ToSql for Kept {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        let Receipt { request, account, body_hash, response_hash, input, output, fee, owed, status } =
            &self.0.receipt;
        let mut bytes = Vec::with_capacity(LENGTH);
        bytes.push(LAYOUT);
        bytes.extend_from_slice(request.bytes());
        bytes.extend_from_slice(account.user.as_slice());
        bytes.extend_from_slice(account.provider.as_slice());
        bytes.extend_from_slice(body_hash.as_slice());
        bytes.extend_from_slice(response_hash.as_slice());
        bytes.extend_from_slice(&input.0.to_be_bytes());
        bytes.extend_from_slice(&output.0.to_be_bytes());
        for amount in [fee.input, fee.output, *owed] {
            bytes.extend_from_slice(&amount.get().to_be_bytes());
        }
        bytes.push(*status as u8);
        bytes.extend_from_slice(self.0.signature.bytes());
        Ok(ToSqlOutput::from(bytes))
    }
}

impl FromSql for Kept {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let blob = value.as_blob()?;
        let size = FromSqlError::InvalidBlobSize { expected_size: LENGTH, blob_size: blob.len() };
        parse(blob).map(Self).ok_or(size)
    }
}

fn parse(blob: &[u8]) -> Option<SignedReceipt> {
    let mut rest = blob.strip_prefix(&[LAYOUT])?;
    let request = RequestId::new(take(&mut rest)?);
    let user = Address::from(take::<20>(&mut rest)?);
    let provider = Address::from(take::<20>(&mut rest)?);
    let body_hash = B256::new(take(&mut rest)?);
    let response_hash = B256::new(take(&mut rest)?);
    let input = Units(u64::from_be_bytes(take(&mut rest)?));
    let output = Units(u64::from_be_bytes(take(&mut rest)?));
    let mut amount = || take(&mut rest).map(u128::from_be_bytes).map(Neuron::new);
    let fee = Fee { input: amount()?, output: amount()? };
    let owed = amount()?;
    let [status] = take(&mut rest)?;
    let signature = Signature::from_slice(rest).ok()?;
    let receipt = Receipt {
        request,
        account: AccountId { user, provider },
        body_hash,
        response_hash,
        input,
        output,
        fee,
        owed,
        status: ReceiptStatus::from_code(status)?,
    };
    Some(SignedReceipt { receipt, signature })
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (first, others) = rest.split_first_chunk()?;
    *rest = others;
    Some(*first)
}
