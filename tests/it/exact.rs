//! What an application sends is what the service gets, byte for byte and by any method; and a price of nothing is a price.

use http::Method;
use serde_json::json;

use super::world::{DEPOSIT, Plan, Reply, SAY_THIS, World, chat_stream, finish};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bodies_methods_and_queries_arrive_as_they_were_sent() {
    let world = World::bare(Plan::default()).await;
    world.register_storage().await;
    world.open_account(DEPOSIT).await;
    world.upstream.say(Reply::whole(200, "application/octet-stream", "ok"));
    let multipart = b"--x\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a.bin\"\r\n\r\n\0\xff\xfe\r\n--x--\r\n";
    let bodies: [(&str, Vec<u8>); 5] = [
        ("multipart/form-data; boundary=x", multipart.to_vec()),
        (
            "application/json",
            br#"{"big":12345678901234567890123,"f":1.0e+2,"u":"\u0061","a":1,"a":2, "s" : [ ] }"#.to_vec(),
        ),
        ("application/json", b"[1, 2,\n 3.0]".to_vec()),
        ("application/octet-stream", (0..=255).collect()),
        ("application/x-www-form-urlencoded", b"a=%20&a=+&%zz".to_vec()),
    ];
    let mut sent = Vec::new();
    for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
        for (kind, body) in &bodies {
            let target = format!("/blob/a%20b;v=1?x=1&x=%2F&method={method}&&y");
            let request = world.api().request(method.clone(), &world.paid("files", &target));
            let got = finish(request.header("content-type", *kind).body(body.clone())).await.is(200);
            assert_eq!(got.text(), "ok");
            sent.push((method.clone(), target, (*kind).to_owned(), body.clone()));
        }
    }
    let arrived = world.upstream.arrived();
    assert_eq!(arrived.len(), sent.len());
    for ((method, target, kind, body), arrived) in sent.iter().zip(&arrived) {
        assert_eq!((&arrived.method, &arrived.target), (method, target));
        assert_eq!(arrived.headers["content-type"], kind.as_str());
        assert_eq!(arrived.body, *body, "{method} {kind}");
    }
    let books = world.check_books().await;
    let bytes: u64 = sent.iter().map(|(.., body)| body.len() as u64).sum();
    assert_eq!(books.provider_requests.iter().map(|row| row.input.0).sum::<u64>(), bytes);
}

/// Numbers beyond what a program's own types hold, names twice, other spaces: all of it is passed on as written, and
/// only the limit that the highest fee asks for is added.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chat_is_passed_on_as_it_was_written() {
    let world = World::new().await;
    let written = r#"{ "seed": 12345678901234567890123, "temperature": 1.0e+2,
        "messages":[{"role":"user","content":"Say this is a test!","unknown":{"deep":[1e400]}}], "stop":null,"x":"\u0061\ud83d\ude00" }"#;
    world.ask(written).await.is(200);
    let arrived = String::from_utf8(world.upstream.arrived()[0].body.to_vec()).unwrap();
    let (kept, _) = written.split_at(written.len() - 2);
    assert!(arrived.starts_with(kept.trim_end()), "{arrived}");
    let added = &arrived[kept.trim_end().len()..];
    assert!(added.contains("max_tokens") && added.len() < 60, "{added}");
    world.check_books().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_price_of_nothing_is_a_price_and_only_who_signs_is_served() {
    let world = World::bare(Plan::default()).await;
    let body = json!({
        "URL": world.upstream.url, "inputPrice": 0, "outputPrice": "0", "Type": "chatbot", "Name": "gift",
    });
    world.owner().post("/v1/service", body.to_string()).await.is(204);
    world.user_sees("gift").await;
    world.open_account(1_000).await;
    let path = world.paid("gift", "/chat/completions");
    for asked in [SAY_THIS.to_owned(), chat_stream("free")] {
        world.api().post(&path, asked).await.is(200);
    }
    let books = world.check_books().await;
    assert_eq!((books.charged(), books.done()), (2, 2), "each is written down");
    assert_eq!((books.owed.get(), books.authorized.get()), (0, 0));
    assert_eq!(books.balance.get(), 1_000);
    // A stranger does not get it for nothing.
    world.proxy().post("/v1/proxy/gift/chat/completions", SAY_THIS).await.refused(
        401,
        "payment_missing",
        "zg-voucher",
    );
    assert_eq!(world.upstream.count(), 2);
    // Below nothing there is no price.
    for price in [json!(-1), json!("-1"), json!(-0.5)] {
        let body = json!({
            "URL": world.upstream.url, "inputPrice": price, "outputPrice": 1, "Type": "chatbot", "Name": "worse",
        });
        world.owner().post("/v1/service", body.to_string()).await.refused(400, "bad_input", "inputPrice");
    }
}

/// An address that is short, long, mistyped or only looks like one moves no money (upstream padded or cropped it).
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn addresses_that_are_none_move_nothing() {
    let world = World::new().await;
    let before = world.wallet_of(world.user_address()).await;
    let right = world.provider_address().to_string();
    let mut swapped = right.clone().into_bytes();
    let at = swapped.iter().rposition(u8::is_ascii_alphabetic).unwrap();
    swapped[at] ^= 0x20;
    let swapped = String::from_utf8(swapped).unwrap();
    let short = &right[..right.len() - 1];
    let wrong = [
        String::new(),
        "0x".to_owned(),
        "0x0000000000000000000000000000000000000000".to_owned(),
        short.to_owned(),
        format!("{right}0"),
        format!("{right} "),
        format!("0x{right}"),
        right.replacen("0x", "0X0x", 1),
        swapped,
        right.replace('C', "С").replace('c', "с").replacen("0x", "0х", 1),
        format!("\u{202e}{right}"),
        "llama7b".to_owned(),
    ];
    for address in wrong {
        let body = json!({"provider": address, "balance": "5"}).to_string();
        let got = world.api().post("/v1/provider", body).await;
        assert!((400..500).contains(&got.status), "{address:?}: {}", got.text());
        assert!(super::attacks::found(&got.text()).is_none(), "{}", got.text());
    }
    assert_eq!(world.wallet_of(world.user_address()).await, before, "nothing was sent, not even gas");
    assert_eq!(world.user().operations(10).await.unwrap().len(), 1, "only the account's opening");
}
