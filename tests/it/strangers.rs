//! What strangers wrote, in everything that the real program prints (S13): the corpus as what a provider puts on the
//! chain, what a node says, and what an API answers.

use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;

use alloy::sol_types::SolCall;
use axum::Router;
use axum::extract::State;
use axum::http::{Method, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};
use zgserve_tui::chain::{Call, Chain, ChainSettings, Endpoint, Outcome, Sender, TxSigner};
use zgserve_tui::domain::{Neuron, OperationId, Prices, ServiceKind};

use super::attacks::{Attack, attacks, found, short_attacks};
use super::chain::net::{Book, Net, key, quick};
use super::first_run::Devnet;
use super::terminal::Terminal;

alloy::sol! {
    function addOrUpdateService(
        string name, string serviceType, string url, string model, uint128 inputPrice, uint128 outputPrice
    );
}

/// What a command printed, on both outputs, and whether it ended by itself.
async fn run(args: &[&str], home: &Path, envs: &[(&str, &str)]) -> String {
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_zgserve-tui"));
    command.args(args).stdin(Stdio::null()).env("HOME", home).env("TMPDIR", home).current_dir(home);
    for name in ["XDG_CONFIG_HOME", "XDG_DATA_HOME"] {
        command.env_remove(name);
    }
    command.envs(envs.iter().copied()).kill_on_drop(true);
    let output = tokio::time::timeout(std::time::Duration::from_secs(300), command.output()).await;
    let output = output.unwrap_or_else(|_| panic!("{args:?} never ends")).unwrap();
    let text = [output.stdout, output.stderr].concat();
    String::from_utf8(text).unwrap_or_else(|error| panic!("{args:?} printed what is no text: {error}"))
}

fn check(what: &str, text: &str) {
    let shown = text.chars().take(2_000).collect::<String>();
    assert_eq!(found(&text.replace('\t', " ")), None, "{what}:\n{shown:?}");
}

/// How an API answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Says {
    /// Lists and objects of the right shape, every text in them an attack.
    Objects,
    /// No, with an attack for code and words.
    No,
    /// Something that is no JSON.
    Nonsense,
}

/// Every name that an answer of either broker has, and more.
const KEYS: &[&str] = &[
    "Provider",
    "Name",
    "Type",
    "Model",
    "URL",
    "PublicURL",
    "InputPrice",
    "OutputPrice",
    "Balance",
    "Available",
    "Owed",
    "Settled",
    "PendingRefund",
    "Index",
    "Amount",
    "CreatedAt",
    "UnlockAt",
    "Status",
    "ServiceName",
    "InputUnits",
    "OutputUnits",
    "Fee",
    "RequestID",
    "ShortUser",
    "User",
    "Unsettled",
    "Risk",
    "State",
    "Paid",
    "GasCost",
    "TransactionHash",
    "TransactionURL",
    "Note",
    "Reason",
    "OperationID",
    "Kind",
    "Meter",
    "Differs",
    "Text",
    "Health",
    "Listed",
    "Target",
    "Verdict",
    "id",
    "object",
    "owned_by",
    "message",
    "code",
];

fn object(text: &str) -> Value {
    let mut all: Map<String, Value> = KEYS.iter().map(|key| ((*key).to_owned(), json!(text))).collect();
    all.insert(text.to_owned(), json!([text, {text: text}]));
    Value::Object(all)
}

async fn answer(State((says, all)): State<(Says, Arc<Vec<Attack>>)>, method: Method, uri: Uri) -> Response {
    let joined: String = all.iter().map(|attack| attack.text.as_str()).collect();
    match says {
        Says::No => {
            let no =
                json!({"error": {"code": joined, "message": joined, "details": {joined.clone(): joined}}});
            (axum::http::StatusCode::CONFLICT, axum::Json(no)).into_response()
        }
        Says::Nonsense => (axum::http::StatusCode::BAD_GATEWAY, joined).into_response(),
        Says::Objects if uri.path().ends_with("/chat/completions") => {
            let mut stream = String::new();
            for attack in all.iter() {
                let data =
                    json!({"choices": [{"delta": {"content": attack.text}, "finish_reason": attack.text}]});
                stream.push_str(&format!("data: {data}\n\n"));
            }
            ([("content-type", "text/event-stream"), ("zg-request-id", "x")], stream).into_response()
        }
        Says::Objects => {
            let items: Vec<Value> = all.iter().map(|attack| object(&attack.text)).collect();
            let mut body = object(&joined);
            body["Metadata"] = json!({"total": items.len(), "Next": joined, "Fee": joined});
            body["Items"] = json!(items);
            body["Unknown"] = json!(items);
            body["data"] =
                json!([{"id": "0x70997970C51812dc3A010C7d01b50e0d17dc79C8/llama7b", "object": "model"}]);
            let status = if method == Method::GET { 200 } else { 202 };
            (axum::http::StatusCode::from_u16(status).unwrap(), axum::Json(body)).into_response()
        }
    }
}

