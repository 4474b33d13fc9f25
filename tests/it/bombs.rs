//! Event streams of every bad shape (S14) and bodies that swell when they are decoded (S15), through both brokers: held
//! within their limits, passed on or broken off, and never paid beyond what arrived.

use std::time::Duration;

use bytes::Bytes;
use serde_json::json;

use super::world::{Plan, Reply, World, chat, chat_stream, encode, finish};

fn event(text: &str) -> String {
    let data = json!({"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": null}]});
    format!("data: {data}\n\n")
}

/// A stream in pieces of one size.
fn stream(bytes: &[u8], size: usize) -> Reply {
    let pieces = bytes.chunks(size).map(Bytes::copy_from_slice).collect();
    Reply { pieces, ..Reply::whole(200, "text/event-stream", "") }
}

/// Streams that are odd and still have an end.
fn odd_streams() -> Vec<(&'static str, Vec<u8>)> {
    let (one, two) = (event("One "), event("two."));
    let done = "data: [DONE]\n\n";
    let plain = [one.as_str(), two.as_str(), done].concat();
    vec![
        ("a byte order mark", ["\u{feff}", &plain].concat().into()),
        ("CRLF", plain.replace('\n', "\r\n").into()),
        ("CR", plain.replace('\n', "\r").into()),
        ("ends that change", [&one.replace('\n', "\r\n"), &two.replace('\n', "\r"), done].concat().into()),
        ("CR LF CR", plain.replace("\n\n", "\r\n\r").into()),
        ("NUL in a line", [&one, "data: \0\n\n", "\0\n\n", &two, done].concat().into()),
        ("NUL in an id", [&one, "id: a\0b\n", &two, done].concat().into()),
        (
            "fields that nobody knows",
            ["x: y\nevent: e\nid: 7\nretry: -1\nretry: 99999999999999999999\n", &plain].concat().into(),
        ),
        ("fields without a colon", ["data\n\nevent\n\nnonsense\n\n", &plain].concat().into()),
        ("no end mark", [one.as_str(), &two].concat().into()),
        (
            "more behind the end mark",
            [&plain, &event("never shown"), done, &event("nor this")].concat().into(),
        ),
        ("the end mark first", [done, &plain].concat().into()),
        (
            "an end mark in other words",
            [&one, "data:[DONE] \n\ndata: [done]\n\n", &two, done].concat().into(),
        ),
        ("an event in many data lines", [&one.replace(": {", ":\ndata: {"), &two, done].concat().into()),
        ("bytes that are no text", [one.as_bytes(), b"data: \xff\xfe\xc3\x28\n\n", two.as_bytes()].concat()),
        (
            "half a letter",
            [one.as_bytes(), b"data: {\"choices\":[{\"delta\":{\"content\":\"\xe5\xa4\"}}]}\n\n"].concat(),
        ),
        (
            "half an escape",
            format!("{one}data: {{\"choices\":[{{\"delta\":{{\"content\":\"\\ud800\"}}}}]}}\n\n{done}")
                .into(),
        ),
        (
            "comments like ours",
            [": zg-receipt AAAA\n\n", &one, ": zg-receipt", "\n\n:zg-fee 1\n\n", &two, done].concat().into(),
        ),
        ("nothing but empty lines", "\n\r\n\r\n\n".repeat(50).into()),
        ("many events at once", event("a").repeat(300).into()),
        (
            "an error in the middle",
            [&one, "data: {\"error\":{\"message\":\"\u{1b}[2J\"}}\n\n", &two].concat().into(),
        ),
        (
            "numbers that are none",
            format!(
                "{one}data: {{\"usage\":{{\"prompt_tokens\":-1,\"completion_tokens\":1e999}}}}\n\n{done}"
            )
            .into(),
        ),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn odd_event_streams_are_counted_alike_whatever_pieces_they_come_in() {
    let world = World::new().await;
    for (name, bytes) in odd_streams() {
        let mut fees = Vec::new();
        for size in [usize::MAX, 7, 1] {
            // A piece a byte is for what is small.
            if size == 1 && bytes.len() > 2_000 {
                continue;
            }
            let before = world.check_books().await;
            world.upstream.say(stream(&bytes, size.min(bytes.len())));
            let got = world.ask(chat_stream("odd")).await;
            let books = world.check_books().await;
            assert!(books.user_requests.iter().all(|row| row.disputed.is_zero()), "{name}: {books:?}");
            let shown = String::from_utf8_lossy(&got.body);
            assert!(!shown.contains(": zg-"), "{name}: {shown}");
            fees.push((books.owed.get() - before.owed.get(), got.whole));
        }
        assert!(fees.windows(2).all(|pair| pair[0] == pair[1]), "{name}: {fees:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lines_and_events_without_end_are_given_up_and_cost_what_came_before() {
    let world = World::new().await;
    let first = event("One ");
    let line = format!("{first}data: {}", "x".repeat(2 << 20));
    let lines = format!("{first}{}", "data: x\n".repeat(300_000));
    let comments = format!("{first}{}", ": keep waiting\n".repeat(150_000));
    let name = format!("{first}event: {}", "e".repeat(2 << 20));
    for (what, text) in [("a line", line), ("an event", lines), ("a comment", comments), ("a name", name)] {
        let before = world.check_books().await;
        world.upstream.say(stream(text.as_bytes(), 64 << 10));
        let got = world.ask(chat_stream("endless")).await;
        assert!(!got.whole || got.status == 502, "{what}: {} bytes with {}", got.body.len(), got.status);
        assert!(got.body.len() <= first.len() + (1 << 20), "{what}: {} bytes passed", got.body.len());
        let books = world.check_books().await;
        let most = super::world::chat_fee("endless", "One ");
        assert!(books.owed.get() - before.owed.get() <= most, "{what}: {books:?}");
    }
}

/// A service that writes on and on costs its highest fee, whatever it writes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_a_service_writes_costs_its_highest_fee_at_most() {
    let world = World::new().await;
    for text in ["word ", "\u{200b}", "é", "a\u{301}", "\u{1f600}", "\0"] {
        let before = world.check_books().await;
        world.upstream.say(stream(event(text).repeat(400).as_bytes(), 4096));
        let most = super::world::chat_fee("talk", "") + 20 * super::world::OUTPUT_PRICE;
        let path = world.paid("llama7b", "/chat/completions");
        let request = world.api().request(http::Method::POST, &path);
        let request =
            request.header("content-type", "application/json").header("zg-max-fee", most.to_string());
        finish(request.body(chat_stream("talk"))).await.is(200);
        let books = world.check_books().await;
        assert!(books.owed.get() - before.owed.get() <= most, "{text:?}");
        assert!(books.user_requests.iter().all(|row| row.disputed.is_zero()), "{text:?}");
    }
}

/// 8 MiB of one letter inside a chat answer, or as a stream of events.
fn swelling(events: bool) -> Vec<u8> {
    let long = "a".repeat(if events { 1 << 10 } else { 8 << 20 });
    if events { event(&long).repeat(8 << 10).into() } else { Reply::chat(&long).pieces.concat() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_that_swell_are_given_up_and_cost_nothing() {
    let mut plan = Plan::default();
    plan.provider.upstream.idle_timeout = 10;
    let world = World::with(plan).await;
    let (whole, events) = (swelling(false), swelling(true));
    for coding in ["gzip", "deflate", "br", "zstd"] {
        for (kind, plain) in [("application/json", &whole), ("text/event-stream", &events)] {
            let bomb = encode(coding, plain);
            assert!(bomb.len() < 1 << 20, "{coding}: {} bytes", bomb.len());
            let before = world.check_books().await;
            let mut reply = stream(&bomb, 16 << 10);
            reply.headers = vec![("content-type", kind.to_owned()), ("content-encoding", coding.to_owned())];
            world.upstream.say(reply);
            let got = world.ask(chat_stream("swell")).await;
            assert!(!got.whole || got.status == 502, "{coding} {kind}: {}", got.status);
            let books = world.check_books().await;
            assert!(
                books.user_requests.iter().all(|row| row.disputed.is_zero()),
                "{coding} {kind}: {books:?}"
            );
            // What a stream decoded to before it was given up is metered, up to the highest fee.
            let most = books.user_requests.iter().map(|row| row.max_fee).max().unwrap();
            let fee = books.owed.get() - before.owed.get();
            assert!(
                if kind == "application/json" { fee == 0 } else { fee <= most.get() },
                "{coding} {kind}: {fee}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nested_codings_and_many_members_end_early() {
    let world = World::new().await;
    let whole = swelling(false);
    let twice = encode("gzip", &encode("gzip", &whole));
    let mixed = encode("br", &encode("zstd", &whole));
    let members = encode("gzip", b"").repeat(20_000);
    let small = Reply::chat("Yes.").pieces.concat();
    let bombs = [
        ("gzip, gzip", twice),
        ("zstd, br", mixed),
        ("gzip", members),
        ("gzip, gzip, gzip", encode("gzip", &encode("gzip", &encode("gzip", &small)))),
        ("gzip", encode("br", &small)),
        ("gzip", encode("gzip", &whole)[..4_000].to_vec()),
    ];
    for (coding, bomb) in bombs {
        let mut reply = stream(&bomb, 16 << 10);
        reply.headers =
            vec![("content-type", "application/json".to_owned()), ("content-encoding", coding.to_owned())];
        let before = world.check_books().await.owed.get();
        world.upstream.say(reply);
        let got = world.ask(chat("nested")).await;
        let books = world.check_books().await;
        let fee = books.owed.get() - before;
        assert!(books.user_requests.iter().all(|row| row.disputed.is_zero()), "{coding}: {books:?}");
        assert!(fee == 0 || got.status == 200, "{coding}: {fee} for {}", got.status);
        if coding.contains(',') {
            assert!(fee == 0 && (got.status >= 500 || !got.whole), "{coding}: {fee} for {}", got.status);
        }
    }
}

/// The other direction: what an application, or a user that signs by hand, sends in.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_that_swell_are_refused_before_anything_is_asked() {
    let world = World::new().await;
    let long = chat(&"a".repeat(8 << 20));
    for coding in ["gzip", "deflate", "br", "zstd"] {
        let bomb = encode(coding, long.as_bytes());
        let path = world.paid("llama7b", "/chat/completions");
        let request = world.api().request(http::Method::POST, &path);
        let request = request.header("content-type", "application/json").header("content-encoding", coding);
        let got = finish(request.body(bomb.clone())).await;
        assert!([400, 413].contains(&got.status), "{coding}: {got:?}");

        let mut forged = world.forge("x").await;
        (forged.body, forged.signed_body) = (bomb.clone(), bomb);
        let (voucher, auth) = forged.headers(&world.user_side.wallet);
        let request = world.proxy().request(http::Method::POST, "/v1/proxy/llama7b/chat/completions");
        let request = request.header("content-type", "application/json").header("content-encoding", coding);
        let request = request.header("zg-voucher", voucher).header("zg-request", auth);
        let got =
            tokio::time::timeout(Duration::from_secs(20), finish(request.body(forged.body))).await.unwrap();
        assert_eq!(got.status, 400, "{coding}: {got:?}");
    }
    assert_eq!(world.upstream.count(), 0);
    let user = world.provider().user(world.user_address()).unwrap();
    assert_eq!((user.owed.get(), user.reserved.get(), user.in_flight), (0, 0, 0));
    assert_eq!(world.provider_requests().await.len(), 0);
}
