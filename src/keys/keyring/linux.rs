//! The Secret Service over the session's D-Bus. What is kept travels encrypted: other programs may watch that bus.

use std::collections::HashMap;

use secret_service::{EncryptionType, Error, SecretService};
use zeroize::Zeroizing;

use super::{APPLICATION, KeyringError};
use crate::domain::clean;
use crate::keys::Secret;

/// Characters of what a keyring says that are told on.
const WORDS: usize = 200;

impl From<Error> for KeyringError {
    fn from(error: Error) -> Self {
        match error {
            Error::Unavailable => Self::Absent,
            // No bus, or nothing on the bus that is one.
            Error::Zbus(_) | Error::ZbusFdo(_) if is_absence(&error) => Self::Absent,
            // No collection that is the default: a keyring that was never set up.
            Error::NoResult => Self::Absent,
            Error::Locked | Error::Prompt | Error::PromptDisconnected => Self::Locked,
            error => Self::Refused(clean::clean(&error.to_string(), WORDS).into_owned()),
        }
    }
}

/// The names that D-Bus has for a service that is not there, and the system's for a bus that is not.
fn is_absence(error: &Error) -> bool {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text.push_str(&error.to_string());
        cause = error.source();
    }
    [
        "ServiceUnknown",
        "NameHasNoOwner",
        "Spawn.",
        "No such file",
        "not provided by any",
        "Connection refused",
        "unset",
    ]
    .iter()
    .any(|sign| text.contains(sign))
}

async fn service() -> Result<SecretService<'static>, KeyringError> {
    Ok(SecretService::connect(EncryptionType::Dh).await?)
}

fn attributes(name: &str) -> HashMap<&str, &str> {
    HashMap::from([("application", APPLICATION), ("address", name)])
}

pub async fn is_there() -> Result<(), KeyringError> {
    service().await?.get_default_collection().await?;
    Ok(())
}

pub async fn holds(name: String) -> Result<bool, KeyringError> {
    let service = service().await?;
    let found = service.search_items(attributes(&name)).await?;
    Ok(!found.unlocked.is_empty() || !found.locked.is_empty())
}

pub async fn find(name: String) -> Result<Option<Secret<String>>, KeyringError> {
    let service = service().await?;
    let found = service.search_items(attributes(&name)).await?;
    let item = match (found.unlocked.first(), found.locked.first()) {
        (Some(item), _) => item,
        (None, Some(item)) => {
            item.unlock().await?;
            item
        }
        (None, None) => return Ok(None),
    };
    let bytes = Zeroizing::new(item.get_secret().await?);
    let text = std::str::from_utf8(&bytes)
        .map_err(|_| KeyringError::Refused("what it holds is no passphrase of ours".to_owned()))?;
    Ok(Some(Secret::new(text.to_owned())))
}

pub async fn keep(name: String, passphrase: Secret<String>) -> Result<(), KeyringError> {
    let service = service().await?;
    let collection = service.get_default_collection().await?;
    if collection.is_locked().await? {
        collection.unlock().await?;
    }
    let label = format!("{APPLICATION}: passphrase of the key file of {name}");
    let secret = passphrase.expose().as_bytes();
    collection.create_item(&label, attributes(&name), secret, true, "text/plain").await?;
    Ok(())
}

pub async fn forget(name: String) -> Result<bool, KeyringError> {
    let service = service().await?;
    let found = service.search_items(attributes(&name)).await?;
    let mut any = false;
    for item in found.unlocked.iter().chain(&found.locked) {
        if item.is_locked().await? {
            item.unlock().await?;
        }
        item.delete().await?;
        any = true;
    }
    Ok(any)
}
