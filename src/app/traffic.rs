//! Traffic for a demo: three users who use a dearer service by themselves, so that a provider sees something happen.
//!
//! Two spend and stay. The third spends for a while, then goes to the contract itself and asks the whole deposit back,
//! what it owes included, which no honest broker would; and comes again once it is paid out. It is the kind of user
//! whom the settlement engine must not let go. All three are whole user brokers with test keys of their own, on the
//! same chain, and pay as everybody else does.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use http::{HeaderMap, HeaderValue};
use rand::Rng;

use super::devnet::{account, wallet_of};
use super::user::{RunningUser, UserStart, Who};
use crate::broker::outbox;
use crate::broker::user::{PaidCall, Settings, UserBroker};
use crate::chain::devnet::Devnet;
use crate::chain::{Attempt, Call, Chain, Journal, JournalError, Outcome, Sender, SenderSettings};
use crate::domain::{Address, Neuron, OperationId, Prices, ServiceName};
use crate::private_files;
use crate::store::{Db, Role};
use crate::tasks::Tasks;

/// The service that they use: the same chatbot at a price at which debts outgrow their gas within minutes.
pub(super) const SERVICE: &str = "eliza-pro";
pub(super) const PRICES: Prices =
    Prices { input: Neuron::new(1_000_000_000_000), output: Neuron::new(2_000_000_000_000) };
/// Test keys of the three, by index; the demo itself has the first three.
const GUESTS: [usize; 3] = [3, 4, 5];
const DEPOSIT: Neuron = Neuron::new(200_000_000_000_000_000);
/// Calls of the one who leaves before it does.
const BEFORE_LEAVING: usize = 12;
/// After a call that failed, and while a refund waits.
const PAUSE: Duration = Duration::from_secs(5);
const SAYINGS: &[&str] = &[
    "I need a holiday, and so does my server.",
    "My provider never tells me what it thinks.",
    "Are you a computer? I dream of computers.",
    "I remember when a token was a coin for the bus.",
    "Because it was cheaper by the million.",
    "My mother says that I chat too much.",
];

/// The journal of somebody who does not care what becomes of a transaction after a crash.
struct Unwritten;

impl Journal for Unwritten {
    fn record(&self, _: Attempt) -> BoxFuture<'_, Result<(), JournalError>> {
        Box::pin(async { Ok(()) })
    }

    fn finished(&self, _: OperationId, _: Outcome) -> BoxFuture<'_, Result<(), JournalError>> {
        Box::pin(async { Ok(()) })
    }
}

/// The users of a demo who act by themselves.
#[derive(Debug)]
pub(super) struct Traffic {
    guests: Vec<RunningUser>,
    tasks: Tasks,
}

impl Traffic {
    /// Starts the three. Their databases are gone with the demo's directory.
    pub(super) async fn start(
        devnet: &Devnet,
        chain: &Chain,
        provider: Address,
        place: &Path,
    ) -> Result<Traffic> {
        let tasks = Tasks::new();
        let service: ServiceName = SERVICE.parse()?;
        let mut guests = Vec::new();
        for index in GUESTS {
            let directory = place.join(format!("guest-{index}"));
            private_files::create_directory(&directory)?;
            let wallet = wallet_of(&account(devnet, index)?)?;
            let guest = RunningUser::start(UserStart {
                directory,
                db: Db::temporary(Role::User)?,
                lock: None,
                chain: chain.clone(),
                local_chain: true,
                who: Who::Owner(Arc::clone(&wallet)),
                sender: SenderSettings::default(),
                settings: Settings::default(),
                explorer: None,
            })
            .await?;
            let (broker, service) = (guest.broker.clone(), service.clone());
            let leaves = (index == GUESTS[2]).then(|| {
                let signer = outbox::signer(wallet);
                Sender::start(chain.clone(), signer, Arc::new(Unwritten), &tasks, SenderSettings::default())
            });
            tasks.spawn_until_stopped("a user of the demo", async move {
                act(broker, provider, service, leaves).await;
            });
            guests.push(guest);
        }
        Ok(Traffic { guests, tasks })
    }

    pub(super) async fn stop(self) {
        self.tasks.stop(Duration::from_secs(1)).await;
        futures_util::future::join_all(self.guests.into_iter().map(RunningUser::stop)).await;
    }
}

/// One user's life.
async fn act(broker: UserBroker, provider: Address, service: ServiceName, leaves: Option<Sender>) {
    loop {
        if let Err(error) = open(&broker, provider).await {
            tracing::warn!(%error, "a user of the demo could not open an account");
            tokio::time::sleep(PAUSE).await;
            continue;
        }
        for call in 1_usize.. {
            if leaves.is_some() && call > BEFORE_LEAVING {
                break;
            }
            if let Err(error) = chat(&broker, provider, &service).await {
                tracing::debug!(%error, "a user of the demo was not served");
                break;
            }
            let seconds = rand::rng().random_range(1..4);
            tokio::time::sleep(Duration::from_secs(seconds)).await;
        }
        if let Some(contract) = &leaves
            && let Err(error) = leave(&broker, contract, provider).await
        {
            tracing::warn!(%error, "a user of the demo could not leave");
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// An account with at least half of the usual deposit.
async fn open(broker: &UserBroker, provider: Address) -> Result<()> {
    let operation = match broker.account(provider) {
        Err(_) => broker.create_account(provider, DEPOSIT, None).await?,
        Ok(account) if account.available.get() < DEPOSIT.get() / 2 => {
            broker.deposit(provider, DEPOSIT, None).await?
        }
        Ok(_) => return Ok(()),
    };
    broker.wait(operation.id, Duration::from_secs(30)).await?;
    Ok(())
}

async fn chat(broker: &UserBroker, provider: Address, service: &ServiceName) -> Result<()> {
    let saying = SAYINGS[rand::rng().random_range(0..SAYINGS.len())];
    let body = serde_json::json!({
        "messages": [{"role": "user", "content": saying}], "stream": true, "max_tokens": 200,
    });
    let mut headers = HeaderMap::new();
    headers.insert(http::header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let call = PaidCall::post(
        provider,
        service.clone(),
        "/chat/completions",
        headers,
        Bytes::from(body.to_string()),
    );
    let mut answer = broker.call(call).await?.body;
    while let Some(piece) = answer.next().await {
        piece?;
    }
    Ok(())
}

/// Asks the whole deposit back, debts and all, and waits until it is paid out.
async fn leave(broker: &UserBroker, contract: &Sender, provider: Address) -> Result<()> {
    let amount = broker.account(provider)?.balance;
    let refund = Call::RequestRefund { provider, amount };
    contract.submit(OperationId::random(), refund).await?.wait().await;
    broker.sync(provider).await?;
    // The broker takes it by itself when it unlocks.
    while broker.account(provider).is_ok_and(|account| !account.pending_refund.is_zero()) {
        tokio::time::sleep(PAUSE).await;
    }
    Ok(())
}
