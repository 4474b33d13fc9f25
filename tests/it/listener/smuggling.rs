//! S7: no two readers of one request. What can be read in two ways is refused and ends the connection; what passes is
//! written anew, with one framing, for the next hop. The same for answers: each has one end, whoever reads it.

use serde_json::Value;

use super::super::world::{NetFault, Plan, Reply, SAY_THIS, World, chat_fee};
use super::{everything, lived_in, owner_at, proxy_at, raw, statuses, user_at};

/// Heads and bodies of requests that are malformed, or that readers disagree about, behind a request line and a host.
/// Each is followed by a request that a second reader would find.
fn malformed() -> Vec<(&'static str, &'static [u8])> {
    vec![
        // Two lengths.
        ("two lengths", b"content-length: 4\r\ncontent-length: 5\r\n\r\nabcd"),
        ("two lengths in one header", b"content-length: 4, 5\r\n\r\nabcd"),
        ("the same length in one header twice", b"content-length: 4, 4\r\n\r\nabcd"),
        // Lengths that are none.
        ("a negative length", b"content-length: -1\r\n\r\n"),
        ("a length with a sign", b"content-length: +4\r\n\r\nabcd"),
        ("a length in hexadecimal", b"content-length: 0x4\r\n\r\nabcd"),
        ("a length of nothing", b"content-length:\r\n\r\nabcd"),
        ("a length with a blank in it", b"content-length: 1 0\r\n\r\nabcd"),
        ("a length with a fraction", b"content-length: 4.0\r\n\r\nabcd"),
        ("a length that overflows", b"content-length: 18446744073709551617\r\n\r\na"),
        (
            "a length that overflows 128 bits",
            b"content-length: 340282366920938463463374607431768211457\r\n\r\na",
        ),
        // Transfer codings that are not ours to read.
        ("another coding", b"transfer-encoding: xchunked\r\n\r\n0\r\n\r\n"),
        ("a coding behind the last one", b"transfer-encoding: chunked, gzip\r\n\r\n0\r\n\r\n"),
        (
            "a coding in a second header",
            b"transfer-encoding: chunked\r\ntransfer-encoding: gzip\r\n\r\n0\r\n\r\n",
        ),
        (
            "identity behind chunked",
            b"transfer-encoding: chunked\r\ntransfer-encoding: identity\r\n\r\n0\r\n\r\n",
        ),
        ("a coding of nothing", b"transfer-encoding:\r\n\r\n0\r\n\r\n"),
        ("a quoted coding", b"transfer-encoding: \"chunked\"\r\n\r\n0\r\n\r\n"),
        ("a coding with a form feed", b"transfer-encoding: \x0cchunked\r\n\r\n0\r\n\r\n"),
        ("a coding and a NUL", b"transfer-encoding: chunked\0\r\n\r\n0\r\n\r\n"),
        // Names that some readers repair.
        ("a blank before the colon", b"content-length : 4\r\n\r\nabcd"),
        ("a tab before the colon", b"transfer-encoding\t: chunked\r\n\r\n0\r\n\r\n"),
        ("a line without a colon", b"content-length 4\r\n\r\nabcd"),
        ("no name", b": 4\r\n\r\nabcd"),
        ("a name with a NUL", b"content\0length: 4\r\n\r\nabcd"),
        ("a name with a bracket", b"content-length(: 4\r\n\r\nabcd"),
        ("a name with a letter of another script", b"content-l\xc3\xa9ngth: 4\r\n\r\nabcd"),
        // Lines that some readers join or part.
        ("a folded line", b"x-a: b\r\n content-length: 4\r\n\r\nabcd"),
        ("a folded coding", b"transfer-encoding:\r\n chunked\r\n\r\n0\r\n\r\n"),
        ("a first line that is folded", b" x-a: b\r\ncontent-length: 0\r\n\r\n"),
        ("a bare CR in a value", b"x-a: b\rcontent-length: 4\r\n\r\nabcd"),
        ("a NUL in a value", b"x-a: b\0c\r\n\r\n"),
        ("a bare CR at the end of the head", b"x-a: b\r\n\r\rGET"),
    ]
}

