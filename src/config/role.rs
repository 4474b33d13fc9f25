//! The two roles' settings, each a shell around its broker's own.

use std::borrow::Cow;
use std::net::SocketAddr;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::about::{self, About};
use super::shell::{PassphraseFrom, Shell};
use super::tree::Tree;
use crate::broker::provider::ProviderSettings;
use crate::broker::user::Settings as UserSettings;
use crate::http::Guard;

/// Settings of one role as the loader sees them.
pub trait RoleConfig: Sized {
    /// `user` or `provider`: the folder of its files.
    const NAME: &'static str;

    /// Every key at its default, in the order of the example file.
    #[doc(hidden)]
    fn defaults() -> Tree;
    /// Reads a whole tree.
    #[doc(hidden)]
    fn read(tree: &Tree) -> Result<Self, String>;
    /// What each key is for.
    #[doc(hidden)]
    fn about() -> Vec<About>;
    /// Checks what single values cannot show; gives the key to blame and the reason.
    fn check(&self) -> Result<(), (Cow<'static, str>, String)>;
    /// The settings as they are, secrets hidden.
    fn shown(&self) -> Value;
    fn shell(&self) -> &Shell;
}

/// The user broker's settings.
#[derive(Clone, Debug)]
pub struct UserConfig {
    pub shell: Shell,
    pub broker: UserSettings,
}

/// The provider broker's settings.
#[derive(Clone, Debug)]
pub struct ProviderConfig {
    pub shell: Shell,
    /// The public listener; without one the proxy is on `listen` only.
    pub proxy_listen: Option<SocketAddr>,
    pub broker: ProviderSettings,
}

/// What a provider's shell has beyond the common one.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ProxyKeys {
    proxy_listen: Option<SocketAddr>,
}

impl RoleConfig for UserConfig {
    const NAME: &'static str = "user";

    fn defaults() -> Tree {
        merged([part(&Shell::new(1034)), part(&UserSettings::default())])
    }

    fn read(tree: &Tree) -> Result<Self, String> {
        let defaults = (part(&Shell::new(1034)), part(&UserSettings::default()));
        Ok(UserConfig { shell: read_part(tree, &defaults.0)?, broker: read_part(tree, &defaults.1)? })
    }

    fn about() -> Vec<About> {
        about::of(&[about::SHELL, about::USER])
    }

    fn check(&self) -> Result<(), (Cow<'static, str>, String)> {
        check_shell(&self.shell)?;
        self.broker.check().map_err(|(key, reason)| (key.into(), reason))
    }

    fn shown(&self) -> Value {
        Value::Object(merged([part(&self.shell), part(&self.broker)]))
    }

    fn shell(&self) -> &Shell {
        &self.shell
    }
}

impl RoleConfig for ProviderConfig {
    const NAME: &'static str = "provider";

    fn defaults() -> Tree {
        let mut broker = part(&ProviderSettings::default());
        // The procedure's first key comes first.
        let first = broker.shift_remove_entry("servingUrl").into_iter().collect();
        merged([first, part(&Shell::new(3080)), part(&ProxyKeys::default()), broker])
    }

    fn read(tree: &Tree) -> Result<Self, String> {
        let broker = part(&ProviderSettings::default());
        Ok(ProviderConfig {
            shell: read_part(tree, &part(&Shell::new(3080)))?,
            proxy_listen: read_part::<ProxyKeys>(tree, &part(&ProxyKeys::default()))?.proxy_listen,
            broker: read_part(tree, &broker)?,
        })
    }

    fn about() -> Vec<About> {
        about::of(&[about::SHELL, about::PROVIDER])
    }

    fn check(&self) -> Result<(), (Cow<'static, str>, String)> {
        check_shell(&self.shell)?;
        if self.proxy_listen == Some(self.shell.listen) && self.shell.listen.port() != 0 {
            return Err(("proxyListen".into(), "it is the same address as listen".to_owned()));
        }
        self.broker.check().map_err(|error| (error.key.into(), error.reason))
    }

