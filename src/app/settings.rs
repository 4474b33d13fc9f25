//! Settings of a command: which file, which variables, which flags; and the commands that show them.

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::sync::Once;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::failure::failure_of;
use super::{passphrase, token};
use crate::cli::{self, Exit, Failure, Global, Json, Line, Output};
use crate::config::{
    ConfigError, Flag, Layer, Paths, RoleConfig, SettingsFile, Shell, Source, Sources, load,
};
use crate::domain::Address;
use crate::keys::{KeyFiles, Wallet};
use crate::private_files;
use crate::tui::user::Given;

/// How names of variables of ours begin.
const VARIABLES: &str = "ZGSERVE_";

/// Loads the settings of a role. Says once if a settings file that holds secrets can be read by others.
pub fn settings<C: RoleConfig>(global: &Global) -> Result<C> {
    static TOLD: Once = Once::new();
    let sources = sources::<C>(global)?;
    let (config, layers) = load::<C>(&sources)?;
    if let Some(warning) = sources.file.as_ref().and_then(|file| open_secrets(file, &layers)) {
        TOLD.call_once(|| tracing::warn!("{warning}"));
    }
    Ok(config)
}

/// What to say of a settings file that holds secrets and can be read by others. It is read all the same: the usage
/// procedure has people write it with any editor.
fn open_secrets(file: &SettingsFile, layers: &[Layer]) -> Option<String> {
    let from = file.path().display().to_string();
    let secret = secret_of(file.path(), layers)?;
    let opened = file.open().ok()?;
    let mode = private_files::others_may_read(file.path(), &opened).ok()??;
    Some(format!("{from} holds {} and others can read it (mode {mode:04o}); `chmod 600 {from}`", secret.key))
}

/// The secret that a settings file sets, if it sets one.
fn secret_of<'a>(file: &Path, layers: &'a [Layer]) -> Option<&'a Layer> {
    let from = file.display().to_string();
    layers.iter().find(|layer| matches!(layer.key.as_str(), "privateKeys" | "token") && layer.source == from)
}

/// The name of the secret that the settings file of a role holds, if it holds one.
pub fn secret_in_file<C: RoleConfig>(global: &Global) -> Result<Option<String>> {
    let sources = sources::<C>(global)?;
    let (_, layers) = load::<C>(&sources)?;
    let secret = sources.file.as_ref().and_then(|file| secret_of(file.path(), &layers));
    Ok(secret.map(|layer| layer.key.clone()))
}

/// Whether nobody has set anything up: no settings file, and nothing set but where data and passphrase are.
pub fn are_untouched<C: RoleConfig>(global: &Global) -> Result<bool> {
    let sources = sources::<C>(global)?;
    let (_, layers) = load::<C>(&sources)?;
    let about_places = |layer: &Layer| {
        matches!(layer.key.as_str(), "dataDir" | "passphraseFile" | "passphraseFrom")
            || layer.key.starts_with("terminal.")
    };
    Ok(sources.file.is_none() && global.private_key_file.is_none() && layers.iter().all(about_places))
}

/// The chain and contract that somebody has set, file, variable or flag; what is at its default says nothing.
pub fn chosen_network<C: RoleConfig>(global: &Global) -> Result<(Option<u64>, Option<Address>)> {
    let (config, layers) = load::<C>(&sources::<C>(global)?)?;
    let is_set = |key: &str| layers.iter().any(|layer| layer.key == key);
    let chain = &config.shell().chain;
    Ok((chain.chain_id, is_set("chain.contract").then_some(chain.contract)))
}

fn sources<C: RoleConfig>(global: &Global) -> Result<Sources, ConfigError> {
    let mut flags: Vec<Flag> = global
        .set
        .iter()
        .map(|(key, value)| Flag { flag: format!("--set {key}"), key: key.clone(), value: value.clone() })
        .collect();
    let mut flag = |name: &str, key: &str, value: Option<String>| {
        flags.extend(value.map(|value| Flag { flag: name.to_owned(), key: key.to_owned(), value }));
    };
    flag("--data-dir", "dataDir", text("--data-dir", global.data_dir.as_deref())?);
    flag(
        "--passphrase-file",
        "passphraseFile",
        text("--passphrase-file", global.passphrase_file.as_deref())?,
    );
    // What is typed counts, wherever the settings say that passphrases come from.
    let auto = global.passphrase_file.as_ref().map(|_| "auto".to_owned());
    flag("--passphrase-file", "passphraseFrom", auto);
    flag("--rpc-url", "chain.rpcUrl", global.rpc_url.clone());
    flag("--contract", "chain.contract", global.contract.map(|address| address.to_string()));
    Ok(Sources {
        file: Paths::settings(C::NAME, global.config.as_deref())?,
        variables: variables(std::env::vars_os())?,
        flags,
    })
}

/// A path as the text that settings are. Another path in its place would be another directory.
fn text(flag: &str, path: Option<&Path>) -> Result<Option<String>, ConfigError> {
    let Some(path) = path else { return Ok(None) };
    match path.to_str() {
        Some(text) => Ok(Some(text.to_owned())),
        None => Err(ConfigError::NotText(Source::Flag(flag.to_owned()))),
    }
}

