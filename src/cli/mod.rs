//! The command line: what can be typed (`args`; as manual pages, `manual`), how it is answered (`print`, the only place that prints; `table`), what a
//! script learns from the exit code (`exit`), and how passphrases are asked for (`passphrase`, `unseen`). Nothing is
//! done here; `app` does it.

mod args;
mod exit;
mod manual;
mod passphrase;
mod print;
mod table;
mod unseen;

pub use self::{
    args::{
        AccountCommand, Behind, ChatArgs, Cli, Command, ConfigCommand, ConsoleArgs, DemoArgs, DeployArgs,
        DevnetArgs, ExportFile, Exported, Global, Json, KeyringCommand, Listing, LogFormat, OperationFilters,
        OwnServiceCommand, ProviderCommand, RefundCommand, RequestCommand, RequestFilters, Role, RunArgs,
        Served, ServiceChange, ServiceCommand, ServiceDetails, SettleArgs, VerifyArgs, WalletArgs,
        WalletCommand, command, completions, word,
    },
    exit::{Exit, Failure},
    manual::{ManualPage, manual},
    passphrase::{Line, PassphraseError, ask, ask_new, from_descriptor, from_file, secret_line},
    print::{NotWritten, Output, Progress},
    table::{AMOUNTS, Column},
    unseen::signals_are_taken,
};
