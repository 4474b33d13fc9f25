//! The small exchanges beside the paid calls: terms, vouchers that are pushed, receipts that are fetched afterwards.

use std::collections::BTreeMap;

use futures_util::future::join_all;

use super::{NET_FAULTS, is_page, serve_all, told};
use crate::world::{DEPOSIT, NetFault, Plan, SAY_THIS, World, until};

/// A user broker that bears with so many seconds of silence.
async fn world(patience: u64) -> World {
    let mut plan = Plan { proxies: true, ..Plan::default() };
    plan.user.first_byte_timeout = patience;
    plan.user.idle_timeout = patience;
    plan.provider.max_in_flight_per_user = 1_000;
    let world = World::bare(plan).await;
    world.register_chatbot().await;
    world.open_account(DEPOSIT).await;
    serve_all(&world.upstream);
    world
}

/// A voucher that does not arrive is carried by the next request; one that arrives twice counts once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_fault_under_a_pushed_voucher() {
    let world = world(20).await;
    let proxy = world.proxies.to_provider.clone().unwrap();
    world.ask(SAY_THIS).await.is(200);
    // Silence has its place in the other tests of this file; here each would be waited for in its turn.
    let loud = |fault: &NetFault| {
        use NetFault::{HalfOpen, HeadOnly, StallAnswer, Swallow};
        !matches!(fault, HalfOpen | Swallow | StallAnswer(_) | HeadOnly)
    };
    let faults: Vec<NetFault> = NET_FAULTS.into_iter().filter(loud).collect();
    for fault in faults.iter().copied() {
        let struck = proxy.struck();
        proxy.next("/v1/voucher", 1, fault);
        world.ask(SAY_THIS).await.is(200);
        until("it is pushed", async || (proxy.struck() > struck).then_some(())).await;
        let owed = world.user().snapshot().accounts[0].owed;
        proxy.heal();
        world.ask(SAY_THIS).await.is(200);
        let promised = world.provider().user(world.user_address()).unwrap().voucher;
        assert!(promised >= owed, "{fault:?}: {promised} of {owed}");
    }
    println!("faults under a pushed voucher: {}", proxy.struck());
    assert_eq!(proxy.struck(), faults.len());
    let books = world.check_books().await;
    assert_eq!(books.done(), 2 * faults.len() + 1);
}

/// The last answer is paid too: no further request has to come along for its voucher.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_voucher_that_did_not_arrive_is_brought_again() {
    let world = world(20).await;
    let proxy = world.proxies.to_provider.clone().unwrap();
    proxy.next("/v1/voucher", 1, NetFault::CloseBeforeHead);
    world.ask(SAY_THIS).await.is(200);
    world.voucher_arrives().await;
    assert_eq!(proxy.struck(), 1);
    let books = world.check_books().await;
    assert_eq!((books.done(), books.authorized), (1, books.owed));
}

/// The answer is lost after it was charged, and so is the first answer to the question for its receipt.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_fault_under_the_question_for_a_receipt() {
    let world = world(10).await;
    let proxy = world.proxies.to_provider.clone().unwrap();
    world.ask(SAY_THIS).await.is(200);
    let mut asked: BTreeMap<String, usize> = BTreeMap::new();
    let more = [
        NetFault::Answer("application/json", "{}"),
        NetFault::Answer("application/json", "{\"Receipt\": 7}"),
        NetFault::Answer("text/plain", "AAAA"),
        NetFault::Answer("text/plain", "\u{1b}]0;x\u{7}"),
    ];
    let faults: Vec<NetFault> = NET_FAULTS.into_iter().chain(more).collect();
    let count = faults.len();
    proxy.set(move |request| {
        if request.target.contains("?f=") {
            return NetFault::CloseAfterRequest;
        }
        if !request.target.contains("/v1/proxy-receipt/") {
            return NetFault::None;
        }
        let number = asked.len();
        let times = asked.entry(request.target.clone()).or_default();
        *times += 1;
        if *times == 1 { faults[number % faults.len()] } else { NetFault::None }
    });
    let calls = (0..count).map(|number| {
        let (api, path) = (world.api(), world.paid("llama7b", &format!("/chat/completions?f={number}")));
        async move { api.post(&path, SAY_THIS).await }
    });
    for got in join_all(calls).await {
        told("an answer that was lost", &got);
        got.refused(502, "provider_broke_off", "broke");
    }
    let books = world.check_books_with_losses().await;
    assert_eq!(books.charged(), count + 1);
    // The input was worked on, of the output nothing came: so much is paid, and the rest shown.
    for row in &books.user_requests {
        assert!(row.receipt.is_some(), "{row:?}");
    }
    println!("faults under the question for a receipt: {}", proxy.struck() - count);
    assert!(proxy.struck() >= 2 * count);
}

/// Without a provider's terms nothing is promised.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn faults_under_the_question_for_terms_are_told_and_promise_nothing() {
    let mut world = world(20).await;
    let proxy = world.proxies.to_provider.clone().unwrap();
    let faults = [
        NetFault::CloseBeforeHead,
        NetFault::ResetAnswer(0),
        NetFault::CutAnswer(300),
        NetFault::Status(503),
        NetFault::Garbage,
        NetFault::EndlessHead,
        NetFault::Answer("text/html", "<html>hello</html>"),
        NetFault::Answer("application/json", "{\"Services\": 3}"),
    ];
    for fault in faults {
        proxy.next("/v1/terms", 2, fault);
        let got = world.ask(SAY_THIS).await;
        assert!(!is_page(&got), "{fault:?}");
        told(&format!("terms under {fault:?}"), &got);
        assert_eq!(got.status, 502, "{fault:?}: {got:?}");
        proxy.heal();
        world.ask(SAY_THIS).await.is(200);
        // A broker that begins anew knows no terms.
        world.stop_user().await;
        world.start_user().await;
    }
    println!("faults under the question for terms: {}", proxy.struck());
    let books = world.check_books().await;
    assert_eq!((books.done(), books.user_requests.len()), (faults.len(), faults.len()));
}
