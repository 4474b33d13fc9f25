//! The login Keychain of macOS. Its calls block, and one that shows a window blocks until somebody answers it; each
//! runs on a thread of its own.

use security_framework::passwords::{delete_generic_password, generic_password, set_generic_password};
use security_framework::passwords_options::PasswordOptions;
use zeroize::Zeroizing;

use super::{APPLICATION, KeyringError};
use crate::keys::Secret;

/// `errSecItemNotFound` and what a locked Keychain answers where it may show no window.
const NOT_FOUND: i32 = -25300;
const LOCKED: [i32; 3] = [-25308, -25293, -128];

type Answer<T> = Result<T, security_framework::base::Error>;

async fn apart<T: Send + 'static>(
    work: impl FnOnce() -> Answer<T> + Send + 'static,
) -> Result<Option<T>, KeyringError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(Ok(answer)) => Ok(Some(answer)),
        Ok(Err(error)) if error.code() == NOT_FOUND => Ok(None),
        Ok(Err(error)) if LOCKED.contains(&error.code()) => Err(KeyringError::Locked),
        Ok(Err(error)) => Err(KeyringError::Refused(format!("the Keychain answers {}", error.code()))),
        Err(_) => Err(KeyringError::Slow),
    }
}

/// Every login has one.
pub async fn is_there() -> Result<(), KeyringError> {
    Ok(())
}

/// The Keychain tells names only together with what they name, so this may show a window.
pub async fn holds(name: String) -> Result<bool, KeyringError> {
    Ok(find(name).await?.is_some())
}

pub async fn find(name: String) -> Result<Option<Secret<String>>, KeyringError> {
    let work = move || generic_password(PasswordOptions::new_generic_password(APPLICATION, &name));
    let Some(bytes) = apart(work).await?.map(Zeroizing::new) else { return Ok(None) };
    let text = std::str::from_utf8(&bytes)
        .map_err(|_| KeyringError::Refused("what it holds is no passphrase of ours".to_owned()))?;
    Ok(Some(Secret::new(text.to_owned())))
}

pub async fn keep(name: String, passphrase: Secret<String>) -> Result<(), KeyringError> {
    let work = move || set_generic_password(APPLICATION, &name, passphrase.expose().as_bytes());
    apart(work).await.map(|_| ())
}

pub async fn forget(name: String) -> Result<bool, KeyringError> {
    Ok(apart(move || delete_generic_password(APPLICATION, &name)).await?.is_some())
}
