//! Chains that change their mind under whole brokers: reorgs of depth 1 to 10, dropped transactions, mining that pauses,
//! gas that becomes dear, under deposits, refunds and settlements. Afterwards both brokers say what brokers that have
//! just begun to read the new chain say (I20), every order was carried out once (I18), and no nonce is left open (I19).

use std::collections::BTreeMap;

use alloy::primitives::{U64, hex};
use alloy::rpc::client::RpcClient;
use alloy::transports::BoxTransport;
use serde_json::{Value, json};
use zgserve_tui::domain::Address;

use crate::chain::{Anvil, anvil};
use crate::world::{DEPOSIT, Plan, SAY_THIS, UserSide, World, finish, until};

/// A world whose chain obeys.
struct Scene {
    world: World,
    node: RpcClient,
    deposits: u128,
    _anvil: Option<Anvil>,
}

macro_rules! on_both {
    ($($name:ident),* $(,)?) => {
        mod on_devnet {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() {
                    super::$name(super::Scene::devnet().await).await;
                }
            )*
        }
        mod on_anvil {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() {
                    match super::Scene::anvil().await {
                        Some(scene) => super::$name(scene).await,
                        None => println!("skipped: ZGSERVE_TEST_ANVIL does not name an anvil binary"),
                    }
                }
            )*
        }
    };
}

on_both!(
    orders_that_reorgs_undo_are_carried_out_once,
    orders_of_both_sides_under_one_reorg,
    transactions_that_nodes_forget_while_nothing_is_mined,
    gas_that_becomes_dear_while_orders_wait,
);

fn plan() -> Plan {
    let mut plan = Plan::default();
    plan.user.auto_process_refunds = false;
    plan.provider.resync = 2;
    plan.user.refresh_interval = 2;
    plan
}

impl Scene {
    async fn devnet() -> Scene {
        let world = World::with(plan()).await;
        let node = RpcClient::new(BoxTransport::new(world.devnet.transport()), true);
        Scene { world, node, deposits: DEPOSIT, _anvil: None }
    }

    async fn anvil() -> Option<Scene> {
        let (process, transport, _) = anvil(&[])?;
        let node = RpcClient::new(transport.clone(), true);
        let world = World::with(Plan { chain: Some(transport), ..plan() }).await;
        Some(Scene { world, node, deposits: DEPOSIT, _anvil: Some(process) })
    }

    async fn rpc(&self, method: &'static str, params: Value) -> Value {
        self.node.request(method, params).await.unwrap_or_else(|error| panic!("{method}: {error}"))
    }

    async fn mine(&self, blocks: u64) {
        self.rpc("anvil_mine", json!([format!("{blocks:#x}")])).await;
    }

    /// Other blocks of the same number, without the transactions of the old ones.
    async fn reorg(&self, depth: u64) {
        self.rpc("anvil_reorg", json!([depth, []])).await;
    }

    async fn automine(&self, on: bool) {
        self.rpc("evm_setAutomine", json!([on])).await;
    }

    async fn nonce(&self, address: Address, at: &str) -> u64 {
        let count = self.rpc("eth_getTransactionCount", json!([address, at])).await;
        serde_json::from_value::<U64>(count).unwrap().to()
    }

    async fn order(&self, path: &str, body: Value) -> String {
        let url = format!("/v1/provider/{}{path}?wait=false", self.world.provider_address());
        let request = self.world.api().request(http::Method::POST, &url);
        let got = finish(request.header("content-type", "application/json").body(body.to_string())).await;
        got.is(202).json()["OperationID"].as_str().unwrap().to_owned()
    }

    async fn deposit(&mut self, amount: u128) -> String {
        self.deposits += amount;
        self.order("/charge", json!({"amount": amount.to_string()})).await
    }

    async fn mined(&self, operation: &str) {
        let path = format!("/v1/operation/{operation}");
        until("the order is in a block", async || {
            let state = self.world.api().get(&path).await.is(200).json()["State"].clone();
            (state == "mined").then_some(())
        })
        .await;
    }

