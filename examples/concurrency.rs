//! Throughput of one user with 32 requests in flight against one, through both brokers, with a 20 ms upstream (goal G11).
//!
//! ```sh
//! cargo build --release && cargo run --release --example concurrency
//! ```
//!
//! Runs the real program as `demo --headless` on ports of its own, full signing and booking on, and prints the ratio of each pass. A
//! pass counts only if no request failed and both brokers' books hold exactly the requests that were counted here.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::float_arithmetic,
    clippy::disallowed_methods,
    reason = "a measurement, not a part of the program"
)]

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use axum::Json;
use axum::routing::post;
use serde_json::{Value, json};

const USER: &str = "http://127.0.0.1:11034";
const PROVIDER: &str = "http://127.0.0.1:13080";
const PASSES: usize = 5;
const PASS: Duration = Duration::from_secs(4);

/// Ends the program when the measurement ends, however that is.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::main]
async fn main() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let upstream = upstream().await;
    let program = std::env::current_exe().unwrap().parent().unwrap().parent().unwrap().join("zgserve-tui");
    let _demo = Running(
        Command::new(program)
            .args(["demo", "--headless", "--upstream", &upstream])
            .args(["--user-port", "11034", "--provider-port", "13080", "--chain-port", "18545"])
            .stdout(Stdio::null())
            .spawn()
            .expect("build the program first: cargo build --release"),
    );
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let route = open_account(&client).await;
    run(&client, &route, 4, Duration::from_secs(2)).await;

    let mut counted = total(&client).await;
    let mut ratios = Vec::new();
    for pass in 1..=PASSES {
        let (one, many) = if pass % 2 == 0 {
            let many = run(&client, &route, 32, PASS).await;
            (run(&client, &route, 1, PASS).await, many)
        } else {
            (run(&client, &route, 1, PASS).await, run(&client, &route, 32, PASS).await)
        };
        counted += one + many;
        let rate = |count: u64| count as f64 / PASS.as_secs_f64();
        ratios.push(rate(many) / rate(one));
        println!(
            "pass {pass}: 1 in flight {:.1}/s, 32 in flight {:.1}/s, ratio {:.1}",
            rate(one),
            rate(many),
            rate(many) / rate(one)
        );
    }
    assert_eq!(total(&client).await, counted, "the user's books hold what was counted");
    let books: Value = client.get(format!("{PROVIDER}/v1/user")).send().await.unwrap().json().await.unwrap();
    let listing: Value =
        client.get(format!("{USER}/v1/request?limit=1")).send().await.unwrap().json().await.unwrap();
    assert_eq!(books["Items"][0]["Owed"], listing["Fee"], "both brokers' sums are equal");
    ratios.sort_by(f64::total_cmp);
    println!("median ratio {:.1} (min {:.1}, max {:.1})", ratios[PASSES / 2], ratios[0], ratios[PASSES - 1]);
}

/// An OpenAI-shaped service that takes 20 ms.
async fn upstream() -> String {
    let answer = || async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        let message =
            json!({"role": "assistant", "content": "Twenty milliseconds have passed since you asked."});
        Json(json!({"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}))
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = axum::Router::new().route("/chat/completions", post(answer));
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    format!("http://{address}")
}

/// Waits for the brokers, opens an account, and gives the address of the paid call.
async fn open_account(client: &reqwest::Client) -> String {
    for _ in 0..200 {
        let services = client.get(format!("{USER}/v1/service")).send().await;
        if let Ok(services) = services {
            let services: Value = services.json().await.unwrap();
            let chat = services["Items"].as_array().unwrap().iter().find(|s| s["Type"] == "chatbot").cloned();
            if let Some(service) = chat {
                let provider = service["Provider"].as_str().unwrap().to_owned();
                let body = json!({"provider": provider, "balance": "1000000000000000000"});
                let opened = client.post(format!("{USER}/v1/provider")).json(&body).send().await.unwrap();
                assert_eq!(opened.status(), 204);
                let name = service["Name"].as_str().unwrap();
                return format!("{USER}/v1/provider/{provider}/service/{name}/chat/completions");
            }
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the demo does not answer");
}

/// How many requests `lanes` callers finish in `time`, each one after the other.
async fn run(client: &reqwest::Client, route: &str, lanes: usize, time: Duration) -> u64 {
    let until = Instant::now() + time;
    let lane = || {
        let (client, route) = (client.clone(), route.to_owned());
        tokio::spawn(async move {
            let mut done = 0;
            while Instant::now() < until {
                let body = json!({"max_tokens": 64, "messages": [{"role": "user", "content": "How long did it take?"}]});
                let answer = client.post(&route).json(&body).send().await.unwrap();
                assert_eq!(answer.status(), 200);
                answer.bytes().await.unwrap();
                done += 1;
            }
            done
        })
    };
    let lanes: Vec<_> = (0..lanes).map(|_| lane()).collect();
    let mut done = 0;
    for lane in lanes {
        done += lane.await.unwrap();
    }
    done
}

async fn total(client: &reqwest::Client) -> u64 {
    let listing: Value =
        client.get(format!("{USER}/v1/request?limit=1")).send().await.unwrap().json().await.unwrap();
    listing["Metadata"]["total"].as_u64().unwrap()
}
