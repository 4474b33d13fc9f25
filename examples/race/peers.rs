//! What zgserve is held against: nobody in between (D), nginx twice (N2), haproxy twice (H2), LiteLLM (L1), Portkey (K1).
//!
//! Each runs from its own directory with settings written here, without a daemon. One that is not installed is installed where
//! that can be done, or told and left out.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use tokio::process::Command;

use super::load::{Order, Way};
use super::system::{Process, Route, Side, System, Yard, free_addresses};

/// LiteLLM imports for minutes where the machine is busy with other things.
const PATIENCE: Duration = Duration::from_secs(600);
/// Requests at a time after LiteLLM's first answer, so that each of its workers has had one: they load the last of their
/// code with their first request, which is part of the start and of no measurement.
const FIRST: usize = 16;
/// The releases that are raced: pinned, so that runs compare and nothing is taken that nobody chose. LiteLLM 1.107 was a
/// compromised release and was withdrawn; those after it ask for a package that is not there.
const LITELLM: &str = "litellm[proxy]==1.106.12";
const PORTKEY: &str = "@portkey-ai/gateway@1.15.2";

/// A peer that can be started here.
#[derive(Clone, Debug)]
pub struct Peer {
    pub name: &'static str,
    pub version: String,
    program: PathBuf,
}

async fn output(program: &Path, words: &[&str]) -> Option<String> {
    let output = Command::new(program).args(words).output().await.ok()?;
    let text = [output.stdout, output.stderr].concat();
    output.status.success().then(|| String::from_utf8_lossy(&text).trim().to_owned())
}