    /// What the chain says of deposits and payments.
    async fn holds(&self) -> (u128, u128) {
        let account = self.world.chain.account(self.world.id(), None).await.unwrap().unwrap();
        (account.balance.get() + account.settled.get(), account.settled.get())
    }

    /// Everything has come to rest on the chain as it is now: no order is open, no nonce missing, and a user broker that
    /// begins with an empty directory reads what the running ones show.
    async fn agrees(&self, what: &str) {
        self.world.operations_end().await;
        for wallet in [self.world.user_address(), self.world.provider_address()] {
            until("no transaction waits", async || {
                let (mined, pending) =
                    (self.nonce(wallet, "latest").await, self.nonce(wallet, "pending").await);
                (mined == pending).then_some(())
            })
            .await;
        }
        let directory = tempfile::tempdir().unwrap();
        let mut fresh = UserSide {
            place: self.world.user_side.place.clone(),
            wallet: std::sync::Arc::clone(&self.world.user_side.wallet),
            delegates_only: false,
            settings: self.world.user_side.settings.clone(),
            directory: directory.path().join("fresh"),
            disk: crate::world::Disk::default(),
            listener: None,
            running: None,
        };
        fresh.start().await.unwrap();
        let client = crate::world::Client::new(format!("http://{}", fresh.listener.unwrap()));
        let path = format!("/v1/provider/{}", self.world.provider_address());
        let chain = |account: &Value| {
            let fields = ["Balance", "PendingRefund", "Settled", "Delegate", "Refunds"];
            fields.map(|field| account[field].clone())
        };
        until(what, async || {
            let anew = chain(&client.get(&path).await.is(200).json());
            let ours = chain(&self.world.account().await);
            let theirs = self.world.provider().user(self.world.user_address())?;
            let agrees = anew[0] == theirs.balance.to_string() && anew[2] == theirs.settled.to_string();
            let services = self.world.api().get("/v1/service").await.is(200).json()["Items"].clone();
            let listed = client.get("/v1/service").await.is(200).json()["Items"].clone();
            (anew[..4] == ours[..4] && agrees && services == listed).then_some(())
        })
        .await;
        fresh.running.take().unwrap().crash().await;
        self.once().await;
    }

    /// I18: of every nonce of both keys one transaction is in the chain, and it is one that the journals know.
    async fn once(&self) {
        let head = self.rpc("eth_blockNumber", json!([])).await;
        let head: u64 = serde_json::from_value::<U64>(head).unwrap().to();
        let mut seen: BTreeMap<(String, String), Value> = BTreeMap::new();
        for number in 0..=head {
            let block = self.rpc("eth_getBlockByNumber", json!([format!("{number:#x}"), true])).await;
            for tx in block["transactions"].as_array().unwrap() {
                let key = (tx["from"].as_str().unwrap().to_ascii_lowercase(), tx["nonce"].to_string());
                assert!(seen.insert(key.clone(), tx["hash"].clone()).is_none(), "{key:?} twice");
            }
        }
        let books = [&self.world.user_side.directory, &self.world.provider_side.directory];
        for (directory, key) in
            books.into_iter().zip([self.world.user_address(), self.world.provider_address()])
        {
            let db = rusqlite::Connection::open(directory.join("broker.db")).unwrap();
            let mut query = db.prepare("SELECT hash FROM attempts").unwrap();
            let hashes: Vec<Vec<u8>> =
                query.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap();
            let known: Vec<Value> = hashes.iter().map(|hash| json!(hex::encode_prefixed(hash))).collect();
            let key = key.to_string().to_ascii_lowercase();
            for ((from, nonce), hash) in &seen {
                let ours = *from == key;
                assert!(!ours || known.contains(hash), "{nonce} of {from} is {hash}");
            }
        }
    }
}