/// The variables of ours among all there are.
fn variables(all: impl Iterator<Item = (OsString, OsString)>) -> Result<Vec<(String, String)>, ConfigError> {
    // A path of the command line's, which is taken as it is.
    let ours = all.filter(|(name, _)| {
        name.as_encoded_bytes().starts_with(VARIABLES.as_bytes()) && name != "ZGSERVE_CONFIG"
    });
    ours.map(|(name, value)| {
        let not_text = |name: &OsStr| ConfigError::NotText(Source::Variable(name.display().to_string()));
        match (name.into_string(), value.into_string()) {
            (Ok(name), Ok(value)) => Ok((name, value)),
            (Err(name), _) => Err(not_text(&name)),
            (Ok(name), Err(_)) => Err(not_text(OsStr::new(&name))),
        }
    })
    .collect()
}

pub fn show<C: RoleConfig>(global: &Global, json: Json) -> Result<Exit> {
    let sources = sources::<C>(global)?;
    let (config, layers) = load::<C>(&sources)?;
    let shown = config.shown();
    if json.json {
        let origins: Vec<Value> =
            layers.iter().map(|Layer { key, source }| json!({"Key": key, "Source": source})).collect();
        Output.json(&json!({"Settings": shown, "Origins": origins}));
        return Ok(Exit::Ok);
    }
    print_tree("", &shown, &layers);
    match &sources.file {
        Some(file) => Output.note(&format!("settings file: {}", file.path().display())),
        None => Output.note("no settings file; everything else is at its default"),
    }
    Ok(Exit::Ok)
}

/// What is not at its default, as the screens show it.
pub fn given<C: RoleConfig>(global: &Global) -> Result<Vec<Given>> {
    let (config, layers) = load::<C>(&sources::<C>(global)?)?;
    let shown = config.shown();
    let value = |key: &str| {
        let found = key.split('.').try_fold(&shown, |tree, part| tree.get(part));
        found.filter(|value| !value.is_null()).map(Value::to_string).unwrap_or_default()
    };
    let given = |Layer { key, source }| Given { value: value(&key), key, source };
    Ok(layers.into_iter().map(given).collect())
}

fn print_tree(prefix: &str, value: &Value, layers: &[Layer]) {
    let Value::Object(tree) = value else { return };
    for (key, value) in tree {
        let path = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
        if value.is_object() {
            print_tree(&path, value, layers);
            continue;
        }
        let shown = if value.is_null() { String::new() } else { value.to_string() };
        match layers.iter().find(|layer| layer.key == path) {
            Some(layer) => Output.line(&format!("{path}: {shown}    # from {}", layer.source)),
            None => Output.line(&format!("{path}: {shown}")),
        };
    }
}

pub fn check<C: RoleConfig>(global: &Global) -> Result<Exit> {
    let sources = sources::<C>(global)?;
    let (config, layers) = load::<C>(&sources)?;
    let shell = config.shell();
    named_things(shell, &layers)?;
    if let Some(file) = &global.private_key_file {
        Wallet::from_hex(&cli::from_file(Line::PrivateKey, file)?).context(file.display().to_string())?;
    }
    let has_key = global.private_key_file.is_some() || !shell.private_keys.0.is_empty();
    let keyless = shell.wallet.filter(|_| !has_key).and_then(|wallet| without_key_file::<C>(shell, wallet));
    let file = sources.file.map_or("the defaults".to_owned(), |file| file.path().display().to_string());
    Output.line(&format!("{file}: the settings of the {} broker can work", C::NAME));
    if let Some(note) = keyless {
        Output.note(&note);
    }
    Ok(Exit::Ok)
}

/// What to say where the key file of a wallet is not seen. No mistake in the settings: they are enough for somebody who
/// only looks, and for delegate keys, and whoever checks them may be somebody else than who runs the broker.
fn without_key_file<C: RoleConfig>(shell: &Shell, wallet: Address) -> Option<String> {
    let unseen = |error: anyhow::Error| {
        format!("wallet: its key file could not be looked for: {}", failure_of(&error).message)
    };
    let paths = match Paths::of(C::NAME, shell.data_dir.as_deref()) {
        Ok(paths) => paths,
        Err(error) => return Some(unseen(error.into())),
    };
    let files = match KeyFiles::new(&paths.keys).list() {
        Ok(files) => files,
        Err(error) => return Some(unseen(error.into())),
    };
    let there = paths.keys.display();
    let is_there = files.iter().any(|file| file.address == wallet);
    (!is_there).then(|| {
        format!("wallet: there is no key file for {wallet} in {there}, so nothing can be signed with it")
    })
}