    fn shown(&self) -> Value {
        let proxy = ProxyKeys { proxy_listen: self.proxy_listen };
        Value::Object(merged([part(&self.shell), part(&proxy), part(&self.broker)]))
    }

    fn shell(&self) -> &Shell {
        &self.shell
    }
}

fn check_shell(shell: &Shell) -> Result<(), (Cow<'static, str>, String)> {
    let paths = [
        ("dataDir", &shell.data_dir),
        ("passphraseFile", &shell.passphrase_file),
        ("tokenFile", &shell.token_file),
    ];
    for (key, path) in paths {
        let Some(path) = path else { continue };
        if path.as_os_str().is_empty() {
            return Err((key.into(), "it is empty; give it a path, or leave it out".to_owned()));
        }
        // Only a shell takes it for a home; here it would be a folder of that name, wherever the program is started.
        if path.as_os_str().as_encoded_bytes().starts_with(b"~") {
            let reason =
                "it begins with ~, which only shells read as a home; write the whole path".to_owned();
            return Err((key.into(), reason));
        }
    }
    let is_node = |url: &str| {
        url::Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
    };
    let no_node =
        |key: &'static str| (key.into(), "it is not a URL that begins with http:// or https://".to_owned());
    if !is_node(&shell.chain.rpc_url) {
        return Err(no_node("chain.rpcUrl"));
    }
    if !shell.chain.fallback_rpc_urls.iter().all(|url| is_node(url)) {
        return Err(no_node("chain.fallbackRpcUrls"));
    }
    if let Some(explorer) = &shell.chain.explorer_url {
        let url = url::Url::parse(explorer);
        if !url.is_ok_and(|url| {
            matches!(url.scheme(), "http" | "https") && url.has_host() && url.query().is_none()
        }) {
            return Err(("chain.explorerUrl".into(), "it is not a plain http or https URL".to_owned()));
        }
    }
    if shell.chain.confirmations == 0 {
        return Err(("chain.confirmations".into(), "it must be at least 1: in a block at all".to_owned()));
    }
    if shell.chain.poll_interval == Some(0) {
        return Err(("chain.pollInterval".into(), "it must be at least 1 millisecond".to_owned()));
    }
    if shell.chain.timeout == 0 {
        return Err(("chain.timeout".into(), "it must be at least 1 second".to_owned()));
    }
    if shell.token.as_ref().is_some_and(|token| token.expose().len() < 16) {
        return Err(("token".into(), "it is too short to be a secret; use 16 characters or more".to_owned()));
    }
    if shell.passphrase_from == PassphraseFrom::File && shell.passphrase_file.is_none() {
        return Err(("passphraseFrom".into(), "there is no passphraseFile to read".to_owned()));
    }
    if let Err(error) = shell.terminal.check() {
        return Err((format!("terminal.keys.{}", error.name).into(), error.fault.to_string()));
    }
    if shell.token.is_some() && shell.token_file.is_some() {
        return Err(("tokenFile".into(), "there is a token already; set one of the two".to_owned()));
    }
    let has_token = shell.token.is_some() || shell.token_file.is_some();
    Guard::may_listen(shell.listen, has_token, shell.listen_without_token)
        .map_err(|error| ("listen".into(), error.to_string()))
}

/// A part as a tree. Settings are structs of plain values, so this cannot fail; an empty part would be caught by the
/// test that every key of the table exists.
fn part(settings: &impl Serialize) -> Tree {
    match serde_json::to_value(settings) {
        Ok(Value::Object(tree)) => tree,
        _ => Tree::new(),
    }
}

fn merged<const N: usize>(parts: [Tree; N]) -> Tree {
    parts.into_iter().flatten().collect()
}

/// Reads the keys that `like` has.
fn read_part<T: DeserializeOwned>(tree: &Tree, like: &Tree) -> Result<T, String> {
    let own: Tree =
        like.keys().filter_map(|key| tree.get_key_value(key)).map(|(k, v)| (k.clone(), v.clone())).collect();
    serde_json::from_value(Value::Object(own)).map_err(|error| error.to_string())
}
