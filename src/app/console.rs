//! `console`: the provider's screens over a running broker, here or elsewhere.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use anyhow::{Context, Result};

use super::api::Api;
use super::settings;
use crate::cli::{ConsoleArgs, Exit, Failure, Global};
use crate::config::ProviderConfig;
use crate::keys::Secret;
use crate::tasks::Tasks;
use crate::tui::console::{self, Start};
use crate::tui::{Ended, TuiError};

/// Where the token is if no file is named.
const VARIABLE: &str = "ZGSERVE_TOKEN";
/// No token is longer.
const LONGEST: u64 = 4096;

pub async fn run(args: &ConsoleArgs, global: &Global) -> Result<Exit> {
    let token = match &args.token_file {
        Some(file) => Some(token_of(file)?),
        None => std::env::var(VARIABLE).ok().filter(|token| !token.is_empty()).map(Secret::new),
    };
    let config: ProviderConfig = settings::settings(global)?;
    let (client, found) = Api::standing(global, token)?;
    let start = Start {
        url: client.base(),
        found: found.to_owned(),
        token: client.has_token(),
        read_only: args.read_only,
        version: env!("CARGO_PKG_VERSION"),
        settings: config.shell.terminal,
    };
    match Box::pin(console::run(client, start, &Tasks::new())).await {
        Ok(Ended::Quit) => Ok(Exit::Ok),
        Ok(Ended::Signal) => Ok(Exit::Interrupted),
        Err(error @ (TuiError::NoTerminal | TuiError::Dumb)) => {
            let hint = "without one, `provider users`, `provider settlements` and `settle` do the same, with --json for programs";
            Err(Failure::new(Exit::BadInput, format!("{error}; {hint}")).into())
        }
        Err(error) => Err(error.into()),
    }
}

/// The first line of a file.
fn token_of(file: &Path) -> Result<Secret<String>> {
    let open = std::fs::File::open(file).with_context(|| format!("cannot open {}", file.display()))?;
    let mut line = String::new();
    BufReader::new(open.take(LONGEST))
        .read_line(&mut line)
        .with_context(|| format!("cannot read {}", file.display()))?;
    let token = line.trim();
    if token.is_empty() {
        return Err(Failure::new(Exit::BadInput, format!("{} holds no token", file.display())).into());
    }
    Ok(Secret::new(token.to_owned()))
}
