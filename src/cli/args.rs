//! Everything that can be typed.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};

use crate::domain::{
    Address, Neuron, OperationId, ProviderRequestState, RequestId, ServiceKind, ServiceName,
    address::parse_address,
};

const EXIT_CODES: &str = "Exit codes: 0 done, 1 failed, 2 wrong command line, 3 bad input or setting, 4 short of funds, \
5 unreachable, 6 refused or reverted, 7 sent but the outcome is not known yet, 8 port or data directory in use, 130 interrupted.";

/// Use, sell and pay for AI and storage services on the 0G Serving network.
#[derive(Debug, Parser)]
#[command(name = "zgserve-tui", version, after_help = EXIT_CODES, disable_help_subcommand = true)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(flatten)]
    pub run: RunArgs,
    #[command(subcommand)]
    pub command: Option<Command>,
}

impl Cli {
    /// Whether it takes the whole terminal, so that nothing else may write to it.
    pub fn is_screen(&self) -> bool {
        matches!(self.command, Some(Command::Console(_)))
    }

    /// Whether it runs until it is told to stop.
    pub fn is_daemon(&self) -> bool {
        match &self.command {
            None => self.run.headless,
            Some(Command::Provider { command }) => command.is_none(),
            Some(Command::Demo(_) | Command::Devnet(_)) => true,
            Some(_) => false,
        }
    }
}

/// Settings for every command.
#[derive(Clone, Debug, Default, Args)]
pub struct Global {
    /// Settings file instead of ./user/config.local.yaml (or ./provider/…) or the one in your home.
    #[arg(long, global = true, value_name = "FILE", env = "ZGSERVE_CONFIG")]
    pub config: Option<PathBuf>,
    /// Where database, keys and lock are.
    #[arg(long, global = true, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// Any setting: --set chain.rpcUrl=http://127.0.0.1:8545 (repeatable).
    #[arg(long, global = true, value_name = "KEY=VALUE", value_parser = assignment)]
    pub set: Vec<(String, String)>,
    /// A file whose first line is the passphrase of the key file.
    #[arg(long, global = true, value_name = "FILE")]
    pub passphrase_file: Option<PathBuf>,
    /// JSON-RPC address of the chain.
    #[arg(long, global = true, value_name = "URL")]
    pub rpc_url: Option<String>,
    /// Address of the Serving contract.
    #[arg(long, global = true, value_name = "ADDRESS", value_parser = address)]
    pub contract: Option<Address>,
    /// A file whose first line is the private key to sign with.
    #[arg(long, global = true, value_name = "FILE")]
    pub private_key_file: Option<PathBuf>,
    /// The API of a running broker, instead of the one on the data directory.
    #[arg(long, global = true, value_name = "URL")]
    pub url: Option<url::Url>,
    /// What is logged to stderr: error, warn, info, debug, or a filter like zgserve_tui=debug.
    #[arg(long, global = true, value_name = "LEVEL", env = "ZGSERVE_LOG")]
    pub log: Option<String>,
    /// How it is logged.
    #[arg(
        long,
        global = true,
        value_name = "FORMAT",
        env = "ZGSERVE_LOG_FORMAT",
        value_enum,
        default_value = "text"
    )]
    pub log_format: LogFormat,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    #[default]
    Text,
    Json,
}