/// Whether the keys in the settings are keys, and the files that they name can be read.
fn named_things(shell: &Shell, layers: &[Layer]) -> Result<()> {
    let wrong = |key: &str, reason: String| {
        let layer = layers.iter().find(|layer| layer.key == key);
        let origin = layer.map_or("the defaults", |layer| &layer.source);
        Failure::new(Exit::BadInput, format!("{origin}: {key}: {reason}"))
    };
    for (number, key) in (1..).zip(&shell.private_keys.0) {
        Wallet::from_hex(key).map_err(|error| wrong("privateKeys", format!("number {number}: {error}")))?;
    }
    if let Some(file) = passphrase::file(shell) {
        can_be_read(file).map_err(|error| wrong("passphraseFile", format!("{}: {error}", file.display())))?;
    }
    if let Some(file) = &shell.token_file {
        // A broker makes one where there is none.
        if file.exists() {
            token::of_file(file).map_err(|error| wrong("tokenFile", failure_of(&error).message))?;
        } else if let Some(place) = file.ancestors().skip(1).find(|place| place.exists() && !place.is_dir()) {
            let reason = format!("{} is no directory to make it in", place.display());
            return Err(wrong("tokenFile", reason).into());
        }
    }
    Ok(())
}

/// Whether a file can be read. One that is no regular file is left alone: opening a pipe would wait for its writer, and take
/// what is meant for the broker.
fn can_be_read(file: &Path) -> std::io::Result<()> {
    if std::fs::metadata(file)?.is_file() {
        std::fs::File::open(file)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use std::os::unix::ffi::OsStringExt;
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::config::UserConfig;

    #[test]
    fn secrets_that_others_can_read_are_told_with_the_cure() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("user.yaml");
        let key = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
        let warning = |text: &str, mode, variables: &[(&str, &str)]| {
            std::fs::write(&file, text).unwrap();
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
            let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
            let sources = Sources {
                file: Some(file.clone().into()),
                variables: variables.collect(),
                ..Sources::default()
            };
            let (_, layers) = load::<UserConfig>(&sources).unwrap();
            open_secrets(&file.clone().into(), &layers)
        };
        let keys = format!("privateKeys: \"{key}\"\n");
        let told = warning(&keys, 0o644, &[]).unwrap();
        assert!(told.contains("holds privateKeys") && told.contains("(mode 0644); `chmod 600 "), "{told}");
        assert!(!told.contains(key));
        assert!(warning(&keys, 0o620, &[]).is_some());
        assert!(warning("token: 0123456789abcdef\n", 0o604, &[]).unwrap().contains("holds token"));
        assert_eq!(warning(&keys, 0o600, &[]), None);
        assert_eq!(warning("listen: 127.0.0.1:0\n", 0o644, &[]), None);
        // From the environment, which only its owner can read.
        assert_eq!(warning("", 0o644, &[("ZGSERVE_PRIVATE_KEYS", key)]), None);
    }

    #[test]
    fn a_variable_or_path_that_is_not_text_is_told_and_not_left_out() {
        let odd = |text: &str| OsString::from_vec([text.as_bytes(), b"\xe9"].concat());
        let of = |name: OsString, value: OsString| {
            variables([(name, value)].into_iter()).map_err(|error| error.to_string())
        };
        let told = of("ZGSERVE_TOKEN".into(), odd("canary")).unwrap_err();
        assert!(told.contains("the variable ZGSERVE_TOKEN: ") && !told.contains("canary"), "{told}");
        assert!(of(odd("ZGSERVE_TOK"), "x".into()).unwrap_err().contains("ZGSERVE_TOK"));
        assert_eq!(of("LS_COLORS".into(), odd("x")), Ok(Vec::new()));
        assert_eq!(of("ZGSERVE_CONFIG".into(), odd("x")), Ok(Vec::new()));
        let path = std::path::PathBuf::from(odd("caf"));
        let told = text("--data-dir", Some(&path)).unwrap_err().to_string();
        assert!(told.contains("the flag --data-dir: its value is not text"), "{told}");
    }

    #[test]
    fn what_settings_name_has_to_be_there() {
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("user.yaml");
        let told = |text: &str| {
            std::fs::write(&file, text).unwrap();
            let global = Global { config: Some(file.clone()), ..Global::default() };
            check::<UserConfig>(&global).map_err(|error| failure_of(&error).message)
        };
        let key = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
        assert_eq!(
            told(&format!("privateKeys: ['{key}']\nwallet: '{}'", Address::repeat_byte(7))),
            Ok(Exit::Ok)
        );
        let wrong = told(&format!("privateKeys: ['{key}', canary]")).unwrap_err();
        assert!(wrong.contains("user.yaml: privateKeys: number 2: ") && !wrong.contains("canary"), "{wrong}");
        assert!(told("passphraseFile: /nope").unwrap_err().contains("passphraseFile: /nope: No such file"));
        assert_eq!(told("passphraseFile: /nope\npassphraseFrom: prompt"), Ok(Exit::Ok), "it is not read");
        let below = |name: &str| format!("tokenFile: {}", place.path().join(name).display());
        assert_eq!(told(&below("nope/token")), Ok(Exit::Ok), "the directory is made with it");
        assert!(told(&below("user.yaml/token")).unwrap_err().contains("user.yaml is no directory"));
        assert_eq!(told(&format!("tokenFile: {}", place.path().join("token").display())), Ok(Exit::Ok));
        assert!(told(&format!("tokenFile: {}", file.display())).unwrap_err().contains("tokenFile: "));
    }
}
