//! A user who takes answers and does not pay for the last ones: whatever the user does, fees beyond the best voucher
//! stay within the credit limit, and then there is a 402.

use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::future::join_all;
use http::Method;
use zgserve_tui::broker::provider::{ProviderSettings, UserView};
use zgserve_tui::domain::RequestId;
use zgserve_tui::wire::auth::{REQUEST_HEADER, VOUCHER_HEADER};

use super::world::{Forged, Got, INPUT_PRICE, OUTPUT_PRICE, Plan, Reply, World, until};

const SERVICES: [&str; 3] = ["llama7b", "second", "third"];
const WORDS: [&str; 4] = ["One ", "two ", "three ", "four."];
/// What one request may cost.
const MAX_FEE: u128 = 40 * OUTPUT_PRICE;
const RECONNECTS: usize = 240;
/// Connections at the same time.
const AT_ONCE: usize = 12;

fn outstanding(user: &UserView) -> u128 {
    user.owed.get().saturating_sub(user.voucher.get().max(user.settled.get()))
}

/// A world with three services and this credit.
async fn lending(credit: u128) -> World {
    let mut plan = Plan::default();
    plan.provider = ProviderSettings { credit_limit: super::world::neuron(credit), ..plan.provider };
    let world = World::with(plan).await;
    for name in &SERVICES[1..] {
        let body = serde_json::json!({
            "URL": world.upstream.url, "inputPrice": INPUT_PRICE.to_string(),
            "outputPrice": OUTPUT_PRICE.to_string(), "Type": "chatbot", "Name": name,
        });
        world.owner().post("/v1/service", body.to_string()).await.is(204);
    }
    world
}

impl World {
    /// A request that promises nothing but what was promised before.
    async fn unpaid(&self, service: &str, version: u64, promised: u128) -> Forged {
        let streamed = super::world::chat_stream("leave").into_bytes();
        Forged {
            request: RequestId::random(),
            service: service.to_owned(),
            cumulative: promised,
            max_fee: MAX_FEE,
            price_version: version,
            signed_body: streamed.clone(),
            body: streamed,
            ..self.forge("leave").await
        }
    }

    async fn versions(&self) -> Vec<u64> {
        let terms = self.proxy().get("/v1/terms").await.is(200).json();
        let version = |name: &str| {
            let services = terms["Services"].as_array().unwrap();
            services.iter().find(|service| service["Name"] == name).unwrap()["Version"].as_u64().unwrap()
        };
        SERVICES.iter().map(|name| version(name)).collect()
    }

    /// Sends it and reads so many pieces at most, then hangs up. Gives the status.
    async fn take_and_leave(&self, forged: &Forged, pieces: usize) -> u16 {
        let key = &self.user_side.wallet;
        let (voucher, request) = forged.headers(key);
        let path = format!("/v1/proxy/{}{}", forged.service, forged.suffix);
        let sent = self
            .proxy()
            .request(Method::POST, &path)
            .header("content-type", "application/json")
            .header(VOUCHER_HEADER, voucher)
            .header(REQUEST_HEADER, request)
            .body(forged.body.clone())
            .send()
            .await;
        // A broker that stops in between answers nobody.
        let Ok(mut answer) = sent else { return 0 };
        for _ in 0..pieces {
            if !matches!(answer.chunk().await, Ok(Some(_))) {
                break;
            }
        }
        answer.status().as_u16()
    }

    fn debt(&self) -> UserView {
        self.provider().user(self.user_address()).unwrap()
    }

    async fn rests(&self) {
        until("nothing is in flight", async || (self.debt().in_flight == 0).then_some(())).await;
    }

    async fn is_refused(&self, promised: u128) -> Got {
        let versions = self.versions().await;
        let forged = self.unpaid(SERVICES[0], versions[0], promised).await;
        self.send(&forged).await
    }
}

/// `promised`: what the best voucher says, and all that is ever signed.
async fn leaves_without_paying(credit: u128, promised: u128) {
    let mut world = lending(credit).await;
    world.upstream.decide(|_| Reply::events(&WORDS));
    let mut served = 0;
    let mut refused = 0;
    for round in 0..RECONNECTS / AT_ONCE {
        let versions = world.versions().await;
        let mut asks = Vec::new();
        for at in 0..AT_ONCE {
            let which = (round + at) % SERVICES.len();
            asks.push(world.unpaid(SERVICES[which], versions[which], promised).await);
        }
        let done = AtomicBool::new(false);
        let watching = async {
            while !done.load(Ordering::Relaxed) {
                let user = world.debt();
                assert!(outstanding(&user) <= credit, "round {round}: {user:?}");
                let held = user.owed.get() + user.reserved.get();
                assert!(held <= promised.max(user.voucher.get()) + credit, "round {round}: {user:?}");
                tokio::task::yield_now().await;
            }
        };
        let asking = async {
            // Some read all, some a word, some leave at the head.
            let asked =
                asks.iter().enumerate().map(|(at, ask)| world.take_and_leave(ask, (round + at) % 4 * 2));
            let statuses = join_all(asked).await;
            done.store(true, Ordering::Relaxed);
            statuses
        };
        let (statuses, ()) = tokio::join!(asking, watching);
        served += statuses.iter().filter(|status| **status == 200).count();
        refused += statuses.iter().filter(|status| **status == 402).count();
        assert!(statuses.iter().all(|status| [200, 402].contains(status)), "{statuses:?}");
        if round % 5 == 4 {
            // A broker that comes back knows what is owed. Half of the time it had no time to say good-bye.
            if round % 2 == 0 {
                world.crash_provider().await
            } else {
                world.stop_provider().await
            }
            world.start_provider().await;
        }
        world.rests().await;
        assert!(outstanding(&world.debt()) <= credit, "after round {round}");
    }
    let user = world.debt();
    assert!(user.voucher.get() <= promised, "nothing more was ever promised");
    let charged = world.provider_requests().await.iter().map(|row| row.fee.total().get()).sum::<u128>();
    assert_eq!(charged, user.owed.get());
    assert!(charged <= promised + credit, "{charged}");
    assert!(refused > 0, "it came to refusals");
    assert_eq!(served == 0, promised + credit < MAX_FEE, "{served} served");
    assert_eq!(world.provider_store().audit().await.unwrap(), Vec::<String>::new());

    // From here on nothing goes, at any service and after any number of reconnects ...
    let room = promised + credit - charged;
    let got = world.is_refused(promised).await;
    if room < MAX_FEE {
        let details = got.refused(402, "voucher_needed", "sign one").json()["error"]["details"].clone();
        assert_eq!(details["owed"], charged.to_string());
        assert_eq!(details["creditLimit"], credit.to_string());
        // ... until what was taken is promised.
        let asked = world.upstream.count();
        world.is_refused(charged + MAX_FEE).await.is(200);
        assert_eq!(world.upstream.count(), asked + 1);
    } else {
        got.is(200);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_who_leaves_costs_no_more_than_the_credit_limit() {
    // Room for a few requests at a time, and for a few dozen answers in all.
    leaves_without_paying(5 * MAX_FEE, 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_credit_a_user_who_leaves_costs_nothing() {
    leaves_without_paying(0, 3 * MAX_FEE).await;
    leaves_without_paying(0, 0).await;
}
