//! The embedded chain and contracts: what is typed to try things out.

use std::net::SocketAddr;

use clap::Args;

use super::Role;
use super::value::listener;

#[derive(Clone, Debug, Args)]
pub struct DemoArgs {
    /// Serve the APIs and leave the terminal alone; without it, the user's screens open over them.
    #[arg(long)]
    pub headless: bool,
    /// Lines of text and typed answers instead of screens, for screen readers.
    #[arg(long, conflicts_with = "headless")]
    pub plain: bool,
    /// An OpenAI-compatible server as the chatbot, instead of the built-in rule program.
    #[arg(long, value_name = "URL")]
    pub upstream: Option<String>,
    /// Where the user broker's API is; 0 takes any that is free.
    #[arg(long, value_name = "PORT", default_value_t = 1034)]
    pub user_port: u16,
    /// Where the provider broker's API is.
    #[arg(long, value_name = "PORT", default_value_t = 3080)]
    pub provider_port: u16,
    /// Where the chain is.
    #[arg(long, value_name = "PORT", default_value_t = 8545)]
    pub chain_port: u16,
    /// Three more users act by themselves, one of whom leaves again and again: something to see in `console`.
    #[arg(long)]
    pub traffic: bool,
    /// Seconds that a refund is locked.
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    pub lock_time: u64,
}

#[derive(Clone, Debug, Args)]
pub struct DevnetArgs {
    /// Where it listens.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8545", value_parser = listener)]
    pub listen: SocketAddr,
    /// Seconds that a refund is locked.
    #[arg(long, value_name = "SECONDS", default_value_t = 86_400)]
    pub lock_time: u64,
}

#[derive(Clone, Debug, Args)]
pub struct DeployArgs {
    /// Seconds that a refund is locked (86400 is a day); fixed for ever; a provider has half of it to settle in.
    #[arg(long, value_name = "SECONDS", default_value_t = 86_400)]
    pub lock_time: u64,
    /// Whose settings name the chain and the key.
    #[arg(long, value_enum, default_value = "provider")]
    pub role: Role,
}
