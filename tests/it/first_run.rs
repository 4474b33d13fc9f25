//! The real program in a pseudo-terminal, started by somebody who has nothing yet: look around, make a wallet, the demo.

use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::terminal::Terminal;
use super::world::FaultProxy;

/// `ctrl+u`, `ctrl+s`, `ctrl+c`.
const CLEAR: &str = "\u{15}";
const SUBMIT: &str = "\u{13}";
const STOP: &str = "\u{3}";

/// A chain of its own, on a port that the system chose.
pub struct Devnet {
    child: Child,
    pub url: String,
    pub contract: String,
}

impl Devnet {
    pub fn start() -> Devnet {
        let mut command = Command::new(env!("CARGO_BIN_EXE_zgserve-tui"));
        let child = command.args(["devnet", "--listen", "127.0.0.1:0", "--lock-time", "120"]);
        let mut child = child.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let url = line.split([' ', ',']).find(|word| word.starts_with("http://")).unwrap().to_owned();
        let contract = line.trim_end().rsplit(' ').next().unwrap().to_owned();
        Devnet { child, url, contract }
    }
}

impl Drop for Devnet {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn home() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

/// Everything that a home holds, directories left out.
fn files(home: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![home.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { found.push(path) }
        }
    }
    found
}

pub fn named(home: &Path, end: &str) -> PathBuf {
    let found = files(home);
    found
        .iter()
        .find(|path| path.to_str().unwrap().ends_with(end))
        .unwrap_or_else(|| panic!("{found:?}"))
        .clone()
}

/// Names the chain where it is asked for.
async fn choose_chain(terminal: &mut Terminal, url: &str) {
    terminal.shows("Contract").await;
    terminal.press(CLEAR);
    terminal.press(url);
    terminal.shows("a Serving contract; refunds are locked for 2 min").await;
    terminal.press(SUBMIT);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn somebody_looks_around_without_a_key() {
    let (devnet, home) = (Devnet::start(), home());
    let mut terminal = Terminal::open(24, 80, &[], Some(home.path()));
    terminal.shows("How do you want to begin?").await;
    assert_eq!(files(home.path()), Vec::<PathBuf>::new(), "asking writes nothing");
    terminal.press("3");
    choose_chain(&mut terminal, &devnet.url).await;
    terminal.shows("Services").await;
    let settings = named(home.path(), "user.yaml");
    assert_eq!(std::fs::metadata(&settings).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(std::fs::read_to_string(&settings).unwrap().contains(&devnet.url));
    assert_eq!(
        std::fs::metadata(named(home.path(), "screens.log")).unwrap().permissions().mode() & 0o777,
        0o600
    );
    terminal.press("q");
    assert_eq!(terminal.ended().await, 0);
    terminal.is_given_back().await;
    // The next time only the key is open, and may stay so.
    let mut terminal = Terminal::open(16, 60, &[], Some(home.path()));
    terminal.shows("Whose money pays?").await;
    terminal.press("4");
    terminal.shows("Services").await;
    terminal.press("q");
    assert_eq!(terminal.ended().await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wallet_is_made_funded_and_unlocked_again() {
    let (devnet, home) = (Devnet::start(), home());
    let mut terminal = Terminal::open(30, 120, &[], Some(home.path()));
    terminal.shows("How do you want to begin?").await;
    terminal.press("2");
    choose_chain(&mut terminal, &devnet.url).await;
    terminal.shows("Whose money pays?").await;
    terminal.press("1");
    terminal.shows("A new key").await;
    terminal.press("correct horse battery\tcorrect horse battery");
    terminal.shows("strong").await;
    terminal.press("\r");
    terminal.shows("nothing yet").await;
    let key = named(home.path(), ".json");
    let address = key.file_stem().unwrap().to_str().unwrap().to_owned();
    assert!(terminal.text().to_lowercase().contains(&address));
    let settings = std::fs::read_to_string(named(home.path(), "user.yaml")).unwrap();
    assert!(settings.to_lowercase().contains(&address) && !settings.contains("horse"));
    let body = serde_json::json!({
        "jsonrpc": "2.0", "id": 1, "method": "anvil_setBalance", "params": [address, "0x14d1120d7b160000"],
    });
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::new().post(&devnet.url).json(&body).send().await.unwrap();
    terminal.shows("1.5 A0GI").await;
    terminal.press("\r");
    terminal.shows("Services").await;

    let mut second = Terminal::open(24, 200, &[], Some(home.path()));
    assert_eq!(second.ended().await, 8);
    second.shows(&format!("process {}", terminal.process())).await;
    terminal.press("q");
    assert_eq!(terminal.ended().await, 0);
    terminal.is_given_back().await;

    let mut again = Terminal::open(24, 80, &[], Some(home.path()));
    again.shows("is locked").await;
    again.press("wrong\r");
    again.shows("it does not fit").await;
    again.press("correct horse battery\r");
    again.shows("Services").await;
    again.press("q");
    assert_eq!(again.ended().await, 0);
    let left = files(home.path());
    assert!(left.iter().all(|path| !path.to_str().unwrap().contains(".unfinished-")), "{left:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_leaves_the_guide_leaves_nothing_behind() {
    let home = home();
    let mut terminal = Terminal::open(24, 80, &[], Some(home.path()));
    terminal.shows("How do you want to begin?").await;
    terminal.press("2");
    terminal.shows("Contract").await;
    terminal.press(STOP);
    assert_eq!(terminal.ended().await, 0);
    terminal.is_given_back().await;
    assert_eq!(files(home.path()), Vec::<PathBuf>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chain_that_is_away_is_told_and_awaited() {
    // A port that is given back could be anybody's by the time the chain is there.
    let (line, home) = (FaultProxy::start().await, home());
    let mut terminal = Terminal::open(24, 120, &["--read-only", "--rpc-url", &line.url], Some(home.path()));
    terminal.shows("cannot be reached").await;
    let devnet = Devnet::start();
    line.lead_to(devnet.url.trim_start_matches("http://").parse().unwrap());
    terminal.shows("Services").await;
    terminal.press("q");
    assert_eq!(terminal.ended().await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_demo_opens_its_screens_and_leaves_nothing() {
    let home = home();
    let ports = ["demo", "--user-port", "0", "--provider-port", "0", "--chain-port", "0"];
    let mut terminal = Terminal::open(24, 80, &ports, Some(home.path()));
    terminal.shows("Services").await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    terminal.press("q");
    assert_eq!(terminal.ended().await, 0);
    terminal.is_given_back().await;
    assert_eq!(files(home.path()), Vec::<PathBuf>::new());
}

#[test]
fn without_a_terminal_there_is_one_sentence() {
    for (args, instead) in [(&[][..], "--headless"), (&["demo"][..], "demo --headless")] {
        let home = home();
        let output = Command::new(env!("CARGO_BIN_EXE_zgserve-tui"))
            .args(args)
            .env("HOME", home.path())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(3));
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(told.lines().count() == 1 && told.contains(instead), "{told}");
    }
}
