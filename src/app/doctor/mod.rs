//! Looks at everything a broker needs, and says what is wrong and how to mend it.
//!
//! | file | looks at |
//! |---|---|
//! | here | settings, keys, chain, money, the running broker or its books |
//! | `files` | who can read what, room on the disk, whether it syncs |
//! | `clock` | this machine's time |
//! | `others` | providers, or ourselves as users see us |

mod clock;
mod files;
mod findings;
mod others;

use std::path::Path;

use anyhow::Result;

use self::findings::Findings;
use super::api::Api;
use super::chain::chain_settings;
use super::health::standing;
use super::settings::{secret_in_file, settings};
use super::wallet;
use crate::chain::{Chain, ChainKind};
use crate::cli::{Exit, Global, Output, Role};
use crate::config::{Paths, ProviderConfig, RoleConfig, SettingsFile, Shell, UserConfig};
use crate::domain::{Address, Neuron};
use crate::keys::{DelegateKeys, KeyError, PassphraseKeyring, SystemKeyring};
use crate::private_files::PrivateFileError;
use crate::store::{DataLock, Db, Holder, Role as DbRole};

pub async fn run(role: Role, global: &Global) -> Result<Exit> {
    let mut findings = Findings::default();
    match role {
        Role::User => {
            let Some((config, found)) = examine::<UserConfig>(&mut findings, global).await? else {
                return Ok(findings.exit());
            };
            if let (Some(chain), Some(user)) = (&found.chain, found.address)
                && let Err(error) = others::providers(&mut findings, &config, chain, user).await
            {
                findings.wrong("providers", &error, CHAIN);
            }
        }
        Role::Provider => {
            let Some((config, found)) = examine::<ProviderConfig>(&mut findings, global).await? else {
                return Ok(findings.exit());
            };
            if !found.running {
                findings
                    .good("reachable: no broker runs, so users find none; this is looked at once it does");
            } else if let (Some(chain), Some(provider)) = (&found.chain, found.address)
                && let Err(error) = others::ourselves(&mut findings, &config, chain, provider).await
            {
                findings.wrong("reachable", &error, CHAIN);
            }
        }
    }
    Ok(findings.exit())
}

const CHAIN: &str =
    "start the node, or name another one: chain.rpcUrl and chain.fallbackRpcUrls, `--rpc-url` to try";

const UNAUDITED: &str = "the books are audited while no broker runs on them";

/// What was found on the way.
struct Found {
    address: Option<Address>,
    chain: Option<Chain>,
    running: bool,
}

/// What both roles need. `None` where the settings cannot be read, so that nothing else can be looked at.
async fn examine<C: RoleConfig>(findings: &mut Findings, global: &Global) -> Result<Option<(C, Found)>> {
    let config: C = match settings(global) {
        Ok(config) => config,
        Err(error) => {
            findings.wrong(
                "settings",
                &error,
                "`zgserve-tui config example` shows every key with its default",
            );
            return Ok(None);
        }
    };
    let settings_file = Paths::settings(C::NAME, global.config.as_deref())?;
    let secret = secret_in_file::<C>(global)?;
    let file = settings_file.clone();
    let file =
        file.map_or("no file, all at their defaults".to_owned(), |file| file.path().display().to_string());
    findings.good(&format!("settings: {file}"));

    let shell = config.shell();
    let paths = Paths::of(C::NAME, shell.data_dir.as_deref())?;
    let holder = holder(findings, &paths.data);
    let running = holder.is_some();
    let settings_file = settings_file.as_ref().map(SettingsFile::path).zip(secret.as_deref());
    files::examine(findings, &paths.data, &paths.keys, settings_file);
    delegates(findings, &paths.data).await;
    let address = key::<C>(findings, shell, global, &paths).await;
    keyring(findings, shell, address).await;
    let chain = chain(findings, shell, address).await;
    if holder.is_some_and(|holder| holder.private) {
        // It answers one command only.
        Output.note(UNAUDITED);
    } else if running {
        broker::<C>(findings, global).await;
    } else if let Err(error) = books::<C>(findings, &paths.data).await {
        findings.wrong("books", &error, "keep a copy of the directory and restore the last backup elsewhere");
    }
    Ok(Some((config, Found { address, chain, running })))
}

