//! From an error to a sentence and an exit code.

use std::io::{self, ErrorKind};

use anyhow::Error;

use crate::archive::ArchiveError;
use crate::chain::ChainError;
use crate::cli::{Exit, Failure, PassphraseError};
use crate::config::{ConfigError, PathsError};
use crate::http::{BindError, OpenListener};
use crate::keys::{KeyError, KeyringError};
use crate::private_files::PrivateFileError;
use crate::store::{LockError, StoreError};

/// The sentence with all its causes, and the code.
pub fn failure_of(error: &Error) -> Failure {
    let mut message = String::new();
    for cause in error.chain() {
        let text = cause.to_string();
        // Many errors already say what their cause says.
        if message.contains(&text) {
            continue;
        }
        if !message.is_empty() {
            message.push_str(": ");
        }
        message.push_str(&text);
    }
    Failure::new(exit_of(error), message)
}

fn exit_of(error: &Error) -> Exit {
    for cause in error.chain() {
        if let Some(failure) = cause.downcast_ref::<Failure>() {
            return failure.exit;
        }
        if matches!(cause.downcast_ref::<PassphraseError>(), Some(PassphraseError::Interrupted)) {
            return Exit::Interrupted;
        }
        if cause.is::<KeyringError>() {
            return Exit::Unreachable;
        }
        if cause.is::<ConfigError>()
            || cause.is::<PathsError>()
            || cause.is::<OpenListener>()
            || cause.is::<PassphraseError>()
        {
            return Exit::BadInput;
        }
        if let Some(error) = cause.downcast_ref::<PrivateFileError>() {
            return exit_of_file(error);
        }
        if let Some(error) = cause.downcast_ref::<ArchiveError>() {
            return match error {
                ArchiveError::Read { source, .. } | ArchiveError::Write(source) => exit_of_io(source),
                ArchiveError::Private(error) => exit_of_file(error),
                _ => Exit::BadInput,
            };
        }
        if let Some(error) = cause.downcast_ref::<ChainError>() {
            return if error.is_transient() { Exit::Unreachable } else { Exit::BadInput };
        }
        if let Some(error) = cause.downcast_ref::<LockError>() {
            return if matches!(error, LockError::Held { .. }) { Exit::InUse } else { Exit::Failed };
        }
        if let Some(error) = cause.downcast_ref::<BindError>() {
            return if matches!(error, BindError::Taken { .. }) { Exit::InUse } else { Exit::BadInput };
        }
        if let Some(error) = cause.downcast_ref::<KeyError>() {
            return if let KeyError::File(error) = error { exit_of_file(error) } else { Exit::BadInput };
        }
        if matches!(
            cause.downcast_ref::<StoreError>(),
            Some(StoreError::Network { .. } | StoreError::Newer { .. })
        ) {
            return Exit::BadInput;
        }
    }
    Exit::Failed
}

/// The code of a file that could not be read or written.
pub fn exit_of_file(error: &PrivateFileError) -> Exit {
    match error {
        PrivateFileError::Io { source, .. } => exit_of_io(source),
        _ => Exit::BadInput,
    }
}

/// A path that is not there, or not for us, is a wrong one; a full or failing disk is no mistake of whoever typed it.
fn exit_of_io(error: &io::Error) -> Exit {
    match error.kind() {
        ErrorKind::NotFound
        | ErrorKind::PermissionDenied
        | ErrorKind::NotADirectory
        | ErrorKind::IsADirectory
        | ErrorKind::AlreadyExists
        | ErrorKind::InvalidFilename => Exit::BadInput,
        // Its kind has no name that stable compilers take.
        _ if is_link_loop(error) => Exit::BadInput,
        _ => Exit::Failed,
    }
}

/// Whether the path goes in circles.
fn is_link_loop(error: &io::Error) -> bool {
    error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error())
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    #[test]
    fn a_full_disk_is_no_bad_input() {
        for (kind, exit) in [
            (ErrorKind::StorageFull, Exit::Failed),
            (ErrorKind::ReadOnlyFilesystem, Exit::Failed),
            (ErrorKind::NotFound, Exit::BadInput),
            (ErrorKind::PermissionDenied, Exit::BadInput),
            (ErrorKind::AlreadyExists, Exit::BadInput),
            (ErrorKind::InvalidFilename, Exit::BadInput),
        ] {
            let private =
                || PrivateFileError::Io { action: "write", path: PathBuf::new(), source: kind.into() };
            for error in [
                Error::from(private()),
                ArchiveError::Write(kind.into()).into(),
                ArchiveError::Private(private()).into(),
                KeyError::File(private()).into(),
            ] {
                assert_eq!(failure_of(&error.context("it is not restored")).exit, exit, "{kind:?}");
            }
        }
        let circle = io::Error::from_raw_os_error(rustix::io::Errno::LOOP.raw_os_error());
        assert_eq!(exit_of_io(&circle), Exit::BadInput);
        let loose = PrivateFileError::Loose { path: PathBuf::new(), mode: 0o644, wanted: 0o600 };
        assert_eq!(failure_of(&loose.into()).exit, Exit::BadInput);
    }
}
