//! Disks that are full: the n-th commit fails, for every n that an action takes, once or from then on. What was not
//! written down is not promised and is told; when there is room again, everything goes on.

use futures_util::future::join_all;
use http::Method;
use serde_json::json;

use super::{age_requests, serve_all, told};
use crate::world::{DEPOSIT, Disk, Got, Plan, SAY_THIS, World, chat_stream, finish, settles, until};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Op {
    Json,
    Stream,
    Upload,
    Deposit,
    Refund,
    Settle,
}

async fn world() -> World {
    let world = World::bare(Plan::default()).await;
    world.register_chatbot().await;
    world.register_storage().await;
    world.open_account(DEPOSIT).await;
    serve_all(&world.upstream);
    world
}

async fn order(world: &World, path: &str, body: String, key: &str) -> Got {
    let url = format!("/v1/provider/{}{path}", world.provider_address());
    let request = world.api().request(Method::POST, &url).header("content-type", "application/json");
    finish(request.header("idempotency-key", key).body(body)).await
}

async fn act(world: &World, op: Op, key: &str) -> Got {
    match op {
        Op::Json => world.ask(SAY_THIS).await,
        Op::Stream => world.ask(chat_stream("go on")).await,
        Op::Upload => {
            let path = world.paid("files", "/blob");
            finish(world.api().request(Method::PUT, &path).body(vec![1_u8; 5_000])).await
        }
        Op::Deposit => order(world, "/charge", json!({"amount": "1000"}).to_string(), key).await,
        Op::Refund => {
            // Asks for one more each time, so that each order changes something.
            let body = json!({"amount": format!("{}", 1_000 + key.len()), "replace": true}).to_string();
            order(world, "/refund", body, key).await
        }
        Op::Settle => world.owner().post_empty("/v1/settle").await,
    }
}

/// Lets the n-th commit fail for every n, while `op` is done; gives how many commits have failed.
async fn sweep(world: &World, op: Op, (side, disk): (&str, &Disk), forever: bool) -> u64 {
    let before = disk.failed();
    // As many as a good run takes, and what follows it in the background.
    let mut clean = 0;
    while clean < 12 {
        let failed = disk.failed();
        let what = format!("{op:?}, commit {clean}{}", if forever { " and all after it" } else { "" });
        let balance = world.chain.account(world.id(), None).await.unwrap().unwrap();
        disk.fail(clean, if forever { u64::MAX } else { 1 });
        let key = format!("{op:?} {side} {forever} {clean}");
        let got = act(world, op, &key).await;
        if got.status >= 400 {
            told(&what, &got);
            assert!(matches!(got.status, 502 | 503), "{what}: {got:?}");
        }
        disk.free();
        if disk.failed() == failed && got.status < 400 {
            break;
        }
        if op == Op::Deposit {
            // With the same key, until it is done: once.
            let done = async || {
                let got = act(world, op, &key).await;
                (got.status < 300 && got.body.is_empty()).then_some(())
            };
            until(&what, done).await;
            let after = world.chain.account(world.id(), None).await.unwrap().unwrap();
            assert_eq!(after.balance.get(), balance.balance.get() + 1_000, "{what}");
        }
        clean += 1;
    }
    disk.failed() - before
}

/// Nothing hangs: requests whose end could not be written are brought to an end by themselves.
async fn rests(world: &mut World) {
    let idle = async || world.provider().snapshot().totals.in_flight.eq(&0).then_some(());
    assert!(settles(idle).await.is_some(), "{:?}", world.provider().snapshot().totals);
    // Rows that could be neither booked nor struck off are struck off by the next start at the latest.
    world.stop_provider().await;
    world.start_provider().await;
    age_requests(world, 1_000);
}

async fn sweeps(ops: &[Op], forever: bool) {
    let mut world = world().await;
    let mut failed = 0;
    for op in ops {
        let disks = [("user", world.user_side.disk.clone()), ("provider", world.provider_side.disk.clone())];
        for (side, disk) in &disks {
            failed += sweep(&world, *op, (side, disk), forever).await;
        }
    }
    println!("commits that failed under {ops:?}: {failed}");
    assert!(failed > 0);
    rests(&mut world).await;
    world.check_books().await;
    for op in ops {
        let got = act(&world, *op, &format!("last {op:?}")).await;
        assert!(got.status < 300, "{op:?}: {got:?}");
    }
    world.check_books().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_commit_of_a_call_fails_once() {
    sweeps(&[Op::Json, Op::Stream, Op::Upload], false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_commit_of_a_call_and_all_after_it_fail() {
    sweeps(&[Op::Json, Op::Stream, Op::Upload], true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_commit_of_a_deposit_and_a_refund_fails_once() {
    sweeps(&[Op::Deposit, Op::Refund], false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_commit_of_a_deposit_and_a_refund_and_all_after_it_fail() {
    sweeps(&[Op::Deposit, Op::Refund], true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_commit_of_a_settlement_fails_once() {
    let world = world().await;
    let disk = world.provider_side.disk.clone();
    for number in 0..8 {
        world.ask(SAY_THIS).await.is(200);
        world.voucher_arrives().await;
        disk.fail(number, 1);
        let got = act(&world, Op::Settle, "").await;
        if got.status >= 400 {
            told(&format!("a settlement, commit {number}"), &got);
        }
        disk.free();
        until("it is settled once", async || {
            let account = world.chain.account(world.id(), None).await.unwrap().unwrap();
            let owed = world.provider().user(world.user_address())?.owed;
            assert!(account.settled <= owed, "{account:?}");
            if account.settled < owed {
                act(&world, Op::Settle, "").await;
            }
            (account.settled == owed).then_some(())
        })
        .await;
    }
    println!("commits that failed under a settlement: {}", disk.failed());
    assert!(disk.failed() >= 4, "{}", disk.failed());
    let books = world.check_books().await;
    assert_eq!(books.settled, books.owed);
}

/// Many at once share a commit; when it fails, each of them hears so, and none is served (I9, I14).
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_that_fails_fails_every_request_in_it() {
    let world = world().await;
    world.ask(SAY_THIS).await.is(200);
    let before = world.check_books().await;
    for disk in [world.user_side.disk.clone(), world.provider_side.disk.clone()] {
        disk.fill();
        let calls = (0..16).map(|_| world.ask(SAY_THIS));
        for got in join_all(calls).await {
            let code = got.code();
            told("one of many", &got);
            assert!(got.status == 503 && matches!(code.as_str(), "disk_full" | "storage_failed"), "{got:?}");
        }
        disk.free();
    }
    let after = world.check_books().await;
    assert_eq!((after.owed, after.done()), (before.owed, before.done()), "nobody was served");
    world.ask(SAY_THIS).await.is(200);
    world.check_books().await;
}
