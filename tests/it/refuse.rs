//! Bad input of people and programs: status, code, what to do next, and books that stay as they were.

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use zgserve_tui::broker::provider::ProviderSettings;
use zgserve_tui::domain::Address;

use super::world::{DEPOSIT, Plan, SAY_THIS, World, chat, chat_fee, until};

/// 2^112, one more than an account can hold.
const TOO_LARGE: &str = "5192296858534827628530496329220096";

/// Sends text as it stands, which clients would tidy up, and gives status and body.
async fn raw(base: &str, head: &str, body: &str) -> (u16, String) {
    let address = base.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!(
        "{head} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    (status, answer)
}

/// No operation was begun and no request written, on either side.
async fn nothing_happened(world: &World) {
    let books = world.check_books().await;
    assert_eq!((books.user_requests.len(), books.provider_requests.len()), (0, 0));
    assert_eq!((books.owed.get(), books.authorized.get(), books.settled.get()), (0, 0, 0));
    assert_eq!(books.balance.get(), DEPOSIT);
    assert_eq!(world.user().operations(10).await.unwrap().len(), 1, "only the account's opening");
    assert_eq!(world.upstream.count(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unknown_providers_services_and_types() {
    let world = World::new().await;
    let nobody = Address::repeat_byte(0x77);
    let body = json!({"provider": nobody.to_string(), "balance": "5"}).to_string();
    world.api().post("/v1/provider", body).await.refused(404, "unknown_provider", "GET /v1/service");
    world.api().get(&format!("/v1/provider/{nobody}")).await.refused(404, "no_account", "POST /v1/provider");
    world.api().post(&format!("/v1/provider/{nobody}/charge"), r#"{"balance": "5"}"#).await.refused(
        404,
        "no_account",
        "POST /v1/provider",
    );
    let call = format!("/v1/provider/{nobody}/service/llama7b/chat/completions");
    world.api().post(&call, SAY_THIS).await.refused(404, "unknown_service", "GET /v1/service");
    let call = world.paid("gpt9", "/chat/completions");
    world.api().post(&call, SAY_THIS).await.refused(404, "unknown_service", "gpt9");
    world.api().get(&world.paid("gpt9", "")).await.refused(404, "unknown_service", "gpt9");
    let call = "/v1/provider/0x12/service/llama7b/chat/completions";
    world.api().post(call, SAY_THIS).await.refused(400, "bad_input", "provider");
    let model = r#"{"model": "gpt9", "messages": []}"#;
    world.api().post("/v1/chat/completions", model).await.refused(404, "unknown_model", "gpt9");
    world.proxy().post("/v1/proxy/gpt9/chat/completions", SAY_THIS).await.refused(
        404,
        "unknown_service",
        "gpt9; the provider's terms list",
    );

    let service = |key: &str, value: Value| {
        let mut body = json!({
            "URL": world.upstream.url, "inputPrice": 1, "outputPrice": 1, "Type": "chatbot", "Name": "other",
        });
        body[key] = value;
        body.to_string()
    };
    let owner = world.owner();
    let register = async |body: String, words: &str| {
        owner.post("/v1/service", body).await.refused(400, "bad_input", words);
    };
    register(service("Type", json!("llm")), "type").await;
    register(service("Type", json!(7)), "Type").await;
    register(service("Name", json!("a/b")), "name").await;
    register(service("Name", json!("")), "name").await;
    register(service("URL", json!("<endpoint_of_the_prepared_service>")), "URL").await;
    register(service("URL", json!("ftp://127.0.0.1/x")), "URL").await;
    register(service("inputPrice", json!(-1)), "inputPrice").await;
    register(service("outputPrice", json!(1.5)), "outputPrice").await;
    register(service("outputPrice", json!("free")), "outputPrice").await;
    register(service("inputPrice", json!(TOO_LARGE)), "inputPrice").await;
    register(service("inptPrice", json!(1)), "did you mean inputPrice").await;
    assert_eq!(owner.get("/v1/service").await.is(200).json()["Metadata"]["total"], 1);
    nothing_happened(&world).await;
}

/// Zero is a price like any other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_may_be_free() {
    let world = World::new().await;
    let body = json!({
        "URL": world.upstream.url, "inputPrice": 0, "outputPrice": "0", "Type": "chatbot", "Name": "gratis",
    });
    world.owner().post("/v1/service", body.to_string()).await.is(204);
    world.user_sees("gratis").await;
    let got = world.api().post(&world.paid("gratis", "/chat/completions"), SAY_THIS).await.is(200);
    assert_eq!(got.header("zg-fee"), Some("0"));
    let books = world.check_books().await;
    assert_eq!((books.owed.get(), books.charged()), (0, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn amounts_that_are_none() {
    let world = World::new().await;
    let provider = world.provider_address();
    let bad = [
        (json!("-1"), "negative"),
        (json!(-1), "negative"),
        (json!("1.5"), "fraction"),
        (json!(1.5), "fraction"),
        (json!(TOO_LARGE), "2^112"),
        (json!("abc"), "not a number"),
        (json!(""), "empty"),
        (json!("0x10"), "not a number"),
        (json!("1e6"), "not a number"),
        (json!(true), "balance"),
        (json!([1]), "balance"),
    ];
    for (amount, words) in bad {
        let body = json!({"provider": provider.to_string(), "balance": amount}).to_string();
        let got = world.api().post("/v1/provider", body).await.refused(400, "bad_input", words);
        assert_eq!(got.json()["error"]["details"]["field"], "balance");
        let body = json!({"balance": amount}).to_string();
        world.api().post(&format!("/v1/provider/{provider}/charge"), body).await.refused(
            400,
            "bad_input",
            words,
        );
        let body = json!({"amount": amount}).to_string();
        let words = words.replace("balance", "amount");
        world.api().post(&format!("/v1/provider/{provider}/refund"), body).await.refused(
            400,
            "bad_input",
            &words,
        );
    }
    // A number that JSON can write and no 64-bit integer holds.
    let body = format!(r#"{{"balance": {TOO_LARGE}}}"#);
    world.api().post(&format!("/v1/provider/{provider}/charge"), body).await.refused(
        400,
        "bad_input",
        "as text",
    );
    for zero in ["0", "00"] {
        let body = json!({"balance": zero}).to_string();
        let path = format!("/v1/provider/{provider}/charge");
        world.api().post(&path, body).await.refused(400, "bad_input", "at least 1 neuron");
    }
    // The largest amount there is, on top of what is there.
    let most = format!(r#"{{"balance": "{}"}}"#, (1_u128 << 112) - 1);
    let path = format!("/v1/provider/{provider}/charge");
    world.api().post(&path, most).await.refused(400, "bad_input", "2^112");
    world.api().post(&path, "{}").await.refused(400, "bad_input", "missing");
    world.api().post(&path, r#"{"balance": 1, "amount": 1}"#).await.refused(400, "bad_input", "not both");
    nothing_happened(&world).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn accounts_and_refunds_that_cannot_be() {
    let world = World::new().await;
    let provider = world.provider_address();
    let again = json!({"provider": provider.to_string(), "balance": "5"}).to_string();
    world.api().post("/v1/provider", again).await.refused(409, "account_exists", "/charge");
    let own = json!({"provider": world.user_address().to_string(), "balance": "5"}).to_string();
    world.api().post("/v1/provider", own).await.refused(400, "own_address", "somebody else");
    let refund = format!("/v1/provider/{provider}/refund");
    let too_much = json!({"amount": (DEPOSIT + 1).to_string()}).to_string();
    let got = world.api().post(&refund, too_much).await.refused(409, "not_free", &DEPOSIT.to_string());
    assert_eq!(got.json()["error"]["details"]["free"], DEPOSIT.to_string());
    world.api().post_empty(&format!("{refund}/process")).await.refused(404, "no_refund", "no refund");
    world.api().post_empty(&format!("{refund}/cancel")).await.refused(404, "no_refund", "no refund");
    nothing_happened(&world).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deposits_that_the_wallet_cannot_pay() {
    let world = World::new().await;
    let provider = world.provider_address();
    let path = format!("/v1/provider/{provider}/charge");
    let wallet = world.wallet_of(world.user_address()).await;
    // More than there is, and all there is but for the gas.
    for amount in [wallet + 1, wallet - 1_000] {
        let body = json!({"balance": amount.to_string()}).to_string();
        let got = world.api().post(&path, body).await.refused(402, "insufficient_funds", "gas included");
        let details = &got.json()["error"]["details"];
        let number = |key: &str| details[key].as_str().unwrap().parse::<u128>().unwrap();
        assert_eq!(number("available"), wallet);
        assert_eq!(number("missing"), number("needed") - wallet);
    }
    assert_eq!(world.wallet_of(world.user_address()).await, wallet, "nothing was spent");
    let books = world.check_books().await;
    assert_eq!(books.balance.get(), DEPOSIT);
    let account = world.account().await;
    assert_eq!(account["Balance"], DEPOSIT.to_string());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deposit_too_small_says_what_is_missing_and_how() {
    let world = World::bare(Plan::default()).await;
    world.register_chatbot().await;
    world.ask(SAY_THIS).await.refused(404, "no_account", "POST /v1/provider");
    world.open_account(1_000).await;
    let got = world.ask(SAY_THIS).await.refused(402, "insufficient_balance", "/charge");
    let details = &got.json()["error"]["details"];
    let missing = details["missing"].as_str().unwrap().to_owned();
    assert_eq!(details["available"], "1000");
    assert_eq!(world.upstream.count(), 0);
    let books = world.check_books().await;
    assert_eq!((books.owed.get(), books.authorized.get()), (0, 0));
    // Exactly what is missing is enough, for an answer of one unit.
    let charge = format!("/v1/provider/{}/charge", world.provider_address());
    world.api().post(&charge, json!({"balance": missing}).to_string()).await.is(202);
    world.upstream.say(super::world::Reply::chat("Yes"));
    world.ask(SAY_THIS).await.is(200);
    let books = world.check_books().await;
    assert_eq!(books.owed.get(), chat_fee("Say this is a test!", "Yes"));
    let account = world.account().await;
    assert_eq!(account["Available"], "0");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bodies_that_are_not_what_a_route_takes() {
    let world = World::new().await;
    let api = world.api();
    for body in ["{nonsense", "[]", "null", "\"text\"", "{\"provider\": }"] {
        api.post("/v1/provider", body).await.refused(400, "bad_input", "");
    }
    api.post("/v1/provider", "").await.refused(400, "bad_input", "empty");
    let text =
        api.request(http::Method::POST, "/v1/provider").header("content-type", "text/plain").body("{}");
    super::world::finish(text).await.refused(400, "bad_input", "application/json");
    let large = format!(r#"{{"provider": "{}"}}"#, "x".repeat(100_000));
    api.post("/v1/provider", large.clone()).await.refused(413, "body_too_large", "larger than");
    world.owner().post("/v1/service", large).await.refused(413, "body_too_large", "larger than");
    api.post("/v1/chat/completions", "{nonsense").await.refused(400, "bad_input", "OpenAI");
    api.post("/v1/chat/completions", r#"{"messages": []}"#).await.refused(400, "bad_input", "model");
    nothing_happened(&world).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paid_body_above_the_limit() {
    let mut plan = Plan::default();
    plan.user.max_chat_body = 10_000;
    let world = World::with(plan).await;
    let large = chat(&"word ".repeat(4_000));
    world.ask(large.clone()).await.refused(413, "body_too_large", "10000");
    // Without an announced length it is noticed on the way.
    let chunks: Vec<Result<Vec<u8>, std::io::Error>> =
        large.as_bytes().chunks(1_000).map(|chunk| Ok(chunk.to_vec())).collect();
    let body = reqwest::Body::wrap_stream(futures_util::stream::iter(chunks));
    world.ask(body).await.refused(413, "body_too_large", "10000");
    nothing_happened(&world).await;

    let settings = ProviderSettings {
        body_limits: zgserve_tui::broker::provider::BodyLimits { chatbot: 10_000, zg_storage: 10_000 },
        ..Plan::default().provider
    };
    let world = World::with(Plan { provider: settings, ..Plan::default() }).await;
    let mut forged = world.forge("").await;
    forged.body = large.clone().into_bytes();
    forged.signed_body = large.into_bytes();
    world.send(&forged).await.refused(413, "body_too_large", "10000");
    nothing_happened_here(&world).await;
}

/// As [`nothing_happened`], where the user signed by hand.
async fn nothing_happened_here(world: &World) {
    assert_eq!(world.provider_requests().await.len(), 0);
    assert_eq!(world.upstream.count(), 0);
    let user = world.provider().user(world.user_address()).unwrap();
    assert_eq!((user.owed.get(), user.reserved.get(), user.in_flight), (0, 0, 0));
    assert_eq!(world.provider_store().audit().await.unwrap(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn suffixes_that_leave_the_service() {
    let world = World::new().await;
    let provider = world.provider_address();
    let suffixes = [
        "/../admin",
        "/..",
        "/chat/../../admin",
        "/%2e%2e/admin",
        "/%2E%2E",
        "/.%2e/x",
        "/a%2f..%2fb",
        "/chat/completions\\..\\x",
        "/%5c..%5c",
        "/http://evil.example/x",
    ];
    for suffix in suffixes {
        let head = format!("POST /v1/provider/{provider}/service/llama7b{suffix}");
        let (status, answer) = raw(&world.api().base, &head, SAY_THIS).await;
        assert_eq!(status, 400, "{suffix}: {answer}");
        assert!(answer.contains("bad_path"), "{suffix}: {answer}");
        let head = format!("POST /v1/proxy/llama7b{suffix}");
        let (status, answer) = raw(&world.proxy().base, &head, SAY_THIS).await;
        assert_eq!(status, 400, "{suffix}: {answer}");
    }
    nothing_happened(&world).await;
    assert_eq!(world.user_requests().await.len(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_generates_is_free() {
    let world = World::new().await;
    let proxy = world.proxy();
    for path in ["/chat/completions", "/chat/completions?x=/models", "/unknown", "", "/", "/models/x"] {
        let got = proxy.post(&format!("/v1/proxy/llama7b{path}"), SAY_THIS).await;
        got.refused(401, "payment_missing", "zg-voucher");
    }
    let doubled = proxy.post("/v1/proxy/llama7b//chat/completions", SAY_THIS).await;
    doubled.refused(400, "bad_path", "empty segment");
    // A GET with a body, and a free path with one.
    for path in ["/chat/completions", "/models"] {
        let request = proxy.request(http::Method::GET, &format!("/v1/proxy/llama7b{path}")).body(SAY_THIS);
        super::world::finish(request).await.refused(401, "payment_missing", "zg-voucher");
    }
    proxy.get("/v1/proxy/llama7b/models").await.is(200);
    assert_eq!(world.upstream.count(), 1);
    assert_eq!(world.upstream.arrived()[0].body.len(), 0);
    let through = world.api().get(&world.paid("llama7b", "/models")).await.is(200);
    assert!(through.whole);
    until("both were free", async || (world.upstream.count() == 2).then_some(())).await;
    let books = world.check_books().await;
    assert_eq!((books.user_requests.len(), books.provider_requests.len(), books.owed.get()), (0, 0, 0));
}