/// Finds these peers, installs those that are missing if `install`; the second list says who is left out and why.
pub async fn find(names: &[&'static str], install: bool, kept: &Path) -> (Vec<Peer>, Vec<String>) {
    let (mut found, mut missing) = (Vec::new(), Vec::new());
    for name in names {
        let mut peer = look(name, kept).await;
        if peer.is_none() && install {
            println!("installing {name} …");
            if let Err(error) = put(name, kept).await {
                println!("{name}: {error}");
            }
            peer = look(name, kept).await;
        }
        match peer {
            Some(peer) => found.push(peer),
            None => missing.push(format!("{name} is not installed and is left out")),
        }
    }
    (found, missing)
}

async fn look(name: &'static str, kept: &Path) -> Option<Peer> {
    let (program, version) = match name {
        "D" => (PathBuf::new(), "the mock upstream itself".to_owned()),
        "N2" => {
            let program = first_of(&["/usr/sbin/nginx", "/usr/bin/nginx", "/usr/local/bin/nginx"])?;
            let version = output(&program, &["-v"]).await?;
            (program, version)
        }
        "H2" => {
            let program = first_of(&["/usr/sbin/haproxy", "/usr/bin/haproxy", "/usr/local/bin/haproxy"])?;
            let version = output(&program, &["-v"]).await?.lines().next()?.to_owned();
            (program, version)
        }
        "L1" => {
            let python = kept.join("venv/bin/python");
            let ask = "import importlib.metadata as m; print('litellm', m.version('litellm'))";
            let version = output(&python, &["-c", ask]).await?;
            (kept.join("venv/bin/litellm"), version)
        }
        "K1" => {
            let package = kept.join("npm/node_modules/@portkey-ai/gateway");
            let text = std::fs::read_to_string(package.join("package.json")).ok()?;
            let shape: serde_json::Value = serde_json::from_str(&text).ok()?;
            (package.join("build/start-server.js"), format!("portkey gateway {}", shape["version"].as_str()?))
        }
        _ => return None,
    };
    Some(Peer { name, version, program })
}

fn first_of(places: &[&str]) -> Option<PathBuf> {
    places.iter().map(PathBuf::from).find(|place| place.exists())
}

/// Installs a peer: Debian's packages where we are root, the others into `kept`.
async fn put(name: &str, kept: &Path) -> Result<()> {
    let kept = kept.display();
    let script = match name {
        "N2" => "apt-get update -qq && apt-get install -y -qq --no-install-recommends nginx-light".to_owned(),
        "H2" => "apt-get update -qq && apt-get install -y -qq --no-install-recommends haproxy".to_owned(),
        "L1" => format!(
            "python3 -m venv '{kept}/venv' && '{kept}/venv/bin/pip' install -q --disable-pip-version-check --only-binary :all: '{LITELLM}'"
        ),
        "K1" => {
            format!("npm install --prefix '{kept}/npm' --ignore-scripts --no-audit --no-fund '{PORTKEY}'")
        }
        _ => return Ok(()),
    };
    std::fs::create_dir_all(kept.to_string())?;
    let done = Command::new("sh").args(["-c", &script]).output().await?;
    let said = String::from_utf8_lossy(&done.stderr);
    ensure!(done.status.success(), "not installed: {}", said.lines().last().unwrap_or_default());
    Ok(())
}

impl Peer {
    /// Starts it in front of `upstream` and waits until it answers `modes`' first.
    pub async fn start(&self, yard: &Yard, upstream: SocketAddr, modes: &[String]) -> Result<System> {
        let begun = Instant::now();
        let mut system = match self.name {
            "D" => self.system(upstream, Route::Plain, Vec::new(), String::new()),
            "N2" => self.nginx(yard, upstream).await?,
            "H2" => self.haproxy(yard, upstream).await?,
            "L1" => self.litellm(yard, upstream, modes).await?,
            _ => self.portkey(yard, upstream).await?,
        };
        let mode = modes.first().context("a mode")?;
        let http = reqwest::Client::builder().tls_certs_only([]).no_proxy().build()?;
        first_answer(&http, &mut system, mode).await?;
        if self.name != "D" {
            system.cold_start = Some(begun.elapsed().as_secs_f64() * 1000.0);
        }
        if self.name == "L1" {
            let order = system.order(mode, Way::Saturate { connections: FIRST }, 0.0, 0.0);
            // One that fails here fails again where it is measured.
            let _ = futures_util::future::join_all((0..FIRST).map(|_| ask(&http, &order))).await;
        }
        Ok(system)
    }

    fn system(&self, address: SocketAddr, route: Route, processes: Vec<Process>, settings: String) -> System {
        System { name: self.name, address, route, processes, cold_start: None, settings }
    }

    /// Two nginx, the first in front of the second: two workers each, as many as there are cores.
    async fn nginx(&self, yard: &Yard, upstream: SocketAddr) -> Result<System> {
        let addresses = free_addresses(2)?;
        let (mut processes, mut all) = (Vec::new(), String::new());
        for (hop, (at, to)) in
            [(addresses[1], upstream), (addresses[0], addresses[1])].into_iter().enumerate()
        {
            let prefix = yard.directory.join(format!("nginx-{hop}"));
            let _ = std::fs::create_dir(&prefix);
            let text = NGINX.replace("AT", &at.to_string()).replace("TO", &to.to_string());
            let prefix_text = prefix.display().to_string();
            std::fs::write(prefix.join("nginx.conf"), text.replace("PREFIX", &prefix_text))?;
            let mut command = yard.command(Side::System, &self.program);
            command.args(["-p", &prefix_text, "-c", "nginx.conf", "-e", "stderr"]);
            let mut process = yard.start(&format!("nginx-{hop}"), &mut command)?;
            process.listens(at, PATIENCE).await?;
            processes.push(process);
        }
        all.push_str(NGINX);
        Ok(self.system(addresses[0], Route::Plain, processes, all))
    }

    async fn haproxy(&self, yard: &Yard, upstream: SocketAddr) -> Result<System> {
        let addresses = free_addresses(2)?;
        let mut processes = Vec::new();
        for (hop, (at, to)) in
            [(addresses[1], upstream), (addresses[0], addresses[1])].into_iter().enumerate()
        {
            let file = yard.directory.join(format!("haproxy-{hop}.cfg"));
            std::fs::write(&file, HAPROXY.replace("AT", &at.to_string()).replace("TO", &to.to_string()))?;
            let mut command = yard.command(Side::System, &self.program);
            command.args(["-db", "-f"]).arg(&file);
            let mut process = yard.start(&format!("haproxy-{hop}"), &mut command)?;
            process.listens(at, PATIENCE).await?;
            processes.push(process);
        }
        Ok(self.system(addresses[0], Route::Plain, processes, HAPROXY.to_owned()))
    }

    /// Two workers without a key; a model each mode.
    async fn litellm(&self, yard: &Yard, upstream: SocketAddr, modes: &[String]) -> Result<System> {
        let addresses = free_addresses(1)?;
        let mut text =
            "general_settings: {}\nlitellm_settings:\n  telemetry: false\n  num_retries: 0\nmodel_list:\n"
                .to_owned();
        for mode in modes {
            text.push_str(&format!(
                "  - model_name: \"{mode}\"\n    litellm_params: {{model: \"openai/race\", api_base: \"http://{upstream}/{mode}/v1\", api_key: none}}\n"
            ));
        }
        let file = yard.directory.join("litellm.yaml");
        std::fs::write(&file, &text)?;
        let mut command = yard.command(Side::System, &self.program);
        command.args([
            "--host",
            "127.0.0.1",
            "--port",
            &addresses[0].port().to_string(),
            "--num_workers",
            "2",
            "--config",
        ]);
        command.arg(&file).env("LITELLM_LOCAL_MODEL_COST_MAP", "True").env("LITELLM_LOG", "ERROR");
        // Without a key to check, which is in its favour; and with time to start where the machine is slow.
        command.env("LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY", "true");
        command.args(["--timeout_worker_healthcheck", "120"]);
        let mut process = yard.start("litellm", &mut command)?;
        process.listens(addresses[0], PATIENCE).await?;
        let settings = text.replace(&upstream.to_string(), "UPSTREAM");
        Ok(self.system(addresses[0], Route::LiteLlm, vec![process], settings))
    }

    async fn portkey(&self, yard: &Yard, upstream: SocketAddr) -> Result<System> {
        let addresses = free_addresses(1)?;
        let node = first_of(&["/usr/bin/node", "/usr/local/bin/node"]).context("node is not there")?;
        let mut command = yard.command(Side::System, &node);
        command.arg(&self.program).arg(format!("--port={}", addresses[0].port())).arg("--headless");
        command.env("NODE_ENV", "production").env("TRUSTED_CUSTOM_HOSTS", "127.0.0.1");
        let mut process = yard.start("portkey", &mut command)?;
        process.listens(addresses[0], PATIENCE).await?;
        Ok(self.system(addresses[0], Route::Portkey { upstream }, vec![process], "--headless".to_owned()))
    }
}

/// Asks until there is a good answer.
async fn first_answer(http: &reqwest::Client, system: &mut System, mode: &str) -> Result<()> {
    let order = system.order(mode, Way::Saturate { connections: 1 }, 0.0, 0.0);
    let begun = Instant::now();
    loop {
        let Err(said) = ask(http, &order).await else { return Ok(()) };
        for process in &mut system.processes {
            process.alive()?;
        }
        ensure!(begun.elapsed() < PATIENCE, "{} gives no good answer: {said:#}", system.name);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// One good answer.
async fn ask(http: &reqwest::Client, order: &Order) -> Result<()> {
    let mut request = http.post(format!("http://{}{}", order.address, order.path)).body(order.body.clone());
    request = request.header("content-type", "application/json");
    for (name, value) in &order.headers {
        request = request.header(name, value);
    }
    let answer = request.timeout(Duration::from_secs(60)).send().await?;
    let (status, body) = (answer.status(), answer.bytes().await?);
    ensure!(status == 200, "{status} {}", String::from_utf8_lossy(&body));
    Ok(())
}

const NGINX: &str = "daemon off;
worker_processes auto;
worker_rlimit_nofile 16384;
pid PREFIX/nginx.pid;
error_log stderr warn;
events { worker_connections 8192; }
http {
  access_log off;
  client_body_temp_path PREFIX/body;
  proxy_temp_path PREFIX/proxy;
  fastcgi_temp_path PREFIX/fastcgi;
  uwsgi_temp_path PREFIX/uwsgi;
  scgi_temp_path PREFIX/scgi;
  tcp_nodelay on;
  keepalive_requests 1000000;
  keepalive_timeout 600;
  upstream next { server TO; keepalive 64; keepalive_requests 1000000; keepalive_timeout 600; }
  server {
    listen AT backlog=4096;
    location / {
      proxy_pass http://next;
      proxy_http_version 1.1;
      proxy_set_header Connection \"\";
      proxy_buffering off;
      proxy_read_timeout 600;
    }
  }
}
";

const HAPROXY: &str = "global
  nbthread 2
  maxconn 8192
defaults
  mode http
  maxconn 8192
  timeout connect 10s
  timeout client 600s
  timeout server 600s
  timeout http-keep-alive 600s
  http-reuse always
  option http-no-delay
frontend front
  bind AT backlog 4096
  default_backend next
backend next
  server upstream TO maxconn 8192 pool-max-conn 64
";
