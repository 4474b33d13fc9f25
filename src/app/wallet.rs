//! Which key signs: the first of `privateKeys`, or an encrypted key file; or none, where delegate keys do.

use std::collections::BTreeSet;
use std::sync::Arc;

use anyhow::{Context, Result};

use super::passphrase::{self, Origin, Passphrase};
use crate::cli::{self, Exit, Failure, Global, Line};
use crate::config::{PassphraseFrom, Paths, RoleConfig, Shell, UserConfig};
use crate::domain::Address;
use crate::keys::{DelegateKeys, KeyError, KeyFile, KeyFiles, PassphraseKeyring, SystemKeyring, Wallet};

/// The key of a role; none is an error that says how to get one.
pub async fn need<C: RoleConfig>(shell: &Shell, global: &Global, paths: &Paths) -> Result<Arc<Wallet>> {
    match find(shell, global, paths).await? {
        Some(wallet) => Ok(wallet),
        None => Err(Failure::new(
            Exit::BadInput,
            format!(
                "no key to sign with: set privateKeys in the settings file, or make a key file with {}",
                making::<C>()
            ),
        )
        .into()),
    }
}

/// The command that makes a key file for a role.
pub fn making<C: RoleConfig>() -> &'static str {
    if C::NAME == UserConfig::NAME {
        "`zgserve-tui wallet new`"
    } else {
        "`zgserve-tui wallet --role provider new`"
    }
}

/// The key of a role, if there is one.
pub async fn find(shell: &Shell, global: &Global, paths: &Paths) -> Result<Option<Arc<Wallet>>> {
    if let Some(file) = &global.private_key_file {
        let text = cli::from_file(Line::PrivateKey, file)?;
        return Ok(Some(Arc::new(Wallet::from_hex(&text).context(file.display().to_string())?)));
    }
    if let Some(key) = shell.private_keys.0.first() {
        tracing::warn!(
            "the settings hold the private key in the clear (privateKeys); safer is an encrypted key file: \
             `zgserve-tui wallet import` makes one, then take privateKeys out"
        );
        return Ok(Some(Arc::new(Wallet::from_hex(key).context("privateKeys")?)));
    }
    let files = KeyFiles::new(&paths.keys);
    let Some(file) = choose(files.list()?, shell.wallet)? else { return Ok(None) };
    if let Some(wallet) = unasked(shell, global, &files, file.address, &SystemKeyring).await? {
        return Ok(Some(wallet));
    }
    let passphrase = passphrase::asked(file.address).await?;
    Ok(Some(open(&files, file.address, passphrase).await?))
}

/// The key of an address, opened without asking anybody; `None` where somebody has to be asked.
pub async fn unasked(
    shell: &Shell,
    global: &Global,
    files: &KeyFiles,
    address: Address,
    keyring: &dyn PassphraseKeyring,
) -> Result<Option<Arc<Wallet>>> {
    let Some(found) = passphrase::unasked(shell, global, address, keyring).await? else { return Ok(None) };
    let origin = found.origin;
    match open(files, address, found).await {
        Ok(wallet) => Ok(Some(wallet)),
        // One that was changed since: whoever is there is asked, as if the keyring had none.
        Err(KeyError::WrongPassphrase)
            if origin == Origin::Keyring && shell.passphrase_from == PassphraseFrom::Auto =>
        {
            tracing::warn!("{}", outdated(address));
            Ok(None)
        }
        Err(KeyError::WrongPassphrase) if origin == Origin::Keyring => {
            Err(Failure::new(Exit::BadInput, outdated(address)).into())
        }
        Err(error) => Err(error.into()),
    }
}

fn outdated(address: Address) -> String {
    format!(
        "the passphrase in the keyring does not fit the key file of {address}; `zgserve-tui wallet keyring add {address}` \
         replaces it"
    )
}

/// Opening takes about a second of work on purpose.
async fn open(files: &KeyFiles, address: Address, passphrase: Passphrase) -> Result<Arc<Wallet>, KeyError> {
    let files = files.clone();
    let opened = tokio::task::spawn_blocking(move || files.open(address, &passphrase.text)).await;
    Ok(Arc::new(opened.unwrap_or(Err(KeyError::Interrupted))?))
}

