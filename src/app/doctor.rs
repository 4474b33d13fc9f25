//! Looks at everything a broker needs, and says what is wrong and what to do.

use anyhow::Result;

use super::api::Api;
use super::chain::chain_settings;
use super::failure::failure_of;
use super::settings::settings;
use super::wallet;
use crate::chain::Chain;
use crate::cli::{Exit, Global, Output, Role};
use crate::config::{Paths, ProviderConfig, RoleConfig, UserConfig};
use crate::domain::{Address, Neuron};
use crate::store::DataLock;

pub async fn run(role: Role, global: &Global) -> Result<Exit> {
    match role {
        Role::User => examine::<UserConfig>(global).await,
        Role::Provider => examine::<ProviderConfig>(global).await,
    }
}

/// Findings, one a line.
#[derive(Debug, Default)]
struct Findings {
    worst: Option<Exit>,
}

impl Findings {
    fn good(&self, what: &str) {
        Output.line(&format!("ok    {what}"));
    }

    fn bad(&mut self, exit: Exit, what: &str) {
        Output.line(&format!("FAIL  {what}"));
        self.worst.get_or_insert(exit);
    }

    fn wrong(&mut self, error: &anyhow::Error) {
        let failure = failure_of(error);
        self.bad(failure.exit, &failure.message);
    }
}

async fn examine<C: RoleConfig>(global: &Global) -> Result<Exit> {
    let mut findings = Findings::default();
    let config: C = match settings(global) {
        Ok(config) => config,
        Err(error) => {
            findings.wrong(&error);
            return Ok(findings.worst.unwrap_or(Exit::Failed));
        }
    };
    let file = Paths::settings(C::NAME, global.config.as_deref());
    let file = file.map_or("no file, all at their defaults".to_owned(), |file| file.display().to_string());
    findings.good(&format!("settings: {file}"));

    let shell = config.shell();
    let paths = Paths::of(C::NAME, shell.data_dir.as_deref())?;
    let mut running = false;
    match DataLock::holder(&paths.data) {
        Ok(None) => findings.good(&format!("data directory: {}, no broker runs on it", paths.data.display())),
        Ok(Some(holder)) => {
            running = true;
            let at = holder.address.map(|address| format!(" at {address}")).unwrap_or_default();
            findings.good(&format!("data directory: {}, a broker runs on it{at}", paths.data.display()));
        }
        Err(error) => findings.wrong(&error.into()),
    }
    let address = match wallet::find(shell, global, &paths).await {
        Ok(Some(wallet)) => {
            findings.good(&format!("key: {}", wallet.address()));
            Some(wallet.address())
        }
        Ok(None) => {
            findings
                .bad(Exit::BadInput, "key: none; set privateKeys or make one with `zgserve-tui wallet new`");
            None
        }
        Err(error) => {
            findings.wrong(&error);
            None
        }
    };
    chain(&mut findings, shell, address).await;
    if running {
        broker::<C>(&mut findings, global).await;
    }
    Ok(findings.worst.unwrap_or(Exit::Ok))
}

async fn chain(findings: &mut Findings, shell: &crate::config::Shell, address: Option<Address>) {
    let opened = match chain_settings(&shell.chain) {
        Ok(settings) => Chain::open(settings).await,
        Err(error) => Err(error),
    };
    let chain = match opened {
        Ok(chain) => chain,
        Err(error) => return findings.wrong(&error.into()),
    };
    findings.good(&format!("chain: id {}, contract {}", chain.id(), chain.contract()));
    let Some(address) = address else { return };
    match chain.native_balance(address).await {
        Ok(0) => findings.bad(Exit::ShortOfFunds, &format!("money: {address} has none, not even for gas")),
        Ok(balance) => {
            findings.good(&format!("money: {} A0GI in the wallet", Neuron::new(balance).to_a0gi()))
        }
        Err(error) => findings.wrong(&error.into()),
    }
}

async fn broker<C: RoleConfig>(findings: &mut Findings, global: &Global) {
    let api = if C::NAME == UserConfig::NAME { Api::user(global).await } else { Api::provider(global).await };
    let health = match api {
        Ok(api) => api.get("/health", &[]).await,
        Err(error) => Err(error),
    };
    match health {
        Ok(health) if health["Status"] == "ok" => findings.good("broker: it answers and is well"),
        Ok(health) => findings.bad(Exit::Unreachable, &format!("broker: {health}")),
        Err(error) => findings.wrong(&error),
    }
}
