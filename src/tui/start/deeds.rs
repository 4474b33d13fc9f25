//! What the guide has done for it. `app` does it; tests do it by themselves.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use futures_util::future::BoxFuture;

use crate::domain::{Address, Neuron};
use crate::keys::{Secret, Wallet};

/// What a look at a chain found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainSeen {
    pub node: Result<NodeSeen, String>,
    /// The contract's lock time in seconds, or what is wrong with it; absent if the node could not be asked.
    pub contract: Option<Result<u64, String>>,
}

/// What a node says of its chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeSeen {
    pub chain_id: u64,
    pub block: u64,
    /// How long one answer took.
    pub milliseconds: u64,
}

/// How a key is to be had.
#[derive(Clone, Debug)]
pub enum KeyOrder {
    Create { passphrase: Secret<String> },
    Import { key: Secret<String>, passphrase: Secret<String> },
    ImportFile { file: PathBuf, file_passphrase: Secret<String>, passphrase: Secret<String> },
    Unlock { address: Address, passphrase: Secret<String> },
}

impl KeyOrder {
    /// The one that locks the key here.
    pub fn passphrase(&self) -> &Secret<String> {
        match self {
            KeyOrder::Create { passphrase }
            | KeyOrder::Import { passphrase, .. }
            | KeyOrder::ImportFile { passphrase, .. }
            | KeyOrder::Unlock { passphrase, .. } => passphrase,
        }
    }
}

/// A key at hand.
#[derive(Clone, Debug)]
pub struct OwnKey {
    pub wallet: Arc<Wallet>,
    /// The file that it rests in.
    pub file: PathBuf,
    /// Whether the keyring took its passphrase, where it was to.
    pub kept: Option<Result<(), String>>,
}

impl OwnKey {
    pub fn address(&self) -> Address {
        self.wallet.address()
    }
}

/// Why there is no key, and the field to blame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyTrouble {
    pub field: Option<&'static str>,
    pub text: String,
}

/// What was chosen, for the settings file.
#[derive(Clone, PartialEq, Eq)]
pub struct Choice {
    pub rpc_url: String,
    pub contract: Address,
    pub chain_id: u64,
    pub wallet: Option<Address>,
}

impl fmt::Debug for Choice {
    /// Without the node's URL, whose path may be a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Choice(chain {}, contract {}, wallet {:?})", self.chain_id, self.contract, self.wallet)
    }
}

/// Why settings were not written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SaveTrouble {
    /// There is such a file already.
    Exists(PathBuf),
    Failed(String),
}

/// Each is one answer; errors are sentences for people. Nothing here may block the runtime.
pub trait Deeds: fmt::Debug + Send + Sync + 'static {
    fn look(&self, rpc_url: String, contract: String) -> BoxFuture<'static, ChainSeen>;
    /// `keep` has the keyring keep the passphrase, once it fitted.
    fn key(&self, order: KeyOrder, keep: bool) -> BoxFuture<'static, Result<OwnKey, KeyTrouble>>;
    /// What an address holds outside the contract.
    fn balance(&self, rpc_url: String, address: Address) -> BoxFuture<'static, Result<Neuron, String>>;
    /// Writes the settings file; one that exists only if `replace` says so.
    fn save(&self, choice: Choice, replace: bool) -> BoxFuture<'static, Result<PathBuf, SaveTrouble>>;
}
