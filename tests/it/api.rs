//! Both APIs over the wire: every route that is documented answers, names and cases, lists, the guard, the OpenAI shape.

use std::collections::BTreeSet;

use http::Method;
use serde_json::{Value, json};

use super::world::{Client, Got, Reply, SAY_THIS, World, chat_fee, finish};

async fn openapi(client: &Client) -> Value {
    client.get("/openapi.json").await.is(200).json()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_documented_route_answers() {
    let world = World::new().await;
    for client in [world.api(), world.owner()] {
        let document = openapi(&client).await;
        assert!(document["openapi"].as_str().unwrap().starts_with("3."));
        let page = client.get("/").await.is(200);
        assert!(page.header("content-type").unwrap().starts_with("text/html"));
        let paths = document["paths"].as_object().unwrap();
        assert!(paths.len() >= 15, "{}", paths.len());
        for (path, methods) in paths {
            assert!(page.text().contains(path.split('{').next().unwrap()), "{path} is on the page");
            for method in methods.as_object().unwrap().keys().filter(|key| key.as_str() != "parameters") {
                let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
                let there = path
                    .replace("{provider}", &world.provider_address().to_string())
                    .replace("{user}", &world.user_address().to_string())
                    .replace("{service}", "llama7b")
                    .replace("{model}", "llama7b")
                    .replace("{suffix}", "models")
                    .replace("{*suffix}", "models")
                    .replace("{id}", &"ab".repeat(32));
                assert!(!there.contains('{'), "{path}");
                if there == "/v1/events" || (method != Method::GET && there.contains("/service/llama7b")) {
                    continue;
                }
                let got = finish(client.request(method.clone(), &there)).await;
                let known = !(got.status == 404 && got.text().contains("no_such_route")) && got.status != 405;
                assert!(known && got.status < 500, "{method} {path}: {got:?}");
                if !got.body.is_empty() && got.status >= 400 {
                    assert!(!got.code().is_empty() && !got.message().is_empty(), "{method} {path}: {got:?}");
                }
            }
        }
        client.get("/v1/nothing").await.refused(404, "no_such_route", "GET /");
        let wrong = finish(client.request(Method::DELETE, "/v1/request")).await;
        wrong.refused(405, "method_not_allowed", "DELETE");
    }
}

/// Every key of an answer begins with a capital, but for the list's `total`.
fn pascal(value: &Value, at: &str) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                let capital = key.chars().next().unwrap().is_ascii_uppercase();
                assert!(capital || key == "total", "{at}: {key}");
                pascal(value, at);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| pascal(item, at)),
        // Amounts are text; numbers are counts.
        Value::Number(number) => assert!(number.is_u64(), "{at}: {number}"),
        _ => {}
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_are_in_one_case_and_amounts_are_text() {
    let world = World::new().await;
    world.ask(SAY_THIS).await.is(200);
    world.voucher_arrives().await;
    world.owner().post_empty("/v1/settle").await.is(202);
    let (user, provider) = (world.user_address(), world.provider_address());
    let request = world.check_books().await.user_requests[0].id;
    let operation = world.user().operations(1).await.unwrap()[0].id;
    let of_user = [
        "/v1/provider".to_owned(),
        format!("/v1/provider/{provider}"),
        "/v1/service".to_owned(),
        format!("/v1/provider/{provider}/service/llama7b"),
        "/v1/request".to_owned(),
        format!("/v1/request/{request}"),
        format!("/v1/receipt/{request}"),
        "/v1/refund".to_owned(),
        "/v1/operation".to_owned(),
        format!("/v1/operation/{operation}"),
        "/health".to_owned(),
    ];
    for path in of_user {
        pascal(&world.api().get(&path).await.is(200).json(), &path);
    }
    let of_provider = [
        "/v1/service".to_owned(),
        "/v1/service/llama7b".to_owned(),
        "/v1/user".to_owned(),
        format!("/v1/user/{user}"),
        "/v1/request".to_owned(),
        format!("/v1/request/{request}"),
        "/v1/settlement".to_owned(),
        "/v1/operation".to_owned(),
        "/v1/terms".to_owned(),
        "/health".to_owned(),
    ];
    for path in of_provider {
        pascal(&world.owner().get(&path).await.is(200).json(), &path);
    }
    let shown = world.owner().get(&format!("/v1/user/{user}")).await.json();
    let fee = chat_fee("Say this is a test!", "This is a test!").to_string();
    assert_eq!(
        (&shown["Settled"], &shown["Owed"], &shown["Unsettled"]),
        (&json!(fee), &json!(fee), &json!("0"))
    );
    // Addresses are taken in any case.
    let lower = format!("/v1/provider/{}", provider.to_string().to_lowercase());
    assert_eq!(world.api().get(&lower).await.is(200).json()["Provider"], provider.to_string());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_are_read_page_by_page() {
    let world = World::new().await;
    for number in 0..5 {
        world.upstream.say(Reply::chat(&"word ".repeat(number + 1)));
        world.ask(SAY_THIS).await.is(200);
    }
    let books = world.check_books().await;
    for client in [world.api(), world.owner()] {
        for sort in ["newest", "oldest", "dearest", "cheapest"] {
            let (mut ids, mut fees, mut cursor) = (Vec::new(), Vec::new(), String::new());
            loop {
                let path = format!("/v1/request?limit=2&sort={sort}{cursor}");
                let page = client.get(&path).await.is(200).json();
                assert_eq!(page["Metadata"]["total"], 5);
                assert_eq!(page["Fee"], books.owed.to_string(), "the sum is of all pages");
                for item in page["Items"].as_array().unwrap() {
                    ids.push(item["RequestID"].as_str().unwrap().to_owned());
                    fees.push(item["Fee"].as_str().unwrap().parse::<u128>().unwrap());
                }
                match page["Metadata"]["Next"].as_str() {
                    Some(next) => cursor = format!("&cursor={next}"),
                    None => break,
                }
            }
            assert_eq!(ids.len(), 5);
            assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), 5);
            match sort {
                "dearest" | "newest" => assert!(fees.is_sorted_by(|a, b| a >= b), "{sort}: {fees:?}"),
                _ => assert!(fees.is_sorted(), "{sort}: {fees:?}"),
            }
        }
        client.get("/v1/request?limit=0").await.refused(400, "bad_input", "limit");
        client.get("/v1/request?limit=1001").await.refused(400, "bad_input", "limit");
        client.get("/v1/request?limit=x").await.refused(400, "bad_input", "limit");
        client.get("/v1/request?cursor=nonsense").await.refused(400, "bad_input", "cursor");
        client.get("/v1/request?sort=largest").await.refused(400, "bad_input", "newest");
        client.get("/v1/request?status=paid").await.refused(400, "bad_input", "status");
        client.get("/v1/request?from=yesterday").await.refused(400, "bad_input", "from");
        client.get("/v1/request?limt=2").await.refused(400, "bad_input", "did you mean limit");
        let none = client.get("/v1/request?from=2100-01-01T00:00:00Z").await.is(200).json();
        assert_eq!((&none["Metadata"]["total"], &none["Fee"]), (&json!(0), &json!("0")));
    }
    let filtered = world.api().get("/v1/service?type=zgStorage").await.is(200).json();
    assert_eq!(filtered["Metadata"]["total"], 0);
    world.api().get("/v1/service?type=llm").await.refused(400, "bad_input", "type");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn operations_are_read_page_by_page_and_by_filter() {
    let world = World::new().await;
    let provider = world.provider_address();
    for amount in ["5", "6"] {
        let body = json!({"balance": amount}).to_string();
        world.api().post(&format!("/v1/provider/{provider}/charge"), body).await.is(202);
    }
    let of_both = [(world.api(), "deposit", world.user().operations(100).await.unwrap().len()), {
        let list = world.owner().get("/v1/operation").await.is(200).json();
        (world.owner(), "put_service", list["Items"].as_array().unwrap().len())
    }];
    for (client, kind, all) in of_both {
        let (mut ids, mut cursor) = (BTreeSet::new(), String::new());
        loop {
            let page = client.get(&format!("/v1/operation?limit=1{cursor}")).await.is(200).json();
            assert_eq!(page["Metadata"]["total"], all);
            ids.extend(page["Items"].as_array().unwrap().iter().map(|item| item["OperationID"].to_string()));
            match page["Metadata"]["Next"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        assert_eq!(ids.len(), all);
        let some = client.get(&format!("/v1/operation?kind={kind}&state=mined&limit=1")).await.is(200).json();
        let total = some["Metadata"]["total"].as_u64().unwrap();
        assert!(total > 0 && total <= all as u64 && some["Items"][0]["Kind"] == kind, "{some}");
        let none = client.get("/v1/operation?state=refused").await.is(200).json();
        assert_eq!(none["Metadata"]["total"], 0);
        client.get("/v1/operation?cursor=nonsense").await.refused(400, "bad_input", "cursor");
        client.get("/v1/operation?kind=nonsense").await.refused(400, "bad_input", "kind");
        client.get("/v1/operation?state=nonsense").await.refused(400, "bad_input", "state");
    }
    let with = |address: &dyn std::fmt::Display| format!("/v1/operation?kind=deposit&provider={address}");
    let listed = world.api().get(&with(&provider)).await.is(200).json();
    assert_eq!(listed["Metadata"]["total"], 2);
    let other = world.api().get(&with(&world.user_address())).await.is(200).json();
    assert_eq!(other["Metadata"]["total"], 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn openai_clients_work_by_changing_the_base_url() {
    let world = World::new().await;
    let models = world.api().get("/v1/models").await.is(200).json();
    assert_eq!(models["object"], "list");
    let id = models["data"][0]["id"].as_str().unwrap().to_owned();
    let both = [id.clone(), "llama7b".to_owned(), format!("{}/llama7b", world.provider_address())];
    for model in &both {
        let body = json!({"model": model, "messages": [{"role": "user", "content": "Say this is a test!"}]});
        let request = world.api().request(Method::POST, "/v1/chat/completions");
        let request =
            request.header("content-type", "application/json").header("authorization", "Bearer sk-none");
        let got = finish(request.body(body.to_string())).await.is(200);
        assert_eq!(got.json()["choices"][0]["message"]["content"], "This is a test!");
    }
    for arrived in world.upstream.arrived() {
        assert_eq!(arrived.target, "/chat/completions");
        assert!(!arrived.headers.contains_key("authorization"), "the token is for the broker only");
        let body: Value = serde_json::from_slice(&arrived.body).unwrap();
        assert_eq!(body["model"], "llama7b", "the service knows its model by its own name");
    }
    world.upstream.say(Reply::events(&["This ", "streams."]));
    let body = json!({
        "model": id, "stream": true, "stream_options": {"include_usage": true},
        "messages": [{"role": "user", "content": "stream"}],
    });
    let got = world.api().post("/v1/chat/completions", body.to_string()).await.is(200);
    assert!(got.whole && got.text().ends_with("data: [DONE]\n\n") && !got.text().contains("zg-"));
    let books = world.check_books().await;
    let whole = chat_fee("Say this is a test!", "This is a test!");
    assert_eq!(books.owed.get(), 3 * whole + chat_fee("stream", "This streams."));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_tell_what_happens() {
    let world = World::new().await;
    let mut events = world.api().request(Method::GET, "/v1/events").send().await.unwrap();
    assert_eq!(events.headers()["content-type"], "text/event-stream");
    world.ask(SAY_THIS).await.is(200);
    let charge = format!("/v1/provider/{}/charge", world.provider_address());
    world.api().post(&charge, r#"{"balance": "5"}"#).await.is(202);
    let (mut text, wanted) =
        (String::new(), ["RequestSent", "RequestEnded", "OperationChanged", "AccountChanged"]);
    let reading = async {
        while !wanted.iter().all(|kind| text.contains(&format!("event: {kind}\n"))) {
            text += std::str::from_utf8(&events.chunk().await.unwrap().unwrap()).unwrap();
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(60), reading).await.expect("all events come");
    for line in text.lines().filter_map(|line| line.strip_prefix("data: ")) {
        pascal(&serde_json::from_str(line).unwrap(), line);
    }
    let ended = text.split("event: RequestEnded\ndata: ").nth(1).unwrap().lines().next().unwrap();
    let ended: Value = serde_json::from_str(ended).unwrap();
    assert_eq!(ended["Status"], "done");
    assert_eq!(ended["Fee"], chat_fee("Say this is a test!", "This is a test!").to_string());
    world.check_books().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn health_and_metrics() {
    let world = World::new().await;
    world.ask(SAY_THIS).await.is(200);
    let fee = world.check_books().await.owed;
    let health = world.api().get("/health").await.is(200).json();
    assert_eq!((&health["Status"], &health["ChainID"]), (&json!("ok"), &json!(31337)));
    assert_eq!(health["User"], world.user_address().to_string());
    let health = world.proxy().get("/health").await.is(200).json();
    assert_eq!(
        (&health["Status"], &health["Chain"], &health["Store"]),
        (&json!("ok"), &json!(true), &json!(true))
    );
    for client in [world.api(), world.owner()] {
        let got = client.get("/metrics").await.is(200);
        assert!(got.header("content-type").unwrap().starts_with("text/plain"));
        let text = got.text();
        for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with("# ")) {
            let (name, value) = line.rsplit_once(' ').unwrap();
            assert!(value.parse::<f64>().is_ok(), "{line}");
            assert!(name.starts_with("zgserve_"), "{line}");
            let family = name.split('{').next().unwrap();
            assert!(text.contains(&format!("# TYPE {family} ")), "{family} has a type");
        }
        let owed = text.lines().find(|line| line.contains("owed_neuron") && !line.starts_with('#')).unwrap();
        assert!(owed.ends_with(&format!(" {fee}")), "{owed}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_of_other_origins_get_nothing() {
    let world = World::new().await;
    let account = json!({"provider": world.provider_address().to_string(), "balance": "5"}).to_string();
    for (client, own) in [(world.api(), "/health"), (world.owner(), "/v1/user")] {
        let ask = async |name: &'static str, value: &str, path: &str| -> Got {
            finish(client.request(Method::GET, path).header(name, value)).await
        };
        for path in ["/v1/request", own, "/", "/openapi.json", "/metrics"] {
            ask("host", "evil.example", path).await.refused(403, "host_not_allowed", "allowHosts");
            ask("origin", "http://evil.example", path).await.refused(
                403,
                "origin_not_allowed",
                "another origin",
            );
            ask("sec-fetch-site", "cross-site", path).await.refused(
                403,
                "origin_not_allowed",
                "another origin",
            );
        }
        let port = client.base.rsplit(':').next().unwrap();
        ask("host", &format!("localhost:{port}"), "/v1/request").await.is(200);
        let options = finish(client.request(Method::OPTIONS, "/v1/request")).await;
        assert!(!options.headers.keys().any(|name| name.as_str().starts_with("access-control")));
        options.refused(405, "method_not_allowed", "OPTIONS");
        let form = client.request(Method::POST, "/v1/provider").header("content-type", "text/plain");
        let got = finish(form.header("origin", "http://evil.example").body(account.clone())).await;
        assert!([403, 404].contains(&got.status), "{got:?}");
    }
    // The proxy listener is for other machines, under any name, but grants a page nothing either.
    let named = world.proxy().request(Method::GET, "/v1/terms").header("host", "provider.example");
    finish(named).await.is(200);
    let preflight = world.proxy().request(Method::OPTIONS, "/v1/proxy/llama7b/chat/completions");
    let got = finish(preflight.header("origin", "http://evil.example")).await;
    assert!(!got.headers.keys().any(|name| name.as_str().starts_with("access-control")), "{got:?}");
    assert_eq!(world.check_books().await.user_requests.len(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn services_are_changed_and_taken_off() {
    let world = World::new().await;
    let owner = world.owner();
    owner.put("/v1/service/llama7b", r#"{"inputPrice": "7", "model": "meta/llama"}"#).await.is(202);
    let shown = owner.get("/v1/service/llama7b").await.is(200).json();
    assert_eq!((&shown["InputPrice"], &shown["OutputPrice"]), (&json!("7"), &json!("200000")));
    super::world::until("the user broker sees the change", async || {
        let listed = world.api().get("/v1/service").await.json();
        (listed["Items"][0]["InputPrice"] == "7" && listed["Items"][0]["Model"] == "meta/llama").then_some(())
    })
    .await;
    world.ask(SAY_THIS).await.is(200);
    let row = world.check_books().await.provider_requests[0].clone();
    assert_eq!(row.fee.input.get(), 7 * u128::from(row.input.0), "the new price");
    owner.put("/v1/service/llama7b", r#"{"name": "other"}"#).await.refused(400, "bad_input", "renamed");
    owner.put("/v1/service/none", r#"{"inputPrice": "7"}"#).await.refused(404, "unknown_service", "none");
    finish(owner.request(Method::DELETE, "/v1/service/llama7b")).await.is(202);
    assert_eq!(owner.get("/v1/service").await.json()["Metadata"]["total"], 0);
    finish(owner.request(Method::DELETE, "/v1/service/llama7b")).await.refused(
        404,
        "unknown_service",
        "llama7b",
    );
    let got = world.proxy().post("/v1/proxy/llama7b/chat/completions", SAY_THIS).await;
    got.refused(404, "unknown_service", "llama7b");
    super::world::until("the user broker sees it go", async || {
        (world.api().get("/v1/service").await.json()["Metadata"]["total"] == 0).then_some(())
    })
    .await;
    world.ask(SAY_THIS).await.refused(404, "unknown_service", "llama7b");
    // Its account stays, and a new service of the name is another one.
    world.register_chatbot().await;
    // Its price is above the last one paid under this name, which is told once.
    world.ask(SAY_THIS).await.refused(409, "price_changed", "accepts them");
    world.ask(SAY_THIS).await.is(200);
    world.check_books().await;
}
