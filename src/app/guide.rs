//! What the guided start needs done: the chain asked, keys made and opened, passphrases put into the keyring, the
//! settings file written.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use crate::chain::{Chain, ChainError, ChainSettings, Endpoint};
use crate::config::Chosen;
use crate::domain::address::parse_address;
use crate::domain::{Address, Neuron};
use crate::keys::{KeyError, KeyFile, KeyFiles, PassphraseKeyring, Secret, Wallet};
use crate::private_files::{self, PrivateFileError};
use crate::tui::start::{ChainSeen, Choice, Deeds, KeyOrder, KeyTrouble, NodeSeen, OwnKey, SaveTrouble};

/// Somebody waits for each answer.
const PATIENCE: Duration = Duration::from_secs(8);

/// Does what the guide asks for.
#[derive(Clone, Debug)]
pub struct Guide {
    pub keys: KeyFiles,
    pub keyring: Arc<dyn PassphraseKeyring>,
    pub settings_file: PathBuf,
    /// Written into the settings, if the command line names it.
    pub data_dir: Option<PathBuf>,
}

impl Deeds for Guide {
    fn look(&self, rpc_url: String, contract: String) -> BoxFuture<'static, ChainSeen> {
        async move {
            let chain = match bare(&rpc_url).await {
                Ok(chain) => chain,
                Err(error) => return ChainSeen { node: Err(error.to_string()), contract: None },
            };
            let asked = Instant::now();
            let head = match chain.head().await {
                Ok(head) => head,
                Err(error) => return ChainSeen { node: Err(error.to_string()), contract: None },
            };
            let milliseconds = u64::try_from(asked.elapsed().as_millis()).unwrap_or(u64::MAX);
            let node = NodeSeen { chain_id: chain.id(), block: head.number, milliseconds };
            let contract = match parse_address(&contract) {
                Err(error) => Err(error.to_string()),
                Ok(address) => match chain.at_contract(address).await {
                    Ok(chain) => Ok(chain.lock_time()),
                    Err(error) => Err(error.to_string()),
                },
            };
            ChainSeen { node: Ok(node), contract: Some(contract) }
        }
        .boxed()
    }

    fn key(&self, order: KeyOrder, keep: bool) -> BoxFuture<'static, Result<OwnKey, KeyTrouble>> {
        let (files, keyring) = (self.keys.clone(), Arc::clone(&self.keyring));
        async move {
            let passphrase = order.passphrase().clone();
            let own = match tokio::task::spawn_blocking(move || obey(&files, order)).await {
                Ok(result) => result?,
                Err(_) => return Err(trouble(None, &KeyError::Interrupted)),
            };
            if !keep {
                return Ok(own);
            }
            // The key is there in any case; a keyring that refuses costs a question at the next start.
            let kept = keyring.keep(own.address(), passphrase).await.map_err(|error| error.to_string());
            if let Err(error) = &kept {
                tracing::warn!(%error, "the passphrase is not in the keyring");
            }
            Ok(OwnKey { kept: Some(kept), ..own })
        }
        .boxed()
    }

    fn balance(&self, rpc_url: String, address: Address) -> BoxFuture<'static, Result<Neuron, String>> {
        async move {
            let chain = bare(&rpc_url).await.map_err(|error| error.to_string())?;
            let balance = chain.native_balance(address).await.map_err(|error| error.to_string())?;
            Ok(Neuron::new(balance))
        }
        .boxed()
    }

    fn save(&self, choice: Choice, replace: bool) -> BoxFuture<'static, Result<PathBuf, SaveTrouble>> {
        let (path, data_dir) = (self.settings_file.clone(), self.data_dir.clone());
        let Choice { rpc_url, contract, chain_id, wallet } = choice;
        let text = Chosen { rpc_url, contract, chain_id, wallet, data_dir }.yaml();
        async move {
            match tokio::task::spawn_blocking(move || write(path, &text, replace)).await {
                Ok(result) => result,
                Err(_) => {
                    Err(SaveTrouble::Failed("the thread that wrote the settings ended early".to_owned()))
                }
            }
        }
        .boxed()
    }
}

