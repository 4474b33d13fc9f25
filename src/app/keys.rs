//! Key files: make, take in, list, hand out.

use std::path::PathBuf;

use anyhow::Result;
use serde_json::json;

use super::settings::settings;
use super::wallet::passphrase;
use crate::cli::{self, Column, Exit, Global, Output, WalletCommand};
use crate::config::{Paths, RoleConfig, UserConfig};
use crate::keys::{KeyFiles, Secret, Wallet};

pub async fn run(command: WalletCommand, global: &Global) -> Result<Exit> {
    let config: UserConfig = settings(global)?;
    let shell = config.shell();
    let paths = Paths::of(UserConfig::NAME, shell.data_dir.as_deref())?;
    let files = KeyFiles::new(&paths.keys);
    let from_file: Option<PathBuf> = shell.passphrase_file.clone();
    let new_passphrase = || match &from_file {
        Some(file) => cli::from_file(file),
        None => cli::ask_new(),
    };
    // Locking and unlocking a key file is slow on purpose.
    match command {
        WalletCommand::New => {
            let passphrase = new_passphrase()?;
            let made = tokio::task::spawn_blocking(move || files.create(&passphrase)).await??;
            Output.line(&made.address.to_string());
            Output.note(&format!(
                "key file {}; keep a copy of it, and the passphrase elsewhere",
                made.path.display()
            ));
        }
        WalletCommand::Import { file: None } => {
            let key = cli::secret_line("Private key (64 hexadecimal digits)")?;
            // Wrong digits are told before a passphrase is asked for.
            Wallet::from_hex(&key)?;
            let passphrase = new_passphrase()?;
            let made = tokio::task::spawn_blocking(move || files.import_hex(&key, &passphrase)).await??;
            Output.line(&made.address.to_string());
        }
        WalletCommand::Import { file: Some(file) } => {
            let old: Secret<String> = cli::ask(&format!("Passphrase of {}", file.display()))?;
            let passphrase = new_passphrase()?;
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
                let columns =
                    [Column { title: "ADDRESS", key: "Address" }, Column { title: "FILE", key: "Path" }];
                Output.table(&items, &columns);
            }
        }
        WalletCommand::Export { address } => {
            let passphrase = passphrase(from_file.as_deref(), address)?;
            let key = tokio::task::spawn_blocking(move || files.export(address, &passphrase)).await??;
            Output.note("whoever sees this key owns its money");
            Output.line(key.expose());
        }
    }
    Ok(Exit::Ok)
}
