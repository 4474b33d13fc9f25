//! Nodes that lie, lag or were exchanged: what they say is taken for what it is, nothing that was owed is void because
//! of it, and nothing is signed that we did not promise by our own count.

use std::sync::Arc;

use alloy::transports::BoxTransport;
use serde_json::{Value, json};
use zgserve_tui::broker::outbox;
use zgserve_tui::chain::devnet::{Devnet, DevnetConfig};
use zgserve_tui::chain::{Call, Chain, ChainSettings, Endpoint, Outcome, Sender};
use zgserve_tui::domain::{Address, Neuron, OperationId};

use super::told;
use crate::chain::{Fault, Faulty};
use crate::world::{Forged, Forgetful, LOCK, Line, Plan, SAY_THIS, World, chat_fee, fast, until, wallet};

/// Fields of an account in an answer of the contract, in words behind the user's and the provider's address.
const BALANCE: usize = 2;
const SETTLED: usize = 3;

fn padded(address: Address) -> String {
    format!("{:0>64}", alloy::primitives::hex::encode(address))
}

/// Changes a field of one account wherever an answer has it.
fn falsify(
    world: &World,
    field: usize,
    value: u128,
) -> impl Fn(Value) -> Value + Clone + Send + Sync + 'static {
    let pair = padded(world.user_address()) + &padded(world.provider_address());
    move |answer| {
        let Some(text) = answer.as_str() else { return answer };
        let mut text = text.to_owned();
        let mut from = 0;
        while let Some(found) = text[from..].find(&pair) {
            let at = from + found + 64 * field;
            text.replace_range(at..at + 64, &format!("{value:064x}"));
            from = at;
        }
        Value::String(text)
    }
}

fn lie(line: &Line, change: impl Fn(Value) -> Value + Clone + Send + Sync + 'static) {
    line.rule(move |method, _| match method {
        "eth_call" => Fault::twist(change.clone()),
        _ => Fault::None,
    });
}

const FEE: fn() -> u128 = || chat_fee("Say this is a test!", "This is a test!");

async fn in_debt(plan: Plan) -> World {
    let world = World::with(plan).await;
    world.ask(SAY_THIS).await.is(200);
    world.voucher_arrives().await;
    world
}

async fn user_syncs(world: &World) {
    world.api().post_empty(&format!("/v1/provider/{}/sync", world.provider_address())).await;
}

async fn provider_syncs(world: &World) {
    world.owner().post_empty(&format!("/v1/user/{}/sync", world.user_address())).await;
}

/// A node that is in league with the provider says that a lot was settled, which can only be if it was promised.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_signs_nothing_because_a_node_says_it_was_settled() {
    let mut world = in_debt(Plan::default()).await;
    let line = world.user_side.place.line.clone();
    for lied in [FEE() + 1, 1_000_000 * FEE(), u128::MAX >> 16] {
        lie(&line, falsify(&world, SETTLED, lied));
        user_syncs(&world).await;
        world.ask(SAY_THIS).await;
        // Neither in this run nor in the next.
        world.stop_user().await;
        world.start_user().await;
        world.ask(SAY_THIS).await;
        line.heal();
        user_syncs(&world).await;
        world.ask(SAY_THIS).await.is(200);
        let books = world.check_books().await;
        assert_eq!(books.authorized, books.owed, "{lied}");
        let best = world.provider().user(world.user_address()).unwrap().voucher;
        assert!(best <= books.owed, "{lied}: signed {best}");
    }
    println!("lies about settled sums told to a user: {}", line.struck());
}

/// An account that this very broker opens begins at nothing, whatever a node says about it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_account_does_not_begin_with_what_a_node_says_was_settled() {
    let world = World::bare(Plan::default()).await;
    world.register_chatbot().await;
    let line = world.user_side.place.line.clone();
    lie(&line, falsify(&world, SETTLED, 123_456_789_000));
    let body = json!({"provider": world.provider_address().to_string(), "balance": "1000000000000"});
    world.api().post("/v1/provider", body.to_string()).await.is(204);
    world.ask(SAY_THIS).await.is(200);
    line.heal();
    user_syncs(&world).await;
    world.ask(SAY_THIS).await.is(200);
    world.voucher_arrives().await;
    let books = world.check_books().await;
    assert_eq!((books.authorized, books.owed.get()), (books.owed, 2 * FEE()));
}

