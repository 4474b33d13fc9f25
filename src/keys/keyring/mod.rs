//! The keyring that the system opens with its user's login: where the passphrase of a key file may be kept, so that a
//! start asks for nothing. Never the key itself: whoever reads the keyring still needs the file, and whoever copies
//! the file the keyring.
//!
//! [`PassphraseKeyring`] is the boundary. [`SystemKeyring`] is the Secret Service of a Linux desktop (GNOME Keyring,
//! KWallet, KeePassXC) or the Keychain of macOS; a machine without either says so in one sentence. Everything is
//! asked for with a time limit: a keyring may show a window and wait for somebody.

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "macos")]
mod macos;
mod memory;

use std::fmt;
use std::time::Duration;

use alloy::primitives::Address;
use futures_util::future::BoxFuture;

#[cfg(target_os = "linux")]
use self::linux as system;
#[cfg(target_os = "macos")]
use self::macos as system;
pub use self::memory::MemoryKeyring;
use super::Secret;

/// How long a keyring may take that asks nobody.
const ANSWER: Duration = Duration::from_secs(5);

/// How long somebody may take to open a locked one.
const SOMEBODY: Duration = Duration::from_secs(60);

/// Under this name everything of ours is in the keyring.
const APPLICATION: &str = "zgserve-tui";

/// Why the keyring did not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyringError {
    #[error(
        "this session has no keyring; name a file that only you can read with passphraseFile, or hand the passphrase over \
         with --passphrase-fd"
    )]
    Absent,
    #[error("the keyring is locked and nobody opened it")]
    Locked,
    #[error("the keyring did not answer in time")]
    Slow,
    #[error("the keyring refused: {0}")]
    Refused(String),
}

/// Passphrases of key files by address. Nothing here blocks.
pub trait PassphraseKeyring: fmt::Debug + Send + Sync {
    /// Whether there is a keyring at all. Opens nothing and asks nobody.
    fn is_there(&self) -> BoxFuture<'_, bool>;
    /// Whether it holds the passphrase of that key. Opens nothing and asks nobody.
    fn holds(&self, address: Address) -> BoxFuture<'_, Result<bool, KeyringError>>;
    fn find(&self, address: Address) -> BoxFuture<'_, Result<Option<Secret<String>>, KeyringError>>;
    /// Keeps a passphrase, in the place of an older one.
    fn keep(&self, address: Address, passphrase: Secret<String>) -> BoxFuture<'_, Result<(), KeyringError>>;
    /// Gives whether there was one.
    fn forget(&self, address: Address) -> BoxFuture<'_, Result<bool, KeyringError>>;
}

/// The keyring of this session.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemKeyring;

impl PassphraseKeyring for SystemKeyring {
    fn is_there(&self) -> BoxFuture<'_, bool> {
        Box::pin(async { within(ANSWER, system::is_there()).await.is_ok() })
    }

    fn holds(&self, address: Address) -> BoxFuture<'_, Result<bool, KeyringError>> {
        Box::pin(within(ANSWER, system::holds(name(address))))
    }

    fn find(&self, address: Address) -> BoxFuture<'_, Result<Option<Secret<String>>, KeyringError>> {
        Box::pin(async move {
            // Where there is none, nobody is asked to open anything.
            if !self.holds(address).await? {
                return Ok(None);
            }
            within(SOMEBODY, system::find(name(address))).await
        })
    }

    fn keep(&self, address: Address, passphrase: Secret<String>) -> BoxFuture<'_, Result<(), KeyringError>> {
        Box::pin(async move {
            within(ANSWER, system::is_there()).await?;
            within(SOMEBODY, system::keep(name(address), passphrase)).await
        })
    }

    fn forget(&self, address: Address) -> BoxFuture<'_, Result<bool, KeyringError>> {
        Box::pin(async move {
            if !self.holds(address).await? {
                return Ok(false);
            }
            within(SOMEBODY, system::forget(name(address))).await
        })
    }
}

async fn within<T>(
    limit: Duration,
    work: impl Future<Output = Result<T, KeyringError>>,
) -> Result<T, KeyringError> {
    tokio::time::timeout(limit, work).await.unwrap_or(Err(KeyringError::Slow))
}

/// An address as the keyring has it.
fn name(address: Address) -> String {
    format!("{address:#x}")
}

/// A system that we know no keyring of.
#[cfg(not(any(target_os = "linux", target_os = "macos")))]
mod system {
    use super::{KeyringError, Secret};

    pub async fn is_there() -> Result<(), KeyringError> {
        Err(KeyringError::Absent)
    }
    pub async fn holds(_: String) -> Result<bool, KeyringError> {
        Err(KeyringError::Absent)
    }
    pub async fn find(_: String) -> Result<Option<Secret<String>>, KeyringError> {
        Err(KeyringError::Absent)
    }
    pub async fn keep(_: String, _: Secret<String>) -> Result<(), KeyringError> {
        Err(KeyringError::Absent)
    }
    pub async fn forget(_: String) -> Result<bool, KeyringError> {
        Err(KeyringError::Absent)
    }
}
