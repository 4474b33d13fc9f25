//! `backup`: a data directory as one file, whether a broker runs on it or not.
//!
//! The database is copied first, as it is at one moment. Keys after it: a delegate key is on the disk before anything names
//! it, so every key that the copy needs is there by then. What waits in the spool, logs and the lock are of the running
//! process and stay behind; settings are elsewhere and stay too.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::settings::settings;
use crate::archive::{self, Content, FORMAT, FileName, Manifest};
use crate::cli::{Exit, Failure, Global, Output, Role};
use crate::config::{Paths, ProviderConfig, RoleConfig, UserConfig};
use crate::domain::Timestamp;
use crate::domain::amount::counted;
use crate::private_files::{self, PrivateFileError};
use crate::store::{self, About};

/// No key file is larger.
const LARGEST_KEY: u64 = 1 << 20;

pub async fn run(file: PathBuf, role: Role, global: &Global) -> Result<Exit> {
    let (paths, role) = match role {
        Role::User => (paths::<UserConfig>(global)?, store::Role::User),
        Role::Provider => (paths::<ProviderConfig>(global)?, store::Role::Provider),
    };
    let (target, data) = (file.clone(), paths.data.clone());
    let made = tokio::task::spawn_blocking(move || backup(&target, role, &paths)).await??;
    let bytes: u64 = made.files.iter().map(|file| file.bytes).sum();
    Output.note(&format!(
        "backup of the {role} broker's data in {}: {}; {} in {}",
        data.display(),
        contents(&made),
        counted(bytes, "byte"),
        file.display()
    ));
    Output.note(secrets(&made));
    Output.note("the settings, and a private key or token in them, are not in it: keep a copy of those too");
    Ok(Exit::Ok)
}

fn paths<C: RoleConfig>(global: &Global) -> Result<Paths> {
    let config: C = settings(global)?;
    Ok(Paths::of(C::NAME, config.shell().data_dir.as_deref())?)
}

/// What is in a backup, for people.
pub fn contents(manifest: &Manifest) -> String {
    let mut text = format!("the database as of {}", manifest.made_at.second());
    if manifest.role == store::Role::User.to_string() {
        text += &format!(", {}", counted(manifest.in_folder("delegates"), "delegate key"));
    }
    text + &format!(", {}", counted(manifest.in_folder("keys"), "locked key file"))
}

fn secrets(manifest: &Manifest) -> &'static str {
    if manifest.role == store::Role::User.to_string() {
        "only you can read it, and it should stay so: who has it has your conversations, and can spend the deposits that \
         its delegate keys were named for"
    } else {
        "only you can read it, and it should stay so: who has it knows your users, and the headers that your services are \
         called with"
    }
}

/// The name of a role's database in its directory, and in a backup.
pub fn database(role: store::Role) -> String {
    format!("{role}.db")
}

fn backup(target: &Path, role: store::Role, paths: &Paths) -> Result<Manifest> {
    let name = database(role);
    let from = paths.data.join(&name);
    if !from.try_exists()? {
        let message = format!("there is no database in {}; nothing to back up", paths.data.display());
        return Err(Failure::new(Exit::BadInput, message).into());
    }
    // Told before a large database is copied.
    if std::fs::symlink_metadata(target).is_ok() {
        return Err(PrivateFileError::Exists { path: target.to_owned() }.into());
    }
    // Beside the target, where there has to be room in any case; a crash leaves it under the name of unfinished files.
    let copies = private_files::unfinished_directory(target)?;
    let copied = copies.path().join(&name);
    // Whole seconds are what people read; earlier is on the safe side.
    let made_at = Timestamp::from_seconds(Timestamp::now().as_seconds());
    let about = store::copy(&from, role, &copied).context("the database cannot be copied")?;
    let mut files = vec![(name.parse()?, Content::File(copied))];
    for (folder, directory) in [("delegates", paths.data.join("delegates")), ("keys", paths.keys.clone())] {
        files.extend(keys(folder, &directory)?);
    }
    Ok(archive::write(target, manifest(about, made_at, &paths.data)?, &files)?)
}

fn manifest(about: About, made_at: Timestamp, data: &Path) -> Result<Manifest> {
    let Some(network) = about.network else {
        let message = format!("no broker has run in {} yet; nothing to back up", data.display());
        return Err(Failure::new(Exit::BadInput, message).into());
    };
    Ok(Manifest {
        program: env!("CARGO_PKG_NAME").to_owned(),
        format: FORMAT,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        role: about.role.to_string(),
        made_at,
        chain_id: network.chain_id,
        contract: network.contract,
        schema: about.schema,
        files: Vec::new(),
    })
}

/// The keys in a folder; what is there under another kind of name is not ours.
fn keys(folder: &str, directory: &Path) -> Result<Vec<(FileName, Content)>> {
    let names = private_files::list(directory)?.into_iter();
    let found = names.filter_map(|name| Some((format!("{folder}/{name}").parse().ok()?, name)));
    found
        .map(|(inside, name)| {
            Ok((inside, Content::Bytes(private_files::read(&directory.join(name), LARGEST_KEY)?)))
        })
        .collect()
}
