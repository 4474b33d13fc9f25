//! What processes take of the machine, read from /proc: memory, processor, switches, files; and what the machine itself
//! was robbed of (steal).

use std::collections::HashMap;
use std::fs;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Ticks of the processor's clock a second; the kernel's own constant for what it shows.
const TICKS: f64 = 100.0;
const LOOK: Duration = Duration::from_millis(250);

/// Of all processes of a system together.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Usage {
    pub processes: usize,
    pub threads: u64,
    /// KiB. The most that was resident at one look; pages that processes share count in each.
    pub rss_peak: u64,
    /// KiB. The sum of each process's own peak, ever.
    pub rss_highest: u64,
    /// KiB, at the end; shared pages count by their share.
    pub pss: u64,
    pub cpu_seconds: f64,
    pub switches: u64,
    pub files: usize,
}

/// A process as `/proc/PID/stat` has it: parent, ticks, name.
struct Seen {
    parent: u32,
    ticks: u64,
    name: String,
}

fn seen(pid: u32) -> Option<Seen> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (head, rest) = text.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let number = |at: usize| fields.get(at)?.parse::<u64>().ok();
    Some(Seen {
        parent: u32::try_from(number(1)?).ok()?,
        ticks: number(11)? + number(12)?,
        name: head.split_once('(')?.1.to_owned(),
    })
}

fn pids() -> Vec<u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

/// These processes and all that they began.
pub fn family(roots: &[u32]) -> Vec<u32> {
    let all: Vec<(u32, u32)> = pids().into_iter().filter_map(|pid| Some((pid, seen(pid)?.parent))).collect();
    let mut members = roots.to_vec();
    let mut at = 0;
    while at < members.len() {
        let parent = members[at];
        members.extend(all.iter().filter(|(_, of)| *of == parent).map(|(pid, _)| *pid));
        at += 1;
    }
    members
}

pub fn cpu_seconds(pid: u32) -> f64 {
    seen(pid).map_or(0.0, |seen| seen.ticks as f64 / TICKS)
}

/// The number behind a name in one of /proc's tables.
fn entry(text: &str, name: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

fn status(pid: u32) -> String {
    fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default()
}

/// KiB that are the processes' own, shared pages by their share.
pub fn pss(roots: &[u32]) -> u64 {
    let of = |pid: u32| fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
    family(roots).into_iter().map(|pid| entry(&of(pid), "Pss")).sum()
}

/// Looks at a system while something is done with it.
pub async fn during<T>(roots: &[u32], work: impl Future<Output = T>) -> (T, Usage) {
    let cpu = |members: &[u32]| members.iter().map(|pid| cpu_seconds(*pid)).sum::<f64>();
    let switches = |members: &[u32]| {
        let of = |pid: &u32| {
            let tasks = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
            let texts = tasks.filter_map(|task| fs::read_to_string(task.path().join("status")).ok());
            let both = ["voluntary_ctxt_switches", "nonvoluntary_ctxt_switches"];
            texts.map(|text| both.map(|name| entry(&text, name)).iter().sum::<u64>()).sum::<u64>()
        };
        members.iter().map(of).sum::<u64>()
    };
    let before = family(roots);
    let (cpu_before, switches_before) = (cpu(&before), switches(&before));
    let mut usage = Usage::default();
    let mut look = tokio::time::interval(LOOK);
    tokio::pin!(work);
    let done = loop {
        tokio::select! {
            done = &mut work => break done,
            _ = look.tick() => {
                let rss = before.iter().map(|pid| entry(&status(*pid), "VmRSS")).sum();
                usage.rss_peak = usage.rss_peak.max(rss);
                let files = |pid: &u32| fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count);
                usage.files = usage.files.max(before.iter().map(files).sum());
            }
        }
    };
    let after = family(roots);
    usage.processes = after.len();
    usage.threads = after.iter().map(|pid| entry(&status(*pid), "Threads")).sum();
    usage.rss_highest = after.iter().map(|pid| entry(&status(*pid), "VmHWM")).sum();
    usage.pss = pss(roots);
    usage.cpu_seconds = cpu(&after) - cpu_before;
    usage.switches = switches(&after).saturating_sub(switches_before);
    (done, usage)
}

/// The machine's processors since it was started, in ticks.
#[derive(Clone, Copy, Debug)]
pub struct Machine {
    all: u64,
    idle: u64,
    stolen: u64,
}

impl Machine {
    pub fn now() -> Machine {
        let text = fs::read_to_string("/proc/stat").unwrap_or_default();
        let line = text.lines().next().unwrap_or_default();
        let fields: Vec<u64> = line.split_whitespace().skip(1).filter_map(|word| word.parse().ok()).collect();
        let at = |index: usize| fields.get(index).copied().unwrap_or(0);
        Machine { all: fields.iter().take(8).sum(), idle: at(3) + at(4), stolen: at(7) }
    }

    /// The share of the time since then that another machine took, in percent.
    pub fn steal_since(self) -> f64 {
        let now = Machine::now();
        100.0 * (now.stolen - self.stolen) as f64 / (now.all - self.all).max(1) as f64
    }

    fn busy_since(self) -> f64 {
        let now = Machine::now();
        let all = (now.all - self.all).max(1) as f64;
        100.0 * (all - (now.idle - self.idle) as f64) / all
    }
}

/// How busy the machine is without us, in percent of all its processors, and who it is.
pub async fn others() -> (f64, Vec<String>) {
    let ticks = || pids().into_iter().filter_map(|pid| Some((pid, seen(pid)?))).collect::<HashMap<_, _>>();
    let (before, machine) = (ticks(), Machine::now());
    tokio::time::sleep(Duration::from_secs(2)).await;
    let busy = machine.busy_since();
    let mut who: Vec<(u64, String)> = ticks()
        .into_iter()
        .filter(|(pid, _)| *pid != std::process::id())
        .filter_map(|(pid, now)| {
            let used = now.ticks.saturating_sub(before.get(&pid).map_or(0, |then| then.ticks));
            (used > 4).then(|| (used, format!("{} ({pid}) {} %", now.name, used / 2)))
        })
        .collect();
    who.sort_unstable_by(|a, b| b.cmp(a));
    (busy, who.into_iter().take(5).map(|(_, text)| text).collect())
}