/// A deposit, a refund's request, a settlement: each is mined, then undone by a reorg of every depth from 1 to 10.
async fn orders_that_reorgs_undo_are_carried_out_once(mut scene: Scene) {
    scene.mine(12).await;
    for depth in 1..=10 {
        let what = format!("depth {depth}");
        match depth % 3 {
            0 => {
                scene.world.ask(SAY_THIS).await.is(200);
                scene.world.voucher_arrives().await;
                let owed = scene.world.provider().user(scene.world.user_address()).unwrap().owed.get();
                scene.world.owner().post_empty("/v1/settle").await.is(202);
                until(&what, async || (scene.holds().await.1 == owed).then_some(())).await;
            }
            1 => {
                let order = scene.deposit(1_000 + u128::from(depth)).await;
                scene.mined(&order).await;
            }
            _ => {
                let amount = (500 + depth).to_string();
                let order = scene.order("/refund", json!({"amount": amount, "replace": true})).await;
                scene.mined(&order).await;
            }
        }
        scene.mine(depth - 1).await;
        let before = scene.holds().await;
        scene.reorg(depth).await;
        until(&what, async || (scene.holds().await == before).then_some(())).await;
        assert_eq!(before.0, scene.deposits, "{what}");
        scene.agrees(&what).await;
    }
    println!("reorgs: 10");
    scene.world.check_books().await;
}

/// Deposits and a settlement in the same blocks, undone together; paid calls go on meanwhile.
async fn orders_of_both_sides_under_one_reorg(mut scene: Scene) {
    scene.mine(12).await;
    for depth in [2, 5, 10] {
        scene.world.ask(SAY_THIS).await.is(200);
        scene.world.voucher_arrives().await;
        let mut orders = Vec::new();
        for amount in [1, 2, 4] {
            orders.push(scene.deposit(amount * 1_000).await);
        }
        scene.world.owner().post_empty("/v1/settle").await.is(202);
        for order in &orders {
            scene.mined(order).await;
        }
        scene.reorg(depth).await;
        // The books do not wait for the chain to make up its mind.
        scene.world.ask(SAY_THIS).await.is(200);
        let deposits = scene.deposits;
        until("all is back", async || {
            let (sum, settled) = scene.holds().await;
            assert!(sum <= deposits, "{sum} of {deposits}");
            (sum == deposits && settled > 0).then_some(())
        })
        .await;
        scene.agrees("the brokers agree with the new chain").await;
    }
    scene.world.check_books().await;
}

/// Mining pauses, and the node loses its pool several times; nothing is lost and nothing done twice.
async fn transactions_that_nodes_forget_while_nothing_is_mined(mut scene: Scene) {
    scene.world.ask(SAY_THIS).await.is(200);
    scene.world.voucher_arrives().await;
    scene.automine(false).await;
    let mut orders = Vec::new();
    for amount in [10, 20, 40] {
        orders.push(scene.deposit(amount).await);
        scene.rpc("anvil_dropAllTransactions", json!([])).await;
    }
    scene.world.owner().post_empty("/v1/settle?wait=false").await.is(202);
    scene.rpc("anvil_dropAllTransactions", json!([])).await;
    scene.automine(true).await;
    scene.mine(1).await;
    let deposits = scene.deposits;
    until("all have been mined", async || {
        let (sum, settled) = scene.holds().await;
        (sum == deposits && settled > 0).then_some(())
    })
    .await;
    for order in &orders {
        scene.mined(order).await;
    }
    scene.agrees("the brokers agree").await;
    scene.world.check_books().await;
}

/// Gas becomes dear after orders went out; they are raised under the same nonces and mined once.
async fn gas_that_becomes_dear_while_orders_wait(mut scene: Scene) {
    scene.automine(false).await;
    let mut orders = Vec::new();
    for amount in [100, 200] {
        orders.push(scene.deposit(amount).await);
    }
    scene.rpc("anvil_setNextBlockBaseFeePerGas", json!(["0xba43b7400"])).await;
    scene.mine(1).await;
    scene.automine(true).await;
    let deposits = scene.deposits;
    until("both are mined", async || {
        scene.mine(1).await;
        (scene.holds().await.0 == deposits).then_some(())
    })
    .await;
    for order in &orders {
        scene.mined(order).await;
    }
    scene.agrees("the brokers agree").await;
    scene.world.check_books().await;
}
