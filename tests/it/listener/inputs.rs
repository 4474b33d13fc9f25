//! What a request may say, and what an answer may tell: fields that are ours to set, text that would be SQL, addresses
//! that are none, and errors of our own insides.

use http::Method;
use serde_json::json;
use tokio::sync::Semaphore;

use super::super::world::{Plan, Reply, SAY_THIS, Trouble, World, chat, chat_fee, chat_stream, until};
use super::{everything, lived_in};

/// F-31: what is stored is not what a request may set.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_sets_what_is_its_to_set_and_nothing_else() {
    let world = lived_in().await;
    let before = everything(&world).await;
    let provider = world.provider_address().to_string();
    let path = format!("/v1/provider/{provider}");
    let extras = [
        "nonce",
        "signer",
        "pendingRefund",
        "PendingRefund",
        "lastResponseTokenCount",
        "lastResponseFee",
        "owed",
        "Owed",
        "promised",
        "authorized",
        "settled",
        "Settled",
        "available",
        "delegate",
        "Delegate",
        "epoch",
        "refunds",
        "user",
        "id",
        "__proto__",
        "constructor",
    ];
    let api = world.api();
    for extra in extras {
        for value in [json!(true), json!("1"), json!(1), json!(null), json!({})] {
            let with = |mut body: serde_json::Value| {
                body[extra] = value.clone();
                body.to_string()
            };
            let opened =
                with(json!({"provider": "0x90F79bf6EB2c4f870365E785982E1f101E93b906", "balance": "5"}));
            api.post("/v1/provider", opened).await.refused(400, "bad_input", extra);
            let charge = with(json!({"balance": "5"}));
            api.post(&format!("{path}/charge"), charge).await.refused(400, "bad_input", extra);
            let refund = with(json!({"amount": "5"}));
            api.post(&format!("{path}/refund"), refund).await.refused(400, "bad_input", extra);
        }
    }
    let owner = world.owner();
    for extra in ["number", "nonce", "owner", "balance", "updated", "upstream", "id", "__proto__"] {
        let mut body = json!({
            "URL": world.upstream.url, "inputPrice": 1, "outputPrice": 1, "Type": "chatbot", "Name": "other",
        });
        body[extra] = json!(1);
        owner.post("/v1/service", body.to_string()).await.refused(400, "bad_input", extra);
        let change = json!({"inputPrice": "1", extra: 1}).to_string();
        owner.put("/v1/service/llama7b", &change).await.refused(400, "bad_input", extra);
    }
    // Where nothing is taken, nothing is.
    for (client, action) in [
        (&api, format!("{path}/refund/process")),
        (&api, format!("{path}/refund/cancel")),
        (&api, format!("{path}/sync")),
        (&owner, "/v1/settle".to_owned()),
        (&owner, "/v1/service/llama7b/pause".to_owned()),
    ] {
        client.post(&action, r#"{"amount": "5"}"#).await.refused(400, "bad_input", "send no body");
    }
    assert_eq!(everything(&world).await, before);
    // What upstream's clients repeat of an answer has no effect: the refund waits as long as any other.
    let words = json!({
        "amount": "5", "processed": true, "index": 7, "createdAt": "2020-01-01T00:00:00Z", "unlockAt": "2020-01-01T00:00:00Z",
    });
    api.post(&format!("{path}/refund"), words.to_string()).await.is(202);
    let refunds = api.get("/v1/refund").await.is(200).json();
    let shown = &refunds["Items"][0];
    assert_eq!((&shown["Amount"], &shown["Processed"]), (&json!("5"), &json!(false)), "{shown}");
    assert!(shown["UnlockAt"].as_str().unwrap() > "2021", "{shown}");
    api.post_empty(&format!("{path}/refund/process")).await.refused(409, "refund_locked", "locked until");
}

const SQL: [&str; 12] = [
    "'",
    "\"",
    "' OR 1=1 --",
    "' OR '1'='1",
    "newest; DROP TABLE requests",
    "created_at DESC; DELETE FROM requests --",
    "fee, (SELECT 1)",
    "(CASE WHEN 1=1 THEN fee ELSE created_at END)",
    "1) UNION SELECT * FROM accounts --",
    "x'; ATTACH DATABASE 'y' AS z; --",
    "%",
    "\0",
];