/// Said to be paid, a debt is not claimed; once the node takes it back, it is owed as before.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_settled_sum_that_a_node_takes_back_voids_no_claim() {
    let mut world = in_debt(Plan::default()).await;
    let line = world.provider_side.place.line.clone();
    for lied in [FEE(), 2 * FEE(), 1_000_000 * FEE(), u128::MAX >> 16] {
        lie(&line, falsify(&world, SETTLED, lied));
        provider_syncs(&world).await;
        let view = world.provider().user(world.user_address()).unwrap();
        assert_eq!((view.owed.get(), view.unsettled.get()), (FEE(), 0), "{lied}");
        // Not even a start under the lie writes it down.
        world.stop_provider().await;
        world.start_provider().await;
        line.heal();
        provider_syncs(&world).await;
        let view = world.provider().user(world.user_address()).unwrap();
        assert_eq!((view.owed.get(), view.unsettled.get()), (FEE(), FEE()), "{lied}");
    }
    world.owner().post_empty("/v1/settle").await.is(202);
    let books = world.check_books().await;
    assert_eq!((books.settled.get(), books.owed.get()), (FEE(), FEE()));
    println!("lies about settled sums told to a provider: {}", line.struck());
}

/// A user who owes can be served no more than the credit limit because a node tells the provider of payments.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_provider_lends_no_more_because_a_node_says_it_was_paid() {
    let mut plan = Plan::default();
    plan.provider.credit_limit = Neuron::new(3 * FEE());
    // So little is ordered at a time that the credit covers it, and no voucher runs ahead.
    plan.user.default_max_output.tokens = 10;
    let world = in_debt(plan).await;
    let line = world.provider_side.place.line.clone();
    lie(&line, falsify(&world, SETTLED, u128::MAX >> 16));
    provider_syncs(&world).await;
    // Requests put together by hand carry a voucher for nothing, again and again.
    let mut served = 0;
    for number in 0..10 {
        let forged = world.forge(&format!("free {number}")).await;
        let got = world.send(&Forged { cumulative: 0, max_fee: FEE(), ..forged }).await;
        served += usize::from(got.status == 200);
        provider_syncs(&world).await;
    }
    let view = world.provider().user(world.user_address()).unwrap();
    assert!((1..10).contains(&served), "{served}");
    assert!(view.owed <= view.voucher.saturating_add(Neuron::new(3 * FEE())), "{view:?}");
    line.heal();
    provider_syncs(&world).await;
    let view = world.provider().user(world.user_address()).unwrap();
    assert_eq!(view.unsettled, view.owed);
}

/// The address of the node leads to another chain: with the same contract, and accounts that are none of ours.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_chain_behind_the_same_address_is_noticed_and_named() {
    let mut plan = Plan::default();
    plan.user.refresh_interval = 1;
    plan.provider.resync = 1;
    let world = in_debt(plan).await;
    let lines = [world.user_side.place.line.clone(), world.provider_side.place.line.clone()];
    for line in &lines {
        let settled = falsify(&world, SETTLED, 5);
        let balance = falsify(&world, BALANCE, 5);
        line.rule(move |method, _| match method {
            "eth_chainId" => Fault::Answer(json!("0x1")),
            "eth_call" => {
                let (settled, balance) = (settled.clone(), balance.clone());
                Fault::twist(move |answer| settled(balance(answer)))
            }
            "eth_getBlockByNumber" => Fault::twist(|mut block| {
                if let Some(hash) = block["hash"].as_str() {
                    block["hash"] = json!(format!("0xbb{}", &hash[4..]));
                }
                block
            }),
            _ => Fault::None,
        });
    }
    world.chain.head().await.unwrap();
    world.devnet.mine(1).unwrap();
    until("the user broker names the other chain", async || {
        let health = world.api().get("/health").await.text();
        health.contains("has id 1, but 31337 is expected").then_some(())
    })
    .await;
    until("the provider broker names the other chain", async || {
        let trouble = world.provider().snapshot().health.chain.clone()?;
        trouble.contains("has id 1, but 31337 is expected").then_some(())
    })
    .await;
    let view = world.provider().user(world.user_address()).unwrap();
    assert!(view.settled.is_zero() && view.unsettled.get() == FEE(), "{view:?}");
    for line in &lines {
        line.heal();
    }
    until("both are back", async || {
        let (ours, theirs) =
            (world.api().get("/health").await.json(), world.owner().get("/health").await.json());
        (ours["Status"] == "ok" && theirs["Status"] == "ok").then_some(())
    })
    .await;
    world.ask(SAY_THIS).await.is(200);
    world.check_books().await;
}

