//! A home for the real program: its settings, its processes, everything that they say and write.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use http::Method;
use serde_json::json;
use zgserve_tui::keys::{Secret, Wallet};

use super::needles::Canary;
use crate::terminal::Terminal;
use crate::world::{Client, Got, finish, until};

/// Everything that can be logged, by us and by libraries.
pub const ALL: &str = "trace,zgserve_tui=trace";

pub fn address_of(key: &str) -> String {
    Wallet::from_hex(&Secret::new(key.to_owned())).unwrap().address().to_string()
}

/// An API with its token.
pub struct Api {
    client: Client,
    token: String,
}

impl Api {
    pub fn with_token(&self, token: &str) -> Api {
        Api { client: self.client.clone(), token: token.to_owned() }
    }

    async fn send(&self, method: Method, path: &str, body: Option<String>) -> Got {
        let mut request = self.client.request(method, path).header("content-type", "application/json");
        if !self.token.is_empty() {
            request = request.header("authorization", format!("Bearer {}", self.token));
        }
        let request = request.body(body.unwrap_or_default());
        if path.ends_with("/events") {
            return for_a_moment(request.send().await.unwrap()).await;
        }
        finish(request.timeout(Duration::from_secs(60))).await
    }

    pub async fn get(&self, path: &str) -> Got {
        self.send(Method::GET, path, None).await
    }

    pub async fn post(&self, path: &str, body: String) -> Got {
        self.send(Method::POST, path, Some(body)).await
    }
}

/// Reads a stream without an end for a second.
async fn for_a_moment(mut answer: reqwest::Response) -> Got {
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    let (mut body, mut whole) = (Vec::new(), false);
    let end = tokio::time::Instant::now() + Duration::from_secs(1);
    while let Ok(Ok(piece)) = tokio::time::timeout_at(end, answer.chunk()).await {
        let Some(piece) = piece else {
            whole = true;
            break;
        };
        body.extend_from_slice(&piece);
    }
    Got { status, headers, body: body.into(), whole }
}

/// A broker at work, its output in files.
pub struct Process {
    name: String,
    child: Child,
    url: String,
}

impl Process {
    pub fn api(&self, token: &str) -> Api {
        Api { client: Client::new(self.url.clone()), token: token.to_owned() }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Only one that a failed test left behind is still there.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub struct Place {
    home: tempfile::TempDir,
    /// For the provider, whose address the chain has to list before it listens.
    pub port: u16,
    devnet: Option<Child>,
    /// Name and bytes of everything that was said.
    said: Vec<(String, Vec<u8>)>,
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(mut devnet) = self.devnet.take() {
            let _ = devnet.kill();
            let _ = devnet.wait();
        }
    }
}

impl Place {
    pub fn new() -> Place {
        // Below those that the system gives to whoever asks for any: nobody else has it before the provider does.
        let mut ports = std::iter::repeat_with(|| rand::random_range(22_000..32_000));
        let port = ports.find(|port| std::net::TcpListener::bind(("127.0.0.1", *port)).is_ok()).unwrap();
        Place { home: tempfile::tempdir().unwrap(), port, devnet: None, said: Vec::new() }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    /// Writes a file that only its owner can read.
    pub fn write(&self, name: &str, text: &str) {
        zgserve_tui::private_files::create(&self.path(name), text.as_bytes()).unwrap();
    }

    pub fn settings(&self, name: &str, chain: &str, token: &str, more: &str) {
        self.write(name, &format!("token: {token}\nchain:\n  rpcUrl: {chain}\n{more}"));
    }

    pub fn keep(&mut self, name: &str, bytes: &[u8]) {
        self.said.push((name.to_owned(), bytes.to_vec()));
    }

    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_zgserve-tui"));
        command
            .args(args)
            .env("HOME", self.home.path())
            .env("RUST_BACKTRACE", "full")
            .current_dir(self.home.path());
        for variable in ["XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS"] {
            command.env_remove(variable);
        }
        command
    }

