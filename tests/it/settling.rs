//! The engine that settles by itself, and what settlements cost.

use std::sync::Arc;

use serde_json::json;
use zgserve_tui::broker::outbox;
use zgserve_tui::chain::{Call, Outcome, Sender, SettleRow};
use zgserve_tui::domain::{
    AccountId, Address, Neuron, OperationId, Prices, ServiceKind, SignedVoucher, Voucher,
};
use zgserve_tui::keys::Wallet;

use super::world::{Forgetful, Plan, Reply, SAY_THIS, Trouble, World, fast, until, wallet};

/// A neuron price at which one answer is worth a transaction.
const DEAR: u128 = 1_000_000_000_000_000;

/// A world whose engine looks every second, with a dear service and a deposit of `balance`.
async fn dear(balance: u128, change: impl FnOnce(&mut Plan)) -> World {
    let mut plan = Plan::default();
    let settlement = &mut plan.provider.settlement;
    settlement.automatic = true;
    settlement.check_interval = 1;
    // Only what a test turns on asks for a settlement.
    settlement.gas_share_basis_points = 0;
    settlement.risk_limit = Neuron::ZERO;
    settlement.balance_share_percent = 100;
    settlement.old_gas_share_basis_points = 1_000;
    plan.provider.credit_limit = Neuron::ZERO;
    change(&mut plan);
    let world = World::bare(plan).await;
    let body = json!({
        "URL": world.upstream.url, "inputPrice": DEAR.to_string(), "outputPrice": DEAR.to_string(),
        "Type": "chatbot", "Name": "llama7b",
    });
    world.owner().post("/v1/service", body.to_string()).await.is(204);
    world.user_sees("llama7b").await;
    world.open_account(balance).await;
    world.upstream.say(Reply::chat("A dear answer."));
    world
}

