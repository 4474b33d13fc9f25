//! Logs: to stderr, in lines for people or JSON for machines. Prompts, answers and keys are never logged.

use std::io::{self, IsTerminal};

use tracing_subscriber::EnvFilter;

/// What is logged unless asked otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Usual {
    /// A daemon tells what it does.
    Notes,
    /// A command for one thing only tells what is wrong.
    Warnings,
}

/// How lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Text,
    Json,
}

/// A log filter that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("--log: {0:?} is not a log level or filter; write error, warn, info, debug, or zgserve_tui=debug")]
pub struct FilterError(String);

/// Starts logging, unless lines would be drawn over a screen: a program that has the terminal to itself logs only
/// where stderr goes elsewhere (`2>console.log`). Call once, first thing.
///
/// `filter` is a level, which then is ours (libraries stay at warnings), or a whole filter.
pub fn start(filter: Option<&str>, usual: Usual, format: Format, screen: bool) -> Result<(), FilterError> {
    let text = match filter {
        None if usual == Usual::Notes => "warn,zgserve_tui=info".to_owned(),
        None => "warn".to_owned(),
        Some(level) if level.chars().all(|c| c.is_ascii_alphabetic()) => format!("warn,zgserve_tui={level}"),
        Some(filter) => filter.to_owned(),
    };
    let filter = EnvFilter::try_new(&text).map_err(|_| FilterError(text))?;
    if screen && io::stderr().is_terminal() {
        return Ok(());
    }
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none())
        .with_target(false);
    // A second start (tests) changes nothing.
    let _ = match format {
        Format::Text => builder.try_init(),
        Format::Json => builder.json().try_init(),
    };
    Ok(())
}
