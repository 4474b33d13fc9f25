//! The settings file that the guided start writes: what was chosen there, nothing else.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::domain::Address;

/// What somebody chose.
#[derive(Clone, PartialEq, Eq)]
pub struct Chosen {
    /// The node's URL; its path may be a secret.
    pub rpc_url: String,
    pub contract: Address,
    /// The chain that answered there; another one is refused from then on.
    pub chain_id: u64,
    pub wallet: Option<Address>,
    /// Where data is, if the command line says so.
    pub data_dir: Option<PathBuf>,
}

impl std::fmt::Debug for Chosen {
    /// Without the node's URL, which may hold a secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Chosen(chain {}, contract {}, wallet {:?})", self.chain_id, self.contract, self.wallet)
    }
}

impl Chosen {
    /// The file's text.
    pub fn yaml(&self) -> String {
        let mut text = format!(
            "# Settings of the user broker, written by the guided start of zgserve-tui.\n\
             # `zgserve-tui config example` shows every setting there is.\n\
             chain:\n  rpcUrl: {}\n  contract: {}\n  chainId: {}\n",
            quoted(&self.rpc_url),
            quoted(&self.contract.to_string()),
            self.chain_id,
        );
        if let Some(wallet) = self.wallet {
            text.push_str(&format!("wallet: {}\n", quoted(&wallet.to_string())));
        }
        if let Some(data) = &self.data_dir {
            text.push_str(&format!("dataDir: {}\n", quoted(&data.display().to_string())));
        }
        text
    }
}

/// JSON is YAML, and quotes whatever a text holds.
fn quoted(text: &str) -> Value {
    json!(text)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;
    use crate::config::{Sources, UserConfig, load};

    #[test]
    fn what_is_written_is_read() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("user.yaml");
        let chosen = Chosen {
            rpc_url: "https://rpc.example/a\"b: #c".to_owned(),
            contract: Address::repeat_byte(7),
            chain_id: 16_602,
            wallet: Some(Address::repeat_byte(9)),
            data_dir: Some(directory.path().join("a: b")),
        };
        std::fs::write(&file, chosen.yaml()).unwrap();
        let sources = Sources { file: Some(file.into()), ..Sources::default() };
        let (config, layers) = load::<UserConfig>(&sources).unwrap();
        assert_eq!(config.shell.chain.rpc_url, chosen.rpc_url);
        assert_eq!(config.shell.chain.contract, chosen.contract);
        assert_eq!(config.shell.chain.chain_id, Some(16_602));
        assert_eq!(config.shell.wallet, chosen.wallet);
        assert_eq!(config.shell.data_dir, chosen.data_dir);
        assert_eq!(layers.len(), 5);
        assert!(!format!("{chosen:?}").contains("rpc.example"));
    }
}
