//! A turn of a conversation against the demo's chatbot, stopped in the middle: what was heard is paid, and the books agree.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::middleware::map_response;
use axum::response::Response;
use futures_util::StreamExt;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use zgserve_tui::broker::user::{
    Finding, FinishReason, Message, Outlook, Proof, ReconciliationVerdict, Role, TalkEvent, Turn,
};
use zgserve_tui::domain::{Units, UserRequestState};
use zgserve_tui::http::demo;
use zgserve_tui::meter::count;

use super::world::{DEPOSIT, INPUT_PRICE, OUTPUT_PRICE, Plan, World};

/// A world whose `llama7b` is the demo's chatbot. Each event of its streams waits for a permit of the gate.
async fn world(gate: &Arc<Semaphore>) -> World {
    let world = World::bare(Plan::default()).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let gate = Arc::clone(gate);
    let chatbot = demo::chatbot(Duration::ZERO).layer(map_response(move |answer: Response| {
        let gate = Arc::clone(&gate);
        std::future::ready(if is_stream(&answer) { gated(answer, gate) } else { answer })
    }));
    tokio::spawn(async move { axum::serve(listener, chatbot).await.unwrap() });
    let body = json!({
        "URL": url, "inputPrice": INPUT_PRICE as u64, "outputPrice": OUTPUT_PRICE as u64,
        "Type": "chatbot", "Name": "llama7b",
    });
    world.owner().post("/v1/service", body.to_string()).await.is(204);
    world.user_sees("llama7b").await;
    world.open_account(DEPOSIT).await;
    world
}

fn is_stream(answer: &Response) -> bool {
    answer.headers().get("content-type").is_some_and(|kind| kind == "text/event-stream")
}

fn gated(answer: Response, gate: Arc<Semaphore>) -> Response {
    let (head, body) = answer.into_parts();
    let events = body.into_data_stream().then(move |event| {
        let gate = Arc::clone(&gate);
        async move {
            gate.acquire().await.unwrap().forget();
            event
        }
    });
    Response::from_parts(head, Body::from_stream(events))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_turn_that_is_stopped_costs_what_was_heard_and_one_that_ends_what_it_said() {
    // The role and three words, of many more.
    let gate = Arc::new(Semaphore::new(4));
    let world = world(&gate).await;
    let user = world.user();
    let text = "I am sad about my computer, and I remember my mother";
    let turn =
        Turn::new(world.provider_address(), "llama7b".parse().unwrap(), vec![Message::new(Role::User, text)]);
    let estimate = user.estimate(&turn).await.unwrap();
    assert_eq!(estimate.outlook, Outlook::Goes);
    assert_eq!(estimate.input, Units(count("user") + count(text)));

    let mut talk = user.converse(turn.clone()).await.unwrap();
    let request = talk.request.unwrap();
    assert_eq!(talk.max_fee, estimate.granted);
    let mut heard = String::new();
    let mut running = None;
    while heard.split_whitespace().count() < 3 {
        match talk.next().await.unwrap() {
            TalkEvent::Content(words) => heard.push_str(&words),
            TalkEvent::Metered { output, fee } => running = Some((output, fee)),
            other => panic!("{other:?}"),
        }
    }
    drop(talk);
    let stopped = user.cost(request).await.unwrap();
    assert_eq!((stopped.state, stopped.receipt), (UserRequestState::Done, Proof::Verified), "{stopped:?}");
    assert!(stopped.output >= Units(count(&heard)), "{stopped:?}");
    assert_eq!(Some(stopped.fee), stopped.prices.fee(stopped.input, stopped.output));
    let (output, fee) = running.unwrap();
    assert!(output <= stopped.output && fee <= stopped.fee.total());

    gate.add_permits(1_000);
    let mut talk = user.converse(turn).await.unwrap();
    let request = talk.request.unwrap();
    let (mut said, mut end) = (String::new(), None);
    while let Some(event) = talk.next().await {
        match event {
            TalkEvent::Content(words) => said.push_str(&words),
            TalkEvent::Metered { output, fee } => running = Some((output, fee)),
            other => end = Some(other),
        }
    }
    assert_eq!(end, Some(TalkEvent::Finished { reason: FinishReason::Stop }));
    let whole = user.cost(request).await.unwrap();
    assert_eq!((whole.state, whole.output), (UserRequestState::Done, Units(count(&said))), "{whole:?}");
    assert_eq!(running, Some((whole.output, whole.fee.total())));
    assert!(whole.output > stopped.output, "the first one was stopped in the middle");

    let books = world.check_books().await;
    assert_eq!(books.owed.get(), stopped.fee.total().get() + whole.fee.total().get());
    let verification = user.verify(request).await.unwrap();
    assert_eq!(verification.finding(), Finding::Passed, "{verification:#?}");
    let reconciled = user.reconcile(world.provider_address()).await.unwrap();
    assert_eq!((reconciled.owed, reconciled.verdict), (books.owed, ReconciliationVerdict::Even));
}
