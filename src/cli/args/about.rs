//! What is known of a command before it is done: whether it does something that must not be done twice, and whether
//! `--url` has a part in it.

use super::{
    AccountCommand, Cli, Command, OwnServiceCommand, ProviderCommand, RefundCommand, RequestCommand, Role,
    WalletCommand,
};

impl Cli {
    /// The command that shows what was done, of those that do more than read: whoever is told that its result got lost
    /// looks there, and does not do it again.
    pub fn shown_by(&self) -> Option<String> {
        let shown = match self.command.as_ref()? {
            Command::Provider { command: Some(ProviderCommand::Service(command)) } => match command {
                OwnServiceCommand::List(_) | OwnServiceCommand::Show { .. } => return None,
                OwnServiceCommand::Add(_)
                | OwnServiceCommand::Update(_)
                | OwnServiceCommand::Pause { .. }
                | OwnServiceCommand::Resume { .. }
                | OwnServiceCommand::Sync(_)
                | OwnServiceCommand::Remove { .. } => "provider service list",
            },
            Command::Wallet(args) => match (&args.command, args.role) {
                (WalletCommand::New | WalletCommand::Import { .. }, Role::User) => "wallet list",
                (WalletCommand::New | WalletCommand::Import { .. }, Role::Provider) => {
                    "wallet --role provider list"
                }
                _ => return None,
            },
            Command::Account(AccountCommand::Create { .. } | AccountCommand::Charge { .. }) => "account list",
            Command::Refund(command) => match command {
                RefundCommand::List { .. } => return None,
                RefundCommand::Request { .. }
                | RefundCommand::Process { .. }
                | RefundCommand::Cancel { .. } => "refund list",
            },
            Command::Request(RequestCommand::Accept { .. }) | Command::Chat(_) => "request list",
            Command::Settle(args) if !args.dry_run => "provider settlements",
            _ => return None,
        };
        Some(self.global.advice(shown))
    }

    /// Whether it deploys: no list shows what came of that.
    pub fn deploys(&self) -> bool {
        matches!(self.command, Some(Command::Deploy(_)))
    }

    /// Why `--url` has no part in what was typed, if it has none.
    pub(super) fn without_url(&self) -> Option<String> {
        let here = "it works on the data directory of this machine (--data-dir)";
        let starts = "it starts a broker on this machine";
        let (name, why) = match &self.command {
            None if self.run.headless => ("--headless", starts),
            // The screens show the console of the provider broker that is named.
            None => return None,
            Some(command) => match command {
                Command::Provider { command: None } => ("provider", starts),
                Command::Provider { command: Some(_) }
                | Command::Console(_)
                | Command::Service(_)
                | Command::Account(_)
                | Command::Refund(_)
                | Command::Request(_)
                | Command::Settle(_)
                | Command::Chat(_)
                | Command::Operation { .. } => return None,
                Command::Demo(_) => ("demo", "it starts everything on this machine"),
                Command::Devnet(_) => ("devnet", "it starts a chain on this machine"),
                Command::Deploy(_) => (
                    "deploy",
                    "it works with the key on this machine and the chain of the settings (--rpc-url)",
                ),
                Command::Wallet(_) => ("wallet", here),
                Command::Doctor { .. } => ("doctor", here),
                Command::Backup { .. } => ("backup", here),
                Command::Config(_) => ("config", "it reads the settings of this machine (--config)"),
                Command::Keys { .. } => ("keys", "it reads the settings of this machine (--config)"),
                Command::Health { .. } => ("health", "the address stands behind its name"),
                Command::Restore { .. } => ("restore", "it asks no broker"),
                Command::Verify(_) => ("verify", "it asks no broker"),
                Command::Completions { .. } => ("completions", "it asks no broker"),
                Command::Man { .. } => ("man", "it asks no broker"),
                Command::Openapi { .. } => ("openapi", "it asks no broker"),
            },
        };
        self.global.url.as_ref().map(|_| format!("--url has no part in `{name}`: {why}"))
    }
}
