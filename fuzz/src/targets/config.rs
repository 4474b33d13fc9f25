//! Settings of both roles from a file, variables and flags: nothing panics, every error names what it is about, and
//! none repeats a key or a token.
//!
//! The input is the file, then after a line `%%` variables as `NAME=value` (the prefix is added), after another one flags
//! as `key=value`. `$K` stands for a private key, `$T` for a token.

use std::io::Write;

use zgserve_tui::config::{ConfigError, Flag, ProviderConfig, RoleConfig, Sources, UserConfig, load};

const KEY: &str = "59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d";
const TOKEN: &str = "canary-token-of-this-very-test";

pub fn run(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes).replace("$K", KEY).replace("$T", TOKEN);
    let mut parts = text.split("\n%%\n");
    let mut part = || parts.next().unwrap_or_default();
    let (yaml, variables, flags) = (part(), part(), part());
    let mut file = tempfile::Builder::new().suffix(".yaml").tempfile().unwrap();
    file.write_all(yaml.as_bytes()).unwrap();
    let pair = |line: &str| {
        let (name, value) = line.split_once('=')?;
        (!name.is_empty()).then(|| (name.to_owned(), value.to_owned()))
    };
    let variables = variables.lines().filter_map(pair).take(20);
    let flags = flags.lines().filter_map(pair).take(20);
    let sources = Sources {
        file: Some(file.path().to_owned().into()),
        variables: variables.map(|(name, value)| (format!("ZGSERVE_{name}"), value)).collect(),
        flags: flags.map(|(key, value)| Flag { flag: format!("--{key}"), key, value }).collect(),
    };
    try_role::<UserConfig>(&sources, yaml);
    try_role::<ProviderConfig>(&sources, yaml);
}

fn try_role<C: RoleConfig>(sources: &Sources, yaml: &str) {
    match load::<C>(sources) {
        Ok((config, layers)) => {
            let shown = serde_json::to_string(&config.shown()).unwrap();
            let about = format!("{layers:?}");
            if in_their_place(yaml, sources) {
                assert!(!has_secret(&shown) && !has_secret(&about), "{shown}");
            }
            // What is taken can be taken again.
            assert!(load::<C>(sources).is_ok());
            assert!(config.check().is_ok());
        }
        Err(error) => {
            let told = error.to_string();
            match &error {
                ConfigError::Unknown { key, .. }
                | ConfigError::Retired { key, .. }
                | ConfigError::Wrong { key, .. } => {
                    assert!(told.contains(key.as_str()), "{told}");
                }
                ConfigError::Unreadable { .. }
                | ConfigError::Syntax { .. }
                | ConfigError::Foreign { .. }
                | ConfigError::NotText(_) => {}
            }
            if in_their_place(yaml, sources) {
                assert!(!has_secret(&told) && !has_secret(&format!("{error:?}")), "a secret is told: {told}");
            }
        }
    }
}

fn has_secret(text: &str) -> bool {
    text.contains(&KEY[..16]) || text.contains(TOKEN)
}

/// Secrets stand only where secrets belong: on lines of their own key, or below it as a list.
fn in_their_place(yaml: &str, sources: &Sources) -> bool {
    let mut under_keys = false;
    let file = yaml.lines().all(|line| {
        let own = line.starts_with("privateKeys:") || line.starts_with("token:");
        if !line.starts_with([' ', '-']) {
            under_keys = line.starts_with("privateKeys:");
        }
        !has_secret(line) || own || (under_keys && line.trim_start().starts_with('-'))
    });
    let variables = sources.variables.iter().all(|(name, value)| {
        !has_secret(name) && (!has_secret(value) || matches!(&name[8..], "PRIVATE_KEYS" | "TOKEN"))
    });
    let flags = sources.flags.iter().all(|flag| {
        !has_secret(&flag.key)
            && (!has_secret(&flag.value) || matches!(flag.key.as_str(), "privateKeys" | "token"))
    });
    file && variables && flags
}
