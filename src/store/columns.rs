//! How the words of `domain` are kept in columns: ids and hashes as BLOBs, moments as microseconds since 1970,
//! names and states as the texts that the APIs use, so that the file can be read with any SQLite tool.

use std::str::FromStr;

use rusqlite::{
    Row, ToSql,
    types::{FromSql, FromSqlError, FromSqlResult, ToSqlOutput, ValueRef},
};

use crate::domain::{
    AccountId, Address, B256, ConversationId, MessageId, OperationId, OperationKind, OperationState,
    ProviderRequestState, RequestId, ServiceKind, ServiceName, Signature, Timestamp, UserRequestState,
};

macro_rules! as_bytes {
    ($($type:ty),+) => {$(
        impl ToSql for $type {
            fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
                Ok(ToSqlOutput::from(&self.bytes()[..]))
            }
        }

        impl FromSql for $type {
            fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
                FromSql::column_result(value).map(Self::new)
            }
        }
    )+};
}

macro_rules! as_text {
    ($($type:ty),+) => {$(
        impl ToSql for $type {
            fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
                Ok(ToSqlOutput::from(self.as_str()))
            }
        }

        impl FromSql for $type {
            fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
                Self::from_str(value.as_str()?).map_err(|error| FromSqlError::Other(Box::new(error)))
            }
        }
    )+};
}

as_bytes!(RequestId, OperationId, ConversationId, MessageId);
as_text!(ServiceName, ServiceKind, UserRequestState, ProviderRequestState, OperationKind, OperationState);

impl ToSql for Timestamp {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::from(self.as_micros()))
    }
}

impl FromSql for Timestamp {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        value.as_i64().map(Self::from_micros)
    }
}

impl ToSql for Signature {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::from(&self.bytes()[..]))
    }
}

impl FromSql for Signature {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        Self::from_slice(value.as_blob()?).map_err(|error| FromSqlError::Other(Box::new(error)))
    }
}

/// An address or hash, which are the chain library's types: by its bytes.
pub(in crate::store) fn bytes<const N: usize>(value: &impl AsRef<[u8; N]>) -> &[u8] {
    value.as_ref()
}

/// The address in a column.
pub(in crate::store) fn address(row: &Row<'_>, column: &str) -> rusqlite::Result<Address> {
    row.get::<_, [u8; 20]>(column).map(Address::from)
}

/// The hash in a column.
pub(in crate::store) fn hash(row: &Row<'_>, column: &str) -> rusqlite::Result<B256> {
    row.get::<_, [u8; 32]>(column).map(B256::from)
}

/// The hash in a column, if there is one.
pub(in crate::store) fn hash_if_any(row: &Row<'_>, column: &str) -> rusqlite::Result<Option<B256>> {
    Ok(row.get::<_, Option<[u8; 32]>>(column)?.map(B256::from))
}

/// The account in the columns `user` and `provider`.
pub(in crate::store) fn account(row: &Row<'_>) -> rusqlite::Result<AccountId> {
    Ok(AccountId { user: address(row, "user")?, provider: address(row, "provider")? })
}
