//! The chain as the settings name it.

use std::time::Duration;

use alloy::transports::BoxTransport;
use anyhow::Result;

use crate::chain::devnet::Devnet;
use crate::chain::{Chain, ChainError, ChainKind, ChainSettings, Endpoint, SenderSettings};
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
        trust_other_contract_code: keys.trust_other_contract_code,
        ..ChainSettings::new(Endpoint::parse_all(&keys.rpc_url, &keys.fallback_rpc_urls)?, keys.contract)
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

/// Whether it is a development chain whose node is on this machine; then providers may be, too.
///
/// A node of a public chain may well run here, or a tunnel to one end here. The services that such a chain lists are
/// strangers' all the same, and their addresses must not lead into this machine or its network.
pub fn is_local(keys: &ChainKeys, chain: &Chain) -> bool {
    let mut urls = std::iter::once(&keys.rpc_url).chain(&keys.fallback_rpc_urls);
    chain.kind() == ChainKind::Development && urls.all(|url| on_this_machine(url))
}

fn on_this_machine(rpc_url: &str) -> bool {
    let Ok(url) = url::Url::parse(rpc_url) else { return false };
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
