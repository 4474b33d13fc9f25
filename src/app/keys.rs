//! Key files: make, take in, list, hand out; and their passphrases in the keyring.

use std::path::{Path, PathBuf};

use anyhow::Result;
use serde_json::json;

use super::passphrase;
use super::settings::settings;
use crate::cli::{
    self, Column, Exit, Failure, Global, Json, KeyringCommand, Line, Output, PassphraseError, WalletCommand,
};
use crate::config::{Paths, RoleConfig, Shell};
use crate::domain::Address;
use crate::keys::{KeyError, KeyFiles, KeyringError, PassphraseKeyring, Secret, SystemKeyring, Wallet};

/// Works on the key files of a role.
pub async fn run<C: RoleConfig>(command: WalletCommand, global: &Global) -> Result<Exit> {
    let config: C = settings(global)?;
    let shell = config.shell();
    let paths = Paths::of(C::NAME, shell.data_dir.as_deref())?;
    let files = KeyFiles::new(&paths.keys);
    let new_passphrase = async || -> Result<Secret<String>> {
        match passphrase::given(shell, global).await? {
            Some(given) => Ok(given),
            None => Ok(cli::ask_new().await?),
        }
    };
    // Locking and unlocking a key file is slow on purpose.
    match command {
        WalletCommand::New => {
            let passphrase = new_passphrase().await?;
            let made = tokio::task::spawn_blocking(move || files.create(&passphrase)).await??;
            Output.line(&made.address.to_string());
            Output.note(&format!(
                "key file {}; keep a copy of it, and the passphrase elsewhere",
                made.path.display()
            ));
        }
        WalletCommand::Import { file: None, .. } => {
            let key = cli::secret_line("Private key (64 hexadecimal digits)").await?;
            // Wrong digits are told before a passphrase is asked for.
            Wallet::from_hex(&key)?;
            let passphrase = new_passphrase().await?;
            let made = tokio::task::spawn_blocking(move || files.import_hex(&key, &passphrase)).await??;
            Output.line(&made.address.to_string());
        }
        WalletCommand::Import { file: Some(file), old_passphrase_file } => {
            let old = old_passphrase(&file, old_passphrase_file).await?;
            let passphrase = new_passphrase().await?;
            let made =
                tokio::task::spawn_blocking(move || files.import_file(&file, &old, &passphrase)).await??;
            Output.line(&made.address.to_string());
        }
        WalletCommand::List(json) => {
            let items: Vec<_> = files
                .list()?
                .into_iter()
                .map(|file| json!({"Address": file.address.to_string(), "Path": file.path.display().to_string()}))
                .collect();
            if json.json {
                Output.json(&json!({"Metadata": {"total": items.len()}, "Items": items}));
            } else {
                let columns = [Column::text("ADDRESS", "Address"), Column::text("FILE", "Path")];
                Output.table(&items, &columns);
            }
        }
        WalletCommand::Export { address } => {
            // Not from the keyring: whoever sits down at an open session would get the key itself.
            let passphrase = given_or_asked(shell, global, address).await?;
            let key = tokio::task::spawn_blocking(move || files.export(address, &passphrase)).await??;
            Output.note("whoever sees this key owns its money");
            Output.line(key.expose());
        }
        WalletCommand::Keyring(command) => {
            return keyring(command, shell, global, &files, &SystemKeyring).await;
        }
    }
    Ok(Exit::Ok)
}

/// The passphrase that another program's key file has. That of our own file is another one, so no setting stands in for it.
async fn old_passphrase(file: &Path, given: Option<PathBuf>) -> Result<Secret<String>> {
    if let Some(given) = given {
        return Ok(tokio::task::spawn_blocking(move || cli::from_file(Line::Passphrase, &given)).await??);
    }
    match cli::ask(&format!("Passphrase of {}", file.display())).await {
        Err(PassphraseError::NoTerminal) => {
            let message = format!(
                "the passphrase of {} is needed and there is no terminal to ask at; give it with --old-passphrase-file, and \
                 the new one with --passphrase-file",
                file.display()
            );
            Err(Failure::new(Exit::BadInput, message).into())
        }
        asked => Ok(asked?),
    }
}

async fn given_or_asked(shell: &Shell, global: &Global, address: Address) -> Result<Secret<String>> {
    match passphrase::given(shell, global).await? {
        Some(given) => Ok(given),
        None => Ok(passphrase::asked(address).await?.text),
    }
}

async fn keyring(
    command: KeyringCommand,
    shell: &Shell,
    global: &Global,
    files: &KeyFiles,
    keyring: &dyn PassphraseKeyring,
) -> Result<Exit> {
    match command {
        KeyringCommand::Add { address } => {
            // Both are told before a passphrase is asked for.
            if !files.list()?.iter().any(|file| file.address == address) {
                return Err(KeyError::Unknown(address).into());
            }
            if !keyring.is_there().await {
                return Err(KeyringError::Absent.into());
            }
            let passphrase = given_or_asked(shell, global, address).await?;
            let (files, tried) = (files.clone(), passphrase.clone());
            tokio::task::spawn_blocking(move || files.open(address, &tried)).await??;
            keyring.keep(address, passphrase).await?;
            Output.note(&format!("the keyring keeps the passphrase of {address}; starts ask for it no more"));
        }
        KeyringCommand::Remove { address } => {
            if !keyring.forget(address).await? {
                let message = format!("the keyring has no passphrase for {address}");
                return Err(Failure::new(Exit::BadInput, message).into());
            }
            Output.note(&format!("the keyring has no passphrase for {address} any more; starts ask for it"));
        }
        KeyringCommand::Status(json) => status(json, files, keyring).await?,
    }
    Ok(Exit::Ok)
}

