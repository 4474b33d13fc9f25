//! Providers that do nothing but list a service, so that users can open accounts with them.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use serde_json::json;
use zgserve_tui::broker::outbox;
use zgserve_tui::chain::{Attempt, Call, Journal, JournalError, Outcome, Sender, SenderSettings};
use zgserve_tui::domain::{Address, Neuron, OperationId, Prices, ServiceKind};
use zgserve_tui::keys::{Secret, Wallet};
use zgserve_tui::tasks::Tasks;

use super::world::Place;

/// A journal that remembers nothing: these keys act once.
struct Forgetful;

impl Journal for Forgetful {
    fn record(&self, _: Attempt) -> BoxFuture<'_, Result<(), JournalError>> {
        Box::pin(async { Ok(()) })
    }

    fn finished(&self, _: OperationId, _: Outcome) -> BoxFuture<'_, Result<(), JournalError>> {
        Box::pin(async { Ok(()) })
    }
}

/// Makes a provider with a key of this number, and lists a service of it.
pub async fn list(place: &Place, number: u64) -> Option<Address> {
    let wallet = Arc::new(Wallet::from_hex(&Secret::new(format!("{:064x}", u128::from(number) + 1))).ok()?);
    let address = wallet.address();
    place.rpc("anvil_setBalance", json!([address.to_string(), "0xde0b6b3a7640000"])).await?;
    let chain = place.chain().await?;
    let tasks = Tasks::new();
    let sender =
        Sender::start(chain, outbox::signer(wallet), Arc::new(Forgetful), &tasks, SenderSettings::default());
    let call = Call::PutService {
        name: "elsewhere".parse().ok()?,
        kind: ServiceKind::Chatbot,
        url: "http://127.0.0.1:9".to_owned(),
        model: "m".to_owned(),
        prices: Prices { input: Neuron::new(1), output: Neuron::new(1) },
    };
    let mut ticket = sender.submit(OperationId::random(), call).await.ok()?;
    let outcome = tokio::time::timeout(std::time::Duration::from_secs(5), ticket.wait()).await;
    tasks.stop(std::time::Duration::ZERO).await;
    matches!(outcome, Ok(Outcome::Mined { .. })).then_some(address)
}
