//! The command line: what can be typed (`args`), how it is answered (`print`, the only place that prints), what a
//! script learns from the exit code (`exit`), and how passphrases are asked for (`passphrase`). Nothing is done here;
//! `app` does it.

mod args;
mod exit;
mod passphrase;
mod print;

pub use self::{
    args::{
        AccountCommand, Behind, ChatArgs, Cli, Command, ConfigCommand, ConsoleArgs, DemoArgs, DeployArgs,
        DevnetArgs, Global, Json, Listing, LogFormat, OwnServiceCommand, ProviderCommand, RefundCommand,
        RequestCommand, Role, RunArgs, Served, ServiceChange, ServiceCommand, ServiceDetails, SettleArgs,
        WalletCommand, command, completions,
    },
    exit::{Exit, Failure},
    passphrase::{PassphraseError, ask, ask_new, from_file, secret_line},
    print::{Column, Output, Progress},
};
