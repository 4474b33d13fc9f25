//! Whether others can be reached from here: for a user the providers that it has accounts with, for a provider itself
//! at the address that the chain lists.

use std::collections::BTreeSet;

use anyhow::Result;

use super::findings::Findings;
use crate::app::chain::is_local;
use crate::broker::user::{self, reach};
use crate::chain::Chain;
use crate::cli::Exit;
use crate::config::{ProviderConfig, UserConfig};
use crate::domain::{Address, Service};

/// So many are asked; who has more accounts has seen the first ones work.
const MOST: usize = 20;

/// Asks every provider with an account for its terms, as a paid request would.
pub(super) async fn providers(
    findings: &mut Findings,
    config: &UserConfig,
    chain: &Chain,
    user: Address,
) -> Result<()> {
    let accounts = chain.accounts_of_user(user, None).await?;
    let with: BTreeSet<Address> = accounts.iter().map(|account| account.id.provider).collect();
    if with.is_empty() {
        findings.good("providers: no account yet; `zgserve-tui account create` opens one");
        return Ok(());
    }
    let listed = chain.services(None).await?.services;
    for provider in with.into_iter().take(MOST) {
        match listed.iter().find(|service| service.provider == provider) {
            Some(service) => one(findings, config, chain, service).await,
            None => findings.doubtful(
                &format!("provider {provider}: it lists no service any more"),
                &format!("`zgserve-tui refund request {provider} AMOUNT` takes the deposit back"),
            ),
        }
    }
    Ok(())
}

async fn one(findings: &mut Findings, config: &UserConfig, chain: &Chain, service: &Service) {
    let provider = service.provider;
    let private = config.broker.allow_private_providers.unwrap_or(is_local(&config.shell.chain, chain));
    match reach(service, chain, &config.broker, private).await {
        Ok(took) => findings.good(&format!("provider {provider}: it answers in {} ms", took.as_millis())),
        Err(error) => findings.bad(
            Exit::Unreachable,
            &format!("provider {provider}: {error}"),
            "it is for the provider to mend; deposits stay where they are, and `zgserve-tui refund request` takes them back",
        ),
    }
}

/// Asks for our own terms where the chain sends users to.
pub(super) async fn ourselves(
    findings: &mut Findings,
    config: &ProviderConfig,
    chain: &Chain,
    provider: Address,
) -> Result<()> {
    let listed = chain.services_of(provider, None).await?.services;
    let Some(service) = listed.first() else {
        findings.good("reachable: no service is listed yet; `zgserve-tui provider service add` lists one");
        return Ok(());
    };
    let ours = config.broker.serving_url.trim_end_matches('/');
    if service.url.trim_end_matches('/') != ours {
        findings.doubtful(
            &format!("reachable: the chain sends users to {}, the settings say {ours}", service.url),
            "`zgserve-tui provider service sync` tells the chain",
        );
    }
    // Our own address may be any: nobody is led here by it.
    match reach(service, chain, &user::Settings::default(), true).await {
        Ok(took) => findings.good(&format!("reachable: {} answers in {} ms", service.url, took.as_millis())),
        Err(error) => findings.bad(
            Exit::Unreachable,
            &format!("reachable: {error}"),
            "start the broker, and lead servingUrl to its proxyListen (or listen); from outside it may look different",
        ),
    }
    Ok(())
}