/// Who runs a broker on the data directory.
fn holder(findings: &mut Findings, data: &Path) -> Option<Holder> {
    let there = data.display();
    match DataLock::holder(data) {
        Ok(None) => findings.good(&format!("data directory: {there}, no broker runs on it")),
        Ok(Some(holder)) => {
            let what = match holder.open_at() {
                Some(address) => format!("a broker runs on it at {address}"),
                None if holder.private => {
                    "a command, `chat` for example, runs a broker of its own on it".to_owned()
                }
                None => "a broker runs on it".to_owned(),
            };
            findings.good(&format!("data directory: {there}, {what}"));
            return Some(holder);
        }
        Err(error) => {
            let cure = format!("run this as the user that runs the broker, or give that user {there}");
            findings.wrong("data directory", &error.into(), &cure);
        }
    }
    None
}

async fn key<C: RoleConfig>(
    findings: &mut Findings,
    shell: &Shell,
    global: &Global,
    paths: &Paths,
) -> Option<Address> {
    match wallet::find(shell, global, paths).await {
        Ok(Some(wallet)) => {
            findings.good(&format!("key: {}", wallet.address()));
            Some(wallet.address())
        }
        Ok(None) => {
            let cure = format!("make one with {}, or set privateKeys", wallet::making::<C>());
            findings.bad(Exit::BadInput, "key: none", &cure);
            None
        }
        Err(error) => {
            findings.wrong("key", &error, cure_of_key(&error));
            None
        }
    }
}

/// What mends a key that cannot be used, where the sentence about it does not say so itself.
fn cure_of_key(error: &anyhow::Error) -> &'static str {
    match error.downcast_ref::<KeyError>() {
        Some(KeyError::WrongPassphrase) => {
            "check the file of passphraseFile (its first line), or what was given with --passphrase-file or --passphrase-fd"
        }
        Some(KeyError::File(PrivateFileError::Loose { .. })) => "",
        _ => {
            "`zgserve-tui wallet list` shows the key files, `wallet` in the settings chooses one; a passphrase comes from \
             passphraseFile, the keyring or --passphrase-fd"
        }
    }
}

/// Whether each delegate key can be read. One that others can read, or that is cut short, keeps the user broker from
/// starting; any other fault is found out at the first signature.
async fn delegates(findings: &mut Findings, data: &Path) {
    let keys = DelegateKeys::new(data);
    let mut wrong = Vec::new();
    let count = match keys.list().await {
        Ok(ids) => {
            for id in &ids {
                wrong.extend(keys.get(*id).await.err());
            }
            ids.len()
        }
        Err(error) => {
            wrong.push(error);
            0
        }
    };
    if wrong.is_empty() && count > 0 {
        findings.good(&format!("delegate keys: {count}, and each can be read"));
    }
    for error in wrong {
        findings.wrong("delegate keys", &error.into(), "");
    }
}

/// Where the passphrase could rest, where a key file is used. Having no keyring is no fault.
async fn keyring(findings: &Findings, shell: &Shell, address: Option<Address>) {
    if !shell.private_keys.0.is_empty() {
        return;
    }
    if !SystemKeyring.is_there().await {
        return findings
            .good("keyring: this session has none; passphraseFile and --passphrase-fd do without");
    }
    let kept = match address {
        Some(address) => SystemKeyring.holds(address).await.unwrap_or(false),
        None => false,
    };
    findings.good(if kept {
        "keyring: it keeps the passphrase of this key"
    } else {
        "keyring: there; `zgserve-tui wallet keyring add` has it keep the passphrase"
    });
}