/// F-44: a listing's order and filters are words of a list, or values that the database never reads as its language.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_query_is_sql() {
    let world = lived_in().await;
    let before = everything(&world).await;
    let lists: [(_, &str, &[&str]); 11] = [
        (
            world.api(),
            "/v1/request",
            &["sort", "provider", "service", "status", "from", "to", "cursor", "limit"],
        ),
        (world.api(), "/v1/refund", &["sort", "processed", "provider", "cursor", "limit"]),
        (world.api(), "/v1/service", &["sort", "provider", "type", "name", "model", "cursor", "limit"]),
        (world.api(), "/v1/provider", &["sort", "cursor", "limit"]),
        (world.api(), "/v1/operation", &["kind", "state", "provider", "cursor", "limit"]),
        (
            world.owner(),
            "/v1/request",
            &["sort", "user", "service", "status", "from", "to", "cursor", "limit"],
        ),
        (world.owner(), "/v1/user", &["cursor", "limit"]),
        (world.owner(), "/v1/service", &["cursor", "limit"]),
        (world.owner(), "/v1/settlement", &["status", "cursor", "limit"]),
        (world.owner(), "/v1/operation", &["kind", "state", "cursor", "limit"]),
        (world.owner(), "/v1/decision", &["cursor", "limit"]),
    ];
    for (client, path, fields) in &lists {
        for field in *fields {
            for text in SQL {
                let text = percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC);
                let got = client.get(&format!("{path}?{field}={text}")).await;
                // Refused, or a value that nothing has.
                match got.status {
                    400 => assert_eq!(got.code(), "bad_input", "{path} {field}={text}"),
                    200 => assert_eq!(
                        got.json()["Metadata"]["total"],
                        0,
                        "{path} {field}={text}: {}",
                        got.text()
                    ),
                    _ => panic!("{path} {field}={text}: {got:?}"),
                }
                for word in ["SQL", "syntax", "sqlite", "no such table", "no such column"] {
                    assert!(!got.text().contains(word), "{path} {field}={text}: {}", got.text());
                }
            }
        }
        for text in SQL {
            let text = percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC);
            let got = client.get(&format!("{path}/{text}")).await;
            assert!([400, 404, 405].contains(&got.status), "{path}/{text}: {got:?}");
        }
    }
    assert_eq!(everything(&world).await, before);
}

/// F-17: an address is one or it is none; nothing is padded, cropped or guessed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_nearly_an_address_is_none() {
    let world = lived_in().await;
    let before = everything(&world).await;
    let right = world.provider_address().to_string();
    let digits = &right[2..];
    // One letter in the other case: the checksum says that somebody has mistyped.
    let letter = right.char_indices().skip(2).find(|(_, letter)| letter.is_ascii_lowercase()).unwrap().0;
    let mut mistyped = right.clone();
    mistyped[letter..=letter].make_ascii_uppercase();
    let wrong = [
        String::new(),
        "0x".to_owned(),
        "0".to_owned(),
        "0x0".to_owned(),
        right[..41].to_owned(),
        format!("{right}0"),
        format!("0x0{digits}"),
        format!("0x{}", "0".repeat(24) + digits),
        format!("0x{}", "0".repeat(40)),
        format!(" {right}"),
        format!("{right} "),
        format!("{right}\n"),
        format!("0X0{}", &digits[1..39]),
        right.replacen('x', "y", 1),
        format!("0x{}g", &digits[..39]),
        format!("0x{}", digits.replace(|_: char| true, "\u{ff10}")),
        "llama7b".to_owned(),
        mistyped,
    ];
    for address in &wrong {
        let api = world.api();
        let body = json!({"provider": address, "balance": "5"}).to_string();
        let got = api.post("/v1/provider", body).await;
        assert_eq!((got.status, got.code().as_str()), (400, "bad_input"), "{address:?}: {}", got.text());
        let charge = json!({"provider": address, "balance": "5"}).to_string();
        api.post(&format!("/v1/provider/{right}/charge"), charge).await.refused(400, "bad_input", "provider");
        let in_path =
            percent_encoding::utf8_percent_encode(address, percent_encoding::NON_ALPHANUMERIC).to_string();
        if in_path.is_empty() {
            continue;
        }
        for path in [format!("/v1/provider/{in_path}/charge"), format!("/v1/provider/{in_path}/refund")] {
            let body = if path.ends_with("charge") { r#"{"balance": "5"}"# } else { r#"{"amount": "5"}"# };
            api.post(&path, body).await.refused(400, "bad_input", "provider");
        }
        let got =
            api.post(&format!("/v1/provider/{in_path}/service/llama7b/chat/completions"), SAY_THIS).await;
        assert_eq!(got.status, 400, "{address:?}: {got:?}");
        assert_eq!(world.owner().get(&format!("/v1/user/{in_path}")).await.status, 400, "{address:?}");
    }
    for missing in ["{}", r#"{"balance": "5"}"#, r#"{"provider": null, "balance": "5"}"#] {
        world.api().post("/v1/provider", missing).await.refused(400, "bad_input", "missing");
    }
    assert_eq!(everything(&world).await, before);
}

