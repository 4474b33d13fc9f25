//! Random histories of the whole system: both brokers over HTTP and SQLite on a real chain, a network that loses things, a
//! provider that lies, a user that cheats, reorgs, crashes, and time that passes.

use std::time::Duration;

use serde_json::json;
use zgserve_tui::chain::Call;
use zgserve_tui::chain::devnet::ReorgTxs;
use zgserve_tui::domain::Timestamp;

use super::super::world::{LOCK, until};
use super::system_line::Fate;
use super::system_plan::{Key, Plan, Step, history};
use super::system_town::{DEAR, DEPOSIT, Town, send};
use super::{Seen, histories, kept};

const CASES: u32 = 3;
const LONGEST: usize = 28;
/// No step takes longer, on however busy a machine.
const STEP: Duration = Duration::from_secs(300);

impl Town {
    async fn take(&mut self, step: &Step) {
        self.line.fate(Fate::None);
        let provider = self.world.provider_address();
        let path = format!("/v1/provider/{provider}");
        match *step {
            Step::Ask { words, stream, fate } => Box::pin(self.ask(words, stream, fate)).await,
            Step::Leave { after } => self.leave(after).await,
            Step::Breaks { words, after, stream } => self.breaks(words, after, stream).await,
            Step::Store { up, down, pieces } => self.store(up, down, pieces).await,
            Step::Many { requests, stream } => self.many(requests, stream).await,
            Step::Deposit(percent) => {
                let amount = DEPOSIT / 100 * u128::from(percent);
                let body = json!({"balance": amount.to_string()}).to_string();
                self.world.api().post(&format!("{path}/charge"), body).await.is(202);
            }
            Step::AskBack(percent) => {
                let free = self.world.user().account(provider).unwrap().free().get();
                let amount = (free / 100 * u128::from(percent)).max(1);
                let body = json!({"amount": amount.to_string(), "replace": true}).to_string();
                let got = self.world.api().post(&format!("{path}/refund"), body).await;
                assert!([202, 409].contains(&got.status), "{}", got.text());
            }
            Step::CallOff => {
                let got = self.world.api().post_empty(&format!("{path}/refund/cancel")).await;
                assert!([202, 404].contains(&got.status), "{}", got.text());
            }
            Step::TakeBack => {
                let got = self.world.api().post_empty(&format!("{path}/refund/process")).await;
                assert!([202, 404, 409].contains(&got.status), "{}", got.text());
            }
            Step::NewKey(key) => {
                let delegate = match key {
                    Key::Own => return drop(self.world.user().take_over(provider, None).await),
                    Key::Other => Some(self.world.devnet.accounts()[4].address),
                    Key::Nobody => None,
                };
                send(&self.behind, Call::SetDelegate { provider, delegate }).await;
                self.saw("new key");
            }
            Step::Settle => {
                let got = self.world.owner().post_empty("/v1/settle").await;
                assert!(got.status < 500, "{}", got.text());
                self.saw("settle");
            }
            Step::Price(quarters) => self.price(DEAR / 4 * u128::from(quarters)).await,
            Step::Withhold(on) => {
                self.line.withhold(on);
                self.patient |= on;
            }
            Step::Cheat(cheat) => Box::pin(self.cheat(cheat)).await,
            Step::Reorg(depth, then) => self.reorg(depth, then).await,
            Step::HalfALock => self.half_a_lock().await,
            Step::Brink => self.brink().await,
            Step::Ends { user, crash } => self.ends(user, crash).await,
            Step::CrashInAnswer { user, after } => self.crash_in_answer(user, after).await,
        }
    }

    async fn price(&mut self, price: u128) {
        let body = json!({"outputPrice": price.to_string()}).to_string();
        let got = self.world.owner().put("/v1/service/llama7b", &body).await;
        assert!((200..300).contains(&got.status), "{}", got.text());
        until("the user broker lists the new price", async || {
            let listed = self.world.api().get("/v1/service").await.is(200).json();
            let items = listed["Items"].as_array()?;
            items.iter().any(|item| item["OutputPrice"] == price.to_string()).then_some(())
        })
        .await;
        self.rose |= price > self.output_price;
        self.output_price = price;
        // The version is named in every request, so it stays.
        self.floor = self.world.devnet.height();
    }

