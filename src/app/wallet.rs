//! Which key signs: the first of `privateKeys`, or an encrypted key file.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};

use crate::cli::{self, Exit, Failure, Global};
use crate::config::{Paths, Shell};
use crate::domain::Address;
use crate::keys::{KeyFile, KeyFiles, Secret, Wallet};

/// The key of a role; none is an error that says how to get one.
pub async fn need(shell: &Shell, global: &Global, paths: &Paths) -> Result<Arc<Wallet>> {
    match find(shell, global, paths).await? {
        Some(wallet) => Ok(wallet),
        None => Err(Failure::new(
            Exit::BadInput,
            "no key to sign with: set privateKeys in the settings file, or make a key file with `zgserve-tui wallet new`",
        )
        .into()),
    }
}

/// The key of a role, if there is one.
pub async fn find(shell: &Shell, global: &Global, paths: &Paths) -> Result<Option<Arc<Wallet>>> {
    if let Some(file) = &global.private_key_file {
        let text = cli::from_file(file)?;
        return Ok(Some(Arc::new(Wallet::from_hex(&text).context(file.display().to_string())?)));
    }
    if let Some(key) = shell.private_keys.0.first() {
        return Ok(Some(Arc::new(Wallet::from_hex(key).context("privateKeys")?)));
    }
    let files = KeyFiles::new(&paths.keys);
    let Some(file) = choose(files.list()?, shell.wallet)? else { return Ok(None) };
    let passphrase = passphrase(shell.passphrase_file.as_deref(), file.address)?;
    let address = file.address;
    // Opening takes about a second of work on purpose.
    let wallet = tokio::task::spawn_blocking(move || files.open(address, &passphrase)).await??;
    Ok(Some(Arc::new(wallet)))
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

/// From the file that the settings name, or asked for.
pub fn passphrase(file: Option<&Path>, address: Address) -> Result<Secret<String>> {
    Ok(match file {
        Some(file) => cli::from_file(file)?,
        None => cli::ask(&format!("Passphrase for {address}"))?,
    })
}
