//! One real process of the program, which can be started, told where to die, and killed.

use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};
use zgserve_tui::crash_point::{Point, VARIABLE};

/// The point at which a process is to end, and the how-many-eth passing of it.
pub type Armed = Option<(Point, u64)>;

/// How long a start may take before it counts as failed; a busy machine with a debug build is slow.
const START: Duration = Duration::from_secs(120);

pub struct Broker {
    pub name: String,
    program: PathBuf,
    words: Vec<String>,
    home: PathBuf,
    /// Asked whether it works.
    probe: (String, Option<&'static str>),
    child: Option<Child>,
    last: Option<ExitStatus>,
}

impl Broker {
    pub fn new(
        name: String,
        program: &Path,
        home: &Path,
        words: Vec<String>,
        probe: (String, Option<&'static str>),
    ) -> Broker {
        Broker {
            name,
            program: program.to_owned(),
            words,
            home: home.to_owned(),
            probe,
            child: None,
            last: None,
        }
    }

    pub fn log(&self) -> PathBuf {
        self.home.join(format!("{}.log", self.name))
    }

    /// Begins the process. Its output goes to its log.
    pub fn spawn(&mut self, armed: Armed) {
        assert!(self.child.is_none(), "{} runs already", self.name);
        let log = OpenOptions::new().create(true).append(true).open(self.log()).expect("a log");
        self.last = None;
        let mut command = Command::new(&self.program);
        command.args(&self.words).current_dir(&self.home).env_clear().env("HOME", &self.home);
        command.env("ZGSERVE_LOG", "warn").env("NO_COLOR", "1").env("RUST_BACKTRACE", "1");
        if let Some((point, times)) = armed {
            command.env(VARIABLE, format!("{}:{times}", point.name()));
        }
        let also = log.try_clone().expect("a log");
        command.stdin(Stdio::null()).stdout(log).stderr(also).kill_on_drop(true);
        self.child = Some(command.spawn().expect("the program starts"));
    }

    /// Waits until it answers. `false`: it ended instead.
    pub async fn up(&mut self, http: &reqwest::Client) -> bool {
        let until = tokio::time::Instant::now() + START;
        loop {
            if self.ended().is_some() {
                return false;
            }
            let (url, body) = &self.probe;
            let request = match body {
                Some(body) => http.post(url).header("content-type", "application/json").body(*body),
                None => http.get(url),
            };
            if let Ok(answer) = request.timeout(Duration::from_secs(2)).send().await
                && answer.status().is_success()
            {
                return true;
            }
            assert!(
                tokio::time::Instant::now() < until,
                "{} does not start; see {:?}",
                self.name,
                self.log()
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Whether it has ended by itself, and how.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        let status = self.child.as_mut()?.try_wait().expect("a child can be looked at")?;
        self.child = None;
        self.last = Some(status);
        Some(status)
    }

    /// How it ended the last time that it did so by itself.
    pub fn last(&self) -> Option<ExitStatus> {
        self.last
    }

    pub fn runs(&self) -> bool {
        self.child.is_some()
    }

    /// SIGKILL, and the wait for its end.
    pub async fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.start_kill();
            let _ = child.wait().await;
        }
    }

    /// SIGTERM, and its end if it comes within `grace`. `None`: it was killed at last.
    pub async fn terminate(&mut self, grace: Duration) -> Option<ExitStatus> {
        let mut child = self.child.take()?;
        if let Some(pid) = child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?)) {
            let _ = kill_process(pid, Signal::TERM);
        }
        match tokio::time::timeout(grace, child.wait()).await {
            Ok(status) => status.ok(),
            Err(_) => {
                let _ = child.start_kill();
                let _ = child.wait().await;
                None
            }
        }
    }
}