async fn api(says: Says, all: Vec<Attack>) -> String {
    let router = Router::new().fallback(answer).with_state((says, Arc::new(all)));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

const PROVIDER: &str = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8";

/// One command of each kind that shows something.
fn commands() -> Vec<Vec<&'static str>> {
    vec![
        vec!["service", "list"],
        vec!["service", "list", "--json"],
        vec!["service", "show", PROVIDER, "llama7b"],
        vec!["service", "show", PROVIDER, "llama7b", "--json"],
        vec!["account", "list"],
        vec!["account", "show", PROVIDER],
        vec!["account", "create", PROVIDER, "5"],
        vec!["refund", "list"],
        vec!["request", "list"],
        vec!["request", "list", "--json"],
        vec!["provider", "service", "list"],
        vec!["provider", "service", "show", "llama7b"],
        vec!["provider", "service", "sync"],
        vec!["provider", "requests"],
        vec!["provider", "settlements"],
        vec!["settle", "--dry-run"],
        vec!["settle", "--json"],
        vec!["chat", "-m", "hi"],
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_command_prints_what_steers_a_terminal() {
    let home = tempfile::tempdir().unwrap();
    for says in [Says::Objects, Says::No, Says::Nonsense] {
        let url = api(says, short_attacks()).await;
        let commands = commands();
        let few = if says == Says::Objects { commands.len() } else { 6 };
        let printed = futures_util::future::join_all(commands.iter().take(few).map(|command| {
            let args: Vec<&str> = command.iter().copied().chain(["--url", &url]).collect();
            let home = home.path().to_owned();
            async move { run(&args, &home, &[]).await }
        }))
        .await;
        for (command, text) in commands.iter().zip(&printed) {
            check(&format!("{command:?}, {says:?}"), text);
            assert!(!text.is_empty(), "{command:?}, {says:?}");
        }
        if says == Says::Objects {
            // It did print the texts themselves, and JSON that says the same.
            assert!(printed[0].contains("owned") && printed[17].contains("owned"), "{}", printed[0]);
            let json: Value = serde_json::from_str(&printed[1]).unwrap();
            let all = short_attacks();
            let names: Vec<&str> =
                json["Items"].as_array().unwrap().iter().map(|one| one["Name"].as_str().unwrap()).collect();
            assert_eq!(names, all.iter().map(|attack| attack.text.as_str()).collect::<Vec<_>>());
        }
    }
}

/// A node of the chain that answers each question with the same error.
async fn node(text: String) -> String {
    let router = Router::new().fallback(move |body: String| {
        let text = text.clone();
        async move {
            let asked: Value = serde_json::from_str(&body).unwrap_or_default();
            let error = json!({"code": -32000, "message": text, "data": text});
            axum::Json(json!({"jsonrpc": "2.0", "id": asked["id"], "error": error}))
        }
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_node_says_is_told_as_one_clean_line() {
    let home = tempfile::tempdir().unwrap();
    let all: String = short_attacks().iter().map(|attack| attack.text.as_str()).collect();
    let url = node(all.clone()).await;
    for args in [["doctor", "user"], ["doctor", "provider"], ["service", "list"]] {
        let text =
            run(&args, home.path(), &[("ZGSERVE_CHAIN__RPC_URL", &url), ("ZGSERVE_LOG", "debug")]).await;
        check(&format!("{args:?}"), &text);
        assert!(text.contains("refuses") || text.contains("key"), "{args:?}: {text}");
        assert!(!text.lines().any(|line| line.starts_with("2030-")), "a line of the log was forged: {text}");
    }
    // What stands in the settings themselves is somebody's text, too.
    for attack in short_attacks().into_iter().take(12).filter(|attack| !attack.text.contains('\0')) {
        let text = run(&["config", "check"], home.path(), &[("ZGSERVE_LISTEN", &attack.text)]).await;
        check(attack.name, &text);
    }
}

/// Puts services with hostile texts on the chain, as their provider may.
async fn list_all(chain: &Chain, sender: &Sender, all: &[Attack]) -> usize {
    let mut listed = 0;
    for (number, attack) in all.iter().enumerate() {
        let (url, model) = (cut(&attack.text, 512), cut(&attack.text, 128));
        if url.is_empty() {
            continue;
        }
        let call = Call::PutService {
            name: format!("s{number}").parse().unwrap(),
            kind: ServiceKind::Chatbot,
            url,
            model,
            prices: Prices { input: Neuron::new(1), output: Neuron::new(2) },
        };
        let outcome = sender.submit(OperationId::random(), call).await.unwrap().wait().await;
        assert!(matches!(outcome, Outcome::Mined { .. }), "{}: {outcome:?}", attack.name);
        listed += 1;
    }
    assert_eq!(chain.services(None).await.unwrap().services.len(), listed);
    listed
}

/// As many bytes as the contract takes.
fn cut(text: &str, most: usize) -> String {
    let mut end = text.len().min(most);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn texts_on_the_chain_are_read_clean_and_names_that_are_none_hide_nothing_else() {
    let net = Net::devnet().await;
    let book = Arc::new(Book::default());
    let sender = net.sender(key(1), &book);
    let listed = list_all(&net.chain, &sender, &attacks()[..20]).await;
    // The contract takes any name; this program only what cannot be misread.
    let mut unreadable = 0;
    for (nonce, attack) in (net.nonce(key(2).address()).await..).zip(short_attacks().into_iter().take(16)) {
        let (name, kind) = if nonce % 2 == 0 {
            (cut(&attack.text, 64), "chatbot".to_owned())
        } else {
            ("ok".to_owned(), cut(&attack.text, 32))
        };
        let call = addOrUpdateServiceCall {
            name,
            serviceType: kind,
            url: "http://provider.example".to_owned(),
            model: "m".to_owned(),
            inputPrice: 1,
            outputPrice: 2,
        };
        let hash = net.foreign(&key(2), nonce, net.chain.contract(), 0, call.abi_encode()).await;
        unreadable += usize::from(!hash.is_zero());
    }
    let list = net.chain.services(None).await.unwrap();
    assert_eq!(list.services.len(), listed, "the others are there");
    assert!(list.unreadable > 5 && list.unreadable <= unreadable, "{} of {unreadable}", list.unreadable);
    for service in &list.services {
        for text in [service.name.as_str(), &service.url, &service.model] {
            assert_eq!(found(text).or(text.contains('\n').then(String::new)), None, "{text:?}");
        }
    }
    let filter = zgserve_tui::chain::EventFilter::default();
    let head = net.chain.head().await.unwrap().number;
    for event in net.chain.events(0, head, filter).await.unwrap() {
        assert_eq!(found(&format!("{event:?}").replace("\\n", "")), None);
    }
}

/// Everything that a program wrote to its terminal is text and sequences of our own: positions, colours, modes that are
/// taken and given back, and the question for the colours of the ground.
fn foreign(written: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(written);
    let mut rest = text.as_ref();
    let mut plain = String::new();
    while let Some(at) = rest.find('\u{1b}') {
        plain.push_str(&rest[..at]);
        let behind = &rest[at + 1..];
        let near = || behind.chars().take(30).collect::<String>();
        let length = match behind.chars().next() {
            Some('[') => {
                let end = behind[1..].find(|c: char| ('@'..='~').contains(&c)).map(|end| end + 1)?;
                let (parameters, last) = (&behind[1..end], behind[end..].chars().next()?);
                let own = match last {
                    'm' | 'H' | 'J' | 'K' | 'A' | 'B' | 'C' | 'D' | 'G' | 'd' => {
                        parameters.chars().all(|c| c.is_ascii_digit() || c == ';' || c == ':')
                    }
                    'h' | 'l' => {
                        const MODES: [&str; 9] =
                            ["?25", "?1000", "?1002", "?1003", "?1004", "?1006", "?1015", "?1049", "?2004"];
                        MODES.contains(&parameters) || parameters == "?2026"
                    }
                    // Sent behind the question for colours, so that a terminal that ignores it is not waited for.
                    'c' => parameters.is_empty(),
                    _ => false,
                };
                if !own {
                    return Some(near());
                }
                end + 1
            }
            Some(']') => {
                let own = ["]10;?", "]11;?"].into_iter().find(|own| behind.starts_with(own));
                let Some(own) = own else { return Some(near()) };
                match &behind[own.len()..] {
                    end if end.starts_with('\u{7}') => own.len() + 1,
                    end if end.starts_with("\u{1b}\\") => own.len() + 2,
                    _ => return Some(near()),
                }
            }
            _ => return Some(near()),
        };
        rest = &behind[length..];
    }
    plain.push_str(rest);
    found(&plain.replace('\r', ""))
}

#[test]
fn the_check_of_what_was_written_finds_each_attack() {
    let sequences = short_attacks().into_iter().filter(|attack| found(&attack.text).is_some());
    let mut count = 0;
    for attack in sequences {
        // A tab or carriage return may well be ours, and a colour of a stranger looks like one of ours.
        let tame = attack.text.replace(['\r', '\t'], "");
        if foreign(tame.as_bytes()).is_none() {
            assert!(
                tame.contains("\u{1b}[31;1m") || found(&tame).is_none() || tame.contains("\u{1b}["),
                "{}",
                attack.name
            );
            continue;
        }
        count += 1;
    }
    assert!(count > 30, "{count}");
    assert_eq!(foreign(b"\x1b[?1049h\x1b[2J\x1b[1;1H\x1b[38;5;1mtext\x1b[0m\x1b]11;?\x07\x1b[c\r\n"), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_screens_write_nothing_to_the_terminal_that_is_not_ours() {
    let (devnet, home) = (Devnet::start(), tempfile::tempdir().unwrap());
    let contract = devnet.contract.parse().unwrap();
    let chain =
        Chain::open(ChainSettings::new(Endpoint::parse(&devnet.url).unwrap(), contract)).await.unwrap();
    let tasks = zgserve_tui::tasks::Tasks::new();
    let sender = Sender::start(chain.clone(), key(1), Arc::new(Book::default()), &tasks, quick());
    let all: Vec<Attack> = short_attacks().into_iter().take(24).collect();
    list_all(&chain, &sender, &all).await;
    let mut terminal = Terminal::open(40, 140, &["--read-only", "--rpc-url", &devnet.url], Some(home.path()));
    terminal.shows("Services").await;
    terminal.press("2");
    terminal.shows("s0").await;
    for screen in "23456789012".chars() {
        terminal.press(&screen.to_string());
        for key in ["\r", "z", "j", "j", "\u{1b}", "?", "\u{1b}"] {
            terminal.press(key);
            tokio::time::sleep(std::time::Duration::from_millis(15)).await;
        }
    }
    // Where the keys have led to depends on how fast they came; a signal ends it anywhere.
    terminal.end();
    terminal.ended().await;
    terminal.is_given_back().await;
    let written = terminal.written();
    assert_eq!(foreign(&written), None);
    let log = std::fs::read_to_string(super::first_run::named(home.path(), "screens.log")).unwrap();
    assert_eq!(found(&log), None);
    // The same in lines, as a screen reader has them.
    let mut plain =
        Terminal::open(40, 140, &["--plain", "--read-only", "--rpc-url", &devnet.url], Some(home.path()));
    plain.shows("Number?").await;
    plain.press("2\r");
    plain.shows("Words").await;
    plain.press("\r");
    plain.shows("s0").await;
    plain.end();
    plain.ended().await;
    assert_eq!(foreign(&plain.written()), None);
    tasks.stop(std::time::Duration::from_secs(2)).await;
}
