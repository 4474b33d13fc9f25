//! Everything that can be typed: the program's own flags and the list of commands here, each command's words in `user`,
//! `provider` and `local`.

mod about;
mod local;
mod provider;
#[cfg(test)]
mod tests;
mod user;
mod value;

use std::convert::Infallible;
use std::ffi::{OsStr, OsString};
use std::io::{self, IsTerminal};
use std::path::PathBuf;

use clap::builder::Resettable;
use clap::error::ErrorKind;
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};

use self::value::{address, broker, count};
use crate::cli::{Exit, Output};
use crate::domain::{Address, OperationId};

pub use self::local::{DemoArgs, DeployArgs, DevnetArgs};
pub use self::provider::{
    Behind, ConsoleArgs, Exported, OwnServiceCommand, ProviderCommand, Served, ServiceChange, ServiceDetails,
    SettleArgs,
};
pub use self::user::{
    AccountCommand, ChatArgs, ExportFile, OperationFilters, RefundCommand, RequestCommand, RequestFilters,
    RequestOrder, ServiceCommand, VerifyArgs,
};
pub use self::value::word;

const EXIT_CODES: &str = "Exit codes: 0 done, 1 failed, 2 wrong command line, 3 bad input or setting, 4 short of funds, \
5 unreachable, 6 refused or reverted, 7 sent but the outcome is not known yet, 8 port or data directory in use, 130 interrupted.";

/// The heading of what every command takes, so that its own words come first.
const EVERYWHERE: &str = "Everywhere";

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

/// Whether stdout is a terminal whose person wants more than plain text.
fn takes_styles() -> bool {
    let says = |name: &str| std::env::var_os(name).unwrap_or_default();
    io::stdout().is_terminal() && says("NO_COLOR").is_empty() && says("TERM") != "dumb"
}

impl Cli {
    /// What was typed, and what the environment adds to it. Says in a sentence where it is wrong.
    ///
    /// # Errors
    /// The exit code where there is nothing to do: what was typed is wrong, or asks for help only.
    pub fn read() -> Result<Cli, Exit> {
        Cli::try_read_from(std::env::args_os()).map_err(|error| {
            // What was asked for goes to stdout, and is a result as any other.
            if !error.use_stderr() {
                let text = error.render();
                let text = if takes_styles() { text.ansi().to_string() } else { text.to_string() };
                Output.write(&text);
                return Exit::Ok;
            }
            // With stderr gone there is nobody to tell.
            let _ = error.print();
            Exit::WrongLine
        })
    }

    /// [`Cli::read`] of a line that somebody else has.
    pub fn try_read_from(
        line: impl IntoIterator<Item = impl Into<OsString> + Clone>,
    ) -> Result<Cli, clap::Error> {
        let mut command = command();
        for name in ["config", "log", "log_format"] {
            command = command.mut_arg(name, without_empty_variable);
        }
        #[cfg(feature = "otel")]
        {
            command = command.mut_arg("otlp", without_empty_variable);
        }
        let cli = Cli::from_arg_matches_mut(&mut command.try_get_matches_from_mut(asked_for_help(line))?)
            .map_err(|error| error.format(&mut command))?;
        if let Some(why) = cli.without_url() {
            return Err(command.error(ErrorKind::ArgumentConflict, why));
        }
        let refused = |key: &str| key.is_empty() || SECRETS.contains(&key);
        match cli.global.set.iter().find(|(key, _)| refused(key)) {
            None => Ok(cli),
            Some((key, _)) if key.is_empty() => {
                Err(command.error(ErrorKind::ValueValidation, "--set: write KEY=VALUE"))
            }
            // A secret on the command line can be read by every user of the machine.
            Some((key, _)) => Err(command.error(
                ErrorKind::ValueValidation,
                format!("--set {key}: {key} is a secret; put it into the settings file or the environment"),
            )),
        }
    }

    /// Whether it takes the whole terminal, so that nothing else may write to it.
    pub fn is_screen(&self) -> bool {
        matches!(self.command, Some(Command::Console(_)))
    }

    /// Whether it shows the user's screens, which keep the log themselves.
    pub fn is_user_screen(&self) -> bool {
        match &self.command {
            None => !self.run.headless,
            Some(Command::Demo(args)) => !args.headless,
            Some(_) => false,
        }
    }

    /// Whether it runs until it is told to stop.
    pub fn is_daemon(&self) -> bool {
        match &self.command {
            None => self.run.headless,
            Some(Command::Provider { command }) => command.is_none(),
            Some(Command::Demo(args)) => args.headless,
            Some(Command::Devnet(_)) => true,
            Some(_) => false,
        }
    }
}