/// Chunks that are malformed, behind a proper head.
fn malformed_chunks() -> Vec<(&'static str, &'static [u8])> {
    vec![
        ("a size that is none", b"zz\r\nab\r\n0\r\n\r\n"),
        ("a size with 0x", b"0x2\r\nab\r\n0\r\n\r\n"),
        ("a negative size", b"-2\r\nab\r\n0\r\n\r\n"),
        ("a size with a sign", b"+2\r\nab\r\n0\r\n\r\n"),
        ("an empty size", b"\r\nab\r\n0\r\n\r\n"),
        ("a size that overflows", b"10000000000000002\r\nab\r\n0\r\n\r\n"),
        ("a size with a blank in it", b"1 0\r\nab\r\n0\r\n\r\n"),
        ("too few bytes", b"3\r\nab\r\n0\r\n\r\n"),
        ("too many bytes", b"2\r\nabc\r\n0\r\n\r\n"),
        ("a bare LF behind a size", b"2\nab\r\n0\r\n\r\n"),
        ("a bare LF behind the bytes", b"2\r\nab\n0\r\n\r\n"),
        ("a bare CR behind a size", b"2\rab\r\n0\r\n\r\n"),
        ("a bare LF in an extension", b"2;a\nb\r\nab\r\n0\r\n\r\n"),
    ]
}