/// F-56: one account, however its address is written, before and after a start.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_in_any_case_is_the_same_account() {
    let mut world = World::new().await;
    let right = world.provider_address().to_string();
    let written = [right.to_lowercase(), format!("0x{}", right[2..].to_uppercase()), right.clone()];
    for round in 0..2 {
        for address in &written {
            let call = format!("/v1/provider/{address}/service/llama7b/chat/completions");
            let got = world.api().post(&call, SAY_THIS).await.is(200);
            assert_eq!(got.json()["choices"][0]["message"]["content"], "This is a test!", "{address}");
            let charge = format!("/v1/provider/{address}/charge");
            world.api().post(&charge, r#"{"balance": "5"}"#).await.is(202);
            let shown = world.api().get(&format!("/v1/provider/{address}")).await.is(200).json();
            assert_eq!(shown["Provider"], right);
            let listed = world.api().get(&format!("/v1/request?provider={address}")).await.is(200).json();
            assert!(listed["Metadata"]["total"].as_u64().unwrap() > 0, "{address}");
        }
        let accounts = world.api().get("/v1/provider").await.is(200).json();
        assert_eq!(accounts["Metadata"]["total"], 1);
        if round == 0 {
            world.check_books().await;
            world.stop_user().await;
            world.start_user().await;
        }
    }
    let books = world.check_books().await;
    assert_eq!(books.owed.get(), 6 * chat_fee("Say this is a test!", "This is a test!"));
}

/// F-48: what breaks inside is told as that, with a status that says so, and its cause is for the log.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn errors_of_our_insides_stay_inside() {
    let world = lived_in().await;
    let hidden = ["sqlite", "SQL", "table", "gone", "broker.db", "rusqlite", "eth_", "src/", "panicked"];
    let says_nothing = |text: &str| {
        for word in hidden {
            assert!(!text.contains(word), "{word}: {text}");
        }
    };
    // The chain cannot be reached.
    let charge = format!("/v1/provider/{}/charge", world.provider_address());
    world.user_side.place.line.set(Trouble::Down);
    world.provider_side.place.line.set(Trouble::Down);
    for (client, method, path, body) in [
        (world.api(), Method::POST, charge.as_str(), r#"{"balance": "5"}"#),
        (world.owner(), Method::POST, "/v1/sync-account", ""),
    ] {
        let request = client.request(method, path).header("content-type", "application/json");
        let got = super::super::world::finish(request.body(body)).await;
        assert_eq!(got.status, 503, "{path}: {got:?}");
        says_nothing(&got.text());
        assert!(got.message().len() > 20 && got.header("retry-after").is_some(), "{got:?}");
    }
    world.user_side.place.line.heal();
    world.provider_side.place.line.heal();
    // The books cannot be read.
    for (directory, client) in
        [(&world.user_side.directory, world.api()), (&world.provider_side.directory, world.owner())]
    {
        let database = rusqlite::Connection::open(directory.join("broker.db")).unwrap();
        database.execute_batch("ALTER TABLE requests RENAME TO gone").unwrap();
        for path in ["/v1/request".to_owned(), format!("/v1/request/{}", "ab".repeat(32))] {
            let got = client.get(&path).await.refused(503, "internal", "x-request-id");
            says_nothing(&got.text());
        }
        database.execute_batch("ALTER TABLE gone RENAME TO requests").unwrap();
        client.get("/v1/request").await.is(200);
    }
    world.check_books().await;
}

