//! The chain as the settings name it.

use std::time::Duration;

use alloy::transports::BoxTransport;
use anyhow::Result;

use crate::chain::devnet::Devnet;
use crate::chain::{Chain, ChainError, ChainSettings, Endpoint, SenderSettings};
use crate::config::ChainKeys;
use crate::domain::Address;

/// Between two tries of a daemon to reach its chain at the start.
const RETRY: Duration = Duration::from_secs(3);

/// How patient a command is with a chain that does not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    /// A command fails at once.
    None,
    /// A daemon waits; its node may be starting too.
    Wait,
}

pub fn chain_settings(keys: &ChainKeys) -> Result<ChainSettings, ChainError> {
    Ok(ChainSettings {
        chain_id: keys.chain_id,
        poll: keys.poll_interval.map(Duration::from_millis),
        timeout: Duration::from_secs(keys.timeout),
        confirmations: keys.confirmations,
        ..ChainSettings::new(Endpoint::parse(&keys.rpc_url)?, keys.contract)
    })
}

pub fn sender_settings(keys: &ChainKeys) -> SenderSettings {
    SenderSettings {
        max_fee_per_gas: keys.max_fee_per_gas.get(),
        replace_after: Duration::from_secs(keys.replace_after),
        unknown_after: Duration::from_secs(keys.unknown_after),
        ..SenderSettings::default()
    }
}

/// Opens the chain with the contract of the settings.
pub async fn open(keys: &ChainKeys, patience: Patience) -> Result<Chain, ChainError> {
    let settings = chain_settings(keys)?;
    loop {
        match Chain::open(settings.clone()).await {
            Err(error) if error.is_transient() && patience == Patience::Wait => {
                tracing::warn!(%error, "waiting for the chain");
                tokio::time::sleep(RETRY).await;
            }
            opened => return opened,
        }
    }
}

/// Whether the chain's node is on this machine; then providers may be, too.
pub fn is_local(keys: &ChainKeys) -> bool {
    let Ok(url) = url::Url::parse(&keys.rpc_url) else { return false };
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

/// The embedded chain, without a contract yet.
pub async fn embedded(devnet: &Devnet) -> Result<Chain, ChainError> {
    let endpoint = Endpoint::InProcess(BoxTransport::new(devnet.transport()));
    Chain::open_bare(ChainSettings::new(endpoint, Address::ZERO)).await
}