/// A development chain that is started anew has none of the services that the old one listed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chain_that_was_begun_anew_keeps_nothing_of_the_old_one() {
    let world = World::with(Plan::default()).await;
    world.devnet.mine(5).unwrap();
    let fresh = Devnet::start(DevnetConfig::default()).await.unwrap();
    let transport = || BoxTransport::new(fresh.transport());
    // The same contract at the same address, since the same key deploys it first.
    let settings = ChainSettings::new(Endpoint::InProcess(transport()), Address::ZERO);
    let bare = Chain::open_bare(settings).await.unwrap();
    let key = outbox::signer(wallet(&fresh.accounts()[9]));
    let deployer = Sender::start(bare, key, Arc::new(Forgetful), &world.tasks, fast());
    let mut ticket = deployer.submit(OperationId::random(), Call::Deploy { lock_time: LOCK }).await.unwrap();
    let Outcome::Mined { contract, .. } = ticket.wait().await else { panic!("not deployed") };
    assert_eq!(contract, Some(world.chain.contract()));
    assert!(fresh.height() < world.devnet.height());

    world.user_side.place.line.lead_to(transport());
    until("the old services are gone", async || {
        let listed = world.api().get("/v1/service").await.is(200).json();
        (listed["Metadata"]["total"] == 0).then_some(())
    })
    .await;
    until("and so is the account", async || {
        let accounts = world.api().get("/v1/provider").await.is(200).json();
        (accounts["Metadata"]["total"] == 0 || accounts["Items"][0]["Balance"] == "0").then_some(())
    })
    .await;
    let got = world.ask(SAY_THIS).await;
    told("a call without a service", &got);
}

/// Whatever else is wrong with a node: it is told, nothing is taken over, and the brokers go on when it is over.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nonsense_about_blocks_is_told_and_outlived() {
    let mut plan = Plan::default();
    plan.user.refresh_interval = 1;
    plan.provider.resync = 1;
    let world = in_debt(plan).await;
    type Twist = (&'static str, fn(Value) -> Value);
    let twists: [Twist; 4] = [
        ("decades ahead", |mut block| {
            block["timestamp"] = json!("0xffffffff0");
            block
        }),
        ("no latest block", |_| Value::Null),
        ("another shape", |_| json!({"number": "seven"})),
        ("a list", |_| json!([1, 2, 3])),
    ];
    for (what, twist) in twists {
        for line in [&world.user_side.place.line, &world.provider_side.place.line] {
            line.rule(move |method, _| match method {
                "eth_getBlockByNumber" => Fault::twist(twist),
                _ => Fault::None,
            });
        }
        until(what, async || {
            let ours = world.user().snapshot().stale.clone()?;
            let theirs = world.provider().snapshot().health.chain.clone()?;
            [ours, theirs].iter().all(|told| told.contains("eth_getBlockByNumber")).then_some(())
        })
        .await;
        // Paid calls need no chain.
        world.ask(SAY_THIS).await.is(200);
        let got = world.api().post_empty("/v1/sync").await;
        told(what, &got);
        for line in [&world.user_side.place.line, &world.provider_side.place.line] {
            line.heal();
        }
        // Something new, so that the followers are not left in a long pause before the next nonsense.
        world.devnet.mine(1).unwrap();
        let head = world.devnet.height();
        until("all is well", async || {
            let well =
                world.user().snapshot().stale.is_none() && world.provider().snapshot().health.chain.is_none();
            let block = world.provider().snapshot().block.map(|block| block.number);
            (well && block == Some(head)).then_some(())
        })
        .await;
    }
    world.check_books().await;
}