    async fn reorg(&mut self, depth: u64, then: ReorgTxs) {
        let height = self.world.devnet.height();
        let depth = depth.min(height - self.floor);
        if depth == 0 {
            return;
        }
        let undone = self.transactions(height - depth + 1, height);
        self.world.devnet.reorg(depth, then).unwrap();
        self.world.devnet.mine(1).unwrap();
        // Whoever sent one of them sends it again.
        until("what was undone is done again", async || {
            undone.iter().all(|hash| self.is_mined(hash)).then_some(())
        })
        .await;
        self.settled_anew();
        self.saw("reorg");
    }

    fn transactions(&self, from: u64, to: u64) -> Vec<String> {
        let blocks = (from..=to).flat_map(|number| {
            let params = json!([format!("{number:#x}"), false]);
            let request =
                json!({"jsonrpc": "2.0", "id": 1, "method": "eth_getBlockByNumber", "params": params});
            let block = self.world.devnet.rpc(request).unwrap();
            block["result"]["transactions"].as_array().unwrap().clone()
        });
        blocks.map(|hash| hash.as_str().unwrap().to_owned()).collect()
    }

    fn is_mined(&self, hash: &str) -> bool {
        let params = json!([hash]);
        let request =
            json!({"jsonrpc": "2.0", "id": 1, "method": "eth_getTransactionReceipt", "params": params});
        !self.world.devnet.rpc(request).unwrap()["result"].is_null()
    }

    /// Time enough for the engine to act, and not enough for anybody to get away.
    pub async fn half_a_lock(&mut self) {
        self.engine_settles().await;
        self.world.devnet.advance_time(LOCK / 2 + 1).unwrap();
        self.rest().await;
        self.engine_settles().await;
        self.floor = self.world.devnet.height();
        self.saw("half a lock");
    }

    /// A broker that starts again does not watch what was mined in its former life: should a reorg undo that and every node
    /// forget it, nobody sends it again. The books follow the chain all the same.
    pub fn restarted(&mut self) {
        self.floor = self.world.devnet.height();
    }

    /// Just before the next change of delegate. What is taken from now on may never be settled.
    async fn brink(&mut self) {
        let now = self.world.chain.head().await.unwrap().time;
        let provider = self.world.provider_address();
        let accounts = self.world.chain.accounts_of_provider(provider, None).await.unwrap();
        let changes = accounts.iter().filter_map(|account| Some(account.rotation?.active_at));
        let Some(next) = changes.min() else { return };
        let seconds = next.seconds_since(now);
        if seconds > LOCK / 2 {
            self.half_a_lock().await;
        }
        self.engine_settles().await;
        let now = self.world.chain.head().await.unwrap().time;
        let seconds = next.seconds_since(now).saturating_sub(60);
        self.world.devnet.advance_time(seconds).unwrap();
        let left = next.seconds_since(self.world.chain.head().await.unwrap().time);
        self.turn = Some(Timestamp::now().plus_seconds(left));
        self.rest().await;
        self.floor = self.world.devnet.height();
        self.saw("brink");
    }

    async fn ends(&mut self, user: bool, crash: bool) {
        match (user, crash) {
            (true, true) => self.world.crash_user().await,
            (true, false) => self.world.stop_user().await,
            (false, true) => self.world.crash_provider().await,
            (false, false) => self.world.stop_provider().await,
        }
        if user {
            self.world.start_user().await;
        } else {
            self.world.start_provider().await;
        }
        self.restarted();
        self.saw("ended");
    }
}

async fn play(plan: Plan) -> (usize, Seen) {
    let mut town = Town::found(&plan).await;
    town.check().await;
    for (number, step) in plan.steps.iter().enumerate() {
        if std::env::var_os("ZGSERVE_MODEL_TRACE").is_some() {
            println!("{number}: {step:?}");
        }
        let taken = async {
            town.take(step).await;
            town.check().await;
        };
        let ended = tokio::time::timeout(STEP, Box::pin(taken)).await;
        assert!(ended.is_ok(), "step {number} does not end: {step:?}");
    }
    Box::pin(town.finish()).await;
    (plan.steps.len(), town.seen)
}

#[test]
fn nobody_loses_more_than_the_rules_say() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let expected = ["served"];
    histories(("system", kept!("system")), CASES, history(LONGEST), &expected, |plan| {
        runtime.block_on(Box::pin(play(plan)))
    });
}
