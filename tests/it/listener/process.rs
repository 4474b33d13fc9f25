//! S1 and S4 on the real program: where it listens, where it refuses to, and the file of its token.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use super::super::world::{Client, until};

fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_zgserve-tui"));
    command.env_clear().stdin(Stdio::null());
    command
}

/// The program at work. It ends with the test.
struct Running {
    child: Child,
    lines: std::sync::mpsc::Receiver<String>,
}

impl Running {
    fn start(mut command: Command) -> Running {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (out, err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        let (sender, lines) = std::sync::mpsc::channel();
        let also = sender.clone();
        std::thread::spawn(move || {
            BufReader::new(out).lines().map_while(Result::ok).try_for_each(|line| sender.send(line))
        });
        std::thread::spawn(move || {
            BufReader::new(err).lines().map_while(Result::ok).try_for_each(|line| also.send(line))
        });
        Running { child, lines }
    }

    /// The first URL of a line that has these words.
    async fn url(&self, words: &str) -> String {
        until(words, async || {
            let line = self.lines.try_iter().find(|line| line.contains(words))?;
            let url = line.split_whitespace().find(|word| word.starts_with("http://"))?;
            Some(url.trim_end_matches(',').to_owned())
        })
        .await
    }

    /// The addresses that the process listens on, as the kernel has them.
    fn listens(&self) -> BTreeSet<String> {
        let of = Path::new("/proc").join(self.child.id().to_string());
        let sockets: BTreeSet<String> = std::fs::read_dir(of.join("fd"))
            .unwrap()
            .filter_map(|fd| std::fs::read_link(fd.unwrap().path()).ok()?.to_str().map(str::to_owned))
            .filter_map(|link| Some(link.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned()))
            .collect();
        let mut found = BTreeSet::new();
        for table in ["net/tcp", "net/tcp6", "net/udp", "net/udp6"] {
            for line in std::fs::read_to_string(of.join(table)).unwrap_or_default().lines().skip(1) {
                let fields: Vec<&str> = line.split_whitespace().collect();
                // 0A: it listens. A socket without connections receives from anybody.
                let listens = fields[3] == "0A" || table.contains("udp");
                if listens && sockets.contains(fields[9]) {
                    found.insert(fields[1].to_owned());
                }
            }
        }
        found
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// 127.0.0.1 and a port, as `/proc/net/tcp` writes them.
fn loopback(url: &str) -> String {
    let port: u16 = url.rsplit(':').next().unwrap().trim_end_matches('/').parse().unwrap();
    format!("0100007F:{port:04X}")
}

fn devnet() -> Running {
    let mut command = program();
    command.args(["devnet", "--listen", "127.0.0.1:0", "--lock-time", "120"]);
    Running::start(command)
}

/// The first two keys that every devnet has.
const USER_KEY: &str = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
const PROVIDER_KEY: &str = "0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d";

fn broker(role: &str, home: &Path, chain: &str) -> Command {
    let mut command = program();
    command.current_dir(home).env("HOME", home).env("ZGSERVE_LISTEN", "127.0.0.1:0");
    command.args(["--data-dir", home.join(role).to_str().unwrap(), "--rpc-url", chain]);
    let key = if role == "user" { USER_KEY } else { PROVIDER_KEY };
    command.env("ZGSERVE_PRIVATE_KEYS", key);
    command
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_listener_is_on_loopback_unless_told_otherwise() {
    // All five of a demo: both brokers, the chain, and the two services behind.
    let mut demo = program();
    demo.args(["demo", "--headless", "--user-port", "0", "--provider-port", "0", "--chain-port", "0"]);
    let demo = Running::start(demo);
    let user = demo.url("user broker").await;
    let provider = demo.url("provider broker").await;
    let listens = demo.listens();
    assert_eq!(listens.len(), 5, "{listens:?}");
    assert!(listens.iter().all(|address| address.starts_with("0100007F:")), "{listens:?}");
    assert!(listens.contains(&loopback(&user)) && listens.contains(&loopback(&provider)));
    drop(demo);

    let chain = devnet();
    let url = chain.url("chain").await;
    assert_eq!(chain.listens(), BTreeSet::from([loopback(&url)]));
    let home = tempfile::tempdir().unwrap();
    let mut command = broker("user", home.path(), &url);
    command.arg("--headless");
    let user = Running::start(command);
    let at = user.url("user broker of").await;
    assert_eq!(user.listens(), BTreeSet::from([loopback(&at)]));
    // A second listener only where it is asked for.
    let mut command = broker("provider", home.path(), &url);
    command.arg("provider").env("ZGSERVE_PROXY_LISTEN", "127.0.0.1:0");
    let provider = Running::start(command);
    let at = provider.url("provider broker of").await;
    let proxy = provider.url("public proxy on").await;
    assert_eq!(provider.listens(), BTreeSet::from([loopback(&at), loopback(&proxy)]));
    Client::new(proxy.clone()).get("/v1/terms").await.is(200);
    Client::new(proxy).get("/v1/user").await.refused(404, "no_such_route", "");
}

fn run(mut command: Command) -> (Option<i32>, String) {
    let Output { status, stdout, stderr } = command.output().unwrap();
    assert!(stdout.is_empty(), "{}", String::from_utf8_lossy(&stdout));
    (status.code(), String::from_utf8_lossy(&stderr).into_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_listener_for_others_needs_a_token() {
    let home = tempfile::tempdir().unwrap();
    let bare = |arguments: &[&str]| {
        let mut command = program();
        command.current_dir(home.path()).env("HOME", home.path()).args(arguments);
        command
    };
    for open in ["0.0.0.0:45990", "[::]:45990", "192.0.2.1:45990", "[2001:db8::1]:45990"] {
        for role in ["user", "provider"] {
            let start = if role == "user" { "--headless" } else { "provider" };
            // By a flag, by a variable, by the settings file, and by a file that is named.
            let flag = bare(&[start, "--set", &format!("listen={open}")]);
            let mut variable = bare(&[start]);
            variable.env("ZGSERVE_LISTEN", open);
            let file = home.path().join("any.yaml");
            std::fs::write(&file, format!("listen: \"{open}\"\n")).unwrap();
            let named = bare(&[start, "--config", file.to_str().unwrap()]);
            let folder = home.path().join(role);
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(folder.join("config.local.yaml"), format!("listen: \"{open}\"\n")).unwrap();
            let found = bare(&[start]);
            let mut empty = bare(&[start, "--set", &format!("listen={open}")]);
            empty.env("ZGSERVE_TOKEN", "");
            for (way, command) in
                [("flag", flag), ("variable", variable), ("named", named), ("found", found), ("empty", empty)]
            {
                let (code, said) = run(command);
                assert_eq!(code, Some(3), "{role} {open} {way}: {said}");
                let asks =
                    said.contains("needs a token") && said.contains("tokenFile") && said.contains(open);
                // An empty token is refused as the token that it is.
                assert!(asks || (way == "empty" && said.contains("token")), "{role} {open} {way}: {said}");
            }
            std::fs::remove_file(folder.join("config.local.yaml")).unwrap();
            let (code, said) = run(bare(&["config", "check", role, "--set", &format!("listen={open}")]));
            assert!(code == Some(3) && said.contains("needs a token"), "{said}");
            // With one, or where it is meant, the settings can work.
            let mut token = bare(&["config", "check", role, "--set", &format!("listen={open}")]);
            token.env("ZGSERVE_TOKEN", "sixteen letters!");
            assert!(token.output().unwrap().status.success());
            let file = format!("tokenFile={}", home.path().join("token").display());
            let file =
                bare(&["config", "check", role, "--set", &format!("listen={open}"), "--set", &file]).output();
            assert!(file.unwrap().status.success());
        }
        // Anybody who reaches a development chain owns all its money, so no token opens it.
        let (code, said) = run(bare(&["devnet", "--listen", open]));
        assert!(code == Some(3) && said.contains("can be reached from other machines"), "{said}");
    }
    let mut short = bare(&["--headless", "--set", "listen=0.0.0.0:45990"]);
    short.env("ZGSERVE_TOKEN", "too short");
    let (code, said) = run(short);
    assert!(code == Some(3) && said.contains("16 characters"), "{said}");
    // A secret on the command line can be read by everybody.
    assert_ne!(run(bare(&["--headless", "--set", "token=sixteen letters!"])).0, Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_file_of_a_token_is_made_and_read() {
    let chain = devnet();
    let url = chain.url("chain").await;
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("token");
    let with_file = |arguments: &[&str]| {
        let mut command = broker("user", home.path(), &url);
        command.env("ZGSERVE_TOKEN_FILE", &file).args(arguments);
        command
    };
    let running = Running::start(with_file(&["--headless"]));
    let at = running.url("user broker of").await;
    let token = std::fs::read_to_string(&file).unwrap();
    let token = token.trim();
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(token.len() == 64 && token.bytes().all(|byte| byte.is_ascii_hexdigit()));
    // What it says at start, and what others see of its process, does not have it.
    for place in ["cmdline", "environ"] {
        // Its environment is closed to everybody but root.
        let text = std::fs::read(format!("/proc/{}/{place}", running.child.id())).unwrap_or_default();
        assert!(place == "environ" || !text.is_empty());
        assert!(!String::from_utf8_lossy(&text).contains(token), "{place}");
    }
    let client = Client::new(at.clone());
    client.get("/v1/request").await.refused(401, "token_required", "Bearer");
    client.get("/health").await.is(200);
    let got =
        super::super::world::finish(client.request(http::Method::GET, "/v1/request").bearer_auth(token))
            .await;
    got.is(200);
    // Commands on the same settings read it; those that are given an address take it from the environment.
    let listed = with_file(&["request", "list", "--json"]).output().unwrap();
    assert!(listed.status.success(), "{}", String::from_utf8_lossy(&listed.stderr));
    let mut elsewhere = program();
    elsewhere
        .current_dir(home.path())
        .env("HOME", home.path())
        .args(["request", "list", "--json", "--url", &at]);
    let refused = elsewhere.output().unwrap();
    assert_eq!(refused.status.code(), Some(6), "{}", String::from_utf8_lossy(&refused.stderr));
    assert!(elsewhere.env("ZGSERVE_TOKEN", token).output().unwrap().status.success());
    assert!(running.lines.try_iter().all(|line| !line.contains(token)));
    drop(running);
    // Others can read it now: it is no secret any more.
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    let (code, said) = run(with_file(&["--headless"]));
    assert!(code == Some(3) && said.contains("chmod 0600"), "{code:?} {said}");
}