async fn settled_by_itself(world: &World, reason: &str) {
    let owed = world.check_books().await.owed;
    until("the engine settles", async || {
        let account = world.chain.account(world.id(), None).await.unwrap().unwrap();
        (account.settled == owed).then_some(())
    })
    .await;
    until("and says why", async || {
        let list = world.owner().get("/v1/settlement").await.is(200).json();
        let decisions = list["Decisions"].as_array()?.clone();
        let why = decisions.iter().any(|decision| {
            decision["Verdict"] == "settle"
                && decision["Reasons"].as_array().unwrap().contains(&json!(reason))
        });
        why.then_some(())
    })
    .await;
    let books = world.check_books().await;
    assert_eq!(books.settled, books.owed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refund_that_leaves_enough_asks_for_no_settlement() {
    let world = dear(1_000 * DEAR, |_| {}).await;
    world.ask(SAY_THIS).await.is(200);
    let owed = world.check_books().await.owed.get();
    let refund = json!({"amount": (500 * DEAR).to_string()}).to_string();
    world.api().post(&format!("/v1/provider/{}/refund", world.provider_address()), refund).await.is(202);
    world.devnet.advance_time(super::world::LOCK + 1).unwrap();
    until("the refund is taken", async || (world.account().await["PendingRefund"] == "0").then_some(()))
        .await;
    world.operations_end().await;
    until("the engine has looked", async || {
        let list = world.owner().get("/v1/settlement").await.is(200).json();
        (list["Decisions"].as_array()?.last()?["Verdict"] == "wait").then_some(())
    })
    .await;
    let books = world.check_books().await;
    assert_eq!((books.settled.get(), books.balance.get()), (0, 500 * DEAR));
    world.owner().post_empty("/v1/settle").await.is(202);
    assert_eq!(world.check_books().await.balance.get(), 500 * DEAR - owed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_refund_leaves_in_the_account_is_settled_once_it_is_all_there_is() {
    let world = dear(1_000 * DEAR, |_| {}).await;
    world.ask(SAY_THIS).await.is(200);
    let owed = world.check_books().await.owed.get();
    let refund = json!({"amount": (1_000 * DEAR - owed).to_string()}).to_string();
    world.api().post(&format!("/v1/provider/{}/refund", world.provider_address()), refund).await.is(202);
    world.devnet.advance_time(super::world::LOCK + 1).unwrap();
    until("the refund is taken", async || (world.account().await["PendingRefund"] == "0").then_some(()))
        .await;
    settled_by_itself(&world, "balance_low").await;
    world.operations_end().await;
    assert!(world.check_books().await.balance.is_zero(), "everything is paid out, to the neuron");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_worth_its_gas_is_settled() {
    let world = dear(1_000 * DEAR, |plan| plan.provider.settlement.gas_share_basis_points = 500).await;
    world.ask(SAY_THIS).await.is(200);
    settled_by_itself(&world, "worth_its_gas").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_balance_nearly_used_up_is_settled() {
    let world = dear(15 * DEAR, |plan| plan.provider.settlement.balance_share_percent = 50).await;
    let body = r#"{"messages": [{"role": "user", "content": "Say this is a test!"}], "max_tokens": 6}"#;
    world.ask(body).await.is(200);
    settled_by_itself(&world, "balance_low").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_large_debt_is_settled() {
    let world = dear(1_000 * DEAR, |plan| plan.provider.settlement.risk_limit = Neuron::new(DEAR)).await;
    world.ask(SAY_THIS).await.is(200);
    settled_by_itself(&world, "risk_limit").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_old_debt_is_settled() {
    let world = dear(1_000 * DEAR, |plan| plan.provider.settlement.max_age = 1).await;
    world.ask(SAY_THIS).await.is(200);
    settled_by_itself(&world, "oldest_debt").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_debt_below_its_gas_waits_until_asked_for() {
    let mut plan = Plan::default();
    plan.provider.settlement.automatic = true;
    plan.provider.settlement.check_interval = 1;
    plan.provider.settlement.max_age = 1;
    let world = World::with(plan).await;
    world.ask(SAY_THIS).await.is(200);
    world.check_books().await;
    until("the engine says that it is not worth it", async || {
        let list = world.owner().get("/v1/settlement").await.is(200).json();
        let last = list["Decisions"].as_array()?.last()?.clone();
        (last["Verdict"] == "costs_more_than_it_brings").then_some(())
    })
    .await;
    assert!(world.check_books().await.settled.is_zero());
    let dry = world.owner().post_empty("/v1/settle?dryRun=true").await.is(200).json();
    assert_eq!((dry["DryRun"].clone(), dry["Rows"].as_array().unwrap().len()), (json!(true), 1), "{dry}");
    assert!(world.check_books().await.settled.is_zero());
    world.owner().post_empty("/v1/settle").await.is(202);
    let books = world.check_books().await;
    assert_eq!(books.settled, books.owed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_gives_no_events_keeps_nobody_from_being_settled_again() {
    let world = World::with(Plan::default()).await;
    let owe = async || {
        world.ask(SAY_THIS).await.is(200);
        until("it is promised", async || {
            let seen = world.owner().get("/v1/overview").await.is(200).json();
            (seen["Claimable"] != "0" && seen["Claimable"] == seen["Unsettled"]).then_some(())
        })
        .await;
    };
    owe().await;
    world.provider_side.place.line.set(Trouble::Refuses("eth_getLogs"));
    world.owner().post_empty("/v1/settle?wait=false").await.is(202);
    until("it is over, though what it paid cannot be read", async || {
        let seen = world.owner().get("/v1/overview").await.is(200).json();
        (seen["Settling"].as_array()?.is_empty() && seen["Unsettled"] == "0").then_some(())
    })
    .await;
    owe().await;
    world.owner().post_empty("/v1/settle?wait=false").await.is(202);
    world.provider_side.place.line.heal();
    until("what each paid is known in the end", async || {
        let list = world.owner().get("/v1/settlement").await.is(200).json();
        let paid = |item: &serde_json::Value| item["Paid"] != "0" && item["Rows"][0]["Paid"] == item["Paid"];
        let items = list["Items"].as_array()?;
        (items.len() == 2 && items.iter().all(paid)).then_some(())
    })
    .await;
    let books = world.check_books().await;
    assert_eq!(books.settled, books.owed);
}

/// A user's promise, by whichever key.
fn voucher(world: &World, account: AccountId, cumulative: u128, key: &Wallet) -> SignedVoucher {
    let voucher = Voucher { account, epoch: 0, cumulative: Neuron::new(cumulative) };
    let signature = key.sign(voucher.signing_hash(&world.chain.domain())).unwrap();
    SignedVoucher { voucher, signature }
}

async fn gas(sender: &Sender, call: Call) -> u64 {
    let mut ticket = sender.submit(OperationId::random(), call).await.unwrap();
    match ticket.wait().await {
        Outcome::Mined { gas_used, .. } => gas_used,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gas_stays_below_its_bars() {
    let world = World::bare(Plan::default()).await;
    let accounts = world.devnet.accounts();
    let (first, second, provider, delegate) =
        (wallet(&accounts[5]), wallet(&accounts[6]), wallet(&accounts[7]), wallet(&accounts[8]));
    let sender = |wallet: &Arc<Wallet>| {
        let key = outbox::signer(Arc::clone(wallet));
        Sender::start(world.chain.clone(), key, Arc::new(Forgetful), &world.tasks, fast())
    };
    let (of_first, of_second, of_provider) = (sender(&first), sender(&second), sender(&provider));
    let to = provider.address();
    // A provider is known once it lists a service; before, the first account pays for that too.
    let list = Call::PutService {
        name: "llama7b".parse().unwrap(),
        kind: ServiceKind::Chatbot,
        url: "http://127.0.0.1:3080".to_owned(),
        model: String::new(),
        prices: Prices { input: Neuron::new(1), output: Neuron::new(1) },
    };
    gas(&of_provider, list).await;
    let open = |delegate: Option<Address>| Call::AddAccount { provider: to, delegate, value: Neuron::A0GI };
    let with_delegate = gas(&of_second, open(Some(delegate.address()))).await;
    let plain = gas(&of_first, open(None)).await;

    let of = |user: &Wallet| AccountId { user: user.address(), provider: to };
    let settle = async |rows: Vec<(&Wallet, &Wallet, u128)>| {
        let rows = rows.into_iter().map(|(user, key, sum)| SettleRow {
            voucher: voucher(&world, of(user), sum, key),
            claim: Neuron::new(sum),
        });
        gas(&of_provider, Call::Settle { rows: rows.collect() }).await
    };
    // The first settlement writes where nothing was; bars are for every one after it.
    settle(vec![(&first, &first, 1_000), (&second, &delegate, 1_000)]).await;
    let own_key = settle(vec![(&first, &first, 2_000)]).await;
    let delegated = settle(vec![(&second, &delegate, 2_000)]).await;
    let both = settle(vec![(&first, &first, 3_000), (&second, &delegate, 3_000)]).await;
    let stale = settle(vec![(&first, &first, 3_000), (&second, &delegate, 4_000)]).await - delegated;
    println!(
        "gas: open {plain}, with delegate {with_delegate}; settle {own_key} (own key), {delegated} (delegate), \
         {both} (both), a stale row {stale}"
    );
    assert!(own_key <= 44_000, "{own_key}");
    assert!(delegated <= 45_000, "{delegated}");
    assert!(with_delegate <= 110_000, "{with_delegate}");
    assert!(stale <= 6_000, "{stale}");
    let paid = world.chain.account(of(&first), None).await.unwrap().unwrap();
    assert_eq!(paid.settled.get(), 3_000, "a stale row pays nothing");
}