/// A head that goes back, and a node that is behind, take nothing away.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_falls_behind_takes_nothing_away() {
    let mut plan = Plan::default();
    plan.user.refresh_interval = 1;
    plan.provider.resync = 1;
    let world = in_debt(plan).await;
    let asking = Faulty::new(BoxTransport::new(world.devnet.transport()));
    let old = block(&asking, "latest").await;
    let charge = format!("/v1/provider/{}/charge", world.provider_address());
    world.api().post(&charge, r#"{"amount": "4242"}"#).await.is(202);
    world.devnet.mine(3).unwrap();
    let balance = world.account().await["Balance"].clone();
    until("the provider sees it", async || {
        let seen = world.provider().user(world.user_address())?;
        (seen.balance.to_string() == balance.as_str()?).then_some(())
    })
    .await;
    for line in [&world.user_side.place.line, &world.provider_side.place.line] {
        let old = old.clone();
        line.rule(move |method, params| match (method, params[0].as_str()) {
            ("eth_getBlockByNumber", Some("latest")) => Fault::Answer(old.clone()),
            _ => Fault::None,
        });
    }
    // A few rounds of the backstop, which reads everything at the old head.
    let rounds = world.provider_side.place.line.struck() + 20;
    until("it was read", async || (world.provider_side.place.line.struck() > rounds).then_some(())).await;
    let seen = world.provider().user(world.user_address()).unwrap();
    assert_eq!(seen.balance.to_string(), balance.as_str().unwrap());
    world.ask(SAY_THIS).await.is(200);
    for line in [&world.user_side.place.line, &world.provider_side.place.line] {
        line.heal();
    }
    until("the user's own view is the newest", async || {
        (world.account().await["Balance"] == balance).then_some(())
    })
    .await;
    world.check_books().await;
}

async fn block(node: &Faulty, which: &str) -> Value {
    let client = alloy::rpc::client::RpcClient::new(BoxTransport::new(node.clone()), true);
    client.request("eth_getBlockByNumber", json!([which, false])).await.unwrap()
}

/// Logs that are missing, or of another contract: the backstop finds what they did not tell.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn logs_that_are_missing_or_foreign_hide_nothing() {
    let mut plan = Plan::default();
    plan.user.refresh_interval = 1;
    plan.provider.resync = 1;
    let world = World::with(plan).await;
    let key = outbox::signer(wallet(&world.devnet.accounts()[0]));
    let behind = Sender::start(world.chain.clone(), key, Arc::new(Forgetful), &world.tasks, fast());
    let mut expected = crate::world::DEPOSIT;
    for foreign in [false, true] {
        for line in [&world.user_side.place.line, &world.provider_side.place.line] {
            line.rule(move |method, _| match method {
                "eth_getLogs" if foreign => Fault::twist(|mut logs| {
                    for log in logs.as_array_mut().into_iter().flatten() {
                        log["address"] = json!(Address::repeat_byte(0x77));
                    }
                    logs
                }),
                "eth_getLogs" => Fault::Answer(json!([])),
                _ => Fault::None,
            });
        }
        let call = Call::Deposit { provider: world.provider_address(), value: Neuron::new(31) };
        behind.submit(OperationId::random(), call).await.unwrap().wait().await;
        expected += 31;
        until("both find the deposit", async || {
            let theirs = world.provider().user(world.user_address())?.balance.get();
            let ours = world.account().await["Balance"].as_str()?.to_owned();
            (theirs == expected && ours == expected.to_string()).then_some(())
        })
        .await;
        for line in [&world.user_side.place.line, &world.provider_side.place.line] {
            line.heal();
        }
    }
    world.ask(SAY_THIS).await.is(200);
    world.check_books().await;
}