/// What a second reader would find behind the first request. Where a listener still listens, it answers this.
fn sentinel(host: &str) -> String {
    format!("GET /smuggled HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_can_be_read_in_two_ways_is_refused_and_ends_the_connection() {
    let world = lived_in().await;
    let before = everything(&world).await;
    let provider = world.provider_address();
    let places = [
        (user_at(&world), format!("/v1/provider/{provider}/charge")),
        (user_at(&world), world.paid("llama7b", "/chat/completions")),
        (owner_at(&world), "/v1/settle".to_owned()),
        (owner_at(&world), "/v1/proxy/llama7b/chat/completions".to_owned()),
        (proxy_at(&world), "/v1/proxy/llama7b/chat/completions".to_owned()),
        (proxy_at(&world), "/v1/voucher".to_owned()),
    ];
    for (at, path) in &places {
        let host = format!("127.0.0.1:{}", at.port());
        let head = format!("POST {path} HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\n")
            .into_bytes();
        for (what, rest) in malformed() {
            let request = [&head, rest, sentinel(&host).as_bytes()].concat();
            let answer = raw(*at, request).await;
            assert_eq!(statuses(&answer), [400], "{what} at {path}: {answer}");
        }
        for (what, chunks) in malformed_chunks() {
            let request =
                [&head, &b"transfer-encoding: chunked\r\n\r\n"[..], chunks, sentinel(&host).as_bytes()]
                    .concat();
            let answer = raw(*at, request).await;
            let got = statuses(&answer);
            // Whoever refuses the request by its head has not looked at the body, and does not look for a second one in it.
            assert!(got.len() == 1 && (400..500).contains(&got[0]), "{what} at {path}: {answer}");
        }
        for (what, line) in [
            ("a version that is none", &b"POST / HTTP/1.2"[..]),
            ("HTTP/0.9", b"GET /"),
            ("a target with a blank", b"GET /a b HTTP/1.1"),
            ("a target with a NUL", b"GET /a\0b HTTP/1.1"),
            ("a method that is none", b"GE(T / HTTP/1.1"),
            ("a blank before the method", b" GET / HTTP/1.1"),
            ("a tab for a blank", b"GET\t/\tHTTP/1.1"),
            ("TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
        ] {
            let request =
                [line, b"\r\nhost: ", host.as_bytes(), b"\r\n\r\n", sentinel(&host).as_bytes()].concat();
            let answer = raw(*at, request).await;
            assert!(answer.is_empty() || statuses(&answer) == [400], "{what}: {answer}");
        }
        // HTTP/1.0 has no chunks.
        let old = String::from_utf8(head.clone()).unwrap().replace("HTTP/1.1", "HTTP/1.0");
        let request = format!("{old}transfer-encoding: chunked\r\n\r\n0\r\n\r\n{}", sentinel(&host));
        assert_eq!(statuses(&raw(*at, request).await), [400]);
    }
    assert_eq!(everything(&world).await, before);
    for (at, path) in &places {
        let host = format!("127.0.0.1:{}", at.port());
        let head = format!("POST {path} HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\n")
            .into_bytes();
        // With a length and chunks the chunks count, as HTTP asks; the length is dropped and the connection ends, so that
        // nobody who took the length for the end can put a second request there.
        for lengths in [
            "content-length: 4\r\ntransfer-encoding: chunked\r\n",
            "transfer-encoding: chunked\r\ncontent-length: 4\r\n",
            "Content-Length: 4\r\nTransfer-Encoding: gzip, chunked\r\n",
        ] {
            let request =
                [&head, lengths.as_bytes(), b"\r\n2\r\n{}\r\n0\r\n\r\n", sentinel(&host).as_bytes()].concat();
            let answer = raw(*at, request).await;
            assert_eq!(statuses(&answer).len(), 1, "{lengths} at {path}: {answer}");
            assert!(!answer.contains("/smuggled"), "{answer}");
        }
    }
    // These were whole requests, and two places took them as such.
    world.check_books().await;
}

/// The whole way: odd requests that are right all the same are written anew at each hop.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_passes_both_brokers_has_one_framing() {
    let world = lived_in().await;
    let path = world.paid("llama7b", "/chat/completions");
    let host = format!("127.0.0.1:{}", user_at(&world).port());
    let (a, b) = SAY_THIS.split_at(30);
    let chunk = |text: &str, extension: &str| format!("{:X}{extension}\r\n{text}\r\n", text.len());
    let plain = format!("content-length: {}\r\n\r\n{SAY_THIS}", SAY_THIS.len());
    let chunks = format!("{}{}0\r\n\r\n", chunk(a, ""), chunk(b, ""));
    let odd = [
        ("a length", plain.clone()),
        ("the same length twice", format!("content-length: {}\r\n{plain}", SAY_THIS.len())),
        ("a length with zeros before it", plain.replace("content-length: ", "content-length: 000")),
        ("chunks", format!("transfer-encoding: chunked\r\n\r\n{chunks}")),
        ("chunks in capitals", format!("TRANSFER-ENCODING: Chunked\r\n\r\n{chunks}")),
        ("chunks and a length", format!("transfer-encoding: chunked\r\ncontent-length: 3\r\n\r\n{chunks}")),
        ("a length and chunks", format!("content-length: 3\r\ntransfer-encoding: chunked\r\n\r\n{chunks}")),
        (
            "extensions of chunks",
            format!(
                "transfer-encoding: chunked\r\n\r\n{}{}0;last\r\n\r\n",
                chunk(a, ";x=\"y\""),
                chunk(b, ";z")
            ),
        ),
        (
            "trailers",
            format!(
                "transfer-encoding: chunked\r\ntrailer: x-late\r\n\r\n{}{}0\r\nx-late: 1\r\nhost: evil.example\r\n\
                 zg-max-fee: 0\r\ncontent-length: 3\r\n\r\n",
                chunk(a, ""),
                chunk(b, "")
            ),
        ),
        (
            "headers for one hop",
            format!(
                "connection: close, x-secret, host, content-type\r\nx-secret: of this hop\r\nkeep-alive: 5\r\nte: trailers\r\n\
                 proxy-connection: keep-alive\r\nproxy-authorization: Basic x\r\n{plain}"
            ),
        ),
        (
            "an upgrade",
            format!(
                "connection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABk\r\n{plain}"
            ),
        ),
        ("a wait for leave", format!("expect: 100-continue\r\n{plain}")),
    ];
    let fee = chat_fee("Say this is a test!", "This is a test!");
    let already = world.upstream.count();
    for (number, (what, rest)) in odd.iter().enumerate() {
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\nx-kept: 1\r\nx-kept: 2\r\nX-Kept: 1\r\n"
        );
        let close = if rest.contains("connection:") { "" } else { "connection: close\r\n" };
        let answer = raw(user_at(&world), format!("{head}{close}{rest}{}", sentinel(&host))).await;
        let got: Vec<u16> = statuses(&answer).into_iter().filter(|status| *status != 100).collect();
        // Where the sender did not end the connection, what follows is a request of its own, and answered as one.
        assert!(got == [200] || (what == &"an upgrade" && got == [200, 404]), "{what}: {answer}");
        let arrived = world.upstream.arrived();
        assert_eq!(arrived.len(), already + number + 1, "{what}: once");
        let arrived = &arrived[already + number];
        assert_eq!(arrived.target, "/chat/completions", "{what}");
        let body: Value = serde_json::from_slice(&arrived.body).unwrap();
        let mut sent: Value = serde_json::from_str(SAY_THIS).unwrap();
        sent["max_tokens"] = body["max_tokens"].clone();
        assert_eq!(body, sent, "{what}");
        let headers = &arrived.headers;
        assert_eq!(headers.get_all("content-length").iter().count(), 1, "{what}: {headers:?}");
        assert_eq!(headers["content-length"], arrived.body.len().to_string(), "{what}");
        for absent in [
            "transfer-encoding",
            "connection",
            "x-secret",
            "keep-alive",
            "te",
            "trailer",
            "x-late",
            "upgrade",
            "http2-settings",
            "expect",
            "proxy-connection",
            "proxy-authorization",
            "zg-max-fee",
        ] {
            assert!(!headers.contains_key(absent), "{what}: {absent} in {headers:?}");
        }
        assert!(!headers["host"].to_str().unwrap().contains("evil"), "{what}");
        let kept: Vec<_> = headers.get_all("x-kept").iter().collect();
        assert_eq!(kept, ["1", "2", "1"], "{what}: repeated headers stay repeated");
    }
    let books = world.check_books().await;
    assert_eq!(books.owed.get(), fee * (odd.len() as u128 + 1), "each is paid once");
}

