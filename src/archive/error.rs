//! What can be wrong with an archive.

use std::io;
use std::path::PathBuf;

use crate::private_files::PrivateFileError;

/// Why an archive was not made, or not taken.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    #[error("{path} cannot be read")]
    Read { path: PathBuf, source: io::Error },
    #[error("the archive cannot be written: {0}")]
    Write(#[source] io::Error),
    /// Not an archive of ours at all.
    #[error("{0} is no backup of this program")]
    Foreign(PathBuf),
    #[error("the backup is damaged: {file}: {what}")]
    Damaged { file: String, what: &'static str },
    #[error("the backup is of format {found}, and this program reads up to {known}; use a newer one")]
    Newer { found: u32, known: u32 },
    #[error(transparent)]
    Private(#[from] PrivateFileError),
}

impl ArchiveError {
    pub(super) fn damaged(file: impl Into<String>, what: &'static str) -> ArchiveError {
        ArchiveError::Damaged { file: file.into(), what }
    }
}