/// Settings for every command.
#[derive(Clone, Debug, Default, Args)]
pub struct Global {
    /// Settings file instead of ./user/config.local.yaml (or ./provider/…) or the one in your home.
    #[arg(long, global = true, help_heading = EVERYWHERE, value_name = "FILE", env = "ZGSERVE_CONFIG")]
    pub config: Option<PathBuf>,
    /// Where database, keys and lock are.
    #[arg(long, global = true, help_heading = EVERYWHERE, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// Any setting: --set chain.rpcUrl=http://127.0.0.1:8545 (repeatable).
    #[arg(long, global = true, help_heading = EVERYWHERE, value_name = "KEY=VALUE", value_parser = assignment)]
    pub set: Vec<(String, String)>,
    /// A file whose first line is the passphrase of the key file.
    #[arg(long, global = true, help_heading = EVERYWHERE, value_name = "FILE")]
    pub passphrase_file: Option<PathBuf>,
    /// An open descriptor whose first line is that passphrase: --passphrase-fd 3 3<file.
    #[arg(
        long,
        global = true, help_heading = EVERYWHERE,
        value_name = "NUMBER",
        conflicts_with = "passphrase_file"
    )]
    pub passphrase_fd: Option<u32>,
    /// JSON-RPC address of the chain.
    #[arg(long, global = true, help_heading = EVERYWHERE, value_name = "URL")]
    pub rpc_url: Option<String>,
    /// Address of the Serving contract.
    #[arg(long, global = true, help_heading = EVERYWHERE, value_name = "ADDRESS", value_parser = address)]
    pub contract: Option<Address>,
    /// A file whose first line is the private key to sign with.
    #[arg(long, global = true, help_heading = EVERYWHERE, value_name = "FILE")]
    pub private_key_file: Option<PathBuf>,
    /// The API of a running broker, instead of the one on the data directory: http://127.0.0.1:1034.
    #[arg(long, global = true, help_heading = EVERYWHERE, value_name = "URL", value_parser = broker)]
    pub url: Option<url::Url>,
    /// What is logged to stderr: error, warn, info, debug, or a filter like zgserve_tui=debug.
    #[arg(long, global = true, help_heading = EVERYWHERE, value_name = "LEVEL", env = "ZGSERVE_LOG")]
    pub log: Option<String>,
    /// How it is logged.
    #[arg(
        long,
        global = true, help_heading = EVERYWHERE,
        value_name = "FORMAT",
        env = "ZGSERVE_LOG_FORMAT",
        value_enum,
        default_value = "text"
    )]
    pub log_format: LogFormat,
    /// Send traces of what a daemon does to a collector of OpenTelemetry (OTLP over HTTP, in JSON).
    #[cfg(feature = "otel")]
    #[arg(long, global = true, help_heading = EVERYWHERE, value_name = "URL", env = "OTEL_EXPORTER_OTLP_ENDPOINT")]
    pub otlp: Option<url::Url>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    #[default]
    Text,
    Json,
}

impl Global {
    /// A command to give next, as it is typed: to the same broker as this one.
    pub fn advice(&self, command: &str) -> String {
        match &self.url {
            None => format!("`zgserve-tui {command}`"),
            Some(url) => {
                let mut url = url.clone();
                let _ = url.set_username("");
                let _ = url.set_password(None);
                format!("`zgserve-tui {command} --url {}`", url.as_str().trim_end_matches('/'))
            }
        }
    }
}