async fn chain(findings: &mut Findings, shell: &Shell, address: Option<Address>) -> Option<Chain> {
    let opened = match chain_settings(&shell.chain) {
        Ok(settings) => Chain::open(settings).await,
        Err(error) => Err(error),
    };
    let chain = match opened {
        Ok(chain) => chain,
        Err(error) => {
            let cure = if error.is_transient() {
                CHAIN
            } else {
                "chain.rpcUrl, chain.chainId and chain.contract have to belong together; `zgserve-tui deploy` prints a contract"
            };
            findings.wrong("chain", &error.into(), cure);
            return None;
        }
    };
    findings.good(&format!("chain: id {}, contract {}", chain.id(), chain.contract()));
    match chain.head().await {
        Ok(head) => {
            let public = chain.kind() != ChainKind::Development;
            clock::examine(findings, head, &shell.chain.rpc_url, public).await;
        }
        Err(error) => findings.wrong("chain", &error.into(), CHAIN),
    }
    if let Some(address) = address {
        match chain.native_balance(address).await {
            Ok(0) => findings.bad(
                Exit::ShortOfFunds,
                &format!("money: {address} has none, not even for gas"),
                &format!("send some A0GI to {address} on chain {}", chain.id()),
            ),
            Ok(balance) => {
                findings
                    .good(&format!("money: {} A0GI in the wallet", Neuron::new(balance).to_grouped_a0gi()));
            }
            Err(error) => findings.wrong("money", &error.into(), CHAIN),
        }
    }
    Some(chain)
}

/// Whether the database is whole and every sum in it is that of its rows.
async fn books<C: RoleConfig>(findings: &mut Findings, data: &Path) -> Result<()> {
    let (role, path) = match C::NAME == UserConfig::NAME {
        true => (DbRole::User, data.join("user.db")),
        false => (DbRole::Provider, data.join("provider.db")),
    };
    if !path.try_exists()? {
        findings.good("books: none yet");
        return Ok(());
    }
    if Db::is_behind(&path, role)? {
        findings.good("books: of an older version; the next start brings them up to date");
        return Ok(());
    }
    // Nobody starts a broker on them meanwhile.
    let lock = DataLock::take(data)?;
    let db = tokio::task::spawn_blocking(move || Db::open(&path, role)).await??;
    let wrong = db.audit().await?;
    db.close().await?;
    drop(lock);
    if wrong.is_empty() {
        findings.good("books: the database is whole, and every sum is that of its rows");
    }
    for one in wrong {
        let cure = "keep a copy of the directory and restore the last backup elsewhere";
        findings.bad(Exit::Failed, &format!("books: {one}"), cure);
    }
    Ok(())
}

/// What a running broker says of itself.
async fn broker<C: RoleConfig>(findings: &mut Findings, global: &Global) {
    let cure = "its log says why; `--log debug` says more";
    let api = if C::NAME == UserConfig::NAME { Api::user(global).await } else { Api::provider(global).await };
    let api = match api {
        Ok(api) => api,
        Err(error) => return findings.wrong("broker", &error, cure),
    };
    match api.get("/health", &[]).await {
        Ok(health) if health["Status"] == "ok" => findings.good("broker: it answers and is well"),
        Ok(health) => {
            let status = health["Status"].as_str().unwrap_or("it says nothing of itself");
            findings.bad(Exit::Unreachable, &format!("broker: {}", standing(status, &health)), cure);
        }
        Err(error) => findings.wrong("broker", &error, cure),
    }
    match api.get("/ready", &[]).await {
        Ok(ready) => findings.good(&format!("broker: {}", standing("it is ready for paid requests", &ready))),
        Err(error) => findings.doubtful(
            &format!(
                "broker: it is not ready for paid requests: {}",
                super::failure::failure_of(&error).message
            ),
            "each reason says what is missing",
        ),
    }
    api.close().await;
    Output.note(UNAUDITED);
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;
    use crate::domain::AccountId;
    use crate::keys::DelegateId;

    #[tokio::test]
    async fn a_delegate_key_that_cannot_be_read_is_found() {
        let place = tempfile::tempdir().unwrap();
        let account = AccountId { user: Address::ZERO, provider: Address::ZERO };
        let id = DelegateId { chain_id: 1, contract: Address::ZERO, account };
        DelegateKeys::new(place.path()).get_or_create(id).await.unwrap();
        let mut findings = Findings::default();
        delegates(&mut findings, place.path()).await;
        assert_eq!(findings.exit(), Exit::Ok);
        let file = std::fs::read_dir(place.path().join("delegates")).unwrap().next().unwrap().unwrap().path();
        std::fs::write(file, "0x12").unwrap();
        delegates(&mut findings, place.path()).await;
        assert_eq!(findings.exit(), Exit::BadInput);
    }
}