/// A pipeline is answered in order, one by one, and is no way around a refusal.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pipeline_is_answered_in_order() {
    let world = lived_in().await;
    let before = everything(&world).await;
    for at in [user_at(&world), owner_at(&world)] {
        let host = format!("127.0.0.1:{}", at.port());
        let good = format!("GET /v1/request HTTP/1.1\r\nhost: {host}\r\n\r\n");
        let evil = "GET /v1/request HTTP/1.1\r\nhost: evil.example\r\n\r\n";
        let page = format!(
            "POST /v1/sync HTTP/1.1\r\nhost: {host}\r\norigin: https://evil.example\r\ncontent-length: 0\r\n\r\n"
        );
        let answer = raw(at, format!("{good}{evil}{page}{good}{}", sentinel(&host))).await;
        let page_refused = if at == user_at(&world) { 403 } else { 404 };
        assert_eq!(statuses(&answer), [200, 403, page_refused, 200, 404], "{answer}");
    }
    assert_eq!(everything(&world).await, before);
}

/// Status and body of each answer of a connection, as an application reads them: by the length or the chunks that each head
/// names. What is left over is no answer.
fn answers(mut bytes: &[u8]) -> (Vec<(u16, Vec<u8>)>, Vec<u8>) {
    let line = |bytes: &[u8]| bytes.windows(2).position(|two| two == b"\r\n");
    let mut answers = Vec::new();
    while let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
        let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
        let Some(status) = head.strip_prefix("http/1.1 ").and_then(|rest| rest.get(..3)?.parse().ok()) else {
            break;
        };
        let header = |name: &str| {
            let values: Vec<&str> =
                head.lines().filter_map(|line| line.strip_prefix(name)).map(str::trim).collect();
            assert!(values.len() <= 1, "{head}");
            values.first().map(|value| (*value).to_owned())
        };
        let (length, coding) = (header("content-length:"), header("transfer-encoding:"));
        assert!(length.is_none() || coding.is_none(), "{head}");
        bytes = &bytes[end + 4..];
        let mut body = Vec::new();
        if coding.is_some() {
            loop {
                let at = line(bytes).expect("a chunk's size");
                let size = std::str::from_utf8(&bytes[..at]).unwrap();
                let size = usize::from_str_radix(size, 16).expect("a chunk's size");
                body.extend_from_slice(&bytes[at + 2..at + 2 + size]);
                bytes = &bytes[at + 4 + size..];
                if size == 0 {
                    break;
                }
            }
        } else {
            let length: usize = length.expect("a length, or chunks").parse().unwrap();
            let (own, rest) = bytes.split_at(length);
            body.extend_from_slice(own);
            bytes = rest;
        }
        answers.push((status, body));
    }
    (answers, bytes.to_vec())
}

