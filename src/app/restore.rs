//! `restore`: a backup becomes a data directory again: in a new place, whole or not at all.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::backup::{contents, database};
use super::settings::chosen_network;
use crate::archive::{Archive, Manifest};
use crate::cli::{Exit, Failure, Global, Output};
use crate::config::{ProviderConfig, UserConfig};
use crate::private_files;
use crate::store::{self, DataLock, LockError, Network, Role};

/// What the settings say about the chain, where they say something.
type Chosen = (Option<u64>, Option<crate::domain::Address>);

pub async fn run(file: PathBuf, directory: PathBuf, global: &Global) -> Result<Exit> {
    let (global, target) = (global.clone(), directory.clone());
    // Whose settings count is known once the backup says whose data it is.
    let chosen = move |role| match role {
        Role::User => chosen_network::<UserConfig>(&global),
        Role::Provider => chosen_network::<ProviderConfig>(&global),
    };
    let (role, manifest) = tokio::task::spawn_blocking(move || restore(&file, &target, chosen)).await??;
    let there = directory.display();
    Output.note(&format!("the data of a {role} broker is in {there}: {}", contents(&manifest)));
    let start = if role == Role::User { "--headless" } else { "provider" };
    Output.note(&format!("start it with: zgserve-tui {start} --data-dir {there}"));
    for line in meaning(role, &manifest) {
        Output.note(&line);
    }
    Ok(Exit::Ok)
}

/// What an older copy of the books means.
fn meaning(role: Role, manifest: &Manifest) -> [String; 2] {
    let at = manifest.made_at.second();
    let first = "never run the place that it came from and this one at the same time: with the same keys each would promise \
                 without knowing of the other"
        .to_owned();
    let second = match role {
        Role::User => format!(
            "if it ran on after {at}, what was promised since comes back by itself: what the chain has settled at the start, \
             what a voucher of yours promised when a provider shows it. Until then the caps count from {at}; requests made \
             since are not listed"
        ),
        Role::Provider => format!(
            "if it ran on after {at}, vouchers come back with the next request of each user, and what was settled from the \
             chain. What was charged since and not settled is not in these books and is lost: to move, stop the broker before its last backup"
        ),
    };
    [first, second]
}

/// Checks everything that can be known before, unpacks beside the target and gives it its name.
fn restore(file: &Path, target: &Path, chosen: impl Fn(Role) -> Result<Chosen>) -> Result<(Role, Manifest)> {
    let archive = Archive::open(file)?;
    let manifest = archive.manifest();
    let role = Role::named(&manifest.role).ok_or_else(|| {
        refused(format!("this is a backup of a {} broker, which this program does not know", manifest.role))
    })?;
    let known = role.newest_schema();
    if manifest.schema > known {
        return Err(store::StoreError::Newer { found: manifest.schema, known }.into());
    }
    let network = Network { chain_id: manifest.chain_id, contract: manifest.contract };
    same_chain(network, chosen(role)?)?;
    is_free(target)?;
    if let Some(above) = target.parent().filter(|above| !above.as_os_str().is_empty()) {
        private_files::create_directory(above)?;
    }
    let unpacked = private_files::unfinished_directory(target)?;
    let manifest = archive.unpack(unpacked.path())?;
    let found = store::inspect(&unpacked.path().join(database(role)), role)
        .context("the database in the backup cannot be used")?;
    if found.network != Some(network) || found.schema != manifest.schema {
        return Err(refused(
            "the manifest of the backup speaks of another database than the one in it".to_owned(),
        ));
    }
    name(unpacked, target)?;
    Ok((role, manifest))
}

fn refused(message: String) -> anyhow::Error {
    Failure::new(Exit::BadInput, message).into()
}

/// A backup of another chain or contract than the settings name would not start under them.
fn same_chain(found: Network, (chain_id, contract): Chosen) -> Result<()> {
    let wanted = Network {
        chain_id: chain_id.unwrap_or(found.chain_id),
        contract: contract.unwrap_or(found.contract),
    };
    if wanted == found { Ok(()) } else { Err(store::StoreError::Network { found, wanted }.into()) }
}

/// What was unpacked takes the target's name, and not every directory can be taken out of the way.
fn busy(target: &Path) -> anyhow::Error {
    let inside = target.join("data");
    refused(format!(
        "{} is the working directory or a mounted volume, which cannot be replaced; name a new directory inside it: {}",
        target.display(),
        inside.display()
    ))
}

/// Whether it is the directory that this program, and the shell before it, is in: it would be gone under both.
fn is_here(target: &Path) -> bool {
    let (target, here) =
        (target.canonicalize(), std::env::current_dir().and_then(|here| here.canonicalize()));
    target.is_ok_and(|target| here.is_ok_and(|here| here == target))
}

/// Whether there is nothing at the target but, maybe, an empty directory.
fn is_free(target: &Path) -> Result<()> {
    match fs::symlink_metadata(target) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error).with_context(|| target.display().to_string()),
        Ok(meta) if !meta.is_dir() => {
            return Err(refused(format!("{} is no directory", target.display())));
        }
        Ok(_) => {}
    }
    if let Some(holder) = DataLock::holder(target)? {
        return Err(LockError::held(target, &holder).into());
    }
    if fs::read_dir(target)?.next().is_some() {
        return Err(refused(format!(
            "{} is not empty; a backup is restored into a new directory",
            target.display()
        )));
    }
    // Told before anything is unpacked. `x/..` and `/` have no name that could be given.
    if is_here(target) || target.file_name().is_none() {
        return Err(busy(target));
    }
    Ok(())
}

/// Gives what was unpacked its name. A directory that is not empty by now keeps it.
fn name(unpacked: tempfile::TempDir, target: &Path) -> Result<()> {
    for entry in fs::read_dir(unpacked.path())? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            File::open(entry.path())?.sync_all()?;
        }
    }
    File::open(unpacked.path())?.sync_all()?;
    fs::rename(unpacked.path(), target).map_err(|error| match error.kind() {
        io::ErrorKind::ResourceBusy | io::ErrorKind::CrossesDevices => busy(target),
        _ => anyhow::Error::from(error).context(format!("{} cannot be put in place", target.display())),
    })?;
    // It is gone under the name that would be removed.
    let _ = unpacked.keep();
    Ok(private_files::sync_directory(target)?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;

    #[test]
    fn a_directory_that_cannot_be_replaced_is_known_and_told_with_what_can() {
        let place = tempfile::tempdir().unwrap();
        assert!(is_free(place.path()).is_ok() && is_free(&place.path().join("new")).is_ok());
        assert!(is_here(Path::new(".")) && is_here(&std::env::current_dir().unwrap()));
        assert!(!is_here(place.path()) && !is_here(&place.path().join("new")));
        let told = busy(place.path()).to_string();
        assert!(told.ends_with(&format!("inside it: {}", place.path().join("data").display())), "{told}");
    }
}
