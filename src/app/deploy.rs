//! Deploying the Serving contract, once a chain.

use std::sync::Arc;

use anyhow::{Context, Result};
use futures_util::future::BoxFuture;

use super::chain::{chain_settings, sender_settings};
use super::settings::settings;
use super::wallet;
use crate::broker::outbox;
use crate::chain::{Attempt, Call, Chain, ChainKind, Journal, JournalError, Outcome, Sender, SenderSettings};
use crate::cli::{DeployArgs, Exit, Failure, Global, Output, Progress, Role};
use crate::config::{Paths, ProviderConfig, RoleConfig, UserConfig};
use crate::domain::amount::counted;
use crate::domain::{Address, OperationId};
use crate::keys::Wallet;
use crate::tasks::Tasks;

/// Half of it is the time that a node may be away without a loss, and what a stuck transaction takes has to fit in too.
const SHORTEST_LOCK: u64 = 3600;

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
    may_lock(args.lock_time, chain.kind())?;
    let deployer = wallet.address();
    let deployed = {
        let _waiting = Progress::start("waiting for the deployment");
        deploy(&chain, wallet, args.lock_time, sender_settings(&shell.chain)).await?
    };
    Output.line(&deployed.to_string());
    Output.note(&format!(
        "Serving contract {deployed} on chain {}, deployed by {deployer}, refunds locked for {}; set chain.contract to it",
        chain.id(),
        counted(args.lock_time, "second")
    ));
    Ok(Exit::Ok)
}

/// Whether a lock leaves a provider the time to settle. On a development chain anything may be tried.
fn may_lock(lock_time: u64, kind: ChainKind) -> Result<(), Failure> {
    if kind == ChainKind::Development || lock_time >= SHORTEST_LOCK {
        return Ok(());
    }
    let message = format!(
        "--lock-time {lock_time} is refused: the lock of a contract is fixed for ever and in seconds, and of less than \
         {SHORTEST_LOCK} no provider has the time to settle before a user has left; 86400 is a day"
    );
    Err(Failure::new(Exit::BadInput, message))
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;

    #[test]
    fn a_lock_that_nobody_can_settle_in_is_for_development_only() {
        for short in [0, 24, 3599] {
            let error = may_lock(short, ChainKind::Public).unwrap_err();
            assert_eq!(error.exit, Exit::BadInput);
            assert!(
                error.message.contains("for ever") && error.message.contains("86400 is a day"),
                "{error}"
            );
            assert!(may_lock(short, ChainKind::Development).is_ok());
        }
        assert!(may_lock(3600, ChainKind::Public).is_ok());
    }
}
