//! Settings of a command: which file, which variables, which flags; and the commands that show them.

use anyhow::Result;
use serde_json::{Value, json};

use crate::cli::{Exit, Global, Json, Output};
use crate::config::{Flag, Layer, Paths, RoleConfig, Sources, load};

/// Loads the settings of a role.
pub fn settings<C: RoleConfig>(global: &Global) -> Result<C> {
    Ok(load::<C>(&sources::<C>(global))?.0)
}

/// Whether nobody has set anything up: no settings file, and nothing set but where data and passphrase are.
pub fn are_untouched<C: RoleConfig>(global: &Global) -> Result<bool> {
    let sources = sources::<C>(global);
    let (_, layers) = load::<C>(&sources)?;
    let about_places = |layer: &Layer| {
        matches!(layer.key.as_str(), "dataDir" | "passphraseFile") || layer.key.starts_with("terminal.")
    };
    Ok(sources.file.is_none() && global.private_key_file.is_none() && layers.iter().all(about_places))
}

fn sources<C: RoleConfig>(global: &Global) -> Sources {
    let mut flags: Vec<Flag> = global
        .set
        .iter()
        .map(|(key, value)| Flag { flag: format!("--set {key}"), key: key.clone(), value: value.clone() })
        .collect();
    let mut flag = |name: &str, key: &str, value: Option<String>| {
        flags.extend(value.map(|value| Flag { flag: name.to_owned(), key: key.to_owned(), value }));
    };
    let path = |path: &Option<std::path::PathBuf>| path.as_ref().map(|path| path.display().to_string());
    flag("--data-dir", "dataDir", path(&global.data_dir));
    flag("--passphrase-file", "passphraseFile", path(&global.passphrase_file));
    flag("--rpc-url", "chain.rpcUrl", global.rpc_url.clone());
    flag("--contract", "chain.contract", global.contract.map(|address| address.to_string()));
    Sources {
        file: Paths::settings(C::NAME, global.config.as_deref()),
        variables: std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect(),
        flags,
    }
}

pub fn show<C: RoleConfig>(global: &Global, json: Json) -> Result<Exit> {
    let sources = sources::<C>(global);
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
        Some(file) => Output.note(&format!("settings file: {}", file.display())),
        None => Output.note("no settings file; everything else is at its default"),
    }
    Ok(Exit::Ok)
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
    let sources = sources::<C>(global);
    load::<C>(&sources)?;
    let file = sources.file.map_or("the defaults".to_owned(), |file| file.display().to_string());
    Output.line(&format!("{file}: the settings of the {} broker can work", C::NAME));
    Ok(Exit::Ok)
}
