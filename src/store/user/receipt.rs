//! A provider's receipt as bytes: the evidence of what one call cost, kept as it was sealed.

use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSqlOutput, ValueRef};
use rusqlite::{OptionalExtension, ToSql, params};

use super::UserStore;
use crate::domain::{
    AccountId, Address, B256, Fee, Neuron, Receipt, ReceiptStatus, RequestId, Seal, SealedReceipt, Signature,
    Tag, Units,
};
use crate::store::StoreError;

/// The first byte: what stands at the end.
const SIGNED: u8 = 1;
const TAGGED: u8 = 2;

/// Layout byte, the receipt's fields in the order of its typed data, signature or tag.
const LENGTH: usize = 1 + 32 + 20 + 20 + 32 + 32 + 8 + 8 + 16 + 16 + 16 + 1 + 65;

/// A place in the table of calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    row: i64,
    /// The call that stands there, where that was looked at.
    call: Option<RequestId>,
}

/// A receipt on its way to or from a column.
pub(super) struct Kept(pub SealedReceipt);

impl UserStore {
    /// Keeps the signed form of a receipt that is there with a tag. Any other is left as it is.
    pub async fn keep_signed(&self, signed: SealedReceipt) -> Result<(), StoreError> {
        self.db
            .write(move |connection| {
                connection
                    .prepare_cached(
                        "UPDATE requests SET receipt = ?2 WHERE id = ?1 AND substr(receipt, 1, 1) = x'02'",
                    )?
                    .execute(params![signed.receipt.request, Kept(signed)])?;
                Ok(())
            })
            .await
    }

    /// Calls behind a place in the table whose receipts have no signature yet, oldest first, and the place to go on from.
    /// At most `rows` calls are looked at, of which no index is kept: it would cost every call a page of the log. A call that
    /// is being answered ends the look, so that it is not passed over. (An unconfirmed one gets a signed receipt anyway.)
    ///
    /// `None`: the call at that place is gone. The numbers of deleted rows are given out again, so younger calls may stand
    /// before the place.
    pub async fn unsigned(
        &self,
        after: Place,
        rows: u32,
    ) -> Result<Option<(Vec<RequestId>, Place)>, StoreError> {
        self.db
            .read(move |connection| {
                if let Some(call) = after.call {
                    let there = connection
                        .prepare_cached("SELECT id FROM requests WHERE rowid = ?1")?
                        .query_row([after.row], |row| row.get::<_, RequestId>(0))
                        .optional()?;
                    if there != Some(call) {
                        return Ok(None);
                    }
                }
                let mut statement = connection.prepare_cached(
                    "SELECT rowid, id, ifnull(substr(receipt, 1, 1) = x'02', 0), state IN ('reserved', 'sent')
                     FROM requests WHERE rowid > ?1 ORDER BY rowid LIMIT ?2",
                )?;
                let (mut found, mut last) = (Vec::new(), after);
                let mut looked = statement.query(params![after.row, rows])?;
                while let Some(row) = looked.next()? {
                    if row.get(3)? {
                        break;
                    }
                    last = Place { row: row.get(0)?, call: Some(row.get(1)?) };
                    if row.get(2)? {
                        found.push(row.get(1)?);
                    }
                }
                Ok(Some((found, last)))
            })
            .await
    }

    /// The place in the table behind which the newest `rows` calls stand.
    pub async fn place_before(&self, rows: i64) -> Result<Place, StoreError> {
        self.db
            .read(move |connection| {
                let last: Option<i64> = connection
                    .prepare_cached("SELECT max(rowid) FROM requests")?
                    .query_row([], |row| row.get(0))?;
                Ok(Place { row: last.unwrap_or_default().saturating_sub(rows), call: None })
            })
            .await
    }
}

impl ToSql for Kept {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        let Receipt { request, account, body_hash, response_hash, input, output, fee, owed, status } =
            &self.0.receipt;
        let mut bytes = Vec::with_capacity(LENGTH);
        bytes.push(match self.0.seal {
            Seal::Signature(_) => SIGNED,
            Seal::Tag(_) => TAGGED,
        });
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
        match &self.0.seal {
            Seal::Signature(signature) => bytes.extend_from_slice(signature.bytes()),
            Seal::Tag(tag) => bytes.extend_from_slice(tag.bytes()),
        }
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

fn parse(blob: &[u8]) -> Option<SealedReceipt> {
    let (layout, mut rest) = blob.split_first()?;
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
    let seal = match *layout {
        SIGNED => Seal::Signature(Signature::from_slice(rest).ok()?),
        TAGGED => Seal::Tag(Tag::new(rest.try_into().ok()?)),
        _ => return None,
    };
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
    Some(SealedReceipt { receipt, seal })
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (first, others) = rest.split_first_chunk()?;
    *rest = others;
    Some(*first)
}
