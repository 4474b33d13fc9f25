//! Spans of the real program at a collector: which there are, what is in them, and what is not.
#![cfg(feature = "otel")]

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::world::{Client, Reply, Upstream, until};

const CANARY: &str = "canary zebra umbrella";

/// All spans that have arrived.
fn spans(collector: &Upstream) -> Vec<Value> {
    let mut found = Vec::new();
    for arrived in collector.arrived() {
        assert_eq!(arrived.target, "/v1/traces");
        assert_eq!(arrived.headers["content-type"], "application/json");
        let batch: Value = serde_json::from_slice(&arrived.body).unwrap();
        for resource in batch["resourceSpans"].as_array().unwrap() {
            let named = resource["resource"]["attributes"].as_array().unwrap();
            assert!(named.iter().any(|one| one["value"]["stringValue"] == "zgserve-tui"), "{named:?}");
            for scope in resource["scopeSpans"].as_array().unwrap() {
                found.extend(scope["spans"].as_array().unwrap().clone());
            }
        }
    }
    found
}

fn attribute<'a>(span: &'a Value, name: &str) -> Option<&'a str> {
    let all = span["attributes"].as_array()?;
    all.iter().find(|one| one["key"] == name)?["value"]["stringValue"].as_str()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_spans_of_both_brokers_name_the_paid_request_and_nothing_that_was_said() {
    let collector = Upstream::start().await;
    collector.decide(|_| Reply::whole(200, "application/json", "{}"));
    let home = tempfile::tempdir().unwrap();
    let mut program = Command::new(env!("CARGO_BIN_EXE_zgserve-tui"))
        .args(["demo", "--headless", "--user-port", "0", "--provider-port", "0", "--chain-port", "0"])
        .args(["--otlp", &collector.url, "--log", "error"])
        .env("HOME", home.path())
        .env("OTEL_BSP_SCHEDULE_DELAY", "100")
        .current_dir(home.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(program.stdout.take().unwrap()).lines();
    let url = loop {
        let line = lines.next().expect("the demo says where its API is").unwrap();
        if let Some(at) = line.find("http://127.0.0.1:").filter(|_| line.to_lowercase().contains("user")) {
            break line[at..].split_whitespace().next().unwrap().trim_end_matches('/').to_owned();
        }
    };
    let rest = std::thread::spawn(move || lines.map_while(Result::ok).count());
    let client = Client::new(url);
    let services = client.get("/v1/service").await.json();
    let provider = services["Items"][0]["Provider"].as_str().unwrap().to_owned();
    let open = json!({"provider": provider, "balance": "1000000000000000000"}).to_string();
    assert!(client.post("/v1/provider", open).await.status < 300);
    let chat = json!({"messages": [{"role": "user", "content": format!("Say {CANARY}!")}]}).to_string();
    let got =
        client.post(&format!("/v1/provider/{provider}/service/eliza/chat/completions"), chat).await.is(200);
    let paid = got.header("zg-request-id").unwrap().to_owned();
    let named = async || {
        let spans = spans(&collector);
        let of = |name: &str| spans.iter().filter(|span| span["name"] == name).cloned().collect::<Vec<_>>();
        let both: Vec<_> =
            of("request").into_iter().filter(|span| attribute(span, "request") == Some(&paid)).collect();
        (both.len() >= 2 && !of("paid call").is_empty() && !of("proxied request").is_empty()).then_some(both)
    };
    let both = until("the spans of both sides arrive", named).await;
    assert!(both.iter().any(|span| attribute(span, "path").unwrap().contains("/v1/proxy/eliza")));
    assert!(Command::new("kill").args(["-TERM", &program.id().to_string()]).status().unwrap().success());
    assert!(program.wait().unwrap().success());
    rest.join().unwrap();
    for arrived in collector.arrived() {
        let text = String::from_utf8(arrived.body.to_vec()).unwrap().to_lowercase();
        for secret in CANARY.split(' ').chain(["authorization", "zg-voucher"]) {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
    }
}
