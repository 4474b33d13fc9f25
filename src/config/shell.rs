//! The settings that belong to no broker: listeners, keys, the chain, the data directory, the screens.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::domain::Address;
use crate::domain::address::parse_address;
use crate::keys::Secret;
use crate::tui;

/// What both brokers have around them.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Shell {
    #[serde(default)]
    pub private_keys: Keys,
    #[serde(deserialize_with = "optional_address")]
    pub wallet: Option<Address>,
    pub passphrase_file: Option<PathBuf>,
    pub passphrase_from: PassphraseFrom,
    pub data_dir: Option<PathBuf>,
    pub listen: SocketAddr,
    pub listen_without_token: bool,
    #[serde(serialize_with = "hidden")]
    pub token: Option<Secret<String>>,
    pub token_file: Option<PathBuf>,
    pub allow_hosts: Vec<String>,
    pub chain: ChainKeys,
    pub terminal: tui::Settings,
}

/// Where the passphrase of a key file comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum PassphraseFrom {
    /// The file that is named, else the keyring if it has it, else a person.
    #[default]
    Auto,
    File,
    Keyring,
    Prompt,
}

/// The chain, the contract on it, and how transactions are sent.
#[derive(Clone, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ChainKeys {
    #[serde(serialize_with = "host_only")]
    pub rpc_url: String,
    #[serde(serialize_with = "hosts_only")]
    pub fallback_rpc_urls: Vec<String>,
    #[serde(deserialize_with = "address", serialize_with = "checksummed")]
    pub contract: Address,
    pub chain_id: Option<u64>,
    pub trust_other_contract_code: bool,
    pub confirmations: u64,
    pub poll_interval: Option<u64>,
    pub timeout: u64,
    pub max_fee_per_gas: crate::domain::Neuron,
    pub replace_after: u64,
    pub unknown_after: u64,
    pub explorer_url: Option<String>,
}

impl std::fmt::Debug for ChainKeys {
    /// As it is shown: without what is secret in the node's URL.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ChainKeys({})", serde_json::to_value(self).unwrap_or_default())
    }
}

/// Where a broker's API listens and who may call it.
#[derive(Clone, Debug)]
pub struct Listen {
    pub address: SocketAddr,
    pub token: Option<Secret<String>>,
    pub allow_hosts: Vec<String>,
    pub without_token: bool,
    /// Whether the token was made for this process alone, so that nobody else can call.
    pub private: bool,
}

impl Shell {
    pub(super) fn new(port: u16) -> Shell {
        Shell {
            private_keys: Keys::default(),
            wallet: None,
            passphrase_file: None,
            passphrase_from: PassphraseFrom::Auto,
            data_dir: None,
            listen: SocketAddr::from(([127, 0, 0, 1], port)),
            listen_without_token: false,
            token: None,
            token_file: None,
            allow_hosts: Vec::new(),
            chain: ChainKeys::default(),
            terminal: tui::Settings::default(),
        }
    }

    pub fn listen(&self) -> Listen {
        Listen {
            address: self.listen,
            token: self.token.clone(),
            allow_hosts: self.allow_hosts.clone(),
            without_token: self.listen_without_token,
            private: false,
        }
    }
}

/// The contract that the first key of a fresh devnet deploys first: `zgserve-tui devnet`, with no settings at all.
const DEVNET_CONTRACT: Address = Address::new([
    0x5f, 0xbd, 0xb2, 0x31, 0x56, 0x78, 0xaf, 0xec, 0xb3, 0x67, 0xf0, 0x32, 0xd9, 0x3f, 0x64, 0x2f, 0x64,
    0x18, 0x0a, 0xa3,
]);

impl Default for ChainKeys {
    fn default() -> Self {
        ChainKeys {
            rpc_url: "http://127.0.0.1:8545".to_owned(),
            fallback_rpc_urls: Vec::new(),
            contract: DEVNET_CONTRACT,
            chain_id: None,
            trust_other_contract_code: false,
            confirmations: 1,
            poll_interval: None,
            timeout: 10,
            max_fee_per_gas: crate::domain::Neuron::new(1_000_000_000_000),
            replace_after: 45,
            unknown_after: 600,
            explorer_url: None,
        }
    }
}

/// Private keys: one text or a list of them. The first one signs.
#[derive(Clone, Debug, Default)]
pub struct Keys(pub Vec<Secret<String>>);

impl<'de> Deserialize<'de> for Keys {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Keys;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a private key as text, or a list of them")
            }
            fn visit_unit<E: de::Error>(self) -> Result<Keys, E> {
                Ok(Keys::default())
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Keys, E> {
                let texts = text.split(',').map(str::trim).filter(|text| !text.is_empty());
                Ok(Keys(texts.map(|text| Secret::new(text.to_owned())).collect()))
            }
            fn visit_seq<A: de::SeqAccess<'de>>(self, mut list: A) -> Result<Keys, A::Error> {
                let mut keys = Vec::new();
                while let Some(key) = list.next_element::<Secret<String>>()? {
                    keys.push(key);
                }
                Ok(Keys(keys))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

impl Serialize for Keys {
    /// Stars, one text a key.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|_| HIDDEN))
    }
}

const HIDDEN: &str = "***";

fn hidden<S: Serializer>(secret: &Option<Secret<String>>, serializer: S) -> Result<S::Ok, S::Error> {
    secret.as_ref().map(|_| HIDDEN).serialize(serializer)
}

/// Scheme, host and port: at many nodes the path is the key of whoever pays for them.
fn shown_host(url: &str) -> String {
    crate::chain::Endpoint::parse(url).map_or_else(|_| HIDDEN.to_owned(), |endpoint| endpoint.name())
}

fn host_only<S: Serializer>(url: &str, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&shown_host(url))
}

fn hosts_only<S: Serializer>(urls: &[String], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(urls.iter().map(|url| shown_host(url)))
}

fn checksummed<S: Serializer>(address: &Address, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(address)
}

fn address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Address, D::Error> {
    parse_address(&String::deserialize(deserializer)?).map_err(de::Error::custom)
}

fn optional_address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Address>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    text.filter(|text| !text.is_empty())
        .map(|text| parse_address(&text))
        .transpose()
        .map_err(de::Error::custom)
}
