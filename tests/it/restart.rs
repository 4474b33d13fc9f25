//! Brokers that end abruptly in the middle of things, and start again over the same files.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::sync::Semaphore;
use zgserve_tui::domain::{OperationKind, OperationState, ProviderRequestState, UserRequestState};

use super::world::{
    DEPOSIT, LOCK, Reply, SAY_THIS, Trouble, World, chat, chat_fee, chat_stream, finish, until,
};

const WORDS: [&str; 4] = ["One ", "two ", "three ", "four."];

/// Begins a stream and reads two words of it.
async fn begin(world: &World, text: &str) -> (Arc<Semaphore>, reqwest::Response) {
    let gate = Arc::new(Semaphore::new(2));
    world.upstream.say(Reply::events(&WORDS).gated(&gate));
    let request = world.api().request(http::Method::POST, &world.paid("llama7b", "/chat/completions"));
    let request = request.header("content-type", "application/json").body(chat_stream(text));
    let mut answer = request.send().await.unwrap();
    let mut seen = String::new();
    while seen.matches("data: ").count() < 2 {
        seen += std::str::from_utf8(&answer.chunk().await.unwrap().unwrap()).unwrap();
    }
    (gate, answer)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_broker_that_crashes_in_an_answer_pays_what_was_delivered() {
    let mut world = World::new().await;
    let (_gate, answer) = begin(&world, "crash").await;
    let signed = world.user_store().account(world.id()).await.unwrap().unwrap().authorized;
    world.crash_user().await;
    drop(answer);
    world.start_user().await;
    let row = world.user_store().account(world.id()).await.unwrap().unwrap();
    assert!(row.authorized >= signed, "I15");
    let books = world.check_books().await;
    assert_eq!((books.charged(), books.user_requests.len()), (1, 1));
    assert_eq!(books.owed.get(), chat_fee("crash", "One two "));
    world.upstream.say(Reply::chat("Still here."));
    world.ask(SAY_THIS).await.is(200);
    world.check_books().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_broker_that_crashes_before_the_receipt_asks_for_it() {
    let mut world = World::new().await;
    // The answer comes to its end at the provider while nobody is there to hear it.
    world.upstream.say(Reply::chat("Nobody hears this.").after(Duration::from_millis(60)));
    let request = world.api().request(http::Method::POST, &world.paid("llama7b", "/chat/completions"));
    let request = request.header("content-type", "application/json").body(chat("quick"));
    let asking = tokio::spawn(finish_or_not(request));
    until("the service has it", async || (world.upstream.count() == 1).then_some(())).await;
    world.crash_user().await;
    let _ = asking.await;
    world.start_user().await;
    let books = world.check_books().await;
    // Whether the provider could still deliver it is a matter of moments; both sides agree in any case.
    assert!([0, chat_fee("quick", ""), chat_fee("quick", "Nobody hears this.")].contains(&books.owed.get()));
    let row = &books.user_requests[0];
    assert!([UserRequestState::Done, UserRequestState::Failed].contains(&row.state), "{row:?}");
}

/// A request whose answer may never come.
async fn finish_or_not(request: reqwest::RequestBuilder) -> Option<u16> {
    request.send().await.ok().map(|answer| answer.status().as_u16())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_provider_that_crashes_in_an_answer_charges_nothing() {
    let mut world = World::new().await;
    world.ask(SAY_THIS).await.is(200);
    let before = world.check_books().await;
    let voucher = world.provider().user(world.user_address()).unwrap().voucher;
    let (_gate, mut answer) = begin(&world, "crash").await;
    world.cut_provider_off().await;
    while let Ok(Some(_)) = answer.chunk().await {}
    world.start_provider().await;
    let rows = world.provider_requests().await;
    let lost: Vec<_> = rows.iter().filter(|row| row.state == ProviderRequestState::Lost).collect();
    assert_eq!(lost.len(), 1, "{rows:?}");
    assert!(lost[0].fee.total().is_zero());
    assert!(world.provider().user(world.user_address()).unwrap().voucher >= voucher, "I10");
    let books = world.check_books().await;
    assert_eq!(books.owed, before.owed, "what was never metered costs nothing, on both sides");
    let asked = world.proxy().get(&format!("/v1/proxy-receipt/{}", lost[0].id)).await;
    asked.refused(410, "request_lost", "costs nothing");
    world.upstream.say(Reply::chat("Again."));
    world.ask(SAY_THIS).await.is(200);
    world.check_books().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_crash_with_many_in_flight_and_the_books_still_agree() {
    let mut world = World::new().await;
    world.upstream.decide(|arrived| {
        let body: serde_json::Value = serde_json::from_slice(&arrived.body).unwrap();
        let words = ["So ", "many ", "words ", "to ", "say."];
        if body["stream"] == true {
            Reply::events(&words).every(Duration::from_millis(4))
        } else {
            Reply::chat("One word.").after(Duration::from_millis(10))
        }
    });
    for round in 0..3 {
        let calls: Vec<_> = (0..12)
            .map(|number| {
                let body = if number % 2 == 0 { chat("many") } else { chat_stream("many") };
                let path = world.paid("llama7b", "/chat/completions");
                let request = world.api().request(http::Method::POST, &path);
                let request = request.header("content-type", "application/json").body(body);
                tokio::spawn(async move {
                    let Ok(mut answer) = request.send().await else { return };
                    while let Ok(Some(_)) = answer.chunk().await {}
                })
            })
            .collect();
        let enough = 4 + round * 12;
        until("some are under way", async || (world.upstream.count() > enough).then_some(())).await;
        if round != 1 {
            world.crash_user().await;
        }
        if round != 0 {
            world.crash_provider().await;
        }
        for call in calls {
            let _ = call.await;
        }
        if round != 0 {
            world.start_provider().await;
        }
        if round != 1 {
            world.start_user().await;
        }
        let books = world.check_books_but_unknown().await;
        assert!(books <= DEPOSIT);
    }
    world.ask(SAY_THIS).await.is(200);
}

impl World {
    /// Like `check_books`, where a request that was written down but never reached the provider may still be waited
    /// for: nobody can know that it will not arrive until its authorisation has expired.
    async fn check_books_but_unknown(&self) -> u128 {
        until("all that the provider knows is settled between both", async || {
            let known: Vec<_> = self.provider_requests().await.iter().map(|row| row.id).collect();
            let open = self.user_store().unfinished_requests().await.unwrap();
            let open = open.iter().any(|row| known.contains(&row.id));
            (!open && self.provider().snapshot().totals.in_flight == 0).then_some(())
        })
        .await;
        assert_eq!(self.user_store().audit().await.unwrap(), Vec::<String>::new());
        assert_eq!(self.provider_store().audit().await.unwrap(), Vec::<String>::new());
        let ours = self.user_store().account(self.id()).await.unwrap().unwrap();
        let theirs = self.provider_store().user(self.id()).await.unwrap().unwrap();
        // A whole answer is booked before it leaves. Where the provider dies in between, the user pays for what came and
        // shows the rest as disputed; nothing else may differ.
        let ours_and_disputed = ours.owed.checked_add(ours.disputed).unwrap();
        assert_eq!(ours_and_disputed, theirs.owed, "the books differ by what is disputed: {ours:?}");
        let promised = theirs.voucher.map(|best| best.voucher.cumulative).unwrap_or_default();
        assert!(promised <= ours.authorized, "I15");
        ours.owed.get()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_settlement_whose_answer_was_lost_is_found_again() {
    let mut world = World::new().await;
    world.ask(SAY_THIS).await.is(200);
    world.voucher_arrives().await;
    let fee = world.check_books().await.owed.get();
    // Broadcast, but the broker hears nothing of it any more; then it dies.
    world.devnet.set_automine(false);
    world.owner().post_empty("/v1/settle?wait=false").await.is(202);
    until("it is broadcast", async || (!world.devnet.pending().is_empty()).then_some(())).await;
    world.crash_provider().await;
    world.devnet.mine(1).unwrap();
    world.devnet.set_automine(true);
    world.start_provider().await;
    until("the settlement is known", async || {
        let list = world.owner().get("/v1/settlement").await.is(200).json();
        (list["Items"][0]["State"] == "mined" && list["Items"][0]["Paid"] == fee.to_string()).then_some(())
    })
    .await;
    let settled = world.check_books().await;
    assert_eq!((settled.settled.get(), settled.balance.get()), (fee, DEPOSIT - fee));
    // Again: nothing is paid twice (I4).
    let again = world.owner().post_empty("/v1/settle").await;
    assert!((200..300).contains(&again.status), "{again:?}");
    assert_eq!(world.check_books().await.settled.get(), fee);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn transactions_whose_answers_are_lost_are_sent_once() {
    let world = World::new().await;
    world.ask(SAY_THIS).await.is(200);
    world.voucher_arrives().await;
    let lost = Trouble::LosesAnswersOf("eth_sendRawTransaction");
    world.provider_side.place.line.set(lost);
    world.user_side.place.line.set(lost);
    let (owner, api) = (world.owner(), world.api());
    let charge = format!("/v1/provider/{}/charge", world.provider_address());
    let settling = tokio::spawn(async move { owner.post_empty("/v1/settle").await });
    let charging = tokio::spawn(async move { api.post(&charge, r#"{"balance": "9"}"#).await });
    until("both are on the chain", async || {
        let account = world.chain.account(world.id(), None).await.unwrap().unwrap();
        (!account.settled.is_zero() && (account.balance.get() + account.settled.get()) == DEPOSIT + 9)
            .then_some(())
    })
    .await;
    world.provider_side.place.line.heal();
    world.user_side.place.line.heal();
    assert_eq!(settling.await.unwrap().is(202).json()["Transactions"][0]["State"], "mined");
    charging.await.unwrap().is(202);
    world.operations_end().await;
    let books = world.check_books().await;
    assert_eq!(books.settled, books.owed);
    assert_eq!(books.balance.get(), DEPOSIT + 9 - books.owed.get());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_settlement_that_was_never_broadcast_is_none() {
    let mut world = World::new().await;
    world.ask(SAY_THIS).await.is(200);
    world.voucher_arrives().await;
    let fee = world.check_books().await.owed.get();
    world.provider_side.place.line.set(Trouble::Refuses("eth_sendRawTransaction"));
    let owner = world.owner();
    let settling = tokio::spawn(async move { owner.post_empty("/v1/settle?wait=false").await });
    until("it is written down", async || {
        let written = world.provider_store().operations().unfinished_attempts().await.unwrap();
        (!written.is_empty() || settling.is_finished()).then_some(())
    })
    .await;
    world.crash_provider().await;
    settling.abort();
    world.provider_side.place.line.heal();
    world.start_provider().await;
    // Whether it was broadcast is unknown to the restarted broker, so it is sent again: the same transaction.
    until("it is settled once", async || {
        let account = world.chain.account(world.id(), None).await.unwrap().unwrap();
        if account.settled.is_zero() {
            world.owner().post_empty("/v1/settle").await;
        }
        (account.settled.get() == fee).then_some(())
    })
    .await;
    let books = world.check_books().await;
    assert_eq!((books.settled.get(), books.balance.get()), (fee, DEPOSIT - fee));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn operations_of_a_user_survive_a_crash() {
    let mut world = World::new().await;
    let provider = world.provider_address();
    world.devnet.set_automine(false);
    let path = format!("/v1/provider/{provider}/charge?wait=false");
    let got = world.api().post(&path, r#"{"balance": "77"}"#).await.is(202).json();
    let id = got["OperationID"].as_str().unwrap().to_owned();
    assert_eq!(got["State"], "sent");
    until("it waits in the pool", async || (!world.devnet.pending().is_empty()).then_some(())).await;
    world.crash_user().await;
    world.devnet.mine(1).unwrap();
    world.devnet.set_automine(true);
    world.start_user().await;
    until("the operation ends", async || {
        let shown = world.api().get(&format!("/v1/operation/{id}")).await.is(200).json();
        (shown["State"] == "mined").then_some(())
    })
    .await;
    until("the deposit is seen", async || {
        (world.account().await["Balance"] == (DEPOSIT + 77).to_string()).then_some(())
    })
    .await;
    assert_eq!(world.check_books().await.balance.get(), DEPOSIT + 77);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transaction_that_the_chain_forgot_is_sent_again_after_a_crash() {
    let mut world = World::new().await;
    let provider = world.provider_address();
    world.devnet.set_automine(false);
    let path = format!("/v1/provider/{provider}/refund?wait=false");
    world.api().post(&path, r#"{"amount": "5"}"#).await.is(202);
    until("it waits in the pool", async || (!world.devnet.pending().is_empty()).then_some(())).await;
    world.crash_user().await;
    world.devnet.drop_pending();
    world.devnet.set_automine(true);
    world.start_user().await;
    until("the refund is asked for after all", async || {
        (world.account().await["PendingRefund"] == "5").then_some(())
    })
    .await;
    world.operations_end().await;
    let operations = world.user().operations(10).await.unwrap();
    let asked: Vec<_> = operations.iter().filter(|op| op.kind == OperationKind::RequestRefund).collect();
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].state, OperationState::Mined);
    world.devnet.advance_time(LOCK + 1).unwrap();
    until("and taken", async || (world.account().await["PendingRefund"] == "0").then_some(())).await;
    world.operations_end().await;
    assert_eq!(world.check_books().await.balance.get(), DEPOSIT - 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_against_repeating_holds_across_a_restart() {
    let mut world = World::new().await;
    let provider = world.provider_address();
    let charge = async |world: &World, key: &str, amount: &str| {
        let path = format!("/v1/provider/{provider}/charge");
        let request = world.api().request(http::Method::POST, &path);
        let request = request.header("content-type", "application/json").header("idempotency-key", key);
        finish(request.body(json!({"balance": amount}).to_string())).await
    };
    let first = charge(&world, "k1", "10").await.is(202);
    let again = charge(&world, "k1", "10").await.is(202);
    assert_eq!(first.header("zg-operation-id"), again.header("zg-operation-id"));
    charge(&world, "k1", "11").await.refused(409, "idempotency_key_reused", "something else");
    world.crash_user().await;
    world.start_user().await;
    let later = charge(&world, "k1", "10").await.is(202);
    assert_eq!(first.header("zg-operation-id"), later.header("zg-operation-id"));
    assert_eq!(world.check_books().await.balance.get(), DEPOSIT + 10, "paid once");

    let call = async |world: &World, key: &str| {
        let path = world.paid("llama7b", "/chat/completions");
        let request = world.api().request(http::Method::POST, &path);
        let request = request.header("content-type", "application/json").header("idempotency-key", key);
        finish(request.body(SAY_THIS)).await
    };
    call(&world, "c1").await.is(200);
    call(&world, "c1").await.refused(409, "repeated_request", "exists already");
    world.crash_user().await;
    world.start_user().await;
    let got = call(&world, "c1").await.refused(409, "repeated_request", "exists already");
    let id = got.json()["error"]["details"]["requestID"].as_str().unwrap().to_owned();
    world.api().get(&format!("/v1/request/{id}")).await.is(200);
    call(&world, "").await.refused(400, "bad_input", "1 to 255");
    let books = world.check_books().await;
    assert_eq!((books.charged(), world.upstream.count()), (1, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn books_are_the_same_after_a_clean_restart() {
    let mut world = World::new().await;
    for _ in 0..3 {
        world.ask(SAY_THIS).await.is(200);
    }
    world.voucher_arrives().await;
    let before = world.check_books().await.without_seals();
    let account = world.account().await;
    let requests = world.api().get("/v1/request").await.is(200).json();
    world.stop_user().await;
    world.stop_provider().await;
    world.start_provider().await;
    world.start_user().await;
    assert_eq!(world.check_books().await.without_seals(), before);
    assert_eq!(world.account().await, account);
    assert_eq!(world.api().get("/v1/request").await.is(200).json(), requests);
    world.ask(SAY_THIS).await.is(200);
    world.check_books().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_whose_database_is_gone_heals_from_the_chain_and_the_provider() {
    let mut world = World::new().await;
    for _ in 0..3 {
        world.ask(SAY_THIS).await.is(200);
    }
    let before = world.check_books().await;
    world.stop_user().await;
    for name in ["broker.db", "broker.db-wal", "broker.db-shm"] {
        let _ = std::fs::remove_file(world.user_side.directory.join(name));
    }
    world.start_user().await;
    // The provider says what it has of our own signature; what was signed by us counts, and no more.
    let got = world.ask(SAY_THIS).await.is(200);
    assert!(got.whole);
    let row = world.user_store().account(world.id()).await.unwrap().unwrap();
    let theirs = world.provider_store().user(world.id()).await.unwrap().unwrap();
    assert!(theirs.owed > before.owed);
    assert!(row.authorized <= theirs.owed, "{row:?} {theirs:?}");
    assert_eq!(world.user_store().audit().await.unwrap(), Vec::<String>::new());
}
