//! From an error to a sentence and an exit code.

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
            || cause.is::<PrivateFileError>()
            || cause.is::<ArchiveError>()
        {
            return Exit::BadInput;
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
        if cause.is::<KeyError>() {
            return Exit::BadInput;
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
