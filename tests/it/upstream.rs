//! Services that fail, think long, talk nonsense or break off; and what of a request reaches them.

use std::time::Duration;

use serde_json::json;

use super::world::{Ends, Plan, Reply, SAY_THIS, World, chat, chat_fee, chat_stream, finish};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn errors_are_passed_on_and_cost_nothing() {
    let world = World::new().await;
    for status in [400, 401, 402, 403, 404, 409, 413, 422, 429, 500, 501, 503] {
        let body =
            json!({"error": {"message": format!("no: {status}"), "type": "of the service", "code": null}});
        let mut reply = Reply::whole(status, "application/json", body.to_string());
        reply.headers.push(("retry-after", "7".to_owned()));
        world.upstream.say(reply);
        for asked in [chat("please"), chat_stream("please")] {
            let got = world.ask(asked).await.is(status);
            assert_eq!(got.json(), body, "{status}");
            assert_eq!(got.header("retry-after"), Some("7"), "{status}");
        }
    }
    world
        .upstream
        .say(Reply { headers: vec![("location", "/elsewhere".to_owned())], ..Reply::whole(302, "", "") });
    let got = world.ask(SAY_THIS).await.is(302);
    assert_eq!(got.header("location"), None, "a provider does not send applications elsewhere");
    assert_eq!(world.upstream.count(), 25, "asked once each, and no redirect followed");
    let books = world.check_books().await;
    assert_eq!((books.owed.get(), books.charged()), (0, 0));
    // After all that, an answer.
    world.upstream.say(Reply::chat("Yes."));
    world.ask(SAY_THIS).await.is(200);
    let books = world.check_books().await;
    assert_eq!(books.owed.get(), chat_fee("Say this is a test!", "Yes."));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nonsense_is_passed_on_and_both_sides_count_the_same() {
    let world = World::new().await;
    let nonsense: Vec<Reply> = vec![
        Reply::whole(200, "text/html", "<h1>It works</h1>"),
        Reply::whole(200, "application/json", "{not json"),
        Reply::whole(200, "application/json", ""),
        Reply::whole(204, "application/json", ""),
        Reply::whole(200, "application/json", vec![0xff, 0xfe, 0x00, 0x80]),
        Reply::whole(200, "text/event-stream", "data: {half"),
        Reply::whole(200, "text/event-stream", ": only a comment\n\n"),
        Reply::whole(200, "text/event-stream", "data: [DONE]\n\ndata: [DONE]\n\n"),
        Reply::whole(200, "text/event-stream", "event: x\r\ndata: {\"choices\": 7}\r\n\r\n"),
        Reply::whole(200, "application/octet-stream", vec![7_u8; 100_000]),
        Reply::whole(
            200,
            "application/json",
            json!({"choices": [{"message": {"content": null}}]}).to_string(),
        ),
        // A service that writes what only brokers write.
        Reply::whole(200, "text/event-stream", "data: {}\n\n: zg-receipt AAAA\n\ndata: [DONE]\n\n"),
        Reply {
            headers: vec![
                ("zg-receipt", "AAAA".to_owned()),
                ("zg-fee", "1".to_owned()),
                ("set-cookie", "a=b".to_owned()),
            ],
            ..Reply::chat("mine")
        },
    ];
    for (number, reply) in nonsense.into_iter().enumerate() {
        let sent: Vec<u8> = reply.pieces.concat();
        let status = reply.status;
        world.upstream.say(reply);
        let got = world.ask(SAY_THIS).await;
        if got.status == status && got.whole {
            let text = got.text();
            assert!(!text.contains("zg-receipt"), "{number}: {text}");
            match number {
                // A last event without its empty line is given one, so that the receipt can follow.
                5 => assert_eq!(got.body, [&sent[..], b"\n\n"].concat(), "{text}"),
                11 => assert_eq!(text, "data: {}\n\ndata: [DONE]\n\n"),
                _ => assert_eq!(got.body, sent, "{number}: {text}"),
            }
        } else {
            assert!(got.status == 502 || !got.whole, "{number}: {got:?}");
        }
        assert_eq!((got.header("set-cookie"), got.header("zg-receipt")), (None, None), "{number}");
        world.check_books().await;
    }
    let disputed = world.api().get("/v1/request?status=disputed").await.is(200).json();
    assert_eq!(disputed["Metadata"]["total"], 0, "{disputed}");
}

/// Heads that can be read in two ways: whichever it is, both sides read them alike.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn heads_that_can_be_read_in_two_ways_are_read_alike() {
    let world = World::new().await;
    world.register_storage().await;
    let events = "text/event-stream";
    for headers in [
        vec![("content-type", events), ("content-encoding", "")],
        vec![("content-type", events), ("content-encoding", "identity, ")],
        vec![("content-type", events), ("content-type", "application/json")],
        vec![("content-type", "application/json"), ("content-type", events)],
        vec![("content-type", "text/plain"), ("content-type", events)],
        vec![("content-type", events), ("connection", "content-type")],
        vec![("content-type", "Text/Event-Stream ; a=b")],
    ] {
        let headers: Vec<_> = headers.into_iter().map(|(name, value)| (name, value.to_owned())).collect();
        for asked in [chat("two ways"), chat_stream("two ways")] {
            world.upstream.say(Reply { headers: headers.clone(), ..Reply::events(&["One ", "two."]) });
            let got = world.ask(asked).await;
            assert!(!got.text().contains(": zg-"), "{headers:?}: {}", got.text());
            let books = world.check_books().await;
            assert!(books.user_requests.iter().all(|row| row.disputed.is_zero()), "{headers:?}: {books:?}");
        }
    }
    // What is stored is bytes, whatever it is called and looks like.
    let stored = "data: x\n\n: zg-receipt AAAA\n\n: zg-fee 1\n\ndata: y\n\n";
    world.upstream.say(Reply::whole(200, events, stored));
    let got = world.api().get(&world.paid("files", "/blob/stream")).await.is(200);
    assert_eq!(got.text(), stored);
    let books = world.check_books().await;
    assert!(books.user_requests.iter().all(|row| row.disputed.is_zero()), "{books:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_that_break_off_cost_the_same_on_both_sides() {
    let world = World::new().await;
    let words = ["One ", "two ", "three ", "four."];
    for pieces in 0..=4 {
        world.upstream.say(Reply::events(&words).first(pieces).ends(Ends::Breaks));
        let got = world.ask(chat_stream("break")).await;
        assert!(!got.whole || got.status == 502, "{pieces}: {got:?}");
        let books = world.check_books().await;
        let delivered = chat_fee("break", &words[..pieces].concat());
        let last = books.provider_requests.iter().max_by_key(|row| row.created_at).unwrap();
        assert!(last.fee.total().get() <= delivered, "{pieces}: {last:?}");
        assert!(books.user_requests.iter().all(|row| row.disputed.is_zero()), "{books:?}");
    }
    // A plain answer that breaks is no answer.
    let mut half = Reply::chat("never whole").ends(Ends::Breaks);
    half.pieces = vec![half.pieces[0].slice(..40)];
    world.upstream.say(half);
    let before = world.check_books().await.owed;
    let got = world.ask(SAY_THIS).await;
    assert!(got.status == 502 || !got.whole, "{got:?}");
    assert_eq!(world.check_books().await.owed, before, "a plain answer that broke costs nothing");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_is_away_or_too_slow() {
    let mut plan = Plan::default();
    // What must come comes in that time on a slow machine, too.
    plan.provider.upstream.first_byte_timeout = 5;
    plan.provider.upstream.idle_timeout = 5;
    let world = World::with(plan).await;
    // Slow, but in time.
    world.upstream.say(Reply::chat("At last.").after(Duration::from_millis(150)));
    world.ask(SAY_THIS).await.is(200);
    let paid = chat_fee("Say this is a test!", "At last.");
    assert_eq!(world.check_books().await.owed.get(), paid);
    // Never, and silent in the middle: at once, to save the test's time.
    world.upstream.decide(|arrived| {
        if String::from_utf8_lossy(&arrived.body).contains("stream") {
            Reply::events(&["One ", "two "]).first(1).ends(Ends::Hangs)
        } else {
            Reply::chat("Too late.").after(Duration::from_secs(30))
        }
    });
    let (late, silent) = tokio::join!(world.ask(chat("never")), world.ask(chat_stream("silent")));
    late.refused(502, "upstream_timeout", "5 seconds");
    assert!(!silent.whole, "{silent:?}");
    assert!(silent.text().contains("One"), "what came was passed on: {silent:?}");
    let books = world.check_books().await;
    assert!(books.owed.get() <= paid + chat_fee("silent", "One "), "{books:?}");
    // Away altogether.
    let body = json!({
        "URL": "http://127.0.0.1:1", "inputPrice": 1, "outputPrice": 1, "Type": "chatbot", "Name": "away",
    });
    world.owner().post("/v1/service", body.to_string()).await.is(204);
    world.user_sees("away").await;
    let got = world.api().post(&world.paid("away", "/chat/completions"), SAY_THIS).await;
    got.refused(502, "upstream_unreachable", "does not answer");
    let after = world.check_books().await;
    assert_eq!(after.owed, books.owed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_provider_that_is_down() {
    let mut world = World::new().await;
    world.ask(SAY_THIS).await.is(200);
    let before = world.check_books().await;
    world.stop_provider().await;
    world.ask(SAY_THIS).await.refused(502, "provider_unreachable", "127.0.0.1");
    let account = world.account().await;
    assert_eq!(account["Reserved"], "0", "what never left holds nothing: {account}");
    world.start_provider().await;
    world.ask(SAY_THIS).await.is(200);
    let books = world.check_books().await;
    assert_eq!(books.owed.get(), 2 * before.owed.get());
    assert_eq!(books.charged(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_reaches_the_service_is_what_it_needs() {
    let world = World::bare(Plan::default()).await;
    let body = json!({
        "URL": format!("{}/base/", world.upstream.url), "inputPrice": 1, "outputPrice": 1, "Type": "chatbot",
        "Name": "keyed", "upstreamHeaders": {"authorization": "Bearer of-the-operator"},
    });
    world.owner().post("/v1/service", body.to_string()).await.is(204);
    world.user_sees("keyed").await;
    world.open_account(1_000_000).await;
    let path = world.paid("keyed", "/chat/completions?trace=a%20b&x=1");
    let request = world.api().request(http::Method::POST, &path);
    let request = request
        .header("content-type", "application/json")
        .header("authorization", "Bearer of-the-user")
        .header("cookie", "a=b")
        .header("x-forwarded-for", "10.1.2.3")
        .header("x-stainless-os", "Linux")
        .header("x-goog-api-key", "of-the-user")
        .header("user-agent", "somebody's editor 1.2")
        .header("origin", world.api().base)
        .header("referer", "http://127.0.0.1/private")
        .header("x-real-ip", "10.1.2.3")
        .header("forwarded", "for=10.1.2.3")
        .header("idempotency-key", "of-the-user")
        .header("proxy-authorization", "Basic of-the-user")
        .header("connection", "keep-alive, x-of-this-hop")
        .header("x-of-this-hop", "1")
        .header("x-of-the-service", "kept");
    finish(request.body(SAY_THIS)).await.is(200);
    let arrived = &world.upstream.arrived()[0];
    assert_eq!(arrived.target, "/base/chat/completions?trace=a%20b&x=1");
    assert_eq!(arrived.headers["authorization"], "Bearer of-the-operator");
    assert_eq!(arrived.headers["x-of-the-service"], "kept");
    assert_eq!(arrived.headers["content-type"], "application/json");
    // Nothing else came through: not one name, and not one value.
    let mut names: Vec<&str> = arrived.headers.keys().map(http::HeaderName::as_str).collect();
    names.sort_unstable();
    let needed = [
        "accept",
        "accept-encoding",
        "authorization",
        "content-length",
        "content-type",
        "host",
        "x-of-the-service",
    ];
    assert!(names.iter().all(|name| needed.contains(name)), "{names:?}");
    let shown = format!("{:?}", arrived.headers).to_lowercase();
    for private in ["of-the-user", "a=b", "10.1.2.3", "editor", "private", "linux", "zg-", "zgserve"] {
        assert!(!shown.contains(private), "{private}: {shown}");
    }
    let sent: serde_json::Value = serde_json::from_slice(&arrived.body).unwrap();
    assert_eq!(sent["messages"][0]["content"], "Say this is a test!");
    assert_eq!(sent["temperature"], 0.7);
    // The operator's key is nowhere to be read.
    for path in ["/v1/service", "/v1/service/keyed"] {
        let shown = world.owner().get(path).await.is(200).text();
        assert!(shown.contains("authorization") && !shown.contains("of-the-operator"), "{shown}");
    }
    assert!(!world.proxy().get("/v1/terms").await.is(200).text().contains(&world.upstream.url));
    world.check_books().await;
}
