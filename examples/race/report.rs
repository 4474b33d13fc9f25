//! What a run tells: its machine first, a line each measurement as it comes, a table of goals last, and everything as JSON.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::Words;
use super::goals::{self, Goal, Row};
use super::measure::Measured;
use super::race::Seen;

pub struct Report {
    machine: Value,
    settings: Value,
    out: Option<PathBuf>,
}

impl Report {
    /// Notes and prints what the run stands on.
    pub fn begin(words: &Words, seen: &Seen) -> Report {
        let machine = machine();
        println!("{}", machine["cpu"].as_str().unwrap_or_default());
        println!(
            "{} cores, {} MiB, Linux {}, load {}, {}",
            machine["cores"],
            machine["memory_mib"],
            text(&machine["kernel"]),
            text(&machine["load"]),
            if words.pinned { "pinned" } else { "shared cores" }
        );
        for (name, version) in &seen.versions {
            println!("{name:>4}  {version}");
        }
        for what in &seen.left_out {
            println!("      {what}");
        }
        let settings = json!({
            "passes": words.passes, "seconds": words.seconds, "warm": words.warm, "pinned": words.pinned,
            "noisy": words.noisy, "debug_build": cfg!(debug_assertions),
        });
        Report { machine, settings, out: words.out.clone() }
    }

    /// Prints the table; writes the file.
    pub fn end(self, goals: &[Goal], seen: &Seen) -> Result<()> {
        let rows = goals::rows(goals, seen);
        print_rows(&rows);
        for what in seen.left_out.iter().chain(&seen.broken) {
            println!("! {what}");
        }
        let stolen = seen.measured.iter().filter(|one| one.steal > 3.0).count();
        if stolen > 0 {
            println!("! {stolen} measurements lost more than 3 % of the processor to other machines");
        }
        let Some(out) = self.out else { return Ok(()) };
        let hashes: serde_json::Map<String, Value> = seen
            .settings
            .iter()
            .map(|(name, text)| (name.clone(), json!({"sha256": hash(text), "text": text})))
            .collect();
        let cold: Vec<Value> = seen
            .cold
            .iter()
            .map(|(pass, layout, milliseconds)| json!({"pass": pass, "layout": layout, "milliseconds": milliseconds}))
            .collect();
        let all = json!({
            "machine": self.machine, "run": self.settings, "versions": seen.versions, "settings": hashes,
            "goals": rows, "cold_starts": cold, "left_out": seen.left_out, "broken": seen.broken,
            "measured": seen.measured,
        });
        fs::write(&out, serde_json::to_string_pretty(&all)?)
            .with_context(|| format!("{} cannot be written", out.display()))?;
        println!("written to {}", out.display());
        Ok(())
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn hash(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn machine() -> Value {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let field = |text: &str, name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.split_once(':'));
        line.map(|(_, value)| value.trim().to_owned()).unwrap_or_default()
    };
    let memory = field(&read("/proc/meminfo"), "MemTotal");
    let memory: u64 = memory.split(' ').next().and_then(|number| number.parse().ok()).unwrap_or(0);
    json!({
        "cpu": field(&read("/proc/cpuinfo"), "model name"),
        "cores": std::thread::available_parallelism().map_or(0, usize::from),
        "memory_mib": memory / 1024,
        "kernel": read("/proc/sys/kernel/osrelease").trim(),
        "load": read("/proc/loadavg").trim(),
    })
}

/// One measurement in a line.
pub fn line(one: &Measured) -> String {
    let counted = &one.counted;
    let (test, latency) = (format!("{:?}", one.test), &counted.latency);
    let mut text = match one.memory_per_stream {
        Some(memory) => {
            format!("{:<3} {test:<11} {memory:>9.1} KiB a stream, {} opened", one.layout, counted.answered)
        }
        None => format!(
            "{:<3} {test:<11} {:>9.1}/s  p50 {:>8.0}  p99 {:>8.0}  max {:>8.0} µs",
            one.layout, counted.per_second, latency.p50, latency.p99, latency.max
        ),
    };
    if let Some(delay) = &counted.chunk_delay {
        text.push_str(&format!("  chunk p50 {:.0} p99 {:.0}", delay.p50, delay.p99));
    }
    text.push_str(&format!(
        "  {:>4.0} MiB  cpu {:>5.1} s  client {:>4.1} s  steal {:.1} %",
        one.usage.rss_peak as f64 / 1024.0,
        one.usage.cpu_seconds,
        counted.own_cpu_seconds,
        one.steal
    ));
    if let Some(why) = &one.invalid {
        text.push_str(&format!("\n      INVALID: {why}"));
    }
    text
}

fn print_rows(rows: &[Row]) {
    let number = |value: f64| {
        if value.abs() >= 100.0 {
            format!("{value:.0}")
        } else if value.abs() >= 10.0 {
            format!("{value:.1}")
        } else {
            format!("{value:.3}")
        }
    };
    println!(
        "\n{:<5}{:<44} {:>9} {:>9} {:>9}  {:>8} {:>8}",
        "goal", "", "median", "min", "max", "bar", "moonshot"
    );
    for row in rows {
        let sign = if row.at_least { "≥" } else { "≤" };
        let bar = |bar: Option<f64>| bar.map_or_else(String::new, |bar| format!("{sign} {}", number(bar)));
        println!(
            "G{:<4}{:<44} {:>9} {:>9} {:>9}  {:>8} {:>8}  {}",
            row.goal,
            row.what,
            number(row.median),
            number(row.least),
            number(row.most),
            bar(row.bar),
            bar(row.moonshot),
            row.verdict
        );
    }
    println!();
}
