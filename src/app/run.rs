//! From a parsed command line to an exit code.

use anyhow::Result;

use super::{
    act, ask, backup, bindings, bundle, chat, console, demo, deploy, devnet, doctor, health, keys, manual,
    offered, restore, screens, serve, settings, settle,
};
use crate::cli::{Cli, Command, ConfigCommand, Exit, Global, Output, ProviderCommand, Role};
use crate::config::{ProviderConfig, UserConfig, example};
use crate::telemetry::ScreenLog;
use crate::{cli, http};

/// Does what was typed. `log` is where the process's lines go while the user's screens are open.
pub async fn run(cli: Cli, log: ScreenLog) -> Result<Exit> {
    let Cli { global, run, command } = cli;
    match command {
        None if run.headless => serve::user(&global, run.delegates_only).await,
        None => Box::pin(screens::run(&run, &global, &log)).await,
        Some(command) => Box::pin(perform(command, &global, &log)).await,
    }
}

async fn perform(command: Command, global: &Global, log: &ScreenLog) -> Result<Exit> {
    match command {
        Command::Provider { command: None } => serve::provider(global).await,
        Command::Provider { command: Some(command) } => provider(command, global).await,
        Command::Console(args) => console::run(&args, global).await,
        Command::Demo(args) => demo::run(&args, global, log).await,
        Command::Devnet(args) => devnet::run(&args, global).await,
        Command::Deploy(args) => deploy::run(&args, global).await,
        Command::Wallet(args) => match args.role {
            Role::User => keys::run::<UserConfig>(args.command, global).await,
            Role::Provider => keys::run::<ProviderConfig>(args.command, global).await,
        },
        Command::Service(command) => ask::services(command, global).await,
        Command::Account(command) => act::accounts(command, global).await,
        Command::Refund(command) => act::refunds(command, global).await,
        Command::Request(command) => ask::requests(command, global).await,
        Command::Operation { id, role, filters, listing } => {
            ask::operation(id, role, filters, listing, global).await
        }
        Command::Settle(args) => settle::settle(&args, global).await,
        Command::Chat(args) => chat::run(args, global).await,
        Command::Config(command) => config(command, global),
        Command::Keys { role, json } => bindings::run(role, json, global),
        Command::Completions { shell } => {
            Output.write(&cli::completions(shell));
            Ok(Exit::Ok)
        }
        Command::Man { directory } => manual::run(&directory),
        Command::Openapi { role } => {
            let document = match role {
                Role::User => http::user::openapi(),
                Role::Provider => http::provider::openapi(),
            };
            Output.json(&document);
            Ok(Exit::Ok)
        }
        Command::Backup { file, role } => backup::run(file, role, global).await,
        Command::Restore { file, directory } => restore::run(file, directory, global).await,
        Command::Verify(args) => bundle::look(&args),
        Command::Health { at, ready } => health::run(at, ready).await,
        Command::Doctor { role } => doctor::run(role, global).await,
    }
}

async fn provider(command: ProviderCommand, global: &Global) -> Result<Exit> {
    match command {
        ProviderCommand::Service(command) => offered::run(command, global).await,
        ProviderCommand::Users(listing) => ask::users(listing, global).await,
        ProviderCommand::Settlements { listing, status } => ask::settlements(listing, status, global).await,
        ProviderCommand::Requests(listing) => ask::served(listing, global).await,
        ProviderCommand::Export(exported) => ask::exported(exported, global).await,
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