/// How to run without a command.
#[derive(Clone, Debug, Default, Args)]
pub struct RunArgs {
    /// Run the user broker as a daemon: its HTTP API on 127.0.0.1:1034.
    #[arg(long)]
    pub headless: bool,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the provider broker, or manage its services.
    Provider {
        #[command(subcommand)]
        command: Option<ProviderCommand>,
    },
    /// The provider's screens: who owes what, what is served, services, settlements.
    Console(ConsoleArgs),
    /// Everything in one process on an embedded chain, with test money: try it all out.
    Demo(DemoArgs),
    /// The embedded chain as a JSON-RPC server, contract deployed, for other tools.
    Devnet(DevnetArgs),
    /// Deploy the Serving contract to the chain of the settings and print its address.
    Deploy(DeployArgs),
    /// Encrypted key files.
    #[command(subcommand)]
    Wallet(WalletCommand),
    /// Services that the chain lists.
    #[command(subcommand)]
    Service(ServiceCommand),
    /// Your accounts with providers.
    #[command(subcommand)]
    Account(AccountCommand),
    /// Take deposit back.
    #[command(subcommand)]
    Refund(RefundCommand),
    /// What you asked for and what it cost.
    #[command(subcommand)]
    Request(RequestCommand),
    /// Provider: turn what users owe into money now.
    Settle(SettleArgs),
    /// Talk to a chatbot service.
    Chat(ChatArgs),
    /// Settings: show them, or check them.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Completions for your shell, to stdout.
    Completions { shell: clap_complete::Shell },
    /// The OpenAPI document of a broker's API.
    Openapi {
        #[arg(value_enum, default_value = "user")]
        role: Role,
    },
    /// Look at settings, keys, chain and brokers, and say what is wrong.
    Doctor {
        #[arg(value_enum, default_value = "user")]
        role: Role,
    },
    /// How an on-chain action stands.
    Operation {
        id: OperationId,
        #[command(flatten)]
        listing: Json,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Role {
    User,
    Provider,
}

#[derive(Debug, Subcommand)]
pub enum ProviderCommand {
    /// Services that this provider offers.
    #[command(subcommand)]
    Service(OwnServiceCommand),
    /// Users and what they owe, those who owe most first.
    Users(Listing),
    /// Settlements so far and the next one.
    Settlements(Listing),
    /// Requests that were served, newest first.
    Requests(Served),
}

#[derive(Debug, Args)]
pub struct Served {
    #[command(flatten)]
    pub listing: Listing,
    /// Only of this user.
    #[arg(long, value_parser = address)]
    pub user: Option<Address>,
    /// Only of this service.
    #[arg(long)]
    pub service: Option<ServiceName>,
    /// Only those in this state: admitted, charged, failed or lost.
    #[arg(long)]
    pub status: Option<ProviderRequestState>,
}

#[derive(Debug, Subcommand)]
pub enum OwnServiceCommand {
    /// Register a service on the chain.
    Add(ServiceDetails),
    /// List services: whether they are on offer, how they do, where the chain differs.
    List(Listing),
    /// Show all about a service, with the address that is proxied.
    Show {
        name: ServiceName,
        #[command(flatten)]
        json: Json,
    },
    /// Change a service; what is not given stays.
    Update(ServiceChange),
    /// Take no new requests for a service; it stays on the chain.
    Pause { name: ServiceName },
    /// Take requests for a service again.
    Resume { name: ServiceName },
    /// Compare all services with the chain and repair what differs.
    Sync(Json),
    /// Take a service off the chain.
    Remove { name: ServiceName },
}

#[derive(Debug, Args)]
pub struct ServiceDetails {
    pub name: ServiceName,
    /// Where the service really is; users never see it.
    #[arg(long)]
    pub target: String,
    #[arg(long = "type", default_value = "chatbot")]
    pub kind: ServiceKind,
    #[arg(long)]
    pub model: Option<String>,
    /// Neuron a token or byte in (or "… A0GI").
    #[arg(long, value_parser = amount)]
    pub input_price: Neuron,
    /// Neuron a token or byte out.
    #[arg(long, value_parser = amount)]
    pub output_price: Neuron,
    /// How units are counted: o200k or usage for chatbots, bytes for storage.
    #[arg(long)]
    pub meter: Option<String>,
    #[command(flatten)]
    pub behind: Behind,
}

/// What stays between the broker and the service.
#[derive(Clone, Debug, Default, Args)]
pub struct Behind {
    /// A file whose first line is the service's API key; sent along as Authorization: Bearer … and shown to nobody.
    #[arg(long, value_name = "FILE")]
    pub api_key_file: Option<PathBuf>,
    /// A file of further headers to send along, one `Name: value` a line. These files replace all headers of before.
    #[arg(long, value_name = "FILE")]
    pub header_file: Option<PathBuf>,
    /// Requests of all users that it serves at the same time, or none for any number.
    #[arg(long, value_name = "N", value_parser = limit)]
    pub max_in_flight: Option<u32>,
    /// Requests of all users that it takes in a minute, or none for any number.
    #[arg(long, value_name = "N", value_parser = limit)]
    pub requests_per_minute: Option<u32>,
}

#[derive(Debug, Args)]
pub struct ServiceChange {
    pub name: ServiceName,
    #[arg(long)]
    pub target: Option<String>,
    #[arg(long)]
    pub model: Option<String>,
    #[arg(long, value_parser = amount)]
    pub input_price: Option<Neuron>,
    #[arg(long, value_parser = amount)]
    pub output_price: Option<Neuron>,
    #[arg(long)]
    pub meter: Option<String>,
    #[command(flatten)]
    pub behind: Behind,
    /// Send no headers of our own along any more.
    #[arg(long, conflicts_with_all = ["api_key_file", "header_file"])]
    pub no_headers: bool,
}

#[derive(Clone, Debug, Args)]
pub struct ConsoleArgs {
    /// A file whose first line is the token of the broker's API. Without it, the variable ZGSERVE_TOKEN or the settings.
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// Only look: every key that changes something is off.
    #[arg(long)]
    pub read_only: bool,
}

#[derive(Clone, Debug, Args)]
pub struct DemoArgs {
    /// Serve the APIs and leave the terminal alone.
    #[arg(long)]
    pub headless: bool,
    /// An OpenAI-compatible server as the chatbot, instead of the built-in rule program.
    #[arg(long, value_name = "URL")]
    pub upstream: Option<String>,
    #[arg(long, default_value_t = 1034)]
    pub user_port: u16,
    #[arg(long, default_value_t = 3080)]
    pub provider_port: u16,
    #[arg(long, default_value_t = 8545)]
    pub chain_port: u16,
    /// Three more users act by themselves, one of whom leaves again and again: something to see in `console`.
    #[arg(long)]
    pub traffic: bool,
    /// Seconds that a refund is locked.
    #[arg(long, default_value_t = 120)]
    pub lock_time: u64,
}

#[derive(Clone, Copy, Debug, Args)]
pub struct SettleArgs {
    /// Only say what would be done: who pays how much, for how much gas, and who is left out why.
    #[arg(long)]
    pub dry_run: bool,
    /// For programs: the API's answer.
    #[arg(long)]
    pub json: bool,
}

#[derive(Clone, Debug, Args)]
pub struct DevnetArgs {
    #[arg(long, default_value = "127.0.0.1:8545")]
    pub listen: SocketAddr,
    /// Seconds that a refund is locked.
    #[arg(long, default_value_t = 86_400)]
    pub lock_time: u64,
}

#[derive(Clone, Debug, Args)]
pub struct DeployArgs {
    /// Seconds that a refund is locked; fixed for ever.
    #[arg(long, default_value_t = 86_400)]
    pub lock_time: u64,
    /// Whose settings name the chain and the key.
    #[arg(long, value_enum, default_value = "provider")]
    pub role: Role,
}

#[derive(Debug, Subcommand)]
pub enum WalletCommand {
    /// Make a new key, locked with a passphrase.
    New,
    /// Take a key in: hexadecimal digits typed or piped in, or a version 3 key file of another program.
    Import {
        #[arg(long, value_name = "FILE")]
        file: Option<PathBuf>,
    },
    /// List the keys.
    List(Json),
    /// Print a key in the clear. Whoever sees it owns the money.
    Export {
        #[arg(value_parser = address)]
        address: Address,
    },
}

#[derive(Debug, Subcommand)]
pub enum ServiceCommand {
    List {
        #[command(flatten)]
        listing: Listing,
        #[arg(long, value_parser = address)]
        provider: Option<Address>,
        #[arg(long = "type")]
        kind: Option<ServiceKind>,
    },
    Show {
        #[arg(value_parser = address)]
        provider: Address,
        name: ServiceName,
        #[command(flatten)]
        json: Json,
    },
}

#[derive(Debug, Subcommand)]
pub enum AccountCommand {
    List(Listing),
    Show {
        #[arg(value_parser = address)]
        provider: Address,
        #[command(flatten)]
        json: Json,
    },
    /// Open an account with a first deposit, in neuron or "… A0GI".
    Create {
        #[arg(value_parser = address)]
        provider: Address,
        #[arg(value_parser = amount)]
        balance: Neuron,
    },
    /// Add to an account.
    Charge {
        #[arg(value_parser = address)]
        provider: Address,
        #[arg(value_parser = amount)]
        amount: Neuron,
    },
    /// Read accounts again from the chain: one, or all.
    Sync {
        #[arg(value_parser = address)]
        provider: Option<Address>,
    },
}

#[derive(Debug, Subcommand)]
pub enum RefundCommand {
    /// Ask for part of a deposit back; it is locked for a while.
    Request {
        #[arg(value_parser = address)]
        provider: Address,
        #[arg(value_parser = amount)]
        amount: Neuron,
        /// Change the amount of a refund that is pending already.
        #[arg(long)]
        replace: bool,
    },
    List {
        #[command(flatten)]
        listing: Listing,
        #[arg(long)]
        processed: Option<bool>,
    },
    /// Take a refund that is due.
    Process {
        #[arg(value_parser = address)]
        provider: Address,
    },
    /// Leave the deposit where it is.
    Cancel {
        #[arg(value_parser = address)]
        provider: Address,
    },
}

#[derive(Debug, Subcommand)]
pub enum RequestCommand {
    List {
        #[command(flatten)]
        listing: Listing,
        #[arg(long, value_parser = address)]
        provider: Option<Address>,
    },
    Show {
        id: RequestId,
        #[command(flatten)]
        json: Json,
    },
}

#[derive(Debug, Args)]
pub struct ChatArgs {
    /// Which service: provider/service, or a service's name or model. May be left out when there is one.
    #[arg(long)]
    pub model: Option<String>,
    /// Ask this and stop; without it, a conversation line by line.
    #[arg(short, long, value_name = "TEXT")]
    pub message: Option<String>,
    /// A system message before everything else.
    #[arg(long, value_name = "TEXT")]
    pub system: Option<String>,
    /// The most tokens of an answer.
    #[arg(long)]
    pub max_tokens: Option<u64>,
}

#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// The settings as they are, with where each one that is not at its default comes from. Secrets are hidden.
    Show {
        #[arg(value_enum, default_value = "user")]
        role: Role,
        #[command(flatten)]
        json: Json,
    },
    /// Whether the settings can work.
    Check {
        #[arg(value_enum, default_value = "user")]
        role: Role,
    },
    /// The example file: every key at its default, with a comment.
    Example {
        #[arg(value_enum, default_value = "user")]
        role: Role,
    },
}

#[derive(Clone, Copy, Debug, Default, Args)]
pub struct Json {
    /// For programs: the API's answer.
    #[arg(long)]
    pub json: bool,
}

#[derive(Clone, Debug, Default, Args)]
pub struct Listing {
    /// For programs: the API's answer.
    #[arg(long)]
    pub json: bool,
    #[arg(long)]
    pub limit: Option<u64>,
    /// Where the last page ended: its Metadata.Next.
    #[arg(long)]
    pub cursor: Option<String>,
}

fn address(text: &str) -> Result<Address, String> {
    parse_address(text).map_err(|error| error.to_string())
}

fn amount(text: &str) -> Result<Neuron, String> {
    Neuron::parse_with_unit(text).map_err(|error| error.to_string())
}

/// A number from 1, or 0 for no limit.
fn limit(text: &str) -> Result<u32, String> {
    if text == "none" {
        return Ok(0);
    }
    text.parse().map_err(|_| "it is a whole number, or none".to_owned())
}

fn assignment(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        // A secret on the command line can be read by every user of the machine.
        Some((key @ ("privateKeys" | "token"), _)) => {
            Err(format!("{key} is a secret: put it into the settings file or the environment"))
        }
        Some((key, value)) => Ok((key.to_owned(), value.to_owned())),
        None => Err("write KEY=VALUE".to_owned()),
    }
}

