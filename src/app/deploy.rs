//! Deploying the Serving contract, once a chain.

use std::sync::Arc;

use anyhow::{Context, Result};
use futures_util::future::BoxFuture;

use super::chain::{chain_settings, sender_settings};
use super::settings::settings;
use super::wallet;
use crate::broker::outbox;
use crate::chain::{Attempt, Call, Chain, Journal, JournalError, Outcome, Sender, SenderSettings};
use crate::cli::{DeployArgs, Exit, Failure, Global, Output, Progress, Role};
use crate::config::{Paths, ProviderConfig, RoleConfig, UserConfig};
use crate::domain::amount::counted;
use crate::domain::{Address, OperationId};
use crate::keys::Wallet;
use crate::tasks::Tasks;

/// A deployment is watched to its end by whoever typed it, so nothing needs to be taken up again later.
struct NoJournal;

impl Journal for NoJournal {
    fn record(&self, _: Attempt) -> BoxFuture<'_, Result<(), JournalError>> {
        Box::pin(async { Ok(()) })
    }

    fn finished(&self, _: OperationId, _: Outcome) -> BoxFuture<'_, Result<(), JournalError>> {
        Box::pin(async { Ok(()) })
    }
}

pub async fn run(args: &DeployArgs, global: &Global) -> Result<Exit> {
    match args.role {
        Role::User => with_settings::<UserConfig>(args, global).await,
        Role::Provider => with_settings::<ProviderConfig>(args, global).await,
    }
}

async fn with_settings<C: RoleConfig>(args: &DeployArgs, global: &Global) -> Result<Exit> {
    let config: C = settings(global)?;
    let shell = config.shell();
    let paths = Paths::of(C::NAME, shell.data_dir.as_deref())?;
    let wallet = wallet::need::<C>(shell, global, &paths).await?;
    let chain = Chain::open_bare(chain_settings(&shell.chain)?).await?;
    let deployer = wallet.address();
    let deployed = {
        let _waiting = Progress::start("waiting for the deployment");
        deploy(&chain, wallet, args.lock_time, sender_settings(&shell.chain)).await?
    };
    Output.line(&deployed.to_string());
    Output.note(&format!(
        "Serving contract on chain {}, deployed by {deployer}, refunds locked for {}; set chain.contract to it",
        chain.id(),
        counted(args.lock_time, "second")
    ));
    Ok(Exit::Ok)
}

/// Puts a new contract on the chain and gives its address.
pub async fn deploy(
    chain: &Chain,
    wallet: Arc<Wallet>,
    lock_time: u64,
    settings: SenderSettings,
) -> Result<Address> {
    let tasks = Tasks::new();
    let sender = Sender::start(chain.clone(), outbox::signer(wallet), Arc::new(NoJournal), &tasks, settings);
    let mut ticket = sender
        .submit(OperationId::random(), Call::Deploy { lock_time })
        .await
        .context("the contract was not deployed")?;
    let outcome = ticket.wait().await;
    tasks.stop(std::time::Duration::from_secs(1)).await;
    let failed = |exit, text: String| Err(Failure::new(exit, text).into());
    match outcome {
        Outcome::Mined { contract: Some(contract), .. } => Ok(contract),
        Outcome::Mined { hash, contract: None, .. } => {
            failed(Exit::Failed, format!("transaction {hash} is in a block but made no contract"))
        }
        Outcome::Reverted { hash, reason, .. } => {
            failed(Exit::Refused, format!("the deployment in transaction {hash} failed: {reason}"))
        }
        Outcome::Refused { reason } => {
            failed(Exit::Refused, format!("the chain refused the deployment: {reason}"))
        }
        Outcome::Unknown { hashes } => {
            let hashes: Vec<String> = hashes.iter().map(ToString::to_string).collect();
            let text = format!(
                "not in a block yet; look for transaction {} before you repeat it",
                hashes.join(" or ")
            );
            failed(Exit::Unknown, text)
        }
    }
}
