//! Users who leave: they ask everything back at the contract itself, debts included, and take it at the first moment they
//! can. The engine has settled by then, also when its node was away for nearly half the lock time (I21), or it crashed.

use std::sync::Arc;

use serde_json::json;
use zgserve_tui::broker::outbox;
use zgserve_tui::chain::{Call, Outcome, Sender};
use zgserve_tui::domain::{Neuron, OperationId};

use super::world::{Forgetful, LOCK, Plan, Reply, SAY_THIS, Trouble, World, fast, until, wallet};

/// A neuron price at which one answer is worth a transaction.
const DEAR: u128 = 1_000_000_000_000_000;
const DEPOSIT: u128 = 1_000 * DEAR;
/// From a refund's request to the moment at which the engine must act: half the lock less the margin.
const BEGIN: u64 = LOCK / 2 - LOCK / 8;

/// A user in debt, whose key can also act behind the user broker's back.
async fn in_debt() -> (World, Sender, u128) {
    let mut plan = Plan::default();
    plan.provider.settlement.automatic = true;
    plan.provider.settlement.check_interval = 1;
    // Only danger asks for a settlement.
    plan.provider.settlement.gas_share_basis_points = 0;
    plan.provider.settlement.risk_limit = Neuron::ZERO;
    plan.provider.credit_limit = Neuron::ZERO;
    let world = World::bare(plan).await;
    let body = json!({
        "URL": world.upstream.url, "inputPrice": DEAR.to_string(), "outputPrice": DEAR.to_string(),
        "Type": "chatbot", "Name": "llama7b",
    });
    world.owner().post("/v1/service", body.to_string()).await.is(204);
    world.user_sees("llama7b").await;
    world.open_account(DEPOSIT).await;
    world.upstream.say(Reply::chat("A dear answer."));
    world.ask(SAY_THIS).await.is(200);
    let owed = world.check_books().await.owed.get();
    let key = outbox::signer(wallet(&world.devnet.accounts()[0]));
    let user = Sender::start(world.chain.clone(), key, Arc::new(Forgetful), &world.tasks, fast());
    (world, user, owed)
}

async fn send(user: &Sender, call: Call) {
    let outcome = user.submit(OperationId::random(), call).await.unwrap().wait().await;
    assert!(matches!(outcome, Outcome::Mined { .. }), "{outcome:?}");
}

async fn ask_everything_back(world: &World, user: &Sender) {
    let provider = world.provider_address();
    send(user, Call::RequestRefund { provider, amount: Neuron::new(DEPOSIT) }).await;
}

async fn settled(world: &World, owed: u128) {
    until("the engine settles", async || {
        let account = world.chain.account(world.id(), None).await.unwrap().unwrap();
        (account.settled.get() == owed).then_some(())
    })
    .await;
}

/// The refund is taken as soon as it can be; it brings what was not owed.
async fn taken(world: &World, user: &Sender, owed: u128) {
    let account = world.chain.account(world.id(), None).await.unwrap().unwrap();
    assert_eq!((account.balance.get(), account.settled.get()), (DEPOSIT - owed, owed));
    world.devnet.advance_time(LOCK).unwrap();
    let provider = world.provider_address();
    // The user's own broker may be faster; either way it is paid once.
    let _ = user.submit(OperationId::random(), Call::ProcessRefund { provider }).await;
    until("the refund is paid", async || {
        let account = world.chain.account(world.id(), None).await.unwrap().unwrap();
        account.balance.is_zero().then_some(())
    })
    .await;
    let account = world.chain.account(world.id(), None).await.unwrap().unwrap();
    assert_eq!(account.settled.get(), owed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_debt_is_settled_before_the_refund_unlocks_and_not_before_it_must() {
    let (world, user, owed) = in_debt().await;
    ask_everything_back(&world, &user).await;
    until("it is seen", async || {
        let seen = world.owner().get("/v1/overview").await.is(200).json();
        (seen["InDanger"] == 1).then_some(())
    })
    .await;
    let path = format!("/v1/user/{}", world.user_address());
    let view = world.owner().get(&path).await.is(200).json();
    assert_eq!((view["Risk"].as_str(), view["Settled"].as_str()), (Some("refund"), Some("0")));
    world.devnet.advance_time(BEGIN).unwrap();
    settled(&world, owed).await;
    let list = world.owner().get("/v1/settlement").await.is(200).json();
    assert_eq!(list["Items"][0]["Reasons"], json!(["refund_deadline"]));
    taken(&world, &user, owed).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_is_away_for_half_the_lock_from_the_request_on_costs_nothing() {
    let (world, user, owed) = in_debt().await;
    world.provider_side.place.line.set(Trouble::Down);
    ask_everything_back(&world, &user).await;
    world.devnet.advance_time(LOCK / 2 - 1).unwrap();
    world.provider_side.place.line.heal();
    settled(&world, owed).await;
    taken(&world, &user, owed).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_goes_away_just_before_the_time_to_settle_costs_nothing() {
    let (world, user, owed) = in_debt().await;
    ask_everything_back(&world, &user).await;
    // A minute before, for a machine that stands still; the rest of it passes while the node is away.
    world.devnet.advance_time(BEGIN - 60).unwrap();
    until("it is seen", async || {
        let seen = world.owner().get("/v1/overview").await.is(200).json();
        (seen["InDanger"] == 1).then_some(())
    })
    .await;
    world.provider_side.place.line.set(Trouble::Down);
    world.devnet.advance_time(55 + LOCK / 2 - 1).unwrap();
    let account = world.chain.account(world.id(), None).await.unwrap().unwrap();
    assert!(account.settled.is_zero(), "nothing could be sent");
    world.provider_side.place.line.heal();
    settled(&world, owed).await;
    taken(&world, &user, owed).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_was_down_when_the_refund_was_asked_for_settles_once_it_is_up() {
    let (mut world, user, owed) = in_debt().await;
    world.crash_provider().await;
    ask_everything_back(&world, &user).await;
    world.devnet.advance_time(LOCK - LOCK / 8).unwrap();
    world.start_provider().await;
    settled(&world, owed).await;
    taken(&world, &user, owed).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_settlement_stuck_since_before_the_refund_is_hurried_over_a_crash() {
    let (mut world, user, owed) = in_debt().await;
    world.devnet.set_automine(false);
    let sent = world.owner().post_empty("/v1/settle?wait=false").await.is(202).json();
    let operation = sent["Transactions"][0]["OperationID"].as_str().unwrap().to_owned();
    // Gas has become dearer than the settlement offers; the user pays for it, and leaves.
    world.devnet.set_base_fee(40_000_000_000);
    world.devnet.mine(1).unwrap();
    let provider = world.provider_address();
    let refund = Call::RequestRefund { provider, amount: Neuron::new(DEPOSIT) };
    let mut ticket = user.submit(OperationId::random(), refund).await.unwrap();
    world.devnet.mine(1).unwrap();
    assert!(matches!(ticket.wait().await, Outcome::Mined { .. }));
    world.crash_provider().await;
    world.devnet.advance_time(LOCK - LOCK / 8).unwrap();
    world.devnet.set_automine(true);
    world.start_provider().await;
    settled(&world, owed).await;
    until("it is the same operation that did it", async || {
        let seen = world.owner().get(&format!("/v1/operation/{operation}")).await.is(200).json();
        (seen["State"] == "mined").then_some(())
    })
    .await;
    let list = world.owner().get("/v1/settlement").await.is(200).json();
    assert_eq!(list["Items"].as_array().unwrap().len(), 1, "and no second one was needed");
    taken(&world, &user, owed).await;
}