/// An answer that comes with a length beside its chunks, from a provider or from the server behind one: the application
/// gets it with one end, and nothing of it is the answer to its next request.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_provider_writes_the_answer_to_the_next_request() {
    let world = World::with(Plan { proxies: true, ..Plan::default() }).await;
    world.register_storage().await;
    let planted =
        "{}HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{\"a\": 1}\n";
    let host = format!("127.0.0.1:{}", user_at(&world).port());
    let chat = world.paid("llama7b", "/chat/completions");
    let post = format!(
        "POST {chat} HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{SAY_THIS}",
        SAY_THIS.len()
    );
    let get = |path: String| format!("GET {path} HTTP/1.1\r\nhost: {host}\r\n\r\n");
    let kind = "application/octet-stream";
    let places = [
        ("a whole answer", post.clone(), Reply::whole(200, "application/json", planted)),
        ("a refusal", post, Reply::whole(400, "application/json", planted)),
        (
            "a free answer",
            get(world.paid("llama7b", "/models")),
            Reply::whole(200, "application/json", planted),
        ),
        ("bytes that are stored", get(world.paid("files", "/blob/a")), Reply::whole(200, kind, planted)),
    ];
    let Some(to_provider) = world.proxies.to_provider.clone() else { unreachable!() };
    let Some(to_upstream) = world.proxies.to_upstream.clone() else { unreachable!() };
    for (what, request, reply) in places {
        let status = reply.status;
        world.upstream.say(reply);
        for (from, proxy) in [("the provider", &to_provider), ("the server behind", &to_upstream)] {
            let struck = proxy.struck();
            let words = ["/chat/completions", "/models", "/blob/a"];
            proxy.set(move |asked| {
                let hit = words.iter().any(|words| asked.target.contains(words));
                if hit { NetFault::LengthAndChunks(2) } else { NetFault::None }
            });
            let got = raw(user_at(&world), format!("{request}{}", sentinel(&host))).await;
            proxy.heal();
            assert!(proxy.struck() > struck, "{what} of {from} came in chunks");
            let (answers, rest) = answers(got.as_bytes());
            assert!(rest.is_empty(), "{what} of {from}: {got}");
            let statuses: Vec<u16> = answers.iter().map(|(status, _)| *status).collect();
            assert_eq!(statuses, [status, 404], "{what} of {from}: {got}");
            assert_eq!(String::from_utf8_lossy(&answers[0].1), planted, "{what} of {from}");
        }
    }
    world.check_books().await;
}