/// The chain at a URL, whatever is on it.
async fn bare(rpc_url: &str) -> Result<Chain, ChainError> {
    let settings = ChainSettings::new(Endpoint::parse(rpc_url)?, Address::ZERO);
    Chain::open_bare(ChainSettings { timeout: PATIENCE, ..settings }).await
}

/// Makes, takes in or opens a key. Blocks for a second or two.
fn obey(files: &KeyFiles, order: KeyOrder) -> Result<OwnKey, KeyTrouble> {
    match order {
        KeyOrder::Create { passphrase } => {
            let wallet = Wallet::random().map_err(|error| trouble(None, &error))?;
            keep(files, wallet, &passphrase, None)
        }
        KeyOrder::Import { key, passphrase } => {
            let wallet = Wallet::from_hex(&key).map_err(|error| trouble(Some("key"), &error))?;
            keep(files, wallet, &passphrase, Some("key"))
        }
        KeyOrder::ImportFile { file, file_passphrase, passphrase } => {
            let wallet = Wallet::from_keystore(&file, &file_passphrase).map_err(|error| {
                let field =
                    if matches!(error, KeyError::WrongPassphrase) { "filePassphrase" } else { "file" };
                trouble(Some(field), &error)
            })?;
            keep(files, wallet, &passphrase, Some("file"))
        }
        KeyOrder::Unlock { address, passphrase } => {
            let found = files.list().map_err(|error| trouble(None, &error))?;
            let file = found.into_iter().find(|file| file.address == address);
            let Some(KeyFile { path, .. }) = file else {
                return Err(trouble(None, &KeyError::Unknown(address)));
            };
            let wallet =
                files.open(address, &passphrase).map_err(|error| trouble(Some("passphrase"), &error))?;
            Ok(OwnKey { wallet: Arc::new(wallet), file: path, kept: None })
        }
    }
}

fn keep(
    files: &KeyFiles,
    wallet: Wallet,
    passphrase: &Secret<String>,
    field: Option<&'static str>,
) -> Result<OwnKey, KeyTrouble> {
    match files.keep(&wallet, passphrase) {
        Ok(kept) => Ok(OwnKey { wallet: Arc::new(wallet), file: kept.path, kept: None }),
        Err(KeyError::File(PrivateFileError::Exists { .. })) => {
            let text = format!(
                "the key of {} is in the key directory already; go back and choose it",
                wallet.address()
            );
            Err(KeyTrouble { field, text })
        }
        Err(error) => Err(trouble(None, &error)),
    }
}

fn trouble(field: Option<&'static str>, error: &KeyError) -> KeyTrouble {
    let text = match error {
        KeyError::WrongPassphrase => "it does not fit; try again".to_owned(),
        error => sentence(error),
    };
    KeyTrouble { field, text }
}

/// An error with its cause.
fn sentence(error: &dyn std::error::Error) -> String {
    let text = error.to_string();
    match error.source() {
        Some(cause) if !text.contains(&cause.to_string()) => format!("{text}: {}", sentence(cause)),
        _ => text,
    }
}

