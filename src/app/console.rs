//! `console`: the provider's screens over a running broker, here or elsewhere.

use anyhow::Result;

use super::api::Api;
use super::{settings, token};
use crate::cli::{ConsoleArgs, Exit, Failure, Global};
use crate::config::ProviderConfig;
use crate::tasks::Tasks;
use crate::tui::console::{self, Start};
use crate::tui::{Ended, TuiError};

pub async fn run(args: &ConsoleArgs, global: &Global) -> Result<Exit> {
    let token = match &args.token_file {
        Some(file) => Some(token::of_file(file)?),
        None => token::of_environment()?,
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