/// A shell's completions.
pub fn completions(shell: clap_complete::Shell) -> String {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut command(), "zgserve-tui", &mut text);
    String::from_utf8_lossy(&text).into_owned()
}

/// The command line as clap knows it.
pub fn command() -> clap::Command {
    Cli::command()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;

    const PROVIDER: &str = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266";

    #[test]
    fn the_definition_holds_together() {
        command().debug_assert();
    }

    #[test]
    fn every_command_of_the_design_is_understood() {
        let lines = [
            "",
            "--headless",
            "--headless --config x.yaml --data-dir d --set listen=127.0.0.1:9",
            "provider",
            "provider --set servingUrl=https://x.example",
            "provider service add llama7b --target http://127.0.0.1:1 --input-price 100000 --output-price 200000",
            "provider service list --json",
            "provider service update llama7b --input-price 5",
            "provider service update llama7b --max-in-flight 4 --requests-per-minute none --no-headers",
            "provider service update llama7b --api-key-file k --header-file h",
            "provider service pause llama7b",
            "provider service resume llama7b",
            "provider service show llama7b",
            "provider service sync --json",
            "provider service remove llama7b",
            "provider users --json",
            "provider requests --user PROVIDER --service llama7b --status lost --limit 3 --json",
            "demo",
            "demo --headless --upstream http://127.0.0.1:8000/v1 --data-dir d --user-port 0",
            "console",
            "console --url http://127.0.0.1:3080 --token-file t --read-only",
            "devnet --listen 127.0.0.1:0",
            "deploy --lock-time 60",
            "deploy --rpc-url http://127.0.0.1:8545 --private-key-file k --lock-time 86400",
            "chat --url http://127.0.0.1:1034",
            "wallet new",
            "wallet import",
            "wallet import --file key.json",
            "wallet list --json",
            "wallet export PROVIDER",
            "service list --json --limit 5",
            "service show PROVIDER llama7b --json",
            "account list",
            "account show PROVIDER",
            "account create PROVIDER 10000000",
            "account charge PROVIDER 0.5A0GI",
            "account sync",
            "account sync PROVIDER",
            "refund request PROVIDER 5",
            "refund list --processed true --json",
            "refund process PROVIDER",
            "refund cancel PROVIDER",
            "request list --json",
            "settle",
            "settle --dry-run",
            "settle --dry-run --json",
            "demo --headless --traffic",
            "chat",
            "chat -m hello --model eliza",
            "config show",
            "config show provider --json",
            "config check",
            "completions bash",
            "openapi",
            "doctor provider",
        ];
        for line in lines {
            let line = line.replace("PROVIDER", PROVIDER);
            let words = std::iter::once("zgserve-tui").chain(line.split_whitespace());
            assert!(Cli::try_parse_from(words).is_ok(), "{line}");
        }
    }

    #[test]
    fn wrong_values_and_secrets_are_refused() {
        let lines = [
            "account create 0x12 5".to_owned(),
            format!("account create {PROVIDER} -5"),
            format!("account create {PROVIDER} 1.5"),
            "provider service add a/b --target u --input-price 1 --output-price 1".to_owned(),
            "provider service update a --max-in-flight few".to_owned(),
            "provider service update a --api-key-file k --no-headers".to_owned(),
            "provider requests --status odd".to_owned(),
            "--set privateKeys=0x00".to_owned(),
            "--set token=x".to_owned(),
            "--set nothing".to_owned(),
            "nonsense".to_owned(),
        ];
        for line in lines {
            let words = std::iter::once("zgserve-tui").chain(line.split_whitespace());
            assert!(Cli::try_parse_from(words).is_err(), "{line}");
        }
    }
}