    /// With the settings, the data directory and everything logged.
    fn set_up(&self, args: &[&str], settings: &str) -> Command {
        let mut command = self.command(args);
        command.arg("--config").arg(self.path(settings)).args(["--log", ALL]);
        if !args.contains(&"--data-dir") {
            let data = if settings.starts_with("provider") { "provider" } else { "user" };
            command.arg("--data-dir").arg(self.path(data));
        }
        command
    }

    /// Starts a chain; gives its URL. Its keys are known to everybody and none of ours.
    pub fn devnet(&mut self) -> String {
        let mut command = self.command(&["devnet", "--listen", "127.0.0.1:0"]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        self.devnet = Some(child);
        line.split([' ', ',']).find(|word| word.starts_with("http://")).unwrap().to_owned()
    }

    /// Gives an address money.
    pub async fn rich(&self, chain: &str, address: &str) {
        let body = json!({
            "jsonrpc": "2.0", "id": 1, "method": "anvil_setBalance", "params": [address, "0x8ac7230489e80000"],
        });
        Client::new(chain.to_owned()).post("/", body.to_string()).await.is(200);
    }

    fn finished(&mut self, name: &str, command: &mut Command) -> (bool, String) {
        let output = command.stdin(Stdio::null()).output().unwrap();
        self.keep(&format!("stdout of {name}"), &output.stdout);
        self.keep(&format!("stderr of {name}"), &output.stderr);
        let text =
            format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        (output.status.success(), text)
    }

    /// Runs a command that works; gives what it said.
    pub fn runs(&mut self, name: &str, args: &[&str], settings: &str) -> String {
        let mut command = self.set_up(args, settings);
        let (well, text) = self.finished(name, &mut command);
        assert!(well, "{name}: {text}");
        text
    }

    pub fn fails(&mut self, name: &str, args: &[&str], settings: &str) -> String {
        let mut command = self.set_up(args, settings);
        let (well, text) = self.finished(name, &mut command);
        assert!(!well, "{name}: {text}");
        text
    }

    /// Takes a key in, by a pipe; gives its address.
    pub fn import(&mut self, key: &str) -> String {
        let mut command = self.set_up(&["wallet", "import"], "user.yaml");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(format!("{key}\n").as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        self.keep("stdout of wallet import", &output.stdout);
        self.keep("stderr of wallet import", &output.stderr);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// Starts a broker and waits until it listens.
    pub async fn daemon(&mut self, name: &str, args: &[&str], settings: &str) -> Process {
        let file = |end: &str| std::fs::File::create(self.path(&format!("{name} {end}"))).unwrap();
        let mut command = self.set_up(args, settings);
        let (out, log) = (file("stdout"), file("log"));
        let child = command.stdin(Stdio::null()).stdout(out).stderr(log).spawn().unwrap();
        let mut process = Process { name: name.to_owned(), child, url: String::new() };
        let log = self.path(&format!("{name} log"));
        process.url = until("the broker listens", async || {
            let text = std::fs::read_to_string(&log).ok()?;
            let line =
                text.lines().find(|line| line.contains(" broker of 0x") && line.contains("(API page"))?;
            line.split(' ').find(|word| word.starts_with("http://")).map(str::to_owned)
        })
        .await;
        process
    }

    /// What everybody on the machine sees of a process, and what a crash of it would leave.
    pub fn look_at(&mut self, process: &Process) {
        let own = PathBuf::from(format!("/proc/{}", process.child.id()));
        let read = |name: &str| std::fs::read(own.join(name)).unwrap();
        self.keep(&format!("command line of {}", process.name), &read("cmdline"));
        // Only root can read it: nobody is to look into the process.
        let environment = std::fs::read(own.join("environ"));
        let root = std::os::unix::fs::MetadataExt::uid(&std::fs::metadata("/proc/self").unwrap()) == 0;
        assert_eq!(environment.is_ok(), root, "{environment:?}");
        self.keep(&format!("environment of {}", process.name), &environment.unwrap_or_default());
        let limits = String::from_utf8(read("limits")).unwrap();
        let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
        let numbers: Vec<&str> = core.split_whitespace().skip(4).take(2).collect();
        assert_eq!(numbers, ["0", "0"], "{core}");
    }

    /// Ends a broker in order.
    pub async fn stop(&mut self, mut process: Process) {
        signal(&process, "-TERM");
        let code = ended(&mut process).await;
        assert_eq!(code.code(), Some(0));
    }

    /// Ends a broker as a failed assertion of a C library does.
    pub async fn abort(&mut self, mut process: Process) {
        signal(&process, "-ABRT");
        let code = ended(&mut process).await;
        assert!(!std::os::unix::process::ExitStatusExt::core_dumped(&code), "no core");
    }

    /// A route as something that is there, and as something that is not.
    pub async fn paths(&self, route: &str, user: &Api) -> Vec<String> {
        let provider = address_of(super::PROVIDER_KEY);
        let listed = user.get("/v1/request").await.json();
        let id = listed["Items"][0]["RequestID"].as_str().unwrap().to_owned();
        let there = route
            .replace("{provider}", &provider)
            .replace("{user}", &address_of(super::USER_KEY))
            .replace("{service}", "llama7b")
            .replace("{*suffix}", "models")
            .replace("{id}", &id);
        let mut paths = vec![there];
        if route.contains('{') {
            paths.push(route.replace(['{', '}', '*'], ""));
        }
        paths
    }

    /// Asks something on the screens and waits for the answer.
    pub async fn talk(&mut self, terminal: &mut Terminal, prompt: &str, answer: &str) {
        // From home to the services; the one that is chosen is talked to.
        terminal.press("2");
        terminal.shows("chatbot").await;
        terminal.press("c");
        terminal.shows("Ask llama7b").await;
        terminal.press(prompt);
        terminal.shows(&prompt[..12]).await;
        self.keep("screen of the user", terminal.text().as_bytes());
        terminal.press("\r");
        terminal.shows(&answer[..12]).await;
        self.keep("screen of the user", terminal.text().as_bytes());
    }

    /// The digits of the one delegate key.
    pub fn delegate(&self) -> String {
        let mut files = std::fs::read_dir(self.path("user/delegates")).unwrap();
        let file = files.next().unwrap().unwrap().path();
        std::fs::read_to_string(file).unwrap().trim().to_owned()
    }

    /// Holds everything that was said, and every file, against the table.
    pub fn search(&mut self, canaries: &[Canary]) {
        let home = self.home.path().to_owned();
        let mut texts = std::mem::take(&mut self.said);
        files(&home, &home, &mut texts);
        let mut wrong = Vec::new();
        for canary in canaries {
            for (name, bytes) in &texts {
                if let Some(spelling) = canary.found_in(bytes)
                    && !canary.may_be_in(name)
                {
                    wrong.push(format!("{}, {spelling}: in {name}", canary.name));
                }
            }
            // The search would find it: it is where it belongs.
            let there =
                texts.iter().any(|(name, bytes)| canary.may_be_in(name) && canary.found_in(bytes).is_some());
            assert!(there || canary.allowed.is_empty(), "{} is nowhere", canary.name);
        }
        assert!(texts.len() > 80, "only {} outputs and files", texts.len());
        assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    }
}

fn files(home: &Path, folder: &Path, texts: &mut Vec<(String, Vec<u8>)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(home, &path, texts);
            continue;
        }
        let name = path.strip_prefix(home).unwrap().display().to_string();
        assert!(!name.contains("core"), "{name}");
        let mut bytes = Vec::new();
        std::fs::File::open(&path).unwrap().read_to_end(&mut bytes).unwrap();
        texts.push((format!("file {name}"), bytes));
    }
}

fn signal(process: &Process, signal: &str) {
    let pid = process.child.id().to_string();
    assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
}

async fn ended(process: &mut Process) -> std::process::ExitStatus {
    until("the broker ends", async || process.child.try_wait().unwrap()).await
}