/// Whose accounts the delegate keys of a directory serve, told without any key: the address in the settings, or that of
/// the one key file, or the one user whom all delegate keys are of.
pub async fn delegating(shell: &Shell, paths: &Paths) -> Result<Address> {
    let contract = shell.chain.contract;
    let held = DelegateKeys::new(&paths.data).list().await?;
    let users: BTreeSet<Address> =
        held.iter().filter(|id| id.contract == contract).map(|id| id.account.user).collect();
    let files = KeyFiles::new(&paths.keys).list()?;
    let user = match (shell.wallet, files.as_slice(), users.len()) {
        (Some(wallet), ..) => wallet,
        (None, [file], _) => file.address,
        (None, _, 1) => users.first().copied().unwrap_or_default(),
        _ => {
            let message =
                "whose accounts? set wallet to the address whose delegate keys are in the data directory";
            return Err(Failure::new(Exit::BadInput, message).into());
        }
    };
    if !users.contains(&user) {
        let message = format!(
            "there is no delegate key of {user} for the contract {contract} in {}; an account that is opened with the \
             wallet has one",
            paths.data.display()
        );
        return Err(Failure::new(Exit::BadInput, message).into());
    }
    Ok(user)
}

fn choose(mut files: Vec<KeyFile>, wanted: Option<Address>) -> Result<Option<KeyFile>> {
    if let Some(wanted) = wanted {
        let found = files.into_iter().find(|file| file.address == wanted);
        let missing = || Failure::new(Exit::BadInput, format!("wallet: there is no key file for {wanted}"));
        return found.map(Some).ok_or_else(|| missing().into());
    }
    if files.len() > 1 {
        let names: Vec<String> = files.iter().map(|file| file.address.to_string()).collect();
        let message = format!("there are several key files; set wallet to one of {}", names.join(", "));
        return Err(Failure::new(Exit::BadInput, message).into());
    }
    Ok(files.pop())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;
    use crate::app::failure_of;
    use crate::config::{Sources, load};
    use crate::domain::AccountId;
    use crate::keys::{DelegateId, Secret};

    fn shell(wallet: Option<Address>) -> Shell {
        let wallet = wallet.map(|wallet| ("ZGSERVE_WALLET".to_owned(), wallet.to_string()));
        let sources = Sources { variables: wallet.into_iter().collect(), ..Sources::default() };
        load::<UserConfig>(&sources).unwrap().0.shell
    }

    #[tokio::test]
    async fn whose_delegate_keys_they_are_is_told_without_a_key() {
        let directory = tempfile::tempdir().unwrap();
        let paths = Paths { data: directory.path().to_owned(), keys: directory.path().join("keys") };
        let whose = async |wallet| {
            delegating(&shell(wallet), &paths).await.map_err(|error| failure_of(&error).message)
        };
        let (one, other) = (Address::repeat_byte(1), Address::repeat_byte(2));
        assert!(whose(None).await.unwrap_err().contains("whose accounts?"));
        let contract = shell(None).chain.contract;
        let keys = DelegateKeys::new(&paths.data);
        let delegate = |user, contract| {
            let account = AccountId { user, provider: Address::repeat_byte(9) };
            keys.get_or_create(DelegateId { chain_id: 31337, contract, account })
        };
        delegate(one, contract).await.unwrap();
        // On another contract: none of ours.
        delegate(other, Address::repeat_byte(8)).await.unwrap();
        assert_eq!(whose(None).await, Ok(one));
        assert!(whose(Some(other)).await.unwrap_err().contains("no delegate key"));
        delegate(other, contract).await.unwrap();
        assert!(whose(None).await.unwrap_err().contains("set wallet"));
        assert_eq!(whose(Some(other)).await, Ok(other));
        // The one key file names its owner, and stays locked.
        let key = Secret::new("4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318".to_owned());
        let kept = KeyFiles::new(&paths.keys).import_hex(&key, &Secret::new("x".to_owned())).unwrap();
        assert!(whose(None).await.unwrap_err().contains(&format!("no delegate key of {}", kept.address)));
        delegate(kept.address, contract).await.unwrap();
        assert_eq!(whose(None).await, Ok(kept.address));
    }
}