async fn status(json: Json, files: &KeyFiles, keyring: &dyn PassphraseKeyring) -> Result<()> {
    let there = keyring.is_there().await;
    let mut items = Vec::new();
    for file in files.list()? {
        let kept = there && keyring.holds(file.address).await?;
        items.push(json!({"Address": file.address.to_string(), "Kept": kept}));
    }
    if json.json {
        let metadata = json!({"total": items.len(), "Keyring": there});
        Output.json(&json!({"Metadata": metadata, "Items": items}));
        return Ok(());
    }
    let columns = [Column::text("ADDRESS", "Address"), Column::text("PASSPHRASE KEPT", "Kept")];
    Output.table(&items, &columns);
    if there {
        Output.note("this session has a keyring");
    } else {
        Output.note(&KeyringError::Absent.to_string());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;
    use crate::config::{ProviderConfig, Sources, UserConfig, load};
    use crate::keys::MemoryKeyring;

    #[tokio::test]
    async fn only_a_passphrase_that_fits_goes_into_the_keyring_and_it_comes_out_again() {
        let directory = tempfile::tempdir().unwrap();
        let files = KeyFiles::new(directory.path().join("keys"));
        let secret = |text: &str| Secret::new(text.to_owned());
        let address = files.create(&secret("right")).unwrap().address;
        let file = directory.path().join("passphrase");
        let sources = Sources {
            variables: vec![("ZGSERVE_PASSPHRASE_FILE".to_owned(), file.display().to_string())],
            ..Sources::default()
        };
        let shell = load::<UserConfig>(&sources).unwrap().0.shell;
        let global = Global::default();
        let run = async |command, held: &MemoryKeyring| {
            keyring(command, &shell, &global, &files, held).await.map_err(|error| error.to_string())
        };
        let held = MemoryKeyring::default();
        std::fs::write(&file, "wrong\n").unwrap();
        run(KeyringCommand::Add { address }, &held).await.unwrap_err();
        assert!(!held.holds(address).await.unwrap(), "it was tried first");
        std::fs::write(&file, "right\n").unwrap();
        run(KeyringCommand::Add { address }, &held).await.unwrap();
        assert_eq!(held.find(address).await.unwrap().unwrap().expose(), "right");
        run(KeyringCommand::Status(Json::default()), &held).await.unwrap();
        run(KeyringCommand::Remove { address }, &held).await.unwrap();
        assert!(run(KeyringCommand::Remove { address }, &held).await.unwrap_err().contains("no passphrase"));
        let unknown = run(KeyringCommand::Add { address: Address::ZERO }, &held).await.unwrap_err();
        assert!(unknown.contains("no key file"));
        let absent = MemoryKeyring::failing(KeyringError::Absent);
        let told = run(KeyringCommand::Add { address }, &absent).await.unwrap_err();
        assert!(told.contains("passphraseFile") && told.contains("--passphrase-fd"), "{told}");
        run(KeyringCommand::Status(Json { json: true }), &absent).await.unwrap();
    }

    #[tokio::test]
    async fn the_key_files_of_either_role_are_worked_on() {
        let place = tempfile::tempdir().unwrap();
        let (data, passphrase) = (place.path().join("sales"), place.path().join("passphrase"));
        std::fs::write(&passphrase, "right\n").unwrap();
        // Keys that only a provider's settings have.
        let file = place.path().join("provider.yaml");
        let text = format!("dataDir: {:?}\ncreditLimit: \"5\"\n", data.display().to_string());
        std::fs::write(&file, text).unwrap();
        let global = Global { config: Some(file), passphrase_file: Some(passphrase), ..Global::default() };
        run::<ProviderConfig>(WalletCommand::New, &global).await.unwrap();
        assert_eq!(KeyFiles::new(data.join("keys")).list().unwrap().len(), 1);
        run::<ProviderConfig>(WalletCommand::List(Json::default()), &global).await.unwrap();
        let refused = run::<UserConfig>(WalletCommand::List(Json::default()), &global).await.unwrap_err();
        assert!(format!("{refused:#}").contains("creditLimit"), "{refused:#}");
    }

    #[tokio::test]
    async fn another_programs_key_file_is_taken_in_without_a_terminal() {
        let place = tempfile::tempdir().unwrap();
        let at = |name: &str| place.path().join(name);
        let secret = |text: &str| Secret::new(text.to_owned());
        let theirs = KeyFiles::new(at("theirs")).create(&secret("old")).unwrap();
        std::fs::write(at("old"), "old\n").unwrap();
        std::fs::write(at("new"), "new\n").unwrap();
        let global =
            Global { data_dir: Some(at("data")), passphrase_file: Some(at("new")), ..Global::default() };
        let file = Some(theirs.path);
        let import = WalletCommand::Import { file, old_passphrase_file: Some(at("old")) };
        run::<UserConfig>(import, &global).await.unwrap();
        assert!(KeyFiles::new(at("data/keys")).open(theirs.address, &secret("new")).is_ok());
    }
}
