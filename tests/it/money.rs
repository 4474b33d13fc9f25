//! Money moved from the screens of the real program: what a dialog says is what happens, and it comes back.

use std::time::Duration;

use serde_json::{Value, json};

use super::terminal::Terminal;

const DOWN: &str = "\u{1b}[B";
const ESCAPE: &str = "\u{1b}";
const ENTER: &str = "\r";

/// Questions take no key that came while they appeared.
async fn read() {
    tokio::time::sleep(Duration::from_millis(400)).await;
}

async fn get(url: &str) -> Value {
    let answer = reqwest::get(url).await.unwrap().text().await.unwrap();
    serde_json::from_str(&answer).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_dialog_says_is_what_happens_and_the_money_comes_back() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let home = tempfile::tempdir().unwrap();
    let words = ["demo", "--user-port", "0", "--provider-port", "0", "--chain-port", "0", "--lock-time", "3"];
    let mut terminal = Terminal::open(50, 220, &words, Some(home.path()));
    terminal.shows("API http://").await;
    let text = terminal.text();
    let url = text.split_whitespace().find(|word| word.starts_with("http://127.0.0.1:")).unwrap().to_owned();
    let services = get(&format!("{url}/v1/service")).await;
    let provider = services["Items"][0]["Provider"].as_str().unwrap();
    let body = json!({ "provider": provider, "balance": "1000000000000000000" }).to_string();
    let open = reqwest::Client::new().post(format!("{url}/v1/provider"));
    let opened = open.header("content-type", "application/json").body(body).send().await.unwrap();
    assert!(opened.status().is_success());
    terminal.press("4");
    terminal.shows("1 account").await;

    terminal.press("D");
    terminal.shows("all that can be given").await;
    terminal.press("0.25 A0GI");
    terminal.shows("1.000000 A0GI → 1.250000 A0GI").await;
    terminal.press(ENTER);
    terminal.shows("[ Deposit  y ]").await;
    terminal.shows("1,250,000,000,000,000,000 neuron = 1.25 A0GI").await;
    read().await;
    terminal.press("y");
    terminal.shows("on the chain, in block").await;
    let account = get(&format!("{url}/v1/provider/{provider}")).await;
    assert_eq!(account["Balance"], json!("1250000000000000000"), "{account}");
    terminal.press(ESCAPE);
    terminal.shows("W refund").await;

    terminal.press("W");
    terminal.shows("half of what is free").await;
    terminal.press(DOWN);
    terminal.shows("1.250000 A0GI → 0.625000 A0GI").await;
    terminal.press(ENTER);
    terminal.shows("[ Ask for it  y ]").await;
    read().await;
    terminal.press("y");
    terminal.shows("on the chain, in block").await;
    terminal.press(ESCAPE);
    terminal.shows("W refund").await;
    terminal.press("6");
    // By itself, though nobody else mines a block.
    terminal.shows("✓ taken").await;
    let account = get(&format!("{url}/v1/provider/{provider}")).await;
    assert_eq!(account["Balance"], json!("625000000000000000"), "{account}");
    terminal.press("q");
    assert_eq!(terminal.ended().await, 0);
}
