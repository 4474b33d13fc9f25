//! The second service type: bytes up and down, large bodies on disk, each byte counted once.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use tokio::sync::Semaphore;

use super::world::{DOWNLOAD_PRICE, Plan, Reply, UPLOAD_PRICE, World, finish, neuron};

const MIB: usize = 1 << 20;

async fn storage() -> World {
    let world = World::bare(Plan::default()).await;
    world.register_storage().await;
    world.open_account(super::world::DEPOSIT).await;
    world.upstream.store();
    world
}

fn noise(bytes: usize) -> Bytes {
    let mut state = 0x9e37_79b9_u32;
    let next = std::iter::repeat_with(move || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state.to_le_bytes()[0]
    });
    next.take(bytes).collect::<Vec<u8>>().into()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bytes_go_up_and_come_back_and_each_is_counted_once() {
    let world = storage().await;
    let bytes = noise(3 * MIB + 17);
    let path = world.paid("files", "/blob/one");
    let put = world.api().request(Method::PUT, &path).body(bytes.clone());
    let stored = finish(put).await.is(201);
    assert_eq!(stored.text(), "stored");
    let up = bytes.len() as u128 * UPLOAD_PRICE + "stored".len() as u128 * DOWNLOAD_PRICE;
    let books = world.check_books().await;
    assert_eq!(books.owed.get(), up);
    assert_eq!(world.upstream.arrived()[0].body, bytes, "what arrived is what was sent");

    let back = world.api().get(&path).await.is(200);
    assert!(back.whole && back.body == bytes);
    let down = bytes.len() as u128 * DOWNLOAD_PRICE;
    let books = world.check_books().await;
    assert_eq!(books.owed.get(), up + down);
    assert_eq!((books.charged(), books.done()), (2, 2));
    let sizes: Vec<_> = books.provider_requests.iter().map(|row| (row.input.0, row.output.0)).collect();
    let size = bytes.len() as u64;
    assert_eq!(sizes, [(size, 6), (0, size)]);

    // What waited on disk is gone.
    for side in [&world.user_side.directory, &world.provider_side.directory] {
        for entry in std::fs::read_dir(side).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            assert!(name.starts_with("broker.db") || name == "delegates", "{name} is left over");
        }
    }

    world.api().get(&world.paid("files", "/blob/none")).await.is(404);
    let books = world.check_books().await;
    assert_eq!(books.owed.get(), up + down, "what is not there costs nothing");
    let head = finish(world.api().request(Method::HEAD, &path)).await.is(200);
    assert!(head.body.is_empty());
    assert_eq!(world.check_books().await.owed.get(), up + down, "and a HEAD is free");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_without_announced_length_is_the_same() {
    let world = storage().await;
    let bytes = noise(MIB + 5);
    let pieces: Vec<Result<Bytes, std::io::Error>> =
        bytes.chunks(60_000).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
    let body = reqwest::Body::wrap_stream(futures_util::stream::iter(pieces));
    let path = world.paid("files", "/blob/stream");
    finish(world.api().request(Method::POST, &path).body(body)).await.is(201);
    assert_eq!(world.upstream.arrived()[0].body, bytes);
    let books = world.check_books().await;
    assert_eq!(books.provider_requests[0].input.0, bytes.len() as u64);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leaving_a_download_costs_what_was_delivered() {
    let world = storage().await;
    let gate = Arc::new(Semaphore::new(3));
    let piece = noise(200_000);
    let reply =
        Reply { pieces: vec![piece.clone(); 10], ..Reply::whole(200, "application/octet-stream", "") };
    world.upstream.say(reply.gated(&gate));
    let path = world.paid("files", "/large");
    let mut answer = world.api().request(Method::GET, &path).send().await.unwrap();
    let mut seen = 0;
    while seen < 3 * piece.len() {
        seen += answer.chunk().await.unwrap().unwrap().len();
    }
    drop(answer);
    let books = world.check_books().await;
    assert_eq!(books.owed.get(), seen as u128 * DOWNLOAD_PRICE);
}

/// Nobody holds the service back here: whatever the sockets and brokers on the way take is under way when the reader leaves.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leaving_a_download_that_comes_as_fast_as_it_can_is_no_dispute() {
    let world = storage().await;
    let reply =
        Reply { pieces: vec![noise(64 << 10); 1_024], ..Reply::whole(200, "application/octet-stream", "") };
    world.upstream.say(reply);
    let path = world.paid("files", "/large");
    let mut answer = world.api().request(Method::GET, &path).send().await.unwrap();
    let mut seen = 0;
    while seen < MIB {
        seen += answer.chunk().await.unwrap().unwrap().len();
    }
    // So that as much is under way as can be.
    tokio::time::sleep(Duration::from_millis(300)).await;
    drop(answer);
    let books = world.check_books().await;
    assert!(books.user_requests[0].disputed.is_zero(), "{:?}", books.user_requests[0]);
    let delivered = u128::from(books.provider_requests[0].output.0);
    assert!((seen as u128..64 * MIB as u128).contains(&delivered), "{delivered}");
    assert_eq!(books.owed.get(), delivered * DOWNLOAD_PRICE);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_download_ends_at_the_exact_byte_of_the_highest_fee() {
    let world = storage().await;
    world.upstream.say(Reply::whole(200, "application/octet-stream", noise(500_000)));
    let path = world.paid("files", "/large");
    let most = 123_457 * DOWNLOAD_PRICE;
    let request = world.api().request(Method::GET, &path).header("zg-max-fee", most.to_string());
    let got = finish(request).await;
    assert!(!got.whole, "it is not passed off as the whole");
    assert!(got.body.len() <= 123_457);
    let books = world.check_books().await;
    assert_eq!(books.owed, neuron(most));
    assert_eq!(books.provider_requests[0].output.0, 123_457);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_transfers_at_once() {
    let world = storage().await;
    let api = world.api();
    let transfers = (0..8_usize).map(|number| {
        let (api, path) = (api.clone(), world.paid("files", &format!("/blob/{number}")));
        async move {
            let bytes = noise(100_000 + number * 1_000);
            finish(api.request(Method::PUT, &path).body(bytes.clone())).await.is(201);
            assert_eq!(api.get(&path).await.is(200).body, bytes);
            bytes.len() as u128 * (UPLOAD_PRICE + DOWNLOAD_PRICE) + 6 * DOWNLOAD_PRICE
        }
    });
    let expected: u128 = futures_util::future::join_all(transfers).await.into_iter().sum();
    let books = world.check_books().await;
    assert_eq!(books.owed.get(), expected);
    assert_eq!(books.charged(), 16);
}
