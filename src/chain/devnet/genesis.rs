//! How a new chain begins: its accounts, its first block, and the settings it is started with.

use std::{fmt, path::PathBuf};

use alloy::{
    consensus::Header,
    primitives::{Address, B256, U256, address, b256},
};

use super::{
    blocks::Block,
    execute::BLOCK_GAS_LIMIT,
    state::{AccountChange, Changes, Info},
};
use crate::domain::Neuron;

/// Accounts there are keys for.
pub const MAX_ACCOUNTS: usize = 10;

/// How to start a chain.
#[derive(Clone, Debug)]
pub struct DevnetConfig {
    /// Replay protection of transactions; wallets expect 31337 of a development chain.
    pub chain_id: u64,
    /// Where the chain is kept. None: in memory, gone with the process.
    pub state_file: Option<PathBuf>,
    /// How many of the ten funded accounts to create (a new chain only).
    pub accounts: usize,
    /// What each of them owns at the start.
    pub balance: Neuron,
    /// Neuron per gas that every transaction must offer, on a new chain.
    pub base_fee: u64,
    /// Mine a block as soon as a transaction arrives.
    pub automine: bool,
}

impl Default for DevnetConfig {
    fn default() -> Self {
        DevnetConfig {
            chain_id: 31337,
            state_file: None,
            accounts: MAX_ACCOUNTS,
            balance: Neuron::new(10_000 * 10u128.pow(18)),
            base_fee: 1_000_000_000,
            automine: true,
        }
    }
}

/// The private key of a [`DevAccount`]. Everybody knows these keys; they are still kept out of logs, so that
/// nobody gets used to seeing keys there.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct DevKey(B256);

impl DevKey {
    /// The 32 bytes of the key, for a signer.
    pub fn expose(&self) -> &B256 {
        &self.0
    }
}

impl fmt::Debug for DevKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DevKey(..)")
    }
}

/// A funded account of the development chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DevAccount {
    pub address: Address,
    pub key: DevKey,
}

/// Derived (BIP-39, m/44'/60'/0'/0/i) from "test test test test test test test test test test test junk", the phrase
/// every Ethereum development chain uses. Never send anything of value to these.
const ACCOUNTS: [DevAccount; MAX_ACCOUNTS] = [
    account(
        address!("f39Fd6e51aad88F6F4ce6aB8827279cffFb92266"),
        b256!("ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"),
    ),
    account(
        address!("70997970C51812dc3A010C7d01b50e0d17dc79C8"),
        b256!("59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d"),
    ),
    account(
        address!("3C44CdDdB6a900fa2b585dd299e03d12FA4293BC"),
        b256!("5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a"),
    ),
    account(
        address!("90F79bf6EB2c4f870365E785982E1f101E93b906"),
        b256!("7c852118294e51e653712a81e05800f419141751be58f605c371e15141b007a6"),
    ),
    account(
        address!("15d34AAf54267DB7D7c367839AAf71A00a2C6A65"),
        b256!("47e179ec197488593b187f80a00eb0da91f1b9d0b13f8733639f19c30a34926a"),
    ),
    account(
        address!("9965507D1a55bcC2695C58ba16FB37d819B0A4dc"),
        b256!("8b3a350cf5c34c9194ca85829a2df0ec3153be0318b5e2d3348e872092edffba"),
    ),
    account(
        address!("976EA74026E726554dB657fA54763abd0C3a0aa9"),
        b256!("92db14e403b83dfe3df233f83dfa3a0d7096f21ca9b0d6d6b8d88b2b4ec1564e"),
    ),
    account(
        address!("14dC79964da2C08b23698B3D3cc7Ca32193d9955"),
        b256!("4bbbf85ce3377467afe5d46f804f221813b2bb87f24d81f60f1fcdbf7cbf4356"),
    ),
    account(
        address!("23618e81E3f5cdF7f54C3d65f7FBc0aBf5B21E8f"),
        b256!("dbda1821b80551c9d65939329250298aa3472ba22feea921c0cf5d620ea67b97"),
    ),
    account(
        address!("a0Ee7A142d267C1f36714E4a8F75612F20a79720"),
        b256!("2a871d0798f97d79848a013d4936a73bf4cc922c825d33c1cf7073dff6d409c6"),
    ),
];

const fn account(address: Address, key: B256) -> DevAccount {
    DevAccount { address, key: DevKey(key) }
}

/// The first `count` accounts (at most [`MAX_ACCOUNTS`]).
pub(super) fn accounts(count: usize) -> &'static [DevAccount] {
    &ACCOUNTS[..count.min(MAX_ACCOUNTS)]
}

/// Block 0 and the state it starts with.
pub(super) fn genesis(config: &DevnetConfig, now: u64) -> (Block, Changes) {
    let mut changes = Changes::default();
    for account in accounts(config.accounts) {
        let info = Info::with_balance(U256::from(config.balance.get()));
        let change = AccountChange { after: Some(info), ..AccountChange::default() };
        changes.accounts.insert(account.address, change);
    }
    let header = Header {
        state_root: changes.root(B256::ZERO),
        timestamp: now,
        gas_limit: BLOCK_GAS_LIMIT,
        base_fee_per_gas: Some(config.base_fee),
        ..Block::empty_header()
    };
    (Block::seal(header, Vec::new()), changes)
}

#[cfg(test)]
mod tests {
    use alloy::signers::local::PrivateKeySigner;

    use super::*;

    #[test]
    #[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    fn every_key_belongs_to_its_address_and_stays_out_of_debug() {
        for account in ACCOUNTS {
            let signer = PrivateKeySigner::from_bytes(account.key.expose()).unwrap();
            assert_eq!(signer.address(), account.address);
            let shown = format!("{account:?}");
            assert!(shown.contains("DevKey(..)"));
            assert!(!shown.to_lowercase().contains(&alloy::hex::encode(account.key.expose())[..8]));
        }
    }
}
