//! S6: whatever a peer sends, and however slowly, it takes a bounded part of us. The real process under the same floods,
//! with its memory measured, is `tests/by_hand/floods.py`.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use zgserve_tui::http::{self as faces, Bound, Explorer, Guard, Limits, Server};

use super::super::world::{Client, Plan, Reply, SAY_THIS, World, chat, until};
use super::{HANG, everything, lived_in, owner_at, proxy_at, raw, statuses, user_at};

/// Another listener of the user broker, with limits that a test can reach.
async fn limited(world: &World, limits: Limits) -> Server {
    let bound = Bound::bind("127.0.0.1:0".parse().unwrap(), "limited").await.unwrap();
    let guard = Guard::new(bound.address(), &[], None);
    let tasks = world.tasks.child();
    let router = faces::user::router(world.user().clone(), guard, tasks.token(), Explorer::default());
    bound.serve(router, limits, tasks)
}

/// Sends a head and then pieces for as long as they are taken; gives what came back and how much was sent.
async fn flood(at: SocketAddr, head: &str, piece: &[u8], most: usize) -> (String, usize) {
    let (mut reading, mut writing) = TcpStream::connect(at).await.unwrap().into_split();
    writing.write_all(head.as_bytes()).await.unwrap();
    let sending = async {
        let mut sent = 0;
        while sent < most && writing.write_all(piece).await.is_ok() {
            sent += piece.len();
        }
        sent
    };
    let mut answer = Vec::new();
    let both = async { tokio::join!(sending, reading.read_to_end(&mut answer)) };
    let (sent, _) = tokio::time::timeout(HANG, both).await.expect("the listener hangs up");
    (String::from_utf8_lossy(&answer).into_owned(), sent)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn heads_are_bounded_in_bytes_and_number() {
    let world = lived_in().await;
    let before = everything(&world).await;
    let most = 32 << 20;
    for at in [user_at(&world), owner_at(&world), proxy_at(&world)] {
        let line = format!("GET /health HTTP/1.1\r\nhost: 127.0.0.1:{}\r\n", at.port());
        for (what, head, piece) in [
            ("a header without end", format!("{line}x-a: "), vec![b'a'; 64 << 10]),
            ("headers without end", line.clone(), b"x-a: b\r\n".repeat(8 << 10)),
            ("a name without end", line.clone(), vec![b'n'; 64 << 10]),
            ("a target without end", "GET /".to_owned(), vec![b'a'; 64 << 10]),
            ("a method without end", String::new(), vec![b'G'; 64 << 10]),
            ("empty lines without end", String::new(), b"\r\n".repeat(32 << 10)),
        ] {
            let (answer, sent) = flood(at, &head, &piece, most).await;
            let statuses = statuses(&answer);
            // Whoever has hung up may not have been heard any more.
            assert!(statuses.iter().all(|status| [400, 414, 431].contains(status)), "{what}: {answer}");
            // The rest fits between the two ends of a connection.
            assert!(sent < most, "{what}: all {sent} bytes were taken");
        }
        // Ten megabytes in one header, and a hundred thousand headers, as one message.
        for request in [
            format!("{line}x-a: {}\r\n\r\n", "a".repeat(10_000_000)),
            format!("{line}{}\r\n", "x-a: b\r\n".repeat(100_000)),
            format!("{line}{}connection: close\r\n\r\n", "x-a: b\r\n".repeat(100)),
        ] {
            let answer = raw(at, request).await;
            assert!(answer.is_empty() || statuses(&answer) == [431], "{answer}");
        }
        let enough = raw(at, format!("{line}{}connection: close\r\n\r\n", "x-a: b\r\n".repeat(90))).await;
        assert_eq!(statuses(&enough), [200], "{enough}");
        let long = "a".repeat(9 << 10);
        let answer = raw(
            at,
            format!("GET /{long} HTTP/1.1\r\nhost: 127.0.0.1:{}\r\nconnection: close\r\n\r\n", at.port()),
        )
        .await;
        assert_eq!(statuses(&answer), [414]);
    }
    assert_eq!(everything(&world).await, before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bodies_are_bounded_wherever_they_are_taken_in() {
    let mut plan = Plan::default();
    plan.user.max_chat_body = 300_000;
    plan.provider.body_limits.chatbot = 300_000;
    let world = World::with(plan).await;
    let before = everything(&world).await;
    let charge = format!("/v1/provider/{}/charge", world.provider_address());
    let paid = world.paid("llama7b", "/chat/completions");
    let places = [
        (user_at(&world), charge.as_str(), 413),
        (user_at(&world), paid.as_str(), 413),
        (user_at(&world), "/v1/chat/completions", 413),
        (owner_at(&world), "/v1/service", 413),
        (proxy_at(&world), "/v1/voucher", 413),
        // Refused for want of payment before any of it is read.
        (proxy_at(&world), "/v1/proxy/llama7b/chat/completions", 401),
    ];
    let most = 32 << 20;
    for (at, path, status) in places {
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: 127.0.0.1:{}\r\ncontent-type: application/json\r\n",
            at.port()
        );
        let chunk = [b"10000\r\n", &[b' '; 0x10000][..], b"\r\n"].concat();
        let (answer, sent) =
            flood(at, &format!("{head}transfer-encoding: chunked\r\n\r\n"), &chunk, most).await;
        assert!(answer.is_empty() || statuses(&answer) == [status], "{path}: {answer}");
        assert!(sent < most, "{path}: all of it was taken");
        // A chunk without end, and an extension of one.
        for start in ["FFFFFFFFFFFFFFF\r\n", "1;x="] {
            let head = format!("{head}transfer-encoding: chunked\r\n\r\n{start}");
            let (answer, sent) = flood(at, &head, &[b'a'; 0x10000], most).await;
            assert!(statuses(&answer).iter().all(|got| *got == status || *got == 400), "{path}: {answer}");
            assert!(sent < most, "{path}: all of it was taken");
        }
        // One that says beforehand how much it would be.
        let announced =
            raw(at, format!("{head}connection: close\r\ncontent-length: 99999999999\r\n\r\n")).await;
        // The user broker finds a service before it looks at the length.
        assert!(statuses(&announced).iter().all(|got| [400, 401, 413].contains(got)), "{path}: {announced}");
    }
    assert_eq!(everything(&world).await, before);
    assert_eq!((world.user().bodies_in_memory(), world.provider().bodies_in_memory()), (0, 0));
    let left = std::fs::read_dir(&world.user_side.directory).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(
        left.into_iter().all(|name| !name.to_string_lossy().starts_with(".tmp")),
        "no spooled file is left"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn those_who_send_slowly_do_not_keep_others_out() {
    let world = lived_in().await;
    let limits = Limits { connections: 8, header_read: Duration::from_millis(300), ..Limits::default() };
    let server = limited(&world, limits).await;
    // All places are taken by peers that send a byte now and then: of a head, or nothing at all.
    let mut slow = Vec::new();
    for number in 0..8 {
        let stream = TcpStream::connect(server.address()).await.unwrap();
        slow.push(tokio::spawn(async move {
            let (mut reading, mut writing) = stream.into_split();
            let drip = async {
                for byte in b"GET /health HTTP/1.1\r\nx: ".iter().chain(std::iter::repeat(&b'y')) {
                    if number % 2 == 1 || writing.write_all(&[*byte]).await.is_err() {
                        break;
                    }
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                std::future::pending::<()>().await;
            };
            let mut answer = Vec::new();
            tokio::select! {
                () = drip => {}
                _ = reading.read_to_end(&mut answer) => {}
            }
            String::from_utf8_lossy(&answer).into_owned()
        }));
    }
    let client = Client::new(format!("http://{}", server.address()));
    tokio::time::timeout(HANG, client.get("/health")).await.expect("the slow ones are hung up on").is(200);
    for slow in slow {
        let answer = slow.await.unwrap();
        assert!(answer.is_empty() || statuses(&answer) == [408] || statuses(&answer) == [400], "{answer}");
    }
    server.stop(Duration::ZERO).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_connections_than_there_are_places_wait() {
    let world = lived_in().await;
    let limits = Limits { connections: 20, header_read: Duration::from_secs(60), ..Limits::default() };
    let server = limited(&world, limits).await;
    let request = format!("GET /v1/request HTTP/1.1\r\nhost: {}\r\n\r\n", server.address());
    let mut open = Vec::new();
    for _ in 0..100 {
        let mut stream = TcpStream::connect(server.address()).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        open.push(stream);
    }
    let answered = |stream: &TcpStream| {
        let mut first = [0; 12];
        matches!(stream.try_read(&mut first), Ok(12)) && first.starts_with(b"HTTP/1.1 200")
    };
    let mut served = 0;
    until("twenty are answered", async || {
        served += open.iter().filter(|stream| answered(stream)).count();
        (served >= 20).then_some(())
    })
    .await;
    // One that ends makes room for one more, and for no more than that.
    for round in 1..=5 {
        let place = open.remove(0);
        drop(place);
        until("the next one is answered", async || {
            served += open.iter().filter(|stream| answered(stream)).count();
            (served >= 20 + round).then_some(())
        })
        .await;
        assert_eq!(served, 20 + round);
    }
    drop(open);
    server.stop(Duration::ZERO).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_pipeline_is_served_one_by_one() {
    let world = lived_in().await;
    let before = everything(&world).await;
    let at = user_at(&world);
    let one = format!("GET /v1/request HTTP/1.1\r\nhost: 127.0.0.1:{}\r\n\r\n", at.port());
    let last = one.replace("\r\n\r\n", "\r\nconnection: close\r\n\r\n");
    let answer = flood(at, &format!("{}{last}", one.repeat(500)), b"", 0).await.0;
    assert_eq!(statuses(&answer), vec![200; 501]);
    assert_eq!(everything(&world).await, before);
}

/// The bound on memory is over all requests, not for each: what finds no room waits on disk.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_bodies_at_once_take_no_more_memory_than_one_may() {
    let memory = 2 << 20;
    let mut plan = Plan::default();
    (plan.user.body_memory, plan.provider.body_memory) = (memory, memory);
    let world = World::with(plan).await;
    let gate = std::sync::Arc::new(Semaphore::new(0));
    world.upstream.say(Reply::chat("Read.").gated(&gate));
    let at_once = 24;
    // 200 KB each: twice as much as there is memory for.
    let body = chat(&"word ".repeat(40_000));
    let mut running = Vec::new();
    for number in 0..at_once {
        let (api, body) = (world.api(), body.clone());
        let path = if number % 2 == 0 {
            world.paid("llama7b", "/chat/completions")
        } else {
            "/v1/chat/completions".to_owned()
        };
        let body = if number % 2 == 0 { body } else { body.replacen('{', "{\"model\": \"llama7b\", ", 1) };
        running.push(tokio::spawn(async move { api.post(&path, body).await }));
    }
    let mut most = (0, 0);
    until("all of them are with the service", async || {
        most.0 = most.0.max(world.user().bodies_in_memory());
        most.1 = most.1.max(world.provider().bodies_in_memory());
        (world.upstream.count() == at_once).then_some(())
    })
    .await;
    gate.add_permits(at_once);
    for answer in running {
        answer.await.unwrap().is(200);
    }
    assert!(most.0 > 0 && most.0 <= memory && most.1 > 0 && most.1 <= memory, "{most:?}");
    assert_eq!(world.check_books().await.charged(), at_once);
    assert_eq!((world.user().bodies_in_memory(), world.provider().bodies_in_memory()), (0, 0));
    let metrics = world.api().get("/metrics").await.is(200).text();
    assert!(metrics.contains("\nzgserve_bodies_in_memory_bytes 0\n"), "{metrics}");
}

/// An answer that must be held whole and finds no room costs nothing, and the next one is served.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_without_room_is_refused_and_costs_nothing() {
    let mut plan = Plan::default();
    plan.provider.body_memory = 256 << 10;
    let world = World::with(plan).await;
    world.upstream.say(Reply::chat(&"word ".repeat(100_000)));
    world.ask(SAY_THIS).await.refused(503, "busy", "try again");
    assert_eq!(world.check_books().await.charged(), 0);
    world.upstream.say(Reply::chat("Short."));
    world.ask(SAY_THIS).await.is(200);
    assert_eq!(world.check_books().await.charged(), 1);
    assert_eq!(world.provider().bodies_in_memory(), 0);

    // At the user broker it is passed on as it comes, and paid for all the same.
    let mut plan = Plan::default();
    plan.user.body_memory = 256 << 10;
    let world = World::with(plan).await;
    let long = "word ".repeat(100_000);
    world.upstream.say(Reply::chat(&long));
    let got = world
        .ask(json!({"messages": [{"role": "user", "content": "Go on."}], "max_tokens": 200_000}).to_string())
        .await
        .is(200);
    assert!(got.whole && got.json()["choices"][0]["message"]["content"] == long);
    assert_eq!(world.check_books().await.charged(), 1);
}
