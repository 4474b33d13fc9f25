//! From a parsed command line to an exit code.

use anyhow::Result;

use super::{act, ask, chat, console, demo, deploy, devnet, doctor, keys, offered, serve, settings, settle};
use crate::cli::{Cli, Command, ConfigCommand, Exit, Global, Output, ProviderCommand, Role};
use crate::config::{ProviderConfig, UserConfig, example};
use crate::{cli, http};

/// Does what was typed.
pub async fn run(cli: Cli) -> Result<Exit> {
    let Cli { global, run, command } = cli;
    match command {
        None if run.headless => serve::user(&global).await,
        None => Ok(introduce()),
        Some(command) => Box::pin(perform(command, &global)).await,
    }
}

async fn perform(command: Command, global: &Global) -> Result<Exit> {
    match command {
        Command::Provider { command: None } => serve::provider(global).await,
        Command::Provider { command: Some(command) } => provider(command, global).await,
        Command::Console(args) => console::run(&args, global).await,
        Command::Demo(args) => demo::run(&args, global).await,
        Command::Devnet(args) => devnet::run(&args, global).await,
        Command::Deploy(args) => deploy::run(&args, global).await,
        Command::Wallet(command) => keys::run(command, global).await,
        Command::Service(command) => ask::services(command, global).await,
        Command::Account(command) => act::accounts(command, global).await,
        Command::Refund(command) => act::refunds(command, global).await,
        Command::Request(command) => ask::requests(command, global).await,
        Command::Operation { id, listing } => ask::operation(id, listing, global).await,
        Command::Settle(args) => settle::settle(&args, global).await,
        Command::Chat(args) => chat::run(args, global).await,
        Command::Config(command) => config(command, global),
        Command::Completions { shell } => {
            Output.write(&cli::completions(shell));
            Ok(Exit::Ok)
        }
        Command::Openapi { role } => {
            let document = match role {
                Role::User => http::user::openapi(),
                Role::Provider => http::provider::openapi(),
            };
            Output.json(&document);
            Ok(Exit::Ok)
        }
        Command::Doctor { role } => doctor::run(role, global).await,
    }
}

async fn provider(command: ProviderCommand, global: &Global) -> Result<Exit> {
    match command {
        ProviderCommand::Service(command) => offered::run(command, global).await,
        ProviderCommand::Users(listing) => ask::users(listing, global).await,
        ProviderCommand::Settlements(listing) => ask::settlements(listing, global).await,
        ProviderCommand::Requests(listing) => ask::served(listing, global).await,
    }
}

fn config(command: ConfigCommand, global: &Global) -> Result<Exit> {
    match command {
        ConfigCommand::Show { role: Role::User, json } => settings::show::<UserConfig>(global, json),
        ConfigCommand::Show { role: Role::Provider, json } => settings::show::<ProviderConfig>(global, json),
        ConfigCommand::Check { role: Role::User } => settings::check::<UserConfig>(global),
        ConfigCommand::Check { role: Role::Provider } => settings::check::<ProviderConfig>(global),
        ConfigCommand::Example { role } => {
            let text = match role {
                Role::User => example::<UserConfig>(),
                Role::Provider => example::<ProviderConfig>(),
            };
            Output.write(&text);
            Ok(Exit::Ok)
        }
    }
}

/// What stands in for the terminal application until it is there.
fn introduce() -> Exit {
    Output.line(
        "zgserve-tui: use, sell and pay for AI and storage services on the 0G Serving network.\n\n\
         The terminal application comes in a later version. Until then:\n\
         \x20 zgserve-tui demo         everything in one process, with test money; prints what to try\n\
         \x20 zgserve-tui --headless   the user broker: HTTP API on 127.0.0.1:1034\n\
         \x20 zgserve-tui provider     the provider broker: HTTP API on 127.0.0.1:3080\n\
         \x20 zgserve-tui chat         talk to a chatbot service\n\
         \x20 zgserve-tui --help       everything else",
    );
    Exit::Ok
}
