//! Paid calls over lines that fail: between the brokers, and between the provider's broker and the service behind.

use futures_util::future::join_all;
use http::Method;

use super::{NET_FAULTS, age_requests, is_page, serve_all, told};
use zgserve_tui::domain::UserRequestState;

use crate::world::{DEPOSIT, FaultProxy, Got, NetFault, Plan, SAY_THIS, World, chat_stream, finish, until};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Op {
    Json,
    Stream,
    Upload,
    Download,
}

const OPS: [Op; 4] = [Op::Json, Op::Stream, Op::Upload, Op::Download];

/// A user broker that bears with so many seconds of silence; the provider's bears with ten. Enough for a busy machine;
/// all silent faults are waited for at the same time.
async fn world(patience: u64) -> World {
    let mut plan = Plan { proxies: true, ..Plan::default() };
    plan.user.first_byte_timeout = patience;
    plan.user.idle_timeout = patience;
    plan.user.connect_timeout = patience;
    plan.provider.upstream.first_byte_timeout = 10;
    plan.provider.upstream.idle_timeout = 10;
    plan.provider.upstream.connect_timeout = 10;
    plan.provider.max_in_flight_per_user = 1_000;
    let world = World::bare(plan).await;
    world.register_chatbot().await;
    world.register_storage().await;
    world.open_account(DEPOSIT).await;
    serve_all(&world.upstream);
    world
}

/// The call; its query says to the proxy which fault is meant for it.
async fn call(world: &World, op: Op, fault: usize) -> Got {
    let api = world.api();
    match op {
        Op::Json => api.post(&world.paid("llama7b", &format!("/chat/completions?f={fault}")), SAY_THIS).await,
        Op::Stream => {
            api.post(&world.paid("llama7b", &format!("/chat/completions?f={fault}")), chat_stream("go on"))
                .await
        }
        Op::Upload => {
            let path = world.paid("files", &format!("/blob?f={fault}"));
            finish(api.request(Method::PUT, &path).body(vec![3_u8; 20_000])).await
        }
        Op::Download => api.get(&world.paid("files", &format!("/blob?f={fault}"))).await,
    }
}

fn strike(proxy: &FaultProxy) {
    proxy.set(|asked| {
        let number = asked.target.split("f=").nth(1).and_then(|number| number.parse::<usize>().ok());
        number.map_or(NetFault::None, |number| NET_FAULTS[number])
    });
}

/// Puts every fault into every kind of call, all at the same time, and gives what came back.
async fn all(world: &World) -> Vec<(Op, NetFault, Got)> {
    let calls = OPS.into_iter().flat_map(|op| {
        NET_FAULTS
            .into_iter()
            .enumerate()
            .map(move |(number, fault)| async move { (op, fault, call(world, op, number).await) })
    });
    join_all(calls).await
}

/// Whether this is all of what the service said.
fn is_all(op: Op, got: &Got) -> bool {
    match op {
        Op::Json => got.json()["choices"][0]["message"]["content"] == "This is a test!",
        Op::Stream => got.text().contains("five.") && got.text().contains("data: [DONE]"),
        Op::Upload => got.text() == "stored",
        Op::Download => got.body.len() == 20_000,
    }
}

/// What every caller must have seen: all of the answer, an answer that visibly breaks, or a told error.
fn seen(answers: &[(Op, NetFault, Got)]) -> usize {
    let mut whole = 0;
    for (op, fault, got) in answers {
        let what = format!("{op:?} under {fault:?}");
        if got.status < 400 {
            // A stream that began cannot take its status back; it breaks, as HTTP has it.
            whole += usize::from(got.whole);
            // A server that says a shorter length than it means cannot be told from one that says less.
            let short = matches!(fault, NetFault::ShorterLength(_));
            assert!(!got.whole || short || is_all(*op, got), "{what}: {got:?}");
        } else if !is_page(got) {
            told(&what, got);
        }
    }
    whole
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_fault_between_the_brokers_under_every_call() {
    let world = world(10).await;
    let proxy = world.proxies.to_provider.clone().unwrap();
    // The vocabulary, the terms and the account are known before the faults begin.
    call(&world, Op::Json, usize::MAX).await.is(200);
    strike(&proxy);
    let answers = all(&world).await;
    proxy.heal();
    let whole = seen(&answers);
    assert_eq!(proxy.struck(), NET_FAULTS.len() * OPS.len());
    println!("faults between the brokers: {}, answers that came through whole: {whole}", proxy.struck());
    // What never reached the provider is let go when its authorisation is over.
    age_requests(&world, 1_000);
    world.check_books_with_losses().await;
    // Nobody asked the service twice for one request.
    assert!(world.upstream.count() <= answers.len() + 1, "{}", world.upstream.count());
    // And all goes on.
    for op in OPS {
        let got = call(&world, op, usize::MAX).await;
        assert!(got.whole && got.status < 300, "{op:?}: {got:?}");
    }
    world.check_books_with_losses().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_fault_before_the_service_under_every_call() {
    let world = world(20).await;
    let proxy = world.proxies.to_upstream.clone().unwrap();
    call(&world, Op::Json, usize::MAX).await.is(200);
    strike(&proxy);
    let answers = all(&world).await;
    proxy.heal();
    let whole = seen(&answers);
    assert_eq!(proxy.struck(), NET_FAULTS.len() * OPS.len());
    println!("faults before the service: {}, answers that came through whole: {whole}", proxy.struck());
    // Both brokers saw the same bytes, so that their books are equal to the neuron.
    world.check_books().await;
    for op in OPS {
        let got = call(&world, op, usize::MAX).await;
        assert!(got.whole && got.status < 300, "{op:?}: {got:?}");
    }
    world.check_books().await;
}

/// An upload that is stopped on its way to the provider is over at once: nobody can have served half a body, so nothing
/// is held for it until its authorisation is over.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_that_is_stopped_or_breaks_holds_nothing_back() {
    let world = world(3).await;
    call(&world, Op::Json, usize::MAX).await.is(200);
    let proxy = world.proxies.to_provider.clone().unwrap();
    let path = world.paid("files", "/large");
    // More than fits the buffers of the sockets in between.
    let body = bytes::Bytes::from(vec![5_u8; 24 << 20]);
    proxy.next("/large", 1, NetFault::ResetRequest(100_000));
    let got = finish(world.api().request(Method::PUT, &path).body(body.clone())).await;
    told("an upload that breaks", &got);
    let failed = async || {
        let rows = world.user_requests().await;
        rows.iter().filter(|row| row.state == UserRequestState::Failed).count()
    };
    until("it has failed", async || (failed().await == 1).then_some(())).await;
    // The same, stopped by the application: the line is so slow that it leaves in the middle.
    proxy.next("/large", 1, NetFault::StallRequest(100_000));
    let struck = proxy.struck();
    let request = world.api().request(Method::PUT, &path).body(body);
    let leaving = tokio::spawn(finish(request));
    until("it is under way", async || (proxy.struck() > struck).then_some(())).await;
    leaving.abort();
    until("it has failed", async || (failed().await == 2).then_some(())).await;
    proxy.heal();
    world.check_books().await;
}
