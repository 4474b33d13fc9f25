//! What the real program logs of what people ask and are told: nothing.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use serde_json::json;

/// Asked, and by its nature repeated in the answer.
const CANARY: &str = "canary zebra umbrella";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_prompt_and_no_answer_is_logged() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let home = tempfile::tempdir().unwrap();
    let mut program = Command::new(env!("CARGO_BIN_EXE_zgserve-tui"))
        .args(["demo", "--headless", "--user-port", "0", "--provider-port", "0", "--chain-port", "0"])
        .args(["--log", "debug"])
        .env("HOME", home.path())
        .current_dir(home.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let errors = program.stderr.take().unwrap();
    let logged = std::thread::spawn(move || std::io::read_to_string(errors).unwrap());
    let mut lines = BufReader::new(program.stdout.take().unwrap()).lines();
    let mut said = String::new();
    let url = loop {
        let line = lines.next().expect("the demo says where its API is").unwrap();
        said.push_str(&line);
        let user = line.to_lowercase().contains("user");
        if let Some(at) = line.find("http://127.0.0.1:").filter(|_| user) {
            break line[at..].split_whitespace().next().unwrap().trim_end_matches('/').to_owned();
        }
    };
    let rest = std::thread::spawn(move || lines.map_while(Result::ok).collect::<Vec<_>>().join("\n"));

    let client = reqwest::Client::new();
    let post = async |path: &str, body: serde_json::Value| {
        let request = client.post(format!("{url}{path}")).header("content-type", "application/json");
        let answer = request.body(body.to_string()).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    let services = client.get(format!("{url}/v1/service")).send().await.unwrap().text().await.unwrap();
    let services: serde_json::Value = serde_json::from_str(&services).unwrap();
    let chatbot = services["Items"].as_array().unwrap().iter().find(|one| one["Type"] == "chatbot").unwrap();
    let (provider, name) = (chatbot["Provider"].as_str().unwrap(), chatbot["Name"].as_str().unwrap());
    let opened = post("/v1/provider", json!({"provider": provider, "balance": "1000000000000000000"})).await;
    assert!((200..300).contains(&opened.0), "{opened:?}");
    let chat = |stream: bool| json!({"messages": [{"role": "user", "content": format!("Say {CANARY}!")}], "stream": stream});
    let route = format!("/v1/provider/{provider}/service/{name}/chat/completions");
    for stream in [false, true] {
        let (status, answer) = post(&route, chat(stream)).await;
        assert_eq!(status, 200, "{answer}");
        let words: Vec<&str> = CANARY.split(' ').collect();
        let said = answer.to_lowercase();
        assert!(words.iter().all(|word| said.contains(word)), "the answer repeats it: {answer}");
    }
    // What fails is logged more readily than what does not.
    let (status, _) = post(&route, json!({"messages": CANARY})).await;
    assert!(status >= 400);
    let (status, _) =
        post(&format!("/v1/provider/{provider}/service/{name}/{}", "no/such/path"), chat(false)).await;
    assert!(status >= 400);

    let pid = program.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    assert!(program.wait().unwrap().success());
    let (logged, rest) = (logged.join().unwrap(), rest.join().unwrap());
    assert!(logged.contains("DEBUG"), "something was logged: {logged}");
    for text in [logged, rest, said] {
        for word in CANARY.split(' ') {
            assert!(!text.to_lowercase().contains(word), "{word} in {text}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_id_finds_a_paid_request_in_the_logs_of_both_brokers() {
    let house = super::moving::House::build().await;
    let super::moving::House { mut place, upstream } = house;
    let json = ["--log-format", "json"];
    let provider = place.daemon("provider", &[&["provider"], &json[..]].concat(), "provider.yaml").await;
    let target = upstream.url.clone();
    let add = ["provider", "service", "add", "llama7b", "--target", &target];
    let add = [&add[..], &["--input-price", "100000", "--output-price", "200000"]].concat();
    place.runs("service add", &add, "provider.yaml");
    let user = place.daemon("user", &[&["--headless"], &json[..]].concat(), "user.yaml").await;
    place.runs("sync", &["account", "sync"], "user.yaml");
    place.runs("create", &["account", "create", &super::moving::provider(), "0.001A0GI"], "user.yaml");
    let got = user.api(super::moving::USER_TOKEN).post("/v1/chat/completions", super::moving::chat()).await;
    assert_eq!(got.status, 200, "{got:?}");
    let (paid, own) = (got.header("zg-request-id").unwrap(), got.header("x-request-id").unwrap().to_owned());
    place.stop(user).await;
    place.stop(provider).await;
    for (name, route) in
        [("user", "/v1/chat/completions"), ("provider", "/v1/proxy/llama7b/chat/completions")]
    {
        let log = std::fs::read_to_string(place.path(&format!("{name} log"))).unwrap();
        let found: Vec<serde_json::Value> = log
            .lines()
            .filter(|line| line.starts_with('{') && line.contains(paid))
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let answered =
            found.iter().find(|line| line["fields"]["message"] == "answered").expect("it was answered");
        assert_eq!(answered["fields"]["request"], paid);
        let path = answered["fields"]["path"].as_str().unwrap();
        assert!(path.contains(route) && path.starts_with('/') && !path.contains('"'), "{answered}");
        assert_eq!(
            name == "user",
            answered["fields"]["id"] == own.as_str(),
            "each side has an id of its own too"
        );
    }
}