/// How to run without a command.
#[derive(Clone, Debug, Default, Args)]
pub struct RunArgs {
    /// Run the user broker as a daemon: its HTTP API on 127.0.0.1:1034.
    #[arg(long, conflicts_with_all = ["serve", "read_only"])]
    pub headless: bool,
    /// With --headless: serve with the delegate keys alone, without wallet and passphrase. Deposits are spent as the caps
    /// allow; nothing can be sent to the chain.
    #[arg(long, requires = "headless")]
    pub delegates_only: bool,
    /// Open the HTTP API on 127.0.0.1:1034 while the screens are open.
    #[arg(long)]
    pub serve: bool,
    /// Lines of text and typed answers instead of screens, for screen readers.
    #[arg(long, conflicts_with = "headless")]
    pub plain: bool,
    /// Look only: nothing is sent to the chain, and nothing is paid.
    #[arg(long)]
    pub read_only: bool,
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
    Wallet(WalletArgs),
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
    /// Every action of the screens and of the console: its name in the settings, its keys, where it works, what it does.
    Keys {
        /// Whose settings say which keys are others than delivered.
        #[arg(value_enum, default_value = "user")]
        role: Role,
        #[command(flatten)]
        json: Json,
    },
    /// Completions for your shell, to stdout.
    Completions {
        /// Which shell.
        shell: clap_complete::Shell,
    },
    /// Manual pages, one a command, into a directory.
    Man {
        /// A directory; it is made if it is not there.
        directory: PathBuf,
    },
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
    /// A data directory as one file: database and keys, as they are at this moment, also while a broker runs on it.
    Backup {
        /// A new file, which only you can read.
        file: PathBuf,
        #[arg(value_enum, default_value = "user")]
        role: Role,
    },
    /// Turn a backup into a data directory again, in a new place.
    Restore {
        /// What `backup` wrote.
        file: PathBuf,
        /// A directory that does not exist yet, or is empty.
        directory: PathBuf,
    },
    /// Look at a bundle of receipts: whether it is signed, and counts and fees come out again. Needs no network.
    Verify(VerifyArgs),
    /// Ask a broker whether it is alive, for container health checks: exit code 0 or 1 and one sentence.
    Health {
        /// Where its API or proxy is, as in http://127.0.0.1:1034.
        #[arg(value_name = "URL", value_parser = broker)]
        at: url::Url,
        /// Ask whether it is ready for paid requests instead.
        #[arg(long)]
        ready: bool,
    },
    /// On-chain actions, newest first; with an ID, how one stands.
    Operation {
        /// As it was printed when the action was sent; without it, all are listed.
        id: Option<OperationId>,
        /// Whose: the user broker's, or the provider broker's.
        #[arg(long, value_enum, default_value = "user")]
        role: Role,
        #[command(flatten)]
        filters: OperationFilters,
        #[command(flatten)]
        listing: Listing,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Role {
    User,
    Provider,
}

#[derive(Debug, Args)]
pub struct WalletArgs {
    /// Whose settings say where the key files are, and where a passphrase comes from.
    #[arg(long, global = true, value_enum, default_value = "user")]
    pub role: Role,
    #[command(subcommand)]
    pub command: WalletCommand,
}

#[derive(Debug, Subcommand)]
pub enum WalletCommand {
    /// Make a new key, locked with a passphrase.
    New,
    /// Take a key in: hexadecimal digits typed or piped in, or a version 3 key file of another program.
    Import {
        /// The key file of another program.
        #[arg(long, value_name = "FILE")]
        file: Option<PathBuf>,
        /// A file whose first line is the passphrase that the key file has now; --passphrase-file is the new one.
        #[arg(long, value_name = "FILE", requires = "file")]
        old_passphrase_file: Option<PathBuf>,
    },
    /// List the keys.
    List(Json),
    /// Print a key in the clear. Whoever sees it owns the money.
    Export {
        #[arg(value_parser = address)]
        address: Address,
    },
    /// The keyring of your session: let it keep the passphrase of a key file, never the key.
    #[command(subcommand)]
    Keyring(KeyringCommand),
}

#[derive(Debug, Subcommand)]
pub enum KeyringCommand {
    /// Keep the passphrase of a key file, once it was seen to open it.
    Add {
        #[arg(value_parser = address)]
        address: Address,
    },
    /// Take it out again.
    Remove {
        #[arg(value_parser = address)]
        address: Address,
    },
    /// Whether there is a keyring, and of which key files it has the passphrase.
    Status(Json),
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
    /// JSON, for programs.
    #[arg(long)]
    pub json: bool,
}

#[derive(Clone, Debug, Default, Args)]
pub struct Listing {
    /// JSON, for programs.
    #[arg(long)]
    pub json: bool,
    /// So many at most, 1 to 1000; 100 unless given.
    #[arg(long, value_name = "N", value_parser = count)]
    pub limit: Option<u64>,
    /// Where the last page ended: its Metadata.Next.
    #[arg(long)]
    pub cursor: Option<String>,
}

/// Settings that are secrets, and may not be typed.
const SECRETS: [&str; 2] = ["privateKeys", "token"];

/// `KEY=VALUE`. A secret is taken without its value, and what has no key or no value as nothing; both are refused after
/// parsing, as a refusal here would repeat what was typed.
fn assignment(text: &str) -> Result<(String, String), Infallible> {
    let is_of = |key: &&&str| {
        let text = text.trim_start();
        let parts = text.get(..key.len()).zip(text.get(key.len()..));
        parts.is_some_and(|(typed, rest)| {
            typed.eq_ignore_ascii_case(key) && !rest.starts_with(char::is_alphanumeric)
        })
    };
    if let Some(key) = SECRETS.iter().find(is_of) {
        return Ok(((*key).to_owned(), String::new()));
    }
    let (key, value) = text.split_once('=').unwrap_or_default();
    Ok((key.to_owned(), value.to_owned()))
}

/// `help account` is `account --help`.
fn asked_for_help(line: impl IntoIterator<Item = impl Into<OsString>>) -> Vec<OsString> {
    let mut line: Vec<OsString> = line.into_iter().map(Into::into).collect();
    if line.get(1).is_some_and(|word| word == "help") {
        line.remove(1);
        line.push("--help".into());
    }
    line
}

/// `NAME=` is how many files of variables leave one out; clap would take it for a value.
fn without_empty_variable(argument: clap::Arg) -> clap::Arg {
    let is_empty = |name: &OsStr| std::env::var_os(name).is_some_and(|value| value.is_empty());
    if argument.get_env().is_some_and(is_empty) { argument.env(Resettable::Reset) } else { argument }
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