/// F-51: a registration that cannot be leaves what is served as it is, and no name breaks the routes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_registration_leaves_the_live_service_alone() {
    let world = lived_in().await;
    let before = everything(&world).await;
    let good = || {
        json!({
            "URL": world.upstream.url, "inputPrice": "1", "outputPrice": "1", "Type": "chatbot", "Name": "llama7b",
        })
    };
    for (field, value) in [
        ("URL", json!("nonsense")),
        ("URL", json!("http://me:secret@127.0.0.1/")),
        ("Type", json!("none")),
        ("inputPrice", json!("-1")),
        ("outputPrice", json!(null)),
        ("meter", json!("none")),
        ("maxInFlight", json!(-1)),
        ("upstreamHeaders", json!({"bad name": "x"})),
        ("model", json!("m".repeat(1000))),
    ] {
        let mut body = good();
        body[field] = value;
        let got = world.owner().post("/v1/service", body.to_string()).await;
        assert_eq!((got.status, got.code().as_str()), (400, "bad_input"), "{field}: {}", got.text());
        assert_eq!(everything(&world).await, before, "{field}");
    }
    for name in [
        "",
        ".",
        "..",
        "/",
        ":x",
        "*",
        "{x}",
        "{*x}",
        "a/b",
        "a b",
        "a%2fb",
        "a?b",
        "a#b",
        "\u{0}",
        "\n",
        "é",
        "🦀",
        &"x".repeat(65),
    ] {
        let mut body = good();
        body["Name"] = json!(name);
        let got = world.owner().post("/v1/service", body.to_string()).await;
        assert_eq!((got.status, got.code().as_str()), (400, "bad_input"), "{name:?}: {}", got.text());
    }
    assert_eq!(everything(&world).await, before);
    world.ask(SAY_THIS).await.is(200);
    // Names that are words of our own paths are names like others.
    for name in ["sync", "charge", "proxy", "terms", "service", "v1", "health"] {
        let mut body = good();
        body["Name"] = json!(name);
        world.owner().post("/v1/service", body.to_string()).await.is(204);
        world.proxy().get(&format!("/v1/proxy/{name}/models")).await.is(200);
    }
    world.proxy().get("/v1/terms").await.is(200);
    world.owner().get("/health").await.is(200);
}

/// F-57 and F-58: nothing between an application and the service waits for the end of an answer, or for a body to be small.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_arrive_as_they_are_made_and_bodies_may_be_large() {
    let world = World::with(Plan::default()).await;
    let gate = std::sync::Arc::new(Semaphore::new(0));
    let words = ["One ", "two ", "three ", "four."];
    world.upstream.say(Reply::events(&words).gated(&gate));
    let path = world.paid("llama7b", "/chat/completions");
    let request = world.api().request(Method::POST, &path).header("content-type", "application/json");
    let asked = tokio::spawn(request.body(chat_stream("count")).send());
    until("it is served", async || (world.upstream.count() == 1).then_some(())).await;
    // Each piece is let go only when the one before it has arrived.
    gate.add_permits(1);
    let mut answer = asked.await.unwrap().unwrap();
    let mut text = String::new();
    for word in words {
        while !text.contains(word.trim()) {
            let piece = tokio::time::timeout(super::HANG, answer.chunk()).await.expect("it is not held back");
            text += std::str::from_utf8(&piece.unwrap().unwrap()).unwrap();
        }
        gate.add_permits(1);
    }
    gate.add_permits(10);
    while answer.chunk().await.unwrap().is_some() {}
    world.check_books().await;
    // Five megabytes of question.
    world.upstream.say(Reply::chat("Long."));
    let long = chat(&"word ".repeat(1_000_000));
    let got = world.ask(long.clone()).await.is(200);
    assert_eq!(got.json()["choices"][0]["message"]["content"], "Long.");
    assert_eq!(world.upstream.arrived().last().unwrap().body.len() / 1_000, long.len() / 1_000);
    world.check_books().await;
}
