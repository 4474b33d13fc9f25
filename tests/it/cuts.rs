//! A caller leaves in the middle of an answer: both books have what was delivered, and agree.

use std::sync::Arc;

use tokio::sync::Semaphore;
use zgserve_tui::domain::ReceiptStatus;

use super::world::{INPUT_PRICE, OUTPUT_PRICE, Plan, Reply, World, chat_fee, chat_stream, until};

const WORDS: [&str; 12] = [
    "One ", "two ", "three ", "four ", "five ", "six ", "seven ", "eight ", "nine ", "ten ", "eleven ",
    "twelve.",
];

/// Asks for a stream, reads until `events` events are there, and hangs up.
async fn leave_after(world: &World, text: &str, events: usize) {
    let path = world.paid("llama7b", "/chat/completions");
    let request = world.api().request(http::Method::POST, &path);
    let request = request.header("content-type", "application/json").body(chat_stream(text));
    let mut answer = request.send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let mut seen = String::new();
    while seen.matches("data: ").count() < events {
        seen += std::str::from_utf8(&answer.chunk().await.unwrap().expect("more to come")).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leaving_at_every_point_costs_what_was_delivered() {
    let world = World::new().await;
    let mut expected = 0;
    for events in 1..=WORDS.len() {
        // The service gives exactly so many words and then waits, so what was delivered is known.
        let gate = Arc::new(Semaphore::new(events));
        world.upstream.say(Reply::events(&WORDS).gated(&gate));
        let text = format!("leave after {events}");
        leave_after(&world, &text, events).await;
        expected += chat_fee(&text, &WORDS[..events].concat());
        let books = world.check_books().await;
        assert_eq!(books.owed.get(), expected, "after {events}");
        let row = books.provider_requests.iter().max_by_key(|row| row.created_at).unwrap();
        assert!(row.status.is_some());
    }
    let books = world.check_books().await;
    assert_eq!((books.charged(), books.done()), (WORDS.len(), WORDS.len()));
    let cut = books.provider_requests.iter().filter(|row| row.status == Some(ReceiptStatus::CutByCaller));
    assert_eq!(cut.count(), WORDS.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leaving_before_the_first_byte_costs_at_most_the_input() {
    let world = World::new().await;
    let gate = Arc::new(Semaphore::new(0));
    world.upstream.say(Reply::events(&WORDS).gated(&gate));
    let path = world.paid("llama7b", "/chat/completions");
    let request = world.api().request(http::Method::POST, &path);
    let request = request.header("content-type", "application/json").body(chat_stream("early"));
    let asking = tokio::spawn(async move { request.send().await.map(|answer| answer.status()) });
    until("the service has it", async || (world.upstream.count() == 1).then_some(())).await;
    asking.abort();
    let _ = asking.await;
    let books = world.check_books().await;
    assert!(books.owed.get() <= chat_fee("early", ""), "{books:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leaving_while_the_service_thinks_costs_at_most_the_input() {
    let world = World::new().await;
    world.upstream.say(Reply::chat("late").after(std::time::Duration::from_millis(300)));
    let path = world.paid("llama7b", "/chat/completions");
    let request = world.api().request(http::Method::POST, &path);
    let request = request.header("content-type", "application/json").body(super::world::chat("think"));
    let asking = tokio::spawn(async move { request.send().await.map(|answer| answer.status()) });
    until("the service has it", async || (world.upstream.count() == 1).then_some(())).await;
    asking.abort();
    let _ = asking.await;
    let books = world.check_books().await;
    assert!(books.owed.get() <= chat_fee("think", "late"), "{books:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_ends_at_the_highest_fee() {
    let world = World::new().await;
    // The service ignores its limit.
    let words = ["word "; 200];
    world.upstream.say(Reply::events(&words));
    let most = chat_fee("talk", "") + 20 * OUTPUT_PRICE;
    let path = world.paid("llama7b", "/chat/completions");
    let request = world.api().request(http::Method::POST, &path);
    let request = request.header("content-type", "application/json").header("zg-max-fee", most.to_string());
    let got = super::world::finish(request.body(chat_stream("talk"))).await.is(200);
    assert!(got.whole, "{}", got.text());
    assert!(got.text().contains(r#""finish_reason":"length""#), "{}", got.text());
    assert!(got.text().ends_with("data: [DONE]\n\n"), "{}", got.text());
    let books = world.check_books().await;
    assert_eq!(books.owed.get(), most, "the whole of it was used, and no more");
    let sent: serde_json::Value = serde_json::from_slice(&world.upstream.arrived()[0].body).unwrap();
    assert_eq!(sent["max_tokens"], 20, "the service was told");
    assert_eq!(books.provider_requests[0].status, Some(ReceiptStatus::CutAtMaxFee));
}

/// A whole answer cannot be cut: what is far above the highest fee is kept, costs nothing on either side, and nobody disputes it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_whole_answer_above_the_highest_fee_costs_nothing_on_both_sides() {
    let world = World::new().await;
    let most = chat_fee("talk", "") + 20 * OUTPUT_PRICE;
    let path = world.paid("llama7b", "/chat/completions");
    let ask = async || {
        let request = world.api().request(http::Method::POST, &path);
        let request =
            request.header("content-type", "application/json").header("zg-max-fee", most.to_string());
        super::world::finish(request.body(super::world::chat("talk"))).await
    };
    let long = "word ".repeat(200);
    for delay in [0, 30] {
        world.upstream.say(Reply::chat(&long).after(std::time::Duration::from_millis(delay)));
        ask().await.refused(400, "answer_above_max_fee", "longer than the highest fee pays for");
        let books = world.check_books().await;
        assert_eq!((books.owed.get(), books.charged()), (0, 0), "{books:?}");
        assert!(books.user_requests.iter().all(|row| row.disputed.is_zero()), "{books:?}");
    }
    // A vocabulary in which the same text is fewer tokens is no reason.
    world.upstream.say(Reply::chat(&"word ".repeat(25)));
    ask().await.is(200);
    assert_eq!(world.check_books().await.owed.get(), most);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cap_on_one_request_refuses_what_cannot_fit() {
    let mut plan = Plan::default();
    plan.user.caps.per_request = Some(super::world::neuron(INPUT_PRICE));
    let world = World::with(plan).await;
    let got = world.ask(super::world::SAY_THIS).await.refused(403, "cap_reached", "cap");
    assert_eq!(got.json()["error"]["details"]["limit"], INPUT_PRICE.to_string());
    let books = world.check_books().await;
    assert_eq!((books.owed.get(), books.authorized.get()), (0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stopping_broker_ends_or_records_what_it_has_in_hand() {
    let mut plan = Plan::default();
    plan.provider.drain = 1;
    let mut world = World::with(plan).await;
    let gate = Arc::new(Semaphore::new(3));
    world.upstream.say(Reply::events(&WORDS).gated(&gate));
    let path = world.paid("llama7b", "/chat/completions");
    let request = world.api().request(http::Method::POST, &path);
    let request = request.header("content-type", "application/json").body(chat_stream("stop"));
    let mut answer = request.send().await.unwrap();
    let mut seen = String::new();
    while seen.matches("data: ").count() < 3 {
        seen += std::str::from_utf8(&answer.chunk().await.unwrap().unwrap()).unwrap();
    }
    let reading = tokio::spawn(async move { while let Ok(Some(_)) = answer.chunk().await {} });
    world.stop_provider().await;
    reading.await.unwrap();
    world.start_provider().await;
    let books = world.check_books().await;
    assert_eq!(books.owed.get(), chat_fee("stop", &WORDS[..3].concat()));
    assert_eq!((books.charged(), books.done()), (1, 1), "and nothing is in dispute");
}