fn write(path: PathBuf, text: &str, replace: bool) -> Result<PathBuf, SaveTrouble> {
    let failed = |error: PrivateFileError| SaveTrouble::Failed(sentence(&error));
    if let Some(directory) = path.parent() {
        private_files::create_directory(directory).map_err(failed)?;
    }
    let written = if replace {
        private_files::replace(&path, text.as_bytes())
    } else {
        private_files::create(&path, text.as_bytes())
    };
    match written {
        Ok(()) => Ok(path),
        Err(PrivateFileError::Exists { path }) => Err(SaveTrouble::Exists(path)),
        Err(error) => Err(failed(error)),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::keys::{KeyringError, MemoryKeyring};

    fn guide(directory: &std::path::Path) -> Guide {
        Guide {
            keys: KeyFiles::new(directory.join("keys")),
            keyring: Arc::new(MemoryKeyring::default()),
            settings_file: directory.join("config/user.yaml"),
            data_dir: None,
        }
    }

    fn secret(text: &str) -> Secret<String> {
        Secret::new(text.to_owned())
    }

    #[tokio::test]
    async fn keys_are_kept_once_and_opened_with_their_passphrase_only() {
        let directory = tempfile::tempdir().unwrap();
        let guide = guide(directory.path());
        let digits = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
        let import = || KeyOrder::Import { key: secret(digits), passphrase: secret("pass") };
        let own = guide.key(import(), false).await.unwrap();
        assert!(own.file.is_file());
        let again = guide.key(import(), false).await.unwrap_err();
        assert_eq!(again.field, Some("key"));
        let unlock = |passphrase| KeyOrder::Unlock { address: own.address(), passphrase: secret(passphrase) };
        let wrong = guide.key(unlock("other"), false).await.unwrap_err();
        assert_eq!(
            wrong,
            KeyTrouble { field: Some("passphrase"), text: "it does not fit; try again".to_owned() }
        );
        assert_eq!(guide.key(unlock("pass"), false).await.unwrap().address(), own.address());
        let bad = KeyOrder::Import { key: secret("xyz"), passphrase: secret("pass") };
        assert_eq!(guide.key(bad, true).await.unwrap_err().field, Some("key"));
    }

    #[tokio::test]
    async fn a_passphrase_goes_into_the_keyring_only_if_asked_and_only_if_it_fits() {
        let directory = tempfile::tempdir().unwrap();
        let mut guide = guide(directory.path());
        let create = || KeyOrder::Create { passphrase: secret("pass") };
        let own = guide.key(create(), false).await.unwrap();
        let address = own.address();
        assert_eq!(own.kept, None);
        assert!(!guide.keyring.holds(address).await.unwrap());
        let unlock = |passphrase| KeyOrder::Unlock { address, passphrase: secret(passphrase) };
        guide.key(unlock("other"), true).await.unwrap_err();
        assert!(!guide.keyring.holds(address).await.unwrap(), "it did not open the file");
        assert_eq!(guide.key(unlock("pass"), true).await.unwrap().kept, Some(Ok(())));
        assert_eq!(guide.keyring.find(address).await.unwrap().unwrap().expose(), "pass");
        // A keyring that refuses takes the key from nobody.
        guide.keyring = Arc::new(MemoryKeyring::failing(KeyringError::Locked));
        let own = guide.key(unlock("pass"), true).await.unwrap();
        assert_eq!(own.kept, Some(Err("the keyring is locked and nobody opened it".to_owned())));
    }

    #[tokio::test]
    async fn settings_are_private_and_never_replaced_unasked() {
        let directory = tempfile::tempdir().unwrap();
        let guide = guide(directory.path());
        let choice = |chain_id| Choice {
            rpc_url: "http://127.0.0.1:8545".to_owned(),
            contract: Address::repeat_byte(7),
            chain_id,
            wallet: None,
        };
        let path = guide.save(choice(1), false).await.unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(guide.save(choice(2), false).await, Err(SaveTrouble::Exists(path.clone())));
        assert!(std::fs::read_to_string(&path).unwrap().contains("chainId: 1\n"));
        guide.save(choice(2), true).await.unwrap();
        assert!(std::fs::read_to_string(&path).unwrap().contains("chainId: 2\n"));
    }

    #[tokio::test]
    async fn what_is_wrong_with_a_chain_is_told_of_the_node_or_of_the_contract() {
        let guide = guide(std::path::Path::new("/nonexistent"));
        let seen = guide.look("ftp://x".to_owned(), String::new()).await;
        assert!(seen.node.is_err() && seen.contract.is_none());
        let seen = guide.look("http://127.0.0.1:9".to_owned(), String::new()).await;
        assert!(seen.node.unwrap_err().contains("127.0.0.1:9"));
    }
}
