//! Both APIs over real sockets: every route exists, strangers get nothing, the procedure's lines work as typed.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

mod late;
mod told;

use std::net::SocketAddr;

use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};

use super::demo::{Demo, start, stop};
use crate::cli::DemoArgs;
use crate::config::Listen;
use crate::http::{Access, Bound, RouteDoc};
use crate::{cli, http};

const STRANGER: &str = "0x90F79bf6EB2c4f870365E785982E1f101E93b906";

async fn demo() -> (Demo, Client) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let args = DemoArgs {
        plain: false,
        headless: true,
        upstream: None,
        user_port: 0,
        provider_port: 0,
        chain_port: 0,
        traffic: false,
        lock_time: 120,
    };
    let demo = Box::pin(start(&args, None)).await.unwrap();
    (demo, Client::builder().no_proxy().build().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_screens_of_a_demo_show_what_it_says_without_them() {
    let (demo, _) = demo().await;
    let args = DemoArgs {
        plain: false,
        headless: false,
        upstream: None,
        user_port: 0,
        provider_port: 0,
        chain_port: 0,
        traffic: false,
        lock_time: 120,
    };
    let told = super::demo::told(&demo, &args);
    let key = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
    let address = demo.addresses.user.to_string();
    for words in [key, "known to everybody", &address, "Try, in another terminal"] {
        assert!(told.contains(words), "{words}: {told}");
    }
    stop(demo).await;
}

/// A path with something that could be right in the place of each name.
fn filled(path: &str) -> String {
    path.replace("{provider}", STRANGER)
        .replace("{user}", STRANGER)
        .replace("{service}", "nothing-of-that-name")
        .replace("{*suffix}", "chat/completions")
        .replace("{id}", &"0".repeat(32))
}

async fn ask(client: &Client, at: SocketAddr, route: &RouteDoc) -> (StatusCode, String) {
    let method = if route.method == "ANY" { "PATCH" } else { route.method };
    let url = format!("http://{at}{}", filled(route.path));
    let mut request = client.request(method.parse().unwrap(), url);
    if !route.body.is_empty() {
        request = request.json(&json!({}));
    }
    let response = request.send().await.unwrap();
    let status = response.status();
    // Streams without an end are not read to it.
    let text = if status.is_success() { String::new() } else { response.text().await.unwrap() };
    (status, text)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_of_the_tables_answers() {
    let (mut demo, client) = demo().await;
    for (at, routes) in
        [(demo.addresses.user, http::user::routes()), (demo.addresses.provider, http::provider::routes())]
    {
        assert!(routes.len() > 20);
        for route in routes {
            let (status, text) = ask(&client, at, &route).await;
            assert!(
                !text.contains("no_such_route") && status != StatusCode::METHOD_NOT_ALLOWED,
                "{} {}: {status} {text}",
                route.method,
                route.path
            );
            if !status.is_success() {
                let body: Value = serde_json::from_str(&text).unwrap();
                assert!(body["error"]["code"].is_string() && body["error"]["message"].is_string(), "{text}");
            }
        }
    }
    // The public listener has the proxy and nothing else.
    let public = Bound::bind("127.0.0.1:0".parse().unwrap(), "public").await.unwrap();
    let at = public.address();
    demo.provider.listen_for_strangers(public);
    for route in http::provider::routes() {
        let (status, text) = ask(&client, at, &route).await;
        let absent = text.contains("no_such_route") || status == StatusCode::METHOD_NOT_ALLOWED;
        assert_eq!(absent, route.access != Access::Public, "{} {}: {status}", route.method, route.path);
    }
    for path in ["/", "/openapi.json"] {
        assert_eq!(client.get(format!("http://{at}{path}")).send().await.unwrap().status(), 404);
    }
    stop(demo).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_hosts_and_methods_of_strangers_are_refused_everywhere() {
    let (demo, client) = demo().await;
    for (at, routes) in
        [(demo.addresses.user, http::user::routes()), (demo.addresses.provider, http::provider::routes())]
    {
        for route in routes.iter().filter(|route| route.access != Access::Public) {
            let method: Method = if route.method == "ANY" { "POST" } else { route.method }.parse().unwrap();
            let url = format!("http://{at}{}", filled(route.path));
            for (name, value) in [
                ("host", "evil.example"),
                ("origin", "https://evil.example"),
                ("sec-fetch-site", "cross-site"),
            ] {
                let request = client.request(method.clone(), &url).header(name, value);
                let response = request.send().await.unwrap();
                assert_eq!(response.status(), 403, "{method} {url} {name}");
                assert!(!response.headers().contains_key("access-control-allow-origin"));
            }
            let preflight = client.request(Method::OPTIONS, &url).header("origin", "https://evil.example");
            let response = preflight.send().await.unwrap();
            assert!(response.status().is_client_error(), "OPTIONS {url}");
            assert!(!response.headers().keys().any(|name| name.as_str().starts_with("access-control")));
        }
    }
    stop(demo).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_asked_for_on_every_route_that_is_not_open() {
    let (mut demo, client) = demo().await;
    let bound = Bound::bind("127.0.0.1:0".parse().unwrap(), "second listener").await.unwrap();
    let at = bound.address();
    let listen = Listen {
        address: at,
        token: Some("a token of some length".to_owned().into()),
        allow_hosts: Vec::new(),
        without_token: false,
        private: false,
    };
    demo.provider.listen(bound, &listen).unwrap();
    for route in http::provider::routes() {
        let url = format!("http://{at}{}", filled(route.path));
        let method: Method = if route.method == "ANY" { "POST" } else { route.method }.parse().unwrap();
        for (token, right) in [(None, false), (Some("wrong"), false), (Some("a token of some length"), true)]
        {
            let mut request = client.request(method.clone(), &url);
            if let Some(token) = token {
                request = request.bearer_auth(token);
            }
            let response = request.send().await.unwrap();
            let refused =
                response.status() == 401 && response.text().await.unwrap().contains("token_required");
            assert_eq!(refused, route.access == Access::Owner && !right, "{method} {url} {token:?}");
        }
    }
    stop(demo).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_of_any_case_and_amounts_of_either_kind() {
    let (demo, client) = demo().await;
    let (user, provider) = (demo.addresses.user, demo.addresses.provider);
    let post = async |url: String, body: Value| {
        let response = client.post(url).json(&body).send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    };
    let service = |name: &str, body: Value| {
        let mut body = body;
        body["Name"] = json!(name);
        body
    };
    let bodies = [
        json!({"URL": "http://127.0.0.1:9", "inputPrice": 100_000, "outputPrice": 200_000, "Type": "chatbot"}),
        json!({"url": "http://127.0.0.1:9", "INPUTPRICE": "100000", "OutputPrice": "200000", "type": "chatbot", "model": null}),
    ];
    for (index, body) in bodies.into_iter().enumerate() {
        let (status, text) =
            post(format!("http://{provider}/v1/service"), service(&format!("s{index}"), body)).await;
        assert_eq!((status, text.as_str()), (204, ""));
    }
    let (status, text) =
        post(format!("http://{provider}/v1/service"), json!({"Name": "s9", "URL": "x", "inputPrise": 1}))
            .await;
    assert_eq!(status, 400);
    assert!(text.contains("did you mean inputPrice?"), "{text}");

    let owner = demo.provider.broker.address().to_string();
    let account = json!({"PROVIDER": owner.to_lowercase(), "Balance": 10_000_000});
    assert_eq!(post(format!("http://{user}/v1/provider"), account.clone()).await.0, 204);
    assert_eq!(post(format!("http://{user}/v1/provider"), account).await.0, 409);
    // A form, as any page could send it, is no JSON.
    let form = client.post(format!("http://{user}/v1/provider")).body("{}").send().await.unwrap();
    assert_eq!(form.status(), 400);

    // The same key is the same deposit.
    let charge = format!("http://{user}/v1/provider/{owner}/charge");
    for _ in 0..2 {
        let request = client.post(&charge).json(&json!({"balance": "5"})).header("idempotency-key", "k1");
        assert_eq!(request.send().await.unwrap().status(), 202);
    }
    let other = client.post(&charge).json(&json!({"balance": "6"})).header("idempotency-key", "k1");
    assert_eq!(other.send().await.unwrap().status(), 409);
    // What is refused was not done first.
    let misspelt = client.post(format!("{charge}?wait=maybe")).json(&json!({"balance": "7"}));
    assert_eq!(misspelt.send().await.unwrap().status(), 400);
    let shown: Value =
        client.get(format!("http://{user}/v1/provider/{owner}")).send().await.unwrap().json().await.unwrap();
    assert_eq!(shown["Balance"], "10000005");
    assert_eq!(shown["Provider"], owner);

    // Broadcast only: the operation can be followed.
    let request = client.post(format!("{charge}?wait=false")).json(&json!({"balance": "5"}));
    let answer: Value = request.send().await.unwrap().json().await.unwrap();
    let id = answer["OperationID"].as_str().unwrap();
    let operation = client.get(format!("http://{user}/v1/operation/{id}")).send().await.unwrap();
    assert_eq!(operation.status(), 200);
    stop(demo).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paid_chat_both_ways_and_its_settlement() {
    let (demo, client) = demo().await;
    let (user, provider) = (demo.addresses.user, demo.addresses.provider);
    let owner = demo.provider.broker.address().to_string();
    let messages = json!([{"role": "user", "content": "Say this is a test!"}]);
    let route = format!("http://{user}/v1/provider/{owner}/service/eliza/chat/completions");

    let early = client.post(&route).json(&json!({"messages": messages})).send().await.unwrap();
    assert!(early.status().is_client_error());
    let account = json!({"provider": owner, "balance": "10000000"});
    client.post(format!("http://{user}/v1/provider")).json(&account).send().await.unwrap();
    for (url, body) in [
        (route.clone(), json!({"messages": messages, "temperature": 0.7})),
        (format!("http://{user}/v1/chat/completions"), json!({"model": "eliza", "messages": messages})),
    ] {
        let answer: Value = client.post(url).json(&body).send().await.unwrap().json().await.unwrap();
        assert_eq!(answer["choices"][0]["message"]["content"], "This is a test!", "{answer}");
    }
    // Whatever a service answers, free or paid, runs nothing under our address.
    let models = format!("http://{user}/v1/provider/{owner}/service/eliza/models");
    let free = client.get(models).send().await.unwrap();
    assert_eq!(free.headers()["content-security-policy"], "sandbox; default-src 'none'");
    let body = json!({"messages": messages, "stream": true, "max_tokens": 20});
    let stream = client.post(&route).json(&body).send().await.unwrap().text().await.unwrap();
    assert!(stream.contains("data: [DONE]") && !stream.contains("zg-receipt"), "{stream}");

    // The last answer is booked a moment after its last byte.
    let listing = loop {
        let listing: Value =
            client.get(format!("http://{user}/v1/request")).send().await.unwrap().json().await.unwrap();
        let done =
            listing["Items"].as_array().unwrap().iter().filter(|item| item["Status"] == "done").count();
        if done == 3 {
            break listing;
        }
        tokio::task::yield_now().await;
    };
    let fees: u128 = listing["Items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["Fee"].as_str().unwrap().parse::<u128>().unwrap())
        .sum();
    assert_eq!(listing["Fee"], fees.to_string());
    let id = listing["Items"][0]["RequestID"].as_str().unwrap();
    let receipt = client.get(format!("http://{user}/v1/receipt/{id}")).send().await.unwrap();
    assert_eq!(receipt.status(), 200);

    let settle = client.post(format!("http://{provider}/v1/settle")).send().await.unwrap();
    assert_eq!(settle.status(), 202);
    let report: Value = settle.json().await.unwrap();
    assert!(report["Transactions"].as_array().unwrap().len() <= 1);
    stop(demo).await;
}

#[test]
fn exit_codes_are_those_that_help_lists() {
    let help = cli::command().render_long_help().to_string();
    let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
    for text in ["3 bad input", "4 short of funds", "5 unreachable", "6 refused", "7 sent", "8 port"] {
        assert!(help.contains(text), "{text}");
    }
}
