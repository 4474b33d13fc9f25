//! What can go wrong with the database, sorted by what the caller can do about it.

use std::{error::Error, sync::Arc};

use rusqlite::ErrorCode;

use super::{Network, Role, amount::BEYOND};

/// A failure of the database. Cloneable, because one failed commit is the answer to every write of its group.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// Nothing of the write was kept. Serving must stop until there is room.
    #[error("the disk that holds the database is full")]
    Full,
    /// Another program holds the database file.
    #[error("the database is locked by another program")]
    Locked,
    #[error("the database file is damaged: {0}")]
    Corrupt(String),
    #[error(
        "the database was written by a newer version of this program \
         (its schema is number {found}, this program knows up to {known})"
    )]
    Newer { found: u32, known: u32 },
    #[error("{}", role_text(.wanted, .found))]
    Role { wanted: Role, found: Option<Role> },
    /// The books of one contract mean nothing on another.
    #[error(
        "this data directory belongs to contract {} on chain {}, not to {} on chain {}; give the other one a data \
         directory of its own",
        .found.contract, .found.chain_id, .wanted.contract, .wanted.chain_id
    )]
    Network { found: Network, wanted: Network },
    /// A cursor that is none, or that another list or order gave out.
    #[error("the cursor does not belong to this list; start again without one")]
    Cursor,
    #[error("the database is closed")]
    Closed,
    /// A uniqueness or other rule of the schema refused the write.
    #[error("the database refused the change: {0}")]
    Conflict(String),
    /// A stored row, or a change asked for, breaks a rule of the books.
    #[error("the books do not allow this: {0}")]
    Invalid(String),
    #[error("the database failed")]
    Other(#[source] Arc<dyn Error + Send + Sync>),
}

impl StoreError {
    pub(in crate::store) fn other(error: impl Error + Send + Sync + 'static) -> Self {
        Self::Other(Arc::new(error))
    }

    pub(in crate::store) fn invalid(what: impl Into<String>) -> Self {
        Self::Invalid(what.into())
    }
}

fn role_text(wanted: &Role, found: &Option<Role>) -> String {
    match found {
        Some(found) => format!("this is the database of a {found} broker, not of a {wanted} broker"),
        None => format!("this file is not a database of a {wanted} broker"),
    }
}

/// A write that panicked. Its changes are undone; the other writes of the group are not touched.
#[derive(Debug, thiserror::Error)]
#[error("a database job panicked: {0}")]
pub(in crate::store) struct JobPanicked(pub String);

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        let text = error.to_string();
        match &error {
            // What `plus` has to say comes back as the text of the statement's failure.
            rusqlite::Error::SqliteFailure(_, Some(said)) if said.contains(BEYOND) => Self::invalid(BEYOND),
            rusqlite::Error::SqliteFailure(failure, _) => match failure.code {
                ErrorCode::DiskFull => Self::Full,
                ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => Self::Locked,
                ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => Self::Corrupt(text),
                ErrorCode::ConstraintViolation => Self::Conflict(text),
                _ => Self::other(error),
            },
            rusqlite::Error::FromSqlConversionFailure(..)
            | rusqlite::Error::IntegralValueOutOfRange(..)
            | rusqlite::Error::InvalidColumnType(..)
            | rusqlite::Error::Utf8Error(..) => Self::Invalid(text),
            _ => Self::other(error),
        }
    }
}
