//! The embedded chain as a server of its own, with a contract on it.

use std::sync::Arc;

use alloy::primitives::hex;
use anyhow::{Context, Result};

use super::chain::embedded;
use super::deploy::deploy;
use super::signals::Signals;
use crate::chain::devnet::{DevAccount, Devnet, DevnetConfig};
use crate::chain::{Chain, SenderSettings};
use crate::cli::{DevnetArgs, Exit, Failure, Global, Output};
use crate::domain::amount::counted;
use crate::http::{self, Bound, Guard, Limits};
use crate::keys::{Secret, Wallet};
use crate::private_files;
use crate::tasks::Tasks;

const GRACE: std::time::Duration = std::time::Duration::from_secs(3);

pub async fn run(args: &DevnetArgs, global: &Global) -> Result<Exit> {
    // Anybody who reaches it owns all its test money and can turn its clock.
    Guard::may_listen(args.listen, false, false).map_err(|error| {
        let message = format!(
            "{} can be reached from other machines, and whoever reaches a devnet has all its test money and can turn its \
             clock; it has no token, so listen on 127.0.0.1",
            error.0
        );
        Failure::new(Exit::BadInput, message)
    })?;
    let mut signals = Signals::new()?;
    let bound = Bound::bind(args.listen, "devnet JSON-RPC").await?;
    let address = bound.address();
    let state_file = match &global.data_dir {
        Some(directory) => {
            private_files::create_directory(directory)?;
            Some(directory.join("devnet.chain"))
        }
        None => None,
    };
    let devnet = Devnet::start(DevnetConfig { state_file, ..DevnetConfig::default() }).await?;
    let chain = contract_on(&devnet, args.lock_time).await?;
    let tasks = Tasks::new();
    let guard = Guard::new(address, &[], None).for_wallets();
    let rpc = http::local(http::devnet::router(devnet.clone()), guard);
    let server = bound.serve(rpc, Limits::default(), tasks.child());
    Output.line(&format!("chain {} on http://{address}, Serving contract {}", chain.id(), chain.contract()));
    Output.line(&format!(
        "refunds are locked for {}; test keys, known to everybody:",
        counted(chain.lock_time(), "second")
    ));
    for account in devnet.accounts() {
        Output.line(&format!("  {}  {}", account.address, hex::encode_prefixed(account.key.expose())));
    }
    signals.next().await;
    signals.unless_again(server.stop(GRACE)).await;
    Ok(Exit::Ok)
}

/// The chain with a contract: the one that its first key deployed first, put there now if it is not.
pub async fn contract_on(devnet: &Devnet, lock_time: u64) -> Result<Chain> {
    let bare = embedded(devnet).await?;
    let first = account(devnet, 0)?;
    // The first contract of an address has the address that its first nonce gives.
    let expected = first.address.create(0);
    if let Ok(chain) = bare.at_contract(expected).await {
        return Ok(chain);
    }
    let deployed = deploy(&bare, wallet_of(&first)?, lock_time, SenderSettings::default()).await?;
    Ok(bare.at_contract(deployed).await?)
}

pub fn account(devnet: &Devnet, index: usize) -> Result<DevAccount> {
    devnet.accounts().get(index).copied().context("the devnet has fewer accounts than the demo needs")
}

pub fn wallet_of(account: &DevAccount) -> Result<Arc<Wallet>> {
    Ok(Arc::new(Wallet::from_hex(&Secret::new(hex::encode(account.key.expose())))?))
}
